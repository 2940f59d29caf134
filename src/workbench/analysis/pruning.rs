//! A strategy without the prompts that do harm on labelled images: chosen on a development part of them, measured on the
//! rest, with the number of times that this rest was measured on before.

use std::collections::HashSet;

use crate::evaluation::{
    Classifier, Comparison, Evaluation, Matrix, RemovedPrompt, Split, evaluate, prune, split,
};
use crate::store::{Key, Store};
use crate::workbench::editing::history::SavedPrompts;
use crate::workbench::editing::history::{PromptChange, PromptHistory};
use crate::workbench::editing::prompt_editor::{EditorError, set_of_classes};
use crate::workbench::error::WorkbenchError;
use crate::workbench::jobs::progress::{Cancel, Meter, Progress, Stage};
use crate::workbench::session::evaluation::{Session, SessionEmbeddings};
use crate::workbench::session::opening::Workbench;
use crate::workbench::tables::verdict::{p_words, proven_words};

/// How a strategy is pruned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PruningOptions {
    /// The share of each class's images that prompts are chosen on, from 0 to 1.
    pub development_share: f64,
    /// Which images these are.
    pub seed: u64,
}

/// What pruning did.
#[derive(Debug, Clone)]
pub struct Pruning {
    /// An index into the session's strategies.
    pub strategy: usize,
    /// The prompts that went, in the order in which they were found.
    pub removed: Vec<RemovedPrompt>,
    /// Images to choose on.
    pub development_images: usize,
    /// Top-1 accuracy on these before and after, from 0 to 1: after, it is too good to be true.
    pub development: (f64, f64),
    /// Top-1 accuracy on the rest before and after, from 0 to 1.
    pub rest: (f64, f64),
    /// The pruned strategy on the rest against the whole one.
    pub comparison: Comparison,
    /// How often this rest was measured on, this time included: each choice that somebody makes of what is seen there fits
    /// the prompts to it a little.
    pub looks: u64,
    /// The prompts of each class that are left, `[n_classes]`.
    prompts: Vec<Vec<String>>,
}

impl Default for PruningOptions {
    /// Half of the images to choose on.
    fn default() -> Self {
        Self { development_share: 0.5, seed: 0 }
    }
}

impl Pruning {
    /// What came of it on the images that it was not chosen on, in words.
    pub fn words(&self) -> String {
        let looks = match self.looks {
            1 => "these images were looked at for the first time".to_owned(),
            looks => {
                format!("these images were looked at {looks} times now: the more often, the less they prove")
            }
        };
        format!(
            "{} gained and {} lost on {} images ({}): {}; {looks}",
            self.comparison.gained.len(),
            self.comparison.lost.len(),
            self.comparison.images,
            p_words(self.comparison.mcnemar_p()),
            proven_words(&self.comparison),
        )
    }
}

impl Workbench {
    /// Prunes a strategy of the session, and counts the look at the rest.
    ///
    /// # Errors
    /// [`WorkbenchError::Evaluation`] for aggregations that weigh prompts, and where the development part or the rest has
    /// no image; [`WorkbenchError::Cancelled`]; what prevents counting in the store.
    pub fn prune(
        &self,
        session: &Session,
        embeddings: &SessionEmbeddings,
        strategy: usize,
        options: PruningOptions,
        cancel: &Cancel,
        notify: &dyn Fn(Progress),
    ) -> Result<Pruning, WorkbenchError> {
        prune_strategy(session, embeddings, strategy, options, &self.store, cancel, notify)
    }

    /// Saves the prompts that are left as a prompt set, with how it came about.
    ///
    /// # Errors
    /// See [`save_pruned`].
    pub fn save_pruned(
        &self,
        name: &str,
        session: &Session,
        pruning: &Pruning,
    ) -> Result<SavedPrompts, EditorError> {
        save_pruned(name, session, pruning, &self.store)
    }
}

/// Saves the prompts that a pruning left as a prompt set, with how it came about.
///
/// # Errors
/// [`EditorError::Name`] and [`EditorError::SharedName`], and what prevents writing the store.
pub fn save_pruned(
    name: &str,
    session: &Session,
    pruning: &Pruning,
    store: &Store,
) -> Result<SavedPrompts, EditorError> {
    let set = set_of_classes(name, &session.classes, pruning.prompts.clone())?;
    let of = &session.strategies[pruning.strategy];
    let change = |&RemovedPrompt { class, prompt }: &RemovedPrompt| PromptChange {
        class: session.classes[class].clone(),
        prompt: prompt + 1,
        before: Some(of.prompts[class][prompt].clone()),
        after: None,
    };
    let history = PromptHistory {
        strategy: of.name.clone(),
        prompt_sets: of.prompt_sets.clone(),
        checkpoint: session.checkpoint.clone(),
        dataset: session.dataset.clone(),
        images: pruning.comparison.images,
        top1_before: pruning.rest.0,
        top1_after: pruning.rest.1,
        gained: pruning.comparison.gained.len(),
        lost: pruning.comparison.lost.len(),
        changes: pruning.removed.iter().map(change).collect(),
    };
    Ok(history.save_with(&set, store)?)
}

