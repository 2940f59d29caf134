//! What can be wrong with prompts.

use std::fmt;

use super::strategy::Aggregation;
use super::template::TemplateError;
use crate::text::message::{joined, listed};
use crate::text::text_file::TextFileError;

/// Why prompts cannot be read or used. `origin` is the file, or the name of the prompt set.
#[derive(Debug, thiserror::Error)]
pub enum PromptError {
    /// The file cannot be read, or is not JSON.
    #[error(transparent)]
    File(#[from] TextFileError),
    /// A text is no template.
    #[error("{place}: {error}")]
    Template {
        /// The file or prompt set, and the line or entry.
        place: String,
        /// What is wrong.
        error: TemplateError,
    },
    /// Something that could be meant in several ways, or in none.
    #[error("{place}: {what}")]
    Unclear {
        /// The file or prompt set, and the line or entry.
        place: String,
        /// What is wrong and what to do.
        what: String,
    },
    /// Prompts per class where templates should be.
    #[error(
        "{origin}: these are prompts per class and no templates; give the file with --cupl, or as cupl = \"…\" in a strategy"
    )]
    NotTemplates {
        /// The file.
        origin: String,
    },
    /// Neither JSON nor a table where prompts per class should be.
    #[error(
        "{error}; prompts per class are a JSON object from class names to lists of sentences, and templates go with --templates"
    )]
    NoJson {
        /// The file.
        origin: String,
        /// What JSON says.
        error: Box<PromptError>,
    },
    /// Descriptors where prompts should be.
    #[error(
        "{origin}: {fragments} of {all} entries are descriptors and no prompts, as {descriptor:?} of {class:?}: they neither name \
         their class nor are sentences; give the file with --descriptors, or as descriptors = \"…\" in a strategy, which makes \
         {prompt:?} of it"
    )]
    Descriptors {
        /// The file.
        origin: String,
        /// A class.
        class: Box<str>,
        /// One of its descriptors.
        descriptor: Box<str>,
        /// What a prompt of it would be.
        prompt: Box<str>,
        /// How many there are.
        fragments: usize,
        /// Entries at all.
        all: usize,
    },
    /// Sentences where descriptors should be.
    #[error(
        "{origin}: these are sentences and no descriptors, as {sentence:?}; give the file with --cupl, or as cupl = \"…\" in a \
         strategy"
    )]
    Sentences {
        /// The file.
        origin: String,
        /// One of them.
        sentence: String,
    },
    /// Descriptors of classes without names.
    #[error(
        "{origin}: {id:?} is no name that a prompt could have before its descriptors; write class names for keys"
    )]
    IdsForNames {
        /// The file.
        origin: String,
        /// A key.
        id: String,
    },
    /// A place of a template in a prompt of a class.
    #[error(
        "{origin}: {class:?}, entry {index} has {mark:?} in it, which nobody fills in: prompts per class are taken as they are; \
         write the class name, or give templates with --templates"
    )]
    PlaceInPrompt {
        /// The file.
        origin: String,
        /// The key.
        class: String,
        /// From 1.
        index: usize,
        /// What stands there.
        mark: String,
    },
    /// A key that selects the prompts of one class.
    #[error(
        "{origin}#{key}: that is the list of one class; prompts per class are taken together, so leave #{key} out"
    )]
    OneClass {
        /// The file.
        origin: String,
        /// The key.
        key: String,
    },
    /// Objects in objects that can be datasets or classes.
    #[error(
        "{origin} has objects in objects, and its texts name neither the outer keys nor the inner ones; if the outer ones are \
         datasets, name one, as in {origin}#{}: {}",
        keys.first().map_or("KEY", String::as_str), listed(keys, 40)
    )]
    TwoLevels {
        /// The file.
        origin: String,
        /// The outer keys.
        keys: Vec<String>,
    },
    /// A class that is there twice in a list.
    #[error("{origin}: the class {key:?} is there twice; keep one")]
    KeyTwice {
        /// The file.
        origin: String,
        /// The class.
        key: String,
    },
    /// Keys that are numbers, and prompts that are of other classes.
    #[error(
        "prompt set {prompt_set:?}: its keys are numbers, but as the numbers of the classes in their order only {named} of {all} \
         prompts name their class; write class names for keys, or give the classes in the order of the numbers (class_order)"
    )]
    NumberedKeys {
        /// The prompt set.
        prompt_set: String,
        /// Prompts that name the class with their number.
        named: usize,
        /// All of them.
        all: usize,
    },
    /// A file of templates without one.
    #[error("{origin}: no templates in it; write one a line, with {{}} where the class name goes")]
    NoTemplates {
        /// The file or prompt set.
        origin: String,
    },
    /// A CuPL file with an empty object.
    #[error("{origin}: no classes in it; it should be an object from class names to lists of prompts")]
    NoClasses {
        /// The file or prompt set.
        origin: String,
    },
    /// A class with no prompts, or blank ones only.
    #[error("{origin}: the class {class:?} has no prompts; write some, or remove the key")]
    NoPrompts {
        /// The file or prompt set.
        origin: String,
        /// The key.
        class: String,
    },
    /// The outermost form of a file is wrong.
    #[error("{origin}: a list was found where an object from class names to lists of prompts should be")]
    NotPerClass {
        /// The file or prompt set.
        origin: String,
    },
    /// The value of a key is not a list.
    #[error("{origin}: {key:?} holds {found}; it should hold a list of texts")]
    NotAList {
        /// The file or prompt set.
        origin: String,
        /// The key.
        key: String,
        /// What it holds, in words.
        found: &'static str,
    },
    /// An entry of a list is not a text.
    #[error("{origin}: {}entry {index} is {found}; it should be a text", in_key(key.as_deref()))]
    NotText {
        /// The file or prompt set.
        origin: String,
        /// The class or dataset the list belongs to.
        key: Option<String>,
        /// From 1.
        index: usize,
        /// What it is, in words.
        found: &'static str,
    },
    /// The file holds templates or prompts per dataset and none was chosen.
    #[error("{origin} holds {what} for several datasets; name one, as in {origin}#{}: {}", keys.first().map_or("KEY", String::as_str), listed(keys, 40))]
    KeyNeeded {
        /// The file.
        origin: String,
        /// What it holds.
        what: &'static str,
        /// The keys in it.
        keys: Vec<String>,
    },
    /// The chosen key is not in the file.
    #[error("{origin} has no key {key:?}; it has {}", if keys.is_empty() { "none".to_owned() } else { listed(keys, 40) })]
    UnknownKey {
        /// The file.
        origin: String,
        /// What was asked for.
        key: String,
        /// The keys in it.
        keys: Vec<String>,
    },
    /// Classes of the dataset that the prompt set does not have.
    #[error(transparent)]
    Mismatch(Box<ClassMismatch>),
    /// A class name that means several keys, or a key that several classes mean.
    #[error(
        "prompt set {prompt_set:?}: the class names {} and the keys {} differ in case, `_`, `-` and blanks only, and none \
         is exact; rename one side, or use a class-name map",
        listed(class_names, 8),
        listed(keys, 8)
    )]
    Ambiguous {
        /// The prompt set.
        prompt_set: String,
        /// The class names that fold to the same text.
        class_names: Vec<String>,
        /// The keys that do.
        keys: Vec<String>,
    },
    /// The name of no aggregation.
    #[error("{0:?} is no aggregation; use mean, pooled-mean, similarity-mean, max, zpe or autoclip")]
    UnknownAggregation(String),
    /// Prompts that cannot be weighed together.
    #[error(
        "{aggregation} finds weights for the first, second and further prompts of all classes, so these need equally \
         many, as with templates: {class:?} has {found}, {first:?} has {expected}; use another aggregation"
    )]
    UnequalPrompts {
        /// The aggregation.
        aggregation: Aggregation,
        /// A class with another number.
        class: String,
        /// Its prompts.
        found: usize,
        /// The first class.
        first: String,
        /// Its prompts.
        expected: usize,
    },
    /// A strategy without a prompt set.
    #[error("the strategy {0:?} has no prompt sets")]
    EmptyStrategy(String),
}

