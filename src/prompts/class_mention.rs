//! Where a sentence names its class, and the same sentence with another class there, or with none.
//!
//! A name is found as loosely as in `matching.rs` (case, `_`, `-` and blanks do not count), in the singular and in the
//! plural, and only as whole words where the script has words. English is all that is known of grammar: regular plurals,
//! a few others, "a" and "an", and capitals at the beginning of a sentence.

use crate::text::name_folding::{folded, folded_letters};

/// A class name in the singular and in the plural.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ClassNoun {
    singular: String,
    plural: String,
    /// What to look for in a folded sentence, the longest first, and whether it is the plural.
    forms: Vec<(Vec<char>, bool)>,
}

/// A part of a sentence that names its class: bytes `start..end`.
struct Mention {
    start: usize,
    end: usize,
    is_plural: bool,
}

impl ClassNoun {
    /// Takes a class name, which may be a plural itself, with `_` for blanks or not.
    pub(super) fn new(name: &str) -> Self {
        let name = name.replace('_', " ");
        let (singular, plural) = match singular_of(&name) {
            Some(singular) => (singular, name),
            None => (name.clone(), plural_of(&name)),
        };
        let mut forms = vec![(folded_letters(&singular), false), (folded_letters(&plural), true)];
        forms.retain(|(form, _)| !form.is_empty());
        forms.sort_by_key(|(form, is_plural)| (std::cmp::Reverse(form.len()), *is_plural));
        Self { singular, plural, forms }
    }

    fn number(&self, is_plural: bool) -> &str {
        if is_plural { &self.plural } else { &self.singular }
    }
}

/// The sentence about the class `from`, with the name of the class `to` wherever `from` is named.
pub(super) fn renamed(sentence: &str, from: &ClassNoun, to: &ClassNoun) -> String {
    rewritten(sentence, from, |mention, before, rest| {
        let name = to.number(mention.is_plural);
        let was_capital = sentence[mention.start..].starts_with(char::is_uppercase);
        let capital = was_capital && begins_sentence(before);
        (if capital { capitalised(name) } else { name.to_owned() }, rest)
    })
}

/// The sentence about a class with "object" or "it" wherever the class is named.
pub(super) fn nameless(sentence: &str, class: &ClassNoun) -> String {
    rewritten(sentence, class, |mention, before, rest| {
        let begins = begins_sentence(before);
        let possessive = ["'s", "’s"].into_iter().find_map(|mark| rest.strip_prefix(mark));
        if let (Some(rest), true, false) = (possessive, begins, mention.is_plural) {
            return ("Its".to_owned(), rest);
        }
        let word = match mention.is_plural {
            true => "objects",
            false if begins && verb_follows(rest) => "it",
            false => "object",
        };
        (if begins { capitalised(word) } else { word.to_owned() }, rest)
    })
}

/// Words that follow "it" rather than "object" in front of another noun.
const VERBS: [&str; 14] = [
    "is", "was", "has", "had", "can", "could", "may", "might", "will", "would", "does", "looks", "lives",
    "comes",
];

fn verb_follows(rest: &str) -> bool {
    let next = rest.split_whitespace().next().unwrap_or_default();
    rest.starts_with(char::is_whitespace) && VERBS.contains(&next)
}

/// Puts what `word` says in the place of each mention. It is given the mention, the new sentence so far and the rest of
/// the old one, and gives back what to write and where to go on.
fn rewritten<'s>(
    sentence: &'s str,
    class: &ClassNoun,
    word: impl Fn(&Mention, &str, &'s str) -> (String, &'s str),
) -> String {
    let mut new = String::with_capacity(sentence.len());
    let mut done = 0;
    for mut mention in mentions(sentence, class) {
        new.push_str(&sentence[done..mention.start]);
        let article = article_at_end(&new);
        mention.is_plural &= article.is_none();
        let (word, rest) = word(&mention, &new, &sentence[mention.end..]);
        if let Some(article) = article {
            let capital = new[article..].starts_with('A');
            let fitting = article_for(&word);
            new.truncate(article);
            new.push_str(&if capital { capitalised(fitting) } else { fitting.to_owned() });
            new.push(' ');
        }
        new.push_str(&word);
        done = sentence.len() - rest.len();
    }
    new.push_str(&sentence[done..]);
    new
}

