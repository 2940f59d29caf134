//! The indefinite article: `a` before a consonant's sound, `an` before a vowel's.

use super::words;

/// Vowels in writing that sound like a consonant at a word's beginning.
const CONSONANT_SOUNDS: [&str; 17] = [
    "uni", "use", "usu", "usa", "ute", "uti", "uto", "eu", "ewe", "one", "once", "ubi", "uk", "ura", "uri",
    "ufo", "oui",
];
/// Exceptions of those: a vowel's sound after all.
const VOWEL_SOUNDS: [&str; 7] = ["unin", "unim", "unid", "unil", "onero", "oned", "usher"];
/// A silent h.
const SILENT: [&str; 6] = ["hour", "honest", "honor", "honour", "heir", "herb"];
/// Where both are in use, by dialect or by how it is read.
const EITHER: [&str; 9] =
    ["herb", "histor", "habit", "hotel", "homage", "hilar", "horrif", "hyster", "union"];

/// Words that show that a text is English, where `a` is an article.
const ENGLISH: [&str; 14] =
    ["the", "is", "of", "with", "and", "has", "are", "that", "it", "in", "on", "an", "have", "this"];

/// The first article that is wrong, with its word.
pub fn wrong_article(text: &str) -> Option<String> {
    let wrong = wrong_articles(text).next()?;
    Some(format!("{:?} should be {:?}", wrong.phrase, format!("{} {}", wrong.right, wrong.word)))
}

/// The text with its articles put right.
pub fn corrected(text: &str) -> String {
    let mut corrected = String::with_capacity(text.len() + 8);
    let mut done = 0;
    for wrong in wrong_articles(text) {
        corrected.push_str(&text[done..wrong.start]);
        corrected.push_str(wrong.right);
        done = wrong.start + wrong.article.len();
    }
    corrected.push_str(&text[done..]);
    corrected
}

/// `a` or `an`, as a name wants it; `a` where nobody can tell by its letters.
pub fn indefinite_article(name: &str) -> &'static str {
    let first = words(name).next().map_or("", |(_, word)| word);
    if wants_an(first).unwrap_or(false) { "an" } else { "a" }
}

struct WrongArticle<'a> {
    start: usize,
    article: &'a str,
    word: &'a str,
    phrase: &'a str,
    right: &'static str,
}

fn wrong_articles(text: &str) -> impl Iterator<Item = WrongArticle<'_>> {
    let is_english =
        words(text).any(|(_, word)| ENGLISH.iter().any(|other| word.eq_ignore_ascii_case(other)));
    let next = words(text).skip(1).filter(move |_| is_english);
    words(text).zip(next).filter_map(move |((start, article), (at, word))| {
        let between = &text[start + article.len()..at];
        if between.is_empty() || !between.chars().all(char::is_whitespace) {
            return None;
        }
        // "Chick-Fil-A is"
        if text[..start].ends_with(['-', '.', '/', '&']) {
            return None;
        }
        let is_letter = article == "A" && !begins_sentence(&text[..start]);
        let right = match (article, wants_an(word)?) {
            _ if is_letter => return None,
            ("a", true) => "an",
            ("A", true) => "An",
            ("an", false) => "a",
            ("An", false) => "A",
            _ => return None,
        };
        Some(WrongArticle { start, article, word, phrase: &text[start..at + word.len()], right })
    })
}

/// Whether what follows is the beginning of a sentence, where `A` is an article and no letter.
fn begins_sentence(before: &str) -> bool {
    let last = before.trim_end().chars().next_back();
    last.is_none_or(|c| !c.is_alphanumeric() && c != ',')
}

/// Whether a word begins with a vowel's sound; `None` where nobody can tell by its letters.
fn wants_an(word: &str) -> Option<bool> {
    let lower = word.to_lowercase();
    let begins = |with: &[&str]| with.iter().any(|start| lower.starts_with(start));
    let first = lower.chars().next().filter(char::is_ascii_alphabetic)?;
    let is_spelt = word.chars().count() > 1 && !word.chars().any(char::is_lowercase);
    // Letters on their own, abbreviations, and names with capitals in them are read in their own ways.
    if lower.len() == 1 || is_spelt || word.chars().skip(1).any(char::is_uppercase) || begins(&EITHER) {
        return None;
    }
    Some(match first {
        'h' => begins(&SILENT),
        'a' | 'e' | 'i' | 'o' | 'u' => !begins(&CONSONANT_SOUNDS) || begins(&VOWEL_SOUNDS),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_articles_are_put_right() {
        for (wrong, right) in [
            ("It has a orange belly.", "It has an orange belly."),
            ("A owl is grey.", "An owl is grey."),
            ("It is an bird, and an  unicorn.", "It is a bird, and a  unicorn."),
            ("a hourglass and an horse", "an hourglass and a horse"),
            ("art of a unidentified object", "art of an unidentified object"),
            ("This is it. A elephant", "This is it. An elephant"),
        ] {
            assert_eq!(corrected(wrong), right);
            assert!(wrong_article(wrong).is_some(), "{wrong}");
            assert_eq!(wrong_article(right), None);
        }
        assert_eq!(wrong_article("see a ant in it").unwrap(), "\"a ant\" should be \"an ant\"");
    }

    #[test]
    fn right_ones_and_unclear_ones_are_left() {
        for text in [
            "This is a university, an hour, a unicorn, a European, a one-way street, an heir, a ewer",
            "a ukulele and an umbrella, an undulating line, an unusual urn",
            "a historic hotel, an historic hotel, a herb, an herb",
            "an x-ray, a U-shape, an MRI, a USB stick, an iPod, an 8, a 10-inch pole",
            "vitamin A is good, A, an, and a.",
            "Chick-Fil-A is a restaurant that has a utensil",
            "un a otro",
            "a imagem de uma ave",
            "a\u{301}",
        ] {
            assert_eq!(wrong_article(text), None, "{text}");
        }
    }
}
