//! Pictures as parts of the page: made small, encoded, and written into their own address.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::imageops::{FilterType, resize};
use image::{ImageFormat, RgbImage};

use crate::dataset::PictureSource;

/// The longer side at most, in pixels.
const LONGER_SIDE: u32 = 192;

/// Up to this longer side, in pixels, a picture is shown as what it is, pixel by pixel; above, it is smoothed.
const SMALL: u32 = 96;

/// Of 100.
const JPEG_QUALITY: u8 = 82;

/// A picture for the page.
#[derive(Debug, PartialEq, Eq)]
pub struct PagePicture {
    /// Its content as a `data:` address.
    pub address: String,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// Its pixels are to be seen.
    pub is_small: bool,
}

impl PagePicture {
    /// Small pictures stay as they are, as PNG; larger ones become JPEGs whose longer side is at most 192 pixels.
    ///
    /// # Errors
    /// Why there is no picture, in words.
    pub fn from_source(source: &PictureSource) -> Result<Self, String> {
        let pixels = source.decode().map_err(|error| error.to_string())?;
        let (width, height) = fitted(pixels.dimensions());
        let is_small = pixels.width().max(pixels.height()) <= SMALL;
        let mut bytes = Vec::new();
        let kind = if is_small {
            pixels.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).map(|()| "png")
        } else {
            let pixels = match (width, height) == pixels.dimensions() {
                true => pixels,
                false => shrunk(&pixels, width, height),
            };
            JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY).encode_image(&pixels).map(|()| "jpeg")
        };
        let kind = kind.map_err(|error| error.to_string())?;
        Ok(Self { address: format!("data:image/{kind};base64,{}", base64(&bytes)), width, height, is_small })
    }
}

fn fitted((width, height): (u32, u32)) -> (u32, u32) {
    let longer = width.max(height).max(1);
    let side = |side: u32| match longer > LONGER_SIDE {
        true => (f64::from(side) * f64::from(LONGER_SIDE) / f64::from(longer)).round().max(1.0) as u32,
        false => side,
    };
    (side(width), side(height))
}

fn shrunk(pixels: &RgbImage, width: u32, height: u32) -> RgbImage {
    resize(pixels, width, height, FilterType::CatmullRom)
}

/// As RFC 4648 has it, section 4.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let digit = ALPHABET[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= group.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn of(width: u32, height: u32) -> PagePicture {
        let pixels = RgbImage::from_fn(width, height, |x, y| image::Rgb([(7 * x) as u8, (5 * y) as u8, 90]));
        PagePicture::from_source(&PictureSource::Pixels(Arc::new(pixels))).unwrap()
    }

    /// The test vectors of RFC 4648, section 10.
    #[test]
    fn base64_by_the_book() {
        let vectors = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (bytes, text) in vectors {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xfb, 0xff, 0xfe]), "+//+");
    }

    #[test]
    fn small_pictures_stay_and_large_ones_shrink() {
        for ((width, height), size, is_small) in [
            ((32, 32), (32, 32), true),
            ((96, 40), (96, 40), true),
            ((97, 40), (97, 40), false),
            ((192, 192), (192, 192), false),
            ((400, 300), (192, 144), false),
            ((300, 401), (144, 192), false),
            ((5000, 3), (192, 1), false),
        ] {
            let picture = of(width, height);
            assert_eq!((picture.width, picture.height, picture.is_small), (size.0, size.1, is_small));
            let kind = if is_small { "data:image/png;base64,iVBOR" } else { "data:image/jpeg;base64,/9j/" };
            assert!(picture.address.starts_with(kind), "{}", &picture.address[..40]);
        }
    }

    #[test]
    fn a_missing_file_says_so() {
        let error =
            PagePicture::from_source(&PictureSource::File("/no/such/picture.jpg".into())).unwrap_err();
        assert!(error.starts_with("cannot be read"), "{error}");
    }
}
