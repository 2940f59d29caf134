//! The overview: a row a strategy, what they differ by in words, and a row a class.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use super::{bar, difference, percent, put};
use crate::tui::layout::first_row;
use crate::tui::state::{ClassRow, State, Table};
use crate::tui::text;
use crate::tui::theme::Theme;
use crate::workbench::{Session, StrategyResult, demo};

/// Rows of the table of strategies at most, before it scrolls.
const MOST_STRATEGIES: u16 = 8;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, state: &State, session: &Session, theme: &Theme) {
    let strategies = (session.strategies.len() as u16).min(MOST_STRATEGIES).min(area.height / 3).max(1);
    let place = |y: u16, height: u16| Rect {
        y: area.y + y.min(area.height),
        height: height.min(area.height.saturating_sub(y)),
        ..area
    };
    draw_strategies(frame, place(0, strategies + 1), state, session, theme);
    let mut y = strategies + 1;
    let roomy = area.height >= strategies + 3 + 3 + 6;
    if roomy {
        if session.demo_checkpoint {
            put(frame, area, y, Line::styled(format!(" {}", demo::CAUTION), theme.dim()));
        }
        draw_strategies_place(frame, place(y, 1), usize::from(strategies), state, theme);
        y += 1;
    }
    // A low screen keeps the first line, so that some classes have room.
    let lines = if area.height >= strategies + 8 { usize::MAX } else { 1 };
    for line in verdict(state, session, theme, usize::from(area.width)).into_iter().take(lines) {
        put(frame, area, y, line);
        y += 1;
    }
    if roomy {
        let height = usize::from(area.height.saturating_sub(y + 2));
        draw_place(frame, place(y, 1), height, state, theme);
        y += 1;
    }
    draw_classes(frame, place(y, area.height), state, session, theme);
}

/// `A`, `B` or a blank, in the colour of the pair.
fn letter(state: &State, strategy: usize, theme: &Theme) -> Span<'static> {
    if strategy == state.a {
        Span::styled("A", theme.a())
    } else if strategy == state.b {
        Span::styled("B", theme.b())
    } else {
        Span::raw(" ")
    }
}

fn draw_strategies(frame: &mut Frame<'_>, area: Rect, state: &State, session: &Session, theme: &Theme) {
    let name_width = usize::from(area.width).saturating_sub(54).clamp(8, 40);
    let heading = format!(
        "     {} prompts  top-1  against A    recall   top-5",
        text::fit("strategy", name_width, theme.glyphs.ellipsis)
    );
    put(frame, area, 0, Line::styled(heading, theme.dim()));
    let height = usize::from(area.height.saturating_sub(1));
    let first = first_row(state.strategy, session.strategies.len(), height);
    let baseline = &session.strategies[state.a].evaluation;
    for (row, index) in (first..session.strategies.len()).take(height).enumerate() {
        let strategy = &session.strategies[index];
        let against = (index != state.a).then(|| strategy.evaluation.top1() - baseline.top1());
        let on_cursor = index == state.strategy && state.table == Table::Strategies;
        let shown = if state.shown[index] { theme.glyphs.on } else { theme.glyphs.off };
        let numbers = if state.shown[index] { Style::new() } else { theme.dim() };
        let line = Line::from(vec![
            Span::raw(if on_cursor { theme.glyphs.cursor } else { " " }),
            letter(state, index, theme),
            Span::raw(format!(" {shown} ")),
            Span::styled(text::fit_middle(&strategy.name, name_width, theme.glyphs.ellipsis), numbers),
            Span::styled(strategy_numbers(strategy, against, theme), numbers),
        ]);
        let line = if on_cursor { line.style(theme.selected()) } else { line };
        put(frame, area, row as u16 + 1, line);
    }
}

/// Which strategies are in view, where not all are.
fn draw_strategies_place(frame: &mut Frame<'_>, area: Rect, height: usize, state: &State, theme: &Theme) {
    let rows = state.shown.len();
    if rows > height {
        let first = first_row(state.strategy, rows, height);
        let place = format!("{}-{} of {rows} ", first + 1, first + height);
        put(frame, area, 0, Line::styled(place, theme.dim()).right_aligned());
    }
}

fn strategy_numbers(strategy: &StrategyResult, against: Option<f64>, theme: &Theme) -> String {
    let evaluation = &strategy.evaluation;
    let against = match against {
        None => "baseline".to_owned(),
        difference_to_a => difference(difference_to_a, &theme.glyphs),
    };
    format!(
        " {:>7}  {}  {against}     {}   {}",
        text::count(strategy.n_prompts()),
        percent(Some(evaluation.top1())),
        percent(Some(evaluation.mean_per_class_recall())),
        percent(Some(evaluation.top5())),
    )
}

