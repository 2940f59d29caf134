//! What has run, what runs, and what was said: the jobs and the messages.

use crate::workbench::{Progress, Remedy};

/// Why jobs are over whose experiment was left.
pub(super) const LEFT: &str = "its experiment was left, or its images are others now";

/// How far a job is.
#[derive(Debug, Clone, PartialEq)]
pub enum Job {
    /// Nothing has been started.
    Idle,
    /// It runs; progress once there is any.
    Running(Option<Progress>),
    /// It asks a hub, whose name this is, what there is of a checkpoint.
    Asking(String),
    /// The user wants it stopped; the batch in flight is finished first.
    Stopping,
    /// The user stopped it.
    Stopped,
    /// It is over without what was wanted of it, and why.
    Ended(String),
    /// It failed.
    Failed(Problem),
    /// It is done.
    Done,
}

impl Job {
    /// Whether it is at work.
    pub fn is_running(&self) -> bool {
        matches!(self, Self::Running(_) | Self::Asking(_) | Self::Stopping)
    }
}

/// Why a job failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The whole message.
    pub message: String,
    /// What would help.
    pub remedy: Option<Remedy>,
}

/// One job of the list.
#[derive(Debug, Clone, PartialEq)]
pub struct JobEntry {
    /// What it does.
    pub name: String,
    /// How far it is.
    pub job: Job,
}

/// The jobs, newest last, and where the cursor stands among the messages.
#[derive(Debug, Default)]
pub struct JobsView {
    /// All since the start.
    pub entries: Vec<JobEntry>,
    /// The message under the cursor.
    pub selected: usize,
}

impl JobsView {
    /// A new job. It takes the place of one of its name that is still at work.
    pub fn begin(&mut self, name: String) {
        self.cut_off(&name, "another one took its place");
        self.entries.push(JobEntry { name, job: Job::Running(None) });
    }

    /// The newest job of this name is in another state.
    pub fn set(&mut self, name: &str, job: &Job) {
        if let Some(entry) = self.entries.iter_mut().rev().find(|entry| entry.name == name) {
            entry.job = job.clone();
        }
    }

    /// Nobody waits for the newest job of this name any more, if it is at work, and why.
    pub fn cut_off(&mut self, name: &str, why: &str) {
        let newest = self.entries.iter_mut().rev().find(|entry| entry.name == name);
        if let Some(entry) = newest.filter(|entry| entry.job.is_running()) {
            entry.job = Job::Ended(why.to_owned());
        }
    }

    /// Whether a job is at work.
    pub fn any_runs(&self) -> bool {
        self.entries.iter().any(|entry| entry.job.is_running())
    }
}
