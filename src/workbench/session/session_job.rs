//! The job that makes a session on a thread of its own, and the store it works with.

use std::convert::Infallible;
use std::sync::Arc;

use super::evaluation::{Session, SessionOptions};
use super::first_figures::FirstFigures;
use super::opening::Workbench;
use crate::hub::Hub;
use crate::store::{OpenedStore, StorePlace};
use crate::workbench::error::WorkbenchError;
use crate::workbench::experiment::definition::Experiment;
use crate::workbench::experiment::hub_checkpoint::{PullOffer, hub, offer, pull_missing};
use crate::workbench::jobs::progress::{Cancel, Progress};
use crate::workbench::jobs::worker::Worker;

/// What a job says of itself.
#[derive(Debug)]
pub enum JobNotice {
    /// How far it is.
    Progress(Progress),
    /// What the strategies come to on the images so far.
    FirstFigures(FirstFigures),
    /// It asks a hub, whose name this is, what there is of a checkpoint.
    Asking(String),
    /// It is done.
    Opened(Arc<Session>),
    /// It stopped when asked to.
    Stopped,
    /// It failed.
    Failed {
        /// The whole message.
        message: String,
        /// What would help.
        remedy: Option<Remedy>,
    },
}

/// What would help a job that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// A store in memory: the one that was wanted cannot be opened.
    MemoryStore,
    /// To download the checkpoint.
    Pull(PullOffer),
}

/// Opens the store and the experiment, embeds what is missing and evaluates.
pub fn make_session(
    experiment: &Experiment,
    place: &StorePlace,
    options: SessionOptions,
    cancel: &Cancel,
    notify: &dyn Fn(Progress),
) -> Result<Session, WorkbenchError> {
    make_watched_session(experiment, place, options, cancel, notify, &|_| {})
}

fn make_watched_session(
    experiment: &Experiment,
    place: &StorePlace,
    options: SessionOptions,
    cancel: &Cancel,
    notify: &dyn Fn(Progress),
    first_figures: &dyn Fn(FirstFigures),
) -> Result<Session, WorkbenchError> {
    let OpenedStore { store, notices } = place.open()?;
    let workbench = Workbench::open(experiment.clone(), store)?;
    let mut session = workbench.evaluate_watched(options, cancel, notify, first_figures)?;
    session.warnings.splice(0..0, notices);
    Ok(session)
}

/// A session in the making. Dropping it stops it, within a batch.
#[derive(Debug)]
pub struct SessionJob {
    worker: Worker<Infallible>,
}

impl SessionJob {
    /// Starts the job; `notify` is called on its thread, the last time with anything but `Progress`, `FirstFigures` and `Asking`. A hub's checkpoint that
    /// is not on this machine is only downloaded where the job may.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn start(
        experiment: Experiment,
        place: StorePlace,
        may_pull: bool,
        notify: impl Fn(JobNotice) + Send + 'static,
    ) -> std::io::Result<Self> {
        let panicked = |message| JobNotice::Failed {
            message: format!("{message}\nWhat it had finished is kept."),
            remedy: None,
        };
        let worker = Worker::start("job-session", notify, panicked, move |_, cancel, notify| {
            debug_assert!(std::env::var_os("CUPL_TUI_PANIC_IN_JOB").is_none(), "a test asks for a panic");
            notify(match make_or_pull(&experiment, &place, may_pull, cancel, notify) {
                Ok(session) => JobNotice::Opened(Arc::new(session)),
                Err(WorkbenchError::Cancelled) => JobNotice::Stopped,
                Err(error) => failed(&error, may_pull, cancel, notify),
            });
            Ok(())
        })?;
        Ok(Self { worker })
    }

    /// Asks the job to stop: it does within a batch, and everything it has finished is kept.
    pub fn stop(&self) {
        self.worker.stop();
    }
}

