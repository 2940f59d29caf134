//! The scores of images for every class of a classifier: a matrix product and, with several rows for a class, the
//! largest of their products or a weighted average.
//!
//! A score depends on the image and the classifier alone, to the last bit: not on the images beside it, nor on threads,
//! nor on which of the two is packed as rows and which as weights. Unless weights depend on the image, it does not depend
//! on the other classes either.

use std::ops::Range;

use rayon::prelude::*;

use super::prompt_weights::autoclip_scores;
use super::{Classifier, Matrix};
use crate::kernels::{Cpu, PackedRows, PackedWeights, Precision, Store};

/// Rows of a classifier that are multiplied in one go, so that their products with a block of images stay in a near
/// cache.
const ROWS: usize = 1024;

/// A classifier, laid out for scoring.
pub(super) struct Scorer {
    cpu: Cpu,
    n_classes: usize,
    groups: Vec<ClassGroup>,
    several: SeveralRows,
}

/// What becomes of the products with several rows of a class.
enum SeveralRows {
    /// The largest counts.
    Largest,
    /// They are averaged with weights that depend on the image; there are this many.
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
pub(super) struct Scratch {
    images: PackedRows,
    products: Vec<f32>,
    scores: Vec<f32>,
}

impl Scorer {
    pub(super) fn new(cpu: Cpu, classifier: &Classifier) -> Self {
        let (rows, dim) = (classifier.rows().as_slice(), classifier.dim());
        let ends = match classifier {
            Classifier::Linear { weights } => (1..=weights.rows()).collect(),
            Classifier::Max { ends, .. } => ends.clone(),
            Classifier::PerImage { prompts, n_prompts } => {
                (1..=prompts.rows() / n_prompts).map(|classes| classes * n_prompts).collect()
            }
        };
        let several = match classifier {
            Classifier::PerImage { n_prompts, .. } => SeveralRows::WeightedPerImage(*n_prompts),
            Classifier::Linear { .. } | Classifier::Max { .. } => SeveralRows::Largest,
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
        Self { cpu, n_classes: ends.len(), groups, several }
    }

    pub(super) fn scratch(&self) -> Scratch {
        let images = PackedRows::new(self.cpu, Precision::F32);
        Scratch { images, products: Vec::new(), scores: Vec::new() }
    }

    /// The scores, `[n_classes]` each, of these images, `[dim]` each.
    pub(super) fn scores<'a>(
        &self,
        images: &Matrix,
        which: Range<usize>,
        scratch: &'a mut Scratch,
    ) -> &'a [f32] {
        self.scores_by(which.len(), images, |at| which.start + at, scratch)
    }

    /// The same of images that need not be neighbours.
    pub(super) fn scores_of<'a>(
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
        if let SeveralRows::WeightedPerImage(n_prompts) = self.several {
            self.weigh_per_image(count, n_prompts, packed, products, scores);
            return scores;
        }
        for group in &self.groups {
            let n_rows = group.rows.outputs();
            if n_rows == self.n_classes {
                group.rows.multiply(packed, &[], Store::Replace, scores);
                continue;
            }
            products.resize(count * n_rows, 0.0);
            group.rows.multiply(packed, &[], Store::Replace, products);
            let images = scores.chunks_exact_mut(self.n_classes).zip(products.chunks_exact(n_rows));
            for (scores, products) in images {
                let mut start = 0;
                for (score, &end) in scores[group.first..].iter_mut().zip(&group.ends) {
                    *score = products[start..end].iter().copied().fold(f32::NEG_INFINITY, larger);
                    start = end;
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
            group.rows.multiply(packed, &[], Store::Replace, &mut of_group);
            for (row, of_group) in products.chunks_exact_mut(n_rows).zip(of_group.chunks_exact(width)) {
                row[first..first + width].copy_from_slice(of_group);
            }
        }
        for (scores, products) in scores.chunks_exact_mut(self.n_classes).zip(products.chunks_exact(n_rows)) {
            autoclip_scores(products, n_prompts, scores);
        }
    }
}

/// The larger of two numbers.
pub(super) fn larger(a: f32, b: f32) -> f32 {
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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

    #[test]
    fn the_largest_product_of_many_prompts_in_several_groups() {
        let sizes = [3, 900, 130, 1, 2000, 5, 40];
        let ends: Vec<usize> = (1..=sizes.len()).map(|count| sizes[..count].iter().sum()).collect();
        let (images, prompts) = (Matrix::random(5, 7, 1), Matrix::random(ends[6], 7, 2));
        let exact = plain(&images, &prompts, &ends);
        for (score, exact) in scores(&images, &Classifier::Max { prompts, ends }).iter().zip(exact) {
            assert!((f64::from(*score) - exact).abs() < 1e-5, "{score} is not {exact}");
        }
    }

    #[test]
    fn groups_are_cut_between_classes() {
        assert_eq!(groups(&[3, 4, 9, 20, 21, 22], 5), [0..2, 2..3, 3..4, 4..6]);
        assert_eq!(groups(&[1, 2, 3], 5), std::iter::once(0..3).collect::<Vec<_>>());
    }
}
