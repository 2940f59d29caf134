//! Many tests at once: of a hundred classes without any difference, five would be below 0.05 by chance.

/// P-values that hold for all tests together: below 0.05, each proves its difference with a probability of at most 0.05
/// that any of them is wrong. The smallest is multiplied by the number of tests, the next by one less, and so on; none
/// is smaller than one before it, or larger than 1 (Holm, "A simple sequentially rejective multiple test procedure",
/// Scandinavian Journal of Statistics 6, 1979).
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&x, &y| p[x].total_cmp(&p[y]));
    let mut adjusted = vec![0.0; p.len()];
    let mut largest = 0.0_f64;
    for (place, test) in order.into_iter().enumerate() {
        largest = largest.max((p.len() - place) as f64 * p[test]).min(1.0);
        adjusted[test] = largest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `statsmodels.stats.multitest.multipletests(p, method="holm")[1]`.
    #[test]
    fn it_agrees_with_statsmodels() {
        let p = [0.01, 0.04, 0.03, 0.005, 0.04, 1.0, 0.031_25, 0.0];
        let expected = [0.06, 0.15, 0.15, 0.035, 0.15, 1.0, 0.15, 0.0];
        for (found, expected) in holm(&p).into_iter().zip(expected) {
            assert!((found - expected).abs() < 1e-15, "{found} {expected}");
        }
        assert!(holm(&[]).is_empty());
        assert_eq!(holm(&[0.03]), [0.03]);
    }

    proptest! {
        #[test]
        fn order_is_kept_and_nothing_becomes_more_certain(p in prop::collection::vec(0.0..=1.0, 0..60)) {
            let adjusted = holm(&p);
            for (x, &p_x) in p.iter().enumerate() {
                prop_assert!(p_x <= adjusted[x] && adjusted[x] <= 1.0);
                for (y, &p_y) in p.iter().enumerate() {
                    prop_assert!(p_x > p_y || adjusted[x] <= adjusted[y]);
                }
            }
            let smallest = p.iter().copied().fold(1.0, f64::min);
            let found = adjusted.iter().copied().fold(1.0, f64::min);
            prop_assert_eq!(found, (smallest * p.len().max(1) as f64).min(1.0));
        }
    }
}
