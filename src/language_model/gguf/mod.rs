//! Language models in GGUF files, on this machine's processor. What is around the networks is here; llama's is
//! candle-transformers'.
//!
//! | file | what it knows |
//! |---|---|
//! | `file.rs` | which networks there are, and what a file must have |
//! | `gemma3.rs` | the network that is not candle-transformers' |
//! | `tokenizer.rs` | the tokenizer in a file's metadata |
//! | `conversation.rs` | the form of a conversation in a file's metadata |
//! | `drawing.rs` | from logits to a token |

mod conversation;
mod drawing;
mod file;
mod gemma3;
#[cfg(test)]
mod tests;
mod tokenizer;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use candle_core::{Device, Tensor};

use super::{
    Backend, LanguageModel, LanguageModelError, Preview, Sample, SampleEnding, SampleNotice, SampleRequest,
    sample_seed,
};
use crate::files::foreign::guarded;
use conversation::Conversation;
use drawing::Drawing;
use file::{Loaded, Network};
use tokenizer::GgufTokenizer;

/// Samples that are drawn together: more take more memory and answer later.
const TOGETHER: usize = 10;

/// A language model of a file.
pub struct Gguf {
    name: String,
    identity: String,
    context_length: usize,
    tokenizer: GgufTokenizer,
    conversation: Conversation,
    network: Network,
    /// What every conversation begins with.
    preamble: Vec<u32>,
    /// The network after the preamble, by the number of samples that are drawn together.
    prepared: Mutex<HashMap<usize, Network>>,
}

/// A sample in the making.
struct Row {
    number: u32,
    drawing: Drawing,
    tokens: Vec<u32>,
    /// Its text and why it ends, once it has.
    ended: Option<(String, SampleEnding)>,
}

impl Gguf {
    /// Loads a file: the architectures `llama` (and what is written as it, as SmolLM2 and Mistral) and `gemma3`.
    ///
    /// # Errors
    /// [`LanguageModelError::File`].
    pub fn open(path: &Path) -> Result<Self, LanguageModelError> {
        let Loaded { network, metadata, context_length, identity } = file::load(path)?;
        let bad = |reason: String| LanguageModelError::File { path: path.to_owned(), reason };
        let tokenizer = GgufTokenizer::from_metadata(&metadata).map_err(bad)?;
        let conversation = Conversation::from_metadata(&metadata, &tokenizer).map_err(bad)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut model = Self {
            name,
            identity,
            context_length,
            tokenizer,
            conversation,
            network,
            preamble: Vec::new(),
            prepared: Mutex::default(),
        };
        // What two conversations that begin differently have in common, all have.
        let (one, other) = (model.tokens("Describe")?, model.tokens("1")?);
        model.preamble = one.iter().zip(&other).take_while(|(a, b)| a == b).map(|(a, _)| *a).collect();
        Ok(model)
    }

    fn failed(&self, reason: impl std::fmt::Display) -> LanguageModelError {
        LanguageModelError::Model { model: self.name.clone(), reason: reason.to_string() }
    }

    /// The token ids that an answer to an LLM prompt goes on from.
    ///
    /// # Errors
    /// What the file's template or tokenizer says against it.
    pub fn tokens(&self, llm_prompt: &str) -> Result<Vec<u32>, LanguageModelError> {
        let text = self.conversation.of_prompt(llm_prompt).map_err(|reason| self.failed(reason))?;
        self.tokenizer.encode(&text).map_err(|reason| self.failed(reason))
    }

