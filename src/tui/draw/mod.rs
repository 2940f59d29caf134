//! Draws the state. Nothing here changes it, and nothing here computes more than what is on the screen.

mod images;
mod overlay;
mod overview;
mod waiting;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};
use unicode_width::UnicodeWidthStr;

use super::actions::{Action, BINDINGS, Binding};
use super::layout;
use super::state::{Job, Overlay, Screen, State};
use super::text;
use super::theme::{Glyphs, Theme};
pub use overlay::help_lines;
pub use waiting::problem_lines;

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
    put(frame, parts.title, 0, title(state, theme, usize::from(area.width)));
    put(frame, area, 1, Line::styled(theme.glyphs.rule.repeat(usize::from(area.width)), theme.dim()));
    match (&state.session, state.screen) {
        (None, _) => waiting::draw(frame, parts.body, state, theme),
        (Some(session), Screen::Overview) => overview::draw(frame, parts.body, state, session, theme),
        (Some(session), Screen::Images) => images::draw(frame, parts.body, state, session, theme),
    }
    match state.overlay {
        Some(Overlay::Help(line)) => overlay::help(frame, parts.body, line, theme),
        Some(Overlay::Messages(line)) => {
            overlay::messages(frame, parts.body, line, &state.messages, theme);
        }
        Some(Overlay::Leaving) => overlay::leaving(frame, parts.body, state.in_memory, theme),
        None => {}
    }
    put(frame, parts.hints, 0, hints(state, theme, usize::from(area.width)));
    theme.reduce_colors(frame.buffer_mut());
}

/// Puts a line on a row of an area, if the area has that row.
fn put(frame: &mut Frame<'_>, area: Rect, row: u16, line: Line<'_>) {
    if row < area.height {
        let place = Rect { y: area.y + row, height: 1, ..area };
        line.render(place, frame.buffer_mut());
    }
}

fn title(state: &State, theme: &Theme, width: usize) -> Line<'static> {
    let dot = format!(" {} ", theme.glyphs.dot);
    let name = Span::styled(" cupl-tui  ", theme.heading());
    let Some(session) = &state.session else { return Line::from(name) };
    let right = match state.messages.len() {
        0 => String::new(),
        1 => " 1 message (m) ".to_owned(),
        n => format!(" {} messages (m) ", text::count(n)),
    };
    let mut parts = vec![
        session.experiment.clone(),
        format!("{} {}", session.checkpoint, session.precision),
        format!("{} images", text::count(session.images.len())),
        format!("{} classes", text::count(session.classes.len())),
    ];
    if !session.skipped.is_empty() {
        parts.insert(3, format!("{} skipped", text::count(session.skipped.len())));
    }
    let room = width.saturating_sub(name.width() + right.width());
    let middle = text::fit(&parts.join(&dot), room, theme.glyphs.ellipsis);
    Line::from(vec![name, Span::raw(middle), Span::styled(right, theme.dim())])
}

/// The ways out of a place and between places.
fn is_way_out(binding: &Binding) -> bool {
    binding.contexts.is_empty() || matches!(binding.action, Action::Back | Action::OtherTable)
}

/// What works here, as far as there is room; the ways out always have theirs.
fn hints(state: &State, theme: &Theme, width: usize) -> Line<'static> {
    let context = state.context();
    let works_here = |binding: &&Binding| binding.works_in(context) && !binding.hint.is_empty();
    let (always, here): (Vec<&Binding>, Vec<&Binding>) =
        BINDINGS.iter().filter(works_here).partition(|binding| is_way_out(binding));
    let cells = |binding: &Binding| binding.keys[0].width() + binding.hint.width() + 3;
    let mut room = width.saturating_sub(1 + always.iter().map(|binding| cells(binding)).sum::<usize>());
    let fitting = here.into_iter().filter(|binding| {
        let fits = cells(binding) <= room;
        if fits {
            room -= cells(binding);
        }
        fits
    });
    let mut spans = vec![Span::raw(" ")];
    for binding in fitting.collect::<Vec<_>>().into_iter().chain(always) {
        spans.push(Span::styled(binding.keys[0], theme.heading()));
        spans.push(Span::styled(format!(" {}  ", binding.hint), theme.dim()));
    }
    Line::from(spans)
}

/// A fraction as a percentage with one decimal, right-aligned in five cells.
fn percent(value: Option<f64>) -> String {
    value.map_or_else(|| "    -".to_owned(), |value| format!("{:5.1}", 100.0 * value))
}

/// A difference in points with its sign: `▲ +1.6`, `▼ −0.4`, `=  0.0`, in eight cells.
fn difference(value: Option<f64>, glyphs: &Glyphs) -> String {
    let Some(value) = value else { return " ".repeat(8) };
    let points = (1000.0 * value).round() / 10.0;
    let (glyph, sign) = if points > 0.0 {
        (glyphs.up, "+")
    } else if points < 0.0 {
        (glyphs.down, glyphs.minus)
    } else {
        (glyphs.same, " ")
    };
    format!("{glyph} {:>6}", format!("{sign}{:.1}", points.abs()))
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

/// Whether the job is at work.
fn is_running(state: &State) -> bool {
    matches!(state.job, Job::Running(_) | Job::Stopping)
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
    fn bars_have_eighths() {
        assert_eq!(bar(0.5, 4, &UNICODE), "██  ");
        assert_eq!(bar(0.55, 4, &UNICODE), "██▎ ");
        assert_eq!(bar(1.0, 4, &UNICODE), "████");
        assert_eq!(bar(0.0, 4, &UNICODE), "    ");
        assert_eq!(bar(0.55, 4, &ASCII), "##  ");
    }
}
