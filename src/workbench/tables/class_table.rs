//! The classes of a session as a table: what two strategies, A and B, make of each.

use crate::evaluation::{
    ClassAccuracy, ClassDifference, ConfusedPair, Evaluation, SIGNIFICANCE, class_differences,
};
use crate::workbench::session::evaluation::Session;

/// What A and B make of one class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassRow {
    /// An index into the session's classes.
    pub class: usize,
    /// Number of its images.
    pub images: usize,
    /// Its accuracy with A, from 0 to 1; `None` without images.
    pub a: Option<f64>,
    /// Its accuracy with B, from 0 to 1; `None` without images.
    pub b: Option<f64>,
    /// Number of its images that A has wrong and B has right.
    pub gained: usize,
    /// Number of its images that A has right and B has wrong.
    pub lost: usize,
    /// The p-value of McNemar's exact test for the class alone; `None` without images.
    pub p: Option<f64>,
    /// The same with all classes taken together, after Holm.
    pub p_holm: Option<f64>,
    /// The smallest difference, from 0 to 1, that its images can prove; `None` where they are too few to prove any.
    pub resolvable: Option<f64>,
    /// What most of the images that B misses are taken for; A, where it stands alone.
    pub confusion: Option<ConfusedPair>,
}

impl ClassRow {
    /// The accuracy with B minus that with A; `None` without images.
    pub fn difference(&self) -> Option<f64> {
        Some(self.b? - self.a?)
    }

    /// Whether the class's images prove the difference, with all classes taken together.
    pub fn is_proven(&self) -> bool {
        self.p_holm.is_some_and(|p| p < SIGNIFICANCE)
    }

    /// `resolvable` in whole points, rounded up: less would not do.
    pub fn least_points(&self) -> Option<f64> {
        self.resolvable.map(|least| (100.0 * least - 1e-9).ceil())
    }

    /// What the difference comes to.
    pub fn change(&self) -> Change {
        match self.difference() {
            Some(difference) if difference > 0.0 => Change::Gained,
            Some(difference) if difference < 0.0 => Change::Lost,
            _ => Change::Same,
        }
    }
}

/// The sign of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// B is better.
    Gained,
    /// A is better.
    Lost,
    /// Neither is, or there are no images.
    Same,
}

impl Change {
    /// In the order in which they are offered.
    pub const ALL: [Self; 3] = [Self::Gained, Self::Lost, Self::Same];

    /// As on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gained => "gained",
            Self::Lost => "lost",
            Self::Same => "same",
        }
    }
}

/// What the classes are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClassColumn {
    /// B minus A.
    Difference,
    /// The accuracy with A.
    AccuracyA,
    /// The accuracy with B.
    AccuracyB,
    /// The number of images.
    Images,
    /// The number of images of the most frequent confusion.
    Confusion,
    /// The class name, ignoring case.
    Name,
    /// The dataset's order.
    Dataset,
}

impl ClassColumn {
    /// In the order in which they are offered.
    pub const ALL: [Self; 7] = [
        Self::Difference,
        Self::AccuracyA,
        Self::AccuracyB,
        Self::Images,
        Self::Confusion,
        Self::Name,
        Self::Dataset,
    ];

    /// As on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Difference => "difference",
            Self::AccuracyA => "a",
            Self::AccuracyB => "b",
            Self::Images => "images",
            Self::Confusion => "confusion",
            Self::Name => "name",
            Self::Dataset => "dataset",
        }
    }

    /// Numbers begin with the largest, names and places with the first.
    fn is_ascending(self) -> bool {
        matches!(self, Self::Name | Self::Dataset)
    }
}

/// Every class with the strategies `a` and `b`, which may be the same one, in the dataset's order.
pub fn class_table(session: &Session, a: usize, b: usize) -> Vec<ClassRow> {
    class_rows(&session.strategies[a].evaluation, &session.strategies[b].evaluation)
}

/// The same of two evaluations on the same images.
pub(in crate::workbench) fn class_rows(a: &Evaluation, b: &Evaluation) -> Vec<ClassRow> {
    // The strategies of a session are evaluated on the same images.
    let differences = class_differences(a, b).unwrap_or_default();
    let accuracies = a.per_class().into_iter().zip(b.per_class());
    let row = |(class, ((with_a, with_b), difference)): (
        usize,
        ((ClassAccuracy, ClassAccuracy), ClassDifference),
    )| {
        ClassRow {
            class,
            images: difference.images,
            a: with_a.accuracy,
            b: with_b.accuracy,
            gained: difference.gained,
            lost: difference.lost,
            p: difference.p,
            p_holm: difference.p_holm,
            resolvable: difference.resolvable.map(|points| points / 100.0),
            confusion: b.most_frequent_confusion(class),
        }
    };
    accuracies.zip(differences).enumerate().map(row).collect()
}

