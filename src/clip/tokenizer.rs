//! Prompts to token ids.

use tokenizers::Tokenizer;

use super::config::TextConfig;
use super::error::ClipError;
use super::files::CheckpointFile;

const START_OF_TEXT: &str = "<|startoftext|>";
const END_OF_TEXT: &str = "<|endoftext|>";

/// CLIP's byte-pair encoding, as `tokenizer.json` defines it. Padding, truncation and start and end tokens are
/// CLIP's whatever the file says of them, as in transformers' `CLIPTokenizer`.
#[derive(Debug, Clone)]
pub struct PromptTokenizer {
    tokenizer: Tokenizer,
    label: String,
    start: u32,
    end: u32,
    context_length: usize,
}

/// A prompt as the text tower takes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TokenizedPrompt {
    /// Start-of-text, the prompt, end-of-text; at most the context length, without padding.
    pub ids: Vec<u32>,
    /// Whether tokens at the prompt's end were left out because it is longer than the context length.
    pub truncated: bool,
}

impl PromptTokenizer {
    /// Reads `tokenizer.json`.
    ///
    /// # Errors
    /// A file that is malformed, has no start or end token, or has ids that the model does not have.
    pub(super) fn read(file: &CheckpointFile, config: &TextConfig) -> Result<Self, ClipError> {
        let label = file.label();
        let bad = |problem: String| ClipError::Tokenizer { file: file.label(), problem };
        let mut tokenizer = Tokenizer::from_bytes(file.read()?)
            .map_err(|error| bad(format!("it is no tokenizer ({error}); fetch the file again")))?;
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|error| bad(error.to_string()))?;

        let special = |token: &str| {
            tokenizer.token_to_id(token).ok_or_else(|| {
                bad(format!(
                    "it has no token {token}, so it is not CLIP's; fetch the checkpoint's own tokenizer.json"
                ))
            })
        };
        let (start, end) = (special(START_OF_TEXT)?, special(END_OF_TEXT)?);
        let highest = tokenizer.get_vocab(true).into_values().max().unwrap_or(end);
        if highest as usize >= config.vocab_size {
            return Err(bad(format!(
                "it has the token id {highest}, but the model has embeddings for {} tokens; fetch the checkpoint's own \
                 tokenizer.json",
                config.vocab_size
            )));
        }
        if let Some(pooled) = config.end_of_text_id().filter(|pooled| *pooled != end) {
            return Err(bad(format!(
                "{END_OF_TEXT} has the id {end}, but by eos_token_id in config.json the model looks for {pooled}; \
                 one of the two files is not this checkpoint's"
            )));
        }
        Ok(Self { tokenizer, label, start, end, context_length: config.max_position_embeddings })
    }

    /// Turns a prompt into ids. A prompt longer than the context length loses its last words, never the end token.
    ///
    /// # Errors
    /// [`ClipError::Tokenizer`], which no known prompt causes.
    pub fn tokenize(&self, prompt: &str) -> Result<TokenizedPrompt, ClipError> {
        let encoding = self.tokenizer.encode_fast(prompt, false).map_err(|error| ClipError::Tokenizer {
            file: self.label.clone(),
            problem: format!("it cannot encode {prompt:?}: {error}"),
        })?;
        let words = encoding.get_ids();
        let room = self.context_length - 2;
        let kept = &words[..words.len().min(room)];
        let ids = [&[self.start], kept, &[self.end]].concat();
        Ok(TokenizedPrompt { ids, truncated: words.len() > room })
    }
}
