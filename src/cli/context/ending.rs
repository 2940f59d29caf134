//! How a command ends.

use std::path::PathBuf;

use crate::workbench::WorkbenchError;

/// How a command ended without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Everything was done.
    Done,
    /// Done, but some input was skipped.
    Skipped,
    /// Made again, something came out another way; the output says what.
    Different,
    /// What was looked at cannot be used; the output says why.
    Unusable,
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// From the workbench, with what to do.
    #[error(transparent)]
    Workbench(#[from] WorkbenchError),
    /// An experiment file that is not there.
    #[error("{error}")]
    NoExperiment {
        /// What was given as its path.
        file: PathBuf,
        /// What came of reading it.
        error: Box<WorkbenchError>,
    },
    /// From the store.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// From a prompt file.
    #[error(transparent)]
    Prompt(#[from] crate::prompts::PromptError),
    /// The arguments or the environment.
    #[error("{0}")]
    Usage(String),
    /// Standard output is gone.
    #[error("cannot write the output: {0}")]
    Output(#[from] std::io::Error),
}

impl CommandError {
    /// Whether somebody asked to stop.
    pub fn is_interruption(&self) -> bool {
        use crate::store::StoreError::Interrupted;
        matches!(
            self,
            Self::Workbench(WorkbenchError::Cancelled | WorkbenchError::Store(Interrupted))
                | Self::Store(Interrupted)
        )
    }
}

/// The exit code when somebody interrupted: 128 and SIGINT's number.
pub const INTERRUPTED: u8 = 130;
