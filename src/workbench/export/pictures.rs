//! A folder of copied pictures, a sub-folder for each class, for programs that show pictures.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::dataset::{Picture, PictureError, PictureSource};
use crate::workbench::error::WorkbenchError;
use crate::workbench::jobs::atomic_file::AtomicFolder;
use crate::workbench::session::evaluation::SessionImage;

/// Bytes that the name of a file or a folder may have at most; file systems stop at 255, and endings and numbers are
/// still to come.
const NAME_LENGTH: usize = 200;

/// A folder that is filled out of sight: what is in it appears when it is finished, or never.
pub struct PictureFolder {
    unfinished: AtomicFolder,
    /// The name of each class's folder, by the class's index.
    folders: HashMap<usize, String>,
    /// How often a name was given, to find the next number at once.
    given: HashMap<PathBuf, usize>,
}

impl PictureFolder {
    /// Makes the folder, or takes an empty one.
    ///
    /// # Errors
    /// When `target` is a file or not empty, or cannot be made or written to.
    pub fn begin(target: &Path) -> Result<Self, WorkbenchError> {
        let unfinished = AtomicFolder::begin(target)?;
        Ok(Self { unfinished, folders: HashMap::new(), given: HashMap::new() })
    }

    /// Makes an empty file beside the classes' folders.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create_file(&mut self, name: &str) -> Result<File, WorkbenchError> {
        let made = numbered(&mut self.given, self.unfinished.path(), name, |path| File::create_new(path));
        made.map(|(file, _)| file).map_err(|error| self.failed(name, &error))
    }

    /// Copies an image of a class to the class's folder and returns where, relative to the whole. A file keeps its
    /// bytes and its name, and gets a number where the name is taken; pixels in memory become a PNG file.
    ///
    /// # Errors
    /// When the picture cannot be read any more or its copy cannot be written.
    pub fn add(&mut self, class: &str, image: &SessionImage) -> Result<PathBuf, WorkbenchError> {
        let root = self.unfinished.path();
        let folder = match self.folders.get(&image.label) {
            Some(folder) => folder.clone(),
            None => {
                let name = file_name(class);
                let made = numbered(&mut self.given, root, &name, |path| fs::create_dir(path));
                let ((), folder) = made.map_err(|error| self.failed(class, &error))?;
                self.folders.insert(image.label, folder.clone());
                folder
            }
        };
        let content =
            Content::from_source(&image.source).map_err(|error| self.failed(&image.name, &error))?;
        let (folder_path, name) = (root.join(&folder), picture_name(&image.name, &content));
        let made = numbered(&mut self.given, &folder_path, &name, |path| File::create_new(path));
        let (mut file, name) = made.map_err(|error| self.failed(&image.name, &error))?;
        match content {
            Content::File(path) => {
                let read = |source| WorkbenchError::Read { path: path.to_owned(), source };
                let mut picture = File::open(path).map_err(read)?;
                io::copy(&mut picture, &mut file)
                    .map(|_| ())
                    .map_err(|error| self.failed(&image.name, &error))?;
            }
            Content::Read(Picture::Encoded(bytes)) => {
                file.write_all(&bytes).map_err(|error| self.failed(&image.name, &error))?;
            }
            Content::Read(Picture::Pixels(pixels)) => pixels
                .write_to(&mut BufWriter::new(file), image::ImageFormat::Png)
                .map_err(|error| self.failed(&image.name, &error))?,
        }
        Ok(Path::new(&folder).join(name))
    }

    /// Lets everything appear.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn finish(self) -> Result<(), WorkbenchError> {
        self.unfinished.finish()
    }

    fn failed(&self, what: &str, error: &dyn std::fmt::Display) -> WorkbenchError {
        let message = format!("{what}: {error}; nothing was copied");
        WorkbenchError::Write { path: self.unfinished.target().to_owned(), message }
    }
}

/// Makes something new under a name, or, where that is taken, under the name with -2, -3 and so on before its ending.
fn numbered<T>(
    given: &mut HashMap<PathBuf, usize>,
    folder: &Path,
    name: &str,
    make: impl Fn(&Path) -> io::Result<T>,
) -> io::Result<(T, String)> {
    let number = given.entry(folder.join(name)).or_insert(0);
    loop {
        *number += 1;
        let name = match (*number, name.rsplit_once('.')) {
            (1, _) => name.to_owned(),
            (number, Some((stem, ending))) => format!("{stem}-{number}.{ending}"),
            (number, None) => format!("{name}-{number}"),
        };
        match make(&folder.join(&name)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made.map(|made| (made, name)),
        }
    }
}

/// What is to be copied.
enum Content<'a> {
    File(&'a Path),
    Read(Picture),
}

impl<'a> Content<'a> {
    fn from_source(source: &'a PictureSource) -> Result<Self, PictureError> {
        Ok(match source {
            PictureSource::File(path) => Self::File(path),
            PictureSource::Member { .. } | PictureSource::Pixels(_) => Self::Read(source.read()?),
        })
    }
}

/// The name of the copy of the image `name`.
fn picture_name(name: &str, content: &Content<'_>) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    match (content, last.rsplit_once('.')) {
        (Content::Read(Picture::Pixels(_)), parts) => {
            format!("{}.png", file_name(parts.map_or(last, |(stem, _)| stem)))
        }
        (_, Some((stem, ending))) => format!("{}.{ending}", file_name(stem)),
        (Content::Read(Picture::Encoded(bytes)), None) => match image::guess_format(bytes) {
            Ok(format) => format!("{}.{}", file_name(last), format.extensions_str()[0]),
            Err(_) => file_name(last),
        },
        (Content::File(_), None) => file_name(last),
    }
}

