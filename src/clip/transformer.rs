//! The transformer that both towers share: pre-norm blocks of attention and MLP (Radford et al., arXiv 2103.00020,
//! section 2.4).

use candle_core::{Result, Storage, Tensor, bail};
use rayon::prelude::*;

use super::activation::Activation;
use super::config::TransformerConfig;
use super::error::ClipError;
use super::ops;
use super::weights::Weights;

/// A stack of blocks.
#[derive(Debug, Clone)]
pub(super) struct Transformer {
    blocks: Vec<Block>,
}

impl Transformer {
    /// Loads the blocks of `text_model` or `vision_model`; `causal` lets no token see those after it.
    pub(super) fn load(
        weights: &Weights,
        tower: &str,
        config: TransformerConfig,
        causal: bool,
    ) -> std::result::Result<Self, ClipError> {
        let blocks = (0..config.layers)
            .map(|layer| Block::load(weights, &format!("{tower}.encoder.layers.{layer}"), config, causal))
            .collect::<std::result::Result<_, _>>()?;
        Ok(Self { blocks })
    }

    /// Runs `sequences` sequences of equal length through all blocks, changing `x` `[sequences · tokens, width]`
    /// in place: it must own its data alone.
    pub(super) fn forward(&self, x: &Tensor, sequences: usize) -> Result<()> {
        self.blocks.iter().try_for_each(|block| block.forward(x, sequences))
    }
}

/// x += attention(norm1(x)); x += mlp(norm2(x)).
#[derive(Debug, Clone)]
struct Block {
    norm1: LayerNorm,
    /// Query, key and value projections, one below the other.
    qkv: Linear,
    attention: Attention,
    out: Linear,
    norm2: LayerNorm,
    fc1: Linear,
    activation: Activation,
    fc2: Linear,
}

impl Block {
    fn load(
        weights: &Weights,
        name: &str,
        config: TransformerConfig,
        causal: bool,
    ) -> std::result::Result<Self, ClipError> {
        let eps = config.layer_norm_eps;
        let qkv = ["q_proj", "k_proj", "v_proj"].map(|projection| format!("{name}.self_attn.{projection}"));
        Ok(Self {
            norm1: LayerNorm::load(weights, &format!("{name}.layer_norm1"), eps)?,
            qkv: Linear::load_stacked(weights, &qkv)?,
            attention: Attention { heads: config.heads, causal },
            out: Linear::load(weights, &format!("{name}.self_attn.out_proj"))?,
            norm2: LayerNorm::load(weights, &format!("{name}.layer_norm2"), eps)?,
            fc1: Linear::load(weights, &format!("{name}.mlp.fc1"))?,
            activation: config.activation,
            fc2: Linear::load(weights, &format!("{name}.mlp.fc2"))?,
        })
    }

    fn forward(&self, x: &Tensor, sequences: usize) -> Result<()> {
        let qkv = self.qkv.forward(&self.norm1.forward(x)?, None)?;
        let attended = self.attention.forward(&qkv, sequences)?;
        ops::add(x, &self.out.forward(&attended, None)?, None)?;
        let inner = self.fc1.forward(&self.norm2.forward(x)?, Some(self.activation))?;
        ops::add(x, &self.fc2.forward(&inner, None)?, None)
    }
}

/// Multi-head attention (Vaswani et al., arXiv 1706.03762, section 3.2) without its projections.
#[derive(Debug, Clone, Copy)]
struct Attention {
    heads: usize,
    causal: bool,
}

impl Attention {
    /// From `[sequences · tokens, 3 · width]` to `[sequences · tokens, width]`.
    ///
    /// Heads are views of `qkv`, never copied apart, and sequences are worked on side by side: their products are
    /// too small to be worth splitting.
    fn forward(&self, qkv: &Tensor, sequences: usize) -> Result<Tensor> {
        let (rows, three_widths) = qkv.dims2()?;
        let (tokens, width) = (rows / sequences, three_widths / 3);
        let mut attended = vec![0.0; rows * width];
        attended
            .par_chunks_exact_mut(tokens * width)
            .enumerate()
            .try_for_each(|(at, attended)| self.attend(&qkv.narrow(0, at * tokens, tokens)?, attended))?;
        Tensor::from_vec(attended, (rows, width), qkv.device())
    }

    /// Attention within one sequence: `qkv` is `[tokens, 3 · width]`, `attended` `[tokens, width]`.
    fn attend(&self, qkv: &Tensor, attended: &mut [f32]) -> Result<()> {
        let (tokens, three_widths) = qkv.dims2()?;
        let head_width = three_widths / (3 * self.heads);
        let parts = qkv.reshape((tokens, 3, self.heads, head_width))?;
        let part = |at: usize| parts.narrow(1, at, 1)?.squeeze(1)?.transpose(0, 1);
        let (queries, keys, values) = (part(0)?, part(1)?, part(2)?); // [heads, tokens, head_width]

        let scores = queries.matmul(&keys.transpose(1, 2)?)?; // [heads, tokens, tokens]
        ops::softmax(&scores, (head_width as f32).sqrt().recip(), self.causal)?;
        let context = scores.matmul(&values)?; // [heads, tokens, head_width]

        let (storage, layout) = context.storage_and_layout();
        let Storage::Cpu(storage) = &*storage else { bail!("attention runs on the CPU") };
        for (at, row) in ops::values(storage, layout)?.chunks_exact(head_width).enumerate() {
            let (head, token) = (at / tokens, at % tokens);
            attended[(token * self.heads + head) * head_width..][..head_width].copy_from_slice(row);
        }
        Ok(())
    }
}

/// x · weightᵀ + bias.
#[derive(Debug, Clone)]
struct Linear {
    /// `[outputs, inputs]`
    weight: Tensor,
    /// `[outputs]`
    bias: Tensor,
}

impl Linear {
    fn load(weights: &Weights, name: &str) -> std::result::Result<Self, ClipError> {
        let weight = weights.tensor(&format!("{name}.weight"))?;
        Ok(Self { weight, bias: weights.tensor(&format!("{name}.bias"))? })
    }

    /// Several layers with the same input as one, their outputs side by side.
    fn load_stacked(weights: &Weights, names: &[String]) -> std::result::Result<Self, ClipError> {
        let layers =
            names.iter().map(|name| Self::load(weights, name)).collect::<std::result::Result<Vec<_>, _>>()?;
        let (stacked, biases): (Vec<_>, Vec<_>) =
            layers.into_iter().map(|layer| (layer.weight, layer.bias)).unzip();
        Ok(Self { weight: Tensor::cat(&stacked, 0)?, bias: Tensor::cat(&biases, 0)? })
    }

    fn forward(&self, x: &Tensor, activation: Option<Activation>) -> Result<Tensor> {
        let y = x.matmul(&self.weight.t()?)?;
        ops::add(&y, &self.bias, activation)?;
        Ok(y)
    }
}

/// Layer norm with its weight and bias.
#[derive(Debug, Clone)]
pub(super) struct LayerNorm {
    /// `[width]`
    weight: Tensor,
    /// `[width]`
    bias: Tensor,
    eps: f32,
}

impl LayerNorm {
    pub(super) fn load(weights: &Weights, name: &str, eps: f32) -> std::result::Result<Self, ClipError> {
        let weight = weights.tensor(&format!("{name}.weight"))?;
        Ok(Self { weight, bias: weights.tensor(&format!("{name}.bias"))?, eps })
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        ops::layer_norm(x, &self.weight, &self.bias, self.eps)
    }
}
