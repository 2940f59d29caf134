//! How accuracy grows with the number of prompts.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, Uniform};

use crate::evaluation::EvaluationError;
use crate::evaluation::core::classifier::Classifier;
use crate::evaluation::core::evaluate::Evaluation;
use crate::evaluation::core::evaluate::evaluate_cancellable;
use crate::evaluation::core::matrix::Matrix;
use crate::evaluation::core::scores::Cancellation;
use crate::prompts::Aggregation;

/// What a learning curve depends on beside the embeddings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CurveOptions {
    /// Prompts a class; the point of all prompts is added.
    pub sizes: Vec<usize>,
    /// How often prompts are drawn for each size; at least one.
    pub subsets: usize,
    /// Which prompts these are.
    pub seed: u64,
}

impl Default for CurveOptions {
    fn default() -> Self {
        Self { sizes: vec![1, 2, 5, 10, 20], subsets: 10, seed: 0 }
    }
}

/// Accuracy against the number of prompts.
#[derive(Clone, Debug, PartialEq)]
pub struct LearningCurve {
    /// By the number of prompts; the last one has all.
    pub points: Vec<CurvePoint>,
    /// Classes that have fewer prompts than the largest: at sizes beyond theirs they have all of them.
    pub shorter_classes: usize,
}

/// The accuracy with some number of prompts a class.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CurvePoint {
    /// Prompts a class; of all prompts, those of the largest class.
    pub prompts: usize,
    /// How often prompts were drawn; 1 where there is but one choice.
    pub subsets: usize,
    /// Top-1 accuracy, from 0 to 1: its average over the subsets.
    pub top1: f64,
    /// Its standard deviation over the subsets, with n − 1 below; `None` for one.
    pub top1_sd: Option<f64>,
    /// The average of the classes' recalls, from 0 to 1: its average over the subsets.
    pub mean_per_class_recall: f64,
    /// Its standard deviation.
    pub mean_per_class_recall_sd: Option<f64>,
}

/// What is measured: a strategy's prompts and the images that it is measured on.
#[derive(Clone, Copy)]
pub struct CurveSubject<'a> {
    /// How prompts become a classifier.
    pub aggregation: Aggregation,
    /// The raw embeddings of each class's prompts, `[n_prompts_of_class, dim]`.
    pub prompts_per_class: &'a [Matrix],
    /// The k-th prompts of all classes are one template's, and are drawn together. Aggregations that weigh the prompts of
    /// all classes together draw them so in any case.
    pub of_templates: bool,
    /// Unit rows `[n_images, dim]`.
    pub images: &'a Matrix,
    /// The class of each, `[n_images]`.
    pub labels: &'a [usize],
    /// The logarithm that checkpoints store.
    pub logit_scale: f32,
}

/// Draws prompts at random, evaluates, and draws again: the first prompts of one order of a class's prompts make all
/// sizes of a subset, so that more prompts are those before and some others. `told` hears before each evaluation how many of
/// how many are done; `is_cancelled` is asked often.
///
/// # Errors
/// Those of [`Classifier::for_images`] and [`evaluate`](crate::evaluation::evaluate); [`EvaluationError::Cancelled`] where it says so.
pub fn learning_curve(
    subject: CurveSubject<'_>,
    options: &CurveOptions,
    told: &mut dyn FnMut(usize, usize),
    is_cancelled: Cancellation<'_>,
) -> Result<LearningCurve, EvaluationError> {
    let counts: Vec<usize> = subject.prompts_per_class.iter().map(Matrix::rows).collect();
    let largest = counts.iter().copied().max().ok_or(EvaluationError::NoClasses)?;
    let together = subject.of_templates || subject.aggregation.weighs_prompts();
    let mut sizes: Vec<usize> =
        options.sizes.iter().copied().filter(|size| (1..largest).contains(size)).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let subsets = options.subsets.max(1);
    let total = sizes.len() * subsets + 1;
    let mut done = 0;
    let orders: Vec<Vec<Vec<usize>>> =
        (0..subsets).map(|subset| orders(&counts, together, options.seed, subset)).collect();
    let mut points = Vec::with_capacity(sizes.len() + 1);
    for size in sizes {
        let mut found = Vec::with_capacity(subsets);
        for orders in &orders {
            told(done, total);
            let drawn = subject.drawn(orders, size)?;
            let evaluation = subject.evaluate(&drawn, is_cancelled)?;
            found.push((evaluation.top1(), evaluation.mean_per_class_recall()));
            done += 1;
        }
        points.push(point(size, &found));
    }
    told(done, total);
    let evaluation = subject.evaluate(subject.prompts_per_class, is_cancelled)?;
    points.push(point(largest, &[(evaluation.top1(), evaluation.mean_per_class_recall())]));
    Ok(LearningCurve { points, shorter_classes: counts.iter().filter(|count| **count < largest).count() })
}

