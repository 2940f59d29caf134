//! The confusions: a list of pairs, and the matrix around a class.

use std::cmp::Ordering;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::{bar, place_of, put, row_line, strategy_name};
use crate::tui::layout::{BLOCK_CELL, first_row};
use crate::tui::state::confusion::{Block, ConfusionSource, Pair};
use crate::tui::state::{State, block_names};
use crate::tui::text;
use crate::tui::theme::Theme;
use crate::workbench::Session;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, state: &State, session: &Session, theme: &Theme) {
    let view = &state.confusion;
    let width = usize::from(area.width);
    let height = usize::from(area.height.saturating_sub(2));
    let first = first_row(view.selected, view.pairs.len(), height);
    let pair = state.strategies.is_pair();
    put(frame, area, 0, heading(state, theme, width));
    put(frame, area, 0, place_of(first, height, view.pairs.len(), "", theme));
    let numbers = if pair { 26 } else { 10 };
    let bar_width = if width >= 70 { (width / 6).min(24) } else { 0 };
    let name_width = (width.saturating_sub(numbers + bar_width + 6) / 2).min(36);
    let mut columns = vec![
        Span::styled(format!(" {}", text::fit("true class", name_width + 4, "")), theme.dim()),
        Span::styled(text::fit("taken for", name_width, ""), theme.dim()),
        Span::styled("       A", theme.a()),
    ];
    if pair {
        columns.push(Span::styled("       B", theme.b()));
        columns.push(Span::styled(format!("   B {} A", theme.glyphs.minus), theme.dim()));
    }
    put(frame, area, 1, Line::from(columns));
    if view.pairs.is_empty() {
        let line = match view.filter.is_empty() {
            true => " Nothing is confused here.".to_owned(),
            false => format!(" No confused pair has {:?} in a name: / changes that.", view.filter),
        };
        put(frame, area, 2, Line::styled(line, theme.dim()));
    }
    let largest = view.pairs.iter().map(|pair| weight(state, pair)).max().unwrap_or(1).max(1);
    for (y, (index, confused)) in view.pairs.iter().enumerate().skip(first).take(height).enumerate() {
        let name =
            |class: usize| text::fit_middle(&session.classes[class], name_width, theme.glyphs.ellipsis);
        let mut spans = vec![
            Span::raw(name(confused.truth)),
            Span::styled(format!(" {} ", theme.glyphs.arrow), theme.dim()),
            Span::raw(format!(" {}", name(confused.predicted))),
            Span::raw(format!("{:>8}", text::count(confused.a as usize))),
        ];
        if pair {
            spans.push(Span::raw(format!("{:>8}", text::count(confused.b as usize))));
            spans.push(Span::raw(format!("  {}", change(confused.a, confused.b, theme))));
        }
        if bar_width > 0 {
            let part = f64::from(weight(state, confused)) / f64::from(largest);
            let style = match view.whose(&state.strategies) {
                ConfusionSource::A => theme.a(),
                ConfusionSource::B => theme.b(),
                ConfusionSource::Difference if confused.a > confused.b => theme.a(),
                ConfusionSource::Difference => theme.b(),
            };
            spans.push(Span::styled(format!(" {}", bar(part, bar_width, &theme.glyphs)), style));
        }
        put(frame, area, y as u16 + 2, row_line(spans, index == view.selected, theme));
    }
}

/// What the list is ordered by.
fn weight(state: &State, pair: &Pair) -> u32 {
    match state.confusion.whose(&state.strategies) {
        ConfusionSource::A => pair.a,
        ConfusionSource::B => pair.b,
        ConfusionSource::Difference => pair.a.abs_diff(pair.b),
    }
}

/// More confusions are a loss: `▼  +3`.
fn change(a: u32, b: u32, theme: &Theme) -> String {
    let glyphs = &theme.glyphs;
    let sign = match b.cmp(&a) {
        Ordering::Less => glyphs.minus,
        Ordering::Greater => "+",
        Ordering::Equal => "",
    };
    format!("{} {:>5}", glyphs.sign(a.cmp(&b)), format!("{sign}{}", a.abs_diff(b)))
}

