//! Which images say most about the strategies: what B repairs, what it breaks, and what all of them get wrong.

use std::collections::HashMap;

use super::View;
use crate::workbench::tables::image_selection::{Focus, ImageFilter, ImageSelection, margin};

/// Why images are telling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A has them wrong, B right.
    Repaired,
    /// A has them right, B wrong.
    Broken,
    /// Every strategy has them wrong.
    MissedByAll,
    /// A stands alone, and has them wrong.
    Missed,
}

/// The most telling images for one reason.
#[derive(Debug, PartialEq, Eq)]
pub struct TellingImages {
    pub reason: Reason,
    /// Indices into the session's images, the most telling first.
    pub images: Vec<usize>,
    /// How many there are in all.
    pub found: usize,
}

/// At most `most` images, shared evenly among the reasons as far as there are images for each.
pub fn telling_images(view: &View<'_>, most: usize) -> Vec<TellingImages> {
    let reasons: &[Reason] = match view.is_pair() {
        true => &[Reason::Repaired, Reason::Broken, Reason::MissedByAll],
        false => &[Reason::Missed],
    };
    let found: Vec<Vec<usize>> = reasons.iter().map(|&reason| images_for(view, reason)).collect();
    let shares = shares(most, &found.iter().map(Vec::len).collect::<Vec<usize>>());
    let telling = reasons.iter().zip(found).zip(shares).map(|((&reason, found), share)| {
        let images = most_telling(view, reason, &found, share);
        TellingImages { reason, images, found: found.len() }
    });
    telling.collect()
}

fn images_for(view: &View<'_>, reason: Reason) -> Vec<usize> {
    let filter = match reason {
        Reason::Repaired => ImageFilter::Gained,
        Reason::Broken => ImageFilter::Lost,
        Reason::MissedByAll => ImageFilter::MissedByAll,
        Reason::Missed => ImageFilter::MissedByA,
    };
    let every: Vec<usize> = (0..view.session.strategies.len()).collect();
    let selection = ImageSelection { filter, class: None, cell: None, name: String::new() };
    selection.images(view.session, &Focus { a: view.a, b: view.b, shown: &every })
}

/// How telling an image is; more is more.
fn weight(view: &View<'_>, reason: Reason, image: usize) -> f32 {
    let margin = |strategy: usize| margin(view.session, strategy, image).unwrap_or(0.0);
    let confidence = |strategy: usize| view.evaluation(strategy).prediction(image).probability;
    match reason {
        Reason::Repaired => margin(view.b) - margin(view.a),
        Reason::Broken => margin(view.a) - margin(view.b),
        Reason::MissedByAll => {
            (0..view.session.strategies.len()).map(confidence).min_by(f32::total_cmp).unwrap_or(0.0)
        }
        Reason::Missed => confidence(view.a),
    }
}

/// The `most` images with the highest weight, but one of each class before a second one of any.
fn most_telling(view: &View<'_>, reason: Reason, images: &[usize], most: usize) -> Vec<usize> {
    let mut weighed: Vec<(f32, usize)> =
        images.iter().map(|&image| (weight(view, reason, image), image)).collect();
    // Sorting keeps equal ones in the dataset's order.
    weighed.sort_by(|x, y| y.0.total_cmp(&x.0));
    let mut before: HashMap<usize, usize> = HashMap::new();
    let mut places: Vec<(usize, usize)> = Vec::with_capacity(weighed.len());
    for (_, image) in weighed {
        let of_class = before.entry(view.session.images[image].label).or_insert(0);
        places.push((*of_class, image));
        *of_class += 1;
    }
    places.sort_by_key(|(of_class, _)| *of_class);
    places.into_iter().take(most).map(|(_, image)| image).collect()
}

/// Shares of at most `most` altogether that differ as little as the numbers of things there are allow.
fn shares(most: usize, there: &[usize]) -> Vec<usize> {
    let mut shares = vec![0; there.len()];
    let mut left = most;
    while left > 0 {
        let wanting: Vec<usize> = (0..there.len()).filter(|&i| shares[i] < there[i]).collect();
        if wanting.is_empty() {
            break;
        }
        let each = (left / wanting.len()).max(1);
        for i in wanting {
            let share = each.min(there[i] - shares[i]).min(left);
            shares[i] += share;
            left -= share;
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::HtmlReport;
    use super::*;
    use crate::workbench::session::evaluation::Session;
    use crate::workbench::session::test_session::session_with;

    fn telling(session: &Session, a: usize, b: usize, most: usize) -> Vec<(Reason, Vec<usize>, usize)> {
        let report = HtmlReport { session, a, b, gallery: most, command: "" };
        let view = View::new(&report).unwrap();
        let groups = telling_images(&view, most).into_iter();
        groups.map(|group| (group.reason, group.images, group.found)).collect()
    }

    const LABELS: [usize; 7] = [0, 0, 0, 1, 1, 2, 2];

    fn pond() -> Session {
        let a = [(1, 0.6), (1, 0.9), (1, 0.7), (0, 0.6), (1, 0.9), (0, 0.5), (1, 0.9)];
        let b = [(0, 0.9), (0, 0.8), (0, 0.7), (1, 0.6), (2, 0.5), (1, 0.9), (1, 0.8)];
        let c = [(0, 0.9), (1, 0.8), (1, 0.7), (0, 0.6), (2, 0.9), (0, 0.9), (1, 0.6)];
        session_with(&["cat", "deer", "frog"], &LABELS, &[("a", &a), ("b", &b), ("c", &c)])
    }

    #[test]
    fn one_of_each_class_comes_first() {
        // Of the cats, image 1 changes most; the deer comes before the other cats although it changes less.
        let expected = [
            (Reason::Repaired, vec![1, 3, 0, 2], 4),
            (Reason::Broken, vec![4], 1),
            (Reason::MissedByAll, vec![6, 5], 2),
        ];
        assert_eq!(telling(&pond(), 0, 1, 24), expected);
        let few: Vec<Vec<usize>> = telling(&pond(), 0, 1, 4).into_iter().map(|group| group.1).collect();
        assert_eq!(few, [vec![1, 3], vec![4], vec![6]]);
    }

    #[test]
    fn a_strategy_alone_shows_what_it_misses() {
        assert_eq!(telling(&pond(), 2, 2, 3), [(Reason::Missed, vec![4, 5, 1], 6)]);
        assert_eq!(telling(&pond(), 2, 2, 0), [(Reason::Missed, vec![], 6)]);
    }

    #[test]
    fn shares_by_hand() {
        assert_eq!(shares(24, &[100, 100, 100]), [8, 8, 8]);
        assert_eq!(shares(24, &[100, 3, 0]), [21, 3, 0]);
        assert_eq!(shares(2, &[5, 5, 5]), [1, 1, 0]);
        assert_eq!(shares(9, &[1, 1]), [1, 1]);
        assert_eq!(shares(0, &[1]), [0]);
    }

    proptest! {
        #[test]
        fn shares_use_what_there_is(most in 0usize..100, there in prop::collection::vec(0usize..50, 0..5)) {
            let shares = shares(most, &there);
            prop_assert_eq!(shares.iter().sum::<usize>(), most.min(there.iter().sum()));
            prop_assert!(shares.iter().zip(&there).all(|(share, there)| share <= there));
            let largest = shares.iter().max().copied().unwrap_or(0);
            for (share, there) in shares.iter().zip(&there) {
                prop_assert!(share == there || share + 1 >= largest, "{:?}", shares);
            }
        }
    }
}
