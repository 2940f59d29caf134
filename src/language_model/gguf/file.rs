//! GGUF files: which networks there are, and what a file must have.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Seek, SeekFrom};
use std::path::Path;

use candle_core::quantized::gguf_file::{Content, Value};
use candle_core::{Device, Tensor};
use candle_transformers::models::quantized_llama;

use super::gemma3::Gemma3;
use crate::files::foreign::guarded;
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
    let content = guarded(|| Content::read(&mut reader).map_err(|error| first_line(&error)))
        .and_then(|read| read)
        .map_err(|error| bad(format!("not a whole GGUF file ({error}); get it anew")))?;
    let metadata = content.metadata.clone();
    let architecture = match metadata.get("general.architecture") {
        Some(Value::String(name)) => name.clone(),
        _ => return Err(bad("the key general.architecture is missing; get the file anew".to_owned())),
    };
    let context_length = metadata
        .get(&format!("{architecture}.context_length"))
        .and_then(|value| value.to_u32().ok())
        .map_or(2048, |length| length as usize);
    let problem = impossible_number(&metadata, &architecture, content.tensor_infos.len());
    let shapes = content.tensor_infos.iter().map(|(name, tensor)| (name.as_str(), tensor.shape.dims()));
    if let Some(problem) = problem.or_else(|| impossible_shape(shapes)) {
        return Err(bad(format!("{problem}; get it anew")));
    }
    let device = Device::Cpu;
    let network = match architecture.as_str() {
        "llama" => guarded(|| {
            quantized_llama::ModelWeights::from_gguf(content, &mut reader, &device)
                .map(|network| Network::Llama(Box::new(network)))
                .map_err(|error| first_line(&error))
        }),
        "gemma3" => guarded(|| {
            Gemma3::read(content, &mut reader).map(Network::Gemma3).map_err(|error| first_line(&error))
        }),
        other => {
            return Err(bad(format!(
                "the architecture {other:?} is not known here; llama and gemma3 are. A server such as llama.cpp's runs others: \
                 --backend openai --base-url http://localhost:8080/v1"
            )));
        }
    };
    let network = network.and_then(|read| read);
    let network =
        network.map_err(|error| bad(format!("cannot be loaded as {architecture} ({error}); get it anew")))?;
    Ok(Loaded { network, metadata, context_length, identity: hasher.finalize().to_hex().to_string() })
}

/// What numbers in a file's metadata may be, after the architecture's name: at least and at most. They size what is made of the
/// file, or divide it, before its tensors are looked at.
const BOUNDS: [(&str, u64, u64); 12] = [
    ("block_count", 1, 4096),
    ("context_length", 1, 1 << 32),
    ("embedding_length", 1, 1 << 20),
    ("attention.head_count", 1, 1 << 16),
    ("attention.head_count_kv", 1, 1 << 16),
    ("attention.key_length", 1, 1 << 16),
    ("attention.value_length", 1, 1 << 16),
    ("attention.sliding_window", 1, 1 << 32),
    ("rope.dimension_count", 2, 1 << 16),
    ("feed_forward_length", 1, 1 << 24),
    ("expert_count", 0, 1 << 16),
    ("expert_used_count", 0, 1 << 16),
];

/// A whole number of any width.
pub(super) fn number(value: &Value) -> Option<i64> {
    match value {
        Value::U8(number) => Some(i64::from(*number)),
        Value::I8(number) => Some(i64::from(*number)),
        Value::U16(number) => Some(i64::from(*number)),
        Value::I16(number) => Some(i64::from(*number)),
        Value::U32(number) => Some(i64::from(*number)),
        Value::I32(number) => Some(i64::from(*number)),
        Value::U64(number) => i64::try_from(*number).ok(),
        Value::I64(number) => Some(*number),
        _ => None,
    }
}

/// A number that is not below 0; one below is as impossible as any.
fn whole_number(value: &Value) -> Option<u64> {
    match value {
        Value::U64(number) => Some(*number),
        value => number(value).map(|number| u64::try_from(number).unwrap_or(u64::MAX)),
    }
}

