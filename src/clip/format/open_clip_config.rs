//! `open_clip_config.json`: `model_cfg` and `preprocess_cfg` as open_clip reads them (its `model.py`, `factory.py` and
//! `transform.py`). What it can ask for and the towers here cannot do is an error that names the key.

use serde_json::{Map, Value};

use crate::clip::config::activation::Activation;
use crate::clip::config::clip_config::{
    ClipConfig, Family, Problem, ResNetConfig, Size, TextConfig, VisionConfig, VisionTransformerConfig,
};
use crate::clip::error::ClipError;
use crate::clip::files::CheckpointFile;
use crate::clip::preprocessing::transform::{OpenClipPicture, Preprocessing};
use crate::clip::weights::tensors::Weights;

/// A key, and what is wrong with its value.
type Wrong = (String, String);

/// A key, and what its value may be: anything where nothing is listed.
type Allowed = (&'static str, &'static [&'static str]);

/// `model_cfg`.
const MODEL: &[Allowed] = &[
    ("embed_dim", &[]),
    ("quick_gelu", &[]),
    ("vision_cfg", &[]),
    ("text_cfg", &[]),
    ("custom_text", &[]),
    ("init_logit_scale", &[]),
    ("init_logit_bias", &[]),
    ("nonscalar_logit_scale", &[]),
    ("output_dict", &[]),
    // CoCa's decoder; its image tower is another one too.
    ("multimodal_cfg", &["null"]),
];

/// What blocks of both towers may have in open_clip and do not have here.
const BLOCKS: &[Allowed] = &[
    ("ls_init_value", &["null"]),
    ("block_type", &["null", "\"default\""]),
    ("qk_norm", &["false", "null"]),
    ("scaled_cosine_attn", &["false", "null"]),
    ("scale_heads", &["false", "null"]),
    ("scale_attn_inner", &["false", "null"]),
    ("scale_attn", &["false", "null"]),
    ("scale_fc", &["false", "null"]),
    ("width", &[]),
    ("layers", &[]),
    ("mlp_ratio", &[]),
    ("act_kwargs", &[]),
    ("norm_kwargs", &[]),
    // A layer norm before or after one token is taken is the same.
    ("final_ln_after_pool", &[]),
    ("output_tokens", &[]),
];

/// `vision_cfg`, for open_clip's own towers.
const VISION: &[Allowed] = &[
    ("image_size", &[]),
    ("patch_size", &[]),
    ("head_width", &[]),
    // In training only.
    ("patch_dropout", &[]),
    ("attentional_pool", &["false", "null"]),
    ("attn_pooler_queries", &[]),
    ("attn_pooler_heads", &[]),
    ("no_ln_pre", &["false", "null"]),
    // Both kinds of position embeddings are in the weights.
    ("pos_embed_type", &[]),
    ("pool_type", &["\"tok\""]),
    ("timm_model_name", &["null"]),
    ("timm_model_pretrained", &[]),
    ("timm_pool", &[]),
    ("timm_proj", &[]),
    ("timm_proj_bias", &[]),
    ("timm_drop", &[]),
    ("timm_drop_path", &[]),
];

/// `vision_cfg`, for timm's tower of SigLIP.
const SIGLIP_VISION: &[Allowed] = &[
    ("image_size", &[]),
    ("timm_model_name", &[]),
    ("timm_model_pretrained", &[]),
    ("timm_pool", &["\"map\""]),
    ("timm_proj", &["\"none\"", "\"\"", "null"]),
    ("timm_proj_bias", &[]),
    ("timm_drop", &[]),
    ("timm_drop_path", &[]),
    ("patch_dropout", &[]),
];

/// `text_cfg`, beside what the family says.
const TEXT: &[Allowed] = &[
    ("context_length", &[]),
    ("vocab_size", &[]),
    ("heads", &[]),
    // The tokenizer is the one in the folder.
    ("hf_tokenizer_name", &[]),
    ("tokenizer_mode", &["null", "\"\""]),
    ("tokenizer_kwargs", &[]),
    ("embed_cls", &["false", "null"]),
    ("pad_id", &[]),
    ("eos_id", &[]),
    ("proj_type", &["\"linear\""]),
    ("hf_model_name", &["null"]),
    ("hf_model_pretrained", &[]),
    ("hf_proj_type", &[]),
    ("hf_pooler_type", &[]),
];

const CLIP_TEXT: &[Allowed] = &[
    ("no_causal_mask", &["false", "null"]),
    ("pool_type", &["\"argmax\"", "\"eos\""]),
    ("proj_bias", &["false", "null"]),
];

const SIGLIP_TEXT: &[Allowed] =
    &[("no_causal_mask", &["true"]), ("pool_type", &["\"last\""]), ("proj_bias", &["true"])];

/// Reads `open_clip_config.json`; `weights` say how large a tower of timm's is.
///
/// # Errors
/// Malformed JSON, a model with parts that are not known here, or sizes that make no model.
pub(in crate::clip) fn read(
    file: &CheckpointFile,
    weights: &Weights,
) -> Result<(ClipConfig, Preprocessing), ClipError> {
    let value: Value = serde_json::from_slice(&file.read()?)
        .map_err(|error| ClipError::Json { file: file.label(), problem: error.to_string() })?;
    let setting = |(key, problem): Wrong| ClipError::Setting { file: file.label(), key, problem };
    let root = Section::from_value(String::new(), &value).map_err(setting)?;
    let model = root.section("model_cfg").map_err(setting)?;
    let vision = model.section("vision_cfg").map_err(setting)?;
    let config = match vision.map.get("timm_model_name") {
        None | Some(Value::Null) => clip(&model).map_err(setting)?,
        Some(name) => {
            let tower = TimmTower::from_section(&vision, name).map_err(setting)?;
            let sizes = TimmSizes::from_weights(weights)?;
            siglip(&model, &tower, &sizes).map_err(setting)?
        }
    };
    if let Some(Problem { tower, size, problem }) = config.problem() {
        return Err(setting((key(tower, size), problem)));
    }
    let image_size = config.vision.image_size();
    let preprocessing = match root.map.get("preprocess_cfg") {
        None | Some(Value::Null) => Preprocessing::clip(image_size),
        Some(_) => {
            let section = root.section("preprocess_cfg").map_err(setting)?;
            picture(&section)
                .and_then(|picture| {
                    Preprocessing::open_clip(picture, image_size)
                        .map_err(|(name, problem)| section.wrong(name, &problem))
                })
                .map_err(setting)?
        }
    };
    Ok((config, preprocessing))
}

fn clip(model: &Section<'_>) -> Result<ClipConfig, Wrong> {
    model.only(&[MODEL])?;
    let (vision, text) = (model.section("vision_cfg")?, model.section("text_cfg")?);
    vision.only(&[VISION, BLOCKS])?;
    text.only(&[TEXT, BLOCKS, CLIP_TEXT])?;
    let activation = match model.flag("quick_gelu")? {
        true => Activation::QuickGelu,
        false => Activation::Gelu,
    };
    let width = vision.size("width", Some(768))?;
    let head_width = vision.size("head_width", Some(64))?.max(1);
    let image_size = vision.side("image_size", Some(224))?;
    let tower = match vision.map.get("layers") {
        Some(Value::Array(layers)) => {
            let layers: Option<Vec<usize>> = layers.iter().map(whole).collect();
            let layers = layers.and_then(|layers| <[usize; 4]>::try_from(layers).ok()).ok_or_else(|| {
                vision.wrong("layers", "is a list, as a ResNet has it, but not of four whole numbers")
            })?;
            VisionConfig::ResNet(ResNetConfig { layers, width, heads: width * 32 / head_width, image_size })
        }
        _ => VisionConfig::Transformer(VisionTransformerConfig {
            hidden_size: width,
            intermediate_size: vision.inner(width)?,
            num_hidden_layers: vision.size("layers", Some(12))?,
            num_attention_heads: width / head_width,
            hidden_act: vision.activation(activation)?,
            layer_norm_eps: vision.eps()?,
            image_size,
            patch_size: vision.side("patch_size", Some(16))?,
            class_token: true,
        }),
    };
    let eos_token_id = match text.map.get("pool_type") {
        Some(Value::String(kind)) if kind == "eos" => {
            text.size("eos_id", Some(2))?.try_into().unwrap_or(u32::MAX)
        }
        _ => TextConfig::HIGHEST_ID_ENDS,
    };
    let text = text_tower(&text, activation, eos_token_id)?;
    Ok(ClipConfig { family: Family::Clip, dim: model.size("embed_dim", None)?, text, vision: tower })
}

fn siglip(model: &Section<'_>, tower: &TimmTower, sizes: &TimmSizes) -> Result<ClipConfig, Wrong> {
    model.only(&[MODEL])?;
    let (vision, text) = (model.section("vision_cfg")?, model.section("text_cfg")?);
    vision.only(&[SIGLIP_VISION])?;
    text.only(&[TEXT, BLOCKS, SIGLIP_TEXT])?;
    for (key, meant) in [("no_causal_mask", "true"), ("pool_type", "\"last\""), ("proj_bias", "true")] {
        if !text.map.contains_key(key) {
            return Err(text.wrong(key, &format!("is absent; the text tower of SigLIP has it {meant}")));
        }
    }
    let quick = model.flag("quick_gelu")?;
    let activation = if quick { Activation::QuickGelu } else { Activation::Gelu };
    Ok(ClipConfig {
        family: Family::Siglip,
        dim: model.size("embed_dim", None)?,
        text: text_tower(&text, activation, TextConfig::HIGHEST_ID_ENDS)?,
        vision: VisionConfig::Transformer(VisionTransformerConfig {
            hidden_size: sizes.width,
            intermediate_size: sizes.inner,
            num_hidden_layers: sizes.layers,
            num_attention_heads: tower.heads,
            hidden_act: tower.activation,
            layer_norm_eps: 1e-6,
            image_size: vision.side("image_size", Some(224))?,
            patch_size: sizes.patch,
            class_token: false,
        }),
    })
}

fn text_tower(text: &Section<'_>, activation: Activation, eos_token_id: u32) -> Result<TextConfig, Wrong> {
    let width = text.size("width", Some(512))?;
    Ok(TextConfig {
        hidden_size: width,
        intermediate_size: text.inner(width)?,
        num_hidden_layers: text.size("layers", Some(12))?,
        num_attention_heads: text.size("heads", Some(8))?,
        hidden_act: text.activation(activation)?,
        layer_norm_eps: text.eps()?,
        vocab_size: text.size("vocab_size", Some(49408))?,
        max_position_embeddings: text.size("context_length", Some(77))?,
        eos_token_id,
    })
}

/// What timm's name for SigLIP's image tower says (timm's `vision_transformer.py`).
struct TimmTower {
    heads: usize,
    activation: Activation,
}

impl TimmTower {
    fn from_section(vision: &Section<'_>, name: &Value) -> Result<Self, Wrong> {
        let known = || {
            let name = name.as_str()?.strip_prefix("vit_")?;
            let (size, rest) = name.split_once("_patch")?;
            let (_, rest) = rest.split_once("_siglip_")?;
            let (heads, activation) = match size {
                "base" => (12, Activation::Gelu),
                "large" | "so400m" => (16, Activation::Gelu),
                "giantopt" => (16, Activation::GeluTanh),
                _ => return None,
            };
            rest.parse::<usize>().ok()?;
            Some(Self { heads, activation })
        };
        known().ok_or_else(|| {
            let problem = format!("is {name}; of timm's image towers only SigLIP's are known here");
            vision.wrong("timm_model_name", &problem)
        })
    }
}

/// The sizes of a tower of timm's, by its weights.
struct TimmSizes {
    width: usize,
    inner: usize,
    layers: usize,
    patch: usize,
}

impl TimmSizes {
    fn from_weights(weights: &Weights) -> Result<Self, ClipError> {
        let patches = weights.shape_in_file("visual.trunk.patch_embed.proj.weight")?;
        let inner = weights.shape_in_file("visual.trunk.blocks.0.mlp.fc1.weight")?;
        let block = |name: &str| name.strip_prefix("visual.trunk.blocks.")?.split('.').next()?.parse().ok();
        let last: Option<usize> = weights.names_in_file().filter_map(block).max();
        Ok(Self {
            width: patches.first().copied().unwrap_or(0),
            inner: inner.first().copied().unwrap_or(0),
            layers: last.map_or(0, |last| last + 1),
            patch: patches.last().copied().unwrap_or(0),
        })
    }
}

fn picture(section: &Section<'_>) -> Result<OpenClipPicture, Wrong> {
    let channels = |name: &str| match section.map.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(one)) => Ok(one.as_f64().map(|one| [one; 3])),
        Some(value) => serde_json::from_value(value.clone())
            .map(Some)
            .map_err(|_| section.wrong(name, &format!("is {value}; it should be three numbers, or one"))),
    };
    let word = |name: &str| match section.map.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(word)) => Ok(Some(word.clone())),
        Some(value) => Err(section.wrong(name, &format!("is {value}; it should be a word"))),
    };
    if let Some(mode) = word("mode")?
        && mode != "RGB"
    {
        return Err(section.wrong("mode", &format!("is {mode:?}; only RGB is known")));
    }
    Ok(OpenClipPicture {
        mean: channels("mean")?,
        std: channels("std")?,
        interpolation: word("interpolation")?,
        resize_mode: word("resize_mode")?,
        fill_color: section.map.get("fill_color").and_then(Value::as_u64),
    })
}

