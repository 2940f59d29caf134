//! Prompts while a language model writes them: a row for each class, or the sentences of one; below, the latest ones and what
//! they are worth.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use super::{bar, percent, place_of, put, put_text, row_line};
use crate::tui::actions::Action;
use crate::tui::layout::first_row;
use crate::tui::state::State;
use crate::tui::state::generation::{GenerationStatus, GenerationView};
use crate::tui::state::places::{generation_list, generation_problem};
use crate::tui::text;
use crate::tui::theme::Theme;
use crate::workbench::Session;
use crate::workbench::generation::{GeneratedClass, GeneratedSentence};

pub(super) fn draw(
    frame: &mut Frame<'_>,
    area: Rect,
    state: &State,
    session: &Session,
    view: &GenerationView,
    theme: &Theme,
) {
    let width = usize::from(area.width);
    let ellipsis = theme.glyphs.ellipsis;
    let model =
        view.plan.as_ref().map_or(String::new(), |plan| format!(" {} {}", theme.glyphs.dot, plan.model));
    let (accepted, wanted) = view.count();
    let heading = format!(" {}{model}   {accepted} of {wanted} sentences {}", view.name, status(view));
    put(frame, area, 0, Line::styled(text::fit(&heading, width, ellipsis), theme.heading()));
    let mut row = 1;
    for (words, style) in standing(view, state, width, theme) {
        put(frame, area, row, Line::styled(text::fit(&words, width, ellipsis), style));
        row += 1;
    }
    put(frame, area, row, worth(view, session, state, width, theme));
    let list = generation_list(area, view);
    let height = usize::from(list.height);
    let (selected, rows) = view.rows();
    let first = first_row(selected, rows, height);
    for (y, row) in (first..rows.min(first + height)).enumerate() {
        let spans = match view.sentence {
            Some(_) => view
                .class()
                .and_then(|class| class.sentences.get(row))
                .map(|one| sentence(one, width - 1, theme)),
            None => {
                view.classes.get(row).map(|class| class_row(&session.classes[row], class, width - 1, theme))
            }
        };
        put(frame, list, y as u16, row_line(spans.unwrap_or_default(), row == selected, theme));
    }
    if rows > height {
        let place = place_of(first, height, rows, "", theme);
        let width = place.width() as u16;
        put(
            frame,
            Rect { x: area.x + area.width.saturating_sub(width), width, y: area.y + 1, height: 1 },
            0,
            place,
        );
    }
    let foot = Rect { y: list.y + list.height, height: area.bottom().saturating_sub(list.bottom()), ..area };
    draw_foot(frame, foot, view, session, theme);
}

fn status(view: &GenerationView) -> &'static str {
    match view.status {
        GenerationStatus::Opening => "(the model is opened)",
        GenerationStatus::Running => "(writing)",
        GenerationStatus::Stopping => "(stopping)",
        GenerationStatus::Stopped => "(stopped by you)",
        GenerationStatus::Done if view.shortness().is_some() => "(ended)",
        GenerationStatus::Done => "(done)",
        GenerationStatus::Failed(_) => "(stopped by an error)",
    }
}

/// How it stands, below the heading: how fast it goes and what it waits for, or why it does not go on and what does.
fn standing(view: &GenerationView, state: &State, width: usize, theme: &Theme) -> Vec<(String, Style)> {
    let [again, other] = [Action::Retry, Action::Generate].map(|action| state.keymap.key(action));
    let kept = |goes_on: bool| match goes_on {
        true => format!(" What came is kept: {again} goes on from there, {other} opens the form."),
        false => format!(" {again} opens the form with all that was typed; what came is kept."),
    };
    let pace = (pace(view), theme.dim());
    match &view.status {
        GenerationStatus::Failed(message) => {
            let lines = generation_problem(view, message, width as u16)
                .into_iter()
                .map(|line| (format!(" {line}"), theme.problem()));
            lines.chain([(kept(view.goes_on()), theme.dim())]).collect()
        }
        GenerationStatus::Stopped => vec![(kept(true), theme.dim())],
        GenerationStatus::Done => {
            let short = view.shortness().map(|short| (format!(" {short}"), theme.problem()));
            std::iter::once(pace).chain(short).collect()
        }
        GenerationStatus::Running => match &view.retry {
            Some(retry) => vec![(format!(" {retry}"), theme.problem())],
            None => vec![pace],
        },
        GenerationStatus::Opening | GenerationStatus::Stopping => vec![pace],
    }
}

/// `2.0 sentences/s, 30 tokens/s, 15s left; 12 rejected`
fn pace(view: &GenerationView) -> String {
    let mut parts = view.pace.words(view.runs());
    let rejected: usize = view.classes.iter().map(GeneratedClass::n_rejected).sum();
    if rejected > 0 {
        parts.push(format!("{rejected} rejected"));
    }
    format!(" {}", parts.join(", "))
}

/// What the sentences are worth so far, beside A and B, and how it went.
fn worth(
    view: &GenerationView,
    session: &Session,
    state: &State,
    width: usize,
    theme: &Theme,
) -> Line<'static> {
    let Some((prompts, top1)) = view.accuracies.last() else {
        if let Some(reason) = &view.no_accuracy {
            let words =
                text::fit(&format!(" accuracy: not measured: {reason}"), width, theme.glyphs.ellipsis);
            return Line::styled(words, theme.dim());
        }
        if let Some(progress) = &view.reading {
            let words = text::fit(&format!(" accuracy: {progress}"), width, theme.glyphs.ellipsis);
            return Line::styled(words, theme.dim());
        }
        return Line::styled(" accuracy: once there are sentences and the images are read", theme.dim());
    };
    let level =
        |strategy: usize| percent(Some(session.strategies[strategy].evaluation.top1())).trim().to_owned();
    let mut spans = vec![
        Span::raw(format!(" top-1 {} with {prompts:.1} a class   ", percent(Some(*top1)).trim())),
        Span::styled(format!("A {}", level(state.strategies.a)), theme.a()),
    ];
    if state.strategies.is_pair() {
        spans.push(Span::styled(format!("  B {}", level(state.strategies.b)), theme.b()));
    }
    let used: usize = spans.iter().map(Span::width).sum();
    let line = course(&view.accuracies, width.saturating_sub(used + 4).min(30), theme);
    spans.push(Span::raw(format!("   {line}")));
    Line::from(spans)
}

