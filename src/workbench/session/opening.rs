//! Opens an experiment: every part is found, read and checked before anything is computed.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::clip::{Checkpoint, CheckpointSource, PreprocessingOrigin};
use crate::dataset::{ClassNameMap, Dataset, DatasetOptions};
use crate::prompts::lint::names_class;
use crate::prompts::{
    Aggregation, Classes, DescriptorTemplate, PLAIN, PromptError, PromptSet, PromptSetContent, Strategy,
};
use crate::store::{Hash, Store, version_of};
use crate::text::message::{instead_of, joined, listed};
use crate::workbench::embedding::file_contents::checkpoint_fingerprint;
use crate::workbench::embedding::precision::precision_notes;
use crate::workbench::error::WorkbenchError;
use crate::workbench::experiment::definition::{
    CheckpointChoice, ClassNamesChoice, DatasetChoice, Experiment, PromptSetChoice, StrategyChoice,
};
use crate::workbench::experiment::demo;
use crate::workbench::experiment::hub_checkpoint::open_cached;

/// Seeds of a control with chance in it, unless somebody wants another number.
pub const CONTROL_SEEDS: usize = 5;

/// How many names a note shows.
const NAMED: usize = 4;

/// An experiment whose parts are opened and checked; nothing is embedded yet.
pub struct Workbench {
    pub(in crate::workbench) experiment: Experiment,
    pub(in crate::workbench) checkpoint: Checkpoint,
    pub(in crate::workbench) fingerprint: Hash,
    pub(in crate::workbench) dataset: Dataset,
    pub(in crate::workbench) strategies: Vec<OpenStrategy>,
    /// How often a control with chance in it is made.
    pub(in crate::workbench) control_seeds: usize,
    /// The keys of prompt sets that no class asked for; a set of several strategies stands here once.
    pub(in crate::workbench) left_over: Vec<LeftOverKeys>,
    pub(in crate::workbench) warnings: Vec<String>,
    pub(in crate::workbench) store: Store,
}

/// The keys of a prompt set that are no class of the dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOverKeys {
    /// The prompt set.
    pub prompt_set: String,
    /// In the order of the set; at least one.
    pub keys: Vec<String>,
}

/// Classes, and how they find their prompts.
#[derive(Clone, Copy)]
pub(super) struct NamedClasses<'a> {
    pub(super) classes: Classes<'a>,
    /// From class names to keys.
    pub(super) prompt_keys: &'a BTreeMap<String, String>,
}

/// What opening strategies brings to light.
#[derive(Default)]
pub(super) struct Notes {
    warnings: Vec<String>,
    left_over: Vec<LeftOverKeys>,
}

pub(in crate::workbench) struct OpenStrategy {
    pub(in crate::workbench) name: String,
    pub(in crate::workbench) aggregation: Aggregation,
    /// As `name@version`.
    pub(in crate::workbench) prompt_sets: Vec<String>,
    /// In class order.
    pub(in crate::workbench) prompts: Arc<Vec<Vec<String>>>,
    /// A hash over every class's prompts.
    pub(in crate::workbench) prompts_hash: Hash,
}

fn hash_of_prompts(per_class: &[Vec<String>]) -> Hash {
    let mut hasher = blake3::Hasher::new();
    for prompts in per_class {
        hasher.update(&(prompts.len() as u64).to_le_bytes());
        for prompt in prompts {
            hasher.update(&(prompt.len() as u64).to_le_bytes()).update(prompt.as_bytes());
        }
    }
    hasher.finalize()
}

