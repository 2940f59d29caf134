//! Which images are looked at: those that strategies miss, of a class, of a cell of the confusion matrix, with a name.

use rayon::prelude::*;

use crate::workbench::session::evaluation::Session;

/// A miss is confident from this probability of the wrong class on.
const CONFIDENT: f32 = 0.5;

/// Images by what the strategies make of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageFilter {
    /// Missed by A or by B.
    Missed,
    /// Missed by A.
    MissedByA,
    /// Missed by B.
    MissedByB,
    /// Missed by A, right with B.
    Gained,
    /// Right with A, missed by B.
    Lost,
    /// Missed by every strategy shown.
    MissedByAll,
    /// Missed by A or B with a probability of the wrong class of at least 0.5, the highest first.
    ConfidentlyWrong,
    /// All of them.
    Every,
}

impl ImageFilter {
    /// In the order in which they are offered.
    pub const ALL: [Self; 8] = [
        Self::Missed,
        Self::MissedByA,
        Self::MissedByB,
        Self::Gained,
        Self::Lost,
        Self::MissedByAll,
        Self::ConfidentlyWrong,
        Self::Every,
    ];

    /// What makes sense for one strategy alone.
    const ALONE: [Self; 3] = [Self::MissedByA, Self::ConfidentlyWrong, Self::Every];

    /// What there is to choose from, for a pair of strategies or for one alone.
    pub fn choices(pair: bool) -> &'static [Self] {
        if pair { &Self::ALL } else { &Self::ALONE }
    }

    /// In words.
    pub fn words(self, pair: bool) -> &'static str {
        match self {
            Self::Missed => "missed by A or B",
            Self::MissedByA if !pair => "missed",
            Self::MissedByA => "missed by A",
            Self::MissedByB => "missed by B",
            Self::Gained => "missed by A, right with B",
            Self::Lost => "right with A, missed by B",
            Self::MissedByAll => "missed by all",
            Self::ConfidentlyWrong => "confidently wrong",
            Self::Every => "every image",
        }
    }

    /// As on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Missed => "missed",
            Self::MissedByA => "missed-a",
            Self::MissedByB => "missed-b",
            Self::Gained => "gained",
            Self::Lost => "lost",
            Self::MissedByAll => "missed-all",
            Self::ConfidentlyWrong => "confident",
            Self::Every => "all",
        }
    }

    fn accepts(self, session: &Session, focus: &Focus<'_>, image: usize) -> bool {
        let right = |strategy: usize| session.strategies[strategy].evaluation.is_correct(image);
        let (a, b) = (focus.a, focus.b);
        match self {
            Self::Missed => !right(a) || !right(b),
            Self::MissedByA => !right(a),
            Self::MissedByB => !right(b),
            Self::Gained => !right(a) && right(b),
            Self::Lost => right(a) && !right(b),
            Self::MissedByAll => focus.shown.iter().all(|&strategy| !right(strategy)),
            Self::ConfidentlyWrong => {
                confidence(session, focus, image).is_some_and(|probability| probability >= CONFIDENT)
            }
            Self::Every => true,
        }
    }
}

/// The strategies that images are looked at with: indices into the session's.
#[derive(Debug, Clone, Copy)]
pub struct Focus<'a> {
    /// A.
    pub a: usize,
    /// B; the same as A where that stands alone.
    pub b: usize,
    /// Those that [`ImageFilter::MissedByAll`] asks.
    pub shown: &'a [usize],
}

/// A cell of a strategy's confusion matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConfusionCell {
    /// The strategy: an index into the session's.
    pub strategy: usize,
    /// The images' class.
    pub truth: usize,
    /// The class that they were taken for; on the diagonal, their own.
    pub predicted: usize,
}

/// What images must be like; all of it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSelection {
    /// What the strategies make of them.
    pub filter: ImageFilter,
    /// Their class.
    pub class: Option<usize>,
    /// The cell that they stand in.
    pub cell: Option<ConfusionCell>,
    /// A part of their name, which has the path from the dataset's root, ignoring case; nothing for any.
    pub name: String,
}

impl ImageSelection {
    /// The images, as indices into the session's: in its order, but for [`ImageFilter::ConfidentlyWrong`].
    pub fn images(&self, session: &Session, focus: &Focus<'_>) -> Vec<usize> {
        let name = NamePart::new(&self.name);
        let mut images: Vec<usize> = session
            .images
            .par_iter()
            .enumerate()
            .filter(|(image, of)| {
                self.class.is_none_or(|class| of.label == class)
                    && self.cell.is_none_or(|cell| cell.contains(session, *image))
                    && self.filter.accepts(session, focus, *image)
                    && name.is_in(&of.name)
            })
            .map(|(image, _)| image)
            .collect();
        if self.filter == ImageFilter::ConfidentlyWrong {
            let probability = |image: usize| confidence(session, focus, image).unwrap_or(0.0);
            images.sort_by(|&x, &y| probability(y).total_cmp(&probability(x)));
        }
        images
    }
}

impl ConfusionCell {
    fn contains(self, session: &Session, image: usize) -> bool {
        let prediction = session.strategies[self.strategy].evaluation.prediction(image);
        session.images[image].label == self.truth && prediction.class as usize == self.predicted
    }
}

