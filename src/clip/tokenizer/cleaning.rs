//! What happens to a prompt before it is cut into tokens: the steps that the reference of a checkpoint's form takes.

use super::text_mending::{basic_clean, single_blanks};

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::clip) enum Step {
    /// ftfy, HTML entities, no blanks at the ends.
    BasicClean,
    /// Single blanks between words.
    SingleBlanks,
    /// Lower case, the whole text at once, as Python's `str.lower`.
    LowerCase,
    /// Lower case, letter by letter, as the normalizer of Hugging Face's tokenizers.
    LowerLetters,
    /// No ASCII punctuation, single blanks: with lower case before it `canonicalize_text` of big_vision, which SigLIP was
    /// trained with. `_` is a blank in open_clip and vanishes in transformers.
    Canonical {
        /// What an underscore becomes.
        underscore: &'static str,
    },
}

/// Steps, the first one first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::clip) struct Cleaning(pub Vec<Step>);

impl Cleaning {
    /// open_clip's ways, by what it calls them (`get_clean_fn` in its `tokenizer.py`).
    pub(in crate::clip) fn open_clip(name: &str) -> Option<Self> {
        let last: &[Step] = match name {
            "lower" => &[Step::SingleBlanks, Step::LowerCase],
            "whitespace" => &[Step::SingleBlanks],
            "canonicalize" => &[Step::LowerCase, Step::Canonical { underscore: " " }],
            _ => return None,
        };
        Some(Self([&[Step::BasicClean], last].concat()))
    }

    /// That of OpenAI's tokenizer, and of open_clip's where nothing else is said.
    pub(in crate::clip) fn openai() -> Self {
        Self(vec![Step::BasicClean, Step::SingleBlanks, Step::LowerCase])
    }

    /// A prompt after all steps.
    pub(super) fn clean(&self, prompt: &str) -> String {
        self.0.iter().fold(prompt.to_owned(), |text, step| match step {
            Step::BasicClean => basic_clean(&text),
            Step::SingleBlanks => single_blanks(&text),
            Step::LowerCase => text.to_lowercase(),
            Step::LowerLetters => text.chars().flat_map(char::to_lowercase).collect(),
            Step::Canonical { underscore } => {
                let text = text.replace('_', underscore);
                let kept: String = text.chars().filter(|letter| !letter.is_ascii_punctuation()).collect();
                single_blanks(&kept)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_prompts() {
        let clean = |underscore, prompt| {
            Cleaning(vec![Step::LowerCase, Step::Canonical { underscore }]).clean(prompt)
        };
        let prompt = "  A \"photo\" of\ta tree_frog,\u{1f}the LAST… one's! ";
        assert_eq!(clean("", prompt), "a photo of a treefrog the last… ones");
        assert_eq!(clean(" ", prompt), "a photo of a tree frog the last… ones");
        let cased = Cleaning(vec![Step::Canonical { underscore: "" }]).clean(prompt);
        assert_eq!(cased, "A photo of a treefrog the LAST… ones");
        assert_eq!(Cleaning::default().clean(prompt), prompt);
    }

    #[test]
    fn open_clips_ways() {
        let clean = |name: &str| Cleaning::open_clip(name).unwrap().clean(" Tom_1 &amp;  “Jerry”! ");
        assert_eq!(clean("lower"), "tom_1 & \"jerry\"!");
        assert_eq!(clean("whitespace"), "Tom_1 & \"Jerry\"!");
        assert_eq!(clean("canonicalize"), "tom 1 jerry");
        assert_eq!(Cleaning::open_clip("none"), None);
        assert_eq!(Cleaning::openai(), Cleaning::open_clip("lower").unwrap());
        assert_eq!(Cleaning(vec![Step::LowerLetters]).clean("ΣΑΣ"), "σασ");
        assert_eq!(Cleaning(vec![Step::LowerCase]).clean("ΣΑΣ"), "σας");
    }
}
