//! `evaluate`: the workbench's numbers without a terminal.

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::cli::context::{
    CommandError, ExperimentArguments, Global, Opened, Outcome, Output, introduce, outcome, percent, points,
    warn,
};
use crate::workbench::{AtomicFile, PredictionTable, RANKED, Session, SessionOptions, benchmark_lines, json};

/// Evaluate every strategy and print accuracies
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cupl-tui evaluate                                the embedded demo as a table
  cupl-tui evaluate pets.toml --format json > pets.json
  cupl-tui evaluate pets.toml --strategy cupl --predictions --format csv
  cupl-tui evaluate pets.toml --format parquet --out predictions.parquet
  cupl-tui evaluate pets.toml --strategy cupl --format clip-benchmark --out pets.json

JSONL and Parquet have image, label (a number), class, and for each strategy STRATEGY_prediction, _probability, _margin and
_correct. In JSON, CSV and what is for CLIP_benchmark, accuracies are from 0 to 1.")]
pub struct Arguments {
    /// What to evaluate.
    #[command(flatten)]
    pub experiment: ExperimentArguments,
    /// How to print it
    #[arg(long, value_enum, default_value_t = EvaluationFormat::Table)]
    pub format: EvaluationFormat,
    /// Write it to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Only this strategy; may be given several times
    #[arg(long = "strategy", value_name = "NAME")]
    pub strategies: Vec<String>,
    /// Add every image's ranked classes (JSON and CSV; JSONL and Parquet are nothing but predictions)
    #[arg(long)]
    pub predictions: bool,
    /// Ranked classes per image, with --predictions; 0 for all [default: 5]
    #[arg(long, value_name = "N")]
    pub top_k: Option<usize>,
    /// Unreadable images are an error instead of being skipped
    #[arg(long)]
    pub strict: bool,
}

/// How `evaluate` prints its results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EvaluationFormat {
    /// For people.
    Table,
    /// Everything as one document.
    Json,
    /// Classes, or with --predictions each image's ranked classes, a row each.
    Csv,
    /// Predictions: an object an image, a line each.
    Jsonl,
    /// Predictions: a row an image, in a Parquet file.
    Parquet,
    /// A line a strategy, as CLIP_benchmark writes it.
    ClipBenchmark,
}

pub fn run(command: &Arguments, global: &Global, output: &mut Output) -> Result<Outcome, CommandError> {
    if command.format == EvaluationFormat::Parquet && command.out.is_none() && std::io::stdout().is_terminal()
    {
        let problem = "a Parquet file is no text for a terminal: name a file with --out FILE";
        return Err(CommandError::Usage(problem.into()));
    }
    let file = command.out.as_deref().map(AtomicFile::begin).transpose()?;
    let opened = Opened::with_strategies(&command.experiment, &command.strategies, global)?;
    let is_predictions = matches!(command.format, EvaluationFormat::Jsonl | EvaluationFormat::Parquet);
    let ranked = match (shows_ranked(command), command.top_k) {
        _ if is_predictions => RANKED,
        (false, _) => 1,
        (true, Some(0)) => usize::MAX,
        (true, top_k) => top_k.unwrap_or(RANKED),
    };
    let session = opened.evaluate(SessionOptions { strict: command.strict, ranked })?;
    let notes = notes(command, session.classes.len());
    notes.iter().for_each(|note| warn(note));
    match (file, &command.out) {
        (Some(file), Some(path)) => {
            let mut content = Output::plain(Box::new(file.writer()?));
            print(&session, command, &notes, &mut content)?;
            content.flush()?;
            file.keep()?;
            let (images, strategies) = (session.images.len(), session.strategies.len());
            output.line(&format!("{}: {images} images, {strategies} strategies", path.display()))?;
        }
        _ => print(&session, command, &notes, output)?,
    }
    Ok(outcome(&session))
}

/// Whether each image's ranked classes are printed.
fn shows_ranked(command: &Arguments) -> bool {
    command.predictions && matches!(command.format, EvaluationFormat::Json | EvaluationFormat::Csv)
}

/// What becomes of wishes that are not fulfilled as they stand.
fn notes(command: &Arguments, n_classes: usize) -> Vec<String> {
    let mut notes = Vec::new();
    if command.predictions
        && matches!(command.format, EvaluationFormat::Table | EvaluationFormat::ClipBenchmark)
    {
        notes.push("--predictions changes nothing here: add --format json or csv".to_owned());
    }
    match command.top_k {
        Some(_) if !shows_ranked(command) => notes.push(
            "--top-k changes nothing here: it is for --predictions with --format json or csv".to_owned(),
        ),
        Some(top_k) if top_k > n_classes => notes.push(format!(
            "there are {n_classes} classes, so --top-k {top_k} lists all of them, as --top-k 0 does"
        )),
        _ => {}
    }
    notes
}

