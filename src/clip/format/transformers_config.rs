//! `config.json` of transformers: CLIP's and SigLIP's.
//!
//! Absent keys have the defaults of transformers' `CLIPTextConfig`, `CLIPVisionConfig` and `CLIPConfig`, which are
//! those of OpenAI's ViT-B/32, or of `SiglipTextConfig` and `SiglipVisionConfig`, which are those of SigLIP B/16.

use serde::Deserialize;
use serde_json::Value;

use crate::clip::config::activation::Activation;
use crate::clip::config::clip_config::{
    ClipConfig, Family, Problem, Size, TextConfig, VisionConfig, VisionTransformerConfig,
};
use crate::clip::error::ClipError;
use crate::clip::files::CheckpointFile;

/// The parts of `config.json` that matter. Old files have a `*_config_dict` beside `*_config`: where there is one,
/// it and the defaults decide alone, as in transformers.
#[derive(Deserialize)]
struct ConfigFile {
    projection_dim: Option<usize>,
    text_config: Option<TowerFile>,
    text_config_dict: Option<TowerFile>,
    vision_config: Option<TowerFile>,
    vision_config_dict: Option<TowerFile>,
}

/// The keys of `text_config` and `vision_config`.
#[derive(Default, Deserialize)]
struct TowerFile {
    hidden_size: Option<usize>,
    intermediate_size: Option<usize>,
    num_hidden_layers: Option<usize>,
    num_attention_heads: Option<usize>,
    hidden_act: Option<Activation>,
    layer_norm_eps: Option<f32>,
    vocab_size: Option<usize>,
    max_position_embeddings: Option<usize>,
    eos_token_id: Option<Value>,
    projection_size: Option<usize>,
    num_channels: Option<usize>,
    image_size: Option<usize>,
    patch_size: Option<usize>,
    vision_use_head: Option<bool>,
}

/// A key, and what is wrong with its value.
type Wrong = (String, String);

/// Reads `config.json`.
///
/// # Errors
/// Malformed JSON or a value of the wrong kind (with line and column), another model's configuration, or sizes
/// that make no model.
pub(in crate::clip) fn read(file: &CheckpointFile) -> Result<ClipConfig, ClipError> {
    let bytes = file.read()?;
    let malformed =
        |error: serde_json::Error| ClipError::Json { file: file.label(), problem: error.to_string() };
    let value: Value = serde_json::from_slice(&bytes).map_err(malformed)?;
    let family = family(&value).map_err(|found| ClipError::NotClip { file: file.label(), found })?;
    let parsed: ConfigFile = serde_json::from_slice(&bytes).map_err(malformed)?;
    parsed.into_config(family).map_err(|(key, problem)| ClipError::Setting {
        file: file.label(),
        key,
        problem,
    })
}

/// Whether a file is a model's that [`read`] knows, whatever its sizes.
pub(in crate::clip) fn is_known(file: &CheckpointFile) -> bool {
    let value = file.read().ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    value.is_some_and(|value| family(&value).is_ok())
}

/// The family of the model that the file describes, or what it describes instead.
fn family(value: &Value) -> Result<Family, String> {
    let Value::Object(object) = value else {
        return Err("no model: it is not a JSON object".to_owned());
    };
    match object.get("model_type") {
        Some(Value::String(kind)) if kind == "clip" => Ok(Family::Clip),
        Some(Value::String(kind)) if kind == "siglip" => Ok(Family::Siglip),
        Some(kind) => Err(format!("a model of type {kind}")),
        None if object.contains_key("model_cfg") => {
            Err("an open_clip model (its file is called open_clip_config.json)".to_owned())
        }
        None if ["text_config", "text_config_dict", "vision_config", "vision_config_dict"]
            .into_iter()
            .any(|key| object.contains_key(key)) =>
        {
            Ok(Family::Clip)
        }
        None => Err(match (object.get("architectures"), object.get("architecture")) {
            (Some(architectures), _) => format!("a model of architecture {architectures}"),
            (None, Some(architecture)) => format!("a model of architecture {architecture}"),
            (None, None) => "an unknown model (it has no model_type)".to_owned(),
        }),
    }
}

