//! Runs: what an evaluation came to, kept in the store with everything that decided it.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::receipt::Receipt;
use crate::clip::Preprocessing;
use crate::evaluation::Evaluation;
use crate::kernels::Precision;
use crate::prompts::Aggregation;
use crate::store::{Key, Store};
use crate::workbench::embedding::embedder::ImageContents;
use crate::workbench::error::WorkbenchError;
use crate::workbench::experiment::definition::Experiment;
use crate::workbench::session::evaluation::Session;
use crate::workbench::session::evaluation_cache::{CachedEvaluation, EVALUATION_VERSION};
use crate::workbench::session::opening::Workbench;

/// One evaluation of one strategy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The first 12 hexadecimal digits of a hash over what decided it.
    pub id: String,
    /// When, in seconds since 1970.
    pub saved_at: u64,
    /// The experiment's name.
    pub experiment: String,
    /// The strategy.
    pub strategy: RunStrategy,
    /// The dataset.
    pub dataset: RunDataset,
    /// The checkpoint.
    pub checkpoint: RunCheckpoint,
    /// Share of images whose class is the prediction, from 0 to 1.
    pub top1: f64,
    /// The same for the five best classes.
    pub top5: f64,
    /// The average of the classes' recalls, from 0 to 1.
    pub mean_per_class_recall: f64,
    /// Every class, in the dataset's order.
    pub per_class: Vec<RunClass>,
    /// The version of the evaluation that made its numbers; `None` for runs of versions that did not note it, the first one.
    #[serde(default)]
    pub evaluation_version: Option<u32>,
    /// What it was made of; `None` for runs of versions that gave none.
    #[serde(default)]
    pub receipt: Option<Receipt>,
    /// The experiment with this strategy alone; `None` for runs of those versions.
    #[serde(default)]
    pub source: Option<Experiment>,
    /// The keys under which its predictions and the labels are kept, in hexadecimal, as long as there is room.
    #[serde(default)]
    kept: Option<KeptPredictions>,
}

/// A run's strategy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunStrategy {
    /// Its name.
    pub name: String,
    /// How prompts become scores.
    pub aggregation: Aggregation,
    /// As `name@version`.
    pub prompt_sets: Vec<String>,
    /// Prompts over all classes.
    pub prompts: usize,
    /// A hash over them.
    pub prompts_hash: String,
}

/// A run's dataset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunDataset {
    /// Its name.
    pub name: String,
    /// A hash over classes, image names, labels and contents.
    pub fingerprint: String,
    /// Images that were evaluated.
    pub images: usize,
    /// Images that could not be.
    pub skipped: usize,
}

/// A run's checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunCheckpoint {
    /// Its name.
    pub name: String,
    /// A hash over its files.
    pub fingerprint: String,
    /// How it computed.
    #[serde(default)]
    pub precision: Precision,
}

/// A class of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunClass {
    /// Its name.
    pub class: String,
    /// Its images.
    pub images: u32,
    /// Those that were recognised.
    pub correct: u32,
    /// Their share; `None` without images.
    pub accuracy: Option<f64>,
}

/// Where a run's predictions are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct KeptPredictions {
    evaluation: String,
    labels: String,
}

impl Workbench {
    /// A run is known by what decided it: evaluating the same again saves nothing new.
    pub(in crate::workbench) fn save_runs(
        &self,
        session: &Session,
        contents: &ImageContents,
        ranked: usize,
    ) -> Result<(), WorkbenchError> {
        // One that cannot be saved does not keep the others from being tried.
        let (labels, mut done) = self.keep_labels(session);
        for strategy in 0..session.strategies.len() {
            done = done.and(self.save_run(session, contents, strategy, labels, ranked));
        }
        done?;
        self.store.flush()?;
        Ok(())
    }

