//! An opened experiment and the jobs that fill it: datasets, prompts, encoders and the store brought together.
//! The screens stand on this and on nothing below it; subcommands that compute do too.

mod analysis_job;
mod benchmark;
mod calibration;
mod checkpoint_list;
mod class_table;
mod classifier_file;
mod clip_benchmark;
mod controls;
mod dataset_inspection;
pub mod demo;
mod desk_job;
mod embedding;
mod embedding_file;
mod embedding_rows;
mod error;
mod experiment;
mod explanation;
mod file_contents;
mod finding;
pub mod generation;
mod html_report;
mod hub_checkpoint;
mod image_pipeline;
mod image_selection;
mod jobs;
mod known;
mod label_doctor;
mod learning_curve;
mod npy;
mod opening;
mod parallel;
mod parquet_table;
mod picture_folder;
mod prediction_table;
mod progress;
mod prompt_cleaning;
mod prompt_desk;
mod prompt_doctor;
mod prompt_edits;
mod prompt_encoder;
mod prompt_history;
mod prompt_table;
mod pruning;
mod published_results;
mod receipt;
mod recent;
mod reopening;
mod replay;
pub mod report;
mod run_comparison;
mod runs;
mod session;
#[cfg(test)]
pub mod test_session;
mod unfinished;
mod verdict;
mod verification;
mod wanted_image;

pub use crate::clip::Precision;
pub use crate::dataset::{PictureSource, SkippedImage};
pub use crate::evaluation::{
    Calibration, CalibrationOptions, ChangedPrediction, ClassAccuracy, Comparison, Competitor, ConfusedPair,
    ConfusionChange, ControlGain, CurveOptions, CurvePoint, Evaluation, Fitted, LearningCurve,
    PromptSimilarity, Reliability, ReliabilityBin, RemovedPrompt, Standing, confusion_change_block,
    confusion_changes, taken_by_either,
};
pub use crate::prompts::lint::{Fix, Rule};
pub use crate::prompts::{Aggregation, ControlKind};
pub use crate::store::OpenedStore;
pub use analysis_job::{AnalysisAnswer, AnalysisJob, AnalysisNotice, AnalysisRequest};
pub use benchmark::{Benchmark, BenchmarkRequest, ImageRates, RescoringTimes, TextRates, benchmark};
pub use calibration::calibrate_strategy;
pub use checkpoint_list::{ListedCheckpoint, ModelFigures, list_checkpoints};
pub use class_table::{Change, ClassColumn, ClassRow, class_table, sort_classes};
pub use classifier_file::{ClassifierFile, WrittenClassifier};
pub use clip_benchmark::{BenchmarkLine, benchmark_lines};
pub use controls::{CONTROL_SEEDS, ControlAccuracy, ControlResult, Controls, Spread};
pub use dataset_inspection::{
    DatasetInspection, EqualPictures, InspectedClass, NumberRange, inspect_dataset,
};
pub use desk_job::{DeskJob, DeskNotice, DeskRequest};
pub use embedding::{Embedder, ImageContents, ImageEmbeddings, NamedPicture, PromptEmbeddings};
pub use embedding_file::{EmbeddingForm, EmbeddingRequest, EmbeddingSummary, write_embeddings};
pub use error::WorkbenchError;
pub use experiment::{
    CheckpointChoice, ClassNamesChoice, DEMO, DatasetChoice, Experiment, ExperimentError, ExperimentFlags,
    NamedPromptSets, PromptSetChoice, StrategyChoice, split_reference,
};
pub use explanation::{
    Correction, ExplainedClass, Explanation, LikelyClass, PromptShare, explain, explain_picture,
};
pub use file_contents::checkpoint_fingerprint;
pub use finding::{Finding, FindingKind, FlawedPrompt};
pub use html_report::HtmlReport;
pub use hub_checkpoint::{PullOffer, hub, pull};
pub use image_selection::{ConfusionCell, Focus, ImageFilter, ImageSelection, margin};
pub use jobs::{JobNotice, Remedy, SessionJob, StorePlace, make_session};
pub use label_doctor::label_findings;
pub use learning_curve::strategy_curve;
pub use npy::NumberType;
pub use opening::{
    LeftOverKeys, Workbench, open_checkpoint, open_prompt_set, stored_prompt_set, unknown_prompt_set,
};
pub use picture_folder::PictureFolder;
pub use prediction_table::PredictionTable;
pub use progress::{Cancel, Meter, Progress, Stage, short_duration, short_size};
pub use prompt_cleaning::{CleanedSet, CleanedStrategy, Cleaning, save_cleaned};
pub use prompt_desk::{DeskError, DeskState, LastChange, PromptDesk, SavedPrompts, check_prompt_set_name};
pub use prompt_doctor::{EffectiveNumbers, effective_numbers, prompt_findings, text_findings};
pub use prompt_edits::{ClassPrompts, Edit, EditError, EditedPrompt, PromptEdits, PromptOrigin};
pub use prompt_history::{PromptChange, PromptHistory};
pub use prompt_table::PromptTable;
pub use pruning::{Pruning, PruningOptions};
pub use published_results::{Metric, PublishedResult, PublishedResults};
pub use receipt::{Receipt, ReceiptPart};
pub use recent::{Memory, Origin, Recent, complete_path};
pub use replay::{Replay, ReplayFrom};
pub use run_comparison::RunComparison;
pub use runs::{Run, RunCheckpoint, RunClass, RunDataset, RunStrategy};
pub use session::{RANKED, Session, SessionEmbeddings, SessionImage, SessionOptions, StrategyResult};
pub use unfinished::Unfinished;
pub use verdict::{
    control_verdict, helped_and_hurt, p_value, p_words, proven_words, verdict, verdict_between,
};
pub use verification::{Cause, Verification};
pub use wanted_image::WantedImage;
