//! How the prompts of a class become its part of a zero-shot classifier.

use std::borrow::Cow;
use std::ops::Range;

use super::{EvaluationError, Matrix};
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
    /// # Errors
    /// [`EvaluationError::NoClasses`], [`EvaluationError::NoPrompts`], [`EvaluationError::PromptDimension`] and
    /// [`EvaluationError::PromptNotFinite`], with the class at fault.
    pub fn build(aggregation: Aggregation, prompts_per_class: &[Matrix]) -> Result<Self, EvaluationError> {
        check(prompts_per_class)?;
        let unit = |prompts: &Matrix| prompts.clone().normalised();
        let weights = |of_class: &dyn Fn(&Matrix) -> Vec<f32>| {
            Matrix::from_rows(&prompts_per_class.iter().map(of_class).collect::<Vec<_>>())
        };
        Ok(match aggregation {
            Aggregation::Mean => {
                Self::Linear { weights: weights(&|prompts| mean(&unit(prompts)))?.normalised() }
            }
            Aggregation::PooledMean => {
                Self::Linear { weights: weights(&|prompts| mean(prompts))?.normalised() }
            }
            Aggregation::SimilarityMean => {
                Self::Linear { weights: weights(&|prompts| mean(&unit(prompts)))? }
            }
            Aggregation::Max => {
                let rows: Vec<&[f32]> = prompts_per_class.iter().flat_map(Matrix::iter_rows).collect();
                let ends = prompts_per_class.iter().scan(0, |end, prompts| {
                    *end += prompts.rows();
                    Some(*end)
                });
                Self::Max { prompts: Matrix::from_rows(&rows)?.normalised(), ends: ends.collect() }
            }
        })
    }

    /// Number of classes.
    pub fn n_classes(&self) -> usize {
        match self {
            Self::Linear { weights } => weights.rows(),
            Self::Max { ends, .. } => ends.len(),
        }
    }

    /// Dimension of the embeddings.
    pub fn dim(&self) -> usize {
        self.rows().cols()
    }

    /// The rows that an image is multiplied with: weights or prompts.
    pub(super) fn rows(&self) -> &Matrix {
        match self {
            Self::Linear { weights } => weights,
            Self::Max { prompts, .. } => prompts,
        }
    }

    /// The scores of the classes, `[n_classes]`, from the dot products of an image with [`Classifier::rows`].
    pub(super) fn class_scores<'a>(&self, products: &'a [f32]) -> Cow<'a, [f32]> {
        match self {
            Self::Linear { weights } => products[..weights.rows()].into(),
            Self::Max { ends, .. } => {
                let largest =
                    |prompts: Range<usize>| products[prompts].iter().copied().fold(f32::MIN, f32::max);
                let starts = std::iter::once(0).chain(ends.iter().copied());
                starts.zip(ends).map(|(start, end)| largest(start..*end)).collect()
            }
        }
    }
}

fn check(prompts_per_class: &[Matrix]) -> Result<(), EvaluationError> {
    let expected = prompts_per_class.first().ok_or(EvaluationError::NoClasses)?.cols();
    for (class, prompts) in prompts_per_class.iter().enumerate() {
        if prompts.rows() == 0 || prompts.cols() == 0 {
            return Err(EvaluationError::NoPrompts { class });
        }
        if prompts.cols() != expected {
            return Err(EvaluationError::PromptDimension { class, expected, found: prompts.cols() });
        }
        if let Some(prompt) = prompts.iter_rows().position(|row| !row.iter().all(|x| x.is_finite())) {
            return Err(EvaluationError::PromptNotFinite { class, prompt });
        }
    }
    Ok(())
}

/// The average of the rows, `[cols]`.
fn mean(matrix: &Matrix) -> Vec<f32> {
    let mut sums = vec![0.0_f64; matrix.cols()];
    for row in matrix.iter_rows() {
        for (sum, x) in sums.iter_mut().zip(row) {
            *sum += f64::from(*x);
        }
    }
    sums.into_iter().map(|sum| (sum / matrix.rows() as f64) as f32).collect()
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
        assert_eq!(*max.class_scores(&[0.1, 0.3, -0.3, 0.0, 0.0]), [0.3, -0.3]);
    }

    #[test]
    fn one_prompt_is_its_own_average() {
        let prompts = [of(&[[3.0, 4.0]]), of(&[[-5.0, 12.0]])];
        let expected = of(&[[0.6, 0.8], [-5.0 / 13.0, 12.0 / 13.0]]);
        for aggregation in Aggregation::ALL {
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
