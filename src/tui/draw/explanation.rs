//! Why A or B sees what it sees in an image: what corrects a miss, then the prompts of the predicted class and of the one
//! that it stands against, each with its share of the class's logit and its pull.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use super::{bar, place_of, put, put_text, row_line, strategy_name};
use crate::tui::layout::first_row;
use crate::tui::state::explanation::{ExplanationAnswer, ExplanationRow, ExplanationView, rows};
use crate::tui::state::{Analysis, State};
use crate::tui::text;
use crate::tui::theme::Theme;
use crate::workbench::{Explanation, Session};

/// Lines above the rows: what is explained, and what the numbers are.
const HEADING: u16 = 2;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, state: &State, session: &Session, theme: &Theme) {
    let Some(view) = &state.images.explanation else { return };
    let width = usize::from(area.width);
    let Some(explanation) = view.explanation() else {
        put(frame, area, 0, heading(state, view, String::new(), theme));
        let below = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
        return draw_waiting(frame, below, state, view, theme);
    };
    let ellipsis = theme.glyphs.ellipsis;
    let name = |class: usize| text::shorten(&session.classes[class], width / 5, ellipsis);
    let mut what = String::new();
    if let Some(predicted) = explanation.predicted() {
        let truth = explanation.truth.filter(|_| explanation.is_miss());
        let not = truth.map(|truth| format!(", not {}", name(truth))).unwrap_or_default();
        what = format!("sees {}{not}", name(predicted.class));
    }
    let legend = "   share   pull   part of the class's logit; what that loses without the prompt";
    put(frame, area, 1, Line::styled(text::fit(legend, width, ellipsis), theme.dim()));
    let rows = rows(explanation);
    let height = usize::from(area.height.saturating_sub(HEADING));
    let first = first_row(view.selected, rows.len(), height);
    let place = place_of(first, height.min(rows.len()), rows.len(), "", theme);
    let room = area.width.saturating_sub(place.width() as u16 + 1);
    put(frame, area, 0, place);
    put(frame, Rect { width: room, ..area }, 0, heading(state, view, what, theme));
    for (y, (at, &row)) in rows.iter().enumerate().skip(first).take(height).enumerate() {
        let spans = row_spans(explanation, row, session, width.saturating_sub(1), theme);
        put(frame, area, HEADING + y as u16, row_line(spans, at == view.selected, theme));
    }
}

/// `why B cupl sees frog, not deer`
fn heading(state: &State, view: &ExplanationView, what: String, theme: &Theme) -> Line<'static> {
    let strategy = view.strategy().unwrap_or(state.strategies.a);
    let name = strategy_name(state, strategy, usize::from(state.size.width) / 4, theme);
    let words = |words: String| Span::styled(words, theme.heading());
    Line::from(vec![words(" why ".to_owned()), name, words(format!(" {what}"))])
}

fn draw_waiting(frame: &mut Frame<'_>, area: Rect, state: &State, view: &ExplanationView, theme: &Theme) {
    let problem = match (&view.answer, &state.analysis) {
        (ExplanationAnswer::Refused(message), _) | (_, Analysis::Failed(message)) => Some(message),
        _ => None,
    };
    if let Some(message) = problem {
        put_text(frame, area, 0, message, theme.problem());
        return;
    }
    let line = match &state.analysis {
        Analysis::Opening(progress) => {
            let part = progress.map_or(0.0, |progress| progress.fraction());
            format!(" reading embeddings {}", bar(part, 10, &theme.glyphs))
        }
        _ => format!(" working it out {}", theme.glyphs.ellipsis),
    };
    put(frame, area, 0, Line::styled(line, theme.dim()));
}

fn row_spans(
    explanation: &Explanation,
    row: ExplanationRow,
    session: &Session,
    width: usize,
    theme: &Theme,
) -> Vec<Span<'static>> {
    let ellipsis = theme.glyphs.ellipsis;
    let texts = &session.strategies[explanation.strategy].prompts;
    let name = |class: usize| text::shorten(&session.classes[class], width / 4, ellipsis);
    match row {
        ExplanationRow::Correction => {
            vec![Span::styled(
                text::fit(&correction_words(explanation, session), width, ellipsis),
                theme.heading(),
            )]
        }
        ExplanationRow::Removed(removed) => {
            let before = format!("  {} {}: ", theme.glyphs.minus, name(removed.class));
            let room = width.saturating_sub(before.width());
            let prompt = text::fit(&texts[removed.class][removed.prompt], room, ellipsis);
            vec![Span::styled(before, theme.dim()), Span::raw(prompt)]
        }
        ExplanationRow::Class(class) => {
            let of_class = &explanation.classes[class];
            let prompts = of_class.prompts.len();
            let words = format!(
                " logit {} {} {} prompt{}",
                signed(of_class.logit, 3, theme).trim_start_matches('+'),
                theme.glyphs.dot,
                text::count(prompts),
                if prompts == 1 { "" } else { "s" }
            );
            let name = name(of_class.class);
            let room = width.saturating_sub(name.width());
            let words = text::fit(&words, room, ellipsis);
            vec![Span::styled(name, theme.heading()), Span::styled(words, theme.dim())]
        }
        ExplanationRow::Prompt(class, prompt) => {
            let of_class = &explanation.classes[class];
            let share = &of_class.prompts[prompt];
            let pull = share.pull.map_or_else(|| "-".to_owned(), |pull| signed(pull, 3, theme));
            let numbers = format!("{:>7} {pull:>7}  ", signed(share.share, 3, theme).trim_start_matches('+'));
            let room = width.saturating_sub(numbers.width());
            let prompt = text::fit(&texts[of_class.class][share.prompt], room, ellipsis);
            vec![Span::raw(numbers), Span::raw(prompt)]
        }
    }
}

/// What corrects a miss, in words.
fn correction_words(explanation: &Explanation, session: &Session) -> String {
    let aggregation = session.strategies[explanation.strategy].aggregation;
    match &explanation.correction {
        None if aggregation.weighs_prompts() => {
            format!("{aggregation} weighs the prompts of all classes together: none goes alone.")
        }
        None => "No few prompts whose removal makes it right.".to_owned(),
        Some(correction) => format!(
            "Right without {}: {} images gained, {} lost",
            match correction.removed.len() {
                1 => "this prompt".to_owned(),
                prompts => format!("these {prompts} prompts"),
            },
            text::count(correction.gained),
            text::count(correction.lost),
        ),
    }
}

/// A number with its sign: `+0.021`, `−0.006`.
fn signed(value: f64, decimals: usize, theme: &Theme) -> String {
    let digits = format!("{:.decimals$}", value.abs());
    let is_zero = digits.bytes().all(|digit| digit == b'0' || digit == b'.');
    let sign = if is_zero {
        ""
    } else if value < 0.0 {
        theme.glyphs.minus
    } else {
        "+"
    };
    format!("{sign}{digits}")
}
