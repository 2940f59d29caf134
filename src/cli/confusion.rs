//! `confusion`: which classes are taken for which, by one strategy or by B more often than by A.

use clap::Args;
use serde::Serialize;

use crate::cli::context::{
    CommandError, Format, Global, Opened, Outcome, Output, Pair, PairArguments, Sequence, introduce, outcome,
    percent,
};
use crate::workbench::{
    ConfusedPair, ConfusionChange, Evaluation, Session, SessionOptions, confusion_change_block,
    confusion_changes,
};

/// Which classes are taken for which
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cupl-tui confusion                                the demo's most confused pairs
  cupl-tui confusion pets.toml --strategy cupl --most 50 --format csv
  cupl-tui confusion pets.toml --difference         what B confuses more (+) or less (-) often than A
  cupl-tui confusion pets.toml --class beagle       the matrix of a class and those confused with it

In a matrix, rows are the true classes and columns the predicted ones; `others` are the images that were taken for
classes outside of it.")]
pub struct Arguments {
    /// What to look at.
    #[command(flatten)]
    pub pair: PairArguments,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// The strategy whose confusions are counted [default: B]
    #[arg(long, value_name = "NAME", conflicts_with = "difference")]
    pub strategy: Option<String>,
    /// What changes from A to B
    #[arg(long)]
    pub difference: bool,
    /// The matrix of this class and those that are confused with it
    #[arg(long, value_name = "NAME")]
    pub class: Option<String>,
    /// At most so many pairs [default: 20], or classes with --class [default: 10]
    #[arg(long, value_name = "N")]
    pub most: Option<usize>,
}

/// Pairs that are shown without `--most`.
const PAIRS: usize = 20;

/// Classes of a block that are shown without `--most`.
const BLOCK: usize = 10;

/// What is counted.
#[derive(Clone, Copy)]
enum Count {
    /// One strategy's images.
    Images(usize),
    /// B's images minus A's.
    Difference(Pair),
}

/// What was counted, with the names it concerns.
#[derive(Serialize)]
struct CountedReport<'a, T: Serialize> {
    experiment: &'a str,
    #[serde(flatten)]
    of: StrategiesPart<'a>,
    #[serde(flatten)]
    content: T,
}

#[derive(Serialize)]
#[serde(untagged)]
enum StrategiesPart<'a> {
    One { strategy: &'a str },
    Pair { a: &'a str, b: &'a str },
}

pub fn run(command: &Arguments, global: &Global, output: &mut Output) -> Result<Outcome, CommandError> {
    let opened = Opened::new(&command.pair.experiment, global)?;
    let pair = opened.pair(&command.pair)?;
    let count = match &command.strategy {
        _ if command.difference && pair.is_alone() => {
            return Err(CommandError::Usage(
                "--difference needs two strategies: name another with --a or --b, or give the experiment one"
                    .into(),
            ));
        }
        _ if command.difference => Count::Difference(pair),
        Some(name) => Count::Images(opened.workbench.strategy(name)?),
        None => Count::Images(pair.b),
    };
    let class = command.class.as_deref().map(|name| opened.workbench.class(name)).transpose()?;
    let session = opened.evaluate(SessionOptions::default())?;
    let format = command.format;
    match class {
        Some(class) => {
            let block = BlockReport::new(&session, count, class, command.most.unwrap_or(BLOCK));
            block.print(format, output)?;
        }
        None => {
            let most = command.most.unwrap_or(PAIRS);
            match count {
                Count::Images(strategy) => print_pairs(&session, strategy, most, format, output)?,
                Count::Difference(pair) => print_changes(&session, pair, most, format, output)?,
            }
        }
    }
    Ok(outcome(&session))
}

impl Count {
    fn part(self, session: &Session) -> StrategiesPart<'_> {
        let name = |strategy: usize| session.strategies[strategy].name.as_str();
        match self {
            Self::Images(strategy) => StrategiesPart::One { strategy: name(strategy) },
            Self::Difference(pair) => StrategiesPart::Pair { a: name(pair.a), b: name(pair.b) },
        }
    }

    fn words(self, session: &Session) -> String {
        match self.part(session) {
            StrategiesPart::One { strategy } => strategy.to_owned(),
            StrategiesPart::Pair { a, b } => format!("B - A, with A: {a}, B: {b}"),
        }
    }

    fn report<'a, T: Serialize>(self, session: &'a Session, content: T) -> CountedReport<'a, T> {
        CountedReport { experiment: &session.experiment, of: self.part(session), content }
    }
}

