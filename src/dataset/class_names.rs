//! A map from folder names to class names.
//!
//! | file | what it holds |
//! |---|---|
//! | JSON object | `{"folder": "class name"}` |
//! | CSV or TSV | two columns, folder and class name, without a header |
//! | ImageNet's lists of synsets | see `synsets.rs` |
//! | JSON list, or `file.json#key` of an object of lists | class names in the order of the folders or labels (CLIP_benchmark's form) |
//! | text, as `classnames.txt` | the same, a line each |

use std::collections::{HashMap, HashSet};
use std::path::Path;

use serde_json::Value;

use super::error::DatasetError;
use super::label::whole_number;
use super::synsets;
use super::table::{Fields, rows};
use crate::text::message::listed;
use crate::text::text_file::{self, Json};

/// Class names for folder names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassNameMap {
    pub(super) names: Names,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Names {
    /// Folder or label, and class name.
    ByFolder(Vec<(String, String)>),
    /// A list of class names.
    InOrder(Vec<String>),
}

impl ClassNameMap {
    /// Reads one of the forms in the table above: JSON by its ending, everything else as columns.
    ///
    /// # Errors
    /// When the file cannot be read, does not have one of these forms, or names a folder twice.
    pub fn read(path: &Path) -> Result<ClassNameMap, DatasetError> {
        let (file, key) = text_file::split_key(path);
        let text = text_file::read(&file)?;
        if !file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json")) {
            if let Some(key) = key {
                let problem = format!(
                    "there is nothing to select in it, and {key:?} is to be selected; leave out #{key}"
                );
                return Err(DatasetError::ClassNames { path: file, problem });
            }
            let names = match synsets::of_lines(&text) {
                Some(pairs) => Names::ByFolder(pairs),
                None if !text.trim().is_empty() && is_one_column(&file, &text) => {
                    Names::InOrder(a_line_each(&file)?)
                }
                None => Names::ByFolder(columns(&file, &text)?),
            };
            return Ok(ClassNameMap { names });
        }
        let names = names_of(Json::parse(&text, file.display())?, key.as_deref());
        let names = names.map_err(|problem| DatasetError::ClassNames { path: file, problem })?;
        Ok(ClassNameMap { names })
    }

    /// The map of an experiment file, as pairs of folder name and class name. Of two pairs for one folder the first
    /// counts.
    #[must_use]
    pub fn from_pairs(pairs: Vec<(String, String)>) -> ClassNameMap {
        ClassNameMap { names: Names::ByFolder(pairs) }
    }

    /// Class names for folders in order.
    #[must_use]
    pub fn in_order(names: Vec<String>) -> ClassNameMap {
        ClassNameMap { names: Names::InOrder(names) }
    }

    /// Its pairs, where it has folder names; none for names in order.
    #[must_use]
    pub fn pairs(self) -> Vec<(String, String)> {
        match self.names {
            Names::ByFolder(pairs) => pairs,
            Names::InOrder(_) => Vec::new(),
        }
    }

    /// The same without what other folders are called.
    pub(super) fn of_folders(mut self, folders: &[String]) -> Self {
        if let Names::ByFolder(pairs) = &mut self.names {
            let wanted: HashSet<&str> = folders.iter().map(String::as_str).collect();
            pairs.retain(|(folder, _)| wanted.contains(folder.as_str()));
        }
        self
    }

    /// The first folder that gets this class name.
    pub(super) fn folder_of(&self, class_name: &str) -> Option<&str> {
        let Names::ByFolder(pairs) = &self.names else { return None };
        pairs.iter().find(|(_, name)| name == class_name).map(|(folder, _)| folder.as_str())
    }

    /// The class names of folders or labels, and notes on those that only one side has. A folder that the map does not name
    /// keeps its own; names in order name nothing here. Where labels are numbers they are looked up by value.
    pub(super) fn names_of(&self, folders: &[String], are_numbers: bool) -> (Vec<String>, Vec<String>) {
        let Names::ByFolder(pairs) = &self.names else { return (folders.to_vec(), Vec::new()) };
        let key = |text: &str| match whole_number(text).filter(|_| are_numbers) {
            Some(number) => number.to_string(),
            None => text.to_owned(),
        };
        let mut names: HashMap<String, &str> = HashMap::new();
        for (folder, name) in pairs {
            names.entry(key(folder)).or_insert(name);
        }
        let there: HashSet<String> = folders.iter().map(|folder| key(folder)).collect();
        let unnamed: Vec<&String> =
            folders.iter().filter(|folder| !names.contains_key(&key(folder))).collect();
        let absent: Vec<&String> =
            pairs.iter().map(|(folder, _)| folder).filter(|folder| !there.contains(&key(folder))).collect();
        let mut notes = Vec::new();
        if !unnamed.is_empty() {
            notes.push(format!(
                "the class-name map does not name, so these keep their own name: {}",
                listed(&unnamed, 10)
            ));
        }
        if !absent.is_empty() {
            notes.push(format!(
                "the class-name map names classes that are not there: {}",
                listed(&absent, 10)
            ));
        }
        let name =
            |folder: &String| names.get(&key(folder)).map_or_else(|| folder.clone(), |n| (*n).to_owned());
        (folders.iter().map(name).collect(), notes)
    }
}

