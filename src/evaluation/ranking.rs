//! What the scores of one image say: the best classes with their probabilities, and where the true class stands.
//!
//! Of two classes with the same score, the one with the lower index is first.

/// A class with its probability.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranked {
    /// The class's index.
    pub class: u32,
    /// The softmax of the scaled scores at this class, from 0 to 1.
    pub probability: f32,
}

pub(super) struct Ranking {
    /// The best classes, best first.
    pub(super) best: Vec<Ranked>,
    /// The place of the true class; 1 is the first.
    pub(super) true_rank: u32,
    pub(super) true_probability: f32,
}

/// Ranks the classes of an image by its finite `scores`, `[n_classes]`, and keeps the best `keep`, at least one.
pub(super) fn rank(scores: &[f32], label: usize, scale: f32, keep: usize) -> Ranking {
    let best = largest(scores, keep);
    let max = best[0].1;
    let sum = pulp::Arch::new().dispatch(SumOfExponentials { scores, max, scale });
    let probability = |score: f32| exp((score - max) * scale) / sum;
    let truth = scores[label];
    let before = scores[..label].iter().filter(|score| **score >= truth).count();
    let after = scores[label + 1..].iter().filter(|score| **score > truth).count();
    Ranking {
        best: best.iter().map(|&(class, score)| Ranked { class, probability: probability(score) }).collect(),
        true_rank: (1 + before + after) as u32,
        true_probability: probability(truth),
    }
}

/// The largest `keep` scores with their indices, largest first.
fn largest(scores: &[f32], keep: usize) -> Vec<(u32, f32)> {
    let mut best: Vec<(u32, f32)> = Vec::with_capacity(keep + 1);
    let mut least = f32::NEG_INFINITY;
    for (index, &score) in scores.iter().enumerate() {
        if score <= least {
            continue;
        }
        let at = best.partition_point(|(_, better)| *better >= score);
        best.insert(at, (index as u32, score));
        best.truncate(keep);
        if best.len() == keep {
            least = best[keep - 1].1;
        }
    }
    best
}

/// The sum of exp((score − max) · scale), in sixteen parts, so that a vector unit can add them.
struct SumOfExponentials<'a> {
    scores: &'a [f32],
    max: f32,
    scale: f32,
}

impl pulp::WithSimd for SumOfExponentials<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) -> f32 {
        let mut sums = [0.0_f32; 16];
        let (whole, rest) = self.scores.as_chunks::<16>();
        for scores in whole {
            for (sum, score) in sums.iter_mut().zip(scores) {
                *sum += exp((score - self.max) * self.scale);
            }
        }
        for (sum, score) in sums.iter_mut().zip(rest) {
            *sum += exp((score - self.max) * self.scale);
        }
        sums.iter().sum()
    }
}

/// exp(x) for x ≤ 0, to 1e-7 of its value down to exp(−87), where it ends. A vector unit can compute it, unlike
/// `f32::exp`.
///
/// exp(x) = 2ⁿ · exp(r) with |r| ≤ ln(2)/2; the polynomial and the two parts of ln(2) are those of `expf` in the Cephes
/// library (S. Moshier, 1989).
#[inline(always)]
fn exp(x: f32) -> f32 {
    // A float of this size has no room for a fraction, so that adding it rounds to a whole number.
    const WHOLE: f32 = 12_582_912.0;
    let shifted = x.max(-87.0) * std::f32::consts::LOG2_E + WHOLE;
    let n = shifted - WHOLE;
    let r = x.max(-87.0) - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let p = 1.987_569_1e-4;
    let p = p * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 0.5;
    let p = p * r * r + r + 1.0;
    let power_of_two = shifted.to_bits().wrapping_sub(WHOLE.to_bits()).wrapping_add(127) << 23;
    f32::from_bits(power_of_two) * p
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn exponentials_are_right_to_the_last_digits() {
        for i in 0..870_000 {
            let x = i as f32 * -1e-4;
            let exact = f64::from(x).exp();
            assert!((f64::from(exp(x)) / exact - 1.0).abs() < 1.2e-7, "exp({x}) is not {}", exp(x));
        }
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(-1e30) < 1e-37);
    }

    #[test]
    fn the_lower_index_wins_a_tie() {
        let scores = [0.5, 0.7, 0.7, 0.5, 0.7];
        let classes = |ranking: Ranking| ranking.best.iter().map(|ranked| ranked.class).collect::<Vec<_>>();
        assert_eq!(classes(rank(&scores, 0, 1.0, 5)), [1, 2, 4, 0, 3]);
        assert_eq!(classes(rank(&scores, 0, 1.0, 2)), [1, 2]);
        let ranks: Vec<u32> = (0..5).map(|label| rank(&scores, label, 1.0, 1).true_rank).collect();
        assert_eq!(ranks, [4, 1, 2, 5, 3]);
    }

    #[test]
    fn a_large_scale_neither_overflows_nor_divides_by_zero() {
        let ranking = rank(&[-1.0, 1.0, 0.0], 0, 1e30, 3);
        assert_eq!(ranking.best[0], Ranked { class: 1, probability: 1.0 });
        assert!(ranking.true_probability < 1e-30);
    }

    proptest! {
        #[test]
        fn ranking_is_sorting(scores in prop::collection::vec(-3i8..3, 1..60), label: prop::sample::Index, keep in 1usize..70) {
            let scores: Vec<f32> = scores.into_iter().map(|score| f32::from(score) / 3.0).collect();
            let label = label.index(scores.len());
            let keep = keep.min(scores.len());
            let ranking = rank(&scores, label, 4.0, keep);
            let mut sorted: Vec<usize> = (0..scores.len()).collect();
            sorted.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
            let total: f64 = scores.iter().map(|score| f64::from(score * 4.0).exp()).sum();
            prop_assert_eq!(ranking.best.len(), keep);
            for (ranked, class) in ranking.best.iter().zip(&sorted) {
                prop_assert_eq!(ranked.class as usize, *class);
                let exact = f64::from(scores[*class] * 4.0).exp() / total;
                prop_assert!((f64::from(ranked.probability) - exact).abs() < 1e-6);
            }
            prop_assert_eq!(sorted[ranking.true_rank as usize - 1], label);
        }
    }
}
