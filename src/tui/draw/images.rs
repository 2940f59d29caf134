//! One class's images: their names, and the selected one's picture with the top predictions of each strategy.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::put;
use crate::tui::graphics::PictureProtocol;
use crate::tui::layout::{self, first_row};
use crate::tui::state::{ImagesView, State};
use crate::tui::text;
use crate::tui::theme::{ColorDepth, Theme};
use crate::workbench::Session;

/// The narrowest column that still shows a class and its probability, if that lets all strategies in.
const NARROWEST_RANKING: usize = 13;

/// A column that is easy to read, where not all strategies have room anyway.
const EASY_RANKING: usize = 17;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, state: &State, session: &Session, theme: &Theme) {
    let Some(view) = &state.images else { return };
    let parts = layout::images(area);
    draw_heading(frame, parts.heading, state, session, view, theme);
    if view.list.is_empty() {
        let line = " No image here: f chooses others, Esc goes back.";
        put(frame, parts.list.union(parts.picture), 1, Line::styled(line, theme.dim()));
        return;
    }
    draw_list(frame, parts.list, state, session, view, theme);
    let Some(&image) = view.list.get(view.selected) else { return };
    draw_picture(frame, parts.picture, state, theme);
    draw_details(frame, parts.details, state, session, image, theme);
}

fn draw_heading(
    frame: &mut Frame<'_>,
    area: Rect,
    state: &State,
    session: &Session,
    view: &ImagesView,
    theme: &Theme,
) {
    let dot = theme.glyphs.dot;
    let place = if view.list.is_empty() { 0 } else { view.selected + 1 };
    let left = format!(
        " {} {dot} {} {dot} {} of {}",
        text::shorten(&session.classes[view.class], usize::from(area.width) / 4, theme.glyphs.ellipsis),
        view.filter.words(state.is_pair()),
        text::count(place),
        text::count(view.list.len())
    );
    let name = |strategy: usize| {
        let name = &session.strategies[strategy].name;
        text::shorten(name, usize::from(area.width) / 5, theme.glyphs.ellipsis)
    };
    let mut names = vec![Span::styled(format!("A {} ", name(state.a)), theme.a())];
    if state.is_pair() {
        names.push(Span::styled(format!(" B {} ", name(state.b)), theme.b()));
    }
    let names = Line::from(names);
    let room = usize::from(area.width).saturating_sub(names.width() + 1);
    put(frame, area, 0, names.right_aligned());
    let left = text::fit(&left, room, theme.glyphs.ellipsis);
    put(frame, Rect { width: area.width.min(room as u16), ..area }, 0, Line::styled(left, theme.heading()));
}

fn draw_list(
    frame: &mut Frame<'_>,
    area: Rect,
    state: &State,
    session: &Session,
    view: &ImagesView,
    theme: &Theme,
) {
    let height = usize::from(area.height);
    let first = first_row(view.selected, view.list.len(), height);
    let marks_width = if state.is_pair() { 4 } else { 2 };
    let name_width = usize::from(area.width).saturating_sub(2 + marks_width);
    for (row, (index, &image)) in view.list.iter().enumerate().skip(first).take(height).enumerate() {
        let mark = |strategy: usize| {
            if session.strategies[strategy].evaluation.is_correct(image) {
                theme.glyphs.right
            } else {
                theme.glyphs.wrong
            }
        };
        let on_cursor = index == view.selected;
        let mut spans = vec![
            Span::raw(if on_cursor { theme.glyphs.cursor } else { " " }),
            Span::styled(mark(state.a), theme.a()),
            Span::raw(" "),
        ];
        if state.is_pair() {
            spans.extend([Span::styled(mark(state.b), theme.b()), Span::raw(" ")]);
        }
        let name = &session.images[image].name;
        spans.push(Span::raw(text::fit_end(name, name_width, theme.glyphs.ellipsis)));
        let line = Line::from(spans);
        let line = if on_cursor { line.style(theme.selected()) } else { line };
        put(frame, area, row as u16, line);
    }
}

