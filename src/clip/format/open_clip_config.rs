//! `open_clip_config.json`: `model_cfg` and `preprocess_cfg` as open_clip reads them (its `model.py`, `factory.py` and
//! `transform.py`). What it can ask for and the towers here cannot do is an error that names the key.

use serde_json::Value;

use crate::clip::config::activation::Activation;
use crate::clip::config::clip_config::{
    ClipConfig, Family, Problem, Projection, ResNetConfig, Size, TextConfig, TextPooling, VisionConfig,
    VisionPooling, VisionTransformerConfig,
};
use crate::clip::config::json_section::{Section, Wrong, whole};
use crate::clip::config::keys::{self, Place};
use crate::clip::error::ClipError;
use crate::clip::files::CheckpointFile;
use crate::clip::preprocessing::transform::{OpenClipPicture, Preprocessing};
use crate::clip::tokenizer::byte_pairs::Manner;
use crate::clip::tokenizer::cleaning::Cleaning;
use crate::clip::tokenizer::prompt_tokenizer::Scheme;
use crate::clip::weights::tensors::Weights;

/// What the file says of a model.
pub(in crate::clip) struct OpenClipModel {
    pub config: ClipConfig,
    pub preprocessing: Preprocessing,
    /// Whether the file says how pictures are treated.
    pub has_preprocessing: bool,
    pub tokenizer: Scheme,
}

/// Reads `open_clip_config.json`; `weights` say how large a tower of timm's is.
///
/// # Errors
/// Malformed JSON, a model with parts that are not known here, or sizes that make no model.
pub(in crate::clip) fn read(file: &CheckpointFile, weights: &Weights) -> Result<OpenClipModel, ClipError> {
    let value: Value = serde_json::from_slice(&file.read()?)
        .map_err(|error| ClipError::Json { file: file.label(), problem: error.to_string() })?;
    let setting = |(key, problem): Wrong| ClipError::Setting { file: file.label(), key, problem };
    let root = Section::from_value(String::new(), &value).map_err(setting)?;
    keys::check(Place::OpenClip, &root).map_err(setting)?;
    let model = part(&root, "model_cfg").map_err(setting)?;
    keys::check(Place::OpenClipModel, &model).map_err(setting)?;
    let vision = part(&model, "vision_cfg").map_err(setting)?;
    let text = part(&model, "text_cfg").map_err(setting)?;
    keys::check(Place::OpenClipText, &text).map_err(setting)?;
    let (family, vision) = match vision.map.get("timm_model_name") {
        None | Some(Value::Null) => (Family::Clip, own_tower(&model, &vision).map_err(setting)?),
        Some(name) => {
            keys::check(Place::OpenClipTimm, &vision).map_err(setting)?;
            let tower = TimmTower::from_section(&vision, name).map_err(setting)?;
            let sizes = TimmSizes::from_weights(weights)?;
            (Family::Siglip, timms_tower(&vision, &tower, &sizes).map_err(setting)?)
        }
    };
    let config = ClipConfig {
        family,
        dim: model.size("embed_dim", None).map_err(setting)?,
        text: text_tower(&model, &text).map_err(setting)?,
        vision,
    };
    if let Some(Problem { tower, size, problem }) = config.problem() {
        return Err(setting((key(tower, size), problem)));
    }
    let image_size = config.vision.image_size();
    let preprocessing = match root.section("preprocess_cfg").map_err(setting)? {
        None => None,
        Some(section) => Some(
            picture(&section)
                .and_then(|picture| {
                    Preprocessing::open_clip(picture, image_size)
                        .map_err(|(name, problem)| section.wrong(name, &problem))
                })
                .map_err(setting)?,
        ),
    };
    Ok(OpenClipModel {
        config,
        has_preprocessing: preprocessing.is_some(),
        preprocessing: preprocessing.unwrap_or_else(|| Preprocessing::clip(image_size)),
        tokenizer: tokenizer(&text).map_err(setting)?,
    })
}

/// An object that every file has.
fn part<'a>(section: &Section<'a>, name: &str) -> Result<Section<'a>, Wrong> {
    section
        .section(name)?
        .ok_or_else(|| section.wrong(name, "is absent; it is a part of every open_clip_config.json"))
}

