//! Where a file's new contents stand until they are whole.
//!
//! As long as somebody writes them, the file or folder is locked: one that is not was left by a process that was killed.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::Duration;

use tempfile::NamedTempFile;

/// What the names of unfinished files begin with.
pub const PREFIX: &str = ".unfinished-";

/// Letters behind that.
const RANDOM: usize = 6;

/// How old something has to be to count as left: between making and locking it nobody else may take it away.
const LEFT: Duration = Duration::from_secs(60);

/// The permissions of any new file, of which the process's umask is taken off.
pub const ANY_NEW_FILE: u32 = 0o666;

/// A new file in the folder of `path`, to be renamed to it: under a name that no other thread, process or machine has taken,
/// and with these permissions on Unix. It is removed when it is dropped.
///
/// # Errors
/// What prevents making it, as a folder that is not there or cannot be written to.
pub fn beside(path: &Path, mode: u32) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).rand_bytes(RANDOM);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Temporary files are their owner's only by default.
        builder.permissions(std::fs::Permissions::from_mode(mode));
    }
    #[cfg(not(unix))]
    let _other_permissions = mode;
    let file = builder.tempfile_in(folder_of(path))?;
    lock(file.as_file());
    Ok(file)
}

/// The folder that a file is in.
pub fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A new folder in a folder, under such a name. It is removed with what is in it when it is dropped; until then the returned file
/// locks it.
///
/// # Errors
/// What prevents making it.
pub fn folder_in(folder: &Path) -> io::Result<(tempfile::TempDir, Option<File>)> {
    let made = tempfile::Builder::new().prefix(PREFIX).rand_bytes(RANDOM).tempdir_in(folder)?;
    // Where a folder cannot be locked, it is not swept either.
    let lock_file = File::open(made.path()).ok().inspect(lock);
    Ok((made, lock_file))
}

/// Where there are no locks, nothing is swept.
fn lock(file: &File) {
    let _no_locks = file.try_lock();
}

/// Removes what killed processes left in a folder. What somebody still writes stays, and what cannot be looked at.
pub fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let random = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        let is_ours = random.is_some_and(|random| {
            random.len() == RANDOM && random.chars().all(|letter| letter.is_ascii_alphanumeric())
        });
        let Some(metadata) = entry.metadata().ok().filter(|_| is_ours) else { continue };
        let age = metadata.modified().ok().and_then(|time| time.elapsed().ok());
        let path = entry.path();
        if age.is_some_and(|age| age > LEFT) && File::open(&path).is_ok_and(|file| file.try_lock().is_ok()) {
            // What cannot be removed is in nobody's way.
            let _kept = if metadata.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn make_old(path: &Path) {
        let past = SystemTime::now() - 2 * LEFT;
        File::open(path).unwrap().set_times(fs::FileTimes::new().set_modified(past)).unwrap();
    }

    #[test]
    fn what_nobody_writes_any_more_is_swept_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let writing = beside(&path("report.html"), ANY_NEW_FILE).unwrap();
        let (filling, _locked) = folder_in(dir.path()).unwrap();
        for name in [".unfinished-aB3dE6", ".unfinished-young1", ".unfinished-notes.txt", "report.html"] {
            fs::write(path(name), "x").unwrap();
        }
        fs::create_dir(path(".unfinished-folder")).unwrap();
        fs::write(path(".unfinished-folder/a.png"), "x").unwrap();
        let all = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path());
        all.filter(|path| !path.ends_with(".unfinished-young1")).for_each(|path| make_old(&path));
        sweep(dir.path());
        let mut left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        left.sort();
        let mut expected = vec![
            writing.path().to_owned(),
            filling.path().to_owned(),
            path(".unfinished-young1"),
            path(".unfinished-notes.txt"),
            path("report.html"),
        ];
        expected.sort();
        assert_eq!(left, expected);
        let others = writing.path().to_owned();
        drop((writing, filling));
        assert!(!others.exists());
    }
}
