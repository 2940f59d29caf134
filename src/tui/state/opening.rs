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
    /// These experiments were opened before.
    pub fn of(recents: Vec<Recent>) -> Self {
        Self { recents, selected: 0 }
    }

    /// All rows.
    pub fn rows(&self) -> Vec<OpeningRow> {
        let recents = (0..self.recents.len()).map(OpeningRow::Recent);
        recents.chain([OpeningRow::Demo, OpeningRow::Files]).collect()
    }

    /// The list is another one; the cursor stays on its experiment.
    pub fn list(&mut self, recents: Vec<Recent>) {
        let row = self.row();
        let before = std::mem::replace(&mut self.recents, recents);
        let row = match row {
            Some(OpeningRow::Recent(place)) => {
                let kept = self.recents.iter().position(|recent| before.get(place) == Some(recent));
                kept.map(OpeningRow::Recent)
            }
            row => row,
        };
        let rows = self.rows();
        let place = row.and_then(|row| rows.iter().position(|&other| other == row));
        self.selected = place.unwrap_or(self.selected).min(rows.len().saturating_sub(1));
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
