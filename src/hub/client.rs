//! Requests to a hub: redirections are followed by hand, so that the token goes to the hub alone, and what may pass is tried
//! again.

use std::hash::BuildHasher;
use std::io::Read;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, SystemTime};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use ureq::Agent;
use ureq::http::{HeaderMap, Uri};

use super::checksum::Checksum;
use super::error::HubError;
use super::listing::{Listing, RemoteFile};
use super::repository::Repository;
use super::settings::HubSettings;
use crate::network::http::{self, Limit, NoAgent};
use crate::network::retry::{self, POLL_INTERVAL};

/// How long a server may say nothing.
const SILENCE: Duration = Duration::from_secs(30);
/// Redirections of one request.
const HOPS: usize = 8;
/// Bytes that are read at once.
const CHUNK: usize = 128 << 10;
/// Pieces of an answer that wait to be written.
const WAITING: usize = 4;
/// Bytes of an answer that is read as a whole.
const LARGEST_ANSWER: usize = 32 << 20;
/// Characters of a server's message that are shown.
const SHOWN: usize = 200;

/// Whether somebody wants to stop.
pub type IsCancelled<'a> = &'a dyn Fn() -> bool;

/// A hub's client.
pub struct Client {
    settings: HubSettings,
    /// Told of long waits that the hub asks for.
    pub(super) on_wait: Option<OnWait>,
    plain: OnceLock<Result<Agent, NoAgent>>,
    encrypted: OnceLock<Result<Agent, NoAgent>>,
}

/// Why an attempt came to nothing.
pub enum Failure {
    /// Another one may do better.
    Passing(HubError),
    /// No other one will.
    Lasting(HubError),
}

impl From<HubError> for Failure {
    fn from(error: HubError) -> Self {
        Self::Lasting(error)
    }
}

/// What a request is for, which decides what an error status means.
#[derive(Debug, Clone, Copy)]
struct Request<'a> {
    method: Method,
    repository: &'a Repository,
    /// The first byte that is wanted.
    from: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Get,
    Head,
}

/// An answer whose body is still coming.
pub struct Answer {
    /// The address that gave it.
    url: String,
    /// 200, 206 or 416.
    pub status: u16,
    headers: HeaderMap,
    pieces: Receiver<Piece>,
}

enum Piece {
    Head(u16, HeaderMap),
    Bytes(Vec<u8>),
    End,
    Broke(String),
}

/// What is told of a long wait that a hub asks for, in words.
pub type OnWait = Box<dyn Fn(&str) + Send + Sync>;

/// A wait that somebody may wonder about.
const LONG_WAIT: Duration = Duration::from_secs(3);

/// Attempts in a row that brought nothing.
pub struct Attempts<'a> {
    settings: &'a HubSettings,
    on_wait: Option<&'a OnWait>,
    made: u32,
}

impl Attempts<'_> {
    /// The last attempt brought something.
    pub fn brought_something(&mut self) {
        self.made = 0;
    }

    /// Waits before another attempt; `on_long_wait` is told how long where the hub asks for a long wait.
    ///
    /// # Errors
    /// The failure itself, where it lasts or there were enough attempts.
    pub fn after(
        &mut self,
        failure: Failure,
        on_long_wait: &mut dyn FnMut(Duration),
        is_cancelled: IsCancelled<'_>,
    ) -> Result<(), HubError> {
        self.made += 1;
        let error = match failure {
            Failure::Lasting(error) => return Err(error),
            Failure::Passing(error) if self.made >= self.settings.attempts => {
                return Err(error.after(self.made));
            }
            Failure::Passing(error) => error,
        };
        let asked_for = match &error {
            HubError::Busy { retry_after, .. } => *retry_after,
            _ => None,
        };
        // A hasher of the standard library is seeded anew for each process and use.
        let chance = std::hash::RandomState::new().hash_one(self.made) as f64 / u64::MAX as f64;
        let Some(wait) = retry::wait(self.settings.backoff, self.made, asked_for, chance) else {
            return Err(error.after(self.made));
        };
        if let HubError::Busy { status, .. } = &error
            && wait >= LONG_WAIT
        {
            on_long_wait(wait);
            if let Some(on_wait) = self.on_wait {
                on_wait(&format!(
                    "{} answers {status}{}: waiting, and then going on",
                    self.settings.host(),
                    retry::asks_to_wait(Some(wait))
                ));
            }
        }
        if retry::pause(wait, is_cancelled) { Ok(()) } else { Err(HubError::Cancelled) }
    }
}

