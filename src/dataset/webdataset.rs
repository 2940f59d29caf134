//! WebDataset: tar files with the parts of each sample, as `000017.jpg` and `000017.cls`.
//!
//! The picture has a picture's ending. The label is in `.cls` or another member that is called as labels are
//! (`field_names.rs`), a number or a name; else in `.json`; else the text of `.txt`. Beside the shards, or a folder above,
//! `classnames.txt` has the class names, a line each, as CLIP_benchmark lays it out. Pictures are read from the shards when
//! they are wanted.
//!
//! The key of a sample ends at the first dot of the base name. What the WebDataset library would merge, split or lose is
//! said: members of one key that lie apart, several pictures of one key, keys with dots, a shard that is cut off.

use std::cell::Cell;
use std::collections::HashMap;
use std::io::{self, BufReader, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::class_names::a_line_each;
use super::error::DatasetError;
use super::field_names::{LABELS, PICTURES, place};
use super::folder::{is_foreign_picture, is_picture};
use super::label::{Label, NamesOfNumbers};
use super::labels::LabelledImages;
use super::picture::{ArchiveFile, Picture, PictureArchive, PictureError};
use super::sidecar::{CLASS_NAMES, sidecar};
use super::unpacking::gzip;
use super::{Dataset, DatasetImage, DatasetOptions, PictureSource, SkippedImage};
use crate::files::foreign::guarded;
use crate::text::message::listed;
use crate::text::text_file;

/// Bytes of a label's file at most.
const LONGEST_LABEL: u64 = 1 << 20;
/// Bytes of a member's headers and of its label at most: names may be long, and have headers of their own.
const LONGEST_HEADERS: u64 = 16 << 20;
/// Bytes of a header and of what content is filled up to.
const BLOCK: u64 = 512;
/// The rank of a text, which may be the label or a caption; see [`rank_of_label`].
const CAPTION: usize = LABELS.len() + 2;
/// The endings of arrays and Python objects that the WebDataset library decodes.
const ARRAYS: [&str; 8] = ["npy", "npz", "pyd", "pickle", "pkl", "pth", "pt", "ten"];
/// Names in a note at most.
const NAMED: usize = 5;

/// A tar file whose pictures are known by their place.
#[derive(Debug)]
struct Shard {
    file: ArchiveFile,
    /// Offset and length of each picture.
    pictures: Vec<(u64, u64)>,
}

impl PictureArchive for Shard {
    fn path(&self) -> &Path {
        &self.file.path
    }

    fn read(&self, member: u64) -> Result<Picture, PictureError> {
        let place = usize::try_from(member).ok().and_then(|member| self.pictures.get(member));
        let &(offset, length) = place.ok_or(PictureError::NotAPicture)?;
        Ok(Picture::Encoded(self.file.bytes(offset, length as usize)?))
    }
}

/// A member of a shard that belongs to a sample.
#[derive(Clone, Copy)]
struct MemberRange {
    offset: u64,
    length: u64,
}

struct Member {
    name: String,
    /// What follows the key, in lower case: `png`, `seg.png`, `cls`.
    field: String,
    /// How many times the key had changed before it.
    run: usize,
    part: Part,
}

enum Part {
    Picture(MemberRange),
    /// A picture that cannot be decoded, by its ending.
    ForeignPicture(MemberRange),
    /// Numbers or a Python object, which may stand for a picture.
    Array,
    Label(LabelPart),
}

/// What a member says of the label: the label, and its name if that is another.
#[derive(Clone)]
struct LabelPart {
    /// The smaller, the better a place for a label.
    rank: usize,
    label: Result<(Label, Option<String>), String>,
}

/// What shards come to.
#[derive(Default)]
struct Index {
    /// Name and place of the pictures of this shard.
    pictures: Vec<(String, MemberRange)>,
    /// One a picture, with how good a place it was found in.
    labels: Vec<(usize, Label)>,
    names: NamesOfNumbers,
    skipped: Vec<SkippedImage>,
    odd: Oddities,
}

/// Keys that other readers see as something else.
#[derive(Default)]
struct Oddities {
    apart: Vec<String>,
    dotted: Vec<String>,
    several: Vec<String>,
}

impl Oddities {
    fn notes(&self) -> Vec<String> {
        let note = |keys: &[String], what: &str| {
            let samples = if keys.len() == 1 { "1 sample" } else { &format!("{} samples", keys.len()) };
            (!keys.is_empty()).then(|| format!("{samples} {what}: {}", listed(keys, NAMED)))
        };
        [
            note(&self.apart, "with members that lie apart in their shard, put together here; the WebDataset library splits them"),
            note(
                &self.dotted,
                "with dots in their keys, told apart by what is before the last dot; the WebDataset library merges them",
            ),
            note(&self.several, "with several pictures, of which one is used"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl Dataset {
    /// Opens shards in this order. The classes are those of `classnames.txt`, or all labels.
    ///
    /// # Errors
    /// When a shard cannot be opened, there are fewer than two classes or no pictures at all, or the options do not fit.
    pub fn from_webdataset(shards: &[PathBuf], options: &DatasetOptions) -> Result<Dataset, DatasetError> {
        let first = shards.first().map_or(Path::new(""), PathBuf::as_path);
        let folder = first.parent().unwrap_or(Path::new(""));
        let mut found = LabelledImages::default();
        let mut labels: Vec<(usize, Label)> = Vec::new();
        let mut odd = Oddities::default();
        let mut names = NamesOfNumbers::default();
        let mut shards_of_key: HashMap<String, usize> = HashMap::new();
        for path in shards {
            let shard = path.file_name().unwrap_or_default().to_string_lossy();
            let file = content(path).map_err(|error| unreadable(path, &error))?;
            let index = guarded(|| index(path, &file, &shard))
                .map_err(|problem| DatasetError::archive(path, problem))??;
            let places = index.pictures.iter().map(|(_, place)| (place.offset, place.length)).collect();
            let archive: Arc<dyn PictureArchive> = Arc::new(Shard { file, pictures: places });
            for (member, (name, ..)) in (0..).zip(index.pictures) {
                *shards_of_key.entry(name.clone()).or_default() += 1;
                let source = PictureSource::Member { archive: Arc::clone(&archive), member };
                found.images.push(DatasetImage { name: format!("{shard}/{name}"), label: 0, source });
            }
            labels.extend(index.labels);
            found.skipped.extend(index.skipped);
            names.extend(index.names);
            odd.apart.extend(index.odd.apart);
            odd.dotted.extend(index.odd.dotted);
            odd.several.extend(index.odd.several);
        }
        // The text of a `.txt` is a caption where other samples have labels.
        let has_labels = labels.iter().any(|(rank, _)| *rank < CAPTION);
        for (image, (rank, label)) in std::mem::take(&mut found.images).into_iter().zip(labels) {
            if rank < CAPTION || !has_labels {
                found.images.push(image);
                found.labels.push(label);
            } else {
                let reason = "it has no label but a caption (.txt), and other samples have labels".to_owned();
                found.skipped.push(SkippedImage { name: image.name, reason });
            }
        }
        found.notes.extend(odd.notes());
        let mut repeated: Vec<String> =
            shards_of_key.into_iter().filter(|(_, count)| *count > 1).map(|(name, _)| name).collect();
        if !repeated.is_empty() {
            repeated.sort();
            found.notes.push(format!(
                "{} names of pictures are in several shards, whose samples are told apart by the shard: {}",
                repeated.len(),
                listed(&repeated, NAMED)
            ));
        }
        if shards.iter().any(|path| is_compressed(path)) {
            found.notes.push(
                "compressed shards are unpacked to a temporary file each time they are opened, which is slow; unpack them once \
                 with gunzip"
                    .to_owned(),
            );
        }
        found.skipped.extend(missing_shards(folder, shards)?);
        found.skipped.extend(missing_samples(shards, &found));
        found.names = class_names(first)?;
        found.names_of_numbers = names;
        Self::from_labelled(first, folder, found, options)
    }
}

/// Shards that `nshards.txt` beside them says there must be.
fn missing_shards(folder: &Path, shards: &[PathBuf]) -> Result<Option<SkippedImage>, DatasetError> {
    let file = folder.join("nshards.txt");
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let is_shard = |path: &Path| path.extension().is_some_and(|own| own.eq_ignore_ascii_case("tar"));
    // Whoever names one shard of several wants no more.
    if !file.is_file() || shards.len() < entries.filter(|entry| is_shard(&entry.path())).count() {
        return Ok(None);
    }
    let text = text_file::read(&file)?;
    let wanted: usize = text.trim().parse().map_err(|_| {
        DatasetError::archive(
            &file,
            format!("{:?} is no number of shards; write it, or remove the file", text.trim()),
        )
    })?;
    Ok((wanted != shards.len()).then(|| SkippedImage {
        name: "nshards.txt".to_owned(),
        reason: format!("it says that there are {wanted} shards, and {} are opened", shards.len()),
    }))
}

/// Samples that a count beside a shard (`00000_stats.json`, as img2dataset writes it) says there must be.
fn missing_samples(shards: &[PathBuf], found: &LabelledImages) -> Vec<SkippedImage> {
    let mut samples: HashMap<&str, u64> = HashMap::new();
    let names =
        found.images.iter().map(|image| &image.name).chain(found.skipped.iter().map(|image| &image.name));
    for (shard, _) in names.filter_map(|name| name.split_once('/')) {
        *samples.entry(shard).or_default() += 1;
    }
    let mut missing = Vec::new();
    for path in shards {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let Ok(text) = std::fs::read_to_string(path.with_file_name(format!("{stem}_stats.json"))) else {
            continue;
        };
        let Ok(stats) = serde_json::from_str::<Value>(&text) else { continue };
        let Some(wanted) = stats["successes"].as_u64() else { continue };
        let shard = path.file_name().unwrap_or_default().to_string_lossy();
        let there = samples.get(&*shard).copied().unwrap_or(0);
        if wanted != there {
            missing.push(SkippedImage {
                name: shard.into_owned(),
                reason: format!("{stem}_stats.json says that it has {wanted} samples, and {there} are there"),
            });
        }
    }
    missing
}

pub(super) fn is_compressed(path: &Path) -> bool {
    path.extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("gz") || ending.eq_ignore_ascii_case("tgz"))
}

/// The shard, unpacked to a file that is gone with the dataset if it is compressed.
fn content(path: &Path) -> io::Result<ArchiveFile> {
    if !is_compressed(path) {
        return ArchiveFile::open(path);
    }
    let mut unpacked = tempfile::tempfile()?;
    io::copy(&mut gzip(path)?, &mut unpacked)?;
    Ok(ArchiveFile::unpacked(path, unpacked))
}

fn unreadable(path: &Path, error: &io::Error) -> DatasetError {
    DatasetError::archive(path, format!("cannot be read: {error}"))
}

/// Reads on in an archive's file, for the tar reader.
struct Reading<'a> {
    file: &'a ArchiveFile,
    at: u64,
    /// Bytes that may still be read before the next member: what says its name is not passed over but kept.
    left: &'a Cell<u64>,
}

impl Read for Reading<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.at)?;
        self.at += read as u64;
        let left = self.left.get().checked_sub(read as u64);
        self.left.set(left.ok_or_else(|| io::Error::other("what stands before a member has no end"))?);
        Ok(read)
    }
}

