//! `runs`: earlier evaluations, as the store keeps them, and whether they come out the same again.

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::cli::context::{
    CommandError, Compared, Format, Global, Outcome, Output, ProgressLine, cancel_on_signals, clearest_first,
    open_store, table, warn,
};
use crate::store::Store;
use crate::workbench::{Precision, ReceiptPart, Replay, ReplayFrom, Run, RunComparison, verdict_between};

/// Earlier evaluations
#[derive(Debug, Args)]
pub struct Arguments {
    /// What is to be done.
    #[command(subcommand)]
    pub command: RunsCommand,
}

/// Its subcommands.
#[derive(Debug, Subcommand)]
pub enum RunsCommand {
    /// One line a run, the newest first
    List {
        /// How to print them
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// One run with its classes, and what it was made of
    Show {
        /// Its id, or the start of it
        id: String,
        /// How to print it
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Whether one run is better than another on the same images
    #[command(after_help = "Examples:
  cupl-tui runs compare 3fa9 81c2
  cupl-tui runs compare 3fa9 81c2 --format json

The runs may be of different experiments, checkpoints and days, as long as they are about the same images with the same
classes in the same order. The statistics are those of `cupl-tui compare`; what differs between the receipts is named.")]
    Compare {
        /// The id of the run that B is compared with, or the start of it
        a: String,
        /// The id of the run that is compared with A, or the start of it
        b: String,
        /// How to print it
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    Replay(ReplayArguments),
}

/// Make a run again from what it was made of, and say whether the same comes out
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cupl-tui runs list                        the ids
  cupl-tui runs replay 3fa9                 everything again: files, prompts, embeddings, predictions
  cupl-tui runs replay 3fa9 --kept          with the embeddings that the store has
  cupl-tui runs replay 3fa9 --format json

A run's receipt has hashes of weights, preprocessing, images, labels, class order, prompts and predictions, and the
aggregation, precision and version. What differs is named. Exit code 1 says that something does.")]
pub struct ReplayArguments {
    /// The run's id, or the start of it
    pub id: String,
    /// Take the embeddings that the store has instead of computing all of them again
    #[arg(long)]
    pub kept: bool,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

pub fn run(arguments: &Arguments, global: &Global, output: &mut Output) -> Result<Outcome, CommandError> {
    let store = open_store(global)?;
    match &arguments.command {
        RunsCommand::List { format } => {
            let (runs, problems) = Run::all(&store)?;
            problems.iter().for_each(|problem| warn(problem));
            list(&runs, *format, output)?;
        }
        RunsCommand::Show { id, format } => {
            let run = Run::find(&store, id)?;
            warn_of(&[&run]);
            show(&run, *format, output)?;
        }
        RunsCommand::Compare { a, b, format } => {
            let (a, b) = (Run::find(&store, a)?, Run::find(&store, b)?);
            let runs = RunComparison::new(a, b, &store)?;
            warn_of(&[&runs.a, &runs.b]);
            compare(runs, *format, output)?;
        }
        RunsCommand::Replay(command) => return replay(&store, command, output),
    }
    Ok(Outcome::Done)
}

/// Says which of these runs cannot be relied on, on standard error.
fn warn_of(runs: &[&Run]) {
    runs.iter().filter_map(|run| run.unreliable()).for_each(|reason| warn(&reason));
}

/// A run as JSON.
#[derive(Serialize)]
struct RunPart<'a> {
    #[serde(flatten)]
    run: &'a Run,
    /// Why its numbers may be wrong, and what to do.
    unreliable: Option<String>,
}

impl<'a> From<&'a Run> for RunPart<'a> {
    fn from(run: &'a Run) -> Self {
        Self { run, unreliable: run.unreliable() }
    }
}

fn list(runs: &[Run], format: Format, output: &mut Output) -> Result<(), CommandError> {
    let heading = [
        "id",
        "saved (UTC)",
        "experiment",
        "strategy",
        "aggregation",
        "dataset",
        "checkpoint",
        "images",
        "top-1",
        "recall",
        "unreliable",
    ];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    rows.extend(runs.iter().map(|run| {
        vec![
            run.id.clone(),
            date(run.saved_at),
            run.experiment.clone(),
            run.strategy.name.clone(),
            run.strategy.aggregation.to_string(),
            run.dataset.name.clone(),
            model(run),
            run.dataset.images.to_string(),
            table::percent(Some(run.top1)),
            table::percent(Some(run.mean_per_class_recall)),
            if run.unreliable().is_some() { "unreliable".to_owned() } else { String::new() },
        ]
    }));
    match format {
        Format::Json => output.json(&runs.iter().map(RunPart::from).collect::<Vec<_>>())?,
        Format::Csv => output.csv(rows)?,
        Format::Table if runs.is_empty() => output.line("No runs yet: `cupl-tui evaluate` makes some.")?,
        Format::Table => {
            // The column speaks for itself.
            rows[0].last_mut().map(String::clear);
            output.table(&rows)?;
            if runs.iter().any(|run| run.unreliable().is_some()) {
                output.line("")?;
                output.line(
                    "unreliable: made by an earlier version, whose `max` gave wrong scores for some numbers of prompts; \
                     `cupl-tui runs replay ID` makes one anew",
                )?;
            }
        }
    }
    Ok(())
}

/// `25 Nov 2026 22:10`, of seconds since 1970.
fn date(seconds: u64) -> String {
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
    let whole = httpdate::fmt_http_date(time);
    let mut parts = whole.split_whitespace().skip(1);
    let day: Vec<&str> = parts.by_ref().take(3).collect();
    let clock = parts.next().and_then(|clock| clock.get(..5)).unwrap_or_default();
    format!("{} {clock}", day.join(" "))
}

fn show(run: &Run, format: Format, output: &mut Output) -> Result<(), CommandError> {
    let mut rows = vec![["class", "images", "correct", "accuracy"].map(str::to_owned).to_vec()];
    rows.extend(run.per_class.iter().map(|class| {
        vec![
            class.class.clone(),
            class.images.to_string(),
            class.correct.to_string(),
            table::percent(class.accuracy),
        ]
    }));
    match format {
        Format::Json => output.json(&RunPart::from(run))?,
        Format::Csv => output.csv(rows)?,
        Format::Table => {
            output.heading(&title(run))?;
            output.line(&format!(
                "top-1 {}  top-5 {}  mean per-class recall {}",
                table::percent(Some(run.top1)),
                table::percent(Some(run.top5)),
                table::percent(Some(run.mean_per_class_recall))
            ))?;
            output.line(&format!("prompt sets {}", run.strategy.prompt_sets.join(", ")))?;
            output.table(&rows)?;
            if let Some(receipt) = &run.receipt {
                let parts = receipt.compare(receipt).into_iter();
                let mut rows = vec![["receipt", ""].map(str::to_owned).to_vec()];
                rows.extend(parts.map(|part| vec![part.part.to_owned(), short(&part.then)]));
                output.table(&rows)?;
            }
        }
    }
    Ok(())
}

fn compare(mut runs: RunComparison, format: Format, output: &mut Output) -> Result<(), CommandError> {
    clearest_first(&mut runs.rows);
    let name = |run: &Run| format!("{} ({})", run.strategy.name, run.id);
    let (a, b) = (name(&runs.a), name(&runs.b));
    let compared = Compared {
        experiment: None,
        a: &a,
        b: &b,
        classes: runs.a.per_class.iter().map(|class| class.class.as_str()).collect(),
        comparison: &runs.comparison,
        rows: &runs.rows,
    };
    match format {
        Format::Table => {
            output.heading(&format!("A: {}", title(&runs.a)))?;
            output.heading(&format!("B: {}", title(&runs.b)))?;
            output.line(&verdict_between(&a, &b, &runs.comparison))?;
            let (low, high) = runs.comparison.interval();
            output.line(&format!(
                "A: {}, B: {}, B - A: {} (95 % interval {} to {})",
                table::percent(Some(runs.a.top1)),
                table::percent(Some(runs.b.top1)),
                table::points(runs.comparison.top1 / 100.0),
                table::points(low / 100.0),
                table::points(high / 100.0),
            ))?;
            let differ: Vec<&str> =
                runs.parts.iter().filter(|part| !part.equal).map(|part| part.part).collect();
            output.line(&match differ.is_empty() {
                true => "their receipts are equal".to_owned(),
                false => format!("their receipts differ in {}", differ.join(", ")),
            })?;
            compared.print(output)?;
        }
        Format::Json => output.json(&RunsReport {
            comparison: compared.report(),
            runs: [&runs.a, &runs.b].map(RunPart::from),
            receipts: &runs.parts,
        })?,
        Format::Csv => output.csv(compared.records())?,
    }
    Ok(())
}

#[derive(Serialize)]
struct RunsReport<'a, C> {
    #[serde(flatten)]
    comparison: C,
    runs: [RunPart<'a>; 2],
    receipts: &'a [ReceiptPart],
}

fn replay(store: &Store, command: &ReplayArguments, output: &mut Output) -> Result<Outcome, CommandError> {
    let run = Run::find(store, &command.id)?;
    let from = if command.kept { ReplayFrom::Store } else { ReplayFrom::Scratch };
    warn_of(&[&run]);
    let cancel = cancel_on_signals()?;
    let progress = ProgressLine::stderr();
    let replay = run.replay(store, from, &cancel, &|state| progress.show(&state));
    progress.finish();
    let replay = replay?;
    match command.format {
        Format::Json => output.json(&replay)?,
        Format::Csv => output.csv(part_rows(&replay))?,
        Format::Table => {
            output.heading(&title(&run))?;
            output.line(&verdict(&replay))?;
            let rows = part_rows(&replay).into_iter();
            output
                .table(&rows.map(|row| row.iter().map(|cell| short(cell)).collect()).collect::<Vec<_>>())?;
        }
    }
    Ok(if replay.equal { Outcome::Done } else { Outcome::Different })
}

/// A hash by its beginning, and other long texts as far as there is room; all of it is in the JSON.
fn short(cell: &str) -> String {
    const ROOM: usize = 44;
    let is_hash = cell.len() == 64 && cell.bytes().all(|byte| byte.is_ascii_hexdigit());
    match is_hash {
        true => cell[..12].to_owned(),
        false if cell.chars().count() > ROOM => {
            format!("{}...", cell.chars().take(ROOM - 3).collect::<String>())
        }
        false => cell.to_owned(),
    }
}

fn verdict(replay: &Replay) -> String {
    if replay.equal {
        return format!("Equal: the same predictions, top-1 {}.", table::percent(Some(replay.top1_now)));
    }
    let different: Vec<&str> = replay.parts.iter().filter(|part| !part.equal).map(|part| part.part).collect();
    let changed = replay
        .changed_predictions
        .map_or_else(String::new, |changed| format!(" {changed} images are taken for another class."));
    format!(
        "Different: {}. top-1 {} then, {} now.{changed}",
        different.join(", "),
        table::percent(Some(replay.top1_then)),
        table::percent(Some(replay.top1_now)),
    )
}

fn part_rows(replay: &Replay) -> Vec<Vec<String>> {
    let mut rows = vec![["part", "", "then", "now"].map(str::to_owned).to_vec()];
    rows.extend(replay.parts.iter().map(|part| {
        let sign = if part.equal { "=" } else { "differs" };
        let now = if part.equal { String::new() } else { part.now.clone() };
        vec![part.part.to_owned(), sign.to_owned(), part.then.clone(), now]
    }));
    rows
}

fn title(run: &Run) -> String {
    let (id, strategy, dataset) = (&run.id, &run.strategy, &run.dataset.name);
    let mark = if run.unreliable().is_some() { ", unreliable" } else { "" };
    format!("{id}  {} ({}) on {dataset} with {}{mark}", strategy.name, strategy.aggregation, model(run))
}

/// The checkpoint, and its precision where that is not the usual one.
fn model(run: &Run) -> String {
    match run.checkpoint.precision {
        Precision::F32 => run.checkpoint.name.clone(),
        precision => format!("{} ({precision})", run.checkpoint.name),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn dates_are_short() {
        assert_eq!(super::date(784_111_777), "06 Nov 1994 08:49");
    }
}
