//! Embeddings of a dataset's or a folder's pictures and of a file's texts, written for other programs: as a safetensors file, or as a folder
//! of numpy arrays in clip-retrieval's layout.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, TensorView};

use super::npy::{NumberType, npy};
use super::parquet::{Column, write_parquet};
use crate::clip::Precision;
use crate::dataset::{DatasetError, PictureSource, SkippedImage, pictures_below};
use crate::evaluation::Matrix;
use crate::store::Store;
use crate::workbench::embedding::embedder::Embedder;
use crate::workbench::embedding::file_contents::NamedPicture;
use crate::workbench::embedding::file_contents::checkpoint_fingerprint;
use crate::workbench::embedding::precision::precision_notes;
use crate::workbench::embedding::texts::read_texts;
use crate::workbench::error::WorkbenchError;
use crate::workbench::experiment::definition::{CheckpointChoice, DatasetChoice};
use crate::workbench::jobs::atomic_file::{AtomicFile, AtomicFolder};
use crate::workbench::jobs::progress::{Cancel, Progress};
use crate::workbench::session::opening::{note_on_preprocessing, open_checkpoint, open_dataset};

/// What to embed, and where to.
#[derive(Debug, Clone)]
pub struct EmbeddingRequest {
    /// The model.
    pub checkpoint: CheckpointChoice,
    /// How it computes.
    pub precision: Precision,
    /// A dataset in any form, `demo`, or a folder of pictures, searched recursively.
    pub images: Option<PathBuf>,
    /// A text a line, or JSONL with the key `text`.
    pub texts: Option<PathBuf>,
    /// The file or folder to write.
    pub out: PathBuf,
    /// Which of them.
    pub form: EmbeddingForm,
    /// How its numbers are written.
    pub numbers: NumberType,
    /// Unreadable images are an error.
    pub strict: bool,
}

/// What embeddings are written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmbeddingForm {
    /// A file with the tensors `image_embeds` and `text_embeds`.
    Safetensors,
    /// A folder as clip-retrieval lays it out: `img_emb/img_emb_0.npy`, `text_emb/text_emb_0.npy`, and
    /// `metadata/metadata_0.parquet` with `image_path` and `caption`.
    Npy,
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
    labels: Option<RowLabels>,
}

/// What rows are, where that is known.
struct RowLabels {
    /// The class of each row, `[n]`.
    labels: Vec<usize>,
    classes: Vec<String>,
}

impl RowLabels {
    /// Those of these rows.
    fn of(self, rows: &[usize]) -> Self {
        Self { labels: rows.iter().map(|&row| self.labels[row]).collect(), classes: self.classes }
    }
}

/// The pictures to embed.
struct Pictures {
    sources: Vec<(String, PictureSource)>,
    labels: Option<RowLabels>,
    skipped: Vec<SkippedImage>,
    notes: Vec<String>,
}

impl Pictures {
    /// Those of a dataset, as it is evaluated; or all below a folder that is none. Pictures that are paired with the lines of a
    /// file of texts are always all of a folder, sorted by name.
    fn at(path: &Path, are_pairs: bool) -> Result<Self, WorkbenchError> {
        let is_list = are_pairs && path.is_dir();
        let dataset = match is_list {
            true => None,
            false => match open_dataset(&DatasetChoice::at(path, None, None)) {
                Ok(dataset) => Some(dataset),
                // A folder of pictures without classes.
                Err(WorkbenchError::Dataset(
                    DatasetError::NoClasses { .. } | DatasetError::OneClass { .. },
                )) if path.is_dir() => None,
                Err(error) => return Err(error),
            },
        };
        let Some(dataset) = dataset else {
            let (pictures, skipped) = pictures_below(path)?;
            let sources = pictures.into_iter().map(|(name, path)| (name, PictureSource::File(path)));
            return Ok(Self { sources: sources.collect(), labels: None, skipped, notes: Vec::new() });
        };
        let classes = dataset.class_names();
        let labels = dataset.images.iter().map(|image| image.label).collect();
        Ok(Self {
            sources: dataset.images.into_iter().map(|image| (image.name, image.source)).collect(),
            labels: Some(RowLabels { labels, classes }),
            skipped: dataset.skipped,
            notes: dataset.notes,
        })
    }
}

