//! How fast this machine embeds and evaluates, measured on images and prompts in memory.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::clip::{Checkpoint, ClipError, Precision, TextEncoder, TokenizedPrompt};
use crate::dataset::{PictureSource, list_pictures};
use crate::evaluation::{Classifier, EvaluationError, Matrix, Rescorer, evaluate};
use crate::kernels::Cpu;
use crate::prompts::{Aggregation, PromptSet, PromptSetContent};
use crate::workbench::embedding::precision::{self, precision_notes};
use crate::workbench::embedding::texts::read_texts;
use crate::workbench::error::WorkbenchError;
use crate::workbench::experiment::definition::CheckpointChoice;
use crate::workbench::experiment::demo;
use crate::workbench::jobs::parallel::{in_parallel, threads};
use crate::workbench::jobs::progress::Cancel;
use crate::workbench::session::opening::open_checkpoint;

/// Pictures measured at most: a rate does not get better with more.
const PICTURES: usize = 256;

/// A measurement is repeated until it has lasted so long.
const LONG_ENOUGH: Duration = Duration::from_secs(2);

/// What to measure.
#[derive(Debug, Clone)]
pub struct BenchmarkRequest {
    /// The model.
    pub checkpoint: CheckpointChoice,
    /// How it computes.
    pub precision: Precision,
    /// A folder of pictures; with neither pictures nor texts, the demo's.
    pub images: Option<PathBuf>,
    /// A text a line, JSONL with the key `text`, or CuPL JSON.
    pub texts: Option<PathBuf>,
}

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Benchmark {
    /// The checkpoint's name.
    pub checkpoint: String,
    /// How it computed.
    pub precision: Precision,
    /// Threads that computed.
    pub threads: usize,
    /// What the kernels used.
    pub instruction_set: &'static str,
    /// What products in this precision are made of there.
    pub products: &'static str,
    /// What the user should know of this precision on this processor.
    pub notes: Vec<String>,
    /// The image tower, where pictures were given.
    pub images: Option<ImageRates>,
    /// The text tower, where texts were given.
    pub texts: Option<TextRates>,
    /// Evaluation.
    pub rescoring: RescoringTimes,
    /// The most memory that this process has used, in 10⁶ bytes; unknown on some systems.
    pub peak_memory_mb: Option<f64>,
}

/// Rates of the image tower.
#[derive(Debug, Clone, Serialize)]
pub struct ImageRates {
    /// Pictures measured.
    pub count: usize,
    /// Images per second, from pixel values.
    pub encode_per_s: f64,
    /// Images per second, from files.
    pub decode_and_encode_per_s: f64,
    /// Operations of one image's matrix products, in 10⁹; a multiplication and an addition count as two.
    pub gflop_per_image: f64,
    /// The same per second.
    pub gflop_per_s: f64,
    /// What these threads can do at most in `f32`, measured on registers alone, in 10⁹ operations per second.
    pub peak_gflop_per_s: f64,
    /// The share of it that the tower reaches; in `int8` it can be above 1.
    pub share_of_peak: f64,
}

/// Rates of the text tower.
#[derive(Debug, Clone, Serialize)]
pub struct TextRates {
    /// Distinct prompts measured.
    pub count: usize,
    /// Their tokens.
    pub tokens: usize,
    /// Tokens of their prefix tree.
    pub tree_nodes: usize,
    /// Prompts per second, each encoded on its own; measured on some of them.
    pub plain_per_s: f64,
    /// Prompts per second through the prefix tree.
    pub tree_per_s: f64,
}

/// Times of an evaluation of random embeddings.
#[derive(Debug, Clone, Serialize)]
pub struct RescoringTimes {
    /// Number of images.
    pub images: usize,
    /// Number of classes.
    pub classes: usize,
    /// Length of an embedding.
    pub dim: usize,
    /// A whole evaluation, in milliseconds, the median of several.
    pub full_ms: f64,
    /// The evaluation after one prompt of one class changed, in milliseconds, the median of several.
    pub one_prompt_ms: f64,
}

