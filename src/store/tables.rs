//! The tables of a store, and the texts that stand in them.

use std::path::Path;

use super::documents::Documents;
use super::journal::TextKind;
use super::table::Table;
use super::{StoreError, disk};

/// The tables of a store.
pub(super) struct Tables {
    pub(super) vectors: Table,
    pub(super) file_hashes: Table,
    pub(super) prompt_sets: Table,
    pub(super) runs: Table,
    pub(super) histories: Table,
    pub(super) samples: Table,
    pub(super) generations: Table,
    pub(super) counters: Table,
    pub(super) pieces: Table,
    /// Of a store in memory; on disk blobs are files.
    pub(super) blobs: Table,
}

impl Tables {
    pub(super) fn in_memory() -> Self {
        let made = Self::with(|_| Ok::<_, std::convert::Infallible>(Table::in_memory()));
        match made {
            Ok(tables) => tables,
            Err(never) => match never {},
        }
    }

    /// Those of a database; messages speak of the store at `dir`.
    pub(super) fn of(db: &sled::Db, dir: &Path) -> Result<Self, StoreError> {
        Self::with(|name| disk::open_table(db, dir, name))
    }

    fn with<E>(table: impl Fn(&str) -> Result<Table, E>) -> Result<Self, E> {
        Ok(Self {
            vectors: table("vectors")?,
            file_hashes: table("file-hashes")?,
            prompt_sets: table("prompt-sets")?,
            runs: table("runs")?,
            histories: table("histories")?,
            samples: table("samples")?,
            generations: table("generations")?,
            counters: table("counters")?,
            pieces: table("pieces")?,
            blobs: Table::in_memory(),
        })
    }

    /// Those that are kept on disk, with their names: what was paid for first, and headers of texts behind their pieces.
    pub(super) fn kept(&self) -> [(&'static str, &Table); 9] {
        [
            ("pieces", &self.pieces),
            ("prompt-sets", &self.prompt_sets),
            ("histories", &self.histories),
            ("samples", &self.samples),
            ("generations", &self.generations),
            ("runs", &self.runs),
            ("counters", &self.counters),
            ("vectors", &self.vectors),
            ("file-hashes", &self.file_hashes),
        ]
    }

    pub(super) fn prompt_set_documents(&self) -> Documents<'_> {
        Documents { headers: &self.prompt_sets, pieces: &self.pieces }
    }

    pub(super) fn documents(&self, of: TextKind) -> Documents<'_> {
        let headers = match of {
            TextKind::Run => &self.runs,
            TextKind::History => &self.histories,
            TextKind::Generation => &self.generations,
        };
        Documents { headers, pieces: &self.pieces }
    }
}
