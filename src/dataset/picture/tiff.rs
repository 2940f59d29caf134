//! The first page of a TIFF or BigTIFF, turned as its orientation says.
//!
//! The decoder unpacks strips and tiles and undoes predictors; it is given a directory in which nothing else is left. What
//! the samples mean is Pillow's table.

use std::io::{Cursor, Read};

use image::{RgbImage, imageops};
use tiff::TiffError;
use tiff::decoder::{Decoder, DecodingResult, Limits};

use super::decode::{check_size, new_picture};
use super::error::PictureError;
use super::kind::raw_photo;
use super::samples;
use super::tiff_directory::{Directory, tag};

const FORMAT: &str = "TIFF";

pub(super) fn decode(bytes: &[u8]) -> Result<RgbImage, PictureError> {
    let directory = Directory::read(bytes)?;
    refuse_foreign(&directory)?;
    let layout = Layout::from_directory(&directory)?;
    let mut picture = new_picture(layout.width, layout.height)?;
    if picture.is_empty() {
        return Err(PictureError::NoPixels);
    }
    layout.fill(&mut picture, &layout.read(bytes, &directory)?);
    Ok(turned(picture, orientation(&directory)))
}

/// Width and height of the first page.
pub(super) fn dimensions(bytes: &[u8]) -> Result<(u32, u32), PictureError> {
    let directory = Directory::read(bytes)?;
    refuse_foreign(&directory)?;
    let (width, height) = sides(&directory)?;
    Ok(if orientation(&directory) >= 5 { (height, width) } else { (width, height) })
}

fn sides(directory: &Directory<'_>) -> Result<(u32, u32), PictureError> {
    let side = |tag| {
        let side = directory.first(tag).ok_or(PictureError::Truncated { format: FORMAT })?;
        u32::try_from(side)
            .map_err(|_| PictureError::contradiction(FORMAT, format!("a side of {side} pixels")))
    };
    Ok((side(tag::WIDTH)?, side(tag::HEIGHT)?))
}

/// Cameras' own formats begin with a small preview, which is not the picture.
fn refuse_foreign(directory: &Directory<'_>) -> Result<(), PictureError> {
    const REDUCED: u64 = 1;
    if directory.has(tag::JPEG_XR_PIXELS) {
        return Err(unsupported("JPEG XR".to_owned()));
    }
    if directory.has(tag::DNG_VERSION) {
        return Err(raw_photo("camera RAW (DNG)"));
    }
    let is_preview = directory.first(tag::KIND_OF_PAGE).is_some_and(|kind| kind & REDUCED != 0);
    if is_preview && directory.has(tag::PAGES_BELOW) { Err(raw_photo("camera RAW")) } else { Ok(()) }
}

/// From 1 to 8, as the tag says or else what Adobe's metadata say.
fn orientation(directory: &Directory<'_>) -> u64 {
    let named = || {
        let metadata = directory.bytes(tag::XMP)?;
        let name = b"tiff:Orientation";
        (0..metadata.len()).find_map(|at| {
            let rest = metadata[at..].strip_prefix(name)?;
            let rest = rest.strip_prefix(b"=\"").or_else(|| rest.strip_prefix(b">"))?;
            rest.first().filter(|digit| digit.is_ascii_digit()).map(|digit| u64::from(digit - b'0'))
        })
    };
    directory.first(tag::ORIENTATION).or_else(named).unwrap_or(1)
}

fn turned(picture: RgbImage, orientation: u64) -> RgbImage {
    let transposed = |picture: &RgbImage| imageops::flip_horizontal(&imageops::rotate90(picture));
    match orientation {
        2 => imageops::flip_horizontal(&picture),
        3 => imageops::rotate180(&picture),
        4 => imageops::flip_vertical(&picture),
        5 => transposed(&picture),
        6 => imageops::rotate90(&picture),
        7 => imageops::rotate180(&transposed(&picture)),
        8 => imageops::rotate270(&picture),
        _ => picture,
    }
}

/// What a pixel's samples mean.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Meaning {
    Grey {
        inverted: bool,
    },
    /// 16 and 32 bits, which are cut off.
    Deep {
        signed: bool,
    },
    Float,
    Rgb {
        multiplied: bool,
    },
    Palette(Vec<u8>),
    Cmyk,
    /// Pillow itself rounds down, its libraries do not.
    Ycbcr {
        rounded_down: bool,
    },
    Lab,
}

