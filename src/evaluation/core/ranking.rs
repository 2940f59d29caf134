//! What the scores of one image say: the best classes with their probabilities, and where the true class stands.
//!
//! Of two classes with the same score, the one with the lower index is first.

use crate::kernels::{Cpu, exp_sum};

/// A class with its probability.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranked {
    /// The class's index.
    pub class: u32,
    /// The softmax of the scaled scores at this class, from 0 to 1.
    pub probability: f32,
}

/// Ranks the classes of an image by its finite `scores`, `[n_classes]`: fills `best` with the best classes, best first,
/// and returns the place of the true class, 1 for the first, and its probability.
pub(in crate::evaluation) fn rank(
    cpu: Cpu,
    scores: &[f32],
    label: usize,
    scale: f32,
    best: &mut [Ranked],
) -> (u32, f32) {
    largest(scores, best);
    let max = best[0].probability;
    let sum = exp_sum(cpu, scores, max, scale);
    let probability = |score: f32| ((score - max) * scale).exp() / sum;
    for ranked in best {
        ranked.probability = probability(ranked.probability);
    }
    let truth = scores[label];
    let before: u32 = scores[..label].iter().map(|score| u32::from(*score >= truth)).sum();
    let after: u32 = scores[label + 1..].iter().map(|score| u32::from(*score > truth)).sum();
    (1 + before + after, probability(truth))
}

/// Fills `best`, at most `[n_classes]`, with the classes of the largest scores, largest first; their scores stand in
/// the place of probabilities.
pub(in crate::evaluation) fn largest(scores: &[f32], best: &mut [Ranked]) {
    /// Scores that are looked at together: most parts hold none of the best.
    const PART: usize = 32;
    let keep = best.len();
    for (class, &score) in scores[..keep].iter().enumerate() {
        insert(&mut best[..=class], class, score);
    }
    for (part, scores) in scores.chunks(PART).enumerate() {
        let least = best[keep - 1].probability;
        if !scores.iter().fold(false, |found, score| found | (*score > least)) {
            continue;
        }
        for (at, &score) in scores.iter().enumerate() {
            let class = part * PART + at;
            if class >= keep && score > best[keep - 1].probability {
                insert(best, class, score);
            }
        }
    }
}

/// Puts a class in its place behind those with larger or equal scores; the last one drops out.
fn insert(best: &mut [Ranked], class: usize, score: f32) {
    let last = best.len() - 1;
    let at = best[..last].partition_point(|better| better.probability >= score);
    best[at..].rotate_right(1);
    best[at] = Ranked { class: class as u32, probability: score };
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Ranking {
        best: Vec<Ranked>,
        true_rank: u32,
        true_probability: f32,
    }

    fn rank(scores: &[f32], label: usize, scale: f32, keep: usize) -> Ranking {
        let mut best = vec![Ranked { class: 0, probability: 0.0 }; keep];
        let (true_rank, true_probability) = super::rank(Cpu::detect(), scores, label, scale, &mut best);
        Ranking { best, true_rank, true_probability }
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
        fn ranking_is_sorting(scores in prop::collection::vec(-3i8..3, 1..150), label: prop::sample::Index, keep in 1usize..70) {
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
