//! Format and size of a picture file, without decoding it.

use std::io::Cursor;

use image::{ImageFormat, ImageReader};

use super::error::PictureError;
use super::{jpeg, tiff};

/// What a picture file says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureHeader {
    /// JPEG, PNG, WebP, BMP, GIF or TIFF; or `pixels` for what is no file.
    pub format: &'static str,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
}

/// Reads the header. A JPEG must have its end too; what else is broken behind a header only decoding finds.
///
/// # Errors
/// When the bytes are no picture of a known format, or end too early.
pub(super) fn header(bytes: &[u8]) -> Result<PictureHeader, PictureError> {
    if bytes.is_empty() {
        return Err(PictureError::Empty);
    }
    let (kind, format) = match image::guess_format(bytes) {
        Ok(ImageFormat::Tiff) => {
            let (width, height) = tiff::dimensions(bytes)?;
            return sized("TIFF", width, height);
        }
        Ok(ImageFormat::Jpeg) if !jpeg::has_end(bytes) => {
            return Err(PictureError::Truncated { format: "JPEG" });
        }
        Ok(kind @ ImageFormat::Jpeg) => (kind, "JPEG"),
        Ok(kind @ ImageFormat::Png) => (kind, "PNG"),
        Ok(kind @ ImageFormat::WebP) => (kind, "WebP"),
        Ok(kind @ ImageFormat::Bmp) => (kind, "BMP"),
        Ok(kind @ ImageFormat::Gif) => (kind, "GIF"),
        _ => return Err(PictureError::NotAPicture),
    };
    let reader = ImageReader::with_format(Cursor::new(bytes), kind);
    let (width, height) = reader.into_dimensions().map_err(|error| PictureError::broken(format, &error))?;
    sized(format, width, height)
}

fn sized(format: &'static str, width: u32, height: u32) -> Result<PictureHeader, PictureError> {
    if width == 0 || height == 0 {
        Err(PictureError::NoPixels)
    } else {
        Ok(PictureHeader { format, width, height })
    }
}

#[cfg(test)]
mod tests {
    use super::super::decode;
    use super::*;

    #[test]
    fn a_header_says_what_decoding_gives() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pictures");
        let mut seen = std::collections::BTreeSet::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            let Ok(picture) = decode(&bytes) else { continue };
            let header = header(&bytes).unwrap();
            assert_eq!((header.width, header.height), picture.dimensions(), "{}", path.display());
            seen.insert(header.format);
            assert!(super::header(&bytes[..8]).is_err(), "{}", path.display());
        }
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["BMP", "GIF", "JPEG", "PNG", "TIFF", "WebP"]);
        assert_eq!(header(b"").unwrap_err().to_string(), "empty file");
        assert!(header(b"a text").unwrap_err().to_string().starts_with("not a picture"));
    }
}
