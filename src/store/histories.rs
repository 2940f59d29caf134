//! How versions of prompt sets came about, beside the prompt sets: a text each.

use super::journal::TextKind;
use super::{Store, StoreError};

impl Store {
    /// Keeps how a version of a prompt set came about, in place of what was kept before.
    ///
    /// # Errors
    /// What prevents writing.
    pub fn save_history(&self, name: &str, version: &str, content: &str) -> Result<(), StoreError> {
        self.begin_change()?.save_text(TextKind::History, name, version, content)
    }

    /// How a version of a prompt set came about, if that is kept.
    ///
    /// # Errors
    /// What prevents reading.
    pub fn history(&self, name: &str, version: &str) -> Result<Option<String>, StoreError> {
        self.opened()?.text(TextKind::History, name, version)
    }
}
