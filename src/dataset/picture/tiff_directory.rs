//! The directory of a TIFF's first page: read by itself, since files of all sorts of programs are to be taken, and written
//! anew for the decoder, which takes fewer.

use std::collections::BTreeMap;

use super::error::PictureError;

const FORMAT: &str = "TIFF";

/// The numbers of what a directory may have.
pub(super) mod tag {
    pub(in super::super) const KIND_OF_PAGE: u16 = 254;
    pub(in super::super) const WIDTH: u16 = 256;
    pub(in super::super) const HEIGHT: u16 = 257;
    pub(in super::super) const BITS: u16 = 258;
    pub(in super::super) const COMPRESSION: u16 = 259;
    pub(in super::super) const PHOTOMETRIC: u16 = 262;
    pub(in super::super) const FILL_ORDER: u16 = 266;
    pub(in super::super) const STRIP_OFFSETS: u16 = 273;
    pub(in super::super) const ORIENTATION: u16 = 274;
    pub(in super::super) const SAMPLES: u16 = 277;
    pub(in super::super) const ROWS_PER_STRIP: u16 = 278;
    pub(in super::super) const STRIP_LENGTHS: u16 = 279;
    pub(in super::super) const PLANAR: u16 = 284;
    pub(in super::super) const PREDICTOR: u16 = 317;
    pub(in super::super) const COLOUR_MAP: u16 = 320;
    pub(in super::super) const TILE_WIDTH: u16 = 322;
    pub(in super::super) const TILE_HEIGHT: u16 = 323;
    pub(in super::super) const TILE_OFFSETS: u16 = 324;
    pub(in super::super) const TILE_LENGTHS: u16 = 325;
    pub(in super::super) const PAGES_BELOW: u16 = 330;
    pub(in super::super) const EXTRA_SAMPLES: u16 = 338;
    pub(in super::super) const SAMPLE_FORMAT: u16 = 339;
    pub(in super::super) const JPEG_TABLES: u16 = 347;
    pub(in super::super) const CHROMA_SUBSAMPLING: u16 = 530;
    pub(in super::super) const XMP: u16 = 700;
    pub(in super::super) const JPEG_XR_PIXELS: u16 = 48129;
    pub(in super::super) const DNG_VERSION: u16 = 50706;
}

/// What the first page says of itself.
pub(super) struct Directory<'a> {
    order: Order,
    entries: BTreeMap<u16, Entry<'a>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Little,
    Big,
}

#[derive(Clone, Copy)]
struct Entry<'a> {
    /// Bytes of a value.
    size: usize,
    is_integer: bool,
    /// Empty where the file ends before them.
    bytes: &'a [u8],
    is_cut: bool,
}

