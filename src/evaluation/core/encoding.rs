//! An evaluation as bytes, so that one that is known need not be made again. The labels and the number of classes are
//! not part of it: who asks knows them.
//!
//! | bytes | what |
//! |---|---|
//! | 0..4 | `kept`, the ranked classes of an image |
//! | then, image by image | rank of the true class, its probability, and `kept` times class and probability |
//!
//! All numbers are 4 bytes, little-endian: `u32`, probabilities `f32`.

use super::evaluate::Evaluation;
use super::ranking::Ranked;

impl Evaluation {
    /// The form that [`Evaluation::from_bytes`] reads.
    pub fn to_bytes(&self) -> Vec<u8> {
        let words = 1 + self.n_images() * (2 + 2 * self.kept);
        let mut bytes = Vec::with_capacity(4 * words);
        bytes.extend((self.kept as u32).to_le_bytes());
        let truth = self.true_rank.iter().zip(&self.true_probability);
        for (ranked, (rank, probability)) in self.ranked.chunks_exact(self.kept).zip(truth) {
            bytes.extend(rank.to_le_bytes());
            bytes.extend(probability.to_le_bytes());
            for Ranked { class, probability } in ranked {
                bytes.extend(class.to_le_bytes());
                bytes.extend(probability.to_le_bytes());
            }
        }
        bytes
    }

    /// The evaluation of images with these labels, `[n_images]`, each below `n_classes`; `None` if the bytes are not
    /// those of one.
    pub fn from_bytes(bytes: &[u8], labels: &[usize], n_classes: usize) -> Option<Self> {
        let (words, rest) = bytes.as_chunks::<4>();
        let (kept, words) = words.split_first()?;
        let kept = u32::from_le_bytes(*kept) as usize;
        let expected = labels.len().checked_mul(kept.checked_mul(2)?.checked_add(2)?)?;
        if !rest.is_empty() || kept == 0 || kept > n_classes || words.len() != expected {
            return None;
        }
        let (integer, float) = (|word: [u8; 4]| u32::from_le_bytes(word), |word| f32::from_le_bytes(word));
        let mut ranked = Vec::with_capacity(labels.len() * kept);
        let mut true_rank = Vec::with_capacity(labels.len());
        let mut true_probability = Vec::with_capacity(labels.len());
        for image in words.chunks_exact(2 + 2 * kept) {
            true_rank.push(integer(image[0]));
            true_probability.push(float(image[1]));
            let classes = image[2..].as_chunks::<2>().0;
            ranked.extend(classes.iter().map(|&[class, probability]| Ranked {
                class: integer(class),
                probability: float(probability),
            }));
        }
        let in_range = |number: u32, first: u32| number >= first && number < first + n_classes as u32;
        let whole = ranked.iter().all(|ranked| in_range(ranked.class, 0))
            && true_rank.iter().all(|&rank| in_range(rank, 1))
            && labels.iter().all(|&label| label < n_classes);
        whole.then(|| Self::of(labels, n_classes, ranked, kept, true_rank, true_probability))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::classifier::Classifier;
    use super::super::evaluate::Evaluation;
    use super::super::evaluate::evaluate;
    use super::super::matrix::Matrix;

    fn evaluation(n_images: usize, n_classes: usize, keep: usize, seed: u64) -> (Evaluation, Vec<usize>) {
        let images = Matrix::random(n_images, 6, seed).normalised();
        let classifier = Classifier::Linear { weights: Matrix::random(n_classes, 6, seed ^ 1) };
        let labels: Vec<usize> = (0..n_images).map(|image| (image * 7) % n_classes).collect();
        (evaluate(&images, &labels, &classifier, 1.0, keep).unwrap(), labels)
    }

    proptest! {
        #[test]
        fn it_comes_back(n_images in 1usize..30, n_classes in 1usize..9, keep in 1usize..12, seed: u64) {
            let (evaluation, labels) = evaluation(n_images, n_classes, keep, seed);
            let bytes = evaluation.to_bytes();
            prop_assert_eq!(Evaluation::from_bytes(&bytes, &labels, n_classes), Some(evaluation));
            prop_assert_eq!(Evaluation::from_bytes(&bytes[..bytes.len() - 1], &labels, n_classes), None);
            prop_assert_eq!(Evaluation::from_bytes(&bytes, &labels[1..], n_classes), None);
        }

        #[test]
        fn other_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..80), n_images in 0usize..4) {
            if let Some(evaluation) = Evaluation::from_bytes(&bytes, &vec![0; n_images], 3) {
                prop_assert!(evaluation.ranked.iter().all(|ranked| ranked.class < 3));
            }
        }
    }

    #[test]
    fn a_class_that_is_not_there_is_refused() {
        let (evaluation, labels) = evaluation(5, 4, 2, 1);
        let bytes = evaluation.to_bytes();
        assert_eq!(Evaluation::from_bytes(&bytes, &[0; 5], 1), None);
        assert_eq!(Evaluation::from_bytes(&bytes, &[9; 5], 4), None);
        assert!(Evaluation::from_bytes(&bytes, &labels, 4).is_some());
    }
}
