//! The files that prompt sets come from, in the forms in which programs and people write them.
//!
//! | file | gives |
//! |---|---|
//! | text | templates, one a line; blank lines and comments are skipped |
//! | JSON or Python list of texts | templates |
//! | JSON object of lists | prompts per class, as CuPL publishes them |
//! | the same under questions, under `prompts`, as pairs, as JSON lines, as CSV | prompts per class |
//! | `file.json#key` | the list or the object under that key, as CLIP_benchmark publishes them; `a/b` goes deeper |
//!
//! What can only mean one thing is read, and a note says how. Everything else is an error with its place: no form of a file
//! may become prompts that nobody meant.

use std::path::Path;

use serde_json::{Map, Value};

use super::descriptors::{Count, DescriptorTemplate};
use super::error::PromptError;
use super::lint::names_class;
use super::list_syntax::{Listed, Unclear, listed};
use super::placeholder::{MarkKind, marks};
use super::prompt_set::{PromptSet, PromptSetContent};
use super::template::Template;
use crate::text::message::{joined, listed as quoted};
use crate::text::name_folding::fold;
use crate::text::text_file::{self, Json, TextFileError};

/// How many names a note shows.
const NAMED: usize = 4;

/// Keys under which programs keep prompts per class beside how they were made.
const WRAPPERS: [&str; 8] =
    ["prompts", "descriptors", "descriptions", "sentences", "captions", "classes", "cupl", "data"];
/// Columns or keys with the class of a record, the likeliest first.
const CLASS_KEYS: [&str; 8] =
    ["class", "class_name", "classname", "category", "label", "label_name", "name", "folder"];
/// Columns or keys with its prompts.
const PROMPT_KEYS: [&str; 13] = [
    "prompt",
    "prompts",
    "sentence",
    "sentences",
    "text",
    "texts",
    "caption",
    "captions",
    "description",
    "descriptions",
    "descriptor",
    "descriptors",
    "response",
];

type Pairs = Vec<(String, Vec<String>)>;

/// A file, or the text of a named set, that becomes a prompt set.
pub(super) struct PromptFile {
    /// The name of the prompt set.
    name: String,
    /// The file or the name, for errors.
    origin: String,
    /// The file's ending in small letters.
    ending: String,
    text: String,
    /// What stands after `#`.
    key: Option<String>,
    /// How it was read, where that is not as it is.
    notes: Vec<String>,
    /// Articles may be open, as in `a(n) {}`.
    has_open_articles: bool,
}

/// A text with its place, for errors.
type Placed = (String, String);

impl PromptFile {
    pub fn open(path: &Path) -> Result<Self, PromptError> {
        let (file, key) = text_file::split_key(path);
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        let (text, encoding) = text_file::read_with_encoding(&file)?;
        Ok(Self {
            name: key.as_ref().map_or_else(|| stem.to_string(), |key| format!("{stem}#{key}")),
            origin: file.display().to_string(),
            ending: file.extension().unwrap_or_default().to_string_lossy().to_lowercase(),
            text,
            key,
            notes: encoding.map(|encoding| format!("it was read as {encoding}")).into_iter().collect(),
            has_open_articles: false,
        })
    }

    pub fn named(name: &str, text: &str) -> Self {
        Self {
            name: name.to_owned(),
            origin: format!("prompt set {name:?}"),
            ending: "json".to_owned(),
            text: text.to_owned(),
            key: None,
            notes: Vec::new(),
            has_open_articles: false,
        }
    }

    /// The same where templates may leave open which article is meant.
    pub fn with_open_articles(self) -> Self {
        Self { has_open_articles: true, ..self }
    }

    /// Templates, or prompts per class.
    pub fn any(mut self) -> Result<PromptSet, PromptError> {
        if self.is_of_records() || matches!(self.ending.as_str(), "jsonl" | "ndjson") {
            return self.sentences();
        }
        let Some(json) = self.json_of_any_ending()? else { return self.templates_of_lines() };
        match self.selected(json)? {
            Json::List(entries) if entries.iter().all(|entry| !entry.is_array() && !entry.is_object()) => {
                self.templates_of_entries(&entries)
            }
            Json::Object(pairs) if self.key.is_none() && holds_templates(&pairs) => {
                Err(self.key_needed(&pairs))
            }
            json => self.sentences_of(json),
        }
    }

    pub fn templates(mut self) -> Result<PromptSet, PromptError> {
        let Some(json) = self.json_of_any_ending()? else { return self.templates_of_lines() };
        let whole = match &json {
            Json::Object(pairs) if self.key.is_none() => Some(pairs.clone()),
            _ => None,
        };
        match (self.selected(json)?, whole) {
            (Json::List(entries), _) => self.templates_of_entries(&entries),
            (Json::Object(pairs), _) if pairs.is_empty() => {
                Err(PromptError::NoTemplates { origin: self.origin })
            }
            (Json::Object(pairs), None) => Err(self.deeper(&pairs)),
            (Json::Object(_), Some(pairs)) if holds_templates(&pairs) || !holds_texts(&pairs) => {
                Err(self.key_needed(&pairs))
            }
            (Json::Object(_), Some(_)) => Err(PromptError::NotTemplates { origin: self.origin }),
        }
    }

    pub fn sentences(mut self) -> Result<PromptSet, PromptError> {
        if self.is_of_records() {
            let pairs = self.pairs_of_records()?;
            return self.sentences_of_pairs(pairs);
        }
        let json = self.json_per_class()?;
        let json = self.selected(json)?;
        self.sentences_of(json)
    }

