//! Plain tables: columns as wide as their widest cell.

use unicode_width::UnicodeWidthStr;

use crate::text::message;

/// The rows as lines, the first column left-aligned, the others right-aligned.
pub fn lines(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width()).max().unwrap_or(0)
        })
        .collect();
    rows.iter()
        .map(|row| {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let padding = " ".repeat(widths[column] - cell.width());
                if column == 0 {
                    line.push_str(cell);
                    line.push_str(&padding);
                } else {
                    line.push_str("  ");
                    line.push_str(&padding);
                    line.push_str(cell);
                }
            }
            line.trim_end().to_owned()
        })
        .collect()
}

/// A fraction as a percentage with one decimal, or a dash.
pub fn percent(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), message::percent)
}

/// A difference in points with its sign.
pub fn points(value: f64) -> String {
    let rounded = (1000.0 * value).round() / 10.0;
    if rounded == 0.0 { "0.0".to_owned() } else { format!("{rounded:+.1}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [vec!["class".into(), "n".into()], vec!["カエル".into(), "1,000".into()]];
        assert_eq!(lines(&rows), ["class       n", "カエル  1,000"]);
    }

    #[test]
    fn differences_have_signs() {
        assert_eq!(points(0.0123), "+1.2");
        assert_eq!(points(-0.5), "-50.0");
        assert_eq!(points(-0.0001), "0.0");
        assert_eq!(percent(None), "-");
    }
}
