//! What the doctor says of this machine: its processor, and what a checkpoint would be on it.

use crate::clip::Checkpoint;
use crate::kernels::Cpu;
use crate::workbench::error::WorkbenchError;
use crate::workbench::experiment::definition::CheckpointChoice;
use crate::workbench::session::opening::open_checkpoint;

/// The processor's instruction sets, and the one that the kernels compute with, in words.
pub fn processor() -> String {
    #[cfg(target_arch = "x86_64")]
    let found = [
        ("sse4.1", is_x86_feature_detected!("sse4.1")),
        ("avx", is_x86_feature_detected!("avx")),
        ("avx2", is_x86_feature_detected!("avx2")),
        ("fma", is_x86_feature_detected!("fma")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
        ("avx512vnni", is_x86_feature_detected!("avx512vnni")),
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
    format!("{}: {names}; computes with {}", std::env::consts::ARCH, Cpu::detect().name())
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