impl Seek for Reading<'_> {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        let moved = |from: u64, by: i64| from.checked_add_signed(by).ok_or(io::ErrorKind::InvalidInput);
        self.at = match to {
            io::SeekFrom::Start(at) => at,
            io::SeekFrom::Current(by) => moved(self.at, by)?,
            io::SeekFrom::End(by) => moved(self.file.length()?, by)?,
        };
        Ok(self.at)
    }
}

/// The pictures and labels of a shard, whose headers are read and nothing else but labels.
fn index(path: &Path, file: &ArchiveFile, shard: &str) -> Result<Index, DatasetError> {
    let length = file.length().map_err(|error| unreadable(path, &error))?;
    let left = Cell::new(LONGEST_HEADERS);
    let mut archive = tar::Archive::new(BufReader::new(Reading { file, at: 0, left: &left }));
    let mut found = Index::default();
    // Keys in the order of their first members.
    let mut samples: Vec<(String, Vec<Member>)> = Vec::new();
    let mut place_of: HashMap<String, usize> = HashMap::new();
    let (mut whole, mut end, mut run) = (0_usize, 0_u64, 0);
    let mut last_key = String::new();
    let mut damage = None;
    for entry in archive.entries_with_seek().map_err(|error| unreadable(path, &error))? {
        left.set(LONGEST_HEADERS);
        let member = entry.and_then(|mut entry| {
            let behind = entry.raw_file_position().checked_add(entry.size()).filter(|end| *end <= length);
            end = behind.unwrap_or(length).next_multiple_of(BLOCK);
            if behind.is_none() {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a member is longer than the file"));
            }
            let Some(key) = key_of(&entry)? else { return Ok(None) };
            if key != last_key {
                run += 1;
                last_key.clone_from(&key);
            }
            Ok(member(&mut entry, run)?.map(|member| (key, member)))
        });
        match member {
            Ok(member) => {
                whole += 1;
                if let Some((key, member)) = member {
                    let place = *place_of.entry(key.clone()).or_insert_with(|| {
                        samples.push((key, Vec::new()));
                        samples.len() - 1
                    });
                    samples[place].1.push(member);
                }
            }
            Err(error) if whole == 0 => {
                let problem = format!("not a tar file ({error}); other archives have to be unpacked");
                return Err(DatasetError::archive(path, problem));
            }
            Err(error) => {
                damage = Some(format!("damaged at byte {} ({error})", end.min(length)));
                break;
            }
        }
    }
    if let Some(damage) = damage.or_else(|| damage_at_end(file, end, length)) {
        let reason =
            format!("{damage}: {whole} members are read, and what follows is lost; get the file anew");
        found.skipped.push(SkippedImage { name: shard.to_owned(), reason });
    }
    for (key, members) in samples {
        found.take(&key, members, shard);
    }
    Ok(found)
}

