//! How much a difference between two evaluations of the same images can be trusted.

/// The 0.975 quantile of the standard normal distribution.
const QUANTILE: f64 = 1.959_963_984_540_054;

/// The 95 % confidence interval of a difference in accuracy, from −1 to 1, where B is right and A is not on `gained` of
/// `images` images and the reverse on `lost`: the adjusted Wald interval of Bonett and Price ("Adjusted Wald Confidence
/// Interval for a Difference of Binomial Proportions Based on Paired Data", Journal of Educational and Behavioral
/// Statistics 37(4), 2012), which adds one image to each of the two counts.
pub fn paired_interval(images: usize, gained: usize, lost: usize) -> (f64, f64) {
    let n = images as f64 + 2.0;
    let (gained, lost) = ((gained as f64 + 1.0) / n, (lost as f64 + 1.0) / n);
    let difference = gained - lost;
    let variance = (gained + lost - difference * difference) / n;
    let half = QUANTILE * variance.max(0.0).sqrt();
    ((difference - half).max(-1.0), (difference + half).min(1.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Computed with Python's decimal module from the formula of the paper, the quantile with statistics.NormalDist.
    #[test]
    fn the_interval_agrees_with_decimal_arithmetic() {
        let cases = [
            (1000, 50, 30, 0.002_290_445_040_42, 0.037_629_714_640_219),
            (3669, 96, 41, 0.008_706_336_447_155, 0.021_258_250_858_756),
            (50, 0, 0, -0.053_303_993_244_218, 0.053_303_993_244_218),
            (10, 10, 0, 0.520_579_558_495_871, 1.0),
            (7, 1, 6, -1.0, -0.012_332_316_995_172),
            (50_000, 2801, 2390, 0.005_395_906_113_013, 0.011_043_436_313_29),
            (1, 0, 1, -1.0, 0.733_535_928_078_958),
            (0, 0, 0, -1.0, 1.0),
        ];
        for (images, gained, lost, low, high) in cases {
            let found = paired_interval(images, gained, lost);
            assert!((found.0 - low).abs() < 1e-12, "{images} {gained} {lost}: {found:?}");
            assert!((found.1 - high).abs() < 1e-12, "{images} {gained} {lost}: {found:?}");
        }
    }

    proptest! {
        #[test]
        fn it_contains_the_difference_and_turns_with_its_sides(
            images in 1usize..100_000, gained: prop::sample::Index, lost: prop::sample::Index,
        ) {
            let gained = gained.index(images + 1);
            let lost = lost.index(images - gained + 1);
            let (low, high) = paired_interval(images, gained, lost);
            let difference = (gained as f64 - lost as f64) / images as f64;
            prop_assert!(-1.0 <= low && low <= difference && difference <= high && high <= 1.0);
            prop_assert_eq!(paired_interval(images, lost, gained), (-high, -low));
            let (low_of_more, high_of_more) = paired_interval(10 * images, 10 * gained, 10 * lost);
            prop_assert!(high_of_more - low_of_more < high - low);
        }
    }
}
