//! The images that are looked at: a gallery, and one of them large.

use std::collections::HashMap;
use std::sync::Arc;

use super::explanation::ExplanationView;
use super::focus::Strategies;
use super::step::Step;
use crate::workbench::{ChangedPrediction, ConfusionCell, ImageFilter, ImageSelection, Session};

/// What a change of prompts does to an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flip {
    /// Missed before, right now.
    Gained,
    /// Right before, missed now.
    Lost,
    /// From one wrong class to another.
    Astray,
}

impl Flip {
    /// What a changed prediction is.
    pub fn from_change(session: &Session, flip: ChangedPrediction) -> Self {
        let label = session.images[flip.image].label;
        match (flip.before as usize == label, flip.after as usize == label) {
            (false, true) => Self::Gained,
            (true, _) => Self::Lost,
            (false, false) => Self::Astray,
        }
    }
}

/// The images, filtered, and the one under the cursor.
#[derive(Debug)]
pub struct ImagesView {
    /// Which images.
    pub selection: ImageSelection,
    /// Their indices in the session.
    pub list: Vec<usize>,
    /// The one under the cursor: an index into `list`.
    pub selected: usize,
    /// It is shown large.
    pub inspecting: bool,
    /// The image that is shown large, where it is not in the list any more.
    pub aside: Option<usize>,
    /// Why it is seen as it is.
    pub explanation: Option<ExplanationView>,
    /// Only those whose prediction the changes of prompts flip, in place of a filter.
    pub flips: Option<Arc<Vec<ChangedPrediction>>>,
    /// Only these, which a finding is about.
    pub of_finding: Option<Vec<usize>>,
}

impl Default for ImagesView {
    fn default() -> Self {
        Self {
            selection: ImageSelection {
                filter: ImageFilter::Missed,
                class: None,
                cell: None,
                name: String::new(),
            },
            list: Vec::new(),
            selected: 0,
            inspecting: false,
            aside: None,
            explanation: None,
            flips: None,
            of_finding: None,
        }
    }
}

impl ImagesView {
    /// Lists them anew, after their choice changed; the cursor stays on its image, or goes to the next one that is still
    /// there.
    pub fn fill(&mut self, session: &Session, strategies: &Strategies) {
        let choices = ImageFilter::choices(strategies.is_pair());
        if !choices.contains(&self.selection.filter) {
            self.selection.filter = choices[0];
        }
        let listed = strategies.listed();
        let mut list = self.selection.images(session, &strategies.focus(&listed));
        if let Some(wanted) = &self.of_finding {
            list.retain(|image| wanted.contains(image));
        }
        if self.flips.is_some() {
            list.retain(|&image| self.flip(image).is_some());
            list.sort_by_key(|&image| self.flip(image).map(|flip| Flip::from_change(session, flip)));
        }
        let place = |image: usize| list.iter().position(|&other| other == image);
        let kept = self.current().and_then(place);
        self.selected = kept.or_else(|| self.next_of(&list)).unwrap_or(0);
        self.list = list;
        self.aside = None;
        self.inspecting &= !self.list.is_empty();
    }

    /// Where the first image behind the cursor that is still there stands, or the last one before it.
    fn next_of(&self, list: &[usize]) -> Option<usize> {
        let places: HashMap<usize, usize> =
            list.iter().enumerate().map(|(place, &image)| (image, place)).collect();
        let (before, from) = self.list.split_at(self.selected.min(self.list.len()));
        from.iter().chain(before.iter().rev()).find_map(|image| places.get(image)).copied()
    }

    /// Lists them anew, after something else changed: an image that is shown large stays, in the list or not.
    pub fn refresh(&mut self, session: &Session, strategies: &Strategies) {
        let large = self.current().filter(|_| self.inspecting);
        self.fill(session, strategies);
        if large.is_some() && self.current() != large {
            (self.aside, self.inspecting) = (large, true);
        }
    }

