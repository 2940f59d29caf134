//! Sentences that say nothing about looks, and fragments of sentences.
//!
//! A sentence has nothing to see in it if it has none of the words for looks below, those of its class name aside, and
//! says one of these things: that there is no answer, how many kinds there are, that looks vary, what kind of thing it
//! is and no more, where it lives or comes from, what it eats, or when it was made. The lists were read off the published
//! CuPL prompts.

use super::words;

/// Words for looks: colours, sizes, shapes, surfaces, materials, and parts that can be seen.
const LOOKS: &str = "\
    black white red green blue yellow brown orange pink purple grey gray gold golden silver tan cream beige color colors \
    colored colour colours coloured colorful colourful dark light bright brightly pale vivid striped stripe stripes spot \
    spots spotted speckled mottled pattern patterns patterned shiny glossy dull transparent clear translucent \
    big small large little tiny huge giant long short tall wide narrow thick thin slender broad flat round rounded circular \
    oval square rectangular triangular cylindrical spherical conical curved straight pointed pointy sharp hooked shape \
    shapes shaped size sizes sized massive medium deep shallow hollow muscular stocky sturdy compact slim fat bulky inch \
    inches foot feet cm centimeters meters metres pounds wingspan \
    head heads face faces ear ears eye eyes nose snout muzzle beak bill tail tails leg legs legged paw paws claw claws wing \
    wings winged feather feathers feathered plumage plumaged fur furred coat hair haired mane horn horns horned antlers \
    tusk tusks trunk neck body bodies bodied belly chest back skin scale scales shell shells shelled fin fins teeth mouth \
    lips tongue jaw spine spines tentacles antennae petal petals leaf leaves stem stems flower flowers bark root roots cap \
    gills seeds \
    wood wooden metal metallic plastic glass leather fabric cloth cotton wool paper steel iron stone brick rubber ceramic \
    concrete straw silk lace porcelain bronze brass copper aluminum bone clay wicker \
    handle handles wheel wheels blade blades door doors window windows roof wall walls lid base strap straps button buttons \
    screen keys string strings rope pole poles frame seat seats sleeve sleeves collar brim hood pocket pockets buckle lens \
    spout nozzle arm arms shelf shelves drawer drawers tower towers column columns dome arch arches hull mast sail sails \
    deck engine propeller rotor tracks barrel \
    smooth rough soft hard fluffy furry hairy woolly curly wavy silky spiny prickly bumpy scaly wrinkled ridged texture \
    textured fuzzy shaggy sleek fringe \
    look looks looking resemble resembles resembling appear appears appearance visible decorated ornate edge edges surface \
    top side sides hole holes layer layers ring rings";

/// No answer at all.
const REFUSALS: [&str; 12] = [
    "no definitive answer",
    "no one answer",
    "no single answer",
    "no specific answer",
    "no one definitive answer",
    "difficult to give",
    "difficult to answer",
    "hard to answer",
    "answer to this question",
    "as an ai",
    "not enough information",
    "no definitive identifying",
];
/// Groups that are counted.
const GROUPS: [&str; 8] =
    ["species", "subspecies", "types", "kinds", "breeds", "varieties", "genera", "sorts"];
/// Kinds that something is one of.
const KINDS: [&str; 9] =
    ["species", "subspecies", "genus", "type", "breed", "kind", "variety", "family", "member"];
const PLACES: [&str; 18] = [
    "native to",
    "found in",
    "found on",
    "found throughout",
    "found along",
    "found near",
    "lives in",
    "live in",
    "lives on",
    "live on",
    "inhabits",
    "inhabit",
    "endemic to",
    "indigenous to",
    "originated in",
    "originating in",
    "originates from",
    "comes from",
];
const FOOD: [&str; 6] = ["feeds on", "feed on", "preys on", "prey on", "their diet", "its diet"];
const HISTORY: [&str; 13] = [
    "invented",
    "was developed",
    "were developed",
    "was introduced",
    "was founded",
    "were founded",
    "established",
    "patented",
    "originally bred",
    "was bred",
    "were bred",
    "named after",
    "first used",
];
const VARYING: [&str; 4] = ["vary depending", "varies depending", "can vary", "some common features"];

/// Words in a sentence that says where something lives, and no more.
const SHORT: usize = 16;
/// Words besides its name in a sentence that says what kind of thing it is, and no more.
const KIND_ALONE: usize = 8;

