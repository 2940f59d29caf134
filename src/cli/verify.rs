//! `verify`: whether a published number comes out here too.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::cli::context::{CommandError, Global, Opened, Outcome, Output, introduce};
use crate::workbench::{
    Experiment, ExperimentFlags, Precision, PublishedResults, SessionOptions, Verification, WorkbenchError,
};

/// Whether a published zero-shot number comes out here too
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cupl-tui verify --checkpoint openai/clip-vit-base-patch32 --dataset cifar10 --images cifar-10-binary.tar.gz \\
           --templates en_zeroshot_classification_templates.json#cifar10
  cupl-tui verify --checkpoint my-clip --as ViT-B/16 --dataset pets --images pets/test --templates pets.txt \\
           --class-names en_classnames.json#pets --format json

The numbers are open_clip's table for OpenAI's weights on imagenet, cifar10, cifar100, pets, dtd, caltech101 and eurosat, or
those of --published FILE (data/published-results.toml is an example). Some of its rows look like mean per-class recall and are
compared with that; both are shown. Where it does not agree, the usual causes are listed, those that were seen here first:
metric, images, classes, class order, class names, templates, preprocessing, precision.

Exit codes: 0 agrees, 1 does not agree, or images were skipped, 2 usage or environment, 130 interrupted.")]
pub struct Arguments {
    /// A directory with CLIP, OWNER/NAME of a hub (see `cupl-tui pull`), or `demo`; its name says which model it is, unless
    /// --as does
    #[arg(long, value_name = "DIR")]
    pub checkpoint: PathBuf,
    /// What the dataset is called in the table of results
    #[arg(long, value_name = "NAME")]
    pub dataset: String,
    /// The images of its test split, in any form, or `demo`
    #[arg(long, value_name = "DIR")]
    pub images: PathBuf,
    /// The templates that the number was made with: a file (`file.json#key` picks one list of several), one template itself,
    /// or `stored:NAME` [default: zeroshot_classification_templates.txt beside the images, or "a photo of a {}."]
    #[arg(long, value_name = "FILE")]
    pub templates: Option<PathBuf>,
    /// From folder names to class names, or names in order; `file.json#key` picks one list of several
    #[arg(long, value_name = "FILE")]
    pub class_names: Option<PathBuf>,
    /// The label that the first name of a list of class names stands for [default: 0]
    #[arg(long, value_name = "NUMBER")]
    pub first_label: Option<u64>,
    /// Which model of the table the checkpoint is
    #[arg(long = "as", value_name = "MODEL")]
    pub model: Option<String>,
    /// Another table of results
    #[arg(long, value_name = "FILE")]
    pub published: Option<PathBuf>,
    /// Up to how many points of 100 both agree
    #[arg(long, value_name = "POINTS", default_value_t = 0.3, value_parser = points)]
    pub within: f64,
    /// How the encoders compute: f32; int8, which is faster and nearly the same; or bf16, which is nearer and needs AVX-512 BF16 or AMX
    #[arg(long, value_name = "NAME", default_value_t = Precision::F32)]
    pub precision: Precision,
    /// How to print it
    #[arg(long, value_enum, default_value_t = VerifyFormat::Table)]
    pub format: VerifyFormat,
}

/// How `verify` prints its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum VerifyFormat {
    /// For people.
    Table,
    /// For programs.
    Json,
}

impl Arguments {
    /// The experiment behind it.
    pub fn flags(&self) -> ExperimentFlags {
        ExperimentFlags {
            checkpoint: Some(self.checkpoint.clone()),
            images: Some(self.images.clone()),
            class_names: self.class_names.clone(),
            first_label: self.first_label,
            templates: self.templates.clone(),
            ..ExperimentFlags::default()
        }
    }
}

fn points(text: &str) -> Result<f64, String> {
    let points = text.parse::<f64>().ok().filter(|points| (0.0..=100.0).contains(points));
    points.ok_or_else(|| "a number from 0 to 100 is needed, as 0.3".to_owned())
}

pub fn run(command: &Arguments, global: &Global, output: &mut Output) -> Result<Outcome, CommandError> {
    let results = match &command.published {
        Some(path) => PublishedResults::read(path)?,
        None => PublishedResults::known()?,
    };
    let name = model_name(&command.checkpoint);
    let published = results.find(command.model.as_deref().unwrap_or(&name), &command.dataset)?;
    let mut experiment = Experiment::from_flags(&command.flags()).map_err(WorkbenchError::from)?;
    experiment.precision = command.precision;
    let opened = Opened::from_experiment(experiment, global)?;
    let session = opened.evaluate(SessionOptions::default())?;
    let verification = opened.workbench.verify(&session, published, command.within);
    match command.format {
        VerifyFormat::Table => {
            introduce(&session, output)?;
            table(&verification, output)?;
        }
        VerifyFormat::Json => output.session_json(&session, &verification, &[])?,
    }
    Ok(match (verification.agrees, session.skipped.is_empty()) {
        (false, _) => Outcome::Different,
        (true, false) => Outcome::Skipped,
        (true, true) => Outcome::Done,
    })
}

/// What a checkpoint's path calls its model: the last part, without the revision of a hub's and the ending of a file.
fn model_name(checkpoint: &Path) -> String {
    let last = checkpoint.file_name().unwrap_or(checkpoint.as_os_str()).to_string_lossy();
    let name = last.split_once('@').map_or(last.as_ref(), |(name, _)| name);
    match name.rsplit_once('.') {
        Some((stem, "pt" | "bin" | "safetensors")) => stem.to_owned(),
        _ => name.to_owned(),
    }
}

fn table(verification: &Verification, output: &mut Output) -> Result<(), CommandError> {
    let published = &verification.published;
    let percent = |value: f64| format!("{:.2}", 100.0 * value);
    output.table(&[
        ["metric", "here", "published", "difference"].map(str::to_owned).to_vec(),
        vec![
            published.metric.words().to_owned(),
            percent(verification.here),
            percent(published.value),
            format!("{:+.2}", verification.difference),
        ],
    ])?;
    output.line("")?;
    output.line(&format!(
        "top-1 {}, mean per-class recall {}",
        percent(verification.top1),
        percent(verification.mean_per_class_recall)
    ))?;
    output
        .line(&format!("published for {} on {}: {}", published.model, published.dataset, published.source))?;
    let difference = verification.difference.abs();
    if verification.agrees {
        output.line(&format!("It agrees: {difference:.2} points apart, within {}.", verification.within))?;
        return Ok(());
    }
    output.heading(&format!(
        "It does not agree: {difference:.2} points apart, more than {}.",
        verification.within
    ))?;
    output.line("What usually causes that, and what was seen here:")?;
    for cause in &verification.causes {
        let mark = if cause.observed { "!" } else { " " };
        output.line(&format!("  {mark} {}: {}", cause.about, cause.evidence))?;
    }
    if verification.causes.iter().all(|cause| !cause.observed) {
        output.line(
            "None of these was seen: look at the weights themselves, and at the words of the templates.",
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_called_by_its_folder_its_file_or_its_name_on_a_hub() {
        for path in ["models/ViT-B-32", "ViT-B-32.pt", "openai/ViT-B-32@main", "ViT-B-32"] {
            assert_eq!(model_name(Path::new(path)), "ViT-B-32", "{path}");
        }
        assert_eq!(model_name(Path::new("clip.v2")), "clip.v2");
    }
}
