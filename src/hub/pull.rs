//! A whole checkpoint: what a hub has of it, what the cache lacks, and the download of that.

use std::path::PathBuf;
use std::time::Duration;

use super::cache::{Cache, Snapshot, is_placed, length};
use super::checksum::Checksum;
use super::client::{Client, IsCancelled, OnWait};
use super::download::{self, Step, Transfer, WantedFile};
use super::error::HubError;
use super::files::{self, CheckpointForm};
use super::listing::{Listing, RemoteFile};
use super::repository::Repository;
use super::settings::HubSettings;

/// A hub and its cache.
pub struct Hub {
    client: Client,
    cache: Cache,
}

/// What a checkpoint consists of, and how much of it is there.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Which.
    pub repository: Repository,
    /// The commit that its revision is at.
    pub commit: String,
    /// The folder in the cache that has, or will have, the files.
    pub folder: PathBuf,
    /// The files, small ones first.
    pub files: Vec<PlannedFile>,
}

/// One file of a checkpoint.
#[derive(Debug, Clone)]
pub struct PlannedFile {
    /// Its path in the repository.
    pub name: String,
    /// In bytes.
    pub size: u64,
    /// Bytes that are there already.
    pub there: u64,
    /// What it is known by, unless it is in its place already.
    checksum: Option<Checksum>,
}

/// What is going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullNotice {
    /// Another process downloads the file that is next.
    Waiting(Transfer),
    /// The hub asks to come back after so long; as much is there of all files.
    Asked(Transfer, Duration),
    /// Bytes come; those of all files.
    Receiving(Transfer),
    /// So many bytes of one file of this length are verified.
    Verifying {
        /// Bytes.
        done: u64,
        /// Bytes.
        total: u64,
    },
}

impl Plan {
    /// Bytes of all files.
    pub fn size(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }

    /// Bytes that are there already.
    pub fn there(&self) -> u64 {
        self.files.iter().map(|file| file.there).sum()
    }

    /// Bytes that are missing.
    pub fn missing(&self) -> u64 {
        self.size() - self.there()
    }
}

impl Hub {
    /// A hub; nothing is asked yet.
    pub fn new(settings: HubSettings) -> Self {
        let cache = Cache::new(settings.cache.clone());
        Self { client: Client::new(settings), cache }
    }

    /// With somebody who is told, in words, where the hub asks for a long wait.
    #[must_use]
    pub fn telling(mut self, on_wait: OnWait) -> Self {
        self.client.on_wait = Some(on_wait);
        self
    }

    /// Where it is.
    pub fn settings(&self) -> &HubSettings {
        self.client.settings()
    }

    /// A checkpoint in the cache. The hub is not asked.
    ///
    /// # Errors
    /// [`HubError::NotCached`].
    pub fn find(&self, repository: &Repository) -> Result<Snapshot, HubError> {
        self.cache.find(repository)
    }

    /// Every checkpoint and other model in the cache. The hub is not asked.
    pub fn cached(&self) -> Vec<(Repository, Snapshot)> {
        self.cache.all()
    }

    /// Asks what a checkpoint consists of. Offline, that is what the cache has.
    ///
    /// # Errors
    /// Whatever the hub or the network says; [`HubError::NoCheckpoint`], [`HubError::UnsafeName`]; offline,
    /// [`HubError::Offline`] unless all of it is in the cache.
    pub fn plan(&self, repository: &Repository, is_cancelled: IsCancelled<'_>) -> Result<Plan, HubError> {
        if self.settings().offline {
            return self.plan_of_cache(repository);
        }
        let listing = self.client.listing(repository, is_cancelled)?;
        if let Some(name) = listing.unsafe_name() {
            return Err(HubError::UnsafeName { repository: repository.clone(), name: name.to_owned() });
        }
        let names: Vec<&str> = listing.files.iter().map(|file| file.name.as_str()).collect();
        let form = self.form(repository, &listing.commit, &names, is_cancelled)?;
        let folder = self.cache.folder(repository, &listing.commit);
        let files = files::wanted(&names, form).into_iter().map(|name| {
            let (size, checksum) = self.described(repository, &listing, name, is_cancelled)?;
            let blob = self.cache.blob(repository, &checksum);
            let is_placed = is_placed(&folder.join(name), &blob, size);
            let there = if is_placed { size } else { blob.length(size) };
            let checksum = (!is_placed).then_some(checksum);
            Ok(PlannedFile { name: name.to_owned(), size, there, checksum })
        });
        let files = files.collect::<Result<_, HubError>>()?;
        Ok(Plan { repository: repository.clone(), commit: listing.commit, folder, files })
    }

