//! The kernels as operations on candle tensors: contiguous `f32` tensors on the CPU, changed in place, so that the
//! towers' buffers serve all layers and all batches.

use std::cell::Cell;

use candle_core::{CpuStorage, DType, InplaceOp1, Layout, Result, Storage, Tensor, bail};

use super::layers::{LayerNorm, Linear};
use crate::clip::config::activation::Activation;
use crate::kernels::{
    self, Accumulate, Attention, AttentionBuffers, Cpu, PackedRows, Precision, Queries, Segment,
};

/// `out` = `rows` · weightᵀ + bias, or `out` += that; `out` is `[rows, outputs]`.
pub(in crate::clip) fn linear(
    rows: &PackedRows,
    layer: &Linear,
    accumulate: Accumulate,
    out: &Tensor,
) -> Result<()> {
    let (weights, bias) = (&layer.weights, &layer.bias);
    if out.elem_count() != rows.rows() * weights.outputs() {
        bail!("linear: {} rows of {} outputs do not fill {:?}", rows.rows(), weights.outputs(), out.shape());
    }
    change(out, |out| weights.multiply(rows, bias, accumulate, out))
}

/// x · weightᵀ + bias of a layer in 32-bit floats; `x` is `[rows, inputs]`.
pub(in crate::clip) fn project(cpu: Cpu, x: &Tensor, layer: &Linear) -> Result<Tensor> {
    let out = Tensor::zeros((x.dim(0)?, layer.weights.outputs()), DType::F32, x.device())?;
    let mut packed = PackedRows::new(cpu, Precision::F32);
    pack(x, &mut packed)?;
    linear(&packed, layer, Accumulate::No, &out)?;
    Ok(out)
}

/// Packs the activations of `rows` · weightᵀ + bias, `[rows, outputs]`.
pub(in crate::clip) fn linear_activated(
    cpu: Cpu,
    rows: &PackedRows,
    layer: &Linear,
    activation: Activation,
    packed: &mut PackedRows,
) {
    let activate = match activation {
        Activation::QuickGelu => kernels::quick_gelu,
        Activation::Gelu => kernels::gelu,
        Activation::GeluTanh => kernels::gelu_tanh,
    };
    layer.weights.multiply_and_pack(rows, &layer.bias, |values| activate(cpu, values), packed);
}

/// Packs the rows of `x`, `[rows, width]`.
pub(in crate::clip) fn pack(x: &Tensor, packed: &mut PackedRows) -> Result<()> {
    pack_changed(x, packed, |row, out| out.copy_from_slice(row))
}

/// Packs the rows of `x`, `[rows, width]`, normed.
pub(in crate::clip) fn pack_normed(
    cpu: Cpu,
    x: &Tensor,
    norm: &LayerNorm,
    packed: &mut PackedRows,
) -> Result<()> {
    let LayerNorm { weight, bias, eps } = norm;
    pack_changed(x, packed, |row, out| kernels::layer_norm(cpu, row, weight, bias, *eps, out))
}

/// Packs the rows of silu(`gate`) · `x`, normed; both are `[rows, width]`, and `gate` is changed.
pub(in crate::clip) fn pack_gated(
    cpu: Cpu,
    gate: &Tensor,
    x: &Tensor,
    norm: &LayerNorm,
    packed: &mut PackedRows,
) -> Result<()> {
    read(x, |x| {
        change(gate, |gate| {
            kernels::silu(cpu, gate);
            gate.iter_mut().zip(x).for_each(|(gate, x)| *gate *= x);
        })
    })??;
    pack_normed(cpu, gate, norm, packed)
}

/// Turns each pair of channels of every row of `x`, `[rows, width]`, by the angle whose cosine and sine `table` has for it,
/// `[tokens, head_width / 2]`; rows are whole sequences of that many tokens.
pub(in crate::clip) fn rotate(x: &Tensor, table: &[[f32; 2]], tokens: usize) -> Result<()> {
    let (_, width) = x.dims2()?;
    let pairs = table.len() / tokens;
    change(x, |x| {
        for (row, x) in x.chunks_exact_mut(width).enumerate() {
            let turns = &table[row % tokens * pairs..][..pairs];
            for (pair, [cosine, sine]) in x.chunks_exact_mut(2).zip(turns.iter().cycle()) {
                let (a, b) = (pair[0], pair[1]);
                pair[0] = a * cosine - b * sine;
                pair[1] = b * cosine + a * sine;
            }
        }
    })
}

