//! How the prompts of a class become its part of a zero-shot classifier.

use std::ops::Range;

use super::matrix::Matrix;
use crate::evaluation::EvaluationError;
use crate::prompts::Aggregation;

/// A zero-shot classifier: it scores an image, a unit vector `[dim]`, for each class.
#[derive(Clone, Debug, PartialEq)]
pub enum Classifier {
    /// The score is the dot product with the class's row of `weights`, `[n_classes, dim]`.
    Linear {
        /// One row for each class.
        weights: Matrix,
    },
    /// The score is the largest cosine with the class's prompts.
    Max {
        /// Unit rows `[n_prompts, dim]`, class after class.
        prompts: Matrix,
        /// For each class, the row after its last prompt.
        ends: Vec<usize>,
    },
    /// The score is an average of the cosines with the class's prompts, with weights that depend on the image.
    PerImage {
        /// Unit rows `[n_classes * n_prompts, dim]`, class after class.
        prompts: Matrix,
        /// Prompts of each class.
        n_prompts: usize,
    },
}

impl Classifier {
    /// Makes a classifier of the prompt embeddings of each class, `[n_prompts_of_class, dim]`, raw: projected, not
    /// normalised.
    ///
    /// - `mean`: each normalised, averaged, normalised again (Pratt et al., arXiv 2209.03320; Radford et al., arXiv
    ///   2103.00020, the ensembles of section 3.1.4).
    /// - `pooled-mean`: averaged, then normalised. The article of 2023-11-03 averages the text tower's pooled outputs
    ///   and projects the average; the projection is linear and has no bias, so averaging the projected vectors is the
    ///   same.
    /// - `similarity-mean`: the average of an image's cosines with the prompts (Menon and Vondrick, arXiv 2210.07183).
    ///   An average of dot products is the dot product with the average, here of the unit vectors, which is not
    ///   normalised again.
    /// - `max`: the largest of those cosines.
    ///
    /// [`Classifier::for_images`] makes those of the other aggregations.
    ///
    /// # Errors
    /// [`EvaluationError::NoClasses`], [`EvaluationError::NoPrompts`], [`EvaluationError::PromptDimension`] and
    /// [`EvaluationError::PromptNotFinite`], with the class at fault; [`EvaluationError::WeighsPrompts`].
    pub fn build(aggregation: Aggregation, prompts_per_class: &[Matrix]) -> Result<Self, EvaluationError> {
        let dim = prompts_per_class.first().ok_or(EvaluationError::NoClasses)?.cols();
        let mut data = Vec::new();
        let mut ends = Vec::with_capacity(prompts_per_class.len());
        for (class, prompts) in prompts_per_class.iter().enumerate() {
            check(class, prompts, dim)?;
            data.extend_from_slice(class_rows(aggregation, prompts)?.as_slice());
            ends.push(data.len() / dim);
        }
        let rows = Matrix::new(data.len() / dim, dim, data)?;
        Ok(match aggregation {
            Aggregation::Mean | Aggregation::PooledMean | Aggregation::SimilarityMean => {
                Self::Linear { weights: rows }
            }
            Aggregation::Max => Self::Max { prompts: rows, ends },
            Aggregation::Zpe | Aggregation::AutoClip => {
                return Err(EvaluationError::WeighsPrompts { aggregation });
            }
        })
    }

    /// Number of classes.
    pub fn n_classes(&self) -> usize {
        match self {
            Self::Linear { weights } => weights.rows(),
            Self::Max { ends, .. } => ends.len(),
            Self::PerImage { prompts, n_prompts } => prompts.rows() / n_prompts,
        }
    }

    /// Dimension of the embeddings.
    pub fn dim(&self) -> usize {
        self.rows().cols()
    }

    /// The rows that an image is multiplied with: weights or prompts.
    pub(in crate::evaluation) fn rows(&self) -> &Matrix {
        match self {
            Self::Linear { weights } => weights,
            Self::Max { prompts, .. } | Self::PerImage { prompts, .. } => prompts,
        }
    }

    /// Which of those rows are a class's.
    pub(in crate::evaluation) fn rows_of(&self, class: usize) -> Range<usize> {
        match self {
            Self::Linear { .. } => class..class + 1,
            Self::Max { ends, .. } => class.checked_sub(1).map_or(0, |before| ends[before])..ends[class],
            Self::PerImage { n_prompts, .. } => class * n_prompts..(class + 1) * n_prompts,
        }
    }
}

