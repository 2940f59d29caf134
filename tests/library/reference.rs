//! What a reference implementation computed with a checkpoint, and how near a result comes to it.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{Device, Tensor};
use cupl_tui::clip::{Checkpoint, CheckpointSource, TokenizedPrompt};
use serde::Deserialize;

/// `golden.json` of a checkpoint directory.
#[derive(Deserialize)]
pub struct Golden {
    /// File names without their ending; `photos`, with it, in the shared fixtures.
    #[serde(alias = "photos")]
    pub pictures: Vec<String>,
    pub prompts: Vec<String>,
    pub input_ids: Vec<Vec<u32>>,
    #[allow(dead_code)]
    pub truncated: Option<Vec<bool>>,
}

/// A checkpoint with what the reference computes with it.
pub struct Reference {
    pub checkpoint: Checkpoint,
    pub golden: Golden,
    pub tensors: HashMap<String, Tensor>,
}

impl Reference {
    pub fn open(directory: &Path) -> Self {
        let golden = std::fs::read(directory.join("golden.json")).unwrap();
        Self {
            checkpoint: Checkpoint::open(CheckpointSource::Directory(directory.to_owned())).unwrap(),
            golden: serde_json::from_slice(&golden).unwrap(),
            tensors: candle_core::safetensors::load(directory.join("golden.safetensors"), &Device::Cpu)
                .unwrap(),
        }
    }

    pub fn values(&self, name: &str) -> Vec<f32> {
        self.tensors[name].flatten_all().unwrap().to_vec1().unwrap()
    }

    pub fn prompts(&self) -> Vec<TokenizedPrompt> {
        let tokenizer = self.checkpoint.tokenizer().unwrap();
        self.golden.prompts.iter().map(|prompt| tokenizer.tokenize(prompt).unwrap()).collect()
    }
}

/// The lowest cosine of corresponding rows.
pub fn lowest_cosine(found: &[f32], expected: &[f32], dim: usize) -> f32 {
    assert_eq!(found.len(), expected.len());
    assert!(!found.is_empty());
    let cosine = |(a, b): (&[f32], &[f32])| {
        let dot =
            |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        (dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()) as f32
    };
    found.chunks_exact(dim).zip(expected.chunks_exact(dim)).map(cosine).fold(1.0, f32::min)
}

pub fn largest_difference(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}
