//! What is taken for what: the pairs of classes that matter in a confusion matrix, alone or from one evaluation to
//! another.

use std::cmp::Reverse;

use crate::evaluation::core::confusion::{Confusion, Taken};
use crate::evaluation::core::evaluate::Evaluation;

/// Images of one class that were taken for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfusedPair {
    /// Their class.
    pub truth: usize,
    /// The class that they were taken for.
    pub predicted: usize,
    /// Number of images.
    pub images: u32,
}

/// How often one class is taken for another in two evaluations of the same images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfusionChange {
    /// The images' class.
    pub truth: usize,
    /// The class that they were taken for.
    pub predicted: usize,
    /// Number of images in A.
    pub a: u32,
    /// Number of images in B.
    pub b: u32,
}

impl ConfusionChange {
    /// B minus A, in images: above zero, B confuses the two more often.
    pub fn difference(&self) -> i64 {
        i64::from(self.b) - i64::from(self.a)
    }
}

impl Evaluation {
    /// The pairs of different classes with at least one image, most images first, ties in class order; at most `most`.
    pub fn confused_pairs(&self, most: usize) -> Vec<ConfusedPair> {
        let mut pairs = Vec::new();
        for truth in 0..self.n_classes {
            pairs.extend(self.confused(truth));
        }
        first(&mut pairs, most, |pair| (Reverse(pair.images), pair.truth, pair.predicted));
        pairs
    }

    /// The class that most of the missed images of `class` were taken for, the first of several; `None` if none was
    /// missed.
    pub fn most_frequent_confusion(&self, class: usize) -> Option<ConfusedPair> {
        self.confused(class).min_by_key(|pair| Reverse(pair.images))
    }

    /// What missed images of a class were taken for, in class order.
    fn confused(&self, truth: usize) -> impl Iterator<Item = ConfusedPair> {
        let others = self.confusion.row(truth).iter().filter(move |taken| taken.predicted != truth);
        others.map(move |&Taken { predicted, images }| ConfusedPair { truth, predicted, images })
    }

    /// `class`, and after it the classes that are confused with it, in either direction, most images first, ties in
    /// class order; at most `size`.
    pub fn confusion_block(&self, class: usize, size: usize) -> Vec<usize> {
        let images = |truth: usize, predicted: usize| u64::from(self.confusion.images(truth, predicted));
        block(class, self.n_classes, size, |other| images(class, other) + images(other, class))
    }
}

/// The pairs of different classes that A and B, evaluations of the same images, confuse differently often: the largest
/// changes first, of equal ones what B confuses more often first, then in class order; at most `most`.
pub fn confusion_changes(a: &Evaluation, b: &Evaluation, most: usize) -> Vec<ConfusionChange> {
    let mut changes = Vec::new();
    for truth in 0..a.n_classes {
        let cells = taken_by_either(&a.confusion, &b.confusion, truth).into_iter();
        changes.extend(cells.filter(|cell| cell.a != cell.b && cell.predicted != truth));
    }
    first(&mut changes, most, |change| {
        let difference = change.difference();
        (Reverse(difference.abs()), difference < 0, change.truth, change.predicted)
    });
    changes
}

/// The classes that A or B take images of a class for, in class order.
pub fn taken_by_either(a: &Confusion, b: &Confusion, truth: usize) -> Vec<ConfusionChange> {
    let mut predicted: Vec<usize> =
        [a, b].into_iter().flat_map(|one| one.row(truth)).map(|taken| taken.predicted).collect();
    predicted.sort_unstable();
    predicted.dedup();
    let both = |predicted| ConfusionChange {
        truth,
        predicted,
        a: a.images(truth, predicted),
        b: b.images(truth, predicted),
    };
    predicted.into_iter().map(both).collect()
}

/// `class`, and after it the classes whose confusions with it change most from A to B, in either direction, ties in
/// class order; at most `size`.
pub fn confusion_change_block(a: &Evaluation, b: &Evaluation, class: usize, size: usize) -> Vec<usize> {
    let change = |truth: usize, predicted: usize| {
        u64::from(a.confusion.images(truth, predicted).abs_diff(b.confusion.images(truth, predicted)))
    };
    block(class, a.n_classes, size, |other| change(class, other) + change(other, class))
}

/// `class` and the others with a weight above zero, heaviest first.
fn block(class: usize, n_classes: usize, size: usize, weight: impl Fn(usize) -> u64) -> Vec<usize> {
    let mut others: Vec<(u64, usize)> =
        (0..n_classes).filter(|&other| other != class).map(|other| (weight(other), other)).collect();
    others.retain(|(weight, _)| *weight > 0);
    others.sort_unstable_by_key(|&(weight, other)| (Reverse(weight), other));
    std::iter::once(class).chain(others.into_iter().map(|(_, other)| other)).take(size).collect()
}

