//! Answers of language models, each kept the moment it is there, and what is being generated, by name.

use super::journal::{Entry, TextKind};
use super::{Key, Store, StoreError, record};

/// The one version that a generation has.
const NOW: &str = "now";

impl Store {
    /// The answers under `keys`, in their order.
    ///
    /// # Errors
    /// What prevents reading.
    pub fn samples(&self, keys: &[Key]) -> Result<Vec<Option<String>>, StoreError> {
        let open = self.opened()?;
        let read = |key: &Key| {
            let record = open.tables.samples.get(key)?;
            let bytes = record.as_deref().and_then(|record| record::decode_bytes(key, record));
            Ok(bytes.and_then(|bytes| String::from_utf8(bytes.to_vec()).ok()))
        };
        keys.iter().map(read).collect()
    }

    /// Keeps an answer that came for a generation. When this returns, it outlives the process, however that ends, and the
    /// database, whatever becomes of it: it is in the generation's plain copy too.
    ///
    /// # Errors
    /// What prevents writing.
    pub fn save_sample(&self, generation: &str, key: &Key, content: &str) -> Result<(), StoreError> {
        let open = self.begin_change()?;
        open.keep(
            || {
                open.journals().map_or(Ok(()), |journals| {
                    journals.append(&journals.of_generation(generation), &[Entry::answer(key, content)])
                })
            },
            || open.tables.samples.apply(vec![(*key, Some(record::encode_bytes(key, content.as_bytes())))]),
        )
    }

    /// What is generated under a name, if something is.
    ///
    /// # Errors
    /// What prevents reading.
    pub fn generation(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.opened()?.text(TextKind::Generation, name, NOW)
    }

    /// Keeps what is generated under a name, in place of what was kept before.
    ///
    /// # Errors
    /// What prevents writing.
    pub fn save_generation(&self, name: &str, content: &str) -> Result<(), StoreError> {
        self.begin_change()?.save_text(TextKind::Generation, name, NOW, content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_jobs_of_a_process_share_a_store() {
        let folder = tempfile::tempdir().unwrap();
        let key = Key::from_parts(&[b"a"]);
        let first = Store::open(folder.path()).unwrap().store;
        let threads: Vec<_> = (0..4)
            .map(|thread: u8| {
                let path = folder.path().to_owned();
                std::thread::spawn(move || {
                    for round in 0..10 {
                        let store = Store::open(&path).unwrap().store;
                        store.save_sample("set", &Key::from_parts(&[&[thread, round]]), "a frog").unwrap();
                    }
                })
            })
            .collect();
        first.save_sample("set", &key, "a cat").unwrap();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        let again = Store::open(folder.path()).unwrap().store;
        drop(first);
        assert_eq!(
            again.samples(&[key, Key::from_parts(&[&[3, 9]])]).unwrap(),
            ["a cat", "a frog"].map(|text| Some(text.to_owned()))
        );
        drop(again);
        assert_eq!(
            Store::open(folder.path()).unwrap().store.samples(&[key]).unwrap(),
            [Some("a cat".to_owned())]
        );
    }

    #[test]
    fn answers_and_generations_outlive_the_store() {
        let folder = tempfile::tempdir().unwrap();
        let keys = [Key::from_parts(&[b"a"]), Key::from_parts(&[b"b"])];
        {
            let store = Store::open(folder.path()).unwrap().store;
            store.save_sample("set", &keys[1], "a frog").unwrap();
            store.save_generation("pets", "one").unwrap();
            store.save_generation("pets", "two").unwrap();
        }
        let store = Store::open(folder.path()).unwrap().store;
        assert_eq!(store.samples(&keys).unwrap(), [None, Some("a frog".to_owned())]);
        assert_eq!(store.generation("pets").unwrap().as_deref(), Some("two"));
        assert_eq!(store.generation("birds").unwrap(), None);
    }
}
