//! An experiment as the text of an experiment file, and the change of a file that gets more strategies: it is shown before it is
//! written, and nothing else in the file changes.
//!
//! Every text is read again before it counts: it has to mean the experiment that it was made of.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::definition::{
    CheckpointChoice, ClassNamesChoice, DEMO, DatasetChoice, Experiment, ExperimentError, PromptSetChoice,
    StrategyChoice, aggregation_of, are_descriptors,
};
use super::experiment_file::{ClassNamesEntry, ExperimentFile, StrategyEntry, TemplatesEntry};
use crate::prompts::PLAIN;
use crate::workbench::error::WorkbenchError;
use crate::workbench::jobs::atomic_file::AtomicFile;

/// Lines of the file that are shown above those that are added.
const CONTEXT: usize = 3;

/// An experiment file with strategies that it does not have yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    path: PathBuf,
    before: String,
    after: String,
    strategies: Vec<String>,
}

/// A line of a change, as it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangedLine<'a> {
    /// It is there, and stays.
    Kept(&'a str),
    /// It is added.
    Added(&'a str),
}

#[derive(Serialize)]
struct Strategies {
    strategy: Vec<StrategyEntry>,
}

impl FileChange {
    /// Adds strategies to the experiment file at `path`, behind all that is there.
    ///
    /// # Errors
    /// What prevents reading it, and strategies that a file cannot express or that it has already.
    pub fn adding(path: &Path, strategies: &[&StrategyChoice]) -> Result<Self, ExperimentError> {
        let invalid = |message: String| ExperimentError::Invalid { path: path.to_owned(), message };
        let before = fs::read_to_string(path)
            .map_err(|source| ExperimentError::Read { path: path.to_owned(), source })?;
        let was = Experiment::parse(&before, path)?;
        let entries: Result<Vec<StrategyEntry>, String> =
            strategies.iter().map(|strategy| entry(strategy)).collect();
        let block = toml_text(&Strategies { strategy: entries.map_err(invalid)? }).map_err(invalid)?;
        let (newline, block) = match before.contains("\r\n") {
            true => ("\r\n", block.replace('\n', "\r\n")),
            false => ("\n", block),
        };
        let gap = if before.is_empty() || before.ends_with('\n') { "" } else { newline };
        let after = format!("{before}{gap}{newline}{block}");
        let now = Experiment::parse(&after, path).map_err(|_| {
            invalid(format!("its strategies are written in another way; add this by hand:\n{block}"))
        })?;
        let mut wanted = was;
        wanted.strategies.extend(strategies.iter().map(|strategy| (*strategy).clone()));
        if !is_same(&wanted, &now) {
            return Err(invalid(format!("it would mean something else with these lines:\n{block}")));
        }
        let strategies = strategies.iter().map(|strategy| strategy.name.clone()).collect();
        Ok(Self { path: path.to_owned(), before, after, strategies })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names of the strategies that it gets.
    pub fn strategies(&self) -> &[String] {
        &self.strategies
    }

    /// The lines that are added, below the last ones that are there.
    pub fn lines(&self) -> Vec<ChangedLine<'_>> {
        let kept = self.before.lines().count();
        let kept_lines = self.before.lines().skip(kept.saturating_sub(CONTEXT)).map(ChangedLine::Kept);
        kept_lines.chain(self.after.lines().skip(kept).map(ChangedLine::Added)).collect()
    }

    /// Writes the file.
    ///
    /// # Errors
    /// When it is not as it was shown any more, and what prevents writing.
    pub fn write(&self) -> Result<(), WorkbenchError> {
        let failed = |message: String| WorkbenchError::Write { path: self.path.clone(), message };
        match fs::read_to_string(&self.path) {
            Ok(text) if text == self.before => {}
            Ok(_) => return Err(failed("it was changed meanwhile; look at the change once more".to_owned())),
            Err(error) => return Err(failed(error.to_string())),
        }
        AtomicFile::begin(&self.path)?.finish(self.after.as_bytes())
    }
}

impl Experiment {
    /// Writes an experiment file at `path` that opens as this experiment does, with whole paths.
    ///
    /// # Errors
    /// When there is such a file already, what a file cannot express, and what prevents writing.
    pub fn write_file(&self, path: &Path) -> Result<(), WorkbenchError> {
        let failed = |message: String| WorkbenchError::Write { path: path.to_owned(), message };
        if path.symlink_metadata().is_ok() {
            return Err(failed("there is such a file already; name another one".to_owned()));
        }
        if path.extension().is_none_or(|ending| ending != "toml") {
            return Err(failed("an experiment file's name ends in .toml".to_owned()));
        }
        let text = self.file_text(path).map_err(failed)?;
        AtomicFile::begin(path)?.finish(text.as_bytes())
    }

    fn file_text(&self, path: &Path) -> Result<String, String> {
        let whole = self.clone().absolute();
        let (images, class_names, class_order, first_label) = match &whole.dataset {
            DatasetChoice::Demo => (DEMO.to_owned(), None, None, None),
            DatasetChoice::Path { images, class_names, class_order, first_label } => {
                let class_names = match class_names {
                    Some(ClassNamesChoice::File(path)) => Some(ClassNamesEntry::File(written(path)?)),
                    Some(ClassNamesChoice::Inline(names)) => Some(ClassNamesEntry::Inline(names.clone())),
                    None => None,
                };
                (written(images)?, class_names, class_order.clone(), *first_label)
            }
        };
        let file = ExperimentFile {
            name: Some(whole.name.clone()),
            checkpoint: match &whole.checkpoint {
                CheckpointChoice::Demo => DEMO.to_owned(),
                CheckpointChoice::Directory(path) => written(path)?,
                CheckpointChoice::Hub(repository) => repository.to_string(),
            },
            precision: whole.precision,
            images,
            class_order,
            first_label,
            baseline: whole.strategies.get(whole.baseline).map(|strategy| strategy.name.clone()),
            controls: whole.controls.clone(),
            class_names,
            strategy: whole.strategies.iter().map(entry).collect::<Result<_, _>>()?,
            prompt_keys: whole.prompt_keys.clone(),
            generation: whole.generation.clone(),
        };
        let text = toml_text(&file)?;
        let read = Self::parse(&text, path).map_err(|error| error.to_string())?;
        match is_same(&whole, &read) {
            true => Ok(text),
            false => Err("this experiment cannot be said by a file: it would mean something else".to_owned()),
        }
    }
}

/// A strategy as a file has it.
fn entry(strategy: &StrategyChoice) -> Result<StrategyEntry, String> {
    let mut entry = StrategyEntry { name: strategy.name.clone(), ..StrategyEntry::default() };
    let once = |is_there: bool, what: &str| match is_there {
        true => Err(format!(
            "strategy {:?} joins two {what}, and in a file a strategy has one; import one of them (prompts import) and add it \
             from the store",
            strategy.name
        )),
        false => Ok(()),
    };
    for set in &strategy.prompt_sets {
        match set {
            PromptSetChoice::DemoTemplates
            | PromptSetChoice::TemplatesFile(_)
            | PromptSetChoice::InlineTemplates(_)
            | PromptSetChoice::PlainTemplate => {
                once(entry.templates.is_some(), "lists of templates")?;
                entry.templates = Some(match set {
                    PromptSetChoice::TemplatesFile(path) => TemplatesEntry::File(whole(path)?),
                    PromptSetChoice::InlineTemplates(list) => TemplatesEntry::Inline(list.clone()),
                    PromptSetChoice::PlainTemplate => TemplatesEntry::Inline(vec![PLAIN.to_owned()]),
                    _ => TemplatesEntry::File(DEMO.to_owned()),
                });
            }
            PromptSetChoice::DemoCupl | PromptSetChoice::CuplFile(_) => {
                once(entry.cupl.is_some(), "files of prompts")?;
                entry.cupl = Some(match set {
                    PromptSetChoice::CuplFile(path) => whole(path)?,
                    _ => DEMO.to_owned(),
                });
            }
            PromptSetChoice::DescriptorsFile { path, template } => {
                once(entry.descriptors.is_some(), "files of descriptors")?;
                entry.descriptors = Some(whole(path)?);
                entry.descriptor_template.clone_from(template);
            }
            PromptSetChoice::Stored { name, version: Some(version) } => {
                entry.stored.push(format!("{name}@{version}"));
            }
            PromptSetChoice::Stored { name, version: None } => entry.stored.push(name.clone()),
        }
    }
    // What a file means without saying it need not be said.
    let unsaid = aggregation_of(None, are_descriptors(&strategy.prompt_sets));
    let is_unsaid = unsaid == (strategy.aggregation, strategy.aggregates_as_dclip);
    entry.aggregation = (!is_unsaid).then_some(strategy.aggregation);
    Ok(entry)
}

fn whole(path: &Path) -> Result<String, String> {
    written(&std::path::absolute(path).map_err(|error| format!("{}: {error}", path.display()))?)
}

fn written(path: &Path) -> Result<String, String> {
    let text = path.to_str().ok_or_else(|| format!("{}: its name is not UTF-8", path.display()))?;
    Ok(text.to_owned())
}

fn toml_text(value: &impl Serialize) -> Result<String, String> {
    toml::to_string(value).map_err(|error| format!("this cannot be said by a file: {error}"))
}

/// Whether two experiments open as the same one. Prompt sets of one strategy are joined: their order means nothing.
fn is_same(one: &Experiment, other: &Experiment) -> bool {
    let plain = |experiment: &Experiment| {
        let mut plain = experiment.clone().absolute();
        // A password in an address is not written.
        plain.generation.base_url = None;
        for strategy in &mut plain.strategies {
            strategy.added = false;
            for set in &mut strategy.prompt_sets {
                if *set == PromptSetChoice::PlainTemplate {
                    *set = PromptSetChoice::InlineTemplates(vec![PLAIN.to_owned()]);
                }
            }
            strategy.prompt_sets.sort_by_key(|set| format!("{set:?}"));
        }
        plain
    };
    plain(one) == plain(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prompts::Aggregation;
    use crate::workbench::experiment::flags::ExperimentFlags;

    fn stored(name: &str, reference: &str) -> StrategyChoice {
        StrategyChoice {
            name: name.into(),
            prompt_sets: vec![PromptSetChoice::Stored {
                name: reference.into(),
                version: Some("12ab".into()),
            }],
            aggregation: Aggregation::Mean,
            aggregates_as_dclip: false,
            added: true,
        }
    }

    const POND: &str = "# The pond.\ncheckpoint = 'demo' # small\nimages = \"demo\"\n\n[[strategy]]\nname = 'a'\ncupl = 'demo'\n\n\
                        [prompt_keys]\n# none yet\n";

    fn change(
        text: &str,
        strategies: &[&StrategyChoice],
    ) -> (tempfile::TempDir, Result<FileChange, ExperimentError>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pond.toml");
        fs::write(&path, text).unwrap();
        let change = FileChange::adding(&path, strategies);
        (folder, change)
    }

    #[test]
    fn strategies_go_behind_all_that_is_there() {
        let mut max = stored("with \"quotes\" and カ", "mine");
        max.aggregation = Aggregation::Max;
        let names =
            PromptSetChoice::InlineTemplates(vec!["a {} with 'all' \"quotes\".".into(), "tab\t{}".into()]);
        max.prompt_sets.push(names);
        for text in [POND.to_owned(), POND.replace('\n', "\r\n"), POND.trim_end().to_owned()] {
            let (folder, change) = change(&text, &[&stored("b", "theirs"), &max]);
            let change = change.unwrap();
            assert!(change.lines().iter().take(3).all(|line| matches!(line, ChangedLine::Kept(_))));
            change.write().unwrap();
            let path = folder.path().join("pond.toml");
            let now = fs::read_to_string(&path).unwrap();
            assert!(now.starts_with(&text));
            assert_eq!(
                now.matches('\n').count(),
                now.matches("\r\n").count().max(if text.contains('\r') {
                    0
                } else {
                    now.matches('\n').count()
                })
            );
            let experiment = Experiment::read(&path).unwrap();
            let names: Vec<&str> =
                experiment.strategies.iter().map(|strategy| strategy.name.as_str()).collect();
            assert_eq!(names, ["a", "b", max.name.as_str()]);
            assert_eq!(experiment.strategies[2].aggregation, Aggregation::Max);
            // Once more, they are there already.
            let message = FileChange::adding(&path, &[&max]).unwrap_err().to_string();
            assert!(message.contains("add this by hand"), "{message}");
        }
    }

    #[test]
    fn a_file_that_changed_meanwhile_is_not_written_over() {
        let (folder, change) = change(POND, &[&stored("b", "mine")]);
        let path = folder.path().join("pond.toml");
        fs::write(&path, "# rewritten").unwrap();
        let message = change.unwrap().write().unwrap_err().to_string();
        assert!(message.contains("changed meanwhile"), "{message}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "# rewritten");
    }

    #[test]
    fn what_a_file_cannot_say_is_refused() {
        let inline = POND.replace(
            "[[strategy]]\nname = 'a'\ncupl = 'demo'\n",
            "strategy = [{ name = 'a', cupl = 'demo' }]\n",
        );
        let message = change(&inline, &[&stored("b", "mine")]).1.unwrap_err().to_string();
        assert!(message.contains("by hand") && message.contains("[[strategy]]"), "{message}");
        let mut two = stored("two", "mine");
        two.prompt_sets = vec![PromptSetChoice::CuplFile("a.json".into()), PromptSetChoice::DemoCupl];
        let message = change(POND, &[&two]).1.unwrap_err().to_string();
        assert!(message.contains("two files of prompts") && message.contains("prompts import"), "{message}");
    }

    #[test]
    fn an_experiment_is_written_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let flags = |checkpoint: &str, images: &str| ExperimentFlags {
            checkpoint: Some(checkpoint.into()),
            images: Some(images.into()),
            ..ExperimentFlags::default()
        };
        let whole = ExperimentFlags {
            class_names: Some("names.json".into()),
            first_label: Some(1),
            templates: Some("a photo of one {}.".into()),
            cupl: Some("stored:mine@12ab".into()),
            descriptors: Some("d.json".into()),
            descriptor_template: Some("{}: {descriptor}".into()),
            ..flags("openai/clip", "photos")
        };
        let mut experiments = vec![Experiment::demo().unwrap()];
        experiments
            .extend([flags("demo", "demo"), whole].map(|flags| Experiment::from_flags(&flags).unwrap()));
        let text = include_str!("../../../experiments/own-data.toml");
        experiments.push(Experiment::parse(text, Path::new("/data/pets.toml")).unwrap());
        let mut more = experiments[2].clone();
        more.strategies.push(stored("mine", "mine"));
        (more.baseline, more.controls) = (1, vec!["mine".into()]);
        more.prompt_keys.insert("tabby".into(), "tabby, tabby cat".into());
        more.generation.model = Some("m".into());
        experiments.push(more);
        for (number, experiment) in experiments.iter().enumerate() {
            let path = folder.path().join(format!("{number}.toml"));
            experiment.write_file(&path).unwrap();
            let read = Experiment::read(&path).unwrap();
            assert!(is_same(experiment, &read), "{}", fs::read_to_string(&path).unwrap());
            assert_eq!(read.generation, experiment.generation);
            // Nothing is written over.
            assert!(experiment.write_file(&path).unwrap_err().to_string().contains("such a file already"));
        }
        let elsewhere = folder.path().join("pond.txt");
        assert!(experiments[0].write_file(&elsewhere).unwrap_err().to_string().contains(".toml"));
    }
}
