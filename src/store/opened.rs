//! A store that is open now: its tables, the lock, and what may be done with it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use tempfile::TempDir;

use super::copies::Agreed;
use super::documents::nanoseconds;
use super::files::{self, FolderMode};
use super::holder::{self, Waiting};
use super::journal::{Entry, Journals, TextKind};
use super::mirror::Mirror;
use super::tables::{Cache, Tables};
use super::{StoreError, copies, disk, salvage, sled_calls};

/// Where the state of the plain copies stands that the database agrees with.
const COPIES_KEY: &[u8] = b"plain-copies";

/// Bytes of a database at most that a store which cannot be written is read from a copy of.
const LARGEST_COPY: u64 = 4 << 30;

/// A store on disk that is open.
struct OnDisk {
    db: sled::Db,
    /// Of a store that cannot be written, in which `db` lies.
    _copy: Option<TempDir>,
}

/// A store that is open. Dropping it closes it and lets others have it.
// The order matters: fields are dropped from first to last, and the lock ends after everything else.
pub(super) struct Opened {
    pub(super) tables: Tables,
    pub(super) cache: Cache,
    on_disk: Option<OnDisk>,
    place: Option<Place>,
    /// Why nothing can be kept, where that is so.
    unwritable: Option<StoreError>,
    /// Something is kept in one of database and plain copies alone: the next start has to look at all of both.
    copies_differ: AtomicBool,
    /// The state of the plain copies as the database knows it.
    known_copies: Option<[u8; 32]>,
    lock: Option<File>,
}

/// Where a store's files are.
#[derive(Clone)]
struct Place {
    dir: PathBuf,
    mode: FolderMode,
}

impl Opened {
    fn new(tables: Tables, cache: Cache, on_disk: Option<OnDisk>, place: Option<Place>) -> Self {
        Self {
            tables,
            cache,
            on_disk,
            place,
            unwritable: None,
            copies_differ: AtomicBool::new(false),
            known_copies: None,
            lock: None,
        }
    }

    /// A store that is gone when it is dropped.
    pub(super) fn in_memory() -> Self {
        Self::new(Tables::in_memory(), Cache::in_memory(), None, None)
    }

    /// Opens the store in `dir`, with sentences for the user. One that cannot be written is read.
    ///
    /// # Errors
    /// As [`Store::open`](super::Store::open).
    pub(super) fn open(dir: &Path, waiting: &Waiting) -> Result<(Self, Vec<String>), StoreError> {
        let mode = FolderMode::of_store(dir);
        mode.make_folder(dir).map_err(|e| StoreError::io("make", dir, e))?;
        let place = Place { dir: dir.to_path_buf(), mode };
        let lock = match holder::lock(dir, mode, waiting) {
            Ok(lock) => lock,
            Err(error) => return Self::open_for_reading(place, None, error, waiting),
        };
        match Self::open_locked(&place) {
            Ok((mut opened, notices)) => {
                opened.lock = Some(lock);
                Ok((opened, notices))
            }
            Err(error) => Self::open_for_reading(place, Some(lock), error, waiting),
        }
    }

    /// Opens the store, whose lock this process has; damaged files are replaced by what can be read of them.
    fn open_locked(place: &Place) -> Result<(Self, Vec<String>), StoreError> {
        let dir = &place.dir;
        salvage::finish_replacing(dir)?;
        sweep_all(dir);
        match Self::open_database(place) {
            Err(StoreError::Damaged { reason, .. }) => {
                let told = salvage::repair(dir, place.mode, &reason)?;
                let (opened, notices) = Self::open_database(place)?;
                Ok((opened, [vec![told], notices].concat()))
            }
            opened => opened,
        }
    }

    fn open_database(place: &Place) -> Result<(Self, Vec<String>), StoreError> {
        let cache = Cache::open(&place.dir, place.mode, true)?;
        let (tables, db) = Tables::of(disk::open(&place.dir, place.mode)?, &place.dir)?;
        let on_disk = Some(OnDisk { db, _copy: None });
        let mut opened = Self::new(tables, cache, on_disk, Some(place.clone()));
        let mut notices = opened.agree_with_copies()?;
        notices.extend(
            opened
                .cache
                .damages()
                .iter()
                .map(|damage| format!("{damage}; `cupl-tui store compact` writes the file anew")),
        );
        Ok((opened, notices))
    }

