//! The page below the strategies: a reliability diagram with its numbers, or learning curves; A and B side by side.

use ratatui::Frame;
use ratatui::layout::{Rect, Size};
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use super::{bar, place_of, put, put_text, strategy_name};
use crate::text::message::{marked_bar, percent};
use crate::tui::state::places::{bins_with_images, curve_sizes, plot_height};
use crate::tui::state::strategies_page::{PageAnswer, StrategiesPage, curve_words};
use crate::tui::state::{Analysis, State};
use crate::tui::text;
use crate::tui::theme::{Glyphs, Theme};
use crate::workbench::{Calibration, CurvePoint, Fitted, LearningCurve, Pruning, Reliability, Session};

/// How wide the columns are.
#[derive(Clone, Copy)]
struct Columns {
    /// Of what stands before the numbers.
    label: usize,
    /// Of the numbers of one strategy.
    numbers: usize,
}

impl Columns {
    fn new(width: usize, strategies: usize) -> Self {
        let numbers = (width.saturating_sub(16) / strategies.max(1)).clamp(10, 21);
        Self { label: width.saturating_sub(numbers * strategies).min(26), numbers }
    }

    /// A label and a text for each strategy.
    fn row(self, label: &str, cells: impl IntoIterator<Item = String>) -> Line<'static> {
        let mut line = format!(" {}", text::fit(label, self.label.saturating_sub(1), ""));
        for cell in cells {
            line.push_str(&" ".repeat(self.numbers.saturating_sub(cell.width())));
            line.push_str(&cell);
        }
        Line::raw(line)
    }

    /// What the page is about, and the strategies over their numbers.
    fn names(self, title: &str, state: &State, page: &StrategiesPage, theme: &Theme) -> Line<'static> {
        let title = text::fit(title, self.label.saturating_sub(1), "");
        let mut spans = vec![Span::styled(format!(" {title}"), theme.heading())];
        for &strategy in &page.strategies {
            let name = strategy_name(state, strategy, self.numbers - 1, theme);
            spans.push(Span::raw(" ".repeat(self.numbers.saturating_sub(name.width()))));
            spans.push(name);
        }
        Line::from(spans)
    }
}

pub(super) fn draw(
    frame: &mut Frame<'_>,
    area: Rect,
    state: &State,
    session: &Session,
    page: &StrategiesPage,
    theme: &Theme,
) {
    let lines = match &page.answer {
        PageAnswer::Unasked | PageAnswer::Waiting => return draw_waiting(frame, area, state, theme),
        PageAnswer::Refused(message) => {
            put_text(frame, area, 0, message, theme.problem());
            return;
        }
        PageAnswer::Calibrated(_) | PageAnswer::Curves(_) | PageAnswer::Pruned(_) => {
            lines(state, session, page, area.as_size(), theme)
        }
    };
    let height = usize::from(area.height);
    let first = page.first.min(lines.len().saturating_sub(height));
    for (row, line) in lines.iter().skip(first).take(height).enumerate() {
        put(frame, area, row as u16, line.clone());
    }
    if lines.len() > height {
        let place = place_of(first, height, lines.len(), "", theme);
        let width = place.width() as u16;
        let corner = Rect { x: area.x + area.width.saturating_sub(width), y: area.y, width, height: 1 };
        put(frame, corner, 0, place);
    }
}

fn draw_waiting(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme) {
    let (words, style) = match &state.analysis {
        Analysis::Opening(progress) => {
            let part = progress.map_or(0.0, |progress| progress.fraction());
            let words = progress.map_or_else(|| "reading embeddings".to_owned(), |all| all.to_string());
            (format!(" {words} {}", bar(part, 10, &theme.glyphs)), theme.dim())
        }
        _ => (format!(" working it out {}", theme.glyphs.ellipsis), theme.dim()),
    };
    put(
        frame,
        area,
        0,
        Line::styled(text::fit(&words, usize::from(area.width), theme.glyphs.ellipsis), style),
    );
}

