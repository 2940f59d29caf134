//! How many images of each class were taken for each class. Only pairs that occur take memory: a full matrix of 21,841
//! classes would have 477 million cells, nearly all of them empty.

/// The confusion matrix of an evaluation, row by row: `[n_classes, n_classes]` counts of images, of which those above zero
/// are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusion {
    /// For each true class, the cell after its last one, `[n_classes]`.
    ends: Vec<usize>,
    /// By true class and, of one, by predicted class.
    cells: Vec<Taken>,
}

/// Images of a class that were taken for one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The class that they were taken for.
    pub predicted: usize,
    /// Number of images; at least one.
    pub images: u32,
}

impl Confusion {
    /// Counts images by their class and the class that they were taken for, both below `n_classes`.
    pub fn count(n_classes: usize, images: impl Iterator<Item = (usize, usize)>) -> Self {
        let mut images: Vec<(usize, usize)> = images.collect();
        images.sort_unstable();
        let mut cells: Vec<Taken> = Vec::new();
        let mut ends = vec![0; n_classes];
        for same in images.chunk_by(|a, b| a == b) {
            let (truth, predicted) = same[0];
            cells.push(Taken { predicted, images: same.len() as u32 });
            ends[truth] = cells.len();
        }
        // A class without images ends where the one before it does.
        for class in 1..n_classes {
            ends[class] = ends[class].max(ends[class - 1]);
        }
        Self { ends, cells }
    }

    /// A full matrix, `[n_classes, n_classes]`: rows are the true classes, columns the predicted ones.
    pub fn from_matrix(counts: &[u32], n_classes: usize) -> Self {
        let mut confusion = Self { ends: Vec::with_capacity(n_classes), cells: Vec::new() };
        for row in counts.chunks_exact(n_classes.max(1)) {
            let above_zero = row.iter().enumerate().filter(|(_, images)| **images > 0);
            confusion.cells.extend(above_zero.map(|(predicted, &images)| Taken { predicted, images }));
            confusion.ends.push(confusion.cells.len());
        }
        confusion
    }

    /// Number of classes.
    pub fn n_classes(&self) -> usize {
        self.ends.len()
    }

    /// What images of a class were taken for, in class order; its own class is among it if some were recognised.
    pub fn row(&self, truth: usize) -> &[Taken] {
        let start = truth.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.cells[start..self.ends[truth]]
    }

    /// Number of images of one class that were taken for another.
    pub fn images(&self, truth: usize, predicted: usize) -> u32 {
        let row = self.row(truth);
        row.binary_search_by_key(&predicted, |taken| taken.predicted).map_or(0, |at| row[at].images)
    }

    /// Number of images of a class.
    pub fn images_of(&self, truth: usize) -> u32 {
        self.row(truth).iter().map(|taken| taken.images).sum()
    }

    /// A row with its zeros, `[n_classes]`.
    pub fn full_row(&self, truth: usize) -> Vec<u32> {
        let mut row = vec![0; self.n_classes()];
        self.row(truth).iter().for_each(|taken| row[taken.predicted] = taken.images);
        row
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_counts_as_a_full_matrix_does(n_classes in 1usize..9, pairs in prop::collection::vec((0usize..9, 0usize..9), 0..60)) {
            let pairs: Vec<(usize, usize)> =
                pairs.into_iter().map(|(truth, predicted)| (truth % n_classes, predicted % n_classes)).collect();
            let mut full = vec![0_u32; n_classes * n_classes];
            pairs.iter().for_each(|(truth, predicted)| full[truth * n_classes + predicted] += 1);
            let confusion = Confusion::count(n_classes, pairs.into_iter());
            prop_assert_eq!(&confusion, &Confusion::from_matrix(&full, n_classes));
            prop_assert_eq!(confusion.n_classes(), n_classes);
            for (truth, row) in full.chunks_exact(n_classes).enumerate() {
                prop_assert_eq!(confusion.full_row(truth), row);
                prop_assert_eq!(confusion.images_of(truth), row.iter().sum::<u32>());
                for (predicted, images) in row.iter().enumerate() {
                    prop_assert_eq!(confusion.images(truth, predicted), *images);
                }
            }
        }
    }

    #[test]
    fn it_is_as_large_as_what_occurs() {
        let confusion = Confusion::count(900_000, [(899_999, 3), (2, 2), (899_999, 3)].into_iter());
        assert_eq!(confusion.cells.len(), 2);
        assert_eq!(confusion.row(899_999), [Taken { predicted: 3, images: 2 }]);
        assert_eq!(confusion.row(500), []);
        assert_eq!(confusion.images(2, 2), 1);
    }
}