/// The answer first, in words.
fn verdict(state: &State, session: &Session, theme: &Theme, width: usize) -> Vec<Line<'static>> {
    let Some(comparison) = &state.comparison else {
        let text = match session.strategies.len() {
            1 => "This experiment has one strategy: add another to compare it with.",
            _ => "Show a second strategy (Tab, then Space) to compare it with the baseline.",
        };
        return vec![Line::styled(format!(" {text}"), theme.dim())];
    };
    let (a, b) = (&session.strategies[state.a].name, &session.strategies[state.b].name);
    let first = format!(
        " {b} gains {} images and loses {} against {a}.",
        text::count(comparison.gained.len()),
        text::count(comparison.lost.len()),
    );
    let named = |rows: Vec<&ClassRow>, none: &str| -> String {
        let parts: Vec<String> = rows
            .iter()
            .take(3)
            .map(|row| {
                let sign = difference(row.difference(), &theme.glyphs);
                let sign: Vec<&str> = sign.split_whitespace().collect();
                let class = &session.classes[row.class];
                format!("{} {}", text::shorten(class, width / 6, theme.glyphs.ellipsis), sign.join(" "))
            })
            .collect();
        if parts.is_empty() { none.to_owned() } else { parts.join("  ") }
    };
    let mut gains: Vec<&ClassRow> =
        state.classes.iter().filter(|row| row.difference().is_some_and(|d| d > 0.0)).collect();
    let mut losses: Vec<&ClassRow> =
        state.classes.iter().filter(|row| row.difference().is_some_and(|d| d < 0.0)).collect();
    let by_difference = |x: &&ClassRow, y: &&ClassRow| {
        x.difference().unwrap_or(0.0).total_cmp(&y.difference().unwrap_or(0.0))
    };
    gains.sort_by(|x, y| by_difference(y, x));
    losses.sort_by(by_difference);
    let lines = [
        first,
        format!(" It helps on  {}", named(gains, "no class")),
        format!(" and hurts on {}", named(losses, "no class")),
    ];
    lines.iter().map(|line| Line::raw(text::fit(line, width, theme.glyphs.ellipsis))).collect()
}

fn draw_classes(frame: &mut Frame<'_>, area: Rect, state: &State, session: &Session, theme: &Theme) {
    let width = usize::from(area.width);
    let longest = session.classes.iter().map(|class| class.width()).max().unwrap_or(0);
    let name_width = longest.clamp(8, (width / 4).max(8));
    // A narrow screen leaves out how many images there are; one strategy alone leaves out B and the difference.
    let images_width = if width >= 50 { 7 } else { 0 };
    let pair = state.is_pair();
    let (sides, difference_width) = if pair { (2, 10) } else { (1, 0) };
    let fixed = 1 + name_width + images_width + sides * 8 + difference_width + 1;
    let bar_width = width.saturating_sub(fixed) / sides;
    let column = |letter: &str, strategy: usize| {
        let name = &session.strategies[strategy].name;
        text::fit(&format!("  {letter} {name}"), 8 + bar_width, theme.glyphs.ellipsis)
    };
    let mut heading = vec![
        Span::styled(format!(" {}", text::fit("class", name_width, "")), theme.dim()),
        Span::styled(if images_width > 0 { " images" } else { "" }, theme.dim()),
        Span::styled(column("A", state.a), theme.a()),
    ];
    if pair {
        heading.push(Span::styled(column("B", state.b), theme.b()));
        heading.push(Span::styled(format!("     B {} A", theme.glyphs.minus), theme.dim()));
    }
    put(frame, area, 0, Line::from(heading));

    let height = usize::from(area.height.saturating_sub(1));
    let first = first_row(state.class_row, state.classes.len(), height);
    for (row, (index, class)) in state.classes.iter().enumerate().skip(first).take(height).enumerate() {
        let on_cursor = index == state.class_row && state.table == Table::Classes;
        let side = |value: Option<f64>, style: Style| {
            let bar =
                value.map_or_else(|| " ".repeat(bar_width), |value| bar(value, bar_width, &theme.glyphs));
            [Span::raw(format!("  {} ", percent(value))), Span::styled(bar, style)]
        };
        let mut spans = vec![
            Span::raw(if on_cursor { theme.glyphs.cursor } else { " " }),
            Span::raw(text::fit_middle(&session.classes[class.class], name_width, theme.glyphs.ellipsis)),
        ];
        if images_width > 0 {
            spans.push(Span::styled(format!("{:>images_width$}", text::count(class.images)), theme.dim()));
        }
        spans.extend(side(class.a, theme.a()));
        if pair {
            spans.extend(side(class.b, theme.b()));
            spans.push(Span::raw(format!("  {}", difference(class.difference(), &theme.glyphs))));
        }
        let line = Line::from(spans);
        let line = if on_cursor { line.style(theme.selected()) } else { line };
        put(frame, area, row as u16 + 1, line);
    }
}

/// Which rows of the table of classes are in view, and their order.
fn draw_place(frame: &mut Frame<'_>, area: Rect, height: usize, state: &State, theme: &Theme) {
    let rows = state.classes.len();
    let first = first_row(state.class_row, rows, height);
    let shown = rows.min(first + height);
    let order = state.order.words(state.reversed);
    let place =
        format!("{}-{} of {}, {order} ", text::count(first + 1), text::count(shown), text::count(rows));
    put(frame, area, 0, Line::styled(place, theme.dim()).right_aligned());
}
