//! `config.json` of transformers: CLIP's and SigLIP's.
//!
//! Absent keys have the defaults of transformers' `CLIPTextConfig`, `CLIPVisionConfig` and `CLIPConfig`, which are
//! those of OpenAI's ViT-B/32, or of `SiglipTextConfig` and `SiglipVisionConfig`, which are those of SigLIP B/16.

use serde_json::Value;

use crate::clip::config::activation::Activation;
use crate::clip::config::clip_config::{
    BertConfig, BlockConfig, ClipConfig, Family, Problem, Projection, Size, TextConfig, TextPooling,
    VisionConfig, VisionPooling, VisionTransformerConfig,
};
use crate::clip::config::json_section::{Section, Wrong};
use crate::clip::config::keys::{self, Place};
use crate::clip::error::ClipError;
use crate::clip::files::CheckpointFile;
use crate::clip::tokenizer::cleaning::Cleaning;
use crate::clip::tokenizer::prompt_tokenizer::Scheme;

/// What transformers calls the models that are known: `model_type`, the class in `architectures`, and the prefix of the
/// towers' own `model_type`.
const MODELS: [(Family, &str, &str); 4] = [
    (Family::Clip, "clip", "CLIPModel"),
    (Family::Siglip, "siglip", "SiglipModel"),
    (Family::MetaClip2, "metaclip_2", "MetaClip2Model"),
    (Family::ChineseClip, "chinese_clip", "ChineseCLIPModel"),
];

/// Models that people may take for one of these, and what they are.
const OTHERS: [(&str, &str); 13] = [
    (
        "siglip2",
        "SigLIP 2 with pictures of any shape (NaFlex); its checkpoints of fixed resolution have the type siglip",
    ),
    ("altclip", "AltCLIP, whose text tower is an XLM-RoBERTa"),
    ("clipseg", "CLIPSeg, which segments"),
    ("clip_vision_model", "CLIP's image tower alone"),
    ("clip_text_model", "CLIP's text tower alone"),
    ("siglip_vision_model", "SigLIP's image tower alone"),
    ("siglip_text_model", "SigLIP's text tower alone"),
    ("align", "ALIGN, with an EfficientNet and a BERT"),
    ("blip", "BLIP"),
    ("blip-2", "BLIP-2"),
    ("vision-text-dual-encoder", "two towers of any kind"),
    ("open_clip", "an open_clip model, whose file is open_clip_config.json"),
    ("flava", "FLAVA"),
];

/// What the file says of a model.
pub(in crate::clip) struct TransformersModel {
    pub config: ClipConfig,
    pub tokenizer: Scheme,
}

/// Reads `config.json`.
///
/// # Errors
/// Malformed JSON or a value of the wrong kind, another model's configuration, keys that are not known, or sizes that make
/// no model.
pub(in crate::clip) fn read(file: &CheckpointFile) -> Result<TransformersModel, ClipError> {
    let value: Value = serde_json::from_slice(&file.read()?)
        .map_err(|error| ClipError::Json { file: file.label(), problem: error.to_string() })?;
    let family = family(&value).map_err(|found| ClipError::NotClip { file: file.label(), found })?;
    let setting = |(key, problem): Wrong| ClipError::Setting { file: file.label(), key, problem };
    let root = Section::from_value(String::new(), &value).map_err(setting)?;
    let config = config(&root, family).map_err(setting)?;
    let tokenizer = match family {
        Family::Clip | Family::CoCa => Scheme::Clip,
        Family::Siglip | Family::MetaClip2 | Family::ChineseClip => {
            Scheme::Declared { cleaning: Cleaning::default(), strip_separator: false }
        }
    };
    Ok(TransformersModel { config, tokenizer })
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
        Some(Value::String(kind)) => match MODELS.iter().find(|(_, known, _)| known == kind) {
            Some((family, ..)) => Ok(*family),
            None => Err(match OTHERS.iter().find(|(other, _)| other == kind) {
                Some((_, words)) => format!("a model of type {kind:?} ({words})"),
                None => format!("a model of type {kind:?}"),
            }),
        },
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

fn config(root: &Section<'_>, family: Family) -> Result<ClipConfig, Wrong> {
    keys::check(Place::Model, root)?;
    let class = MODELS.iter().find(|(known, ..)| *known == family).map_or("", |(.., class)| class);
    if let Some(value) = root.map.get("architectures").filter(|value| !value.is_null()) {
        let is_known = value.as_array().is_some_and(|names| names.iter().all(|name| name == class));
        if !is_known {
            let problem = format!("is {value}; of this type only models of the class {class} can be used");
            return Err(root.wrong("architectures", &problem));
        }
    }
    let text = tower(root, "text", Place::Text, family)?;
    let vision = tower(root, "vision", Place::Vision, family)?;
    let siglip = family == Family::Siglip;
    let vision_config = vision.vision(family)?;
    let mut text_config = text.text(family)?;
    let dim = if siglip {
        let dim = text.size("projection_size", Some(text_config.hidden_size))?;
        if dim != vision_config.hidden_size {
            let problem = format!(
                "is {dim}, but images have embeddings of {}, their hidden_size",
                vision_config.hidden_size
            );
            return Err(text.wrong("projection_size", &problem));
        }
        text_config.projection = Projection::Linear;
        dim
    } else {
        root.size("projection_dim", Some(512))?
    };
    let vision = VisionConfig::Transformer(vision_config);
    let config = ClipConfig { family, dim, text: text_config, vision };
    match config.problem() {
        None => Ok(config),
        Some(Problem { tower, size, problem }) => Err((key(tower, size), problem)),
    }
}

/// What a file says of one tower. Old files have a `*_config_dict` beside `*_config`: where there is one, it and the defaults
/// decide alone, as in transformers.
struct Tower<'a> {
    /// `text_config`, as errors call it.
    name: String,
    section: Option<Section<'a>>,
}

