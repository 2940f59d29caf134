//! Pages of a Parquet column that Zstandard compressed.
//!
//! The Parquet crate's own decoder for it needs a C compiler. So it is told that the column is not compressed, passes each
//! page on as it lies in the file, and a decoder in Rust unpacks it here.

use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::Compression;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::ParquetError;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::reader::ChunkReader;
use parquet::file::serialized_reader::SerializedPageReader;
use ruzstd::decoding::StreamingDecoder;

/// A page states its length in 31 bits.
const LONGEST_PAGE: u64 = i32::MAX as u64;

/// Pages of one column of one row group, unpacked one by one.
pub(super) struct ZstdPages<R: ChunkReader>(SerializedPageReader<R>);

impl<R: ChunkReader> ZstdPages<R> {
    /// The pages of a column with this many rows.
    ///
    /// # Errors
    /// When the file's index contradicts itself.
    pub(super) fn new(file: Arc<R>, column: &ColumnChunkMetaData, rows: usize) -> Result<Self, ParquetError> {
        let packed = column.clone().into_builder().set_compression(Compression::UNCOMPRESSED).build()?;
        Ok(Self(SerializedPageReader::new(file, &packed, rows, None)?))
    }
}

impl<R: ChunkReader> Iterator for ZstdPages<R> {
    type Item = Result<Page, ParquetError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl<R: ChunkReader> PageReader for ZstdPages<R> {
    fn get_next_page(&mut self) -> Result<Option<Page>, ParquetError> {
        self.0.get_next_page()?.map(unpacked).transpose()
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>, ParquetError> {
        self.0.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<(), ParquetError> {
        self.0.skip_next_page()
    }
}

fn unpacked(page: Page) -> Result<Page, ParquetError> {
    Ok(match page {
        Page::DataPage { buf, num_values, encoding, def_level_encoding, rep_level_encoding, statistics } => {
            Page::DataPage {
                buf: behind(&buf, 0)?,
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
            buf: behind(&buf, def_levels_byte_len as usize + rep_levels_byte_len as usize)?,
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
            Page::DictionaryPage { buf: behind(&buf, 0)?, num_values, encoding, is_sorted }
        }
        plain @ Page::DataPageV2 { .. } => plain,
    })
}

/// What comes first as it is, which are the levels of the second page form, and the rest unpacked.
fn behind(packed: &Bytes, first: usize) -> Result<Bytes, ParquetError> {
    let broken = |detail: String| ParquetError::General(format!("broken Zstandard: {detail}"));
    let (levels, mut rest) =
        packed.split_at_checked(first).ok_or_else(|| broken("the page ends too early".to_owned()))?;
    let mut content = levels.to_vec();
    // A page without values has nothing to unpack.
    while !rest.is_empty() {
        let decoder = StreamingDecoder::new(&mut rest).map_err(|error| broken(error.to_string()))?;
        let read = decoder.take(LONGEST_PAGE).read_to_end(&mut content);
        read.map_err(|error| broken(error.to_string()))?;
    }
    Ok(content.into())
}
