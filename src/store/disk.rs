//! Opens sled's files in a store directory, and sets them aside when they are damaged.

use std::fs;
use std::panic::{PanicHookInfo, set_hook, take_hook};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::StoreError;
use super::holder::{INTERVAL, PATIENCE};
use super::record::SCHEMA;
use super::table::{Table, guarded};

/// sled's page cache, in bytes. Its default is 1 GiB, which the towers need more.
const CACHE: u64 = 64 << 20;

const SCHEMA_KEY: &[u8] = b"schema";

/// What a failure of sled's means for the store at `dir`. Damage that shows only now, in use, is noted there: the next
/// start sets the files aside without trusting them again.
pub(super) fn failure(action: &'static str, dir: &Path, error: sled::Error) -> StoreError {
    let failure = StoreError::sled(action, dir, error);
    if let StoreError::Damaged { reason, .. } = &failure {
        // If this cannot be written either, the next start meets the same damage and says so again.
        let _ = fs::write(damage_note(dir), reason);
    }
    failure
}

/// Its being there says that the files beside it are damaged.
fn damage_note(dir: &Path) -> PathBuf {
    dir.join("sled").join("damaged")
}

/// Opens a tree of `db` as a table of the store at `dir`.
pub(super) fn open_table(db: &sled::Db, dir: &Path, name: &str) -> Result<Table, StoreError> {
    let tree = guarded(|| db.open_tree(name)).map_err(|e| failure("open", dir, e))?;
    Ok(Table::Disk { tree, dir: dir.to_path_buf() })
}

/// Opens the files under `dir/sled`, or makes them.
pub(super) fn open(dir: &Path) -> Result<sled::Db, StoreError> {
    let files = dir.join("sled");
    if let Ok(reason) = fs::read_to_string(damage_note(dir)) {
        return Err(StoreError::damaged(dir, &reason));
    }
    let was_there = fs::metadata(files.join("db")).is_ok_and(|db| db.len() > 0);
    let db = muted(|| open_patiently(dir, &files))?;
    let schema = guarded(|| db.get(SCHEMA_KEY)).map_err(|e| failure("read", dir, e))?;
    match schema.as_deref() {
        None if was_there => return Err(StoreError::damaged(dir, "it does not say its schema")),
        None => {
            guarded(|| db.insert(SCHEMA_KEY, SCHEMA.to_string().as_str()).and_then(|_| db.flush()))
                .map_err(|e| failure("write", dir, e))?;
        }
        Some(found) if found == SCHEMA.to_string().as_bytes() => {}
        Some(found) => {
            let found = String::from_utf8_lossy(found).into_owned();
            return Err(StoreError::Schema { path: dir.to_path_buf(), found, expected: SCHEMA });
        }
    }
    Ok(db)
}

/// Opens sled, which also has a lock of its own: a store that this process has just closed may keep it for a moment.
fn open_patiently(dir: &Path, files: &Path) -> Result<sled::Db, StoreError> {
    let begin = Instant::now();
    loop {
        match guarded(|| sled::Config::new().path(files).cache_capacity(CACHE).open()) {
            Err(e) if is_locked(&e) && begin.elapsed() < PATIENCE => std::thread::sleep(INTERVAL),
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

/// Renames `dir/sled` to the first free `dir/sled-damaged-N`.
pub(super) fn set_aside(dir: &Path) -> Result<PathBuf, StoreError> {
    let mut number = 1;
    let aside = loop {
        let aside = dir.join(format!("sled-damaged-{number}"));
        if !aside.exists() {
            break aside;
        }
        number += 1;
    };
    let files = dir.join("sled");
    fs::rename(&files, &aside).map_err(|e| StoreError::io("set aside", &files, e))?;
    Ok(aside)
}

/// Runs `work` with the panics of this thread and of sled's own threads kept off the screen: they are caught, and
/// told as errors. Panics of other threads are told as ever.
fn muted<T>(work: impl FnOnce() -> T) -> T {
    type Hook = Box<dyn Fn(&PanicHookInfo<'_>) + Sync + Send>;
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let before: Arc<Hook> = Arc::new(take_hook());
    let (opener, others) = (std::thread::current().id(), before.clone());
    set_hook(Box::new(move |panic| {
        let thread = std::thread::current();
        if thread.id() != opener && !thread.name().is_some_and(|name| name.starts_with("sled-io")) {
            others(panic);
        }
    }));
    let done = work();
    drop(take_hook());
    match Arc::try_unwrap(before) {
        Ok(before) => set_hook(before),
        Err(before) => set_hook(Box::new(move |panic| before(panic))),
    }
    done
}
