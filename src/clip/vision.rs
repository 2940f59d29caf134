//! The image tower: from pixel values to an embedding.

use candle_core::{DType, Device, Tensor};

use super::config::{ClipConfig, VisionConfig};
use super::error::ClipError;
use super::ops;
use super::transformer::{LayerNorm, Linear, Transformer};
use super::weights::Weights;
use crate::kernels::{Cpu, PackedRows, Precision, Queries, Segment, Store};

/// The image tower with its projection: a vision transformer (Dosovitskiy et al., arXiv 2010.11929) with one more
/// layer norm before its blocks.
#[derive(Debug)]
pub struct ImageEncoder {
    cpu: Cpu,
    config: VisionConfig,
    dim: usize,
    /// The patch convolution as a layer, from `3 · patch_size²` values to `hidden_size`; in `f32` always, since what is
    /// lost at the pixels is lost for all layers.
    patch_embedding: Linear,
    /// `[tokens, hidden_size]`: the position embeddings, with the class embedding added to the first.
    positions: Vec<f32>,
    pre_norm: LayerNorm,
    transformer: Transformer,
    post_norm: LayerNorm,
    projection: Linear,
}

impl ImageEncoder {
    pub(super) fn load(
        weights: &Weights,
        config: &ClipConfig,
        precision: Precision,
    ) -> Result<Self, ClipError> {
        let (vision, cpu) = (&config.vision, Cpu::detect());
        let eps = vision.layer_norm_eps;
        let mut positions = weights.values("vision_model.embeddings.position_embedding.weight")?;
        let class = weights.values("vision_model.embeddings.class_embedding")?;
        positions.iter_mut().zip(class).for_each(|(position, class)| *position += class);
        let patch_embedding = "vision_model.embeddings.patch_embedding";
        Ok(Self {
            cpu,
            config: vision.clone(),
            dim: config.dim,
            patch_embedding: Linear::load_unbiased(weights, patch_embedding, cpu, Precision::F32)?,
            positions,
            pre_norm: LayerNorm::load(weights, "vision_model.pre_layrnorm", eps)?,
            transformer: Transformer::load(weights, "vision_model", vision.transformer(), false, precision)?,
            post_norm: LayerNorm::load(weights, "vision_model.post_layernorm", eps)?,
            projection: Linear::load_unbiased(weights, "visual_projection", cpu, Precision::F32)?,
        })
    }

    /// Length of an embedding.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Images to encode in one call: enough rows for the weights to be read seldom, few enough for the caches and for
    /// many threads to have some.
    pub fn batch(&self) -> usize {
        const ROWS: usize = 200;
        (ROWS / self.config.tokens()).max(1)
    }

    /// Multiplications and additions of one image's matrix products, each counted as one operation: the products of
    /// the patch embedding, the layers and attention. The last block counts its keys and values for all tokens and
    /// the rest for one.
    pub fn operations_per_image(&self) -> u64 {
        let VisionConfig { hidden_size, intermediate_size, num_hidden_layers, .. } = self.config;
        let [tokens, width, inner] = [self.config.tokens(), hidden_size, intermediate_size].map(|x| x as u64);
        let patch = (self.config.num_channels * self.config.patch_size * self.config.patch_size) as u64;
        let rows =
            |rows: u64| rows * width * (2 * width + 2 * inner + 2 * tokens) + tokens * width * 2 * width;
        let blocks = num_hidden_layers.saturating_sub(1) as u64 * rows(tokens) + rows(1);
        2 * (tokens * patch * width + blocks + width * self.dim as u64)
    }

    /// Encodes `[n, 3, image_size, image_size]` pixel values on the calling thread, to `[n, dim]`, not normalised.
    /// Any number of threads may do so at once.
    ///
    /// # Errors
    /// [`ClipError::Input`] where the values are not those of whole images.
    pub fn encode(&self, pixel_values: &[f32]) -> Result<Vec<f32>, ClipError> {
        let VisionConfig { num_channels, image_size, hidden_size, .. } = self.config;
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
        let tokens = self.config.tokens();
        let mut packed = PackedRows::new(self.cpu, Precision::F32);
        packed.pack(images * tokens, self.patch_embedding.weights.inputs(), |row, out| {
            self.patch(&pixel_values[row / tokens * image_values..][..image_values], row % tokens, out);
        });
        let x = Tensor::zeros((images * tokens, hidden_size), DType::F32, &Device::Cpu)?;
        ops::linear(&packed, &self.patch_embedding, Store::Replace, &x)?;
        ops::add_repeated(&x, &self.positions)?;
        ops::norm(self.cpu, &x, &self.pre_norm)?;

        let segment = |image| Segment { first_row: image * tokens, tokens, position: 0 };
        let segments = (0..images).map(segment).collect::<Vec<_>>();
        let pooled = self.transformer.forward(&x, &segments, Queries::First)?;
        ops::norm(self.cpu, &pooled, &self.post_norm)?;
        let projected = self.projection.forward(self.cpu, &pooled)?;
        Ok(projected.flatten_all()?.to_vec1()?)
    }

    /// The values of one token's patch, in the order of a convolution's weight, `[3 · patch_size²]`. The class token,
    /// the first, has none: after the product only its position embedding is left.
    fn patch(&self, image: &[f32], token: usize, out: &mut [f32]) {
        let VisionConfig { image_size, patch_size, .. } = self.config;
        let Some(patch) = token.checked_sub(1) else {
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