/// Measures; `notify` is told what.
///
/// # Errors
/// What cannot be read, and [`WorkbenchError::Cancelled`].
pub fn benchmark(
    request: &BenchmarkRequest,
    cancel: &Cancel,
    notify: &dyn Fn(&str),
) -> Result<Benchmark, WorkbenchError> {
    let checkpoint = open_checkpoint(&request.checkpoint)?;
    let precision = request.precision;
    precision::check(precision)?;
    let of_demo = request.images.is_none() && request.texts.is_none();
    let pictures = match &request.images {
        Some(folder) => {
            let pictures = list_pictures(folder)?;
            if pictures.is_empty() {
                return Err(WorkbenchError::NoReadableImage { skipped: Vec::new() });
            }
            pictures.into_iter().map(|(_, path)| PictureSource::File(path)).take(PICTURES).collect()
        }
        None if of_demo => demo::dataset()?.images.into_iter().map(|image| image.source).collect(),
        None => Vec::new(),
    };
    let texts = match &request.texts {
        Some(file) => read_prompts(file)?,
        None if of_demo => demo_prompts()?,
        None => Vec::new(),
    };
    let images = match pictures.is_empty() {
        true => None,
        false => Some(image_rates(&checkpoint, precision, &pictures, cancel, notify)?),
    };
    let texts = match texts.is_empty() {
        true => None,
        false => Some(text_rates(&checkpoint, precision, &texts, cancel, notify)?),
    };
    notify("measuring the evaluation");
    Ok(Benchmark {
        checkpoint: checkpoint.name().to_owned(),
        precision,
        threads: threads(),
        instruction_set: Cpu::detect().name(),
        products: Cpu::detect().products(precision),
        notes: precision_notes(precision),
        images,
        texts,
        rescoring: rescoring_times(cancel)?,
        peak_memory_mb: peak_memory().map(|bytes| bytes as f64 / 1e6),
    })
}

fn image_rates(
    checkpoint: &Checkpoint,
    precision: Precision,
    pictures: &[PictureSource],
    cancel: &Cancel,
    notify: &dyn Fn(&str),
) -> Result<ImageRates, WorkbenchError> {
    notify("loading the image tower");
    let encoder = checkpoint.image_encoder(precision)?;
    let preprocessing = checkpoint.preprocessing();
    let mut pixels = vec![Vec::new(); pictures.len()];
    let decode = |source: &PictureSource| {
        let picture = source.read().and_then(|picture| picture.decode());
        picture.map(|picture| preprocessing.pixel_values(&picture))
    };
    in_parallel(threads(), pictures, cancel, decode, |at, values| {
        pixels[at] = values.unwrap_or_default();
        Ok(())
    })?;
    pixels.retain(|values| !values.is_empty());
    if pixels.is_empty() {
        return Err(WorkbenchError::NoReadableImage { skipped: Vec::new() });
    }
    notify("measuring the image tower");
    let size = encoder.batch().min(pixels.len().div_ceil(threads()));
    let batches: Vec<Vec<f32>> = pixels.chunks(size).map(<[Vec<f32>]>::concat).collect();
    let encode = |batch: &Vec<f32>| encoder.encode(batch);
    warm_up(&batches, cancel, encode)?;
    let encode_per_s = rate(pixels.len(), &batches, cancel, encode)?;

    let sources: Vec<&[PictureSource]> = pictures.chunks(size).collect();
    let decode_and_encode_per_s = rate(pixels.len(), &sources, cancel, |sources| {
        encoder.encode(&sources.iter().filter_map(|source| decode(source).ok()).collect::<Vec<_>>().concat())
    })?;

    let peak = peak_flops() / 1e9;
    let gflop_per_image = encoder.operations_per_image() as f64 / 1e9;
    let gflop_per_s = gflop_per_image * encode_per_s;
    Ok(ImageRates {
        count: pixels.len(),
        encode_per_s,
        decode_and_encode_per_s,
        gflop_per_image,
        gflop_per_s,
        peak_gflop_per_s: peak,
        share_of_peak: gflop_per_s / peak,
    })
}