/// A class name a line. A blank line within is an error: it counts for some readers and not for others.
pub(super) fn a_line_each(file: &Path) -> Result<Vec<String>, DatasetError> {
    let text = text_file::read(file)?;
    let names: Vec<&str> = text.trim_end().lines().map(str::trim).collect();
    match names.iter().position(|name| name.is_empty()) {
        Some(line) => Err(DatasetError::Row {
            path: file.to_owned(),
            line: line + 1,
            problem: "a blank line, which CLIP_benchmark counts as a class and others skip; remove it, or write the class name"
                .to_owned(),
        }),
        None => Ok(names.into_iter().map(str::to_owned).collect()),
    }
}

fn names_of(json: Json, key: Option<&str>) -> Result<Names, String> {
    match (json, key) {
        (Json::List(values), None) => in_order(&values),
        (Json::List(_), Some(key)) => Err(format!("there is no key {key:?}; the file is a list")),
        (Json::Object(pairs), None) => match synsets::of_object(&pairs) {
            Some(pairs) => Ok(Names::ByFolder(pairs)),
            None => pairs
                .iter()
                .map(|(folder, value)| Ok((folder.clone(), text(value, folder)?)))
                .collect::<Result<_, _>>()
                .map(Names::ByFolder),
        },
        (Json::Object(pairs), Some(key)) => match pairs.iter().find(|(name, _)| name == key) {
            Some((_, Value::Array(values))) => in_order(values),
            Some((_, value)) => {
                Err(format!("{key:?} holds {}; it should hold a list of class names", text_file::kind(value)))
            }
            None => {
                let keys: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
                Err(format!("there is no key {key:?}; there are {}", listed(&keys, 10)))
            }
        },
    }
}

fn in_order(values: &[Value]) -> Result<Names, String> {
    let name = |(i, value)| text(value, &format!("entry {}", i + 1));
    values.iter().enumerate().map(name).collect::<Result<_, _>>().map(Names::InOrder)
}

fn text(value: &Value, place: &str) -> Result<String, String> {
    match value {
        Value::String(name) if !name.trim().is_empty() => Ok(name.clone()),
        Value::String(_) => Err(format!("{place:?} has a blank class name")),
        Value::Array(_) => Err(format!(
            "{place:?} holds a list; a class-name map holds one name per folder (for a list in an object, name its key: \
             file.json#{place})"
        )),
        other => Err(format!("{place:?} holds {}; it should hold a class name", text_file::kind(other))),
    }
}

/// Whether a text is a list of names: without tabs and, if it does not say that it is CSV, whatever commas names have.
fn is_one_column(path: &Path, text: &str) -> bool {
    let is_table = path
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("csv") || ending.eq_ignore_ascii_case("tsv"));
    !text.contains('\t') && (!is_table || !text.contains([',', ';'])) && !every_line_is_a_pair(text)
}

fn every_line_is_a_pair(text: &str) -> bool {
    text_file::lines(text).all(|line| line.matches(',').count() == 1)
}

