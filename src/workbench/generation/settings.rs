//! How prompts are generated, as an experiment file's `[generation]` table and the flags say it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::plan::{GenerationPlan, PlannedClass};
use crate::dataset::DatasetError;
use crate::language_model::gguf::Gguf;
use crate::language_model::openai::{ApiKey, OPENAI, OpenAi, OpenAiSettings, RequestForm};
use crate::language_model::{Backend, LanguageModel, LanguageModelError, Sampling};
use crate::prompts::generation::LlmPrompts;
use crate::text_file::{self, Json};
use crate::workbench::error::WorkbenchError;

/// Samples of each LLM prompt (Pratt et al., arXiv 2209.03320).
const SAMPLES: usize = 10;
/// Samples that may be asked for, for each wanted sentence.
const RETRY_LIMIT: f64 = 3.0;
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
    /// The server.
    pub base_url: Option<String>,
    /// Chat or plain completions.
    pub form: Option<RequestForm>,
    /// A set of LLM prompts by name, a file of them, or they themselves.
    pub llm_prompts: Option<LlmPromptsChoice>,
    /// Samples of each LLM prompt.
    pub samples: Option<usize>,
    /// Sentences of each class, instead.
    pub prompts_per_class: Option<usize>,
    /// See [`Sampling`].
    pub temperature: Option<f64>,
    /// See [`Sampling`].
    pub top_p: Option<f64>,
    /// See [`Sampling`].
    pub max_tokens: Option<usize>,
    /// See [`Sampling`].
    pub stop: Option<Vec<String>>,
    /// See [`Sampling`].
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

    fn check(&self) -> Result<(), String> {
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

    /// Those of the settings, by their names in a file, that say something about servers and change nothing with a model
    /// that is none.
    pub fn without_effect(&self, model: &dyn LanguageModel) -> Vec<&'static str> {
        let of_servers = [
            ("base_url", self.base_url.is_some()),
            ("form", self.form.is_some()),
            ("concurrency", self.concurrency.is_some()),
            ("samples_at_once", self.samples_at_once.is_some()),
            ("attempts", self.attempts.is_some()),
            ("timeout", self.timeout.is_some()),
            ("backoff", self.backoff.is_some()),
        ];
        let is_server = model.backend() == Backend::OpenAi;
        of_servers.into_iter().filter(|(_, is_set)| *is_set && !is_server).map(|(name, _)| name).collect()
    }

    /// The LLM prompts.
    ///
    /// # Errors
    /// A file that has none, or a name that is none.
    fn llm_prompts(&self) -> Result<LlmPrompts, WorkbenchError> {
        Ok(match &self.llm_prompts {
            None => LlmPrompts::open("base"),
            Some(LlmPromptsChoice::Named(name)) => LlmPrompts::open(name),
            Some(LlmPromptsChoice::Inline(texts)) => LlmPrompts::of("[generation]", texts),
        }?)
    }

    /// How answers are drawn.
    fn sampling(&self) -> Sampling {
        let usual = Sampling::default();
        Sampling {
            temperature: self.temperature.unwrap_or(usual.temperature),
            top_p: self.top_p,
            max_tokens: self.max_tokens.unwrap_or(usual.max_tokens),
            stop: self.stop.clone().unwrap_or(usual.stop),
            seed: self.seed,
        }
    }

    /// Sentences that are wanted of each class, with so many LLM prompts.
    fn wanted(&self, llm_prompts: usize) -> usize {
        self.prompts_per_class.unwrap_or_else(|| self.samples.unwrap_or(SAMPLES) * llm_prompts)
    }

    /// What these settings come to for some classes and a model.
    ///
    /// # Errors
    /// LLM prompts that cannot be used.
    pub fn plan(
        &self,
        name: &str,
        classes: Vec<String>,
        model: &dyn LanguageModel,
    ) -> Result<GenerationPlan, WorkbenchError> {
        let llm_prompts = self.llm_prompts()?;
        let hint = |class: &String| self.hints.as_ref()?.get(class).cloned();
        let class = |name: String| PlannedClass {
            hint: hint(&name),
            name,
            wanted: self.wanted(llm_prompts.len()),
            dropped: Vec::new(),
        };
        Ok(GenerationPlan {
            name: name.trim().to_owned(),
            classes: classes.into_iter().map(class).collect(),
            llm_prompts: llm_prompts.texts(),
            context: self.context.clone(),
            sampling: self.sampling(),
            retry_limit: self.retry_limit.unwrap_or(RETRY_LIMIT),
            backend: model.backend(),
            model: model.model().to_owned(),
            identity: model.identity(),
        })
    }

    /// The model; what the settings leave out is in the environment: `OPENAI_BASE_URL`, and the key in `OPENAI_API_KEY`.
    ///
    /// # Errors
    /// What cannot be used, or is missing.
    pub fn open_model(
        &self,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Arc<dyn LanguageModel>, WorkbenchError> {
        self.check().map_err(LanguageModelError::Settings)?;
        let model = self.model.as_deref().unwrap_or_default();
        let is_file =
            self.backend.map_or_else(|| model.ends_with(".gguf"), |backend| backend == Backend::Gguf);
        if is_file {
            if model.is_empty() {
                let missing = "say which file: --model FILE.gguf, or model in the [generation] table";
                return Err(LanguageModelError::Settings(missing.to_owned()).into());
            }
            return Ok(Arc::new(Gguf::open(Path::new(model))?));
        }
        let set = |name: &str| environment(name).filter(|value| !value.trim().is_empty());
        let base_url = self.base_url.clone().or_else(|| set("OPENAI_BASE_URL"));
        let key = set("OPENAI_API_KEY").as_deref().and_then(ApiKey::new);
        let mut settings = OpenAiSettings::new(base_url.as_deref().unwrap_or(OPENAI), model, key);
        settings.form = self.form.unwrap_or_default();
        settings.concurrency = self.concurrency.unwrap_or(settings.concurrency);
        settings.samples_at_once = self.samples_at_once.unwrap_or(settings.samples_at_once);
        settings.attempts = self.attempts.unwrap_or(settings.attempts);
        let seconds = |name: &str, seconds: Option<f64>, usual: Duration| match seconds {
            None => Ok(usual),
            Some(seconds) => Duration::try_from_secs_f64(seconds)
                .map_err(|error| LanguageModelError::Settings(format!("{name} = {seconds}: {error}"))),
        };
        settings.timeout = seconds("timeout", self.timeout, settings.timeout)?;
        settings.backoff = seconds("backoff", self.backoff, settings.backoff)?;
        Ok(Arc::new(OpenAi::new(settings)?))
    }
}

