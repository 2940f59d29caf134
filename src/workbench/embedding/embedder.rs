//! Turns images and prompts into embeddings, each once: what the store holds is not computed again.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rayon::prelude::*;

use super::file_contents::{NamedPicture, leave_out_changed, load_unchanged, stamps};
use super::image_pipeline::{ImagePipeline, Outcome, content_hash};
use super::precision;
use super::rows::EmbeddingRows;
use crate::clip::{Checkpoint, ClipError, Precision, Preprocessing, TokenizedPrompt};
use crate::dataset::{PictureSource, SkippedImage};
use crate::evaluation::{Classifier, EvaluationError, Matrix};
use crate::prompts::Aggregation;
use crate::store::{FileStamp, Hash, Key, Store, StoreError};
use crate::workbench::error::WorkbenchError;
use crate::workbench::jobs::parallel::{in_parallel, threads};
use crate::workbench::jobs::progress::{Cancel, Meter, Progress, Stage};

/// Part of every cache key: raised when an encoder's results change by more than rounding. Before 3, weights that had
/// changed behind the same name, length and time could stand under the fingerprint of others; before 4, prompts of
/// open_clip's and OpenAI's checkpoints were not cleaned as their tokenizers do it; before 5, SigLIP's became lower case whatever
/// their tokenizer declared.
const ENCODER_VERSION: u32 = 5;

/// Gets an image's place and raw embedding `[dim]`.
type TakeEmbedding<'a> = &'a mut dyn FnMut(usize, &[f32]) -> Result<(), WorkbenchError>;

/// Encodes with one checkpoint and remembers in one store.
pub struct Embedder<'a> {
    checkpoint: &'a Checkpoint,
    fingerprint: Hash,
    precision: Precision,
    store: &'a Store,
    failures: Mutex<Failures>,
}

/// What the store did not take or give: the work goes on in memory.
#[derive(Default)]
struct Failures {
    first: Option<StoreError>,
    /// How many came after it.
    more: usize,
    /// The store is damaged, and not asked any more.
    is_damaged: bool,
}

/// What reading images came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageContents {
    /// The given images' indices that could be read, ascending.
    pub kept: Vec<usize>,
    /// Content hashes of the kept ones.
    pub hashes: Vec<Hash>,
    /// The others, in their order, with reasons.
    pub skipped: Vec<SkippedImage>,
}

/// Embedded images, in the order they were given.
#[derive(Debug)]
pub struct ImageEmbeddings {
    /// Which images these are.
    pub contents: ImageContents,
    /// Unit rows, `[kept, dim]`.
    pub unit: Matrix,
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
    /// Of these distinct prompts, each with its raw embedding; the last of them is truncated if one is.
    #[cfg(test)]
    pub fn from_rows(prompts: &[(&str, Vec<f32>)], truncated: bool) -> Self {
        let rows: Vec<&Vec<f32>> = prompts.iter().map(|(_, row)| row).collect();
        Self {
            row_of: prompts.iter().enumerate().map(|(row, (text, _))| ((*text).to_owned(), row)).collect(),
            raw: Matrix::from_rows(&rows).unwrap(),
            truncated: (0..prompts.len()).map(|row| truncated && row + 1 == prompts.len()).collect(),
        }
    }

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

    /// The raw embeddings of each class's prompts, which were given: `[n_classes]`, each `[n_prompts, dim]`.
    ///
    /// # Errors
    /// As [`PromptEmbeddings::rows`].
    pub fn per_class(&self, prompts: &[Vec<String>]) -> Result<Vec<Matrix>, EvaluationError> {
        prompts.iter().map(|class| self.rows(class)).collect()
    }

