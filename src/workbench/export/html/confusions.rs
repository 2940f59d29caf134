//! The most frequent confusions of A and B, side by side.

use super::markup::Markup;
use super::numbers::{count, counted, percent};
use super::{Side, View, name};
use crate::evaluation::ConfusedPair;

/// Pairs of classes for each strategy.
const PAIRS: usize = 10;

pub fn write(page: &mut Markup, view: &View<'_>) {
    page.element("section", &[], |section| {
        section.leaf("h2", &[], "Confusions");
        section.leaf("p", &[], "What is taken for what most often.");
        section.element("div", &[("class", "columns")], |columns| {
            for (side, strategy) in view.sides() {
                columns.element("div", &[], |column| write_side(column, view, side, strategy));
            }
        });
    });
}

fn write_side(column: &mut Markup, view: &View<'_>, side: Side, strategy: usize) {
    column.element("h3", &[], |heading| {
        side.write(heading);
        heading.text(" ");
        heading.leaf("span", &[("class", "name")], view.name(strategy));
    });
    let evaluation = view.evaluation(strategy);
    let pairs = evaluation.confused_pairs(usize::MAX);
    if pairs.is_empty() {
        column.leaf("p", &[], "No image is missed.");
        return;
    }
    let missed: usize = pairs.iter().map(|pair| pair.images as usize).sum();
    let mut caption = format!(
        "{} in {}",
        counted(missed, "missed image", "missed images"),
        counted(pairs.len(), "pair of classes", "pairs of classes"),
    );
    if pairs.len() > PAIRS {
        caption.push_str(&format!("; the {PAIRS} most frequent"));
    }
    column.element("table", &[("class", "confusions")], |table| {
        table.leaf("caption", &[], &caption);
        table.element("thead", &[], |head| {
            head.element("tr", &[], |row| {
                ["class", "taken for", "images", "% of class"]
                    .iter()
                    .for_each(|column| row.leaf("th", &[("scope", "col")], column));
            });
        });
        table.element("tbody", &[], |body| {
            pairs.iter().take(PAIRS).for_each(|pair| write_pair(body, view, pair));
        });
    });
}

fn write_pair(body: &mut Markup, view: &View<'_>, pair: &ConfusedPair) {
    body.element("tr", &[], |row| {
        row.element("th", &[("scope", "row")], |cell| name(cell, view.class(pair.truth)));
        row.element("td", &[], |cell| name(cell, view.class(pair.predicted)));
        row.leaf("td", &[], &count(pair.images as usize));
        let share = f64::from(pair.images) / view.rows[pair.truth].images.max(1) as f64;
        row.leaf("td", &[], &percent(share));
    });
}