#[derive(Serialize)]
struct Pairs<P> {
    /// How many there are without a limit.
    found: usize,
    pairs: P,
}

#[derive(Serialize)]
struct PairPart<'a> {
    label: &'a str,
    predicted: &'a str,
    images: u32,
    /// Of all images of the class, from 0 to 1.
    share: f64,
}

fn print_pairs(
    session: &Session,
    strategy: usize,
    most: usize,
    format: Format,
    output: &mut Output,
) -> Result<(), CommandError> {
    let evaluation = &session.strategies[strategy].evaluation;
    let count = Count::Images(strategy);
    let all = evaluation.confused_pairs(usize::MAX);
    let per_class = evaluation.per_class();
    let shown = all.iter().take(most).map(|pair: &ConfusedPair| PairPart {
        label: &session.classes[pair.truth],
        predicted: &session.classes[pair.predicted],
        images: pair.images,
        share: f64::from(pair.images) / f64::from(per_class[pair.truth].images),
    });
    match format {
        Format::Json => {
            let report = count.report(session, Pairs { found: all.len(), pairs: Sequence(|| shown.clone()) });
            output.session_json(session, report, &[])?;
        }
        Format::Csv => {
            let heading = ["label", "predicted", "images", "share"].map(str::to_owned).to_vec();
            let record = |pair: PairPart<'_>| {
                vec![
                    pair.label.into(),
                    pair.predicted.into(),
                    pair.images.to_string(),
                    pair.share.to_string(),
                ]
            };
            output.csv(std::iter::once(heading).chain(shown.map(record)))?;
        }
        Format::Table => {
            let mut rows = vec![["class", "taken for", "images", "% of class"].map(str::to_owned).to_vec()];
            rows.extend(shown.map(|pair| {
                vec![
                    pair.label.into(),
                    pair.predicted.into(),
                    pair.images.to_string(),
                    percent(Some(pair.share)),
                ]
            }));
            let title = format!("{}: {}", count.words(session), counted(rows.len() - 1, all.len(), "pairs"));
            print_table(session, &title, &rows, output)?;
        }
    }
    Ok(())
}

#[derive(Serialize)]
struct Changes<C> {
    /// How many there are without a limit.
    found: usize,
    changes: C,
}

#[derive(Serialize)]
struct ChangePart<'a> {
    label: &'a str,
    predicted: &'a str,
    a: u32,
    b: u32,
    difference: i64,
}

fn print_changes(
    session: &Session,
    pair: Pair,
    most: usize,
    format: Format,
    output: &mut Output,
) -> Result<(), CommandError> {
    let evaluation = |strategy: usize| &session.strategies[strategy].evaluation;
    let count = Count::Difference(pair);
    let all = confusion_changes(evaluation(pair.a), evaluation(pair.b), usize::MAX);
    let shown = all.iter().take(most).map(|change: &ConfusionChange| ChangePart {
        label: &session.classes[change.truth],
        predicted: &session.classes[change.predicted],
        a: change.a,
        b: change.b,
        difference: change.difference(),
    });
    let cells = |change: ChangePart<'_>, difference: String| {
        vec![
            change.label.into(),
            change.predicted.into(),
            change.a.to_string(),
            change.b.to_string(),
            difference,
        ]
    };
    match format {
        Format::Json => {
            let report =
                count.report(session, Changes { found: all.len(), changes: Sequence(|| shown.clone()) });
            output.session_json(session, report, &[])?;
        }
        Format::Csv => {
            let heading = ["label", "predicted", "a", "b", "difference"].map(str::to_owned).to_vec();
            let records = shown.map(|change| {
                let difference = change.difference.to_string();
                cells(change, difference)
            });
            output.csv(std::iter::once(heading).chain(records))?;
        }
        Format::Table => {
            let mut rows = vec![["class", "taken for", "A", "B", "B - A"].map(str::to_owned).to_vec()];
            rows.extend(shown.map(|change| {
                let difference = signed(change.difference);
                cells(change, difference)
            }));
            let title =
                format!("{}: {}", count.words(session), counted(rows.len() - 1, all.len(), "changes"));
            print_table(session, &title, &rows, output)?;
        }
    }
    Ok(())
}

/// The part of the confusion matrix around a class.
struct BlockReport<'a> {
    session: &'a Session,
    count: Count,
    /// The classes in it, the one in question first.
    classes: Vec<usize>,
}

#[derive(Serialize)]
struct BlockPart<'a, R, O> {
    classes: Vec<&'a str>,
    /// Rows are the true classes, columns the predicted ones.
    confusion: R,
    /// For each row, the images that were taken for classes outside of the block.
    others: O,
}

