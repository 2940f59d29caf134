//! The end of a tower: what makes an embedding of what it pools.

use candle_core::{DType, Device, Tensor};

use super::layers::Linear;
use super::ops;
use crate::clip::config::activation::Activation;
use crate::clip::config::clip_config::Projection;
use crate::clip::error::ClipError;
use crate::clip::weights::tensors::Weights;
use crate::kernels::{Accumulate, Cpu, PackedRows, Precision};

/// What makes an embedding of a pooled output, in `f32` always.
#[derive(Debug)]
pub(in crate::clip) enum Head {
    /// Nothing.
    None,
    One(Linear),
    /// With GELU between the two.
    Two(Linear, Linear),
}

impl Head {
    pub(in crate::clip) fn load(
        weights: &Weights,
        projection: Projection,
        name: &str,
        cpu: Cpu,
    ) -> Result<Self, ClipError> {
        let unbiased = |name: &str| Linear::load_unbiased(weights, name, cpu, Precision::F32);
        Ok(match projection {
            Projection::None => Self::None,
            Projection::Matrix => Self::One(unbiased(name)?),
            Projection::Linear => Self::One(Linear::load(weights, name, cpu, Precision::F32)?),
            Projection::Mlp { biases, .. } => {
                let layer = |at: &str, bias: bool| {
                    let load = if bias { Linear::load } else { Linear::load_unbiased };
                    load(weights, &format!("{name}.{at}"), cpu, Precision::F32)
                };
                Self::Two(layer("0", biases[0])?, layer("2", biases[1])?)
            }
        })
    }

    /// From `[n, width]` to `[n, dim]`.
    pub(in crate::clip) fn project(&self, cpu: Cpu, pooled: &Tensor) -> candle_core::Result<Tensor> {
        match self {
            Self::None => Ok(pooled.clone()),
            Self::One(layer) => ops::project(cpu, pooled, layer),
            Self::Two(first, second) => {
                let (mut packed, mut inner) =
                    (PackedRows::new(cpu, Precision::F32), PackedRows::new(cpu, Precision::F32));
                ops::pack(pooled, &mut packed)?;
                ops::linear_activated(cpu, &packed, first, Activation::Gelu, &mut inner);
                let shape = (pooled.dim(0)?, second.weights.outputs());
                let out = Tensor::zeros(shape, DType::F32, &Device::Cpu)?;
                ops::linear(&inner, second, Accumulate::No, &out)?;
                Ok(out)
            }
        }
    }
}
