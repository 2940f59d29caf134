//! The cache as the hub's Python library keeps it, so that each finds what the other downloaded:
//!
//! ```text
//! models--owner--name/refs/main                    the commit that the branch was at
//! models--owner--name/snapshots/COMMIT/config.json → ../../blobs/CHECKSUM
//! models--owner--name/blobs/CHECKSUM               a file's contents
//! models--owner--name/blobs/CHECKSUM.incomplete    the beginning of it
//! .locks/models--owner--name/CHECKSUM.lock         who downloads it
//! ```

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::checksum::Checksum;
use super::error::HubError;
use super::files;
use super::repository::{Repository, is_commit};

/// The folder with a folder for each repository.
#[derive(Debug, Clone)]
pub struct Cache {
    root: PathBuf,
}

/// A state of a repository as it lies in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The commit's whole name.
    pub commit: String,
    /// A folder with the files.
    pub folder: PathBuf,
}

/// The places of one file's contents.
#[derive(Debug, Clone)]
pub struct Blob {
    /// The whole contents.
    pub path: PathBuf,
    /// Their beginning.
    pub incomplete: PathBuf,
    lock: PathBuf,
}

impl Cache {
    /// In a folder, which need not be there yet.
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// A checkpoint that is whole as far as its description and weights go.
    ///
    /// # Errors
    /// [`HubError::NotCached`].
    pub fn find(&self, repository: &Repository) -> Result<Snapshot, HubError> {
        let lacking =
            |what| HubError::NotCached { repository: repository.clone(), cache: self.root.clone(), what };
        let snapshot = self.snapshot(repository).ok_or_else(|| lacking("nothing"))?;
        let names = snapshot.names();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        if files::forms(&names).is_empty() { Err(lacking("only a part")) } else { Ok(snapshot) }
    }

    /// Every state of a repository that lies there with a model's description and weights, by the names of the repositories.
    /// A state is named by the branch or tag that leads to it, `main` before others, or else by its commit.
    pub fn all(&self) -> Vec<(Repository, Snapshot)> {
        let mut ids: Vec<String> = entries(&self.root)
            .filter_map(|name| Some(name.strip_prefix("models--")?.replacen("--", "/", 1)))
            .collect();
        ids.sort();
        ids.iter().filter_map(|id| Repository::parse(id).ok()).flat_map(|one| self.states(&one)).collect()
    }

    fn states(&self, repository: &Repository) -> Vec<(Repository, Snapshot)> {
        let folder = self.repository(repository);
        let mut names = vec![repository.clone()];
        let mut revisions = references(&folder.join("refs"));
        revisions.sort();
        let mut commits: Vec<String> = entries(&folder.join("snapshots")).collect();
        commits.sort();
        names.extend(revisions.iter().chain(&commits).filter_map(|revision| repository.at(revision).ok()));
        let mut known: Vec<(Repository, Snapshot)> = Vec::new();
        for name in names {
            let Ok(snapshot) = self.find(&name) else { continue };
            if known.iter().all(|(_, before)| before.commit != snapshot.commit) {
                known.push((name, snapshot));
            }
        }
        known
    }

    /// What lies there of a repository's state, whole or not.
    fn snapshot(&self, repository: &Repository) -> Option<Snapshot> {
        let folder = self.repository(repository);
        let commit = match repository.revision() {
            commit if is_commit(commit) => commit.to_owned(),
            branch => fs::read_to_string(folder.join("refs").join(branch)).ok()?.trim().to_owned(),
        };
        let folder = folder.join("snapshots").join(Some(&commit).filter(|commit| is_commit(commit))?);
        folder.is_dir().then_some(Snapshot { commit, folder })
    }

    fn repository(&self, repository: &Repository) -> PathBuf {
        self.root.join(folder_name(repository))
    }

    /// The folder that a commit's files are in.
    pub(super) fn folder(&self, repository: &Repository, commit: &str) -> PathBuf {
        self.repository(repository).join("snapshots").join(commit)
    }