/// Why a sentence about a class has nothing to see in it.
pub fn nothing_to_see(class_name: &str, text: &str) -> Option<String> {
    let lower = |text: &str| words(text).map(|(_, word)| word.to_lowercase()).collect::<Vec<String>>();
    let (sentence, name) = (lower(text), lower(class_name));
    if sentence.iter().any(|word| !name.contains(word) && LOOKS.split(' ').any(|looks| looks == word)) {
        return None;
    }
    let joined = format!(" {} ", sentence.join(" "));
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| joined.contains(&format!(" {phrase} ")));
    let has_more =
        says(&["but some", "but most", "include", "includes", "including", "have a", "has a", "such as"]);
    let is_kind = sentence.windows(2).take(12).any(|pair| KINDS.contains(&&*pair[0]) && pair[1] == "of");
    let begins =
        |words: &[&str]| sentence.iter().map(String::as_str).take(words.len()).eq(words.iter().copied());
    let why = if says(&REFUSALS) {
        "it gives no answer"
    } else if begins(&["there", "are"])
        && !has_more
        && sentence.iter().take(9).any(|word| GROUPS.contains(&&**word))
    {
        "it says how many kinds there are"
    } else if says(&VARYING) && !has_more {
        "it says that looks vary"
    } else if says(&HISTORY) {
        "it tells history"
    } else if says(&PLACES) && (is_kind || sentence.len() <= SHORT) {
        "it says where it lives or comes from"
    } else if is_kind && !has_more && sentence.len() <= name.len() + KIND_ALONE {
        "it says what kind of thing it is, and no more"
    } else if says(&FOOD) && !has_more {
        "it says what it eats"
    } else {
        return None;
    };
    Some(why.to_owned())
}

/// Words that a sentence cannot end in.
const UNENDING: [&str; 20] = [
    "and",
    "or",
    "but",
    "nor",
    "the",
    "a",
    "an",
    "than",
    "because",
    "although",
    "which",
    "whose",
    "its",
    "their",
    "your",
    "his",
    "including",
    "approximately",
    "typically",
    "usually",
];
/// Words before a number that would need a unit, or is cut at its decimal point.
const MEASURING: [&str; 12] =
    ["of", "about", "approximately", "to", "around", "is", "a", "over", "nearly", "by", "with", "roughly"];
/// Marks that end a sentence.
const FINAL: [char; 9] = ['.', '!', '?', '…', '。', '！', '？', '．', '।'];
/// Marks that may stand after those, or between them and the last word.
const CLOSING: [char; 9] = ['"', '\'', '”', '’', ')', ']', '»', '」', '*'];

/// How most prompts of a class are written: what differs may be a fragment.
pub struct Manner {
    has_final: bool,
    has_capital: bool,
    is_sentence: bool,
}

impl Manner {
    /// Of whole sentences.
    pub const WHOLE: Self = Self { has_final: true, has_capital: true, is_sentence: true };

    /// Of the prompts of a class.
    pub fn from_prompts(prompts: &[String]) -> Self {
        let most =
            |is: &dyn Fn(&str) -> bool| 2 * prompts.iter().filter(|text| is(text)).count() > prompts.len();
        Self {
            has_final: most(&has_final),
            has_capital: most(&|text| !begins_small(text)),
            is_sentence: most(&|text| words(text).count() > 4),
        }
    }

    /// Why a text is a fragment, and whether it is cut, so that leaving it out is safe.
    pub fn fragment(&self, text: &str) -> Option<(String, bool)> {
        let cut = |why: String| Some((why, true));
        let bare =
            text.trim_end().trim_end_matches(|c| FINAL.contains(&c) || CLOSING.contains(&c)).trim_end();
        let all: Vec<&str> = words(text).map(|(_, word)| word).collect();
        let [.., last] = all[..] else { return cut("there are no words in it".to_owned()) };
        if self.is_sentence && all.len() < 3 {
            return cut(format!(
                "it is {} and no sentence",
                if all.len() == 1 { "one word" } else { "two words" }
            ));
        }
        if let Some(mark) =
            bare.chars().next_back().filter(|c| matches!(c, ',' | ';' | ':' | '-' | '–' | '—'))
        {
            return cut(format!("it ends in {mark:?}"));
        }
        let before = all.get(all.len().wrapping_sub(2)).map(|word| word.to_lowercase()).unwrap_or_default();
        let is_listing = before == "such" && last.eq_ignore_ascii_case("as");
        if UNENDING.contains(&&*last.to_lowercase()) || is_listing {
            return cut(format!("it ends in {last:?}"));
        }
        if last.len() <= 3 && last.bytes().all(|byte| byte.is_ascii_digit()) {
            let glued = bare.strip_suffix(last).map(|before| before.trim_end_matches('-'));
            let is_item =
                last.len() < 3 && glued.is_some_and(|before| before.ends_with([':', '(', ')', '\n']));
            if is_item || MEASURING.contains(&&*before) {
                return cut(format!("it is cut at {last:?}"));
            }
        }
        if self.has_final && !has_final(text) {
            return cut("it has no final punctuation".to_owned());
        }
        let is_small = self.has_capital && begins_small(text);
        is_small.then(|| ("it begins with a small letter, in the middle of a sentence".to_owned(), false))
    }
}

