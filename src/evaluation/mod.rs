//! Zero-shot classifiers and their metrics, on plain `f32` matrices.
//!
//! | file | what it knows |
//! |---|---|
//! | `matrix.rs` | rows of embeddings |
//! | `classifier.rs` | how the prompts of a class become its part of a classifier |
//! | `prompt_weights.rs` | prompts weighted without labels: ZPE and AutoCLIP |
//! | `scores.rs` | the matrix product: images by the rows of a classifier |
//! | `ranking.rs` | what the scores of one image say: best classes, probabilities, rank of the true class |
//! | `evaluate.rs` | a classifier on labelled images, and the metrics |
//! | `encoding.rs` | an evaluation as bytes |
//! | `rescoring.rs` | an evaluation that follows its prompts while they change, one class at a time |
//! | `prompt_similarity.rs` | how near a prompt is to the images of its class and of the others |
//! | `comparison.rs` | two evaluations on the same images |
//! | `control_gain.rs` | what a strategy gains over a control with several seeds |
//! | `confusion.rs` | how many images of each class were taken for each class |
//! | `confusions.rs` | which classes are taken for which, and what changes from one evaluation to another |
//! | `attribution.rs` | what each prompt contributes to the logit of its class for an image |
//! | `counterfactual.rs` | which prompts would have to go for a missed image to be recognised |
//! | `mcnemar.rs` | whether a difference is proven, and the smallest that could be |
//! | `holm.rs` | the same for many classes at once |
//! | `bootstrap.rs` | how far a difference may be off |
//! | `calibration.rs` | whether probabilities can be trusted, and the temperature that makes them better |
//! | `learning_curve.rs` | how accuracy grows with the number of prompts |
//! | `pruning.rs` | prompts taken out as long as that helps on labelled images |
//! | `split.rs` | images to choose on, and images to measure on |
//! | `assignment.rs` | the best assignment of predicted classes to true ones, and permuted class names |
//! | `near_duplicates.rs` | what is nearly the same by its embedding, and how many different prompts there are |

mod assignment;
mod attribution;
mod bootstrap;
mod calibration;
mod classifier;
mod comparison;
mod confusion;
mod confusions;
mod control_gain;
mod counterfactual;
mod encoding;
mod error;
mod evaluate;
mod holm;
mod learning_curve;
mod matrix;
mod mcnemar;
mod near_duplicates;
mod prompt_similarity;
mod prompt_weights;
mod pruning;
mod ranking;
mod rescoring;
mod scores;
mod split;
#[cfg(test)]
mod tests;

pub use assignment::{PermutedClasses, best_assignment};
pub use attribution::ClassLogit;
pub use bootstrap::bootstrap_interval;
pub use calibration::{Calibration, CalibrationOptions, Fitted, Reliability, ReliabilityBin, calibrate};
pub use classifier::Classifier;
pub use comparison::{ClassDifference, Comparison, class_differences};
pub use confusion::{Confusion, Taken};
pub use confusions::{
    ConfusedPair, ConfusionChange, confusion_change_block, confusion_changes, taken_by_either,
};
pub use control_gain::{ControlGain, Standing};
pub use counterfactual::{PromptedClassifier, RemovedPrompt};
pub use error::EvaluationError;
pub use evaluate::{ClassAccuracy, Evaluation, Proceed, evaluate, evaluate_while};
pub use holm::holm;
pub use learning_curve::{CurveOptions, CurvePoint, CurveSubject, LearningCurve, learning_curve};
pub use matrix::Matrix;
pub use mcnemar::{SIGNIFICANCE, mcnemar_p, smallest_resolvable};
pub use near_duplicates::{ImagePair, PromptCosines, effective_number, near_duplicates};
pub use prompt_similarity::{ClassMeans, Competitor, PromptSimilarity};
pub use pruning::prune;
pub use ranking::Ranked;
pub use rescoring::{ChangedPrediction, Rescorer};
pub use split::{Split, split};
