//! Texts of any length by name and version, in two tables: a header for each text, and its pieces.
//!
//! A text is cut into pieces because sled puts a value of more than about 128 KiB, and every group of 16 neighbours
//! that is larger than that, into a file of its own, and such files pile up.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::table::Table;
use super::{Key, StoreError, record};

/// Bytes in a piece: 16 of them stay well under sled's limit.
const PIECE: usize = 4096;

/// A text's name, version, time and size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) name: String,
    pub(super) version: String,
    /// Nanoseconds since 1970; no two headers of a table have the same.
    saved_at: u64,
    /// Bytes.
    pub(super) length: u64,
    /// BLAKE3 of the text, in hexadecimal.
    hash: String,
}

impl Header {
    pub(super) fn saved_at(&self) -> SystemTime {
        time_of(self.saved_at)
    }

    /// Nanoseconds since 1970.
    pub(super) fn saved_at_nanoseconds(&self) -> u64 {
        self.saved_at
    }

    fn key(&self) -> Key {
        header_key(&self.name, &self.version)
    }

    fn piece_keys(&self) -> Vec<Key> {
        let header = self.key();
        let count = self.length.div_ceil(PIECE as u64);
        let piece = |index: u64| {
            Key::from_parts(&[b"piece", header.as_bytes(), self.hash.as_bytes(), &index.to_le_bytes()])
        };
        (0..count).map(piece).collect()
    }
}

/// The texts of one kind.
pub(super) struct Documents<'a> {
    pub(super) headers: &'a Table,
    pub(super) pieces: &'a Table,
}

impl Documents<'_> {
    /// Keeps `text`, in place of an earlier one of the same name and version.
    ///
    /// The header is written after the pieces: an interrupted save leaves what was there before.
    pub(super) fn save(
        &self,
        name: &str,
        version: &str,
        saved_at: SystemTime,
        text: &str,
    ) -> Result<(), StoreError> {
        let key = header_key(name, version);
        let before = self.header(&key)?;
        let header = Header {
            name: name.to_owned(),
            version: version.to_owned(),
            saved_at: self.free_time(saved_at)?,
            length: text.len() as u64,
            hash: blake3::hash(text.as_bytes()).to_hex().to_string(),
        };
        let pieces = header.piece_keys().into_iter().zip(text.as_bytes().chunks(PIECE));
        self.pieces.apply(pieces.map(|(k, piece)| (k, Some(record::encode_bytes(&k, piece)))).collect())?;
        let json = serde_json::to_vec(&header).unwrap_or_default();
        self.headers.apply(vec![(key, Some(record::encode_bytes(&key, &json)))])?;
        match before {
            Some(before) if before.hash != header.hash => self.remove_pieces(&before),
            _ => Ok(()),
        }
    }

    /// Every header that can be read, oldest first.
    pub(super) fn list(&self) -> Result<Vec<Header>, StoreError> {
        let mut headers = Vec::new();
        self.headers.each(|key, record| {
            headers.extend(decode_header(&key, record));
            Ok::<(), StoreError>(())
        })?;
        headers.sort_by_key(|header| header.saved_at);
        Ok(headers)
    }

    /// The text and its header, unless it is absent or damaged.
    pub(super) fn read(&self, name: &str, version: &str) -> Result<Option<(Header, String)>, StoreError> {
        let Some(header) = self.header(&header_key(name, version))? else { return Ok(None) };
        let mut text = Vec::new();
        for key in header.piece_keys() {
            let piece = self.pieces.get(&key)?;
            text.extend_from_slice(
                piece.as_deref().and_then(|piece| record::decode_bytes(&key, piece)).unwrap_or_default(),
            );
        }
        let whole = blake3::hash(&text).to_hex().as_str() == header.hash;
        Ok(String::from_utf8(text).ok().filter(|_| whole).map(|text| (header, text)))
    }

    /// Whether there was such a text.
    pub(super) fn remove(&self, name: &str, version: &str) -> Result<bool, StoreError> {
        let Some(header) = self.header(&header_key(name, version))? else { return Ok(false) };
        self.headers.apply(vec![(header.key(), None)])?;
        self.remove_pieces(&header)?;
        Ok(true)
    }

    /// What is known of a text without reading it.
    pub(super) fn find(&self, name: &str, version: &str) -> Result<Option<Header>, StoreError> {
        self.header(&header_key(name, version))
    }

    fn header(&self, key: &Key) -> Result<Option<Header>, StoreError> {
        Ok(self.headers.get(key)?.and_then(|record| decode_header(key, &record)))
    }

    fn remove_pieces(&self, header: &Header) -> Result<(), StoreError> {
        self.pieces.apply(header.piece_keys().into_iter().map(|key| (key, None)).collect())
    }

    /// The first time at or after `wanted` that no header has, so that the order of saving is always known.
    fn free_time(&self, wanted: SystemTime) -> Result<u64, StoreError> {
        let mut time = nanoseconds(wanted);
        for header in self.list()? {
            time += u64::from(header.saved_at == time);
        }
        Ok(time)
    }

    /// The time of something that is saved now: behind everything that was saved before, whatever the clock says, which may
    /// have been set back since.
    pub(super) fn next_time(&self, now: SystemTime) -> Result<SystemTime, StoreError> {
        let newest = self.list()?.last().map_or(0, |header| header.saved_at);
        Ok(time_of(nanoseconds(now).max(newest.saturating_add(1))))
    }
}

