//! The first page of a TIFF, of all kinds that Pillow takes and that are common.

use std::io::Cursor;

use image::RgbImage;
use tiff::decoder::{Decoder, DecodingResult, Limits};
use tiff::tags::Tag;
use tiff::{ColorType, TiffError};

use super::decode::{self, MAX_BYTES};
use super::error::PictureError;

const FORMAT: &str = "TIFF";

pub(super) fn decode(bytes: &[u8]) -> Result<RgbImage, PictureError> {
    match as_grey(bytes) {
        Some(indices) => {
            let mut decoder = open(&indices)?;
            let palette = decoder.get_tag_u16_vec(Tag::ColorMap).map_err(broken)?;
            let samples = Samples::read(&mut decoder)?;
            // All reds, all greens, all blues, of 16 bits each.
            let colours = palette.len() / 3;
            let colour = |index: u8, channel: usize| {
                palette.get(channel * colours + usize::from(index)).map_or(0, |value| (value >> 8) as u8)
            };
            samples.picture(|sample| [0, 1, 2].map(|channel| colour(sample[0], channel)))
        }
        None => {
            let samples = Samples::read(&mut open(bytes)?)?;
            samples.to_rgb()
        }
    }
}

/// A copy of a palette TIFF that claims to be grey, since the decoder takes no palette; nothing for other TIFFs.
fn as_grey(bytes: &[u8]) -> Option<Vec<u8>> {
    const BLACK_IS_ZERO: u16 = 1;
    const PALETTE: u16 = 3;
    const PHOTOMETRIC_INTERPRETATION: u16 = 262;
    let little = bytes.starts_with(b"II");
    let u16_at = |at: usize| {
        let bytes = *bytes.get(at..)?.first_chunk()?;
        Some(if little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    };
    let directory = *bytes.get(4..)?.first_chunk()?;
    let directory =
        if little { u32::from_le_bytes(directory) } else { u32::from_be_bytes(directory) } as usize;
    let entries = (0..usize::from(u16_at(directory)?)).map(|i| directory + 2 + 12 * i);
    let entry = entries.into_iter().find(|entry| u16_at(*entry) == Some(PHOTOMETRIC_INTERPRETATION))?;
    if u16_at(entry + 8)? != PALETTE {
        return None;
    }
    let grey = if little { BLACK_IS_ZERO.to_le_bytes() } else { BLACK_IS_ZERO.to_be_bytes() };
    let mut copy = bytes.to_vec();
    copy.get_mut(entry + 8..entry + 10)?.copy_from_slice(&grey);
    Some(copy)
}

/// Width and height of the first page.
pub(super) fn dimensions(bytes: &[u8]) -> Result<(u32, u32), PictureError> {
    open(bytes)?.dimensions().map_err(broken)
}

fn open(bytes: &[u8]) -> Result<Decoder<Cursor<&[u8]>>, PictureError> {
    let mut limits = Limits::default();
    limits.decoding_buffer_size = usize::try_from(MAX_BYTES).unwrap_or(usize::MAX);
    limits.intermediate_buffer_size = limits.decoding_buffer_size;
    let mut decoder = Decoder::new(Cursor::new(bytes)).map_err(broken)?.with_limits(limits);
    let (width, height) = decoder.dimensions().map_err(broken)?;
    decode::check_size(width, height, 3)?;
    Ok(decoder)
}

/// 8-bit samples, pixel by pixel.
struct Samples {
    width: u32,
    height: u32,
    colour: ColorType,
    channels: usize,
    /// `[height, width, channels]`; of fewer than 8 bits, the values as they are.
    values: Vec<u8>,
}

impl Samples {
    fn read(decoder: &mut Decoder<Cursor<&[u8]>>) -> Result<Samples, PictureError> {
        let (width, height) = decoder.dimensions().map_err(broken)?;
        let colour = decoder.colortype().map_err(broken)?;
        let channels = usize::from(colour.num_samples());
        let mut result = DecodingResult::U8(Vec::new());
        let layout = decoder.read_image_to_buffer(&mut result).map_err(broken)?;
        let values = match result {
            DecodingResult::U8(bytes) if colour.bit_depth() < 8 => {
                unpacked(&bytes, width as usize * channels, colour.bit_depth())
            }
            DecodingResult::U8(bytes) => bytes,
            // Pillow keeps 16-bit grey as it is and cuts it off on conversion; of all else it reads the upper byte.
            DecodingResult::U16(values) if channels == 1 => {
                values.into_iter().map(|value| u8::try_from(value).unwrap_or(u8::MAX)).collect()
            }
            DecodingResult::U16(values) => values.into_iter().map(|value| (value >> 8) as u8).collect(),
            _ => return Err(unsupported(format!("{colour:?} that is not 8- or 16-bit unsigned"))),
        };
        let values = if layout.planes > 1 { interleaved(&values, channels) } else { values };
        Ok(Samples { width, height, colour, channels, values })
    }

    fn to_rgb(&self) -> Result<RgbImage, PictureError> {
        match self.colour {
            ColorType::Gray(depth @ (1 | 2 | 4)) => self.picture(|s| [s[0] * (255 / ((1 << depth) - 1)); 3]),
            ColorType::Gray(_) | ColorType::GrayA(_) | ColorType::Multiband { num_samples: 2, .. } => {
                self.picture(|s| [s[0]; 3])
            }
            ColorType::RGB(_) | ColorType::RGBA(_) => self.picture(|s| [s[0], s[1], s[2]]),
            ColorType::CMYK(_) => self.picture(|s| cmyk_to_rgb([s[0], s[1], s[2], s[3]])),
            ColorType::YCbCr(_) => self.picture(|s| ycbcr_to_rgb([s[0], s[1], s[2]])),
            other => Err(unsupported(format!("{other:?}"))),
        }
    }

    fn picture(&self, to_rgb: impl Fn(&[u8]) -> [u8; 3]) -> Result<RgbImage, PictureError> {
        let mut picture = decode::new_picture(self.width, self.height)?;
        for (pixel, sample) in picture.pixels_mut().zip(self.values.chunks_exact(self.channels)) {
            pixel.0 = to_rgb(sample);
        }
        Ok(picture)
    }
}

/// One byte per value from rows of `row` values of 1, 2 or 4 bits; each row starts at a byte.
fn unpacked(bytes: &[u8], row: usize, depth: u8) -> Vec<u8> {
    let per_byte = usize::from(8 / depth);
    let value = |byte: u8, i: usize| (byte >> (8 - usize::from(depth) * (i + 1))) & ((1 << depth) - 1);
    let rows = bytes.chunks_exact(row.div_ceil(per_byte).max(1));
    rows.flat_map(|bytes| (0..row).map(move |i| value(bytes[i / per_byte], i % per_byte))).collect()
}

/// Pixel by pixel from channel by channel.
fn interleaved(planes: &[u8], channels: usize) -> Vec<u8> {
    let pixels = planes.len() / channels.max(1);
    (0..pixels).flat_map(|pixel| (0..channels).map(move |channel| planes[channel * pixels + pixel])).collect()
}

/// As Pillow converts: white less the ink, less what black takes.
fn cmyk_to_rgb([cyan, magenta, yellow, black]: [u8; 4]) -> [u8; 3] {
    let light = 255 - black;
    [cyan, magenta, yellow].map(|ink| {
        let product = u32::from(ink) * u32::from(light);
        light - ((product + 127) / 255) as u8
    })
}

/// JFIF's conversion (ITU T.871), full range.
fn ycbcr_to_rgb([luma, blue, red]: [u8; 3]) -> [u8; 3] {
    let (luma, blue, red) = (f32::from(luma), f32::from(blue) - 128.0, f32::from(red) - 128.0);
    [luma + 1.402 * red, luma - 0.344_136 * blue - 0.714_136 * red, luma + 1.772 * blue]
        .map(|value| value.round() as u8)
}

fn unsupported(detail: String) -> PictureError {
    PictureError::Unsupported { format: FORMAT, detail }
}

fn broken(error: TiffError) -> PictureError {
    match error {
        TiffError::UnsupportedError(what) => unsupported(what.to_string()),
        TiffError::LimitsExceeded => unsupported("needs too much memory".to_owned()),
        TiffError::IoError(error) => PictureError::broken(FORMAT, &error),
        error => PictureError::broken(FORMAT, &error),
    }
}
