//! One strategy's prompts and what they come to, while somebody edits them: each edit re-scores one class.
//!
//! An editor is opened once, with every embedding of the experiment, and needs neither the store nor the dataset then. It
//! keeps all scores and no matrix of images. A new text is encoded here and not looked up in the store, which takes
//! longer to open than one text takes to encode; with the prompts, its embedding is saved.

use std::collections::HashMap;
use std::sync::Arc;

use super::edits::{ClassPrompts, Edit, EditError, PromptEdits, enabled};
use super::history::{PromptHistory, SavedPrompts};
use crate::evaluation::{
    ChangedPrediction, ClassAccuracy, ClassMeans, Classifier, EvaluationError, Matrix, PromptSimilarity,
    Rescorer,
};
use crate::prompts::{Aggregation, PromptError, PromptSet};
use crate::store::OpenedStore;
use crate::store::StorePlace;
use crate::workbench::embedding::embedder::{Embedder, EncodedPrompt, PromptEmbeddings};
use crate::workbench::embedding::prompt_encoder::PromptEncoder;
use crate::workbench::error::WorkbenchError;
use crate::workbench::experiment::definition::split_reference;
use crate::workbench::experiment::demo;
use crate::workbench::jobs::progress::Cancel;
use crate::workbench::jobs::worker::JobEnd;
use crate::workbench::session::evaluation::{RANKED, Session, SessionEmbeddings};
use crate::workbench::session::shared_embeddings::{ReadingNotice, SharedEmbeddings};

/// A strategy whose prompts can be changed. It takes 4 · (n_classes + dim) bytes for each image, and the embeddings of
/// all prompts of the experiment.
pub struct PromptEditor {
    session: Arc<Session>,
    /// An index into the session's strategies.
    strategy: usize,
    edits: PromptEdits,
    rescorer: Rescorer,
    means: ClassMeans,
    /// The predictions before anything was edited, `[n_images]`.
    loaded: Vec<u32>,
    /// Of every prompt of the experiment.
    embeddings: Arc<PromptEmbeddings>,
    /// Of every text that was typed here.
    typed: HashMap<String, EncodedPrompt>,
    encoder: PromptEncoder,
    last: Option<LastChange>,
}

/// What the prompts come to now.
#[derive(Clone, Debug, PartialEq)]
pub struct EditorState {
    /// The strategy: an index into the session's.
    pub strategy: usize,
    /// The prompts of each class, `[n_classes]`, the disabled ones among them.
    pub prompts: Vec<ClassPrompts>,
    /// Share of images whose class is the prediction, from 0 to 1.
    pub top1: f64,
    /// The average of the classes' recalls, from 0 to 1.
    pub mean_per_class_recall: f64,
    /// Images and hits of every class, `[n_classes]`.
    pub per_class: Vec<ClassAccuracy>,
    /// The images that another class is predicted for than when the strategy was loaded, in their order.
    pub flips: Arc<Vec<ChangedPrediction>>,
    /// Those of them that were missed then and are right now.
    pub gained: usize,
    /// Those that were right then and are missed now.
    pub lost: usize,
    /// The last change; `None` as long as there was none.
    pub last: Option<LastChange>,
    /// What was done and not undone, in words, as `frog: prompt 3 disabled`; the last one is undone next.
    pub trail: Vec<String>,
    /// What would be done again.
    pub redo: Option<String>,
    /// Whether there is something to save.
    pub is_changed: bool,
}

/// What an edit, or taking it back, did.
#[derive(Clone, Debug, PartialEq)]
pub struct LastChange {
    /// The class whose prompts changed.
    pub class: usize,
    /// What was done, as `frog: prompt 3 disabled`, or `undone: frog: prompt 3 disabled`.
    pub words: String,
    /// The images that another class is predicted for, in their order.
    pub flips: Vec<ChangedPrediction>,
    /// What the user should know of the new text.
    pub note: Option<String>,
}