    pub fn descriptors(mut self, template: &DescriptorTemplate) -> Result<PromptSet, PromptError> {
        let mut pairs = if self.is_of_records() {
            self.pairs_of_records()?
        } else {
            let json = self.json_per_class()?;
            let json = self.selected(json)?;
            self.pairs_of(json)?
        };
        if pairs.is_empty() {
            return Err(PromptError::NoClasses { origin: self.origin });
        }
        self.refuse_places(&pairs)?;
        if let Some((_, sentence)) = Count::of_sentences(&pairs).of_most() {
            return Err(PromptError::Sentences { origin: self.origin, sentence });
        }
        if let Some((id, _)) = pairs.iter().find(|(key, _)| is_id(key)) {
            return Err(PromptError::IdsForNames { origin: self.origin, id: id.clone() });
        }
        let mut bare = Vec::new();
        for (class, descriptors) in &mut pairs {
            let name = class.replace('_', " ");
            let texts = descriptors.iter().map(|text| text.trim()).filter(|text| !text.is_empty());
            let mut prompts: Vec<String> = texts.map(|text| template.fill(&name, text)).collect();
            if prompts.is_empty() {
                bare.push(class.clone());
                prompts.push(name);
            }
            *descriptors = prompts;
        }
        if bare.len() == pairs.len() {
            let class = bare.swap_remove(0);
            return Err(PromptError::NoPrompts { origin: self.origin, class });
        }
        if !bare.is_empty() {
            let names = quoted(&bare, NAMED);
            self.note(format!("classes without descriptors have their name alone as a prompt: {names}"));
        }
        self.checked(pairs)
    }

    /// What [`PromptSet::to_json`] wrote: nothing of it is refused for its words, since it is in the store.
    pub fn kept(mut self) -> Result<PromptSet, PromptError> {
        match Json::parse(&self.text, &self.origin)? {
            Json::List(entries) => self.templates_of_entries(&entries),
            Json::Object(pairs) => {
                let pairs = self.pairs_of_lists(pairs)?;
                self.checked(pairs)
            }
        }
    }

    pub fn templates_of_texts(self, texts: &[String]) -> Result<PromptSet, PromptError> {
        let placed = texts.iter().enumerate().map(|(i, text)| (format!("template {}", i + 1), text.clone()));
        self.templates_of_placed(placed.collect())
    }

    fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// The document, when the file is JSON by its ending or by its content.
    fn json_of_any_ending(&mut self) -> Result<Option<Json>, PromptError> {
        if self.ending == "json" {
            return Ok(Some(self.json()?));
        }
        match Json::parse(&self.text, &self.origin) {
            // `{}` is a template.
            Ok(Json::Object(pairs)) if pairs.is_empty() => Ok(None),
            Ok(json) => {
                self.note("it was read as JSON");
                Ok(Some(json))
            }
            Err(_) => Ok(None),
        }
    }

    fn json(&self) -> Result<Json, PromptError> {
        Json::parse(&self.text, &self.origin).map_err(|error| match error {
            TextFileError::Json { origin, line, column, message } => {
                let hint = self.hint(line, column);
                PromptError::File(TextFileError::Json { origin, line, column, message: message + hint })
            }
            error => error.into(),
        })
    }

