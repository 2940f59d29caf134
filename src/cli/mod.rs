//! Arguments, subcommands, exit codes and printing. How anything is computed is not known here.
//!
//! A file a subcommand has its arguments and its `run`; `context/` has what they share.

mod bench;
mod calibrate;
mod checkpoints;
mod classes;
mod compare;
mod confusion;
mod context;
mod controls;
mod curve;
mod datasets;
mod doctor;
mod embed;
mod evaluate;
mod explain;
mod export;
mod generate;
mod misses;
mod prompts;
mod pull;
mod report;
mod runs;
mod screens;
mod settings;
mod store;
mod verify;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::text::terminal_text::is_unsafe;
use context::output::complain;
use context::{
    CommandError, ExperimentArguments, Global, INTERRUPTED, Outcome, Output, choose_instruction_set,
    set_threads,
};

/// The subcommands in the order of the help, each with the file of its `Arguments` and its `run`.
macro_rules! commands {
    ($($command:ident: $file:ident),* $(,)?) => {
        #[derive(Debug, Subcommand)]
        enum Command {
            $($command($file::Arguments)),*
        }

        impl Command {
            fn run(&self, global: &Global, output: &mut Output) -> Result<Outcome, CommandError> {
                match self {
                    $(Self::$command(arguments) => $file::run(arguments, global, output)),*
                }
            }
        }
    };
}

commands! {
    Evaluate: evaluate,
    Classes: classes,
    Compare: compare,
    Confusion: confusion,
    Generate: generate,
    Calibrate: calibrate,
    Curve: curve,
    Controls: controls,
    Misses: misses,
    Explain: explain,
    Report: report,
    Embed: embed,
    Pull: pull,
    Checkpoints: checkpoints,
    Export: export,
    Verify: verify,
    Datasets: datasets,
    Prompts: prompts,
    Runs: runs,
    Store: store,
    Bench: bench,
    Doctor: doctor,
}

/// A terminal workbench for prompt strategies of zero-shot image classifiers.
///
/// Compares hand-written templates with CuPL prompts (sentences about each class written by a language model), class by
/// class and image by image. Without arguments it opens an embedded demo, or asks which of your experiments to open once
/// there are some.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:
  cupl-tui                                   the workbench on the embedded demo, or on one of your experiments
  cupl-tui pets.toml                         the workbench on an experiment of yours
  cupl-tui --checkpoint clip-vit-base-patch32 --images pets/ \\
           --templates templates.txt --cupl pets.json
  cupl-tui evaluate pets.toml --format json  the same numbers without a terminal

Exit codes: 0 done, 1 done with skipped input, 2 usage or environment, 130 interrupted."
)]
struct Arguments {
    /// The experiment of the workbench.
    #[command(flatten)]
    experiment: ExperimentArguments,
    /// For every command.
    #[command(flatten)]
    global: Global,
    /// Without one, the workbench.
    #[command(subcommand)]
    command: Option<Command>,
}

/// Runs the program: 0 done, 1 done with skipped input or a difference, 2 usage or environment, 130 interrupted.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return misunderstood(&error),
    };
    let mut output = Output::stdout(arguments.global.color);
    let prepared = choose_instruction_set().and_then(|()| set_threads(arguments.global.threads));
    let done = prepared.and_then(|()| run(arguments, &mut output)).and_then(|outcome| {
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
        Err(error) if error.is_interruption() => {
            complain(&error.to_string());
            ExitCode::from(INTERRUPTED)
        }
        Err(error) => {
            let correction = match &error {
                CommandError::NoExperiment { file, .. } => mistyped_command(file),
                _ => None,
            };
            complain(&correction.unwrap_or_else(|| error.to_string()));
            ExitCode::from(2)
        }
    }
}

/// Help and version, or what is wrong with the arguments: those of a mistyped command are not the workbench's.
fn misunderstood(error: &clap::Error) -> ExitCode {
    let first = std::env::args_os().nth(1).map(PathBuf::from);
    match first.as_deref().and_then(mistyped_command).filter(|_| error.use_stderr()) {
        Some(correction) => {
            complain(&correction);
            ExitCode::from(2)
        }
        None if std::env::args_os().any(|argument| argument.to_string_lossy().contains(is_unsafe)) => {
            context::output::misunderstood(error);
            ExitCode::from(2)
        }
        None => error.exit(),
    }
}

/// What to say to somebody who named a file that is not there and may have meant a command.
fn mistyped_command(file: &Path) -> Option<String> {
    let word = file.to_str().filter(|word| !word.contains(['.', '/']) && !file.exists())?;
    let commands = Arguments::command();
    let names = commands.get_subcommands().map(clap::Command::get_name);
    let (distance, command) =
        names.map(|command| (strsim::damerau_levenshtein(word, command), command)).min()?;
    (1..=2).contains(&distance).then(|| {
        format!("there is no experiment file {word}; did you mean the command `cupl-tui {command}`?")
    })
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
        None => screens::open(&arguments.experiment, global),
        Some(command) => command.run(global, output),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command_line().debug_assert();
    }
}
