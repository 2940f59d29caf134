//! Servers that speak as OpenAI's does: OpenAI, vLLM, the server of llama.cpp, Ollama, LM Studio and others.
//!
//! | file | what it knows |
//! |---|---|
//! | `settings.rs` | where the server is, the model, the key |
//! | `request.rs` | bodies of requests, and what a server does not understand of them |
//! | `answer.rs` | answers and streams of their parts |

mod answer;
mod request;
mod settings;

use std::io::Read;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

use crossbeam_channel::{RecvTimeoutError, bounded};
use serde_json::Value;
use ureq::Agent;

use super::{
    Backend, LanguageModel, LanguageModelError, Preview, Retry, Sample, SampleNotice, SampleRequest,
    sample_seed,
};
use crate::network::http::{self, Limit};
use crate::network::retry::{self, POLL_INTERVAL};
use answer::{Choice, Completion};
use request::Refused;
pub use settings::{ApiKey, OPENAI, OpenAiSettings, RequestForm, SAMPLES_AT_ONCE};

/// Bytes of an answer at most: ten answers of fifty tokens have some thousands.
const LARGEST_ANSWER: u64 = 8 << 20;
/// Characters of a server's message that are shown.
const SHOWN: usize = 300;

/// A model on a server.
#[derive(Debug)]
pub struct OpenAi {
    settings: OpenAiSettings,
    agent: Agent,
    refused: Mutex<Refused>,
}

/// What one attempt came to.
enum Attempt {
    Answered(Completion),
    /// Another attempt may do better.
    Again {
        error: LanguageModelError,
        retry_after: Option<Duration>,
    },
    /// The server does not take a part of the request; it has learnt to do without.
    Without,
}

impl OpenAi {
    /// A model on a server; nothing is sent yet.
    ///
    /// # Errors
    /// [`LanguageModelError::Settings`].
    pub fn new(settings: OpenAiSettings) -> Result<Self, LanguageModelError> {
        settings.check()?;
        let agent = http::agent(&settings.base_url, Limit::Whole(settings.timeout))
            .map_err(|reason| LanguageModelError::Connection { url: settings.base_url.clone(), reason })?;
        Ok(Self { settings, agent, refused: Mutex::default() })
    }

