//! Text measured in terminal cells.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

pub use crate::text::message::count;
use crate::text::terminal_text::is_unsafe;

/// Cut or padded on the right to exactly `width` cells; control characters become spaces.
pub fn fit(text: &str, width: usize, ellipsis: &str) -> String {
    let clean: String = text.chars().map(|c| if is_unsafe(c) { ' ' } else { c }).collect();
    let full = clean.width();
    if full <= width {
        return format!("{clean}{}", " ".repeat(width - full));
    }
    let room = width.saturating_sub(ellipsis.width());
    let mut cut = String::new();
    let mut used = 0;
    for c in clean.chars() {
        let cells = c.width().unwrap_or(0);
        if used + cells > room {
            break;
        }
        cut.push(c);
        used += cells;
    }
    if width >= ellipsis.width() {
        cut.push_str(ellipsis);
        used += ellipsis.width();
    }
    cut.push_str(&" ".repeat(width - used));
    cut
}

/// Both ends of a long text, where names differ, in exactly `width` cells.
pub fn fit_middle(text: &str, width: usize, ellipsis: &str) -> String {
    if text.width() <= width || width < 8 {
        return fit(text, width, ellipsis);
    }
    let room = width - ellipsis.width();
    let head = fit(text, room.div_ceil(2), "");
    let tail = fit_end(text, room / 2, "");
    fit(&format!("{}{ellipsis}{}", head.trim_end(), tail.trim_end()), width, ellipsis)
}

/// As [`fit_middle`], but a short text is not padded.
pub fn shorten(text: &str, width: usize, ellipsis: &str) -> String {
    if text.width() <= width {
        text.to_owned()
    } else {
        fit_middle(text, width, ellipsis).trim_end().to_owned()
    }
}

/// The end of a long text, where paths differ, in at most `width` cells.
pub fn fit_end(text: &str, width: usize, ellipsis: &str) -> String {
    let reversed: String = text.chars().rev().collect();
    let fitted = fit(&reversed, width, ellipsis);
    let trimmed: String = fitted.trim_end().chars().rev().collect();
    fit(&trimmed, width, "")
}

/// Breaks text into lines of at most `width` cells, at blanks where it can.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            let mut word = word.to_owned();
            if !line.is_empty() && line.width() + 1 + word.width() > width {
                lines.push(std::mem::take(&mut line));
            }
            while word.width() > width {
                let head: String = fit(&word, width, "").trim_end().to_owned();
                let taken = head.chars().count().max(1);
                lines.push(word.chars().take(taken).collect());
                word = word.chars().skip(taken).collect();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&word);
        }
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn wide_letters_count_twice() {
        assert_eq!(fit("カエル", 5, "…"), "カエ…");
        assert_eq!(fit("カエル", 4, "…"), "カ… ");
        assert_eq!(fit("frog", 6, "…"), "frog  ");
        assert_eq!(fit_end("a/long/path/06214.png", 10, "…"), "…06214.png");
        assert_eq!(fit_end("short", 8, "…"), "short   ");
    }

    #[test]
    fn distinguishing_ends_stay() {
        assert_eq!(fit_middle("great white shark 07", 12, "…"), "great…rk 07 ");
        assert_eq!(fit_middle("frog", 10, "…"), "frog      ");
        assert_eq!(fit_middle("great white shark", 6, "…"), "great…");
        assert_eq!(shorten("frog", 10, "…"), "frog");
        assert_eq!(shorten("great white shark 07", 12, "~"), "great~rk 07");
    }

    #[test]
    fn long_lines_break_at_blanks() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("a\nunbreakable", 5), ["a", "unbre", "akabl", "e"]);
    }

    proptest! {
        #[test]
        fn fitted_text_has_its_width(text in "\\PC{0,40}", width in 0usize..50) {
            prop_assert_eq!(fit(&text, width, "…").width(), width);
            prop_assert_eq!(fit_middle(&text, width, "…").width(), width);
            prop_assert_eq!(fit_end(&text, width, "…").width(), width);
        }

        #[test]
        fn wrapped_lines_fit(text in "[a-z ]{0,80}", width in 1usize..30) {
            for line in wrap(&text, width) {
                prop_assert!(line.width() <= width.max(1));
            }
        }
    }
}
