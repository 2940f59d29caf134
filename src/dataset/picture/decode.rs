//! From the bytes of a picture file to RGB pixels, by content and not by the file's ending.

use std::io::Cursor;

use image::error::ImageError;
use image::{
    DynamicImage, ImageBuffer, ImageDecoder, ImageFormat, ImageReader, Limits, Luma, LumaA, Pixel, Rgb,
    RgbImage, Rgba,
};

use super::error::PictureError;
use super::{gif, jpeg, tiff};

/// The most memory that the pixels of one image may take: 8-bit RGB of 178 956 970 pixels, where Pillow refuses a
/// picture as a decompression bomb.
pub(super) const MAX_BYTES: u64 = 512 << 20;

/// Decodes a picture as Pillow's `Image.open(file).convert("RGB")` does.
///
/// # Errors
/// When the bytes are not a whole picture of a known format, or it is too large. Nothing near its size is allocated
/// before that is known.
pub fn decode(bytes: &[u8]) -> Result<RgbImage, PictureError> {
    if bytes.is_empty() {
        return Err(PictureError::Empty);
    }
    let picture = match image::guess_format(bytes) {
        Ok(ImageFormat::Gif) => gif::decode(bytes),
        Ok(ImageFormat::Tiff) => tiff::decode(bytes),
        Ok(ImageFormat::Jpeg) if !jpeg::has_end(bytes) => Err(PictureError::Truncated { format: "JPEG" }),
        Ok(ImageFormat::Jpeg) => common(bytes, ImageFormat::Jpeg, "JPEG"),
        Ok(ImageFormat::Png) => common(bytes, ImageFormat::Png, "PNG"),
        Ok(ImageFormat::WebP) => common(bytes, ImageFormat::WebP, "WebP"),
        Ok(ImageFormat::Bmp) => common(bytes, ImageFormat::Bmp, "BMP"),
        _ => Err(PictureError::NotAPicture),
    }?;
    if picture.is_empty() { Err(PictureError::NoPixels) } else { Ok(picture) }
}

fn common(bytes: &[u8], format: ImageFormat, name: &'static str) -> Result<RgbImage, PictureError> {
    let wrong = |error: ImageError| match error {
        ImageError::Unsupported(what) => PictureError::Unsupported { format: name, detail: what.to_string() },
        _ if format == ImageFormat::WebP && is_cut_riff(bytes) => PictureError::Truncated { format: name },
        ImageError::IoError(error) => PictureError::broken(name, &error),
        error => PictureError::broken(name, &error),
    };
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_BYTES);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(wrong)?;
    let (width, height) = decoder.dimensions();
    check_size(width, height, decoder.color_type().bytes_per_pixel())?;
    let picture = DynamicImage::from_decoder(decoder).map_err(wrong)?;
    to_rgb(picture, bytes)
        .ok_or(PictureError::Unsupported { format: name, detail: "floating point".to_owned() })
}

/// # Errors
/// [`PictureError::TooLarge`].
pub(super) fn check_size(width: u32, height: u32, bytes_per_pixel: u8) -> Result<(), PictureError> {
    let bytes = u128::from(width) * u128::from(height) * u128::from(bytes_per_pixel);
    if bytes > u128::from(MAX_BYTES) { Err(PictureError::TooLarge { width, height }) } else { Ok(()) }
}

/// A black picture.
///
/// # Errors
/// [`PictureError::TooLarge`].
pub(super) fn new_picture(width: u32, height: u32) -> Result<RgbImage, PictureError> {
    check_size(width, height, 3)?;
    Ok(RgbImage::new(width, height))
}

