//! How far a difference between two evaluations of the same images may be off: a paired bootstrap.
//!
//! A resample takes as many images as there are, with replacement, and looks at each one's two predictions together. An
//! image counts only as gained, lost or neither, so the numbers of these three in a resample are multinomial; they are
//! drawn as such, with two binomial draws, instead of image by image.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Binomial, Distribution};
use rayon::prelude::*;

/// Resamples of an interval.
const RESAMPLES: usize = 10_000;

/// Resamples that share a sequence of random numbers: they do not depend on which thread draws them.
const BLOCK: usize = 500;

/// The 95 % percentile interval of a difference in accuracy, from −1 to 1, where B is right and A is not on `gained` of
/// `images` images and the reverse on `lost` (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter
/// 13): between the 2.5th and the 97.5th percentile of 10,000 resamples' differences. The same `seed` gives the same
/// interval; exchanging `gained` and `lost`, where they differ, changes its signs and nothing else. (0, 0) without
/// images.
pub fn bootstrap_interval(images: usize, gained: usize, lost: usize, seed: u64) -> (f64, f64) {
    if images == 0 {
        return (0.0, 0.0);
    }
    let (low, high) = percentiles(images, gained.max(lost), gained.min(lost), seed);
    if gained >= lost { (low, high) } else { (-high, -low) }
}

fn percentiles(images: usize, more: usize, fewer: usize, seed: u64) -> (f64, f64) {
    let (low, high) = percentile_interval(seed, |random| difference(images, more, fewer, random));
    (low / images as f64, high / images as f64)
}

/// The 2.5th and the 97.5th percentile of what 10,000 resamples come to, between neighbours in proportion, as numpy does
/// it; the same with any number of threads.
pub(in crate::evaluation) fn percentile_interval(
    seed: u64,
    resample: impl Fn(&mut ChaCha8Rng) -> i64 + Sync,
) -> (f64, f64) {
    let mut resamples = vec![0_i64; RESAMPLES];
    resamples.par_chunks_mut(BLOCK).enumerate().for_each(|(block, values)| {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(block as u64);
        values.fill_with(|| resample(&mut random));
    });
    resamples.sort_unstable();
    let at = |share: f64| {
        let place = share * (RESAMPLES - 1) as f64;
        let below = resamples[place as usize] as f64;
        let above = resamples[place.ceil() as usize] as f64;
        below + place.fract() * (above - below)
    };
    (at(0.025), at(0.975))
}

/// Gained minus lost in one resample: first how many changed, then how many of these were gained.
fn difference(images: usize, gained: usize, lost: usize, random: &mut ChaCha8Rng) -> i64 {
    let changed = draw(images, gained + lost, images, random);
    2 * draw(changed, gained, gained + lost, random) as i64 - changed as i64
}

/// How many of `trials` succeed, each with a probability of `part` in `whole`.
pub(in crate::evaluation) fn draw(
    trials: usize,
    part: usize,
    whole: usize,
    random: &mut ChaCha8Rng,
) -> usize {
    if trials == 0 || whole == 0 {
        return 0;
    }
    // A share of a whole is a probability: there is nothing to refuse.
    Binomial::new(trials as u64, part as f64 / whole as f64)
        .map_or(0, |successes| successes.sample(random) as usize)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand_distr::Uniform;

    use super::*;

    /// `numpy.percentile(means, [2.5, 97.5])` of 100,000 (50,000 images: 20,000) literal resamples
    /// `x[rng.integers(0, n, n)].mean()` of +1, −1 and 0 for each image.
    #[test]
    fn it_agrees_with_numpy_resampling_images() {
        let cases = [
            (1000, 50, 30, 0.003, 0.037),
            (3669, 96, 41, 0.008_722, 0.021_259),
            (40, 6, 0, 0.05, 0.275),
            (50, 0, 0, 0.0, 0.0),
            (10, 10, 0, 1.0, 1.0),
            (12, 3, 1, -0.166_667, 0.5),
            (50_000, 2801, 2390, 0.005_38, 0.011_06),
        ];
        for (images, gained, lost, low, high) in cases {
            let found = bootstrap_interval(images, gained, lost, 0);
            // A tenth of the standard error, or one image.
            let close = (0.1 * ((gained + lost) as f64).sqrt()).max(1.0) / images as f64 + 1e-6;
            for (found, expected) in [(found.0, low), (found.1, high)] {
                assert!((found - expected).abs() < close, "{images} {gained} {lost}: {found}");
            }
        }
        assert_eq!(bootstrap_interval(0, 0, 0, 0), (0.0, 0.0));
    }

    #[test]
    fn counts_are_distributed_as_those_of_images_drawn_one_by_one() {
        let (images, gained, lost) = (30, 6, 3);
        let mut random = ChaCha8Rng::seed_from_u64(7);
        let an_image = Uniform::new(0, images).unwrap();
        let one_by_one = |random: &mut ChaCha8Rng| -> i64 {
            let of_image = |image| i64::from(image < gained) - i64::from(image >= images - lost);
            (0..images).map(|_| of_image(an_image.sample(random))).sum()
        };
        let as_counts = |random: &mut ChaCha8Rng| difference(images, gained, lost, random);
        let mut shares = [vec![0.0; 61], vec![0.0; 61]];
        const DRAWS: usize = 40_000;
        for _ in 0..DRAWS {
            shares[0][(one_by_one(&mut random) + 30) as usize] += 1.0 / DRAWS as f64;
            shares[1][(as_counts(&mut random) + 30) as usize] += 1.0 / DRAWS as f64;
        }
        // Kolmogorov and Smirnov's distance, which chance exceeds once in a million times: 2.7 · sqrt(2 / draws).
        let mut below = [0.0, 0.0];
        for (one, other) in shares[0].iter().zip(&shares[1]) {
            below = [below[0] + one, below[1] + other];
            assert!((below[0] - below[1]).abs() < 2.7 * (2.0 / DRAWS as f64).sqrt(), "{below:?}");
        }
    }

    #[test]
    fn threads_change_nothing_and_the_seed_does() {
        let with = |threads: usize, seed| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| bootstrap_interval(50_000, 2801, 2390, seed))
        };
        assert_eq!(with(1, 0), with(3, 0));
        assert_ne!(with(1, 0), with(1, 1));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn it_contains_the_difference_and_turns_with_its_sides(
            images in 1usize..100_000, gained: prop::sample::Index, lost: prop::sample::Index, seed: u64,
        ) {
            let gained = gained.index(images + 1);
            let lost = lost.index(images - gained + 1);
            let (low, high) = bootstrap_interval(images, gained, lost, seed);
            let difference = (gained as f64 - lost as f64) / images as f64;
            prop_assert!(-1.0 <= low && low <= difference && difference <= high && high <= 1.0);
            if gained != lost {
                prop_assert_eq!(bootstrap_interval(images, lost, gained, seed), (-high, -low));
            }
        }
    }
}
