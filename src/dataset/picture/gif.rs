//! The first frame of a GIF, on its whole screen.

use std::borrow::Cow;

use gif::{DecodeOptions, DecodingError, Frame, MemoryLimit};
use image::{Rgb, RgbImage};

use super::decode::{MAX_PIXELS, check_size, new_picture};
use super::error::PictureError;
use super::samples;

const FORMAT: &str = "GIF";

/// Decodes the first frame. What it leaves of the screen has the colour of the transparent index, or else of index 0;
/// transparent pixels have the colour that the palette gives them.
pub(super) fn decode(bytes: &[u8]) -> Result<RgbImage, PictureError> {
    let mut options = DecodeOptions::new();
    // A frame that is larger than its screen is seen only when it is read.
    options.set_memory_limit(MemoryLimit::Bytes(std::num::NonZeroU64::MIN.saturating_add(MAX_PIXELS)));
    let bytes = with_palette(bytes);
    let mut decoder = options.read_info(&*bytes).map_err(|error| broken(&error))?;
    let screen = (u32::from(decoder.width()), u32::from(decoder.height()));
    check_size(screen.0, screen.1)?;
    let global = decoder.global_palette().map(<[u8]>::to_vec);
    let frame = decoder.read_next_frame().map_err(|error| broken(&error))?;
    let frame = frame.ok_or(PictureError::Truncated { format: FORMAT })?;
    let (left, top) = (u32::from(frame.left), u32::from(frame.top));
    let (width, height) = enclosing(screen, frame);
    // The greys in their order are no palette to Pillow: an index beyond their end is a grey as well.
    let palette = frame.palette.as_ref().or(global.as_ref()).filter(|palette| !are_greys(palette));
    let colour = |index: u8| Rgb(palette.map_or([index; 3], |palette| samples::colour(palette, index)));
    let mut picture = new_picture(width, height)?;
    let background = colour(frame.transparent.unwrap_or(0));
    picture.pixels_mut().for_each(|pixel| *pixel = background);
    for (row, y) in frame.buffer.chunks_exact(frame.width.max(1).into()).zip(top..) {
        for (index, x) in row.iter().zip(left..) {
            picture.put_pixel(x, y, colour(*index));
        }
    }
    Ok(picture)
}

/// Of the screen, or more where the first frame is larger.
pub(super) fn dimensions(bytes: &[u8]) -> Result<(u32, u32), PictureError> {
    let bytes = with_palette(bytes);
    let mut decoder = DecodeOptions::new().read_info(&*bytes).map_err(|error| broken(&error))?;
    let screen = (u32::from(decoder.width()), u32::from(decoder.height()));
    let frame = decoder.next_frame_info().map_err(|error| broken(&error))?;
    let frame = frame.ok_or(PictureError::Truncated { format: FORMAT })?;
    Ok(enclosing(screen, frame))
}

fn enclosing((width, height): (u32, u32), frame: &Frame<'_>) -> (u32, u32) {
    let (right, bottom) =
        (u32::from(frame.left) + u32::from(frame.width), u32::from(frame.top) + u32::from(frame.height));
    (width.max(right), height.max(bottom))
}

/// With greys for a palette where there is none, since the decoder refuses a frame without one.
fn with_palette(bytes: &[u8]) -> Cow<'_, [u8]> {
    const FLAGS: usize = 10;
    const SCREEN_END: usize = 13;
    const HAS_PALETTE: u8 = 0x80;
    const OF_256: u8 = 7;
    match bytes.split_at_checked(SCREEN_END) {
        Some((screen, rest)) if screen[FLAGS] & HAS_PALETTE == 0 => {
            let greys: Vec<u8> = (0..=u8::MAX).flat_map(|grey| [grey; 3]).collect();
            let mut bytes = [screen, &greys, rest].concat();
            bytes[FLAGS] |= HAS_PALETTE | OF_256;
            Cow::Owned(bytes)
        }
        _ => Cow::Borrowed(bytes),
    }
}

fn are_greys(palette: &[u8]) -> bool {
    palette.chunks_exact(3).zip(0..=u8::MAX).all(|(colour, index)| colour == [index; 3])
}

fn broken(error: &DecodingError) -> PictureError {
    PictureError::broken(FORMAT, error)
}
