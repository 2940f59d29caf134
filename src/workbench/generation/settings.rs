//! What the settings of a generation come to: the model that answers, and the plan.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::plan::{GenerationCost, GenerationPlan, PlannedClass};
use crate::dataset::DatasetError;
use crate::language_model::gguf::Gguf;
use crate::language_model::openai::{ApiKey, OPENAI, OpenAi, OpenAiSettings, SAMPLES_AT_ONCE, about_tokens};
use crate::language_model::{Backend, LanguageModel, LanguageModelError, Sampling};
use crate::prompts::generation::LlmPrompts;
use crate::text::text_file::{self, Json};
use crate::workbench::error::WorkbenchError;
use crate::workbench::experiment::generation_settings::{GenerationSettings, LlmPromptsChoice};

/// Samples of each LLM prompt (Pratt et al., arXiv 2209.03320).
const SAMPLES: usize = 10;
/// Samples that may be asked for, for each wanted sentence.
const RETRY_LIMIT: f64 = 3.0;

/// What answers, as a plan names it.
struct Answering {
    backend: Backend,
    model: String,
    identity: String,
}

impl GenerationSettings {
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
            Some(LlmPromptsChoice::Inline(texts)) => LlmPrompts::from_texts("[generation]", texts),
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
        self.prompts_per_class.unwrap_or_else(|| self.samples.unwrap_or(SAMPLES).saturating_mul(llm_prompts))
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
        let answering = Answering {
            backend: model.backend(),
            model: model.model().to_owned(),
            identity: model.identity(),
        };
        self.plan_for(name, classes, answering)
    }

    /// What these settings come to for some classes, and how many answers a request asks for: whatever answers, and without
    /// asking whether it does.
    ///
    /// # Errors
    /// LLM prompts that cannot be used.
    pub fn estimate(&self, classes: Vec<String>) -> Result<(GenerationCost, usize), WorkbenchError> {
        let nobody = Answering { backend: Backend::OpenAi, model: String::new(), identity: String::new() };
        let at_once = self.samples_at_once.unwrap_or(SAMPLES_AT_ONCE);
        Ok((self.plan_for("", classes, nobody)?.cost(at_once, &about_tokens), at_once))
    }

    fn plan_for(
        &self,
        name: &str,
        classes: Vec<String>,
        answering: Answering,
    ) -> Result<GenerationPlan, WorkbenchError> {
        let Answering { backend, model, identity } = answering;
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
            backend,
            model,
            identity,
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
    fn an_estimate_needs_no_model() {
        let classes = || vec!["owl".to_owned(), "frog".to_owned()];
        let settings = GenerationSettings { prompts_per_class: Some(6), ..GenerationSettings::default() };
        let (cost, at_once) = settings.estimate(classes()).unwrap();
        assert_eq!((cost.requests, cost.samples, cost.samples_at_most, at_once), (6, 12, 36, 10));
        assert_eq!(cost.answer_tokens, 600);
        assert!(cost.prompt_tokens > 60, "{cost:?}");
        let one_by_one = GenerationSettings { samples_at_once: Some(1), ..settings.clone() };
        assert_eq!(one_by_one.estimate(classes()).unwrap().0.requests, 12);
        let nowhere = Some(LlmPromptsChoice::Named("nowhere.txt".to_owned()));
        assert!(GenerationSettings { llm_prompts: nowhere, ..settings }.estimate(classes()).is_err());
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
