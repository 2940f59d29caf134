//! Prompts weighted without labels: once for a dataset (ZPE), or anew for each image (AutoCLIP). A weight belongs to the
//! first, second, … prompt of every class, as it does with templates, so every class has the same number of prompts.

use rayon::prelude::*;

use super::autoclip::softmax;
use super::classifier::{Classifier, check};
use super::matrix::Matrix;
use super::scores::{BLOCK, Cancellation, Scorer, scale};
use crate::evaluation::EvaluationError;
use crate::kernels::Cpu;
use crate::prompts::Aggregation;

impl Classifier {
    /// Makes a classifier of the raw prompt embeddings of each class, `[n_prompts_of_class, dim]`, for these images, unit
    /// rows `[n_images, dim]`. The images matter for `zpe` alone; for the aggregations that weigh nothing this is
    /// [`Classifier::build`].
    ///
    /// - `zpe`: an average of the unit rows with one weight for the k-th prompt of every class, normalised again. The
    ///   weights are the softmax of the prompts' scores; a score is the largest logit that the k-th prompts give an
    ///   image, averaged over the images, where each prompt's average logit over the images is subtracted first
    ///   (Allingham et al., arXiv 2302.06235, algorithm 2, with the test images alone: there are none of pre-training).
    /// - `autoclip`: for each image a class's score is a weighted average of its cosines with the unit rows. The weights
    ///   come of one step from equal ones along the gradient of logsumexp of the scores, as long as leaves 85 % of their
    ///   entropy (Metzen et al., arXiv 2309.16414, sections 3.2 to 3.4).
    ///
    /// # Errors
    /// Those of [`Classifier::build`]; [`EvaluationError::UnequalPrompts`] and [`EvaluationError::LogitScale`].
    pub fn for_images(
        aggregation: Aggregation,
        prompts_per_class: &[Matrix],
        images: &Matrix,
        logit_scale: f32,
    ) -> Result<Self, EvaluationError> {
        Self::for_images_cancellable(aggregation, prompts_per_class, images, logit_scale, &|| false)
    }

    /// The same, unless `is_cancelled`, which is asked often, says so.
    ///
    /// # Errors
    /// Those of [`Classifier::for_images`], and [`EvaluationError::Cancelled`].
    pub fn for_images_cancellable(
        aggregation: Aggregation,
        prompts_per_class: &[Matrix],
        images: &Matrix,
        logit_scale: f32,
        is_cancelled: Cancellation<'_>,
    ) -> Result<Self, EvaluationError> {
        match aggregation {
            Aggregation::Zpe => Ok(zpe(prompts_per_class, images, scale(logit_scale)?, is_cancelled)?.0),
            Aggregation::AutoClip => {
                let prompts = unit_rows(prompts_per_class)?;
                let n_prompts = prompts[0].rows();
                let rows: Vec<&[f32]> = prompts.iter().flat_map(Matrix::iter_rows).collect();
                Ok(Self::PerImage { prompts: Matrix::from_rows(&rows)?, n_prompts })
            }
            other => Self::build(other, prompts_per_class),
        }
    }
}

/// The classifier of `zpe`, and the weight of the k-th prompts of all classes, `[n_prompts]`. `factor` is what scores are
/// multiplied with.
pub(in crate::evaluation) fn zpe(
    prompts_per_class: &[Matrix],
    images: &Matrix,
    factor: f32,
    is_cancelled: Cancellation<'_>,
) -> Result<(Classifier, Vec<f64>), EvaluationError> {
    let prompts = unit_rows(prompts_per_class)?;
    let weights = zpe_weights(&prompts, images, factor, is_cancelled)?;
    Ok((Classifier::Linear { weights: weighted_rows(&prompts, &weights)? }, weights))
}

/// The unit rows of each class, `[n_prompts, dim]`, after checking that all have the same number.
fn unit_rows(prompts_per_class: &[Matrix]) -> Result<Vec<Matrix>, EvaluationError> {
    let first = prompts_per_class.first().ok_or(EvaluationError::NoClasses)?;
    for (class, prompts) in prompts_per_class.iter().enumerate() {
        check(class, prompts, first.cols())?;
        if prompts.rows() != first.rows() {
            return Err(EvaluationError::UnequalPrompts {
                class,
                expected: first.rows(),
                found: prompts.rows(),
            });
        }
    }
    Ok(prompts_per_class.iter().map(|prompts| prompts.clone().normalised()).collect())
}

