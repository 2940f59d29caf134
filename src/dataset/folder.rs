//! A folder per class, and all pictures below a folder.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::class_folders::{ClassFolders, is_junk};
use super::error::DatasetError;
use super::label::Label;
use super::labels::LabelledImages;
use super::sidecar::is_about_all;
use super::{Dataset, DatasetImage, DatasetOptions, PictureSource, SkippedImage, picture};

/// The endings of the pictures that can be decoded, in lower case.
const ENDINGS: [&str; 18] = [
    "jpg", "jpeg", "jpe", "jfif", "mpo", "png", "apng", "webp", "bmp", "dib", "gif", "tif", "tiff", "ppm",
    "pgm", "pbm", "pnm", "pfm",
];

/// The endings of pictures that cannot: they are listed too, so that it is said why and what to do.
const FOREIGN_ENDINGS: [&str; 31] = [
    "heic", "heif", "hif", "heics", "avif", "avifs", "jp2", "j2k", "j2c", "jpc", "jpf", "jpx", "jpeg2000",
    "jxl", "svg", "psd", "dng", "cr2", "cr3", "nef", "arw", "raf", "orf", "rw2", "pef", "ico", "tga", "dds",
    "exr", "hdr", "qoi",
];

/// Bytes that tell a format.
const START: u64 = 32;

impl Dataset {
    /// Opens a folder with one folder per class. The pictures of a class may lie in folders below; links are followed;
    /// hidden files and folders are passed over. A class without pictures stays a class, with a note.
    ///
    /// # Errors
    /// When the folder cannot be read, there are fewer than two classes or no pictures at all, or the options do not
    /// fit.
    pub fn from_folder(root: &Path, options: &DatasetOptions) -> Result<Dataset, DatasetError> {
        let folders = ClassFolders { folder: root.to_owned(), ..ClassFolders::default() };
        Self::from_class_folders(&folders, options)
    }

    /// The same without what is left out.
    ///
    /// # Errors
    /// Those of [`Dataset::from_folder`].
    pub(super) fn from_class_folders(
        folders: &ClassFolders,
        options: &DatasetOptions,
    ) -> Result<Dataset, DatasetError> {
        let ClassFolders { folder: root, left_out, .. } = folders;
        let mut listed = BelowFolder::default();
        let mut folders = Vec::new();
        for entry in entries(root).map_err(|error| DatasetError::Folder { path: root.to_owned(), error })? {
            if entry.path.is_dir() {
                if !left_out.contains(&entry.name) && !is_junk(&entry.name) {
                    folders.push(entry.name);
                }
            } else if !is_about_all(&entry.name) {
                listed.ignored.push(entry.name);
            }
        }
        let pictures = listed.ignored.iter().filter(|name| is_picture(Path::new(name))).count();
        match folders.as_slice() {
            [] => return Err(DatasetError::NoClasses { path: root.to_owned(), pictures }),
            [class] => {
                return Err(DatasetError::OneClass {
                    path: root.to_owned(),
                    class: class.clone(),
                    left_out: Vec::new(),
                });
            }
            _ => {}
        }
        let mut found = LabelledImages { all_are_classes: true, ..LabelledImages::default() };
        for folder in folders {
            let label = Label::Text(folder);
            listed.walk(&root.join(&*label.words()), &label.words(), &mut Vec::new());
            listed.pictures.sort();
            for (name, path) in listed.pictures.drain(..) {
                found.images.push(DatasetImage { name, label: 0, source: PictureSource::File(path) });
                found.labels.push(label.clone());
            }
            found.further.push(label);
        }
        (found.skipped, found.ignored) = (listed.skipped, listed.ignored);
        let mut dataset = Self::from_labelled(root, root, found, options)?;
        // By class and then by name.
        dataset.images.sort_by_key(|image| image.label);
        dataset.name = name_of(root);
        Ok(dataset)
    }
}

