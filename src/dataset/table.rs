//! Rows of CSV and TSV files.

use std::path::Path;

use super::error::DatasetError;

/// A row that is not blank.
pub(super) struct Fields {
    /// The line in the file, from 1. A row is one line: neither paths nor names have line breaks.
    pub line: usize,
    /// Without the blanks around them.
    pub fields: Vec<String>,
}

/// The rows of a file. Tabs separate when the file ends in `.tsv` or its first line has one, and then quotation marks
/// mean nothing; otherwise commas do, and quotation marks go around fields that contain some.
///
/// # Errors
/// When a quotation mark is not closed.
pub(super) fn rows(path: &Path, text: &str) -> Result<Vec<Fields>, DatasetError> {
    let tabs = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("tsv"))
        || text.lines().next().is_some_and(|line| line.contains('\t'));
    let mut rows = Vec::new();
    for (i, text) in text.lines().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
        let line = i + 1;
        let split = |separator: char| text.split(separator).map(|field| field.trim().to_owned()).collect();
        let fields = match text.contains('"') {
            _ if tabs => Some(split('\t')),
            false => Some(split(',')),
            true => quoted_fields(text),
        };
        let fields = fields.ok_or_else(|| DatasetError::Row {
            path: path.to_owned(),
            line,
            problem: "a quotation mark is not closed".to_owned(),
        })?;
        rows.push(Fields { line, fields });
    }
    Ok(rows)
}

/// The fields of a line with quotation marks; nothing when a quotation mark is not closed.
fn quoted_fields(line: &str) -> Option<Vec<String>> {
    if line.matches('"').count() % 2 == 1 {
        return None;
    }
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .trim(csv::Trim::All)
        .buffer_capacity(line.len())
        .from_reader(line.as_bytes());
    let record = reader.records().next()?.ok()?;
    Some(record.iter().map(str::to_owned).collect())
}