fn mentions(sentence: &str, class: &ClassNoun) -> Vec<Mention> {
    // The folded sentence, each character with its place in the sentence.
    let mut letters: Vec<(char, usize, usize)> = Vec::with_capacity(sentence.len());
    for (at, c) in sentence.char_indices() {
        letters.extend(folded(c).map(|letter| (letter, at, at + c.len_utf8())));
    }
    let is_split = |at: usize| {
        let (before, after) = (sentence[..at].chars().next_back(), sentence[at..].chars().next());
        !(before.is_some_and(in_word) && after.is_some_and(in_word))
    };
    let mut found = Vec::new();
    let mut first = 0;
    while first < letters.len() {
        let form = class.forms.iter().find(|(form, _)| {
            let Some(part) = letters.get(first..first + form.len()) else { return false };
            let matches = part.iter().zip(form).all(|((c, ..), wanted)| c == wanted);
            matches && is_split(part[0].1) && part.last().is_some_and(|&(.., end)| is_split(end))
        });
        first += match form {
            Some((form, is_plural)) => {
                let (start, end) = (letters[first].1, letters[first + form.len() - 1].2);
                found.push(Mention { start, end, is_plural: *is_plural });
                form.len()
            }
            None => 1,
        };
    }
    found
}

/// Whether a character is part of a word between blanks: those of Chinese, Japanese, Korean and Thai are not.
fn in_word(c: char) -> bool {
    let without_blanks = matches!(c,
        '\u{0E00}'..='\u{0EFF}' | '\u{1100}'..='\u{11FF}' | '\u{2E80}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7FF}'
        | '\u{F900}'..='\u{FAFF}' | '\u{FF00}'..='\u{FFEF}' | '\u{20000}'..='\u{3FFFF}');
    c.is_alphanumeric() && !without_blanks
}

fn begins_sentence(before: &str) -> bool {
    before.trim_end().chars().next_back().is_none_or(|c| matches!(c, '.' | '!' | '?' | ':'))
}

/// Where the article "a" or "an" begins with which a text ends.
fn article_at_end(text: &str) -> Option<usize> {
    let trimmed = text.strip_suffix(' ')?;
    let start = trimmed
        .rfind(|c: char| !c.is_alphanumeric())
        .map_or(0, |at| at + trimmed[at..].chars().next().map_or(1, char::len_utf8));
    matches!(&trimmed[start..], "a" | "an" | "A" | "An").then_some(start)
}

/// "a" or "an", as a word's first letters are usually spoken.
fn article_for(word: &str) -> &'static str {
    let word = word.to_lowercase();
    let is_consonant = ["uni", "use", "eu", "one", "ute"].iter().any(|start| word.starts_with(start));
    let is_silent = ["hour", "honest", "heir"].iter().any(|start| word.starts_with(start));
    let is_vowel = word.starts_with(['a', 'e', 'i', 'o', 'u']);
    if is_silent || (is_vowel && !is_consonant) { "an" } else { "a" }
}