fn quick(model: &Section<'_>) -> Result<Activation, Wrong> {
    Ok(if model.flag("quick_gelu")? { Activation::QuickGelu } else { Activation::Gelu })
}

/// An image tower of open_clip's own.
fn own_tower(model: &Section<'_>, vision: &Section<'_>) -> Result<VisionConfig, Wrong> {
    keys::check(Place::OpenClipVision, vision)?;
    let width = vision.size("width", Some(768))?;
    let head_width = vision.size("head_width", Some(64))?.max(1);
    let image_size = vision.side("image_size", Some(224))?;
    if let Some(Value::Array(layers)) = vision.map.get("layers") {
        let layers: Option<Vec<usize>> = layers.iter().map(whole).collect();
        let layers = layers.and_then(|layers| <[usize; 4]>::try_from(layers).ok()).ok_or_else(|| {
            vision.wrong("layers", "is a list, as a ResNet has it, but not of four whole numbers")
        })?;
        let heads = width * 32 / head_width;
        return Ok(VisionConfig::ResNet(ResNetConfig { layers, width, heads, image_size }));
    }
    Ok(VisionConfig::Transformer(VisionTransformerConfig {
        hidden_size: width,
        intermediate_size: inner(vision, width)?,
        num_hidden_layers: vision.size("layers", Some(12))?,
        num_attention_heads: width / head_width,
        hidden_act: activation(vision, quick(model)?)?,
        layer_norm_eps: eps(vision)?,
        image_size,
        patch_size: vision.side("patch_size", Some(16))?,
        class_token: true,
        patch_bias: false,
        pre_norm: true,
        pooling: VisionPooling::ClassToken,
        projection: Projection::Matrix,
    }))
}

/// SigLIP's, which is timm's.
fn timms_tower(vision: &Section<'_>, tower: &TimmTower, sizes: &TimmSizes) -> Result<VisionConfig, Wrong> {
    for (name, meant) in [("timm_pool", &["map"][..]), ("timm_proj", &["none", ""])] {
        let word = vision.word(name)?;
        if !word.as_deref().is_some_and(|word| meant.contains(&word)) {
            let found = word.map_or_else(|| "absent".to_owned(), |word| format!("{word:?}"));
            return Err(
                vision.wrong(name, &format!("is {found}; the image tower of SigLIP has it {:?}", meant[0]))
            );
        }
    }
    Ok(VisionConfig::Transformer(VisionTransformerConfig {
        hidden_size: sizes.width,
        intermediate_size: sizes.inner,
        num_hidden_layers: sizes.layers,
        num_attention_heads: tower.heads,
        hidden_act: tower.activation,
        layer_norm_eps: 1e-6,
        image_size: vision.side("image_size", Some(224))?,
        patch_size: sizes.patch,
        class_token: false,
        patch_bias: true,
        pre_norm: false,
        pooling: VisionPooling::Attention,
        projection: Projection::None,
    }))
}

/// The text tower, as `TextTransformer` of open_clip reads it.
fn text_tower(model: &Section<'_>, text: &Section<'_>) -> Result<TextConfig, Wrong> {
    let width = text.size("width", Some(512))?;
    let causal = !text.flag("no_causal_mask")?;
    let pooling = match text.word("pool_type")?.as_deref() {
        None | Some("argmax") => TextPooling::HighestId,
        Some("eos") => TextPooling::EndOfText(text.size("eos_id", Some(2))?.try_into().unwrap_or(u32::MAX)),
        Some("last") => TextPooling::Last,
        Some("first") => TextPooling::First,
        Some(other) => {
            return Err(
                text.wrong("pool_type", &format!("is {other:?}; it should be argmax, eos, last or first"))
            );
        }
    };
    if !causal && matches!(pooling, TextPooling::HighestId | TextPooling::EndOfText(_)) {
        let problem =
            "is true, with which only towers can be used whose `pool_type` is \"last\" or \"first\"";
        return Err(text.wrong("no_causal_mask", problem));
    }
    let projection = match text.word("proj_type")?.as_deref() {
        None | Some("linear") if text.flag("proj_bias")? => Projection::Linear,
        None | Some("linear") => Projection::Matrix,
        Some("none") => Projection::None,
        Some(other) => {
            return Err(text.wrong("proj_type", &format!("is {other:?}; it should be linear or none")));
        }
    };
    Ok(TextConfig {
        hidden_size: width,
        intermediate_size: inner(text, width)?,
        num_hidden_layers: text.size("layers", Some(12))?,
        num_attention_heads: text.size("heads", Some(8))?,
        hidden_act: activation(text, quick(model)?)?,
        layer_norm_eps: eps(text)?,
        vocab_size: text.size("vocab_size", Some(49408))?,
        max_position_embeddings: text.size("context_length", Some(77))?,
        causal,
        pooling,
        projection,
    })
}

