//! What the environment says of the hub, in the variables of its Python library.
//!
//! | variable | without it |
//! |---|---|
//! | `HF_ENDPOINT` | `https://huggingface.co` |
//! | `HF_HUB_CACHE` | `$HF_HOME/hub` |
//! | `HF_HOME` | `$XDG_CACHE_HOME/huggingface`, or `~/.cache/huggingface` |
//! | `HF_TOKEN` | `HUGGING_FACE_HUB_TOKEN`, then the file `HF_TOKEN_PATH`, or `$HF_HOME/token`; without one, no token |
//! | `HF_HUB_DISABLE_IMPLICIT_TOKEN` | the token is sent |
//! | `HF_HUB_OFFLINE` | the hub is asked |

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ureq::http::Uri;

use super::error::HubError;
use crate::network::address::{self, Login};

const ENDPOINT: &str = "https://huggingface.co";
/// Attempts in a row that bring nothing.
const ATTEMPTS: u32 = 6;
/// The wait before the second attempt.
const BACKOFF: Duration = Duration::from_millis(250);

/// A token that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    text: String,
    origin: String,
}

impl Token {
    /// A token, and what says it; `None` for a blank one.
    pub fn new(text: &str, origin: &str) -> Option<Self> {
        let text = Some(text.trim()).filter(|text| !text.is_empty())?;
        Some(Self { text: text.to_owned(), origin: origin.to_owned() })
    }

    /// Where it comes from: a variable or a file.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    pub(super) fn header(&self) -> String {
        format!("Bearer {}", self.text)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token(*** of {})", self.origin)
    }
}

/// Where the hub and its cache are.
#[derive(Debug, Clone)]
pub struct HubSettings {
    /// An address without a slash at its end, and without a user's name and password.
    pub endpoint: String,
    /// These, where the address had them: they are sent to the hub, and to nobody else.
    pub login: Option<Login>,
    /// The folder with a folder for each repository.
    pub cache: PathBuf,
    /// Sent to the hub, and to nobody else.
    pub token: Option<Token>,
    /// The hub must not be asked.
    pub offline: bool,
    /// Attempts in a row that bring nothing, before it is given up; at least 1.
    pub attempts: u32,
    /// The wait before the second attempt; it doubles.
    pub backoff: Duration,
}

impl HubSettings {
    /// Those of the environment.
    ///
    /// # Errors
    /// [`HubError::NoCache`]; [`HubError::Setting`] for an endpoint that is no address.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Self, HubError> {
        let variable = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let user = variable("HOME").or_else(|| variable("USERPROFILE")).map(PathBuf::from);
        let folder = |name: &str| {
            variable(name).map(|value| match (value.strip_prefix("~/"), &user) {
                (Some(rest), Some(user)) => user.join(rest),
                _ => PathBuf::from(value),
            })
        };
        let home = folder("HF_HOME").or_else(|| {
            let caches = folder("XDG_CACHE_HOME").or_else(|| user.as_ref().map(|user| user.join(".cache")));
            caches.map(|caches| caches.join("huggingface"))
        });
        let at_home = |name: &str| home.as_ref().map(|home| home.join(name));
        let cache = folder("HF_HUB_CACHE").or_else(|| at_home("hub")).ok_or(HubError::NoCache)?;
        let token_file = folder("HF_TOKEN_PATH").or_else(|| at_home("token"));
        let is_kept_back = variable("HF_HUB_DISABLE_IMPLICIT_TOKEN").is_some_and(|value| is_true(&value));
        let said = ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"]
            .into_iter()
            .find_map(|name| Token::new(&variable(name)?, name));
        let token = match said {
            _ if is_kept_back => None,
            Some(token) => Some(token),
            None => token_file.as_deref().and_then(read_token),
        };
        if let Some((token, problem)) =
            token.as_ref().and_then(|token| Some((token, address::unsendable(&token.text)?)))
        {
            return Err(HubError::Setting {
                name: token.origin().to_owned(),
                value: "***".to_owned(),
                problem,
            });
        }
        let (endpoint, login) = endpoint(variable("HF_ENDPOINT"))?;
        Ok(Self {
            endpoint,
            login,
            cache,
            token,
            offline: variable("HF_HUB_OFFLINE").is_some_and(|value| is_true(&value)),
            attempts: ATTEMPTS,
            backoff: BACKOFF,
        })
    }

    /// The hub's name, as messages have it.
    pub fn host(&self) -> &str {
        self.endpoint.split_once("://").map_or(self.endpoint.as_str(), |(_, rest)| rest)
    }
}

