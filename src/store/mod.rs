//! Keeps embeddings, prompt sets and runs on disk between starts.
//!
//! The store knows bytes, keys and records, not what the values mean. Embeddings and file hashes are a cache: lost
//! ones are computed again. Prompt sets are work of the user's, so each is copied to a plain file as well.
//!
//! A store directory has
//!
//! - `sled/`: the database,
//! - `prompt-sets/NAME/VERSION.json`: the plain copies,
//! - `blobs/`: large values that can be made again,
//! - `lock` and `holder`: the lock of the process that has the store open, and a note about it,
//! - `sled-damaged-N/`: files that were found damaged and set aside.

mod blobs;
mod disk;
mod documents;
mod error;
mod export;
mod files;
mod histories;
mod holder;
mod holdout_uses;
mod key;
mod mirror;
mod place;
mod prompt_sets;
mod record;
mod runs;
mod samples;
mod stamp;
mod table;
#[cfg(test)]
mod tests;
mod vectors;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

pub use blake3::Hash;

pub use error::StoreError;
pub use holder::Holder;
pub use key::Key;
pub use place::StorePlace;
pub use prompt_sets::{PromptSetInfo, version_of};
pub use runs::RunInfo;
pub use stamp::FileStamp;
#[cfg(all(test, unix))]
pub(crate) use stamp::tests::{keeping_the_time, tick};

use stamp::Trust;
use table::Table;

/// A store, on disk or in memory. Clones are the same store; threads may share it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
    /// This clone's, not the store's.
    trust: Trust,
}

/// An opened store, and what the user should be told about it.
pub struct OpenedStore {
    /// The store.
    pub store: Store,
    /// Sentences for the user, as that damaged files were set aside. Usually none.
    pub notices: Vec<String>,
}

/// How much there is in a store, or in an export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreCounts {
    /// Embeddings.
    pub vectors: usize,
    /// Remembered content hashes of files.
    pub file_hashes: usize,
    /// Versions of prompt sets.
    pub prompt_sets: usize,
    /// Runs.
    pub runs: usize,
}

/// The stores that this process has open, by their directory.
static OPEN: Mutex<Vec<(PathBuf, Weak<Inner>)>> = Mutex::new(Vec::new());

// The order matters: fields are dropped from first to last, and the lock ends after the database is closed.
struct Inner {
    tables: Tables,
    disk: Option<Disk>,
    changing: Mutex<()>,
}

struct Tables {
    vectors: Table,
    file_hashes: Table,
    prompt_sets: Table,
    runs: Table,
    histories: Table,
    samples: Table,
    generations: Table,
    counters: Table,
    pieces: Table,
    /// Of a store in memory; on disk blobs are files.
    blobs: Table,
}

struct Disk {
    db: sled::Db,
    dir: PathBuf,
    _lock: Arc<File>,
}

impl Store {
    /// Opens the store in the directory `dir`, which is made if it is not there. Where this process has it open already, that
    /// is the same store, and it stays open as long as one of both is used.
    ///
    /// Damaged files are set aside and replaced by empty ones, and the prompt sets imported from their plain copies;
    /// a notice says so.
    ///
    /// # Errors
    /// [`StoreError::Held`] if another process has it open for a second or longer, [`StoreError::ReadOnly`],
    /// [`StoreError::Full`] and [`StoreError::Schema`] as their names say, [`StoreError::Io`] otherwise.
    pub fn open(dir: &Path) -> Result<OpenedStore, StoreError> {
        std::fs::create_dir_all(dir).map_err(|e| StoreError::io("make", dir, e))?;
        let dir = std::path::absolute(dir).map_err(|e| StoreError::io("find", dir, e))?;
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|(_, store)| store.strong_count() > 0);
        let known = open.iter().find(|(known, _)| *known == dir).and_then(|(_, store)| store.upgrade());
        if let Some(store) = known {
            return Ok(OpenedStore { store: Self::of(store), notices: Vec::new() });
        }
        let opened = Self::open_first(&dir)?;
        open.push((dir, Arc::downgrade(&opened.store.inner)));
        Ok(opened)
    }

    fn open_first(dir: &Path) -> Result<OpenedStore, StoreError> {
        let lock = Arc::new(holder::lock(dir)?);
        let mut notices = Vec::new();
        let opened = match Self::open_locked(dir, &lock) {
            Err(StoreError::Damaged { .. }) => {
                let aside = disk::set_aside(dir)?;
                notices.push(format!(
                    "the store was damaged: its files are now in {}, and embeddings and runs start anew",
                    aside.display()
                ));
                Self::open_locked(dir, &lock)?
            }
            opened => opened?,
        };
        notices.extend(opened.notices);
        Ok(OpenedStore { notices, ..opened })
    }

    fn open_locked(dir: &Path, lock: &Arc<File>) -> Result<OpenedStore, StoreError> {
        let db = disk::open(dir)?;
        let table = |name| disk::open_table(&db, dir, name);
        let tables = Tables {
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
        };
        let disk = Disk { db, dir: dir.to_path_buf(), _lock: lock.clone() };
        let store = Self::of(Arc::new(Inner { tables, disk: Some(disk), changing: Mutex::default() }));
        let notices = store.import_mirror()?;
        Ok(OpenedStore { store, notices })
    }

    /// A store that is gone with its last clone.
    pub fn in_memory() -> Self {
        let tables = Tables {
            vectors: Table::in_memory(),
            file_hashes: Table::in_memory(),
            prompt_sets: Table::in_memory(),
            runs: Table::in_memory(),
            histories: Table::in_memory(),
            samples: Table::in_memory(),
            generations: Table::in_memory(),
            counters: Table::in_memory(),
            pieces: Table::in_memory(),
            blobs: Table::in_memory(),
        };
        Self::of(Arc::new(Inner { tables, disk: None, changing: Mutex::default() }))
    }

    fn of(inner: Arc<Inner>) -> Self {
        Self { inner, trust: Trust::Settled }
    }

    /// The store's directory; `None` for a store in memory.
    pub fn path(&self) -> Option<&Path> {
        self.inner.disk.as_ref().map(|disk| disk.dir.as_path())
    }

    /// Bytes of all files in the store's directory; 0 for a store in memory.
    ///
    /// # Errors
    /// What prevents reading the directory.
    pub fn size_on_disk(&self) -> Result<u64, StoreError> {
        self.path().map_or(Ok(0), files::size_of)
    }

    /// Number of embeddings, file hashes, prompt set versions and runs.
    ///
    /// # Errors
    /// What prevents reading.
    pub fn counts(&self) -> Result<StoreCounts, StoreError> {
        let tables = self.tables();
        Ok(StoreCounts {
            vectors: tables.vectors.len()?,
            file_hashes: tables.file_hashes.len()?,
            prompt_sets: tables.prompt_sets.len()?,
            runs: tables.runs.len()?,
        })
    }

    /// Brings everything to the disk. Every saving function has done so for its part when it returns.
    ///
    /// # Errors
    /// What prevents writing.
    pub fn flush(&self) -> Result<(), StoreError> {
        let Some(Disk { db, dir, .. }) = &self.inner.disk else { return Ok(()) };
        table::guarded(|| db.flush()).map_err(|e| disk::failure("write", dir, e))?;
        Ok(())
    }

    fn tables(&self) -> &Tables {
        &self.inner.tables
    }

    /// Changes of texts take several steps; one at a time.
    fn begin_change(&self) -> MutexGuard<'_, ()> {
        self.inner.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
