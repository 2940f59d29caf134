//! The ways out: what Esc leaves, and what a key that stops would stop. Each is worked out once, for the hints and for the keys.

use super::editor::EDITOR_JOB;
use super::generation::GenerationView;
use super::prompts::EditorStatus;
use super::{Analysis, Context, Effect, Job, SESSION_JOB, Screen, State};

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
    /// The screen, for the one before.
    Screen(Screen),
    /// The choice of images, for all of them.
    Narrowing,
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
            Context::Inspector => Some(WayBack::Inspector),
            Context::Explanation => Some(WayBack::Explanation),
            Context::Class => Some(WayBack::ClassPage),
            Context::Block => Some(WayBack::Block),
            Context::Gallery => before.or(self.images.is_narrowed().then_some(WayBack::Narrowing)),
            Context::Opening if self.session.is_none() && self.job == Job::Idle => None,
            Context::Opening => before.or(Some(WayBack::Screen(Screen::Strategies))),
            _ => before,
        }
    }

    pub(super) fn step_back(&mut self) {
        match self.way_back() {
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
            Some(WayBack::Inspector) => self.images.close(),
            Some(WayBack::Explanation) => self.images.explanation = None,
            Some(WayBack::ClassPage) => self.classes.page = None,
            Some(WayBack::Block) => self.confusion.block = None,
            Some(WayBack::Screen(screen)) => {
                if self.screen == Screen::Images {
                    self.forget_flips();
                }
                self.back.pop();
                self.screen = screen;
            }
            Some(WayBack::Narrowing) => {
                self.images.widen();
                self.list_images();
            }
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

    pub(super) fn stop(&mut self) -> Option<Effect> {
        Some(match self.stoppable()? {
            Stoppable::Session => {
                self.job = Job::Stopping;
                self.jobs.set(SESSION_JOB, &Job::Stopping);
                Effect::StopSession
            }
            Stoppable::Editor => {
                self.prompts.editor = None;
                self.jobs.set(EDITOR_JOB, &Job::Stopped);
                Effect::CloseEditor
            }
            Stoppable::Analysis => {
                self.stop_analysis();
                Effect::CloseAnalysis
            }
            Stoppable::Generation => self.stop_generation(),
        })
    }
}