    /// What somebody may have meant where JSON has an error.
    fn hint(&self, line: usize, column: usize) -> &'static str {
        let line = self.text.split('\n').nth(line - 1).unwrap_or_default();
        // Columns are bytes, and count what was read.
        let from = line.as_bytes().get(column.saturating_sub(2)..).unwrap_or_default();
        match from {
            [b'\'', ..] | [_, b'\'', ..] => ": JSON has its texts in double quotation marks",
            [b'/', ..] | [_, b'/', ..] | [b'#', ..] | [_, b'#', ..] => ": JSON has no comments; take it away",
            [b'N', b'a', ..] | [_, b'N', b'a', ..] => ": NaN is no JSON; take it away, or write a text",
            _ => "",
        }
    }

    /// The document of prompts per class: JSON, or JSON lines.
    fn json_per_class(&mut self) -> Result<Json, PromptError> {
        let error = match self.json() {
            Ok(json) => return Ok(json),
            Err(error) => error,
        };
        if let Some(records) = self.json_lines() {
            self.note("it was read as JSON lines");
            return Ok(Json::List(records));
        }
        match self.ending.as_str() {
            "json" | "jsonl" | "ndjson" => Err(error),
            _ => Err(PromptError::NoJson { origin: self.origin.clone(), error: Box::new(error) }),
        }
    }

    /// One object a line, if every line is one and there are several.
    fn json_lines(&self) -> Option<Vec<Value>> {
        let lines = text_file::numbered_lines(&self.text).filter(|(_, line)| !line.trim().is_empty());
        let record = |(_, line): (usize, &str)| match Json::parse(line, "").ok()? {
            Json::Object(pairs) => Some(Value::Object(pairs.into_iter().collect())),
            Json::List(_) => None,
        };
        lines.map(record).collect()
    }

    /// The part of a document that the key after `#` names.
    fn selected(&self, json: Json) -> Result<Json, PromptError> {
        let Some(key) = &self.key else { return Ok(json) };
        let Json::Object(pairs) = json else { return Err(self.unknown_key(Vec::new())) };
        let selectable = selectable(&pairs);
        let object: Map<String, Value> = pairs.into_iter().collect();
        match under(&object, key) {
            Some(Value::Object(inner)) => Ok(Json::Object(inner.clone().into_iter().collect())),
            Some(Value::Array(list)) => Ok(Json::List(list.clone())),
            Some(other) => Err(PromptError::NotAList {
                origin: self.origin.clone(),
                key: key.clone(),
                found: text_file::kind(other),
            }),
            None => Err(self.unknown_key(selectable)),
        }
    }

    fn templates_of_lines(mut self) -> Result<PromptSet, PromptError> {
        if self.key.is_some() {
            return Err(self.unknown_key(Vec::new()));
        }
        let listing = listed(&self.text, self.ending == "py");
        let Listed { texts, notes } = listing.map_err(|Unclear { line, what }| PromptError::Unclear {
            place: format!("{} line {line}", self.origin),
            what,
        })?;
        self.notes.extend(notes);
        let placed = texts.into_iter().map(|(line, text)| (format!("line {line}"), text)).collect();
        self.templates_of_placed(placed)
    }

    fn templates_of_entries(self, entries: &[Value]) -> Result<PromptSet, PromptError> {
        let texts = self.texts(entries, self.key.as_deref())?;
        let placed = texts.into_iter().enumerate().map(|(i, text)| (format!("entry {}", i + 1), text));
        self.templates_of_placed(placed.collect())
    }

    fn templates_of_placed(mut self, texts: Vec<Placed>) -> Result<PromptSet, PromptError> {
        let mut templates = Vec::with_capacity(texts.len());
        // Other spellings of a place, each with how many templates have it.
        let mut spellings: Vec<(String, usize)> = Vec::new();
        let mut several = Vec::new();
        for (place, text) in texts {
            let whole = format!("{} {place}", self.origin);
            let (template, spelling) = Template::read(&text)
                .map_err(|error| PromptError::Template { place: whole.clone(), error })?;
            if let (false, Some(article)) = (self.has_open_articles, template.open_article()) {
                let what = format!(
                    "the article {article:?} would be in every prompt; write \"a\", \"an\" or \"the\", or a template with each"
                );
                return Err(PromptError::Unclear { place: whole, what });
            }
            if let Some(spelling) = spelling {
                match spellings.iter_mut().find(|(known, _)| *known == spelling) {
                    Some((_, count)) => *count += 1,
                    None => spellings.push((spelling, 1)),
                }
            }
            if template.n_places() > 1 {
                several.push(place);
            }
            templates.push(template);
        }
        if templates.is_empty() {
            return Err(PromptError::NoTemplates { origin: self.origin });
        }
        for (spelling, count) in spellings {
            let templates = if count == 1 { "a template".to_owned() } else { format!("{count} templates") };
            self.note(format!("{spelling} was taken as the place of the class name in {templates}"));
        }
        if !several.is_empty() {
            let places = joined(&several[..several.len().min(NAMED)], several.len());
            self.note(format!("the class name stands more than once in the template of {places}"));
        }
        Ok(self.prompt_set(PromptSetContent::Templates(templates)))
    }

    fn sentences_of(mut self, json: Json) -> Result<PromptSet, PromptError> {
        let pairs = self.pairs_of(json)?;
        self.sentences_of_pairs(pairs)
    }

    /// Takes prompts per class as a file has them: they must be prompts by themselves.
    fn sentences_of_pairs(self, pairs: Pairs) -> Result<PromptSet, PromptError> {
        self.refuse_places(&pairs)?;
        let count = Count::of_fragments(&pairs);
        let (fragments, all) = (count.found, count.all);
        match count.of_most() {
            Some((class, descriptor)) => {
                let prompt = DescriptorTemplate::default().fill(&class.replace('_', " "), &descriptor);
                Err(PromptError::Descriptors {
                    origin: self.origin,
                    class: class.into(),
                    descriptor: descriptor.into(),
                    prompt: prompt.into(),
                    fragments,
                    all,
                })
            }
            None => self.checked(pairs),
        }
    }

    /// Places of a template in the prompts of classes, which are taken as they are.
    fn refuse_places(&self, pairs: &Pairs) -> Result<(), PromptError> {
        for (class, prompts) in pairs {
            for (index, prompt) in prompts.iter().enumerate() {
                if let Some(mark) = marks(prompt).into_iter().find(|mark| mark.kind != MarkKind::Brace) {
                    return Err(PromptError::PlaceInPrompt {
                        origin: self.origin.clone(),
                        class: class.clone(),
                        index: index + 1,
                        mark: prompt[mark.start..mark.end].to_owned(),
                    });
                }
            }
        }
        Ok(())
    }

    /// The texts of each class, from whichever form has them.
    fn pairs_of(&mut self, json: Json) -> Result<Pairs, PromptError> {
        let pairs = match json {
            Json::List(entries) => {
                // A key that selects a list selects one class of CuPL's form.
                if let (Some(key), true) = (&self.key, entries.iter().all(Value::is_string)) {
                    return Err(PromptError::OneClass { origin: self.origin.clone(), key: key.clone() });
                }
                return self.pairs_of_list(&entries);
            }
            Json::Object(pairs) => pairs,
        };
        if let Some(place) = wrapper(&pairs) {
            let others: Vec<String> =
                pairs.iter().map(|(key, _)| key).filter(|key| **key != pairs[place].0).cloned().collect();
            let key = &pairs[place].0;
            let beside = if others.is_empty() {
                String::new()
            } else {
                format!("; left aside: {}", quoted(&others, NAMED))
            };
            self.note(format!("the prompts were read from {key:?}{beside}"));
            return self.pairs_of(match pairs.into_iter().nth(place) {
                Some((_, Value::Object(inner))) => Json::Object(inner.into_iter().collect()),
                Some((_, Value::Array(list))) => Json::List(list),
                _ => Json::List(Vec::new()),
            });
        }
        if !pairs.is_empty() && pairs.iter().all(|(_, value)| value.is_object()) {
            return self.pairs_of_objects(pairs);
        }
        self.pairs_of_lists(pairs)
    }

    /// An object of lists of texts; a text alone is a list of one.
    fn pairs_of_lists(&mut self, pairs: Vec<(String, Value)>) -> Result<Pairs, PromptError> {
        let mut alone = Vec::new();
        let mut read = Vec::with_capacity(pairs.len());
        for (class, value) in pairs {
            let texts = match &value {
                Value::String(text) => {
                    alone.push(class.clone());
                    vec![text.clone()]
                }
                Value::Array(entries) => self.texts(entries, Some(&class))?,
                other => {
                    return Err(PromptError::NotAList {
                        origin: self.origin.clone(),
                        key: class,
                        found: text_file::kind(other),
                    });
                }
            };
            read.push((class, texts));
        }
        if !alone.is_empty() {
            let names = quoted(&alone, NAMED);
            self.note(format!("classes with a text where a list should be have that one prompt: {names}"));
        }
        Ok(read)
    }

    /// Objects in an object: datasets with their classes, or classes with the questions that their sentences answer. Which of
    /// them is told by the names that the sentences have.
    fn pairs_of_objects(&mut self, pairs: Vec<(String, Value)>) -> Result<Pairs, PromptError> {
        let keys = keys_of(&pairs);
        let mut outer: Vec<(String, Pairs)> = Vec::with_capacity(pairs.len());
        let notes = self.notes.clone();
        for (key, value) in pairs {
            let Value::Object(inner) = value else { continue };
            outer.push((key, self.pairs_of_lists(inner.into_iter().collect())?));
        }
        let sentences = || {
            outer.iter().flat_map(|(outer, inner)| {
                inner
                    .iter()
                    .flat_map(move |(inner, texts)| texts.iter().map(move |text| (outer, inner, text)))
            })
        };
        let all = sentences().count();
        let by_outer = sentences().filter(|(outer, _, text)| names_class(text, outer)).count();
        let by_inner = sentences().filter(|(_, inner, text)| names_class(text, inner)).count();
        if 2 * by_outer > all && by_outer > by_inner {
            let questions: Vec<String> =
                outer.iter().flat_map(|(_, inner)| inner.iter().map(|(key, _)| key.clone())).collect();
            self.note(format!(
                "the prompts of a class are those of all questions under it, as {}",
                quoted(&questions[..1.min(questions.len())], 1)
            ));
            let flat = |inner: Pairs| inner.into_iter().flat_map(|(_, texts)| texts).collect();
            return Ok(outer.into_iter().map(|(class, inner)| (class, flat(inner))).collect());
        }
        let is_datasets = 2 * by_inner > all && by_inner > by_outer;
        if let (true, true, Some((key, inner))) = (is_datasets, outer.len() == 1, outer.pop()) {
            self.note(format!("the prompts were read from {key:?}, which is all there is"));
            return Ok(inner);
        }
        self.notes = notes;
        Err(match is_datasets {
            true => PromptError::KeyNeeded { origin: self.origin.clone(), what: "prompts", keys },
            false => PromptError::TwoLevels { origin: self.origin.clone(), keys },
        })
    }

    /// A list of pairs of a class and its texts, or of records.
    fn pairs_of_list(&mut self, entries: &[Value]) -> Result<Pairs, PromptError> {
        let not_per_class = || PromptError::NotPerClass { origin: self.origin.clone() };
        if entries.is_empty() {
            return Err(not_per_class());
        }
        if entries.iter().all(Value::is_object) {
            return self.pairs_of_objects_in_list(entries);
        }
        let mut pairs: Vec<(String, Value)> = Vec::with_capacity(entries.len());
        for entry in entries {
            let Some([Value::String(class), texts @ Value::Array(_)]) = entry.as_array().map(Vec::as_slice)
            else {
                return Err(not_per_class());
            };
            if pairs.iter().any(|(known, _)| known == class) {
                return Err(PromptError::KeyTwice { origin: self.origin.clone(), key: class.clone() });
            }
            pairs.push((class.clone(), texts.clone()));
        }
        self.note("it was read as a list of classes with their prompts");
        self.pairs_of_lists(pairs)
    }

    /// Records with a class and its prompt or prompts each; those of a class come together.
    fn pairs_of_objects_in_list(&mut self, entries: &[Value]) -> Result<Pairs, PromptError> {
        let first = entries.first().and_then(Value::as_object);
        let key_in = |keys: &[&str]| {
            let record = first?;
            keys.iter().find_map(|wanted| record.keys().find(|key| key.eq_ignore_ascii_case(wanted))).cloned()
        };
        let (Some(class_key), Some(prompt_key)) = (key_in(&CLASS_KEYS), key_in(&PROMPT_KEYS)) else {
            return Err(PromptError::NotPerClass { origin: self.origin.clone() });
        };
        let mut pairs = Pairs::new();
        let mut rejected = 0;
        for (index, entry) in entries.iter().enumerate() {
            let wrong = |key: &str, found: &'static str| PromptError::NotText {
                origin: self.origin.clone(),
                key: Some(key.to_owned()),
                index: index + 1,
                found,
            };
            let value = |key: &str| entry.get(key).unwrap_or(&Value::Null);
            if entry.get("accepted") == Some(&Value::Bool(false)) {
                rejected += 1;
                continue;
            }
            let class = value(&class_key);
            let Some(class) = class.as_str() else { return Err(wrong(&class_key, text_file::kind(class))) };
            let texts = match value(&prompt_key) {
                Value::String(text) => vec![text.clone()],
                Value::Array(list) => self.texts(list, Some(class))?,
                other => return Err(wrong(&prompt_key, text_file::kind(other))),
            };
            match pairs.iter_mut().find(|(known, _)| known == class) {
                Some((_, known)) => known.extend(texts),
                None => pairs.push((class.to_owned(), texts)),
            }
        }
        self.note(format!("each record's class was read from {class_key:?}, its prompt from {prompt_key:?}"));
        if rejected > 0 {
            self.note(format!("{rejected} records that are not accepted were left out"));
        }
        Ok(pairs)
    }

    fn is_of_records(&self) -> bool {
        // A table whose first line names the columns.
        let separator = match self.ending.as_str() {
            "csv" => ',',
            "tsv" => '\t',
            _ => return false,
        };
        let heading = self.text.lines().next().unwrap_or_default();
        let columns: Vec<String> =
            heading.split(separator).map(|name| name.trim().trim_matches('"').to_lowercase()).collect();
        let has = |keys: &[&str]| columns.iter().any(|column| keys.contains(&column.as_str()));
        has(&CLASS_KEYS) && has(&PROMPT_KEYS)
    }

    /// The rows of a table.
    fn pairs_of_records(&mut self) -> Result<Pairs, PromptError> {
        if self.key.is_some() {
            return Err(self.unknown_key(Vec::new()));
        }
        let separator = if self.ending == "tsv" { b'\t' } else { b',' };
        let mut reader = csv::ReaderBuilder::new().delimiter(separator).from_reader(self.text.as_bytes());
        let unreadable =
            |error: csv::Error| PromptError::Unclear { place: self.origin.clone(), what: error.to_string() };
        let columns = reader.headers().map_err(unreadable)?.clone();
        let mut entries = Vec::new();
        for row in reader.records() {
            let row = row.map_err(unreadable)?;
            let cells =
                columns.iter().zip(&row).map(|(column, cell)| (column.trim().to_owned(), cell.into()));
            entries.push(Value::Object(cells.collect()));
        }
        if entries.is_empty() {
            return Err(PromptError::NoClasses { origin: self.origin.clone() });
        }
        self.pairs_of_objects_in_list(&entries)
    }

    /// Leaves blank prompts out; a class must have others.
    pub fn checked(mut self, mut pairs: Pairs) -> Result<PromptSet, PromptError> {
        for (class, prompts) in &mut pairs {
            let before = prompts.len();
            prompts.retain(|prompt| !prompt.trim().is_empty());
            if prompts.is_empty() {
                return Err(PromptError::NoPrompts { origin: self.origin, class: class.clone() });
            }
            match before - prompts.len() {
                0 => {}
                1 => self.note(format!("the class {class:?} has a blank prompt, which is left out")),
                blank => {
                    self.note(format!("the class {class:?} has {blank} blank prompts, which are left out"))
                }
            }
        }
        if pairs.is_empty() {
            return Err(PromptError::NoClasses { origin: self.origin });
        }
        self.notes.extend(notes_on_keys(&pairs));
        self.notes.extend(notes_on_texts(&pairs));
        Ok(self.prompt_set(PromptSetContent::PerClass(pairs)))
    }

    fn prompt_set(self, content: PromptSetContent) -> PromptSet {
        PromptSet { name: self.name, content, notes: self.notes }
    }

    fn texts(&self, entries: &[Value], key: Option<&str>) -> Result<Vec<String>, PromptError> {
        let text = |(i, entry): (usize, &Value)| {
            entry.as_str().map(str::to_owned).ok_or_else(|| PromptError::NotText {
                origin: self.origin.clone(),
                key: key.map(str::to_owned),
                index: i + 1,
                found: text_file::kind(entry),
            })
        };
        entries.iter().enumerate().map(text).collect()
    }

    fn key_needed(&self, pairs: &[(String, Value)]) -> PromptError {
        PromptError::KeyNeeded { origin: self.origin.clone(), what: "templates", keys: keys_of(pairs) }
    }

    /// An object was selected where a list should be: the keys in it go deeper.
    fn deeper(&self, pairs: &[(String, Value)]) -> PromptError {
        let key = self.key.as_deref().unwrap_or_default();
        let keys = pairs.iter().map(|(inner, _)| format!("{key}/{inner}")).collect();
        PromptError::KeyNeeded { origin: self.origin.clone(), what: "templates", keys }
    }

    fn unknown_key(&self, keys: Vec<String>) -> PromptError {
        PromptError::UnknownKey {
            origin: self.origin.clone(),
            key: self.key.clone().unwrap_or_default(),
            keys,
        }
    }
}

