//! `misses`: images by what the strategies make of them, and copies of them.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use crate::cli::context::{
    CommandError, Format, Global, Opened, Outcome, Output, Pair, PairArguments, Sequence, StatusLine,
    introduce, named, outcome, warn, write_csv,
};
use crate::workbench::{
    Cancel, ConfusionCell, Focus, ImageFilter, ImageSelection, PictureFolder, Session, SessionOptions,
    WorkbenchError, margin,
};

/// The images that strategies miss, or other ones, and copies of them
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cupl-tui misses                                   the demo's images that A or B misses
  cupl-tui misses pets.toml --filter lost --format csv > lost.csv
  cupl-tui misses pets.toml --class beagle --predicted basset --strategy cupl
  cupl-tui misses pets.toml --filter confident --most 100 --copy-to look-at-these

For each image and strategy: the predicted class and its probability, the probability and the rank of the true class, and
the margin: the probability of the true class minus that of the best other one. --copy-to makes the folder
TRUE-CLASS/FILE for each picture, and misses.csv.")]
pub struct Arguments {
    /// What to look at.
    #[command(flatten)]
    pub pair: PairArguments,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Which images: missed (by A or B), missed-a, missed-b, gained (missed by A, right with B), lost, missed-all (by
    /// every strategy), confident (missed with a probability of at least 0.5, the highest first), all [default: missed;
    /// all with --predicted]
    #[arg(long, value_name = "FILTER", value_parser = named(&ImageFilter::ALL, ImageFilter::name))]
    pub filter: Option<ImageFilter>,
    /// Only images of this class
    #[arg(long, value_name = "NAME")]
    pub class: Option<String>,
    /// Only images that were taken for this class by --strategy
    #[arg(long, value_name = "NAME", requires = "class")]
    pub predicted: Option<String>,
    /// Whose predictions --predicted means [default: B]; they are shown too
    #[arg(long, value_name = "NAME", requires = "predicted")]
    pub strategy: Option<String>,
    /// Only images with this in their path, ignoring case
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub name: String,
    /// At most so many images
    #[arg(long, value_name = "N")]
    pub most: Option<usize>,
    /// Copy the pictures to a new folder, a sub-folder for each class
    #[arg(long, value_name = "DIR")]
    pub copy_to: Option<PathBuf>,
}

/// How many pictures are copied from one sign of life to the next.
const COPIES: usize = 50;

pub fn run(command: &Arguments, global: &Global, output: &mut Output) -> Result<Outcome, CommandError> {
    let opened = Opened::new(&command.pair.experiment, global)?;
    let pair = opened.pair(&command.pair)?;
    let class = |name: &Option<String>| -> Result<Option<usize>, WorkbenchError> {
        name.as_deref().map(|name| opened.workbench.class(name)).transpose()
    };
    let (truth, predicted) = (class(&command.class)?, class(&command.predicted)?);
    let strategy = command.strategy.as_deref().map(|name| opened.workbench.strategy(name)).transpose()?;
    let copies = command.copy_to.as_deref().map(PictureFolder::begin).transpose()?;
    let session = opened.evaluate(SessionOptions::default())?;

    let cell = truth.zip(predicted).map(|(truth, predicted)| {
        let strategy = strategy.unwrap_or(pair.b);
        ConfusionCell { strategy, truth, predicted }
    });
    let usual = match cell {
        Some(_) => ImageFilter::Every,
        None if pair.is_alone() => ImageFilter::MissedByA,
        None => ImageFilter::Missed,
    };
    let selection = ImageSelection {
        filter: command.filter.unwrap_or(usual),
        class: truth,
        cell,
        name: command.name.clone(),
    };
    let every: Vec<usize> = (0..session.strategies.len()).collect();
    let mut images = selection.images(&session, &Focus { a: pair.a, b: pair.b, shown: &every });
    let found = images.len();
    images.truncate(command.most.unwrap_or(usize::MAX));
    let mut strategies = pair.strategies();
    strategies.extend(strategy.filter(|strategy| !strategies.contains(strategy)));
    let list = List { session: &session, pair, selection, strategies, images, found };

    if let (Some(folder), Some(target)) = (copies, &command.copy_to) {
        list.copy_to(folder, target, &opened.cancel)?;
    }
    match command.format {
        Format::Table => list.print_table(output)?,
        Format::Json => output.session_json(&session, list.report(), &[])?,
        Format::Csv => output.csv(list.records())?,
    }
    Ok(outcome(&session))
}

/// Images with what strategies make of them.
struct List<'a> {
    session: &'a Session,
    pair: Pair,
    selection: ImageSelection,
    /// The strategies that are shown.
    strategies: Vec<usize>,
    /// Indices into the session's images.
    images: Vec<usize>,
    /// How many there are without a limit.
    found: usize,
}

#[derive(Serialize)]
struct MissesReport<'a, I> {
    experiment: &'a str,
    a: &'a str,
    b: Option<&'a str>,
    filter: &'a str,
    found: usize,
    images: I,
}

#[derive(Serialize)]
struct ImagePart<'a> {
    image: &'a str,
    label: &'a str,
    strategies: Vec<StrategyPart<'a>>,
}

