//! CLIP's ResNets (Radford et al., arXiv 2103.00020, section 2.4; `ModifiedResNet` in OpenAI's `model.py`): three
//! convolutions as a stem, average pooling wherever a picture is halved, and attention in place of the last pooling.
//!
//! Pictures lie with their channels together, `[side, side, channels]`, so that a convolution is a product of rows, one for
//! each place, with its weights. Batch norms are folded into the convolutions before them. All of it is in `f32`: a
//! convolution's inputs have outliers that 8 bits would not keep.

use super::layers::Linear;
use crate::clip::config::clip_config::{BottleneckConfig, ResNetConfig};
use crate::clip::error::ClipError;
use crate::clip::weights::tensors::Weights;
use crate::kernels::{
    Accumulate, Attention, AttentionBuffers, Cpu, PackedRows, PackedWeights, Precision, Queries, Segment,
};

/// Added to the variance in batch norms: PyTorch's default.
const EPS: f64 = 1e-5;

/// The image tower.
#[derive(Debug)]
pub(in crate::clip) struct ResNet {
    cpu: Cpu,
    config: ResNetConfig,
    stem: [Convolution; 3],
    blocks: Vec<Bottleneck>,
    pooling: AttentionPooling,
}

/// What is at each place of a square picture, `[side, side, channels]`.
#[derive(Debug, Clone)]
struct Picture {
    side: usize,
    channels: usize,
    values: Vec<f32>,
}

/// A convolution with the batch norm after it; pixels beyond the edge count as 0.
#[derive(Debug)]
struct Convolution {
    /// `[outputs, kernel · kernel · inputs]`
    weights: PackedWeights,
    /// `[outputs]`
    bias: Vec<f32>,
    inputs: usize,
    /// Side of the kernel, 1 or 3.
    kernel: usize,
    stride: usize,
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
            Convolution::load(weights, &format!("visual.conv{at}"), &format!("visual.bn{at}"), stride, cpu)
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

impl Picture {
    /// From `[3, side, side]`.
    fn of_pixels(pixels: &[f32], side: usize) -> Self {
        let places = side * side;
        let values = (0..places).flat_map(|place| [0, 1, 2].map(|channel| pixels[channel * places + place]));
        Self { side, channels: 3, values: values.collect() }
    }

    /// The larger of each value and 0.
    fn rectify(&mut self) {
        self.values.iter_mut().for_each(|value| *value = value.max(0.0));
    }

    /// The means of 2 × 2 places; a last odd row and column are left out.
    fn halved(&self) -> Self {
        let (side, channels) = (self.side / 2, self.channels);
        let mut values = Vec::with_capacity(side * side * channels);
        for (y, x) in (0..side).flat_map(|y| (0..side).map(move |x| (y, x))) {
            let [a, b, c, d] = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(down, right)| {
                &self.values[((2 * y + down) * self.side + 2 * x + right) * channels..][..channels]
            });
            values.extend((0..channels).map(|at| (a[at] + b[at] + c[at] + d[at]) * 0.25));
        }
        Self { side, channels, values }
    }
}

impl Convolution {
    fn load(weights: &Weights, name: &str, norm: &str, stride: usize, cpu: Cpu) -> Result<Self, ClipError> {
        let name = format!("{name}.weight");
        let shape = weights.shape(&name)?;
        let [outputs, inputs, kernel] = [0, 1, 2].map(|at| shape.get(at).copied().unwrap_or(1));
        let values = weights.values(&name)?;
        let of_norm = |part: &str| weights.values(&format!("{norm}.{part}"));
        let (gain, shift) = (of_norm("weight")?, of_norm("bias")?);
        let (mean, variance) = (of_norm("running_mean")?, of_norm("running_var")?);
        let factors: Vec<f64> = gain
            .iter()
            .zip(&variance)
            .map(|(gain, v)| f64::from(*gain) / (f64::from(*v) + EPS).sqrt())
            .collect();
        let places = kernel * kernel;
        let mut folded = Vec::with_capacity(values.len());
        for (output, factor) in factors.iter().enumerate() {
            for (place, input) in (0..places).flat_map(|place| (0..inputs).map(move |input| (place, input))) {
                let value = values[(output * inputs + input) * places + place];
                folded.push((f64::from(value) * factor) as f32);
            }
        }
        let bias = (0..outputs).map(|at| (f64::from(shift[at]) - f64::from(mean[at]) * factors[at]) as f32);
        Ok(Self {
            weights: PackedWeights::new(cpu, Precision::F32, &folded, places * inputs),
            bias: bias.collect(),
            inputs,
            kernel,
            stride,
        })
    }

    fn of(&self, picture: &Picture, packed: &mut PackedRows) -> Picture {
        let (side, channels) = (self.side_after(picture.side), self.weights.outputs());
        let mut out = Picture { side, channels, values: vec![0.0; side * side * channels] };
        self.put(picture, Accumulate::No, packed, &mut out);
        out
    }

    fn side_after(&self, side: usize) -> usize {
        (side + self.kernel / 2 * 2 - self.kernel) / self.stride + 1
    }

    /// Puts or adds the result into a picture of its shape. Some rows are packed at a time: a row of a 3 × 3 convolution
    /// has nine times the numbers of its place.
    fn put(&self, picture: &Picture, accumulate: Accumulate, packed: &mut PackedRows, out: &mut Picture) {
        const ROWS: usize = 384;
        let (side, outputs) = (out.side, self.weights.outputs());
        for (part, out) in out.values.chunks_mut(ROWS * outputs).enumerate() {
            packed.pack(out.len() / outputs, self.weights.inputs(), |row, values| {
                let place = part * ROWS + row;
                self.gather(picture, place / side * self.stride, place % side * self.stride, values);
            });
            self.weights.multiply(packed, &self.bias, accumulate, out);
        }
    }

    /// The values under the kernel when its middle is at a place.
    fn gather(&self, picture: &Picture, y: usize, x: usize, out: &mut [f32]) {
        let margin = self.kernel / 2;
        for (at, values) in out.chunks_exact_mut(self.inputs).enumerate() {
            let (y, x) =
                ((y + at / self.kernel).wrapping_sub(margin), (x + at % self.kernel).wrapping_sub(margin));
            if y < picture.side && x < picture.side {
                let place = (y * picture.side + x) * self.inputs;
                values.copy_from_slice(&picture.values[place..][..self.inputs]);
            } else {
                values.fill(0.0);
            }
        }
    }
}

impl Bottleneck {
    fn load(weights: &Weights, block: &BottleneckConfig, cpu: Cpu) -> Result<Self, ClipError> {
        let name = format!("visual.{}", block.name);
        let convolution = |layer: &str, norm: &str| {
            Convolution::load(weights, &format!("{name}.{layer}"), &format!("{name}.{norm}"), 1, cpu)
        };
        Ok(Self {
            convolutions: [
                convolution("conv1", "bn1")?,
                convolution("conv2", "bn2")?,
                convolution("conv3", "bn3")?,
            ],
            shortcut: block
                .has_shortcut()
                .then(|| convolution("downsample.0", "downsample.1"))
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