/// All pictures below a folder by their ending, with their path from it (with `/`), sorted bytewise by that. Links are
/// followed; hidden files and folders are passed over, and so is what cannot be read.
///
/// # Errors
/// When the folder itself cannot be read.
pub fn list_pictures(root: &Path) -> Result<Vec<(String, PathBuf)>, DatasetError> {
    Ok(pictures_below(root)?.0)
}

/// Pictures with their paths from a folder, and what cannot be read.
pub type PicturesBelow = (Vec<(String, PathBuf)>, Vec<SkippedImage>);

/// The same, and what cannot be read.
///
/// # Errors
/// When the folder itself cannot be read.
pub fn pictures_below(root: &Path) -> Result<PicturesBelow, DatasetError> {
    entries(root).map_err(|error| DatasetError::Folder { path: root.to_owned(), error })?;
    let mut found = BelowFolder::default();
    found.walk(root, "", &mut Vec::new());
    found.pictures.sort();
    Ok((found.pictures, found.skipped))
}

/// The folder's own name, as `.` and `..` have none.
fn name_of(root: &Path) -> String {
    let absolute = std::fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
    root.file_name()
        .or_else(|| absolute.file_name())
        .unwrap_or(OsStr::new("dataset"))
        .to_string_lossy()
        .into_owned()
}

#[derive(Default)]
struct BelowFolder {
    pictures: Vec<(String, PathBuf)>,
    skipped: Vec<SkippedImage>,
    ignored: Vec<String>,
}

impl BelowFolder {
    /// Takes everything below `folder`, whose path from the root is `name`. `above` has the folders it lies in, so that
    /// a link back to one of them ends there.
    fn walk(&mut self, folder: &Path, name: &str, above: &mut Vec<PathBuf>) {
        let listed = std::fs::canonicalize(folder).and_then(|real| Ok((real, entries(folder)?)));
        let (real, entries) = match listed {
            Ok(listed) => listed,
            Err(error) => return self.skip(name.to_owned(), &error),
        };
        if above.contains(&real) {
            return;
        }
        above.push(real);
        for Entry { name: own, path } in entries {
            let name = if name.is_empty() { own } else { format!("{name}/{own}") };
            if path.is_dir() && is_junk(name.rsplit('/').next().unwrap_or(&name)) {
                self.ignored.push(format!("{name}/"));
            } else if path.is_dir() {
                self.walk(&path, &name, above);
            } else if !is_picture_file(&path) && !is_foreign_picture(&path) {
                self.ignored.push(name);
            } else {
                match path.metadata() {
                    Ok(kind) if kind.is_file() => self.pictures.push((name, path)),
                    Ok(_) => self.ignored.push(name),
                    Err(error) => self.skip(name, &error),
                }
            }
        }
        above.pop();
    }

    fn skip(&mut self, name: String, error: &io::Error) {
        self.skipped.push(SkippedImage { name, reason: format!("cannot be read: {error}") });
    }
}

struct Entry {
    name: String,
    path: PathBuf,
}

/// What lies in a folder and is not hidden, sorted bytewise by name.
fn entries(folder: &Path) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            entries.push(Entry { name, path: entry.path() });
        }
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

/// Whether a name is that of a picture that can be decoded, by its ending.
pub(super) fn is_picture(path: &Path) -> bool {
    ends_in(path, &ENDINGS)
}

/// Whether a name is that of a picture that cannot be decoded.
pub(super) fn is_foreign_picture(path: &Path) -> bool {
    ends_in(path, &FOREIGN_ENDINGS)
}

/// Whether a file can be decoded, by its ending or, where the name has none, by how it begins.
pub(super) fn is_picture_file(path: &Path) -> bool {
    is_picture(path) || (path.extension().is_none() && begins_as_picture(path))
}

fn begins_as_picture(path: &Path) -> bool {
    let mut start = Vec::new();
    path.is_file()
        && File::open(path).and_then(|file| file.take(START).read_to_end(&mut start)).is_ok()
        && picture::is_start_of_picture(&start)
}