impl Client {
    /// A client; nothing is sent yet.
    pub fn new(settings: HubSettings) -> Self {
        Self { settings, on_wait: None, plain: OnceLock::new(), encrypted: OnceLock::new() }
    }

    /// Where the hub and its cache are.
    pub fn settings(&self) -> &HubSettings {
        &self.settings
    }

    /// No attempt was made yet.
    pub fn attempts(&self) -> Attempts<'_> {
        Attempts { settings: &self.settings, on_wait: self.on_wait.as_ref(), made: 0 }
    }

    /// The page of a repository; with its files, those of the revision.
    pub fn page(&self, repository: &Repository, files: bool) -> String {
        let page = format!("{}/{}", self.settings.endpoint, repository.id());
        if files { format!("{page}/tree/{}", repository.revision()) } else { page }
    }

    /// What the hub says of a repository.
    pub fn listing(
        &self,
        repository: &Repository,
        is_cancelled: IsCancelled<'_>,
    ) -> Result<Listing, HubError> {
        let revision = encoded(repository.revision());
        let url = format!(
            "{}/api/models/{}/revision/{revision}?blobs=true",
            self.settings.endpoint,
            repository.id()
        );
        let request = Request { method: Method::Get, repository, from: 0 };
        let text = self.whole(&url, request, is_cancelled)?;
        Listing::parse(&text).map_err(|problem| HubError::Answer { url, problem })
    }

    /// The contents of a small file.
    pub fn contents(
        &self,
        repository: &Repository,
        commit: &str,
        name: &str,
        is_cancelled: IsCancelled<'_>,
    ) -> Result<Vec<u8>, HubError> {
        let request = Request { method: Method::Get, repository, from: 0 };
        self.whole(&self.address(repository, commit, name), request, is_cancelled)
    }

    /// What the hub says of one file, where its listing leaves that out.
    pub fn describe(
        &self,
        repository: &Repository,
        commit: &str,
        name: &str,
        is_cancelled: IsCancelled<'_>,
    ) -> Result<RemoteFile, HubError> {
        let url = self.address(repository, commit, name);
        let request = Request { method: Method::Head, repository, from: 0 };
        let answer = self.patiently(is_cancelled, || self.ask(&url, request, is_cancelled))?;
        let either = |linked: &str, own: &str| answer.header(linked).or_else(|| answer.header(own));
        Ok(RemoteFile {
            name: name.to_owned(),
            size: either("x-linked-size", "content-length").and_then(|size| size.trim().parse().ok()),
            checksum: either("x-linked-etag", "etag").and_then(Checksum::from_etag),
        })
    }

    /// A file from a byte on; whoever gets the answer has to look whether it begins there.
    pub fn open(
        &self,
        repository: &Repository,
        commit: &str,
        name: &str,
        from: u64,
        is_cancelled: IsCancelled<'_>,
    ) -> Result<Answer, Failure> {
        let request = Request { method: Method::Get, repository, from };
        self.ask(&self.address(repository, commit, name), request, is_cancelled)
    }

    fn address(&self, repository: &Repository, commit: &str, name: &str) -> String {
        format!("{}/{}/resolve/{commit}/{}", self.settings.endpoint, repository.id(), encoded_path(name))
    }

    fn whole(
        &self,
        url: &str,
        request: Request<'_>,
        is_cancelled: IsCancelled<'_>,
    ) -> Result<Vec<u8>, HubError> {
        self.patiently(is_cancelled, || {
            let mut answer = self.ask(url, request, is_cancelled)?;
            let mut text = Vec::new();
            while let Some(bytes) = answer.next(is_cancelled)? {
                text.extend(bytes);
                if text.len() > LARGEST_ANSWER {
                    let problem = format!("it has more than {} MiB", LARGEST_ANSWER >> 20);
                    return Err(HubError::Answer { url: url.to_owned(), problem }.into());
                }
            }
            Ok(text)
        })
    }

    fn patiently<T>(
        &self,
        is_cancelled: IsCancelled<'_>,
        mut attempt: impl FnMut() -> Result<T, Failure>,
    ) -> Result<T, HubError> {
        let mut attempts = self.attempts();
        loop {
            match attempt() {
                Ok(answer) => return Ok(answer),
                Err(failure) => attempts.after(failure, &mut |_| {}, is_cancelled)?,
            }
        }
    }

    /// Asks, and follows where the answer leads. A head that says what a file is leads nowhere else.
    fn ask(&self, url: &str, request: Request<'_>, is_cancelled: IsCancelled<'_>) -> Result<Answer, Failure> {
        let mut url = url.to_owned();
        for _ in 0..HOPS {
            let answer = self.send(&url, request, is_cancelled)?;
            if !(300..400).contains(&answer.status) {
                return self.judged(answer, request, is_cancelled);
            }
            if request.method == Method::Head && answer.header("x-linked-etag").is_some() {
                return Ok(answer);
            }
            let next = answer.header("location").and_then(|location| resolved(&url, location));
            let Some(next) = next else {
                let problem = format!("it leads to {:?}", answer.header("location").unwrap_or_default());
                return Err(HubError::Answer { url, problem }.into());
            };
            if is_encrypted(&url) && !is_encrypted(&next) {
                let problem = format!("it leads from https to {next}");
                return Err(HubError::Answer { url, problem }.into());
            }
            url = next;
        }
        let problem = format!("it leads on and on, {HOPS} times so far");
        Err(HubError::Answer { url, problem }.into())
    }

    /// The answer, or why it is none.
    fn judged(
        &self,
        mut answer: Answer,
        request: Request<'_>,
        is_cancelled: IsCancelled<'_>,
    ) -> Result<Answer, Failure> {
        let (status, url) = (answer.status, answer.url.clone());
        if matches!(status, 200 | 206) || (status == 416 && request.from > 0) {
            return Ok(answer);
        }
        let reason = match answer.header("x-error-message") {
            Some(message) => shown(message),
            None => answer.message(is_cancelled)?,
        };
        let retry_after =
            answer.header("retry-after").and_then(|text| retry::retry_after(text, SystemTime::now()));
        let repository = request.repository.clone();
        let page = self.page(&repository, false);
        let token = self.settings.token.as_ref().map(|token| token.origin().to_owned());
        let is_hub = origin(&url) == origin(&self.settings.endpoint);
        let error = match (status, answer.header("x-error-code").unwrap_or_default(), token) {
            (401, "", Some(origin)) if is_hub => HubError::BadToken { url, origin, reason },
            // The addresses that a hub leads to hold for some minutes only: asking the hub again gives others.
            (status, _, _) if !is_hub && (400..500).contains(&status) => {
                return Err(Failure::Passing(HubError::Refused { url, status, reason }));
            }
            (status, _, _) if retry::is_worth_another_try(status) => {
                let busy = HubError::Busy { url, status, reason, attempts: 1, retry_after };
                return Err(Failure::Passing(busy));
            }
            (401 | 403, "GatedRepo", token) => HubError::Gated { repository, page, token },
            (404, "RevisionNotFound", _) => {
                HubError::NoRevision { page: format!("{page}/tree/main"), repository }
            }
            (401 | 404, code, token) if code != "EntryNotFound" => {
                HubError::NoRepository { repository, page, token }
            }
            _ => HubError::Refused { url, status, reason },
        };
        Err(error.into())
    }

    /// Sends one request on a thread, which is left alone where somebody wants to stop before it answers.
    fn send(
        &self,
        url: &str,
        request: Request<'_>,
        is_cancelled: IsCancelled<'_>,
    ) -> Result<Answer, Failure> {
        let broken = |reason: String| HubError::Connection { url: url.to_owned(), reason, attempts: 1 };
        let agent = self.agent(url).map_err(broken)?;
        let mut headers = vec![("Accept-Encoding", "identity".to_owned())];
        if request.from > 0 {
            headers.push(("Range", format!("bytes={}-", request.from)));
        }
        if let Some(token) = &self.settings.token
            && origin(url) == origin(&self.settings.endpoint)
        {
            headers.push(("Authorization", token.header()));
        }
        let login = self.settings.login.as_ref().filter(|_| origin(url) == origin(&self.settings.endpoint));
        let broken = |reason: String| broken(login.map_or(reason.clone(), |login| login.redacted(&reason)));
        let (sender, pieces) = bounded(WAITING);
        let (address, method) = (login.map_or(url.to_owned(), |login| login.put_into(url)), request.method);
        let exchange = move || exchange(&agent, method, &address, &headers, &sender);
        thread::Builder::new()
            .name("request".into())
            .spawn(exchange)
            .map_err(|error| broken(format!("no thread for it: {error}")))?;
        match next_piece(&pieces, is_cancelled)? {
            Piece::Head(status, headers) => Ok(Answer { url: url.to_owned(), status, headers, pieces }),
            Piece::Broke(reason) => Err(Failure::Passing(broken(reason))),
            Piece::Bytes(_) | Piece::End => {
                Err(Failure::Passing(broken("the answer has no beginning".to_owned())))
            }
        }
    }

    fn agent(&self, url: &str) -> Result<Agent, NoAgent> {
        let agent = if is_encrypted(url) { &self.encrypted } else { &self.plain };
        agent.get_or_init(|| http::agent(url, Limit::Silence(SILENCE))).clone()
    }
}

