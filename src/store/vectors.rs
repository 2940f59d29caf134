//! Embeddings by key, and the content hashes of files that need not be read again.

use blake3::Hash;
use rayon::prelude::*;

use super::table::Table;
use super::{FileStamp, Key, Store, StoreError, record};

/// What `read` finds in a table under each key, in the order of `keys`. It is asked in the order in which the records stand on the
/// disk.
fn in_reading_order<T: Send>(
    table: &Table,
    keys: &[Key],
    read: impl Fn(&Key) -> Result<Option<T>, StoreError> + Sync,
) -> Result<Vec<Option<T>>, StoreError> {
    const NEIGHBOURS: usize = 1024;
    let order = table.reading_order(keys);
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
        let open = self.opened()?;
        in_reading_order(&open.cache.vectors, keys, |key| {
            let record = open.cache.vectors.get(key)?;
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
        self.opened()?.cache.vectors.apply(records.collect())
    }

    /// The content hashes of files in these states, in their order, as far as they were saved and the states stand for the
    /// contents.
    ///
    /// # Errors
    /// What prevents reading.
    pub fn file_hashes(&self, stamps: &[FileStamp]) -> Result<Vec<Option<Hash>>, StoreError> {
        let keys: Vec<Option<Key>> = stamps.par_iter().map(FileStamp::key).collect();
        let known: Vec<Key> = keys.iter().flatten().copied().collect();
        let open = self.opened()?;
        let mut found = in_reading_order(&open.cache.file_hashes, &known, |key| {
            let record = open.cache.file_hashes.get(key)?;
            let bytes = record.as_deref().and_then(|record| record::decode_bytes(key, record));
            Ok(bytes.and_then(|bytes| Hash::from_slice(bytes).ok()))
        })?
        .into_iter();
        Ok(keys.into_iter().map(|key| key.and_then(|_| found.next().flatten())).collect())
    }

    /// Remembers the content hashes of files, so that they need not be read again while their state is the same. States that
    /// do not stand for the contents are left out.
    ///
    /// # Errors
    /// What prevents writing.
    pub fn save_file_hashes(&self, items: &[(FileStamp, Hash)]) -> Result<(), StoreError> {
        let record = |(stamp, hash): &(FileStamp, Hash)| {
            let key = stamp.key()?;
            Some((key, Some(record::encode_bytes(&key, hash.as_bytes()))))
        };
        self.opened()?.cache.file_hashes.apply(items.iter().filter_map(record).collect())
    }
}
