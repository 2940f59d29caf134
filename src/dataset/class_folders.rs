//! Which folders are classes, and which hold splits, other data, or nothing of the dataset at all.
//!
//! A folder is looked at no deeper than its own folders: one with pictures is a class; one with nothing but folders contains
//! something, and is a split by its name, a wrapper if it is the only one, or a class whose pictures lie deeper if all have
//! folders of the same names.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::error::DatasetError;
use super::folder::is_picture_file;
use super::{Splits, picture_list, split};
use crate::text::message::listed;

/// Folders that programs leave behind, in lower case.
const JUNK: [&str; 8] = [
    "__macosx",
    "@eadir",
    "#recycle",
    "lost+found",
    "$recycle.bin",
    "system volume information",
    "__pycache__",
    "node_modules",
];
/// Folders of pictures that nobody gave a class yet, in lower case and without leading `_`.
const UNLABELLED: [&str; 5] = ["unlabeled", "unlabelled", "no_label", "nolabel", "unsorted"];
/// Endings of files that describe a dataset and are no pictures of it, in lower case.
const DESCRIBING: [&str; 22] = [
    "txt", "md", "json", "jsonl", "csv", "tsv", "xml", "yaml", "yml", "toml", "html", "pdf", "mat", "pkl",
    "log", "db", "py", "sh", "ini", "names", "data", "lst",
];
/// Wrappers within one another that are opened at most.
const WRAPPERS: usize = 4;
/// Names in a note at most.
const NAMED: usize = 5;

/// The folder that the classes lie in, and what of it is none.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct ClassFolders {
    pub(super) folder: PathBuf,
    /// Folders in it that are no classes.
    pub(super) left_out: Vec<String>,
    /// At least one of the others has pictures, or folders that may have some.
    pub(super) has_classes: bool,
    pub(super) splits: Splits,
    pub(super) notes: Vec<String>,
}

/// What a folder has in it.
#[derive(Debug, Default)]
struct Seen {
    name: String,
    /// At least one picture directly in it.
    pictures: bool,
    /// Folders in it that are not junk; not all of them where there are pictures.
    folders: Vec<String>,
    /// Files in it that only describe something.
    describes: bool,
    /// Files of any other kind.
    others: bool,
    /// A file that says what pictures beside it are, a shard or a table.
    holds_dataset: bool,
}

impl Seen {
    fn is_container(&self) -> bool {
        !self.pictures && !self.folders.is_empty()
    }

    /// A folder of a split has class folders or another form of dataset in it; one with pictures alone may be a class of that
    /// name.
    fn is_split(&self) -> bool {
        split::is_split(&self.name.to_lowercase()) && (self.is_container() || self.holds_dataset)
    }
}

/// Whether a folder is one that programs leave behind.
pub(super) fn is_junk(name: &str) -> bool {
    JUNK.contains(&name.to_lowercase().as_str())
}

/// Finds the classes below `root`; `wanted` is a split.
///
/// # Errors
/// When the wanted split is not there, or the folders in `root` hold folders of classes of their own.
pub(super) fn find(root: &Path, wanted: Option<&str>) -> Result<ClassFolders, DatasetError> {
    let mut found = ClassFolders { folder: root.to_owned(), ..ClassFolders::default() };
    for _ in 0..=WRAPPERS {
        let seen = look_into(&found.folder, &mut found.notes);
        let splits: Vec<&str> =
            seen.iter().filter(|folder| folder.is_split()).map(|folder| folder.name.as_str()).collect();
        if found.splits.used.is_none() && (!splits.is_empty() || wanted.is_some() && !is_wrapper(&seen)) {
            let (splits, note) = split::choose(root, &splits, wanted)?;
            let beside: Vec<&str> =
                seen.iter().filter(|folder| !folder.is_split()).map(|folder| folder.name.as_str()).collect();
            if !beside.is_empty() {
                found.notes.push(format!("beside the splits, left out: {}", listed(&beside, NAMED)));
            }
            found.notes.extend(note);
            found.folder = found.folder.join(splits.used.as_deref().unwrap_or_default());
            found.splits = splits;
            continue;
        }
        if let Some(wrapper) = wrapper(&seen) {
            found
                .notes
                .push(format!("the classes lie in {wrapper:?}, the only folder with folders of pictures"));
            found.folder = found.folder.join(wrapper);
            continue;
        }
        check_nested(&found.folder, &seen)?;
        found.left_out = left_out(&seen, &mut found.notes);
        found.has_classes = seen.iter().any(|folder| {
            !found.left_out.contains(&folder.name) && (folder.pictures || folder.is_container())
        });
        break;
    }
    Ok(found)
}

