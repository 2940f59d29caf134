//! CIFAR-10 and CIFAR-100 as their authors distribute them: a folder, or the archive of it; the binary version or the Python
//! one, which torchvision downloads.
//!
//! A record is one label byte (two for CIFAR-100: coarse, then fine) and 32×32 pixels: all red, then all green, then all
//! blue bytes (<https://www.cs.toronto.edu/~kriz/cifar.html>). Class names are in a text file beside the records. A file of the
//! Python version is a pickle of the same records, of which those of the binary version are made (`cifar_pickle.rs`).

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::RgbImage;

use super::cifar_pickle::{self, PLANE, SIDE};
use super::error::DatasetError;
use super::label::Label;
use super::labels::LabelledImages;
use super::picture::{ArchiveFile, Picture, PictureArchive, PictureError};
use super::unpacking::gzip;
use super::{Dataset, DatasetImage, DatasetOptions, PictureSource, SkippedImage, Splits, split};
use crate::files::foreign::guarded;
use crate::text::text_file;

/// What is said of an archive that is none of CIFAR's.
const OTHER_ARCHIVE: &str = "of archives, CIFAR's are known (cifar-10-binary.tar.gz, cifar-10-python.tar.gz, \
     cifar-100-binary.tar.gz, cifar-100-python.tar.gz) and WebDataset shards: unpack other ones into a folder per class";

/// Bytes of class names at most: a hundred have some thousand.
const LONGEST_NAMES: u64 = 1 << 20;

/// One of the two datasets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Cifar10,
    Cifar100,
}

/// How its files are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    Binary,
    Python,
}

/// A file of a dataset, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileOfRecords {
    kind: Kind,
    version: Version,
    split: &'static str,
    /// Its number in the dataset.
    number: u32,
}

impl FileOfRecords {
    fn named(name: &str) -> Option<Self> {
        let (stem, version) = match name.strip_suffix(".bin") {
            Some(stem) => (stem, Version::Binary),
            None => (name, Version::Python),
        };
        let (kind, split, number) = match stem {
            "test_batch" => (Kind::Cifar10, "test", 0),
            "test" => (Kind::Cifar100, "test", 0),
            "train" => (Kind::Cifar100, "train", 1),
            _ => (Kind::Cifar10, "train", stem.strip_prefix("data_batch_")?.parse().ok()?),
        };
        Some(Self { kind, version, split, number })
    }
}

impl Kind {
    const ALL: [Self; 2] = [Self::Cifar10, Self::Cifar100];

    fn label_bytes(self) -> usize {
        match self {
            Self::Cifar10 => 1,
            Self::Cifar100 => 2,
        }
    }

    fn record(self) -> usize {
        self.label_bytes() + 3 * PLANE
    }

    fn name(self) -> &'static str {
        match self {
            Self::Cifar10 => "cifar10",
            Self::Cifar100 => "cifar100",
        }
    }

    /// The folder that its authors' archive unpacks to.
    fn folder_name(self, version: Version) -> &'static str {
        match (self, version) {
            (Self::Cifar10, Version::Binary) => "cifar-10-batches-bin",
            (Self::Cifar10, Version::Python) => "cifar-10-batches-py",
            (Self::Cifar100, Version::Binary) => "cifar-100-binary",
            (Self::Cifar100, Version::Python) => "cifar-100-python",
        }
    }

    /// The file with the class names.
    fn names_file(self, version: Version) -> &'static str {
        match (self, version) {
            (Self::Cifar10, Version::Binary) => "batches.meta.txt",
            (Self::Cifar10, Version::Python) => "batches.meta",
            (Self::Cifar100, Version::Binary) => "fine_label_names.txt",
            (Self::Cifar100, Version::Python) => "meta",
        }
    }
}

/// A dataset and how it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CifarForm {
    kind: Kind,
    version: Version,
}

