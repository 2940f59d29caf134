//! Precisions on this processor: what cannot be faster than `f32` here is refused, or said.

use crate::clip::Precision;
use crate::kernels::Cpu;
use crate::workbench::error::WorkbenchError;

/// Whether an encoder may be loaded in `precision`.
///
/// # Errors
/// [`WorkbenchError::Precision`] for bfloat16 on a processor without products of it: it would be rounded for nothing.
pub(in crate::workbench) fn check(precision: Precision) -> Result<(), WorkbenchError> {
    if precision == Precision::Bf16 && !Cpu::detect().is_faster_in(precision) {
        return Err(WorkbenchError::Precision { precision, instruction_set: Cpu::detect().name() });
    }
    Ok(())
}

/// What the user should know of computing in `precision` here: that it is no faster than `f32`, and which instructions are
/// not used since their sums are wrong.
pub fn precision_notes(precision: Precision) -> Vec<String> {
    let mut notes = Vec::new();
    if precision == Precision::Int8 && !Cpu::detect().is_faster_in(precision) {
        notes.push(format!(
            "int8 is not faster than f32 on this processor, which computes with {}: leave it out unless the numbers of \
             another machine are to be made again",
            Cpu::detect().name()
        ));
    }
    for set in Cpu::distrusted() {
        notes.push(format!(
            "this machine says that it has {}, which gave wrong sums when it was checked; it computes with {} instead",
            set.words(),
            Cpu::detect().name()
        ));
    }
    notes
}
