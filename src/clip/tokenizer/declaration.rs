//! What a checkpoint's files declare of its tokenizer: `tokenizer_config.json`, and `special_tokens_map.json` where that one
//! says nothing.

use serde_json::{Map, Value};

use crate::clip::config::json_section::{Section, Wrong};
use crate::clip::config::keys::{self, Place};
use crate::clip::error::ClipError;
use crate::clip::files::{CheckpointFile, CheckpointSource};

const CONFIG: &str = "tokenizer_config.json";
const SPECIAL: &str = "special_tokens_map.json";

/// The declarations that decide ids; `None` where nothing is declared.
#[derive(Debug, Clone, Default)]
pub(in crate::clip) struct TokenizerDeclaration {
    /// The files, that decide results, too.
    pub files: Vec<CheckpointFile>,
    pub class: Option<String>,
    pub start: Option<String>,
    pub end: Option<String>,
    pub padding: Option<String>,
    /// The side on which prompts are filled up: the right, where it is said.
    pub padding_side: Option<String>,
    /// What ends a BERT's prompt.
    pub separator: Option<String>,
    /// What a BERT's tokenizer does to letters; SigLIP's has the first alone.
    pub lower_case: Option<bool>,
    pub strip_accents: Option<bool>,
    pub chinese_letters: Option<bool>,
    /// Whether prompts begin with the start token and end with the end token, where that is said.
    pub adds_start: Option<bool>,
    pub adds_end: Option<bool>,
    /// Tokens of a prompt at most.
    pub longest: Option<usize>,
    /// Tokens that the vocabulary must have, and their ids where they are said.
    pub added: Vec<(String, Option<u32>)>,
}

impl TokenizerDeclaration {
    /// Reads what is there.
    ///
    /// # Errors
    /// Malformed JSON, or a key that says what cannot be done.
    pub(in crate::clip) fn read(source: &CheckpointSource) -> Result<Self, ClipError> {
        let mut declared = Self::default();
        for name in [CONFIG, SPECIAL] {
            let Some(file) = source.find(name) else { continue };
            let value: Value = serde_json::from_slice(&file.read()?)
                .map_err(|error| ClipError::Json { file: file.label(), problem: error.to_string() })?;
            declared.take(&value).map_err(|(key, problem)| ClipError::Setting {
                file: file.label(),
                key,
                problem,
            })?;
            declared.files.push(file);
        }
        Ok(declared)
    }

    /// Takes what was not declared before.
    fn take(&mut self, value: &Value) -> Result<(), Wrong> {
        let section = Section::from_value(String::new(), value)?;
        keys::check(Place::Tokenizer, &section)?;
        let token = |known: &mut Option<String>, name: &str| -> Result<(), Wrong> {
            if known.is_none() {
                *known = token(&section, name)?;
            }
            Ok(())
        };
        token(&mut self.start, "bos_token")?;
        token(&mut self.end, "eos_token")?;
        token(&mut self.padding, "pad_token")?;
        token(&mut self.separator, "sep_token")?;
        let flag = |name: &str| match section.map.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(_) => section.flag(name).map(Some),
        };
        self.adds_start = self.adds_start.or(flag("add_bos_token")?);
        self.adds_end = self.adds_end.or(flag("add_eos_token")?);
        self.lower_case = self.lower_case.or(flag("do_lower_case")?);
        self.strip_accents = self.strip_accents.or(flag("strip_accents")?);
        self.chinese_letters = self.chinese_letters.or(flag("tokenize_chinese_chars")?);
        self.padding_side = self.padding_side.take().or(section.word("padding_side")?);
        self.class = self.class.take().or(section.word("tokenizer_class")?);
        if let Some(longest) = section.map.get("model_max_length").filter(|value| !value.is_null()) {
            // "No limit" is a number of thirty digits.
            let number = longest.as_f64().filter(|number| *number >= 1.0 && number.fract() == 0.0);
            let number = number.ok_or_else(|| {
                section.wrong("model_max_length", &format!("is {longest}; it should be a number of tokens"))
            })?;
            self.longest = self.longest.or(Some(number as usize));
        }
        let described = |text: &Value| text.as_str().map(str::to_owned).or_else(|| content(text));
        for name in ["additional_special_tokens", "extra_special_tokens"] {
            let tokens: Vec<&Value> = match section.map.get(name) {
                Some(Value::Array(tokens)) => tokens.iter().collect(),
                Some(Value::Object(tokens)) => tokens.values().collect(),
                _ => Vec::new(),
            };
            self.added.extend(tokens.into_iter().filter_map(described).map(|token| (token, None)));
        }
        if let Some(Value::Object(tokens)) = section.map.get("added_tokens_decoder") {
            let of = |(id, token): (&String, &Value)| Some((content(token)?, Some(id.parse().ok()?)));
            self.added.extend(tokens.iter().filter_map(of));
        }
        Ok(())
    }
}