/// The pixels as Pillow converts them; nothing for floating point.
fn to_rgb(picture: DynamicImage, bytes: &[u8]) -> Option<RgbImage> {
    let upper = |value: u16| (value >> 8) as u8;
    let cut_off = |value: u16| u8::try_from(value).unwrap_or(u8::MAX);
    Some(match picture {
        DynamicImage::ImageRgb8(picture) => picture,
        DynamicImage::ImageRgba8(picture) => mapped(&picture, |Rgba([r, g, b, _])| [*r, *g, *b]),
        DynamicImage::ImageLuma8(picture) => mapped(&picture, |Luma([grey])| [*grey; 3]),
        DynamicImage::ImageLumaA8(picture) => mapped(&picture, |LumaA([grey, _])| [*grey; 3]),
        DynamicImage::ImageRgb16(picture) => mapped(&picture, |Rgb(rgb)| rgb.map(upper)),
        DynamicImage::ImageRgba16(picture) => mapped(&picture, |Rgba([r, g, b, _])| [*r, *g, *b].map(upper)),
        // Pillow keeps 16-bit grey as it is and cuts it off on conversion; of all else it reads the upper byte.
        DynamicImage::ImageLuma16(picture) => mapped(&picture, |Luma([grey])| [cut_off(*grey); 3]),
        DynamicImage::ImageLumaA16(picture) if is_grey_png(bytes) => {
            mapped(&picture, |LumaA([grey, _])| [cut_off(*grey); 3])
        }
        DynamicImage::ImageLumaA16(picture) => mapped(&picture, |LumaA([grey, _])| [upper(*grey); 3]),
        _ => return None,
    })
}

fn mapped<P: Pixel>(picture: &ImageBuffer<P, Vec<P::Subpixel>>, to_rgb: impl Fn(&P) -> [u8; 3]) -> RgbImage {
    let mut rgb = RgbImage::new(picture.width(), picture.height());
    for (to, from) in rgb.pixels_mut().zip(picture.pixels()) {
        to.0 = to_rgb(from);
    }
    rgb
}

/// Whether the header of a WebP promises more bytes than there are; its decoder takes a cut bit stream for a broken one.
fn is_cut_riff(bytes: &[u8]) -> bool {
    let size = bytes.get(4..8).and_then(|size| size.first_chunk().copied()).map_or(0, u32::from_le_bytes);
    u64::from(size) + 8 > bytes.len() as u64
}

/// Whether the header of a PNG says grey without alpha; a transparent grey still decodes to grey with alpha.
fn is_grey_png(bytes: &[u8]) -> bool {
    const COLOUR_TYPE: usize = 25;
    bytes.get(COLOUR_TYPE) == Some(&0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
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

    fn fixtures() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pictures")
    }

    fn fixture(name: &str) -> Vec<u8> {
        std::fs::read(fixtures().join(name)).unwrap()
    }

    fn goldens() -> Vec<Golden> {
        serde_json::from_slice(&fixture("index.json")).unwrap()
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
            let apart: Vec<u8> = picture.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).collect();
            let most = apart.iter().copied().max().unwrap();
            let average = apart.iter().copied().map(f64::from).sum::<f64>() / apart.len() as f64;
            if most > max || average > mean {
                wrong.push(format!("{file}: up to {most} apart, {average:.3} on average"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
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
        let no_picture = "not a picture (JPEG, PNG, WebP, BMP, GIF or TIFF)";
        assert_eq!(message(b"a text named .jpg"), no_picture);
        assert_eq!(message(b"P6 1 1 255 abc"), no_picture);
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
        assert_eq!(message(&jpeg), "too large: 65535×65535 pixels");
        let mut bmp = fixture("rgb.bmp");
        bmp[18..26].copy_from_slice(&[0xff, 0xff, 0, 0, 0xff, 0xff, 0, 0]);
        assert_eq!(message(&bmp), "too large: 65535×65535 pixels");
        let mut gif = fixture("palette.gif");
        gif[6..10].fill(0xff);
        assert_eq!(message(&gif), "too large: 65535×65535 pixels");
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
            let goldens = goldens();
            let mut bytes = fixture(&file.get(&goldens).file);
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
