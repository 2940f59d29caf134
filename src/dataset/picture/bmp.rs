//! BMP, with a file header or without, as Pillow reads it: 1, 4 and 8 bits with a palette, 16, 24 and 32 bits with the usual
//! masks, run lengths, from the bottom or from the top. Alpha is not looked at.

use image::RgbImage;

use super::decode::new_picture;
use super::error::PictureError;
use super::samples;

const FORMAT: &str = "BMP";
const FILE_HEADER: usize = 14;

pub(super) fn decode(bytes: &[u8]) -> Result<RgbImage, PictureError> {
    let header = Header::read(bytes)?;
    let mut picture = new_picture(header.width, header.height)?;
    if picture.is_empty() {
        return Ok(picture);
    }
    let width = header.width as usize;
    let (rows, row) = match header.packing {
        Packing::Runs { nibbles } => {
            let pixels = unpacked(bytes, header.data, width * header.height as usize, width, nibbles)?;
            (pixels, width)
        }
        Packing::None => {
            let bits = width * usize::from(header.bits);
            let (row, padded) = (bits.div_ceil(8), bits.div_ceil(32) * 4);
            // The last row need not be filled up.
            let length = padded * (header.height as usize - 1) + row;
            let data = bytes
                .get(header.data..)
                .and_then(|data| data.get(..length))
                .ok_or(PictureError::Truncated { format: FORMAT })?;
            (data.to_vec(), padded)
        }
    };
    let depth = if matches!(header.packing, Packing::Runs { .. }) { 8 } else { header.bits };
    let height = header.height as usize;
    for (y, out) in picture.chunks_exact_mut(width * 3).enumerate() {
        let y = if header.top_down { y } else { height - 1 - y };
        let row = &rows[y * row..rows.len().min((y + 1) * row)];
        let out = out.chunks_exact_mut(3);
        match (depth, header.masks) {
            (1 | 4 | 8, _) => {
                for (out, index) in out.zip(samples::bits(row, depth as u8)) {
                    out.copy_from_slice(&header.palette.colour(index));
                }
            }
            (16, masks) => {
                for (out, pixel) in out.zip(row.chunks_exact(2)) {
                    let pixel = u32::from(u16::from_le_bytes([pixel[0], pixel[1]]));
                    let part = |mask: u32| {
                        let most = mask >> mask.trailing_zeros();
                        (((pixel & mask) >> mask.trailing_zeros()) * 255 / most) as u8
                    };
                    out.copy_from_slice(&masks.map(part));
                }
            }
            (_, masks) => {
                let places = masks.map(|mask| mask.trailing_zeros() as usize / 8);
                for (out, pixel) in out.zip(row.chunks_exact(usize::from(depth) / 8)) {
                    out.copy_from_slice(&places.map(|place| pixel[place]));
                }
            }
        }
    }
    Ok(picture)
}

pub(super) fn dimensions(bytes: &[u8]) -> Result<(u32, u32), PictureError> {
    Header::read(bytes).map(|header| (header.width, header.height))
}

struct Header<'a> {
    width: u32,
    height: u32,
    top_down: bool,
    bits: u16,
    packing: Packing,
    /// Of red, green and blue.
    masks: [u32; 3],
    palette: Palette<'a>,
    /// Where the rows begin.
    data: usize,
}

#[derive(Clone, Copy)]
enum Packing {
    None,
    /// Of single pixels or of two in turns.
    Runs {
        nibbles: bool,
    },
}

struct Palette<'a> {
    entries: &'a [u8],
    /// Bytes of an entry: blue, green, red and perhaps one more.
    entry: usize,
}

impl Palette<'_> {
    fn colour(&self, index: u8) -> [u8; 3] {
        let at = usize::from(index) * self.entry;
        match self.entries.get(at..at + 3) {
            Some(&[blue, green, red]) => [red, green, blue],
            _ => [0; 3],
        }
    }
}

