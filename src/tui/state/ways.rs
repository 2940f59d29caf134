//! The ways out: what Esc leaves, and what a key that stops would stop. Each is worked out once, for the hints and for the keys.

use super::generation::GenerationView;
use super::prompts::EditorStatus;
use super::{Analysis, Context, Effect, Job, Overlay, SESSION_JOB, Screen, State, Wanted};

/// A way out of the open experiment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exit {
    /// The program ends.
    Quit,
    /// Another experiment takes its place.
    Open(Wanted),
}

/// What Esc leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WayBack {
    /// What lies over the screen.
    Overlay,
    /// What is shown of A and B as wholes.
    StrategiesPage,
    /// A class of the generation, for all of them.
    Sentences,
    /// The generation, for the prompts.
    Generation,
    /// An image that is shown large.
    Inspector,
    /// Why it is seen as it is.
    Explanation,
    /// A class.
    ClassPage,
    /// The matrix.
    Block,
    /// The text that a list is filtered by.
    Filter,
    /// The screen, for the one before.
    Screen(Screen),
    /// The choice of images, for all of them.
    Narrowing,
    /// What could not be opened, for the experiment that was open before.
    Failure,
}

/// What a key that stops would stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stoppable {
    /// The job that makes the session.
    Session,
    /// The opening of the editor.
    Editor,
    /// The reading of embeddings.
    Analysis,
    /// The writing of prompts.
    Generation,
}

impl State {
    /// What Esc leaves, if there is anywhere to go.
    pub(super) fn way_back(&self) -> Option<WayBack> {
        if self.overlay.is_some() {
            return Some(WayBack::Overlay);
        }
        let before = self.back.last().map(|&screen| WayBack::Screen(screen));
        match self.place() {
            Context::StrategiesPage => Some(WayBack::StrategiesPage),
            Context::Generation => {
                let looks_inside = self.generation.as_ref().is_some_and(|view| view.sentence.is_some());
                Some(if looks_inside { WayBack::Sentences } else { WayBack::Generation })
            }
            Context::Inspector | Context::Class if self.is_look && before.is_some() => before,
            Context::Inspector => Some(WayBack::Inspector),
            Context::Explanation => Some(WayBack::Explanation),
            Context::Class => Some(WayBack::ClassPage),
            Context::Classes if !self.classes.filter.is_empty() => Some(WayBack::Filter),
            Context::Pairs if !self.confusion.filter.is_empty() => Some(WayBack::Filter),
            Context::Gallery if !self.images.selection.name.is_empty() => Some(WayBack::Filter),
            Context::Block => Some(WayBack::Block),
            Context::Gallery => before.or(self.images.is_narrowed().then_some(WayBack::Narrowing)),
            Context::Problem | Context::StoreProblem | Context::Stopped | Context::AbsentCheckpoint => {
                self.back_to.is_some().then_some(WayBack::Failure)
            }
            Context::Opening if self.session.is_none() && self.job == Job::Idle => None,
            Context::Opening => before.or(Some(WayBack::Screen(Screen::Strategies))),
            _ => before,
        }
    }

    pub(super) fn step_back(&mut self) -> Vec<Effect> {
        match self.way_back() {
            Some(WayBack::Failure) => return vec![Effect::OpenBefore],
            None => {}
            Some(WayBack::Overlay) => self.overlay = None,
            Some(WayBack::StrategiesPage) => self.strategies_page = None,
            Some(WayBack::Sentences) => {
                if let Some(view) = &mut self.generation {
                    view.sentence = None;
                }
            }
            Some(WayBack::Generation) => {
                if let Some(view) = &mut self.generation {
                    view.shown = false;
                }
            }
            Some(WayBack::Inspector) => {
                self.images.close();
                self.is_look = false;
            }
            Some(WayBack::Explanation) => self.images.explanation = None,
            Some(WayBack::ClassPage) => self.classes.page = None,
            Some(WayBack::Block) => self.confusion.block = None,
            Some(WayBack::Screen(screen)) => {
                if std::mem::take(&mut self.is_look) {
                    self.images.close();
                    self.classes.page = None;
                    self.images.widen();
                    self.list_images();
                }
                if self.screen == Screen::Images {
                    self.forget_flips();
                }
                self.back.pop();
                self.screen = screen;
            }
            Some(WayBack::Filter) => self.clear_filter(),
            Some(WayBack::Narrowing) => {
                self.images.widen();
                self.list_images();
            }
        }
        Vec::new()
    }

    /// Nothing is left out of the list for its text any more.
    fn clear_filter(&mut self) {
        let Some(session) = self.session.clone() else { return };
        match self.place() {
            Context::Classes => {
                self.classes.filter.clear();
                self.classes.arrange(&session);
            }
            Context::Pairs => {
                self.confusion.filter.clear();
                self.list_confusions();
            }
            _ => {
                self.images.selection.name.clear();
                self.list_images();
            }
        }
    }

    /// Takes a way out, or asks first: where a job would be stopped, and where changes of prompts would be lost.
    pub(super) fn leave(&mut self, exit: Exit) -> Vec<Effect> {
        let unsaved = self.prompts.is_unsaved();
        let asks = match exit {
            Exit::Quit => self.jobs.any_runs() || unsaved,
            // A draft is kept, and is there again when the experiment is.
            Exit::Open(_) => self.jobs.any_runs() || (unsaved && self.draft_unkept.is_some()),
        };
        let question = Overlay::Leaving(exit.clone());
        if asks && self.overlay.as_ref() != Some(&question) {
            self.overlay = Some(question);
            return Vec::new();
        }
        self.overlay = None;
        vec![match exit {
            Exit::Quit => Effect::Quit,
            Exit::Open(wanted) => Effect::OpenExperiment(wanted),
        }]
    }

    /// Does what is asked over the screen.
    pub(super) fn confirm(&mut self) -> Vec<Effect> {
        match self.overlay.clone() {
            Some(Overlay::Leaving(exit)) => self.leave(exit),
            Some(Overlay::FileChange { change, .. }) => {
                self.overlay = None;
                vec![Effect::WriteFileChange(change)]
            }
            _ => Vec::new(),
        }
    }

    /// What a key that stops would stop here.
    pub(super) fn stoppable(&self) -> Option<Stoppable> {
        let writes = self.generation.as_ref().is_some_and(GenerationView::is_busy);
        let writes = writes.then_some(Stoppable::Generation);
        if self.context() == Context::Generation {
            return writes;
        }
        let editor = self.prompts.editor.as_ref();
        if self.job.is_running() {
            Some(Stoppable::Session)
        } else if editor.is_some_and(|editor| matches!(editor.status, EditorStatus::Opening(_))) {
            Some(Stoppable::Editor)
        } else if matches!(self.analysis, Analysis::Opening(_)) {
            Some(Stoppable::Analysis)
        } else {
            writes
        }
    }

    pub(super) fn stop(&mut self) -> Vec<Effect> {
        let Some(stoppable) = self.stoppable() else { return Vec::new() };
        vec![match stoppable {
            Stoppable::Session => {
                self.job = Job::Stopping;
                self.jobs.set(SESSION_JOB, &Job::Stopping);
                Effect::StopSession
            }
            Stoppable::Editor => return self.stop_editor(),
            Stoppable::Analysis => {
                self.stop_analysis();
                Effect::CloseAnalysis
            }
            Stoppable::Generation => self.stop_generation(),
        }]
    }
}
