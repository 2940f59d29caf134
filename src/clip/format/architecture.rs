//! What a listing says of a model: its architecture in words, its parameters, and what an image costs.

use crate::clip::config::clip_config::{
    BlockConfig, ClipConfig, ConvNextConfig, Family, Norms, Projection, ResNetConfig, VisionConfig,
    VisionPooling, VisionTransformerConfig,
};
use crate::clip::weights::layout;

/// Sizes of vision transformers that have a name: width, blocks, and what they are called.
const SIZES: [(usize, usize, &str); 10] = [
    (192, 12, "Ti"),
    (384, 12, "S"),
    (512, 12, "M"),
    (768, 12, "B"),
    (1024, 24, "L"),
    (1152, 27, "SO400M"),
    (1280, 32, "H"),
    (1408, 40, "g"),
    (1664, 48, "bigG"),
    (1792, 56, "e"),
];

/// ConvNeXts that have a name: channels of the first stage, blocks of the third, and what they are called.
const CONVNEXTS: [(usize, usize, &str); 6] = [
    (96, 9, "tiny"),
    (96, 27, "small"),
    (128, 27, "base"),
    (192, 27, "large"),
    (256, 27, "xlarge"),
    (384, 30, "xxlarge"),
];

/// ResNets that have a name: blocks of each stage, width, and what they are called.
const RESNETS: [([usize; 4], usize, &str); 5] = [
    ([3, 4, 6, 3], 64, "RN50"),
    ([3, 4, 23, 3], 64, "RN101"),
    ([4, 6, 10, 6], 80, "RN50x4"),
    ([6, 8, 18, 8], 96, "RN50x16"),
    ([3, 15, 36, 10], 128, "RN50x64"),
];

impl ClipConfig {
    /// The architecture in words: `ViT-B/32`, `ViT-L/14 at 336 pixels`, `RN50`, `SigLIP B/16`; with its sizes where it has
    /// no name.
    pub fn architecture(&self) -> String {
        match &self.vision {
            VisionConfig::ResNet(vision) => {
                let known = RESNETS.iter().find(|known| known.0 == vision.layers && known.1 == vision.width);
                match known {
                    Some((.., name)) => (*name).to_owned(),
                    None => {
                        let blocks = vision.layers.map(|blocks| blocks.to_string()).join("-");
                        format!("ResNet {blocks} of width {}", vision.width)
                    }
                }
            }
            VisionConfig::ConvNext(vision) => {
                let (width, blocks) = (vision.widths[0], vision.layers[2]);
                let known = CONVNEXTS.iter().find(|known| (known.0, known.1) == (width, blocks));
                let name = match known {
                    Some((.., name)) => format!("ConvNeXt {name}"),
                    None => {
                        let blocks = vision.layers.map(|blocks| blocks.to_string()).join("-");
                        format!("ConvNeXt {blocks} of width {width}")
                    }
                };
                at_size(name, vision.image_size)
            }
            VisionConfig::Transformer(vision) => {
                let VisionTransformerConfig { hidden_size, num_hidden_layers, patch_size, .. } = *vision;
                let size = SIZES.iter().find(|size| size.0 == hidden_size && size.1 == num_hidden_layers);
                let size = size.map_or_else(
                    || format!("{num_hidden_layers}x{hidden_size}"),
                    |(.., name)| (*name).to_owned(),
                );
                let name = match self.family {
                    Family::Clip => {
                        let BlockConfig { norms, key_bias, gated, rotation } = vision.blocks;
                        let kind = match (norms, rotation) {
                            (Norms::AfterParts, _) => "EVA02-",
                            (_, Some(_)) if gated => "EVA02-",
                            (_, Some(_)) => "PE-Core ",
                            (_, None) if !key_bias => "EVA01-",
                            (_, None) if vision.stem.is_some() => "MobileCLIP ",
                            _ => "ViT-",
                        };
                        format!("{kind}{size}/{patch_size}")
                    }
                    Family::CoCa => format!("CoCa {size}/{patch_size}"),
                    Family::ChineseClip => format!("Chinese-CLIP {size}/{patch_size}"),
                    Family::MetaClip2 => format!("MetaCLIP 2 {size}/{patch_size}"),
                    Family::Siglip => format!("SigLIP {size}/{patch_size}"),
                };
                let name = at_size(name, vision.image_size);
                match (self.family, self.text.bert) {
                    (Family::Clip, Some(bert)) => {
                        let kind = if bert.first_position > 0 { "RoBERTa" } else { "BERT" };
                        format!("{name} with {kind}")
                    }
                    _ => name,
                }
            }
        }
    }

    /// Numbers that training adjusted, in both towers.
    pub fn parameters(&self) -> u64 {
        layout::parameters(self)
    }

