//! Numbers that only grow: how often something was done.

use super::journal::Entry;
use super::tables::Tables;
use super::{Key, Store, StoreError, record};

impl Store {
    /// How often [`Store::count`] was called for this key.
    ///
    /// # Errors
    /// What prevents reading.
    pub fn counted(&self, key: &Key) -> Result<u64, StoreError> {
        count_of(&self.opened()?.tables, key)
    }

    /// Counts once more, and returns the new number.
    ///
    /// # Errors
    /// What prevents writing.
    pub fn count(&self, key: &Key) -> Result<u64, StoreError> {
        let open = self.begin_change()?;
        let number = count_of(&open.tables, key)?.saturating_add(1);
        open.keep(
            || {
                open.journals().map_or(Ok(()), |journals| {
                    journals.append(&journals.of_counters(), &[Entry::counter(key, number)])
                })
            },
            || open.tables.counters.apply(vec![(*key, Some(counter_record(key, number)))]),
        )?;
        Ok(number)
    }
}

/// The number under a key; 0 where there is none.
pub(super) fn count_of(tables: &Tables, key: &Key) -> Result<u64, StoreError> {
    let record = tables.counters.get(key)?;
    Ok(record.as_deref().and_then(|record| decode_counter(key, record)).unwrap_or_default())
}

/// The record of a number under a key.
pub(super) fn counter_record(key: &Key, number: u64) -> Vec<u8> {
    record::encode_bytes(key, &number.to_le_bytes())
}

/// The number in a record, if it is a whole one.
pub(super) fn decode_counter(key: &Key, bytes: &[u8]) -> Option<u64> {
    record::decode_bytes(key, bytes)?.try_into().ok().map(u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_by_key_and_over_starts() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (Key::from_parts(&[b"a"]), Key::from_parts(&[b"b"]));
        let store = Store::open(dir.path()).unwrap().store;
        assert_eq!([store.count(&a).unwrap(), store.count(&a).unwrap(), store.count(&b).unwrap()], [1, 2, 1]);
        drop(store);
        let store = Store::open(dir.path()).unwrap().store;
        assert_eq!((store.counted(&a).unwrap(), store.count(&a).unwrap()), (2, 3));
        assert_eq!(Store::in_memory().counted(&a).unwrap(), 0);
    }
}
