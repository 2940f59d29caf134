//! What an earlier start found out about the same files: opening them again takes one look at each file, not at each
//! record, and no embedding at all.
//!
//! Everything here is kept under a hash of all that decides it, so it can be out of date no more than an embedding can.

use super::opening::{OpenStrategy, Workbench};
use crate::clip::Preprocessing;
use crate::dataset::SkippedImage;
use crate::evaluation::Evaluation;
use crate::store::{FileStamp, Hash, Key};
use crate::workbench::embedding::embedder::{Embedder, ImageContents};
use crate::workbench::embedding::file_contents::NamedPicture;
use crate::workbench::embedding::image_pipeline::content_hash;

/// Raised when the numbers that an evaluation makes of embeddings change. Runs say which one they were made with.
///
/// Version 1 could be wrong with `max`: wherever a group of the prompts' rows (up to 1,024 rows, cut between classes) had
/// exactly as many rows as there are classes.
pub(crate) const EVALUATION_VERSION: u32 = 2;

/// One strategy's evaluation as it is kept.
pub(in crate::workbench) struct CachedEvaluation {
    /// Distinct prompts that lost their end.
    pub(in crate::workbench) truncated: usize,
    pub(in crate::workbench) evaluation: Evaluation,
}

impl CachedEvaluation {
    fn to_bytes(&self) -> Vec<u8> {
        [&(self.truncated as u32).to_le_bytes()[..], &self.evaluation.to_bytes()].concat()
    }

    pub(in crate::workbench) fn from_bytes(bytes: &[u8], labels: &[usize], n_classes: usize) -> Option<Self> {
        let (truncated, evaluation) = bytes.split_first_chunk()?;
        let evaluation = Evaluation::from_bytes(evaluation, labels, n_classes)?;
        Some(Self { truncated: u32::from_le_bytes(*truncated) as usize, evaluation })
    }
}

impl Embedder<'_> {
    /// What reading these files came to, if nothing has changed since.
    pub(in crate::workbench) fn cached_contents(
        &self,
        pictures: &[NamedPicture<'_>],
        stamps: &[Option<FileStamp>],
    ) -> Option<ImageContents> {
        let key = contents_key(stamps)?;
        let bytes = self.with_store(|store| store.blob(&key))?;
        decode_contents(&bytes, pictures)
    }

    /// Remembers what reading these files came to.
    pub(in crate::workbench) fn remember_contents(
        &self,
        pictures: &[NamedPicture<'_>],
        stamps: &[Option<FileStamp>],
        contents: &ImageContents,
    ) {
        if let Some(key) = contents_key(stamps) {
            self.with_store(|store| store.save_blob(&key, &encode_contents(pictures, contents)));
        }
    }

    /// A strategy's evaluation on a dataset, if it was made before with the same `kept` ranked classes.
    pub(in crate::workbench) fn cached_evaluation(
        &self,
        key: &Key,
        labels: &[usize],
        n_classes: usize,
    ) -> Option<CachedEvaluation> {
        let bytes = self.with_store(|store| store.blob(key))?;
        CachedEvaluation::from_bytes(&bytes, labels, n_classes)
    }

    pub(in crate::workbench) fn cache_evaluation(&self, key: &Key, known: &CachedEvaluation) {
        self.with_store(|store| store.save_blob(key, &known.to_bytes()));
    }
}

impl Workbench {
    /// Everything that decides a strategy's evaluation.
    pub(in crate::workbench) fn evaluation_key(
        &self,
        embedder: &Embedder<'_>,
        strategy: &OpenStrategy,
        dataset: &Hash,
        ranked: usize,
    ) -> Key {
        Key::from_parts(&[
            b"evaluation",
            &EVALUATION_VERSION.to_le_bytes(),
            &embedder.encoder_key(),
            &Preprocessing::VERSION.to_le_bytes(),
            strategy.aggregation.to_string().as_bytes(),
            strategy.prompts_hash.as_bytes(),
            dataset.as_bytes(),
            &(ranked as u64).to_le_bytes(),
        ])
    }
}

/// Pictures that are not files have no stamp, and those of files that have just changed stand for nothing: nothing is
/// remembered then.
fn contents_key(stamps: &[Option<FileStamp>]) -> Option<Key> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"contents").update(&Preprocessing::VERSION.to_le_bytes());
    hasher.update(env!("CARGO_PKG_VERSION").as_bytes());
    for stamp in stamps {
        hasher.update(stamp.as_ref()?.key()?.as_bytes());
    }
    Some(Key::from_bytes(*hasher.finalize().as_bytes()))
}

