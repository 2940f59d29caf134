//! Brings a store's database and its plain copies to the same state: what only one of them has, the other gets.
//!
//! Nothing in the copies is an error: what is foreign, unreadable or changed is named and passed over. What a copy and the
//! database know differently, the later one decides.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::documents::{Header, time_of};
use super::holdout_uses::{count_of, counter_record};
use super::journal::{self, Entry, Journals, TextKind};
use super::mirror::Mirror;
use super::record::Change;
use super::tables::Tables;
use super::{Key, StoreError, record};

/// What came of it.
pub(super) struct Agreed {
    /// Sentences for the user.
    pub(super) notices: Vec<String>,
    /// Whether both are the same now, and nothing was passed over.
    pub(super) is_complete: bool,
}

/// A hash over the names, lengths and times of the files that are plain copies: as long as it is the same, nobody has changed
/// them.
pub(super) fn state(dir: &Path) -> [u8; 32] {
    let mut files = Vec::new();
    for name in
        ["prompt-sets", "generations", "answers.jsonl", "runs.jsonl", "histories.jsonl", "counters.jsonl"]
    {
        list(&dir.join(name), 3, &mut files);
    }
    files.sort();
    let mut hasher = blake3::Hasher::new();
    for (path, identity) in files {
        let name = path.strip_prefix(dir).unwrap_or(&path).as_os_str().as_encoded_bytes().to_owned();
        hasher.update(&(name.len() as u64).to_le_bytes()).update(&name).update(&identity);
    }
    *hasher.finalize().as_bytes()
}

/// The files at and below `path`, each with what changes when it is written.
fn list(path: &Path, depth: usize, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    let Ok(metadata) = path.symlink_metadata() else { return };
    if metadata.is_dir() && depth > 0 {
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            list(&entry.path(), depth - 1, files);
        }
        return;
    }
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let mut identity = metadata.len().to_le_bytes().to_vec();
    identity.extend(modified.map_or(0, |since| since.as_nanos()).to_le_bytes());
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        for part in [metadata.ctime() as u64, metadata.ctime_nsec() as u64, metadata.ino()] {
            identity.extend(part.to_le_bytes());
        }
    }
    files.push((path.to_owned(), identity));
}

/// How much was imported.
#[derive(Default)]
struct Imported {
    prompt_sets: usize,
    answers: usize,
    generations: usize,
    runs: usize,
    histories: usize,
    counters: usize,
}

impl Imported {
    fn texts(&mut self, of: TextKind) -> &mut usize {
        match of {
            TextKind::Run => &mut self.runs,
            TextKind::History => &mut self.histories,
            TextKind::Generation => &mut self.generations,
        }
    }

    fn notices(&self) -> Vec<String> {
        let mut notices = Vec::new();
        if self.prompt_sets > 0 {
            notices.push(format!(
                "{} prompt set version(s) were imported from their plain copies",
                self.prompt_sets
            ));
        }
        let counted = [
            (self.answers, "answer(s) of language models"),
            (self.generations, "generation(s)"),
            (self.runs, "run(s)"),
            (self.histories, "history(ies) of prompt sets"),
            (self.counters, "counter(s)"),
        ];
        let parts: Vec<String> =
            counted.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
        if !parts.is_empty() {
            notices.push(format!("{} were imported from their plain copies", parts.join(", ")));
        }
        notices
    }
}

/// What the journals say.
#[derive(Default)]
struct Journalled {
    /// Keys with an answer.
    answers: HashSet<Key>,
    counters: HashMap<Key, u64>,
    /// Kind, name and version of texts, with the time.
    texts: HashMap<(TextKind, String, String), u64>,
}

/// Compares both and completes them.
///
/// # Errors
/// What prevents reading the database or importing into it; what prevents writing copies is a notice.
pub(super) fn agree(
    tables: &Tables,
    mirror: &Mirror,
    journals: &Journals,
    is_writable: bool,
) -> Result<Agreed, StoreError> {
    let mut imported = Imported::default();
    let found = mirror.read_all();
    for copy in &found.copies {
        if tables.prompt_set_documents().read(&copy.name, &copy.version)?.is_none() {
            let documents = tables.prompt_set_documents();
            documents.save(&copy.name, &copy.version, copy.saved_at, &copy.content)?;
            imported.prompt_sets += 1;
        }
    }
    let (journalled, mut passed_over) = import_journals(tables, journals, &mut imported)?;
    passed_over.extend(found.skipped.iter().map(|(path, reason)| format!("{} {reason}", path.display())));
    let mut notices = imported.notices();
    let mut is_complete = passed_over.is_empty();
    notices.extend(passed_over);
    if is_writable {
        let written = write_missing(tables, mirror, &found, journals, &journalled);
        match written {
            Ok(()) => {}
            Err(error @ StoreError::Damaged { .. }) => return Err(error),
            Err(error) => {
                is_complete = false;
                notices.push(format!("not everything in the store has a plain copy: {error}"));
            }
        }
    }
    Ok(Agreed { notices, is_complete })
}

