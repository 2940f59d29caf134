//! What other forms of prompt files leave in prompts: places of templates and marks of lists.

use super::super::list_syntax::QUOTES;
use super::super::placeholder::marks;

/// Articles that leave open which one is meant.
const OPEN_ARTICLES: [&str; 3] = [" a(n) ", " a/an ", " an/a "];

/// What stands in a prompt for something that nobody fills in.
pub fn placeholder(text: &str) -> Option<String> {
    if let Some(mark) = marks(text).first() {
        return Some(format!("{:?} stands for something that is not filled in", &text[mark.start..mark.end]));
    }
    let spaced = format!(" {}", text.to_lowercase());
    let article = OPEN_ARTICLES.iter().find(|article| spaced.contains(*article))?;
    Some(format!("{:?} leaves open which article is meant", article.trim()))
}

/// What a text has kept of a list in a program.
pub fn list_syntax(text: &str) -> Option<String> {
    let plain = without_list_syntax(text);
    (plain.len() < text.trim().len()).then(|| "quotation marks are around it, as in a list".to_owned())
}

/// The text without quotation marks around the whole of it, and without the comma after them.
pub fn without_list_syntax(text: &str) -> &str {
    let bare = text.trim();
    let bare = bare.strip_suffix([',', ';']).unwrap_or(bare).trim_end();
    let inner = QUOTES.iter().find_map(|&(open, close)| {
        let inner = bare.strip_prefix(open)?.strip_suffix(close)?;
        (!inner.contains([open, close]) && !inner.trim().is_empty()).then_some(inner)
    });
    inner.unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotation_marks_around_a_text_go() {
        for (text, plain) in [
            ("\"A frog.\"", "A frog."),
            (" 'A frog.', ", "A frog."),
            ("“A frog.”", "A frog."),
            ("\"A\" and \"B\"", "\"A\" and \"B\""),
            ("A frog's 'eyes'", "A frog's 'eyes'"),
            ("\"\"", "\"\""),
            ("A frog,", "A frog,"),
            ("", ""),
        ] {
            assert_eq!(without_list_syntax(text), plain);
            assert_eq!(list_syntax(text).is_some(), text != plain, "{text}");
        }
    }

    #[test]
    fn places_are_found() {
        for text in ["A {} frog.", "A [class] frog.", "A(n) eft.", "Is it a/an eft?", "}A frog."] {
            assert!(placeholder(text).is_some(), "{text}");
        }
        assert_eq!(placeholder("A frog in 50% of ponds."), None);
    }
}