impl Workbench {
    /// Opens and checks every part of an experiment: after this, only unreadable images can surprise. A strategy that was added on
    /// the screens and whose prompts cannot be had is left out, with a warning.
    pub fn open(mut experiment: Experiment, store: Store) -> Result<Self, WorkbenchError> {
        let checkpoint = open_checkpoint(&experiment.checkpoint)?;
        let dataset = open_dataset(&experiment.dataset)?;
        let mut warnings = dataset.notes.clone();
        warnings.extend(precision_notes(experiment.precision));
        warnings.extend(note_on_preprocessing(&checkpoint, &experiment.checkpoint));
        if !dataset.ignored.is_empty() {
            warnings.push(format!(
                "{} files in the dataset are no pictures and were ignored: {}",
                dataset.ignored.len(),
                listed(&dataset.ignored, NAMED)
            ));
        }
        let class_names = dataset.class_names();
        let folders: Vec<String> = dataset.classes.iter().map(|class| class.folder.clone()).collect();
        let mut notes = Notes { warnings, left_over: Vec::new() };
        let mut strategies = Vec::with_capacity(experiment.strategies.len());
        let mut left_out = Vec::new();
        for choice in &experiment.strategies {
            let classes = Classes { names: &class_names, folders: &folders };
            let classes = NamedClasses { classes, prompt_keys: &experiment.prompt_keys };
            let opened = open_strategy(choice, classes, &store, &mut notes);
            let computable = opened.and_then(|strategy| match strategy.aggregation {
                Aggregation::PooledMean if !checkpoint.config().projects_texts_linearly() => {
                    Err(WorkbenchError::PooledMean { strategy: strategy.name })
                }
                _ => Ok(strategy),
            });
            match computable {
                Ok(strategy) => strategies.push(strategy),
                Err(error) if choice.added => left_out.push((choice.name.clone(), error)),
                Err(error) => return Err(error),
            }
        }
        for (name, error) in left_out {
            experiment.strategies.retain(|strategy| strategy.name != name);
            experiment.controls.retain(|controlled| *controlled != name);
            notes.warnings.push(format!("the strategy {name:?}, which was added here, is left out: {error}"));
        }
        let absent: Vec<&String> =
            experiment.prompt_keys.keys().filter(|class| !class_names.contains(class)).collect();
        if !absent.is_empty() {
            notes
                .warnings
                .push(format!("prompt_keys names classes that are not there: {}", listed(&absent, NAMED)));
        }
        let fingerprint = checkpoint_fingerprint(&checkpoint, &store)?;
        let Notes { warnings, left_over } = notes;
        Ok(Self {
            experiment,
            checkpoint,
            fingerprint,
            dataset,
            strategies,
            control_seeds: CONTROL_SEEDS,
            left_over,
            warnings,
            store,
        })
    }

    /// Keeps only the named strategies, in the experiment's order.
    pub fn keep_strategies(&mut self, names: &[String]) -> Result<(), WorkbenchError> {
        for name in names {
            self.strategy(name)?;
        }
        let baseline = self.strategies.get(self.experiment.baseline).map(|strategy| strategy.name.clone());
        self.strategies.retain(|strategy| names.contains(&strategy.name));
        self.experiment.strategies.retain(|strategy| names.contains(&strategy.name));
        self.experiment.baseline = self
            .strategies
            .iter()
            .position(|strategy| Some(&strategy.name) == baseline.as_ref())
            .unwrap_or(0);
        Ok(())
    }

    /// The class names in class order.
    pub fn class_names(&self) -> Vec<String> {
        self.dataset.class_names()
    }

    /// Number of strategies; at least one.
    pub fn n_strategies(&self) -> usize {
        self.strategies.len()
    }

    /// The strategies' names, in their order.
    pub fn strategy_names(&self) -> Vec<String> {
        self.strategies.iter().map(|strategy| strategy.name.clone()).collect()
    }

    /// How the prompts of the strategy at this place become a classifier.
    pub fn aggregation(&self, strategy: usize) -> Aggregation {
        self.strategies[strategy].aggregation
    }

    /// The strategy that the others are compared with.
    pub fn baseline(&self) -> usize {
        self.experiment.baseline
    }

    /// The place of a strategy in the experiment, and in the session to come.
    ///
    /// # Errors
    /// [`WorkbenchError::UnknownStrategy`].
    pub fn strategy(&self, name: &str) -> Result<usize, WorkbenchError> {
        let place = self.strategies.iter().position(|strategy| strategy.name == name);
        place.ok_or_else(|| {
            let known: Vec<&str> = self.strategies.iter().map(|strategy| strategy.name.as_str()).collect();
            WorkbenchError::UnknownStrategy { name: name.to_owned(), known: known.join(", ") }
        })
    }

    /// The place of a class in the dataset, and in the session to come: by its name or, where several classes share
    /// one, by its folder.
    ///
    /// # Errors
    /// [`WorkbenchError::UnknownClass`].
    pub fn class(&self, name: &str) -> Result<usize, WorkbenchError> {
        let classes = &self.dataset.classes;
        let named: Vec<usize> = (0..classes.len()).filter(|&class| classes[class].name == name).collect();
        let place = match named[..] {
            [class] => Some(class),
            _ => classes.iter().position(|class| class.folder == name),
        };
        place.ok_or_else(|| {
            let folders: Vec<&str> = named.iter().map(|&class| classes[class].folder.as_str()).collect();
            let hint = match named.is_empty() {
                true => instead_of(name, self.dataset.class_names().iter().map(String::as_str), 1, NAMED),
                false => format!("name one of those by its folder: {}", listed(&folders, NAMED)),
            };
            let count = if named.is_empty() { "no class" } else { "several classes" };
            WorkbenchError::UnknownClass { name: name.to_owned(), count, hint }
        })
    }
}