/// The only folder that holds anything, if it holds folders alone.
fn wrapper(seen: &[Seen]) -> Option<&str> {
    let mut holding = seen.iter().filter(|folder| folder.pictures || folder.is_container() || folder.others);
    match (holding.next(), holding.next()) {
        (Some(only), None) if only.is_container() => Some(&only.name),
        _ => None,
    }
}

fn is_wrapper(seen: &[Seen]) -> bool {
    wrapper(seen).is_some()
}

/// Refuses folders that hold class folders of their own, of different names in each.
fn check_nested(folder: &Path, seen: &[Seen]) -> Result<(), DatasetError> {
    let containers: Vec<&Seen> = seen.iter().filter(|folder| folder.is_container()).collect();
    if containers.len() < 2 || seen.iter().any(|folder| folder.pictures) {
        return Ok(());
    }
    let names: Vec<&String> = containers.iter().flat_map(|folder| &folder.folders).collect();
    let distinct: BTreeSet<&String> = names.iter().copied().collect();
    if distinct.len() < names.len() {
        return Ok(());
    }
    Err(DatasetError::NestedFolders {
        path: folder.to_owned(),
        folders: containers.iter().map(|folder| folder.name.clone()).collect(),
        deeper: folder.join(&containers[0].name),
    })
}

/// Folders that are no classes, where others are.
fn left_out(seen: &[Seen], notes: &mut Vec<String>) -> Vec<String> {
    if !seen.iter().any(|folder| folder.pictures || folder.is_container()) {
        return Vec::new();
    }
    let is_unlabelled = |folder: &&Seen| {
        let name = folder.name.to_lowercase();
        UNLABELLED.contains(&name.trim_start_matches('_'))
    };
    let is_describing =
        |folder: &&Seen| folder.describes && !folder.others && !folder.pictures && folder.folders.is_empty();
    let names = |which: &dyn Fn(&&Seen) -> bool| -> Vec<String> {
        seen.iter().filter(|folder| which(folder)).map(|folder| folder.name.clone()).collect()
    };
    let (unlabelled, describing) = (names(&is_unlabelled), names(&is_describing));
    if !unlabelled.is_empty() {
        notes.push(format!("pictures without a class are left out: {}", listed(&unlabelled, NAMED)));
    }
    if !describing.is_empty() {
        notes.push(format!("folders without pictures are no classes: {}", listed(&describing, NAMED)));
    }
    [unlabelled, describing].concat()
}

/// The folders in a folder that are neither hidden nor junk, sorted bytewise; a note says which junk there is.
fn look_into(folder: &Path, notes: &mut Vec<String>) -> Vec<Seen> {
    let mut names = folders_in(folder);
    let junk: Vec<String> = names.extract_if(.., |name| is_junk(name)).collect();
    if !junk.is_empty() {
        notes.push(format!("folders that programs leave behind are left out: {}", listed(&junk, NAMED)));
    }
    let has_list = picture_list::is_in(folder);
    let look = |name: String| {
        let mut seen = look_at(&folder.join(&name), name);
        // A list above the pictures of a split.
        seen.holds_dataset |= has_list && seen.pictures;
        seen
    };
    names.into_iter().map(look).collect()
}

fn look_at(folder: &Path, name: String) -> Seen {
    let mut seen = Seen { name, ..Seen::default() };
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if name.starts_with('.') {
            continue;
        }
        let ending =
            path.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default();
        if path.is_dir() {
            if !is_junk(&name) {
                seen.folders.push(name);
            }
        } else if is_picture_file(&path) {
            seen.pictures = true;
        } else if matches!(ending.as_str(), "tar" | "tgz" | "parquet" | "arrow") || name.ends_with(".tar.gz")
        {
            seen.holds_dataset = true;
        } else if picture_list::is_list(&name) {
            (seen.holds_dataset, seen.describes) = (true, true);
        } else if DESCRIBING.contains(&ending.as_str()) {
            seen.describes = true;
        } else {
            seen.others = true;
        }
        // A folder of a split may have a list behind its pictures; of any other, one picture says enough.
        if seen.pictures && !split::is_split(&seen.name.to_lowercase()) {
            break;
        }
    }
    seen
}

