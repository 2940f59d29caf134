//! `export`: a strategy's classifier as a file for other programs.

use super::arguments::{ExportClassifierArguments, ExportCommand, Global};
use super::experiment::{Opened, outcome};
use super::output::Output;
use super::{CommandError, Outcome};
use crate::workbench::{ClassifierFile, SessionOptions};

pub fn run(command: &ExportCommand, global: &Global, output: &mut Output) -> Result<Outcome, CommandError> {
    match command {
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
