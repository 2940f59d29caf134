//! The transformer that all towers share: blocks of attention and MLP with layer norms before them (Radford et al., arXiv
//! 2103.00020, section 2.4), or in a BERT after what they add up.
//!
//! Rows of all sequences lie one after the other; [`Segment`]s say where each begins, and in the text tower where it
//! branches off another one. The last block computes only the rows that the towers pool.

use std::sync::{Mutex, PoisonError};

use candle_core::{DType, Device, Result, Tensor};

use super::layers::{LayerNorm, Linear};
use super::ops;
use crate::clip::config::activation::Activation;
use crate::clip::config::clip_config::TransformerConfig;
use crate::clip::error::ClipError;
use crate::clip::weights::tensors::Weights;
use crate::kernels::{Accumulate, Attention, AttentionBuffers, Cpu, PackedRows, Precision, Queries, Segment};

/// A stack of blocks.
#[derive(Debug)]
pub(in crate::clip) struct Transformer {
    cpu: Cpu,
    precision: Precision,
    config: TransformerConfig,
    blocks: Vec<ResidualBlock>,
    /// Buffers that no call uses at the moment: as many as threads have encoded at once.
    spare: Mutex<Vec<Buffers>>,
}

impl Transformer {
    /// Loads the blocks of `text_model` or `vision_model`; `causal` lets no token see those after it.
    pub(in crate::clip) fn load(
        weights: &Weights,
        tower: &str,
        config: TransformerConfig,
        (causal, norms): (bool, Norms),
        precision: Precision,
    ) -> std::result::Result<Self, ClipError> {
        let cpu = Cpu::detect();
        let blocks = (0..config.layers)
            .map(|layer| {
                let name = format!("{tower}.encoder.layers.{layer}");
                ResidualBlock::load(weights, &name, config, (causal, norms), cpu, precision)
            })
            .collect::<std::result::Result<_, _>>()?;
        Ok(Self { cpu, precision, config, blocks, spare: Mutex::default() })
    }

    /// Runs `x`, `[rows, width]`, through all blocks, and gives the rows that `pooled` says, one for each segment:
    /// `[segments, width]`. `x` is changed: it must own its data alone.
    pub(in crate::clip) fn forward(
        &self,
        x: &Tensor,
        segments: &[Segment],
        pooled: Queries,
    ) -> Result<Tensor> {
        let mut buffers = self.buffers(x.dim(0)?)?;
        let mut result = Ok(x.clone());
        for (at, block) in self.blocks.iter().enumerate() {
            let asking = if at + 1 == self.blocks.len() { pooled } else { Queries::All };
            result = result.and_then(|x| block.forward(&x, segments, asking, &mut buffers));
        }
        self.spare().push(buffers);
        result
    }

    fn buffers(&self, rows: usize) -> Result<Buffers> {
        match self.spare().pop() {
            Some(buffers) if buffers.rows >= rows => Ok(buffers),
            _ => Buffers::new(rows, self.config, self.cpu, self.precision),
        }
    }

    fn spare(&self) -> std::sync::MutexGuard<'_, Vec<Buffers>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a block writes on its way, for up to `rows` rows.
#[derive(Debug)]
struct Buffers {
    rows: usize,
    packed: PackedRows,
    /// Queries, keys, values and what attention makes of them, `[rows, width]`.
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    attended: Tensor,
    /// Rows inside the MLP, `[rows, intermediate_size]`.
    inner: PackedRows,
    attention: AttentionBuffers,
}

impl Buffers {
    fn new(rows: usize, config: TransformerConfig, cpu: Cpu, precision: Precision) -> Result<Self> {
        let zeros = |width: usize| Tensor::zeros((rows, width), DType::F32, &Device::Cpu);
        let width = config.hidden_size;
        Ok(Self {
            rows,
            packed: PackedRows::new(cpu, precision),
            queries: zeros(width)?,
            keys: zeros(width)?,
            values: zeros(width)?,
            attended: zeros(width)?,
            inner: PackedRows::new(cpu, precision),
            attention: AttentionBuffers::default(),
        })
    }
}

/// Where a block's layer norms are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::clip) enum Norms {
    /// x += attention(norm1(x)); x += mlp(norm2(x)).
    Before,
    /// x = norm1(x + attention(x)); x = norm2(x + mlp(x)).
    After,
}