struct Layout {
    width: u32,
    height: u32,
    bits: u8,
    /// Of a pixel, as they are stored.
    samples: usize,
    planar: bool,
    compression: u64,
    /// Bits are stored lowest first.
    reversed: bool,
    meaning: Meaning,
}

mod compression {
    pub(super) const NONE: u64 = 1;
    pub(super) const LZW: u64 = 5;
    pub(super) const JPEG: u64 = 7;
    pub(super) const DEFLATE: u64 = 8;
    pub(super) const OLD_DEFLATE: u64 = 32946;
    pub(super) const FAX_4: u64 = 4;
    pub(super) const PACK_BITS: u64 = 32773;
    pub(super) const ZSTD: u64 = 50000;
    pub(super) const WEBP: u64 = 50001;

    /// The names of those that are not read here.
    pub(super) fn name(number: u64) -> String {
        match number {
            2 => "CCITT run lengths".to_owned(),
            3 => "fax group 3".to_owned(),
            6 => "old-style JPEG".to_owned(),
            34925 => "LZMA".to_owned(),
            34887 => "LERC".to_owned(),
            33003 | 33005 | 34712 => "JPEG 2000".to_owned(),
            50002 => "JPEG XL".to_owned(),
            number => number.to_string(),
        }
    }
}

impl Layout {
    /// As Pillow's `TiffImagePlugin` understands a directory.
    fn from_directory(directory: &Directory<'_>) -> Result<Self, PictureError> {
        if directory.is_cut() {
            return Err(PictureError::Truncated { format: FORMAT });
        }
        let (width, height) = sides(directory)?;
        let compression = directory.first(tag::COMPRESSION).unwrap_or(compression::NONE);
        let photometric = directory.first(tag::PHOTOMETRIC).unwrap_or(0);
        let planar = directory.first(tag::PLANAR).unwrap_or(1) == 2;
        let order = directory.first(tag::FILL_ORDER).unwrap_or(1);
        let mut formats = directory.all(tag::SAMPLE_FORMAT).unwrap_or(vec![1]);
        formats.dedup();
        let mut depths = directory.all(tag::BITS).unwrap_or(vec![1]);
        let mut extra = directory.all(tag::EXTRA_SAMPLES).unwrap_or_default();
        let mut samples = directory.first(tag::SAMPLES).unwrap_or(1) as usize;
        let stored = samples;
        if planar && extra.iter().all(|kind| *kind == 0) {
            depths.truncate(depths.len().saturating_sub(extra.len()).max(1));
            samples = samples.saturating_sub(extra.len());
            extra.clear();
        }
        if samples > 6 {
            return Err(unsupported(format!("{samples} samples a pixel")));
        }
        if depths.len() == 1 {
            depths.resize(samples, depths[0]);
        }
        depths.truncate(samples);
        depths.dedup();
        let kind = || {
            let (format, depth) = (listed(&formats), listed(&depths));
            let extra =
                if extra.is_empty() { String::new() } else { format!(", extra samples {}", listed(&extra)) };
            format!(
                "photometric interpretation {photometric}, {samples} samples of {depth} bits, format {format}{extra}"
            )
        };
        let (&[format], &[bits]) = (&formats[..], &depths[..]) else { return Err(unsupported(kind())) };
        let little = directory.is_little();
        let meaning = match (photometric, format, bits, samples, &extra[..]) {
            (0 | 1, 1, 1 | 2 | 4 | 8, 1, []) => Meaning::Grey { inverted: photometric == 0 },
            (1, 2, 8, 1, []) | (1, 1, 8, 2, [0 | 2]) | (6, 1, 8, 1, []) => Meaning::Grey { inverted: false },
            // Pillow does not invert these, and of big-endian ones reads the ones of black 0 only.
            (0, 1, 16, 1, []) if little && order == 1 => Meaning::Deep { signed: false },
            (1, 1, 16, 1, []) if little || order == 1 => Meaning::Deep { signed: false },
            (1, 2, 16 | 32, 1, []) => Meaning::Deep { signed: true },
            (1, 1, 32, 1, []) if little => Meaning::Deep { signed: true },
            (0 | 1, 3, 32, 1, []) => Meaning::Float,
            (2, 1, 8 | 16, 3, [])
            | (2, 1, 8 | 16, 4, [] | [0 | 2])
            | (2, 1, 8, 4, [999])
            | (2, 1, 8, 5, [0 | 2, 0])
            | (2, 1, 8, 6, [0 | 2, 0, 0]) => Meaning::Rgb { multiplied: false },
            (2, 1, 8 | 16, 4, [1]) | (2, 1, 8, 5, [1, 0]) | (2, 1, 8, 6, [1, 0, 0]) => {
                Meaning::Rgb { multiplied: true }
            }
            (3, 1, 1 | 2 | 4 | 8, 1, []) | (3, 1, 8, 2, [0 | 2]) => Meaning::Palette(palette(directory)?),
            (5, 1, 8, 4, []) | (5, 1, 8, 5, [0]) | (5, 1, 8, 6, [0, 0]) | (5, 1, 16, 4, []) => Meaning::Cmyk,
            (6, 1, 8, 3, []) => {
                let is_library = !matches!(compression, compression::NONE | compression::JPEG);
                if is_library && directory.all(tag::CHROMA_SUBSAMPLING) != Some(vec![1, 1]) {
                    return Err(unsupported(
                        "YCbCr with fewer colours than pixels, other than JPEG".to_owned(),
                    ));
                }
                Meaning::Ycbcr { rounded_down: compression == compression::NONE }
            }
            (8, 1, 8, 3, []) => Meaning::Lab,
            _ => return Err(unsupported(kind())),
        };
        let reversed = order == 2;
        if reversed && !(samples == 1 && bits <= 16 || (photometric, bits, samples) == (2, 8, 3)) {
            return Err(unsupported(format!("{}, lowest bit first", kind())));
        }
        Ok(Self {
            width,
            height,
            bits: bits as u8,
            samples: if planar { samples } else { stored.min(6) },
            planar: planar && samples > 1,
            compression,
            reversed,
            meaning,
        })
    }

