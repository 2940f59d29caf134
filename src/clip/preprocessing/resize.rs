//! Resizing of 8-bit pictures, to the last bit as Pillow does it (`Resample.c`): a horizontal and a vertical pass,
//! each with weights in 22-bit fixed point and its result rounded to 8 bits.

use std::f64::consts::PI;
use std::ops::Range;

use image::RgbImage;

/// Filters, with Pillow's numbers, which `preprocessor_config.json` uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resample {
    /// 0: the nearest pixel, without antialiasing.
    Nearest,
    /// 1
    Lanczos,
    /// 2
    Bilinear,
    /// 3: CLIP's own.
    Bicubic,
    /// 4
    Box,
    /// 5
    Hamming,
}

impl Resample {
    /// By Pillow's number.
    pub(in crate::clip) fn from_number(number: u64) -> Option<Self> {
        [Self::Nearest, Self::Lanczos, Self::Bilinear, Self::Bicubic, Self::Box, Self::Hamming]
            .get(usize::try_from(number).ok()?)
            .copied()
    }

    /// By Pillow's name.
    pub(in crate::clip) fn from_name(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "nearest" => Some(Self::Nearest),
            "lanczos" => Some(Self::Lanczos),
            "bilinear" => Some(Self::Bilinear),
            "bicubic" => Some(Self::Bicubic),
            "box" => Some(Self::Box),
            "hamming" => Some(Self::Hamming),
            _ => None,
        }
    }

    /// Half the filter's width in source pixels, when the size does not change.
    fn support(self) -> f64 {
        match self {
            Self::Nearest | Self::Box => 0.5,
            Self::Bilinear | Self::Hamming => 1.0,
            Self::Bicubic => 2.0,
            Self::Lanczos => 3.0,
        }
    }

    /// The filter's value at a distance from its centre.
    fn value(self, x: f64) -> f64 {
        let distance = x.abs();
        match self {
            Self::Nearest | Self::Box => f64::from(x > -0.5 && x <= 0.5),
            Self::Bilinear => (1.0 - distance).max(0.0),
            Self::Hamming if distance == 0.0 => 1.0,
            Self::Hamming if distance >= 1.0 => 0.0,
            Self::Hamming => sinc(distance) * (0.54 + 0.46 * (PI * distance).cos()),
            Self::Bicubic => bicubic(distance),
            Self::Lanczos if (-3.0..3.0).contains(&x) => sinc(x) * sinc(x / 3.0),
            Self::Lanczos => 0.0,
        }
    }
}

/// Keys' cubic convolution with a = −0.5 (IEEE Transactions on Acoustics, Speech, and Signal Processing 29, 1981).
fn bicubic(distance: f64) -> f64 {
    const A: f64 = -0.5;
    if distance < 1.0 {
        ((A + 2.0) * distance - (A + 3.0)) * distance * distance + 1.0
    } else if distance < 2.0 {
        (((distance - 5.0) * distance + 8.0) * distance - 4.0) * A
    } else {
        0.0
    }
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

/// A part of the resized picture: columns and rows, both within it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::clip) struct Window {
    pub columns: Range<usize>,
    pub rows: Range<usize>,
}

/// The `window` of `image` resized to `width` × `height`. No side may be 0.
pub(in crate::clip) fn resize(
    image: &RgbImage,
    width: usize,
    height: usize,
    window: &Window,
    filter: Resample,
) -> RgbImage {
    let (source_width, source_height) = (image.width() as usize, image.height() as usize);
    let columns = weights(source_width, width, window.columns.clone(), filter);
    let mut rows = weights(source_height, height, window.rows.clone(), filter);
    if vertical_first((source_width, source_height), (width, height)) {
        return horizontal(&vertical(image, &rows), 0..rows.len(), &columns);
    }
    let first = rows.iter().map(|taps| taps.first).min().unwrap_or(0);
    let end = rows.iter().map(|taps| taps.first + taps.weights.len()).max().unwrap_or(0);
    rows.iter_mut().for_each(|taps| taps.first -= first);
    vertical(&horizontal(image, first..end, &columns), &rows)
}

/// Whether the vertical pass is the first: since Pillow 13, where the height loses more than twice as many pixels as
/// the width; in earlier versions, never. The result depends on it, by the rounding and clamping in between.
fn vertical_first(source: (usize, usize), target: (usize, usize)) -> bool {
    source.1.saturating_sub(target.1) > 2 * source.0.saturating_sub(target.0)
}

const CHANNELS: usize = 3;
/// Bits after the point of a weight.
const PRECISION: u32 = 32 - 8 - 2;
/// One half, so that cutting off the bits after the point rounds.
const HALF: i32 = 1 << (PRECISION - 1);

fn to_pixel(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}

