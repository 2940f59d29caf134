//! What a language model is asked about a class.

use std::path::Path;

use crate::prompts::lint::indefinite_article;
use crate::prompts::{PromptError, PromptSet, PromptSetContent, Template};
use crate::text::text_file::split_key;

/// The three LLM prompts for any dataset (Pratt et al., arXiv 2209.03320, table 5, CuPL base).
const BASE: &str = include_str!("../../../data/llm-prompts/base.txt");
/// The five for ImageNet (the same, CuPL full).
const IMAGENET: &str = include_str!("../../../data/llm-prompts/imagenet.txt");

/// Where an article stands before a class name that fits it: `a/the {}` is how the paper writes it.
const ARTICLES: [&str; 5] = ["a/the ", "a(n) ", "a/an ", "an ", "a "];

/// LLM prompts with a place for the class, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LlmPrompts {
    /// `base`, `imagenet`, or the file's name.
    pub name: String,
    templates: Vec<Template>,
}

/// Why there are no LLM prompts.
#[derive(Debug, thiserror::Error)]
pub enum LlmPromptsError {
    /// A file that has none.
    #[error(transparent)]
    File(#[from] PromptError),
    /// Neither a file nor one of the sets that come along.
    #[error("there are no LLM prompts {0:?}; name a file, or one of base, imagenet")]
    Unknown(String),
}

impl LlmPrompts {
    /// The sets that come along, by name; else a file of them, one a line or as a JSON list, with `{}` for the class.
    ///
    /// # Errors
    /// What is wrong with the file, or that there is none.
    pub fn open(name: &str) -> Result<Self, LlmPromptsError> {
        let lines = match name {
            "base" => BASE,
            "imagenet" => IMAGENET,
            file if split_key(Path::new(file)).0.is_file() => {
                let set = PromptSet::read_llm_prompts(Path::new(file))?;
                let PromptSetContent::Templates(templates) = set.content else {
                    return Err(LlmPromptsError::Unknown(name.to_owned()));
                };
                return Ok(Self { name: set.name, templates });
            }
            other => return Err(LlmPromptsError::Unknown(other.to_owned())),
        };
        let lines: Vec<String> = lines.lines().map(str::to_owned).collect();
        Self::from_texts(name, &lines)
    }

    /// LLM prompts that somebody wrote down.
    ///
    /// # Errors
    /// One without a place for the class, or none at all.
    pub fn from_texts(name: &str, texts: &[String]) -> Result<Self, LlmPromptsError> {
        let set = PromptSet::from_llm_prompts(name, texts)?;
        match set.content {
            PromptSetContent::Templates(templates) => Ok(Self { name: name.to_owned(), templates }),
            PromptSetContent::PerClass(_) => Err(LlmPromptsError::Unknown(name.to_owned())),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.templates.len()
    }

    /// There is always one.
    pub fn is_empty(&self) -> bool {
        self.templates.is_empty()
    }

    /// As they are written.
    pub fn texts(&self) -> Vec<String> {
        self.templates.iter().map(|template| template.text().to_owned()).collect()
    }

    /// Each of them about a class, after a line about the dataset where there is one. An article right before the class
    /// fits it: `a/the {}` becomes `an owl`.
    pub fn about(&self, class: &str, context: Option<&str>) -> Vec<String> {
        let article = indefinite_article(class);
        let of_template = |template: &Template| {
            let mut text = template.text().replace("{c}", "{}");
            for written in ARTICLES {
                text = with_article(&text, written, article);
            }
            let text = text.replace("{}", class);
            match context.map(str::trim).filter(|context| !context.is_empty()) {
                Some(context) => format!("{context}\n{text}"),
                None => text,
            }
        };
        self.templates.iter().map(of_template).collect()
    }
}

/// The text with the fitting article in place of a written one before the class, at the beginning of a word.
fn with_article(text: &str, written: &str, article: &str) -> String {
    let pattern = format!("{written}{{}}");
    let mut changed = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = find_ignoring_case(rest, &pattern) {
        let begins_word = !rest[..at].ends_with(|c: char| c.is_alphanumeric() || c == '/');
        changed.push_str(&rest[..at]);
        let found = &rest[at..at + pattern.len()];
        if begins_word {
            let is_capital = found.starts_with(char::is_uppercase);
            changed.push_str(if is_capital { "A" } else { "a" });
            changed.push_str(&article[1..]);
            changed.push_str(" {}");
        } else {
            changed.push_str(found);
        }
        rest = &rest[at + pattern.len()..];
    }
    changed.push_str(rest);
    changed
}

fn find_ignoring_case(text: &str, ascii: &str) -> Option<usize> {
    text.to_ascii_lowercase().find(ascii)
}

/// A class with its hint: `crane (bird)`.
pub fn described_class(class: &str, hint: Option<&str>) -> String {
    let class = class.replace('_', " ");
    match hint.map(str::trim).filter(|hint| !hint.is_empty()) {
        Some(hint) => format!("{class} ({hint})"),
        None => class,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_prompts_get_their_article() {
        let base = LlmPrompts::open("base").unwrap();
        assert_eq!(
            base.about("owl", None),
            [
                "Describe what an owl looks like:",
                "Describe an owl:",
                "What are the identifying characteristics of an owl?"
            ]
        );
        assert_eq!(
            base.about("tree frog", Some(" Photos of animals. "))[1],
            "Photos of animals.\nDescribe a tree frog:"
        );
        assert_eq!(LlmPrompts::open("imagenet").unwrap().len(), 5);
    }

    #[test]
    fn articles_fit_what_they_stand_before() {
        let texts =
            ["A {} is what?", "Is a(n) {} like an {} or a/an {c}?", "the {}, banana {}"].map(str::to_owned);
        let prompts = LlmPrompts::from_texts("mine", &texts).unwrap();
        assert_eq!(
            prompts.about("hourglass", None),
            [
                "An hourglass is what?",
                "Is an hourglass like an hourglass or an hourglass?",
                "the hourglass, banana hourglass"
            ]
        );
        assert_eq!(prompts.about("unicycle", None)[0], "A unicycle is what?");
        assert_eq!(prompts.about("STOP sign", None)[0], "A STOP sign is what?");
    }

    #[test]
    fn hints_tell_names_apart() {
        assert_eq!(described_class("crane", Some("bird")), "crane (bird)");
        assert_eq!(described_class("tree_frog", Some(" ")), "tree frog");
    }

    #[test]
    fn files_and_names_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pets.txt");
        std::fs::write(&file, "What breed is a {}?\n\nDescribe the fur of a {}:\n").unwrap();
        let prompts = LlmPrompts::open(file.to_str().unwrap()).unwrap();
        assert_eq!((prompts.name.as_str(), prompts.len()), ("pets", 2));
        std::fs::write(&file, "What breed?\n").unwrap();
        let error = LlmPrompts::open(file.to_str().unwrap()).unwrap_err().to_string();
        assert!(error.contains("no place for the class name"), "{error}");
        let error = LlmPrompts::open("imagenot").unwrap_err().to_string();
        assert_eq!(error, "there are no LLM prompts \"imagenot\"; name a file, or one of base, imagenet");
    }
}
