//! ImageNet's folders are called by WordNet ids, as `n01440764`; files beside them say what these mean.
//!
//! | file | what it holds |
//! |---|---|
//! | `LOC_synset_mapping.txt`, `synset_words.txt`, `words.txt` | a line each: `n01440764 tench, Tinca tinca` |
//! | `imagenet_class_index.json` | `{"0": ["n01440764", "tench"]}` |
//!
//! Of several names the first one counts. The classes are in the order of their ids, as torchvision has them.

use std::collections::HashSet;
use std::path::Path;

use serde_json::Value;

use super::DatasetOptions;
use super::class_names::ClassNameMap;
use super::error::DatasetError;
use crate::text::message::listed;
use crate::text::text_file;

/// The files that are looked for, the best first.
const FILES: [&str; 4] =
    ["LOC_synset_mapping.txt", "synset_words.txt", "imagenet_class_index.json", "words.txt"];
/// How many folders above the class folders are searched.
const LEVELS: usize = 3;

/// Whether a name is a WordNet id: `n` and eight digits.
pub(super) fn is_id(name: &str) -> bool {
    name.strip_prefix('n').is_some_and(|rest| rest.len() == 8 && rest.bytes().all(|b| b.is_ascii_digit()))
}

/// Ids and first names, where every line that is not blank is an id and its names.
pub(super) fn of_lines(text: &str) -> Option<Vec<(String, String)>> {
    pairs_of(text_file::lines(text))
}

/// The same of lines.
pub(super) fn pairs_of(lines: impl Iterator<Item = impl AsRef<str>>) -> Option<Vec<(String, String)>> {
    let pair = |line: &str| {
        let (id, names) = line.split_once(char::is_whitespace)?;
        let name = names.split(',').next().map(str::trim).filter(|name| !name.is_empty())?;
        is_id(id).then(|| (id.to_owned(), name.to_owned()))
    };
    lines.map(|line| pair(line.as_ref())).collect::<Option<Vec<_>>>().filter(|pairs| !pairs.is_empty())
}

/// Whether the keys of a map are ids, each once.
pub(super) fn are_ids(pairs: &[(String, String)]) -> bool {
    let ids: HashSet<&str> = pairs.iter().map(|(id, _)| id.as_str()).collect();
    ids.len() == pairs.len() && ids.into_iter().all(is_id)
}

/// Ids and names, where every value of an object is a list of an id and a name.
pub(super) fn of_object(pairs: &[(String, Value)]) -> Option<Vec<(String, String)>> {
    let pair = |value: &Value| match value.as_array()?.as_slice() {
        [id, name] => {
            let (id, name) = (id.as_str()?, name.as_str()?.replace('_', " "));
            (is_id(id) && !name.trim().is_empty()).then(|| (id.to_owned(), name))
        }
        _ => None,
    };
    pairs.iter().map(|(_, value)| pair(value)).collect::<Option<Vec<_>>>().filter(|pairs| !pairs.is_empty())
}

/// Options with the class names of a file in `folder` or in the two folders above, where all classes are called by ids and
/// nobody gave names; and what to know about it.
///
/// # Errors
/// When such a file cannot be read.
pub(super) fn named(
    folder: &Path,
    classes: &[String],
    options: &DatasetOptions,
) -> Result<Option<(DatasetOptions, String)>, DatasetError> {
    if options.class_names.is_some() || classes.is_empty() || !classes.iter().all(|class| is_id(class)) {
        return Ok(None);
    }
    let whole = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let places = whole.ancestors().take(LEVELS).flat_map(|place| FILES.map(|name| place.join(name)));
    let Some(file) = places.into_iter().find(|file| file.is_file()) else {
        let note = format!(
            "the classes are called by WordNet ids ({}), which mean nothing to a model: give names with --class-names (or \
             class_names in an experiment), as {}",
            listed(classes, 2),
            FILES[..3].join(", ")
        );
        return Ok(Some((options.clone(), note)));
    };
    let map = ClassNameMap::read(&file)?.of_folders(classes);
    let note = format!("class names come from {}; --class-names gives other ones", file.display());
    Ok(Some((DatasetOptions { class_names: Some(map), ..options.clone() }, note)))
}

/// Whether a file is one of those that are looked for.
pub(super) fn is_names_file(name: &str) -> bool {
    FILES.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::super::Dataset;
    use super::*;

    const MAPPING: &str = "n01440764 tench, Tinca tinca\nn02012849 crane\nn03126707 crane\n\n";

    /// `imagenet/val` with folders of these names and a picture in each.
    fn imagenet(folders: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for folder in folders {
            let path = root.path().join("imagenet/val").join(folder);
            std::fs::create_dir_all(&path).unwrap();
            std::fs::write(path.join("1.JPEG"), b"").unwrap();
        }
        root
    }

    fn open(root: &tempfile::TempDir, options: &DatasetOptions) -> Dataset {
        Dataset::open(&root.path().join("imagenet"), options).unwrap()
    }

    #[test]
    fn ids_get_the_names_of_any_usual_file_in_the_order_of_the_ids() {
        for (name, content) in [
            ("LOC_synset_mapping.txt", MAPPING),
            ("imagenet/synset_words.txt", MAPPING),
            (
                "imagenet/val/imagenet_class_index.json",
                r#"{"2": ["n03126707", "crane"], "0": ["n01440764", "tench"], "1": ["n02012849", "crane"]}"#,
            ),
            ("imagenet/words.txt", "n01440764\ttench, Tinca tinca\nn02012849\tcrane\nn03126707\tcrane"),
        ] {
            let root = imagenet(&["n02012849", "n01440764"]);
            std::fs::write(root.path().join(name), content).unwrap();
            let dataset = open(&root, &DatasetOptions::default());
            assert_eq!(dataset.class_names(), ["tench", "crane"], "{name}");
            assert_eq!(dataset.classes[0].folder, "n01440764");
            let [note] = &dataset.notes[..] else { panic!("{:?}", dataset.notes) };
            assert!(note.contains(&format!("/{name};")), "{note}");
            assert!(dataset.ignored.is_empty(), "{:?}", dataset.ignored);
            let map = ClassNameMap::read(&root.path().join(name)).unwrap();
            let given = open(&root, &DatasetOptions { class_names: Some(map), ..Default::default() });
            assert_eq!(given.class_names(), ["tench", "crane"]);
        }
    }

    #[test]
    fn without_a_file_a_note_says_what_to_give() {
        let dataset = open(&imagenet(&["n02012849", "n01440764"]), &DatasetOptions::default());
        assert_eq!(dataset.class_names(), ["n01440764", "n02012849"]);
        let [note] = &dataset.notes[..] else { panic!("{:?}", dataset.notes) };
        assert!(note.contains("--class-names") && note.contains("LOC_synset_mapping.txt"), "{note}");
        let other = open(&imagenet(&["n0201284", "n01440764"]), &DatasetOptions::default());
        assert!(other.notes.is_empty(), "{:?}", other.notes);
    }

    #[test]
    fn classes_of_one_name_are_told_with_the_remedy() {
        let root = imagenet(&["n02012849", "n03126707"]);
        std::fs::write(root.path().join("imagenet/synset_words.txt"), MAPPING).unwrap();
        let dataset = open(&root, &DatasetOptions::default());
        assert_eq!(dataset.class_names(), ["crane", "crane"]);
        let shared = dataset.notes.iter().find(|note| note.contains("share the name")).unwrap();
        assert!(shared.contains("n03126707") && shared.contains("prompt_keys"), "{shared}");
    }
}
