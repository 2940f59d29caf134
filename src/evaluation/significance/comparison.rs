//! Two evaluations on the same images, side by side.

use super::bootstrap::bootstrap_interval;
use super::holm::holm;
use super::mcnemar::{SIGNIFICANCE, mcnemar_p, smallest_resolvable};
use crate::evaluation::EvaluationError;
use crate::evaluation::core::evaluate::{ClassAccuracy, Evaluation};

/// Of the bootstrap: a comparison always shows the same interval.
const SEED: u64 = 0;

/// What the second evaluation, B, does to the first, A. Differences are B minus A, in percentage points.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Number of images.
    pub images: usize,
    /// Difference in top-1 accuracy.
    pub top1: f64,
    /// Difference in top-5 accuracy.
    pub top5: f64,
    /// Difference in mean per-class recall.
    pub mean_per_class_recall: f64,
    /// Every class, `[n_classes]`.
    pub per_class: Vec<ClassDifference>,
    /// The images that A has wrong and B has right.
    pub gained: Vec<usize>,
    /// The images that A has right and B has wrong.
    pub lost: Vec<usize>,
    interval: (f64, f64),
    p: f64,
}

/// What happened to the images of one class, and whether that proves anything.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClassDifference {
    /// Number of images.
    pub images: usize,
    /// Difference in accuracy, in percentage points; `None` without images.
    pub accuracy: Option<f64>,
    /// Number of its images that were gained.
    pub gained: usize,
    /// Number of its images that were lost.
    pub lost: usize,
    /// [`mcnemar_p`] of the class alone; `None` without images.
    pub p: Option<f64>,
    /// The same as one of all classes that have images: see [`holm`].
    pub p_holm: Option<f64>,
    /// The smallest difference in points that its images can prove, were it the only class: see [`smallest_resolvable`].
    pub resolvable: Option<f64>,
}

impl ClassDifference {
    /// Whether B is better or worse on the class, with all classes taken together.
    pub fn is_proven(&self) -> bool {
        self.p_holm.is_some_and(|p| p < SIGNIFICANCE)
    }
}

impl Comparison {
    /// Compares `b` with `a`.
    ///
    /// # Errors
    /// [`EvaluationError::NotComparable`] if the images or the classes differ in number, or the labels differ.
    pub fn new(a: &Evaluation, b: &Evaluation) -> Result<Self, EvaluationError> {
        let per_class = class_differences(a, b)?;
        let changed = |was: bool, is: bool| {
            let images = 0..a.n_images();
            images.filter(|&image| a.is_correct(image) == was && b.is_correct(image) == is).collect()
        };
        let (gained, lost): (Vec<usize>, Vec<usize>) = (changed(false, true), changed(true, false));
        let (low, high) = bootstrap_interval(a.n_images(), gained.len(), lost.len(), SEED);
        Ok(Self {
            images: a.n_images(),
            top1: points(a.top1(), b.top1()),
            top5: points(a.top5(), b.top5()),
            mean_per_class_recall: points(a.mean_per_class_recall(), b.mean_per_class_recall()),
            per_class,
            interval: (100.0 * low, 100.0 * high),
            p: mcnemar_p(gained.len(), lost.len()),
            gained,
            lost,
        })
    }

    /// The 95 % confidence interval of `top1`, in percentage points; see [`bootstrap_interval`].
    pub fn interval(&self) -> (f64, f64) {
        self.interval
    }

    /// The p-value of McNemar's exact test; see [`mcnemar_p`].
    pub fn mcnemar_p(&self) -> f64 {
        self.p
    }

    /// Whether the images prove which of the two is better.
    pub fn is_proven(&self) -> bool {
        self.p < SIGNIFICANCE
    }

    /// The smallest difference in points that so many images can prove; see [`smallest_resolvable`].
    pub fn resolvable(&self) -> Option<f64> {
        smallest_resolvable(self.images).map(|least| 100.0 * least)
    }
}

/// What `b` does to `a` in each class, `[n_classes]`.
///
/// # Errors
/// [`EvaluationError::NotComparable`] if the images or the classes differ in number, or the labels differ.
pub fn class_differences(a: &Evaluation, b: &Evaluation) -> Result<Vec<ClassDifference>, EvaluationError> {
    if a.n_classes != b.n_classes || a.labels != b.labels {
        return Err(EvaluationError::NotComparable);
    }
    let difference = |(a, b): (&ClassAccuracy, &ClassAccuracy)| ClassDifference {
        images: a.images as usize,
        accuracy: a.accuracy.zip(b.accuracy).map(|(a, b)| points(a, b)),
        gained: 0,
        lost: 0,
        p: None,
        p_holm: None,
        resolvable: smallest_resolvable(a.images as usize).map(|least| 100.0 * least),
    };
    let mut classes: Vec<ClassDifference> =
        a.per_class().iter().zip(&b.per_class()).map(difference).collect();
    for (image, &label) in a.labels.iter().enumerate() {
        let class = &mut classes[label as usize];
        class.gained += usize::from(!a.is_correct(image) && b.is_correct(image));
        class.lost += usize::from(a.is_correct(image) && !b.is_correct(image));
    }
    let tested = || (0..classes.len()).filter(|&class| classes[class].images > 0);
    let p: Vec<f64> = tested().map(|class| mcnemar_p(classes[class].gained, classes[class].lost)).collect();
    let with_p: Vec<(usize, (f64, f64))> = tested().zip(p.iter().copied().zip(holm(&p))).collect();
    for (class, (p, p_holm)) in with_p {
        (classes[class].p, classes[class].p_holm) = (Some(p), Some(p_holm));
    }
    Ok(classes)
}

fn points(a: f64, b: f64) -> f64 {
    100.0 * (b - a)
}
