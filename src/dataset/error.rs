//! What can be wrong with a dataset as a whole; what is wrong with one image only is a skipped image.

use std::path::{Path, PathBuf};

use super::SkippedImage;
use crate::text::message::listed;
use crate::text::text_file::TextFileError;

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
    #[error("{} has the class {class:?} only; a classifier needs at least two{}", path.display(), reasons(left_out))]
    OneClass {
        /// The root or manifest.
        path: PathBuf,
        /// The class.
        class: String,
        /// Images that are left out.
        left_out: Vec<SkippedImage>,
    },
    /// Not one image.
    #[error(
        "{} has no images ({} skipped, {ignored} of other kinds); \
         images end in jpg, png, webp, bmp, gif, tiff or ppm, and a manifest's paths start at its own folder{}",
        path.display(), left_out.len(), reasons(left_out)
    )]
    NoImages {
        /// The root or manifest.
        path: PathBuf,
        /// Images that are listed, and why they cannot be used.
        left_out: Vec<SkippedImage>,
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
    /// Labels that cannot be meant, or do not fit the class names.
    #[error("{}: {problem}", path.display())]
    Labels {
        /// The dataset.
        path: PathBuf,
        /// What was seen and what to do.
        problem: String,
    },
    /// Two images of one name.
    #[error(
        "{} has two images called {name:?}, so that nobody could say which is meant; if it holds several datasets, name the          folder or file of one",
        path.display()
    )]
    SameImageName {
        /// The dataset.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// Several datasets in one folder.
    #[error(
        "{} has {} configurations, which are datasets of their own: {}; choose one as {}#{}",
        path.display(), configurations.len(), configurations.join(", "), path.display(), configurations[0]
    )]
    Configurations {
        /// The folder.
        path: PathBuf,
        /// Their names; two at least.
        configurations: Vec<String>,
    },
    /// Folders that hold class folders of their own.
    #[error(
        "the folders in {} hold only folders, of other names in each, so that they are no classes: {}; name the folder that \
         the class folders lie in, as {}",
        path.display(), listed(folders, 5), deeper.display()
    )]
    NestedFolders {
        /// The folder.
        path: PathBuf,
        /// Those in it.
        folders: Vec<String>,
        /// One of them.
        deeper: PathBuf,
    },
    /// Datasets of several forms in one folder.
    #[error("{} holds several datasets, of which one is to be chosen: {}", path.display(), forms.join(", "))]
    SeveralForms {
        /// The folder.
        path: PathBuf,
        /// Each in words, with its selector.
        forms: Vec<String>,
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

/// The first reasons why images are left out, each once.
fn reasons(left_out: &[SkippedImage]) -> String {
    let mut first: Vec<&SkippedImage> = Vec::new();
    for image in left_out {
        if first.len() < 3 && first.iter().all(|other| other.reason != image.reason) {
            first.push(image);
        }
    }
    first.iter().map(|image| format!("; {}: {}", image.name, image.reason)).collect()
}

impl DatasetError {
    /// What is wrong with a file that holds a dataset or a part of one.
    pub(super) fn archive(path: &Path, problem: String) -> Self {
        Self::Archive { path: path.to_owned(), problem }
    }
}
