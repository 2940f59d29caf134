//! How near prompts are to the images of each class: which prompts describe their class, and which another one.

use super::classifier::check as check_prompts;
use super::evaluate::check_labels;
use super::scores::Scorer;
use super::{Classifier, EvaluationError, Matrix};
use crate::kernels::Cpu;

/// The images of each class as their average, laid out to be compared with prompts.
pub struct ClassImages {
    scorer: Scorer,
    dim: usize,
    /// Number of images of each class, `[n_classes]`.
    images: Vec<usize>,
}

/// How near a prompt is to images. Cosines, from −1 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PromptSimilarity {
    /// The mean cosine of the prompt with the images of its class; `None` if there are none.
    pub own: Option<f32>,
    /// The class whose images it is nearest to among the others; `None` if no other has images.
    pub competitor: Option<Competitor>,
}

/// A class that a prompt does not belong to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Competitor {
    /// The class.
    pub class: usize,
    /// The mean cosine of the prompt with its images.
    pub similarity: f32,
}

impl ClassImages {
    /// Averages `images`, unit rows `[n_images, dim]`, over each of `n_classes` classes; `labels`, `[n_images]`, says
    /// which is whose.
    ///
    /// # Errors
    /// See [`EvaluationError`]; an image at fault is named by its index.
    pub fn new(images: &Matrix, labels: &[usize], n_classes: usize) -> Result<Self, EvaluationError> {
        check_labels(images, labels, n_classes)?;
        let dim = images.cols();
        let mut counts = vec![0_usize; n_classes];
        let mut sums = vec![0.0_f64; n_classes * dim];
        for (row, &label) in images.iter_rows().zip(labels) {
            counts[label] += 1;
            for (sum, x) in sums[label * dim..(label + 1) * dim].iter_mut().zip(row) {
                *sum += f64::from(*x);
            }
        }
        let means = sums.iter().enumerate().map(|(at, sum)| (sum / counts[at / dim].max(1) as f64) as f32);
        let weights = Matrix::new(n_classes, dim, means.collect())?;
        let scorer = Scorer::new(Cpu::detect(), &Classifier::Linear { weights });
        Ok(Self { scorer, dim, images: counts })
    }

    /// How near the prompts of `class`, raw embeddings `[n_prompts, dim]`, are to the images of each class. The mean of
    /// the cosines with unit vectors is the cosine's numerator with their mean, so that a class costs one product.
    ///
    /// # Errors
    /// [`EvaluationError::NoSuchClass`], [`EvaluationError::NoPrompts`], [`EvaluationError::PromptDimension`] and
    /// [`EvaluationError::PromptNotFinite`].
    pub fn similarities(
        &self,
        class: usize,
        prompts: &Matrix,
    ) -> Result<Vec<PromptSimilarity>, EvaluationError> {
        let n_classes = self.images.len();
        if class >= n_classes {
            return Err(EvaluationError::NoSuchClass { class, n_classes });
        }
        check_prompts(class, prompts, self.dim)?;
        let prompts = prompts.clone().normalised();
        let mut scratch = self.scorer.scratch();
        let scores = self.scorer.scores(&prompts, 0..prompts.rows(), &mut scratch);
        Ok(scores.chunks_exact(n_classes).map(|scores| self.similarity(class, scores)).collect())
    }

