//! The vision transformers of CLIP and SigLIP.

use candle_core::{DType, Device, Tensor};

use super::attention_pooling::AttentionPooling;
use super::head::Head;
use super::layers::{LayerNorm, Linear};
use super::ops;
use super::transformer::{Norms, Transformer};
use crate::clip::config::clip_config::{VisionPooling, VisionTransformerConfig};
use crate::clip::error::ClipError;
use crate::clip::weights::tensors::Weights;
use crate::kernels::{Accumulate, Cpu, PackedRows, Precision, Queries, Segment};

/// A vision transformer (Dosovitskiy et al., arXiv 2010.11929) with its projection.
#[derive(Debug)]
pub(in crate::clip) struct VisionTransformer {
    cpu: Cpu,
    precision: Precision,
    config: VisionTransformerConfig,
    /// The patch convolution as a layer, from `3 · patch_size²` values to `hidden_size`, and what its weights
    /// lose in this precision: what is lost at the pixels is lost for all layers.
    patch_embedding: Linear,
    patch_remainder: Option<Linear>,
    /// `[tokens, hidden_size]`: the position embeddings, with the class embedding added to the first.
    positions: Vec<f32>,
    /// CLIP has a layer norm before its blocks.
    pre_norm: Option<LayerNorm>,
    transformer: Transformer,
    post_norm: LayerNorm,
    /// Attention over all tokens, where the class token's output is not what is pooled.
    attention: Option<AttentionPooling>,
    projection: Head,
}

impl VisionTransformer {
    pub(in crate::clip) fn load(
        weights: &Weights,
        config: &VisionTransformerConfig,
        precision: Precision,
    ) -> Result<Self, ClipError> {
        let (cpu, eps) = (Cpu::detect(), config.layer_norm_eps);
        let mut positions = weights.values("vision_model.embeddings.position_embedding.weight")?;
        if config.class_token {
            let class = weights.values("vision_model.embeddings.class_embedding")?;
            positions.iter_mut().zip(class).for_each(|(position, class)| *position += class);
            if config.patch_bias {
                // The layer of the patches adds its bias to the class token's row, too, which has no patch.
                let bias = weights.values("vision_model.embeddings.patch_embedding.bias")?;
                positions.iter_mut().zip(bias).for_each(|(position, bias)| *position -= bias);
            }
        }
        let patch_embedding = "vision_model.embeddings.patch_embedding";
        let load = if config.patch_bias { Linear::load } else { Linear::load_unbiased };
        Ok(Self {
            cpu,
            precision,
            config: config.clone(),
            patch_embedding: load(weights, patch_embedding, cpu, precision)?,
            patch_remainder: Linear::load_remainder(weights, patch_embedding, cpu, precision)?,
            positions,
            pre_norm: config
                .pre_norm
                .then(|| LayerNorm::load(weights, "vision_model.pre_layrnorm", eps))
                .transpose()?,
            transformer: Transformer::load(
                weights,
                "vision_model",
                config.transformer(),
                (false, Norms::Before),
                precision,
            )?,
            post_norm: LayerNorm::load(weights, "vision_model.post_layernorm", eps)?,
            attention: match config.pooling {
                VisionPooling::ClassToken | VisionPooling::Mean { .. } => None,
                VisionPooling::Attention => {
                    Some(AttentionPooling::load(weights, "vision_model.head", config.transformer())?)
                }
            },
            projection: Head::load(weights, config.projection, "visual_projection", cpu)?,
        })
    }

    /// Whole images' pixel values, at least one, to `[n, dim]`.
    pub(in crate::clip) fn encode(&self, pixel_values: &[f32]) -> Result<Vec<f32>, ClipError> {
        let VisionTransformerConfig { image_size, hidden_size, .. } = self.config;
        let image_values = 3 * image_size * image_size;
        let (images, tokens) = (pixel_values.len() / image_values, self.config.tokens());
        let mut packed = PackedRows::new(self.cpu, self.precision);
        packed.pack(images * tokens, self.patch_embedding.weights.inputs(), |row, out| {
            self.patch(&pixel_values[row / tokens * image_values..][..image_values], row % tokens, out);
        });
        let x = Tensor::zeros((images * tokens, hidden_size), DType::F32, &Device::Cpu)?;
        ops::linear(&packed, &self.patch_embedding, Accumulate::No, &x)?;
        if let Some(remainder) = &self.patch_remainder {
            ops::linear(&packed, remainder, Accumulate::Yes, &x)?;
        }
        ops::add_repeated(&x, &self.positions)?;
        if let Some(norm) = &self.pre_norm {
            ops::norm(self.cpu, &x, norm)?;
        }

        let segment = |image| Segment { first_row: image * tokens, tokens, position: 0 };
        let segments = (0..images).map(segment).collect::<Vec<_>>();
        let pooled = match (&self.attention, self.config.pooling) {
            (None, VisionPooling::Mean { normed }) => {
                let all = self.transformer.forward(&x, &segments, Queries::All)?;
                if normed {
                    ops::norm(self.cpu, &all, &self.post_norm)?;
                }
                // Of the patches alone.
                let first = usize::from(self.config.class_token);
                let pooled =
                    all.reshape((images, tokens, hidden_size))?.narrow(1, first, tokens - first)?.mean(1)?;
                if !normed {
                    ops::norm(self.cpu, &pooled, &self.post_norm)?;
                }
                pooled
            }
            (None, _) => {
                let pooled = self.transformer.forward(&x, &segments, Queries::First)?;
                ops::norm(self.cpu, &pooled, &self.post_norm)?;
                pooled
            }
            (Some(attention), _) => {
                let all = self.transformer.forward(&x, &segments, Queries::All)?;
                ops::norm(self.cpu, &all, &self.post_norm)?;
                attention.forward(&all, &segments)?
            }
        };
        let embeddings = self.projection.project(self.cpu, &pooled)?;
        Ok(embeddings.flatten_all()?.to_vec1()?)
    }

    /// The values of one token's patch, in the order of a convolution's weight, `[3 · patch_size²]`. A class token, which
    /// is the first, has none: after the product only its position embedding is left.
    fn patch(&self, image: &[f32], token: usize, out: &mut [f32]) {
        let VisionTransformerConfig { image_size, patch_size, class_token, .. } = self.config;
        let Some(patch) = token.checked_sub(usize::from(class_token)) else {
            return out.fill(0.0);
        };
        let grid = self.config.grid();
        let (top, left) = (patch / grid * patch_size, patch % grid * patch_size);
        for (line, values) in out.chunks_exact_mut(patch_size).enumerate() {
            let (channel, y) = (line / patch_size, top + line % patch_size);
            values.copy_from_slice(&image[(channel * image_size + y) * image_size + left..][..patch_size]);
        }
    }
}
