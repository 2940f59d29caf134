//! What labels mean, whatever form they come in: the one place where images, their labels and the lists and maps of class
//! names become a dataset.
//!
//! - Where all labels are whole numbers they are numbers: sorted by value, matched by value, and indices into a list of
//!   class names if there is one. Otherwise all of them are names, sorted bytewise.
//! - A list of class names is the dataset's own (`classnames.txt`, the metadata of a Parquet file) or the user's. A number
//!   beyond it is an error: nobody knows what the other numbers mean then.
//! - An image without a label is left out. A negative number is no label, as most datasets have it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;

use super::class_names::Names;
use super::classes::{note_on_empty, ordered, shared_names};
use super::error::DatasetError;
use super::label::{Label, NamesOfNumbers, is_no_number, whole_number};
use super::listed_names::{ListedNames, Renamed, told_apart};
use super::{Class, Dataset, DatasetImage, DatasetOptions, SkippedImage, synsets};

use crate::text::message::listed;
use crate::text::name_folding::fold;

/// Images and labels as a form of dataset lists them.
#[derive(Default)]
pub(super) struct LabelledImages {
    /// Their `label` says nothing yet.
    pub(super) images: Vec<DatasetImage>,
    /// One an image.
    pub(super) labels: Vec<Label>,
    /// Labels of classes that need not have an image.
    pub(super) further: Vec<Label>,
    /// The dataset's own list of class names, and where it comes from.
    pub(super) names: Option<(Vec<String>, String)>,
    /// What the dataset calls the classes whose labels are numbers, where it says so beside each label.
    pub(super) names_of_numbers: NamesOfNumbers,
    /// Every label is a class, also one that elsewhere stands for none: folders are there because somebody made them.
    pub(super) all_are_classes: bool,
    /// The wanted class order may name further classes.
    pub(super) order_may_add: bool,
    pub(super) skipped: Vec<SkippedImage>,
    pub(super) ignored: Vec<String>,
    pub(super) notes: Vec<String>,
}

/// What makes labels the same class.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Identity {
    Number(i128),
    Text(String),
}

/// Classes, and the place of each label among them or why it has none.
struct Understood {
    classes: Vec<Class>,
    place_of: HashMap<Label, Result<usize, String>>,
    /// Labels are places in a list.
    by_place: bool,
    /// How the labels were understood.
    words: String,
    notes: Vec<String>,
}

impl Dataset {
    /// Makes a dataset of what was found at `path`; relative files of names are looked for around `place`. Every dataset
    /// of files is made here.
    ///
    /// # Errors
    /// When no image has a label, a label cannot be meant, two images have one name, there are fewer than two classes, or the
    /// options do not fit.
    pub(super) fn from_labelled(
        path: &Path,
        place: &Path,
        found: LabelledImages,
        options: &DatasetOptions,
    ) -> Result<Dataset, DatasetError> {
        let LabelledImages {
            images,
            labels,
            further,
            names,
            names_of_numbers,
            all_are_classes,
            order_may_add,
            mut skipped,
            ignored,
            mut notes,
        } = found;
        if images.is_empty() && further.is_empty() {
            let ignored = ignored.len();
            return Err(DatasetError::NoImages { path: path.to_owned(), left_out: skipped, ignored });
        }
        check_names(path, &images)?;
        let own_map = names_of_numbers.map().map_err(|problem| labels_problem(path, problem))?;
        let with_own = DatasetOptions { class_names: own_map, ..options.clone() };
        let named = with_own.class_names.is_some() && options.class_names.is_none() && names.is_none();
        let options = if named { &with_own } else { options };
        if named {
            notes.push("the dataset itself names its classes, beside their numbers".to_owned());
        }
        let labels_of = Labels::new(path, &labels, &further, all_are_classes);
        let Understood { classes, place_of, words, notes: told, .. } =
            labels_of.understood(names, place, order_may_add, options)?;
        let mut kept = Vec::with_capacity(images.len());
        for (image, label) in images.into_iter().zip(&labels) {
            match place_of.get(label) {
                Some(Ok(place)) => kept.push(DatasetImage { label: *place, ..image }),
                Some(Err(reason)) => {
                    skipped.push(SkippedImage { name: image.name, reason: reason.clone() });
                }
                None => skipped.push(SkippedImage { name: image.name, reason: label.why_none() }),
            }
        }
        if let [class] = classes.as_slice() {
            return Err(DatasetError::OneClass {
                path: path.to_owned(),
                class: class.folder.clone(),
                left_out: skipped,
            });
        }
        if kept.is_empty() {
            let ignored = ignored.len();
            return Err(DatasetError::NoImages { path: path.to_owned(), left_out: skipped, ignored });
        }
        notes.extend(told);
        notes.extend(note_on_empty(&classes, &kept));
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Dataset {
            classes,
            images: kept,
            skipped,
            ignored,
            notes,
            labels: words,
            ..Dataset::empty(name, "labelled images")
        })
    }
}

fn labels_problem(path: &Path, problem: String) -> DatasetError {
    DatasetError::Labels { path: path.to_owned(), problem }
}

/// Images are known by their names: in runs, in lists of misses, in explanations.
fn check_names(path: &Path, images: &[DatasetImage]) -> Result<(), DatasetError> {
    let mut names = HashSet::with_capacity(images.len());
    match images.iter().find(|image| !names.insert(image.name.as_str())) {
        Some(image) => Err(DatasetError::SameImageName { path: path.to_owned(), name: image.name.clone() }),
        None => Ok(()),
    }
}

