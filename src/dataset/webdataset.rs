//! WebDataset: tar files with the parts of each sample one after another, as `000017.jpg` and `000017.cls`.
//!
//! The picture has a picture's ending. The label is in `.cls` (a number or a name), else in `.json` (under `label`, `cls`,
//! `class` or `class_name`), else the text of `.txt`. Beside the shards, or a folder above, `classnames.txt` has the class
//! names, a line each, as CLIP_benchmark lays it out. Pictures are read from the shards when they are wanted.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::companion::{CLASS_NAMES, companion};
use super::error::DatasetError;
use super::folder::is_picture;
use super::labels::{Label, Labelled};
use super::picture::{ArchiveFile, Picture, PictureArchive, PictureError};
use super::{Dataset, DatasetImage, DatasetOptions, PictureSource, SkippedImage};
use crate::text_file;

/// Bytes of a label's file at most.
const LONGEST_LABEL: u64 = 1 << 20;

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

/// A sample while its parts are gathered.
#[derive(Default)]
struct Sample {
    key: String,
    /// Its name in the shard, its offset and its length.
    picture: Option<(String, u64, u64)>,
    cls: Option<Label>,
    json: Option<Label>,
    txt: Option<Label>,
}

/// What a shard comes to.
#[derive(Default)]
struct Index {
    /// Name, offset and length.
    pictures: Vec<(String, u64, u64)>,
    /// One a picture.
    labels: Vec<Label>,
    skipped: Vec<SkippedImage>,
}

