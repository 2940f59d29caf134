//! The prompts of one class under A and B, side by side.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{place_of, put, row_line, strategy_name};
use crate::tui::layout::first_row;
use crate::tui::state::State;
use crate::tui::text;
use crate::tui::theme::Theme;
use crate::workbench::Session;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, state: &State, session: &Session, theme: &Theme) {
    let width = usize::from(area.width);
    let class = &session.classes[state.prompts.class];
    let heading = format!(" Prompts for {}", text::shorten(class, width / 2, theme.glyphs.ellipsis));
    put(frame, area, 0, Line::styled(heading, theme.heading()));
    let body = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    if !state.strategies.is_pair() {
        return draw_side(frame, body, state, session, false, theme);
    }
    let half = body.width / 2;
    draw_side(frame, Rect { width: half, ..body }, state, session, false, theme);
    let right = Rect { x: body.x + half, width: body.width - half, ..body };
    draw_side(frame, right, state, session, true, theme);
}

fn draw_side(frame: &mut Frame<'_>, area: Rect, state: &State, session: &Session, on_b: bool, theme: &Theme) {
    let strategy = if on_b { state.strategies.b } else { state.strategies.a };
    let prompts = &session.strategies[strategy].prompts[state.prompts.class];
    let selected = state.prompts.selected[usize::from(on_b)];
    let height = usize::from(area.height.saturating_sub(1));
    let first = first_row(selected, prompts.len(), height);
    let name = strategy_name(state, strategy, usize::from(area.width) / 2, theme);
    put(frame, area, 0, Line::from(vec![Span::raw(" "), name]));
    put(frame, area, 0, place_of(first, height, prompts.len(), "", theme));
    for (y, (index, prompt)) in prompts.iter().enumerate().skip(first).take(height).enumerate() {
        let on_cursor = on_b == state.prompts.on_b && index == selected;
        let room = usize::from(area.width).saturating_sub(2);
        let spans = vec![Span::raw(text::fit(prompt, room, theme.glyphs.ellipsis))];
        put(frame, area, y as u16 + 1, row_line(spans, on_cursor, theme));
    }
}
