//! When the state of a file, which the operating system tells without reading it, can stand for its contents.
//!
//! A path, a length and a time of modification are not enough: programs set that time, archives are unpacked with the same
//! one for all files, and links lead elsewhere one day. So a state has the file's identity and the time of its last change
//! of any kind too, which no program sets. A file that changed a moment ago can change again without another time: its
//! state stands for nothing yet.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Key, Store};

/// Part of every key: raised when other things make a state, so that what was kept under less is not found again.
const VERSION: u32 = 2;

/// How long a file has to stand still until its state tells its contents: the coarsest clock of a file system, FAT's.
const SETTLING: Duration = Duration::from_secs(2);

/// A state of a file that the operating system tells without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileStamp {
    /// Absolute, without links.
    path: PathBuf,
    length: u64,
    /// Nanoseconds since 1970 (negative before), of the contents' last change as the file says.
    modified: i128,
    /// The same, of the last change of anything: where the system has that, nobody can set it.
    changed: i128,
    device: u64,
    inode: u64,
    /// The number of a part of the file, where only that is meant.
    member: Option<u64>,
    settled: bool,
}

/// Which states of files stand for their contents.
#[derive(Clone, Copy, Debug)]
pub(super) enum Trust {
    /// Those of files that have stood still for a while.
    Settled,
    /// None.
    Nothing,
    /// All, for tests that do not wait.
    #[cfg(test)]
    Everything,
}

impl FileStamp {
    fn from_path(path: &Path, trust: Trust) -> io::Result<Self> {
        // Before the file is looked at: a later change has a later time.
        let now = nanoseconds(SystemTime::now());
        let path = path.canonicalize()?;
        let metadata = fs::metadata(&path)?;
        let modified = nanoseconds(metadata.modified()?);
        let Identity { changed, device, inode } = identity(&metadata);
        let settled = match trust {
            Trust::Settled => has_settled(modified.max(changed), now),
            Trust::Nothing => false,
            #[cfg(test)]
            Trust::Everything => true,
        };
        Ok(Self { path, length: metadata.len(), modified, changed, device, inode, member: None, settled })
    }

    /// The same state of a part of the file.
    #[must_use]
    pub fn member(&self, member: u64) -> Self {
        Self { member: Some(member), ..self.clone() }
    }

    /// The file, without links: reading it there is reading what has this state.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of the file.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Whether the file has changed since this other state.
    pub fn differs_from(&self, before: &Self) -> bool {
        (Self { settled: false, ..self.clone() }) != (Self { settled: false, ..before.clone() })
    }

    /// A key that no other state of any file has, if this one stands for the contents.
    pub fn key(&self) -> Option<Key> {
        let member = self.member.map(u64::to_le_bytes);
        let parts: [&[u8]; 9] = [
            b"file",
            &VERSION.to_le_bytes(),
            self.path.as_os_str().as_encoded_bytes(),
            &self.length.to_le_bytes(),
            &self.modified.to_le_bytes(),
            &self.changed.to_le_bytes(),
            &self.device.to_le_bytes(),
            &self.inode.to_le_bytes(),
            member.as_ref().map_or(&[], |member| &member[..]),
        ];
        self.settled.then(|| Key::from_parts(&parts))
    }
}

impl Store {
    /// The state of the file at `path` now, links followed.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn stamp(&self, path: &Path) -> io::Result<FileStamp> {
        FileStamp::from_path(path, self.trust)
    }

    /// The same store for work that takes no file's state for its contents: every file is read.
    #[must_use]
    pub fn reading_every_file(&self) -> Self {
        Self { trust: Trust::Nothing, ..self.clone() }
    }

    /// The same store for a test whose files were made this moment.
    #[cfg(test)]
    pub(crate) fn trusting_new_files(&self) -> Self {
        Self { trust: Trust::Everything, ..self.clone() }
    }
}

/// Whether what changed then, by the clock that says that it is now, can be taken to stand still.
fn has_settled(changed: i128, now: i128) -> bool {
    changed + SETTLING.as_nanos() as i128 <= now
}

/// What a file is told from others by, beside its path.
struct Identity {
    changed: i128,
    device: u64,
    inode: u64,
}

#[cfg(unix)]
fn identity(metadata: &Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt;
    Identity {
        changed: i128::from(metadata.ctime()) * 1_000_000_000 + i128::from(metadata.ctime_nsec()),
        device: metadata.dev(),
        inode: metadata.ino(),
    }
}

/// There, a file that takes another one's place was made at another time.
#[cfg(not(unix))]
fn identity(metadata: &Metadata) -> Identity {
    Identity { changed: metadata.created().map_or(0, nanoseconds), device: 0, inode: 0 }
}

fn nanoseconds(time: SystemTime) -> i128 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => after.as_nanos() as i128,
        Err(before) => -(before.duration().as_nanos() as i128),
    }
}

#[cfg(test)]
#[cfg(unix)]
pub(crate) mod tests {
    use std::fs::File;

    use blake3::Hash;

    use super::*;

    /// Waits until a change of the file would have another time.
    pub(crate) fn tick(file: &Path) {
        let of = |path: &Path| identity(&fs::metadata(path).unwrap()).changed;
        let (then, other) = (of(file), file.with_extension("tick"));
        while {
            fs::write(&other, "").unwrap();
            of(&other) <= then
        } {}
    }

    /// Puts the time of modification back, as `touch -r`, `cp -p` and `tar` do.
    pub(crate) fn keeping_the_time(path: &Path, change: impl FnOnce()) {
        let modified = fs::metadata(path).unwrap().modified().unwrap();
        change();
        File::options().write(true).open(path).unwrap().set_modified(modified).unwrap();
    }