fn heading(state: &State, theme: &Theme, width: usize) -> Line<'static> {
    let view = &state.confusion;
    let strategies = &state.strategies;
    let name = |strategy| strategy_name(state, strategy, width / 3, theme);
    let mut spans = match view.whose(strategies) {
        ConfusionSource::A => vec![Span::styled(" Confusions of ", theme.heading()), name(strategies.a)],
        ConfusionSource::B => vec![Span::styled(" Confusions of ", theme.heading()), name(strategies.b)],
        ConfusionSource::Difference => vec![
            Span::styled(" What ", theme.heading()),
            name(strategies.b),
            Span::styled(" changes against ", theme.heading()),
            name(strategies.a),
        ],
    };
    if !view.filter.is_empty() && view.block.is_none() {
        spans.push(Span::raw(format!(", with {:?}", view.filter)));
    }
    Line::from(spans)
}

/// Rows are the true classes, columns what they are taken for; cells are shaded by their share of the row.
pub(super) fn draw_block(
    frame: &mut Frame<'_>,
    area: Rect,
    state: &State,
    session: &Session,
    block: &Block,
    theme: &Theme,
) {
    let width = usize::from(area.width);
    put(frame, area, 0, heading(state, theme, width));
    let names = usize::from(block_names(area.width));
    let cell = usize::from(BLOCK_CELL);
    let (row_under, column_under) = (block.row(), block.column());
    let ellipsis = theme.glyphs.ellipsis;
    let mut columns = vec![Span::styled(text::fit("  true \\ taken for", names + 2, ""), theme.dim())];
    for (at, &class) in block.classes.iter().enumerate() {
        let style = if at == column_under { theme.heading() } else { theme.dim() };
        let name = text::fit(&session.classes[class], cell - 1, ellipsis);
        columns.push(Span::styled(format!(" {name}"), style));
    }
    put(frame, area, 1, Line::from(columns));
    let whose = state.confusion.whose(&state.strategies);
    let (a, b) = (state.strategies.a, state.strategies.b);
    let [a, b] = [a, b].map(|strategy| &session.strategies[strategy].evaluation.confusion);
    let height = usize::from(area.height.saturating_sub(3));
    let first = first_row(row_under, block.classes.len(), height);
    for (y, (row, &truth)) in block.classes.iter().enumerate().skip(first).take(height).enumerate() {
        let images = a.images_of(truth).max(1);
        let name = text::fit_middle(&session.classes[truth], names, ellipsis);
        let style = if row == row_under { theme.heading() } else { Style::new() };
        let cursor = if row == row_under { theme.glyphs.cursor } else { " " };
        let mut spans = vec![Span::styled(format!("{cursor}{name} "), style)];
        for (column, &predicted) in block.classes.iter().enumerate() {
            let (in_a, in_b) = (a.images(truth, predicted), b.images(truth, predicted));
            let (text, share, gained) = match whose {
                ConfusionSource::A => (count(in_a), in_a, false),
                ConfusionSource::B => (count(in_b), in_b, true),
                ConfusionSource::Difference => {
                    let sign = if in_b > in_a { "+" } else { theme.glyphs.minus };
                    let changed = in_a.abs_diff(in_b);
                    let text = if changed == 0 { count(0) } else { format!("{sign}{changed}") };
                    (text, changed, in_b > in_a)
                }
            };
            let share = f64::from(share) / f64::from(images);
            let mut style = theme.heat(share, gained, truth == predicted);
            if (row, column) == (row_under, column_under) {
                style = style.reversed().bold();
            }
            spans.push(Span::styled(format!("{text:>cell$}"), style));
        }
        put(frame, area, y as u16 + 2, Line::from(spans));
    }
    let (truth, predicted) = (block.truth, block.predicted);
    let (a, b) = (a.images(truth, predicted), b.images(truth, predicted));
    let mut line = format!(
        " {} {} {}: {} with A",
        session.classes[truth],
        theme.glyphs.arrow,
        session.classes[predicted],
        text::count(a as usize)
    );
    if state.strategies.is_pair() {
        line.push_str(&format!(", {} with B", text::count(b as usize)));
    }
    put(frame, area, area.height.saturating_sub(1), Line::raw(text::fit(&line, width, ellipsis)));
}

/// A dot for none, so that the numbers stand out.
fn count(images: u32) -> String {
    if images == 0 { ".".to_owned() } else { images.to_string() }
}