    fn plan_of_cache(&self, repository: &Repository) -> Result<Plan, HubError> {
        let Ok(Snapshot { commit, folder }) = self.cache.find(repository) else {
            let cache = self.settings().cache.clone();
            return Err(HubError::Offline { repository: repository.clone(), cache });
        };
        let names = Snapshot { commit: commit.clone(), folder: folder.clone() }.names();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let wanted =
            files::forms(&names).first().map(|form| files::wanted(&names, *form)).unwrap_or_default();
        let files = wanted.into_iter().map(|name| {
            let size = length(&folder.join(name)).unwrap_or(0);
            PlannedFile { name: name.to_owned(), size, there: size, checksum: None }
        });
        let files = files.collect();
        Ok(Plan { repository: repository.clone(), commit, folder, files })
    }

    /// The form of a repository's checkpoint. Where there is both, `config.json` may be that of another program (timm),
    /// which transformers' own tells by its `model_type`.
    fn form(
        &self,
        repository: &Repository,
        commit: &str,
        names: &[&str],
        is_cancelled: IsCancelled<'_>,
    ) -> Result<CheckpointForm, HubError> {
        match files::forms(names)[..] {
            [] => {
                let page = self.client.page(repository, true);
                Err(HubError::NoCheckpoint {
                    repository: repository.clone(),
                    problem: files::NO_CHECKPOINT,
                    page,
                })
            }
            [form] => Ok(form),
            [form, other, ..] => {
                let text = self.client.contents(repository, commit, form.config(), is_cancelled)?;
                let config: Option<serde_json::Value> = serde_json::from_slice(&text).ok();
                let is_own = config.is_some_and(|config| config.get("model_type").is_some());
                Ok(if is_own { form } else { other })
            }
        }
    }

    /// Length and checksum of a file that is listed.
    fn described(
        &self,
        repository: &Repository,
        listing: &Listing,
        name: &str,
        is_cancelled: IsCancelled<'_>,
    ) -> Result<(u64, Checksum), HubError> {
        let listed = listing.files.iter().find(|file| file.name == name).cloned();
        let file = match listed {
            Some(file @ RemoteFile { size: Some(_), checksum: Some(_), .. }) => file,
            _ => self.client.describe(repository, &listing.commit, name, is_cancelled)?,
        };
        file.size.zip(file.checksum).ok_or_else(|| HubError::Answer {
            url: format!("{}/{name}", self.client.page(repository, true)),
            problem: "neither the listing nor the file's head has its length and checksum".to_owned(),
        })
    }

    /// Downloads what a plan lacks. Each file is in its place as soon as it is verified; the branch is said to be at this
    /// commit when all are. Returns how many bytes came over the network.
    ///
    /// # Errors
    /// Whatever the hub, the network or the disk says; [`HubError::Cancelled`] within a moment after the request, with
    /// everything kept that came.
    pub fn pull(
        &self,
        plan: &Plan,
        notify: &dyn Fn(PullNotice),
        is_cancelled: IsCancelled<'_>,
    ) -> Result<u64, HubError> {
        let repository = &plan.repository;
        let mut sum = Transfer { done: plan.there(), received: 0 };
        for file in &plan.files {
            let Some(checksum) = &file.checksum else { continue };
            let blob = self.cache.blob(repository, checksum);
            let others = Transfer { done: sum.done - file.there, received: sum.received };
            let mut on_step = |step| {
                let of_all = |file: Transfer| Transfer {
                    done: others.done + file.done,
                    received: others.received + file.received,
                };
                notify(match step {
                    Step::Waiting => PullNotice::Waiting(sum),
                    Step::Asked(file, wait) => PullNotice::Asked(of_all(file), wait),
                    Step::Receiving(file) => PullNotice::Receiving(of_all(file)),
                    Step::Verifying(done) => PullNotice::Verifying { done, total: file.size },
                });
            };
            let wanted =
                WantedFile { repository, commit: &plan.commit, name: &file.name, size: file.size, checksum };
            let received = download::download(&self.client, &blob, &wanted, &mut on_step, is_cancelled)?;
            self.cache.place(repository, &plan.commit, &file.name, &blob)?;
            sum = Transfer { done: others.done + file.size, received: others.received + received };
        }
        if !self.settings().offline {
            self.cache.refer(repository, &plan.commit)?;
        }
        Ok(sum.received)
    }
}
