//! The tables of a store, and the texts that stand in them. What is kept for its worth stands in the database; what can be made
//! again stands in files of records beside it.

use std::path::Path;

use super::documents::Documents;
use super::files::FolderMode;
use super::journal::TextKind;
use super::record_file::RecordFile;
use super::table::Table;
use super::{StoreError, disk};

/// The tables of what is kept for its worth.
pub(super) struct Tables {
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

    /// Those of a database, with it; messages speak of the store at `dir`. A database whose tables cannot be opened is closed.
    pub(super) fn of(db: sled::Db, dir: &Path) -> Result<(Self, sled::Db), StoreError> {
        match Self::with(|name| disk::open_table(&db, dir, name)) {
            Ok(tables) => Ok((tables, db)),
            Err(error) => {
                disk::close(db);
                Err(error)
            }
        }
    }

    fn with<E>(table: impl Fn(&str) -> Result<Table, E>) -> Result<Self, E> {
        Ok(Self {
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
    pub(super) fn kept(&self) -> [(&'static str, &Table); 7] {
        [
            ("pieces", &self.pieces),
            ("prompt-sets", &self.prompt_sets),
            ("histories", &self.histories),
            ("samples", &self.samples),
            ("generations", &self.generations),
            ("runs", &self.runs),
            ("counters", &self.counters),
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

/// The tables of what can be made again. Their keys are hashes, and nothing of them is ever changed: each is a file that only
/// grows.
pub(super) struct Cache {
    pub(super) vectors: Table,
    pub(super) file_hashes: Table,
}

impl Cache {
    pub(super) fn in_memory() -> Self {
        Self { vectors: Table::in_memory(), file_hashes: Table::in_memory() }
    }

    /// That of the store at `dir`. Where it is not to be written, new records are gone with this process.
    ///
    /// # Errors
    /// What prevents reading.
    pub(super) fn open(dir: &Path, mode: FolderMode, is_writable: bool) -> Result<Self, StoreError> {
        let file = |name: &str| RecordFile::open(&dir.join(name), mode, is_writable).map(Table::File);
        Ok(Self { vectors: file("embeddings.records")?, file_hashes: file("file-hashes.records")? })
    }

    /// Both, with the words for what they have.
    pub(super) fn all(&self) -> [(&'static str, &Table); 2] {
        [("embeddings", &self.vectors), ("file hashes", &self.file_hashes)]
    }

    /// Sentences about what is damaged in the files. Damaged records are not counted: they are found when they are read.
    pub(super) fn damages(&self) -> Vec<String> {
        let of = |(what, table): (&str, &Table)| match table {
            Table::File(file) => {
                file.damage().map(|damage| format!("{damage}: the {what} in it are made again"))
            }
            Table::Disk { .. } | Table::Memory(_) => None,
        };
        self.all().into_iter().filter_map(of).collect()
    }

    /// Writes the files anew, without what is no longer used.
    ///
    /// # Errors
    /// What prevents reading or writing; the files are as they were then.
    pub(super) fn compact(&self) -> Result<(), StoreError> {
        for (_, table) in self.all() {
            if let Table::File(file) = table {
                file.compact()?;
            }
        }
        Ok(())
    }
}
