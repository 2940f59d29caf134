//! What A and B make of each class, as paired bars; of many classes, those that differ most, and all of them as a strip.

use std::fmt::Write;

use super::markup::Markup;
use super::numbers::{class_difference, count, counted, percent_or_dash, signed};
use super::{Side, View, name};
use crate::text::message::listed;
use crate::workbench::tables::class_table::{Change, ClassColumn, ClassRow, sort_classes};

/// Classes at either end of the chart. All are shown where no more than twice as many have images.
const EACH: usize = 20;

/// Classes without images that are named.
const NAMED: usize = 10;

pub fn write(page: &mut Markup, view: &View<'_>) {
    let mut rows: Vec<ClassRow> = view.rows.iter().filter(|row| row.images > 0).copied().collect();
    let column = if view.is_pair() { ClassColumn::Difference } else { ClassColumn::AccuracyA };
    sort_classes(&mut rows, column, false, &view.session.classes);
    page.element("section", &[], |section| {
        section.leaf("h2", &[], "Classes");
        if view.is_pair() {
            write_counts(section, &rows);
        }
        if rows.len() > 2 * EACH {
            write_strip(section, view, &rows);
        }
        section.element("table", &[("class", "classes")], |table| write_table(table, view, &rows));
        write_empty(section, view);
    });
}

fn write_counts(section: &mut Markup, rows: &[ClassRow]) {
    let of = |change: Change| rows.iter().filter(|row| row.change() == change).count();
    let proven = rows.iter().filter(|row| row.is_proven()).count();
    let words = format!(
        "B is better on {}, A on {}; on {} they are equal. The difference is proven on {}.",
        counted(of(Change::Gained), "class", "classes"),
        count(of(Change::Lost)),
        count(of(Change::Same)),
        count(proven),
    );
    section.leaf("p", &[], &words);
}

/// Neighbouring rows of the chart under a heading of their own.
struct Group<'a> {
    heading: Option<String>,
    rows: Vec<&'a ClassRow>,
}

/// `rows` with the best first: all of them, or both ends, the outermost first.
fn groups<'a>(view: &View<'_>, rows: &'a [ClassRow]) -> Vec<Group<'a>> {
    if rows.len() <= 2 * EACH {
        return vec![Group { heading: None, rows: rows.iter().collect() }];
    }
    let (best, worst): (Vec<&ClassRow>, Vec<&ClassRow>) = match view.is_pair() {
        true => {
            let side = |change: Change| rows.iter().filter(move |row| row.change() == change);
            (side(Change::Gained).collect(), side(Change::Lost).rev().collect())
        }
        false => (rows.iter().collect(), rows.iter().rev().collect()),
    };
    let words = match view.is_pair() {
        true => [("+", "gain", "gains"), ("−", "loss", "losses")],
        false => [("highest", "class", "classes"), ("lowest", "class", "classes")],
    };
    let group = |all: Vec<&'a ClassRow>, (which, one, more): (&str, &str, &str)| {
        let heading = match (view.is_pair(), all.len()) {
            (true, found) if found <= EACH => format!("{which} {}", counted(found, one, more)),
            (true, found) => format!("{which} the {EACH} largest of {}", counted(found, one, more)),
            (false, found) => format!("the {EACH} {which} of {}", counted(found, one, more)),
        };
        Group { heading: Some(heading), rows: all.into_iter().take(EACH).collect() }
    };
    vec![group(best, words[0]), group(worst, words[1])]
}

fn write_table(table: &mut Markup, view: &View<'_>, rows: &[ClassRow]) {
    table.element("caption", &[], |caption| {
        caption.text("Accuracy in percent");
        for (side, strategy) in view.sides() {
            caption.text("; ");
            side.write(caption);
            caption.text(" ");
            name(caption, view.name(strategy));
            caption.text(match (side, view.is_pair()) {
                (_, false) => "",
                (Side::A, true) => ", the upper bar",
                (Side::B, true) => ", the lower bar",
            });
        }
        caption.text(". The whole track is 100\u{a0}%.");
        if view.is_pair() {
            caption.text(
                " ▲ and ▼ mark what is proven, with all classes taken together (p\u{a0}<\u{a0}0.05). ≥ stands before the \
                 points that the images of a class can prove at least; n<6 is too few images to prove anything.",
            );
        }
    });
    let mut columns = vec!["class", "images", "accuracy", "A"];
    if view.is_pair() {
        columns.extend(["B", "B − A"]);
    }
    table.element("thead", &[], |head| {
        head.element("tr", &[], |row| {
            columns.iter().for_each(|column| row.leaf("th", &[("scope", "col")], column));
        });
    });
    for group in groups(view, rows) {
        table.element("tbody", &[], |body| {
            if let Some(heading) = &group.heading {
                body.element("tr", &[("class", "group")], |row| {
                    let columns = columns.len().to_string();
                    row.leaf("th", &[("scope", "rowgroup"), ("colspan", &columns)], heading);
                });
            }
            group.rows.iter().for_each(|row| write_row(body, view, row));
        });
    }
}