/// The labels of a dataset, each once.
struct Labels<'a> {
    path: &'a Path,
    /// Those of images and those of classes that need not have one.
    distinct: HashSet<&'a Label>,
    /// All are whole numbers.
    are_numbers: bool,
    all_are_classes: bool,
    n_images: usize,
}

impl<'a> Labels<'a> {
    fn new(path: &'a Path, labels: &'a [Label], further: &'a [Label], all_are_classes: bool) -> Self {
        let distinct: HashSet<&Label> = labels.iter().chain(further).collect();
        let stands_for_none = |label: &&&Label| !all_are_classes && label.is_none_beside_numbers();
        let mut given = distinct.iter().filter(|label| !stands_for_none(label)).peekable();
        let are_numbers = given.peek().is_some() && given.all(|label| label.number().is_some());
        Self { path, distinct, are_numbers, all_are_classes, n_images: labels.len() }
    }

    /// What makes a label a class; nothing for no label.
    fn identity(&self, label: &Label) -> Option<Identity> {
        match (label, label.number()) {
            (Label::Missing, _) => None,
            (_, Some(number)) if is_no_number(number) && !self.all_are_classes => None,
            (_, number) if self.are_numbers => number.map(Identity::Number),
            _ => Some(Identity::Text(label.words().into_owned())),
        }
    }

    /// The labels that are classes, sorted, with one way of writing each.
    fn identities(&self) -> BTreeMap<Identity, String> {
        let mut identities: BTreeMap<Identity, String> = BTreeMap::new();
        for label in &self.distinct {
            if let Some(identity) = self.identity(label) {
                let words = match &identity {
                    Identity::Number(number) if label.words().contains('.') => number.to_string().into(),
                    _ => label.words(),
                };
                let written = identities.entry(identity).or_insert_with(|| words.clone().into_owned());
                if (words.len(), &*words) < (written.len(), written.as_str()) {
                    *written = words.into_owned();
                }
            }
        }
        identities
    }

    fn problem(&self, problem: String) -> DatasetError {
        labels_problem(self.path, problem)
    }

    fn understood(
        &self,
        own: Option<(Vec<String>, String)>,
        place: &Path,
        order_may_add: bool,
        options: &DatasetOptions,
    ) -> Result<Understood, DatasetError> {
        let identities = self.identities();
        if identities.is_empty() && self.n_images > 0 {
            return Err(self.problem(format!(
                "none of its {} images has a label (they are empty or less than zero), as usual in a split whose answers \
                 are kept secret; choose another split, or give labels in a manifest",
                self.n_images
            )));
        }
        let notes = self.check_meaning(&identities, own.is_some() || options.class_names.is_some())?;
        if self.all_are_classes && identities.len() < self.distinct.len() {
            let numbers: BTreeSet<_> = self.distinct.iter().map(|label| label.words()).collect();
            let numbers: Vec<_> = numbers.into_iter().collect();
            return Err(self.problem(format!(
                "two folders stand for one number; rename one of {}",
                listed(&numbers, 10)
            )));
        }
        let first = options.first_label.unwrap_or(0);
        let users = options.class_names.as_ref().map(|map| &map.names);
        let mut understood = match (own, users) {
            (Some((own, _)), Some(Names::ByFolder(pairs)))
                if self.leave(own.len(), first) && self.all_named(pairs) =>
            {
                self.by_themselves(identities, place, order_may_add, options)?
            }
            (Some((own, origin)), users) => {
                let (names, notes) =
                    Renamed { own, origin, first }.by(users).map_err(|problem| self.problem(problem))?;
                let mut understood = self.in_list(names, options)?;
                understood.notes.splice(0..0, notes);
                understood
            }
            (None, Some(Names::ByFolder(pairs))) if self.are_numbers && synsets::are_ids(pairs) => {
                self.in_list(ListedNames::from_synsets(pairs.clone()), options)?
            }
            (None, Some(Names::InOrder(list))) => {
                let names = ListedNames::from_user(list.clone());
                if self.are_numbers || self.all_listed(list) {
                    self.in_list(names, options)?
                } else {
                    self.laid_over(names, &identities)?
                }
            }
            (None, _) => self.by_themselves(identities, place, order_may_add, options)?,
        };
        if options.first_label.is_some() && !understood.by_place {
            let note = "first_label says nothing here: labels are no places in a list of class names";
            understood.notes.push(note.to_owned());
        }
        if let Some(order) = &options.class_order {
            understood.put_in_order(order)?;
        }
        if let Some(class) = understood.classes.iter().position(|class| class.name.trim().is_empty()) {
            return Err(self.problem(format!(
                "class {class} (counted from 0) of {} has a blank name, which would be missing in every prompt; name the classes with \
                 --class-names (class_names in an experiment)",
                understood.classes.len()
            )));
        }
        understood.notes.extend(notes);
        understood.notes.extend(shared_names(&understood.classes));
        Ok(understood)
    }

