//! Encodes one prompt at a time, as it is typed: the text tower is loaded with the first one and stays.

use super::embedder::{EncodedPrompt, check_finite};
use super::file_contents::load_unchanged;
use super::precision;
use crate::clip::{Checkpoint, Precision, PromptTokenizer, TextEncoder};
use crate::store::{Hash, Store};
use crate::workbench::error::WorkbenchError;

/// The text tower of a checkpoint.
pub(in crate::workbench) struct PromptEncoder {
    pub(in crate::workbench) checkpoint: Checkpoint,
    pub(in crate::workbench) precision: Precision,
    /// Of the checkpoint's files as they were when it was opened.
    pub(in crate::workbench) fingerprint: Hash,
    tower: Option<Tower>,
}

struct Tower {
    tokenizer: PromptTokenizer,
    encoder: TextEncoder,
}

impl PromptEncoder {
    /// Of a checkpoint, whose files had this fingerprint when it was opened. Nothing is loaded yet.
    pub(in crate::workbench) fn new(checkpoint: Checkpoint, precision: Precision, fingerprint: Hash) -> Self {
        Self { checkpoint, precision, fingerprint, tower: None }
    }

    /// Tokens that a prompt can have.
    pub(in crate::workbench) fn context(&self) -> usize {
        self.checkpoint.config().text.max_position_embeddings
    }

    /// The embedding of a prompt: to the last bit what it is among others.
    ///
    /// # Errors
    /// [`WorkbenchError::Outdated`] where the checkpoint's files changed before the first prompt, and what prevents encoding.
    pub(in crate::workbench) fn encode(&mut self, text: &str) -> Result<EncodedPrompt, WorkbenchError> {
        let Tower { tokenizer, encoder } = match &self.tower {
            Some(tower) => tower,
            None => {
                precision::check(self.precision)?;
                let load = |checkpoint: &Checkpoint| {
                    let (tokenizer, encoder) =
                        (checkpoint.tokenizer()?, checkpoint.text_encoder(self.precision)?);
                    Ok(Tower { tokenizer, encoder })
                };
                // The user's store may be another process's now: the files are read.
                let store = Store::in_memory();
                let tower = load_unchanged(&self.checkpoint, self.fingerprint, &store, load)?;
                self.tower.insert(tower)
            }
        };
        let tokenized = tokenizer.tokenize(text)?;
        let truncated = tokenized.truncated;
        let raw = encoder.encode(&[tokenized])?.projected;
        check_finite(&raw, text)?;
        Ok(EncodedPrompt { raw, truncated })
    }
}
