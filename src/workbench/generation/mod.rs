//! Prompts that a language model writes, class by class.
//!
//! | file | what it knows |
//! |---|---|
//! | `settings.rs` | what the `[generation]` table and the environment come to: a model and a plan |
//! | `plan.rs` | what is to be asked |
//! | `class_line.rs` | what there is of a class, each sample judged once |
//! | `run.rs` | asking, keeping, asking again |
//! | `live.rs` | what the sentences so far are worth |
//! | `job.rs` | a generation on a thread of its own |

mod class_line;
mod job;
mod live;
mod plan;
mod run;
mod settings;
#[cfg(test)]
mod tests;

pub use crate::language_model::openai::RequestForm;
pub use crate::language_model::{Backend, LanguageModel, Retry, SampleRequest};
pub use crate::workbench::experiment::generation_settings::{GenerationSettings, LlmPromptsChoice};
pub use class_line::{GeneratedClass, GeneratedSentence};
pub use job::{GenerationJob, GenerationJobNotice, GenerationRequest, token_counter};
pub use plan::{GenerationCost, GenerationPlan, KeptSample, MoreSentences, PlannedClass};
pub use run::{Generation, GenerationNotice, Pace, TokenCounter, kept_plan, kept_sentences};
pub use settings::read_classes;