    /// Notes on labels that may not be meant as they are.
    ///
    /// # Errors
    /// Where they cannot be classes.
    fn check_meaning(
        &self,
        identities: &BTreeMap<Identity, String>,
        is_named: bool,
    ) -> Result<Vec<String>, DatasetError> {
        let negative = self.distinct.iter().find(|label| label.number().is_some_and(|number| number < 0));
        if let (Some(negative), 1, true) =
            (negative, identities.len(), self.are_numbers && !self.all_are_classes)
        {
            return Err(self.problem(format!(
                "labels are {} and {}, of which the first stands for no label; write them as 0 and 1, or as names",
                negative.words(),
                identities.values().next().map_or("", String::as_str)
            )));
        }
        let mut notes = Vec::new();
        if self.are_numbers {
            return Ok(notes);
        }
        let names: Vec<&str> = identities.values().map(String::as_str).collect();
        if are_answers(&names) && !is_named {
            notes.push(format!(
                "labels are {}: these are answers of yes and no, taken for class names; say what they mean with --class-names \
                 (class_names in an experiment), a map as {{{:?}: \"…\"}}",
                listed(&names, 10),
                names[0]
            ));
        }
        if !self.all_are_classes {
            if let Some(several) = names.iter().find(|name| is_several(name, identities)) {
                return Err(self.problem(format!(
                    "{several:?} looks like several labels of one image; several labels an image are not evaluated here, a class \
                     is one label"
                )));
            }
            let words: usize = names.iter().map(|name| name.split_whitespace().count()).sum();
            let as_many = names.len() * 10 >= self.n_images * 9;
            if as_many && names.len() >= 3 && words >= 4 * names.len() && !is_named {
                return Err(self.problem(format!(
                    "there are {} different labels for {} images, as {:?}: these are captions, not classes; name the column or \
                     member that has the class `label`",
                    names.len(),
                    self.n_images,
                    names[0]
                )));
            }
            if names.len() == self.n_images && self.n_images >= 20 && !is_named {
                notes.push(format!(
                    "every one of the {} images has a class of its own; are these labels classes?",
                    self.n_images
                ));
            }
        }
        let mut alike: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for name in &names {
            alike.entry(fold(name)).or_default().push(name);
        }
        notes.extend(alike.into_values().filter(|names| names.len() > 1).map(|names| {
            format!(
                "classes whose names are written differently but mean the same stay apart: {}; give one name to all if they are one \
                 class",
                listed(&names, 10)
            )
        }));
        Ok(notes)
    }

    /// The numbers among the labels.
    fn numbers(&self) -> impl Iterator<Item = i128> {
        let numbers = self.distinct.iter().filter_map(|label| label.number());
        numbers.filter(|number| self.all_are_classes || !is_no_number(*number))
    }

    /// Whether a number is beyond a list of so many names.
    fn leave(&self, names: usize, first: u64) -> bool {
        let (first, end) = (i128::from(first), i128::from(first) + names as i128);
        self.are_numbers && self.numbers().any(|number| number < first || number >= end)
    }

    /// Whether a map has a name for each number.
    fn all_named(&self, pairs: &[(String, String)]) -> bool {
        let named: HashSet<i128> = pairs.iter().filter_map(|(label, _)| whole_number(label)).collect();
        self.numbers().all(|number| named.contains(&number))
    }

    /// Whether all labels are texts that are in a list.
    fn all_listed(&self, list: &[String]) -> bool {
        let list: HashSet<&str> = list.iter().map(String::as_str).collect();
        self.distinct.iter().all(|label| match label {
            Label::Missing => true,
            Label::Number(_) => false,
            Label::Text(text) => list.contains(text.as_str()),
        })
    }

    /// The classes are the names of a list; a label is a name in it or a number, its place.
    fn in_list(&self, names: ListedNames, options: &DatasetOptions) -> Result<Understood, DatasetError> {
        let ListedNames { labels: listed_labels, names, origin } = names;
        let first = i128::from(options.first_label.unwrap_or(0));
        let mut at: HashMap<&str, Vec<usize>> = HashMap::new();
        listed_labels.iter().enumerate().for_each(|(place, name)| at.entry(name).or_default().push(place));
        self.check_digits(&listed_labels, first, &origin)?;
        let place_named = |label: &Label| match label {
            Label::Text(text) if !self.are_numbers => at.get(text.as_str()),
            _ => None,
        };
        let number_of = |label: &Label| match label {
            Label::Text(_) if !self.are_numbers => None,
            _ => label.number().filter(|number| self.all_are_classes || !is_no_number(*number)),
        };
        let numbers: BTreeSet<i128> = self.distinct.iter().filter_map(|label| number_of(label)).collect();
        let mut notes = Vec::new();
        if let (Some(smallest), Some(largest)) = (numbers.first(), numbers.last()) {
            let last = first + names.len() as i128 - 1;
            if *smallest < first || *largest > last {
                let remedy = if *smallest > first && *largest - *smallest < names.len() as i128 {
                    format!(
                        "do they count from {smallest}? Then say --first-label {smallest} (first_label in an experiment), \
                         or"
                    )
                } else {
                    "is it the list of another dataset? If not,".to_owned()
                };
                return Err(self.problem(format!(
                    "labels run from {smallest} to {largest}, and {origin} has {} names, for {first} to {last}: {remedy} \
                     give a map that names every label as --class-names",
                    names.len()
                )));
            }
            if options.first_label.is_none() && *smallest == 1 && numbers.len() > 1 {
                notes.push(format!(
                    "labels run from 1 to {largest}, and are taken for places in {origin} ({} names) that count from 0: 1 is \
                     {:?}; if they count from 1, say --first-label 1 (first_label in an experiment)",
                    names.len(),
                    names[1]
                ));
            }
        }
        let place = |label: &Label| -> Option<Result<usize, String>> {
            self.identity(label)?;
            Some(match (place_named(label), number_of(label)) {
                (Some(places), _) if places.len() == 1 => Ok(places[0]),
                (Some(places), _) => Err(format!(
                    "its label {:?} is the name of {} classes; labels that are numbers tell them apart",
                    label.words(),
                    places.len()
                )),
                (None, Some(number)) => Ok((number - first) as usize),
                (None, None) => {
                    Err(format!("its label {:?} is none of the {} classes", label.words(), names.len()))
                }
            })
        };
        let place_of =
            self.distinct.iter().filter_map(|label| Some(((*label).clone(), place(label)?))).collect();
        let by_place = !numbers.is_empty();
        let how = if by_place { "numbers, places in" } else { "names in" };
        let words = format!("{how} {origin}{}", ends(&names));
        Ok(Understood { classes: told_apart(&listed_labels, names), place_of, by_place, words, notes })
    }

