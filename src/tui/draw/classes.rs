//! The classes: one row each, and one class as a page.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use super::{bar, class_difference, percent, place_of, put, row_line, strategy_name};
use crate::tui::layout::first_row;
use crate::tui::state::classes::{ClassPage, order_words};
use crate::tui::state::places::{TableLine, class_lines, class_page_parts, first_class_line};
use crate::tui::state::{Screen, State};
use crate::tui::text;
use crate::tui::theme::Theme;
use crate::workbench::{Change, ClassColumn, ClassRow, Session, p_value, p_words};

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, state: &State, session: &Session, theme: &Theme) {
    let view = &state.classes;
    let lines = class_lines(state);
    let height = usize::from(area.height.saturating_sub(2));
    let selected = if state.screen == Screen::Classes { view.selected } else { 0 };
    let first = first_class_line(&lines, selected, height);
    let rows_in_view = || lines.iter().skip(first).take(height);
    let first_shown = rows_in_view().find_map(|line| match line {
        TableLine::Row(row) => Some(*row),
        TableLine::Group(..) => None,
    });
    let shown = rows_in_view().filter(|line| matches!(line, TableLine::Row(_))).count();
    // One strategy alone has no differences to sort by.
    let column = match view.column {
        ClassColumn::Difference if !state.strategies.is_pair() => ClassColumn::Dataset,
        column => column,
    };
    let order = format!(", {}", order_words(column, view.reversed));
    if area.height >= 2 {
        let place = place_of(first_shown.unwrap_or(0), shown, view.rows.len(), &order, theme);
        let room = usize::from(area.width).saturating_sub(place.width() + 1);
        put(frame, area, 0, place);
        if view.filter.is_empty() && state.strategies.is_pair() && state.screen == Screen::Classes {
            put(frame, area, 0, Line::styled(legend(room, theme), theme.dim()));
        } else if !view.filter.is_empty() {
            let filter = format!(" with {:?}", view.filter);
            put(frame, area, 0, Line::styled(filter, theme.heading()));
        }
    }
    let table = Rect { y: area.y + area.height.min(1), height: area.height.saturating_sub(1), ..area };
    let columns = Columns::from_state(state, session, usize::from(area.width));
    put(frame, table, 0, columns.heading(state, theme));
    if view.rows.is_empty() {
        let line = format!(" No class has {:?} in its name: / changes that.", view.filter);
        put(frame, table, 1, Line::styled(line, theme.dim()));
    }
    for (y, line) in lines.iter().skip(first).take(height).enumerate() {
        let line = match line {
            TableLine::Group(change, size) => group_line(*change, *size, theme),
            TableLine::Row(row) => {
                let on_cursor = state.screen == Screen::Classes && *row == view.selected;
                row_line(columns.cells(&view.rows[*row], session, theme), on_cursor, theme)
            }
        };
        put(frame, table, y as u16 + 1, line);
    }
}

fn group_line(change: Change, size: usize, theme: &Theme) -> Line<'static> {
    // An arrow would say that it is proven.
    let glyph = match change {
        Change::Gained => "+",
        Change::Lost => theme.glyphs.minus,
        Change::Same => "=",
    };
    Line::styled(format!(" {glyph} {} {}", change.name(), text::count(size)), theme.heading())
}

/// Columns of [`class_difference`].
const DIFFERENCE: usize = 14;

/// What the signs beside the differences mean, as much of it as there is room for.
fn legend(width: usize, theme: &Theme) -> String {
    let glyphs = &theme.glyphs;
    let proven = format!(" {}{} proven", glyphs.up, glyphs.down);
    let words = [
        format!("{proven}  {}15 points needed  n<6 too few images", glyphs.at_least),
        format!("{proven}  {}15 needed  n<6 too few", glyphs.at_least),
        proven,
    ];
    words.into_iter().find(|words| words.width() <= width).unwrap_or_default()
}

/// How wide everything is.
struct Columns {
    name: usize,
    /// 0: left out.
    images: usize,
    bar: usize,
    pair: bool,
    /// 0: left out.
    confusion: usize,
}

