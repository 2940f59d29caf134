//! Looking after a store: whether everything in it is whole, making it smaller, and what was set aside as damaged.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::{Instant, SystemTime};

use serde::Serialize;

use super::journal::{self, TextKind};
use super::opened::Opened;
use super::{Held, Key, Store, StoreError, files, record, salvage};

/// One kind of what a store has, looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartVerified {
    /// What it is, in the plural.
    pub part: &'static str,
    /// How many there are.
    pub total: usize,
    /// How many of them are not whole.
    pub damaged: usize,
}

/// What looking at everything in a store came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Kind by kind.
    pub parts: Vec<PartVerified>,
    /// Sentences about what is wrong with files beside the database.
    pub problems: Vec<String>,
}

impl Verified {
    /// Whether everything is whole.
    pub fn is_whole(&self) -> bool {
        self.problems.is_empty() && self.parts.iter().all(|part| part.damaged == 0)
    }
}

/// What compacting came to, in bytes of all files of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Compacted {
    /// Before.
    pub before: u64,
    /// After.
    pub after: u64,
}

/// Files that were found damaged and set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DamagedFiles {
    /// Where they are.
    pub path: PathBuf,
    /// Bytes.
    pub size: u64,
    /// When they were last written.
    pub modified: Option<SystemTime>,
}

impl Store {
    /// Reads everything that the store has, and says what of it is whole.
    ///
    /// # Errors
    /// What prevents reading.
    pub fn verify(&self) -> Result<Verified, StoreError> {
        let open = self.begin_change()?;
        let tables = &open.tables;
        let mut parts = vec![
            texts("prompt set versions", tables.prompt_set_documents())?,
            texts("histories", tables.documents(TextKind::History))?,
            texts("generations", tables.documents(TextKind::Generation))?,
            texts("runs", tables.documents(TextKind::Run))?,
        ];
        let others = [("answers", &tables.samples), ("counters", &tables.counters)];
        for (part, table) in others.into_iter().chain(open.cache.all()) {
            let mut verified = PartVerified { part, total: 0, damaged: 0 };
            table.each(|key, bytes| {
                verified.total += 1;
                verified.damaged += usize::from(!record::is_whole(&key, bytes));
                Ok::<(), StoreError>(())
            })?;
            parts.push(verified);
        }
        parts.push(self.verify_blobs());
        Ok(Verified { parts, problems: [copy_problems(&open)?, open.cache.damages()].concat() })
    }

    fn verify_blobs(&self) -> PartVerified {
        let mut verified = PartVerified { part: "evaluations", total: 0, damaged: 0 };
        let folder = self.path().map(|dir| dir.join("blobs"));
        for entry in folder.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten() {
            let Some(key) = entry.file_name().to_str().and_then(Key::from_hex) else { continue };
            verified.total += 1;
            verified.damaged += usize::from(!matches!(self.blob(&key), Ok(Some(_))));
        }
        verified
    }

    /// Writes the database, the files of records and the plain copies anew, without what is no longer used; returns what that came to.
    ///
    /// # Errors
    /// What prevents reading or writing; the store is as it was then. [`StoreError::Held`] if this process is using it.
    pub fn compact(&self) -> Result<Compacted, StoreError> {
        let _turn = self.inner.changing.lock();
        let open = self.opened()?;
        open.check_writable()?;
        let Some(dir) = self.path() else { return Ok(Compacted { before: 0, after: 0 }) };
        let before = files::size_of(dir)?;
        open.agree()?;
        if let Some(journals) = open.journals() {
            journals.compact()?;
        }
        open.cache.compact()?;
        open.copies_will_differ();
        let fresh = dir.join("sled-new.part");
        salvage::rebuild(dir, &fresh, open.mode(), |into| salvage::take_over_all(&open.tables, into))?;
        self.reopened_after(open, || salvage::put_in_place(dir, &fresh, true).map(|_| ()))?;
        Ok(Compacted { before, after: files::size_of(dir)? })
    }

