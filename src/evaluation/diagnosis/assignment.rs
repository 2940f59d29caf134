//! The best assignment of predicted classes to true ones, and the permutations of class names that it gives away.

use crate::evaluation::core::confusion::Confusion;
use crate::evaluation::core::evaluate::Evaluation;

/// How unlikely a permutation must be by chance, as a negative natural logarithm: one in a thousand.
const SURPRISE: f64 = 6.907_755_278_982_137;
/// How many times as many images the permutation must explain as the names do.
const TIMES: usize = 2;
/// One class of so many in a cycle may be too weak to show that it was moved.
const WEAK: usize = 10;

/// Classes whose images look as if their names had been passed on in a circle: two that are swapped, or more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PermutedClasses {
    /// The classes: images of each are taken for the next one, those of the last for the first.
    pub classes: Vec<usize>,
    /// Number of images of these classes.
    pub images: usize,
    /// Images that are taken for their own class.
    pub as_named: usize,
    /// Images that are taken for the class that follows theirs.
    pub as_permuted: usize,
}

impl Evaluation {
    /// The cycles of classes whose names look permuted, the smallest class first in each, in class order.
    ///
    /// A cycle of the best assignment counts if all of its classes have images and
    /// - each class is taken for the next more often than for itself, all but one of ten: a classifier that merely
    ///   prefers some classes cannot do that all around a circle;
    /// - the permutation explains twice as many images as the names do, and more than chance would if a class and the
    ///   next were equally likely (a sign test);
    /// - it is beyond what the best of all cycles reaches if predictions do not depend on the images (a binomial test for
    ///   each class against the share of its column, with Bonferroni's correction).
    ///
    /// Both tests use Chernoff's bound (Annals of Mathematical Statistics 23(4), 1952) and a level of 0.001.
    pub fn permuted_classes(&self) -> Vec<PermutedClasses> {
        let next = assigned(&self.confusion);
        let mut predicted = vec![0_u32; self.n_classes];
        for taken in (0..self.n_classes).flat_map(|class| self.confusion.row(class)) {
            predicted[taken.predicted] += taken.images;
        }
        cycles(&next).into_iter().filter_map(|classes| self.permuted(classes, &predicted)).collect()
    }

    /// What speaks for a cycle, if enough does; `predicted` is how often each class is predicted, `[n_classes]`.
    fn permuted(&self, classes: Vec<usize>, predicted: &[u32]) -> Option<PermutedClasses> {
        let (all, n_classes) = (self.n_images() as f64, self.n_classes as f64);
        let (mut total, mut named, mut moved, mut weak) = (0, 0, 0, 0);
        let (mut against_names, mut against_chance) = (0.0, 0.0);
        for (at, &class) in classes.iter().enumerate() {
            let next = classes[(at + 1) % classes.len()];
            let images = self.confusion.images_of(class);
            let (own, other) = (self.confusion.images(class, class), self.confusion.images(class, next));
            if images == 0 {
                return None;
            }
            weak += usize::from(other <= own);
            against_names += surprise(other, own + other, 0.5);
            against_chance += surprise(other, images, (f64::from(predicted[next]) + 1.0) / (all + n_classes));
            total += images as usize;
            named += own as usize;
            moved += other as usize;
        }
        let length = classes.len();
        let is_permuted = weak <= length / WEAK
            && moved >= TIMES * named
            && against_names >= SURPRISE
            && against_chance >= SURPRISE + length as f64 * n_classes.ln();
        is_permuted.then_some(PermutedClasses { classes, images: total, as_named: named, as_permuted: moved })
    }
}

/// The least that −ln of the probability of `hits` or more among `trials` is, each a hit with probability `chance`;
/// 0 for no more hits than expected.
fn surprise(hits: u32, trials: u32, chance: f64) -> f64 {
    let trials = f64::from(trials);
    let share = f64::from(hits) / trials;
    if trials == 0.0 || share <= chance {
        return 0.0;
    }
    let part = |share: f64, chance: f64| if share > 0.0 { share * (share / chance).ln() } else { 0.0 };
    trials * (part(share, chance) + part(1.0 - share, 1.0 - chance))
}

/// The cycles of a permutation that are longer than one.
fn cycles(next: &[usize]) -> Vec<Vec<usize>> {
    let mut seen = vec![false; next.len()];
    let mut cycles = Vec::new();
    for first in 0..next.len() {
        let mut cycle = Vec::new();
        let mut at = first;
        while !seen[at] {
            seen[at] = true;
            cycle.push(at);
            at = next[at];
        }
        if cycle.len() > 1 {
            cycles.push(cycle);
        }
    }
    cycles
}

