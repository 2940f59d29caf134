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

mod core;
mod diagnosis;
mod error;
mod protocol;
mod significance;
#[cfg(test)]
mod tests;

pub use core::classifier::Classifier;
pub use core::confusion::{Confusion, Taken};
pub use core::evaluate::{ClassAccuracy, Evaluation, evaluate, evaluate_cancellable};
pub use core::matrix::Matrix;
pub use core::ranking::Ranked;
pub use core::rescoring::{ChangedPrediction, Rescorer};
pub use core::scores::Cancellation;
pub use diagnosis::assignment::{PermutedClasses, best_assignment};
pub use diagnosis::attribution::ClassLogit;
pub use diagnosis::confusions::{
    ConfusedPair, ConfusionChange, confusion_change_block, confusion_changes, taken_by_either,
};
pub use diagnosis::counterfactual::{PromptedClassifier, RemovedPrompt};
pub use diagnosis::near_duplicates::{ImagePair, PromptCosines, effective_number, near_duplicates};
pub use diagnosis::prompt_similarity::{ClassMeans, Competitor, PromptSimilarity};
pub use error::EvaluationError;
pub use protocol::calibration::{
    Calibration, CalibrationOptions, Fitted, Reliability, ReliabilityBin, calibrate,
};
pub use protocol::learning_curve::{CurveOptions, CurvePoint, CurveSubject, LearningCurve, learning_curve};
pub use protocol::pruning::prune;
pub use protocol::split::{Split, split};
pub use significance::bootstrap::bootstrap_interval;
pub use significance::comparison::{ClassDifference, Comparison, class_differences};
pub use significance::control_gain::{ControlGain, Standing};
pub use significance::holm::holm;
pub use significance::mcnemar::{SIGNIFICANCE, mcnemar_p, smallest_resolvable};
pub use significance::wilson::wilson_interval;
