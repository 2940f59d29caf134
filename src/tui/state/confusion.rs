//! Which class is taken for which: a list of pairs, or the matrix around a class.

use super::focus::Strategies;
use super::step::Step;
use crate::workbench::{ConfusionCell, Session, confusion_change_block, confusion_changes};

/// Pairs in the list at most.
const MOST: usize = 1000;

/// Whose confusions are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ConfusionSource {
    /// The baseline's.
    A,
    /// Those of the strategy compared with it.
    #[default]
    B,
    /// What B changes against A.
    Difference,
}

impl ConfusionSource {
    /// The next one; A alone has no other.
    pub fn next(self, pair: bool) -> Self {
        match self {
            _ if !pair => Self::A,
            Self::A => Self::B,
            Self::B => Self::Difference,
            Self::Difference => Self::A,
        }
    }
}

/// A pair of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// The images' class.
    pub truth: usize,
    /// The class they were taken for.
    pub predicted: usize,
    /// How many under A.
    pub a: u32,
    /// How many under B.
    pub b: u32,
}

/// The matrix of some classes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The class it is about; the first of `classes`.
    pub class: usize,
    /// Rows and columns: indices into the session's classes.
    pub classes: Vec<usize>,
    /// The true class of the cell under the cursor.
    pub truth: usize,
    /// Its predicted class.
    pub predicted: usize,
}

impl Block {
    /// The row under the cursor.
    pub fn row(&self) -> usize {
        self.place(self.truth)
    }

    /// The column under the cursor.
    pub fn column(&self) -> usize {
        self.place(self.predicted)
    }

    fn place(&self, class: usize) -> usize {
        self.classes.iter().position(|&other| other == class).unwrap_or(0)
    }
}

/// The confusions.
#[derive(Debug, Default)]
pub struct ConfusionView {
    /// Whose.
    pub whose: ConfusionSource,
    /// Part of the names of the pairs shown.
    pub filter: String,
    /// Those shown.
    pub pairs: Vec<Pair>,
    /// The row under the cursor.
    pub selected: usize,
    /// The matrix, while it is open.
    pub block: Option<Block>,
}

impl ConfusionView {
    /// Whose confusions these are: without a pair always A's.
    pub fn whose(&self, strategies: &Strategies) -> ConfusionSource {
        if strategies.is_pair() { self.whose } else { ConfusionSource::A }
    }

    /// Works the list out anew, after A, B, the session or whose confusions are wanted changed.
    pub fn fill(&mut self, session: &Session, strategies: &Strategies) {
        let selected = self.pairs.get(self.selected).map(|pair| (pair.truth, pair.predicted));
        let (a, b) = (evaluation(session, strategies.a), evaluation(session, strategies.b));
        let named = |truth: usize, predicted: usize| {
            let part = self.filter.to_lowercase();
            let has = |class: usize| session.classes[class].to_lowercase().contains(&part);
            part.is_empty() || has(truth) || has(predicted)
        };
        let count = |truth: usize, predicted: usize| Pair {
            truth,
            predicted,
            a: a.confusion.images(truth, predicted),
            b: b.confusion.images(truth, predicted),
        };
        // Without a filter the list is short; with one, what is filtered out must not count.
        let most = if self.filter.is_empty() { MOST } else { usize::MAX };
        let pairs: Vec<(usize, usize)> = match self.whose(strategies) {
            ConfusionSource::A => {
                a.confused_pairs(most).iter().map(|pair| (pair.truth, pair.predicted)).collect()
            }
            ConfusionSource::B => {
                b.confused_pairs(most).iter().map(|pair| (pair.truth, pair.predicted)).collect()
            }
            ConfusionSource::Difference => {
                let changes = confusion_changes(a, b, most);
                changes.iter().map(|change| (change.truth, change.predicted)).collect()
            }
        };
        self.pairs = pairs
            .into_iter()
            .filter(|&(truth, predicted)| truth != predicted && named(truth, predicted))
            .take(MOST)
            .map(|(truth, predicted)| count(truth, predicted))
            .collect();
        self.selected = selected
            .and_then(|pair| self.pairs.iter().position(|other| (other.truth, other.predicted) == pair))
            .unwrap_or(0);
    }

    /// Opens the matrix around a class, of at most `size` classes; the cursor goes to the cell of a true and a predicted
    /// class, both of which are in it as far as there is room.
    pub fn open_block(
        &mut self,
        session: &Session,
        strategies: &Strategies,
        class: usize,
        (truth, predicted): (usize, usize),
        size: usize,
    ) {
        let (a, b) = (evaluation(session, strategies.a), evaluation(session, strategies.b));
        let mut classes = match self.whose(strategies) {
            ConfusionSource::A => a.confusion_block(class, size),
            ConfusionSource::B => b.confusion_block(class, size),
            ConfusionSource::Difference => confusion_change_block(a, b, class, size),
        };
        let needed = [class, truth, predicted];
        for wanted in needed {
            if classes.contains(&wanted) {
                continue;
            }
            if classes.len() < size {
                classes.push(wanted);
            } else if let Some(place) = classes.iter().rposition(|other| !needed.contains(other)) {
                classes[place] = wanted;
            }
        }
        self.block = Some(Block { class, classes, truth, predicted });
    }

    /// Moves in the list or, by rows, in the matrix.
    pub fn move_by(&mut self, step: Step, half: usize) {
        match &mut self.block {
            Some(block) => {
                let row = step.apply(block.row(), block.classes.len(), half);
                block.truth = block.classes.get(row).copied().unwrap_or(block.class);
            }
            None => self.selected = step.apply(self.selected, self.pairs.len(), half),
        }
    }

    /// Moves in the matrix, by columns.
    pub fn move_sideways(&mut self, by: isize) {
        if let Some(block) = &mut self.block {
            let column = Step::One(by).apply(block.column(), block.classes.len(), 1);
            block.predicted = block.classes.get(column).copied().unwrap_or(block.class);
        }
    }

    /// The cell under the cursor, of the strategy that has more of its images.
    pub fn cell(&self, session: &Session, strategies: &Strategies) -> Option<ConfusionCell> {
        let (truth, predicted) = match &self.block {
            Some(block) => (block.truth, block.predicted),
            None => self.pairs.get(self.selected).map(|pair| (pair.truth, pair.predicted))?,
        };
        let images = |strategy: usize| evaluation(session, strategy).confusion.images(truth, predicted);
        let strategy = match self.whose(strategies) {
            ConfusionSource::A => strategies.a,
            ConfusionSource::B => strategies.b,
            ConfusionSource::Difference if images(strategies.a) > images(strategies.b) => strategies.a,
            ConfusionSource::Difference => strategies.b,
        };
        Some(ConfusionCell { strategy, truth, predicted })
    }
}

fn evaluation(session: &Session, strategy: usize) -> &crate::workbench::Evaluation {
    &session.strategies[strategy].evaluation
}
