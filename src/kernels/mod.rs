//! The arithmetic that costs the time, on plain slices: matrix products with packed operands in three precisions,
//! attention, layer norm, softmax and activations.
//!
//! One binary serves every processor: the instruction set is found at run time ([`Cpu::detect`]) and each kernel is
//! compiled for all of them from the same generic code, through `pulp`. The exceptions are the 8-bit and 16-bit products of
//! VNNI, AVX-512 BF16 and AMX in `x86.rs` and those of NEON in `neon.rs`, the only unsafe code of the project. Every
//! instruction set that a machine has can be chosen by its name ([`Cpu::choose`]) and is tested against the plain version.
//!
//! What is compiled for an instruction set must end up inside of the function that `pulp` compiles for it: elsewhere each of
//! its instructions is a call of a function, and products take fifty times as long. So all of it is `#[inline(always)]`, and
//! a function that another one takes is a type with such a method (`shape::Multiply`, `rows::Function`, `quantised::Joined`)
//! and no closure, which cannot be marked. `experiments/cpu-throughput/out_of_line.sh` looks for such calls in a binary.
//!
//! Every result depends on its own row alone, to the last bit: not on the other rows of a call, nor on threads.

mod attention;
mod fill;
mod halves;
mod instruction_set;
mod int8;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "x86_64")]
mod pairs;
mod panels;
mod peak;
mod product;
mod quantised;
mod rows;
mod self_check;
mod shape;
mod tile;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use attention::{Attention, AttentionBuffers, Queries, Segment};
pub use instruction_set::{InstructionSet, InstructionSetError};
pub use product::{Accumulate, PackedRows, PackedWeights};
pub use rows::{exp_sum, gelu, gelu_tanh, layer_norm, quick_gelu, silu};

use serde::{Deserialize, Serialize};

/// How weights and activations are multiplied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit floats.
    #[default]
    F32,
    /// 8-bit integers with a scale for every row and every output, in groups of 256 inputs; sums are exact.
    Int8,
    /// 16-bit floats with the exponent of `f32`; sums are `f32`.
    Bf16,
}

impl Precision {
    /// All of them, the exact one first.
    pub const ALL: [Self; 3] = [Self::F32, Self::Bf16, Self::Int8];

    /// As in files, flags and cache keys.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Int8 => "int8",
            Self::Bf16 => "bf16",
        }
    }
}

impl std::fmt::Display for Precision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl std::str::FromStr for Precision {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|precision| precision.name() == name);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("no precision is called {name}; there are {names}")
        })
    }
}

/// The instruction set that the kernels use.
#[derive(Debug, Clone, Copy)]
pub struct Cpu {
    set: InstructionSet,
    arch: pulp::Arch,
    bytes: Bytes,
    halves: Halves,
}

/// What multiplies bytes.
#[derive(Debug, Clone, Copy)]
enum Bytes {
    /// Nothing: they become floats.
    None,
    /// Products of 16-bit integers, which they become.
    #[cfg(target_arch = "x86_64")]
    Pairs(pairs::Pairs),
    #[cfg(target_arch = "x86_64")]
    Vnni(x86::Vnni),
    #[cfg(target_arch = "x86_64")]
    Amx(x86::Amx),
    #[cfg(target_arch = "aarch64")]
    Dot(neon::Dot),
}

/// What multiplies bfloat16.
#[derive(Debug, Clone, Copy)]
enum Halves {
    /// Nothing: they become floats.
    None,
    #[cfg(target_arch = "x86_64")]
    Wide(x86::WideHalves),
    #[cfg(target_arch = "x86_64")]
    Amx(x86::AmxHalves),
}

impl Cpu {
    /// The most `f32` operations that one core did in a second, a multiplication and an addition counting as two:
    /// measured on independent chains of fused ones in registers, the best of `trials`.
    pub fn peak_flops(self, trials: usize) -> f64 {
        (0..trials).map(|_| self.arch.dispatch(peak::Peak)).fold(0.0, f64::max)
    }
}

/// Numbers from −0.5 to 0.5 for tests, the same for the same seed.
#[cfg(test)]
pub(crate) fn random(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    std::iter::repeat_with(next).take(count).collect()
}
