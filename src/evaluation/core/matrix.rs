//! Rows of embeddings.

use crate::evaluation::EvaluationError;

/// A matrix of `f32`, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    rows: usize,
    cols: usize,
    data: Vec<f32>,
}

impl Matrix {
    /// A matrix `[rows, cols]` of the values in `data`, row by row.
    ///
    /// # Errors
    /// [`EvaluationError::Shape`] if there are not `rows * cols` values.
    pub fn new(rows: usize, cols: usize, data: Vec<f32>) -> Result<Self, EvaluationError> {
        if rows.checked_mul(cols) == Some(data.len()) {
            Ok(Self { rows, cols, data })
        } else {
            Err(EvaluationError::Shape { rows, cols, found: data.len() })
        }
    }

    /// A matrix of these rows; `[0, 0]` without any.
    ///
    /// # Errors
    /// [`EvaluationError::RaggedRow`] if a row has another length than the first.
    pub fn from_rows<R: AsRef<[f32]>>(rows: &[R]) -> Result<Self, EvaluationError> {
        let cols = rows.first().map_or(0, |row| row.as_ref().len());
        let mut data = Vec::with_capacity(rows.len() * cols);
        for (index, row) in rows.iter().enumerate() {
            let found = row.as_ref().len();
            if found != cols {
                return Err(EvaluationError::RaggedRow { row: index, expected: cols, found });
            }
            data.extend_from_slice(row.as_ref());
        }
        Ok(Self { rows: rows.len(), cols, data })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Row `index`, `[cols]`. Panics, as a slice does, if there is no such row.
    pub fn row(&self, index: usize) -> &[f32] {
        &self.data[index * self.cols..(index + 1) * self.cols]
    }

    /// Every row, `[cols]` each.
    pub fn iter_rows(&self) -> impl Iterator<Item = &[f32]> {
        (0..self.rows).map(|index| self.row(index))
    }

    /// All values, row by row.
    pub fn as_slice(&self) -> &[f32] {
        &self.data
    }

    /// The first `rows` rows; the memory of the others is given back.
    pub(in crate::evaluation) fn first_rows(mut self, rows: usize) -> Self {
        self.rows = self.rows.min(rows);
        self.data.truncate(self.rows * self.cols);
        self.data.shrink_to_fit();
        self
    }

    /// The matrix with every row divided by its Euclidean norm. A row of zeros stays as it is.
    #[must_use]
    pub fn normalised(mut self) -> Self {
        if self.cols > 0 {
            self.data.chunks_exact_mut(self.cols).for_each(normalise);
        }
        self
    }
}

/// Divides a vector by its Euclidean norm, unless it is zero.
fn normalise(vector: &mut [f32]) {
    let norm = vector.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
    if norm > 0.0 {
        for x in vector {
            *x = (f64::from(*x) / norm) as f32;
        }
    }
}

#[cfg(test)]
impl Matrix {
    /// Numbers from −0.5 to 0.5, the same for the same seed.
    pub(in crate::evaluation) fn random(rows: usize, cols: usize, seed: u64) -> Self {
        Self { rows, cols, data: crate::kernels::random(rows * cols, seed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_where_they_were_put() {
        let matrix = Matrix::from_rows(&[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]).unwrap();
        assert_eq!((matrix.rows(), matrix.cols()), (2, 3));
        assert_eq!(matrix.row(1), [4.0, 5.0, 6.0]);
        assert_eq!(Matrix::new(2, 3, matrix.as_slice().to_vec()), Ok(matrix));
    }

    #[test]
    fn the_first_rows_are_left() {
        let matrix = Matrix::from_rows(&[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]).unwrap();
        assert_eq!(matrix.clone().first_rows(9), matrix);
        assert_eq!(matrix.first_rows(2), Matrix::from_rows(&[[1.0, 2.0], [3.0, 4.0]]).unwrap());
    }

    #[test]
    fn wrong_shapes_are_errors() {
        assert_eq!(
            Matrix::new(2, 3, vec![0.0; 5]),
            Err(EvaluationError::Shape { rows: 2, cols: 3, found: 5 })
        );
        assert_eq!(
            Matrix::from_rows(&[vec![0.0; 2], vec![0.0; 2], vec![0.0; 3]]),
            Err(EvaluationError::RaggedRow { row: 2, expected: 2, found: 3 })
        );
    }

    #[test]
    fn normalised_rows_have_length_one_and_zeros_stay() {
        let matrix = Matrix::from_rows(&[[3.0, 4.0], [0.0, 0.0], [1e-30, 0.0]]).unwrap().normalised();
        assert_eq!(matrix.as_slice(), [0.6, 0.8, 0.0, 0.0, 1.0, 0.0]);
    }
}
