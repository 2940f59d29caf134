//! Which form a dataset has, by what is in it, and opening it.
//!
//! A folder may hold several things. A table without pictures is no dataset, nor is a folder without any; where two
//! datasets remain, both are named with the selector for each. A selector (`PATH#…`) is a split, a configuration, or one of
//! these forms; one that means nothing is an error.

use std::path::{Path, PathBuf};

use super::class_folders::{self, ClassFolders};
use super::error::DatasetError;
use super::picture_list::{self, PictureList};
use super::webdataset::{expanded, sort_shards};
use super::{Dataset, DatasetOptions, Splits, cifar, parquet};
use crate::text::message::listed;
use crate::text::text_file;

/// The forms that are known.
enum DatasetForm {
    /// A folder per class.
    Folders(ClassFolders),
    /// A CSV, TSV or JSONL file of paths and labels.
    Manifest(PathBuf),
    /// Pictures in one folder, and a file that says what they are.
    List(PictureList, Splits),
    /// Tar files, in this order.
    WebDataset(Vec<PathBuf>, Splits),
    /// Parquet files.
    Parquet(Vec<PathBuf>),
    /// The folder of CIFAR-10 or CIFAR-100.
    CifarFolder(PathBuf, cifar::CifarForm),
    /// The archive of one of them.
    CifarArchive(PathBuf),
}

/// A form, and what to know about how it was chosen.
struct Recognised {
    form: DatasetForm,
    /// What [`Dataset::open`] has still to choose by.
    selector: Option<String>,
    notes: Vec<String>,
}

impl DatasetForm {
    fn words(&self) -> String {
        let files = |count: usize, what: &str| match count {
            1 => format!("one {what}"),
            _ => format!("{count} {what}s"),
        };
        match self {
            Self::Folders(_) => "a folder per class".to_owned(),
            Self::Manifest(_) => "a manifest of paths and labels".to_owned(),
            Self::List(list, _) => {
                let name = list.file.file_name().unwrap_or_default().to_string_lossy();
                format!("pictures with the list {name}")
            }
            Self::WebDataset(shards, _) => format!("WebDataset, {}", files(shards.len(), "tar shard")),
            Self::Parquet(tables) => format!("Parquet, {}", files(tables.len(), "file")),
            Self::CifarFolder(_, form) => form.words().to_owned(),
            Self::CifarArchive(_) => "CIFAR in its archive".to_owned(),
        }
    }

    /// The selector that means this form of several.
    fn selector(&self) -> &'static str {
        match self {
            Self::Folders(_) => "folders",
            Self::Manifest(_) | Self::List(..) => "list",
            Self::WebDataset(..) => "tar",
            Self::Parquet(_) => "parquet",
            Self::CifarFolder(..) | Self::CifarArchive(_) => "cifar",
        }
    }
}

impl Dataset {
    /// Opens a dataset in whatever form it has. `path` may end in `#` and the name of a split, of a configuration or of a form;
    /// without it the split for testing is taken.
    ///
    /// # Errors
    /// What is wrong with it as a whole.
    pub fn open(path: &Path, options: &DatasetOptions) -> Result<Dataset, DatasetError> {
        let (root, wanted) = text_file::split_key(path);
        let Recognised { form, selector, notes } = recognise(&root, wanted.as_deref())?;
        let selector = selector.as_deref();
        let mut dataset = match &form {
            DatasetForm::Folders(folders) => Self::from_class_folders(folders, options),
            DatasetForm::Manifest(file) => Self::from_manifest_split(file, selector, options),
            DatasetForm::List(list, _) => Self::from_list(list, options),
            DatasetForm::WebDataset(shards, _) => Self::from_webdataset(shards, options),
            DatasetForm::Parquet(files) => Self::from_parquet(&root, files, selector, options),
            DatasetForm::CifarFolder(folder, form) => {
                Self::from_cifar_folder(folder, *form, selector, options)
            }
            DatasetForm::CifarArchive(file) => Self::from_cifar_archive(file, selector, options),
        }?;
        // Not the name of a split, a wrapper or a shard.
        let is_folders = matches!(&form, DatasetForm::Folders(folders) if folders.folder == root);
        if !is_folders
            && !matches!(form, DatasetForm::CifarFolder(..) | DatasetForm::CifarArchive(_))
            && let Some(name) = root.file_stem()
        {
            dataset.name = name.to_string_lossy().into_owned();
        }
        dataset.form = form.words();
        match form {
            DatasetForm::List(_, splits) | DatasetForm::WebDataset(_, splits) => dataset.splits = splits,
            DatasetForm::Folders(folders) => dataset.splits = folders.splits,
            _ => {}
        }
        dataset.notes.extend(notes);
        Ok(dataset)
    }
}

