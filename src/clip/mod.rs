//! CLIP and its kin on the CPU: checkpoint files, tokenizer, image preprocessing and the two towers.
//!
//! A [`Checkpoint`] is opened from a directory in a form of transformers', open_clip's or OpenAI's (or from bytes in the
//! program), which verifies every file it needs without converting a weight. From it come a [`PromptTokenizer`], a
//! [`TextEncoder`], a [`Preprocessing`] and an [`ImageEncoder`]. Nothing here knows datasets, caches or screens.

mod activation;
mod architecture;
mod attention_head;
mod byte_pairs;
mod checkpoint;
mod config;
mod error;
mod files;
mod form;
mod layout;
mod naming;
mod open_clip_config;
mod openai_model;
mod ops;
mod preprocessing;
mod prompt_tree;
mod resize;
mod resnet;
mod safetensors_file;
mod stored_tensor;
mod text;
mod tokenizer;
mod torch_file;
mod transformer;
mod transformers_config;
mod vision;
mod vision_transformer;
mod weights;

pub use crate::kernels::Precision;
pub use activation::Activation;
pub use checkpoint::Checkpoint;
pub use config::{ClipConfig, Family, ResNetConfig, TextConfig, VisionConfig, VisionTransformerConfig};
pub use error::ClipError;
pub use files::{CheckpointFile, CheckpointSource, FileContent};
pub use preprocessing::Preprocessing;
pub use resize::Resample;
pub use text::{TextEmbeddings, TextEncoder};
pub use tokenizer::{PromptTokenizer, TokenizedPrompt};
pub use vision::ImageEncoder;
