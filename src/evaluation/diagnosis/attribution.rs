//! The logit that a class gets for one image, as what its prompts contribute to it.
//!
//! With x the image's unit vector, u the unit vectors of the class's n prompts, r their raw embeddings and s the factor
//! exp(`logit_scale`), a class's logit is a sum over its prompts, and each summand is the prompt's share:
//!
//! | aggregation | share of prompt i |
//! |---|---|
//! | `mean` | s · (x · u_i) / ‖Σ u‖ |
//! | `pooled-mean` | s · (x · r_i) / ‖Σ r‖ |
//! | `similarity-mean` | s · (x · u_i) / n |
//! | `max` | all of it for the first of the prompts with the largest x · u_i, nothing for the others |
//! | `zpe` | s · w_i (x · u_i) / ‖Σ w u‖, with w the weights of the dataset |
//! | `autoclip` | s · w_i (x · u_i), with w the weights of the image |
//!
//! A share says what a prompt brings, given all of them. What its removal costs is another number, since the others then
//! count for more: the logit with it minus the logit without it is its pull. Both are exact, and computed in `f64`; a
//! classifier's `f32` logit differs from the sum by less than 10⁻⁶ · s. Where weights belong to the prompts of all classes
//! together, one prompt cannot go alone, and there is no pull.

use crate::evaluation::core::matrix::Matrix;
use crate::prompts::Aggregation;

/// The logit of one class for one image, while prompts of the class are taken out and put back.
#[derive(Clone, Debug)]
pub struct ClassLogit {
    aggregation: Aggregation,
    factor: f64,
    /// As the aggregation adds them up: unit vectors, or raw ones for `pooled-mean`. `[n_prompts, dim]`
    rows: Matrix,
    /// With the image, `[n_prompts]`.
    products: Vec<f64>,
    /// What the rows are multiplied with, `[n_prompts]`; 1 where nothing is weighted.
    weights: Vec<f64>,
    /// Which prompts count, `[n_prompts]`.
    counts: Vec<bool>,
    /// The number of those.
    n_counting: usize,
    /// The weighted sum of their rows, `[dim]`.
    sum: Vec<f64>,
    /// Its norm.
    norm: f64,
}

impl ClassLogit {
    /// The logit for `image`, a unit vector `[dim]`, of a class with these prompts, by their raw embeddings
    /// `[n_prompts, dim]`, all of which count. `factor` is what a score is multiplied with: exp(`logit_scale`).
    pub fn new(aggregation: Aggregation, factor: f64, image: &[f32], prompts: &Matrix) -> Self {
        Self::weighted(aggregation, factor, image, prompts, vec![1.0; prompts.rows()])
    }

    /// The same where prompts have weights, `[n_prompts]`, that add up to 1.
    pub(in crate::evaluation) fn weighted(
        aggregation: Aggregation,
        factor: f64,
        image: &[f32],
        prompts: &Matrix,
        weights: Vec<f64>,
    ) -> Self {
        let rows = match aggregation {
            Aggregation::PooledMean => prompts.clone(),
            _ => prompts.clone().normalised(),
        };
        let mut logit = Self {
            aggregation,
            factor,
            weights,
            products: rows.iter_rows().map(|row| dot(image, row)).collect(),
            counts: vec![true; rows.rows()],
            n_counting: 0,
            sum: Vec::new(),
            norm: 0.0,
            rows,
        };
        logit.add_up();
        logit
    }