fn columns(path: &Path, text: &str) -> Result<Vec<(String, String)>, DatasetError> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for Fields { line, fields } in rows(path, text)? {
        let problem = match fields.as_slice() {
            [folder, _] if pairs.iter().any(|(known, _)| known == folder) => {
                format!("the folder {folder:?} is there twice; keep one")
            }
            [folder, name] if !folder.is_empty() && !name.is_empty() => {
                pairs.push((folder.clone(), name.clone()));
                continue;
            }
            [_, _] => "a blank name; a row is a folder name and a class name".to_owned(),
            other => format!("{} columns; a row is a folder name and a class name", other.len()),
        };
        return Err(DatasetError::Row { path: path.to_owned(), line, problem });
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, content: &str) -> Result<ClassNameMap, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(folder.path().join(text_file::split_key(&path).0), content).unwrap();
        ClassNameMap::read(&path)
            .map_err(|error| error.to_string().replace(&format!("{}/", folder.path().display()), ""))
    }

    fn folders(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn json_csv_and_tsv_say_the_same() {
        let pairs = [("Faces", "off-center face"), ("car_side", "side of a car, seen")];
        let expected = ClassNameMap::from_pairs(pairs.map(|(a, b)| (a.to_owned(), b.to_owned())).to_vec());
        for (name, content) in [
            (
                "map.json",
                "\u{feff}{\"Faces\": \"off-center face\",\r\n \"car_side\": \"side of a car, seen\"}",
            ),
            ("map.csv", "Faces,off-center face\ncar_side,\"side of a car, seen\"\n"),
            ("map.csv", "\u{feff}Faces, off-center face\r\n\r\n car_side ,\"side of a car, seen\"\r\n"),
            ("map.tsv", "Faces\toff-center face\ncar_side\tside of a car, seen"),
            ("map.txt", "Faces\toff-center face\ncar_side\tside of a car, seen\n"),
        ] {
            assert_eq!(read(name, content), Ok(expected.clone()), "{content:?}");
        }
    }

    #[test]
    fn a_list_names_the_folders_in_order() {
        let expected = ClassNameMap::in_order(folders(&["tench", "goldfish"]));
        assert_eq!(read("names.json", r#"["tench", "goldfish"]"#), Ok(expected.clone()));
        assert_eq!(
            read("names.json#fish", r#"{"cars": ["a"], "fish": ["tench", "goldfish"]}"#),
            Ok(expected.clone())
        );
    }

    #[test]
    fn a_name_a_line_is_a_list() {
        let expected = ClassNameMap::in_order(folders(&["tench", "crane, bird", "crane"]));
        assert_eq!(read("classnames.txt", "tench\ncrane, bird\ncrane\n\n"), Ok(expected));
        assert_eq!(
            read("names.csv", "tench\ncrane\n"),
            Ok(ClassNameMap::in_order(folders(&["tench", "crane"])))
        );
        let blank = read("classnames.txt", "tench\n\ncrane\n").unwrap_err();
        assert!(blank.contains("line 2: a blank line"), "{blank}");
        let selected = read("classnames.txt#x", "tench\ncrane\n").unwrap_err();
        assert!(selected.contains("nothing to select"), "{selected}");
    }

    #[test]
    fn folders_that_one_side_lacks_are_told() {
        let pairs = [("ant", "an ant"), ("gnu", "a gnu")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        let (names, notes) =
            ClassNameMap::from_pairs(pairs.to_vec()).names_of(&folders(&["ant", "bee"]), false);
        assert_eq!(names, ["an ant", "bee"]);
        assert_eq!(
            notes,
            [
                "the class-name map does not name, so these keep their own name: \"bee\"",
                "the class-name map names classes that are not there: \"gnu\""
            ]
        );
    }

    #[test]
    fn bad_maps_are_told_with_their_place() {
        let cases = [
            ("map.json", "{\"a\": \"b\",}", "map.json line 1, column 11: trailing comma"),
            (
                "map.json",
                "{\"a\": \"b\", \"a\": \"c\"}",
                "map.json line 1, column 14: the key \"a\" is there twice; keep one",
            ),
            ("map.json", "{\"a\": 1}", "map.json: \"a\" holds a number; it should hold a class name"),
            ("map.json", "{\"a\": \" \"}", "map.json: \"a\" has a blank class name"),
            (
                "map.json",
                "{\"a\": [\"b\"]}",
                "map.json: \"a\" holds a list; a class-name map holds one name per folder (for a list in an object, \
                 name its key: file.json#a)",
            ),
            ("map.json#x", "{\"a\": [\"b\"]}", "map.json: there is no key \"x\"; there are \"a\""),
            ("map.csv", "a,b\n\na,c\n", "map.csv line 3: the folder \"a\" is there twice; keep one"),
            ("map.csv", "a,b\nc\n", "map.csv line 2: 1 columns; a row is a folder name and a class name"),
            ("map.csv", "a,b\n\"c,d\ne,f", "map.csv line 2: a quotation mark is not closed"),
            ("map.csv", "a,\n", "map.csv line 1: a blank name; a row is a folder name and a class name"),
        ];
        for (name, content, message) in cases {
            assert_eq!(read(name, content), Err(message.to_owned()));
        }
    }
}
