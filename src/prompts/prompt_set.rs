//! A named list of templates, or of prompts per class. Its files are `prompt_file.rs`'s.
//!
//! Prompts and templates are kept byte for byte, duplicates included, since both decide the embedding; only prompts that
//! are blank are left out, and the notes say so.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use serde_json::Value;

use super::descriptors::DescriptorTemplate;
use super::error::PromptError;
use super::lint::names_class;
use super::matching::{Classes, match_classes};
use super::prompt_file::PromptFile;
use super::template::Template;

/// A named list of templates, or of prompts per class.
#[derive(Debug, Clone, PartialEq)]
pub struct PromptSet {
    /// What screens and messages call it; a file gives its own name without the ending.
    pub name: String,
    /// The prompts.
    pub content: PromptSetContent,
    /// What was left out on reading, in words.
    pub notes: Vec<String>,
}

/// What a prompt set holds. Neither list is ever empty, and no prompt is blank.
#[derive(Debug, Clone, PartialEq)]
pub enum PromptSetContent {
    /// Sentences that every class fills with its name.
    Templates(Vec<Template>),
    /// Per class name, its prompts, in the order of the file.
    PerClass(Vec<(String, Vec<String>)>),
}

/// The prompts of every class of a dataset.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ResolvedPrompts {
    /// Per class, in class order, its prompts; no class is without.
    pub per_class: Vec<Vec<String>>,
    /// The classes whose key is not exactly their name, in class order.
    pub loosely_matched: Vec<LooseMatch>,
    /// The keys that no class asked for.
    pub left_over: Vec<String>,
}

/// A class that got the prompts of a key that is not exactly its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LooseMatch {
    /// The class name in the dataset.
    pub class_name: String,
    /// The key in the prompt set.
    pub key: String,
}

impl PromptSet {
    /// Number of its templates, or of its prompts over all classes.
    pub fn n_prompts(&self) -> usize {
        match &self.content {
            PromptSetContent::Templates(templates) => templates.len(),
            PromptSetContent::PerClass(classes) => classes.iter().map(|(_, prompts)| prompts.len()).sum(),
        }
    }

    /// Reads a file of any form: templates or prompts per class, as its content is.
    ///
    /// # Errors
    /// When the file cannot be read, does not have one of the forms, or could be meant in several ways.
    pub fn read(path: &Path) -> Result<PromptSet, PromptError> {
        PromptFile::open(path)?.any()
    }

    /// Reads templates: a text file, a list of JSON or Python, or `file.json#key`.
    ///
    /// # Errors
    /// When the file cannot be read, has no such key, or an entry is no template.
    pub fn read_templates(path: &Path) -> Result<PromptSet, PromptError> {
        PromptFile::open(path)?.templates()
    }

    /// Reads questions for a language model, which have the form of templates and may leave the article open.
    ///
    /// # Errors
    /// As [`PromptSet::read_templates`].
    pub fn read_llm_prompts(path: &Path) -> Result<PromptSet, PromptError> {
        PromptFile::open(path)?.with_open_articles().templates()
    }

    /// Reads prompts per class: sentences by class name, in one of the forms of `prompt_file.rs`.
    ///
    /// # Errors
    /// When the file cannot be read, has another form, or its entries are no prompts by themselves.
    pub fn read_cupl(path: &Path) -> Result<PromptSet, PromptError> {
        PromptFile::open(path)?.sentences()
    }

    /// Reads descriptors per class, and makes prompts of them.
    ///
    /// # Errors
    /// When the file cannot be read, has another form, has ids for class names, or its entries are sentences.
    pub fn read_descriptors(path: &Path, template: &DescriptorTemplate) -> Result<PromptSet, PromptError> {
        PromptFile::open(path)?.descriptors(template)
    }

    /// The templates of an experiment file or an editor.
    ///
    /// # Errors
    /// When there are none, or one is no template.
    pub fn from_templates(name: &str, templates: &[String]) -> Result<PromptSet, PromptError> {
        PromptFile::named(name, "").templates_of_texts(templates)
    }

    /// Questions for a language model, which have the form of templates and may leave the article open.
    ///
    /// # Errors
    /// When there are none, or one is no template.
    pub fn from_llm_prompts(name: &str, texts: &[String]) -> Result<PromptSet, PromptError> {
        PromptFile::named(name, "").with_open_articles().templates_of_texts(texts)
    }

