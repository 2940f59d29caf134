//! One table of records by key: a tree of sled, a file of records, or a map in memory for a session that keeps nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{PoisonError, RwLock};

use rayon::slice::ParallelSliceMut;

use super::record::Change;
use super::record_file::{Place, RecordFile};
use super::sled_calls::guarded;
use super::{Key, StoreError, disk, sled_calls};

/// The records that one batch writes.
///
/// sled keeps a batch together in memory until it is on disk; 256 embeddings are about half a megabyte.
pub(super) const BATCH: usize = 256;

pub(super) enum Table {
    Disk { tree: sled::Tree, dir: PathBuf },
    File(RecordFile),
    Memory(RwLock<BTreeMap<Key, Vec<u8>>>),
}

impl Table {
    pub(super) fn in_memory() -> Self {
        Self::Memory(RwLock::default())
    }

    pub(super) fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        match self {
            Self::Disk { tree, dir } => {
                let found = guarded(|| tree.get(key.as_bytes()));
                Ok(found.map_err(|e| disk::failure("read", dir, e))?.map(|record| record.to_vec()))
            }
            Self::File(file) => file.get(key),
            Self::Memory(map) => Ok(map.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()),
        }
    }

    /// Makes the changes in order, in batches that are on disk whole or not at all, and returns when all are there.
    pub(super) fn apply(&self, changes: Vec<Change>) -> Result<(), StoreError> {
        match self {
            Self::Disk { tree, dir } => {
                for changes in changes.chunks(BATCH) {
                    let mut batch = sled::Batch::default();
                    for (key, record) in changes {
                        match record {
                            Some(record) => batch.insert(key.as_bytes(), record.as_slice()),
                            None => batch.remove(key.as_bytes()),
                        }
                    }
                    guarded(|| tree.apply_batch(batch).and_then(|()| sled_calls::flush(tree)))
                        .map_err(|e| disk::failure("write", dir, e))?;
                }
            }
            Self::File(file) => file.apply(&changes)?,
            Self::Memory(map) => {
                let mut map = map.write().unwrap_or_else(PoisonError::into_inner);
                for (key, record) in changes {
                    match record {
                        Some(record) => map.insert(key, record),
                        None => map.remove(&key),
                    };
                }
            }
        }
        Ok(())
    }

    /// In which order many keys are best asked for: as their records stand on the disk, where neighbours are read from one page.
    pub(super) fn reading_order(&self, keys: &[Key]) -> Vec<usize> {
        let mut order: Vec<usize> = (0..keys.len()).collect();
        match self {
            Self::File(file) => {
                let places: Vec<Option<Place>> = keys.iter().map(|key| file.place(key)).collect();
                order.par_sort_unstable_by_key(|&at| places[at]);
            }
            Self::Disk { .. } | Self::Memory(_) => order.par_sort_unstable_by_key(|&at| keys[at].as_bytes()),
        }
        order
    }

    /// Shows every record to `visit`, in the order in which they are kept, until it fails. `visit` must not change this table.
    pub(super) fn each<E: From<StoreError>>(
        &self,
        mut visit: impl FnMut(Key, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Self::Disk { tree, dir } => {
                let mut records = tree.iter();
                let mut next = || guarded(|| records.next().transpose());
                while let Some((key, record)) = next().map_err(|e| disk::failure("read", dir, e))? {
                    if let Ok(key) = <[u8; 32]>::try_from(&*key) {
                        visit(Key::from_bytes(key), &record)?;
                    }
                }
                Ok(())
            }
            Self::File(file) => file.each(visit),
            Self::Memory(map) => {
                let map = map.read().unwrap_or_else(PoisonError::into_inner);
                map.iter().try_for_each(|(key, record)| visit(*key, record))
            }
        }
    }

    /// Shows every record that can be read to `visit`, in the order of the keys, and goes on behind what cannot: whether all
    /// could be read. For damaged files, which may lead in circles too.
    pub(super) fn each_readable<E: From<StoreError>>(
        &self,
        mut visit: impl FnMut(Key, &[u8]) -> Result<(), E>,
    ) -> Result<bool, E> {
        let Self::Disk { tree, .. } = self else { return self.each(visit).map(|()| true) };
        let (mut start, mut all) = (Vec::new(), true);
        // In parts of 1/65,536 of the keys, which are spread evenly; farther with each failure.
        let mut leap = 1_u32;
        'part: loop {
            let mut records = tree.range(start.clone()..);
            loop {
                match guarded(|| records.next().transpose()) {
                    Ok(None) => return Ok(all),
                    Ok(Some((key, _))) if *key < *start => return Ok(false),
                    Ok(Some((key, record))) => {
                        start = [&*key, &[0]].concat();
                        leap = 1;
                        if let Ok(key) = <[u8; 32]>::try_from(&*key) {
                            visit(Key::from_bytes(key), &record)?;
                        }
                    }
                    Err(_) => {
                        all = false;
                        let beginning = |at: usize| u32::from(start.get(at).copied().unwrap_or_default());
                        let Ok(next) = u16::try_from((beginning(0) << 8 | beginning(1)) + leap) else {
                            return Ok(false);
                        };
                        start = next.to_be_bytes().to_vec();
                        leap *= 2;
                        continue 'part;
                    }
                }
            }
        }
    }

    /// Number of records. (`sled::Tree::len` counts for ever in a damaged file.)
    pub(super) fn len(&self) -> Result<usize, StoreError> {
        if let Self::File(file) = self {
            return Ok(file.len());
        }
        let mut count = 0;
        self.each(|_, _| {
            count += 1;
            Ok::<(), StoreError>(())
        })?;
        Ok(count)
    }
}
