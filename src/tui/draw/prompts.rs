//! The prompts of one class under A and B, side by side; below them what the prompt under the cursor is like, and what
//! the last change did.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use super::{bar, difference, percent, place_of, put, row_line, strategy_name};
use crate::tui::layout::first_row;
use crate::tui::state::State;
use crate::tui::state::places::prompts_parts;
use crate::tui::state::prompts::{EditorStatus, ShownPrompt};
use crate::tui::text;
use crate::tui::theme::Theme;
use crate::workbench::{EditorState, PromptSimilarity, Session};

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, state: &State, session: &Session, theme: &Theme) {
    let width = usize::from(area.width);
    let class = &session.classes[state.prompts.class];
    let heading = format!(" Prompts for {}", text::shorten(class, width / 3, theme.glyphs.ellipsis));
    let editor = editor_line(state, session, theme);
    let sets = &session.strategies[state.prompts.strategy(&state.strategies)].prompt_sets;
    let sets: Vec<String> = sets.iter().map(|set| short_reference(set)).collect();
    let sets = format!("  {} {}", theme.glyphs.dot, sets.join(" + "));
    let room = width.saturating_sub(heading.width() + editor.width() + 1);
    let sets = if room > 12 { text::fit(&sets, room, theme.glyphs.ellipsis) } else { String::new() };
    let beside = width.saturating_sub(editor.width());
    put(frame, area, 0, editor.right_aligned());
    let heading = text::fit(&heading, beside.min(heading.width()), theme.glyphs.ellipsis);
    let heading = vec![Span::styled(heading, theme.heading()), Span::styled(sets, theme.dim())];
    let left = Rect { width: beside as u16, ..area };
    put(frame, left, 0, Line::from(heading));
    let ([left, right], below) = prompts_parts(area, state.strategies.is_pair());
    draw_side(frame, left, state, session, false, theme);
    if state.strategies.is_pair() {
        draw_side(frame, right, state, session, true, theme);
    }
    draw_footer(frame, below, state, session, theme);
}

/// A prompt set with the beginning of its version.
fn short_reference(reference: &str) -> String {
    match reference.split_once('@') {
        Some((name, version)) => format!("{name}@{}", version.chars().take(8).collect::<String>()),
        None => reference.to_owned(),
    }
}

/// What the editor's strategy comes to: `B cupl 86.8 → 87.1 ▲ +0.3`.
fn editor_line(state: &State, session: &Session, theme: &Theme) -> Line<'static> {
    let Some(editor) = &state.prompts.editor else { return Line::default() };
    let name = strategy_name(state, editor.strategy, 24, theme);
    match &editor.status {
        EditorStatus::Opening(progress) => {
            let part = progress.map_or(0.0, |progress| progress.fraction());
            let drawn = bar(part, 10, &theme.glyphs);
            Line::from(vec![Span::styled("reading embeddings ", theme.dim()), Span::styled(drawn, theme.b())])
        }
        EditorStatus::Failed(message) => {
            let first = message.lines().next().unwrap_or_default();
            let room = usize::from(state.size.width) / 2;
            let line = format!("cannot be edited: {} ", text::shorten(first, room, theme.glyphs.ellipsis));
            Line::styled(line, theme.problem())
        }
        EditorStatus::Open(now) => {
            let loaded = session.strategies[editor.strategy].evaluation.top1();
            let top1 = format!(" top-1 {}", percent(Some(loaded)).trim_start());
            let mut spans = vec![name, Span::raw(top1)];
            if !now.trail.is_empty() {
                let changed = difference(Some(now.top1 - loaded), &theme.glyphs);
                let changed: Vec<&str> = changed.split_whitespace().collect();
                spans.push(Span::styled(
                    format!(
                        " {} {} {}",
                        theme.glyphs.arrow,
                        percent(Some(now.top1)).trim_start(),
                        changed.join(" ")
                    ),
                    theme.heading(),
                ));
                spans.push(Span::raw(format!(", {} gained {} lost", now.gained, now.lost)));
            }
            spans.push(Span::raw(" "));
            Line::from(spans)
        }
    }
}

fn draw_side(frame: &mut Frame<'_>, area: Rect, state: &State, session: &Session, on_b: bool, theme: &Theme) {
    let strategy = if on_b { state.strategies.b } else { state.strategies.a };
    let prompts = state.prompts.shown(session, strategy);
    let similarities = similarities(state, strategy);
    let selected = state.prompts.selected[usize::from(on_b)];
    let height = usize::from(area.height.saturating_sub(1));
    let first = first_row(selected, prompts.len(), height);
    let width = usize::from(area.width);
    let numbers = if width >= 30 { 10 } else { 0 };
    let name = strategy_name(state, strategy, width.saturating_sub(16 + numbers), theme);
    let mut heading = vec![Span::raw(" "), name];
    let count = format!(
        "  {}-{} of {}",
        (first + 1).min(prompts.len()),
        (first + height).min(prompts.len()),
        prompts.len()
    );
    heading.push(Span::styled(count, theme.dim()));
    let used: usize = heading.iter().map(Span::width).sum();
    if numbers > 0 && used + numbers <= width {
        let gap = " ".repeat(width.saturating_sub(used + numbers));
        heading.push(Span::styled(format!("{gap} own other"), theme.dim()));
    }
    put(frame, area, 0, Line::from(heading));
    for (y, (index, prompt)) in prompts.iter().enumerate().skip(first).take(height).enumerate() {
        let on_cursor = on_b == state.prompts.on_b && index == selected;
        let similarity = similarities.and_then(|similarities| similarities.get(index));
        let spans = prompt_row(prompt, similarity, width.saturating_sub(1), numbers, theme);
        put(frame, area, y as u16 + 1, row_line(spans, on_cursor, theme));
    }
    if prompts.is_empty() {
        put(frame, area, 1, place_of(0, 0, 0, "", theme));
    }
}