/// Sorts rows by a column; equal ones stay in their order. Numbers begin with the largest, names and the dataset's
/// order with the first, and the other way round if `reversed`. Classes without a value come last either way.
/// `classes` are the session's class names.
pub fn sort_classes(rows: &mut [ClassRow], column: ClassColumn, reversed: bool, classes: &[String]) {
    let places = if column == ClassColumn::Name { places(classes) } else { Vec::new() };
    let value = |row: &ClassRow| match column {
        ClassColumn::Difference => row.difference(),
        ClassColumn::AccuracyA => row.a,
        ClassColumn::AccuracyB => row.b,
        ClassColumn::Images => Some(row.images as f64),
        ClassColumn::Confusion => row.confusion.map(|pair| f64::from(pair.images)),
        ClassColumn::Name => Some(places[row.class] as f64),
        ClassColumn::Dataset => Some(row.class as f64),
    };
    let ascending = column.is_ascending() != reversed;
    rows.sort_by(|x, y| match (value(x), value(y)) {
        (Some(x), Some(y)) if ascending => x.total_cmp(&y),
        (Some(x), Some(y)) => y.total_cmp(&x),
        (x, y) => x.is_none().cmp(&y.is_none()),
    });
}

/// The place of each name in the alphabet, ignoring case.
fn places(names: &[String]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by_cached_key(|&name| names[name].to_lowercase());
    let mut places = vec![0; names.len()];
    for (place, name) in order.into_iter().enumerate() {
        places[name] = place;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workbench::session::test_session;
    use crate::workbench::session::test_session::session;

    /// Four classes, the last one without images; B gains one deer and loses one cat.
    fn pond() -> Session {
        let labels = [0, 0, 0, 0, 1, 1, 2, 2];
        let a = [0, 0, 0, 1, 0, 0, 2, 2];
        let b = [0, 0, 2, 1, 1, 2, 2, 2];
        session(&["cat", "Deer", "bird, wild", "カエル"], &labels, &[("a", &a), ("b", &b)])
    }

    #[test]
    fn every_class_has_its_row() {
        let pair = |truth, predicted, images| Some(ConfusedPair { truth, predicted, images });
        let rows = class_table(&pond(), 0, 1);
        let expected = [
            (0, 4, Some(0.75), Some(0.5), 0, 1, pair(0, 1, 1)),
            (1, 2, Some(0.0), Some(0.5), 1, 0, pair(1, 2, 1)),
            (2, 2, Some(1.0), Some(1.0), 0, 0, None),
            (3, 0, None, None, 0, 0, None),
        ];
        let expected = expected.map(|(class, images, a, b, gained, lost, confusion)| ClassRow {
            class,
            images,
            a,
            b,
            gained,
            lost,
            p: a.map(|_| 1.0),
            p_holm: a.map(|_| 1.0),
            resolvable: None,
            confusion,
        });
        assert_eq!(rows, expected);
        let changes: Vec<Change> = rows.iter().map(ClassRow::change).collect();
        assert_eq!(changes, [Change::Lost, Change::Gained, Change::Same, Change::Same]);
        assert_eq!(rows[3].difference(), None);

        let alone = class_table(&pond(), 0, 0);
        assert!(alone.iter().all(|row| row.change() == Change::Same && row.gained + row.lost == 0));
        assert_eq!(alone[1].confusion, pair(1, 0, 2));
    }

    #[test]
    fn gained_and_lost_explain_the_difference() {
        let session = test_session::generated(40, 7, 2);
        for row in class_table(&session, 0, 1) {
            let images = row.difference().unwrap() * row.images as f64;
            assert_eq!(images.round() as i64, row.gained as i64 - row.lost as i64);
        }
    }

    #[test]
    fn what_is_proven_depends_on_the_images() {
        // Strategy 1 repairs every second image and breaks every third one: of 60 images, 20 and 10.
        let session = test_session::generated(3, 60, 2);
        let of =
            |rows: &[ClassRow]| rows.iter().map(|row| (row.resolvable, row.is_proven())).collect::<Vec<_>>();
        assert_eq!(of(&class_table(&session, 0, 1)), [(Some(0.1), false); 3]);
        let session = test_session::generated(3, 600, 2);
        assert_eq!(of(&class_table(&session, 0, 1)), [(Some(0.01), true); 3]);
        assert!(!class_table(&session, 0, 0)[0].is_proven());
    }

    #[test]
    fn columns_sort_in_both_directions_and_keep_the_valueless_last() {
        let session = pond();
        let sorted = |column, reversed| -> Vec<usize> {
            let mut rows = class_table(&session, 0, 1);
            sort_classes(&mut rows, column, reversed, &session.classes);
            rows.iter().map(|row| row.class).collect()
        };
        let expected = [
            (ClassColumn::Difference, [1, 2, 0, 3], [0, 2, 1, 3]),
            (ClassColumn::AccuracyA, [2, 0, 1, 3], [1, 0, 2, 3]),
            (ClassColumn::AccuracyB, [2, 0, 1, 3], [0, 1, 2, 3]),
            (ClassColumn::Images, [0, 1, 2, 3], [3, 1, 2, 0]),
            (ClassColumn::Confusion, [0, 1, 2, 3], [0, 1, 2, 3]),
            (ClassColumn::Name, [2, 0, 1, 3], [3, 1, 0, 2]),
            (ClassColumn::Dataset, [0, 1, 2, 3], [3, 2, 1, 0]),
        ];
        assert_eq!(expected.map(|(column, ..)| column), ClassColumn::ALL);
        for (column, usual, reversed) in expected {
            assert_eq!(sorted(column, false), usual, "{column:?}");
            assert_eq!(sorted(column, true), reversed, "{column:?}, reversed");
        }
    }

    #[test]
    fn names_on_the_command_line_differ() {
        let mut names: Vec<&str> = ClassColumn::ALL.iter().map(|column| column.name()).collect();
        names.extend(Change::ALL.iter().map(|change| change.name()));
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
    }
}
