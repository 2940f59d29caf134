//! Changes of prompts that are not saved: kept beside the experiment whenever they change, and done again the next time it is
//! opened, however it was left.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::prompts::Editor;
use super::{Effect, State};
use crate::tui::actions::Action;
use crate::workbench::{Edit, EditorRequest, PromptOrigin, Session};

/// The changes of one strategy's prompts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// The strategy's name.
    strategy: String,
    /// In an order in which they can be done.
    changes: Vec<DraftChange>,
}

/// One change. Prompts count from 0 among those of their class; what stood there tells whether they are still the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum DraftChange {
    Replace { class: String, prompt: usize, loaded: String, text: String },
    Add { class: String, text: String },
    Toggle { class: String, prompt: usize, text: String },
}

impl Draft {
    /// What would be lost with an editor: what was changed, and what it was asked for and has not done yet.
    pub fn from_editor(editor: &Editor, session: &Session) -> Option<Self> {
        let strategy = session.strategies.get(editor.strategy).filter(|_| editor.has_changes())?;
        let (mut replaced, mut added, mut toggled) = (Vec::new(), Vec::new(), Vec::new());
        let states = editor.state().map_or(&[][..], |state| &state.prompts);
        for (prompts, class) in states.iter().zip(&session.classes) {
            for (prompt, now) in prompts.iter().enumerate() {
                let (class, text) = (class.clone(), now.text.clone());
                match &now.origin {
                    PromptOrigin::Loaded => {}
                    PromptOrigin::Edited { loaded } => {
                        let (class, loaded) = (class.clone(), loaded.clone());
                        replaced.push(DraftChange::Replace { class, prompt, loaded, text: text.clone() });
                    }
                    PromptOrigin::Added => {
                        added.push(DraftChange::Add { class: class.clone(), text: text.clone() })
                    }
                }
                if !now.enabled {
                    toggled.push(DraftChange::Toggle { class, prompt, text });
                }
            }
        }
        let mut changes = [replaced, added, toggled].concat();
        let mut texts: HashMap<usize, Vec<String>> = HashMap::new();
        for request in &editor.unanswered {
            if let EditorRequest::Apply(edit) = request {
                let of_class = || match states.get(edit.class()) {
                    Some(prompts) => prompts.iter().map(|prompt| prompt.text.clone()).collect(),
                    None => strategy.prompts.get(edit.class()).cloned().unwrap_or_default(),
                };
                let texts = texts.entry(edit.class()).or_insert_with(of_class);
                changes.extend(Self::asked(edit, session, texts));
            }
        }
        (!changes.is_empty()).then(|| Self { strategy: strategy.name.clone(), changes })
    }

    /// An edit that is not done yet, of a class with these texts.
    fn asked(edit: &Edit, session: &Session, texts: &mut Vec<String>) -> Option<DraftChange> {
        let class = session.classes.get(edit.class())?.clone();
        Some(match edit {
            Edit::Add { text, .. } => {
                texts.push(text.clone());
                DraftChange::Add { class, text: text.clone() }
            }
            Edit::Replace { prompt, text, .. } => {
                let loaded = std::mem::replace(texts.get_mut(*prompt)?, text.clone());
                DraftChange::Replace { class, prompt: *prompt, loaded, text: text.clone() }
            }
            Edit::Toggle { prompt, .. } => {
                DraftChange::Toggle { class, prompt: *prompt, text: texts.get(*prompt)?.clone() }
            }
        })
    }

    /// The strategy among the session's.
    fn place(&self, session: &Session) -> Option<usize> {
        session.strategies.iter().position(|strategy| strategy.name == self.strategy)
    }

