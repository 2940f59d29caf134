//! Keeps embeddings, prompt sets and runs on disk between starts.
//!
//! The store knows bytes, keys and records, not what the values mean. Embeddings and file hashes are a cache: lost
//! ones are computed again. Prompt sets are work of the user's, so each is copied to a plain file as well, and so is everything that was paid for or cannot be made
//! again: answers of language models, generations, histories, runs and counters. A database that is lost comes back from them.
//!
//! A store directory has
//!
//! - `sled/`: the database,
//! - `embeddings.records`, `file-hashes.records`: what can be made again and is much,
//! - `prompt-sets/NAME/VERSION.json`: the plain copies of prompt sets,
//! - `generations/NAME.jsonl`, `answers.jsonl`, `runs.jsonl`, `histories.jsonl`, `counters.jsonl`: the others,
//! - `blobs/`: large values that can be made again,
//! - `lock`, `holder` and `waiting`: the lock of the process that has the store open, a note about it, and the mark of those who
//!   wait for it,
//! - `sled-damaged-N/`: files that were found damaged and set aside,
//! - `sled-new/` and names that end in `.part` for a moment: a database that is about to take the other one's place.
//!
//! A process has the store only as long as nobody else waits for it or it is reading or writing: then it lets go, and takes it
//! again for what comes next.

mod blobs;
mod copies;
mod disk;
mod documents;
mod error;
mod export;
mod files;
mod histories;
mod holder;
mod holdout_uses;
mod journal;
mod key;
mod mirror;
mod opened;
mod place;
mod prompt_sets;
mod record;
mod record_file;
mod runs;
mod salvage;
mod samples;
mod sled_calls;
mod stamp;
mod table;
mod tables;
#[cfg(test)]
mod tests;
mod upkeep;
mod vectors;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

pub use blake3::Hash;

pub use error::StoreError;
pub use holder::{Holder, Waiting};
pub use key::Key;
pub use mirror::version_of;
pub use place::StorePlace;
pub use prompt_sets::PromptSetInfo;
pub use runs::RunInfo;
pub use stamp::FileStamp;
#[cfg(all(test, unix))]
pub(crate) use stamp::tests::{keeping_the_time, tick};
pub use upkeep::{Compacted, DamagedFiles, PartVerified, Verified, damaged_files, remove_damaged};

use holder::TURN;
use opened::Opened;
use stamp::Trust;

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
    /// Answers of language models.
    pub answers: usize,
}

/// The stores that this process has open, by their directory.
static OPEN: Mutex<Vec<(PathBuf, Weak<Inner>)>> = Mutex::new(Vec::new());

struct Inner {
    /// Absolute; `None` in memory.
    dir: Option<PathBuf>,
    waiting: Waiting,
    held: Mutex<Held>,
    /// Changes of texts take several steps; one at a time.
    changing: Mutex<()>,
    /// Ends the thread that lets others have the store, with this.
    _ends: Option<Sender<()>>,
}

/// Whether this process has the store now.
enum Held {
    Open(Arc<Opened>),
    /// Others were let have it, at that moment.
    LetGo(Instant),
}

/// The store for a change of several steps: it is not let go before its end.
struct Change<'a> {
    open: Arc<Opened>,
    _turn: MutexGuard<'a, ()>,
}

impl std::ops::Deref for Change<'_> {
    type Target = Opened;

    fn deref(&self) -> &Opened {
        &self.open
    }
}

impl Inner {
    /// The open store, as long as the result is held. Where others were let have it, it is taken again.
    fn opened(&self) -> Result<Arc<Opened>, StoreError> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let since = match &*held {
            Held::Open(open) => return Ok(open.clone()),
            Held::LetGo(since) => *since,
        };
        // It is others' turn.
        std::thread::sleep(TURN.saturating_sub(since.elapsed()));
        let dir = self.dir.as_deref().unwrap_or(Path::new(""));
        let (open, notices) = Opened::open(dir, &self.waiting)?;
        notices.iter().for_each(|notice| (self.waiting.tell)(notice));
        let open = Arc::new(open);
        *held = Held::Open(open.clone());
        Ok(open)
    }

    /// Lets go of the store if nothing is being done with it.
    fn let_go(&self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        // Only here and with the lock are references made.
        if matches!(&*held, Held::Open(open) if Arc::strong_count(open) == 1) {
            *held = Held::LetGo(Instant::now());
        }
    }
}

