//! The 8-bit product of AVX-512 VNNI: the only unsafe code of the project.
//!
//! `vpdpbusd` multiplies four unsigned bytes with four signed ones and adds the products to a 32-bit sum, for sixteen
//! columns at once (Intel's Architecture Instruction Set Extensions Programming Reference). `pulp` does not know it, so
//! it is named here; `product.rs` tests it against the same integers multiplied as floats.
#![allow(unsafe_code)]

use std::arch::x86_64::{__m512i, _mm512_dpbusd_epi32, _mm512_set1_epi32, _mm512_setzero_si512};

use super::int8::{GROUP, add_group};
use super::panels::{ColSlice, ROWS, RowSlice, Tile, ZERO};

/// Shows that this processor has the instruction.
#[derive(Debug, Clone, Copy)]
pub(super) struct Vnni(());

/// What a tile is made of; see `QuantisedRows` and `QuantisedColumns`.
pub(super) struct Panels<'a> {
    pub rows: &'a [RowSlice<u32>],
    pub row_scales: &'a [RowSlice<f32>],
    pub zeros: &'a [RowSlice<i32>],
    pub columns: &'a [ColSlice<i32>],
    pub column_scales: &'a [ColSlice<f32>],
    pub column_sums: &'a [ColSlice<i32>],
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
    pub(super) fn tile(self, panels: Panels<'_>) -> Tile {
        // SAFETY: a `Vnni` comes from `detect` only, which has seen every feature that `tile` is compiled for.
        unsafe { tile(panels) }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn tile(panels: Panels<'_>) -> Tile {
    let mut tile = ZERO;
    let groups = panels.rows.chunks(GROUP / 4).zip(panels.columns.chunks(GROUP / 4));
    for (group, (rows, columns)) in groups.enumerate() {
        let mut sums = [[_mm512_setzero_si512(); 2]; ROWS];
        for (row, columns) in rows.iter().zip(columns) {
            let [left, right] = vectors(columns);
            for (sums, value) in sums.iter_mut().zip(row) {
                let value = _mm512_set1_epi32(*value as i32);
                sums[0] = _mm512_dpbusd_epi32(sums[0], value, left);
                sums[1] = _mm512_dpbusd_epi32(sums[1], value, right);
            }
        }
        add_group(
            &mut tile,
            &sums.map(integers),
            &panels.row_scales[group],
            &panels.zeros[group],
            &panels.column_scales[group],
            &panels.column_sums[group],
        );
    }
    tile
}

fn vectors(columns: &ColSlice<i32>) -> [__m512i; 2] {
    // SAFETY: both are 128 bytes without padding, and every bit pattern is valid for both.
    unsafe { std::mem::transmute(columns.0) }
}

fn integers(vectors: [__m512i; 2]) -> ColSlice<i32> {
    // SAFETY: as in `vectors`.
    ColSlice(unsafe { std::mem::transmute::<[__m512i; 2], [i32; 32]>(vectors) })
}
