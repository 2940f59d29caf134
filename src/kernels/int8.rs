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

use super::panels::{ColSlice, ROWS, RowSlice, Tile, ZERO, pack_columns, pack_rows, rows_of};
use super::product::{self, Target};

/// Inputs that share their scales.
pub(super) const GROUP: usize = 128;

/// Weights `[outputs, inputs]`, a column for each output, `N` inputs in each `T`.
#[derive(Debug, Clone)]
pub(super) struct QuantisedColumns<T, const N: usize> {
    /// `[panels, inputs / N]`
    pub values: Vec<ColSlice<T>>,
    /// `[panels, groups]`
    pub scales: Vec<ColSlice<f32>>,
    /// Sums of the integers, `[panels, groups]`.
    pub sums: Vec<ColSlice<f32>>,
}

impl<T: Copy + Default, const N: usize> QuantisedColumns<T, N> {
    /// Quantises and packs `weights`, `[outputs, inputs]`; `join` makes a `T` of the bytes of `N` inputs.
    pub(super) fn new(weights: &[f32], inputs: usize, join: impl Fn([u8; N]) -> T) -> Self {
        let (mut values, mut scales, mut sums) = (Vec::new(), Vec::new(), Vec::new());
        let mut bytes = Vec::with_capacity(GROUP);
        for group in weights.chunks_exact(inputs).flat_map(|weights| weights.chunks(GROUP)) {
            let range = Range::of(pulp::Scalar, group);
            let scale = range.spoilt + range.high.max(-range.low) / 127.0;
            let factor = reciprocal(scale);
            bytes.clear();
            bytes.extend(group.iter().map(|weight| byte(*weight, factor, 128.0).wrapping_sub(128)));
            scales.push(scale);
            sums.push(bytes.iter().map(|byte| f32::from(*byte as i8)).sum());
            bytes.resize(group.len().next_multiple_of(N), 0);
            values.extend(bytes.as_chunks::<N>().0.iter().map(|part| join(*part)));
        }
        let groups = inputs.div_ceil(GROUP);
        Self {
            values: pack_columns(&values, inputs.div_ceil(N), T::default()),
            scales: pack_columns(&scales, groups, 0.0),
            sums: pack_columns(&sums, groups, 0.0),
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
    pub zeros: Vec<RowSlice<f32>>,
    /// The integers of one group, and then what fills up the last `T`.
    bytes: Vec<u8>,
    /// One panel's integers before they are packed.
    scratch: Vec<T>,
}

impl<T: Copy + Default, const N: usize> QuantisedRows<T, N> {
    /// Makes room for `panels` panels.
    pub(super) fn resize(&mut self, panels: usize, inputs: usize) {
        let (elements, groups) = (inputs.div_ceil(N), inputs.div_ceil(GROUP));
        self.values.resize(panels * elements, [T::default(); ROWS]);
        self.scales.resize(panels * groups, [0.0; ROWS]);
        self.zeros.resize(panels * groups, [0.0; ROWS]);
        self.bytes.resize(GROUP, 0);
        self.scratch.resize(ROWS * elements, T::default());
    }
}

/// Quantises and packs one panel, `[ROWS, inputs]`; `join` makes a `T` of the bytes of `N` inputs.
pub(super) struct Quantise<'a, T, const N: usize, J: Fn([u8; N]) -> T> {
    pub rows: &'a mut QuantisedRows<T, N>,
    pub panel: usize,
    pub values: &'a [f32],
    pub inputs: usize,
    pub join: J,
}

impl<T: Copy, const N: usize, J: Fn([u8; N]) -> T> pulp::WithSimd for Quantise<'_, T, N, J> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { rows: QuantisedRows { values: packed, scales, zeros, bytes, scratch }, .. } = self;
        let (panel, inputs) = (self.panel, self.inputs);
        let (elements, groups) = (inputs.div_ceil(N), inputs.div_ceil(GROUP));
        let rows = self.values.chunks_exact(inputs).zip(scratch.chunks_exact_mut(elements));
        for (row, (values, joined)) in rows.enumerate() {
            for (group, (values, joined)) in
                values.chunks(GROUP).zip(joined.chunks_mut(GROUP / N)).enumerate()
            {
                let range = Range::of(simd, values);
                let scale = range.spoilt + (range.high - range.low) / 255.0;
                let factor = reciprocal(scale);
                let zero = f32::from(byte(-range.low, factor, 0.0));
                scales[panel * groups + group][row] = scale;
                zeros[panel * groups + group][row] = zero;
                for (byte_of, value) in bytes.iter_mut().zip(values) {
                    *byte_of = byte(*value, factor, zero);
                }
                for (joined, bytes) in joined.iter_mut().zip(bytes.as_chunks::<N>().0) {
                    *joined = (self.join)(*bytes);
                }
            }
        }
        pack_rows(rows_of(scratch, elements), &mut packed[panel * elements..][..elements]);
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
    fn of<S: Simd>(simd: S, values: &[f32]) -> Self {
        let zero = simd.splat_f32s(0.0);
        let (mut low, mut high, mut spoilt) = (zero, zero, zero);
        let (whole, rest) = S::as_simd_f32s(values);
        for &values in whole.iter().chain([&simd.partial_load_f32s(rest)]) {
            low = simd.min_f32s(low, values);
            high = simd.max_f32s(high, values);
            spoilt = simd.add_f32s(spoilt, simd.sub_f32s(values, values));
        }
        Self {
            low: simd.reduce_min_f32s(low),
            high: simd.reduce_max_f32s(high),
            spoilt: simd.reduce_sum_f32s(spoilt),
        }
    }
}

