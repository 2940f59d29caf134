//! `doctor`: what the program finds where it runs, for a question or a report.

mod labels;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::json;

use crate::cli::context::{CommandError, Format, Global, Outcome, Output, store_place, warn};
use crate::store::damaged_files;
use crate::tui::theme::{ColorChoice, ColorDepth};
use crate::workbench::{
    CheckpointChoice, HubSettings, StorePlace, checkpoint_in_words, kernels, processor, short_size,
};

/// What this machine, terminal, store and checkpoint are like; `doctor labels`: what may be wrong with a dataset
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Arguments {
    /// What to look at instead of the machine.
    #[command(subcommand)]
    pub what: Option<DoctorCommand>,
    /// A checkpoint to look at: a directory, or OWNER/NAME of a hub [default: the demo's]
    #[arg(long, value_name = "DIR")]
    pub checkpoint: Option<PathBuf>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// What `doctor` looks at instead of the machine.
#[derive(Debug, Subcommand)]
pub enum DoctorCommand {
    Labels(labels::Arguments),
}

pub fn run(command: &Arguments, global: &Global, output: &mut Output) -> Result<Outcome, CommandError> {
    if let Some(DoctorCommand::Labels(command)) = &command.what {
        return labels::run(command, global, output);
    }
    let choice = command.checkpoint.as_deref().map_or(CheckpointChoice::Demo, CheckpointChoice::at);
    let place = store_place(global)?;
    let set_aside = set_aside(&place);
    let (store, checkpoint) =
        (store(&place), checkpoint_in_words(&choice, None).map_err(|error| error.to_string()));
    let usable = store.is_ok() && checkpoint.is_ok();
    let either = |finding: Result<String, String>| finding.unwrap_or_else(|problem| problem);
    let findings = [
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("terminal", terminal()),
        ("colours", colours(global.color)),
        ("cpu features", processor()),
        ("kernels", kernels()),
        ("threads", threads(global)),
        ("store", either(store)),
        ("set aside", set_aside),
        ("hub", hub()),
        ("checkpoint", either(checkpoint)),
    ];
    match command.format {
        Format::Json => {
            let map = findings.into_iter().map(|(name, finding)| (name.replace(' ', "_"), json!(finding)));
            output.json(&serde_json::Value::Object(map.collect()))?;
        }
        Format::Csv => {
            let heading = vec!["what".to_owned(), "finding".to_owned()];
            let records = findings.into_iter().map(|(name, finding)| vec![name.to_owned(), finding]);
            output.csv(std::iter::once(heading).chain(records))?;
        }
        Format::Table => {
            for (name, finding) in findings {
                output.line(&format!("{name:<13} {finding}"))?;
            }
        }
    }
    Ok(if usable { Outcome::Done } else { Outcome::Unusable })
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn terminal() -> String {
    let term = variable("TERM").unwrap_or_else(|| "TERM is not set".to_owned());
    let size = ratatui::crossterm::terminal::size()
        .map_or_else(|_| "size unknown".to_owned(), |(width, height)| format!("{width}x{height}"));
    let mut finding = format!("{term}, {size}");
    if !std::io::stdout().is_terminal() {
        finding.push_str(", standard output is not a terminal");
    }
    if variable("TMUX").is_some() {
        finding.push_str(", inside tmux");
    }
    finding
}

fn colours(choice: ColorChoice) -> String {
    let depth = match ColorDepth::detect(choice, |name| std::env::var(name).ok()) {
        ColorDepth::Mono => "none",
        ColorDepth::Sixteen => "16",
        ColorDepth::Indexed => "256",
        ColorDepth::True => "24 bits",
    };
    let because: Vec<String> = ["NO_COLOR", "COLORTERM"]
        .into_iter()
        .filter_map(|name| Some(format!("{name}={}", variable(name)?)))
        .collect();
    if because.is_empty() { depth.to_owned() } else { format!("{depth} ({})", because.join(", ")) }
}

fn threads(global: &Global) -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    match global.threads {
        Some(threads) => format!("{threads} (--threads), {cores} cores"),
        None => match variable("RAYON_NUM_THREADS") {
            Some(threads) => format!("{threads} (RAYON_NUM_THREADS), {cores} cores"),
            None => format!("{cores}, one a core"),
        },
    }
}

fn store(place: &StorePlace) -> Result<String, String> {
    let Some(path) = place.directory() else { return Ok("in memory".to_owned()) };
    let path_text = path.display();
    if !path.exists() {
        if let Some(file) = path.ancestors().find(|above| above.exists()).filter(|above| !above.is_dir()) {
            return Err(format!(
                "{path_text} cannot be made: {} is no directory; name another with --store",
                file.display()
            ));
        }
        return Ok(format!("{path_text}, not there yet"));
    }
    let described = place.open().and_then(|opened| {
        opened.notices.iter().for_each(|notice| warn(notice));
        let counts = opened.store.counts()?;
        let bytes = opened.store.size_on_disk()?;
        Ok(format!(
            "{path_text}, {:.1} MB: {} embeddings, {} prompt set versions, {} runs",
            bytes as f64 / 1e6,
            counts.vectors,
            counts.prompt_sets,
            counts.runs
        ))
    });
    described.map_err(|error| format!("{path_text}: {error}"))
}

/// Files of the store that were found damaged, with their age and size.
fn set_aside(place: &StorePlace) -> String {
    let found = match place.directory().map(damaged_files).unwrap_or(Ok(Vec::new())) {
        Ok(found) => found,
        Err(error) => return error.to_string(),
    };
    let described = found.iter().map(|files| {
        let name = files.path.file_name().unwrap_or_default().to_string_lossy();
        let age =
            files.modified.and_then(|time| time.elapsed().ok()).map(|age| format!(", {} old", in_days(age)));
        format!("{name} ({}{})", short_size(files.size), age.unwrap_or_default())
    });
    match found.is_empty() {
        true => "nothing".to_owned(),
        false => format!(
            "{}; `cupl-tui store remove-damaged` removes what was set aside as damaged",
            described.collect::<Vec<_>>().join(", ")
        ),
    }
}

/// `3 days`, or less in hours and minutes.
fn in_days(age: Duration) -> String {
    match age.as_secs() / 60 {
        minutes @ 0..60 => format!("{minutes} min"),
        minutes @ 60..2880 => format!("{} h", minutes / 60),
        minutes => format!("{} days", minutes / 1440),
    }
}

fn hub() -> String {
    let settings = match HubSettings::from_environment(variable) {
        Ok(settings) => settings,
        Err(error) => return error.to_string(),
    };
    let asked =
        if settings.offline { "not asked (HF_HUB_OFFLINE)".to_owned() } else { settings.endpoint.clone() };
    let token = if settings.token.is_some() { ", with a token" } else { "" };
    let there = if settings.cache.is_dir() { "" } else { " (not there yet)" };
    format!("{asked}{token}; cache {}{there}", settings.cache.display())
}
