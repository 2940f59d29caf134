//! Convolutions. Pictures lie with their channels together, `[side, side, channels]`, so that a convolution is a product of
//! rows, one for each place, with its weights. Batch norms are folded into the convolutions before them. All of it is in `f32`.

use crate::clip::error::ClipError;
use crate::clip::weights::tensors::Weights;
use crate::kernels::{Accumulate, Cpu, PackedRows, PackedWeights, Precision};

/// Added to the variance in batch norms: PyTorch's default.
const EPS: f64 = 1e-5;

/// What is at each place of a square picture, `[side, side, channels]`.
#[derive(Debug, Clone)]
pub(in crate::clip) struct Picture {
    pub side: usize,
    pub channels: usize,
    pub values: Vec<f32>,
}

/// A convolution, with the batch norm after it where there is one; pixels beyond the edge count as 0.
#[derive(Debug)]
pub(in crate::clip) struct Convolution {
    /// `[outputs, kernel · kernel · inputs]`
    weights: PackedWeights,
    /// `[outputs]`
    bias: Vec<f32>,
    inputs: usize,
    /// Side of the kernel.
    kernel: usize,
    shape: Shape,
}

/// How a kernel moves over a picture.
#[derive(Debug, Clone, Copy)]
pub(in crate::clip) struct Shape {
    /// Places from one to the next.
    pub stride: usize,
    /// Places beyond the edge at which it begins and ends.
    pub margin: usize,
}

impl Shape {
    /// Places side by side, each pixel in one: what a kernel as wide as this takes.
    pub(in crate::clip) fn tiles(kernel: usize) -> Self {
        Self { stride: kernel, margin: 0 }
    }
}

impl Picture {
    /// From `[3, side, side]`.
    pub(in crate::clip) fn of_pixels(pixels: &[f32], side: usize) -> Self {
        let places = side * side;
        let values = (0..places).flat_map(|place| [0, 1, 2].map(|channel| pixels[channel * places + place]));
        Self { side, channels: 3, values: values.collect() }
    }

    /// The larger of each value and 0.
    pub(in crate::clip) fn rectify(&mut self) {
        self.values.iter_mut().for_each(|value| *value = value.max(0.0));
    }

    /// The means of 2 × 2 places; a last odd row and column are left out.
    pub(in crate::clip) fn halved(&self) -> Self {
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
    /// A convolution without a bias and the batch norm of this name, or one with a bias and without a norm.
    pub(in crate::clip) fn load(
        weights: &Weights,
        name: &str,
        norm: Option<&str>,
        shape: Shape,
        cpu: Cpu,
    ) -> Result<Self, ClipError> {
        let (factors, bias) = match norm {
            Some(norm) => folded(weights, norm)?,
            None => {
                let bias = weights.values(&format!("{name}.bias"))?;
                (vec![1.0; bias.len()], bias)
            }
        };
        let name = format!("{name}.weight");
        let sizes = weights.shape(&name)?;
        let [inputs, kernel] = [1, 2].map(|at| sizes.get(at).copied().unwrap_or(1));
        let values = weights.values(&name)?;
        let places = kernel * kernel;
        let mut folded = Vec::with_capacity(values.len());
        for (output, factor) in factors.iter().enumerate() {
            for (place, input) in (0..places).flat_map(|place| (0..inputs).map(move |input| (place, input))) {
                let value = values[(output * inputs + input) * places + place];
                folded.push((f64::from(value) * factor) as f32);
            }
        }
        Ok(Self {
            weights: PackedWeights::new(cpu, Precision::F32, &folded, places * inputs),
            bias,
            inputs,
            kernel,
            shape,
        })
    }

    pub(in crate::clip) fn of(&self, picture: &Picture, packed: &mut PackedRows) -> Picture {
        let (side, channels) = (self.side_after(picture.side), self.weights.outputs());
        let mut out = Picture { side, channels, values: vec![0.0; side * side * channels] };
        self.put(picture, Accumulate::No, packed, &mut out);
        out
    }

    fn side_after(&self, side: usize) -> usize {
        (side + 2 * self.shape.margin - self.kernel) / self.shape.stride + 1
    }

    /// Puts or adds the result into a picture of its shape. Some rows are packed at a time: a row of a 3 × 3 convolution
    /// has nine times the numbers of its place.
    pub(in crate::clip) fn put(
        &self,
        picture: &Picture,
        accumulate: Accumulate,
        packed: &mut PackedRows,
        out: &mut Picture,
    ) {
        const ROWS: usize = 384;
        let (side, outputs) = (out.side, self.weights.outputs());
        for (part, out) in out.values.chunks_mut(ROWS * outputs).enumerate() {
            packed.pack(out.len() / outputs, self.weights.inputs(), |row, values| {
                let place = part * ROWS + row;
                self.gather(
                    picture,
                    place / side * self.shape.stride,
                    place % side * self.shape.stride,
                    values,
                );
            });
            self.weights.multiply(packed, &self.bias, accumulate, out);
        }
    }

    /// The values under the kernel when it begins a margin before a place.
    fn gather(&self, picture: &Picture, y: usize, x: usize, out: &mut [f32]) {
        let margin = self.shape.margin;
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

/// What a batch norm makes of a convolution before it: factors of its outputs, and their bias.
fn folded(weights: &Weights, norm: &str) -> Result<(Vec<f64>, Vec<f32>), ClipError> {
    let of_norm = |part: &str| weights.values(&format!("{norm}.{part}"));
    let (gain, shift) = (of_norm("weight")?, of_norm("bias")?);
    let (mean, variance) = (of_norm("running_mean")?, of_norm("running_var")?);
    let factor = |(gain, variance): (&f32, &f32)| f64::from(*gain) / (f64::from(*variance) + EPS).sqrt();
    let factors: Vec<f64> = gain.iter().zip(&variance).map(factor).collect();
    let moved = shift.iter().zip(mean).zip(&factors);
    let bias = moved.map(|((shift, mean), factor)| (f64::from(*shift) - f64::from(mean) * factor) as f32);
    let bias = bias.collect();
    Ok((factors, bias))
}