fn prompt_row(
    prompt: &ShownPrompt<'_>,
    similarity: Option<&PromptSimilarity>,
    width: usize,
    numbers: usize,
    theme: &Theme,
) -> Vec<Span<'static>> {
    let style = if prompt.enabled { Style::new() } else { theme.dim() };
    let mark = match (prompt.enabled, prompt.changed) {
        (false, _) => theme.glyphs.off,
        (true, true) => "*",
        (true, false) => " ",
    };
    let room = width.saturating_sub(2 + numbers);
    let words = text::fit(prompt.text, room, theme.glyphs.ellipsis);
    let mut spans = vec![Span::styled(format!("{mark} {words}"), style)];
    if let Some(similarity) = similarity.filter(|_| numbers > 0) {
        let number = |value: Option<f32>| {
            value.map_or_else(|| "   -".to_owned(), |value| format!("{value:4.2}").replace("0.", " ."))
        };
        let other = similarity.competitor.map(|competitor| competitor.similarity);
        // A prompt that is nearer to another class's images than to its own is marked.
        let nearer = similarity.own.zip(other).is_some_and(|(own, other)| other > own);
        let sign = if nearer { theme.glyphs.down } else { " " };
        spans.push(Span::styled(format!(" {}{}{sign}", number(similarity.own), number(other)), theme.dim()));
    }
    spans
}

fn similarities(state: &State, strategy: usize) -> Option<&Vec<PromptSimilarity>> {
    state.prompts.similarities.get(&(strategy, state.prompts.class))?.as_ref()
}

fn draw_footer(frame: &mut Frame<'_>, area: Rect, state: &State, session: &Session, theme: &Theme) {
    let width = usize::from(area.width).saturating_sub(2);
    let strategy = state.prompts.strategy(&state.strategies);
    let prompts = state.prompts.shown(session, strategy);
    let row = state.prompts.row();
    if let Some(prompt) = prompts.get(row) {
        let lines = text::wrap(prompt.text, width);
        for (y, line) in lines.iter().take(2).enumerate() {
            put(frame, area, y as u16, Line::raw(format!(" {line}")));
        }
        let similarity = similarities(state, strategy).and_then(|similarities| similarities.get(row));
        if let Some(similarity) = similarity {
            let line = similarity_words(similarity, session, theme);
            put(frame, area, 2, Line::styled(text::fit(&line, width, theme.glyphs.ellipsis), theme.dim()));
        }
    }
    let open = state.prompts.editor.as_ref().and_then(|editor| editor.state());
    let offer = || state.generation_offer().map(|offer| format!(" {offer}"));
    if let Some(line) = open.and_then(|now| change_words(now, session, theme)).or_else(offer) {
        put(frame, area, 3, Line::styled(text::fit(&line, width, theme.glyphs.ellipsis), theme.heading()));
    }
}

fn similarity_words(similarity: &PromptSimilarity, session: &Session, theme: &Theme) -> String {
    let own = similarity.own.map_or_else(|| "no image".to_owned(), |own| format!("{own:.3}"));
    let mut words = format!(" own images {own}");
    if let Some(competitor) = similarity.competitor {
        let class = &session.classes[competitor.class];
        words.push_str(&format!("   nearest others {:.3} ({class})", competitor.similarity));
        if let Some(own) = similarity.own {
            let margin = own - competitor.similarity;
            let sign = if margin < 0.0 { theme.glyphs.minus } else { "+" };
            words.push_str(&format!("   margin {sign}{:.3}", margin.abs()));
        }
    }
    words
}

/// `frog: prompt 3 disabled · 5 predictions change: 3 gained, 1 lost`
fn change_words(now: &EditorState, session: &Session, theme: &Theme) -> Option<String> {
    let last = now.last.as_ref()?;
    let (gained, lost) = session.gained_and_lost(&last.flips);
    let (what, dot) = (&last.words, theme.glyphs.dot);
    Some(match last.flips.len() {
        0 => format!(" {what} {dot} no prediction changes"),
        flips => format!(" {what} {dot} {flips} predictions change: {gained} gained, {lost} lost"),
    })
}
