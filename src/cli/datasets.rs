//! `datasets inspect`: what a dataset is before anything is embedded.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::context::{
    CommandError, Format, Global, Outcome, Output, ProgressLine, cancel_on_signals, warn,
};
use crate::workbench::{
    ClassNamesChoice, DatasetChoice, DatasetInspection, EqualPictures, NumberRange, inspect_dataset,
};

/// Look at images before anything is embedded
#[derive(Debug, Args)]
pub struct Arguments {
    /// What is to be done.
    #[command(subcommand)]
    pub command: DatasetsCommand,
}

/// Its subcommands.
#[derive(Debug, Subcommand)]
pub enum DatasetsCommand {
    Inspect(InspectArguments),
}

/// What a dataset was recognised as: classes, sizes, unreadable files, equal pictures
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cupl-tui datasets inspect pets/test
  cupl-tui datasets inspect wds_cifar10/test --format json
  cupl-tui datasets inspect imagenet/val --class-names imagenet_class_index.json --decode

Each file is read once. Equal pictures are equal byte by byte: in one class they count twice, in two classes their labels
contradict each other. CSV has the classes. Exit code 1 says that something cannot be read.")]
pub struct InspectArguments {
    /// A folder with a sub-folder per class, a CSV, TSV or JSONL of path and label, tar shards, Parquet, or `demo`; `PATH#SPLIT`
    /// means a part of it
    pub path: PathBuf,
    /// From folder names to class names: a JSON object or list, a two-column CSV, or a list of ImageNet's synsets
    #[arg(long, value_name = "FILE")]
    pub class_names: Option<PathBuf>,
    /// The label that the first name of a list of class names stands for [default: 0]
    #[arg(long, value_name = "NUMBER")]
    pub first_label: Option<u64>,
    /// Decode every picture: finds what is broken behind a header
    #[arg(long)]
    pub decode: bool,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// How many lines of a kind are printed.
const SHOWN: usize = 20;

pub fn run(arguments: &Arguments, _: &Global, output: &mut Output) -> Result<Outcome, CommandError> {
    let DatasetsCommand::Inspect(command) = &arguments.command;
    let cancel = cancel_on_signals()?;
    let progress = ProgressLine::stderr();
    let choice = choice(command)?;
    let found = inspect_dataset(&choice, command.decode, &cancel, &|state| progress.show(&state));
    progress.finish();
    let found = found?;
    match command.format {
        Format::Table => table(&found, output)?,
        Format::Json => output.json(&found)?,
        Format::Csv => output.csv(records(&found))?,
    }
    Ok(if found.unreadable.is_empty() { Outcome::Done } else { Outcome::Skipped })
}

fn choice(command: &InspectArguments) -> Result<DatasetChoice, CommandError> {
    let class_names = command.class_names.clone().map(ClassNamesChoice::File);
    let choice = DatasetChoice::at(&command.path, class_names, command.first_label);
    if (command.class_names.is_some() || command.first_label.is_some()) && choice == DatasetChoice::Demo {
        let problem =
            "the demo images have their class names already: remove --class-names and --first-label";
        return Err(CommandError::Usage(problem.into()));
    }
    Ok(choice)
}

fn table(found: &DatasetInspection, output: &mut Output) -> Result<(), CommandError> {
    found.notes.iter().for_each(|note| warn(note));
    output.heading(&format!(
        "{}: {}, {} classes, {} images",
        found.name,
        found.form,
        found.classes.len(),
        found.images
    ))?;
    if let Some(split) = &found.split {
        let others = match found.other_splits.as_slice() {
            [] => String::new(),
            others => format!("; there are also {}", others.join(", ")),
        };
        output.line(&format!("split: {split}{others}"))?;
    }
    output.line(&format!("labels: {}", found.labels))?;
    let spread = |spread: Option<NumberRange>| match spread {
        Some(NumberRange { min, median, max }) => format!("{min} to {max}, median {median}"),
        None => "none".to_owned(),
    };
    output.line(&format!("images a class: {}", spread(found.images_per_class)))?;
    let formats: Vec<String> =
        found.formats.iter().map(|(format, images)| format!("{format} {images}")).collect();
    output.line(&format!(
        "formats: {}",
        if formats.is_empty() { "none".to_owned() } else { formats.join(", ") }
    ))?;
    output.line(&format!("width: {} pixels; height: {}", spread(found.width), spread(found.height)))?;
    if !found.ignored.is_empty() {
        output.line(&format!("files that are no pictures: {}", found.ignored.len()))?;
    }

    let mut rows = vec![["class", "called", "images"].map(str::to_owned).to_vec()];
    rows.extend(
        found
            .classes
            .iter()
            .map(|class| vec![class.folder.clone(), class.name.clone(), class.images.to_string()]),
    );
    output.table(&rows)?;

    let how = if found.decoded { "all were decoded" } else { "by their headers; --decode looks further" };
    let lines = found.unreadable.iter().map(|image| format!("{}: {}", image.name, image.reason));
    section(&format!("unreadable ({how})"), lines.collect(), output)?;
    let equal = |conflict: bool| {
        let groups = found.duplicates.iter().filter(|group| group.is_conflict() == conflict);
        groups.map(words).collect::<Vec<_>>()
    };
    section("the same picture several times in one class", equal(false), output)?;
    section("the same picture in several classes: labels contradict each other", equal(true), output)
}

fn words(group: &EqualPictures) -> String {
    group.images.join(" = ")
}

/// What there is of a kind, on a line each; `none` where there is nothing.
fn section(title: &str, lines: Vec<String>, output: &mut Output) -> Result<(), CommandError> {
    output.line("")?;
    if lines.is_empty() {
        output.line(&format!("{title}: none"))?;
        return Ok(());
    }
    output.heading(&format!("{title}: {}", lines.len()))?;
    for line in lines.iter().take(SHOWN) {
        output.line(&format!("  {line}"))?;
    }
    if lines.len() > SHOWN {
        output.line(&format!("  and {} more; --format json has all", lines.len() - SHOWN))?;
    }
    Ok(())
}

/// A record for each class.
fn records(found: &DatasetInspection) -> impl Iterator<Item = Vec<String>> {
    let heading = ["class", "called", "images"].map(str::to_owned).to_vec();
    let classes = found.classes.iter();
    std::iter::once(heading)
        .chain(classes.map(|class| vec![class.folder.clone(), class.name.clone(), class.images.to_string()]))
}
