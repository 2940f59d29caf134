//! An opened experiment and what comes out of it: every strategy evaluated on the same images.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;

use super::demo;
use super::embedding::{Embedder, ImageEmbeddings, NamedPicture, PromptEmbeddings, checkpoint_fingerprint};
use super::error::WorkbenchError;
use super::experiment::{
    CheckpointChoice, ClassNamesChoice, DatasetChoice, Experiment, PromptSetChoice, StrategyChoice,
};
use super::progress::{Cancel, Progress};
use crate::clip::{Checkpoint, CheckpointSource};
use crate::dataset::{ClassNameMap, Dataset, DatasetOptions, PictureSource, SkippedImage};
use crate::evaluation::{Classifier, Evaluation, Matrix, evaluate};
use crate::prompts::{Aggregation, PromptSet, Strategy};
use crate::store::{Hash, Key, Store, version_of};

/// Ranked classes kept per image and strategy.
pub const RANKED: usize = 5;

/// An experiment whose parts are opened and checked; nothing is embedded yet.
pub struct Workbench {
    experiment: Experiment,
    checkpoint: Checkpoint,
    fingerprint: Hash,
    dataset: Dataset,
    strategies: Vec<OpenStrategy>,
    warnings: Vec<String>,
    store: Store,
}

struct OpenStrategy {
    name: String,
    aggregation: Aggregation,
    /// As `name@version`.
    prompt_sets: Vec<String>,
    /// In class order.
    prompts: Vec<Vec<String>>,
}

/// What may differ between two evaluations of one experiment.
#[derive(Debug, Clone, Copy)]
pub struct SessionOptions {
    /// Skipped images are an error.
    pub strict: bool,
    /// Ranked classes kept per image and strategy.
    pub ranked: usize,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self { strict: false, ranked: RANKED }
    }
}

/// Every strategy of an experiment, evaluated.
#[derive(Debug)]
pub struct Session {
    /// The experiment's name.
    pub experiment: String,
    /// The checkpoint's name.
    pub checkpoint: String,
    /// Hash over the checkpoint's files.
    pub checkpoint_fingerprint: Hash,
    /// The dataset's name.
    pub dataset: String,
    /// Hash over classes, image names, labels and contents.
    pub dataset_fingerprint: Hash,
    /// Class names in dataset order.
    pub classes: Vec<String>,
    /// The images that were evaluated.
    pub images: Vec<SessionImage>,
    /// The images that could not be.
    pub skipped: Vec<SkippedImage>,
    /// In the experiment's order.
    pub strategies: Vec<StrategyResult>,
    /// The strategy the others are compared with: an index into `strategies`.
    pub baseline: usize,
    /// What the user should know about the input.
    pub warnings: Vec<String>,
    /// The numbers come from the demo's checkpoint.
    pub demo_checkpoint: bool,
}

/// One evaluated image.
#[derive(Debug, Clone)]
pub struct SessionImage {
    /// Its path relative to the dataset's root.
    pub name: String,
    /// Its class: an index into [`Session::classes`].
    pub label: usize,
    /// Where its pixels are.
    pub source: PictureSource,
}

/// One strategy on the session's images.
#[derive(Debug)]
pub struct StrategyResult {
    /// Its name.
    pub name: String,
    /// How its prompts become a classifier.
    pub aggregation: Aggregation,
    /// Prompts over all classes.
    pub prompts: usize,
    /// Predictions and metrics.
    pub evaluation: Evaluation,
}

impl Workbench {
    /// Opens and checks every part of an experiment: after this, only unreadable images can surprise.
    pub fn open(experiment: Experiment, store: Store) -> Result<Self, WorkbenchError> {
        let checkpoint = Checkpoint::open(match &experiment.checkpoint {
            CheckpointChoice::Demo => demo::checkpoint(),
            CheckpointChoice::Directory(path) => CheckpointSource::Directory(path.clone()),
        })?;
        let dataset = open_dataset(&experiment.dataset)?;
        let mut warnings = dataset.notes.clone();
        if !dataset.ignored.is_empty() {
            warnings.push(format!(
                "{} files in the dataset are no pictures and were ignored: {}",
                dataset.ignored.len(),
                some_of(&dataset.ignored)
            ));
        }
        let class_names: Vec<String> = dataset.classes.iter().map(|class| class.name.clone()).collect();
        let mut strategies = Vec::with_capacity(experiment.strategies.len());
        for choice in &experiment.strategies {
            strategies.push(open_strategy(choice, &class_names, &store, &mut warnings)?);
        }
        let fingerprint = checkpoint_fingerprint(&checkpoint, &store)?;
        Ok(Self { experiment, checkpoint, fingerprint, dataset, strategies, warnings, store })
    }