/// Why an editor cannot do something. It is as it was before.
#[derive(Debug, thiserror::Error)]
pub enum EditorError {
    /// An edit that cannot be done.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// The experiment, an encoder or the store.
    #[error(transparent)]
    Workbench(#[from] WorkbenchError),
    /// A strategy that is not there.
    #[error("there is no strategy {strategy}; there are {strategies}, counted from 0")]
    NoSuchStrategy {
        /// The strategy, from 0.
        strategy: usize,
        /// How many there are.
        strategies: usize,
    },
    /// A name that no saved prompt set can have.
    #[error("prompts cannot be saved as {name:?}: {reason}; choose another name")]
    Name {
        /// The name.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// Prompts that cannot be changed one at a time.
    #[error(
        "{aggregation} weighs the prompts of all classes together: edit them in a strategy with another aggregation, \
         such as mean"
    )]
    WeighsPrompts {
        /// The strategy's aggregation.
        aggregation: Aggregation,
    },
    /// Classes of one name with different prompts.
    #[error(
        "two classes are called {class:?} and would share their prompts in a file, but theirs differ; \
         give both the same prompts, or give the dataset a class-name map that tells them apart"
    )]
    SharedName {
        /// The name.
        class: String,
    },
}

impl From<EditorError> for JobEnd {
    fn from(error: EditorError) -> Self {
        match error {
            EditorError::Workbench(error) => error.into(),
            error => Self::Failed(error.to_string()),
        }
    }
}

impl From<EvaluationError> for EditorError {
    fn from(error: EvaluationError) -> Self {
        Self::Workbench(error.into())
    }
}

impl From<PromptError> for EditorError {
    fn from(error: PromptError) -> Self {
        Self::Workbench(error.into())
    }
}

impl PromptEditor {
    /// Opens a strategy of a session, whose embeddings these are.
    ///
    /// # Errors
    /// [`EditorError::NoSuchStrategy`], [`EditorError::WeighsPrompts`], and those of [`SharedEmbeddings::get`].
    pub fn open(
        source: &SharedEmbeddings,
        strategy: usize,
        cancel: &Cancel,
        notify: &dyn Fn(ReadingNotice),
    ) -> Result<Self, EditorError> {
        let session = Arc::clone(source.session());
        let strategies = session.strategies.len();
        let loaded = session.strategies.get(strategy);
        let loaded = loaded.ok_or(EditorError::NoSuchStrategy { strategy, strategies })?;
        if loaded.aggregation.weighs_prompts() {
            return Err(EditorError::WeighsPrompts { aggregation: loaded.aggregation });
        }
        let edits = PromptEdits::new(&session.classes, &loaded.prompts);
        let shared = source.get(cancel, notify)?;
        let (prompts, logit_scale) = (Arc::clone(&shared.prompts), shared.logit_scale);
        let classifier = Classifier::build(loaded.aggregation, &prompts.per_class(&loaded.prompts)?)?;
        if cancel.is_cancelled() {
            return Err(WorkbenchError::Cancelled.into());
        }
        let encoder = source.prompt_encoder()?;
        let means = ClassMeans::new(&shared.images.unit, &shared.labels, session.classes.len())?;
        // The scores get the memory of what nobody else holds.
        let (unit, labels) = match Arc::try_unwrap(shared) {
            Ok(SessionEmbeddings { images, labels, .. }) => (images.unit, labels),
            Err(shared) => (shared.images.unit.clone(), shared.labels.clone()),
        };
        let rescorer = Rescorer::new(&classifier, unit, &labels, logit_scale, RANKED)?;
        Ok(Self {
            means,
            loaded: rescorer.predictions().collect(),
            encoder,
            embeddings: prompts,
            typed: HashMap::new(),
            last: None,
            session,
            strategy,
            edits,
            rescorer,
        })
    }

