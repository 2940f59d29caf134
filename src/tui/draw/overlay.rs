//! What lies over a screen: the commands with their keys, a message, a form, and the question whether to quit.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};

use super::{cursor_spans, place_of, put, row_line};
use crate::tui::layout::first_row;
use crate::tui::state::State;
use crate::tui::state::commands::CommandsView;
use crate::tui::state::form::{Form, Row};
use crate::tui::text;
use crate::tui::theme::Theme;

/// Every command with its keys; those that do not work here are dim.
pub(super) fn commands(frame: &mut Frame<'_>, area: Rect, view: &CommandsView, state: &State, theme: &Theme) {
    Clear.render(area, frame.buffer_mut());
    let width = usize::from(area.width);
    let here = state.place();
    let rows = view.rows(&state.keymap);
    let height = usize::from(area.height.saturating_sub(2));
    let first = first_row(view.selected, rows.len(), height);
    let mut heading = vec![Span::styled(" Commands and keys ", theme.heading())];
    let (before, after) = view.search.parts();
    if view.searching {
        heading.push(Span::styled(" with ", theme.dim()));
        heading.extend(cursor_spans(before, after, (width / 3).max(4), theme));
    } else if !view.search.text().is_empty() {
        heading.push(Span::raw(format!(" with {:?}", view.search.text())));
    }
    put(frame, area, 0, Line::from(heading));
    put(frame, area, 0, place_of(first, height, rows.len(), "", theme));
    if rows.is_empty() {
        put(frame, area, 2, Line::styled("  No command is called so.", theme.dim()));
    }
    for (y, (index, (row, binding))) in rows.iter().enumerate().skip(first).take(height).enumerate() {
        let style = if binding.works_in(here) { Style::new() } else { theme.dim() };
        let keys = text::fit(&state.keymap.keys(*row).join(" "), 18, theme.glyphs.ellipsis);
        let description = text::fit(binding.description, width.saturating_sub(21), theme.glyphs.ellipsis);
        let spans = vec![Span::styled(format!("{keys}  "), style), Span::styled(description, style)];
        put(frame, area, y as u16 + 2, row_line(spans, index == view.selected, theme));
    }
}

/// A message with its full text.
pub(super) fn message(frame: &mut Frame<'_>, area: Rect, message: &str, first: usize, theme: &Theme) {
    let lines = text::wrap(message, usize::from(area.width).saturating_sub(4));
    list(frame, area, "Message", first, &lines, theme);
}

/// Rows to fill in, and what is wrong with them.
pub(super) fn form(frame: &mut Frame<'_>, area: Rect, form: &Form, theme: &Theme) {
    Clear.render(area, frame.buffer_mut());
    put(frame, area, 0, Line::styled(format!(" {}", form.heading), theme.heading()));
    let width = usize::from(area.width);
    let wrapped = |words: &Option<String>| {
        words.as_ref().map_or_else(Vec::new, |words| text::wrap(words, width.saturating_sub(4)))
    };
    let most = usize::from(area.height / 2).max(4);
    let (mut problem, mut note) = (wrapped(&form.problem), wrapped(&form.note));
    problem.truncate(most);
    note.truncate(most.saturating_sub(problem.len()));
    let lines = |lines: &[String]| if lines.is_empty() { 0 } else { lines.len() as u16 + 1 };
    let below = lines(&problem) + lines(&note) + form.completions.len().min(4) as u16;
    let height = usize::from(area.height.saturating_sub(2 + below)).max(1);
    let first = first_row(form.at, form.rows.len(), height);
    let mut y = 2;
    for (index, row) in form.rows.iter().enumerate().skip(first).take(height) {
        let here = index == form.at;
        let label = |label: &str| format!(" {} ", text::fit(label, 14, theme.glyphs.ellipsis));
        let spans = match row {
            Row::Text { label: name, input, .. } => {
                let (before, after) = input.parts();
                let room = width.saturating_sub(18);
                let mut spans = vec![Span::styled(label(name), theme.dim())];
                if here {
                    spans.extend(cursor_spans(before, after, room, theme));
                } else {
                    spans.push(Span::raw(text::fit_end(input.text(), room, theme.glyphs.ellipsis)));
                }
                spans
            }
            Row::Choice { label: name, options, chosen } => {
                let option = options.get(*chosen).map_or("", String::as_str);
                let choice = format!("< {option} >");
                vec![Span::styled(label(name), theme.dim()), Span::raw(choice)]
            }
            Row::Check { label: name, on } => {
                let mark = if *on { theme.glyphs.right } else { " " };
                vec![Span::raw(format!(" [{mark}] {}", text::fit(name, width.saturating_sub(6), "")))]
            }
        };
        put(frame, area, y, row_line(spans, here, theme));
        y += 1;
    }
    for completion in form.completions.iter().take(4) {
        put(frame, area, y, Line::styled(format!("                  {completion}"), theme.dim()));
        y += 1;
    }
    for (lines, style) in [(problem, theme.problem()), (note, theme.dim())] {
        for (line, text) in (y + 1..).zip(&lines) {
            put(frame, area, line, Line::styled(format!("  {text}"), style));
        }
        y += if lines.is_empty() { 0 } else { lines.len() as u16 + 1 };
    }
}

pub(super) fn leaving(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme) {
    let mut lines = Vec::new();
    if !state.jobs.any_runs() && !state.prompts.is_unsaved() {
        lines.push("Nothing runs any more, and nothing is unsaved.");
    }
    if state.jobs.any_runs() {
        lines.push(match state.in_memory {
            true => "A job is running, and its store in memory ends with the program.",
            false => "A job is running. What it has finished is kept.",
        });
    }
    if state.prompts.is_unsaved() {
        lines.push("Prompts were changed and are not saved.");
    }
    lines.push("q quits, Esc stays.");
    let lines: Vec<String> = lines.into_iter().map(str::to_owned).collect();
    list(frame, area, "Quit?", 0, &lines, theme);
}

/// A titled list over the whole body, from its entry `first` on, each wrapped under itself.
fn list(frame: &mut Frame<'_>, area: Rect, title: &str, first: usize, entries: &[String], theme: &Theme) {
    Clear.render(area, frame.buffer_mut());
    put(frame, area, 0, Line::styled(format!(" {title}"), theme.heading()));
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
