//! The first frame of a GIF, on its whole screen.

use std::num::NonZeroU64;

use gif::{DecodeOptions, DecodingError, MemoryLimit};
use image::{Rgb, RgbImage};

use super::decode::{MAX_BYTES, new_picture};
use super::error::PictureError;

const FORMAT: &str = "GIF";

/// Decodes the first frame. What it leaves of the screen has the colour of the transparent index, or else of index 0;
/// transparent pixels have the colour that the palette gives them.
pub(super) fn decode(bytes: &[u8]) -> Result<RgbImage, PictureError> {
    let mut options = DecodeOptions::new();
    options.set_memory_limit(NonZeroU64::new(MAX_BYTES).map_or(MemoryLimit::Unlimited, MemoryLimit::Bytes));
    let mut decoder = options.read_info(bytes).map_err(|error| broken(&error))?;
    let screen = (u32::from(decoder.width()), u32::from(decoder.height()));
    let global = decoder.global_palette().map(<[u8]>::to_vec);
    let frame = decoder.read_next_frame().map_err(|error| broken(&error))?;
    let frame = frame.ok_or(PictureError::Truncated { format: FORMAT })?;
    let (left, top) = (u32::from(frame.left), u32::from(frame.top));
    let (width, height) = (u32::from(frame.width), u32::from(frame.height));
    let palette = frame.palette.as_ref().or(global.as_ref());
    let colour = |index: u8| {
        let at = usize::from(index) * 3;
        match palette.and_then(|palette| palette.get(at..at + 3)) {
            Some(&[red, green, blue]) => Rgb([red, green, blue]),
            _ => Rgb([index; 3]),
        }
    };
    let mut picture = new_picture(screen.0.max(left + width), screen.1.max(top + height))?;
    let background = colour(frame.transparent.unwrap_or(0));
    picture.pixels_mut().for_each(|pixel| *pixel = background);
    for (row, y) in frame.buffer.chunks_exact(frame.width.max(1).into()).zip(top..) {
        for (index, x) in row.iter().zip(left..) {
            picture.put_pixel(x, y, colour(*index));
        }
    }
    Ok(picture)
}

fn broken(error: &DecodingError) -> PictureError {
    PictureError::broken(FORMAT, error)
}