    /// What the prompts come to now.
    pub fn state(&self) -> EditorState {
        let flips = self.flips();
        let (gained, lost) = self.session.gained_and_lost(&flips);
        EditorState {
            strategy: self.strategy,
            prompts: self.edits.classes().to_vec(),
            top1: self.rescorer.top1(),
            mean_per_class_recall: self.rescorer.mean_per_class_recall(),
            per_class: self.rescorer.per_class(),
            flips: Arc::new(flips),
            gained,
            lost,
            last: self.last.clone(),
            trail: self.edits.trail().map(str::to_owned).collect(),
            redo: self.edits.next_to_redo().map(str::to_owned),
            is_changed: self.edits.is_changed(),
        }
    }

    /// Does an edit and scores its class again; a new text is encoded.
    ///
    /// # Errors
    /// [`EditorError::Edit`], and what prevents encoding.
    pub fn apply(&mut self, edit: &Edit) -> Result<(), EditorError> {
        self.edits.check(edit)?;
        let note = edit.text().map(|text| self.embed(text)).transpose()?.flatten();
        self.edits.apply(edit)?;
        self.rescore(edit.class(), self.last_done(), note)
    }

    /// Takes the last edit back.
    ///
    /// # Errors
    /// [`EditError::NothingToUndo`].
    pub fn undo(&mut self) -> Result<(), EditorError> {
        let class = self.edits.undo()?;
        let words = format!("undone: {}", self.edits.next_to_redo().unwrap_or_default());
        self.rescore(class, words, None)
    }

    /// Does the edit again that was taken back last.
    ///
    /// # Errors
    /// [`EditError::NothingToRedo`].
    pub fn redo(&mut self) -> Result<(), EditorError> {
        let class = self.edits.redo()?;
        self.rescore(class, self.last_done(), None)
    }

    /// What each prompt of a class is like under any strategy of the session: in the order of its prompts, the disabled
    /// ones of the edited strategy among them.
    ///
    /// # Errors
    /// [`EditorError::NoSuchStrategy`], or a class that is not there.
    pub fn similarities(&self, strategy: usize, class: usize) -> Result<Vec<PromptSimilarity>, EditorError> {
        let strategies = self.session.strategies.len();
        let result = self.session.strategies.get(strategy);
        let result = result.ok_or(EditorError::NoSuchStrategy { strategy, strategies })?;
        let raw = if strategy == self.strategy {
            let edited = self.edits.classes().get(class).map_or(&[][..], |prompts| prompts);
            self.raw(edited.iter().map(|prompt| prompt.text.as_str()))?
        } else {
            let prompts = result.prompts.get(class).map_or(&[][..], Vec::as_slice);
            self.raw(prompts.iter().map(String::as_str))?
        };
        Ok(self.means.similarities(class, &raw)?)
    }

    /// Saves the prompts that count as a prompt set: beside the versions that its name has already, none of which
    /// changes.
    ///
    /// # Errors
    /// [`EditorError::Name`] and [`EditorError::SharedName`], and what prevents opening or writing the store: saving can be
    /// tried again.
    pub fn save(&mut self, name: &str, place: &StorePlace) -> Result<SavedPrompts, EditorError> {
        let set = set_of_classes(name, &self.session.classes, self.edits.per_class())?;
        let OpenedStore { store, notices: mut notes } = place.open().map_err(WorkbenchError::from)?;
        let PromptEncoder { checkpoint, precision, fingerprint, .. } = &self.encoder;
        let embedder = Embedder::new(checkpoint, *fingerprint, *precision, &store);
        embedder.remember_prompts(&self.typed);
        notes.extend(embedder.unsaved());
        let saved = self.history().save_with(&set, &store)?;
        self.edits.keep();
        Ok(SavedPrompts { notes, ..saved })
    }

    /// Encodes a text that has no embedding yet; says what the user should know of it.
    fn embed(&mut self, text: &str) -> Result<Option<String>, EditorError> {
        if self.embeddings.raw(text).is_none() && !self.typed.contains_key(text) {
            let encoded = self.encoder.encode(text)?;
            self.typed.insert(text.to_owned(), encoded);
        }
        let is_cut = match self.typed.get(text) {
            Some(encoded) => encoded.truncated,
            None => self.embeddings.truncated([text]) > 0,
        };
        let context = self.encoder.context();
        Ok(is_cut.then(|| {
            format!("the prompt is longer than the checkpoint's {context} tokens and was cut at the end")
        }))
    }

