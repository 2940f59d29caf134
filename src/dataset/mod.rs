//! Images with a class each, from folders, manifests, archives and picture files.
//!
//! | file | what it knows |
//! |---|---|
//! | `form.rs` | which of the forms below a path has |
//! | `split.rs` | which part is meant, as `PATH#test` |
//! | `class_folders.rs` | which folders are classes, splits, wrappers or nothing of the dataset |
//! | `folder.rs` | a folder per class; all pictures below a folder |
//! | `picture_list.rs` | pictures in one folder, and a file that says what they are |
//! | `manifest.rs` | a CSV, TSV or JSONL file of paths and labels |
//! | `manifest_rows.rs` | what a row of it has, and how its columns are called |
//! | `webdataset.rs` | tar shards |
//! | `parquet.rs` | Parquet files as Hugging Face has them |
//! | `packed_pages.rs` | unpacks what Zstandard and gzip compressed in them, within bounds |
//! | `cifar.rs` | CIFAR-10 and CIFAR-100, binary version |
//! | `unpacking.rs` | how much a compressed archive may unpack to |
//! | `field_names.rs` | what columns, keys and members are called |
//! | `label.rs` | one label, as files write it |
//! | `labels.rs` | what labels mean: images, labels and class names become a dataset |
//! | `listed_names.rs` | lists of class names in an order, and how the user renames the dataset's |
//! | `table.rs` | rows of CSV and TSV files |
//! | `class_names.rs` | a map from folder names to class names |
//! | `synsets.rs` | what ImageNet's folders are called |
//! | `sidecar.rs` | files beside the images that are about all of them |
//! | `classes.rs` | the ordered classes that labels point to |
//! | `picture/` | the bytes of one image and their pixels |
//!
//! Opening a dataset lists its images and decodes none: what does not decode is found out
//! later, image by image.

mod cifar;
mod cifar_pickle;
mod class_folders;
mod class_names;
mod classes;
mod error;
mod field_names;
mod folder;
mod form;
mod label;
mod labels;
mod listed_names;
mod manifest;
mod manifest_rows;
mod packed_pages;
mod parquet;
pub mod picture;
mod picture_list;
mod sidecar;
mod split;
mod synsets;
mod table;
#[cfg(test)]
mod tests;
mod unpacking;
mod webdataset;

use std::path::PathBuf;

use serde::Serialize;

pub use class_names::ClassNameMap;
pub use error::DatasetError;
pub use folder::{PicturesBelow, list_pictures, pictures_below};
pub use picture::{Picture, PictureArchive, PictureError, PictureHeader, PictureSource};
pub use sidecar::templates_beside;
pub use split::Splits;

/// Images with a class each, and the ordered classes. There are at least two classes and one image; image names differ.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// The folder's or the manifest's name.
    pub name: String,
    /// What it was recognised as, in words.
    pub form: String,
    /// Which part of it this is.
    pub splits: Splits,
    /// In the order that labels count in.
    pub classes: Vec<Class>,
    /// By class and then by name in a folder, by row in a manifest.
    pub images: Vec<DatasetImage>,
    /// Images that are listed but not there, or that lie where nothing can be read.
    pub skipped: Vec<SkippedImage>,
    /// Files that are no pictures by their ending, and pictures outside of a class folder. Hidden files are not told.
    pub ignored: Vec<String>,
    /// What is odd but harmless, in words.
    pub notes: Vec<String>,
    /// How the labels were understood, in words: as numbers or as names, how many, the first and the last.
    pub labels: String,
}

/// A class of a dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Class {
    /// The folder name or label, as found.
    pub folder: String,
    /// The class name that prompts are made with: `folder`, or what the class-name map makes of it.
    pub name: String,
}

/// An image of a dataset.
#[derive(Debug, Clone)]
pub struct DatasetImage {
    /// The path from the root, with `/`.
    pub name: String,
    /// The index of its class.
    pub label: usize,
    /// Where its pixels come from.
    pub source: PictureSource,
}

/// An image that is left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SkippedImage {
    /// The path from the root, with `/`.
    pub name: String,
    /// Why, in words.
    pub reason: String,
}

/// How a dataset is opened.
#[derive(Debug, Clone, Default)]
pub struct DatasetOptions {
    /// Class names for folder names; without it they are the same.
    pub class_names: Option<ClassNameMap>,
    /// The number that the first name of a list of class names has as a label; without it 0.
    pub first_label: Option<u64>,
    /// The classes in the wanted order, by folder or class name, each once. Without it they are sorted: by number where all
    /// labels are numbers, else bytewise. For a manifest it may name further classes, which have no pictures.
    pub class_order: Option<Vec<String>>,
    /// Where the relative paths of a manifest start; without it, at the manifest's own folder.
    pub root: Option<PathBuf>,
}

impl Dataset {
    /// Nothing yet, but a name and what the path was recognised as.
    pub(crate) fn empty(name: String, form: &str) -> Self {
        Self {
            name,
            form: form.to_owned(),
            splits: Splits::default(),
            classes: Vec::new(),
            images: Vec::new(),
            skipped: Vec::new(),
            ignored: Vec::new(),
            notes: Vec::new(),
            labels: String::new(),
        }
    }

    /// The class names in class order, as prompts are made with.
    #[must_use]
    pub fn class_names(&self) -> Vec<String> {
        self.classes.iter().map(|class| class.name.clone()).collect()
    }
}
