//! What a user did last, outside of the store: which experiments were opened, and how each was left.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::definition::{CheckpointChoice, Experiment, ExperimentError};
use super::flags::{ExperimentFlags, quoted};
use crate::files::temporary_file;

/// Experiments kept at most.
const MOST: usize = 20;

/// An experiment that was opened before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recent {
    /// Its name.
    pub name: String,
    /// Its file, or the flags that stood for one.
    pub origin: Origin,
}

/// Where an experiment came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The embedded demo.
    Demo,
    /// An experiment file.
    File(PathBuf),
    /// Flags, or a form.
    Flags(Box<ExperimentFlags>),
}

impl Origin {
    /// The experiment there.
    ///
    /// # Errors
    /// What is wrong with the file or the flags.
    pub fn experiment(&self) -> Result<Experiment, ExperimentError> {
        match self {
            Self::Demo => Experiment::demo(),
            Self::File(path) => Experiment::read(path),
            Self::Flags(flags) => Experiment::from_flags(flags),
        }
    }

    /// The same with absolute paths, so that it means the same from every folder.
    #[must_use]
    pub fn absolute(self) -> Self {
        let absolute = |path: PathBuf| {
            let is_stored = path.to_str().is_some_and(|text| text.starts_with("stored:"));
            let is_template = super::definition::is_template(&path, std::path::Path::new(""));
            let is_word = is_stored || is_template || path.as_os_str() == super::definition::DEMO;
            if is_word { path } else { std::path::absolute(&path).unwrap_or(path) }
        };
        let checkpoint = |path: PathBuf| match CheckpointChoice::at(&path) {
            CheckpointChoice::Directory(path) => absolute(path),
            CheckpointChoice::Demo | CheckpointChoice::Hub(_) => path,
        };
        match self {
            Self::Demo => Self::Demo,
            Self::File(path) => Self::File(absolute(path)),
            Self::Flags(flags) => Self::Flags(Box::new(ExperimentFlags {
                checkpoint: flags.checkpoint.map(checkpoint),
                images: flags.images.map(absolute),
                class_names: flags.class_names.map(absolute),
                first_label: flags.first_label,
                templates: flags.templates.map(absolute),
                cupl: flags.cupl.map(absolute),
                descriptors: flags.descriptors.map(absolute),
                descriptor_template: flags.descriptor_template,
                aggregation: flags.aggregation,
            })),
        }
    }
}

impl Origin {
    /// What a subcommand is given to work on it, as a POSIX shell reads it: nothing for the demo.
    pub fn arguments(&self) -> String {
        let path = |path: &Path| quoted(&path.display().to_string());
        match self {
            Self::Demo => String::new(),
            Self::File(file) => path(file),
            Self::Flags(flags) => flags.words(),
        }
    }
}

impl Recent {
    /// Where it is, in words.
    pub fn words(&self) -> String {
        match &self.origin {
            Origin::Demo => "the embedded demo".to_owned(),
            Origin::File(path) => path.display().to_string(),
            Origin::Flags(flags) => {
                let parts =
                    [&flags.images, &flags.checkpoint, &flags.templates, &flags.cupl, &flags.descriptors];
                let parts: Vec<String> =
                    parts.into_iter().flatten().map(|path| path.display().to_string()).collect();
                parts.join(", ")
            }
        }
    }
}

/// What is remembered is its owner's alone.
const OWN_FILE: u32 = 0o600;

/// A folder for what is remembered. Nothing in it is needed: what cannot be read or written is left out.
#[derive(Debug, Clone)]
pub struct Memory {
    dir: Option<PathBuf>,
}

impl Memory {
    /// In a folder, which is made when something is kept; in none, nothing is remembered.
    pub fn new(dir: Option<PathBuf>) -> Self {
        Self { dir }
    }

    /// The experiments opened before, newest first.
    pub fn recents(&self) -> Vec<Recent> {
        let text = self.path("recent.json").and_then(|path| fs::read_to_string(path).ok());
        text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
    }

