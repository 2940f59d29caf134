//! Arguments, subcommands, exit codes and printing. How anything is computed is not known here.

mod arguments;
mod bench;
mod calibrate;
mod checkpoints;
mod classes;
mod compare;
mod confusion;
mod controls;
mod curve;
mod datasets;
mod doctor;
mod embed;
mod evaluate;
mod experiment;
mod experiment_prompts;
mod explain;
mod export;
mod generate;
mod labels;
mod lint;
mod misses;
mod output;
mod prompts;
mod prune;
mod pull;
mod report;
mod runs;
mod settings;
mod table;
mod verify;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::store::{OpenedStore, Store};
use crate::terminal_text::is_unsafe;
use crate::tui;
use crate::workbench::{Cancel, Memory, StorePlace, WorkbenchError};
use arguments::{Arguments, Command, ExperimentArguments, Global};
use output::Output;
use settings::Settings;

/// How a command ended without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Everything was done.
    Done,
    /// Done, but some input was skipped.
    Skipped,
    /// Made again, something came out another way; the output says what.
    Different,
    /// What was looked at cannot be used; the output says why.
    Unusable,
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// From the workbench, with what to do.
    #[error(transparent)]
    Workbench(#[from] WorkbenchError),
    /// From the store.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// From a prompt file.
    #[error(transparent)]
    Prompt(#[from] crate::prompts::PromptError),
    /// The arguments or the environment.
    #[error("{0}")]
    Usage(String),
    /// Standard output is gone.
    #[error("cannot write the output: {0}")]
    Output(#[from] std::io::Error),
}

/// The exit code when somebody interrupted: 128 and SIGINT's number.
const INTERRUPTED: u8 = 130;

/// Runs the program: 0 done, 1 done with skipped input or a difference, 2 usage or environment, 130 interrupted.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return misunderstood(&error),
    };
    let mut output = Output::stdout(arguments.global.color.into());
    let threads = set_threads(arguments.global.threads);
    let done = threads.and_then(|()| run(arguments, &mut output)).and_then(|outcome| {
        output.flush()?;
        Ok(outcome)
    });
    match done {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Skipped | Outcome::Different) => ExitCode::from(1),
        Ok(Outcome::Unusable) => ExitCode::from(2),
        Err(CommandError::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(CommandError::Workbench(WorkbenchError::Cancelled)) => {
            output::complain(&WorkbenchError::Cancelled.to_string());
            ExitCode::from(INTERRUPTED)
        }
        Err(error) => {
            output::complain(&error.to_string());
            ExitCode::from(2)
        }
    }
}

/// Sets how many threads encode and evaluate. Without a wish it is one a core, and none is started before there is work.
fn set_threads(wish: Option<u16>) -> Result<(), CommandError> {
    let Some(threads) = wish else { return Ok(()) };
    rayon::ThreadPoolBuilder::new()
        .num_threads(usize::from(threads))
        .build_global()
        .map_err(|error| CommandError::Usage(format!("threads cannot be started: {error}")))
}

/// Help and version, or what is wrong with the arguments: those of a mistyped command are not the workbench's.
fn misunderstood(error: &clap::Error) -> ExitCode {
    let first = std::env::args_os().nth(1).map(PathBuf::from);
    match first.as_deref().and_then(arguments::mistyped_command).filter(|_| error.use_stderr()) {
        Some(correction) => {
            output::complain(&correction);
            ExitCode::from(2)
        }
        None if std::env::args_os().any(|argument| argument.to_string_lossy().contains(is_unsafe)) => {
            output::misunderstood(error);
            ExitCode::from(2)
        }
        None => error.exit(),
    }
}

/// The subcommands and their arguments.
pub fn command_line() -> clap::Command {
    Arguments::command()
}

fn run(arguments: Arguments, output: &mut Output) -> Result<Outcome, CommandError> {
    let global = &arguments.global;
    if arguments.command.is_some() && !arguments.experiment.is_empty() {
        return Err(CommandError::Usage(
            "the experiment stands before the command, where it means the workbench's: name it after the command, \
             as in `cupl-tui evaluate pets.toml`"
                .into(),
        ));
    }
    match arguments.command {
        None => open_workbench(&arguments.experiment, global),
        Some(Command::Evaluate(command)) => evaluate::run(&command, global, output),
        Some(Command::Classes(command)) => classes::run(&command, global, output),
        Some(Command::Compare(command)) => compare::run(&command, global, output),
        Some(Command::Calibrate(command)) => calibrate::run(&command, global, output),
        Some(Command::Curve(command)) => curve::run(&command, global, output),
        Some(Command::Confusion(command)) => confusion::run(&command, global, output),
        Some(Command::Controls(command)) => controls::run(&command, global, output),
        Some(Command::Misses(command)) => misses::run(&command, global, output),
        Some(Command::Explain(command)) => explain::run(&command, global, output),
        Some(Command::Report(command)) => report::run(&command, global, output),
        Some(Command::Embed(command)) => embed::run(&command, global, output),
        Some(Command::Generate(command)) => generate::run(&command, global, output),
        Some(Command::Pull(command)) => pull::run(&command, output),
        Some(Command::Checkpoints(command)) => checkpoints::run(&command, output),
        Some(Command::Export(command)) => export::run(&command, global, output),
        Some(Command::Prompts(command)) => prompts::run(command, global, output),
        Some(Command::Runs(command)) => runs::run(command, global, output),
        Some(Command::Bench(command)) => bench::run(&command, output),
        Some(Command::Verify(command)) => verify::run(&command, global, output),
        Some(Command::Datasets(command)) => datasets::run(&command, output),
        Some(Command::Doctor(command)) => doctor::run(&command, global, output),
    }
}

