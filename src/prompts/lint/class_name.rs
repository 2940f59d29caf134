//! Whether a prompt names its class, loosely: in any case, in the plural, with other separators, or by the last word of
//! a longer name.

use super::words;
use crate::text::name_folding::fold;

/// A name this long is looked for inside of other words too, as they are written together.
const LONG: usize = 6;

/// Whether `text` names the class. Of a name with alternatives (`a / b`, `a or b`, `a, b`) one is enough, and what
/// stands in brackets need not be there. A name without letters is everywhere.
#[must_use]
pub fn names_class(text: &str, class_name: &str) -> bool {
    let folded = fold(text);
    let stems: Vec<Vec<String>> = words(text).map(|(_, word)| stems(word)).collect();
    let alternatives: Vec<String> = alternatives(class_name);
    alternatives.is_empty()
        || alternatives.iter().any(|name| {
            let whole = fold(name);
            let parts: Vec<&str> = words(name).flat_map(|(_, word)| word.split('_')).collect();
            let is_inside = parts.len() > 1 || whole.len() >= LONG || !whole.is_ascii();
            let last = parts.last().map(|word| self::stems(word)).unwrap_or_default();
            (is_inside && folded.contains(&whole))
                || stems.iter().any(|word| word.iter().any(|stem| last.contains(stem)))
        })
}

/// What all classes are called, to find out whether a prompt is of another one than its own.
#[derive(Debug, Clone, Default)]
pub struct OtherNames {
    /// Each name, and its words with blanks around them, as it is looked for.
    names: Vec<(String, String)>,
}

impl OtherNames {
    /// Takes the names of all classes.
    #[must_use]
    pub fn new(names: &[String]) -> Self {
        let spaced = |name: &String| (name.clone(), spaced(&name.replace('_', " ")));
        Self { names: names.iter().map(spaced).filter(|(_, words)| words.trim().len() > 2).collect() }
    }

    /// The longest name in a text, in the singular or with an `s`, that is not a part of its own class's name.
    #[must_use]
    pub fn named_in(&self, text: &str, own: &str) -> Option<&str> {
        if self.names.is_empty() {
            return None;
        }
        let (text, own) = (spaced(text), spaced(&own.replace('_', " ")));
        let is_in = |words: &str| {
            let mut places = text.match_indices(words.trim_end());
            places.any(|(at, found)| {
                let after = &text[at + found.len()..];
                after.starts_with(' ') || after.starts_with("s ")
            })
        };
        let found = self.names.iter().filter(|(_, words)| !own.contains(words.as_str()) && is_in(words));
        found.max_by_key(|(_, words)| words.len()).map(|(name, _)| name.as_str())
    }
}

/// The words of a text in small letters, with a blank before and after each.
fn spaced(text: &str) -> String {
    words(text).fold(" ".to_owned(), |joined, (_, word)| joined + &word.to_lowercase() + " ")
}

fn alternatives(class_name: &str) -> Vec<String> {
    let mut plain = String::with_capacity(class_name.len());
    let mut depth = 0_usize;
    for c in class_name.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth == 0 => plain.push(if c == '_' { ' ' } else { c }),
            _ => {}
        }
    }
    let parts = plain.split(['/', ',']).flat_map(|part| part.split(" or "));
    parts.map(str::trim).filter(|part| part.chars().any(char::is_alphanumeric)).map(str::to_owned).collect()
}

/// A word in lower case, and what its singular may be.
fn stems(word: &str) -> Vec<String> {
    const ENDINGS: [(&str, &str); 9] = [
        ("'s", ""),
        ("’s", ""),
        ("s", ""),
        ("es", ""),
        ("ies", "y"),
        ("ves", "f"),
        ("ves", "fe"),
        ("men", "man"),
        ("i", "us"),
    ];
    let word = word.to_lowercase();
    let singular = ENDINGS.iter().filter_map(|(plural, singular)| {
        let stem = word.strip_suffix(plural).filter(|stem| stem.chars().count() > 1)?;
        Some(format!("{stem}{singular}"))
    });
    let mut stems: Vec<String> = singular.collect();
    stems.extend(irregular(&word).map(str::to_owned));
    stems.push(word);
    stems
}

fn irregular(plural: &str) -> Option<&'static str> {
    Some(match plural {
        "geese" => "goose",
        "mice" => "mouse",
        "oxen" => "ox",
        "feet" => "foot",
        "teeth" => "tooth",
        "people" => "person",
        "children" => "child",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_loosely() {
        for (text, class) in [
            ("Tree-frogs are green.", "tree_frog"),
            ("A treefrog.", "tree frog"),
            ("The husky has blue eyes.", "Siberian husky"),
            ("Some butterflies, one red.", "butterfly"),
            ("Wolves howl.", "wolf"),
            ("Geese fly.", "goose"),
            ("A kite soars.", "kite (bird of prey)"),
            ("A shoji screen is thin.", "shoji screen / room divider"),
            ("The bell rings.", "bell or wind chime"),
            ("The octopus's arms.", "octopus"),
            ("白い猫。", "猫"),
            ("anything", "---"),
            ("A CAR_SIDE view", "car_side"),
        ] {
            assert!(names_class(text, class), "{class} in {text}");
        }
    }

    #[test]
    fn the_longest_other_name_is_found() {
        let others = OtherNames::new(&["cat", "tree_frog", "frog", "Tiger Cat"].map(str::to_owned));
        for (text, own, other) in [
            ("Tree frogs are green.", "cat", Some("tree_frog")),
            ("A frog.", "cat", Some("frog")),
            ("A tiger-cat is striped.", "frog", Some("Tiger Cat")),
            ("A cat.", "tiger cat", None),
            ("A caterpillar.", "frog", None),
            ("It swims.", "frog", None),
        ] {
            assert_eq!(others.named_in(text, own), other, "{text}");
        }
    }

    #[test]
    fn other_words_are_no_names() {
        for (text, class) in [
            ("An elephant is grey.", "ant"),
            ("A caterpillar eats.", "cat"),
            ("It has long ears.", "rabbit"),
            ("", "frog"),
            ("黒い犬。", "猫"),
        ] {
            assert!(!names_class(text, class), "{class} in {text}");
        }
    }
}