    /// Multiplications and additions of one image's matrix products, each counted as one operation: those of convolutions,
    /// layers and attention. Where one token is pooled, the last block counts its keys and values for all tokens and the
    /// rest for one.
    pub fn operations_per_image(&self) -> u64 {
        let dim = self.dim as u64;
        2 * match &self.vision {
            VisionConfig::Transformer(vision) => vision.products(dim),
            VisionConfig::ResNet(vision) => vision.products(dim),
            VisionConfig::ConvNext(vision) => vision.products(dim),
        }
    }
}

/// With the size of its images, where that is not what everyone takes for granted.
fn at_size(name: String, side: usize) -> String {
    if side == 224 { name } else { format!("{name} at {side} pixels") }
}

impl Projection {
    /// Multiplications for one row.
    fn products(self, inputs: u64, outputs: u64) -> u64 {
        match self {
            Self::None => 0,
            Self::Matrix | Self::Linear => inputs * outputs,
            Self::Mlp { inner, .. } => inner as u64 * (inputs + outputs),
        }
    }
}

impl ConvNextConfig {
    fn products(&self, dim: u64) -> u64 {
        let widths = self.widths.map(|width| width as u64);
        let stages = self.sides().into_iter().enumerate().map(|(stage, side)| {
            let (width, places, blocks) =
                (widths[stage], (side * side) as u64, self.blocks(stage).len() as u64);
            let before = if stage == 0 { 16 * 3 } else { 4 * widths[stage - 1] };
            places * width * (before + blocks * (49 + 2 * Self::EXPANSION as u64 * width))
        });
        stages.sum::<u64>() + self.projection.products(widths[3], dim)
    }
}

impl VisionTransformerConfig {
    /// Images to encode in one call.
    pub(in crate::clip) fn batch(&self) -> usize {
        const ROWS: usize = 400;
        (ROWS / self.tokens()).max(1)
    }

    fn products(&self, dim: u64) -> u64 {
        let [tokens, width, inner, patch] =
            [self.tokens(), self.hidden_size, self.intermediate_size, self.patch_size].map(|x| x as u64);
        let keys_and_values = tokens * width * 2 * width;
        let layers = if self.blocks.gated { 3 } else { 2 };
        let rest = |rows: u64| rows * width * (2 * width + layers * inner + 2 * tokens);
        let projection = self.projection.products(width, dim);
        let blocks = self.num_hidden_layers as u64;
        let after = match self.pooling {
            VisionPooling::Mean { .. } => blocks * (keys_and_values + rest(tokens)) + projection,
            VisionPooling::ClassToken => {
                (blocks * keys_and_values + blocks.saturating_sub(1) * rest(tokens) + blocks.min(1) * rest(1))
                    + projection
            }
            // The query of the pooling is known.
            VisionPooling::Attention { inner, .. } => {
                let pooling = keys_and_values + width * (width + 2 * inner as u64 + 2 * tokens);
                blocks * (keys_and_values + rest(tokens)) + pooling + projection
            }
            VisionPooling::Queries { .. } => {
                let pooling = tokens * width * 2 * dim + dim * (2 * tokens + 2 * dim);
                blocks * (keys_and_values + rest(tokens)) + pooling
            }
        };
        let stem = match self.stem {
            None => 3 * patch * patch * width,
            Some(channels) => {
                let channels = channels as u64;
                16 * 16 * 3 * channels + 4 * 4 * channels * channels + 4 * channels * width
            }
        };
        tokens * stem + after
    }
}

