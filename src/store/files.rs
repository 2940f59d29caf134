//! Plain files and folders of a store: writing one so that, whenever the program is interrupted, the old file or the new one is
//! there, whole; for whose eyes they are; and what killed processes left behind.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::StoreError;
use crate::files::temporary_file;

/// For whose eyes a store's folders and files are, as the bits of a Unix folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FolderMode(u32);

impl FolderMode {
    /// The user's alone.
    pub(super) const PRIVATE: Self = Self(0o700);

    /// As the process's umask says, for what the user asked for.
    pub(super) const AS_USUAL: Self = Self(0o777);

    /// That of the store at `dir`, as its database's folder says: one that was opened to others stays so.
    pub(super) fn of_store(dir: &Path) -> Self {
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let database = fs::metadata(dir.join("sled")).ok().filter(fs::Metadata::is_dir);
            database.map_or(Self::PRIVATE, |database| Self(database.permissions().mode() & 0o777 | 0o700))
        }
        #[cfg(not(unix))]
        {
            let _same_everywhere = dir;
            Self::PRIVATE
        }
    }

    /// Makes a folder and those around it, unless it is there.
    pub(super) fn make_folder(self, path: &Path) -> io::Result<()> {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, self.0);
        builder.create(path)
    }

    /// Options that make a file.
    pub(super) fn options(self) -> OpenOptions {
        let mut options = OpenOptions::new();
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, self.file());
        options
    }

    /// The bits of a file.
    pub(super) fn file(self) -> u32 {
        self.0 & 0o666
    }

    /// Gives a folder and the files in it these bits, as far as they can be given: the database makes its files itself.
    pub(super) fn give_to(self, folder: &Path) {
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let give = |path: &Path, mode: u32| {
                let _refused = fs::set_permissions(path, fs::Permissions::from_mode(mode));
            };
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => give(&entry.path(), self.0),
                    Ok(kind) if kind.is_file() => give(&entry.path(), self.file()),
                    _ => {}
                }
            }
            give(folder, self.0);
        }
        #[cfg(not(unix))]
        let _nothing = folder;
    }
}

/// Writes a file beside `path` with `write`, brings it to the disk and renames it to `path`. Any number of threads and
/// processes may do so at once: each file is whole, and the last one stays.
pub(super) fn replace<E: From<io::Error>>(
    path: &Path,
    mode: FolderMode,
    write: impl FnOnce(&mut File) -> Result<(), E>,
) -> Result<(), E> {
    let mut part = temporary_file::beside(path, mode.file())?;
    write(part.as_file_mut())?;
    part.as_file().sync_all()?;
    part.persist(path).map_err(|unmoved| unmoved.error)?;
    Ok(sync_folder(path.parent().unwrap_or(path))?)
}

/// [`replace`] for bytes that are in memory.
pub(super) fn replace_with(path: &Path, mode: FolderMode, bytes: &[u8]) -> io::Result<()> {
    replace(path, mode, |file| file.write_all(bytes))
}

/// Brings the names in a folder to the disk, where the system can be asked for that.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        Err(e) if matches!(e.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        synced => synced,
    }
}

/// Renames `path` to the first free `PATH-damaged-N`.
pub(super) fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let numbered = |number: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!("-damaged-{number}"));
        PathBuf::from(name)
    };
    let free = (1..).map(numbered).find(|aside| aside.symlink_metadata().is_err());
    let aside = free.ok_or(io::ErrorKind::AlreadyExists)?;
    fs::rename(path, &aside)?;
    Ok(aside)
}

/// Removes what processes left in a folder that were killed while they wrote: nobody else writes there now.
pub(super) fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_unfinished = name.starts_with(temporary_file::PREFIX) || name.ends_with(".part");
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        // What cannot be removed is in nobody's way.
        let _kept = match (is_unfinished, is_folder) {
            (true, true) => fs::remove_dir_all(entry.path()),
            (true, false) => fs::remove_file(entry.path()),
            (false, _) => Ok(()),
        };
    }
}

/// Bytes of all files below `dir`. Files that vanish meanwhile count nothing.
pub(super) fn size_of(dir: &Path) -> Result<u64, StoreError> {
    let failed = |e| StoreError::io("read", dir, e);
    let mut size = 0;
    for entry in fs::read_dir(dir).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => size += size_of(&entry.path())?,
            Ok(metadata) => size += metadata.len(),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(failed(e)),
        }
    }
    Ok(size)
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        replace_with(&path, FolderMode::PRIVATE, b"old").unwrap();
        let failed = replace(&path, FolderMode::PRIVATE, |file| {
            file.write_all(b"half of the n")?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        });
        assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        replace_with(&path, FolderMode::PRIVATE, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    /// A name made of the process's id was the same for all threads, and in each container.
    #[test]
    fn writers_of_one_file_do_not_meet() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let (here, there) = (Barrier::new(2), Barrier::new(2));
        thread::scope(|scope| {
            let slow = scope.spawn(|| {
                replace(&path, FolderMode::PRIVATE, |file| {
                    here.wait();
                    there.wait();
                    file.write_all(b"slow")
                })
            });
            here.wait();
            replace_with(&path, FolderMode::PRIVATE, b"quick").unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"quick");
            there.wait();
            slow.join().unwrap().unwrap();
        });
        assert_eq!(fs::read(&path).unwrap(), b"slow");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_killed_writers_left_is_swept_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        for name in [".unfinished-a1b2", "old.json.part", "kept.json"] {
            fs::write(dir.path().join(name), "x").unwrap();
        }
        fs::create_dir(dir.path().join("sled-new.part")).unwrap();
        fs::write(dir.path().join("sled-new.part").join("db"), "x").unwrap();
        sweep(dir.path());
        let left: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["kept.json"]);
    }
}