    fn save_run(
        &self,
        session: &Session,
        contents: &ImageContents,
        index: usize,
        labels: Key,
        ranked: usize,
    ) -> Result<(), WorkbenchError> {
        let (strategy, result) = (&self.strategies[index], &session.strategies[index]);
        let embedder = self.embedder();
        let key = Key::from_parts(&[
            b"run",
            env!("CARGO_PKG_VERSION").as_bytes(),
            &EVALUATION_VERSION.to_le_bytes(),
            strategy.name.as_bytes(),
            strategy.aggregation.to_string().as_bytes(),
            strategy.prompts_hash.as_bytes(),
            session.dataset_fingerprint.as_bytes(),
            &embedder.encoder_key(),
            &Preprocessing::VERSION.to_le_bytes(),
        ]);
        let id = key.to_hex()[..12].to_owned();
        let source = self.source_of(index);
        let evaluation_key = self.evaluation_key(&embedder, strategy, &session.dataset_fingerprint, ranked);
        let kept = KeptPredictions { evaluation: evaluation_key.to_hex(), labels: labels.to_hex() };
        if let Some(text) = self.store.run(&id)? {
            return self.refresh_run(&text, source, kept);
        }
        let evaluation = &result.evaluation;
        let run = Run {
            id,
            saved_at: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
            experiment: session.experiment.clone(),
            strategy: RunStrategy {
                name: strategy.name.clone(),
                aggregation: strategy.aggregation,
                prompt_sets: strategy.prompt_sets.clone(),
                prompts: result.n_prompts(),
                prompts_hash: strategy.prompts_hash.to_string(),
            },
            dataset: RunDataset {
                name: session.dataset.clone(),
                fingerprint: session.dataset_fingerprint.to_string(),
                images: session.images.len(),
                skipped: session.skipped.len(),
            },
            checkpoint: RunCheckpoint {
                name: session.checkpoint.clone(),
                fingerprint: session.checkpoint_fingerprint.to_string(),
                precision: session.precision,
            },
            top1: evaluation.top1(),
            top5: evaluation.top5(),
            mean_per_class_recall: evaluation.mean_per_class_recall(),
            per_class: per_class(&session.classes, evaluation),
            evaluation_version: Some(EVALUATION_VERSION),
            receipt: Some(self.receipt(strategy, session, contents, evaluation)?),
            source: Some(source),
            kept: Some(kept),
        };
        Ok(self.store.save_run(&run.id, &run.to_json())?)
    }

    /// A run that is known already may have been made of files that are elsewhere now.
    fn refresh_run(
        &self,
        text: &str,
        source: Experiment,
        kept: KeptPredictions,
    ) -> Result<(), WorkbenchError> {
        let Ok(run) = serde_json::from_str::<Run>(text) else { return Ok(()) };
        if run.receipt.is_none() || (run.source.as_ref(), run.kept.as_ref()) == (Some(&source), Some(&kept)) {
            return Ok(());
        }
        let run = Run { source: Some(source), kept: Some(kept), ..run };
        Ok(self.store.save_run(&run.id, &run.to_json())?)
    }

    /// Keeps the labels, 4 bytes each, little-endian, once for all runs on the dataset.
    fn keep_labels(&self, session: &Session) -> (Key, Result<(), WorkbenchError>) {
        let key = Key::from_parts(&[b"labels", session.dataset_fingerprint.as_bytes()]);
        let keep = || {
            if self.store.blob(&key)?.is_none() {
                let labels = session.images.iter().map(|image| image.label as u32);
                self.store.save_blob(&key, &labels.flat_map(u32::to_le_bytes).collect::<Vec<u8>>())?;
            }
            Ok(())
        };
        (key, keep())
    }
}

impl Run {
    fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// All runs of a store, the newest first, and what is wrong with those that cannot be read.
    ///
    /// # Errors
    /// What prevents reading the store.
    pub fn all(store: &Store) -> Result<(Vec<Self>, Vec<String>), WorkbenchError> {
        let (mut runs, mut problems) = (Vec::new(), Vec::new());
        for info in store.runs()? {
            let Some(text) = store.run(&info.id)? else { continue };
            match serde_json::from_str(&text) {
                Ok(run) => runs.push(run),
                Err(error) => problems.push(format!("run {} cannot be read: {error}", info.id)),
            }
        }
        runs.reverse();
        Ok((runs, problems))
    }

