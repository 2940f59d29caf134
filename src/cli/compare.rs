//! `compare`: whether one strategy is better than another, and on which classes.

use serde::Serialize;

use super::arguments::{CompareArguments, Format, Global};
use super::experiment::{Opened, Pair, introduce, outcome};
use super::output::{Output, Sequence};
use super::table::{percent, points};
use super::{CommandError, Outcome};
use crate::workbench::{ClassRow, Comparison, Session, SessionOptions, class_table, p_value, verdict};

pub fn run(
    command: &CompareArguments,
    global: &Global,
    output: &mut Output,
) -> Result<Outcome, CommandError> {
    let arguments = command.pair()?;
    let opened = Opened::new(&arguments.experiment, global)?;
    let pair = opened.pair(&arguments)?;
    if pair.is_alone() {
        return Err(CommandError::Usage("two different strategies are needed to compare them".into()));
    }
    let session = opened.evaluate(SessionOptions::default())?;
    let Some(comparison) = pair.comparison(&session) else { return Ok(outcome(&session)) };

    let mut rows = class_table(&session, pair.a, pair.b);
    // The clearest first; classes without images, which have no p, last.
    let p = |row: &ClassRow| row.p.unwrap_or(f64::INFINITY);
    rows.sort_by(|x, y| p(x).total_cmp(&p(y)));
    match command.format {
        Format::Table => table(&session, pair, &comparison, &rows, output)?,
        Format::Json => output.json(&report(&session, pair, &comparison, &rows))?,
        Format::Csv => output.csv(records(&session, &rows))?,
    }
    Ok(outcome(&session))
}

fn table(
    session: &Session,
    pair: Pair,
    comparison: &Comparison,
    rows: &[ClassRow],
    output: &mut Output,
) -> Result<(), CommandError> {
    introduce(session, output)?;
    output.line(&verdict(session, pair.a, pair.b, comparison))?;
    output.line(&pair.legend(session))?;
    let proven = rows.iter().filter(|row| row.is_proven()).count();
    let tested = rows.iter().filter(|row| row.images > 0).count();
    output.line(&format!("proven on {proven} of {tested} classes that have images"))?;
    let columns = ["class", "images", "A", "B", "B - A", "gained", "lost", "p", "p (Holm)", "provable from"];
    let p = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), p_value);
    let mut lines = vec![columns.map(str::to_owned).to_vec()];
    lines.extend(rows.iter().map(|row| {
        vec![
            session.classes[row.class].clone(),
            row.images.to_string(),
            percent(row.a),
            percent(row.b),
            row.difference().map_or_else(|| "-".to_owned(), points),
            row.gained.to_string(),
            row.lost.to_string(),
            p(row.p),
            p(row.p_holm),
            percent(row.resolvable),
        ]
    }));
    output.table(&lines)?;
    Ok(())
}

#[derive(Serialize)]
struct ComparisonReport<'a, C> {
    experiment: &'a str,
    a: &'a str,
    b: &'a str,
    images: usize,
    difference: f64,
    interval: (f64, f64),
    gained: usize,
    lost: usize,
    mcnemar_p: f64,
    proven: bool,
    resolvable: Option<f64>,
    per_class: C,
}

#[derive(Serialize)]
struct ClassPart<'a> {
    class: &'a str,
    images: usize,
    gained: usize,
    lost: usize,
    p: Option<f64>,
    p_holm: Option<f64>,
    resolvable: Option<f64>,
}

fn report<'a>(
    session: &'a Session,
    pair: Pair,
    comparison: &Comparison,
    rows: &'a [ClassRow],
) -> impl Serialize + 'a {
    let (low, high) = comparison.interval();
    ComparisonReport {
        experiment: &session.experiment,
        a: &session.strategies[pair.a].name,
        b: &session.strategies[pair.b].name,
        images: comparison.images,
        difference: comparison.top1 / 100.0,
        interval: (low / 100.0, high / 100.0),
        gained: comparison.gained.len(),
        lost: comparison.lost.len(),
        mcnemar_p: comparison.mcnemar_p(),
        proven: comparison.is_proven(),
        resolvable: comparison.resolvable().map(|points| points / 100.0),
        per_class: Sequence(move || {
            rows.iter().map(|row| ClassPart {
                class: &session.classes[row.class],
                images: row.images,
                gained: row.gained,
                lost: row.lost,
                p: row.p,
                p_holm: row.p_holm,
                resolvable: row.resolvable,
            })
        }),
    }
}

fn records<'a>(session: &'a Session, rows: &'a [ClassRow]) -> impl Iterator<Item = Vec<String>> + 'a {
    let heading = ["class", "images", "gained", "lost", "p", "p_holm", "resolvable"];
    let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let records = rows.iter().map(move |row| {
        vec![
            session.classes[row.class].clone(),
            row.images.to_string(),
            row.gained.to_string(),
            row.lost.to_string(),
            number(row.p),
            number(row.p_holm),
            number(row.resolvable),
        ]
    });
    std::iter::once(heading.map(str::to_owned).to_vec()).chain(records)
}