/// An object in the file, with its path there.
struct Section<'a> {
    path: String,
    map: &'a Map<String, Value>,
}

impl<'a> Section<'a> {
    fn from_value(path: String, value: &'a Value) -> Result<Self, Wrong> {
        match value {
            Value::Object(map) => Ok(Self { path, map }),
            _ => Err((path, "is not a JSON object".to_owned())),
        }
    }

    fn section(&self, name: &str) -> Result<Section<'a>, Wrong> {
        match self.map.get(name) {
            Some(value) => Section::from_value(self.key(name), value),
            None => Err(self.wrong(name, "is absent; it is a part of every open_clip_config.json")),
        }
    }

    fn key(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    fn wrong(&self, name: &str, problem: &str) -> Wrong {
        (self.key(name), problem.to_owned())
    }

    /// Complains of every key that is in none of the tables, and of values that they do not allow.
    fn only(&self, tables: &[&[Allowed]]) -> Result<(), Wrong> {
        for (name, value) in self.map {
            let allowed = tables.iter().flat_map(|table| table.iter()).find(|(known, _)| known == name);
            match allowed {
                None => return Err(self.wrong(name, "is not known; models with it cannot be used")),
                Some((_, [])) => {}
                Some((_, values)) if values.contains(&value.to_string().as_str()) => {}
                Some((_, values)) => {
                    let problem =
                        format!("is {value}; only models where it is {} can be used", values.join(" or "));
                    return Err(self.wrong(name, &problem));
                }
            }
        }
        Ok(())
    }

    /// A whole number; an error where it is neither there nor has a default.
    fn size(&self, name: &str, default: Option<usize>) -> Result<usize, Wrong> {
        match (self.map.get(name), default) {
            (None | Some(Value::Null), Some(default)) => Ok(default),
            (None, None) => Err(self.wrong(name, "is absent")),
            (Some(value), _) => whole(value)
                .ok_or_else(|| self.wrong(name, &format!("is {value}; it should be a whole number"))),
        }
    }

    /// The side of a square: a number, or a list of two equal ones.
    fn side(&self, name: &str, default: Option<usize>) -> Result<usize, Wrong> {
        match self.map.get(name) {
            Some(Value::Array(sides)) => match sides.iter().map(whole).collect::<Option<Vec<_>>>().as_deref()
            {
                Some([height, width]) if height == width => Ok(*height),
                _ => {
                    Err(self
                        .wrong(name, &format!("is {}; only squares can be used", Value::from(sides.clone()))))
                }
            },
            _ => self.size(name, default),
        }
    }

    fn flag(&self, name: &str) -> Result<bool, Wrong> {
        match self.map.get(name) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(value) => Err(self.wrong(name, &format!("is {value}; it should be true or false"))),
        }
    }

    /// Width inside the MLPs: `mlp_ratio` times the width, rounded down.
    fn inner(&self, width: usize) -> Result<usize, Wrong> {
        let ratio = match self.map.get("mlp_ratio") {
            None => 4.0,
            Some(value) => value.as_f64().filter(|ratio| *ratio > 0.0 && *ratio < 1e3).ok_or_else(|| {
                self.wrong("mlp_ratio", &format!("is {value}; it should be a number above 0"))
            })?,
        };
        Ok((width as f64 * ratio) as usize)
    }

    /// The activation, where `act_kwargs` does not make it another one.
    fn activation(&self, usual: Activation) -> Result<Activation, Wrong> {
        match self.map.get("act_kwargs") {
            None | Some(Value::Null) => Ok(usual),
            Some(value) => match (value.to_string().as_str(), usual) {
                ("{}" | r#"{"approximate":"none"}"#, usual) => Ok(usual),
                (r#"{"approximate":"tanh"}"#, Activation::Gelu) => Ok(Activation::GeluTanh),
                _ => {
                    Err(self
                        .wrong("act_kwargs", &format!("is {value}, which makes no activation that is known")))
                }
            },
        }
    }

    /// What layer norms add to the variance: PyTorch's default unless `norm_kwargs` says otherwise.
    fn eps(&self) -> Result<f32, Wrong> {
        let Some(value) = self.map.get("norm_kwargs").filter(|value| !value.is_null()) else {
            return Ok(1e-5);
        };
        let section = Section::from_value(self.key("norm_kwargs"), value)?;
        section.only(&[&[("eps", &[])]])?;
        match section.map.get("eps") {
            None => Ok(1e-5),
            Some(eps) => eps
                .as_f64()
                .map(|eps| eps as f32)
                .ok_or_else(|| section.wrong("eps", &format!("is {eps}; it should be a number"))),
        }
    }
}

fn whole(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|number| usize::try_from(number).ok())
}

/// What the file calls a size.
fn key(tower: Option<&str>, size: Size) -> String {
    let name = match size {
        Size::Dim => "embed_dim",
        Size::Width => "width",
        Size::Inner => "mlp_ratio",
        Size::Heads if tower == Some("vision") => "head_width",
        Size::Heads => "heads",
        Size::Vocabulary => "vocab_size",
        Size::Context => "context_length",
        Size::Patch => "patch_size",
        Size::Image => "image_size",
    };
    tower.map_or_else(|| format!("model_cfg.{name}"), |tower| format!("model_cfg.{tower}_cfg.{name}"))
}
