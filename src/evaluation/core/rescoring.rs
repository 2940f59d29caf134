//! An evaluation that follows its prompts while they change, one class at a time.
//!
//! A prompt decides the scores of its class and of no other. So [`Rescorer`] keeps the score of every image for every
//! class, and a change costs one product of all images with the changed class's rows and one column of scores. Images
//! lie packed, as the fixed operand of that product.
//!
//! Scores lie image by image, not class by class. Writing a column then jumps from row to row, once for each image; but
//! where the score of an image's prediction fell, its other scores are read in one go to find the next best, and a class
//! can lose thousands of images at once. Ranks and probabilities are not followed: all of them are computed from the
//! kept scores when they are asked for.
//!
//! Nothing drifts. A changed class's rows are made from all of its prompts again, as [`Classifier::build`] makes them,
//! instead of adding to and subtracting from a sum; that is a thousandth of the work of scoring them. Every number is
//! therefore, to the last bit, the one that [`evaluate`](crate::evaluation::evaluate) gives for a classifier of the same prompts in
//! the same order. The prompts themselves are not kept here, nor is the matrix of images that the scores are made from.

use rayon::prelude::*;

use super::classifier::Classifier;
use super::classifier::{check as check_prompts, class_rows};
use super::evaluate::{ClassAccuracy, Evaluation};
use super::evaluate::{accuracy, check, mean_recall};
use super::matrix::Matrix;
use super::ranking::{Ranked, largest};
use super::scores::{BLOCK, scale};
use super::scores::{Scorer, Scratch, larger};
use crate::evaluation::EvaluationError;
use crate::kernels::{Accumulate, Cpu, PackedRows, PackedWeights, Precision};
use crate::prompts::Aggregation;

/// An evaluation whose prompts can be changed. It takes 4 · (n_classes + dim) bytes for each image.
pub struct Rescorer {
    cpu: Cpu,
    dim: usize,
    labels: Vec<usize>,
    scale: f32,
    kept: usize,
    /// Neighbouring images, `BLOCK` in each but the last.
    blocks: Vec<Images>,
    /// Images of each class, `[n_classes]`.
    images: Vec<u32>,
    /// Those that are recognised, `[n_classes]`.
    correct: Vec<u32>,
}

/// Some images with their scores.
struct Images {
    embeddings: PackedWeights,
    /// `[images, n_classes]`
    scores: Vec<f32>,
    /// The best class of each, with its score in the place of a probability, `[images]`.
    best: Vec<Ranked>,
}

/// An image that another class is predicted for than before a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangedPrediction {
    /// The image.
    pub image: usize,
    /// The class that was predicted before.
    pub before: u32,
    /// The class that is predicted now.
    pub after: u32,
}

impl Rescorer {
    /// Scores `images`, unit rows `[n_images, dim]`, whose classes are `labels`, `[n_images]`, by `classifier`.
    /// `logit_scale` and `keep` are those of [`evaluate`](crate::evaluation::evaluate).
    ///
    /// # Errors
    /// Those of [`evaluate`](crate::evaluation::evaluate).
    pub fn new(
        classifier: &Classifier,
        images: Matrix,
        labels: &[usize],
        logit_scale: f32,
        keep: usize,
    ) -> Result<Self, EvaluationError> {
        check(&images, labels, classifier)?;
        let (cpu, n_classes) = (Cpu::detect(), classifier.n_classes());
        let mut rescorer = Self {
            cpu,
            dim: classifier.dim(),
            labels: labels.to_vec(),
            scale: scale(logit_scale)?,
            kept: keep.clamp(1, n_classes),
            blocks: scored(&Scorer::new(cpu, classifier), cpu, images),
            images: vec![0; n_classes],
            correct: vec![0; n_classes],
        };
        for (label, predicted) in rescorer.labels.iter().zip(predictions(&rescorer.blocks)) {
            rescorer.images[*label] += 1;
            rescorer.correct[*label] += u32::from(predicted as usize == *label);
        }
        Ok(rescorer)
    }

