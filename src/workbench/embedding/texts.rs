//! Texts to embed that are no prompts of classes: captions, queries.

use std::path::Path;

use crate::text::text_file;
use crate::workbench::error::WorkbenchError;

/// A text a line, blank ones included, so that row and line numbers agree; or, from `.jsonl`, the values of `text`.
pub(in crate::workbench) fn read_texts(path: &Path) -> Result<Vec<String>, WorkbenchError> {
    let content = text_file::read(path)?;
    if path.extension().is_none_or(|ending| !ending.eq_ignore_ascii_case("jsonl")) {
        return Ok(content.lines().map(str::to_owned).collect());
    }
    let wrong = |line: usize, message: String| WorkbenchError::Texts { path: path.to_owned(), line, message };
    let lines = content.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(number, line)| {
            let value: serde_json::Value = serde_json::from_str(line).map_err(|error| {
                wrong(
                    number + 1,
                    format!("not JSON: {error}; a line must be an object like {{\"text\": \"a cat\"}}"),
                )
            })?;
            let text = value["text"].as_str().map(str::to_owned);
            text.ok_or_else(|| {
                wrong(number + 1, "no string under the key \"text\"; give each line one".to_owned())
            })
        })
        .collect()
}
