//! What the parts of a row or of a sample are called, in every form of dataset: columns of manifests and Parquet files, keys
//! of JSON, endings of the members of WebDataset shards. Of several, the first in a list counts; case does not.

/// The path of a picture.
pub(super) const PATHS: [&str; 13] = [
    "path",
    "image",
    "image_path",
    "file_name",
    "filename",
    "filepath",
    "file_path",
    "file",
    "img",
    "img_path",
    "image_file",
    "image_id",
    "picture",
];

/// The bytes of a picture.
pub(super) const PICTURES: [&str; 12] = [
    "image",
    "img",
    "images",
    "picture",
    "pixels",
    "image_bytes",
    "input",
    "jpg",
    "jpeg",
    "png",
    "webp",
    "bytes",
];

/// The label, a number or a name.
pub(super) const LABELS: [&str; 18] = [
    "label",
    "labels",
    "fine_label",
    "cls",
    "target",
    "class",
    "class_name",
    "category",
    "class_id",
    "class_index",
    "class_idx",
    "label_id",
    "category_id",
    "classname",
    "label_name",
    "category_name",
    "class_label",
    "y",
];

/// Those of [`LABELS`] that are names where another one is a number.
const NAMES: [&str; 7] =
    ["class_name", "classname", "label_name", "category_name", "class", "category", "label"];

/// The split that a row belongs to.
pub(super) const SPLITS: [&str; 4] = ["split", "subset", "partition", "set"];

/// The place of the first of these names among some.
pub(super) fn place(names: &[&str], among: &[impl AsRef<str>]) -> Option<usize> {
    names.iter().find_map(|name| among.iter().position(|own| own.as_ref().trim().eq_ignore_ascii_case(name)))
}

/// Which column has the labels, and which one their names if that is another.
pub(super) struct LabelColumns {
    pub(super) label: usize,
    pub(super) name: Option<usize>,
}

impl LabelColumns {
    /// Among columns of these names; `is_number` says whether all values of one are whole numbers.
    pub(super) fn among(
        columns: &[impl AsRef<str>],
        mut is_number: impl FnMut(usize) -> bool,
    ) -> Option<LabelColumns> {
        let first = place(&LABELS, columns)?;
        let places = || LABELS.iter().filter_map(|name| place(&[name], columns));
        let number = places().find(|place| is_number(*place));
        let name = NAMES.iter().filter_map(|name| place(&[name], columns)).find(|place| !is_number(*place));
        Some(match (number, name) {
            (Some(label), Some(name)) => Self { label, name: Some(name) },
            _ => Self { label: first, name: None },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_its_name_are_found_beside_each_other() {
        let columns = |names: &[&str], numbers: &[&str]| {
            let found = LabelColumns::among(names, |place| numbers.contains(&names[place]))?;
            Some((names[found.label].to_owned(), found.name.map(|name| names[name].to_owned())))
        };
        let pair = |label: &str, name: &str| Some((label.to_owned(), Some(name.to_owned())));
        assert_eq!(columns(&["path", "Label"], &[]), Some(("Label".to_owned(), None)));
        assert_eq!(columns(&["label", "class_name"], &["label"]), pair("label", "class_name"));
        assert_eq!(columns(&["class_index", "class"], &["class_index"]), pair("class_index", "class"));
        assert_eq!(columns(&["class_id", "label"], &["class_id"]), pair("class_id", "label"));
        assert_eq!(columns(&["label", "class_id"], &["label", "class_id"]), Some(("label".to_owned(), None)));
        assert_eq!(columns(&["path", "size"], &["size"]), None);
    }
}
