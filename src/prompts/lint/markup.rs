//! What texts bring along from web pages and lists: markup, bullets, stray blanks. Braces stay: they are places of
//! templates.

/// HTML's names of characters, as far as they are met with in sentences.
const ENTITIES: [(&str, &str); 22] = [
    ("amp", "&"),
    ("lt", "<"),
    ("gt", ">"),
    ("quot", "\""),
    ("apos", "'"),
    ("nbsp", " "),
    ("lsquo", "‘"),
    ("rsquo", "’"),
    ("ldquo", "“"),
    ("rdquo", "”"),
    ("hellip", "…"),
    ("ndash", "–"),
    ("mdash", "—"),
    ("deg", "°"),
    ("times", "×"),
    ("eacute", "é"),
    ("egrave", "è"),
    ("agrave", "à"),
    ("auml", "ä"),
    ("ouml", "ö"),
    ("uuml", "ü"),
    ("ntilde", "ñ"),
];

/// The first of HTML's entities in a text.
pub fn entity(text: &str) -> Option<&str> {
    text.match_indices('&').find_map(|(start, _)| entity_at(text, start)).map(|(entity, _)| entity)
}

/// The entity that begins at a `&`, and its character.
fn entity_at(text: &str, start: usize) -> Option<(&str, String)> {
    let inner = &text[start + 1..];
    let end = inner.find(';').filter(|end| (2..=8).contains(end))?;
    let (entity, name) = (&text[start..start + end + 2], &inner[..end]);
    let character = match name.strip_prefix('#') {
        Some(number) => {
            let code = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                None => number.parse().ok()?,
            };
            match char::from_u32(code)? {
                '\u{a0}' => " ".to_owned(),
                c if c.is_control() => return None,
                c => c.to_string(),
            }
        }
        None => ENTITIES.iter().find(|(known, _)| *known == name)?.1.to_owned(),
    };
    Some((entity, character))
}

/// The text with characters for entities.
fn without_entities(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        plain.push_str(&rest[..start]);
        match entity_at(rest, start) {
            Some((entity, character)) => {
                plain.push_str(&character);
                rest = &rest[start + entity.len()..];
            }
            None => {
                plain.push('&');
                rest = &rest[start + 1..];
            }
        }
    }
    plain + rest
}

/// The first markup in a text.
pub fn markup(text: &str) -> Option<String> {
    let tag = tags(text).first().map(|&(start, end)| &text[start..end]);
    let entity = entity(text);
    let mark = ["**", "__", "`"].into_iter().find(|mark| text.contains(mark));
    let bullet = text.lines().find_map(bullet);
    tag.or(entity).or(mark).or(bullet).map(|mark| format!("{:?} is markup", mark.trim()))
}

/// The text without its markup; the lines of a list follow one another with commas between them.
pub fn without_markup(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut done = 0;
    for (start, end) in tags(text) {
        plain.push_str(&text[done..start]);
        done = end;
    }
    plain.push_str(&text[done..]);
    let mut plain = without_entities(&plain);
    for mark in ["**", "__", "`"] {
        plain = plain.replace(mark, "");
    }
    if plain.lines().find_map(bullet).is_none() {
        return plain;
    }
    let mut joined = String::with_capacity(plain.len());
    for line in plain.lines().filter(|line| !line.trim().is_empty()) {
        let item = line.trim_start();
        let item = item[bullet(item).map_or(0, str::len)..].trim();
        if !joined.is_empty() {
            joined.push_str(if joined.ends_with(|c: char| c.is_alphanumeric()) { ", " } else { " " });
        }
        joined.push_str(item);
    }
    joined
}

/// What blanks there are that do not belong there.
pub fn stray_blanks(text: &str) -> Option<String> {
    if text == without_stray_blanks(text) {
        return None;
    }
    let inner = text.trim();
    Some(
        if inner.chars().any(|c| c.is_whitespace() && c != ' ') {
            "a line break or a tab in it"
        } else if inner.len() < text.len() {
            "blanks at its ends"
        } else if inner.contains("  ") {
            "several blanks in a row"
        } else {
            "a blank before punctuation"
        }
        .to_owned(),
    )
}

/// The text with single blanks between its words, and none before its punctuation.
pub fn without_stray_blanks(text: &str) -> String {
    let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut plain = String::with_capacity(joined.len());
    let mut rest = joined.as_str();
    while let Some(at) = rest.find(' ') {
        let after = &rest[at + 1..];
        plain.push_str(&rest[..at]);
        if !begins_with_end(after) {
            plain.push(' ');
        }
        rest = after;
    }
    plain + rest
}

