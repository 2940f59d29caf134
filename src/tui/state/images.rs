//! The images that are looked at: a gallery, and one of them large.

use super::focus::Strategies;
use super::step::Step;
use crate::workbench::{ConfusionCell, ImageFilter, ImageSelection, Session};

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
        }
    }
}

impl ImagesView {
    /// Lists them anew, after the filter, the strategies or the session changed; the cursor stays on its image.
    pub fn fill(&mut self, session: &Session, strategies: &Strategies) {
        let choices = ImageFilter::choices(strategies.is_pair());
        if !choices.contains(&self.selection.filter) {
            self.selection.filter = choices[0];
        }
        let kept = self.current();
        let listed = strategies.listed();
        self.list = self.selection.images(session, &strategies.focus(&listed));
        self.selected = kept.and_then(|kept| self.list.iter().position(|&image| image == kept)).unwrap_or(0);
        self.inspecting &= !self.list.is_empty();
    }

    /// The session's image under the cursor.
    pub fn current(&self) -> Option<usize> {
        self.list.get(self.selected).copied()
    }

    /// The next choice of images, or with `by` −1 the one before.
    pub fn change_filter(&mut self, by: isize, pair: bool) {
        let choices = ImageFilter::choices(pair);
        let place = choices.iter().position(|&filter| filter == self.selection.filter).unwrap_or(0);
        let count = choices.len() as isize;
        self.selection.filter = choices[(place as isize + by).rem_euclid(count) as usize];
    }

    /// Only the images of a class: those missed, or all of them where none is.
    pub fn only_class(&mut self, class: usize) {
        self.selection = ImageSelection {
            filter: self.selection.filter,
            class: Some(class),
            cell: None,
            name: String::new(),
        };
        self.selected = 0;
        self.list.clear();
    }

    /// Only the images of a cell of the confusion matrix.
    pub fn only_cell(&mut self, cell: ConfusionCell) {
        self.selection =
            ImageSelection { filter: ImageFilter::Every, class: None, cell: Some(cell), name: String::new() };
        self.selected = 0;
        self.list.clear();
    }

    /// Moves the cursor: by images while one is large, by rows of `columns` in the gallery.
    pub fn move_by(&mut self, step: Step, columns: usize, rows: usize) {
        self.selected = if self.inspecting {
            step.apply(self.selected, self.list.len(), 10)
        } else {
            step.in_grid(self.selected, self.list.len(), columns, rows)
        };
    }

    /// Moves the cursor by images.
    pub fn walk(&mut self, by: isize) {
        self.selected = Step::One(by).apply(self.selected, self.list.len(), 1);
    }
}
