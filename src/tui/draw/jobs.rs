//! The jobs and the messages.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{bar, place_of, put, row_line};
use crate::tui::layout::first_row;
use crate::tui::state::places::{messages_area, shown_jobs};
use crate::tui::state::{Job, State};
use crate::tui::text;
use crate::tui::theme::Theme;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme) {
    let entries = &state.jobs.entries;
    let jobs: Vec<_> = entries.iter().rev().take(shown_jobs(area, entries.len())).collect();
    put(frame, area, 0, Line::styled(" Jobs", theme.heading()));
    let width = usize::from(area.width);
    for (y, entry) in jobs.iter().enumerate() {
        let (mark, said) = match &entry.job {
            Job::Idle => (theme.glyphs.off, "queued".to_owned()),
            Job::Running(None) => (theme.glyphs.on, "running".to_owned()),
            Job::Running(Some(progress)) => {
                let bar = bar(progress.fraction(), 12, &theme.glyphs);
                (theme.glyphs.on, format!("{bar} {progress}"))
            }
            Job::Asking(host) => (theme.glyphs.on, format!("asking {host}")),
            Job::Stopping => (theme.glyphs.on, "stopping".to_owned()),
            Job::Stopped => (theme.glyphs.wrong, "stopped by you; what is finished is kept".to_owned()),
            Job::Ended(why) => (theme.glyphs.wrong, why.clone()),
            Job::Failed(problem) => {
                (theme.glyphs.wrong, problem.message.lines().next().unwrap_or_default().to_owned())
            }
            Job::Done => (theme.glyphs.right, "done".to_owned()),
        };
        let line = format!(" {mark} {}: {said}", entry.name);
        put(frame, area, y as u16 + 1, Line::raw(text::fit(&line, width, theme.glyphs.ellipsis)));
    }
    let below = messages_area(area, entries.len());
    put(frame, below, 0, Line::styled(" Messages", theme.heading()));
    if state.messages.is_empty() {
        put(frame, below, 1, Line::styled(" None.", theme.dim()));
        return;
    }
    let height = usize::from(below.height.saturating_sub(1));
    let first = first_row(state.jobs.selected, state.messages.len(), height);
    put(frame, below, 0, place_of(first, height, state.messages.len(), "", theme));
    for (y, (index, message)) in state.messages.iter().enumerate().skip(first).take(height).enumerate() {
        let line = text::fit(message, width.saturating_sub(2), theme.glyphs.ellipsis);
        let line = row_line(vec![Span::raw(line)], index == state.jobs.selected, theme);
        put(frame, below, y as u16 + 1, line);
    }
}
