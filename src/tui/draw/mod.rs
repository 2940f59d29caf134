//! Draws the state. Nothing here changes it, and nothing here computes more than what is on the screen.

mod classes;
mod confusion;
mod explanation;
mod findings;
mod generation;
mod images;
mod jobs;
mod opening;
mod overlay;
mod prompts;
mod strategies;
pub(super) mod strategies_page;
mod waiting;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};
use unicode_width::UnicodeWidthStr;

use super::actions::{Action, BINDINGS, Binding};
use super::layout;
use super::state::places::{has_tabs, tab_places};
use super::state::{Overlay, Screen, State};
use super::text;
use super::theme::{Glyphs, Theme};
use crate::text::message;
use crate::workbench::{ClassRow, PreprocessingOrigin};

/// Draws one frame.
pub fn draw(frame: &mut Frame<'_>, state: &State, theme: &Theme) {
    let area = frame.area();
    Clear.render(area, frame.buffer_mut());
    if layout::is_too_small(area.as_size()) {
        let wanted = layout::SMALLEST;
        let line = format!("{}x{}: needs {}x{}", area.width, area.height, wanted.width, wanted.height);
        put(frame, area, 0, Line::raw(text::fit(&line, usize::from(area.width), theme.glyphs.ellipsis)));
        return;
    }
    let parts = layout::frame(area);
    let width = usize::from(area.width);
    put(frame, parts.title, 0, title(state, theme, width));
    put(frame, parts.tabs, 0, tabs(state, theme, width));
    put(frame, parts.rule, 0, Line::styled(theme.glyphs.rule.repeat(width), theme.dim()));
    let body = parts.body;
    match (&state.session, state.screen) {
        (_, Screen::Opening) => opening::draw(frame, body, state, theme),
        (None, _) => waiting::draw(frame, body, state, theme),
        (Some(session), Screen::Strategies) => match &state.strategies_page {
            Some(page) => strategies_page::draw(frame, body, state, session, page, theme),
            None => strategies::draw(frame, body, state, session, theme),
        },
        (Some(session), Screen::Classes) => match &state.classes.page {
            Some(page) => classes::draw_page(frame, body, state, session, page, theme),
            None => classes::draw(frame, body, state, session, theme),
        },
        (Some(session), Screen::Confusion) => match &state.confusion.block {
            Some(block) => confusion::draw_block(frame, body, state, session, block, theme),
            None => confusion::draw(frame, body, state, session, theme),
        },
        (Some(session), Screen::Images) if state.images.inspecting => {
            images::draw_inspector(frame, body, state, session, theme);
        }
        (Some(session), Screen::Images) => images::draw_gallery(frame, body, state, session, theme),
        (Some(session), Screen::Prompts) => match state.generation.as_ref().filter(|view| view.shown) {
            Some(view) => generation::draw(frame, body, state, session, view, theme),
            None => prompts::draw(frame, body, state, session, theme),
        },
        (Some(_), Screen::Jobs) => jobs::draw(frame, body, state, theme),
        (Some(session), Screen::Findings) => findings::draw(frame, body, state, session, theme),
    }
    match &state.overlay {
        Some(Overlay::Commands(view)) => overlay::commands(frame, body, view, state, theme),
        Some(Overlay::Message { text, line }) => overlay::message(frame, body, text, *line, theme),
        Some(Overlay::Form(form)) => overlay::form(frame, body, form, theme),
        Some(Overlay::Leaving(exit)) => overlay::leaving(frame, body, state, exit, theme),
        Some(Overlay::FileChange { change, line }) => {
            overlay::change(frame, body, change, *line, state, theme)
        }
        None => {}
    }
    put(frame, parts.hints, 0, bottom(state, theme, width));
    theme.reduce_colors(frame.buffer_mut());
}

/// Puts a line on a row of an area, if the area has that row.
fn put(frame: &mut Frame<'_>, area: Rect, row: u16, line: Line<'_>) {
    if row < area.height {
        let place = Rect { y: area.y + row, height: 1, ..area };
        line.render(place, frame.buffer_mut());
    }
}