fn endpoint(given: Option<String>) -> Result<(String, Option<Login>), HubError> {
    let Some(given) = given else { return Ok((ENDPOINT.to_owned(), None)) };
    let (address, login) = address::take_login(given.trim().trim_end_matches('/'));
    let uri: Option<Uri> = address.parse().ok();
    let is_address =
        uri.is_some_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some());
    if !is_address {
        let problem = "it has to be an address such as https://huggingface.co";
        return Err(HubError::Setting { name: "HF_ENDPOINT".to_owned(), value: address, problem });
    }
    Ok((address, login))
}

/// A file that cannot be read is as good as none: most people have none.
fn read_token(path: &Path) -> Option<Token> {
    let text = std::fs::read_to_string(path).ok()?;
    Token::new(&text, &format!("the file {}", path.display()))
}

fn is_true(value: &str) -> bool {
    matches!(value.trim().to_ascii_uppercase().as_str(), "1" | "ON" | "YES" | "TRUE")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)]) -> Result<HubSettings, HubError> {
        HubSettings::from_environment(|name| {
            let pair = variables.iter().find(|(known, _)| *known == name);
            pair.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_cache_is_where_python_has_it() {
        let cache = |variables: &[(&str, &str)]| settings(variables).unwrap().cache;
        let home = ("HOME", "/home/ada");
        assert_eq!(cache(&[home]), Path::new("/home/ada/.cache/huggingface/hub"));
        assert_eq!(cache(&[home, ("XDG_CACHE_HOME", "/var/x")]), Path::new("/var/x/huggingface/hub"));
        assert_eq!(cache(&[home, ("HF_HOME", "~/hf")]), Path::new("/home/ada/hf/hub"));
        assert_eq!(cache(&[home, ("HF_HOME", "/hf"), ("HF_HUB_CACHE", "/big")]), Path::new("/big"));
        assert_eq!(cache(&[home, ("HF_HUB_CACHE", " ")]), Path::new("/home/ada/.cache/huggingface/hub"));
        assert!(matches!(settings(&[]), Err(HubError::NoCache)));
    }

    #[test]
    fn the_token_is_read_and_never_shown() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().to_str().unwrap();
        assert_eq!(settings(&[("HF_HOME", home)]).unwrap().token, None);
        std::fs::write(dir.path().join("token"), "hf_file\n").unwrap();
        let of_file = settings(&[("HF_HOME", home)]).unwrap().token.unwrap();
        assert_eq!(of_file.header(), "Bearer hf_file");
        assert!(of_file.origin().starts_with("the file ") && of_file.origin().ends_with("token"));
        let old =
            settings(&[("HF_HOME", home), ("HUGGING_FACE_HUB_TOKEN", "hf_old")]).unwrap().token.unwrap();
        assert_eq!((old.header().as_str(), old.origin()), ("Bearer hf_old", "HUGGING_FACE_HUB_TOKEN"));
        let new = [("HF_HOME", home), ("HUGGING_FACE_HUB_TOKEN", "hf_old"), ("HF_TOKEN", "hf_new")];
        assert_eq!(settings(&new).unwrap().token.unwrap().origin(), "HF_TOKEN");
        let kept = [("HF_HOME", home), ("HF_TOKEN", "hf_x"), ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")];
        assert_eq!(settings(&kept).unwrap().token, None);
        let both = settings(&[("HF_HOME", home), ("HF_TOKEN", "hf_variable")]).unwrap();
        assert_eq!(both.token.as_ref().unwrap().header(), "Bearer hf_variable");
        assert!(!format!("{both:?}").contains("hf_variable"));
    }

    #[test]
    fn endpoints_are_addresses() {
        let endpoint = |value| settings(&[("HOME", "/h"), ("HF_ENDPOINT", value)]);
        assert_eq!(settings(&[("HOME", "/h")]).unwrap().host(), "huggingface.co");
        assert_eq!(endpoint("http://localhost:8000/hub//").unwrap().endpoint, "http://localhost:8000/hub");
        for wrong in ["huggingface.co", "ftp://ada:secret@x", "https://"] {
            let told = endpoint(wrong).unwrap_err().to_string();
            assert!(told.contains("HF_ENDPOINT") && !told.contains("secret"), "{told}");
        }
        let private = endpoint("https://ada:secret@hub.example/models").unwrap();
        assert_eq!(
            (private.endpoint.as_str(), private.host()),
            ("https://hub.example/models", "hub.example/models")
        );
        assert_eq!(private.login.unwrap().put_into("https://x/y"), "https://ada:secret@x/y");
    }

    #[test]
    fn offline_has_several_words() {
        let offline = |value| settings(&[("HOME", "/h"), ("HF_HUB_OFFLINE", value)]).unwrap().offline;
        assert_eq!(["1", "true", "ON", "0", "no", ""].map(offline), [true, true, true, false, false, false]);
    }
}
