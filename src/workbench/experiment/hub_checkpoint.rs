//! A hub's checkpoints: found in the cache of this machine, offered and downloaded where they are not there.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::clip::{Checkpoint, CheckpointSource, ClipError};
use crate::hub::{Hub, HubSettings, Plan, PullNotice, Repository};
use crate::workbench::error::WorkbenchError;
use crate::workbench::jobs::progress::{Cancel, Progress, Stage};

/// A download that would help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullOffer {
    /// What would be downloaded.
    pub repository: String,
    /// Bytes that are missing.
    pub bytes: u64,
    /// The hub.
    pub host: String,
    /// The cache.
    pub cache: PathBuf,
}

/// The hub that the environment names.
///
/// # Errors
/// Variables that cannot be used.
pub fn hub() -> Result<Hub, WorkbenchError> {
    Ok(Hub::new(HubSettings::from_environment(|name| std::env::var(name).ok())?))
}

/// Opens a checkpoint that is in the cache. The hub is not asked.
pub(in crate::workbench) fn open_cached(repository: &Repository) -> Result<Checkpoint, WorkbenchError> {
    let snapshot = hub()?.find(repository)?;
    match Checkpoint::open(CheckpointSource::Directory(snapshot.folder)) {
        Ok(checkpoint) => Ok(checkpoint.called(&repository.to_string())),
        Err(source @ ClipError::AbsentFile { .. }) => {
            Err(WorkbenchError::PartOfCheckpoint { repository: Box::new(repository.clone()), source })
        }
        Err(error) => Err(error.into()),
    }
}

/// The repository in the commit that the cache has of it now, so that it means the same later.
pub(in crate::workbench) fn as_cached(repository: &Repository) -> Repository {
    let snapshot = hub().ok().and_then(|hub| hub.find(repository).ok());
    snapshot.and_then(|snapshot| repository.at(&snapshot.commit).ok()).unwrap_or_else(|| repository.clone())
}

/// Asks the hub what a download comes to; `None` where nothing is missing that it has.
pub(in crate::workbench) fn offer(
    hub: &Hub,
    repository: &Repository,
    cancel: &Cancel,
) -> Result<Option<PullOffer>, WorkbenchError> {
    let bytes = hub.plan(repository, &|| cancel.is_cancelled())?.missing();
    let settings = hub.settings();
    let (host, cache) = (settings.host().to_owned(), settings.cache.clone());
    Ok((bytes > 0).then(|| PullOffer { repository: repository.to_string(), bytes, host, cache }))
}

/// Downloads what the cache lacks of a repository.
pub(in crate::workbench) fn pull_missing(
    hub: &Hub,
    repository: &Repository,
    cancel: &Cancel,
    notify: &dyn Fn(Progress),
) -> Result<(), WorkbenchError> {
    let plan = hub.plan(repository, &|| cancel.is_cancelled())?;
    pull(hub, &plan, cancel, notify)?;
    Ok(())
}

/// Downloads what a plan lacks, with progress in bytes; returns how many came over the network.
///
/// # Errors
/// What the hub, the network or the disk says; [`WorkbenchError::Cancelled`] within a moment, with everything kept that
/// came.
pub fn pull(
    hub: &Hub,
    plan: &Plan,
    cancel: &Cancel,
    notify: &dyn Fn(Progress),
) -> Result<u64, WorkbenchError> {
    let (started, total) = (Instant::now(), plan.size());
    let on_notice = |notice| notify(progress(notice, total, started.elapsed()));
    Ok(hub.pull(plan, &on_notice, &|| cancel.is_cancelled())?)
}

fn progress(notice: PullNotice, total: u64, elapsed: Duration) -> Progress {
    let of = |stage, done: u64, total: u64| Progress {
        stage,
        done: done as usize,
        total: total as usize,
        cached: 0,
        rate: None,
        left: None,
    };
    match notice {
        PullNotice::Waiting(transfer) => of(Stage::Waiting, transfer.done, total),
        PullNotice::Asked(transfer, wait) => {
            Progress { left: Some(wait), ..of(Stage::Asked, transfer.done, total) }
        }
        PullNotice::Verifying { done, total } => of(Stage::Verification, done, total),
        PullNotice::Receiving(transfer) => {
            let seconds = elapsed.as_secs_f64();
            let is_known = transfer.received > 0 && seconds > 0.0;
            let rate = is_known.then(|| transfer.received as f64 / seconds);
            let missing = total.saturating_sub(transfer.done);
            let left =
                rate.filter(|_| missing > 0).map(|rate| Duration::from_secs_f64(missing as f64 / rate));
            Progress { rate, left, ..of(Stage::Download, transfer.done, total) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::Transfer;

    #[test]
    fn what_was_there_is_no_speed() {
        let transfer = Transfer { done: 500_000_000, received: 100_000_000 };
        let progress = progress(PullNotice::Receiving(transfer), 600_000_000, Duration::from_secs(10));
        assert_eq!(progress.to_string(), "downloading 500.0 MB of 600.0 MB, 10.0 MB/s, 10s left");
        let asked = PullNotice::Asked(transfer, Duration::from_secs(90));
        let progress = super::progress(asked, 600_000_000, Duration::from_secs(10));
        let words = "the hub asks to wait, with 500.0 MB of 600.0 MB, 1m 30s left";
        assert_eq!(progress.to_string(), words);
        let start = Transfer { done: 500, received: 0 };
        let progress = super::progress(PullNotice::Receiving(start), 600, Duration::from_secs(1));
        assert_eq!((progress.rate, progress.left), (None, None));
    }
}