/// Lets others have the store as soon as one waits for it and nothing is being done with it, until the sender is gone.
fn let_others_have_it(dir: PathBuf, inner: Weak<Inner>) -> Option<Sender<()>> {
    let (ends, ended) = mpsc::channel();
    let watch = move || {
        while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(holder::INTERVAL) {
            // Taken only where somebody waits, so that the store is closed by who dropped it last.
            if holder::is_wished_for(&dir)
                && let Some(inner) = inner.upgrade()
            {
                inner.let_go();
            }
        }
    };
    // Without a thread, others wait until this process ends.
    std::thread::Builder::new().name("store-turns".into()).spawn(watch).ok().map(|_| ends)
}

impl Store {
    /// Opens the store in the directory `dir`, which is made if it is not there. Where this process has it open already, that
    /// is the same store, and it stays open as long as one of both is used.
    ///
    /// From damaged files what can be read is saved into a new database, and they are set aside; a notice says so. A store that
    /// cannot be written is read, and keeps nothing new; a notice says that too.
    ///
    /// # Errors
    /// [`StoreError::Held`] if another process has it for a second or longer, [`StoreError::ReadOnly`] and [`StoreError::Full`] if
    /// it cannot be made, [`StoreError::Schema`] as its name says, [`StoreError::Io`] otherwise.
    pub fn open(dir: &Path) -> Result<OpenedStore, StoreError> {
        Self::open_waiting(dir, &Waiting::default())
    }

    /// The same with other patience, which counts again whenever another process has the store.
    ///
    /// # Errors
    /// As [`Store::open`], and [`StoreError::Interrupted`].
    pub fn open_waiting(dir: &Path, waiting: &Waiting) -> Result<OpenedStore, StoreError> {
        let dir = std::path::absolute(dir).map_err(|e| StoreError::io("find", dir, e))?;
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|(_, store)| store.strong_count() > 0);
        let known = open.iter().find(|(known, _)| *known == dir).and_then(|(_, store)| store.upgrade());
        if let Some(store) = known {
            return Ok(OpenedStore { store: Self::of(store), notices: Vec::new() });
        }
        let (opened, notices) = Opened::open(&dir, waiting)?;
        let inner = Arc::new_cyclic(|inner| Inner {
            dir: Some(dir.clone()),
            waiting: waiting.clone(),
            held: Mutex::new(Held::Open(Arc::new(opened))),
            changing: Mutex::default(),
            _ends: let_others_have_it(dir.clone(), inner.clone()),
        });
        open.push((dir, Arc::downgrade(&inner)));
        Ok(OpenedStore { store: Self::of(inner), notices })
    }

    /// A store that is gone with its last clone.
    pub fn in_memory() -> Self {
        Self::of(Arc::new(Inner {
            dir: None,
            waiting: Waiting::default(),
            held: Mutex::new(Held::Open(Arc::new(Opened::in_memory()))),
            changing: Mutex::default(),
            _ends: None,
        }))
    }

    fn of(inner: Arc<Inner>) -> Self {
        Self { inner, trust: Trust::Settled }
    }

    /// The store's directory; `None` for a store in memory.
    pub fn path(&self) -> Option<&Path> {
        self.inner.dir.as_deref()
    }

    /// Bytes of all files in the store's directory; 0 for a store in memory.
    ///
    /// # Errors
    /// What prevents reading the directory.
    pub fn size_on_disk(&self) -> Result<u64, StoreError> {
        self.path().map_or(Ok(0), files::size_of)
    }

    /// Number of embeddings, file hashes, prompt set versions, runs and answers.
    ///
    /// # Errors
    /// What prevents reading.
    pub fn counts(&self) -> Result<StoreCounts, StoreError> {
        let open = self.opened()?;
        let (tables, cache) = (&open.tables, &open.cache);
        Ok(StoreCounts {
            vectors: cache.vectors.len()?,
            file_hashes: cache.file_hashes.len()?,
            prompt_sets: tables.prompt_sets.len()?,
            runs: tables.runs.len()?,
            answers: tables.samples.len()?,
        })
    }

    /// Brings everything to the disk. Every saving function has done so for its part when it returns.
    ///
    /// # Errors
    /// What prevents writing.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.opened()?.flush()
    }

    /// Why nothing new is kept, if that is so.
    ///
    /// # Errors
    /// What prevents opening the store again.
    pub fn unwritable(&self) -> Result<Option<String>, StoreError> {
        Ok(self.opened()?.check_writable().err().map(|error| error.to_string()))
    }

    /// The store, which is not let go as long as the result is held.
    fn opened(&self) -> Result<Arc<Opened>, StoreError> {
        self.inner.opened()
    }

    /// The store for a change of several steps.
    fn begin_change(&self) -> Result<Change<'_>, StoreError> {
        let turn = self.inner.changing.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Change { open: self.opened()?, _turn: turn })
    }
}
