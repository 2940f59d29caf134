//! 8-bit operands: how floats become integers, and products of those.
//!
//! Inputs are cut into groups of [`GROUP`]. Weights of one output in one group share a scale, largest magnitude / 127
//! (symmetric); activations of one row in one group share a scale and a zero point, so that their range, widened to
//! contain 0, fills 0 to 255 (asymmetric). One outlying channel coarsens its own group only. With s the scales, z the
//! zero point, a and w the integers: Σ x·w ≈ s_row · s_output · (Σ a·w − z · Σ w), and the bracket is exact.
//!
//! Where a processor has no 8-bit products, the same integers are multiplied as floats: a bracket is below 2²⁴, so
//! that is exact too, and results are the same to the last bit.

use pulp::Simd;

use super::panels::{COLS, ColSlice, ROWS, RowSlice, Tile, ZERO, pack_columns, pack_rows};
use super::product::{self, Target};

/// Inputs that share their scales.
pub(super) const GROUP: usize = 256;

/// Weights `[outputs, inputs]`, a column for each output, `N` inputs in each `T`.
#[derive(Debug, Clone)]
pub(super) struct QuantisedColumns<T, const N: usize> {
    /// `[panels, inputs / N]`
    pub values: Vec<ColSlice<T>>,
    /// `[panels, groups]`
    pub scales: Vec<ColSlice<f32>>,
    /// Sums of the integers, `[panels, groups]`.
    pub sums: Vec<ColSlice<i32>>,
}

impl<T: Copy + Default, const N: usize> QuantisedColumns<T, N> {
    /// Quantises and packs `weights`, `[outputs, inputs]`; `join` makes a `T` of the bytes of `N` inputs.
    pub(super) fn new(weights: &[f32], inputs: usize, join: impl Fn([u8; N]) -> T) -> Self {
        let (mut values, mut scales, mut sums) = (Vec::new(), Vec::new(), Vec::new());
        for group in weights.chunks_exact(inputs).flat_map(|weights| weights.chunks(GROUP)) {
            let range = Range::of(group);
            let scale = range.spoilt + range.high.max(-range.low) / 127.0;
            let factor = reciprocal(scale);
            let quantise = |weight: &f32| (weight * factor).round_ties_even() as i8;
            scales.push(scale);
            sums.push(group.iter().map(|weight| i32::from(quantise(weight))).sum());
            values.extend(
                group
                    .chunks(N)
                    .map(|part| join(std::array::from_fn(|at| part.get(at).map_or(0, quantise) as u8))),
            );
        }
        let groups = inputs.div_ceil(GROUP);
        Self {
            values: pack_columns(&values, inputs.div_ceil(N), T::default()),
            scales: pack_columns(&scales, groups, 0.0),
            sums: pack_columns(&sums, groups, 0),
        }
    }
}

/// Activations `[rows, inputs]`, `N` inputs in each `T`.
#[derive(Debug, Clone, Default)]
pub(super) struct QuantisedRows<T, const N: usize> {
    /// `[panels, inputs / N]`
    pub values: Vec<RowSlice<T>>,
    /// `[panels, groups]`
    pub scales: Vec<RowSlice<f32>>,
    /// Zero points, `[panels, groups]`.
    pub zeros: Vec<RowSlice<i32>>,
    /// One panel's integers before they are packed.
    scratch: Vec<T>,
}

impl<T: Copy + Default, const N: usize> QuantisedRows<T, N> {
    /// Makes room for `panels` panels.
    pub(super) fn resize(&mut self, panels: usize, inputs: usize) {
        let (elements, groups) = (inputs.div_ceil(N), inputs.div_ceil(GROUP));
        self.values.resize(panels * elements, [T::default(); ROWS]);
        self.scales.resize(panels * groups, [0.0; ROWS]);
        self.zeros.resize(panels * groups, [0; ROWS]);
        self.scratch.resize(ROWS * elements, T::default());
    }

    /// Quantises and packs one panel, `[ROWS, inputs]`; `join` makes a `T` of the bytes of `N` inputs.
    #[inline(always)]
    pub(super) fn pack(&mut self, panel: usize, rows: &[f32], inputs: usize, join: impl Fn([u8; N]) -> T) {
        let (elements, groups) = (inputs.div_ceil(N), inputs.div_ceil(GROUP));
        for (row, (values, packed)) in
            rows.chunks_exact(inputs).zip(self.scratch.chunks_exact_mut(elements)).enumerate()
        {
            for (group, (values, packed)) in
                values.chunks(GROUP).zip(packed.chunks_mut(GROUP / N)).enumerate()
            {
                let range = Range::of(values);
                let scale = range.spoilt + (range.high - range.low) / 255.0;
                let factor = reciprocal(scale);
                let zero = (-range.low * factor).round_ties_even();
                self.scales[panel * groups + group][row] = scale;
                self.zeros[panel * groups + group][row] = zero as i32;
                let (whole, rest) = values.as_chunks::<N>();
                for (packed, values) in packed.iter_mut().zip(whole) {
                    *packed = join(values.map(|value| byte(value, factor, zero)));
                }
                if let (Some(packed), false) = (packed.get_mut(whole.len()), rest.is_empty()) {
                    let value = |at| rest.get(at).copied().unwrap_or(0.0);
                    *packed = join(std::array::from_fn(|at| byte(value(at), factor, zero)));
                }
            }
        }
        pack_rows(&self.scratch, &mut self.values[panel * elements..][..elements]);
    }
}

