//! What stands in a text for something else, in the spellings that programs and people use.
//!
//! `{}` and `{c}` are the places of this program. Other spellings of a class name (`{class}`, `{0}`, `%s`, `<class>`,
//! `[CLASS]`) can be meant as one, and every other brace can be meant as nothing that a prompt should have in it.

/// A part of a text that stands for something else: bytes `start..end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub start: usize,
    pub end: usize,
    pub kind: MarkKind,
}

/// What a mark can mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MarkKind {
    /// `{}` or `{c}`: the class name.
    Place,
    /// Another spelling of the class name.
    Alias,
    /// Something in braces, or with a sign of formatting, that is no class name.
    Unknown,
    /// Braces that enclose no name: nothing that a program would fill in.
    Brace,
}

/// What a class name is called between braces, in small letters without separators.
const NAMES: [&str; 16] = [
    "",
    "0",
    "c",
    "class",
    "cls",
    "classname",
    "classlabel",
    "label",
    "labelname",
    "category",
    "categoryname",
    "concept",
    "name",
    "noun",
    "object",
    "objectname",
];

/// Letters that a mark may have between its signs: what closes one is not looked for further on.
const LONGEST: usize = 100;

/// The marks of a text, in their order.
pub(super) fn marks(text: &str) -> Vec<Mark> {
    let mut marks = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].find(['{', '}', '%', '<', '[', '$', '｛', '｝']).map(|at| from + at) {
        let found = mark_at(text, at);
        from =
            found.map_or_else(|| at + text[at..].chars().next().map_or(1, char::len_utf8), |mark| mark.end);
        marks.extend(found);
    }
    marks
}

/// The mark that begins at a sign.
fn mark_at(text: &str, start: usize) -> Option<Mark> {
    let rest = &text[start..];
    let mark = |length: usize, kind| Some(Mark { start, end: start + length, kind });
    let enclosed = |open: &str, close: &str| {
        let inner = near(rest.strip_prefix(open)?);
        inner.find(close).map(|length| &inner[..length]).filter(|inner| is_word(inner))
    };
    if rest.starts_with("{{") || rest.starts_with("}}") {
        // Doubled, as format strings escape braces, or as template languages write their places.
        return match enclosed("{{", "}}") {
            Some(inner) => mark(inner.len() + 4, MarkKind::Unknown),
            None => mark(2, MarkKind::Unknown),
        };
    }
    if let Some(inner) = enclosed("${", "}") {
        return mark(inner.len() + 3, MarkKind::Unknown);
    }
    if let Some(inner) = enclosed("%(", ")s") {
        return mark(inner.len() + 4, MarkKind::Unknown);
    }
    if let Some(after) = rest.strip_prefix("%s") {
        let ends = !after.starts_with(char::is_alphanumeric);
        let begins = !text[..start].ends_with(char::is_alphanumeric);
        return if ends && begins { mark(2, MarkKind::Alias) } else { None };
    }
    if let Some(inner) = rest.strip_prefix('{') {
        let Some(length) = near(inner).find('}') else { return mark(1, MarkKind::Brace) };
        let (inner, length) = (&inner[..length], length + 2);
        return match inner {
            "" | "c" => mark(length, MarkKind::Place),
            _ if is_class_name(inner) => mark(length, MarkKind::Alias),
            _ if is_field(inner) => mark(length, MarkKind::Unknown),
            _ => mark(1, MarkKind::Brace),
        };
    }
    if rest.starts_with(['}', '｛', '｝']) {
        return mark(rest.chars().next().map_or(1, char::len_utf8), MarkKind::Brace);
    }
    let named = |open, close| enclosed(open, close).filter(|inner| inner.len() > 2 && is_class_name(inner));
    if let Some(inner) = named("<", ">").or_else(|| named("[", "]")) {
        return mark(inner.len() + 2, MarkKind::Alias);
    }
    let word = rest.strip_prefix('$')?;
    let length = word.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(word.len());
    if length > 2 && is_class_name(&word[..length]) { mark(length + 1, MarkKind::Unknown) } else { None }
}