impl Columns {
    fn from_state(state: &State, session: &Session, width: usize) -> Self {
        let longest = session.classes.iter().map(|class| class.width()).max().unwrap_or(0);
        let name = longest.clamp(8, (width / 4).max(8));
        let images = if width >= 50 { 7 } else { 0 };
        let confusion = if width >= 78 { (width / 5).min(longest + 6).max(14) } else { 0 };
        let pair = state.strategies.is_pair();
        let (sides, difference) = if pair { (2, DIFFERENCE + 2) } else { (1, 0) };
        let fixed = 1 + name + images + sides * 8 + difference + confusion;
        Self { name, images, bar: width.saturating_sub(fixed) / sides, pair, confusion }
    }

    fn heading(&self, state: &State, theme: &Theme) -> Line<'static> {
        let side = |strategy: usize| {
            let name = strategy_name(state, strategy, 6 + self.bar, theme);
            let padding = " ".repeat((6 + self.bar).saturating_sub(name.width()));
            [Span::raw("  "), name, Span::raw(padding)]
        };
        let mut spans = vec![
            Span::styled(format!(" {}", text::fit("class", self.name, "")), theme.dim()),
            Span::styled(if self.images > 0 { " images" } else { "" }, theme.dim()),
        ];
        spans.extend(side(state.strategies.a));
        if self.pair {
            spans.extend(side(state.strategies.b));
            let heading = format!("    B {} A ", theme.glyphs.minus);
            spans.push(Span::styled(text::fit(&heading, DIFFERENCE + 2, ""), theme.dim()));
        }
        if self.confusion > 0 {
            spans.push(Span::styled("  taken for", theme.dim()));
        }
        Line::from(spans)
    }

    fn cells(&self, row: &ClassRow, session: &Session, theme: &Theme) -> Vec<Span<'static>> {
        let side = |value: Option<f64>, style: Style| {
            let bar = value.map_or_else(|| " ".repeat(self.bar), |value| bar(value, self.bar, &theme.glyphs));
            [Span::raw(format!("  {} ", percent(value))), Span::styled(bar, style)]
        };
        let ellipsis = theme.glyphs.ellipsis;
        let mut spans = vec![Span::raw(text::fit_middle(&session.classes[row.class], self.name, ellipsis))];
        if self.images > 0 {
            let images = format!("{:>width$}", text::count(row.images), width = self.images);
            spans.push(Span::styled(images, theme.dim()));
        }
        spans.extend(side(row.a, theme.a()));
        if self.pair {
            spans.extend(side(row.b, theme.b()));
            let difference = class_difference(row, &theme.glyphs);
            spans.push(Span::raw(format!("  {}", text::fit(&difference, DIFFERENCE, ""))));
        }
        if let (Some(pair), true) = (row.confusion, self.confusion > 0) {
            let room = self.confusion.saturating_sub(2);
            let count = text::count(pair.images as usize);
            let name = &session.classes[pair.predicted];
            let name = text::shorten(name, room.saturating_sub(count.len() + 1), ellipsis);
            spans.push(Span::styled(format!("  {count} {name}"), theme.dim()));
        }
        spans
    }
}

/// What the images of a class say about the difference, for somebody who has not heard of it.
fn evidence(row: &ClassRow) -> String {
    let (Some(p), Some(p_holm)) = (row.p, row.p_holm) else {
        return "Without images there is nothing to compare.".to_owned();
    };
    let Some(least) = row.resolvable else {
        return "Not proven: fewer than 6 images prove nothing.".to_owned();
    };
    let tested = format!("{}, {} with all classes", p_words(p), p_value(p_holm));
    match row.is_proven() {
        true => format!("Proven: {tested}."),
        false => format!(
            "Not proven: {tested}; {} images need {:.1} points at least.",
            text::count(row.images),
            100.0 * least
        ),
    }
}

