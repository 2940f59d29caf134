//! Operands in bfloat16: the upper 16 bits of a float, rounded to the nearest, ties to even. Products of two are exact in
//! `f32`, and are added up there.
//!
//! Processors with such products take two inputs of a column at once (AVX-512 BF16) or 32 (AMX). Everywhere else the same
//! rounded values are multiplied as floats, which is no faster than `f32`.

use pulp::Simd;

use super::panels::{ColSlice, ROWS, RowSlice, pack_columns, pack_rows, rows_of};
use super::shape::PanelPart;
#[cfg(target_arch = "x86_64")]
use super::{
    fill::Target,
    panels::{TALL, Tile},
    shape::{Multiply, Sink, Step},
    x86::{HalfTiles, Line, WideHalves},
};

/// The bits of a float in bfloat16; what is not a number stays one.
#[inline(always)]
pub(super) fn bits(value: f32) -> u16 {
    let bits = value.to_bits();
    let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16;
    (if value.is_nan() { 0x7fc0 } else { rounded }) as u16
}

/// A float rounded to bfloat16.
#[inline(always)]
pub(super) fn rounded(value: f32) -> f32 {
    f32::from_bits(u32::from(bits(value)) << 16)
}

/// What activations are packed as: `N` inputs.
pub(super) trait JoinedHalves<const N: usize>: Copy + Default {
    /// Always inlined.
    fn join(values: [f32; N]) -> Self;
}

/// As a float.
impl JoinedHalves<1> for f32 {
    #[inline(always)]
    fn join([value]: [f32; 1]) -> Self {
        rounded(value)
    }
}

/// The first in the lower half.
impl JoinedHalves<2> for u32 {
    #[inline(always)]
    fn join([first, second]: [f32; 2]) -> Self {
        Self::from(bits(first)) | Self::from(bits(second)) << 16
    }
}

#[cfg(target_arch = "x86_64")]
impl JoinedHalves<32> for Line {
    #[inline(always)]
    fn join(values: [f32; 32]) -> Self {
        let mut line = Self::default();
        for (pair, value) in line.0.as_chunks_mut::<2>().0.iter_mut().zip(values) {
            *pair = bits(value).to_le_bytes();
        }
        line
    }
}

/// Packs `weights`, `[outputs, inputs]`, two inputs in each element, for a product that takes `step` inputs at once.
#[cfg(target_arch = "x86_64")]
pub(super) fn pack_half_columns(weights: &[f32], inputs: usize, step: usize) -> Vec<ColSlice<u32>> {
    let elements = inputs.next_multiple_of(step) / 2;
    let mut values = Vec::with_capacity(weights.len() / inputs * elements);
    let mut column = vec![0.0; elements * 2];
    for weights in weights.chunks_exact(inputs) {
        column[..inputs].copy_from_slice(weights);
        values.extend(column.as_chunks::<2>().0.iter().map(|pair| u32::join(*pair)));
    }
    pack_columns(&values, elements, 0)
}

/// Packs `weights`, `[outputs, inputs]`, as floats.
pub(super) fn pack_rounded_columns(weights: &[f32], inputs: usize) -> Vec<ColSlice<f32>> {
    let weights: Vec<f32> = weights.iter().map(|weight| rounded(*weight)).collect();
    pack_columns(&weights, inputs, 0.0)
}

/// Activations `[panels, inputs / N]`, `N` inputs in each `T`.
#[derive(Debug, Clone, Default)]
pub(super) struct HalfRows<T, const N: usize, const R: usize = ROWS> {
    pub values: Vec<[T; R]>,
    /// One panel before it is packed.
    scratch: Vec<T>,
}

impl<T: JoinedHalves<N>, const N: usize, const R: usize> HalfRows<T, N, R> {
    /// Makes room for `rows` rows.
    pub(super) fn resize(&mut self, rows: usize, inputs: usize) {
        let elements = inputs.div_ceil(N);
        self.values.resize(rows.div_ceil(R) * elements, [T::default(); R]);
        self.scratch.resize(R * elements, T::default());
    }
}

/// Rounds and packs part of one panel, `[R, count]`.
pub(super) struct PackHalves<'a, T, const N: usize, const R: usize> {
    pub rows: &'a mut HalfRows<T, N, R>,
    pub place: PanelPart,
    pub values: &'a [f32],
}