/// What one strategy makes of one image.
#[derive(Serialize)]
struct StrategyPart<'a> {
    strategy: &'a str,
    predicted: &'a str,
    probability: f32,
    label_probability: f32,
    label_rank: u32,
    margin: Option<f32>,
}

impl<'a> List<'a> {
    fn parts(&self, image: usize) -> impl Iterator<Item = StrategyPart<'a>> {
        let session = self.session;
        self.strategies.iter().map(move |&strategy| {
            let evaluation = &session.strategies[strategy].evaluation;
            let prediction = evaluation.prediction(image);
            StrategyPart {
                strategy: &session.strategies[strategy].name,
                predicted: &session.classes[prediction.class as usize],
                probability: prediction.probability,
                label_probability: evaluation.true_probability[image],
                label_rank: evaluation.true_rank[image],
                margin: margin(session, strategy, image),
            }
        })
    }

    fn name(&self, image: usize) -> &'a str {
        &self.session.images[image].name
    }

    fn label(&self, image: usize) -> &'a str {
        &self.session.classes[self.session.images[image].label]
    }

    fn report(&self) -> impl Serialize {
        MissesReport {
            experiment: &self.session.experiment,
            a: &self.session.strategies[self.pair.a].name,
            b: self.pair.b_name(self.session),
            filter: self.selection.filter.name(),
            found: self.found,
            images: Sequence(|| {
                self.images.iter().map(|&image| ImagePart {
                    image: self.name(image),
                    label: self.label(image),
                    strategies: self.parts(image).collect(),
                })
            }),
        }
    }

    /// A record for each image and strategy.
    fn records(&self) -> impl Iterator<Item = Vec<String>> {
        let heading = [
            "image",
            "label",
            "strategy",
            "predicted",
            "probability",
            "label_probability",
            "label_rank",
            "margin",
        ];
        let records = self.images.iter().flat_map(|&image| self.parts(image).map(move |part| (image, part)));
        let records = records.map(|(image, part)| {
            vec![
                self.name(image).to_owned(),
                self.label(image).to_owned(),
                part.strategy.to_owned(),
                part.predicted.to_owned(),
                part.probability.to_string(),
                part.label_probability.to_string(),
                part.label_rank.to_string(),
                part.margin.map(|margin| margin.to_string()).unwrap_or_default(),
            ]
        });
        std::iter::once(heading.map(str::to_owned).to_vec()).chain(records)
    }

    fn print_table(&self, output: &mut Output) -> Result<(), CommandError> {
        introduce(self.session, output)?;
        output.line(&self.pair.legend(self.session))?;
        let words = self.selection.filter.words(!self.pair.is_alone());
        let shown = match self.images.len() {
            shown if shown < self.found => format!(", the first {shown}"),
            _ => String::new(),
        };
        output.line(&format!("{} of {} images: {words}{shown}", self.found, self.session.images.len()))?;
        let mut columns = vec!["image".to_owned(), "class".to_owned()];
        for &strategy in &self.strategies {
            columns.push(self.session.strategies[strategy].name.clone());
            columns.extend(["%", "class %", "rank", "margin"].map(str::to_owned));
        }
        let mut rows = vec![columns];
        rows.extend(self.images.iter().map(|&image| {
            let mut cells = vec![self.name(image).to_owned(), self.label(image).to_owned()];
            for part in self.parts(image) {
                cells.push(part.predicted.to_owned());
                cells.push(format!("{:.1}", 100.0 * part.probability));
                cells.push(format!("{:.1}", 100.0 * part.label_probability));
                cells.push(part.label_rank.to_string());
                cells.push(
                    part.margin.map_or_else(|| "-".to_owned(), |margin| format!("{:+.1}", 100.0 * margin)),
                );
            }
            cells
        }));
        output.table(&rows)?;
        Ok(())
    }

    /// Copies the pictures, and this list beside them as `misses.csv` with the copies' paths in front.
    fn copy_to(&self, mut folder: PictureFolder, target: &Path, cancel: &Cancel) -> Result<(), CommandError> {
        let file = folder.create_file("misses.csv")?;
        let status = StatusLine::stderr();
        let mut copies: Vec<PathBuf> = Vec::with_capacity(self.images.len());
        for (done, &image) in self.images.iter().enumerate() {
            if cancel.is_cancelled() {
                status.finish();
                return Err(WorkbenchError::Cancelled.into());
            }
            if done % COPIES == 0 {
                status.show(&format!("copying pictures {done}/{}", self.images.len()));
            }
            copies.push(folder.add(self.label(image), &self.session.images[image])?);
        }
        status.finish();
        let copied = copies
            .iter()
            .flat_map(|copy| std::iter::repeat_n(copy.to_string_lossy().into_owned(), self.strategies.len()));
        let records = std::iter::once("file".to_owned()).chain(copied).zip(self.records());
        write_csv(file, records.map(|(copy, record)| [vec![copy], record].concat())).map_err(|error| {
            WorkbenchError::Write { path: target.join("misses.csv"), message: error.to_string() }
        })?;
        folder.finish()?;
        warn(&format!("{} pictures and misses.csv are in {}", copies.len(), target.display()));
        Ok(())
    }
}
