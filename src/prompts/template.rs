//! A hand-written sentence with `{}` or `{c}` where the class name goes.

use std::fmt;

use super::placeholder::{Mark, MarkKind, marks};

/// The template that CLIP (Radford et al., arXiv 2103.00020, section 3.1.4) takes for any dataset.
pub const PLAIN: &str = "a photo of a {}.";

/// A sentence with at least one place for the class name: `{}`, or `{c}` as CLIP_benchmark's files write it. Nothing
/// else in it stands for something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    text: String,
}

/// Why a text is no template: a prompt made of it would not say what is meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// Every class would get the same prompt.
    #[error("the template {0:?} has no place for the class name; write {{}} or {{c}} there")]
    NoPlace(String),
    /// Something in it stands for what nobody fills in.
    #[error(
        "the template {text:?} has {mark:?} in it, which would be in every prompt; write the words that are meant, and {{}} for \
         the class name"
    )]
    LeftOver {
        /// The template.
        text: String,
        /// What is left over.
        mark: String,
    },
    /// It has several spellings of a place, which may mean different things.
    #[error(
        "the template {text:?} has both {first:?} and {second:?}; write {{}} wherever the class name is meant, and words for \
         what else is"
    )]
    Several {
        /// The template.
        text: String,
        /// A spelling.
        first: String,
        /// Another one.
        second: String,
    },
}

/// Articles that leave open which one is meant.
const OPEN_ARTICLES: [&str; 8] = ["a(n)", "a (n)", "a/an", "an/a", "(a/an)", "a[n]", "(a|an)", "a/the"];

impl Template {
    /// Takes a template as it is written.
    ///
    /// # Errors
    /// When it has no place for the class name, or something else in it stands for what nobody fills in.
    pub fn parse(text: &str) -> Result<Template, TemplateError> {
        Self::read(text).map(|(template, _)| template)
    }

    /// The same, with the spelling of its places where that is another than `{}` or `{c}`: the template has `{}` there.
    ///
    /// # Errors
    /// As [`Template::parse`].
    pub(super) fn read(text: &str) -> Result<(Template, Option<String>), TemplateError> {
        let marks = marks(text);
        let written = |mark: &Mark| text[mark.start..mark.end].to_owned();
        let Some(first) = marks.first() else { return Err(TemplateError::NoPlace(text.to_owned())) };
        let is_stray = |mark: &&Mark| matches!(mark.kind, MarkKind::Unknown | MarkKind::Brace);
        if let Some(mark) = marks.iter().find(is_stray) {
            return Err(TemplateError::LeftOver { text: text.to_owned(), mark: written(mark) });
        }
        let is_other = |mark: &&Mark| {
            mark.kind != first.kind || (first.kind == MarkKind::Alias && written(mark) != written(first))
        };
        if let Some(second) = marks.iter().find(is_other) {
            let (first, second) = (written(first), written(second));
            return Err(TemplateError::Several { text: text.to_owned(), first, second });
        }
        match first.kind {
            MarkKind::Alias => {
                let spelling = written(first);
                Ok((Template { text: text.replace(&spelling, "{}") }, Some(spelling)))
            }
            _ => Ok((Template { text: text.to_owned() }, None)),
        }
    }

    /// An article before a place that leaves open which one is meant: `a(n)`.
    pub(super) fn open_article(&self) -> Option<&str> {
        self.places().find_map(|mark| {
            let before = self.text[..mark.start].trim_end();
            let found = OPEN_ARTICLES.iter().find_map(|article| {
                let start = before.len().checked_sub(article.len())?;
                before.get(start..).filter(|end| end.eq_ignore_ascii_case(article))
            })?;
            let start = before.len() - found.len();
            (!self.text[..start].ends_with(char::is_alphanumeric)).then_some(found)
        })
    }

    /// How many places it has.
    pub(super) fn n_places(&self) -> usize {
        self.places().count()
    }

    /// The template as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The prompt for a class: the class name at every place. Braces in the class name stay as they are.
    #[must_use]
    pub fn fill(&self, class_name: &str) -> String {
        let mut prompt = String::with_capacity(self.text.len() + class_name.len());
        let mut done = 0;
        for mark in self.places() {
            prompt.push_str(&self.text[done..mark.start]);
            prompt.push_str(class_name);
            done = mark.end;
        }
        prompt.push_str(&self.text[done..]);
        prompt
    }

