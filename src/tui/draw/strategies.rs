//! The strategies, ranked: a row each, what A and B differ by in words, and the first classes.

use ratatui::Frame;
use ratatui::layout::{Rect, Size};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::{class_difference, classes, percent, place_of, put, row_line, signed};
use crate::tui::state::focus::StrategyRow;
use crate::tui::state::places::{controlled, first_strategy_row, strategy_parts};
use crate::tui::state::{Job, State};
use crate::tui::text;
use crate::tui::theme::Theme;
use crate::workbench::{
    self, ClassRow, Comparison, ControlResult, Session, control_verdict, demo, helped_and_hurt,
};

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, state: &State, session: &Session, theme: &Theme) {
    let parts = strategy_parts(area, state, session);
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
    let columns = Columns { name_width, against_width, interval, recall, told };
    let strategies = &state.strategies;
    let all = StrategyRow::all(session);
    let rows = all.len();
    let first = first_strategy_row(strategies.selected, &all, height);
    for (place, row) in all.into_iter().enumerate().skip(first).take(height) {
        let spans = match row {
            StrategyRow::Strategy(strategy) => strategy_spans(state, session, strategy, columns, theme),
            StrategyRow::Control { strategy, control } => {
                let controls = session.controls_of(strategy).and_then(|its| its.results.get(control));
                let style = if strategies.shown[strategy] { Style::new() } else { theme.dim() };
                controls.map_or_else(Vec::new, |control| control_spans(control, style, columns, theme))
            }
        };
        put(
            frame,
            area,
            (place - first) as u16 + 1,
            row_line(spans, row == StrategyRow::Strategy(strategies.selected), theme),
        );
    }
    if let (Some(pending), true) = (&state.pending, rows < height) {
        let name = text::fit_middle(pending, name_width, theme.glyphs.ellipsis);
        let how_far = match &state.job {
            Job::Running(Some(progress)) => progress.to_string(),
            Job::Asking(host) => format!("asking {host}"),
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

/// How wide the columns are, and which there are.
#[derive(Clone, Copy)]
struct Columns {
    name_width: usize,
    against_width: usize,
    interval: bool,
    recall: bool,
    told: bool,
}

impl Columns {
    /// The numbers of a row, after its name.
    fn numbers(self, prompts: usize, top1: f64, against: &str, recall: f64, top5: f64, told: &str) -> String {
        let mut numbers = format!(
            " {:>7}  {}  {}",
            text::count(prompts),
            percent(Some(top1)),
            text::fit(against, self.against_width, ""),
        );
        if self.recall {
            numbers.push_str(&format!(" {}   {}", percent(Some(recall)), percent(Some(top5))));
        }
        if self.told && !told.is_empty() {
            numbers.push_str(&format!("   {told}"));
        }
        numbers
    }
}

fn strategy_spans<'s>(
    state: &State,
    session: &Session,
    index: usize,
    columns: Columns,
    theme: &Theme,
) -> Vec<Span<'s>> {
    let strategies = &state.strategies;
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
        Some(against) => against_words(against, columns.interval, theme),
    };
    let numbers = columns.numbers(
        strategy.n_prompts(),
        evaluation.top1(),
        &against,
        evaluation.mean_per_class_recall(),
        evaluation.top5(),
        "cached",
    );
    let name = text::fit_middle(&strategy.name, columns.name_width, theme.glyphs.ellipsis);
    vec![letter, Span::raw(format!(" {shown} ")), Span::styled(name, style), Span::styled(numbers, style)]
}

/// A control, indented below its strategy: the averages of its seeds, and what the strategy gains over it.
fn control_spans<'s>(
    control: &ControlResult,
    style: Style,
    columns: Columns,
    theme: &Theme,
) -> Vec<Span<'s>> {
    let glyphs = &theme.glyphs;
    let words = control.kind.words();
    let name = match control.seeds.len() {
        1 => format!("  {words}"),
        seeds => format!("  {words} {}{seeds}", glyphs.times),
    };
    let gain = signed(control.gain.difference, glyphs);
    let against = match columns.interval {
        true => {
            let (low, high) = control.gain.interval;
            format!("gain {gain:>5} [{:>5}, {:>5}]", signed(low, glyphs), signed(high, glyphs))
        }
        false if columns.recall => format!("gain {gain:>5}"),
        false => format!("{gain:>8}"),
    };
    let numbers = columns.numbers(
        control.prompts,
        control.top1().mean,
        &against,
        control.mean_per_class_recall().mean,
        control.top5().mean,
        &control.top1().sd.map_or_else(String::new, |sd| format!("sd {:.2}", 100.0 * sd)),
    );
    let name = text::fit_middle(&name, columns.name_width, glyphs.ellipsis);
    vec![Span::raw("    "), Span::styled(format!("{name}{numbers}"), style)]
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
    let control = controlled(state, session).and_then(|controls| {
        let name = &session.strategies[controls.strategy].name;
        Some(format!(" {}", control_verdict(name, controls.random()?, theme.glyphs.minus)))
    });
    let Some(comparison) = strategies.comparison() else {
        let key = state.keymap.key(crate::tui::actions::Action::AddStrategy);
        let text = match session.strategies.len() {
            1 => format!("This experiment has one strategy: {key} adds another to compare it with."),
            _ => "Show a second strategy with Space to compare it with the baseline.".to_owned(),
        };
        let mut lines = vec![Line::styled(format!(" {text}"), theme.dim())];
        lines.extend(control.map(|text| Line::raw(text::fit(&text, width, theme.glyphs.ellipsis))));
        return lines;
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
    // Where there is one line for it, its end is cut off.
    let words = if room.height > 2 { text::wrap(&words, width.saturating_sub(2)) } else { vec![words] };
    let mut lines: Vec<String> = words.into_iter().map(|line| format!(" {line}")).collect();
    lines.extend(control);
    lines.push(format!(" It helps most on  {}", named(helped)));
    lines.push(format!(" and hurts most on {}", named(hurt)));
    lines.iter().map(|line| Line::raw(text::fit(line, width, theme.glyphs.ellipsis))).collect()
}
