//! How near a prompt is to the images of its class, and to those of the class that it is most like otherwise.
//!
//! The cosine of a prompt with an image is the dot product of two unit vectors, so its average over the images of a
//! class is one dot product with the average of their unit vectors: no image is needed any more once those are known.

use crate::evaluation::EvaluationError;
use crate::evaluation::core::evaluate::check_images;
use crate::evaluation::core::matrix::Matrix;
use crate::kernels::{Accumulate, Cpu, PackedRows, PackedWeights, Precision};

/// The average of each class's images.
pub struct ClassMeans {
    cpu: Cpu,
    /// Averages of unit vectors, not normalised, `[n_classes, dim]`; zeros for a class without images.
    means: PackedWeights,
    /// Number of images of each class, `[n_classes]`.
    images: Vec<u32>,
}

/// What a prompt is like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PromptSimilarity {
    /// The average cosine with the images of its class, from −1 to 1; `None` without any.
    pub own: Option<f32>,
    /// The class whose images it is most like among the others; `None` if no other class has images.
    pub competitor: Option<Competitor>,
}

/// A class that a prompt of another one is like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Competitor {
    /// The class; the first one of those with the same similarity.
    pub class: usize,
    /// The average cosine with its images, from −1 to 1.
    pub similarity: f32,
}

impl PromptSimilarity {
    /// How much nearer the prompt is to its own class than to its competitor; negative where it speaks for the other.
    pub fn margin(&self) -> Option<f32> {
        Some(self.own? - self.competitor?.similarity)
    }
}

impl ClassMeans {
    /// Averages `images`, unit rows `[n_images, dim]`, whose classes are `labels`, `[n_images]`, class by class.
    ///
    /// # Errors
    /// [`EvaluationError::NoImages`], [`EvaluationError::LabelCount`], [`EvaluationError::Label`] and
    /// [`EvaluationError::ImageNotFinite`].
    pub fn new(images: &Matrix, labels: &[usize], n_classes: usize) -> Result<Self, EvaluationError> {
        check_images(images, labels, n_classes)?;
        let dim = images.cols();
        let mut counts = vec![0; n_classes];
        let mut sums = vec![0.0_f64; n_classes * dim];
        for (image, &label) in images.iter_rows().zip(labels) {
            counts[label] += 1;
            let sum = &mut sums[label * dim..(label + 1) * dim];
            sum.iter_mut().zip(image).for_each(|(sum, x)| *sum += f64::from(*x));
        }
        let of_class = |(sum, count): (&[f64], &u32)| -> Vec<f32> {
            let count = f64::from(*count).max(1.0);
            sum.iter().map(|sum| (sum / count) as f32).collect()
        };
        let means: Vec<f32> = sums.chunks_exact(dim.max(1)).zip(&counts).flat_map(of_class).collect();
        let cpu = Cpu::detect();
        Ok(Self { cpu, means: PackedWeights::new(cpu, Precision::F32, &means, dim.max(1)), images: counts })
    }

    /// What each prompt of `class` is like, by their raw embeddings, `[n_prompts, dim]`. The result for a prompt does
    /// not depend on the others.
    ///
    /// # Errors
    /// [`EvaluationError::NoSuchClass`], and [`EvaluationError::ImageDimension`] for prompts of another dimension than
    /// the images.
    pub fn similarities(
        &self,
        class: usize,
        prompts: &Matrix,
    ) -> Result<Vec<PromptSimilarity>, EvaluationError> {
        let n_classes = self.images.len();
        if class >= n_classes {
            return Err(EvaluationError::NoSuchClass { class, n_classes });
        }
        if prompts.rows() == 0 {
            return Ok(Vec::new());
        }
        if prompts.cols() != self.means.inputs() {
            return Err(EvaluationError::ImageDimension {
                images: self.means.inputs(),
                prompts: prompts.cols(),
            });
        }
        let unit = prompts.clone().normalised();
        let mut rows = PackedRows::new(self.cpu, Precision::F32);
        rows.pack(unit.rows(), unit.cols(), |at, row| row.copy_from_slice(unit.row(at)));
        let mut cosines = vec![0.0; unit.rows() * n_classes];
        self.means.multiply(&rows, &[], Accumulate::No, &mut cosines);
        Ok(cosines.chunks_exact(n_classes).map(|cosines| self.similarity(class, cosines)).collect())
    }