fn open_workbench(arguments: &ExperimentArguments, global: &Global) -> Result<Outcome, CommandError> {
    let settings = Settings::read();
    let memory = Memory::new(settings::state_dir());
    // Without arguments: the demo, unless there is something of the user's own to choose from.
    let start = match arguments.is_empty() && !memory.recents().is_empty() {
        true => None,
        false => Some((arguments.origin(), arguments.experiment()?)),
    };
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    if !std::io::stdout().is_terminal() || is_dumb {
        let what = if is_dumb { "TERM=dumb" } else { "standard output" };
        return Err(CommandError::Usage(format!(
            "the workbench needs a terminal that can place text, and {what} is not one.\n\
             Without one, `cupl-tui evaluate --format json` gives the same numbers."
        )));
    }
    let variable = |name: &str| std::env::var(name).ok();
    let options = settings.options(global, speaks_utf8(variable), variable);
    let ending = tui::run(start, store_place(global)?, memory, options)
        .map_err(|error| CommandError::Usage(format!("the terminal cannot be used: {error}")))?;
    match ending {
        tui::Ending::Quit => Ok(Outcome::Done),
        tui::Ending::Interrupted => Err(WorkbenchError::Cancelled.into()),
        tui::Ending::Failed(message) => Err(CommandError::Usage(message)),
    }
}

/// Whether the locale's character set is UTF-8. Without any locale set, and with one that names no character set,
/// terminals of today are taken to be.
fn speaks_utf8(variable: impl Fn(&str) -> Option<String>) -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(|name| variable(name).filter(|value| !value.is_empty()))
        .unwrap_or_default()
        .to_ascii_lowercase();
    match locale.split_once('.') {
        Some((_, charset)) => charset.starts_with("utf-8") || charset.starts_with("utf8"),
        None => locale != "c" && locale != "posix",
    }
}

/// Where the store is: `--store`, else `$XDG_DATA_HOME/cupl-tui`, else `~/.local/share/cupl-tui`.
fn store_place(global: &Global) -> Result<StorePlace, CommandError> {
    if let Some(path) = &global.store {
        let in_memory = path.as_os_str() == ":memory:";
        return Ok(if in_memory { StorePlace::in_memory() } else { StorePlace::Directory(path.clone()) });
    }
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
        .map(|data| StorePlace::Directory(data.join("cupl-tui")))
        .ok_or_else(|| {
            CommandError::Usage(
                "neither XDG_DATA_HOME nor HOME says where to keep the store: name a directory with --store DIR"
                    .into(),
            )
        })
}

/// Opens the store; what the user should know about it goes to standard error.
fn open_store(global: &Global) -> Result<Store, CommandError> {
    let OpenedStore { store, notices } = store_place(global)?.open()?;
    notices.iter().for_each(|notice| output::warn(notice));
    Ok(store)
}

/// A cancel flag that Ctrl-C and SIGTERM raise; a second Ctrl-C ends the program at once.
fn cancel_on_signals() -> Result<Cancel, CommandError> {
    let cancel = Cancel::default();
    let flag = cancel.flag();
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, i32::from(INTERRUPTED), flag.clone())?;
        signal_hook::flag::register(signal, flag.clone())?;
    }
    Ok(cancel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locale_decides_about_utf8() {
        let with = |pairs: &'static [(&str, &str)]| {
            speaks_utf8(move |name| {
                pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            })
        };
        assert!(with(&[]));
        assert!(with(&[("LANG", "en_US.UTF-8")]));
        assert!(with(&[("LANG", "C.utf8")]));
        assert!(with(&[("LANG", "en_US")]));
        assert!(!with(&[("LANG", "C")]));
        assert!(!with(&[("LANG", "en_US.UTF-8"), ("LC_ALL", "de_DE.ISO-8859-1")]));
    }
}
