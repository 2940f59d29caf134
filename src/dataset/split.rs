//! Which part of a dataset is meant: `PATH#test`, or the one that is for testing.

use std::path::Path;

use super::error::DatasetError;

/// Names of splits, the first ones are preferred where nobody asks for one.
const SPLITS: [&str; 7] = ["test", "testing", "validation", "valid", "val", "train", "training"];

/// The parts that a dataset has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Splits {
    /// The one that was opened; none where there are no parts.
    pub used: Option<String>,
    /// The others.
    pub others: Vec<String>,
}

/// Whether a name is one that splits have.
pub(super) fn is_split(name: &str) -> bool {
    SPLITS.contains(&name)
}

/// The wanted one of the splits of the dataset at `path`, or the one that is most for testing, and a note that says which
/// others there are.
///
/// # Errors
/// When the wanted one is not there.
pub(super) fn choose(
    path: &Path,
    splits: &[&str],
    wanted: Option<&str>,
) -> Result<(Splits, Option<String>), DatasetError> {
    let others = |used: &str| -> Vec<String> {
        splits.iter().filter(|split| **split != used).map(|split| (*split).to_owned()).collect()
    };
    if let Some(wanted) = wanted {
        let same = |split: &&&str| **split == wanted;
        let alike = |split: &&&str| split.eq_ignore_ascii_case(wanted);
        return match splits.iter().find(same).or_else(|| splits.iter().find(alike)) {
            Some(split) => Ok((Splits { used: Some((*split).to_owned()), others: others(split) }, None)),
            None => Err(DatasetError::Split {
                path: path.to_owned(),
                wanted: wanted.to_owned(),
                splits: match splits {
                    [] => vec!["none".to_owned()],
                    _ => splits.iter().map(|split| (*split).to_owned()).collect(),
                },
            }),
        };
    }
    let place = |split: &str| {
        SPLITS.iter().position(|known| known.eq_ignore_ascii_case(split)).unwrap_or(SPLITS.len())
    };
    let Some(chosen) = splits.iter().copied().min_by_key(|split| place(split)) else {
        return Ok((Splits::default(), None));
    };
    let others = others(chosen);
    let note = (!others.is_empty()).then(|| {
        format!(
            "of the splits {chosen} and {}, {chosen} is used; {}#{} means another one",
            others.join(", "),
            path.display(),
            others[0]
        )
    });
    Ok((Splits { used: Some(chosen.to_owned()), others }, note))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_split_for_testing_is_preferred() {
        let path = Path::new("pets");
        let (splits, note) = choose(path, &["train", "validation", "test"], None).unwrap();
        assert_eq!(splits.used.as_deref(), Some("test"));
        assert_eq!(splits.others, ["train", "validation"]);
        assert_eq!(
            note.as_deref(),
            Some("of the splits test and train, validation, test is used; pets#train means another one")
        );
        let used = |splits: &[&str]| choose(path, splits, None).unwrap().0.used;
        assert_eq!(used(&["odd", "train"]).as_deref(), Some("train"));
        assert_eq!(used(&["train"]).as_deref(), Some("train"));
        assert_eq!(choose(path, &[], None).unwrap(), (Splits::default(), None));
    }

    #[test]
    fn a_split_that_is_not_there_is_an_error() {
        let path = Path::new("pets");
        let (splits, note) = choose(path, &["train", "test"], Some("train")).unwrap();
        assert_eq!((splits.used.as_deref(), note), (Some("train"), None));
        assert_eq!(splits.others, ["test"]);
        let message = |splits: &[&str]| choose(path, splits, Some("tset")).unwrap_err().to_string();
        assert_eq!(message(&["train", "test"]), "pets has no split \"tset\"; it has train, test");
        assert_eq!(message(&[]), "pets has no split \"tset\"; it has none");
    }
}
