//! `config.json`: the sizes of the two towers.
//!
//! Absent keys have the defaults of transformers' `CLIPTextConfig`, `CLIPVisionConfig` and `CLIPConfig`, which are
//! those of OpenAI's ViT-B/32.

use serde::Deserialize;
use serde_json::Value;

use super::activation::Activation;
use super::error::ClipError;
use super::files::CheckpointFile;

/// A CLIP model's configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct ClipConfig {
    /// Length of an embedding, the same for images and text (`projection_dim`).
    pub dim: usize,
    /// The text tower.
    pub text: TextConfig,
    /// The image tower.
    pub vision: VisionConfig,
}

/// The text tower's configuration, with the keys of `text_config`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct TextConfig {
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width inside the MLPs.
    pub intermediate_size: usize,
    /// Number of transformer blocks.
    pub num_hidden_layers: usize,
    /// Attention heads per block.
    pub num_attention_heads: usize,
    /// Activation of the MLPs.
    pub hidden_act: Activation,
    /// Added to the variance in layer norms.
    pub layer_norm_eps: f32,
    /// Number of token embeddings.
    pub vocab_size: usize,
    /// The context length: most tokens in a prompt, with start and end.
    pub max_position_embeddings: usize,
    /// The end-of-text token's id; 2 in old files, whatever the id really is.
    pub eos_token_id: u32,
}

impl Default for TextConfig {
    fn default() -> Self {
        Self {
            hidden_size: 512,
            intermediate_size: 2048,
            num_hidden_layers: 12,
            num_attention_heads: 8,
            hidden_act: Activation::QuickGelu,
            layer_norm_eps: 1e-5,
            vocab_size: 49408,
            max_position_embeddings: 77,
            eos_token_id: 49407,
        }
    }
}

/// The image tower's configuration, with the keys of `vision_config`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct VisionConfig {
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width inside the MLPs.
    pub intermediate_size: usize,
    /// Number of transformer blocks.
    pub num_hidden_layers: usize,
    /// Attention heads per block.
    pub num_attention_heads: usize,
    /// Activation of the MLPs.
    pub hidden_act: Activation,
    /// Added to the variance in layer norms.
    pub layer_norm_eps: f32,
    /// Colour channels; always 3.
    pub num_channels: usize,
    /// Side of the square image, in pixels.
    pub image_size: usize,
    /// Side of a square patch, in pixels.
    pub patch_size: usize,
}

impl Default for VisionConfig {
    fn default() -> Self {
        Self {
            hidden_size: 768,
            intermediate_size: 3072,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            hidden_act: Activation::QuickGelu,
            layer_norm_eps: 1e-5,
            num_channels: 3,
            image_size: 224,
            patch_size: 32,
        }
    }
}

impl VisionConfig {
    /// Patches along one side; pixels that fill no patch are left out, as the reference's convolution does.
    pub(super) fn grid(&self) -> usize {
        self.image_size / self.patch_size
    }

    /// Tokens of one image: the class token and the patches.
    pub(super) fn tokens(&self) -> usize {
        1 + self.grid() * self.grid()
    }
}

/// What both towers' transformers have.
#[derive(Debug, Clone, Copy)]
pub(super) struct TransformerConfig {
    pub hidden_size: usize,
    pub intermediate_size: usize,
    pub layers: usize,
    pub heads: usize,
    pub activation: Activation,
    pub layer_norm_eps: f32,
}

impl TextConfig {
    /// The end-of-text token's id. Configurations from before transformers 4.31 say 2, whatever it really is; the
    /// reference then looks for the highest id in a prompt, which end-of-text has in CLIP's vocabulary.
    pub(super) fn end_of_text_id(&self) -> Option<u32> {
        const LEGACY: u32 = 2;
        (self.eos_token_id != LEGACY).then_some(self.eos_token_id)
    }

    pub(super) fn transformer(&self) -> TransformerConfig {
        TransformerConfig {
            hidden_size: self.hidden_size,
            intermediate_size: self.intermediate_size,
            layers: self.num_hidden_layers,
            heads: self.num_attention_heads,
            activation: self.hidden_act,
            layer_norm_eps: self.layer_norm_eps,
        }
    }
}