impl ResNetConfig {
    fn products(&self, dim: u64) -> u64 {
        let [half, width, outputs, tokens] =
            [self.width / 2, self.width, self.outputs(), self.tokens()].map(|x| x as u64);
        let stem = (self.stem_sides().0 as u64).pow(2) * 9 * (3 * half + half * half + half * width);
        let blocks: u64 = self
            .blocks()
            .iter()
            .map(|block| {
                let [inputs, planes, outputs, side, after] =
                    [block.inputs, block.planes, block.outputs, block.side, block.side / block.stride]
                        .map(|x| x as u64);
                let shortcut = if block.has_shortcut() { inputs * outputs } else { 0 };
                side * side * (inputs * planes + 9 * planes * planes)
                    + after * after * (planes * outputs + shortcut)
            })
            .sum();
        stem + blocks + outputs * (2 * tokens * outputs + outputs + 2 * tokens + dim)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clip::config::activation::Activation;
    use crate::clip::config::clip_config::{RotationConfig, TextConfig, TextPooling};

    fn clip(vision: VisionConfig, family: Family, dim: usize, text_width: usize) -> ClipConfig {
        let text = TextConfig {
            hidden_size: text_width,
            intermediate_size: 4 * text_width,
            num_hidden_layers: 12,
            num_attention_heads: text_width / 64,
            hidden_act: Activation::QuickGelu,
            layer_norm_eps: 1e-5,
            vocab_size: if family == Family::Clip { 49408 } else { 32000 },
            max_position_embeddings: if family == Family::Clip { 77 } else { 64 },
            causal: family == Family::Clip,
            pooling: if family == Family::Clip { TextPooling::HighestId } else { TextPooling::Last },
            projection: if family == Family::Clip { Projection::Matrix } else { Projection::Linear },
            bert: None,
        };
        ClipConfig { family, dim, text, vision }
    }

    fn transformer(sizes: [usize; 4], class_token: bool) -> VisionConfig {
        let [hidden_size, layers, patch_size, image_size] = sizes;
        VisionConfig::Transformer(VisionTransformerConfig {
            hidden_size,
            intermediate_size: 4 * hidden_size,
            num_hidden_layers: layers,
            num_attention_heads: hidden_size / 64,
            hidden_act: Activation::QuickGelu,
            layer_norm_eps: 1e-5,
            image_size,
            patch_size,
            class_token,
            class_position: class_token,
            stem: None,
            patch_bias: !class_token,
            pre_norm: class_token,
            blocks: BlockConfig::CLIP,
            pooling: match class_token {
                true => VisionPooling::ClassToken,
                false => VisionPooling::Attention { heads: hidden_size / 64, inner: 4 * hidden_size },
            },
            projection: if class_token { Projection::Matrix } else { Projection::None },
        })
    }

    /// Parameters as open_clip and transformers count them; SigLIP's without its bias of logits. The references compute
    /// more than the towers here: the whole last block, and the pooling of a ResNet for all places.
    #[test]
    fn published_models_are_known() {
        let resnet = VisionConfig::ResNet(ResNetConfig {
            layers: [3, 4, 6, 3],
            width: 64,
            heads: 32,
            image_size: 224,
        });
        let convnext = VisionConfig::ConvNext(ConvNextConfig {
            layers: [3, 3, 27, 3],
            widths: [128, 256, 512, 1024],
            layer_norm_eps: 1e-6,
            image_size: 224,
            projection: Projection::Matrix,
        });
        let of_timm = |change: fn(&mut VisionTransformerConfig)| {
            let mut vision = transformer([768, 12, 16, 224], true);
            if let VisionConfig::Transformer(vision) = &mut vision {
                (vision.pre_norm, vision.projection) = (false, Projection::Linear);
                change(vision);
            }
            vision
        };
        let eva = of_timm(|vision| {
            let rotation = RotationConfig { reference: 16, offset: 0.0, column_first: false };
            vision.blocks =
                BlockConfig { key_bias: false, gated: true, rotation: Some(rotation), ..BlockConfig::CLIP };
            (vision.intermediate_size, vision.patch_bias) = (2048, true);
        });
        let mobile = of_timm(|vision| (vision.stem, vision.class_position) = (Some(192), false));
        for (config, name, parameters, least, most) in [
            (clip(convnext, Family::Clip, 512, 512), "ConvNeXt base", 151_518_849, 30.5, 31.0),
            (clip(eva, Family::Clip, 512, 512), "EVA02-B/16", 149_691_137, 31.0, 36.0),
            (clip(mobile, Family::Clip, 512, 512), "MobileCLIP B/16", 149_777_153, 31.0, 36.0),
            (
                clip(transformer([768, 12, 32, 224], true), Family::Clip, 512, 512),
                "ViT-B/32",
                151_277_313,
                7.9,
                8.9,
            ),
            (
                clip(transformer([768, 12, 16, 224], true), Family::Clip, 512, 512),
                "ViT-B/16",
                149_620_737,
                31.0,
                35.2,
            ),
            (
                clip(transformer([1024, 24, 14, 336], true), Family::Clip, 768, 768),
                "ViT-L/14 at 336 pixels",
                427_944_193,
                364.0,
                383.0,
            ),
            (clip(resnet, Family::Clip, 1024, 512), "RN50", 102_007_137, 11.5, 11.7),
            (
                clip(transformer([768, 12, 16, 224], false), Family::Siglip, 768, 768),
                "SigLIP B/16",
                203_155_969,
                34.0,
                37.0,
            ),
            (
                clip(transformer([640, 10, 16, 224], true), Family::Clip, 512, 512),
                "ViT-10x640/16",
                0,
                0.0,
                99.0,
            ),
        ] {
            assert_eq!(config.architecture(), name);
            if parameters > 0 {
                assert_eq!(config.parameters(), parameters, "{name}");
            }
            let giga = config.operations_per_image() as f64 / 1e9;
            assert!((least..most).contains(&giga), "{name}: {giga}");
        }
    }
}