    /// Gives a class other prompts, by their raw embeddings, `[n_prompts, dim]`, and scores it again. Returns the images
    /// whose prediction changed, in their order. `aggregation` is that of the classifier.
    ///
    /// # Errors
    /// [`EvaluationError::NoSuchClass`], [`EvaluationError::NoPrompts`], [`EvaluationError::PromptDimension`],
    /// [`EvaluationError::PromptNotFinite`] and [`EvaluationError::WeighsPrompts`]; nothing has changed then.
    pub fn rescore(
        &mut self,
        class: usize,
        aggregation: Aggregation,
        prompts: &Matrix,
    ) -> Result<Vec<ChangedPrediction>, EvaluationError> {
        let n_classes = self.images.len();
        if class >= n_classes {
            return Err(EvaluationError::NoSuchClass { class, n_classes });
        }
        check_prompts(class, prompts, self.dim)?;
        let rows = class_rows(aggregation, prompts)?;
        let mut packed = PackedRows::new(self.cpu, Precision::F32);
        packed.pack(rows.rows(), rows.cols(), |at, row| row.copy_from_slice(rows.row(at)));
        let blocks = self.blocks.par_iter_mut().enumerate();
        let changed: Vec<ChangedPrediction> =
            blocks.flat_map_iter(|(at, block)| block.rescore(class, &packed, at * BLOCK)).collect();
        for ChangedPrediction { image, before, after } in &changed {
            let label = self.labels[*image];
            self.correct[label] -= u32::from(*before as usize == label);
            self.correct[label] += u32::from(*after as usize == label);
        }
        Ok(changed)
    }

    /// The class predicted for each image, `[n_images]`.
    pub fn predictions(&self) -> impl Iterator<Item = u32> {
        predictions(&self.blocks)
    }

    /// Share of images whose class is the prediction, from 0 to 1.
    pub fn top1(&self) -> f64 {
        f64::from(self.correct.iter().sum::<u32>()) / self.labels.len() as f64
    }

    /// The average of the classes' recalls, from 0 to 1. Classes without images are left out.
    pub fn mean_per_class_recall(&self) -> f64 {
        mean_recall(&self.per_class())
    }

    /// Images and hits of every class, `[n_classes]`.
    pub fn per_class(&self) -> Vec<ClassAccuracy> {
        self.images.iter().zip(&self.correct).map(|(images, correct)| accuracy(*images, *correct)).collect()
    }

    /// The evaluation of the prompts as they are now. It ranks the classes of every image by the kept scores.
    pub fn evaluation(&self) -> Evaluation {
        let none = || ();
        Evaluation::ranked_by(&self.labels, self.images.len(), self.kept, none, |(), block| {
            let scores = &self.blocks[block.first / BLOCK].scores;
            block.rank(self.cpu, scores, self.scale);
        })
    }
}

impl Images {
    /// Scores a class by its rows; returns which of these images, the first of which is `first`, changed.
    fn rescore(&mut self, class: usize, rows: &PackedRows, first: usize) -> Vec<ChangedPrediction> {
        let count = self.best.len();
        let n_classes = self.scores.len() / count;
        let mut products = vec![0.0; rows.rows() * count];
        self.embeddings.multiply(rows, &[], Accumulate::No, &mut products);
        let (column, others) = products.split_at_mut(count);
        for products in others.chunks_exact(count) {
            column.iter_mut().zip(products).for_each(|(score, product)| *score = larger(*score, *product));
        }
        let mut changed = Vec::new();
        let images = self.scores.chunks_exact_mut(n_classes).zip(&mut self.best).zip(column);
        for (at, ((scores, predicted), score)) in images.enumerate() {
            scores[class] = *score;
            let before = predicted.class;
            *predicted = updated(*predicted, class as u32, *score).unwrap_or_else(|| best(scores));
            if predicted.class != before {
                changed.push(ChangedPrediction { image: first + at, before, after: predicted.class });
            }
        }
        changed
    }
}

/// Packs and scores images, the last ones first: what is packed is given back at once, so that embeddings are never in
/// memory twice.
fn scored(scorer: &Scorer, cpu: Cpu, mut images: Matrix) -> Vec<Images> {
    /// Blocks between two times of giving back.
    const TOGETHER: usize = 64;
    let mut groups: Vec<Vec<Images>> = Vec::new();
    while images.rows() > 0 {
        let end = images.rows().div_ceil(BLOCK);
        let start = end.saturating_sub(TOGETHER);
        let block = |scratch: &mut Scratch, block: usize| {
            let which = block * BLOCK..((block + 1) * BLOCK).min(images.rows());
            let embeddings = &images.as_slice()[which.start * images.cols()..which.end * images.cols()];
            let embeddings = PackedWeights::new(cpu, Precision::F32, embeddings, images.cols());
            let scores = scorer.scores(&images, which.clone(), scratch).to_vec();
            let best = scores.chunks_exact(scores.len() / which.len()).map(best).collect();
            Images { embeddings, scores, best }
        };
        groups.push((start..end).into_par_iter().map_init(|| scorer.scratch(), block).collect());
        images = images.first_rows(start * BLOCK);
    }
    groups.into_iter().rev().flatten().collect()
}

/// The best class after the score of `class` has changed; `None` where only all scores can tell, since that of the best
/// class fell.
fn updated(best: Ranked, class: u32, score: f32) -> Option<Ranked> {
    let changed = Ranked { class, probability: score };
    if class == best.class {
        (score >= best.probability).then_some(changed)
    } else if score > best.probability || (score == best.probability && class < best.class) {
        Some(changed)
    } else {
        Some(best)
    }
}

