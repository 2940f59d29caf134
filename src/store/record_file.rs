//! A file of records that only grows: batches, each with an index in front of its records.
//!
//! | bytes of a batch | what |
//! |---|---|
//! | 0..4 | magic, `CUPB` |
//! | 4..6 | version of this form, little-endian |
//! | 6..8 | zero |
//! | 8..12 | number of records, little-endian |
//! | 12..20 | checksum: the first 8 bytes of BLAKE3 over bytes 0..12 and the index |
//! | 20.. | the index: for each record its key (32) and its length (4, little-endian) |
//! | .. | the records, which have checksums of their own |
//!
//! A later record takes the place of an earlier one under the same key. Where every key is a hash, a tree on disk writes each of
//! its pages for the few keys that fall on it; here a record is written once and has 36 bytes beside itself.
//!
//! The end of the last batch that is there whole is the end of the file: what a killed process, or one whose disk was full, left
//! behind it is overwritten by the next batch. Between whole batches, what is none is passed over.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::error::Failure;
use super::files::{self, FolderMode};
use super::record::{self, Change, LONGEST_RECORD};
use super::{Key, StoreError};

const MAGIC: [u8; 4] = *b"CUPB";
const VERSION: u16 = 1;
const CHECKED: usize = 12;
const HEADER: usize = 20;
const ENTRY: usize = 36;

/// Records of a batch at most.
const BATCH: usize = 256;

/// Bytes that are searched at once for the next batch behind damage.
const SEARCHED: usize = 1 << 20;

pub(super) struct RecordFile {
    path: PathBuf,
    mode: FolderMode,
    is_writable: bool,
    state: RwLock<State>,
    /// One batch is written at a time.
    writing: Mutex<()>,
}

#[derive(Default)]
struct State {
    places: HashMap<Key, Place>,
    /// The file itself, and where it is not to be written one that is gone with this process.
    files: Vec<Arc<File>>,
    /// Which of them takes the next batch, if it is there already.
    growing: Option<u8>,
    /// Where the next batch begins.
    end: u64,
    /// Bytes that are part of no batch, and have batches behind them.
    passed_over: u64,
}

/// Where a record is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    file: u8,
    offset: u64,
    length: u32,
}

/// The index of a batch.
struct Index {
    entries: Vec<(Key, u32)>,
    /// Bytes of the batch in front of its records.
    length: u64,
}

impl Index {
    /// Bytes of the whole batch.
    fn batch(&self) -> u64 {
        self.length + self.entries.iter().map(|(_, length)| u64::from(*length)).sum::<u64>()
    }

    /// The index at the start of `bytes`, if it is a whole one.
    fn decode(bytes: &[u8]) -> Option<Self> {
        let header = bytes.get(..HEADER)?;
        let count = u32::from_le_bytes(header[8..CHECKED].try_into().ok()?) as usize;
        if header[..8] != beginning() || count > BATCH {
            return None;
        }
        let index = bytes.get(HEADER..HEADER + count * ENTRY)?;
        if header[CHECKED..] != checksum(&header[..CHECKED], index) {
            return None;
        }
        let entry = |bytes: &[u8; ENTRY]| {
            let (key, length) = bytes.split_first_chunk::<32>()?;
            let length = u32::from_le_bytes(length.try_into().ok()?);
            (length <= LONGEST_RECORD).then(|| (Key::from_bytes(*key), length))
        };
        let entries = index.as_chunks::<ENTRY>().0.iter().map(entry).collect::<Option<Vec<_>>>()?;
        Some(Self { entries, length: (HEADER + index.len()) as u64 })
    }
}

fn beginning() -> [u8; 8] {
    let [low, high] = VERSION.to_le_bytes();
    let [a, b, c, d] = MAGIC;
    [a, b, c, d, low, high, 0, 0]
}

fn checksum(header: &[u8], index: &[u8]) -> [u8; HEADER - CHECKED] {
    let hash = blake3::Hasher::new().update(header).update(index).finalize();
    let mut first = [0; HEADER - CHECKED];
    first.copy_from_slice(&hash.as_bytes()[..HEADER - CHECKED]);
    first
}

