//! `curve`: how the accuracy of strategies grows with their prompts.

use clap::Args;
use serde::Serialize;

use crate::cli::context::{
    CommandError, ExperimentArguments, Format, Global, Opened, Outcome, Output, ProgressLine, introduce,
    outcome, percent, warn,
};
use crate::workbench::{CurveOptions, CurvePoint, LearningCurve, Session, SessionOptions, strategy_curve};

/// How accuracy grows with the number of prompts
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cupl-tui curve                                    every strategy of the embedded demo
  cupl-tui curve pets.toml --strategy cupl --sizes 1,2,4,8,16 --subsets 20
  cupl-tui curve pets.toml --format json

For each number of prompts, so many of each class are drawn at random, several times, and evaluated: average and standard
deviation (sd) of the accuracies. Templates are drawn for all classes together, sentences about classes for each class.
Where the curve is still rising with all prompts, more of them are worth having. In JSON and CSV, accuracies are from 0 to 1.")]
pub struct Arguments {
    /// What to evaluate.
    #[command(flatten)]
    pub experiment: ExperimentArguments,
    /// Only this strategy; may be given several times [default: all]
    #[arg(long = "strategy", value_name = "NAME")]
    pub strategies: Vec<String>,
    /// Prompts a class, besides all of them [default: 1,2,5,10,20, as far as there are so many]
    #[arg(long, value_name = "N,N", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..))]
    pub sizes: Vec<u16>,
    /// How often prompts are drawn for each number
    #[arg(long, value_name = "N", default_value_t = CurveOptions::default().subsets as u16, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub subsets: u16,
    /// Which prompts these are
    #[arg(long, value_name = "N", default_value_t = CurveOptions::default().seed)]
    pub seed: u64,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// Columns of a bar.
const BAR: usize = 30;

pub fn run(command: &Arguments, global: &Global, output: &mut Output) -> Result<Outcome, CommandError> {
    let opened = Opened::with_strategies(&command.experiment, &command.strategies, global)?;
    let usual = CurveOptions::default();
    let wanted: Vec<usize> = command.sizes.iter().map(|size| usize::from(*size)).collect();
    let options = CurveOptions {
        sizes: if wanted.is_empty() { usual.sizes } else { wanted.clone() },
        subsets: usize::from(command.subsets),
        seed: command.seed,
    };
    let session = opened.evaluate(SessionOptions { ranked: 1, ..SessionOptions::default() })?;
    let embeddings = opened.embed()?;
    let mut curves = Vec::with_capacity(session.strategies.len());
    for strategy in 0..session.strategies.len() {
        let line = ProgressLine::stderr();
        let mut notify = |state| line.show(&state);
        let curve = strategy_curve(&session, &embeddings, strategy, &options, &opened.cancel, &mut notify);
        line.finish();
        curves.push(curve?);
    }
    let notes: Vec<String> = session
        .strategies
        .iter()
        .zip(&curves)
        .filter_map(|(strategy, curve)| left_out(&strategy.name, &wanted, all_prompts(curve)))
        .collect();
    notes.iter().for_each(|note| warn(note));
    match command.format {
        Format::Table => table(&session, &curves, &options, output)?,
        Format::Json => output.session_json(&session, report(&session, &curves, &options), &notes)?,
        Format::Csv => output.csv(records(&session, &curves))?,
    }
    Ok(outcome(&session))
}

/// What is said of sizes that were wanted and that a strategy, with `all` prompts a class, does not have.
fn left_out(strategy: &str, wanted: &[usize], all: usize) -> Option<String> {
    let beyond: Vec<String> = wanted.iter().filter(|&&size| size > all).map(usize::to_string).collect();
    (!beyond.is_empty()).then(|| {
        let (prompts, have) = (if all == 1 { "prompt" } else { "prompts" }, beyond.join(", "));
        format!(
            "strategy {strategy:?} has {all} {prompts} a class, so there is no point for {have} of --sizes: its curve ends \
             with all {all}; name sizes up to {all}, or give it more prompts"
        )
    })
}

/// Prompts a class: those of the largest.
fn all_prompts(curve: &LearningCurve) -> usize {
    curve.points.last().map_or(0, |point| point.prompts)
}

fn table(
    session: &Session,
    curves: &[LearningCurve],
    options: &CurveOptions,
    output: &mut Output,
) -> Result<(), CommandError> {
    introduce(session, output)?;
    output.line(&format!(
        "Accuracy with some prompts of each class, drawn {} times at random: average ± standard deviation.",
        options.subsets
    ))?;
    let every = || curves.iter().flat_map(|curve| &curve.points).map(|point| point.top1);
    let (low, high) = (every().fold(1.0, f64::min), every().fold(0.0, f64::max));
    for (strategy, curve) in session.strategies.iter().zip(curves) {
        output.line("")?;
        output.heading(&strategy.name)?;
        let mut lines = vec![["prompts", "top-1", "recall", ""].map(str::to_owned).to_vec()];
        for (at, point) in curve.points.iter().enumerate() {
            let is_all = at + 1 == curve.points.len();
            lines.push(vec![
                if is_all { format!("all {}", point.prompts) } else { point.prompts.to_string() },
                spread(point.top1, point.top1_sd),
                spread(point.mean_per_class_recall, point.mean_per_class_recall_sd),
                bar(point.top1, low, high),
            ]);
        }
        output.table(&lines)?;
        if curve.shorter_classes > 0 {
            output.line(&format!(
                "{} of {} classes have fewer prompts than the largest: beyond their number they stay as they are.",
                curve.shorter_classes,
                session.classes.len()
            ))?;
        }
    }
    Ok(())
}

/// `74.3 ± 0.8`
fn spread(mean: f64, sd: Option<f64>) -> String {
    match sd {
        Some(sd) => format!("{} ± {:.1}", percent(Some(mean)), 100.0 * sd),
        None => percent(Some(mean)),
    }
}

/// Longer for more, the lowest of all curves with one cell.
fn bar(value: f64, low: f64, high: f64) -> String {
    let share = if high > low { (value - low) / (high - low) } else { 1.0 };
    "#".repeat(1 + (share * (BAR - 1) as f64).round() as usize)
}

#[derive(Serialize)]
struct CurveReport<'a> {
    experiment: &'a str,
    subsets: usize,
    seed: u64,
    strategies: Vec<StrategyPart<'a>>,
}

