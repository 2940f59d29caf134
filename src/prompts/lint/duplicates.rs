//! Prompts of a class that have the same words, or nearly the same.

use std::collections::HashMap;

use super::words;

/// From here on two prompts have nearly the same words: the Sørensen–Dice coefficient of their words without articles,
/// each counted as often as it occurs.
const NEAR: f64 = 0.85;
const ARTICLES: [&str; 3] = ["a", "an", "the"];

/// Of each prompt, the first one with the same words in the same order; and, for one without, the earlier one whose words
/// are nearest to its own, if they are near.
pub fn repeated(prompts: &[String]) -> Vec<(Option<usize>, Option<usize>)> {
    let mut first_of: HashMap<Vec<String>, usize> = HashMap::new();
    let mut number_of: HashMap<String, u32> = HashMap::new();
    let mut bags: Vec<Vec<u32>> = Vec::with_capacity(prompts.len());
    let mut repeated = Vec::with_capacity(prompts.len());
    for (prompt, text) in prompts.iter().enumerate() {
        let words = normalised(text);
        let mut bag: Vec<u32> = Vec::with_capacity(words.len());
        for word in words.iter().filter(|word| !ARTICLES.contains(&word.as_str())) {
            let next = number_of.len() as u32;
            bag.push(*number_of.entry(word.clone()).or_insert(next));
        }
        bag.sort_unstable();
        let first = *first_of.entry(words).or_insert(prompt);
        let near = (first == prompt).then(|| nearest(&bag, &bags)).flatten();
        repeated.push(((first != prompt).then_some(first), near));
        bags.push(bag);
    }
    repeated
}

fn nearest(bag: &[u32], earlier: &[Vec<u32>]) -> Option<usize> {
    let mut best: Option<(f64, usize)> = None;
    for (prompt, other) in earlier.iter().enumerate() {
        let likeness = 2.0 * common(bag, other) as f64 / (bag.len() + other.len()) as f64;
        if likeness >= NEAR && best.is_none_or(|(found, _)| likeness > found) {
            best = Some((likeness, prompt));
        }
    }
    best.map(|(_, prompt)| prompt)
}

/// How many elements two sorted lists share.
fn common(a: &[u32], b: &[u32]) -> usize {
    let (mut i, mut j, mut common) = (0, 0, 0);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        common += usize::from(x == y);
        i += usize::from(x <= y);
        j += usize::from(x >= y);
    }
    common
}

/// The words of a text in lower case, by which texts are the same; a text without words is its own.
pub fn normalised(text: &str) -> Vec<String> {
    let words: Vec<String> = words(text).map(|(_, word)| word.to_lowercase()).collect();
    if words.is_empty() { vec![text.trim().to_owned()] } else { words }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_words_come_before_nearly_the_same() {
        let texts = [
            "A tench is a small green fish.",
            "The tench is a small green fish!",
            "a TENCH is a small green fish",
            "A tench is a small brown fish.",
            "A tench fish is a small green fish.",
            "...",
            "...",
            "!",
        ];
        let expected = [
            (None, None),
            (None, Some(0)),
            (Some(0), None),
            (None, None),
            (None, Some(0)),
            (None, None),
            (Some(5), None),
            (None, None),
        ];
        assert_eq!(repeated(&texts.map(str::to_owned)), expected);
    }
}
