//! Which form a dataset has, by looking at its path, and opening it.

use std::path::{Path, PathBuf};

use super::cifar;
use super::error::DatasetError;
use super::split;
use super::webdataset::{expanded, sort_shards};
use super::{Dataset, DatasetOptions, Splits};
use crate::text_file;

/// The forms that are known.
enum DatasetForm {
    /// A folder per class.
    Folders(PathBuf),
    /// A CSV, TSV or JSONL file of paths and labels.
    Manifest(PathBuf),
    /// Tar files, in this order.
    WebDataset(Vec<PathBuf>),
    /// Parquet files.
    Parquet(Vec<PathBuf>),
    /// The folder of CIFAR-10 or CIFAR-100.
    CifarFolder(PathBuf, cifar::Kind),
    /// The archive of one of them.
    CifarArchive(PathBuf),
}

/// A form and the split that is meant.
struct Recognised {
    form: DatasetForm,
    /// What [`Dataset::open`] has still to choose by.
    split: Option<String>,
    /// Which split was chosen already, and what to know about that.
    chosen: Splits,
    note: Option<String>,
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
            Self::WebDataset(shards) => format!("WebDataset, {}", files(shards.len(), "tar shard")),
            Self::Parquet(tables) => format!("Parquet, {}", files(tables.len(), "file")),
            Self::CifarFolder(..) => "CIFAR's binary version".to_owned(),
            Self::CifarArchive(_) => "CIFAR's binary version in its archive".to_owned(),
        }
    }
}

impl Dataset {
    /// Opens a dataset in whatever form it has. `path` may end in `#` and the name of a split; without it the one for
    /// testing is taken.
    ///
    /// # Errors
    /// What is wrong with it as a whole.
    pub fn open(path: &Path, options: &DatasetOptions) -> Result<Dataset, DatasetError> {
        let Recognised { form, split, chosen, note } = recognise(path)?;
        let split = split.as_deref();
        let (root, _) = text_file::split_key(path);
        let mut dataset = match &form {
            DatasetForm::Folders(folder) => Self::from_folder(folder, options),
            DatasetForm::Manifest(file) => Self::from_manifest(file, options),
            DatasetForm::WebDataset(shards) => Self::from_webdataset(shards, options),
            DatasetForm::Parquet(files) => Self::from_parquet(&root, files, split, options),
            DatasetForm::CifarFolder(folder, kind) => Self::from_cifar_folder(folder, *kind, split, options),
            DatasetForm::CifarArchive(file) => Self::from_cifar_archive(file, split, options),
        }?;
        if matches!(form, DatasetForm::WebDataset(_) | DatasetForm::Parquet(_))
            && let Some(name) = root.file_stem()
        {
            dataset.name = name.to_string_lossy().into_owned();
        }
        dataset.form = form.words();
        if chosen.used.is_some() {
            dataset.splits = chosen;
        }
        dataset.notes.extend(note);
        Ok(dataset)
    }
}

fn recognise(path: &Path) -> Result<Recognised, DatasetError> {
    let (root, wanted) = text_file::split_key(path);
    let of =
        |form: DatasetForm| Recognised { form, split: wanted.clone(), chosen: Splits::default(), note: None };
    if root.is_dir() {
        return folder(&root, wanted.as_deref());
    }
    let ending = root.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default();
    let shards = expanded(&root);
    Ok(of(match ending.as_str() {
        "tar" if cifar::is_archive(&root) => DatasetForm::CifarArchive(root),
        "tar" => DatasetForm::WebDataset(shards),
        "parquet" => DatasetForm::Parquet(vec![root]),
        "gz" | "tgz" => DatasetForm::CifarArchive(root),
        _ if !root.exists() => DatasetForm::Folders(root),
        _ => DatasetForm::Manifest(root),
    }))
}

fn folder(root: &Path, wanted: Option<&str>) -> Result<Recognised, DatasetError> {
    let split = wanted.map(str::to_owned);
    let whole = |form, split| Recognised { form, split, chosen: Splits::default(), note: None };
    if let Some((folder, kind)) = cifar::folder_of(root) {
        return Ok(whole(DatasetForm::CifarFolder(folder, kind), split));
    }
    let tables = files_below(root, "parquet", 2);
    if !tables.is_empty() {
        return Ok(whole(DatasetForm::Parquet(tables), split));
    }
    let mut shards = files_below(root, "tar", 0);
    if !shards.is_empty() && wanted.is_none() {
        sort_shards(&mut shards);
        return Ok(whole(DatasetForm::WebDataset(shards), None));
    }
    let folders = folders_in(root);
    let splits: Vec<&str> = folders.iter().map(String::as_str).collect();
    // Folders of splits have no class among them.
    let is_split = !splits.is_empty() && splits.iter().all(|name| split::is_split(name));
    let (chosen, note) = match (is_split, wanted) {
        (false, None) => (Splits::default(), None),
        _ => split::choose(root, if is_split { &splits } else { &[] }, wanted)?,
    };
    let folder = chosen.used.as_deref().map_or_else(|| root.to_owned(), |name| root.join(name));
    let mut shards = files_below(&folder, "tar", 0);
    sort_shards(&mut shards);
    let form = if shards.is_empty() { DatasetForm::Folders(folder) } else { DatasetForm::WebDataset(shards) };
    Ok(Recognised { form, split: None, chosen, note })
}

/// The files with an ending in a folder and `depth` levels of folders below it, sorted.
fn files_below(folder: &Path, ending: &str, depth: usize) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        if path.is_dir() {
            if depth > 0 {
                files.extend(files_below(&path, ending, depth - 1));
            }
        } else if path.extension().is_some_and(|own| own.eq_ignore_ascii_case(ending)) {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn folders_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    names
}