/// What is written to.
enum Destination {
    File(AtomicFile),
    Folder(AtomicFolder),
}

impl Destination {
    fn begin(out: &Path, form: EmbeddingForm) -> Result<Self, WorkbenchError> {
        Ok(match form {
            EmbeddingForm::Safetensors => Self::File(AtomicFile::begin(out)?),
            EmbeddingForm::Npy => Self::Folder(AtomicFolder::begin(out)?),
        })
    }
}

/// Embeds and writes. All arrays have unit rows `[n, dim]` in the order of the input. In safetensors they are the tensors
/// `image_embeds` and `text_embeds`, and the metadata entries `images` and `texts` are JSON arrays of the rows' names;
/// of a dataset, `labels` has an index into `classes` for each row of `image_embeds`. In
/// a folder of arrays, row `i` of all of them belongs together, so that pictures and texts are pairs: the text of a picture
/// that cannot be read is left out.
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
    let out = Destination::begin(&request.out, request.form)?;
    let checkpoint = open_checkpoint(&request.checkpoint)?;
    let texts = request.texts.as_deref().map(read_texts).transpose()?;
    let are_pairs = request.form == EmbeddingForm::Npy && texts.is_some();
    let pictures = request.images.as_deref().map(|path| Pictures::at(path, are_pairs)).transpose()?;
    if let (true, Some(pictures), Some(texts)) = (are_pairs, &pictures, &texts)
        && pictures.sources.len() != texts.len()
    {
        return Err(WorkbenchError::UnequalPairs { images: pictures.sources.len(), texts: texts.len() });
    }
    let fingerprint = checkpoint_fingerprint(&checkpoint, store)?;
    let embedder = Embedder::new(&checkpoint, fingerprint, request.precision, store);
    let dim = checkpoint.config().dim;
    let unsaid = pictures.as_ref().and_then(|_| note_on_preprocessing(&checkpoint, &request.checkpoint));
    let mut summary = EmbeddingSummary {
        images: 0,
        texts: 0,
        dim,
        skipped: Vec::new(),
        warnings: precision_notes(request.precision).into_iter().chain(unsaid).collect(),
    };

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
        text_rows = Some(NamedRows { names, rows, labels: None });
    }
    let mut image_rows = None;
    let mut kept = None;
    if let Some(Pictures { sources, labels, skipped, notes }) = pictures {
        summary.warnings.extend(notes);
        let named: Vec<NamedPicture<'_>> =
            sources.iter().map(|(name, source)| NamedPicture { name, source }).collect();
        let embeddings = embedder.images(&named, cancel, notify)?;
        summary.skipped = skipped;
        summary.skipped.extend(embeddings.contents.skipped);
        if embeddings.contents.kept.is_empty() {
            return Err(WorkbenchError::NoReadableImage { skipped: summary.skipped });
        }
        if request.strict && !summary.skipped.is_empty() {
            return Err(WorkbenchError::Strict { skipped: summary.skipped });
        }
        summary.images = embeddings.contents.kept.len();
        let names = embeddings.contents.kept.iter().map(|&index| sources[index].0.clone()).collect();
        let labels = labels.map(|labels| labels.of(&embeddings.contents.kept));
        kept = Some(embeddings.contents.kept);
        image_rows = Some(NamedRows { names, rows: embeddings.unit, labels });
    }
    summary.warnings.extend(embedder.unsaved());
    let failed = |message: String| WorkbenchError::Write { path: request.out.clone(), message };
    match out {
        Destination::File(file) => {
            let bytes =
                serialize(image_rows.as_ref(), text_rows.as_ref(), request.numbers).map_err(failed)?;
            file.finish(&bytes)?;
        }
        Destination::Folder(folder) => {
            if let (Some(texts), Some(kept)) = (&mut text_rows, kept) {
                texts.keep(&kept)?;
                summary.texts = texts.names.len();
            }
            if let (Some(images), Some(root)) = (&mut image_rows, &request.images)
                && root.is_dir()
            {
                images.names.iter_mut().for_each(|name| *name = root.join(&*name).display().to_string());
            }
            lay_out(folder.path(), image_rows, text_rows, request.numbers).map_err(failed)?;
            folder.finish()?;
        }
    }
    Ok(summary)
}

