//! Files and folders that appear under their names only when they are whole.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempDir};

use crate::files::temporary_file;
use crate::workbench::error::WorkbenchError;

/// A file that appears under its name only when it is whole.
pub struct AtomicFile {
    target: PathBuf,
    file: NamedTempFile,
}

impl AtomicFile {
    /// Opens a temporary file beside `target`, or beside the file that the link `target` leads to. What processes left there that
    /// were killed while they wrote is removed.
    ///
    /// # Errors
    /// When `target` is a directory or a device, or its folder cannot be written to.
    pub fn begin(target: &Path) -> Result<Self, WorkbenchError> {
        let failed = |message: String| WorkbenchError::Write { path: target.to_owned(), message };
        if target.is_dir() {
            return Err(failed("it is a directory; name a file".to_owned()));
        }
        // Giving a pipe's or a device's name to a new file would take it away from everybody.
        if target.exists() && !target.is_file() {
            return Err(failed("it is no regular file; name one".to_owned()));
        }
        let target = &target.canonicalize().unwrap_or_else(|_| target.to_owned());
        temporary_file::sweep(temporary_file::folder_of(target));
        let file = temporary_file::beside(target, temporary_file::ANY_NEW_FILE)
            .map_err(|error| failed(format!("{error}; check that its folder is there and writable")))?;
        Ok(Self { target: target.to_owned(), file })
    }

    /// Where its content goes to, for [`AtomicFile::keep`].
    ///
    /// # Errors
    /// When the temporary file is gone.
    pub fn writer(&self) -> Result<File, WorkbenchError> {
        self.file.reopen().map_err(|error| self.failed(&error))
    }

    /// Writes the whole content and gives the file its name, in place of an earlier one.
    ///
    /// # Errors
    /// What prevents writing; the temporary file is removed.
    pub fn finish(mut self, content: &[u8]) -> Result<(), WorkbenchError> {
        let written = self.file.write_all(content);
        written.map_err(|error| self.failed(&error))?;
        self.keep()
    }

    /// Gives the file its name as it was written through [`AtomicFile::writer`].
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn keep(self) -> Result<(), WorkbenchError> {
        let Self { target, file } = self;
        if let Ok(earlier) = fs::metadata(&target) {
            // Who may read the earlier file, and who not, is as it was.
            let _unchanged = file.as_file().set_permissions(earlier.permissions());
        }
        match file.persist(&target) {
            Ok(_) => Ok(()),
            Err(error) => Err(WorkbenchError::Write { path: target, message: error.to_string() }),
        }
    }

    fn failed(&self, error: &io::Error) -> WorkbenchError {
        WorkbenchError::Write { path: self.target.clone(), message: error.to_string() }
    }
}

/// A folder that is filled out of sight: what is in it appears when it is finished, or never.
pub(in crate::workbench) struct AtomicFolder {
    target: PathBuf,
    unfinished: TempDir,
    _lock: Option<File>,
}

impl AtomicFolder {
    /// Makes the folder, or takes an empty one.
    ///
    /// # Errors
    /// When `target` is a file or not empty, or cannot be made or written to.
    pub(in crate::workbench) fn begin(target: &Path) -> Result<Self, WorkbenchError> {
        let failed = |message: String| WorkbenchError::Write { path: target.to_owned(), message };
        // Out of sight, they would be something in it.
        temporary_file::sweep(target);
        match fs::read_dir(target).map(|mut entries| entries.next().is_none()) {
            Ok(true) => {}
            Ok(false) => {
                return Err(failed(
                    "there is something in it; name a new folder, or an empty one".to_owned(),
                ));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let hint =
                    |error| failed(format!("{error}; check that the folder around it is there and writable"));
                fs::create_dir(target).map_err(hint)?;
            }
            Err(error) => return Err(failed(format!("{error}; name a new folder, or an empty one"))),
        }
        let (unfinished, lock) = temporary_file::folder_in(target)
            .map_err(|error| failed(format!("{error}; check that it is writable")))?;
        Ok(Self { target: target.to_owned(), unfinished, _lock: lock })
    }

    /// Where it is filled.
    pub(in crate::workbench) fn path(&self) -> &Path {
        self.unfinished.path()
    }

    /// What it will be called.
    pub(in crate::workbench) fn target(&self) -> &Path {
        &self.target
    }

    /// Lets everything appear.
    ///
    /// # Errors
    /// When the file system refuses.
    pub(in crate::workbench) fn finish(self) -> Result<(), WorkbenchError> {
        let appear = || -> io::Result<()> {
            for entry in fs::read_dir(self.unfinished.path())? {
                let entry = entry?;
                fs::rename(entry.path(), self.target.join(entry.file_name()))?;
            }
            Ok(())
        };
        appear()
            .map_err(|error| WorkbenchError::Write { path: self.target.clone(), message: error.to_string() })
    }
}