/// The highest probability of a wrong class that A or B takes an image for; `None` where both are right.
fn confidence(session: &Session, focus: &Focus<'_>, image: usize) -> Option<f32> {
    [focus.a, focus.b]
        .map(|strategy| &session.strategies[strategy].evaluation)
        .into_iter()
        .filter(|evaluation| !evaluation.is_correct(image))
        .map(|evaluation| evaluation.prediction(image).probability)
        .max_by(f32::total_cmp)
}

/// How sure a strategy is of an image, from −1 to 1: where it is right, the probability of the class minus that of the
/// runner-up; where it is wrong, the probability of the true class minus that of the predicted one, which is not above
/// zero. `None` where the runner-up was not kept.
pub fn margin(session: &Session, strategy: usize, image: usize) -> Option<f32> {
    let evaluation = &session.strategies[strategy].evaluation;
    let predicted = evaluation.prediction(image).probability;
    if evaluation.is_correct(image) {
        evaluation.ranked(image).get(1).map(|runner_up| predicted - runner_up.probability)
    } else {
        Some(evaluation.true_probability[image] - predicted)
    }
}

/// A part of names, ignoring case. Nothing is allocated for a name that is looked at.
struct NamePart {
    /// In lower case.
    characters: Vec<char>,
    /// The same, where all of it is ASCII.
    ascii: Option<Vec<u8>>,
}

impl NamePart {
    fn new(part: &str) -> Self {
        let characters = lower_case(part).collect();
        Self { characters, ascii: part.is_ascii().then(|| part.as_bytes().to_vec()) }
    }

    fn is_in(&self, name: &str) -> bool {
        match &self.ascii {
            _ if self.characters.is_empty() => true,
            Some(part) if name.is_ascii() => {
                name.as_bytes().windows(part.len()).any(|window| window.eq_ignore_ascii_case(part))
            }
            _ => name.char_indices().any(|(at, _)| {
                let mut rest = lower_case(&name[at..]);
                self.characters.iter().all(|wanted| rest.next() == Some(*wanted))
            }),
        }
    }
}