fn pack_changed(x: &Tensor, packed: &mut PackedRows, change: impl Fn(&[f32], &mut [f32])) -> Result<()> {
    let (rows, width) = x.dims2()?;
    read(x, |x| packed.pack(rows, width, |row, out| change(&x[row * width..][..width], out)))
}

/// Attention of queries `[asking, width]` over keys and values `[rows, width]`, to `out` `[asking, width]`.
pub(in crate::clip) fn attend(
    cpu: Cpu,
    attention: Attention,
    segments: &[Segment],
    [queries, keys, values]: [&Tensor; 3],
    asking: Queries,
    buffers: &mut AttentionBuffers,
    out: &Tensor,
) -> Result<()> {
    let (_, width) = queries.dims2()?;
    let mut attend = |queries: &[f32], keys: &[f32], values: &[f32], out: &mut [f32]| {
        attention.attend(cpu, segments, [queries, keys, values], width, asking, buffers, out);
    };
    read(queries, |queries| {
        read(keys, |keys| read(values, |values| change(out, |out| attend(queries, keys, values, out))))
    })???
}

/// Adds `table` to `x`, both `[.., width]`, repeating it as often as it fits.
pub(in crate::clip) fn add_repeated(x: &Tensor, table: &[f32]) -> Result<()> {
    if table.is_empty() || !x.elem_count().is_multiple_of(table.len()) {
        bail!("add: {} values do not repeat in {:?}", table.len(), x.shape());
    }
    change(x, |x| {
        for x in x.chunks_exact_mut(table.len()) {
            x.iter_mut().zip(table).for_each(|(x, added)| *x += added);
        }
    })
}

/// Adds `y` to `x`, both of one shape.
pub(in crate::clip) fn add(x: &Tensor, y: &Tensor) -> Result<()> {
    if x.elem_count() != y.elem_count() {
        bail!("add: {:?} to {:?}", y.shape(), x.shape());
    }
    read(y, |y| change(x, |x| x.iter_mut().zip(y).for_each(|(x, y)| *x += y)))?
}

/// Puts the rows of `y`, `[n, width]`, into these rows of `x`, `[rows, width]`.
pub(in crate::clip) fn put_rows(x: &Tensor, rows: &[u32], y: &Tensor) -> Result<()> {
    let (_, width) = x.dims2()?;
    read(y, |y| {
        change(x, |x| {
            for (row, y) in rows.iter().zip(y.chunks_exact(width)) {
                x[*row as usize * width..][..width].copy_from_slice(y);
            }
        })
    })?
}

/// Layer norm of every row of `x`, `[rows, width]`, in place.
pub(in crate::clip) fn norm(cpu: Cpu, x: &Tensor, norm: &LayerNorm) -> Result<()> {
    let LayerNorm { weight, bias, eps } = norm;
    let (_, width) = x.dims2()?;
    let mut normed = vec![0.0; width];
    change(x, |x| {
        for row in x.chunks_exact_mut(width) {
            kernels::layer_norm(cpu, row, weight, bias, *eps, &mut normed);
            row.copy_from_slice(&normed);
        }
    })
}

/// Looks at a tensor's values.
fn read<T>(tensor: &Tensor, look: impl FnOnce(&[f32]) -> T) -> Result<T> {
    let (storage, layout) = tensor.storage_and_layout();
    match (&*storage, layout.contiguous_offsets()) {
        (Storage::Cpu(storage), Some((start, end))) => Ok(look(&storage.as_slice()?[start..end])),
        _ => bail!("an operation needs a contiguous tensor on the CPU, not {layout:?}"),
    }
}

