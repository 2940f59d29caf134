//! Images and prompts become embeddings, which the store keeps.

pub(super) mod embedder;
pub(super) mod file_contents;
pub(super) mod image_pipeline;
pub(super) mod precision;
pub(super) mod prompt_encoder;
pub(super) mod rows;
pub(super) mod texts;
