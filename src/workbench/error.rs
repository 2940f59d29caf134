//! Why the workbench cannot go on.

use std::path::PathBuf;

use crate::clip::{ClipError, Precision};
use crate::dataset::{DatasetError, SkippedImage};
use crate::evaluation::EvaluationError;
use crate::hub::{HubError, Repository};
use crate::prompts::{Aggregation, PromptError};
use crate::store::StoreError;
use crate::workbench::experiment::definition::ExperimentError;

/// Any reason why an experiment cannot be opened or finished.
#[derive(Debug, thiserror::Error)]
pub enum WorkbenchError {
    /// The experiment itself.
    #[error(transparent)]
    Experiment(#[from] ExperimentError),
    /// The checkpoint or an encoder.
    #[error(transparent)]
    Clip(#[from] ClipError),
    /// A checkpoint of a hub.
    #[error(transparent)]
    Hub(Box<HubError>),
    /// A checkpoint of a hub of which the cache lacks a file.
    #[error("{source}\n`cupl-tui pull {repository}` fetches what the hub has of it.")]
    PartOfCheckpoint {
        /// Which.
        repository: Box<Repository>,
        /// What is missing.
        source: ClipError,
    },
    /// The images or their classes.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// Templates or CuPL prompts.
    #[error(transparent)]
    Prompt(#[from] PromptError),
    /// The same, with the strategy it concerns.
    #[error("strategy {strategy:?}: {source}")]
    Strategy {
        /// Its name.
        strategy: String,
        /// What is wrong with its prompts.
        source: PromptError,
    },
    /// An average of pooled outputs where only projected ones are kept, and one is not the other.
    #[error(
        "the strategy {strategy:?} takes pooled-mean, but this checkpoint's projection of texts is no matrix: the average of \
         projected outputs is not the projected average; take mean"
    )]
    PooledMean {
        /// Its name.
        strategy: String,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Prompts that cannot be put right one by one.
    #[error(
        "the strategy {strategy:?} takes {aggregation}, which needs equally many prompts for each class, and without what is \
         to be left out {class:?} has another number: nothing was changed; choose rules with --rule, or use an \
         aggregation such as mean"
    )]
    UnequalAfterCleaning {
        /// Its name.
        strategy: String,
        /// Its aggregation.
        aggregation: Aggregation,
        /// A class with another number of prompts than the first.
        class: String,
    },
    /// A language model that does not answer.
    #[error(transparent)]
    LanguageModel(#[from] crate::language_model::LanguageModelError),
    /// LLM prompts that cannot be used.
    #[error(transparent)]
    LlmPrompts(#[from] crate::prompts::generation::LlmPromptsError),
    /// Numbers that cannot be evaluated.
    #[error(transparent)]
    Evaluation(EvaluationError),
    /// A file that must be readable is not.
    #[error("cannot read {}: {source}; check the path and the file's permissions", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A text file.
    #[error(transparent)]
    TextFile(#[from] crate::text::text_file::TextFileError),
    /// A line of a file of texts.
    #[error("{} line {line}: {message}", path.display())]
    Texts {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong with it.
        message: String,
    },
    /// A file of published results.
    #[error("{}: {message}; data/published-results.toml is an example", path.display())]
    Published {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// A result that is not there.
    #[error("no result is known for the {what} {name:?}; there are {known}: {remedy}")]
    NotPublished {
        /// "dataset" or "model".
        what: &'static str,
        /// The wanted one.
        name: String,
        /// Those that are there.
        known: String,
        /// What to do.
        remedy: &'static str,
    },
    /// Pictures and texts that should be pairs.
    #[error(
        "{images} pictures and {texts} texts: in this layout row i of both belongs together, so they must be equally many, \
         the texts in the order of the pictures' sorted paths; otherwise write them to two folders"
    )]
    UnequalPairs {
        /// How many pictures there are.
        images: usize,
        /// How many texts.
        texts: usize,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {message}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        message: String,
    },
    /// A strategy that the experiment does not have.
    #[error("this experiment has no strategy {name:?}; it has {known}")]
    UnknownStrategy {
        /// The wanted name.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A classifier that cannot be written as one row a class.
    #[error(
        "with the aggregation {aggregation} a class has a row for each of its prompts, and none of its own: write the \
         classifier with --aggregation mean, pooled-mean, similarity-mean or zpe, or `aggregation` in the experiment file"
    )]
    NoRowPerClass {
        /// The strategy's aggregation.
        aggregation: Aggregation,
    },
    /// A class that the dataset does not have, or a name that several have.
    #[error("the dataset has {count} {name:?}; {hint}")]
    UnknownClass {
        /// The wanted name.
        name: String,
        /// "no class" or "several classes".
        count: &'static str,
        /// Which classes may be meant.
        hint: String,
    },
    /// An image that is neither in the dataset nor a file.
    #[error("the dataset has no image {name:?}, and there is no such file; {hint}")]
    UnknownImage {
        /// What was asked for.
        name: String,
        /// Which images may be meant.
        hint: String,
    },
    /// A picture that cannot be looked at.
    #[error("{name}: {reason}; choose another image, or repair the file")]
    UnreadableImage {
        /// Its name or its path.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A prompt set that the store does not have.
    #[error(
        "the store has no prompt set {reference:?}{}: `cupl-tui prompts list` shows what it has, `prompts import` adds one",
        if versions.is_empty() { String::new() } else { format!(" (it has the versions {})", versions.join(", ")) }
    )]
    UnknownPromptSet {
        /// The wanted name, with `@` and the version if one was wanted.
        reference: String,
        /// The versions that are there under the name.
        versions: Vec<String>,
    },
    /// No run's id begins like this, or several do.
    #[error(
        "{} {id:?}: {}",
        if *matching == 0 { "no run has the id".to_owned() } else { format!("the ids of {matching} runs begin with") },
        if *matching == 0 { "`cupl-tui runs list` shows what there is" } else { "give more of the id" }
    )]
    UnknownRun {
        /// The wanted id, or its start.
        id: String,
        /// How many runs have it.
        matching: usize,
    },
    /// Two runs that are about different images or classes.
    #[error("runs {a} and {b} cannot be compared image by image: their {what} differ")]
    RunsDiffer {
        /// One run.
        a: String,
        /// The other.
        b: String,
        /// Which parts of their receipts.
        what: String,
    },
    /// A run whose predictions had to make room.
    #[error("what run {id} predicted is no longer kept: evaluate its experiment again")]
    PredictionsGone {
        /// The run.
        id: String,
    },
    /// A run of a version that gave no receipts.
    #[error(
        "run {id} was made by an earlier version, which did not note what it was made of: evaluate its experiment again"
    )]
    NoReceipt {
        /// The run.
        id: String,
    },
    /// An encoder gave something that is no number.
    #[error("{name}: its embedding is not finite, so the checkpoint's weights are damaged: fetch it again")]
    NotFinite {
        /// The image's name, or the prompt.
        name: String,
    },
    /// No thread can be started.
    #[error("cannot start a thread: {0}; try fewer with --threads")]
    Threads(std::io::Error),
    /// A precision that this processor has no instructions for.
    #[error(
        "this processor has no products of bfloat16 (it computes with {instruction_set}), so that {precision} would be no faster \
         than f32 and only less exact; use f32 or int8, or a processor with AVX-512 BF16 or AMX"
    )]
    Precision {
        /// What was asked for.
        precision: Precision,
        /// What there is.
        instruction_set: &'static str,
    },
    /// Not one image can be read.
    #[error(
        "none of the {} images can be read; the first: {}: {}\nCheck that the folder holds pictures (JPEG, PNG, WebP, BMP, GIF, TIFF).",
        skipped.len(), first(skipped).0, first(skipped).1
    )]
    NoReadableImage {
        /// All of them.
        skipped: Vec<SkippedImage>,
    },
    /// Skipped images in strict mode.
    #[error(
        "{} of the images cannot be read; the first: {}: {}\nRemove or repair them, or leave out --strict to skip them.",
        skipped.len(), first(skipped).0, first(skipped).1
    )]
    Strict {
        /// All of them.
        skipped: Vec<SkippedImage>,
    },
    /// What is on the screen is not what is in the files any more.
    #[error("{what} changed since the experiment was opened; open it again to see them as they are now")]
    Outdated {
        /// What changed, in the plural.
        what: &'static str,
    },
    /// Somebody stopped the work; what was finished is kept.
    #[error("stopped; everything finished so far is kept and the next start continues there")]
    Cancelled,
}

impl WorkbenchError {
    /// The checkpoint that is not, or not wholly, on this machine: to pull it may help.
    pub(super) fn absent_checkpoint(&self) -> Option<&Repository> {
        match self {
            Self::PartOfCheckpoint { repository, .. } => Some(repository),
            Self::Hub(error) => match &**error {
                HubError::NotCached { repository, .. } => Some(repository),
                _ => None,
            },
            _ => None,
        }
    }
}

impl From<HubError> for WorkbenchError {
    fn from(error: HubError) -> Self {
        match error {
            HubError::Cancelled => Self::Cancelled,
            other => Self::Hub(Box::new(other)),
        }
    }
}

fn first(skipped: &[SkippedImage]) -> (&str, &str) {
    skipped.first().map_or(("", ""), |image| (&image.name, &image.reason))
}

impl From<EvaluationError> for WorkbenchError {
    fn from(error: EvaluationError) -> Self {
        match error {
            EvaluationError::Cancelled => Self::Cancelled,
            other => Self::Evaluation(other),
        }
    }
}