    /// `old/weights` and `new/weights` of one length and time, and the links `weights` and `folder` to the old one.
    fn two_of_one_time(dir: &Path) {
        for (name, content) in [("old", "first"), ("new", "other")] {
            fs::create_dir(dir.join(name)).unwrap();
            fs::write(dir.join(name).join("weights"), content).unwrap();
            let file = File::options().write(true).open(dir.join(name).join("weights")).unwrap();
            file.set_modified(UNIX_EPOCH).unwrap();
        }
        link(dir, "old");
    }

    /// Lets the links lead to one of them.
    fn link(dir: &Path, to: &str) {
        for (link, target) in [("weights", format!("{to}/weights")), ("folder", to.to_owned())] {
            let _absent = fs::remove_file(dir.join(link));
            std::os::unix::fs::symlink(target, dir.join(link)).unwrap();
        }
    }

    #[test]
    fn new_contents_are_not_taken_for_the_old_ones_however_they_came() {
        type Change = fn(&Path);
        let kinds: [(&str, &str, Change); 8] = [
            ("in place", "old/weights", |dir| fs::write(dir.join("old/weights"), "other").unwrap()),
            ("in place, with the time kept", "old/weights", |dir| {
                let path = dir.join("old/weights");
                keeping_the_time(&path, || fs::write(&path, "other").unwrap());
            }),
            ("another length, with the time kept", "old/weights", |dir| {
                let path = dir.join("old/weights");
                keeping_the_time(&path, || fs::write(&path, "another").unwrap());
            }),
            ("replaced by a file of one length and time", "old/weights", |dir| {
                fs::rename(dir.join("new/weights"), dir.join("old/weights")).unwrap();
            }),
            ("folders exchanged", "old/weights", |dir| {
                fs::rename(dir.join("old"), dir.join("aside")).unwrap();
                fs::rename(dir.join("new"), dir.join("old")).unwrap();
            }),
            ("a link that leads elsewhere", "weights", |dir| link(dir, "new")),
            ("a link to its folder that leads elsewhere", "folder/weights", |dir| link(dir, "new")),
            ("in place, behind a link", "folder/weights", |dir| {
                let path = dir.join("old/weights");
                keeping_the_time(&path, || fs::write(&path, "other").unwrap());
            }),
        ];
        for (kind, name, change) in kinds {
            let dir = tempfile::tempdir().unwrap();
            two_of_one_time(dir.path());
            let (store, path) = (Store::in_memory().trusting_new_files(), dir.path().join(name));
            let hash = |store: &Store| -> Option<Hash> {
                store.file_hashes(&[store.stamp(&path).unwrap()]).unwrap()[0]
            };
            let before = store.stamp(&path).unwrap();
            store.save_file_hashes(&[(before.clone(), blake3::hash(b"first"))]).unwrap();
            assert_eq!(hash(&store), Some(blake3::hash(b"first")), "{kind}");
            tick(&before.path);
            change(dir.path());
            assert_eq!(hash(&store), None, "{kind}");
            assert!(store.stamp(&path).unwrap().differs_from(&before), "{kind}");
        }
    }

    #[test]
    fn a_file_is_one_under_all_of_its_links() {
        let dir = tempfile::tempdir().unwrap();
        two_of_one_time(dir.path());
        let store = Store::in_memory().trusting_new_files();
        let stamps = ["old/weights", "weights", "folder/weights", "new/../folder/./weights"]
            .map(|name| store.stamp(&dir.path().join(name)).unwrap());
        assert!(stamps.iter().all(|stamp| *stamp == stamps[0]));
        assert_ne!(stamps[0].key(), stamps[0].member(0).key());
        assert_ne!(stamps[0].member(1).key(), stamps[0].member(0).key());
    }

    #[test]
    fn a_file_that_was_just_written_has_to_be_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("photo.png");
        fs::write(&path, b"pixels").unwrap();
        // Its own time may be anything.
        File::options().write(true).open(&path).unwrap().set_modified(UNIX_EPOCH).unwrap();
        let store = Store::in_memory();
        let stamp = store.stamp(&path).unwrap();
        assert_eq!(stamp.key(), None);
        store.save_file_hashes(&[(stamp.clone(), blake3::hash(b"pixels"))]).unwrap();
        assert_eq!(store.file_hashes(&[stamp]).unwrap(), [None]);
        assert_eq!(store.counts().unwrap().file_hashes, 0);
    }

    #[test]
    fn a_file_stands_still_for_two_seconds() {
        const SECOND: i128 = 1_000_000_000;
        for (changed, settled) in [
            (0, true),
            (8 * SECOND, true),
            (8 * SECOND + 1, false),
            (10 * SECOND, false),
            (99 * SECOND, false),
        ] {
            assert_eq!(has_settled(changed, 10 * SECOND), settled, "{changed}");
        }
    }

    #[test]
    fn where_every_file_is_read_nothing_is_known_of_any() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("photo.png");
        fs::write(&path, b"pixels").unwrap();
        let store = Store::in_memory().trusting_new_files();
        store.save_file_hashes(&[(store.stamp(&path).unwrap(), blake3::hash(b"pixels"))]).unwrap();
        let reading = store.reading_every_file();
        assert_eq!(reading.file_hashes(&[reading.stamp(&path).unwrap()]).unwrap(), [None]);
        assert_eq!(reading.counts().unwrap(), store.counts().unwrap());
    }
}
