//! The strategies, ranked: a row each, what A and B differ by in words, and the first classes.

use ratatui::Frame;
use ratatui::layout::{Rect, Size};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::{class_difference, classes, percent, place_of, put, row_line, signed};
use crate::tui::layout::{self, first_row};
use crate::tui::state::{Job, State};
use crate::tui::text;
use crate::tui::theme::Theme;
use crate::workbench::{self, ClassRow, Comparison, Session, demo, helped_and_hurt};

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, state: &State, session: &Session, theme: &Theme) {
    let rows = session.strategies.len() + usize::from(state.pending.is_some());
    let parts = layout::strategies(area, rows);
    draw_table(frame, parts.table, state, session, theme);
    let mut lines = verdict(state, session, theme, parts.verdict.as_size());
    let height = usize::from(parts.verdict.height);
    if session.demo_checkpoint && height > lines.len() {
        lines.insert(0, Line::styled(format!(" {}", demo::CAUTION), theme.dim()));
    }
    if height > lines.len() {
        lines.insert(0, Line::default());
    }
    for (row, line) in lines.into_iter().enumerate() {
        put(frame, parts.verdict, row as u16, line);
    }
    classes::draw(frame, parts.classes, state, session, theme);
}

/// Columns that the numbers take at the right.
const NUMBERS: usize = 58;

fn draw_table(frame: &mut Frame<'_>, area: Rect, state: &State, session: &Session, theme: &Theme) {
    let width = usize::from(area.width);
    // A narrow screen leaves out the interval, then recall and top-5.
    let (interval, recall, told) = (width >= 76, width >= 56, width >= 96);
    let numbers =
        NUMBERS - if interval { 0 } else { 17 } - if recall { 0 } else { 16 } + if told { 10 } else { 0 };
    let name_width = width.saturating_sub(numbers + 5).clamp(8, 40);
    let against = if interval { "against baseline (95 %)" } else { "against A" };
    let against_width = if interval { 27 } else { 10 };
    let mut heading = format!(
        "     {} prompts  top-1  {}",
        text::fit("strategy", name_width, theme.glyphs.ellipsis),
        text::fit(against, against_width, ""),
    );
    if recall {
        heading.push_str("recall   top-5");
    }
    if told {
        heading.push_str("   state");
    }
    put(frame, area, 0, Line::styled(heading, theme.dim()));
    let height = usize::from(area.height.saturating_sub(1));
    let strategies = &state.strategies;
    let rows = session.strategies.len();
    let first = first_row(strategies.selected, rows, height);
    for (row, index) in (first..rows).take(height).enumerate() {
        let strategy = &session.strategies[index];
        let evaluation = &strategy.evaluation;
        let style = if strategies.shown[index] { Style::new() } else { theme.dim() };
        let letter = if index == strategies.a {
            Span::styled("A", theme.a())
        } else if index == strategies.b {
            Span::styled("B", theme.b())
        } else {
            Span::raw(" ")
        };
        let shown = if strategies.shown[index] { theme.glyphs.on } else { theme.glyphs.off };
        let against = match strategies.against_a.get(index).and_then(Option::as_ref) {
            None => "baseline".to_owned(),
            Some(against) => against_words(against, interval, theme),
        };
        let mut numbers = format!(
            " {:>7}  {}  {}",
            text::count(strategy.n_prompts()),
            percent(Some(evaluation.top1())),
            text::fit(&against, against_width, ""),
        );
        if recall {
            let recall = percent(Some(evaluation.mean_per_class_recall()));
            numbers.push_str(&format!(" {recall}   {}", percent(Some(evaluation.top5()))));
        }
        if told {
            numbers.push_str("   cached");
        }
        let name = text::fit_middle(&strategy.name, name_width, theme.glyphs.ellipsis);
        let spans = vec![
            letter,
            Span::raw(format!(" {shown} ")),
            Span::styled(name, style),
            Span::styled(numbers, style),
        ];
        put(frame, area, row as u16 + 1, row_line(spans, index == strategies.selected, theme));
    }
    if let (Some(pending), true) = (&state.pending, rows < height) {
        let name = text::fit_middle(pending, name_width, theme.glyphs.ellipsis);
        let how_far = match &state.job {
            Job::Running(Some(progress)) => progress.to_string(),
            _ => "embedding".to_owned(),
        };
        let line = format!("   {} {name} {how_far}", theme.glyphs.off);
        let line = text::fit(&line, width, theme.glyphs.ellipsis);
        put(frame, area, rows as u16 + 1, Line::styled(line, theme.dim()));
    }
    if rows > height {
        let place = Rect { y: area.y + area.height - 1, height: 1, ..area };
        let line = place_of(first, height, rows, "", theme);
        let width = line.width() as u16;
        let corner = Rect { x: place.x + place.width.saturating_sub(width), width, ..place };
        put(frame, Rect { y: area.y, ..corner }, 0, line);
    }
}

/// `▲ +1.7 [+0.2, +3.2]`; the sign of a difference that is not proven is `=`.
fn against_words(comparison: &Comparison, interval: bool, theme: &Theme) -> String {
    let glyphs = &theme.glyphs;
    let fraction = |points: f64| points / 100.0;
    let proven = if comparison.is_proven() { comparison.top1 } else { 0.0 };
    let sign = glyphs.sign(proven.total_cmp(&0.0));
    if !interval {
        return format!("{sign} {:>6}", signed(fraction(comparison.top1), glyphs));
    }
    let (low, high) = comparison.interval();
    format!(
        "{sign} {:>5}  [{:>5}, {:>5}]",
        signed(fraction(comparison.top1), glyphs),
        signed(fraction(low), glyphs),
        signed(fraction(high), glyphs)
    )
}

/// The answer first, in words.
fn verdict(state: &State, session: &Session, theme: &Theme, room: Size) -> Vec<Line<'static>> {
    let width = usize::from(room.width);
    let strategies = &state.strategies;
    let Some(comparison) = strategies.comparison() else {
        let key = state.keymap.key(crate::tui::actions::Action::AddStrategy);
        let text = match session.strategies.len() {
            1 => format!("This experiment has one strategy: {key} adds another to compare it with."),
            _ => "Show a second strategy with Space to compare it with the baseline.".to_owned(),
        };
        return vec![Line::styled(format!(" {text}"), theme.dim())];
    };
    let (helped, hurt) = helped_and_hurt(state.classes.table());
    let named = |rows: Vec<&ClassRow>| -> String {
        let part = |row: &&ClassRow| {
            // As in the table below: an arrow where it is proven.
            let sign = class_difference(row, &theme.glyphs);
            let sign: Vec<&str> = sign.split_whitespace().take(if row.is_proven() { 2 } else { 1 }).collect();
            let class = &session.classes[row.class];
            format!("{} {}", text::shorten(class, width / 6, theme.glyphs.ellipsis), sign.join(" "))
        };
        let parts: Vec<String> = rows.iter().take(3).map(part).collect();
        if parts.is_empty() { "no class".to_owned() } else { parts.join("   ") }
    };
    let words = workbench::verdict(session, strategies.a, strategies.b, comparison);
    // Where there is one line for all, its end is cut off.
    let words = if room.height > 1 { text::wrap(&words, width.saturating_sub(2)) } else { vec![words] };
    let mut lines: Vec<String> = words.into_iter().map(|line| format!(" {line}")).collect();
    lines.push(format!(" It helps most on  {}", named(helped)));
    lines.push(format!(" and hurts most on {}", named(hurt)));
    lines.iter().map(|line| Line::raw(text::fit(line, width, theme.glyphs.ellipsis))).collect()
}
