//! `export`: a strategy's classifier as a file for other programs.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::context::{CommandError, ExperimentArguments, Global, Opened, Outcome, Output, outcome};
use crate::workbench::{ClassifierFile, SessionOptions};

/// Write what other programs can use: a strategy's classifier
#[derive(Debug, Args)]
pub struct Arguments {
    /// What is to be done.
    #[command(subcommand)]
    pub command: ExportCommand,
}

/// Its subcommands.
#[derive(Debug, Subcommand)]
pub enum ExportCommand {
    Classifier(ExportClassifierArguments),
}

/// Write a strategy's classifier, one row a class, to a .safetensors or .npy file
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cupl-tui export classifier --strategy cupl --out cupl.safetensors
  cupl-tui export classifier pets.toml --strategy cupl --out pets.npy

The array is f32, [classes, dim], in the dataset's order of classes: the tensor `weights` with the names in the metadata
entry `classes` (a JSON array), or the array alone with the names in a file beside it that ends in .classes.json. Rows are
unit vectors, except with similarity-mean, whose rows are averages that must not be normalised. With open_clip:

  weights = safetensors.torch.load_file(\"cupl.safetensors\")[\"weights\"]
  image = torch.nn.functional.normalize(model.encode_image(preprocess(picture).unsqueeze(0)), dim=-1)
  probabilities = (model.logit_scale.exp() * image @ weights.T).softmax(dim=-1)")]
pub struct ExportClassifierArguments {
    /// What the strategy belongs to.
    #[command(flatten)]
    pub experiment: ExperimentArguments,
    /// The strategy
    #[arg(long, value_name = "NAME")]
    pub strategy: String,
    /// The file to write; its ending says how: .safetensors or .npy
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

pub fn run(arguments: &Arguments, global: &Global, output: &mut Output) -> Result<Outcome, CommandError> {
    match &arguments.command {
        ExportCommand::Classifier(command) => classifier(command, global, output),
    }
}

fn classifier(
    command: &ExportClassifierArguments,
    global: &Global,
    output: &mut Output,
) -> Result<Outcome, CommandError> {
    let opened = Opened::new(&command.experiment, global)?;
    let strategy = opened.workbench.strategy(&command.strategy)?;
    // What cannot be written is known before anything is computed.
    let file = ClassifierFile::begin(&command.out, opened.workbench.aggregation(strategy))?;
    let session = opened.evaluate(SessionOptions { ranked: 1, ..SessionOptions::default() })?;
    let written = file.finish(&session, &opened.embed()?, strategy, &opened.cancel)?;
    output.line(&format!(
        "{}: {} classes, {} dimensions{}",
        command.out.display(),
        written.classes,
        written.dim,
        if written.is_unit {
            ", unit rows"
        } else {
            "; rows are averages of unit vectors, as similarity-mean takes them"
        },
    ))?;
    if let Some(names) = &written.names {
        output.line(&format!("{}: their names", names.display()))?;
    }
    Ok(outcome(&session))
}
