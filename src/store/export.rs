//! One portable file with everything in a store that is worth carrying to another machine.
//!
//! | part | bytes |
//! |---|---|
//! | opening | `cupl-tui store export 2`, newline |
//! | each record | table (1), key (32), length (4, little-endian), the record as it is in the store |
//! | end | 0 (1), BLAKE3 of all bytes before this part (32), and no more |
//!
//! File hashes stay behind: they speak of the paths of one machine. The headers of texts follow their pieces, so an
//! import that is interrupted leaves no half of a text.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

use super::error::Failure;
use super::files::{self, FolderMode};
use super::holdout_uses::{count_of, decode_counter};
use super::opened::Opened;
use super::record::Change;
use super::table::{BATCH, Table};
use super::{Key, Store, StoreCounts, StoreError, record};

/// The first versions had neither answers, generations nor counters.
const OPENING: &[u8] = b"cupl-tui store export 2\n";
const EARLIER: &[u8] = b"cupl-tui store export 1\n";

const END: u8 = 0;
const VECTORS: u8 = 1;
const PIECES: u8 = 2;
const PROMPT_SETS: u8 = 3;
const RUNS: u8 = 4;
const HISTORIES: u8 = 5;
const SAMPLES: u8 = 6;
const GENERATIONS: u8 = 7;
const COUNTERS: u8 = 8;

impl Store {
    /// Writes embeddings, prompt sets with how they came about, runs, answers of language models with what they were generated
    /// for, and counters to `file`, which is replaced only when the new one is complete; returns how much it has.
    ///
    /// # Errors
    /// What prevents reading the store or writing the file.
    pub fn export(&self, file: &Path) -> Result<StoreCounts, StoreError> {
        let open = self.opened()?;
        let written = files::replace(file, FolderMode::AS_USUAL, |to| {
            let mut to = BufWriter::new(to);
            write_export(&open, &mut to)?;
            Ok(to.flush()?)
        });
        written.map_err(|failure: Failure| failure.at(file))?;
        let mut counts = StoreCounts::default();
        read_export(file, |tag, _| {
            counts.count(tag);
            Ok(())
        })?;
        Ok(counts)
    }

    /// Adds the contents of an export to this store and returns what the file had. Records under the same key are
    /// replaced, of counters the larger number stays. The whole file is checked before anything is changed.
    ///
    /// # Errors
    /// [`StoreError::BadExport`] if the file is not a whole export, or what prevents reading it or writing the store.
    pub fn import(&self, file: &Path) -> Result<StoreCounts, StoreError> {
        let open = self.begin_change()?;
        open.check_writable()?;
        read_export(file, |_, _| Ok(()))?;
        // What is imported has no plain copy before the end.
        open.copies_will_differ();
        let mut counts = StoreCounts::default();
        let (mut tag_of_batch, mut batch) = (END, Vec::new());
        read_export(file, |tag, change| {
            counts.count(tag);
            if tag == COUNTERS && !grows(&open, &change)? {
                return Ok(());
            }
            if tag != tag_of_batch || batch.len() == BATCH {
                apply(&open, tag_of_batch, std::mem::take(&mut batch))?;
                tag_of_batch = tag;
            }
            batch.push(change);
            Ok(())
        })?;
        apply(&open, tag_of_batch, batch)?;
        open.agree()?;
        Ok(counts)
    }
}

impl StoreCounts {
    fn count(&mut self, tag: u8) {
        match tag {
            VECTORS => self.vectors += 1,
            PROMPT_SETS => self.prompt_sets += 1,
            RUNS => self.runs += 1,
            SAMPLES => self.answers += 1,
            _ => {}
        }
    }
}

fn apply(open: &Opened, tag: u8, changes: Vec<Change>) -> Result<(), StoreError> {
    match exported(open).into_iter().find(|(its, _)| *its == tag) {
        Some((_, table)) => table.apply(changes),
        None => Ok(()),
    }
}

/// Whether a counter is larger than the one that is there.
fn grows(open: &Opened, (key, record): &Change) -> Result<bool, StoreError> {
    let number = record.as_deref().and_then(|record| decode_counter(key, record)).unwrap_or_default();
    Ok(number > count_of(&open.tables, key)?)
}

/// The tables that an export has, each with its tag.
fn exported(open: &Opened) -> [(u8, &Table); 8] {
    let tables = &open.tables;
    [
        (VECTORS, &open.cache.vectors),
        (PIECES, &tables.pieces),
        (PROMPT_SETS, &tables.prompt_sets),
        (RUNS, &tables.runs),
        (HISTORIES, &tables.histories),
        (SAMPLES, &tables.samples),
        (GENERATIONS, &tables.generations),
        (COUNTERS, &tables.counters),
    ]
}

pub(super) fn write_export(open: &Opened, to: &mut impl Write) -> Result<(), Failure> {
    let mut to = Hashing { inner: to, hasher: blake3::Hasher::new() };
    to.write_all(OPENING)?;
    for (tag, table) in exported(open) {
        table.each(|key, record| {
            if record::is_whole(&key, record) {
                to.write_all(&[tag])?;
                to.write_all(key.as_bytes())?;
                to.write_all(&(record.len() as u32).to_le_bytes())?;
                to.write_all(record)?;
            }
            Ok::<(), Failure>(())
        })?;
    }
    let hash = to.hasher.finalize();
    to.write_all(&[END])?;
    Ok(to.write_all(hash.as_bytes())?)
}

/// Shows every record of an export to `visit`, and fails if the file is not a whole one.
fn read_export(
    file: &Path,
    mut visit: impl FnMut(u8, Change) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let bad = |reason: &str| StoreError::BadExport { path: file.to_path_buf(), reason: reason.to_owned() };
    let failed = |e: io::Error| match e.kind() {
        io::ErrorKind::UnexpectedEof => bad("it ends too early"),
        _ => StoreError::io("read", file, e),
    };
    let from = File::open(file).map_err(|e| StoreError::io("open", file, e))?;
    let mut from = Hashing { inner: BufReader::new(from), hasher: blake3::Hasher::new() };
    let mut opening = [0; OPENING.len()];
    from.read_exact(&mut opening).map_err(failed)?;
    if opening != OPENING && opening != EARLIER {
        return Err(bad("it is not an export of this program, or one of another version"));
    }
    loop {
        let hash = from.hasher.finalize();
        let [tag] = from.array().map_err(failed)?;
        let key = from.array().map_err(failed)?;
        match tag {
            END if key != *hash.as_bytes() => return Err(bad("its checksum does not match")),
            END => break,
            VECTORS | PIECES | PROMPT_SETS | RUNS | HISTORIES | SAMPLES | GENERATIONS | COUNTERS => {}
            _ => return Err(bad("it has a record of an unknown kind")),
        }
        let key = Key::from_bytes(key);
        let length = u32::from_le_bytes(from.array().map_err(failed)?);
        if length > record::LONGEST_RECORD {
            return Err(bad("it has a record of impossible length"));
        }
        let mut record = vec![0; length as usize];
        from.read_exact(&mut record).map_err(failed)?;
        if !record::is_whole(&key, &record) {
            return Err(bad("it has a damaged record"));
        }
        visit(tag, (key, Some(record)))?;
    }
    match from.read(&mut [0]).map_err(failed)? {
        0 => Ok(()),
        _ => Err(bad("it goes on after its end")),
    }
}

/// A reader or writer that hashes what passes.
struct Hashing<T> {
    inner: T,
    hasher: blake3::Hasher,
}

impl<T: Read> Hashing<T> {
    fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

impl<T: Read> Read for Hashing<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}

impl<T: Write> Write for Hashing<T> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
