//! From picture files to embeddings on all cores: some threads read, decode and preprocess, others encode what is
//! ready. A bounded queue between them keeps memory flat, and nobody waits for the end of a batch of somebody else.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicUsize;
use std::sync::{Mutex, PoisonError};
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::file_contents::NamedPicture;
use crate::clip::{ClipError, ImageEncoder, Preprocessing};
use crate::dataset::{Picture, PictureError};
use crate::store::Hash;
use crate::workbench::error::WorkbenchError;
use crate::workbench::jobs::parallel::{each, next_item, spawn};
use crate::workbench::jobs::progress::Cancel;

/// Decoding threads at most: more only wait for the encoders.
const DECODING_THREADS: usize = 8;

/// What became of one image.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::workbench) enum Outcome {
    /// Encoded now: raw, `[dim]`.
    Encoded { hash: Hash, embedding: Vec<f32> },
    /// Its content was encoded before, under another name perhaps.
    Known { hash: Hash, embedding: Vec<f32> },
    /// Its content is that of an image before it.
    CopyOf { hash: Hash, image: usize },
    /// It cannot be read, or not decoded.
    Broken { reason: String },
}

/// An image on its way.
struct Decoded {
    image: usize,
    hash: Hash,
    /// `[3, image_size, image_size]`
    pixel_values: Vec<f32>,
}

/// What all threads share.
pub(in crate::workbench) struct ImagePipeline<'a, K: Fn(&Hash) -> Option<Vec<f32>> + Sync> {
    pub encoder: &'a ImageEncoder,
    pub preprocessing: &'a Preprocessing,
    pub pictures: &'a [NamedPicture<'a>],
    /// The images to embed.
    pub pending: &'a [usize],
    /// Encoding threads, and at most as many for decoding.
    pub threads: usize,
    /// The stored embedding of a content.
    pub known: K,
}

/// Outcomes of some images, or why the encoder failed.
type Outcomes = Result<Vec<(usize, Outcome)>, ClipError>;

impl<K: Fn(&Hash) -> Option<Vec<f32>> + Sync> ImagePipeline<'_, K> {
    /// Embeds everything; `take` gets the outcomes batch by batch, on this thread.
    ///
    /// # Errors
    /// The first of the encoder or of `take`, or [`WorkbenchError::Cancelled`].
    pub(in crate::workbench) fn run(
        &self,
        cancel: &Cancel,
        mut take: impl FnMut(Vec<(usize, Outcome)>) -> Result<(), WorkbenchError>,
    ) -> Result<(), WorkbenchError> {
        let batch = self.encoder.batch().min(self.pending.len().div_ceil(self.threads)).max(1);
        let next = AtomicUsize::new(0);
        let first_with = Mutex::new(HashMap::new());
        thread::scope(|scope| {
            let (decoded, to_encode) = bounded(self.threads * (batch + 1));
            let (outcomes, finished) = bounded(4 * self.threads);
            for _ in 0..self.threads.min(DECODING_THREADS) {
                let (decoded, outcomes) = (decoded.clone(), outcomes.clone());
                let (next, first_with) = (&next, &first_with);
                spawn(scope, move || self.decode_all(next, first_with, &decoded, &outcomes))?;
            }
            for _ in 0..self.threads {
                let (to_encode, outcomes) = (to_encode.clone(), outcomes.clone());
                spawn(scope, move || self.encode_all(batch, &to_encode, &outcomes))?;
            }
            drop((decoded, to_encode, outcomes));
            each(finished, cancel, |outcomes: Outcomes| take(outcomes?))
        })
    }

    /// Until no image is left, or nobody listens any more.
    fn decode_all(
        &self,
        next: &AtomicUsize,
        first_with: &Mutex<HashMap<Hash, usize>>,
        decoded: &Sender<Decoded>,
        outcomes: &Sender<Outcomes>,
    ) {
        while let Some((_, &image)) = next_item(next, self.pending) {
            let result = self.decode(image, first_with);
            let sent = match result {
                Ok(image) => decoded.send(image).is_ok(),
                Err(outcome) => outcomes.send(Ok(vec![(image, outcome)])).is_ok(),
            };
            if !sent {
                return;
            }
        }
    }

    /// An image to encode, or what else became of it. A file on which a decoder panics is as broken as one that it
    /// rejects.
    fn decode(&self, image: usize, first_with: &Mutex<HashMap<Hash, usize>>) -> Result<Decoded, Outcome> {
        let broken = |error: PictureError| Outcome::Broken { reason: error.to_string() };
        let careful = |decode: &dyn Fn() -> Result<Decoded, Outcome>| {
            catch_unwind(AssertUnwindSafe(decode))
                .unwrap_or_else(|_| Err(Outcome::Broken { reason: "the decoder gave up on it".to_owned() }))
        };
        careful(&|| {
            let picture = self.pictures[image].source.read().map_err(broken)?;
            let hash = content_hash(&picture);
            match first_with.lock().unwrap_or_else(PoisonError::into_inner).entry(hash) {
                Entry::Occupied(first) => return Err(Outcome::CopyOf { hash, image: *first.get() }),
                Entry::Vacant(entry) => entry.insert(image),
            };
            // A moved or copied file: its content is known although its name is not.
            if let Some(embedding) = (self.known)(&hash) {
                return Err(Outcome::Known { hash, embedding });
            }
            let pixel_values = self.preprocessing.pixel_values(&picture.decode().map_err(broken)?);
            Ok(Decoded { image, hash, pixel_values })
        })
    }

    /// Until no image is left, or nobody listens any more.
    fn encode_all(&self, batch: usize, to_encode: &Receiver<Decoded>, outcomes: &Sender<Outcomes>) {
        let mut pixel_values = Vec::new();
        loop {
            let images: Vec<Decoded> = to_encode.iter().take(batch).collect();
            if images.is_empty() {
                return;
            }
            pixel_values.clear();
            images.iter().for_each(|image| pixel_values.extend(&image.pixel_values));
            let encoded = self.encoder.encode(&pixel_values).map(|rows| {
                let rows = rows.chunks_exact(self.encoder.dim());
                let encoded = |(image, row): (&Decoded, &[f32])| {
                    (image.image, Outcome::Encoded { hash: image.hash, embedding: row.to_vec() })
                };
                images.iter().zip(rows).map(encoded).collect()
            });
            if outcomes.send(encoded).is_err() {
                return;
            }
        }
    }
}