/// Changes a tensor's values in place.
fn change(tensor: &Tensor, change: impl FnOnce(&mut [f32])) -> Result<()> {
    tensor.inplace_op1(&Change(Cell::new(Some(change))))
}

struct Change<F>(Cell<Option<F>>);

impl<F: FnOnce(&mut [f32])> InplaceOp1 for Change<F> {
    fn name(&self) -> &'static str {
        "change"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        match (storage, layout.contiguous_offsets(), self.0.take()) {
            (CpuStorage::F32(values), Some((start, end)), Some(change)) => change(&mut values[start..end]),
            _ => bail!("an operation needs a contiguous f32 tensor, not {layout:?}"),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::kernels::{PackedWeights, Precision};

    fn tensor(shape: &[usize]) -> Tensor {
        let count = shape.iter().product::<usize>();
        let values = (0..count).map(|at| ((at * 7919 + 13) % 1009) as f32 / 200.0 - 2.5).collect::<Vec<_>>();
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
    }

    fn layer(outputs: usize, inputs: usize) -> (Linear, Tensor, Tensor) {
        let (weight, bias) = (tensor(&[outputs, inputs]), tensor(&[outputs]));
        let values = weight.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let weights = PackedWeights::new(Cpu::detect(), Precision::F32, &values, inputs);
        (Linear { weights, bias: bias.to_vec1().unwrap() }, weight, bias)
    }

    fn assert_close(found: &Tensor, expected: &Tensor) {
        assert_eq!(found.dims(), expected.dims());
        let difference = (found - expected).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap();
        let difference = difference.to_scalar::<f32>().unwrap();
        assert!(difference < 1e-4, "differs by {difference}");
    }

    #[test]
    fn linear_layers_are_candles() {
        let (layer, weight, bias) = layer(35, 21);
        let x = tensor(&[14, 21]);
        let mut packed = PackedRows::new(Cpu::detect(), Precision::F32);
        pack(&x, &mut packed).unwrap();
        let out = Tensor::zeros((20, 35), candle_core::DType::F32, &Device::Cpu).unwrap();
        let part = out.narrow(0, 3, 14).unwrap();
        linear(&packed, &layer, Accumulate::No, &part).unwrap();
        let expected = x.matmul(&weight.t().unwrap()).unwrap().broadcast_add(&bias).unwrap();
        assert_close(&part, &expected);
        linear(&packed, &layer, Accumulate::Yes, &part).unwrap();
        assert_close(&part, &(&expected + &expected).unwrap());
        assert_eq!(
            out.narrow(0, 0, 3).unwrap().abs().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap(),
            0.0
        );
        assert!(linear(&packed, &layer, Accumulate::Yes, &out).is_err());
    }

    #[test]
    fn norms_are_candles() {
        let x = tensor(&[5, 33]);
        let (weight, bias) = (tensor(&[33]), tensor(&[33]).affine(0.5, 1.0).unwrap());
        let expected = candle_nn::ops::layer_norm(&x, &weight, &bias, 1e-5).unwrap();
        let layer = LayerNorm { weight: weight.to_vec1().unwrap(), bias: bias.to_vec1().unwrap(), eps: 1e-5 };
        norm(Cpu::detect(), &x, &layer).unwrap();
        assert_close(&x, &expected);
    }

    #[test]
    fn additions_repeat_their_table() {
        let x = tensor(&[6, 10]);
        let expected =
            x.reshape((2, 30)).unwrap().broadcast_add(&tensor(&[30])).unwrap().reshape((6, 10)).unwrap();
        add_repeated(&x, &tensor(&[30]).to_vec1::<f32>().unwrap()).unwrap();
        assert_close(&x, &expected);
        assert!(add_repeated(&x, &[0.0; 40]).is_err());
        assert!(add_repeated(&x, &[]).is_err());
    }

    #[test]
    fn tensors_that_are_not_contiguous_are_refused() {
        let x = tensor(&[6, 10]).t().unwrap();
        let mut packed = PackedRows::new(Cpu::detect(), Precision::F32);
        assert!(pack(&x, &mut packed).is_err());
        assert!(add_repeated(&x, &[0.0; 10]).is_err());
    }
}