impl CifarForm {
    /// The binary versions first.
    fn all() -> impl Iterator<Item = Self> {
        [Version::Binary, Version::Python]
            .into_iter()
            .flat_map(|version| Kind::ALL.map(|kind| Self { kind, version }))
    }

    fn names_file(self) -> &'static str {
        self.kind.names_file(self.version)
    }

    fn is_of(self, file: FileOfRecords) -> bool {
        (file.kind, file.version) == (self.kind, self.version)
    }

    /// Whether a folder holds it. Names of the Python version say little, so the file of class names must begin as pickles do.
    fn is_in(self, folder: &Path) -> bool {
        let names = folder.join(self.names_file());
        let has_records = || {
            let mut entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            entries.any(|entry| {
                FileOfRecords::named(&entry.file_name().to_string_lossy())
                    .is_some_and(|file| self.is_of(file))
                    && entry.path().is_file()
            })
        };
        names.is_file()
            && (self.version == Version::Binary || cifar_pickle::is_pickle(&names))
            && has_records()
    }

    /// In words.
    pub(super) fn words(self) -> &'static str {
        match self.version {
            Version::Binary => "CIFAR's binary version",
            Version::Python => "CIFAR's Python version",
        }
    }

    /// The class names in the content of the file that has them.
    fn class_names(self, mut content: impl Read) -> io::Result<Vec<String>> {
        match self.version {
            Version::Binary => {
                let mut text = String::new();
                content.take(LONGEST_NAMES).read_to_string(&mut text)?;
                Ok(text_file::lines(&text).collect())
            }
            Version::Python => cifar_pickle::class_names(&mut content),
        }
    }
}

/// A file of records. A picture's number has the file's number in its upper half, so that it is known in an archive too.
#[derive(Debug)]
struct Records {
    file: ArchiveFile,
    kind: Kind,
}

impl PictureArchive for Records {
    fn path(&self) -> &Path {
        &self.file.path
    }

    fn read(&self, member: u64) -> Result<Picture, PictureError> {
        let record = member & u64::from(u32::MAX);
        let offset = record * self.kind.record() as u64 + self.kind.label_bytes() as u64;
        let planes = self.file.bytes(offset, 3 * PLANE)?;
        let pixels =
            (0..PLANE).flat_map(|at| [planes[at], planes[PLANE + at], planes[2 * PLANE + at]]).collect();
        let picture = RgbImage::from_raw(SIDE, SIDE, pixels).ok_or(PictureError::NoPixels)?;
        Ok(Picture::Pixels(Arc::new(picture)))
    }
}

/// A file of records and what it is called.
struct Part {
    name: String,
    of: FileOfRecords,
    file: ArchiveFile,
}

impl Dataset {
    /// Opens the folder of a version: its test images, or the split that is asked for.
    ///
    /// # Errors
    /// When a file cannot be read, or the options do not fit.
    pub(super) fn from_cifar_folder(
        folder: &Path,
        form: CifarForm,
        wanted: Option<&str>,
        options: &DatasetOptions,
    ) -> Result<Dataset, DatasetError> {
        let failed =
            |path: &Path, error: &io::Error| DatasetError::archive(path, format!("cannot be read: {error}"));
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(|error| failed(folder, &error))? {
            let path = entry.map_err(|error| failed(folder, &error))?.path();
            if let Some(of) = FileOfRecords::named(&file_name(&path)).filter(|of| form.is_of(*of)) {
                files.push((path, of));
            }
        }
        let chosen = split::choose(folder, &splits_of(files.iter().map(|(_, of)| *of)), wanted)?;
        let used = chosen.0.used.clone();
        let mut parts = Vec::new();
        for (path, of) in files.into_iter().filter(|(_, of)| Some(of.split) == used.as_deref()) {
            let file = match form.version {
                Version::Binary => ArchiveFile::open(&path),
                Version::Python => File::open(&path).and_then(|content| unpacked(&path, of, content)),
            };
            let file = file.map_err(|error| failed(&path, &error))?;
            parts.push(Part { name: file_name(&path), of, file });
        }
        let names_file = folder.join(form.names_file());
        let names = File::open(&names_file).and_then(|file| form.class_names(BufReader::new(file)));
        let names = names.map_err(|error| failed(&names_file, &error))?;
        from_parts(folder, form, parts, names, chosen, options)
    }