/// Class names from a file: one a line, or a JSON list, or the keys of a JSON object.
///
/// # Errors
/// What prevents reading it, or that it has none.
pub fn read_classes(path: &Path) -> Result<Vec<String>, WorkbenchError> {
    let text = text_file::read(path).map_err(DatasetError::from)?;
    let is_json = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
    let names: Vec<String> = if is_json {
        match Json::parse(&text, path.display()).map_err(DatasetError::from)? {
            Json::List(names) => names
                .iter()
                .enumerate()
                .map(|(at, name)| {
                    name.as_str().map(str::to_owned).ok_or_else(|| DatasetError::ClassNames {
                        path: path.to_owned(),
                        problem: format!(
                            "entry {} is {}; an entry is a class name, a text",
                            at + 1,
                            text_file::kind(name)
                        ),
                    })
                })
                .collect::<Result<_, _>>()?,
            Json::Object(pairs) => pairs.into_iter().map(|(name, _)| name).collect(),
        }
    } else {
        text_file::lines(&text).collect()
    };
    let mut seen = std::collections::HashSet::new();
    let names: Vec<String> = names.into_iter().filter(|name| seen.insert(name.clone())).collect();
    match names.is_empty() {
        true => Err(WorkbenchError::Read {
            path: path.to_owned(),
            source: std::io::Error::other("there are no class names in it; write one a line"),
        }),
        false => Ok(names),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_cupl() {
        let settings = GenerationSettings::default();
        let prompts = settings.llm_prompts().unwrap();
        assert_eq!((prompts.len(), settings.wanted(prompts.len())), (3, 30));
        let sampling = settings.sampling();
        assert_eq!(
            (sampling.temperature, sampling.max_tokens, sampling.stop),
            (0.99, 50, vec![".".to_owned()])
        );
        assert_eq!(GenerationSettings { prompts_per_class: Some(7), ..settings }.wanted(3), 7);
    }

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

    #[test]
    fn the_environment_fills_in_and_flags_go_first() {
        let environment = |name: &str| match name {
            "OPENAI_BASE_URL" => Some("http://h:1/v1".to_owned()),
            "OPENAI_API_KEY" => Some("sk-1".to_owned()),
            _ => None,
        };
        let settings = GenerationSettings { model: Some("m".to_owned()), ..GenerationSettings::default() };
        assert!(settings.open_model(environment).unwrap().identity().contains("http://h:1/v1"));
        let flags =
            GenerationSettings { base_url: Some("http://g/v1".to_owned()), ..GenerationSettings::default() };
        let both = flags.or(settings);
        assert!(both.open_model(environment).unwrap().identity().contains("http://g/v1 chat m"));
        let nameless = GenerationSettings::default().open_model(environment).map(|_| ()).unwrap_err();
        assert!(nameless.to_string().contains("--model NAME"), "{nameless}");
    }
}