    /// Prompts per class made elsewhere.
    ///
    /// # Errors
    /// When there are no classes, or one has no prompts.
    pub fn from_pairs(name: &str, pairs: Vec<(String, Vec<String>)>) -> Result<PromptSet, PromptError> {
        PromptFile::named(name, "").checked(pairs)
    }

    /// Reads back what [`PromptSet::to_json`] wrote.
    ///
    /// # Errors
    /// When the text is not a JSON list of templates or an object of prompts per class.
    pub fn from_json(name: &str, text: &str) -> Result<PromptSet, PromptError> {
        PromptFile::named(name, text).kept()
    }

    /// The content as JSON, one prompt a line, ending in a line break: a list of templates, or an object of prompts per
    /// class in their order. Equal contents give equal text, so a hash of it is a content version.
    #[must_use]
    pub fn to_json(&self) -> String {
        let value = match &self.content {
            PromptSetContent::Templates(templates) => templates.iter().map(Template::text).collect(),
            PromptSetContent::PerClass(pairs) => Value::Object(
                pairs.iter().map(|(class, prompts)| (class.clone(), prompts.clone().into())).collect(),
            ),
        };
        format!("{value:#}\n")
    }

    /// The same where classes have the prompts of the key that `keys` names for them, if the set has it. A key that was
    /// named and is no class's name goes.
    #[must_use]
    pub fn with_keys(mut self, keys: &BTreeMap<String, String>, class_names: &[String]) -> PromptSet {
        let PromptSetContent::PerClass(pairs) = &mut self.content else { return self };
        let classes: HashSet<&str> = class_names.iter().map(String::as_str).collect();
        let of_key = |wanted: &String| pairs.iter().find(|(key, _)| key == wanted);
        let mut named = HashSet::new();
        let mut own = Vec::new();
        for class in &classes {
            if let Some((key, prompts)) = keys.get(*class).and_then(of_key) {
                named.insert(key.clone());
                own.push(((*class).to_owned(), prompts.clone()));
            }
        }
        own.sort();
        pairs.retain(|(key, _)| match classes.contains(key.as_str()) {
            true => own.iter().all(|(class, _)| class != key),
            false => !named.contains(key),
        });
        pairs.extend(own);
        self
    }

    /// The prompts of every class. A key is looked up by class name, exactly first, then ignoring case, `_`, `-`, blanks and
    /// Unicode's forms of the same letter; classes with the same name get the same prompts. Where no key is a class's name, one
    /// that is its folder is; where none of them is either, keys may be the classes' numbers.
    ///
    /// # Errors
    /// [`PromptError::Mismatch`] with all classes that have no key, [`PromptError::Ambiguous`], or
    /// [`PromptError::NumberedKeys`].
    pub fn resolve<'a>(&self, classes: impl Into<Classes<'a>>) -> Result<ResolvedPrompts, PromptError> {
        let classes = classes.into();
        match &self.content {
            PromptSetContent::Templates(templates) => Ok(ResolvedPrompts {
                per_class: classes.names.iter().map(|name| filled(templates, name)).collect(),
                ..ResolvedPrompts::default()
            }),
            PromptSetContent::PerClass(pairs) => self.look_up(pairs, classes),
        }
    }

    fn look_up(
        &self,
        pairs: &[(String, Vec<String>)],
        classes: Classes<'_>,
    ) -> Result<ResolvedPrompts, PromptError> {
        let keys: Vec<&str> = pairs.iter().map(|(key, _)| key.as_str()).collect();
        let matches = match_classes(&self.name, classes, &keys)?;
        if matches.are_numbers {
            self.check_numbers(pairs, classes.names, &matches.keys)?;
        }
        let loosely_matched = classes
            .names
            .iter()
            .zip(&matches.keys)
            .filter(|(name, index)| *name != keys[**index])
            .map(|(name, index)| LooseMatch { class_name: name.clone(), key: keys[*index].to_owned() })
            .collect();
        Ok(ResolvedPrompts {
            per_class: matches.keys.iter().map(|index| pairs[*index].1.clone()).collect(),
            loosely_matched,
            left_over: matches.left_over.iter().map(|index| keys[*index].to_owned()).collect(),
        })
    }

    /// Whether the classes are counted as their prompts are: most of these name the class that they go to.
    fn check_numbers(
        &self,
        pairs: &[(String, Vec<String>)],
        class_names: &[String],
        keys: &[usize],
    ) -> Result<(), PromptError> {
        let of_class = |(name, key): (&String, &usize)| {
            pairs[*key].1.iter().filter(|prompt| names_class(prompt, name)).count()
        };
        let named = class_names.iter().zip(keys).map(of_class).sum::<usize>();
        let all = self.n_prompts();
        if 2 * named > all {
            return Ok(());
        }
        Err(PromptError::NumberedKeys { prompt_set: self.name.clone(), named, all })
    }
}

