//! Products of floats in registers: a panel of rows with a panel of columns.

use pulp::Simd;

use super::panels::{COLS, ColSlice, ROWS, RowSlice, Tile};

/// Adds the products of a panel of rows with a panel of columns to `sums`.
#[inline(always)]
pub(super) fn add_tile<S: Simd>(simd: S, rows: &[RowSlice<f32>], columns: &[ColSlice<f32>], sums: &mut Tile) {
    if S::REGISTER_COUNT >= 32 {
        part::<S, ROWS>(simd, rows, columns, 0, sums);
    } else {
        part::<S, { ROWS / 2 }>(simd, rows, columns, 0, sums);
        part::<S, { ROWS / 2 }>(simd, rows, columns, ROWS / 2, sums);
    }
}

/// The sums of `N` rows from `first` on: as many as fit into registers beside two vectors of columns.
#[inline(always)]
fn part<S: Simd, const N: usize>(
    simd: S,
    rows: &[RowSlice<f32>],
    columns: &[ColSlice<f32>],
    first: usize,
    tile: &mut Tile,
) {
    let vectors = COLS / S::F32_LANES;
    for vector in (0..vectors).step_by(2) {
        let mut sums = [[simd.splat_f32s(0.0); 2]; N];
        for (sums, tile) in sums.iter_mut().zip(&tile[first..first + N]) {
            let tile = S::as_simd_f32s(&tile.0).0;
            *sums = [tile[vector], tile[vector + 1]];
        }
        for (row, columns) in rows.iter().zip(columns) {
            let columns = S::as_simd_f32s(&columns.0).0;
            let (left, right) = (columns[vector], columns[vector + 1]);
            for (sums, value) in sums.iter_mut().zip(&row[first..first + N]) {
                let value = simd.splat_f32s(*value);
                sums[0] = simd.mul_add_e_f32s(value, left, sums[0]);
                sums[1] = simd.mul_add_e_f32s(value, right, sums[1]);
            }
        }
        for (sums, tile) in sums.iter().zip(&mut tile[first..first + N]) {
            let tile = S::as_mut_simd_f32s(&mut tile.0).0;
            (tile[vector], tile[vector + 1]) = (sums[0], sums[1]);
        }
    }
}