    /// The classifier of each class's prompts, which were given, `[n_classes]`, for these images `[n_images, dim]`.
    ///
    /// # Errors
    /// [`WorkbenchError::Cancelled`], and what prevents making it.
    pub(in crate::workbench) fn classifier(
        &self,
        aggregation: Aggregation,
        prompts: &[Vec<String>],
        images: &Matrix,
        logit_scale: f32,
        cancel: &Cancel,
    ) -> Result<Classifier, WorkbenchError> {
        let is_cancelled = || cancel.is_cancelled();
        let prompts = self.per_class(prompts)?;
        Ok(Classifier::for_images_cancellable(aggregation, &prompts, images, logit_scale, &is_cancelled)?)
    }

    /// How many of some prompts that were given were longer than the context and lost their end; each text counts once.
    pub fn truncated<'p>(&self, prompts: impl IntoIterator<Item = &'p str>) -> usize {
        let rows = prompts.into_iter().filter_map(|prompt| self.row_of.get(prompt).copied());
        rows.filter(|&row| self.truncated[row]).collect::<HashSet<usize>>().len()
    }
}

impl<'a> Embedder<'a> {
    /// An embedder for a checkpoint; `fingerprint` from [`checkpoint_fingerprint`](super::file_contents::checkpoint_fingerprint).
    pub fn new(
        checkpoint: &'a Checkpoint,
        fingerprint: Hash,
        precision: Precision,
        store: &'a Store,
    ) -> Self {
        Self { checkpoint, fingerprint, precision, store, failures: Mutex::default() }
    }

    /// Why something was not kept for the next start, if that is so: a full disk, for example.
    pub fn unsaved(&self) -> Option<String> {
        let Failures { first, more, .. } = &*self.failures();
        let again = match more {
            0 => String::new(),
            1 => " (and 1 more failure)".to_owned(),
            more => format!(" (and {more} more failures)"),
        };
        first.as_ref().map(|error| {
            format!("not everything that was computed is kept for the next start: {error}{again}")
        })
    }

    /// Says that prompts lost their end, if some did; `unit` is what the user calls them, in the plural.
    pub fn truncation_note(&self, truncated: usize, unit: &str) -> Option<String> {
        let context = self.checkpoint.config().text.max_position_embeddings;
        (truncated > 0).then(|| {
            format!(
                "{truncated} {unit} are longer than the checkpoint's {context} tokens and were cut at the end"
            )
        })
    }

    /// Asks the store for something it can do without: embeddings are a cache. A failure is remembered, and what is asked
    /// next is tried all the same, unless the store is damaged.
    pub(in crate::workbench) fn with_store<T: Default>(
        &self,
        ask: impl FnOnce(&Store) -> Result<T, StoreError>,
    ) -> T {
        if self.failures().is_damaged {
            return T::default();
        }
        ask(self.store).unwrap_or_else(|error| {
            let mut failures = self.failures();
            failures.is_damaged |= matches!(error, StoreError::Damaged { .. });
            match failures.first {
                Some(_) => failures.more += 1,
                None => failures.first = Some(error),
            }
            T::default()
        })
    }

