//! Large values that are made from what else is in the store, one file each: lost ones are made again.
//!
//! A blob is read in one go, where the same numbers as records of their own would be ten thousands of lookups. The files
//! together stay below a bound: the ones that were used longest ago go first.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{Key, Store, StoreError, files, record};

/// Bytes of all blobs together.
const BOUND: u64 = 512 << 20;

impl Store {
    /// The blob under `key`; `None` where there is none, or one that fails its checksum.
    ///
    /// # Errors
    /// What prevents reading.
    pub fn blob(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(dir) = self.blob_dir() else { return self.opened()?.tables.blobs.get(key) };
        let path = dir.join(key.to_hex());
        let mut bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            // A folder in its place, or a file in place of the folder, holds nothing.
            Err(e) if e.kind() == io::ErrorKind::NotFound || !path.is_file() => return Ok(None),
            Err(e) => return Err(StoreError::io("read", &path, e)),
        };
        // Used now. A store that cannot be written to is still good to read from.
        let _unmarked = File::open(&path).and_then(|file| file.set_modified(SystemTime::now()));
        let Some(value) = record::decode_bytes(key, &bytes) else { return Ok(None) };
        let header = bytes.len() - value.len();
        bytes.drain(..header);
        Ok(Some(bytes))
    }

    /// Keeps a blob, in place of an earlier one under the same key. A store that cannot be written keeps none, as it was said
    /// when it was opened.
    ///
    /// # Errors
    /// What prevents writing; an earlier one is still there then.
    pub fn save_blob(&self, key: &Key, value: &[u8]) -> Result<(), StoreError> {
        let open = self.opened()?;
        let Some(dir) = self.blob_dir() else {
            return open.tables.blobs.apply(vec![(*key, Some(value.to_vec()))]);
        };
        if !open.is_writable() {
            return Ok(());
        }
        let path = dir.join(key.to_hex());
        let make_way = |path: &Path, is_there: bool| match !is_there && path.symlink_metadata().is_ok() {
            true => files::set_aside(path).map(|_| ()),
            false => Ok(()),
        };
        make_way(&dir, dir.is_dir())
            .and_then(|()| open.mode().make_folder(&dir))
            .and_then(|()| make_way(&path, path.is_file()))
            .and_then(|()| files::replace_with(&path, open.mode(), &record::encode_bytes(key, value)))
            .map_err(|e| StoreError::io("write", &path, e))?;
        keep_within(&dir, BOUND)
    }

    fn blob_dir(&self) -> Option<PathBuf> {
        self.path().map(|dir| dir.join("blobs"))
    }
}

/// Removes the files that were used longest ago until the rest has at most `bound` bytes.
fn keep_within(dir: &Path, bound: u64) -> Result<(), StoreError> {
    let failed = |e| StoreError::io("read", dir, e);
    let mut all = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if let Ok(metadata) = entry.metadata() {
            all.push((metadata.modified().map_err(failed)?, metadata.len(), entry.path()));
        }
    }
    all.sort();
    let mut size: u64 = all.iter().map(|(_, length, _)| length).sum();
    for (_, length, path) in all {
        if size <= bound {
            break;
        }
        match fs::remove_file(&path) {
            // Somebody else made room meanwhile.
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(StoreError::io("remove", &path, e)),
            _ => size -= length,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let dir = tempfile::tempdir().unwrap();
        for (age, name) in [(30, "old"), (20, "middle"), (10, "new")] {
            let path = dir.path().join(name);
            fs::write(&path, [0; 100]).unwrap();
            File::open(&path).unwrap().set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
        }
        keep_within(dir.path(), 300).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
        keep_within(dir.path(), 250).unwrap();
        assert!(!dir.path().join("old").exists() && dir.path().join("middle").exists());
    }

    #[test]
    fn threads_save_one_blob() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap().store;
        for round in 0..30_u8 {
            let (key, value) = (Key::from_parts(&[&[round]]), vec![round; 100_000]);
            thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| store.save_blob(&key, &value).unwrap());
                }
            });
            assert_eq!(store.blob(&key).unwrap(), Some(value));
        }
        assert_eq!(fs::read_dir(dir.path().join("blobs")).unwrap().count(), 30);
    }

    #[test]
    fn blobs_come_back_and_damaged_ones_are_absent() {
        let dir = tempfile::tempdir().unwrap();
        let on_disk = Store::open(dir.path()).unwrap().store;
        for store in [&on_disk, &Store::in_memory()] {
            let key = Key::from_parts(&[b"blob"]);
            assert_eq!(store.blob(&key).unwrap(), None);
            for value in [&b"first"[..], b""] {
                store.save_blob(&key, value).unwrap();
                assert_eq!(store.blob(&key).unwrap().as_deref(), Some(value));
            }
        }
        let key = Key::from_parts(&[b"another"]);
        on_disk.save_blob(&key, b"whole").unwrap();
        let path = dir.path().join("blobs").join(key.to_hex());
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&path, bytes).unwrap();
        assert_eq!(on_disk.blob(&key).unwrap(), None);
    }
}
