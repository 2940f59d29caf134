//! The job that makes a session on a thread of its own, and the store it works with.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use super::evaluation::{Session, SessionOptions};
use super::opening::Workbench;
use crate::hub::Hub;
use crate::store::{OpenedStore, StorePlace};
use crate::workbench::error::WorkbenchError;
use crate::workbench::experiment::definition::Experiment;
use crate::workbench::experiment::hub_checkpoint::{PullOffer, hub, offer, pull_missing};
use crate::workbench::jobs::progress::{Cancel, Progress};

/// What a job says of itself.
#[derive(Debug)]
pub enum JobNotice {
    /// How far it is.
    Progress(Progress),
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
    let OpenedStore { store, notices } = place.open()?;
    let workbench = Workbench::open(experiment.clone(), store)?;
    let mut session = workbench.evaluate(options, cancel, notify)?;
    session.warnings.splice(0..0, notices);
    Ok(session)
}

/// A session in the making. Dropping it does not stop it: [`SessionJob::stop`] does, within a batch.
#[derive(Debug)]
pub struct SessionJob {
    cancel: Cancel,
}

impl SessionJob {
    /// Starts the job; `notify` is called on its thread, the last time with anything but `Progress` and `Asking`. A hub's checkpoint that
    /// is not on this machine is only downloaded where the job may.
    pub fn start(
        experiment: Experiment,
        place: StorePlace,
        may_pull: bool,
        notify: impl Fn(JobNotice) + Send + 'static,
    ) -> std::io::Result<Self> {
        let cancel = Cancel::default();
        let its_cancel = cancel.clone();
        thread::Builder::new().name("job-session".into()).spawn(move || {
            let made = catch_unwind(AssertUnwindSafe(|| {
                debug_assert!(std::env::var_os("CUPL_TUI_PANIC_IN_JOB").is_none(), "a test asks for a panic");
                let progress = |progress| notify(JobNotice::Progress(progress));
                let make =
                    || make_session(&experiment, &place, SessionOptions::default(), &its_cancel, &progress);
                match make().map_err(|error| (error.absent_checkpoint().cloned(), error)) {
                    Err((Some(absent), _)) if may_pull => {
                        pull_missing(&asked_hub(&notify)?, &absent, &its_cancel, &progress)?;
                        make()
                    }
                    made => made.map_err(|(_, error)| error),
                }
            }));
            notify(match made {
                Ok(Ok(session)) => JobNotice::Opened(Arc::new(session)),
                Ok(Err(WorkbenchError::Cancelled)) => JobNotice::Stopped,
                Ok(Err(error)) => failed(&error, may_pull, &its_cancel, &notify),
                Err(panic) => JobNotice::Failed {
                    message: format!("{}\nWhat it had finished is kept.", panic_message(panic.as_ref())),
                    remedy: None,
                },
            });
        })?;
        Ok(Self { cancel })
    }

    /// Asks the job to stop: it does within a batch, and everything it has finished is kept.
    pub fn stop(&self) {
        self.cancel.cancel();
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

/// Why a job that answers requests ended before its time.
pub(in crate::workbench) enum JobEnd {
    /// Nobody wants its answers any more.
    Cancelled,
    /// The whole message.
    Failed(String),
}

impl From<WorkbenchError> for JobEnd {
    fn from(error: WorkbenchError) -> Self {
        match error {
            WorkbenchError::Cancelled => Self::Cancelled,
            error => Self::Failed(error.to_string()),
        }
    }
}

/// Starts the work of a job that answers requests, on a thread called `name`. An error or a panic becomes the notice that
/// `failed` makes of it; a cancellation is nobody's news.
pub(in crate::workbench) fn start_job<N: 'static, F: Fn(N) + Send + 'static>(
    name: &str,
    notify: F,
    failed: fn(String) -> N,
    work: impl FnOnce(&F) -> Result<(), JobEnd> + Send + 'static,
) -> std::io::Result<()> {
    thread::Builder::new().name(name.to_owned()).spawn(move || {
        match catch_unwind(AssertUnwindSafe(|| work(&notify))) {
            Ok(Ok(()) | Err(JobEnd::Cancelled)) => {}
            Ok(Err(JobEnd::Failed(message))) => notify(failed(message)),
            Err(panic) => notify(failed(panic_message(panic.as_ref()))),
        }
    })?;
    Ok(())
}

/// What to say of a job that panicked.
pub(in crate::workbench) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    format!("a mistake in this program stopped the job: {message}")
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
