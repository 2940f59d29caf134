//! Whether an instruction set gives right sums: a short check before it is used. A processor, a virtual machine or an
//! emulator may claim instructions that it does not carry out as their manual has it; and not every one of them is at hand
//! where this program is tested.

use super::{Accumulate, Cpu, PackedRows, PackedWeights, Precision};

/// Rows, outputs and inputs of the check: several panels, groups and tiles, each with a ragged end.
const SHAPE: [usize; 3] = [35, 70, 300];

/// Whether the products of `cpu` are those of the plain version.
pub(super) fn is_right(cpu: Cpu) -> bool {
    Precision::ALL.into_iter().all(|precision| {
        let (expected, found) = (product(Cpu::plain(), precision), product(cpu, precision));
        // Sums of 8-bit integers are exact. Those of floats are added up in another order.
        let allowed = match precision {
            Precision::Int8 => 0.0,
            Precision::F32 | Precision::Bf16 => 1e-3,
        };
        expected.iter().zip(&found).all(|(expected, found)| (expected - found).abs() <= allowed)
    })
}

/// Numbers between −1 and 1.
fn values(count: usize, step: usize) -> Vec<f32> {
    (0..count).map(|at| (at * step % 509) as f32 / 254.0 - 1.0).collect()
}

fn product(cpu: Cpu, precision: Precision) -> Vec<f32> {
    let [n, outputs, inputs] = SHAPE;
    let (x, weights) = (values(n * inputs, 331), values(outputs * inputs, 173));
    let weights = PackedWeights::new(cpu, precision, &weights, inputs);
    let mut rows = PackedRows::new(cpu, precision);
    rows.pack(n, inputs, |row, out| out.copy_from_slice(&x[row * inputs..][..inputs]));
    let mut out = vec![f32::NAN; n * outputs];
    weights.multiply(&rows, &[], Accumulate::No, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_here_is_right() {
        for cpu in Cpu::all() {
            assert!(is_right(cpu), "{}", cpu.name());
        }
    }
}