/// Adds a group's brackets to a tile: `sums` are Σ a·w, whole numbers.
#[inline(always)]
fn add_group(
    tile: &mut Tile,
    sums: &Tile,
    row_scales: &RowSlice<f32>,
    zeros: &RowSlice<f32>,
    column_scales: &ColSlice<f32>,
    column_sums: &ColSlice<f32>,
) {
    for (row, tile) in tile.iter_mut().enumerate() {
        for (column, tile) in tile.0.iter_mut().enumerate() {
            let bracket = sums[row].0[column] - zeros[row] * column_sums.0[column];
            *tile += bracket * (row_scales[row] * column_scales.0[column]);
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
        let mut sums = ZERO;
        target.fill(&columns.values, |row_panel, column_panel, tile| {
            *tile = ZERO;
            let rows_of_panel = rows.values[row_panel * inputs..][..inputs].chunks(GROUP);
            let columns_of_panel = columns.values[column_panel * inputs..][..inputs].chunks(GROUP);
            for (group, (row_values, column_values)) in rows_of_panel.zip(columns_of_panel).enumerate() {
                product::tile(simd, row_values, column_values, &mut sums);
                let (row, column) = (row_panel * groups + group, column_panel * groups + group);
                let (row_scales, zeros) = (&rows.scales[row], &rows.zeros[row]);
                add_group(tile, &sums, row_scales, zeros, &columns.scales[column], &columns.sums[column]);
            }
        });
    }
}

/// A product of bytes, four to an element, for AVX-512 VNNI.
#[cfg(target_arch = "x86_64")]
pub(super) struct ByteProduct<'a> {
    pub vnni: super::x86::Vnni,
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
        target.fill(&columns.values, |row_panel, column_panel, tile| {
            let (row, column) = (row_panel * groups, column_panel * groups);
            let panels = super::x86::Panels {
                rows: &rows.values[row_panel * elements..][..elements],
                row_scales: &rows.scales[row..][..groups],
                zeros: &rows.zeros[row..][..groups],
                columns: &columns.values[column_panel * elements..][..elements],
                column_scales: &columns.scales[column..][..groups],
                column_sums: &columns.sums[column..][..groups],
            };
            vnni.tile(panels, tile);
        });
    }
}