/// The accuracies as a line of steps, from the lowest to the highest of them.
fn course(accuracies: &[(f64, f64)], width: usize, theme: &Theme) -> String {
    let steps: &[&str] = if theme.glyphs.half_blocks {
        &["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]
    } else {
        &["_", "-", "=", "#"]
    };
    let from = accuracies.len().saturating_sub(width);
    let shown = &accuracies[from..];
    let low = shown.iter().map(|point| point.1).fold(1.0, f64::min);
    let high = shown.iter().map(|point| point.1).fold(0.0, f64::max);
    let step = |value: f64| {
        let share = if high > low { (value - low) / (high - low) } else { 0.0 };
        steps[(share * (steps.len() - 1) as f64).round() as usize]
    };
    shown.iter().map(|point| step(point.1)).collect()
}

fn class_row(name: &str, class: &GeneratedClass, width: usize, theme: &Theme) -> Vec<Span<'static>> {
    let ellipsis = theme.glyphs.ellipsis;
    let name_width = (width / 5).clamp(8, 24);
    let share = class.n_accepted() as f64 / class.wanted.max(1) as f64;
    let is_full = class.n_accepted() >= class.wanted;
    let sign = match class.is_done {
        _ if class.problem.is_some() => theme.glyphs.wrong,
        true if is_full => theme.glyphs.right,
        true => theme.glyphs.wrong,
        false => " ",
    };
    let count = format!(" {sign} {:>4}/{:<4}", class.n_accepted(), class.wanted);
    let rejected = match class.n_rejected() {
        0 => String::new(),
        rejected => format!(" {rejected} rejected "),
    };
    let words = match &class.problem {
        Some(problem) => problem.clone(),
        None if class.is_done && !is_full => "short: no more is asked for".to_owned(),
        None => class.accepted().last().map(|sentence| sentence.text.clone()).unwrap_or_default(),
    };
    let bar_width = 8;
    let used = name_width + 1 + bar_width + count.width() + 13;
    let rest = format!("{rejected:<13}{}", text::fit(&words, width.saturating_sub(used), ellipsis));
    vec![
        Span::raw(format!("{} ", text::fit(name, name_width, ellipsis))),
        Span::styled(bar(share, bar_width, &theme.glyphs), theme.b()),
        Span::raw(count),
        Span::styled(text::fit(&rest, width.saturating_sub(used - 13), ellipsis), theme.dim()),
    ]
}

fn sentence(one: &GeneratedSentence, width: usize, theme: &Theme) -> Vec<Span<'static>> {
    let ellipsis = theme.glyphs.ellipsis;
    match &one.rejection {
        None => vec![Span::raw(text::fit(&format!("{} {}", theme.glyphs.right, one.text), width, ellipsis))],
        Some(why) => {
            let words = format!("{} {}: {}", theme.glyphs.wrong, why.reason.name(), one.text);
            vec![Span::styled(text::fit(&words, width, ellipsis), theme.dim())]
        }
    }
}

/// The sentence under the cursor in full, or the latest ones.
fn draw_foot(frame: &mut Frame<'_>, area: Rect, view: &GenerationView, session: &Session, theme: &Theme) {
    if area.height == 0 {
        return;
    }
    let width = usize::from(area.width);
    put(frame, area, 0, Line::styled(theme.glyphs.rule.repeat(width), theme.dim()));
    if let Some(one) = view.current() {
        let mut words = one.text.clone();
        if let Some(why) = &one.rejection {
            words.push_str(&format!("  ({})", why.evidence));
        }
        let below = put_text(frame, area, 1, &words, Style::new());
        let asked = format!(" {}", one.sample.llm_prompt.replace('\n', " "));
        put(frame, area, below, Line::styled(text::fit(&asked, width, theme.glyphs.ellipsis), theme.dim()));
        return;
    }
    let Some((name, class)) =
        view.latest.and_then(|class| Some((session.classes.get(class)?, view.classes.get(class)?)))
    else {
        return;
    };
    let height = usize::from(area.height) - 1;
    let latest = class.sentences.iter().rev().take(height).collect::<Vec<_>>();
    for (y, one) in latest.into_iter().rev().enumerate() {
        let mut spans =
            vec![Span::styled(format!(" {} ", text::shorten(name, 16, theme.glyphs.ellipsis)), theme.dim())];
        let used = spans[0].width();
        spans.extend(sentence(one, width.saturating_sub(used), theme));
        put(frame, area, y as u16 + 1, Line::from(spans));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_course_goes_from_low_to_high() {
        let points = [(1.0, 0.5), (2.0, 0.6), (3.0, 0.7)];
        assert_eq!(course(&points, 9, &Theme::PLAIN), "_-#".replace('-', "="));
        assert_eq!(course(&points, 2, &Theme::PLAIN), "_#");
        assert_eq!(course(&points[..1], 9, &Theme::PLAIN), "_");
    }
}
