//! Where a server is, which model it shall use and how patient to be.

use std::fmt;
use std::time::Duration;

use crate::language_model::LanguageModelError;
use crate::network::address::{self, Login};

/// Samples a request asks for at most, where nobody says how many.
pub const SAMPLES_AT_ONCE: usize = 10;

/// The server that is meant where nobody names one.
pub const OPENAI: &str = "https://api.openai.com/v1";

/// A key that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    /// A key; `None` for a blank one.
    pub fn new(key: &str) -> Option<Self> {
        Some(key.trim()).filter(|key| !key.is_empty()).map(|key| Self(key.to_owned()))
    }

    pub(super) fn header(&self) -> String {
        format!("Bearer {}", self.0)
    }

    /// Why it cannot be sent.
    fn problem(&self) -> Option<&'static str> {
        address::unsendable(&self.0)
    }

    /// The text without the key, should it be in there.
    pub(super) fn redacted(&self, text: &str) -> String {
        text.replace(&self.0, "***")
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(***)")
    }
}

/// Which of the two kinds of requests is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RequestForm {
    /// `/chat/completions`: the LLM prompt is a user's message.
    #[default]
    Chat,
    /// `/completions`: the answer goes on from the LLM prompt.
    Completions,
}

/// Everything about a server.
#[derive(Debug, Clone)]
pub struct OpenAiSettings {
    /// Up to `/v1` or what stands in its place; a slash at the end, `/chat/completions` and `/completions` are cut off, and a
    /// user's name and password are taken out.
    pub base_url: String,
    /// The name and password, for the server alone.
    pub login: Option<Login>,
    /// As the server calls it.
    pub model: String,
    /// Servers of one's own need none.
    pub api_key: Option<ApiKey>,
    /// The kind of requests.
    pub form: RequestForm,
    /// Requests at once, at least 1.
    pub concurrency: usize,
    /// Samples a request asks for at most.
    pub samples_at_once: usize,
    /// For one request and its answer.
    pub timeout: Duration,
    /// How often a request is tried before it has failed, at least 1.
    pub attempts: u32,
    /// The wait before the second attempt; it doubles with each.
    pub backoff: Duration,
}

impl OpenAiSettings {
    /// The usual settings for a model.
    pub fn new(base_url: &str, model: &str, api_key: Option<ApiKey>) -> Self {
        let (base_url, login) = address::take_login(base_url.trim());
        let mut base_url = base_url.trim_end_matches('/');
        for path in ["/chat/completions", "/completions"] {
            base_url = base_url.strip_suffix(path).unwrap_or(base_url);
        }
        Self {
            base_url: base_url.trim_end_matches('/').to_owned(),
            login,
            model: model.trim().to_owned(),
            api_key,
            form: RequestForm::Chat,
            concurrency: 4,
            samples_at_once: SAMPLES_AT_ONCE,
            timeout: Duration::from_secs(120),
            attempts: 6,
            backoff: Duration::from_secs(1),
        }
    }

    /// # Errors
    /// [`LanguageModelError::Settings`] with what is missing.
    pub(super) fn check(&self) -> Result<(), LanguageModelError> {
        let problem = |problem: &str| Err(LanguageModelError::Settings(problem.to_owned()));
        if self.model.is_empty() {
            return problem(
                "say which model the server shall use: --model NAME, or model in the [generation] table",
            );
        }
        if let Some(reason) = self.api_key.as_ref().and_then(ApiKey::problem) {
            return problem(&format!("the key in OPENAI_API_KEY {reason}"));
        }
        if self.base_url.contains(['?', '#']) {
            return problem(
                "the base URL must end before ? and #; give it as http://localhost:8000/v1, and a key in OPENAI_API_KEY",
            );
        }
        let has_host = ["http://", "https://"].iter().any(|scheme| {
            self.base_url.to_ascii_lowercase().strip_prefix(scheme).is_some_and(|host| !host.is_empty())
        });
        if !has_host {
            return Err(LanguageModelError::Settings(format!(
                "{:?} is no address of a server; it should be as http://localhost:8000/v1",
                self.base_url
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_as_people_write_them() {
        for url in [
            "http://h:1/v1",
            " http://h:1/v1/ ",
            "http://h:1/v1/chat/completions",
            "http://h:1/v1/completions/",
        ] {
            assert_eq!(OpenAiSettings::new(url, "m", None).base_url, "http://h:1/v1", "{url}");
        }
        for (url, model, words) in [
            ("http://h/v1", " ", "which model"),
            ("localhost:8000", "m", "no address"),
            ("http://", "m", "no address"),
        ] {
            let error = OpenAiSettings::new(url, model, None).check().unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
        }
        assert!(OpenAiSettings::new("HTTPS://h", "m", None).check().is_ok());
        let key = ApiKey::new("sk-1\nX: secret");
        let error = OpenAiSettings::new("http://h", "m", key).check().unwrap_err().to_string();
        assert!(error.contains("OPENAI_API_KEY has a line break") && !error.contains("secret"), "{error}");
        let error = OpenAiSettings::new("http://h/v1?key=secret", "m", None).check().unwrap_err().to_string();
        assert!(error.contains("before ?") && !error.contains("secret"), "{error}");
        let error = OpenAiSettings::new("u:secret@h", "m", None).check().unwrap_err().to_string();
        assert!(error.contains("no address") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn a_key_is_not_shown() {
        let key = ApiKey::new(" sk-secret\n").unwrap();
        assert_eq!(key.header(), "Bearer sk-secret");
        assert_eq!(key.redacted("wrong key sk-secret!"), "wrong key ***!");
        let settings = OpenAiSettings::new(OPENAI, "m", Some(key));
        assert!(!format!("{settings:?}").contains("secret"));
        assert_eq!(ApiKey::new("  "), None);
    }
}
