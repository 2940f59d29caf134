//! Experiment files: TOML, with paths relative to the file's folder.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::definition::{
    CheckpointChoice, ClassNamesChoice, DEMO, DatasetChoice, Experiment, ExperimentError, PromptSetChoice,
    StrategyChoice, aggregation_of, are_descriptors, split_reference, templates_at,
};
use super::generation_settings::GenerationSettings;
use crate::clip::Precision;
use crate::prompts::{Aggregation, DescriptorTemplate};

/// The keys of an experiment file.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExperimentFile {
    pub(super) name: Option<String>,
    pub(super) checkpoint: String,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) precision: Precision,
    pub(super) images: String,
    pub(super) class_order: Option<Vec<String>>,
    pub(super) first_label: Option<u64>,
    pub(super) baseline: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) controls: Vec<String>,
    // Tables come last.
    pub(super) class_names: Option<ClassNamesEntry>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) strategy: Vec<StrategyEntry>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) prompt_keys: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) generation: GenerationSettings,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[derive(Deserialize, Serialize)]
#[serde(untagged, expecting = "expected the name of a file, or a table from folder names to class names")]
pub(super) enum ClassNamesEntry {
    File(String),
    Inline(BTreeMap<String, String>),
}

/// A `[[strategy]]`.
#[derive(Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StrategyEntry {
    pub(super) name: String,
    pub(super) templates: Option<TemplatesEntry>,
    pub(super) cupl: Option<String>,
    pub(super) descriptors: Option<String>,
    pub(super) descriptor_template: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) stored: Vec<String>,
    pub(super) aggregation: Option<Aggregation>,
}

#[derive(Deserialize, Serialize)]
#[serde(untagged, expecting = "expected the name of a file, or a list of templates")]
pub(super) enum TemplatesEntry {
    File(String),
    Inline(Vec<String>),
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
    let (aggregation, aggregates_as_dclip) = aggregation_of(entry.aggregation, are_descriptors(&prompt_sets));
    Ok(StrategyChoice { name: entry.name, prompt_sets, aggregation, aggregates_as_dclip, added: false })
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::Repository;

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