impl ConfigFile {
    fn into_config(self, family: Family) -> Result<ClipConfig, Wrong> {
        let text = self.text_config_dict.or(self.text_config).unwrap_or_default();
        let vision = self.vision_config_dict.or(self.vision_config).unwrap_or_default();
        let channels = vision.num_channels.unwrap_or(3);
        if channels != 3 {
            let problem = format!("is {channels}; only images with 3 channels can be used");
            return Err(("vision_config.num_channels".to_owned(), problem));
        }
        if family == Family::Siglip && vision.vision_use_head == Some(false) {
            let problem = "is false, but SigLIP's image embeddings are what its head makes".to_owned();
            return Err(("vision_config.vision_use_head".to_owned(), problem));
        }
        let projection_size = text.projection_size;
        let (text, vision) = (text.into_text(family)?, vision.into_vision(family));
        let dim = match family {
            Family::Clip => self.projection_dim.unwrap_or(512),
            Family::Siglip => {
                let dim = projection_size.unwrap_or(text.hidden_size);
                if dim != vision.hidden_size {
                    let problem = format!(
                        "is {dim}, but images have embeddings of {}, their hidden_size",
                        vision.hidden_size
                    );
                    return Err(("text_config.projection_size".to_owned(), problem));
                }
                dim
            }
        };
        let config = ClipConfig { family, dim, text, vision: VisionConfig::Transformer(vision) };
        match config.problem() {
            None => Ok(config),
            Some(Problem { tower, size, problem }) => Err((key(tower, size), problem)),
        }
    }
}

impl TowerFile {
    fn into_text(self, family: Family) -> Result<TextConfig, Wrong> {
        let default = match family {
            Family::Clip => TextConfig {
                hidden_size: 512,
                intermediate_size: 2048,
                num_hidden_layers: 12,
                num_attention_heads: 8,
                hidden_act: Activation::QuickGelu,
                layer_norm_eps: 1e-5,
                vocab_size: 49408,
                max_position_embeddings: 77,
                eos_token_id: 49407,
            },
            Family::Siglip => TextConfig {
                hidden_size: 768,
                intermediate_size: 3072,
                num_hidden_layers: 12,
                num_attention_heads: 12,
                hidden_act: Activation::GeluTanh,
                layer_norm_eps: 1e-6,
                vocab_size: 32000,
                max_position_embeddings: 64,
                eos_token_id: TextConfig::HIGHEST_ID_ENDS,
            },
        };
        let eos_token_id = match (&self.eos_token_id, family) {
            (None | Some(Value::Null), _) | (_, Family::Siglip) => default.eos_token_id,
            (Some(id), Family::Clip) => {
                id.as_u64().and_then(|id| u32::try_from(id).ok()).ok_or_else(|| {
                    ("text_config.eos_token_id".to_owned(), format!("is {id}; it should be a token's id"))
                })?
            }
        };
        Ok(TextConfig {
            hidden_size: self.hidden_size.unwrap_or(default.hidden_size),
            intermediate_size: self.intermediate_size.unwrap_or(default.intermediate_size),
            num_hidden_layers: self.num_hidden_layers.unwrap_or(default.num_hidden_layers),
            num_attention_heads: self.num_attention_heads.unwrap_or(default.num_attention_heads),
            hidden_act: self.hidden_act.unwrap_or(default.hidden_act),
            layer_norm_eps: self.layer_norm_eps.unwrap_or(default.layer_norm_eps),
            vocab_size: self.vocab_size.unwrap_or(default.vocab_size),
            max_position_embeddings: self.max_position_embeddings.unwrap_or(default.max_position_embeddings),
            eos_token_id,
        })
    }

    fn into_vision(self, family: Family) -> VisionTransformerConfig {
        let (activation, eps, patch) = match family {
            Family::Clip => (Activation::QuickGelu, 1e-5, 32),
            Family::Siglip => (Activation::GeluTanh, 1e-6, 16),
        };
        VisionTransformerConfig {
            hidden_size: self.hidden_size.unwrap_or(768),
            intermediate_size: self.intermediate_size.unwrap_or(3072),
            num_hidden_layers: self.num_hidden_layers.unwrap_or(12),
            num_attention_heads: self.num_attention_heads.unwrap_or(12),
            hidden_act: self.hidden_act.unwrap_or(activation),
            layer_norm_eps: self.layer_norm_eps.unwrap_or(eps),
            image_size: self.image_size.unwrap_or(224),
            patch_size: self.patch_size.unwrap_or(patch),
            class_token: family == Family::Clip,
        }
    }
}

