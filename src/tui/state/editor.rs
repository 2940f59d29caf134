//! The editor at which one strategy's prompts are edited, as the screens see it: what it is asked for, and what it says.
//! What it says comes late: it changes what is shown, and never where the user is.

use std::collections::hash_map::Entry;

use super::jobs::{Job, Problem};
use super::prompts::{Editor, EditorStatus};
use super::{Context, Draft, Effect, InputKind, NewStrategy, Screen, State};
use crate::tui::actions::Action;
use crate::workbench::{Aggregation, Edit, EditorNotice, EditorRequest, SavedPrompts};

/// What the state calls the job that makes prompts ready to be edited.
pub(super) const EDITOR_JOB: &str = "read the embeddings for editing prompts";

impl State {
    /// What the screen of prompts needs of the editor: that it is open, and what the prompts in view are like.
    pub(super) fn wanted_at_editor(&mut self) -> Vec<Effect> {
        if self.place() != Context::Prompts || self.job.is_running() {
            return Vec::new();
        }
        let pair = [self.strategies.a, self.strategies.b];
        let Some(editor) = self.prompts.editor.as_ref().filter(|editor| !editor.is_outdated(&pair)) else {
            return self.open_editor(self.drafted_strategy().unwrap_or(self.strategies.b));
        };
        if matches!(editor.status, EditorStatus::Failed(_)) {
            return Vec::new();
        }
        let known = editor.strategies;
        let class = self.prompts.class;
        let mut effects = Vec::new();
        for strategy in pair.into_iter().filter(|&strategy| strategy < known) {
            if let Entry::Vacant(place) = self.prompts.similarities.entry((strategy, class)) {
                place.insert(None);
                effects.extend(self.ask_editor(EditorRequest::Similarities { strategy, class }));
            }
        }
        effects
    }

    /// Opens a strategy's prompts for editing, in place of those that are open.
    fn open_editor(&mut self, strategy: usize) -> Vec<Effect> {
        let strategies = self.session.as_ref().map_or(0, |session| session.strategies.len());
        self.prompts.editor = Some(Editor::opening(strategy, strategies));
        self.prompts.similarities.clear();
        self.forget_flips();
        self.jobs.begin(EDITOR_JOB.to_owned());
        let mut effects = vec![Effect::OpenEditor(strategy)];
        effects.extend(self.restore_draft(strategy));
        effects
    }

    /// Asks the editor for something, if there is one that answers.
    pub(super) fn ask_editor(&mut self, request: EditorRequest) -> Option<Effect> {
        let editor = self
            .prompts
            .editor
            .as_mut()
            .filter(|editor| !matches!(editor.status, EditorStatus::Failed(_)))?;
        editor.unanswered.push(request.clone());
        Some(Effect::AskEditor(request))
    }

    /// Whether a strategy's prompts can be edited; says what has to be done first where they cannot.
    pub(super) fn may_edit(&mut self, strategy: usize) -> bool {
        let drafted = self.drafted_strategy().filter(|&drafted| drafted != strategy);
        if let Some((drafted, session)) = drafted.zip(self.session.as_ref()) {
            let name = &session.strategies[drafted].name;
            self.notice = Some(format!(
                "{name} has changes that are not saved: edit its prompts first, then save or undo them."
            ));
            return false;
        }
        let editor = self.prompts.editor.as_ref();
        if editor.is_none_or(|editor| editor.takes(strategy) || !editor.has_changes()) {
            return true;
        }
        let save = self.keymap.key(Action::SavePrompts);
        self.notice = Some(format!("Save ({save}) or undo the other strategy's changes first."));
        false
    }

    /// Another text for the prompt under the cursor is to be typed.
    pub(super) fn edit_selected_prompt(&mut self) {
        let text = self.selected_prompt().unwrap_or_default();
        let strategy = self.prompts.strategy(&self.strategies);
        if !text.is_empty() && self.may_edit(strategy) {
            let (class, prompt) = (self.prompts.class, self.prompts.row());
            self.begin_typing(InputKind::PromptText { strategy, class, prompt }, &text);
        }
    }

    /// The opening of the editor is stopped: what it was asked for is done when it is opened again.
    pub(super) fn stop_editor(&mut self) -> Vec<Effect> {
        self.jobs.set(EDITOR_JOB, &Job::Stopped);
        let editor = self.prompts.editor.as_mut().zip(self.session.as_ref());
        if let Some((editor, session)) = editor {
            self.draft = Draft::from_editor(editor, session).or(self.draft.take());
            editor.unanswered.clear();
        }
        self.set_editor(EditorStatus::Failed(
            "stopped, as you wished; an edit reads them after all".to_owned(),
        ));
        let draft = self.draft.clone().map(|draft| Effect::KeepDraft(Some(Box::new(draft))));
        [Effect::CloseEditor].into_iter().chain(draft).collect()
    }

    /// Edits a strategy's prompts, which are put on the editor if others lie there.
    pub(super) fn edit(&mut self, strategy: usize, edit: Edit) -> Vec<Effect> {
        if !self.may_edit(strategy) {
            return Vec::new();
        }
        let is_there = self.prompts.editor.as_ref().is_some_and(|editor| editor.takes(strategy));
        let mut effects = if is_there { Vec::new() } else { self.open_editor(strategy) };
        effects.extend(self.ask_editor(EditorRequest::Apply(edit)));
        effects
    }