/// What a picture is known by.
pub(in crate::workbench) fn content_hash(picture: &Picture) -> Hash {
    blake3::hash(&picture.content())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use image::{Rgb, RgbImage};

    use super::*;
    use crate::clip::{Checkpoint, Precision};
    use crate::dataset::PictureSource;
    use crate::workbench::experiment::demo;

    #[test]
    fn every_image_has_one_outcome() {
        let checkpoint = Checkpoint::open(demo::checkpoint()).unwrap();
        let encoder = checkpoint.image_encoder(Precision::F32).unwrap();
        let colour = |value: u8| PictureSource::Pixels(Arc::new(RgbImage::from_pixel(9, 9, Rgb([value; 3]))));
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join("text.png");
        std::fs::write(&text, "no picture").unwrap();
        let sources = [colour(1), colour(2), colour(1), PictureSource::File(text), colour(3), colour(9)];
        let pictures: Vec<NamedPicture<'_>> =
            sources.iter().map(|source| NamedPicture { name: "picture", source }).collect();
        let known = content_hash(&sources[1].read().unwrap());
        for threads in [1, 3] {
            let pipeline = ImagePipeline {
                encoder: &encoder,
                preprocessing: checkpoint.preprocessing(),
                pictures: &pictures,
                pending: &[0, 1, 2, 3, 4],
                threads,
                known: |hash: &Hash| (*hash == known).then(|| vec![7.0]),
            };
            let mut outcomes: Vec<Option<Outcome>> = vec![None; 6];
            let take = |batch: Vec<(usize, Outcome)>| {
                for (image, outcome) in batch {
                    assert!(outcomes[image].replace(outcome).is_none());
                }
                Ok(())
            };
            pipeline.run(&Cancel::default(), take).unwrap();
            // Which of two equal images is the first one depends on the threads.
            let (first, copy) = match outcomes[0] {
                Some(Outcome::Encoded { .. }) => (0, 2),
                _ => (2, 0),
            };
            let pixels = |source: &PictureSource| {
                checkpoint.preprocessing().pixel_values(&source.read().unwrap().decode().unwrap())
            };
            for image in [first, 4] {
                let hash = content_hash(&sources[image].read().unwrap());
                let embedding = encoder.encode(&pixels(&sources[image])).unwrap();
                assert_eq!(outcomes[image], Some(Outcome::Encoded { hash, embedding }));
            }
            assert!(matches!(outcomes[copy], Some(Outcome::CopyOf { image, .. }) if image == first));
            assert_eq!(outcomes[1], Some(Outcome::Known { hash: known, embedding: vec![7.0] }));
            assert!(matches!(&outcomes[3], Some(Outcome::Broken { reason }) if !reason.is_empty()));
            assert_eq!(outcomes[5], None);
        }
    }

    #[test]
    fn errors_and_cancelling_end_it() {
        let checkpoint = Checkpoint::open(demo::checkpoint()).unwrap();
        let encoder = checkpoint.image_encoder(Precision::F32).unwrap();
        let sources: Vec<PictureSource> = (0..100)
            .map(|value| PictureSource::Pixels(Arc::new(RgbImage::from_pixel(9, 9, Rgb([value; 3])))))
            .collect();
        let pictures: Vec<NamedPicture<'_>> =
            sources.iter().map(|source| NamedPicture { name: "picture", source }).collect();
        let pending: Vec<usize> = (0..100).collect();
        let pipeline = ImagePipeline {
            encoder: &encoder,
            preprocessing: checkpoint.preprocessing(),
            pictures: &pictures,
            pending: &pending,
            threads: 2,
            known: |_: &Hash| None,
        };
        let fail = |_| Err(WorkbenchError::NotFinite { name: "picture".to_owned() });
        assert!(matches!(pipeline.run(&Cancel::default(), fail), Err(WorkbenchError::NotFinite { .. })));
        let cancel = Cancel::default();
        let after_one = |_| {
            cancel.cancel();
            Ok(())
        };
        assert!(matches!(pipeline.run(&cancel, after_one), Err(WorkbenchError::Cancelled)));
    }
}
