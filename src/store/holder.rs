//! One process has a store open at a time: the lock, the note that tells others who holds it, and how they wait.
//!
//! The lock is the operating system's, on the file `lock`, and ends with the process however it ends. The note is the
//! file `holder`; it is for messages only and proves nothing. Whoever waits holds a shared lock on the file `waiting`, which
//! tells the holder to let go as soon as nothing is being read or written.

use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::StoreError;
use super::files::{self, FolderMode};

/// How often it is looked whether a held store is free, and whether somebody waits.
pub(super) const INTERVAL: Duration = Duration::from_millis(25);

/// How long it is waited without a word.
const SILENT: Duration = Duration::from_millis(500);

/// How long a process that let go of the store leaves it to those who wait.
pub(super) const TURN: Duration = Duration::from_millis(100);

/// How a store that another process holds is waited for.
#[derive(Clone)]
pub struct Waiting {
    /// For how long.
    pub patience: Duration,
    /// Is told once, in a line, who is waited for.
    pub tell: Arc<dyn Fn(&str) + Send + Sync>,
    /// Whether the user does not want to wait any longer.
    pub stop: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl Default for Waiting {
    /// A second, in silence.
    fn default() -> Self {
        Self { patience: Duration::from_secs(1), tell: Arc::new(|_| {}), stop: Arc::new(|| false) }
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiting").field("patience", &self.patience).finish_non_exhaustive()
    }
}

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

/// Locks the store at `dir` for this process, as long as the returned file is open, and leaves the note where that is
/// possible.
///
/// # Errors
/// [`StoreError::Held`] when the patience is at its end, [`StoreError::Interrupted`], or what the operating system says about
/// the file.
pub(super) fn lock(dir: &Path, mode: FolderMode, waiting: &Waiting) -> Result<File, StoreError> {
    let path = dir.join("lock");
    let open = || mode.options().create(true).truncate(false).write(true).open(&path);
    let file = match open() {
        // A folder in its place is nobody's lock.
        Err(e) if e.kind() == io::ErrorKind::IsADirectory => files::set_aside(&path).and_then(|_| open()),
        opened => opened,
    };
    let file = file.map_err(|e| StoreError::io("open", &path, e))?;
    patiently(dir, mode, waiting, || file.try_lock())?;
    let note = dir.join("holder");
    // Who holds the store is only told, so a note that cannot be written is none.
    let _unwritten = files::replace_with(&note, mode, Holder::this_process().to_note().as_bytes());
    Ok(file)
}

/// Waits until nobody writes to the store at `dir`, which this process may not write to: as long as the returned file is
/// open, nobody else does. `None` where there is no lock to be seen.
///
/// # Errors
/// As [`lock`].
pub(super) fn lock_for_reading(dir: &Path, waiting: &Waiting) -> Result<Option<File>, StoreError> {
    let Ok(file) = File::open(dir.join("lock")) else { return Ok(None) };
    match patiently(dir, FolderMode::PRIVATE, waiting, || file.try_lock_shared()) {
        Ok(()) => Ok(Some(file)),
        // A file system without locks.
        Err(StoreError::Io { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Tries to lock until it comes out, as long as there is patience.
fn patiently(
    dir: &Path,
    mode: FolderMode,
    waiting: &Waiting,
    try_lock: impl Fn() -> Result<(), TryLockError>,
) -> Result<(), StoreError> {
    let begin = Instant::now();
    let (mut wish, mut told) = (None, false);
    loop {
        match try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(e)) => return Err(StoreError::io("lock", &dir.join("lock"), e)),
            Err(TryLockError::WouldBlock) => {}
        }
        let waited = begin.elapsed();
        if (waiting.stop)() {
            return Err(StoreError::Interrupted);
        }
        if waited >= waiting.patience {
            return Err(StoreError::Held { path: dir.to_path_buf(), holder: read_note(dir) });
        }
        if wish.is_none() {
            wish = wish_for(dir, mode);
        }
        if !told && waited >= SILENT {
            let holder = read_note(dir).map_or_else(|| "another program".to_owned(), |by| by.to_string());
            (waiting.tell)(&format!(
                "waiting for the store {}, in use by {holder}; Ctrl-C ends it",
                dir.display()
            ));
            told = true;
        }
        std::thread::sleep(INTERVAL.min(waiting.patience - waited));
    }
}

/// Lets the holder know that somebody waits, as long as the returned file is open.
fn wish_for(dir: &Path, mode: FolderMode) -> Option<File> {
    let path = dir.join("waiting");
    let file = mode.options().create(true).truncate(false).write(true).open(&path);
    let file = file.or_else(|_| File::open(&path)).ok()?;
    file.try_lock_shared().ok().map(|()| file)
}

/// Whether another process waits for the store at `dir`, which this one holds.
pub(super) fn is_wished_for(dir: &Path) -> bool {
    let Ok(file) = File::open(dir.join("waiting")) else { return false };
    matches!(file.try_lock(), Err(TryLockError::WouldBlock))
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
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicBool, Ordering};

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
        let lock = || lock(dir.path(), FolderMode::PRIVATE, &Waiting::default());
        let first = lock().unwrap();
        match lock() {
            Err(StoreError::Held { holder: Some(holder), .. }) => {
                assert_eq!(holder.process, std::process::id());
            }
            other => panic!("{other:?}"),
        }
        drop(first);
        lock().unwrap();
    }

    #[test]
    fn whoever_waits_is_seen_says_so_once_and_can_stop() {
        let dir = tempfile::tempdir().unwrap();
        let _held = lock(dir.path(), FolderMode::PRIVATE, &Waiting::default()).unwrap();
        assert!(!is_wished_for(dir.path()));
        let (told, stops) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let waiting = Waiting {
            patience: Duration::from_secs(600),
            tell: {
                let told = told.clone();
                Arc::new(move |line: &str| told.lock().unwrap().push(line.to_owned()))
            },
            stop: {
                let stops = stops.clone();
                Arc::new(move || stops.load(Ordering::Relaxed))
            },
        };
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| lock(dir.path(), FolderMode::PRIVATE, &waiting).map(|_| ()));
            while told.lock().unwrap().is_empty() {
                std::thread::sleep(INTERVAL);
            }
            assert!(is_wished_for(dir.path()));
            std::thread::sleep(SILENT);
            stops.store(true, Ordering::Relaxed);
            assert!(matches!(waits.join().unwrap(), Err(StoreError::Interrupted)));
        });
        assert!(!is_wished_for(dir.path()));
        let told = told.lock().unwrap();
        assert_eq!(told.len(), 1);
        assert!(told[0].contains(&format!("in use by process {}", std::process::id())), "{told:?}");
    }

    #[test]
    fn a_folder_in_place_of_the_lock_and_the_note_are_no_hindrance() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("lock")).unwrap();
        fs::create_dir(dir.path().join("holder")).unwrap();
        lock(dir.path(), FolderMode::PRIVATE, &Waiting::default()).unwrap();
        assert!(dir.path().join("lock").is_file());
    }
}
