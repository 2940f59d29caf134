//! CIFAR-10 and CIFAR-100 in their original binary form: a folder, or the archive that it is distributed in.
//!
//! A record is one label byte (two for CIFAR-100: coarse, then fine) and 32×32 pixels: all red, then all green, then all
//! blue bytes (<https://www.cs.toronto.edu/~kriz/cifar.html>). Class names are in a text file beside the records.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::read::GzDecoder;
use image::RgbImage;

use super::error::DatasetError;
use super::label::Label;
use super::labels::Found;
use super::picture::{ArchiveFile, Picture, PictureArchive, PictureError};
use super::{Dataset, DatasetImage, DatasetOptions, PictureSource, SkippedImage, split};
use crate::text_file;

/// Width and height.
const SIDE: u32 = 32;
/// Bytes of a colour of a picture.
const PLANE: usize = (SIDE * SIDE) as usize;

/// One of the two datasets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Cifar10,
    Cifar100,
}

impl Kind {
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

    fn names_file(self) -> &'static str {
        match self {
            Self::Cifar10 => "batches.meta.txt",
            Self::Cifar100 => "fine_label_names.txt",
        }
    }

    /// Which dataset and split a file of records belongs to, and the file's number in the dataset.
    fn of_file(name: &str) -> Option<(Self, &'static str, u32)> {
        match name {
            "test_batch.bin" => Some((Self::Cifar10, "test", 0)),
            "test.bin" => Some((Self::Cifar100, "test", 0)),
            "train.bin" => Some((Self::Cifar100, "train", 1)),
            _ => {
                let number = name.strip_prefix("data_batch_")?.strip_suffix(".bin")?;
                Some((Self::Cifar10, "train", number.parse().ok()?))
            }
        }
    }

    /// The dataset that a folder holds, if it is one of them.
    pub(super) fn of_folder(folder: &Path) -> Option<Self> {
        [Self::Cifar10, Self::Cifar100].into_iter().find(|kind| {
            let records = match kind {
                Self::Cifar10 => ["test_batch.bin", "data_batch_1.bin"],
                Self::Cifar100 => ["test.bin", "train.bin"],
            };
            folder.join(kind.names_file()).is_file() && records.iter().any(|name| folder.join(name).is_file())
        })
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
    kind: Kind,
    split: &'static str,
    number: u32,
    file: ArchiveFile,
}

impl Dataset {
    /// Opens the folder of the binary version: its test images, or the split that is asked for.
    ///
    /// # Errors
    /// When a file cannot be read, or the options do not fit.
    pub(super) fn from_cifar_folder(
        folder: &Path,
        kind: Kind,
        wanted: Option<&str>,
        options: &DatasetOptions,
    ) -> Result<Dataset, DatasetError> {
        let failed =
            |path: &Path, error: &io::Error| DatasetError::archive(path, format!("cannot be read: {error}"));
        let mut parts = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(|error| failed(folder, &error))? {
            let path = entry.map_err(|error| failed(folder, &error))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if let Some((of, split, number)) = Kind::of_file(&name).filter(|(of, ..)| *of == kind) {
                let file = ArchiveFile::open(&path).map_err(|error| failed(&path, &error))?;
                parts.push(Part { name, kind: of, split, number, file });
            }
        }
        let names = text_file::read(&folder.join(kind.names_file()))?;
        from_parts(folder, parts, &names, wanted, options)
    }