    /// The newest change that stands, in words.
    fn last_done(&self) -> String {
        self.edits.trail().last().unwrap_or_default().to_owned()
    }

    fn rescore(&mut self, class: usize, words: String, note: Option<String>) -> Result<(), EditorError> {
        let prompts = self.raw(enabled(&self.edits.classes()[class]))?;
        let aggregation = self.session.strategies[self.strategy].aggregation;
        let flips = self.rescorer.rescore(class, aggregation, &prompts)?;
        self.last = Some(LastChange { class, words, flips, note });
        Ok(())
    }

    /// The raw embeddings `[texts, dim]` of texts that stand in a list of prompts: all of those have one.
    fn raw<'t>(&self, texts: impl Iterator<Item = &'t str>) -> Result<Matrix, EvaluationError> {
        let of_text = |text| {
            self.embeddings.raw(text).or_else(|| self.typed.get(text).map(|encoded| encoded.raw.as_slice()))
        };
        Matrix::from_rows(&texts.filter_map(of_text).collect::<Vec<_>>())
    }

    /// The images that another class is predicted for than when the strategy was loaded.
    fn flips(&self) -> Vec<ChangedPrediction> {
        let predictions = self.loaded.iter().zip(self.rescorer.predictions()).enumerate();
        let flips = predictions.map(|(image, (&before, after))| ChangedPrediction { image, before, after });
        flips.filter(|flip| flip.before != flip.after).collect()
    }

    /// How the prompts became what they are.
    fn history(&self) -> PromptHistory {
        let strategy = &self.session.strategies[self.strategy];
        let (gained, lost) = self.session.gained_and_lost(&self.flips());
        PromptHistory {
            strategy: strategy.name.clone(),
            prompt_sets: strategy.prompt_sets.clone(),
            checkpoint: self.session.checkpoint.clone(),
            dataset: self.session.dataset.clone(),
            images: self.session.images.len(),
            top1_before: strategy.evaluation.top1(),
            top1_after: self.rescorer.top1(),
            gained,
            lost,
            changes: self.edits.history(),
        }
    }
}

/// A prompt set of the user's, with the prompts of each class, `[n_classes]`.
///
/// # Errors
/// [`EditorError::Name`] and [`EditorError::SharedName`].
pub(in crate::workbench) fn set_of_classes(
    name: &str,
    class_names: &[String],
    per_class: Vec<Vec<String>>,
) -> Result<PromptSet, EditorError> {
    check_prompt_set_name(name)?;
    Ok(PromptSet::from_pairs(name.trim(), by_class_name(class_names, per_class)?)?)
}

/// Each class name once, with its prompts, `[n_classes]`.
fn by_class_name(
    class_names: &[String],
    per_class: Vec<Vec<String>>,
) -> Result<Vec<(String, Vec<String>)>, EditorError> {
    let mut pairs: Vec<(String, Vec<String>)> = Vec::with_capacity(class_names.len());
    let mut place_of = HashMap::new();
    for (class, prompts) in class_names.iter().zip(per_class) {
        match place_of.get(class) {
            None => {
                place_of.insert(class, pairs.len());
                pairs.push((class.clone(), prompts));
            }
            Some(&place) if pairs[place].1 == prompts => {}
            Some(_) => return Err(EditorError::SharedName { class: class.clone() }),
        }
    }
    Ok(pairs)
}

/// Letters of a prompt set's name, at most.
const LONGEST_NAME: usize = 100;

/// Whether a prompt set of the user's can be called this.
///
/// # Errors
/// [`EditorError::Name`].
pub fn check_prompt_set_name(name: &str) -> Result<(), EditorError> {
    let name = name.trim();
    let refused = |reason| {
        let name = name.chars().take(LONGEST_NAME).collect();
        Err(EditorError::Name { name, reason })
    };
    if name.is_empty() {
        return refused("a prompt set needs a name");
    }
    if name.chars().any(char::is_control) {
        return refused("a name has no control characters");
    }
    if name.chars().count() > LONGEST_NAME {
        return refused("a name has 100 letters at most");
    }
    if split_reference(name).1.is_some() {
        return refused("@ stands before a version");
    }
    if demo::PROMPT_SETS.contains(&name) {
        return refused("it belongs to the demo");
    }
    Ok(())
}