/// The column of each row, `[n]`, such that the sum of `counts`, `[n, n]`, there is largest; of several such assignments
/// one with the most rows in their own column.
///
/// Shortest augmenting paths on exact integers (Jonker and Volgenant, "A shortest augmenting path algorithm for dense
/// and sparse linear assignment problems", Computing 38, 1987): O(n³), and nearly O(n²) where most rows have their own
/// largest column.
pub fn best_assignment(counts: &[u32], n: usize) -> Vec<usize> {
    assigned(&Confusion::from_matrix(counts, n))
}

/// The same, of counts most of which are zero.
fn assigned(counts: &Confusion) -> Vec<usize> {
    let mut assignment = Assignment::new(counts);
    (0..counts.n_classes()).for_each(|row| assignment.add(row));
    assignment.column_of
}

/// No row yet.
const FREE: usize = usize::MAX;

/// The cheapest assignment of the rows so far, with the prices that prove it.
struct Assignment<'a> {
    counts: &'a Confusion,
    /// Those of one row, `[n]`.
    costs: Vec<i64>,
    /// Never more than its cost less its row's distance: `[n]`.
    prices: Vec<i64>,
    /// The row of each column, or [`FREE`].
    row_of: Vec<usize>,
    /// The column of each row, or [`FREE`].
    column_of: Vec<usize>,
    /// How far each column is on the way from the row that is added.
    distance: Vec<i64>,
    /// The row before each column on that way.
    before: Vec<usize>,
}

impl<'a> Assignment<'a> {
    fn new(counts: &'a Confusion) -> Self {
        let n = counts.n_classes();
        Self {
            counts,
            costs: vec![0; n],
            prices: vec![0; n],
            row_of: vec![FREE; n],
            column_of: vec![FREE; n],
            distance: vec![0; n],
            before: vec![FREE; n],
        }
    }

    /// Lays out the costs of a row.
    fn price(&mut self, row: usize) {
        // One more decides between equal sums and no others.
        let scale = self.counts.n_classes() as i64 + 1;
        self.costs.fill(0);
        for taken in self.counts.row(row) {
            self.costs[taken.predicted] = -scale * i64::from(taken.images);
        }
        self.costs[row] -= 1;
    }

    /// Gives a row its column; rows on the way move to others.
    fn add(&mut self, row: usize) {
        let mut column = self.nearest_free_column(row);
        while column != FREE {
            let from = self.before[column];
            self.row_of[column] = from;
            std::mem::swap(&mut self.column_of[from], &mut column);
            if from == row {
                break;
            }
        }
    }