/// Puts a text on as many rows as it needs, from `row` on; returns the row after it.
fn put_text(frame: &mut Frame<'_>, area: Rect, row: u16, text: &str, style: Style) -> u16 {
    let lines = text::wrap(text, usize::from(area.width).saturating_sub(2));
    for (line, row) in lines.iter().zip(row..) {
        put(frame, area, row, Line::styled(format!(" {line}"), style));
    }
    row.saturating_add(lines.len() as u16)
}

fn title(state: &State, theme: &Theme, width: usize) -> Line<'static> {
    let dot = format!(" {} ", theme.glyphs.dot);
    let name = Span::styled(" cupl-tui  ", theme.heading());
    let Some(session) = &state.session else {
        let opening = if state.screen == Screen::Opening { "" } else { &state.opening_name };
        let room = width.saturating_sub(name.width());
        return Line::from(vec![
            name,
            Span::raw(text::fit(opening, room, theme.glyphs.ellipsis).trim_end().to_owned()),
        ]);
    };
    let running = state.jobs.any_runs();
    let right = format!(" {}{dot}{} ", session.precision, if running { "working" } else { "ready" });
    let mut parts = vec![
        session.experiment.clone(),
        session.checkpoint.clone(),
        format!("{} images", text::count(session.images.len())),
        format!("{} classes", text::count(session.classes.len())),
    ];
    if session.preprocessing == PreprocessingOrigin::FamilyDefault {
        parts.insert(2, format!("preprocessing: {}", session.preprocessing));
    }
    if !session.skipped.is_empty() {
        parts.insert(3, format!("{} skipped", text::count(session.skipped.len())));
    }
    let room = width.saturating_sub(name.width() + right.width());
    let middle = text::fit(&parts.join(&dot), room, theme.glyphs.ellipsis);
    Line::from(vec![name, Span::raw(middle), Span::styled(right, theme.dim())])
}

fn tabs(state: &State, theme: &Theme, width: usize) -> Line<'static> {
    if !has_tabs(state) {
        return Line::default();
    }
    let mut spans = vec![Span::raw(" ")];
    for (screen, label, start) in tab_places(state, width) {
        let used: usize = spans.iter().map(Span::width).sum();
        spans.push(Span::raw(" ".repeat(start.saturating_sub(used))));
        let style = if screen == state.screen { theme.heading().underlined() } else { theme.dim() };
        spans.push(Span::styled(label, style));
    }
    let used: usize = spans.iter().map(Span::width).sum::<usize>() + 1;
    let words = match state.messages.len() {
        0 => [String::new(), String::new()],
        1 => ["1 message ".to_owned(), "1 msg ".to_owned()],
        n => [format!("{} messages ", text::count(n)), format!("{} msg ", text::count(n))],
    };
    let right = words.into_iter().find(|words| used + words.len() <= width).unwrap_or_default();
    if !right.is_empty() {
        spans.push(Span::raw(" ".repeat(width - used - right.len())));
        spans.push(Span::styled(right, theme.dim()));
    }
    Line::from(spans)
}

/// What is typed, what was just done, or what works here.
fn bottom(state: &State, theme: &Theme, width: usize) -> Line<'static> {
    if let Some(typing) = &state.typing {
        let (before, after) = typing.input.parts();
        let mut spans = vec![Span::styled(format!(" {} ", typing.purpose.prompt()), theme.dim())];
        let mut room = width.saturating_sub(spans[0].width() + 1);
        if state.notice.is_some() {
            room = room.min((typing.input.text().width() + 1).max(width / 4));
        }
        spans.extend(cursor_spans(before, after, room, theme));
        if let Some(refusal) = &state.notice {
            let used: usize = spans.iter().map(Span::width).sum();
            let refusal = text::fit(refusal, width.saturating_sub(used + 2), theme.glyphs.ellipsis);
            spans.push(Span::styled(format!("  {refusal}"), theme.problem()));
        }
        return Line::from(spans);
    }
    if let Some(notice) = &state.notice {
        return Line::styled(text::fit(&format!(" {notice}"), width, theme.glyphs.ellipsis), theme.heading());
    }
    hints(state, theme, width)
}