    fn failures(&self) -> MutexGuard<'_, Failures> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The states of pictures' files.
    pub(in crate::workbench) fn stamps(&self, pictures: &[NamedPicture<'_>]) -> Vec<Option<FileStamp>> {
        stamps(pictures, self.store)
    }

    /// What is read of the checkpoint's files, which have to be those that embeddings are kept under.
    pub(in crate::workbench) fn load<T>(
        &self,
        load: impl FnOnce(&Checkpoint) -> Result<T, ClipError>,
    ) -> Result<T, WorkbenchError> {
        load_unchanged(self.checkpoint, self.fingerprint, self.store, load)
    }

    /// Makes the rows known whose vectors are stored under their keys: all are read in the order of the keys, but only
    /// some are in memory beside the rows.
    fn fill_stored(&self, keys: &[Option<Key>], rows: &mut EmbeddingRows) {
        const TOGETHER: usize = 8192;
        let mut order: Vec<(Key, usize)> =
            keys.iter().enumerate().filter_map(|(row, key)| Some(((*key)?, row))).collect();
        order.par_sort_unstable();
        for some in order.chunks(TOGETHER) {
            let keys: Vec<Key> = some.iter().map(|(key, _)| *key).collect();
            for ((_, row), vector) in some.iter().zip(self.with_store(|store| store.vectors(&keys))) {
                if let Some(vector) = vector {
                    rows.set(*row, &vector);
                }
            }
        }
    }

    /// The vector stored under a key.
    fn stored(&self, key: Key) -> Option<Vec<f32>> {
        self.with_store(|store| store.vectors(&[key])).into_iter().next().flatten()
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
        let order: Vec<usize> = (0..pictures.len()).collect();
        self.images_in(&order, pictures, cancel, notify, &mut |_, _| Ok(()))
    }

    /// The same, begun in an order of all images. `take` gets each image's place and raw embedding `[dim]` as soon as it is
    /// there; of images with the same content, that of one.
    ///
    /// # Errors
    /// As [`Embedder::images`], and those of `take`.
    pub(in crate::workbench) fn images_in(
        &self,
        order: &[usize],
        pictures: &[NamedPicture<'_>],
        cancel: &Cancel,
        notify: &dyn Fn(Progress),
        take: TakeEmbedding<'_>,
    ) -> Result<ImageEmbeddings, WorkbenchError> {
        let mut meter = Meter::start(Stage::Images, pictures.len());
        let mut stamps = self.stamps(pictures);
        let hashes = self.known_hashes(pictures, &stamps);
        let mut rows = EmbeddingRows::new(pictures.len(), self.checkpoint.config().dim);
        let keys: Vec<Option<Key>> = hashes.iter().map(|hash| Some(self.image_key(hash.as_ref()?))).collect();
        self.fill_stored(&keys, &mut rows);
        let mut is_pending = vec![false; pictures.len()];
        rows.pending().into_iter().for_each(|image| is_pending[image] = true);
        let (pending, known): (Vec<usize>, Vec<usize>) = order.iter().partition(|&&image| is_pending[image]);
        meter.cached(pictures.len() - pending.len());
        notify(meter.progress());

        if !pending.is_empty() {
            known.into_iter().try_for_each(|image| take(image, rows.row(image)))?;
        }
        let mut collected = Collected::new(pictures, hashes, rows);
        if !pending.is_empty() {
            let done = self.encode_pending(&pending, &mut collected, &mut meter, cancel, notify, take);
            leave_out_changed(pictures, &mut stamps, self.store);
            let learnt: Vec<(FileStamp, Hash)> =
                pending.iter().filter_map(|&i| Some((stamps[i].clone()?, collected.hashes[i]?))).collect();
            self.with_store(|store| store.save_file_hashes(&learnt).and_then(|()| store.flush()));
            done?;
        }
        let embeddings = collected.finish(self.checkpoint.config().dim)?;
        self.remember_contents(pictures, &stamps, &embeddings.contents);
        Ok(embeddings)
    }

    /// Embeds what the store does not hold, and saves it batch by batch.
    fn encode_pending(
        &self,
        pending: &[usize],
        collected: &mut Collected<'_>,
        meter: &mut Meter,
        cancel: &Cancel,
        notify: &dyn Fn(Progress),
        take: TakeEmbedding<'_>,
    ) -> Result<(), WorkbenchError> {
        precision::check(self.precision)?;
        let encoder = self.load(|checkpoint| checkpoint.image_encoder(self.precision))?;
        let dim = encoder.dim();
        let pictures = collected.pictures;
        let pipeline = ImagePipeline {
            encoder: &encoder,
            preprocessing: self.checkpoint.preprocessing(),
            pictures,
            pending,
            threads: threads(),
            known: |hash: &Hash| self.stored(self.image_key(hash)).filter(|row| row.len() == dim),
        };
        let mut unsaved = Unsaved::new(self);
        pipeline.run(cancel, |outcomes| {
            let mut encoded = 0;
            for (image, outcome) in &outcomes {
                if let Outcome::Encoded { hash, embedding } = outcome {
                    check_finite(embedding, pictures[*image].name)?;
                    unsaved.add(self.image_key(hash), embedding.clone());
                    take(*image, embedding)?;
                    encoded += 1;
                }
            }
            meter.encoded(encoded);
            meter.cached(outcomes.len() - encoded);
            outcomes.into_iter().for_each(|(image, outcome)| collected.take(image, outcome));
            notify(meter.progress());
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
                (None, PictureSource::File(_) | PictureSource::Member { .. }) => None,
            })
            .collect()
    }

    fn image_key(&self, hash: &Hash) -> Key {
        let preprocessing = Preprocessing::VERSION.to_le_bytes();
        Key::from_parts(&[b"image", &self.encoder_key(), &preprocessing, hash.as_bytes()])
    }

    fn prompt_key(&self, prompt: &str) -> Key {
        Key::from_parts(&[b"prompt", &self.encoder_key(), prompt.as_bytes()])
    }

    /// Everything of an encoder that decides an embedding.
    pub(in crate::workbench) fn encoder_key(&self) -> Vec<u8> {
        let precision = self.precision.name().as_bytes();
        [self.fingerprint.as_bytes(), &ENCODER_VERSION.to_le_bytes()[..], precision].concat()
    }

    /// Keeps the embeddings of prompts that this checkpoint's text tower made elsewhere.
    pub(in crate::workbench) fn remember_prompts<'p>(
        &self,
        prompts: impl IntoIterator<Item = (&'p String, &'p EncodedPrompt)>,
    ) {
        let mut unsaved = Unsaved::new(self);
        for (text, EncodedPrompt { raw, truncated }) in prompts {
            unsaved.add(self.prompt_key(text), prompt_record(raw, *truncated));
        }
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
        let keys: Vec<Option<Key>> = distinct.iter().map(|prompt| Some(self.prompt_key(prompt))).collect();
        let mut records = EmbeddingRows::new(distinct.len(), dim + 1);
        self.fill_stored(&keys, &mut records);
        let pending = records.pending();
        meter.cached(distinct.len() - pending.len());
        notify(meter.progress());
        if !pending.is_empty() {
            precision::check(self.precision)?;
            let (tokenizer, encoder) = self
                .load(|checkpoint| Ok((checkpoint.tokenizer()?, checkpoint.text_encoder(self.precision)?)))?;
            let tokenized: Vec<TokenizedPrompt> = pending
                .par_iter()
                .map(|&i| Ok(tokenizer.tokenize(distinct[i])?))
                .collect::<Result<_, WorkbenchError>>()?;
            let groups = encoder.groups(&tokenized, threads())?;
            let encode = |group: &Vec<usize>| {
                let prompts: Vec<TokenizedPrompt> = group.iter().map(|&at| tokenized[at].clone()).collect();
                encoder.encode(&prompts)
            };
            let mut unsaved = Unsaved::new(self);
            in_parallel(threads(), &groups, cancel, encode, |group, embeddings| {
                let (group, projected) = (&groups[group], embeddings?.projected);
                for (row, &at) in projected.chunks_exact(dim).zip(group) {
                    let index = pending[at];
                    check_finite(row, distinct[index])?;
                    let record = prompt_record(row, tokenized[at].truncated);
                    records.set(index, &record);
                    unsaved.add(self.prompt_key(distinct[index]), record);
                }
                meter.encoded(group.len());
                notify(meter.progress());
                Ok(())
            })?;
        }
        let truncated = records.last_column().map(|flag| flag > 0.5).collect();
        Ok(PromptEmbeddings { row_of, raw: records.into_matrix(dim)?, truncated })
    }
}

/// A prompt that was encoded on its own.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::workbench) struct EncodedPrompt {
    /// Projected, not normalised, `[dim]`.
    pub(in crate::workbench) raw: Vec<f32>,
    /// It is longer than the context and lost its end.
    pub(in crate::workbench) truncated: bool,
}

