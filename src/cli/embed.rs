//! `embed`: embeddings of a folder's pictures and of a file's texts, as a safetensors file.

use std::collections::HashMap;
use std::path::Path;

use safetensors::tensor::{Dtype, TensorView};

use super::arguments::{EmbedArguments, Global};
use super::output::{Output, ProgressLine, warn};
use super::{CommandError, Outcome, cancel_on_signals, store_place};
use crate::clip::{Checkpoint, CheckpointSource};
use crate::dataset::list_pictures;
use crate::evaluation::Matrix;
use crate::store::OpenedStore;
use crate::workbench::{
    DEMO, Embedder, NamedPicture, PictureSource, WorkbenchError, checkpoint_fingerprint, demo,
};

/// A tensor `[n, dim]` with the names of its rows.
struct NamedRows {
    names: Vec<String>,
    rows: Matrix,
}

pub fn run(command: &EmbedArguments, global: &Global, output: &mut Output) -> Result<Outcome, CommandError> {
    let cancel = cancel_on_signals()?;
    let source = if command.checkpoint.as_os_str() == DEMO {
        demo::checkpoint()
    } else {
        CheckpointSource::Directory(command.checkpoint.clone())
    };
    let checkpoint = Checkpoint::open(source).map_err(WorkbenchError::from)?;
    let texts = command.texts.as_deref().map(read_texts).transpose()?;
    let pictures = match &command.images {
        Some(folder) => list_pictures(folder).map_err(WorkbenchError::from)?,
        None => Vec::new(),
    };
    let OpenedStore { store, notices } = store_place(global)?.open()?;
    notices.iter().for_each(|notice| warn(notice));
    let fingerprint = checkpoint_fingerprint(&checkpoint, &store)?;
    let embedder = Embedder::new(&checkpoint, fingerprint, &store);
    let progress = ProgressLine::stderr();
    let mut skipped = Vec::new();

    let text_rows = match texts {
        None => None,
        Some(texts) => {
            let embeddings =
                embedder.prompts(texts.iter().map(String::as_str), &cancel, &|state| progress.show(&state));
            progress.finish();
            let embeddings = embeddings?;
            if embeddings.truncated() > 0 {
                warn(&format!("{} texts are longer than the context and were cut", embeddings.truncated()));
            }
            let rows = embeddings.rows(&texts).map_err(WorkbenchError::from)?.normalised();
            Some(NamedRows { names: texts, rows })
        }
    };
    let image_rows = if command.images.is_some() {
        let sources: Vec<(String, PictureSource)> =
            pictures.into_iter().map(|(name, path)| (name, PictureSource::File(path))).collect();
        let named: Vec<NamedPicture<'_>> =
            sources.iter().map(|(name, source)| NamedPicture { name, source }).collect();
        let embeddings = embedder.images(&named, &cancel, &|state| progress.show(&state));
        progress.finish();
        let embeddings = embeddings?;
        let names = embeddings.kept.iter().map(|&index| sources[index].0.clone()).collect();
        skipped = embeddings.skipped;
        Some(NamedRows { names, rows: embeddings.unit })
    } else {
        None
    };

    for image in &skipped {
        warn(&format!("skipped {}: {}", image.name, image.reason));
    }
    if command.strict && !skipped.is_empty() {
        return Err(WorkbenchError::Strict { skipped }.into());
    }
    embedder.unsaved().iter().for_each(|reason| warn(reason));
    write(&command.out, image_rows.as_ref(), text_rows.as_ref())?;
    let count = |rows: &Option<NamedRows>| rows.as_ref().map_or(0, |rows| rows.names.len());
    output.line(&format!(
        "{}: {} images, {} texts, {} dimensions",
        command.out.display(),
        count(&image_rows),
        count(&text_rows),
        checkpoint.config().dim
    ))?;
    Ok(if skipped.is_empty() { Outcome::Done } else { Outcome::Skipped })
}

/// A text a line, blank ones included, so that row and line numbers agree; or, from `.jsonl`, the values of `text`.
fn read_texts(path: &Path) -> Result<Vec<String>, CommandError> {
    let usage = |message: String| CommandError::Usage(format!("{}: {message}", path.display()));
    let content = std::fs::read_to_string(path).map_err(|error| usage(error.to_string()))?;
    let content = content.strip_prefix('\u{feff}').unwrap_or(&content);
    if path.extension().is_none_or(|ending| !ending.eq_ignore_ascii_case("jsonl")) {
        return Ok(content.lines().map(str::to_owned).collect());
    }
    content
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(number, line)| {
            let value: serde_json::Value = serde_json::from_str(line)
                .map_err(|error| usage(format!("line {}: not JSON: {error}", number + 1)))?;
            value["text"]
                .as_str()
                .map(str::to_owned)
                .ok_or_else(|| usage(format!("line {}: no string under the key \"text\"", number + 1)))
        })
        .collect()
}

/// Writes to a file beside the target first, so that a failure leaves no half of one.
fn write(path: &Path, images: Option<&NamedRows>, texts: Option<&NamedRows>) -> Result<(), CommandError> {
    let failed = |message: String| WorkbenchError::Write { path: path.to_owned(), message };
    let mut metadata = HashMap::new();
    let mut bytes = Vec::new();
    for (tensor, names, rows) in [("image_embeds", "images", images), ("text_embeds", "texts", texts)] {
        if let Some(rows) = rows {
            metadata.insert(names.to_owned(), serde_json::json!(rows.names).to_string());
            let data: Vec<u8> = rows.rows.as_slice().iter().flat_map(|value| value.to_le_bytes()).collect();
            bytes.push((tensor, vec![rows.rows.rows(), rows.rows.cols()], data));
        }
    }
    let mut tensors = Vec::new();
    for (name, shape, data) in &bytes {
        let view =
            TensorView::new(Dtype::F32, shape.clone(), data).map_err(|error| failed(error.to_string()))?;
        tensors.push((*name, view));
    }
    let serialized =
        safetensors::serialize(tensors, Some(metadata)).map_err(|error| failed(error.to_string()))?;
    let partial = path.with_extension("partial");
    std::fs::write(&partial, serialized)
        .and_then(|()| std::fs::rename(&partial, path))
        .map_err(|error| failed(error.to_string()))?;
    Ok(())
}
