//! Fused operations on contiguous `f32` CPU tensors: each reads and writes its data once, where a chain of stock
//! operations would make a new tensor at every step.

use candle_core::{CpuStorage, CustomOp3, InplaceOp1, InplaceOp2, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::activation::Activation;

/// Rows handled by one task at least, so that tasks are worth their cost.
const ROWS_PER_TASK: usize = 8;

/// Adds `table` to `x` in place, repeating it as often as it fits, then applies the activation.
///
/// `x` is `[.., width]`, `table` is `[rows, width]` or `[width]`, and `rows` divides the rows of `x`: a bias has one
/// row, position embeddings one per token, a residual as many as `x`. `x` must own its data alone.
pub(super) fn add(x: &Tensor, table: &Tensor, activation: Option<Activation>) -> Result<()> {
    x.inplace_op2(table, &Add { activation })
}

/// Layer norm over the last dimension: (x − mean) / √(variance + eps) · weight + bias (Ba et al., arXiv 1607.06450).
///
/// `x` is `[.., width]`, `weight` and `bias` are `[width]`.
pub(super) fn layer_norm(x: &Tensor, weight: &Tensor, bias: &Tensor, eps: f32) -> Result<Tensor> {
    x.apply_op3_no_bwd(weight, bias, &LayerNorm { eps })
}

/// Softmax of `scale · scores` over the last dimension, in place.
///
/// `scores` is `[.., tokens, tokens]`. With `causal`, a token has weights for itself and those before it only.
pub(super) fn softmax(scores: &Tensor, scale: f32, causal: bool) -> Result<()> {
    scores.inplace_op1(&Softmax { scale, causal })
}

struct Add {
    activation: Option<Activation>,
}

impl InplaceOp2 for Add {
    fn name(&self) -> &'static str {
        "add"
    }

    fn cpu_fwd(&self, x: &mut CpuStorage, x_l: &Layout, table: &CpuStorage, table_l: &Layout) -> Result<()> {
        let (x, table) = (values_mut(x, x_l)?, values(table, table_l)?);
        let width = width(x_l)?;
        if table.is_empty() || table.len() % width != 0 || x.len() % table.len() != 0 {
            bail!("add: {:?} does not repeat in {:?}", table_l.shape(), x_l.shape());
        }
        let table_rows = table.len() / width;
        x.par_chunks_exact_mut(width).with_min_len(ROWS_PER_TASK).enumerate().for_each(|(at, row)| {
            let added = &table[at % table_rows * width..][..width];
            row.iter_mut().zip(added).for_each(|(x, added)| *x += added);
            if let Some(activation) = self.activation {
                activation.apply(row);
            }
        });
        Ok(())
    }
}

struct LayerNorm {
    eps: f32,
}

impl CustomOp3 for LayerNorm {
    fn name(&self) -> &'static str {
        "layer_norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_l: &Layout,
        weight: &CpuStorage,
        weight_l: &Layout,
        bias: &CpuStorage,
        bias_l: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, weight, bias) = (values(x, x_l)?, values(weight, weight_l)?, values(bias, bias_l)?);
        let width = width(x_l)?;
        if weight.len() != width || bias.len() != width {
            bail!("layer_norm: weight {:?}, bias {:?} for rows of {width}", weight_l.shape(), bias_l.shape());
        }
        let mut normed = vec![0.0; x.len()];
        normed
            .par_chunks_exact_mut(width)
            .with_min_len(ROWS_PER_TASK)
            .zip(x.par_chunks_exact(width))
            .for_each(|(normed, row)| {
                let mean = row.iter().sum::<f32>() / width as f32;
                let variance = row.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>() / width as f32;
                let factor = 1.0 / (variance + self.eps).sqrt();
                for (((normed, x), weight), bias) in normed.iter_mut().zip(row).zip(weight).zip(bias) {
                    *normed = (x - mean) * factor * weight + bias;
                }
            });
        Ok((CpuStorage::F32(normed), x_l.shape().clone()))
    }
}

struct Softmax {
    scale: f32,
    causal: bool,
}

impl InplaceOp1 for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn cpu_fwd(&self, scores: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let scores = values_mut(scores, layout)?;
        let tokens = width(layout)?;
        scores.par_chunks_exact_mut(tokens).with_min_len(ROWS_PER_TASK).enumerate().for_each(|(at, row)| {
            let seen = if self.causal { at % tokens + 1 } else { tokens };
            let (seen, hidden) = row.split_at_mut(seen);
            let largest = seen.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            seen.iter_mut().for_each(|score| *score = ((*score - largest) * self.scale).exp());
            let factor = 1.0 / seen.iter().sum::<f32>();
            seen.iter_mut().for_each(|score| *score *= factor);
            hidden.fill(0.0);
        });
        Ok(())
    }
}

