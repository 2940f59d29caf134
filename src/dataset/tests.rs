//! What labels mean does not depend on the form that a dataset has.

use std::path::{Path, PathBuf};

use super::parquet::tests::write as write_parquet;
use super::webdataset::tests::tar_of;
use super::*;

/// A folder with empty files of these names; a name that ends in `/` is a folder.
pub(super) fn tree(names: &[&str]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for name in names {
        let path = root.path().join(name);
        if name.ends_with('/') {
            std::fs::create_dir_all(path).unwrap();
        } else {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, b"").unwrap();
        }
    }
    root
}

/// Writes images with these labels in every form, each into a folder of its own; returns what to open.
fn in_every_form(root: &Path, labels: &[&str]) -> Vec<PathBuf> {
    let folder = |name: &str| {
        let path = root.join(name);
        std::fs::create_dir_all(&path).unwrap();
        path
    };
    let image = |folder: &Path, at: usize| std::fs::write(folder.join(format!("{at}.png")), b"").unwrap();
    let mut paths = Vec::new();

    let folders = folder("folders");
    for (at, label) in labels.iter().enumerate() {
        let class = folders.join(label);
        std::fs::create_dir_all(&class).unwrap();
        image(&class, at);
    }
    paths.push(folders);

    let quoted = |label: &str| format!("\"{label}\"");
    type Line<'a> = (&'a str, &'a str, &'a dyn Fn(usize, &str) -> String);
    let lines: [Line<'_>; 6] = [
        ("m.csv", "path,label\n", &|at, label| format!("{at}.png,{label}\n")),
        ("semicolons.csv", "path;label;size\n", &|at, label| format!("{at}.png;{label};0,5\n")),
        ("m.tsv", "image\ttarget\n", &|at, label| format!("{at}.png\t\"{label}\"\n")),
        ("m.jsonl", "", &|at, label| {
            format!("{{\"file_name\": \"{at}.png\", \"class\": {}}}\n", quoted(label))
        }),
        ("list.json", "[", &|at, label| {
            format!(
                "{}{{\"img\": \"{at}.png\", \"label\": [{}]}}",
                if at > 0 { "," } else { "" },
                quoted(label)
            )
        }),
        ("map.json", "{", &|at, label| {
            format!("{}\"{at}.png\": {}", if at > 0 { "," } else { "" }, quoted(label))
        }),
    ];
    let manifests = folder("manifests");
    (0..labels.len()).for_each(|at| image(&manifests, at));
    for (name, start, line) in lines {
        let rows: String = labels.iter().enumerate().map(|(at, label)| line(at, label)).collect();
        let end = match start {
            "[" => "]",
            "{" => "}",
            _ => "",
        };
        let path = manifests.join(name);
        std::fs::write(&path, format!("{start}{rows}{end}")).unwrap();
        paths.push(path);
    }

    for (name, ending, json) in [("cls", "cls", false), ("json", "json", true), ("label", "label", false)] {
        let members: Vec<(String, Vec<u8>)> = labels
            .iter()
            .enumerate()
            .flat_map(|(at, label)| {
                let text =
                    if json { format!("{{\"label\": {}}}", quoted(label)) } else { (*label).to_owned() };
                [(format!("{at:03}.png"), vec![at as u8]), (format!("{at:03}.{ending}"), text.into_bytes())]
            })
            .collect();
        let members: Vec<(&str, &[u8])> =
            members.iter().map(|(name, content)| (name.as_str(), content.as_slice())).collect();
        let path = folder("shards").join(format!("{name}.tar"));
        tar_of(&path, &members);
        paths.push(path);
    }

    if let Ok(numbers) = labels.iter().map(|label| label.parse()).collect::<Result<Vec<i64>, _>>() {
        let path = folder("tables").join("numbers.parquet");
        let rows: Vec<(Option<&str>, Option<i64>)> =
            labels.iter().zip(numbers).map(|(label, number)| (Some(*label), Some(number))).collect();
        write_parquet(&path, None, &[&rows]);
        paths.push(path);
    }
    paths
}

/// The class names, and how many images each class has.
fn classes(path: &Path, options: &DatasetOptions) -> Result<Vec<(String, usize)>, String> {
    let dataset = Dataset::open(path, options).map_err(|error| error.to_string())?;
    assert!(dataset.skipped.is_empty(), "{}: {:?}", path.display(), dataset.skipped);
    let count = |class: usize| dataset.images.iter().filter(|image| image.label == class).count();
    Ok(dataset.class_names().into_iter().enumerate().map(|(class, name)| (name, count(class))).collect())
}

