//! What open_clip and OpenAI's CLIP do to a text before they cut it into tokens (`basic_clean` in their tokenizers): ftfy's
//! `fix_text`, HTML entities, blanks at both ends.
//!
//! Of ftfy 6.3 (`ftfy/fixes.py`) this has: entities, UTF-8 that was read as Windows-1252, C1 controls, Latin ligatures, full-width
//! and half-width letters, curled quotes, line ends, terminal escapes, control characters, NFC. It does not have the guesses at
//! other code pages (Cyrillic, Greek, Mac, DOS), which neither class names nor published prompts need.

use unicode_normalization_alignments::UnicodeNormalization as _;

/// A text as the references clean it before their own steps.
pub(super) fn basic_clean(text: &str) -> String {
    let unescaped = unescape(&unescape(&fix_text(text)));
    unescaped.trim_matches(is_blank).to_owned()
}

/// Blanks in Python's `str.split` and `str.strip`.
pub(super) fn is_blank(letter: char) -> bool {
    letter.is_whitespace() || ('\x1c'..='\x1f').contains(&letter)
}

/// Words with single blanks between them.
pub(super) fn single_blanks(text: &str) -> String {
    let words: Vec<&str> = text.split(is_blank).filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

/// `ftfy.fix_text`: each line for itself. `<` in a line means that entities in it and below are meant to be there.
fn fix_text(text: &str) -> String {
    let mut entities = true;
    let lines = text.split_inclusive('\n').map(|line| {
        entities &= !line.contains('<');
        let mut line = line.to_owned();
        // Each change may lead to another one; none of them makes a text longer for ever.
        for _ in 0..8 {
            let mended = mend(&line, entities);
            if mended == line {
                break;
            }
            line = mended;
        }
        line
    });
    lines.collect()
}

fn mend(line: &str, entities: bool) -> String {
    let unescaped = if entities && !line.contains('<') { unescape_marked(line) } else { line.to_owned() };
    let decoded = decode_again(&unescaped);
    let mut out = String::with_capacity(decoded.len());
    for letter in decoded.chars().map(of_c1_control) {
        match letter {
            '\u{2bc}' | '\u{2018}'..='\u{201b}' => out.push('\''),
            '\u{201c}'..='\u{201f}' => out.push('"'),
            '\u{3000}' => out.push(' '),
            '\u{ff01}'..='\u{ffef}' => {
                out.extend(std::iter::once(letter).nfkc().map(|(letter, _)| letter));
            }
            _ => match LIGATURES.iter().find(|(ligature, _)| *ligature == letter) {
                Some((_, letters)) => out.push_str(letters),
                None => out.push(letter),
            },
        }
    }
    let lines = out.replace("\r\n", "\n").replace(['\r', '\u{2028}', '\u{2029}', '\u{85}'], "\n");
    without_terminal_escapes(&lines)
        .chars()
        .filter(|letter| !is_control(*letter))
        .nfc()
        .map(|(letter, _)| letter)
        .collect()
}

/// Letters that stand for several Latin ones.
const LIGATURES: [(char, &str); 22] = [
    ('Ĳ', "IJ"),
    ('ĳ', "ij"),
    ('ŉ', "ʼn"),
    ('Ǳ', "DZ"),
    ('ǲ', "Dz"),
    ('ǳ', "dz"),
    ('Ǆ', "DŽ"),
    ('ǅ', "Dž"),
    ('ǆ', "dž"),
    ('Ǉ', "LJ"),
    ('ǈ', "Lj"),
    ('ǉ', "lj"),
    ('Ǌ', "NJ"),
    ('ǋ', "Nj"),
    ('ǌ', "nj"),
    ('ﬀ', "ff"),
    ('ﬁ', "fi"),
    ('ﬂ', "fl"),
    ('ﬃ', "ffi"),
    ('ﬄ', "ffl"),
    ('ﬅ', "ſt"),
    ('ﬆ', "st"),
];

/// Characters that nobody means: all controls but tab, line feed, form feed and carriage return, and some invisible ones.
fn is_control(letter: char) -> bool {
    matches!(
        letter,
        '\0'..='\x08' | '\x0b' | '\x0e'..='\x1f' | '\x7f' | '\u{206a}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffc}'
    )
}

/// Entities with a semicolon at their end, as ftfy takes them; those without may be anything.
fn unescape_marked(text: &str) -> String {
    const LONGEST: usize = 24;
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.find(';').filter(|end| {
            let name = rest[1..*end].strip_prefix('#').unwrap_or(&rest[1..*end]);
            (1..=LONGEST).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
        });
        let Some(end) = end else {
            out.push('&');
            rest = &rest[1..];
            continue;
        };
        let entity = &rest[..=end];
        let unescaped = unescape(entity);
        // Where a part alone was an entity, the whole was not one.
        out.push_str(if unescaped.contains(';') && unescaped != ";" { entity } else { &unescaped });
        rest = &rest[end + 1..];
    }
    out + rest
}

/// Python's `html.unescape`.
fn unescape(text: &str) -> String {
    htmlize::unescape(text).into_owned()
}

/// UTF-8 that was read as Windows-1252, `â€™` and `Ã©`, is read again.
fn decode_again(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < letters.len() {
        let length = match letters[at] {
            // Other letters that begin two bytes occur before continuations in words that are right.
            'Â' | 'Ã' => 2,
            'à'..='ï' => 3,
            'ð'..='ô' => 4,
            _ => 1,
        };
        let bytes: Option<Vec<u8>> = letters
            .get(at..at + length)
            .and_then(|letters| letters.iter().map(|letter| windows_1252(*letter)).collect());
        match bytes.as_deref().filter(|_| length > 1).map(std::str::from_utf8) {
            Some(Ok(decoded)) => {
                out.push_str(decoded);
                at += length;
            }
            _ => {
                out.push(letters[at]);
                at += 1;
            }
        }
    }
    out
}

/// What bytes 0x80 to 0x9f are in Windows-1252; those that are nothing there are themselves.
const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}',
    '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

fn windows_1252(letter: char) -> Option<u8> {
    let special = (0x80_u8..).zip(WINDOWS_1252).find(|(_, known)| *known == letter);
    special.map(|(byte, _)| byte).or_else(|| u8::try_from(u32::from(letter)).ok())
}

/// A control of Latin-1's second half is what Windows has in its place.
fn of_c1_control(letter: char) -> char {
    match u32::from(letter).checked_sub(0x80) {
        Some(at @ 0..=31) => WINDOWS_1252[at as usize],
        _ => letter,
    }
}

/// Without `ESC [ … letter`.
fn without_terminal_escapes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\x1b[") {
        let after =
            rest[at + 2..].trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == ';');
        if after.starts_with(|letter: char| letter.is_ascii_alphabetic()) {
            out.push_str(&rest[..at]);
            rest = &after[1..];
        } else {
            out.push_str(&rest[..at + 2]);
            rest = &rest[at + 2..];
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each is what ftfy 6.3.1 and html.unescape of Python 3.11 make of it (experiments/parity/README.md).
    #[test]
    fn texts_are_cleaned_as_the_references_clean_them() {
        let golden = include_str!("../../../tests/fixtures/tokenizer/basic_clean.json");
        let golden: Vec<[String; 2]> = serde_json::from_str(golden).unwrap();
        assert!(golden.len() > 60);
        for [text, cleaned] in golden {
            assert_eq!(basic_clean(&text), cleaned, "{text:?}");
        }
    }

    #[test]
    fn blanks_are_pythons() {
        assert_eq!(single_blanks("\u{a0}a \t\u{2003}b\x1f\u{85}c\u{3000}"), "a b c");
    }
}
