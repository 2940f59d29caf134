//! The rows of a manifest: a path and a label each, from CSV, TSV, JSON lines or JSON.
//!
//! Columns and keys are found by the names in `field_names.rs`. Columns without a header are the path and the label, in the order
//! in which the first row has them. A file is one of JSON lines when it ends in `.jsonl` or `.ndjson` or begins with `{`; a
//! JSON list of such objects, and an object from paths to labels, are read too.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use serde_json::{Map, Value};

use super::error::DatasetError;
use super::field_names::{LABELS, LabelColumns, PATHS, SPLITS, place};
use super::folder::is_picture;
use super::label::{Label, NamesOfNumbers, whole_number};
use super::table::{Fields, rows};
use crate::text::text_file::{self, Json};

/// A row that has both.
pub(super) struct Row {
    /// From 1.
    pub(super) line: usize,
    pub(super) path: String,
    pub(super) label: Label,
    /// The label's name, where the label is its number.
    name: Option<String>,
    /// The split that it belongs to, where a column says so.
    pub(super) split: Option<String>,
}

/// The rows of a file.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) rows: Vec<Row>,
    pub(super) names: NamesOfNumbers,
    pub(super) notes: Vec<String>,
}

/// Reads all rows; `root` is where relative paths start.
///
/// # Errors
/// When the file cannot be read, a row lacks its path or has a label that cannot be meant, a path has two labels, or a first row
/// names columns that are not known.
pub(super) fn read(file: &Path, root: &Path) -> Result<Rows, DatasetError> {
    let text = text_file::read(file)?;
    let ends = |ending: &str| file.extension().is_some_and(|own| own.eq_ignore_ascii_case(ending));
    let is_lines = |text: &str| {
        text.lines()
            .filter(|line| !line.trim().is_empty())
            .nth(1)
            .is_some_and(|l| l.trim_start().starts_with('{'))
    };
    let mut found = match text.trim_start().chars().next() {
        _ if ends("jsonl") || ends("ndjson") => of_json_lines(file, &text)?,
        Some('{') if is_lines(&text) || !ends("json") => of_json_lines(file, &text)?,
        Some('{' | '[') => of_json(file, &text)?,
        _ => of_columns(file, &text, root)?,
    };
    let mut repeated = Vec::new();
    let mut kept: Vec<Row> = Vec::with_capacity(found.rows.len());
    let mut row_of: HashMap<(Option<String>, String), usize> = HashMap::new();
    for row in found.rows {
        let at = |problem: String| DatasetError::Row { path: file.to_owned(), line: row.line, problem };
        if row.path.is_empty() {
            return Err(at("a row needs a path and a label".to_owned()));
        }
        if row.path.contains(['\n', '\r']) || row.label.words().contains(['\n', '\r']) {
            return Err(at(
                "a path or a label has a line break; a quotation mark may not be closed".to_owned()
            ));
        }
        let plain = (row.split.clone(), row.path.strip_prefix("./").unwrap_or(&row.path).to_owned());
        match row_of.get(&plain).map(|&first| &kept[first]) {
            Some(first) if first.label != row.label => {
                return Err(at(format!(
                    "{:?} is on line {} already, with the label {:?} instead of {:?}; keep one row",
                    row.path,
                    first.line,
                    first.label.words(),
                    row.label.words()
                )));
            }
            Some(_) => repeated.push(row.path),
            None => {
                row_of.insert(plain, kept.len());
                found.names.add(&row.label, row.name.as_deref());
                kept.push(row);
            }
        }
    }
    if !repeated.is_empty() {
        found.notes.push(format!(
            "{} rows repeat a path with the same label, and count once: {}",
            repeated.len(),
            crate::text::message::listed(&repeated, 5)
        ));
    }
    found.rows = kept;
    Ok(found)
}

/// Which columns matter.
struct Columns {
    path: usize,
    label: usize,
    name: Option<usize>,
    split: Option<usize>,
}

