//! The layers that towers are made of, loaded from a checkpoint.

use crate::clip::error::ClipError;
use crate::clip::weights::tensors::Weights;
use crate::kernels::{Cpu, PackedWeights, Precision};

/// x · weightᵀ + bias.
#[derive(Debug)]
pub(in crate::clip) struct Linear {
    pub weights: PackedWeights,
    /// `[outputs]`, or empty for none.
    pub bias: Vec<f32>,
}

impl Linear {
    /// A layer with a bias.
    pub(in crate::clip) fn load(
        weights: &Weights,
        name: &str,
        cpu: Cpu,
        precision: Precision,
    ) -> Result<Self, ClipError> {
        let bias = weights.values(&format!("{name}.bias"))?;
        Ok(Self { bias, ..Self::load_unbiased(weights, name, cpu, precision)? })
    }

    /// A layer without; the weight's first dimension is the outputs', all others are the inputs'.
    pub(in crate::clip) fn load_unbiased(
        weights: &Weights,
        name: &str,
        cpu: Cpu,
        precision: Precision,
    ) -> Result<Self, ClipError> {
        let (values, inputs) = Self::values(weights, name)?;
        Ok(Self { weights: PackedWeights::new(cpu, precision, &values, inputs), bias: Vec::new() })
    }

    /// A layer with a bias whose outputs are multiplied by these factors, in `f32`.
    pub(in crate::clip) fn load_scaled(
        weights: &Weights,
        name: &str,
        factors: &[f32],
        cpu: Cpu,
    ) -> Result<Self, ClipError> {
        let (mut values, inputs) = Self::values(weights, name)?;
        let mut bias = weights.values(&format!("{name}.bias"))?;
        for (row, factor) in values.chunks_exact_mut(inputs).zip(factors) {
            row.iter_mut().for_each(|value| *value *= factor);
        }
        bias.iter_mut().zip(factors).for_each(|(bias, factor)| *bias *= factor);
        Ok(Self { weights: PackedWeights::new(cpu, Precision::F32, &values, inputs), bias })
    }

    /// What the weight of a layer loses in this precision, as a layer to be added to it; `None` where nothing is lost.
    pub(in crate::clip) fn load_remainder(
        weights: &Weights,
        name: &str,
        cpu: Cpu,
        precision: Precision,
    ) -> Result<Option<Self>, ClipError> {
        let (values, inputs) = Self::values(weights, name)?;
        let remainder = PackedWeights::remainder(precision, &values, inputs);
        let layer = |values: Vec<f32>| PackedWeights::new(cpu, precision, &values, inputs);
        Ok(remainder.map(|values| Self { weights: layer(values), bias: Vec::new() }))
    }

    /// A layer's weight, `[outputs, inputs]`, and the number of inputs.
    fn values(weights: &Weights, name: &str) -> Result<(Vec<f32>, usize), ClipError> {
        let name = format!("{name}.weight");
        Ok((weights.values(&name)?, weights.shape(&name)?.iter().skip(1).product()))
    }
}

/// Layer norm with its weight and bias.
#[derive(Debug)]
pub(in crate::clip) struct LayerNorm {
    /// `[width]`
    pub weight: Vec<f32>,
    /// `[width]`
    pub bias: Vec<f32>,
    pub eps: f32,
}

impl LayerNorm {
    pub(in crate::clip) fn load(weights: &Weights, name: &str, eps: f32) -> Result<Self, ClipError> {
        let weight = weights.values(&format!("{name}.weight"))?;
        Ok(Self { weight, bias: weights.values(&format!("{name}.bias"))?, eps })
    }
}
