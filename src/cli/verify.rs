//! `verify`: whether a published number comes out here too.

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
    let name = command.checkpoint.file_name().unwrap_or(command.checkpoint.as_os_str()).to_string_lossy();
    let model = command.model.as_deref().unwrap_or(&name);
    let published = results.find(model, &command.dataset)?;
    let mut experiment = Experiment::from_flags(&command.flags()).map_err(WorkbenchError::from)?;
    experiment.precision = command.precision;
    let opened = Opened::of(experiment, global)?;
    let session = opened.evaluate(SessionOptions::default())?;
    let verification = opened.workbench.verify(&session, published, command.within);
    match command.format {
        VerifyFormat::Table => {
            introduce(&session, output)?;
            table(&verification, output)?;
        }
        VerifyFormat::Json => output.json(&verification)?,
    }
    Ok(match (verification.agrees, session.skipped.is_empty()) {
        (false, _) => Outcome::Different,
        (true, false) => Outcome::Skipped,
        (true, true) => Outcome::Done,
    })
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