    /// Adds the rows up again, in their order: so the same prompts always give the same bits.
    fn add_up(&mut self) {
        self.n_counting = self.counts.iter().filter(|counts| **counts).count();
        self.sum = vec![0.0; self.rows.cols()];
        for prompt in (0..self.counts.len()).filter(|&prompt| self.counts[prompt]) {
            let (row, weight) = (self.rows.row(prompt), self.weights[prompt]);
            self.sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += weight * f64::from(*x));
        }
        self.norm = self.sum.iter().map(|x| x * x).sum::<f64>().sqrt();
    }

    /// Takes a prompt out, or puts it back.
    pub(in crate::evaluation) fn set(&mut self, prompt: usize, counts: bool) {
        self.counts[prompt] = counts;
        self.add_up();
    }

    /// Number of prompts, whether they count or not.
    pub fn n_prompts(&self) -> usize {
        self.counts.len()
    }

    /// The logit.
    pub fn logit(&self) -> f64 {
        self.of(None, self.norm)
    }

    /// The logit without a prompt that counts; `None` if no other one does, or if prompts are weighted.
    ///
    /// The norm of what is left is computed from the difference Σ u − u_i. That takes as long as expanding its square to
    /// ‖Σ u‖² − 2 (Σ u) · u_i + ‖u_i‖², and loses nothing where prompts cancel out.
    pub fn without(&self, prompt: usize) -> Option<f64> {
        if self.n_counting < 2 || !self.counts[prompt] || self.aggregation.weighs_prompts() {
            return None;
        }
        let left = self.sum.iter().zip(self.rows.row(prompt)).map(|(sum, x)| sum - f64::from(*x));
        Some(self.of(Some(prompt), left.map(|x| x * x).sum::<f64>().sqrt()))
    }

    /// What each prompt contributes, `[n_prompts]`; the sum is the logit. Prompts that do not count have none.
    pub fn shares(&self) -> Vec<f64> {
        let divisor = self.divisor(None, self.norm);
        let best = self.best(None);
        let share = |prompt: usize| {
            let has_one = match self.aggregation {
                Aggregation::Max => best == Some(prompt),
                _ => self.counts[prompt],
            };
            if has_one {
                self.factor * quotient(self.weights[prompt] * self.products[prompt], divisor)
            } else {
                0.0
            }
        };
        (0..self.products.len()).map(share).collect()
    }

    /// The logit of the prompts that count but for one, the sum of whose rows has this norm.
    fn of(&self, but: Option<usize>, norm: f64) -> f64 {
        let product = match self.aggregation {
            Aggregation::Max => self.best(but).map_or(0.0, |best| self.products[best]),
            _ => self.counting(but).map(|prompt| self.weights[prompt] * self.products[prompt]).sum(),
        };
        self.factor * quotient(product, self.divisor(but, norm))
    }

    /// What the sum of products is divided by.
    fn divisor(&self, but: Option<usize>, norm: f64) -> f64 {
        match self.aggregation {
            Aggregation::Mean | Aggregation::PooledMean | Aggregation::Zpe => norm,
            Aggregation::SimilarityMean => self.counting(but).count() as f64,
            Aggregation::AutoClip | Aggregation::Max => 1.0,
        }
    }

    /// The prompts that count, but for one.
    fn counting(&self, but: Option<usize>) -> impl Iterator<Item = usize> {
        (0..self.counts.len()).filter(move |&prompt| self.counts[prompt] && but != Some(prompt))
    }

    /// The first of the best prompts that count, but for one.
    fn best(&self, but: Option<usize>) -> Option<usize> {
        let better = |best: usize, prompt: usize| {
            if self.products[prompt] > self.products[best] { prompt } else { best }
        };
        self.counting(but).reduce(better)
    }
}

/// A class whose prompts cancel out has a row of zeros, and scores 0.
fn quotient(product: f64, norm: f64) -> f64 {
    if norm > 0.0 { product / norm } else { 0.0 }
}

