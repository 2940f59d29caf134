//! What is wrong with prompts by their text alone, and what can be put right without a doubt.
//!
//! | file | what it knows |
//! |---|---|
//! | `sentence.rs` | sentences with nothing to see in them, and fragments |
//! | `duplicates.rs` | prompts with the same words, or nearly |
//! | `article.rs` | a or an |
//! | `class_name.rs` | whether a prompt names its class, or another one |
//! | `left_over.rs` | places of templates and marks of lists |
//! | `markup.rs` | stray blanks and markup |
//!
//! The rules are for English and prefer to miss a flaw over inventing one; sentences of other languages pass.

mod article;
mod class_name;
mod duplicates;
mod left_over;
mod markup;
mod sentence;

pub use article::indefinite_article;
pub use class_name::{OtherNames, names_class};
pub use duplicates::{normalised, repeated};
pub use markup::{entity, without_markup, without_stray_blanks};
pub use sentence::{is_sentence, nothing_to_see};

/// More words than this are more than the 77 tokens that CLIP's text towers read, at the 1.3 tokens that a word of the
/// published CuPL prompts takes on average.
const LONGEST: usize = 58;

/// A rule that a prompt can break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    /// Another prompt of the class has the same words.
    ExactDuplicate,
    /// Another prompt of the class has nearly the same words.
    NearDuplicate,
    /// A sentence that is cut, or no sentence.
    Fragment,
    /// What stands for something that nobody fills in: `{}` or `a(n)`.
    Placeholder,
    /// Quotation marks around it, or what else is left of a list in a program.
    ListSyntax,
    /// What a class looks like, without its name and without a sentence.
    Descriptor,
    /// Markup of Markdown or HTML, bullets or numbers of a list.
    Markup,
    /// Blanks at the ends, in a row or before punctuation, and line breaks.
    StrayBlanks,
    /// `a` before a vowel, or `an` before a consonant.
    WrongArticle,
    /// It says nothing about looks.
    NothingToSee,
    /// It does not name its class, but another one.
    OtherClass,
    /// It does not name its class.
    MissingClassName,
    /// It has more words than a text tower reads.
    OverLong,
}

/// What would put a prompt right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fix {
    /// To write it like this.
    Rewrite(String),
    /// To leave it out.
    Drop,
}

/// A prompt that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// The rule.
    pub rule: Rule,
    /// The prompt, from 0.
    pub prompt: usize,
    /// What breaks it, in words.
    pub evidence: String,
    /// The earlier prompt that it repeats, from 0.
    pub repeats: Option<usize>,
    /// What puts it right, where that is safe.
    pub fix: Option<Fix>,
}

impl Rule {
    /// In the order in which they are looked at and put right.
    pub const ALL: [Self; 13] = [
        Self::ExactDuplicate,
        Self::NearDuplicate,
        Self::Fragment,
        Self::Placeholder,
        Self::ListSyntax,
        Self::Descriptor,
        Self::Markup,
        Self::StrayBlanks,
        Self::WrongArticle,
        Self::NothingToSee,
        Self::OtherClass,
        Self::MissingClassName,
        Self::OverLong,
    ];

    /// As in files and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ExactDuplicate => "exact-duplicate",
            Self::NearDuplicate => "near-duplicate",
            Self::Fragment => "fragment",
            Self::Placeholder => "placeholder",
            Self::ListSyntax => "list-syntax",
            Self::Descriptor => "descriptor",
            Self::Markup => "markup",
            Self::StrayBlanks => "stray-blanks",
            Self::WrongArticle => "wrong-article",
            Self::NothingToSee => "nothing-to-see",
            Self::OtherClass => "other-class",
            Self::MissingClassName => "missing-class-name",
            Self::OverLong => "over-long",
        }
    }

    /// The text as this rule wants it; as it is for rules that cannot rewrite.
    fn rewrite(self, text: &str) -> String {
        match self {
            Self::ListSyntax => left_over::without_list_syntax(text).to_owned(),
            Self::Markup => markup::without_markup(text),
            Self::StrayBlanks => markup::without_stray_blanks(text),
            Self::WrongArticle => article::corrected(text),
            _ => text.to_owned(),
        }
    }
}

/// Why a sentence is cut or no sentence at all, among others that are whole.
#[must_use]
pub fn fragment(text: &str) -> Option<String> {
    sentence::Manner::WHOLE.fragment(text).map(|(evidence, _)| evidence)
}

/// The flaws of the prompts of a class, prompt by prompt.
#[must_use]
pub fn lint_class(class_name: &str, prompts: &[String]) -> Vec<Flaw> {
    lint_class_among(class_name, prompts, &OtherNames::default())
}

