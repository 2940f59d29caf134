//! Plain copies of what was paid for or cannot be made again, beside prompt sets: files of JSON lines that only grow.
//!
//! A line is `{"check": …, "entry": …}`, with the start of the BLAKE3 hash of the entry as it is written: a damaged line, as
//! the last one of a process that was killed, is passed over alone. A later line about the same thing takes an earlier
//! one's place.
//!
//! | file | what |
//! |---|---|
//! | `generations/NAME.jsonl` | what is generated under a name, and the answers that came for it |
//! | `answers.jsonl` | answers whose generation is not known |
//! | `runs.jsonl`, `histories.jsonl`, `counters.jsonl` | runs, how prompt sets came about, numbers that only grow |

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::files::{self, FolderMode};
use super::mirror::directory_name;
use super::{Key, StoreError};

const GENERATIONS: &str = "generations";

/// Bytes that a line may have. The plan of a generation of many thousand classes has some million.
const LONGEST_LINE: u64 = 256 << 20;

/// Which texts of the store have a place in journals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum TextKind {
    Run,
    History,
    Generation,
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(super) enum Entry {
    /// A language model answered.
    Answer { key: String, content: String },
    /// It was counted so far.
    Counter { key: String, count: u64 },
    /// A text was saved, at so many nanoseconds since 1970.
    Text { of: TextKind, name: String, version: String, saved_at: u64, content: String },
    /// A text was removed.
    Removed { of: TextKind, name: String, version: String, saved_at: u64 },
}

impl Entry {
    pub(super) fn answer(key: &Key, content: &str) -> Self {
        Self::Answer { key: key.to_hex(), content: content.to_owned() }
    }

    pub(super) fn counter(key: &Key, count: u64) -> Self {
        Self::Counter { key: key.to_hex(), count }
    }

