//! How answers are drawn from a language model.

use serde::{Deserialize, Serialize};

/// Settings of sampling; the defaults are those of CuPL (arXiv 2209.03320): temperature 0.99, 50 tokens, to the end of the
/// first sentence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    /// 0 always takes the likeliest token.
    pub temperature: f64,
    /// Only the likeliest tokens that have this share of the probability together are drawn; 1 or `None`: all.
    pub top_p: Option<f64>,
    /// Tokens in an answer at most.
    pub max_tokens: usize,
    /// An answer ends before the first of these.
    pub stop: Vec<String>,
    /// Makes a local model's answers repeatable; a server may ignore it.
    pub seed: Option<u64>,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { temperature: 0.99, top_p: None, max_tokens: 50, stop: vec![".".to_owned()], seed: None }
    }
}

/// The seed of one sample: it depends on the seed of all, the LLM prompt and the number, so that samples can be drawn in any
/// order and again later.
pub fn sample_seed(seed: u64, llm_prompt: &str, number: u32) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.update(&number.to_le_bytes());
    hasher.update(llm_prompt.as_bytes());
    let mut first = [0; 8];
    hasher.finalize_xof().fill(&mut first);
    u64::from_le_bytes(first)
}
