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
//! therefore, to the last bit, the one that [`evaluate`](super::evaluate) gives for a classifier of the same prompts in
//! the same order.

use rayon::prelude::*;

use super::classifier::{check as check_prompts, class_rows};
use super::evaluate::{BLOCK, accuracy, check, scale};
use super::ranking::{Ranked, largest};
use super::scores::{Scorer, larger};
use super::{ClassAccuracy, Classifier, Evaluation, EvaluationError, Matrix};
use crate::kernels::{Cpu, PackedRows, PackedWeights, Precision, Store};
use crate::prompts::Aggregation;

/// An evaluation whose prompts can be changed. It takes 4 · (n_classes + dim) bytes for each image.
pub struct Rescorer {
    cpu: Cpu,
    aggregation: Aggregation,
    /// Raw, `[n_prompts_of_class, dim]` for each class.
    prompts: Vec<Matrix>,
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
    /// Scores `images`, unit rows `[n_images, dim]`, whose classes are `labels`, `[n_images]`, by the raw prompt
    /// embeddings of each class, `[n_prompts_of_class, dim]`. `logit_scale` and `keep` are those of
    /// [`evaluate`](super::evaluate).
    ///
    /// # Errors
    /// Those of [`Classifier::build`] and of [`evaluate`](super::evaluate).
    pub fn new(
        aggregation: Aggregation,
        prompts_per_class: Vec<Matrix>,
        images: &Matrix,
        labels: &[usize],
        logit_scale: f32,
        keep: usize,
    ) -> Result<Self, EvaluationError> {
        let classifier = Classifier::build(aggregation, &prompts_per_class)?;
        check(images, labels, &classifier)?;
        let (cpu, n_classes) = (Cpu::detect(), classifier.n_classes());
        let scorer = Scorer::new(cpu, &classifier);
        let starts = (0..images.rows()).into_par_iter().step_by(BLOCK);
        let block = |start: usize| {
            let which = start..(start + BLOCK).min(images.rows());
            let embeddings = &images.as_slice()[which.start * images.cols()..which.end * images.cols()];
            let scores = scorer.scores(images, which, &mut scorer.scratch()).to_vec();
            Images {
                embeddings: PackedWeights::new(cpu, Precision::F32, embeddings, images.cols()),
                best: scores.chunks_exact(n_classes).map(best).collect(),
                scores,
            }
        };
        let mut rescorer = Self {
            cpu,
            aggregation,
            prompts: prompts_per_class,
            labels: labels.to_vec(),
            scale: scale(logit_scale)?,
            kept: keep.clamp(1, n_classes),
            blocks: starts.map(block).collect(),
            images: vec![0; n_classes],
            correct: vec![0; n_classes],
        };
        for (label, predicted) in rescorer.labels.iter().zip(predictions(&rescorer.blocks)) {
            rescorer.images[*label] += 1;
            rescorer.correct[*label] += u32::from(predicted as usize == *label);
        }
        Ok(rescorer)
    }

    /// Adds a prompt behind the others of its class, by its raw embedding, `[dim]`. Returns the images whose prediction
    /// changed, in their order.
    ///
    /// # Errors
    /// [`EvaluationError::NoSuchClass`], [`EvaluationError::PromptDimension`] and [`EvaluationError::PromptNotFinite`];
    /// nothing has changed then.
    pub fn add_prompt(
        &mut self,
        class: usize,
        raw: &[f32],
    ) -> Result<Vec<ChangedPrediction>, EvaluationError> {
        let mut rows = self.rows(class)?;
        rows.push(self.checked(class, rows.len(), raw)?);
        let prompts = Matrix::from_rows(&rows)?;
        self.set(class, prompts)
    }

    /// Removes a prompt; those behind it move up. Returns as [`Rescorer::add_prompt`] does.
    ///
    /// # Errors
    /// [`EvaluationError::NoSuchClass`], [`EvaluationError::NoSuchPrompt`] and, for the only prompt of a class,
    /// [`EvaluationError::LastPrompt`]; nothing has changed then.
    pub fn remove_prompt(
        &mut self,
        class: usize,
        prompt: usize,
    ) -> Result<Vec<ChangedPrediction>, EvaluationError> {
        let mut rows = self.rows(class)?;
        has(&rows, class, prompt)?;
        if rows.len() == 1 {
            return Err(EvaluationError::LastPrompt { class });
        }
        rows.remove(prompt);
        let prompts = Matrix::from_rows(&rows)?;
        self.set(class, prompts)
    }

    /// Puts another prompt in the place of one. Returns as [`Rescorer::add_prompt`] does.
    ///
    /// # Errors
    /// Those of [`Rescorer::add_prompt`], and [`EvaluationError::NoSuchPrompt`]; nothing has changed then.
    pub fn replace_prompt(
        &mut self,
        class: usize,
        prompt: usize,
        raw: &[f32],
    ) -> Result<Vec<ChangedPrediction>, EvaluationError> {
        let mut rows = self.rows(class)?;
        has(&rows, class, prompt)?;
        rows[prompt] = self.checked(class, prompt, raw)?;
        let prompts = Matrix::from_rows(&rows)?;
        self.set(class, prompts)
    }

    /// The raw embeddings of the prompts of each class now, `[n_prompts_of_class, dim]`.
    pub fn prompts(&self) -> &[Matrix] {
        &self.prompts
    }

    /// The class predicted for each image, `[n_images]`.
    pub fn predictions(&self) -> impl Iterator<Item = u32> {
        predictions(&self.blocks)
    }

    /// Share of images whose class is the prediction, from 0 to 1.
    pub fn top1(&self) -> f64 {
        f64::from(self.correct.iter().sum::<u32>()) / self.labels.len() as f64
    }

