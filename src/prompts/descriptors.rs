//! Descriptors, as DCLIP (Menon and Vondrick, arXiv 2210.07183) and WaffleCLIP (Roth et al., arXiv 2306.07282) keep them: what
//! a class looks like, without its name. A prompt is the class name, and the descriptor joined to it: `cat, which has four
//! legs`.

use super::lint::{is_sentence, names_class};

/// How the published method makes a prompt: the class name and the descriptor in its clause.
pub const DESCRIPTOR_TEMPLATE: &str = "{}, {clause}";

/// The place of the descriptor with its joining words.
const CLAUSE: &str = "{clause}";
/// The place of the descriptor alone.
const DESCRIPTOR: &str = "{descriptor}";

/// What a prompt is made of: a text with `{}` for the class name and `{clause}` for the descriptor with its joining words
/// (`which has four legs`), or `{descriptor}` for the descriptor alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescriptorTemplate(String);

impl Default for DescriptorTemplate {
    fn default() -> Self {
        Self(DESCRIPTOR_TEMPLATE.to_owned())
    }
}

impl DescriptorTemplate {
    /// Takes it as it is written.
    ///
    /// # Errors
    /// In words, when a place is missing or there are other braces.
    pub fn parse(text: &str) -> Result<Self, String> {
        let rest = text.replace(CLAUSE, "").replace(DESCRIPTOR, "");
        let has_name = rest.contains("{}");
        if rest.len() == text.len() || !has_name || rest.replace("{}", "").contains(['{', '}']) {
            return Err(format!(
                "{text:?} is no template of descriptors; write {{}} for the class name and {CLAUSE} for the descriptor with its \
                 joining words, as in {DESCRIPTOR_TEMPLATE:?}, or {DESCRIPTOR} for the descriptor alone"
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// As it is written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    /// The prompt of a class for one of its descriptors.
    pub(super) fn fill(&self, class_name: &str, descriptor: &str) -> String {
        let mut prompt = String::new();
        let mut rest = self.0.as_str();
        while let Some(at) = rest.find('{') {
            prompt.push_str(&rest[..at]);
            rest = &rest[at..];
            let places = [
                ("{}", class_name.to_owned()),
                (CLAUSE, clause(descriptor)),
                (DESCRIPTOR, descriptor.to_owned()),
            ];
            match places.iter().find_map(|(mark, words)| Some((rest.strip_prefix(mark)?, words))) {
                Some((after, words)) => {
                    prompt.push_str(words);
                    rest = after;
                }
                None => {
                    prompt.push('{');
                    rest = &rest[1..];
                }
            }
        }
        prompt + rest
    }
}

/// A descriptor with its joining words: "which is" before a thing or a use, "which" before a verb, otherwise "which has".
/// The published program looks at the first letters ("antennae" begins with "a"); here the first word decides.
fn clause(descriptor: &str) -> String {
    let first = descriptor.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_lowercase();
    match first.as_str() {
        "which" | "that" => descriptor.to_owned(),
        "a" | "an" | "used" => format!("which is {descriptor}"),
        "has" | "often" | "typically" | "may" | "can" | "is" => format!("which {descriptor}"),
        _ => format!("which has {descriptor}"),
    }
}

/// How many entries of classes are of a kind, and the first of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Count {
    /// Entries of the kind.
    pub found: usize,
    /// All entries that are not blank.
    pub all: usize,
    /// The class of the first one, and its text.
    pub first: Option<(String, String)>,
}

impl Count {
    /// Entries that are no prompts by themselves: they neither are sentences nor name their class.
    pub fn of_fragments(pairs: &[(String, Vec<String>)]) -> Self {
        Self::of(pairs, |class, entry| !is_sentence(entry) && !names_class(entry, class))
    }

    /// Entries that are sentences about their class.
    pub fn of_sentences(pairs: &[(String, Vec<String>)]) -> Self {
        Self::of(pairs, |class, entry| is_sentence(entry) && names_class(entry, class))
    }

    fn of(pairs: &[(String, Vec<String>)], is_one: impl Fn(&str, &str) -> bool) -> Self {
        let mut count = Self { found: 0, all: 0, first: None };
        for (class, entries) in pairs {
            for entry in entries.iter().filter(|entry| !entry.trim().is_empty()) {
                count.all += 1;
                if is_one(class, entry) {
                    count.found += 1;
                    count.first.get_or_insert_with(|| (class.clone(), entry.trim().to_owned()));
                }
            }
        }
        count
    }

    /// The first one, if most entries are of the kind.
    pub fn of_most(self) -> Option<(String, String)> {
        self.first.filter(|_| 2 * self.found > self.all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pairs: &[(&str, &[&str])]) -> Vec<(String, Vec<String>)> {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        pairs.iter().map(|(class, entries)| ((*class).to_owned(), texts(entries))).collect()
    }

    #[test]
    fn joining_words_follow_the_first_word() {
        let template = DescriptorTemplate::default();
        for (descriptor, prompt) in [
            ("four legs", "cat, which has four legs"),
            ("has whiskers", "cat, which has whiskers"),
            ("a long tail", "cat, which is a long tail"),
            ("an animal", "cat, which is an animal"),
            ("A pet", "cat, which is A pet"),
            ("is often a pet", "cat, which is often a pet"),
            ("used to be wild", "cat, which is used to be wild"),
            ("often, in pairs", "cat, which often, in pairs"),
            ("typically grey", "cat, which typically grey"),
            ("may have stripes", "cat, which may have stripes"),
            ("can climb", "cat, which can climb"),
            ("antennae", "cat, which has antennae"),
            ("hash marks", "cat, which has hash marks"),
            ("cannons", "cat, which has cannons"),
            ("which has fur", "cat, which has fur"),
        ] {
            assert_eq!(template.fill("cat", descriptor), prompt);
        }
    }

    #[test]
    fn templates_have_both_places() {
        let fill = |text: &str| DescriptorTemplate::parse(text).unwrap().fill("cat", "{} legs");
        assert_eq!(fill("a photo of a {}, {clause}."), "a photo of a cat, which has {} legs.");
        assert_eq!(fill("{descriptor} of a {}"), "{} legs of a cat");
        for text in ["{}", "{clause}", "{}, {clause} {x}", "{class}, {clause}", "", "{} {clause} }"] {
            assert!(DescriptorTemplate::parse(text).unwrap_err().contains("{clause}"), "{text}");
        }
    }

    #[test]
    fn fragments_without_the_name_are_descriptors() {
        for set in [
            pairs(&[("cat", &["four legs", "has whiskers", "a long tail"]), ("dog", &["loyal companion"])]),
            pairs(&[("Boeing 737", &["Two engines", "Low wings"]), ("cat", &["A cat is a pet."])]),
            pairs(&[("cat", &["which has four legs", "whiskers"])]),
            pairs(&[("cat", &["- four legs", "fur that is long", "cat-like eyes"])]),
        ] {
            assert!(Count::of_fragments(&set).of_most().is_some(), "{set:?}");
        }
    }

    #[test]
    fn short_sentences_are_none() {
        for set in [
            pairs(&[("cat", &["Cats purr.", "A cat"]), ("dog", &["Barks.", "Small."])]),
            pairs(&[("cat", &["a photo of a cat with whiskers", "the cat sits"])]),
            pairs(&[("cat", &["it has long ears", "They purr", "This animal has fur"])]),
            pairs(&[("猫", &["白い猫", "黒い大きな猫"])]),
            pairs(&[("猫", &["白い。", "ひげがある。"])]),
        ] {
            assert_eq!(Count::of_fragments(&set).of_most(), None, "{set:?}");
        }
        let mixed = pairs(&[("cat", &["Cats purr.", "A cat is a pet.", "four legs"])]);
        assert_eq!(Count::of_sentences(&mixed).of_most(), Some(("cat".to_owned(), "Cats purr.".to_owned())));
    }
}
