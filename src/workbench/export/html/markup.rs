//! HTML, written element by element: every text and every value is escaped, and what is opened is closed.

use std::fmt::Write;

use crate::text::terminal_text::is_unsafe;

/// A growing HTML text.
#[derive(Debug, Default)]
pub struct Markup(String);

/// Names with their values.
type Attributes<'a> = &'a [(&'a str, &'a str)];

/// Elements that end a line of the source.
const BLOCKS: [&str; 24] = [
    "body", "caption", "dd", "details", "div", "dl", "dt", "figure", "footer", "h1", "h2", "h3", "head",
    "header", "html", "li", "main", "p", "section", "style", "summary", "tbody", "title", "tr",
];

impl Markup {
    /// An element with what `content` writes inside.
    pub fn element(&mut self, tag: &str, attributes: Attributes<'_>, content: impl FnOnce(&mut Self)) {
        self.start(tag, attributes);
        self.0.push('>');
        content(self);
        self.0.push_str("</");
        self.0.push_str(tag);
        self.0.push('>');
        if BLOCKS.contains(&tag) {
            self.0.push('\n');
        }
    }

    /// An element with a text inside.
    pub fn leaf(&mut self, tag: &str, attributes: Attributes<'_>, text: &str) {
        self.element(tag, attributes, |markup| markup.text(text));
    }

    /// An element without content.
    pub fn void(&mut self, tag: &str, attributes: Attributes<'_>) {
        self.start(tag, attributes);
        self.0.push_str(" />");
    }

    /// A text.
    pub fn text(&mut self, text: &str) {
        escape(&mut self.0, text);
    }

    /// A style sheet of our own. It is not escaped: HTML does not know escapes there.
    pub fn style(&mut self, sheet: &'static str) {
        self.element("style", &[], |markup| markup.0.push_str(sheet));
    }

    /// The document.
    pub fn document(self) -> String {
        format!("<!DOCTYPE html>\n{}", self.0)
    }

    fn start(&mut self, tag: &str, attributes: Attributes<'_>) {
        self.0.push('<');
        self.0.push_str(tag);
        for (name, value) in attributes {
            // Writing to a string does not fail.
            let _written = write!(self.0, " {name}=\"");
            escape(&mut self.0, value);
            self.0.push('"');
        }
    }
}

/// Control characters, which HTML does not allow, are replaced, and so is what turns the direction of the text around it.
fn escape(html: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            '\n' | '\t' => html.push(c),
            c if is_unsafe(c) => html.push('\u{fffd}'),
            c => html.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn escaped(text: &str) -> String {
        let mut html = String::new();
        escape(&mut html, text);
        html
    }

    #[test]
    fn elements_are_closed_and_texts_escaped() {
        let mut markup = Markup::default();
        markup.element("p", &[("class", "a\"b"), ("id", "c")], |p| {
            p.text("1 < 2 & ");
            p.leaf("b", &[], "'カエル'");
            p.void("br", &[]);
        });
        let expected = "<p class=\"a&quot;b\" id=\"c\">1 &lt; 2 &amp; <b>&#39;カエル&#39;</b><br /></p>\n";
        assert_eq!(markup.document(), format!("<!DOCTYPE html>\n{expected}"));
    }

    #[test]
    fn control_characters_are_replaced() {
        assert_eq!(escaped("\u{202e}gnp.exe\u{2066}"), "\u{fffd}gnp.exe\u{fffd}");
        assert_eq!(escaped("a\0b\u{1b}[c\td\r\u{85}"), "a\u{fffd}b\u{fffd}[c\td\u{fffd}\u{fffd}");
    }

    proptest! {
        #[test]
        fn nothing_escapes_the_escape(text in any::<String>()) {
            let html = escaped(&text);
            prop_assert!(!html.contains(['<', '>', '"', '\'']));
            let again = html
                .replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&quot;", "\"")
                .replace("&#39;", "'")
                .replace("&amp;", "&");
            let allowed = |c: char| matches!(c, '\n' | '\t') || !is_unsafe(c);
            let expected: String = text.chars().map(|c| if allowed(c) { c } else { '\u{fffd}' }).collect();
            prop_assert_eq!(again, expected);
        }
    }
}