fn filled(templates: &[Template], class_name: &str) -> Vec<String> {
    templates.iter().map(|template| template.fill(class_name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::PathBuf;

    fn file(name: &str, content: impl AsRef<[u8]>) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        (folder, path)
    }

    fn read(name: &str, content: impl AsRef<[u8]>) -> Result<PromptSet, PromptError> {
        let (_folder, path) = file(name, content);
        PromptSet::read(&path)
    }

    /// The message of the error, with the folder of the file cut off.
    fn message(name: &str, content: impl AsRef<[u8]>) -> String {
        let (folder, path) = file(name, content);
        let message = PromptSet::read(&path).unwrap_err().to_string();
        message.replace(&format!("{}/", folder.path().display()), "")
    }

    fn templates(set: &PromptSet) -> Vec<&str> {
        match &set.content {
            PromptSetContent::Templates(templates) => templates.iter().map(Template::text).collect(),
            PromptSetContent::PerClass(_) => panic!("prompts per class"),
        }
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_text_file_is_templates_whatever_its_line_ends_and_mark() {
        for content in ["a {}.\n\n the {c}. \n", "\u{feff}a {}.\r\n\r\n the {c}. \r\n", "a {}.\n the {c}. "] {
            let set = read("hand.txt", content).unwrap();
            assert_eq!(templates(&set), ["a {}.", " the {c}. "]);
            assert_eq!(set.name, "hand");
        }
    }

    #[test]
    fn a_json_list_is_templates_and_an_object_is_prompts_per_class() {
        assert_eq!(templates(&read("t.json", "[\"a {}.\", \"{c}!\"]").unwrap()), ["a {}.", "{c}!"]);
        let set = read(
            "c.json",
            "\u{feff}{\r\n\"zebra\": [\"Stripes.\", \"Stripes.\"], \"ant\": [\" Small \\t.\"]}",
        )
        .unwrap();
        let pairs = vec![
            ("zebra".to_owned(), names(&["Stripes.", "Stripes."])),
            ("ant".to_owned(), names(&[" Small \t."])),
        ];
        assert_eq!(set.content, PromptSetContent::PerClass(pairs));
        assert_eq!(set.notes, Vec::<String>::new());
    }

    #[test]
    fn a_key_after_the_hash_chooses_templates() {
        let (_folder, path) =
            file("t.json", r#"{"cifar10": ["a photo of a {c}."], "pets": ["a {c}, a pet."]}"#);
        let at = |key: &str| PathBuf::from(format!("{}#{key}", path.display()));
        let set = PromptSet::read_templates(&at("pets")).unwrap();
        assert_eq!((templates(&set), set.name.as_str()), (vec!["a {c}, a pet."], "t#pets"));
        assert_eq!(PromptSet::read(&at("pets")).unwrap(), set);

        let end = |error: PromptError| error.to_string().replace(&path.display().to_string(), "t.json");
        assert_eq!(
            end(PromptSet::read_templates(&at("cars")).unwrap_err()),
            "t.json has no key \"cars\"; it has \"cifar10\", \"pets\""
        );
        for error in [PromptSet::read_templates(&path).unwrap_err(), PromptSet::read(&path).unwrap_err()] {
            assert_eq!(
                end(error),
                "t.json holds templates for several datasets; name one, as in t.json#cifar10: \"cifar10\", \"pets\""
            );
        }
    }

    #[test]
    fn a_file_name_with_a_hash_needs_no_key() {
        assert_eq!(read("c#1.txt", "a {}").unwrap().name, "c#1");
    }

    #[test]
    fn a_key_on_a_list_or_a_text_is_an_error() {
        for (name, content) in [("t.json", "[\"{}\"]"), ("t.txt", "{}")] {
            let (_folder, path) = file(name, content);
            let error = PromptSet::read(&PathBuf::from(format!("{}#x", path.display()))).unwrap_err();
            assert!(error.to_string().ends_with("has no key \"x\"; it has none"), "{error}");
        }
    }

    #[test]
    fn blank_prompts_are_left_out_with_a_note() {
        let set = read("c.json", r#"{"ant": ["", "Small.", " \n"], "bee": [" ", "Buzzes."]}"#).unwrap();
        let pairs = vec![("ant".to_owned(), names(&["Small."])), ("bee".to_owned(), names(&["Buzzes."]))];
        assert_eq!(set.content, PromptSetContent::PerClass(pairs));
        assert_eq!(
            set.notes,
            [
                "the class \"ant\" has 2 blank prompts, which are left out",
                "the class \"bee\" has a blank prompt, which is left out"
            ]
        );
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = PromptSet::read(Path::new("/no/such/prompts.json")).unwrap_err();
        assert!(error.to_string().starts_with("cannot read /no/such/prompts.json: "), "{error}");
    }

    #[test]
    fn malformed_json_has_line_and_column() {
        assert_eq!(
            message("c.json", "{\n \"ant\": [\"Small.\",]\n}"),
            "c.json line 2, column 19: trailing comma"
        );
        assert_eq!(
            message("c.json", "{\"ant\": [\"Small.\""),
            "c.json line 1, column 17: EOF while parsing a list"
        );
        assert_eq!(message("c.json", ""), "c.json line 1, column 1: EOF while parsing a value");
        assert_eq!(
            message("c.json", "\"ant\""),
            "c.json line 1, column 5: invalid type: string \"ant\", expected a JSON object or list"
        );
    }

    #[test]
    fn a_key_twice_is_an_error() {
        assert_eq!(
            message("c.json", "{\"ant\": [\"a\"],\n\"bee\": [\"b\"],\n\"ant\": [\"c\"]}"),
            "c.json line 3, column 5: the key \"ant\" is there twice; keep one"
        );
    }

    #[test]
    fn what_is_no_text_is_named_with_its_class_and_entry() {
        assert_eq!(
            message("c.json", r#"{"ant": ["a"], "bee": ["b", 7]}"#),
            "c.json: \"bee\", entry 2 is a number; it should be a text"
        );
        assert_eq!(message("t.json", r#"["a {}", null]"#), "t.json: entry 2 is null; it should be a text");
        assert_eq!(
            message("c.json", r#"{"ant": 7}"#),
            "c.json: \"ant\" holds a number; it should hold a list of texts"
        );
    }

    #[test]
    fn what_has_nothing_in_it_is_an_error() {
        assert_eq!(
            message("c.json", r#"{"ant": ["An ant."], "bee": []}"#),
            "c.json: the class \"bee\" has no prompts; write some, or remove the key"
        );
        assert_eq!(
            message("c.json", r#"{"bee": [" "]}"#),
            "c.json: the class \"bee\" has no prompts; write some, or remove the key"
        );
        assert_eq!(
            message("c.json", "{}"),
            "c.json: no classes in it; it should be an object from class names to lists of prompts"
        );
        for (name, content) in [("t.json", "[]"), ("t.txt", ""), ("t.txt", "\u{feff} \r\n\n")] {
            assert_eq!(
                message(name, content),
                format!("{name}: no templates in it; write one a line, with {{}} where the class name goes")
            );
        }
    }

    #[test]
    fn a_template_without_a_place_is_named_with_its_line() {
        let end = "the template \"a photo.\" has no place for the class name; write {} or {c} there";
        assert_eq!(message("t.txt", "a {}.\n\na photo.\n"), format!("t.txt line 3: {end}"));
        assert_eq!(message("t.json", "[\"a {}.\", \"a photo.\"]"), format!("t.json entry 2: {end}"));
        let error = PromptSet::from_templates("mine", &names(&["a photo."])).unwrap_err();
        assert_eq!(error.to_string(), format!("prompt set \"mine\" template 1: {end}"));
    }

    #[test]
    fn text_that_is_not_utf8_is_named_with_its_line() {
        assert_eq!(
            message("t.txt", b"a {}.\nun caf\xe9 {}\n"),
            "t.txt line 2: not UTF-8 text; save the file as UTF-8"
        );
    }

    #[test]
    fn a_list_is_not_prompts_per_class() {
        let (_folder, path) = file("t.json", "[\"{}\"]");
        let error = PromptSet::read_cupl(&path).unwrap_err();
        assert!(
            error.to_string().contains("an object from class names to lists of prompts should be"),
            "{error}"
        );
    }

    #[test]
    fn prompts_for_other_classes_are_one_error() {
        let set = PromptSet::from_pairs("pets", vec![("beagle".to_owned(), names(&["A dog."]))]).unwrap();
        let error = set.resolve(&names(&["tench", "Beagles", "goldfish"])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "prompt set \"pets\" has no prompts for 3 of 3 classes\n  \
             missing: \"tench\", \"Beagles\" (nearest \"beagle\"), \"goldfish\"\n  left over: \"beagle\"\n  \
             rename the keys, give the dataset a class-name map from its folder names to these keys, or name the key of a \
             class under prompt_keys in the experiment file"
        );
    }

    #[test]
    fn resolving_reports_loose_matches_and_left_overs() {
        let pairs = [("sea horse", "Sea."), ("Ant", "Small."), ("bee", "Buzzes.")];
        let pairs = pairs.map(|(key, prompt)| (key.to_owned(), names(&[prompt])));
        let set = PromptSet::from_pairs("c", pairs.to_vec()).unwrap();
        let resolved = set.resolve(&names(&["Ant", "sea_horse"])).unwrap();
        assert_eq!(resolved.per_class, [names(&["Small."]), names(&["Sea."])]);
        let loose = LooseMatch { class_name: "sea_horse".to_owned(), key: "sea horse".to_owned() };
        assert_eq!(resolved.loosely_matched, [loose]);
        assert_eq!(resolved.left_over, ["bee"]);
    }

    #[test]
    fn json_is_one_prompt_a_line_in_the_order_of_the_file() {
        let set = read("c.json", r#"{"b": ["X.", "É.\n"], "a": ["Y."]}"#).unwrap();
        assert_eq!(
            set.to_json(),
            "{\n  \"b\": [\n    \"X.\",\n    \"É.\\n\"\n  ],\n  \"a\": [\n    \"Y.\"\n  ]\n}\n"
        );
    }

    proptest! {
        #[test]
        fn prompts_per_class_survive_json(
            pairs in prop::collection::btree_map("\\PC{0,8}", prop::collection::vec("[\\PC\n\t]{0,9}\\w", 1..4), 1..6)
        ) {
            let pairs: Vec<(String, Vec<String>)> = pairs.into_iter().rev().collect();
            let set = PromptSet::from_pairs("s", pairs).unwrap();
            prop_assert_eq!(PromptSet::from_json("s", &set.to_json()).unwrap(), set);
        }

        #[test]
        fn templates_survive_json(texts in prop::collection::vec("[a-zé ,.']{0,8}\\{c?\\}[a-zé ,.']{0,8}", 1..6)) {
            let set = PromptSet::from_templates("s", &texts).unwrap();
            prop_assert_eq!(PromptSet::from_json("s", &set.to_json()).unwrap(), set);
        }
    }

    #[test]
    fn classes_get_the_prompts_of_the_key_that_is_named_for_them() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let pairs = ["crane", "maillot", "tench"].map(|key| (key.to_owned(), vec![format!("A {key}.")]));
        let set = PromptSet::from_pairs("c", pairs.to_vec()).unwrap();
        let classes = texts(&["crane", "construction crane", "tank suit", "swimsuit", "tench"]);
        let keys = [
            ("construction crane", "crane"),
            ("tank suit", "maillot"),
            ("swimsuit", "maillot"),
            ("tench", "crane"),
        ];
        let keys: BTreeMap<String, String> =
            keys.into_iter().map(|(class, key)| (class.to_owned(), key.to_owned())).collect();
        assert!(set.clone().resolve(&classes).is_err());
        let resolved = set.clone().with_keys(&keys, &classes).resolve(&classes).unwrap();
        let prompts: Vec<&str> = resolved.per_class.iter().map(|prompts| prompts[0].as_str()).collect();
        assert_eq!(prompts, ["A crane.", "A crane.", "A maillot.", "A maillot.", "A crane."]);
        assert!(resolved.left_over.is_empty() && resolved.loosely_matched.is_empty(), "{resolved:?}");
        let mistyped = [("construction crane".to_owned(), "crnae".to_owned())].into();
        let error = set.with_keys(&mistyped, &classes).resolve(&classes).unwrap_err().to_string();
        assert!(error.contains("construction crane"), "{error}");
    }
}
