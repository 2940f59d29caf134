//! From the bytes of a picture file to RGB pixels, by content and not by the file's ending.

use std::io::Cursor;

use image::error::ImageError;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage};

use super::error::PictureError;
use super::kind::Kind;
use super::{bmp, gif, jpeg, png, pnm, tiff};
use crate::files::foreign::guarded;

/// The most pixels of a picture: beyond, Pillow refuses it as a decompression bomb.
pub(super) const MAX_PIXELS: u64 = 178_956_970;

/// Decodes a picture as Pillow's `Image.open(file).convert("RGB")` does.
///
/// # Errors
/// When the bytes are not a whole picture of a known format, or it is too large. Nothing near its size is allocated
/// before that is known.
pub fn decode(bytes: &[u8]) -> Result<RgbImage, PictureError> {
    let kind = Kind::from_bytes(bytes)?;
    guarded(|| decode_as(kind, bytes))
        .unwrap_or_else(|detail| Err(PictureError::contradiction(kind.name(), detail)))
}

fn decode_as(kind: Kind, bytes: &[u8]) -> Result<RgbImage, PictureError> {
    let picture = match kind {
        Kind::Bmp => bmp::decode(bytes),
        Kind::Gif => gif::decode(bytes),
        Kind::Jpeg if !jpeg::has_end(bytes) => Err(PictureError::Truncated { format: "JPEG" }),
        Kind::Jpeg => common(&jpeg::as_libjpeg_sees_it(bytes), ImageFormat::Jpeg, "JPEG"),
        Kind::Png => png::decode(bytes),
        Kind::Pnm => pnm::decode(bytes),
        Kind::Tiff => tiff::decode(bytes),
        Kind::WebP => common(bytes, ImageFormat::WebP, "WebP"),
    }?;
    if picture.is_empty() { Err(PictureError::NoPixels) } else { Ok(picture) }
}

/// Width and height as [`decode`] gives them.
pub(super) fn dimensions(bytes: &[u8], kind: Kind) -> Result<(u32, u32), PictureError> {
    let common = |format| {
        let reader = ImageReader::with_format(Cursor::new(bytes), format);
        reader.into_dimensions().map_err(|error| PictureError::broken(kind.name(), &error))
    };
    let dimensions = || match kind {
        Kind::Bmp => bmp::dimensions(bytes),
        Kind::Gif => gif::dimensions(bytes),
        Kind::Jpeg if !jpeg::has_end(bytes) => Err(PictureError::Truncated { format: "JPEG" }),
        Kind::Jpeg => common(ImageFormat::Jpeg),
        Kind::Png => png::dimensions(bytes),
        Kind::Pnm => pnm::dimensions(bytes),
        Kind::Tiff => tiff::dimensions(bytes),
        Kind::WebP => common(ImageFormat::WebP),
    };
    guarded(dimensions).unwrap_or_else(|detail| Err(PictureError::contradiction(kind.name(), detail)))
}

fn common(bytes: &[u8], format: ImageFormat, name: &'static str) -> Result<RgbImage, PictureError> {
    let wrong = |error: ImageError| match error {
        ImageError::Unsupported(what) => PictureError::Unsupported { format: name, detail: what.to_string() },
        _ if format == ImageFormat::WebP && is_cut_riff(bytes) => PictureError::Truncated { format: name },
        ImageError::IoError(error) => PictureError::broken(name, &error),
        error => PictureError::broken(name, &error),
    };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(Limits::no_limits());
    let decoder = reader.into_decoder().map_err(wrong)?;
    let (width, height) = decoder.dimensions();
    check_size(width, height)?;
    match DynamicImage::from_decoder(decoder).map_err(wrong)? {
        // Dropping alpha; of grey there are 8 bits.
        DynamicImage::ImageRgba8(picture) => {
            let mut rgb = RgbImage::new(width, height);
            rgb.pixels_mut().zip(picture.pixels()).for_each(|(to, from)| to.0 = [from[0], from[1], from[2]]);
            Ok(rgb)
        }
        picture => Ok(picture.into_rgb8()),
    }
}

/// # Errors
/// [`PictureError::TooLarge`].
pub(super) fn check_size(width: u32, height: u32) -> Result<(), PictureError> {
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        Err(PictureError::TooLarge { width, height })
    } else {
        Ok(())
    }
}

/// A black picture.
///
/// # Errors
/// [`PictureError::TooLarge`].
pub(super) fn new_picture(width: u32, height: u32) -> Result<RgbImage, PictureError> {
    check_size(width, height)?;
    Ok(RgbImage::new(width, height))
}

