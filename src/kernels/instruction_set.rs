//! The instruction sets that kernels are compiled for, by name, and which one is used.

use std::sync::OnceLock;

#[cfg(target_arch = "aarch64")]
use super::neon;
use super::{Bytes, Cpu, Halves, Precision, self_check};
#[cfg(target_arch = "x86_64")]
use super::{pairs, x86};

/// An instruction set that the kernels are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstructionSet {
    /// What every processor of its kind has.
    Plain,
    /// AVX2 with FMA.
    Avx2,
    /// AVX2 with the 8-bit products of AVX-VNNI.
    AvxVnni,
    /// AVX-512 (F, BW, CD, DQ, VL).
    Avx512,
    /// AVX-512 with VNNI's 8-bit products, and with BF16's where they are there.
    Avx512Vnni,
    /// AVX-512 with AMX's 8-bit products, and with its 16-bit ones where they are there.
    Amx,
    /// NEON.
    Neon,
    /// NEON with 8-bit dot products.
    NeonDotprod,
}

impl InstructionSet {
    /// All of them, the fastest last.
    pub const ALL: [Self; 8] = [
        Self::Plain,
        Self::Neon,
        Self::NeonDotprod,
        Self::Avx2,
        Self::AvxVnni,
        Self::Avx512,
        Self::Avx512Vnni,
        Self::Amx,
    ];

    /// As a user may name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Avx2 => "avx2",
            Self::AvxVnni => "avx-vnni",
            Self::Avx512 => "avx512",
            Self::Avx512Vnni => "avx512-vnni",
            Self::Amx => "amx",
            Self::Neon => "neon",
            Self::NeonDotprod => "neon-dotprod",
        }
    }

    /// In words, for reports.
    pub fn words(self) -> &'static str {
        match self {
            Self::Plain => "no vector instructions",
            Self::Avx2 => "AVX2 with FMA",
            Self::AvxVnni => "AVX2 with AVX-VNNI",
            Self::Avx512 => "AVX-512",
            Self::Avx512Vnni => "AVX-512 with VNNI",
            Self::Amx => "AVX-512 with AMX",
            Self::Neon => "NEON",
            Self::NeonDotprod => "NEON with dot products",
        }
    }

    /// The kernels for it, where this processor has it.
    fn cpu(self) -> Option<Cpu> {
        let plain = Cpu { set: self, arch: pulp::Arch::Scalar, bytes: Bytes::None, halves: Halves::None };
        #[cfg(target_arch = "x86_64")]
        {
            let v3 = || Some(pulp::Arch::V3(pulp::x86::V3::try_new()?));
            let v4 = || Some(pulp::Arch::V4(pulp::x86::V4::try_new()?));
            let pairs =
                |arch| Some(Cpu { arch, bytes: Bytes::Pairs(pairs::Pairs::from_arch(arch)?), ..plain });
            match self {
                Self::Plain => Some(plain),
                Self::Avx2 => pairs(v3()?),
                Self::Avx512 => pairs(v4()?),
                Self::AvxVnni => {
                    Some(Cpu { arch: v3()?, bytes: Bytes::Vnni(x86::Vnni::detect_narrow()?), ..plain })
                }
                Self::Avx512Vnni => Some(Cpu {
                    arch: v4()?,
                    bytes: Bytes::Vnni(x86::Vnni::detect()?),
                    halves: x86::WideHalves::detect().map_or(Halves::None, Halves::Wide),
                    ..plain
                }),
                Self::Amx => Some(Cpu {
                    arch: v4()?,
                    bytes: Bytes::Amx(x86::Amx::detect()?),
                    halves: x86::Amx::detect_halves().map_or(Halves::None, Halves::Amx),
                    ..plain
                }),
                Self::Neon | Self::NeonDotprod => None,
            }
        }
        #[cfg(target_arch = "aarch64")]
        {
            let neon = || Some(pulp::Arch::Neon(pulp::aarch64::Neon::try_new()?));
            match self {
                Self::Plain => Some(plain),
                Self::Neon => Some(Cpu { arch: neon()?, ..plain }),
                Self::NeonDotprod => {
                    Some(Cpu { arch: neon()?, bytes: Bytes::Dot(neon::Dot::detect()?), ..plain })
                }
                _ => None,
            }
        }
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        (self == Self::Plain).then_some(plain)
    }
}

/// What keeps an instruction set from being used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InstructionSetError {
    /// There is none of this name.
    #[error("no instruction set is called {name:?}; this processor has {}", list(available))]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        available: Vec<&'static str>,
    },
    /// This processor does not have it.
    #[error("this processor has no {}; it has {}", set.words(), list(available))]
    Missing {
        /// What was asked for.
        set: InstructionSet,
        /// What there is.
        available: Vec<&'static str>,
    },
    /// Something was computed already.
    #[error("the instruction set is chosen before anything is computed")]
    TooLate,
}

fn list(names: &[&str]) -> String {
    names.join(", ")
}

/// What is used, and what was left out.
#[derive(Debug)]
struct Choice {
    cpu: Cpu,
    /// Instruction sets that this processor says it has and that gave wrong sums.
    distrusted: Vec<InstructionSet>,
}

static CHOICE: OnceLock<Choice> = OnceLock::new();

