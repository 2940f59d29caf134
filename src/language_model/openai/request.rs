//! The bodies of requests, and what a server does not understand of them.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::settings::{OpenAiSettings, RequestForm};
use crate::language_model::{SampleRequest, sample_seed};

/// What this server does not take, found out by its refusals.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Refused {
    parameters: BTreeSet<&'static str>,
}

impl Refused {
    /// Learns from a refusal; whether there is something new to try without.
    pub(super) fn learn(&mut self, message: &str, body: &Value) -> bool {
        let message = message.to_lowercase();
        let is_about_parameters = [
            "unsupported",
            "not supported",
            "unrecognized",
            "unknown",
            "not permitted",
            "not allowed",
            "extra",
        ]
        .iter()
        .any(|words| message.contains(words))
            || message.contains("must be 1")
            || message.contains("only");
        let names = |parameter: &str| {
            message.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).any(|word| word == parameter)
        };
        let refused = ["max_tokens", "temperature", "top_p", "stop", "seed", "n"]
            .into_iter()
            .find(|parameter| body.get(parameter).is_some() && names(parameter));
        match refused.filter(|_| is_about_parameters) {
            Some(parameter) => self.parameters.insert(parameter),
            None => false,
        }
    }

    /// Fewer answers came than were asked for.
    pub(super) fn several_samples(&mut self) {
        self.parameters.insert("n");
    }

    /// Whether a request can ask for several samples.
    pub(super) fn takes_several(&self) -> bool {
        !self.parameters.contains("n")
    }

    /// What the user should know.
    pub(super) fn note(&self) -> Option<String> {
        let left: Vec<&str> = self.parameters.iter().copied().filter(|one| *one != "n").collect();
        (!left.is_empty())
            .then(|| format!("the server does not take {}: it answers without", left.join(", ")))
    }
}

/// The body of a request.
pub(super) fn body(settings: &OpenAiSettings, request: &SampleRequest, refused: &Refused) -> Value {
    let SampleRequest { llm_prompt, samples, sampling } = request;
    let mut body = Map::new();
    body.insert("model".to_owned(), settings.model.clone().into());
    match settings.form {
        RequestForm::Chat => {
            body.insert("messages".to_owned(), json!([{"role": "user", "content": llm_prompt}]));
        }
        RequestForm::Completions => {
            body.insert("prompt".to_owned(), llm_prompt.clone().into());
        }
    }
    let mut put = |name: &'static str, value: Value| {
        if !refused.parameters.contains(name) {
            body.insert(name.to_owned(), value);
        } else if name == "max_tokens" && settings.form == RequestForm::Chat {
            body.insert("max_completion_tokens".to_owned(), value);
        }
    };
    put("temperature", sampling.temperature.into());
    if let Some(top_p) = sampling.top_p {
        put("top_p", top_p.into());
    }
    put("max_tokens", sampling.max_tokens.into());
    if !sampling.stop.is_empty() {
        put("stop", sampling.stop.clone().into());
    }
    if let Some(seed) = sampling.seed {
        // Servers keep it in 63 bits or fewer.
        put("seed", (sample_seed(seed, llm_prompt, samples.start) >> 33).into());
    }
    if samples.len() > 1 {
        put("n", samples.len().into());
    }
    Value::Object(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language_model::Sampling;

    fn request(samples: std::ops::Range<u32>) -> SampleRequest {
        SampleRequest { llm_prompt: "Describe a frog:".to_owned(), samples, sampling: Sampling::default() }
    }

    #[test]
    fn bodies_have_what_was_asked_for() {
        let mut settings = OpenAiSettings::new("http://h/v1", "m", None);
        assert_eq!(
            body(&settings, &request(0..10), &Refused::default()),
            json!({"model": "m", "messages": [{"role": "user", "content": "Describe a frog:"}], "temperature": 0.99,
                "max_tokens": 50, "stop": ["."], "n": 10})
        );
        settings.form = RequestForm::Completions;
        let mut seeded = request(3..4);
        seeded.sampling.seed = Some(1);
        seeded.sampling.top_p = Some(0.9);
        let found = body(&settings, &seeded, &Refused::default());
        assert_eq!((&found["prompt"], &found["top_p"]), (&json!("Describe a frog:"), &json!(0.9)));
        assert!(found["seed"].is_u64() && found.get("n").is_none() && found.get("messages").is_none());
    }

    #[test]
    fn what_is_refused_is_left_out_from_then_on() {
        let settings = OpenAiSettings::new("http://h/v1", "m", None);
        let mut refused = Refused::default();
        let now = |refused: &Refused| body(&settings, &request(0..2), refused);
        let first = now(&refused);
        let message = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.";
        assert!(refused.learn(message, &first));
        let second = now(&refused);
        assert_eq!((&second["max_completion_tokens"], second.get("max_tokens")), (&json!(50), None));
        assert!(!refused.learn(message, &second), "nothing is left to leave out");
        assert!(refused.learn(
            "Unsupported value: 'temperature' does not support 0.99. Only the default (1) value",
            &second
        ));
        assert!(refused.learn("n must be 1: unsupported", &second) && !refused.takes_several());
        assert_eq!(now(&refused).get("n"), None);
        assert!(!refused.learn("the model is not loaded", &second));
        assert_eq!(
            refused.note().as_deref(),
            Some("the server does not take max_tokens, temperature: it answers without")
        );
    }
}