    /// Of a prompt with these average cosines, `[n_classes]`.
    fn similarity(&self, class: usize, cosines: &[f32]) -> PromptSimilarity {
        let mut competitor: Option<Competitor> = None;
        for (other, &similarity) in cosines.iter().enumerate() {
            let is_better = competitor.is_none_or(|best| similarity > best.similarity);
            if other != class && self.images[other] > 0 && is_better {
                competitor = Some(Competitor { class: other, similarity });
            }
        }
        PromptSimilarity { own: (self.images[class] > 0).then_some(cosines[class]), competitor }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(rows: &[[f32; 2]]) -> Matrix {
        Matrix::from_rows(rows).unwrap()
    }

    fn competitor(class: usize, similarity: f32) -> Option<Competitor> {
        Some(Competitor { class, similarity })
    }

    #[test]
    fn by_hand() {
        let images = of(&[[1.0, 0.0], [0.0, 1.0], [0.6, 0.8], [0.0, 1.0]]);
        let means = ClassMeans::new(&images, &[0, 0, 1, 3], 4).unwrap();
        let prompts = of(&[[4.0, 0.0], [0.0, 0.5], [0.0, 0.0]]);
        let found = means.similarities(0, &prompts).unwrap();
        assert_eq!(found[0], PromptSimilarity { own: Some(0.5), competitor: competitor(1, 0.6) });
        assert_eq!(found[1], PromptSimilarity { own: Some(0.5), competitor: competitor(3, 1.0) });
        assert_eq!(found[2], PromptSimilarity { own: Some(0.0), competitor: competitor(1, 0.0) });
        assert_eq!(found[1].margin(), Some(-0.5));
    }

    #[test]
    fn classes_without_images_are_nobody_s_competitor() {
        let images = of(&[[-1.0, 0.0]]);
        let means = ClassMeans::new(&images, &[1], 3).unwrap();
        let of_class = |class| means.similarities(class, &of(&[[2.0, 0.0]])).unwrap()[0];
        assert_eq!(of_class(0), PromptSimilarity { own: None, competitor: competitor(1, -1.0) });
        assert_eq!(of_class(1), PromptSimilarity { own: Some(-1.0), competitor: None });
        assert_eq!((of_class(0).margin(), of_class(1).margin()), (None, None));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let images = of(&[[1.0, 0.0]]);
        let means = ClassMeans::new(&images, &[0], 2).unwrap();
        assert_eq!(
            means.similarities(2, &images),
            Err(EvaluationError::NoSuchClass { class: 2, n_classes: 2 })
        );
        let wide = Matrix::from_rows(&[[1.0, 0.0, 0.0]]).unwrap();
        assert_eq!(
            means.similarities(1, &wide),
            Err(EvaluationError::ImageDimension { images: 2, prompts: 3 })
        );
        assert_eq!(means.similarities(1, &of(&[])), Ok(Vec::new()));
        let refused = |images: &Matrix, labels: &[usize]| ClassMeans::new(images, labels, 2).err();
        assert_eq!(refused(&of(&[]), &[]), Some(EvaluationError::NoImages));
        assert_eq!(refused(&images, &[0, 1]), Some(EvaluationError::LabelCount { images: 1, labels: 2 }));
        assert_eq!(refused(&images, &[2]), Some(EvaluationError::Label { image: 0, label: 2, n_classes: 2 }));
        assert_eq!(
            refused(&of(&[[f32::NAN, 0.0]]), &[0]),
            Some(EvaluationError::ImageNotFinite { image: 0 })
        );
    }

    proptest! {
        #[test]
        fn it_is_the_average_of_cosines(
            n_classes in 1usize..40,
            n_images in 1usize..60,
            n_prompts in 1usize..15,
            dim in 1usize..50,
            seed: u64,
        ) {
            let images = Matrix::random(n_images, dim, seed).normalised();
            let labels: Vec<usize> = (0..n_images).map(|image| image * image % n_classes).collect();
            let prompts = Matrix::random(n_prompts, dim, !seed);
            let means = ClassMeans::new(&images, &labels, n_classes).unwrap();
            let class = seed as usize % n_classes;
            let together = means.similarities(class, &prompts).unwrap();
            for (prompt, found) in prompts.iter_rows().zip(&together) {
                let alone = means.similarities(class, &Matrix::from_rows(&[prompt]).unwrap()).unwrap();
                prop_assert_eq!(&alone[..], &[*found][..]);

                let exact = |class: usize| {
                    let of_class: Vec<f64> = (0..n_images)
                        .filter(|&image| labels[image] == class)
                        .map(|image| cosine(prompt, images.row(image)))
                        .collect();
                    (!of_class.is_empty()).then(|| of_class.iter().sum::<f64>() / of_class.len() as f64)
                };
                let near = |found: f32, exact: f64| (f64::from(found) - exact).abs() < 1e-5;
                prop_assert_eq!(found.own.is_some(), exact(class).is_some());
                prop_assert!(found.own.is_none_or(|own| near(own, exact(class).unwrap())));
                let others = (0..n_classes).filter(|other| *other != class).filter_map(exact);
                let largest = others.fold(f64::NEG_INFINITY, f64::max);
                prop_assert_eq!(found.competitor.is_some(), largest.is_finite());
                if let Some(competitor) = found.competitor {
                    prop_assert!(near(competitor.similarity, largest));
                    prop_assert!(near(competitor.similarity, exact(competitor.class).unwrap()));
                }
            }
        }
    }

    fn cosine(a: &[f32], b: &[f32]) -> f64 {
        let dot = |a: &[f32], b: &[f32]| -> f64 {
            a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
    }
}
