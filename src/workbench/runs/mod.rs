//! What was evaluated earlier: kept, made again, compared with each other and with published results.

pub(super) mod comparison;
pub(super) mod published_results;
pub(super) mod receipt;
pub(super) mod replay;
pub(super) mod run;
pub(super) mod verification;