#[cfg(test)]
pub(in crate::workbench) mod tests {
    use std::path::Path;
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;
    use crate::evaluation::{Evaluation, evaluate};
    use crate::prompts::Aggregation;
    use crate::store::Store;
    use crate::workbench::experiment::definition::{
        CheckpointChoice, ClassNamesChoice, DatasetChoice, Experiment, PromptSetChoice, StrategyChoice,
    };
    use crate::workbench::jobs::progress::Progress;
    use crate::workbench::session::evaluation::SessionOptions;
    use crate::workbench::session::opening::{Workbench, stored_prompt_set};
    use crate::workbench::session::session_job::make_session;

    /// Two classes with two images each in `folder`, the demo's checkpoint, and the strategies `templates` and `cupl`,
    /// with two prompts a class.
    pub fn pond(folder: &Path) -> Experiment {
        let colours = [("a-frog/1", [30, 160, 40]), ("a-frog/2", [60, 140, 30]), ("b-toad/1", [120, 90, 40])];
        for (name, colour) in colours.into_iter().chain([("b-toad/2", [50, 150, 45])]) {
            let path = folder.join(name).with_extension("png");
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            image::RgbImage::from_pixel(8, 8, image::Rgb(colour)).save(path).unwrap();
        }
        let cupl = folder.with_extension("cupl.json");
        std::fs::write(
            &cupl,
            r#"{"frog": ["A frog is green.", "It is wet."], "toad": ["A toad is brown.", "Warts."]}"#,
        )
        .unwrap();
        let strategy = |name: &str, set| StrategyChoice {
            name: name.into(),
            prompt_sets: vec![set],
            aggregation: Aggregation::Mean,
            aggregates_as_dclip: false,
            added: false,
        };
        let templates = ["a photo of a {}.", "a {}."].map(str::to_owned).to_vec();
        Experiment {
            prompt_keys: std::collections::BTreeMap::new(),
            name: "pond".into(),
            dataset: DatasetChoice::Path {
                images: folder.to_owned(),
                class_names: Some(names(&[("a-frog", "frog"), ("b-toad", "toad")])),
                class_order: None,
                first_label: None,
            },
            strategies: vec![
                strategy("templates", PromptSetChoice::InlineTemplates(templates)),
                strategy("cupl", PromptSetChoice::CuplFile(cupl)),
            ],
            ..Experiment::demo().unwrap()
        }
    }

    fn names(pairs: &[(&str, &str)]) -> ClassNamesChoice {
        let pairs = pairs.iter().map(|(folder, name)| ((*folder).to_owned(), (*name).to_owned()));
        ClassNamesChoice::Inline(pairs.collect())
    }

    pub fn session_of(experiment: &Experiment, place: &StorePlace) -> Arc<Session> {
        let options = SessionOptions::default();
        Arc::new(make_session(experiment, place, options, &Cancel::default(), &|_| ()).unwrap())
    }

    fn open(
        experiment: &Experiment,
        place: &StorePlace,
        session: &Arc<Session>,
        strategy: usize,
    ) -> Result<PromptEditor, EditorError> {
        let source = SharedEmbeddings::new(experiment.clone(), place.clone(), Arc::clone(session));
        PromptEditor::open(&source, strategy, &Cancel::default(), &|_| ())
    }

    fn editor_of(experiment: &Experiment, place: &StorePlace, strategy: usize) -> PromptEditor {
        open(experiment, place, &session_of(experiment, place), strategy).unwrap()
    }

    /// A store that has the demo's embeddings.
    fn demo_store() -> StorePlace {
        static PLACE: LazyLock<StorePlace> = LazyLock::new(|| {
            let place = StorePlace::in_memory();
            session_of(&Experiment::demo().unwrap(), &place);
            place
        });
        PLACE.clone()
    }

