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
use crate::clip::{Checkpoint, FileContent, Preprocessing, TokenizedPrompt};
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
        let mut hashes = self.known_hashes(pictures, &stamps);
        let mut embeddings = self.known_embeddings(&hashes);
        let pending: Vec<usize> = (0..pictures.len()).filter(|&i| embeddings[i].is_none()).collect();
        meter.cached(pictures.len() - pending.len());
        notify(meter.progress());

        let mut reasons: HashMap<usize, String> = HashMap::new();
        // Pictures with the same content are encoded once.
        let mut first_with: HashMap<Hash, usize> = HashMap::new();
        let mut copies: Vec<(usize, usize)> = Vec::new();
        if !pending.is_empty() {
            let encoder = self.checkpoint.image_encoder()?;
            let dim = encoder.dim();
            let queue =
                DecodingQueue { embedder: self, pictures, pending: &pending, next: AtomicUsize::new(0) };
            let result = thread::scope(|scope| -> Result<(), WorkbenchError> {
                let (sender, receiver) = bounded(2 * IMAGE_BATCH);
                for _ in 0..rayon::current_num_threads().min(DECODING_THREADS) {
                    let sender = sender.clone();
                    let queue = &queue;
                    thread::Builder::new()
                        .spawn_scoped(scope, move || queue.decode_all(&sender))
                        .map_err(WorkbenchError::Threads)?;
                }
                drop(sender);
                while let Some(batch) = next_batch(&receiver, cancel)? {
                    let mut pixels = Vec::new();
                    let mut encoding = Vec::new();
                    for (index, decoded) in batch {
                        match decoded {
                            Decoded::Pixels { pixel_values, hash } => {
                                hashes[index] = Some(hash);
                                match first_with.entry(hash) {
                                    Entry::Occupied(first) => {
                                        copies.push((index, *first.get()));
                                        meter.cached(1);
                                    }
                                    Entry::Vacant(new) => {
                                        new.insert(index);
                                        pixels.extend_from_slice(&pixel_values);
                                        encoding.push(index);
                                    }
                                }
                            }
                            Decoded::InStore { embedding, hash } => {
                                meter.cached(1);
                                embeddings[index] = Some(embedding);
                                hashes[index] = Some(hash);
                            }
                            Decoded::Broken { reason } => {
                                meter.cached(1);
                                reasons.insert(index, reason);
                            }
                        }
                    }
                    if !encoding.is_empty() {
                        let rows = encoder.encode(&pixels)?;
                        for (row, &index) in rows.chunks_exact(dim).zip(&encoding) {
                            check_finite(row, pictures[index].name)?;
                        }
                        let mut items = Vec::with_capacity(encoding.len());
                        for (row, &index) in rows.chunks_exact(dim).zip(&encoding) {
                            if let Some(hash) = &hashes[index] {
                                items.push((self.image_key(hash), row));
                            }
                        }
                        self.save(&items);
                        for (row, &index) in rows.chunks_exact(dim).zip(&encoding) {
                            embeddings[index] = Some(row.to_vec());
                        }
                        meter.encoded(encoding.len());
                    }
                    notify(meter.progress());
                }
                Ok(())
            });
            let learnt: Vec<(FileStamp, Hash)> =
                pending.iter().filter_map(|&i| Some((stamps[i].clone()?, hashes[i]?))).collect();
            self.with_store(|store| store.save_file_hashes(&learnt).and_then(|()| store.flush()));
            result?;
            for (copy, first) in copies {
                embeddings[copy] = embeddings[first].clone();
            }
        }
        Ok(gather(pictures, embeddings, hashes, &reasons)?)
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
            let encoder = self.checkpoint.text_encoder()?;
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

fn gather(
    pictures: &[NamedPicture<'_>],
    embeddings: Vec<Option<Vec<f32>>>,
    hashes: Vec<Option<Hash>>,
    reasons: &HashMap<usize, String>,
) -> Result<ImageEmbeddings, EvaluationError> {
    let (mut kept, mut kept_hashes, mut rows, mut skipped) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (index, (embedding, hash)) in embeddings.into_iter().zip(hashes).enumerate() {
        match (embedding, hash) {
            (Some(embedding), Some(hash)) => {
                kept.push(index);
                kept_hashes.push(hash);
                rows.push(embedding);
            }
            _ => skipped.push(SkippedImage {
                name: pictures[index].name.to_owned(),
                reason: reasons.get(&index).cloned().unwrap_or_else(|| "could not be read".to_owned()),
            }),
        }
    }
    let unit = Matrix::from_rows(&rows)?.normalised();
    Ok(ImageEmbeddings { kept, unit, hashes: kept_hashes, skipped })
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