/// The beginning of a text, in which a mark has to close.
fn near(text: &str) -> &str {
    text.char_indices().nth(LONGEST).map_or(text, |(end, _)| &text[..end])
}

fn is_class_name(inner: &str) -> bool {
    let letters = inner.chars().filter(|c| !matches!(c, '_' | '-') && !c.is_whitespace());
    NAMES.contains(&&*letters.flat_map(char::to_lowercase).collect::<String>())
}

fn is_word(inner: &str) -> bool {
    inner.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | ' ' | '.'))
}

/// What a format string can have between braces: a name or a number, an attribute, an index, a conversion, a format.
fn is_field(inner: &str) -> bool {
    let name = inner.split(['!', ':', '[']).next().unwrap_or_default().trim();
    inner.len() <= 40
        && is_word(name)
        && !name.contains("  ")
        && name.split(' ').count() <= 2
        && (!name.is_empty() || inner.starts_with(['!', ':', '[']))
}

#[cfg(test)]
mod tests {
    use super::MarkKind::{Alias, Brace, Place, Unknown};
    use super::*;
    use proptest::prelude::*;

    fn found(text: &str) -> Vec<(&str, MarkKind)> {
        marks(text).into_iter().map(|mark| (&text[mark.start..mark.end], mark.kind)).collect()
    }

    #[test]
    fn each_spelling_is_what_it_can_mean() {
        for (text, expected) in [
            ("a {} by a {c}.", vec![("{}", Place), ("{c}", Place)]),
            ("a {class}.", vec![("{class}", Alias)]),
            ("a { Class_Name }, a {0}, { }", vec![("{ Class_Name }", Alias), ("{0}", Alias), ("{ }", Alias)]),
            ("a %s.", vec![("%s", Alias)]),
            ("a <class> in [CLASS_NAME]", vec![("<class>", Alias), ("[CLASS_NAME]", Alias)]),
            (
                "{article} {1} {x!r} {:s} {0:>8} {c.name}",
                vec![
                    ("{article}", Unknown),
                    ("{1}", Unknown),
                    ("{x!r}", Unknown),
                    ("{:s}", Unknown),
                    ("{0:>8}", Unknown),
                    ("{c.name}", Unknown),
                ],
            ),
            (
                "{{}} {{ class }} ${class} $label %(name)s",
                vec![
                    ("{{}}", Unknown),
                    ("{{ class }}", Unknown),
                    ("${class}", Unknown),
                    ("$label", Unknown),
                    ("%(name)s", Unknown),
                ],
            ),
            ("}A cat.", vec![("}", Brace)]),
            ("{\n \"a\": {\n 1", vec![("{", Brace), ("{", Brace)]),
            ("｛｝", vec![("｛", Brace), ("｝", Brace)]),
            ("50% silk, 100%s, $5, <b>, [1], a < b, [V], 3 <n> 2", vec![]),
        ] {
            assert_eq!(found(text), expected, "{text}");
        }
    }

    /// What has no end is looked at once, not once for each of its signs.
    #[test]
    fn signs_without_an_end_take_no_time() {
        for sign in ["[", "<", "{", "{{ a", "%(", "${"] {
            let text = sign.repeat(1 << 18);
            let begin = std::time::Instant::now();
            marks(&text);
            assert!(begin.elapsed().as_secs() < 20, "{sign}: {:?}", begin.elapsed());
        }
    }

    proptest! {
        #[test]
        fn marks_follow_one_another_and_no_brace_is_outside(text in "[a-c {}%$<>\\[\\]s0｛é]{0,24}") {
            let marks = marks(&text);
            prop_assert!(marks.windows(2).all(|pair| pair[0].end <= pair[1].start));
            let mut rest = text.clone();
            for mark in marks.iter().rev() {
                prop_assert!(mark.start < mark.end);
                rest.replace_range(mark.start..mark.end, "");
            }
            prop_assert!(!rest.contains(['{', '}', '｛']), "{}", rest);
        }
    }
}