    fn demo_with(aggregation: Aggregation) -> Experiment {
        let mut experiment = Experiment::demo().unwrap();
        experiment.strategies.iter_mut().for_each(|strategy| strategy.aggregation = aggregation);
        experiment
    }

    /// Texts that the demo's prompts get beside their own.
    const TEXTS: [&str; 6] = [
        "a blurry photo of something green.",
        "四条腿的动物",
        "A machine with wings, seen from below.",
        "A machine with wings, seen from above.",
        "a photo of a dog.",
        "It has a mane, \"hooves\" and a long tail.",
    ];

    /// The evaluation of prompts from the beginning, by embeddings that were all made together.
    fn fresh(aggregation: Aggregation, per_class: &[Vec<String>]) -> Evaluation {
        static EMBEDDINGS: LazyLock<(SessionEmbeddings, PromptEmbeddings)> = LazyLock::new(|| {
            let (experiment, store) = (Experiment::demo().unwrap(), demo_store().open().unwrap().store);
            let workbench = Workbench::open(experiment, store).unwrap();
            let (checkpoint, precision) = (&workbench.checkpoint, workbench.experiment.precision);
            let empty = Store::in_memory();
            let embedder = Embedder::new(checkpoint, workbench.fingerprint, precision, &empty);
            let loaded = workbench.strategies.iter().flat_map(|strategy| strategy.prompts.iter().flatten());
            let texts = loaded.map(String::as_str).chain(TEXTS);
            let prompts = embedder.prompts(texts, &Cancel::default(), &|_| ()).unwrap();
            (workbench.embed(&Cancel::default(), &|_| ()).unwrap(), prompts)
        });
        let (SessionEmbeddings { images, labels, logit_scale, .. }, prompts) = &*EMBEDDINGS;
        let rows: Vec<Matrix> = per_class.iter().map(|class| prompts.rows(class).unwrap()).collect();
        let classifier = Classifier::build(aggregation, &rows).unwrap();
        evaluate(&images.unit, labels, &classifier, *logit_scale, RANKED).unwrap()
    }

    #[derive(Clone, Debug)]
    enum Step {
        Edit(Edit),
        Undo,
        Redo,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let text = || prop::sample::select(&TEXTS[..]);
        let (class, prompt) = (0usize..10, 0usize..20);
        let step = prop_oneof![
            3 => (class.clone(), prompt.clone()).prop_map(|(class, prompt)| Step::Edit(Edit::Toggle { class, prompt })),
            2 => (class.clone(), text())
                .prop_map(|(class, text)| Step::Edit(Edit::Add { class, text: text.into() })),
            2 => (class, prompt, text()).prop_map(|(class, prompt, text)| {
                Step::Edit(Edit::Replace { class, prompt, text: text.into() })
            }),
            2 => Just(Step::Undo),
            1 => Just(Step::Redo),
        ];
        prop::collection::vec(step, 1..8)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]

