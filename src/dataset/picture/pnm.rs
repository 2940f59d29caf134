//! Portable any-maps: PBM, PGM and PPM, each as text and in binary, and PFM of one channel.
//!
//! Values are scaled to 255, but of a grey map with more than 256 levels to 65535, which is then cut off at 255: that is
//! what Pillow does.

use image::RgbImage;

use super::decode::new_picture;
use super::error::PictureError;
use super::samples;

const FORMAT: &str = "PNM";
/// Of a number in a header or in text.
const LONGEST_NUMBER: usize = 10;

pub(super) fn decode(bytes: &[u8]) -> Result<RgbImage, PictureError> {
    let Header { form, width, height, data } = Header::read(bytes)?;
    let mut picture = new_picture(width, height)?;
    let pixels = width as usize * height as usize;
    if pixels == 0 {
        return Ok(picture);
    }
    match form {
        PnmKind::TextBits => {
            let bits = text_bits(data, pixels)?;
            set(&mut picture, bits.into_iter().map(|bit| [grey_of_bit(bit); 3]))
        }
        PnmKind::Bits => {
            let row = (width as usize).div_ceil(8);
            let rows = whole(data, row * height as usize)?.chunks_exact(row);
            set(
                &mut picture,
                rows.flat_map(|bytes| samples::bits(bytes, 1).take(width as usize))
                    .map(|bit| [grey_of_bit(bit); 3]),
            );
        }
        PnmKind::Text { channels, most } => {
            let values = text_values(data, pixels * channels, most)?;
            set_channels(
                &mut picture,
                channels,
                values.into_iter().map(|value| scaled(value, most, channels)),
            );
        }
        PnmKind::Binary { channels, most } if most > 255 => {
            let bytes = whole(data, pixels * channels * 2)?;
            let values = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            set_channels(&mut picture, channels, values.map(|value| scaled(value.into(), most, channels)));
        }
        PnmKind::Binary { channels, most } => {
            let level: Vec<u8> = (0..=255).map(|value| scaled(value, most, channels)).collect();
            let bytes = whole(data, pixels * channels)?;
            set_channels(&mut picture, channels, bytes.iter().map(|value| level[usize::from(*value)]));
        }
        PnmKind::Float { little } => {
            let bytes = whole(data, pixels * 4)?;
            let value = |bytes: &[u8]| {
                let bytes = [bytes[0], bytes[1], bytes[2], bytes[3]];
                if little { f32::from_le_bytes(bytes) } else { f32::from_be_bytes(bytes) }
            };
            // The last row comes first.
            let rows = bytes.chunks_exact(width as usize * 4).rev();
            set(
                &mut picture,
                rows.flat_map(|row| row.chunks_exact(4)).map(|bytes| [samples::cut_float(value(bytes)); 3]),
            );
        }
    }
    Ok(picture)
}

pub(super) fn dimensions(bytes: &[u8]) -> Result<(u32, u32), PictureError> {
    Header::read(bytes).map(|header| (header.width, header.height))
}

fn set(picture: &mut RgbImage, colours: impl Iterator<Item = [u8; 3]>) {
    picture.pixels_mut().zip(colours).for_each(|(pixel, colour)| pixel.0 = colour);
}

fn set_channels(picture: &mut RgbImage, channels: usize, mut values: impl Iterator<Item = u8>) {
    if channels == 1 {
        set(picture, values.map(|grey| [grey; 3]));
    } else {
        picture.iter_mut().for_each(|sample| *sample = values.next().unwrap_or_default());
    }
}

fn grey_of_bit(bit: u8) -> u8 {
    if bit == 0 { 255 } else { 0 }
}

/// What `value` of `most` comes to.
fn scaled(value: u32, most: u32, channels: usize) -> u8 {
    let top: f64 = if channels == 1 && most > 255 { 65535.0 } else { 255.0 };
    let level = (f64::from(value) / f64::from(most) * top).round_ties_even().min(top);
    level.min(255.0) as u8
}

fn whole(data: &[u8], length: usize) -> Result<&[u8], PictureError> {
    data.get(..length).ok_or(PictureError::Truncated { format: FORMAT })
}

enum PnmKind {
    TextBits,
    Bits,
    Text { channels: usize, most: u32 },
    Binary { channels: usize, most: u32 },
    Float { little: bool },
}

