//! What is in files, by its hash: read, unless the state of a file says that it still holds what was read before.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

use rayon::prelude::*;

use crate::clip::{Checkpoint, CheckpointFile, ClipError, FileContent};
use crate::dataset::PictureSource;
use crate::store::{FileStamp, Hash, Store};
use crate::workbench::error::WorkbenchError;

/// One image to embed.
#[derive(Debug, Clone, Copy)]
pub struct NamedPicture<'a> {
    /// As it is shown and reported.
    pub name: &'a str,
    /// Where its pixels are.
    pub source: &'a PictureSource,
}

/// Bytes of files of checkpoints that are always read: configurations and tokenizers, at no cost that anybody notices.
const ALWAYS_READ: u64 = 4 << 20;

/// The state of each picture's file; none for what is not a file.
pub(in crate::workbench) fn stamps(pictures: &[NamedPicture<'_>], store: &Store) -> Vec<Option<FileStamp>> {
    let mut archives: HashMap<&Path, Option<FileStamp>> = HashMap::new();
    for picture in pictures {
        if let Some((path, Some(_))) = picture.source.file() {
            archives.entry(path).or_insert_with(|| store.stamp(path).ok());
        }
    }
    let stamp = |picture: &NamedPicture<'_>| match picture.source.file()? {
        (path, None) => store.stamp(path).ok(),
        (path, Some(member)) => Some(archives.get(path)?.as_ref()?.member(member)),
    };
    pictures.par_iter().map(stamp).collect()
}

/// Leaves out the states of pictures whose files changed since, while they were read perhaps.
pub(in crate::workbench) fn leave_out_changed(
    pictures: &[NamedPicture<'_>],
    stamps: &mut [Option<FileStamp>],
    store: &Store,
) {
    for (stamp, now) in stamps.iter_mut().zip(self::stamps(pictures, store)) {
        *stamp = stamp.take().filter(|before| now.is_some_and(|now| !now.differs_from(before)));
    }
}

/// A hash over every file that decides a checkpoint's results. Large files that did not change since the store last saw
/// them are not read again.
///
/// # Errors
/// [`WorkbenchError::Read`].
pub fn checkpoint_fingerprint(checkpoint: &Checkpoint, store: &Store) -> Result<Hash, WorkbenchError> {
    files_hash(&checkpoint.files(), store)
}

/// What `load` reads of a checkpoint's files, as long as they are those that the fingerprint was made of.
///
/// # Errors
/// Those of `load`; [`WorkbenchError::Outdated`] where a file changed since the fingerprint was made.
pub(in crate::workbench) fn load_unchanged<T>(
    checkpoint: &Checkpoint,
    fingerprint: Hash,
    store: &Store,
    load: impl FnOnce(&Checkpoint) -> Result<T, ClipError>,
) -> Result<T, WorkbenchError> {
    let loaded = load(checkpoint)?;
    match checkpoint_fingerprint(checkpoint, store)? == fingerprint {
        true => Ok(loaded),
        false => Err(WorkbenchError::Outdated { what: "the checkpoint's files" }),
    }
}

/// A hash over names and contents of files.
pub(in crate::workbench) fn files_hash(
    files: &[CheckpointFile],
    store: &Store,
) -> Result<Hash, WorkbenchError> {
    let mut hasher = blake3::Hasher::new();
    for file in files {
        let hash = match &file.content {
            FileContent::Bytes(bytes) => blake3::hash(bytes),
            FileContent::Path(path) => file_hash(path, store)?,
        };
        hasher.update(blake3::hash(file.name.as_bytes()).as_bytes());
        hasher.update(hash.as_bytes());
    }
    Ok(hasher.finalize())
}

fn file_hash(path: &Path, store: &Store) -> Result<Hash, WorkbenchError> {
    let unreadable = |source| WorkbenchError::Read { path: path.to_owned(), source };
    let stamp = store.stamp(path).map_err(unreadable)?;
    let is_large = stamp.length() > ALWAYS_READ;
    // What a store cannot be asked is read.
    let known = if is_large { store.file_hashes(std::slice::from_ref(&stamp)) } else { Ok(Vec::new()) };
    if let Some(hash) = known.unwrap_or_default().into_iter().flatten().next() {
        return Ok(hash);
    }
    let file = File::open(stamp.path()).map_err(unreadable)?;
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file).map_err(unreadable)?;
    let hash = hasher.finalize();
    if is_large && store.stamp(path).is_ok_and(|now| !now.differs_from(&stamp)) {
        // A store that cannot be written to is reported when embeddings are saved.
        let _kept = store.save_file_hashes(&[(stamp, hash)]);
    }
    Ok(hash)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::clip::CheckpointSource;
    use crate::store::{keeping_the_time, tick};

    #[test]
    fn a_file_of_any_size_is_read_again_once_it_changed() {
        for length in [3, ALWAYS_READ as usize, ALWAYS_READ as usize + 1] {
            let dir = tempfile::tempdir().unwrap();
            let (path, store) = (dir.path().join("weights"), Store::in_memory().trusting_new_files());
            let mut content = vec![7; length];
            for round in 0..3 {
                content[length - 1] = round;
                match round {
                    0 => fs::write(&path, &content).unwrap(),
                    _ => {
                        tick(&path);
                        keeping_the_time(&path, || fs::write(&path, &content).unwrap());
                    }
                }
                for _ in 0..2 {
                    assert_eq!(file_hash(&path, &store).unwrap(), blake3::hash(&content), "{length} {round}");
                }
            }
            let large = length as u64 > ALWAYS_READ;
            assert_eq!(store.counts().unwrap().file_hashes, if large { 3 } else { 0 });
        }
    }

    #[test]
    fn what_is_known_of_a_large_file_is_not_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let (path, store) = (dir.path().join("weights"), Store::in_memory().trusting_new_files());
        fs::write(&path, vec![0; ALWAYS_READ as usize + 1]).unwrap();
        let other = blake3::hash(b"as somebody remembers it");
        store.save_file_hashes(&[(store.stamp(&path).unwrap(), other)]).unwrap();
        assert_eq!(file_hash(&path, &store).unwrap(), other);
        for reading in [store.reading_every_file(), Store::in_memory()] {
            assert_ne!(file_hash(&path, &reading).unwrap(), other);
        }
    }

    #[test]
    fn what_was_loaded_has_the_fingerprint() {
        let dir = tempfile::tempdir().unwrap();
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/clip/tiny-quickgelu");
        for entry in fs::read_dir(fixture).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), dir.path().join(entry.file_name())).unwrap();
        }
        let checkpoint = Checkpoint::open(CheckpointSource::Directory(dir.path().to_owned())).unwrap();
        let store = Store::in_memory();
        let fingerprint = checkpoint_fingerprint(&checkpoint, &store).unwrap();
        let weights = dir.path().join("model.safetensors");
        let load = |change: bool| {
            load_unchanged(&checkpoint, fingerprint, &store, |checkpoint| {
                if change {
                    let mut bytes = fs::read(&weights).unwrap();
                    *bytes.last_mut().unwrap() ^= 1;
                    keeping_the_time(&weights, || fs::write(&weights, bytes).unwrap());
                }
                checkpoint.logit_scale()
            })
        };
        load(false).unwrap();
        assert!(matches!(load(true), Err(WorkbenchError::Outdated { what: "the checkpoint's files" })));
        load(true).unwrap();
    }
}
