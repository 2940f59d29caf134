//! Parquet as Hugging Face keeps image datasets in it: a picture's bytes in the column `image.bytes`, and a label.
//!
//! The files' metadata says under `huggingface` which column is the image and which the label, with the class names. Without
//! it, columns are found by their names. Pictures are read from the files when they are wanted, a page at a time.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{Compression, ConvertedType, LogicalType, Type};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader};
use parquet::data_type::{ByteArray, ByteArrayType, DataType};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::{ChunkReader, FileReader, Length, SerializedFileReader};
use parquet::file::statistics::Statistics;
use parquet::schema::types::ColumnDescPtr;
use serde_json::{Map, Value};

use super::error::DatasetError;
use super::field_names::{LABELS, LabelColumns, PATHS, PICTURES};
use super::label::{Label, NO_BOOLEAN, is_no_number};
use super::labels::LabelledImages;
use super::packed_pages::{PackedPages, check_header};
use super::picture::{ArchiveFile, Picture, PictureArchive, PictureError};
use super::{Dataset, DatasetImage, DatasetOptions, PictureSource, SkippedImage, split};
use crate::files::foreign::guarded;
use crate::text::message::listed;

/// Positioned reads, so that threads do not move one another's place in the file.
#[derive(Clone)]
struct Content(Arc<ArchiveFile>);

/// Reads on from a place.
struct From {
    file: Arc<ArchiveFile>,
    at: u64,
}

impl Read for From {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Length for Content {
    fn len(&self) -> u64 {
        self.0.length().unwrap_or(0)
    }
}

impl ChunkReader for Content {
    type T = io::BufReader<From>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        let mut first = [0; 24];
        let length = self.0.read_at(&mut first, start)?;
        check_header(&first[..length])?;
        Ok(io::BufReader::new(From { file: Arc::clone(&self.0), at: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        Ok(self.0.bytes(start, length)?.into())
    }
}

/// Rows whose labels are read together.
const ROWS_AT_ONCE: usize = 65_536;

/// A file whose rows have pictures.
struct Table {
    path: PathBuf,
    content: Content,
    reader: SerializedFileReader<Content>,
    /// The place of the column with the bytes among the leaves of the schema.
    image: usize,
    /// That of the path beside them, which counts in rows without bytes.
    path_beside: Option<usize>,
    /// The first row of each row group, and the number of all rows.
    starts: Vec<u64>,
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("path", &self.path).finish_non_exhaustive()
    }
}

impl PictureArchive for Table {
    fn path(&self) -> &Path {
        &self.path
    }

