//! From the folder names or labels that were found to ordered classes.

use std::collections::HashMap;

use super::error::DatasetError;
use super::{Class, DatasetImage};
use crate::text::message::listed;

/// A note on the classes that have no image, if there are such.
pub(super) fn note_on_empty(classes: &[Class], images: &[DatasetImage]) -> Option<String> {
    let mut is_empty = vec![true; classes.len()];
    images.iter().for_each(|image| is_empty[image.label] = false);
    let empty = classes.iter().zip(is_empty).filter(|(_, is_empty)| *is_empty);
    let empty: Vec<&str> = empty.map(|(class, _)| class.folder.as_str()).collect();
    match empty.as_slice() {
        [] => None,
        [class] => Some(format!("the class {class:?} has no pictures; it stays a possible answer")),
        _ => Some(format!(
            "{} classes have no pictures; they stay possible answers: {}",
            empty.len(),
            listed(&empty, 10)
        )),
    }
}

/// The places of the classes in the wanted order. Each wanted name is a folder name, or else a class name that one folder
/// alone has.
pub(super) fn ordered(classes: &[Class], order: &[String]) -> Result<Vec<usize>, DatasetError> {
    let mut left: Vec<Option<&Class>> = classes.iter().map(Some).collect();
    let mut ordered = Vec::with_capacity(left.len());
    let mut unknown = Vec::new();
    for wanted in order {
        let by_folder = |class: &Option<&Class>| class.is_some_and(|class| class.folder == *wanted);
        let by_name = |class: &Option<&Class>| class.is_some_and(|class| class.name == *wanted);
        match left.iter().position(by_folder).or_else(|| left.iter().position(by_name)) {
            Some(at) => {
                left[at] = None;
                ordered.push(at);
            }
            None => unknown.push(wanted.as_str()),
        }
    }
    let missing: Vec<&str> = left.iter().flatten().map(|class| class.folder.as_str()).collect();
    let mut problems = Vec::new();
    if !missing.is_empty() {
        problems.push(format!("it lacks {}", listed(&missing, 10)));
    }
    if !unknown.is_empty() {
        problems.push(format!("not in the dataset, or named twice: {}", listed(&unknown, 10)));
    }
    if problems.is_empty() {
        Ok(ordered)
    } else {
        Err(DatasetError::ClassOrder { problem: problems.join("; ") })
    }
}

/// One note per class name that several folders have.
pub(super) fn shared_names(classes: &[Class]) -> Vec<String> {
    let mut folders: HashMap<&str, Vec<&str>> = HashMap::new();
    for class in classes {
        folders.entry(&class.name).or_default().push(&class.folder);
    }
    let first = |class: &&Class| {
        folders.get(class.name.as_str()).is_some_and(|f| f.len() > 1 && f[0] == class.folder)
    };
    classes
        .iter()
        .filter(first)
        .map(|class| {
            format!(
                "the classes {} share the name {:?}, so they get the same prompts and cannot be told apart; give them different \
                 names (--class-names, or class_names in an experiment), and where a CuPL file has one key for them, say \
                 so under prompt_keys",
                listed(&folders[class.name.as_str()], 10),
                class.name
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(pairs: &[(&str, &str)]) -> Vec<Class> {
        let class = |(folder, name): &(&str, &str)| Class { folder: (*folder).into(), name: (*name).into() };
        pairs.iter().map(class).collect()
    }

    fn order(pairs: &[(&str, &str)], wanted: &[&str]) -> Result<Vec<usize>, String> {
        let wanted: Vec<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
        ordered(&classes(pairs), &wanted).map_err(|error| error.to_string())
    }

    #[test]
    fn the_wanted_order_is_by_folder_or_class_name() {
        assert_eq!(order(&[("a", "Ant"), ("b", "c"), ("c", "c")], &["c", "Ant", "b"]), Ok(vec![2, 0, 1]));
        assert_eq!(
            order(&[("a", "crane"), ("b", "bee"), ("c", "crane")], &["crane", "crane", "bee"]),
            Ok(vec![0, 2, 1])
        );
    }

    #[test]
    fn the_wanted_order_names_every_class_once() {
        assert_eq!(
            order(&[("a", "a"), ("b", "b"), ("c", "c")], &["a", "a", "x"]),
            Err("the class order must name every class once: it lacks \"b\", \"c\"; not in the dataset, or named \
                 twice: \"a\", \"x\""
                .to_owned())
        );
    }

    #[test]
    fn classes_that_share_a_name_are_noted() {
        assert_eq!(
            shared_names(&classes(&[("a", "crane"), ("b", "bee"), ("c", "crane")])),
            [
                "the classes \"a\", \"c\" share the name \"crane\", so they get the same prompts and cannot be told apart; \
                 give them different names (--class-names, or class_names in an experiment), and where a CuPL file has \
                 one key for them, say so under prompt_keys"
            ]
        );
    }
}