    /// The network after the preamble, for so many samples.
    fn prepared(
        &self,
        samples: usize,
        is_cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Network, LanguageModelError> {
        let mut prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(network) = prepared.get(&samples) {
            return Ok(network.clone());
        }
        let mut network = self.network.clone();
        if !self.preamble.is_empty() {
            let rows = vec![self.preamble.clone(); samples];
            self.forward(&mut network, &rows, 0, is_cancelled)?;
        }
        prepared.insert(samples, network.clone());
        Ok(network)
    }

    /// The logits after the last token of each row, `[rows, n_vocabulary]`; `before` tokens were passed on already. Tokens go
    /// one after another, which candle's networks need for several rows, and which makes each row's numbers the same
    /// whatever is beside it.
    fn forward(
        &self,
        network: &mut Network,
        rows: &[Vec<u32>],
        before: usize,
        is_cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<Vec<f32>>, LanguageModelError> {
        let length = rows.first().map_or(0, Vec::len);
        let mut step = |at: usize| {
            let tokens: Vec<u32> = rows.iter().map(|row| row[at]).collect();
            let tokens = Tensor::from_vec(tokens, (rows.len(), 1), &Device::Cpu)?;
            network.forward(&tokens, before + at)
        };
        let mut logits = None;
        for at in 0..length {
            if is_cancelled() {
                return Err(LanguageModelError::Cancelled);
            }
            let step = guarded(|| step(at).map_err(|error| file::first_line(&error)));
            logits = Some(step.and_then(|logits| logits).map_err(|reason| self.failed(reason))?);
        }
        let logits = logits.ok_or_else(|| self.failed("there is nothing to read"))?;
        logits.to_vec2::<f32>().map_err(|error| self.failed(file::first_line(&error)))
    }

    /// Draws the samples of a request that fit together.
    fn draw(
        &self,
        request: &SampleRequest,
        numbers: std::ops::Range<u32>,
        is_cancelled: &(dyn Fn() -> bool + Sync),
        tell: &mut dyn FnMut(SampleNotice),
    ) -> Result<(), LanguageModelError> {
        let prompt = self.tokens(&request.llm_prompt)?;
        let sampling = &request.sampling;
        if prompt.len().saturating_add(sampling.max_tokens) > self.context_length {
            return Err(LanguageModelError::Settings(format!(
                "{} reads {} tokens, and the LLM prompt has {} and the answer up to {}: shorten the context or max-tokens",
                self.name,
                self.context_length,
                prompt.len(),
                sampling.max_tokens
            )));
        }
        // The last token of the prompt is always passed on, since its logits are wanted.
        let shares = prompt.starts_with(&self.preamble) && prompt.len() > self.preamble.len();
        let mut rows: Vec<Row> = numbers
            .map(|number| Row {
                number,
                drawing: Drawing::new(
                    sampling,
                    sample_seed(sampling.seed.unwrap_or(0), &request.llm_prompt, number),
                ),
                tokens: Vec::new(),
                ended: None,
            })
            .collect();
        let (mut network, mut before) = match shares {
            true => (self.prepared(rows.len(), is_cancelled)?, self.preamble.len()),
            false => (self.network.clone(), 0),
        };
        let mut next: Vec<Vec<u32>> = vec![prompt[before..].to_vec(); rows.len()];
        while rows.iter().any(|row| row.ended.is_none()) {
            if is_cancelled() {
                return Err(LanguageModelError::Cancelled);
            }
            let logits = self.forward(&mut network, &next, before, is_cancelled)?;
            before += next[0].len();
            for ((row, next), logits) in rows.iter_mut().zip(&mut next).zip(logits) {
                // A row that has ended goes along: what is passed on for it matters to no other.
                let token = if row.ended.is_none() { row.take(&logits, self, sampling)? } else { 0 };
                *next = vec![token];
                if let Some((text, ending)) = row.ended.as_ref().filter(|_| row.drawing.is_fresh()) {
                    row.drawing.told();
                    let (text, tokens) = (text.clone(), Some(row.tokens.len()));
                    let sample = Sample { number: row.number, text, ending: *ending, tokens };
                    tell(SampleNotice::Sample(sample));
                }
            }
        }
        Ok(())
    }
}

impl Row {
    /// Draws the next token, and ends where it is time.
    fn take(
        &mut self,
        logits: &[f32],
        model: &Gguf,
        sampling: &super::Sampling,
    ) -> Result<u32, LanguageModelError> {
        let token = self.drawing.draw(logits);
        if model.tokenizer.ends(token) {
            let text = model.tokenizer.decode(&self.tokens).map_err(|reason| model.failed(reason))?;
            self.ended = Some((text, SampleEnding::Stop));
            return Ok(token);
        }
        self.tokens.push(token);
        let text = model.tokenizer.decode(&self.tokens).map_err(|reason| model.failed(reason))?;
        let stop = sampling
            .stop
            .iter()
            .filter(|stop| !stop.is_empty())
            .filter_map(|stop| text.find(stop.as_str()))
            .min();
        if let Some(stop) = stop {
            self.ended = Some((text[..stop].to_owned(), SampleEnding::Stop));
        } else if self.tokens.len() >= sampling.max_tokens {
            self.ended = Some((text, SampleEnding::Length));
        }
        Ok(token)
    }
}

impl LanguageModel for Gguf {
    fn backend(&self) -> Backend {
        Backend::Gguf
    }

    fn model(&self) -> &str {
        &self.name
    }

    fn identity(&self) -> String {
        self.identity.clone()
    }

    fn concurrency(&self) -> usize {
        1
    }

    fn samples_at_once(&self) -> usize {
        TOGETHER
    }

    fn preview(&self, request: &SampleRequest) -> Preview {
        let text = self.conversation.of_prompt(&request.llm_prompt).unwrap_or_else(|reason| reason);
        let prompt_tokens = self.tokens(&request.llm_prompt).map_or(0, |tokens| tokens.len());
        Preview { text, prompt_tokens }
    }

    fn sample(
        &self,
        request: &SampleRequest,
        is_cancelled: &(dyn Fn() -> bool + Sync),
        tell: &mut dyn FnMut(SampleNotice),
    ) -> Result<(), LanguageModelError> {
        let mut numbers = request.samples.clone();
        while !numbers.is_empty() {
            let end = numbers.end.min(numbers.start + TOGETHER as u32);
            self.draw(request, numbers.start..end, is_cancelled, tell)?;
            numbers.start = end;
        }
        Ok(())
    }
}