const READ: u8 = 0;
const UNREADABLE: u8 = 1;

/// For each picture, in order: 0 and its content hash, or 1, what its bytes hash to, the length of the reason why they are
/// no picture (4 bytes, little-endian) and the reason.
fn encode_contents(pictures: &[NamedPicture<'_>], contents: &ImageContents) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(33 * pictures.len());
    let mut kept = contents.kept.iter().zip(&contents.hashes).peekable();
    let mut skipped = contents.skipped.iter();
    for (index, picture) in pictures.iter().enumerate() {
        if let Some((_, hash)) = kept.next_if(|(kept, _)| **kept == index) {
            bytes.push(READ);
            bytes.extend_from_slice(hash.as_bytes());
        } else if let Some(SkippedImage { reason, .. }) = skipped.next() {
            bytes.push(UNREADABLE);
            bytes.extend_from_slice(&readable(picture));
            bytes.extend((reason.len() as u32).to_le_bytes());
            bytes.extend_from_slice(reason.as_bytes());
        }
    }
    bytes
}

/// The hash of a file's bytes, zeros if they cannot be read. Whether they can depends on more than the file's state.
fn readable(picture: &NamedPicture<'_>) -> [u8; 32] {
    picture.source.read().map_or([0; 32], |bytes| *content_hash(&bytes).as_bytes())
}

fn decode_contents(mut bytes: &[u8], pictures: &[NamedPicture<'_>]) -> Option<ImageContents> {
    let mut contents = ImageContents::default();
    for (index, picture) in pictures.iter().enumerate() {
        let (kind, rest) = bytes.split_first()?;
        bytes = match *kind {
            READ => {
                let (hash, rest) = rest.split_first_chunk::<32>()?;
                contents.kept.push(index);
                contents.hashes.push(Hash::from_bytes(*hash));
                rest
            }
            UNREADABLE => {
                let (content, rest) = rest.split_first_chunk::<32>()?;
                let (length, rest) = rest.split_first_chunk()?;
                let (reason, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
                let reason = String::from_utf8(reason.to_vec()).ok()?;
                if readable(picture) != *content {
                    return None;
                }
                contents.skipped.push(SkippedImage { name: picture.name.to_owned(), reason });
                rest
            }
            _ => return None,
        };
    }
    bytes.is_empty().then_some(contents)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::PictureSource;
    use crate::store::Store;

    #[test]
    fn contents_come_back() {
        let source = PictureSource::Pixels(std::sync::Arc::new(image::RgbImage::new(1, 1)));
        let pictures = ["a", "b", "c"].map(|name| NamedPicture { name, source: &source });
        let hash = |content: &str| blake3::hash(content.as_bytes());
        let contents = ImageContents {
            kept: vec![0, 2],
            hashes: vec![hash("a"), hash("c")],
            skipped: vec![SkippedImage { name: "b".into(), reason: "zu kurz – 3 Byte".into() }],
        };
        let bytes = encode_contents(&pictures, &contents);
        assert_eq!(decode_contents(&bytes, &pictures), Some(contents));
        for cut in 0..bytes.len() {
            assert_eq!(decode_contents(&bytes[..cut], &pictures), None, "cut to {cut}");
        }
        assert_eq!(decode_contents(&bytes, &pictures[..2]), None);
    }

    #[test]
    fn pictures_without_a_file_and_new_files_are_not_remembered() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let store = Store::in_memory();
        let old = store.trusting_new_files().stamp(file.path()).unwrap();
        let new = store.stamp(file.path()).unwrap();
        let key = |stamps: &[&FileStamp]| {
            contents_key(&stamps.iter().map(|&stamp| Some(stamp.clone())).collect::<Vec<_>>())
        };
        assert!(key(&[&old]).is_some());
        assert_ne!(key(&[&old]), key(&[&old, &old]));
        assert_eq!(key(&[&old, &new]), None);
        assert_eq!(contents_key(&[Some(old), None]), None);
    }
}
