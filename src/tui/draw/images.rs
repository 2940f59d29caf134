//! The images: a gallery of thumbnails, and one image large with the ranked classes of each strategy.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::{bar, explanation, put, strategy_name};
use crate::tui::graphics::PictureProtocol;
use crate::tui::layout;
use crate::tui::pictures::PictureKey;
use crate::tui::state::State;
use crate::tui::state::images::Flip;
use crate::tui::text;
use crate::tui::theme::{ColorDepth, Theme};
use crate::workbench::{ChangedPrediction, Session, margin};

/// What the list is, and where the cursor stands in it.
fn draw_heading(frame: &mut Frame<'_>, area: Rect, state: &State, session: &Session, theme: &Theme) {
    let view = &state.images;
    let dot = theme.glyphs.dot;
    let ellipsis = theme.glyphs.ellipsis;
    let width = usize::from(area.width);
    let class = |class: usize| text::shorten(&session.classes[class], width / 5, ellipsis);
    let mut parts = vec![view.selection.filter.words(state.strategies.is_pair()).to_owned()];
    if let Some(cell) = view.selection.cell {
        let strategy = &session.strategies[cell.strategy].name;
        let arrow = theme.glyphs.arrow;
        parts = vec![format!(
            "{} {arrow} {} by {}",
            class(cell.truth),
            class(cell.predicted),
            text::shorten(strategy, width / 6, ellipsis)
        )];
    }
    if let Some(flips) = &view.flips {
        let count =
            |wanted: Flip| flips.iter().filter(|&&flip| Flip::from_change(session, flip) == wanted).count();
        parts = vec![
            "flipped by the changes".to_owned(),
            format!("{} gained {} lost", count(Flip::Gained), count(Flip::Lost)),
        ];
    }
    if view.of_finding.is_some() {
        parts = vec!["of the finding".to_owned()];
    }
    if let Some(only) = view.selection.class {
        parts.push(class(only));
    }
    if !view.selection.name.is_empty() {
        parts.push(format!("with {:?}", view.selection.name));
    }
    let place = if view.list.is_empty() { 0 } else { view.selected + 1 };
    let count = text::count(view.list.len());
    parts.push(match view.aside {
        Some(_) => format!("not one of the {count}"),
        None => format!("{} of {count}", text::count(place)),
    });
    let left = format!(" {}", parts.join(&format!(" {dot} ")));
    let mut names = vec![strategy_name(state, state.strategies.a, width / 5, theme), Span::raw(" ")];
    if state.strategies.is_pair() {
        let b = strategy_name(state, state.strategies.b, width / 5, theme);
        names.extend([Span::raw(" "), b, Span::raw(" ")]);
    }
    let names = Line::from(names);
    let room = width.saturating_sub(names.width() + 1);
    put(frame, area, 0, names.right_aligned());
    let left = text::fit(&left, room, ellipsis);
    put(frame, Rect { width: area.width.min(room as u16), ..area }, 0, Line::styled(left, theme.heading()));
}

fn draw_nothing(frame: &mut Frame<'_>, area: Rect, theme: &Theme) {
    let line = " No image here: f chooses others, Esc goes back.";
    put(frame, area, 1, Line::styled(line, theme.dim()));
}

/// Right or wrong, of A and of B.
fn marks(state: &State, session: &Session, image: usize, theme: &Theme) -> Vec<Span<'static>> {
    let mark = |strategy: usize| {
        let right = session.strategies[strategy].evaluation.is_correct(image);
        if right { theme.glyphs.right } else { theme.glyphs.wrong }
    };
    let mut spans = vec![Span::styled(mark(state.strategies.a), theme.a())];
    if state.strategies.is_pair() {
        spans.push(Span::styled(mark(state.strategies.b), theme.b()));
    }
    spans
}

