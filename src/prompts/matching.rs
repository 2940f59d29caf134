//! Which key of a prompt set a class means: the one with the same text as its name, or else the only one that differs in
//! nothing but case, `_`, `-`, blanks and Unicode's forms of a letter; or else the one that is its folder, or its number.

use std::collections::{HashMap, HashSet};

use super::error::{ClassMismatch, MissingClass, PromptError};
use crate::text::name_folding::fold;

/// How many of the missing classes get a list of near keys: a message cannot show more.
const EXPLAINED: usize = 20;
/// How many near keys each of them gets.
const NEAREST: usize = 2;
/// Two names are near when they share this much of their letter pairs (Sørensen–Dice, which bears reordered words) ...
const NEAR_PAIRS: f64 = 0.35;
/// ... or when this much of the longer one stays unedited (Damerau–Levenshtein, which bears slips in short words).
const NEAR_EDITS: f64 = 0.7;

/// The classes that prompts are wanted for.
#[derive(Debug, Clone, Copy)]
pub struct Classes<'a> {
    /// Their names, in class order.
    pub names: &'a [String],
    /// What the dataset calls each of them, a folder or a label; none where that is not known.
    pub folders: &'a [String],
}

impl<'a> From<&'a [String]> for Classes<'a> {
    fn from(names: &'a [String]) -> Self {
        Self { names, folders: &[] }
    }
}

impl<'a> From<&'a Vec<String>> for Classes<'a> {
    fn from(names: &'a Vec<String>) -> Self {
        names.as_slice().into()
    }
}

impl<'a, const N: usize> From<&'a [String; N]> for Classes<'a> {
    fn from(names: &'a [String; N]) -> Self {
        names.as_slice().into()
    }
}

/// The key of each class.
#[derive(Debug)]
pub(super) struct Matches {
    /// Per class, the index of its key.
    pub keys: Vec<usize>,
    /// The indices of the keys that no class asked for.
    pub left_over: Vec<usize>,
    /// Keys are the classes' numbers.
    pub are_numbers: bool,
}

/// Finds the key of every class. Classes with the same name share a key. A key that is some class's exact name is no
/// loose match for another.
///
/// # Errors
/// [`PromptError::Ambiguous`], or [`PromptError::Mismatch`] with all missing classes at once.
pub(super) fn match_classes(
    prompt_set: &str,
    Classes { names: class_names, folders }: Classes<'_>,
    keys: &[&str],
) -> Result<Matches, PromptError> {
    let exact: HashMap<&str, usize> = keys.iter().enumerate().map(|(index, key)| (*key, index)).collect();
    let taken: HashSet<usize> =
        class_names.iter().filter_map(|name| exact.get(name.as_str()).copied()).collect();
    let mut by_fold: HashMap<String, Vec<usize>> = HashMap::new();
    for index in (0..keys.len()).filter(|index| !taken.contains(index)) {
        by_fold.entry(fold(keys[index])).or_default().push(index);
    }
    let mut loose: HashMap<usize, &str> = HashMap::new();
    let mut found = Vec::with_capacity(class_names.len());
    let mut missing = Vec::new();
    for (class, name) in class_names.iter().enumerate() {
        if let Some(index) = exact.get(name.as_str()) {
            found.push(*index);
            continue;
        }
        let ambiguous = |classes: &[&str], keys_of: &[usize]| PromptError::Ambiguous {
            prompt_set: prompt_set.to_owned(),
            class_names: classes.iter().map(|class| (*class).to_owned()).collect(),
            keys: keys_of.iter().map(|index| keys[*index].to_owned()).collect(),
        };
        match by_fold.get(&fold(name)).map(Vec::as_slice) {
            Some([index]) => match loose.insert(*index, name) {
                Some(other) if other != name => return Err(ambiguous(&[other, name], &[*index])),
                _ => found.push(*index),
            },
            Some(several) => return Err(ambiguous(&[name], several)),
            None => match folders.get(class).and_then(|folder| exact.get(folder.as_str())) {
                Some(index) if !taken.contains(index) => found.push(*index),
                _ => missing.push(name.as_str()),
            },
        }
    }
    if found.is_empty()
        && let Some(keys) = numbers(keys, class_names.len())
    {
        return Ok(Matches { keys, left_over: Vec::new(), are_numbers: true });
    }
    let used: HashSet<usize> = found.iter().copied().collect();
    let left_over: Vec<usize> = (0..keys.len()).filter(|index| !used.contains(index)).collect();
    if missing.is_empty() {
        return Ok(Matches { keys: found, left_over, are_numbers: false });
    }
    let left_over: Vec<String> = left_over.iter().map(|index| keys[*index].to_owned()).collect();
    Err(PromptError::Mismatch(Box::new(ClassMismatch {
        prompt_set: prompt_set.to_owned(),
        classes: class_names.len(),
        missing: explained(&missing, &left_over),
        left_over,
    })))
}

