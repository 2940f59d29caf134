//! `verify`: whether a published number comes out here too.

use std::path::Path;

use super::arguments::{Global, VerifyArguments, VerifyFormat};
use super::experiment::{Opened, introduce};
use super::output::Output;
use super::{CommandError, Outcome};
use crate::workbench::{Experiment, PublishedResults, SessionOptions, Verification, WorkbenchError};

pub fn run(command: &VerifyArguments, global: &Global, output: &mut Output) -> Result<Outcome, CommandError> {
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
