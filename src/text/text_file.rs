//! Text files as people save them, and JSON whose order and keys count.
//!
//! UTF-8 with or without a byte order mark, or UTF-16; lines end as on Unix, on Windows or on old Macs. Object keys keep their order, and a key that is there twice is an error
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
    /// The bytes are neither UTF-8 nor UTF-16.
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

/// Reads a text file, without its byte order mark.
///
/// # Errors
/// When the file cannot be read or is neither UTF-8 nor UTF-16.
pub fn read(path: &Path) -> Result<String, TextFileError> {
    read_with_encoding(path).map(|(text, _)| text)
}

/// The same, with the name of the encoding where that is not UTF-8.
///
/// # Errors
/// As [`read`].
pub fn read_with_encoding(path: &Path) -> Result<(String, Option<&'static str>), TextFileError> {
    let bytes = std::fs::read(path).map_err(|error| TextFileError::Read { path: path.to_owned(), error })?;
    if let Some((encoding, text)) = utf16(&bytes) {
        let text = text.ok_or_else(|| TextFileError::NotUtf8 { path: path.to_owned(), line: 1 })?;
        return Ok((text, Some(encoding)));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let line_at = |end: usize| 1 + bytes[..end].iter().filter(|byte| **byte == b'\n').count();
    match std::str::from_utf8(bytes) {
        Ok(text) => match text.find('\0') {
            None => Ok((text.to_owned(), None)),
            Some(at) => Err(TextFileError::NotUtf8 { path: path.to_owned(), line: line_at(at) }),
        },
        Err(error) => {
            Err(TextFileError::NotUtf8 { path: path.to_owned(), line: line_at(error.valid_up_to()) })
        }
    }
}

/// The encoding and the text of bytes in UTF-16, which have its mark, or a zero in every other place at their beginning; no
/// text where they are damaged.
fn utf16(bytes: &[u8]) -> Option<(&'static str, Option<String>)> {
    let (is_little, body) = match bytes {
        [0xff, 0xfe, body @ ..] => (true, body),
        [0xfe, 0xff, body @ ..] => (false, body),
        [first, 0, second, 0, ..] if *first != 0 && *second != 0 => (true, bytes),
        [0, first, 0, second, ..] if *first != 0 && *second != 0 => (false, bytes),
        _ => return None,
    };
    let (pairs, rest) = body.as_chunks::<2>();
    let unit = |pair: &[u8; 2]| if is_little { u16::from_le_bytes(*pair) } else { u16::from_be_bytes(*pair) };
    let units: Vec<u16> = pairs.iter().map(unit).collect();
    let text = String::from_utf16(&units).ok().filter(|text| rest.is_empty() && !text.contains('\0'));
    Some((if is_little { "UTF-16LE" } else { "UTF-16BE" }, text))
}

/// The lines, with their numbers from 1, whichever way they end.
pub fn numbered_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = Some(text);
    let mut number = 0;
    std::iter::from_fn(move || {
        let text = rest.filter(|text| !text.is_empty())?;
        let (line, after) = match text.find(['\n', '\r']) {
            Some(end) => (&text[..end], text[end..].strip_prefix("\r\n").unwrap_or(&text[end + 1..])),
            None => (text, ""),
        };
        rest = Some(after);
        number += 1;
        Some((number, line))
    })
}

/// The lines that are not blank, without the blanks around them.
pub fn lines(text: &str) -> impl Iterator<Item = String> + '_ {
    numbered_lines(text).map(|(_, line)| line.trim()).filter(|line| !line.is_empty()).map(str::to_owned)
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

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Json, A::Error> {
        pairs_of(map).map(Json::Object)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json, A::Error> {
        let mut values = Vec::new();
        while let Some(Checked(value)) = list.next_element()? {
            values.push(value);
        }
        Ok(Json::List(values))
    }
}

/// The keys and values of an object; a key that is there twice is an error.
fn pairs_of<'de, A: MapAccess<'de>>(mut map: A) -> Result<Vec<(String, Value)>, A::Error> {
    let mut pairs = Vec::new();
    let mut seen = std::collections::HashSet::new();
    while let Some(key) = map.next_key::<String>()? {
        if !seen.insert(key.clone()) {
            return Err(de::Error::custom(format!("the key {key:?} is there twice; keep one")));
        }
        let Checked(value) = map.next_value()?;
        pairs.push((key, value));
    }
    Ok(pairs)
}

/// A value whose objects have each key once, however deep they lie.
struct Checked(Value);

impl<'de> Deserialize<'de> for Checked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Checked, D::Error> {
        deserializer.deserialize_any(CheckedVisitor).map(Checked)
    }
}

struct CheckedVisitor;

impl<'de> Visitor<'de> for CheckedVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Value, A::Error> {
        Ok(Value::Object(pairs_of(map)?.into_iter().collect()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Checked(value)) = list.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of_bytes(bytes: &[u8]) -> Result<(String, Option<&'static str>), TextFileError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        read_with_encoding(file.path())
    }

    #[test]
    fn utf16_is_read_with_and_without_its_mark() {
        let units: Vec<u16> = "a café".encode_utf16().collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        for (bytes, encoding) in [
            ([&[0xff, 0xfe], &little[..]].concat(), "UTF-16LE"),
            ([&[0xfe, 0xff], &big[..]].concat(), "UTF-16BE"),
            (little, "UTF-16LE"),
            (big, "UTF-16BE"),
        ] {
            assert_eq!(of_bytes(&bytes).unwrap(), ("a café".to_owned(), Some(encoding)));
        }
        for damaged in
            [&[0xff, 0xfe, 65][..], &[0xff, 0xfe, 0, 0xd8], &[65, 0, 0, 0, 66, 0, 0, 0], b"a\nb\0c"]
        {
            assert!(of_bytes(damaged).unwrap_err().to_string().contains("not UTF-8 text"), "{damaged:?}");
        }
    }

    #[test]
    fn lines_end_in_three_ways() {
        let text = "a\nb\r\n\r\nc\rd\r\r\ne";
        let numbered: Vec<(usize, &str)> =
            numbered_lines(text).filter(|(_, line)| !line.is_empty()).collect();
        assert_eq!(numbered, [(1, "a"), (2, "b"), (4, "c"), (5, "d"), (7, "e")]);
    }

    #[test]
    fn a_key_twice_is_found_however_deep() {
        for text in [r#"{"a": {"b": 1, "b": 2}}"#, r#"[{"a": [{"b": 1, "b": 2}]}]"#] {
            assert!(
                Json::parse(text, "x").unwrap_err().to_string().contains("\"b\" is there twice"),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn lines_without_carriage_returns_are_those_of_the_language(text in "[a-c \n]{0,20}") {
            prop_assert_eq!(numbered_lines(&text).map(|(_, line)| line).collect::<Vec<_>>(), text.lines().collect::<Vec<_>>());
        }
    }
}
