//! Embeddings by key, and the content hashes of files that need not be read again.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use blake3::Hash;
use rayon::prelude::*;

use super::{Key, Store, StoreError, record};

/// A state of a file that the operating system tells without reading it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FileStamp {
    /// The absolute path.
    pub path: PathBuf,
    /// Bytes.
    pub length: u64,
    /// Time of the last change, in nanoseconds since 1970 (negative before).
    pub modified: i128,
    /// The number of a part of the file, where only that is meant.
    pub member: Option<u64>,
}

impl FileStamp {
    /// The stamp of the file at `path` now.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn of(path: &Path) -> io::Result<Self> {
        let metadata = std::fs::metadata(path)?;
        Ok(Self {
            path: std::path::absolute(path)?,
            length: metadata.len(),
            modified: nanoseconds(metadata.modified()?),
            member: None,
        })
    }

    /// The same state of a part of the file.
    #[must_use]
    pub fn member(&self, member: u64) -> Self {
        Self { member: Some(member), ..self.clone() }
    }

    /// A key that no other state of any file has.
    pub fn key(&self) -> Key {
        let path = self.path.as_os_str().as_encoded_bytes();
        let (length, modified) = (self.length.to_le_bytes(), self.modified.to_le_bytes());
        match self.member {
            None => Key::of(&[b"file", path, &length, &modified]),
            Some(member) => Key::of(&[b"member", path, &length, &modified, &member.to_le_bytes()]),
        }
    }
}

fn nanoseconds(time: SystemTime) -> i128 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => after.as_nanos() as i128,
        Err(before) => -(before.duration().as_nanos() as i128),
    }
}

/// What `read` finds under each key, in the order of `keys`. It is asked in the order of the keys' bytes, which is that
/// of the records: neighbours are read from one page, and a page is read once.
fn in_key_order<T: Send>(
    keys: &[Key],
    read: impl Fn(&Key) -> Result<Option<T>, StoreError> + Sync,
) -> Result<Vec<Option<T>>, StoreError> {
    const NEIGHBOURS: usize = 1024;
    let mut order: Vec<usize> = (0..keys.len()).collect();
    order.par_sort_unstable_by_key(|&at| keys[at].as_bytes());
    let found: Vec<Option<T>> = order
        .par_chunks(NEIGHBOURS)
        .flat_map_iter(|neighbours| neighbours.iter().map(|&at| read(&keys[at])))
        .collect::<Result<_, _>>()?;
    let mut results: Vec<Option<T>> = Vec::new();
    results.resize_with(keys.len(), || None);
    for (at, found) in order.into_iter().zip(found) {
        results[at] = found;
    }
    Ok(results)
}

impl Store {
    /// The vectors under `keys`, in their order; `None` where there is none, or one that fails its checksum.
    ///
    /// # Errors
    /// What prevents reading.
    pub fn vectors(&self, keys: &[Key]) -> Result<Vec<Option<Vec<f32>>>, StoreError> {
        in_key_order(keys, |key| {
            let record = self.tables().vectors.get(key)?;
            Ok(record.and_then(|record| record::decode_vector(key, &record)))
        })
    }

    /// Keeps vectors, in batches of 256 that are kept whole or not at all. What a call that returned has kept outlives
    /// the process, however it ends.
    ///
    /// # Errors
    /// What prevents writing; the batches before are kept.
    pub fn save_vectors(&self, items: &[(Key, &[f32])]) -> Result<(), StoreError> {
        let records = items.iter().map(|(key, vector)| (*key, Some(record::encode_vector(key, vector))));
        self.tables().vectors.apply(records.collect())
    }

    /// The content hashes of files in these states, in their order, as far as they were saved.
    ///
    /// # Errors
    /// What prevents reading.
    pub fn file_hashes(&self, stamps: &[FileStamp]) -> Result<Vec<Option<Hash>>, StoreError> {
        let keys: Vec<Key> = stamps.par_iter().map(FileStamp::key).collect();
        in_key_order(&keys, |key| {
            let record = self.tables().file_hashes.get(key)?;
            let bytes = record.as_deref().and_then(|record| record::decode_bytes(key, record));
            Ok(bytes.and_then(|bytes| Hash::from_slice(bytes).ok()))
        })
    }

    /// Remembers the content hashes of files, so that they need not be read again while their stamp is the same.
    ///
    /// # Errors
    /// What prevents writing.
    pub fn save_file_hashes(&self, items: &[(FileStamp, Hash)]) -> Result<(), StoreError> {
        let record = |(stamp, hash): &(FileStamp, Hash)| {
            let key = stamp.key();
            (key, Some(record::encode_bytes(&key, hash.as_bytes())))
        };
        self.tables().file_hashes.apply(items.iter().map(record).collect())
    }
}
