//! When two names of classes are the same but for how they are written.

use unicode_normalization_alignments::UnicodeNormalization;

/// A name without what loose matching ignores: with its case folded, no `_`, no `-`, no blanks, its letters composed.
#[must_use]
pub fn fold(name: &str) -> String {
    if name.is_ascii() {
        let kept = name.chars().filter(|c| !matches!(c, '_' | '-') && !c.is_whitespace());
        return kept.map(|c| c.to_ascii_lowercase()).collect();
    }
    name.chars().flat_map(folded).nfc().map(|(c, _)| c).collect()
}

/// The letters of a folded name, each in its parts.
pub(crate) fn folded_letters(name: &str) -> Vec<char> {
    let parts: String = name.chars().flat_map(folded).collect();
    parts.nfd().map(|(c, _)| c).collect()
}

/// What one character becomes of a folded name: its parts, with their case folded (`ß` as `ss`, every sigma alike).
pub(crate) fn folded(c: char) -> impl Iterator<Item = char> {
    let is_kept = !matches!(c, '_' | '-') && !c.is_whitespace();
    let parts = std::iter::once(c).filter(move |_| is_kept).nfd().map(|(part, _)| part);
    let cased = parts.flat_map(char::to_lowercase).flat_map(|lower| {
        // In capitals and back; but the dotless i, whose capital is another letter's.
        let is_own = lower == 'ı';
        let upper = lower.to_uppercase().filter(move |_| !is_own).flat_map(char::to_lowercase);
        upper.chain(Some(lower).filter(move |_| is_own))
    });
    cased.nfd().map(|(part, _)| part)
}
