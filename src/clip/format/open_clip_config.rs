//! `open_clip_config.json`: `model_cfg` and `preprocess_cfg` as open_clip reads them (its `model.py`, `factory.py` and
//! `transform.py`). What it can ask for and the towers here cannot do is an error that names the key.

use serde_json::Value;

use super::timm_towers::{self, TimmTower};
use crate::clip::config::activation::Activation;
use crate::clip::config::clip_config::{
    BertConfig, BlockConfig, ClipConfig, Family, Problem, Projection, ResNetConfig, Size, TextConfig,
    TextPooling, VisionConfig, VisionPooling, VisionTransformerConfig,
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
    let dim = model.size("embed_dim", None).map_err(setting)?;
    let is_coca = model.section("multimodal_cfg").map_err(setting)?.is_some();
    let (family, vision) = match vision.map.get("timm_model_name") {
        None | Some(Value::Null) => (Family::Clip, own_tower(&model, &vision).map_err(setting)?),
        Some(name) => {
            keys::check(Place::OpenClipTimm, &vision).map_err(setting)?;
            let tower = TimmTower::from_section(&vision, name).map_err(setting)?;
            let projection = timm_towers::projection(&vision, &tower, dim).map_err(setting)?;
            let image_size = vision.side("image_size", Some(224)).map_err(setting)?;
            let family = if tower.is_siglip() { Family::Siglip } else { Family::Clip };
            (family, tower.config(weights, image_size, projection)?)
        }
    };
    let family = if is_coca { Family::CoCa } else { family };
    let text_config = match text.word("hf_model_name").map_err(setting)?.filter(|name| !name.is_empty()) {
        None => text_tower(&model, &text).map_err(setting)?,
        Some(name) => {
            let (first_position, eps) = bert_of(&text, &name).map_err(setting)?;
            let sizes = BertSizes::from_weights(weights)?;
            bert(&text, dim, &sizes, first_position, eps).map_err(setting)?
        }
    };
    let config = ClipConfig { family, dim, text: text_config, vision };
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
    let normed = !vision.flag("final_ln_after_pool")?;
    let pooled_by_attention = vision.flag("attentional_pool")?;
    let pooling = match vision.word("pool_type")?.as_deref() {
        None | Some("tok") if pooled_by_attention => VisionPooling::Queries {
            queries: vision.size("attn_pooler_queries", Some(256))?,
            heads: vision.size("attn_pooler_heads", Some(8))?,
        },
        Some("avg") if pooled_by_attention => {
            let problem = "is \"avg\"; with `attentional_pool` only \"tok\" can be used";
            return Err(vision.wrong("pool_type", problem));
        }
        None | Some("tok") => VisionPooling::ClassToken,
        Some("avg") => VisionPooling::Mean { normed },
        Some(other) => {
            return Err(vision.wrong("pool_type", &format!("is {other:?}; it should be \"tok\" or \"avg\"")));
        }
    };
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
        class_position: true,
        stem: None,
        patch_bias: false,
        pre_norm: !vision.flag("no_ln_pre")?,
        blocks: BlockConfig::CLIP,
        pooling,
        projection: Projection::Matrix,
    }))
}

/// The text tower, as `TextTransformer` of open_clip reads it.
fn text_tower(model: &Section<'_>, text: &Section<'_>) -> Result<TextConfig, Wrong> {
    let width = text.size("width", Some(512))?;
    let causal = !text.flag("no_causal_mask")?;
    let embeds_class_token = text.flag("embed_cls")?;
    let pooling = match text.word("pool_type")?.as_deref() {
        // Whatever the word.
        _ if embeds_class_token => TextPooling::ClassToken,
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
    if embeds_class_token && !causal {
        return Err(text.wrong("no_causal_mask", "is true; with `embed_cls` only causal towers can be used"));
    }
    match text.map.get("pad_id") {
        Some(id) if embeds_class_token && !matches!(id, Value::Null) && id.as_u64() != Some(0) => {
            let problem = format!("is {id}; with `embed_cls` only 0 can be used, which fills prompts up");
            return Err(text.wrong("pad_id", &problem));
        }
        _ => {}
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
        bert: None,
    })
}

/// What follows from the name of a text model of transformers': the first row of its position embeddings, and what its layer
/// norms add.
fn bert_of(text: &Section<'_>, name: &str) -> Result<(usize, f32), Wrong> {
    let lower = name.to_ascii_lowercase();
    let others = [
        "mt5",
        "t5",
        "nllb",
        "m2m",
        "albert",
        "distilbert",
        "deberta",
        "electra",
        "modernbert",
        "gpt",
        "camembert",
    ];
    let is_other = others.iter().any(|other| lower.contains(other));
    if !is_other && lower.contains("roberta") {
        return Ok((2, 1e-5));
    }
    if !is_other && lower.contains("bert") {
        return Ok((0, 1e-12));
    }
    let problem =
        format!("is {name:?}; of transformers' text models only BERTs and (XLM-)RoBERTas can be used");
    Err(text.wrong("hf_model_name", &problem))
}

