//! How the page writes shares, differences and counts.

pub use crate::text::message::{count, percent};
use crate::workbench::tables::class_table::ClassRow;

/// A percentage where there may be none.
pub fn percent_or_dash(fraction: Option<f64>) -> String {
    fraction.map_or_else(|| "–".to_owned(), percent)
}

/// A probability: `63 %`; what is not zero is not shown as zero, and what is not certain not as certain.
pub fn probability(probability: f32) -> String {
    let percent = 100.0 * probability;
    match percent {
        percent if percent > 0.0 && percent < 1.0 => "<\u{202f}1\u{a0}%".to_owned(),
        percent if percent < 100.0 && percent > 99.0 => ">\u{202f}99\u{a0}%".to_owned(),
        percent => format!("{percent:.0}\u{a0}%"),
    }
}

/// A number of things: `1 image`, `1,000 images`.
pub fn counted(number: usize, one: &str, more: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { more })
}

/// Points with their sign: `+1.6`, `−0.4`, `0.0`.
pub fn signed(points: f64) -> String {
    let points = rounded(points);
    let sign = match points {
        points if points > 0.0 => "+",
        points if points < 0.0 => "−",
        _ => "",
    };
    format!("{sign}{:.1}", points.abs())
}

/// The same after a sign that does not need colours: `▲ +1.6`, `▼ −0.4`, `= 0.0`.
pub fn difference(points: f64) -> String {
    let sign = match rounded(points) {
        points if points > 0.0 => "▲",
        points if points < 0.0 => "▼",
        _ => "=",
    };
    format!("{sign} {}", signed(points))
}

/// The difference of a class, with its arrow only where it is proven; otherwise with the points that its images can
/// prove at least, as on the screens: `+1.6 ≥15`, or `+1.6 n<6` where they cannot prove anything.
pub fn class_difference(row: &ClassRow) -> String {
    let points = 100.0 * row.difference().unwrap_or(0.0);
    match row.least_points() {
        _ if row.is_proven() => difference(points),
        Some(least) => format!("{} ≥{least:.0}", signed(points)),
        None => format!("{} n<6", signed(points)),
    }
}

fn rounded(points: f64) -> f64 {
    (10.0 * points).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_have_signs_that_agree_with_their_digits() {
        assert_eq!(difference(1.64), "▲ +1.6");
        assert_eq!(difference(-0.35), "▼ −0.4");
        assert_eq!(difference(-0.04), "= 0.0");
        assert_eq!(signed(0.0), "0.0");
    }

    #[test]
    fn shares_and_counts() {
        assert_eq!(percent(0.868), "86.8");
        assert_eq!(percent_or_dash(None), "–");
        assert_eq!(counted(1, "class", "classes"), "1 class");
        assert_eq!(counted(1000, "class", "classes"), "1,000 classes");
        let probabilities = [0.0, 0.0004, 0.0312, 0.63, 0.9951, 1.0].map(probability);
        assert_eq!(
            probabilities,
            ["0 %", "< 1 %", "3 %", "63 %", "> 99 %", "100 %"].map(|text| {
                text.replace("< ", "<\u{202f}").replace("> ", ">\u{202f}").replace(" %", "\u{a0}%")
            })
        );
    }
}