/// The value of a key, or of a path of keys with `/` between them.
fn under<'a>(object: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    object.get(path).or_else(|| {
        let splits = path.match_indices('/');
        splits.filter_map(|(at, _)| under(object.get(&path[..at])?.as_object()?, &path[at + 1..])).next()
    })
}

fn keys_of(pairs: &[(String, Value)]) -> Vec<String> {
    pairs.iter().map(|(key, _)| key.clone()).collect()
}

/// The keys that can be selected: of prompts per class none, since they are taken together.
fn selectable(pairs: &[(String, Value)]) -> Vec<String> {
    let is_part = |value: &Value| match value {
        Value::Array(list) => is_of_templates(list),
        value => value.is_object(),
    };
    pairs.iter().filter(|(_, value)| is_part(value)).map(|(key, _)| key.clone()).collect()
}

fn is_of_templates(list: &[Value]) -> bool {
    !list.is_empty()
        && list.iter().all(|entry| entry.as_str().is_some_and(|text| Template::parse(text).is_ok()))
}

/// Whether an object is one of templates per dataset: its first list has placeholders and nothing else.
fn holds_templates(pairs: &[(String, Value)]) -> bool {
    pairs.first().and_then(|(_, value)| value.as_array()).is_some_and(|list| is_of_templates(list))
}

