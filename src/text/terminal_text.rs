//! What may not reach a terminal in a text from outside: names of classes and files, prompts, answers of servers.

use std::borrow::Cow;

/// Whether a character moves the cursor, changes what a terminal does, or turns the direction of what stands around it.
#[must_use]
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A text for one line: what is unsafe becomes `�`, a tab a blank.
#[must_use]
pub fn cleaned(text: &str) -> Cow<'_, str> {
    replaced(text, |c| is_unsafe(c) || c == '\t')
}

/// A text of several lines: the same, but for ends of lines.
#[must_use]
pub fn cleaned_lines(text: &str) -> Cow<'_, str> {
    replaced(text, |c| c != '\n' && is_unsafe(c))
}

fn replaced(text: &str, is_replaced: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_replaced) {
        return Cow::Borrowed(text);
    }
    let safe = |c: char| match c {
        '\t' => ' ',
        c if is_replaced(c) => '\u{fffd}',
        c => c,
    };
    Cow::Owned(text.chars().map(safe).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        for hostile in [
            "\u{1b}[2J",
            "\u{1b}]52;c;aGk=\u{7}",
            "\u{9b}31m",
            "a\rb",
            "a\nb",
            "\u{202e}gnp.exe",
            "\u{2066}x\u{2069}",
            "\u{7f}",
            "\0",
            "\u{85}",
            "\u{2028}",
        ] {
            let clean = cleaned(hostile);
            assert!(!clean.chars().any(is_unsafe), "{hostile:?} became {clean:?}");
        }
        assert_eq!(cleaned("a\tb\u{1b}c"), "a b\u{fffd}c");
        assert_eq!(cleaned_lines("a\nb\u{1b}"), "a\nb\u{fffd}");
        assert!(matches!(cleaned("tree frog, 蛙, café"), Cow::Borrowed(_)));
    }
}