/// The rows of one class, `[n_rows, dim]`, from its raw prompt embeddings; a score is the largest dot product with one.
pub(in crate::evaluation) fn class_rows(
    aggregation: Aggregation,
    prompts: &Matrix,
) -> Result<Matrix, EvaluationError> {
    let unit = || prompts.clone().normalised();
    Ok(match aggregation {
        Aggregation::Mean => mean(&unit())?.normalised(),
        Aggregation::PooledMean => mean(prompts)?.normalised(),
        Aggregation::SimilarityMean => mean(&unit())?,
        Aggregation::Max => unit(),
        Aggregation::Zpe | Aggregation::AutoClip => {
            return Err(EvaluationError::WeighsPrompts { aggregation });
        }
    })
}

/// Checks the prompt embeddings of one class, `[n_prompts, dim]`.
pub(in crate::evaluation) fn check(
    class: usize,
    prompts: &Matrix,
    dim: usize,
) -> Result<(), EvaluationError> {
    if prompts.rows() == 0 || prompts.cols() == 0 {
        return Err(EvaluationError::NoPrompts { class });
    }
    if prompts.cols() != dim {
        return Err(EvaluationError::PromptDimension { class, expected: dim, found: prompts.cols() });
    }
    match prompts.iter_rows().position(|row| !row.iter().all(|x| x.is_finite())) {
        Some(prompt) => Err(EvaluationError::PromptNotFinite { class, prompt }),
        None => Ok(()),
    }
}

/// The average of the rows, `[1, cols]`.
fn mean(matrix: &Matrix) -> Result<Matrix, EvaluationError> {
    let mut sums = vec![0.0_f64; matrix.cols()];
    for row in matrix.iter_rows() {
        for (sum, x) in sums.iter_mut().zip(row) {
            *sum += f64::from(*x);
        }
    }
    let average = sums.into_iter().map(|sum| (sum / matrix.rows() as f64) as f32);
    Matrix::new(1, matrix.cols(), average.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(rows: &[[f32; 2]]) -> Matrix {
        Matrix::from_rows(rows).unwrap()
    }

    fn build(aggregation: Aggregation) -> Classifier {
        Classifier::build(aggregation, &[of(&[[2.0, 0.0], [0.0, 6.0]]), of(&[[0.0, -3.0]])]).unwrap()
    }

    #[test]
    fn the_aggregations_by_hand() {
        let half = 0.5_f32.sqrt();
        let linear = |rows: &[[f32; 2]]| Classifier::Linear { weights: of(rows) };
        assert_eq!(build(Aggregation::Mean), linear(&[[half, half], [0.0, -1.0]]));
        assert_eq!(build(Aggregation::PooledMean), linear(&[[0.316_227_76, 0.948_683_3], [0.0, -1.0]]));
        assert_eq!(build(Aggregation::SimilarityMean), linear(&[[0.5, 0.5], [0.0, -1.0]]));
        let max = build(Aggregation::Max);
        assert_eq!(
            max,
            Classifier::Max { prompts: of(&[[1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]), ends: vec![2, 3] }
        );
    }

    #[test]
    fn one_prompt_is_its_own_average() {
        let prompts = [of(&[[3.0, 4.0]]), of(&[[-5.0, 12.0]])];
        let expected = of(&[[0.6, 0.8], [-5.0 / 13.0, 12.0 / 13.0]]);
        for aggregation in Aggregation::CLASS_BY_CLASS {
            assert_eq!(Classifier::build(aggregation, &prompts).unwrap().rows(), &expected, "{aggregation}");
        }
    }

    #[test]
    fn bad_prompts_are_named() {
        let build = |prompts: &[Matrix]| Classifier::build(Aggregation::Mean, prompts).unwrap_err();
        let good = of(&[[1.0, 0.0]]);
        assert_eq!(build(&[]), EvaluationError::NoClasses);
        assert_eq!(build(&[good.clone(), of(&[])]), EvaluationError::NoPrompts { class: 1 });
        let wide = Matrix::from_rows(&[[1.0, 0.0, 0.0]]).unwrap();
        assert_eq!(
            build(&[good.clone(), wide]),
            EvaluationError::PromptDimension { class: 1, expected: 2, found: 3 }
        );
        let spoilt = of(&[[1.0, 0.0], [f32::NAN, 0.0]]);
        assert_eq!(build(&[good, spoilt]), EvaluationError::PromptNotFinite { class: 1, prompt: 1 });
    }
}
