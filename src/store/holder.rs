//! One process has a store open at a time: the lock, and the note that tells others who holds it.
//!
//! The lock is the operating system's, on the file `lock`, and ends with the process however it ends. The note is the
//! file `holder`; it is for the error message only and proves nothing.

use std::fmt;
use std::fs::{self, File, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::{StoreError, files};

/// How long [`lock`] waits for another process that is just closing.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// How often it looks.
pub(super) const INTERVAL: Duration = Duration::from_millis(25);

/// Who has a store open, as that process wrote it down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its process id.
    pub process: u32,
    /// The name of its machine, if that could be told.
    pub host: String,
    /// When it opened the store, in seconds since 1970.
    pub since: u64,
}

impl Holder {
    fn this_process() -> Self {
        Self { process: std::process::id(), host: host_name(), since: now() }
    }

    fn to_note(&self) -> String {
        format!("process {}\nsince {}\nhost {}\n", self.process, self.since, self.host)
    }

    fn from_note(note: &str) -> Option<Self> {
        let field = |name: &str| note.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Some(Self {
            process: field("process")?.parse().ok()?,
            host: field("host").unwrap_or_default().to_owned(),
            since: field("since")?.parse().ok()?,
        })
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {}", self.process)?;
        if !self.host.is_empty() {
            write!(f, " on {}", self.host)?;
        }
        match now().saturating_sub(self.since) {
            seconds @ 0..60 => write!(f, " (for {seconds} s)"),
            seconds @ 60..3600 => write!(f, " (for {} min)", seconds / 60),
            seconds => write!(f, " (for {} h)", seconds / 3600),
        }
    }
}

/// Locks the store at `dir` for this process, as long as the returned file is open, and leaves the note.
///
/// # Errors
/// [`StoreError::Held`] after a second of trying, or what the operating system says about the files.
pub(super) fn lock(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|e| StoreError::io("open", &path, e))?;
    let begin = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) if begin.elapsed() < PATIENCE => std::thread::sleep(INTERVAL),
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Held { path: dir.to_path_buf(), holder: read_note(dir) });
            }
            Err(TryLockError::Error(e)) => return Err(StoreError::io("lock", &path, e)),
        }
    }
    let note = dir.join("holder");
    files::replace_with(&note, Holder::this_process().to_note().as_bytes())
        .map_err(|e| StoreError::io("write", &note, e))?;
    Ok(file)
}

/// Who holds the store at `dir`, if the note says.
pub(super) fn read_note(dir: &Path) -> Option<Holder> {
    Holder::from_note(&fs::read_to_string(dir.join("holder")).ok()?)
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn host_name() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| std::env::var("HOSTNAME").ok())
        .or_else(|| std::env::var("COMPUTERNAME").ok())
        .map_or_else(String::new, |name| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_comes_back() {
        let holder = Holder { process: 4711, host: "workbench 3".to_owned(), since: 1_700_000_000 };
        assert_eq!(Holder::from_note(&holder.to_note()), Some(holder));
    }

    #[test]
    fn a_spoilt_note_says_nothing() {
        for note in ["", "process x\nsince 1\nhost h\n", "since 1\nhost h\n", "process 1"] {
            assert_eq!(Holder::from_note(note), None, "{note:?}");
        }
    }

    #[test]
    fn a_holder_reads_as_a_sentence() {
        let of =
            |host: &str, age| Holder { process: 7, host: host.to_owned(), since: now() - age }.to_string();
        assert_eq!(of("box", 300), "process 7 on box (for 5 min)");
        assert_eq!(of("", 7200), "process 7 (for 2 h)");
    }

    #[test]
    fn a_second_lock_is_refused_with_the_holder_until_the_first_ends() {
        let dir = tempfile::tempdir().unwrap();
        let first = lock(dir.path()).unwrap();
        match lock(dir.path()) {
            Err(StoreError::Held { holder: Some(holder), .. }) => {
                assert_eq!(holder.process, std::process::id());
            }
            other => panic!("{other:?}"),
        }
        drop(first);
        lock(dir.path()).unwrap();
    }
}
