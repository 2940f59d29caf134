//! Pages of a Parquet column that Zstandard or gzip compressed, and how much a page may unpack to.
//!
//! The Parquet crate's own decoder for Zstandard needs a C compiler, and the one for gzip unpacks whatever there is. So it is
//! told that the column is not compressed, passes each page on as it lies in the file, and a decoder in Rust unpacks it here.

use std::io::Read;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use parquet::basic::Compression;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::ParquetError;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::reader::ChunkReader;
use parquet::file::serialized_reader::SerializedPageReader;
use ruzstd::decoding::StreamingDecoder;

/// Bytes that any page may unpack to. Larger ones are none of a few bytes' making: pictures hardly get smaller.
const ALWAYS: u64 = 64 << 20;

/// How many times its bytes a larger page may have unpacked.
const TIMES: u64 = 64;

/// The variable with the MiB that any page may unpack to.
const LIMIT: &str = "CUPL_TUI_LARGEST_PAGE";

/// Bytes that a page of so many may unpack to.
fn most(packed: u64) -> u64 {
    static ALLOWED: OnceLock<u64> = OnceLock::new();
    let allowed = *ALLOWED.get_or_init(|| {
        let set = std::env::var(LIMIT).ok().and_then(|mebibytes| mebibytes.trim().parse::<u64>().ok());
        set.map_or(ALWAYS, |mebibytes| mebibytes.saturating_mul(1 << 20))
    });
    allowed.max(packed.saturating_mul(TIMES))
}

/// Checks what the header of a page, of which these are the first bytes, says that it unpacks to. What is no header of a page
/// is not looked at.
///
/// # Errors
/// A page that is suspiciously large for its bytes.
pub(super) fn check_header(bytes: &[u8]) -> Result<(), ParquetError> {
    // Thrift's compact form: the first three fields are numbers of 32 bits.
    let mut rest = bytes;
    let mut number = || -> Option<i64> {
        let (&0x15, mut after) = rest.split_first()? else { return None };
        let (mut value, mut shift) = (0_u64, 0);
        loop {
            let (byte, next) = after.split_first()?;
            value |= u64::from(byte & 0x7f) << shift;
            (after, shift) = (next, shift + 7);
            if byte & 0x80 == 0 {
                break;
            }
            if shift > 35 {
                return None;
            }
        }
        rest = after;
        Some((value >> 1) as i64 ^ -((value & 1) as i64))
    };
    let (Some(_), Some(unpacked), Some(packed)) = (number(), number(), number()) else { return Ok(()) };
    match (u64::try_from(unpacked), u64::try_from(packed)) {
        (Ok(unpacked), Ok(packed)) if unpacked > most(packed) => {
            Err(too_large(packed, &format!("{} MiB", unpacked >> 20)))
        }
        _ => Ok(()),
    }
}

fn too_large(packed: u64, unpacked: &str) -> ParquetError {
    ParquetError::General(format!(
        "a page of {packed} bytes unpacks to {unpacked}, which no pictures do; if it is right, set {LIMIT} to the MiB that a page may \
         have"
    ))
}

/// How pages are compressed.
#[derive(Clone, Copy)]
enum Codec {
    Zstandard,
    Gzip,
}

/// Pages of one column of one row group, unpacked one by one.
pub(super) struct PackedPages<R: ChunkReader> {
    pages: SerializedPageReader<R>,
    codec: Codec,
}

impl<R: ChunkReader> PackedPages<R> {
    /// The pages of a column with this many rows, if they are compressed in a way that is unpacked here.
    ///
    /// # Errors
    /// When the file's index contradicts itself.
    pub(super) fn new(
        file: Arc<R>,
        column: &ColumnChunkMetaData,
        rows: usize,
    ) -> Result<Option<Self>, ParquetError> {
        let codec = match column.compression() {
            Compression::ZSTD(_) => Codec::Zstandard,
            Compression::GZIP(_) => Codec::Gzip,
            _ => return Ok(None),
        };
        let packed = column.clone().into_builder().set_compression(Compression::UNCOMPRESSED).build()?;
        Ok(Some(Self { pages: SerializedPageReader::new(file, &packed, rows, None)?, codec }))
    }
}