/// Embeddings on their way into the store: written together, since each writing waits for the disk. Whatever ends the
/// work, none is left behind.
struct Unsaved<'e, 'a> {
    embedder: &'e Embedder<'a>,
    items: Vec<(Key, Vec<f32>)>,
    last_saved: Instant,
}

impl<'e, 'a> Unsaved<'e, 'a> {
    const TOGETHER: usize = 256;
    const LONGEST: Duration = Duration::from_secs(1);

    fn new(embedder: &'e Embedder<'a>) -> Self {
        Self { embedder, items: Vec::new(), last_saved: Instant::now() }
    }

    fn add(&mut self, key: Key, vector: Vec<f32>) {
        self.items.push((key, vector));
        if self.items.len() == Self::TOGETHER || self.last_saved.elapsed() >= Self::LONGEST {
            self.save();
        }
    }

    fn save(&mut self) {
        let items: Vec<(Key, &[f32])> =
            self.items.iter().map(|(key, vector)| (*key, vector.as_slice())).collect();
        self.embedder.save(&items);
        self.items.clear();
        self.last_saved = Instant::now();
    }
}

impl Drop for Unsaved<'_, '_> {
    fn drop(&mut self) {
        self.save();
    }
}

/// A prompt's record: its raw embedding and one more number, 1 where the prompt was truncated.
fn prompt_record(raw: &[f32], truncated: bool) -> Vec<f32> {
    [raw, &[if truncated { 1.0 } else { 0.0 }]].concat()
}