impl VisionConfig {
    pub(super) fn transformer(&self) -> TransformerConfig {
        TransformerConfig {
            hidden_size: self.hidden_size,
            intermediate_size: self.intermediate_size,
            layers: self.num_hidden_layers,
            heads: self.num_attention_heads,
            activation: self.hidden_act,
            layer_norm_eps: self.layer_norm_eps,
        }
    }
}

/// The parts of `config.json` that matter. Old files have a `*_config_dict` beside `*_config`: where there is one,
/// it and the defaults decide alone, as in transformers.
#[derive(Deserialize)]
struct ConfigFile {
    #[serde(default = "default_projection_dim")]
    projection_dim: usize,
    text_config: Option<TextConfig>,
    text_config_dict: Option<TextConfig>,
    vision_config: Option<VisionConfig>,
    vision_config_dict: Option<VisionConfig>,
}

fn default_projection_dim() -> usize {
    512
}

impl ClipConfig {
    /// Reads `config.json`.
    ///
    /// # Errors
    /// Malformed JSON or a value of the wrong kind (with line and column), another model's configuration, or sizes
    /// that make no model.
    pub(super) fn read(file: &CheckpointFile) -> Result<Self, ClipError> {
        let bytes = file.read()?;
        let malformed =
            |error: serde_json::Error| ClipError::Json { file: file.label(), problem: error.to_string() };
        let value: Value = serde_json::from_slice(&bytes).map_err(malformed)?;
        if let Some(found) = other_model(&value) {
            return Err(ClipError::NotClip { file: file.label(), found });
        }
        let parsed: ConfigFile = serde_json::from_slice(&bytes).map_err(malformed)?;
        let config = Self {
            dim: parsed.projection_dim,
            text: parsed.text_config_dict.or(parsed.text_config).unwrap_or_default(),
            vision: parsed.vision_config_dict.or(parsed.vision_config).unwrap_or_default(),
        };
        match config.problem() {
            None => Ok(config),
            Some((key, problem)) => {
                Err(ClipError::Setting { file: file.label(), key: key.to_owned(), problem })
            }
        }
    }

    fn problem(&self) -> Option<(&'static str, String)> {
        let text = self.text.transformer();
        let vision = self.vision.transformer();
        let sizes = [
            ("projection_dim", self.dim),
            ("text_config.hidden_size", text.hidden_size),
            ("text_config.intermediate_size", text.intermediate_size),
            ("text_config.num_attention_heads", text.heads),
            ("text_config.vocab_size", self.text.vocab_size),
            ("vision_config.hidden_size", vision.hidden_size),
            ("vision_config.intermediate_size", vision.intermediate_size),
            ("vision_config.num_attention_heads", vision.heads),
            ("vision_config.patch_size", self.vision.patch_size),
        ];
        if let Some((key, _)) = sizes.into_iter().find(|(_, size)| *size == 0) {
            return Some((key, "is 0".to_owned()));
        }
        for (key, tower) in [("text_config.hidden_size", text), ("vision_config.hidden_size", vision)] {
            if tower.hidden_size % tower.heads != 0 {
                let problem = format!(
                    "is {}, not a multiple of the {} attention heads",
                    tower.hidden_size, tower.heads
                );
                return Some((key, problem));
            }
        }
        if self.text.max_position_embeddings < 2 {
            let problem = "leaves no room for the start and end tokens".to_owned();
            return Some(("text_config.max_position_embeddings", problem));
        }
        if self.vision.num_channels != 3 {
            let problem = format!("is {}; only images with 3 channels can be used", self.vision.num_channels);
            return Some(("vision_config.num_channels", problem));
        }
        if self.vision.image_size < self.vision.patch_size {
            let problem =
                format!("is {}, less than one patch of {}", self.vision.image_size, self.vision.patch_size);
            return Some(("vision_config.image_size", problem));
        }
        None
    }
}

