//! The pooling of an image's tokens by attention: a learned query attends to them, and in SigLIP an MLP follows (Zhai et al.,
//! arXiv 2106.04560, appendix A.4, calls it MAP). CoCa's has several queries, of which the first makes the embedding; the
//! queries and the tokens are normed before.

use candle_core::{DType, Device, Result, Tensor};

use super::layers::{LayerNorm, Linear};
use super::ops;
use crate::clip::config::activation::Activation;
use crate::clip::error::ClipError;
use crate::clip::weights::tensors::Weights;
use crate::kernels::{Accumulate, Attention, AttentionBuffers, Cpu, PackedRows, Precision, Queries, Segment};

/// In `f32` always: it makes the embedding.
#[derive(Debug)]
pub(in crate::clip) struct AttentionPooling {
    cpu: Cpu,
    heads: usize,
    /// Of the tokens, before all.
    norm: Option<LayerNorm>,
    /// The learned query after its layer, `[width]`: it is the same for all images.
    query: Vec<f32>,
    keys: Linear,
    values: Linear,
    out: Linear,
    mlp: Option<Mlp>,
}

/// x += fc2(activation(fc1(norm(x)))).
#[derive(Debug)]
struct Mlp {
    norm: LayerNorm,
    fc1: Linear,
    activation: Activation,
    fc2: Linear,
}

impl AttentionPooling {
    /// That of SigLIP.
    pub(in crate::clip) fn load(
        weights: &Weights,
        name: &str,
        (heads, activation, eps): (usize, Activation, f32),
    ) -> std::result::Result<Self, ClipError> {
        let cpu = Cpu::detect();
        let linear = |layer: &str| Linear::load(weights, &format!("{name}.{layer}"), cpu, Precision::F32);
        let mlp = Mlp {
            norm: LayerNorm::load(weights, &format!("{name}.layernorm"), eps)?,
            fc1: linear("mlp.fc1")?,
            activation,
            fc2: linear("mlp.fc2")?,
        };
        let query = weights.values(&format!("{name}.probe"))?;
        Ok(Self { mlp: Some(mlp), ..Self::without_mlp(weights, name, heads, query)? })
    }

    /// That of CoCa.
    pub(in crate::clip) fn load_queries(
        weights: &Weights,
        name: &str,
        (heads, eps): (usize, f32),
    ) -> std::result::Result<Self, ClipError> {
        let norm = |part: &str| LayerNorm::load(weights, &format!("{name}.{part}"), eps);
        let query_norm = norm("query_norm")?;
        let mut queries = weights.values(&format!("{name}.queries"))?;
        queries.truncate(query_norm.weight.len());
        let query = Tensor::from_vec(queries, (1, query_norm.weight.len()), &Device::Cpu)?;
        ops::norm(Cpu::detect(), &query, &query_norm)?;
        let query = query.flatten_all()?.to_vec1()?;
        Ok(Self { norm: Some(norm("key_norm")?), ..Self::without_mlp(weights, name, heads, query)? })
    }

    fn without_mlp(
        weights: &Weights,
        name: &str,
        heads: usize,
        query: Vec<f32>,
    ) -> std::result::Result<Self, ClipError> {
        let cpu = Cpu::detect();
        let linear =
            |layer: &str| Linear::load(weights, &format!("{name}.attention.{layer}"), cpu, Precision::F32);
        let query = Tensor::from_vec(query.clone(), (1, query.len()), &Device::Cpu)?;
        let query = ops::project(cpu, &query, &linear("q_proj")?)?;
        Ok(Self {
            cpu,
            heads,
            norm: None,
            query: query.flatten_all()?.to_vec1()?,
            keys: linear("k_proj")?,
            values: linear("v_proj")?,
            out: linear("out_proj")?,
            mlp: None,
        })
    }

    /// From `[rows, width]`, in segments, to `[segments, width of the query]`.
    pub(in crate::clip) fn forward(&self, x: &Tensor, segments: &[Segment]) -> Result<Tensor> {
        let width = self.query.len();
        let zeros = |rows: usize, width: usize| Tensor::zeros((rows, width), DType::F32, &Device::Cpu);
        let mut packed = PackedRows::new(self.cpu, Precision::F32);
        let (rows, images) = (x.dim(0)?, segments.len());
        let (keys, values) = (zeros(rows, width)?, zeros(rows, width)?);
        match &self.norm {
            None => ops::pack(x, &mut packed)?,
            Some(norm) => ops::pack_normed(self.cpu, x, norm, &mut packed)?,
        }
        ops::linear(&packed, &self.keys, Accumulate::No, &keys)?;
        ops::linear(&packed, &self.values, Accumulate::No, &values)?;

        let queries = Tensor::from_vec(self.query.repeat(images), (images, width), &Device::Cpu)?;
        let attended = zeros(images, width)?;
        let attention = Attention { heads: self.heads, causal: false };
        let operands = [&queries, &keys, &values];
        let mut buffers = AttentionBuffers::default();
        ops::attend(self.cpu, attention, segments, operands, Queries::First, &mut buffers, &attended)?;

        let pooled = ops::project(self.cpu, &attended, &self.out)?;
        if let Some(mlp) = &self.mlp {
            let mut inner = PackedRows::new(self.cpu, Precision::F32);
            ops::pack_normed(self.cpu, &pooled, &mlp.norm, &mut packed)?;
            ops::linear_activated(self.cpu, &packed, &mlp.fc1, mlp.activation, &mut inner);
            ops::linear(&inner, &mlp.fc2, Accumulate::Yes, &pooled)?;
        }
        Ok(pooled)
    }
}