    /// Texts that are numbers are places in a list, unless the list has numbers for names that say something else.
    fn check_digits(&self, names: &[String], first: i128, origin: &str) -> Result<(), DatasetError> {
        let are_texts = self.distinct.iter().any(|label| matches!(label, Label::Text(_)));
        if !self.are_numbers || !are_texts {
            return Ok(());
        }
        let other =
            names.iter().zip(first..).find(|(name, place)| whole_number(name).is_some_and(|n| n != *place));
        match other {
            Some((name, place)) => Err(self.problem(format!(
                "labels are numbers, and so are names in {origin}, which has {name:?} in place {place}: is a label a place \
                 or a name? Give a map that names every label as --class-names"
            ))),
            None => Ok(()),
        }
    }

    /// A list of as many names as there are labels, in the order of the sorted labels.
    fn laid_over(
        &self,
        names: ListedNames,
        identities: &BTreeMap<Identity, String>,
    ) -> Result<Understood, DatasetError> {
        let labels: Vec<&String> = identities.values().collect();
        if names.names.len() != labels.len() {
            let problem = format!(
                "the list has {} class names and the dataset {} folders or labels; give a map from label to name instead",
                names.names.len(),
                labels.len()
            );
            return Err(DatasetError::ClassOrder { problem });
        }
        let mut notes = Vec::new();
        if let ([first, .., last], [first_name, .., last_name]) = (&labels[..], &names.names[..]) {
            notes.push(format!(
                "the list of class names is laid over the sorted labels: {first:?} is {first_name:?}, {last:?} is \
                 {last_name:?}"
            ));
        }
        notes.extend(unnatural_order(&labels));
        let words = format!("names, sorted bytewise, called by {}{}", names.origin, ends(&names.names));
        let class = |(label, name): (&&String, String)| Class { folder: (*label).clone(), name };
        let classes: Vec<Class> = labels.iter().zip(names.names).map(class).collect();
        Ok(Understood { classes, place_of: self.places(identities), by_place: false, words, notes })
    }

    /// The classes are the labels, which a map may give names.
    fn by_themselves(
        &self,
        mut identities: BTreeMap<Identity, String>,
        place: &Path,
        order_may_add: bool,
        options: &DatasetOptions,
    ) -> Result<Understood, DatasetError> {
        let map = options.class_names.as_ref();
        for wanted in options.class_order.iter().flatten().filter(|_| order_may_add) {
            let folder = map.and_then(|map| map.folder_of(wanted)).unwrap_or(wanted);
            let identity = match whole_number(folder).filter(|_| self.are_numbers) {
                Some(number) => Identity::Number(number),
                None => Identity::Text(folder.to_owned()),
            };
            if !identities.values().any(|written| written == wanted) {
                identities.entry(identity).or_insert_with(|| folder.to_owned());
            }
        }
        let folders: Vec<String> = identities.values().cloned().collect();
        let named = synsets::named(place, &folders, options)?;
        let (options, note) = named.as_ref().map_or((options, None), |(own, note)| (own, Some(note.clone())));
        let (names, mut notes) = match &options.class_names {
            Some(map) => map.names_of(&folders, self.are_numbers),
            None => (folders.clone(), Vec::new()),
        };
        notes.extend(note);
        if self.are_numbers && options.class_names.is_none() {
            notes.push(
                "the labels are numbers without names, and so are the classes; name them with --class-names (class_names in an \
                 experiment)"
                    .to_owned(),
            );
        }
        let kind = if self.are_numbers { "numbers" } else { "names, sorted bytewise" };
        let words = format!("{kind}{}", ends(&names));
        let class = |(folder, name): (String, String)| Class { folder, name };
        let classes: Vec<Class> = folders.into_iter().zip(names).map(class).collect();
        Ok(Understood { classes, place_of: self.places(&identities), by_place: false, words, notes })
    }

    /// Where each label is among the sorted ones.
    fn places(&self, identities: &BTreeMap<Identity, String>) -> HashMap<Label, Result<usize, String>> {
        let places: HashMap<&Identity, usize> =
            identities.keys().enumerate().map(|(place, identity)| (identity, place)).collect();
        let place = |label: &&Label| Some(((*label).clone(), Ok(*places.get(&self.identity(label)?)?)));
        self.distinct.iter().filter_map(place).collect()
    }
}

impl Understood {
    fn put_in_order(&mut self, order: &[String]) -> Result<(), DatasetError> {
        let order = ordered(&self.classes, order)?;
        let mut place_of = vec![0; order.len()];
        order.iter().enumerate().for_each(|(place, &before)| place_of[before] = place);
        self.classes = order.iter().map(|&before| self.classes[before].clone()).collect();
        for place in self.place_of.values_mut().flatten() {
            *place = place_of[*place];
        }
        Ok(())
    }
}

/// Whether a label is a list of labels: in brackets, with bars between them, or with commas between what are labels elsewhere.
fn is_several(label: &str, labels: &BTreeMap<Identity, String>) -> bool {
    let is_label = |part: &str| labels.contains_key(&Identity::Text(part.trim().to_owned()));
    let has = |separator: char| {
        label.contains(separator) && label.split(separator).all(|part| !part.trim().is_empty())
    };
    let is_list = label.starts_with('[') && label.ends_with(']');
    is_list
        || has('|')
        || [',', ';'].into_iter().any(|separator| has(separator) && label.split(separator).any(is_label))
}

