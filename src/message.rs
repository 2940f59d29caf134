//! How messages show lists of names, numbers, and a share as a bar of characters.

/// The first `most` names in quotation marks, and how many more there are: `"a", "b" and 3 more`.
#[must_use]
pub fn listed<S: AsRef<str>>(names: &[S], most: usize) -> String {
    let quoted: Vec<String> = names.iter().take(most).map(|name| format!("{:?}", name.as_ref())).collect();
    joined(&quoted, names.len())
}

/// The parts with commas between them, and how many more of `all` there are.
#[must_use]
pub fn joined(shown: &[String], all: usize) -> String {
    match all.saturating_sub(shown.len()) {
        0 => shown.join(", "),
        rest => format!("{} and {rest} more", shown.join(", ")),
    }
}

/// A count with thousands separated: `1,000`.
#[must_use]
pub fn count(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A bar of `width` whole cells, full up to `value` of it, with a mark in the cell where it should end: both from 0 to 1.
/// The three characters are those of a full cell, the mark and an empty cell.
#[must_use]
pub fn marked_bar(value: f64, mark: f64, width: usize, [full, marked, empty]: [&str; 3]) -> String {
    let cells = |share: f64| (share * width as f64).round() as usize;
    let mark = cells(mark).min(width.saturating_sub(1));
    (0..width)
        .map(|cell| match cell {
            cell if cell == mark => marked,
            cell if cell < cells(value) => full,
            _ => empty,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_is_counted() {
        assert_eq!(listed(&["a", "b\""], 2), r#""a", "b\"""#);
        assert_eq!(listed(&["a", "b", "c", "d"], 2), r#""a", "b" and 2 more"#);
        assert_eq!(listed::<&str>(&[], 2), "");
    }

    #[test]
    fn counts_have_separators() {
        for (number, text) in [(7, "7"), (999, "999"), (1000, "1,000"), (1234567, "1,234,567")] {
            assert_eq!(count(number), text);
        }
    }
}
