//! Turns images and prompts into embeddings, each once: what the store holds is not computed again.
//! Pictures are decoded by a few threads while the encoder runs; a bounded queue between them keeps memory flat.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};
use rayon::prelude::*;

use super::error::WorkbenchError;
use super::progress::{Cancel, Meter, Progress, Stage};
use crate::clip::{Checkpoint, FileContent, Precision, Preprocessing, TokenizedPrompt};
use crate::dataset::{Picture, PictureError, PictureSource, SkippedImage};
use crate::evaluation::{EvaluationError, Matrix};
use crate::store::{FileStamp, Hash, Key, Store, StoreError};

/// Part of every cache key: raised when an encoder's results change by more than rounding.
const ENCODER_VERSION: u32 = 1;

/// Images encoded at once: large enough for wide matrix products, small enough to show progress and to cancel.
const IMAGE_BATCH: usize = 32;

/// Decoding threads at most: more only wait for the encoder.
const DECODING_THREADS: usize = 8;

/// Token positions encoded at once, for the same reasons.
const TOKEN_BATCH: usize = 4096;

/// Prompts encoded at once at most.
const PROMPT_BATCH: usize = 256;

/// Encodes with one checkpoint and remembers in one store.
pub struct Embedder<'a> {
    checkpoint: &'a Checkpoint,
    fingerprint: Hash,
    store: &'a Store,
    /// Why the store stopped taking embeddings: the work goes on in memory.
    failure: Mutex<Option<StoreError>>,
}

/// One image to embed.
#[derive(Debug, Clone, Copy)]
pub struct NamedPicture<'a> {
    /// As it is shown and reported.
    pub name: &'a str,
    /// Where its pixels are.
    pub source: &'a PictureSource,
}

/// Embedded images, in the order they were given.
#[derive(Debug)]
pub struct ImageEmbeddings {
    /// The given images' indices that could be read, ascending.
    pub kept: Vec<usize>,
    /// Unit rows, `[kept, dim]`.
    pub unit: Matrix,
    /// Content hashes of the kept ones.
    pub hashes: Vec<Hash>,
    /// The others, with reasons.
    pub skipped: Vec<SkippedImage>,
}

/// Embedded prompts: each distinct text once.
#[derive(Debug)]
pub struct PromptEmbeddings {
    row_of: HashMap<String, usize>,
    /// Projected, not normalised, `[distinct prompts, dim]`.
    raw: Matrix,
    truncated: Vec<bool>,
}

impl PromptEmbeddings {
    /// The raw embedding `[dim]` of a prompt that was given.
    pub fn raw(&self, prompt: &str) -> Option<&[f32]> {
        self.row_of.get(prompt).map(|&row| self.raw.row(row))
    }

    /// The raw embeddings `[prompts, dim]` of some prompts that were given, in their order.
    ///
    /// # Errors
    /// None for prompts that were given: their rows have one length.
    pub fn rows(&self, prompts: &[String]) -> Result<Matrix, EvaluationError> {
        Matrix::from_rows(&prompts.iter().filter_map(|prompt| self.raw(prompt)).collect::<Vec<_>>())
    }

    /// Distinct prompts that were longer than the context and lost their end.
    pub fn truncated(&self) -> usize {
        self.truncated.iter().filter(|&&truncated| truncated).count()
    }
}

/// What a decoding thread found for one image.
enum Decoded {
    Pixels { pixel_values: Vec<f32>, hash: Hash },
    InStore { embedding: Vec<f32>, hash: Hash },
    Broken { reason: String },
}

impl<'a> Embedder<'a> {
    /// An embedder for a checkpoint; `fingerprint` from [`checkpoint_fingerprint`].
    pub fn new(checkpoint: &'a Checkpoint, fingerprint: Hash, store: &'a Store) -> Self {
        Self { checkpoint, fingerprint, store, failure: Mutex::new(None) }
    }

