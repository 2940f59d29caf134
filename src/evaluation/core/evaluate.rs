//! A classifier on labelled images, and the metrics.

use rayon::prelude::*;

use super::classifier::Classifier;
use super::confusion::Confusion;
use super::matrix::Matrix;
use super::ranking::{Ranked, rank};
use super::scores::{BLOCK, Cancellation, Scorer, scale};
use crate::evaluation::EvaluationError;
use crate::kernels::Cpu;

/// What a classifier makes of labelled images.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// Number of classes.
    pub n_classes: usize,
    /// The class of each image, `[n_images]`.
    pub labels: Vec<u32>,
    /// The best classes of each image, best first, `[n_images, kept]`.
    pub ranked: Vec<Ranked>,
    /// Number of ranked classes of each image.
    pub kept: usize,
    /// The place of each image's class among all classes, `[n_images]`; 1 is the first.
    pub true_rank: Vec<u32>,
    /// The probability of each image's class, `[n_images]`.
    pub true_probability: Vec<f32>,
    /// How many images of each class were taken for each class.
    pub confusion: Confusion,
}

/// A class's images and hits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClassAccuracy {
    /// Number of images of the class.
    pub images: u32,
    /// Number of those whose top prediction is the class.
    pub correct: u32,
    /// Their share, from 0 to 1; `None` without images. It is the class's recall.
    pub accuracy: Option<f64>,
}

/// Evaluates `classifier` on `images`, unit rows `[n_images, dim]`, whose classes are `labels`, `[n_images]`.
///
/// `logit_scale` is the logarithm that checkpoints store: probabilities are the softmax of the scores times
/// exp(`logit_scale`). `keep` is the number of ranked classes to keep for each image, from 1 to the number of classes;
/// numbers outside are moved to the nearest of these. Of two classes with the same score, the one with the lower index
/// is first. The result does not depend on the number of threads.
///
/// # Errors
/// See [`EvaluationError`]; an image at fault is named by its index.
pub fn evaluate(
    images: &Matrix,
    labels: &[usize],
    classifier: &Classifier,
    logit_scale: f32,
    keep: usize,
) -> Result<Evaluation, EvaluationError> {
    evaluate_cancellable(images, labels, classifier, logit_scale, keep, &|| false)
}

/// The same, unless `is_cancelled`, which is asked often, says so.
///
/// # Errors
/// Those of [`evaluate`], and [`EvaluationError::Cancelled`].
pub fn evaluate_cancellable(
    images: &Matrix,
    labels: &[usize],
    classifier: &Classifier,
    logit_scale: f32,
    keep: usize,
    is_cancelled: Cancellation<'_>,
) -> Result<Evaluation, EvaluationError> {
    check(images, labels, classifier)?;
    let scale = scale(logit_scale)?;
    let n_classes = classifier.n_classes();
    let kept = keep.clamp(1, n_classes);
    let cpu = Cpu::detect();
    let scorer = Scorer::new(cpu, classifier);
    let evaluation = Evaluation::ranked_by(
        labels,
        n_classes,
        kept,
        || scorer.scratch(),
        |scratch, block| {
            if is_cancelled() {
                return;
            }
            let scores = scorer.scores(images, block.first..block.first + block.labels.len(), scratch);
            block.rank(cpu, scores, scale);
        },
    );
    if is_cancelled() { Err(EvaluationError::Cancelled) } else { Ok(evaluation) }
}

pub(in crate::evaluation) fn check(
    images: &Matrix,
    labels: &[usize],
    classifier: &Classifier,
) -> Result<(), EvaluationError> {
    check_images(images, labels, classifier.n_classes())?;
    if images.cols() == classifier.dim() {
        Ok(())
    } else {
        Err(EvaluationError::ImageDimension { images: images.cols(), prompts: classifier.dim() })
    }
}

/// Checks labelled images on their own.
pub(in crate::evaluation) fn check_images(
    images: &Matrix,
    labels: &[usize],
    n_classes: usize,
) -> Result<(), EvaluationError> {
    if images.rows() == 0 {
        return Err(EvaluationError::NoImages);
    }
    if images.rows() != labels.len() {
        return Err(EvaluationError::LabelCount { images: images.rows(), labels: labels.len() });
    }
    if let Some(image) = labels.iter().position(|label| *label >= n_classes) {
        return Err(EvaluationError::Label { image, label: labels[image], n_classes });
    }
    let rows = images.as_slice().par_chunks(images.cols().max(1));
    match rows.position_first(|row| !row.iter().all(|x| x.is_finite())) {
        Some(image) => Err(EvaluationError::ImageNotFinite { image }),
        None => Ok(()),
    }
}

pub(in crate::evaluation) fn accuracy(images: u32, correct: u32) -> ClassAccuracy {
    let accuracy = (images > 0).then(|| f64::from(correct) / f64::from(images));
    ClassAccuracy { images, correct, accuracy }
}