/// Attention and MLP.
#[derive(Debug)]
struct ResidualBlock {
    cpu: Cpu,
    norms: Norms,
    norm1: LayerNorm,
    queries: Linear,
    keys: Linear,
    values: Linear,
    attention: Attention,
    out: Linear,
    norm2: LayerNorm,
    fc1: Linear,
    activation: Activation,
    fc2: Linear,
}

impl ResidualBlock {
    fn load(
        weights: &Weights,
        name: &str,
        config: TransformerConfig,
        (causal, norms): (bool, Norms),
        cpu: Cpu,
        precision: Precision,
    ) -> std::result::Result<Self, ClipError> {
        let linear = |layer: &str| Linear::load(weights, &format!("{name}.{layer}"), cpu, precision);
        let norm = |layer: &str| LayerNorm::load(weights, &format!("{name}.{layer}"), config.layer_norm_eps);
        Ok(Self {
            cpu,
            norms,
            norm1: norm("layer_norm1")?,
            queries: linear("self_attn.q_proj")?,
            keys: linear("self_attn.k_proj")?,
            values: linear("self_attn.v_proj")?,
            attention: Attention { heads: config.heads, causal },
            out: linear("self_attn.out_proj")?,
            norm2: norm("layer_norm2")?,
            fc1: linear("mlp.fc1")?,
            activation: config.activation,
            fc2: linear("mlp.fc2")?,
        })
    }

    /// Gives the rows that ask, changed; `x` itself where all do.
    fn forward(
        &self,
        x: &Tensor,
        segments: &[Segment],
        asking: Queries,
        buffers: &mut Buffers,
    ) -> Result<Tensor> {
        let Buffers { packed, inner, attention, .. } = buffers;
        let rows = x.dim(0)?;
        let (keys, values) = (buffers.keys.narrow(0, 0, rows)?, buffers.values.narrow(0, 0, rows)?);
        self.pack_before(x, &self.norm1, packed)?;
        ops::linear(packed, &self.keys, Accumulate::No, &keys)?;
        ops::linear(packed, &self.values, Accumulate::No, &values)?;

        let x = asking_rows(x, segments, asking)?;
        let rows = x.dim(0)?;
        let (queries, attended) = (buffers.queries.narrow(0, 0, rows)?, buffers.attended.narrow(0, 0, rows)?);
        if asking != Queries::All {
            self.pack_before(&x, &self.norm1, packed)?;
        }
        ops::linear(packed, &self.queries, Accumulate::No, &queries)?;
        let operands = [&queries, &keys, &values];
        ops::attend(self.cpu, self.attention, segments, operands, asking, attention, &attended)?;
        ops::pack(&attended, packed)?;
        ops::linear(packed, &self.out, Accumulate::Yes, &x)?;
        self.norm_after(&x, &self.norm1)?;

        self.pack_before(&x, &self.norm2, packed)?;
        ops::linear_activated(self.cpu, packed, &self.fc1, self.activation, inner);
        ops::linear(inner, &self.fc2, Accumulate::Yes, &x)?;
        self.norm_after(&x, &self.norm2)?;
        Ok(x)
    }

    fn pack_before(&self, x: &Tensor, norm: &LayerNorm, packed: &mut PackedRows) -> Result<()> {
        match self.norms {
            Norms::Before => ops::pack_normed(self.cpu, x, norm, packed),
            Norms::After => ops::pack(x, packed),
        }
    }

    fn norm_after(&self, x: &Tensor, norm: &LayerNorm) -> Result<()> {
        match self.norms {
            Norms::Before => Ok(()),
            Norms::After => ops::norm(self.cpu, x, norm),
        }
    }
}

/// The rows of `x` that ask: `x` itself where all do, or a copy of one row for each segment.
fn asking_rows(x: &Tensor, segments: &[Segment], asking: Queries) -> Result<Tensor> {
    let row = |segment: &Segment| match asking {
        Queries::All | Queries::First => segment.first_row as u32,
        Queries::Last => (segment.first_row + segment.tokens - 1) as u32,
    };
    match asking {
        Queries::All => Ok(x.clone()),
        Queries::First | Queries::Last => {
            let rows = segments.iter().map(row).collect::<Vec<_>>();
            x.index_select(&Tensor::new(rows, x.device())?, 0)
        }
    }
}
