//! Runs: what an evaluation came to, kept in the store with the hashes of everything that decided it.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;

use super::error::WorkbenchError;
use super::opening::Workbench;
use super::report;
use super::session::Session;
use crate::store::Key;

impl Workbench {
    /// A run is known by the hashes of its strategy, dataset and checkpoint: evaluating again saves nothing new.
    pub(super) fn save_runs(&self, session: &Session) -> Result<(), WorkbenchError> {
        for (strategy, result) in self.strategies.iter().zip(&session.strategies) {
            let prompts = strategy.prompts_hash();
            let key = Key::of(&[
                strategy.name.as_bytes(),
                strategy.aggregation.to_string().as_bytes(),
                prompts.as_bytes(),
                session.dataset_fingerprint.as_bytes(),
                session.checkpoint_fingerprint.as_bytes(),
                session.precision.name().as_bytes(),
            ]);
            let id = key.to_hex()[..12].to_owned();
            if self.store.run(&id)?.is_some() {
                continue;
            }
            let evaluation = &result.evaluation;
            let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
            let run = json!({
                "id": id,
                "saved_at": seconds,
                "experiment": session.experiment,
                "strategy": {
                    "name": strategy.name,
                    "aggregation": strategy.aggregation.to_string(),
                    "prompt_sets": strategy.prompt_sets,
                    "prompts": result.n_prompts(),
                    "prompts_hash": prompts.to_string(),
                },
                "dataset": {
                    "name": session.dataset,
                    "fingerprint": session.dataset_fingerprint.to_string(),
                    "images": session.images.len(),
                    "skipped": session.skipped.len(),
                },
                "checkpoint": {
                    "name": session.checkpoint,
                    "fingerprint": session.checkpoint_fingerprint.to_string(),
                    "precision": session.precision,
                },
                "top1": evaluation.top1(),
                "top5": evaluation.top5(),
                "mean_per_class_recall": evaluation.mean_per_class_recall(),
                "per_class": report::per_class(&session.classes, evaluation),
            });
            self.store.save_run(&id, &run.to_string())?;
        }
        self.store.flush()?;
        Ok(())
    }
}
