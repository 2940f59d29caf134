//! Evaluations as a whole: against values from numpy, and properties that hold for all.

use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::prompts::Aggregation;

#[derive(Deserialize)]
struct Case {
    name: String,
    logit_scale: f32,
    keep: usize,
    labels: Vec<usize>,
    images: Vec<Vec<f32>>,
    prompts: Vec<Vec<Vec<f32>>>,
    expected: std::collections::BTreeMap<String, Expected>,
}

#[derive(Deserialize)]
struct Expected {
    top1: f64,
    top5: f64,
    mean_per_class_recall: f64,
    true_rank: Vec<u32>,
    true_probability: Vec<f64>,
    ranked: Vec<Vec<(u32, f64)>>,
    confusion: Vec<u32>,
}

/// The cases of `tests/fixtures/evaluation/golden.py`.
fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("../../tests/fixtures/evaluation/golden.json")).unwrap()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 2e-6
}

#[test]
fn all_aggregations_agree_with_numpy() {
    let mut compared = 0;
    for case in cases() {
        let images = Matrix::from_rows(&case.images).unwrap();
        let prompts: Vec<Matrix> = case.prompts.iter().map(|rows| Matrix::from_rows(rows).unwrap()).collect();
        for (aggregation, expected) in case.expected {
            let name = format!("{}, {aggregation}", case.name);
            let classifier = Classifier::build(aggregation.parse().unwrap(), &prompts).unwrap();
            let found = evaluate(&images, &case.labels, &classifier, case.logit_scale, case.keep).unwrap();
            assert!(close(found.top1(), expected.top1), "{name}: top-1 {}", found.top1());
            assert!(close(found.top5(), expected.top5), "{name}: top-5 {}", found.top5());
            let recall = found.mean_per_class_recall();
            assert!(close(recall, expected.mean_per_class_recall), "{name}: mean per-class recall {recall}");
            assert_eq!(found.true_rank, expected.true_rank, "{name}");
            assert_eq!(
                found.confusion,
                Confusion::from_matrix(&expected.confusion, found.n_classes),
                "{name}"
            );
            for (image, (ranked, probability)) in
                expected.ranked.iter().zip(&expected.true_probability).enumerate()
            {
                assert!(close(found.true_probability[image].into(), *probability), "{name}: image {image}");
                assert_eq!(found.ranked(image).len(), ranked.len(), "{name}: image {image}");
                for (found, (class, probability)) in found.ranked(image).iter().zip(ranked) {
                    assert_eq!(found.class, *class, "{name}: image {image}");
                    assert!(close(found.probability.into(), *probability), "{name}: image {image}");
                }
            }
            compared += 1;
        }
    }
    assert_eq!(compared, 12);
}

/// Four classes along the axes; an image is recognised as the axis that it lies on.
fn axes() -> Classifier {
    let axis = |class: usize| {
        let mut row = [0.0; 4];
        row[class] = 2.0;
        Matrix::from_rows(&[row]).unwrap()
    };
    Classifier::build(Aggregation::Mean, &[axis(0), axis(1), axis(2), axis(3)]).unwrap()
}

/// Images that are recognised as `predictions`.
fn images(predictions: &[usize]) -> Matrix {
    let rows: Vec<[f32; 4]> =
        predictions.iter().map(|&p| std::array::from_fn(|i| f32::from(i == p))).collect();
    Matrix::from_rows(&rows).unwrap()
}

fn evaluated(predictions: &[usize], labels: &[usize]) -> Evaluation {
    evaluate(&images(predictions), labels, &axes(), 1.0, 4).unwrap()
}

#[test]
fn metrics_by_hand() {
    // Class 0: 3 of 4, class 1: 0 of 1, class 2: none, class 3: 2 of 2.
    let found = evaluated(&[0, 0, 0, 3, 0, 3, 3], &[0, 0, 0, 0, 1, 3, 3]);
    assert!(close(found.top1(), 5.0 / 7.0));
    assert!(close(found.top5(), 1.0));
    assert!(close(found.mean_per_class_recall(), (0.75 + 0.0 + 1.0) / 3.0));
    let misses: Vec<usize> = (0..found.n_images()).filter(|&image| !found.is_correct(image)).collect();
    assert_eq!(misses, [3, 4]);
    assert_eq!(found.confusion.full_row(0), [3, 0, 0, 1]);
    let per_class = found.per_class();
    assert_eq!(per_class[0], ClassAccuracy { images: 4, correct: 3, accuracy: Some(0.75) });
    assert_eq!(per_class[2], ClassAccuracy { images: 0, correct: 0, accuracy: None });
    // exp(1) for the best class and 1 for the three others, e in all.
    let e = 1_f64.exp().exp();
    assert!(close(found.prediction(0).probability.into(), e / (e + 3.0)));
    // The other classes are equal, so their order is that of their indices.
    let order: Vec<u32> = found.ranked(3).iter().map(|ranked| ranked.class).collect();
    assert_eq!(order, [3, 0, 1, 2]);
    assert_eq!((found.true_rank[3], found.true_rank[4]), (2, 2));
}

