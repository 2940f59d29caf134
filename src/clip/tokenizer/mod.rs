//! A prompt becomes tokens.

pub(super) mod byte_pairs;
pub(super) mod cleaning;
pub(super) mod declaration;
pub(super) mod prompt_tokenizer;
mod text_mending;
mod word_pieces;
