//! Where a checkpoint's bytes come from: a directory, or the program itself.

use std::borrow::Cow;
use std::fs::File;
use std::io::{Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::error::ClipError;

/// A checkpoint's origin.
#[derive(Debug, Clone)]
pub enum CheckpointSource {
    /// A directory, in a form of transformers', open_clip's or OpenAI's.
    Directory(PathBuf),
    /// The same files, compiled into the program.
    Embedded {
        /// What the checkpoint is called.
        name: &'static str,
        /// File names, as they would be in a directory, and contents.
        files: &'static [(&'static str, &'static [u8])],
    },
}

impl CheckpointSource {
    /// The directory's own name, or the embedded one.
    ///
    /// # Errors
    /// [`ClipError::NoDirectory`].
    pub(super) fn name(&self) -> Result<String, ClipError> {
        match self {
            Self::Embedded { name, .. } => Ok((*name).to_owned()),
            Self::Directory(path) => {
                let absent = || ClipError::NoDirectory { path: path.display().to_string() };
                // `.` and `..` have no name of their own.
                let resolved = path.canonicalize().map_err(|_| absent())?;
                if !resolved.is_dir() {
                    return Err(absent());
                }
                let last = path.file_name().or(resolved.file_name());
                Ok(last
                    .map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned()))
            }
        }
    }

    /// The file of that name, if it is there.
    pub(super) fn find(&self, name: &str) -> Option<CheckpointFile> {
        let content = match self {
            Self::Directory(root) => {
                let path = root.join(name);
                path.is_file().then_some(FileContent::Path(path))
            }
            Self::Embedded { files, .. } => {
                files.iter().find(|(file, _)| *file == name).map(|(_, bytes)| FileContent::Bytes(bytes))
            }
        };
        content.map(|content| CheckpointFile { name: name.to_owned(), content })
    }

    /// The first of these files that is there.
    pub(super) fn find_first(&self, names: &[&str]) -> Option<CheckpointFile> {
        names.iter().find_map(|name| self.find(name))
    }

    /// The files whose names end so, in the order of their names.
    pub(super) fn find_ending(&self, ending: &str) -> Vec<CheckpointFile> {
        let mut names: Vec<String> = match self {
            Self::Directory(root) => std::fs::read_dir(root)
                .into_iter()
                .flatten()
                .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
                .collect(),
            Self::Embedded { files, .. } => files.iter().map(|(name, _)| (*name).to_owned()).collect(),
        };
        names.retain(|name| name.ends_with(ending));
        names.sort();
        names.iter().filter_map(|name| self.find(name)).collect()
    }

    /// The file of that name.
    ///
    /// # Errors
    /// [`ClipError::AbsentFile`] with that remedy.
    pub(super) fn require(&self, name: &str, remedy: &str) -> Result<CheckpointFile, ClipError> {
        self.find(name)
            .ok_or_else(|| ClipError::AbsentFile { file: self.label(name), remedy: remedy.to_owned() })
    }

    /// How messages call the file of that name.
    pub(super) fn label(&self, name: &str) -> String {
        match self {
            Self::Directory(root) => root.join(name).display().to_string(),
            Self::Embedded { name: checkpoint, .. } => Path::new(checkpoint).join(name).display().to_string(),
        }
    }
}

/// One file of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointFile {
    /// Its name within the checkpoint.
    pub name: String,
    /// Where its bytes are.
    pub content: FileContent,
}

/// Where a file's bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileContent {
    /// On disk.
    Path(PathBuf),
    /// In the program.
    Bytes(&'static [u8]),
}

/// Reads a file's bytes from anywhere in it.
#[derive(Debug)]
pub(super) enum FileReader {
    File(File),
    Bytes(Cursor<&'static [u8]>),
}

impl Read for FileReader {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::File(file) => file.read(buffer),
            Self::Bytes(bytes) => bytes.read(buffer),
        }
    }
}

impl Seek for FileReader {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        match self {
            Self::File(file) => file.seek(to),
            Self::Bytes(bytes) => bytes.seek(to),
        }
    }
}

impl CheckpointFile {
    /// How messages call it.
    pub(super) fn label(&self) -> String {
        match &self.content {
            FileContent::Path(path) => path.display().to_string(),
            FileContent::Bytes(_) => self.name.clone(),
        }
    }

    /// All its bytes.
    pub(super) fn read(&self) -> Result<Cow<'static, [u8]>, ClipError> {
        match &self.content {
            FileContent::Path(path) => {
                std::fs::read(path).map(Cow::Owned).map_err(|error| self.unreadable(&error))
            }
            FileContent::Bytes(bytes) => Ok(Cow::Borrowed(bytes)),
        }
    }

    /// A reader of its bytes.
    pub(super) fn open(&self) -> Result<FileReader, ClipError> {
        match &self.content {
            FileContent::Path(path) => {
                File::open(path).map(FileReader::File).map_err(|error| self.unreadable(&error))
            }
            FileContent::Bytes(bytes) => Ok(FileReader::Bytes(Cursor::new(bytes))),
        }
    }

    /// Its length in bytes.
    pub(super) fn len(&self) -> Result<u64, ClipError> {
        match &self.content {
            FileContent::Path(path) => std::fs::metadata(path)
                .map(|metadata| metadata.len())
                .map_err(|error| self.unreadable(&error)),
            FileContent::Bytes(bytes) => Ok(bytes.len() as u64),
        }
    }

    /// `length` bytes from `start`, without reading the rest.
    pub(super) fn read_range(&self, start: u64, length: usize) -> Result<Cow<'static, [u8]>, ClipError> {
        match &self.content {
            FileContent::Path(path) => {
                read_range(path, start, length).map(Cow::Owned).map_err(|error| self.unreadable(&error))
            }
            FileContent::Bytes(bytes) => usize::try_from(start)
                .ok()
                .and_then(|start| bytes.get(start..start.checked_add(length)?))
                .map(Cow::Borrowed)
                .ok_or_else(|| self.unreadable(&std::io::ErrorKind::UnexpectedEof.into())),
        }
    }

    fn unreadable(&self, error: &std::io::Error) -> ClipError {
        ClipError::Read { file: self.label(), problem: error.to_string() }
    }
}

fn read_range(path: &Path, start: u64, length: usize) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = vec![0; length];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}