    /// Puts an experiment first among them.
    ///
    /// # Errors
    /// What prevents writing.
    pub fn opened(&self, recent: Recent) -> io::Result<()> {
        let mut recents = self.recents();
        recents.retain(|other| other.origin != recent.origin);
        recents.insert(0, recent);
        recents.truncate(MOST);
        self.write("recent.json", &serde_json::to_string_pretty(&recents)?)
    }

    /// How an experiment was left, as the screens wrote it.
    pub fn left(&self, origin: &Origin) -> Option<String> {
        fs::read_to_string(self.path(&named("left", origin))?).ok()
    }

    /// Keeps how an experiment is left.
    ///
    /// # Errors
    /// What prevents writing.
    pub fn leave(&self, origin: &Origin, how: &str) -> io::Result<()> {
        self.write(&named("left", origin), how)
    }

    /// Changes of prompts that were not saved when an experiment was left, as the screens wrote them.
    pub fn draft(&self, origin: &Origin) -> Option<String> {
        fs::read_to_string(self.path(&named("draft", origin))?).ok()
    }

    /// Keeps such changes; `None` where there are none any more.
    ///
    /// # Errors
    /// What prevents keeping them, as that nothing is remembered at all.
    pub fn keep_draft(&self, origin: &Origin, draft: Option<&str>) -> io::Result<()> {
        let name = named("draft", origin);
        match (draft, self.path(&name)) {
            (Some(_), None) => Err(io::Error::other("there is no folder to remember things in")),
            (Some(draft), Some(_)) => self.write(&name, draft),
            (None, None) => Ok(()),
            (None, Some(path)) => match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
        }
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        self.dir.as_ref().map(|dir| dir.join(name))
    }

    fn write(&self, name: &str, text: &str) -> io::Result<()> {
        let (Some(dir), Some(path)) = (&self.dir, self.path(name)) else { return Ok(()) };
        fs::create_dir_all(dir)?;
        temporary_file::sweep(dir);
        let mut file = temporary_file::beside(&path, OWN_FILE)?;
        file.write_all(text.as_bytes())?;
        file.persist(&path)?;
        Ok(())
    }
}

/// The name of what is kept of one kind for an experiment.
fn named(kind: &str, origin: &Origin) -> String {
    let text = serde_json::to_string(origin).unwrap_or_default();
    format!("{kind}-{}.json", &blake3::hash(text.as_bytes()).to_hex()[..16])
}

/// A path as it was typed: `~/` is the home folder.
pub fn typed_path(typed: &str) -> PathBuf {
    match (typed.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => Path::new(&home).join(rest),
        _ => PathBuf::from(typed),
    }
}

