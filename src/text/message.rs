//! How messages show lists of names, names like a wanted one, numbers, and a share as a percentage or a bar of characters.

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

/// From here on two names are alike; from 0 to 1.
const ALIKE: f64 = 0.6;

/// What to say instead of a name that is not there: up to `alike` of the `names` that are most like it, or the first `most`
/// of them. A name that contains the wanted one is as like it as can be.
#[must_use]
pub fn instead_of<'a>(
    wanted: &str,
    names: impl Iterator<Item = &'a str>,
    alike: usize,
    most: usize,
) -> String {
    let names: Vec<&str> = names.collect();
    let wanted = wanted.to_lowercase();
    let likeness = |name: &str| {
        let name = name.to_lowercase();
        match name.contains(&wanted) {
            true => 1.0,
            false => strsim::normalized_damerau_levenshtein(&wanted, &name),
        }
    };
    let rated = names.iter().map(|name| (likeness(name), *name));
    let mut near: Vec<(f64, &str)> = rated.filter(|(likeness, _)| *likeness >= ALIKE).collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    let near: Vec<&str> = near.into_iter().take(alike).map(|(_, name)| name).collect();
    match near.is_empty() {
        true => format!("it has {}", listed(&names, most)),
        false => format!("did you mean {}?", listed(&near, alike)),
    }
}

/// A fraction as a percentage with one decimal, without the sign for it.
#[must_use]
pub fn percent(fraction: f64) -> String {
    format!("{:.1}", 100.0 * fraction)
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
    fn the_most_alike_are_named() {
        let names = ["frog/3.png", "frog/13.png", "cat/1.png"].into_iter();
        assert_eq!(instead_of("Frog/33.png", names.clone(), 1, 2), r#"did you mean "frog/3.png"?"#);
        assert_eq!(instead_of("3.png", names.clone(), 3, 2), r#"did you mean "frog/3.png", "frog/13.png"?"#);
        assert_eq!(instead_of("submarine", names, 3, 2), r#"it has "frog/3.png", "frog/13.png" and 1 more"#);
    }

    #[test]
    fn counts_have_separators() {
        for (number, text) in [(7, "7"), (999, "999"), (1000, "1,000"), (1234567, "1,234,567")] {
            assert_eq!(count(number), text);
        }
    }
}
