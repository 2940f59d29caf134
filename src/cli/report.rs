//! `report`: an experiment as an HTML page.

use std::path::PathBuf;

use clap::Args;

use crate::cli::context::{CommandError, Global, Opened, Outcome, Output, PairArguments, outcome};
use crate::workbench::{AtomicFile, HtmlReport, SessionOptions, quoted};

/// Write everything to one HTML page
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cupl-tui report                                   the embedded demo to report.html
  cupl-tui report pets.toml --b cupl --out pets.html
  cupl-tui report pets.toml --gallery 100 --out - | gzip > pets.html.gz

The leaderboard, what two strategies make of each class, what they take for what, and the most telling images: those that
B repairs, those that it breaks, and those that every strategy misses. The page holds its pictures and needs no network.
A is the baseline and B the first other strategy unless they are named.")]
pub struct Arguments {
    /// What to show.
    #[command(flatten)]
    pub pair: PairArguments,
    /// The file to write; `-` is standard output
    #[arg(long, value_name = "FILE", default_value = "report.html")]
    pub out: PathBuf,
    /// At most so many images
    #[arg(long, value_name = "N", default_value_t = DEFAULT_GALLERY)]
    pub gallery: usize,
}

/// Pictures in the gallery unless somebody says otherwise.
pub const DEFAULT_GALLERY: usize = HtmlReport::GALLERY;

/// The file name that means standard output.
const STANDARD_OUTPUT: &str = "-";

pub fn run(command: &Arguments, global: &Global, output: &mut Output) -> Result<Outcome, CommandError> {
    let opened = Opened::new(&command.pair.experiment, global)?;
    let pair = opened.pair(&command.pair)?;
    // A place that cannot be written to is found before a long wait.
    let file = match command.out.as_os_str() == STANDARD_OUTPUT {
        true => None,
        false => Some(AtomicFile::begin(&command.out)?),
    };
    let session = opened.evaluate(SessionOptions::default())?;
    let report = HtmlReport {
        session: &session,
        a: pair.a,
        b: pair.b,
        gallery: command.gallery,
        command: &command_line(command),
    };
    let page = report.page(&opened.cancel)?;
    match file {
        None => output.text(&page)?,
        Some(file) => {
            file.finish(page.as_bytes())?;
            output.line(&format!("{}: {} kB", command.out.display(), page.len().div_ceil(1000)))?;
        }
    }
    Ok(outcome(&session))
}

/// What makes the same page again: everything that decides it, and nothing about this machine.
fn command_line(command: &Arguments) -> String {
    let PairArguments { experiment, a, b } = &command.pair;
    let mut words = vec!["cupl-tui".to_owned(), "report".to_owned()];
    words.extend(experiment.file.as_deref().map(|file| quoted(&file.display().to_string())));
    words.extend(Some(experiment.flags().words()).filter(|words| !words.is_empty()));
    let flags = [
        ("--precision", experiment.precision.map(|precision| precision.to_string())),
        ("--a", a.clone()),
        ("--b", b.clone()),
        ("--gallery", Some(command.gallery.to_string()).filter(|_| command.gallery != DEFAULT_GALLERY)),
    ];
    for (flag, value) in flags {
        words.extend(value.map(|value| format!("{flag} {}", quoted(&value))));
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
        #[command(flatten)]
        _global: Global,
    }

    fn made_by(words: &[&str]) -> String {
        let words = [&["report"], words].concat();
        command_line(&Line::try_parse_from(words).unwrap().arguments)
    }

    #[test]
    fn the_command_says_what_decides_the_page() {
        assert_eq!(made_by(&["--out", "x.html", "--store", ":memory:"]), "cupl-tui report");
        assert_eq!(
            made_by(&["my pets.toml", "--precision", "int8", "--b", "it's", "--gallery", "3"]),
            r"cupl-tui report 'my pets.toml' --precision int8 --b 'it'\''s' --gallery 3"
        );
        assert_eq!(
            made_by(&["--images", "a/b", "--checkpoint", "clip", "--cupl", "カ.json", "--a", ""]),
            "cupl-tui report --checkpoint clip --images a/b --cupl カ.json --a ''"
        );
        assert_eq!(
            made_by(&["--descriptor-template", "{}: {descriptor}", "--descriptors", "d.json"]),
            "cupl-tui report --descriptors d.json --descriptor-template '{}: {descriptor}'"
        );
    }
}