    /// Keeps only the named strategies, in the experiment's order.
    pub fn keep_strategies(&mut self, names: &[String]) -> Result<(), WorkbenchError> {
        for name in names {
            if !self.strategies.iter().any(|strategy| &strategy.name == name) {
                let known: Vec<&str> =
                    self.strategies.iter().map(|strategy| strategy.name.as_str()).collect();
                return Err(WorkbenchError::UnknownStrategy { name: name.clone(), known: known.join(", ") });
            }
        }
        let baseline = self.strategies.get(self.experiment.baseline).map(|strategy| strategy.name.clone());
        self.strategies.retain(|strategy| names.contains(&strategy.name));
        self.experiment.baseline = self
            .strategies
            .iter()
            .position(|strategy| Some(&strategy.name) == baseline.as_ref())
            .unwrap_or(0);
        Ok(())
    }

    /// Embeds what the store does not hold yet, evaluates every strategy and saves the runs.
    ///
    /// # Errors
    /// [`WorkbenchError::Cancelled`] soon after the request, with every finished batch in the store.
    pub fn evaluate(
        &self,
        options: SessionOptions,
        cancel: &Cancel,
        notify: &dyn Fn(Progress),
    ) -> Result<Session, WorkbenchError> {
        let embedder = Embedder::new(&self.checkpoint, self.fingerprint, &self.store);
        let all_prompts =
            self.strategies.iter().flat_map(|strategy| strategy.prompts.iter().flatten().map(String::as_str));
        let prompts = embedder.prompts(all_prompts, cancel, notify)?;
        let pictures: Vec<NamedPicture<'_>> = self
            .dataset
            .images
            .iter()
            .map(|image| NamedPicture { name: &image.name, source: &image.source })
            .collect();
        let images = embedder.images(&pictures, cancel, notify)?;
        let mut skipped = self.dataset.skipped.clone();
        skipped.extend(images.skipped.iter().cloned());
        if options.strict && !skipped.is_empty() {
            return Err(WorkbenchError::Strict { skipped });
        }
        if images.kept.is_empty() {
            return Err(WorkbenchError::NoReadableImage { skipped });
        }
        let labels: Vec<usize> = images.kept.iter().map(|&i| self.dataset.images[i].label).collect();
        let logit_scale = self.checkpoint.logit_scale()?;
        let mut strategies = Vec::with_capacity(self.strategies.len());
        for strategy in &self.strategies {
            if cancel.is_cancelled() {
                return Err(WorkbenchError::Cancelled);
            }
            let classifier = classifier(strategy, &prompts)?;
            let evaluation = evaluate(&images.unit, &labels, &classifier, logit_scale, options.ranked)?;
            strategies.push(StrategyResult {
                name: strategy.name.clone(),
                aggregation: strategy.aggregation,
                prompts: strategy.prompts.iter().map(Vec::len).sum(),
                evaluation,
            });
        }
        let mut warnings = self.warnings.clone();
        if prompts.truncated() > 0 {
            warnings.push(format!(
                "{} prompts are longer than the checkpoint's {} tokens and were cut at the end",
                prompts.truncated(),
                self.checkpoint.config().text.max_position_embeddings
            ));
        }
        warnings.extend(embedder.unsaved());
        let mut session = Session {
            experiment: self.experiment.name.clone(),
            checkpoint: self.checkpoint.name().to_owned(),
            checkpoint_fingerprint: self.fingerprint,
            dataset: self.dataset.name.clone(),
            dataset_fingerprint: self.dataset_fingerprint(&images),
            classes: self.dataset.classes.iter().map(|class| class.name.clone()).collect(),
            images: images
                .kept
                .iter()
                .map(|&i| &self.dataset.images[i])
                .map(|image| SessionImage {
                    name: image.name.clone(),
                    label: image.label,
                    source: image.source.clone(),
                })
                .collect(),
            skipped,
            strategies,
            baseline: self.experiment.baseline,
            warnings,
            demo_checkpoint: self.experiment.checkpoint == CheckpointChoice::Demo,
        };
        if let Err(error) = self.save_runs(&session) {
            session.warnings.push(format!("the runs were not saved: {error}"));
        }
        Ok(session)
    }

    fn dataset_fingerprint(&self, images: &ImageEmbeddings) -> Hash {
        let mut hasher = blake3::Hasher::new();
        for class in &self.dataset.classes {
            hasher.update(blake3::hash(class.name.as_bytes()).as_bytes());
        }
        for (&index, hash) in images.kept.iter().zip(&images.hashes) {
            let image = &self.dataset.images[index];
            hasher.update(blake3::hash(image.name.as_bytes()).as_bytes());
            hasher.update(&(image.label as u64).to_le_bytes());
            hasher.update(hash.as_bytes());
        }
        hasher.finalize()
    }

