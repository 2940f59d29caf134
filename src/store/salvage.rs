//! Saves what can be read of a damaged database into a new one, and puts a new database in the place of the old.
//!
//! A database is read in up to three ways: as it is, without sled's snapshot (which sled makes again from its log), and with
//! the log cut behind its last whole segment. Each is done to a copy; nothing happens to the files themselves before all
//! that can be read is safe in a new database.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::files::{self, FolderMode};
use super::record::Change;
use super::table::{BATCH, Table};
use super::tables::Tables;
use super::{StoreError, disk, record};

/// Bytes of a segment of sled's log.
const SEGMENT: u64 = 512 << 10;

/// A whole database that is about to take the old one's place.
const NEW: &str = "sled-new";

/// A way to read a damaged database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    AsItIs,
    WithoutSnapshot,
    WithCutLog,
}

/// What came of reading a damaged database.
#[derive(Debug, Default)]
pub(super) struct ReadOut {
    /// A way in which everything could be read.
    whole: Option<Way>,
}

/// Copies the files of a database, without what other processes left unfinished, to the new folder `to`, and gives that.
///
/// # Errors
/// What prevents reading or writing.
pub(super) fn copy_as_it_is(files: &Path, to: &Path) -> Result<PathBuf, StoreError> {
    copy(files, to, Way::AsItIs)?;
    Ok(to.to_owned())
}