/// Whether the header of a WebP promises more bytes than there are; its decoder takes a cut bit stream for a broken one.
fn is_cut_riff(bytes: &[u8]) -> bool {
    let size = bytes.get(4..8).and_then(|size| size.first_chunk().copied()).map_or(0, u32::from_le_bytes);
    u64::from(size) + 8 > bytes.len() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sha2::Digest;
    use std::path::{Path, PathBuf};

    #[derive(serde::Deserialize)]
    struct Golden {
        file: String,
        width: u32,
        height: u32,
        /// The largest and the mean absolute difference of a byte that are allowed.
        max: u8,
        mean: f64,
    }

    /// What Pillow makes of an odd file.
    #[derive(serde::Deserialize)]
    struct Odd {
        file: String,
        #[serde(flatten)]
        outcome: Outcome,
    }

    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    enum Outcome {
        Refused { refused: String },
        Exact { width: u32, height: u32, sha256: String },
        Near { width: u32, height: u32, max: u8, mean: f64 },
    }

    fn fixtures() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
    }

    fn fixture(name: &str) -> Vec<u8> {
        std::fs::read(fixtures().join("pictures").join(name)).unwrap()
    }

    fn odd(name: &str) -> Vec<u8> {
        std::fs::read(fixtures().join("odd-pictures").join(name)).unwrap()
    }

    fn goldens() -> Vec<Golden> {
        serde_json::from_slice(&fixture("index.json")).unwrap()
    }

    fn odd_goldens() -> Vec<Odd> {
        serde_json::from_slice(&odd("index.json")).unwrap()
    }

    /// What is wrong with a picture, if anything.
    fn apart(picture: &RgbImage, expected: &[u8], max: u8, mean: f64) -> Option<String> {
        let apart: Vec<u8> = picture.iter().zip(expected).map(|(a, b)| a.abs_diff(*b)).collect();
        let most = apart.iter().copied().max().unwrap();
        let average = apart.iter().copied().map(f64::from).sum::<f64>() / apart.len() as f64;
        (most > max || average > mean).then(|| format!("up to {most} apart, {average:.3} on average"))
    }

    fn message(bytes: &[u8]) -> String {
        decode(bytes).unwrap_err().to_string()
    }

    #[test]
    fn every_format_and_mode_is_as_pillow_converts_it() {
        let mut wrong = Vec::new();
        for Golden { file, width, height, max, mean } in goldens() {
            let expected = fixture(&format!("{file}.rgb"));
            let picture = match decode(&fixture(&file)) {
                Ok(picture) if picture.dimensions() == (width, height) => picture,
                Ok(picture) => {
                    wrong.push(format!("{file}: {:?}", picture.dimensions()));
                    continue;
                }
                Err(error) => {
                    wrong.push(format!("{file}: {error}"));
                    continue;
                }
            };
            wrong.extend(apart(&picture, &expected, max, mean).map(|problem| format!("{file}: {problem}")));
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn odd_files_are_taken_and_refused_as_pillow_does() {
        let mut wrong = Vec::new();
        for Odd { file, outcome } in odd_goldens() {
            let problem = match (decode(&odd(&file)), outcome) {
                (Err(_), Outcome::Refused { .. }) => None,
                (Ok(_), Outcome::Refused { refused }) => Some(format!("taken, but Pillow says {refused}")),
                (Err(error), _) => Some(error.to_string()),
                (Ok(picture), Outcome::Exact { width, height, .. } | Outcome::Near { width, height, .. })
                    if picture.dimensions() != (width, height) =>
                {
                    Some(format!("{:?}", picture.dimensions()))
                }
                (Ok(picture), Outcome::Exact { sha256, .. }) => {
                    let sum: String =
                        sha2::Sha256::digest(picture.as_raw()).iter().map(|b| format!("{b:02x}")).collect();
                    (sum != sha256).then(|| "other pixels".to_owned())
                }
                (Ok(picture), Outcome::Near { max, mean, .. }) => {
                    apart(&picture, &odd(&format!("{file}.rgb")), max, mean)
                }
            };
            wrong.extend(problem.map(|problem| format!("{file}: {problem}")));
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn as_many_pixels_as_pillow_takes_whatever_their_depth() {
        assert!(check_size(13_377, 13_377).is_ok());
        assert!(check_size(13_378, 13_378).is_err());
        assert!(check_size(u32::MAX, u32::MAX).is_err());
        let mut text = b"P5 13378 13378 65535\n".to_vec();
        assert!(message(&text).starts_with("too large: 13378\u{d7}13378 pixels"), "{}", message(&text));
        text[4] = b'2';
        assert_eq!(message(&text), "truncated PNM");
    }

    #[test]
    fn what_is_not_read_here_is_named_whatever_it_is_called() {
        let called = |name: &str, bytes: &[u8]| {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            crate::dataset::PictureSource::File(path).decode().unwrap_err().to_string()
        };
        assert_eq!(
            called("a.jpg", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"),
            "HEIC cannot be read here; convert it, for example with `heif-convert a.heic a.png`"
        );
        let mut raw = odd("tiff-big-tiff-long8.tif");
        // The first entry becomes the version of DNG.
        let entry = 16 + 8;
        raw[entry..entry + 2].copy_from_slice(&50706_u16.to_le_bytes());
        assert!(called("a.dng", &raw).starts_with("camera RAW (DNG) cannot be read here; develop it"));
    }

    #[test]
    fn the_ending_of_the_name_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a-png.jpg");
        std::fs::write(&path, fixture("rgb.png")).unwrap();
        let picture = crate::dataset::PictureSource::File(path).decode().unwrap();
        assert_eq!(picture.into_raw(), fixture("rgb.png.rgb"));
    }

    #[test]
    fn a_jpeg_without_its_last_byte_is_truncated_as_for_pillow() {
        for file in ["chroma-full.jpg", "progressive.jpg", "grey.jpg"] {
            let bytes = fixture(file);
            assert_eq!(message(&bytes[..bytes.len() - 1]), "truncated JPEG", "{file}");
            assert!(decode(&[&bytes[..], b"trailing"].concat()).is_ok(), "{file}");
        }
    }

    #[test]
    fn a_truncated_file_is_an_error() {
        // Half of the file with two pages has the first one whole.
        for Golden { file, .. } in goldens().into_iter().filter(|golden| golden.file != "pages.tif") {
            let bytes = fixture(&file);
            let half = decode(&bytes[..bytes.len() / 2]);
            assert!(matches!(half, Err(PictureError::Truncated { .. })), "{file}: {:?}", half.map(|_| ()));
        }
    }

    #[test]
    fn what_is_no_picture_says_so() {
        assert_eq!(message(b""), "empty file");
        let no_picture = "not a picture (JPEG, PNG, WebP, BMP, GIF, TIFF or PNM)";
        assert_eq!(message(b"a text named .jpg"), no_picture);
        assert_eq!(message(b"P6x 1 1 255 abc"), no_picture);
        assert_eq!(message(b"\xff\xd8\xff"), "truncated JPEG");
    }

    #[test]
    fn a_picture_without_pixels_is_an_error() {
        let mut gif = fixture("palette.gif");
        let frame = gif.windows(9).position(|w| w == [0x2c, 0, 0, 0, 0, 29, 0, 19, 0]).unwrap();
        gif[6..10].fill(0);
        gif[frame + 5..frame + 9].fill(0);
        assert_eq!(message(&gif), "a picture without pixels");
    }

    #[test]
    fn absurd_sizes_are_refused_before_they_are_allocated() {
        let mut png = fixture("rgb.png");
        png[16..24].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
        assert!(decode(&png).is_err());
        let mut jpeg = fixture("chroma-full.jpg");
        let header = jpeg.windows(3).position(|w| w == [0xff, 0xc0, 0]).unwrap();
        jpeg[header + 5..header + 9].fill(0xff);
        let too_large = "too large: 65535×65535 pixels, at most 178,956,970 are read; make it smaller";
        assert_eq!(message(&jpeg), too_large);
        let mut bmp = fixture("rgb.bmp");
        bmp[18..26].copy_from_slice(&[0xff, 0xff, 0, 0, 0xff, 0xff, 0, 0]);
        assert_eq!(message(&bmp), too_large);
        let mut gif = fixture("palette.gif");
        gif[6..10].fill(0xff);
        assert_eq!(message(&gif), too_large);
        let mut tiff = fixture("rgb.tif");
        let width = tiff.windows(4).position(|w| w == [0, 1, 3, 0] || w == [0, 1, 4, 0]).unwrap();
        tiff[width + 2] = 4;
        tiff[width + 8..width + 12].copy_from_slice(&[0xff, 0xff, 0xff, 0x7f]);
        assert!(message(&tiff).starts_with("too large: "), "{}", message(&tiff));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn damage_is_an_error_or_a_picture_but_no_panic(
            file in any::<prop::sample::Index>(),
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
            end in any::<prop::sample::Index>(),
        ) {
            let (goldens, odd_goldens) = (goldens(), odd_goldens());
            let file = file.index(goldens.len() + odd_goldens.len());
            let mut bytes = match goldens.get(file) {
                Some(golden) => fixture(&golden.file),
                None => odd(&odd_goldens[file - goldens.len()].file),
            };
            for (at, value) in damage {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            let _ = decode(&bytes);
            bytes.truncate(end.index(bytes.len()));
            let _ = decode(&bytes);
        }
    }
}
