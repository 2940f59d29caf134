//! Plain files: writing one so that, whenever the program is interrupted, the old file or the new one is there, whole.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use super::StoreError;
use crate::files::temporary_file;

/// Writes a file beside `path` with `write`, brings it to the disk and renames it to `path`. Any number of threads and
/// processes may do so at once: each file is whole, and the last one stays.
pub(super) fn replace<E: From<io::Error>>(
    path: &Path,
    write: impl FnOnce(&mut File) -> Result<(), E>,
) -> Result<(), E> {
    let mut part = temporary_file::beside(path)?;
    write(part.as_file_mut())?;
    part.as_file().sync_all()?;
    part.persist(path).map_err(|unmoved| unmoved.error)?;
    Ok(())
}

/// [`replace`] for bytes that are in memory.
pub(super) fn replace_with(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, |file| file.write_all(bytes))
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
        replace_with(&path, b"old").unwrap();
        let failed = replace(&path, |file| {
            file.write_all(b"half of the n")?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        });
        assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        replace_with(&path, b"new").unwrap();
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
                replace(&path, |file| {
                    here.wait();
                    there.wait();
                    file.write_all(b"slow")
                })
            });
            here.wait();
            replace_with(&path, b"quick").unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"quick");
            there.wait();
            slow.join().unwrap().unwrap();
        });
        assert_eq!(fs::read(&path).unwrap(), b"slow");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