fn lower_case(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(char::to_lowercase)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::workbench::session::test_session;
    use crate::workbench::session::test_session::{session, session_with};

    const LABELS: [usize; 8] = [0, 0, 0, 0, 1, 1, 1, 2];

    /// Three strategies; the probability of a prediction is its second number.
    fn pond() -> Session {
        let a = [(0, 0.9), (1, 0.6), (1, 0.4), (0, 0.5), (1, 0.9), (0, 0.7), (2, 0.45), (2, 0.8)];
        let b = [(0, 0.8), (0, 0.6), (2, 0.5), (1, 0.9), (1, 0.9), (0, 0.7), (1, 0.45), (2, 0.8)];
        let c = [(0, 0.8), (1, 0.6), (1, 0.5), (0, 0.9), (1, 0.9), (2, 0.7), (1, 0.45), (0, 0.8)];
        session_with(&["cat", "deer", "frog"], &LABELS, &[("a", &a), ("b", &b), ("c", &c)])
    }

    fn every(filter: ImageFilter) -> ImageSelection {
        ImageSelection { filter, class: None, cell: None, name: String::new() }
    }

    const FOCUS: Focus<'_> = Focus { a: 0, b: 1, shown: &[0, 1, 2] };

    #[test]
    fn filters_by_hand() {
        let expected: [(ImageFilter, &[usize]); 8] = [
            (ImageFilter::Missed, &[1, 2, 3, 5, 6]),
            (ImageFilter::MissedByA, &[1, 2, 5, 6]),
            (ImageFilter::MissedByB, &[2, 3, 5]),
            (ImageFilter::Gained, &[1, 6]),
            (ImageFilter::Lost, &[3]),
            (ImageFilter::MissedByAll, &[2, 5]),
            (ImageFilter::ConfidentlyWrong, &[3, 5, 1, 2]),
            (ImageFilter::Every, &[0, 1, 2, 3, 4, 5, 6, 7]),
        ];
        assert_eq!(expected.map(|(filter, _)| filter), ImageFilter::ALL);
        for (filter, images) in expected {
            assert_eq!(every(filter).images(&pond(), &FOCUS), images, "{filter:?}");
        }
    }

    #[test]
    fn a_strategy_alone() {
        let focus = Focus { a: 2, b: 2, shown: &[2] };
        let expected: [(ImageFilter, &str, &[usize]); 3] = [
            (ImageFilter::MissedByA, "missed", &[1, 2, 5, 7]),
            (ImageFilter::ConfidentlyWrong, "confidently wrong", &[7, 5, 1, 2]),
            (ImageFilter::Every, "every image", &[0, 1, 2, 3, 4, 5, 6, 7]),
        ];
        assert_eq!(expected.map(|(filter, ..)| filter), ImageFilter::choices(false));
        for (filter, words, images) in expected {
            assert_eq!(filter.words(false), words);
            assert_eq!(every(filter).images(&pond(), &focus), images, "{filter:?}");
        }
        assert_eq!(ImageFilter::choices(true), ImageFilter::ALL);
    }

    #[test]
    fn class_cell_and_name_all_count() {
        let session = pond();
        let images = |selection: ImageSelection| selection.images(&session, &FOCUS);
        let of_class = ImageSelection { class: Some(0), ..every(ImageFilter::Missed) };
        assert_eq!(images(of_class), [1, 2, 3]);
        let cell = |strategy, truth, predicted| Some(ConfusionCell { strategy, truth, predicted });
        assert_eq!(images(ImageSelection { cell: cell(0, 0, 1), ..every(ImageFilter::Every) }), [1, 2]);
        assert_eq!(images(ImageSelection { cell: cell(0, 0, 1), ..every(ImageFilter::Gained) }), [1]);
        assert_eq!(images(ImageSelection { cell: cell(2, 0, 0), ..every(ImageFilter::Every) }), [0, 3]);
        assert_eq!(images(ImageSelection { cell: cell(2, 0, 2), ..every(ImageFilter::Every) }), [0; 0]);
        let elsewhere = ImageSelection { class: Some(1), cell: cell(0, 0, 1), ..every(ImageFilter::Every) };
        assert_eq!(images(elsewhere), [0; 0]);
        let named = |name: &str| images(ImageSelection { name: name.into(), ..every(ImageFilter::Every) });
        assert_eq!(named("DEER/"), [4, 5, 6]);
        assert_eq!(named("0003.png"), [3]);
        assert_eq!(named("no such name"), [0; 0]);
        let both = ImageSelection { class: Some(1), name: "5".into(), ..every(ImageFilter::Missed) };
        assert_eq!(images(both), [5]);
    }

    #[test]
    fn names_are_matched_in_every_script() {
        for (part, name, expected) in [
            ("", "", true),
            ("a", "", false),
            ("CAT", "big Cat.png", true),
            ("ÄFFIN", "die äffin.jpg", true),
            ("straße", "STRASSE", false),
            ("カエル", "池のカエル.png", true),
            ("png", "カエル.PNG", true),
            ("éé", "eÉé", true),
            ("カ", "cat.png", false),
        ] {
            assert_eq!(NamePart::new(part).is_in(name), expected, "{part:?} in {name:?}");
        }
    }

    #[test]
    fn margins_by_hand() {
        let session = pond();
        let close = |strategy, image, expected: f32| {
            let found = margin(&session, strategy, image).unwrap();
            assert!((found - expected).abs() < 1e-6, "{strategy} {image}: {found}");
        };
        // Half of what the prediction leaves is the runner-up's, which is the true class where it is not predicted.
        close(0, 0, 0.9 - 0.05);
        close(0, 1, 0.2 - 0.6);
        close(1, 3, 0.05 - 0.9);
        let mut short = pond();
        let evaluation = &mut short.strategies[0].evaluation;
        evaluation.ranked = evaluation.ranked.chunks(evaluation.kept).map(|ranked| ranked[0]).collect();
        evaluation.kept = 1;
        assert_eq!(margin(&short, 0, 0), None);
        assert_eq!(margin(&short, 0, 1), margin(&session, 0, 1));
    }

    #[test]
    fn many_images_are_all_looked_at() {
        let session = test_session::generated(100, 50, 2);
        let counts = |filter: ImageFilter| every(filter).images(&session, &FOCUS_OF_TWO).len();
        let [gained, lost, both] =
            [ImageFilter::Gained, ImageFilter::Lost, ImageFilter::MissedByAll].map(counts);
        assert!(gained > 0 && lost > 0 && both > 0);
        assert_eq!(counts(ImageFilter::Missed), gained + lost + both);
        assert_eq!(counts(ImageFilter::MissedByA), gained + both);
        assert_eq!(counts(ImageFilter::MissedByB), lost + both);
        let named = ImageSelection { name: "7.PNG".into(), ..every(ImageFilter::Every) };
        assert_eq!(named.images(&session, &FOCUS_OF_TWO).len(), 500);
    }

    const FOCUS_OF_TWO: Focus<'_> = Focus { a: 0, b: 1, shown: &[0, 1] };

    #[test]
    fn names_on_the_command_line_differ() {
        let mut names = ImageFilter::ALL.map(ImageFilter::name);
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
    }

    proptest! {
        #[test]
        fn a_part_in_any_case_is_found(name in "[a-zA-Zäöé/カエ.]{0,12}", part in "[a-cäÄé]{1,3}") {
            let expected = name.to_lowercase().contains(&part.to_lowercase());
            prop_assert_eq!(NamePart::new(&part).is_in(&name), expected);
            prop_assert_eq!(NamePart::new(&part.to_uppercase()).is_in(&name), expected);
        }
    }

    #[test]
    fn one_image_of_one_class() {
        let session = session(&["cat", "deer"], &[1], &[("only", &[1])]);
        let focus = Focus { a: 0, b: 0, shown: &[0] };
        assert_eq!(every(ImageFilter::MissedByA).images(&session, &focus), [0; 0]);
        assert_eq!(every(ImageFilter::Every).images(&session, &focus), [0]);
    }
}