    /// Why embeddings were not kept for the next start, if some were not: a full disk, for example.
    pub fn unsaved(&self) -> Option<String> {
        self.failure()
            .as_ref()
            .map(|error| format!("embeddings of this run are not kept for the next start: {error}"))
    }

    /// How many prompts lost their end, if some did; `unit` is what the user calls them, in the plural.
    pub fn truncation_note(&self, embeddings: &PromptEmbeddings, unit: &str) -> Option<String> {
        let truncated = embeddings.truncated();
        let context = self.checkpoint.config().text.max_position_embeddings;
        (truncated > 0).then(|| {
            format!(
                "{truncated} {unit} are longer than the checkpoint's {context} tokens and were cut at the end"
            )
        })
    }

    /// Asks the store for something it can do without: embeddings are a cache. After a first failure the store is left
    /// alone, and the run goes on with what it has.
    fn with_store<T: Default>(&self, ask: impl FnOnce(&Store) -> Result<T, StoreError>) -> T {
        if self.failure().is_some() {
            return T::default();
        }
        ask(self.store).unwrap_or_else(|error| {
            self.failure().get_or_insert(error);
            T::default()
        })
    }

    fn failure(&self) -> MutexGuard<'_, Option<StoreError>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The stored vectors under some keys, in their order; none where there is none.
    fn stored(&self, keys: &[Key]) -> Vec<Option<Vec<f32>>> {
        let mut vectors = self.with_store(|store| store.vectors(keys));
        vectors.resize(keys.len(), None);
        vectors
    }

    fn save(&self, items: &[(Key, &[f32])]) {
        self.with_store(|store| store.save_vectors(items));
    }

