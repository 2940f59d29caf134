//! What can go wrong with a language model, and what to do about it.

use std::path::PathBuf;
use std::time::Duration;

use crate::network::retry::asks_to_wait;

/// Why a language model gave no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LanguageModelError {
    /// Somebody asked to stop.
    #[error("interrupted")]
    Cancelled,
    /// The settings cannot be used.
    #[error("{0}")]
    Settings(String),
    /// A file that cannot be used as a language model.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it and what to do.
        reason: String,
    },
    /// The server cannot be reached, or the connection was cut, after every retry.
    #[error("{url}: {reason}")]
    Connection {
        /// Where.
        url: String,
        /// What happened, how often it was tried, and what to do.
        reason: String,
    },
    /// The server refuses the request: it would refuse it again.
    #[error("{url} answers {status}: {reason}")]
    Refused {
        /// Where.
        url: String,
        /// The status code.
        status: u16,
        /// What the server says, and what to do.
        reason: String,
    },
    /// The server is busy or broken, after every retry.
    #[error("{url} still answers {status} after {attempts} attempts: {reason}{}", asks_to_wait(*retry_after))]
    Busy {
        /// Where.
        url: String,
        /// The status code.
        status: u16,
        /// How often it was tried.
        attempts: u32,
        /// How long the server asks to wait.
        retry_after: Option<Duration>,
        /// What the server says, and what to do.
        reason: String,
    },
    /// The server's answer is none.
    #[error("{url}: the answer cannot be used: {reason}")]
    Answer {
        /// Where.
        url: String,
        /// What is wrong with it and what to do.
        reason: String,
    },
    /// The model itself failed.
    #[error("the language model {model} failed: {reason}")]
    Model {
        /// Its name.
        model: String,
        /// What happened.
        reason: String,
    },
}

impl LanguageModelError {
    /// What the server said, without its address: `429: slow down`.
    pub fn said(&self) -> String {
        match self {
            Self::Busy { status, reason, .. } | Self::Refused { status, reason, .. } => {
                match reason.is_empty() {
                    true => status.to_string(),
                    false => format!("{status}: {reason}"),
                }
            }
            Self::Connection { reason, .. } => reason.clone(),
            other => other.to_string(),
        }
    }

    /// Whether every other request would fail in the same way, so that it is of no use to go on.
    pub fn ends_everything(&self) -> bool {
        match self {
            Self::Refused { status, .. } => matches!(status, 401 | 403 | 404),
            Self::Answer { .. } => false,
            _ => true,
        }
    }
}
