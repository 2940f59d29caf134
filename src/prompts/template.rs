//! A hand-written sentence with `{}` or `{c}` where the class name goes.

use std::fmt;

/// The template that CLIP (Radford et al., arXiv 2103.00020, section 3.1.4) takes for any dataset.
pub(super) const PLAIN: &str = "a photo of a {}.";

const PLACEHOLDERS: [&str; 2] = ["{}", "{c}"];

/// A sentence with at least one place for the class name: `{}`, or `{c}` as CLIP_benchmark's files write it. Every
/// other character, other braces included, is kept as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    text: String,
}

/// The text has no place for the class name: every class would get the same prompt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the template {0:?} has no place for the class name; write {{}} or {{c}} there")]
pub struct NoPlaceholder(pub String);

impl Template {
    /// Takes a template as it is written.
    ///
    /// # Errors
    /// When it has neither `{}` nor `{c}`.
    pub fn parse(text: &str) -> Result<Template, NoPlaceholder> {
        match next_placeholder(text) {
            Some(_) => Ok(Template { text: text.to_owned() }),
            None => Err(NoPlaceholder(text.to_owned())),
        }
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
        let mut rest = self.text.as_str();
        while let Some((at, length)) = next_placeholder(rest) {
            prompt.push_str(&rest[..at]);
            prompt.push_str(class_name);
            rest = &rest[at + length..];
        }
        prompt.push_str(rest);
        prompt
    }
}

impl fmt::Display for Template {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// Where the first placeholder starts, and its length.
fn next_placeholder(text: &str) -> Option<(usize, usize)> {
    PLACEHOLDERS.iter().filter_map(|mark| Some((text.find(mark)?, mark.len()))).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fills_both_forms_at_every_place() {
        let template = Template::parse("a {} beside a {c}, {x}").unwrap();
        assert_eq!(template.fill("tree frog"), "a tree frog beside a tree frog, {x}");
    }

    #[test]
    fn a_class_name_with_braces_is_not_filled_again() {
        assert_eq!(Template::parse("{} {c}").unwrap().fill("{c}{}"), "{c}{} {c}{}");
    }

    #[test]
    fn without_a_place_it_says_what_to_write() {
        let error = Template::parse("a photo of a {class}.").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the template \"a photo of a {class}.\" has no place for the class name; write {} or {c} there"
        );
    }

    proptest! {
        #[test]
        fn fill_is_the_parts_joined_by_the_name(
            parts in prop::collection::vec("[^{}]{0,12}", 2..5),
            marks in prop::collection::vec(prop::bool::ANY, 4),
            name in "\\PC{0,12}",
        ) {
            let mut text = parts[0].clone();
            for (part, mark) in parts[1..].iter().zip(&marks) {
                text.push_str(PLACEHOLDERS[usize::from(*mark)]);
                text.push_str(part);
            }
            prop_assert_eq!(Template::parse(&text).unwrap().fill(&name), parts.join(&name));
        }
    }
}
