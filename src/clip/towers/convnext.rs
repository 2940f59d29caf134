//! ConvNeXt (Liu et al., arXiv 2201.03545; timm's `convnext.py`): four stages of depthwise convolutions and MLPs, each stage
//! with half as many places a side as the one before; the mean of the last places is normed and projected.
//!
//! All of it is in `f32`, as that of a ResNet.

use candle_core::{Device, Tensor};

use super::convolution::{Convolution, Picture, Shape};
use super::head::Head;
use super::layers::{LayerNorm, Linear};
use crate::clip::config::clip_config::ConvNextConfig;
use crate::clip::error::ClipError;
use crate::clip::weights::tensors::Weights;
use crate::kernels::{self, Accumulate, Cpu, PackedRows, Precision};

/// The image tower.
#[derive(Debug)]
pub(in crate::clip) struct ConvNext {
    cpu: Cpu,
    image_size: usize,
    stem: Convolution,
    stem_norm: LayerNorm,
    stages: Vec<Stage>,
    norm: LayerNorm,
    projection: Head,
}

/// Blocks for pictures of one size.
#[derive(Debug)]
struct Stage {
    /// What makes a picture of that size of the stage's before, normed.
    downsample: Option<(LayerNorm, Convolution)>,
    blocks: Vec<Block>,
}

/// x += gamma · mlp(norm(depthwise(x))).
#[derive(Debug)]
struct Block {
    depthwise: Depthwise,
    norm: LayerNorm,
    fc1: Linear,
    /// Gamma is folded into it.
    fc2: Linear,
}

/// A convolution of each channel by itself; places beyond the edge count as 0.
#[derive(Debug)]
struct Depthwise {
    /// `[kernel · kernel, channels]`
    weights: Vec<f32>,
    /// `[channels]`
    bias: Vec<f32>,
    /// Side of the kernel, which is odd.
    kernel: usize,
}

impl ConvNext {
    pub(in crate::clip) fn load(weights: &Weights, config: &ConvNextConfig) -> Result<Self, ClipError> {
        let (cpu, trunk, eps) = (Cpu::detect(), "visual.trunk", config.layer_norm_eps);
        let tiles = |name: &str, side| Convolution::load(weights, name, None, Shape::tiles(side), cpu);
        let stages = (0..config.layers.len()).map(|stage| {
            let name = format!("{trunk}.stages.{stage}");
            let downsample = || -> Result<_, ClipError> {
                let norm = LayerNorm::load(weights, &format!("{name}.downsample.0"), eps)?;
                Ok((norm, tiles(&format!("{name}.downsample.1"), 2)?))
            };
            let block = |at| Block::load(weights, &format!("{name}.blocks.{at}"), eps, cpu);
            Ok(Stage {
                downsample: (stage > 0).then(downsample).transpose()?,
                blocks: config.blocks(stage).map(block).collect::<Result<_, ClipError>>()?,
            })
        });
        Ok(Self {
            cpu,
            image_size: config.image_size,
            stem: tiles(&format!("{trunk}.stem.0"), 4)?,
            stem_norm: LayerNorm::load(weights, &format!("{trunk}.stem.1"), eps)?,
            stages: stages.collect::<Result<_, ClipError>>()?,
            norm: LayerNorm::load(weights, &format!("{trunk}.head.norm"), eps)?,
            projection: Head::load(weights, config.projection, "visual_projection", cpu)?,
        })
    }

    /// From one image's pixel values `[3, image_size, image_size]` to `[dim]`.
    pub(in crate::clip) fn encode(&self, image: &[f32]) -> Result<Vec<f32>, ClipError> {
        let cpu = self.cpu;
        let mut packed = PackedRows::new(cpu, Precision::F32);
        let mut picture = self.stem.of(&Picture::of_pixels(image, self.image_size), &mut packed);
        norm(cpu, &mut picture.values, &self.stem_norm);
        let mut inner = PackedRows::new(cpu, Precision::F32);
        for stage in &self.stages {
            if let Some((before, halve)) = &stage.downsample {
                norm(cpu, &mut picture.values, before);
                picture = halve.of(&picture, &mut packed);
            }
            for block in &stage.blocks {
                block.add_to(&mut picture, cpu, &mut packed, &mut inner);
            }
        }
        let places = (picture.side * picture.side) as f32;
        let mut pooled = vec![0.0; picture.channels];
        for place in picture.values.chunks_exact(picture.channels) {
            pooled.iter_mut().zip(place).for_each(|(sum, value)| *sum += value);
        }
        pooled.iter_mut().for_each(|sum| *sum /= places);
        norm(cpu, &mut pooled, &self.norm);
        let pooled = Tensor::from_vec(pooled, (1, picture.channels), &Device::Cpu)?;
        Ok(self.projection.project(cpu, &pooled)?.flatten_all()?.to_vec1()?)
    }
}