    /// Opens the archive of a version, `.tar.gz` or `.tar`, which is unpacked to files that are gone with the dataset.
    ///
    /// # Errors
    /// When it is another archive, cannot be read, or the options do not fit.
    pub(super) fn from_cifar_archive(
        path: &Path,
        wanted: Option<&str>,
        options: &DatasetOptions,
    ) -> Result<Dataset, DatasetError> {
        let failed = |error: io::Error| {
            DatasetError::archive(path, format!("cannot be unpacked: {error}; get the file anew"))
        };
        let other = || DatasetError::archive(path, OTHER_ARCHIVE.to_owned());
        let mut archive = unpack(path, wanted.unwrap_or("test")).map_err(failed)?;
        if archive.splits.is_empty() {
            return Err(other());
        }
        let chosen = split::choose(path, &archive.splits, wanted)?;
        let used = chosen.0.used.as_deref().unwrap_or_default();
        if archive.split != used {
            archive = unpack(path, used).map_err(failed)?;
        }
        let (form, names) = archive.names.ok_or_else(other)?;
        from_parts(path, form, archive.parts, names, chosen, options)
    }
}

/// Whether an archive, compressed or not, has files of CIFAR's in it, by its first members.
pub(super) fn is_archive(path: &Path) -> bool {
    let first = || -> io::Result<bool> {
        let mut archive = tar::Archive::new(content(path)?);
        for entry in archive.entries()?.raw(true).take(12) {
            if member(&entry?.path()?).is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    };
    guarded(first).is_ok_and(|found| found.unwrap_or(false))
}

/// A member of an archive that is a file of records. Those of the Python version have names that others have too, so their
/// folder counts.
fn member(path: &Path) -> Option<FileOfRecords> {
    let of = FileOfRecords::named(&file_name(path))?;
    let folder = path.parent().map(file_name).unwrap_or_default();
    (of.version == Version::Binary || folder == of.kind.folder_name(of.version)).then_some(of)
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// What an archive holds, unpacked while it is read.
fn content(path: &Path) -> io::Result<Box<dyn Read>> {
    let compressed = path.extension().is_some_and(|ending| ending != "tar");
    Ok(if compressed { Box::new(gzip(path)?) } else { Box::new(BufReader::new(File::open(path)?)) })
}

/// The records in `content`, in a file without a name.
fn unpacked(path: &Path, of: FileOfRecords, mut content: impl Read) -> io::Result<ArchiveFile> {
    let mut records = tempfile::tempfile()?;
    match of.version {
        Version::Binary => {
            io::copy(&mut content, &mut records)?;
        }
        Version::Python => {
            let mut writer = io::BufWriter::new(&mut records);
            let label_bytes = of.kind.label_bytes();
            cifar_pickle::write_records(&mut BufReader::new(content), label_bytes, &mut writer)?;
            writer.flush()?;
        }
    }
    records.rewind()?;
    Ok(ArchiveFile::unpacked(path, records))
}

/// What an archive holds.
struct Unpacked {
    /// The split whose files are unpacked.
    split: String,
    /// All splits, that for testing first.
    splits: Vec<&'static str>,
    parts: Vec<Part>,
    names: Option<(CifarForm, Vec<String>)>,
}

/// Unpacks the files of records of a split, and the class names.
fn unpack(path: &Path, split: &str) -> io::Result<Unpacked> {
    guarded(|| unpack_unguarded(path, split)).map_err(io::Error::other)?
}

fn unpack_unguarded(path: &Path, split: &str) -> io::Result<Unpacked> {
    let (mut parts, mut names, mut files) = (Vec::new(), None, Vec::new());
    // Its members have short names; what stands before others to say longer ones is passed over unread.
    for entry in tar::Archive::new(content(path)?).entries()?.raw(true) {
        let mut entry = entry?;
        let member_path = entry.path()?.into_owned();
        let name = file_name(&member_path);
        if let Some(of) = member(&member_path) {
            if of.split == split {
                let file = unpacked(path, of, &mut entry)?;
                parts.push(Part { name, of, file });
            }
            files.push(of);
        } else if let Some(form) = CifarForm::all().find(|form| form.names_file() == name) {
            names = Some((form, form.class_names(&mut entry)?));
        }
    }
    Ok(Unpacked { split: split.to_owned(), splits: splits_of(files.into_iter()), parts, names })
}

/// The splits of some files, that for testing first.
fn splits_of(files: impl Iterator<Item = FileOfRecords>) -> Vec<&'static str> {
    let of_number: BTreeMap<u32, &'static str> = files.map(|of| (of.number, of.split)).collect();
    let mut splits: Vec<&'static str> = of_number.into_values().collect();
    splits.dedup();
    splits
}

fn from_parts(
    path: &Path,
    form: CifarForm,
    mut parts: Vec<Part>,
    names: Vec<String>,
    (splits, note): (Splits, Option<String>),
    options: &DatasetOptions,
) -> Result<Dataset, DatasetError> {
    parts.sort_by_key(|part| part.of.number);
    let kind = form.kind;
    let origin = format!("CIFAR's own list of class names ({})", form.names_file());
    let mut found = LabelledImages { names: Some((names, origin)), ..LabelledImages::default() };
    for part in parts {
        let failed =
            |error: io::Error| DatasetError::archive(path, format!("{} cannot be read: {error}", part.name));
        let length = part.file.length().map_err(failed)?;
        let (records, rest) = (length / kind.record() as u64, length % kind.record() as u64);
        let stem = part.name.trim_end_matches(".bin").to_owned();
        if rest > 0 {
            found.skipped.push(SkippedImage {
                name: format!("{stem}/{records:05}"),
                reason: format!("{} ends in the middle of it", part.name),
            });
        }
        for record in 0..records {
            // Of two label bytes the second is the fine one.
            let offset = record * kind.record() as u64 + kind.label_bytes() as u64 - 1;
            found.labels.push(Label::Number(i64::from(part.file.bytes(offset, 1).map_err(failed)?[0])));
        }
        let first = u64::from(part.of.number) << 32;
        let archive: Arc<dyn PictureArchive> = Arc::new(Records { file: part.file, kind });
        found.images.extend((0..records).map(|record| DatasetImage {
            name: format!("{stem}/{record:05}"),
            label: 0,
            source: PictureSource::Member { archive: Arc::clone(&archive), member: first + record },
        }));
    }
    let mut dataset = Dataset::from_labelled(path, path.parent().unwrap_or(path), found, options)?;
    dataset.name = kind.name().to_owned();
    dataset.splits = splits;
    dataset.notes.extend(note);
    Ok(dataset)
}

/// The folder with the records: itself, or one of those that the authors' archives unpack to.
pub(super) fn folder_of(root: &Path) -> Option<(PathBuf, CifarForm)> {
    let itself = CifarForm::all().map(|form| (root.to_owned(), form));
    let below = CifarForm::all().map(|form| (root.join(form.kind.folder_name(form.version)), form));
    itself.chain(below).find(|(folder, form)| form.is_in(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Records whose pixels tell their colour plane and the record.
    fn records(kind: Kind, labels: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (record, label) in labels.iter().enumerate() {
            // The coarse label is one that no fine one has.
            bytes.extend(vec![99; kind.label_bytes() - 1]);
            bytes.push(*label);
            for plane in 0..3 {
                bytes.extend((0..PLANE).map(|at| if at == 33 { 200 + plane } else { record as u8 }));
            }
        }
        bytes
    }

    /// A file of the Python version, as Python 2 wrote the published ones or as Python 3 and numpy 2 write them.
    fn pickled(kind: Kind, labels: &[u8], python: u8) -> Vec<u8> {
        let old = python == 2;
        let text = |text: &str| {
            let opcode = if old { b'U' } else { 0x8c };
            [&[opcode, text.len() as u8][..], text.as_bytes()].concat()
        };
        let class = |module: &str, name: &str| match old {
            true => format!("c{module}\n{name}\n").into_bytes(),
            false => [text(module), text(name), vec![0x93]].concat(),
        };
        let pixels: Vec<u8> = records(kind, labels)
            .chunks(kind.record())
            .flat_map(|record| record[kind.label_bytes()..].to_vec())
            .collect();
        let row = u16::try_from(3 * PLANE).unwrap().to_le_bytes();
        let shape = [&[b'K', labels.len() as u8, b'M'], &row[..], &[0x86]].concat();
        let bytes = |opcode: u8, length: &[u8]| [&[opcode][..], length, &pixels].concat();
        let of_bytes = [class("numpy", "dtype"), text("u1"), b"\x89\x88\x87R".to_vec()].concat();
        let array = if old {
            let state = [
                &b"(K\x01"[..],
                &shape,
                &of_bytes,
                &[0x89],
                &bytes(b'T', &(pixels.len() as u32).to_le_bytes()),
            ];
            let made = [class("numpy.core.multiarray", "_reconstruct"), class("numpy", "ndarray")].concat();
            [&made[..], b"K\x00\x85U\x01b\x87R", &state.concat(), b"tb"].concat()
        } else {
            let buffer = bytes(0x96, &(pixels.len() as u64).to_le_bytes());
            let made = class("numpy._core.numeric", "_frombuffer");
            [&made[..], b"(", &buffer, &of_bytes, &shape, &text("C"), b"tR"].concat()
        };
        let list = |numbers: &[u8]| {
            let items: Vec<u8> = numbers.iter().flat_map(|number| [b'K', *number]).collect();
            [&b"]("[..], &items, b"e"].concat()
        };
        let coarse = match kind {
            Kind::Cifar10 => Vec::new(),
            Kind::Cifar100 => [text("coarse_labels"), list(&vec![99; labels.len()])].concat(),
        };
        let key = text(if kind == Kind::Cifar10 { "labels" } else { "fine_labels" });
        [&[0x80, python.max(2)], &b"}("[..], &coarse, &text("data"), &array, &key, &list(labels), b"u."]
            .concat()
    }

    fn pickled_names(kind: Kind, names: &[&str]) -> Vec<u8> {
        let text = |text: &str| [&[b'U', text.len() as u8][..], text.as_bytes()].concat();
        let names: Vec<u8> = names.iter().flat_map(|name| text(name)).collect();
        let key = text(if kind == Kind::Cifar10 { "label_names" } else { "fine_label_names" });
        [&b"\x80\x02}"[..], &key, b"](", &names, b"es."].concat()
    }

    const CIFAR100: CifarForm = CifarForm { kind: Kind::Cifar100, version: Version::Binary };

    fn files(form: CifarForm) -> Vec<(&'static str, Vec<u8>)> {
        let kind = form.kind;
        match (kind, form.version) {
            (Kind::Cifar10, Version::Binary) => vec![
                ("batches.meta.txt", b"airplane\nbird\ncat\n\n".to_vec()),
                ("data_batch_1.bin", records(kind, &[2, 0])),
                ("data_batch_2.bin", records(kind, &[1])),
                ("test_batch.bin", records(kind, &[0, 2])),
            ],
            (Kind::Cifar10, Version::Python) => vec![
                ("batches.meta", pickled_names(kind, &["airplane", "bird", "cat"])),
                ("data_batch_1", pickled(kind, &[2, 0], 2)),
                ("data_batch_2", pickled(kind, &[1], 5)),
                ("test_batch", pickled(kind, &[0, 2], 2)),
            ],
            (Kind::Cifar100, Version::Binary) => vec![
                ("fine_label_names.txt", b"apple\nbear\n".to_vec()),
                ("test.bin", records(kind, &[1, 0])),
                ("train.bin", records(kind, &[0])),
            ],
            (Kind::Cifar100, Version::Python) => vec![
                ("meta", pickled_names(kind, &["apple", "bear"])),
                ("test", pickled(kind, &[1, 0], 5)),
                ("train", pickled(kind, &[0], 2)),
            ],
        }
    }

    fn archive(form: CifarForm, path: &Path, wanted: &dyn Fn(&str) -> bool) {
        let file = flate2::write::GzEncoder::new(File::create(path).unwrap(), flate2::Compression::fast());
        let mut builder = tar::Builder::new(file);
        for (name, content) in files(form).into_iter().filter(|(name, _)| wanted(name)) {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            let folder = form.kind.folder_name(form.version);
            builder.append_data(&mut header, format!("{folder}/{name}"), &content[..]).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap();
    }

    fn labels(dataset: &Dataset) -> Vec<(&str, &str)> {
        let class = |image: &DatasetImage| dataset.classes[image.label].name.as_str();
        dataset.images.iter().map(|image| (image.name.as_str(), class(image))).collect()
    }

    #[test]
    fn folder_and_archive_of_both_versions_give_the_same_images() {
        for form in CifarForm::all().filter(|form| form.kind == Kind::Cifar10) {
            let folder = tempfile::tempdir().unwrap();
            let unpacked = folder.path().join(form.kind.folder_name(form.version));
            std::fs::create_dir(&unpacked).unwrap();
            for (name, content) in files(form) {
                std::fs::write(unpacked.join(name), content).unwrap();
            }
            let packed = folder.path().join("cifar.tar.gz");
            archive(form, &packed, &|_| true);
            for path in [folder.path(), &unpacked, &packed] {
                let dataset = Dataset::open(path, &DatasetOptions::default()).unwrap();
                assert_eq!(dataset.name, "cifar10");
                assert_eq!(labels(&dataset), [("test_batch/00000", "airplane"), ("test_batch/00001", "cat")]);
                let pixels = dataset.images[1].source.decode().unwrap();
                assert_eq!(pixels.dimensions(), (32, 32));
                assert_eq!(
                    (pixels.get_pixel(1, 1).0, pixels.get_pixel(2, 1).0),
                    ([200, 201, 202], [1, 1, 1])
                );
                let train = PathBuf::from(format!("{}#train", path.display()));
                let dataset = Dataset::open(&train, &DatasetOptions::default()).unwrap();
                assert_eq!(
                    labels(&dataset),
                    [
                        ("data_batch_1/00000", "cat"),
                        ("data_batch_1/00001", "airplane"),
                        ("data_batch_2/00000", "bird")
                    ]
                );
                let places: Vec<_> =
                    dataset.images.iter().map(|image| image.source.file().unwrap().1).collect();
                assert_eq!(places, [Some(1 << 32), Some((1 << 32) + 1), Some(2 << 32)]);
            }
        }
    }

    #[test]
    fn an_archive_of_training_images_alone_has_these() {
        let folder = tempfile::tempdir().unwrap();
        for form in CifarForm::all() {
            let packed = folder.path().join("train-only.tar.gz");
            archive(form, &packed, &|name| !name.starts_with("test"));
            let dataset = Dataset::open(&packed, &DatasetOptions::default()).unwrap();
            assert_eq!(dataset.splits.used.as_deref(), Some("train"), "{form:?}");
            assert_eq!(dataset.images.len(), if form.kind == Kind::Cifar10 { 3 } else { 1 });
        }
    }

    #[test]
    fn other_pickles_are_refused_in_words() {
        let folder = tempfile::tempdir().unwrap();
        let form = CifarForm { kind: Kind::Cifar10, version: Version::Python };
        for (name, content) in files(form) {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        let good = pickled(Kind::Cifar10, &[0, 2], 2);
        let changed = |from: &[u8], to: &[u8]| {
            let at = good.windows(from.len()).position(|window| window == from).unwrap();
            [&good[..at], to, &good[at + from.len()..]].concat()
        };
        for (content, problem) in [
            (changed(b"U\x06labels", b"U\x06labelz"), "no key labels"),
            (changed(b"U\x02u1", b"U\x02f4"), "no array of bytes"),
            (changed(b"K\x02eu", b"eu"), "1 labels and 6144 bytes"),
            (changed(b"K\x02eu", b"Neu"), "a label that is not a number"),
            (good[..2000].to_vec(), "cannot be read"),
        ] {
            std::fs::write(folder.path().join("test_batch"), content).unwrap();
            let message = Dataset::open(folder.path(), &DatasetOptions::default()).unwrap_err().to_string();
            assert!(message.contains(problem) && message.contains("test_batch"), "{message}");
        }
    }

    #[test]
    fn of_two_labels_the_fine_one_counts() {
        let folder = tempfile::tempdir().unwrap();
        for form in CifarForm::all().filter(|form| form.kind == Kind::Cifar100) {
            let packed = folder.path().join("cifar-100.tar.gz");
            archive(form, &packed, &|_| true);
            let dataset = Dataset::open(&packed, &DatasetOptions::default()).unwrap();
            assert_eq!(labels(&dataset), [("test/00000", "bear"), ("test/00001", "apple")]);
            assert!(dataset.notes.iter().any(|note| note.contains("#train")), "{:?}", dataset.notes);
            let error =
                Dataset::open(&folder.path().join("cifar-100.tar.gz#dev"), &DatasetOptions::default());
            assert!(error.unwrap_err().to_string().ends_with("has no split \"dev\"; it has test, train"));
        }
    }

    #[test]
    fn a_label_beyond_the_names_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files(CIFAR100) {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        std::fs::write(folder.path().join("test.bin"), records(Kind::Cifar100, &[0, 7])).unwrap();
        let message = Dataset::open(folder.path(), &DatasetOptions::default()).unwrap_err().to_string();
        assert!(
            message.contains("labels run from 0 to 7") && message.contains("fine_label_names.txt"),
            "{message}"
        );
    }

    #[test]
    fn a_record_that_is_cut_off_is_told() {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files(CIFAR100) {
            let length = if name == "test.bin" { content.len() - 1 } else { content.len() };
            std::fs::write(folder.path().join(name), &content[..length]).unwrap();
        }
        let dataset = Dataset::open(folder.path(), &DatasetOptions::default()).unwrap();
        assert_eq!(dataset.images.len(), 1);
        assert_eq!(dataset.skipped[0].reason, "test.bin ends in the middle of it");
    }

    #[test]
    fn other_archives_are_refused_with_a_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("photos.tar.gz");
        let file = flate2::write::GzEncoder::new(File::create(&path).unwrap(), flate2::Compression::fast());
        tar::Builder::new(file).into_inner().unwrap().finish().unwrap();
        // A compressed shard may be of a WebDataset.
        let error = Dataset::open(&path, &DatasetOptions::default()).unwrap_err().to_string();
        assert!(error.contains("has no images"), "{error}");
        let path = folder.path().join("photos.gz");
        let file = flate2::write::GzEncoder::new(File::create(&path).unwrap(), flate2::Compression::fast());
        tar::Builder::new(file).into_inner().unwrap().finish().unwrap();
        let error = Dataset::open(&path, &DatasetOptions::default()).unwrap_err().to_string();
        assert!(error.contains("cifar-10-binary.tar.gz") && error.contains("folder per class"), "{error}");
        std::fs::write(&path, b"no gzip").unwrap();
        let error = Dataset::open(&path, &DatasetOptions::default()).unwrap_err().to_string();
        assert!(error.contains("cannot be unpacked") && error.contains("get the file anew"), "{error}");
    }
}