/// What is wrong behind the last member: the blocks of zeros that end a tar file are not there, or something follows them.
fn damage_at_end(file: &ArchiveFile, end: u64, length: u64) -> Option<String> {
    if end >= length {
        return Some(format!(
            "it ends at byte {length} without the mark of an end, as a file that is cut off does"
        ));
    }
    let endless = Cell::new(u64::MAX);
    let mut reading = BufReader::new(Reading { file, at: end, left: &endless });
    let mut block = vec![0; BLOCK as usize];
    let mut at = end;
    while reading.read_exact(&mut block).is_ok() {
        if block.iter().any(|byte| *byte != 0) {
            return Some(format!(
                "it has zeros from byte {end} to {at}, where its end should be, and more after them"
            ));
        }
        at += BLOCK;
    }
    None
}

/// Folder, stem and what follows the first dot of a file that is not hidden.
fn parts_of(name: &str) -> Option<(&str, &str, &str)> {
    let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
    let (stem, field) = file.split_once('.').unwrap_or((file, ""));
    (!stem.is_empty()).then_some((folder, stem, field))
}

/// The key of the sample that a member belongs to.
fn key_of<R: Read>(entry: &tar::Entry<'_, R>) -> io::Result<Option<String>> {
    if !entry.header().entry_type().is_file() {
        return Ok(None);
    }
    let name = entry.path()?.to_string_lossy().into_owned();
    Ok(parts_of(&name).map(
        |(folder, stem, _)| if folder.is_empty() { stem.to_owned() } else { format!("{folder}/{stem}") },
    ))
}

