//! The arithmetic that costs the time, on plain slices: matrix products with packed operands in two precisions,
//! attention, layer norm, softmax and activations.
//!
//! One binary serves every processor: the instruction set is found at run time ([`Cpu::detect`]) and each kernel is
//! compiled for all of them from the same generic code, through `pulp`. The one exception are the 8-bit products of
//! AVX-512 VNNI and of AMX in `x86.rs`, the only unsafe code of the project.
//!
//! What is compiled for an instruction set must end up inside of the function that `pulp` compiles for it: elsewhere each of
//! its instructions is a call of a function, and products take fifty times as long. So all of it is `#[inline(always)]`, and
//! a function that another one takes is a type with such a method (`shape::Multiply`, `rows::Function`, `quantised::Joined`)
//! and no closure, which cannot be marked. `experiments/cpu-throughput/out_of_line.sh` looks for such calls in a binary.
//!
//! Every result depends on its own row alone, to the last bit: not on the other rows of a call, nor on threads.

mod attention;
mod fill;
mod int8;
#[cfg(target_arch = "x86_64")]
mod pairs;
mod panels;
mod peak;
mod product;
mod quantised;
mod rows;
mod shape;
mod tile;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use attention::{Attention, AttentionBuffers, Queries, Segment};
pub use product::{Accumulate, PackedRows, PackedWeights};
pub use rows::{exp_sum, gelu, gelu_tanh, layer_norm, quick_gelu};

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
}

impl Precision {
    /// All of them, the exact one first.
    pub const ALL: [Self; 2] = [Self::F32, Self::Int8];

    /// As in files, flags and cache keys.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Int8 => "int8",
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
        found.ok_or_else(|| format!("no precision is called {name}; there are f32 and int8"))
    }
}

/// The instruction set that the kernels use.
#[derive(Debug, Clone, Copy)]
pub struct Cpu {
    arch: pulp::Arch,
    bytes: Bytes,
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
}

impl Cpu {
    /// The best one that this processor has.
    pub fn detect() -> Self {
        let arch = pulp::Arch::new();
        #[cfg(target_arch = "x86_64")]
        let bytes = match (x86::Amx::detect(), x86::Vnni::detect()) {
            (Some(amx), _) => Bytes::Amx(amx),
            (None, Some(vnni)) => Bytes::Vnni(vnni),
            (None, None) => pairs::Pairs::from_arch(arch).map_or(Bytes::None, Bytes::Pairs),
        };
        #[cfg(not(target_arch = "x86_64"))]
        let bytes = Bytes::None;
        Self { arch, bytes }
    }

    /// Its name, for reports.
    pub fn name(self) -> &'static str {
        match self.arch {
            #[cfg(target_arch = "x86_64")]
            pulp::Arch::V4(_) => match self.bytes {
                Bytes::None | Bytes::Pairs(_) => "AVX-512",
                Bytes::Vnni(_) => "AVX-512 with VNNI",
                Bytes::Amx(_) => "AVX-512 with AMX",
            },
            #[cfg(target_arch = "x86_64")]
            pulp::Arch::V3(_) => "AVX2 with FMA",
            #[cfg(target_arch = "aarch64")]
            pulp::Arch::Neon(_) => "NEON",
            _ => "no vector instructions",
        }
    }

    /// The most `f32` operations that one core did in a second, a multiplication and an addition counting as two:
    /// measured on independent chains of fused ones in registers, the best of `trials`.
    pub fn peak_flops(self, trials: usize) -> f64 {
        (0..trials).map(|_| self.arch.dispatch(peak::Peak)).fold(0.0, f64::max)
    }

    /// Every instruction set that this processor has, for tests: all give the same results.
    #[cfg(test)]
    fn all() -> Vec<Self> {
        let mut all = vec![Self::plain()];
        #[cfg(target_arch = "x86_64")]
        {
            let v3 = pulp::x86::V3::try_new().map(pulp::Arch::V3);
            let v4 = pulp::x86::V4::try_new().map(pulp::Arch::V4);
            for arch in v3.into_iter().chain(v4) {
                all.push(Self { arch, ..Self::plain() });
                all.extend(
                    pairs::Pairs::from_arch(arch).map(|pairs| Self { arch, bytes: Bytes::Pairs(pairs) }),
                );
            }
            all.extend(x86::Vnni::detect().map(|vnni| Self { bytes: Bytes::Vnni(vnni), ..Self::detect() }));
        }
        all.push(Self::detect());
        all
    }

    #[cfg(test)]
    fn plain() -> Self {
        Self { arch: pulp::Arch::Scalar, bytes: Bytes::None }
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
