//! What a dataset is before anything is embedded: its form, classes, pictures, what cannot be read, and what is there twice.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use crate::dataset::{Dataset, DatasetImage, PictureError, PictureHeader, SkippedImage};
use crate::store::Hash;
use crate::workbench::error::WorkbenchError;
use crate::workbench::experiment::definition::DatasetChoice;
use crate::workbench::jobs::parallel::{in_parallel, threads};
use crate::workbench::jobs::progress::{Cancel, Meter, Progress, Stage};
use crate::workbench::session::opening::open_dataset;

/// A dataset as it was found.
#[derive(Debug, Serialize)]
pub struct DatasetInspection {
    /// Its name.
    pub name: String,
    /// What the path was recognised as, in words.
    pub form: String,
    /// How the labels were understood, in words: as numbers or as names, how many, the first and the last.
    pub labels: String,
    /// The part of the dataset that was looked at, where it has parts.
    pub split: Option<String>,
    /// The other parts.
    pub other_splits: Vec<String>,
    /// Images that are listed, readable or not.
    pub images: usize,
    /// Images whose pictures can be used.
    pub readable: usize,
    /// Every picture was decoded; otherwise headers were read.
    pub decoded: bool,
    /// In the dataset's order.
    pub classes: Vec<InspectedClass>,
    /// Images a class.
    pub images_per_class: Option<NumberRange>,
    /// How many pictures each format has.
    pub formats: BTreeMap<&'static str, usize>,
    /// Of readable pictures, in pixels.
    pub width: Option<NumberRange>,
    /// Of readable pictures, in pixels.
    pub height: Option<NumberRange>,
    /// What cannot be used, and why.
    pub unreadable: Vec<SkippedImage>,
    /// Equal pictures, byte by byte.
    pub duplicates: Vec<EqualPictures>,
    /// Files that are no pictures.
    pub ignored: Vec<String>,
    /// What is odd but harmless, in words.
    pub notes: Vec<String>,
}

/// A class of an inspected dataset.
#[derive(Debug, Serialize)]
pub struct InspectedClass {
    /// What prompts call it.
    pub name: String,
    /// The folder name or label.
    pub folder: String,
    /// Images that are listed.
    pub images: usize,
}

/// Images with the same content.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct EqualPictures {
    /// Their names, at least two, in the dataset's order.
    pub images: Vec<String>,
    /// The folders of their classes, each once.
    pub classes: Vec<String>,
}

impl EqualPictures {
    /// Labels contradict each other.
    pub fn is_conflict(&self) -> bool {
        self.classes.len() > 1
    }
}

/// Smallest, middle and largest of some numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct NumberRange {
    /// The smallest.
    pub min: u32,
    /// The middle one, or the average of the two in the middle.
    pub median: f64,
    /// The largest.
    pub max: u32,
}

impl NumberRange {
    /// Nothing for no numbers.
    fn from_values(mut numbers: Vec<u32>) -> Option<Self> {
        numbers.sort_unstable();
        let (min, max) = (*numbers.first()?, *numbers.last()?);
        let (low, high) = (numbers[(numbers.len() - 1) / 2], numbers[numbers.len() / 2]);
        Some(Self { min, median: (f64::from(low) + f64::from(high)) / 2.0, max })
    }
}

/// Looks at every image of a dataset. Each file is read once, for its content hash; `decode` also decodes it, which finds
/// what is broken behind a header. Of a picture nothing but its hash and its size is kept.
///
/// # Errors
/// When the dataset cannot be opened, or [`WorkbenchError::Cancelled`] soon after the request.
pub fn inspect_dataset(
    choice: &DatasetChoice,
    decode: bool,
    cancel: &Cancel,
    notify: &dyn Fn(Progress),
) -> Result<DatasetInspection, WorkbenchError> {
    let dataset = open_dataset(choice)?;
    let mut meter = Meter::start(Stage::Inspecting, dataset.images.len());
    let mut seen: Vec<Option<Seen>> = dataset.images.iter().map(|_| None).collect();
    in_parallel(
        threads(),
        &dataset.images,
        cancel,
        |image| look_at(image, decode),
        |at, found| {
            seen[at] = Some(found);
            meter.encoded(1);
            notify(meter.progress());
            Ok(())
        },
    )?;
    Ok(inspection(dataset, seen.into_iter().flatten().collect(), decode))
}

/// What was seen of one image.
struct Seen {
    /// Of its bytes, where there are some.
    hash: Option<Hash>,
    header: Result<PictureHeader, PictureError>,
}

fn look_at(image: &DatasetImage, decode: bool) -> Seen {
    match image.source.read() {
        Err(error) => Seen { hash: None, header: Err(error) },
        Ok(picture) => {
            let content = picture.content();
            let hash = (!content.is_empty()).then(|| blake3::hash(&content));
            let header = picture.header().and_then(|header| match decode {
                true => picture.decode().map(|_| header),
                false => Ok(header),
            });
            Seen { hash, header }
        }
    }
}