/// A batch of these records, and how far from its beginning each is. A removed record has no bytes.
fn encode(changes: &[Change]) -> (Vec<u8>, Vec<u64>) {
    let records = || changes.iter().map(|(key, record)| (key, record.as_deref().unwrap_or_default()));
    let mut batch = beginning().to_vec();
    batch.extend((changes.len() as u32).to_le_bytes());
    batch.extend([0; HEADER - CHECKED]);
    for (key, record) in records() {
        batch.extend(key.as_bytes());
        batch.extend((record.len() as u32).to_le_bytes());
    }
    let (header, index) = batch.split_at(HEADER);
    let sum = checksum(&header[..CHECKED], index);
    batch[CHECKED..HEADER].copy_from_slice(&sum);
    let mut offsets = Vec::with_capacity(changes.len());
    for (_, record) in records() {
        offsets.push(batch.len() as u64);
        batch.extend_from_slice(record);
    }
    (batch, offsets)
}

impl RecordFile {
    /// Opens the file at `path`, which need not be there. One that is not to be written takes new records for this process alone.
    ///
    /// # Errors
    /// What prevents reading it. Contents that are no batches are none.
    pub(super) fn open(path: &Path, mode: FolderMode, is_writable: bool) -> Result<Self, StoreError> {
        let failed = |e| StoreError::io("read", path, e);
        let mut state = State::default();
        match path.symlink_metadata() {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(failed(e)),
            // A folder or a pipe in its place is somebody else's, and is set aside when it is in the way.
            Ok(_) if !path.is_file() => {}
            Ok(_) => {
                let file = File::options().read(true).write(is_writable).open(path).map_err(failed)?;
                state.read(&file).map_err(failed)?;
                state.files.push(Arc::new(file));
                state.growing = is_writable.then_some(0);
            }
        }
        let path = path.to_path_buf();
        Ok(Self { path, mode, is_writable, state: RwLock::new(state), writing: Mutex::default() })
    }

    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change_state(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn failure(&self, action: &'static str) -> impl Fn(io::Error) -> StoreError {
        let path = self.path.clone();
        move |error| StoreError::io(action, &path, error)
    }

    pub(super) fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        let (place, file) = {
            let state = self.state();
            let Some(place) = state.places.get(key).copied() else { return Ok(None) };
            (place, state.files[usize::from(place.file)].clone())
        };
        read_record(&file, place).map_err(self.failure("read"))
    }

    /// Where the record under a key is, to read many in the order in which they are on the disk.
    pub(super) fn place(&self, key: &Key) -> Option<Place> {
        self.state().places.get(key).copied()
    }

    pub(super) fn len(&self) -> usize {
        self.state().places.len()
    }

    /// What is damaged in the middle of the file, if anything is.
    pub(super) fn damage(&self) -> Option<String> {
        let bytes = self.state().passed_over;
        (bytes > 0).then(|| format!("{bytes} bytes of {} are damaged", self.path.display()))
    }

    /// Makes the changes in order, in batches that are on disk whole or not at all, and returns when all are there.
    pub(super) fn apply(&self, changes: &[Change]) -> Result<(), StoreError> {
        let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        for changes in changes.chunks(BATCH) {
            self.append(changes).map_err(self.failure("write"))?;
        }
        Ok(())
    }

    fn append(&self, changes: &[Change]) -> io::Result<()> {
        let (number, file, end) = self.growing()?;
        let (batch, offsets) = encode(changes);
        let written =
            cut(&file, end).and_then(|()| file.write_all_at(&batch, end)).and_then(|()| file.sync_data());
        if written.is_err() {
            // Half a batch does no harm, but without it there is more room.
            let _left = cut(&file, end);
        }
        written?;
        let mut state = self.change_state();
        for ((key, record), offset) in changes.iter().zip(offsets) {
            let length = record.as_ref().map_or(0, Vec::len) as u32;
            state.put(*key, Place { file: number, offset: end + offset, length });
        }
        state.end = end + batch.len() as u64;
        Ok(())
    }

