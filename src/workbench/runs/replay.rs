//! A run made again from what it was made of, and whether the same comes out.

use serde::Serialize;

use super::receipt::ReceiptPart;
use super::run::Run;
use crate::store::Store;
use crate::workbench::error::WorkbenchError;
use crate::workbench::jobs::progress::{Cancel, Progress};
use crate::workbench::session::opening::Workbench;

/// What came of making a run again.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Replay {
    /// The run.
    pub id: String,
    /// Nothing that matters differs: the version of the program may, as long as the predictions are the same.
    pub equal: bool,
    /// Every part of the receipt.
    pub parts: Vec<ReceiptPart>,
    /// Top-1 accuracy of the run, from 0 to 1.
    pub top1_then: f64,
    /// Top-1 accuracy now.
    pub top1_now: f64,
    /// Images that another class is predicted for now; `None` if the images differ, or the run's predictions are no
    /// longer kept.
    pub changed_predictions: Option<usize>,
    /// Why the run's own numbers may be wrong.
    pub unreliable: Option<String>,
}

/// Where a replay takes embeddings from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplayFrom {
    /// Everything is computed again.
    Scratch,
    /// Embeddings that the store has are taken from there, for what is in the files now.
    Store,
}

impl Run {
    /// Opens the run's files, evaluates its strategy on them and compares. Every file is read, whatever the store knows of
    /// it. The run stays as it is.
    ///
    /// # Errors
    /// [`WorkbenchError::NoReceipt`], whatever prevents opening or evaluating the files that it names, and
    /// [`WorkbenchError::Cancelled`].
    pub fn replay(
        &self,
        store: &Store,
        from: ReplayFrom,
        cancel: &Cancel,
        notify: &dyn Fn(Progress),
    ) -> Result<Replay, WorkbenchError> {
        let (Some(then), Some(source)) = (&self.receipt, &self.source) else {
            return Err(WorkbenchError::NoReceipt { id: self.id.clone() });
        };
        // Prompt sets are in the user's store, whatever else is computed again.
        let mut workbench = Workbench::open(source.clone(), store.reading_every_file())?;
        if from == ReplayFrom::Scratch {
            workbench.store = Store::in_memory();
        }
        let (session, contents) = workbench.evaluate_again(cancel, notify)?;
        let (strategy, result) = (&workbench.strategies[0], &session.strategies[0]);
        let now = workbench.receipt(strategy, &session, &contents, &result.evaluation)?;
        let parts = then.compare(&now);
        let kept = self.evaluation(store)?.filter(|_| then.same_dataset(&now));
        let changed = kept.map(|kept| {
            let images = 0..kept.n_images();
            images.filter(|&image| kept.predicted(image) != result.evaluation.predicted(image)).count()
        });
        Ok(Replay {
            id: self.id.clone(),
            equal: parts.iter().all(|part| part.equal || part.part == "version"),
            parts,
            top1_then: self.top1,
            top1_now: result.evaluation.top1(),
            changed_predictions: changed,
            unreliable: self.unreliable(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::store::StorePlace;
    use crate::workbench::editing::prompt_editor::tests::{pond, session_of};
    use crate::workbench::session::evaluation::SessionOptions;

    /// A pond that was evaluated, and the run of its CuPL prompts.
    fn evaluated(images: &Path) -> (Store, Run) {
        let place = StorePlace::in_memory();
        let session = session_of(&pond(images), &place);
        let store = place.open().unwrap().store;
        let (runs, problems) = Run::all(&store).unwrap();
        assert_eq!((runs.len(), problems.len(), session.strategies.len()), (2, 0, 2));
        let run = runs.into_iter().find(|run| run.strategy.name == "cupl").unwrap();
        (store, run)
    }

    fn replay(run: &Run, store: &Store, from: ReplayFrom) -> Result<Replay, WorkbenchError> {
        run.replay(store, from, &Cancel::default(), &|_| ())
    }

    fn different(replay: &Replay) -> Vec<&'static str> {
        replay.parts.iter().filter(|part| !part.equal).map(|part| part.part).collect()
    }

    #[test]
    fn what_nobody_touched_comes_out_the_same() {
        let images = tempfile::tempdir().unwrap();
        let (store, run) = evaluated(images.path());
        for from in [ReplayFrom::Scratch, ReplayFrom::Store] {
            let replay = replay(&run, &store, from).unwrap();
            assert_eq!(different(&replay), [""; 0]);
            assert!(replay.equal);
            assert_eq!(replay.top1_then, replay.top1_now);
            assert_eq!(replay.changed_predictions, Some(0));
        }
        assert_eq!(Run::all(&store).unwrap().0.len(), 2);
    }

    /// A run of one strategy of several is of that one.
    #[test]
    fn a_strategy_on_its_own_comes_out_the_same() {
        let images = tempfile::tempdir().unwrap();
        let store = Store::in_memory();
        let mut workbench = Workbench::open(pond(images.path()), store.clone()).unwrap();
        workbench.keep_strategies(&["cupl".to_owned()]).unwrap();
        workbench.evaluate(SessionOptions::default(), &Cancel::default(), &|_| ()).unwrap();
        let run = Run::find(&store, "").unwrap();
        assert_eq!(run.strategy.name, "cupl");
        assert!(replay(&run, &store, ReplayFrom::Scratch).unwrap().equal);
    }

    #[test]
    fn what_changed_is_named() {
        let images = tempfile::tempdir().unwrap();
        let (store, run) = evaluated(images.path());
        let prompts = images.path().with_extension("cupl.json");
        let text = std::fs::read_to_string(&prompts).unwrap();
        std::fs::write(&prompts, text.replace("Warts.", "It hops about.")).unwrap();
        let prompts_changed = replay(&run, &store, ReplayFrom::Scratch).unwrap();
        assert!(!prompts_changed.equal);
        assert_eq!(different(&prompts_changed)[0], "prompts");
        assert!(prompts_changed.changed_predictions.is_some());

        std::fs::write(&prompts, text).unwrap();
        let of = |name: &str| images.path().join(name);
        std::fs::rename(of("a-frog/2.png"), of("b-toad/3.png")).unwrap();
        let labels_changed = replay(&run, &store, ReplayFrom::Scratch).unwrap();
        let found = different(&labels_changed);
        assert!(found.starts_with(&["images", "labels"]) && !found.contains(&"class order"), "{found:?}");
        assert_eq!(labels_changed.changed_predictions, None);
    }

    #[test]
    fn another_version_alone_makes_no_difference() {
        let images = tempfile::tempdir().unwrap();
        let (store, mut run) = evaluated(images.path());
        run.receipt.as_mut().unwrap().version = "0.0.1".into();
        let replay = replay(&run, &store, ReplayFrom::Store).unwrap();
        assert_eq!(different(&replay), ["version"]);
        assert!(replay.equal);
    }

    #[test]
    fn what_cannot_be_made_again_says_why() {
        let images = tempfile::tempdir().unwrap();
        let (store, mut run) = evaluated(images.path());
        std::fs::remove_dir_all(images.path()).unwrap();
        let message = replay(&run, &store, ReplayFrom::Scratch).unwrap_err().to_string();
        assert!(message.contains(images.path().to_str().unwrap()), "{message}");
        run.receipt = None;
        let message = replay(&run, &store, ReplayFrom::Scratch).unwrap_err().to_string();
        assert!(message.contains("earlier version"), "{message}");
    }

    #[test]
    fn runs_are_found_by_the_start_of_their_id() {
        let images = tempfile::tempdir().unwrap();
        let (store, run) = evaluated(images.path());
        assert_eq!(Run::find(&store, &run.id).unwrap(), run);
        assert!(Run::find(&store, "").unwrap_err().to_string().contains("2 runs"));
        assert!(Run::find(&store, "none").unwrap_err().to_string().contains("no run"));
    }

    /// What the first versions kept.
    #[test]
    fn a_run_without_a_receipt_is_still_read() {
        let old = r#"{"id": "0a", "saved_at": 1, "experiment": "e",
            "strategy": {"name": "s", "aggregation": "mean", "prompt_sets": [], "prompts": 1, "prompts_hash": "1"},
            "dataset": {"name": "d", "fingerprint": "2", "images": 1, "skipped": 0},
            "checkpoint": {"name": "c", "fingerprint": "3", "precision": "f32"},
            "top1": 1.0, "top5": 1.0, "mean_per_class_recall": 1.0,
            "per_class": [{"class": "a", "images": 1, "correct": 1, "accuracy": 1.0}]}"#;
        let store = Store::in_memory();
        store.save_run("0a", old).unwrap();
        let run = Run::find(&store, "0a").unwrap();
        assert_eq!((run.receipt.as_ref(), run.evaluation(&store).unwrap()), (None, None));
    }
}
