//! Published zero-shot results, from a TOML file: which number a checkpoint is said to reach on a dataset, and with what.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::text::message::listed;
use crate::text::text_file;
use crate::workbench::error::WorkbenchError;

/// A file of results.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedResults {
    source: String,
    #[serde(default)]
    model: Vec<Model>,
    #[serde(default)]
    dataset: Vec<PublishedDataset>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Model {
    name: String,
    /// What checkpoints of it are called.
    #[serde(default)]
    checkpoints: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PublishedDataset {
    name: String,
    #[serde(default)]
    also: Vec<String>,
    metric: Metric,
    images: usize,
    classes: usize,
    templates: usize,
    results: BTreeMap<String, f64>,
}

/// Which number a result is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// The share of images that are right.
    #[serde(rename = "top-1")]
    Top1,
    /// The average over classes of the share of their images that are right.
    MeanPerClassRecall,
}

impl Metric {
    /// What it is called.
    pub fn words(self) -> &'static str {
        match self {
            Self::Top1 => "top-1",
            Self::MeanPerClassRecall => "mean per-class recall",
        }
    }
}

/// What one model is said to reach on one dataset.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PublishedResult {
    /// Where it stands.
    pub source: String,
    /// The model.
    pub model: String,
    /// The dataset.
    pub dataset: String,
    /// Which number it is.
    pub metric: Metric,
    /// From 0 to 1.
    pub value: f64,
    /// Images of the split that it was measured on.
    pub images: usize,
    /// Classes of the dataset.
    pub classes: usize,
    /// Templates of its prompts.
    pub templates: usize,
}

impl PublishedResults {
    /// The results that the program knows: `data/published-results.toml` as it was when it was built.
    ///
    /// # Errors
    /// None, unless that file is broken.
    pub fn known() -> Result<Self, WorkbenchError> {
        let text = include_str!("../../../data/published-results.toml");
        Self::parse(text, Path::new("published-results.toml"))
    }

    /// Reads a file like it.
    ///
    /// # Errors
    /// When the file cannot be read, or is not like it.
    pub fn read(path: &Path) -> Result<Self, WorkbenchError> {
        Self::parse(&text_file::read(path)?, path)
    }

    fn parse(text: &str, path: &Path) -> Result<Self, WorkbenchError> {
        let invalid = |message: String| WorkbenchError::Published { path: path.to_owned(), message };
        let results: Self =
            toml::from_str(text).map_err(|error| invalid(error.to_string().trim_end().to_owned()))?;
        for dataset in &results.dataset {
            for (model, value) in &dataset.results {
                if !(0.0..=1.0).contains(value) {
                    let name = &dataset.name;
                    return Err(invalid(format!("{name:?}, {model:?}: {value} is not from 0 to 1")));
                }
            }
        }
        Ok(results)
    }

    /// The result of a model, or of what a checkpoint of this name holds, on a dataset. Case and signs do not count in names.
    ///
    /// # Errors
    /// [`WorkbenchError::NotPublished`], with what there is.
    pub fn find(&self, model: &str, dataset: &str) -> Result<PublishedResult, WorkbenchError> {
        let same = |a: &str, b: &str| plain(a) == plain(b);
        let unknown = |what: &'static str, name: &str, known: Vec<&str>, remedy: &'static str| {
            WorkbenchError::NotPublished { what, name: name.to_owned(), known: listed(&known, 20), remedy }
        };
        let found = self
            .dataset
            .iter()
            .find(|entry| same(&entry.name, dataset) || entry.also.iter().any(|also| same(also, dataset)));
        let entry = found.ok_or_else(|| {
            let known = self.dataset.iter().map(|entry| entry.name.as_str()).collect();
            unknown(
                "dataset",
                dataset,
                known,
                "name one of these with --dataset, and where its images are with --images",
            )
        })?;
        let called = |known: &&Model| {
            same(&known.name, model) || known.checkpoints.iter().any(|name| same(name, model))
        };
        let name = self.model.iter().find(called).map_or(model, |known| known.name.as_str());
        let value = entry.results.get(name).copied().ok_or_else(|| {
            let known = entry.results.keys().map(String::as_str).collect();
            unknown("model", model, known, "if the checkpoint is one of these, say which with --as")
        })?;
        Ok(PublishedResult {
            source: self.source.clone(),
            model: name.to_owned(),
            dataset: entry.name.clone(),
            metric: entry.metric,
            value,
            images: entry.images,
            classes: entry.classes,
            templates: entry.templates,
        })
    }
}

/// Letters and digits of a name, in lower case.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_results_are_found_by_any_of_their_names() {
        let known = PublishedResults::known().unwrap();
        for (model, dataset) in
            [("clip-vit-base-patch32", "cifar10"), ("ViT-B/32", "CIFAR-10"), ("vit_b_32", "cifar_10")]
        {
            let found = known.find(model, dataset).unwrap();
            assert_eq!((found.model.as_str(), found.dataset.as_str()), ("ViT-B/32", "cifar10"));
            assert_eq!((found.value, found.metric), (0.8983, Metric::Top1));
        }
        let pets = known.find("ViT-L/14", "pets").unwrap();
        assert_eq!((pets.value, pets.metric), (0.9323, Metric::MeanPerClassRecall));
        for dataset in &known.dataset {
            assert_eq!(dataset.results.len(), known.model.len(), "{}", dataset.name);
            assert!(dataset.results.keys().all(|name| known.model.iter().any(|model| model.name == *name)));
        }
        let message = |model: &str, dataset: &str| known.find(model, dataset).unwrap_err().to_string();
        let other = message("CLIP-ViT-B-32-laion2B-s34B-b79K", "cifar10");
        assert!(other.contains("--as") && other.contains("ViT-B/32"), "{other}");
        assert!(message("ViT-B/32", "stl10").contains("\"eurosat\""));
    }

    #[test]
    fn a_broken_file_says_where() {
        let message =
            |text: &str| PublishedResults::parse(text, Path::new("p.toml")).unwrap_err().to_string();
        assert!(message("source = 1").contains("p.toml: "));
        let entry = "source = \"s\"\n[[dataset]]\nname = \"d\"\nmetric = \"top-1\"\nimages = 1\nclasses = 2\ntemplates = 1\n\
                     results = { m = 63.3 }";
        assert!(message(entry).contains("63.3 is not from 0 to 1"), "{}", message(entry));
    }
}
