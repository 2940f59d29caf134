//! What an experiment names: a checkpoint, a dataset and prompt strategies. A file or flags say so.
//! Nothing is opened here: paths are only made absolute to the experiment file's folder, and templates beside images found.
//! Whether a folder is there decides between it and a hub's repository of the same name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::generation_settings::GenerationSettings;
use crate::clip::Precision;
use crate::hub::Repository;
use crate::prompts::{Aggregation, PLAIN};

/// The word that names the embedded demo wherever a path may stand.
pub const DEMO: &str = "demo";

/// An experiment: everything that decides its results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Experiment {
    /// Shown in the title and written to runs.
    pub name: String,
    /// The model.
    pub checkpoint: CheckpointChoice,
    /// How it computes.
    pub precision: Precision,
    /// Where the images and their classes come from.
    pub dataset: DatasetChoice,
    /// At least one, with distinct names.
    pub strategies: Vec<StrategyChoice>,
    /// The strategy that the others are compared with: an index into `strategies`.
    pub baseline: usize,
    /// The names of the strategies that the screens show with their controls.
    #[serde(default)]
    pub controls: Vec<String>,
    /// From class names to the keys that prompts per class have for them, where the two differ.
    #[serde(default)]
    pub prompt_keys: BTreeMap<String, String>,
    /// How prompts for it are generated.
    #[serde(default)]
    pub generation: GenerationSettings,
}

/// Which checkpoint an experiment uses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckpointChoice {
    /// The embedded one.
    Demo,
    /// A directory with a checkpoint in any form that is known.
    Directory(PathBuf),
    /// A repository of a Hugging Face hub, in its cache.
    Hub(Repository),
}

impl CheckpointChoice {
    /// What a path means: `demo` is the embedded checkpoint; `owner/name` and `owner/name@revision` are a hub's, unless
    /// there is such a folder; anything else is a directory.
    pub fn at(path: &Path) -> Self {
        Self::within(path, Path::new(""))
    }

    /// The same of a path that is relative to a folder.
    pub(super) fn within(path: &Path, folder: &Path) -> Self {
        if path.as_os_str() == DEMO {
            return Self::Demo;
        }
        let directory = folder.join(path);
        let repository = path.to_str().and_then(|text| Repository::parse(text).ok());
        match repository.filter(|_| !directory.exists()) {
            Some(repository) => Self::Hub(repository),
            None => Self::Directory(directory),
        }
    }
}

/// Which images an experiment uses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DatasetChoice {
    /// The embedded thousand.
    Demo,
    /// Images in any form that a dataset may have.
    Path {
        /// The folder or the manifest.
        images: PathBuf,
        /// From folder names to class names.
        class_names: Option<ClassNamesChoice>,
        /// The classes in the wanted order; sorted without it.
        class_order: Option<Vec<String>>,
        /// The number of the first name in a list of class names; without it 0.
        first_label: Option<u64>,
    },
}

impl DatasetChoice {
    /// What a path means: `demo` is the embedded dataset, which has its class names, anything else is opened.
    pub fn at(path: &Path, class_names: Option<ClassNamesChoice>, first_label: Option<u64>) -> Self {
        if path.as_os_str() == DEMO {
            Self::Demo
        } else {
            Self::Path { images: path.to_owned(), class_names, class_order: None, first_label }
        }
    }
}

/// Where a map from folder names to class names stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClassNamesChoice {
    /// A JSON object or a two-column CSV.
    File(PathBuf),
    /// In the experiment file itself.
    Inline(BTreeMap<String, String>),
}

/// A strategy as the experiment names it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StrategyChoice {
    /// Distinct within the experiment.
    pub name: String,
    /// At least one; their prompts are joined class by class.
    pub prompt_sets: Vec<PromptSetChoice>,
    /// How a class's prompt embeddings become its scores.
    pub aggregation: Aggregation,
    /// Nobody chose the aggregation: it is DCLIP's, because the prompts are descriptors alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub aggregates_as_dclip: bool,
    /// It was added on the screens: neither the experiment's file nor its flags have it. Where its prompts cannot be had any more,
    /// it is left out and said.
    #[serde(skip)]
    pub added: bool,
}

/// Where a prompt set comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PromptSetChoice {
    /// The demo's templates.
    DemoTemplates,
    /// The demo's CuPL prompts.
    DemoCupl,
    /// A file of templates; `file.json#key` picks one list of several.
    TemplatesFile(PathBuf),
    /// Templates written in the experiment file.
    InlineTemplates(Vec<String>),
    /// The plain template, where none was named.
    PlainTemplate,
    /// A CuPL JSON file: class name to sentences.
    CuplFile(PathBuf),
    /// A file of descriptors, as DCLIP's: class name to what it looks like.
    DescriptorsFile {
        /// The file.
        path: PathBuf,
        /// How prompts are made of them; as DCLIP makes them without it.
        template: Option<String>,
    },
    /// A prompt set kept in the store; the newest version without one.
    Stored {
        /// Its name.
        name: String,
        /// The start of its version.
        version: Option<String>,
    },
}

