//! One label, as files write it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::ClassNameMap;
use super::field_names::LabelColumns;
use crate::text::text_file;

/// Texts that stand for no label beside numbers, in lower case.
const NO_LABEL: [&str; 6] = ["nan", "none", "null", "na", "n/a", "<na>"];

/// Why a boolean is no label, and what to do.
pub(super) const NO_BOOLEAN: &str = "a label is a number or a name, so write 1 and 0; a map from them to names \
    ({\"1\": \"cat\", \"0\": \"no cat\"}), as --class-names (class_names in an experiment), says what they mean";

/// A label as a file has it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Label {
    /// The image has none.
    Missing,
    /// A number.
    Number(i64),
    /// A text, which may be a number.
    Text(String),
}

impl Label {
    /// A text without the blanks around it; an empty one is no label.
    pub(super) fn text(text: &str) -> Label {
        match text.trim() {
            "" => Label::Missing,
            text => Label::Text(text.to_owned()),
        }
    }

    /// Its number if it is whole, also written as `3.0`.
    pub(super) fn number(&self) -> Option<i128> {
        match self {
            Label::Missing => None,
            Label::Number(number) => Some(i128::from(*number)),
            Label::Text(text) => whole_number(text),
        }
    }

    /// Why it is no class's.
    pub(super) fn why_none(&self) -> String {
        match self {
            Label::Missing => "it has no label".to_owned(),
            _ => format!("its label is {}, which stands for none", self.words()),
        }
    }

    /// Whether it stands for no label beside labels that are numbers.
    pub(super) fn is_none_beside_numbers(&self) -> bool {
        match self {
            Label::Missing => true,
            Label::Number(_) => false,
            Label::Text(text) => NO_LABEL.contains(&text.to_lowercase().as_str()),
        }
    }

    /// The label that a JSON value is.
    ///
    /// # Errors
    /// What it is instead, in words.
    pub(super) fn from_json(value: &Value) -> Result<Label, String> {
        match value {
            Value::Null => Ok(Label::Missing),
            Value::String(text) => Ok(Label::text(text)),
            Value::Number(number) => {
                Ok(number.as_i64().map_or_else(|| Label::Text(number.to_string()), Label::Number))
            }
            Value::Array(values) => match values.as_slice() {
                [] => Ok(Label::Missing),
                [one] => Self::from_json(one),
                several => Err(format!(
                    "it has {} labels; several labels an image are not evaluated here, a class is one label",
                    several.len()
                )),
            },
            Value::Bool(_) => Err(format!("its label is true or false; {NO_BOOLEAN}")),
            other => Err(format!("its label is {}; a label is a number or a name", text_file::kind(other))),
        }
    }

    /// The label in the fields of a JSON object, with its name if that is another field; nothing where no field is called as
    /// labels are.
    pub(super) fn from_fields(
        fields: &Map<String, Value>,
    ) -> Option<Result<(Label, Option<String>), String>> {
        let keys: Vec<&String> = fields.keys().collect();
        let label = |place: usize| Self::from_json(&fields[keys[place]]);
        let is_number = |place| label(place).is_ok_and(|label| label.number().is_some());
        let columns = LabelColumns::among(&keys, is_number)?;
        let name = columns.name.and_then(|place| label(place).ok()).filter(|name| *name != Label::Missing);
        Some(label(columns.label).map(|label| (label, name.map(|name| name.words().into_owned()))))
    }

    pub(super) fn words(&self) -> Cow<'_, str> {
        match self {
            Label::Missing => Cow::Borrowed(""),
            Label::Number(number) => Cow::Owned(number.to_string()),
            Label::Text(text) => Cow::Borrowed(text),
        }
    }
}

/// The number that a text is, if it is a whole one.
pub(super) fn whole_number(text: &str) -> Option<i128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = whole.strip_prefix(['-', '+']).unwrap_or(whole);
    let is_whole = !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && !fraction.is_empty()
        && fraction.bytes().all(|byte| byte == b'0');
    is_whole.then(|| whole.parse().ok()).flatten()
}

