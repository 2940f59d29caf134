//! Files that hold many pictures: each is read by itself when it is wanted, so that memory does not grow with the file.

use std::fmt::Debug;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

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

/// Bytes of a file, which may be the unpacked form of the one that has the name.
#[derive(Debug)]
pub(in crate::dataset) struct ArchiveFile {
    /// The file that the user knows.
    pub(in crate::dataset) path: PathBuf,
    content: File,
}

impl ArchiveFile {
    pub(in crate::dataset) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), content: File::open(path)? })
    }

    /// What was unpacked from the file at `path`.
    pub(in crate::dataset) fn unpacked(path: &Path, content: File) -> Self {
        Self { path: path.to_owned(), content }
    }

    /// Bytes in it.
    pub(in crate::dataset) fn length(&self) -> io::Result<u64> {
        Ok(self.content.metadata()?.len())
    }

    /// As many bytes from `offset` on as there are at once, at most `buffer`'s.
    pub(in crate::dataset) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.content.read_at(buffer, offset)
    }

    pub(in crate::dataset) fn bytes(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.content.read_exact_at(&mut bytes, offset)?;
        Ok(bytes)
    }
}