fn write_row(body: &mut Markup, view: &View<'_>, row: &ClassRow) {
    body.element("tr", &[], |cells| {
        cells.leaf("th", &[("scope", "row")], view.class(row.class));
        cells.leaf("td", &[("class", "images")], &count(row.images));
        cells.element("td", &[("class", "bars")], |cell| write_bars(cell, view, row));
        cells.leaf("td", &[("class", "of-a")], &percent_or_dash(row.a));
        if view.is_pair() {
            cells.leaf("td", &[("class", "of-b")], &percent_or_dash(row.b));
            cells.leaf("td", &[("class", "points")], &class_difference(row));
        }
    });
}

/// One bar or two on a track. The numbers stand beside it, so screen readers pass over it.
fn write_bars(cell: &mut Markup, view: &View<'_>, row: &ClassRow) {
    let values: &[(&str, Option<f64>)] = match view.is_pair() {
        true => &[("bar a", row.a), ("bar b", row.b)],
        false => &[("bar a", row.a)],
    };
    // Two bars have two pixels of the track between them.
    let height = if view.is_pair() { "9" } else { "20" };
    cell.element("svg", &[("width", "100%"), ("height", "20"), ("aria-hidden", "true")], |svg| {
        svg.void("rect", &[("class", "track"), ("width", "100%"), ("height", "20")]);
        for quarter in ["25%", "50%", "75%"] {
            let line = [("class", "grid"), ("x1", quarter), ("x2", quarter), ("y1", "0"), ("y2", "20")];
            svg.void("line", &line);
        }
        for ((class, value), y) in values.iter().zip(["0", "11"]) {
            let width = format!("{:.2}%", 100.0 * value.unwrap_or(0.0));
            svg.void("rect", &[("class", class), ("y", y), ("width", &width), ("height", height)]);
        }
    });
}

/// Every class as a thin column: differences around zero, or accuracies from it.
fn write_strip(section: &mut Markup, view: &View<'_>, rows: &[ClassRow]) {
    let points = |row: &ClassRow| match view.is_pair() {
        true => 100.0 * row.difference().unwrap_or(0.0),
        false => 100.0 * row.a.unwrap_or(0.0),
    };
    let values: Vec<f64> = rows.iter().map(points).collect();
    let (highest, lowest) = (values.first().copied().unwrap_or(0.0), values.last().copied().unwrap_or(0.0));
    let label = match view.is_pair() {
        true => format!(
            "The differences of all {} classes, the largest first: from {} to {} points",
            count(rows.len()),
            signed(highest),
            signed(lowest)
        ),
        false => format!(
            "The accuracies of all {} classes, the highest first: from {highest:.1} to {lowest:.1} percent",
            count(rows.len())
        ),
    };
    let (top, bottom) = (highest.max(0.0), lowest.min(0.0));
    let (width, height) = (rows.len().to_string(), top - bottom);
    section.element("figure", &[("class", "strip")], |figure| {
        let viewed = format!("0 0 {width} {:.2}", height.max(1.0));
        let attributes = [
            ("viewBox", viewed.as_str()),
            ("preserveAspectRatio", "none"),
            ("width", "100%"),
            ("height", "120"),
            ("role", "img"),
            ("aria-label", &label),
        ];
        figure.element("svg", &attributes, |svg| {
            let above = if view.is_pair() { "bar b" } else { "bar a" };
            let side = |keep: fn(f64) -> f64| values.iter().map(|&value| keep(value)).collect::<Vec<f64>>();
            svg.void("path", &[("class", above), ("d", &steps(&side(|value| value.max(0.0)), top))]);
            if view.is_pair() {
                svg.void("path", &[("class", "bar a"), ("d", &steps(&side(|value| value.min(0.0)), top))]);
            }
            let zero = format!("{top:.2}");
            svg.void("line", &[("class", "zero"), ("x2", &width), ("y1", &zero), ("y2", &zero)]);
        });
        figure.leaf("figcaption", &[], &format!("{label}."));
    });
}

/// The outline of columns of these heights, each one wide, with their feet at `zero`; neighbours of the same height are
/// one.
fn steps(heights: &[f64], zero: f64) -> String {
    let mut path = format!("M0 {zero:.2}");
    let mut from = 0;
    for columns in heights.chunk_by(|x, y| x == y) {
        from += columns.len();
        // Writing to a string does not fail.
        let _written = write!(path, "V{:.2}H{from}", zero - columns[0]);
    }
    path + &format!("V{zero:.2}Z")
}

fn write_empty(section: &mut Markup, view: &View<'_>) {
    let empty: Vec<&str> =
        view.rows.iter().filter(|row| row.images == 0).map(|row| view.class(row.class)).collect();
    if !empty.is_empty() {
        let classes = counted(empty.len(), "class has", "classes have");
        let words = format!("{classes} no images: {}.", listed(&empty, NAMED));
        section.leaf("p", &[("class", "note")], &words);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_by_hand() {
        assert_eq!(steps(&[3.0, 1.5, 1.5, 0.0], 3.0), "M0 3.00V0.00H1V1.50H3V3.00H4V3.00Z");
        assert_eq!(steps(&[0.0, -2.0], 3.0), "M0 3.00V3.00H1V5.00H2V3.00Z");
    }
}
