//! Pictures in one folder, or in one below it, and a file beside them that says what they are.
//!
//! | file | what it holds |
//! |---|---|
//! | `metadata.csv`, `metadata.jsonl` | a manifest whose paths start there, as Hugging Face's image folders have it |
//! | `val_annotations.txt` | Tiny ImageNet's: name, synset and a box, between tabs; pictures in `images/` |
//! | `LOC_val_solution.csv` | ImageNet's on Kaggle: name without ending, and synset with boxes |
//! | `val_map.txt`, `val.txt`, `test.txt`, `labels.txt`, `annotations.txt` | name and label between blanks, as Caffe has it |
//! | `imagenet_2012_validation_synset_labels.txt` | a synset a line, for the pictures in the order of their names |

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::error::DatasetError;
use super::folder::{is_picture_file, list_pictures};
use super::label::Label;
use super::labels::LabelledImages;
use super::manifest_rows;
use super::{Dataset, DatasetImage, DatasetOptions, PictureSource, SkippedImage};
use crate::text::text_file;

/// Manifests of Hugging Face's image folders.
const METADATA: [&str; 3] = ["metadata.csv", "metadata.jsonl", "metadata.tsv"];
/// Lists of names and labels.
const LISTS: [&str; 7] = [
    "val_annotations.txt",
    "LOC_val_solution.csv",
    "val_map.txt",
    "val.txt",
    "test.txt",
    "labels.txt",
    "annotations.txt",
];
/// A list of labels alone.
const IN_ORDER: &str = "imagenet_2012_validation_synset_labels.txt";

/// A file that says what pictures are.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PictureList {
    /// The file.
    pub(super) file: PathBuf,
    /// Where the pictures lie.
    folder: PathBuf,
}

/// Whether a file may be one.
pub(super) fn is_list(name: &str) -> bool {
    METADATA.contains(&name) || LISTS.contains(&name) || name == IN_ORDER
}

/// Whether a folder has a list of names or labels for pictures that may lie in one below it.
pub(super) fn is_in(folder: &Path) -> bool {
    LISTS.iter().chain([&IN_ORDER]).any(|name| folder.join(name).is_file())
}

/// The list of the pictures in a folder: in it or, for pictures that lie there alone, in the folder above.
pub(super) fn of_folder(folder: &Path) -> Option<PictureList> {
    let metadata = METADATA.map(|name| folder.join(name)).into_iter().find(|file| file.is_file());
    if let Some(file) = metadata.filter(|file| has_labels(file)) {
        return Some(PictureList { file, folder: folder.to_owned() });
    }
    let pictures =
        [folder.to_owned(), folder.join("images")].into_iter().find(|folder| holds_pictures(folder))?;
    let places = [Some(folder), folder.parent()].into_iter().flatten();
    let names = LISTS.iter().chain([&IN_ORDER]);
    let file =
        places.flat_map(|place| names.clone().map(|name| place.join(name))).find(|file| file.is_file())?;
    Some(PictureList { file, folder: pictures })
}

/// Captions alone are no labels.
fn has_labels(metadata: &Path) -> bool {
    let folder = metadata.parent().unwrap_or(Path::new(""));
    manifest_rows::read(metadata, folder).is_ok_and(|rows| !rows.rows.is_empty())
}

/// Whether pictures lie directly in a folder.
fn holds_pictures(folder: &Path) -> bool {
    let mut entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .any(|entry| is_picture_file(&entry.path()) && !entry.file_name().to_string_lossy().starts_with('.'))
}

impl Dataset {
    /// Opens pictures with the list that says what they are.
    ///
    /// # Errors
    /// When the list cannot be read or does not fit the pictures, or the options do not fit.
    pub(super) fn from_list(list: &PictureList, options: &DatasetOptions) -> Result<Dataset, DatasetError> {
        let name = list.file.file_name().unwrap_or_default().to_string_lossy();
        if METADATA.contains(&&*name) {
            let options = DatasetOptions { root: Some(list.folder.clone()), ..options.clone() };
            return Self::from_manifest(&list.file, &options);
        }
        let pictures = list_pictures(&list.folder)?;
        let labels = match &*name {
            IN_ORDER => in_order(&list.file, &pictures)?,
            _ => by_name(&list.file)?,
        };
        let mut found = LabelledImages::default();
        let mut listed: HashMap<String, Label> = labels;
        for (name, path) in pictures {
            let stem = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem).to_owned();
            match listed.remove(&name).or_else(|| listed.remove(&stem)) {
                Some(label) => {
                    found.images.push(DatasetImage { name, label: 0, source: PictureSource::File(path) });
                    found.labels.push(label);
                }
                None => {
                    let reason = format!("{} does not list it", list.file.display());
                    found.skipped.push(SkippedImage { name, reason });
                }
            }
        }
        let mut absent: Vec<(String, Label)> = listed.into_iter().collect();
        absent.sort_by(|a, b| a.0.cmp(&b.0));
        for (name, label) in absent {
            let reason = format!("{} lists it, and it is not there", list.file.display());
            found.skipped.push(SkippedImage { name, reason });
            found.further.push(label);
        }
        found.notes.push(format!("labels come from {}", list.file.display()));
        Self::from_labelled(&list.folder, &list.folder, found, options)
    }
}