/// open_clip takes its own tokenizer unless another one is named, which is then the one in the folder.
fn tokenizer(text: &Section<'_>) -> Result<Scheme, Wrong> {
    let named = text.word("hf_tokenizer_name")?.is_some_and(|name| !name.is_empty());
    let usual = if named { "whitespace" } else { "lower" };
    let (clean, wrong) = match text.section("tokenizer_kwargs")? {
        None => (None, text.wrong("tokenizer_kwargs", "is not known")),
        Some(section) => {
            keys::check(Place::OpenClipTokenizer, &section)?;
            let clean = section.word("clean")?;
            let problem = "is not a way that open_clip has; it should be lower, whitespace or canonicalize";
            (clean, section.wrong("clean", problem))
        }
    };
    let cleaning = Cleaning::open_clip(clean.as_deref().unwrap_or(usual)).ok_or(wrong)?;
    Ok(if named {
        Scheme::Declared { cleaning }
    } else {
        Scheme::Simple { cleaning, manner: Manner::OpenClip }
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
    keys::check(Place::OpenClipPicture, section)?;
    if let Some(mode) = section.word("mode")?
        && mode != "RGB"
    {
        return Err(section.wrong("mode", &format!("is {mode:?}; only RGB is known")));
    }
    Ok(OpenClipPicture {
        mean: section.channels("mean")?,
        std: section.channels("std")?,
        interpolation: section.word("interpolation")?,
        resize_mode: section.word("resize_mode")?,
        fill_color: match section.map.get("fill_color") {
            None | Some(Value::Null) => None,
            Some(_) => Some(section.size("fill_color", None)?),
        },
    })
}

/// Width inside the MLPs: `mlp_ratio` times the width, rounded down.
fn inner(section: &Section<'_>, width: usize) -> Result<usize, Wrong> {
    let ratio = match section.map.get("mlp_ratio") {
        None | Some(Value::Null) => 4.0,
        Some(value) => value.as_f64().filter(|ratio| *ratio > 0.0 && *ratio < 1e3).ok_or_else(|| {
            section.wrong("mlp_ratio", &format!("is {value}; it should be a number above 0"))
        })?,
    };
    Ok((width as f64 * ratio) as usize)
}

/// The activation, where `act_kwargs` does not make it another one.
fn activation(section: &Section<'_>, usual: Activation) -> Result<Activation, Wrong> {
    match section.map.get("act_kwargs") {
        None | Some(Value::Null) => Ok(usual),
        Some(value) => {
            match (value.to_string().as_str(), usual) {
                ("{}" | r#"{"approximate":"none"}"#, usual) => Ok(usual),
                (r#"{"approximate":"tanh"}"#, Activation::Gelu) => Ok(Activation::GeluTanh),
                _ => Err(section
                    .wrong("act_kwargs", &format!("is {value}, which makes no activation that is known"))),
            }
        }
    }
}

/// What layer norms add to the variance: PyTorch's default unless `norm_kwargs` says otherwise.
fn eps(section: &Section<'_>) -> Result<f32, Wrong> {
    let Some(norms) = section.section("norm_kwargs")? else { return Ok(1e-5) };
    if let Some(other) = norms.map.keys().find(|key| *key != "eps") {
        return Err(norms.wrong(other, "is not known; models with it cannot be used"));
    }
    match norms.map.get("eps") {
        None => Ok(1e-5),
        Some(eps) => eps
            .as_f64()
            .map(|eps| eps as f32)
            .ok_or_else(|| norms.wrong("eps", &format!("is {eps}; it should be a number"))),
    }
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
        Size::Projection => "proj_type",
        Size::Patch => "patch_size",
        Size::Image => "image_size",
    };
    tower.map_or_else(|| format!("model_cfg.{name}"), |tower| format!("model_cfg.{tower}_cfg.{name}"))
}
