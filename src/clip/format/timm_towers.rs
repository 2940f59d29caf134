//! timm's image towers in open_clip's models (its `timm_model.py`): what the name of one says, which is all that the files say
//! of it, and what the weights do.

use serde_json::Value;

use crate::clip::config::activation::Activation;
use crate::clip::config::clip_config::{
    BlockConfig, ConvNextConfig, Norms, Projection, RotationConfig, VisionConfig, VisionPooling,
    VisionTransformerConfig,
};
use crate::clip::config::json_section::{Section, Wrong};
use crate::clip::error::ClipError;
use crate::clip::weights::tensors::Weights;

/// What timm's name for an image tower says (its `vision_transformer.py`, `vision_transformer_hybrid.py`, `eva.py`,
/// `convnext.py`).
pub(super) enum TimmTower {
    Transformer(TimmTransformer),
    ConvNext { eps: f32 },
}

/// A vision transformer of timm's.
pub(super) struct TimmTransformer {
    heads: usize,
    activation: Activation,
    eps: f32,
    pooling: TimmPooling,
    class_token: bool,
    pre_norm: bool,
    /// Three convolutions make the tokens, and the class token has no position.
    has_stem: bool,
    blocks: BlockConfig,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum TimmPooling {
    ClassToken,
    /// Attention with as many heads, and a projection after it.
    Attention(usize),
    /// SigLIP's, whose attention makes the embedding.
    Siglip,
}

/// A plain vision transformer.
const PLAIN: TimmTransformer = TimmTransformer {
    heads: 12,
    activation: Activation::Gelu,
    eps: 1e-6,
    pooling: TimmPooling::ClassToken,
    class_token: true,
    pre_norm: false,
    has_stem: false,
    blocks: BlockConfig::CLIP,
};

impl TimmTower {
    pub(super) fn from_section(vision: &Section<'_>, name: &Value) -> Result<Self, Wrong> {
        // What follows a dot says what trained it.
        let plain = name.as_str().and_then(|name| name.split('.').next()).unwrap_or_default();
        let convnext = match plain {
            "convnext_tiny" | "convnext_small" | "convnext_base" | "convnext_large" | "convnext_xlarge" => {
                Some(Self::ConvNext { eps: 1e-6 })
            }
            "convnext_xxlarge" => Some(Self::ConvNext { eps: 1e-5 }),
            _ => None,
        };
        convnext.or_else(|| transformer(plain).map(Self::Transformer)).ok_or_else(|| {
            let problem = format!(
                "is {name}{}; of timm's image towers only plain vision transformers, CLIP's, SigLIP's, EVA's, Perception Encoder's, \
                 MobileCLIP-B's and ConvNeXts of the first version are known here",
                family(plain)
            );
            vision.wrong("timm_model_name", &problem)
        })
    }

    /// Whether it is SigLIP's.
    pub(super) fn is_siglip(&self) -> bool {
        matches!(self, Self::Transformer(TimmTransformer { pooling: TimmPooling::Siglip, .. }))
    }

    /// The words of `timm_pool` that mean what the tower does, and those of `timm_proj` that can be used with it. Without a
    /// word, a tower of timm's pools as its name says.
    fn known_words(&self) -> [&'static [&'static str]; 2] {
        match self {
            Self::ConvNext { .. } => [&["", "avg"], &["linear", "mlp"]],
            Self::Transformer(tower) => match tower.pooling {
                TimmPooling::ClassToken => [&["", "token"], &["linear", "mlp", ""]],
                TimmPooling::Attention(_) => [&["map"], &["linear", "mlp", ""]],
                TimmPooling::Siglip => [&["map"], &["none", ""]],
            },
        }
    }

    /// The tower with its sizes, which are those of its weights.
    pub(super) fn config(
        &self,
        weights: &Weights,
        image_size: usize,
        projection: Projection,
    ) -> Result<VisionConfig, ClipError> {
        match self {
            Self::ConvNext { eps } => convnext(weights, *eps, image_size, projection),
            Self::Transformer(tower) => tower.config(weights, image_size, projection),
        }
    }
}