impl CurveSubject<'_> {
    /// The first prompts of each class in these orders, at most all of them.
    fn drawn(&self, orders: &[Vec<usize>], size: usize) -> Result<Vec<Matrix>, EvaluationError> {
        let of_class = |(prompts, order): (&Matrix, &Vec<usize>)| {
            let mut chosen: Vec<usize> = order.iter().copied().take(size).collect();
            chosen.sort_unstable();
            let rows: Vec<&[f32]> = chosen.iter().map(|&prompt| prompts.row(prompt)).collect();
            Matrix::new(rows.len(), prompts.cols(), rows.concat())
        };
        self.prompts_per_class.iter().zip(orders).map(of_class).collect()
    }

    fn evaluate(
        &self,
        prompts: &[Matrix],
        is_cancelled: Cancellation<'_>,
    ) -> Result<Evaluation, EvaluationError> {
        let Self { aggregation, images, labels, logit_scale, .. } = *self;
        let classifier =
            Classifier::for_images_cancellable(aggregation, prompts, images, logit_scale, is_cancelled)?;
        evaluate_cancellable(images, labels, &classifier, logit_scale, 1, is_cancelled)
    }
}

/// An order of each class's prompts, `[n_classes, n_prompts_of_class]`. Orders of one number of prompts are the same
/// where prompts are drawn together.
fn orders(counts: &[usize], together: bool, seed: u64, subset: usize) -> Vec<Vec<usize>> {
    let order = |class: usize, count: usize| {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(((subset as u64) << 32) + if together { 0 } else { class as u64 + 1 });
        let mut order: Vec<usize> = (0..count).collect();
        for at in 0..count {
            // There is always one left to take.
            let other = Uniform::new(at, count).map_or(at, |left| left.sample(&mut random));
            order.swap(at, other);
        }
        order
    };
    counts.iter().enumerate().map(|(class, &count)| order(class, count)).collect()
}

fn point(prompts: usize, found: &[(f64, f64)]) -> CurvePoint {
    let (top1, top1_sd) = mean_and_sd(found.iter().map(|found| found.0));
    let (recall, recall_sd) = mean_and_sd(found.iter().map(|found| found.1));
    CurvePoint {
        prompts,
        subsets: found.len(),
        top1,
        top1_sd,
        mean_per_class_recall: recall,
        mean_per_class_recall_sd: recall_sd,
    }
}

