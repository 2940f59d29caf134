//! `calibrate`: whether probabilities can be trusted, and the temperature that makes them better.

use clap::Args;
use serde::Serialize;

use crate::cli::context::{
    CommandError, ExperimentArguments, Format, Global, Opened, Outcome, Output, introduce, outcome, percent,
    share,
};
use crate::text::message::marked_bar;
use crate::workbench::{
    Calibration, CalibrationOptions, Fitted, Reliability, ReliabilityBin, Session, SessionOptions,
    calibrate_strategy,
};

/// Whether probabilities can be trusted, and the temperature that makes them better
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cupl-tui calibrate                                every strategy of the embedded demo
  cupl-tui calibrate pets.toml --strategy cupl --bins 10
  cupl-tui calibrate pets.toml --dev-share 0.2 --format json

Images are put together by the probability of their prediction: of those with 70 %, 70 % should be right. ECE, the expected
calibration error, is how far they are from it on average; NLL is the mean of -ln(probability of the true class). Scores
are divided by a temperature before their softmax: the one with the smallest NLL on the development images, a share of each
class. What it does is measured on the rest. Predictions stay as they are.")]
pub struct Arguments {
    /// What to evaluate.
    #[command(flatten)]
    pub experiment: ExperimentArguments,
    /// Only this strategy; may be given several times [default: all]
    #[arg(long = "strategy", value_name = "NAME")]
    pub strategies: Vec<String>,
    /// Ranges of the probability, of equal width
    #[arg(long, value_name = "N", default_value_t = CalibrationOptions::default().bins as u16, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub bins: u16,
    /// The share of each class's images that the temperature is chosen on
    #[arg(long, value_name = "SHARE", default_value_t = CalibrationOptions::default().development_share, value_parser = share)]
    pub dev_share: f64,
    /// Which images these are
    #[arg(long, value_name = "N", default_value_t = CalibrationOptions::default().seed)]
    pub seed: u64,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// Columns of a bar of the diagram.
const BAR: usize = 40;

pub fn run(command: &Arguments, global: &Global, output: &mut Output) -> Result<Outcome, CommandError> {
    let opened = Opened::with_strategies(&command.experiment, &command.strategies, global)?;
    let options = CalibrationOptions {
        bins: usize::from(command.bins),
        development_share: command.dev_share,
        seed: command.seed,
    };
    let session = opened.evaluate(SessionOptions::default())?;
    let embeddings = opened.embed()?;
    let calibrations = (0..session.strategies.len())
        .map(|strategy| calibrate_strategy(&session, &embeddings, strategy, &options, &opened.cancel))
        .collect::<Result<Vec<Calibration>, _>>()?;
    match command.format {
        Format::Table => table(&session, &calibrations, output)?,
        Format::Json => output.session_json(&session, report(&session, &calibrations, &options), &[])?,
        Format::Csv => output.csv(records(&session, &calibrations))?,
    }
    Ok(outcome(&session))
}

fn table(session: &Session, calibrations: &[Calibration], output: &mut Output) -> Result<(), CommandError> {
    introduce(session, output)?;
    output.line("Of images predicted with a probability of 70 %, 70 % should be right; ECE is how far they are from it.")?;
    let heading =
        ["strategy", "accuracy", "confidence", "ECE", "NLL", "temperature", "ECE with it", "NLL with it"];
    let mut lines = vec![heading.map(str::to_owned).to_vec()];
    let named = || session.strategies.iter().map(|strategy| &strategy.name).zip(calibrations);
    for (name, Calibration { reliability, fitted, .. }) in named() {
        let mut cells = vec![name.clone()];
        cells.extend(
            [reliability.accuracy, reliability.confidence, reliability.ece].map(|value| percent(Some(value))),
        );
        cells.push(nats(reliability.nll));
        cells.extend(match fitted {
            None => ["-", "-", "-"].map(str::to_owned),
            Some(Fitted { temperature, before, after, .. }) => [
                format!("{temperature:.3}"),
                format!("{} (was {})", percent(Some(after.ece)), percent(Some(before.ece))),
                format!("{} (was {})", nats(after.nll), nats(before.nll)),
            ],
        });
        lines.push(cells);
    }
    output.table(&lines)?;
    output.line("")?;
    for (name, calibration) in named() {
        output.line(&format!("{name}: {}", calibration.words()))?;
    }
    for (name, calibration) in named() {
        output.line("")?;
        output.heading(&format!("{name}: share of right predictions (#) by probability (|)"))?;
        output.table(&diagram(&calibration.reliability))?;
    }
    Ok(())
}

/// A row for each bin that has images.
fn diagram(reliability: &Reliability) -> Vec<Vec<String>> {
    let n = reliability.bins.len() as f64;
    let mut lines = vec![["probability", "images", "mean", "right", ""].map(str::to_owned).to_vec()];
    for (bin, of) in reliability.bins.iter().enumerate() {
        let (Some(confidence), Some(accuracy)) = (of.confidence, of.accuracy) else { continue };
        lines.push(vec![
            format!("{:.1} to {:.1}", 100.0 * bin as f64 / n, 100.0 * (bin + 1) as f64 / n),
            of.images.to_string(),
            percent(Some(confidence)),
            percent(Some(accuracy)),
            bar(accuracy, confidence),
        ]);
    }
    lines
}

/// `####|....`: how many are right, with a mark where they should end.
fn bar(accuracy: f64, confidence: f64) -> String {
    marked_bar(accuracy, confidence, BAR, ["#", "|", "."])
}

fn nats(value: f64) -> String {
    format!("{value:.3}")
}

#[derive(Serialize)]
struct CalibrationReport<'a> {
    experiment: &'a str,
    bins: usize,
    dev_share: f64,
    seed: u64,
    strategies: Vec<StrategyPart<'a>>,
}