struct Header<'a> {
    form: PnmKind,
    width: u32,
    height: u32,
    data: &'a [u8],
}

impl<'a> Header<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, PictureError> {
        let end = bytes.iter().take(6).position(|byte| is_space(*byte)).unwrap_or(bytes.len().min(6));
        let magic = &bytes[..end];
        let mut data = bytes.get(end + 1..).unwrap_or_default();
        let mut side = || -> Result<u32, PictureError> { number(&token(&mut data)?) };
        let (width, height) = (side()?, side()?);
        let mut most = || {
            let most = number(&token(&mut data)?)?;
            if (1..65536).contains(&most) {
                Ok(most)
            } else {
                Err(broken(format!("the largest value is {most}; it should be from 1 to 65535")))
            }
        };
        let form = match magic {
            b"P1" => PnmKind::TextBits,
            b"P2" => PnmKind::Text { channels: 1, most: most()? },
            b"P3" => PnmKind::Text { channels: 3, most: most()? },
            b"P4" => PnmKind::Bits,
            b"P5" => PnmKind::Binary { channels: 1, most: most()? },
            b"P6" => PnmKind::Binary { channels: 3, most: most()? },
            b"Pf" => {
                let token = token(&mut data)?;
                let scale = std::str::from_utf8(&token).ok().and_then(|scale| scale.parse::<f64>().ok());
                match scale.filter(|scale| scale.is_finite() && *scale != 0.0) {
                    Some(scale) => PnmKind::Float { little: scale < 0.0 },
                    None => return Err(broken("the scale is no number, or 0".to_owned())),
                }
            }
            _ => return Err(PictureError::NotAPicture),
        };
        Ok(Self { form, width, height, data })
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | 9..=13)
}

/// The next word of a header, without what stands behind `#` in a line, and with it the one white space behind it.
fn token(data: &mut &[u8]) -> Result<Vec<u8>, PictureError> {
    let mut token = Vec::new();
    while let Some((&byte, rest)) = data.split_first() {
        *data = rest;
        if byte == b'#' {
            let end = data.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
            *data = end.map_or(&[], |end| &data[end + 1..]);
        } else if !is_space(byte) {
            token.push(byte);
        } else if !token.is_empty() {
            break;
        }
        if token.len() > LONGEST_NUMBER {
            return Err(broken("a number in the header is too long".to_owned()));
        }
    }
    if token.is_empty() { Err(PictureError::Truncated { format: FORMAT }) } else { Ok(token) }
}

fn number(token: &[u8]) -> Result<u32, PictureError> {
    let number = std::str::from_utf8(token).ok().and_then(|token| token.parse().ok());
    number.ok_or_else(|| broken(format!("{:?} is no number", String::from_utf8_lossy(token))))
}

/// The words of a picture in text; what stands behind `#` in a line is none.
fn words(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let line_ends = |byte: &u8| matches!(byte, b'\r' | b'\n');
    data.split(line_ends)
        .filter_map(|line| line.split(|byte| *byte == b'#').next())
        .flat_map(|line| line.split(|byte| is_space(*byte)))
        .filter(|word| !word.is_empty())
}

/// White space between bits may be left out.
fn text_bits(data: &[u8], pixels: usize) -> Result<Vec<u8>, PictureError> {
    let mut bits = Vec::with_capacity(pixels.min(data.len()));
    for digit in words(data).flatten() {
        match digit {
            b'0' | b'1' => bits.push(digit - b'0'),
            other => return Err(broken(format!("{:?} is neither 0 nor 1", char::from(*other)))),
        }
    }
    if bits.len() < pixels { Err(PictureError::Truncated { format: FORMAT }) } else { Ok(bits) }
}

fn text_values(data: &[u8], count: usize, most: u32) -> Result<Vec<u32>, PictureError> {
    let mut values = Vec::with_capacity(count.min(data.len()));
    for word in words(data).take(count) {
        let value = number(&word[..word.len().min(LONGEST_NUMBER + 1)])?;
        if value > most {
            return Err(broken(format!("the value {value} is larger than {most}")));
        }
        values.push(value);
    }
    if values.len() < count { Err(PictureError::Truncated { format: FORMAT }) } else { Ok(values) }
}

fn broken(detail: String) -> PictureError {
    PictureError::contradiction(FORMAT, detail)
}
