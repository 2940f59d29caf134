//! What lies over a screen: the keys, the messages, and the question whether to quit.

use ratatui::Frame;
use ratatui::layout::Rect;
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

pub(super) fn leaving(frame: &mut Frame<'_>, area: Rect, theme: &Theme) {
    let lines =
        ["A job is running. What it has finished is kept.".to_owned(), "q quits, Esc stays.".to_owned()];
    list(frame, area, "Quit?", 0, &lines, theme);
}

/// A titled list over the whole body, from its entry `first` on, each wrapped under itself.
fn list(frame: &mut Frame<'_>, area: Rect, title: &str, first: usize, entries: &[String], theme: &Theme) {
    Clear.render(area, frame.buffer_mut());
    put(frame, area, 0, Line::styled(format!(" {title}"), theme.heading()));
    let width = usize::from(area.width).saturating_sub(3);
    let room = usize::from(area.height.saturating_sub(2));
    if entries.iter().map(|entry| text::wrap(entry, width).len()).sum::<usize>() > room {
        let place = format!("from {} of {}; j and k scroll ", first + 1, entries.len());
        put(frame, area, 0, Line::styled(place, theme.dim()).right_aligned());
    }
    let mut row = 2;
    for entry in entries.iter().skip(first) {
        for (part, line) in text::wrap(entry, width).into_iter().enumerate() {
            let indent = if part == 0 { "  " } else { "   " };
            put(frame, area, row, Line::raw(format!("{indent}{line}")));
            row += 1;
        }
    }
}