    /// The file that takes the next batch, and where in it; it is made if it is not there.
    fn growing(&self) -> io::Result<(u8, Arc<File>, u64)> {
        let state = self.state();
        if let Some(number) = state.growing {
            return Ok((number, state.files[usize::from(number)].clone(), state.end));
        }
        drop(state);
        let made = Arc::new(if self.is_writable { self.make()? } else { tempfile::tempfile()? });
        let mut state = self.change_state();
        let number = state.files.len() as u8;
        state.files.push(made.clone());
        (state.growing, state.end) = (Some(number), 0);
        Ok((number, made, 0))
    }

    fn make(&self) -> io::Result<File> {
        if self.path.symlink_metadata().is_ok() {
            files::set_aside(&self.path)?;
        }
        let folder = self.path.parent().unwrap_or(Path::new(""));
        let file =
            self.mode.options().create(true).truncate(false).read(true).write(true).open(&self.path)?;
        files::sync_folder(folder)?;
        Ok(file)
    }

    /// Shows every record to `visit`, in the order in which they are on the disk, until it fails.
    pub(super) fn each<E: From<StoreError>>(
        &self,
        mut visit: impl FnMut(Key, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        for (key, place) in self.in_order() {
            let file = self.state().files[usize::from(place.file)].clone();
            if let Some(record) = read_record(&file, place).map_err(self.failure("read"))? {
                visit(key, &record)?;
            }
        }
        Ok(())
    }

    fn in_order(&self) -> Vec<(Key, Place)> {
        let mut all: Vec<(Key, Place)> =
            self.state().places.iter().map(|(key, place)| (*key, *place)).collect();
        all.sort_unstable_by_key(|(_, place)| *place);
        all
    }

    /// Writes the file anew, with the last record of each key alone and without those that are not whole.
    ///
    /// # Errors
    /// What prevents reading or writing; the file is as it was then.
    pub(super) fn compact(&self) -> Result<(), StoreError> {
        let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.state().files.is_empty() {
            return Ok(());
        }
        let written = files::replace(&self.path, self.mode, |to| {
            let (mut end, mut changes) = (0, Vec::new());
            let mut write = |changes: &mut Vec<Change>| {
                let (batch, _) = encode(changes);
                changes.clear();
                to.write_all_at(&batch, end)?;
                end += batch.len() as u64;
                Ok::<(), Failure>(())
            };
            self.each(|key, bytes| {
                if record::is_whole(&key, bytes) {
                    changes.push((key, Some(bytes.to_vec())));
                }
                if changes.len() == BATCH { write(&mut changes) } else { Ok::<(), Failure>(()) }
            })?;
            if changes.is_empty() { Ok(()) } else { write(&mut changes) }
        });
        written.map_err(|failure: Failure| failure.at(&self.path))?;
        let anew = Self::open(&self.path, self.mode, true)?;
        *self.change_state() = anew.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(())
    }
}

impl State {
    /// Reads the indices of all batches.
    fn read(&mut self, file: &File) -> io::Result<()> {
        let length = file.metadata()?.len();
        let (mut at, mut bytes) = (0, vec![0; HEADER + BATCH * ENTRY]);
        while at < length {
            let index = whole_batch(file, at, length, &mut bytes)?;
            let Some(Index { entries, length: before }) = index else {
                let Some(next) = next_batch(file, at + 1, length)? else { return Ok(()) };
                self.passed_over += next - at;
                at = next;
                continue;
            };
            at += before;
            for (key, length) in entries {
                self.put(key, Place { file: 0, offset: at, length });
                at += u64::from(length);
            }
            self.end = at;
        }
        Ok(())
    }