impl<R: ChunkReader> Iterator for PackedPages<R> {
    type Item = Result<Page, ParquetError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl<R: ChunkReader> PageReader for PackedPages<R> {
    fn get_next_page(&mut self) -> Result<Option<Page>, ParquetError> {
        let codec = self.codec;
        self.pages.get_next_page()?.map(|page| unpacked(page, codec)).transpose()
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>, ParquetError> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<(), ParquetError> {
        self.pages.skip_next_page()
    }
}

fn unpacked(page: Page, codec: Codec) -> Result<Page, ParquetError> {
    Ok(match page {
        Page::DataPage { buf, num_values, encoding, def_level_encoding, rep_level_encoding, statistics } => {
            Page::DataPage {
                buf: behind(&buf, 0, codec)?,
                num_values,
                encoding,
                def_level_encoding,
                rep_level_encoding,
                statistics,
            }
        }
        Page::DataPageV2 {
            buf,
            num_values,
            encoding,
            num_nulls,
            num_rows,
            def_levels_byte_len,
            rep_levels_byte_len,
            is_compressed: true,
            statistics,
        } => Page::DataPageV2 {
            buf: behind(&buf, def_levels_byte_len as usize + rep_levels_byte_len as usize, codec)?,
            num_values,
            encoding,
            num_nulls,
            num_rows,
            def_levels_byte_len,
            rep_levels_byte_len,
            is_compressed: false,
            statistics,
        },
        Page::DictionaryPage { buf, num_values, encoding, is_sorted } => {
            Page::DictionaryPage { buf: behind(&buf, 0, codec)?, num_values, encoding, is_sorted }
        }
        plain @ Page::DataPageV2 { .. } => plain,
    })
}

/// What comes first as it is, which are the levels of the second page form, and the rest unpacked.
fn behind(packed: &Bytes, first: usize, codec: Codec) -> Result<Bytes, ParquetError> {
    let name = match codec {
        Codec::Zstandard => "Zstandard",
        Codec::Gzip => "gzip",
    };
    let broken = |detail: String| ParquetError::General(format!("broken {name}: {detail}"));
    let (levels, mut rest) =
        packed.split_at_checked(first).ok_or_else(|| broken("the page ends too early".to_owned()))?;
    let most = most(packed.len() as u64);
    let mut content = levels.to_vec();
    // A page without values has nothing to unpack.
    while !rest.is_empty() {
        let room = (most + 1).saturating_sub(content.len() as u64);
        let read = match codec {
            Codec::Zstandard => {
                let decoder = StreamingDecoder::new(&mut rest).map_err(|error| broken(error.to_string()))?;
                decoder.take(room).read_to_end(&mut content)
            }
            Codec::Gzip => {
                let read = MultiGzDecoder::new(rest).take(room).read_to_end(&mut content);
                rest = &[];
                read
            }
        };
        read.map_err(|error| broken(error.to_string()))?;
        if content.len() as u64 > most {
            return Err(too_large(packed.len() as u64, &format!("more than {} MiB", most >> 20)));
        }
    }
    Ok(content.into())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression as Level;
    use flate2::write::GzEncoder;

    use super::*;

    fn header(unpacked: i64, packed: i64) -> Vec<u8> {
        let mut bytes = Vec::new();
        for number in [0, unpacked, packed] {
            bytes.push(0x15);
            let mut zigzag = ((number << 1) ^ (number >> 63)) as u64;
            while zigzag >= 0x80 {
                bytes.push(zigzag as u8 | 0x80);
                zigzag >>= 7;
            }
            bytes.push(zigzag as u8);
        }
        bytes
    }

    #[test]
    fn headers_of_pages_that_are_far_too_large_are_refused() {
        assert!(check_header(&header(200 << 20, 26_000)).unwrap_err().to_string().contains("200 MiB"));
        for whole in [header(1 << 20, 100), header(150 << 20, 149 << 20), header(-1, 5)] {
            assert!(check_header(&whole).is_ok());
        }
        for other in
            [&b"PAR1"[..], b"", &[0x15], &[0x15, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], &[0x15, 2, 0x19]]
        {
            assert!(check_header(other).is_ok());
        }
    }

    #[test]
    fn a_page_that_unpacks_without_end_is_ended() {
        let gzip = |length: usize| {
            let mut encoder = GzEncoder::new(Vec::new(), Level::best());
            encoder.write_all(&vec![0; length]).unwrap();
            Bytes::from(encoder.finish().unwrap())
        };
        assert_eq!(behind(&gzip(1 << 20), 0, Codec::Gzip).unwrap().len(), 1 << 20);
        let error = behind(&gzip(80 << 20), 0, Codec::Gzip).unwrap_err().to_string();
        assert!(error.contains("more than 64 MiB") && error.contains(LIMIT), "{error}");
    }
}