fn text_rates(
    checkpoint: &Checkpoint,
    precision: Precision,
    texts: &[String],
    cancel: &Cancel,
    notify: &dyn Fn(&str),
) -> Result<TextRates, WorkbenchError> {
    notify("loading the text tower");
    let encoder = checkpoint.text_encoder(precision)?;
    let tokenizer = checkpoint.tokenizer()?;
    let prompts = texts.iter().map(|text| tokenizer.tokenize(text)).collect::<Result<Vec<_>, _>>()?;
    let of = |group: &Vec<usize>| group.iter().map(|&at| prompts[at].clone()).collect();
    let groups: Vec<Vec<TokenizedPrompt>> = encoder.groups(&prompts, threads())?.iter().map(of).collect();
    let encode = |group: &Vec<TokenizedPrompt>| encoder.encode(group);
    warm_up(&groups, cancel, encode)?;
    notify("measuring the text tower on the prefix tree");
    let tree_per_s = rate(prompts.len(), &groups, cancel, encode)?;
    notify("measuring the text tower prompt by prompt");
    let plain_per_s = plain_rate(&encoder, &prompts, cancel)?;
    Ok(TextRates {
        count: prompts.len(),
        tokens: prompts.iter().map(|prompt| prompt.ids.len()).sum(),
        tree_nodes: encoder.nodes(&prompts)?,
        plain_per_s,
        tree_per_s,
    })
}

/// Prompts per second without sharing, on every n-th prompt.
fn plain_rate(
    encoder: &TextEncoder,
    prompts: &[TokenizedPrompt],
    cancel: &Cancel,
) -> Result<f64, WorkbenchError> {
    const SAMPLE: usize = 512;
    const TOGETHER: usize = 16;
    let step = prompts.len().div_ceil(SAMPLE);
    let sample: Vec<TokenizedPrompt> = prompts.iter().step_by(step).cloned().collect();
    let batches: Vec<&[TokenizedPrompt]> = sample.chunks(TOGETHER).collect();
    rate(sample.len(), &batches, cancel, |batch| encoder.encode_separately(batch))
}

fn rescoring_times(cancel: &Cancel) -> Result<RescoringTimes, WorkbenchError> {
    const ROUNDS: usize = 9;
    const PROMPTS: usize = 8;
    let (images, classes, dim) = (10_000, 1000, 512);
    let unit = |rows: usize, seed| Ok::<_, WorkbenchError>(random(rows, dim, seed)?.normalised());
    let (rows, labels) = (unit(images, 1)?, (0..images).map(|image| image % classes).collect::<Vec<_>>());
    let prompts: Vec<Matrix> =
        (0..classes).map(|class| random(PROMPTS, dim, 2 + class as u64)).collect::<Result<_, _>>()?;
    let (classifier, scale) = (Classifier::build(Aggregation::Mean, &prompts)?, 100_f32.ln());
    let full_ms = median_ms(ROUNDS, cancel, |_| evaluate(&rows, &labels, &classifier, scale, 5).map(|_| ()))?;
    let mut rescorer = Rescorer::new(&classifier, rows, &labels, scale, 5)?;
    let others: Vec<Matrix> =
        (0..ROUNDS).map(|round| random(PROMPTS, dim, 1 + round as u64)).collect::<Result<_, _>>()?;
    let one_prompt_ms = median_ms(ROUNDS, cancel, |round| {
        rescorer.rescore(round * 97 % classes, Aggregation::Mean, &others[round]).map(|_| ())
    })?;
    Ok(RescoringTimes { images, classes, dim, full_ms, one_prompt_ms })
}