    /// A run is known by the hashes of its strategy, dataset and checkpoint: evaluating again saves nothing new.
    fn save_runs(&self, session: &Session) -> Result<(), WorkbenchError> {
        for (strategy, result) in self.strategies.iter().zip(&session.strategies) {
            let mut prompts = blake3::Hasher::new();
            for prompt in strategy.prompts.iter().enumerate().flat_map(|(class, prompts)| {
                prompts.iter().map(move |prompt| blake3::hash(format!("{class} {prompt}").as_bytes()))
            }) {
                prompts.update(prompt.as_bytes());
            }
            let key = Key::of(&[
                strategy.name.as_bytes(),
                strategy.aggregation.to_string().as_bytes(),
                prompts.finalize().as_bytes(),
                session.dataset_fingerprint.as_bytes(),
                session.checkpoint_fingerprint.as_bytes(),
            ]);
            let id = super::report::hex(&key.as_bytes()[..6]);
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
                    "prompts": result.prompts,
                    "prompts_hash": prompts.finalize().to_string(),
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
                },
                "top1": evaluation.top1(),
                "top5": evaluation.top5(),
                "mean_per_class_recall": evaluation.mean_per_class_recall(),
                "per_class": super::report::per_class(&session.classes, evaluation),
            });
            self.store.save_run(&id, &run.to_string())?;
        }
        self.store.flush()?;
        Ok(())
    }
}

fn open_dataset(choice: &DatasetChoice) -> Result<Dataset, WorkbenchError> {
    let DatasetChoice::Path { images, class_names, class_order } = choice else {
        return Ok(demo::dataset()?);
    };
    let class_names = match class_names {
        Some(ClassNamesChoice::File(path)) => Some(ClassNameMap::read(path)?),
        Some(ClassNamesChoice::Inline(map)) => {
            Some(ClassNameMap::from_pairs(map.clone().into_iter().collect()))
        }
        None => None,
    };
    let options = DatasetOptions { class_names, class_order: class_order.clone(), root: None };
    Ok(if images.is_dir() || !images.exists() {
        Dataset::from_folder(images, &options)?
    } else {
        Dataset::from_manifest(images, &options)?
    })
}

fn open_strategy(
    choice: &StrategyChoice,
    class_names: &[String],
    store: &Store,
    warnings: &mut Vec<String>,
) -> Result<OpenStrategy, WorkbenchError> {
    let in_strategy = |source| WorkbenchError::Strategy { strategy: choice.name.clone(), source };
    let mut sets = Vec::with_capacity(choice.prompt_sets.len());
    let mut names = Vec::with_capacity(choice.prompt_sets.len());
    for set in &choice.prompt_sets {
        let set = open_prompt_set(set, store, &choice.name)?;
        names.push(format!("{}@{}", set.name, version_of(&set.to_json())));
        sets.push(set);
    }
    let strategy = Strategy { name: choice.name.clone(), prompt_sets: sets, aggregation: choice.aggregation };
    let resolved = strategy.resolve(class_names).map_err(in_strategy)?;
    for loose in &resolved.loosely_matched {
        warnings.push(format!(
            "strategy {:?}: class {:?} uses the prompts of {:?}",
            choice.name, loose.class_name, loose.key
        ));
    }
    if !resolved.left_over.is_empty() {
        warnings.push(format!(
            "strategy {:?}: {} classes of its prompt files are not in the dataset: {}",
            choice.name,
            resolved.left_over.len(),
            some_of(&resolved.left_over)
        ));
    }
    Ok(OpenStrategy {
        name: choice.name.clone(),
        aggregation: choice.aggregation,
        prompt_sets: names,
        prompts: resolved.per_class,
    })
}

fn open_prompt_set(
    choice: &PromptSetChoice,
    store: &Store,
    strategy: &str,
) -> Result<PromptSet, WorkbenchError> {
    let in_strategy = |source| WorkbenchError::Strategy { strategy: strategy.to_owned(), source };
    match choice {
        PromptSetChoice::DemoTemplates => demo::templates(),
        PromptSetChoice::DemoCupl => demo::cupl(),
        PromptSetChoice::TemplatesFile(path) => PromptSet::read_templates(path),
        PromptSetChoice::CuplFile(path) => PromptSet::read_cupl(path),
        PromptSetChoice::InlineTemplates(list) => PromptSet::from_templates(strategy, list),
        PromptSetChoice::Stored { name, version } => {
            let (_, content) = store
                .prompt_set(name, version.as_deref())?
                .ok_or_else(|| WorkbenchError::UnknownPromptSet { name: name.clone() })?;
            PromptSet::from_json(name, &content)
        }
    }
    .map_err(in_strategy)
}

fn classifier(strategy: &OpenStrategy, prompts: &PromptEmbeddings) -> Result<Classifier, WorkbenchError> {
    let per_class: Vec<Matrix> =
        strategy.prompts.iter().map(|class| prompts.rows(class)).collect::<Result<_, _>>()?;
    Ok(Classifier::build(strategy.aggregation, &per_class)?)
}

/// The first few of many names.
fn some_of(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let mut list = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        list.push_str(", …");
    }
    list
}
