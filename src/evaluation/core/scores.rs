//! The scores of images for every class of a classifier: a matrix product and, with several rows for a class, the
//! largest of their products or a weighted average.
//!
//! A score depends on the image and the classifier alone, to the last bit: not on the images beside it, nor on threads,
//! nor on which of the two is packed as rows and which as weights. Unless weights depend on the image, it does not depend
//! on the other classes either.

use std::ops::Range;

use rayon::prelude::*;

use super::autoclip::autoclip_scores;
use super::classifier::Classifier;
use super::matrix::Matrix;
use crate::evaluation::EvaluationError;
use crate::kernels::{Accumulate, Cpu, PackedRows, PackedWeights, Precision};

/// Images whose scores one task holds at a time: the scores for a thousand classes stay in a near cache.
pub(in crate::evaluation) const BLOCK: usize = 96;

/// Whether long work was cancelled; asked often, by all threads.
pub type Cancellation<'a> = &'a (dyn Fn() -> bool + Sync);

/// Rows of a classifier that are multiplied in one go, so that their products with a block of images stay in a near
/// cache.
const ROWS: usize = 1024;

/// A classifier, laid out for scoring.
pub(in crate::evaluation) struct Scorer {
    cpu: Cpu,
    n_classes: usize,
    groups: Vec<ClassGroup>,
    score: ScoreOfClass,
}

/// How the products with a class's rows become its score.
enum ScoreOfClass {
    /// There is one row, and its product is the score.
    OnlyProduct,
    /// The largest product.
    Largest,
    /// An average with weights that depend on the image, of this many products.
    WeightedPerImage(usize),
}

/// Neighbouring classes.
struct ClassGroup {
    first: usize,
    /// The rows of the classifier, class after class.
    rows: PackedWeights,
    /// For each class, the row after its last one.
    ends: Vec<usize>,
}

/// Memory that is kept from one block of images to the next.
pub(in crate::evaluation) struct Scratch {
    images: PackedRows,
    products: Vec<f32>,
    scores: Vec<f32>,
}

impl Scorer {
    pub(in crate::evaluation) fn new(cpu: Cpu, classifier: &Classifier) -> Self {
        let (rows, dim) = (classifier.rows().as_slice(), classifier.dim());
        let ends = match classifier {
            Classifier::Linear { weights } => (1..=weights.rows()).collect(),
            Classifier::Max { ends, .. } => ends.clone(),
            Classifier::PerImage { prompts, n_prompts } => {
                (1..=prompts.rows() / n_prompts).map(|classes| classes * n_prompts).collect()
            }
        };
        let score = match classifier {
            Classifier::Linear { .. } => ScoreOfClass::OnlyProduct,
            Classifier::Max { .. } => ScoreOfClass::Largest,
            Classifier::PerImage { n_prompts, .. } => ScoreOfClass::WeightedPerImage(*n_prompts),
        };
        let pack = |classes: Range<usize>| {
            let start = start(&ends, classes.start);
            let rows = &rows[start * dim..ends[classes.end - 1] * dim];
            ClassGroup {
                first: classes.start,
                rows: PackedWeights::new(cpu, Precision::F32, rows, dim),
                ends: ends[classes].iter().map(|end| end - start).collect(),
            }
        };
        let groups = groups(&ends, ROWS).into_par_iter().map(pack).collect();
        Self { cpu, n_classes: ends.len(), groups, score }
    }

    pub(in crate::evaluation) fn scratch(&self) -> Scratch {
        let images = PackedRows::new(self.cpu, Precision::F32);
        Scratch { images, products: Vec::new(), scores: Vec::new() }
    }