impl Answer {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The next bytes of the body; `None` at its end.
    pub fn next(&mut self, is_cancelled: IsCancelled<'_>) -> Result<Option<Vec<u8>>, Failure> {
        match next_piece(&self.pieces, is_cancelled)? {
            Piece::Bytes(bytes) => Ok(Some(bytes)),
            Piece::End | Piece::Head(..) => Ok(None),
            Piece::Broke(reason) => {
                let reason = format!("the answer was cut off: {reason}");
                Err(Failure::Passing(HubError::Connection { url: self.url.clone(), reason, attempts: 1 }))
            }
        }
    }

    /// That this answer is not what was asked for.
    pub fn wrong(&self, problem: String) -> HubError {
        HubError::Answer { url: self.url.clone(), problem }
    }

    /// That this answer ended too early.
    pub fn cut_off(&self) -> HubError {
        let reason = "the answer was cut off".to_owned();
        HubError::Connection { url: self.url.clone(), reason, attempts: 1 }
    }

    /// What a server says in an answer with an error status: the error of a JSON object, or a short text.
    fn message(&mut self, is_cancelled: IsCancelled<'_>) -> Result<String, HubError> {
        let mut text = Vec::new();
        loop {
            match self.next(is_cancelled) {
                Ok(Some(bytes)) if text.len() < CHUNK => text.extend(bytes),
                // What it would have said is no news.
                Ok(_) | Err(Failure::Passing(_)) => break,
                Err(Failure::Lasting(error)) => return Err(error),
            }
        }
        let value: Option<serde_json::Value> = serde_json::from_slice(&text).ok();
        let error = value.as_ref().and_then(|value| value.get("error")?.as_str());
        let text = String::from_utf8_lossy(&text);
        Ok(match error {
            Some(error) => shown(error),
            None if text.trim_start().starts_with('<') => String::new(),
            None => shown(&text),
        })
    }
}

