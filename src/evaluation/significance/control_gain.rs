//! How much a strategy gains over a control that was made several times, with a seed each: a paired bootstrap over the
//! images.
//!
//! An image counts with whether the strategy is right on it, minus the share of seeds with which the control is. These
//! are multiples of 1 / seeds, so how often each occurs in a resample is multinomial, and is drawn as such, value after
//! value with binomial draws, instead of image by image. The seeds are not resampled: the interval says what other
//! images would change, not other random words, whose spread is the standard deviation between seeds.

use rand_chacha::ChaCha8Rng;

use super::bootstrap::{draw, percentile_interval};
use crate::evaluation::EvaluationError;
use crate::evaluation::core::evaluate::Evaluation;

/// A strategy's top-1 accuracy minus the average of the control's, from −1 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ControlGain {
    /// On the images that there are.
    pub difference: f64,
    /// The 95 % percentile interval of 10,000 resamples (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993,
    /// chapter 13): low, high.
    pub interval: (f64, f64),
}

/// What a gain's interval proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The strategy is better than its control.
    Better,
    /// It is not proven to be either.
    NoBetter,
    /// It is worse.
    Worse,
}

impl ControlGain {
    /// Compares a strategy with its control, an evaluation for each seed, all on the same images. The same input gives
    /// the same interval, with any number of threads.
    ///
    /// # Errors
    /// [`EvaluationError::NotComparable`] if the images or the classes differ, or there is no control.
    pub fn from_evaluations(strategy: &Evaluation, controls: &[Evaluation]) -> Result<Self, EvaluationError> {
        let comparable = |control: &Evaluation| {
            control.n_classes == strategy.n_classes && control.labels == strategy.labels
        };
        if controls.is_empty() || !controls.iter().all(comparable) {
            return Err(EvaluationError::NotComparable);
        }
        let seeds = controls.len();
        // Of each value in 1 / seeds, from −seeds to seeds, the number of images.
        let mut counts = vec![0; 2 * seeds + 1];
        for image in 0..strategy.n_images() {
            let right = controls.iter().filter(|control| control.is_correct(image)).count();
            counts[seeds + usize::from(strategy.is_correct(image)) * seeds - right] += 1;
        }
        let gain = |sum: f64| sum / (seeds * strategy.n_images()) as f64;
        let (low, high) = percentile_interval(0, |random| sum(&resampled(&counts, random)));
        Ok(Self { difference: gain(sum(&counts) as f64), interval: (gain(low), gain(high)) })
    }

    /// What the interval proves.
    pub fn standing(&self) -> Standing {
        let (low, high) = self.interval;
        if low > 0.0 {
            Standing::Better
        } else if high < 0.0 {
            Standing::Worse
        } else {
            Standing::NoBetter
        }
    }
}

/// The sum of values, given how often each of −n..=n occurs.
fn sum(counts: &[usize]) -> i64 {
    let most = (counts.len() / 2) as i64;
    counts.iter().zip(-most..).map(|(&count, value)| count as i64 * value).sum()
}

