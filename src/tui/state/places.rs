//! What stands where on the screens, for what is there now: drawing shows it, the mouse and the keys find it.

use ratatui::layout::{Position, Rect, Size};

use super::focus::StrategyRow;
use super::generation::{GenerationStatus, GenerationView};
use super::strategies_page::{PageAnswer, curve_words};
use super::{Context, Overlay, Screen, State, block_names};
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

/// Something that a click can select.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A row of a list, or the place of an image in its list.
    Row(usize),
    /// A cell of the confusion matrix.
    Cell {
        /// Its true class, among those of the matrix.
        row: usize,
        /// The class that it is taken for.
        column: usize,
    },
    /// A prompt.
    Prompt {
        /// It is one of B's.
        on_b: bool,
        /// Among those of its class.
        row: usize,
    },
}

/// The row of a list at a height, as it is drawn: `rows` of them from the top of the area, so that the selected one is in view.
fn row_in(area: Rect, at: Position, selected: usize, rows: usize) -> Option<usize> {
    let y = at.y.checked_sub(area.y).filter(|_| area.contains(at))?;
    let row = first_row(selected, rows, usize::from(area.height)) + usize::from(y);
    (row < rows).then_some(row)
}

/// What is drawn at a cell of the body.
pub fn place_at(state: &State, at: Position) -> Option<Place> {
    let body = layout::body(state.size);
    if !body.contains(at) {
        return None;
    }
    let place = state.place();
    if place == Context::Opening {
        let rows = state.opening.rows().len();
        return row_in(below(body, 2), at, state.opening.selected, rows).map(Place::Row);
    }
    let session = state.session.as_ref()?;
    let row = match place {
        Context::Strategies => strategy_at(body, state, session, at),
        Context::Classes => class_at(body, state, at),
        Context::Class => {
            let page = state.classes.page.as_ref()?;
            let pairs = state.taken_for(page.class);
            let area = below(class_page_parts(body, state.strategies.is_pair()).0, 2);
            row_in(area, at, page.row(&pairs), pairs.len())
        }
        Context::Pairs => row_in(below(body, 2), at, state.confusion.selected, state.confusion.pairs.len()),
        Context::Block => return cell_at(body, state, at),
        Context::Gallery => {
            let gallery = layout::gallery(body);
            let first = gallery.first(state.images.selected, state.images.list.len());
            let hit = |place: &usize| {
                let (picture, caption) = gallery.tile(*place);
                picture.contains(at) || caption.contains(at)
            };
            let image = (0..gallery.tiles()).find(hit).map(|place| first + place);
            image.filter(|image| *image < state.images.list.len())
        }
        Context::Prompts => return prompt_at(body, state, session, at),
        Context::Generation => {
            let view = state.generation.as_ref()?;
            let (selected, rows) = view.rows();
            row_in(generation_list(body, view), at, selected, rows)
        }
        Context::Findings => {
            let rows = state.findings.list().len();
            row_in(findings_parts(body).0, at, state.findings.selected, rows)
        }
        Context::Jobs => {
            let area = below(messages_area(body, state.jobs.entries.len()), 1);
            row_in(area, at, state.jobs.selected, state.messages.len())
        }
        _ => None,
    };
    row.map(Place::Row)
}

/// The row of the list of commands that is drawn at a cell.
pub fn command_at(state: &State, at: Position) -> Option<usize> {
    let Some(Overlay::Commands(view)) = &state.overlay else { return None };
    row_in(below(layout::body(state.size), 2), at, view.selected, view.rows(&state.keymap).len())
}

/// An area without its first lines.
fn below(area: Rect, lines: u16) -> Rect {
    let lines = lines.min(area.height);
    Rect { y: area.y + lines, height: area.height - lines, ..area }
}

