//! Language models that write sentences: one trait for servers and for local files. What is asked and what becomes of the
//! answers is not known here.

mod error;
pub mod gguf;
pub mod openai;
mod sampling;

use std::ops::Range;

use serde::{Deserialize, Serialize};

pub use crate::network::retry::Retry;
pub use error::LanguageModelError;
pub use sampling::{Sampling, sample_seed};

/// Something that writes answers to an LLM prompt. Threads may share it.
pub trait LanguageModel: Send + Sync {
    /// What it runs on.
    fn backend(&self) -> Backend;

    /// What provenance calls the model: the name that the server knows it by, or the file's name.
    fn model(&self) -> &str;

    /// What decides its answers besides the request: the base URL and the form of the request, or the hash of the file.
    /// Never a key.
    fn identity(&self) -> String;

    /// How many requests it can work on at once, at least 1.
    fn concurrency(&self) -> usize;

    /// How many samples one request can ask for at most, at least 1.
    fn samples_at_once(&self) -> usize;

    /// The request as it would be made, and about how many tokens it has: nothing is sent.
    fn preview(&self, request: &SampleRequest) -> Preview;

    /// What the user should know of it, found out on the way.
    fn note(&self) -> Option<String> {
        None
    }

    /// Asks for samples; each is passed on as soon as it is whole, in any order, and so is what is tried again.
    /// `is_cancelled` is asked often.
    ///
    /// # Errors
    /// What prevents it; the samples that were passed on before stay good. [`LanguageModelError::Cancelled`] when
    /// `is_cancelled` said so.
    fn sample(
        &self,
        request: &SampleRequest,
        is_cancelled: &(dyn Fn() -> bool + Sync),
        tell: &mut dyn FnMut(SampleNotice),
    ) -> Result<(), LanguageModelError>;
}

/// What is said while samples are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SampleNotice {
    /// An answer.
    Sample(Sample),
    /// There was none: it is tried again after a wait.
    Retry(Retry),
}

impl SampleNotice {
    /// The answer, if it is one.
    pub fn sample(self) -> Option<Sample> {
        match self {
            Self::Sample(sample) => Some(sample),
            Self::Retry(_) => None,
        }
    }
}

/// What a language model runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// A server that speaks as OpenAI's does.
    OpenAi,
    /// A GGUF file, on this machine's processor.
    Gguf,
}

/// Samples of the answers to one LLM prompt.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleRequest {
    /// The LLM prompt, with the class in it.
    pub llm_prompt: String,
    /// The numbers of the samples, from 0. What a local model answers depends on the number, not on what else is asked for
    /// with it.
    pub samples: Range<u32>,
    /// How they are drawn.
    pub sampling: Sampling,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Its number.
    pub number: u32,
    /// As the model wrote it, without the stop string.
    pub text: String,
    /// Why it ends.
    pub ending: SampleEnding,
    /// Tokens in it, where they were counted.
    pub tokens: Option<usize>,
}

/// Why an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SampleEnding {
    /// At a stop string, or because the model had finished.
    Stop,
    /// It has as many tokens as were asked for.
    Length,
    /// Something else, such as a content filter.
    Other,
}

/// A request that was not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// The body for the server, or the text for the local model.
    pub text: String,
    /// Tokens in the prompt, about; of all its samples' prompts together where each is paid for.
    pub prompt_tokens: usize,
}