    /// The places of a file's contents.
    pub(super) fn blob(&self, repository: &Repository, checksum: &Checksum) -> Blob {
        let (blobs, name) = (self.repository(repository).join("blobs"), checksum.text());
        Blob {
            path: blobs.join(name),
            incomplete: blobs.join(format!("{name}.incomplete")),
            lock: self.root.join(".locks").join(folder_name(repository)).join(format!("{name}.lock")),
        }
    }

    /// Puts a file's contents in its place in a snapshot: as a link, or as a copy where there are no links.
    pub(super) fn place(
        &self,
        repository: &Repository,
        commit: &str,
        name: &str,
        blob: &Blob,
    ) -> Result<(), HubError> {
        let place = self.folder(repository, commit).join(name);
        // From the file's own folder up to the repository's.
        let ups = "../".repeat(name.matches('/').count() + 2);
        let target = format!("{ups}blobs/{}", blob.path.file_name().unwrap_or_default().to_string_lossy());
        self.put(repository, &place, |new| match link(Path::new(&target), new) {
            Ok(()) => Ok(()),
            Err(_) => fs::copy(&blob.path, new).and_then(|_| File::open(new)?.sync_all()),
        })
    }

    /// Remembers the commit that a branch or tag is at.
    pub(super) fn refer(&self, repository: &Repository, commit: &str) -> Result<(), HubError> {
        if repository.revision() == commit {
            return Ok(());
        }
        let path = self.repository(repository).join("refs").join(repository.revision());
        if fs::read_to_string(&path).is_ok_and(|known| known == commit) {
            return Ok(());
        }
        self.put(repository, &path, |new| {
            let mut file = File::create(new)?;
            file.write_all(commit.as_bytes())?;
            file.sync_all()
        })
    }

    /// Makes something where nobody looks, then moves it to its place at once.
    fn put(
        &self,
        repository: &Repository,
        place: &Path,
        make: impl FnOnce(&Path) -> io::Result<()>,
    ) -> Result<(), HubError> {
        let folder = place.parent().unwrap_or(&self.root);
        make_folder(folder)?;
        let put = || -> io::Result<()> {
            let aside = tempfile::Builder::new().prefix(".aside-").tempdir_in(self.repository(repository))?;
            let new = aside.path().join("new");
            make(&new)?;
            fs::rename(&new, place)?;
            sync_folder(folder)
        };
        put().map_err(|source| HubError::Write { path: place.to_owned(), source })
    }
}

impl Snapshot {
    /// The names of the files in it, not of those in its folders; broken links are none.
    pub(super) fn names(&self) -> Vec<String> {
        entries(&self.folder).filter(|name| self.folder.join(name).is_file()).collect()
    }

    /// Bytes of the files in it.
    pub fn size(&self) -> u64 {
        self.names().iter().filter_map(|name| length(&self.folder.join(name))).sum()
    }
}

impl Blob {
    /// How many bytes of the contents are there.
    pub fn length(&self, size: u64) -> u64 {
        if length(&self.path) == Some(size) { size } else { length(&self.incomplete).unwrap_or(0).min(size) }
    }

    /// Whether all of the contents are there.
    pub fn is_whole(&self, size: u64) -> bool {
        length(&self.path) == Some(size)
    }

    /// The lock of whoever downloads the contents, which ends with the file; `None` while another process has it. A file
    /// system without locks has to do without: what is downloaded is verified in any case.
    pub fn lock(&self) -> Result<Option<File>, HubError> {
        let unwritable = |source| HubError::Write { path: self.lock.clone(), source };
        for path in [&self.lock, &self.path] {
            path.parent().map_or(Ok(()), make_folder)?;
        }
        let file =
            File::options().create(true).truncate(false).write(true).open(&self.lock).map_err(unwritable)?;
        Ok(match file.try_lock() {
            Err(TryLockError::WouldBlock) => None,
            Ok(()) | Err(TryLockError::Error(_)) => Some(file),
        })
    }

