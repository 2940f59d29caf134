//! The image tower: from pixel values to an embedding.

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use super::config::{ClipConfig, VisionConfig};
use super::error::ClipError;
use super::ops;
use super::transformer::{LayerNorm, Transformer};
use super::weights::Weights;

/// The image tower with its projection: a vision transformer (Dosovitskiy et al., arXiv 2010.11929) with one more
/// layer norm before its blocks.
#[derive(Debug, Clone)]
pub struct ImageEncoder {
    config: VisionConfig,
    dim: usize,
    /// The patch convolution as a matrix, `[hidden_size, 3 · patch_size²]`.
    patch_embedding: Tensor,
    /// `[tokens, hidden_size]`: the position embeddings, with the class embedding added to the first.
    positions: Tensor,
    pre_norm: LayerNorm,
    transformer: Transformer,
    post_norm: LayerNorm,
    /// `[dim, hidden_size]`
    projection: Tensor,
}

impl ImageEncoder {
    pub(super) fn load(weights: &Weights, config: &ClipConfig) -> Result<Self, ClipError> {
        let vision = &config.vision;
        let (width, eps) = (vision.hidden_size, vision.layer_norm_eps);
        let mut positions = weights.values("vision_model.embeddings.position_embedding.weight")?;
        let class = weights.values("vision_model.embeddings.class_embedding")?;
        positions.iter_mut().zip(class).for_each(|(position, class)| *position += class);
        Ok(Self {
            config: vision.clone(),
            dim: config.dim,
            patch_embedding: weights
                .tensor("vision_model.embeddings.patch_embedding.weight")?
                .flatten_from(1)?,
            positions: Tensor::from_vec(positions, (vision.tokens(), width), &Device::Cpu)?,
            pre_norm: LayerNorm::load(weights, "vision_model.pre_layrnorm", eps)?,
            transformer: Transformer::load(weights, "vision_model", vision.transformer(), false)?,
            post_norm: LayerNorm::load(weights, "vision_model.post_layernorm", eps)?,
            projection: weights.tensor("visual_projection.weight")?,
        })
    }

    /// Length of an embedding.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Encodes `[n, 3, image_size, image_size]` pixel values in one batch, to `[n, dim]`, not normalised.
    ///
    /// # Errors
    /// [`ClipError::Input`] where the values are not those of whole images.
    pub fn encode(&self, pixel_values: &[f32]) -> Result<Vec<f32>, ClipError> {
        let VisionConfig { num_channels, image_size, .. } = self.config;
        let image_values = num_channels * image_size * image_size;
        if !pixel_values.len().is_multiple_of(image_values) {
            let problem =
                format!("{} pixel values are no whole images of {image_values}", pixel_values.len());
            return Err(ClipError::Input(problem));
        }
        let images = pixel_values.len() / image_values;
        if images == 0 {
            return Ok(Vec::new());
        }
        let x = self.patches(pixel_values, images)?.matmul(&self.patch_embedding.t()?)?;
        ops::add(&x, &self.positions, None)?;
        let x = self.pre_norm.forward(&x)?;
        self.transformer.forward(&x, images)?;

        let class = x.reshape((images, self.config.tokens(), self.config.hidden_size))?.narrow(1, 0, 1)?;
        let pooled = self.post_norm.forward(&class.squeeze(1)?.contiguous()?)?;
        Ok(pooled.matmul(&self.projection.t()?)?.flatten_all()?.to_vec1()?)
    }

    /// The patches of all images as rows in the order of a convolution's weight, `[images · tokens, 3 · patch_size²]`.
    /// The class token's row is zero, so that after the product only its position embedding is left.
    fn patches(&self, pixel_values: &[f32], images: usize) -> Result<Tensor, ClipError> {
        let VisionConfig { num_channels, image_size, patch_size, .. } = self.config;
        let (grid, tokens) = (self.config.grid(), self.config.tokens());
        let patch_values = num_channels * patch_size * patch_size;
        let mut patches = vec![0.0; images * tokens * patch_values];
        let image_values = pixel_values.len() / images;
        let sources = pixel_values.par_chunks_exact(image_values);
        patches.par_chunks_exact_mut(tokens * patch_values).zip(sources).for_each(|(patches, image)| {
            for (at, patch) in patches.chunks_exact_mut(patch_values).skip(1).enumerate() {
                let (top, left) = (at / grid * patch_size, at % grid * patch_size);
                for (line, values) in patch.chunks_exact_mut(patch_size).enumerate() {
                    let (channel, y) = (line / patch_size, top + line % patch_size);
                    values.copy_from_slice(
                        &image[(channel * image_size + y) * image_size + left..][..patch_size],
                    );
                }
            }
        });
        Ok(Tensor::from_vec(patches, (images * tokens, patch_values), &Device::Cpu)?)
    }
}
