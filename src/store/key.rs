//! The address of a record: a hash of everything that its value depends on.

use blake3::Hash;

/// A fixed-length, content-addressed key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Key([u8; 32]);

impl Key {
    /// The key of a list of parts: the BLAKE3 hash of each part after its length (8 bytes, little-endian), so that
    /// `["ab", "c"]` and `["a", "bc"]` differ.
    pub fn from_parts(parts: &[&[u8]]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Self(*hasher.finalize().as_bytes())
    }

    /// The key with these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key in hexadecimal.
    pub fn to_hex(&self) -> String {
        Hash::from_bytes(self.0).to_hex().to_string()
    }

    /// The key that [`Key::to_hex`] wrote; `None` for any other text.
    pub fn from_hex(hex: &str) -> Option<Self> {
        Some(Self(*Hash::from_hex(hex).ok()?.as_bytes()))
    }

    /// The 32 bytes of the key.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_key_is_the_hash_of_the_length_prefixed_parts() {
        let by_hand = blake3::hash(b"\x02\0\0\0\0\0\0\0ab\x01\0\0\0\0\0\0\0c");
        assert_eq!(Key::from_parts(&[b"ab", b"c"]).as_bytes(), by_hand.as_bytes());
    }

    #[test]
    fn a_key_comes_back_from_hexadecimal() {
        let key = Key::from_parts(&[b"a"]);
        assert_eq!(Key::from_hex(&key.to_hex()), Some(key));
        assert_eq!(Key::from_hex("abc"), None);
    }

    proptest! {
        #[test]
        fn moving_the_border_between_parts_changes_the_key(text in prop::collection::vec(any::<u8>(), 2..40), at in 0usize..40, to in 0usize..40) {
            let (at, to) = (at % (text.len() + 1), to % (text.len() + 1));
            prop_assume!(at != to);
            prop_assert_ne!(Key::from_parts(&[&text[..at], &text[at..]]), Key::from_parts(&[&text[..to], &text[to..]]));
        }
    }
}