/// Imports what only the journals have, or have later; says what was passed over.
fn import_journals(
    tables: &Tables,
    journals: &Journals,
    imported: &mut Imported,
) -> Result<(Journalled, Vec<String>), StoreError> {
    let mut known = Journalled::default();
    let (paths, skipped) = journals.all();
    let mut passed_over: Vec<String> = skipped
        .into_iter()
        .map(|(path, reason)| format!("{} was passed over: {reason}", path.display()))
        .collect();
    for path in paths {
        let mut answers: HashMap<Key, String> = HashMap::new();
        let mut texts: HashMap<(TextKind, String, String), (u64, Option<String>)> = HashMap::new();
        let read = journal::read(&path, |entry| match entry {
            Entry::Answer { key, content } => {
                answers.extend(Key::from_hex(&key).map(|key| (key, content)));
            }
            Entry::Counter { key, count } => {
                if let Some(key) = Key::from_hex(&key) {
                    let most = known.counters.entry(key).or_default();
                    *most = count.max(*most);
                }
            }
            Entry::Text { of, name, version, saved_at, content } => {
                texts.insert((of, name, version), (saved_at, Some(content)));
            }
            Entry::Removed { of, name, version, saved_at } => {
                texts.insert((of, name, version), (saved_at, None));
            }
        });
        match read {
            Ok(0) => {}
            Ok(damaged) => passed_over.push(format!(
                "{} has {damaged} line(s) that are not whole, which were passed over; `cupl-tui store compact` drops them",
                path.display()
            )),
            Err(e) => passed_over.push(format!("{} cannot be read ({e}) and was passed over", path.display())),
        }
        imported.answers += import_answers(tables, &answers)?;
        known.answers.extend(answers.into_keys());
        for ((of, name, version), (saved_at, content)) in texts {
            let documents = tables.documents(of);
            let there = documents.read(&name, &version)?.map(|(header, _)| header.saved_at_nanoseconds());
            match content {
                Some(content) if there.is_none_or(|there| there < saved_at) => {
                    documents.save(&name, &version, time_of(saved_at), &content)?;
                    *imported.texts(of) += 1;
                }
                None if there.is_some_and(|there| there <= saved_at) => {
                    documents.remove(&name, &version)?;
                }
                _ => {}
            }
            known.texts.insert((of, name, version), saved_at);
        }
    }
    let mut changes: Vec<Change> = Vec::new();
    for (key, count) in &known.counters {
        if count_of(tables, key)? < *count {
            changes.push((*key, Some(counter_record(key, *count))));
        }
    }
    imported.counters += changes.len();
    tables.counters.apply(changes)?;
    Ok((known, passed_over))
}

fn import_answers(tables: &Tables, answers: &HashMap<Key, String>) -> Result<usize, StoreError> {
    let mut changes: Vec<Change> = Vec::new();
    for (key, content) in answers {
        let there = tables.samples.get(key)?;
        if there.is_none_or(|there| !record::is_whole(key, &there)) {
            changes.push((*key, Some(record::encode_bytes(key, content.as_bytes()))));
        }
    }
    let count = changes.len();
    tables.samples.apply(changes)?;
    Ok(count)
}

/// Copies what only the database has, or has later.
fn write_missing(
    tables: &Tables,
    mirror: &Mirror,
    found: &super::mirror::Found,
    journals: &Journals,
    known: &Journalled,
) -> Result<(), StoreError> {
    let documents = tables.prompt_set_documents();
    for header in documents.list()?.iter().filter(|header| !mirror.has(found, &header.name, &header.version))
    {
        if let Some((header, content)) = documents.read(&header.name, &header.version)? {
            mirror.write(&header.name, &header.version, header.saved_at(), &content)?;
        }
    }
    let mut answers: Vec<Entry> = Vec::new();
    tables.samples.each(|key, bytes| {
        if !known.answers.contains(&key)
            && let Some(content) =
                record::decode_bytes(&key, bytes).and_then(|text| std::str::from_utf8(text).ok())
        {
            answers.push(Entry::answer(&key, content));
        }
        Ok::<(), StoreError>(())
    })?;
    journals.append(&journals.of_answers(), &answers)?;
    for of in [TextKind::Generation, TextKind::History, TextKind::Run] {
        let documents = tables.documents(of);
        let mut entries: HashMap<PathBuf, Vec<Entry>> = HashMap::new();
        for header in documents.list()? {
            let subject = (of, header.name.clone(), header.version.clone());
            let saved_at = header.saved_at_nanoseconds();
            if known.texts.get(&subject).is_some_and(|copied| *copied >= saved_at) {
                continue;
            }
            if let Some((Header { name, version, .. }, content)) =
                documents.read(&header.name, &header.version)?
            {
                let path = journals.of_text(of, &name);
                entries.entry(path).or_default().push(Entry::Text { of, name, version, saved_at, content });
            }
        }
        for (path, entries) in entries {
            journals.append(&path, &entries)?;
        }
    }
    let mut counters: Vec<Entry> = Vec::new();
    tables.counters.each(|key, _| {
        let count = count_of(tables, &key)?;
        if known.counters.get(&key).is_none_or(|copied| *copied < count) {
            counters.push(Entry::counter(&key, count));
        }
        Ok::<(), StoreError>(())
    })?;
    journals.append(&journals.of_counters(), &counters)
}
