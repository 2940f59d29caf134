//! Why a checkpoint of a hub cannot be had.

use std::path::PathBuf;
use std::time::Duration;

use super::repository::Repository;
use crate::network::retry::asks_to_wait;

/// An error of this module. Its `Display` is complete: it names the repository, the file or the address, says what is
/// wrong and what to do.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// A text that names no repository.
    #[error(
        "{given:?} names no repository of a hub: {problem}; a name is like openai/clip-vit-base-patch32, with @REVISION \
         where a branch, a tag or a commit is wanted"
    )]
    Name {
        /// As it was given.
        given: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// An environment variable, or the token's file, with a value that cannot be used.
    #[error("{name} is {value:?}: {problem}")]
    Setting {
        /// The variable, or the file.
        name: String,
        /// Its value.
        value: String,
        /// What is wrong, and what would be right.
        problem: &'static str,
    },
    /// Nothing says where the cache is.
    #[error("no place for the hub's cache: HOME is not set; name a folder in HF_HUB_CACHE")]
    NoCache,
    /// The cache lacks a checkpoint, or a part of it.
    #[error(
        "there is no folder {repository}, and {what} of the hub's repository {repository} is in {}: get it with \
         `cupl-tui pull {repository}`",
        cache.display()
    )]
    NotCached {
        /// Which.
        repository: Repository,
        /// The cache's folder.
        cache: PathBuf,
        /// What of it is there.
        what: &'static str,
    },
    /// Something is wanted of the hub, which must not be asked.
    #[error(
        "HF_HUB_OFFLINE is set, and not all of {repository} is in {}: unset it, or pull it on a machine that is online and \
         copy that folder",
        cache.display()
    )]
    Offline {
        /// Which.
        repository: Repository,
        /// The cache's folder.
        cache: PathBuf,
    },
    /// No answer.
    #[error(
        "{url}: {reason}{}; check the network, the proxy (HTTPS_PROXY) and HF_ENDPOINT, then run it again: it goes on where \
         it was",
        tried(*attempts)
    )]
    Connection {
        /// What was asked for.
        url: String,
        /// What went wrong.
        reason: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// The server is overloaded, or asks for retry.
    #[error("{url}: the server answers {status}{}{}{}; run it again later: it goes on where it was", reason_of(reason), tried(*attempts), asks_to_wait(*retry_after))]
    Busy {
        /// What was asked for.
        url: String,
        /// The answer's status.
        status: u16,
        /// What the server says.
        reason: String,
        /// How often it was tried.
        attempts: u32,
        /// The wait that it asks for.
        retry_after: Option<Duration>,
    },
    /// A repository that there is not, or that is not shown to everybody.
    #[error(
        "the hub has no repository {repository}, or does not show it: check its name at {page}; for a private or gated one, \
         {}",
        match token {
            Some(origin) => format!("the token of {origin} has to belong to an account that may read it"),
            None => TOKEN.to_owned(),
        }
    )]
    NoRepository {
        /// Which.
        repository: Repository,
        /// Its page.
        page: String,
        /// Where the token came from that was sent along.
        token: Option<String>,
    },
    /// A revision that the repository does not have.
    #[error("{repository}: the repository has no revision {:?}; its branches and tags are at {page}", repository.revision())]
    NoRevision {
        /// Which.
        repository: Repository,
        /// The page with its files.
        page: String,
    },
    /// A repository whose terms have to be accepted.
    #[error(
        "{repository} is gated: accept its terms at {page}, and {}",
        match token {
            Some(origin) => format!(
                "give a token of the account that did in place of that of {origin} (https://huggingface.co/settings/tokens)"
            ),
            None => TOKEN.to_owned(),
        }
    )]
    Gated {
        /// Which.
        repository: Repository,
        /// Its page.
        page: String,
        /// Where the token came from that was sent along.
        token: Option<String>,
    },
    /// A token that the hub does not take.
    #[error(
        "{url}: the hub does not take the token of {origin}{}: make another at \
         https://huggingface.co/settings/tokens, or do without one (HF_HUB_DISABLE_IMPLICIT_TOKEN=1)",
        reason_of(reason)
    )]
    BadToken {
        /// What was asked for.
        url: String,
        /// Where the token came from.
        origin: String,
        /// What the server says.
        reason: String,
    },
    /// Any other answer that is no use.
    #[error(
        "{url}: the server answers {status}{}; check HF_ENDPOINT and the repository's name",
        reason_of(reason)
    )]
    Refused {
        /// What was asked for.
        url: String,
        /// The answer's status.
        status: u16,
        /// What the server says.
        reason: String,
    },
    /// An answer that is not a hub's.
    #[error("{url}: the answer is not a hub's: {problem}; check HF_ENDPOINT")]
    Answer {
        /// What was asked for.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A file name that leads elsewhere.
    #[error(
        "{repository}: the hub lists a file {name:?}, whose name leads out of its folder: nothing was downloaded"
    )]
    UnsafeName {
        /// Which.
        repository: Repository,
        /// The name.
        name: String,
    },
    /// A repository without a checkpoint in it.
    #[error("{repository} holds no CLIP checkpoint that can be used: {problem}; its files are at {page}")]
    NoCheckpoint {
        /// Which.
        repository: Repository,
        /// What it lacks.
        problem: &'static str,
        /// The page with its files.
        page: String,
    },
    /// A file that came twice with other contents than the hub announces.
    #[error(
        "{file} of {repository}: {problem}, twice; nothing of it was kept. Something between here and the hub changes what is \
         sent: check the proxy and HF_ENDPOINT, or try another network"
    )]
    Damaged {
        /// Which.
        repository: Repository,
        /// The file's name.
        file: String,
        /// Length or checksum, as it should be and as it is.
        problem: String,
    },
    /// The cache cannot be written to.
    #[error("cannot write {}: {source}; make room or grant the right to write, or name another folder in HF_HUB_CACHE", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Somebody stopped it; what came is kept.
    #[error("stopped; what came so far is kept, and the same command goes on there")]
    Cancelled,
}

const TOKEN: &str = "set HF_TOKEN to a token of yours (https://huggingface.co/settings/tokens), or log in with `hf auth login`";

fn tried(attempts: u32) -> String {
    if attempts > 1 { format!(" (tried {attempts} times)") } else { String::new() }
}

fn reason_of(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(" ({reason})") }
}

impl HubError {
    /// Says how often it was tried.
    pub(super) fn after(self, attempts: u32) -> Self {
        match self {
            Self::Connection { url, reason, .. } => Self::Connection { url, reason, attempts },
            Self::Busy { url, status, reason, retry_after, .. } => {
                Self::Busy { url, status, reason, attempts, retry_after }
            }
            other => other,
        }
    }
}
