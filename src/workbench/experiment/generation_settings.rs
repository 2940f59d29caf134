//! How prompts are generated, as an experiment file's `[generation]` table and the flags say it.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::language_model::Backend;
use crate::language_model::openai::RequestForm;
use crate::network::address::take_login;

/// Seconds.
const LONGEST_WAIT: f64 = 31_536_000.0;

/// The `[generation]` table: whatever is left out is as CuPL has it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenerationSettings {
    /// What answers: a server, or a file; a model that ends in `.gguf` is one without saying so.
    pub backend: Option<Backend>,
    /// The model's name, or the file.
    pub model: Option<String>,
    /// The server. A user's name and password in it are not kept.
    #[serde(serialize_with = "without_login")]
    pub base_url: Option<String>,
    /// Chat or plain completions.
    pub form: Option<RequestForm>,
    /// A set of LLM prompts by name, a file of them, or they themselves.
    pub llm_prompts: Option<LlmPromptsChoice>,
    /// Samples of each LLM prompt.
    pub samples: Option<usize>,
    /// Sentences of each class, instead.
    pub prompts_per_class: Option<usize>,
    /// See [`Sampling`](crate::language_model::Sampling).
    pub temperature: Option<f64>,
    /// See [`Sampling`](crate::language_model::Sampling).
    pub top_p: Option<f64>,
    /// See [`Sampling`](crate::language_model::Sampling).
    pub max_tokens: Option<usize>,
    /// See [`Sampling`](crate::language_model::Sampling).
    pub stop: Option<Vec<String>>,
    /// See [`Sampling`](crate::language_model::Sampling).
    pub seed: Option<u64>,
    /// What tells classes of one name apart, by class name.
    pub hints: Option<BTreeMap<String, String>>,
    /// A line about the dataset.
    pub context: Option<String>,
    /// Requests at once.
    pub concurrency: Option<usize>,
    /// Samples that one request asks for.
    pub samples_at_once: Option<usize>,
    /// How often a request is tried.
    pub attempts: Option<u32>,
    /// Seconds that a request may take.
    pub timeout: Option<f64>,
    /// Seconds before the second attempt; it doubles with each.
    pub backoff: Option<f64>,
    /// Samples that may be asked for, for each wanted sentence.
    pub retry_limit: Option<f64>,
    /// Here only to be refused.
    #[serde(default, skip_serializing)]
    pub api_key: Option<String>,
}

/// Where LLM prompts come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum LlmPromptsChoice {
    /// `base`, `imagenet` or a file.
    Named(String),
    /// They themselves.
    Inline(Vec<String>),
}

fn without_login<S: serde::Serializer>(address: &Option<String>, to: S) -> Result<S::Ok, S::Error> {
    address.as_deref().map(|address| take_login(address).0).serialize(to)
}

impl GenerationSettings {
    /// Refuses what cannot be meant, and makes a file of LLM prompts relative to the experiment's folder.
    ///
    /// # Errors
    /// What is wrong and what to do.
    pub(in crate::workbench) fn of_file(mut self, folder: &Path) -> Result<Self, String> {
        if self.api_key.is_some() {
            return Err("an API key has no place in a file: remove api_key from [generation] and set OPENAI_API_KEY in the \
                        environment"
                .to_owned());
        }
        if let Some(model) = self.model.as_mut().filter(|model| model.ends_with(".gguf")) {
            *model = folder.join(&*model).to_string_lossy().into_owned();
        }
        if let Some(LlmPromptsChoice::Named(name)) = &mut self.llm_prompts {
            let file = folder.join(&*name);
            if !["base", "imagenet"].contains(&name.as_str()) && !folder.as_os_str().is_empty() {
                *name = file.to_string_lossy().into_owned();
            }
        }
        self.check()?;
        Ok(self)
    }

    /// # Errors
    /// What cannot be meant.
    pub(in crate::workbench) fn check(&self) -> Result<(), String> {
        let positive = |name: &str, value: Option<f64>| match value {
            Some(value) if !(value.is_finite() && value >= 0.0) => {
                Err(format!("{name} is {value}; it should be 0 or more"))
            }
            _ => Ok(()),
        };
        positive("temperature", self.temperature)?;
        for (name, value) in [("timeout", self.timeout), ("backoff", self.backoff)] {
            positive(name, value)?;
            if let Some(value) = value.filter(|&value| value > LONGEST_WAIT) {
                return Err(format!(
                    "{name} is {value}; it should be at most {LONGEST_WAIT}, which is a year"
                ));
            }
        }
        if let Some(share) = self.top_p.filter(|share| !(*share > 0.0 && *share <= 1.0)) {
            return Err(format!("top_p is {share}; it should be above 0 and at most 1"));
        }
        if let Some(limit) = self.retry_limit.filter(|limit| !(*limit >= 1.0 && limit.is_finite())) {
            return Err(format!("retry_limit is {limit}; it should be 1 or more"));
        }
        let counts = [
            ("samples", self.samples),
            ("prompts_per_class", self.prompts_per_class),
            ("max_tokens", self.max_tokens),
            ("concurrency", self.concurrency),
            ("samples_at_once", self.samples_at_once),
            ("attempts", self.attempts.map(|attempts| attempts as usize)),
        ];
        match counts.into_iter().find(|(_, count)| *count == Some(0)) {
            Some((name, _)) => Err(format!("{name} is 0; it should be 1 or more")),
            None => Ok(()),
        }
    }

    /// These, and where they say nothing what `other` says.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            backend: self.backend.or(other.backend),
            model: self.model.or(other.model),
            base_url: self.base_url.or(other.base_url),
            form: self.form.or(other.form),
            llm_prompts: self.llm_prompts.or(other.llm_prompts),
            samples: self.samples.or(other.samples),
            prompts_per_class: self.prompts_per_class.or(other.prompts_per_class),
            temperature: self.temperature.or(other.temperature),
            top_p: self.top_p.or(other.top_p),
            max_tokens: self.max_tokens.or(other.max_tokens),
            stop: self.stop.or(other.stop),
            seed: self.seed.or(other.seed),
            hints: self.hints.or(other.hints),
            context: self.context.or(other.context),
            concurrency: self.concurrency.or(other.concurrency),
            samples_at_once: self.samples_at_once.or(other.samples_at_once),
            attempts: self.attempts.or(other.attempts),
            timeout: self.timeout.or(other.timeout),
            backoff: self.backoff.or(other.backoff),
            retry_limit: self.retry_limit.or(other.retry_limit),
            api_key: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_checked() {
        let read = |text: &str| {
            let settings: GenerationSettings = toml::from_str(text).map_err(|error| error.to_string())?;
            settings.of_file(Path::new("folder"))
        };
        let settings =
            read("model = 'm'\nllm_prompts = 'mine.txt'\ntop_p = 0.9\nhints = { crane = 'bird' }").unwrap();
        assert_eq!(settings.llm_prompts, Some(LlmPromptsChoice::Named("folder/mine.txt".to_owned())));
        assert!(read("llm_prompts = ['Describe a {}:']").is_ok());
        for (text, words) in [
            ("api_key = 'sk-1'", "OPENAI_API_KEY"),
            ("temperature = -1", "temperature is -1"),
            ("top_p = 1.5", "top_p is 1.5"),
            ("samples = 0", "samples is 0"),
            ("retry_limit = 0.5", "retry_limit is 0.5"),
            ("tempreature = 1", "tempreature"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(words), "{error}");
            assert!(!error.contains("sk-1"));
        }
    }
}