fn copy(files: &Path, to: &Path, way: Way) -> Result<(), StoreError> {
    remove_folder(to).map_err(|e| StoreError::io("remove", to, e))?;
    let make = |folder: &Path| {
        FolderMode::PRIVATE.make_folder(folder).map_err(|e| StoreError::io("make", folder, e))
    };
    make(to)?;
    for (from, name) in regular_files(files).map_err(|e| StoreError::io("read", files, e))? {
        let is_wanted = match name.as_str() {
            "db" => true,
            "conf" => way == Way::AsItIs,
            _ => way == Way::AsItIs && name.starts_with("snap.") && !name.ends_with(".generating"),
        };
        if is_wanted {
            copy_file(&from, &to.join(&name))?;
        }
    }
    let (blobs, to_blobs) = (files.join("blobs"), to.join("blobs"));
    if blobs.is_dir() {
        make(&to_blobs)?;
        for (from, name) in regular_files(&blobs).map_err(|e| StoreError::io("read", &blobs, e))? {
            copy_file(&from, &to_blobs.join(name))?;
        }
    }
    if way == Way::WithCutLog {
        let db = to.join("db");
        let cut = || {
            let file = fs::File::options().write(true).open(&db)?;
            let length = file.metadata()?.len();
            file.set_len(length.saturating_sub(1) / SEGMENT * SEGMENT)
        };
        match cut() {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(StoreError::io("write", &db, e)),
            _ => {}
        }
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path) -> Result<(), StoreError> {
    // Reading and writing apart, so that the error names the right one.
    let mut read = fs::File::open(from).map_err(|e| StoreError::io("read", from, e))?;
    let mut write = FolderMode::PRIVATE
        .options()
        .create(true)
        .truncate(true)
        .write(true)
        .open(to)
        .map_err(|e| StoreError::io("write", to, e))?;
    io::copy(&mut read, &mut write).map_err(|e| StoreError::io("copy", from, e))?;
    Ok(())
}

/// The regular files in a folder, with their names; none where there is no such folder.
fn regular_files(folder: &Path) -> io::Result<Vec<(PathBuf, String)>> {
    let entries = match fs::read_dir(folder) {
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.is_file() {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            found.push((path, name));
        }
    }
    Ok(found)
}

fn remove_folder(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

/// Reads everything that can be read of the database in the folder `files` into the empty tables `into`; copies are made in the
/// folder `work`.
///
/// # Errors
/// What prevents copying, or writing `into`: a disk's failure is no damage.
pub(super) fn read_out(files: &Path, work: &Path, into: &Tables) -> Result<ReadOut, StoreError> {
    let mut read_out = ReadOut::default();
    // Tables of which everything is there already.
    let mut complete: BTreeMap<&str, bool> = BTreeMap::new();
    for way in [Way::AsItIs, Way::WithoutSnapshot, Way::WithCutLog] {
        let folder = work.join("sled-old.part");
        copy(files, &folder, way)?;
        let opened = disk::open_files(&folder, work).and_then(|db| Tables::of(db, work));
        let (tables, db) = match opened {
            Ok(opened) => opened,
            Err(StoreError::Damaged { .. }) => continue,
            Err(error) => return Err(error),
        };
        let read = disk::muted(|| {
            for ((name, from), (_, to)) in tables.kept().into_iter().zip(into.kept()) {
                if !complete.get(name).copied().unwrap_or_default() {
                    let all = take_over(from, to)?;
                    complete.insert(name, all);
                }
            }
            Ok::<(), StoreError>(())
        });
        disk::close((tables, db));
        remove_folder(&folder).map_err(|e| StoreError::io("remove", &folder, e))?;
        read?;
        if complete.values().all(|all| *all) {
            read_out.whole = Some(way);
            break;
        }
    }
    Ok(read_out)
}

/// Adds everything whole that one database has to another, empty one.
///
/// # Errors
/// What prevents reading or writing.
pub(super) fn take_over_all(from: &Tables, to: &Tables) -> Result<(), StoreError> {
    for ((_, from), (_, to)) in from.kept().into_iter().zip(to.kept()) {
        let mut batch: Vec<Change> = Vec::new();
        from.each(|key, bytes| {
            if record::is_whole(&key, bytes) {
                batch.push((key, Some(bytes.to_vec())));
            }
            if batch.len() == BATCH {
                to.apply(std::mem::take(&mut batch))?;
            }
            Ok::<(), StoreError>(())
        })?;
        to.apply(batch)?;
    }
    Ok(())
}

/// Adds the whole records of one table that another lacks, and says whether everything could be read.
fn take_over(from: &Table, to: &Table) -> Result<bool, StoreError> {
    let mut batch: Vec<Change> = Vec::new();
    let mut all_whole = true;
    let all = from.each_readable(|key, bytes| {
        if !record::is_whole(&key, bytes) {
            all_whole = false;
            return Ok::<(), StoreError>(());
        }
        if to.get(&key)?.is_none() {
            batch.push((key, Some(bytes.to_vec())));
        }
        if batch.len() == BATCH {
            to.apply(std::mem::take(&mut batch))?;
        }
        Ok(())
    })?;
    to.apply(batch)?;
    Ok(all && all_whole)
}

/// Replaces the damaged database of the store at `dir`, which this process has the lock of, by what can be read of it, and says
/// what came of that. The damaged files are set aside, unless nothing of them is lost.
///
/// # Errors
/// What the disk refuses; everything is as it was then.
pub(super) fn repair(dir: &Path, mode: FolderMode, reason: &str) -> Result<String, StoreError> {
    let (files, fresh) = (disk::folder(dir), dir.join(format!("{NEW}.part")));
    let made = rebuild(dir, &fresh, mode, |into| read_out(&files, dir, into));
    let (read, saved) = match made {
        Ok(made) => made,
        Err(error) => {
            let _swept_later = (fs::remove_dir_all(&fresh), fs::remove_dir_all(dir.join("sled-old.part")));
            return Err(error);
        }
    };
    // sled makes its snapshot and its configuration again from nothing.
    let nothing_is_lost = match read.whole {
        Some(Way::AsItIs) => true,
        Some(Way::WithoutSnapshot) => is_beside_the_log(&files),
        Some(Way::WithCutLog) | None => false,
    };
    let aside = put_in_place(dir, &fresh, nothing_is_lost)?;
    Ok(match aside {
        None => format!("the store's database was mended ({reason}); nothing is lost"),
        Some(aside) => format!(
            "the store was damaged ({reason}): {saved} could be read; the damaged files are now in {}, until `cupl-tui store \\
             remove-damaged` removes them",
            aside.display()
        ),
    })
}

/// Makes a database in the new folder `fresh` with what `fill` puts into it, and says what there is in it.
pub(super) fn rebuild<T>(
    dir: &Path,
    fresh: &Path,
    mode: FolderMode,
    fill: impl FnOnce(&Tables) -> Result<T, StoreError>,
) -> Result<(T, String), StoreError> {
    remove_folder(fresh).map_err(|e| StoreError::io("remove", fresh, e))?;
    mode.make_folder(fresh).map_err(|e| StoreError::io("make", fresh, e))?;
    let (tables, db) = Tables::of(disk::open_files(fresh, dir)?, dir)?;
    let filled = fill(&tables).and_then(|filled| Ok((filled, in_words(&tables)?)));
    disk::close((tables, db));
    mode.give_to(fresh);
    filled
}

/// `3 prompt set version(s), 2 run(s)`.
fn in_words(tables: &Tables) -> Result<String, StoreError> {
    let counted = [
        (tables.prompt_sets.len()?, "prompt set version(s)"),
        (tables.histories.len()?, "history(ies)"),
        (tables.samples.len()?, "answer(s)"),
        (tables.generations.len()?, "generation(s)"),
        (tables.runs.len()?, "run(s)"),
    ];
    let parts: Vec<String> = counted
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    Ok(if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") })
}

/// Puts the whole database `fresh` in the place of the store's, which is removed or set aside: where it is then. Whenever it is
/// interrupted, [`finish_replacing`] finds one of both whole.
pub(super) fn put_in_place(dir: &Path, fresh: &Path, removed: bool) -> Result<Option<PathBuf>, StoreError> {
    let (files, new, old) = (disk::folder(dir), dir.join(NEW), dir.join("sled-old.part"));
    let replaced = || {
        remove_folder(&new)?;
        remove_folder(&old)?;
        fs::rename(fresh, &new)?;
        files::sync_folder(dir)?;
        let aside = match removed {
            true => fs::rename(&files, &old).map(|()| None)?,
            false => Some(files::set_aside(&files)?),
        };
        fs::rename(&new, &files)?;
        files::sync_folder(dir)?;
        // What is left of it is swept.
        let _swept_later = fs::remove_dir_all(&old);
        Ok(aside)
    };
    replaced().map_err(|e| StoreError::io("replace", &files, e))
}

/// Brings to an end what [`put_in_place`] was killed at.
///
/// # Errors
/// What the disk refuses.
pub(super) fn finish_replacing(dir: &Path) -> Result<(), StoreError> {
    let (files, new) = (disk::folder(dir), dir.join(NEW));
    if new.symlink_metadata().is_err() {
        return Ok(());
    }
    let finished = match files.exists() {
        true => remove_folder(&new),
        false => fs::rename(&new, &files).and_then(|()| files::sync_folder(dir)),
    };
    finished.map_err(|e| StoreError::io("replace", &files, e))
}

/// Whether what is damaged is the snapshot or the configuration of a database, which both end in their checksum.
fn is_beside_the_log(files: &Path) -> bool {
    let is_whole = |path: &Path| {
        let Ok(bytes) = fs::read(path) else { return false };
        bytes.split_last_chunk::<4>().is_some_and(|(content, sum)| {
            // A snapshot has its length in front of the checksum, which is not part of what is summed.
            let content = match path.ends_with("conf") {
                true => content,
                false => &content[..content.len().saturating_sub(8)],
            };
            crc32fast::hash(content).to_le_bytes() == *sum
        })
    };
    let entries = fs::read_dir(files).into_iter().flatten().flatten().map(|entry| entry.path());
    let named = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name == "conf" || name.starts_with("snap.")
    };
    entries.filter(named).any(|path| !is_whole(&path))
}
