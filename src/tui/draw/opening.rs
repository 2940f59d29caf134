//! Which experiment to open.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{put, row_line};
use crate::tui::layout::first_row;
use crate::tui::state::State;
use crate::tui::state::opening::OpeningRow;
use crate::tui::text;
use crate::tui::theme::Theme;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme) {
    let view = &state.opening;
    put(frame, area, 0, Line::styled(" What do you want to look at?", theme.heading()));
    let rows = view.rows();
    let height = usize::from(area.height.saturating_sub(2));
    let first = first_row(view.selected, rows.len(), height);
    let width = usize::from(area.width).saturating_sub(2);
    for (y, (index, row)) in rows.iter().enumerate().skip(first).take(height).enumerate() {
        let (name, what) = match row {
            OpeningRow::Recent(recent) => {
                let recent = &view.recents[*recent];
                (recent.name.clone(), recent.words())
            }
            OpeningRow::Demo => (
                "demo".to_owned(),
                "the embedded demo: 1,000 images, a small checkpoint, both strategies".to_owned(),
            ),
            OpeningRow::Files => (
                "files of yours".to_owned(),
                "a folder of images, a checkpoint, templates and CuPL prompts".to_owned(),
            ),
        };
        let name_width = (width / 3).min(28);
        let spans = vec![
            Span::raw(text::fit_middle(&name, name_width, theme.glyphs.ellipsis)),
            Span::raw("  "),
            Span::styled(
                text::fit_middle(&what, width.saturating_sub(name_width + 2), theme.glyphs.ellipsis),
                theme.dim(),
            ),
        ];
        put(frame, area, y as u16 + 2, row_line(spans, index == view.selected, theme));
    }
}
