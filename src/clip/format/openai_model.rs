//! OpenAI's own files (`RN50.pt`, `ViT-B-32.pt` …), which have no configuration: what the model is like follows from the
//! shapes of its tensors, as in `build_model` of OpenAI's `model.py`.

use std::collections::HashSet;

use crate::clip::config::activation::Activation;
use crate::clip::config::clip_config::{
    BlockConfig, ClipConfig, Family, Problem, Projection, ResNetConfig, TextConfig, TextPooling,
    VisionConfig, VisionPooling, VisionTransformerConfig,
};
use crate::clip::error::ClipError;
use crate::clip::files::CheckpointFile;
use crate::clip::weights::tensors::Weights;

/// Channels of an attention head, in every model of OpenAI's.
const HEAD_WIDTH: usize = 64;
const EPS: f32 = 1e-5;
/// A number that OpenAI's files have beside the model's tensors. Those of others, whose activation is not known, do not.
const MARK: &str = "input_resolution";

/// The configuration of the model whose weights these are; `file` has them.
///
/// # Errors
/// A tensor that every such model has is absent, or the shapes are no such model's.
pub(in crate::clip) fn config(file: &CheckpointFile, weights: &Weights) -> Result<ClipConfig, ClipError> {
    let names: HashSet<&str> = weights.names_in_file().collect();
    if !names.contains(MARK) {
        return Err(ClipError::NotOpenAi {
            file: file.label(),
            problem: format!(
                "it has no {MARK}. If it was made with open_clip, call it open_clip_pytorch_model.bin and put the \
                 open_clip_config.json of its model beside it"
            ),
        });
    }
    let size = |tensor: &str, dimension: usize| -> Result<usize, ClipError> {
        Ok(weights.shape_in_file(tensor)?.get(dimension).copied().unwrap_or(0))
    };
    // How many different things stand in this place of the names that begin so.
    let count = |prefix: &str| {
        let parts = names.iter().filter_map(|name| name.strip_prefix(prefix)?.split('.').next());
        parts.collect::<HashSet<_>>().len()
    };

    let vision = if names.contains("visual.proj") {
        let (width, patch) = (size("visual.conv1.weight", 0)?, size("visual.conv1.weight", 3)?);
        let grid = square_root(size("visual.positional_embedding", 0)?.saturating_sub(1));
        VisionConfig::Transformer(VisionTransformerConfig {
            hidden_size: width,
            intermediate_size: 4 * width,
            num_hidden_layers: count("visual.transformer.resblocks."),
            num_attention_heads: width / HEAD_WIDTH,
            hidden_act: Activation::QuickGelu,
            layer_norm_eps: EPS,
            image_size: patch * grid,
            patch_size: patch,
            class_token: true,
            class_position: true,
            stem: None,
            patch_bias: false,
            pre_norm: true,
            blocks: BlockConfig::CLIP,
            pooling: VisionPooling::ClassToken,
            projection: Projection::Matrix,
        })
    } else {
        let width = size("visual.layer1.0.conv1.weight", 0)?;
        let grid = square_root(size("visual.attnpool.positional_embedding", 0)?.saturating_sub(1));
        VisionConfig::ResNet(ResNetConfig {
            layers: [1, 2, 3, 4].map(|stage| count(&format!("visual.layer{stage}."))),
            width,
            heads: width * 32 / HEAD_WIDTH,
            image_size: 32 * grid,
        })
    };
    let width = size("ln_final.weight", 0)?;
    let config = ClipConfig {
        family: Family::Clip,
        dim: size("text_projection", 1)?,
        text: TextConfig {
            hidden_size: width,
            intermediate_size: 4 * width,
            num_hidden_layers: count("transformer.resblocks."),
            num_attention_heads: width / HEAD_WIDTH,
            hidden_act: Activation::QuickGelu,
            layer_norm_eps: EPS,
            vocab_size: size("token_embedding.weight", 0)?,
            max_position_embeddings: size("positional_embedding", 0)?,
            causal: true,
            pooling: TextPooling::HighestId,
            projection: Projection::Matrix,
            bert: None,
        },
        vision,
    };
    match config.problem() {
        None => Ok(config),
        Some(Problem { tower, problem, .. }) => Err(ClipError::NotOpenAi {
            file: file.label(),
            problem: format!("a size of its {} {problem}", tower.map_or("embeddings", |tower| tower)),
        }),
    }
}

/// The whole number whose square is nearest.
fn square_root(number: usize) -> usize {
    (number as f64).sqrt().round() as usize
}
