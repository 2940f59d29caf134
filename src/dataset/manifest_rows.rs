//! The rows of a manifest: a path and a label each, from CSV, TSV or JSON lines.
//!
//! Columns and keys are found by the same names, see [`PATHS`] and [`LABELS`]; of several, the first in the list counts.
//! Columns without a header are the path and the label. A file is one of JSON lines when it ends in `.jsonl` or `.ndjson`
//! or begins with `{`.

use std::collections::HashMap;
use std::path::Path;

use serde_json::{Map, Value};

use super::error::DatasetError;
use super::folder::is_picture;
use super::table::{Fields, rows};
use crate::text_file;

/// What the path is called.
const PATHS: [&str; 8] =
    ["path", "image", "image_path", "file_name", "filename", "filepath", "file_path", "file"];
/// What the label is called.
const LABELS: [&str; 6] = ["label", "class", "class_name", "category", "cls", "target"];

/// A row that has both.
pub(super) struct Row {
    /// From 1.
    pub(super) line: usize,
    pub(super) path: String,
    pub(super) label: String,
}

/// Reads all rows; `root` is where relative paths start.
///
/// # Errors
/// When the file cannot be read, a row lacks its path or label or repeats a path, or a first row names columns that are not
/// known.
pub(super) fn read(file: &Path, root: &Path) -> Result<Vec<Row>, DatasetError> {
    let text = text_file::read(file)?;
    let ends = |ending: &str| file.extension().is_some_and(|own| own.eq_ignore_ascii_case(ending));
    let found = if ends("jsonl") || ends("ndjson") || text.trim_start().starts_with('{') {
        of_json_lines(file, &text)?
    } else {
        of_columns(file, &text, root)?
    };
    let mut lines: HashMap<&str, usize> = HashMap::new();
    for Row { line, path, label } in &found {
        let at = |problem: String| DatasetError::Row { path: file.to_owned(), line: *line, problem };
        if path.is_empty() || label.is_empty() {
            return Err(at("a row needs a path and a label".to_owned()));
        }
        if let Some(first) = lines.insert(path, *line) {
            return Err(at(format!("{path:?} is on line {first} already; keep one row")));
        }
    }
    Ok(found)
}

fn of_columns(file: &Path, text: &str, root: &Path) -> Result<Vec<Row>, DatasetError> {
    let mut columns = None;
    let mut found: Vec<Row> = Vec::new();
    for Fields { line, fields } in rows(file, text)? {
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
        found.push(Row { line, path: path.clone(), label: label.clone() });
    }
    match found.as_slice() {
        [first, ..] if looks_like_header(&found, root) => {
            let problem = "this looks like a header; call its columns `path` and `label`".to_owned();
            Err(DatasetError::Row { path: file.to_owned(), line: first.line, problem })
        }
        _ => Ok(found),
    }
}

/// Whether the first row is a header after all, with names that are not known: a label that no other row has, for a file
/// that is not there and has no ending.
fn looks_like_header(rows: &[Row], root: &Path) -> bool {
    let [first, rest @ ..] = rows else { return false };
    !rest.is_empty()
        && rest.iter().all(|row| row.label != first.label)
        && Path::new(&first.path).extension().is_none()
        && !root.join(&first.path).exists()
}

/// The columns of path and label when a first row names them; nothing when it names neither, or is the row of a picture.
fn header(fields: &[String]) -> Result<Option<(usize, usize)>, String> {
    let column = |names: &[&str]| {
        let place = |name: &&str| fields.iter().position(|field| field.eq_ignore_ascii_case(name));
        names.iter().find_map(place)
    };
    match (column(&PATHS), column(&LABELS)) {
        (Some(path), Some(label)) => Ok(Some((path, label))),
        (None, None) => Ok(None),
        _ if fields.iter().any(|field| is_picture(Path::new(field))) => Ok(None),
        (Some(_), None) => {
            Err(format!("the header has no column `label`; these mean it too: {}", LABELS[1..].join(", ")))
        }
        (None, Some(_)) => {
            Err(format!("the header has no column `path`; these mean it too: {}", PATHS[1..].join(", ")))
        }
    }
}

fn of_json_lines(file: &Path, text: &str) -> Result<Vec<Row>, DatasetError> {
    let lines = text.lines().enumerate().filter(|(_, text)| !text.trim().is_empty());
    lines
        .map(|(number, text)| {
            let line = number + 1;
            let at = |problem: String| DatasetError::Row { path: file.to_owned(), line, problem };
            let object: Map<String, Value> = serde_json::from_str(text).map_err(|error| {
                let example = r#"{"path": "cat/1.jpg", "label": "cat"}"#;
                at(format!("not a JSON object ({error}); a line is one, as {example}"))
            })?;
            Ok(Row {
                line,
                path: value(&object, &PATHS).map_err(at)?,
                label: value(&object, &LABELS).map_err(at)?,
            })
        })
        .collect()
}

/// What an object has under the first of these keys: a text, or a whole number as one.
fn value(object: &Map<String, Value>, keys: &[&str]) -> Result<String, String> {
    let found = keys.iter().find_map(|key| Some((key, object.get(*key)?)));
    match found {
        Some((_, Value::String(text))) => Ok(text.trim().to_owned()),
        Some((_, Value::Number(number))) if number.is_u64() => Ok(number.to_string()),
        Some((key, other)) => {
            let kind = text_file::kind(other);
            Err(format!("{key:?} holds {kind}; it should hold a text, or a label's whole number"))
        }
        None => Err(format!("no key {:?}; these mean it too: {}", keys[0], keys[1..].join(", "))),
    }
}