    /// Embeds images: unreadable ones are listed in `skipped`, everything else is an error.
    ///
    /// # Errors
    /// [`WorkbenchError::Cancelled`] within a batch of the request; what was finished is in the store.
    pub fn images(
        &self,
        pictures: &[NamedPicture<'_>],
        cancel: &Cancel,
        notify: &dyn Fn(Progress),
    ) -> Result<ImageEmbeddings, WorkbenchError> {
        let mut meter = Meter::start(Stage::Images, pictures.len());
        let stamps: Vec<Option<FileStamp>> =
            pictures.par_iter().map(|picture| stamp(picture.source)).collect();
        let hashes = self.known_hashes(pictures, &stamps);
        let embeddings = self.known_embeddings(&hashes);
        let pending: Vec<usize> = (0..pictures.len()).filter(|&i| embeddings[i].is_none()).collect();
        meter.cached(pictures.len() - pending.len());
        notify(meter.progress());

        let mut collected = Collected::new(pictures, hashes, embeddings);
        if !pending.is_empty() {
            let done = self.encode_pending(&pending, &mut collected, &mut meter, cancel, notify);
            let learnt: Vec<(FileStamp, Hash)> =
                pending.iter().filter_map(|&i| Some((stamps[i].clone()?, collected.hashes[i]?))).collect();
            self.with_store(|store| store.save_file_hashes(&learnt).and_then(|()| store.flush()));
            done?;
        }
        Ok(collected.finish()?)
    }

    /// Decodes on a few threads and encodes on this one, batch by batch.
    fn encode_pending(
        &self,
        pending: &[usize],
        collected: &mut Collected<'_>,
        meter: &mut Meter,
        cancel: &Cancel,
        notify: &dyn Fn(Progress),
    ) -> Result<(), WorkbenchError> {
        let encoder = self.checkpoint.image_encoder(Precision::F32)?;
        let pictures = collected.pictures;
        let queue = DecodingQueue { embedder: self, pictures, pending, next: AtomicUsize::new(0) };
        thread::scope(|scope| {
            let (sender, receiver) = bounded(2 * IMAGE_BATCH);
            for _ in 0..rayon::current_num_threads().min(DECODING_THREADS) {
                let (sender, queue) = (sender.clone(), &queue);
                thread::Builder::new()
                    .spawn_scoped(scope, move || queue.decode_all(&sender))
                    .map_err(WorkbenchError::Threads)?;
            }
            drop(sender);
            while let Some(batch) = next_batch(&receiver, cancel)? {
                let (pixel_values, indices) = collected.take(batch, meter);
                let rows = encoder.encode(&pixel_values)?;
                let mut items = Vec::with_capacity(indices.len());
                for (row, &index) in rows.chunks_exact(encoder.dim()).zip(&indices) {
                    check_finite(row, pictures[index].name)?;
                    items.extend(collected.hashes[index].as_ref().map(|hash| (self.image_key(hash), row)));
                    collected.embeddings[index] = Some(row.to_vec());
                }
                self.save(&items);
                meter.encoded(indices.len());
                notify(meter.progress());
            }
            Ok(())
        })
    }

    fn known_hashes(&self, pictures: &[NamedPicture<'_>], stamps: &[Option<FileStamp>]) -> Vec<Option<Hash>> {
        let stamped: Vec<FileStamp> = stamps.iter().flatten().cloned().collect();
        let mut found = self.with_store(|store| store.file_hashes(&stamped)).into_iter();
        pictures
            .iter()
            .zip(stamps)
            .map(|(picture, stamp)| match (stamp, picture.source) {
                (Some(_), _) => found.next().flatten(),
                (None, PictureSource::Pixels(_)) => picture.source.read().ok().as_ref().map(content_hash),
                (None, PictureSource::File(_)) => None,
            })
            .collect()
    }

    fn known_embeddings(&self, hashes: &[Option<Hash>]) -> Vec<Option<Vec<f32>>> {
        let keys: Vec<Key> = hashes.iter().flatten().map(|hash| self.image_key(hash)).collect();
        let mut found = self.stored(&keys).into_iter();
        let dim = self.checkpoint.config().dim;
        hashes
            .iter()
            .map(|hash| hash.as_ref().and_then(|_| found.next().flatten()).filter(|row| row.len() == dim))
            .collect()
    }

    fn image_key(&self, hash: &Hash) -> Key {
        let versions = [ENCODER_VERSION.to_le_bytes(), Preprocessing::VERSION.to_le_bytes()].concat();
        Key::of(&[b"image", self.fingerprint.as_bytes(), &versions, hash.as_bytes()])
    }

    fn prompt_key(&self, prompt: &str) -> Key {
        Key::of(&[b"prompt", self.fingerprint.as_bytes(), &ENCODER_VERSION.to_le_bytes(), prompt.as_bytes()])
    }

    /// Embeds prompts, each distinct one once.
    ///
    /// # Errors
    /// [`WorkbenchError::Cancelled`] within a batch of the request; what was finished is in the store.
    pub fn prompts<'p>(
        &self,
        prompts: impl IntoIterator<Item = &'p str>,
        cancel: &Cancel,
        notify: &dyn Fn(Progress),
    ) -> Result<PromptEmbeddings, WorkbenchError> {
        let mut row_of = HashMap::new();
        let mut distinct: Vec<&str> = Vec::new();
        for prompt in prompts {
            row_of.entry(prompt.to_owned()).or_insert_with(|| {
                distinct.push(prompt);
                distinct.len() - 1
            });
        }
        let dim = self.checkpoint.config().dim;
        let mut meter = Meter::start(Stage::Prompts, distinct.len());
        let keys: Vec<Key> = distinct.iter().map(|prompt| self.prompt_key(prompt)).collect();
        // A prompt's record is its raw embedding and one more number: 1 where the prompt was truncated.
        let mut records: Vec<Option<Vec<f32>>> =
            self.stored(&keys).into_iter().map(|record| record.filter(|r| r.len() == dim + 1)).collect();
        let pending: Vec<usize> = (0..distinct.len()).filter(|&i| records[i].is_none()).collect();
        meter.cached(distinct.len() - pending.len());
        notify(meter.progress());
        if !pending.is_empty() {
            let tokenizer = self.checkpoint.tokenizer()?;
            let encoder = self.checkpoint.text_encoder(Precision::F32)?;
            let mut tokenized: Vec<(usize, TokenizedPrompt)> = pending
                .par_iter()
                .map(|&i| Ok((i, tokenizer.tokenize(distinct[i])?)))
                .collect::<Result<_, WorkbenchError>>()?;
            tokenized.sort_by_key(|(index, prompt)| (prompt.ids.len(), *index));
            let mut rest = &tokenized[..];
            while !rest.is_empty() {
                if cancel.is_cancelled() {
                    return Err(WorkbenchError::Cancelled);
                }
                let (batch, after) = rest.split_at(prompt_batch_len(rest));
                rest = after;
                let inputs: Vec<TokenizedPrompt> = batch.iter().map(|(_, prompt)| prompt.clone()).collect();
                let projected = encoder.encode(&inputs)?.projected;
                for (row, (index, prompt)) in projected.chunks_exact(dim).zip(batch) {
                    check_finite(row, distinct[*index])?;
                    let mut record = row.to_vec();
                    record.push(if prompt.truncated { 1.0 } else { 0.0 });
                    records[*index] = Some(record);
                }
                let items: Vec<(Key, &[f32])> = batch
                    .iter()
                    .filter_map(|&(index, _)| Some((keys[index], records[index].as_deref()?)))
                    .collect();
                self.save(&items);
                meter.encoded(batch.len());
                notify(meter.progress());
            }
        }
        let truncated = records.iter().flatten().map(|record| record[dim] > 0.5).collect();
        let raw: Vec<&[f32]> = records.iter().flatten().map(|record| &record[..dim]).collect();
        Ok(PromptEmbeddings { row_of, raw: Matrix::from_rows(&raw)?, truncated })
    }
}

/// As many of the prompts, sorted by length, as fit into one batch when padded to its longest: at least one.
fn prompt_batch_len(sorted: &[(usize, TokenizedPrompt)]) -> usize {
    sorted
        .iter()
        .take(PROMPT_BATCH)
        .enumerate()
        .take_while(|(n, (_, prompt))| *n == 0 || (n + 1) * prompt.ids.len() <= TOKEN_BATCH)
        .count()
}

/// Decoding threads take the pending images one by one, in order.
struct DecodingQueue<'q, 'a> {
    embedder: &'q Embedder<'a>,
    pictures: &'q [NamedPicture<'q>],
    pending: &'q [usize],
    next: AtomicUsize,
}