fn recognise(root: &Path, wanted: Option<&str>) -> Result<Recognised, DatasetError> {
    if root.is_dir() {
        return folder(root, wanted);
    }
    let name = root.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    let of =
        |form: DatasetForm| Ok(Recognised { form, selector: wanted.map(str::to_owned), notes: Vec::new() });
    let shards = expanded(root);
    if shards == [root]
        && let Err(error) = root.metadata()
    {
        return Err(DatasetError::Folder { path: root.to_owned(), error });
    }
    if ends(&[".parquet"]) {
        return of(DatasetForm::Parquet(vec![root.to_owned()]));
    }
    if ends(&[".tar", ".tar.gz", ".tgz"]) {
        if cifar::is_archive(root) {
            return of(DatasetForm::CifarArchive(root.to_owned()));
        }
        return match wanted {
            Some(wanted) => Err(nothing_to_select(root, wanted)),
            None => of(DatasetForm::WebDataset(shards, Splits::default())),
        };
    }
    if ends(&[".gz"]) {
        return of(DatasetForm::CifarArchive(root.to_owned()));
    }
    of(DatasetForm::Manifest(root.to_owned()))
}

fn nothing_to_select(root: &Path, wanted: &str) -> DatasetError {
    DatasetError::Split { path: root.to_owned(), wanted: wanted.to_owned(), splits: vec!["none".to_owned()] }
}

fn folder(root: &Path, wanted: Option<&str>) -> Result<Recognised, DatasetError> {
    if let Some((folder, form)) = cifar::folder_of(root) {
        let selector = wanted.map(str::to_owned);
        return Ok(Recognised { form: DatasetForm::CifarFolder(folder, form), selector, notes: Vec::new() });
    }
    if let Some(problem) = known_but_not_read(root) {
        return Err(DatasetError::archive(root, problem));
    }
    let mut notes = Vec::new();
    // A form's name is a selector only where no split is called so.
    let is_form = |name: &&str| matches!(*name, "folders" | "list" | "tar" | "parquet");
    let wanted_form = wanted.filter(is_form).filter(|name| !root.join(name).is_dir());
    let wanted_split = wanted.filter(|_| wanted_form.is_none());

    let (tables, without) = tables_with_pictures(root);
    if !without.is_empty() {
        notes.push(format!("tables without pictures are left out: {}", listed(&without, 5)));
    }
    let found = match class_folders::find(root, wanted_split) {
        Ok(found) => found,
        // Parquet files have splits and configurations of their own.
        Err(DatasetError::Split { .. }) if !tables.is_empty() => ClassFolders::default(),
        Err(error) => return Err(error),
    };
    let mut forms = below(&found);
    if !tables.is_empty() {
        forms.push(DatasetForm::Parquet(tables));
    }
    if let Some(wanted) = wanted_form {
        forms.retain(|form| form.selector() == wanted);
        if forms.is_empty() {
            return Err(nothing_to_select(root, wanted));
        }
    }
    if forms.len() > 1 {
        let named =
            |form: &DatasetForm| format!("{} as {}#{}", form.words(), root.display(), form.selector());
        let forms = forms.iter().map(named).collect();
        return Err(DatasetError::SeveralForms { path: root.to_owned(), forms });
    }
    Ok(match forms.pop() {
        Some(DatasetForm::Parquet(tables)) => {
            let selector = wanted_split.map(str::to_owned);
            Recognised { form: DatasetForm::Parquet(tables), selector, notes }
        }
        form => {
            notes.extend(found.notes.iter().cloned());
            Recognised { form: form.unwrap_or(DatasetForm::Folders(found)), selector: None, notes }
        }
    })
}

/// What a folder of a form that is known and not read is, and what makes one of it that is.
fn known_but_not_read(root: &Path) -> Option<String> {
    let has = |name: &str| root.join(name).is_file();
    let is_arrow = |folder: &Path| !files_below(folder, &["arrow"], 1).is_empty();
    ((has("state.json") || has("dataset_dict.json")) && is_arrow(root)).then(|| {
        "it was written by save_to_disk of the datasets library, whose Arrow files are not read here; write Parquet with \
         Python: from datasets import load_from_disk; load_from_disk(PATH).to_parquet(\"test.parquet\") (of a dictionary, each \
         split by itself)"
            .to_owned()
    })
}

/// The datasets in the folder that was found.
fn below(found: &ClassFolders) -> Vec<DatasetForm> {
    let mut forms = Vec::new();
    let mut shards = files_below(&found.folder, &["tar", "tgz", "tar.gz"], 0);
    if !shards.is_empty() {
        sort_shards(&mut shards);
        forms.push(DatasetForm::WebDataset(shards, found.splits.clone()));
    }
    if let Some(list) = picture_list::of_folder(&found.folder) {
        forms.push(DatasetForm::List(list, found.splits.clone()));
    } else if found.has_classes {
        forms.push(DatasetForm::Folders(found.clone()));
    }
    forms
}

/// Parquet files with pictures, and the names of those without.
fn tables_with_pictures(root: &Path) -> (Vec<PathBuf>, Vec<String>) {
    let files = files_below(root, &["parquet"], 2);
    let (with, without): (Vec<PathBuf>, Vec<PathBuf>) =
        files.into_iter().partition(|file| parquet::may_have_pictures(file));
    let name = |file: PathBuf| file.strip_prefix(root).unwrap_or(&file).display().to_string();
    (with, without.into_iter().map(name).collect())
}

/// The files with one of these endings in a folder and `depth` levels of folders below it, sorted.
fn files_below(folder: &Path, endings: &[&str], depth: usize) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().to_lowercase();
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            if depth > 0 {
                files.extend(files_below(&path, endings, depth - 1));
            }
        } else if endings.iter().any(|ending| name.ends_with(&format!(".{ending}"))) {
            files.push(path);
        }
    }
    files.sort();
    files
}
