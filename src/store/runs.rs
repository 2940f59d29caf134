//! Runs, by their id.

use std::time::SystemTime;

use super::journal::TextKind;
use super::{Store, StoreError};

/// What is known of a run without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunInfo {
    /// The id that it was saved under.
    pub id: String,
    /// When it was saved.
    pub saved_at: SystemTime,
    /// The content's length in bytes.
    pub length: u64,
}

impl Store {
    /// Keeps a run under `id`, in place of an earlier one.
    ///
    /// # Errors
    /// What prevents writing.
    pub fn save_run(&self, id: &str, content: &str) -> Result<(), StoreError> {
        self.begin_change()?.save_text(TextKind::Run, id, "", content)
    }

    /// Every run, in the order of saving, oldest first.
    ///
    /// # Errors
    /// What prevents reading.
    pub fn runs(&self) -> Result<Vec<RunInfo>, StoreError> {
        let info = |header: super::documents::Header| {
            let saved_at = header.saved_at();
            RunInfo { id: header.name, saved_at, length: header.length }
        };
        Ok(self.opened()?.tables.documents(TextKind::Run).list()?.into_iter().map(info).collect())
    }

    /// The content of the run with this id.
    ///
    /// # Errors
    /// What prevents reading.
    pub fn run(&self, id: &str) -> Result<Option<String>, StoreError> {
        self.opened()?.text(TextKind::Run, id, "")
    }
}
