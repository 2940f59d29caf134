//! What an experiment names: a checkpoint, a dataset and prompt strategies; read from a TOML file or from flags.
//! Nothing is opened here: paths are only made absolute to the experiment file's folder, and templates beside images found.
//! Whether a folder is there decides between it and a hub's repository of the same name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::generation_settings::GenerationSettings;
use crate::clip::Precision;
use crate::dataset::templates_beside;
use crate::hub::Repository;
use crate::prompts::{Aggregation, DescriptorTemplate, PLAIN};

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
    fn within(path: &Path, folder: &Path) -> Self {
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExperimentFile {
    name: Option<String>,
    checkpoint: String,
    #[serde(default)]
    precision: Precision,
    images: String,
    class_names: Option<ClassNamesEntry>,
    class_order: Option<Vec<String>>,
    first_label: Option<u64>,
    baseline: Option<String>,
    #[serde(default)]
    controls: Vec<String>,
    #[serde(default)]
    strategy: Vec<StrategyEntry>,
    #[serde(default)]
    prompt_keys: BTreeMap<String, String>,
    #[serde(default)]
    generation: GenerationSettings,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected the name of a file, or a table from folder names to class names")]
enum ClassNamesEntry {
    File(String),
    Inline(BTreeMap<String, String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StrategyEntry {
    name: String,
    templates: Option<TemplatesEntry>,
    cupl: Option<String>,
    descriptors: Option<String>,
    descriptor_template: Option<String>,
    #[serde(default)]
    stored: Vec<String>,
    aggregation: Option<Aggregation>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected the name of a file, or a list of templates")]
enum TemplatesEntry {
    File(String),
    Inline(Vec<String>),
}

/// An experiment given by flags instead of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExperimentFlags {
    /// A checkpoint directory, `owner/name` of a hub, or `demo`.
    pub checkpoint: Option<PathBuf>,
    /// A folder of images, a manifest, or `demo`.
    pub images: Option<PathBuf>,
    /// A class-name map.
    pub class_names: Option<PathBuf>,
    /// The number of the first name in a list of class names.
    pub first_label: Option<u64>,
    /// A file of templates, or one template itself.
    pub templates: Option<PathBuf>,
    /// A CuPL JSON file.
    pub cupl: Option<PathBuf>,
    /// A file of descriptors.
    pub descriptors: Option<PathBuf>,
    /// How prompts are made of the descriptors.
    #[serde(default)]
    pub descriptor_template: Option<String>,
    /// For every strategy.
    pub aggregation: Option<Aggregation>,
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

impl ExperimentFlags {
    /// No flag was given.
    pub fn is_empty(&self) -> bool {
        self.checkpoint.is_none()
            && self.images.is_none()
            && self.class_names.is_none()
            && self.first_label.is_none()
            && self.templates.is_none()
            && self.cupl.is_none()
            && self.descriptors.is_none()
            && self.descriptor_template.is_none()
            && self.aggregation.is_none()
    }

    /// The prompt sets that the flags name.
    ///
    /// # Errors
    /// When the template of descriptors is none, or has nothing to join.
    pub fn prompt_sets(&self) -> Result<NamedPromptSets, ExperimentError> {
        let templates = self.templates.as_ref().map(|path| {
            prompts_at(path, PromptSetChoice::DemoTemplates, |path| templates_at(path, Path::new("")))
        });
        let cupl = self
            .cupl
            .as_ref()
            .map(|path| prompts_at(path, PromptSetChoice::DemoCupl, PromptSetChoice::CuplFile));
        if let Some(template) = &self.descriptor_template {
            DescriptorTemplate::parse(template)
                .map_err(|problem| on_command_line(&format!("--descriptor-template: {problem}")))?;
        }
        let descriptors = match (&self.descriptors, &self.descriptor_template) {
            (Some(path), template) => match (stored_set(path), template) {
                (Some(_), Some(_)) => {
                    return Err(on_command_line(
                        "--descriptor-template joins the descriptors of a file, and a stored prompt set has prompts already; leave it \
                         out, or say it when the file is imported",
                    ));
                }
                (Some(stored), None) => Some(stored),
                (None, template) => {
                    Some(PromptSetChoice::DescriptorsFile { path: path.clone(), template: template.clone() })
                }
            },
            (None, Some(_)) => {
                return Err(on_command_line(
                    "--descriptor-template needs --descriptors FILE, whose descriptors it joins",
                ));
            }
            (None, None) => None,
        };
        Ok(NamedPromptSets { templates, cupl, descriptors })
    }
}

/// The prompt sets that flags name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NamedPromptSets {
    /// Of `--templates`.
    pub templates: Option<PromptSetChoice>,
    /// Of `--cupl`.
    pub cupl: Option<PromptSetChoice>,
    /// Of `--descriptors`.
    pub descriptors: Option<PromptSetChoice>,
}

fn on_command_line(message: &str) -> ExperimentError {
    ExperimentError::Invalid { path: PathBuf::from("command line"), message: message.to_owned() }
}

/// Descriptors alone are aggregated as DCLIP does it, unless somebody says how; everything else as CLIP and CuPL do.
fn aggregation_of(chosen: Option<Aggregation>, are_descriptors: bool) -> (Aggregation, bool) {
    match (chosen, are_descriptors) {
        (Some(chosen), _) => (chosen, false),
        (None, true) => (Aggregation::SimilarityMean, true),
        (None, false) => (Aggregation::Mean, false),
    }
}

impl Experiment {
    /// The experiment on the embedded demo: `experiments/demo.toml` as it was when the program was built.
    pub fn demo() -> Result<Self, ExperimentError> {
        Self::parse(include_str!("../../../experiments/demo.toml"), Path::new("demo.toml"))
    }

    /// Reads an experiment file; paths in it are relative to its folder.
    pub fn read(path: &Path) -> Result<Self, ExperimentError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ExperimentError::Read { path: path.to_owned(), source })?;
        Self::parse(&text, path)
    }

    /// Parses the text of the experiment file at `path`.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ExperimentError> {
        let file: ExperimentFile = toml::from_str(text).map_err(|error| ExperimentError::Parse {
            path: path.to_owned(),
            message: error.to_string().trim_end().to_owned(),
        })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let invalid = |message: String| ExperimentError::Invalid { path: path.to_owned(), message };
        let at = |name: &str| folder.join(name);

        let mut strategies = Vec::with_capacity(file.strategy.len());
        for entry in file.strategy {
            strategies.push(strategy(entry, folder).map_err(invalid)?);
        }
        let class_names = file.class_names.map(|entry| match entry {
            ClassNamesEntry::File(name) => ClassNamesChoice::File(at(&name)),
            ClassNamesEntry::Inline(map) => ClassNamesChoice::Inline(map),
        });
        let dataset = if file.images == DEMO {
            if class_names.is_some() || file.class_order.is_some() || file.first_label.is_some() {
                return Err(invalid(
                    "the demo images have their class names already: remove class_names, class_order and first_label"
                        .into(),
                ));
            }
            DatasetChoice::Demo
        } else {
            DatasetChoice::Path {
                images: at(&file.images),
                class_names,
                class_order: file.class_order,
                first_label: file.first_label,
            }
        };
        let baseline = baseline_index(file.baseline.as_deref(), &strategies).map_err(invalid)?;
        for name in &file.controls {
            strategy_index("controls", name, &strategies).map_err(invalid)?;
        }
        let name = file.name.unwrap_or_else(|| {
            path.file_stem()
                .map_or_else(|| "experiment".to_owned(), |stem| stem.to_string_lossy().into_owned())
        });
        Ok(Self {
            name,
            checkpoint: CheckpointChoice::within(Path::new(&file.checkpoint), folder),
            precision: file.precision,
            dataset,
            strategies,
            baseline,
            controls: file.controls,
            prompt_keys: file.prompt_keys,
            generation: file.generation.of_file(folder).map_err(invalid)?,
        })
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

    /// The experiment that flags describe. The strategies are called `templates`, `cupl`, `both` when both are given, and
    /// `descriptors`. Without any, templates that lie beside the images are taken, or the plain template. An aggregation alone
    /// is that of the demo.
    pub fn from_flags(flags: &ExperimentFlags) -> Result<Self, ExperimentError> {
        if let Some(aggregation) = flags.aggregation
            && *flags == (ExperimentFlags { aggregation: Some(aggregation), ..ExperimentFlags::default() })
        {
            let mut demo = Self::demo()?;
            demo.strategies.iter_mut().for_each(|strategy| strategy.aggregation = aggregation);
            return Ok(demo);
        }
        let invalid = on_command_line;
        let Some(checkpoint_path) = &flags.checkpoint else {
            return Err(invalid("say which model: --checkpoint DIR, OWNER/NAME of a hub, or demo"));
        };
        let Some(images) = &flags.images else {
            return Err(invalid("say which images: --images DIR (or --images demo)"));
        };
        let is_demo = images.as_os_str() == DEMO;
        if is_demo && (flags.class_names.is_some() || flags.first_label.is_some()) {
            return Err(invalid(
                "the demo images have their class names already: remove --class-names and --first-label",
            ));
        }
        let mut strategies = Vec::new();
        let strategy_of = |name: &str, prompt_sets, are_descriptors| {
            let (aggregation, aggregates_as_dclip) = aggregation_of(flags.aggregation, are_descriptors);
            StrategyChoice { name: name.to_owned(), prompt_sets, aggregation, aggregates_as_dclip }
        };
        let strategy = |name: &str, prompt_sets| strategy_of(name, prompt_sets, false);
        let NamedPromptSets { templates, cupl, descriptors } = flags.prompt_sets()?;
        if let Some(set) = &templates {
            strategies.push(strategy("templates", vec![set.clone()]));
        }
        if let Some(set) = &cupl {
            strategies.push(strategy("cupl", vec![set.clone()]));
        }
        if let (Some(templates), Some(cupl)) = (&templates, &cupl) {
            strategies.push(strategy("both", vec![templates.clone(), cupl.clone()]));
        }
        if let Some(set) = descriptors {
            strategies.push(strategy_of("descriptors", vec![set], true));
        }
        if strategies.is_empty() {
            let beside = templates_beside(images).map(PromptSetChoice::TemplatesFile);
            strategies.push(strategy("templates", vec![beside.unwrap_or(PromptSetChoice::PlainTemplate)]));
        }
        let dataset = DatasetChoice::at(
            images,
            flags.class_names.clone().map(ClassNamesChoice::File),
            flags.first_label,
        );
        let name = images
            .file_name()
            .map_or_else(|| images.display().to_string(), |name| name.to_string_lossy().into_owned());
        let (checkpoint, precision) = (CheckpointChoice::at(checkpoint_path), Precision::default());
        Ok(Self {
            name,
            checkpoint,
            precision,
            dataset,
            strategies,
            baseline: 0,
            controls: Vec::new(),
            prompt_keys: BTreeMap::new(),
            generation: GenerationSettings::default(),
        })
    }
}

/// A reference to a stored prompt set: its name and, after the last `@`, the version.
pub fn split_reference(reference: &str) -> (&str, Option<&str>) {
    reference.rsplit_once('@').map_or((reference, None), |(name, version)| (name, Some(version)))
}

/// `stored:NAME` or `stored:NAME@VERSION`, as a flag may say instead of a file.
fn stored_set(path: &Path) -> Option<PromptSetChoice> {
    let (name, version) = split_reference(path.to_str()?.strip_prefix("stored:")?);
    Some(PromptSetChoice::Stored { name: name.to_owned(), version: version.map(str::to_owned) })
}

/// The prompt set that a flag names: a stored one, the demo's, or a file.
fn prompts_at(
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

fn templates_at(name: PathBuf, folder: &Path) -> PromptSetChoice {
    match name.to_str() {
        Some(text) if is_template(&name, folder) => PromptSetChoice::InlineTemplates(vec![text.to_owned()]),
        _ => PromptSetChoice::TemplatesFile(folder.join(name)),
    }
}

fn strategy(entry: StrategyEntry, folder: &Path) -> Result<StrategyChoice, String> {
    let mut prompt_sets = Vec::new();
    match entry.templates {
        Some(TemplatesEntry::File(name)) if name == DEMO => prompt_sets.push(PromptSetChoice::DemoTemplates),
        Some(TemplatesEntry::File(name)) => prompt_sets.push(templates_at(name.into(), folder)),
        Some(TemplatesEntry::Inline(list)) => prompt_sets.push(PromptSetChoice::InlineTemplates(list)),
        None => {}
    }
    match entry.cupl {
        Some(name) if name == DEMO => prompt_sets.push(PromptSetChoice::DemoCupl),
        Some(name) => prompt_sets.push(PromptSetChoice::CuplFile(folder.join(name))),
        None => {}
    }
    if let Some(template) = &entry.descriptor_template {
        DescriptorTemplate::parse(template)
            .map_err(|problem| format!("strategy {:?}: descriptor_template: {problem}", entry.name))?;
    }
    match (entry.descriptors, entry.descriptor_template) {
        (Some(name), template) => {
            prompt_sets.push(PromptSetChoice::DescriptorsFile { path: folder.join(name), template });
        }
        (None, Some(_)) => {
            return Err(format!("strategy {:?} has a descriptor_template and no descriptors", entry.name));
        }
        (None, None) => {}
    }
    for reference in entry.stored {
        let (name, version) = split_reference(&reference);
        prompt_sets
            .push(PromptSetChoice::Stored { name: name.to_owned(), version: version.map(str::to_owned) });
    }
    if prompt_sets.is_empty() {
        return Err(format!(
            "strategy {:?} has no prompts: give it templates = …, cupl = …, descriptors = … or stored = [\"name\"]",
            entry.name
        ));
    }
    let is_descriptors = |set: &PromptSetChoice| matches!(set, PromptSetChoice::DescriptorsFile { .. });
    let (aggregation, aggregates_as_dclip) =
        aggregation_of(entry.aggregation, prompt_sets.iter().all(is_descriptors));
    Ok(StrategyChoice { name: entry.name, prompt_sets, aggregation, aggregates_as_dclip })
}

fn baseline_index(name: Option<&str>, strategies: &[StrategyChoice]) -> Result<usize, String> {
    if strategies.is_empty() {
        return Err("no strategy: add at least one [[strategy]] with a name and prompts".into());
    }
    for (index, strategy) in strategies.iter().enumerate() {
        if strategies[..index].iter().any(|earlier| earlier.name == strategy.name) {
            return Err(format!("two strategies are called {:?}: rename one", strategy.name));
        }
    }
    name.map_or(Ok(0), |name| strategy_index("baseline", name, strategies))
}

/// The place of the strategy that the value of `key` names.
fn strategy_index(key: &str, name: &str, strategies: &[StrategyChoice]) -> Result<usize, String> {
    strategies.iter().position(|strategy| strategy.name == name).ok_or_else(|| {
        let names: Vec<&str> = strategies.iter().map(|strategy| strategy.name.as_str()).collect();
        format!("{key}: {name:?} is no strategy of this experiment; it has {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Experiment, ExperimentError> {
        Experiment::parse(text, Path::new("/data/pets.toml"))
    }

    #[test]
    fn the_demo_compares_templates_cupl_and_both() {
        let demo = Experiment::demo().unwrap();
        let names: Vec<&str> = demo.strategies.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names, ["templates", "cupl", "both"]);
        assert_eq!(demo.checkpoint, CheckpointChoice::Demo);
        assert_eq!(demo.dataset, DatasetChoice::Demo);
        assert_eq!(demo.baseline, 0);
    }

    #[test]
    fn the_example_for_own_data_is_valid_with_and_without_its_comments() {
        let text = include_str!("../../../experiments/own-data.toml");
        let example = parse(text).unwrap();
        assert_eq!(example.strategies.len(), 3);
        // Every commented key, taken alone: a line like `# key = value` or `# [table]`.
        let commented = |line: &&str| line.starts_with("# ") && line.contains(" = ");
        for key in ["class_names", "first_label", "class_order"] {
            let line = text.lines().filter(commented).find(|line| line[2..].starts_with(key)).unwrap();
            let uncommented = text.replace(line, &line[2..]);
            assert_ne!(parse(&uncommented).unwrap().dataset, example.dataset, "{line}");
        }
        let from_stored = text.find("# [[strategy]]").unwrap();
        let tail = text[from_stored..].replace("# ", "");
        let stored = parse(&format!("{}{tail}", &text[..from_stored])).unwrap();
        assert_eq!(stored.strategies.len(), 5);
        let DatasetChoice::Path { class_names: Some(ClassNamesChoice::Inline(names)), .. } = stored.dataset
        else {
            panic!("no inline class names")
        };
        assert_eq!(names["abyssinian"], "Abyssinian");
    }

    #[test]
    fn paths_are_relative_to_the_experiment_file() {
        let experiment = parse(
            "checkpoint = 'vit'\nimages = '../photos'\nclass_names = 'names.json'\nbaseline = 'b'\n\
             controls = ['b']\n\
             [[strategy]]\nname = 'a'\ntemplates = ['a {}.']\naggregation = 'max'\n\
             [[strategy]]\nname = 'b'\ncupl = '/abs/cupl.json'\nstored = ['mine@12ab', 'other']\n",
        )
        .unwrap();
        assert_eq!(experiment.name, "pets");
        assert_eq!(experiment.checkpoint, CheckpointChoice::Directory("/data/vit".into()));
        assert_eq!(
            experiment.dataset,
            DatasetChoice::Path {
                images: "/data/../photos".into(),
                class_names: Some(ClassNamesChoice::File("/data/names.json".into())),
                class_order: None,
                first_label: None,
            }
        );
        assert_eq!(experiment.baseline, 1);
        assert_eq!(experiment.controls, ["b"]);
        assert_eq!(experiment.strategies[0].aggregation, Aggregation::Max);
        assert_eq!(
            experiment.strategies[1].prompt_sets,
            [
                PromptSetChoice::CuplFile("/abs/cupl.json".into()),
                PromptSetChoice::Stored { name: "mine".into(), version: Some("12ab".into()) },
                PromptSetChoice::Stored { name: "other".into(), version: None },
            ]
        );
    }

    #[test]
    fn folders_come_before_repositories_of_the_same_name() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("openai/clip")).unwrap();
        let of = |text: &str| CheckpointChoice::within(Path::new(text), dir.path());
        let directory = |text: &str| CheckpointChoice::Directory(dir.path().join(text));
        let hub = |text: &str| CheckpointChoice::Hub(Repository::parse(text).unwrap());
        for path in
            ["openai/clip", "./laion/clip", "clip", "a/b/c", "/models/clip", "laion/clip/", "../laion/clip"]
        {
            assert_eq!(of(path), directory(path), "{path}");
        }
        for name in ["laion/clip", "openai/clip@v1", "laion/clip@refs/pr/1"] {
            assert_eq!(of(name), hub(name), "{name}");
        }
        assert_eq!(of("demo"), CheckpointChoice::Demo);
        // What is a repository stays one, from whatever folder it is looked at.
        let experiment =
            parse("checkpoint = 'laion/clip'\nimages = 'b'\n[[strategy]]\nname = 'x'\ncupl = 'c'\n").unwrap();
        assert_eq!(experiment.absolute().checkpoint, hub("laion/clip"));
    }

    #[test]
    fn errors_name_the_file_the_place_and_the_remedy() {
        for (text, parts) in [
            ("checkpoint = \n", &["/data/pets.toml", "line 1", "column"][..]),
            ("checkpoint = 'a'\nimages = 'b'\nstrategies = 3\n", &["line 3", "strategies"]),
            ("checkpoint = 'a'\nimages = 'b'\n", &["no strategy", "[[strategy]]"]),
            (
                "checkpoint = 'a'\nimages = 'b'\n[[strategy]]\nname = 'x'\n",
                &["\"x\"", "no prompts", "cupl ="],
            ),
            (
                "checkpoint = 'a'\nimages = 'b'\nbaseline='y'\n[[strategy]]\nname = 'x'\ncupl = 'c'\n",
                &["\"y\"", "it has x"],
            ),
            (
                "checkpoint = 'a'\nimages = 'b'\ncontrols=['y']\n[[strategy]]\nname = 'x'\ncupl = 'c'\n",
                &["controls", "\"y\"", "it has x"],
            ),
            (
                "checkpoint = 'a'\nimages = 'b'\n[[strategy]]\nname = 'x'\ncupl = 'c'\n[[strategy]]\nname = 'x'\ncupl = 'd'\n",
                &["two strategies", "\"x\""],
            ),
            (
                "checkpoint = 'a'\nimages = 'b'\n[[strategy]]\nname = 'x'\ncupl = 'c'\naggregation = 'median'\n",
                &["line 6", "median"],
            ),
            (
                "checkpoint = 'a'\nimages = 'b'\n[[strategy]]\nname = 'x'\ntemplates = 3\n",
                &["line 5", "a list of templates"],
            ),
            (
                "checkpoint = 'a'\nimages = 'b'\n[[strategy]]\nname = 'x'\ndescriptors = 'd'\ndescriptor_template = '{}'\n",
                &["\"x\"", "descriptor_template", "{clause}"],
            ),
            (
                "checkpoint = 'a'\nimages = 'b'\n[[strategy]]\nname = 'x'\ncupl = 'd'\ndescriptor_template = '{}, {clause}'\n",
                &["\"x\"", "no descriptors"],
            ),
            (
                "checkpoint = 'a'\nimages = 'demo'\nclass_order = ['a']\n[[strategy]]\nname = 'x'\ncupl = 'c'\n",
                &["remove class_names"],
            ),
        ] {
            let message = parse(text).unwrap_err().to_string();
            for part in parts {
                assert!(message.contains(part), "{part:?} is not in {message:?}");
            }
        }
    }

    #[test]
    fn flags_name_the_strategies() {
        let flags = ExperimentFlags {
            checkpoint: Some("demo".into()),
            images: Some("/photos/pets".into()),
            templates: Some("t.txt".into()),
            cupl: Some("c.json".into()),
            ..Default::default()
        };
        let experiment = Experiment::from_flags(&flags).unwrap();
        let names: Vec<&str> = experiment.strategies.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names, ["templates", "cupl", "both"]);
        assert_eq!(experiment.name, "pets");
        assert_eq!(experiment.checkpoint, CheckpointChoice::Demo);
        let only_cupl = ExperimentFlags { templates: None, ..flags.clone() };
        assert_eq!(Experiment::from_flags(&only_cupl).unwrap().strategies.len(), 1);
        for (broken, remedy) in [
            (ExperimentFlags { checkpoint: None, ..flags.clone() }, "--checkpoint"),
            (ExperimentFlags { images: None, ..flags.clone() }, "--images"),
        ] {
            assert!(Experiment::from_flags(&broken).unwrap_err().to_string().contains(remedy));
        }
        let sets = |flags: ExperimentFlags| {
            let experiment = Experiment::from_flags(&flags).unwrap();
            let named = |strategy: StrategyChoice| (strategy.name, strategy.prompt_sets);
            experiment.strategies.into_iter().map(named).collect::<Vec<_>>()
        };
        let none = ExperimentFlags { templates: None, cupl: None, ..flags };
        assert_eq!(sets(none.clone()), [("templates".to_owned(), vec![PromptSetChoice::PlainTemplate])]);
        let descriptors = ExperimentFlags { descriptors: Some("d.json".into()), ..none.clone() };
        let file = PromptSetChoice::DescriptorsFile { path: "d.json".into(), template: None };
        assert_eq!(sets(descriptors.clone()), [("descriptors".to_owned(), vec![file])]);
        let template = "{} with {descriptor}".to_owned();
        let joined = ExperimentFlags { descriptor_template: Some(template.clone()), ..descriptors.clone() };
        let file =
            PromptSetChoice::DescriptorsFile { path: "d.json".into(), template: Some(template.clone()) };
        assert_eq!(sets(joined.clone()), [("descriptors".to_owned(), vec![file])]);
        for (refused, remedy) in [
            (ExperimentFlags { descriptors: None, ..joined.clone() }, "--descriptors"),
            (ExperimentFlags { descriptors: Some("stored:d".into()), ..joined.clone() }, "imported"),
            (ExperimentFlags { descriptor_template: Some("{}".to_owned()), ..joined }, "{clause}"),
        ] {
            let message = Experiment::from_flags(&refused).unwrap_err().to_string();
            assert!(message.contains("--descriptor-template") && message.contains(remedy), "{message}");
        }
        for (named, is_text) in [
            ("a photo of a {}.", true),
            ("{c}", true),
            ("a {class}", true),
            ("a and/or b {}", true),
            ("a photo of a cat", false),
            ("{}.txt", false),
            ("prompts/{}/mine", false),
            ("templates.txt", false),
        ] {
            let set = match is_text {
                true => PromptSetChoice::InlineTemplates(vec![named.to_owned()]),
                false => PromptSetChoice::TemplatesFile(named.into()),
            };
            let flags = ExperimentFlags { templates: Some(named.into()), ..none.clone() };
            assert_eq!(sets(flags), [("templates".to_owned(), vec![set])]);
        }
    }

    #[test]
    fn descriptors_alone_are_aggregated_as_dclip_does_unless_somebody_says_how() {
        let flags = ExperimentFlags {
            checkpoint: Some("demo".into()),
            images: Some("photos".into()),
            templates: Some("t.txt".into()),
            descriptors: Some("d.json".into()),
            ..Default::default()
        };
        let aggregations = |experiment: Experiment| {
            let of = |strategy: StrategyChoice| (strategy.aggregation, strategy.aggregates_as_dclip);
            experiment.strategies.into_iter().map(of).collect::<Vec<_>>()
        };
        let (mean, similarity) = (Aggregation::Mean, Aggregation::SimilarityMean);
        let of = |flags: &ExperimentFlags| aggregations(Experiment::from_flags(flags).unwrap());
        assert_eq!(of(&flags), [(mean, false), (similarity, true)]);
        for chosen in Aggregation::ALL {
            assert_eq!(
                of(&ExperimentFlags { aggregation: Some(chosen), ..flags.clone() }),
                [(chosen, false); 2]
            );
        }
        let in_file = |strategy: &str| {
            let text = format!("checkpoint = 'a'\nimages = 'b'\n[[strategy]]\nname = 'x'\n{strategy}");
            aggregations(parse(&text).unwrap())[0]
        };
        assert_eq!(in_file("descriptors = 'd'\n"), (similarity, true));
        assert_eq!(in_file("descriptors = 'd'\naggregation = 'mean'\n"), (mean, false));
        assert_eq!(in_file("descriptors = 'd'\ncupl = 'c'\n"), (mean, false));
        assert_eq!(in_file("cupl = 'c'\n"), (mean, false));
    }

    #[test]
    fn templates_beside_the_images_are_taken_where_no_prompts_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let templates = folder.path().join("zeroshot_classification_templates.txt");
        std::fs::write(&templates, "a photo of a {c}.\n").unwrap();
        let flags = ExperimentFlags {
            checkpoint: Some("demo".into()),
            images: Some(folder.path().to_owned()),
            ..Default::default()
        };
        let sets = |flags: &ExperimentFlags| {
            let experiment = Experiment::from_flags(flags).unwrap();
            experiment.strategies.into_iter().map(|strategy| strategy.prompt_sets).collect::<Vec<_>>()
        };
        assert_eq!(sets(&flags), [[PromptSetChoice::TemplatesFile(templates)]]);
        let named = ExperimentFlags { cupl: Some("c.json".into()), ..flags };
        assert_eq!(sets(&named), [[PromptSetChoice::CuplFile("c.json".into())]]);
    }

    #[test]
    fn the_worked_example_is_the_article_s() {
        let text = include_str!("../../../experiments/tree-frog.toml");
        let experiment = Experiment::parse(text, Path::new("/frogs/tree-frog.toml")).unwrap();
        let DatasetChoice::Path { images, class_order, .. } = &experiment.dataset else {
            panic!("{:?}", experiment.dataset)
        };
        assert_eq!(images, Path::new("/frogs/tree-frog.csv"));
        assert_eq!(class_order.as_deref(), Some(&["tree frog", "tailed frog"].map(str::to_owned)[..]));
        assert!(experiment.strategies.iter().all(|strategy| strategy.aggregation == Aggregation::PooledMean));
        let sets: Vec<&PromptSetChoice> =
            experiment.strategies.iter().flat_map(|strategy| &strategy.prompt_sets).collect();
        assert_eq!(
            sets,
            [
                &PromptSetChoice::InlineTemplates(vec!["a photo of a {}".to_owned()]),
                &PromptSetChoice::CuplFile("/frogs/imagenet_prompts_base.json".into())
            ]
        );
    }
}
