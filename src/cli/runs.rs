//! `runs`: earlier evaluations, as the store keeps them.

use serde_json::{Value, json};

use super::arguments::{Format, Global, RunsCommand};
use super::output::{Output, warn};
use super::{CommandError, Outcome, open_store, table};
use crate::store::Store;

pub fn run(command: RunsCommand, global: &Global, output: &mut Output) -> Result<Outcome, CommandError> {
    let store = open_store(global)?;
    match command {
        RunsCommand::List { format } => list(&read(&store)?, format, output)?,
        RunsCommand::Show { id, format } => show(&find(&store, &id)?, format, output)?,
    }
    Ok(Outcome::Done)
}

/// All runs, the newest first.
fn read(store: &Store) -> Result<Vec<Value>, CommandError> {
    let mut runs = Vec::new();
    for info in store.runs()? {
        let Some(text) = store.run(&info.id)? else { continue };
        match serde_json::from_str::<Value>(&text) {
            Ok(run) => runs.push(run),
            Err(error) => warn(&format!("run {} cannot be read: {error}", info.id)),
        }
    }
    runs.reverse();
    Ok(runs)
}

fn find(store: &Store, id: &str) -> Result<Value, CommandError> {
    let matching: Vec<Value> =
        read(store)?.into_iter().filter(|run| text(&run["id"]).starts_with(id)).collect();
    match matching.len() {
        1 => Ok(matching.into_iter().next().unwrap_or_default()),
        0 => Err(CommandError::Usage(format!("no run {id:?}: `cupl-tui runs list` shows what there is"))),
        n => Err(CommandError::Usage(format!("{n} runs begin with {id:?}: give more of the id"))),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn list(runs: &[Value], format: Format, output: &mut Output) -> Result<(), CommandError> {
    if format == Format::Json {
        output.json(&json!(runs))?;
        return Ok(());
    }
    let heading = ["id", "experiment", "strategy", "dataset", "checkpoint", "images", "top-1", "recall"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    rows.extend(runs.iter().map(|run| {
        vec![
            text(&run["id"]),
            text(&run["experiment"]),
            text(&run["strategy"]["name"]),
            text(&run["dataset"]["name"]),
            model(run),
            run["dataset"]["images"].to_string(),
            table::percent(run["top1"].as_f64()),
            table::percent(run["mean_per_class_recall"].as_f64()),
        ]
    }));
    if format == Format::Csv {
        output.csv(rows)?;
    } else if runs.is_empty() {
        output.line("No runs yet: `cupl-tui evaluate` makes some.")?;
    } else {
        for line in table::lines(&rows) {
            output.line(&line)?;
        }
    }
    Ok(())
}

fn show(run: &Value, format: Format, output: &mut Output) -> Result<(), CommandError> {
    let mut rows = vec![["class", "images", "correct", "accuracy"].map(str::to_owned).to_vec()];
    rows.extend(run["per_class"].as_array().into_iter().flatten().map(|class| {
        vec![
            text(&class["class"]),
            class["images"].to_string(),
            class["correct"].to_string(),
            table::percent(class["accuracy"].as_f64()),
        ]
    }));
    match format {
        Format::Json => output.json(run)?,
        Format::Csv => output.csv(rows)?,
        Format::Table => {
            output.heading(&format!(
                "{}  {} on {} with {}",
                text(&run["id"]),
                text(&run["strategy"]["name"]),
                text(&run["dataset"]["name"]),
                model(run)
            ))?;
            output.line(&format!(
                "top-1 {}  top-5 {}  mean per-class recall {}",
                table::percent(run["top1"].as_f64()),
                table::percent(run["top5"].as_f64()),
                table::percent(run["mean_per_class_recall"].as_f64())
            ))?;
            let sets: Vec<String> =
                run["strategy"]["prompt_sets"].as_array().into_iter().flatten().map(text).collect();
            output.line(&format!("prompt sets {}", sets.join(", ")))?;
            output.line("")?;
            for line in table::lines(&rows) {
                output.line(&line)?;
            }
        }
    }
    Ok(())
}

/// The checkpoint, and its precision where that is not the usual one.
fn model(run: &Value) -> String {
    let checkpoint = &run["checkpoint"];
    match checkpoint["precision"].as_str() {
        None | Some("f32") => text(&checkpoint["name"]),
        Some(precision) => format!("{} ({precision})", text(&checkpoint["name"])),
    }
}
