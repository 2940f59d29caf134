//! How the operands of a product lie in memory: in panels that a tile of the result reads from front to back.
//!
//! Rows of the left operand lie twelve together, columns of the right one thirty-two together, each input's values side
//! by side. A tile of 12 × 32 sums fills the registers of AVX-512, and halves of it those of AVX2.

/// Rows of a tile.
pub(super) const ROWS: usize = 12;
/// Rows of a tile of AMX.
#[cfg(target_arch = "x86_64")]
pub(super) const TALL: usize = 32;
/// Columns of a tile.
pub(super) const COLS: usize = 32;

/// The values of one input for the rows of a panel.
pub(super) type RowSlice<T> = [T; ROWS];

/// The values of one input for the columns of a panel, on whole cache lines.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct ColSlice<T>(pub [T; COLS]);

/// Sums of a tile.
pub(super) type Tile<const R: usize = ROWS> = [ColSlice<f32>; R];

/// A tile of zeros.
pub(super) const fn zero_tile<const R: usize>() -> Tile<R> {
    [ColSlice([0.0; COLS]); R]
}

/// Writes rows `[inputs]` as a panel `[inputs]`.
///
/// Not inlined, like [`put_column`], and so compiled for the plain processor: with wider vectors the compiler scatters,
/// which takes twice as long.
#[inline(never)]
pub(super) fn pack_rows<T: Copy, const R: usize>(rows: [&[T]; R], panel: &mut [[T; R]]) {
    let rows = rows.map(|row| &row[..panel.len()]);
    for (input, values) in panel.iter_mut().enumerate() {
        for (value, row) in values.iter_mut().zip(&rows) {
            *value = row[input];
        }
    }
}

/// Writes one column `[inputs]` into a panel `[inputs]`.
#[inline(never)]
pub(super) fn put_column<T: Copy>(column: &[T], at: usize, panel: &mut [ColSlice<T>]) {
    for (values, value) in panel.iter_mut().zip(column) {
        values.0[at] = *value;
    }
}

/// `R` rows of `inputs` that lie one after the other.
pub(super) fn rows_of<T, const R: usize>(values: &[T], inputs: usize) -> [&[T]; R] {
    std::array::from_fn(|row| &values[row * inputs..][..inputs])
}

/// Lays out `columns`, `[n, inputs]` with a column of the operand in each row, as panels `[n / COLS, inputs]`; `n` is
/// rounded up, and what is missing is `fill`.
pub(super) fn pack_columns<T: Copy>(columns: &[T], inputs: usize, fill: T) -> Vec<ColSlice<T>> {
    let mut panels = Vec::with_capacity((columns.len() / inputs).div_ceil(COLS) * inputs);
    for columns in columns.chunks(COLS * inputs) {
        let column = |at: usize| columns.get(at * inputs..(at + 1) * inputs);
        let columns: [Option<&[T]>; COLS] = std::array::from_fn(column);
        panels.extend((0..inputs).map(|input| {
            ColSlice(std::array::from_fn(|column| columns[column].map_or(fill, |column| column[input])))
        }));
    }
    panels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_lie_side_by_side() {
        let rows: Vec<usize> = (0..ROWS * 5).collect();
        let mut panel = [[0; ROWS]; 5];
        pack_rows(rows_of(&rows, 5), &mut panel);
        for (input, values) in panel.iter().enumerate() {
            assert_eq!(*values, std::array::from_fn::<usize, ROWS, _>(|row| row * 5 + input));
        }
    }

    #[test]
    fn columns_lie_side_by_side_and_are_filled_up() {
        let columns: Vec<usize> = (1..=40 * 3).collect();
        let panels = pack_columns(&columns, 3, 0);
        assert_eq!(panels.len(), 2 * 3);
        for column in 0..64 {
            for input in 0..3 {
                let expected = if column < 40 { column * 3 + input + 1 } else { 0 };
                assert_eq!(panels[column / COLS * 3 + input].0[column % COLS], expected);
            }
        }
    }
}