impl<'a> Header<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, PictureError> {
        const BITFIELDS: u32 = 3;
        let start = if bytes.starts_with(b"BM") { FILE_HEADER } else { 0 };
        let u32_at =
            |at: usize| bytes.get(at..).and_then(<[u8]>::first_chunk).map(|value| u32::from_le_bytes(*value));
        let u16_at =
            |at: usize| bytes.get(at..).and_then(<[u8]>::first_chunk).map(|value| u16::from_le_bytes(*value));
        let truncated = || PictureError::Truncated { format: FORMAT };
        let size = u32_at(start).ok_or_else(truncated)?;
        let end = start + size as usize;
        if bytes.len() < end {
            return Err(truncated());
        }
        let field = |at: usize| u32_at(start + at).ok_or_else(truncated);
        let short = |at: usize| u16_at(start + at).ok_or_else(truncated);
        let (width, height, top_down, bits, compression, colours) = match size {
            12 => (u32::from(short(4)?), u32::from(short(6)?), false, short(10)?, 0, 0),
            40 | 52 | 56 | 64 | 108 | 124 => {
                let height = field(8)?;
                // A negative one, of at most 24 bits.
                let top_down = height >> 24 == 0xff;
                let height = if top_down { height.wrapping_neg() } else { height };
                (field(4)?, height, top_down, short(14)?, field(16)?, field(32)?)
            }
            other => return Err(unsupported(format!("a header of {other} bytes"))),
        };
        let (entry, most) = (if size == 12 { 3 } else { 4 }, if bits <= 8 { 1 << bits } else { 0 });
        let colours = if colours == 0 { most } else { colours };
        let mut masks = match bits {
            16 => [0x7c00, 0x3e0, 0x1f],
            _ => [0x00ff_0000, 0xff00, 0xff],
        };
        // Masks stand behind a short header.
        let mut behind = end;
        let packing = match (compression, bits) {
            (0, 1 | 4 | 8 | 16 | 24 | 32) => Packing::None,
            (1 | 2, 1 | 4 | 8) => Packing::Runs { nibbles: compression == 2 },
            (BITFIELDS, 16 | 24 | 32) => {
                let written = [field(40)?, field(44)?, field(48)?];
                if size < 52 {
                    behind += 12;
                }
                let alpha = if size >= 56 { field(52)? } else { 0 };
                let known: &[[u32; 4]] = match bits {
                    16 => &[[0xf800, 0x7e0, 0x1f, 0], [0x7c00, 0x3e0, 0x1f, 0]],
                    24 => &[[0x00ff_0000, 0xff00, 0xff, 0]],
                    _ => &[
                        [0x00ff_0000, 0xff00, 0xff, 0],
                        [0xff00_0000, 0x00ff_0000, 0xff00, 0],
                        [0xff00_0000, 0xff00, 0xff, 0],
                        [0xff00_0000, 0x00ff_0000, 0xff00, 0xff],
                        [0xff, 0xff00, 0x00ff_0000, 0xff00_0000],
                        [0x00ff_0000, 0xff00, 0xff, 0xff00_0000],
                        [0xff00_0000, 0xff00, 0xff, 0x00ff_0000],
                        [0; 4],
                    ],
                };
                let fits = |known: &&[u32; 4]| known[..3] == written && (bits != 32 || known[3] == alpha);
                match known.iter().find(fits) {
                    Some([0, 0, 0, 0]) => {}
                    Some(_) => masks = written,
                    None => {
                        return Err(unsupported(format!(
                            "{bits} bits with the masks {written:x?} and {alpha:x}"
                        )));
                    }
                }
                Packing::None
            }
            (0..=3, _) => return Err(unsupported(format!("{bits} bits"))),
            _ => return Err(unsupported(format!("compression {compression}"))),
        };
        let palette = match bits {
            1 | 4 | 8 => {
                let length = (colours as usize).saturating_mul(entry).min(bytes.len() - end);
                behind += length;
                Palette { entries: &bytes[end..end + length], entry }
            }
            _ => Palette { entries: &[], entry },
        };
        let mut data = if start == 0 { 0 } else { u32_at(10).ok_or_else(truncated)? as usize };
        if bits <= 8 && data == end {
            data = behind;
        }
        let data = if data == 0 { behind } else { data };
        Ok(Self { width, height, top_down, bits, packing, masks, palette, data })
    }
}

/// `length` pixels of a byte each from run lengths that begin at `at`.
fn unpacked(
    bytes: &[u8],
    mut at: usize,
    length: usize,
    width: usize,
    nibbles: bool,
) -> Result<Vec<u8>, PictureError> {
    let mut pixels = Vec::with_capacity(length);
    let mut x = 0;
    while pixels.len() < length {
        let Some(&[count, value]) = bytes.get(at..at + 2) else { break };
        at += 2;
        match (count, value) {
            (0, 0) => {
                pixels.resize(pixels.len().next_multiple_of(width), 0);
                x = 0;
            }
            (0, 1) => break,
            (0, 2) => {
                let Some(&[right, up]) = bytes.get(at..at + 2) else { break };
                at += 2;
                let skipped = usize::from(right) + usize::from(up) * width;
                pixels.resize(length.min(pixels.len() + skipped), 0);
                x = pixels.len() % width;
            }
            (0, count) => {
                let wanted = usize::from(count).min(length - pixels.len());
                let stored = if nibbles { wanted.div_ceil(2) } else { wanted };
                let Some(bytes) = bytes.get(at..at + stored) else { break };
                pixels.extend(samples::bits(bytes, if nibbles { 4 } else { 8 }).take(wanted));
                x += usize::from(count);
                at = (at + stored).next_multiple_of(2);
            }
            (count, value) => {
                // What does not fit into the row is left out.
                let count = usize::from(count).min(width.saturating_sub(x));
                let pair = if nibbles { [value >> 4, value & 15] } else { [value; 2] };
                pixels.extend(pair.iter().copied().cycle().take(count));
                x += count;
            }
        }
    }
    pixels.truncate(length);
    if pixels.len() < length { Err(PictureError::Truncated { format: FORMAT }) } else { Ok(pixels) }
}

fn unsupported(detail: String) -> PictureError {
    PictureError::Unsupported { format: FORMAT, detail }
}