/// What no network has of what the metadata say.
fn impossible_number(metadata: &Metadata, architecture: &str, tensors: usize) -> Option<String> {
    let said = |name: &str| metadata.get(&format!("{architecture}.{name}")).and_then(whole_number);
    for (name, least, most) in BOUNDS {
        // Each layer and each expert has tensors of its own.
        let most =
            if ["block_count", "expert_count"].contains(&name) { most.min(tensors as u64) } else { most };
        if let Some(number) = said(name).filter(|number| !(least..=most).contains(number)) {
            return Some(format!("the key {architecture}.{name} is {number}, not {least} to {most}"));
        }
    }
    let (width, heads, heads_kv) =
        (said("embedding_length"), said("attention.head_count"), said("attention.head_count_kv"));
    match (width, heads, heads_kv) {
        (Some(width), Some(heads), _) if heads > width => Some(format!(
            "the key {architecture}.attention.head_count is {heads}, and {width} numbers are shared among them"
        )),
        (_, Some(heads), Some(shared)) if heads % shared != 0 => Some(format!(
            "the key {architecture}.attention.head_count is {heads}, not a multiple of the {shared} heads of keys and values"
        )),
        _ => None,
    }
}

/// A tensor without a number in it, or with more than can be counted: candle reads either from where there is nothing.
fn impossible_shape<'a>(shapes: impl Iterator<Item = (&'a str, &'a [usize])>) -> Option<String> {
    let is_impossible = |(_, shape): &(&str, &[usize])| {
        let count = shape.iter().try_fold(1_usize, |count, length| count.checked_mul(*length));
        count.is_none_or(|count| count == 0)
    };
    let first = shapes.filter(is_impossible).min();
    first.map(|(name, shape)| format!("the tensor {name} has the shape {shape:?}"))
}

/// candle's errors may have a backtrace below.
pub(super) fn first_line(error: &candle_core::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_without_numbers_are_named() {
        let shapes = [("b", &[4, 0][..]), ("a", &[usize::MAX, 2]), ("c", &[4, 2]), ("d", &[])];
        let told = impossible_shape(shapes.into_iter()).unwrap();
        assert!(told.contains("the tensor a has the shape"), "{told}");
        assert!(impossible_shape(shapes[..1].iter().copied()).unwrap().contains("b has the shape [4, 0]"));
        assert_eq!(impossible_shape(shapes[2..].iter().copied()), None);
    }

    #[test]
    fn numbers_that_no_network_has_are_named() {
        let metadata = |changed: &str, value: Value| {
            let mut metadata: Metadata = [
                ("block_count", 2),
                ("embedding_length", 64),
                ("attention.head_count", 4),
                ("attention.head_count_kv", 2),
                ("rope.dimension_count", 16),
                ("context_length", 128),
            ]
            .into_iter()
            .map(|(name, number)| (format!("llama.{name}"), Value::U32(number)))
            .collect();
            metadata.insert(format!("llama.{changed}"), value);
            impossible_number(&metadata, "llama", 20)
        };
        assert_eq!(metadata("expert_count", Value::U32(0)), None);
        for (name, value) in [
            ("attention.head_count", Value::U32(0)),
            ("attention.head_count", Value::U32(3)),
            ("attention.head_count", Value::U32(128)),
            ("attention.head_count_kv", Value::U8(0)),
            ("block_count", Value::U32(1 << 31)),
            ("block_count", Value::I32(-1)),
            ("block_count", Value::U32(21)),
            ("embedding_length", Value::U64(u64::MAX)),
            ("rope.dimension_count", Value::U32(u32::MAX)),
            ("rope.dimension_count", Value::U32(0)),
            ("expert_count", Value::U32(1 << 20)),
            ("context_length", Value::U32(0)),
        ] {
            let told = metadata(name, value).unwrap();
            assert!(told.contains(&format!("llama.{name}")), "{told}");
        }
    }
}