/// How long after the beginning of 1970 a time is.
pub(super) fn nanoseconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

/// The time that is so many nanoseconds after the beginning of 1970.
pub(super) fn time_of(nanoseconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(nanoseconds)
}

fn header_key(name: &str, version: &str) -> Key {
    Key::from_parts(&[b"document", name.as_bytes(), version.as_bytes()])
}

fn decode_header(key: &Key, record: &[u8]) -> Option<Header> {
    let header: Header = serde_json::from_slice(record::decode_bytes(key, record)?).ok()?;
    (header.key() == *key).then_some(header)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn replacing_and_removing_leave_no_pieces_behind() {
        let (headers, pieces) = (Table::in_memory(), Table::in_memory());
        let documents = Documents { headers: &headers, pieces: &pieces };
        documents.save("a", "1", at(5), &"x".repeat(3 * PIECE)).unwrap();
        documents.save("b", "1", at(6), &"x".repeat(3 * PIECE)).unwrap();
        assert_eq!(pieces.len().unwrap(), 6);
        documents.save("a", "1", at(7), "short").unwrap();
        assert_eq!(pieces.len().unwrap(), 4);
        assert!(documents.remove("b", "1").unwrap());
        assert!(!documents.remove("b", "1").unwrap());
        assert_eq!((headers.len().unwrap(), pieces.len().unwrap()), (1, 1));
        assert_eq!(documents.read("a", "1").unwrap().unwrap().1, "short");
    }

    #[test]
    fn texts_saved_at_the_same_moment_keep_their_order() {
        let (headers, pieces) = (Table::in_memory(), Table::in_memory());
        let documents = Documents { headers: &headers, pieces: &pieces };
        let names = ["d", "b", "c", "a"];
        for name in names {
            documents.save(name, "1", at(5), name).unwrap();
        }
        let listed: Vec<_> = documents.list().unwrap().into_iter().map(|header| header.name).collect();
        assert_eq!(listed, names);
    }

    #[test]
    fn what_is_saved_last_is_the_newest_though_the_clock_goes_back() {
        let (headers, pieces) = (Table::in_memory(), Table::in_memory());
        let documents = Documents { headers: &headers, pieces: &pieces };
        let years = |years: u64| at(years * 365 * 24 * 3600);
        for (version, clock) in [56, 31, 0, 129, 40, 129].into_iter().enumerate() {
            let version = version.to_string();
            documents.save("a", &version, documents.next_time(years(clock)).unwrap(), "text").unwrap();
            assert_eq!(documents.list().unwrap().last().unwrap().version, version);
        }
        // A clock before 1970.
        let before = UNIX_EPOCH - Duration::from_secs(5);
        documents.save("a", "last", documents.next_time(before).unwrap(), "text").unwrap();
        let times: Vec<u64> = documents.list().unwrap().iter().map(|header| header.saved_at).collect();
        assert!(times.is_sorted_by(|a, b| a < b));
        assert_eq!(documents.list().unwrap().last().unwrap().version, "last");
    }

    #[test]
    fn a_text_with_a_damaged_piece_counts_as_absent() {
        let (headers, pieces) = (Table::in_memory(), Table::in_memory());
        let documents = Documents { headers: &headers, pieces: &pieces };
        documents.save("a", "1", at(5), &"x".repeat(2 * PIECE)).unwrap();
        let key = documents.list().unwrap()[0].piece_keys()[1];
        let mut record = pieces.get(&key).unwrap().unwrap();
        record[100] ^= 1;
        pieces.apply(vec![(key, Some(record))]).unwrap();
        assert_eq!(documents.read("a", "1").unwrap(), None);
    }

    proptest! {
        #[test]
        fn texts_of_any_length_come_back(text in ".{0,200}", times in 0usize..100) {
            let (headers, pieces) = (Table::in_memory(), Table::in_memory());
            let documents = Documents { headers: &headers, pieces: &pieces };
            let text = text.repeat(times);
            documents.save("name", "version", at(1), &text).unwrap();
            let (header, back) = documents.read("name", "version").unwrap().unwrap();
            prop_assert_eq!(header.length, text.len() as u64);
            prop_assert_eq!(back, text);
        }
    }
}
