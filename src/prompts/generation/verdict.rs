//! Whether a sentence is of use as a prompt, by simple rules, and why not.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use serde::{Deserialize, Serialize};

use crate::prompts::lint::{fragment, names_class, normalised, nothing_to_see};

/// The tokens that a text tower reads.
const CONTEXT: usize = 77;
/// What sentences begin with in which a model speaks of itself or of the question.
const PREAMBLES: [&str; 16] = [
    "i'm sorry",
    "i am sorry",
    "sorry",
    "i cannot",
    "i can't",
    "i can not",
    "i'm unable",
    "i am unable",
    "as an ai",
    "as a language model",
    "i don't",
    "i do not",
    "i'm not sure",
    "sure",
    "certainly",
    "here is",
];

/// A rule that a sentence breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RejectionReason {
    /// Nothing is left of the answer.
    Empty,
    /// The model speaks of itself, or refuses.
    Refusal,
    /// It is cut, or no sentence.
    Fragment,
    /// It does not name its class.
    NoClassName,
    /// Another sentence of the class has the same words.
    Duplicate,
    /// The text tower would not read its end.
    TooLong,
    /// It says nothing about looks.
    NothingVisual,
    /// The user does not want it.
    Dropped,
}

impl RejectionReason {
    /// All of them, in the order in which they are looked for.
    pub const ALL: [Self; 8] = [
        Self::Dropped,
        Self::Empty,
        Self::Refusal,
        Self::Fragment,
        Self::NoClassName,
        Self::Duplicate,
        Self::TooLong,
        Self::NothingVisual,
    ];

    /// As files and lists have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Refusal => "refusal",
            Self::Fragment => "fragment",
            Self::NoClassName => "no-class-name",
            Self::Duplicate => "duplicate",
            Self::TooLong => "too-long",
            Self::NothingVisual => "nothing-visual",
            Self::Dropped => "dropped",
        }
    }
}

/// Why a sentence was rejected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// The rule.
    pub reason: RejectionReason,
    /// What breaks it, in words.
    pub evidence: String,
}

/// A sentence, and what speaks against it whatever the others are: judged once.
#[derive(Debug, Clone, PartialEq)]
pub struct JudgedSentence {
    /// The sentence.
    pub text: String,
    /// By which sentences are the same.
    words: Vec<String>,
    alone: Option<Rejection>,
}

impl JudgedSentence {
    /// Judges a sentence of a class. `count_tokens` counts as the text tower does.
    pub fn new(class: &str, text: String, count_tokens: &dyn Fn(&str) -> usize) -> Self {
        Self { words: normalised(&text), alone: alone(class, &text, count_tokens), text }
    }
}

/// For each sentence of a class, in order, why it is of no use, if it is of none; with each, whether the user dropped it. Of
/// sentences with the same words the first one counts that nothing else speaks against.
pub fn verdicts<'s>(
    sentences: impl IntoIterator<Item = (&'s JudgedSentence, bool)>,
) -> Vec<Option<Rejection>> {
    let mut first_of: HashMap<&[String], &str> = HashMap::new();
    let mut verdict = |(sentence, is_dropped): (&'s JudgedSentence, bool)| {
        let because = |reason, evidence: String| Some(Rejection { reason, evidence });
        if is_dropped {
            return because(RejectionReason::Dropped, "the user dropped it".to_owned());
        }
        if let Some(alone) = &sentence.alone {
            return Some(alone.clone());
        }
        match first_of.entry(&sentence.words) {
            Entry::Occupied(first) => {
                because(RejectionReason::Duplicate, format!("the same words as {:?}", first.get()))
            }
            Entry::Vacant(none) => {
                none.insert(&sentence.text);
                None
            }
        }
    };
    sentences.into_iter().map(&mut verdict).collect()
}

/// What speaks against a sentence, whatever the others are.
fn alone(class: &str, sentence: &str, count_tokens: &dyn Fn(&str) -> usize) -> Option<Rejection> {
    let because = |reason, evidence: String| Some(Rejection { reason, evidence });
    if sentence.is_empty() {
        return because(RejectionReason::Empty, "there are no words in it".to_owned());
    }
    let lower = sentence.to_lowercase().replace('’', "'");
    let preamble = PREAMBLES.iter().find(|preamble| {
        lower.strip_prefix(**preamble).is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
    });
    if let Some(preamble) = preamble {
        return because(RejectionReason::Refusal, format!("it begins with {preamble:?}"));
    }
    if let Some(evidence) = fragment(sentence) {
        return because(RejectionReason::Fragment, evidence);
    }
    if !names_class(sentence, class) {
        return because(RejectionReason::NoClassName, format!("{class:?} is not in it"));
    }
    let tokens = count_tokens(sentence);
    if tokens > CONTEXT {
        return because(RejectionReason::TooLong, format!("{tokens} tokens; {CONTEXT} are read"));
    }
    because(RejectionReason::NothingVisual, nothing_to_see(class, sentence)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons(class: &str, sentences: &[&str]) -> Vec<Option<&'static str>> {
        let words = |text: &str| text.split_whitespace().count() + 2;
        let judged: Vec<JudgedSentence> =
            sentences.iter().map(|text| JudgedSentence::new(class, (*text).to_owned(), &words)).collect();
        verdicts(judged.iter().map(|sentence| (sentence, false)))
            .into_iter()
            .map(|verdict| verdict.map(|rejection| rejection.reason.name()))
            .collect()
    }

    #[test]
    fn every_rule_has_its_sentences() {
        for (sentence, reason) in [
            ("A frog is green and has long legs.", None),
            ("Frogs sit low, with folded hind legs.", None),
            ("", Some("empty")),
            ("I'm sorry, but I cannot see frogs.", Some("refusal")),
            ("Sure! A frog is green.", Some("refusal")),
            ("Surely a frog is green.", None),
            ("As an AI, I have no eyes for frogs.", Some("refusal")),
            ("A frog has long legs and", Some("fragment")),
            ("A frog has green skin and large", Some("fragment")),
            ("Frog.", Some("fragment")),
            ("It is green and has long legs.", Some("no-class-name")),
            ("There are over 6,300 species of frogs.", Some("nothing-visual")),
        ] {
            assert_eq!(reasons("frog", &[sentence]), [reason], "{sentence:?}");
        }
        let long = format!("A frog is {}green.", "very ".repeat(80));
        assert_eq!(reasons("frog", &[&long]), [Some("too-long")]);
    }

    #[test]
    fn the_first_good_one_of_several_counts() {
        assert_eq!(
            reasons(
                "frog",
                &["A frog is green.", "a frog, is GREEN", "A frog is green.", "A frog is wet and green."]
            ),
            [None, Some("fragment"), Some("duplicate"), None]
        );
        let judged = JudgedSentence::new("frog", "A frog is green.".to_owned(), &|_| 5);
        let found = verdicts([(&judged, true), (&judged, false)]);
        assert_eq!(found[0].as_ref().map(|found| found.reason), Some(RejectionReason::Dropped));
        assert_eq!(found[1], None);
    }

    #[test]
    fn names_are_those_of_files() {
        for reason in RejectionReason::ALL {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.name());
        }
    }
}
