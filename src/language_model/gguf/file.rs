//! GGUF files: which networks there are, and what a file must have.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Seek, SeekFrom};
use std::path::Path;

use candle_core::quantized::gguf_file::{Content, Value};
use candle_core::{Device, Tensor};
use candle_transformers::models::quantized_llama;

use super::gemma3::Gemma3;
use crate::language_model::LanguageModelError;

/// Metadata by their keys.
pub(super) type Metadata = HashMap<String, Value>;

/// A network with what it has read so far. Clones share the weights.
#[derive(Debug, Clone)]
pub(super) enum Network {
    Llama(Box<quantized_llama::ModelWeights>),
    Gemma3(Gemma3),
}

impl Network {
    /// The logits after the last of `tokens`, `[rows, length]`: `[rows, n_vocabulary]`.
    pub(super) fn forward(&mut self, tokens: &Tensor, before: usize) -> candle_core::Result<Tensor> {
        match self {
            Self::Llama(network) => network.forward(tokens, before),
            Self::Gemma3(network) => network.forward(tokens, before),
        }
    }
}

/// What is in a file.
pub(super) struct Loaded {
    pub(super) network: Network,
    pub(super) metadata: Metadata,
    /// Tokens that the network reads at most.
    pub(super) context_length: usize,
    /// The hash of the file.
    pub(super) identity: String,
}

pub(super) fn load(path: &Path) -> Result<Loaded, LanguageModelError> {
    let bad = |reason: String| LanguageModelError::File { path: path.to_owned(), reason };
    let unreadable = |error: std::io::Error| bad(format!("cannot be read: {error}"));
    let file = File::open(path).map_err(unreadable)?;
    let mut reader = BufReader::new(file);
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(&mut reader).map_err(unreadable)?;
    reader.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    let content = Content::read(&mut reader)
        .map_err(|error| bad(format!("not a whole GGUF file ({}); get it anew", first_line(&error))))?;
    let metadata = content.metadata.clone();
    let architecture = match metadata.get("general.architecture") {
        Some(Value::String(name)) => name.clone(),
        _ => return Err(bad("the key general.architecture is missing; get the file anew".to_owned())),
    };
    let context_length = metadata
        .get(&format!("{architecture}.context_length"))
        .and_then(|value| value.to_u32().ok())
        .map_or(2048, |length| length as usize);
    let device = Device::Cpu;
    let network = match architecture.as_str() {
        "llama" => quantized_llama::ModelWeights::from_gguf(content, &mut reader, &device)
            .map(|network| Network::Llama(Box::new(network))),
        "gemma3" => Gemma3::read(content, &mut reader).map(Network::Gemma3),
        other => {
            return Err(bad(format!(
                "the architecture {other:?} is not known here; llama and gemma3 are. A server such as llama.cpp's runs others: \
                 --backend openai --base-url http://localhost:8080/v1"
            )));
        }
    };
    let network = network.map_err(|error| {
        bad(format!("cannot be loaded as {architecture} ({}); get it anew", first_line(&error)))
    })?;
    Ok(Loaded { network, metadata, context_length, identity: hasher.finalize().to_hex().to_string() })
}

/// candle's errors may have a backtrace below.
pub(super) fn first_line(error: &candle_core::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}
