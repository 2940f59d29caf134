//! Controls: prompts that a strategy must beat before what it says about the classes can be said to help.
//!
//! A control takes something away from a strategy's prompts: their number, their sense, their class, the class name. If
//! the accuracy stays, it did not come from what was taken away. Random words are those of WaffleCLIP (Roth et al., arXiv
//! 2306.07282), which do as well as descriptions by a language model on several datasets.

use std::collections::HashSet;
use std::fmt;

use super::class_mention::{ClassNoun, nameless, renamed};
use super::template::PLAIN;
use crate::text::name_folding::fold;

/// Raised when the same strategy gets other control prompts than before.
pub const CONTROLS_VERSION: u32 = 2;

/// Ordinary English words, for random descriptors. WaffleCLIP draws from a list of its own; these name little that can
/// be photographed, and those that are part of a class name are left out.
const WORDS: &str = include_str!("control_words.txt");

/// What is taken away from a strategy's prompts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ControlKind {
    /// The class name alone, once for each class.
    ClassName,
    /// One plain template for each class: "a photo of a {}."
    Template,
    /// As many prompts as the strategy has, "a photo of a {}, which has" two random words or character strings; the same
    /// ones for every class.
    Random,
    /// The prompts of another class, with the class's own name where the other's stands.
    Shuffled,
    /// The strategy's prompts with "object" or "it" where the class name stands.
    NoName,
}

impl ControlKind {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 5] = [Self::ClassName, Self::Template, Self::Random, Self::Shuffled, Self::NoName];

    /// The word that files and commands use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ClassName => "class-name",
            Self::Template => "template",
            Self::Random => "random",
            Self::Shuffled => "shuffled",
            Self::NoName => "no-name",
        }
    }

    /// What screens and sentences call it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::ClassName => "class name only",
            Self::Template => "one template",
            Self::Random => "random words",
            Self::Shuffled => "shuffled",
            Self::NoName => "no class name",
        }
    }

    /// Whether there is chance in it: such controls are made several times, with a seed each.
    #[must_use]
    pub fn is_random(self) -> bool {
        matches!(self, Self::Random | Self::Shuffled)
    }
}

impl fmt::Display for ControlKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// The control's prompts of each class, `[n_classes]`, for a strategy with these `prompts`, `[n_classes]`. Kinds without
/// chance in them do not look at the seed. The same everywhere for the same seed.
///
/// A class without a different one, or where all classes have one name, keeps its own prompts when they are shuffled.
#[must_use]
pub fn control_prompts(
    kind: ControlKind,
    prompts: &[Vec<String>],
    class_names: &[String],
    seed: u64,
) -> Vec<Vec<String>> {
    match kind {
        ControlKind::ClassName => class_names.iter().map(|name| vec![name.clone()]).collect(),
        ControlKind::Template => class_names.iter().map(|name| vec![PLAIN.replace("{}", name)]).collect(),
        ControlKind::Random => {
            let most = prompts.iter().map(Vec::len).max().unwrap_or(0);
            let descriptors = descriptors(most, class_names, seed);
            let of_class = |(name, own): (&String, &Vec<String>)| {
                let descriptors = descriptors.iter().take(own.len());
                descriptors.map(|words| format!("a photo of a {name}, which has {words}.")).collect()
            };
            class_names.iter().zip(prompts).map(of_class).collect()
        }
        ControlKind::Shuffled => {
            let nouns: Vec<ClassNoun> = class_names.iter().map(|name| ClassNoun::new(name)).collect();
            let others = derangement(class_names, seed);
            let of_class = |(class, other): (usize, usize)| {
                prompts[other].iter().map(|prompt| renamed(prompt, &nouns[other], &nouns[class])).collect()
            };
            others.into_iter().enumerate().map(of_class).collect()
        }
        ControlKind::NoName => {
            let of_class = |(name, own): (&String, &Vec<String>)| {
                let noun = ClassNoun::new(name);
                own.iter().map(|prompt| nameless(prompt, &noun)).collect()
            };
            class_names.iter().zip(prompts).map(of_class).collect()
        }
    }
}