/// The average of the classes' recalls; classes without images are left out.
pub(in crate::evaluation) fn mean_recall(per_class: &[ClassAccuracy]) -> f64 {
    let recalls: Vec<f64> = per_class.iter().filter_map(|class| class.accuracy).collect();
    recalls.iter().sum::<f64>() / recalls.len() as f64
}

/// Neighbouring images of an evaluation to come.
pub(in crate::evaluation) struct ImageBlock<'a> {
    /// The first image.
    pub(in crate::evaluation) first: usize,
    pub(in crate::evaluation) labels: &'a [usize],
    ranked: &'a mut [Ranked],
    true_rank: &'a mut [u32],
    true_probability: &'a mut [f32],
}

impl ImageBlock<'_> {
    /// Ranks the classes of each image by `scores`, `[images, n_classes]`.
    pub(in crate::evaluation) fn rank(self, cpu: Cpu, scores: &[f32], scale: f32) {
        let n_classes = scores.len() / self.labels.len();
        let kept = self.ranked.len() / self.labels.len();
        let truth = self.true_rank.iter_mut().zip(self.true_probability);
        let images = scores.chunks_exact(n_classes).zip(self.labels).zip(self.ranked.chunks_exact_mut(kept));
        for (((scores, label), best), (true_rank, true_probability)) in images.zip(truth) {
            (*true_rank, *true_probability) = rank(cpu, scores, *label, scale, best);
        }
    }
}

impl Evaluation {
    /// The evaluation that `rank` makes, block after block.
    pub(in crate::evaluation) fn ranked_by<S>(
        labels: &[usize],
        n_classes: usize,
        kept: usize,
        scratch: impl Fn() -> S + Sync + Send,
        rank: impl Fn(&mut S, ImageBlock<'_>) + Sync + Send,
    ) -> Self {
        let mut ranked = vec![Ranked { class: 0, probability: 0.0 }; labels.len() * kept];
        let mut true_rank = vec![0; labels.len()];
        let mut true_probability = vec![0.0; labels.len()];
        let blocks = (
            labels.par_chunks(BLOCK),
            ranked.par_chunks_mut(BLOCK * kept),
            true_rank.par_chunks_mut(BLOCK),
            true_probability.par_chunks_mut(BLOCK),
        );
        blocks.into_par_iter().enumerate().for_each_init(
            scratch,
            |scratch, (block, (labels, ranked, true_rank, true_probability))| {
                rank(
                    scratch,
                    ImageBlock { first: block * BLOCK, labels, ranked, true_rank, true_probability },
                );
            },
        );
        Self::of(labels, n_classes, ranked, kept, true_rank, true_probability)
    }

    /// Counts what was taken for what.
    pub(in crate::evaluation) fn of(
        labels: &[usize],
        n_classes: usize,
        ranked: Vec<Ranked>,
        kept: usize,
        true_rank: Vec<u32>,
        true_probability: Vec<f32>,
    ) -> Self {
        let predicted = ranked.chunks_exact(kept).map(|ranked| ranked[0].class as usize);
        let confusion = Confusion::count(n_classes, labels.iter().copied().zip(predicted));
        let labels = labels.iter().map(|label| *label as u32).collect();
        Self { n_classes, labels, ranked, kept, true_rank, true_probability, confusion }
    }

    /// Number of images; at least one.
    pub fn n_images(&self) -> usize {
        self.labels.len()
    }

    /// Share of images whose class is the top prediction, from 0 to 1.
    pub fn top1(&self) -> f64 {
        self.share_within(1)
    }

    /// Share of images whose class is among the five best, from 0 to 1; 1 with five classes or fewer.
    pub fn top5(&self) -> f64 {
        self.share_within(5)
    }

    /// The average of the classes' recalls, from 0 to 1. Classes without images are left out.
    pub fn mean_per_class_recall(&self) -> f64 {
        mean_recall(&self.per_class())
    }

    /// Images and hits of every class, `[n_classes]`.
    pub fn per_class(&self) -> Vec<ClassAccuracy> {
        let of_class = |class| accuracy(self.confusion.images_of(class), self.confusion.images(class, class));
        (0..self.n_classes).map(of_class).collect()
    }

    /// The best classes of an image, best first, `[kept]`.
    pub fn ranked(&self, image: usize) -> &[Ranked] {
        &self.ranked[image * self.kept..(image + 1) * self.kept]
    }

    /// The top prediction for an image.
    pub fn prediction(&self, image: usize) -> Ranked {
        self.ranked(image)[0]
    }

    /// Whether the top prediction for an image is its class.
    pub fn is_correct(&self, image: usize) -> bool {
        self.true_rank[image] == 1
    }

    /// The class that an image was taken for.
    pub fn predicted(&self, image: usize) -> u32 {
        self.ranked[image * self.kept].class
    }

    fn share_within(&self, rank: u32) -> f64 {
        let within = self.true_rank.iter().filter(|its| **its <= rank).count();
        within as f64 / self.n_images() as f64
    }
}
