//! `prompts prune`: a strategy without the prompts that do harm, chosen on one part of the images and measured on the
//! other.

use clap::Args;
use serde::Serialize;

use crate::cli::context::{
    CommandError, ExperimentArguments, Format, Global, Opened, Outcome, Output, ProgressLine, introduce,
    outcome, percent, points, share,
};
use crate::workbench::{
    CalibrationOptions, Pruning, PruningOptions, Session, SessionOptions, check_prompt_set_name, p_words,
    proven_words,
};

/// Take out the prompts of a strategy that do harm: chosen on a part of the images, measured on the others
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cupl-tui prompts prune --strategy cupl                 the embedded demo
  cupl-tui prompts prune pets.toml --strategy cupl --save cupl-pruned
  cupl-tui prompts prune pets.toml --strategy cupl --dev-share 0.3 --seed 7 --format json

Labels decide which prompts go, so the accuracy on the development images is too good to be true; what counts is the
accuracy on the rest. The store counts how often the same rest was looked at: who chooses by what is seen there fits the
prompts to it.")]
pub struct Arguments {
    /// What to prune on.
    #[command(flatten)]
    pub experiment: ExperimentArguments,
    /// The strategy whose prompts are pruned
    #[arg(long, value_name = "NAME")]
    pub strategy: String,
    /// The share of each class's images that prompts are chosen on
    #[arg(long, value_name = "SHARE", default_value_t = CalibrationOptions::default().development_share, value_parser = share)]
    pub dev_share: f64,
    /// Which images these are
    #[arg(long, value_name = "N", default_value_t = CalibrationOptions::default().seed)]
    pub seed: u64,
    /// Save the prompts that are left in the store under this name
    #[arg(long, value_name = "NAME")]
    pub save: Option<String>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

pub fn run(command: &Arguments, global: &Global, output: &mut Output) -> Result<Outcome, CommandError> {
    if let Some(name) = &command.save {
        check_prompt_set_name(name).map_err(|error| CommandError::Usage(error.to_string()))?;
    }
    let named = std::slice::from_ref(&command.strategy);
    let opened = Opened::with_strategies(&command.experiment, named, global)?;
    let session = opened.evaluate(SessionOptions::default())?;
    let embeddings = opened.embed()?;
    let options = PruningOptions { development_share: command.dev_share, seed: command.seed };
    let progress = ProgressLine::stderr();
    let pruning = opened.workbench.prune(&session, &embeddings, 0, options, &opened.cancel, &|state| {
        progress.show(&state);
    });
    progress.finish();
    let pruning = pruning?;
    let saved = match command.save.as_ref().filter(|_| !pruning.removed.is_empty()) {
        Some(name) => {
            let saved = opened.workbench.save_pruned(name, &session, &pruning);
            let saved = saved.map_err(|error| CommandError::Usage(error.to_string()))?;
            Some(format!("{}@{}", saved.name, saved.version))
        }
        None => None,
    };
    match command.format {
        Format::Table => table(&session, &pruning, saved.as_deref(), output)?,
        Format::Json => {
            output.session_json(&session, report(&session, &pruning, options, saved.as_deref()), &[])?
        }
        Format::Csv => output.csv(records(&session, &pruning))?,
    }
    Ok(outcome(&session))
}

fn table(
    session: &Session,
    pruning: &Pruning,
    saved: Option<&str>,
    output: &mut Output,
) -> Result<(), CommandError> {
    introduce(session, output)?;
    let strategy = &session.strategies[pruning.strategy];
    let comparison = &pruning.comparison;
    let (low, high) = comparison.interval();
    if pruning.removed.is_empty() {
        output.line(&format!(
            "{}: none of {} prompts goes: without any one of them, no more of {} images are recognised",
            strategy.name,
            strategy.n_prompts(),
            pruning.development_images,
        ))?;
        return Ok(());
    }
    output.line(&format!(
        "{}: {} of {} prompts go, chosen on {} images ({} to {} there, which is too good to be true)",
        strategy.name,
        pruning.removed.len(),
        strategy.n_prompts(),
        pruning.development_images,
        percent(Some(pruning.development.0)),
        percent(Some(pruning.development.1)),
    ))?;
    output.line(&format!(
        "on the other {} images: {} to {}, {} [{}, {}], {} gained and {} lost ({}): {}",
        comparison.images,
        percent(Some(pruning.rest.0)),
        percent(Some(pruning.rest.1)),
        points(comparison.top1 / 100.0),
        points(low / 100.0),
        points(high / 100.0),
        comparison.gained.len(),
        comparison.lost.len(),
        p_words(comparison.mcnemar_p()),
        proven_words(comparison),
    ))?;
    output.line(&match pruning.looks {
        1 => "these images were looked at for the first time".to_owned(),
        looks => format!(
            "these images were looked at {looks} times now: the more often, the less they prove; --seed takes others"
        ),
    })?;
    if let Some(saved) = saved {
        output.line(&format!("saved as {saved}"))?;
    }
    output.table(&records(session, pruning))?;
    Ok(())
}

fn records(session: &Session, pruning: &Pruning) -> Vec<Vec<String>> {
    let prompts = &session.strategies[pruning.strategy].prompts;
    let mut records = vec![["class", "removed prompt"].map(str::to_owned).to_vec()];
    records.extend(pruning.removed.iter().map(|removed| {
        vec![session.classes[removed.class].clone(), prompts[removed.class][removed.prompt].clone()]
    }));
    records
}

#[derive(Serialize)]
struct PruneReport<'a> {
    experiment: &'a str,
    strategy: &'a str,
    development_share: f64,
    seed: u64,
    prompts: usize,
    development: DevelopmentPart,
    rest: RestPart,
    removed: Vec<RemovedPart<'a>>,
    saved: Option<&'a str>,
}

#[derive(Serialize)]
struct DevelopmentPart {
    images: usize,
    before: f64,
    after: f64,
}

#[derive(Serialize)]
struct RestPart {
    images: usize,
    before: f64,
    after: f64,
    difference: f64,
    interval: (f64, f64),
    gained: usize,
    lost: usize,
    mcnemar_p: f64,
    looks: u64,
}

#[derive(Serialize)]
struct RemovedPart<'a> {
    class: &'a str,
    prompt: &'a str,
}

fn report<'a>(
    session: &'a Session,
    pruning: &Pruning,
    options: PruningOptions,
    saved: Option<&'a str>,
) -> PruneReport<'a> {
    let strategy = &session.strategies[pruning.strategy];
    let comparison = &pruning.comparison;
    let (low, high) = comparison.interval();
    PruneReport {
        experiment: &session.experiment,
        strategy: &strategy.name,
        development_share: options.development_share,
        seed: options.seed,
        prompts: strategy.n_prompts(),
        development: DevelopmentPart {
            images: pruning.development_images,
            before: pruning.development.0,
            after: pruning.development.1,
        },
        rest: RestPart {
            images: comparison.images,
            before: pruning.rest.0,
            after: pruning.rest.1,
            difference: comparison.top1 / 100.0,
            interval: (low / 100.0, high / 100.0),
            gained: comparison.gained.len(),
            lost: comparison.lost.len(),
            mcnemar_p: comparison.mcnemar_p(),
            looks: pruning.looks,
        },
        removed: pruning
            .removed
            .iter()
            .map(|removed| RemovedPart {
                class: &session.classes[removed.class],
                prompt: &strategy.prompts[removed.class][removed.prompt],
            })
            .collect(),
        saved,
    }
}
