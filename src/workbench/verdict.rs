//! What one strategy does to another, in words.

use super::class_table::ClassRow;
use super::controls::ControlResult;
use super::session::Session;
use crate::evaluation::{Comparison, Standing};
use crate::message::count;

/// Whether B, the second strategy, is better, in a sentence: `comparison` is of B against A, indices into the session's
/// strategies.
pub fn verdict(session: &Session, a: usize, b: usize, comparison: &Comparison) -> String {
    let name = |strategy: usize| &session.strategies[strategy].name;
    let mut words = format!(
        "{} gains {} {} and loses {} against {}",
        name(b),
        count(comparison.gained.len()),
        if comparison.gained.len() == 1 { "image" } else { "images" },
        count(comparison.lost.len()),
        name(a),
    );
    words.push_str(&match comparison.is_proven() {
        true => ".".to_owned(),
        false => format!(": not proven on {} images.", count(comparison.images)),
    });
    words
}

/// Whether a strategy is better than one of its controls, in a sentence; `minus` is the sign of a loss.
pub fn control_verdict(strategy: &str, control: &ControlResult, minus: &str) -> String {
    let words = control.kind.words();
    let (gain, (low, high)) = (control.gain.difference, control.gain.interval);
    let size = |value: f64| format!("{:.1}", 100.0 * value.abs());
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
            "{strategy} is no better than {words}: {} [{}, {}].",
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
    use super::super::controls::ControlAccuracy;
    use super::super::test_session::{self, session};
    use super::*;
    use crate::evaluation::ControlGain;
    use crate::prompts::ControlKind;

    fn words(session: &Session) -> String {
        let evaluation = |strategy: usize| &session.strategies[strategy].evaluation;
        verdict(session, 0, 1, &Comparison::new(evaluation(0), evaluation(1)).unwrap())
    }

    #[test]
    fn a_small_difference_is_not_proven() {
        let few = session(&["cat", "deer"], &[0, 1, 1], &[("a", &[1, 1, 1]), ("b", &[0, 1, 0])]);
        assert_eq!(words(&few), "b gains 1 image and loses 1 against a: not proven on 3 images.");
        let many = test_session::generated(10, 400, 2);
        assert_eq!(words(&many), "strategy-1 gains 1,333 images and loses 667 against strategy-0.");
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
        assert_eq!(words(-0.002, -0.01, 0.006), "CuPL is no better than random words: −0.2 [−1.0, +0.6].");
        assert_eq!(words(0.0, -0.0002, 0.0), "CuPL is no better than random words: 0.0 [0.0, 0.0].");
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
