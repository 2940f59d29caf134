//! A CSV, TSV or JSONL file with a path and a label in each row, see `manifest_rows.rs`.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use super::classes::{classes, note_on_empty};
use super::error::DatasetError;
use super::labels::{Label, Labelled};
use super::manifest_rows::{Row, read};
use super::synsets;
use super::{Class, Dataset, DatasetImage, DatasetOptions, PictureSource, SkippedImage};

impl Dataset {
    /// Opens a manifest. Images keep the order of the rows. The classes are all labels, sorted bytewise unless the options
    /// give an order, which may name further classes: they have no pictures and are possible answers. With a list of class
    /// names, the labels may be names in it or their numbers from 0 on. A path that is not there is a skipped image.
    ///
    /// # Errors
    /// When the file cannot be read, a row lacks its path or label or repeats a path, there are fewer than two classes
    /// or no images, or the options do not fit.
    pub fn from_manifest(file: &Path, options: &DatasetOptions) -> Result<Dataset, DatasetError> {
        let root = options.root.as_deref().or(file.parent()).unwrap_or(Path::new(""));
        let rows = read(file, root)?;
        let (classes, labels, mut notes) = labelled(&rows, root, options)?;
        if let [class] = classes.as_slice() {
            return Err(DatasetError::OneClass { path: file.to_owned(), class: class.folder.clone() });
        }
        let (mut images, mut skipped) = (Vec::new(), Vec::new());
        for (Row { path, .. }, label) in rows.iter().zip(labels) {
            let on_disk = root.join(path);
            match on_disk.metadata() {
                Ok(kind) if kind.is_file() => images.push(DatasetImage {
                    name: path.clone(),
                    label,
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
        notes.extend(note_on_empty(&classes, &images));
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Dataset { classes, images, skipped, notes, ..Dataset::empty(name, "a manifest") })
    }
}

/// The classes, each row's place among them, and notes.
type LabelledRows = (Vec<Class>, Vec<usize>, Vec<String>);

fn labelled(rows: &[Row], root: &Path, options: &DatasetOptions) -> Result<LabelledRows, DatasetError> {
    if let Some(found) = in_list(rows, options)? {
        return Ok(found);
    }
    let mut folders: BTreeSet<&str> = rows.iter().map(|row| row.label.as_str()).collect();
    for wanted in options.class_order.iter().flatten() {
        if !folders.contains(wanted.as_str()) {
            folders
                .insert(options.class_names.as_ref().and_then(|map| map.folder_of(wanted)).unwrap_or(wanted));
        }
    }
    let folders: Vec<String> = folders.into_iter().map(str::to_owned).collect();
    let named = synsets::named(root, &folders, options)?;
    let (options, note) = named.as_ref().map_or((options, None), |(own, note)| (own, Some(note.clone())));
    let (classes, mut notes) = classes(&folders, options)?;
    notes.extend(note);
    let of_label: HashMap<&str, usize> =
        classes.iter().enumerate().map(|(index, class)| (class.folder.as_str(), index)).collect();
    let labels = rows.iter().map(|row| of_label[row.label.as_str()]).collect();
    Ok((classes, labels, notes))
}

/// The same where the options list the classes and every label is a name in the list, or every one a number in it.
fn in_list(rows: &[Row], options: &DatasetOptions) -> Result<Option<LabelledRows>, DatasetError> {
    let Some(list) = options.class_names.as_ref().and_then(|map| map.list()) else { return Ok(None) };
    let names: Vec<Label> = rows.iter().map(|row| Label::Name(row.label.clone())).collect();
    let numbers: Vec<Label> = rows.iter().map(|row| Label::parse(&row.label)).collect();
    let without = DatasetOptions { class_names: None, ..options.clone() };
    for labels in [names, numbers] {
        let Labelled { classes, labels, notes } = Labelled::new(&labels, Some(list.to_vec()), &without)?;
        if let Some(labels) = labels.into_iter().collect() {
            return Ok(Some((classes, labels, notes)));
        }
    }
    Ok(None)
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
        let cases: [(&[u8], &str); 8] = [
            (b"a/1.jpg,cat\n\na/2.jpg\n", "m.csv line 3: 1 columns; a row needs a path and a label"),
            (b"a/1.jpg,cat\n,dog\n", "m.csv line 2: a row needs a path and a label"),
            (b"a/1.jpg,cat\na/2.jpg, \n", "m.csv line 2: a row needs a path and a label"),
            (
                b"a/1.jpg,cat\na/2.jpg,dog\na/1.jpg,dog\n",
                "m.csv line 3: \"a/1.jpg\" is on line 1 already; keep one row",
            ),
            (
                b"path,kind\na/1.jpg,cat\n",
                "m.csv line 1: the header has no column `label`; these mean it too: class, class_name, category, cls, target",
            ),
            (
                b"where,label\na/1.jpg,cat\n",
                "m.csv line 1: the header has no column `path`; these mean it too: image, image_path, file_name, \
                 filename, filepath, file_path, file",
            ),
            (
                b"where,kind\na/1.jpg,cat\na/2.jpg,dog\n",
                "m.csv line 1: this looks like a header; call its columns `path` and `label`",
            ),
            (b"a/1.jpg,cat\na/2.jpg,h\xf8ne\n", "m.csv line 2: not UTF-8 text; save the file as UTF-8"),
        ];
        for (content, message) in cases {
            assert_eq!(open("m.csv", content).unwrap_err(), message);
        }
        let cases = [
            (
                "{\"path\": \"a/1.jpg\"}",
                "m.jsonl line 1: no key \"label\"; these mean it too: class, class_name, category, cls, target",
            ),
            (
                "{\"path\": \"a/1.jpg\", \"label\": [\"cat\"]}",
                "m.jsonl line 1: \"label\" holds a list; it should hold a text, or a label's whole number",
            ),
            ("\n{\"path\": \"\", \"label\": 1}", "m.jsonl line 2: a row needs a path and a label"),
        ];
        for (content, message) in cases {
            assert_eq!(open("m.jsonl", content).unwrap_err(), message);
        }
        let message = open("m.jsonl", "a/1.jpg,cat").unwrap_err();
        assert!(
            message.starts_with("m.jsonl line 1: not a JSON object (") && message.contains("cat/1.jpg"),
            "{message}"
        );
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
        assert!(message.contains("3 class names and the dataset 2 folders"), "{message}");
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