/// A value that is not finite must not get into the store.
pub(in crate::workbench) fn check_finite(embedding: &[f32], name: &str) -> Result<(), WorkbenchError> {
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
    embeddings: EmbeddingRows,
    /// Why an image cannot be read.
    reasons: HashMap<usize, String>,
    /// Images with the content of another one, and that one.
    copies: Vec<(usize, usize)>,
}

impl<'p> Collected<'p> {
    fn new(pictures: &'p [NamedPicture<'p>], hashes: Vec<Option<Hash>>, embeddings: EmbeddingRows) -> Self {
        Self { pictures, hashes, embeddings, reasons: HashMap::new(), copies: Vec::new() }
    }

    fn take(&mut self, image: usize, outcome: Outcome) {
        match outcome {
            Outcome::Encoded { hash, embedding } | Outcome::Known { hash, embedding } => {
                self.hashes[image] = Some(hash);
                self.embeddings.set(image, &embedding);
            }
            Outcome::CopyOf { hash, image: first } => {
                self.hashes[image] = Some(hash);
                self.copies.push((image, first));
            }
            Outcome::Broken { reason } => {
                self.reasons.insert(image, reason);
            }
        }
    }

    /// All that could be read, as unit rows `[kept, dim]`.
    fn finish(mut self, dim: usize) -> Result<ImageEmbeddings, EvaluationError> {
        for (copy, first) in self.copies {
            self.embeddings.copy(first, copy);
            if let Some(reason) = self.reasons.get(&first).cloned() {
                self.reasons.insert(copy, reason);
            }
        }
        let mut contents = ImageContents::default();
        for (index, hash) in self.hashes.into_iter().enumerate() {
            match hash.filter(|_| self.embeddings.is_known(index)) {
                Some(hash) => {
                    contents.kept.push(index);
                    contents.hashes.push(hash);
                }
                None => contents.skipped.push(SkippedImage {
                    name: self.pictures[index].name.to_owned(),
                    reason: self.reasons.remove(&index).unwrap_or_else(|| "could not be read".to_owned()),
                }),
            }
        }
        Ok(ImageEmbeddings { contents, unit: self.embeddings.into_matrix(dim)?.normalised() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_share_an_embedding_or_a_reason() {
        let source = PictureSource::Pixels(std::sync::Arc::new(image::RgbImage::new(1, 1)));
        let pictures = ["a", "b", "c", "d"].map(|name| NamedPicture { name, source: &source });
        let mut collected = Collected::new(&pictures, vec![None; 4], EmbeddingRows::new(4, 2));
        let hash = |content: &str| blake3::hash(content.as_bytes());
        collected.take(0, Outcome::CopyOf { hash: hash("same"), image: 1 });
        collected.take(1, Outcome::Encoded { hash: hash("same"), embedding: vec![3.0, 4.0] });
        collected.take(3, Outcome::CopyOf { hash: hash("damaged"), image: 2 });
        collected.take(2, Outcome::Broken { reason: "truncated".into() });
        let done = collected.finish(2).unwrap();
        assert_eq!(done.contents.kept, [0, 1]);
        assert!(done.unit.iter_rows().all(|row| row == [0.6, 0.8]));
        assert_eq!(done.contents.hashes, [hash("same"); 2]);
        let skipped = |name: &str| SkippedImage { name: name.into(), reason: "truncated".into() };
        assert_eq!(done.contents.skipped, [skipped("c"), skipped("d")]);
    }

    #[test]
    fn nothing_stays_unsaved() {
        let checkpoint = Checkpoint::open(crate::workbench::experiment::demo::checkpoint()).unwrap();
        let store = Store::in_memory();
        let embedder = Embedder::new(&checkpoint, blake3::hash(b"checkpoint"), Precision::F32, &store);
        let key = |at: usize| embedder.prompt_key(&at.to_string());
        let count = Unsaved::TOGETHER + 3;
        let mut unsaved = Unsaved::new(&embedder);
        (0..count).for_each(|at| unsaved.add(key(at), vec![at as f32]));
        drop(unsaved);
        let keys: Vec<Key> = (0..count).map(key).collect();
        let stored = store.vectors(&keys).unwrap();
        assert!(stored.iter().enumerate().all(|(at, vector)| vector.as_deref() == Some(&[at as f32][..])));
    }

    #[test]
    fn what_the_store_does_not_take_once_is_no_end_of_saving() {
        let checkpoint = Checkpoint::open(crate::workbench::experiment::demo::checkpoint()).unwrap();
        let store = Store::in_memory();
        let embedder = Embedder::new(&checkpoint, blake3::hash(b"checkpoint"), Precision::F32, &store);
        let full = |_: &Store| -> Result<(), StoreError> {
            let source = std::io::ErrorKind::StorageFull.into();
            Err(StoreError::Full { path: "/store/blobs/a".into(), source })
        };
        let save = |at: usize| embedder.save(&[(embedder.prompt_key(&at.to_string()), &[1.0])]);
        let saved = || store.counts().unwrap().vectors;
        save(0);
        assert_eq!((embedder.unsaved(), saved()), (None, 1));
        embedder.with_store(full);
        let said = embedder.unsaved().unwrap();
        assert!(said.contains("no room left to write /store/blobs/a"), "{said}");
        save(1);
        assert_eq!((embedder.unsaved(), saved()), (Some(said), 2));
        embedder.with_store(full);
        assert!(embedder.unsaved().unwrap().ends_with("(and 1 more failure)"));
        save(2);
        let damaged = StoreError::Damaged { path: "/store".into(), reason: "x".into() };
        embedder.with_store(|_| Err::<(), _>(damaged));
        save(3);
        assert_eq!(saved(), 3);
    }

    #[test]
    fn keys_know_the_precision() {
        let checkpoint = Checkpoint::open(crate::workbench::experiment::demo::checkpoint()).unwrap();
        let store = Store::in_memory();
        let keys = Precision::ALL.map(|precision| {
            let embedder = Embedder::new(&checkpoint, blake3::hash(b"checkpoint"), precision, &store);
            [embedder.prompt_key("a frog"), embedder.image_key(&blake3::hash(b"frog"))]
        });
        assert_ne!(keys[0][0], keys[1][0]);
        assert_ne!(keys[0][1], keys[1][1]);
    }

    #[test]
    fn numbers_that_are_not_finite_are_named() {
        assert!(check_finite(&[1.0, -2.0], "x").is_ok());
        assert!(check_finite(&[f32::NAN], "frog.png").unwrap_err().to_string().contains("frog.png"));
    }
}