    /// What it is about: a later entry about the same takes its place.
    fn subject(&self) -> String {
        match self {
            Self::Answer { key, .. } => format!("answer {key}"),
            Self::Counter { key, .. } => format!("counter {key}"),
            Self::Text { of, name, version, .. } | Self::Removed { of, name, version, .. } => {
                format!("{of:?} {name:?} {version:?}")
            }
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Line {
    check: String,
    entry: Entry,
}

fn encode(entry: &Entry) -> Vec<u8> {
    let line = Line { check: check(entry), entry: entry.clone() };
    let mut bytes = serde_json::to_vec(&line).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

fn decode(line: &[u8]) -> Option<Entry> {
    let line: Line = serde_json::from_slice(line).ok()?;
    (line.check == check(&line.entry)).then_some(line.entry)
}

fn check(entry: &Entry) -> String {
    blake3::hash(&serde_json::to_vec(entry).unwrap_or_default()).to_hex()[..16].to_owned()
}

/// The journals of a store's directory.
pub(super) struct Journals {
    dir: PathBuf,
    mode: FolderMode,
}

impl Journals {
    pub(super) fn in_directory(dir: &Path, mode: FolderMode) -> Self {
        Self { dir: dir.to_path_buf(), mode }
    }

    /// The journal of a generation and of the answers that come for it.
    pub(super) fn of_generation(&self, name: &str) -> PathBuf {
        self.dir.join(GENERATIONS).join(format!("{}.jsonl", directory_name(name)))
    }

    /// The journal of answers whose generation is not known.
    pub(super) fn of_answers(&self) -> PathBuf {
        self.dir.join("answers.jsonl")
    }

    /// The journal of numbers that only grow.
    pub(super) fn of_counters(&self) -> PathBuf {
        self.dir.join("counters.jsonl")
    }

    /// The journal of a text.
    pub(super) fn of_text(&self, of: TextKind, name: &str) -> PathBuf {
        match of {
            TextKind::Run => self.dir.join("runs.jsonl"),
            TextKind::History => self.dir.join("histories.jsonl"),
            TextKind::Generation => self.of_generation(name),
        }
    }

    /// The journals that are there, and what cannot be looked at, with the reason.
    pub(super) fn all(&self) -> (Vec<PathBuf>, Vec<(PathBuf, String)>) {
        let beside = [
            self.of_answers(),
            self.of_counters(),
            self.of_text(TextKind::Run, ""),
            self.of_text(TextKind::History, ""),
        ];
        let mut found: Vec<PathBuf> =
            beside.into_iter().filter(|path| path.symlink_metadata().is_ok()).collect();
        let mut skipped = Vec::new();
        let folder = self.dir.join(GENERATIONS);
        match fs::read_dir(&folder) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => skipped.push((folder, e.to_string())),
            Ok(entries) => {
                for entry in entries.flatten() {
                    let path = entry.path();
                    match path.extension().is_some_and(|extension| extension == "jsonl") {
                        true => found.push(path),
                        false => skipped.push((path, "it is no journal of the store's".to_owned())),
                    }
                }
            }
        }
        found.sort();
        (found, skipped)
    }

    /// Adds entries to the end of a journal and brings them to the disk.
    pub(super) fn append(&self, path: &Path, entries: &[Entry]) -> Result<(), StoreError> {
        if entries.is_empty() {
            return Ok(());
        }
        self.write(path, entries).map_err(|e| StoreError::io("write", path, e))
    }

    fn write(&self, path: &Path, entries: &[Entry]) -> io::Result<()> {
        let folder = path.parent().unwrap_or(&self.dir);
        self.mode.make_folder(folder)?;
        match path.symlink_metadata() {
            // A folder or a pipe in its place is somebody else's.
            Ok(metadata) if !metadata.is_file() && !path.is_file() => drop(files::set_aside(path)?),
            _ => {}
        }
        let is_new = !path.exists();
        let mut file = self.mode.options().create(true).read(true).append(true).open(path)?;
        let length = file.metadata()?.len();
        let mut bytes = Vec::new();
        if length > 0 {
            let mut last = [0];
            file.seek(SeekFrom::Start(length - 1))?;
            file.read_exact(&mut last)?;
            // The line that a killed process did not end.
            if last != *b"\n" {
                bytes.push(b'\n');
            }
        }
        entries.iter().for_each(|entry| bytes.extend(encode(entry)));
        let written = file.write_all(&bytes).and_then(|()| file.sync_data());
        if written.is_err() {
            // Half a line does no harm, but without it there is more room.
            let _left = file.set_len(length);
        }
        written?;
        if is_new { files::sync_folder(folder) } else { Ok(()) }
    }

    /// Leaves of each journal the last line about each thing alone. What is not whole is dropped.
    pub(super) fn compact(&self) -> Result<(), StoreError> {
        for path in self.all().0 {
            let mut lines: Vec<Entry> = Vec::new();
            if read(&path, |entry| lines.push(entry)).is_err() {
                continue;
            }
            let mut seen = HashSet::new();
            let mut kept: Vec<Entry> = Vec::new();
            while let Some(entry) = lines.pop() {
                if seen.insert(entry.subject()) && !matches!(entry, Entry::Removed { .. }) {
                    kept.push(entry);
                }
            }
            files::replace(&path, self.mode, |file| {
                let mut to = BufWriter::new(file);
                kept.iter().rev().try_for_each(|entry| to.write_all(&encode(entry)))?;
                to.flush()
            })
            .map_err(|e| StoreError::io("write", &path, e))?;
        }
        Ok(())
    }
}

/// Shows every whole entry of a journal to `visit`, in order, and returns how many lines are not whole.
pub(super) fn read(path: &Path, mut visit: impl FnMut(Entry)) -> io::Result<usize> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut from = BufReader::new(File::open(path)?);
    let (mut line, mut damaged) = (Vec::new(), 0);
    loop {
        line.clear();
        let length = from.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)?;
        if length == 0 {
            return Ok(damaged);
        }
        let is_cut = length as u64 == LONGEST_LINE && line.last() != Some(&b'\n');
        if is_cut {
            from.skip_until(b'\n')?;
        }
        match decode(&line).filter(|_| !is_cut) {
            Some(entry) => visit(entry),
            None => damaged += usize::from(!line.trim_ascii().is_empty()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(number: u8) -> Entry {
        Entry::answer(&Key::from_parts(&[&[number]]), &format!("answer {number}\n\"odd\" \u{1b}"))
    }

    fn entries(path: &Path) -> (Vec<Entry>, usize) {
        let mut found = Vec::new();
        let damaged = read(path, |entry| found.push(entry)).unwrap();
        (found, damaged)
    }

    #[test]
    fn lines_come_back_and_a_cut_or_changed_one_is_lost_alone() {
        let dir = tempfile::tempdir().unwrap();
        let journals = Journals::in_directory(dir.path(), FolderMode::PRIVATE);
        let path = journals.of_generation("Odd / name");
        let all: Vec<Entry> = (0..3).map(answer).collect();
        for entry in &all {
            journals.append(&path, std::slice::from_ref(entry)).unwrap();
        }
        assert_eq!(entries(&path), (all.clone(), 0));
        assert_eq!(journals.all(), (vec![path.clone()], vec![]));
        let whole = fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            journals.append(&path, &[answer(9)]).unwrap();
            let (found, damaged) = entries(&path);
            // The lines before the cut, and the one that came after it. An end of line may lack alone.
            let before = whole[..cut].iter().filter(|&&byte| byte == b'\n').count();
            assert!(found.len() > before && found.len() <= before + 2, "{cut}");
            assert_eq!(found.last(), Some(&answer(9)));
            assert!(damaged <= 1, "{cut}");
        }
        for at in (0..whole.len()).step_by(7) {
            let mut changed = whole.clone();
            changed[at] ^= 0x15;
            fs::write(&path, changed).unwrap();
            let (found, _) = entries(&path);
            assert!(!found.is_empty() && found.iter().all(|entry| all.contains(entry)), "{at}: {found:?}");
        }
    }

    #[test]
    fn each_line_is_json() {
        let dir = tempfile::tempdir().unwrap();
        let journals = Journals::in_directory(dir.path(), FolderMode::PRIVATE);
        let path = journals.of_text(TextKind::Run, "a");
        let text = Entry::Text {
            of: TextKind::Run,
            name: "a".into(),
            version: String::new(),
            saved_at: 7,
            content: "{}".into(),
        };
        journals.append(&path, &[text]).unwrap();
        let line: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert_eq!((&line["entry"]["kind"], &line["entry"]["content"]), (&"text".into(), &"{}".into()));
    }

    #[test]
    fn what_is_no_file_is_set_aside_when_it_is_in_the_way() {
        let dir = tempfile::tempdir().unwrap();
        let journals = Journals::in_directory(dir.path(), FolderMode::PRIVATE);
        fs::create_dir(journals.of_counters()).unwrap();
        let counter = Entry::counter(&Key::from_parts(&[b"a"]), 3);
        journals.append(&journals.of_counters(), std::slice::from_ref(&counter)).unwrap();
        assert_eq!(entries(&journals.of_counters()), (vec![counter], 0));
    }

    #[test]
    fn compacting_leaves_the_last_line_about_each_thing() {
        let dir = tempfile::tempdir().unwrap();
        let journals = Journals::in_directory(dir.path(), FolderMode::PRIVATE);
        let (path, key) = (journals.of_counters(), Key::from_parts(&[b"a"]));
        for count in 1..5 {
            journals.append(&path, &[Entry::counter(&key, count), answer(1)]).unwrap();
        }
        journals.compact().unwrap();
        assert_eq!(entries(&path), (vec![Entry::counter(&key, 4), answer(1)], 0));
    }
}
