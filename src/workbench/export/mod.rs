//! Files and lines for other programs and for reading.

pub(super) mod classifier;
pub(super) mod clip_benchmark;
pub(super) mod embeddings;
pub(super) mod html;
pub mod json;
pub(super) mod npy;
pub(super) mod parquet;
pub(super) mod pictures;
pub(super) mod predictions;