/// A path completed as far as it is unambiguous, and the names it could go on with: folders end in `/`.
pub fn complete_path(typed: &str) -> (String, Vec<String>) {
    let (folder, start) = typed.rsplit_once('/').map_or(("", typed), |(folder, start)| (folder, start));
    let prefix = if typed.contains('/') { format!("{folder}/") } else { String::new() };
    let place = match prefix.as_str() {
        "" => ".".to_owned(),
        prefix => typed_path(prefix).display().to_string(),
    };
    let Ok(entries) = fs::read_dir(Path::new(&place)) else { return (typed.to_owned(), Vec::new()) };
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let hidden = name.starts_with('.') && !start.starts_with('.');
            let wanted = name.starts_with(start) && !hidden;
            let is_dir = entry.path().is_dir();
            wanted.then(|| if is_dir { format!("{name}/") } else { name })
        })
        .collect();
    names.sort();
    let Some(first) = names.first() else { return (typed.to_owned(), names) };
    let common = names.iter().fold(first.as_str(), |common, name| {
        let same = common.chars().zip(name.chars()).take_while(|(a, b)| a == b);
        let length: usize = same.map(|(letter, _)| letter.len_utf8()).sum();
        &common[..length]
    });
    // `~` is written out, since paths are opened as they stand.
    let folder = if prefix.is_empty() { "" } else { place.as_str() };
    (format!("{folder}{common}"), names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recent(name: &str) -> Recent {
        Recent { name: name.into(), origin: Origin::File(format!("/{name}.toml").into()) }
    }

    #[test]
    fn the_newest_comes_first_and_only_once() {
        let dir = tempfile::tempdir().unwrap();
        let memory = Memory::new(Some(dir.path().join("state")));
        assert_eq!(memory.recents(), []);
        for name in ["pets", "birds", "pets"] {
            memory.opened(recent(name)).unwrap();
        }
        assert_eq!(memory.recents(), [recent("pets"), recent("birds")]);
        for number in 0..30 {
            memory.opened(recent(&number.to_string())).unwrap();
        }
        assert_eq!(memory.recents().len(), MOST);
        fs::write(dir.path().join("state/recent.json"), "garbage").unwrap();
        assert_eq!(memory.recents(), []);
    }

    #[test]
    fn each_experiment_is_left_in_its_own_way() {
        let dir = tempfile::tempdir().unwrap();
        let memory = Memory::new(Some(dir.path().to_owned()));
        let (pets, birds) = (recent("pets").origin, recent("birds").origin);
        memory.leave(&pets, "{}").unwrap();
        assert_eq!(memory.left(&pets).as_deref(), Some("{}"));
        assert_eq!(memory.left(&birds), None);
        let nowhere = Memory::new(None);
        nowhere.leave(&pets, "{}").unwrap();
        assert_eq!(nowhere.left(&pets), None);
    }

    #[test]
    fn drafts_are_kept_until_there_are_none() {
        let dir = tempfile::tempdir().unwrap();
        let memory = Memory::new(Some(dir.path().join("state")));
        let (pets, birds) = (recent("pets").origin, recent("birds").origin);
        memory.keep_draft(&pets, None).unwrap();
        memory.keep_draft(&pets, Some("[1]")).unwrap();
        memory.leave(&pets, "{}").unwrap();
        assert_eq!(memory.draft(&pets).as_deref(), Some("[1]"));
        assert_eq!((memory.draft(&birds), memory.left(&pets).as_deref()), (None, Some("{}")));
        memory.keep_draft(&pets, None).unwrap();
        assert_eq!(memory.draft(&pets), None);
        // Where nothing is remembered, nobody may believe that a draft is kept.
        assert!(Memory::new(None).keep_draft(&pets, Some("[1]")).is_err());
        Memory::new(None).keep_draft(&pets, None).unwrap();
    }

    #[test]
    fn words_are_not_made_absolute() {
        let flags = ExperimentFlags {
            checkpoint: Some("openai/clip".into()),
            images: Some("photos".into()),
            templates: Some("stored:mine".into()),
            cupl: Some("demo".into()),
            ..ExperimentFlags::default()
        };
        let Origin::Flags(absolute) = Origin::Flags(Box::new(flags.clone())).absolute() else { panic!() };
        assert_eq!(
            *absolute,
            ExperimentFlags { images: Some(std::path::absolute("photos").unwrap()), ..flags }
        );
    }

    #[test]
    fn paths_are_completed_as_far_as_they_are_unambiguous() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["pets", "pets-test"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        fs::write(dir.path().join("templates.txt"), "").unwrap();
        fs::write(dir.path().join(".hidden"), "").unwrap();
        let at = |name: &str| format!("{}/{name}", dir.path().display());
        assert_eq!(complete_path(&at("p")), (at("pets"), vec!["pets-test/".into(), "pets/".into()]));
        assert_eq!(complete_path(&at("t")), (at("templates.txt"), vec!["templates.txt".into()]));
        assert_eq!(complete_path(&at("x")), (at("x"), vec![]));
        assert_eq!(complete_path(&at("")).1.len(), 3);
        assert_eq!(complete_path(&at("nowhere/x")), (at("nowhere/x"), vec![]));
        let (completed, names) = complete_path("Cargo.t");
        assert_eq!((completed.as_str(), names), ("Cargo.toml", vec!["Cargo.toml".to_owned()]));
    }
}
