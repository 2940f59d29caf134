//! The verdict in words and numbers, and the strategies with the best first.

use super::markup::Markup;
use super::numbers::{count, counted, difference, percent, signed};
use super::{Side, View, name};
use crate::evaluation::Comparison;
use crate::workbench::tables::class_table::ClassRow;
use crate::workbench::tables::verdict::{helped_and_hurt, verdict};

/// Classes that the verdict names on either side.
const NAMED: usize = 3;

pub fn write(page: &mut Markup, view: &View<'_>) {
    page.element("section", &[("class", "verdict")], |section| {
        section.leaf("h2", &[], "Verdict");
        match view.comparison() {
            Some(comparison) => write_verdict(section, view, comparison),
            None => write_alone(section, view),
        }
    });
    page.element("section", &[], |section| {
        section.leaf("h2", &[], "Leaderboard");
        section.element("table", &[("class", "leaderboard")], |table| {
            let caption = match view.session.strategies.len() {
                1 => "Shares of images in percent.",
                _ => {
                    "Shares of images in percent, differences in points; = where p is 0.05 or more, so that the \
                     difference may be chance."
                }
            };
            table.leaf("caption", &[], caption);
            write_rows(table, view);
        });
    });
}

fn write_verdict(section: &mut Markup, view: &View<'_>, comparison: &Comparison) {
    section.element("div", &[("class", "scores")], |scores| {
        view.sides().into_iter().for_each(|(side, strategy)| score(scores, view, side, strategy));
        scores.element("div", &[("class", "score difference")], |score| {
            score.leaf("p", &[("class", "of")], "B − A");
            score.element("p", &[("class", "value")], |value| {
                value.text(&proven_difference(comparison));
                value.leaf("small", &[], " points");
            });
            let (low, high) = comparison.interval();
            let interval = format!("95\u{a0}% interval {} to {}", signed(low), signed(high));
            score.leaf("p", &[("class", "more")], &interval);
        });
    });
    section.leaf("p", &[("class", "words")], &verdict(view.session, view.a, view.b, comparison));
    let (helped, hurt) = helped_and_hurt(&view.rows);
    section.element("p", &[("class", "words")], |words| {
        words.text("It helps most on ");
        write_named(words, view, &helped);
        words.text(" and hurts most on ");
        write_named(words, view, &hurt);
        words.text(".");
    });
}

fn write_alone(section: &mut Markup, view: &View<'_>) {
    section.element("div", &[("class", "scores")], |scores| score(scores, view, Side::A, view.a));
    section.element("p", &[("class", "words")], |words| {
        let evaluation = view.evaluation(view.a);
        let right = (0..evaluation.n_images()).filter(|&image| evaluation.is_correct(image)).count();
        name(words, view.name(view.a));
        words.text(&format!(
            " is right on {} of {}.",
            count(right),
            counted(evaluation.n_images(), "image", "images")
        ));
    });
}

fn score(scores: &mut Markup, view: &View<'_>, side: Side, strategy: usize) {
    scores.element("div", &[("class", "score")], |score| {
        score.element("p", &[("class", "of")], |of| {
            side.write(of);
            of.text(" ");
            name(of, view.name(strategy));
        });
        score.element("p", &[("class", "value")], |value| {
            value.text(&percent(view.evaluation(strategy).top1()));
            value.leaf("small", &[], "\u{a0}% top-1");
        });
        let recall = percent(view.evaluation(strategy).mean_per_class_recall());
        score.leaf("p", &[("class", "more")], &format!("mean per-class recall {recall}\u{a0}%"));
    });
}

fn write_named(words: &mut Markup, view: &View<'_>, rows: &[&ClassRow]) {
    if rows.is_empty() {
        words.text("no class");
    }
    for (place, row) in rows.iter().take(NAMED).enumerate() {
        if place > 0 {
            words.text(", ");
        }
        name(words, view.class(row.class));
        words.text("\u{a0}");
        let points = 100.0 * row.difference().unwrap_or(0.0);
        let points = if row.is_proven() { difference(points) } else { signed(points) };
        words.leaf("span", &[("class", "points")], &points);
    }
}

fn write_rows(table: &mut Markup, view: &View<'_>) {
    let strategies = &view.session.strategies;
    let is_compared = strategies.len() > 1;
    let mut columns = vec!["strategy", "top-1", "recall", "top-5", "prompts"];
    if is_compared {
        columns.insert(2, "against A (95\u{a0}% interval)");
    }
    table.element("thead", &[], |head| {
        head.element("tr", &[], |row| {
            columns.iter().for_each(|column| row.leaf("th", &[("scope", "col")], column));
        });
    });
    let mut order: Vec<usize> = (0..strategies.len()).collect();
    order.sort_by(|&x, &y| view.evaluation(y).top1().total_cmp(&view.evaluation(x).top1()));
    table.element("tbody", &[], |body| {
        for strategy in order {
            body.element("tr", &[], |row| {
                write_strategy(row, view, strategy);
                let evaluation = view.evaluation(strategy);
                let mut number = |label: &str, text: &str| row.leaf("td", &[("data-label", label)], text);
                number("top-1", &percent(evaluation.top1()));
                if is_compared {
                    number("against A", &against(view.against_a[strategy].as_ref()));
                }
                number("recall", &percent(evaluation.mean_per_class_recall()));
                number("top-5", &percent(evaluation.top5()));
                number("prompts", &count(strategies[strategy].n_prompts()));
            });
        }
    });
}

fn write_strategy(row: &mut Markup, view: &View<'_>, strategy: usize) {
    let of = &view.session.strategies[strategy];
    row.element("th", &[("scope", "row")], |cell| {
        if let Some((side, _)) = view.sides().into_iter().find(|(_, its)| *its == strategy) {
            side.write(cell);
            cell.text(" ");
        }
        name(cell, &of.name);
        let made_of = format!("{} of {}", of.aggregation, of.prompt_sets.join(", "));
        cell.leaf("small", &[], &made_of);
    });
}

fn against(comparison: Option<&Comparison>) -> String {
    let Some(comparison) = comparison else { return "baseline".to_owned() };
    let (low, high) = comparison.interval();
    format!("{} [{}, {}]", proven_difference(comparison), signed(low), signed(high))
}

/// As on the screen: `=` where it is not proven which is better.
fn proven_difference(comparison: &Comparison) -> String {
    match comparison.is_proven() {
        true => difference(comparison.top1),
        false => format!("= {}", signed(comparison.top1)),
    }
}
