//! A Hugging Face hub on this machine, with one repository, and the other server that it keeps large files on.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::loopback::{Asked, Loopback, Reply};

/// The repository's name.
pub const REPOSITORY: &str = "pond/clip";

/// Files by their names.
pub type Files = Vec<(String, Vec<u8>)>;

/// What is asked for, and how often the same was before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// What there is.
    Listing,
    /// A file, of the hub.
    File(String),
    /// A large file, of the other server.
    Stored(String),
}

/// A way of the hub to misbehave: in place of its answer, which it is given.
pub type Fault = Box<dyn Fn(&Wanted, usize, &Asked, &Repository) -> Option<Reply> + Send + Sync>;

/// The repository's contents.
#[derive(Debug, Clone)]
pub struct Repository {
    pub files: Files,
    /// The listing has neither lengths nor checksums.
    pub is_terse: bool,
}

/// The two servers.
pub struct LoopbackHub {
    pub hub: Loopback,
    pub store: Loopback,
    repository: Arc<Mutex<Repository>>,
}

impl LoopbackHub {
    pub fn start(files: Files) -> Self {
        Self::faulty(files, |_, _, _, _| None)
    }

    pub fn faulty(
        files: Files,
        fault: impl Fn(&Wanted, usize, &Asked, &Repository) -> Option<Reply> + Send + Sync + 'static,
    ) -> Self {
        let repository = Arc::new(Mutex::new(Repository { files, is_terse: false }));
        let (fault, counts) = (Arc::new(Box::new(fault) as Fault), Arc::new(Mutex::new(HashMap::new())));
        let answer = {
            let repository = repository.clone();
            Arc::new(move |wanted: Wanted, asked: &Asked, usual: &dyn Fn(&Repository) -> Reply| {
                let before = {
                    let mut counts = counts.lock().unwrap();
                    let count = counts.entry(format!("{wanted:?}")).or_insert(0);
                    *count += 1;
                    *count - 1
                };
                let now = repository.lock().unwrap().clone();
                fault(&wanted, before, asked, &now).unwrap_or_else(|| usual(&now))
            })
        };
        let of_store = answer.clone();
        let store = Loopback::start(move |_, asked| {
            let name = asked.path.trim_start_matches('/').to_owned();
            of_store(Wanted::Stored(name.clone()), asked, &|now| now.part(&name, asked))
        });
        let address = store.url.clone();
        let hub = Loopback::start(move |_, asked| match asked.path.strip_prefix("/api/") {
            Some(_) => answer(Wanted::Listing, asked, &Repository::listing),
            None => {
                let name = asked.path.splitn(6, '/').nth(5).unwrap_or_default().to_owned();
                answer(Wanted::File(name.clone()), asked, &|now| now.file(&name, asked, &address))
            }
        });
        Self { hub, store, repository }
    }

    /// Changes the repository: it gets another commit.
    pub fn change(&self, change: impl FnOnce(&mut Repository)) {
        change(&mut self.repository.lock().unwrap());
    }

    pub fn commit(&self) -> String {
        self.repository.lock().unwrap().commit()
    }

    /// Where requests for a large file began, in order.
    pub fn ranges(&self, name: &str) -> Vec<usize> {
        let asked = self.store.asked();
        let of_file = asked.iter().filter(|asked| asked.path == format!("/{name}"));
        of_file.map(Asked::from).collect()
    }

    /// The files that were asked for, in order.
    pub fn asked_for(&self) -> Vec<String> {
        let asked = self.hub.asked();
        let files = asked.iter().filter(|asked| !asked.path.starts_with("/api/"));
        files.map(|asked| asked.path.splitn(6, '/').nth(5).unwrap().to_owned()).collect()
    }
}

impl Asked {
    /// The first byte that was wanted.
    fn from(&self) -> usize {
        let range =
            self.header("range").map(|range| range.strip_prefix("bytes=").unwrap().trim_end_matches('-'));
        range.map_or(0, |from| from.parse().unwrap())
    }
}

impl Repository {
    /// Another one for other contents.
    pub fn commit(&self) -> String {
        let mut hasher = Sha1::new();
        for (name, contents) in &self.files {
            hasher.update(name);
            hasher.update(contents);
        }
        hex(&hasher.finalize())
    }