/// The member, if it is one that matters.
fn member<R: Read>(entry: &mut tar::Entry<'_, R>, run: usize) -> io::Result<Option<Member>> {
    let name = entry.path()?.to_string_lossy().into_owned();
    let Some((_, _, field)) = parts_of(&name) else { return Ok(None) };
    let field = field.to_lowercase();
    let ending = field.rsplit('.').next().unwrap_or_default();
    let place = MemberRange { offset: entry.raw_file_position(), length: entry.size() };
    let part = if is_picture(Path::new(&name)) {
        Part::Picture(place)
    } else if is_foreign_picture(Path::new(&name)) {
        Part::ForeignPicture(place)
    } else if ARRAYS.contains(&ending) {
        Part::Array
    } else if let Some(rank) = rank_of_label(ending).filter(|_| entry.size() <= LONGEST_LABEL) {
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        match label_of(ending, &bytes) {
            Some(label) => Part::Label(LabelPart { rank, label }),
            None => return Ok(None),
        }
    } else {
        return Ok(None);
    };
    Ok(Some(Member { name, field, run, part }))
}

/// How good a place for a label a member with this ending is; the smaller the better.
fn rank_of_label(ending: &str) -> Option<usize> {
    match ending {
        "cls" => Some(0),
        "json" => Some(LABELS.len() + 1),
        "txt" => Some(CAPTION),
        _ => place(&LABELS, &[ending])
            .and_then(|_| LABELS.iter().position(|name| *name == ending))
            .map(|at| at + 1),
    }
}