    fn places(&self) -> impl Iterator<Item = Mark> {
        marks(&self.text).into_iter().filter(|mark| mark.kind == MarkKind::Place)
    }
}

impl fmt::Display for Template {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fills_both_forms_at_every_place() {
        let template = Template::parse("a {} beside a {c}, [x]").unwrap();
        assert_eq!(template.fill("tree frog"), "a tree frog beside a tree frog, [x]");
    }

    #[test]
    fn a_class_name_with_braces_is_not_filled_again() {
        assert_eq!(Template::parse("{} {c}").unwrap().fill("{c}{}"), "{c}{} {c}{}");
    }

    #[test]
    fn without_a_place_it_says_what_to_write() {
        let error = Template::parse("a photo of a class.").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the template \"a photo of a class.\" has no place for the class name; write {} or {c} there"
        );
    }

    #[test]
    fn one_other_spelling_is_a_place() {
        for text in [
            "a {class}.",
            "a {0}.",
            "a {label}.",
            "a {cls}.",
            "a %s.",
            "a <class>.",
            "a [CLASS].",
            "a { }.",
            "a {CLASS_NAME}.",
            "a {category}.",
        ] {
            let (template, spelling) = Template::read(text).unwrap();
            assert_eq!((template.text(), template.fill("cat").as_str()), ("a {}.", "a cat."), "{text}");
            assert!(text.contains(&spelling.unwrap()));
        }
        assert_eq!(Template::read("a {0} by a {0}.").unwrap().0.fill("cat"), "a cat by a cat.");
        assert_eq!(Template::read("a {}.").unwrap().1, None);
    }

    #[test]
    fn what_would_be_in_every_prompt_is_refused() {
        for (text, mark) in [
            ("itap of {article} {}.", "{article}"),
            ("a {{}} photo of a {}.", "{{}}"),
            ("a {{class}}.", "{{class}}"),
            ("a {} and a {1}.", "{1}"),
            ("a {!r}.", "{!r}"),
            ("a {}} photo.", "}"),
            ("a { photo of a {}.", "{"),
            ("a ${class} photo of a {}.", "${class}"),
        ] {
            match Template::parse(text) {
                Err(TemplateError::LeftOver { mark: found, .. }) => assert_eq!(found, mark, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
        for text in ["a {cls}, {}.", "a %s and {}.", "a {class}, a kind of {category}.", "{} [CLASS]"] {
            assert!(matches!(Template::parse(text), Err(TemplateError::Several { .. })), "{text}");
        }
    }

    #[test]
    fn open_articles_are_found() {
        for (text, article) in [
            ("a photo of a(n) {}.", Some("a(n)")),
            ("A/an {c}.", Some("A/an")),
            ("a photo of a {}.", None),
            ("pizza(n) {}", None),
            ("é {}", None),
        ] {
            assert_eq!(Template::parse(text).unwrap().open_article(), article, "{text}");
        }
    }

    proptest! {
        #[test]
        fn fill_is_the_parts_joined_by_the_name(
            parts in prop::collection::vec("[^{}%<$\\[｛｝]{0,12}", 2..5),
            marks in prop::collection::vec(prop::bool::ANY, 4),
            name in "\\PC{0,12}",
        ) {
            let mut text = parts[0].clone();
            for (part, mark) in parts[1..].iter().zip(&marks) {
                text.push_str(["{}", "{c}"][usize::from(*mark)]);
                text.push_str(part);
            }
            prop_assert_eq!(Template::parse(&text).unwrap().fill(&name), parts.join(&name));
        }

        #[test]
        fn no_brace_reaches_a_prompt(text in "[a-c {}%s<>\\[\\]0]{0,16}") {
            if let Ok((template, _)) = Template::read(&text) {
                prop_assert!(!template.fill("cat").contains(['{', '}']), "{}", text);
                prop_assert_eq!(Template::read(template.text()).unwrap(), (template, None));
            }
        }
    }
}
