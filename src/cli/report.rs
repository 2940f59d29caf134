//! `report`: an experiment as an HTML page.

use std::path::Path;

use super::arguments::{ExperimentArguments, FlagArguments, Global, PairArguments, ReportArguments};
use super::experiment::{Opened, outcome};
use super::output::Output;
use super::{CommandError, Outcome};
use crate::workbench::{AtomicFile, HtmlReport, SessionOptions};

/// Pictures in the gallery unless somebody says otherwise.
pub const DEFAULT_GALLERY: usize = 24;

/// The file name that means standard output.
const STANDARD_OUTPUT: &str = "-";

pub fn run(command: &ReportArguments, global: &Global, output: &mut Output) -> Result<Outcome, CommandError> {
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
fn command_line(command: &ReportArguments) -> String {
    let PairArguments { experiment, a, b } = &command.pair;
    let ExperimentArguments { file, flags, precision } = experiment;
    let FlagArguments {
        checkpoint,
        images,
        class_names,
        first_label,
        templates,
        cupl,
        descriptors,
        descriptor_template,
        aggregation,
    } = flags;
    let path = |path: &Path| path.display().to_string();
    let mut words = vec!["cupl-tui".to_owned(), "report".to_owned()];
    words.extend(file.as_deref().map(|file| quoted(&path(file))));
    let flags = [
        ("--checkpoint", checkpoint.as_deref().map(path)),
        ("--images", images.as_deref().map(path)),
        ("--class-names", class_names.as_deref().map(path)),
        ("--first-label", first_label.map(|number| number.to_string())),
        ("--templates", templates.as_deref().map(path)),
        ("--cupl", cupl.as_deref().map(path)),
        ("--descriptors", descriptors.as_deref().map(path)),
        ("--descriptor-template", descriptor_template.as_ref().map(|template| template.text().to_owned())),
        ("--aggregation", aggregation.map(|aggregation| aggregation.to_string())),
        ("--precision", precision.map(|precision| precision.to_string())),
        ("--a", a.clone()),
        ("--b", b.clone()),
        ("--gallery", Some(command.gallery.to_string()).filter(|_| command.gallery != DEFAULT_GALLERY)),
    ];
    for (flag, value) in flags {
        words.extend(value.map(|value| format!("{flag} {}", quoted(&value))));
    }
    words.join(" ")
}

/// A word as a POSIX shell reads it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_-./:@%+=,".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::arguments::{Arguments, Command};
    use super::*;

    fn made_by(words: &[&str]) -> String {
        let words = [&["cupl-tui", "report"], words].concat();
        match Arguments::try_parse_from(words).unwrap().command {
            Some(Command::Report(command)) => command_line(&command),
            other => panic!("{other:?}"),
        }
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