/// What to know where no file of a checkpoint says how pictures are treated.
pub(in crate::workbench) fn note_on_preprocessing(
    checkpoint: &Checkpoint,
    choice: &CheckpointChoice,
) -> Option<String> {
    if *checkpoint.preprocessing_origin() != PreprocessingOrigin::FamilyDefault
        || !checkpoint.can_say_preprocessing()
    {
        return None;
    }
    let remedy = match choice {
        CheckpointChoice::Hub(repository) => {
            format!("cupl-tui pull {repository} fetches the file, if the hub has it")
        }
        CheckpointChoice::Demo | CheckpointChoice::Directory(_) => {
            "put preprocessor_config.json from where the checkpoint came from beside it".to_owned()
        }
    };
    Some(format!(
        "no file of the checkpoint says how pictures are treated, so they are treated as its family's are: with another mean, filter \
         or size the numbers would be others; {remedy}"
    ))
}

/// Opens the checkpoint that somebody chose.
pub fn open_checkpoint(choice: &CheckpointChoice) -> Result<Checkpoint, WorkbenchError> {
    Ok(Checkpoint::open(match choice {
        CheckpointChoice::Demo => demo::checkpoint(),
        CheckpointChoice::Directory(path) => CheckpointSource::Directory(path.clone()),
        CheckpointChoice::Hub(repository) => return open_cached(repository),
    })?)
}

pub(in crate::workbench) fn open_dataset(choice: &DatasetChoice) -> Result<Dataset, WorkbenchError> {
    let DatasetChoice::Path { images, class_names, class_order, first_label } = choice else {
        return Ok(demo::dataset()?);
    };
    let class_names = match class_names {
        Some(ClassNamesChoice::File(path)) => Some(ClassNameMap::read(path)?),
        Some(ClassNamesChoice::Inline(map)) => {
            Some(ClassNameMap::from_pairs(map.clone().into_iter().collect()))
        }
        None => None,
    };
    let options = DatasetOptions {
        class_names,
        first_label: *first_label,
        class_order: class_order.clone(),
        root: None,
    };
    Ok(Dataset::open(images, &options)?)
}

/// Reads a strategy's prompts for these classes.
///
/// # Errors
/// What is wrong with them.
pub(super) fn open_strategy(
    choice: &StrategyChoice,
    NamedClasses { classes, prompt_keys }: NamedClasses<'_>,
    store: &Store,
    notes: &mut Notes,
) -> Result<OpenStrategy, WorkbenchError> {
    let in_strategy = |source| WorkbenchError::Strategy { strategy: choice.name.clone(), source };
    let mut sets = Vec::with_capacity(choice.prompt_sets.len());
    let mut names = Vec::with_capacity(choice.prompt_sets.len());
    for set in &choice.prompt_sets {
        let set = open_prompt_set(set, store, &choice.name)?;
        names.push(format!("{}@{}", set.name, version_of(&set.to_json())));
        let set = set.with_keys(prompt_keys, classes.names);
        let on_set = notes_on(&set, classes).map_err(in_strategy)?;
        // Strategies may share a prompt set.
        let is_new = |note: &String| !notes.warnings.contains(note);
        let new: Vec<String> = on_set.warnings.into_iter().filter(is_new).collect();
        notes.warnings.extend(new);
        for keys in on_set.left_over {
            if !notes.left_over.contains(&keys) {
                notes.left_over.push(keys);
            }
        }
        sets.push(set);
    }
    let strategy = Strategy { name: choice.name.clone(), prompt_sets: sets, aggregation: choice.aggregation };
    let resolved = strategy.resolve(classes).map_err(in_strategy)?;
    if choice.aggregates_as_dclip {
        notes.warnings.push(format!(
            "strategy {:?}: its prompts are descriptors, which are aggregated as DCLIP does: similarity-mean, where templates and CuPL \
             prompts have mean; --aggregation (aggregation in an experiment) says otherwise",
            choice.name
        ));
    }
    Ok(OpenStrategy {
        name: choice.name.clone(),
        aggregation: choice.aggregation,
        prompt_sets: names,
        prompts_hash: hash_of_prompts(&resolved.per_class),
        prompts: Arc::new(resolved.per_class),
    })
}

