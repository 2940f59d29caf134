//! The tokenizer that a file's metadata describe: byte pairs as GPT-2 has them, or SentencePiece's pieces with scores.

use std::collections::HashMap;

use candle_core::quantized::gguf_file::Value;
use serde_json::json;
use tokenizers::Tokenizer;

use super::file::{Metadata, number};
use crate::files::foreign::guarded;

/// Kinds of tokens, as GGUF numbers them.
const CONTROL: i64 = 3;
const USER_DEFINED: i64 = 4;

/// Names of tokens that end a turn, where a file does not say it of its tokens.
const ENDS: [&str; 8] = [
    "<|im_end|>",
    "<end_of_turn>",
    "<|eot_id|>",
    "<|end|>",
    "<|endoftext|>",
    "</s>",
    "<eos>",
    "<|end_of_text|>",
];

/// Bytes of a piece that is looked at for merges; the work grows with the square.
const LONGEST_PIECE: usize = 512;

/// A blank in SentencePiece's pieces.
const BLANK: &str = "▁";

/// Texts to token ids and back.
pub(super) struct GgufTokenizer {
    tokenizer: Tokenizer,
    tokens: Vec<String>,
    begin: Option<usize>,
    end: Option<usize>,
    wants_begin: bool,
    ends: Vec<u32>,
}

impl GgufTokenizer {
    /// # Errors
    /// What is missing or not known, in words.
    pub(super) fn from_metadata(metadata: &Metadata) -> Result<Self, String> {
        let text = |key: &str| match metadata.get(key) {
            Some(Value::String(text)) => Some(text.clone()),
            _ => None,
        };
        let texts = |key: &str| -> Option<Vec<String>> {
            let Some(Value::Array(values)) = metadata.get(key) else { return None };
            values.iter().map(|value| value.to_string().ok().cloned()).collect()
        };
        let missing = |key: &str| format!("the key {key} is missing; get the file anew");
        let model = text("tokenizer.ggml.model").ok_or_else(|| missing("tokenizer.ggml.model"))?;
        let tokens = texts("tokenizer.ggml.tokens").ok_or_else(|| missing("tokenizer.ggml.tokens"))?;
        let kinds: Vec<i64> = match metadata.get("tokenizer.ggml.token_type") {
            Some(Value::Array(values)) => values.iter().map(|value| number(value).unwrap_or(1)).collect(),
            _ => Vec::new(),
        };
        // Some files have more kinds than tokens.
        let kinds = &kinds[..kinds.len().min(tokens.len())];
        let added: Vec<serde_json::Value> = kinds
            .iter()
            .enumerate()
            .filter(|(_, kind)| matches!(**kind, CONTROL | USER_DEFINED))
            .map(|(id, kind)| {
                json!({"id": id, "content": tokens[id], "single_word": false, "lstrip": false, "rstrip": false,
                       "normalized": false, "special": *kind == CONTROL})
            })
            .collect();
        let (normalizer, pre_tokenizer, decoder, merges, byte_fallback) = match model.as_str() {
            "gpt2" => {
                let merges =
                    texts("tokenizer.ggml.merges").ok_or_else(|| missing("tokenizer.ggml.merges"))?;
                let merges: Vec<(String, String)> = merges
                    .iter()
                    .filter_map(|merge| merge.split_once(' ').map(|(a, b)| (a.to_owned(), b.to_owned())))
                    .collect();
                let kind = text("tokenizer.ggml.pre").unwrap_or_default();
                (
                    json!(null),
                    pre_tokenizer(&kind),
                    json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false}),
                    merges,
                    false,
                )
            }
            "llama" => {
                let scores: Vec<f64> = match metadata.get("tokenizer.ggml.scores") {
                    Some(Value::Array(values)) => {
                        values.iter().map(|value| value.to_f32().map_or(0.0, f64::from)).collect()
                    }
                    _ => return Err(missing("tokenizer.ggml.scores")),
                };
                let prefix = metadata.get("tokenizer.ggml.add_space_prefix");
                let prefix = prefix.and_then(|value| value.to_bool().ok()).unwrap_or(true);
                let replace = json!({"type": "Replace", "pattern": {"String": " "}, "content": BLANK});
                let normalizer = match prefix {
                    true => {
                        json!({"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": BLANK}, replace]})
                    }
                    false => replace,
                };
                let mut decoders = vec![
                    json!({"type": "Replace", "pattern": {"String": BLANK}, "content": " "}),
                    json!({"type": "ByteFallback"}),
                    json!({"type": "Fuse"}),
                ];
                if prefix {
                    decoders.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
                }
                let merges = merges_of_scores(&tokens, &scores);
                (normalizer, json!(null), json!({"type": "Sequence", "decoders": decoders}), merges, true)
            }
            other => {
                return Err(format!("the tokenizer {other:?} is not known here; gpt2 and llama are"));
            }
        };
        let vocabulary: serde_json::Map<String, serde_json::Value> =
            tokens.iter().enumerate().map(|(id, token)| (token.clone(), id.into())).collect();
        let unknown = metadata.get("tokenizer.ggml.unknown_token_id").and_then(number);
        let unknown = unknown.filter(|_| byte_fallback).and_then(|id| tokens.get(id as usize));
        let description = json!({
            "version": "1.0",
            "added_tokens": added,
            "normalizer": normalizer,
            "pre_tokenizer": pre_tokenizer,
            "decoder": decoder,
            "model": {"type": "BPE", "vocab": vocabulary, "merges": merges, "byte_fallback": byte_fallback,
                      "fuse_unk": byte_fallback, "unk_token": unknown, "ignore_merges": false},
        });
        let read =
            || Tokenizer::from_bytes(description.to_string().into_bytes()).map_err(|error| error.to_string());
        let tokenizer = guarded(read)
            .and_then(|read| read)
            .map_err(|error| format!("its tokenizer cannot be read ({error}); get the file anew"))?;
        let id = |key: &str| {
            metadata.get(key).and_then(number).map(|id| id as usize).filter(|id| *id < tokens.len())
        };
        let (begin, end) = (id("tokenizer.ggml.bos_token_id"), id("tokenizer.ggml.eos_token_id"));
        let wants_begin = metadata.get("tokenizer.ggml.add_bos_token").and_then(|value| value.to_bool().ok());
        let wants_begin = wants_begin.unwrap_or(byte_fallback) && begin.is_some();
        let is_end = |id: usize| {
            Some(id) == end || (kinds.get(id) == Some(&CONTROL) && ENDS.contains(&tokens[id].as_str()))
        };
        let ends = (0..tokens.len()).filter(|&id| is_end(id)).map(|id| id as u32).collect();
        Ok(Self { tokenizer, begin, end, wants_begin, ends, tokens })
    }

    /// The token that texts begin with; empty without one.
    pub(super) fn begin(&self) -> String {
        self.begin.map_or_else(String::new, |id| self.tokens[id].clone())
    }

    /// The token that texts end with; empty without one.
    pub(super) fn end(&self) -> String {
        self.end.map_or_else(String::new, |id| self.tokens[id].clone())
    }

    /// Whether texts have to begin with that token.
    pub(super) fn wants_begin(&self) -> bool {
        self.wants_begin
    }

    /// Whether an answer ends with this token.
    pub(super) fn ends(&self, token: u32) -> bool {
        self.ends.contains(&token)
    }

    /// # Errors
    /// In words.
    pub(super) fn encode(&self, text: &str) -> Result<Vec<u32>, String> {
        let encode = || self.tokenizer.encode_fast(text, false).map_err(|error| error.to_string());
        let encoding = guarded(encode)??;
        Ok(encoding.get_ids().to_vec())
    }

    /// The text of tokens, without special ones.
    ///
    /// # Errors
    /// In words.
    pub(super) fn decode(&self, tokens: &[u32]) -> Result<String, String> {
        guarded(|| self.tokenizer.decode(tokens, true).map_err(|error| error.to_string()))?
    }
}

