//! What may be wrong with labels and prompts: a row each; below them what speaks for the selected one, and what to do.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{bar, place_of, put, put_text, row_line};
use crate::tui::actions::Action;
use crate::tui::layout::first_row;
use crate::tui::state::findings::FindingsAnswer;
use crate::tui::state::places::findings_parts;
use crate::tui::state::{Analysis, State};
use crate::tui::text;
use crate::tui::theme::Theme;
use crate::workbench::{Finding, FindingKind, Session};

/// Columns of a kind's name.
const KIND: usize = 24;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, state: &State, session: &Session, theme: &Theme) {
    let width = usize::from(area.width);
    let findings = match &state.findings.answer {
        FindingsAnswer::Found(findings) => findings,
        FindingsAnswer::Unasked | FindingsAnswer::Waiting => {
            put(frame, area, 0, Line::styled(" Findings", theme.heading()));
            return put(frame, area, 1, waiting(state, theme));
        }
        FindingsAnswer::Refused(message) => {
            put(frame, area, 0, Line::styled(" Findings", theme.heading()));
            let below = put_text(frame, area, 1, message, theme.problem());
            let key = state.keymap.key(Action::Open);
            return put(frame, area, below + 1, Line::styled(format!(" {key} looks again."), theme.dim()));
        }
    };
    let labels = findings.iter().filter(|finding| FindingKind::OF_LABELS.contains(&finding.kind)).count();
    let heading = match findings.len() {
        0 => " Findings: nothing".to_owned(),
        _ => format!(
            " Findings: {} about labels, {} about prompts",
            text::count(labels),
            text::count(findings.len() - labels)
        ),
    };
    let heading = text::fit(&heading, width.saturating_sub(12), theme.glyphs.ellipsis);
    put(frame, area, 0, Line::styled(heading, theme.heading()));
    if findings.is_empty() {
        let checked = "Looked for: classes in another order, names twice or without prompts, keys left over, classes \
                       without images, images twice in different classes, likely label errors; prompts twice, fragments, \
                       markup, blanks, wrong articles, nothing to see, class names missing, too long, nearer to another \
                       class.";
        put_text(frame, area, 1, checked, theme.dim());
        return;
    }
    let (list, below) = findings_parts(area);
    let height = usize::from(list.height);
    let first = first_row(state.findings.selected, findings.len(), height);
    put(frame, area, 0, place_of(first, height, findings.len(), "", theme));
    for (y, (index, finding)) in findings.iter().enumerate().skip(first).take(height).enumerate() {
        let spans = row(finding, state, session, width.saturating_sub(1), theme);
        put(frame, list, y as u16, row_line(spans, index == state.findings.selected, theme));
    }
    if let Some(finding) = state.findings.current() {
        draw_details(frame, below, finding, session, theme);
    }
}

fn waiting(state: &State, theme: &Theme) -> Line<'static> {
    match &state.analysis {
        Analysis::Opening(Some(progress)) => Line::from(vec![
            Span::styled(" looking ", theme.dim()),
            Span::styled(bar(progress.fraction(), 20, &theme.glyphs), theme.b()),
            Span::styled(format!(" {progress}"), theme.dim()),
        ]),
        Analysis::Failed(message) => Line::styled(
            format!(" cannot be looked for: {}", message.lines().next().unwrap_or_default()),
            theme.problem(),
        ),
        _ if state.job.is_running() => {
            Line::styled(" waits for the job that opens the experiment", theme.dim())
        }
        _ => Line::styled(" looking at labels and prompts", theme.dim()),
    }
}

/// `likely-label-error       cat, dog        what speaks for it`; a prompt stands behind its strategy's name, and is marked where it
/// was changed.
fn row(
    finding: &Finding,
    state: &State,
    session: &Session,
    width: usize,
    theme: &Theme,
) -> Vec<Span<'static>> {
    let ellipsis = theme.glyphs.ellipsis;
    let names: Vec<&str> = finding.classes.iter().map(|&class| session.classes[class].as_str()).collect();
    let kind = text::fit(finding.kind.name(), KIND.min(width), ellipsis);
    let room = width.saturating_sub(KIND + 1);
    let classes_width = (room / 3).clamp(8, 30).min(room);
    let classes = text::fit(&names.join(", "), classes_width, ellipsis);
    let words = match &finding.prompt {
        Some(prompt) => format!("{}: {}", session.strategies[prompt.strategy].name, prompt.text),
        None => finding.evidence.clone(),
    };
    let is_handled = state.is_handled(finding);
    let words = if is_handled { format!("changed; {words}") } else { words };
    let words = text::fit(&words, room.saturating_sub(classes_width + 1), ellipsis);
    let style = if is_handled { theme.dim() } else { theme.heading() };
    vec![Span::styled(kind, style), Span::raw(format!(" {classes} {words}"))]
}

fn draw_details(frame: &mut Frame<'_>, area: Rect, finding: &Finding, session: &Session, theme: &Theme) {
    let width = usize::from(area.width).saturating_sub(2);
    let mut lines: Vec<Line<'static>> = vec![Line::default()];
    let mut add = |name: &str, words: &str, most: usize| {
        let wrapped = text::wrap(words, width.saturating_sub(10));
        for (y, line) in wrapped.into_iter().take(most).enumerate() {
            let name = if y == 0 { name } else { "" };
            lines.push(Line::from(vec![Span::styled(format!(" {name:<9}"), theme.dim()), Span::raw(line)]));
        }
    };
    if let Some(prompt) = &finding.prompt {
        add("prompt", &prompt.text, 2);
    } else if !finding.images.is_empty() {
        let names: Vec<&str> =
            finding.images.iter().take(4).map(|&image| session.images[image].name.as_str()).collect();
        add("images", &names.join("  "), 1);
    }
    add("evidence", &finding.evidence, 3);
    add("remedy", &finding.remedy, 2);
    for (y, line) in lines.into_iter().enumerate() {
        put(frame, area, y as u16, line);
    }
}
