//! CLIP's ResNets (Radford et al., arXiv 2103.00020, section 2.4; `ModifiedResNet` in OpenAI's `model.py`): three
//! convolutions as a stem, average pooling wherever a picture is halved, and attention in place of the last pooling.
//!
//! All of it is in `f32`: a convolution's inputs have outliers that 8 bits would not keep.

use super::convolution::{Convolution, Picture, Shape};
use super::layers::Linear;
use crate::clip::config::clip_config::{BottleneckConfig, ResNetConfig};
use crate::clip::error::ClipError;
use crate::clip::weights::tensors::Weights;
use crate::kernels::{Accumulate, Attention, AttentionBuffers, Cpu, PackedRows, Precision, Queries, Segment};

/// The image tower.
#[derive(Debug)]
pub(in crate::clip) struct ResNet {
    cpu: Cpu,
    config: ResNetConfig,
    stem: [Convolution; 3],
    blocks: Vec<Bottleneck>,
    pooling: AttentionPooling,
}

/// 1 × 1, 3 × 3 and 1 × 1 convolutions, and a way round them.
#[derive(Debug)]
struct Bottleneck {
    convolutions: [Convolution; 3],
    /// What changes the picture on the way round, where its shape changes.
    shortcut: Option<Convolution>,
    stride: usize,
}

/// Attention whose query is the mean of all places.
#[derive(Debug)]
struct AttentionPooling {
    attention: Attention,
    /// `[1 + places, width]`
    positions: Vec<f32>,
    queries: Linear,
    keys: Linear,
    values: Linear,
    out: Linear,
}

impl ResNet {
    pub(in crate::clip) fn load(weights: &Weights, config: &ResNetConfig) -> Result<Self, ClipError> {
        let cpu = Cpu::detect();
        let stem = |at: usize, stride| {
            let (name, norm) = (format!("visual.conv{at}"), format!("visual.bn{at}"));
            Convolution::load(weights, &name, Some(&norm), Shape { stride, margin: 1 }, cpu)
        };
        let blocks = config.blocks();
        Ok(Self {
            cpu,
            config: config.clone(),
            stem: [stem(1, 2)?, stem(2, 1)?, stem(3, 1)?],
            blocks: blocks
                .iter()
                .map(|block| Bottleneck::load(weights, block, cpu))
                .collect::<Result<_, _>>()?,
            pooling: AttentionPooling::load(weights, "visual.attnpool", config.heads, cpu)?,
        })
    }

    /// From one image's pixel values `[3, image_size, image_size]` to `[dim]`.
    pub(in crate::clip) fn encode(&self, image: &[f32]) -> Vec<f32> {
        let mut packed = PackedRows::new(self.cpu, Precision::F32);
        let mut picture = Picture::of_pixels(image, self.config.image_size);
        for convolution in &self.stem {
            picture = convolution.of(&picture, &mut packed);
            picture.rectify();
        }
        picture = picture.halved();
        for block in &self.blocks {
            picture = block.of(picture, &mut packed);
        }
        self.pooling.of(&picture, self.cpu, &mut packed)
    }
}

impl Bottleneck {
    fn load(weights: &Weights, block: &BottleneckConfig, cpu: Cpu) -> Result<Self, ClipError> {
        let name = format!("visual.{}", block.name);
        let convolution = |layer: &str, norm: &str, margin| {
            let (layer, norm) = (format!("{name}.{layer}"), format!("{name}.{norm}"));
            Convolution::load(weights, &layer, Some(&norm), Shape { stride: 1, margin }, cpu)
        };
        Ok(Self {
            convolutions: [
                convolution("conv1", "bn1", 0)?,
                convolution("conv2", "bn2", 1)?,
                convolution("conv3", "bn3", 0)?,
            ],
            shortcut: block
                .has_shortcut()
                .then(|| convolution("downsample.0", "downsample.1", 0))
                .transpose()?,
            stride: block.stride,
        })
    }

    fn of(&self, picture: Picture, packed: &mut PackedRows) -> Picture {
        let [reduce, across, expand] = &self.convolutions;
        let halved = |picture: Picture| if self.stride > 1 { picture.halved() } else { picture };
        let mut inner = reduce.of(&picture, packed);
        inner.rectify();
        inner = across.of(&inner, packed);
        inner.rectify();
        inner = halved(inner);
        let mut out = match &self.shortcut {
            Some(shortcut) => shortcut.of(&halved(picture), packed),
            None => picture,
        };
        expand.put(&inner, Accumulate::Yes, packed, &mut out);
        out.rectify();
        out
    }
}

impl AttentionPooling {
    fn load(weights: &Weights, name: &str, heads: usize, cpu: Cpu) -> Result<Self, ClipError> {
        let linear = |layer: &str| Linear::load(weights, &format!("{name}.{layer}"), cpu, Precision::F32);
        Ok(Self {
            attention: Attention { heads, causal: false },
            positions: weights.values(&format!("{name}.positional_embedding"))?,
            queries: linear("q_proj")?,
            keys: linear("k_proj")?,
            values: linear("v_proj")?,
            out: linear("c_proj")?,
        })
    }

    fn of(&self, picture: &Picture, cpu: Cpu, packed: &mut PackedRows) -> Vec<f32> {
        let (width, places) = (picture.channels, picture.side * picture.side);
        let mut tokens = vec![0.0; width];
        for place in picture.values.chunks_exact(width) {
            tokens.iter_mut().zip(place).for_each(|(sum, value)| *sum += value);
        }
        tokens.iter_mut().for_each(|sum| *sum /= places as f32);
        tokens.extend_from_slice(&picture.values);
        tokens.iter_mut().zip(&self.positions).for_each(|(value, position)| *value += position);

        let mut layer = |layer: &Linear, rows: &[f32]| {
            packed.pack(rows.len() / width, width, |row, out| {
                out.copy_from_slice(&rows[row * width..][..width]);
            });
            let mut out = vec![0.0; packed.rows() * layer.weights.outputs()];
            layer.weights.multiply(packed, &layer.bias, Accumulate::No, &mut out);
            out
        };
        let queries = layer(&self.queries, &tokens[..width]);
        let (keys, values) = (layer(&self.keys, &tokens), layer(&self.values, &tokens));
        let segments = [Segment { first_row: 0, tokens: 1 + places, position: 0 }];
        let mut attended = vec![0.0; width];
        let mut buffers = AttentionBuffers::default();
        let operands = [queries.as_slice(), &keys, &values];
        self.attention.attend(cpu, &segments, operands, width, Queries::First, &mut buffers, &mut attended);
        layer(&self.out, &attended)
    }
}