    /// Opens a store that cannot be written, if that is what `error` says and there is one.
    fn open_for_reading(
        place: Place,
        lock: Option<File>,
        error: StoreError,
        waiting: &Waiting,
    ) -> Result<(Self, Vec<String>), StoreError> {
        let is_unwritable = matches!(error, StoreError::ReadOnly { .. } | StoreError::Full { .. });
        if !is_unwritable || !is_store(&place.dir) {
            return Err(error);
        }
        let lock = match lock {
            Some(lock) => Some(lock),
            None => holder::lock_for_reading(&place.dir, waiting)?,
        };
        let said = error.to_string();
        let reason = said.split(';').next().unwrap_or_default();
        let mut notices = vec![format!("{reason}: what the store has is read, and nothing new is kept")];
        let (tables, on_disk) = match copied_database(&place.dir) {
            Ok((tables, on_disk)) => (tables, Some(on_disk)),
            Err(told) => {
                notices.push(format!("its database is not read ({told})"));
                (Tables::in_memory(), None)
            }
        };
        let cache = Cache::open(&place.dir, place.mode, false).unwrap_or_else(|told| {
            notices.push(format!("{told}: embeddings are made again"));
            Cache::in_memory()
        });
        let mut opened = Self::new(tables, cache, on_disk, Some(place));
        opened.unwritable = Some(error);
        opened.lock = lock;
        notices.extend(opened.agree_with_copies()?);
        Ok((opened, notices))
    }

    /// The store's directory.
    pub(super) fn dir(&self) -> Option<&Path> {
        self.place.as_ref().map(|place| place.dir.as_path())
    }

    /// For whose eyes its files are.
    pub(super) fn mode(&self) -> FolderMode {
        self.place.as_ref().map_or(FolderMode::PRIVATE, |place| place.mode)
    }

    /// The plain copies of prompt sets.
    pub(super) fn mirror(&self) -> Option<Mirror> {
        self.place.as_ref().map(|place| Mirror::in_directory(&place.dir, place.mode))
    }

    /// The plain copies of everything else.
    pub(super) fn journals(&self) -> Option<Journals> {
        self.place.as_ref().map(|place| Journals::in_directory(&place.dir, place.mode))
    }

    /// Whether what is kept stays.
    pub(super) fn is_writable(&self) -> bool {
        self.unwritable.is_none()
    }

    /// Fails where nothing can be kept.
    pub(super) fn check_writable(&self) -> Result<(), StoreError> {
        self.unwritable.as_ref().map_or(Ok(()), |error| Err(error.again()))
    }

    /// Keeps something as a plain copy and in the database. It may be in one of them alone if the other refuses it, which is an
    /// error all the same: what was paid for is not lost for that.
    pub(super) fn keep(
        &self,
        copy: impl FnOnce() -> Result<(), StoreError>,
        record: impl FnOnce() -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.check_writable()?;
        let copied = copy();
        let kept = copied.and(record());
        if kept.is_err() {
            self.copies_differ.store(true, Ordering::Relaxed);
        }
        kept
    }

    /// The lock once more, which stays when this store is closed.
    pub(super) fn share_lock(&self) -> io::Result<Option<File>> {
        self.lock.as_ref().map(File::try_clone).transpose()
    }

    /// Something is about to be kept in the database that the plain copies do not have yet.
    pub(super) fn copies_will_differ(&self) {
        self.copies_differ.store(true, Ordering::Relaxed);
    }

    /// Keeps a text, in place of an earlier one of the same name and version, as the newest of its kind.
    pub(super) fn save_text(
        &self,
        of: TextKind,
        name: &str,
        version: &str,
        content: &str,
    ) -> Result<(), StoreError> {
        self.check_writable()?;
        let documents = self.tables.documents(of);
        let (last, there) = (documents.list()?.pop(), documents.read(name, version)?);
        // The same once more would only make the copy longer.
        if let (Some(last), Some((there, text))) = (last, there)
            && last == there
            && text == content
        {
            return Ok(());
        }
        let saved_at = documents.next_time(SystemTime::now())?;
        let entry = || Entry::Text {
            of,
            name: name.to_owned(),
            version: version.to_owned(),
            saved_at: nanoseconds(saved_at),
            content: content.to_owned(),
        };
        let copy = |journals: Journals| journals.append(&journals.of_text(of, name), &[entry()]);
        self.keep(
            || self.journals().map_or(Ok(()), copy),
            || documents.save(name, version, saved_at, content),
        )
    }

    /// A text, unless it is absent or damaged.
    pub(super) fn text(&self, of: TextKind, name: &str, version: &str) -> Result<Option<String>, StoreError> {
        Ok(self.tables.documents(of).read(name, version)?.map(|(_, content)| content))
    }

    /// Removes a text, if it is there.
    pub(super) fn remove_text(&self, of: TextKind, name: &str, version: &str) -> Result<(), StoreError> {
        let documents = self.tables.documents(of);
        let Some(header) = documents.find(name, version)? else { return Ok(()) };
        let removed = || Entry::Removed {
            of,
            name: name.to_owned(),
            version: version.to_owned(),
            saved_at: header.saved_at_nanoseconds(),
        };
        let copy = |journals: Journals| journals.append(&journals.of_text(of, name), &[removed()]);
        self.keep(|| self.journals().map_or(Ok(()), copy), || documents.remove(name, version).map(|_| ()))
    }

