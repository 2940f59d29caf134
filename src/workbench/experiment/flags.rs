//! An experiment given by flags on the command line instead of a file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::definition::{
    CheckpointChoice, ClassNamesChoice, DEMO, DatasetChoice, Experiment, ExperimentError, PromptSetChoice,
    StrategyChoice, aggregation_of, prompts_at, stored_set, templates_at,
};
use super::generation_settings::GenerationSettings;
use crate::clip::Precision;
use crate::dataset::templates_beside;
use crate::prompts::{Aggregation, DescriptorTemplate};

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

    /// These flags as they are typed, for a POSIX shell.
    pub fn words(&self) -> String {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let flags = [
            ("--checkpoint", path(&self.checkpoint)),
            ("--images", path(&self.images)),
            ("--class-names", path(&self.class_names)),
            ("--first-label", self.first_label.map(|number| number.to_string())),
            ("--templates", path(&self.templates)),
            ("--cupl", path(&self.cupl)),
            ("--descriptors", path(&self.descriptors)),
            ("--descriptor-template", self.descriptor_template.clone()),
            ("--aggregation", self.aggregation.map(|aggregation| aggregation.to_string())),
        ];
        let given = flags.into_iter().filter_map(|(flag, value)| Some((flag, value?)));
        given.map(|(flag, value)| format!("{flag} {}", quoted(&value))).collect::<Vec<_>>().join(" ")
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

/// A word as a POSIX shell reads it.
pub fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_-./:@%+=,".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

fn on_command_line(message: &str) -> ExperimentError {
    ExperimentError::Invalid { path: PathBuf::from("command line"), message: message.to_owned() }
}

impl Experiment {
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
            StrategyChoice {
                name: name.to_owned(),
                prompt_sets,
                aggregation,
                aggregates_as_dclip,
                added: false,
            }
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

#[cfg(test)]
mod tests {
    use super::*;

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
            aggregations(Experiment::parse(&text, Path::new("pets.toml")).unwrap())[0]
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
}