/// Random descriptors, two words and two strings of characters in turn. No word is part of a class name.
fn descriptors(count: usize, class_names: &[String], seed: u64) -> Vec<String> {
    let taken: HashSet<String> =
        class_names.iter().flat_map(|name| name.split(|c: char| !c.is_alphanumeric())).map(fold).collect();
    let words: Vec<&str> = WORDS.split_whitespace().filter(|word| !taken.contains(*word)).collect();
    let mut random = Random::new(seed, ControlKind::Random);
    let descriptor = |at: usize| {
        if at.is_multiple_of(2) && words.len() > 1 {
            let first = random.below(words.len());
            let second = (first + 1 + random.below(words.len() - 1)) % words.len();
            format!("{} {}", words[first], words[second])
        } else {
            format!("{}, {}", random.characters(), random.characters())
        }
    };
    (0..count).map(descriptor).collect()
}

/// For each class another one, as a permutation; another name too, unless too many classes share it.
fn derangement(class_names: &[String], seed: u64) -> Vec<usize> {
    let names: Vec<String> = class_names.iter().map(|name| fold(name)).collect();
    let mut random = Random::new(seed, ControlKind::Shuffled);
    let count = names.len();
    let mut others: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        others.swap(last, random.below(last + 1));
    }
    let fits = |class: usize, other: usize| names[class] != names[other];
    for class in 0..count {
        if fits(class, others[class]) {
            continue;
        }
        let first = random.below(count);
        let partner = (0..count)
            .map(|by| (first + by) % count)
            .find(|&partner| fits(class, others[partner]) && fits(partner, others[class]));
        if let Some(partner) = partner {
            others.swap(class, partner);
        }
    }
    others
}

/// SplitMix64 (Steele, Lea and Flood 2014): the same numbers on every machine and in every version of this program, so
/// that kept embeddings stay those of the prompts.
struct Random(u64);

impl Random {
    fn new(seed: u64, kind: ControlKind) -> Self {
        let mut random = Self(seed.wrapping_mul(2).wrapping_add(u64::from(kind == ControlKind::Shuffled)));
        random.next();
        random
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `end` − 1.
    fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }

    /// Three to seven letters, capitals, digits or signs, as long as a word.
    fn characters(&mut self) -> String {
        const CHARACTERS: &[u8] =
            b"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzABCDEFGHIJKLM0123456789!#";
        let length = 3 + self.below(5);
        (0..length).map(|_| char::from(CHARACTERS[self.below(CHARACTERS.len())])).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn pond() -> (Vec<String>, Vec<Vec<String>>) {
        let prompts = vec![
            texts(&["A frog has bulging eyes.", "Frogs sit low.", "It lives in ponds."]),
            texts(&["A sea horse is upright."]),
            texts(&["An oak has acorns.", "Oaks are tall."]),
        ];
        (texts(&["frog", "sea_horse", "oak"]), prompts)
    }

    #[test]
    fn each_kind_takes_something_away() {
        let (names, prompts) = pond();
        let of = |kind, seed| control_prompts(kind, &prompts, &names, seed);
        assert_eq!(of(ControlKind::ClassName, 0), [["frog"], ["sea_horse"], ["oak"]]);
        assert_eq!(of(ControlKind::Template, 0)[1], ["a photo of a sea_horse."]);
        assert_eq!(
            of(ControlKind::NoName, 0),
            [
                texts(&["An object has bulging eyes.", "Objects sit low.", "It lives in ponds."]),
                texts(&["An object is upright."]),
                texts(&["An object has acorns.", "Objects are tall."]),
            ]
        );
        let shuffled = of(ControlKind::Shuffled, 0);
        let of_frog = ["A frog is upright.", "A frog has acorns."];
        assert!(of_frog.contains(&shuffled[0][0].as_str()), "{shuffled:?}");
        let of_sea_horse = ["A sea horse has bulging eyes.", "A sea horse has acorns."];
        assert!(of_sea_horse.contains(&shuffled[1][0].as_str()), "{shuffled:?}");
    }

    /// What the words are does not matter, but kept embeddings are theirs.
    #[test]
    fn random_words_stay_as_they_are() {
        let (names, prompts) = pond();
        let random = control_prompts(ControlKind::Random, &prompts, &names, 0);
        assert_eq!(
            random[0],
            [
                "a photo of a frog, which has joke leisure.",
                "a photo of a frog, which has iznHs8e, oqCnlG.",
                "a photo of a frog, which has difficult arrange.",
            ]
        );
        assert_eq!(random[1].len(), 1);
        assert_eq!(random[2][1], random[0][1].replace("frog", "oak"));
        assert_ne!(random, control_prompts(ControlKind::Random, &prompts, &names, 1));
    }

    #[test]
    fn the_words_are_many_and_different() {
        let words: Vec<&str> = WORDS.split_whitespace().collect();
        let distinct: HashSet<&str> = words.iter().copied().collect();
        assert_eq!(words.len(), distinct.len());
        assert!(words.len() >= 500);
        assert!(words.iter().all(|word| fold(word) == **word));
    }

    #[test]
    fn no_random_word_is_part_of_a_class_name() {
        let names: Vec<String> = WORDS.split_whitespace().skip(3).map(|word| format!("Big_{word}")).collect();
        for descriptor in descriptors(200, &names, 5).iter().step_by(2) {
            let all = descriptor.split(' ').all(|word| ["ability", "absent", "abstract"].contains(&word));
            assert!(all, "{descriptor}");
        }
    }

    #[test]
    fn classes_with_one_name_do_not_swap() {
        let names = texts(&["crane", "crane", "Frog", "frog", "oak"]);
        for seed in 0..50 {
            for (class, other) in derangement(&names, seed).into_iter().enumerate() {
                assert_ne!(fold(&names[class]), fold(&names[other]), "seed {seed}");
            }
        }
        assert_eq!(derangement(&texts(&["frog"]), 0), [0]);
        assert_eq!(derangement(&[], 0), [] as [usize; 0]);
    }

    #[test]
    fn no_class_is_no_problem() {
        for kind in ControlKind::ALL {
            assert!(control_prompts(kind, &[], &[], 0).is_empty());
        }
    }

    proptest! {
        #[test]
        fn every_class_gets_prompts(
            classes in prop::collection::vec(("[a-zA-Z ,カ_-]{1,8}", 1usize..4), 1..8), seed: u64,
        ) {
            let names: Vec<String> = classes.iter().map(|(name, _)| name.clone()).collect();
            let prompts: Vec<Vec<String>> =
                classes.iter().map(|(name, count)| vec![format!("A {name} is big."); *count]).collect();
            let sizes = |prompts: &[Vec<String>]| prompts.iter().map(Vec::len).collect::<Vec<usize>>();
            for kind in ControlKind::ALL {
                let made = control_prompts(kind, &prompts, &names, seed);
                prop_assert_eq!(&made, &control_prompts(kind, &prompts, &names, seed));
                let (mut wanted, mut found) = (sizes(&prompts), sizes(&made));
                match kind {
                    ControlKind::ClassName | ControlKind::Template => wanted.fill(1),
                    ControlKind::Shuffled => (wanted.sort_unstable(), found.sort_unstable()).0,
                    ControlKind::Random | ControlKind::NoName => {}
                }
                prop_assert_eq!(wanted, found);
                prop_assert!(made.iter().flatten().all(|prompt| !prompt.is_empty()));
            }
        }

        #[test]
        fn a_derangement_is_a_permutation_without_fixed_places(count in 2usize..60, seed: u64) {
            let names: Vec<String> = (0..count).map(|class| format!("class {class}")).collect();
            let others = derangement(&names, seed);
            prop_assert!(others.iter().enumerate().all(|(class, &other)| class != other));
            let mut sorted = others;
            sorted.sort_unstable();
            prop_assert_eq!(sorted, (0..count).collect::<Vec<_>>());
        }
    }
}