/// One weight for the k-th prompts of all classes, `[n_prompts]`; they add up to 1.
fn zpe_weights(
    prompts: &[Matrix],
    images: &Matrix,
    scale: f32,
    is_cancelled: Cancellation<'_>,
) -> Result<Vec<f64>, EvaluationError> {
    let centred = centred(images)?;
    let cpu = Cpu::detect();
    let starts: Vec<usize> = (0..centred.rows()).step_by(BLOCK).collect();
    let mut scores = Vec::with_capacity(prompts[0].rows());
    for prompt in 0..prompts[0].rows() {
        if is_cancelled() {
            return Err(EvaluationError::Cancelled);
        }
        let rows: Vec<&[f32]> = prompts.iter().map(|class| class.row(prompt)).collect();
        let scorer = Scorer::new(cpu, &Classifier::Linear { weights: Matrix::from_rows(&rows)? });
        let sums: Vec<f64> = starts
            .par_iter()
            .map_init(
                || scorer.scratch(),
                |scratch, &start| {
                    let scores = scorer.scores(&centred, start..(start + BLOCK).min(centred.rows()), scratch);
                    let largest = |scores: &[f32]| scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                    scores.chunks_exact(prompts.len()).map(|scores| f64::from(largest(scores))).sum()
                },
            )
            .collect();
        scores.push(f64::from(scale) * sums.iter().sum::<f64>() / centred.rows() as f64);
    }
    Ok(softmax(&scores))
}

/// The rows without their average.
fn centred(images: &Matrix) -> Result<Matrix, EvaluationError> {
    let mut average = vec![0.0_f64; images.cols()];
    for row in images.iter_rows() {
        average.iter_mut().zip(row).for_each(|(sum, x)| *sum += f64::from(*x));
    }
    average.iter_mut().for_each(|sum| *sum /= images.rows() as f64);
    let row = |row: &[f32]| -> Vec<f32> {
        row.iter().zip(&average).map(|(x, average)| (f64::from(*x) - average) as f32).collect()
    };
    Matrix::new(images.rows(), images.cols(), images.iter_rows().flat_map(row).collect())
}