    /// The edits that do these changes once more to the session's prompts, and those that cannot be done any more, in words.
    fn edits(&self, strategy: usize, session: &Session) -> (Vec<Edit>, Vec<String>) {
        let mut prompts: Vec<Vec<String>> = session.strategies[strategy].prompts.to_vec();
        let (mut edits, mut impossible) = (Vec::new(), Vec::new());
        for change in &self.changes {
            let (DraftChange::Replace { class: name, .. }
            | DraftChange::Add { class: name, .. }
            | DraftChange::Toggle { class: name, .. }) = change;
            let class = session.classes.iter().position(|class| class == name);
            let edit = class.and_then(|class| {
                let its = &mut prompts[class];
                match change {
                    DraftChange::Add { text, .. } => {
                        its.push(text.clone());
                        Some(Edit::Add { class, text: text.clone() })
                    }
                    DraftChange::Replace { prompt, loaded, text, .. } => {
                        let there = its.get_mut(*prompt).filter(|there| *there == loaded)?;
                        there.clone_from(text);
                        Some(Edit::Replace { class, prompt: *prompt, text: text.clone() })
                    }
                    DraftChange::Toggle { prompt, text, .. } => its
                        .get(*prompt)
                        .filter(|there| *there == text)
                        .map(|_| Edit::Toggle { class, prompt: *prompt }),
                }
            });
            match edit {
                Some(edit) => edits.push(edit),
                None => impossible.push(match change {
                    DraftChange::Replace { text, .. } | DraftChange::Add { text, .. } => {
                        format!("{name}: {text}")
                    }
                    DraftChange::Toggle { text, .. } => format!("{name}: disabled: {text}"),
                }),
            }
        }
        (edits, impossible)
    }
}

impl State {
    /// What is to be kept of the editor, after it has said something.
    pub(super) fn draft_to_keep(&self) -> Effect {
        let editor = self.prompts.editor.as_ref().zip(self.session.as_ref());
        let draft = editor.and_then(|(editor, session)| Draft::from_editor(editor, session));
        Effect::KeepDraft(draft.map(Box::new))
    }

    /// There are changes from the last time: they are done again when the prompts are looked at.
    pub(super) fn found_draft(&mut self, draft: Draft) {
        let Some(session) = self.session.clone() else { return };
        let Some(strategy) = draft.place(&session) else {
            let texts = draft.changes.len();
            self.messages.push(format!(
                "{texts} changes of the prompts of {:?} were not saved, and that strategy is not here; they are kept until other \
                 prompts are changed",
                draft.strategy
            ));
            return;
        };
        if strategy != self.strategies.a && strategy != self.strategies.b {
            self.strategies.shown[strategy] = true;
            self.strategies.b = strategy;
            self.refill();
        }
        let (screen, undo, save) = (
            self.keymap.key(Action::Prompts),
            self.keymap.key(Action::Undo),
            self.keymap.key(Action::SavePrompts),
        );
        let words = format!(
            "{} changes of the prompts of {} were not saved: {screen} shows them, {undo} there takes them back, {save} saves",
            draft.changes.len(),
            draft.strategy
        );
        self.notice = Some(words.clone());
        self.messages.push(words);
        self.draft = Some(draft);
    }

    /// The strategy that has changes from the last time.
    pub(super) fn drafted_strategy(&self) -> Option<usize> {
        self.draft.as_ref().zip(self.session.as_ref()).and_then(|(draft, session)| draft.place(session))
    }

    /// Does the changes of the last time again, if they are of the strategy that the editor opens.
    pub(super) fn restore_draft(&mut self, strategy: usize) -> Vec<Effect> {
        let Some(session) = self.session.clone() else { return Vec::new() };
        let Some(draft) = self.draft.take_if(|draft| draft.place(&session) == Some(strategy)) else {
            return Vec::new();
        };
        let (edits, impossible) = draft.edits(strategy, &session);
        if !impossible.is_empty() {
            self.notice =
                Some("Not all changes of the last time can be done again: see the messages.".to_owned());
            let words = |change| format!("changed the last time, and its prompts are others now: {change}");
            self.messages.extend(impossible.into_iter().map(words));
        }
        edits.into_iter().filter_map(|edit| self.ask_editor(EditorRequest::Apply(edit))).collect()
    }
}