/// Why an experiment cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ExperimentError {
    /// The file cannot be read.
    #[error("cannot read the experiment file {}: {source}; check the path and the file's permissions", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not TOML, or keys that an experiment does not have.
    #[error("{}: {message}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// With line and column.
        message: String,
    },
    /// TOML, but not a whole experiment.
    #[error("{}: {message}", path.display())]
    Invalid {
        /// The file, or the flags.
        path: PathBuf,
        /// What is wrong and what to do.
        message: String,
    },
}

impl PromptSetChoice {
    /// What a list calls it.
    pub fn words(&self) -> String {
        let file = |path: &Path| path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        match self {
            Self::DemoTemplates => "the demo's templates".to_owned(),
            Self::DemoCupl => "the demo's CuPL prompts".to_owned(),
            Self::TemplatesFile(path) | Self::CuplFile(path) | Self::DescriptorsFile { path, .. } => {
                file(path)
            }
            Self::PlainTemplate => PLAIN.to_owned(),
            Self::InlineTemplates(list) => format!("{} templates of this experiment", list.len()),
            Self::Stored { name, version: None } => name.clone(),
            Self::Stored { name, version: Some(version) } => format!("{name}@{version}"),
        }
    }
}

/// Whether these prompt sets are descriptors alone.
pub(super) fn are_descriptors(sets: &[PromptSetChoice]) -> bool {
    sets.iter().all(|set| matches!(set, PromptSetChoice::DescriptorsFile { .. }))
}

/// Descriptors alone are aggregated as DCLIP does it, unless somebody says how; everything else as CLIP and CuPL do.
pub(super) fn aggregation_of(chosen: Option<Aggregation>, are_descriptors: bool) -> (Aggregation, bool) {
    match (chosen, are_descriptors) {
        (Some(chosen), _) => (chosen, false),
        (None, true) => (Aggregation::SimilarityMean, true),
        (None, false) => (Aggregation::Mean, false),
    }
}

impl Experiment {
    /// The strategies that were added on the screens.
    pub fn added(&self) -> impl Iterator<Item = &StrategyChoice> {
        self.strategies.iter().filter(|strategy| strategy.added)
    }

    /// The same, with paths that mean the same from everywhere.
    #[must_use]
    pub fn absolute(mut self) -> Self {
        let absolute = |path: &mut PathBuf| {
            if let Ok(whole) = std::path::absolute(&path) {
                *path = whole;
            }
        };
        if let CheckpointChoice::Directory(path) = &mut self.checkpoint {
            absolute(path);
        }
        if let DatasetChoice::Path { images, class_names, .. } = &mut self.dataset {
            absolute(images);
            if let Some(ClassNamesChoice::File(path)) = class_names {
                absolute(path);
            }
        }
        for set in self.strategies.iter_mut().flat_map(|strategy| &mut strategy.prompt_sets) {
            if let PromptSetChoice::TemplatesFile(path)
            | PromptSetChoice::CuplFile(path)
            | PromptSetChoice::DescriptorsFile { path, .. } = set
            {
                absolute(path);
            }
        }
        self
    }
}

/// A reference to a stored prompt set: its name and, after the last `@`, the version.
pub fn split_reference(reference: &str) -> (&str, Option<&str>) {
    reference.rsplit_once('@').map_or((reference, None), |(name, version)| (name, Some(version)))
}

/// `stored:NAME` or `stored:NAME@VERSION`, as a flag may say instead of a file.
pub(super) fn stored_set(path: &Path) -> Option<PromptSetChoice> {
    let (name, version) = split_reference(path.to_str()?.strip_prefix("stored:")?);
    Some(PromptSetChoice::Stored { name: name.to_owned(), version: version.map(str::to_owned) })
}

/// The prompt set that a flag names: a stored one, the demo's, or a file.
pub(super) fn prompts_at(
    path: &Path,
    demo: PromptSetChoice,
    file: impl FnOnce(PathBuf) -> PromptSetChoice,
) -> PromptSetChoice {
    if let Some(stored) = stored_set(path) {
        stored
    } else if path.as_os_str() == DEMO {
        demo
    } else {
        file(path.to_owned())
    }
}

/// What names templates is a file, or a template itself where it has a place for the class name and there is no such file.
pub(in crate::workbench) fn is_template(name: &Path, folder: &Path) -> bool {
    const FILES: [&str; 7] = ["txt", "json", "jsonl", "py", "csv", "tsv", "toml"];
    let Some(text) = name.to_str() else { return false };
    let ending = name.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_lowercase();
    let has_place = text.contains("{}") || crate::prompts::Template::parse(text).is_ok();
    let is_path = FILES.contains(&&*ending) || (text.contains('/') && !text.contains(' '));
    has_place && !is_path && !folder.join(name).exists()
}

pub(super) fn templates_at(name: PathBuf, folder: &Path) -> PromptSetChoice {
    match name.to_str() {
        Some(text) if is_template(&name, folder) => PromptSetChoice::InlineTemplates(vec![text.to_owned()]),
        _ => PromptSetChoice::TemplatesFile(folder.join(name)),
    }
}