fn ends_in(path: &Path, endings: &[&str]) -> bool {
    path.extension()
        .and_then(OsStr::to_str)
        .is_some_and(|ending| endings.contains(&ending.to_ascii_lowercase().as_str()))
}

#[cfg(test)]
mod tests {
    use super::super::ClassNameMap;
    use super::super::tests::tree;
    use super::*;

    fn open(root: &tempfile::TempDir) -> Dataset {
        Dataset::from_folder(root.path(), &DatasetOptions::default()).unwrap()
    }

    /// The message of the error, with the folder as `ROOT`.
    fn message(root: &tempfile::TempDir) -> String {
        let error = Dataset::from_folder(root.path(), &DatasetOptions::default()).unwrap_err();
        error.to_string().replace(&root.path().display().to_string(), "ROOT")
    }

    fn images(dataset: &Dataset) -> Vec<(&str, usize)> {
        dataset.images.iter().map(|image| (image.name.as_str(), image.label)).collect()
    }

    #[test]
    fn classes_and_images_are_sorted_bytewise() {
        let root = tree(&["b/2.jpg", "b/10.JPEG", "b/x/1.png", "a/z.tif", "a/B.webp", "Z/q.gif", "a/b.bmp"]);
        let dataset = open(&root);
        assert_eq!(dataset.class_names(), ["Z", "a", "b"]);
        assert_eq!(
            images(&dataset),
            [
                ("Z/q.gif", 0),
                ("a/B.webp", 1),
                ("a/b.bmp", 1),
                ("a/z.tif", 1),
                ("b/10.JPEG", 2),
                ("b/2.jpg", 2),
                ("b/x/1.png", 2)
            ]
        );
        assert_eq!(dataset.name, root.path().file_name().unwrap().to_string_lossy());
    }

    #[test]
    fn other_files_are_told_and_hidden_ones_are_not() {
        let root = tree(&[
            "a/1.jpg",
            "a/notes.txt",
            "a/.DS_Store",
            ".git/x.jpg",
            "b/2.jpg",
            "list.csv",
            "b/sub/y.md",
        ]);
        let dataset = open(&root);
        assert_eq!(images(&dataset), [("a/1.jpg", 0), ("b/2.jpg", 1)]);
        assert_eq!(dataset.ignored, ["list.csv", "a/notes.txt", "b/sub/y.md"]);
        assert_eq!(dataset.skipped, []);
    }

    #[test]
    fn files_without_an_ending_are_pictures_if_they_begin_as_such() {
        let root = tree(&["a/notes", "a/2.bak", "b/c.d/"]);
        let starts: [(&str, &[u8]); 4] = [
            ("a/1", b"\x89PNG\r\n\x1a\n"),
            ("a/x", b"P3 is a text"),
            ("b/2", b"\xff\xd8\xff\xe0"),
            ("b/c.d/3", b"GIF89a"),
        ];
        for (name, start) in starts {
            std::fs::write(root.path().join(name), start).unwrap();
        }
        std::fs::write(root.path().join("a/2.bak"), starts[0].1).unwrap();
        let dataset = Dataset::open(root.path(), &DatasetOptions::default()).unwrap();
        assert_eq!(images(&dataset), [("a/1", 0), ("b/2", 1), ("b/c.d/3", 1)]);
        assert_eq!(dataset.ignored, ["a/2.bak", "a/notes", "a/x"]);
    }