    /// The free column at the end of the shortest way from a row, along which prices are raised.
    fn nearest_free_column(&mut self, start: usize) -> usize {
        let mut open: Vec<usize> = (0..self.counts.n_classes()).collect();
        let mut passed = Vec::new();
        self.distance.fill(i64::MAX);
        let (mut row, mut so_far) = (start, 0);
        while !open.is_empty() {
            self.price(row);
            let costs = &self.costs;
            let own = match self.column_of[row] {
                FREE => 0,
                column => costs[column] - self.prices[column],
            };
            let mut nearest = 0;
            for (at, &column) in open.iter().enumerate() {
                let through = so_far + costs[column] - self.prices[column] - own;
                if through < self.distance[column] {
                    self.distance[column] = through;
                    self.before[column] = row;
                }
                if self.distance[column] < self.distance[open[nearest]] {
                    nearest = at;
                }
            }
            let column = open.swap_remove(nearest);
            so_far = self.distance[column];
            if self.row_of[column] == FREE {
                for passed in passed {
                    self.prices[passed] -= so_far - self.distance[passed];
                }
                return column;
            }
            passed.push(column);
            row = self.row_of[column];
        }
        FREE
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::evaluation::core::ranking::Ranked;
    use crate::kernels::random;

    fn counts(n: usize, seed: u64, below: u32) -> Vec<u32> {
        random(n * n, seed).into_iter().map(|x| ((x + 0.5) * below as f32) as u32).collect()
    }

    fn sum(counts: &[u32], columns: &[usize]) -> u32 {
        columns.iter().enumerate().map(|(row, column)| counts[row * columns.len() + column]).sum()
    }

    /// scipy.optimize.linear_sum_assignment(counts, maximize=True) on the same numbers.
    #[test]
    fn the_sums_are_those_of_scipy() {
        for (n, seed, below, best) in
            [(1, 1, 9, 0), (2, 2, 9, 7), (5, 3, 10, 29), (60, 5, 4, 180), (200, 6, 1000, 198_339)]
        {
            let counts = counts(n, seed, below);
            assert_eq!(sum(&counts, &best_assignment(&counts, n)), best, "{n}");
        }
        let columns = [5, 2, 4, 12, 15, 13, 14, 8, 11, 10, 0, 1, 3, 9, 16, 6, 7];
        assert_eq!(best_assignment(&counts(17, 4, 100), 17), columns);
        assert_eq!(best_assignment(&[], 0), [0; 0]);
    }

    fn all_permutations(n: usize) -> Vec<Vec<usize>> {
        if n == 0 {
            return vec![Vec::new()];
        }
        let with = |rest: Vec<usize>| {
            (0..n).map(move |at| {
                let mut with = rest.clone();
                with.insert(at, n - 1);
                with
            })
        };
        all_permutations(n - 1).into_iter().flat_map(with).collect()
    }

    proptest! {
        #[test]
        fn no_permutation_is_better(n in 1usize..7, below in 1u32..5, seed: u64) {
            let counts = counts(n, seed, below);
            let found = best_assignment(&counts, n);
            let fixed = |columns: &[usize]| columns.iter().enumerate().filter(|(row, column)| row == *column).count();
            let best = all_permutations(n).into_iter().map(|columns| (sum(&counts, &columns), fixed(&columns))).max();
            prop_assert_eq!(Some((sum(&counts, &found), fixed(&found))), best);
        }

        #[test]
        fn predictions_by_chance_are_no_permutation(
            n_classes in 2usize..60, per_class in 1usize..40, skew in 1.0f32..6.0, seed: u64,
        ) {
            let mut confusion = vec![0; n_classes * n_classes];
            for (image, x) in random(n_classes * per_class, seed).into_iter().enumerate() {
                // Some classes are predicted far more often than others.
                let predicted = ((x + 0.5).powf(skew) * n_classes as f32) as usize;
                confusion[image / per_class * n_classes + predicted.min(n_classes - 1)] += 1;
            }
            prop_assert_eq!(evaluation(n_classes, confusion).permuted_classes(), []);
        }
    }

    fn evaluation(n_classes: usize, confusion: Vec<u32>) -> Evaluation {
        let images = confusion.iter().sum::<u32>() as usize;
        Evaluation {
            n_classes,
            labels: vec![0; images],
            ranked: vec![Ranked { class: 0, probability: 1.0 }; images],
            kept: 1,
            true_rank: vec![1; images],
            true_probability: vec![1.0; images],
            confusion: Confusion::from_matrix(&confusion, n_classes),
        }
    }

    /// A classifier that is right for `right` of `images` of each class and else wrong in a different way for each, on
    /// images whose class `c` is called `names[c]`.
    fn named(names: &[usize], images: u32, right: u32) -> Evaluation {
        let n = names.len();
        let mut confusion = vec![0; n * n];
        for (class, &name) in names.iter().enumerate() {
            confusion[name * n + class] += right;
            confusion[name * n + (class + 1 + class % (n - 1)) % n] += images - right;
        }
        evaluation(n, confusion)
    }

    #[test]
    fn swapped_and_rotated_names_are_found() {
        let found = named(&[0, 1, 5, 3, 4, 2, 6, 7], 20, 15).permuted_classes();
        assert_eq!(found.len(), 1);
        let PermutedClasses { classes, images, as_named, as_permuted } = &found[0];
        assert_eq!((&classes[..], *images, *as_permuted), (&[2, 5][..], 40, 30));
        assert!(*as_named <= 10);
        let rotated: Vec<usize> = (0..30).map(|class| (class + 1) % 30).collect();
        let found = named(&rotated, 8, 5).permuted_classes();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].classes, (0..30).map(|at| (30 - at) % 30).collect::<Vec<_>>());
        let reversed: Vec<usize> = (0..10).rev().collect();
        assert_eq!(named(&reversed, 50, 30).permuted_classes().len(), 5);
    }

    #[test]
    fn weak_classifiers_are_left_alone() {
        for right in [8, 10, 20] {
            assert_eq!(named(&[0, 1, 2, 3, 4, 5], 20, right).permuted_classes(), [], "{right}");
        }
        // A class that is hardly ever predicted, and one that takes most of its images.
        let weak = vec![8, 88, 4, 2, 95, 3, 10, 30, 60];
        assert_eq!(evaluation(3, weak).permuted_classes(), []);
        // Nobody can say what an empty class is called.
        assert_eq!(evaluation(2, vec![0, 0, 100, 0]).permuted_classes(), []);
        // Two images are no evidence.
        assert_eq!(evaluation(2, vec![0, 1, 1, 0]).permuted_classes(), []);
    }
}
