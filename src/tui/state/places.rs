//! What stands where on the screens, for what is there now: drawing shows it, the mouse and the keys find it.

use ratatui::layout::{Position, Rect, Size};

use super::focus::StrategyRow;
use super::strategies_page::{PageAnswer, curve_words, pruning_words};
use super::{Context, Screen, State};
use crate::tui::layout::{self, StrategiesLayout, first_row};
use crate::tui::text;
use crate::workbench::{Calibration, Change, Controls, LearningCurve, Session};

/// Columns between two tabs: one where only then the number of messages has room too, or the tabs themselves.
fn gap(width: usize, names: usize) -> usize {
    /// ` 12 messages `
    const MESSAGES: usize = 13;
    let tabs = Screen::ALL.len();
    let only_with_one = names + tabs <= width && names + 2 * tabs + MESSAGES > width;
    if only_with_one { 1 } else { 2 }
}

/// The tabs with the columns that each takes, as far as there is room.
pub fn tab_places(state: &State, width: usize) -> Vec<(Screen, String, usize)> {
    let names: usize = Screen::ALL.iter().map(|screen| screen.name().len() + 2).sum();
    let gap = gap(width, names);
    let mut x = 1;
    let mut places = Vec::new();
    for (number, screen) in Screen::ALL.into_iter().enumerate() {
        let label = match names + gap * Screen::ALL.len() <= width || screen == state.screen {
            true => format!("{} {}", number + 1, screen.name()),
            false => format!("{}", number + 1),
        };
        let start = x;
        x += label.len() + gap;
        places.push((screen, label, start));
    }
    places
}

/// Whether there are tabs.
pub fn has_tabs(state: &State) -> bool {
    state.session.is_some() && state.screen != Screen::Opening && !layout::is_too_small(state.size)
}

/// The screen whose tab is at a column.
pub fn tab_at(state: &State, column: u16) -> Option<Screen> {
    if !has_tabs(state) {
        return None;
    }
    let column = usize::from(column);
    tab_places(state, usize::from(state.size.width))
        .into_iter()
        .find(|(_, label, start)| (*start..start + label.len()).contains(&column))
        .map(|(screen, ..)| screen)
}

/// The row of a list that is drawn at a cell, or the place of an image in its list.
pub fn row_at(state: &State, at: Position) -> Option<usize> {
    let body = layout::body(state.size);
    if !body.contains(at) {
        return None;
    }
    let session = state.session.as_ref()?;
    let below = |area: Rect, heading: u16, selected: usize, rows: usize| {
        let y = at.y.checked_sub(area.y + heading)?;
        let height = area.height.saturating_sub(heading);
        (y < height).then(|| layout::first_row(selected, rows, usize::from(height)) + usize::from(y))
    };
    match state.place() {
        Context::Strategies => strategy_at(body, state, session, at),
        Context::Classes => class_at(body, state, at),
        Context::Pairs => below(body, 2, state.confusion.selected, state.confusion.pairs.len()),
        Context::Gallery => {
            let gallery = layout::gallery(body);
            let first = gallery.first(state.images.selected, state.images.list.len());
            let hit = |place: &usize| {
                let (picture, caption) = gallery.tile(*place);
                picture.contains(at) || caption.contains(at)
            };
            (0..gallery.tiles()).find(hit).map(|place| first + place)
        }
        _ => None,
    }
}

/// What stands on a line of the table.
pub enum TableLine {
    /// The name of a group, and how many classes are in it.
    Group(Change, usize),
    /// An index into the view's rows.
    Row(usize),
}

/// The lines of the table of classes.
pub fn class_lines(state: &State) -> Vec<TableLine> {
    let view = &state.classes;
    let mut lines = Vec::with_capacity(view.rows.len() + 3);
    let mut group = None;
    for (index, row) in view.rows.iter().enumerate() {
        if view.grouped && group != Some(row.change()) {
            group = Some(row.change());
            let size = view.rows.iter().filter(|other| other.change() == row.change()).count();
            lines.push(TableLine::Group(row.change(), size));
        }
        lines.push(TableLine::Row(index));
    }
    lines
}

/// The first line in view, so that the selected row is.
pub fn first_class_line(lines: &[TableLine], selected: usize, height: usize) -> usize {
    let at = lines.iter().position(|line| matches!(line, TableLine::Row(row) if *row == selected));
    first_row(at.unwrap_or(0), lines.len(), height)
}