    fn refused(&self) -> MutexGuard<'_, Refused> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn url(&self) -> String {
        let path = match self.settings.form {
            RequestForm::Chat => "chat/completions",
            RequestForm::Completions => "completions",
        };
        format!("{}/{path}", self.settings.base_url)
    }

    /// Asks until there is an answer or no hope for one.
    fn ask(
        &self,
        request: &SampleRequest,
        is_cancelled: &(dyn Fn() -> bool + Sync),
        tell: &mut dyn FnMut(SampleNotice),
    ) -> Result<Completion, LanguageModelError> {
        let attempts = self.settings.attempts.max(1);
        let mut attempt = 1;
        loop {
            match self.attempt(request, is_cancelled)? {
                Attempt::Answered(answer) => return Ok(answer),
                Attempt::Without => {}
                Attempt::Again { error, .. } if attempt >= attempts => return Err(error.after(attempts)),
                Attempt::Again { error, retry_after } => {
                    let chance = sample_seed(u64::from(attempt), &request.llm_prompt, request.samples.start);
                    let chance = chance as f64 / u64::MAX as f64;
                    let wait = retry::wait(self.settings.backoff, attempt, retry_after, chance);
                    let Some(wait) = wait else { return Err(error.after(attempt)) };
                    attempt += 1;
                    let said = error.said();
                    let mut left = |seconds| {
                        tell(SampleNotice::Retry(Retry { attempt, attempts, seconds, said: said.clone() }));
                    };
                    if !retry::pause_telling(wait, is_cancelled, &mut left) {
                        return Err(LanguageModelError::Cancelled);
                    }
                }
            }
        }
    }

    fn attempt(
        &self,
        request: &SampleRequest,
        is_cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Attempt, LanguageModelError> {
        let url = self.url();
        let body = request::body(&self.settings, request, &self.refused());
        let response = self.send(Some(body.to_string()), &url, is_cancelled)?;
        let Response { status, content_type, retry_after, body: bytes } = match response {
            Ok(response) => response,
            Err(reason) => {
                let error = LanguageModelError::Connection { url, reason };
                return Ok(Attempt::Again { error, retry_after: None });
            }
        };
        if (200..300).contains(&status) {
            return Ok(match answer::parse(&content_type, &bytes) {
                Ok(answer) => Attempt::Answered(answer),
                Err(reason) => {
                    let error = LanguageModelError::Answer { url, reason: self.shown(&reason) };
                    Attempt::Again { error, retry_after: None }
                }
            });
        }
        let says = self.shown(&said(&content_type, &bytes));
        if retry::is_worth_another_try(status) {
            let error = LanguageModelError::Busy { url, status, attempts: 1, retry_after, reason: says };
            return Ok(Attempt::Again { error, retry_after });
        }
        if matches!(status, 400 | 422) && self.refused().learn(&says, &body) {
            return Ok(Attempt::Without);
        }
        let remedy = match status {
            300..400 => "it answers with another address: give that one as the base URL".to_owned(),
            401 | 403 if self.settings.api_key.is_none() => {
                "it wants a key: set OPENAI_API_KEY in the environment".to_owned()
            }
            401 | 403 => {
                "it does not take the key of OPENAI_API_KEY: is it the one for this server?".to_owned()
            }
            404 => self.what_there_is(is_cancelled)?,
            400 | 413 | 422 if says.to_lowercase().contains("context") => {
                "the LLM prompt and the answer do not fit the model: shorten the context or max-tokens"
                    .to_owned()
            }
            _ => "the request cannot be granted as it is: check the settings".to_owned(),
        };
        let reason = if says.is_empty() { remedy } else { format!("{says}; {remedy}") };
        Err(LanguageModelError::Refused { url, status, reason })
    }

    /// Which models the server has, in words.
    fn what_there_is(&self, is_cancelled: &(dyn Fn() -> bool + Sync)) -> Result<String, LanguageModelError> {
        let url = format!("{}/models", self.settings.base_url);
        let response = self.send(None, &url, is_cancelled)?.ok().filter(|response| response.status == 200);
        let value: Option<Value> = response.and_then(|response| serde_json::from_slice(&response.body).ok());
        let list = value.as_ref().and_then(|value| value.get("data")?.as_array());
        let names = list.into_iter().flatten().filter_map(|model| model.get("id")?.as_str());
        let mut names: Vec<&str> = names.collect();
        let wanted = &self.settings.model;
        names.sort_by(|a, b| strsim::jaro_winkler(wanted, b).total_cmp(&strsim::jaro_winkler(wanted, a)));
        Ok(match names.is_empty() {
            true => "check the base URL (it ends in /v1 with most servers) and the model".to_owned(),
            false => format!("it has the models {}", crate::text::message::listed(&names, 5)),
        })
    }

    /// Sends a body, or asks without one, on a thread that is left alone where somebody wants to stop before it answers.
    /// The inner error is a failure of the connection, in words.
    fn send(
        &self,
        body: Option<String>,
        url: &str,
        is_cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Result<Response, String>, LanguageModelError> {
        if is_cancelled() {
            return Err(LanguageModelError::Cancelled);
        }
        let address = self.settings.login.as_ref().map_or(url.to_owned(), |login| login.put_into(url));
        let agent = self.agent.clone();
        let key = self.settings.api_key.as_ref().map(ApiKey::header);
        let (sender, receiver) = bounded(1);
        let request = move || {
            // Nobody listens any more where it was left alone.
            let _unheard = sender.send(exchange(&agent, &address, key.as_deref(), body.as_deref()));
        };
        thread::Builder::new().name("request".into()).spawn(request).map_err(|error| {
            LanguageModelError::Connection {
                url: url.to_owned(),
                reason: format!("no thread for it: {error}"),
            }
        })?;
        loop {
            match receiver.recv_timeout(POLL_INTERVAL) {
                Ok(Ok(response)) => return Ok(Ok(response)),
                Ok(Err(reason)) => return Ok(Err(self.shown(&reason))),
                Err(RecvTimeoutError::Timeout) if is_cancelled() => {
                    return Err(LanguageModelError::Cancelled);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(Err("the request broke off".to_owned())),
            }
        }
    }

    /// A message of a server, short and without the key and the login.
    fn shown(&self, text: &str) -> String {
        let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let redacted = self.settings.api_key.as_ref().map_or(one_line.clone(), |key| key.redacted(&one_line));
        let redacted =
            self.settings.login.as_ref().map_or(redacted.clone(), |login| login.redacted(&redacted));
        match redacted.char_indices().nth(SHOWN) {
            Some((end, _)) => format!("{}…", &redacted[..end]),
            None => redacted,
        }
    }
}

impl LanguageModelError {
    /// Says how often it was tried.
    fn after(self, attempts: u32) -> Self {
        let tried = |reason: String| format!("{reason} (tried {attempts} times; run it again to go on)");
        match self {
            Self::Connection { url, reason } => Self::Connection { url, reason: tried(reason) },
            Self::Answer { url, reason } => Self::Answer { url, reason: tried(reason) },
            Self::Busy { url, status, retry_after, reason, .. } => {
                Self::Busy { url, status, attempts, retry_after, reason }
            }
            other => other,
        }
    }
}

/// An answer of a server, whole.
struct Response {
    status: u16,
    content_type: String,
    retry_after: Option<Duration>,
    body: Vec<u8>,
}

fn exchange(agent: &Agent, url: &str, key: Option<&str>, body: Option<&str>) -> Result<Response, String> {
    let sent = match body {
        Some(body) => {
            let request = agent.post(url).header("Content-Type", "application/json");
            match key {
                Some(key) => request.header("Authorization", key).send(body),
                None => request.send(body),
            }
        }
        None => match key {
            Some(key) => agent.get(url).header("Authorization", key).call(),
            None => agent.get(url).call(),
        },
    };
    let mut response = sent.map_err(|error| http::failure(&error))?;
    let header =
        |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let content_type = header("content-type").unwrap_or_default().to_ascii_lowercase();
    let retry_after = header("retry-after").and_then(|text| retry::retry_after(&text, SystemTime::now()));
    let status = response.status().as_u16();
    let mut body = Vec::new();
    response
        .body_mut()
        .with_config()
        .limit(LARGEST_ANSWER + 1)
        .reader()
        .take(LARGEST_ANSWER + 1)
        .read_to_end(&mut body)
        .map_err(|error| format!("the answer was cut off: {error}"))?;
    if body.len() as u64 > LARGEST_ANSWER {
        return Err(format!(
            "the answer has more than {} MiB: is this the address of an API?",
            LARGEST_ANSWER >> 20
        ));
    }
    Ok(Response { status, content_type, retry_after, body })
}

/// What a server says in an answer with an error status.
fn said(content_type: &str, body: &[u8]) -> String {
    let value: Option<Value> = serde_json::from_slice(body).ok();
    match value.as_ref().and_then(answer::error_message) {
        Some(message) => message,
        None if content_type.starts_with("text/html") => String::new(),
        None => String::from_utf8_lossy(&body[..body.len().min(4 * SHOWN)]).into_owned(),
    }
}

/// About how many tokens a server makes of an LLM prompt: English has about four characters a token, and a conversation's
/// marks are about seven.
pub fn about_tokens(llm_prompt: &str) -> usize {
    llm_prompt.len().div_ceil(4) + 7
}

/// The parts of a range, each of `size` at most.
fn parts(range: Range<u32>, size: usize) -> impl Iterator<Item = Range<u32>> {
    let size = u32::try_from(size).unwrap_or(u32::MAX).max(1);
    let end = range.end;
    range.step_by(size as usize).map(move |start| start..end.min(start.saturating_add(size)))
}

impl LanguageModel for OpenAi {
    fn backend(&self) -> Backend {
        Backend::OpenAi
    }

    fn model(&self) -> &str {
        &self.settings.model
    }

    fn identity(&self) -> String {
        let form = match self.settings.form {
            RequestForm::Chat => "chat",
            RequestForm::Completions => "completions",
        };
        format!("{} {form} {}", self.settings.base_url, self.settings.model)
    }

    fn concurrency(&self) -> usize {
        self.settings.concurrency.max(1)
    }

    fn samples_at_once(&self) -> usize {
        self.settings.samples_at_once.max(1)
    }

    fn preview(&self, request: &SampleRequest) -> Preview {
        let prompt_tokens = about_tokens(&request.llm_prompt);
        let body = request::body(&self.settings, request, &self.refused());
        Preview { text: format!("POST {} {body}", self.url()), prompt_tokens }
    }

    fn note(&self) -> Option<String> {
        self.refused().note()
    }

    fn sample(
        &self,
        request: &SampleRequest,
        is_cancelled: &(dyn Fn() -> bool + Sync),
        tell: &mut dyn FnMut(SampleNotice),
    ) -> Result<(), LanguageModelError> {
        let several = if self.refused().takes_several() { self.samples_at_once() } else { 1 };
        for samples in parts(request.samples.clone(), several) {
            let mut left = samples.clone();
            while !left.is_empty() {
                let wanted =
                    if self.refused().takes_several() { left.clone() } else { left.start..left.start + 1 };
                let asked = SampleRequest { samples: wanted.clone(), ..request.clone() };
                let answer = self.ask(&asked, is_cancelled, tell)?;
                let tokens = answer.tokens.map(|tokens| tokens.div_ceil(answer.choices.len().max(1)));
                let mut choices = answer.choices;
                choices.sort_by_key(|choice| choice.index);
                choices.truncate(wanted.len());
                if choices.is_empty() {
                    let reason = "it has no answer in it".to_owned();
                    return Err(LanguageModelError::Answer { url: self.url(), reason });
                }
                if choices.len() < wanted.len() {
                    self.refused().several_samples();
                }
                for (number, choice) in left.clone().zip(choices) {
                    left.start = number + 1;
                    let Choice { text, ending, .. } = choice;
                    tell(SampleNotice::Sample(Sample { number, text, ending, tokens }));
                }
            }
        }
        Ok(())
    }
}