/// What the user should know about a prompt set on these classes.
fn notes_on(set: &PromptSet, classes: Classes<'_>) -> Result<Notes, PromptError> {
    let about = |note: String| format!("prompt set {:?}: {note}", set.name);
    let mut warnings: Vec<String> = set.notes.iter().cloned().map(about).collect();
    let mut left_over = Vec::new();
    let resolved = set.resolve(classes)?;
    let loose: Vec<String> = resolved
        .loosely_matched
        .iter()
        .take(NAMED)
        .map(|loose| format!("class {:?} uses the prompts of {:?}", loose.class_name, loose.key))
        .collect();
    if !loose.is_empty() {
        warnings.push(about(joined(&loose, resolved.loosely_matched.len())));
    }
    if !resolved.left_over.is_empty() {
        let (count, names) = (resolved.left_over.len(), listed(&resolved.left_over, NAMED));
        warnings.push(about(format!("{count} of its classes are not in the dataset: {names}")));
        left_over.push(LeftOverKeys { prompt_set: set.name.clone(), keys: resolved.left_over });
    }
    if matches!(set.content, PromptSetContent::PerClass(_)) {
        warnings.extend(few_named(&resolved.per_class, classes.names).map(about));
    }
    let raw: Vec<&String> = classes.names.iter().filter(|name| name.contains('_')).collect();
    if matches!(set.content, PromptSetContent::Templates(_)) && !raw.is_empty() {
        warnings.push(about(format!(
            "its templates are filled with class names as folders have them: {}; \
             a class-name map (--class-names, or class_names in an experiment) gives them words",
            listed(&raw, NAMED)
        )));
    }
    Ok(Notes { warnings, left_over })
}

/// Prompts that seldom name their class may be something else: descriptors with the form of sentences, or sentences of other
/// classes.
fn few_named(per_class: &[Vec<String>], class_names: &[String]) -> Option<String> {
    /// Prompts that are looked at: enough to see what most are like.
    const LOOKED_AT: usize = 1000;
    let all: usize = per_class.iter().map(Vec::len).sum();
    let pairs = class_names.iter().zip(per_class);
    let pairs = pairs.flat_map(|(name, prompts)| prompts.iter().map(move |prompt| (name, prompt)));
    let looked_at: Vec<(&String, &String)> = pairs.step_by(all.div_ceil(LOOKED_AT).max(1)).collect();
    let looked = looked_at.len();
    let named = looked_at.into_iter().filter(|(name, prompt)| names_class(prompt, name)).count();
    (4 * named < looked).then(|| {
        format!(
            "{named} of {looked} prompts name their class: if they are descriptors, --descriptors (descriptors = … in a \
             strategy) puts class names before them"
        )
    })
}

/// Reads a prompt set for a strategy.
pub fn open_prompt_set(
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
        PromptSetChoice::PlainTemplate => {
            PromptSet::from_templates("plain", &[PLAIN.to_owned()]).map(|mut set| {
                set.notes.push(format!("no prompts were named, so {PLAIN:?} is the template"));
                set
            })
        }
        PromptSetChoice::DescriptorsFile { path, template } => {
            let template = template.as_deref().map(DescriptorTemplate::parse).transpose();
            let template =
                template.map_err(|what| PromptError::Unclear { place: path.display().to_string(), what });
            template.and_then(|template| PromptSet::read_descriptors(path, &template.unwrap_or_default()))
        }
        PromptSetChoice::Stored { name, version } => {
            return Ok(stored_prompt_set(name, version.as_deref(), store)?.0);
        }
    }
    .map_err(in_strategy)
}

/// A prompt set that the store keeps, and its version; the newest one if none is wanted.
pub fn stored_prompt_set(
    name: &str,
    version: Option<&str>,
    store: &Store,
) -> Result<(PromptSet, String), WorkbenchError> {
    let begins =
        |whole: &String| version.is_some_and(|version| !version.is_empty() && whole.starts_with(version));
    let versions = store.prompt_sets()?.into_iter().filter(|set| set.name == name).map(|set| set.version);
    let matching: Vec<String> = versions.filter(begins).collect();
    let version = match &matching[..] {
        [whole] => Some(whole.as_str()),
        _ => version,
    };
    match store.prompt_set(name, version)? {
        Some((info, content)) => Ok((PromptSet::from_json(name, &content)?, info.version)),
        None => Err(unknown_prompt_set(name, version, store)?),
    }
}

/// The error for a prompt set that the store does not have, with the versions that it has under that name.
pub fn unknown_prompt_set(
    name: &str,
    version: Option<&str>,
    store: &Store,
) -> Result<WorkbenchError, WorkbenchError> {
    let sets = store.prompt_sets()?;
    Ok(WorkbenchError::UnknownPromptSet {
        reference: version.map_or_else(|| name.to_owned(), |version| format!("{name}@{version}")),
        versions: sets.into_iter().filter(|set| set.name == name).map(|set| set.version).collect(),
    })
}