    fn put(&mut self, key: Key, place: Place) {
        match place.length {
            0 => self.places.remove(&key),
            _ => self.places.insert(key, place),
        };
    }
}

/// The index of the batch at `at`, if there is one that ends within the `length` bytes of the file.
fn whole_batch(file: &File, at: u64, length: u64, bytes: &mut [u8]) -> io::Result<Option<Index>> {
    let room = usize::try_from(length - at).unwrap_or(usize::MAX).min(bytes.len());
    file.read_exact_at(&mut bytes[..room], at)?;
    Ok(Index::decode(&bytes[..room]).filter(|index| index.batch() <= length - at))
}

/// Where the first whole batch behind `from` begins.
fn next_batch(file: &File, from: u64, length: u64) -> io::Result<Option<u64>> {
    let (mut at, mut part) = (from, vec![0; SEARCHED]);
    let mut bytes = vec![0; HEADER + BATCH * ENTRY];
    let beginning = beginning();
    while at + HEADER as u64 <= length {
        let room = usize::try_from(length - at).unwrap_or(usize::MAX).min(SEARCHED);
        file.read_exact_at(&mut part[..room], at)?;
        for (offset, window) in part[..room].windows(beginning.len()).enumerate() {
            let found = at + offset as u64;
            if window == beginning && whole_batch(file, found, length, &mut bytes)?.is_some() {
                return Ok(Some(found));
            }
        }
        // One may begin in this part and end in the next.
        at += (room - beginning.len() + 1) as u64;
    }
    Ok(None)
}

/// A record; none where the file has become shorter since.
fn read_record(file: &File, place: Place) -> io::Result<Option<Vec<u8>>> {
    let mut record = vec![0; place.length as usize];
    match file.read_exact_at(&mut record, place.offset) {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        read => read.map(|()| Some(record)),
    }
}

/// Removes what stands behind the end.
fn cut(file: &File, end: u64) -> io::Result<()> {
    if file.metadata()?.len() > end { file.set_len(end) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn key(number: u32) -> Key {
        Key::from_parts(&[b"test", &number.to_le_bytes()])
    }

    fn value(number: u32, round: u8) -> Vec<u8> {
        record::encode_bytes(&key(number), &vec![round; 10 + number as usize % 7])
    }

    fn changes(numbers: std::ops::Range<u32>, round: u8) -> Vec<Change> {
        numbers.map(|number| (key(number), Some(value(number, round)))).collect()
    }

    fn open(path: &Path) -> RecordFile {
        RecordFile::open(path, FolderMode::PRIVATE, true).unwrap()
    }

    fn found(file: &RecordFile, number: u32) -> Option<Vec<u8>> {
        file.get(&key(number)).unwrap()
    }

    #[test]
    fn the_last_record_of_a_key_is_there_after_a_restart_and_a_removed_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.records");
        assert_eq!((open(&path).len(), path.exists()), (0, false));
        let file = open(&path);
        file.apply(&changes(0..700, 1)).unwrap();
        file.apply(&changes(300..310, 2)).unwrap();
        file.apply(&[(key(5), None), (key(900), None)]).unwrap();
        for file in [file, open(&path)] {
            assert_eq!((file.len(), file.damage()), (699, None));
            assert_eq!(found(&file, 299), Some(value(299, 1)));
            assert_eq!(found(&file, 300), Some(value(300, 2)));
            assert_eq!((found(&file, 5), found(&file, 701)), (None, None));
            let mut seen = Vec::new();
            file.each(|key, bytes| {
                assert!(record::is_whole(&key, bytes));
                seen.push(file.place(&key).unwrap());
                Ok::<(), StoreError>(())
            })
            .unwrap();
            assert!(seen.len() == 699 && seen.is_sorted());
        }
    }

    #[test]
    fn a_record_is_written_once_with_36_bytes_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.records");
        open(&path).apply(&changes(0..600, 1)).unwrap();
        let records: usize = (0..600).map(|number| value(number, 1).len()).sum();
        // Three batches.
        assert_eq!(fs::metadata(&path).unwrap().len(), (records + 600 * 36 + 3 * 20) as u64);
    }

