//! What only AArch64 has: the 8-bit dot products of NEON. Beside `x86.rs` the only unsafe code of the project.
//!
//! `sdot` multiplies four signed bytes of a row with four of each of four columns and adds the products to 32-bit sums (Arm's
//! Architecture Reference Manual, A64 SIMD instructions). Activations are bytes without a sign, so 128 is subtracted from them
//! and from their zero points: the brackets are the same whole numbers as everywhere. Rust names the instruction in assembly
//! only.
#![allow(unsafe_code)]

use std::arch::aarch64::{int32x4_t, vcvtq_f32_s32, vdupq_n_s32, vld1q_s32, vst1q_f32};
use std::arch::asm;

use pulp::Simd;

use super::fill::Target;
use super::panels::{ColSlice, ROWS, RowSlice, Tile, zero_tile};
use super::quantised::{GROUP, Joined, Panels, QuantisedColumns, QuantisedRows};
use super::shape::{Multiply, Sink, Step};

/// Shows that this processor has dot products of bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dot(());

/// Four activations less 128 each, the first in the lowest byte.
#[derive(Debug, Clone, Copy, Default)]
#[repr(transparent)]
pub(super) struct SignedBytes(i32);

impl Joined<4> for SignedBytes {
    const OFFSET: f32 = 128.0;

    #[inline(always)]
    fn join(bytes: [u8; 4]) -> Self {
        Self((u32::from_le_bytes(bytes) ^ 0x8080_8080) as i32)
    }
}

impl Dot {
    pub(super) fn detect() -> Option<Self> {
        std::arch::is_aarch64_feature_detected!("dotprod").then_some(Self(()))
    }

    /// Adds the products of a panel of rows with a panel of columns to `sums`.
    fn add_tile(self, panels: Panels<'_, SignedBytes, i32, ROWS>, sums: &mut Tile) {
        // SAFETY: a `Dot` comes from `detect` only, which has seen every feature that the function is compiled for.
        unsafe { add_tile(panels, sums) }
    }
}

/// A product of bytes, four to an element.
pub(super) struct DotProduct<'a, K> {
    pub dot: Dot,
    pub rows: &'a QuantisedRows<SignedBytes, 4>,
    pub columns: &'a QuantisedColumns<i32, 4>,
    pub target: Target<'a, K>,
}

impl<K: Sink> pulp::WithSimd for DotProduct<'_, K> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { dot, rows, columns, target } = self;
        let inputs = target.shape.inputs;
        target.fill(&columns.values, 4, MultiplyDots { dot, rows, columns, inputs });
    }
}

struct MultiplyDots<'a> {
    dot: Dot,
    rows: &'a QuantisedRows<SignedBytes, 4>,
    columns: &'a QuantisedColumns<i32, 4>,
    inputs: usize,
}

impl Multiply<ROWS> for MultiplyDots<'_> {
    #[inline(always)]
    fn add(&mut self, step: Step, tile: &mut Tile) {
        self.dot.add_tile(Panels::new(self.rows, self.columns, self.inputs, step), tile);
    }
}

#[target_feature(enable = "neon,dotprod")]
fn add_tile(panels: Panels<'_, SignedBytes, i32, ROWS>, tile: &mut Tile) {
    let groups = panels.rows.chunks(GROUP / 4).zip(panels.columns.chunks(GROUP / 4));
    for (group, (rows, columns)) in groups.enumerate() {
        let mut sums = zero_tile();
        add_columns::<0>(rows, columns, &mut sums);
        add_columns::<8>(rows, columns, &mut sums);
        add_columns::<16>(rows, columns, &mut sums);
        add_columns::<24>(rows, columns, &mut sums);
        panels.add_group(group, &sums, tile);
    }
}

/// The sums of all rows and eight columns from `FIRST` on: 24 registers of sums, two of columns and three of rows.
#[target_feature(enable = "neon,dotprod")]
#[inline]
fn add_columns<const FIRST: usize>(
    rows: &[RowSlice<SignedBytes>],
    columns: &[ColSlice<i32>],
    tile: &mut Tile,
) {
    /// Adds the products of the four bytes of one row, in one lane, with those of four columns.
    macro_rules! add_products {
        ($sums:expr, $columns:expr, $rows:expr, $($lane:literal)*) => {
            $(
                // SAFETY: the instruction, which the function is compiled for, changes nothing but this register.
                unsafe {
                    asm!(
                        concat!("sdot {sums:v}.4s, {columns:v}.16b, {rows:v}.4b[", $lane, "]"),
                        sums = inout(vreg) $sums[$lane],
                        columns = in(vreg) $columns,
                        rows = in(vreg) $rows,
                        options(pure, nomem, nostack, preserves_flags),
                    );
                }
            )*
        };
    }
    let mut left = [[vdupq_n_s32(0); 4]; ROWS / 4];
    let mut right = left;
    for (row, columns) in rows.iter().zip(columns) {
        let [first, second] = [FIRST, FIRST + 4].map(|at| load(&columns.0, at));
        for (at, (left, right)) in left.iter_mut().zip(&mut right).enumerate() {
            let row = load(&row.map(|bytes| bytes.0), 4 * at);
            add_products!(left, first, row, 0 1 2 3);
            add_products!(right, second, row, 0 1 2 3);
        }
    }
    let sums = left.as_flattened().iter().zip(right.as_flattened());
    for ((left, right), tile) in sums.zip(tile) {
        let tile = &mut tile.0[FIRST..FIRST + 8];
        // SAFETY: four floats each are written to the eight of `tile`.
        unsafe {
            vst1q_f32(tile.as_mut_ptr(), vcvtq_f32_s32(*left));
            vst1q_f32(tile.as_mut_ptr().add(4), vcvtq_f32_s32(*right));
        }
    }
}

/// Four integers from `at` on.
#[inline(always)]
fn load<const N: usize>(values: &[i32; N], at: usize) -> int32x4_t {
    let four = &values[at..at + 4];
    // SAFETY: `four` has four integers.
    unsafe { vld1q_s32(four.as_ptr()) }
}
