//! The bytes of one image and their pixels.
//!
//! | file | what it knows |
//! |---|---|
//! | `kind.rs` | what a file is, and what is not read here, by the first bytes |
//! | `decode.rs` | which decoder takes which bytes, limits |
//! | `samples.rs` | what samples come to in 8 bits of red, green and blue |
//! | `header.rs` | format and size without decoding |
//! | `bmp.rs`, `pnm.rs` | these formats |
//! | `gif.rs`, `png.rs`, `tiff.rs` over `tiff_directory.rs` | what the decoders of these formats leave open |
//! | `jpeg.rs` | whether a JPEG ends too early |
//! | `archive.rs` | files that hold many pictures |
//!
//! Pixels are what Pillow's `Image.open(file).convert("RGB")` gives, since the published numbers were made with it: a TIFF is
//! turned as its orientation says, every other format is not; colour profiles are not applied, alpha is dropped and not
//! blended, of 16 bits the upper 8 are taken, but deeper grey is cut off at 255, and of an animation the first frame counts.
//! All formats are equal to the byte, but for JPEG, where two decoders differ by a few levels at most.
//! `experiments/picture-parity` compares.

mod archive;
mod bmp;
mod decode;
mod error;
mod gif;
mod header;
mod jpeg;
mod kind;
mod png;
mod pnm;
mod samples;
mod tiff;
mod tiff_directory;

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::RgbImage;

pub(in crate::dataset) use archive::ArchiveFile;
pub use archive::PictureArchive;
pub use decode::decode;
pub use error::PictureError;
pub use header::PictureHeader;
pub(in crate::dataset) use kind::is_start_of_picture;

/// Where an image comes from.
#[derive(Debug, Clone)]
pub enum PictureSource {
    /// A picture file, not read yet.
    File(PathBuf),
    /// One of many pictures in a file, not read yet.
    Member {
        /// The file.
        archive: Arc<dyn PictureArchive>,
        /// Its number there.
        member: u64,
    },
    /// Pixels in memory.
    Pixels(Arc<RgbImage>),
}

/// An image in memory, decoded or not.
#[derive(Debug, Clone)]
pub enum Picture {
    /// The bytes of a picture file.
    Encoded(Vec<u8>),
    /// Pixels.
    Pixels(Arc<RgbImage>),
}

impl PictureSource {
    /// Reads the file, once for [`Picture::content`] and [`Picture::decode`].
    ///
    /// # Errors
    /// [`PictureError::Unreadable`].
    pub fn read(&self) -> Result<Picture, PictureError> {
        Ok(match self {
            PictureSource::File(path) => Picture::Encoded(std::fs::read(path)?),
            PictureSource::Member { archive, member } => archive.read(*member)?,
            PictureSource::Pixels(pixels) => Picture::Pixels(Arc::clone(pixels)),
        })
    }

    /// The file that the image is in, and its number there if it is one of many; nothing for pixels in memory.
    #[must_use]
    pub fn file(&self) -> Option<(&Path, Option<u64>)> {
        match self {
            PictureSource::File(path) => Some((path, None)),
            PictureSource::Member { archive, member } => Some((archive.path(), Some(*member))),
            PictureSource::Pixels(_) => None,
        }
    }

    /// Reads and decodes.
    ///
    /// # Errors
    /// When the file cannot be read or decoded.
    pub fn decode(&self) -> Result<RgbImage, PictureError> {
        self.read()?.decode()
    }
}

impl Picture {
    /// What tells this image from others, to be hashed: the bytes of the file; or of pixels, the width, the height (u32,
    /// little-endian) and the RGB bytes.
    #[must_use]
    pub fn content(&self) -> Cow<'_, [u8]> {
        match self {
            Picture::Encoded(bytes) => Cow::Borrowed(bytes),
            Picture::Pixels(pixels) => {
                let mut content = Vec::with_capacity(8 + pixels.as_raw().len());
                content.extend(pixels.width().to_le_bytes());
                content.extend(pixels.height().to_le_bytes());
                content.extend(pixels.as_raw());
                Cow::Owned(content)
            }
        }
    }

    /// Its format and size, without decoding it.
    ///
    /// # Errors
    /// When the bytes are no picture of a known format, or end too early.
    pub fn header(&self) -> Result<PictureHeader, PictureError> {
        match self {
            Picture::Encoded(bytes) => header::header(bytes),
            Picture::Pixels(pixels) => {
                Ok(PictureHeader { format: "pixels", width: pixels.width(), height: pixels.height() })
            }
        }
    }

    /// The pixels.
    ///
    /// # Errors
    /// When the bytes are not a whole picture of a known format.
    pub fn decode(&self) -> Result<RgbImage, PictureError> {
        match self {
            Picture::Encoded(bytes) => decode(bytes),
            Picture::Pixels(pixels) => Ok(RgbImage::clone(pixels)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_tells_pixels_of_another_shape() {
        let picture = |width, height| Picture::Pixels(Arc::new(RgbImage::new(width, height)));
        assert_ne!(picture(2, 3).content(), picture(3, 2).content());
        assert_eq!(picture(1, 2).content().as_ref(), [1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn a_missing_file_says_so() {
        let error = PictureSource::File("/no/such/picture.jpg".into()).decode().unwrap_err();
        assert!(error.to_string().starts_with("cannot be read: "), "{error}");
    }
}