fn tower<'a>(root: &Section<'a>, name: &str, place: Place, family: Family) -> Result<Tower<'a>, Wrong> {
    let [plain, old] =
        [format!("{name}_config"), format!("{name}_config_dict")].map(|name| root.section(&name));
    let (plain, old) = (plain?, old?);
    let kind = MODELS.iter().find(|(known, ..)| *known == family).map_or("", |(_, kind, _)| kind);
    for section in [&plain, &old].into_iter().flatten() {
        keys::check(place, section)?;
        if let Some(found) = section.word("model_type")?
            && found != format!("{kind}_{name}_model")
            && found != kind
        {
            let problem =
                format!("is {found:?}; a model of type {kind} has towers of type {kind}_{name}_model");
            return Err(section.wrong("model_type", &problem));
        }
    }
    Ok(Tower { name: format!("{name}_config"), section: old.or(plain) })
}

impl Tower<'_> {
    fn size(&self, name: &str, default: Option<usize>) -> Result<usize, Wrong> {
        match &self.section {
            Some(section) => section.size(name, default),
            None => default.ok_or_else(|| self.wrong(name, "is absent")),
        }
    }

    fn side(&self, name: &str, default: usize) -> Result<usize, Wrong> {
        self.section.as_ref().map_or(Ok(default), |section| section.side(name, Some(default)))
    }

    fn value(&self, name: &str) -> Option<&Value> {
        self.section.as_ref()?.map.get(name).filter(|value| !value.is_null())
    }

    /// As [`Section::wrong`]; a default may be wrong, too.
    fn wrong(&self, name: &str, problem: &str) -> Wrong {
        match &self.section {
            Some(section) => section.wrong(name, problem),
            None => (format!("{}.{name}", self.name), problem.to_owned()),
        }
    }

    fn activation(&self, usual: Activation) -> Result<Activation, Wrong> {
        let Some(value) = self.value("hidden_act") else { return Ok(usual) };
        serde_json::from_value(value.clone()).map_err(|_| {
            self.wrong(
                "hidden_act",
                &format!("is {value}; the known ones are quick_gelu, gelu and gelu_pytorch_tanh"),
            )
        })
    }

    fn eps(&self, usual: f32) -> Result<f32, Wrong> {
        let Some(value) = self.value("layer_norm_eps") else { return Ok(usual) };
        let number = value.as_f64().map(|eps| eps as f32);
        number.ok_or_else(|| self.wrong("layer_norm_eps", &format!("is {value}; it should be a number")))
    }

    /// The text tower of Chinese-CLIP.
    fn bert(&self) -> Result<TextConfig, Wrong> {
        let positions = self.size("max_position_embeddings", Some(512))?;
        Ok(TextConfig {
            hidden_size: self.size("hidden_size", Some(768))?,
            intermediate_size: self.size("intermediate_size", Some(3072))?,
            num_hidden_layers: self.size("num_hidden_layers", Some(12))?,
            num_attention_heads: self.size("num_attention_heads", Some(12))?,
            hidden_act: self.activation(Activation::Gelu)?,
            layer_norm_eps: self.eps(1e-12)?,
            vocab_size: self.size("vocab_size", Some(30522))?,
            max_position_embeddings: positions,
            causal: false,
            pooling: TextPooling::First,
            projection: Projection::Matrix,
            bert: Some(BertConfig {
                positions,
                first_position: 0,
                token_types: self.size("type_vocab_size", Some(2))?,
                pooler: false,
            }),
        })
    }

    fn text(&self, family: Family) -> Result<TextConfig, Wrong> {
        if family == Family::ChineseClip {
            return self.bert();
        }
        let siglip = family == Family::Siglip;
        // The defaults of CLIP, or of SigLIP.
        let usual = |clip: usize, other: usize| Some(if siglip { other } else { clip });
        let pooling = match (family, self.value("eos_token_id")) {
            (Family::Siglip, _) => TextPooling::Last,
            (_, None) => TextPooling::EndOfText(49407),
            (_, Some(id)) => {
                let number = id.as_u64().and_then(|id| u32::try_from(id).ok()).ok_or_else(|| {
                    self.wrong("eos_token_id", &format!("is {id}; it should be a token's id"))
                })?;
                // MetaCLIP 2's end-of-text token really has the id that stood for all in old files of CLIP's.
                match (family, number) {
                    (Family::Clip, 2) => TextPooling::HighestId,
                    _ => TextPooling::EndOfText(number),
                }
            }
        };
        Ok(TextConfig {
            hidden_size: self.size("hidden_size", usual(512, 768))?,
            intermediate_size: self.size("intermediate_size", usual(2048, 3072))?,
            num_hidden_layers: self.size("num_hidden_layers", Some(12))?,
            num_attention_heads: self.size("num_attention_heads", usual(8, 12))?,
            hidden_act: self.activation(if siglip { Activation::GeluTanh } else { Activation::QuickGelu })?,
            layer_norm_eps: self.eps(if siglip { 1e-6 } else { 1e-5 })?,
            vocab_size: self.size("vocab_size", usual(49408, 32000))?,
            max_position_embeddings: self.size("max_position_embeddings", usual(77, 64))?,
            causal: !siglip,
            pooling,
            projection: Projection::Matrix,
            bert: None,
        })
    }

    fn vision(&self, family: Family) -> Result<VisionTransformerConfig, Wrong> {
        let siglip = family == Family::Siglip;
        let channels = self.size("num_channels", Some(3))?;
        if channels != 3 {
            let problem = format!("is {channels}; only images with 3 channels can be used");
            return Err(self.wrong("num_channels", &problem));
        }
        if siglip && self.value("vision_use_head").is_some_and(|value| *value != Value::Bool(true)) {
            let problem = "is not true, but SigLIP's image embeddings are what its head makes";
            return Err(self.wrong("vision_use_head", problem));
        }
        Ok(VisionTransformerConfig {
            hidden_size: self.size("hidden_size", Some(768))?,
            intermediate_size: self.size("intermediate_size", Some(3072))?,
            num_hidden_layers: self.size("num_hidden_layers", Some(12))?,
            num_attention_heads: self.size("num_attention_heads", Some(12))?,
            hidden_act: self.activation(if siglip { Activation::GeluTanh } else { Activation::QuickGelu })?,
            layer_norm_eps: self.eps(if siglip { 1e-6 } else { 1e-5 })?,
            image_size: self.side("image_size", 224)?,
            patch_size: self.side("patch_size", if siglip { 16 } else { 32 })?,
            class_token: !siglip,
            class_position: !siglip,
            stem: None,
            patch_bias: siglip,
            pre_norm: !siglip,
            blocks: BlockConfig::CLIP,
            pooling: match siglip {
                true => VisionPooling::Attention {
                    heads: self.size("num_attention_heads", Some(12))?,
                    inner: self.size("intermediate_size", Some(3072))?,
                },
                false => VisionPooling::ClassToken,
            },
            projection: if siglip { Projection::None } else { Projection::Matrix },
        })
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
        Size::Projection => "projection_dim",
        Size::Patch => "patch_size",
        Size::Image => "image_size",
        Size::Queries | Size::PoolingHeads => "vision_use_head",
    };
    tower.map_or_else(|| name.to_owned(), |tower| format!("{tower}_config.{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clip::files::FileContent;

    fn config(json: &'static str) -> Result<ClipConfig, ClipError> {
        let content = FileContent::Bytes(json.as_bytes());
        read(&CheckpointFile { name: "config.json".to_owned(), content }).map(|model| model.config)
    }

    fn message(json: &'static str) -> String {
        config(json).unwrap_err().to_string()
    }

    fn vision(config: &ClipConfig) -> &VisionTransformerConfig {
        match &config.vision {
            VisionConfig::Transformer(vision) => vision,
            _ => unreachable!("transformers has none"),
        }
    }

    #[test]
    fn absent_keys_have_the_defaults_of_the_reference() {
        let clip = config(r#"{"model_type": "clip"}"#).unwrap();
        assert_eq!((clip.family, clip.dim), (Family::Clip, 512));
        assert_eq!(clip.text.pooling, TextPooling::EndOfText(49407));
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
        assert_eq!((config.text.hidden_size, config.text.pooling), (768, TextPooling::EndOfText(49407)));
        assert_eq!(vision(&config).hidden_act, Activation::Gelu);
    }

    #[test]
    fn malformed_json_is_shown_with_line_and_column() {
        assert!(message("{\n  \"model_type\": \"clip\",\n  oops\n}").contains("line 3 column 3"));
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_named() {
        let message = message(r#"{"model_type": "clip", "text_config": {"hidden_size": "wide"}}"#);
        assert!(message.contains("`text_config.hidden_size` is \"wide\""), "{message}");
    }

    #[test]
    fn squares_may_be_lists() {
        let json =
            r#"{"model_type": "clip", "vision_config": {"image_size": [56, 56], "patch_size": [14, 14]}}"#;
        assert_eq!(
            (vision(&config(json).unwrap()).image_size, vision(&config(json).unwrap()).patch_size),
            (56, 14)
        );
        let json = r#"{"model_type": "clip", "vision_config": {"image_size": [56, 28]}}"#;
        assert!(message(json).contains("`vision_config.image_size` is [56,28]; only squares"));
    }

    #[test]
    fn code_of_others_and_keys_that_are_not_known_are_named() {
        for (json, part) in [
            (
                r#"{"model_type": "clip", "architectures": ["EvaCLIPModel"]}"#,
                "`architectures` is [\"EvaCLIPModel\"]",
            ),
            (r#"{"model_type": "clip", "auto_map": {"AutoModel": "x.Y"}}"#, "`auto_map`"),
            (
                r#"{"model_type": "clip", "vision_config": {"num_registers": 4}}"#,
                "`vision_config.num_registers` is 4",
            ),
            (
                r#"{"model_type": "clip", "text_config": {"model_type": "bert"}}"#,
                "`text_config.model_type` is \"bert\"",
            ),
            (
                r#"{"model_type": "siglip", "vision_config_dict": {"pool": "gap"}}"#,
                "`vision_config_dict.pool`",
            ),
            (r#"{"model_type": "clip", "quantization_config": {"bits": 8}}"#, "`quantization_config`"),
        ] {
            assert!(message(json).contains(part), "{}", message(json));
        }
        for json in [
            r#"{"model_type": "clip", "architectures": ["CLIPModel"], "auto_map": null, "text_config": {"top_k": 50}}"#,
            r#"{"model_type": "metaclip_2", "text_config": {"model_type": "metaclip_2_text_model"}}"#,
        ] {
            assert!(config(json).is_ok(), "{json}");
        }
    }

    #[test]
    fn the_end_of_text_of_metaclip_2_is_what_it_says() {
        let pooling = |json| config(json).unwrap().text.pooling;
        assert_eq!(
            pooling(r#"{"model_type": "clip", "text_config": {"eos_token_id": 2}}"#),
            TextPooling::HighestId
        );
        let json = r#"{"model_type": "metaclip_2", "text_config": {"eos_token_id": 2}}"#;
        assert_eq!(pooling(json), TextPooling::EndOfText(2));
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