#[test]
fn the_number_of_kept_classes_stays_within_the_classes() {
    for (keep, kept) in [(0, 1), (3, 3), (9, 4)] {
        let found = evaluate(&images(&[1]), &[1], &axes(), 1.0, keep).unwrap();
        assert_eq!((found.kept, found.ranked(0).len()), (kept, kept));
    }
}

#[test]
fn bad_input_is_named() {
    let failed = |images: &Matrix, labels: &[usize], scale: f32| {
        evaluate(images, labels, &axes(), scale, 1).unwrap_err()
    };
    let two = images(&[0, 1]);
    assert_eq!(failed(&images(&[]), &[], 1.0), EvaluationError::NoImages);
    assert_eq!(failed(&two, &[0], 1.0), EvaluationError::LabelCount { images: 2, labels: 1 });
    assert_eq!(failed(&two, &[0, 4], 1.0), EvaluationError::Label { image: 1, label: 4, n_classes: 4 });
    let narrow = Matrix::from_rows(&[[1.0]]).unwrap();
    assert_eq!(failed(&narrow, &[0], 1.0), EvaluationError::ImageDimension { images: 1, prompts: 4 });
    for bad in [f32::NAN, f32::INFINITY] {
        let mut rows = vec![[0.5; 4]; 100];
        rows[70][2] = bad;
        rows[90][0] = bad;
        let spoilt = Matrix::from_rows(&rows).unwrap();
        assert_eq!(failed(&spoilt, &[0; 100], 1.0), EvaluationError::ImageNotFinite { image: 70 });
    }
    // 100 is exp(logit_scale) of the published checkpoints, not logit_scale.
    assert_eq!(failed(&two, &[0, 1], 100.0), EvaluationError::LogitScale { logit_scale: 100.0 });
    assert!(matches!(failed(&two, &[0, 1], f32::NAN), EvaluationError::LogitScale { .. }));
}

#[test]
fn a_comparison_by_hand() {
    let labels = [0, 0, 0, 0, 1, 3];
    let a = evaluated(&[0, 0, 1, 1, 0, 3], &labels);
    let b = evaluated(&[0, 2, 0, 0, 1, 3], &labels);
    let found = Comparison::new(&a, &b).unwrap();
    let (low, high) = bootstrap_interval(6, 3, 1, 0);
    assert_eq!((found.images, found.interval()), (6, (100.0 * low, 100.0 * high)));
    assert_eq!((found.mcnemar_p(), found.is_proven(), found.resolvable()), (0.625, false, Some(100.0)));
    assert_eq!((found.gained, found.lost), (vec![2, 3, 4], vec![1]));
    assert!(close(found.top1, 100.0 * (5.0 - 3.0) / 6.0));
    assert!(close(found.top5, 0.0));
    assert!(close(found.mean_per_class_recall, 100.0 * (2.75 - 1.5) / 3.0));
    let class = |images, accuracy, gained, lost, p: Option<f64>| ClassDifference {
        images,
        accuracy,
        gained,
        lost,
        p,
        p_holm: p.map(|_| 1.0),
        resolvable: None,
    };
    let expected = [
        class(4, Some(25.0), 2, 1, Some(1.0)),
        class(1, Some(100.0), 1, 0, Some(1.0)),
        class(0, None, 0, 0, None),
        class(1, Some(0.0), 0, 0, Some(1.0)),
    ];
    assert_eq!(found.per_class, expected);
}