fn cell_at(body: Rect, state: &State, at: Position) -> Option<Place> {
    let block = state.confusion.block.as_ref()?;
    let rows = Rect { height: body.height.saturating_sub(3), ..below(body, 2) };
    let row = row_in(rows, at, block.row(), block.classes.len())?;
    // A cursor and a blank stand beside the name.
    let column = (at.x - body.x).checked_sub(block_names(body.width) + 2)? / layout::BLOCK_CELL;
    let column = usize::from(column);
    (column < block.classes.len()).then_some(Place::Cell { row, column })
}

fn prompt_at(body: Rect, state: &State, session: &Session, at: Position) -> Option<Place> {
    let sides = prompts_parts(body, state.strategies.is_pair()).0;
    let on_b = sides[1].contains(at);
    let strategy = if on_b { state.strategies.b } else { state.strategies.a };
    let rows = state.prompts.shown(session, strategy).len();
    let area = below(sides[usize::from(on_b)], 1);
    let row = row_in(area, at, state.prompts.selected[usize::from(on_b)], rows)?;
    Some(Place::Prompt { on_b, row })
}

/// Of the findings: their list, and what is said of the selected one.
pub fn findings_parts(area: Rect) -> (Rect, Rect) {
    /// The prompt or images, what speaks for it, what to do.
    const DETAILS: u16 = 9;
    let details = DETAILS.min(area.height / 2);
    let list = Rect { height: area.height.saturating_sub(1 + details), ..below(area, 1) };
    (list, Rect { y: list.y + list.height, height: details, ..area })
}

/// Of the prompts: those of A and of B, and what is said below them. Where A stands alone, B has no room.
pub fn prompts_parts(area: Rect, is_pair: bool) -> ([Rect; 2], Rect) {
    /// What is said of the selected prompt.
    const FOOTER: u16 = 4;
    let footer = FOOTER.min(area.height.saturating_sub(5));
    let body = Rect { height: area.height.saturating_sub(1 + footer), ..below(area, 1) };
    let half = if is_pair { body.width / 2 } else { body.width };
    let sides = [Rect { width: half, ..body }, Rect { x: body.x + half, width: body.width - half, ..body }];
    (sides, Rect { y: body.y + body.height, height: footer, ..area })
}

/// Of a class's page: what it is taken for, and its prompts.
pub fn class_page_parts(area: Rect, is_pair: bool) -> (Rect, Rect) {
    let rest = below(area, if is_pair { 5 } else { 2 });
    let pairs = (rest.height / 2).max(4).min(rest.height);
    (Rect { height: pairs, ..rest }, below(rest, pairs))
}

/// The classes or sentences of a generation.
pub fn generation_list(area: Rect, view: &GenerationView) -> Rect {
    /// What is said below them.
    const BELOW: u16 = 5;
    // Its name, how it stands, and what it is worth.
    let heading = 2 + match &view.status {
        GenerationStatus::Failed(message) => generation_problem(view, message, area.width).len() as u16 + 1,
        GenerationStatus::Done if view.shortness().is_some() => 2,
        _ => 1,
    };
    let foot = BELOW.min(area.height.saturating_sub(heading) / 3);
    Rect { height: area.height.saturating_sub(heading + foot), ..below(area, heading) }
}

/// The lines of the error that stopped a generation: all of them, or a few where there are classes below.
pub fn generation_problem(view: &GenerationView, message: &str, width: u16) -> Vec<String> {
    /// Beside classes.
    const FEW: usize = 3;
    let mut lines = text::wrap(message, usize::from(width).saturating_sub(2));
    if !view.classes.is_empty() {
        lines.truncate(FEW);
    }
    lines
}

/// How many of the newest jobs have room on their screen.
pub fn shown_jobs(area: Rect, jobs: usize) -> usize {
    jobs.min(usize::from(area.height / 2).saturating_sub(1).max(1))
}

/// The messages, below the jobs, with their heading.
pub fn messages_area(area: Rect, jobs: usize) -> Rect {
    below(area, shown_jobs(area, jobs) as u16 + 2)
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
            let words = wrapped(&state.pruning_words(pruning, session));
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