impl<T: JoinedHalves<N>, const N: usize, const R: usize> pulp::WithSimd for PackHalves<'_, T, N, R> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { rows: HalfRows { values: packed, scratch }, place, values } = self;
        let PanelPart { panel, first, count, inputs } = place;
        let elements = count.div_ceil(N);
        let scratch = &mut scratch[..R * elements];
        for (values, joined) in values.chunks_exact(count).zip(scratch.chunks_exact_mut(elements)) {
            let (whole, rest) = values.as_chunks::<N>();
            for (joined, values) in joined.iter_mut().zip(whole) {
                *joined = T::join(*values);
            }
            if let Some(last) = joined.get_mut(whole.len()) {
                let mut filled = [0.0; N];
                filled[..rest.len()].copy_from_slice(rest);
                *last = T::join(filled);
            }
        }
        let packed = &mut packed[panel * inputs.div_ceil(N) + first / N..][..elements];
        pack_rows::<T, R>(rows_of(scratch, elements), packed);
    }
}

/// Rounded rows as floats, for the product of floats.
pub(super) type RoundedRows = HalfRows<f32, 1>;

impl RoundedRows {
    pub(super) fn as_floats(&self) -> &[RowSlice<f32>] {
        &self.values
    }
}

/// A product of pairs, for AVX-512 BF16.
#[cfg(target_arch = "x86_64")]
pub(super) struct WideHalfProduct<'a, K> {
    pub wide: WideHalves,
    pub rows: &'a [RowSlice<u32>],
    pub columns: &'a [ColSlice<u32>],
    pub target: Target<'a, K>,
}

#[cfg(target_arch = "x86_64")]
impl<K: Sink> pulp::WithSimd for WideHalfProduct<'_, K> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { wide, rows, columns, target } = self;
        let elements = target.shape.inputs.div_ceil(2);
        target.fill(columns, 2, MultiplyPairs { wide, rows, columns, elements });
    }
}

#[cfg(target_arch = "x86_64")]
struct MultiplyPairs<'a> {
    wide: WideHalves,
    rows: &'a [RowSlice<u32>],
    columns: &'a [ColSlice<u32>],
    elements: usize,
}

#[cfg(target_arch = "x86_64")]
impl Multiply<ROWS> for MultiplyPairs<'_> {
    #[inline(always)]
    fn add(&mut self, step: Step, tile: &mut Tile) {
        let part = step.inputs.start / 2..step.inputs.end.div_ceil(2);
        let rows = &self.rows[step.row_panel * self.elements..][part.clone()];
        let columns = &self.columns[step.column_panel * self.elements..][part];
        self.wide.add_tile(rows, columns, tile);
    }
}

/// A product of tiles, for AMX.
#[cfg(target_arch = "x86_64")]
pub(super) struct TileHalfProduct<'a, K> {
    pub tiles: HalfTiles,
    pub rows: &'a [[Line; TALL]],
    pub columns: &'a [ColSlice<u32>],
    pub target: Target<'a, K>,
}

#[cfg(target_arch = "x86_64")]
impl<K: Sink> pulp::WithSimd for TileHalfProduct<'_, K> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { tiles, rows, columns, target } = self;
        let (row_count, lines) = (target.shape.rows, target.shape.inputs.div_ceil(32));
        target.fill(columns, 2, MultiplyTiles { tiles, rows, columns, row_count, lines });
    }
}

#[cfg(target_arch = "x86_64")]
struct MultiplyTiles<'a> {
    tiles: HalfTiles,
    rows: &'a [[Line; TALL]],
    columns: &'a [ColSlice<u32>],
    row_count: usize,
    /// Elements of a row: 32 inputs each.
    lines: usize,
}

#[cfg(target_arch = "x86_64")]
impl Multiply<TALL> for MultiplyTiles<'_> {
    #[inline(always)]
    fn add(&mut self, step: Step, tile: &mut Tile<TALL>) {
        let part = step.inputs.start / 32..step.inputs.end.div_ceil(32);
        let rows = &self.rows[step.row_panel * self.lines..][part.clone()];
        let columns = &self.columns[(step.column_panel * self.lines + part.start) * 16..][..part.len() * 16];
        let wanted = self.row_count - step.row_panel * TALL;
        self.tiles.add_tile(rows, columns, wanted, tile);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn special_values_stay_what_they_are() {
        for value in [0.0, -0.0, 1.0, -2.5, f32::INFINITY, f32::NEG_INFINITY, f32::MIN_POSITIVE] {
            assert_eq!(rounded(value).to_bits(), value.to_bits());
        }
        assert!(rounded(f32::NAN).is_nan());
        assert!(rounded(f32::from_bits(0x7f80_0001)).is_nan());
        assert_eq!(rounded(f32::MAX), f32::INFINITY);
    }

    proptest! {
        #[test]
        fn rounding_is_that_of_half(value: f32) {
            prop_assert_eq!(bits(value), half::bf16::from_f32(value).to_bits() | if value.is_nan() { 0x40 } else { 0 });
        }
    }
}
