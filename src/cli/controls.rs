//! `controls`: what is left of a strategy's accuracy without what its prompts say.

use std::io;

use clap::Args;
use serde::Serialize;

use crate::cli::context::{
    CommandError, ExperimentArguments, Format, Global, Opened, Outcome, Output, introduce, outcome, percent,
    points,
};
use crate::workbench::{ControlResult, Controls, Session, SessionOptions, control_verdict};

/// What a strategy gains over prompts that say less
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cupl-tui controls                                 the embedded demo, every strategy in turn
  cupl-tui controls pets.toml --strategy cupl
  cupl-tui controls pets.toml --strategy cupl --seeds 10 --format json

Each control takes something away from the strategy's prompts and keeps its aggregation:
  class-name  the class name alone
  template    one plain template: a photo of a {}.
  random      as many prompts with two random words or character strings, the same for every class (WaffleCLIP)
  shuffled    the prompts of another class, with the own class's name in them
  no-name     the strategy's prompts with \"object\" or \"it\" for the class name
random and shuffled are made with several seeds: mean and standard deviation (sd). The gain is the strategy's top-1
accuracy minus the control's, with the 95 % interval of a paired bootstrap over the images. In JSON and CSV, accuracies
and differences are from 0 to 1.")]
pub struct Arguments {
    /// What to evaluate.
    #[command(flatten)]
    pub experiment: ExperimentArguments,
    /// Only this strategy; may be given several times
    #[arg(long = "strategy", value_name = "NAME")]
    pub strategies: Vec<String>,
    /// How often controls with chance in them are made
    #[arg(long, value_name = "K", default_value_t = crate::workbench::CONTROL_SEEDS as u16, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub seeds: u16,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

pub fn run(command: &Arguments, global: &Global, output: &mut Output) -> Result<Outcome, CommandError> {
    let mut opened = Opened::with_strategies(&command.experiment, &command.strategies, global)?;
    let seeds = usize::from(command.seeds);
    let strategies = opened.workbench.strategy_names();
    opened.workbench.set_controls(strategies, seeds)?;
    let session = opened.evaluate(SessionOptions { ranked: 1, ..SessionOptions::default() })?;
    match command.format {
        Format::Table => table(&session, output)?,
        Format::Json => output.session_json(&session, report(&session, seeds), &[])?,
        Format::Csv => output.csv(records(&session))?,
    }
    Ok(outcome(&session))
}

fn table(session: &Session, output: &mut Output) -> io::Result<()> {
    introduce(session, output)?;
    for controls in &session.controls {
        let strategy = &session.strategies[controls.strategy];
        let mut rows = vec![
            [strategy.name.as_str(), "prompts", "seeds", "top-1", "sd", "recall", "gain", "95 % interval"]
                .map(str::to_owned)
                .to_vec(),
            vec![
                "the strategy itself".to_owned(),
                strategy.n_prompts().to_string(),
                String::new(),
                percent(Some(strategy.evaluation.top1())),
                String::new(),
                percent(Some(strategy.evaluation.mean_per_class_recall())),
            ],
        ];
        rows.extend(controls.results.iter().map(row));
        output.table(&rows)?;
        if let Some(verdict) = verdict(session, controls) {
            output.line(&verdict)?;
        }
    }
    Ok(())
}

fn row(control: &ControlResult) -> Vec<String> {
    let (low, high) = control.gain.interval;
    vec![
        control.kind.words().to_owned(),
        control.prompts.to_string(),
        control.seeds.len().to_string(),
        percent(Some(control.top1().mean)),
        control.top1().sd.map_or_else(String::new, |sd| format!("{:.2}", 100.0 * sd)),
        percent(Some(control.mean_per_class_recall().mean)),
        points(control.gain.difference),
        format!("{} to {}", points(low), points(high)),
    ]
}

/// What the control of random words says.
fn verdict(session: &Session, controls: &Controls) -> Option<String> {
    let strategy = &session.strategies[controls.strategy].name;
    Some(control_verdict(strategy, controls.random()?, "-"))
}

#[derive(Serialize)]
struct ControlsReport<'a> {
    experiment: &'a str,
    seeds: usize,
    strategies: Vec<StrategyPart<'a>>,
}

#[derive(Serialize)]
struct StrategyPart<'a> {
    strategy: &'a str,
    prompts: usize,
    top1: f64,
    mean_per_class_recall: f64,
    verdict: Option<String>,
    controls: Vec<ControlPart<'a>>,
}

#[derive(Serialize)]
struct ControlPart<'a> {
    control: &'a str,
    prompts: usize,
    seeds: usize,
    top1: f64,
    top1_sd: Option<f64>,
    top1_per_seed: Vec<f64>,
    top5: f64,
    mean_per_class_recall: f64,
    mean_per_class_recall_sd: Option<f64>,
    difference: f64,
    interval: (f64, f64),
}

fn report(session: &Session, seeds: usize) -> ControlsReport<'_> {
    let strategies = session.controls.iter().map(|controls| {
        let strategy = &session.strategies[controls.strategy];
        StrategyPart {
            strategy: &strategy.name,
            prompts: strategy.n_prompts(),
            top1: strategy.evaluation.top1(),
            mean_per_class_recall: strategy.evaluation.mean_per_class_recall(),
            verdict: verdict(session, controls),
            controls: controls.results.iter().map(part).collect(),
        }
    });
    ControlsReport { experiment: &session.experiment, seeds, strategies: strategies.collect() }
}

fn part(control: &ControlResult) -> ControlPart<'_> {
    let (top1, recall) = (control.top1(), control.mean_per_class_recall());
    ControlPart {
        control: control.kind.name(),
        prompts: control.prompts,
        seeds: control.seeds.len(),
        top1: top1.mean,
        top1_sd: top1.sd,
        top1_per_seed: control.seeds.iter().map(|accuracy| accuracy.top1).collect(),
        top5: control.top5().mean,
        mean_per_class_recall: recall.mean,
        mean_per_class_recall_sd: recall.sd,
        difference: control.gain.difference,
        interval: control.gain.interval,
    }
}

fn records(session: &Session) -> impl Iterator<Item = Vec<String>> {
    let heading = [
        "strategy",
        "control",
        "prompts",
        "seeds",
        "top1",
        "top1_sd",
        "mean_per_class_recall",
        "difference",
        "interval_low",
        "interval_high",
    ];
    let records = session.controls.iter().flat_map(|controls| {
        controls.results.iter().map(|control| {
            let part = part(control);
            vec![
                session.strategies[controls.strategy].name.clone(),
                part.control.to_owned(),
                part.prompts.to_string(),
                part.seeds.to_string(),
                part.top1.to_string(),
                part.top1_sd.map(|sd| sd.to_string()).unwrap_or_default(),
                part.mean_per_class_recall.to_string(),
                part.difference.to_string(),
                part.interval.0.to_string(),
                part.interval.1.to_string(),
            ]
        })
    });
    std::iter::once(heading.map(str::to_owned).to_vec()).chain(records)
}