fn capitalised(word: &str) -> String {
    let mut rest = word.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

const IRREGULAR: [(&str, &str); 10] = [
    ("man", "men"),
    ("woman", "women"),
    ("child", "children"),
    ("person", "people"),
    ("mouse", "mice"),
    ("goose", "geese"),
    ("foot", "feet"),
    ("tooth", "teeth"),
    ("ox", "oxen"),
    ("leaf", "leaves"),
];
/// One word for one and for several.
const INVARIABLE: [&str; 10] =
    ["sheep", "deer", "moose", "bison", "fish", "aircraft", "spacecraft", "series", "species", "salmon"];
/// Singulars that end like plurals.
const SINGULAR_IN_S: [&str; 8] = ["lens", "canvas", "gas", "atlas", "alias", "bias", "mars", "christmas"];

/// A name's last word in lower case, and where it begins.
fn last_word(name: &str) -> (usize, String) {
    let start = name.rfind([' ', '-']).map_or(0, |at| at + 1);
    (start, name[start..].to_lowercase())
}

/// The name with another ending: the last `cut` bytes away and `add` there.
fn with_ending(name: &str, cut: usize, add: &str) -> String {
    format!("{}{add}", &name[..name.len() - cut])
}

/// The name with another last word, whose first letter is as large as before.
fn with_last_word(name: &str, start: usize, word: &str) -> String {
    let word =
        if name[start..].starts_with(char::is_uppercase) { capitalised(word) } else { word.to_owned() };
    format!("{}{word}", &name[..start])
}

fn plural_of(name: &str) -> String {
    let (start, word) = last_word(name);
    let ends = |endings: &[&str]| endings.iter().any(|ending| word.ends_with(ending));
    if let Some((_, plural)) = IRREGULAR.iter().find(|(singular, _)| *singular == word) {
        with_last_word(name, start, plural)
    } else if INVARIABLE.contains(&word.as_str()) || !name.chars().next_back().is_some_and(in_word) {
        name.to_owned()
    } else if ends(&["s", "x", "z", "ch", "sh"]) {
        with_ending(name, 0, "es")
    } else if ends(&["y"]) && !ends(&["ay", "ey", "iy", "oy", "uy"]) {
        with_ending(name, 1, "ies")
    } else if ends(&["lf", "oaf"]) {
        with_ending(name, 1, "ves")
    } else if ends(&["knife", "wife", "life"]) {
        with_ending(name, 2, "ves")
    } else {
        with_ending(name, 0, "s")
    }
}

/// The singular of a name that looks like a plural.
fn singular_of(name: &str) -> Option<String> {
    let (start, word) = last_word(name);
    let ends = |endings: &[&str]| endings.iter().any(|ending| word.ends_with(ending));
    if let Some((singular, _)) = IRREGULAR.iter().find(|(_, plural)| *plural == word) {
        return Some(with_last_word(name, start, singular));
    }
    let is_exception = INVARIABLE.contains(&word.as_str()) || SINGULAR_IN_S.contains(&word.as_str());
    if is_exception || word.len() < 4 || ends(&["ss", "us", "is"]) || !ends(&["s"]) {
        None
    } else if ends(&["ies"]) && word.len() > 4 {
        Some(with_ending(name, 3, "y"))
    } else if ends(&["lves", "oaves"]) {
        Some(with_ending(name, 3, "f"))
    } else if ends(&["knives", "wives", "lives"]) {
        Some(with_ending(name, 3, "fe"))
    } else if ends(&["ches", "shes", "xes", "sses", "zzes"]) {
        Some(with_ending(name, 2, ""))
    } else {
        Some(with_ending(name, 1, ""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bare(sentence: &str, class: &str) -> String {
        nameless(sentence, &ClassNoun::new(class))
    }

    fn swapped(sentence: &str, from: &str, to: &str) -> String {
        renamed(sentence, &ClassNoun::new(from), &ClassNoun::new(to))
    }

    #[test]
    fn names_go_away_in_every_form() {
        for (sentence, class, expected) in [
            ("A frog has bulging eyes.", "frog", "An object has bulging eyes."),
            ("Frogs sit low.", "frog", "Objects sit low."),
            ("The Tree-Frog and the treefrog.", "tree frog", "The object and the object."),
            ("A tree_frog's toes.", "Tree Frog", "An object's toes."),
            ("Maine Coon is a large breed.", "maine_coon", "It is a large breed."),
            ("Maine Coon’s fur is long.", "Maine Coon", "Its fur is long."),
            ("Frog legs. Frog has legs.", "frog", "Object legs. It has legs."),
            ("A bullfrog is no frogman.", "frog", "A bullfrog is no frogman."),
            ("Two mice.", "mouse", "Two objects."),
            ("One airplane, two airplanes.", "airplanes", "One object, two objects."),
            ("Butterflies are light.", "butterfly", "Objects are light."),
            ("An aircraft flies.", "aircraft", "An object flies."),
            ("a photo of a airplanes.", "airplanes", "a photo of an object."),
            ("カエルは緑です。", "カエル", "Objectは緑です。"),
            ("It is \"bird, wild\".", "bird, wild", "It is \"object\"."),
            ("", "frog", ""),
            ("A frog.", "-", "A frog."),
        ] {
            assert_eq!(bare(sentence, class), expected, "{class}");
        }
    }

    #[test]
    fn another_name_fits_in() {
        for (sentence, from, to, expected) in [
            ("A frog has bulging eyes.", "frog", "airplane", "An airplane has bulging eyes."),
            ("An airplane has wings.", "airplane", "Boeing 737", "A Boeing 737 has wings."),
            ("Frogs sit low.", "frog", "sheep", "Sheep sit low."),
            ("Frogs are green; frogs jump.", "frog", "pony", "Ponies are green; ponies jump."),
            ("The wolves howl.", "wolf", "unicycle", "The unicycles howl."),
            ("A wolf howls.", "wolf", "unicycle", "A unicycle howls."),
            ("a photo of a sea horse.", "sea_horse", "カエル", "a photo of a カエル."),
            ("It lives in ponds.", "frog", "cat", "It lives in ponds."),
            ("a photo of the airplanes.", "airplanes", "Faces", "a photo of the Faces."),
        ] {
            assert_eq!(swapped(sentence, from, to), expected);
        }
    }

    #[test]
    fn plurals_go_both_ways() {
        for (singular, plural) in [
            ("cat", "cats"),
            ("box", "boxes"),
            ("finch", "finches"),
            ("pony", "ponies"),
            ("monkey", "monkeys"),
            ("wolf", "wolves"),
            ("bread knife", "bread knives"),
            ("Snow Goose", "Snow Geese"),
            ("Boeing 737", "Boeing 737s"),
        ] {
            assert_eq!(plural_of(singular), plural);
            assert_eq!(singular_of(plural).as_deref(), Some(singular));
        }
        for name in ["bus", "grass", "lens", "tennis", "sheep", "gas", "カエル", ""] {
            assert_eq!(singular_of(name), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn nothing_happens_without_the_name(sentence in "[b-z ,.é’カ]{0,40}") {
            // No form of a name with an `a` can be there.
            prop_assert_eq!(bare(&sentence, "cat"), sentence.clone());
        }

        #[test]
        fn any_text_can_be_rewritten(sentence in "\\PC{0,30}", from in "\\PC{0,6}", to in "\\PC{0,6}") {
            let (bare, swapped) = (bare(&sentence, &from), swapped(&sentence, &from, &to));
            prop_assert!(bare.is_empty() == sentence.is_empty());
            prop_assert!(swapped.chars().all(|c| !c.is_control()));
        }

        #[test]
        fn a_name_and_back_again(from in "[b-dghj-np-rt-xz]{3,8}", to in "[b-dghj-np-rt-xz]{3,8}", plural: bool) {
            prop_assume!(from != to);
            let (from_noun, to_noun) = (ClassNoun::new(&from), ClassNoun::new(&to));
            let sentence = if plural {
                format!("Many {} are here.", plural_of(&from))
            } else {
                format!("Look at the {from}.")
            };
            let there = renamed(&sentence, &from_noun, &to_noun);
            prop_assert!(there.contains(&to), "{}", there);
            prop_assert_eq!(renamed(&there, &to_noun, &from_noun), sentence);
        }
    }
}
