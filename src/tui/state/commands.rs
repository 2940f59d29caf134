//! The list of everything that can be done: help and command palette in one.

use crate::tui::actions::{Action, BINDINGS, Binding, Context};
use crate::tui::keymap::Keymap;
use crate::tui::text_input::TextInput;

/// The list, what is searched for in it, and the row under the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandsView {
    /// Where it was opened: what works there comes first, also when something else is below it by now.
    pub here: Context,
    /// Part of a name, a key or a description.
    pub search: TextInput,
    /// Keys are typed into it.
    pub searching: bool,
    /// The row under the cursor.
    pub selected: usize,
}

/// Commands that write a file, whose name may stand behind theirs.
const TAKE_FILES: [Action; 3] = [Action::SaveExperiment, Action::Report, Action::Export];

impl CommandsView {
    /// Opened in a place.
    pub fn new(here: Context, searching: bool) -> Self {
        Self { here, search: TextInput::default(), searching, selected: 0 }
    }

    /// The rows of the action table that match, those that work where it was opened first.
    pub fn rows(&self, keymap: &Keymap) -> Vec<(usize, &'static Binding)> {
        let wanted = self.search.text().to_lowercase();
        let named = self.argument().map(|(action, _)| action);
        let matches = |(row, binding): &(usize, &Binding)| {
            if let Some(named) = named {
                return binding.action == named;
            }
            let words =
                format!("{} {}", binding.action.name().replace('-', " "), binding.description).to_lowercase();
            wanted.split_whitespace().all(|word| words.contains(word))
                || keymap.keys(*row).iter().any(|key| *key == self.search.text())
        };
        let mut rows: Vec<(usize, &'static Binding)> = BINDINGS.iter().enumerate().filter(matches).collect();
        rows.sort_by_key(|(_, binding)| !binding.works_in(self.here));
        rows
    }

    /// The command and the file in what is typed, as in `report pets.html`.
    pub fn argument(&self) -> Option<(Action, &str)> {
        let (name, argument) = self.search.text().trim().split_once(' ')?;
        let action = TAKE_FILES.into_iter().find(|action| action.name() == name)?;
        Some((action, argument.trim()))
    }
}
