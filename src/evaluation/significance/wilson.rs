//! The interval of one accuracy.

/// The 95 % confidence interval of an accuracy, from 0 to 1, of which `correct` of `images` answers are right (Wilson, Probable
/// Inference, the Law of Succession, and Statistical Inference, 1927); everything for no image.
pub fn wilson_interval(correct: usize, images: usize) -> (f64, f64) {
    /// The normal distribution's 97.5 % quantile.
    const Z: f64 = 1.959_963_984_540_054;
    if images == 0 {
        return (0.0, 1.0);
    }
    let (n, share) = (images as f64, correct as f64 / images as f64);
    let spread = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let (centre, whole) = (share + Z * Z / (2.0 * n), 1.0 + Z * Z / n);
    (((centre - spread) / whole).max(0.0), ((centre + spread) / whole).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_those_of_a_reference() {
        // `scipy.stats.binomtest(correct, images).proportion_ci(method="wilson")`
        for (correct, images, low, high) in [
            (8, 10, 0.490_162, 0.943_318),
            (0, 20, 0.0, 0.161_125),
            (20, 20, 0.838_875, 1.0),
            (691, 1000, 0.661_675, 0.718_863),
        ] {
            let found = wilson_interval(correct, images);
            assert!((found.0 - low).abs() < 1e-6 && (found.1 - high).abs() < 1e-6, "{found:?}");
        }
        assert_eq!(wilson_interval(0, 0), (0.0, 1.0));
    }
}
