//! SigLIP's pooling of an image's tokens: a learned query attends to them, and an MLP follows (Zhai et al., arXiv
//! 2106.04560, appendix A.4, calls it MAP).

use candle_core::{DType, Device, Result, Tensor};

use super::layers::{LayerNorm, Linear};
use super::ops;
use crate::clip::config::clip_config::TransformerConfig;
use crate::clip::error::ClipError;
use crate::clip::weights::tensors::Weights;
use crate::kernels::{Accumulate, Attention, AttentionBuffers, Cpu, PackedRows, Precision, Queries, Segment};

/// In `f32` always: it makes the embedding.
#[derive(Debug)]
pub(in crate::clip) struct AttentionPooling {
    cpu: Cpu,
    config: TransformerConfig,
    /// The learned query after its layer, `[width]`: it is the same for all images.
    query: Vec<f32>,
    keys: Linear,
    values: Linear,
    out: Linear,
    norm: LayerNorm,
    fc1: Linear,
    fc2: Linear,
}

impl AttentionPooling {
    pub(in crate::clip) fn load(
        weights: &Weights,
        name: &str,
        config: TransformerConfig,
    ) -> std::result::Result<Self, ClipError> {
        let cpu = Cpu::detect();
        let linear = |layer: &str| Linear::load(weights, &format!("{name}.{layer}"), cpu, Precision::F32);
        let probe = weights.values(&format!("{name}.probe"))?;
        let probe = Tensor::from_vec(probe, (1, config.hidden_size), &Device::Cpu)?;
        let query = ops::project(cpu, &probe, &linear("attention.q_proj")?)?;
        Ok(Self {
            cpu,
            config,
            query: query.flatten_all()?.to_vec1()?,
            keys: linear("attention.k_proj")?,
            values: linear("attention.v_proj")?,
            out: linear("attention.out_proj")?,
            norm: LayerNorm::load(weights, &format!("{name}.layernorm"), config.layer_norm_eps)?,
            fc1: linear("mlp.fc1")?,
            fc2: linear("mlp.fc2")?,
        })
    }

    /// From `[rows, width]`, in segments, to `[segments, width]`.
    pub(in crate::clip) fn forward(&self, x: &Tensor, segments: &[Segment]) -> Result<Tensor> {
        let TransformerConfig { hidden_size, heads, activation, .. } = self.config;
        let zeros = |rows: usize, width: usize| Tensor::zeros((rows, width), DType::F32, &Device::Cpu);
        let mut packed = PackedRows::new(self.cpu, Precision::F32);
        let (rows, images) = (x.dim(0)?, segments.len());
        let (keys, values) = (zeros(rows, hidden_size)?, zeros(rows, hidden_size)?);
        ops::pack(x, &mut packed)?;
        ops::linear(&packed, &self.keys, Accumulate::No, &keys)?;
        ops::linear(&packed, &self.values, Accumulate::No, &values)?;

        let queries = Tensor::from_vec(self.query.repeat(images), (images, hidden_size), &Device::Cpu)?;
        let attended = zeros(images, hidden_size)?;
        let attention = Attention { heads, causal: false };
        let operands = [&queries, &keys, &values];
        let mut buffers = AttentionBuffers::default();
        ops::attend(self.cpu, attention, segments, operands, Queries::First, &mut buffers, &attended)?;

        let pooled = ops::project(self.cpu, &attended, &self.out)?;
        let mut inner = PackedRows::new(self.cpu, Precision::F32);
        ops::pack_normed(self.cpu, &pooled, &self.norm, &mut packed)?;
        ops::linear_activated(self.cpu, &packed, &self.fc1, activation, &mut inner);
        ops::linear(&inner, &self.fc2, Accumulate::Yes, &pooled)?;
        Ok(pooled)
    }
}
