//! Labels that are numbers, names or both, and the classes and the dataset that they come to.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use super::classes::classes;
use super::error::DatasetError;
use super::{Class, Dataset, DatasetImage, DatasetOptions, SkippedImage};

/// A label as a file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Label {
    /// An index into the names.
    Number(u64),
    /// The class itself.
    Name(String),
}

impl Label {
    /// A text that is a whole number is one.
    pub(super) fn parse(text: &str) -> Label {
        match text.parse() {
            Ok(number) => Label::Number(number),
            Err(_) => Label::Name(text.to_owned()),
        }
    }
}

/// Labels and what they point to.
#[derive(Debug)]
pub(super) struct Labelled {
    /// Ordered and named as the options say.
    pub(super) classes: Vec<Class>,
    /// For each label the index of its class; none for a number beyond the names.
    pub(super) labels: Vec<Option<usize>>,
    /// What is odd about the names.
    pub(super) notes: Vec<String>,
}

impl Labelled {
    /// The classes are `names` in their order, if there are any: a number is an index into them, a name one of them.
    /// Otherwise the classes are all labels: numbers up to the largest one, or names, sorted bytewise; where some labels
    /// are names, all are.
    ///
    /// # Errors
    /// When the options do not fit.
    pub(super) fn new(
        labels: &[Label],
        names: Option<Vec<String>>,
        options: &DatasetOptions,
    ) -> Result<Labelled, DatasetError> {
        let largest = labels.iter().try_fold(None, |largest, label| match label {
            Label::Number(number) => Some(largest.max(Some(*number))),
            Label::Name(_) => None,
        });
        let text = |label: &Label| match label {
            Label::Number(number) => number.to_string(),
            Label::Name(name) => name.clone(),
        };
        let is_numbered = names.is_some() || largest.is_some();
        let mut unnamed = None;
        let folders = match (names, largest.flatten()) {
            (Some(names), _) => distinct(names),
            (None, Some(largest)) if (largest as usize) < labels.len().max(1 << 20) => {
                unnamed = Some(
                    "the labels are numbers without names: classes are called 0, 1 and so on; name them with a \
                                class-name list (--class-names, or class_names in an experiment)",
                );
                (0..=largest).map(|number| number.to_string()).collect()
            }
            (None, _) => labels.iter().map(text).collect::<BTreeSet<_>>().into_iter().collect(),
        };
        let number_of: HashMap<&str, usize> =
            folders.iter().enumerate().map(|(number, folder)| (folder.as_str(), number)).collect();
        let numbers: Vec<Option<usize>> = labels
            .iter()
            .map(|label| match label {
                Label::Number(number) if is_numbered => {
                    usize::try_from(*number).ok().filter(|number| *number < folders.len())
                }
                label => number_of.get(text(label).as_str()).copied(),
            })
            .collect();
        let (classes, mut notes) = classes(&folders, options)?;
        if options.class_names.is_none() {
            notes.extend(unnamed.map(str::to_owned));
        }
        let place_of: HashMap<&str, usize> =
            classes.iter().enumerate().map(|(place, class)| (class.folder.as_str(), place)).collect();
        let place = |number: usize| place_of.get(folders[number].as_str()).copied();
        let labels = numbers.into_iter().map(|number| number.and_then(place)).collect();
        Ok(Labelled { classes, labels, notes })
    }
}

/// Names that are there twice get their number, so that labels can be told apart.
fn distinct(names: Vec<String>) -> Vec<String> {
    let mut count: HashMap<String, usize> = HashMap::new();
    for name in &names {
        *count.entry(name.clone()).or_default() += 1;
    }
    let named = |(number, name): (usize, String)| match count[&name] {
        1 => name,
        _ => format!("{name} ({number})"),
    };
    names.into_iter().enumerate().map(named).collect()
}

impl Dataset {
    /// A dataset of images whose labels are told apart.
    pub(super) fn of_labelled(
        path: &Path,
        images: Vec<DatasetImage>,
        labels: &[Label],
        labelled: Labelled,
        mut skipped: Vec<SkippedImage>,
    ) -> Result<Dataset, DatasetError> {
        let Labelled { classes, labels: places, notes } = labelled;
        let mut kept = Vec::with_capacity(images.len());
        for ((image, place), label) in images.into_iter().zip(places).zip(labels) {
            match place {
                Some(label) => kept.push(DatasetImage { label, ..image }),
                None => skipped.push(SkippedImage {
                    name: image.name,
                    reason: match label {
                        Label::Number(number) => {
                            format!("its label is {number}, and there are {} classes", classes.len())
                        }
                        Label::Name(name) => {
                            format!("its label {name:?} is none of the {} classes", classes.len())
                        }
                    },
                }),
            }
        }
        if kept.is_empty() {
            return Err(DatasetError::NoImages { path: path.to_owned(), skipped: skipped.len(), ignored: 0 });
        }
        if let [class] = classes.as_slice() {
            return Err(DatasetError::OneClass { path: path.to_owned(), class: class.name.clone() });
        }
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Dataset { classes, images: kept, skipped, notes, ..Dataset::empty(name, "labelled images") })
    }
}

#[cfg(test)]
mod tests {
    use super::super::ClassNameMap;
    use super::*;

    fn texts(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn labelled(
        labels: &[&str],
        names: Option<&[&str]>,
        options: &DatasetOptions,
    ) -> (Vec<String>, Vec<Option<usize>>) {
        let labels: Vec<Label> = labels.iter().map(|label| Label::parse(label)).collect();
        let found = Labelled::new(&labels, names.map(texts), options).unwrap();
        (found.classes.into_iter().map(|class| class.name).collect(), found.labels)
    }

    #[test]
    fn numbers_point_into_names() {
        let plain = DatasetOptions::default();
        assert_eq!(
            labelled(&["2", "0", "3"], Some(&["frog", "cat", "ant"]), &plain),
            (texts(&["frog", "cat", "ant"]), vec![Some(2), Some(0), None])
        );
        assert_eq!(labelled(&["2", "0"], None, &plain), (texts(&["0", "1", "2"]), vec![Some(2), Some(0)]));
        assert_eq!(
            labelled(&["1", "2"], Some(&["crane", "bee", "crane"]), &plain).0,
            texts(&["crane (0)", "bee", "crane (2)"])
        );
    }

    #[test]
    fn names_are_classes_themselves() {
        let plain = DatasetOptions::default();
        assert_eq!(
            labelled(&["frog", "10", "ant"], None, &plain),
            (texts(&["10", "ant", "frog"]), vec![Some(2), Some(0), Some(1)])
        );
        assert_eq!(
            labelled(&["frog", "bee", "1"], Some(&["frog", "ant"]), &plain),
            (texts(&["frog", "ant"]), vec![Some(0), None, Some(1)])
        );
    }

    #[test]
    fn the_wanted_order_moves_labels_along() {
        let options = DatasetOptions {
            class_order: Some(texts(&["Cat", "frog"])),
            class_names: Some(ClassNameMap::from_pairs(vec![
                ("1".to_owned(), "Cat".to_owned()),
                ("0".to_owned(), "frog".to_owned()),
            ])),
            ..Default::default()
        };
        assert_eq!(labelled(&["1", "0"], None, &options), (texts(&["Cat", "frog"]), vec![Some(0), Some(1)]));
    }
}
