//! What can be wrong with a dataset as a whole; what is wrong with one image only is a skipped image.

use std::path::{Path, PathBuf};

use crate::text_file::TextFileError;

/// Why a dataset cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// A text file cannot be read or parsed.
    #[error(transparent)]
    File(#[from] TextFileError),
    /// The root is not a folder that can be read.
    #[error("cannot read the folder {}: {error}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the operating system said.
        error: std::io::Error,
    },
    /// The root has no folders in it.
    #[error(
        "{} has no class folders{}; put the images of each class into a folder of its own, or write a manifest",
        path.display(), if *pictures > 0 { format!(", but {pictures} pictures") } else { String::new() }
    )]
    NoClasses {
        /// The root.
        path: PathBuf,
        /// The pictures that lie directly in it.
        pictures: usize,
    },
    /// One class is no choice.
    #[error("{} has the class {class:?} only; a classifier needs at least two", path.display())]
    OneClass {
        /// The root or manifest.
        path: PathBuf,
        /// The class.
        class: String,
    },
    /// Not one image.
    #[error(
        "{} has no images ({skipped} skipped, {ignored} of other kinds); \
         images end in jpg, png, webp, bmp, gif or tiff, and a manifest's paths start at its own folder",
        path.display()
    )]
    NoImages {
        /// The root or manifest.
        path: PathBuf,
        /// Images that are listed but not there.
        skipped: usize,
        /// Files that are no pictures by their ending.
        ignored: usize,
    },
    /// A row of a manifest or class-name map.
    #[error("{} line {line}: {problem}", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A class-name map with something else than names.
    #[error("{}: {problem}", path.display())]
    ClassNames {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The wanted order does not name every class once.
    #[error("the class order must name every class once: {problem}")]
    ClassOrder {
        /// What is missing, unknown or there twice.
        problem: String,
    },
    /// A file that holds a whole dataset, or a part of one.
    #[error("{}: {problem}", path.display())]
    Archive {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A split that is not there.
    #[error("{} has no split {wanted:?}; it has {}", path.display(), splits.join(", "))]
    Split {
        /// The folder or file.
        path: PathBuf,
        /// What was asked for.
        wanted: String,
        /// What there is.
        splits: Vec<String>,
    },
    /// A tile sheet does not hold the tiles it should.
    #[error("the sheet of class {class:?}: {problem}")]
    Sheet {
        /// The class.
        class: String,
        /// What is wrong.
        problem: String,
    },
}

impl DatasetError {
    /// What is wrong with a file that holds a dataset or a part of one.
    pub(super) fn archive(path: &Path, problem: String) -> Self {
        Self::Archive { path: path.to_owned(), problem }
    }
}
