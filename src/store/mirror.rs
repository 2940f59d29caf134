//! A plain copy of every prompt set version, in `prompt-sets/<directory of the name>/<version>.json`.
//!
//! The copy is exactly the saved text, so it can be read, copied and compared with any tool, and its own file name
//! proves it: the version is the start of its hash. `name.txt` beside it has the exact name.
//!
//! What is not the store's is passed over: an editor's lock, somebody's folder, a copy that was edited.

use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::StoreError;
use super::files::{self, FolderMode};

const NAME_FILE: &str = "name.txt";

/// Bytes of a copy at most; no prompt set comes near.
const LARGEST: u64 = 1 << 30;

/// A copy as it was found.
pub(super) struct Copy {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) saved_at: SystemTime,
    pub(super) content: String,
}

/// The version of a prompt set's content: the first 12 hexadecimal digits of its BLAKE3 hash.
pub fn version_of(content: &str) -> String {
    blake3::hash(content.as_bytes()).to_hex()[..12].to_owned()
}

/// What is there.
#[derive(Default)]
pub(super) struct Found {
    /// Every whole copy, oldest first.
    pub(super) copies: Vec<Copy>,
    /// What was passed over, with the reason: `PATH REASON` is a sentence.
    pub(super) skipped: Vec<(PathBuf, String)>,
    /// Directories that say their name.
    named: HashSet<PathBuf>,
    /// Files that are there under the name of a copy, whole or not.
    taken: HashSet<PathBuf>,
}

/// The copies below `dir`, the store's directory.
pub(super) struct Mirror {
    root: PathBuf,
    mode: FolderMode,
}

impl Mirror {
    pub(super) fn in_directory(dir: &Path, mode: FolderMode) -> Self {
        Self { root: dir.join("prompt-sets"), mode }
    }

    fn path(&self, name: &str, version: &str) -> PathBuf {
        self.root.join(directory_name(name)).join(format!("{version}.json"))
    }

    pub(super) fn write(
        &self,
        name: &str,
        version: &str,
        saved_at: SystemTime,
        content: &str,
    ) -> Result<(), StoreError> {
        self.write_name(name)?;
        let path = self.path(name, version);
        let written = make_way(&path).and_then(|()| {
            files::replace(&path, self.mode, |file| {
                io::Write::write_all(file, content.as_bytes())?;
                // An order of saving that is lost with the database is all that a refusal costs.
                let _refused = file.set_modified(saved_at);
                Ok(())
            })
        });
        written.map_err(|e| StoreError::io("write", &path, e))
    }

    /// Makes the directory of a name, with its name in it.
    fn write_name(&self, name: &str) -> Result<(), StoreError> {
        let dir = self.root.join(directory_name(name));
        let failed = |path: &Path| {
            let path = path.to_path_buf();
            move |e| StoreError::io("write", &path, e)
        };
        if dir.symlink_metadata().is_ok() && !dir.is_dir() {
            files::set_aside(&dir).map_err(failed(&dir))?;
        }
        let is_new = !dir.exists();
        self.mode.make_folder(&dir).map_err(failed(&dir))?;
        if is_new {
            files::sync_folder(&self.root).map_err(failed(&self.root))?;
        }
        let file = dir.join(NAME_FILE);
        if fs::read(&file).is_ok_and(|there| there == name.as_bytes()) {
            return Ok(());
        }
        let written = make_way(&file).and_then(|()| files::replace_with(&file, self.mode, name.as_bytes()));
        written.map_err(failed(&file))
    }

