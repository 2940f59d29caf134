//! 8-bit operands: how floats become integers, and what of them a step of a product takes.
//!
//! Inputs are cut into groups of [`GROUP`]. Weights of one output in one group share a scale, largest magnitude / 127
//! (symmetric); activations of one row in one group share a scale and a zero point, so that their range, widened to
//! contain 0, fills 0 to 255 (asymmetric). One outlying channel coarsens its own group only. With s the scales, z the
//! zero point, a and w the integers: Σ x·w ≈ s_row · s_output · (Σ a·w − z · Σ w), and the bracket is exact.
//!
//! Where a processor has no 8-bit products, the same integers are multiplied as pairs of 16-bit ones (`pairs.rs`), or else as
//! floats: all sums are below 2²⁴, so that is exact too, and results are the same to the last bit.

use pulp::Simd;

use super::panels::{ColSlice, ROWS, Tile, pack_columns, pack_rows, rows_of};
use super::shape::{PanelPart, Step};

/// Inputs that share their scales: at most 512, or sums would not be exact.
pub(super) const GROUP: usize = 256;

/// Weights `[outputs, inputs]`, a column for each output, `N` inputs in each `T`.
#[derive(Debug, Clone)]
pub(super) struct QuantisedColumns<T, const N: usize> {
    /// Elements of a panel: `inputs / N`, and what fills up the last step of a product.
    pub elements: usize,
    /// `[panels, elements]`
    pub values: Vec<ColSlice<T>>,
    /// `[panels, groups]`
    pub scales: Vec<ColSlice<f32>>,
    /// Sums of the integers, `[panels, groups]`.
    pub sums: Vec<ColSlice<f32>>,
}

impl<T: Copy + Default, const N: usize> QuantisedColumns<T, N> {
    /// Quantises and packs `weights`, `[outputs, inputs]`, for a product that takes `step` inputs at once; `join` makes
    /// a `T` of the bytes of `N` inputs.
    pub(super) fn new(weights: &[f32], inputs: usize, step: usize, join: impl Fn([u8; N]) -> T) -> Self {
        let (mut values, mut scales, mut sums) = (Vec::new(), Vec::new(), Vec::new());
        let mut bytes = Vec::with_capacity(GROUP);
        for group in weights.chunks_exact(inputs).flat_map(|weights| weights.chunks(GROUP)) {
            scales.push(quantise(group, &mut bytes));
            sums.push(bytes.iter().map(|byte| f32::from(*byte as i8)).sum());
            bytes.resize(group.len().next_multiple_of(step), 0);
            values.extend(bytes.as_chunks::<N>().0.iter().map(|part| join(*part)));
        }
        let groups = inputs.div_ceil(GROUP);
        let elements = inputs.next_multiple_of(step) / N;
        Self {
            elements,
            values: pack_columns(&values, elements, T::default()),
            scales: pack_columns(&scales, groups, 0.0),
            sums: pack_columns(&sums, groups, 0.0),
        }
    }
}

/// What quantising leaves of `weights`, `[outputs, inputs]`: each less its integer times the scale.
pub(super) fn remainder(weights: &[f32], inputs: usize) -> Vec<f32> {
    let mut bytes = Vec::with_capacity(GROUP);
    let mut remainder = Vec::with_capacity(weights.len());
    for group in weights.chunks_exact(inputs).flat_map(|weights| weights.chunks(GROUP)) {
        let scale = quantise(group, &mut bytes);
        let pairs = group.iter().zip(&bytes);
        remainder.extend(pairs.map(|(weight, byte)| weight - scale * f32::from(*byte as i8)));
    }
    remainder
}

/// Puts the integers of a group of weights into `bytes`, as 8 bits with a sign, and gives their scale.
fn quantise(group: &[f32], bytes: &mut Vec<u8>) -> f32 {
    let range = Range::of(pulp::Scalar, group);
    let scale = range.spoilt + range.high.max(-range.low) / 127.0;
    let factor = reciprocal(scale);
    bytes.clear();
    bytes.extend(group.iter().map(|weight| byte(*weight, factor, 128.0).wrapping_sub(128)));
    scale
}

/// What activations are packed as: the bytes of `N` inputs.
pub(super) trait Joined<const N: usize>: Copy + Default {
    /// What is subtracted from each byte.
    const OFFSET: f32 = 0.0;