    /// Brings everything to the disk.
    pub(super) fn flush(&self) -> Result<(), StoreError> {
        let (Some(OnDisk { db, .. }), Some(dir)) = (&self.on_disk, self.dir()) else { return Ok(()) };
        sled_calls::flush(db).map_err(|e| disk::failure("write", dir, e))?;
        Ok(())
    }

    /// Compares database and plain copies, and completes both.
    pub(super) fn agree(&self) -> Result<Agreed, StoreError> {
        let (mirror, journals) = (self.mirror(), self.journals());
        match (&mirror, &journals) {
            (Some(mirror), Some(journals)) => {
                copies::agree(&self.tables, mirror, journals, self.is_writable())
            }
            _ => Ok(Agreed { notices: Vec::new(), is_complete: true }),
        }
    }

    /// Imports what only the plain copies have, and copies what only the database has.
    fn agree_with_copies(&mut self) -> Result<Vec<String>, StoreError> {
        let Some(dir) = self.dir().map(Path::to_path_buf) else { return Ok(Vec::new()) };
        let state = copies::state(&dir);
        let known = self.on_disk.as_ref().map(|OnDisk { db, .. }| sled_calls::guarded(|| db.get(COPIES_KEY)));
        let known = known.transpose().map_err(|e| disk::failure("read", &dir, e))?.flatten();
        self.known_copies = known.and_then(|known| <[u8; 32]>::try_from(&*known).ok());
        if self.known_copies == Some(state) {
            return Ok(Vec::new());
        }
        let agreed = self.agree()?;
        *self.copies_differ.get_mut() = !agreed.is_complete;
        self.remember_copies();
        Ok(agreed.notices)
    }

    /// Notes that database and plain copies agree, so that the next start need not compare them. If that cannot be written, it
    /// does.
    fn remember_copies(&mut self) {
        let (Some(OnDisk { db, .. }), Some(dir)) = (&self.on_disk, self.dir()) else { return };
        if !self.is_writable() || self.copies_differ.load(Ordering::Relaxed) {
            return;
        }
        let state = copies::state(dir);
        if self.known_copies != Some(state) {
            let kept =
                sled_calls::guarded(|| db.insert(COPIES_KEY, &state).and_then(|_| sled_calls::flush(db)));
            self.known_copies = kept.ok().map(|()| state);
        }
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        if self.on_disk.is_none() {
            return;
        }
        self.remember_copies();
        let tables = std::mem::replace(&mut self.tables, Tables::in_memory());
        disk::close((tables, self.on_disk.take()));
        if let Some(Place { dir, mode }) = self.place.as_ref().filter(|_| self.unwritable.is_none()) {
            mode.give_to(&disk::folder(dir));
        }
    }
}

/// Whether a store was ever in this directory.
fn is_store(dir: &Path) -> bool {
    ["sled", "prompt-sets", "generations", "runs.jsonl"].iter().any(|name| dir.join(name).exists())
}

/// Removes what killed processes left unfinished. Only who has the lock may.
fn sweep_all(dir: &Path) {
    files::sweep(dir);
    for folder in ["prompt-sets", "blobs", "generations"].map(|name| dir.join(name)) {
        files::sweep(&folder);
    }
    for entry in fs::read_dir(dir.join("prompt-sets")).into_iter().flatten().flatten() {
        files::sweep(&entry.path());
    }
}

/// The database of the store at `dir`, opened as a copy of this process's own, or why that cannot be: sled opens nothing without
/// writing to it.
fn copied_database(dir: &Path) -> Result<(Tables, OnDisk), String> {
    let words = |error: io::Error| error.to_string();
    let files = disk::folder(dir);
    if files.join("db").metadata().map_err(words)?.len() > LARGEST_COPY {
        return Err("it is too large for a copy".to_owned());
    }
    let folder = tempfile::tempdir().map_err(words)?;
    let fresh = folder.path().join("fresh");
    fs::create_dir(&fresh).map_err(words)?;
    let copy = salvage::copy_as_it_is(&files, &folder.path().join("copy"))
        .and_then(|copy| Tables::of(disk::open_files(&copy, folder.path())?, folder.path()));
    let (tables, db) = match copy {
        // What can be read of it.
        Err(StoreError::Damaged { .. }) => {
            let db = disk::open_files(&fresh, folder.path()).map_err(|e| e.to_string())?;
            let (tables, db) = Tables::of(db, folder.path()).map_err(|e| e.to_string())?;
            salvage::read_out(&files, folder.path(), &tables).map_err(|e| e.to_string())?;
            (tables, db)
        }
        copy => copy.map_err(|e| e.to_string())?,
    };
    Ok((tables, OnDisk { db, _copy: Some(folder) }))
}