    pub fn contents(&self, name: &str) -> Option<&Vec<u8>> {
        self.files.iter().find(|(known, _)| known == name).map(|(_, contents)| contents)
    }

    fn listing(&self) -> Reply {
        let file = |(name, contents): &(String, Vec<u8>)| -> Value {
            if self.is_terse {
                return json!({"rfilename": name});
            }
            let mut file = json!({"rfilename": name, "size": contents.len(), "blobId": git_blob(contents)});
            if is_large(name) {
                let sha256 = hex(&Sha256::digest(contents));
                file["lfs"] = json!({"sha256": sha256, "size": contents.len(), "pointerSize": 130});
            }
            file
        };
        let files: Vec<Value> = self.files.iter().map(file).collect();
        Reply::json(&json!({"id": REPOSITORY, "sha": self.commit(), "gated": false, "siblings": files}))
    }

    /// A small file, or where a large one is.
    fn file(&self, name: &str, asked: &Asked, store: &str) -> Reply {
        let Some(contents) = self.contents(name) else { return error(404, "EntryNotFound") };
        if !is_large(name) {
            let headers = vec![("ETag", format!("\"{}\"", git_blob(contents)))];
            return Reply::Answer {
                status: 200,
                content_type: "text/plain",
                headers,
                body: contents.clone(),
            };
        }
        assert!(asked.header("accept-encoding").is_some_and(|encoding| encoding == "identity"));
        let headers = vec![
            ("Location", format!("{store}/{name}")),
            ("X-Linked-Etag", format!("\"{}\"", hex(&Sha256::digest(contents)))),
            ("X-Linked-Size", contents.len().to_string()),
        ];
        Reply::Answer { status: 302, content_type: "text/plain", headers, body: b"elsewhere".to_vec() }
    }

    /// What is wanted of a large file.
    pub fn part(&self, name: &str, asked: &Asked) -> Reply {
        let contents = self.contents(name).unwrap();
        let (status, headers, body) = part(contents, asked.from());
        Reply::Answer { status, content_type: "application/octet-stream", headers, body }
    }

    /// The same, but nothing comes after some bytes: the connection ends, or it does not.
    pub fn part_of_part(&self, name: &str, asked: &Asked, after: usize, ends: bool) -> Reply {
        let (status, headers, body) = part(self.contents(name).unwrap(), asked.from());
        match ends {
            true => Reply::Cut { after, body },
            false => Reply::Stall { status, headers, after, body },
        }
    }
}

fn part(contents: &[u8], from: usize) -> (u16, Vec<(&'static str, String)>, Vec<u8>) {
    let range = format!("bytes {from}-{}/{}", contents.len() - 1, contents.len());
    match from {
        0 => (200, Vec::new(), contents.to_vec()),
        _ => (206, vec![("Content-Range", range)], contents[from..].to_vec()),
    }
}

/// An error as a hub has it.
pub fn error(status: u16, code: &str) -> Reply {
    let headers = vec![("X-Error-Code", code.to_owned())];
    let body = json!({"error": format!("so says the hub: {code}")}).to_string().into_bytes();
    Reply::Answer { status, content_type: "application/json", headers, body }
}

fn is_large(name: &str) -> bool {
    name.ends_with(".safetensors") || name.ends_with(".bin")
}

pub fn git_blob(contents: &[u8]) -> String {
    hex(&Sha1::new_with_prefix(format!("blob {}\0", contents.len())).chain_update(contents).finalize())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A small checkpoint, and what else there is in a repository.
pub fn checkpoint() -> Files {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/clip/tiny-quickgelu");
    let names = ["config.json", "model.safetensors", "preprocessor_config.json", "tokenizer.json"];
    let file = |name: &str| (name.to_owned(), fs::read(folder.join(name)).unwrap());
    let others =
        [(".gitattributes", 50), ("README.md", 900), ("flax_model.msgpack", 99), ("pytorch_model.bin", 999)];
    let others = others.map(|(name, length)| (name.to_owned(), vec![b'x'; length]));
    names.map(file).into_iter().chain(others).collect()
}

/// The folder of the repository in the cache of a home.
pub fn cached(home: &Path) -> PathBuf {
    home.join(".cache/huggingface/hub/models--pond--clip")
}
