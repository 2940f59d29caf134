//! A plain table as a Parquet file: columns of one type each, written a group of rows at a time.

use std::io::Write;
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, FloatType, Int32Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

/// Values of a column, one a row.
pub(in crate::workbench) enum Column {
    /// Texts.
    Texts(Vec<String>),
    /// Whole numbers.
    Integers(Vec<i32>),
    /// Numbers, some of which may be missing.
    Numbers(Vec<Option<f32>>),
    /// True or false.
    Flags(Vec<bool>),
}

impl Column {
    fn field(&self, name: &str) -> Result<Type, ParquetError> {
        let (physical, logical, repetition) = match self {
            Self::Texts(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String), Repetition::REQUIRED),
            Self::Integers(_) => (Physical::INT32, None, Repetition::REQUIRED),
            Self::Numbers(_) => (Physical::FLOAT, None, Repetition::OPTIONAL),
            Self::Flags(_) => (Physical::BOOLEAN, None, Repetition::REQUIRED),
        };
        Type::primitive_type_builder(name, physical)
            .with_logical_type(logical)
            .with_repetition(repetition)
            .build()
    }
}

/// Writes groups of rows, each as its columns with their names; all groups have the same ones. Without any group nothing
/// is known of the columns, so there is one at least.
///
/// # Errors
/// What the writer says.
pub(in crate::workbench) fn write_parquet<W: Write + Send>(
    out: W,
    groups: impl IntoIterator<Item = Vec<(String, Column)>>,
) -> Result<(), ParquetError> {
    let mut groups = groups.into_iter().peekable();
    let first = groups.peek().map(Vec::as_slice).unwrap_or_default();
    let fields = first.iter().map(|(name, column)| column.field(name).map(Arc::new));
    let fields = fields.collect::<Result<Vec<_>, _>>()?;
    let schema = Arc::new(Type::group_type_builder("schema").with_fields(fields).build()?);
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut writer = SerializedFileWriter::new(out, schema, Arc::new(properties))?;
    for columns in groups {
        let mut group = writer.next_row_group()?;
        for (_, column) in columns {
            let Some(mut open) = group.next_column()? else { break };
            match column {
                Column::Texts(values) => {
                    let values: Vec<ByteArray> =
                        values.into_iter().map(|text| ByteArray::from(text.into_bytes())).collect();
                    open.typed::<ByteArrayType>().write_batch(&values, None, None)?;
                }
                Column::Integers(values) => {
                    open.typed::<Int32Type>().write_batch(&values, None, None)?;
                }
                Column::Numbers(values) => {
                    let there: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
                    let values: Vec<f32> = values.into_iter().flatten().collect();
                    open.typed::<FloatType>().write_batch(&values, Some(&there), None)?;
                }
                Column::Flags(values) => {
                    open.typed::<BoolType>().write_batch(&values, None, None)?;
                }
            }
            open.close()?;
        }
        group.close()?;
    }
    writer.close()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use parquet::file::reader::{FileReader, SerializedFileReader};

    #[test]
    fn what_is_written_is_read_back() {
        let group = |texts: &[&str], integers: &[i32], numbers: &[Option<f32>], flags: &[bool]| {
            vec![
                ("a text".to_owned(), Column::Texts(texts.iter().map(|text| (*text).to_owned()).collect())),
                ("n".to_owned(), Column::Integers(integers.to_vec())),
                ("p.q".to_owned(), Column::Numbers(numbers.to_vec())),
                ("ok".to_owned(), Column::Flags(flags.to_vec())),
            ]
        };
        let groups = [
            group(&["蛙", ""], &[1, -2], &[Some(0.5), None], &[true, false]),
            group(&["z"], &[3], &[Some(-1.0)], &[true]),
        ];
        let mut bytes = Vec::new();
        write_parquet(&mut bytes, groups).unwrap();
        let reader = SerializedFileReader::new(Bytes::from(bytes)).unwrap();
        assert_eq!(reader.num_row_groups(), 2);
        let rows: Vec<String> =
            reader.get_row_iter(None).unwrap().map(|row| row.unwrap().to_string()).collect();
        assert_eq!(
            rows,
            [
                r#"{a text: "蛙", n: 1, p.q: 0.5, ok: true}"#,
                r#"{a text: "", n: -2, p.q: null, ok: false}"#,
                r#"{a text: "z", n: 3, p.q: -1E0, ok: true}"#
            ]
        );
    }
}