/// Prunes a strategy of a session, an index, and counts the look at the rest in the store.
///
/// # Errors
/// See [`Workbench::prune`].
pub(in crate::workbench) fn prune_strategy(
    session: &Session,
    embeddings: &SessionEmbeddings,
    strategy: usize,
    options: PruningOptions,
    store: &Store,
    cancel: &Cancel,
    notify: &dyn Fn(Progress),
) -> Result<Pruning, WorkbenchError> {
    let of = &session.strategies[strategy];
    let prompts = embeddings.prompts.per_class(&of.prompts)?;
    let Split { development, rest } =
        split(&embeddings.labels, session.classes.len(), options.development_share, options.seed);
    let (development, rest) = (Part::new(embeddings, &development)?, Part::new(embeddings, &rest)?);
    let mut meter = Meter::start(Stage::Pruning, prompts.len());
    let mut go_on = |done: usize, total: usize| {
        meter.encoded(1);
        notify(meter.progress());
        if done == total {
            // The next round begins.
            meter = Meter::start(Stage::Pruning, total);
        }
        !cancel.is_cancelled()
    };
    let removed = prune(of.aggregation, &prompts, &development.images, &development.labels, &mut go_on)?;
    if cancel.is_cancelled() {
        return Err(WorkbenchError::Cancelled);
    }
    let gone: HashSet<RemovedPrompt> = removed.iter().copied().collect();
    let is_left = |class: usize, prompt: usize| !gone.contains(&RemovedPrompt { class, prompt });
    let text = |class: usize| {
        let texts = of.prompts[class].iter().enumerate();
        texts.filter(|(prompt, _)| is_left(class, *prompt)).map(|(_, text)| text.clone()).collect()
    };
    let left: Vec<Vec<String>> = (0..session.classes.len()).map(text).collect();
    let before = Classifier::build(of.aggregation, &prompts)?;
    let after = Classifier::build(of.aggregation, &embeddings.prompts.per_class(&left)?)?;
    let on = |part: &Part, classifier| part.evaluate(classifier, embeddings.logit_scale);
    let on_rest = (on(&rest, &before)?, on(&rest, &after)?);
    // Where nothing goes, nothing is seen on the rest.
    let key = look_key(session, options);
    let looks = match removed.is_empty() {
        true => store.counted(&key)?,
        false => store.count(&key)?,
    };
    store.flush()?;
    Ok(Pruning {
        strategy,
        development_images: development.labels.len(),
        development: (on(&development, &before)?.top1(), on(&development, &after)?.top1()),
        rest: (on_rest.0.top1(), on_rest.1.top1()),
        comparison: Comparison::new(&on_rest.0, &on_rest.1)?,
        looks,
        prompts: left,
        removed,
    })
}

/// One part of the images.
struct Part {
    images: Matrix,
    labels: Vec<usize>,
}

impl Part {
    fn new(embeddings: &SessionEmbeddings, which: &[usize]) -> Result<Self, WorkbenchError> {
        let rows: Vec<&[f32]> = which.iter().map(|&image| embeddings.images.unit.row(image)).collect();
        Ok(Self {
            images: Matrix::from_rows(&rows)?,
            labels: which.iter().map(|&image| embeddings.labels[image]).collect(),
        })
    }

    fn evaluate(&self, classifier: &Classifier, logit_scale: f32) -> Result<Evaluation, WorkbenchError> {
        Ok(evaluate(
            &self.images,
            &self.labels,
            classifier,
            logit_scale,
            crate::workbench::session::evaluation::RANKED,
        )?)
    }
}

/// A rest is known by the dataset and by how it was split.
fn look_key(session: &Session, options: PruningOptions) -> Key {
    Key::from_parts(&[
        b"looks at the rest",
        session.dataset_fingerprint.as_bytes(),
        &options.development_share.to_bits().to_le_bytes(),
        &options.seed.to_le_bytes(),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StorePlace;
    use crate::workbench::editing::prompt_editor::tests::{pond, session_of};
    use crate::workbench::experiment::definition::Experiment;
    use crate::workbench::session::opening::stored_prompt_set;

    const OPTIONS: PruningOptions = PruningOptions { development_share: 0.5, seed: 0 };

    fn pruned(experiment: &Experiment, place: &StorePlace, strategy: usize) -> (Workbench, Session, Pruning) {
        session_of(experiment, place);
        let workbench = Workbench::open(experiment.clone(), place.open().unwrap().store).unwrap();
        let cancel = Cancel::default();
        let session = workbench.evaluate(Default::default(), &cancel, &|_| ()).unwrap();
        let embeddings = workbench.embed(&cancel, &|_| ()).unwrap();
        let pruning = workbench.prune(&session, &embeddings, strategy, OPTIONS, &cancel, &|_| ()).unwrap();
        (workbench, session, pruning)
    }

    #[test]
    fn looks_are_counted_and_what_is_left_is_saved() {
        let images = tempfile::tempdir().unwrap();
        let (experiment, place) = (pond(images.path()), StorePlace::in_memory());
        let mut looks = 0;
        for strategy in [0, 1, 0] {
            let (_, _, pruning) = pruned(&experiment, &place, strategy);
            looks += u64::from(!pruning.removed.is_empty());
            assert_eq!(pruning.looks, looks);
        }

        let (workbench, session, pruning) = pruned(&experiment, &place, 1);
        assert_eq!((pruning.development_images, pruning.comparison.images), (2, 2));
        assert!(pruning.development.1 >= pruning.development.0);
        assert_eq!(pruning.prompts.iter().map(Vec::len).sum::<usize>(), 4 - pruning.removed.len());
        let saved = workbench.save_pruned("mine", &session, &pruning).unwrap();
        let store = place.open().unwrap().store;
        let (set, _) = stored_prompt_set("mine", Some(&saved.version), &store).unwrap();
        assert_eq!(set.resolve(&session.classes).unwrap().per_class, pruning.prompts);
        let history = PromptHistory::from_store("mine", &saved.version, &store).unwrap().unwrap();
        assert_eq!(history.changes.len(), pruning.removed.len());
        assert!(workbench.save_pruned("a@b", &session, &pruning).is_err());
    }
}
