//! From logits to the next token.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardUniform};

use crate::language_model::Sampling;

/// How one sample's tokens are drawn; its chance is its own, so that it does not matter what is drawn beside it.
pub(super) struct Drawing {
    temperature: f64,
    top_p: f64,
    random: ChaCha8Rng,
    is_fresh: bool,
}

impl Drawing {
    pub(super) fn new(sampling: &Sampling, seed: u64) -> Self {
        Self {
            temperature: sampling.temperature,
            top_p: sampling.top_p.unwrap_or(1.0),
            random: ChaCha8Rng::seed_from_u64(seed),
            is_fresh: true,
        }
    }

    /// Nobody was told of the sample yet.
    pub(super) fn is_fresh(&self) -> bool {
        self.is_fresh
    }

    /// Somebody was.
    pub(super) fn told(&mut self) {
        self.is_fresh = false;
    }

    /// The next token by its logits, `[n_vocabulary]`.
    pub(super) fn draw(&mut self, logits: &[f32]) -> u32 {
        let best =
            (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b]).then(b.cmp(&a))).unwrap_or(0);
        if self.temperature <= 0.0 {
            return best as u32;
        }
        let highest = f64::from(logits[best]);
        let weight = |token: usize| ((f64::from(logits[token]) - highest) / self.temperature).exp();
        let mut weights: Vec<(usize, f64)> = (0..logits.len()).map(|token| (token, weight(token))).collect();
        let all: f64 = weights.iter().map(|(_, weight)| weight).sum();
        if self.top_p < 1.0 {
            weights.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            let mut sum = 0.0;
            let enough = weights.iter().position(|(_, weight)| {
                sum += weight;
                sum >= self.top_p * all
            });
            weights.truncate(enough.map_or(weights.len(), |last| last + 1));
        }
        let chance: f64 = StandardUniform.sample(&mut self.random);
        let mut left = chance * weights.iter().map(|(_, weight)| weight).sum::<f64>();
        for &(token, weight) in &weights {
            left -= weight;
            if left < 0.0 {
                return token as u32;
            }
        }
        best as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(temperature: f64, top_p: Option<f64>) -> [usize; 4] {
        let sampling = Sampling { temperature, top_p, ..Sampling::default() };
        let logits = [0.0, 8.0_f32.ln(), 4.0_f32.ln(), f32::NEG_INFINITY];
        let mut counts = [0; 4];
        for seed in 0..4000 {
            counts[Drawing::new(&sampling, seed).draw(&logits) as usize] += 1;
        }
        counts
    }

    #[test]
    fn tokens_come_as_often_as_they_are_likely() {
        // 1 : 8 : 4
        let [a, b, c, never] = counts(1.0, None);
        assert_eq!(never, 0);
        for (count, share) in [(a, 1.0 / 13.0), (b, 8.0 / 13.0), (c, 4.0 / 13.0)] {
            assert!((count as f64 / 4000.0 - share).abs() < 0.03, "{a} {b} {c}");
        }
        // A low temperature takes the likeliest, and so does none.
        assert!(counts(0.2, None)[1] > 3800);
        assert_eq!(counts(0.0, None), [0, 4000, 0, 0]);
        // Of the likeliest that have nine tenths together, the third is none.
        assert_eq!(counts(1.0, Some(0.9))[0], 0);
        assert_eq!(counts(1.0, Some(0.1)), [0, 4000, 0, 0]);
    }

    #[test]
    fn a_seed_gives_the_same_again() {
        let draw = || {
            let mut drawing = Drawing::new(&Sampling::default(), 7);
            let logits: Vec<f32> = (0..50).map(|token| (token as f32 * 0.7).sin()).collect();
            (0..8).map(|_| drawing.draw(&logits)).collect::<Vec<u32>>()
        };
        assert_eq!(draw(), draw());
    }
}
