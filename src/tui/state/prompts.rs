//! The prompts of one class under A and B, side by side, and the editor at which one strategy's are edited.

use std::collections::HashMap;

use super::focus::Strategies;
use super::step::Step;
use crate::workbench::{
    EditorNotice, EditorRequest, EditorState, Progress, PromptOrigin, PromptSimilarity, Session,
};

/// The class, the prompt under the cursor on each side, and the editor.
#[derive(Debug, Default)]
pub struct PromptsView {
    /// An index into the session's classes.
    pub class: usize,
    /// The cursor is on B's side.
    pub on_b: bool,
    /// The rows under the cursor, of A and of B.
    pub selected: [usize; 2],
    /// Where prompts are edited; there is one once the screen has been looked at.
    pub editor: Option<Editor>,
    /// What prompts are like, by strategy and class; `None` while it has been asked for.
    pub similarities: HashMap<(usize, usize), Option<Vec<PromptSimilarity>>>,
}

/// The editor of one strategy.
#[derive(Debug)]
pub struct Editor {
    /// An index into the session's strategies.
    pub strategy: usize,
    /// How many strategies it knows.
    pub strategies: usize,
    /// How far it is.
    pub status: EditorStatus,
    /// What it was asked for and has not answered yet, oldest first.
    pub unanswered: Vec<EditorRequest>,
}

/// How far an editor is.
#[derive(Debug)]
pub enum EditorStatus {
    /// It opens; progress once there is any.
    Opening(Option<Progress>),
    /// It is open, and this is what the prompts come to.
    Open(Box<EditorState>),
    /// There is none, and why.
    Failed(String),
}

/// A prompt as a row shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShownPrompt<'a> {
    /// The sentence.
    pub text: &'a str,
    /// It counts.
    pub enabled: bool,
    /// It is not as it was loaded.
    pub changed: bool,
}

impl Editor {
    /// About to open.
    pub fn opening(strategy: usize, strategies: usize) -> Self {
        Self { strategy, strategies, status: EditorStatus::Opening(None), unanswered: Vec::new() }
    }

    /// Whether a strategy's prompts can be edited here.
    pub fn takes(&self, strategy: usize) -> bool {
        self.strategy == strategy && !matches!(self.status, EditorStatus::Failed(_))
    }

    /// Something would be lost with it: changes that are not saved, or that it was asked for.
    pub fn has_changes(&self) -> bool {
        let is_change = |request: &EditorRequest| !matches!(request, EditorRequest::Similarities { .. });
        self.state().is_some_and(|state| state.is_changed) || self.unanswered.iter().any(is_change)
    }

    /// It was opened before there were these strategies, and nothing would be lost with it.
    pub fn is_outdated(&self, strategies: &[usize]) -> bool {
        let is_opening = matches!(self.status, EditorStatus::Opening(_));
        !is_opening && !self.has_changes() && strategies.iter().any(|&strategy| strategy >= self.strategies)
    }

    /// A notice answers the oldest request that it can be an answer to.
    pub fn answered(&mut self, notice: &EditorNotice) {
        let answers = |request: &EditorRequest| match notice {
            EditorNotice::Changed(_) => {
                matches!(request, EditorRequest::Apply(_) | EditorRequest::Undo | EditorRequest::Redo)
            }
            EditorNotice::Similarities { .. } => matches!(request, EditorRequest::Similarities { .. }),
            EditorNotice::Saved(..) => matches!(request, EditorRequest::Save(_)),
            EditorNotice::Refused(_) => true,
            EditorNotice::Opening(_)
            | EditorNotice::Note(_)
            | EditorNotice::Ready(_)
            | EditorNotice::Failed(_) => false,
        };
        if let Some(place) = self.unanswered.iter().position(answers) {
            self.unanswered.remove(place);
        }
    }

    /// What the prompts come to, once it is open.
    pub fn state(&self) -> Option<&EditorState> {
        match &self.status {
            EditorStatus::Open(state) => Some(state),
            _ => None,
        }
    }
}

impl PromptsView {
    /// The strategy on the cursor's side.
    pub fn strategy(&self, strategies: &Strategies) -> usize {
        if self.on_b { strategies.b } else { strategies.a }
    }

    /// The prompts of the class under a strategy, as they are at the editor if that is where it lies.
    pub fn shown<'a>(&'a self, session: &'a Session, strategy: usize) -> Vec<ShownPrompt<'a>> {
        let editor = self.editor.as_ref().filter(|editor| editor.strategy == strategy);
        match editor.and_then(Editor::state) {
            Some(state) => {
                let prompts = state.prompts.get(self.class).map_or(&[][..], |prompts| prompts);
                let shown = prompts.iter().map(|prompt| ShownPrompt {
                    text: &prompt.text,
                    enabled: prompt.enabled,
                    changed: prompt.origin != PromptOrigin::Loaded,
                });
                shown.collect()
            }
            None => {
                let prompts = &session.strategies[strategy].prompts[self.class];
                prompts.iter().map(|text| ShownPrompt { text, enabled: true, changed: false }).collect()
            }
        }
    }

    /// The index of the prompt under the cursor.
    pub fn row(&self) -> usize {
        self.selected[usize::from(self.on_b)]
    }

    /// What was edited is not saved.
    pub fn is_unsaved(&self) -> bool {
        self.editor.as_ref().is_some_and(Editor::has_changes)
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
        for (side, strategy) in [strategies.a, strategies.b].into_iter().enumerate() {
            let rows = self.shown(session, strategy).len();
            self.selected[side] = self.selected[side].min(rows.saturating_sub(1));
        }
    }

    /// Moves the cursor through the prompts that are shown on its side.
    pub fn move_by(&mut self, step: Step, session: &Session, strategies: &Strategies, half: usize) {
        let rows = self.shown(session, self.strategy(strategies)).len();
        let selected = &mut self.selected[usize::from(self.on_b)];
        *selected = step.apply(*selected, rows, half);
    }
}
