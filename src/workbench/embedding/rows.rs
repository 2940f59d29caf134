//! Rows of embeddings while they are found one by one: in the memory of the matrix that they become, since fifty
//! thousand images take a hundred megabytes once, and would take them twice.

use crate::evaluation::{EvaluationError, Matrix};

/// Rows of one width, each known or not yet.
pub(in crate::workbench) struct EmbeddingRows {
    width: usize,
    values: Vec<f32>,
    known: Vec<bool>,
}

impl EmbeddingRows {
    /// `rows` rows, none of which is known.
    pub(in crate::workbench) fn new(rows: usize, width: usize) -> Self {
        Self { width, values: vec![0.0; rows * width], known: vec![false; rows] }
    }

    /// The rows that are not known, in their order.
    pub(in crate::workbench) fn pending(&self) -> Vec<usize> {
        (0..self.known.len()).filter(|&row| !self.known[row]).collect()
    }

    /// The values of a row that is known.
    pub(in crate::workbench) fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.width..][..self.width]
    }

    pub(in crate::workbench) fn is_known(&self, row: usize) -> bool {
        self.known[row]
    }

    /// Makes a row known. Values of another width are none of these rows: it stays as it was.
    pub(in crate::workbench) fn set(&mut self, row: usize, values: &[f32]) {
        if values.len() == self.width {
            self.values[row * self.width..][..self.width].copy_from_slice(values);
            self.known[row] = true;
        }
    }

    /// Makes a row what another one is, known or not.
    pub(in crate::workbench) fn copy(&mut self, from: usize, to: usize) {
        let from_values = from * self.width..(from + 1) * self.width;
        self.values.copy_within(from_values, to * self.width);
        self.known[to] = self.known[from];
    }

    /// The last value of each known row, in their order.
    pub(in crate::workbench) fn last_column(&self) -> impl Iterator<Item = f32> {
        let known = self.values.chunks_exact(self.width).zip(&self.known).filter(|(_, known)| **known);
        known.filter_map(|(row, _)| row.last().copied())
    }

    /// The first `cols` values of the known rows, in their order: `[known, cols]`.
    pub(in crate::workbench) fn into_matrix(mut self, cols: usize) -> Result<Matrix, EvaluationError> {
        let mut rows = 0;
        for row in (0..self.known.len()).filter(|&row| self.known[row]) {
            let start = row * self.width;
            self.values.copy_within(start..start + cols, rows * cols);
            rows += 1;
        }
        self.values.truncate(rows * cols);
        Matrix::new(rows, cols, self.values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_rows_move_together() {
        let mut rows = EmbeddingRows::new(5, 3);
        rows.set(1, &[1.0, 2.0, 3.0]);
        rows.set(2, &[9.0]);
        rows.set(4, &[4.0, 5.0, 6.0]);
        rows.copy(4, 0);
        rows.copy(2, 1);
        assert_eq!(rows.pending(), [1, 2, 3]);
        assert!(rows.is_known(0) && !rows.is_known(1));
        rows.set(1, &[7.0, 8.0, 9.0]);
        assert_eq!(rows.last_column().collect::<Vec<_>>(), [6.0, 9.0, 6.0]);
        let expected = Matrix::from_rows(&[[4.0, 5.0], [7.0, 8.0], [4.0, 5.0]]).unwrap();
        assert_eq!(rows.into_matrix(2), Ok(expected));
    }

    #[test]
    fn there_may_be_none() {
        assert_eq!(EmbeddingRows::new(0, 3).into_matrix(2), Matrix::new(0, 2, Vec::new()));
        assert_eq!(EmbeddingRows::new(2, 3).into_matrix(3), Matrix::new(0, 3, Vec::new()));
    }
}
