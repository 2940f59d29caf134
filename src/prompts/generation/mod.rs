//! What a language model is asked about each class, and what becomes of its answers. Who answers is not known here.
//!
//! | file | what it knows |
//! |---|---|
//! | `llm_prompts.rs` | the LLM prompts: sets of them, articles, hints, a line about the dataset |
//! | `sentence.rs` | from an answer to a prompt |
//! | `verdict.rs` | whether a sentence is of use, and why not |

mod llm_prompts;
mod sentence;
mod verdict;

pub use llm_prompts::{LlmPrompts, LlmPromptsError, described_class};
pub use sentence::sentence_of;
pub use verdict::{JudgedSentence, Rejection, RejectionReason, verdicts};
