//! A session as JSON for other programs. It is written as it is walked through: nothing of it is built in memory.

use serde::{Serialize, Serializer};

use crate::clip::{Precision, PreprocessingOrigin};
use crate::evaluation::{Confusion, Evaluation};
use crate::workbench::session::evaluation::{Session, StrategyResult};

/// The whole session; `predictions` adds every image's ranked classes.
pub fn of(session: &Session, predictions: bool) -> impl Serialize + '_ {
    Report {
        experiment: &session.experiment,
        checkpoint: CheckpointPart {
            name: &session.checkpoint,
            fingerprint: session.checkpoint_fingerprint.to_string(),
            precision: session.precision,
            preprocessing: match &session.preprocessing {
                PreprocessingOrigin::File(file) => PreprocessingPart { from: "file", file: Some(file) },
                PreprocessingOrigin::FamilyDefault => {
                    PreprocessingPart { from: "the family's default", file: None }
                }
            },
        },
        dataset: DatasetPart {
            name: &session.dataset,
            images: session.images.len(),
            skipped: session.skipped.len(),
            classes: &session.classes,
            fingerprint: session.dataset_fingerprint.to_string(),
        },
        strategies: session
            .strategies
            .iter()
            .map(|strategy| strategy_part(session, strategy, predictions))
            .collect(),
    }
}

/// Each class's images, correct ones and accuracy from 0 to 1; `null` where a class has no image.
fn per_class<'a>(classes: &'a [String], evaluation: &Evaluation) -> Vec<ClassPart<'a>> {
    classes
        .iter()
        .zip(evaluation.per_class())
        .map(|(class, accuracy)| ClassPart {
            class,
            images: accuracy.images,
            correct: accuracy.correct,
            accuracy: accuracy.accuracy,
        })
        .collect()
}

#[derive(Serialize)]
struct Report<'a> {
    experiment: &'a str,
    checkpoint: CheckpointPart<'a>,
    dataset: DatasetPart<'a>,
    strategies: Vec<StrategyPart<'a>>,
}

#[derive(Serialize)]
struct CheckpointPart<'a> {
    name: &'a str,
    fingerprint: String,
    precision: Precision,
    preprocessing: PreprocessingPart<'a>,
}

/// Where it is said how pictures are treated.
#[derive(Serialize)]
struct PreprocessingPart<'a> {
    from: &'static str,
    file: Option<&'a str>,
}

#[derive(Serialize)]
struct DatasetPart<'a> {
    name: &'a str,
    images: usize,
    skipped: usize,
    classes: &'a [String],
    fingerprint: String,
}

#[derive(Serialize)]
struct StrategyPart<'a> {
    name: &'a str,
    aggregation: String,
    prompts: usize,
    top1: f64,
    top5: f64,
    mean_per_class_recall: f64,
    per_class: Vec<ClassPart<'a>>,
    confusion: Matrix<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    predictions: Option<Predictions<'a>>,
}

/// One class of a strategy's evaluation.
#[derive(Serialize)]
pub struct ClassPart<'a> {
    class: &'a str,
    images: u32,
    correct: u32,
    accuracy: Option<f64>,
}

/// A full matrix, made a row at a time: `[n_classes, n_classes]`, rows are the true classes.
struct Matrix<'a>(&'a Confusion);

impl Serialize for Matrix<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((0..self.0.n_classes()).map(|class| self.0.full_row(class)))
    }
}

struct Predictions<'a> {
    session: &'a Session,
    evaluation: &'a Evaluation,
}

#[derive(Serialize)]
struct Prediction<'a> {
    image: &'a str,
    label: &'a str,
    ranked: Vec<RankedClass<'a>>,
}

#[derive(Serialize)]
struct RankedClass<'a> {
    class: &'a str,
    probability: f32,
}

impl Serialize for Predictions<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let classes = &self.session.classes;
        serializer.collect_seq(self.session.images.iter().enumerate().map(|(index, image)| {
            Prediction {
                image: &image.name,
                label: &classes[image.label],
                ranked: self
                    .evaluation
                    .ranked(index)
                    .iter()
                    .map(|ranked| RankedClass {
                        class: &classes[ranked.class as usize],
                        probability: ranked.probability,
                    })
                    .collect(),
            }
        }))
    }
}

fn strategy_part<'a>(
    session: &'a Session,
    strategy: &'a StrategyResult,
    predictions: bool,
) -> StrategyPart<'a> {
    let evaluation = &strategy.evaluation;
    StrategyPart {
        name: &strategy.name,
        aggregation: strategy.aggregation.to_string(),
        prompts: strategy.n_prompts(),
        top1: evaluation.top1(),
        top5: evaluation.top5(),
        mean_per_class_recall: evaluation.mean_per_class_recall(),
        per_class: per_class(&session.classes, evaluation),
        confusion: Matrix(&evaluation.confusion),
        predictions: predictions.then_some(Predictions { session, evaluation }),
    }
}
