//! From the folder names or labels that were found to ordered classes.

use std::collections::HashMap;

use super::error::DatasetError;
use super::{Class, DatasetImage, DatasetOptions};
use crate::message::listed;

/// The classes of bytewise sorted, distinct folder names, named and ordered as the options say, with notes on what is
/// odd about the names.
pub(super) fn classes(
    folders: &[String],
    options: &DatasetOptions,
) -> Result<(Vec<Class>, Vec<String>), DatasetError> {
    let (names, mut notes) = match &options.class_names {
        Some(map) => map.apply(folders)?,
        None => (folders.to_vec(), Vec::new()),
    };
    let mut classes: Vec<Class> =
        folders.iter().zip(names).map(|(folder, name)| Class { folder: folder.clone(), name }).collect();
    if let Some(order) = &options.class_order {
        classes = ordered(classes, order)?;
    }
    notes.extend(shared_names(&classes));
    Ok((classes, notes))
}

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

/// Each wanted name is a folder name, or else a class name that one folder alone has.
fn ordered(classes: Vec<Class>, order: &[String]) -> Result<Vec<Class>, DatasetError> {
    let mut left: Vec<Option<Class>> = classes.into_iter().map(Some).collect();
    let mut ordered = Vec::with_capacity(left.len());
    let mut unknown = Vec::new();
    for wanted in order {
        let by_folder = |class: &Option<Class>| class.as_ref().is_some_and(|class| class.folder == *wanted);
        let by_name = |class: &Option<Class>| class.as_ref().is_some_and(|class| class.name == *wanted);
        let at = left.iter().position(by_folder).or_else(|| left.iter().position(by_name));
        match at.and_then(|at| left[at].take()) {
            Some(class) => ordered.push(class),
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
fn shared_names(classes: &[Class]) -> Vec<String> {
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
    use super::super::ClassNameMap;
    use super::*;

    fn texts(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn named(pairs: &[(&str, &str)]) -> Option<ClassNameMap> {
        Some(ClassNameMap::from_pairs(
            pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect(),
        ))
    }

    fn order(options: &DatasetOptions) -> Result<Vec<String>, String> {
        let (classes, _) = classes(&texts(&["a", "b", "c"]), options).map_err(|error| error.to_string())?;
        Ok(classes.into_iter().map(|class| class.folder).collect())
    }

    #[test]
    fn the_wanted_order_is_by_folder_or_class_name() {
        let options = DatasetOptions {
            class_names: named(&[("a", "Ant"), ("b", "c")]),
            class_order: Some(texts(&["c", "Ant", "b"])),
            root: None,
        };
        assert_eq!(order(&options), Ok(texts(&["c", "a", "b"])));
    }

    #[test]
    fn the_wanted_order_names_every_class_once() {
        let wanted =
            |names: &[&str]| DatasetOptions { class_order: Some(texts(names)), ..Default::default() };
        assert_eq!(
            order(&wanted(&["a", "a", "x"])),
            Err("the class order must name every class once: it lacks \"b\", \"c\"; not in the dataset, or named \
                 twice: \"a\", \"x\""
                .to_owned())
        );
    }

    #[test]
    fn classes_that_share_a_name_are_noted() {
        let options = DatasetOptions {
            class_names: named(&[("a", "crane"), ("b", "bee"), ("c", "crane")]),
            ..Default::default()
        };
        let (classes, notes) = classes(&texts(&["a", "b", "c"]), &options).unwrap();
        assert_eq!(classes[2], Class { folder: "c".to_owned(), name: "crane".to_owned() });
        assert_eq!(
            notes,
            [
                "the classes \"a\", \"c\" share the name \"crane\", so they get the same prompts and cannot be told apart; \
                 give them different names (--class-names, or class_names in an experiment), and where a CuPL file has \
                 one key for them, say so under prompt_keys"
            ]
        );
    }
}