/// Layer norm of every row, in place.
fn norm(cpu: Cpu, rows: &mut [f32], norm: &LayerNorm) {
    let mut normed = vec![0.0; norm.weight.len()];
    for row in rows.chunks_exact_mut(norm.weight.len()) {
        kernels::layer_norm(cpu, row, &norm.weight, &norm.bias, norm.eps, &mut normed);
        row.copy_from_slice(&normed);
    }
}

impl Block {
    fn load(weights: &Weights, name: &str, eps: f32, cpu: Cpu) -> Result<Self, ClipError> {
        let gamma = weights.values(&format!("{name}.gamma"))?;
        Ok(Self {
            depthwise: Depthwise::load(weights, &format!("{name}.conv_dw"))?,
            norm: LayerNorm::load(weights, &format!("{name}.norm"), eps)?,
            fc1: Linear::load(weights, &format!("{name}.mlp.fc1"), cpu, Precision::F32)?,
            fc2: Linear::load_scaled(weights, &format!("{name}.mlp.fc2"), &gamma, cpu)?,
        })
    }

    fn add_to(&self, picture: &mut Picture, cpu: Cpu, packed: &mut PackedRows, inner: &mut PackedRows) {
        /// Some rows at a time stay in the caches.
        const ROWS: usize = 384;
        let width = picture.channels;
        let convolved = self.depthwise.of(picture);
        let LayerNorm { weight, bias, eps } = &self.norm;
        for (rows, out) in convolved.chunks(ROWS * width).zip(picture.values.chunks_mut(ROWS * width)) {
            packed.pack(rows.len() / width, width, |row, out| {
                kernels::layer_norm(cpu, &rows[row * width..][..width], weight, bias, *eps, out);
            });
            let activate = |values: &mut [f32]| kernels::gelu(cpu, values);
            self.fc1.weights.multiply_and_pack(packed, &self.fc1.bias, activate, inner);
            self.fc2.weights.multiply(inner, &self.fc2.bias, Accumulate::Yes, out);
        }
    }
}

impl Depthwise {
    fn load(weights: &Weights, name: &str) -> Result<Self, ClipError> {
        let (weight, bias) = (format!("{name}.weight"), weights.values(&format!("{name}.bias"))?);
        let kernel = weights.shape(&weight)?.last().copied().unwrap_or(1);
        let (values, channels, places) = (weights.values(&weight)?, bias.len(), kernel * kernel);
        let transposed = (0..places).flat_map(|place| (0..channels).map(move |channel| (channel, place)));
        let weights = transposed.map(|(channel, place)| values[channel * places + place]).collect();
        Ok(Self { weights, bias, kernel })
    }

    /// What it makes of a picture, `[side, side, channels]`.
    fn of(&self, picture: &Picture) -> Vec<f32> {
        let (side, channels, margin) = (picture.side, picture.channels, self.kernel / 2);
        let mut out = self.bias.repeat(side * side);
        for (place, sums) in out.chunks_exact_mut(channels).enumerate() {
            let (y, x) = (place / side, place % side);
            for (at, weights) in self.weights.chunks_exact(channels).enumerate() {
                let (y, x) = (
                    (y + at / self.kernel).wrapping_sub(margin),
                    (x + at % self.kernel).wrapping_sub(margin),
                );
                if y < side && x < side {
                    let values = &picture.values[(y * side + x) * channels..][..channels];
                    for ((sum, value), weight) in sums.iter_mut().zip(values).zip(weights) {
                        *sum += value * weight;
                    }
                }
            }
        }
        out
    }
}
