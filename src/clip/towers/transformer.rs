//! The transformer that all towers share: blocks of attention and MLP with layer norms before them (Radford et al., arXiv
//! 2103.00020, section 2.4), or in a BERT after what they add up; with turned queries and keys, and gated MLPs in some.
//!
//! Rows of all sequences lie one after the other; [`Segment`]s say where each begins, and in the text tower where it
//! branches off another one. The last block computes only the rows that the towers pool.

use std::sync::{Mutex, PoisonError};

use candle_core::{DType, Device, Result, Tensor};

use super::layers::{LayerNorm, Linear};
use super::ops;
use crate::clip::config::activation::Activation;
use crate::clip::config::clip_config::{Norms, TransformerConfig};
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
    rotation: Option<Rotation>,
    /// Buffers that no call uses at the moment: as many as threads have encoded at once.
    spare: Mutex<Vec<Buffers>>,
}

impl Transformer {
    /// Loads the blocks of `text_model` or `vision_model`; `causal` lets no token see those after it. `rotation` is that of the
    /// places, as [`ops::rotate`] takes it, where queries and keys are turned.
    pub(in crate::clip) fn load(
        weights: &Weights,
        tower: &str,
        config: TransformerConfig,
        causal: bool,
        rotation: Option<Rotation>,
        precision: Precision,
    ) -> std::result::Result<Self, ClipError> {
        let cpu = Cpu::detect();
        let blocks = (0..config.layers)
            .map(|layer| {
                let name = format!("{tower}.encoder.layers.{layer}");
                ResidualBlock::load(weights, &name, config, causal, cpu, precision)
            })
            .collect::<std::result::Result<_, _>>()?;
        Ok(Self { cpu, precision, config, blocks, rotation, spare: Mutex::default() })
    }

    /// Runs `x`, `[rows, width]`, through all blocks, and gives the rows that `pooled` says, one for each segment:
    /// `[segments, width]`. `x` is changed: it must own its data alone.
    pub(in crate::clip) fn forward(
        &self,
        x: &Tensor,
        segments: &[Segment],
        pooled: Queries,
    ) -> Result<Tensor> {
        self.forward_with_ends(x, segments, None, pooled)
    }