/// What the file calls a size.
fn key(tower: Option<&str>, size: Size) -> String {
    let name = match size {
        Size::Dim => "projection_dim",
        Size::Width => "hidden_size",
        Size::Inner => "intermediate_size",
        Size::Heads => "num_attention_heads",
        Size::Vocabulary => "vocab_size",
        Size::Context => "max_position_embeddings",
        Size::Patch => "patch_size",
        Size::Image => "image_size",
    };
    tower.map_or_else(|| name.to_owned(), |tower| format!("{tower}_config.{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clip::files::FileContent;

    fn config(json: &'static str) -> Result<ClipConfig, ClipError> {
        let content = FileContent::Bytes(json.as_bytes());
        read(&CheckpointFile { name: "config.json".to_owned(), content })
    }

    fn message(json: &'static str) -> String {
        config(json).unwrap_err().to_string()
    }

    fn vision(config: &ClipConfig) -> &VisionTransformerConfig {
        match &config.vision {
            VisionConfig::Transformer(vision) => vision,
            VisionConfig::ResNet(_) => unreachable!("transformers has none"),
        }
    }

    #[test]
    fn absent_keys_have_the_defaults_of_the_reference() {
        let clip = config(r#"{"model_type": "clip"}"#).unwrap();
        assert_eq!((clip.family, clip.dim, clip.text.eos_token_id), (Family::Clip, 512, 49407));
        assert_eq!((vision(&clip).tokens(), vision(&clip).hidden_act), (50, Activation::QuickGelu));
        let siglip = config(r#"{"model_type": "siglip", "text_config": {"eos_token_id": [1, 2]}}"#).unwrap();
        assert_eq!((siglip.family, siglip.dim), (Family::Siglip, 768));
        assert_eq!((vision(&siglip).tokens(), vision(&siglip).hidden_act), (196, Activation::GeluTanh));
        let text = siglip.text;
        assert_eq!((text.max_position_embeddings, text.vocab_size, text.layer_norm_eps), (64, 32000, 1e-6));
    }

    #[test]
    fn an_old_config_dict_decides_alone() {
        let config = config(
            r#"{"projection_dim": 768, "text_config": {"hidden_size": 64, "eos_token_id": 2},
                "text_config_dict": {"hidden_size": 768, "num_attention_heads": 12},
                "vision_config": {"hidden_act": "gelu"}, "vision_config_dict": null}"#,
        )
        .unwrap();
        assert_eq!(config.dim, 768);
        assert_eq!((config.text.hidden_size, config.text.eos_token_id), (768, 49407));
        assert_eq!(vision(&config).hidden_act, Activation::Gelu);
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
    fn every_name_of_the_tanh_form_is_known() {
        for name in ["gelu_pytorch_tanh", "gelu_new"] {
            let parsed: Activation = serde_json::from_value(Value::from(name)).unwrap();
            assert_eq!(parsed, Activation::GeluTanh);
        }
    }

    #[test]
    fn other_models_are_named() {
        assert!(message(r#"{"model_type": "siglip2"}"#).contains("a model of type \"siglip2\""));
        assert!(message(r#"{"architectures": ["ResNet"]}"#).contains("ResNet"));
        assert!(message(r#"{"architecture": "vit_base"}"#).contains("vit_base"));
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
            (r#"{"model_type": "clip", "text_config": {"eos_token_id": -1}}"#, "text_config.eos_token_id"),
            (
                r#"{"model_type": "clip", "vision_config": {"num_attention_heads": 7}}"#,
                "vision_config.hidden_size",
            ),
            (r#"{"model_type": "clip", "vision_config": {"num_channels": 1}}"#, "vision_config.num_channels"),
            (r#"{"model_type": "clip", "vision_config": {"image_size": 16}}"#, "vision_config.image_size"),
            (
                r#"{"model_type": "siglip", "vision_config": {"hidden_size": 1152}}"#,
                "text_config.projection_size",
            ),
            (
                r#"{"model_type": "siglip", "vision_config": {"vision_use_head": false}}"#,
                "vision_config.vision_use_head",
            ),
        ] {
            let message = message(json);
            assert!(message.contains(key), "{message}");
        }
    }
}