/// The label in a member's content, with its name if it says both; or what it is instead.
fn label_of(ending: &str, bytes: &[u8]) -> Option<Result<(Label, Option<String>), String>> {
    let binary = || Err(format!("its .{ending} is not text; write the label as text"));
    let Ok(text) = std::str::from_utf8(bytes) else { return Some(binary()) };
    if ending == "json" {
        return json_label(text);
    }
    if text.trim().chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Some(binary());
    }
    Some(Label::text(text)).filter(|label| *label != Label::Missing).map(|label| Ok((label, None)))
}

fn json_label(text: &str) -> Option<Result<(Label, Option<String>), String>> {
    let value: Value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(error) => return Some(Err(format!("its .json cannot be read: {error}"))),
    };
    let Value::Object(fields) = &value else {
        return Some(Label::from_json(&value).map(|label| (label, None)));
    };
    Label::from_fields(fields)
}

impl Index {
    /// Takes the sample or, where the key has dots, the samples of one key.
    fn take(&mut self, key: &str, members: Vec<Member>, shard: &str) {
        // Samples as the last dot cuts them, in the order of their first members.
        let mut by_stem: Vec<(&str, Vec<&Member>)> = Vec::new();
        for member in &members {
            let stem = stem(&member.name);
            match by_stem.iter_mut().find(|(other, _)| *other == stem) {
                Some((_, members)) => members.push(member),
                None => by_stem.push((stem, vec![member])),
            }
        }
        let is_sample = |members: &[&Member]| {
            let pictures = members.iter().filter(|member| matches!(member.part, Part::Picture(_))).count();
            pictures == 1 && members.len() > 1
        };
        if by_stem.len() > 1 && by_stem.iter().all(|(_, members)| is_sample(members)) {
            self.odd.dotted.push(format!("{shard}/{key}"));
            for (stem, members) in by_stem {
                self.take_one(stem, &members, shard);
            }
        } else {
            self.take_one(key, &members.iter().collect::<Vec<_>>(), shard);
        }
    }

    fn take_one(&mut self, key: &str, members: &[&Member], shard: &str) {
        let is_apart = members.iter().any(|member| member.run != members[0].run);
        let (mut pictures, mut labels): (Vec<(&Member, MemberRange)>, Vec<&LabelPart>) =
            (Vec::new(), Vec::new());
        let mut foreign = Vec::new();
        for &member in members {
            match &member.part {
                Part::Picture(place) => pictures.push((member, *place)),
                Part::ForeignPicture(place) => foreign.push((member, *place)),
                Part::Array => {}
                Part::Label(label) => labels.push(label),
            }
        }
        // Decoding one says what it is and what to do.
        if pictures.is_empty() {
            pictures = foreign;
        }
        // The picture whose field is an ending alone, then one that is called as pictures are.
        let rank = |field: &str| match field.rsplit_once('.') {
            None => 0,
            Some((before, _)) => {
                1 + PICTURES.iter().position(|name| *name == before).unwrap_or(PICTURES.len())
            }
        };
        pictures.sort_by_key(|(member, _)| rank(&member.field));
        let Some((member, place)) = pictures.first() else {
            return self.skip_without_picture(key, members, &labels, shard);
        };
        if is_apart {
            self.odd.apart.push(format!("{shard}/{key}"));
        }
        for (other, _) in &pictures[1..] {
            if other.name == member.name {
                self.skip(
                    shard,
                    &other.name,
                    "its name is there twice in the shard; the first one is used".to_owned(),
                );
            }
        }
        if pictures[1..].iter().any(|(other, _)| other.name != member.name) {
            self.odd.several.push(format!("{shard}/{key}"));
        }
        labels.sort_by_key(|label| label.rank);
        let best = labels.first().map(|first| first.rank);
        let same = labels.iter().filter(|label| Some(label.rank) == best);
        let distinct: Vec<&LabelPart> = same.copied().collect();
        match distinct.as_slice() {
            [] => self.skip(shard, &member.name, without_label(&member.name)),
            [first, rest @ ..] => match &first.label {
                Err(reason) => self.skip(shard, &member.name, reason.clone()),
                Ok(label) if rest.iter().any(|other| other.label.as_ref() != Ok(label)) => self.skip(
                    shard,
                    &member.name,
                    "its key has two labels that differ; which one is meant cannot be told".to_owned(),
                ),
                Ok((label, name)) => {
                    self.names.add(label, name.as_deref());
                    self.pictures.push((member.name.clone(), *place));
                    self.labels.push((first.rank, label.clone()));
                }
            },
        }
    }

