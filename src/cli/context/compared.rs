//! What one strategy or run does to another, printed: `compare` and `runs compare` have it.

use serde::Serialize;

use super::CommandError;
use super::output::{Output, Sequence};
use super::table::{percent, points};
use crate::workbench::{ClassRow, Comparison, p_value};

/// Classes without images, which have no p, come last.
pub fn clearest_first(rows: &mut [ClassRow]) {
    let p = |row: &ClassRow| row.p.unwrap_or(f64::INFINITY);
    rows.sort_by(|x, y| p(x).total_cmp(&p(y)));
}

/// What B does to A, as it is printed.
pub struct Compared<'a> {
    /// The name of the experiment that both are of.
    pub experiment: Option<&'a str>,
    pub a: &'a str,
    pub b: &'a str,
    pub classes: Vec<&'a str>,
    pub comparison: &'a Comparison,
    pub rows: &'a [ClassRow],
}

#[derive(Serialize)]
struct ComparisonReport<'a, C> {
    #[serde(skip_serializing_if = "Option::is_none")]
    experiment: Option<&'a str>,
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

impl<'a> Compared<'a> {
    /// The classes with their numbers.
    pub fn print(&self, output: &mut Output) -> Result<(), CommandError> {
        let rows = self.rows;
        let proven = rows.iter().filter(|row| row.is_proven()).count();
        let tested = rows.iter().filter(|row| row.images > 0).count();
        output.line(&format!("proven on {proven} of {tested} classes that have images"))?;
        let columns =
            ["class", "images", "A", "B", "B - A", "gained", "lost", "p", "p (Holm)", "provable from"];
        let p = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), p_value);
        let mut lines = vec![columns.map(str::to_owned).to_vec()];
        lines.extend(rows.iter().map(|row| {
            vec![
                self.classes[row.class].to_owned(),
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

    /// Everything, for JSON.
    pub fn report(&self) -> impl Serialize {
        let (low, high) = self.comparison.interval();
        ComparisonReport {
            experiment: self.experiment,
            a: self.a,
            b: self.b,
            images: self.comparison.images,
            difference: difference(self.comparison),
            interval: (low / 100.0, high / 100.0),
            gained: self.comparison.gained.len(),
            lost: self.comparison.lost.len(),
            mcnemar_p: self.comparison.mcnemar_p(),
            proven: self.comparison.is_proven(),
            resolvable: self.comparison.resolvable().map(|points| points / 100.0),
            per_class: Sequence(move || {
                self.rows.iter().map(|row| ClassPart {
                    class: self.classes[row.class],
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

    /// The classes, for CSV.
    pub fn records(&self) -> impl Iterator<Item = Vec<String>> {
        let heading = ["class", "images", "gained", "lost", "p", "p_holm", "resolvable"];
        let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
        let records = self.rows.iter().map(move |row| {
            vec![
                self.classes[row.class].to_owned(),
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
}

/// B's top-1 accuracy minus A's, from -1 to 1, as the nearest number to the fraction that it is.
fn difference(comparison: &Comparison) -> f64 {
    (comparison.gained.len() as f64 - comparison.lost.len() as f64) / comparison.images as f64
}
