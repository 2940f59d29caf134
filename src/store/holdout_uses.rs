//! Numbers that only grow: how often something was done.

use super::{Key, Store, StoreError, record};

impl Store {
    /// How often [`Store::count`] was called for this key.
    ///
    /// # Errors
    /// What prevents reading.
    pub fn counted(&self, key: &Key) -> Result<u64, StoreError> {
        let record = self.tables().counters.get(key)?;
        let value = record.as_deref().and_then(|record| record::decode_bytes(key, record));
        Ok(value.and_then(|value| value.try_into().ok()).map_or(0, u64::from_le_bytes))
    }

    /// Counts once more, and returns the new number.
    ///
    /// # Errors
    /// What prevents writing.
    pub fn count(&self, key: &Key) -> Result<u64, StoreError> {
        let _turn = self.begin_change();
        let number = self.counted(key)? + 1;
        let record = record::encode_bytes(key, &number.to_le_bytes());
        self.tables().counters.apply(vec![(*key, Some(record))])?;
        Ok(number)
    }
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