    /// Says that a sample has no picture, if it has a label or an array in its place; other files are none of the samples.
    fn skip_without_picture(&mut self, key: &str, members: &[&Member], labels: &[&LabelPart], shard: &str) {
        let arrays: Vec<&&Member> =
            members.iter().filter(|member| matches!(member.part, Part::Array)).collect();
        if let [array, ..] = arrays.as_slice() {
            let reason = "it has no picture but an array, which is not read; write pictures as PNG or JPEG";
            self.skip(shard, &array.name, reason.to_owned());
        } else if labels.iter().any(|label| label.rank < CAPTION) {
            let fields: Vec<&str> = members.iter().map(|member| member.field.as_str()).collect();
            let reason = format!("it has no picture, only .{}", fields.join(", ."));
            self.skip(shard, key, reason);
        }
    }

    fn skip(&mut self, shard: &str, name: &str, reason: String) {
        self.skipped.push(SkippedImage { name: format!("{shard}/{name}"), reason });
    }
}

/// Why a picture without a label is left out.
fn without_label(name: &str) -> String {
    let missing = "it has no label: neither .cls nor .json with a label nor .txt";
    match name.rsplit_once('/') {
        Some((folder, _)) => format!(
            "{missing}; if its folder {folder:?} is its class, unpack the shard, since a folder per class is read as such"
        ),
        None => missing.to_owned(),
    }
}

/// A member's name up to its last dot.
fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

/// The lines of `classnames.txt` beside a shard or a folder above it.
fn class_names(shard: &Path) -> Result<Option<(Vec<String>, String)>, DatasetError> {
    match sidecar(shard.parent().unwrap_or(Path::new("")), CLASS_NAMES) {
        Some(file) => Ok(Some((a_line_each(&file)?, file.display().to_string()))),
        None => Ok(None),
    }
}

/// Shards in the order of their numbers: `2.tar` before `10.tar`.
pub(super) fn sort_shards(shards: &mut [PathBuf]) {
    let number = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let digits: String = name.chars().filter(char::is_ascii_digit).collect();
        (path.parent().map(Path::to_owned), digits.parse::<u64>().unwrap_or(u64::MAX), name)
    };
    shards.sort_by_cached_key(number);
}