    pub(super) fn remove(&self, name: &str, version: &str) -> Result<(), StoreError> {
        let path = self.path(name, version);
        match fs::remove_file(&path) {
            Err(e) if e.kind() == io::ErrorKind::IsADirectory || path.is_dir() => {
                files::set_aside(&path).map(|_| ()).map_err(|e| StoreError::io("remove", &path, e))
            }
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

    /// Looks at everything that is there, and fails at nothing of it.
    pub(super) fn read_all(&self) -> Found {
        let mut found = Found::default();
        for dir in entries(&self.root, &mut found.skipped) {
            match fs::metadata(&dir) {
                Ok(metadata) if metadata.is_dir() => self.read_directory(&dir, &mut found),
                Ok(_) => found.skip(dir, "is no prompt set's directory and was passed over"),
                Err(e) => found.skip(dir, &format!("cannot be read ({e}) and was passed over")),
            }
        }
        found
            .copies
            .sort_by(|a, b| (a.saved_at, &a.name, &a.version).cmp(&(b.saved_at, &b.name, &b.version)));
        found
    }

    fn read_directory(&self, dir: &Path, found: &mut Found) {
        let own_name = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // A directory whose name is lost is called what it is called.
        let name = match fs::read_to_string(dir.join(NAME_FILE)) {
            Ok(name) if directory_name(&name) == own_name => {
                found.named.insert(dir.to_owned());
                name
            }
            _ => own_name,
        };
        for path in entries(dir, &mut found.skipped) {
            if path.file_name().is_some_and(|file| file == NAME_FILE) {
                continue;
            }
            let is_copy = path.extension().is_some_and(|extension| extension == "json")
                && path.file_stem().is_some_and(|stem| is_version(&stem.to_string_lossy()));
            if !is_copy {
                found.skip(path, "is no plain copy of a prompt set and was passed over");
                continue;
            }
            let version = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_file() {
                found.taken.insert(path.clone());
            }
            match read_copy(&path) {
                Ok((content, saved_at)) if version_of(&content) == version => {
                    found.copies.push(Copy { name: name.clone(), version, saved_at, content });
                }
                Ok(_) => found.skip(
                    path,
                    "has changed since it was saved and was passed over; save it again as a prompt set",
                ),
                Err(e) => found.skip(path, &format!("cannot be read ({e}) and was passed over")),
            }
        }
    }

    /// Whether there is everything that the copy of this version consists of; one that was changed is left as it is.
    pub(super) fn has(&self, found: &Found, name: &str, version: &str) -> bool {
        found.named.contains(&self.root.join(directory_name(name)))
            && found.taken.contains(&self.path(name, version))
    }
}

impl Found {
    fn skip(&mut self, path: PathBuf, reason: &str) {
        self.skipped.push((path, reason.to_owned()));
    }
}

/// The text of a copy, and when it was saved. A copy that is not text has changed.
fn read_copy(path: &Path) -> io::Result<(String, SystemTime)> {
    let metadata = fs::metadata(path)?;
    let is_file = Metadata::is_file(&metadata) && metadata.len() <= LARGEST;
    if !is_file {
        return Err(io::Error::other("it is no regular file of a prompt set's size"));
    }
    let content = String::from_utf8(fs::read(path)?).unwrap_or_default();
    Ok((content, metadata.modified()?))
}

/// Puts aside what is no file where one is about to be written.
fn make_way(path: &Path) -> io::Result<()> {
    match path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => files::set_aside(path).map(|_| ()),
        _ => Ok(()),
    }
}

fn is_version(text: &str) -> bool {
    text.len() == version_of("").len() && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The paths in `dir`, sorted; none if there is no such directory. One that cannot be read is passed over.
fn entries(dir: &Path, skipped: &mut Vec<(PathBuf, String)>) -> Vec<PathBuf> {
    match fs::read_dir(dir) {
        Ok(entries) => {
            let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
            paths.sort();
            paths
        }
        Err(e) => {
            if e.kind() != io::ErrorKind::NotFound {
                skipped.push((dir.to_owned(), format!("cannot be read ({e}) and was passed over")));
            }
            Vec::new()
        }
    }
}

/// A directory name for any name: lower-case ASCII letters, digits, `-` and `_` stay, everything else becomes `_`. If
/// that changed the name, or it is long, the start of its hash follows, so that two names never share a directory, on
/// file systems that ignore case as well.
pub(super) fn directory_name(name: &str) -> String {
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
