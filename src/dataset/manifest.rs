//! A CSV, TSV or JSONL file with a path and a label in each row, see `manifest_rows.rs`.

use std::path::{Path, PathBuf};

use super::error::DatasetError;
use super::labels::LabelledImages;
use super::manifest_rows::{Row, Rows, read};
use super::{Dataset, DatasetImage, DatasetOptions, PictureSource, SkippedImage, split};

impl Dataset {
    /// Opens a manifest. Images keep the order of the rows. The classes are all labels; an order in the options may name
    /// further classes: they have no pictures and are possible answers. A path that is not there is a skipped image.
    ///
    /// # Errors
    /// When the file cannot be read, a row lacks its path or label or repeats a path, there are fewer than two classes
    /// or no images, or the options do not fit.
    pub fn from_manifest(file: &Path, options: &DatasetOptions) -> Result<Dataset, DatasetError> {
        Self::from_manifest_split(file, None, options)
    }

    /// The same of the rows of one split, where a column says which split a row belongs to.
    ///
    /// # Errors
    /// Those of [`Dataset::from_manifest`]; when the wanted split is not there.
    pub(super) fn from_manifest_split(
        file: &Path,
        wanted: Option<&str>,
        options: &DatasetOptions,
    ) -> Result<Dataset, DatasetError> {
        let root = options.root.as_deref().or(file.parent()).unwrap_or(Path::new(""));
        let found = read(file, root)?;
        let splits = found.splits();
        let splits: Vec<&str> = splits.iter().map(String::as_str).collect();
        let (splits, note) = split::choose(file, &splits, wanted)?;
        let Rows { mut rows, names, notes } = found;
        let without = rows.iter().filter(|row| row.split.as_deref().is_none_or(str::is_empty)).count();
        let mut notes = notes;
        if let Some(split) = &splits.used {
            rows.retain(|row| row.split.as_ref() == Some(split));
            if without > 0 {
                notes.push(format!("{without} rows belong to no split and are left out"));
            }
        }
        let mut found = LabelledImages {
            order_may_add: true,
            names_of_numbers: names,
            notes,
            ..LabelledImages::default()
        };
        for Row { path, label, .. } in rows {
            let reason = match PathInManifest::new(&path, root) {
                PathInManifest::OnDisk(on_disk) => {
                    found.images.push(DatasetImage {
                        name: path,
                        label: 0,
                        source: PictureSource::File(on_disk),
                    });
                    found.labels.push(label);
                    continue;
                }
                PathInManifest::Not(reason) => reason,
            };
            found.skipped.push(SkippedImage { name: path, reason });
            found.further.push(label);
        }
        let mut dataset = Self::from_labelled(file, root, found, options)?;
        dataset.splits = splits;
        dataset.notes.extend(note);
        Ok(dataset)
    }
}

/// Where a path of a manifest leads.
enum PathInManifest {
    OnDisk(PathBuf),
    /// Why to no picture.
    Not(String),
}

