//! Embeddings of a folder's pictures and of a file's texts, written to a safetensors file for other programs.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, TensorView};
use tempfile::NamedTempFile;

use super::embedding::{Embedder, NamedPicture, checkpoint_fingerprint};
use super::error::WorkbenchError;
use super::experiment::CheckpointChoice;
use super::opening::open_checkpoint;
use super::progress::{Cancel, Progress};
use crate::clip::Precision;
use crate::dataset::{PictureSource, SkippedImage, list_pictures};
use crate::evaluation::Matrix;
use crate::store::Store;
use crate::text_file;

/// What to embed, and where to.
#[derive(Debug, Clone)]
pub struct EmbeddingRequest {
    /// The model.
    pub checkpoint: CheckpointChoice,
    /// How it computes.
    pub precision: Precision,
    /// A folder of pictures, searched recursively.
    pub images: Option<PathBuf>,
    /// A text a line, or JSONL with the key `text`.
    pub texts: Option<PathBuf>,
    /// The safetensors file to write.
    pub out: PathBuf,
    /// Unreadable images are an error.
    pub strict: bool,
}

/// What was written.
#[derive(Debug)]
pub struct EmbeddingSummary {
    /// Rows of `image_embeds`.
    pub images: usize,
    /// Rows of `text_embeds`.
    pub texts: usize,
    /// Columns of both.
    pub dim: usize,
    /// Images that could not be read.
    pub skipped: Vec<SkippedImage>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// A tensor `[n, dim]` of unit rows with their names.
struct NamedRows {
    names: Vec<String>,
    rows: Matrix,
}

/// Embeds and writes. The tensors are `image_embeds` and `text_embeds`, `f32`, unit rows `[n, dim]` in the order of the
/// input; the metadata entries `images` and `texts` are JSON arrays of the rows' names.
///
/// # Errors
/// Before anything is embedded: an output that cannot be written, an input that cannot be read. Nothing is left of a
/// file that was not finished; what was embedded is in the store.
pub fn write_embeddings(
    request: &EmbeddingRequest,
    store: &Store,
    cancel: &Cancel,
    notify: &dyn Fn(Progress),
) -> Result<EmbeddingSummary, WorkbenchError> {
    let out = Unfinished::begin(&request.out)?;
    let checkpoint = open_checkpoint(&request.checkpoint)?;
    let texts = request.texts.as_deref().map(read_texts).transpose()?;
    let pictures = request.images.as_deref().map(list_pictures).transpose()?;
    let fingerprint = checkpoint_fingerprint(&checkpoint, store)?;
    let embedder = Embedder::new(&checkpoint, fingerprint, request.precision, store);
    let dim = checkpoint.config().dim;
    let mut summary =
        EmbeddingSummary { images: 0, texts: 0, dim, skipped: Vec::new(), warnings: Vec::new() };

    let mut text_rows = None;
    if let Some(names) = texts {
        let embeddings = embedder.prompts(names.iter().map(String::as_str), cancel, notify)?;
        let truncated = embeddings.truncated(names.iter().map(String::as_str));
        summary.warnings.extend(embedder.truncation_note(truncated, "texts"));
        let rows = match names.is_empty() {
            true => Matrix::new(0, dim, Vec::new())?,
            false => embeddings.rows(&names)?.normalised(),
        };
        summary.texts = names.len();
        text_rows = Some(NamedRows { names, rows });
    }
    let mut image_rows = None;
    if let Some(pictures) = pictures {
        let sources: Vec<(String, PictureSource)> =
            pictures.into_iter().map(|(name, path)| (name, PictureSource::File(path))).collect();
        let named: Vec<NamedPicture<'_>> =
            sources.iter().map(|(name, source)| NamedPicture { name, source }).collect();
        let embeddings = embedder.images(&named, cancel, notify)?;
        summary.skipped = embeddings.contents.skipped;
        if embeddings.contents.kept.is_empty() {
            return Err(WorkbenchError::NoReadableImage { skipped: summary.skipped });
        }
        if request.strict && !summary.skipped.is_empty() {
            return Err(WorkbenchError::Strict { skipped: summary.skipped });
        }
        summary.images = embeddings.contents.kept.len();
        let names = embeddings.contents.kept.iter().map(|&index| sources[index].0.clone()).collect();
        image_rows = Some(NamedRows { names, rows: embeddings.unit });
    }
    summary.warnings.extend(embedder.unsaved());
    out.finish(
        &serialize(image_rows.as_ref(), text_rows.as_ref())
            .map_err(|message| WorkbenchError::Write { path: request.out.clone(), message })?,
    )?;
    Ok(summary)
}

/// A text a line, blank ones included, so that row and line numbers agree; or, from `.jsonl`, the values of `text`.
pub(super) fn read_texts(path: &Path) -> Result<Vec<String>, WorkbenchError> {
    let content = text_file::read(path)?;
    if path.extension().is_none_or(|ending| !ending.eq_ignore_ascii_case("jsonl")) {
        return Ok(content.lines().map(str::to_owned).collect());
    }
    let wrong = |line: usize, message: String| WorkbenchError::Texts { path: path.to_owned(), line, message };
    let lines = content.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(number, line)| {
            let value: serde_json::Value = serde_json::from_str(line).map_err(|error| {
                wrong(
                    number + 1,
                    format!("not JSON: {error}; a line must be an object like {{\"text\": \"a cat\"}}"),
                )
            })?;
            let text = value["text"].as_str().map(str::to_owned);
            text.ok_or_else(|| {
                wrong(number + 1, "no string under the key \"text\"; give each line one".to_owned())
            })
        })
        .collect()
}