fn draw_picture(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme) {
    let note = |frame: &mut Frame<'_>, message: &str, style: Style| {
        for (row, line) in text::wrap(message, usize::from(area.width)).into_iter().enumerate() {
            put(frame, area, row as u16 + 1, Line::styled(line, style));
        }
    };
    let protocol = state.graphics.protocol;
    if protocol == PictureProtocol::Off {
        note(frame, "Pictures are off: start without --pictures off.", theme.dim());
        return;
    }
    if protocol == PictureProtocol::Halfblocks && theme.depth == ColorDepth::Mono {
        note(frame, "Pictures need colours: start with --color always.", theme.dim());
        return;
    }
    match state.wanted_picture().and_then(|key| state.pictures.get(&key)) {
        Some(Ok(picture)) => {
            picture.render(area, frame.buffer_mut());
            if protocol == PictureProtocol::Halfblocks && !theme.glyphs.half_blocks {
                one_pixel_a_cell(frame, Rect::from((area.as_position(), picture.size)).intersection(area));
            }
        }
        Some(Err(reason)) => note(frame, &format!("No picture: {reason}"), theme.problem()),
        None => note(frame, theme.glyphs.ellipsis, theme.dim()),
    }
}

/// Without half-blocks a cell shows only the one of its two pixels that is its background.
fn one_pixel_a_cell(frame: &mut Frame<'_>, area: Rect) {
    for position in area.intersection(frame.area()).positions() {
        frame.buffer_mut()[position].set_symbol(" ");
    }
}

fn draw_details(
    frame: &mut Frame<'_>,
    area: Rect,
    state: &State,
    session: &Session,
    image: usize,
    theme: &Theme,
) {
    let width = usize::from(area.width);
    let label = session.images[image].label;
    let pixels = match state.wanted_picture().and_then(|key| state.pictures.get(&key)) {
        Some(Ok(picture)) => format!("{}x{}", picture.pixels.0, picture.pixels.1),
        _ => String::new(),
    };
    let room = width.saturating_sub(16 + pixels.len());
    let class = text::shorten(&session.classes[label], room, theme.glyphs.ellipsis);
    let truth = format!("true class  {class}   {pixels}");
    put(frame, area, 0, Line::styled(text::fit(&truth, width, theme.glyphs.ellipsis), theme.heading()));

    let strategies = state.shown_strategies();
    let columns = match strategies.len() * NARROWEST_RANKING <= width {
        true => strategies.len(),
        false => (width / EASY_RANKING).max(1),
    };
    if columns < strategies.len() {
        let more = format!("+{} more", strategies.len() - columns);
        put(frame, area, 1, Line::styled(more, theme.dim()).right_aligned());
    }
    let column_width = width / columns.max(1);
    for (column, &strategy) in strategies.iter().take(columns).enumerate() {
        let place = Rect { x: area.x + (column * column_width) as u16, width: column_width as u16, ..area };
        let result = &session.strategies[strategy];
        let (letter, style) = if strategy == state.a {
            ("A ", theme.a())
        } else if strategy == state.b {
            ("B ", theme.b())
        } else {
            ("", Style::new())
        };
        let mark = if result.evaluation.is_correct(image) { theme.glyphs.right } else { theme.glyphs.wrong };
        let name_width = column_width.saturating_sub(3 + letter.len());
        let name = text::shorten(&result.name, name_width, theme.glyphs.ellipsis);
        put(frame, place, 2, Line::styled(format!("{letter}{name} {mark}"), style));
        for (rank, prediction) in result.evaluation.ranked(image).iter().take(5).enumerate() {
            let name_width = column_width.saturating_sub(8);
            let class = prediction.class as usize;
            let sign = if class == label { theme.glyphs.right } else { " " };
            let name = text::fit_middle(&session.classes[class], name_width, theme.glyphs.ellipsis);
            let line = format!("{sign}{name} {:.2}", prediction.probability);
            let style = if class == label { theme.heading() } else { Style::new() };
            put(frame, place, rank as u16 + 3, Line::styled(line, style));
        }
    }
}
