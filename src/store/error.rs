//! What can go wrong with a store, in words for the person in front of it.

use std::io;
use std::path::{Path, PathBuf};

use super::Holder;

/// An error of the store. Each one says what failed, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the store open.
    #[error(
        "the store {} is in use by {}; close that program, wait for it longer with --store-wait SECONDS, choose another \
         store directory, or go on in memory (nothing will be kept)",
        path.display(),
        holder.as_ref().map_or_else(|| "another program".to_owned(), ToString::to_string)
    )]
    Held {
        /// The store's directory.
        path: PathBuf,
        /// Who holds it, as far as that process left word.
        holder: Option<Holder>,
    },
    /// The user did not want to wait any longer for a store that another process has open.
    #[error("interrupted while waiting for the store")]
    Interrupted,
    /// The store may not be written.
    #[error(
        "the store {} cannot be written ({source}); make it writable, choose another store directory, \
         or go on in memory (nothing will be kept)",
        path.display()
    )]
    ReadOnly {
        /// The file or directory.
        path: PathBuf,
        /// The operating system's word.
        source: io::Error,
    },
    /// The disk, or the quota on it, is full.
    #[error(
        "there is no room left to write {}; free some space and start again: everything saved before is kept",
        path.display()
    )]
    Full {
        /// The file or directory.
        path: PathBuf,
        /// The operating system's word.
        source: io::Error,
    },
    /// Any other failure to read or write.
    #[error("could not {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as "read" or "write".
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The operating system's word.
        source: io::Error,
    },
    /// The store was written by a version of the program that keeps its records in another form.
    #[error(
        "the store {} has schema {found} and this program reads schema {expected}; use the version of the \
         program that wrote it, or move the directory away to start with an empty store",
        path.display()
    )]
    Schema {
        /// The store's directory.
        path: PathBuf,
        /// The schema version found there.
        found: String,
        /// The schema version that this program writes.
        expected: u16,
    },
    /// The store's files are damaged; the next start repairs that.
    #[error(
        "the store {} is damaged ({reason}); start the program again: it saves from the damaged files what can be read and \
         sets them aside",
        path.display()
    )]
    Damaged {
        /// The store's directory.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// A file to import is not a whole export; nothing of it was imported.
    #[error("{} cannot be imported: {reason}; nothing was changed, export it again", path.display())]
    BadExport {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A prompt set was to be saved without a name.
    #[error("a prompt set needs a name that is not blank")]
    NoName,
}

impl StoreError {
    /// The error for an I/O failure on `path`, by its kind.
    pub(super) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        use io::ErrorKind::*;
        let path = path.to_path_buf();
        match source.kind() {
            PermissionDenied | ReadOnlyFilesystem => Self::ReadOnly { path, source },
            StorageFull | QuotaExceeded | FileTooLarge => Self::Full { path, source },
            _ => Self::Io { action, path, source },
        }
    }

    /// The error for a failure that sled reports about the store at `dir`: trouble with the disk, or damage. Where sled
    /// panicked because of the disk, its words have the system's number.
    pub(super) fn sled(action: &'static str, dir: &Path, error: sled::Error) -> Self {
        match error {
            sled::Error::Io(source) if !says_damage(&source) => Self::io(action, dir, source),
            sled::Error::ReportableBug(said) if system_error(&said).is_some() => {
                let number = system_error(&said).unwrap_or_default();
                Self::io(action, dir, io::Error::from_raw_os_error(number))
            }
            sled::Error::Corruption { .. } => Self::damaged(dir, "a checksum does not match"),
            other => Self::damaged(dir, &other.to_string()),
        }
    }

    /// The same once more, of a store that cannot be written.
    pub(super) fn again(&self) -> Self {
        let same = |source: &io::Error| io::Error::new(source.kind(), source.to_string());
        match self {
            Self::Full { path, source } => Self::Full { path: path.clone(), source: same(source) },
            Self::ReadOnly { path, source } => Self::ReadOnly { path: path.clone(), source: same(source) },
            other => Self::damaged(Path::new(""), &other.to_string()),
        }
    }

    pub(super) fn damaged(dir: &Path, reason: &str) -> Self {
        Self::Damaged { path: dir.to_path_buf(), reason: reason.to_owned() }
    }
}

/// What failed while the store is read into a file: the store, or the file.
pub(super) enum Failure {
    Store(StoreError),
    File(io::Error),
}

impl Failure {
    pub(super) fn at(self, file: &Path) -> StoreError {
        match self {
            Self::Store(e) => e,
            Self::File(e) => StoreError::io("write", file, e),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::File(error)
    }
}

/// Whether a read stumbled over contents, not over the disk.
fn says_damage(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
}

/// The number in `Os { code: 28, kind: StorageFull, … }`, as a panic words an error of the operating system.
fn system_error(said: &str) -> Option<i32> {
    let (_, rest) = said.split_once("Os { code: ")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_kind(kind: io::ErrorKind) -> StoreError {
        StoreError::io("write", Path::new("/data/store"), io::Error::from(kind))
    }

    #[test]
    fn a_full_disk_is_told_from_a_forbidden_one_and_from_the_rest() {
        for kind in [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded, io::ErrorKind::FileTooLarge] {
            assert!(matches!(of_kind(kind), StoreError::Full { .. }), "{kind:?}");
        }
        for kind in [io::ErrorKind::PermissionDenied, io::ErrorKind::ReadOnlyFilesystem] {
            assert!(matches!(of_kind(kind), StoreError::ReadOnly { .. }), "{kind:?}");
        }
        assert!(matches!(of_kind(io::ErrorKind::TimedOut), StoreError::Io { .. }));
    }

    #[test]
    fn messages_name_the_place_and_the_remedy() {
        let full = of_kind(io::ErrorKind::StorageFull).to_string();
        assert!(full.contains("/data/store") && full.contains("free some space"), "{full}");
        let read_only = of_kind(io::ErrorKind::PermissionDenied).to_string();
        assert!(read_only.contains("/data/store") && read_only.contains("go on in memory"), "{read_only}");
    }

    #[test]
    fn what_sled_says_is_sorted_into_damage_and_disk_trouble() {
        let dir = Path::new("/data/store");
        let sorted = |error| StoreError::sled("write", dir, error);
        let damage = io::Error::from(io::ErrorKind::InvalidData);
        assert!(matches!(sorted(sled::Error::Io(damage)), StoreError::Damaged { .. }));
        assert!(matches!(sorted(sled::Error::ReportableBug("x".into())), StoreError::Damaged { .. }));
        let panicked = r#"called `Result::unwrap()` on an `Err` value: Os { code: 5, kind: Uncategorized, message: "" }"#;
        assert!(matches!(sorted(sled::Error::ReportableBug(panicked.into())), StoreError::Io { .. }));
        let full = io::Error::from(io::ErrorKind::StorageFull);
        assert!(matches!(sorted(sled::Error::Io(full)), StoreError::Full { .. }));
    }
}
