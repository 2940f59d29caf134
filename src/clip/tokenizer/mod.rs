//! A prompt becomes tokens.

pub(super) mod byte_pairs;
pub(super) mod prompt_tokenizer;
