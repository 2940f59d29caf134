//! An object in a JSON file, with its path there, and its values as what they should be.

use serde_json::{Map, Value};

/// A key, and what is wrong with its value.
pub(in crate::clip) type Wrong = (String, String);

/// An object and its path.
pub(in crate::clip) struct Section<'a> {
    pub path: String,
    pub map: &'a Map<String, Value>,
}

impl<'a> Section<'a> {
    pub(in crate::clip) fn from_value(path: String, value: &'a Value) -> Result<Self, Wrong> {
        match value {
            Value::Object(map) => Ok(Self { path, map }),
            _ => Err((path, "is not a JSON object".to_owned())),
        }
    }

    /// The path of a key in it.
    pub(in crate::clip) fn key(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    pub(in crate::clip) fn wrong(&self, name: &str, problem: &str) -> Wrong {
        (self.key(name), problem.to_owned())
    }

    /// An object in it, where there is one that is not null.
    pub(in crate::clip) fn section(&self, name: &str) -> Result<Option<Section<'a>>, Wrong> {
        let value = self.map.get(name).filter(|value| !value.is_null());
        value.map(|value| Section::from_value(self.key(name), value)).transpose()
    }

    /// A word, where there is one.
    pub(in crate::clip) fn word(&self, name: &str) -> Result<Option<String>, Wrong> {
        match self.map.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(word)) => Ok(Some(word.clone())),
            Some(value) => Err(self.wrong(name, &format!("is {value}; it should be a word"))),
        }
    }

    /// A whole number; an error where it is neither there nor has a default.
    pub(in crate::clip) fn size(&self, name: &str, default: Option<usize>) -> Result<usize, Wrong> {
        match (self.map.get(name), default) {
            (None | Some(Value::Null), Some(default)) => Ok(default),
            (None, None) => Err(self.wrong(name, "is absent")),
            (Some(value), _) => whole(value)
                .ok_or_else(|| self.wrong(name, &format!("is {value}; it should be a whole number"))),
        }
    }

    /// The side of a square: a number, or a list of two equal ones.
    pub(in crate::clip) fn side(&self, name: &str, default: Option<usize>) -> Result<usize, Wrong> {
        match self.map.get(name) {
            Some(Value::Array(sides)) => match sides.iter().map(whole).collect::<Option<Vec<_>>>().as_deref()
            {
                Some([height, width]) if height == width => Ok(*height),
                _ => {
                    Err(self
                        .wrong(name, &format!("is {}; only squares can be used", Value::from(sides.clone()))))
                }
            },
            _ => self.size(name, default),
        }
    }

    /// True or false, which is what it is where it is not there.
    pub(in crate::clip) fn flag(&self, name: &str) -> Result<bool, Wrong> {
        match self.map.get(name) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(value) => Err(self.wrong(name, &format!("is {value}; it should be true or false"))),
        }
    }

    /// A number for each channel: three, or one for all.
    pub(in crate::clip) fn channels(&self, name: &str) -> Result<Option<[f64; 3]>, Wrong> {
        match self.map.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Number(one)) => Ok(one.as_f64().map(|one| [one; 3])),
            Some(value) => serde_json::from_value(value.clone())
                .map(Some)
                .map_err(|_| self.wrong(name, &format!("is {value}; it should be three numbers, or one"))),
        }
    }
}

/// A whole number that is not below 0.
pub(in crate::clip) fn whole(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|number| usize::try_from(number).ok())
}