    /// The editor has said something.
    pub(super) fn editor_says(&mut self, notice: EditorNotice) -> Vec<Effect> {
        let mut effects = Vec::new();
        if let Some(editor) = &mut self.prompts.editor {
            editor.answered(&notice);
        }
        match notice {
            EditorNotice::Opening(progress) => {
                self.jobs.set(EDITOR_JOB, &Job::Running(Some(progress)));
                self.set_editor(EditorStatus::Opening(Some(progress)));
            }
            EditorNotice::Note(note) => self.messages.push(note),
            EditorNotice::Ready(now) => {
                self.jobs.set(EDITOR_JOB, &Job::Done);
                self.set_editor(EditorStatus::Open(now));
            }
            EditorNotice::Changed(now) => {
                if self.images.flips.is_some() {
                    self.images.flips = Some(now.flips.clone());
                    self.refresh_images();
                }
                if let Some(change) = &now.last {
                    self.prompts.similarities.remove(&(now.strategy, change.class));
                    self.notice.clone_from(&change.note);
                }
                self.set_editor(EditorStatus::Open(now));
                effects.push(self.draft_to_keep());
            }
            EditorNotice::Similarities { strategy, class, prompts } => {
                // Without an editor, its strategies are not those of the session.
                if self.prompts.editor.is_some() {
                    self.prompts.similarities.insert((strategy, class), Some(prompts));
                }
            }
            EditorNotice::Saved(saved, now) => {
                let strategies = self.session.as_ref().map(|session| &session.strategies);
                let aggregation =
                    strategies.map_or(Aggregation::Mean, |strategies| strategies[now.strategy].aggregation);
                self.set_editor(EditorStatus::Open(now));
                effects.push(self.draft_to_keep());
                effects.extend(self.prompts_saved(saved, aggregation));
            }
            EditorNotice::Refused(message) => {
                self.notice = message.lines().next().map(str::to_owned);
                self.messages.push(message);
            }
            EditorNotice::Failed(message) => self.editor_failed(message),
        }
        if let Some(session) = &self.session {
            self.prompts.clamp(session, &self.strategies);
        }
        effects
    }

    fn set_editor(&mut self, status: EditorStatus) {
        if let Some(editor) = &mut self.prompts.editor {
            editor.status = status;
        }
    }

    /// There is no editor, and what it was asked for is not done.
    fn editor_failed(&mut self, message: String) {
        let problem = Problem { message: message.clone(), remedy: None };
        self.jobs.set(EDITOR_JOB, &Job::Failed(problem));
        self.messages.push(message.clone());
        let unanswered = self.prompts.editor.as_mut().map(|editor| std::mem::take(&mut editor.unanswered));
        for request in unanswered.into_iter().flatten() {
            if let EditorRequest::Apply(edit) = request {
                self.notice = message.lines().next().map(|line| format!("cannot be edited: {line}"));
                self.messages
                    .extend(edit.text().map(|text| format!("was typed and is in no prompt: {text:?}")));
            }
        }
        self.set_editor(EditorStatus::Failed(message));
    }

    /// Prompts were saved: they become a strategy, unless they are one or a job runs.
    pub(super) fn prompts_saved(&mut self, saved: SavedPrompts, aggregation: Aggregation) -> Vec<Effect> {
        let short: String = saved.version.chars().take(8).collect();
        let reference = format!("{}@{}", saved.name, saved.version);
        self.messages.extend(saved.notes);
        self.messages.push(format!("saved the prompts as {reference}"));
        let name = format!("{}@{short}", saved.name);
        let mut strategies = self.session.iter().flat_map(|session| &session.strategies);
        let is_there = strategies.any(|strategy| strategy.name == name);
        if !is_there && self.job.is_running() {
            let add = self.keymap.key(Action::AddStrategy);
            self.notice = Some(format!("saved as {name}; add it with {add} when the running job is done"));
            return Vec::new();
        }
        self.notice = Some(format!(
            "saved as {name}, which is a strategy now and the next time; {} writes it into a file",
            self.keymap.key(Action::Keep)
        ));
        if is_there {
            return Vec::new();
        }
        vec![self.add_strategy(NewStrategy { name, prompt_sets: vec![reference], aggregation })]
    }

    /// The images that the changes at the editor flip.
    pub(super) fn open_flips(&mut self) {
        let flips = self.prompts.editor.as_ref().and_then(Editor::state).map(|now| now.flips.clone());
        match flips {
            Some(flips) if !flips.is_empty() => {
                self.images.only_flips(flips);
                self.list_images();
                self.visit(Screen::Images);
            }
            Some(_) => self.notice = Some("No image flips: every prediction is as it was loaded.".to_owned()),
            None => self.notice = Some("The prompts cannot be changed yet.".to_owned()),
        }
    }

    /// The images that changes flipped are not what is looked at any more.
    pub(super) fn forget_flips(&mut self) {
        if self.images.flips.take().is_some() {
            self.refresh_images();
        }
    }

    /// A name for what is on the editor.
    pub(super) fn edited_name(&self) -> String {
        let editor = self.prompts.editor.as_ref();
        let name = editor.zip(self.session.as_ref()).map(|(editor, session)| {
            let name = &session.strategies[editor.strategy].name;
            name.split('@').next().unwrap_or_default().to_owned()
        });
        let name = name.unwrap_or_default();
        if name.ends_with("-edited") { name } else { format!("{name}-edited") }
    }
}