/// The lines of the page, all of them.
pub(in crate::tui) fn lines(
    state: &State,
    session: &Session,
    page: &StrategiesPage,
    size: Size,
    theme: &Theme,
) -> Vec<Line<'static>> {
    match &page.answer {
        PageAnswer::Calibrated(calibrations) => calibration(state, page, calibrations, size, theme),
        PageAnswer::Curves(curves) => learning_curves(state, session, page, curves, size, theme),
        PageAnswer::Pruned(pruning) => pruned(state, session, page, pruning, size, theme),
        PageAnswer::Unasked | PageAnswer::Waiting | PageAnswer::Refused(_) => Vec::new(),
    }
}

/// What goes, what that does on the images that it was chosen on and on the others, and how to keep it.
fn pruned(
    state: &State,
    session: &Session,
    page: &StrategiesPage,
    pruning: &Pruning,
    size: Size,
    theme: &Theme,
) -> Vec<Line<'static>> {
    let width = usize::from(size.width);
    let (ellipsis, arrow) = (theme.glyphs.ellipsis, theme.glyphs.arrow);
    let strategy = &session.strategies[pruning.strategy];
    let columns = Columns::new(width, page.strategies.len());
    let change = |(before, after): (f64, f64)| format!("{} {arrow} {}", percent(before), percent(after));
    let goes = format!("{} of {}", pruning.removed.len(), text::count(strategy.n_prompts()));
    let rest = format!("top-1 on the other {}", text::count(pruning.comparison.images));
    let chosen = format!("top-1 on {}, chosen on", text::count(pruning.development_images));
    let mut lines = vec![
        columns.names("Without what does harm", state, page, theme),
        columns.row("prompts that go", [goes]),
        columns.row(&chosen, [change(pruning.development)]),
        columns.row(&rest, [change(pruning.rest)]),
    ];
    for line in text::wrap(&state.pruning_words(pruning, session), width.saturating_sub(2)) {
        lines.push(Line::styled(format!(" {line}"), theme.dim()));
    }
    lines.push(Line::default());
    for removed in &pruning.removed {
        let (class, prompt) =
            (&session.classes[removed.class], &strategy.prompts[removed.class][removed.prompt]);
        let class = format!(" {} ", text::fit(class, (width / 5).clamp(8, 20), ellipsis));
        let room = width.saturating_sub(class.width() + 1);
        lines.push(Line::from(vec![
            Span::styled(class, theme.dim()),
            Span::raw(text::fit(prompt, room, ellipsis)),
        ]));
    }
    lines
}

fn calibration(
    state: &State,
    page: &StrategiesPage,
    calibrations: &[Calibration],
    size: Size,
    theme: &Theme,
) -> Vec<Line<'static>> {
    let arrow = theme.glyphs.arrow;
    let all = |of: fn(&Reliability) -> String| {
        calibrations.iter().map(|calibration| of(&calibration.reliability)).collect::<Vec<_>>()
    };
    let fitted = |of: &dyn Fn(&Fitted) -> String| {
        let of = |calibration: &Calibration| calibration.fitted.as_ref().map_or_else(|| "-".to_owned(), of);
        calibrations.iter().map(of).collect::<Vec<_>>()
    };
    let columns = Columns::new(usize::from(size.width), page.strategies.len());
    let row = |label: &str, cells: Vec<String>| columns.row(label, cells);
    let mut lines = vec![
        columns.names("Are they right so often?", state, page, theme),
        row("right", all(|all| percent(all.accuracy))),
        row("mean probability", all(|all| percent(all.confidence))),
        row("off by (ECE)", all(|all| percent(all.ece))),
        row("NLL", all(|all| format!("{:.3}", all.nll))),
        row("best temperature", fitted(&|fitted| format!("{:.3}", fitted.temperature))),
        row(
            "  off by, on the rest",
            fitted(&|Fitted { before, after, .. }| {
                format!("{} {arrow} {}", percent(before.ece), percent(after.ece))
            }),
        ),
        row(
            "  NLL, on the rest",
            fitted(&|Fitted { before, after, .. }| format!("{:.3} {arrow} {:.3}", before.nll, after.nll)),
        ),
    ];
    let width = usize::from(size.width);
    let words = calibrations.iter().zip(&page.strategies).map(|(calibration, &strategy)| {
        let letter = if strategy == state.strategies.a { "A" } else { "B" };
        format!("{letter}: {}.", calibration.words())
    });
    for line in words.flat_map(|words| text::wrap(&words, width.saturating_sub(2))) {
        lines.push(Line::styled(format!(" {line}"), theme.dim()));
    }
    lines.push(Line::default());
    lines.extend(diagram(page, calibrations, width, state, theme));
    lines
}

