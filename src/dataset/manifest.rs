//! A CSV or TSV file with a path and a label in each row.
//!
//! The first row may be a header that names the columns `path` and `label` among others; without one, the first two
//! columns are taken. Tabs separate when the file ends in `.tsv` or its first line has one.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use super::classes::classes;
use super::error::DatasetError;
use super::table::{Fields, rows};
use super::{Dataset, DatasetImage, DatasetOptions, PictureSource, SkippedImage};
use crate::text_file;

impl Dataset {
    /// Opens a manifest. Images keep the order of the rows; the classes are all labels, sorted bytewise unless the
    /// options give an order. A path that is not there is a skipped image.
    ///
    /// # Errors
    /// When the file cannot be read, a row lacks its path or label or repeats a path, there are fewer than two classes
    /// or no images, or the options do not fit.
    pub fn from_manifest(file: &Path, options: &DatasetOptions) -> Result<Dataset, DatasetError> {
        let root = options.root.as_deref().or(file.parent()).unwrap_or(Path::new(""));
        let rows = read(file)?;
        if looks_like_header(&rows, root) {
            let problem = "this looks like a header; call its columns `path` and `label`".to_owned();
            return Err(DatasetError::Row { path: file.to_owned(), line: rows[0].line, problem });
        }
        let labels: BTreeSet<&str> = rows.iter().map(|row| row.label.as_str()).collect();
        let folders: Vec<String> = labels.into_iter().map(str::to_owned).collect();
        if let [class] = folders.as_slice() {
            return Err(DatasetError::OneClass { path: file.to_owned(), class: class.clone() });
        }
        let (classes, mut notes) = classes(&folders, options)?;
        let of_label: HashMap<&str, usize> =
            classes.iter().enumerate().map(|(index, class)| (class.folder.as_str(), index)).collect();
        let (mut images, mut skipped) = (Vec::new(), Vec::new());
        for Row { path, label, .. } in &rows {
            let on_disk = root.join(path);
            match on_disk.metadata() {
                Ok(kind) if kind.is_file() => images.push(DatasetImage {
                    name: path.clone(),
                    label: of_label[label.as_str()],
                    source: PictureSource::File(on_disk),
                }),
                Ok(_) => skipped.push(SkippedImage { name: path.clone(), reason: "not a file".to_owned() }),
                Err(error) => {
                    skipped.push(SkippedImage {
                        name: path.clone(),
                        reason: format!("cannot be read: {error}"),
                    });
                }
            }
        }
        if images.is_empty() {
            return Err(DatasetError::NoImages { path: file.to_owned(), skipped: skipped.len(), ignored: 0 });
        }
        for (label, class) in classes.iter().enumerate() {
            if images.iter().all(|image| image.label != label) {
                notes.push(format!(
                    "the class {:?} has no pictures; it stays a possible answer",
                    class.folder
                ));
            }
        }
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Dataset { name, classes, images, skipped, ignored: Vec::new(), notes })
    }
}

struct Row {
    line: usize,
    path: String,
    label: String,
}

fn read(file: &Path) -> Result<Vec<Row>, DatasetError> {
    let text = text_file::read(file)?;
    let mut columns = None;
    let mut found: Vec<Row> = Vec::new();
    let mut lines: HashMap<String, usize> = HashMap::new();
    for Fields { line, fields } in rows(file, &text)? {
        let at = |problem: String| DatasetError::Row { path: file.to_owned(), line, problem };
        let (path, label) = match columns {
            Some(columns) => columns,
            None => {
                let header = header(&fields).map_err(at)?;
                columns = Some(header.unwrap_or((0, 1)));
                if header.is_some() {
                    continue;
                }
                (0, 1)
            }
        };
        let (Some(path), Some(label)) = (fields.get(path), fields.get(label)) else {
            return Err(at(format!("{} columns; a row needs a path and a label", fields.len())));
        };
        if path.is_empty() || label.is_empty() {
            return Err(at("a row needs a path and a label".to_owned()));
        }
        if let Some(first) = lines.insert(path.clone(), line) {
            return Err(at(format!("{path:?} is on line {first} already; keep one row")));
        }
        found.push(Row { line, path: path.clone(), label: label.clone() });
    }
    Ok(found)
}

/// Whether the first row is a header after all, with other names than `path` and `label`: a label that no other row has,
/// for a file that is not there and has no ending.
fn looks_like_header(rows: &[Row], root: &Path) -> bool {
    let [first, rest @ ..] = rows else { return false };
    !rest.is_empty()
        && rest.iter().all(|row| row.label != first.label)
        && Path::new(&first.path).extension().is_none()
        && !root.join(&first.path).exists()
}