impl<'a> Directory<'a> {
    /// # Errors
    /// When the file ends before its first directory does.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, PictureError> {
        let order = if bytes.starts_with(b"II") { Order::Little } else { Order::Big };
        let is_big_tiff = bytes.get(2..4).is_some_and(|version| version.contains(&43));
        let number = |at: usize, size: usize| -> Result<u64, PictureError> {
            let bytes = at.checked_add(size).and_then(|end| bytes.get(at..end));
            Ok(order.number(bytes.ok_or(PictureError::Truncated { format: FORMAT })?))
        };
        // Bytes of an offset, of the count of entries, and where an entry has its count and its value.
        let (word, count) = if is_big_tiff { (8, 8) } else { (4, 2) };
        let start = number(if is_big_tiff { 8 } else { 4 }, word)? as usize;
        let mut entries = BTreeMap::new();
        let first = start.saturating_add(count);
        for i in 0..number(start, count)?.min(1 << 16) as usize {
            let at = first + i * (4 + 2 * word);
            let (tag, kind) = (number(at, 2)? as u16, number(at + 2, 2)?);
            let (size, is_integer) = match kind {
                1 | 6 => (1, true),
                2 | 7 => (1, false),
                3 | 8 => (2, true),
                4 | 9 | 13 => (4, true),
                16..=18 => (8, true),
                _ => continue,
            };
            let length =
                usize::try_from(number(at + 4, word)?).ok().and_then(|count| count.checked_mul(size));
            let value = at + 4 + word;
            let value = match length {
                Some(length) if length <= word => bytes.get(value..value + length),
                Some(length) => {
                    let at = number(value, word)? as usize;
                    at.checked_add(length).and_then(|end| bytes.get(at..end))
                }
                None => None,
            };
            let (bytes, is_cut) = (value.unwrap_or_default(), value.is_none());
            entries.insert(tag, Entry { size, is_integer, bytes, is_cut });
        }
        Ok(Self { order, entries })
    }

    pub(super) fn is_little(&self) -> bool {
        self.order == Order::Little
    }

    /// Whether the file ends before values without which there are no pixels.
    pub(super) fn is_cut(&self) -> bool {
        const NEEDED: [u16; 9] = [
            tag::BITS,
            tag::STRIP_OFFSETS,
            tag::STRIP_LENGTHS,
            tag::TILE_OFFSETS,
            tag::TILE_LENGTHS,
            tag::EXTRA_SAMPLES,
            tag::SAMPLE_FORMAT,
            tag::COLOUR_MAP,
            tag::JPEG_TABLES,
        ];
        NEEDED.iter().any(|tag| self.entries.get(tag).is_some_and(|entry| entry.is_cut))
    }

    pub(super) fn has(&self, tag: u16) -> bool {
        self.entries.contains_key(&tag)
    }

    /// The numbers of an entry that has some.
    pub(super) fn all(&self, tag: u16) -> Option<Vec<u64>> {
        let entry = self.entries.get(&tag).filter(|entry| entry.is_integer && !entry.bytes.is_empty())?;
        Some(entry.bytes.chunks_exact(entry.size).map(|bytes| self.order.number(bytes)).collect())
    }

    pub(super) fn first(&self, tag: u16) -> Option<u64> {
        self.all(tag)?.first().copied()
    }

    pub(super) fn bytes(&self, tag: u16) -> Option<&'a [u8]> {
        self.entries.get(&tag).map(|entry| entry.bytes)
    }

    /// Begins a BigTIFF in the same order of bytes.
    pub(super) fn rewritten(&self, capacity: usize) -> Rewritten {
        let mut bytes = Vec::with_capacity(capacity);
        bytes.extend(if self.is_little() { b"II" } else { b"MM" });
        self.order.put(&mut bytes, 43, 2);
        self.order.put(&mut bytes, 8, 2);
        self.order.put(&mut bytes, 0, 2);
        bytes.extend([0; 8]);
        Rewritten { order: self.order, bytes }
    }
}

impl Order {
    /// At most eight bytes.
    fn number(self, bytes: &[u8]) -> u64 {
        let append = |number, byte: &u8| number << 8 | u64::from(*byte);
        match self {
            Order::Little => bytes.iter().rev().fold(0, append),
            Order::Big => bytes.iter().fold(0, append),
        }
    }

    fn put(self, to: &mut Vec<u8>, number: u64, size: usize) {
        match self {
            Order::Little => to.extend(&number.to_le_bytes()[..size]),
            Order::Big => to.extend(&number.to_be_bytes()[8 - size..]),
        }
    }
}

/// A BigTIFF that is being written: first strips or tiles, then the directory.
pub(super) struct Rewritten {
    order: Order,
    bytes: Vec<u8>,
}

impl Rewritten {
    /// Where the bytes begin.
    pub(super) fn put(&mut self, bytes: &[u8]) -> u64 {
        let at = self.bytes.len() as u64;
        self.bytes.extend(bytes);
        at
    }

    /// The whole file. `tables` are JPEG's.
    pub(super) fn finished(mut self, numbers: &BTreeMap<u16, Vec<u64>>, tables: Option<&[u8]>) -> Vec<u8> {
        const BYTES: u64 = 7;
        const NUMBERS: u64 = 16;
        const WORD: usize = 8;
        let order = self.order;
        let mut values: Vec<(u16, u64, u64, Vec<u8>)> = Vec::new();
        for (tag, numbers) in numbers {
            let mut bytes = Vec::with_capacity(numbers.len() * WORD);
            numbers.iter().for_each(|number| order.put(&mut bytes, *number, WORD));
            values.push((*tag, NUMBERS, numbers.len() as u64, bytes));
        }
        if let Some(tables) = tables {
            values.push((tag::JPEG_TABLES, BYTES, tables.len() as u64, tables.to_vec()));
        }
        values.sort_by_key(|(tag, ..)| *tag);
        let mut directory = Vec::new();
        order.put(&mut directory, values.len() as u64, WORD);
        for (tag, kind, count, mut bytes) in values {
            order.put(&mut directory, tag.into(), 2);
            order.put(&mut directory, kind, 2);
            order.put(&mut directory, count, WORD);
            if bytes.len() <= WORD {
                bytes.resize(WORD, 0);
                directory.extend(bytes);
            } else {
                let at = self.put(&bytes);
                order.put(&mut directory, at, WORD);
            }
        }
        directory.extend([0; WORD]);
        let at = self.put(&directory);
        let mut place = Vec::new();
        order.put(&mut place, at, WORD);
        self.bytes[8..16].copy_from_slice(&place);
        self.bytes
    }
}