    /// A byte a sample; of fewer than 8 bits, the values as they are.
    fn read(&self, bytes: &[u8], directory: &Directory<'_>) -> Result<Vec<u8>, PictureError> {
        let clean = self.rewritten(bytes, directory)?;
        let mut decoder = Decoder::new(Cursor::new(&clean)).map_err(broken)?.with_limits(Limits::unlimited());
        let mut result = DecodingResult::U8(Vec::new());
        decoder.read_image_to_buffer(&mut result).map_err(broken)?;
        Ok(match result {
            DecodingResult::U8(bytes) if self.bits < 8 => {
                let row = self.width as usize * self.samples;
                let rows = bytes.chunks_exact((row * usize::from(self.bits)).div_ceil(8));
                rows.flat_map(|bytes| samples::bits(bytes, self.bits).take(row)).collect()
            }
            DecodingResult::U8(bytes) => bytes,
            DecodingResult::U16(values) => {
                let level = |value: u16| match self.meaning {
                    Meaning::Deep { signed: true } => samples::cut_signed(i32::from(value as i16)),
                    Meaning::Deep { signed: false } => samples::cut(value),
                    _ => samples::upper(value),
                };
                values.into_iter().map(level).collect()
            }
            DecodingResult::U32(values) => {
                values.into_iter().map(|value| samples::cut_signed(value as i32)).collect()
            }
            DecodingResult::F32(values) => values.into_iter().map(samples::cut_float).collect(),
            _ => return Err(unsupported(format!("{} bits", self.bits))),
        })
    }