/// Puts together what was seen of all images, in their order.
fn inspection(dataset: Dataset, seen: Vec<Seen>, decoded: bool) -> DatasetInspection {
    let mut per_class = vec![0_u32; dataset.classes.len()];
    dataset.images.iter().for_each(|image| per_class[image.label] += 1);
    let images = dataset.images.len() + dataset.skipped.len();
    let mut unreadable = dataset.skipped;
    let (mut formats, mut widths, mut heights) = (BTreeMap::new(), Vec::new(), Vec::new());
    let mut of_hash: HashMap<Hash, usize> = HashMap::new();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (index, Seen { hash, header }) in seen.into_iter().enumerate() {
        match header {
            Ok(PictureHeader { format, width, height }) => {
                *formats.entry(format).or_insert(0) += 1;
                widths.push(width);
                heights.push(height);
            }
            Err(error) => unreadable
                .push(SkippedImage { name: dataset.images[index].name.clone(), reason: error.to_string() }),
        }
        if let Some(hash) = hash {
            let group = *of_hash.entry(hash).or_insert_with(|| {
                groups.push(Vec::new());
                groups.len() - 1
            });
            groups[group].push(index);
        }
    }
    let equal = |group: Vec<usize>| {
        let mut classes = Vec::new();
        for &image in &group {
            let folder = &dataset.classes[dataset.images[image].label].folder;
            if !classes.contains(folder) {
                classes.push(folder.clone());
            }
        }
        EqualPictures {
            images: group.into_iter().map(|image| dataset.images[image].name.clone()).collect(),
            classes,
        }
    };
    let classes = dataset.classes.iter().zip(&per_class).map(|(class, images)| InspectedClass {
        name: class.name.clone(),
        folder: class.folder.clone(),
        images: *images as usize,
    });
    DatasetInspection {
        classes: classes.collect(),
        duplicates: groups.into_iter().filter(|group| group.len() > 1).map(equal).collect(),
        name: dataset.name,
        form: dataset.form,
        labels: dataset.labels,
        split: dataset.splits.used,
        other_splits: dataset.splits.others,
        images,
        readable: widths.len(),
        decoded,
        images_per_class: NumberRange::from_values(per_class),
        formats,
        width: NumberRange::from_values(widths),
        height: NumberRange::from_values(heights),
        unreadable,
        ignored: dataset.ignored,
        notes: dataset.notes,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn picture(path: &Path, width: u32, height: u32, colour: u8) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        image::RgbImage::from_pixel(width, height, image::Rgb([colour; 3])).save(path).unwrap();
    }

    fn inspect(folder: &Path, decode: bool) -> DatasetInspection {
        let choice = DatasetChoice::Path {
            images: folder.to_owned(),
            class_names: None,
            class_order: None,
            first_label: None,
        };
        inspect_dataset(&choice, decode, &Cancel::default(), &|_| ()).unwrap()
    }

    #[test]
    fn sizes_broken_files_and_equal_pictures_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join("test").join(name);
        picture(&path("a/1.png"), 10, 20, 1);
        picture(&path("a/2.jpg"), 30, 5, 2);
        std::fs::copy(path("a/1.png"), path("a/3.png")).unwrap();
        picture(&path("b/1.bmp"), 12, 12, 3);
        std::fs::copy(path("a/2.jpg"), path("b/2.jpg")).unwrap();
        std::fs::write(path("b/empty.png"), b"").unwrap();
        std::fs::write(path("b/also-empty.png"), b"").unwrap();
        std::fs::write(path("b/text.png"), b"no picture").unwrap();
        let mut broken = std::fs::read(path("a/1.png")).unwrap();
        let data = broken.windows(4).position(|four| four == b"IDAT").unwrap();
        broken[data + 4..data + 12].fill(0xff);
        std::fs::write(path("b/broken.png"), broken).unwrap();
        std::fs::create_dir_all(folder.path().join("train/a")).unwrap();

        let found = inspect(folder.path(), false);
        assert_eq!(found.form, "a folder per class");
        assert_eq!(
            (found.split.as_deref(), found.other_splits.as_slice()),
            (Some("test"), &["train".to_owned()][..])
        );
        assert_eq!((found.images, found.readable), (9, 6));
        assert_eq!(found.images_per_class, Some(NumberRange { min: 3, median: 4.5, max: 6 }));
        assert_eq!(found.formats, [("BMP", 1), ("JPEG", 2), ("PNG", 3)].into());
        assert_eq!(found.width, Some(NumberRange { min: 10, median: 11.0, max: 30 }));
        assert_eq!(found.height, Some(NumberRange { min: 5, median: 16.0, max: 20 }));
        let reasons = |found: &DatasetInspection| -> Vec<String> {
            found.unreadable.iter().map(|image| format!("{}: {}", image.name, image.reason)).collect()
        };
        let expected = [
            "b/also-empty.png: empty file",
            "b/empty.png: empty file",
            "b/text.png: not a picture (JPEG, PNG, WebP, BMP, GIF, TIFF or PNM)",
        ];
        assert_eq!(reasons(&found), expected);
        let groups: Vec<(Vec<&str>, bool)> = found
            .duplicates
            .iter()
            .map(|group| (group.images.iter().map(String::as_str).collect(), group.is_conflict()))
            .collect();
        assert_eq!(groups, [(vec!["a/1.png", "a/3.png"], false), (vec!["a/2.jpg", "b/2.jpg"], true)]);

        let decoded = inspect(folder.path(), true);
        assert_eq!(decoded.readable, 5);
        assert!(
            reasons(&decoded).iter().any(|reason| reason.starts_with("b/broken.png: broken PNG")),
            "{decoded:?}"
        );
    }

    #[test]
    fn it_stops_when_asked_to() {
        let cancel = Cancel::default();
        cancel.cancel();
        let error = inspect_dataset(&DatasetChoice::Demo, false, &cancel, &|_| ()).unwrap_err();
        assert!(matches!(error, WorkbenchError::Cancelled));
    }
}
