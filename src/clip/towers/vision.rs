//! The image tower, of any kind: from pixel values to an embedding.

use super::convnext::ConvNext;
use super::resnet::ResNet;
use super::vision_transformer::VisionTransformer;
use crate::clip::config::clip_config::{ClipConfig, VisionConfig};
use crate::clip::error::ClipError;
use crate::clip::weights::tensors::Weights;
use crate::kernels::Precision;

/// The image tower with its projection.
#[derive(Debug)]
pub struct ImageEncoder {
    dim: usize,
    image_size: usize,
    batch: usize,
    operations: u64,
    tower: Tower,
}

#[derive(Debug)]
enum Tower {
    Transformer(Box<VisionTransformer>),
    ResNet(Box<ResNet>),
    ConvNext(Box<ConvNext>),
}

impl ImageEncoder {
    pub(in crate::clip) fn load(
        weights: &Weights,
        config: &ClipConfig,
        precision: Precision,
    ) -> Result<Self, ClipError> {
        let (tower, batch) = match &config.vision {
            VisionConfig::Transformer(vision) => {
                let tower = VisionTransformer::load(weights, vision, precision)?;
                (Tower::Transformer(Box::new(tower)), vision.batch())
            }
            VisionConfig::ResNet(vision) => (Tower::ResNet(Box::new(ResNet::load(weights, vision)?)), 1),
            VisionConfig::ConvNext(vision) => {
                (Tower::ConvNext(Box::new(ConvNext::load(weights, vision)?)), 1)
            }
        };
        let (dim, image_size) = (config.dim, config.vision.image_size());
        Ok(Self { dim, image_size, batch, operations: config.operations_per_image(), tower })
    }

    /// Length of an embedding.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Images to encode in one call: enough rows for the weights to be read seldom, few enough for the caches and for
    /// many threads to have some.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// As [`ClipConfig::operations_per_image`].
    pub fn operations_per_image(&self) -> u64 {
        self.operations
    }

    /// Encodes `[n, 3, image_size, image_size]` pixel values on the calling thread, to `[n, dim]`, not normalised.
    /// Any number of threads may do so at once.
    ///
    /// # Errors
    /// [`ClipError::Input`] where the values are not those of whole images.
    pub fn encode(&self, pixel_values: &[f32]) -> Result<Vec<f32>, ClipError> {
        let image_values = 3 * self.image_size * self.image_size;
        if !pixel_values.len().is_multiple_of(image_values) {
            let problem =
                format!("{} pixel values are no whole images of {image_values}", pixel_values.len());
            return Err(ClipError::Input(problem));
        }
        if pixel_values.is_empty() {
            return Ok(Vec::new());
        }
        let images = pixel_values.chunks_exact(image_values);
        match &self.tower {
            Tower::Transformer(tower) => tower.encode(pixel_values),
            Tower::ResNet(tower) => Ok(images.flat_map(|image| tower.encode(image)).collect()),
            Tower::ConvNext(tower) => {
                let embeddings: Vec<Vec<f32>> =
                    images.map(|image| tower.encode(image)).collect::<Result<_, _>>()?;
                Ok(embeddings.concat())
            }
        }
    }
}