    /// Closes the database, does something with its files while nobody else can have the store, and opens it again.
    fn reopened_after(
        &self,
        open: Arc<Opened>,
        work: impl FnOnce() -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut held = self.inner.held.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.path().unwrap_or(Path::new("")).to_path_buf();
        let lock = open.share_lock().map_err(|e| StoreError::io("lock", &path, e))?;
        *held = Held::LetGo(Instant::now());
        let Some(open) = Arc::into_inner(open) else {
            return Err(StoreError::Held { path, holder: None });
        };
        drop(open);
        let worked = work();
        drop(lock);
        worked
    }
}

/// How many texts there are, and how many of them lack something.
fn texts(part: &'static str, documents: super::documents::Documents<'_>) -> Result<PartVerified, StoreError> {
    let mut verified = PartVerified { part, total: 0, damaged: 0 };
    documents.headers.each(|_, _| {
        verified.total += 1;
        Ok::<(), StoreError>(())
    })?;
    let mut whole = 0;
    for header in documents.list()? {
        whole += usize::from(documents.read(&header.name, &header.version)?.is_some());
    }
    verified.damaged = verified.total - whole;
    Ok(verified)
}

/// What is wrong with plain copies.
fn copy_problems(open: &Opened) -> Result<Vec<String>, StoreError> {
    let mut problems = Vec::new();
    if let Some(mirror) = open.mirror() {
        let found = mirror.read_all();
        problems.extend(found.skipped.iter().map(|(path, reason)| format!("{} {reason}", path.display())));
        for header in open.tables.prompt_set_documents().list()? {
            if !mirror.has(&found, &header.name, &header.version) {
                problems.push(format!("{}@{} has no plain copy", header.name, header.version));
            }
        }
    }
    if let Some(journals) = open.journals() {
        let (paths, skipped) = journals.all();
        problems.extend(skipped.iter().map(|(path, reason)| format!("{}: {reason}", path.display())));
        for path in paths {
            match journal::read(&path, |_| {}) {
                Ok(0) => {}
                Ok(damaged) => {
                    problems.push(format!("{} has {damaged} line(s) that are not whole", path.display()))
                }
                Err(e) => problems.push(format!("{} cannot be read: {e}", path.display())),
            }
        }
    }
    Ok(problems)
}

/// The files in the store's directory `dir` that were set aside as damaged, oldest first; none where there is no store.
///
/// # Errors
/// What prevents reading the directory.
pub fn damaged_files(dir: &Path) -> Result<Vec<DamagedFiles>, StoreError> {
    let entries = match fs::read_dir(dir) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|e| StoreError::io("read", dir, e))?,
    };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        if !is_set_aside(&entry.file_name().to_string_lossy()) {
            continue;
        }
        let path = entry.path();
        let metadata = path.symlink_metadata().ok();
        let is_folder = metadata.as_ref().is_some_and(fs::Metadata::is_dir);
        let size =
            if is_folder { files::size_of(&path)? } else { metadata.as_ref().map_or(0, fs::Metadata::len) };
        // Of a folder, the database in it.
        let written = path.join("db").metadata().ok().or(metadata);
        found.push(DamagedFiles { size, modified: written.and_then(|of| of.modified().ok()), path });
    }
    found.sort_by(|a, b| (a.modified, &a.path).cmp(&(b.modified, &b.path)));
    Ok(found)
}

/// Removes the files in the store's directory `dir` that were set aside as damaged, and returns which they were.
///
/// # Errors
/// What prevents reading the directory or removing them; those before are removed.
pub fn remove_damaged(dir: &Path) -> Result<Vec<DamagedFiles>, StoreError> {
    let found = damaged_files(dir)?;
    for DamagedFiles { path, .. } in &found {
        let is_folder = path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir());
        let removed = if is_folder { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        removed.map_err(|e| StoreError::io("remove", path, e))?;
    }
    Ok(found)
}

/// `sled-damaged-1`, `lock-damaged-2`.
fn is_set_aside(name: &str) -> bool {
    let parts = name.rsplit_once("-damaged-");
    parts.is_some_and(|(of, number)| {
        !of.is_empty() && !number.is_empty() && number.bytes().all(|c| c.is_ascii_digit())
    })
}
