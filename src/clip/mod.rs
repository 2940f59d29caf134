//! CLIP on the CPU: checkpoint files, tokenizer, image preprocessing and the two towers.
//!
//! A [`Checkpoint`] is opened from a Hugging Face `CLIPModel` directory (or from bytes in the program), which
//! verifies every file it needs without converting a weight. From it come a [`PromptTokenizer`], a
//! [`TextEncoder`], a [`Preprocessing`] and an [`ImageEncoder`]. Nothing here knows datasets, caches or screens.

mod activation;
mod checkpoint;
mod config;
mod error;
mod files;
mod layout;
mod ops;
mod pickle;
mod preprocessing;
mod prompt_tree;
mod resize;
mod safetensors_file;
mod stored_tensor;
mod text;
mod tokenizer;
mod torch_file;
mod transformer;
mod vision;
mod weights;

pub use crate::kernels::Precision;
pub use activation::Activation;
pub use checkpoint::Checkpoint;
pub use config::{ClipConfig, TextConfig, VisionConfig};
pub use error::ClipError;
pub use files::{CheckpointFile, CheckpointSource, FileContent};
pub use preprocessing::Preprocessing;
pub use resize::Resample;
pub use text::{TextEmbeddings, TextEncoder};
pub use tokenizer::{PromptTokenizer, TokenizedPrompt};
pub use vision::ImageEncoder;