fn next_piece(pieces: &Receiver<Piece>, is_cancelled: IsCancelled<'_>) -> Result<Piece, HubError> {
    loop {
        if is_cancelled() {
            return Err(HubError::Cancelled);
        }
        match pieces.recv_timeout(POLL_INTERVAL) {
            Ok(piece) => return Ok(piece),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Ok(Piece::Broke("the request broke off".to_owned()));
            }
        }
    }
}

/// Sends a request and passes the answer on, piece by piece, as long as somebody listens.
fn exchange(agent: &Agent, method: Method, url: &str, headers: &[(&str, String)], sender: &Sender<Piece>) {
    let mut request = match method {
        Method::Get => agent.get(url),
        Method::Head => agent.head(url),
    };
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let mut response = match request.call() {
        Ok(response) => response,
        Err(error) => {
            let _unheard = sender.send(Piece::Broke(http::failure(&error)));
            return;
        }
    };
    let head = Piece::Head(response.status().as_u16(), response.headers().clone());
    let mut is_heard = sender.send(head).is_ok();
    let mut body = response.body_mut().as_reader();
    while is_heard {
        let mut bytes = vec![0; CHUNK];
        let piece = match body.read(&mut bytes) {
            Ok(0) => Piece::End,
            Ok(read) => {
                bytes.truncate(read);
                Piece::Bytes(bytes)
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => Piece::Broke(error.to_string()),
        };
        let is_last = !matches!(piece, Piece::Bytes(_));
        is_heard = sender.send(piece).is_ok() && !is_last;
    }
}

fn is_encrypted(url: &str) -> bool {
    url.to_ascii_lowercase().starts_with("https:")
}

/// Scheme, host and port: who gets to see a request.
fn origin(url: &str) -> Option<(String, String, u16)> {
    let uri: Uri = url.parse().ok()?;
    let scheme = uri.scheme_str()?.to_ascii_lowercase();
    let port = uri.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 });
    Some((scheme, uri.host()?.to_ascii_lowercase(), port))
}