/// Whether an object is one of texts per class.
fn holds_texts(pairs: &[(String, Value)]) -> bool {
    pairs.iter().all(|(_, value)| {
        value.is_string() || value.as_array().is_some_and(|list| list.iter().all(Value::is_string))
    })
}

/// The place of the one key that has the prompts, beside others that say how they were made.
fn wrapper(pairs: &[(String, Value)]) -> Option<usize> {
    let is_wrapped = |value: &Value| match value {
        Value::Object(_) => true,
        Value::Array(list) => {
            !list.is_empty() && list.iter().all(|entry| entry.is_object() || entry.is_array())
        }
        _ => false,
    };
    let is_wrapper = |(key, value): &(String, Value)| {
        WRAPPERS.iter().any(|wrapper| key.eq_ignore_ascii_case(wrapper)) && is_wrapped(value)
    };
    let place = pairs.iter().position(is_wrapper)?;
    let is_scalar = |(_, value): &(String, Value)| !value.is_object() && !value.is_array();
    let are_settings = pairs.iter().enumerate().all(|(other, pair)| other == place || is_scalar(pair));
    are_settings.then_some(place)
}

/// Whether a key is a number, or a synset's id.
fn is_id(key: &str) -> bool {
    let key = key.trim();
    let digits = key.strip_prefix('n').filter(|digits| digits.len() == 8).unwrap_or(key);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Keys that mean the same to everything but an exact comparison.
fn notes_on_keys(pairs: &Pairs) -> Option<String> {
    let mut by_fold = std::collections::HashMap::new();
    let alike = pairs.iter().find_map(|(key, _)| Some((by_fold.insert(fold(key), key)?, key)));
    alike.map(|(first, second)| {
        format!(
            "the keys {first:?} and {second:?} differ in case, `_`, `-` and blanks only: a class gets the prompts of the key that is \
             exactly its name"
        )
    })
}

/// What texts have in them that is kept as it is, and may not be meant.
fn notes_on_texts(pairs: &Pairs) -> Vec<String> {
    let texts =
        || pairs.iter().flat_map(|(class, prompts)| prompts.iter().map(move |prompt| (class, prompt)));
    type Kind = (&'static str, fn(&str) -> bool);
    let kinds: [Kind; 4] = [
        ("braces", |text| !marks(text).is_empty()),
        ("line breaks", |text| text.trim().contains(['\n', '\r'])),
        ("HTML entities", has_entity),
        ("curly quotation marks", |text| text.contains(['“', '”', '‘', '’'])),
    ];
    let mut notes = Vec::new();
    for (what, is_there) in kinds {
        let mut found = texts().filter(|(_, text)| is_there(text));
        if let Some((class, _)) = found.next() {
            let count = found.count() + 1;
            let prompts = match count {
                1 => format!("a prompt of the class {class:?} has {what} in it"),
                _ => format!("{count} prompts have {what} in them, the first of the class {class:?}"),
            };
            notes.push(format!("{prompts}: kept as written, see `prompts lint`"));
        }
    }
    notes
}

fn has_entity(text: &str) -> bool {
    super::lint::entity(text).is_some()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// How a file is to be read.
    #[derive(Clone, Copy, PartialEq, Eq)]
    enum As {
        Templates,
        Cupl,
        Descriptors,
        Any,
    }
    use As::{Any, Cupl, Descriptors, Templates};

    fn read(how: As, name: &str, content: impl AsRef<[u8]>) -> Result<PromptSet, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = name.split('#').next().unwrap();
        std::fs::write(folder.path().join(file), content).unwrap();
        let path: PathBuf = folder.path().join(name);
        let set = match how {
            Templates => PromptSet::read_templates(&path),
            Cupl => PromptSet::read_cupl(&path),
            Descriptors => PromptSet::read_descriptors(&path, &DescriptorTemplate::default()),
            Any => PromptSet::read(&path),
        };
        set.map_err(|error| error.to_string().replace(&format!("{}/", folder.path().display()), ""))
    }

    fn prompts(set: &PromptSet) -> Vec<(&str, Vec<&str>)> {
        match &set.content {
            PromptSetContent::Templates(templates) => {
                vec![("", templates.iter().map(Template::text).collect())]
            }
            PromptSetContent::PerClass(pairs) => pairs
                .iter()
                .map(|(class, prompts)| (class.as_str(), prompts.iter().map(String::as_str).collect()))
                .collect(),
        }
    }

    const CAT: (&str, &str) = ("cat", "A cat is a pet.");
    const DOG: (&str, &str) = ("dog", "A dog barks.");

    fn utf16(text: &str) -> Vec<u8> {
        [&[0xff, 0xfe][..], &text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>()].concat()
    }

    #[test]
    fn one_meaning_in_many_forms_is_read_and_said() {
        let cat_and_dog = r#"{"cat": ["A cat is a pet."], "dog": ["A dog barks."]}"#;
        for (name, content, note) in [
            ("c.json", cat_and_dog.as_bytes().to_vec(), ""),
            ("c.json", utf16(cat_and_dog), "UTF-16LE"),
            ("c.txt", cat_and_dog.as_bytes().to_vec(), ""),
            ("c.json", br#"{"cat": "A cat is a pet.", "dog": ["A dog barks."]}"#.to_vec(), "a text where a list"),
            ("c.json#pets", format!(r#"{{"pets": {cat_and_dog}, "x": {{"y": ["A y."]}}}}"#).into(), ""),
            ("c.json#a/pets", format!(r#"{{"a": {{"pets": {cat_and_dog}}}}}"#).into(), ""),
            ("c.json", format!(r#"{{"pets": {cat_and_dog}}}"#).into(), "which is all there is"),
            ("c.json", format!(r#"{{"model": "gpt-3", "prompts": {cat_and_dog}}}"#).into(), "\"model\""),
            (
                "c.json",
                br#"{"cat": {"q1": ["A cat is a pet."], "q2": []}, "dog": {"q1": [], "q2": ["A dog barks."]}}"#.to_vec(),
                "questions",
            ),
            ("c.json", br#"[["cat", ["A cat is a pet."]], ["dog", ["A dog barks."]]]"#.to_vec(), "a list of classes"),
            (
                "c.jsonl",
                b"{\"class\": \"cat\", \"prompt\": \"A cat is a pet.\"}\n\n{\"class\": \"dog\", \"prompt\": \"A dog barks.\"}\n".to_vec(),
                "JSON lines",
            ),
            (
                "c.jsonl",
                b"{\"class\":\"cat\",\"prompt\":\"A cat is a pet.\",\"accepted\":true}\r\n\
                  {\"class\":\"cat\",\"prompt\":\"No.\",\"accepted\":false}\r\n\
                  {\"class\":\"dog\",\"prompt\":\"A dog barks.\",\"accepted\":true}"
                    .to_vec(),
                "not accepted",
            ),
            ("c.csv", b"class,prompt\ncat,A cat is a pet.\ndog,A dog barks.\n".to_vec(), "each record"),
            ("c.tsv", b"Label\tSentence\r\ncat\tA cat is a pet.\r\ndog\tA dog barks.".to_vec(), "each record"),
        ] {
            for how in [Cupl, Any] {
                if how == Any && name == "c.txt" {
                    continue; // Said to be JSON by its content alone.
                }
                let set = read(how, name, &content).unwrap_or_else(|error| panic!("{name}: {error}"));
                assert_eq!(prompts(&set), [(CAT.0, vec![CAT.1]), (DOG.0, vec![DOG.1])], "{name} {note}");
                assert_eq!(set.notes.is_empty(), note.is_empty(), "{note}: {:?}", set.notes);
                assert!(set.notes.join(" ").contains(note), "{note}: {:?}", set.notes);
            }
        }
    }

    #[test]
    fn what_could_be_meant_in_several_ways_is_refused() {
        let templates = r#"{"pets": ["a {}.", "the {}."], "x": ["{c}"]}"#;
        let cupl = r#"{"cat": ["A cat."], "dog": ["A dog."]}"#;
        let datasets = format!(r#"{{"a": {cupl}, "b": {cupl}}}"#);
        for (how, name, content, parts) in [
            (Cupl, "c.json#nonsense", cupl, &["no key \"nonsense\"; it has none"][..]),
            (Cupl, "c.json#cat", cupl, &["list of one class", "leave #cat out"]),
            (Cupl, "c.csv#x", "class,prompt\ncat,A cat.", &["no key \"x\""]),
            (Cupl, "c.json#c", &datasets, &["no key \"c\"; it has \"a\", \"b\""]),
            (Cupl, "c.json", &datasets, &["prompts for several datasets", "c.json#a"]),
            (
                Cupl,
                "c.json",
                r#"{"a": {"b": ["Green."]}, "c": {"b": ["Red."]}}"#,
                &["objects in objects", "c.json#a"],
            ),
            (Cupl, "c.json", r#"{"a": {"b": ["Green."], "b": ["Red."]}}"#, &["\"b\" is there twice"]),
            (Cupl, "c.json", r#"[["A cat.", "cat"]]"#, &["a list was found"]),
            (Cupl, "c.json", r#"[["cat", ["A cat."]], ["cat", ["Cats."]]]"#, &["\"cat\" is there twice"]),
            (Cupl, "c.json", "[]", &["a list was found"]),
            (
                Cupl,
                "c.json",
                r#"{"cat": ["A cat."], "dog": {"q": ["A dog."]}}"#,
                &["\"dog\" holds an object"],
            ),
            (Cupl, "c.json", r#"{"cat": ["A {} purrs."]}"#, &["\"cat\", entry 1", "\"{}\"", "--templates"]),
            (Cupl, "c.json", r#"{"cat": ["A cat.", "A {class} purrs."]}"#, &["entry 2", "{class}"]),
            (Cupl, "c.json", r#"{"cat": ["A %s purrs."]}"#, &["%s"]),
            (Cupl, "c.json", "{'cat': ['A cat.']}", &["line 1", "double quotation marks"]),
            (Cupl, "c.json", "// mine\n{}", &["line 1", "no comments"]),
            (Cupl, "c.json", r#"{"cat": ["A cat.", NaN]}"#, &["line 1", "NaN"]),
            (Cupl, "c.json", r#"{"cat": ["\ud83d"]}"#, &["line 1", "hex escape"]),
            (
                Cupl,
                "c.txt",
                "a photo of a {}.\n",
                &["line 1", "prompts per class are a JSON object", "--templates"],
            ),
            (
                Cupl,
                "c.json",
                r#"{"cat": ["four legs", "a tail"]}"#,
                &["2 of 2 entries are descriptors", "--descriptors", "\"cat, which has four legs\""],
            ),
            (Any, "c.json", r#"{"cat": ["four legs", "a tail"]}"#, &["--descriptors"]),
            (Descriptors, "c.json", cupl, &["are sentences and no descriptors", "--cupl"]),
            (Descriptors, "c.json", r#"{"n01440764": ["fins"]}"#, &["n01440764", "class names for keys"]),
            (Descriptors, "c.json", r#"{"0": ["fins"]}"#, &["\"0\""]),
            (Descriptors, "c.json", r#"{"cat": ["{} legs"]}"#, &["entry 1"]),
            (Descriptors, "c.json", r#"{"cat": [], "dog": [" "]}"#, &["\"cat\" has no prompts"]),
            (Templates, "t.json", templates, &["several datasets", "t.json#pets"]),
            (Templates, "t.json#dogs", templates, &["no key \"dogs\"; it has \"pets\", \"x\""]),
            (Templates, "t.json", cupl, &["prompts per class and no templates", "--cupl"]),
            (Templates, "t.json#a", r#"{"a": {"en": ["{c}"], "de": ["{c}"]}}"#, &["t.json#a/en"]),
            (Templates, "t.txt#x", "a {}.", &["no key \"x\"; it has none"]),
            (
                Templates,
                "t.txt",
                "a {}.\nitap of {article} {}.",
                &["t.txt line 2", "{article}", "write the words"],
            ),
            (Templates, "t.txt", "a photo of a(n) {}.", &["t.txt line 1", "a(n)"]),
            (Templates, "t.txt", "a {}.\n'the {}.'", &["t.txt line 2", "quotation marks"]),
            (Templates, "t.py", "t = [f'a {c}.']", &["t.py line 1", "lambda"]),
            (Templates, "t.csv", "template\na photo of a {}.", &["t.csv line 1", "no place"]),
        ] {
            let error = read(how, name, content).map(|set| format!("{set:?}")).unwrap_err();
            assert!(error.starts_with(name.split('#').next().unwrap()), "{error}");
            for part in parts {
                assert!(error.contains(part), "{part} is not in {error}");
            }
        }
    }

    #[test]
    fn templates_in_many_forms_are_the_same() {
        for (name, content, note) in [
            ("t.txt", "a {}.\nthe {}.\n", ""),
            ("t.txt", "a {}.\rthe {}.\r", ""),
            ("t.txt", "# mine\na {}.\nthe {}.\n", "comment"),
            ("t.txt", "[\"a {}.\", \"the {}.\"]\n", "JSON"),
            ("t.txt", "['a {}.', 'the {}.']", "Python"),
            ("t.txt", "'a {}.',\n'the {}.',\n", "quotation marks"),
            ("t.py", "t = [\n  lambda c: f'a {c}.',\n  lambda c: f'the {c}.',\n]\n", "Python"),
            (
                "t.txt",
                "a {class}.\nthe {class}.",
                "{class} was taken as the place of the class name in 2 templates",
            ),
            ("t.txt", "a {0}.\nthe %s.", "%s was taken"),
            (
                "t.json",
                "[\"a <class>.\", \"the {}.\"]",
                "<class> was taken as the place of the class name in a template",
            ),
        ] {
            for how in [Templates, Any] {
                let set = read(how, name, content).unwrap_or_else(|error| panic!("{name}: {error}"));
                assert_eq!(prompts(&set), [("", vec!["a {}.", "the {}."])], "{content}");
                assert_eq!(set.notes.is_empty(), note.is_empty(), "{content}: {:?}", set.notes);
                assert!(set.notes.join(" ").contains(note), "{note}: {:?}", set.notes);
            }
        }
        assert_eq!(prompts(&read(Templates, "t.txt", "{}\n").unwrap()), [("", vec!["{}"])]);
        let set = read(Templates, "t.txt", "a {}.\na {} beside a {}.").unwrap();
        assert_eq!(set.notes, ["the class name stands more than once in the template of line 2"]);
        let set = read(Templates, "t.json#a/de", r#"{"a": {"en": ["{c}"], "de": ["ein {c}"]}}"#).unwrap();
        assert_eq!((prompts(&set), set.name.as_str()), (vec![("", vec!["ein {c}"])], "t#a/de"));
    }

    #[test]
    fn descriptors_become_prompts() {
        let set =
            read(Descriptors, "d.json", r#"{"tree_frog": ["four legs", " a tongue "], "dog": []}"#).unwrap();
        assert_eq!(
            prompts(&set),
            [
                ("tree_frog", vec!["tree frog, which has four legs", "tree frog, which is a tongue"]),
                ("dog", vec!["dog"]),
            ]
        );
        assert!(set.notes[0].contains("\"dog\""), "{:?}", set.notes);
        let template = DescriptorTemplate::parse("a photo of a {}, {clause}.").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("d.json");
        std::fs::write(&path, r#"{"pets": {"cat": ["can climb"]}}"#).unwrap();
        let at = PathBuf::from(format!("{}#pets", path.display()));
        let set = PromptSet::read_descriptors(&at, &template).unwrap();
        assert_eq!(prompts(&set), [("cat", vec!["a photo of a cat, which can climb."])]);
    }

    #[test]
    fn what_is_kept_and_may_not_be_meant_is_noted() {
        let content =
            r#"{"Cat": ["A cat\nis {small.", "The cat’s fur."], "cat": ["Black &amp; white cats."]}"#;
        let set = read(Cupl, "c.json", content).unwrap();
        for (note, part) in
            set.notes.iter().zip(["\"Cat\" and \"cat\"", "braces", "line breaks", "HTML entities", "curly"])
        {
            assert!(note.contains(part), "{note}");
        }
        assert_eq!(set.notes.len(), 5, "{:?}", set.notes);
        assert_eq!(prompts(&set)[0].1[0], "A cat\nis {small.");
    }

    #[test]
    fn a_stored_set_keeps_what_a_file_may_not_have() {
        let set = PromptSet::from_json("s", r#"{"cat": ["four {} legs"]}"#).unwrap();
        assert!(set.notes[0].contains("braces"), "{:?}", set.notes);
    }
}
