//! What one strategy does to another, in words.

use super::class_table::ClassRow;
use crate::evaluation::{Comparison, SIGNIFICANCE, Standing};
use crate::text::message::{count, percent};
use crate::workbench::session::controls::ControlResult;
use crate::workbench::session::evaluation::Session;

/// Whether B, the second strategy, is better, in a sentence: `comparison` is of B against A, indices into the session's
/// strategies.
pub fn verdict(session: &Session, a: usize, b: usize, comparison: &Comparison) -> String {
    let name = |strategy: usize| session.strategies[strategy].name.as_str();
    verdict_between(name(a), name(b), comparison)
}

/// The same of anything that is called A and B.
pub fn verdict_between(a: &str, b: &str, comparison: &Comparison) -> String {
    format!(
        "{} gains {} {} and loses {} against {} ({}): {} on {} {}.",
        b,
        count(comparison.gained.len()),
        if comparison.gained.len() == 1 { "image" } else { "images" },
        count(comparison.lost.len()),
        a,
        p_words(comparison.mcnemar_p()),
        proven_words(comparison),
        count(comparison.images),
        if comparison.images == 1 { "image" } else { "images" },
    )
}

/// What a comparison proves of B.
pub fn proven_words(comparison: &Comparison) -> &'static str {
    match (comparison.is_proven(), comparison.top1 > 0.0) {
        (true, true) => "proven better",
        (true, false) => "proven worse",
        (false, _) => "not proven",
    }
}

/// A p-value with its sign: `p = 0.06`, `p < 0.001`.
pub fn p_words(p: f64) -> String {
    let digits = p_value(p);
    if digits.starts_with('<') { format!("p {}", digits.replace('<', "< ")) } else { format!("p = {digits}") }
}

/// A p-value: `0.06`, `0.031`, `<0.001`. What proves something does not look as if it were not, nor the reverse.
pub fn p_value(p: f64) -> String {
    if p < 0.001 {
        return "<0.001".to_owned();
    }
    let digits = if p < 0.055 { 3 } else { 2 };
    let written = |digits: usize| format!("{p:.digits$}");
    let is_kept =
        |text: &String| text.parse::<f64>().is_ok_and(|shown| (shown < SIGNIFICANCE) == (p < SIGNIFICANCE));
    (digits..=16).map(written).find(is_kept).unwrap_or_else(|| p.to_string())
}

/// Whether a strategy is better than one of its controls, in a sentence; `minus` is the sign of a loss.
pub fn control_verdict(strategy: &str, control: &ControlResult, minus: &str) -> String {
    let words = control.kind.words();
    let (gain, (low, high)) = (control.gain.difference, control.gain.interval);
    let size = |value: f64| percent(value.abs());
    let signed = |value: f64| match size(value) {
        zero if zero == "0.0" => zero,
        size => format!("{}{size}", if value < 0.0 { minus } else { "+" }),
    };
    let proven = |better: &str, from: f64, to: f64| {
        format!(
            "{strategy} is {} points {better} than {words} (95 % interval {} to {}).",
            size(gain),
            size(from),
            size(to)
        )
    };
    match control.gain.standing() {
        Standing::Better => proven("better", low, high),
        Standing::Worse => proven("worse", high, low),
        Standing::NoBetter => format!(
            "{strategy} is not proven better than {words}: {} [{}, {}].",
            signed(gain),
            signed(low),
            signed(high)
        ),
    }
}

/// The classes that B helps, the most first, and those that it hurts, the most first.
pub fn helped_and_hurt(rows: &[ClassRow]) -> (Vec<&ClassRow>, Vec<&ClassRow>) {
    let ranked = |sign: f64| {
        let value = |row: &ClassRow| sign * row.difference().unwrap_or(0.0);
        let mut rows: Vec<&ClassRow> = rows.iter().filter(|row| value(row) > 0.0).collect();
        rows.sort_by(|x, y| value(y).total_cmp(&value(x)));
        rows
    };
    (ranked(1.0), ranked(-1.0))
}

#[cfg(test)]
mod tests {
    use super::super::class_table::class_table;
    use super::*;
    use crate::evaluation::ControlGain;
    use crate::prompts::ControlKind;
    use crate::workbench::session::controls::ControlAccuracy;
    use crate::workbench::session::test_session;
    use crate::workbench::session::test_session::session;

    fn words(session: &Session) -> String {
        let evaluation = |strategy: usize| &session.strategies[strategy].evaluation;
        verdict(session, 0, 1, &Comparison::new(evaluation(0), evaluation(1)).unwrap())
    }

    #[test]
    fn a_small_difference_is_not_proven() {
        let few = session(&["cat", "deer"], &[0, 1, 1], &[("a", &[1, 1, 1]), ("b", &[0, 1, 0])]);
        assert_eq!(words(&few), "b gains 1 image and loses 1 against a (p = 1.00): not proven on 3 images.");
        let many = test_session::generated(10, 400, 2);
        assert_eq!(
            words(&many),
            "strategy-1 gains 1,333 images and loses 667 against strategy-0 (p < 0.001): proven better on 4,000 images."
        );
    }

    #[test]
    fn a_p_value_stays_on_its_side_of_the_limit() {
        let shown =
            [1.0, 0.064, 0.0501, 0.05, 0.049_96, 0.049_999_9, 0.031_25, 0.001, 0.000_999, 0.0].map(p_value);
        let expected =
            ["1.00", "0.06", "0.050", "0.050", "0.04996", "0.0499999", "0.031", "0.001", "<0.001", "<0.001"];
        assert_eq!(shown, expected);
        assert_eq!([0.06, 0.0].map(p_words), ["p = 0.06", "p < 0.001"]);
    }

    #[test]
    fn a_strategy_is_better_than_its_control_or_not() {
        let words = |difference: f64, low: f64, high: f64| {
            let accuracy = ControlAccuracy { top1: 0.5, top5: 0.9, mean_per_class_recall: 0.5 };
            let control = ControlResult {
                kind: ControlKind::Random,
                prompts: 10,
                seeds: vec![accuracy; 5],
                gain: ControlGain { difference, interval: (low, high) },
            };
            control_verdict("CuPL", &control, "−")
        };
        assert_eq!(
            words(0.018, 0.004, 0.031),
            "CuPL is 1.8 points better than random words (95 % interval 0.4 to 3.1)."
        );
        assert_eq!(
            words(-0.018, -0.031, -0.004),
            "CuPL is 1.8 points worse than random words (95 % interval 0.4 to 3.1)."
        );
        assert_eq!(
            words(-0.002, -0.01, 0.006),
            "CuPL is not proven better than random words: −0.2 [−1.0, +0.6]."
        );
        assert_eq!(words(0.0, -0.0002, 0.0), "CuPL is not proven better than random words: 0.0 [0.0, 0.0].");
    }

    #[test]
    fn classes_stand_on_their_side() {
        let labels = [0, 0, 1, 1, 2, 2, 3];
        let a = [1, 1, 1, 0, 2, 2, 3];
        let b = [0, 0, 1, 1, 2, 0, 3];
        let session = session(&["cat", "deer", "frog", "newt", "toad"], &labels, &[("a", &a), ("b", &b)]);
        let rows = class_table(&session, 0, 1);
        let (helped, hurt) = helped_and_hurt(&rows);
        assert_eq!(helped.iter().map(|row| row.class).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(hurt.iter().map(|row| row.class).collect::<Vec<_>>(), [2]);
    }
}