/// The sizes of a BERT, by its weights: its own configuration is not in the folder.
struct BertSizes {
    vocabulary: usize,
    width: usize,
    inner: usize,
    layers: usize,
    positions: usize,
    token_types: usize,
}

impl BertSizes {
    fn from_weights(weights: &Weights) -> Result<Self, ClipError> {
        let part =
            |name: &str| weights.shape_in_file(&format!("text.transformer.{name}")).map(<[usize]>::to_vec);
        let first = |name: &str| Ok::<usize, ClipError>(part(name)?.first().copied().unwrap_or(0));
        let embeddings = part("embeddings.word_embeddings.weight")?;
        Ok(Self {
            vocabulary: embeddings.first().copied().unwrap_or(0),
            width: embeddings.last().copied().unwrap_or(0),
            inner: first("encoder.layer.0.intermediate.dense.weight")?,
            layers: weights.blocks_in_file("text.transformer.encoder.layer."),
            positions: first("embeddings.position_embeddings.weight")?,
            token_types: first("embeddings.token_type_embeddings.weight")?,
        })
    }
}

/// A BERT or RoBERTa as open_clip's `HFTextEncoder` has it.
fn bert(
    text: &Section<'_>,
    dim: usize,
    sizes: &BertSizes,
    first_position: usize,
    eps: f32,
) -> Result<TextConfig, Wrong> {
    // In every published one.
    const HEAD_WIDTH: usize = 64;
    if !sizes.width.is_multiple_of(HEAD_WIDTH) {
        let problem = format!(
            "names a model of width {}, whose number of attention heads is not known: all known ones have heads of \
             {HEAD_WIDTH} channels",
            sizes.width
        );
        return Err(text.wrong("hf_model_name", &problem));
    }
    // What open_clip's configuration has where the key is absent, and what the model's kind has where it is null.
    let word = |name: &str, absent: &str, null: &str| match text.map.get(name) {
        None => Ok(absent.to_owned()),
        Some(Value::Null) => Ok(null.to_owned()),
        Some(_) => text.word(name).map(Option::unwrap_or_default),
    };
    let of_kind = if first_position == 0 { "cls_pooler" } else { "mean_pooler" };
    let pooler = word("hf_pooler_type", "mean_pooler", of_kind)?;
    let pooling = match pooler.as_str() {
        "mean_pooler" => TextPooling::Mean,
        "cls_pooler" | "cls_last_hidden_state_pooler" => TextPooling::First,
        other => {
            let problem = format!(
                "is {other:?}; only mean_pooler, cls_pooler and cls_last_hidden_state_pooler can be used"
            );
            return Err(text.wrong("hf_pooler_type", &problem));
        }
    };
    let projection = match word("hf_proj_type", "mlp", "")?.as_str() {
        "linear" => Projection::Matrix,
        "mlp" => Projection::Mlp { inner: usize::midpoint(sizes.width, dim), biases: [false; 2] },
        "" => Projection::None,
        other => {
            return Err(text.wrong("hf_proj_type", &format!("is {other:?}; it should be linear or mlp")));
        }
    };
    Ok(TextConfig {
        hidden_size: sizes.width,
        intermediate_size: sizes.inner,
        num_hidden_layers: sizes.layers,
        num_attention_heads: sizes.width / HEAD_WIDTH,
        hidden_act: Activation::Gelu,
        layer_norm_eps: eps,
        vocab_size: sizes.vocabulary,
        max_position_embeddings: text.size("context_length", Some(77))?,
        causal: false,
        pooling,
        projection,
        bert: Some(BertConfig {
            positions: sizes.positions,
            first_position,
            token_types: sizes.token_types,
            pooler: pooler == "cls_pooler",
        }),
    })
}

/// open_clip takes its own tokenizer unless another one is named, which is then the one in the folder.
fn tokenizer(text: &Section<'_>) -> Result<Scheme, Wrong> {
    let named = text.word("hf_tokenizer_name")?.is_some_and(|name| !name.is_empty());
    let usual = if named { "whitespace" } else { "lower" };
    let mut strip_separator = false;
    let (clean, wrong) = match text.section("tokenizer_kwargs")? {
        None => (None, text.wrong("tokenizer_kwargs", "is not known")),
        Some(section) => {
            keys::check(Place::OpenClipTokenizer, &section)?;
            strip_separator = section.flag("strip_sep_token")?;
            let clean = section.word("clean")?;
            let problem = "is not a way that open_clip has; it should be lower, whitespace or canonicalize";
            (clean, section.wrong("clean", problem))
        }
    };
    let cleaning = Cleaning::open_clip(clean.as_deref().unwrap_or(usual)).ok_or(wrong)?;
    Ok(if named {
        Scheme::Declared { cleaning, strip_separator }
    } else {
        Scheme::Simple { cleaning, manner: Manner::OpenClip }
    })
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
        Size::Queries => "attn_pooler_queries",
        Size::PoolingHeads => "attn_pooler_heads",
    };
    tower.map_or_else(|| format!("model_cfg.{name}"), |tower| format!("model_cfg.{tower}_cfg.{name}"))
}
