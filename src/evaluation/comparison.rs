//! Two evaluations on the same images, side by side.

use super::{ClassAccuracy, Evaluation, EvaluationError, paired_interval};

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
}

/// What happened to the images of one class.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClassDifference {
    /// Difference in accuracy, in percentage points; `None` without images.
    pub accuracy: Option<f64>,
    /// Number of images of the class that were gained.
    pub gained: usize,
    /// Number of images of the class that were lost.
    pub lost: usize,
}

impl Comparison {
    /// Compares `b` with `a`.
    ///
    /// # Errors
    /// [`EvaluationError::NotComparable`] if the images or the classes differ in number, or the labels differ.
    pub fn new(a: &Evaluation, b: &Evaluation) -> Result<Self, EvaluationError> {
        if a.n_classes != b.n_classes || a.labels != b.labels {
            return Err(EvaluationError::NotComparable);
        }
        let changed = |was: bool, is: bool| {
            let images = 0..a.n_images();
            images.filter(|&image| a.is_correct(image) == was && b.is_correct(image) == is).collect()
        };
        let (gained, lost): (Vec<usize>, Vec<usize>) = (changed(false, true), changed(true, false));
        let difference = |(a, b): (&ClassAccuracy, &ClassAccuracy)| {
            let accuracy = a.accuracy.zip(b.accuracy).map(|(a, b)| points(a, b));
            ClassDifference { accuracy, gained: 0, lost: 0 }
        };
        let mut per_class: Vec<_> = a.per_class().iter().zip(&b.per_class()).map(difference).collect();
        for &image in &gained {
            per_class[a.labels[image] as usize].gained += 1;
        }
        for &image in &lost {
            per_class[a.labels[image] as usize].lost += 1;
        }
        Ok(Self {
            images: a.n_images(),
            top1: points(a.top1(), b.top1()),
            top5: points(a.top5(), b.top5()),
            mean_per_class_recall: points(a.mean_per_class_recall(), b.mean_per_class_recall()),
            per_class,
            gained,
            lost,
        })
    }

    /// The 95 % confidence interval of `top1`, in percentage points; see [`paired_interval`].
    pub fn interval(&self) -> (f64, f64) {
        let (low, high) = paired_interval(self.images, self.gained.len(), self.lost.len());
        (100.0 * low, 100.0 * high)
    }

    /// Whether the interval leaves no doubt about which is better.
    pub fn is_proven(&self) -> bool {
        let (low, high) = self.interval();
        low > 0.0 || high < 0.0
    }
}

fn points(a: f64, b: f64) -> f64 {
    100.0 * (b - a)
}
