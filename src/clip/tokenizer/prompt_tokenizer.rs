//! Prompts to token ids.

use std::borrow::Cow;

use tokenizers::Tokenizer;

use super::byte_pairs::{self, END_OF_TEXT, START_OF_TEXT};
use crate::clip::config::clip_config::{ClipConfig, Family};
use crate::clip::error::ClipError;
use crate::clip::files::{CheckpointFile, CheckpointSource};
use crate::files::foreign::guarded;

/// SigLIP's only special token: it ends a prompt, and fills it up.
pub(in crate::clip) const END_OF_SENTENCE: &str = "</s>";

const WHOLE: &str = "tokenizer.json";
const VOCABULARY: &str = "vocab.json";
const MERGES: &str = "merges.txt";
/// CLIP's vocabulary as OpenAI published it.
const PUBLISHED: &str = "bpe_simple_vocab_16e6.txt.gz";

/// The files that a tokenizer is made of.
#[derive(Debug, Clone)]
pub(in crate::clip) enum TokenizerFiles {
    /// `tokenizer.json`.
    Whole(CheckpointFile),
    /// `vocab.json` and `merges.txt`.
    Parts { vocabulary: CheckpointFile, merges: CheckpointFile },
    /// `bpe_simple_vocab_16e6.txt.gz`.
    Published(CheckpointFile),
}

impl TokenizerFiles {
    /// The first form that is there and that the family has.
    ///
    /// # Errors
    /// There is none.
    pub(in crate::clip) fn find(source: &CheckpointSource, family: Family) -> Result<Self, ClipError> {
        if let Some(file) = source.find(WHOLE) {
            return Ok(Self::Whole(file));
        }
        let clip = family == Family::Clip;
        match (source.find(VOCABULARY), source.find(MERGES), source.find(PUBLISHED)) {
            (Some(vocabulary), Some(merges), _) if clip => Ok(Self::Parts { vocabulary, merges }),
            (_, _, Some(file)) if clip => Ok(Self::Published(file)),
            _ => Err(ClipError::AbsentFile {
                file: source.label(WHOLE),
                remedy: if clip {
                    format!(
                        "fetch it from where the rest of the checkpoint came from, or {VOCABULARY} and {MERGES}, or {PUBLISHED} of \
                         github.com/openai/CLIP; all models with CLIP's own vocabulary of 49408 tokens have the same"
                    )
                } else {
                    "fetch it from where the rest of the checkpoint came from; where there is only spiece.model, load the \
                     tokenizer with AutoTokenizer.from_pretrained of the Python package transformers and write it with \
                     save_pretrained"
                        .to_owned()
                },
            }),
        }
    }

    /// All of them.
    pub(in crate::clip) fn files(&self) -> Vec<&CheckpointFile> {
        match self {
            Self::Whole(file) | Self::Published(file) => vec![file],
            Self::Parts { vocabulary, merges } => vec![vocabulary, merges],
        }
    }

    /// The one that messages name.
    fn first(&self) -> &CheckpointFile {
        match self {
            Self::Whole(file) | Self::Published(file) => file,
            Self::Parts { vocabulary, .. } => vocabulary,
        }
    }

    fn read(&self) -> Result<Cow<'static, [u8]>, ClipError> {
        match self {
            Self::Whole(file) => file.read(),
            Self::Parts { vocabulary, merges } => byte_pairs::from_parts(vocabulary, merges).map(Cow::Owned),
            Self::Published(file) => byte_pairs::from_published(file).map(Cow::Owned),
        }
    }
}

/// A checkpoint's tokenizer. Padding, truncation and start and end tokens are the family's whatever the file says of
/// them, as in transformers' `CLIPTokenizer` and `SiglipTokenizer`.
#[derive(Debug, Clone)]
pub struct PromptTokenizer {
    tokenizer: Tokenizer,
    label: String,
    /// Which SigLIP does not have.
    start: Option<u32>,
    end: u32,
    context_length: usize,
    cleaning: Cleaning,
}

/// What happens to a prompt before it is cut into tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::clip) enum Cleaning {
    /// Nothing: the tokenizer does what there is to do.
    None,
    /// Lower case, no ASCII punctuation, single blanks (`canonicalize_text` of big_vision, which SigLIP was trained
    /// with); `_` is a blank in open_clip and vanishes in transformers.
    Canonical { underscore: &'static str },
}