/// One class: its accuracies, what it is taken for, and its first prompts.
pub(super) fn draw_page(
    frame: &mut Frame<'_>,
    area: Rect,
    state: &State,
    session: &Session,
    page: &ClassPage,
    theme: &Theme,
) {
    let width = usize::from(area.width);
    let strategies = &state.strategies;
    let ellipsis = theme.glyphs.ellipsis;
    let Some(row) = state.classes.row_of(page.class) else { return };
    let heading = format!(" {}  ", text::shorten(&session.classes[page.class], width / 2, ellipsis));
    let images = format!("{} images", text::count(row.images));
    let mut spans = vec![Span::styled(heading, theme.heading()), Span::styled(images, theme.dim())];
    if strategies.is_pair() {
        let changes = format!("   {} gained, {} lost with B", row.gained, row.lost);
        spans.push(Span::raw(changes));
    }
    put(frame, area, 0, Line::from(spans));
    let name_width = (width / 3).clamp(10, 30);
    let bar_width = width.saturating_sub(name_width + 20).min(60);
    let mut y = 1;
    let mut side = |frame: &mut Frame<'_>, strategy: usize, value: Option<f64>, style: Style| {
        let name = strategy_name(state, strategy, name_width, theme);
        let padding = " ".repeat(name_width.saturating_sub(name.width()));
        let drawn = value.map_or_else(String::new, |value| bar(value, bar_width, &theme.glyphs));
        let spans = vec![
            Span::raw(" "),
            name,
            Span::raw(format!("{padding} {} ", percent(value))),
            Span::styled(drawn, style),
        ];
        put(frame, area, y, Line::from(spans));
        y += 1;
    };
    side(frame, strategies.a, row.a, theme.a());
    if strategies.is_pair() {
        side(frame, strategies.b, row.b, theme.b());
        let difference = class_difference(row, &theme.glyphs);
        let line = format!(" {} {}", text::fit("B against A", name_width, ""), difference.trim_end());
        put(frame, area, y, Line::raw(line));
        let words = text::fit(&format!(" {}", evidence(row)), width, ellipsis);
        put(frame, area, y + 1, Line::styled(words, theme.dim()));
    }
    let (pairs, prompts) = class_page_parts(area, strategies.is_pair());
    draw_taken_for(frame, pairs, state, session, page, theme);
    draw_prompts(frame, prompts, state, session, page, theme);
}

fn draw_taken_for(
    frame: &mut Frame<'_>,
    area: Rect,
    state: &State,
    session: &Session,
    page: &ClassPage,
    theme: &Theme,
) {
    let pairs = state.taken_for(page.class);
    let width = usize::from(area.width);
    let pair = state.strategies.is_pair();
    let name_width = width.saturating_sub(if pair { 24 } else { 12 }).min(40);
    let mut heading = vec![
        Span::styled(format!("  {}", text::fit("taken for", name_width, "")), theme.dim()),
        Span::styled("      A", theme.a()),
    ];
    if pair {
        heading.push(Span::styled("      B", theme.b()));
    }
    put(frame, area, 1, Line::from(heading));
    if pairs.is_empty() {
        put(frame, area, 2, Line::styled("  Every image is recognised.", theme.dim()));
        return;
    }
    let height = usize::from(area.height.saturating_sub(2));
    let selected = page.row(&pairs);
    let first = first_row(selected, pairs.len(), height);
    for (y, (index, confused)) in pairs.iter().enumerate().skip(first).take(height).enumerate() {
        let name = &session.classes[confused.predicted];
        let mut spans = vec![
            Span::raw(format!(" {}", text::fit_middle(name, name_width, theme.glyphs.ellipsis))),
            Span::raw(format!("{:>7}", text::count(confused.a as usize))),
        ];
        if pair {
            spans.push(Span::raw(format!("{:>7}", text::count(confused.b as usize))));
            // More confusions are a loss.
            let glyph = theme.glyphs.sign(confused.a.cmp(&confused.b));
            spans.push(Span::raw(format!("  {glyph}")));
        }
        put(frame, area, y as u16 + 2, row_line(spans, index == selected, theme));
    }
}

fn draw_prompts(
    frame: &mut Frame<'_>,
    area: Rect,
    state: &State,
    session: &Session,
    page: &ClassPage,
    theme: &Theme,
) {
    let strategies = &state.strategies;
    let sides = if strategies.is_pair() { vec![strategies.a, strategies.b] } else { vec![strategies.a] };
    let each = usize::from(area.height) / sides.len();
    let mut y = 0;
    for strategy in sides {
        let prompts = &session.strategies[strategy].prompts[page.class];
        let name = strategy_name(state, strategy, usize::from(area.width) / 2, theme);
        let count = format!("  {} prompts", text::count(prompts.len()));
        put(frame, area, y as u16, Line::from(vec![Span::raw(" "), name, Span::styled(count, theme.dim())]));
        for (line, prompt) in prompts.iter().take(each.saturating_sub(1)).enumerate() {
            let width = usize::from(area.width).saturating_sub(4);
            let prompt = text::fit(prompt, width, theme.glyphs.ellipsis);
            put(frame, area, (y + 1 + line) as u16, Line::raw(format!("   {prompt}")));
        }
        y += each.min(prompts.len() + 1);
    }
}