impl DecodingQueue<'_, '_> {
    /// Until none is left, or nobody listens any more.
    fn decode_all(&self, sender: &Sender<(usize, Decoded)>) {
        while let Some(&index) = self.pending.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            if sender.send((index, self.decode(self.pictures[index].source))).is_err() {
                return;
            }
        }
    }

    /// A file on which a decoder panics is as broken as one that it rejects.
    fn decode(&self, source: &PictureSource) -> Decoded {
        let broken = |reason: String| Decoded::Broken { reason };
        match catch_unwind(AssertUnwindSafe(|| self.try_decode(source))) {
            Ok(Ok(decoded)) => decoded,
            Ok(Err(error)) => broken(error.to_string()),
            Err(_) => broken("the decoder gave up on it".to_owned()),
        }
    }

    fn try_decode(&self, source: &PictureSource) -> Result<Decoded, PictureError> {
        let picture = source.read()?;
        let hash = content_hash(&picture);
        // A moved or copied file: its content is known although its name is not.
        let key = self.embedder.image_key(&hash);
        if let Some(embedding) = self.embedder.stored(&[key]).into_iter().next().flatten() {
            return Ok(Decoded::InStore { embedding, hash });
        }
        let image = picture.decode()?;
        let pixel_values = self.embedder.checkpoint.preprocessing().pixel_values(&image);
        Ok(Decoded::Pixels { pixel_values, hash })
    }
}

