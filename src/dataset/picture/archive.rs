//! Files that hold many pictures: each is read by itself when it is wanted, so that memory does not grow with the file.

use std::fmt::Debug;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Picture, PictureError};

/// A file with many pictures. Threads may share it.
pub trait PictureArchive: Debug + Send + Sync {
    /// The file.
    fn path(&self) -> &Path;

    /// Reads a picture by its number.
    ///
    /// # Errors
    /// [`PictureError::Unreadable`], and what else is wrong with this picture.
    fn read(&self, member: u64) -> Result<Picture, PictureError>;
}

/// Files that are open at the same time. A dataset may have thousands, and systems allow as few as 64.
const OPEN_AT_ONCE: usize = 24;

/// Files that were read last, the last one at the end, by [`ArchiveFile::number`].
static OPEN: Mutex<Vec<(u64, Arc<File>)>> = Mutex::new(Vec::new());

/// Bytes of a file, which may be the unpacked form of the one that has the name. It is opened when bytes are wanted.
#[derive(Debug)]
pub(in crate::dataset) struct ArchiveFile {
    /// The file that the user knows.
    pub(in crate::dataset) path: PathBuf,
    content: Content,
}

#[derive(Debug)]
enum Content {
    /// It has no name, so it stays open.
    Unpacked(File),
    /// It is the file at the path, as long as that is the same one.
    OnDisk { number: u64, identity: (u64, u64), length: u64 },
}

impl ArchiveFile {
    pub(in crate::dataset) fn open(path: &Path) -> io::Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        let content =
            Content::OnDisk { number, identity: (metadata.dev(), metadata.ino()), length: metadata.len() };
        keep_open(number, Arc::new(file));
        Ok(Self { path: path.to_owned(), content })
    }

    /// What was unpacked from the file at `path`.
    pub(in crate::dataset) fn unpacked(path: &Path, content: File) -> Self {
        Self { path: path.to_owned(), content: Content::Unpacked(content) }
    }

    /// Bytes in it.
    pub(in crate::dataset) fn length(&self) -> io::Result<u64> {
        match &self.content {
            Content::Unpacked(file) => Ok(file.metadata()?.len()),
            Content::OnDisk { length, .. } => Ok(*length),
        }
    }

    /// As many bytes from `offset` on as there are at once, at most `buffer`'s.
    pub(in crate::dataset) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match &self.content {
            Content::Unpacked(file) => file.read_at(buffer, offset),
            Content::OnDisk { .. } => self.opened()?.read_at(buffer, offset),
        }
    }

    pub(in crate::dataset) fn bytes(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        if offset.checked_add(length as u64).is_none_or(|end| self.length().is_ok_and(|length| end > length))
        {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut bytes = vec![0; length];
        match &self.content {
            Content::Unpacked(file) => file.read_exact_at(&mut bytes, offset)?,
            Content::OnDisk { .. } => self.opened()?.read_exact_at(&mut bytes, offset)?,
        }
        Ok(bytes)
    }

    /// The file, opened again if it was closed for others.
    fn opened(&self) -> io::Result<Arc<File>> {
        let Content::OnDisk { number, identity, length } = &self.content else {
            return Err(io::ErrorKind::NotFound.into());
        };
        if let Some(file) = open_file(*number) {
            return Ok(file);
        }
        let file = File::open(&self.path)?;
        let metadata = file.metadata()?;
        if (metadata.dev(), metadata.ino(), metadata.len()) != (identity.0, identity.1, *length) {
            return Err(io::Error::other(
                "the file was replaced while it was in use; open the dataset again",
            ));
        }
        let file = Arc::new(file);
        keep_open(*number, Arc::clone(&file));
        Ok(file)
    }
}

impl Drop for ArchiveFile {
    fn drop(&mut self) {
        if let Content::OnDisk { number, .. } = &self.content {
            lock().retain(|(other, _)| other != number);
        }
    }
}

fn lock() -> MutexGuard<'static, Vec<(u64, Arc<File>)>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn open_file(number: u64) -> Option<Arc<File>> {
    let mut open = lock();
    let at = open.iter().position(|(other, _)| *other == number)?;
    let entry = open.remove(at);
    let file = Arc::clone(&entry.1);
    open.push(entry);
    Some(file)
}

fn keep_open(number: u64, file: Arc<File>) {
    let mut open = lock();
    open.retain(|(other, _)| *other != number);
    if open.len() >= OPEN_AT_ONCE {
        open.remove(0);
    }
    open.push((number, file));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_files_than_may_be_open_are_read_in_any_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = |number: usize| folder.path().join(number.to_string());
        let files: Vec<ArchiveFile> = (0..5 * OPEN_AT_ONCE)
            .map(|number| {
                std::fs::write(path(number), number.to_string()).unwrap();
                ArchiveFile::open(&path(number)).unwrap()
            })
            .collect();
        for number in (0..files.len()).rev().chain([3, 70, 3, 9]) {
            let length = files[number].length().unwrap() as usize;
            assert_eq!(files[number].bytes(0, length).unwrap(), number.to_string().as_bytes());
        }
        assert!(lock().len() <= OPEN_AT_ONCE);
        std::fs::remove_file(path(0)).unwrap();
        std::fs::write(folder.path().join("other"), "x").unwrap();
        std::fs::rename(folder.path().join("other"), path(0)).unwrap();
        (1..=OPEN_AT_ONCE).for_each(|number| drop(files[number].bytes(0, 1).unwrap()));
        let error = files[0].bytes(0, 1).unwrap_err().to_string();
        assert!(error.contains("replaced while it was in use"), "{error}");
    }
}
