//! Format and size of a picture file, without decoding it.

use super::decode::dimensions;
use super::error::PictureError;
use super::kind::Kind;

/// What a picture file says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureHeader {
    /// JPEG, PNG, WebP, BMP, GIF, TIFF or PNM; or `pixels` for what is no file.
    pub format: &'static str,
    /// In pixels, as the decoded picture has.
    pub width: u32,
    /// In pixels, as the decoded picture has.
    pub height: u32,
}

/// Reads the header. A JPEG must have its end too; what else is broken behind a header only decoding finds.
///
/// # Errors
/// When the bytes are no picture of a known format, or end too early.
pub(super) fn header(bytes: &[u8]) -> Result<PictureHeader, PictureError> {
    let kind = Kind::from_bytes(bytes)?;
    let (width, height) = dimensions(bytes, kind)?;
    if width == 0 || height == 0 {
        Err(PictureError::NoPixels)
    } else {
        Ok(PictureHeader { format: kind.name(), width, height })
    }
}

#[cfg(test)]
mod tests {
    use super::super::decode;
    use super::*;

    #[test]
    fn a_header_says_what_decoding_gives() {
        let fixtures = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        let mut seen = std::collections::BTreeSet::new();
        let files =
            ["pictures", "odd-pictures"].map(|folder| std::fs::read_dir(fixtures.join(folder)).unwrap());
        for entry in files.into_iter().flatten() {
            let path = entry.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            let Ok(picture) = decode(&bytes) else { continue };
            let header = header(&bytes).unwrap();
            assert_eq!((header.width, header.height), picture.dimensions(), "{}", path.display());
            seen.insert(header.format);
            assert!(super::header(&bytes[..4]).is_err(), "{}", path.display());
        }
        assert_eq!(
            seen.into_iter().collect::<Vec<_>>(),
            ["BMP", "GIF", "JPEG", "PNG", "PNM", "TIFF", "WebP"]
        );
        assert_eq!(header(b"").unwrap_err().to_string(), "empty file");
        assert!(header(b"a text").unwrap_err().to_string().starts_with("not a picture"));
    }
}
