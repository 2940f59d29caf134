//! `classes`: what two strategies make of each class.

use clap::Args;
use serde::Serialize;

use crate::cli::context::{
    CommandError, Format, Global, Opened, Outcome, Output, Pair, PairArguments, Sequence, introduce, named,
    outcome, percent, points,
};
use crate::workbench::{
    Change, ClassColumn, ClassRow, Comparison, Session, SessionOptions, class_table, p_value, sort_classes,
};

/// What two strategies make of each class
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cupl-tui classes                                  the embedded demo, what B gains most first
  cupl-tui classes pets.toml --b cupl --sort confusion
  cupl-tui classes pets.toml --change lost --reverse --format csv
  cupl-tui classes pets.toml --filter terrier --sort name

A is the baseline and B the first other strategy unless they are named. Gained are the images that A has wrong and B has
right, lost the reverse. p (Holm) is below 0.05 where the difference of a class is proven, see `cupl-tui compare`; the last
column says what most of the images that B misses are taken for. In JSON and CSV,
accuracies and differences are from 0 to 1.")]
pub struct Arguments {
    /// What to look at.
    #[command(flatten)]
    pub pair: PairArguments,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// What to sort by: numbers with the largest first, names and the dataset's order with the first
    #[arg(long, value_name = "COLUMN", value_parser = named(&ClassColumn::ALL, ClassColumn::name), default_value = "difference")]
    pub sort: ClassColumn,
    /// The other way round
    #[arg(long)]
    pub reverse: bool,
    /// Only classes whose accuracy is better with B, worse, or the same
    #[arg(long, value_name = "CHANGE", value_parser = named(&Change::ALL, Change::name))]
    pub change: Option<Change>,
    /// Only classes with this in their name, ignoring case
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub filter: String,
}

pub fn run(command: &Arguments, global: &Global, output: &mut Output) -> Result<Outcome, CommandError> {
    let opened = Opened::new(&command.pair.experiment, global)?;
    let pair = opened.pair(&command.pair)?;
    let session = opened.evaluate(SessionOptions::default())?;

    let mut rows = class_table(&session, pair.a, pair.b);
    let part = command.filter.to_lowercase();
    rows.retain(|row| {
        command.change.is_none_or(|change| row.change() == change)
            && session.classes[row.class].to_lowercase().contains(&part)
    });
    sort_classes(&mut rows, command.sort, command.reverse, &session.classes);
    match command.format {
        Format::Table => table(&session, pair, &rows, output)?,
        Format::Json => output.session_json(&session, report(&session, pair, &rows), &[])?,
        Format::Csv => output.csv(records(&session, pair, &rows))?,
    }
    Ok(outcome(&session))
}

fn table(session: &Session, pair: Pair, rows: &[ClassRow], output: &mut Output) -> Result<(), CommandError> {
    introduce(session, output)?;
    output.line(&pair.legend(session))?;
    if rows.len() < session.classes.len() {
        output.line(&format!("{} of {} classes", rows.len(), session.classes.len()))?;
    }
    let columns: &[&str] = match pair.is_alone() {
        true => &["class", "images", "A", "taken for"],
        false => &["class", "images", "A", "B", "B - A", "gained", "lost", "p (Holm)", "by B taken for"],
    };
    let mut lines = vec![columns.iter().map(|&column| column.to_owned()).collect()];
    lines.extend(rows.iter().map(|row| {
        let mut cells = vec![session.classes[row.class].clone(), row.images.to_string(), percent(row.a)];
        if !pair.is_alone() {
            cells.push(percent(row.b));
            cells.push(row.difference().map_or_else(|| "-".to_owned(), points));
            cells.extend([row.gained.to_string(), row.lost.to_string()]);
            cells.push(row.p_holm.map_or_else(|| "-".to_owned(), p_value));
        }
        cells.push(row.confusion.map_or_else(
            || "-".to_owned(),
            |pair| format!("{} {}", session.classes[pair.predicted], pair.images),
        ));
        cells
    }));
    output.table(&lines)?;
    Ok(())
}

#[derive(Serialize)]
struct ClassesReport<'a, C> {
    experiment: &'a str,
    a: &'a str,
    b: Option<&'a str>,
    difference: Option<f64>,
    interval: Option<(f64, f64)>,
    mcnemar_p: Option<f64>,
    classes: C,
}

#[derive(Serialize)]
struct ClassPart<'a> {
    class: &'a str,
    images: usize,
    a: Option<f64>,
    b: Option<f64>,
    difference: Option<f64>,
    gained: usize,
    lost: usize,
    change: &'a str,
    p: Option<f64>,
    p_holm: Option<f64>,
    resolvable: Option<f64>,
    confusion: Option<ConfusionPart<'a>>,
}

#[derive(Serialize)]
struct ConfusionPart<'a> {
    predicted: &'a str,
    images: u32,
}

fn report<'a>(session: &'a Session, pair: Pair, rows: &'a [ClassRow]) -> impl Serialize + 'a {
    let comparison = pair.comparison(session);
    let fractions = |(low, high): (f64, f64)| (low / 100.0, high / 100.0);
    ClassesReport {
        experiment: &session.experiment,
        a: &session.strategies[pair.a].name,
        b: pair.b_name(session),
        difference: comparison.as_ref().map(|comparison| comparison.top1 / 100.0),
        interval: comparison.as_ref().map(|comparison| fractions(comparison.interval())),
        mcnemar_p: comparison.as_ref().map(Comparison::mcnemar_p),
        classes: Sequence(move || rows.iter().map(move |row| part(session, pair, row))),
    }
}

/// B's values are absent where A stands alone.
fn part<'a>(session: &'a Session, pair: Pair, row: &ClassRow) -> ClassPart<'a> {
    let of_pair = |value: Option<f64>| value.filter(|_| !pair.is_alone());
    ClassPart {
        class: &session.classes[row.class],
        images: row.images,
        a: row.a,
        b: of_pair(row.b),
        difference: of_pair(row.difference()),
        gained: row.gained,
        lost: row.lost,
        change: row.change().name(),
        p: of_pair(row.p),
        p_holm: of_pair(row.p_holm),
        resolvable: of_pair(row.resolvable),
        confusion: row
            .confusion
            .map(|pair| ConfusionPart { predicted: &session.classes[pair.predicted], images: pair.images }),
    }
}

fn records<'a>(
    session: &'a Session,
    pair: Pair,
    rows: &'a [ClassRow],
) -> impl Iterator<Item = Vec<String>> + 'a {
    let heading = [
        "class",
        "images",
        "a",
        "b",
        "difference",
        "gained",
        "lost",
        "change",
        "p",
        "p_holm",
        "resolvable",
        "confusion_predicted",
        "confusion_images",
    ];
    let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let records = rows.iter().map(move |row| {
        let part = part(session, pair, row);
        let (predicted, images) = part.confusion.map_or_else(Default::default, |confusion| {
            (confusion.predicted.to_owned(), confusion.images.to_string())
        });
        vec![
            part.class.to_owned(),
            part.images.to_string(),
            number(part.a),
            number(part.b),
            number(part.difference),
            part.gained.to_string(),
            part.lost.to_string(),
            part.change.to_owned(),
            number(part.p),
            number(part.p_holm),
            number(part.resolvable),
            predicted,
            images,
        ]
    });
    std::iter::once(heading.map(str::to_owned).to_vec()).chain(records)
}
