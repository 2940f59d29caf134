//! An opened experiment and the jobs that fill it: datasets, prompts, encoders and the store brought together.
//! The screens stand on this and on nothing below it; subcommands that compute do too.

mod analysis;
mod bench;
mod doctors;
mod editing;
mod embedding;
mod error;
mod experiment;
mod export;
pub mod generation;
mod jobs;
mod runs;
mod session;
mod tables;

pub use crate::clip::{Precision, PreprocessingOrigin};
pub use crate::dataset::{ClassNameMap, PictureSource, SkippedImage};
pub use crate::evaluation::{
    Calibration, CalibrationOptions, ChangedPrediction, ClassAccuracy, Comparison, Competitor, ConfusedPair,
    ConfusionChange, ControlGain, CurveOptions, CurvePoint, Evaluation, Fitted, LearningCurve,
    PromptSimilarity, Reliability, ReliabilityBin, RemovedPrompt, Standing, confusion_change_block,
    confusion_changes, taken_by_either,
};
pub use crate::hub::{Hub, HubError, HubSettings, Plan, PlannedFile, Repository};
pub use crate::prompts::lint::{Fix, Rule};
pub use crate::prompts::{Aggregation, ControlKind};
pub use crate::store::{OpenedStore, StorePlace};
pub use analysis::calibration::calibrate_strategy;
pub use analysis::explanation::{
    Correction, ExplainedClass, Explanation, LikelyClass, PromptShare, explain, explain_picture,
};
pub use analysis::job::{AnalysisAnswer, AnalysisJob, AnalysisNotice, AnalysisRequest};
pub use analysis::learning_curve::strategy_curve;
pub use analysis::pruning::{Pruning, PruningOptions, save_pruned};
pub use bench::benchmark::{Benchmark, BenchmarkRequest, ImageRates, RescoringTimes, TextRates, benchmark};
pub use bench::checkpoint_list::{ListedCheckpoint, ModelFigures, list_checkpoints};
pub use bench::machine::{checkpoint_in_words, choose_instruction_set, kernels, processor};
pub use doctors::cleaning::{CleanedSet, CleanedStrategy, Cleaning, save_cleaned};
pub use doctors::dataset_inspection::{
    DatasetInspection, EqualPictures, InspectedClass, NumberRange, inspect_dataset,
};
pub use doctors::finding::{Finding, FindingKind, FlawedPrompt};
pub use doctors::labels::label_findings;
pub use doctors::prompts::{EffectiveNumbers, effective_numbers, prompt_findings, text_findings};
pub use editing::editor_job::{EditorJob, EditorNotice, EditorRequest};
pub use editing::edits::{ClassPrompts, Edit, EditError, EditedPrompt, PromptEdits, PromptOrigin};
pub use editing::history::{PromptChange, PromptHistory, SavedPrompts};
pub use editing::prompt_editor::{EditorError, EditorState, LastChange, PromptEditor, check_prompt_set_name};
pub use embedding::embedder::{Embedder, ImageContents, ImageEmbeddings, PromptEmbeddings};
pub use embedding::file_contents::{NamedPicture, checkpoint_fingerprint};
pub use embedding::precision::precision_notes;
pub use error::WorkbenchError;
pub use experiment::definition::{
    CheckpointChoice, ClassNamesChoice, DEMO, DatasetChoice, Experiment, ExperimentError, PromptSetChoice,
    StrategyChoice, split_reference,
};
pub use experiment::demo;
pub use experiment::experiment_text::{ChangedLine, FileChange};
pub use experiment::flags::{ExperimentFlags, NamedPromptSets, quoted};
pub use experiment::hub_checkpoint::{PullOffer, hub, pull};
pub use experiment::recent::{Memory, Origin, Recent, complete_path, typed_path};
pub use export::classifier::{ClassifierFile, WrittenClassifier};
pub use export::clip_benchmark::{BenchmarkLine, benchmark_lines};
pub use export::embeddings::{EmbeddingForm, EmbeddingRequest, EmbeddingSummary, write_embeddings};
pub use export::html::HtmlReport;
pub use export::json;
pub use export::npy::NumberType;
pub use export::pictures::PictureFolder;
pub use export::predictions::PredictionTable;
pub use jobs::atomic_file::AtomicFile;
pub use jobs::progress::{Cancel, Meter, Progress, Stage, short_duration, short_size};
pub use runs::comparison::RunComparison;
pub use runs::published_results::{Metric, PublishedResult, PublishedResults};
pub use runs::receipt::{Receipt, ReceiptPart};
pub use runs::replay::{Replay, ReplayFrom};
pub use runs::run::{Run, RunCheckpoint, RunClass, RunDataset, RunStrategy};
pub use runs::verification::{Cause, Verification};
pub use session::checking::{ExperimentPart, problems_of};
pub use session::controls::{ControlAccuracy, ControlResult, Controls, Spread};
pub use session::evaluation::{
    RANKED, Session, SessionEmbeddings, SessionImage, SessionOptions, StrategyResult,
};
pub use session::first_figures::{FirstFigure, FirstFigures};
pub use session::opening::{
    CONTROL_SEEDS, LeftOverKeys, Workbench, open_checkpoint, open_prompt_set, stored_prompt_set,
    unknown_prompt_set,
};
pub use session::session_job::{JobNotice, Remedy, SessionJob, make_session};
pub use session::shared_embeddings::{ReadingNotice, SharedEmbeddings};
#[cfg(test)]
pub use session::test_session;
pub use session::wanted_image::WantedImage;
pub use tables::class_table::{Change, ClassColumn, ClassRow, class_table, sort_classes};
pub use tables::image_selection::{ConfusionCell, Focus, ImageFilter, ImageSelection, margin};
pub use tables::prompt_table::PromptTable;
pub use tables::verdict::{
    control_verdict, helped_and_hurt, p_value, p_words, proven_words, verdict, verdict_between,
};
