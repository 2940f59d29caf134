//! Sessions for tests, made of predictions: no encoder, no store, no files.

use std::sync::Arc;

use super::controls::{ControlAccuracy, ControlResult, Controls};
use super::evaluation::{Session, SessionImage, StrategyResult};
use crate::clip::Precision;
use crate::dataset::PictureSource;
use crate::evaluation::Evaluation;
use crate::evaluation::{Confusion, ControlGain, Ranked};
use crate::prompts::{Aggregation, ControlKind};

/// A session of images with these labels; each strategy predicts a class for each with a probability of 0.6.
pub fn session(classes: &[&str], labels: &[usize], strategies: &[(&str, &[usize])]) -> Session {
    let strategies: Vec<(&str, Vec<(usize, f32)>)> = strategies
        .iter()
        .map(|(name, predicted)| (*name, predicted.iter().map(|&class| (class, 0.6)).collect()))
        .collect();
    let strategies: Vec<(&str, &[(usize, f32)])> =
        strategies.iter().map(|(name, predicted)| (*name, &predicted[..])).collect();
    session_with(classes, labels, &strategies)
}

/// The same with the probability of each prediction. Half of what it leaves belongs to the runner-up: the true class,
/// or, where that is predicted, the next one.
pub fn session_with(classes: &[&str], labels: &[usize], strategies: &[(&str, &[(usize, f32)])]) -> Session {
    let images = labels.iter().enumerate().map(|(image, &label)| SessionImage {
        name: format!("{}/{image:04}.png", classes[label]),
        label,
        source: PictureSource::Pixels(Arc::new(image::RgbImage::new(8, 8))),
    });
    let strategies = strategies.iter().map(|(name, predicted)| StrategyResult {
        name: (*name).to_owned(),
        aggregation: Aggregation::Mean,
        prompt_sets: vec![format!("{name}@1")],
        prompts: Arc::new(classes.iter().map(|class| vec![format!("{name}: a {class}")]).collect()),
        evaluation: evaluation(classes.len(), labels, predicted),
    });
    Session {
        experiment: "pond".into(),
        checkpoint: "tiny".into(),
        checkpoint_fingerprint: [1; 32].into(),
        preprocessing: crate::workbench::PreprocessingOrigin::File("preprocessor_config.json".into()),
        precision: Precision::F32,
        dataset: "pond".into(),
        dataset_fingerprint: [2; 32].into(),
        classes: classes.iter().map(|class| (*class).to_owned()).collect(),
        images: images.collect(),
        skipped: Vec::new(),
        strategies: strategies.collect(),
        baseline: 0,
        controls: Vec::new(),
        left_over: Vec::new(),
        warnings: Vec::new(),
        demo_checkpoint: false,
    }
}

/// Strategy `s` misses every image whose number is a multiple of s + 2.
pub fn generated(n_classes: usize, images_per_class: usize, n_strategies: usize) -> Session {
    let classes: Vec<String> = (0..n_classes).map(|class| format!("class {class}")).collect();
    let classes: Vec<&str> = classes.iter().map(String::as_str).collect();
    let labels: Vec<usize> =
        (0..n_classes * images_per_class).map(|image| image / images_per_class).collect();
    let strategies: Vec<(String, Vec<usize>)> = (0..n_strategies)
        .map(|strategy| {
            let missed = |image: usize| image.is_multiple_of(strategy + 2);
            let predicted =
                |(image, &label): (usize, &usize)| (label + usize::from(missed(image))) % n_classes;
            (format!("strategy-{strategy}"), labels.iter().enumerate().map(predicted).collect())
        })
        .collect();
    let strategies: Vec<(&str, &[usize])> =
        strategies.iter().map(|(name, predicted)| (name.as_str(), &predicted[..])).collect();
    session(&classes, &labels, &strategies)
}

/// Controls of a strategy of a session: random words come within 0.2 points of it, the others 10 points below.
pub fn controls(session: &Session, strategy: usize) -> Controls {
    let top1 = session.strategies[strategy].evaluation.top1();
    let results = ControlKind::ALL.map(|kind| {
        let (difference, half) = if kind == ControlKind::Random { (0.002, 0.008) } else { (0.1, 0.02) };
        let seed = |seed: usize| ControlAccuracy {
            top1: top1 - difference + 0.004 * (seed as f64 - 2.0),
            top5: 0.9,
            mean_per_class_recall: top1 - difference,
        };
        let seeds = if kind.is_random() { (0..5).map(seed).collect() } else { vec![seed(2)] };
        let gain = ControlGain { difference, interval: (difference - half, difference + half) };
        ControlResult { kind, prompts: 240, seeds, gain }
    });
    Controls { strategy, results: results.into() }
}

fn evaluation(n_classes: usize, labels: &[usize], predicted: &[(usize, f32)]) -> Evaluation {
    let mut evaluation = Evaluation {
        n_classes,
        labels: labels.iter().map(|&label| label as u32).collect(),
        ranked: Vec::new(),
        kept: 2,
        true_rank: Vec::new(),
        true_probability: Vec::new(),
        confusion: Confusion::count(
            n_classes,
            labels.iter().copied().zip(predicted.iter().map(|(class, _)| *class)),
        ),
    };
    for (&label, &(class, probability)) in labels.iter().zip(predicted) {
        let is_right = class == label;
        let runner_up = if is_right { (class + 1) % n_classes } else { label };
        let rest = (1.0 - probability) / 2.0;
        evaluation.ranked.push(Ranked { class: class as u32, probability });
        evaluation.ranked.push(Ranked { class: runner_up as u32, probability: rest });
        evaluation.true_rank.push(if is_right { 1 } else { 2 });
        evaluation.true_probability.push(if is_right { probability } else { rest });
    }
    evaluation
}
