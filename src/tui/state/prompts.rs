//! The prompts of one class under A and B, side by side.

use super::focus::Strategies;
use super::step::Step;
use crate::workbench::Session;

/// The class, and the prompt under the cursor on each side.
#[derive(Debug, Default)]
pub struct PromptsView {
    /// An index into the session's classes.
    pub class: usize,
    /// The cursor is on B's side.
    pub on_b: bool,
    /// The rows under the cursor, of A and of B.
    pub selected: [usize; 2],
}

impl PromptsView {
    /// The strategy on the cursor's side.
    pub fn strategy(&self, strategies: &Strategies) -> usize {
        if self.on_b { strategies.b } else { strategies.a }
    }

    /// Another class: the cursors go to its first prompts.
    pub fn open(&mut self, class: usize) {
        if class != self.class {
            self.class = class;
            self.selected = [0; 2];
        }
    }

    /// Keeps everything in range, after the session, A or B changed.
    pub fn clamp(&mut self, session: &Session, strategies: &Strategies) {
        self.class = self.class.min(session.classes.len().saturating_sub(1));
        self.on_b &= strategies.is_pair();
    }

    /// Moves the cursor through `rows` prompts.
    pub fn move_by(&mut self, step: Step, rows: usize, half: usize) {
        let selected = &mut self.selected[usize::from(self.on_b)];
        *selected = step.apply(*selected, rows, half);
    }
}