    /// Opens the archive of the binary version, `.tar.gz` or `.tar`, which is unpacked to a file that is gone with the
    /// dataset.
    ///
    /// # Errors
    /// When it is another archive, cannot be read, or the options do not fit.
    pub(super) fn from_cifar_archive(
        path: &Path,
        wanted: Option<&str>,
        options: &DatasetOptions,
    ) -> Result<Dataset, DatasetError> {
        let (parts, names) = unpack(path, wanted).map_err(|error| {
            DatasetError::archive(path, format!("cannot be unpacked: {error}; get the file anew"))
        })?;
        match (names, parts.is_empty()) {
            (Some(names), false) => from_parts(path, parts, &names, wanted, options),
            _ => Err(DatasetError::archive(
                path,
                "of archives, CIFAR's binary versions are known (cifar-10-binary.tar.gz, cifar-100-binary.tar.gz; not \
                 the Python and Matlab ones) and uncompressed WebDataset shards: unpack other ones into a folder per \
                 class"
                    .to_owned(),
            )),
        }
    }
}

/// Whether an archive, compressed or not, has files of CIFAR's in it, by its first members.
pub(super) fn is_archive(path: &Path) -> bool {
    let first = || -> io::Result<bool> {
        let mut archive = tar::Archive::new(content(path)?);
        for entry in archive.entries()?.take(12) {
            if Kind::of_file(&file_name(&entry?.path()?)).is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    };
    first().unwrap_or(false)
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// What an archive holds, unpacked while it is read.
fn content(path: &Path) -> io::Result<Box<dyn Read>> {
    let compressed = path.extension().is_some_and(|ending| ending != "tar");
    let file = BufReader::new(File::open(path)?);
    Ok(if compressed { Box::new(GzDecoder::new(file)) } else { Box::new(file) })
}

/// The files of records, as far as they are wanted, and the text with the names.
fn unpack(path: &Path, wanted: Option<&str>) -> io::Result<(Vec<Part>, Option<String>)> {
    let (mut parts, mut names) = (Vec::new(), None);
    for entry in tar::Archive::new(content(path)?).entries()? {
        let mut entry = entry?;
        let name = file_name(&entry.path()?);
        if let Some((kind, split, number)) = Kind::of_file(&name) {
            let mut unpacked = tempfile::tempfile()?;
            // Of a split that is not wanted, its being there is enough.
            if wanted.unwrap_or("test") == split {
                io::copy(&mut entry, &mut unpacked)?;
            }
            parts.push(Part { name, kind, split, number, file: ArchiveFile::unpacked(path, unpacked) });
        } else if [Kind::Cifar10, Kind::Cifar100].iter().any(|kind| kind.names_file() == name) {
            let mut text = String::new();
            entry.read_to_string(&mut text)?;
            names = Some(text);
        }
    }
    Ok((parts, names))
}

fn from_parts(
    path: &Path,
    mut parts: Vec<Part>,
    names: &str,
    wanted: Option<&str>,
    options: &DatasetOptions,
) -> Result<Dataset, DatasetError> {
    parts.sort_by_key(|part| part.number);
    let mut splits: Vec<&str> = parts.iter().map(|part| part.split).collect();
    splits.dedup();
    let (splits, note) = split::choose(path, &splits, wanted)?;
    let kind = parts.first().map_or(Kind::Cifar10, |part| part.kind);
    let names: Vec<String> = text_file::lines(names).collect();
    let origin = format!("CIFAR's own list of class names ({})", kind.names_file());
    let mut found = Found { names: Some((names, origin)), ..Found::default() };
    for part in parts.into_iter().filter(|part| Some(part.split) == splits.used.as_deref()) {
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
        let first = u64::from(part.number) << 32;
        let archive: Arc<dyn PictureArchive> = Arc::new(Records { file: part.file, kind });
        found.images.extend((0..records).map(|record| DatasetImage {
            name: format!("{stem}/{record:05}"),
            label: 0,
            source: PictureSource::Member { archive: Arc::clone(&archive), member: first + record },
        }));
    }
    let mut dataset = Dataset::of_found(path, path.parent().unwrap_or(path), found, options)?;
    dataset.splits = splits;
    dataset.name = kind.name().to_owned();
    dataset.notes.extend(note);
    Ok(dataset)
}

/// The folder with the records: itself, or the only one in it.
pub(super) fn folder_of(root: &Path) -> Option<(PathBuf, Kind)> {
    if let Some(kind) = Kind::of_folder(root) {
        return Some((root.to_owned(), kind));
    }
    ["cifar-10-batches-bin", "cifar-100-binary"].iter().find_map(|name| {
        let folder = root.join(name);
        Kind::of_folder(&folder).map(|kind| (folder, kind))
    })
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

    fn files(kind: Kind) -> Vec<(&'static str, Vec<u8>)> {
        match kind {
            Kind::Cifar10 => vec![
                ("batches.meta.txt", b"airplane\nbird\ncat\n\n".to_vec()),
                ("data_batch_1.bin", records(kind, &[2, 0])),
                ("data_batch_2.bin", records(kind, &[1])),
                ("test_batch.bin", records(kind, &[0, 2])),
            ],
            Kind::Cifar100 => vec![
                ("fine_label_names.txt", b"apple\nbear\n".to_vec()),
                ("test.bin", records(kind, &[1, 0])),
                ("train.bin", records(kind, &[0])),
            ],
        }
    }

    fn archive(kind: Kind, path: &Path) {
        let file = flate2::write::GzEncoder::new(File::create(path).unwrap(), flate2::Compression::fast());
        let mut builder = tar::Builder::new(file);
        for (name, content) in files(kind) {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            builder.append_data(&mut header, format!("cifar-binary/{name}"), &content[..]).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap();
    }

    fn labels(dataset: &Dataset) -> Vec<(&str, &str)> {
        let class = |image: &DatasetImage| dataset.classes[image.label].name.as_str();
        dataset.images.iter().map(|image| (image.name.as_str(), class(image))).collect()
    }

    #[test]
    fn folder_and_archive_give_the_same_images() {
        let folder = tempfile::tempdir().unwrap();
        let unpacked = folder.path().join("cifar-10-batches-bin");
        std::fs::create_dir(&unpacked).unwrap();
        for (name, content) in files(Kind::Cifar10) {
            std::fs::write(unpacked.join(name), content).unwrap();
        }
        let packed = folder.path().join("cifar-10-binary.tar.gz");
        archive(Kind::Cifar10, &packed);
        for path in [folder.path(), &unpacked, &packed] {
            let dataset = Dataset::open(path, &DatasetOptions::default()).unwrap();
            assert_eq!(dataset.name, "cifar10");
            assert_eq!(labels(&dataset), [("test_batch/00000", "airplane"), ("test_batch/00001", "cat")]);
            let pixels = dataset.images[1].source.decode().unwrap();
            assert_eq!(pixels.dimensions(), (32, 32));
            assert_eq!((pixels.get_pixel(1, 1).0, pixels.get_pixel(2, 1).0), ([200, 201, 202], [1, 1, 1]));
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
            let places: Vec<_> = dataset.images.iter().map(|image| image.source.file().unwrap().1).collect();
            assert_eq!(places, [Some(1 << 32), Some((1 << 32) + 1), Some(2 << 32)]);
        }
    }

    #[test]
    fn of_two_labels_the_fine_one_counts() {
        let folder = tempfile::tempdir().unwrap();
        let packed = folder.path().join("cifar-100-binary.tar.gz");
        archive(Kind::Cifar100, &packed);
        let dataset = Dataset::open(&packed, &DatasetOptions::default()).unwrap();
        assert_eq!(labels(&dataset), [("test/00000", "bear"), ("test/00001", "apple")]);
        assert!(dataset.notes.iter().any(|note| note.contains("#train")), "{:?}", dataset.notes);
        let error =
            Dataset::open(&folder.path().join("cifar-100-binary.tar.gz#dev"), &DatasetOptions::default());
        assert!(error.unwrap_err().to_string().ends_with("has no split \"dev\"; it has test, train"));
    }

    #[test]
    fn a_label_beyond_the_names_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files(Kind::Cifar100) {
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
        for (name, content) in files(Kind::Cifar100) {
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
