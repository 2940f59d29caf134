//! Zero-shot classifiers and their metrics, on plain `f32` matrices.
//!
//! | file | what it knows |
//! |---|---|
//! | `matrix.rs` | rows of embeddings |
//! | `classifier.rs` | how the prompts of a class become its part of a classifier |
//! | `scores.rs` | the matrix product: images by the rows of a classifier |
//! | `ranking.rs` | what the scores of one image say: best classes, probabilities, rank of the true class |
//! | `evaluate.rs` | a classifier on labelled images, and the metrics |
//! | `encoding.rs` | an evaluation as bytes |
//! | `rescoring.rs` | an evaluation that follows its prompts while they change, one class at a time |
//! | `prompt_similarity.rs` | how near a prompt is to the images of its class and of the others |
//! | `comparison.rs` | two evaluations on the same images |
//! | `confusions.rs` | which classes are taken for which, and what changes from one evaluation to another |
//! | `attribution.rs` | what each prompt contributes to the logit of its class for an image |
//! | `counterfactual.rs` | which prompts would have to go for a missed image to be recognised |
//! | `interval.rs` | how much a difference can be trusted |

mod attribution;
mod classifier;
mod comparison;
mod confusions;
mod counterfactual;
mod encoding;
mod error;
mod evaluate;
mod interval;
mod matrix;
mod prompt_similarity;
mod ranking;
mod rescoring;
mod scores;
#[cfg(test)]
mod tests;

pub use attribution::ClassLogit;
pub use classifier::Classifier;
pub use comparison::{ClassDifference, Comparison};
pub use confusions::{ConfusedPair, ConfusionChange, confusion_change_block, confusion_changes};
pub use counterfactual::{PromptedClassifier, RemovedPrompt};
pub use error::EvaluationError;
pub use evaluate::{ClassAccuracy, Evaluation, evaluate};
pub use interval::paired_interval;
pub use matrix::Matrix;
pub use prompt_similarity::{ClassMeans, Competitor, PromptSimilarity};
pub use ranking::Ranked;
pub use rescoring::{ChangedPrediction, Rescorer};
