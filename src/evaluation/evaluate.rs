//! A classifier on labelled images, and the metrics.

use rayon::prelude::*;

use super::ranking::{Ranking, rank};
use super::scores::Panels;
use super::{Classifier, EvaluationError, Matrix, Ranked};

/// Images whose scores one task holds at a time; a multiple of the kernel's six.
const BLOCK: usize = 48;

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
    /// How many images of each class were taken for each class, `[n_classes, n_classes]`: rows are the true classes,
    /// columns the predicted ones.
    pub confusion: Vec<u32>,
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
    check(images, labels, classifier)?;
    let scale = logit_scale.exp();
    if !scale.is_finite() {
        return Err(EvaluationError::LogitScale { logit_scale });
    }
    let n_classes = classifier.n_classes();
    let kept = keep.clamp(1, n_classes);
    let panels = Panels::new(classifier.rows());
    let blocks = images.as_slice().par_chunks(BLOCK * images.cols()).zip(labels.par_chunks(BLOCK));
    let rankings: Vec<Ranking> = blocks
        .flat_map_iter(|(images, labels)| {
            let products = panels.scores(images);
            let rank_one = |(image, label): (usize, &usize)| {
                let products = &products[image * panels.stride()..];
                rank(&classifier.class_scores(products), *label, scale, kept)
            };
            labels.iter().enumerate().map(rank_one).collect::<Vec<_>>()
        })
        .collect();

    let mut confusion = vec![0; n_classes * n_classes];
    for (ranking, label) in rankings.iter().zip(labels) {
        confusion[label * n_classes + ranking.best[0].class as usize] += 1;
    }
    Ok(Evaluation {
        n_classes,
        labels: labels.iter().map(|label| *label as u32).collect(),
        true_rank: rankings.iter().map(|ranking| ranking.true_rank).collect(),
        true_probability: rankings.iter().map(|ranking| ranking.true_probability).collect(),
        ranked: rankings.into_iter().flat_map(|ranking| ranking.best).collect(),
        kept,
        confusion,
    })
}

fn check(images: &Matrix, labels: &[usize], classifier: &Classifier) -> Result<(), EvaluationError> {
    let n_classes = classifier.n_classes();
    if images.rows() == 0 {
        return Err(EvaluationError::NoImages);
    }
    if images.rows() != labels.len() {
        return Err(EvaluationError::LabelCount { images: images.rows(), labels: labels.len() });
    }
    if images.cols() != classifier.dim() {
        return Err(EvaluationError::ImageDimension { images: images.cols(), prompts: classifier.dim() });
    }
    if let Some(image) = labels.iter().position(|label| *label >= n_classes) {
        return Err(EvaluationError::Label { image, label: labels[image], n_classes });
    }
    let rows = images.as_slice().par_chunks(images.cols());
    match rows.position_first(|row| !row.iter().all(|x| x.is_finite())) {
        Some(image) => Err(EvaluationError::ImageNotFinite { image }),
        None => Ok(()),
    }
}

impl Evaluation {
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
        let recalls: Vec<f64> = self.per_class().iter().filter_map(|class| class.accuracy).collect();
        recalls.iter().sum::<f64>() / recalls.len() as f64
    }

    /// Images and hits of every class, `[n_classes]`.
    pub fn per_class(&self) -> Vec<ClassAccuracy> {
        let of_class = |class| {
            let row = self.confusion_row(class);
            let (images, correct) = (row.iter().sum::<u32>(), row[class]);
            let accuracy = (images > 0).then(|| f64::from(correct) / f64::from(images));
            ClassAccuracy { images, correct, accuracy }
        };
        (0..self.n_classes).map(of_class).collect()
    }

    /// How many images of `class` were taken for each class, `[n_classes]`.
    pub fn confusion_row(&self, class: usize) -> &[u32] {
        &self.confusion[class * self.n_classes..(class + 1) * self.n_classes]
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

    fn share_within(&self, rank: u32) -> f64 {
        let within = self.true_rank.iter().filter(|its| **its <= rank).count();
        within as f64 / self.n_images() as f64
    }
}
