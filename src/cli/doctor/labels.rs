//! `doctor labels`: what may be wrong with the labels and class names of a dataset.

use clap::Args;
use serde::Serialize;

use crate::cli::context::{
    CommandError, ExperimentArguments, Format, Global, Opened, Outcome, Output, ProgressLine, Sequence,
    introduce, outcome,
};
use crate::workbench::{Finding, FindingKind, Session, SessionOptions, label_findings};

/// What may be wrong with the labels and class names of a dataset
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cupl-tui doctor labels                            the embedded demo
  cupl-tui doctor labels pets.toml --format csv > look-at.csv

Permuted, repeated and unused class names, classes without images or whose prompts do not name them, the same picture in two
classes, and images that every strategy takes for the same other class, the clearest first. CSV has a line for each image of
a finding. Findings are no error: the exit code is that of `evaluate`.")]
pub struct Arguments {
    /// What to look at.
    #[command(flatten)]
    pub experiment: ExperimentArguments,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

pub fn run(command: &Arguments, global: &Global, output: &mut Output) -> Result<Outcome, CommandError> {
    let opened = Opened::new(&command.experiment, global)?;
    let session = opened.evaluate(SessionOptions::default())?;
    let embeddings = opened.embed()?;
    let progress = ProgressLine::stderr();
    let findings = label_findings(&session, &embeddings, &opened.cancel, &|state| progress.show(&state));
    progress.finish();
    let findings = findings?;
    match command.format {
        Format::Table => table(&session, &findings, output)?,
        Format::Json => output.session_json(
            &session,
            LabelsReport {
                experiment: &session.experiment,
                findings: Sequence(|| findings.iter().map(|finding| part(&session, finding))),
            },
            &[],
        )?,
        Format::Csv => output.csv(records(&session, &findings))?,
    }
    Ok(outcome(&session))
}

#[derive(Serialize)]
struct LabelsReport<'a, F> {
    experiment: &'a str,
    findings: F,
}

#[derive(Serialize)]
struct FindingPart<'a> {
    kind: &'a str,
    classes: Vec<&'a str>,
    images: Vec<&'a str>,
    evidence: &'a str,
    remedy: &'a str,
}

fn part<'a>(session: &'a Session, finding: &'a Finding) -> FindingPart<'a> {
    FindingPart {
        kind: finding.kind.name(),
        classes: finding.classes.iter().map(|&class| session.classes[class].as_str()).collect(),
        images: finding.images.iter().map(|&image| session.images[image].name.as_str()).collect(),
        evidence: &finding.evidence,
        remedy: &finding.remedy,
    }
}

fn table(session: &Session, findings: &[Finding], output: &mut Output) -> Result<(), CommandError> {
    introduce(session, output)?;
    if findings.is_empty() {
        let kinds = FindingKind::OF_LABELS.map(FindingKind::name).join(", ");
        output.line(&format!("Nothing found. Looked for: {kinds}."))?;
    }
    for (at, finding) in findings.iter().enumerate() {
        let is_new = at == 0 || findings[at - 1].kind != finding.kind;
        if is_new {
            output.line("")?;
            let of_kind = findings.iter().filter(|other| other.kind == finding.kind).count();
            output.heading(&format!("{} ({of_kind})", finding.kind.name()))?;
        }
        output.line(&format!("  {}", finding.evidence))?;
        output.line(&format!("    -> {}", finding.remedy))?;
    }
    Ok(())
}

/// A record for each image of a finding, or one for a finding without images.
fn records<'a>(session: &'a Session, findings: &'a [Finding]) -> impl Iterator<Item = Vec<String>> + 'a {
    let heading = ["kind", "classes", "image", "evidence", "remedy"].map(str::to_owned).to_vec();
    let of_finding = move |finding: &'a Finding| {
        let part = part(session, finding);
        let images = if part.images.is_empty() { vec![""] } else { part.images };
        let classes = part.classes.join("; ");
        images.into_iter().map(move |image| {
            [part.kind, &classes, image, part.evidence, part.remedy].map(str::to_owned).to_vec()
        })
    };
    std::iter::once(heading).chain(findings.iter().flat_map(of_finding))
}