    #[test]
    fn pictures_that_cannot_be_decoded_are_listed_too() {
        let root = tree(&["a/1.HEIC", "a/2.jp2", "b/3.svg", "b/4.Dng", "b/5.pgm", "b/6.npy"]);
        let dataset = open(&root);
        let names: Vec<&str> = images(&dataset).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["a/1.HEIC", "a/2.jp2", "b/3.svg", "b/4.Dng", "b/5.pgm"]);
        assert_eq!(dataset.ignored, ["b/6.npy"]);
    }

    #[test]
    fn a_class_without_pictures_stays_with_a_note() {
        let root = tree(&["a/1.jpg", "b/", "c/2.jpg"]);
        let dataset = open(&root);
        assert_eq!(dataset.class_names(), ["a", "b", "c"]);
        assert_eq!(images(&dataset), [("a/1.jpg", 0), ("c/2.jpg", 2)]);
        assert_eq!(dataset.notes, ["the class \"b\" has no pictures; it stays a possible answer"]);
    }

    #[test]
    fn a_class_name_map_names_the_classes() {
        let root = tree(&["Faces/1.jpg", "ant/2.jpg"]);
        let map = ClassNameMap::from_pairs(vec![("Faces".to_owned(), "off-center face".to_owned())]);
        let options = DatasetOptions { class_names: Some(map), ..DatasetOptions::default() };
        let dataset = Dataset::from_folder(root.path(), &options).unwrap();
        assert_eq!(dataset.class_names(), ["off-center face", "ant"]);
        assert_eq!(dataset.notes.len(), 1, "{:?}", dataset.notes);
    }

    #[test]
    fn what_cannot_be_a_dataset_says_why() {
        let missing =
            Dataset::from_folder(Path::new("/no/such/folder"), &DatasetOptions::default()).unwrap_err();
        assert!(missing.to_string().starts_with("cannot read the folder /no/such/folder: "), "{missing}");
        let end = "put the images of each class into a folder of its own, or write a manifest";
        assert_eq!(message(&tree(&[])), format!("ROOT has no class folders; {end}"));
        assert_eq!(
            message(&tree(&["1.jpg", "2.png"])),
            format!("ROOT has no class folders, but 2 pictures; {end}")
        );
        assert_eq!(
            message(&tree(&["only/1.jpg"])),
            "ROOT has the class \"only\" only; a classifier needs at least two"
        );
        assert_eq!(
            message(&tree(&["a/1.txt", "b/"])),
            "ROOT has no images (0 skipped, 1 of other kinds); images end in jpg, png, webp, bmp, gif, tiff or ppm, and a \
             manifest's paths start at its own folder"
        );
    }

    #[test]
    fn a_file_is_no_folder() {
        let root = tree(&["x.jpg"]);
        let error = Dataset::from_folder(&root.path().join("x.jpg"), &DatasetOptions::default()).unwrap_err();
        assert!(matches!(error, DatasetError::Folder { .. }), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_and_loops_end() {
        use std::os::unix::fs::symlink;
        let root = tree(&["a/1.jpg", "b/2.jpg", "c/"]);
        let path = |name: &str| root.path().join(name);
        symlink(path("a/1.jpg"), path("c/linked.jpg")).unwrap();
        symlink(path("b"), path("c/folder")).unwrap();
        symlink(path("c"), path("c/again")).unwrap();
        symlink(root.path(), path("c/up")).unwrap();
        symlink(path("nowhere"), path("c/gone.png")).unwrap();
        let dataset = open(&root);
        let of_c: Vec<&str> =
            dataset.images.iter().filter(|i| i.label == 2).map(|i| i.name.as_str()).collect();
        assert_eq!(of_c, ["c/folder/2.jpg", "c/linked.jpg", "c/up/a/1.jpg", "c/up/b/2.jpg"]);
        assert_eq!(dataset.skipped.len(), 1);
        assert_eq!(dataset.skipped[0].name, "c/gone.png");
        assert!(dataset.skipped[0].reason.starts_with("cannot be read: "), "{:?}", dataset.skipped);
    }

    #[test]
    fn all_pictures_below_a_folder() {
        let root = tree(&["b/1.jpg", "a.png", "b/c/2.gif", "b.jpg", "x.txt", ".h/3.jpg"]);
        let names: Vec<String> =
            list_pictures(root.path()).unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["a.png", "b.jpg", "b/1.jpg", "b/c/2.gif"]);
        assert!(list_pictures(Path::new("/no/such/folder")).is_err());
    }
}