    /// The scores, `[n_classes]` each, of these images, `[dim]` each.
    pub(in crate::evaluation) fn scores<'a>(
        &self,
        images: &Matrix,
        which: Range<usize>,
        scratch: &'a mut Scratch,
    ) -> &'a [f32] {
        self.scores_by(which.len(), images, |at| which.start + at, scratch)
    }

    /// The same of images that need not be neighbours.
    pub(in crate::evaluation) fn scores_of<'a>(
        &self,
        images: &Matrix,
        which: &[usize],
        scratch: &'a mut Scratch,
    ) -> &'a [f32] {
        self.scores_by(which.len(), images, |at| which[at], scratch)
    }

    fn scores_by<'a>(
        &self,
        count: usize,
        images: &Matrix,
        which: impl Fn(usize) -> usize,
        scratch: &'a mut Scratch,
    ) -> &'a [f32] {
        let Scratch { images: packed, products, scores } = scratch;
        packed.pack(count, images.cols(), |at, row| row.copy_from_slice(images.row(which(at))));
        scores.resize(count * self.n_classes, 0.0);
        match (&self.score, &self.groups[..]) {
            (ScoreOfClass::WeightedPerImage(n_prompts), _) => {
                self.weigh_per_image(count, *n_prompts, packed, products, scores);
            }
            (ScoreOfClass::OnlyProduct, [all]) => all.rows.multiply(packed, &[], Accumulate::No, scores),
            (ScoreOfClass::OnlyProduct | ScoreOfClass::Largest, groups) => {
                for group in groups {
                    group.take_largest(packed, self.n_classes, products, scores);
                }
            }
        }
        scores
    }

    /// Fills `scores`, `[images, n_classes]`, where each depends on the products with all rows.
    fn weigh_per_image(
        &self,
        images: usize,
        n_prompts: usize,
        packed: &PackedRows,
        products: &mut Vec<f32>,
        scores: &mut [f32],
    ) {
        let n_rows = self.n_classes * n_prompts;
        products.resize(images * n_rows, 0.0);
        let mut of_group = Vec::new();
        for group in &self.groups {
            let (first, width) = (group.first * n_prompts, group.rows.outputs());
            of_group.resize(images * width, 0.0);
            group.rows.multiply(packed, &[], Accumulate::No, &mut of_group);
            for (row, of_group) in products.chunks_exact_mut(n_rows).zip(of_group.chunks_exact(width)) {
                row[first..first + width].copy_from_slice(of_group);
            }
        }
        for (scores, products) in scores.chunks_exact_mut(self.n_classes).zip(products.chunks_exact(n_rows)) {
            autoclip_scores(products, n_prompts, scores);
        }
    }
}

impl ClassGroup {
    /// Fills the columns of these classes in `scores`, `[images, n_classes]`, with the largest product of each.
    fn take_largest(
        &self,
        packed: &PackedRows,
        n_classes: usize,
        products: &mut Vec<f32>,
        scores: &mut [f32],
    ) {
        let n_rows = self.rows.outputs();
        products.resize(scores.len() / n_classes * n_rows, 0.0);
        self.rows.multiply(packed, &[], Accumulate::No, products);
        for (scores, products) in scores.chunks_exact_mut(n_classes).zip(products.chunks_exact(n_rows)) {
            let mut start = 0;
            for (score, &end) in scores[self.first..].iter_mut().zip(&self.ends) {
                *score = products[start..end].iter().copied().fold(f32::NEG_INFINITY, larger);
                start = end;
            }
        }
    }
}

/// The larger of two numbers.
pub(in crate::evaluation) fn larger(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}

/// The first row of a class.
fn start(ends: &[usize], class: usize) -> usize {
    class.checked_sub(1).map_or(0, |before| ends[before])
}

/// Cuts the classes into groups of at most `limit` rows, or of one class.
fn groups(ends: &[usize], limit: usize) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    for (class, end) in ends.iter().enumerate() {
        match groups.last_mut() {
            Some(group) if end - start(ends, group.start) <= limit => group.end = class + 1,
            _ => groups.push(class..class + 1),
        }
    }
    groups
}