/// What the file describes, if that is no CLIP model.
fn other_model(value: &Value) -> Option<String> {
    let Value::Object(object) = value else {
        return Some("no model: it is not a JSON object".to_owned());
    };
    match object.get("model_type") {
        Some(Value::String(kind)) if kind == "clip" => None,
        Some(kind) => Some(format!("a model of type {kind}")),
        None if object.contains_key("model_cfg") => {
            Some("an open_clip model (convert it to Hugging Face form first)".to_owned())
        }
        None if ["text_config", "text_config_dict", "vision_config", "vision_config_dict"]
            .into_iter()
            .any(|key| object.contains_key(key)) =>
        {
            None
        }
        None => Some(match object.get("architectures") {
            Some(architectures) => format!("a model of architecture {architectures}"),
            None => "an unknown model (it has no model_type)".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clip::files::FileContent;

    fn read(json: &'static str) -> Result<ClipConfig, ClipError> {
        let content = FileContent::Bytes(json.as_bytes());
        ClipConfig::read(&CheckpointFile { name: "config.json".to_owned(), content })
    }

    fn message(json: &'static str) -> String {
        read(json).unwrap_err().to_string()
    }

    #[test]
    fn absent_keys_have_the_defaults_of_the_reference() {
        let config = read(r#"{"model_type": "clip"}"#).unwrap();
        assert_eq!(
            (config.dim, &config.text, &config.vision),
            (512, &TextConfig::default(), &VisionConfig::default())
        );
        assert_eq!(config.vision.tokens(), 50);
    }

    #[test]
    fn an_old_config_dict_decides_alone() {
        let config = read(
            r#"{"projection_dim": 768, "text_config": {"hidden_size": 64, "eos_token_id": 2},
                "text_config_dict": {"hidden_size": 768, "num_attention_heads": 12},
                "vision_config": {"hidden_act": "gelu"}, "vision_config_dict": null}"#,
        )
        .unwrap();
        assert_eq!(config.dim, 768);
        assert_eq!((config.text.hidden_size, config.text.eos_token_id), (768, 49407));
        assert_eq!(config.vision.hidden_act, Activation::Gelu);
    }

    #[test]
    fn malformed_json_is_shown_with_line_and_column() {
        assert!(message("{\n  \"model_type\": \"clip\",\n  oops\n}").contains("line 3 column 3"));
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_shown_with_line_and_column() {
        let json = "{\"model_type\": \"clip\",\n\"text_config\": {\n\"hidden_size\": \"wide\"}}";
        let message = message(json);
        assert!(message.contains("wide") && message.contains("line 3"), "{message}");
    }

    #[test]
    fn an_unknown_activation_is_named() {
        let message = message(r#"{"model_type": "clip", "vision_config": {"hidden_act": "silu"}}"#);
        assert!(message.contains("silu") && message.contains("quick_gelu"), "{message}");
    }

    #[test]
    fn other_models_are_named() {
        assert!(message(r#"{"model_type": "siglip"}"#).contains("a model of type \"siglip\""));
        assert!(message(r#"{"architectures": ["ResNet"]}"#).contains("ResNet"));
        assert!(message(r#"{"model_cfg": {}}"#).contains("open_clip"));
        assert!(message("{}").contains("no model_type"));
        assert!(message("[]").contains("not a JSON object"));
    }

    #[test]
    fn sizes_that_make_no_model_are_named() {
        for (json, key) in [
            (r#"{"model_type": "clip", "projection_dim": 0}"#, "projection_dim"),
            (r#"{"model_type": "clip", "text_config": {"hidden_size": 500}}"#, "text_config.hidden_size"),
            (
                r#"{"model_type": "clip", "text_config": {"max_position_embeddings": 1}}"#,
                "max_position_embeddings",
            ),
            (
                r#"{"model_type": "clip", "vision_config": {"num_attention_heads": 7}}"#,
                "vision_config.hidden_size",
            ),
            (r#"{"model_type": "clip", "vision_config": {"num_channels": 1}}"#, "vision_config.num_channels"),
            (r#"{"model_type": "clip", "vision_config": {"image_size": 16}}"#, "vision_config.image_size"),
        ] {
            let message = message(json);
            assert!(message.contains(key), "{message}");
        }
    }
}
