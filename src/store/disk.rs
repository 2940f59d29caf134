//! Opens sled's files in a folder, guards against what it does with damaged ones, and closes them.

use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::files::FolderMode;
use super::holder::INTERVAL;
use super::record::SCHEMA;
use super::sled_calls::guarded;
use super::table::Table;
use super::{StoreError, sled_calls};
use crate::files::foreign;

/// sled's page cache, in bytes. Its default is 1 GiB, which the towers need more.
const CACHE: u64 = 64 << 20;

/// How long sled's own lock is waited for: the threads of a database that was closed may keep it for a moment.
const CLOSING: Duration = Duration::from_secs(2);

const SCHEMA_KEY: &[u8] = b"schema";

/// What a failure of sled's means for the store at `dir`. Damage that shows only now, in use, is noted there: the next
/// start does not trust the files again.
pub(super) fn failure(action: &'static str, dir: &Path, error: sled::Error) -> StoreError {
    let failure = StoreError::sled(action, dir, error);
    if let StoreError::Damaged { reason, .. } = &failure {
        // If this cannot be written either, the next start meets the same damage and says so again.
        let _ = fs::write(damage_note(&folder(dir)), reason);
    }
    failure
}

/// Where the database of the store at `dir` is.
pub(super) fn folder(dir: &Path) -> PathBuf {
    dir.join("sled")
}

/// Its being there says that the files beside it are damaged.
fn damage_note(files: &Path) -> PathBuf {
    files.join("damaged")
}

/// Opens a tree of `db` as a table of the store at `dir`.
pub(super) fn open_table(db: &sled::Db, dir: &Path, name: &str) -> Result<Table, StoreError> {
    let tree = guarded(|| db.open_tree(name)).map_err(|e| failure("open", dir, e))?;
    Ok(Table::Disk { tree, dir: dir.to_path_buf() })
}

/// Opens the database of the store at `dir`, or makes it.
pub(super) fn open(dir: &Path, mode: FolderMode) -> Result<sled::Db, StoreError> {
    let files = folder(dir);
    if let Ok(reason) = fs::read_to_string(damage_note(&files)) {
        return Err(StoreError::damaged(dir, &reason));
    }
    mode.make_folder(&files).map_err(|e| match files.is_dir() {
        false if files.exists() => {
            StoreError::damaged(dir, "a file stands in place of the database's folder")
        }
        _ => StoreError::io("make", &files, e),
    })?;
    forget_unfinished_snapshots(&files).map_err(|e| StoreError::io("read", &files, e))?;
    let db = open_files(&files, dir)?;
    mode.give_to(&files);
    Ok(db)
}

/// Opens sled's files in the folder `files`, or makes them; messages speak of the store at `dir`.
pub(super) fn open_files(files: &Path, dir: &Path) -> Result<sled::Db, StoreError> {
    if let Some(wrong) = wrong_kind(files) {
        return Err(StoreError::damaged(dir, &format!("a folder stands in place of its file {wrong}")));
    }
    let was_there = fs::metadata(files.join("db")).is_ok_and(|db| db.len() > 0);
    let db = muted(|| open_patiently(dir, files))?;
    match check_schema(&db, dir, was_there) {
        Ok(()) => Ok(db),
        Err(error) => {
            close(db);
            Err(error)
        }
    }
}

/// Whether the database says the schema that this program has; a new one gets it.
fn check_schema(db: &sled::Db, dir: &Path, was_there: bool) -> Result<(), StoreError> {
    let schema = guarded(|| db.get(SCHEMA_KEY)).map_err(|e| failure("read", dir, e))?;
    match schema.as_deref() {
        None if was_there => Err(StoreError::damaged(dir, "it does not say its schema")),
        None => {
            guarded(|| db.insert(SCHEMA_KEY, SCHEMA.to_string().as_str()).and_then(|_| sled_calls::flush(db)))
                .map_err(|e| failure("write", dir, e))
        }
        Some(found) if found == SCHEMA.to_string().as_bytes() => Ok(()),
        Some(found) => {
            let found = String::from_utf8_lossy(found).into_owned();
            Err(StoreError::Schema { path: dir.to_path_buf(), found, expected: SCHEMA })
        }
    }
}

/// sled takes a snapshot that it was killed while writing, or had no room for, for a whole one. It is made again.
fn forget_unfinished_snapshots(files: &Path) -> io::Result<()> {
    for entry in fs::read_dir(files)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().ends_with(".generating") {
            let path = entry.path();
            let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            match removed {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
                _ => {}
            }
        }
    }
    Ok(())
}

/// The name of a file of sled's that is a folder, or of its folder that is a file.
fn wrong_kind(files: &Path) -> Option<String> {
    let entries = fs::read_dir(files).into_iter().flatten().flatten();
    let names = entries.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()));
    let is_wrong = |(name, path): &(String, PathBuf)| match name.as_str() {
        "db" | "conf" => path.is_dir(),
        "blobs" => !path.is_dir(),
        name => name.starts_with("snap.") && path.is_dir(),
    };
    names.into_iter().find(is_wrong).map(|(name, _)| name)
}

/// Opens sled, which also has a lock of its own: a store that was just closed may keep it for a moment.
fn open_patiently(dir: &Path, files: &Path) -> Result<sled::Db, StoreError> {
    let begin = Instant::now();
    loop {
        match guarded(|| sled::Config::new().path(files).cache_capacity(CACHE).open()) {
            Err(e) if is_locked(&e) && begin.elapsed() < CLOSING => std::thread::sleep(INTERVAL),
            Err(e) if is_locked(&e) => {
                return Err(StoreError::Held { path: dir.to_path_buf(), holder: None });
            }
            // What sled cannot make sense of (its own configuration file, for one) is damage as well.
            opened => return opened.map_err(|e| failure("open", dir, e)),
        }
    }
}

/// sled reports its lock as an I/O error of no particular kind.
fn is_locked(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(e) if e.to_string().starts_with("could not acquire lock"))
}

/// Drops what a database consists of. sled brings it to the disk once more, and panics where that fails: what had to be kept
/// is there already.
pub(super) fn close(database: impl Sized) {
    let _failed = muted(|| catch_unwind(AssertUnwindSafe(|| drop(database))));
}

/// Runs `work` with the panics of this thread and of sled's own threads kept off the screen: they are caught, and
/// told as errors. Panics of other threads are told as ever.
pub(super) fn muted<T>(work: impl FnOnce() -> T) -> T {
    foreign::quietly(work)
}