/// What scores are multiplied with before their softmax.
pub(in crate::evaluation) fn scale(logit_scale: f32) -> Result<f32, EvaluationError> {
    let scale = logit_scale.exp();
    if scale.is_finite() { Ok(scale) } else { Err(EvaluationError::LogitScale { logit_scale }) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::autoclip::autoclip_weights;
    use super::*;
    use crate::kernels::random;
    use crate::prompts::Aggregation;

    fn scores(images: &Matrix, classifier: &Classifier) -> Vec<f32> {
        let scorer = Scorer::new(Cpu::detect(), classifier);
        scorer.scores(images, 0..images.rows(), &mut scorer.scratch()).to_vec()
    }

    /// `[n_images, n_classes]` by the definition.
    fn plain(images: &Matrix, rows: &Matrix, ends: &[usize]) -> Vec<f64> {
        let dot = |image: &[f32], row: usize| -> f64 {
            image.iter().zip(rows.row(row)).map(|(x, w)| f64::from(*x) * f64::from(*w)).sum()
        };
        let score = |image, class| {
            (start(ends, class)..ends[class]).map(|row| dot(image, row)).fold(f64::MIN, f64::max)
        };
        images.iter_rows().flat_map(|image| (0..ends.len()).map(move |class| score(image, class))).collect()
    }

    proptest! {
        #[test]
        fn scores_are_dot_products(n_images in 1usize..30, n_rows in 1usize..70, dim in 1usize..90, seed: u64) {
            let (images, weights) = (Matrix::random(n_images, dim, seed), Matrix::random(n_rows, dim, !seed));
            let exact = plain(&images, &weights, &(1..=n_rows).collect::<Vec<_>>());
            for (score, exact) in scores(&images, &Classifier::Linear { weights }).iter().zip(exact) {
                prop_assert!((f64::from(*score) - exact).abs() < 1e-5, "{} is not {}", score, exact);
            }
        }

        #[test]
        fn a_score_does_not_depend_on_its_neighbours(n_images in 1usize..30, n_rows in 1usize..70, dim in 1usize..90, seed: u64) {
            let (images, weights) = (Matrix::random(n_images, dim, seed), Matrix::random(n_rows, dim, !seed));
            let together = scores(&images, &Classifier::Linear { weights: weights.clone() });
            for (image, together) in images.iter_rows().zip(together.chunks_exact(n_rows)) {
                let image = Matrix::from_rows(&[image]).unwrap();
                for (row, score) in weights.iter_rows().zip(together) {
                    let one_row = Classifier::Linear { weights: Matrix::from_rows(&[row]).unwrap() };
                    prop_assert_eq!(score.to_bits(), scores(&image, &one_row)[0].to_bits());
                }
            }
        }
    }

    /// Prompts of each class: equally many, or some number for each; also such that a group of rows has as many rows as
    /// there are classes.
    fn shapes() -> impl Strategy<Value = Vec<usize>> {
        let equal = (1usize..1100, 1usize..60).prop_map(|(classes, prompts)| vec![prompts; classes]);
        let uneven = (1usize..1100, 1usize..60, any::<u64>()).prop_map(|(classes, most, seed)| {
            let count = |x: f32| 1 + ((x + 0.5) * most as f32) as usize;
            random(classes, seed).into_iter().map(count).collect()
        });
        // The first group of rows is as long as the list of classes.
        let as_many_as_classes = (2usize..40, 2usize..25).prop_map(|(prompts, classes)| {
            let rows = prompts * classes;
            let next = ROWS + 1 - rows;
            let ones = std::iter::repeat_n(1, rows - classes - 1);
            std::iter::repeat_n(prompts, classes).chain([next]).chain(ones).collect()
        });
        let whole_groups = (0u32..7).prop_map(|power| vec![1 << power; ROWS]);
        prop_oneof![equal, uneven, as_many_as_classes, whole_groups]
    }

    /// `[n_images, n_classes]`, from the raw embeddings of the prompts, in f64 and without any packing or grouping.
    fn plain_by(
        aggregation: Aggregation,
        classifier: &Classifier,
        prompts: &[Matrix],
        images: &Matrix,
    ) -> Vec<f64> {
        let unit = |row: &[f32]| -> Vec<f64> {
            let length = row.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
            row.iter().map(|x| f64::from(*x) / length).collect()
        };
        let dot = |image: &[f32], row: &[f64]| -> f64 {
            image.iter().zip(row).map(|(x, w)| f64::from(*x) * w).sum()
        };
        let average = |rows: &[Vec<f64>]| -> Vec<f64> {
            let sum = |at: usize| rows.iter().map(|row| row[at]).sum::<f64>();
            (0..rows[0].len()).map(|at| sum(at) / rows.len() as f64).collect()
        };
        let normalised = |row: Vec<f64>| -> Vec<f64> {
            let length = row.iter().map(|x| x * x).sum::<f64>().sqrt();
            row.into_iter().map(|x| x / length).collect()
        };
        let doubles = |row: &[f32]| -> Vec<f64> { row.iter().map(|x| f64::from(*x)).collect() };
        let units: Vec<Vec<Vec<f64>>> =
            prompts.iter().map(|class| class.iter_rows().map(unit).collect()).collect();
        let each = |image: &[f32], row: &dyn Fn(usize) -> Vec<f64>| -> Vec<f64> {
            (0..prompts.len()).map(|class| dot(image, &row(class))).collect()
        };
        let scores = |image: &[f32]| -> Vec<f64> {
            match aggregation {
                Aggregation::Mean => each(image, &|class| normalised(average(&units[class]))),
                Aggregation::PooledMean => each(image, &|class| {
                    normalised(average(&prompts[class].iter_rows().map(doubles).collect::<Vec<_>>()))
                }),
                Aggregation::SimilarityMean => each(image, &|class| average(&units[class])),
                // The weights of the prompts have golden values of their own.
                Aggregation::Zpe => each(image, &|class| doubles(classifier.rows().row(class))),
                Aggregation::Max => {
                    let largest = |rows: &Vec<Vec<f64>>| {
                        rows.iter().map(|row| dot(image, row)).fold(f64::NEG_INFINITY, f64::max)
                    };
                    units.iter().map(largest).collect()
                }
                Aggregation::AutoClip => {
                    let cosines: Vec<f32> =
                        units.iter().flatten().map(|row| dot(image, row) as f32).collect();
                    let weights = autoclip_weights(&cosines, prompts[0].rows());
                    let weighted = |cosines: &[f32]| {
                        cosines.iter().zip(&weights).map(|(cosine, weight)| weight * f64::from(*cosine)).sum()
                    };
                    cosines.chunks_exact(weights.len()).map(weighted).collect()
                }
            }
        };
        images.iter_rows().flat_map(scores).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn scores_are_those_of_the_definition_whatever_the_shape(
            counts in shapes(), n_images in 1usize..4, dim in 3usize..8, seed: u64,
        ) {
            let images = Matrix::random(n_images, dim, seed).normalised();
            for aggregation in Aggregation::ALL {
                if aggregation.weighs_prompts() && counts.iter().any(|count| *count != counts[0]) {
                    continue;
                }
                let prompts: Vec<Matrix> =
                    (0..).zip(&counts).map(|(class, count)| Matrix::random(*count, dim, !seed ^ class)).collect();
                let classifier = Classifier::for_images(aggregation, &prompts, &images, 2.0).unwrap();
                let exact = plain_by(aggregation, &classifier, &prompts, &images);
                for (score, exact) in scores(&images, &classifier).iter().zip(exact) {
                    prop_assert!((f64::from(*score) - exact).abs() < 1e-4, "{}: {} is not {}", aggregation, score, exact);
                }
            }
        }
    }

    #[test]
    fn groups_are_cut_between_classes() {
        assert_eq!(groups(&[3, 4, 9, 20, 21, 22], 5), [0..2, 2..3, 3..4, 4..6]);
        assert_eq!(groups(&[1, 2, 3], 5), std::iter::once(0..3).collect::<Vec<_>>());
    }
}