pub(super) fn draw_gallery(
    frame: &mut Frame<'_>,
    area: Rect,
    state: &State,
    session: &Session,
    theme: &Theme,
) {
    let gallery = layout::gallery(area);
    let view = &state.images;
    draw_heading(frame, gallery.heading, state, session, theme);
    if view.list.is_empty() {
        return draw_nothing(frame, gallery.grid, theme);
    }
    let first = gallery.first(view.selected, view.list.len());
    for (place, &image) in view.list.iter().skip(first).take(gallery.tiles()).enumerate() {
        let (picture, caption) = gallery.tile(place);
        let on_cursor = first + place == view.selected;
        let key = state.picture_key(image, picture.as_size());
        draw_picture(frame, picture, state, key, theme);
        let mut spans = vec![Span::raw(if on_cursor { theme.glyphs.cursor } else { " " })];
        let flip = view.flip(image);
        match flip {
            Some(flip) => spans.push(Span::raw(flip_sign(session, flip, theme))),
            None => spans.extend(marks(state, session, image, theme)),
        }
        let width = usize::from(caption.width).saturating_sub(spans.len() + 2);
        // Where all images are of one class, the file name says more.
        let one_class = view.selection.class.is_some() || view.selection.cell.is_some();
        let name = match one_class {
            _ if flip.is_some() => {
                text::fit_middle(&flip_words(session, flip, theme), width, theme.glyphs.ellipsis)
            }
            true => text::fit_end(&session.images[image].name, width, theme.glyphs.ellipsis),
            false => {
                text::fit_middle(&session.classes[session.images[image].label], width, theme.glyphs.ellipsis)
            }
        };
        spans.push(Span::raw(format!(" {name}")));
        let line = Line::from(spans);
        put(frame, caption, 0, if on_cursor { line.style(theme.selected()) } else { line });
    }
}

/// What the changes of prompts do to an image: gained, lost, or neither.
fn flip_sign(session: &Session, flip: ChangedPrediction, theme: &Theme) -> &'static str {
    match Flip::from_change(session, flip) {
        Flip::Gained => theme.glyphs.up,
        Flip::Lost => theme.glyphs.down,
        Flip::Astray => theme.glyphs.same,
    }
}

/// `deer → frog`
fn flip_words(session: &Session, flip: Option<ChangedPrediction>, theme: &Theme) -> String {
    let name = |class: u32| &session.classes[class as usize];
    flip.map_or_else(String::new, |flip| {
        format!("{} {} {}", name(flip.before), theme.glyphs.arrow, name(flip.after))
    })
}

pub(super) fn draw_inspector(
    frame: &mut Frame<'_>,
    area: Rect,
    state: &State,
    session: &Session,
    theme: &Theme,
) {
    let explained = state.images.explanation.is_some();
    let parts = layout::inspector(area, explained);
    draw_heading(frame, parts.heading, state, session, theme);
    let Some(image) = state.images.current() else {
        return draw_nothing(frame, parts.details, theme);
    };
    let key = state.picture_key(image, parts.picture.as_size());
    draw_picture(frame, parts.picture, state, key, theme);
    draw_details(frame, parts.details, state, session, image, key, theme);
    explanation::draw(frame, parts.explanation, state, session, theme);
}