/// Any text as the name of a file or a folder: without path separators, control characters and leading dots, and not
/// too long.
fn file_name(text: &str) -> String {
    let mut length = text.len().min(NAME_LENGTH);
    while !text.is_char_boundary(length) {
        length -= 1;
    }
    let text = &text[..length];
    let rest = text.trim_start_matches('.');
    let dots = "_".repeat(text.len() - rest.len());
    let safe = |c: char| if c.is_control() || matches!(c, '/' | '\\') { '_' } else { c };
    let name: String = dots.chars().chain(rest.chars().map(safe)).collect();
    if name.is_empty() { "_".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;

    fn pixels(name: &str, label: usize, level: u8) -> SessionImage {
        let picture = image::RgbImage::from_pixel(3, 2, image::Rgb([level, 0, 0]));
        SessionImage { name: name.into(), label, source: PictureSource::Pixels(Arc::new(picture)) }
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<String> = entries.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn names_that_are_taken_get_numbers() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("misses");
        let mut folder = PictureFolder::begin(&target).unwrap();
        folder.create_file("misses.csv").unwrap();
        let mut add = |class: &str, image: &SessionImage| folder.add(class, image).unwrap();
        assert_eq!(add("cat", &pixels("x/1.png", 0, 1)), Path::new("cat/1.png"));
        assert_eq!(add("cat", &pixels("y/1.png", 0, 2)), Path::new("cat/1-2.png"));
        assert_eq!(add("cat", &pixels("z/1-2.png", 0, 3)), Path::new("cat/1-2-2.png"));
        assert_eq!(add("cat", &pixels("z/1.png", 0, 4)), Path::new("cat/1-3.png"));
        // Other classes that come to the same folder name.
        assert_eq!(add("a/c", &pixels("a", 1, 5)), Path::new("a_c/a.png"));
        assert_eq!(add("a_c", &pixels("a", 2, 6)), Path::new("a_c-2/a.png"));
        assert_eq!(add("misses.csv", &pixels("カ.gif", 3, 7)), Path::new("misses-2.csv/カ.png"));
        assert_eq!(names(&target).len(), 1, "nothing but the unfinished folder");
        folder.finish().unwrap();
        assert_eq!(names(&target), ["a_c", "a_c-2", "cat", "misses-2.csv", "misses.csv"]);
        for (file, level) in [("cat/1.png", 1), ("cat/1-2.png", 2), ("cat/1-2-2.png", 3), ("cat/1-3.png", 4)]
        {
            let copy = image::open(target.join(file)).unwrap().to_rgb8();
            assert_eq!(copy.get_pixel(0, 0).0, [level, 0, 0], "{file}");
        }
    }

    #[test]
    fn files_keep_their_bytes() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("odd.JPG");
        fs::write(&path, b"as it is").unwrap();
        let image = |path: &Path| SessionImage {
            name: "in/odd.JPG".into(),
            label: 0,
            source: PictureSource::File(path.into()),
        };
        let target = place.path().join("out");
        fs::create_dir(&target).unwrap();
        let mut folder = PictureFolder::begin(&target).unwrap();
        assert_eq!(folder.add("..", &image(&path)).unwrap(), Path::new("__/odd.JPG"));
        folder.finish().unwrap();
        assert_eq!(fs::read(target.join("__/odd.JPG")).unwrap(), b"as it is");

        let gone = place.path().join("gone.jpg");
        let mut folder = PictureFolder::begin(&place.path().join("other")).unwrap();
        let error = folder.add("cat", &image(&gone)).unwrap_err();
        assert!(error.to_string().contains("gone.jpg"), "{error}");
        drop(folder);
        assert!(names(&place.path().join("other")).is_empty());
    }

    #[test]
    fn what_is_there_is_left_alone() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("file"), "mine").unwrap();
        let complaint = |target: &Path| PictureFolder::begin(target).err().unwrap().to_string();
        assert!(complaint(place.path()).contains("something in it"));
        assert!(complaint(&place.path().join("file")).contains("name a new folder"));
        assert!(complaint(&place.path().join("no/where")).contains("around it"));
        assert_eq!(names(place.path()), ["file"]);
    }

    #[test]
    fn names_by_hand() {
        for (text, expected) in [
            ("cat", "cat"),
            ("a/b\\c", "a_b_c"),
            ("..", "__"),
            (".x.y", "_x.y"),
            ("", "_"),
            ("a, \"b\"\n", "a, \"b\"_"),
        ] {
            assert_eq!(file_name(text), expected, "{text:?}");
        }
        assert_eq!(file_name(&"カ".repeat(100)), "カ".repeat(66));
    }

    proptest! {
        #[test]
        fn every_text_has_a_usable_name(text in any::<String>()) {
            let name = file_name(&text);
            prop_assert!(!name.is_empty() && name.len() <= NAME_LENGTH && !name.starts_with('.'));
            prop_assert!(!name.contains(['/', '\\', '\0', '\n']));
            prop_assert_eq!(file_name(&name), name.clone());
        }
    }
}