/// For each class the weighted average of its rows, normalised, `[n_classes, dim]`.
fn weighted_rows(prompts: &[Matrix], weights: &[f64]) -> Result<Matrix, EvaluationError> {
    let mut data = Vec::with_capacity(prompts.len() * prompts[0].cols());
    for class in prompts {
        let mut sums = vec![0.0_f64; class.cols()];
        for (row, weight) in class.iter_rows().zip(weights) {
            sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += weight * f64::from(*x));
        }
        data.extend(sums.into_iter().map(|sum| sum as f32));
    }
    Ok(Matrix::new(prompts.len(), prompts[0].cols(), data)?.normalised())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::autoclip::{ENTROPY_LEFT, autoclip_scores, autoclip_weights, entropy};
    use super::super::evaluate::evaluate;
    use super::*;

    const LOGIT_SCALE: f32 = 3.0;

    fn prompts(n_classes: usize, n_prompts: usize, dim: usize, seed: u64) -> Vec<Matrix> {
        (0..n_classes).map(|class| Matrix::random(n_prompts, dim, seed ^ (class as u64 + 1))).collect()
    }

    /// Small whole numbers, which Python makes just so: `((i * factor + offset) % modulus) - modulus // 2`.
    fn numbers(rows: usize, cols: usize, [factor, offset, modulus]: [usize; 3]) -> Matrix {
        let number = |i: usize| ((i * factor + offset) % modulus) as f32 - (modulus / 2) as f32;
        Matrix::new(rows, cols, (0..rows * cols).map(number).collect()).unwrap()
    }

    /// Three classes with four prompts each, and six images.
    fn golden_input() -> (Vec<Matrix>, Matrix) {
        let all = numbers(12, 5, [7, 3, 11]);
        let rows: Vec<&[f32]> = all.iter_rows().collect();
        let prompts = rows.chunks(4).map(|class| Matrix::from_rows(class).unwrap()).collect();
        (prompts, numbers(6, 5, [5, 2, 13]).normalised())
    }

    /// numpy: logits = exp(3) * einsum("nd,ckd->nck", images, units); weights = softmax((logits -
    /// logits.mean(0)).max(1).mean(0)); rows = (weights[None, :, None] * units).sum(1), normalised.
    #[test]
    fn zpe_agrees_with_numpy() {
        let (prompts, images) = golden_input();
        let units = unit_rows(&prompts).unwrap();
        let weights = zpe_weights(&units, &images, LOGIT_SCALE.exp(), &|| false).unwrap();
        for (weight, expected) in weights.iter().zip([0.263_293_52, 0.377_778_14, 0.012_255_53, 0.346_672_82])
        {
            assert!((weight - expected).abs() < 1e-5, "{weights:?}");
        }
        let classifier = Classifier::for_images(Aggregation::Zpe, &prompts, &images, LOGIT_SCALE).unwrap();
        let expected = [
            [0.619_694_5, -0.159_770_87, -0.044_037_69, 0.012_420_12, -0.767_045_25],
            [-0.823_181, 0.334_849_35, 0.437_251_96, -0.133_892_13, -0.033_654_17],
            [0.542_359_55, 0.478_727_04, -0.598_551_9, 0.273_039_82, 0.209_407_3],
        ];
        for (x, expected) in classifier.rows().as_slice().iter().zip(expected.as_flattened()) {
            assert!((x - expected).abs() < 1e-5, "{x} is not {expected}");
        }
    }

    /// numpy and scipy: s = e.mean(1); g = (softmax(s)[:, None] * e).sum(0) / 4, without its average; the step from
    /// brentq of entr(softmax(step * g)).sum() - 0.85 * log(4); weights = softmax(step * g); scores = (e * weights).sum(1).
    #[test]
    fn autoclip_agrees_with_scipy() {
        let (prompts, images) = golden_input();
        let units = unit_rows(&prompts).unwrap();
        let expected = [
            (
                [0.136_956_22, 0.187_607_695, 0.548_015_093, 0.127_420_992],
                [0.061_334_8, 0.389_918_1, 0.060_259],
            ),
            (
                [0.133_643_928, 0.196_158_241, 0.545_725_335, 0.124_472_496],
                [0.039_837_4, 0.414_143_8, 0.074_541],
            ),
            (
                [0.131_078_641, 0.201_196_428, 0.544_234_141, 0.123_490_79],
                [0.016_599_3, 0.405_759_7, 0.084_846_2],
            ),
            (
                [0.037_836_388, 0.262_885_857, 0.453_965_132, 0.245_312_623],
                [0.287_810_6, 0.179_862_7, -0.079_940_5],
            ),
            (
                [0.040_051_298, 0.275_446_49, 0.457_531_107, 0.226_971_105],
                [0.288_628_4, 0.182_857_7, -0.090_216_8],
            ),
            (
                [0.068_809_512, 0.274_081_596, 0.158_919_473, 0.498_189_419],
                [0.427_275, -0.022_985_5, -0.375_348_7],
            ),
        ];
        for (image, (weights, scores)) in images.iter_rows().zip(expected) {
            let dot = |row: &[f32]| -> f32 { row.iter().zip(image).map(|(x, y)| x * y).sum() };
            let cosines: Vec<f32> = units.iter().flat_map(Matrix::iter_rows).map(dot).collect();
            let found = autoclip_weights(&cosines, 4);
            assert!(found.iter().zip(weights).all(|(x, y)| (x - y).abs() < 1e-4), "{found:?}");
            let mut found = [0.0; 3];
            autoclip_scores(&cosines, 4, &mut found);
            assert!(found.iter().zip(scores).all(|(x, y)| (x - y).abs() < 1e-5), "{found:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn weights_add_up_and_keep_their_entropy(
            n_classes in 1usize..8, n_prompts in 1usize..9, seed: u64,
        ) {
            let cosines = Matrix::random(n_classes, n_prompts, seed);
            let weights = autoclip_weights(cosines.as_slice(), n_prompts);
            prop_assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            let left = entropy(&weights) / (n_prompts as f64).ln();
            prop_assert!(n_prompts == 1 || (left - ENTROPY_LEFT).abs() < 1e-6, "{left}");
        }

        /// Prompts that are all alike deserve the same weight, which is the plain average.
        #[test]
        fn equal_prompts_are_the_mean(n_classes in 1usize..6, n_prompts in 1usize..5, seed: u64) {
            let one = Matrix::random(n_classes, 12, seed);
            let repeated: Vec<Matrix> =
                one.iter_rows().map(|row| Matrix::from_rows(&vec![row; n_prompts]).unwrap()).collect();
            let images = Matrix::random(40, 12, !seed).normalised();
            let labels: Vec<usize> = (0..40).map(|image| image % n_classes).collect();
            let predictions = |classifier: &Classifier| {
                let evaluation = evaluate(&images, &labels, classifier, LOGIT_SCALE, 1).unwrap();
                (0..40).map(|image| evaluation.predicted(image)).collect::<Vec<_>>()
            };
            let mean = predictions(&Classifier::build(Aggregation::Mean, &repeated).unwrap());
            for aggregation in [Aggregation::Zpe, Aggregation::AutoClip] {
                let weighted = Classifier::for_images(aggregation, &repeated, &images, LOGIT_SCALE).unwrap();
                prop_assert_eq!(predictions(&weighted), mean.clone());
            }
        }

        /// An image's scores do not depend on the images beside it.
        #[test]
        fn autoclip_is_per_image(n_images in 1usize..200, seed: u64) {
            let (prompts, images) = (prompts(5, 4, 9, seed), Matrix::random(n_images, 9, !seed).normalised());
            let classifier =
                Classifier::for_images(Aggregation::AutoClip, &prompts, &images, LOGIT_SCALE).unwrap();
            let together = evaluate(&images, &vec![0; n_images], &classifier, LOGIT_SCALE, 5).unwrap();
            let last = Matrix::from_rows(&[images.row(n_images - 1)]).unwrap();
            let alone = evaluate(&last, &[0], &classifier, LOGIT_SCALE, 5).unwrap();
            prop_assert_eq!(alone.ranked(0), together.ranked(n_images - 1));
        }
    }

    #[test]
    fn unequal_numbers_of_prompts_are_refused() {
        let prompts = [Matrix::random(2, 4, 1), Matrix::random(3, 4, 2)];
        let images = Matrix::random(3, 4, 3).normalised();
        for aggregation in [Aggregation::Zpe, Aggregation::AutoClip] {
            let refused = Classifier::for_images(aggregation, &prompts, &images, LOGIT_SCALE).unwrap_err();
            assert_eq!(refused, EvaluationError::UnequalPrompts { class: 1, expected: 2, found: 3 });
        }
    }
}