/// A row for each bin that has images: the share of right predictions as a bar, with a mark where it should end.
fn diagram(
    page: &StrategiesPage,
    calibrations: &[Calibration],
    width: usize,
    state: &State,
    theme: &Theme,
) -> Vec<Line<'static>> {
    const RANGE: usize = 13;
    /// ` 45.3    160 `
    const NUMBERS: usize = 14;
    let room = width.saturating_sub(RANGE + 1) / calibrations.len().max(1);
    let bar_width = room.saturating_sub(NUMBERS).clamp(4, 50);
    let mut heading = vec![Span::styled(text::fit(" probability", RANGE, ""), theme.dim())];
    for &strategy in &page.strategies {
        let letter = if strategy == state.strategies.a { "A" } else { "B" };
        let words = format!("{letter} right, images");
        heading.push(Span::styled(text::fit(&words, bar_width + NUMBERS, ""), theme.dim()));
    }
    let mut lines = vec![Line::from(heading)];
    let n = calibrations.iter().map(|calibration| calibration.reliability.bins.len()).max().unwrap_or(0);
    for bin in bins_with_images(calibrations) {
        let of = |calibration: &Calibration| calibration.reliability.bins.get(bin).copied();
        let edge = |bin: usize| format!("{:.0}", 100.0 * bin as f64 / n as f64);
        let range = format!(" {:>3} to {:>3}", edge(bin), edge(bin + 1));
        let mut spans = vec![Span::raw(text::fit(&range, RANGE, ""))];
        for (calibration, &strategy) in calibrations.iter().zip(&page.strategies) {
            let style = if strategy == state.strategies.a { theme.a() } else { theme.b() };
            let (drawn, numbers) =
                match of(calibration).and_then(|bin| Some((bin, bin.accuracy?, bin.confidence?))) {
                    None => (" ".repeat(bar_width), String::new()),
                    Some((bin, accuracy, confidence)) => {
                        let numbers = format!(" {:>5} {:>6} ", percent(accuracy), text::count(bin.images));
                        (marked_bar(accuracy, confidence, bar_width, marks(&theme.glyphs)), numbers)
                    }
                };
            spans.push(Span::styled(drawn, style));
            spans.push(Span::raw(text::fit(&numbers, NUMBERS, "")));
        }
        lines.push(Line::from(spans));
    }
    let words = format!(
        " Bars end where predictions are right so often; {} is where they should end.",
        theme.glyphs.mark
    );
    lines.push(Line::styled(text::fit(&words, width, theme.glyphs.ellipsis), theme.dim()));
    lines
}

fn marks(glyphs: &Glyphs) -> [&str; 3] {
    [glyphs.bar, glyphs.mark, " "]
}