/// The row that is drawn at a cell of the body.
fn class_at(body: Rect, state: &State, at: Position) -> Option<usize> {
    let y = usize::from(at.y.checked_sub(body.y + 2)?);
    let height = usize::from(body.height.saturating_sub(2));
    let lines = class_lines(state);
    let first = first_class_line(&lines, state.classes.selected, height);
    match lines.get(first + y).filter(|_| y < height)? {
        TableLine::Row(row) => Some(*row),
        TableLine::Group(..) => None,
    }
}

/// Where everything on the screen of strategies is.
pub fn strategy_parts(area: Rect, state: &State, session: &Session) -> StrategiesLayout {
    let rows = StrategyRow::all(session).len() + usize::from(state.pending.is_some());
    layout::strategies(area, rows, if controlled(state, session).is_some() { 6 } else { 5 })
}

/// The first row that is drawn: the selected strategy is in view, and its controls as far as there is room.
pub fn first_strategy_row(selected: usize, rows: &[StrategyRow], height: usize) -> usize {
    let place = rows.iter().position(|row| row.strategy() == selected).unwrap_or(0);
    let last = rows.iter().rposition(|row| row.strategy() == selected).unwrap_or(0);
    first_row(place, rows.len(), height).max((last + 1).saturating_sub(height)).min(place)
}

/// The row of the leaderboard that is drawn at a cell.
fn strategy_at(body: Rect, state: &State, session: &Session, at: Position) -> Option<usize> {
    let table = strategy_parts(body, state, session).table;
    let height = usize::from(table.height.saturating_sub(1));
    let y = usize::from(at.y.checked_sub(table.y + 1)?);
    let first = first_strategy_row(state.strategies.selected, &StrategyRow::all(session), height);
    (y < height).then_some(first + y)
}

/// The controls that the verdict speaks of: those of the selected strategy, or of B.
pub fn controlled<'s>(state: &State, session: &'s Session) -> Option<&'s Controls> {
    session.controls_of(state.strategies.selected).or_else(|| session.controls_of(state.strategies.b))
}

/// A problem's message as it is wrapped on a screen of this width.
pub fn problem_lines(message: &str, screen_width: u16) -> Vec<String> {
    text::wrap(message, usize::from(screen_width).saturating_sub(4))
}

/// How many lines the page about A and B has on a body of this size.
pub fn page_length(state: &State, size: Size) -> usize {
    let Some((session, page)) = state.session.as_ref().zip(state.strategies_page.as_ref()) else { return 0 };
    let wrapped = |words: &str| text::wrap(words, usize::from(size.width).saturating_sub(2)).len();
    // A heading, the figures, what they mean, and what is below.
    match &page.answer {
        PageAnswer::Pruned(pruning) => {
            let words = wrapped(&pruning_words(pruning, &session.strategies[pruning.strategy].name));
            4 + words + 1 + pruning.removed.len()
        }
        PageAnswer::Calibrated(calibrations) => {
            let words =
                calibrations.iter().map(|all| wrapped(&format!("A: {}.", all.words()))).sum::<usize>();
            8 + words + 1 + 2 + bins_with_images(calibrations).len()
        }
        PageAnswer::Curves(curves) => {
            let words = |curve: &LearningCurve| wrapped(&format!("A: {}", curve_words(curve, session)));
            let figures = 1 + curve_sizes(curves).len() + curves.iter().map(words).sum::<usize>();
            figures + plot_height(size, figures).map_or(0, |height| 1 + usize::from(height).max(3))
        }
        PageAnswer::Unasked | PageAnswer::Waiting | PageAnswer::Refused(_) => 0,
    }
}

/// The bins of a reliability diagram in which a strategy has images.
pub fn bins_with_images(calibrations: &[Calibration]) -> Vec<usize> {
    let bins = |calibration: &Calibration| calibration.reliability.bins.len();
    let has_images = |bin: &usize| {
        let of = |calibration: &Calibration| calibration.reliability.bins.get(*bin).copied();
        calibrations.iter().any(|calibration| of(calibration).is_some_and(|bin| bin.images > 0))
    };
    (0..calibrations.iter().map(bins).max().unwrap_or(0)).filter(has_images).collect()
}

/// The numbers of prompts that curves have points for, ascending.
pub fn curve_sizes(curves: &[LearningCurve]) -> Vec<usize> {
    let mut sizes: Vec<usize> =
        curves.iter().flat_map(|curve| &curve.points).map(|point| point.prompts).collect();
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}

/// The height that is left for a plot below so many lines, where there is enough.
pub fn plot_height(size: Size, lines: usize) -> Option<u16> {
    let room = usize::from(size.height).saturating_sub(lines + 1);
    (room >= 5).then_some(room as u16)
}