#[derive(Serialize)]
struct StrategyPart<'a> {
    strategy: &'a str,
    #[serde(flatten)]
    all: ReliabilityPart,
    bins: Vec<BinPart>,
    logit_factor: f64,
    temperature: Option<f64>,
    temperature_at_limit: Option<bool>,
    development_images: Option<usize>,
    rest: Option<RestPart>,
}

#[derive(Serialize)]
struct ReliabilityPart {
    images: usize,
    accuracy: f64,
    confidence: f64,
    ece: f64,
    nll: f64,
}

#[derive(Serialize)]
struct BinPart {
    from: f64,
    to: f64,
    images: usize,
    confidence: Option<f64>,
    accuracy: Option<f64>,
}

#[derive(Serialize)]
struct RestPart {
    before: ReliabilityPart,
    after: ReliabilityPart,
}

fn report<'a>(
    session: &'a Session,
    calibrations: &[Calibration],
    options: &CalibrationOptions,
) -> impl Serialize + 'a {
    let strategies = session.strategies.iter().zip(calibrations).map(|(strategy, calibration)| {
        let fitted = calibration.fitted.as_ref();
        StrategyPart {
            strategy: &strategy.name,
            all: part(&calibration.reliability),
            bins: bins(&calibration.reliability),
            logit_factor: calibration.scale,
            temperature: fitted.map(|fitted| fitted.temperature),
            temperature_at_limit: fitted.map(|fitted| fitted.at_limit),
            development_images: fitted.map(|fitted| fitted.development_images),
            rest: fitted.map(|fitted| RestPart { before: part(&fitted.before), after: part(&fitted.after) }),
        }
    });
    CalibrationReport {
        experiment: &session.experiment,
        bins: options.bins,
        dev_share: options.development_share,
        seed: options.seed,
        strategies: strategies.collect(),
    }
}

fn part(reliability: &Reliability) -> ReliabilityPart {
    let &Reliability { images, accuracy, confidence, ece, nll, .. } = reliability;
    ReliabilityPart { images, accuracy, confidence, ece, nll }
}

fn bins(reliability: &Reliability) -> Vec<BinPart> {
    let n = reliability.bins.len() as f64;
    let part = |(bin, of): (usize, &ReliabilityBin)| BinPart {
        from: bin as f64 / n,
        to: (bin + 1) as f64 / n,
        images: of.images,
        confidence: of.confidence,
        accuracy: of.accuracy,
    };
    reliability.bins.iter().enumerate().map(part).collect()
}

fn records(session: &Session, calibrations: &[Calibration]) -> impl Iterator<Item = Vec<String>> {
    let heading = ["strategy", "from", "to", "images", "confidence", "accuracy"];
    let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let records = session.strategies.iter().zip(calibrations).flat_map(move |(strategy, calibration)| {
        bins(&calibration.reliability).into_iter().map(move |bin| {
            vec![
                strategy.name.clone(),
                bin.from.to_string(),
                bin.to.to_string(),
                bin.images.to_string(),
                number(bin.confidence),
                number(bin.accuracy),
            ]
        })
    });
    std::iter::once(heading.map(str::to_owned).to_vec()).chain(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_marked_where_it_should_end() {
        assert_eq!(bar(0.5, 0.75), format!("{}{}|{}", "#".repeat(20), ".".repeat(10), ".".repeat(9)));
        assert_eq!(bar(1.0, 0.0), format!("|{}", "#".repeat(39)));
        assert!(bar(0.0, 1.0).ends_with(".|"));
    }
}