/// The median time of some rounds, in milliseconds.
fn median_ms(
    rounds: usize,
    cancel: &Cancel,
    mut round: impl FnMut(usize) -> Result<(), EvaluationError>,
) -> Result<f64, WorkbenchError> {
    let mut times = Vec::with_capacity(rounds);
    for at in 0..rounds {
        if cancel.is_cancelled() {
            return Err(WorkbenchError::Cancelled);
        }
        let start = Instant::now();
        round(at)?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(median(&mut times))
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Numbers from −0.5 to 0.5 that are the same each time.
fn random(rows: usize, cols: usize, seed: u64) -> Result<Matrix, WorkbenchError> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    Ok(Matrix::new(rows, cols, std::iter::repeat_with(next).take(rows * cols).collect())?)
}

/// `count` things that are in `items`, in things per second. They are encoded once to see how long it takes, and then as
/// often as is long enough, in one go: threads wait for each other at its end only.
fn rate<T: Sync, R: Send>(
    count: usize,
    items: &[T],
    cancel: &Cancel,
    encode: impl Fn(&T) -> Result<R, ClipError> + Sync,
) -> Result<f64, WorkbenchError> {
    let timed = |passes: usize| {
        let items: Vec<&T> = items.iter().cycle().take(items.len() * passes).collect();
        let start = Instant::now();
        all(&items, cancel, |item| encode(item))?;
        Ok::<_, WorkbenchError>(start.elapsed().as_secs_f64().max(1e-9))
    };
    let once = timed(1)?;
    let passes = (LONG_ENOUGH.as_secs_f64() / once).ceil() as usize;
    Ok(if passes <= 1 { count as f64 / once } else { (count * passes) as f64 / timed(passes)? })
}

/// One item for each thread: buffers are made and weights are near.
fn warm_up<T: Sync, R: Send>(
    items: &[T],
    cancel: &Cancel,
    encode: impl Fn(&T) -> Result<R, ClipError> + Sync,
) -> Result<(), WorkbenchError> {
    all(&items[..threads().min(items.len())], cancel, encode)
}

fn all<T: Sync, R: Send>(
    items: &[T],
    cancel: &Cancel,
    encode: impl Fn(&T) -> Result<R, ClipError> + Sync,
) -> Result<(), WorkbenchError> {
    in_parallel(threads(), items, cancel, encode, |_, encoded| {
        encoded.map(|_| ()).map_err(WorkbenchError::from)
    })
}

/// What all threads together can do at most, in operations per second.
pub(in crate::workbench) fn peak_flops() -> f64 {
    const TRIALS: usize = 20;
    std::thread::scope(|scope| {
        let running: Vec<_> =
            (0..threads()).map(|_| scope.spawn(|| Cpu::detect().peak_flops(TRIALS))).collect();
        running.into_iter().filter_map(|thread| thread.join().ok()).sum()
    })
}

/// Distinct prompts of a file.
fn read_prompts(file: &Path) -> Result<Vec<String>, WorkbenchError> {
    let is_json = file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
    let mut texts = if is_json { prompts_of_set(file)? } else { read_texts(file)? };
    texts.retain(|text| !text.trim().is_empty());
    Ok(distinct(texts))
}

fn prompts_of_set(file: &Path) -> Result<Vec<String>, WorkbenchError> {
    Ok(match PromptSet::read_cupl(file)?.content {
        PromptSetContent::PerClass(classes) => classes.into_iter().flat_map(|(_, prompts)| prompts).collect(),
        PromptSetContent::Templates(_) => Vec::new(),
    })
}

fn demo_prompts() -> Result<Vec<String>, WorkbenchError> {
    let classes = demo::dataset()?.class_names();
    let mut texts = Vec::new();
    for set in [demo::templates()?, demo::cupl()?] {
        texts.extend(set.resolve(&classes)?.per_class.into_iter().flatten());
    }
    Ok(distinct(texts))
}

fn distinct(mut texts: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    texts.retain(|text| seen.insert(text.clone()));
    texts
}

/// The most memory that this process has had in use, in bytes, where the system says so.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_some_times() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), 2.0);
    }

    #[test]
    fn peak_memory_is_known_on_linux() {
        assert_eq!(peak_memory().is_some_and(|bytes| bytes > 1_000_000), cfg!(target_os = "linux"));
    }

    #[test]
    fn prompts_come_from_lines_and_from_sets() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, content: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            path
        };
        let lines = write("prompts.txt", "a frog\n\na toad\na frog\n");
        assert_eq!(read_prompts(&lines).unwrap(), ["a frog", "a toad"]);
        let set = write("cupl.json", r#"{"frog": ["It is green.", "It is wet."], "toad": ["It is wet."]}"#);
        assert_eq!(read_prompts(&set).unwrap(), ["It is green.", "It is wet."]);
        assert!(read_prompts(&folder.path().join("absent.txt")).is_err());
    }
}