    /// The same where the last token of each segment sees the tokens of another one, `ends`, and all of them.
    pub(in crate::clip) fn forward_with_ends(
        &self,
        x: &Tensor,
        segments: &[Segment],
        ends: Option<&[Segment]>,
        pooled: Queries,
    ) -> Result<Tensor> {
        let paths = Paths { segments, ends, rotation: self.rotation.as_ref() };
        let mut buffers = self.buffers(x.dim(0)?)?;
        let mut result = Ok(x.clone());
        for (at, block) in self.blocks.iter().enumerate() {
            let asking = if at + 1 == self.blocks.len() { pooled } else { Queries::All };
            result = result.and_then(|x| block.forward(&x, paths, asking, &mut buffers));
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

/// Cosine and sine for each pair of a head's channels, `[tokens, head_width / 2]`.
#[derive(Debug)]
pub(in crate::clip) struct Rotation {
    pub tokens: usize,
    pub table: Vec<[f32; 2]>,
}

/// Which tokens see which, and where they are.
#[derive(Debug, Clone, Copy)]
struct Paths<'a> {
    segments: &'a [Segment],
    ends: Option<&'a [Segment]>,
    rotation: Option<&'a Rotation>,
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
    gated: Option<Gated>,
}

/// What a gated MLP has beside, with the layer norm inside attention.
#[derive(Debug)]
struct Gated {
    attention_norm: LayerNorm,
    gate: Linear,
    norm: LayerNorm,
}

impl ResidualBlock {
    fn load(
        weights: &Weights,
        name: &str,
        config: TransformerConfig,
        causal: bool,
        cpu: Cpu,
        precision: Precision,
    ) -> std::result::Result<Self, ClipError> {
        let linear = |layer: &str| Linear::load(weights, &format!("{name}.{layer}"), cpu, precision);
        let norm = |layer: &str| LayerNorm::load(weights, &format!("{name}.{layer}"), config.layer_norm_eps);
        Ok(Self {
            cpu,
            norms: config.blocks.norms,
            norm1: norm("layer_norm1")?,
            queries: linear("self_attn.q_proj")?,
            keys: match config.blocks.key_bias {
                true => linear("self_attn.k_proj")?,
                false => Linear::load_unbiased(weights, &format!("{name}.self_attn.k_proj"), cpu, precision)?,
            },
            values: linear("self_attn.v_proj")?,
            attention: Attention { heads: config.heads, causal },
            out: linear("self_attn.out_proj")?,
            norm2: norm("layer_norm2")?,
            fc1: linear("mlp.fc1")?,
            activation: config.activation,
            fc2: linear("mlp.fc2")?,
            gated: match config.blocks.gated {
                false => None,
                true => Some(Gated {
                    attention_norm: norm("self_attn.norm")?,
                    gate: linear("mlp.gate")?,
                    norm: norm("mlp.norm")?,
                }),
            },
        })
    }

    /// Gives the rows that ask, changed; `x` itself where all do.
    fn forward(
        &self,
        x: &Tensor,
        paths: Paths<'_>,
        asking: Queries,
        buffers: &mut Buffers,
    ) -> Result<Tensor> {
        let Buffers { packed, attention, .. } = buffers;
        let segments = paths.segments;
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
        if let Some(Rotation { table, tokens }) = paths.rotation {
            ops::rotate(&keys, table, *tokens)?;
            // The first token is the class token, which is nowhere.
            if asking == Queries::All {
                ops::rotate(&queries, table, *tokens)?;
            }
        }
        let operands = [&queries, &keys, &values];
        let mut attend = |attention_kind,
                          segments: &[Segment],
                          [queries, keys, values]: [&Tensor; 3],
                          asking,
                          out: &Tensor| {
            ops::attend(self.cpu, attention_kind, segments, [queries, keys, values], asking, attention, out)
        };
        let seeing_all = Attention { causal: false, ..self.attention };
        match (paths.ends, asking) {
            (None, _) => attend(self.attention, segments, operands, asking, &attended)?,
            (Some(ends), Queries::Last) => attend(seeing_all, ends, operands, Queries::Last, &attended)?,
            (Some(ends), _) => {
                attend(self.attention, segments, operands, asking, &attended)?;
                let last = last_rows(segments);
                let of_ends = queries.index_select(&Tensor::new(last.as_slice(), queries.device())?, 0)?;
                let seen = of_ends.zeros_like()?;
                attend(seeing_all, ends, [&of_ends, &keys, &values], Queries::Last, &seen)?;
                ops::put_rows(&attended, &last, &seen)?;
            }
        }
        match &self.gated {
            None => ops::pack(&attended, packed)?,
            Some(gated) => ops::pack_normed(self.cpu, &attended, &gated.attention_norm, packed)?,
        }
        self.add(packed, &self.out, &self.norm1, &x)?;

        self.pack_before(&x, &self.norm2, packed)?;
        let inner = &mut buffers.inner;
        match &self.gated {
            None => ops::linear_activated(self.cpu, packed, &self.fc1, self.activation, inner),
            Some(gated) => {
                let zeros = || Tensor::zeros((rows, gated.norm.weight.len()), DType::F32, &Device::Cpu);
                let (gate, open) = (zeros()?, zeros()?);
                ops::linear(packed, &gated.gate, Accumulate::No, &gate)?;
                ops::linear(packed, &self.fc1, Accumulate::No, &open)?;
                ops::pack_gated(self.cpu, &gate, &open, &gated.norm, inner)?;
            }
        }
        self.add(inner, &self.fc2, &self.norm2, &x)?;
        Ok(x)
    }

    /// Adds what a layer makes of these rows to `x`, normed where the layer norms are after.
    fn add(&self, rows: &PackedRows, layer: &Linear, norm: &LayerNorm, x: &Tensor) -> Result<()> {
        match self.norms {
            Norms::Before => ops::linear(rows, layer, Accumulate::Yes, x),
            Norms::AfterSums => {
                ops::linear(rows, layer, Accumulate::Yes, x)?;
                ops::norm(self.cpu, x, norm)
            }
            Norms::AfterParts => {
                let part = Tensor::zeros(x.shape(), DType::F32, &Device::Cpu)?;
                ops::linear(rows, layer, Accumulate::No, &part)?;
                ops::norm(self.cpu, &part, norm)?;
                ops::add(x, &part)
            }
        }
    }

    fn pack_before(&self, x: &Tensor, norm: &LayerNorm, packed: &mut PackedRows) -> Result<()> {
        match self.norms {
            Norms::Before => ops::pack_normed(self.cpu, x, norm, packed),
            Norms::AfterSums | Norms::AfterParts => ops::pack(x, packed),
        }
    }
}

/// The row of each segment's last token.
fn last_rows(segments: &[Segment]) -> Vec<u32> {
    segments.iter().map(|segment| (segment.first_row + segment.tokens - 1) as u32).collect()
}

/// The rows of `x` that ask: `x` itself where all do, or a copy of one row for each segment.
fn asking_rows(x: &Tensor, segments: &[Segment], asking: Queries) -> Result<Tensor> {
    let rows = match asking {
        Queries::All => return Ok(x.clone()),
        Queries::First => segments.iter().map(|segment| segment.first_row as u32).collect(),
        Queries::Last => last_rows(segments),
    };
    x.index_select(&Tensor::new(rows, x.device())?, 0)
}
