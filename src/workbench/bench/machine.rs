//! What the doctor says of this machine: its processor, and what a checkpoint would be on it.

use crate::clip::Checkpoint;
use crate::kernels::{Cpu, Precision};
use crate::workbench::error::WorkbenchError;
use crate::workbench::experiment::definition::CheckpointChoice;
use crate::workbench::session::opening::open_checkpoint;

/// The processor's instruction sets.
pub fn processor() -> String {
    #[cfg(target_arch = "x86_64")]
    let found = [
        ("sse4.1", is_x86_feature_detected!("sse4.1")),
        ("avx", is_x86_feature_detected!("avx")),
        ("avx2", is_x86_feature_detected!("avx2")),
        ("fma", is_x86_feature_detected!("fma")),
        ("avxvnni", is_x86_feature_detected!("avxvnni")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
        ("avx512vnni", is_x86_feature_detected!("avx512vnni")),
        ("avx512bf16", is_x86_feature_detected!("avx512bf16")),
    ];
    #[cfg(target_arch = "aarch64")]
    let found = [
        ("neon", std::arch::is_aarch64_feature_detected!("neon")),
        ("dotprod", std::arch::is_aarch64_feature_detected!("dotprod")),
        ("i8mm", std::arch::is_aarch64_feature_detected!("i8mm")),
    ];
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let found: [(&str, bool); 0] = [];
    let names: Vec<&str> = found.iter().filter(|(_, has)| *has).map(|(name, _)| *name).collect();
    let names = if names.is_empty() { "none".into() } else { names.join(" ") };
    format!("{}: {names}", std::env::consts::ARCH)
}

/// Makes the kernels compute with the instruction set called `name`, before anything is computed.
///
/// # Errors
/// What is wrong with the name, and which there are.
pub fn choose_instruction_set(name: &str) -> Result<(), String> {
    Cpu::choose(name).map_err(|error| error.to_string())
}

/// What the kernels compute with: the instruction set, those that `CUPL_TUI_CPU` could name instead, and the products in each
/// precision.
pub fn kernels() -> String {
    let cpu = Cpu::detect();
    let names: Vec<&str> = Cpu::available().into_iter().map(|cpu| cpu.instruction_set().name()).collect();
    let products = Precision::ALL.map(|precision| match precision {
        Precision::F32 => format!("f32: {}", cpu.products(precision)),
        _ if cpu.is_faster_in(precision) => format!("{precision}: {}", cpu.products(precision)),
        _ => format!("{precision}: not faster than f32 here"),
    });
    let mut words = format!(
        "{} ({}, of {}; CUPL_TUI_CPU chooses); {}",
        cpu.name(),
        cpu.instruction_set().name(),
        names.join(", "),
        products.join(", ")
    );
    for set in Cpu::distrusted() {
        words += &format!("; {} is not used: it gave wrong sums when it was checked", set.words());
    }
    words
}

/// What a checkpoint is, in words; with another name than its own where it is known under one.
///
/// # Errors
/// What is wrong with it.
pub fn checkpoint_in_words(
    choice: &CheckpointChoice,
    called: Option<&str>,
) -> Result<String, WorkbenchError> {
    let opened = open_checkpoint(choice)?;
    Ok(words(&match called {
        Some(name) => opened.called(name),
        None => opened,
    }))
}

fn words(checkpoint: &Checkpoint) -> String {
    let (name, config) = (checkpoint.name(), checkpoint.config());
    format!(
        "{name}: {0}, {1:.1} million parameters; images {2}x{2}, {3:.2} GFLOP each; text of {4} tokens, {5} blocks of width {6}; {7} dimensions; preprocessing from {8}",
        config.architecture(),
        config.parameters() as f64 / 1e6,
        config.vision.image_size(),
        config.operations_per_image() as f64 / 1e9,
        config.text.max_position_embeddings,
        config.text.num_hidden_layers,
        config.text.hidden_size,
        config.dim,
        checkpoint.preprocessing_origin(),
    )
}