/// How texts are cut before byte pairs are merged, by the name that llama.cpp gave it.
fn pre_tokenizer(kind: &str) -> serde_json::Value {
    let byte_level = |use_regex: bool| json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": use_regex});
    let split = |pattern: &str| {
        json!({"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false},
            byte_level(false),
        ]})
    };
    match kind {
        "smollm" => json!({"type": "Sequence", "pretokenizers": [
            {"type": "Digits", "individual_digits": true},
            byte_level(true),
        ]}),
        "llama-bpe" | "llama3" | "llama-v3" => split(
            r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        ),
        "qwen2" => split(
            r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        ),
        _ => byte_level(true),
    }
}

/// The merges that give SentencePiece's pieces: every pair of pieces that make a piece, those that make the best first.
fn merges_of_scores(tokens: &[String], scores: &[f64]) -> Vec<(String, String)> {
    let place_of: HashMap<&str, usize> =
        tokens.iter().enumerate().map(|(id, token)| (token.as_str(), id)).collect();
    let mut merges: Vec<(usize, usize, usize)> = Vec::new();
    for (id, token) in tokens.iter().enumerate().filter(|(_, token)| token.len() <= LONGEST_PIECE) {
        let cuts = token.char_indices().map(|(at, _)| at).skip(1);
        let pairs =
            cuts.filter_map(|cut| Some((*place_of.get(&token[..cut])?, *place_of.get(&token[cut..])?)));
        let mut pairs: Vec<(usize, usize)> = pairs.collect();
        pairs.sort_unstable();
        merges.extend(pairs.into_iter().map(|(left, right)| (id, left, right)));
    }
    let score = |id: usize| scores.get(id).copied().unwrap_or(f64::NEG_INFINITY);
    merges.sort_by(|a, b| score(b.0).total_cmp(&score(a.0)));
    merges.into_iter().map(|(_, left, right)| (tokens[left].clone(), tokens[right].clone())).collect()
}