fn width(layout: &Layout) -> Result<usize> {
    match layout.dims().last() {
        Some(width) if *width > 0 => Ok(*width),
        _ => bail!("a fused operation needs rows, not {:?}", layout.shape()),
    }
}

/// The values of a contiguous `f32` tensor.
pub(super) fn values<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&storage.as_slice::<f32>()?[start..end]),
        None => bail!("a fused operation needs a contiguous tensor, not {layout:?}"),
    }
}

fn values_mut<'a>(storage: &'a mut CpuStorage, layout: &Layout) -> Result<&'a mut [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(values), Some((start, end))) => Ok(&mut values[start..end]),
        _ => bail!("a fused operation needs a contiguous f32 tensor, not {layout:?}"),
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{D, Device};

    use super::*;

    fn random(shape: &[usize]) -> Tensor {
        let count = shape.iter().product::<usize>();
        let values = (0..count).map(|at| ((at * 7919 + 13) % 1009) as f32 / 200.0 - 2.5).collect::<Vec<_>>();
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
    }

    fn assert_close(found: &Tensor, expected: &Tensor) {
        assert_eq!(found.dims(), expected.dims());
        let difference = (found - expected).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap();
        let difference = difference.to_scalar::<f32>().unwrap();
        assert!(difference < 2e-6, "differs by {difference}");
    }

    #[test]
    fn add_repeats_the_table() {
        for table_shape in [&[10][..], &[3, 10], &[6, 10]] {
            let (x, table) = (random(&[6, 10]), random(table_shape));
            let stock = x.reshape((6 * 10 / table.elem_count(), table.elem_count())).unwrap();
            let stock = stock.broadcast_add(&table.flatten_all().unwrap()).unwrap().reshape((6, 10)).unwrap();
            add(&x, &table, None).unwrap();
            assert_close(&x, &stock);
        }
    }

    #[test]
    fn add_refuses_a_table_that_does_not_repeat() {
        assert!(add(&random(&[6, 10]), &random(&[4, 10]), None).is_err());
        assert!(add(&random(&[6, 10]), &random(&[5]), None).is_err());
    }

    #[test]
    fn activations_follow_the_addition() {
        let stock_sum = random(&[6, 10]).broadcast_add(&random(&[10])).unwrap();
        let quick = (&stock_sum / ((&stock_sum * -1.702).unwrap().exp().unwrap() + 1.0).unwrap()).unwrap();
        for (activation, stock) in
            [(Activation::QuickGelu, quick), (Activation::Gelu, stock_sum.gelu_erf().unwrap())]
        {
            let x = random(&[6, 10]);
            add(&x, &random(&[10]), Some(activation)).unwrap();
            assert_close(&x, &stock);
        }
    }

    #[test]
    fn layer_norm_equals_the_stock_one() {
        let (x, weight, bias) = (random(&[2, 5, 33]), random(&[33]), random(&[33]).affine(0.5, 1.0).unwrap());
        let stock = candle_nn::ops::layer_norm(&x, &weight, &bias, 1e-5).unwrap();
        assert_close(&layer_norm(&x, &weight, &bias, 1e-5).unwrap(), &stock);
    }

    #[test]
    fn softmax_equals_the_stock_one() {
        let scores = random(&[2, 3, 9, 9]);
        let stock = candle_nn::ops::softmax(&(&scores * 0.25).unwrap(), D::Minus1).unwrap();
        softmax(&scores, 0.25, false).unwrap();
        assert_close(&scores, &stock);
    }

    #[test]
    fn causal_softmax_hides_later_tokens() {
        let scores = random(&[4, 9, 9]);
        let mask: Vec<f32> =
            (0..81).map(|at| if at % 9 > at / 9 { f32::NEG_INFINITY } else { 0.0 }).collect();
        let mask = Tensor::from_vec(mask, (9, 9), &Device::Cpu).unwrap();
        let masked = (&scores * 0.25).unwrap().broadcast_add(&mask).unwrap();
        let stock = candle_nn::ops::softmax(&masked, D::Minus1).unwrap();
        softmax(&scores, 0.25, true).unwrap();
        assert_close(&scores, &stock);
    }
}