/// The classes of a dataset that a prompt set has no key for; displays as one message that says what is missing, what
/// is left over and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassMismatch {
    /// The prompt set.
    pub prompt_set: String,
    /// How many classes the dataset has.
    pub classes: usize,
    /// The classes without a key, in class order.
    pub missing: Vec<MissingClass>,
    /// The keys that no class asked for, in the order of the file.
    pub left_over: Vec<String>,
}

/// A class without a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingClass {
    /// The class name.
    pub class_name: String,
    /// The left-over keys that look like it, best first; looked up for the first 20 missing classes.
    pub nearest: Vec<String>,
}

impl std::error::Error for ClassMismatch {}

impl fmt::Display for ClassMismatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let missing: Vec<String> = self.missing.iter().take(20).map(MissingClass::described).collect();
        write!(
            formatter,
            "prompt set {:?} has no prompts for {} of {} classes\n  missing: {}",
            self.prompt_set,
            self.missing.len(),
            self.classes,
            joined(&missing, self.missing.len())
        )?;
        if !self.left_over.is_empty() {
            write!(formatter, "\n  left over: {}", listed(&self.left_over, 10))?;
        }
        formatter.write_str(
            "\n  rename the keys, give the dataset a class-name map from its folder names to these keys, or name the key of a \
             class under prompt_keys in the experiment file",
        )
    }
}

impl MissingClass {
    fn described(&self) -> String {
        match self.nearest.as_slice() {
            [] => format!("{:?}", self.class_name),
            nearest => format!("{:?} (nearest {})", self.class_name, listed(nearest, 3)),
        }
    }
}

fn in_key(key: Option<&str>) -> String {
    key.map(|key| format!("{key:?}, ")).unwrap_or_default()
}