    /// The run whose id begins like this, and no other one.
    ///
    /// # Errors
    /// [`WorkbenchError::UnknownRun`], or what prevents reading the store.
    pub fn find(store: &Store, id: &str) -> Result<Self, WorkbenchError> {
        let mut matching: Vec<Self> =
            Self::all(store)?.0.into_iter().filter(|run| run.id.starts_with(id)).collect();
        match (matching.pop(), matching.len()) {
            (Some(run), 0) => Ok(run),
            (None, _) => Err(WorkbenchError::UnknownRun { id: id.to_owned(), matching: 0 }),
            (Some(_), others) => Err(WorkbenchError::UnknownRun { id: id.to_owned(), matching: others + 1 }),
        }
    }

    /// Why its numbers may be wrong, and what to do, if an error was found in what made them.
    pub fn unreliable(&self) -> Option<String> {
        let is_first = self.evaluation_version.is_none_or(|version| version < 2);
        (is_first && self.strategy.aggregation == Aggregation::Max).then(|| {
            format!(
                "run {id} is unreliable: it was made by an earlier version, whose `max` gave wrong scores for some numbers of \
                 prompts; `cupl-tui runs replay {id}` makes it anew",
                id = self.id
            )
        })
    }

    /// What it made of each image, if the store still has that.
    ///
    /// # Errors
    /// What prevents reading the store.
    pub fn evaluation(&self, store: &Store) -> Result<Option<Evaluation>, WorkbenchError> {
        let Some(kept) = &self.kept else { return Ok(None) };
        let (Some(labels), Some(evaluation)) = (Key::from_hex(&kept.labels), Key::from_hex(&kept.evaluation))
        else {
            return Ok(None);
        };
        let (Some(labels), Some(evaluation)) = (store.blob(&labels)?, store.blob(&evaluation)?) else {
            return Ok(None);
        };
        let labels: Vec<usize> =
            labels.as_chunks::<4>().0.iter().map(|label| u32::from_le_bytes(*label) as usize).collect();
        Ok(CachedEvaluation::from_bytes(&evaluation, &labels, self.per_class.len())
            .map(|known| known.evaluation))
    }
}

fn per_class(classes: &[String], evaluation: &Evaluation) -> Vec<RunClass> {
    let accuracies = evaluation.per_class().into_iter();
    let class = |(class, accuracy): (&String, crate::evaluation::ClassAccuracy)| RunClass {
        class: class.clone(),
        images: accuracy.images,
        correct: accuracy.correct,
        accuracy: accuracy.accuracy,
    };
    classes.iter().zip(accuracies).map(class).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StorePlace;
    use crate::workbench::editing::prompt_editor::tests::{pond, session_of};

    #[test]
    fn a_run_is_unreliable_by_its_version_and_its_aggregation() {
        let images = tempfile::tempdir().unwrap();
        let place = StorePlace::in_memory();
        session_of(&pond(images.path()), &place);
        let run = Run::all(&place.open().unwrap().store).unwrap().0.remove(0);
        assert_eq!(run.evaluation_version, Some(EVALUATION_VERSION));
        for aggregation in Aggregation::ALL {
            for (version, is_first) in [(None, true), (Some(1), true), (Some(2), false), (Some(3), false)] {
                let strategy = RunStrategy { aggregation, ..run.strategy.clone() };
                let made = Run { evaluation_version: version, strategy, ..run.clone() };
                let expected = is_first && aggregation == Aggregation::Max;
                assert_eq!(made.unreliable().is_some(), expected, "{aggregation} {version:?}");
                let read: Run = serde_json::from_str(&made.to_json()).unwrap();
                assert_eq!(read, made);
            }
        }
    }
}