fn learning_curves(
    state: &State,
    session: &Session,
    page: &StrategiesPage,
    curves: &[LearningCurve],
    size: Size,
    theme: &Theme,
) -> Vec<Line<'static>> {
    let columns = Columns::new(usize::from(size.width), page.strategies.len());
    let mut lines = vec![columns.names("top-1 by prompts a class", state, page, theme)];
    let sizes = curve_sizes(curves);
    let point = |curve: &LearningCurve, size: usize| {
        curve.points.iter().position(|point| point.prompts == size).map(|at| (curve.points[at], at))
    };
    let plus_minus = theme.glyphs.plus_minus;
    for &size in &sizes {
        let cell = |curve: &LearningCurve| match point(curve, size) {
            None => String::new(),
            Some((CurvePoint { top1, top1_sd: Some(sd), .. }, _)) => {
                format!("{} {plus_minus} {:.1}", percent(top1), 100.0 * sd)
            }
            Some((CurvePoint { top1, .. }, at)) => {
                let all = if at + 1 == curve.points.len() { "all " } else { "" };
                format!("{all}{}{}", percent(top1), " ".repeat(4 + plus_minus.width() + 1))
            }
        };
        let prompts = if size == 1 { "prompt" } else { "prompts" };
        lines.push(columns.row(&format!("{:>5} {prompts}", text::count(size)), curves.iter().map(cell)));
    }
    let width = usize::from(size.width);
    for (curve, &strategy) in curves.iter().zip(&page.strategies) {
        let letter = if strategy == state.strategies.a { "A" } else { "B" };
        for line in text::wrap(&format!("{letter}: {}", curve_words(curve, session)), width.saturating_sub(2))
        {
            lines.push(Line::styled(format!(" {line}"), theme.dim()));
        }
    }
    if let Some(height) = plot_height(size, lines.len()) {
        lines.push(Line::default());
        let letters: Vec<char> =
            page.strategies.iter().map(|&one| if one == state.strategies.a { 'A' } else { 'B' }).collect();
        let plotted: Vec<(char, &LearningCurve)> = letters.into_iter().zip(curves).collect();
        lines.extend(plot(&plotted, &sizes, Size { width: size.width.min(100), height }, theme));
    }
    lines
}

/// The points by their letters, with their standard deviation above and below; one column of places for each size.
fn plot(curves: &[(char, &LearningCurve)], sizes: &[usize], size: Size, theme: &Theme) -> Vec<Line<'static>> {
    const AXIS: usize = 8;
    let height = usize::from(size.height).saturating_sub(1).max(2);
    let step = (usize::from(size.width).saturating_sub(AXIS + 2) / sizes.len().max(1)).max(3);
    let points = || curves.iter().flat_map(|(_, curve)| &curve.points);
    let ends = |point: &CurvePoint| {
        let sd = point.top1_sd.unwrap_or(0.0);
        (point.top1 - sd, point.top1 + sd)
    };
    let low = points().map(|point| ends(point).0).fold(f64::INFINITY, f64::min);
    let high = points().map(|point| ends(point).1).fold(f64::NEG_INFINITY, f64::max);
    let range = if high > low { high - low } else { 1.0 };
    let line_of = |value: f64| {
        ((high - value) / range * (height - 1) as f64).round().clamp(0.0, (height - 1) as f64) as usize
    };
    let mut cells = vec![vec![Span::raw(" "); step * sizes.len()]; height];
    for (place, (letter, curve)) in curves.iter().enumerate() {
        let style = if *letter == 'A' { theme.a() } else { theme.b() };
        for point in &curve.points {
            let Some(at) = sizes.iter().position(|size| *size == point.prompts) else { continue };
            let column = at * step + step / 3 + place;
            let (bottom, top) = ends(point);
            for line in &mut cells[line_of(top)..=line_of(bottom)] {
                line[column] = Span::styled(theme.glyphs.mark, style);
            }
            cells[line_of(point.top1)][column] = Span::styled(letter.to_string(), style);
        }
    }
    let mut lines = Vec::with_capacity(height + 1);
    for (line, cells) in cells.into_iter().enumerate() {
        let value = high - range * line as f64 / (height - 1) as f64;
        let label =
            if line == 0 || line + 1 == height { format!("{:>6} ", percent(value)) } else { " ".repeat(7) };
        let mut spans = vec![Span::styled(format!("{label}{}", theme.glyphs.mark), theme.dim())];
        spans.extend(cells);
        lines.push(Line::from(spans));
    }
    let labels: String = sizes.iter().map(|size| format!("{:<step$}", text::count(*size))).collect();
    let labels = format!("{}{labels}", " ".repeat(AXIS + step / 3));
    lines.push(Line::styled(text::fit(labels.trim_end(), usize::from(size.width), ""), theme.dim()));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::theme::{ASCII, UNICODE};

    #[test]
    fn bars_have_a_mark() {
        assert_eq!(marked_bar(0.5, 0.75, 8, marks(&ASCII)), "####  | ");
        assert_eq!(marked_bar(1.0, 1.0, 4, marks(&ASCII)), "###|");
        assert_eq!(marked_bar(0.5, 0.0, 4, marks(&UNICODE)), "│█  ");
    }
}
