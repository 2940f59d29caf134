//! What lies over a screen: the commands with their keys, a message, a form, and questions: whether to leave, whether to write.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};

use super::{cursor_spans, place_of, put, row_line};
use crate::tui::actions::Action;
use crate::tui::layout::first_row;
use crate::tui::state::commands::CommandsView;
use crate::tui::state::form::{Form, Row};
use crate::tui::state::{Exit, State};
use crate::tui::text;
use crate::tui::theme::Theme;
use crate::workbench::{ChangedLine, FileChange};

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
        let keys = match state.keymap.keys(*row) {
            [] => format!(":{}", binding.action.name()),
            keys => keys.join(" "),
        };
        let keys = text::fit(&keys, 18, theme.glyphs.ellipsis);
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

/// Rows to fill in, each with what is wrong with it below, and what the one under the cursor takes.
pub(super) fn form(frame: &mut Frame<'_>, area: Rect, form: &Form, theme: &Theme) {
    Clear.render(area, frame.buffer_mut());
    put(frame, area, 0, Line::styled(format!(" {}", form.heading), theme.heading()));
    let width = usize::from(area.width);
    let mut lines: Vec<Line<'_>> = Vec::new();
    let (mut first_of_row, mut last_of_row) = (0, 0);
    for (index, row) in form.rows.iter().enumerate() {
        let here = index == form.at;
        if here {
            first_of_row = lines.len();
        }
        lines.push(row_line(form_row(row, here, width, theme), here, theme));
        if let Row::Text { takes, problem, .. } = row {
            let below = |words: &str| text::wrap(words, width.saturating_sub(20));
            let shown = match (problem, here) {
                (Some(problem), _) => {
                    below(problem).into_iter().map(|line| (line, theme.problem())).take(4).collect()
                }
                (None, true) => below(takes).into_iter().map(|line| (line, theme.dim())).collect(),
                (None, false) => Vec::new(),
            };
            let indent = " ".repeat(18);
            lines.extend(
                shown.into_iter().map(|(line, style)| Line::styled(format!("{indent}{line}"), style)),
            );
        }
        if here {
            let names = form.completions.iter().take(4);
            lines.extend(names.map(|name| Line::styled(format!("                  {name}"), theme.dim())));
            last_of_row = lines.len();
        }
    }
    let wrapped = |words: &Option<String>| {
        words.as_deref().map_or_else(Vec::new, |words| text::wrap(words, width.saturating_sub(4)))
    };
    let most = usize::from(area.height / 2).max(4);
    let (mut problem, mut note) = (wrapped(&form.problem), wrapped(&form.note));
    problem.truncate(most);
    note.truncate(most.saturating_sub(problem.len()));
    let rows = |lines: &[String]| if lines.is_empty() { 0 } else { lines.len() + 1 };
    let below = rows(&problem) + rows(&note);
    let height = usize::from(area.height.saturating_sub(2)).saturating_sub(below).max(1);
    // The row under the cursor is in view, with what stands below it.
    let first = last_of_row.saturating_sub(height).min(first_of_row);
    let mut y = 2;
    for line in lines.into_iter().skip(first).take(height) {
        put(frame, area, y, line);
        y += 1;
    }
    for (lines, style) in [(problem, theme.problem()), (note, theme.dim())] {
        for (line, text) in (y + 1..).zip(&lines) {
            put(frame, area, line, Line::styled(format!("  {text}"), style));
        }
        y += rows(&lines) as u16;
    }
}

fn form_row<'a>(row: &Row, here: bool, width: usize, theme: &Theme) -> Vec<Span<'a>> {
    let label = |label: &str| format!(" {} ", text::fit(label, 14, theme.glyphs.ellipsis));
    match row {
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
    }
}

/// The question whether to leave what is open, and what that would mean.
pub(super) fn leaving(frame: &mut Frame<'_>, area: Rect, state: &State, exit: &Exit, theme: &Theme) {
    let mut lines = Vec::new();
    let unsaved = state.prompts.is_unsaved();
    if !state.jobs.any_runs() && !unsaved {
        lines.push("Nothing runs any more, and nothing is unsaved.".to_owned());
    }
    if state.jobs.any_runs() {
        lines.push(match (state.in_memory, exit) {
            (true, Exit::Quit) => {
                "A job is running, and its store in memory ends with the program.".to_owned()
            }
            _ => "A job is running, and would be stopped. What it has finished is kept.".to_owned(),
        });
    }
    match (unsaved, &state.draft_unkept) {
        (true, None) => lines.push(
            "Prompts were changed and are not saved. The changes are kept, and are there again the next time.".to_owned(),
        ),
        (true, Some(reason)) => {
            lines.push(format!("Prompts were changed, are not saved and would be lost: {reason}"));
        }
        (false, _) => {}
    }
    let (quit, yes, back) =
        (state.keymap.key(Action::Quit), state.keymap.key(Action::Confirm), state.keymap.key(Action::Back));
    let title = match exit {
        Exit::Quit => {
            lines.push(format!("{quit} quits, {back} stays."));
            "Quit?"
        }
        Exit::Open(_) => {
            lines.push(format!("{yes} opens the other experiment, {back} stays."));
            "Open another experiment?"
        }
    };
    list(frame, area, title, 0, &lines, theme);
}

/// How a file would change, before it is written.
pub(super) fn change(
    frame: &mut Frame<'_>,
    area: Rect,
    change: &FileChange,
    first: usize,
    state: &State,
    theme: &Theme,
) {
    Clear.render(area, frame.buffer_mut());
    let width = usize::from(area.width);
    let heading = format!(" Write this to {}?", change.path().display());
    put(
        frame,
        area,
        0,
        Line::styled(text::fit_middle(&heading, width, theme.glyphs.ellipsis), theme.heading()),
    );
    let (yes, back) = (state.keymap.key(Action::Confirm), state.keymap.key(Action::Back));
    let keys = format!(" {yes} writes it, {back} leaves the file as it is; nothing else in it changes.");
    put(frame, area, 1, Line::styled(text::fit(&keys, width, theme.glyphs.ellipsis), theme.dim()));
    let lines = change.lines();
    let height = usize::from(area.height.saturating_sub(3));
    for (y, line) in lines.iter().skip(first).take(height).enumerate() {
        let (mark, words, style) = match line {
            ChangedLine::Kept(line) => (' ', line, theme.dim()),
            ChangedLine::Added(line) => ('+', line, theme.b()),
        };
        // Tabs and whatever else a terminal would obey.
        let words: String = words.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let line = text::fit(&format!(" {mark} {words}"), width, theme.glyphs.ellipsis);
        put(frame, area, y as u16 + 3, Line::styled(line, style));
    }
    if lines.len() > height {
        put(frame, area, 2, place(first, lines.len(), theme));
    }
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
