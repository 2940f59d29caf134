//! Lists of class names in an order: the dataset's own, the user's, or one renamed by the other.

use std::collections::{HashMap, HashSet};

use super::class_names::Names;
use super::label::whole_number;
use super::{Class, ClassNameMap, synsets};
use crate::text::name_folding::fold;

/// A list of class names with what labels may call the classes.
pub(super) struct ListedNames {
    /// What the list of the dataset itself calls them.
    pub(super) labels: Vec<String>,
    /// What they are called in prompts.
    pub(super) names: Vec<String>,
    /// Where the list comes from.
    pub(super) origin: String,
}

impl ListedNames {
    pub(super) fn from_user(list: Vec<String>) -> Self {
        Self { labels: list.clone(), names: list, origin: "the list of class names".to_owned() }
    }

    /// A user's map from WordNet ids to names, whose order is that of the labels.
    pub(super) fn from_synsets(pairs: Vec<(String, String)>) -> Self {
        let (labels, names) = pairs.into_iter().unzip();
        Self { labels, names, origin: "the list of WordNet ids and names".to_owned() }
    }
}

/// The dataset's own list of class names, to be renamed as the user says.
pub(super) struct Renamed {
    pub(super) own: Vec<String>,
    /// Where it comes from.
    pub(super) origin: String,
    /// The label of the first name.
    pub(super) first: u64,
}

impl Renamed {
    /// The list with the user's names, and notes on what that changed or did not.
    pub(super) fn by(self, users: Option<&Names>) -> Result<(ListedNames, Vec<String>), String> {
        let Self { own: lines, origin, first } = self;
        // CoOp's lines have a WordNet id before the name: labels may be ids, prompts need the name.
        let (labels, own) = match synsets::pairs_of(lines.iter()) {
            Some(pairs) => pairs.into_iter().unzip(),
            None => (lines.clone(), lines),
        };
        let (names, notes) = match users {
            None => (own.clone(), Vec::new()),
            Some(Names::InOrder(list)) => (list.clone(), Self::by_list(&own, list, &origin)?),
            Some(Names::ByFolder(pairs)) => {
                // The keys are names of the list or their ids, or else numbers.
                let keys: HashSet<&str> = pairs.iter().map(|(key, _)| key.as_str()).collect();
                let has_keys = |names: &[String]| names.iter().any(|name| keys.contains(name.as_str()));
                let folders: Vec<String> = match () {
                    () if has_keys(&own) => own.clone(),
                    () if has_keys(&labels) => labels.clone(),
                    () => (first..).take(own.len()).map(|label| label.to_string()).collect(),
                };
                let are_numbers = folders.iter().all(|folder| whole_number(folder).is_some());
                let map = ClassNameMap::from_pairs(pairs.clone());
                let (renamed, notes) = map.names_of(&folders, are_numbers);
                let kept = renamed.into_iter().zip(&folders).zip(&own);
                let names =
                    kept.map(|((name, folder), own)| if name == *folder { own.clone() } else { name });
                (names.collect(), notes)
            }
        };
        Ok((ListedNames { labels, names, origin }, notes))
    }

    fn by_list(own: &[String], list: &[String], origin: &str) -> Result<Vec<String>, String> {
        if list.len() != own.len() {
            return Err(format!(
                "the list has {} class names and {origin} has {}; give as many, or a map from name to name",
                list.len(),
                own.len()
            ));
        }
        let all_folded = |names: &[String]| -> Vec<String> { names.iter().map(|name| fold(name)).collect() };
        let (own_folded, list_folded) = (all_folded(own), all_folded(list));
        let sorted = |names: &[String]| {
            let mut names = names.to_vec();
            names.sort_unstable();
            names
        };
        if own_folded != list_folded && sorted(&own_folded) == sorted(&list_folded) {
            return Err(format!(
                "the list of class names has the same names as {origin} in another order, and labels are places in that one; \
                 leave out --class-names, or give a map from name to name"
            ));
        }
        let renamed: Vec<String> = own
            .iter()
            .zip(list)
            .zip(own_folded.iter().zip(&list_folded))
            .filter(|(_, (own, list))| own != list)
            .map(|((own, list), _)| format!("{own:?} becomes {list:?}"))
            .collect();
        Ok(match renamed.len() {
            0 => Vec::new(),
            count => vec![format!(
                "the list of class names renames {count} of the {} classes of {origin}, place by place: {}",
                own.len(),
                renamed.into_iter().take(3).collect::<Vec<_>>().join(", ")
            )],
        })
    }
}

/// Classes of one name get their place, so that they can be told apart; what prompts call them stays.
pub(super) fn told_apart(labels: &[String], names: Vec<String>) -> Vec<Class> {
    let mut count: HashMap<&str, usize> = HashMap::new();
    labels.iter().for_each(|label| *count.entry(label).or_default() += 1);
    let class = |(place, (label, name)): (usize, (&String, String))| {
        let folder = match count[label.as_str()] {
            1 => label.clone(),
            _ => format!("{label} ({place})"),
        };
        Class { folder, name }
    };
    labels.iter().zip(names).enumerate().map(class).collect()
}