/// Whether a text begins with punctuation that ends something; not with `.5` or `...`.
fn begins_with_end(text: &str) -> bool {
    let mut chars = text.chars();
    let is_end = chars.next().is_some_and(|c| matches!(c, '.' | ',' | ';' | '!' | '?'));
    is_end && chars.next().is_none_or(char::is_whitespace)
}

/// The bytes of HTML tags.
fn tags(text: &str) -> Vec<(usize, usize)> {
    let mut tags = Vec::new();
    let mut from = 0;
    while let Some(start) = text[from..].find('<').map(|at| from + at) {
        let inner = text[start + 1..].strip_prefix('/').unwrap_or(&text[start + 1..]);
        let name = inner.chars().take_while(char::is_ascii_alphanumeric).count();
        let after = inner[name..].chars().next();
        let is_tag = inner.starts_with(|c: char| c.is_ascii_alphabetic())
            && after.is_some_and(|c| matches!(c, '>' | ' ' | '/'));
        match text[start..].find('>').filter(|_| is_tag) {
            Some(end) => {
                tags.push((start, start + end + 1));
                from = start + end + 1;
            }
            None => from = start + 1,
        }
    }
    tags
}

/// The bullet, number or heading mark that a line begins with, with the blanks around it.
fn bullet(line: &str) -> Option<&str> {
    let text = line.trim_start();
    let digits = text.chars().take_while(char::is_ascii_digit).count();
    let mark = if digits > 0 && digits < 3 && text[digits..].starts_with(['.', ')']) {
        digits + 1
    } else if text.starts_with(['-', '*', '•', '#', '>', '–']) {
        text.chars().next().map_or(0, char::len_utf8)
    } else {
        return None;
    };
    // "-5 degrees" and "*" in the middle of words are none; "-It is" is one.
    let after = text[mark..].chars().next()?;
    let is_mark = after.is_whitespace() || (!text.starts_with('#') && digits == 0 && after.is_alphabetic());
    is_mark.then(|| &line[..line.len() - text.len() + mark])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_taken_away() {
        for (text, plain) in [
            ("<p>A <b>red</b> frog.</p>", "A red frog."),
            ("A frog &amp; a toad.", "A frog & a toad."),
            ("A frog&#39;s &#x201C;skin&rdquo; &eacute;", "A frog's “skin” é"),
            ("A **red** `frog`.", "A red frog."),
            ("- They are small.", "They are small."),
            ("1. A red frog.", "A red frog."),
            ("Marks are:\n* a wide bowl\n* a stem.", "Marks are: a wide bowl, a stem."),
            ("• Small size\n• Long body", "Small size, Long body"),
            (">A lamp has a base.", "A lamp has a base."),
        ] {
            assert_eq!(without_markup(text), plain);
            assert!(markup(text).is_some(), "{text}");
            assert_eq!(markup(plain), None, "{plain}");
        }
        assert_eq!(markup("x <b>y</b>").unwrap(), "\"<b>\" is markup");
    }

    #[test]
    fn what_only_looks_like_markup_stays() {
        for text in [
            "black & tan",
            "&;&#;&#xD800;&foo; & a;",
            "a < b and c > d",
            "numbers 1-9, 0, and *, and a receiver",
            "5.5 inches",
            "-5 degrees",
            "a photo of a {c}.",
            "snake_case",
            "1990. The end",
            "I <3 frogs",
            "#1 fan",
            "a - b",
        ] {
            assert_eq!(markup(text), None, "{text}");
            assert_eq!(without_markup(text), text);
        }
    }

    #[test]
    fn blanks_are_single() {
        for (text, plain, why) in [
            (" A frog.", "A frog.", "blanks at its ends"),
            ("A  frog.", "A frog.", "several blanks in a row"),
            ("A\nfrog.", "A frog.", "a line break or a tab in it"),
            ("A frog , red .", "A frog, red.", "a blank before punctuation"),
        ] {
            assert_eq!(without_stray_blanks(text), plain);
            assert_eq!(stray_blanks(text).as_deref(), Some(why));
            assert_eq!(stray_blanks(plain), None);
        }
        assert_eq!(stray_blanks("a .5 mm line ... and {} more"), None);
    }
}