fn draw_picture(frame: &mut Frame<'_>, area: Rect, state: &State, key: PictureKey, theme: &Theme) {
    let note = |frame: &mut Frame<'_>, message: &str, style: Style| {
        for (row, line) in text::wrap(message, usize::from(area.width)).into_iter().enumerate() {
            put(frame, area, row as u16, Line::styled(line, style));
        }
    };
    let protocol = state.graphics.protocol;
    if protocol == PictureProtocol::Off {
        return note(frame, "Pictures are off: start without --pictures off.", theme.dim());
    }
    if protocol == PictureProtocol::Halfblocks && theme.depth == ColorDepth::Mono {
        return note(frame, "Pictures need colours: start with --color always.", theme.dim());
    }
    match state.pictures.get(&key) {
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
    key: PictureKey,
    theme: &Theme,
) {
    let width = usize::from(area.width);
    let ellipsis = theme.glyphs.ellipsis;
    let of = &session.images[image];
    let field =
        |name: &str, value: String| vec![Span::styled(format!("{name:<12}"), theme.dim()), Span::raw(value)];
    let room = width.saturating_sub(13);
    let class = text::shorten(&session.classes[of.label], room, ellipsis);
    let mut truth = field("true class", String::new());
    truth.push(Span::styled(class, theme.heading()));
    put(frame, area, 0, Line::from(truth));
    let file = text::fit_end(&of.name, room.min(of.name.chars().count() * 2), ellipsis);
    put(frame, area, 1, Line::from(field("file", file.trim_end().to_owned())));
    if let Some(Ok(picture)) = state.pictures.get(&key) {
        let (wide, high) = picture.pixels;
        put(frame, area, 2, Line::from(field("pixels", format!("{wide}x{high}"))));
    }
    if let Some(flip) = state.images.flip(image) {
        let words = format!("{} {}", flip_sign(session, flip, theme), flip_words(session, Some(flip), theme));
        put(frame, area, 3, Line::from(field("the changes", text::fit(&words, room, ellipsis))));
    }

    let listed = state.strategies.listed();
    let below = Rect { y: area.y + 4.min(area.height), height: area.height.saturating_sub(4), ..area };
    // A and B get what they need; the others as many lines as are left.
    let ranked = session.strategies[listed[0]].evaluation.ranked(image).len();
    let most = usize::from(below.height) / listed.len().clamp(1, 2);
    let full = (most.saturating_sub(1)).clamp(1, ranked.max(1));
    let mut y = 0;
    for (place, &strategy) in listed.iter().enumerate() {
        if y >= below.height {
            break;
        }
        put(frame, below, y, strategy_line(state, session, strategy, image, width, theme));
        y += 1;
        let lines = if place < 2 { full } else { 0 };
        let evaluation = &session.strategies[strategy].evaluation;
        for prediction in evaluation.ranked(image).iter().take(lines) {
            let class = prediction.class as usize;
            let name_width = (width / 2).clamp(8, 30);
            let bar_width = width.saturating_sub(name_width + 9).min(40);
            let style = if strategy == state.strategies.a {
                theme.a()
            } else if strategy == state.strategies.b {
                theme.b()
            } else {
                Style::new()
            };
            let is_true = class == of.label;
            let mark = if is_true { theme.glyphs.right } else { " " };
            let name = text::fit_middle(&session.classes[class], name_width, ellipsis);
            let spans = vec![
                Span::raw(format!(" {mark} ")),
                Span::styled(name, if is_true { theme.heading() } else { Style::new() }),
                Span::raw(format!(" {:.2} ", prediction.probability)),
                Span::styled(bar(f64::from(prediction.probability), bar_width, &theme.glyphs), style),
            ];
            put(frame, below, y, Line::from(spans));
            y += 1;
        }
    }
}

/// The strategy, whether it is right, and by how much.
fn strategy_line(
    state: &State,
    session: &Session,
    strategy: usize,
    image: usize,
    width: usize,
    theme: &Theme,
) -> Line<'static> {
    let evaluation = &session.strategies[strategy].evaluation;
    let right = evaluation.is_correct(image);
    let mark = if right { theme.glyphs.right } else { theme.glyphs.wrong };
    let mut spans = vec![strategy_name(state, strategy, width / 2, theme), Span::raw(format!(" {mark}"))];
    let mut numbers = String::new();
    if let Some(margin) = margin(session, strategy, image) {
        let sign = if margin < 0.0 { theme.glyphs.minus } else { "+" };
        numbers = format!("  margin {sign}{:.2}", margin.abs());
    }
    let rank = evaluation.true_rank[image];
    if !right {
        numbers.push_str(&format!("  true rank {rank}"));
    }
    let room = width.saturating_sub(spans.iter().map(Span::width).sum());
    spans.push(Span::styled(text::fit(&numbers, room, theme.glyphs.ellipsis), theme.dim()));
    Line::from(spans)
}