    /// The same strips or tiles with a directory that says how they are packed, and of colours nothing.
    fn rewritten(&self, bytes: &[u8], directory: &Directory<'_>) -> Result<Vec<u8>, PictureError> {
        let truncated = || PictureError::Truncated { format: FORMAT };
        type Unpack = fn(&[u8], usize) -> Result<Vec<u8>, PictureError>;
        let unpack: Option<Unpack> = match self.compression {
            compression::LZW => Some(unpacked_lzw),
            compression::DEFLATE | compression::OLD_DEFLATE => Some(unpacked_deflate),
            compression::ZSTD => Some(unpacked_zstd),
            compression::NONE
            | compression::JPEG
            | compression::FAX_4
            | compression::PACK_BITS
            | compression::WEBP => None,
            other => return Err(unsupported(format!("compression {}", compression::name(other)))),
        };
        let compression = if unpack.is_some() { compression::NONE } else { self.compression };
        let (strips, tiles) = (tag::STRIP_OFFSETS, tag::TILE_OFFSETS);
        let (kind, lengths, part_width, part_height) = if directory.has(strips) {
            let rows = directory.first(tag::ROWS_PER_STRIP).unwrap_or(u64::MAX);
            (strips, tag::STRIP_LENGTHS, u64::from(self.width), rows.clamp(1, self.height.into()))
        } else {
            let side =
                |tag| directory.first(tag).filter(|side| (1..1 << 31).contains(side)).ok_or_else(truncated);
            (tiles, tag::TILE_LENGTHS, side(tag::TILE_WIDTH)?, side(tag::TILE_HEIGHT)?)
        };
        check_size(
            u32::try_from(part_width).unwrap_or(u32::MAX),
            u32::try_from(part_height).unwrap_or(u32::MAX),
        )?;
        let down = u64::from(self.height).div_ceil(part_height);
        let of_plane = u64::from(self.width).div_ceil(part_width) * down;
        let wanted = of_plane as usize * if self.planar { self.samples } else { 1 };
        let mut offsets = directory.all(kind).ok_or_else(truncated)?;
        let mut lengths_of = directory.all(lengths).unwrap_or_default();
        if wanted == 1 && offsets.len() > 1 {
            // Each would cover the whole picture: the last one is what is seen.
            lengths_of = lengths_of.split_off(lengths_of.len().saturating_sub(1));
            offsets = offsets.split_off(offsets.len() - 1);
        }
        if offsets.len() < wanted {
            return Err(truncated());
        }
        let samples_of_part = if self.planar { 1 } else { self.samples as u64 };
        let row = (part_width * samples_of_part * u64::from(self.bits)).div_ceil(8);
        let mut file = directory.rewritten(bytes.len() + 1024);
        let mut places = (Vec::with_capacity(wanted), Vec::with_capacity(wanted));
        for (i, offset) in offsets.into_iter().take(wanted).enumerate() {
            // The last strip has the rows that are left; tiles are filled up.
            let rows = match i as u64 % of_plane {
                strip if kind == strips => part_height.min(u64::from(self.height) - strip * part_height),
                _ => part_height,
            };
            let unpacked = usize::try_from(row.saturating_mul(rows)).map_err(|_| truncated())?;
            let from = bytes.get(offset as usize..).ok_or_else(truncated)?;
            // Without packing, the length that is written does not count.
            let length = match lengths_of.get(i) {
                Some(length) if self.compression != compression::NONE => *length as usize,
                None if self.compression != compression::NONE => usize::MAX,
                _ => unpacked,
            };
            let part = &from[..from.len().min(length)];
            let reversed: Vec<u8>;
            let part = if self.reversed && self.compression != compression::JPEG {
                reversed = part.iter().map(|byte| byte.reverse_bits()).collect();
                &reversed
            } else {
                part
            };
            let unpacked_part: Vec<u8>;
            let part = match unpack {
                Some(unpack) => {
                    unpacked_part = unpack(part, unpacked)?;
                    &unpacked_part
                }
                None => part,
            };
            if compression == compression::NONE && part.len() < unpacked {
                return Err(truncated());
            }
            places.0.push(file.put(part));
            places.1.push(part.len() as u64);
        }
        let predictor = directory.first(tag::PREDICTOR).filter(|_| unpack.is_some()).unwrap_or(1);
        const BLACK_IS_ZERO: u64 = 1;
        const FLOAT: u64 = 3;
        let format = if self.meaning == Meaning::Float { FLOAT } else { 1 };
        let mut numbers = vec![
            (tag::WIDTH, vec![self.width.into()]),
            (tag::HEIGHT, vec![self.height.into()]),
            (tag::BITS, vec![self.bits.into()]),
            (tag::COMPRESSION, vec![compression]),
            (tag::PHOTOMETRIC, vec![BLACK_IS_ZERO]),
            (tag::SAMPLES, vec![self.samples as u64]),
            (tag::PLANAR, vec![if self.planar { 2 } else { 1 }]),
            (tag::PREDICTOR, vec![predictor]),
            (tag::SAMPLE_FORMAT, vec![format]),
            (kind, places.0),
            (lengths, places.1),
        ];
        if kind == strips {
            numbers.push((tag::ROWS_PER_STRIP, vec![part_height]));
        } else {
            numbers.extend([(tag::TILE_WIDTH, vec![part_width]), (tag::TILE_HEIGHT, vec![part_height])]);
        }
        let tables = directory.bytes(tag::JPEG_TABLES).filter(|_| compression == compression::JPEG);
        Ok(file.finished(&numbers.into_iter().collect(), tables))
    }

