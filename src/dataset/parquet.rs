//! Parquet as Hugging Face keeps image datasets in it: a picture's bytes in the column `image.bytes`, and a label.
//!
//! The files' metadata says under `huggingface` which column is the image and which the label, with the class names. Without
//! it, columns are found by their names. Pictures are read from the files when they are wanted, a page at a time.

use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{Compression, Type};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader};
use parquet::data_type::{ByteArray, ByteArrayType, DataType};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, FileReader, Length, SerializedFileReader};
use serde_json::Value;

use super::error::DatasetError;
use super::labels::{Label, Labelled};
use super::picture::{ArchiveFile, Picture, PictureArchive, PictureError};
use super::zstd_pages::ZstdPages;
use super::{Dataset, DatasetImage, DatasetOptions, PictureSource, split};

/// Names of columns with pictures.
const IMAGES: [&str; 6] = ["image", "img", "picture", "image_bytes", "jpg", "png"];
/// Names of columns with labels, the best first.
const LABELS: [&str; 6] = ["label", "labels", "fine_label", "cls", "class", "class_name"];

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
        Ok(io::BufReader::new(From { file: Arc::clone(&self.0), at: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        Ok(self.0.bytes(start, length)?.into())
    }
}

/// A file whose rows have pictures.
struct Table {
    path: PathBuf,
    content: Content,
    reader: SerializedFileReader<Content>,
    /// The place of the column with the bytes among the leaves of the schema.
    image: usize,
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
        let column = self.column(group, self.image).map_err(broken)?;
        let ColumnReader::ByteArrayColumnReader(mut column) = column else {
            return Err(PictureError::NotAPicture);
        };
        column.skip_records(row).map_err(broken)?;
        let values: Vec<ByteArray> = column_values(&mut column, 1).map_err(broken)?;
        match values.first() {
            Some(bytes) if !bytes.data().is_empty() => Ok(Picture::Encoded(bytes.data().to_vec())),
            _ => Err(PictureError::Empty),
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

/// What the files say of themselves.
struct Columns {
    image: usize,
    label: usize,
    names: Option<Vec<String>>,
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
        let of_file: Vec<Option<String>> = files.iter().map(|file| split_of(file)).collect();
        let mut splits: Vec<&str> = of_file.iter().flatten().map(String::as_str).collect();
        splits.sort_unstable();
        splits.dedup();
        let (splits, note) = split::choose(path, &splits, wanted)?;
        let chosen = splits.used.as_deref();
        let (mut images, mut labels, mut names) = (Vec::new(), Vec::new(), None);
        for (file, _) in files.iter().zip(&of_file).filter(|(_, split)| split.as_deref() == chosen) {
            let failed = |problem: String| DatasetError::archive(file, problem);
            let (table, columns) = open(file).map_err(failed)?;
            labels.extend(table.labels(columns.label).map_err(failed)?);
            names = names.or(columns.names);
            let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let rows = table.starts.last().copied().unwrap_or(0);
            let archive: Arc<dyn PictureArchive> = Arc::new(table);
            images.extend((0..rows).map(|member| DatasetImage {
                name: format!("{stem}/{member:06}"),
                label: 0,
                source: PictureSource::Member { archive: Arc::clone(&archive), member },
            }));
        }
        let labelled = Labelled::new(&labels, names, options)?;
        let mut dataset = Dataset::of_labelled(path, images, &labels, labelled, Vec::new())?;
        dataset.notes.extend(note);
        dataset.splits = splits;
        Ok(dataset)
    }
}

/// The split that a file's name, or that of its folder, begins with.
fn split_of(file: &Path) -> Option<String> {
    let stem = file.file_stem()?.to_string_lossy();
    let first = stem.split(['-', '_', '.']).next()?.to_lowercase();
    let folder = || Some(file.parent()?.file_name()?.to_string_lossy().to_lowercase());
    Some(first).filter(|name| split::is_split(name)).or_else(|| folder().filter(|name| split::is_split(name)))
}

fn open(path: &Path) -> Result<(Table, Columns), String> {
    let file = ArchiveFile::open(path).map_err(|error| format!("cannot be read: {error}"))?;
    let content = Content(Arc::new(file));
    let reader = SerializedFileReader::new(content.clone())
        .map_err(|error| format!("not a whole Parquet file ({error}); get it anew"))?;
    let columns = columns(&reader)?;
    let mut starts = vec![0];
    for group in reader.metadata().row_groups() {
        for column in [columns.image, columns.label] {
            check_compression(group.column(column).compression())?;
        }
        starts.push(starts.last().copied().unwrap_or(0) + group.num_rows().max(0) as u64);
    }
    Ok((Table { path: path.to_owned(), content, reader, image: columns.image, starts }, columns))
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

fn columns(reader: &SerializedFileReader<Content>) -> Result<Columns, String> {
    let file = reader.metadata().file_metadata();
    let schema = file.schema_descr();
    let paths: Vec<(String, Type)> =
        schema.columns().iter().map(|column| (column.path().string(), column.physical_type())).collect();
    let known = |text: &str| serde_json::from_str::<Value>(text).ok();
    let features = file
        .key_value_metadata()
        .into_iter()
        .flatten()
        .find(|pair| pair.key == "huggingface")
        .and_then(|pair| known(pair.value.as_deref()?))
        .and_then(|value| Some(value.get("info")?.get("features")?.as_object()?.clone()))
        .unwrap_or_default();
    let of_type = |wanted: &'static str| {
        features.iter().filter(move |(_, feature)| feature["_type"] == wanted).map(|(name, _)| name.as_str())
    };
    let place = |path: &str, types: &[Type]| {
        paths.iter().position(|(known, kind)| known == path && types.contains(kind))
    };
    let bytes = [Type::BYTE_ARRAY];
    let image = of_type("Image")
        .chain(IMAGES)
        .find_map(|name| place(&format!("{name}.bytes"), &bytes).or_else(|| place(name, &bytes)));
    let kinds = [Type::INT64, Type::INT32, Type::BYTE_ARRAY];
    let labels: Vec<&str> = of_type("ClassLabel").collect();
    let best = LABELS.into_iter().filter(|name| labels.contains(name)).chain(labels.iter().copied());
    let label = best.chain(LABELS).find_map(|name| Some((name, place(name, &kinds)?)));
    let there: Vec<&str> = paths.iter().map(|(path, _)| path.as_str()).collect();
    let there = there.join(", ");
    let image = image.ok_or_else(|| {
        format!(
            "no column has pictures: that is `image` with `bytes` in it, or binary; its columns are {there}"
        )
    })?;
    let (name, label) = label.ok_or_else(|| {
        format!("no column has labels: that is `label` with numbers or names; its columns are {there}")
    })?;
    let names = features.get(name).and_then(|feature| feature.get("names")).and_then(class_names);
    Ok(Columns { image, label, names })
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
    /// A column of a row group.
    fn column(&self, group: usize, column: usize) -> Result<ColumnReader, ParquetError> {
        let row_group = self.reader.get_row_group(group)?;
        let metadata = row_group.metadata().column(column);
        if !matches!(metadata.compression(), Compression::ZSTD(_)) {
            return row_group.get_column_reader(column);
        }
        let rows = usize::try_from(row_group.metadata().num_rows())?;
        let pages = ZstdPages::new(Arc::new(self.content.clone()), metadata, rows)?;
        Ok(get_column_reader(metadata.column_descr_ptr(), Box::new(pages)))
    }

    /// The labels of all rows. A row without one has a label that no class has.
    fn labels(&self, column: usize) -> Result<Vec<Label>, String> {
        let mut labels = Vec::new();
        for (group, window) in self.starts.windows(2).enumerate() {
            let rows = (window[1] - window[0]) as usize;
            let read = self.column(group, column).and_then(|column| group_labels(column, rows));
            labels.extend(read.map_err(|error| format!("its labels cannot be read: {error}"))?);
        }
        Ok(labels)
    }
}

fn group_labels(column: ColumnReader, rows: usize) -> Result<Vec<Label>, ParquetError> {
    let number = |number: i64| u64::try_from(number).map_or(Label::Number(u64::MAX), Label::Number);
    match column {
        ColumnReader::Int64ColumnReader(mut column) => each_row(&mut column, rows, |value| number(*value)),
        ColumnReader::Int32ColumnReader(mut column) => {
            each_row(&mut column, rows, |value| number(i64::from(*value)))
        }
        ColumnReader::ByteArrayColumnReader(mut column) => {
            each_row::<ByteArrayType>(&mut column, rows, |value| {
                Label::Name(String::from_utf8_lossy(value.data()).into_owned())
            })
        }
        _ => Err(ParquetError::General("labels of this kind are not known".to_owned())),
    }
}

/// A label a row.
fn each_row<T: DataType>(
    column: &mut ColumnReaderImpl<T>,
    rows: usize,
    label: impl Fn(&T::T) -> Label,
) -> Result<Vec<Label>, ParquetError> {
    let (mut labels, mut values, mut levels) = (Vec::with_capacity(rows), Vec::new(), Vec::new());
    while labels.len() < rows {
        values.clear();
        levels.clear();
        let (records, read, _) =
            column.read_records(rows - labels.len(), Some(&mut levels), None, &mut values)?;
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
                    None => Label::Number(u64::MAX),
                },
            ));
        }
    }
    Ok(labels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::basic::Compression;
    use parquet::data_type::Int64Type;
    use parquet::file::metadata::KeyValue;
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;

    const SCHEMA: &str = "message schema { optional group image { optional binary bytes; optional binary path; } \
                          optional int64 label; }";

    fn features(names: &str) -> String {
        format!(
            r#"{{"info": {{"features": {{"image": {{"_type": "Image"}}, "label": {{"names": {names}, "_type": "ClassLabel"}}}}}}}}"#
        )
    }

    /// A file with row groups of pictures and labels, of which either may be missing.
    fn write(path: &Path, metadata: Option<String>, groups: &[&[(Option<&str>, Option<i64>)]]) {
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
            let bytes: Vec<ByteArray> = rows.iter().filter_map(|row| row.0).map(ByteArray::from).collect();
            let levels: Vec<i16> = rows.iter().map(|row| if row.0.is_some() { 2 } else { 0 }).collect();
            let mut column = group.next_column().unwrap().unwrap();
            column.typed::<ByteArrayType>().write_batch(&bytes, Some(&levels), None).unwrap();
            column.close().unwrap();
            let mut column = group.next_column().unwrap().unwrap();
            column.typed::<ByteArrayType>().write_batch(&[], Some(&vec![1; rows.len()]), None).unwrap();
            column.close().unwrap();
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
            Some(features(r#"["tree frog", "crane"]"#)),
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
        let empty = Err("empty file".to_owned());
        assert_eq!(contents, [there(6), there(5), there(4), empty, there(2), there(1), there(0)]);
        assert_eq!(dataset.skipped[0].name, "test-00000-of-00001/000006");
        assert!(dataset.notes.iter().any(|note| note.contains("#train")), "{:?}", dataset.notes);
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
            message().contains("no column has pictures") && message().contains("label, size"),
            "{}",
            message()
        );
        std::fs::write(&path, b"PAR1 but no more").unwrap();
        assert!(message().contains("not a whole Parquet file"), "{}", message());
    }

    #[test]
    fn without_names_labels_are_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part.parquet");
        write(&path, None, &[&[(Some("a"), Some(2)), (Some("b"), Some(0))]]);
        let dataset = Dataset::open(&path, &DatasetOptions::default()).unwrap();
        assert_eq!(dataset.class_names(), ["0", "1", "2"]);
        assert!(dataset.notes[0].contains("numbers without names"), "{:?}", dataset.notes);
    }

    #[test]
    fn a_damaged_page_names_the_format() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part.parquet");
        let noise: Vec<String> = (0..2).map(|row| format!("{row}").repeat(500)).collect();
        write(
            &path,
            Some(features(r#"["a", "b"]"#)),
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
                let expected = match row {
                    2 => Err("empty file".to_owned()),
                    _ => Ok(format!("picture {row} ").repeat(20 + row)),
                };
                assert_eq!(content(image), expected, "{form} {row}");
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