    /// Images and hits of every class, `[n_classes]`.
    pub fn per_class(&self) -> Vec<ClassAccuracy> {
        self.images.iter().zip(&self.correct).map(|(images, correct)| accuracy(*images, *correct)).collect()
    }

    /// The evaluation of the prompts as they are now. It ranks the classes of every image by the kept scores.
    pub fn evaluation(&self) -> Evaluation {
        let none = || ();
        Evaluation::ranked_by(&self.labels, self.prompts.len(), self.kept, none, |(), block| {
            let scores = &self.blocks[block.first / BLOCK].scores;
            block.rank(self.cpu, scores, self.scale);
        })
    }

    fn rows(&self, class: usize) -> Result<Vec<&[f32]>, EvaluationError> {
        let n_classes = self.prompts.len();
        let prompts = self.prompts.get(class).ok_or(EvaluationError::NoSuchClass { class, n_classes })?;
        Ok(prompts.iter_rows().collect())
    }

    /// `raw`, if it can be prompt `prompt` of a class.
    fn checked<'a>(&self, class: usize, prompt: usize, raw: &'a [f32]) -> Result<&'a [f32], EvaluationError> {
        let one = Matrix::from_rows(&[raw])?;
        match check_prompts(class, &one, self.prompts[0].cols()) {
            Err(EvaluationError::PromptNotFinite { .. }) => {
                Err(EvaluationError::PromptNotFinite { class, prompt })
            }
            checked => checked.map(|()| raw),
        }
    }

    /// Gives a class other prompts and scores it again.
    fn set(&mut self, class: usize, prompts: Matrix) -> Result<Vec<ChangedPrediction>, EvaluationError> {
        let rows = class_rows(self.aggregation, &prompts)?;
        self.prompts[class] = prompts;
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
}

impl Images {
    /// Scores a class by its rows; returns which of these images, the first of which is `first`, changed.
    fn rescore(&mut self, class: usize, rows: &PackedRows, first: usize) -> Vec<ChangedPrediction> {
        let count = self.best.len();
        let n_classes = self.scores.len() / count;
        let mut products = vec![0.0; rows.rows() * count];
        self.embeddings.multiply(rows, &[], Store::Replace, &mut products);
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

fn has(rows: &[&[f32]], class: usize, prompt: usize) -> Result<(), EvaluationError> {
    if prompt < rows.len() {
        Ok(())
    } else {
        Err(EvaluationError::NoSuchPrompt { class, prompt, prompts: rows.len() })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::evaluate;
    use super::*;

    const DIM: usize = 20;

    fn random(rows: usize, seed: u64) -> Matrix {
        Matrix::random(rows, DIM, seed)
    }

    fn rescorer(
        aggregation: Aggregation,
        n_classes: usize,
        n_images: usize,
        seed: u64,
    ) -> (Rescorer, Matrix) {
        let images = random(n_images, seed).normalised();
        let labels: Vec<usize> = (0..n_images).map(|image| image % n_classes).collect();
        let prompts = (0..n_classes).map(|class| random(1 + class % 3, seed ^ (class as u64 + 7))).collect();
        (Rescorer::new(aggregation, prompts, &images, &labels, 3.0, 4).unwrap(), images)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn it_is_always_a_fresh_evaluation(
            n_classes in 1usize..40,
            n_images in 1usize..220,
            changes in prop::collection::vec((0u8..3, any::<prop::sample::Index>(), any::<u64>()), 1..12),
            seed: u64,
        ) {
            for aggregation in Aggregation::ALL {
                let (mut rescorer, images) = rescorer(aggregation, n_classes, n_images, seed);
                for (what, class, seed) in &changes {
                    let class = class.index(n_classes);
                    let before: Vec<u32> = rescorer.predictions().collect();
                    let prompt = *seed as usize % rescorer.prompts()[class].rows();
                    let new = random(1, *seed);
                    let changed = match what {
                        0 => rescorer.add_prompt(class, new.row(0)).unwrap(),
                        1 => rescorer.replace_prompt(class, prompt, new.row(0)).unwrap(),
                        _ if rescorer.prompts()[class].rows() == 1 => {
                            let refused = rescorer.remove_prompt(class, prompt).unwrap_err();
                            prop_assert_eq!(refused, EvaluationError::LastPrompt { class });
                            Vec::new()
                        }
                        _ => rescorer.remove_prompt(class, prompt).unwrap(),
                    };
                    let classifier = Classifier::build(aggregation, rescorer.prompts()).unwrap();
                    let fresh = evaluate(&images, &rescorer.labels, &classifier, 3.0, 4).unwrap();
                    prop_assert_eq!(&rescorer.evaluation(), &fresh);
                    prop_assert_eq!(rescorer.top1(), fresh.top1());
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
    fn changes_that_cannot_be_are_refused() {
        let (mut rescorer, _) = rescorer(Aggregation::Mean, 3, 10, 1);
        let good = random(1, 5);
        let before = rescorer.evaluation();
        assert_eq!(
            rescorer.add_prompt(3, good.row(0)),
            Err(EvaluationError::NoSuchClass { class: 3, n_classes: 3 })
        );
        assert_eq!(
            rescorer.replace_prompt(1, 2, good.row(0)),
            Err(EvaluationError::NoSuchPrompt { class: 1, prompt: 2, prompts: 2 })
        );
        assert_eq!(
            rescorer.add_prompt(1, &[1.0]),
            Err(EvaluationError::PromptDimension { class: 1, expected: DIM, found: 1 })
        );
        assert_eq!(
            rescorer.add_prompt(1, &[f32::NAN; DIM]),
            Err(EvaluationError::PromptNotFinite { class: 1, prompt: 2 })
        );
        assert_eq!(rescorer.evaluation(), before);
    }
}