/// For each class the key that is its number, counted from 0 or from 1, where the keys are exactly these.
fn numbers(keys: &[&str], classes: usize) -> Option<Vec<usize>> {
    let parsed: Vec<usize> = keys.iter().map(|key| key.trim().parse().ok()).collect::<Option<_>>()?;
    let first = *parsed.iter().min()?;
    let place: HashMap<usize, usize> =
        parsed.iter().enumerate().map(|(index, number)| (*number, index)).collect();
    let is_whole = keys.len() == classes && first <= 1;
    (0..classes)
        .map(|class| place.get(&(first + class)).copied())
        .collect::<Option<Vec<_>>>()
        .filter(|_| is_whole)
}

fn explained(missing: &[&str], left_over: &[String]) -> Vec<MissingClass> {
    let near = |position: usize, name: &str| {
        if position < EXPLAINED { nearest(name, left_over) } else { Vec::new() }
    };
    missing
        .iter()
        .enumerate()
        .map(|(position, name)| MissingClass {
            class_name: (*name).to_owned(),
            nearest: near(position, name),
        })
        .collect()
}

/// The candidates that look like a name, best first; at most two.
#[must_use]
pub fn nearest(name: &str, candidates: &[String]) -> Vec<String> {
    let name = fold(name);
    let mut scored: Vec<(f64, &String)> = candidates
        .iter()
        .filter_map(|candidate| Some((likeness(&name, &fold(candidate))?, candidate)))
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    scored.into_iter().take(NEAREST).map(|(_, candidate)| candidate.clone()).collect()
}