fn mean_and_sd(values: impl Iterator<Item = f64> + Clone) -> (f64, Option<f64>) {
    let n = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / n;
    let squares: f64 = values.map(|value| (value - mean).powi(2)).sum();
    (mean, (n > 1.0).then(|| (squares / (n - 1.0)).sqrt()))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use proptest::prelude::*;

    use super::*;
    use crate::evaluation::core::evaluate::evaluate;

    /// Rows of pseudo-random numbers.
    fn rows(count: usize, dim: usize, seed: u64) -> Matrix {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let number = Uniform::new(-1.0_f32, 1.0).unwrap();
        Matrix::new(count, dim, (0..count * dim).map(|_| number.sample(&mut random)).collect()).unwrap()
    }

    fn subject<'a>(
        aggregation: Aggregation,
        prompts: &'a [Matrix],
        images: &'a Matrix,
        labels: &'a [usize],
    ) -> CurveSubject<'a> {
        CurveSubject {
            aggregation,
            prompts_per_class: prompts,
            of_templates: false,
            images,
            labels,
            logit_scale: 3.0,
        }
    }

    fn whole_curve(subject: CurveSubject<'_>, options: &CurveOptions) -> LearningCurve {
        learning_curve(subject, options, &mut |_, _| {}, &|| false).unwrap()
    }

    fn labels(n: usize, n_classes: usize) -> Vec<usize> {
        (0..n).map(|image| image % n_classes).collect()
    }

    #[test]
    fn points_by_hand() {
        let (mean, sd) = mean_and_sd([0.5, 0.7, 0.9].into_iter());
        assert!((mean - 0.7).abs() < 1e-12 && (sd.unwrap() - 0.2).abs() < 1e-12);
        assert_eq!(mean_and_sd([0.5].into_iter()), (0.5, None));
        // Of two classes, one has the prompts x and y, the other −x alone: x tells the images apart, y does not.
        let prompts = [
            Matrix::from_rows(&[[1.0, 0.0], [0.0, 1.0]]).unwrap(),
            Matrix::from_rows(&[[-1.0, 0.0]]).unwrap(),
        ];
        let images = Matrix::from_rows(&[[0.6, -0.8], [-1.0, 0.0]]).unwrap();
        let options = CurveOptions { sizes: vec![1, 2, 7], subsets: 40, seed: 3 };
        let LearningCurve { points, shorter_classes } =
            whole_curve(subject(Aggregation::Max, &prompts, &images, &[0, 1]), &options);
        assert_eq!(shorter_classes, 1);
        let [one, all] = points[..] else { panic!("{points:?}") };
        assert_eq!((one.prompts, one.subsets, all.prompts, all.subsets), (1, 40, 2, 1));
        assert_eq!((all.top1, all.top1_sd), (1.0, None));
        // With x: both right. With y: −0.8 against −0.6, so the first one is wrong.
        let share =
            (0..40).filter(|&subset| orders(&[2, 1], false, 3, subset)[0][0] == 0).count() as f64 / 40.0;
        assert!((0.2..0.8).contains(&share));
        assert!((one.top1 - (0.5 + 0.5 * share)).abs() < 1e-12, "{one:?}");
    }

    #[test]
    fn templates_are_drawn_together_and_descriptions_by_class() {
        let together = orders(&[6, 6, 6], true, 0, 4);
        assert!(together[0] == together[1] && together[1] == together[2]);
        let apart = orders(&[6, 6, 6, 6], false, 0, 4);
        assert!(apart.iter().any(|order| *order != apart[0]));
        assert_ne!(orders(&[6], true, 0, 4), orders(&[6], true, 0, 5));
        assert_ne!(orders(&[6], true, 0, 4), orders(&[6], true, 1, 4));
    }

    #[test]
    fn it_stops_when_it_is_told_to() {
        let prompts = [rows(4, 5, 1), rows(4, 5, 2)];
        let (images, labels) = (rows(30, 5, 3).normalised(), labels(30, 2));
        let of = subject(Aggregation::Mean, &prompts, &images, &labels);
        let options = CurveOptions::default();
        let so_far = AtomicUsize::new(0);
        let mut told = |done, total| {
            assert_eq!(total, 21);
            so_far.store(done, Ordering::Relaxed);
        };
        assert_eq!(
            learning_curve(of, &options, &mut told, &|| so_far.load(Ordering::Relaxed) >= 5),
            Err(EvaluationError::Cancelled)
        );
        assert_eq!(so_far.into_inner(), 5);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn all_prompts_are_the_strategy_itself_and_one_prompt_has_one_choice(
            seed in 0u64..1000, counts in prop::collection::vec(1usize..5, 2..5), which in 0usize..6,
        ) {
            let aggregation = Aggregation::ALL[which];
            let largest = *counts.iter().max().unwrap();
            let count = |class: usize| if aggregation.weighs_prompts() { largest } else { counts[class] };
            let prompts: Vec<Matrix> =
                (0..counts.len()).map(|class| rows(count(class), 4, seed + 7 * class as u64)).collect();
            let (images, labels) = (rows(25, 4, seed + 99).normalised(), labels(25, counts.len()));
            let of = subject(aggregation, &prompts, &images, &labels);
            let options = CurveOptions { subsets: 3, seed, ..CurveOptions::default() };
            let curve = whole_curve(of, &options);
            let classifier = Classifier::for_images(aggregation, &prompts, &images, 3.0).unwrap();
            let whole = evaluate(&images, &labels, &classifier, 3.0, 1).unwrap();
            let last = curve.points.last().unwrap();
            prop_assert_eq!((last.prompts, last.top1), (largest, whole.top1()));
            prop_assert_eq!(last.mean_per_class_recall, whole.mean_per_class_recall());
            // The same prompt again and again: nothing varies.
            let one: Vec<Matrix> = prompts.iter().map(|of| {
                Matrix::from_rows(&vec![of.row(0).to_vec(); 3]).unwrap()
            }).collect();
            let of = CurveSubject { prompts_per_class: &one, ..of };
            let curve = whole_curve(of, &options);
            prop_assert!(curve.points.iter().all(|point| point.top1_sd.is_none_or(|sd| sd < 1e-9)));
            prop_assert!(curve.points.iter().all(|point| (point.top1 - curve.points[0].top1).abs() < 1e-9));
        }
    }
}
