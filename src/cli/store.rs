//! `store`: looking after what is kept: carrying it to another machine, checking it, making it smaller.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use crate::cli::context::{CommandError, Format, Global, Outcome, Output, open_store, store_place};
use crate::files::temporary_file::{self, folder_of};
use crate::store::{DamagedFiles, StoreCounts, remove_damaged};
use crate::workbench::short_size;

/// Look after the store: export, import, verify, compact
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cupl-tui store export everything.cupl      embeddings, prompt sets, runs and paid answers in one file
  cupl-tui store import everything.cupl      the same, into this store
  cupl-tui store verify                      whether everything in it is whole
  cupl-tui store compact                     write it anew, without what is no longer used
  cupl-tui store remove-damaged              remove the files that were set aside as damaged

What cannot be made again (prompt sets and how they came about, answers of language models, runs, counters) has plain copies
beside the database, from which a database that is lost comes back at the next start.")]
pub struct Arguments {
    /// What is to be done.
    #[command(subcommand)]
    pub command: StoreCommand,
}

/// Its subcommands.
#[derive(Debug, Subcommand)]
pub enum StoreCommand {
    /// Write everything worth carrying to another machine to one file
    Export {
        /// The file, which is replaced only when the new one is complete
        file: PathBuf,
        /// How to print what it has
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Add the contents of an export to the store
    Import {
        /// The file; nothing is changed unless it is whole
        file: PathBuf,
        /// How to print what it has
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Read everything and say what is not whole; exit code 1 where something is not
    Verify {
        /// How to print it
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Write the database and the plain copies anew, without what is no longer used
    Compact {
        /// How to print it
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Remove the files that were set aside as damaged
    RemoveDamaged {
        /// How to print them
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
}

pub fn run(arguments: &Arguments, global: &Global, output: &mut Output) -> Result<Outcome, CommandError> {
    match &arguments.command {
        StoreCommand::Export { file, format } => {
            // What exports left there that were killed.
            temporary_file::sweep(folder_of(file));
            let counts = open_store(global)?.export(file)?;
            carried(&format!("{}: ", file.display()), file, &counts, *format, output)?;
        }
        StoreCommand::Import { file, format } => {
            let counts = open_store(global)?.import(file)?;
            carried("imported: ", file, &counts, *format, output)?;
        }
        StoreCommand::Verify { format } => return verify(global, *format, output),
        StoreCommand::Compact { format } => compact(global, *format, output)?,
        StoreCommand::RemoveDamaged { format } => removed(global, *format, output)?,
    }
    Ok(Outcome::Done)
}

/// What was carried in or out.
fn carried(
    before: &str,
    file: &Path,
    counts: &StoreCounts,
    format: Format,
    output: &mut Output,
) -> Result<(), CommandError> {
    let parts = [
        ("embeddings", counts.vectors),
        ("prompt_set_versions", counts.prompt_sets),
        ("runs", counts.runs),
        ("answers", counts.answers),
    ];
    match format {
        Format::Json => {
            let mut document = json!({"file": file.display().to_string()});
            parts.iter().for_each(|(name, count)| document[*name] = json!(count));
            output.json(&document)?;
        }
        Format::Csv => {
            let mut rows = vec![["what", "count"].map(str::to_owned).to_vec()];
            rows.extend(parts.iter().map(|(name, count)| vec![(*name).to_owned(), count.to_string()]));
            output.csv(rows)?;
        }
        Format::Table => {
            let words = parts.map(|(name, count)| format!("{count} {}", name.replace('_', " ")));
            output.line(&format!("{before}{}", words.join(", ")))?;
        }
    }
    Ok(())
}

fn verify(global: &Global, format: Format, output: &mut Output) -> Result<Outcome, CommandError> {
    let verified = open_store(global)?.verify()?;
    let mut rows = vec![["part", "total", "damaged"].map(str::to_owned).to_vec()];
    rows.extend(
        verified
            .parts
            .iter()
            .map(|part| vec![part.part.to_owned(), part.total.to_string(), part.damaged.to_string()]),
    );
    match format {
        Format::Json => output.json(&json!({
            "whole": verified.is_whole(),
            "parts": verified.parts,
            "problems": verified.problems,
        }))?,
        Format::Csv => output.csv(rows)?,
        Format::Table => {
            output.table(&rows)?;
            output.line("")?;
            verified.problems.iter().try_for_each(|problem| output.line(problem))?;
            output.line(match verified.is_whole() {
                true => "Everything is whole.",
                false => {
                    "What is damaged counts as absent: embeddings and evaluations are made again. `cupl-tui store compact` drops it."
                }
            })?;
        }
    }
    Ok(if verified.is_whole() { Outcome::Done } else { Outcome::Different })
}

fn compact(global: &Global, format: Format, output: &mut Output) -> Result<(), CommandError> {
    let compacted = open_store(global)?.compact()?;
    match format {
        Format::Json => output.json(&compacted)?,
        Format::Csv => output.csv(vec![
            ["before", "after"].map(str::to_owned).to_vec(),
            vec![compacted.before.to_string(), compacted.after.to_string()],
        ])?,
        Format::Table => output.line(&format!(
            "{} before, {} now",
            short_size(compacted.before),
            short_size(compacted.after)
        ))?,
    }
    Ok(())
}

fn removed(global: &Global, format: Format, output: &mut Output) -> Result<(), CommandError> {
    let place = store_place(global)?;
    let removed = place.directory().map(remove_damaged).transpose()?.unwrap_or_default();
    let size = |files: &DamagedFiles| short_size(files.size);
    match format {
        Format::Json => {
            let list = removed
                .iter()
                .map(|files| json!({"path": files.path.display().to_string(), "bytes": files.size}));
            output.json(&json!({"removed": list.collect::<Vec<_>>()}))?;
        }
        Format::Csv => {
            let mut rows = vec![["path", "bytes"].map(str::to_owned).to_vec()];
            rows.extend(
                removed.iter().map(|files| vec![files.path.display().to_string(), files.size.to_string()]),
            );
            output.csv(rows)?;
        }
        Format::Table if removed.is_empty() => output.line("Nothing was set aside as damaged.")?,
        Format::Table => {
            for files in &removed {
                output.line(&format!("removed {} ({})", files.path.display(), size(files)))?;
            }
        }
    }
    Ok(())
}