    #[test]
    fn what_was_cut_off_is_lost_alone_and_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.records");
        let mut ends = vec![0];
        for batch in 0..3 {
            open(&path).apply(&changes(batch * 4..(batch + 1) * 4, 1)).unwrap();
            ends.push(fs::metadata(&path).unwrap().len() as usize);
        }
        let whole = fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            // A disk may have the length of what was being written and not its bytes.
            for zeros in [0, 50] {
                fs::write(&path, [&whole[..cut], &vec![0; zeros]].concat()).unwrap();
                let batches = ends.iter().filter(|&&end| end <= cut).count() as u32 - 1;
                let file = open(&path);
                assert!(file.len() as u32 == batches * 4 || zeros > 0, "{cut}: {}", file.len());
                assert_eq!(file.damage(), None, "{cut}");
                file.apply(&changes(50..52, 1)).unwrap();
                let file = open(&path);
                for number in 0..12 {
                    let bytes = found(&file, number).filter(|bytes| record::is_whole(&key(number), bytes));
                    let expected = Some(value(number, 1));
                    assert!(bytes == expected || bytes.is_none() && number >= batches * 4, "{cut}: {number}");
                }
                assert!(
                    [50, 51].into_iter().all(|number| found(&file, number) == Some(value(number, 1))),
                    "{cut}"
                );
            }
        }
    }

    #[test]
    fn damage_costs_its_batch_at_most_and_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.records");
        for batch in 0..3 {
            open(&path).apply(&changes(batch * 4..(batch + 1) * 4, 1)).unwrap();
        }
        let whole = fs::read(&path).unwrap();
        let mut told = 0;
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 0x24;
            fs::write(&path, changed).unwrap();
            let file = open(&path);
            let mut lost = Vec::new();
            for number in 0..12 {
                match found(&file, number).filter(|bytes| record::is_whole(&key(number), bytes)) {
                    Some(bytes) => assert_eq!(bytes, value(number, 1), "{at}"),
                    None => lost.push(number / 4),
                }
            }
            assert!(!lost.is_empty() && lost.iter().all(|batch| *batch == lost[0]), "{at}: {lost:?}");
            // Of an index with others behind it.
            assert_eq!(file.damage().is_some(), lost.len() == 4 && lost[0] < 2, "{at}");
            told += usize::from(file.damage().is_some());
            file.apply(&changes(0..12, 1)).unwrap();
            assert!((0..12).all(|number| found(&open(&path), number) == Some(value(number, 1))), "{at}");
        }
        assert_eq!(told, 2 * (HEADER + 4 * ENTRY));
    }

    #[test]
    fn a_file_that_is_not_to_be_written_is_read_and_stays_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.records");
        open(&path).apply(&changes(0..3, 1)).unwrap();
        let before = fs::read(&path).unwrap();
        for path in [path.clone(), dir.path().join("none")] {
            let file = RecordFile::open(&path, FolderMode::PRIVATE, false).unwrap();
            let there = file.len() as u32;
            file.apply(&changes(2..6, 2)).unwrap();
            file.apply(&changes(6..7, 2)).unwrap();
            assert!((2..7).all(|number| found(&file, number) == Some(value(number, 2))));
            assert!((0..there.min(2)).all(|number| found(&file, number) == Some(value(number, 1))));
        }
        assert_eq!(fs::read(&path).unwrap(), before);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn compacting_leaves_the_last_whole_record_of_each_key() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.records");
        let file = open(&path);
        for round in 1..5 {
            file.apply(&changes(0..300, round)).unwrap();
        }
        file.apply(&[(key(7), Some(b"no record".to_vec())), (key(8), None)]).unwrap();
        let before = fs::metadata(&path).unwrap().len();
        file.compact().unwrap();
        assert!(fs::metadata(&path).unwrap().len() < before / 3);
        file.apply(&changes(400..401, 4)).unwrap();
        for file in [file, open(&path)] {
            assert_eq!(file.len(), 299);
            assert_eq!((found(&file, 7), found(&file, 8)), (None, None));
            assert!([0, 299, 400].into_iter().all(|number| found(&file, number) == Some(value(number, 4))));
        }
    }

    #[test]
    fn a_folder_in_its_place_is_set_aside_when_it_is_in_the_way() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.records");
        fs::create_dir(&path).unwrap();
        open(&path).apply(&changes(0..1, 1)).unwrap();
        assert_eq!(found(&open(&path), 0), Some(value(0, 1)));
        assert!(dir.path().join("a.records-damaged-1").is_dir());
    }
}