fn serialize(images: Option<&NamedRows>, texts: Option<&NamedRows>) -> Result<Vec<u8>, String> {
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
        let view = TensorView::new(Dtype::F32, shape.clone(), data).map_err(|error| error.to_string())?;
        tensors.push((*name, view));
    }
    safetensors::serialize(tensors, Some(metadata)).map_err(|error| error.to_string())
}

/// A file that appears under its name only when it is whole.
pub struct Unfinished {
    target: PathBuf,
    file: NamedTempFile,
}

impl Unfinished {
    /// Opens a temporary file beside `target`, or beside the file that the link `target` leads to.
    ///
    /// # Errors
    /// When `target` is a directory or a device, or its folder cannot be written to.
    pub fn begin(target: &Path) -> Result<Self, WorkbenchError> {
        let failed = |message: String| WorkbenchError::Write { path: target.to_owned(), message };
        if target.is_dir() {
            return Err(failed("it is a directory; name a file".to_owned()));
        }
        // Giving a pipe's or a device's name to a new file would take it away from everybody.
        if target.exists() && !target.is_file() {
            return Err(failed("it is no regular file; name one".to_owned()));
        }
        let target = &target.canonicalize().unwrap_or_else(|_| target.to_owned());
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
        let file = temporary_file(folder.unwrap_or(Path::new(".")))
            .map_err(|error| failed(format!("{error}; check that its folder is there and writable")))?;
        Ok(Self { target: target.to_owned(), file })
    }

    /// Writes the whole content and gives the file its name, in place of an earlier one.
    ///
    /// # Errors
    /// What prevents writing; the temporary file is removed.
    pub fn finish(mut self, content: &[u8]) -> Result<(), WorkbenchError> {
        let failed = |message: String| WorkbenchError::Write { path: self.target.clone(), message };
        self.file.write_all(content).map_err(|error| failed(error.to_string()))?;
        self.file.persist(&self.target).map_err(|error| failed(error.to_string()))?;
        Ok(())
    }
}

/// With the permissions of any new file: temporary ones are their owner's only by default.
fn temporary_file(folder: &Path) -> std::io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // The process's umask is taken off.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}