/// Keeps the first `most` items in the order of their keys, which differ. Only those are sorted.
fn first<T, K: Ord>(items: &mut Vec<T>, most: usize, key: impl Fn(&T) -> K) {
    if most < items.len() {
        items.select_nth_unstable_by_key(most, &key);
        items.truncate(most);
    }
    items.sort_unstable_by_key(key);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::evaluation::core::ranking::Ranked;

    /// Of a square confusion matrix alone.
    fn evaluation<const N: usize>(confusion: [[u32; N]; N]) -> Evaluation {
        of_confusion(N, confusion.as_flattened().to_vec())
    }

    fn of_confusion(n_classes: usize, confusion: Vec<u32>) -> Evaluation {
        Evaluation {
            n_classes,
            labels: vec![0],
            ranked: vec![Ranked { class: 0, probability: 1.0 }],
            kept: 1,
            true_rank: vec![1],
            true_probability: vec![1.0],
            confusion: Confusion::from_matrix(&confusion, n_classes),
        }
    }

    fn pond() -> Evaluation {
        evaluation([[7, 2, 0, 1], [2, 5, 3, 0], [0, 0, 9, 0], [0, 0, 0, 0]])
    }

    /// The same images, by another strategy.
    fn pond_again() -> Evaluation {
        evaluation([[8, 0, 1, 1], [4, 6, 0, 0], [0, 1, 8, 0], [0, 0, 0, 0]])
    }

    fn pair(truth: usize, predicted: usize, images: u32) -> ConfusedPair {
        ConfusedPair { truth, predicted, images }
    }

    #[test]
    fn the_most_confused_pairs_come_first_and_ties_in_class_order() {
        let all = [pair(1, 2, 3), pair(0, 1, 2), pair(1, 0, 2), pair(0, 3, 1)];
        assert_eq!(pond().confused_pairs(usize::MAX), all);
        assert_eq!(pond().confused_pairs(4), all);
        assert_eq!(pond().confused_pairs(2), all[..2]);
        assert_eq!(pond().confused_pairs(0), []);
        assert_eq!(evaluation([[3, 0], [0, 4]]).confused_pairs(5), []);
    }

    #[test]
    fn a_class_has_its_most_frequent_confusion() {
        assert_eq!(pond().most_frequent_confusion(0), Some(pair(0, 1, 2)));
        assert_eq!(pond().most_frequent_confusion(1), Some(pair(1, 2, 3)));
        assert_eq!(pond().most_frequent_confusion(2), None);
        assert_eq!(pond().most_frequent_confusion(3), None);
        let tie = evaluation([[0, 1, 1], [0, 0, 0], [0, 0, 0]]);
        assert_eq!(tie.most_frequent_confusion(0), Some(pair(0, 1, 1)));
    }

    #[test]
    fn a_block_has_the_class_and_what_it_is_confused_with() {
        assert_eq!(pond().confusion_block(0, 9), [0, 1, 3]);
        assert_eq!(pond().confusion_block(1, 9), [1, 0, 2]);
        assert_eq!(pond().confusion_block(1, 2), [1, 0]);
        assert_eq!(pond().confusion_block(3, 9), [3, 0]);
        assert_eq!(pond().confusion_block(3, 0), [0; 0]);
        assert_eq!(evaluation([[3, 0], [0, 4]]).confusion_block(1, 9), [1]);
    }

    #[test]
    fn the_largest_changes_come_first_and_losses_before_gains() {
        let (a, b) = (pond(), pond_again());
        let change = |truth, predicted, a, b| ConfusionChange { truth, predicted, a, b };
        let all = [
            change(1, 2, 3, 0),
            change(1, 0, 2, 4),
            change(0, 1, 2, 0),
            change(0, 2, 0, 1),
            change(2, 1, 0, 1),
        ];
        assert_eq!(confusion_changes(&a, &b, usize::MAX), all);
        assert_eq!(confusion_changes(&a, &b, 3), all[..3]);
        assert_eq!(confusion_changes(&a, &a, 3), []);
        assert_eq!(all.map(|change| change.difference()), [-3, 2, -2, 1, 1]);
        assert_eq!(confusion_change_block(&a, &b, 1, 9), [1, 0, 2]);
        assert_eq!(confusion_change_block(&a, &b, 2, 2), [2, 1]);
        assert_eq!(confusion_change_block(&a, &b, 3, 9), [3]);
    }

    fn matrices() -> impl Strategy<Value = (Evaluation, Evaluation)> {
        (1usize..9).prop_flat_map(|n| {
            let counts = || prop::collection::vec(0u32..4, n * n);
            (counts(), counts()).prop_map(move |(a, b)| (of_confusion(n, a), of_confusion(n, b)))
        })
    }

    proptest! {
        #[test]
        fn few_pairs_are_the_first_of_all((a, b) in matrices(), most in 0usize..20) {
            let all = a.confused_pairs(usize::MAX);
            prop_assert!(all.is_sorted_by_key(|pair| (Reverse(pair.images), pair.truth, pair.predicted)));
            let misses: u32 = all.iter().map(|pair| pair.images).sum();
            let diagonal: u32 = (0..a.n_classes).map(|class| a.confusion.images(class, class)).sum();
            let images: u32 = (0..a.n_classes).map(|class| a.confusion.images_of(class)).sum();
            prop_assert_eq!(misses + diagonal, images);
            prop_assert_eq!(&a.confused_pairs(most)[..], &all[..most.min(all.len())]);

            let all = confusion_changes(&a, &b, usize::MAX);
            prop_assert!(all.is_sorted_by(|x, y| x.difference().abs() >= y.difference().abs()));
            prop_assert_eq!(&confusion_changes(&a, &b, most)[..], &all[..most.min(all.len())]);
            let back = confusion_changes(&b, &a, usize::MAX);
            prop_assert_eq!(back.len(), all.len());
            prop_assert_eq!(
                back.iter().map(ConfusionChange::difference).sum::<i64>(),
                -all.iter().map(ConfusionChange::difference).sum::<i64>()
            );
        }
    }
}