/// The address that a `Location` of the answer of `url` means.
fn resolved(url: &str, location: &str) -> Option<String> {
    let location = location.trim();
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.split(['/', '?']).next()?;
    let address = if location.contains("://") {
        location.to_owned()
    } else if let Some(other) = location.strip_prefix("//") {
        format!("{scheme}://{other}")
    } else if location.starts_with('/') {
        format!("{scheme}://{host}{location}")
    } else {
        let path = rest.split('?').next()?;
        let folder = path.rsplit_once('/').map_or(path, |(folder, _)| folder);
        format!("{scheme}://{folder}/{location}")
    };
    let (scheme, _, _) = origin(&address)?;
    matches!(scheme.as_str(), "http" | "https").then_some(address)
}

/// A message of a server, short and on one line.
fn shown(text: &str) -> String {
    let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match one_line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &one_line[..end]),
        None => one_line,
    }
}

/// Text as one part of an address's path.
fn encoded(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    text.bytes()
        .map(|byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

fn encoded_path(path: &str) -> String {
    path.split('/').map(encoded).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_tell_hosts_apart() {
        let hub = origin("https://huggingface.co/a/b");
        assert_eq!(hub, origin("HTTPS://HuggingFace.co:443"));
        for other in [
            "http://huggingface.co",
            "https://huggingface.co:8443",
            "https://cdn.huggingface.co",
            "https://huggingface.co.evil.example",
            "https://huggingface.co@evil.example/",
        ] {
            assert_ne!(hub, origin(other), "{other}");
        }
    }

    #[test]
    fn locations_are_resolved() {
        let from = "https://hub.example/a/b/resolve/1/x?download=true";
        for (location, meant) in [
            ("https://cdn.example/y?sig=1", Some("https://cdn.example/y?sig=1")),
            ("//cdn.example/y", Some("https://cdn.example/y")),
            ("/api/y", Some("https://hub.example/api/y")),
            ("y", Some("https://hub.example/a/b/resolve/1/y")),
            ("ftp://cdn.example/y", None),
            ("file:///etc/passwd", None),
        ] {
            assert_eq!(resolved(from, location).as_deref(), meant, "{location}");
        }
    }

    #[test]
    fn revisions_and_names_become_parts_of_addresses() {
        assert_eq!(encoded("refs/pr/1"), "refs%2Fpr%2F1");
        assert_eq!(encoded_path("a b/c#1.bin"), "a%20b/c%231.bin");
    }
}