    fn fill(&self, picture: &mut RgbImage, values: &[u8]) {
        let pixels = self.width as usize * self.height as usize;
        let (step, channel) = if self.planar { (1, pixels) } else { (self.samples, 1) };
        let value =
            |pixel: usize, of: usize| values.get(pixel * step + of * channel).copied().unwrap_or_default();
        let three = |pixel| [0, 1, 2].map(|of| value(pixel, of));
        let four = |pixel| [0, 1, 2, 3].map(|of| value(pixel, of));
        let mut set = |colour: &dyn Fn(usize) -> [u8; 3]| {
            picture.pixels_mut().enumerate().for_each(|(i, pixel)| pixel.0 = colour(i));
        };
        let step_of_grey = samples::step(self.bits.min(8));
        match &self.meaning {
            Meaning::Grey { inverted } => {
                let flip = if *inverted { 255 } else { 0 };
                set(&|pixel| [(value(pixel, 0) * step_of_grey) ^ flip; 3]);
            }
            Meaning::Deep { .. } | Meaning::Float => set(&|pixel| [value(pixel, 0); 3]),
            Meaning::Rgb { multiplied: false } => set(&three),
            Meaning::Rgb { multiplied: true } => set(&|pixel| samples::unmultiplied(four(pixel))),
            Meaning::Palette(palette) => set(&|pixel| samples::colour(palette, value(pixel, 0))),
            Meaning::Cmyk => set(&|pixel| samples::cmyk(four(pixel))),
            Meaning::Ycbcr { rounded_down } => {
                let convert = if *rounded_down { samples::ycbcr } else { samples::jpeg_ycbcr };
                set(&|pixel| convert(three(pixel)));
            }
            Meaning::Lab => set(&|pixel| samples::lab(three(pixel))),
        }
    }
}

/// At most `most` bytes, which is true of the next two as well.
fn unpacked_lzw(packed: &[u8], most: usize) -> Result<Vec<u8>, PictureError> {
    let mut decoder = weezl::decode::Decoder::with_tiff_size_switch(weezl::BitOrder::Msb, 8);
    const STEP: usize = 1 << 16;
    let mut unpacked = Vec::new();
    let (mut read, mut written) = (0, 0);
    while written < most {
        unpacked.resize(most.min(written + STEP), 0);
        let step = decoder.decode_bytes(&packed[read..], &mut unpacked[written..]);
        (read, written) = (read + step.consumed_in, written + step.consumed_out);
        match step.status {
            Ok(weezl::LzwStatus::Ok) => {}
            Ok(weezl::LzwStatus::NoProgress | weezl::LzwStatus::Done) => break,
            Err(error) => return Err(PictureError::broken(FORMAT, &error)),
        }
    }
    unpacked.truncate(written);
    Ok(unpacked)
}

fn unpacked_deflate(packed: &[u8], most: usize) -> Result<Vec<u8>, PictureError> {
    up_to(flate2::read::ZlibDecoder::new(packed), most)
}

fn unpacked_zstd(packed: &[u8], most: usize) -> Result<Vec<u8>, PictureError> {
    let decoder = ruzstd::decoding::StreamingDecoder::new(packed);
    up_to(decoder.map_err(|error| PictureError::contradiction(FORMAT, error.to_string()))?, most)
}

fn up_to(decoder: impl Read, most: usize) -> Result<Vec<u8>, PictureError> {
    let mut unpacked = Vec::new();
    let result = decoder.take(most as u64).read_to_end(&mut unpacked);
    result.map_err(|error| PictureError::broken(FORMAT, &error))?;
    Ok(unpacked)
}

fn broken(error: TiffError) -> PictureError {
    match error {
        TiffError::UnsupportedError(what) => unsupported(what.to_string()),
        TiffError::IoError(error) => PictureError::broken(FORMAT, &error),
        error => PictureError::broken(FORMAT, &error),
    }
}

fn listed(numbers: &[u64]) -> String {
    numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(" and ")
}

/// Three bytes a colour: of all reds, all greens and all blues of 16 bits the upper bytes.
fn palette(directory: &Directory<'_>) -> Result<Vec<u8>, PictureError> {
    let values = directory.all(tag::COLOUR_MAP);
    let values = values.ok_or_else(|| PictureError::contradiction(FORMAT, "it has no palette"))?;
    let colours = values.len() / 3;
    Ok((0..colours)
        .flat_map(|i| [0, 1, 2].map(|channel| (values[channel * colours + i] >> 8) as u8))
        .collect())
}

fn unsupported(detail: String) -> PictureError {
    PictureError::Unsupported { format: FORMAT, detail }
}
