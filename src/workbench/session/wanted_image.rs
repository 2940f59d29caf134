//! Which image somebody means: one of the dataset, by its name or its file, or any other picture file.

use std::path::{Path, PathBuf};

use super::evaluation::Session;
use super::opening::Workbench;
use crate::dataset::{DatasetImage, PictureSource};
use crate::text::message::instead_of;
use crate::workbench::embedding::file_contents::NamedPicture;
use crate::workbench::error::WorkbenchError;
use crate::workbench::jobs::progress::{Cancel, Progress};

/// How many images a hint names.
const NAMED: usize = 3;

/// An image that somebody asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WantedImage {
    /// One of the dataset, by its name.
    OfDataset(String),
    /// A file that is not in the dataset.
    File(PathBuf),
}

impl Workbench {
    /// What a path means: the name of one of the dataset's images, the file of one, or another file.
    ///
    /// # Errors
    /// [`WorkbenchError::UnknownImage`] with the names that are most like it.
    pub fn wanted_image(&self, path: &Path) -> Result<WantedImage, WorkbenchError> {
        let name = path.to_string_lossy();
        let listed = self.dataset.images.iter().map(|image| &image.name);
        let mut names = listed.chain(self.dataset.skipped.iter().map(|image| &image.name));
        if names.any(|other| *other == name) {
            return Ok(WantedImage::OfDataset(name.into_owned()));
        }
        if !path.is_file() {
            let names = self.dataset.images.iter().map(|image| image.name.as_str());
            let hint = instead_of(&name, names, NAMED, NAMED);
            return Err(WorkbenchError::UnknownImage { name: name.into_owned(), hint });
        }
        Ok(match image_at(&self.dataset.images, path) {
            Some(image) => WantedImage::OfDataset(image.name.clone()),
            None => WantedImage::File(path.to_owned()),
        })
    }

    /// Embeds a picture file that is not in the dataset: a unit vector, `[dim]`.
    ///
    /// # Errors
    /// [`WorkbenchError::UnreadableImage`], [`WorkbenchError::Cancelled`], and whatever prevents encoding.
    pub fn embed_file(
        &self,
        path: &Path,
        cancel: &Cancel,
        notify: &dyn Fn(Progress),
    ) -> Result<Vec<f32>, WorkbenchError> {
        let (name, source) = (path.display().to_string(), PictureSource::File(path.to_owned()));
        let picture = NamedPicture { name: &name, source: &source };
        let embedded = self.embedder().images(&[picture], cancel, notify)?;
        match embedded.contents.skipped.into_iter().next() {
            Some(skipped) => {
                Err(WorkbenchError::UnreadableImage { name: skipped.name, reason: skipped.reason })
            }
            None => Ok(embedded.unit.as_slice().to_vec()),
        }
    }
}

impl Session {
    /// The index of an image that was evaluated.
    ///
    /// # Errors
    /// [`WorkbenchError::UnreadableImage`] for one that was skipped, [`WorkbenchError::UnknownImage`] for one that is not
    /// there.
    pub fn image(&self, name: &str) -> Result<usize, WorkbenchError> {
        if let Some(image) = self.images.iter().position(|image| image.name == name) {
            return Ok(image);
        }
        let skipped = self.skipped.iter().find(|image| image.name == name);
        Err(match skipped {
            Some(image) => {
                WorkbenchError::UnreadableImage { name: image.name.clone(), reason: image.reason.clone() }
            }
            None => WorkbenchError::UnknownImage {
                name: name.to_owned(),
                hint: instead_of(name, self.images.iter().map(|image| image.name.as_str()), NAMED, NAMED),
            },
        })
    }
}

/// The image whose file this is, whatever way leads there. Only files of the same name are compared.
fn image_at<'a>(images: &'a [DatasetImage], path: &Path) -> Option<&'a DatasetImage> {
    let target = path.canonicalize().ok()?;
    let has_its_name = |file: &Path| {
        let name = file.file_name();
        name == path.file_name() || name == target.file_name()
    };
    images.iter().find(|image| match &image.source {
        PictureSource::File(file) => {
            has_its_name(file) && file.canonicalize().is_ok_and(|file| file == target)
        }
        PictureSource::Member { .. } | PictureSource::Pixels(_) => false,
    })
}