/// Makes the session; a checkpoint that is not on this machine is downloaded first where that is allowed.
fn make_or_pull(
    experiment: &Experiment,
    place: &StorePlace,
    may_pull: bool,
    cancel: &Cancel,
    notify: &dyn Fn(JobNotice),
) -> Result<Session, WorkbenchError> {
    let progress = |progress| notify(JobNotice::Progress(progress));
    let figures = |figures| notify(JobNotice::FirstFigures(figures));
    let make =
        || make_watched_session(experiment, place, SessionOptions::default(), cancel, &progress, &figures);
    match make().map_err(|error| (error.absent_checkpoint().cloned(), error)) {
        Err((Some(absent), _)) if may_pull => {
            pull_missing(&asked_hub(notify)?, &absent, cancel, &progress)?;
            make()
        }
        made => made.map_err(|(_, error)| error),
    }
}

/// The hub, which is about to be asked something.
fn asked_hub(notify: &dyn Fn(JobNotice)) -> Result<Hub, WorkbenchError> {
    let hub = hub()?;
    notify(JobNotice::Asking(hub.settings().host().to_owned()));
    Ok(hub)
}

/// A failure, and what would help: what a download comes to is asked of the hub.
fn failed(error: &WorkbenchError, may_pull: bool, cancel: &Cancel, notify: &dyn Fn(JobNotice)) -> JobNotice {
    let message = error.to_string();
    if matches!(error, WorkbenchError::Store(_)) {
        return JobNotice::Failed { message, remedy: Some(Remedy::MemoryStore) };
    }
    let Some(repository) = error.absent_checkpoint().filter(|_| !may_pull) else {
        return JobNotice::Failed { message, remedy: None };
    };
    match asked_hub(notify).and_then(|hub| offer(&hub, repository, cancel)) {
        Ok(offer) => JobNotice::Failed { message, remedy: offer.map(Remedy::Pull) },
        Err(WorkbenchError::Cancelled) => JobNotice::Stopped,
        Err(error) => JobNotice::Failed { message: format!("{message}\n{error}"), remedy: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The notices of a job until its last one, which is not progress.
    fn run(experiment: Experiment, place: StorePlace, stop_at: Option<usize>) -> Vec<JobNotice> {
        let (sender, receiver) = crossbeam_channel::unbounded();
        let job =
            SessionJob::start(experiment, place, false, move |notice| sender.send(notice).unwrap()).unwrap();
        let mut notices = Vec::new();
        for notice in receiver {
            notices.push(notice);
            if Some(notices.len()) == stop_at {
                job.stop();
            }
        }
        notices
    }

    fn done(notices: &[JobNotice]) -> usize {
        match notices.first() {
            Some(JobNotice::Progress(progress)) => progress.done,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_stopped_job_keeps_what_it_finished() {
        let place = StorePlace::in_memory();
        // The first notice says what is in the store, the second that a batch is done.
        let stopped = run(Experiment::demo().unwrap(), place.clone(), Some(2));
        assert!(matches!(stopped.last(), Some(JobNotice::Stopped)), "{stopped:?}");
        assert_eq!(done(&stopped), 0);
        let again = run(Experiment::demo().unwrap(), place, Some(2));
        assert!(done(&again) > 0, "{again:?}");
    }

    #[test]
    fn a_failure_is_told_with_its_reason() {
        let mut experiment = Experiment::demo().unwrap();
        experiment.checkpoint =
            crate::workbench::experiment::definition::CheckpointChoice::Directory("/nowhere".into());
        let notices = run(experiment, StorePlace::in_memory(), None);
        let [JobNotice::Failed { message, remedy: None }] = &notices[..] else { panic!("{notices:?}") };
        assert!(message.contains("/nowhere"), "{message}");
        let notices = run(Experiment::demo().unwrap(), StorePlace::Directory("/dev/null/store".into()), None);
        let [JobNotice::Failed { remedy, .. }] = &notices[..] else { panic!("{notices:?}") };
        assert_eq!(*remedy, Some(Remedy::MemoryStore));
    }
}
