//! A session comes: the first one of an experiment, or another one while its user works. What the user stands on, types
//! or reads stays then, as long as it is about something that is still there.

use std::collections::HashSet;
use std::sync::Arc;

use super::classes::ClassesView;
use super::confusion::ConfusionView;
use super::editor::EDITOR_JOB;
use super::focus::Strategies;
use super::form::FormKind;
use super::images::ImagesView;
use super::jobs::LEFT;
use super::prompts::{Editor, PromptsView};
use super::{Context, OpenedFrom, Remembered, Screen, State};
use crate::tui::actions::Action;
use crate::workbench::{Session, StrategyResult, demo};

impl State {
    /// A session is open; how the user left its experiment the last time.
    pub(super) fn open_session(&mut self, session: Arc<Session>, remembered: Option<Remembered>) {
        match self.session.clone() {
            None => self.begin_with(session, remembered, Screen::Strategies),
            Some(before) if is_same_data(&before, &session) => self.go_on_with(&before, session),
            Some(_) => {
                let left = Remembered::from_state(self);
                self.begin_with(session, left, self.screen);
                self.keep_typing(|_| false);
            }
        }
        self.refill();
    }

    /// A session of images that the screens have not shown before.
    fn begin_with(&mut self, session: Arc<Session>, left: Option<Remembered>, screen: Screen) {
        let is_choosing = self.screen == Screen::Opening;
        self.forget_analysis();
        self.forget_views();
        self.screen = screen;
        self.messages = messages(&session, self.in_memory);
        self.strategies = Strategies::from_session(&session);
        self.session = Some(session);
        if let Some(left) = left {
            left.restore(self);
        }
        let prompts = self.keymap.key(Action::Prompts);
        let offer = self.generation_offer();
        self.messages.extend(offer.map(|offer| format!("{offer}, among the prompts ({prompts})")));
        if is_choosing {
            self.screen = Screen::Opening;
        }
    }

    /// Another session of the same images: with more strategies, or with controls.
    fn go_on_with(&mut self, before: &Session, session: Arc<Session>) {
        let keeps = |strategy: usize| {
            let is_as_before = |(was, now): (&_, &_)| is_same_strategy(was, now);
            before.strategies.get(strategy).zip(session.strategies.get(strategy)).is_some_and(is_as_before)
        };
        let known: HashSet<&str> = before.strategies.iter().map(|strategy| strategy.name.as_str()).collect();
        let newest = session.strategies.iter().rev().find(|strategy| !known.contains(strategy.name.as_str()));
        self.newcomer = newest.map(|strategy| strategy.name.clone()).or(self.newcomer.take());
        self.strategies = self.strategies.carried_over(before, &session);
        let told: HashSet<String> = self.messages.iter().cloned().collect();
        self.messages
            .extend(messages(&session, self.in_memory).into_iter().filter(|message| !told.contains(message)));
        self.renew_analysis(keeps);
        self.keep_typing(keeps);
        // Where one went, those behind it have other places than the editor knows them by.
        let is_longer = (0..before.strategies.len()).all(keeps);
        self.prompts.similarities.retain(|&(strategy, _), _| is_longer && keeps(strategy));
        let is_other = |editor: &mut Editor| !keeps(editor.strategy) || (!is_longer && !editor.has_changes());
        if let Some(editor) = self.prompts.editor.take_if(is_other) {
            if editor.has_changes() {
                self.messages.push(
                    "the strategy of the changed prompts is another one now; they are kept until other prompts are changed".to_owned(),
                );
            }
            self.jobs.cut_off(EDITOR_JOB, LEFT);
            self.forget_flips();
        }
        if self.images.selection.cell.is_some_and(|cell| !keeps(cell.strategy)) {
            self.images.selection.cell = None;
        }
        self.session = Some(session);
    }

    /// A strategy that was just added is what the user wants to see beside A: once they look at the strategies, with nothing
    /// over them. The cursor stays where it is.
    pub(super) fn compare_newcomer(&mut self) {
        let looks = self.place() == Context::Strategies && self.overlay.is_none() && self.typing.is_none();
        let (true, Some(session)) = (looks, &self.session) else { return };
        let Some(name) = self.newcomer.take() else { return };
        let newcomer = session.strategies.iter().position(|strategy| strategy.name == name);
        if let Some(newcomer) = newcomer.filter(|&newcomer| newcomer != self.strategies.a) {
            self.strategies.shown[newcomer] = true;
            self.strategies.b = newcomer;
            self.refill();
        }
    }

    /// Another experiment is about to be opened.
    pub(super) fn leave_experiment(&mut self) {
        self.session = None;
        self.opened_from = OpenedFrom::default();
        (self.draft, self.draft_unkept) = (None, None);
        self.forget_analysis();
        self.overlay = None;
        self.typing = None;
        self.messages.clear();
        self.unfinished = None;
        self.left_forms.retain(|form| form.kind != FormKind::Generate);
        self.forget_views();
    }

    /// What was looked at belongs to another experiment.
    fn forget_views(&mut self) {
        self.screen = Screen::Strategies;
        self.back.clear();
        self.newcomer = None;
        self.classes = ClassesView::default();
        self.confusion = ConfusionView::default();
        self.images = ImagesView::default();
        self.prompts = PromptsView::default();
        self.jobs.cut_off(EDITOR_JOB, LEFT);
        self.jobs.selected = 0;
        self.forget_generation();
        self.pictures.clear();
    }
}

/// Whether classes, images and embeddings are the same.
fn is_same_data(one: &Session, other: &Session) -> bool {
    one.dataset_fingerprint == other.dataset_fingerprint
        && one.checkpoint_fingerprint == other.checkpoint_fingerprint
        && one.classes == other.classes
        && one.images.len() == other.images.len()
}

/// Whether what is said of one strategy is true of the other.
fn is_same_strategy(one: &StrategyResult, other: &StrategyResult) -> bool {
    let is_same = |one: &Arc<Vec<Vec<String>>>, other| Arc::ptr_eq(one, other) || one == other;
    one.name == other.name && one.aggregation == other.aggregation && is_same(&one.prompts, &other.prompts)
}

fn messages(session: &Session, in_memory: bool) -> Vec<String> {
    let mut messages = Vec::new();
    if session.demo_checkpoint {
        messages.push(demo::CAUTION.to_owned());
    }
    if in_memory {
        messages.push("the store is in memory: nothing is kept for the next start".to_owned());
    }
    messages.extend(session.warnings.iter().cloned());
    messages.extend(session.skipped.iter().map(|image| format!("skipped {}: {}", image.name, image.reason)));
    messages
}