/// A prompt as the text tower takes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TokenizedPrompt {
    /// Start-of-text (which SigLIP does not have), the prompt, end-of-text; at most the context length, without padding.
    pub ids: Vec<u32>,
    /// Whether tokens at the prompt's end were left out because it is longer than the context length.
    pub truncated: bool,
}

impl PromptTokenizer {
    /// Reads the tokenizer's files.
    ///
    /// # Errors
    /// A file that is malformed, has no start or end token, or has ids that the model does not have.
    pub(in crate::clip) fn read(
        files: &TokenizerFiles,
        config: &ClipConfig,
        cleaning: Cleaning,
    ) -> Result<Self, ClipError> {
        let label = files.first().label();
        let bad = |problem: String| ClipError::Tokenizer { file: label.clone(), problem };
        let content = files.read()?;
        let mut tokenizer = guarded(|| Tokenizer::from_bytes(content).map_err(|error| error.to_string()))
            .and_then(|read| read)
            .map_err(|error| bad(format!("it is no tokenizer ({error}); fetch the file again")))?;
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|error| bad(error.to_string()))?;

        let special = |token: &str, whose: &str| {
            tokenizer.token_to_id(token).ok_or_else(|| {
                bad(format!(
                    "it has no token {token}, so it is not {whose}; fetch the checkpoint's own tokenizer.json"
                ))
            })
        };
        let (start, end) = match config.family {
            Family::Clip => (Some(special(START_OF_TEXT, "CLIP's")?), special(END_OF_TEXT, "CLIP's")?),
            Family::Siglip => (None, special(END_OF_SENTENCE, "SigLIP's (SigLIP 2's is not known yet)")?),
        };
        let highest = tokenizer.get_vocab(true).into_values().max().unwrap_or(end);
        if highest as usize >= config.text.vocab_size {
            return Err(bad(format!(
                "it has the token id {highest}, but the model has embeddings for {} tokens; fetch the checkpoint's own \
                 tokenizer.json",
                config.text.vocab_size
            )));
        }
        if let Some(pooled) = config.text.end_of_text_id().filter(|pooled| *pooled != end) {
            return Err(bad(format!(
                "{END_OF_TEXT} has the id {end}, but by the configuration the model looks for {pooled}; one of the two \
                 files is not this checkpoint's"
            )));
        }
        let context_length = config.text.max_position_embeddings;
        Ok(Self { tokenizer, label, start, end, context_length, cleaning })
    }

    /// Turns a prompt into ids. A prompt longer than the context length loses its last words, never the end token.
    ///
    /// # Errors
    /// [`ClipError::Tokenizer`], which no known prompt causes.
    pub fn tokenize(&self, prompt: &str) -> Result<TokenizedPrompt, ClipError> {
        let cleaned = self.cleaning.clean(prompt);
        let encoding =
            guarded(|| self.tokenizer.encode_fast(&*cleaned, false).map_err(|error| error.to_string()))
                .and_then(|encoded| encoded)
                .map_err(|error| ClipError::Tokenizer {
                    file: self.label.clone(),
                    problem: format!("it cannot encode {prompt:?}: {error}"),
                })?;
        let words = encoding.get_ids();
        let room = self.context_length.saturating_sub(1 + usize::from(self.start.is_some()));
        let kept = &words[..words.len().min(room)];
        let ids = self.start.iter().chain(kept).chain([&self.end]).copied().collect();
        Ok(TokenizedPrompt { ids, truncated: words.len() > room })
    }
}

impl Cleaning {
    fn clean(self, prompt: &str) -> Cow<'_, str> {
        let Self::Canonical { underscore } = self else {
            return Cow::Borrowed(prompt);
        };
        let lower = prompt.replace('_', underscore).to_lowercase();
        let kept: String = lower.chars().filter(|letter| !letter.is_ascii_punctuation()).collect();
        // What Python's `\s` and `str.split` take for blanks, too.
        let is_blank = |letter: char| letter.is_whitespace() || ('\x1c'..='\x1f').contains(&letter);
        let words: Vec<&str> = kept.split(is_blank).filter(|word| !word.is_empty()).collect();
        Cow::Owned(words.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_prompts() {
        let clean = |underscore, prompt| Cleaning::Canonical { underscore }.clean(prompt).into_owned();
        let prompt = "  A \"photo\" of\ta tree_frog,\u{1f}the LAST… one's! ";
        assert_eq!(clean("", prompt), "a photo of a treefrog the last… ones");
        assert_eq!(clean(" ", prompt), "a photo of a tree frog the last… ones");
        assert_eq!(Cleaning::None.clean(prompt), prompt);
    }
}
