//! Vision transformers: those of CLIP and SigLIP, and their kin.

use candle_core::{DType, Device, Tensor};

use super::attention_pooling::AttentionPooling;
use super::convolution::{Convolution, Picture, Shape};
use super::head::Head;
use super::layers::{LayerNorm, Linear};
use super::ops;
use super::transformer::{Rotation, Transformer};
use crate::clip::config::clip_config::{VisionPooling, VisionTransformerConfig};
use crate::clip::error::ClipError;
use crate::clip::weights::tensors::Weights;
use crate::kernels::{self, Accumulate, Cpu, PackedRows, Precision, Queries, Segment};

/// A vision transformer (Dosovitskiy et al., arXiv 2010.11929) with its projection.
#[derive(Debug)]
pub(in crate::clip) struct VisionTransformer {
    cpu: Cpu,
    precision: Precision,
    config: VisionTransformerConfig,
    stem: Stem,
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

/// What makes tokens of patches.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a tower has one")]
enum Stem {
    /// The patch convolution as a layer, from `3 · patch_size²` values to `hidden_size`, and what its weights
    /// lose in this precision: what is lost at the pixels is lost for all layers.
    Layer { embedding: Linear, remainder: Option<Linear> },
    /// Three convolutions with GELU between them, in `f32`.
    Convolutions([Convolution; 3]),
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
            if config.class_position {
                positions.iter_mut().zip(class).for_each(|(position, class)| *position += class);
            } else {
                positions.splice(0..0, class);
            }
            if config.patch_bias {
                // The layer of the patches adds its bias to the class token's row, too, which has no patch.
                let bias = weights.values("vision_model.embeddings.patch_embedding.bias")?;
                positions.iter_mut().zip(bias).for_each(|(position, bias)| *position -= bias);
            }
        }
        let stem = match config.stem {
            None => {
                let name = "vision_model.embeddings.patch_embedding";
                let load = if config.patch_bias { Linear::load } else { Linear::load_unbiased };
                Stem::Layer {
                    embedding: load(weights, name, cpu, precision)?,
                    remainder: Linear::load_remainder(weights, name, cpu, precision)?,
                }
            }
            Some(_) => {
                let layer = |at: usize, side, has_norm: bool| {
                    let name = format!("visual.trunk.patch_embed.backbone.{at}");
                    let norm = has_norm.then(|| format!("{name}.bn"));
                    let convolution = format!("{name}.conv");
                    Convolution::load(weights, &convolution, norm.as_deref(), Shape::tiles(side), cpu)
                };
                Stem::Convolutions([layer(0, 4, true)?, layer(1, 2, true)?, layer(2, 2, false)?])
            }
        };
        Ok(Self {
            cpu,
            precision,
            config: config.clone(),
            stem,
            positions,
            pre_norm: config
                .pre_norm
                .then(|| LayerNorm::load(weights, "vision_model.pre_layrnorm", eps))
                .transpose()?,
            transformer: Transformer::load(
                weights,
                "vision_model",
                config.transformer(),
                false,
                rotation(config),
                precision,
            )?,
            post_norm: LayerNorm::load(weights, "vision_model.post_layernorm", eps)?,
            attention: match config.pooling {
                VisionPooling::ClassToken | VisionPooling::Mean { .. } => None,
                VisionPooling::Attention { heads, .. } => {
                    let options = (heads, config.hidden_act, eps);
                    Some(AttentionPooling::load(weights, "vision_model.head", options)?)
                }
                VisionPooling::Queries { heads, .. } => {
                    Some(AttentionPooling::load_queries(weights, "vision_model.pooler", (heads, eps))?)
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
        let x = match &self.stem {
            Stem::Layer { embedding, remainder } => {
                let mut packed = PackedRows::new(self.cpu, self.precision);
                packed.pack(images * tokens, embedding.weights.inputs(), |row, out| {
                    self.patch(
                        &pixel_values[row / tokens * image_values..][..image_values],
                        row % tokens,
                        out,
                    );
                });
                let x = Tensor::zeros((images * tokens, hidden_size), DType::F32, &Device::Cpu)?;
                ops::linear(&packed, embedding, Accumulate::No, &x)?;
                if let Some(remainder) = remainder {
                    ops::linear(&packed, remainder, Accumulate::Yes, &x)?;
                }
                x
            }
            Stem::Convolutions(convolutions) => {
                let images_values = pixel_values.chunks_exact(image_values);
                let rows = images_values.flat_map(|image| self.convolved(image, convolutions)).collect();
                Tensor::from_vec(rows, (images * tokens, hidden_size), &Device::Cpu)?
            }
        };
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
            (Some(attention), VisionPooling::Queries { .. }) => {
                let all = self.transformer.forward(&x, &segments, Queries::All)?;
                let pooled = attention.forward(&all, &segments)?;
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

    /// What convolutions make of an image's patches, `[tokens, hidden_size]`; a class token has zeros.
    fn convolved(&self, image: &[f32], convolutions: &[Convolution; 3]) -> Vec<f32> {
        let VisionTransformerConfig { image_size, hidden_size, class_token, .. } = self.config;
        let mut packed = PackedRows::new(self.cpu, Precision::F32);
        let mut picture = Picture::of_pixels(image, image_size);
        for (at, convolution) in convolutions.iter().enumerate() {
            picture = convolution.of(&picture, &mut packed);
            if at + 1 < convolutions.len() {
                kernels::gelu(self.cpu, &mut picture.values);
            }
        }
        let class = vec![0.0; if class_token { hidden_size } else { 0 }];
        [class, picture.values].concat()
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

/// The angles by which a patch's place turns its queries and keys: half of the pairs of channels for each axis, from fast to
/// slow (timm's `RotaryEmbeddingCat`). A class token is not turned.
fn rotation(config: &VisionTransformerConfig) -> Option<Rotation> {
    const SLOWEST: f32 = 10_000.0;
    let rotation = config.blocks.rotation?;
    let (grid, tokens) = (config.grid(), config.tokens());
    let bands = config.hidden_size / config.num_attention_heads / 4;
    let mut table = vec![[1.0, 0.0]; usize::from(config.class_token) * 2 * bands];
    let place = |at: usize| (at as f32 + rotation.offset) / grid as f32 * rotation.reference as f32;
    for (row, column) in (0..grid).flat_map(|row| (0..grid).map(move |column| (row, column))) {
        let axes = if rotation.column_first { [column, row] } else { [row, column] };
        for (axis, band) in axes.into_iter().flat_map(|axis| (0..bands).map(move |band| (axis, band))) {
            let angle = place(axis) * (1.0 / SLOWEST.powf(band as f32 / bands as f32));
            table.push([angle.cos(), angle.sin()]);
        }
    }
    Some(Rotation { tokens, table })
}