/// The dot product of two vectors of one length.
pub(in crate::evaluation) fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::counterfactual::class_scores;
    use super::*;
    use crate::evaluation::core::classifier::Classifier;

    /// A logit by the definition, from the classifier that is made of the prompts.
    fn rebuilt(aggregation: Aggregation, factor: f64, image: &[f32], prompts: &Matrix) -> f64 {
        let classifier = Classifier::build(aggregation, std::slice::from_ref(prompts)).unwrap();
        factor * class_scores(&classifier, image)[0]
    }

    fn but(prompts: &Matrix, without: &[usize]) -> Matrix {
        let left = (0..prompts.rows()).filter(|prompt| !without.contains(prompt));
        Matrix::from_rows(&left.map(|prompt| prompts.row(prompt)).collect::<Vec<_>>()).unwrap()
    }

    /// With numpy: for unit rows `U` of the raw rows `R`, `s * x @ v / norm(v)` with `v = U.sum(0)` or `R.sum(0)`,
    /// `s * (U @ x).mean()` and `s * (U @ x).max()`; shares by the formulas above, and the same of the rows but one.
    #[test]
    fn all_aggregations_agree_with_numpy() {
        let image = [0.6, 0.0, 0.8];
        let prompts = Matrix::from_rows(&[[1.0, 2.0, 2.0], [-1.0, 0.5, 1.0], [0.0, 3.0, 4.0]]).unwrap();
        let close = |a: f64, b: f64| (a - b).abs() < 1e-6;
        for (aggregation, logit, shares, without) in [
            (
                Aggregation::Mean,
                5.606370003432223,
                [2.728764160962586, 0.4961389383568339, 2.381466904112803],
                [4.15346626942871, 6.984054087294347, 5.0990195135927845],
            ),
            (
                Aggregation::PooledMean,
                6.29054671057938,
                [2.471286207727614, 0.22466238252069226, 3.5945981203310744],
                [5.497474167490214, 6.858006858010287, 6.145770236779007],
            ),
            (
                Aggregation::SimilarityMean,
                5.022222222222222,
                [2.444444444444444, 0.4444444444444445, 2.1333333333333337],
                [3.866666666666667, 6.866666666666667, 4.333333333333334],
            ),
            (
                Aggregation::Max,
                7.333333333333333,
                [7.333333333333333, 0.0, 0.0],
                [6.400000000000001, 7.333333333333333, 7.333333333333333],
            ),
        ] {
            let class = ClassLogit::new(aggregation, 10.0, &image, &prompts);
            assert!(close(class.logit(), logit), "{aggregation}: {}", class.logit());
            for (prompt, share) in class.shares().into_iter().enumerate() {
                assert!(close(share, shares[prompt]), "{aggregation}, {prompt}: {share}");
                let found = class.without(prompt).unwrap();
                assert!(close(found, without[prompt]), "{aggregation}, without {prompt}: {found}");
            }
        }
    }

    #[test]
    fn the_first_of_equal_prompts_has_it_all() {
        let prompts = Matrix::from_rows(&[[0.0, 1.0], [2.0, 0.0], [1.0, 0.0]]).unwrap();
        let class = ClassLogit::new(Aggregation::Max, 3.0, &[1.0, 0.0], &prompts);
        assert_eq!(class.shares(), [0.0, 3.0, 0.0]);
        assert_eq!(class.without(1), Some(3.0));
    }

    #[test]
    fn the_only_prompt_cannot_be_left_out_and_opposite_ones_score_zero() {
        for aggregation in Aggregation::CLASS_BY_CLASS {
            let one = Matrix::from_rows(&[[2.0, 0.0]]).unwrap();
            let mut class = ClassLogit::new(aggregation, 5.0, &[1.0, 0.0], &one);
            assert_eq!((class.logit(), class.without(0), class.shares()), (5.0, None, vec![5.0]));
            let opposite = Matrix::from_rows(&[[1.0, 0.0], [-1.0, 0.0]]).unwrap();
            class = ClassLogit::new(aggregation, 5.0, &[0.0, 1.0], &opposite);
            assert_eq!(class.logit(), 0.0, "{aggregation}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn shares_add_up_to_the_classifiers_logit(n_prompts in 1usize..12, dim in 2usize..600, seed: u64) {
            let image = Matrix::random(1, dim, seed).normalised();
            let prompts = Matrix::random(n_prompts, dim, !seed);
            for aggregation in Aggregation::CLASS_BY_CLASS {
                let class = ClassLogit::new(aggregation, 100.0, image.row(0), &prompts);
                let total: f64 = class.shares().iter().sum();
                prop_assert!((total - class.logit()).abs() < 1e-10);
                let expected = rebuilt(aggregation, 100.0, image.row(0), &prompts);
                prop_assert!((total - expected).abs() < 1e-6 * 100.0, "{}: {} {}", aggregation, total, expected);
            }
        }

        #[test]
        fn leaving_one_out_is_rebuilding_without_it(n_prompts in 2usize..9, dim in 2usize..80, seed: u64) {
            let image = Matrix::random(1, dim, seed).normalised();
            let prompts = Matrix::random(n_prompts, dim, !seed);
            for aggregation in Aggregation::CLASS_BY_CLASS {
                let class = ClassLogit::new(aggregation, 100.0, image.row(0), &prompts);
                for prompt in 0..n_prompts {
                    let expected = rebuilt(aggregation, 100.0, image.row(0), &but(&prompts, &[prompt]));
                    let found = class.without(prompt).unwrap();
                    prop_assert!((found - expected).abs() < 2e-4, "{}: {} {}", aggregation, found, expected);
                }
            }
        }

        #[test]
        fn what_is_taken_out_and_put_back_gives_the_same_bits(
            n_prompts in 3usize..9, out in prop::collection::vec(any::<prop::sample::Index>(), 1..3), seed: u64,
        ) {
            let image = Matrix::random(1, 24, seed).normalised();
            let prompts = Matrix::random(n_prompts, 24, !seed);
            let mut out: Vec<usize> = out.iter().map(|index| index.index(n_prompts)).collect();
            out.sort_unstable();
            out.dedup();
            for aggregation in Aggregation::CLASS_BY_CLASS {
                let whole = ClassLogit::new(aggregation, 100.0, image.row(0), &prompts);
                let mut class = whole.clone();
                out.iter().for_each(|&prompt| class.set(prompt, false));
                let left = ClassLogit::new(aggregation, 100.0, image.row(0), &but(&prompts, &out));
                prop_assert_eq!(class.logit().to_bits(), left.logit().to_bits());
                prop_assert!((class.shares().iter().sum::<f64>() - class.logit()).abs() < 1e-10);
                out.iter().rev().for_each(|&prompt| class.set(prompt, true));
                prop_assert_eq!(class.logit().to_bits(), whole.logit().to_bits());
                prop_assert_eq!(class.shares(), whole.shares());
            }
        }
    }
}
