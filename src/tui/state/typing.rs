//! What is typed into the hint bar. A purpose names what it was begun on, so that nothing that happens meanwhile gives the
//! text to something else.

use std::path::PathBuf;

use super::{Effect, State};
use crate::tui::text_input::TextInput;
use crate::workbench::{Edit, EditorRequest};

/// What is being typed into the hint bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typing {
    /// What for.
    pub purpose: InputKind,
    /// What stands there.
    pub input: TextInput,
}

/// What typed text is for. Strategies and classes are indices into the session's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputKind {
    /// Part of class names.
    ClassFilter,
    /// Part of the class names of a pair.
    PairFilter,
    /// Part of file names.
    ImageName,
    /// The file that a list is written to.
    ListFile {
        /// The list.
        lines: Vec<String>,
    },
    /// Another text for a prompt.
    PromptText {
        /// The strategy.
        strategy: usize,
        /// The class.
        class: usize,
        /// The prompt of the class.
        prompt: usize,
    },
    /// The text of a new prompt.
    NewPrompt {
        /// The strategy.
        strategy: usize,
        /// The class.
        class: usize,
    },
    /// The name of a prompt set.
    PromptSetName {
        /// The strategy whose prompts it gets.
        strategy: usize,
    },
}

impl InputKind {
    /// What stands before the text.
    pub fn prompt(&self) -> &'static str {
        match self {
            Self::ClassFilter => "classes with",
            Self::PairFilter => "pairs with",
            Self::ImageName => "file names with",
            Self::ListFile { .. } => "write the list to",
            Self::PromptText { .. } => "prompt",
            Self::NewPrompt { .. } => "new prompt",
            Self::PromptSetName { .. } => "save as",
        }
    }

    /// The strategy whose prompts it is about.
    pub fn strategy(&self) -> Option<usize> {
        match self {
            Self::PromptText { strategy, .. }
            | Self::NewPrompt { strategy, .. }
            | Self::PromptSetName { strategy } => Some(*strategy),
            Self::ClassFilter | Self::PairFilter | Self::ImageName | Self::ListFile { .. } => None,
        }
    }
}

impl State {
    pub(super) fn begin_typing(&mut self, purpose: InputKind, text: &str) {
        let input = match purpose {
            InputKind::PromptSetName { .. } | InputKind::ListFile { .. } => TextInput::proposal(text),
            _ => TextInput::new(text),
        };
        self.typing = Some(Typing { purpose, input });
    }

    /// What is typed takes effect at once where it filters.
    pub(super) fn apply_typing(&mut self) {
        let (Some(typing), Some(session)) = (&self.typing, self.session.clone()) else { return };
        let text = || typing.input.text().to_owned();
        match typing.purpose {
            InputKind::ClassFilter => {
                self.classes.filter = text();
                self.classes.arrange(&session);
            }
            InputKind::PairFilter => {
                self.confusion.filter = text();
                self.confusion.fill(&session, &self.strategies);
            }
            InputKind::ImageName => {
                self.images.selection.name = text();
                self.images.fill(&session, &self.strategies);
            }
            InputKind::ListFile { .. }
            | InputKind::PromptText { .. }
            | InputKind::NewPrompt { .. }
            | InputKind::PromptSetName { .. } => {}
        }
    }

    pub(super) fn finish_typing(&mut self) -> Vec<Effect> {
        let Some(typing) = self.typing.take() else { return Vec::new() };
        let text = typing.input.text().trim().to_owned();
        match typing.purpose {
            InputKind::PromptText { strategy, class, prompt } => {
                self.edit(strategy, Edit::Replace { class, prompt, text })
            }
            _ if text.is_empty() => Vec::new(),
            InputKind::ListFile { lines } => vec![Effect::WriteList { path: PathBuf::from(text), lines }],
            InputKind::NewPrompt { strategy, class } => self.edit(strategy, Edit::Add { class, text }),
            InputKind::PromptSetName { strategy } => {
                let is_there = self.prompts.editor.as_ref().is_some_and(|editor| editor.takes(strategy));
                let asked = is_there.then(|| self.ask_editor(EditorRequest::Save(text))).flatten();
                if asked.is_none() {
                    self.notice = Some("Nothing was saved: the changed prompts are gone.".to_owned());
                }
                asked.into_iter().collect()
            }
            InputKind::ClassFilter | InputKind::PairFilter | InputKind::ImageName => Vec::new(),
        }
    }

    /// Text that is typed for prompts of a strategy which is not as it was goes to the messages.
    pub(super) fn keep_typing(&mut self, keeps: impl Fn(usize) -> bool) {
        let is_lost =
            |typing: &mut Typing| typing.purpose.strategy().is_some_and(|strategy| !keeps(strategy));
        if let Some(Typing { purpose, input }) = self.typing.take_if(is_lost) {
            self.notice =
                Some("The prompts are others now; what was typed is among the messages.".to_owned());
            let what = purpose.prompt();
            self.messages.push(format!("typed for prompts that are others now: {what} {:?}", input.text()));
        }
    }
}
