//! A session as text for other programs: the JSON and CSV forms of `evaluate`.

use serde_json::{Value, json};

use super::session::{Session, StrategyResult};
use crate::evaluation::Evaluation;

/// The whole session; `predictions` adds every image's ranked classes.
pub fn to_json(session: &Session, predictions: bool) -> Value {
    json!({
        "experiment": session.experiment,
        "checkpoint": {
            "name": session.checkpoint,
            "fingerprint": session.checkpoint_fingerprint.to_string(),
        },
        "dataset": {
            "name": session.dataset,
            "images": session.images.len(),
            "skipped": session.skipped.len(),
            "classes": session.classes,
            "fingerprint": session.dataset_fingerprint.to_string(),
        },
        "strategies": session
            .strategies
            .iter()
            .map(|strategy| strategy_json(session, strategy, predictions))
            .collect::<Vec<_>>(),
    })
}

fn strategy_json(session: &Session, strategy: &StrategyResult, predictions: bool) -> Value {
    let evaluation = &strategy.evaluation;
    let mut value = json!({
        "name": strategy.name,
        "aggregation": strategy.aggregation.to_string(),
        "prompts": strategy.prompts,
        "top1": evaluation.top1(),
        "top5": evaluation.top5(),
        "mean_per_class_recall": evaluation.mean_per_class_recall(),
        "per_class": per_class(&session.classes, evaluation),
        "confusion": (0..session.classes.len())
            .map(|class| evaluation.confusion_row(class).to_vec())
            .collect::<Vec<_>>(),
    });
    if predictions {
        value["predictions"] = session
            .images
            .iter()
            .enumerate()
            .map(|(index, image)| {
                let ranked: Vec<Value> = evaluation
                    .ranked(index)
                    .iter()
                    .map(|prediction| {
                        json!({
                            "class": session.classes[prediction.class as usize],
                            "probability": prediction.probability,
                        })
                    })
                    .collect();
                json!({ "image": image.name, "label": session.classes[image.label], "ranked": ranked })
            })
            .collect();
    }
    value
}

/// Each class's images, correct ones and accuracy from 0 to 1; `null` where a class has no image.
pub fn per_class(classes: &[String], evaluation: &Evaluation) -> Value {
    classes
        .iter()
        .zip(evaluation.per_class())
        .map(|(class, accuracy)| {
            json!({
                "class": class,
                "images": accuracy.images,
                "correct": accuracy.correct,
                "accuracy": accuracy.accuracy,
            })
        })
        .collect()
}