/// How alike two folded names are, from 0 to 1; nothing when they are not near.
fn likeness(a: &str, b: &str) -> Option<f64> {
    let pairs = strsim::sorensen_dice(a, b);
    let edits = strsim::normalized_damerau_levenshtein(a, b);
    (pairs >= NEAR_PAIRS || edits >= NEAR_EDITS).then_some(pairs.max(edits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn found(classes: &[&str], keys: &[&str]) -> Vec<usize> {
        match_classes("set", (&names(classes)).into(), keys).unwrap().keys
    }

    #[test]
    fn exact_comes_before_loose() {
        assert_eq!(found(&["Sea_horse", "sea horse"], &["sea horse", "Sea-Horse"]), [1, 0]);
        assert_eq!(found(&["cat"], &["Cat", "cat"]), [1]);
    }

    #[test]
    fn equal_class_names_share_a_key() {
        assert_eq!(found(&["crane", "crane", "Cat", "Cat"], &["cat", "crane"]), [1, 1, 0, 0]);
    }

    #[test]
    fn two_keys_alike_and_none_exact_is_an_error() {
        let error = match_classes("set", (&names(&["CAT"])).into(), &["Cat", "cat"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "prompt set \"set\": the class names \"CAT\" and the keys \"Cat\", \"cat\" differ in case, `_`, `-` and blanks \
             only, and none is exact; rename one side, or use a class-name map"
        );
    }

    #[test]
    fn two_classes_that_mean_one_key_loosely_are_an_error() {
        let error = match_classes("set", (&names(&["CAT", "Cat"])).into(), &["cat"]).unwrap_err();
        assert!(
            error.to_string().contains("the class names \"CAT\", \"Cat\" and the keys \"cat\""),
            "{error}"
        );
    }

    #[test]
    fn a_key_taken_exactly_is_no_loose_match() {
        let error = match_classes("set", (&names(&["cat", "CAT"])).into(), &["cat", "dog"]).unwrap_err();
        let PromptError::Mismatch(mismatch) = error else { panic!("{error}") };
        assert_eq!(mismatch.missing[0].class_name, "CAT");
        assert_eq!(mismatch.left_over, ["dog"]);
    }

    #[test]
    fn one_error_says_what_is_missing_left_over_and_near() {
        let classes = names(&["Faces", "airplanes", "brid", "car_side", "cat", "zebra"]);
        let keys = ["centered face", "off-center face", "airplane", "bird", "side of a car", "cat"];
        let error = match_classes("cal", (&classes).into(), &keys).unwrap_err();
        assert_eq!(
            error.to_string(),
            "prompt set \"cal\" has no prompts for 5 of 6 classes\n  \
             missing: \"Faces\" (nearest \"centered face\", \"off-center face\"), \"airplanes\" (nearest \"airplane\"), \
             \"brid\" (nearest \"bird\"), \"car_side\" (nearest \"side of a car\"), \"zebra\"\n  \
             left over: \"centered face\", \"off-center face\", \"airplane\", \"bird\", \"side of a car\"\n  \
             rename the keys, give the dataset a class-name map from its folder names to these keys, or name the key of a \
             class under prompt_keys in the experiment file"
        );
    }

    #[test]
    fn long_lists_are_cut_and_counted() {
        let classes: Vec<String> = (0..25).map(|i| format!("class {i}")).collect();
        let keys: Vec<String> = (0..13).map(|i| "xyz".repeat(i + 1)).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let message = match_classes("set", (&classes).into(), &keys).unwrap_err().to_string();
        assert!(message.contains("\"class 19\" and 5 more"), "{message}");
        assert!(message.contains("and 3 more\n"), "{message}");
    }

    #[test]
    fn unicode_s_forms_of_a_letter_are_alike() {
        for (one, other) in [
            ("caf\u{e9}", "cafe\u{301}"),
            ("CAFE\u{301}", "caf\u{e9}"),
            ("Straße", "STRASSE"),
            ("ΟΔΟΣ", "οδος"),
            ("ﬁsh", "FISH"),
            ("\u{1e9e}", "ss"),
            ("\u{212b}", "\u{e5}"),
            ("\u{1100}\u{1161}", "\u{ac00}"),
        ] {
            assert_eq!(fold(one), fold(other), "{one} {other}");
            assert_eq!(found(&[one], &[other]), [0]);
        }
        assert_ne!(fold("café"), fold("cafe"));
        assert_ne!(fold("kapı"), fold("kapi"));
        let error = match_classes("set", (&names(&["cafe\u{301}"])).into(), &["Caf\u{e9}", "CAF\u{c9}"]);
        assert!(matches!(error, Err(PromptError::Ambiguous { .. })));
    }

    #[test]
    fn folders_and_numbers_come_last() {
        let (classes, folders) = (names(&["tench", "crane", "crane"]), names(&["n1", "n2", "n3"]));
        let of = |folders, keys: &[&str]| match_classes("set", Classes { names: &classes, folders }, keys);
        assert_eq!(of(&folders, &["n3", "n1", "n2"]).unwrap().keys, [1, 2, 0]);
        assert_eq!(of(&folders, &["n3", "tench", "n2"]).unwrap().keys, [1, 2, 0]);
        assert!(of(&[], &["n3", "n1", "n2"]).is_err());
        for keys in [["2", "0", "1"], ["3", "1", "2"]] {
            let matches = of(&folders, &keys).unwrap();
            assert!(matches.are_numbers);
            assert_eq!(matches.keys, [1, 2, 0]);
        }
        for keys in
            [&["0", "1"][..], &["0", "1", "3"], &["2", "3", "4"], &["0", "1", "2", "3"], &["0", "1", "01"]]
        {
            assert!(of(&folders, keys).is_err(), "{keys:?}");
        }
        // A label that is a number is no place in the order.
        let labels = names(&["1", "2", "0"]);
        let matches = of(&labels, &["0", "1", "2"]).unwrap();
        assert_eq!((matches.keys, matches.are_numbers), (vec![1, 2, 0], false));
    }

    proptest! {
        #[test]
        fn folding_ignores_case_and_separators(words in prop::collection::vec("[a-z0-9é]{1,6}", 1..5)) {
            let plain = words.concat();
            for form in [words.join("_"), words.join("-"), words.join(" "), words.join(" _ ").to_uppercase()] {
                prop_assert_eq!(fold(&form), plain.clone());
            }
        }

        #[test]
        fn folding_again_changes_nothing(name in "\\PC{0,20}") {
            prop_assert_eq!(fold(&fold(&name)), fold(&name));
        }

        #[test]
        fn every_class_gets_the_key_that_is_its_name(mut keys in prop::collection::hash_set("[a-cA-C _]{1,4}", 1..8)) {
            let keys: Vec<String> = keys.drain().collect();
            let borrowed: Vec<&str> = keys.iter().map(String::as_str).collect();
            let matches = match_classes("set", (&keys).into(), &borrowed).unwrap();
            prop_assert_eq!(matches.keys, (0..keys.len()).collect::<Vec<_>>());
        }
    }
}