    /// Always inlined.
    fn join(bytes: [u8; N]) -> Self;
}

/// As a float.
impl Joined<1> for f32 {
    #[inline(always)]
    fn join([byte]: [u8; 1]) -> Self {
        Self::from(byte)
    }
}

/// As two 16-bit integers.
#[cfg(target_arch = "x86_64")]
impl Joined<2> for i32 {
    #[inline(always)]
    fn join([first, second]: [u8; 2]) -> Self {
        Self::from(first) | Self::from(second) << 16
    }
}

#[cfg(target_arch = "x86_64")]
impl Joined<4> for u32 {
    #[inline(always)]
    fn join(bytes: [u8; 4]) -> Self {
        Self::from_le_bytes(bytes)
    }
}

/// Activations `[rows, inputs]`, `N` inputs in each `T`.
#[derive(Debug, Clone, Default)]
pub(super) struct QuantisedRows<T, const N: usize, const R: usize = ROWS> {
    /// `[panels, inputs / N]`
    pub values: Vec<[T; R]>,
    /// `[panels, groups]`
    pub scales: Vec<[f32; R]>,
    /// Zero points, of bytes as they are stored, `[panels, groups]`.
    pub zeros: Vec<[f32; R]>,
    /// The integers of one group; beyond a short one's end anything, since no weights stand against it.
    bytes: Vec<u8>,
    /// One panel's integers before they are packed.
    scratch: Vec<T>,
}

impl<T: Joined<N>, const N: usize, const R: usize> QuantisedRows<T, N, R> {
    /// Makes room for `rows` rows.
    pub(super) fn resize(&mut self, rows: usize, inputs: usize) {
        let panels = rows.div_ceil(R);
        let (elements, groups) = (inputs.div_ceil(N), inputs.div_ceil(GROUP));
        self.values.resize(panels * elements, [T::default(); R]);
        self.scales.resize(panels * groups, [0.0; R]);
        self.zeros.resize(panels * groups, [0.0; R]);
        self.bytes.resize(GROUP, 0);
        self.scratch.resize(R * elements, T::default());
    }
}

/// Rows that are quantised together.
const TOGETHER: usize = 4;

/// Quantises and packs part of one panel, `[R, count]`.
pub(super) struct Quantise<'a, T, const N: usize, const R: usize> {
    pub rows: &'a mut QuantisedRows<T, N, R>,
    pub place: PanelPart,
    pub values: &'a [f32],
}

impl<T: Joined<N>, const N: usize, const R: usize> pulp::WithSimd for Quantise<'_, T, N, R> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { rows: QuantisedRows { values: packed, scales, zeros, bytes, scratch }, place, .. } = self;
        let PanelPart { panel, first, count, inputs } = place;
        let elements = count.div_ceil(N);
        let scratch = &mut scratch[..R * elements];
        let first_group = panel * inputs.div_ceil(GROUP) + first / GROUP;
        // Ranges of some rows first: each of them waits for the end of its row, and none for another one's.
        for first_row in (0..R).step_by(TOGETHER) {
            let rows = first_row..R.min(first_row + TOGETHER);
            for row in rows.clone() {
                for (group, values) in self.values[row * count..][..count].chunks(GROUP).enumerate() {
                    let range = Range::of(simd, values);
                    let scale = range.spoilt + (range.high - range.low) * (1.0 / 255.0);
                    scales[first_group + group][row] = scale;
                    zeros[first_group + group][row] =
                        f32::from(byte(-range.low, reciprocal(scale), 0.0)) - T::OFFSET;
                }
            }
            for row in rows {
                let values = self.values[row * count..][..count].chunks(GROUP);
                let joined = scratch[row * elements..][..elements].chunks_mut(GROUP / N);
                for (group, (values, joined)) in values.zip(joined).enumerate() {
                    let factor = reciprocal(scales[first_group + group][row]);
                    let zero = zeros[first_group + group][row] + T::OFFSET;
                    for (byte_of, value) in bytes.iter_mut().zip(values) {
                        *byte_of = byte(*value, factor, zero);
                    }
                    for (joined, bytes) in joined.iter_mut().zip(bytes.as_chunks::<N>().0) {
                        *joined = T::join(*bytes);
                    }
                }
            }
        }
        let packed = &mut packed[panel * inputs.div_ceil(N) + first / N..][..elements];
        pack_rows::<T, R>(rows_of(scratch, elements), packed);
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
        // Two of them, since every step waits for the one before.
        let [mut even, mut odd] = [RangeLanes::new(simd); 2];
        let (whole, rest) = S::as_simd_f32s(values);
        let (pairs, last) = whole.as_chunks::<2>();
        for [left, right] in pairs {
            even.take(simd, *left);
            odd.take(simd, *right);
        }
        for values in last {
            even.take(simd, *values);
        }
        odd.take(simd, simd.partial_load_f32s(rest));
        Self {
            low: simd.reduce_min_f32s(simd.min_f32s(even.low, odd.low)),
            high: simd.reduce_max_f32s(simd.max_f32s(even.high, odd.high)),
            spoilt: simd.reduce_sum_f32s(simd.add_f32s(even.spoilt, odd.spoilt)),
        }
    }
}

