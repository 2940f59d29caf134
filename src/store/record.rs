//! The form of a record on disk: a header that says what follows, and the value.
//!
//! | bytes | what |
//! |---|---|
//! | 0..4 | magic, `CUPL` |
//! | 4..6 | schema version, little-endian |
//! | 6 | element type: 0 = bytes, 1 = f32 little-endian |
//! | 7 | zero |
//! | 8..12 | number of elements, little-endian |
//! | 12..20 | checksum: the first 8 bytes of BLAKE3 over the key, bytes 0..12 and the value |
//! | 20.. | the value |
//!
//! The key is part of the checksum, so a record in the wrong place does not pass for the right one. A record that
//! fails any check counts as absent.

use super::Key;

/// The version of the record form and of the tables' layout.
pub(super) const SCHEMA: u16 = 1;

/// One change of a table: a new record under the key, or none.
pub(super) type Change = (Key, Option<Vec<u8>>);

/// Bytes. No record comes near: an embedding and a piece of a text have some thousand.
pub(super) const LONGEST_RECORD: u32 = 1 << 20;

const MAGIC: [u8; 4] = *b"CUPL";
const CHECKED: usize = 12;
const HEADER: usize = 20;
const BYTES: u8 = 0;
const F32: u8 = 1;

/// The record of `value`, `[dim]`, under `key`.
pub(super) fn encode_vector(key: &Key, value: &[f32]) -> Vec<u8> {
    let mut record = header(F32, value.len());
    record.extend(value.iter().flat_map(|x| x.to_le_bytes()));
    seal(key, record)
}

/// The vector in `record`, if it is a whole record of a vector under `key`.
pub(super) fn decode_vector(key: &Key, record: &[u8]) -> Option<Vec<f32>> {
    let value = check(key, record, F32)?;
    Some(value.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect())
}

/// The record of `value` under `key`.
pub(super) fn encode_bytes(key: &Key, value: &[u8]) -> Vec<u8> {
    let mut record = header(BYTES, value.len());
    record.extend_from_slice(value);
    seal(key, record)
}

/// The bytes in `record`, if it is a whole record of bytes under `key`.
pub(super) fn decode_bytes<'a>(key: &Key, record: &'a [u8]) -> Option<&'a [u8]> {
    check(key, record, BYTES)
}

/// Whether `record` is a whole record of any type under `key`.
pub(super) fn is_whole(key: &Key, record: &[u8]) -> bool {
    check(key, record, BYTES).or_else(|| check(key, record, F32)).is_some()
}

fn header(element: u8, count: usize) -> Vec<u8> {
    let mut record = Vec::with_capacity(HEADER + count * width(element));
    record.extend_from_slice(&MAGIC);
    record.extend_from_slice(&SCHEMA.to_le_bytes());
    record.extend_from_slice(&[element, 0]);
    record.extend_from_slice(&(count as u32).to_le_bytes());
    record.extend_from_slice(&[0; HEADER - CHECKED]);
    record
}

fn seal(key: &Key, mut record: Vec<u8>) -> Vec<u8> {
    let checksum = checksum(key, &record);
    record[CHECKED..HEADER].copy_from_slice(&checksum);
    record
}

/// The value's bytes, if the record is one of `element`s and every check holds.
fn check<'a>(key: &Key, record: &'a [u8], element: u8) -> Option<&'a [u8]> {
    let value = record.get(HEADER..)?;
    let expected = header(element, value.len() / width(element));
    let whole = value.len().is_multiple_of(width(element))
        && record[..CHECKED] == expected[..CHECKED]
        && record[CHECKED..HEADER] == checksum(key, record);
    whole.then_some(value)
}

fn width(element: u8) -> usize {
    if element == F32 { 4 } else { 1 }
}

fn checksum(key: &Key, record: &[u8]) -> [u8; HEADER - CHECKED] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(key.as_bytes()).update(&record[..CHECKED]).update(&record[HEADER..]);
    let mut first = [0; HEADER - CHECKED];
    first.copy_from_slice(&hasher.finalize().as_bytes()[..HEADER - CHECKED]);
    first
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key() -> Key {
        Key::from_parts(&[b"image", b"1"])
    }

    #[test]
    fn the_header_is_as_documented() {
        let record = encode_vector(&key(), &[1.0, -2.5]);
        assert_eq!(record[..12], *b"CUPL\x01\x00\x01\x00\x02\x00\x00\x00");
        assert_eq!(record[20..], [0, 0, 0x80, 0x3f, 0, 0, 0x20, 0xc0]);
        let mut hasher = blake3::Hasher::new();
        hasher.update(key().as_bytes()).update(&record[..12]).update(&record[20..]);
        assert_eq!(record[12..20], hasher.finalize().as_bytes()[..8]);
    }

    #[test]
    fn a_record_of_another_schema_counts_as_absent() {
        let mut record = encode_bytes(&key(), b"abc");
        record[4] = 2;
        let record = seal(&key(), record);
        assert_eq!(decode_bytes(&key(), &record), None);
    }

    #[test]
    fn a_record_under_another_key_counts_as_absent() {
        let record = encode_vector(&key(), &[1.0]);
        assert_eq!(decode_vector(&Key::from_parts(&[b"image", b"2"]), &record), None);
    }

    #[test]
    fn a_record_of_the_other_type_counts_as_absent() {
        assert_eq!(decode_bytes(&key(), &encode_vector(&key(), &[1.0])), None);
        assert_eq!(decode_vector(&key(), &encode_bytes(&key(), b"four")), None);
        assert!(is_whole(&key(), &encode_vector(&key(), &[1.0])));
        assert!(is_whole(&key(), &encode_bytes(&key(), b"four")));
    }

    proptest! {
        #[test]
        fn vectors_come_back_bit_for_bit(bits in prop::collection::vec(any::<u32>(), 0..80)) {
            let value: Vec<f32> = bits.iter().map(|&b| f32::from_bits(b)).collect();
            let back = decode_vector(&key(), &encode_vector(&key(), &value)).unwrap();
            prop_assert_eq!(back.iter().map(|x| x.to_bits()).collect::<Vec<_>>(), bits);
        }

        #[test]
        fn bytes_come_back(value in prop::collection::vec(any::<u8>(), 0..80)) {
            let record = encode_bytes(&key(), &value);
            prop_assert_eq!(decode_bytes(&key(), &record), Some(&value[..]));
        }

        #[test]
        fn every_changed_byte_is_noticed(value in prop::collection::vec(any::<f32>(), 0..12), flip in 1u8..) {
            let whole = encode_vector(&key(), &value);
            for at in 0..whole.len() {
                let mut record = whole.clone();
                record[at] ^= flip;
                prop_assert!(!is_whole(&key(), &record), "byte {}", at);
            }
        }

        #[test]
        fn every_cut_and_every_addition_is_noticed(value in prop::collection::vec(any::<f32>(), 0..12)) {
            let mut record = encode_vector(&key(), &value);
            for length in 0..record.len() {
                prop_assert!(!is_whole(&key(), &record[..length]), "cut to {}", length);
            }
            record.extend_from_slice(&[0; 4]);
            prop_assert!(!is_whole(&key(), &record));
        }
    }
}
