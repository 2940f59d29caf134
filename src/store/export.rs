//! One portable file with everything in a store that is worth carrying to another machine.
//!
//! | part | bytes |
//! |---|---|
//! | opening | `cupl-tui store export 1`, newline |
//! | each record | table (1), key (32), length (4, little-endian), the record as it is in the store |
//! | end | 0 (1), BLAKE3 of all bytes before this part (32), and no more |
//!
//! File hashes stay behind: they speak of the paths of one machine. The headers of texts follow their pieces, so an
//! import that is interrupted leaves no half of a text.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

use super::table::{BATCH, Change, Table};
use super::{Key, Store, StoreCounts, StoreError, Tables, files, record};

const OPENING: &[u8] = b"cupl-tui store export 1\n";

const END: u8 = 0;
const VECTORS: u8 = 1;
const PIECES: u8 = 2;
const PROMPT_SETS: u8 = 3;
const RUNS: u8 = 4;
const HISTORIES: u8 = 5;

/// Bytes. No record comes near: an embedding and a piece of a text have some thousand.
const LONGEST_RECORD: u32 = 1 << 20;

impl Store {
    /// Writes embeddings, prompt sets with how they came about, and runs to `file`, which is replaced only when the new one is complete.
    ///
    /// # Errors
    /// What prevents reading the store or writing the file.
    pub fn export(&self, file: &Path) -> Result<(), StoreError> {
        let written = files::replace(file, |to| {
            let mut to = BufWriter::new(to);
            write_export(self.tables(), &mut to)?;
            Ok(to.flush()?)
        });
        written.map_err(|failure: Failure| failure.at(file))
    }

    /// Adds the contents of an export to this store and returns what the file had. Records under the same key are
    /// replaced. The whole file is checked before anything is changed.
    ///
    /// # Errors
    /// [`StoreError::BadExport`] if the file is not a whole export, or what prevents reading it or writing the store.
    pub fn import(&self, file: &Path) -> Result<StoreCounts, StoreError> {
        let _turn = self.begin_change();
        read_export(file, |_, _| Ok(()))?;
        let mut counts = StoreCounts::default();
        let (mut tag_of_batch, mut batch) = (END, Vec::new());
        read_export(file, |tag, change| {
            match tag {
                VECTORS => counts.vectors += 1,
                PROMPT_SETS => counts.prompt_sets += 1,
                RUNS => counts.runs += 1,
                _ => {}
            }
            if tag != tag_of_batch || batch.len() == BATCH {
                self.apply(tag_of_batch, std::mem::take(&mut batch))?;
                tag_of_batch = tag;
            }
            batch.push(change);
            Ok(())
        })?;
        self.apply(tag_of_batch, batch)?;
        self.complete_mirror()?;
        Ok(counts)
    }

    fn apply(&self, tag: u8, changes: Vec<Change>) -> Result<(), StoreError> {
        match exported(self.tables()).into_iter().find(|(its, _)| *its == tag) {
            Some((_, table)) => table.apply(changes),
            None => Ok(()),
        }
    }
}

/// The tables that an export has, each with its tag.
fn exported(tables: &Tables) -> [(u8, &Table); 5] {
    [
        (VECTORS, &tables.vectors),
        (PIECES, &tables.pieces),
        (PROMPT_SETS, &tables.prompt_sets),
        (RUNS, &tables.runs),
        (HISTORIES, &tables.histories),
    ]
}

/// Which side of an export failed.
pub(super) enum Failure {
    Store(StoreError),
    File(io::Error),
}

impl Failure {
    pub(super) fn at(self, file: &Path) -> StoreError {
        match self {
            Self::Store(e) => e,
            Self::File(e) => StoreError::io("write", file, e),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::File(error)
    }
}

pub(super) fn write_export(tables: &Tables, to: &mut impl Write) -> Result<(), Failure> {
    let mut to = Hashing { inner: to, hasher: blake3::Hasher::new() };
    to.write_all(OPENING)?;
    for (tag, table) in exported(tables) {
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
    if opening != OPENING {
        return Err(bad("it is not an export of this program, or one of another version"));
    }
    loop {
        let hash = from.hasher.finalize();
        let [tag] = from.array().map_err(failed)?;
        let key = from.array().map_err(failed)?;
        match tag {
            END if key != *hash.as_bytes() => return Err(bad("its checksum does not match")),
            END => break,
            VECTORS | PIECES | PROMPT_SETS | RUNS | HISTORIES => {}
            _ => return Err(bad("it has a record of an unknown kind")),
        }
        let key = Key::from_bytes(key);
        let length = u32::from_le_bytes(from.array().map_err(failed)?);
        if length > LONGEST_RECORD {
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
