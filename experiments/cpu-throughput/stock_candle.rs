//! The peer "stock candle": candle-transformers' own CLIP ViT-B/32, used as its examples use it, timed on pixel values
//! and padded token ids. It shares nothing with cupl-tui but the files it reads.
#![allow(clippy::print_stdout, reason = "the result goes to standard output")]

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::clip::{ClipConfig, ClipModel};
use clap::Parser;

const BATCH: usize = 32;

/// Times candle-transformers' CLIP ViT-B/32 and prints `{"images_per_s":..,"prompts_per_s":..}`.
#[derive(Parser)]
struct Arguments {
    /// A Hugging Face CLIP directory with the sizes of openai/clip-vit-base-patch32
    #[arg(long, value_name = "DIR")]
    checkpoint: PathBuf,
    /// Pixel values: little-endian f32, [n, 3, 224, 224]
    #[arg(long, value_name = "FILE")]
    pixels: PathBuf,
    /// Padded token ids: a JSON list of lists of the same length
    #[arg(long, value_name = "FILE")]
    tokens: PathBuf,
    /// Threads; RAYON_NUM_THREADS must say the same, since candle reads that
    #[arg(long, value_name = "N")]
    threads: usize,
    /// Each figure is measured for at least this long
    #[arg(long, value_name = "S", default_value_t = 2.0)]
    seconds: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let threads = candle_core::utils::get_num_threads();
    if threads != arguments.threads {
        let wanted = arguments.threads;
        return Err(format!("candle would use {threads} threads: set RAYON_NUM_THREADS={wanted}").into());
    }
    let least = Duration::try_from_secs_f64(arguments.seconds)?;
    let config = ClipConfig::vit_base_patch32();
    let model = load(&arguments.checkpoint, &config)?;
    let images = batches(&read_pixels(&arguments.pixels, config.image_size)?)?;
    let prompts = batches(&read_tokens(&arguments.tokens)?)?;

    let images_per_s = rate(&images, least, |batch| model.get_image_features(batch))?;
    let prompts_per_s = rate(&prompts, least, |batch| model.get_text_features(batch))?;
    println!("{}", serde_json::json!({ "images_per_s": images_per_s, "prompts_per_s": prompts_per_s }));
    Ok(())
}

fn load(checkpoint: &Path, config: &ClipConfig) -> Result<ClipModel, Box<dyn Error>> {
    let weights = read(&checkpoint.join("model.safetensors"))?;
    let builder = VarBuilder::from_buffered_safetensors(weights, DType::F32, &Device::Cpu)?;
    Ok(ClipModel::new(builder, config)?)
}

/// `[n, 3, size, size]`.
fn read_pixels(path: &Path, size: usize) -> Result<Tensor, Box<dyn Error>> {
    let bytes = read(path)?;
    let image_bytes = 3 * size * size * size_of::<f32>();
    if bytes.is_empty() || bytes.len() % image_bytes != 0 {
        return Err(format!("{}: not a whole number of 3x{size}x{size} images in f32", path.display()).into());
    }
    let images = bytes.len() / image_bytes;
    let (values, _) = bytes.as_chunks::<4>();
    let values: Vec<f32> = values.iter().map(|value| f32::from_le_bytes(*value)).collect();
    Ok(Tensor::from_vec(values, (images, 3, size, size), &Device::Cpu)?)
}

/// `[n, length]`.
fn read_tokens(path: &Path) -> Result<Tensor, Box<dyn Error>> {
    let rows: Vec<Vec<u32>> =
        serde_json::from_slice(&read(path)?).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(Tensor::new(rows, &Device::Cpu)?)
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Slices of at most [`BATCH`] rows, each with memory of its own.
fn batches(rows: &Tensor) -> candle_core::Result<Vec<Tensor>> {
    let count = rows.dim(0)?;
    (0..count)
        .step_by(BATCH)
        .map(|start| rows.narrow(0, start, BATCH.min(count - start))?.force_contiguous())
        .collect()
}

/// Rows per second over whole passes, as many as `least` takes, after one untimed batch.
fn rate(
    batches: &[Tensor],
    least: Duration,
    encode: impl Fn(&Tensor) -> candle_core::Result<Tensor>,
) -> candle_core::Result<f64> {
    let mut rows = 0;
    for batch in batches.iter().take(1) {
        encode(batch)?;
    }
    let start = Instant::now();
    while start.elapsed() < least || rows == 0 {
        for batch in batches {
            rows += encode(batch)?.dim(0)?;
        }
    }
    Ok(rows as f64 / start.elapsed().as_secs_f64())
}
