//! Rows of CSV and TSV files.

use std::path::Path;

use super::error::DatasetError;

/// A row that is not blank.
pub(super) struct Fields {
    /// The line in the file that it begins on, from 1.
    pub line: usize,
    /// Without the blanks around them.
    pub fields: Vec<String>,
}

/// The rows of a file. Tabs separate when the file ends in `.tsv` or its first line has one, semicolons when that has some
/// and no more commas, otherwise commas do. Quotation marks go around fields that contain separators or line breaks; between
/// tabs they mean nothing unless they enclose a field. Lines of comments (`# …`) before the first row are passed over.
///
/// # Errors
/// When a quotation mark is not closed.
pub(super) fn rows(path: &Path, text: &str) -> Result<Vec<Fields>, DatasetError> {
    let comments = text.lines().take_while(|line| line.starts_with("# ")).count();
    let body = text.lines().nth(comments).map_or("", |first| {
        // The lines of a text lie one behind the other in it.
        let start = first.as_ptr() as usize - text.as_ptr() as usize;
        &text[start..]
    });
    let first = body.split(['\n', '\r']).find(|line| !line.trim().is_empty()).unwrap_or("");
    let count = |separator: char| first.matches(separator).count();
    let separator = match () {
        () if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("tsv")) => b'\t',
        () if count('\t') > 0 => b'\t',
        () if count(';') > 0 && count(';') >= count(',') => b';',
        () => b',',
    };
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .delimiter(separator)
        .quoting(separator != b'\t')
        .from_reader(body.as_bytes());
    let mut rows = Vec::new();
    let (mut line, mut counted) = (comments + 1, 0);
    for record in reader.records() {
        let record = record.map_err(|error| DatasetError::Row {
            path: path.to_owned(),
            line,
            problem: error.to_string(),
        })?;
        // The record begins behind the blank lines before it.
        let start = record.position().map_or(0, |place| place.byte() as usize);
        let start = body.len() - body[start..].trim_start_matches(['\n', '\r']).len();
        line += line_breaks(&body[counted..start]);
        counted = start;
        let fields: Vec<String> = record.iter().map(|field| unquoted(field, separator)).collect();
        if fields.iter().all(String::is_empty) {
            continue;
        }
        if separator != b'\t' && is_open(&body[start..], &record) {
            let problem = "a quotation mark is not closed".to_owned();
            return Err(DatasetError::Row { path: path.to_owned(), line, problem });
        }
        rows.push(Fields { line, fields });
    }
    Ok(rows)
}

/// Ends of lines as any system writes them.
fn line_breaks(text: &str) -> usize {
    text.matches('\n').count() + text.matches('\r').count() - text.matches("\r\n").count()
}

/// Between tabs, quotation marks that enclose a field are no part of it, as R writes them.
fn unquoted(field: &str, separator: u8) -> String {
    let inner = field.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match inner.filter(|inner| separator == b'\t' && !inner.contains('"')) {
        Some(inner) => inner.to_owned(),
        None => field.to_owned(),
    }
}

/// Whether a record, which begins this text, took in the rest of the text or other rows because of a quotation mark that
/// nobody closed: there is an odd number of them on its first line, and a line break in one of its fields that ends a row.
fn is_open(text: &str, record: &csv::StringRecord) -> bool {
    let first = text.split(['\n', '\r']).find(|line| !line.is_empty()).unwrap_or("");
    let is_odd = first.matches('"').count() % 2 == 1;
    let has_breaks = record.iter().any(|field| field.contains(['\n', '\r']));
    let closes = text[first.len()..].contains('"');
    is_odd && (!has_breaks || !closes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &str) -> Vec<(usize, Vec<String>)> {
        rows(Path::new(name), text).unwrap().into_iter().map(|row| (row.line, row.fields)).collect()
    }

    fn row(line: usize, fields: &[&str]) -> (usize, Vec<String>) {
        (line, fields.iter().map(|field| (*field).to_owned()).collect())
    }

    #[test]
    fn separators_quotes_and_line_ends_of_many_programs() {
        let expected = [row(1, &["a,b.png", "cat"]), row(2, &["c.png", "the \"big\" dog"])];
        assert_eq!(read("m.csv", "\"a,b.png\", cat\nc.png,\"the \"\"big\"\" dog\"\n"), expected);
        assert_eq!(read("m.csv", "\"a,b.png\", cat\r\nc.png,\"the \"\"big\"\" dog\"\r\n"), expected);
        assert_eq!(read("m.csv", "\"a,b.png\",cat\rc.png,\"the \"\"big\"\" dog\"").len(), 2);
        assert_eq!(
            read("m.csv", "a,b.png;cat;0,5\n\n x ; y ;"),
            [row(1, &["a,b.png", "cat", "0,5"]), row(3, &["x", "y", ""])]
        );
        assert_eq!(
            read("m.tsv", "\"a.png\"\t\"cat\"\nb\t5\" disk"),
            [row(1, &["a.png", "cat"]), row(2, &["b", "5\" disk"])]
        );
        assert_eq!(read("m.csv", "# made by x\n# and y\na,b\n"), [row(3, &["a", "b"])]);
        assert_eq!(
            read("m.csv", "path,caption,label\na.png,\"two\nlines\",cat\nb.png,one,dog\n"),
            [
                row(1, &["path", "caption", "label"]),
                row(2, &["a.png", "two\nlines", "cat"]),
                row(4, &["b.png", "one", "dog"])
            ]
        );
    }

    #[test]
    fn a_quotation_mark_that_is_not_closed_is_an_error() {
        for text in ["a,b\n\"c,d\ne,f\n", "\"c,d", "a,b\nc,\"d\n"] {
            let message = rows(Path::new("m.csv"), text).err().map(|error| error.to_string()).unwrap();
            assert!(message.contains("not closed"), "{message}");
        }
    }
}