impl NamedRows {
    /// Leaves out every row but these, which are in ascending order.
    fn keep(&mut self, kept: &[usize]) -> Result<(), WorkbenchError> {
        let dim = self.rows.cols();
        let values = kept.iter().flat_map(|&row| self.rows.row(row).iter().copied()).collect();
        self.rows = Matrix::new(kept.len(), dim, values)?;
        self.names = kept.iter().map(|&row| self.names[row].clone()).collect();
        Ok(())
    }
}

/// Writes the arrays and the table of their rows' names, as clip-retrieval's inference does it for one partition.
fn lay_out(
    folder: &Path,
    images: Option<NamedRows>,
    texts: Option<NamedRows>,
    numbers: NumberType,
) -> Result<(), String> {
    let mut columns = Vec::new();
    for (place, name, rows) in [("img_emb", "image_path", images), ("text_emb", "caption", texts)] {
        let Some(NamedRows { names, rows, labels }) = rows else { continue };
        let within = folder.join(place);
        fs::create_dir(&within).map_err(|error| error.to_string())?;
        let file = within.join(format!("{place}_0.npy"));
        fs::write(file, npy(&rows, numbers)).map_err(|error| error.to_string())?;
        columns.push((name.to_owned(), Column::Texts(names)));
        if let Some(RowLabels { labels, classes }) = labels {
            let names = labels.iter().map(|&label| classes[label].clone()).collect();
            columns.push((
                "label".to_owned(),
                Column::Integers(labels.iter().map(|&label| label as i32).collect()),
            ));
            columns.push(("class_name".to_owned(), Column::Texts(names)));
        }
    }
    let within = folder.join("metadata");
    fs::create_dir(&within).map_err(|error| error.to_string())?;
    let file = fs::File::create(within.join("metadata_0.parquet")).map_err(|error| error.to_string())?;
    write_parquet(file, [columns]).map_err(|error| error.to_string())
}

fn serialize(
    images: Option<&NamedRows>,
    texts: Option<&NamedRows>,
    numbers: NumberType,
) -> Result<Vec<u8>, String> {
    let dtype = match numbers {
        NumberType::F32 => Dtype::F32,
        NumberType::F16 => Dtype::F16,
    };
    let mut metadata = HashMap::new();
    let mut bytes = Vec::new();
    for (tensor, names, rows) in [("image_embeds", "images", images), ("text_embeds", "texts", texts)] {
        if let Some(rows) = rows {
            metadata.insert(names.to_owned(), serde_json::json!(rows.names).to_string());
            if let Some(RowLabels { labels, classes }) = &rows.labels {
                metadata.insert("labels".to_owned(), serde_json::json!(labels).to_string());
                metadata.insert("classes".to_owned(), serde_json::json!(classes).to_string());
            }
            bytes.push((tensor, vec![rows.rows.rows(), rows.rows.cols()], numbers.bytes(&rows.rows)));
        }
    }
    let mut tensors = Vec::new();
    for (name, shape, data) in &bytes {
        let view = TensorView::new(dtype, shape.clone(), data).map_err(|error| error.to_string())?;
        tensors.push((*name, view));
    }
    safetensors::serialize(tensors, Some(metadata)).map_err(|error| error.to_string())
}