    /// Of one prompt, from its mean cosines with the images of each class, `[n_classes]`.
    fn similarity(&self, class: usize, scores: &[f32]) -> PromptSimilarity {
        let mut competitor: Option<Competitor> = None;
        for (other, &similarity) in scores.iter().enumerate() {
            let is_nearer = competitor.is_none_or(|nearest| similarity > nearest.similarity);
            if other != class && self.images[other] > 0 && is_nearer {
                competitor = Some(Competitor { class: other, similarity });
            }
        }
        PromptSimilarity { own: (self.images[class] > 0).then_some(scores[class]), competitor }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(rows: &[[f32; 2]]) -> Matrix {
        Matrix::from_rows(rows).unwrap()
    }

    fn close(a: f32, b: f32) -> bool {
        (a - b).abs() < 1e-6
    }

    #[test]
    fn similarities_by_hand() {
        // Class 0 has images at 0° and 90°, class 1 one at 36.87°, class 2 none, class 3 one at 180°.
        let images = of(&[[1.0, 0.0], [0.0, 1.0], [0.8, 0.6], [-1.0, 0.0]]);
        let classes = ClassImages::new(&images, &[0, 0, 1, 3], 4).unwrap();
        let found = classes.similarities(0, &of(&[[5.0, 0.0], [0.0, 2.0], [-2.0, 0.0]])).unwrap();
        let expected = [(0.5, 1, 0.8), (0.5, 1, 0.6), (-0.5, 3, 1.0)];
        assert_eq!(found.len(), expected.len());
        for (found, (own, class, similarity)) in found.iter().zip(expected) {
            let competitor = found.competitor.unwrap();
            assert!(close(found.own.unwrap(), own) && close(competitor.similarity, similarity), "{found:?}");
            assert_eq!(competitor.class, class);
        }
        let imageless = classes.similarities(2, &of(&[[1.0, 0.0]])).unwrap()[0];
        assert_eq!((imageless.own, imageless.competitor.unwrap().class), (None, 1));
        let lonely = ClassImages::new(&of(&[[1.0, 0.0]]), &[1], 2).unwrap();
        assert_eq!(lonely.similarities(1, &of(&[[1.0, 0.0]])).unwrap()[0].competitor, None);
    }

    #[test]
    fn of_equally_near_classes_the_first_is_told() {
        let images = of(&[[1.0, 0.0], [0.6, 0.8], [0.6, 0.8]]);
        let classes = ClassImages::new(&images, &[2, 0, 1], 3).unwrap();
        assert_eq!(classes.similarities(2, &of(&[[0.0, 1.0]])).unwrap()[0].competitor.unwrap().class, 0);
    }

    #[test]
    fn bad_input_is_named() {
        let images = of(&[[1.0, 0.0], [0.0, 1.0]]);
        let failed = |labels: &[usize]| ClassImages::new(&images, labels, 2).err();
        assert_eq!(failed(&[0]), Some(EvaluationError::LabelCount { images: 2, labels: 1 }));
        assert_eq!(failed(&[0, 2]), Some(EvaluationError::Label { image: 1, label: 2, n_classes: 2 }));
        let spoilt = ClassImages::new(&of(&[[1.0, f32::NAN]]), &[0], 2).err();
        assert_eq!(spoilt, Some(EvaluationError::ImageNotFinite { image: 0 }));
        let classes = ClassImages::new(&images, &[0, 1], 2).unwrap();
        let failed = |class, prompts: &Matrix| classes.similarities(class, prompts).unwrap_err();
        assert_eq!(failed(2, &images), EvaluationError::NoSuchClass { class: 2, n_classes: 2 });
        assert_eq!(failed(1, &of(&[])), EvaluationError::NoPrompts { class: 1 });
        let wide = Matrix::from_rows(&[[1.0; 3]]).unwrap();
        assert_eq!(failed(0, &wide), EvaluationError::PromptDimension { class: 0, expected: 2, found: 3 });
    }

    proptest! {
        /// Against the definition: the cosine with each image, averaged.
        #[test]
        fn it_is_the_mean_of_the_cosines(seed: u64, n_images in 1usize..40, n_classes in 1usize..6, n_prompts in 1usize..5) {
            let images = Matrix::random(n_images, 16, seed).normalised();
            let prompts = Matrix::random(n_prompts, 16, seed ^ 1);
            let labels: Vec<usize> = (0..n_images).map(|image| image * image % n_classes).collect();
            let found = ClassImages::new(&images, &labels, n_classes).unwrap().similarities(0, &prompts).unwrap();
            let unit = prompts.normalised();
            let mean = |prompt: &[f32], class: usize| {
                let rows = images.iter_rows().zip(&labels).filter(|(_, label)| **label == class);
                let cosines: Vec<f64> = rows
                    .map(|(row, _)| row.iter().zip(prompt).map(|(x, y)| f64::from(x * y)).sum())
                    .collect();
                (!cosines.is_empty()).then(|| cosines.iter().sum::<f64>() / cosines.len() as f64)
            };
            for (found, prompt) in found.iter().zip(unit.iter_rows()) {
                let own = mean(prompt, 0).unwrap();
                prop_assert!((f64::from(found.own.unwrap()) - own).abs() < 1e-5);
                let nearest = (1..n_classes).filter_map(|class| mean(prompt, class)).max_by(f64::total_cmp);
                prop_assert_eq!(nearest.is_some(), found.competitor.is_some());
                if let (Some(nearest), Some(found)) = (nearest, found.competitor) {
                    prop_assert!((f64::from(found.similarity) - nearest).abs() < 1e-5);
                    prop_assert!((mean(prompt, found.class).unwrap() - nearest).abs() < 1e-5);
                }
            }
        }
    }
}