        #[test]
        fn it_is_always_a_fresh_evaluation(aggregation in prop::sample::select(&Aggregation::CLASS_BY_CLASS[..]), steps in steps()) {
            let experiment = demo_with(aggregation);
            let mut editor = editor_of(&experiment, &demo_store(), 1);
            let loaded = editor.session.strategies[1].evaluation.clone();
            prop_assert_eq!(editor.rescorer.evaluation(), loaded.clone());
            let mut before = loaded.clone();
            for step in &steps {
                let done = match step {
                    Step::Edit(edit) => editor.apply(edit),
                    Step::Undo => editor.undo(),
                    Step::Redo => editor.redo(),
                };
                let state = editor.state();
                let now = fresh(aggregation, &editor.edits.per_class());
                prop_assert_eq!(&editor.rescorer.evaluation(), &now);
                prop_assert_eq!(state.top1, now.top1());
                prop_assert_eq!(state.mean_per_class_recall, now.mean_per_class_recall());
                prop_assert_eq!(state.per_class, now.per_class());
                let images = || 0..now.n_images();
                let turned = |from: &Evaluation, to: &Evaluation| {
                    images().filter(|&image| !from.is_correct(image) && to.is_correct(image)).count()
                };
                prop_assert_eq!((state.gained, state.lost), (turned(&loaded, &now), turned(&now, &loaded)));
                if done.is_ok() {
                    let flips: Vec<ChangedPrediction> = images()
                        .map(|image| ChangedPrediction {
                            image,
                            before: before.prediction(image).class,
                            after: now.prediction(image).class,
                        })
                        .filter(|flip| flip.before != flip.after)
                        .collect();
                    prop_assert_eq!(state.last.unwrap().flips, flips);
                } else {
                    prop_assert_eq!(&before, &now);
                }
                before = now;
            }
        }
    }

    #[test]
    fn saved_prompts_are_a_new_version_whose_evaluation_is_that_of_the_editor() {
        let (experiment, place) = (Experiment::demo().unwrap(), StorePlace::Memory(copy_of_demo_store()));
        let mut editor = editor_of(&experiment, &place, 2);
        editor.apply(&Edit::Toggle { class: 6, prompt: 0 }).unwrap();
        let first = editor.save(" frogs, \"蛙\" ", &place).unwrap();
        assert_eq!(first.name, "frogs, \"蛙\"");
        editor.apply(&Edit::Add { class: 6, text: "a frog that sits on a green leaf".into() }).unwrap();
        assert!(editor.state().is_changed);
        let second = editor.save(&first.name, &place).unwrap();
        assert!(!editor.state().is_changed);
        assert_ne!(first.version, second.version);
        assert_eq!(second.notes, Vec::<String>::new());

        let OpenedStore { store, .. } = place.open().unwrap();
        let versions: Vec<String> = store.prompt_sets().unwrap().into_iter().map(|set| set.version).collect();
        assert_eq!(versions, [first.version.clone(), second.version.clone()]);
        let history = |saved: &SavedPrompts| {
            PromptHistory::from_store(&saved.name, &saved.version, &store).unwrap().unwrap()
        };
        let whole = history(&second);
        assert_eq!((history(&first).changes.len(), whole.changes.len()), (1, 2));
        let texts = |at: usize| (whole.changes[at].before.as_deref(), whole.changes[at].after.as_deref());
        let disabled = editor.session.strategies[2].prompts[6][0].as_str();
        assert_eq!(texts(0), (Some(disabled), None));
        assert_eq!(texts(1), (None, Some("a frog that sits on a green leaf")));
        assert_eq!((whole.top1_after, whole.gained), (editor.state().top1, editor.state().gained));
        let (set, _) = stored_prompt_set(&second.name, Some(&second.version), &store).unwrap();
        assert_eq!(set.resolve(&editor.session.classes).unwrap().per_class, editor.edits.per_class());

        let stored = PromptSetChoice::Stored { name: second.name, version: Some(second.version) };
        let mut experiment = experiment;
        experiment.strategies[2].prompt_sets = vec![stored];
        let encoded = std::cell::Cell::new(0);
        let count = |progress: Progress| encoded.set(encoded.get().max(progress.total - progress.cached));
        let session =
            make_session(&experiment, &place, SessionOptions::default(), &Cancel::default(), &count);
        assert_eq!(session.unwrap().strategies[2].evaluation, editor.rescorer.evaluation());
        assert_eq!(encoded.get(), 0, "the new text's embedding was saved too");
    }

    /// A store of its own with the demo's prompts and images.
    fn copy_of_demo_store() -> Store {
        let (file, copy) = (tempfile::NamedTempFile::new().unwrap(), Store::in_memory());
        demo_store().open().unwrap().store.export(file.path()).unwrap();
        copy.import(file.path()).unwrap();
        copy
    }

    #[test]
    fn names_that_mean_something_else_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let place = StorePlace::in_memory();
        let mut editor = editor_of(&pond(folder.path()), &place, 1);
        for name in ["", "  ", "mine@2", "demo-cupl", " demo-templates"] {
            let refused = editor.save(name, &place).unwrap_err();
            assert!(matches!(refused, EditorError::Name { .. }), "{name:?}: {refused}");
        }
        assert_eq!(place.open().unwrap().store.prompt_sets().unwrap(), []);
    }

    #[test]
    fn classes_of_one_name_are_saved_when_their_prompts_agree() {
        let folder = tempfile::tempdir().unwrap();
        let mut experiment = pond(folder.path());
        let DatasetChoice::Path { class_names, .. } = &mut experiment.dataset else { panic!("no path") };
        *class_names = Some(names(&[("a-frog", "frog"), ("b-toad", "frog")]));
        let place = StorePlace::in_memory();
        let mut editor = editor_of(&experiment, &place, 1);
        editor.apply(&Edit::Toggle { class: 1, prompt: 0 }).unwrap();
        let refused = editor.save("mine", &place).unwrap_err();
        assert!(refused.to_string().starts_with("two classes are called \"frog\""), "{refused}");
        editor.apply(&Edit::Toggle { class: 0, prompt: 0 }).unwrap();
        editor.save("mine", &place).unwrap();
        let (_, content) = place.open().unwrap().store.prompt_set("mine", None).unwrap().unwrap();
        assert_eq!(content, "{\n  \"frog\": [\n    \"It is wet.\"\n  ]\n}\n");
    }

    #[test]
    fn prompts_of_every_strategy_have_similarities() {
        let folder = tempfile::tempdir().unwrap();
        let mut editor = editor_of(&pond(folder.path()), &StorePlace::in_memory(), 1);
        let before = editor.similarities(1, 0).unwrap();
        assert_eq!((before.len(), editor.similarities(0, 1).unwrap().len()), (2, 2));
        editor.apply(&Edit::Toggle { class: 0, prompt: 0 }).unwrap();
        editor.apply(&Edit::Add { class: 0, text: "a {}.".replace("{}", "frog") }).unwrap();
        let after = editor.similarities(1, 0).unwrap();
        assert_eq!(after[..2], before);
        assert_eq!(after[2], editor.similarities(0, 0).unwrap()[1], "one text, one embedding");
        assert!(matches!(editor.similarities(2, 0), Err(EditorError::NoSuchStrategy { strategies: 2, .. })));
        for strategy in [0, 1] {
            let error = editor.similarities(strategy, 2).unwrap_err().to_string();
            assert!(error.contains("no class 2"), "{error}");
        }
    }

    #[test]
    fn a_text_that_is_too_long_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let mut editor = editor_of(&pond(folder.path()), &StorePlace::in_memory(), 1);
        editor.apply(&Edit::Add { class: 0, text: "green and wet ".repeat(40) }).unwrap();
        let note = editor.state().last.unwrap().note.unwrap();
        assert!(note.contains("longer than the checkpoint's 77 tokens"), "{note}");
        editor.apply(&Edit::Add { class: 0, text: "green and wet".into() }).unwrap();
        assert_eq!(editor.state().last.unwrap().note, None);
    }

    #[test]
    fn what_changed_since_the_session_was_made_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let (experiment, place) = (pond(folder.path()), StorePlace::in_memory());
        let session = session_of(&experiment, &place);
        let refused = |experiment: &Experiment, strategy| {
            open(experiment, &place, &session, strategy).err().unwrap().to_string()
        };
        assert_eq!(refused(&experiment, 2), "there is no strategy 2; there are 2, counted from 0");

        let mut other = experiment.clone();
        other.strategies[0].aggregation = Aggregation::Max;
        assert!(refused(&other, 1).starts_with("the prompts changed"));
        other = experiment.clone();
        other.checkpoint = CheckpointChoice::Directory(
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/clip/tiny-gelu"),
        );
        assert!(refused(&other, 1).starts_with("the checkpoint's files changed"));
        std::fs::remove_file(folder.path().join("b-toad/2.png")).unwrap();
        assert!(refused(&experiment, 1).starts_with("the images changed"));
    }
}
