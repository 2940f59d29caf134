//! A checkpoint as a whole: opened and verified at little cost, then the source of everything that computes.

use super::config::ClipConfig;
use super::error::ClipError;
use super::files::{CheckpointFile, CheckpointSource};
use super::layout::expected_tensors;
use super::preprocessing::Preprocessing;
use super::text::TextEncoder;
use super::tokenizer::PromptTokenizer;
use super::vision::ImageEncoder;
use super::weights::Weights;

/// A CLIP checkpoint whose files were found and verified. No weight is in memory yet.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    name: String,
    config: ClipConfig,
    config_file: CheckpointFile,
    preprocessing: Preprocessing,
    preprocessing_file: Option<CheckpointFile>,
    tokenizer_file: CheckpointFile,
    weights: Weights,
}

impl Checkpoint {
    /// Opens a checkpoint: parses its configuration and verifies every tensor's name, shape and element type from
    /// the headers of the weight files.
    ///
    /// Without `preprocessor_config.json`, CLIP's own preprocessing at the model's `image_size` is used.
    ///
    /// # Errors
    /// Whatever is absent, malformed, cut short or does not belong to a CLIP model.
    pub fn open(source: CheckpointSource) -> Result<Self, ClipError> {
        let name = source.name()?;
        let config_file = source.require(
            "config.json",
            "a checkpoint is a folder with config.json, model.safetensors, tokenizer.json and preprocessor_config.json",
        )?;
        let config = ClipConfig::read(&config_file)?;
        let weights = Weights::open(&source)?;
        weights.verify(&expected_tensors(&config))?;
        let tokenizer_file = source.require("tokenizer.json", tokenizer_remedy(&source))?;
        let preprocessing_file = source.find("preprocessor_config.json");
        let image_size = config.vision.image_size;
        let preprocessing = match &preprocessing_file {
            Some(file) => Preprocessing::read(file, image_size)?,
            None => Preprocessing::clip(image_size),
        };
        Ok(Self { name, config, config_file, preprocessing, preprocessing_file, tokenizer_file, weights })
    }

    /// The last part of the directory's path, or the embedded checkpoint's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sizes of the model.
    pub fn config(&self) -> &ClipConfig {
        &self.config
    }

    /// How a picture becomes pixel values.
    pub fn preprocessing(&self) -> &Preprocessing {
        &self.preprocessing
    }

    /// Every file that decides results: configuration, preprocessing (where there is a file), tokenizer, weights.
    pub fn files(&self) -> Vec<CheckpointFile> {
        [&self.config_file, &self.tokenizer_file]
            .into_iter()
            .chain(&self.preprocessing_file)
            .chain(self.weights.files())
            .cloned()
            .collect()
    }

    /// exp of the learned temperature: what cosine similarities are multiplied with before the softmax.
    ///
    /// # Errors
    /// The weight file cannot be read any more.
    pub fn logit_scale(&self) -> Result<f32, ClipError> {
        Ok(self.weights.tensor("logit_scale")?.to_scalar::<f32>()?.exp())
    }

    /// Loads the tokenizer.
    ///
    /// # Errors
    /// `tokenizer.json` cannot be read, or does not fit the model.
    pub fn tokenizer(&self) -> Result<PromptTokenizer, ClipError> {
        PromptTokenizer::read(&self.tokenizer_file, &self.config.text)
    }

    /// Loads the text tower, as `f32`.
    ///
    /// # Errors
    /// The weight files cannot be read any more.
    pub fn text_encoder(&self) -> Result<TextEncoder, ClipError> {
        TextEncoder::load(&self.weights, &self.config)
    }

    /// Loads the image tower, as `f32`.
    ///
    /// # Errors
    /// The weight files cannot be read any more.
    pub fn image_encoder(&self) -> Result<ImageEncoder, ClipError> {
        ImageEncoder::load(&self.weights, &self.config)
    }
}

fn tokenizer_remedy(source: &CheckpointSource) -> &'static str {
    if source.find("vocab.json").is_some() && source.find("merges.txt").is_some() {
        "there are only vocab.json and merges.txt: load the tokenizer with CLIPTokenizerFast.from_pretrained of the \
         Python package transformers and write it with save_pretrained, which makes tokenizer.json"
    } else {
        "fetch it from where the rest of the checkpoint came from"
    }
}