    /// The beginning is the whole, and verified: it gets the name of the whole.
    pub fn complete(&self) -> io::Result<()> {
        File::open(&self.incomplete)?.sync_all()?;
        fs::rename(&self.incomplete, &self.path)?;
        self.path.parent().map_or(Ok(()), sync_folder)
    }
}

/// A file's length, if there is a file.
pub fn length(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|metadata| metadata.len())
}

/// Whether a place in a snapshot holds these contents already: it is a link to them, or a copy of their length.
pub fn is_placed(place: &Path, blob: &Blob, size: u64) -> bool {
    let leads_there = match fs::read_link(place) {
        Ok(target) => target.file_name() == blob.path.file_name(),
        Err(_) => true,
    };
    leads_there && length(place) == Some(size)
}

/// The names of what is in a folder.
fn entries(folder: &Path) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok())
}

/// The branches and tags of a repository: paths of files, as of `refs/pr/1`.
fn references(folder: &Path) -> Vec<String> {
    let below = |name: String| match folder.join(&name).is_dir() {
        true => references(&folder.join(&name)).iter().map(|inner| format!("{name}/{inner}")).collect(),
        false => vec![name],
    };
    entries(folder).flat_map(below).collect()
}

fn folder_name(repository: &Repository) -> String {
    format!("models--{}", repository.id().replace('/', "--"))
}

fn make_folder(path: &Path) -> Result<(), HubError> {
    fs::create_dir_all(path).map_err(|source| HubError::Write { path: path.to_owned(), source })
}

#[cfg(unix)]
fn link(target: &Path, at: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, at)
}

#[cfg(windows)]
fn link(target: &Path, at: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(target, at)
}