/// What makes embeddings of what a tower pools.
pub(super) fn projection(vision: &Section<'_>, tower: &TimmTower, dim: usize) -> Result<Projection, Wrong> {
    let read = |name: &str, known: &[&str]| {
        // What is absent is not null: the first has a default, the second is none.
        let word = match (vision.map.get(name), name) {
            (Some(Value::Null), "timm_proj") => Some(String::new()),
            _ => vision.word(name)?,
        };
        match word {
            Some(word) if known.contains(&word.as_str()) => Ok(word),
            other => {
                let found = other.map_or_else(|| "absent".to_owned(), |word| format!("{word:?}"));
                let known = known.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(" or ");
                let problem = format!("is {found}; with this image tower of timm's only {known} can be used");
                Err(vision.wrong(name, &problem))
            }
        }
    };
    let [pools, projections] = tower.known_words();
    let (pool, word) = (read("timm_pool", pools)?, read("timm_proj", projections)?);
    if pool.is_empty() && word.is_empty() {
        let problem = "is \"\", with which a tower without a `timm_proj` pools nothing";
        return Err(vision.wrong("timm_pool", problem));
    }
    let has_bias = vision.flag("timm_proj_bias")?;
    Ok(match word.as_str() {
        _ if tower.is_siglip() => Projection::None,
        "linear" if !has_bias => Projection::Matrix,
        "mlp" => Projection::Mlp { inner: 2 * dim, biases: [true, has_bias] },
        // The tower's own head has one always.
        _ => Projection::Linear,
    })
}

/// A vision transformer of that name.
fn transformer(name: &str) -> Option<TimmTransformer> {
    if name == "vit_base_mci_224" {
        return Some(TimmTransformer { has_stem: true, ..PLAIN });
    }
    if let Some(rest) = name.strip_prefix("eva") {
        return eva(rest);
    }
    let (size, rest) = name.strip_prefix("vit_")?.split_once("_patch")?;
    let (patch, rest) = rest.split_once('_')?;
    let (kind, side) = rest.rsplit_once('_').map_or(("", rest), |(kind, side)| (kind, side));
    let (patch, side) = (patch.parse::<usize>().ok()?, side.parse::<usize>().ok()?);
    if let Some(size) = size.strip_prefix("pe_core_") {
        return perception_encoder(size, side.checked_div(patch)?).filter(|_| kind.is_empty());
    }
    let is_siglip = kind == "siglip";
    let (heads, activation) = match (size, is_siglip) {
        ("base", _) => (12, Activation::Gelu),
        ("large", _) | ("so400m", true) | ("huge", false) => (16, Activation::Gelu),
        ("giantopt", true) => (16, Activation::GeluTanh),
        ("tiny", false) => (3, Activation::Gelu),
        ("small", false) => (6, Activation::Gelu),
        _ => return None,
    };
    let clip = TimmTransformer { heads, activation, eps: 1e-5, pre_norm: true, ..PLAIN };
    match kind {
        "siglip" => {
            let pooling = TimmPooling::Siglip;
            Some(TimmTransformer { heads, activation, class_token: false, pooling, ..PLAIN })
        }
        "" => Some(TimmTransformer { heads, activation, ..PLAIN }),
        "clip" if matches!(size, "base" | "large" | "huge") => Some(clip),
        "clip_quickgelu" if matches!(size, "base" | "large" | "huge") => {
            Some(TimmTransformer { activation: Activation::QuickGelu, ..clip })
        }
        _ => None,
    }
}

/// EVA's, after `eva`.
fn eva(name: &str) -> Option<TimmTransformer> {
    let blocks = BlockConfig { key_bias: false, ..BlockConfig::CLIP };
    let (size, rest) = name.split_once("_patch")?;
    let (_, rest) = rest.split_once('_')?;
    let (is_clip, side) = rest.strip_prefix("clip_").map_or((false, rest), |side| (true, side));
    side.parse::<usize>().ok()?;
    let (heads, blocks) = match size {
        "_giant" => (16, blocks),
        "02_base" | "02_large" if is_clip => {
            let rotation = RotationConfig { reference: 16, offset: 0.0, column_first: false };
            let heads = if size == "02_base" { 12 } else { 16 };
            (heads, BlockConfig { gated: true, rotation: Some(rotation), ..blocks })
        }
        "02_enormous" if is_clip => (16, BlockConfig { norms: Norms::AfterParts, ..blocks }),
        _ => return None,
    };
    Some(TimmTransformer { heads, blocks, ..PLAIN })
}