fn print(
    session: &Session,
    command: &Arguments,
    notes: &[String],
    output: &mut Output,
) -> Result<(), CommandError> {
    match (command.format, command.predictions) {
        (EvaluationFormat::Table, _) => table(session, output)?,
        (EvaluationFormat::Json, predictions) => {
            output.session_json(session, json::of(session, predictions), notes)?
        }
        (EvaluationFormat::Csv, false) => output.csv(per_class_records(session))?,
        (EvaluationFormat::Csv, true) => output.csv(prediction_records(session))?,
        (EvaluationFormat::Jsonl, _) => {
            for row in PredictionTable(session).rows() {
                output.json_line(&row)?;
            }
        }
        (EvaluationFormat::Parquet, _) => {
            let bytes = PredictionTable(session).parquet().map_err(std::io::Error::other)?;
            output.bytes(&bytes)?;
        }
        (EvaluationFormat::ClipBenchmark, _) => {
            for line in benchmark_lines(session) {
                output.json_line(&line)?;
            }
        }
    }
    Ok(())
}

fn table(session: &Session, output: &mut Output) -> Result<(), CommandError> {
    introduce(session, output)?;
    let baseline = &session.strategies[session.baseline];
    let mut rows = vec![
        ["strategy", "prompts", "top-1", "against baseline", "recall", "top-5"].map(str::to_owned).to_vec(),
    ];
    for strategy in &session.strategies {
        let evaluation = &strategy.evaluation;
        let against = if strategy.name == baseline.name {
            "baseline".to_owned()
        } else {
            points(evaluation.top1() - baseline.evaluation.top1())
        };
        rows.push(vec![
            strategy.name.clone(),
            strategy.n_prompts().to_string(),
            percent(Some(evaluation.top1())),
            against,
            percent(Some(evaluation.mean_per_class_recall())),
            percent(Some(evaluation.top5())),
        ]);
    }
    output.table(&rows)?;

    let mut heading = vec!["class".to_owned(), "images".to_owned()];
    heading.extend(session.strategies.iter().map(|strategy| strategy.name.clone()));
    let others: Vec<usize> = (0..session.strategies.len()).filter(|&i| i != session.baseline).collect();
    heading.extend(others.iter().map(|&i| format!("{} - {}", session.strategies[i].name, baseline.name)));
    let per_strategy: Vec<_> =
        session.strategies.iter().map(|strategy| strategy.evaluation.per_class()).collect();
    let mut rows = vec![heading];
    for (class, name) in session.classes.iter().enumerate() {
        let accuracy = |strategy: usize| per_strategy[strategy][class].accuracy;
        let mut row = vec![name.clone(), per_strategy[0][class].images.to_string()];
        row.extend((0..session.strategies.len()).map(|strategy| percent(accuracy(strategy))));
        row.extend(others.iter().map(|&strategy| match (accuracy(strategy), accuracy(session.baseline)) {
            (Some(with), Some(baseline)) => points(with - baseline),
            _ => "-".to_owned(),
        }));
        rows.push(row);
    }
    output.table(&rows)?;
    Ok(())
}

fn per_class_records(session: &Session) -> impl Iterator<Item = Vec<String>> {
    let heading = ["strategy", "class", "images", "correct", "accuracy"].map(str::to_owned).to_vec();
    let records = session.strategies.iter().flat_map(|strategy| {
        session.classes.iter().zip(strategy.evaluation.per_class()).map(|(class, accuracy)| {
            vec![
                strategy.name.clone(),
                class.clone(),
                accuracy.images.to_string(),
                accuracy.correct.to_string(),
                accuracy.accuracy.map(|value| value.to_string()).unwrap_or_default(),
            ]
        })
    });
    std::iter::once(heading).chain(records)
}

fn prediction_records(session: &Session) -> impl Iterator<Item = Vec<String>> {
    let heading = ["strategy", "image", "label", "rank", "class", "probability"].map(str::to_owned).to_vec();
    let records = session.strategies.iter().flat_map(move |strategy| {
        session.images.iter().enumerate().flat_map(move |(index, image)| {
            strategy.evaluation.ranked(index).iter().enumerate().map(move |(rank, prediction)| {
                vec![
                    strategy.name.clone(),
                    image.name.clone(),
                    session.classes[image.label].clone(),
                    (rank + 1).to_string(),
                    session.classes[prediction.class as usize].clone(),
                    prediction.probability.to_string(),
                ]
            })
        })
    });
    std::iter::once(heading).chain(records)
}
