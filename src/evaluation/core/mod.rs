//! Embeddings become classifiers, predictions and accuracies, and stay right when a prompt changes.

pub(super) mod autoclip;
pub(super) mod classifier;
pub(super) mod confusion;
pub(super) mod encoding;
pub(super) mod evaluate;
pub(super) mod matrix;
pub(super) mod prompt_weights;
pub(super) mod ranking;
pub(super) mod rescoring;
pub(super) mod scores;
