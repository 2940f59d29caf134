//! PNG: its chunks are looked at here, so that what is taken and what is refused is what Pillow takes and refuses. The
//! decoder gets nothing but a header and the compressed rows.
//!
//! Checksums of chunks count up to the rows; those of the rows and behind them do not, and the end chunk may be missing.

use std::io::Cursor;

use flate2::Crc;
use image::RgbImage;
use png::{BitDepth, ColorType, DecodeOptions, Decoder, DecodingError, Limits, Transformations};

use super::decode::{check_size, new_picture};
use super::error::PictureError;
use super::samples;

const FORMAT: &str = "PNG";
const SIGNATURE: usize = 8;

pub(super) fn decode(bytes: &[u8]) -> Result<RgbImage, PictureError> {
    let parts = Parts::read(bytes)?;
    let (width, height) = parts.dimensions();
    if width == 0 || height == 0 {
        return Err(PictureError::NoPixels);
    }
    check_size(width, height)?;
    let mut options = DecodeOptions::default();
    options.set_ignore_crc(true);
    options.set_ignore_adler32(false);
    let mut decoder = Decoder::new_with_options(Cursor::new(parts.rows_alone()), options);
    decoder.set_limits(Limits { bytes: usize::MAX });
    decoder.set_transformations(Transformations::IDENTITY);
    let mut reader = decoder.read_info().map_err(|error| broken(&error))?;
    let (colour, depth) = reader.output_color_type();
    let to_rgb = |row: &[u8], out: &mut [u8]| row_to_rgb(row, colour, depth, parts.palette, out);
    let mut picture = new_picture(width, height)?;
    let out_row = width as usize * 3;
    if reader.info().interlaced {
        let row = reader.output_line_size(width).ok_or(PictureError::TooLarge { width, height })?;
        let mut rows = vec![0; row * height as usize];
        reader.next_frame(&mut rows).map_err(|error| broken(&error))?;
        rows.chunks_exact(row).zip(picture.chunks_exact_mut(out_row)).for_each(|(row, out)| to_rgb(row, out));
    } else {
        for out in picture.chunks_exact_mut(out_row) {
            let row = reader.next_row().map_err(|error| broken(&error))?;
            to_rgb(row.ok_or(PictureError::Truncated { format: FORMAT })?.data(), out);
        }
        // What follows the last row may be missing, but the checksum of the rows must not be wrong.
        match reader.next_row().map_err(|error| broken(&error)) {
            Ok(_) | Err(PictureError::Truncated { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(picture)
}

pub(super) fn dimensions(bytes: &[u8]) -> Result<(u32, u32), PictureError> {
    Parts::read(bytes).map(|parts| parts.dimensions())
}

fn row_to_rgb(row: &[u8], colour: ColorType, depth: BitDepth, palette: &[u8], out: &mut [u8]) {
    let high = |pair: &[u8]| samples::upper(u16::from_be_bytes([pair[0], pair[1]]));
    let out = out.chunks_exact_mut(3);
    match (colour, depth) {
        (ColorType::Grayscale, BitDepth::Sixteen) => {
            for (out, grey) in out.zip(row.chunks_exact(2)) {
                out.fill(samples::cut(u16::from_be_bytes([grey[0], grey[1]])));
            }
        }
        (ColorType::Grayscale, depth) => {
            let step = samples::step(depth as u8);
            out.zip(samples::bits(row, depth as u8)).for_each(|(out, grey)| out.fill(grey * step));
        }
        (ColorType::Indexed, depth) => {
            for (out, index) in out.zip(samples::bits(row, depth as u8)) {
                out.copy_from_slice(&samples::colour(palette, index));
            }
        }
        (ColorType::GrayscaleAlpha, BitDepth::Sixteen) => {
            out.zip(row.chunks_exact(4)).for_each(|(out, pixel)| out.fill(high(pixel)));
        }
        (ColorType::GrayscaleAlpha, _) => {
            out.zip(row.chunks_exact(2)).for_each(|(out, pixel)| out.fill(pixel[0]));
        }
        (ColorType::Rgb | ColorType::Rgba, BitDepth::Sixteen) => {
            for (out, pixel) in out.zip(row.chunks_exact(2 * colour.samples())) {
                out.iter_mut().zip(pixel.chunks_exact(2)).for_each(|(out, pair)| *out = high(pair));
            }
        }
        (ColorType::Rgb | ColorType::Rgba, _) => {
            let pixels = row.chunks_exact(colour.samples());
            out.zip(pixels).for_each(|(out, pixel)| out.copy_from_slice(&pixel[..3]));
        }
    }
}

/// What a PNG's pixels are made of.
struct Parts<'a> {
    header: &'a [u8; 13],
    palette: &'a [u8],
    /// The contents of the chunks that follow one another, the last one perhaps cut.
    rows: Vec<&'a [u8]>,
}

impl<'a> Parts<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, PictureError> {
        let truncated = || PictureError::Truncated { format: FORMAT };
        let (mut header, mut palette, mut rows, mut ended) = (None, &[][..], Vec::new(), false);
        let mut rest = bytes.get(SIGNATURE..).unwrap_or_default();
        while let Some((length, kind)) = rest
            .split_first_chunk::<4>()
            .and_then(|(length, rest)| Some((u32::from_be_bytes(*length) as usize, rest.first_chunk::<4>()?)))
        {
            if !kind.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
                if rows.is_empty() {
                    return Err(contradiction("what should be a chunk is none"));
                }
                break;
            }
            let content = &rest[8..];
            let whole = content.get(..length);
            match kind {
                // Rows behind something else are not looked for.
                b"IDAT" if !ended => rows.push(whole.unwrap_or(content)),
                b"IEND" => break,
                _ => {
                    let content = whole.ok_or_else(truncated)?;
                    ended |= !rows.is_empty();
                    if !ended {
                        check(kind, content, &rest[8 + length..])?;
                        match kind {
                            b"IHDR" => header = content.first_chunk(),
                            b"PLTE" => palette = content,
                            _ => {}
                        }
                    }
                }
            }
            rest = content.get(length + 4..).unwrap_or_default();
        }
        let header = header.ok_or_else(truncated)?;
        if rows.is_empty() { Err(truncated()) } else { Ok(Self { header, palette, rows }) }
    }

    fn dimensions(&self) -> (u32, u32) {
        let [a, b, c, d, e, f, g, h, ..] = *self.header;
        (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]))
    }

    /// A PNG of nothing but header, palette and rows, with zeros for checksums.
    fn rows_alone(&self) -> Vec<u8> {
        let length = self.rows.iter().map(|rows| rows.len()).sum::<usize>();
        let mut png = Vec::with_capacity(length + 1024);
        png.extend(b"\x89PNG\r\n\x1a\n");
        let mut put = |kind: &[u8; 4], parts: &[&[u8]]| {
            let length = parts.iter().map(|part| part.len()).sum::<usize>();
            png.extend(u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
            png.extend(kind);
            parts.iter().for_each(|part| png.extend(*part));
            png.extend([0; 4]);
        };
        put(b"IHDR", &[self.header]);
        if !self.palette.is_empty() {
            put(b"PLTE", &[self.palette]);
        }
        self.rows.iter().for_each(|rows| put(b"IDAT", &[rows]));
        put(b"IEND", &[]);
        png
    }
}

/// Compares a chunk before the rows with the checksum that follows it.
fn check(kind: &[u8; 4], content: &[u8], behind: &[u8]) -> Result<(), PictureError> {
    let written = behind.first_chunk().ok_or(PictureError::Truncated { format: FORMAT })?;
    let mut crc = Crc::new();
    crc.update(kind);
    crc.update(content);
    if crc.sum() == u32::from_be_bytes(*written) {
        Ok(())
    } else {
        Err(contradiction(format!("the checksum of its chunk {} is wrong", String::from_utf8_lossy(kind))))
    }
}

fn contradiction(detail: impl Into<String>) -> PictureError {
    PictureError::contradiction(FORMAT, detail)
}

fn broken(error: &DecodingError) -> PictureError {
    PictureError::broken(FORMAT, error)
}
