//! Questions about the embeddings of a session: why, how sure, how many prompts are enough.

pub(super) mod calibration;
pub(super) mod explanation;
pub(super) mod job;
pub(super) mod learning_curve;
pub(super) mod pruning;