/// Whether labels say yes and no, in any case, and nothing else.
fn are_answers(labels: &[&str]) -> bool {
    const PAIRS: [[&str; 2]; 4] = [["false", "true"], ["no", "yes"], ["f", "t"], ["n", "y"]];
    let written: BTreeSet<String> = labels.iter().map(|label| label.to_lowercase()).collect();
    PAIRS.iter().any(|pair| written.iter().map(String::as_str).eq(pair.iter().copied()))
}

/// The first and the last name, in words.
fn ends(names: &[String]) -> String {
    match names {
        [first, .., last] => format!(": {} classes, first {first:?}, last {last:?}", names.len()),
        _ => String::new(),
    }
}

/// A note where the bytewise order is not the one that people count in: `c10` before `c2`.
fn unnatural_order(labels: &[&String]) -> Option<String> {
    let parts = |label: &str| -> Option<(String, u64)> {
        let digits = label.len() - label.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        let (text, number) = label.split_at(label.len() - digits);
        Some((text.to_owned(), number.parse().ok()?))
    };
    let out_of_order = labels.windows(2).find(
        |pair| matches!((parts(pair[0]), parts(pair[1])), (Some((a, x)), Some((b, y))) if a == b && x > y),
    )?;
    Some(format!(
        "in this order {:?} comes before {:?}: if the list counts otherwise, give a map from label to name",
        out_of_order[0], out_of_order[1]
    ))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::super::ClassNameMap;
    use super::super::PictureSource;
    use super::*;

    fn texts(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn list(names: &[&str]) -> DatasetOptions {
        let class_names = Some(ClassNameMap::in_order(texts(names)));
        DatasetOptions { class_names, ..DatasetOptions::default() }
    }

    fn map(pairs: &[(&str, &str)]) -> DatasetOptions {
        let pairs = pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        DatasetOptions { class_names: Some(ClassNameMap::from_pairs(pairs)), ..DatasetOptions::default() }
    }

    fn open(
        labels: &[Label],
        names: Option<&[&str]>,
        options: &DatasetOptions,
    ) -> Result<Dataset, DatasetError> {
        let pixels = Arc::new(image::RgbImage::new(1, 1));
        let image = |at: usize| DatasetImage {
            name: at.to_string(),
            label: 0,
            source: PictureSource::Pixels(Arc::clone(&pixels)),
        };
        let found = LabelledImages {
            images: (0..labels.len()).map(image).collect(),
            labels: labels.to_vec(),
            names: names.map(|names| (texts(names), "names.txt".to_owned())),
            ..LabelledImages::default()
        };
        Dataset::from_labelled(Path::new("set"), Path::new("no/such/place"), found, options)
    }

    /// The class names, and that of each image or why it is left out.
    fn understood(
        labels: &[Label],
        names: Option<&[&str]>,
        options: &DatasetOptions,
    ) -> Result<(Vec<String>, Vec<String>), String> {
        let dataset = open(labels, names, options).map_err(|error| error.to_string())?;
        let mut of_image: Vec<(usize, String)> = Vec::new();
        for image in &dataset.images {
            of_image.push((image.name.parse().unwrap(), dataset.classes[image.label].name.clone()));
        }
        for image in &dataset.skipped {
            of_image.push((image.name.parse().unwrap(), image.reason.clone()));
        }
        of_image.sort();
        Ok((dataset.class_names(), of_image.into_iter().map(|(_, class)| class).collect()))
    }

    /// The same of texts.
    fn read(
        labels: &[&str],
        names: Option<&[&str]>,
        options: &DatasetOptions,
    ) -> Result<(Vec<String>, Vec<String>), String> {
        let labels: Vec<Label> = labels.iter().map(|label| Label::text(label)).collect();
        understood(&labels, names, options)
    }

    fn found(classes: &[&str], of_image: &[&str]) -> Result<(Vec<String>, Vec<String>), String> {
        Ok((texts(classes), texts(of_image)))
    }

    const ELEVEN: [&str; 11] =
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];

    #[test]
    fn numbers_are_places_in_a_list_whosever_it_is() {
        let plain = DatasetOptions::default();
        for labels in [["10", "2", "0"], ["10.0", "2.0", "0.0"], ["010", "02", "00"]] {
            let expected = found(&ELEVEN, &["ten", "two", "zero"]);
            assert_eq!(read(&labels, Some(&ELEVEN), &plain), expected, "{labels:?}");
            assert_eq!(read(&labels, None, &list(&ELEVEN)), expected, "{labels:?}");
        }
        let renamed: Vec<String> = ELEVEN.iter().map(|name| name.to_uppercase()).collect();
        let renamed: Vec<&str> = renamed.iter().map(String::as_str).collect();
        assert_eq!(read(&["10", "2"], Some(&ELEVEN), &list(&renamed)), found(&renamed, &["TEN", "TWO"]));
        assert_eq!(
            read(&["1", "0", "1"], Some(&["crane", "bee"]), &map(&[("crane", "bird"), ("bee", "insect")])),
            found(&["bird", "insect"], &["insect", "bird", "insect"])
        );
    }

    #[test]
    fn names_of_the_user_and_of_the_dataset_are_not_mixed_up() {
        let own: &[&str] = &["ant", "bee", "cat"];
        let labels = ["0", "1", "2"];
        let message = read(&labels, Some(own), &list(&["Cat", "ant", "bee"])).unwrap_err();
        assert!(message.contains("in another order"), "{message}");
        let message = read(&labels, Some(own), &list(&["a", "b"])).unwrap_err();
        assert!(message.contains("2 class names and names.txt has 3"), "{message}");
        let written = labels.map(Label::text);
        let notes = open(&written, Some(own), &list(&["an ant", "bee", "a cat"])).unwrap().notes;
        assert!(notes[0].contains("renames 2 of the 3 classes"), "{notes:?}");
        // Keys are names, or labels by value.
        let from_one = |pairs: &[(&str, &str)]| DatasetOptions { first_label: Some(1), ..map(pairs) };
        for pairs in [[("1", "A"), ("2", "B"), ("3", "C")], [("03", "C"), ("1.0", "A"), ("2", "B")]] {
            let expected = found(&["A", "B", "C"], &["A", "C"]);
            assert_eq!(read(&["1", "3"], Some(own), &from_one(&pairs)), expected, "{pairs:?}");
        }
        let numbers: &[&str] = &["1", "2", "3"];
        let spelt = map(&[("1", "one"), ("2", "two"), ("3", "three")]);
        assert_eq!(
            understood(&[0, 2].map(Label::Number), Some(numbers), &spelt),
            found(&["one", "two", "three"], &["one", "three"])
        );
        let notes = open(&written, Some(own), &map(&[("ant", "Ant"), ("gnu", "Gnu")])).unwrap().notes;
        assert!(notes.iter().any(|note| note.contains("\"gnu\"")), "{notes:?}");
        assert!(notes.iter().any(|note| note.contains("\"bee\", \"cat\"")), "{notes:?}");
        // A map that names every label stands for a list that is too short.
        let all = map(&[("1", "x"), ("9", "y")]);
        assert_eq!(read(&["9", "1"], Some(own), &all), found(&["x", "y"], &["y", "x"]));
    }

    #[test]
    fn folders_are_classes_whatever_they_are_called() {
        let of = |labels: &[&str]| {
            let found = LabelledImages {
                further: labels.iter().map(|label| Label::Text((*label).to_owned())).collect(),
                labels: vec![Label::Text(labels[0].to_owned())],
                images: vec![DatasetImage {
                    name: "image".to_owned(),
                    label: 0,
                    source: PictureSource::Pixels(Arc::new(image::RgbImage::new(1, 1))),
                }],
                all_are_classes: true,
                ..LabelledImages::default()
            };
            let (path, place) = (Path::new("set"), Path::new("no/such/place"));
            Dataset::from_labelled(path, place, found, &DatasetOptions::default())
                .map(|dataset| dataset.class_names())
                .map_err(|error| error.to_string())
        };
        assert_eq!(of(&["none", "10", "2"]), Ok(texts(&["10", "2", "none"])));
        assert_eq!(of(&["10", "-1", "2"]), Ok(texts(&["-1", "2", "10"])));
        assert!(of(&["1", "01", "2"]).unwrap_err().contains("two folders stand for one number"));
    }

    #[test]
    fn numbers_beyond_a_list_are_refused_with_what_was_seen() {
        let plain = DatasetOptions::default();
        for (names, options) in [(None, list(&["a", "b", "c"])), (Some(&["a", "b", "c"][..]), plain)] {
            let message = |labels: &[&str]| read(labels, names, &options).unwrap_err();
            let shifted = message(&["1", "2", "3"]);
            assert!(
                shifted.contains("labels run from 1 to 3") && shifted.contains("3 names, for 0 to 2"),
                "{shifted}"
            );
            assert!(shifted.contains("--first-label 1"), "{shifted}");
            let beyond = message(&["2", "10", "0"]);
            assert!(beyond.contains("from 0 to 10") && !beyond.contains("--first-label"), "{beyond}");
            let sparse = message(&["2000000", "2000004"]);
            assert!(sparse.contains("2000000 to 2000004") && sparse.contains("a map"), "{sparse}");
            let from_one = DatasetOptions { first_label: Some(1), ..options.clone() };
            assert_eq!(read(&["3", "1"], names, &from_one), found(&["a", "b", "c"], &["c", "a"]));
            assert!(read(&["3", "0"], names, &from_one).unwrap_err().contains("for 1 to 3"));
            let labels = ["1", "2"].map(Label::text);
            let notes = open(&labels, names, &options).unwrap().notes;
            assert!(notes.iter().any(|note| note.contains("1 is \"b\"")), "{notes:?}");
        }
    }

    #[test]
    fn an_image_without_a_label_moves_no_other() {
        let missing = "it has no label";
        let minus = "its label is -1, which stands for none";
        let plain = DatasetOptions::default();
        let named = map(&[("2", "two"), ("10", "ten")]);
        let number = |number| Label::Number(number);
        for (odd, reason) in [(Label::Missing, missing), (number(-1), minus), (Label::text("-1"), minus)] {
            let labels = [number(2), odd, number(10), number(2)];
            assert_eq!(understood(&labels, None, &plain), found(&["2", "10"], &["2", reason, "10", "2"]));
            assert_eq!(
                understood(&labels, None, &named),
                found(&["two", "ten"], &["two", reason, "ten", "two"])
            );
            assert_eq!(
                understood(&labels, Some(&ELEVEN), &plain),
                found(&ELEVEN, &["two", reason, "ten", "two"])
            );
        }
        let with_nan = read(&["1.0", "nan", "0.0"], None, &plain);
        assert_eq!(with_nan, found(&["0", "1"], &["1", "its label is nan, which stands for none", "0"]));
        assert_eq!(
            read(&["cat", "", "dog", "-1"], None, &plain),
            found(&["cat", "dog"], &["cat", missing, "dog", minus])
        );
        let none = understood(&[number(-1), Label::Missing], None, &plain).unwrap_err();
        assert!(
            none.contains("none of its 2 images has a label") && none.contains("another split"),
            "{none}"
        );
    }

    #[test]
    fn sparse_and_huge_numbers_are_classes_of_their_own() {
        let plain = DatasetOptions::default();
        assert_eq!(
            read(&["9000000000", "2", "10", "2"], None, &plain),
            found(&["2", "10", "9000000000"], &["9000000000", "2", "10", "2"])
        );
        let pairs = map(&[("2000000", "a"), ("2000001.0", "b"), ("7", "unused")]);
        assert_eq!(read(&["2000001", "2000000"], None, &pairs), found(&["a", "b"], &["b", "a"]));
        let dataset = open(&[Label::Number(3), Label::Number(0)], None, &plain).unwrap();
        assert!(dataset.notes[0].contains("numbers without names"), "{:?}", dataset.notes);
        assert_eq!(dataset.labels, "numbers: 2 classes, first \"0\", last \"3\"");
    }

    #[test]
    fn one_name_of_two_classes_stays_a_name() {
        let names: &[&str] = &["crane", "bee", "crane"];
        for (own, options) in [(Some(names), DatasetOptions::default()), (None, list(names))] {
            let dataset = open(&[2, 0, 1].map(Label::Number), own, &options).unwrap();
            assert_eq!(dataset.class_names(), names);
            let folders: Vec<&str> = dataset.classes.iter().map(|class| class.folder.as_str()).collect();
            assert_eq!(folders, ["crane (0)", "bee", "crane (2)"]);
            assert_eq!(dataset.images.iter().map(|image| image.label).collect::<Vec<_>>(), [2, 0, 1]);
            assert!(dataset.notes.iter().any(|note| note.contains("share the name")), "{:?}", dataset.notes);
        }
        let (_, of_image) = read(&["crane", "bee"], Some(names), &DatasetOptions::default()).unwrap();
        assert!(of_image[0].contains("the name of 2 classes"), "{of_image:?}");
    }

    #[test]
    fn names_are_classes_themselves_or_names_in_a_list() {
        let plain = DatasetOptions::default();
        assert_eq!(
            read(&["frog", "10", "ant"], None, &plain),
            found(&["10", "ant", "frog"], &["frog", "10", "ant"])
        );
        let (classes, of_image) = read(&["frog", "bee", "1"], Some(&["frog", "ant"]), &plain).unwrap();
        assert_eq!(classes, ["frog", "ant"]);
        let none = |label: &str| format!("its label {label:?} is none of the 2 classes");
        assert_eq!(of_image, ["frog".to_owned(), none("bee"), none("1")]);
        // Digits that could be places or names.
        for labels in [&["7", "9"][..], &["0", "9"], &["1", "nan"]] {
            let message = read(labels, None, &list(&["9", "8", "7"])).unwrap_err();
            assert!(message.contains("a place or a name"), "{message}");
        }
        let digits = found(&["0", "1", "2"], &["2", "0"]);
        assert_eq!(read(&["2", "0"], None, &list(&["0", "1", "2"])), digits);
        assert_eq!(
            understood(&[Label::Number(1), Label::Number(0)], Some(&["10", "20"]), &plain),
            found(&["10", "20"], &["20", "10"])
        );
        assert_eq!(
            read(&["n02", "n01"], None, &list(&["tench", "goldfish"])),
            found(&["tench", "goldfish"], &["goldfish", "tench"])
        );
        let message = read(&["c", "a", "b"], None, &list(&["x", "y"])).unwrap_err();
        assert!(message.contains("2 class names and the dataset 3"), "{message}");
        let notes = open(&["c1", "c10", "c2"].map(Label::text), None, &list(&["a", "b", "c"])).unwrap().notes;
        assert!(notes.iter().any(|note| note.contains("\"c10\" comes before \"c2\"")), "{notes:?}");
    }

    #[test]
    fn a_class_without_a_name_is_refused_unless_it_is_given_one() {
        let own: &[&str] = &["cat", " ", "dog"];
        let message = read(&["2", "0"], Some(own), &DatasetOptions::default()).unwrap_err();
        assert!(message.contains("class 1 (counted from 0) of 3 has a blank name"), "{message}");
        let named = map(&[("0", "cat"), ("1", "cow"), ("2", "dog")]);
        assert_eq!(read(&["2", "0"], Some(own), &named), found(&["cat", "cow", "dog"], &["dog", "cat"]));
    }

    #[test]
    fn word_net_ids_before_names_are_not_part_of_them() {
        let plain = DatasetOptions::default();
        let own: &[&str] = &["n01440764 tench", "n01443537 goldfish, Carassius auratus"];
        let expected = found(&["tench", "goldfish"], &["goldfish", "tench"]);
        assert_eq!(read(&["1", "0"], Some(own), &plain), expected);
        assert_eq!(read(&["n01443537", "n01440764"], Some(own), &plain), expected);
        let pairs = map(&[("n01440764", "tench"), ("n01443537", "goldfish")]);
        assert_eq!(read(&["1", "0"], None, &pairs), expected);
        let renamed = map(&[("n01443537", "gold fish"), ("n01440764", "tench")]);
        let expected = found(&["tench", "gold fish"], &["gold fish", "tench"]);
        assert_eq!(read(&["1", "0"], Some(own), &renamed), expected);
        assert!(read(&["2", "0"], None, &pairs).unwrap_err().contains("has 2 names"));
    }

    #[test]
    fn the_wanted_order_moves_labels_along() {
        let options = DatasetOptions {
            class_order: Some(texts(&["Cat", "frog"])),
            ..map(&[("1", "Cat"), ("0", "frog")])
        };
        assert_eq!(read(&["1", "0"], None, &options), found(&["Cat", "frog"], &["Cat", "frog"]));
    }

    #[test]
    fn labels_that_cannot_be_meant_are_refused_or_noted() {
        let plain = DatasetOptions::default();
        for (labels, said) in [
            (&["cat,dog", "dog", "cow"][..], "several labels of one image"),
            (&["cat|dog", "bird", "cow"], "several labels of one image"),
            (&["['cat']", "['dog', 'cat']"], "several labels of one image"),
            (&["a b c d e", "f g h i j", "k l m n o"], "captions, not classes"),
            (&["-1", "1", "1"], "of which the first stands for no label"),
        ] {
            let message = read(labels, None, &plain).unwrap_err();
            assert!(message.contains(said), "{labels:?}: {message}");
        }
        for labels in
            [&["cat, wild", "dog", "dog"][..], &["tench, Tinca tinca", "dog"], &["rock'n'roll", "a|"]]
        {
            assert!(read(labels, None, &plain).is_ok(), "{labels:?}");
        }
        let notes =
            open(&["Cat", "cat", "sea_lion", "sea lion"].map(Label::text), None, &plain).unwrap().notes;
        for names in ["\"Cat\", \"cat\"", "\"sea lion\", \"sea_lion\""] {
            assert!(notes.iter().any(|note| note.contains(names)), "{notes:?}");
        }
        let many: Vec<Label> = (0..20).map(|number| Label::Text(format!("class {number}"))).collect();
        assert!(open(&many, None, &plain).unwrap().notes[0].contains("a class of its own"));
    }

    #[test]
    fn answers_of_yes_and_no_are_noted_unless_they_have_names() {
        let noted = |labels: &[&str], names: Option<&[&str]>, options: &DatasetOptions| {
            let written: Vec<Label> = labels.iter().map(|label| Label::text(label)).collect();
            let dataset = open(&written, names, options).unwrap();
            assert!(dataset.images.len() == labels.len() && dataset.skipped.is_empty(), "{labels:?}");
            dataset
                .notes
                .iter()
                .any(|note| note.contains("answers of yes and no") && note.contains("--class-names"))
        };
        let plain = DatasetOptions::default();
        for pair in [
            ["True", "False"],
            ["true", "false"],
            ["TRUE", "FALSE"],
            ["Yes", "No"],
            ["yes", "NO"],
            ["t", "f"],
            ["T", "F"],
            ["y", "n"],
            ["N", "Y"],
        ] {
            assert!(noted(&[pair[0], pair[1], pair[0]], None, &plain), "{pair:?}");
            let named = map(&[(pair[0], "a cat"), (pair[1], "no cat")]);
            assert!(!noted(&pair, None, &named), "{pair:?}");
            assert!(!noted(&pair, None, &list(&["a cat", "no cat"])), "{pair:?}");
            assert!(!noted(&pair, Some(&pair), &plain), "{pair:?}");
        }
        assert!(noted(&["True", "true", "False"], None, &plain));
        for labels in [&["yes", "no", "maybe"][..], &["true", "yes"], &["y", "f"], &["cat", "no cat"]] {
            assert!(!noted(labels, None, &plain), "{labels:?}");
        }
    }

    #[test]
    fn images_of_one_name_are_refused() {
        let pixels = || PictureSource::Pixels(Arc::new(image::RgbImage::new(1, 1)));
        let image = |name: &str| DatasetImage { name: name.to_owned(), label: 0, source: pixels() };
        let found = LabelledImages {
            images: ["a", "b", "a"].map(image).into(),
            labels: ["x", "y", "x"].map(Label::text).into(),
            ..LabelledImages::default()
        };
        let place = Path::new("no/such/place");
        let message =
            Dataset::from_labelled(Path::new("set"), place, found, &DatasetOptions::default()).unwrap_err();
        assert!(message.to_string().contains("two images called \"a\""), "{message}");
    }

    proptest! {
        /// Whatever numbers occur, in whatever order, each image is of the class of its number.
        #[test]
        fn a_number_means_the_same_beside_any_others(
            labels in prop::collection::vec(prop_oneof![-3i64..40, Just(i64::MAX), 1_000_000i64..1_000_020], 1..50),
            is_text: bool,
        ) {
            let written: Vec<Label> = labels
                .iter()
                .map(|label| if is_text { Label::Text(label.to_string()) } else { Label::Number(*label) })
                .collect();
            let distinct: BTreeSet<i64> = labels.iter().copied().filter(|label| *label >= 0).collect();
            let name = |label: i64| format!("class of {label}");
            let pairs: Vec<(String, String)> =
                distinct.iter().rev().map(|label| (label.to_string(), name(*label))).collect();
            let options =
                DatasetOptions { class_names: Some(ClassNameMap::from_pairs(pairs)), ..DatasetOptions::default() };
            prop_assume!(distinct.len() > 1);
            let (classes, of_image) = understood(&written, None, &options).unwrap();
            prop_assert_eq!(classes, distinct.iter().map(|label| name(*label)).collect::<Vec<_>>());
            for (label, class) in labels.iter().zip(of_image) {
                match *label {
                    label if label >= 0 => prop_assert_eq!(class, name(label)),
                    _ => prop_assert!(class.contains("stands for none")),
                }
            }
        }
    }
}