/// Folders that are not hidden, sorted bytewise.
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

#[cfg(test)]
mod tests {
    use super::super::tests::tree;
    use super::*;

    /// Where the classes lie, what is left out, and the notes.
    fn found(names: &[&str], wanted: Option<&str>) -> Result<(String, Vec<String>, Vec<String>), String> {
        let root = tree(names);
        let found = find(root.path(), wanted)
            .map_err(|error| error.to_string().replace(&root.path().display().to_string(), "ROOT"))?;
        let folder = found.folder.strip_prefix(root.path()).unwrap().display().to_string();
        Ok((folder, found.left_out, found.notes))
    }

    #[test]
    fn splits_are_known_in_any_case_and_beside_other_folders() {
        for (names, folder) in [
            (&["test/a/1.png", "test/b/1.png", "train/a/1.png"][..], "test"),
            (&["Test/a/1.png", "Test/b/1.png", "Train/a/1.png"], "Test"),
            (&["TRAIN/a/1.png", "VAL/b/1.png", "meta/classes.txt"], "VAL"),
            (&["test/a/1.png", "train/a/1.png", "extra/b/1.png"], "test"),
            (&["x/imagenet/val/a/1.png", "x/imagenet/val/b/1.png"], "x/imagenet/val"),
            (&["data/images/a/1.png", "data/images/b/1.png", "data/meta/labels.txt"], "data/images"),
        ] {
            assert_eq!(found(names, None).unwrap().0, folder, "{names:?}");
        }
        let both = ["Test/a/1.png", "Train/a/1.png", "__MACOSX/Test/x"];
        assert_eq!(found(&both, Some("train")).unwrap().0, "Train");
        assert!(found(&both, Some("dev")).unwrap_err().contains("it has Test, Train"));
        let (_, _, notes) = found(&["test/a/1.png", "train/a/1.png", "extra/b/1.png"], None).unwrap();
        assert!(notes.iter().any(|note| note.contains("left out: \"extra\"")), "{notes:?}");
    }

    #[test]
    fn a_class_may_be_called_like_a_split() {
        let (folder, left_out, _) = found(&["car/1.png", "train/1.png", "bus/1.png"], None).unwrap();
        assert_eq!((folder.as_str(), left_out.len()), ("", 0));
    }

    #[test]
    fn junk_and_what_has_no_class_is_left_out_with_a_note() {
        let names =
            ["a/1.png", "b/1.png", "_unlabeled/1.png", "meta/classes.txt", "@eaDir/a/1.png", "lost+found/"];
        let (folder, left_out, notes) = found(&names, None).unwrap();
        assert_eq!((folder.as_str(), left_out), ("", vec!["_unlabeled".to_owned(), "meta".to_owned()]));
        for said in ["\"@eaDir\", \"lost+found\"", "without a class", "no classes: \"meta\""] {
            assert!(notes.iter().any(|note| note.contains(said)), "{said}: {notes:?}");
        }
        // An empty folder is a class without pictures, and one of pictures that cannot be read here too.
        let (_, left_out, _) = found(&["a/1.png", "b/", "c/1.heic"], None).unwrap();
        assert!(left_out.is_empty(), "{left_out:?}");
    }

    #[test]
    fn folders_of_folders_say_to_go_deeper() {
        let message =
            found(&["animals/cat/1.png", "animals/dog/1.png", "things/car/1.png"], None).unwrap_err();
        assert!(message.contains("ROOT/animals") && message.contains("\"animals\", \"things\""), "{message}");
        // Pictures of a class in folders of the same name.
        for names in [
            &["n01/images/1.png", "n02/images/1.png"][..],
            &["a/monday/1.png", "a/tuesday/1.png", "b/monday/1.png"],
            &["a/x/1.png", "b/1.png"],
        ] {
            assert_eq!(found(names, None).unwrap().0, "", "{names:?}");
        }
    }
}