/// A token as a word, or as an object with `content`.
fn token(section: &Section<'_>, name: &str) -> Result<Option<String>, Wrong> {
    match section.map.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(token)) => Ok(Some(token.clone())),
        Some(value) => content(value)
            .map(Some)
            .ok_or_else(|| section.wrong(name, &format!("is {value}; it should be a token"))),
    }
}

fn content(token: &Value) -> Option<String> {
    let content = |map: &Map<String, Value>| map.get("content")?.as_str().map(str::to_owned);
    token.as_object().and_then(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(files: &'static [(&'static str, &'static [u8])]) -> CheckpointSource {
        CheckpointSource::Embedded { name: "x", files }
    }

    #[test]
    fn tokens_are_words_or_objects_and_the_first_file_counts() {
        let declared = TokenizerDeclaration::read(&source(&[
            (CONFIG, br#"{"eos_token": {"content": "<eos>"}, "model_max_length": 1e30, "add_eos_token": true,
                "added_tokens_decoder": {"7": {"content": "<x>"}}, "tokenizer_class": "GemmaTokenizer", "mask_token": null}"#),
            (SPECIAL, br#"{"eos_token": "</s>", "pad_token": "<pad>", "additional_special_tokens": ["<y>"]}"#),
        ]))
        .unwrap();
        assert_eq!((declared.end.as_deref(), declared.padding.as_deref()), (Some("<eos>"), Some("<pad>")));
        assert_eq!((declared.adds_end, declared.adds_start, declared.start), (Some(true), None, None));
        assert!(declared.longest.unwrap() > 1 << 40);
        assert_eq!(declared.added, [("<x>".to_owned(), Some(7)), ("<y>".to_owned(), None)]);
        assert_eq!(declared.files.len(), 2);
        assert!(TokenizerDeclaration::read(&source(&[])).unwrap().files.is_empty());
    }

    #[test]
    fn what_cannot_be_done_is_named() {
        for (json, part) in [
            (&br#"{"padding_side": "left"}"#[..], "`padding_side` is \"left\""),
            (br#"{"truncation_side": "left"}"#, "`truncation_side`"),
            (br#"{"split_special_tokens": true}"#, "`split_special_tokens`"),
            (br#"{"auto_map": {"AutoTokenizer": ["x.Y", null]}}"#, "`auto_map`"),
            (br#"{"new_rule": 1}"#, "`new_rule`"),
            (br#"{"eos_token": 5}"#, "`eos_token` is 5"),
            (br#"{"model_max_length": "long"}"#, "`model_max_length` is \"long\""),
            (b"[]", "not a JSON object"),
        ] {
            let files: &'static [(&'static str, &'static [u8])] = Box::leak(Box::new([(CONFIG, json)]));
            let message = TokenizerDeclaration::read(&source(files)).unwrap_err().to_string();
            assert!(message.contains(part) && message.contains(CONFIG), "{message}");
        }
    }
}