impl Choice {
    /// The fastest instruction set whose products are right.
    fn best() -> Self {
        let mut distrusted = Vec::new();
        for cpu in Cpu::available().into_iter().rev() {
            if self_check::is_right(cpu) {
                return Self { cpu, distrusted };
            }
            distrusted.push(cpu.set);
        }
        Self { cpu: Cpu::plain(), distrusted }
    }
}

impl Cpu {
    /// The chosen instruction set ([`Self::choose`]), or else the fastest one that this processor has and whose products
    /// are right in a short check.
    pub fn detect() -> Self {
        CHOICE.get_or_init(Choice::best).cpu
    }

    /// Makes the kernels compute with the instruction set called `name`, from the beginning on.
    ///
    /// # Errors
    /// An unknown name, an instruction set that this processor does not have, and a choice after [`Self::detect`].
    pub fn choose(name: &str) -> Result<(), InstructionSetError> {
        let all = Self::available();
        let available = || all.iter().map(|cpu| cpu.set.name()).collect();
        let Some(set) = InstructionSet::ALL.into_iter().find(|set| set.name() == name.trim()) else {
            return Err(InstructionSetError::Unknown { name: name.to_owned(), available: available() });
        };
        let Some(cpu) = all.iter().find(|cpu| cpu.set == set) else {
            return Err(InstructionSetError::Missing { set, available: available() });
        };
        let choice = Choice { cpu: *cpu, distrusted: Vec::new() };
        CHOICE.set(choice).map_err(|_| InstructionSetError::TooLate)
    }

    /// Every instruction set that this processor has, the fastest last.
    pub fn available() -> Vec<Self> {
        InstructionSet::ALL.into_iter().filter_map(InstructionSet::cpu).collect()
    }

    /// Instruction sets that this processor says it has and that are not used, since they gave wrong sums.
    pub fn distrusted() -> &'static [InstructionSet] {
        &CHOICE.get_or_init(Choice::best).distrusted
    }

    /// The instruction set.
    pub fn instruction_set(self) -> InstructionSet {
        self.set
    }

    /// Its name, for reports.
    pub fn name(self) -> &'static str {
        self.set.words()
    }

    /// What products in `precision` are made of, for reports.
    pub fn products(self, precision: Precision) -> &'static str {
        match precision {
            Precision::F32 => "fused multiply-additions of floats",
            Precision::Int8 => match self.bytes {
                Bytes::None => "integers held as floats",
                #[cfg(target_arch = "x86_64")]
                Bytes::Pairs(_) => "pairs of 16-bit integers",
                #[cfg(target_arch = "x86_64")]
                Bytes::Vnni(_) => "8-bit dot products of VNNI",
                #[cfg(target_arch = "x86_64")]
                Bytes::Amx(_) => "8-bit tiles of AMX",
                #[cfg(target_arch = "aarch64")]
                Bytes::Dot(_) => "8-bit dot products",
            },
            Precision::Bf16 => match self.halves {
                Halves::None => "bfloat16 held as floats",
                #[cfg(target_arch = "x86_64")]
                Halves::Wide(_) => "bfloat16 pairs of AVX-512 BF16",
                #[cfg(target_arch = "x86_64")]
                Halves::Amx(_) => "bfloat16 tiles of AMX",
            },
        }
    }

    /// Whether products in `precision` are faster than in `f32` here.
    pub fn is_faster_in(self, precision: Precision) -> bool {
        match precision {
            Precision::F32 => false,
            Precision::Int8 => !matches!(self.bytes, Bytes::None),
            Precision::Bf16 => !matches!(self.halves, Halves::None),
        }
    }

    /// Without any vector instructions.
    pub(super) fn plain() -> Self {
        let set = InstructionSet::Plain;
        Self { set, arch: pulp::Arch::Scalar, bytes: Bytes::None, halves: Halves::None }
    }

    /// Every instruction set that this processor has, and forms of others that can be tested without them: all give the
    /// same results.
    #[cfg(test)]
    pub(super) fn all() -> Vec<Self> {
        let mut all = Self::available();
        #[cfg(target_arch = "x86_64")]
        if let Some(cpu) = InstructionSet::Avx2.cpu() {
            all.push(Self { bytes: Bytes::Vnni(x86::Vnni::imitated()), ..cpu });
            all.push(Self { bytes: Bytes::None, ..cpu });
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instruction_set_has_a_name_of_its_own() {
        let mut names = InstructionSet::ALL.map(InstructionSet::name).to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), InstructionSet::ALL.len());
        assert_eq!(Cpu::available()[0].set, InstructionSet::Plain);
    }

    #[test]
    fn what_is_not_there_is_refused_with_what_is() {
        let unknown = Cpu::choose("avx3").unwrap_err().to_string();
        assert!(unknown.contains("\"avx3\"") && unknown.contains("plain"), "{unknown}");
        let of_another_kind = if cfg!(target_arch = "x86_64") { "neon" } else { "avx2" };
        let missing = Cpu::choose(of_another_kind).unwrap_err().to_string();
        assert!(missing.contains("this processor has no ") && missing.contains("plain"), "{missing}");
        Cpu::detect();
        assert_eq!(Cpu::choose("plain"), Err(InstructionSetError::TooLate));
    }
}