/// The same, where it is known what the other classes are called.
#[must_use]
pub fn lint_class_among(class_name: &str, prompts: &[String], others: &OtherNames) -> Vec<Flaw> {
    let manner = sentence::Manner::from_prompts(prompts);
    let is_named = |text: &str| names_class(text, class_name);
    lint(prompts, |rule, text| match rule {
        Rule::Fragment => {
            let flaw = manner.fragment(left_over::without_list_syntax(text));
            flaw.map(|(evidence, is_cut)| (evidence, is_cut.then_some(Fix::Drop)))
        }
        Rule::NothingToSee => sentence::nothing_to_see(class_name, text).map(|evidence| (evidence, None)),
        Rule::Placeholder => left_over::placeholder(text).map(|evidence| (evidence, None)),
        Rule::Descriptor if !is_named(text) && !is_sentence(text) => {
            Some((format!("it is no sentence and {class_name:?} does not occur in it"), None))
        }
        Rule::OtherClass if !is_named(text) => others
            .named_in(text, class_name)
            .map(|other| (format!("{class_name:?} does not occur in it, but {other:?} does"), None)),
        Rule::MissingClassName if !is_named(text) => {
            let is_told = !is_sentence(text) || others.named_in(text, class_name).is_some();
            (!is_told).then(|| (format!("{class_name:?} does not occur in it"), None))
        }
        _ => None,
    })
}

/// The flaws of templates: of the rules that do not depend on a class.
#[must_use]
pub fn lint_templates(templates: &[String]) -> Vec<Flaw> {
    let mut flaws = lint(templates, |_, _| None);
    // The article belongs to the class name.
    flaws.retain(|flaw| flaw.rule != Rule::WrongArticle);
    flaws
}

/// The prompts with every fix among `flaws`, which are theirs: never none.
#[must_use]
pub fn clean(prompts: &[String], flaws: &[Flaw]) -> Vec<String> {
    let cleaned = |prompt: usize| {
        let mut rules: Vec<Rule> =
            flaws.iter().filter(|flaw| flaw.prompt == prompt).map(|flaw| flaw.rule).collect();
        rules.sort_unstable();
        rules.iter().fold(prompts[prompt].clone(), |text, rule| rule.rewrite(&text))
    };
    let is_dropped =
        |prompt: &usize| flaws.iter().any(|flaw| flaw.prompt == *prompt && flaw.fix == Some(Fix::Drop));
    let kept: Vec<String> = (0..prompts.len()).filter(|prompt| !is_dropped(prompt)).map(cleaned).collect();
    match kept.is_empty() {
        true => prompts.iter().take(1).cloned().collect(),
        false => kept,
    }
}

/// Looks at each prompt with every rule: those of any text here, the others in `look`.
fn lint(prompts: &[String], look: impl Fn(Rule, &str) -> Option<(String, Option<Fix>)>) -> Vec<Flaw> {
    let repeated = duplicates::repeated(prompts);
    let mut flaws = Vec::new();
    for (prompt, text) in prompts.iter().enumerate() {
        let (first, near) = repeated[prompt];
        for rule in Rule::ALL {
            let found = match rule {
                Rule::ExactDuplicate => {
                    first.map(|first| (format!("the same words as prompt {}", first + 1), Some(Fix::Drop)))
                }
                Rule::NearDuplicate => {
                    near.map(|near| (format!("nearly the same words as prompt {}", near + 1), None))
                }
                Rule::ListSyntax => rewritten(text, rule, left_over::list_syntax(text)),
                Rule::Markup => rewritten(text, rule, markup::markup(text)),
                Rule::StrayBlanks => rewritten(text, rule, markup::stray_blanks(text)),
                Rule::WrongArticle => rewritten(text, rule, article::wrong_article(text)),
                Rule::OverLong => over_long(text).map(|evidence| (evidence, None)),
                _ => look(rule, text),
            };
            let repeats = match rule {
                Rule::ExactDuplicate => first,
                Rule::NearDuplicate => near,
                _ => None,
            };
            flaws.extend(found.map(|(evidence, fix)| Flaw { rule, prompt, evidence, repeats, fix }));
        }
    }
    flaws
}

/// The flaw with the text that puts it right; without one where nothing is left of the text.
fn rewritten(text: &str, rule: Rule, evidence: Option<String>) -> Option<(String, Option<Fix>)> {
    let evidence = evidence?;
    let fixed = rule.rewrite(text);
    let fix = if fixed.trim().is_empty() { Fix::Drop } else { Fix::Rewrite(fixed) };
    Some((evidence, Some(fix)))
}

fn over_long(text: &str) -> Option<String> {
    let count = text.split_whitespace().count();
    (count > LONGEST).then(|| format!("{count} words; about {LONGEST} fit into 77 tokens"))
}