/// Words that a sentence begins with in the place of a name.
const PRONOUNS: [&str; 10] = ["it", "they", "this", "these", "those", "its", "their", "he", "she", "there"];

/// Whether a text has the form of a sentence: an end and a beginning, or at least something that it speaks of.
pub fn is_sentence(text: &str) -> bool {
    let first = words(text).next().map(|(_, word)| word.to_lowercase()).unwrap_or_default();
    (has_final(text) && !begins_small(text)) || PRONOUNS.contains(&&*first)
}

fn has_final(text: &str) -> bool {
    text.trim_end().trim_end_matches(CLOSING).ends_with(FINAL)
}

fn begins_small(text: &str) -> bool {
    text.chars().find(|c| c.is_alphanumeric()).is_some_and(char::is_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_without_looks() {
        for (class, text) in [
            ("tree frog", "There are over 6,300 species of tree frogs in the world."),
            ("hook", "There's no one answer to this question since hooks can take many different forms."),
            ("garter snake", "A garter snake is a type of snake that is found in North America."),
            ("Vizsla", "A Vizsla is a dog breed that originates from Hungary."),
            ("magpie", "A magpie is a member of the Corvid family."),
            ("Samoyed", "A Samoyed is a dog that was originally bred in Siberia."),
            ("black stork", "The black stork is native to Europe."),
            ("limpkin", "Limpkins feed on snails."),
            ("stage", "The identifying characteristics of a stage can vary depending on the specific stage."),
        ] {
            assert!(nothing_to_see(class, text).is_some(), "{text}");
        }
    }

    #[test]
    fn sentences_with_looks_or_unknown_ones_pass() {
        for (class, text) in [
            ("limpkin", "The limpkin is a large, wading bird found in the swamps."),
            ("plate", "There are many types of plates, but some are round."),
            ("lock", "There are many types of locks, but most have a shackle."),
            ("dining table", "A dining table is used when people eat together."),
            ("frog", "A frog sits by a pond."),
            ("jacamar", "The jacamar is a brightly plumaged bird found in South America."),
            ("猫", "白い猫。"),
            ("frog", ""),
        ] {
            assert_eq!(nothing_to_see(class, text), None, "{text}");
        }
    }

    fn manner() -> Manner {
        Manner { has_final: true, has_capital: true, is_sentence: true }
    }

    #[test]
    fn cut_texts_are_fragments() {
        for text in [
            "The spokes, the rim, and the.",
            "It is made with avocado,.",
            "The marks of a yurt are:1.",
            "A butterfly has a wingspan of about 3.",
            "img1.",
            "Polaroid.",
            "It eats animals such as.",
            "...",
            "A shield is made of wood",
            "Its legs are long;",
            "It has three parts: (1",
        ] {
            assert!(manner().fragment(text).is_some_and(|(_, is_cut)| is_cut), "{text}");
        }
        let (why, is_cut) = manner().fragment("a small, spiny creature.").unwrap();
        assert!(why.contains("small letter") && !is_cut);
    }

    #[test]
    fn whole_sentences_are_none() {
        for text in [
            "A Vespa was first made in Italy in 1946.",
            "It seats between 8 and 12.",
            "A bag that is used for sleeping in.",
            "It is what it is made of.",
            "He said \"red.\"",
            "A frog (green).",
            "A frog is green!",
            "It has 6.5 legs.",
            "It comes in 9-16.",
            "It is as tall as 3 men.",
        ] {
            assert_eq!(manner().fragment(text), None, "{text}");
        }
    }

    #[test]
    fn what_all_prompts_of_a_class_do_is_their_manner() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let bare = texts(&["webbed feet", "long tongue", "frog, which has green skin"]);
        let manner = Manner::from_prompts(&bare);
        assert!(bare.iter().all(|text| manner.fragment(text).is_none()));
        let other = texts(&["白い猫。", "黒い大きな猫。"]);
        assert!(other.iter().all(|text| Manner::from_prompts(&other).fragment(text).is_none()));
    }
}
