//! From a language model's answer to a prompt, as the published ones were made: line breaks go, and the full stop that the
//! answer ended before is put back (Pratt et al., arXiv 2209.03320, and the published files).

use crate::prompts::lint::{without_markup, without_stray_blanks};

/// Marks that end a sentence.
const FINAL: [char; 6] = ['.', '!', '?', '…', '。', '！'];
/// Quotation marks that models put around whole answers.
const QUOTES: [char; 6] = ['"', '“', '”', '\'', '‘', '’'];

/// The sentence in an answer: in one line, without markup and quotation marks around it, with its full stop. Empty where the
/// answer has no letters. `stopped` says that the answer ended by itself or before a stop string; one that was cut at its
/// greatest length gets no full stop that it has not earned.
pub fn sentence_of(answer: &str, stopped: bool) -> String {
    let plain = without_markup(answer).split_whitespace().collect::<Vec<_>>().join(" ");
    let plain = without_stray_blanks(&plain);
    let mut text = plain.trim();
    while let Some(inner) = text.strip_prefix(QUOTES) {
        // A quotation mark that opens the whole answer, not its first word alone.
        let closes_inside = inner.trim_end_matches(FINAL).trim_end_matches(QUOTES).contains(QUOTES);
        if closes_inside {
            break;
        }
        text = inner.trim().trim_end_matches(QUOTES).trim_end();
    }
    let text = text.trim();
    if !text.chars().any(char::is_alphanumeric) {
        return String::new();
    }
    if !stopped || text.ends_with(FINAL) || text.ends_with([':', ',', ';']) {
        return text.to_owned();
    }
    format!("{text}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_become_sentences() {
        for (answer, sentence) in [
            ("\n\nA tree frog is small,\ngreen and shiny", "A tree frog is small, green and shiny."),
            (" A frog has legs. ", "A frog has legs."),
            ("Is it a frog?", "Is it a frog?"),
            ("**Frogs** have `long` legs", "Frogs have long legs."),
            ("\"A frog on a leaf.\"", "A frog on a leaf."),
            ("“A frog on a leaf”", "A frog on a leaf."),
            ("\"Frogs\" are what \"they\" say", "\"Frogs\" are what \"they\" say."),
            ("- green\n- shiny", "green, shiny."),
            ("  \n", ""),
            ("...", ""),
            ("Here is what it looks like:", "Here is what it looks like:"),
        ] {
            assert_eq!(sentence_of(answer, true), sentence, "{answer:?}");
        }
        assert_eq!(sentence_of("A frog has long and", false), "A frog has long and");
    }
}
