//! What only x86-64 has: the 8-bit product of AVX-512 VNNI, and prefetching. The only unsafe code of the project.
//!
//! `vpdpbusd` multiplies four unsigned bytes with four signed ones and adds the products to a 32-bit sum, for sixteen
//! columns at once (Intel's Architecture Instruction Set Extensions Programming Reference). `pulp` does not know it, so
//! it is named here; `product.rs` tests it against the same integers multiplied as floats.
#![allow(unsafe_code)]

use std::arch::x86_64::{
    __m512, __m512i, _MM_HINT_T1, _mm_prefetch, _mm512_add_ps, _mm512_cvtepi32_ps, _mm512_dpbusd_epi32,
    _mm512_mul_ps, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps, _mm512_setzero_si512, _mm512_sub_ps,
};

use super::int8::GROUP;
use super::panels::{ColSlice, ROWS, RowSlice, Tile};

/// Shows that this processor has the instruction.
#[derive(Debug, Clone, Copy)]
pub(super) struct Vnni(());

/// What a tile is made of; see `QuantisedRows` and `QuantisedColumns`.
pub(super) struct Panels<'a> {
    pub rows: &'a [RowSlice<u32>],
    pub row_scales: &'a [RowSlice<f32>],
    pub zeros: &'a [RowSlice<f32>],
    pub columns: &'a [ColSlice<i32>],
    pub column_scales: &'a [ColSlice<f32>],
    pub column_sums: &'a [ColSlice<f32>],
}

/// Asks for these values to be brought near; it changes nothing else.
#[inline(always)]
pub(super) fn prefetch<T>(values: &ColSlice<T>) {
    let start = std::ptr::from_ref(values).cast::<i8>();
    for line in (0..size_of::<ColSlice<T>>()).step_by(64) {
        // SAFETY: a prefetch may name any address; this one is within `values`.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(start.add(line)) };
    }
}

impl Vnni {
    pub(super) fn detect() -> Option<Self> {
        let available = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vnni");
        available.then_some(Self(()))
    }

    /// The sums of a panel of rows with a panel of columns.
    pub(super) fn tile(self, panels: Panels<'_>, sums: &mut Tile) {
        // SAFETY: a `Vnni` comes from `detect` only, which has seen every feature that `tile` is compiled for.
        unsafe { tile(panels, sums) }
    }
}

/// A loop over the rows of a tile that is written out: with constant indices the sums stay in registers.
macro_rules! for_each_row {
    ($row:ident => $body:block) => {
        for_each_row!($row => $body, 0 1 2 3 4 5 6 7 8 9 10 11)
    };
    ($row:ident => $body:block, $($at:literal)*) => {
        $({
            const $row: usize = $at;
            $body
        })*
    };
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn tile(panels: Panels<'_>, tile: &mut Tile) {
    let groups = panels.rows.chunks(GROUP / 4).zip(panels.columns.chunks(GROUP / 4));
    for (group, (rows, columns)) in groups.enumerate() {
        let mut sums = [[_mm512_setzero_si512(); 2]; ROWS];
        for (row, columns) in rows.iter().zip(columns) {
            let [left, right] = integers(&columns.0);
            for (sums, value) in sums.iter_mut().zip(row) {
                let value = _mm512_set1_epi32(*value as i32);
                sums[0] = _mm512_dpbusd_epi32(sums[0], value, left);
                sums[1] = _mm512_dpbusd_epi32(sums[1], value, right);
            }
        }
        // What `int8::add_group` does, in the same order; loops and not closures, which would not be inlined.
        let scales = floats(&panels.column_scales[group].0);
        let column_sums = floats(&panels.column_sums[group].0);
        for_each_row!(ROW => {
            let zero = _mm512_set1_ps(panels.zeros[group][ROW]);
            let row_scale = _mm512_set1_ps(panels.row_scales[group][ROW]);
            let mut results = if group == 0 { [_mm512_setzero_ps(); 2] } else { floats(&tile[ROW].0) };
            for half in 0..2 {
                let sums = _mm512_cvtepi32_ps(sums[ROW][half]);
                let bracket = _mm512_sub_ps(sums, _mm512_mul_ps(zero, column_sums[half]));
                let scaled = _mm512_mul_ps(bracket, _mm512_mul_ps(row_scale, scales[half]));
                results[half] = _mm512_add_ps(results[half], scaled);
            }
            tile[ROW].0 = values(results);
        });
    }
}

#[inline(always)]
fn integers(values: &[i32; 32]) -> [__m512i; 2] {
    // SAFETY: both are 128 bytes without padding, and every bit pattern is valid for both; so below.
    unsafe { std::mem::transmute(*values) }
}

#[inline(always)]
fn floats(values: &[f32; 32]) -> [__m512; 2] {
    // SAFETY: as in `integers`.
    unsafe { std::mem::transmute(*values) }
}

#[inline(always)]
fn values(vectors: [__m512; 2]) -> [f32; 32] {
    // SAFETY: as in `integers`.
    unsafe { std::mem::transmute(vectors) }
}