/// How often each value occurs in a resample of as many images.
fn resampled(counts: &[usize], random: &mut ChaCha8Rng) -> Vec<usize> {
    let mut whole: usize = counts.iter().sum();
    let mut left = whole;
    let of_value = |&part: &usize| {
        let drawn = draw(left, part, whole, random);
        whole -= part;
        left -= drawn;
        drawn
    };
    counts.iter().map(of_value).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::evaluation::core::ranking::Ranked;

    /// An evaluation with two classes, all images of the first.
    fn evaluation(correct: &[bool]) -> Evaluation {
        let ranked = correct.iter().map(|&right| Ranked { class: u32::from(!right), probability: 0.5 });
        let ranks = correct.iter().map(|&right| if right { 1 } else { 2 });
        Evaluation::of(
            &vec![0; correct.len()],
            2,
            ranked.collect(),
            1,
            ranks.collect(),
            vec![0.5; correct.len()],
        )
    }

    /// A strategy and its control with so many images of each value in 1 / seeds.
    fn of_values(seeds: usize, values: &[(i64, usize)]) -> ControlGain {
        let images: Vec<i64> =
            values.iter().flat_map(|&(value, count)| std::iter::repeat_n(value, count)).collect();
        // Where the control is right more often than the strategy, the strategy is wrong.
        let strategy: Vec<bool> = images.iter().map(|&value| value >= 0).collect();
        let right = |value: i64| if value >= 0 { seeds as i64 - value } else { -value };
        let control =
            |seed: usize| -> Vec<bool> { images.iter().map(|&value| (seed as i64) < right(value)).collect() };
        let controls: Vec<Evaluation> = (0..seeds).map(|seed| evaluation(&control(seed))).collect();
        ControlGain::from_evaluations(&evaluation(&strategy), &controls).unwrap()
    }

    /// `numpy.percentile(means, [2.5, 97.5])` of 40,000 or more literal resamples `x[rng.integers(0, n, n)].mean()`,
    /// where `x` has a value in 1 / seeds for each image.
    #[test]
    fn it_agrees_with_numpy_resampling_images() {
        type Case<'a> = (usize, &'a [(i64, usize)], f64, (f64, f64));
        let cases: [Case<'_>; 5] = [
            (
                5,
                &[(-5, 12), (-3, 5), (-1, 20), (0, 900), (1, 18), (2, 7), (4, 8), (5, 30)],
                0.0238,
                (0.0100, 0.0380),
            ),
            (1, &[(-1, 41), (0, 3532), (1, 96)], 0.014_990_460_615_971_654, (0.008_994, 0.021_259)),
            (3, &[(0, 17), (3, 3)], 0.15, (0.0, 0.3)),
            (2, &[(-1, 10)], -0.5, (-0.5, -0.5)),
            (5, &[(-5, 1), (2, 3), (5, 4)], 0.525, (0.025, 0.925)),
        ];
        for (seeds, values, difference, (low, high)) in cases {
            let found = of_values(seeds, values);
            assert!((found.difference - difference).abs() < 1e-12, "{found:?}");
            // A percentile of 10,000 resamples is that far off for chance, at most.
            let within = 0.05 * (high - low) + 1e-12;
            assert!((found.interval.0 - low).abs() < within, "{found:?}");
            assert!((found.interval.1 - high).abs() < within, "{found:?}");
        }
    }

    #[test]
    fn the_interval_decides() {
        assert_eq!(of_values(5, &[(0, 900), (5, 60), (-5, 40)]).standing(), Standing::NoBetter);
        assert_eq!(of_values(5, &[(0, 900), (5, 90), (-5, 10)]).standing(), Standing::Better);
        assert_eq!(of_values(5, &[(0, 900), (5, 10), (-5, 90)]).standing(), Standing::Worse);
        assert_eq!(of_values(3, &[(0, 50)]).standing(), Standing::NoBetter);
    }

    #[test]
    fn what_is_not_comparable_is_refused() {
        let (two, three) = (evaluation(&[true, false]), evaluation(&[true, false, true]));
        assert_eq!(ControlGain::from_evaluations(&two, &[]), Err(EvaluationError::NotComparable));
        assert_eq!(
            ControlGain::from_evaluations(&two, &[two.clone(), three]),
            Err(EvaluationError::NotComparable)
        );
    }

    #[test]
    fn threads_change_nothing() {
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| of_values(3, &[(-2, 700), (0, 2000), (1, 300), (3, 800)]))
        };
        assert_eq!(with(1), with(3));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn it_is_the_difference_of_the_accuracies_and_within_its_interval(
            strategy in prop::collection::vec(any::<bool>(), 1..200), seeds in 1usize..6, noise: u64,
        ) {
            let right = |image: usize, seed: usize| (noise >> ((image * 7 + seed * 13) % 64)) & 1 == 1;
            let controls: Vec<Evaluation> = (0..seeds)
                .map(|seed| evaluation(&(0..strategy.len()).map(|image| right(image, seed)).collect::<Vec<_>>()))
                .collect();
            let strategy = evaluation(&strategy);
            let gain = ControlGain::from_evaluations(&strategy, &controls).unwrap();
            let mean = controls.iter().map(Evaluation::top1).sum::<f64>() / seeds as f64;
            prop_assert!((gain.difference - (strategy.top1() - mean)).abs() < 1e-12);
            let (low, high) = gain.interval;
            prop_assert!(-1.0 <= low && low <= gain.difference + 1e-12);
            prop_assert!(gain.difference <= high + 1e-12 && high <= 1.0);
        }
    }
}