/// Renamed files keep their new names from now on.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Folders cannot be opened as files there.
#[cfg(windows)]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "3d74acf9a28c67741b2f4f2ea7635f0aaf6f0268";

    fn checksum() -> Checksum {
        Checksum::from_etag(&"a".repeat(64)).unwrap()
    }

    fn repository(text: &str) -> Repository {
        Repository::parse(text).unwrap()
    }

    /// A cache as Python leaves it after `CLIPModel.from_pretrained`.
    fn written_by_python(root: &Path) -> PathBuf {
        let folder = root.join("models--openai--clip");
        let snapshot = folder.join("snapshots").join(COMMIT);
        fs::create_dir_all(folder.join("blobs")).unwrap();
        fs::create_dir_all(folder.join("refs")).unwrap();
        fs::create_dir_all(&snapshot).unwrap();
        fs::write(folder.join("refs/main"), COMMIT).unwrap();
        for (name, blob) in [("config.json", "b1"), ("model.safetensors", "b2")] {
            fs::write(folder.join("blobs").join(blob), name).unwrap();
            link(&Path::new("../../blobs").join(blob), &snapshot.join(name)).unwrap();
        }
        snapshot
    }

    #[test]
    fn what_python_wrote_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let (cache, folder) = (Cache::new(dir.path().to_owned()), written_by_python(dir.path()));
        let expected = Snapshot { commit: COMMIT.to_owned(), folder };
        for name in ["openai/clip", "openai/clip@main", &format!("openai/clip@{COMMIT}")] {
            assert_eq!(cache.find(&repository(name)).unwrap(), expected, "{name}");
        }
        for absent in ["openai/clap", "openai/clip@v2", &format!("openai/clip@{}", "0".repeat(40))] {
            let message = cache.find(&repository(absent)).unwrap_err().to_string();
            assert!(
                message.contains("nothing of") && message.contains(&format!("pull {absent}`")),
                "{message}"
            );
        }
    }

    #[test]
    fn all_states_are_listed_once() {
        let dir = tempfile::tempdir().unwrap();
        let snapshot = written_by_python(dir.path());
        let repository = dir.path().join("models--openai--clip");
        fs::create_dir_all(repository.join("refs/refs/pr")).unwrap();
        // Another name of the same commit, a commit of another branch, one without a name, and one without weights.
        let [other, nameless, part] = ["1", "2", "3"].map(|digit| digit.repeat(40));
        fs::write(repository.join("refs/stable"), COMMIT).unwrap();
        fs::write(repository.join("refs/refs/pr/7"), &other).unwrap();
        for commit in [&other, &nameless, &part] {
            let folder = repository.join("snapshots").join(commit);
            fs::create_dir_all(&folder).unwrap();
            fs::copy(snapshot.join("config.json"), folder.join("config.json")).unwrap();
            if commit != &part {
                fs::copy(snapshot.join("model.safetensors"), folder.join("model.safetensors")).unwrap();
            }
        }
        fs::create_dir_all(dir.path().join("datasets--openai--pictures")).unwrap();
        let all = Cache::new(dir.path().to_owned()).all();
        let names: Vec<String> = all.iter().map(|(name, _)| name.to_string()).collect();
        assert_eq!(names, ["openai/clip", "openai/clip@refs/pr/7", &format!("openai/clip@{nameless}")]);
        assert_eq!(all[0].1.size(), ("config.json".len() + "model.safetensors".len()) as u64);
        assert!(Cache::new(dir.path().join("nowhere")).all().is_empty());
    }

    #[test]
    fn a_part_is_not_the_whole() {
        let dir = tempfile::tempdir().unwrap();
        let snapshot = written_by_python(dir.path());
        let cache = Cache::new(dir.path().to_owned());
        // A link whose blob is gone is no file.
        fs::remove_file(dir.path().join("models--openai--clip/blobs/b2")).unwrap();
        assert!(fs::symlink_metadata(snapshot.join("model.safetensors")).is_ok());
        let message = cache.find(&repository("openai/clip")).unwrap_err().to_string();
        assert!(message.contains("only a part"), "{message}");
    }

    #[test]
    fn references_lead_nowhere_else() {
        let dir = tempfile::tempdir().unwrap();
        written_by_python(dir.path());
        fs::write(dir.path().join("models--openai--clip/refs/main"), "../../..").unwrap();
        assert!(Cache::new(dir.path().to_owned()).find(&repository("openai/clip")).is_err());
    }

    #[test]
    fn contents_are_placed_and_referred_to() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::new(dir.path().to_owned());
        let (repository, commit) = (repository("a/b@refs/pr/1"), COMMIT);
        let blob = cache.blob(&repository, &checksum());
        let _lock = blob.lock().unwrap().unwrap();
        assert!(blob.lock().unwrap().is_none(), "locked twice");
        fs::write(&blob.incomplete, "contents").unwrap();
        assert_eq!((blob.length(10), blob.length(8), blob.is_whole(8)), (8, 8, false));
        blob.complete().unwrap();
        assert!(blob.is_whole(8) && !blob.incomplete.exists());
        let snapshot = cache.folder(&repository, commit);
        for name in ["model.bin", "deep/er/model.bin"] {
            // Whatever was there before makes room.
            for _ in 0..2 {
                cache.place(&repository, commit, name, &blob).unwrap();
                assert_eq!(fs::read_to_string(snapshot.join(name)).unwrap(), "contents");
                assert!(is_placed(&snapshot.join(name), &blob, 8));
            }
        }
        let target = fs::read_link(snapshot.join("model.bin")).unwrap();
        assert_eq!(target, Path::new("../../blobs").join(checksum().text()));
        cache.refer(&repository, commit).unwrap();
        let left: Vec<_> = fs::read_dir(cache.repository(&repository)).unwrap().collect();
        assert_eq!(left.len(), 3, "{left:?} beside blobs, refs and snapshots");
        assert_eq!(
            cache.snapshot(&repository),
            Some(Snapshot { commit: commit.to_owned(), folder: snapshot })
        );
    }
}
