//! Encodes one prompt at a time, as it is typed: the text tower is loaded with the first one and stays.

use super::embedding::{EncodedPrompt, check_finite};
use super::error::WorkbenchError;
use crate::clip::{Checkpoint, Precision, PromptTokenizer, TextEncoder};

/// The text tower of a checkpoint.
pub(super) struct PromptEncoder {
    pub(super) checkpoint: Checkpoint,
    pub(super) precision: Precision,
    tower: Option<Tower>,
}

struct Tower {
    tokenizer: PromptTokenizer,
    encoder: TextEncoder,
}

impl PromptEncoder {
    /// Nothing is loaded yet.
    pub(super) fn new(checkpoint: Checkpoint, precision: Precision) -> Self {
        Self { checkpoint, precision, tower: None }
    }

    /// Tokens that a prompt can have.
    pub(super) fn context(&self) -> usize {
        self.checkpoint.config().text.max_position_embeddings
    }

    /// The embedding of a prompt: to the last bit what it is among others.
    pub(super) fn encode(&mut self, text: &str) -> Result<EncodedPrompt, WorkbenchError> {
        let Tower { tokenizer, encoder } = match &self.tower {
            Some(tower) => tower,
            None => self.tower.insert(Tower {
                tokenizer: self.checkpoint.tokenizer()?,
                encoder: self.checkpoint.text_encoder(self.precision)?,
            }),
        };
        let tokenized = tokenizer.tokenize(text)?;
        let truncated = tokenized.truncated;
        let raw = encoder.encode(&[tokenized])?.projected;
        check_finite(&raw, text)?;
        Ok(EncodedPrompt { raw, truncated })
    }
}