/// The class with the largest of `scores`.
fn best(scores: &[f32]) -> Ranked {
    let mut best = [Ranked { class: 0, probability: 0.0 }];
    largest(scores, &mut best);
    best[0]
}

fn predictions(blocks: &[Images]) -> impl Iterator<Item = u32> {
    blocks.iter().flat_map(|block| block.best.iter().map(|best| best.class))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::evaluate::evaluate;
    use super::*;

    const DIM: usize = 20;

    fn random(rows: usize, seed: u64) -> Matrix {
        Matrix::random(rows, DIM, seed)
    }

    /// Random images, their labels and the prompts of each class.
    fn random_parts(n_classes: usize, n_images: usize, seed: u64) -> (Matrix, Vec<usize>, Vec<Matrix>) {
        let images = random(n_images, seed).normalised();
        let labels = (0..n_images).map(|image| image % n_classes).collect();
        let prompts = (0..n_classes).map(|class| random(1 + class % 3, seed ^ (class as u64 + 7))).collect();
        (images, labels, prompts)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn it_is_always_a_fresh_evaluation(
            n_classes in 1usize..40,
            n_images in 1usize..220,
            changes in prop::collection::vec((any::<prop::sample::Index>(), 1usize..4, any::<u64>()), 1..12),
            seed: u64,
        ) {
            for aggregation in Aggregation::CLASS_BY_CLASS {
                let (images, labels, mut prompts) = random_parts(n_classes, n_images, seed);
                let classifier = Classifier::build(aggregation, &prompts).unwrap();
                let mut rescorer = Rescorer::new(&classifier, images.clone(), &labels, 3.0, 4).unwrap();
                for (class, n_prompts, seed) in &changes {
                    let class = class.index(n_classes);
                    let before: Vec<u32> = rescorer.predictions().collect();
                    prompts[class] = random(*n_prompts, *seed);
                    let changed = rescorer.rescore(class, aggregation, &prompts[class]).unwrap();

                    let classifier = Classifier::build(aggregation, &prompts).unwrap();
                    let fresh = evaluate(&images, &labels, &classifier, 3.0, 4).unwrap();
                    prop_assert_eq!(&rescorer.evaluation(), &fresh);
                    prop_assert_eq!(rescorer.top1(), fresh.top1());
                    prop_assert_eq!(rescorer.mean_per_class_recall(), fresh.mean_per_class_recall());
                    prop_assert_eq!(rescorer.per_class(), fresh.per_class());
                    let after: Vec<u32> = rescorer.predictions().collect();
                    let expected: Vec<ChangedPrediction> = (0..n_images)
                        .filter(|&image| before[image] != after[image])
                        .map(|image| ChangedPrediction { image, before: before[image], after: after[image] })
                        .collect();
                    prop_assert_eq!(changed, expected);
                }
            }
        }
    }

    #[test]
    fn many_blocks_stay_in_order() {
        let (n_images, n_classes) = (150 * BLOCK + 5, 2);
        let (images, labels, prompts) = random_parts(n_classes, n_images, 3);
        let classifier = Classifier::build(Aggregation::Mean, &prompts).unwrap();
        let rescorer = Rescorer::new(&classifier, images.clone(), &labels, 3.0, 2).unwrap();
        assert_eq!(rescorer.evaluation(), evaluate(&images, &labels, &classifier, 3.0, 2).unwrap());
    }

    #[test]
    fn changes_that_cannot_be_are_refused() {
        let (images, labels, prompts) = random_parts(3, 10, 1);
        let classifier = Classifier::build(Aggregation::Mean, &prompts).unwrap();
        let mut rescorer = Rescorer::new(&classifier, images.clone(), &labels, 3.0, 4).unwrap();
        let before = rescorer.evaluation();
        let mut refused = |class, rows: &[&[f32]]| {
            let prompts = Matrix::from_rows(rows).unwrap();
            rescorer.rescore(class, Aggregation::Mean, &prompts).unwrap_err()
        };
        let good = [1.0; DIM];
        assert_eq!(refused(3, &[&good]), EvaluationError::NoSuchClass { class: 3, n_classes: 3 });
        assert_eq!(refused(1, &[]), EvaluationError::NoPrompts { class: 1 });
        assert_eq!(
            refused(1, &[&[1.0]]),
            EvaluationError::PromptDimension { class: 1, expected: DIM, found: 1 }
        );
        assert_eq!(
            refused(1, &[&good, &[f32::NAN; DIM]]),
            EvaluationError::PromptNotFinite { class: 1, prompt: 1 }
        );
        assert_eq!(rescorer.evaluation(), before);
    }
}