/// The labels by the pictures' names, with or without their endings.
fn by_name(file: &Path) -> Result<HashMap<String, Label>, DatasetError> {
    let text = text_file::read(file)?;
    let mut labels: HashMap<String, Label> = HashMap::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let at = |problem: String| DatasetError::Row { path: file.to_owned(), line: number + 1, problem };
        let separators: &[char] = if line.contains('\t') { &['\t'] } else { &[' ', ','] };
        let mut fields = line.trim().split(separators).map(str::trim).filter(|field| !field.is_empty());
        let (Some(name), Some(label)) = (fields.next(), fields.next()) else {
            return Err(at("a line is the name of a picture and its label".to_owned()));
        };
        if number == 0 && name.eq_ignore_ascii_case("ImageId") {
            continue;
        }
        let name = name.rsplit('/').next().unwrap_or(name).to_owned();
        let label = Label::text(label);
        if labels.get(&name).is_some_and(|other| *other != label) {
            return Err(at(format!("{name:?} is there already, with another label; keep one line")));
        }
        labels.insert(name, label);
    }
    Ok(labels)
}

/// The labels of pictures in the order of their names.
fn in_order(file: &Path, pictures: &[(String, PathBuf)]) -> Result<HashMap<String, Label>, DatasetError> {
    let labels: Vec<String> = text_file::lines(&text_file::read(file)?).collect();
    if labels.len() != pictures.len() {
        return Err(DatasetError::archive(
            file,
            format!(
                "it has {} labels, and there are {} pictures, so that nobody can tell which is whose; get what is missing, \
                 or write a manifest",
                labels.len(),
                pictures.len()
            ),
        ));
    }
    Ok(pictures.iter().zip(labels).map(|((name, _), label)| (name.clone(), Label::text(&label))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        root
    }

    fn labelled(root: &tempfile::TempDir) -> Vec<(String, String)> {
        let dataset = Dataset::open(root.path(), &DatasetOptions::default()).unwrap();
        let class = |image: &DatasetImage| dataset.classes[image.label].folder.clone();
        let mut all: Vec<(String, String)> =
            dataset.images.iter().map(|image| (image.name.clone(), class(image))).collect();
        all.sort();
        all
    }

    fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
        all.iter().map(|(name, class)| ((*name).to_owned(), (*class).to_owned())).collect()
    }

    #[test]
    fn flat_pictures_get_their_labels_from_every_usual_list() {
        let (one, two) = ("n01440764", "n01443537");
        for (list, content) in [
            ("val/val_annotations.txt", format!("1.jpg\t{one}\t0\t0\t9\t9\n2.jpg\t{two}\t0\t0\t9\t9\n")),
            (
                "LOC_val_solution.csv",
                format!("ImageId,PredictionString\n1,{one} 1 2 3 4 {one} 5 6 7 8\n2,{two} 1 2 3 4\n"),
            ),
            ("val_map.txt", format!("1.jpg {one}\nval/2.jpg {two}\n")),
            ("val/val.txt", format!("val/1.jpg {one}\nval/2.jpg {two}\n")),
            ("val/metadata.csv", format!("file_name,label\n1.jpg,{one}\n2.jpg,{two}\n")),
            (
                "val/metadata.jsonl",
                format!(
                    "{{\"file_name\": \"1.jpg\", \"label\": \"{one}\"}}\n{{\"file_name\": \"2.jpg\", \"label\": \"{two}\"}}\n"
                ),
            ),
            ("imagenet_2012_validation_synset_labels.txt", format!("{one}\n{two}\n")),
        ] {
            let root = tree(&[("val/1.jpg", ""), ("val/2.jpg", ""), (list, &content), ("x/notes.txt", "")]);
            let wanted = PathBuf::from(format!("{}#val", root.path().display()));
            assert_eq!(labelled(&root), pairs(&[("1.jpg", one), ("2.jpg", two)]), "{list}");
            let dataset = Dataset::open(&wanted, &DatasetOptions::default());
            assert_eq!(
                dataset.map(|dataset| dataset.images.len()).map_err(|error| error.to_string()),
                Ok(2),
                "{list}"
            );
        }
    }

    #[test]
    fn what_only_one_side_has_is_told() {
        let root = tree(&[
            ("test/images/1.png", ""),
            ("test/images/2.png", ""),
            ("test/images/3.png", ""),
            ("test/val_annotations.txt", "1.png\ta\t0\n2.png\tb\t0\n9.png\ta\t0\n"),
        ]);
        let dataset = Dataset::open(root.path(), &DatasetOptions::default()).unwrap();
        let skipped: Vec<(&str, bool)> = dataset
            .skipped
            .iter()
            .map(|image| (image.name.as_str(), image.reason.contains("does not list it")))
            .collect();
        assert_eq!((dataset.images.len(), skipped), (2, vec![("3.png", true), ("9.png", false)]));
    }

    #[test]
    fn labels_in_order_need_all_pictures() {
        let list = "imagenet_2012_validation_synset_labels.txt";
        let root = tree(&[("val/1.jpg", ""), ("val/2.jpg", ""), (&format!("val/{list}"), "a\nb\nc\n")]);
        let message = Dataset::open(root.path(), &DatasetOptions::default()).unwrap_err().to_string();
        assert!(message.contains("3 labels") && message.contains("2 pictures"), "{message}");
    }
}