/// The words of a text with the bytes where they begin: letters, digits and apostrophes between them.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_part = |c: char| c.is_alphanumeric() || c == '\'' || c == '’';
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text[at..].find(is_part)?;
        let length = text[start..].find(|c| !is_part(c)).unwrap_or(text.len() - start);
        at = start + length;
        Some((start, &text[start..at]))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn rules(class: &str, prompts: &[&str]) -> Vec<(Rule, usize)> {
        lint_class(class, &texts(prompts)).into_iter().map(|flaw| (flaw.rule, flaw.prompt)).collect()
    }

    #[test]
    fn duplicates_have_the_same_words() {
        let prompts =
            ["A red frog.", "The frog is green.", " a red  frog!", "A red, frog.", "A redfrog is a frog."];
        let found = lint_class("frog", &texts(&prompts));
        let duplicates: Vec<_> = found.iter().filter(|flaw| flaw.rule == Rule::ExactDuplicate).collect();
        assert_eq!(duplicates.iter().map(|flaw| flaw.prompt).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(duplicates[0].evidence, "the same words as prompt 1");
        assert_eq!(duplicates[0].fix, Some(Fix::Drop));
        assert_eq!(rules("猫", &["白い猫。", "黒い猫。", "白い猫。"]), [(Rule::ExactDuplicate, 2)]);
    }

    #[test]
    fn long_prompts_are_counted() {
        let long = format!("A frog is {}green.", "very ".repeat(60));
        let just = format!("A frog is {}green.", "quite ".repeat(54));
        assert_eq!(rules("frog", &[&long, &just]), [(Rule::OverLong, 0)]);
    }

    #[test]
    fn cleaning_does_all_fixes_and_leaves_one_prompt() {
        let prompts = texts(&[
            " An  frog has a <b>orange</b> belly.",
            "A frog is green and.",
            "a frog is green",
            "A FROG is green!",
        ]);
        let prompts_and = |more: &str| [prompts.clone(), texts(&[more])].concat();
        let all = prompts_and("A frog sits on a leaf.");
        let cleaned = clean(&all, &lint_class("frog", &all));
        assert_eq!(cleaned[0], "A frog has an orange belly.");
        assert!(!cleaned.contains(&"A FROG is green!".to_owned()) && !cleaned.contains(&all[1]));
        let only = texts(&["A frog is green and."]);
        assert_eq!(clean(&only, &lint_class("frog", &only)), only);
        assert_eq!(clean(&prompts, &[]), prompts);
    }

    #[test]
    fn what_is_left_of_other_forms_is_found() {
        let prompts =
            ["A frog has {} legs.", "\"A frog is green.\",", "A toad is brown.", "bulging eyes", "It swims."];
        let others = OtherNames::new(&texts(&["frog", "toad"]));
        let found = lint_class_among("frog", &texts(&prompts), &others);
        let of = |prompt| {
            found.iter().filter(|flaw| flaw.prompt == prompt).map(|flaw| flaw.rule).collect::<Vec<_>>()
        };
        assert_eq!(of(0), [Rule::Placeholder]);
        assert!(of(1).contains(&Rule::ListSyntax));
        assert_eq!(of(2), [Rule::OtherClass]);
        assert!(of(3).contains(&Rule::Descriptor));
        assert!(of(4).contains(&Rule::MissingClassName));
        assert_eq!(
            clean(&texts(&[prompts[1]]), &lint_class("frog", &texts(&[prompts[1]]))),
            ["A frog is green."]
        );
    }

    #[test]
    fn templates_have_no_class_to_name() {
        let templates = texts(&["a photo of a {}.", "art of  the {}.", "A photo of a {}"]);
        let found: Vec<_> =
            lint_templates(&templates).into_iter().map(|flaw| (flaw.rule, flaw.prompt)).collect();
        assert_eq!(found, [(Rule::StrayBlanks, 1), (Rule::ExactDuplicate, 2)]);
    }

    #[test]
    fn names_are_distinct() {
        let names: std::collections::HashSet<_> = Rule::ALL.iter().map(|rule| rule.name()).collect();
        assert_eq!(names.len(), Rule::ALL.len());
    }

    proptest! {
        #[test]
        fn cleaning_anything_leaves_prompts_and_nothing_to_rewrite(
            prompts in prop::collection::vec("[a-zA-Z<>&;*_ \\n.,{}\\-é猫0-9]{1,30}\\w", 1..6), class in "\\PC{0,8}",
        ) {
            let flaws = lint_class(&class, &prompts);
            prop_assert!(flaws.iter().all(|flaw| flaw.prompt < prompts.len()));
            let cleaned = clean(&prompts, &flaws);
            prop_assert!(!cleaned.is_empty() && cleaned.len() <= prompts.len());
            for text in &cleaned {
                prop_assert!(!text.trim().is_empty());
                prop_assert_eq!(&Rule::StrayBlanks.rewrite(&Rule::StrayBlanks.rewrite(text)), &Rule::StrayBlanks.rewrite(text));
            }
        }
    }
}
