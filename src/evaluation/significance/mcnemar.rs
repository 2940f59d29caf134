//! Whether two classifiers differ on the same images: McNemar's test, exact, and the least that it can show.
//!
//! Only the images count on which one is right and the other is not. If neither classifier were better, each of these
//! would be a toss of a coin.

/// Below this, a p-value proves a difference.
pub const SIGNIFICANCE: f64 = 0.05;

/// As many images must be gained and none lost before [`mcnemar_p`] is below [`SIGNIFICANCE`]: 2 · 0.5⁶ = 0.031.
const LEAST_PROVEN: usize = 6;

/// The two-sided p-value of McNemar's exact test for `gained` images that only B has right and `lost` images that only A
/// has right: twice the probability of at most min(`gained`, `lost`) heads in `gained` + `lost` tosses, or 1 (McNemar,
/// "Note on the sampling error of the difference between correlated proportions or percentages", Psychometrika 12,
/// 1947). What is smaller than any `f64` is 0.
pub fn mcnemar_p(gained: usize, lost: usize) -> f64 {
    let (fewer, tosses) = (gained.min(lost), gained + lost);
    if gained == lost {
        return 1.0;
    }
    (2.0 * most_likely_of_tail(fewer, tosses) * tail_in_terms_of_its_largest(fewer, tosses)).min(1.0)
}

/// The smallest difference in accuracy, from 0 to 1, that `images` images can prove: [`mcnemar_p`] is below
/// [`SIGNIFICANCE`] only from six more gained than lost. `None` where there are fewer images.
pub fn smallest_resolvable(images: usize) -> Option<f64> {
    (images >= LEAST_PROVEN).then(|| LEAST_PROVEN as f64 / images as f64)
}

/// The probability of exactly `heads` in `tosses`. The halves of 0.5^`tosses` are multiplied in while the binomial
/// coefficient grows, so that neither leaves the range of `f64` before the result does.
fn most_likely_of_tail(heads: usize, tosses: usize) -> f64 {
    let mut probability = 1.0;
    let mut halves = tosses as i32;
    for head in 1..=heads {
        probability *= (tosses - heads + head) as f64 / head as f64;
        while probability > 1.0 {
            probability *= 0.5;
            halves -= 1;
        }
    }
    probability * 0.5_f64.powi(halves)
}

/// How many times as likely as exactly `heads` are at most `heads`, where that is less than half of `tosses`.
fn tail_in_terms_of_its_largest(heads: usize, tosses: usize) -> f64 {
    let (mut sum, mut term) = (1.0, 1.0);
    for head in (1..=heads).rev() {
        term *= head as f64 / (tosses - head + 1) as f64;
        sum += term;
        if term < sum * f64::EPSILON {
            break;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `scipy.stats.binomtest(gained, gained + lost).pvalue`, and the same from
    /// `statsmodels.stats.contingency_tables.mcnemar([[0, gained], [lost, 0]], exact=True).pvalue`.
    #[test]
    fn it_agrees_with_scipy_and_statsmodels() {
        let cases = [
            (6, 0, 0.031_25),
            (5, 0, 0.062_5),
            (1, 0, 1.0),
            (7, 7, 1.0),
            (41, 25, 0.064_017_504_137_225_65),
            (25, 41, 0.064_017_504_137_225_65),
            (15, 4, 0.019_210_815_429_687_5),
            (96, 41, 2.954_895_419_097_392e-06),
            (300, 250, 0.036_578_745_549_102_676),
            (1, 20, 2.098_083_496_093_75e-05),
            (2801, 2390, 1.244_778_961_210_268_7e-08),
            (25000, 24000, 6.386_559_475_966_041_5e-06),
            (30000, 28500, 5.720_963_040_523_824e-10),
            (0, 1000, 1.866_527_237_006_437_8e-301),
        ];
        for (gained, lost, p) in cases {
            let found = mcnemar_p(gained, lost);
            assert!((found - p).abs() <= 1e-11 * p, "{gained} {lost}: {found}");
        }
    }

    #[test]
    fn what_no_float_can_hold_is_zero() {
        assert_eq!(mcnemar_p(60_000, 0), 0.0);
        assert_eq!(mcnemar_p(0, 0), 1.0);
    }

    #[test]
    fn six_images_can_prove_something() {
        assert!(mcnemar_p(LEAST_PROVEN, 0) < SIGNIFICANCE && mcnemar_p(LEAST_PROVEN - 1, 0) > SIGNIFICANCE);
        let found = [0, 5, 6, 40, 50_000].map(smallest_resolvable);
        assert_eq!(found, [None, None, Some(1.0), Some(0.15), Some(0.000_12)]);
    }

    proptest! {
        #[test]
        fn sides_do_not_matter_and_more_evidence_is_a_smaller_p(gained in 0usize..2000, lost in 0usize..2000) {
            let p = mcnemar_p(gained, lost);
            prop_assert!((0.0..=1.0).contains(&p));
            prop_assert_eq!(p, mcnemar_p(lost, gained));
            let (more, fewer) = (gained.max(lost), gained.min(lost));
            prop_assert!(mcnemar_p(more + 1, fewer) <= p);
        }

        #[test]
        fn nothing_below_the_smallest_resolvable_difference_is_proven(images in 1usize..300, lost in 0usize..100, net in 0usize..6) {
            prop_assume!(2 * lost + net <= images);
            prop_assert!(mcnemar_p(lost + net, lost) >= SIGNIFICANCE);
            prop_assert!(smallest_resolvable(images).is_none_or(|least| (net as f64 / images as f64) < least));
        }
    }
}