/// What stands for no label where labels are numbers: less than zero, also −1 as an unsigned number.
pub(super) fn is_no_number(number: i128) -> bool {
    number < 0 || number == i128::from(u64::MAX) || number == i128::from(u32::MAX)
}

/// What a dataset calls its numbers, where it has both beside each other.
#[derive(Debug, Default)]
pub(super) struct NamesOfNumbers {
    /// The number's names: one, or it cannot be told which is meant.
    names: BTreeMap<i128, Vec<String>>,
}

impl NamesOfNumbers {
    pub(super) fn add(&mut self, label: &Label, name: Option<&str>) {
        if let (Some(number), Some(name)) = (label.number(), name) {
            self.call(number, name);
        }
    }

    fn call(&mut self, number: i128, name: &str) {
        let names = self.names.entry(number).or_default();
        if !names.iter().any(|other| other == name) {
            names.push(name.to_owned());
        }
    }

    pub(super) fn extend(&mut self, others: NamesOfNumbers) {
        for (number, names) in others.names {
            names.iter().for_each(|name| self.call(number, name));
        }
    }

    /// The map from numbers to names, if there is any.
    ///
    /// # Errors
    /// Where a number has two names.
    pub(super) fn map(self) -> Result<Option<ClassNameMap>, String> {
        if let Some((number, names)) = self.names.iter().find(|(_, names)| names.len() > 1) {
            return Err(format!(
                "the label {number} is called {:?} and {:?}; keep one of the two columns, or make them agree",
                names[0], names[1]
            ));
        }
        let pairs: Vec<(String, String)> = self
            .names
            .into_iter()
            .filter_map(|(number, names)| Some((number.to_string(), names.into_iter().next()?)))
            .collect();
        Ok((!pairs.is_empty()).then(|| ClassNameMap::from_pairs(pairs)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_told_from_names() {
        for (text, number) in [("7", 7), ("007", 7), ("-1", -1), ("3.0", 3), ("+2", 2), ("12.000", 12)] {
            assert_eq!(whole_number(text), Some(number), "{text}");
        }
        for text in ["", "-", "3.5", "3.", ".0", "1e3", "0x10", "1 2", "n01440764", "٣"] {
            assert_eq!(whole_number(text), None, "{text}");
        }
    }

    #[test]
    fn json_says_labels_in_many_ways() {
        let of = |json: &str| Label::from_json(&serde_json::from_str(json).unwrap());
        assert_eq!(of("3"), Ok(Label::Number(3)));
        assert_eq!(of("3.0").map(|label| label.number()), Ok(Some(3)));
        assert_eq!(of("\" cat \""), Ok(Label::Text("cat".to_owned())));
        assert_eq!(of("[\"cat\"]"), Ok(Label::Text("cat".to_owned())));
        assert_eq!(of("null"), Ok(Label::Missing));
        for (wrong, said) in [("true", "true or false"), ("[1, 2]", "2 labels"), ("{}", "an object")] {
            assert!(of(wrong).unwrap_err().contains(said), "{wrong}");
        }
    }

    #[test]
    fn a_number_has_one_name() {
        let mut names = NamesOfNumbers::default();
        names.add(&Label::Number(5), Some("cat"));
        names.add(&Label::text("5"), Some("cat"));
        names.add(&Label::text("cat"), Some("nothing"));
        let pairs = names.map().unwrap().unwrap().pairs();
        assert_eq!(pairs, [("5".to_owned(), "cat".to_owned())]);
        let mut names = NamesOfNumbers::default();
        names.add(&Label::Number(5), Some("cat"));
        names.add(&Label::Number(5), Some("dog"));
        assert!(names.map().unwrap_err().contains("5 is called \"cat\" and \"dog\""));
        assert_eq!(NamesOfNumbers::default().map(), Ok(None));
    }
}
