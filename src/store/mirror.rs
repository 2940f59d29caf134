//! A plain copy of every prompt set version, in `prompt-sets/<directory of the name>/<version>.json`.
//!
//! The copy is exactly the saved text, so it can be read, copied and compared with any tool, and its own file name
//! proves it: the version is the start of its hash. `name.txt` beside it has the exact name.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::prompt_sets::version_of;
use super::{StoreError, files};

const NAME_FILE: &str = "name.txt";

/// A copy as it was found.
pub(super) struct Copy {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) saved_at: SystemTime,
    pub(super) content: String,
}

/// The copies below `dir`, the store's directory.
pub(super) struct Mirror {
    root: PathBuf,
}

impl Mirror {
    pub(super) fn in_directory(dir: &Path) -> Self {
        Self { root: dir.join("prompt-sets") }
    }

    pub(super) fn write(
        &self,
        name: &str,
        version: &str,
        saved_at: SystemTime,
        content: &str,
    ) -> Result<(), StoreError> {
        let dir = self.root.join(directory_name(name));
        let failed = |path: &Path| {
            let path = path.to_path_buf();
            move |e| StoreError::io("write", &path, e)
        };
        fs::create_dir_all(&dir).map_err(failed(&dir))?;
        let name_file = dir.join(NAME_FILE);
        files::replace_with(&name_file, name.as_bytes()).map_err(failed(&name_file))?;
        let path = dir.join(format!("{version}.json"));
        files::replace(&path, |file| {
            io::Write::write_all(file, content.as_bytes())?;
            file.set_modified(saved_at)
        })
        .map_err(failed(&path))
    }

    pub(super) fn remove(&self, name: &str, version: &str) -> Result<(), StoreError> {
        let dir = self.root.join(directory_name(name));
        let path = dir.join(format!("{version}.json"));
        match fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(StoreError::io("remove", &path, e)),
            _ => Ok(()),
        }
    }

    /// Removes the directory of a name that has no version left.
    pub(super) fn remove_name(&self, name: &str) -> Result<(), StoreError> {
        let dir = self.root.join(directory_name(name));
        match fs::remove_file(dir.join(NAME_FILE)).and_then(|()| fs::remove_dir(&dir)) {
            // Files of someone else in it: theirs to keep.
            Err(e) if !matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty) => {
                Err(StoreError::io("remove", &dir, e))
            }
            _ => Ok(()),
        }
    }

    /// Every whole copy, oldest first, and the files that were passed over because their contents have changed.
    pub(super) fn read_all(&self) -> Result<(Vec<Copy>, Vec<PathBuf>), StoreError> {
        let (mut copies, mut changed) = (Vec::new(), Vec::new());
        for dir in entries(&self.root)? {
            let Ok(name) = fs::read_to_string(dir.join(NAME_FILE)) else { continue };
            for path in entries(&dir)? {
                if path.extension().is_none_or(|extension| extension != "json") {
                    continue;
                }
                let version = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                let read = fs::read(&path).and_then(|read| Ok((read, fs::metadata(&path)?.modified()?)));
                let (content, saved_at) = read.map_err(|e| StoreError::io("read", &path, e))?;
                match String::from_utf8(content) {
                    Ok(content) if version_of(&content) == version => {
                        copies.push(Copy { name: name.clone(), version, saved_at, content });
                    }
                    _ => changed.push(path),
                }
            }
        }
        copies.sort_by(|a, b| (a.saved_at, &a.name, &a.version).cmp(&(b.saved_at, &b.name, &b.version)));
        Ok((copies, changed))
    }
}

/// The paths in `dir`, sorted; none if there is no such directory.
fn entries(dir: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let read = match fs::read_dir(dir) {
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        read => {
            read.and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>())
        }
    };
    let mut paths = read.map_err(|e| StoreError::io("read", dir, e))?;
    paths.sort();
    Ok(paths)
}

/// A directory name for any name: lower-case ASCII letters, digits, `-` and `_` stay, everything else becomes `_`. If
/// that changed the name, or it is long, the start of its hash follows, so that two names never share a directory, on
/// file systems that ignore case as well.
fn directory_name(name: &str) -> String {
    const LONGEST: usize = 60;
    let is_plain = |c: &char| matches!(c, 'a'..='z' | '0'..='9' | '-' | '_');
    if !name.is_empty() && name.len() <= LONGEST && name.chars().all(|c| is_plain(&c)) {
        return name.to_owned();
    }
    let plain: String = name
        .chars()
        .take(LONGEST)
        .map(|c| c.to_ascii_lowercase())
        .map(|c| if is_plain(&c) { c } else { '_' })
        .collect();
    format!("{plain}~{}", &blake3::hash(name.as_bytes()).to_hex()[..12])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn plain_names_are_their_own_directory() {
        assert_eq!(directory_name("cupl-base_2"), "cupl-base_2");
    }

    #[test]
    fn odd_names_stay_readable_and_apart() {
        let odd = [
            "",
            ".",
            "..",
            "../../etc/passwd",
            "a/b",
            "a\\b",
            "a_b~",
            "Birds",
            "birds ",
            "フクロウ",
            "c:\\x",
            "\0",
        ];
        let directories: Vec<String> = odd.iter().map(|name| directory_name(name)).collect();
        assert!(directories[3].starts_with("______etc_passwd~"), "{}", directories[3]);
        assert!(directories[7].starts_with("birds~"), "{}", directories[7]);
        let distinct: std::collections::BTreeSet<_> = directories.iter().collect();
        assert_eq!(distinct.len(), odd.len());
    }

    proptest! {
        #[test]
        fn every_name_gives_one_short_plain_directory(name in any::<String>(), times in 1usize..50) {
            let directory = directory_name(&name.repeat(times));
            prop_assert!(!directory.is_empty() && directory.len() <= 73);
            prop_assert!(directory.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_~".contains(c)));
        }
    }
}
