//! `embed`: embeddings of a folder's pictures and of a file's texts, as a safetensors file or in clip-retrieval's layout.

use super::arguments::{EmbedArguments, Global};
use super::output::{Output, ProgressLine, warn_about};
use super::{CommandError, Outcome, cancel_on_signals, open_store};
use crate::workbench::{CheckpointChoice, EmbeddingRequest, write_embeddings};

pub fn run(command: &EmbedArguments, global: &Global, output: &mut Output) -> Result<Outcome, CommandError> {
    let cancel = cancel_on_signals()?;
    let request = EmbeddingRequest {
        checkpoint: CheckpointChoice::at(&command.checkpoint),
        precision: command.precision,
        images: command.images.clone(),
        texts: command.texts.clone(),
        out: command.out.clone(),
        form: command.form.into(),
        numbers: command.dtype.map_or(command.form.numbers(), Into::into),
        strict: command.strict,
    };
    let store = open_store(global)?;
    let progress = ProgressLine::stderr();
    let summary = write_embeddings(&request, &store, &cancel, &|state| progress.show(&state));
    progress.finish();
    let summary = summary?;
    warn_about(&summary.warnings, &summary.skipped);
    output.line(&format!(
        "{}: {} images, {} texts, {} dimensions",
        command.out.display(),
        summary.images,
        summary.texts,
        summary.dim
    ))?;
    Ok(if summary.skipped.is_empty() { Outcome::Done } else { Outcome::Skipped })
}
