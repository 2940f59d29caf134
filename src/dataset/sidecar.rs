//! Files that lie beside a dataset's images and say something about all of them.

use std::path::{Path, PathBuf};

use super::synsets::is_names_file;
use crate::text::text_file;

/// The class names of a dataset, a line each.
pub(super) const CLASS_NAMES: &str = "classnames.txt";
/// Templates for a dataset, a line each with `{c}` for the class name, as CLIP_benchmark lays them beside shards.
const TEMPLATES: &str = "zeroshot_classification_templates.txt";

/// Whether a file is no image that got lost among the classes, but one that is known to lie beside them.
pub(super) fn is_about_all(name: &str) -> bool {
    matches!(name, CLASS_NAMES | TEMPLATES) || is_names_file(name)
}

/// The file of this name in a folder or the one above it.
pub(super) fn sidecar(folder: &Path, name: &str) -> Option<PathBuf> {
    [Some(folder), folder.parent()]
        .into_iter()
        .flatten()
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// The file of templates that lies in a dataset's folder, beside its file, or in the folder above.
#[must_use]
pub fn templates_beside(dataset: &Path) -> Option<PathBuf> {
    let (root, _) = text_file::split_key(dataset);
    let folder = if root.is_dir() { root.as_path() } else { root.parent()? };
    sidecar(folder, TEMPLATES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_found_from_every_way_to_name_a_dataset() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        std::fs::create_dir_all(path("wds/test/deep")).unwrap();
        std::fs::write(path("wds/test/0.tar"), b"").unwrap();
        let names = ["wds", "wds#test", "wds/test", "wds/test/0.tar", "wds/test/{0..3}.tar"];
        for name in names {
            assert_eq!(templates_beside(&path(name)), None);
        }
        std::fs::write(path("wds").join(TEMPLATES), "a photo of a {c}.\n").unwrap();
        for name in names {
            assert_eq!(templates_beside(&path(name)), Some(path("wds").join(TEMPLATES)), "{name}");
        }
        assert_eq!(templates_beside(&path("wds/test/deep")), None);
    }
}