/// Waits for a whole batch, or for what is left of the images; `None` when all are through.
fn next_batch(
    receiver: &Receiver<(usize, Decoded)>,
    cancel: &Cancel,
) -> Result<Option<Vec<(usize, Decoded)>>, WorkbenchError> {
    let mut batch = Vec::with_capacity(IMAGE_BATCH);
    while batch.len() < IMAGE_BATCH {
        if cancel.is_cancelled() {
            return Err(WorkbenchError::Cancelled);
        }
        match receiver.recv() {
            Ok(item) => batch.push(item),
            Err(_) => break,
        }
    }
    Ok((!batch.is_empty()).then_some(batch))
}

/// A value that is not finite must not get into the store.
fn check_finite(embedding: &[f32], name: &str) -> Result<(), WorkbenchError> {
    if embedding.iter().all(|value| value.is_finite()) {
        Ok(())
    } else {
        Err(WorkbenchError::NotFinite { name: name.to_owned() })
    }
}

/// What is known of the images so far.
struct Collected<'p> {
    pictures: &'p [NamedPicture<'p>],
    hashes: Vec<Option<Hash>>,
    embeddings: Vec<Option<Vec<f32>>>,
    /// Why an image cannot be read.
    reasons: HashMap<usize, String>,
    /// Pictures with the same content are encoded once: the first image that has it, and the others.
    first_with: HashMap<Hash, usize>,
    copies: Vec<(usize, usize)>,
}

impl<'p> Collected<'p> {
    fn new(
        pictures: &'p [NamedPicture<'p>],
        hashes: Vec<Option<Hash>>,
        embeddings: Vec<Option<Vec<f32>>>,
    ) -> Self {
        let (reasons, first_with, copies) = (HashMap::new(), HashMap::new(), Vec::new());
        Self { pictures, hashes, embeddings, reasons, first_with, copies }
    }

    /// Takes in what was decoded; gives the pixel values `[n, 3, S, S]` that are to be encoded, and their images.
    fn take(&mut self, batch: Vec<(usize, Decoded)>, meter: &mut Meter) -> (Vec<f32>, Vec<usize>) {
        let (mut pixels, mut indices) = (Vec::new(), Vec::new());
        for (index, decoded) in batch {
            match decoded {
                Decoded::Pixels { pixel_values, hash } => {
                    self.hashes[index] = Some(hash);
                    match self.first_with.entry(hash) {
                        Entry::Occupied(first) => {
                            self.copies.push((index, *first.get()));
                            meter.cached(1);
                        }
                        Entry::Vacant(new) => {
                            new.insert(index);
                            pixels.extend(pixel_values);
                            indices.push(index);
                        }
                    }
                }
                Decoded::InStore { embedding, hash } => {
                    self.hashes[index] = Some(hash);
                    self.embeddings[index] = Some(embedding);
                    meter.cached(1);
                }
                Decoded::Broken { reason } => {
                    self.reasons.insert(index, reason);
                    meter.cached(1);
                }
            }
        }
        (pixels, indices)
    }

    fn finish(mut self) -> Result<ImageEmbeddings, EvaluationError> {
        for (copy, first) in self.copies {
            self.embeddings[copy] = self.embeddings[first].clone();
        }
        let (mut kept, mut hashes, mut rows, mut skipped) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (index, (embedding, hash)) in self.embeddings.into_iter().zip(self.hashes).enumerate() {
            match (embedding, hash) {
                (Some(embedding), Some(hash)) => {
                    kept.push(index);
                    hashes.push(hash);
                    rows.push(embedding);
                }
                _ => skipped.push(SkippedImage {
                    name: self.pictures[index].name.to_owned(),
                    reason: self.reasons.remove(&index).unwrap_or_else(|| "could not be read".to_owned()),
                }),
            }
        }
        Ok(ImageEmbeddings { kept, unit: Matrix::from_rows(&rows)?.normalised(), hashes, skipped })
    }
}