impl Dataset {
    /// Opens shards in this order. The classes are those of `classnames.txt`, or all labels.
    ///
    /// # Errors
    /// When a shard cannot be opened, there are fewer than two classes or no pictures at all, or the options do not fit.
    pub fn from_webdataset(shards: &[PathBuf], options: &DatasetOptions) -> Result<Dataset, DatasetError> {
        let first = shards.first().map_or(Path::new(""), PathBuf::as_path);
        let (mut labels, mut images, mut skipped) = (Vec::new(), Vec::new(), Vec::new());
        for path in shards {
            let shard = path.file_name().unwrap_or_default().to_string_lossy();
            let index = index(path, &shard)?;
            let file = ArchiveFile::open(path).map_err(|error| unreadable(path, &error))?;
            let places = index.pictures.iter().map(|(_, offset, length)| (*offset, *length)).collect();
            let archive: Arc<dyn PictureArchive> = Arc::new(Shard { file, pictures: places });
            for (member, (name, ..)) in (0..).zip(index.pictures) {
                let source = PictureSource::Member { archive: Arc::clone(&archive), member };
                images.push(DatasetImage { name: format!("{shard}/{name}"), label: 0, source });
            }
            labels.extend(index.labels);
            skipped.extend(index.skipped);
        }
        let names = class_names(first)?;
        let labelled = Labelled::new(&labels, names, options)?;
        Dataset::of_labelled(first, images, &labels, labelled, skipped)
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> DatasetError {
    DatasetError::archive(path, format!("cannot be read: {error}"))
}

/// The pictures and labels of a shard, whose headers are read and nothing else but labels.
fn index(path: &Path, shard: &str) -> Result<Index, DatasetError> {
    let file = std::fs::File::open(path).map_err(|error| unreadable(path, &error))?;
    let mut archive = tar::Archive::new(std::io::BufReader::new(file));
    let mut found = Index::default();
    let mut sample = Sample::default();
    let mut whole = 0_usize;
    for entry in archive.entries_with_seek().map_err(|error| unreadable(path, &error))? {
        let read = entry.and_then(|mut entry| {
            if !entry.header().entry_type().is_file() {
                return Ok(());
            }
            let name = entry.path()?.to_string_lossy().into_owned();
            let (folder, file) =
                name.rsplit_once('/').map_or(("", name.as_str()), |(folder, file)| (folder, file));
            if file.starts_with('.') {
                return Ok(());
            }
            let (stem, ending) = file.split_once('.').unwrap_or((file, ""));
            let key = format!("{folder}/{stem}");
            if key != sample.key {
                found.take(std::mem::replace(&mut sample, Sample { key, ..Sample::default() }), shard);
            }
            if is_picture(Path::new(file)) {
                let (offset, length) = (entry.raw_file_position(), entry.size());
                sample.picture.get_or_insert((name, offset, length));
            } else if matches!(ending, "cls" | "json" | "txt") && entry.size() <= LONGEST_LABEL {
                let mut text = String::new();
                entry.read_to_string(&mut text)?;
                let place = match ending {
                    "cls" => &mut sample.cls,
                    "json" => &mut sample.json,
                    _ => &mut sample.txt,
                };
                *place = if ending == "json" { json_label(&text) } else { text_label(&text) };
            }
            Ok(())
        });
        match read {
            Ok(()) => whole += 1,
            Err(error) if whole == 0 => {
                let problem = format!("not a tar file ({error}); a compressed one has to be unpacked");
                return Err(DatasetError::archive(path, problem));
            }
            Err(error) => {
                found.skipped.push(SkippedImage {
                    name: shard.to_owned(),
                    reason: format!("damaged after {whole} members ({error}): what follows is left out"),
                });
                break;
            }
        }
    }
    found.take(sample, shard);
    Ok(found)
}

impl Index {
    fn take(&mut self, sample: Sample, shard: &str) {
        let Some(picture) = sample.picture else { return };
        match sample.cls.or(sample.json).or(sample.txt) {
            Some(label) => {
                self.pictures.push(picture);
                self.labels.push(label);
            }
            None => self.skipped.push(SkippedImage {
                name: format!("{shard}/{}", picture.0),
                reason: "it has no label: neither .cls nor .json with a label nor .txt".to_owned(),
            }),
        }
    }
}

fn text_label(text: &str) -> Option<Label> {
    let text = text.trim();
    (!text.is_empty()).then(|| Label::parse(text))
}

fn json_label(text: &str) -> Option<Label> {
    let value: Value = serde_json::from_str(text).ok()?;
    let label =
        ["label", "cls", "class", "class_name"].into_iter().find_map(|key| value.get(key)).unwrap_or(&value);
    match label {
        Value::Number(number) => number.as_u64().map(Label::Number),
        Value::String(name) => text_label(name),
        _ => None,
    }
}

/// The lines of `classnames.txt` beside a shard or a folder above it.
fn class_names(shard: &Path) -> Result<Option<Vec<String>>, DatasetError> {
    match companion(shard.parent().unwrap_or(Path::new("")), CLASS_NAMES) {
        Some(file) => Ok(Some(text_file::lines(&text_file::read(&file)?).collect())),
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
mod tests {
    use super::*;

    /// A tar file of these members.
    fn tar_of(path: &Path, members: &[(&str, &[u8])]) {
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
        tar_of(&path("10.tar"), &[("a/5.seg.png", b"picture 5"), ("a/5.cls", b"7")]);
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
                "0.tar/2.png: its label \"no label of ours\" is none of the 2 classes",
                "10.tar/a/5.seg.png: its label is 7, and there are 2 classes"
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
        assert_eq!(dataset.images.len(), 3);
        assert_eq!(content(&dataset.images[1]), b"y");
        let error = dataset.images[2].source.read().unwrap_err().to_string();
        assert!(error.starts_with("cannot be read: "), "{error}");
        // In the middle of a header.
        std::fs::write(&path, &whole[..8 * 512 + 100]).unwrap();
        let dataset = Dataset::open(&path, &DatasetOptions::default()).unwrap();
        assert_eq!(images(&dataset).len(), 2);
        let [SkippedImage { name, reason }] = &dataset.skipped[..] else { panic!("{:?}", dataset.skipped) };
        assert!(name == "shard-0.tar" && reason.starts_with("damaged after 4 members"), "{reason}");
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
}