    fn read(&self, member: u64) -> Result<Picture, PictureError> {
        let group = self.starts.partition_point(|start| *start <= member).saturating_sub(1);
        let row = (member - self.starts[group]) as usize;
        let broken =
            |error: ParquetError| PictureError::Broken { format: "Parquet", detail: error.to_string() };
        let value = |column: usize| self.bytes(group, row, column).map_err(broken);
        match value(self.image)? {
            Some(bytes) if bytes.data().is_empty() => return Err(PictureError::Empty),
            Some(bytes) => return Ok(Picture::Encoded(bytes.data().to_vec())),
            None => {}
        }
        // The `datasets` library reads the file of such a row.
        let beside = self.path_beside.map(value).transpose()?.flatten();
        match beside.as_ref().and_then(|path| path.as_utf8().ok()).filter(|path| !path.is_empty()) {
            Some(path) => {
                let path = self.path.with_file_name(path);
                let read = std::fs::read(&path);
                Ok(Picture::Encoded(
                    read.map_err(|error| {
                        io::Error::new(error.kind(), format!("{}: {error}", path.display()))
                    })?,
                ))
            }
            None => Err(PictureError::Missing),
        }
    }
}

/// What is in the next `records` rows, without those that have nothing.
fn column_values<T: DataType>(
    column: &mut ColumnReaderImpl<T>,
    records: usize,
) -> Result<Vec<T::T>, ParquetError> {
    let (mut values, mut levels) = (Vec::new(), Vec::new());
    column.read_records(records, Some(&mut levels), None, &mut values)?;
    Ok(values)
}

/// What the files say of themselves. Columns are places among the leaves of the schema.
struct Columns {
    image: ImageColumn,
    label: usize,
    /// The name of each label that is a number.
    name: Option<usize>,
    names: Option<Vec<String>>,
}

/// Where a row's picture is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ImageColumn {
    /// In this column.
    Bytes(usize),
    /// In the file whose path is in this column.
    Path(usize),
}

impl Dataset {
    /// Opens the Parquet files of a folder and of the folders in it, or one file. The split is in the files' names
    /// (`test-00000-of-00001.parquet`) or in those of their folders.
    ///
    /// # Errors
    /// When a file cannot be read or has no pictures or labels, there are fewer than two classes, or the options do not
    /// fit.
    pub(super) fn from_parquet(
        path: &Path,
        files: &[PathBuf],
        wanted: Option<&str>,
        options: &DatasetOptions,
    ) -> Result<Dataset, DatasetError> {
        let (files, wanted) = of_configuration(path, files, wanted)?;
        let of_file: Vec<Option<String>> = files.iter().map(|file| split_of(file)).collect();
        let mut splits: Vec<&str> = of_file.iter().flatten().map(String::as_str).collect();
        splits.sort_unstable();
        splits.dedup();
        let of_split = |chosen: Option<&str>| -> Vec<&PathBuf> {
            let chosen = files.iter().zip(&of_file).filter(|(_, split)| split.as_deref() == chosen);
            chosen.map(|(file, _)| *file).collect()
        };
        let mut left = splits;
        let (splits, note, unlabelled) = loop {
            let (splits, note) = split::choose(path, &left, wanted)?;
            // The answers of a test split are often kept secret.
            match splits.used.clone() {
                Some(used)
                    if wanted.is_none() && left.len() > 1 && are_unlabelled(&of_split(Some(&used)))? =>
                {
                    left.retain(|split| *split != used);
                }
                _ => {
                    let all = of_file.iter().flatten().map(String::as_str);
                    let unlabelled: BTreeSet<&str> = all.filter(|split| !left.contains(split)).collect();
                    break (splits, note, unlabelled.into_iter().map(str::to_owned).collect::<Vec<_>>());
                }
            }
        };
        let chosen = of_split(splits.used.as_deref());
        let mut found = LabelledImages::default();
        found.notes.extend(
            unlabelled
                .iter()
                .map(|split| format!("the split {split} has no labels, and is not the one that is used")),
        );
        if splits.used.is_some() {
            let without: Vec<String> = files
                .iter()
                .zip(&of_file)
                .filter(|(_, split)| split.is_none())
                .map(|(file, _)| file.display().to_string())
                .collect();
            if !without.is_empty() {
                found
                    .notes
                    .push(format!("files that belong to no split are left out: {}", listed(&without, 5)));
            }
        }
        for &file in &chosen {
            let failed = |problem: String| DatasetError::archive(file, problem);
            let (table, columns) = open(file).map_err(failed)?;
            let labels = table.labels(columns.label).map_err(failed)?;
            if let Some(column) = columns.name {
                let names = table.labels(column).map_err(failed)?;
                for (label, name) in labels.iter().zip(names) {
                    found
                        .names_of_numbers
                        .add(label, Some(&name.words()).filter(|name| !name.is_empty()).map(|n| &**n));
                }
            }
            let labels = match (&found.names, columns.names) {
                (Some((names, _)), Some(own)) if *names != own => {
                    renumbered(labels, &own, names).map_err(failed)?
                }
                (None, Some(own)) => {
                    found.names = Some((own, format!("the metadata of {}", file.display())));
                    labels
                }
                _ => labels,
            };
            let stem = stem(path, file, &chosen);
            if let ImageColumn::Path(column) = columns.image {
                let folder = file.parent().unwrap_or(Path::new(""));
                let paths = table.labels(column).map_err(failed)?;
                for ((row, path), label) in paths.into_iter().enumerate().zip(labels) {
                    let name = path.words().into_owned();
                    if name.is_empty() {
                        let reason = PictureError::Missing.to_string();
                        found.skipped.push(SkippedImage { name: format!("{stem}/{row:06}"), reason });
                        continue;
                    }
                    let source = PictureSource::File(folder.join(&name));
                    found.images.push(DatasetImage { name, label: 0, source });
                    found.labels.push(label);
                }
                continue;
            }
            found.labels.extend(labels);
            let rows = table.starts.last().copied().unwrap_or(0);
            let archive: Arc<dyn PictureArchive> = Arc::new(table);
            found.images.extend((0..rows).map(|member| DatasetImage {
                name: format!("{stem}/{member:06}"),
                label: 0,
                source: PictureSource::Member { archive: Arc::clone(&archive), member },
            }));
        }
        let mut dataset = Dataset::from_labelled(path, path.parent().unwrap_or(path), found, options)?;
        dataset.notes.extend(note);
        dataset.splits = splits;
        Ok(dataset)
    }
}

/// The files of one configuration, and the split that is left of what is wanted: `CONFIGURATION`, `SPLIT` or
/// `CONFIGURATION/SPLIT`. Configurations are datasets of their own that share a folder: their files lie in folders that are
/// called neither `data` nor like a split.
fn of_configuration<'a, 'b>(
    root: &Path,
    files: &'a [PathBuf],
    wanted: Option<&'b str>,
) -> Result<(Vec<&'a PathBuf>, Option<&'b str>), DatasetError> {
    let of_file: Vec<String> = files.iter().map(|file| configuration_of(root, file)).collect();
    let there: BTreeSet<&str> = of_file.iter().map(String::as_str).collect();
    let of = |name: &str| {
        files.iter().zip(&of_file).filter(|(_, own)| *own == name).map(|(file, _)| file).collect()
    };
    if there.len() < 2 {
        return Ok((files.iter().collect(), wanted));
    }
    let asked = wanted.and_then(|wanted| {
        let whole = there.get(wanted).map(|name| (*name, None));
        whole.or_else(|| {
            let (name, split) = wanted.rsplit_once('/')?;
            there.get(name).map(|name| (*name, Some(split)))
        })
    });
    match asked {
        Some((name, split)) => Ok((of(name), split)),
        None => Err(DatasetError::Configurations {
            path: root.to_owned(),
            configurations: there.into_iter().map(str::to_owned).collect(),
        }),
    }
}

fn configuration_of(root: &Path, file: &Path) -> String {
    let below = file.parent().and_then(|folder| folder.strip_prefix(root).ok()).unwrap_or(Path::new(""));
    let folders = below.iter().map(|folder| folder.to_string_lossy());
    let own: Vec<_> =
        folders.filter(|name| name != "data" && !split::is_split(&name.to_lowercase())).collect();
    if own.is_empty() { ".".to_owned() } else { own.join("/") }
}

/// What the pictures of a file are called by: its name, or where several files have it, its path from the root.
fn stem(root: &Path, file: &Path, files: &[&PathBuf]) -> String {
    let stem = |file: &Path| file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let own = stem(file);
    if files.iter().filter(|file| stem(file) == own).count() == 1 {
        return own;
    }
    let below = file.strip_prefix(root).unwrap_or(file).with_extension("");
    below.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// Labels of a file whose list of class names is in another order than that of the files before it.
fn renumbered(labels: Vec<Label>, own: &[String], names: &[String]) -> Result<Vec<Label>, String> {
    let sorted = |names: &[String]| {
        let mut names = names.to_vec();
        names.sort_unstable();
        names
    };
    let mut distinct = sorted(own);
    distinct.dedup();
    if sorted(own) != sorted(names) || distinct.len() != own.len() {
        return Err(
            "its metadata has other class names than the files before it; evaluate it alone".to_owned()
        );
    }
    let place = |label| match label {
        Label::Number(number) => usize::try_from(number)
            .ok()
            .and_then(|number| own.get(number))
            .and_then(|name| names.iter().position(|other| other == name))
            .map_or(Label::Number(number), |place| Label::Number(place as i64)),
        other => other,
    };
    Ok(labels.into_iter().map(place).collect())
}

/// The split that a file's name, or that of its folder, begins with.
fn split_of(file: &Path) -> Option<String> {
    let stem = file.file_stem()?.to_string_lossy();
    let first = stem.split(['-', '_', '.']).next()?.to_lowercase();
    let folder = || Some(file.parent()?.file_name()?.to_string_lossy().to_lowercase());
    Some(first).filter(|name| split::is_split(name)).or_else(|| folder().filter(|name| split::is_split(name)))
}

/// Whether no row of these files has a label.
fn are_unlabelled(files: &[&PathBuf]) -> Result<bool, DatasetError> {
    for file in files {
        let failed = |problem: String| DatasetError::archive(file, problem);
        let (table, columns) = open(file).map_err(failed)?;
        let labels = table.labels(columns.label).map_err(failed)?;
        if !labels.iter().all(|label| *label == Label::Missing || label.number().is_some_and(is_no_number)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a file may be one with pictures: it has a column for them, or cannot be read, which is to be said.
pub(super) fn may_have_pictures(path: &Path) -> bool {
    let reader = || SerializedFileReader::new(File::open(path).ok()?).ok();
    guarded(|| reader().is_none_or(|reader| image_column(reader.metadata()).is_some())).unwrap_or(true)
}

fn open(path: &Path) -> Result<(Table, Columns), String> {
    let contradicts = |reason| format!("not a whole Parquet file ({reason}); get it anew");
    guarded(|| open_unguarded(path)).map_err(contradicts)?
}

fn open_unguarded(path: &Path) -> Result<(Table, Columns), String> {
    let file = ArchiveFile::open(path).map_err(|error| format!("cannot be read: {error}"))?;
    let content = Content(Arc::new(file));
    let reader = SerializedFileReader::new(content.clone())
        .map_err(|error| format!("not a whole Parquet file ({error}); get it anew"))?;
    let columns = columns(&reader)?;
    let mut starts = vec![0];
    for group in reader.metadata().row_groups() {
        let (ImageColumn::Bytes(image) | ImageColumn::Path(image)) = columns.image;
        for column in [image, columns.label] {
            check_compression(group.column(column).compression())?;
        }
        starts.push(starts.last().copied().unwrap_or(0_u64).saturating_add(group.num_rows().max(0) as u64));
    }
    let (ImageColumn::Bytes(image) | ImageColumn::Path(image)) = columns.image;
    let path_beside = path_beside(reader.metadata(), image);
    Ok((Table { path: path.to_owned(), content, reader, image, path_beside, starts }, columns))
}

/// The column `image.path` beside `image.bytes`.
fn path_beside(metadata: &ParquetMetaData, image: usize) -> Option<usize> {
    let schema = metadata.file_metadata().schema_descr();
    let bytes = schema.column(image).path().string();
    let path = format!("{}.path", bytes.strip_suffix(".bytes")?);
    schema
        .columns()
        .iter()
        .position(|column| column.path().string() == path && column.physical_type() == Type::BYTE_ARRAY)
}

fn check_compression(compression: Compression) -> Result<(), String> {
    let name = match compression {
        Compression::BROTLI(_) => "Brotli",
        Compression::LZO => "LZO",
        _ => return Ok(()),
    };
    Err(format!(
        "it is compressed with {name}, which cannot be unpacked here; write it again with Zstandard or Snappy, as \
         pyarrow.parquet.write_table(table, file, compression=\"zstd\") does"
    ))
}

/// The features that the `datasets` library writes into a file's metadata.
fn features(metadata: &ParquetMetaData) -> Map<String, Value> {
    let known = |text: &str| serde_json::from_str::<Value>(text).ok();
    metadata
        .file_metadata()
        .key_value_metadata()
        .into_iter()
        .flatten()
        .find(|pair| pair.key == "huggingface")
        .and_then(|pair| known(pair.value.as_deref()?))
        .and_then(|value| Some(value.get("info")?.get("features")?.as_object()?.clone()))
        .unwrap_or_default()
}

fn of_type<'a>(features: &'a Map<String, Value>, wanted: &'static str) -> impl Iterator<Item = &'a str> {
    features.iter().filter(move |(_, feature)| feature["_type"] == wanted).map(|(name, _)| name.as_str())
}

/// The column with pictures or with their paths.
fn image_column(metadata: &ParquetMetaData) -> Option<ImageColumn> {
    let schema = metadata.file_metadata().schema_descr();
    let features = features(metadata);
    let place = |path: &str| {
        schema.columns().iter().position(|column| {
            column.path().string().eq_ignore_ascii_case(path) && column.physical_type() == Type::BYTE_ARRAY
        })
    };
    let is_text = |column: usize| {
        let column = schema.column(column);
        matches!(column.logical_type_ref(), Some(LogicalType::String))
            || column.converted_type() == ConvertedType::UTF8
    };
    // Nothing in any row, where that is said.
    let is_empty = |column: usize| {
        metadata.row_groups().iter().all(|group| {
            let nulls = group.column(column).statistics().and_then(Statistics::null_count_opt);
            nulls == Some(group.num_rows().max(0) as u64)
        }) && metadata.num_row_groups() > 0
    };
    let names: Vec<&str> = of_type(&features, "Image").chain(PICTURES).collect();
    let mut columns = names.iter().filter_map(|name| {
        let bytes = place(&format!("{name}.bytes")).filter(|column| !is_empty(*column));
        let path = || place(&format!("{name}.path")).map(ImageColumn::Path);
        let itself = || {
            place(name).map(|column| {
                if is_text(column) { ImageColumn::Path(column) } else { ImageColumn::Bytes(column) }
            })
        };
        bytes.map(ImageColumn::Bytes).or_else(path).or_else(itself)
    });
    columns.next().or_else(|| {
        PATHS.iter().find_map(|name| place(name).filter(|column| is_text(*column)).map(ImageColumn::Path))
    })
}

fn columns(reader: &SerializedFileReader<Content>) -> Result<Columns, String> {
    let metadata = reader.metadata();
    let schema = metadata.file_metadata().schema_descr();
    let features = features(metadata);
    let paths: Vec<String> = schema.columns().iter().map(|column| column.path().string()).collect();
    let there = || -> String {
        let column =
            |column: &ColumnDescPtr| format!("{} ({})", column.path().string(), column.physical_type());
        schema.columns().iter().map(column).collect::<Vec<_>>().join(", ")
    };
    let image = image_column(metadata).ok_or_else(|| {
        format!(
            "no column has pictures: that is `image` with `bytes` in it, binary, or a path; its columns are {}",
            there()
        )
    })?;
    let is_label = |column: usize| {
        let descriptor = schema.column(column);
        descriptor.max_rep_level() == 0
            && !matches!(descriptor.physical_type(), Type::BOOLEAN | Type::INT96 | Type::FIXED_LEN_BYTE_ARRAY)
            && image != ImageColumn::Path(column)
    };
    // Columns that cannot be labels have no name here.
    let names: Vec<&str> = paths
        .iter()
        .enumerate()
        .map(|(column, path)| if is_label(column) { path.as_str() } else { "" })
        .collect();
    let of_class: Vec<&str> = of_type(&features, "ClassLabel").collect();
    let best = LABELS.into_iter().filter(|name| of_class.contains(name)).chain(of_class.iter().copied());
    let declared = best.filter_map(|name| names.iter().position(|own| *own == name)).next();
    let found = match declared {
        Some(label) => Some(LabelColumns { label, name: None }),
        None => {
            LabelColumns::among(&names, |column| schema.column(column).physical_type() != Type::BYTE_ARRAY)
        }
    };
    let Some(LabelColumns { label, name }) = found else {
        let odd = LABELS.iter().find_map(|wanted| {
            let first =
                |path: &String| path.split('.').next().unwrap_or_default().eq_ignore_ascii_case(wanted);
            paths.iter().position(first)
        });
        return Err(match odd {
            Some(column) if schema.column(column).max_rep_level() > 0 => format!(
                "the column {} has lists of labels; several labels an image are not evaluated here, a class is one label",
                paths[column].split('.').next().unwrap_or_default()
            ),
            Some(column) if schema.column(column).physical_type() == Type::BOOLEAN => {
                format!("the column {} is of the type BOOLEAN; {NO_BOOLEAN}", paths[column])
            }
            Some(column) => format!(
                "the column {} is of the type {}; a label is a whole number or a name",
                paths[column],
                schema.column(column).physical_type()
            ),
            None => format!(
                "no column has labels: that is `label` with numbers or names; its columns are {}",
                there()
            ),
        });
    };
    let listed = features.get(&paths[label]).and_then(|feature| feature.get("names")).and_then(class_names);
    Ok(Columns { image, label, name: name.filter(|_| listed.is_none()), names: listed })
}

/// A list of names, or an object from numbers to names.
fn class_names(names: &Value) -> Option<Vec<String>> {
    let text = |name: &Value| name.as_str().map(str::to_owned);
    match names {
        Value::Array(names) => names.iter().map(text).collect(),
        Value::Object(names) => {
            (0..names.len()).map(|number| text(names.get(&number.to_string())?)).collect()
        }
        _ => None,
    }
}

impl Table {
    /// What a row of a group has in a column; nothing for null.
    fn bytes(&self, group: usize, row: usize, column: usize) -> Result<Option<ByteArray>, ParquetError> {
        guarded(|| self.bytes_unguarded(group, row, column)).map_err(ParquetError::General)?
    }

    fn bytes_unguarded(
        &self,
        group: usize,
        row: usize,
        column: usize,
    ) -> Result<Option<ByteArray>, ParquetError> {
        let ColumnReader::ByteArrayColumnReader(mut column) = self.column(group, column)? else {
            return Err(ParquetError::General("a picture in a column of another kind than bytes".to_owned()));
        };
        column.skip_records(row)?;
        Ok(column_values(&mut column, 1)?.pop())
    }

    /// A column of a row group.
    fn column(&self, group: usize, column: usize) -> Result<ColumnReader, ParquetError> {
        let row_group = self.reader.get_row_group(group)?;
        let metadata = row_group.metadata().column(column);
        let rows = usize::try_from(row_group.metadata().num_rows())?;
        match PackedPages::new(Arc::new(self.content.clone()), metadata, rows)? {
            Some(pages) => Ok(get_column_reader(metadata.column_descr_ptr(), Box::new(pages))),
            None => row_group.get_column_reader(column),
        }
    }

    /// The labels of all rows.
    fn labels(&self, column: usize) -> Result<Vec<Label>, String> {
        let mut labels = Vec::new();
        for (group, window) in self.starts.windows(2).enumerate() {
            let rows = (window[1] - window[0]) as usize;
            let read = guarded(|| self.column(group, column).and_then(|column| group_labels(column, rows)));
            let read = read.map_err(ParquetError::General).and_then(|read| read);
            labels.extend(read.map_err(|error| format!("its labels cannot be read: {error}"))?);
        }
        Ok(labels)
    }
}

fn group_labels(column: ColumnReader, rows: usize) -> Result<Vec<Label>, ParquetError> {
    match column {
        ColumnReader::Int64ColumnReader(mut column) => {
            each_row(&mut column, rows, |value| Label::Number(*value))
        }
        ColumnReader::Int32ColumnReader(mut column) => {
            each_row(&mut column, rows, |value| Label::Number(i64::from(*value)))
        }
        ColumnReader::ByteArrayColumnReader(mut column) => {
            each_row::<ByteArrayType>(&mut column, rows, |value| {
                Label::text(&String::from_utf8_lossy(value.data()))
            })
        }
        ColumnReader::DoubleColumnReader(mut column) => each_row(&mut column, rows, |value| decimal(*value)),
        ColumnReader::FloatColumnReader(mut column) => {
            each_row(&mut column, rows, |value| decimal(f64::from(*value)))
        }
        _ => Err(ParquetError::General("labels of this kind are not known".to_owned())),
    }
}

/// A number with a point, as pandas writes whole ones where some are missing.
fn decimal(value: f64) -> Label {
    if value.is_nan() { Label::Missing } else { Label::Text(value.to_string()) }
}

/// A label a row.
fn each_row<T: DataType>(
    column: &mut ColumnReaderImpl<T>,
    rows: usize,
    label: impl Fn(&T::T) -> Label,
) -> Result<Vec<Label>, ParquetError> {
    // As many as are read, whatever the file says that there are.
    let (mut labels, mut values, mut levels) = (Vec::new(), Vec::new(), Vec::new());
    while labels.len() < rows {
        values.clear();
        levels.clear();
        let (records, read, _) = column.read_records(
            (rows - labels.len()).min(ROWS_AT_ONCE),
            Some(&mut levels),
            None,
            &mut values,
        )?;
        if records == 0 {
            return Err(ParquetError::EOF(format!("{} of {rows} labels are there", labels.len())));
        }
        if read == records {
            labels.extend(values.iter().map(&label));
        } else {
            // Where a value is missing its level is lower.
            let there = levels.iter().copied().max().unwrap_or(0);
            let mut values = values.iter();
            labels.extend(levels.iter().map(
                |level| match (*level == there).then(|| values.next()).flatten() {
                    Some(value) => label(value),
                    None => Label::Missing,
                },
            ));
        }
    }
    Ok(labels)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use parquet::basic::Compression;
    use parquet::data_type::Int64Type;
    use parquet::file::metadata::KeyValue;
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;

    const SCHEMA: &str = "message schema { optional group image { optional binary bytes; optional binary path; } \
                          optional int64 label; }";

    fn described(names: &str) -> String {
        format!(
            r#"{{"info": {{"features": {{"image": {{"_type": "Image"}}, "label": {{"names": {names}, "_type": "ClassLabel"}}}}}}}}"#
        )
    }

    type Row<'a> = (Option<&'a str>, Option<i64>);

    /// A file with row groups of pictures and labels, of which either may be missing; of `@NAME` there is the path alone.
    pub(in crate::dataset) fn write(path: &Path, metadata: Option<String>, groups: &[&[Row<'_>]]) {
        let pairs = metadata.map(|value| vec![KeyValue::new("huggingface".to_owned(), value)]);
        let properties = WriterProperties::builder()
            .set_key_value_metadata(pairs)
            .set_compression(Compression::SNAPPY)
            .set_data_page_row_count_limit(2)
            .set_write_batch_size(1)
            .build();
        let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
        let file = std::fs::File::create(path).unwrap();
        let mut writer = SerializedFileWriter::new(file, schema, Arc::new(properties)).unwrap();
        for rows in groups {
            let mut group = writer.next_row_group().unwrap();
            for is_path in [false, true] {
                let has_value = |row: &Row<'_>| row.0.is_some_and(|value| value.starts_with('@') == is_path);
                let values = rows.iter().filter(|row| has_value(row)).filter_map(|row| row.0);
                let values: Vec<ByteArray> =
                    values.map(|value| ByteArray::from(value.trim_start_matches('@'))).collect();
                let level = |row: &Row<'_>| i16::from(row.0.is_some()) + i16::from(has_value(row));
                let levels: Vec<i16> = rows.iter().map(level).collect();
                let mut column = group.next_column().unwrap().unwrap();
                column.typed::<ByteArrayType>().write_batch(&values, Some(&levels), None).unwrap();
                column.close().unwrap();
            }
            let labels: Vec<i64> = rows.iter().filter_map(|row| row.1).collect();
            let levels: Vec<i16> = rows.iter().map(|row| i16::from(row.1.is_some())).collect();
            let mut column = group.next_column().unwrap().unwrap();
            column.typed::<Int64Type>().write_batch(&labels, Some(&levels), None).unwrap();
            column.close().unwrap();
            group.close().unwrap();
        }
        writer.close().unwrap();
    }

    fn content(image: &DatasetImage) -> Result<String, String> {
        let picture = image.source.read().map_err(|error| error.to_string())?;
        Ok(String::from_utf8(picture.content().into_owned()).unwrap())
    }

    #[test]
    fn pictures_are_found_in_any_row_group_and_page() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let names: Vec<String> = (0..7).map(|row| format!("picture {row}")).collect();
        let row = |row: usize| (Some(names[row].as_str()), Some(row as i64 % 2));
        let first = [row(0), row(1), row(2), (None, Some(1)), row(4)];
        write(
            &data.join("test-00000-of-00001.parquet"),
            Some(described(r#"["tree frog", "crane"]"#)),
            &[&first, &[row(5), (Some("unlabelled"), None), row(6)]],
        );
        write(&data.join("train-00000-of-00001.parquet"), None, &[&[row(3)]]);
        let dataset = Dataset::open(folder.path(), &DatasetOptions::default()).unwrap();
        assert_eq!(dataset.class_names(), ["tree frog", "crane"]);
        let labels: Vec<usize> = dataset.images.iter().map(|image| image.label).collect();
        assert_eq!(labels, [0, 1, 0, 1, 0, 1, 0]);
        assert_eq!(dataset.images[0].name, "test-00000-of-00001/000000");
        let contents: Vec<_> = dataset.images.iter().rev().map(content).collect();
        let there = |row: usize| Ok(names[row].clone());
        let empty = Err("its row has neither the bytes of a picture nor a path".to_owned());
        assert_eq!(contents, [there(6), there(5), there(4), empty, there(2), there(1), there(0)]);
        assert_eq!(dataset.skipped[0].name, "test-00000-of-00001/000006");
        assert!(dataset.notes.iter().any(|note| note.contains("#train")), "{:?}", dataset.notes);
    }

    #[test]
    fn a_row_without_bytes_is_read_from_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mixed.parquet");
        std::fs::write(folder.path().join("1.png"), "in a file").unwrap();
        let rows: [Row<'_>; 4] = [
            (Some("in the row"), Some(0)),
            (Some("@1.png"), Some(1)),
            (None, Some(0)),
            (Some("@2.png"), Some(1)),
        ];
        write(&path, Some(described(r#"["cat", "dog"]"#)), &[&rows]);
        let dataset = Dataset::open(&path, &DatasetOptions::default()).unwrap();
        let read: Vec<_> = dataset.images.iter().map(content).collect();
        assert_eq!(read[..2], [Ok("in the row".to_owned()), Ok("in a file".to_owned())]);
        assert!(
            read[2].as_ref().unwrap_err().contains("neither the bytes of a picture nor a path"),
            "{read:?}"
        );
        assert!(read[3].as_ref().unwrap_err().contains("No such file"), "{read:?}");
        let nulls: [Row<'_>; 3] = [(None, Some(0)), (Some("@1.png"), Some(1)), (Some("@2.png"), Some(0))];
        write(&path, Some(described(r#"["cat", "dog"]"#)), &[&nulls]);
        let dataset = Dataset::open(&path, &DatasetOptions::default()).unwrap();
        let named: Vec<(&str, usize)> =
            dataset.images.iter().map(|image| (image.name.as_str(), image.label)).collect();
        assert_eq!(named, [("1.png", 1), ("2.png", 0)]);
        assert!(dataset.skipped[0].reason.contains("neither the bytes"), "{:?}", dataset.skipped);
    }

    #[test]
    fn what_is_missing_is_told_with_the_columns_there_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part.parquet");
        let schema = Arc::new(
            parse_message_type("message schema { required int64 label; required double size; }").unwrap(),
        );
        let properties = Arc::new(WriterProperties::builder().build());
        let file = std::fs::File::create(&path).unwrap();
        SerializedFileWriter::new(file, schema, properties).unwrap().close().unwrap();
        let message = || Dataset::open(&path, &DatasetOptions::default()).unwrap_err().to_string();
        assert!(
            message().contains("no column has pictures")
                && message().contains("label (INT64), size (DOUBLE)"),
            "{}",
            message()
        );
        std::fs::write(&path, b"PAR1 but no more").unwrap();
        assert!(message().contains("not a whole Parquet file"), "{}", message());
    }

    #[test]
    fn configurations_are_datasets_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let names = described(r#"["a", "b"]"#);
        let rows: [&[(Option<&str>, Option<i64>)]; 2] =
            [&[(Some("1"), Some(0)), (Some("2"), Some(1))], &[(Some("3"), Some(1)), (Some("4"), Some(0))]];
        for (path, rows) in [
            ("full/test-00000-of-00001.parquet", rows[0]),
            ("full/train-00000-of-00001.parquet", rows[1]),
            ("mini/test/0000.parquet", rows[1]),
        ] {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            write(&path, Some(names.clone()), &[rows]);
        }
        let open = |selector: &str| {
            let path = format!("{}{selector}", folder.path().display());
            let dataset = Dataset::open(Path::new(&path), &DatasetOptions::default());
            let contents =
                |dataset: Dataset| dataset.images.iter().map(|image| content(image).unwrap()).collect();
            dataset.map(contents).map_err(|error| error.to_string())
        };
        let which = |contents: [&str; 2]| Ok(contents.map(str::to_owned).to_vec());
        assert_eq!(open("#full"), which(["1", "2"]));
        assert_eq!(open("#full/train"), which(["3", "4"]));
        assert_eq!(open("#mini"), which(["3", "4"]));
        assert_eq!(open("/mini"), which(["3", "4"]));
        for (wrong, said) in [
            ("", "2 configurations"),
            ("#test", "full, mini"),
            ("#midi", "full, mini"),
            ("#full/dev", "test, train"),
        ] {
            let message = open(wrong).unwrap_err();
            assert!(message.contains(said), "{wrong}: {message}");
        }
    }

    #[test]
    fn pictures_are_called_differently_in_every_file() {
        let folder = tempfile::tempdir().unwrap();
        for (path, row) in [("data/0.parquet", "1"), ("0.parquet", "2"), ("data/1.parquet", "3")] {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            write(&path, Some(described(r#"["a", "b"]"#)), &[&[(Some(row), Some(0))]]);
        }
        let dataset = Dataset::open(folder.path(), &DatasetOptions::default()).unwrap();
        let names: Vec<&str> = dataset.images.iter().map(|image| image.name.as_str()).collect();
        assert_eq!(names, ["0/000000", "data/0/000000", "1/000000"]);
    }

    #[test]
    fn lists_of_class_names_in_another_order_are_matched_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, names: &str, label: i64| {
            write(
                &folder.path().join(name),
                Some(described(names)),
                &[&[(Some(name), Some(label)), (Some(name), None)]],
            );
        };
        write("test-0.parquet", r#"["a", "b", "c"]"#, 2);
        write("test-1.parquet", r#"["c", "a", "b"]"#, 0);
        let open = || Dataset::open(folder.path(), &DatasetOptions::default());
        let dataset = open().unwrap();
        assert_eq!(dataset.class_names(), ["a", "b", "c"]);
        assert_eq!(dataset.images.iter().map(|image| image.label).collect::<Vec<_>>(), [2, 2]);
        assert_eq!(dataset.skipped.len(), 2, "{:?}", dataset.skipped);
        write("test-2.parquet", r#"["a", "b"]"#, 0);
        let message = open().unwrap_err().to_string();
        assert!(message.contains("test-2.parquet: its metadata has other class names"), "{message}");
    }

    #[test]
    fn without_names_labels_are_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part.parquet");
        write(&path, None, &[&[(Some("a"), Some(2)), (Some("b"), Some(0))]]);
        let dataset = Dataset::open(&path, &DatasetOptions::default()).unwrap();
        assert_eq!(dataset.class_names(), ["0", "2"]);
        assert!(dataset.notes[0].contains("numbers without names"), "{:?}", dataset.notes);
    }

    #[test]
    fn a_damaged_page_names_the_format() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part.parquet");
        let noise: Vec<String> = (0..2).map(|row| format!("{row}").repeat(500)).collect();
        write(
            &path,
            Some(described(r#"["a", "b"]"#)),
            &[&[(Some(&noise[0]), Some(0)), (Some(&noise[1]), Some(1))]],
        );
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[4..40].fill(0xff);
        std::fs::write(&path, bytes).unwrap();
        let dataset = Dataset::open(&path, &DatasetOptions::default()).unwrap();
        let error = content(&dataset.images[0]).unwrap_err();
        assert!(error.starts_with("broken Parquet ("), "{error}");
    }

    /// Written by pyarrow, see `experiments/golden-fixtures/make_parquet.py`: pictures 0 to 39 with labels in turns, the
    /// third one missing, in two row groups and in pages of a few rows.
    #[test]
    fn pages_of_zstandard_are_unpacked_in_both_forms_of_a_page() {
        for form in ["v1", "v2"] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join(format!("tests/fixtures/parquet/zstd-{form}.parquet"));
            let dataset = Dataset::open(&path, &DatasetOptions::default()).unwrap();
            assert_eq!(dataset.class_names(), ["crane", "tree frog"], "{form}");
            let labels: Vec<usize> = dataset.images.iter().map(|image| image.label).collect();
            assert_eq!(labels, (0..40).map(|row| row % 2).collect::<Vec<_>>(), "{form}");
            for (row, image) in dataset.images.iter().enumerate().rev() {
                match (row, content(image)) {
                    (2, read) => assert!(read.unwrap_err().contains("2.png: No such file"), "{form}"),
                    (_, read) => {
                        assert_eq!(read, Ok(format!("picture {row} ").repeat(20 + row)), "{form} {row}");
                    }
                }
            }
            let mut bytes = std::fs::read(&path).unwrap();
            let magic = bytes.windows(4).position(|four| four == [0x28, 0xb5, 0x2f, 0xfd]).unwrap();
            bytes[magic + 6..magic + 30].fill(0xff);
            let folder = tempfile::tempdir().unwrap();
            let broken = folder.path().join("broken.parquet");
            std::fs::write(&broken, bytes).unwrap();
            let dataset = Dataset::open(&broken, &DatasetOptions::default()).unwrap();
            let error = content(&dataset.images[0]).unwrap_err();
            assert!(error.starts_with("broken Parquet (") && error.contains("Zstandard"), "{error}");
        }
    }

    #[test]
    fn a_compression_that_cannot_be_unpacked_names_the_remedy() {
        let message = check_compression(Compression::LZO).unwrap_err();
        assert!(message.contains("LZO") && message.contains("compression=\"zstd\""), "{message}");
        assert_eq!(check_compression(Compression::SNAPPY), Ok(()));
    }
}