impl PathInManifest {
    fn new(path: &str, root: &Path) -> Self {
        let on_disk = root.join(path);
        let error = match on_disk.metadata() {
            Ok(kind) if kind.is_file() => return Self::OnDisk(on_disk),
            Ok(_) => return Self::Not("not a file".to_owned()),
            Err(error) => error,
        };
        let is_there = |path: &str| Some(root.join(path)).filter(|path| path.is_file());
        let of_url = path.strip_prefix("file://").map(|rest| rest.strip_prefix("localhost").unwrap_or(rest));
        if let Some(found) = of_url.and_then(is_there).or_else(|| is_there(&path.replace('\\', "/"))) {
            return Self::OnDisk(found);
        }
        let is_drive = |path: &str| path.as_bytes().get(1) == Some(&b':') && !path.starts_with('/');
        Self::Not(match path.split_once("://") {
            Some(("file", _)) => format!("cannot be read: {error}"),
            Some(_) => "it is an address on the network; download the pictures first, and give their paths"
                .to_owned(),
            None if is_drive(path) => {
                "it is a path of Windows; write paths from the manifest's own folder, with /".to_owned()
            }
            None => format!("cannot be read: {error}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::ClassNameMap;
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
            ("m.csv", "file_name,Class\nb 3.png,dog\na/1.jpg,cat\na/2.jpg,dog\n"),
            (
                "m.jsonl",
                "{\"path\": \"b 3.png\", \"label\": \"dog\"}\n\n{\"label\": \"cat\", \"path\": \"a/1.jpg\"}\n\
                 {\"path\": \"a/2.jpg\", \"label\": \"dog\", \"caption\": 7}\n",
            ),
            (
                "m.txt",
                "{\"image\": \"b 3.png\", \"class\": \"dog\"}\n{\"filepath\": \"a/1.jpg\", \"category\": \"cat\"}\n\
                 {\"file_name\": \"a/2.jpg\", \"class_name\": \"dog\"}",
            ),
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
        let cases: [(&[u8], &str); 10] = [
            (b"a/1.jpg,cat\n\na/2.jpg\n", "m.csv line 3: 1 columns; a row needs a path and a label"),
            (b"a/1.jpg,cat\n,dog\n", "m.csv line 2: a row needs a path and a label"),
            (
                b"a/1.jpg,cat\na/2.jpg,dog\n./a/1.jpg,dog\n",
                "m.csv line 3: \"./a/1.jpg\" is on line 1 already, with the label \"cat\" instead of \"dog\"; keep one row",
            ),
            (
                b"a/1.jpg,cat, wild\na/2.jpg,dog\n",
                "m.csv line 1: 3 columns instead of 2; put quotation marks around",
            ),
            (
                b"path,kind\na/1.jpg,cat\n",
                "m.csv line 1: the header has no column `label`; these mean it too: labels, ",
            ),
            (
                b"where,label\na/1.jpg,cat\n",
                "m.csv line 1: the header has no column `path`; these mean it too: image, ",
            ),
            (
                b"path,cat,dog\na/1.jpg,1,0\na/2.jpg,0,1\n",
                "m.csv line 1: a column of zeros and ones for each class (cat, dog); write one column",
            ),
            (
                b"where,kind\na/1.jpg,cat\na/2.jpg,dog\n",
                "m.csv line 1: this looks like a header; call its columns `path` and `label`",
            ),
            (b"path,label\n\"a/1.jpg,cat\na/2.jpg,dog\n", "m.csv line 2: a quotation mark is not closed"),
            (b"a/1.jpg,cat\na/2.jpg,h\xf8ne\n", "m.csv line 2: not UTF-8 text; save the file as UTF-8"),
        ];
        for (content, message) in cases {
            let error = open("m.csv", content).unwrap_err();
            assert!(error.starts_with(message), "{error}");
        }
        let cases = [
            ("{\"path\": \"a/1.jpg\"}", "m.jsonl line 1: no key \"label\"; these mean it too: labels, "),
            (
                "{\"path\": \"a/1.jpg\", \"label\": [\"cat\", \"dog\"]}",
                "m.jsonl line 1: it has 2 labels; several labels an image are not evaluated here",
            ),
            (
                "{\"path\": \"a/1.jpg\", \"label\": true}",
                "m.jsonl line 1: its label is true or false; a label is a number or a name",
            ),
            ("\n{\"path\": \"\", \"label\": 1}", "m.jsonl line 2: a row needs a path and a label"),
        ];
        for (content, message) in cases {
            let error = open("m.jsonl", content).unwrap_err();
            assert!(error.starts_with(message), "{error}");
        }
        let message = open("m.jsonl", "a/1.jpg,cat").unwrap_err();
        assert!(
            message.starts_with("m.jsonl line 1: not a JSON object (") && message.contains("cat/1.jpg"),
            "{message}"
        );
    }

    #[test]
    fn rows_of_other_programs_are_read_or_say_why_not() {
        let dataset = open("m.csv", "a/1.jpg,cat\na/1.jpg,cat\n./a/1.jpg,cat\na\\2.jpg,dog\n").unwrap();
        assert_eq!(images(&dataset), [("a/1.jpg", "cat"), ("a\\2.jpg", "dog")]);
        assert!(dataset.notes[0].contains("2 rows repeat a path"), "{:?}", dataset.notes);
        let rows =
            "path,label\na/1.jpg,cat\na/2.jpg,dog\nb 3.png,\nhttps://example.com/4.jpg,cat\nC:\\5.jpg,dog\n";
        let dataset = open("m.csv", rows).unwrap();
        assert_eq!(dataset.images.len(), 2);
        let reasons: Vec<&str> = dataset.skipped.iter().map(|image| image.reason.as_str()).collect();
        for (reason, said) in reasons.iter().zip(["on the network", "a path of Windows", "it has no label"]) {
            assert!(reason.contains(said), "{reasons:?}");
        }
        let dataset = open("m.csv", "cat,a/1.jpg\ndog,a/2.jpg\n").unwrap();
        assert_eq!(images(&dataset), [("a/1.jpg", "cat"), ("a/2.jpg", "dog")]);
        assert!(dataset.notes[0].contains("no header"), "{:?}", dataset.notes);
        let dataset = open("m.csv", "filename,class_id,class_name\na/1.jpg,6,cat\na/2.jpg,5,dog\n").unwrap();
        assert_eq!(dataset.class_names(), ["dog", "cat"]);
        assert_eq!(images(&dataset), [("a/1.jpg", "cat"), ("a/2.jpg", "dog")]);
        let message = open("m.csv", "filename,label,class_name\na/1.jpg,6,cat\na/2.jpg,6,dog\n").unwrap_err();
        assert!(message.contains("6 is called \"cat\" and \"dog\""), "{message}");
        // With a header of known names, the first row is none, whatever its path looks like.
        let message = open("m.csv", "image,label\nimg/0,cat\nimg/1,dog\n").unwrap_err();
        assert!(message.contains("img/0") && !message.contains("header"), "{message}");
        let nested = "{\"image\": {\"bytes\": null, \"path\": \"a/1.jpg\"}, \"label\": \"cat\"}\n\
                      {\"image\": {\"path\": \"a/2.jpg\"}, \"label\": \"dog\"}\n";
        assert_eq!(images(&open("m.jsonl", nested).unwrap()), [("a/1.jpg", "cat"), ("a/2.jpg", "dog")]);
    }

    /// The class names of the dataset of these rows, and each image's.
    fn named(content: &str, options: &DatasetOptions) -> Result<(Vec<String>, Vec<String>), String> {
        let root = tempfile::tempdir().unwrap();
        for image in ["1.jpg", "2.jpg"] {
            std::fs::write(root.path().join(image), b"").unwrap();
        }
        let file = root.path().join("m.csv");
        std::fs::write(&file, content).unwrap();
        let dataset = Dataset::from_manifest(&file, options).map_err(|error| error.to_string())?;
        let names = dataset.images.iter().map(|image| dataset.classes[image.label].name.clone()).collect();
        Ok((dataset.class_names(), names))
    }

    fn texts(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn one_picture_is_enough_where_the_order_names_the_other_classes() {
        let options = |map: Option<ClassNameMap>| DatasetOptions {
            class_order: Some(texts(&["tree frog", "tailed frog"])),
            class_names: map,
            ..DatasetOptions::default()
        };
        let expected = (texts(&["tree frog", "tailed frog"]), texts(&["tree frog"]));
        assert_eq!(named("1.jpg,tree frog\n", &options(None)), Ok(expected.clone()));
        for pairs in [vec![("tf", "tree frog")], vec![("tf", "tree frog"), ("tl", "tailed frog")]] {
            let pairs = pairs.into_iter().map(|(folder, name)| (folder.to_owned(), name.to_owned()));
            let map = ClassNameMap::from_pairs(pairs.collect());
            assert_eq!(named("1.jpg,tf\n", &options(Some(map))), Ok(expected.clone()));
        }
        let mistyped = named("1.jpg,tree forg\n", &options(None)).unwrap_err();
        assert!(mistyped.contains("it lacks \"tree forg\""), "{mistyped}");
    }

    #[test]
    fn labels_are_names_or_numbers_in_a_list() {
        let list = ClassNameMap::in_order(texts(&["toad", "cat", "frog"]));
        let options = DatasetOptions { class_names: Some(list), ..DatasetOptions::default() };
        let expected = (texts(&["toad", "cat", "frog"]), texts(&["frog", "toad"]));
        for content in ["1.jpg,2\n2.jpg,0\n", "1.jpg,frog\n2.jpg,toad\n"] {
            assert_eq!(named(content, &options), Ok(expected.clone()));
        }
        let message = named("1.jpg,2\n2.jpg,gnu\n", &options).unwrap_err();
        assert!(message.contains("3 class names and the dataset 2 folders or labels"), "{message}");
    }

    #[test]
    fn what_cannot_be_a_dataset_says_why() {
        let end = "images end in jpg, png, webp, bmp, gif, tiff or ppm, and a manifest's paths start at its own folder";
        assert_eq!(
            open("m.csv", "").unwrap_err(),
            format!("m.csv has no images (0 skipped, 0 of other kinds); {end}")
        );
        assert_eq!(
            open("m.csv", "x.jpg,a\ny.jpg,b\n").unwrap_err(),
            format!(
                "m.csv has no images (2 skipped, 0 of other kinds); {end}; x.jpg: cannot be read: No such file or \
                 directory (os error 2)"
            )
        );
        assert_eq!(
            open("m.csv", "a/1.jpg,a\na/2.jpg,a\n").unwrap_err(),
            "m.csv has the class \"a\" only; a classifier needs at least two"
        );
        assert!(Dataset::from_manifest(Path::new("/no/such/m.csv"), &DatasetOptions::default()).is_err());
    }
}
