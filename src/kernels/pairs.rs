//! 8-bit operands on processors with AVX2 or AVX-512 but without 8-bit products: as 16-bit integers, two to an element.
//!
//! `vpmaddwd` multiplies them and adds the two products in 32 bits, which is exact; `vpmaddubsw`, which takes bytes, adds them
//! in 16 bits, which full ranges do not fit into. With the addition to the sum that is one product for each instruction and
//! lane, as with fused multiply-additions of floats; but processors start more of these instructions at once, and the
//! operands are half as large.

use pulp::x86::{V3, V4};
use pulp::{Arch, NullaryFnOnce, Simd, bytemuck, cast};

use super::fill::Target;
use super::panels::{COLS, ColSlice, ROWS, RowSlice, Tile, zero_tile};
use super::quantised::{GROUP, Panels, QuantisedColumns, QuantisedRows};
use super::shape::{Multiply, Sink, Step};

/// Shows that this processor has these instructions.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pairs {
    V3(V3),
    V4(V4),
}

/// A product of pairs.
pub(super) struct PairProduct<'a, K> {
    pub rows: &'a QuantisedRows<i32, 2>,
    pub columns: &'a QuantisedColumns<i32, 2>,
    pub target: Target<'a, K>,
}

impl Pairs {
    pub(super) fn from_arch(arch: Arch) -> Option<Self> {
        match arch {
            Arch::V3(simd) => Some(Self::V3(simd)),
            Arch::V4(simd) => Some(Self::V4(simd)),
            _ => None,
        }
    }

    pub(super) fn multiply<K: Sink>(self, product: PairProduct<'_, K>) {
        match self {
            Self::V3(simd) => simd.vectorize(On { simd, product }),
            Self::V4(simd) => simd.vectorize(On { simd, product }),
        }
    }
}

/// An instruction set that multiplies pairs.
trait PairSimd: Simd {
    /// The sum of both products in each lane of 32 bits; always inlined.
    fn multiply_pairs(self, left: Self::i32s, right: Self::i32s) -> Self::i32s;
}

impl PairSimd for V3 {
    #[inline(always)]
    fn multiply_pairs(self, left: Self::i32s, right: Self::i32s) -> Self::i32s {
        cast(self.avx2._mm256_madd_epi16(cast(left), cast(right)))
    }
}

impl PairSimd for V4 {
    #[inline(always)]
    fn multiply_pairs(self, left: Self::i32s, right: Self::i32s) -> Self::i32s {
        cast(self.avx512bw._mm512_madd_epi16(cast(left), cast(right)))
    }
}

/// What is compiled for an instruction set.
struct On<'a, S, K> {
    simd: S,
    product: PairProduct<'a, K>,
}

impl<S: PairSimd, K: Sink> NullaryFnOnce for On<'_, S, K> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { simd, product: PairProduct { rows, columns, target } } = self;
        let inputs = target.shape.inputs;
        target.fill(&columns.values, 2, MultiplyPairs { simd, rows, columns, inputs });
    }
}

struct MultiplyPairs<'a, S> {
    simd: S,
    rows: &'a QuantisedRows<i32, 2>,
    columns: &'a QuantisedColumns<i32, 2>,
    inputs: usize,
}

impl<S: PairSimd> Multiply<ROWS> for MultiplyPairs<'_, S> {
    #[inline(always)]
    fn add(&mut self, step: Step, tile: &mut Tile) {
        let panels = Panels::new(self.rows, self.columns, self.inputs, step);
        let groups = panels.rows.chunks(GROUP / 2).zip(panels.columns.chunks(GROUP / 2));
        for (group, (rows, columns)) in groups.enumerate() {
            let mut sums = zero_tile();
            if S::REGISTER_COUNT >= 32 {
                part::<S, ROWS>(self.simd, rows, columns, 0, &mut sums);
            } else {
                part::<S, { ROWS / 2 }>(self.simd, rows, columns, 0, &mut sums);
                part::<S, { ROWS / 2 }>(self.simd, rows, columns, ROWS / 2, &mut sums);
            }
            panels.add_group(group, &sums, tile);
        }
    }
}

/// The sums of `N` rows from `first` on, as floats: as many as fit into registers beside two vectors of columns.
#[inline(always)]
fn part<S: PairSimd, const N: usize>(
    simd: S,
    rows: &[RowSlice<i32>],
    columns: &[ColSlice<i32>],
    first: usize,
    tile: &mut Tile,
) {
    let vectors = COLS / S::I32_LANES;
    for vector in (0..vectors).step_by(2) {
        let mut sums = [[simd.splat_i32s(0); 2]; N];
        for (row, columns) in rows.iter().zip(columns) {
            let columns = S::as_simd_i32s(&columns.0).0;
            let (left, right) = (columns[vector], columns[vector + 1]);
            for (sums, value) in sums.iter_mut().zip(&row[first..first + N]) {
                let value = simd.splat_i32s(*value);
                sums[0] = simd.add_i32s(sums[0], simd.multiply_pairs(value, left));
                sums[1] = simd.add_i32s(sums[1], simd.multiply_pairs(value, right));
            }
        }
        for (sums, tile) in sums.iter().zip(&mut tile[first..first + N]) {
            let sums: &[i32] = bytemuck::cast_slice(sums);
            for (tile, sum) in tile.0[vector * S::I32_LANES..].iter_mut().zip(sums) {
                *tile = *sum as f32;
            }
        }
    }
}
