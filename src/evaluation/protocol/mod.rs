//! How numbers are to be made: splits, calibration, numbers of prompts, pruning without looking at the answers.

pub(super) mod calibration;
pub(super) mod learning_curve;
pub(super) mod pruning;
pub(super) mod split;
