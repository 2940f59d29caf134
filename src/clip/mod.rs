//! CLIP and its kin on the CPU: checkpoint files, tokenizer, image preprocessing and the two towers.
//!
//! A [`Checkpoint`] is opened from a directory in a form of transformers', open_clip's or OpenAI's (or from bytes in the
//! program), which verifies every file it needs without converting a weight. From it come a [`PromptTokenizer`], a
//! [`TextEncoder`], a [`Preprocessing`] and an [`ImageEncoder`]. Nothing here knows datasets, caches or screens.

mod checkpoint;
mod config;
mod error;
mod files;
mod format;
mod preprocessing;
mod tokenizer;
mod towers;
mod weights;

pub use crate::kernels::Precision;
pub use checkpoint::Checkpoint;
pub use config::activation::Activation;
pub use config::clip_config::{
    BertConfig, BlockConfig, ClipConfig, ConvNextConfig, Family, Norms, Projection, ResNetConfig,
    RotationConfig, TextConfig, TextPooling, VisionConfig, VisionPooling, VisionTransformerConfig,
};
pub use error::ClipError;
pub use files::{CheckpointFile, CheckpointSource, FileContent};
pub use preprocessing::resize::Resample;
pub use preprocessing::transform::{Preprocessing, PreprocessingOrigin};
pub use tokenizer::prompt_tokenizer::{Filling, PromptTokenizer, TokenizedPrompt};
pub use towers::text::{TextEmbeddings, TextEncoder};
pub use towers::vision::ImageEncoder;
