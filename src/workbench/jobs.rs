//! The job that makes a session on a thread of its own, and the store it works with.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use super::error::WorkbenchError;
use super::experiment::Experiment;
use super::progress::{Cancel, Progress};
use super::session::{Session, SessionOptions, Workbench};
use crate::store::{OpenedStore, Store, StoreError};

/// Where the store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StorePlace {
    /// In a directory, for every start.
    Directory(PathBuf),
    /// In memory, for this start only.
    Memory,
}

impl StorePlace {
    /// Opens the store there; the notices say what the user should know.
    pub fn open(&self) -> Result<OpenedStore, StoreError> {
        match self {
            Self::Directory(path) => Store::open(path),
            Self::Memory => Ok(OpenedStore { store: Store::in_memory(), notices: Vec::new() }),
        }
    }
}

/// What a job says of itself.
#[derive(Debug)]
pub enum JobNotice {
    /// How far it is.
    Progress(Progress),
    /// It is done.
    Opened(Arc<Session>),
    /// It stopped when asked to.
    Stopped,
    /// It failed.
    Failed {
        /// The whole message.
        message: String,
        /// The store is why: one in memory would do.
        store: bool,
    },
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
    /// Starts the job; `notify` is called on its thread, the last time with anything but `Progress`.
    pub fn start(
        experiment: Experiment,
        place: StorePlace,
        notify: impl Fn(JobNotice) + Send + 'static,
    ) -> std::io::Result<Self> {
        let cancel = Cancel::default();
        let its_cancel = cancel.clone();
        thread::Builder::new().name("job-session".into()).spawn(move || {
            let made = catch_unwind(AssertUnwindSafe(|| {
                make_session(&experiment, &place, SessionOptions::default(), &its_cancel, &|progress| {
                    notify(JobNotice::Progress(progress));
                })
            }));
            notify(match made {
                Ok(Ok(session)) => JobNotice::Opened(Arc::new(session)),
                Ok(Err(WorkbenchError::Cancelled)) => JobNotice::Stopped,
                Ok(Err(error)) => JobNotice::Failed {
                    message: error.to_string(),
                    store: matches!(error, WorkbenchError::Store(_)),
                },
                Err(panic) => JobNotice::Failed {
                    message: format!(
                        "a mistake in this program stopped the job: {}\nWhat it had finished is kept.",
                        panic_message(panic.as_ref())
                    ),
                    store: false,
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

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