/// `value · factor + zero`, rounded to the nearest integer from 0 to 255.
#[inline(always)]
fn byte(value: f32, factor: f32, zero: f32) -> u8 {
    /// 2²³: floats from here on are whole numbers, with their last bits as an integer's.
    const WHOLE: f32 = 8_388_608.0;
    let moved = value * factor + zero;
    let moved = if moved > 0.0 { moved } else { 0.0 };
    let moved = if moved < 255.0 { moved } else { 255.0 };
    (moved + WHOLE).to_bits() as u8
}

/// 1 / `scale`, or 0 where everything is (nearly) 0.
#[inline(always)]
fn reciprocal(scale: f32) -> f32 {
    if scale > 1e-30 { 1.0 / scale } else { 0.0 }
}

/// The range of some values and of 0.
struct Range {
    low: f32,
    high: f32,
    /// 0, or not a number where a value is not finite: a result made of it must not look like one.
    spoilt: f32,
}

impl Range {
    #[inline(always)]
    fn of(values: &[f32]) -> Self {
        const LANES: usize = 16;
        let (mut low, mut high, mut spoilt) = ([0.0; LANES], [0.0; LANES], [0.0; LANES]);
        let (whole, rest) = values.as_chunks::<LANES>();
        let mut padded = [0.0; LANES];
        padded[..rest.len()].copy_from_slice(rest);
        for values in whole.iter().chain([&padded]) {
            for (at, &value) in values.iter().enumerate() {
                low[at] = if value < low[at] { value } else { low[at] };
                high[at] = if value > high[at] { value } else { high[at] };
                spoilt[at] += value - value;
            }
        }
        Self {
            low: low.into_iter().fold(0.0, f32::min),
            high: high.into_iter().fold(0.0, f32::max),
            spoilt: spoilt.into_iter().sum(),
        }
    }
}

/// Adds a group's brackets to a tile: `sums` are Σ a·w as exact integers.
#[inline(always)]
pub(super) fn add_group(
    tile: &mut Tile,
    sums: &[ColSlice<i32>; ROWS],
    row_scales: &RowSlice<f32>,
    zeros: &RowSlice<i32>,
    column_scales: &ColSlice<f32>,
    column_sums: &ColSlice<i32>,
) {
    for row in 0..ROWS {
        for column in 0..COLS {
            let bracket = sums[row].0[column] - zeros[row] * column_sums.0[column];
            tile[row].0[column] += bracket as f32 * (row_scales[row] * column_scales.0[column]);
        }
    }
}

/// A product of integers that are held as floats.
pub(super) struct WholeProduct<'a> {
    pub rows: &'a QuantisedRows<f32, 1>,
    pub columns: &'a QuantisedColumns<f32, 1>,
    pub inputs: usize,
    pub target: Target<'a>,
}

impl pulp::WithSimd for WholeProduct<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { rows, columns, inputs, target } = self;
        let groups = inputs.div_ceil(GROUP);
        target.fill(|row_panel, column_panel| {
            let mut tile = ZERO;
            let rows_of_panel = rows.values[row_panel * inputs..][..inputs].chunks(GROUP);
            let columns_of_panel = columns.values[column_panel * inputs..][..inputs].chunks(GROUP);
            for (group, (row_values, column_values)) in rows_of_panel.zip(columns_of_panel).enumerate() {
                let sums = product::tile(simd, row_values, column_values);
                let sums = sums.map(|sums| ColSlice(sums.0.map(|sum| sum as i32)));
                let (row, column) = (row_panel * groups + group, column_panel * groups + group);
                let (row_scales, zeros) = (&rows.scales[row], &rows.zeros[row]);
                add_group(
                    &mut tile,
                    &sums,
                    row_scales,
                    zeros,
                    &columns.scales[column],
                    &columns.sums[column],
                );
            }
            tile
        });
    }
}

/// A product of bytes, four to an element, for AVX-512 VNNI.
#[cfg(target_arch = "x86_64")]
pub(super) struct ByteProduct<'a> {
    pub vnni: super::vnni::Vnni,
    pub rows: &'a QuantisedRows<u32, 4>,
    pub columns: &'a QuantisedColumns<i32, 4>,
    pub inputs: usize,
    pub target: Target<'a>,
}

#[cfg(target_arch = "x86_64")]
impl pulp::WithSimd for ByteProduct<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { vnni, rows, columns, inputs, target } = self;
        let (elements, groups) = (inputs.div_ceil(4), inputs.div_ceil(GROUP));
        target.fill(|row_panel, column_panel| {
            let (row, column) = (row_panel * groups, column_panel * groups);
            vnni.tile(super::vnni::Panels {
                rows: &rows.values[row_panel * elements..][..elements],
                row_scales: &rows.scales[row..][..groups],
                zeros: &rows.zeros[row..][..groups],
                columns: &columns.values[column_panel * elements..][..elements],
                column_scales: &columns.scales[column..][..groups],
                column_sums: &columns.sums[column..][..groups],
            })
        });
    }
}
