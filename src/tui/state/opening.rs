//! Which experiment to open: the demo, a recent one, or files of the user's.

use super::step::Step;
use crate::workbench::Recent;

/// What can be opened, and the row under the cursor.
#[derive(Debug, Default)]
pub struct OpeningView {
    /// Those opened before, newest first.
    pub recents: Vec<Recent>,
    /// The row under the cursor: the recent ones, the demo, the form.
    pub selected: usize,
}

/// A row of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpeningRow {
    /// One opened before.
    Recent(usize),
    /// The embedded demo.
    Demo,
    /// A form for files.
    Files,
}

impl OpeningView {
    /// All rows.
    pub fn rows(&self) -> Vec<OpeningRow> {
        let recents = (0..self.recents.len()).map(OpeningRow::Recent);
        recents.chain([OpeningRow::Demo, OpeningRow::Files]).collect()
    }

    /// Moves the cursor.
    pub fn move_by(&mut self, step: Step, half: usize) {
        self.selected = step.apply(self.selected, self.rows().len(), half);
    }

    /// The row under the cursor.
    pub fn row(&self) -> Option<OpeningRow> {
        self.rows().get(self.selected).copied()
    }
}