/// A [`Range`] in each lane.
#[derive(Clone, Copy)]
struct RangeLanes<S: Simd> {
    low: S::f32s,
    high: S::f32s,
    spoilt: S::f32s,
}

impl<S: Simd> RangeLanes<S> {
    #[inline(always)]
    fn new(simd: S) -> Self {
        let zero = simd.splat_f32s(0.0);
        Self { low: zero, high: zero, spoilt: zero }
    }

    #[inline(always)]
    fn take(&mut self, simd: S, values: S::f32s) {
        self.low = simd.min_f32s(self.low, values);
        self.high = simd.max_f32s(self.high, values);
        self.spoilt = simd.mul_add_e_f32s(values, simd.splat_f32s(0.0), self.spoilt);
    }
}

/// The part of the operands that a step takes.
pub(super) struct Panels<'a, A, W, const R: usize> {
    pub rows: &'a [[A; R]],
    pub row_scales: &'a [[f32; R]],
    pub zeros: &'a [[f32; R]],
    pub columns: &'a [ColSlice<W>],
    pub column_scales: &'a [ColSlice<f32>],
    pub column_sums: &'a [ColSlice<f32>],
}

impl<'a, A, W, const R: usize> Panels<'a, A, W, R> {
    /// Of rows with `N` inputs in each element, and columns with `M`.
    #[inline(always)]
    pub(super) fn new<const N: usize, const M: usize>(
        rows: &'a QuantisedRows<A, N, R>,
        columns: &'a QuantisedColumns<W, M>,
        inputs: usize,
        step: Step,
    ) -> Self {
        let groups = inputs.div_ceil(GROUP);
        let of_step = step.inputs.start / GROUP..step.inputs.end.div_ceil(GROUP);
        let in_rows = step.inputs.start / N..step.inputs.end.div_ceil(N);
        let in_columns = step.inputs.start / M..columns.elements.min((in_rows.end * N).div_ceil(M));
        let (row, column) = (step.row_panel * groups, step.column_panel * groups);
        Self {
            rows: &rows.values[step.row_panel * inputs.div_ceil(N)..][in_rows],
            row_scales: &rows.scales[row..][of_step.clone()],
            zeros: &rows.zeros[row..][of_step.clone()],
            columns: &columns.values[step.column_panel * columns.elements..][in_columns],
            column_scales: &columns.scales[column..][of_step.clone()],
            column_sums: &columns.sums[column..][of_step],
        }
    }
}

impl<A, W> Panels<'_, A, W, ROWS> {
    /// Adds the brackets of a group to a tile: `sums` are Σ a·w, whole numbers.
    #[inline(always)]
    pub(super) fn add_group(&self, group: usize, sums: &Tile, tile: &mut Tile) {
        let (column_scales, column_sums) = (&self.column_scales[group].0, &self.column_sums[group].0);
        for (row, tile) in tile.iter_mut().enumerate() {
            let (row_scale, zero) = (self.row_scales[group][row], self.zeros[group][row]);
            for (column, tile) in tile.0.iter_mut().enumerate() {
                let bracket = sums[row].0[column] - zero * column_sums[column];
                *tile += bracket * (row_scale * column_scales[column]);
            }
        }
    }
}