/// Typed text with its cursor, the end of it where it is too long.
fn cursor_spans(before: &str, after: &str, width: usize, theme: &Theme) -> Vec<Span<'static>> {
    let mut rest = after.chars();
    let under = rest.next().unwrap_or(' ');
    let room = width.saturating_sub(1);
    let before = if before.width() > room {
        text::fit_end(before, room, theme.glyphs.ellipsis)
    } else {
        before.to_owned()
    };
    let left = room.saturating_sub(before.width());
    let rest = text::fit(rest.as_str(), left, theme.glyphs.ellipsis);
    vec![
        Span::raw(before),
        Span::styled(under.to_string(), Style::new().reversed()),
        Span::raw(rest.trim_end().to_owned()),
    ]
}

/// The ways out of a place.
fn is_way_out(binding: &Binding) -> bool {
    binding.contexts.is_empty() || binding.action == Action::Back
}

/// What works here, as far as there is room; the ways out always have theirs.
fn hints(state: &State, theme: &Theme, width: usize) -> Line<'static> {
    if let Some(Overlay::Form(form)) = &state.overlay {
        let hints = format!(" {}", form.hints());
        return Line::styled(text::fit(&hints, width, theme.glyphs.ellipsis), theme.dim());
    }
    let context = state.context();
    let works_here = |(_, binding): &(usize, &Binding)| {
        binding.works_in(context) && !binding.hint.is_empty() && state.can(binding.action)
    };
    let (always, here): (Vec<_>, Vec<_>) =
        BINDINGS.iter().enumerate().filter(works_here).partition(|(_, binding)| is_way_out(binding));
    let key = |row: usize| state.keymap.keys(row).first().map_or("-", String::as_str);
    let cells = |(row, binding): &(usize, &Binding)| key(*row).width() + state.hint(binding).width() + 3;
    let mut room = width.saturating_sub(1 + always.iter().map(cells).sum::<usize>());
    let fitting = here.into_iter().filter(|binding| {
        let fits = cells(binding) <= room;
        if fits {
            room -= cells(binding);
        }
        fits
    });
    let mut spans = vec![Span::raw(" ")];
    for (row, binding) in fitting.collect::<Vec<_>>().into_iter().chain(always) {
        spans.push(Span::styled(key(row).to_owned(), theme.heading()));
        spans.push(Span::styled(format!(" {}  ", state.hint(binding)), theme.dim()));
    }
    Line::from(spans)
}

/// A fraction as a percentage with one decimal, right-aligned in five cells.
fn percent(value: Option<f64>) -> String {
    value.map_or_else(|| "    -".to_owned(), |value| format!("{:>5}", message::percent(value)))
}

/// A difference in points with its sign: `▲ +1.6`, `▼ −0.4`, `=  0.0`, in eight cells.
fn difference(value: Option<f64>, glyphs: &Glyphs) -> String {
    let Some(value) = value else { return " ".repeat(8) };
    // Adding zero makes one zero of the two that floats have.
    let glyph = glyphs.sign((rounded(value) + 0.0).total_cmp(&0.0));
    format!("{glyph} {:>6}", signed(value, glyphs))
}

/// The difference of a class, with its arrow only where it is proven: `▲  +1.6`. Otherwise with the points that the
/// class's images can prove at least: `   +1.6 ≥15`, or `n<6` where they cannot prove anything.
fn class_difference(row: &ClassRow, glyphs: &Glyphs) -> String {
    let Some(value) = row.difference() else { return String::new() };
    if row.is_proven() {
        return difference(Some(value), glyphs);
    }
    let least = match row.least_points() {
        Some(least) => format!("{}{least:.0}", glyphs.at_least),
        None => "n<6".to_owned(),
    };
    format!("  {:>6} {least}", signed(value, glyphs))
}

/// Points with their sign: `+1.6`, `−0.4`, `0.0`.
fn signed(value: f64, glyphs: &Glyphs) -> String {
    let points = rounded(value);
    let sign = if points > 0.0 {
        "+"
    } else if points < 0.0 {
        glyphs.minus
    } else {
        " "
    };
    format!("{sign}{:.1}", points.abs())
}

/// A fraction in points, to one decimal.
fn rounded(value: f64) -> f64 {
    (1000.0 * value).round() / 10.0
}