fn list(names: impl Iterator<Item = String>) -> DatasetOptions {
    DatasetOptions { class_names: Some(ClassNameMap::in_order(names.collect())), ..Default::default() }
}

#[test]
fn labels_mean_the_same_in_every_form() {
    let root = tempfile::tempdir().unwrap();
    // 0 to 11, one image each, the number 10 twice.
    let numbers: Vec<String> = (0..12).chain([10]).map(|number| number.to_string()).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let expected = |name: &dyn Fn(usize) -> String| -> Vec<(String, usize)> {
        (0..12).map(|number| (name(number), 1 + usize::from(number == 10))).collect()
    };
    for path in in_every_form(root.path(), &numbers) {
        let shown = path.display();
        let plain = classes(&path, &DatasetOptions::default());
        assert_eq!(plain, Ok(expected(&|number| number.to_string())), "{shown}");
        let named = classes(&path, &list((0..12).map(|number| format!("name {number}"))));
        assert_eq!(named, Ok(expected(&|number| format!("name {number}"))), "{shown}");
        let beyond = classes(&path, &list((0..11).map(|number| format!("name {number}")))).unwrap_err();
        assert!(beyond.contains("labels run from 0 to 11"), "{shown}: {beyond}");
        let pairs = (0..12).map(|number| (format!("{number}.0"), format!("n{number}"))).collect();
        let map = DatasetOptions { class_names: Some(ClassNameMap::from_pairs(pairs)), ..Default::default() };
        assert_eq!(classes(&path, &map), Ok(expected(&|number| format!("n{number}"))), "{shown}");
    }
}

#[test]
fn numbers_from_one_are_refused_or_said_in_every_form() {
    let root = tempfile::tempdir().unwrap();
    let names = || list(["a", "b", "c"].into_iter().map(str::to_owned));
    for path in in_every_form(root.path(), &["1", "2", "3"]) {
        let message = classes(&path, &names()).unwrap_err();
        assert!(message.contains("--first-label 1"), "{}: {message}", path.display());
        let from_one = DatasetOptions { first_label: Some(1), ..names() };
        let expected: Vec<(String, usize)> = ["a", "b", "c"].map(|name| (name.to_owned(), 1)).into();
        assert_eq!(classes(&path, &from_one), Ok(expected), "{}", path.display());
    }
}

#[test]
fn names_mean_the_same_in_every_form() {
    let root = tempfile::tempdir().unwrap();
    let expected =
        |names: [&str; 3]| -> Vec<(String, usize)> { names.map(|name| (name.to_owned(), 1)).into() };
    for path in in_every_form(root.path(), &["tree frog", "10", "cat"]) {
        let shown = path.display();
        assert_eq!(
            classes(&path, &DatasetOptions::default()),
            Ok(expected(["10", "cat", "tree frog"])),
            "{shown}"
        );
        let listed = ["tree frog", "cat", "10"];
        assert_eq!(
            classes(&path, &list(listed.into_iter().map(str::to_owned))),
            Ok(expected(listed)),
            "{shown}"
        );
    }
}

#[test]
fn a_selector_is_used_or_refused_in_every_form() {
    let root = tempfile::tempdir().unwrap();
    for path in in_every_form(root.path(), &["1", "0"]) {
        let selected = PathBuf::from(format!("{}#nonsense", path.display()));
        let message = classes(&selected, &DatasetOptions::default()).unwrap_err();
        assert!(
            message.contains("\"nonsense\"") && message.contains("none"),
            "{}: {message}",
            path.display()
        );
    }
    let manifest = root.path().join("manifests/split.csv");
    std::fs::write(&manifest, "path,label,split\n0.png,a,train\n1.png,b,train\n0.png,a,test\n").unwrap();
    let select = |split: &str| {
        classes(&PathBuf::from(format!("{}{split}", manifest.display())), &DatasetOptions::default())
    };
    assert_eq!(select("#train").unwrap().len(), 2);
    assert!(select("#dev").unwrap_err().contains("it has test, train"));
}

#[test]
fn known_forms_that_are_not_read_are_named_with_the_remedy() {
    for (files, said) in [
        (&["state.json", "dataset_info.json", "data-00000-of-00001.arrow"][..], "to_parquet"),
        (&["dataset_dict.json", "test/data-00000-of-00001.arrow"], "load_from_disk"),
    ] {
        let message = classes(tree(files).path(), &DatasetOptions::default()).unwrap_err();
        assert!(message.contains(said), "{files:?}: {message}");
    }
}