/// The rows `range` of `image`, each narrowed or widened to as many pixels as there are taps.
fn horizontal(image: &RgbImage, range: Range<usize>, columns: &[Taps]) -> RgbImage {
    let line = image.width() as usize * CHANNELS;
    let mut resized = Vec::with_capacity(range.len() * columns.len() * CHANNELS);
    for source in image.as_raw()[range.start * line..range.end * line].chunks_exact(line) {
        for taps in columns {
            let mut sums = [HALF; CHANNELS];
            for (pixel, weight) in source[taps.first * CHANNELS..].chunks_exact(CHANNELS).zip(&taps.weights) {
                sums.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += i32::from(*value) * weight);
            }
            resized.extend(sums.map(to_pixel));
        }
    }
    picture(columns.len(), range.len(), resized)
}

/// `image` with as many rows as there are taps.
fn vertical(image: &RgbImage, rows: &[Taps]) -> RgbImage {
    let line = image.width() as usize * CHANNELS;
    let mut resized = Vec::with_capacity(rows.len() * line);
    let mut sums = vec![0; line];
    for taps in rows {
        sums.fill(HALF);
        for (source, weight) in image.as_raw()[taps.first * line..].chunks_exact(line).zip(&taps.weights) {
            sums.iter_mut().zip(source).for_each(|(sum, value)| *sum += i32::from(*value) * weight);
        }
        resized.extend(sums.iter().copied().map(to_pixel));
    }
    picture(image.width() as usize, rows.len(), resized)
}

fn picture(width: usize, height: usize, pixels: Vec<u8>) -> RgbImage {
    RgbImage::from_raw(width as u32, height as u32, pixels).unwrap_or_default()
}

/// Which source pixels make one pixel, and how much each counts.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Taps {
    first: usize,
    /// In fixed point.
    weights: Vec<i32>,
}

/// The taps of the pixels `range` of a line that goes from `source` to `target` pixels.
fn weights(source: usize, target: usize, range: Range<usize>, filter: Resample) -> Vec<Taps> {
    let scale = source as f64 / target as f64;
    if filter == Resample::Nearest {
        return nearest(source, scale, range);
    }
    let spread = scale.max(1.0);
    let support = filter.support() * spread;
    range
        .map(|at| {
            let centre = (at as f64 + 0.5) * scale;
            let first = (centre - support + 0.5).max(0.0) as usize;
            let end = ((centre + support + 0.5) as usize).min(source);
            let values: Vec<f64> =
                (first..end).map(|x| filter.value((x as f64 - centre + 0.5) * spread.recip())).collect();
            let sum: f64 = values.iter().sum();
            let weights =
                values.iter().map(|value| fixed(if sum == 0.0 { *value } else { value / sum })).collect();
            Taps { first, weights }
        })
        .collect()
}

/// Adds up steps from the line's start, as Pillow does: rounding errors decide at ties.
fn nearest(source: usize, scale: f64, range: Range<usize>) -> Vec<Taps> {
    std::iter::successors(Some(scale * 0.5), |position| Some(position + scale))
        .take(range.end)
        .skip(range.start)
        .map(|position| Taps { first: (position as usize).min(source - 1), weights: vec![1 << PRECISION] })
        .collect()
}

/// Rounds halves away from zero.
fn fixed(weight: f64) -> i32 {
    (weight * f64::from(1 << PRECISION)).round() as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| {
            image::Rgb([(x * 37 + y * 11) as u8, (x * y) as u8, (y * 91) as u8])
        })
    }

    fn all(width: usize, height: usize) -> Window {
        Window { columns: 0..width, rows: 0..height }
    }

    #[test]
    fn the_same_size_changes_nothing() {
        for number in 0..6 {
            let filter = Resample::from_number(number).unwrap();
            let image = pattern(23, 17);
            assert_eq!(resize(&image, 23, 17, &all(23, 17), filter), image, "{filter:?}");
        }
    }

    #[test]
    fn a_window_is_that_part_of_the_whole() {
        let image = pattern(40, 90);
        let window = Window { columns: 5..20, rows: 9..31 };
        for number in 0..6 {
            let filter = Resample::from_number(number).unwrap();
            for height in [40, 100] {
                let whole = resize(&image, 24, height, &all(24, height), filter);
                let part = resize(&image, 24, height, &window, filter);
                let expected = image::imageops::crop_imm(&whole, 5, 9, 15, 22).to_image();
                assert_eq!(part, expected, "{filter:?} to {height}");
            }
        }
    }

    #[test]
    fn the_vertical_pass_is_first_where_the_height_loses_most() {
        assert!(vertical_first((100, 100), (90, 79)));
        assert!(!vertical_first((100, 100), (90, 80)));
        assert!(vertical_first((100, 100), (200, 99)));
        assert!(!vertical_first((100, 100), (200, 101)));
    }

    #[test]
    fn numbers_beyond_pillows_are_none() {
        assert_eq!(Resample::from_number(3), Some(Resample::Bicubic));
        assert_eq!(Resample::from_number(6), None);
    }
}
