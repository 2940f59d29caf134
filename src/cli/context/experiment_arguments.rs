//! Flags that say which experiment is meant, and which two of its strategies.

use std::path::{Path, PathBuf};

use clap::Args;

use super::CommandError;
use crate::prompts::{Aggregation, DescriptorTemplate};
use crate::workbench::{Experiment, ExperimentFlags, Origin, Precision, WorkbenchError};

/// An experiment: a file, or flags instead of one, or the demo.
#[derive(Debug, Args)]
pub struct ExperimentArguments {
    /// An experiment file (TOML) [default: the embedded demo]
    #[arg(value_name = "EXPERIMENT", conflicts_with = "FlagArguments")]
    pub file: Option<PathBuf>,
    /// Instead of a file.
    #[command(flatten)]
    pub flags: FlagArguments,
    /// How the encoders compute: f32; int8, which is faster and nearly the same; or bf16, which is nearer and needs AVX-512 BF16 or AMX [default: the experiment's, or f32]
    #[arg(long, value_name = "NAME")]
    pub precision: Option<Precision>,
}

/// What an experiment is made of without a file.
#[derive(Debug, Clone, Args)]
pub struct FlagArguments {
    /// A directory with CLIP or SigLIP, OWNER/NAME of a hub (see `cupl-tui pull`), or `demo`
    #[arg(long, value_name = "DIR")]
    pub checkpoint: Option<PathBuf>,
    /// Images: a folder with a sub-folder per class, a CSV, TSV or JSONL of path and label, tar shards, Parquet, or `demo`
    #[arg(long, value_name = "DIR")]
    pub images: Option<PathBuf>,
    /// From folder names to class names: a JSON object or list, a two-column CSV, or a list of ImageNet's synsets
    #[arg(long, value_name = "FILE")]
    pub class_names: Option<PathBuf>,
    /// The label that the first name of a list of class names stands for [default: 0]
    #[arg(long, value_name = "NUMBER")]
    pub first_label: Option<u64>,
    /// Hand-written templates with {} for the class name: a text file or a list, one template itself, `stored:NAME`, or `demo`
    /// [default, without other prompts: zeroshot_classification_templates.txt beside the images, or "a photo of a {}."]
    #[arg(long, value_name = "FILE")]
    pub templates: Option<PathBuf>,
    /// CuPL prompts: a JSON object from class names to sentences (`FILE#KEY`: one dataset of several), `stored:NAME`, or `demo`
    #[arg(long, value_name = "FILE")]
    pub cupl: Option<PathBuf>,
    /// Descriptors as DCLIP has them: a JSON object from class names to what they look like, as "four legs", which becomes
    /// "cat, which has four legs"
    #[arg(long, value_name = "FILE")]
    pub descriptors: Option<PathBuf>,
    /// How descriptors are joined to class names: {} is the name, {clause} "which has four legs", {descriptor} "four legs"
    /// [default: "{}, {clause}"]
    #[arg(long, value_name = "TEXT", value_parser = DescriptorTemplate::parse, requires = "descriptors")]
    pub descriptor_template: Option<DescriptorTemplate>,
    /// How a class's prompts become its scores: mean, pooled-mean, similarity-mean, max, zpe or autoclip [default: mean, for
    /// descriptors similarity-mean]
    #[arg(long, value_name = "NAME")]
    pub aggregation: Option<Aggregation>,
}

/// An experiment and two of its strategies.
#[derive(Debug, Args)]
pub struct PairArguments {
    /// What to evaluate.
    #[command(flatten)]
    pub experiment: ExperimentArguments,
    /// The strategy that B is compared with [default: the experiment's baseline]
    #[arg(long, value_name = "NAME")]
    pub a: Option<String>,
    /// The strategy that is compared with A [default: the first other one]
    #[arg(long, value_name = "NAME")]
    pub b: Option<String>,
}

impl ExperimentArguments {
    /// Nothing was given: the demo is meant.
    pub fn is_empty(&self) -> bool {
        self.file.is_none() && self.precision.is_none() && self.flags().is_empty()
    }

    /// What was given in the place of a file.
    pub fn flags(&self) -> ExperimentFlags {
        ExperimentFlags {
            checkpoint: self.flags.checkpoint.clone(),
            images: self.flags.images.clone(),
            class_names: self.flags.class_names.clone(),
            first_label: self.flags.first_label,
            templates: self.flags.templates.clone(),
            cupl: self.flags.cupl.clone(),
            descriptors: self.flags.descriptors.clone(),
            descriptor_template: self.flags.descriptor_template.as_ref().map(|t| t.text().to_owned()),
            aggregation: self.flags.aggregation,
        }
    }

    /// Where the experiment comes from, so that it can be opened again.
    pub fn origin(&self) -> Origin {
        let flags = self.flags();
        match &self.file {
            Some(file) => Origin::File(file.clone()),
            None if flags.is_empty() => Origin::Demo,
            None => Origin::Flags(Box::new(flags)),
        }
        .absolute()
    }

    /// The experiment they name.
    pub fn experiment(&self) -> Result<Experiment, CommandError> {
        let flags = self.flags();
        let mut experiment = match &self.file {
            Some(file) => Experiment::read(file).map_err(|error| match file.exists() {
                true => WorkbenchError::from(error).into(),
                false => CommandError::NoExperiment { file: file.clone(), error: Box::new(error.into()) },
            })?,
            None if flags.is_empty() => Experiment::demo().map_err(WorkbenchError::from)?,
            None => Experiment::from_flags(&flags).map_err(WorkbenchError::from)?,
        };
        experiment.precision = self.precision.unwrap_or(experiment.precision);
        Ok(experiment)
    }
}

impl ExperimentArguments {
    /// The name of a set in the store that stands in the place of an experiment's file.
    pub fn set(&self) -> Option<&str> {
        let is_experiment = |file: &&Path| file.extension().is_some_and(|ending| ending == "toml");
        self.file.as_deref().filter(|file| !is_experiment(file))?.to_str()
    }

    /// Whether prompts stand alone: there is neither an image nor a checkpoint to look at them with.
    pub fn names_no_images(&self) -> bool {
        self.file.is_none() && self.flags.checkpoint.is_none() && self.flags.images.is_none()
    }
}