    /// The session's image under the cursor.
    pub fn current(&self) -> Option<usize> {
        self.aside.or_else(|| self.list.get(self.selected).copied())
    }

    /// Whether some are left out for another reason than the filter.
    pub fn is_narrowed(&self) -> bool {
        let selection = &self.selection;
        let is_part = selection.class.is_some() || selection.cell.is_some() || !selection.name.is_empty();
        is_part || self.flips.is_some() || self.of_finding.is_some()
    }

    /// Leaves none out for another reason than the filter.
    pub fn widen(&mut self) {
        (self.flips, self.of_finding) = (None, None);
        self.selection =
            ImageSelection { filter: self.selection.filter, class: None, cell: None, name: String::new() };
    }

    /// From the large image back to all of them.
    pub fn close(&mut self) {
        (self.inspecting, self.aside) = (false, None);
    }

    /// What the changes of prompts do to an image, where that is what is looked at.
    pub fn flip(&self, image: usize) -> Option<ChangedPrediction> {
        let flips = self.flips.as_ref()?;
        let place = flips.binary_search_by_key(&image, |flip| flip.image).ok()?;
        flips.get(place).copied()
    }

    /// Only the images that changes of prompts flip.
    pub fn only_flips(&mut self, flips: Arc<Vec<ChangedPrediction>>) {
        self.selection =
            ImageSelection { filter: ImageFilter::Every, class: None, cell: None, name: String::new() };
        (self.flips, self.of_finding) = (Some(flips), None);
        self.close();
        self.start_anew();
    }

    /// The next choice of images, or with `by` −1 the one before.
    pub fn change_filter(&mut self, by: isize, pair: bool) {
        let choices = ImageFilter::choices(pair);
        let place = choices.iter().position(|&filter| filter == self.selection.filter).unwrap_or(0);
        let count = choices.len() as isize;
        self.selection.filter = choices[(place as isize + by).rem_euclid(count) as usize];
    }

    /// Only the images that a finding is about, the first of them large.
    pub fn only_of_finding(&mut self, images: Vec<usize>) {
        self.widen();
        self.selection.filter = ImageFilter::Every;
        self.of_finding = Some(images);
        self.close();
        self.start_anew();
        self.inspecting = true;
    }

    /// Only the images of a class: those missed, or all of them where none is.
    pub fn only_class(&mut self, class: usize) {
        (self.flips, self.of_finding) = (None, None);
        self.selection = ImageSelection {
            filter: self.selection.filter,
            class: Some(class),
            cell: None,
            name: String::new(),
        };
        self.start_anew();
    }

    /// Only the images of a cell of the confusion matrix.
    pub fn only_cell(&mut self, cell: ConfusionCell) {
        (self.flips, self.of_finding) = (None, None);
        self.selection =
            ImageSelection { filter: ImageFilter::Every, class: None, cell: Some(cell), name: String::new() };
        self.start_anew();
    }

    /// The next list begins at its first image.
    fn start_anew(&mut self) {
        (self.selected, self.aside) = (0, None);
        self.list.clear();
    }

    /// Moves the cursor: by images while one is large, by rows of `columns` in the gallery.
    pub fn move_by(&mut self, step: Step, columns: usize, rows: usize) {
        match (self.inspecting, step) {
            (true, Step::One(by)) => self.walk(by),
            (true, _) => self.selected = step.apply(self.selected, self.list.len(), 10),
            (false, _) => self.selected = step.in_grid(self.selected, self.list.len(), columns, rows),
        }
        if !self.list.is_empty() {
            self.aside = None;
        }
    }

    /// Moves the cursor by images.
    pub fn walk(&mut self, by: isize) {
        // The cursor of an image that is not in the list stands before the next one that is.
        let from_aside = self.aside.is_some() && by > 0 && !self.list.is_empty();
        let by = if from_aside { by - 1 } else { by };
        self.selected = Step::One(by).apply(self.selected, self.list.len(), 1);
        if !self.list.is_empty() {
            self.aside = None;
        }
    }
}
