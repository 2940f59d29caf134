//! Plain files: writing one so that, whenever the program is interrupted, the old file or the new one is there, whole.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use super::StoreError;

/// Writes a file beside `path` with `write`, brings it to the disk and renames it to `path`.
pub(super) fn replace<E: From<io::Error>>(
    path: &Path,
    write: impl FnOnce(&mut File) -> Result<(), E>,
) -> Result<(), E> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let replaced = write_and_rename(&part, path, write);
    if replaced.is_err() {
        // What is left of it is of no use; that it cannot be removed adds nothing to the first error.
        let _ = fs::remove_file(&part);
    }
    replaced
}

fn write_and_rename<E: From<io::Error>>(
    part: &Path,
    path: &Path,
    write: impl FnOnce(&mut File) -> Result<(), E>,
) -> Result<(), E> {
    let mut file = File::create(part)?;
    write(&mut file)?;
    file.sync_all()?;
    Ok(fs::rename(part, path)?)
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
}