/// The files that `shard-{000..012}.tar` means; the path itself without braces.
pub(super) fn expanded(path: &Path) -> Vec<PathBuf> {
    let text = path.to_string_lossy();
    let range = text.split_once('{').and_then(|(before, rest)| {
        let (range, after) = rest.split_once('}')?;
        let (from, to) = range.split_once("..")?;
        Some((before, from, from.parse::<u64>().ok()?, to.parse::<u64>().ok()?, after))
    });
    match range {
        Some((before, from, first, last, after)) if first <= last && last - first < 1_000_000 => (first
            ..=last)
            .map(|number| PathBuf::from(format!("{before}{number:0width$}{after}", width = from.len())))
            .collect(),
        _ => vec![path.to_owned()],
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A tar file of these members.
    pub(in crate::dataset) fn tar_of(path: &Path, members: &[(&str, &[u8])]) {
        let mut builder = tar::Builder::new(std::fs::File::create(path).unwrap());
        for (name, content) in members {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, name, *content).unwrap();
        }
        builder.finish().unwrap();
    }

    fn images(dataset: &Dataset) -> Vec<(&str, &str)> {
        let class = |image: &DatasetImage| dataset.classes[image.label].name.as_str();
        dataset.images.iter().map(|image| (image.name.as_str(), class(image))).collect()
    }

    fn content(image: &DatasetImage) -> Vec<u8> {
        image.source.read().unwrap().content().into_owned()
    }

    #[test]
    fn samples_are_gathered_and_read_from_their_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("classnames.txt"), "tree frog\ncrane\n\n").unwrap();
        let first: [(&str, &[u8]); 8] = [
            ("0.cls", b"1\n"),
            ("0.webp", b"picture 0"),
            ("1.jpg", b"picture 1"),
            ("1.json", br#"{"label": 0, "height": 3}"#),
            ("2.png", b"picture 2"),
            ("2.txt", b"no label of ours"),
            ("3.png", b"picture 3"),
            ("4.cls", b"0"),
        ];
        tar_of(&path("0.tar"), &first);
        tar_of(&path("10.tar"), &[("a/5.seg.png", b"picture 5"), ("a/5.cls", b"-1")]);
        tar_of(&path("2.tar"), &[("b/5.jpeg", b"picture 6"), ("b/5.cls", b"0")]);
        let dataset = Dataset::open(folder.path(), &DatasetOptions::default()).unwrap();
        assert_eq!(dataset.class_names(), ["tree frog", "crane"]);
        assert_eq!(
            images(&dataset),
            [("0.tar/0.webp", "crane"), ("0.tar/1.jpg", "tree frog"), ("2.tar/b/5.jpeg", "tree frog")]
        );
        assert_eq!(content(&dataset.images[0]), b"picture 0");
        assert_eq!(content(&dataset.images[2]), b"picture 6");
        let skipped: Vec<String> =
            dataset.skipped.iter().map(|image| format!("{}: {}", image.name, image.reason)).collect();
        assert_eq!(
            skipped,
            [
                "0.tar/3.png: it has no label: neither .cls nor .json with a label nor .txt",
                "0.tar/4: it has no picture, only .cls",
                "0.tar/2.png: it has no label but a caption (.txt), and other samples have labels",
                "10.tar/a/5.seg.png: its label is -1, which stands for none"
            ]
        );
    }

    #[test]
    fn a_shard_that_is_cut_off_gives_what_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shard-0.tar");
        let members: [(&str, &[u8]); 6] = [
            ("0.cls", b"a"),
            ("0.png", b"x"),
            ("1.cls", b"b"),
            ("1.png", b"y"),
            ("2.cls", b"b"),
            ("2.png", &[7; 3000]),
        ];
        tar_of(&path, &members);
        let whole = std::fs::read(&path).unwrap();
        // In the middle of the last picture: its header is there, its bytes are not.
        std::fs::write(&path, &whole[..11 * 512 + 700]).unwrap();
        let dataset = Dataset::open(&path, &DatasetOptions::default()).unwrap();
        assert_eq!(dataset.images.len(), 2);
        assert_eq!(content(&dataset.images[1]), b"y");
        let reason = |dataset: &Dataset| dataset.skipped[0].reason.clone();
        assert!(
            reason(&dataset).starts_with("damaged at byte 6332 (a member is longer"),
            "{}",
            reason(&dataset)
        );
        // Between two members.
        std::fs::write(&path, &whole[..8 * 512]).unwrap();
        let dataset = Dataset::open(&path, &DatasetOptions::default()).unwrap();
        assert_eq!(images(&dataset).len(), 2);
        assert!(reason(&dataset).contains("at byte 4096 without the mark of an end"), "{}", reason(&dataset));
        // Zeros in place of two members.
        let mut hole = whole.clone();
        hole[4 * 512..8 * 512].fill(0);
        std::fs::write(&path, &hole).unwrap();
        let message = Dataset::open(&path, &DatasetOptions::default()).unwrap_err().to_string();
        assert!(
            message.contains("the class \"a\" only") && message.contains("zeros from byte 2048 to 4096"),
            "{message}"
        );
        // In the middle of a header.
        std::fs::write(&path, &whole[..8 * 512 + 100]).unwrap();
        let dataset = Dataset::open(&path, &DatasetOptions::default()).unwrap();
        assert_eq!(images(&dataset).len(), 2);
        let [SkippedImage { name, reason }] = &dataset.skipped[..] else { panic!("{:?}", dataset.skipped) };
        assert!(name == "shard-0.tar" && reason.contains("4 members are read"), "{reason}");
    }

    #[test]
    fn samples_without_a_picture_that_is_read_say_what_they_have() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("0.tar");
        let members: [(&str, &[u8]); 13] = [
            ("0.cls", b"a"),
            ("0.depth.npy", b"an array"),
            ("0.png", b"x"),
            ("1.cls", b"b"),
            ("1.npy", b"an array"),
            ("2.cls", b"b"),
            ("2.heic", b"y"),
            ("3.mp3", b"a sound"),
            ("4.heic", b"z"),
            ("4.jpg", b"z"),
            ("4.cls", b"a"),
            ("README.txt", b"about the shard"),
            ("cat/5.png", b"p"),
        ];
        tar_of(&path, &members);
        let dataset = Dataset::open(&path, &DatasetOptions::default()).unwrap();
        assert_eq!(images(&dataset), [("0.tar/0.png", "a"), ("0.tar/2.heic", "b"), ("0.tar/4.jpg", "a")]);
        let skipped: Vec<String> =
            dataset.skipped.iter().map(|image| format!("{}: {}", image.name, image.reason)).collect();
        assert_eq!(skipped.len(), 2, "{skipped:?}");
        assert!(skipped[0].starts_with("0.tar/1.npy: it has no picture but an array"), "{skipped:?}");
        assert!(skipped[1].contains("\"cat\" is its class, unpack the shard"), "{skipped:?}");
    }

    #[test]
    fn what_is_no_tar_file_is_an_error_and_a_range_means_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shard-00.tar");
        std::fs::write(&path, [9; 2000]).unwrap();
        let error = Dataset::open(&path, &DatasetOptions::default()).unwrap_err().to_string();
        assert!(error.contains("not a tar file") && error.contains("unpacked"), "{error}");
        tar_of(&path, &[("0.cls", b"a"), ("0.png", b"x")]);
        tar_of(&folder.path().join("shard-01.tar"), &[("0.cls", b"b"), ("0.png", b"z")]);
        let range = folder.path().join("shard-{00..01}.tar");
        let dataset = Dataset::open(&range, &DatasetOptions::default()).unwrap();
        assert_eq!(images(&dataset), [("shard-00.tar/0.png", "a"), ("shard-01.tar/0.png", "b")]);
        let missing = Dataset::open(&folder.path().join("shard-{00..02}.tar"), &DatasetOptions::default());
        assert!(missing.unwrap_err().to_string().contains("shard-02.tar"));
    }

    #[test]
    fn counts_beside_the_shards_are_checked() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let sample: [(&str, &[u8]); 4] = [("0.cls", b"a"), ("0.png", b"x"), ("1.cls", b"b"), ("1.png", b"y")];
        tar_of(&path("00000.tar"), &sample);
        tar_of(&path("00001.tar"), &sample);
        let skipped = || -> Vec<(String, String)> {
            let dataset = Dataset::open(folder.path(), &DatasetOptions::default()).unwrap();
            dataset.skipped.into_iter().map(|image| (image.name, image.reason)).collect()
        };
        for (shard, samples) in [("00000", 2), ("00001", 3)] {
            std::fs::write(path(&format!("{shard}_stats.json")), format!("{{\"successes\": {samples}}}"))
                .unwrap();
        }
        std::fs::write(path("nshards.txt"), "2\n").unwrap();
        let expected = "00001_stats.json says that it has 3 samples, and 2 are there";
        assert_eq!(skipped(), [("00001.tar".to_owned(), expected.to_owned())]);
        std::fs::write(path("nshards.txt"), "3\n").unwrap();
        assert_eq!(skipped()[0].1, "it says that there are 3 shards, and 2 are opened");
        // Whoever names one shard wants no more.
        let one = Dataset::open(&path("00000.tar"), &DatasetOptions::default()).unwrap();
        assert!(one.skipped.is_empty(), "{:?}", one.skipped);
    }
}
