//! Text files as people save them, and JSON whose order and keys count.
//!
//! UTF-8 with or without a byte order mark. Object keys keep their order, and a key that is there twice is an error
//! (a plain JSON map keeps the last one without a word). Every error names the file and the place in it.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// Why a text file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum TextFileError {
    /// The file is not there or may not be read.
    #[error("cannot read {}: {error}; check the path and the file's permissions", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        error: std::io::Error,
    },
    /// The bytes are not UTF-8.
    #[error("{} line {line}: not UTF-8 text; save the file as UTF-8", path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// The line with the first wrong byte, from 1.
        line: usize,
    },
    /// The text is not a JSON object or list, or has a key twice.
    #[error("{origin} line {line}, column {column}: {message}")]
    Json {
        /// The file, or what the text is.
        origin: String,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What is wrong there.
        message: String,
    },
}

/// Reads a UTF-8 text file, without its byte order mark.
///
/// # Errors
/// When the file cannot be read or is not UTF-8.
pub fn read(path: &Path) -> Result<String, TextFileError> {
    let bytes = std::fs::read(path).map_err(|error| TextFileError::Read { path: path.to_owned(), error })?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => {
            let line = 1 + bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
            Err(TextFileError::NotUtf8 { path: path.to_owned(), line })
        }
    }
}

/// The lines that are not blank, without the blanks around them.
pub fn lines(text: &str) -> impl Iterator<Item = String> + '_ {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned)
}

/// Splits `file.json#key` into the file and the key of the object in it. A path that exists as it is has no key.
#[must_use]
pub fn split_key(path: &Path) -> (PathBuf, Option<String>) {
    let whole = path.to_string_lossy();
    match whole.rsplit_once('#') {
        Some((file, key)) if !path.exists() => (PathBuf::from(file), Some(key.to_owned())),
        _ => (path.to_owned(), None),
    }
}

/// A JSON document by its outermost form.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// An object, with its keys in the order of the file.
    Object(Vec<(String, Value)>),
    /// A list.
    List(Vec<Value>),
}

impl Json {
    /// Parses a JSON text; `origin` is the file or the name that errors give.
    ///
    /// # Errors
    /// [`TextFileError::Json`] when it is not a JSON object or list, or the object has a key twice.
    pub fn parse(text: &str, origin: impl fmt::Display) -> Result<Json, TextFileError> {
        serde_json::from_str(text).map_err(|error| TextFileError::Json {
            origin: origin.to_string(),
            line: error.line(),
            column: error.column().max(1),
            message: without_position(&error.to_string()).to_owned(),
        })
    }
}

/// What a JSON value is, in words for an error: "a number".
#[must_use]
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn without_position(message: &str) -> &str {
    message.rsplit_once(" at line ").map_or(message, |(start, _)| start)
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object or list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut pairs = Vec::new();
        let mut seen = std::collections::HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if !seen.insert(key.clone()) {
                return Err(de::Error::custom(format!("the key {key:?} is there twice; keep one")));
            }
            pairs.push((key, map.next_value()?));
        }
        Ok(Json::Object(pairs))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(Json::List(values))
    }
}