impl<'a> BlockReport<'a> {
    fn new(session: &'a Session, count: Count, class: usize, size: usize) -> Self {
        let evaluation = |strategy: usize| &session.strategies[strategy].evaluation;
        let classes = match count {
            Count::Images(strategy) => evaluation(strategy).confusion_block(class, size),
            Count::Difference(pair) => {
                confusion_change_block(evaluation(pair.a), evaluation(pair.b), class, size)
            }
        };
        Self { session, count, classes }
    }

    fn evaluation(&self, strategy: usize) -> &Evaluation {
        &self.session.strategies[strategy].evaluation
    }

    fn name(&self, class: usize) -> &'a str {
        &self.session.classes[class]
    }

    fn value(&self, truth: usize, predicted: usize) -> i64 {
        let images =
            |strategy: usize| i64::from(self.evaluation(strategy).confusion.images(truth, predicted));
        match self.count {
            Count::Images(strategy) => images(strategy),
            Count::Difference(pair) => images(pair.b) - images(pair.a),
        }
    }

    fn row(&self, truth: usize) -> Vec<i64> {
        self.classes.iter().map(|&predicted| self.value(truth, predicted)).collect()
    }

    /// What of a row stands outside of the block.
    fn others(&self, truth: usize) -> i64 {
        let images = |strategy: usize| i64::from(self.evaluation(strategy).confusion.images_of(truth));
        let all = match self.count {
            Count::Images(strategy) => images(strategy),
            Count::Difference(pair) => images(pair.b) - images(pair.a),
        };
        all - self.row(truth).iter().sum::<i64>()
    }

    fn print(&self, format: Format, output: &mut Output) -> Result<(), CommandError> {
        match format {
            Format::Json => output.session_json(
                self.session,
                self.count.report(
                    self.session,
                    BlockPart {
                        classes: self.classes.iter().map(|&class| self.name(class)).collect(),
                        confusion: Sequence(|| self.classes.iter().map(|&truth| self.row(truth))),
                        others: Sequence(|| self.classes.iter().map(|&truth| self.others(truth))),
                    },
                ),
                &[],
            )?,
            Format::Csv => output.csv(self.records())?,
            Format::Table => self.print_table(output)?,
        }
        Ok(())
    }

    /// A record for each cell.
    fn records(&self) -> impl Iterator<Item = Vec<String>> {
        let value = match self.count {
            Count::Images(_) => "images",
            Count::Difference(_) => "difference",
        };
        let heading = ["label", "predicted", value].map(str::to_owned).to_vec();
        let cells = self.classes.iter().flat_map(move |&truth| {
            self.classes.iter().map(move |&predicted| {
                let value = self.value(truth, predicted).to_string();
                vec![self.name(truth).to_owned(), self.name(predicted).to_owned(), value]
            })
        });
        std::iter::once(heading).chain(cells)
    }

    /// Columns have numbers, since class names would make them too wide.
    fn print_table(&self, output: &mut Output) -> Result<(), CommandError> {
        let cell = |value: i64| match self.count {
            _ if value == 0 => ".".to_owned(),
            Count::Images(_) => value.to_string(),
            Count::Difference(_) => signed(value),
        };
        let mut heading = vec!["class \\ taken for".to_owned()];
        heading.extend((1..=self.classes.len()).map(|number| number.to_string()));
        heading.push("others".into());
        let mut rows = vec![heading];
        rows.extend(self.classes.iter().enumerate().map(|(place, &truth)| {
            let mut cells = vec![format!("{} {}", place + 1, self.name(truth))];
            cells.extend(self.row(truth).into_iter().map(cell));
            cells.push(cell(self.others(truth)));
            cells
        }));
        let around = self.classes.first().map_or("", |&class| self.name(class));
        let title = format!("{}: around {around}", self.count.words(self.session));
        print_table(self.session, &title, &rows, output)
    }
}

fn print_table(
    session: &Session,
    title: &str,
    rows: &[Vec<String>],
    output: &mut Output,
) -> Result<(), CommandError> {
    introduce(session, output)?;
    output.line(title)?;
    output.table(rows)?;
    Ok(())
}

fn counted(shown: usize, all: usize, what: &str) -> String {
    if shown == all { format!("{all} {what}") } else { format!("{shown} of {all} {what}") }
}

/// A difference in images, with its sign.
fn signed(difference: i64) -> String {
    if difference == 0 { "0".to_owned() } else { format!("{difference:+}") }
}
