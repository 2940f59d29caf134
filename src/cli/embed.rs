//! `embed`: embeddings of a folder's pictures and of a file's texts, as a safetensors file.

use super::arguments::{EmbedArguments, Global};
use super::output::{Output, ProgressLine, warn};
use super::{CommandError, Outcome, cancel_on_signals, store_place};
use crate::store::OpenedStore;
use crate::workbench::{CheckpointChoice, DEMO, EmbeddingRequest, write_embeddings};

pub fn run(command: &EmbedArguments, global: &Global, output: &mut Output) -> Result<Outcome, CommandError> {
    let cancel = cancel_on_signals()?;
    let checkpoint = if command.checkpoint.as_os_str() == DEMO {
        CheckpointChoice::Demo
    } else {
        CheckpointChoice::Directory(command.checkpoint.clone())
    };
    let request = EmbeddingRequest {
        checkpoint,
        images: command.images.clone(),
        texts: command.texts.clone(),
        out: command.out.clone(),
        strict: command.strict,
    };
    let OpenedStore { store, notices } = store_place(global)?.open()?;
    notices.iter().for_each(|notice| warn(notice));
    let progress = ProgressLine::stderr();
    let summary = write_embeddings(&request, &store, &cancel, &|state| progress.show(&state));
    progress.finish();
    let summary = summary?;
    summary.warnings.iter().for_each(|warning| warn(warning));
    for image in &summary.skipped {
        warn(&format!("skipped {}: {}", image.name, image.reason));
    }
    output.line(&format!(
        "{}: {} images, {} texts, {} dimensions",
        command.out.display(),
        summary.images,
        summary.texts,
        summary.dim
    ))?;
    Ok(if summary.skipped.is_empty() { Outcome::Done } else { Outcome::Skipped })
}
