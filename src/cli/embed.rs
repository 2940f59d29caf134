//! `embed`: embeddings of a folder's pictures and of a file's texts, as a safetensors file or in clip-retrieval's layout.

use std::path::PathBuf;

use clap::Args;

use crate::cli::context::{
    CommandError, Global, Outcome, Output, ProgressLine, cancel_on_signals, offered, open_store, warn_about,
};
use crate::workbench::{
    CheckpointChoice, EmbeddingForm, EmbeddingRequest, NumberType, Precision, write_embeddings,
};

/// Write image and text embeddings to a safetensors file, or as clip-retrieval lays them out
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cupl-tui embed --checkpoint clip/ --images photos/ --out photos.safetensors
  cupl-tui embed --checkpoint clip/ --texts prompts.txt --out prompts.safetensors
  cupl-tui embed --checkpoint clip/ --images photos/ --form npy --out embeddings/

The tensors image_embeds and text_embeds have unit rows [n, dim] in the order of the input; the metadata entries images
and texts are JSON arrays of the rows' names. --form npy makes a folder with img_emb/img_emb_0.npy, text_emb/text_emb_0.npy
and metadata/metadata_0.parquet (image_path, caption), where row i of all belongs together: with both --images and --texts
there is a text for each picture, in the order of the sorted paths.")]
pub struct Arguments {
    /// A directory with CLIP or SigLIP, OWNER/NAME of a hub (see `cupl-tui pull`), or `demo`
    #[arg(long, value_name = "DIR")]
    pub checkpoint: PathBuf,
    /// A folder of pictures, searched recursively
    #[arg(long, value_name = "DIR", required_unless_present = "texts")]
    pub images: Option<PathBuf>,
    /// Texts: a line each, or JSONL (.jsonl) with the key `text`
    #[arg(long, value_name = "FILE")]
    pub texts: Option<PathBuf>,
    /// How the encoders compute: f32; int8, which is faster and nearly the same; or bf16, which is nearer and needs AVX-512 BF16 or AMX
    #[arg(long, value_name = "NAME", default_value_t = Precision::F32)]
    pub precision: Precision,
    /// The safetensors file, or with --form npy the folder, to write
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// A safetensors file, or a folder of numpy arrays in clip-retrieval's layout
    #[arg(long, value_enum, default_value_t = EmbeddingForm::Safetensors)]
    pub form: EmbeddingForm,
    /// How numbers are written [default: f32 in safetensors, f16 in arrays, as clip-retrieval does]
    #[arg(long, value_enum)]
    pub dtype: Option<NumberType>,
    /// Unreadable images are an error instead of being skipped
    #[arg(long)]
    pub strict: bool,
}

offered! { EmbeddingForm:
    Safetensors "safetensors" "One file with both tensors",
    Npy "npy" "A folder with an array each, and a Parquet file of the rows' names",
}

offered! { NumberType:
    F32 "f32" "Four bytes a number",
    F16 "f16" "Two bytes a number",
}

/// The numbers that files of a form usually have.
fn usual_numbers(form: EmbeddingForm) -> NumberType {
    match form {
        EmbeddingForm::Safetensors => NumberType::F32,
        EmbeddingForm::Npy => NumberType::F16,
    }
}

pub fn run(command: &Arguments, global: &Global, output: &mut Output) -> Result<Outcome, CommandError> {
    let cancel = cancel_on_signals()?;
    let request = EmbeddingRequest {
        checkpoint: CheckpointChoice::at(&command.checkpoint),
        precision: command.precision,
        images: command.images.clone(),
        texts: command.texts.clone(),
        out: command.out.clone(),
        form: command.form,
        numbers: command.dtype.unwrap_or(usual_numbers(command.form)),
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