fn of_columns(file: &Path, text: &str, root: &Path) -> Result<Rows, DatasetError> {
    let mut fields = rows(file, text)?;
    let Some(first) = fields.first() else { return Ok(Rows::default()) };
    let in_line =
        |line: usize| move |problem: String| DatasetError::Row { path: file.to_owned(), line, problem };
    let mut notes = Vec::new();
    let named = header(&fields).map_err(in_line(first.line))?;
    let has_header = named.is_some();
    // Without a header a third column is a comma within a path or a label.
    let mut most = 2;
    let columns = match named {
        Some(columns) => {
            most = fields.remove(0).fields.len();
            columns
        }
        None => {
            let is_swapped = first.fields.len() == 2
                && fields.iter().all(|row| {
                    let is_path =
                        |at: usize| row.fields.get(at).is_some_and(|field| is_picture(Path::new(field)));
                    is_path(1) && !is_path(0)
                });
            if is_swapped {
                notes.push(
                    "there is no header; the second column has the paths, so the first one has the labels"
                        .to_owned(),
                );
            }
            let (path, label) = if is_swapped { (1, 0) } else { (0, 1) };
            Columns { path, label, name: None, split: None }
        }
    };
    let mut found = Rows { notes, ..Rows::default() };
    for Fields { line, fields } in fields {
        let of = |column: usize| fields.get(column).cloned();
        if fields.iter().skip(most).any(|field| !field.is_empty()) {
            let problem = format!(
                "{} columns instead of {most}; put quotation marks around what has a comma in it, or name the columns",
                fields.len()
            );
            return Err(in_line(line)(problem));
        }
        let (Some(path), Some(label)) = (of(columns.path), of(columns.label)) else {
            let problem = format!("{} columns; a row needs a path and a label", fields.len());
            return Err(in_line(line)(problem));
        };
        found.rows.push(Row {
            line,
            path,
            label: Label::text(&label),
            name: columns.name.and_then(of).filter(|name| !name.is_empty()),
            split: columns.split.and_then(of),
        });
    }
    match found.rows.as_slice() {
        [first, ..] if !has_header && looks_like_header(&found.rows, root) => {
            let problem = "this looks like a header; call its columns `path` and `label`".to_owned();
            Err(in_line(first.line)(problem))
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

/// The columns when the first row names them; nothing when it names neither path nor label, or is the row of a picture.
fn header(rows: &[Fields]) -> Result<Option<Columns>, String> {
    let [first, rest @ ..] = rows else { return Ok(None) };
    let names = &first.fields;
    let values =
        |column: usize| rest.iter().filter_map(move |row| row.fields.get(column).map(String::as_str));
    let is_number = |column: usize| {
        let mut given = values(column).filter(|value| !value.is_empty()).peekable();
        given.peek().is_some() && given.all(|value| whole_number(value).is_some())
    };
    match (place(&PATHS, names), LabelColumns::among(names, is_number)) {
        (Some(path), Some(LabelColumns { label, name })) => {
            Ok(Some(Columns { path, label, name, split: place(&SPLITS, names) }))
        }
        (None, None) => Ok(None),
        _ if names.iter().any(|field| is_picture(Path::new(field))) => Ok(None),
        (Some(path), None) => {
            let others: Vec<usize> = (0..names.len()).filter(|column| *column != path).collect();
            let is_flag =
                |column: usize| values(column).all(|value| matches!(whole_number(value), Some(0 | 1)));
            if others.len() > 1 && !rest.is_empty() && others.into_iter().all(is_flag) {
                return Err(format!(
                    "a column of zeros and ones for each class ({}); write one column `label` with the class's name",
                    names
                        .iter()
                        .filter(|name| *name != &names[path])
                        .take(5)
                        .cloned()
                        .collect::<Vec<_>>()
                        .join(", ")
                ));
            }
            Err(format!("the header has no column `label`; these mean it too: {}", LABELS[1..].join(", ")))
        }
        (None, Some(_)) => {
            Err(format!("the header has no column `path`; these mean it too: {}", PATHS[1..].join(", ")))
        }
    }
}

fn of_json_lines(file: &Path, text: &str) -> Result<Rows, DatasetError> {
    let mut found = Rows::default();
    for (number, text) in text.lines().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
        let line = number + 1;
        let at = |problem: String| DatasetError::Row { path: file.to_owned(), line, problem };
        let object: Map<String, Value> = serde_json::from_str(text).map_err(|error| {
            let example = r#"{"path": "cat/1.jpg", "label": "cat"}"#;
            at(format!("not a JSON object ({error}); a line is one, as {example}"))
        })?;
        found.rows.push(of_object(line, &object).map_err(at)?);
    }
    Ok(found)
}

/// A list of objects, or an object from paths to labels.
fn of_json(file: &Path, text: &str) -> Result<Rows, DatasetError> {
    let mut found = Rows::default();
    let in_line =
        |line: usize| move |problem: String| DatasetError::Row { path: file.to_owned(), line, problem };
    match Json::parse(text, file.display())? {
        Json::List(values) => {
            for (number, value) in values.iter().enumerate() {
                let at = |problem: String| in_line(1)(format!("entry {}: {problem}", number + 1));
                let Value::Object(object) = value else {
                    return Err(at(format!(
                        "it is {}; an entry is an object with `path` and `label`",
                        text_file::kind(value)
                    )));
                };
                found.rows.push(of_object(number + 1, object).map_err(at)?);
            }
        }
        Json::Object(pairs) => {
            let is_map = pairs.iter().all(|(path, label)| is_picture(Path::new(path)) && !label.is_object());
            if !is_map {
                let keys: Vec<&str> = pairs.iter().map(|(key, _)| key.as_str()).take(5).collect();
                return Err(in_line(1)(format!(
                    "a JSON object with the keys {}; a manifest is an object from paths to labels, a list of objects with `path` \
                     and `label`, or a line for each of these",
                    keys.join(", ")
                )));
            }
            for (number, (path, label)) in pairs.into_iter().enumerate() {
                let label =
                    Label::from_json(&label).map_err(|problem| in_line(1)(format!("{path:?}: {problem}")))?;
                found.rows.push(Row { line: number + 1, path, label, name: None, split: None });
            }
        }
    }
    Ok(found)
}

fn of_object(line: usize, object: &Map<String, Value>) -> Result<Row, String> {
    let keys: Vec<&String> = object.keys().collect();
    let path = place(&PATHS, &keys).map(|at| (keys[at], &object[keys[at]]));
    let path = match path {
        Some((_, Value::String(path))) => path.trim().to_owned(),
        // As `datasets` writes a picture: {"bytes": null, "path": "1.jpg"}.
        Some((_, Value::Object(picture))) if picture.get("path").is_some_and(Value::is_string) => {
            picture["path"].as_str().unwrap_or_default().to_owned()
        }
        Some((key, other)) => {
            return Err(format!("{key:?} holds {}; it should hold a path", text_file::kind(other)));
        }
        None => return Err(format!("no key \"path\"; these mean it too: {}", PATHS[1..].join(", "))),
    };
    let (label, name) = Label::from_fields(object)
        .ok_or_else(|| format!("no key \"label\"; these mean it too: {}", LABELS[1..].join(", ")))??;
    let split = place(&SPLITS, &keys).and_then(|at| object[keys[at]].as_str()).map(str::to_owned);
    Ok(Row { line, path, label, name, split })
}

impl Rows {
    /// The splits that rows belong to, sorted.
    pub(super) fn splits(&self) -> Vec<String> {
        let splits: BTreeSet<&str> = self.rows.iter().filter_map(|row| row.split.as_deref()).collect();
        splits.into_iter().filter(|split| !split.is_empty()).map(str::to_owned).collect()
    }
}