/// The columns of path and label when a first row names them; nothing when it names neither.
fn header(fields: &[String]) -> Result<Option<(usize, usize)>, String> {
    let column = |name: &str| fields.iter().position(|field| field.eq_ignore_ascii_case(name));
    match (column("path"), column("label")) {
        (Some(path), Some(label)) => Ok(Some((path, label))),
        (None, None) => Ok(None),
        (Some(_), None) => Err("the header has no column `label`".to_owned()),
        (None, Some(_)) => Err("the header has no column `path`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with a manifest of this content beside the empty files `a/1.jpg`, `a/2.jpg` and `b 3.png`.
    fn open(name: &str, content: impl AsRef<[u8]>) -> Result<Dataset, String> {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("a")).unwrap();
        for image in ["a/1.jpg", "a/2.jpg", "b 3.png"] {
            std::fs::write(root.path().join(image), b"").unwrap();
        }
        let file = root.path().join(name);
        std::fs::write(&file, content).unwrap();
        Dataset::from_manifest(&file, &DatasetOptions::default())
            .map_err(|error| error.to_string().replace(&format!("{}/", root.path().display()), ""))
    }

    fn images(dataset: &Dataset) -> Vec<(&str, &str)> {
        let class = |image: &DatasetImage| dataset.classes[image.label].name.clone();
        dataset
            .images
            .iter()
            .map(|image| (image.name.as_str(), if class(image) == "cat" { "cat" } else { "dog" }))
            .collect()
    }

    #[test]
    fn all_forms_give_the_same_dataset() {
        for (name, content) in [
            ("m.csv", "b 3.png,dog\na/1.jpg,cat\na/2.jpg,dog\n"),
            ("m.csv", "path,label\nb 3.png,dog\na/1.jpg,cat\na/2.jpg,dog"),
            ("m.csv", "\u{feff}Label,size,PATH\r\ndog,1,b 3.png\r\n\r\ncat,2,a/1.jpg\r\ndog,3,a/2.jpg\r\n"),
            ("m.csv", "\"b 3.png\", dog\n\"a/1.jpg\",\"cat\"\na/2.jpg, dog\n"),
            ("m.tsv", "b 3.png\tdog\na/1.jpg\tcat\na/2.jpg\tdog\n"),
            ("m.txt", "path\tlabel\nb 3.png\tdog\na/1.jpg\tcat\na/2.jpg\tdog\n"),
        ] {
            let dataset = open(name, content).unwrap();
            assert_eq!(
                images(&dataset),
                [("b 3.png", "dog"), ("a/1.jpg", "cat"), ("a/2.jpg", "dog")],
                "{content:?}"
            );
            assert_eq!(dataset.class_names(), ["cat", "dog"]);
            assert_eq!(dataset.name, "m");
        }
    }

    #[test]
    fn a_path_that_is_not_there_is_skipped() {
        let dataset = open("m.csv", "a/1.jpg,cat\na/9.jpg,dog\na,dog\na/2.jpg,ox\n").unwrap();
        assert_eq!(dataset.images.len(), 2);
        assert_eq!(dataset.skipped[0].name, "a/9.jpg");
        assert!(dataset.skipped[0].reason.starts_with("cannot be read: "), "{:?}", dataset.skipped);
        assert_eq!(
            dataset.skipped[1],
            SkippedImage { name: "a".to_owned(), reason: "not a file".to_owned() }
        );
        assert_eq!(dataset.notes, ["the class \"dog\" has no pictures; it stays a possible answer"]);
    }

    #[test]
    fn paths_start_at_the_given_root() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("1.jpg"), b"").unwrap();
        let manifest = tempfile::tempdir().unwrap();
        let file = manifest.path().join("m.csv");
        std::fs::write(&file, format!("1.jpg,a\n{},b\n", root.path().join("2.jpg").display())).unwrap();
        std::fs::write(root.path().join("2.jpg"), b"").unwrap();
        let options = DatasetOptions { root: Some(root.path().to_owned()), ..DatasetOptions::default() };
        assert_eq!(Dataset::from_manifest(&file, &options).unwrap().images.len(), 2);
    }

    #[test]
    fn bad_rows_are_told_with_their_line() {
        let cases: [(&[u8], &str); 8] = [
            (b"a/1.jpg,cat\n\na/2.jpg\n", "m.csv line 3: 1 columns; a row needs a path and a label"),
            (b"a/1.jpg,cat\n,dog\n", "m.csv line 2: a row needs a path and a label"),
            (b"a/1.jpg,cat\na/2.jpg, \n", "m.csv line 2: a row needs a path and a label"),
            (
                b"a/1.jpg,cat\na/2.jpg,dog\na/1.jpg,dog\n",
                "m.csv line 3: \"a/1.jpg\" is on line 1 already; keep one row",
            ),
            (b"path,class\na/1.jpg,cat\n", "m.csv line 1: the header has no column `label`"),
            (b"file,label\na/1.jpg,cat\n", "m.csv line 1: the header has no column `path`"),
            (
                b"file,class\na/1.jpg,cat\na/2.jpg,dog\n",
                "m.csv line 1: this looks like a header; call its columns `path` and `label`",
            ),
            (b"a/1.jpg,cat\na/2.jpg,h\xf8ne\n", "m.csv line 2: not UTF-8 text; save the file as UTF-8"),
        ];
        for (content, message) in cases {
            assert_eq!(open("m.csv", content).unwrap_err(), message);
        }
    }

    #[test]
    fn what_cannot_be_a_dataset_says_why() {
        let end =
            "images end in jpg, png, webp, bmp, gif or tiff, and a manifest's paths start at its own folder";
        assert_eq!(
            open("m.csv", "").unwrap_err(),
            format!("m.csv has no images (0 skipped, 0 of other kinds); {end}")
        );
        assert_eq!(
            open("m.csv", "x.jpg,a\ny.jpg,b\n").unwrap_err(),
            format!("m.csv has no images (2 skipped, 0 of other kinds); {end}")
        );
        assert_eq!(
            open("m.csv", "a/1.jpg,a\na/2.jpg,a\n").unwrap_err(),
            "m.csv has the class \"a\" only; a classifier needs at least two"
        );
        assert!(Dataset::from_manifest(Path::new("/no/such/m.csv"), &DatasetOptions::default()).is_err());
    }
}