fn stamp(source: &PictureSource) -> Option<FileStamp> {
    match source {
        PictureSource::File(path) => FileStamp::of(path).ok(),
        PictureSource::Pixels(_) => None,
    }
}

fn content_hash(picture: &Picture) -> Hash {
    blake3::hash(&picture.content())
}

/// A hash over every file that decides a checkpoint's results. Files that did not change since the store last saw
/// them are not read again.
pub fn checkpoint_fingerprint(checkpoint: &Checkpoint, store: &Store) -> Result<Hash, WorkbenchError> {
    let mut hasher = blake3::Hasher::new();
    for file in checkpoint.files() {
        let hash = match &file.content {
            FileContent::Bytes(bytes) => blake3::hash(bytes),
            FileContent::Path(path) => file_hash(path, store)?,
        };
        hasher.update(blake3::hash(file.name.as_bytes()).as_bytes());
        hasher.update(hash.as_bytes());
    }
    Ok(hasher.finalize())
}

fn file_hash(path: &Path, store: &Store) -> Result<Hash, WorkbenchError> {
    let unreadable = |source| WorkbenchError::Read { path: path.to_owned(), source };
    let stamp = FileStamp::of(path).map_err(unreadable)?;
    let known = store.file_hashes(std::slice::from_ref(&stamp))?;
    if let Some(hash) = known.into_iter().flatten().next() {
        return Ok(hash);
    }
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file).map_err(unreadable)?;
    let hash = hasher.finalize();
    // A store that cannot be written to is reported when embeddings are saved.
    let _kept = store.save_file_hashes(&[(stamp, hash)]);
    Ok(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_with_the_same_content_are_encoded_once() {
        let source = PictureSource::Pixels(std::sync::Arc::new(image::RgbImage::new(1, 1)));
        let pictures = ["a", "b", "c", "d"].map(|name| NamedPicture { name, source: &source });
        let mut collected = Collected::new(&pictures, vec![None; 4], vec![None; 4]);
        let mut meter = Meter::start(Stage::Images, 4);
        let hash = |content: &str| blake3::hash(content.as_bytes());
        let pixels =
            |value: f32, content: &str| Decoded::Pixels { pixel_values: vec![value], hash: hash(content) };
        let first = vec![(1, pixels(0.5, "same")), (0, pixels(0.5, "same"))];
        assert_eq!(collected.take(first, &mut meter), (vec![0.5], vec![1]));
        collected.embeddings[1] = Some(vec![3.0, 4.0]);
        meter.encoded(1);
        let second = vec![(3, pixels(0.5, "same")), (2, Decoded::Broken { reason: "truncated".into() })];
        assert_eq!(collected.take(second, &mut meter), (vec![], vec![]));
        assert_eq!(meter.progress().done, 4);
        let done = collected.finish().unwrap();
        assert_eq!(done.kept, [0, 1, 3]);
        assert!(done.unit.iter_rows().all(|row| row == [0.6, 0.8]));
        assert_eq!(done.hashes, [hash("same"); 3]);
        assert_eq!(done.skipped, [SkippedImage { name: "c".into(), reason: "truncated".into() }]);
    }

    #[test]
    fn batches_of_prompts_are_bounded_but_never_empty() {
        let prompt = |length: usize| (0, TokenizedPrompt { ids: vec![0; length], truncated: false });
        assert_eq!(prompt_batch_len(&[prompt(2 * TOKEN_BATCH)]), 1);
        assert_eq!(prompt_batch_len(&vec![prompt(2); 1000]), PROMPT_BATCH);
        assert_eq!(prompt_batch_len(&vec![prompt(64); 1000]), TOKEN_BATCH / 64);
    }

    #[test]
    fn numbers_that_are_not_finite_are_named() {
        assert!(check_finite(&[1.0, -2.0], "x").is_ok());
        assert!(check_finite(&[f32::NAN], "frog.png").unwrap_err().to_string().contains("frog.png"));
    }
}