#[test]
fn a_class_needs_more_images_the_more_classes_there_are() {
    // Of class 0, B gains `gained` of 20 images; nothing changes in the others.
    let proven = |gained: usize, others: usize| {
        let labels: Vec<usize> = (0..20).map(|_| 0).chain(1..=others).collect();
        let worse: Vec<usize> = (0..20).map(|image| usize::from(image < gained)).chain(1..=others).collect();
        let comparison = Comparison::new(&evaluated(&worse, &labels), &evaluated(&labels, &labels)).unwrap();
        assert_eq!(comparison.per_class[0].resolvable, Some(30.0));
        comparison.per_class[0].is_proven()
    };
    assert_eq!([5, 6, 7].map(|gained| proven(gained, 1)), [false, false, true]);
    assert_eq!([7, 8, 9].map(|gained| proven(gained, 3)), [false, true, true]);
}

#[test]
fn evaluations_of_other_images_are_not_compared() {
    let a = evaluated(&[0, 1], &[0, 1]);
    for other in [evaluated(&[0, 1], &[0, 2]), evaluated(&[0], &[0])] {
        assert_eq!(Comparison::new(&a, &other), Err(EvaluationError::NotComparable));
    }
}

#[derive(Debug)]
struct Problem {
    images: Matrix,
    labels: Vec<usize>,
    classifier: Classifier,
}

/// Images and prompts with few different values, so that scores are often equal.
fn problem() -> impl Strategy<Value = Problem> {
    let aggregation = prop::sample::select(Aggregation::CLASS_BY_CLASS.to_vec());
    let shape = (1usize..7, 1usize..9, 1usize..110, aggregation);
    shape.prop_flat_map(|(dim, n_classes, n_images, aggregation)| {
        let row = move || prop::collection::vec((-2i8..3).prop_map(f32::from), dim);
        let prompts = prop::collection::vec(prop::collection::vec(row(), 1..4), n_classes);
        let images = prop::collection::vec(row(), n_images);
        let labels = prop::collection::vec(0..n_classes, n_images);
        (images, labels, prompts).prop_map(move |(images, labels, prompts)| {
            let prompts: Vec<Matrix> = prompts.iter().map(|rows| Matrix::from_rows(rows).unwrap()).collect();
            Problem {
                images: Matrix::from_rows(&images).unwrap().normalised(),
                labels,
                classifier: Classifier::build(aggregation, &prompts).unwrap(),
            }
        })
    })
}

impl Problem {
    fn evaluate(&self) -> Evaluation {
        evaluate(&self.images, &self.labels, &self.classifier, 2.0, 3).unwrap()
    }
}

fn in_threads<T: Send>(count: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(count).build().unwrap().install(work)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn the_numbers_agree_with_one_another(problem in problem()) {
        let found = problem.evaluate();
        let per_class = found.per_class();
        for (class, of_class) in per_class.iter().enumerate() {
            let images = problem.labels.iter().filter(|label| **label == class).count();
            prop_assert_eq!(found.confusion.images_of(class) as usize, images);
            prop_assert_eq!(of_class.images as usize, images);
        }
        let correct: u32 = per_class.iter().map(|class| class.correct).sum();
        prop_assert!(close(found.top1(), f64::from(correct) / found.n_images() as f64));
        prop_assert!(found.top1() <= found.top5());
        let right = (0..found.n_images()).filter(|&image| found.is_correct(image)).count();
        prop_assert_eq!(right, correct as usize);
        for image in 0..found.n_images() {
            let ranked = found.ranked(image);
            prop_assert!(ranked.is_sorted_by(|a, b| a.probability >= b.probability));
            prop_assert_eq!(found.is_correct(image), found.prediction(image).class == found.labels[image]);
            if let Some(found_at) = ranked.iter().position(|ranked| ranked.class == found.labels[image]) {
                prop_assert_eq!(found.true_rank[image] as usize, found_at + 1);
                prop_assert_eq!(found.true_probability[image], ranked[found_at].probability);
            }
        }
    }

    #[test]
    fn an_image_alone_has_the_result_that_it_has_among_others(problem in problem()) {
        let together = problem.evaluate();
        for image in 0..together.n_images() {
            let alone = Matrix::from_rows(&[problem.images.row(image)]).unwrap();
            let alone = evaluate(&alone, &[problem.labels[image]], &problem.classifier, 2.0, 3).unwrap();
            prop_assert_eq!(alone.ranked(0), together.ranked(image));
            prop_assert_eq!(alone.true_rank[0], together.true_rank[image]);
            prop_assert_eq!(alone.true_probability[0], together.true_probability[image]);
        }
    }

    #[test]
    fn threads_do_not_change_the_result(problem in problem()) {
        prop_assert_eq!(in_threads(1, || problem.evaluate()), in_threads(3, || problem.evaluate()));
    }
}
