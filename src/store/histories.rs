//! How versions of prompt sets came about, beside the prompt sets: a text each.

use std::time::SystemTime;

use super::documents::Documents;
use super::{Store, StoreError};

impl Store {
    /// Keeps how a version of a prompt set came about, in place of what was kept before.
    ///
    /// # Errors
    /// What prevents writing.
    pub fn save_history(&self, name: &str, version: &str, content: &str) -> Result<(), StoreError> {
        let _turn = self.begin_change();
        self.history_documents().save(name, version, SystemTime::now(), content)
    }

    /// How a version of a prompt set came about, if that is kept.
    ///
    /// # Errors
    /// What prevents reading.
    pub fn history(&self, name: &str, version: &str) -> Result<Option<String>, StoreError> {
        Ok(self.history_documents().read(name, version)?.map(|(_, content)| content))
    }

    pub(super) fn history_documents(&self) -> Documents<'_> {
        Documents { headers: &self.tables().histories, pieces: &self.tables().pieces }
    }
}