/// A bar of `width` cells for a fraction, in eighths of a cell where the glyphs have them.
fn bar(value: f64, width: usize, glyphs: &Glyphs) -> String {
    let parts = glyphs.eighths.len() + 1;
    let filled = (value.clamp(0.0, 1.0) * (width * parts) as f64).round() as usize;
    let mut drawn = glyphs.bar.repeat(filled / parts);
    if let Some(part) = (filled % parts).checked_sub(1) {
        drawn.push_str(glyphs.eighths[part]);
    }
    let cells = drawn.width();
    drawn.push_str(&" ".repeat(width.saturating_sub(cells)));
    drawn
}

/// A line, marked where the cursor stands on it.
fn row_line<'a>(mut spans: Vec<Span<'a>>, on_cursor: bool, theme: &Theme) -> Line<'a> {
    spans.insert(0, Span::raw(if on_cursor { theme.glyphs.cursor } else { " " }));
    let line = Line::from(spans);
    if on_cursor { line.style(theme.selected()) } else { line }
}

/// `1-20 of 100`, right-aligned.
fn place_of(first: usize, shown: usize, rows: usize, more: &str, theme: &Theme) -> Line<'static> {
    let from = if rows == 0 { 0 } else { first + 1 };
    let last = (first + shown).min(rows);
    let text = format!("{}-{} of {}{more} ", text::count(from), text::count(last), text::count(rows));
    Line::styled(text, theme.dim()).right_aligned()
}

/// A or B, its name after it, in the colour of the pair.
fn strategy_name(state: &State, strategy: usize, width: usize, theme: &Theme) -> Span<'static> {
    let name = state.session.as_ref().map_or("", |session| session.strategies[strategy].name.as_str());
    let (letter, style) = if strategy == state.strategies.a {
        ("A ", theme.a())
    } else if strategy == state.strategies.b {
        ("B ", theme.b())
    } else {
        ("", Style::new())
    };
    let name = text::shorten(name, width.saturating_sub(letter.len()), theme.glyphs.ellipsis);
    Span::styled(format!("{letter}{name}"), style)
}

#[cfg(test)]
mod tests {
    use super::super::theme::{ASCII, UNICODE};
    use super::*;

    #[test]
    fn every_difference_has_a_sign() {
        assert_eq!(difference(Some(0.016), &UNICODE), "▲   +1.6");
        assert_eq!(difference(Some(-0.004), &UNICODE), "▼   −0.4");
        assert_eq!(difference(Some(-0.0001), &UNICODE), "=    0.0");
        assert_eq!(difference(Some(-1.0), &ASCII), "v -100.0");
        assert_eq!(difference(None, &UNICODE).width(), 8);
    }

    #[test]
    fn only_what_is_proven_has_an_arrow() {
        let row = |images: usize, p_holm, resolvable| ClassRow {
            class: 0,
            images,
            a: Some(0.5),
            b: Some(0.6),
            gained: 0,
            lost: 0,
            p: Some(0.01),
            p_holm: Some(p_holm),
            resolvable,
            confusion: None,
        };
        assert_eq!(class_difference(&row(40, 0.04, Some(0.15)), &UNICODE), "▲  +10.0");
        assert_eq!(class_difference(&row(40, 0.05, Some(0.15)), &UNICODE), "   +10.0 ≥15");
        assert_eq!(class_difference(&row(7, 1.0, Some(6.0 / 7.0)), &ASCII), "   +10.0 >=86");
        assert_eq!(class_difference(&row(5, 1.0, None), &ASCII), "   +10.0 n<6");
        assert_eq!(class_difference(&ClassRow { b: None, ..row(0, 1.0, None) }, &UNICODE), "");
    }

    #[test]
    fn bars_have_eighths() {
        assert_eq!(bar(0.5, 4, &UNICODE), "██  ");
        assert_eq!(bar(0.55, 4, &UNICODE), "██▎ ");
        assert_eq!(bar(1.0, 4, &UNICODE), "████");
        assert_eq!(bar(0.0, 4, &UNICODE), "    ");
        assert_eq!(bar(0.55, 4, &ASCII), "##  ");
    }
}