#[derive(Serialize)]
struct StrategyPart<'a> {
    strategy: &'a str,
    shorter_classes: usize,
    points: Vec<PointPart>,
}

#[derive(Serialize)]
struct PointPart {
    prompts: usize,
    all: bool,
    subsets: usize,
    top1: f64,
    top1_sd: Option<f64>,
    mean_per_class_recall: f64,
    mean_per_class_recall_sd: Option<f64>,
}

fn parts(curve: &LearningCurve) -> Vec<PointPart> {
    let part = |(at, point): (usize, &CurvePoint)| {
        let &CurvePoint { prompts, subsets, top1, top1_sd, .. } = point;
        PointPart {
            prompts,
            all: at + 1 == curve.points.len(),
            subsets,
            top1,
            top1_sd,
            mean_per_class_recall: point.mean_per_class_recall,
            mean_per_class_recall_sd: point.mean_per_class_recall_sd,
        }
    };
    curve.points.iter().enumerate().map(part).collect()
}

fn report<'a>(session: &'a Session, curves: &[LearningCurve], options: &CurveOptions) -> impl Serialize + 'a {
    let strategies = session.strategies.iter().zip(curves).map(|(strategy, curve)| StrategyPart {
        strategy: &strategy.name,
        shorter_classes: curve.shorter_classes,
        points: parts(curve),
    });
    CurveReport {
        experiment: &session.experiment,
        subsets: options.subsets,
        seed: options.seed,
        strategies: strategies.collect(),
    }
}

fn records(session: &Session, curves: &[LearningCurve]) -> impl Iterator<Item = Vec<String>> {
    let heading = [
        "strategy",
        "prompts",
        "subsets",
        "top1",
        "top1_sd",
        "mean_per_class_recall",
        "mean_per_class_recall_sd",
    ];
    let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let records = session.strategies.iter().zip(curves).flat_map(move |(strategy, curve)| {
        parts(curve).into_iter().map(move |part| {
            vec![
                strategy.name.clone(),
                part.prompts.to_string(),
                part.subsets.to_string(),
                part.top1.to_string(),
                number(part.top1_sd),
                part.mean_per_class_recall.to_string(),
                number(part.mean_per_class_recall_sd),
            ]
        })
    });
    std::iter::once(heading.map(str::to_owned).to_vec()).chain(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_that_are_not_there_are_named_with_what_there_is() {
        assert_eq!(left_out("cupl", &[1, 5, 10], 10), None);
        assert_eq!(left_out("cupl", &[], 10), None);
        let note = left_out("cupl", &[5, 50, 11], 10).unwrap();
        assert!(note.contains("\"cupl\" has 10 prompts a class") && note.contains("for 50, 11 of"), "{note}");
        assert!(left_out("one", &[2], 1).unwrap().contains("has 1 prompt a class"));
    }

    #[test]
    fn bars_begin_at_the_lowest_and_spreads_have_points() {
        assert_eq!(bar(0.5, 0.5, 0.8).len(), 1);
        assert_eq!(bar(0.8, 0.5, 0.8).len(), BAR);
        assert_eq!(bar(0.8, 0.8, 0.8).len(), BAR);
        assert_eq!(spread(0.743, Some(0.0084)), "74.3 ± 0.8");
        assert_eq!(spread(0.743, None), "74.3");
    }
}
