//! What lies over a screen: the keys, the messages, and the question whether to quit.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::{Clear, Widget};

use super::put;
use crate::tui::actions::BINDINGS;
use crate::tui::text;
use crate::tui::theme::Theme;

/// The lines of the help: a row an action.
pub fn help_lines() -> Vec<String> {
    BINDINGS.iter().map(|binding| format!("{:<18} {}", binding.keys.join(" "), binding.description)).collect()
}

pub(super) fn help(frame: &mut Frame<'_>, area: Rect, first: usize, theme: &Theme) {
    list(frame, area, "Keys", first, &help_lines(), theme);
}

pub(super) fn messages(frame: &mut Frame<'_>, area: Rect, first: usize, messages: &[String], theme: &Theme) {
    let none = ["No messages.".to_owned()];
    let messages = if messages.is_empty() { &none } else { messages };
    list(frame, area, "Messages", first, messages, theme);
}

pub(super) fn leaving(frame: &mut Frame<'_>, area: Rect, in_memory: bool, theme: &Theme) {
    let kept = match in_memory {
        true => "A job is running, and its store in memory ends with the program.",
        false => "A job is running. What it has finished is kept.",
    };
    list(frame, area, "Quit?", 0, &[kept.to_owned(), "q quits, Esc stays.".to_owned()], theme);
}

/// A titled list over the whole body, from its entry `first` on, each wrapped under itself.
fn list(frame: &mut Frame<'_>, area: Rect, title: &str, first: usize, entries: &[String], theme: &Theme) {
    Clear.render(area, frame.buffer_mut());
    let style = theme.heading();
    put(frame, area, 0, Line::styled(format!(" {title}"), style));
    let body = Rect { y: area.y + 2, height: area.height.saturating_sub(2), ..area };
    if scrolled(frame, body, first, entries, Style::new()) {
        put(frame, area, 0, place(first, entries.len(), theme));
    }
}

/// Which entries of a list are in view.
pub(super) fn place(first: usize, entries: usize, theme: &Theme) -> Line<'static> {
    let place = format!("from {} of {}; j and k scroll ", text::count(first + 1), text::count(entries));
    Line::styled(place, theme.dim()).right_aligned()
}

/// Entries from `first` on, each wrapped under itself, as far as there is room; says whether some have none.
pub(super) fn scrolled(
    frame: &mut Frame<'_>,
    area: Rect,
    first: usize,
    entries: &[impl AsRef<str>],
    style: Style,
) -> bool {
    let width = usize::from(area.width).saturating_sub(3);
    let mut row = 0;
    for entry in entries.iter().skip(first) {
        for (part, line) in text::wrap(entry.as_ref(), width).into_iter().enumerate() {
            if row == area.height {
                return true;
            }
            let indent = if part == 0 { "  " } else { "   " };
            put(frame, area, row, Line::styled(format!("{indent}{line}"), style));
            row += 1;
        }
    }
    first > 0
}
