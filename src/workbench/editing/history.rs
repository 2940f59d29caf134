//! How a saved prompt set came about: what it was made of, each change, and what the changes did.

use serde::{Deserialize, Serialize};

use crate::prompts::PromptSet;
use crate::store::Store;
use crate::workbench::error::WorkbenchError;

/// A prompt set that was saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedPrompts {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What the user should know about the store.
    pub notes: Vec<String>,
}

/// The history of one version of a prompt set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PromptHistory {
    /// The strategy whose prompts were changed.
    pub strategy: String,
    /// The prompt sets that it was made of, as `name@version`.
    pub prompt_sets: Vec<String>,
    /// The checkpoint's name.
    pub checkpoint: String,
    /// The dataset's name.
    pub dataset: String,
    /// Its images.
    pub images: usize,
    /// Top-1 accuracy before the changes, from 0 to 1.
    pub top1_before: f64,
    /// Top-1 accuracy with all of them.
    pub top1_after: f64,
    /// Images that were missed before and are right after.
    pub gained: usize,
    /// Images that were right before and are missed after.
    pub lost: usize,
    /// The changes, in their order.
    pub changes: Vec<PromptChange>,
}

/// One change of one prompt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromptChange {
    /// The class's name.
    pub class: String,
    /// The prompt's place among those of its class, from 1.
    pub prompt: usize,
    /// The text that counted before; `None` for one that was added or enabled.
    pub before: Option<String>,
    /// The text that counts after; `None` for one that was disabled.
    pub after: Option<String>,
}

impl PromptHistory {
    /// The history of a version, if it has one.
    ///
    /// # Errors
    /// What prevents reading the store.
    pub fn from_store(name: &str, version: &str, store: &Store) -> Result<Option<Self>, WorkbenchError> {
        let text = store.history(name, version)?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Saves a prompt set with this history.
    ///
    /// # Errors
    /// What prevents writing.
    pub(in crate::workbench) fn save_with(
        &self,
        set: &PromptSet,
        store: &Store,
    ) -> Result<SavedPrompts, WorkbenchError> {
        let version = store.save_prompt_set(&set.name, &set.to_json())?;
        let text = serde_json::to_string(self).unwrap_or_default();
        store.save_history(&set.name, &version, &text)?;
        store.flush()?;
        Ok(SavedPrompts { name: set.name.clone(), version, notes: Vec::new() })
    }
}