/// Perception Encoder's of that size, trained with as many patches a side.
fn perception_encoder(size: &str, reference: usize) -> Option<TimmTransformer> {
    let (heads, class_token) = match size {
        "tiny" => (3, true),
        "small" => (6, true),
        "base" => (12, true),
        "large" => (16, true),
        "gigantic" => (16, false),
        _ => return None,
    };
    let offset = if class_token { 1.0 } else { 0.0 };
    let rotation = Some(RotationConfig { reference, offset, column_first: true });
    Some(TimmTransformer {
        heads,
        eps: 1e-5,
        pooling: TimmPooling::Attention(8),
        class_token,
        pre_norm: true,
        blocks: BlockConfig { rotation, ..BlockConfig::CLIP },
        ..PLAIN
    })
}

impl TimmTransformer {
    fn config(
        &self,
        weights: &Weights,
        image_size: usize,
        projection: Projection,
    ) -> Result<VisionConfig, ClipError> {
        let shape = |name: &str| weights.shape_in_file(&format!("visual.trunk.{name}"));
        let first = |name: &str| Ok::<usize, ClipError>(shape(name)?.first().copied().unwrap_or(0));
        let last = |name: &str| Ok::<usize, ClipError>(shape(name)?.last().copied().unwrap_or(0));
        let inner = if self.blocks.gated { "blocks.0.mlp.fc1_x.weight" } else { "blocks.0.mlp.fc1.weight" };
        let pooling = match self.pooling {
            TimmPooling::ClassToken => VisionPooling::ClassToken,
            TimmPooling::Attention(heads) => {
                VisionPooling::Attention { heads, inner: first("attn_pool.mlp.fc1.weight")? }
            }
            TimmPooling::Siglip => {
                VisionPooling::Attention { heads: self.heads, inner: first("attn_pool.mlp.fc1.weight")? }
            }
        };
        Ok(VisionConfig::Transformer(VisionTransformerConfig {
            hidden_size: last("pos_embed")?,
            intermediate_size: first(inner)?,
            num_hidden_layers: weights.blocks_in_file("visual.trunk.blocks."),
            num_attention_heads: self.heads,
            hidden_act: self.activation,
            layer_norm_eps: self.eps,
            image_size,
            patch_size: if self.has_stem { 16 } else { last("patch_embed.proj.weight")? },
            class_token: self.class_token,
            class_position: self.class_token && !self.has_stem,
            stem: self.has_stem.then(|| first("patch_embed.backbone.0.conv.weight")).transpose()?,
            patch_bias: !self.pre_norm && !self.has_stem,
            pre_norm: self.pre_norm,
            blocks: self.blocks,
            pooling,
            projection,
        }))
    }
}

fn convnext(
    weights: &Weights,
    layer_norm_eps: f32,
    image_size: usize,
    projection: Projection,
) -> Result<VisionConfig, ClipError> {
    let (mut layers, mut widths) = ([0; 4], [0; 4]);
    for (stage, (layers, width)) in layers.iter_mut().zip(&mut widths).enumerate() {
        let blocks = format!("visual.trunk.stages.{stage}.blocks.");
        *layers = weights.blocks_in_file(&blocks);
        let shape = weights.shape_in_file(&format!("{blocks}0.conv_dw.weight"))?;
        *width = shape.first().copied().unwrap_or(0);
    }
    Ok(VisionConfig::ConvNext(ConvNextConfig { layers, widths, layer_norm_eps, image_size, projection }))
}

/// The models that have an image tower of that name.
fn family(name: &str) -> &'static str {
    let known = [
        ("convnext", " (ConvNeXt)"),
        ("fastvit", " (MobileCLIP)"),
        ("eva0", " (EVA-CLIP)"),
        ("vit_pe_", " (Perception Encoder)"),
        ("vitamin", " (ViTamin)"),
        ("swin", " (Swin)"),
    ];
    known.iter().find(|(start, _)| name.starts_with(start)).map_or("", |(_, words)| words)
}
