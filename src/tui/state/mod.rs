//! Everything the screens show. `update` changes it and is pure: its effects are carried out elsewhere.
//!
//! | file | what it knows |
//! |---|---|
//! | `events.rs`, `update.rs` | what happens, what is to be done, and how one leads to the other |
//! | `focus.rs` | the strategies: A, B, what is shown |
//! | `classes.rs`, `confusion.rs`, `images.rs`, `prompts.rs`, `jobs.rs`, `opening.rs` | a screen each |
//! | `explanation.rs` | why A and B see what they see in an image |
//! | `strategies_page.rs` | what is shown of A and B as wholes |
//! | `analysis.rs` | the job that answers questions about embeddings |
//! | `findings.rs` | what may be wrong with labels and prompts |
//! | `generation.rs`, `generation_form.rs` | prompts that a language model writes, and the form that says which |
//! | `unfinished.rs` | what is remembered of them until they are saved |
//! | `commands.rs`, `form.rs` | what lies over a screen |
//! | `editor.rs` | the editor at which prompts are edited |
//! | `typing.rs` | what is typed into the hint bar, and what for |
//! | `keeping.rs` | what is written to files: strategies, the session, pages |
//! | `draft.rs` | changes of prompts that were not saved, for the next time |
//! | `opened.rs` | what stays when a session comes |
//! | `ways.rs` | what Esc leaves, what a key that stops would stop |
//! | `remembered.rs` | what is kept for the next time |
//! | `step.rs` | how a selection moves |
//! | `places.rs`, `mouse.rs` | what stands where, and what a click there means |
//!
//! What threads say comes late. It changes what is shown and never where the user is: selections are kept by the thing that
//! they are on, typed text goes to what it was begun on, and a dialog stays until its user closes it.

mod analysis;
pub mod classes;
pub mod commands;
pub mod confusion;
mod draft;
mod editor;
mod events;
pub mod explanation;
pub mod findings;
pub mod focus;
pub mod form;
pub mod generation;
mod generation_form;
pub mod images;
pub mod jobs;
mod keeping;
mod mouse;
mod navigation;
mod opened;
pub mod opening;
pub mod places;
pub mod prompts;
pub mod remembered;
mod shown_pictures;
pub mod step;
pub mod strategies_page;
mod typing;
pub mod unfinished;
mod update;
mod ways;

use std::sync::Arc;

use ratatui::layout::{Position, Size};

use super::actions::{Action, Context};
use super::graphics::{Graphics, PictureProtocol};
use super::keymap::Keymap;
use super::layout;
use super::pictures::PictureKey;
use super::pictures::cache::PictureCache;
use crate::workbench::generation::GenerationSettings;
use crate::workbench::{
    ConfusionCell, FileChange, FirstFigures, ImageFilter, Progress, Remedy, Session, taken_by_either,
};
pub use analysis::Analysis;
use classes::{ClassPage, ClassesView};
use commands::CommandsView;
use confusion::ConfusionView;
pub use draft::Draft;
pub use events::{Effect, Event, NewStrategy, Wanted};
use explanation::ExplanationView;
use findings::FindingsView;
use focus::Strategies;
use form::Form;
use generation::GenerationView;
use images::ImagesView;
use jobs::JobsView;
pub use jobs::{Job, Problem};
pub use keeping::OpenedFrom;
use opening::OpeningRow;
pub use opening::OpeningView;
use prompts::{Editor, PromptsView};
pub use remembered::Remembered;
use step::Step;
use strategies_page::StrategiesPage;
pub use typing::{InputKind, Typing};
pub use unfinished::RememberedGeneration;
pub use update::update;
pub use ways::Exit;

/// Which screen is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Screen {
    /// The leaderboard.
    Strategies,
    /// The table of classes, or one of them.
    Classes,
    /// Confused pairs, or the matrix around a class.
    Confusion,
    /// The gallery, or one image.
    Images,
    /// The prompts of a class.
    Prompts,
    /// Jobs and messages.
    Jobs,
    /// What may be wrong with labels and prompts.
    Findings,
    /// Which experiment to open.
    Opening,
}

impl Screen {
    /// Those with a number, in its order.
    pub const ALL: [Self; 7] = [
        Self::Strategies,
        Self::Classes,
        Self::Confusion,
        Self::Images,
        Self::Prompts,
        Self::Jobs,
        Self::Findings,
    ];

    /// As the tabs show it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Strategies => "Strategies",
            Self::Classes => "Classes",
            Self::Confusion => "Confusion",
            Self::Images => "Images",
            Self::Prompts => "Prompts",
            Self::Jobs => "Jobs",
            Self::Findings => "Findings",
            Self::Opening => "Open",
        }
    }

    fn beside(self, by: isize) -> Self {
        let place = Self::ALL.iter().position(|&screen| screen == self).unwrap_or(0);
        Self::ALL[(place as isize + by).rem_euclid(Self::ALL.len() as isize) as usize]
    }
}

/// What lies over the screen.
#[derive(Debug, Clone, PartialEq)]
pub enum Overlay {
    /// Help and command palette.
    Commands(CommandsView),
    /// A message with its full text.
    Message {
        /// The text.
        text: String,
        /// The first line shown.
        line: usize,
    },
    /// A form.
    Form(Form),
    /// "Quit although a job runs?"
    Leaving(Exit),
    /// "Write this to the experiment's file?"
    FileChange {
        /// The change.
        change: Box<FileChange>,
        /// The first line shown.
        line: usize,
    },
}

/// Everything the screens show.
#[derive(Debug)]
pub struct State {
    /// The terminal's size.
    pub size: Size,
    /// The keys in use.
    pub keymap: Keymap,
    /// The job that makes the session.
    pub job: Job,
    /// What the strategies come to on the images so far, while it runs.
    pub first_figures: Option<FirstFigures>,
    /// The evaluated experiment.
    pub session: Option<Arc<Session>>,
    /// Which screen is shown.
    pub screen: Screen,
    /// Where Esc leads to, nearest last.
    pub back: Vec<Screen>,
    /// One thing on the screen was gone to, not the screen: Esc leaves both.
    pub is_look: bool,
    /// What lies over the screen.
    pub overlay: Option<Overlay>,
    /// What is being typed.
    pub typing: Option<Typing>,
    /// A strategy that is being embedded and evaluated.
    pub pending: Option<String>,
    /// A strategy that was just added, and that nobody has looked at.
    pub newcomer: Option<String>,
    /// A word about what was just done, until the next key.
    pub notice: Option<String>,
    /// A, B and the others.
    pub strategies: Strategies,
    /// What is shown of A and B as wholes, in place of the strategies.
    pub strategies_page: Option<StrategiesPage>,
    /// The table of classes.
    pub classes: ClassesView,
    /// The confusions.
    pub confusion: ConfusionView,
    /// The images.
    pub images: ImagesView,
    /// The prompts of a class.
    pub prompts: PromptsView,
    /// The job that answers questions about the session's embeddings.
    pub analysis: Analysis,
    /// What may be wrong with labels and prompts.
    pub findings: FindingsView,
    /// Prompts that a language model writes.
    pub generation: Option<GenerationView>,
    /// What the form for them proposes: the experiment's settings.
    pub generation_proposal: GenerationSettings,
    /// What the form says of how much is asked, and was worked out or is about to be.
    pub estimated: Option<GenerationSettings>,
    /// What is remembered of the generation, also of one that an earlier start left.
    pub unfinished: Option<RememberedGeneration>,
    /// Jobs and messages.
    pub jobs: JobsView,
    /// Where the mouse was pressed last, with nothing between.
    pub clicked: Option<Position>,
    /// What can be opened.
    pub opening: OpeningView,
    /// Where the open experiment comes from.
    pub opened_from: OpenedFrom,
    /// The name of the experiment that is open, or about to be.
    pub opening_name: String,
    /// The stages that opening it has behind it.
    pub phases: Vec<Progress>,
    /// The experiment that Esc leads back to where another one could not be opened.
    pub back_to: Option<String>,
    /// Forms as they were left.
    pub left_forms: Vec<Form>,
    /// Changes of prompts from the last time, until they are done again.
    pub draft: Option<Draft>,
    /// Why unsaved changes are not kept for the next time, if they are not.
    pub draft_unkept: Option<String>,
    /// The pictures that are made.
    pub pictures: PictureCache,
    /// The terminal's way of showing them.
    pub graphics: Graphics,
    /// Everything the user should be able to read again.
    pub messages: Vec<String>,
    /// The first line shown of a problem's message.
    pub problem_line: usize,
    /// A store in memory is in use: nothing is kept.
    pub in_memory: bool,
    /// It is what the user asked for at the start.
    pub memory_wanted: bool,
}

/// What the state calls the job that opens an experiment.
const SESSION_JOB: &str = "open and evaluate the experiment";

impl State {
    /// Before the first job has begun.
    pub fn new(size: Size, keymap: Keymap, in_memory: bool) -> Self {
        Self {
            size,
            keymap,
            job: Job::Idle,
            first_figures: None,
            session: None,
            screen: Screen::Strategies,
            back: Vec::new(),
            is_look: false,
            overlay: None,
            typing: None,
            pending: None,
            newcomer: None,
            notice: None,
            strategies: Strategies::default(),
            strategies_page: None,
            classes: ClassesView::default(),
            confusion: ConfusionView::default(),
            images: ImagesView::default(),
            prompts: PromptsView::default(),
            analysis: Analysis::default(),
            findings: FindingsView::default(),
            generation: None,
            generation_proposal: GenerationSettings::default(),
            estimated: None,
            unfinished: None,
            jobs: JobsView::default(),
            clicked: None,
            opening: OpeningView::default(),
            opened_from: OpenedFrom::default(),
            opening_name: String::new(),
            phases: Vec::new(),
            back_to: None,
            left_forms: Vec::new(),
            draft: None,
            draft_unkept: None,
            pictures: PictureCache::default(),
            graphics: Graphics::HALFBLOCKS,
            messages: Vec::new(),
            problem_line: 0,
            in_memory,
            memory_wanted: in_memory,
        }
    }

    /// The session's job begins.
    pub(super) fn begin_session(&mut self) {
        self.job = Job::Running(None);
        self.phases.clear();
        self.jobs.begin(SESSION_JOB.to_owned());
    }

    /// The session's job says how far it is; after it was told to stop, that is no news.
    fn session_job_is(&mut self, job: Job) {
        if self.job.is_running() && self.job != Job::Stopping {
            if let (Job::Running(Some(before)), Job::Running(Some(now))) = (&self.job, &job)
                && before.stage != now.stage
            {
                self.phases.push(*before);
            }
            self.jobs.set(SESSION_JOB, &job);
            self.job = job;
        }
    }

    /// Where the keys go.
    pub fn context(&self) -> Context {
        match self.overlay {
            Some(Overlay::Commands(_)) => Context::Commands,
            Some(Overlay::Message { .. }) => Context::Commands,
            Some(Overlay::Leaving(_)) => Context::Leaving,
            Some(Overlay::FileChange { .. }) => Context::FileChange,
            // A form takes its keys itself.
            Some(Overlay::Form(_)) | None => self.place(),
        }
    }

    /// The same without what lies over the screen.
    pub fn place(&self) -> Context {
        if self.screen == Screen::Opening {
            return Context::Opening;
        }
        match (&self.job, &self.session) {
            (Job::Failed(problem), None) => match problem.remedy {
                Some(Remedy::MemoryStore) => Context::StoreProblem,
                Some(Remedy::Pull(_)) => Context::AbsentCheckpoint,
                None => Context::Problem,
            },
            (Job::Stopped, None) => Context::Stopped,
            (_, None) => Context::Loading,
            (_, Some(_)) => match self.screen {
                Screen::Strategies if self.strategies_page.is_some() => Context::StrategiesPage,
                Screen::Strategies => Context::Strategies,
                Screen::Classes if self.classes.page.is_some() => Context::Class,
                Screen::Classes => Context::Classes,
                Screen::Confusion if self.confusion.block.is_some() => Context::Block,
                Screen::Confusion => Context::Pairs,
                Screen::Images if self.images.inspecting && self.images.explanation.is_some() => {
                    Context::Explanation
                }
                Screen::Images if self.images.inspecting => Context::Inspector,
                Screen::Images => Context::Gallery,
                Screen::Prompts if self.generation.as_ref().is_some_and(|view| view.shown) => {
                    Context::Generation
                }
                Screen::Prompts => Context::Prompts,
                Screen::Jobs => Context::Jobs,
                Screen::Findings => Context::Findings,
                Screen::Opening => Context::Opening,
            },
        }
    }

    /// The class that the screen is about, if it is about one.
    pub fn class_in_focus(&self) -> Option<usize> {
        let session = self.session.as_ref()?;
        match self.place() {
            Context::Classes => self.classes.selected_class(),
            Context::Class => self.classes.page.as_ref().map(|page| page.class),
            Context::Pairs => self.confusion.pairs.get(self.confusion.selected).map(|pair| pair.truth),
            Context::Block => self.confusion.block.as_ref().map(|block| block.truth),
            Context::Gallery | Context::Inspector | Context::Explanation => {
                self.images.current().map(|image| session.images[image].label)
            }
            Context::Prompts => Some(self.prompts.class),
            Context::Findings => self.findings.current()?.classes.first().copied(),
            _ => None,
        }
    }

    fn end_job(&mut self, job: Job) {
        self.jobs.set(SESSION_JOB, &job);
        self.job = job;
        self.pending = None;
        self.problem_line = 0;
        self.first_figures = None;
    }

    /// Works out everything that depends on A, B and the session.
    fn refill(&mut self) {
        let Some(session) = self.session.clone() else { return };
        self.strategies.compare(&session);
        self.classes.fill(&session, &self.strategies);
        self.list_confusions();
        self.images.refresh(&session, &self.strategies);
        self.prompts.clamp(&session, &self.strategies);
    }

    fn list_confusions(&mut self) {
        if let Some(session) = self.session.clone() {
            self.confusion.fill(&session, &self.strategies);
            self.fit_block();
        }
    }

    /// An open matrix is made anew, as large as there is room; the cursor stays on its cell.
    fn fit_block(&mut self) {
        if let Some(block) = &self.confusion.block {
            self.open_block(block.class, (block.truth, block.predicted));
        }
    }

    /// The images are listed anew, after the user chose others.
    fn list_images(&mut self) {
        if let Some(session) = self.session.clone() {
            self.images.fill(&session, &self.strategies);
        }
    }

    /// The same, after something else changed.
    fn refresh_images(&mut self) {
        if let Some(session) = self.session.clone() {
            self.images.refresh(&session, &self.strategies);
        }
    }

    /// The terminal has another size.
    fn resize(&mut self, size: Size) {
        self.size = size;
        self.fit_block();
        // Texts are wrapped anew, and may have fewer lines.
        let last = |text: &str| places::problem_lines(text, size.width).len().saturating_sub(1);
        if let Some(Overlay::Message { text, line }) = &mut self.overlay {
            *line = (*line).min(last(text));
        }
        if let Job::Failed(problem) = &self.job {
            self.problem_line = self.problem_line.min(last(&problem.message));
        }
    }

    /// Opens the matrix around a class, the cursor on the cell of a true and a predicted class.
    fn open_block(&mut self, class: usize, cell: (usize, usize)) {
        if let Some(session) = self.session.clone() {
            let size = layout::block_size(layout::body(self.size), block_names(self.size.width));
            self.confusion.open_block(&session, &self.strategies, class, cell, size);
        }
    }

    /// The classes of the page that it is taken for: under A, or B, most images first.
    pub fn taken_for(&self, class: usize) -> Vec<confusion::Pair> {
        let Some(session) = &self.session else { return Vec::new() };
        let confusion = |strategy: usize| &session.strategies[strategy].evaluation.confusion;
        let (a, b) = (confusion(self.strategies.a), confusion(self.strategies.b));
        let mut pairs: Vec<confusion::Pair> = taken_by_either(a, b, class)
            .into_iter()
            .filter(|cell| cell.predicted != class)
            .map(|cell| confusion::Pair { truth: class, predicted: cell.predicted, a: cell.a, b: cell.b })
            .collect();
        pairs.sort_by_key(|pair| std::cmp::Reverse(pair.a.max(pair.b)));
        pairs
    }

    /// Why the image is seen as it is; or no more of that.
    fn toggle_explanation(&mut self) {
        let image = self.images.current();
        self.images.explanation = match self.images.explanation {
            Some(_) => None,
            None => image.map(|image| ExplanationView::unasked(image, &self.strategies)),
        };
    }

    /// Whether an action that works here would do something now.
    pub fn can(&self, action: Action) -> bool {
        let editor = || self.prompts.editor.as_ref();
        match action {
            Action::Cancel => self.stoppable().is_some(),
            Action::Retry if self.context() == Context::Generation => {
                self.generation.as_ref().is_some_and(|view| !view.runs())
            }
            Action::Retry => matches!(self.job, Job::Stopped | Job::Failed(_)),
            Action::Undo => editor().and_then(Editor::state).is_some_and(|state| !state.trail.is_empty()),
            Action::Flips => editor().and_then(Editor::state).is_some_and(|state| !state.flips.is_empty()),
            Action::SavePrompts if self.context() == Context::Generation => {
                self.generation.as_ref().is_some_and(|view| view.count().0 > 0)
            }
            Action::SavePrompts if self.context() == Context::StrategiesPage => {
                self.strategies_page.as_ref().is_some_and(StrategiesPage::has_pruned)
            }
            Action::SavePrompts => self.prompts.is_unsaved(),
            Action::Keep => !self.opened_from.added.is_empty(),
            // Where something is open, there is enough to do here.
            Action::OpenOther => self.session.is_none(),
            Action::Back => self.way_back().is_some(),
            _ => true,
        }
    }

    /// The experiment gets one more strategy.
    fn add_strategy(&mut self, new: NewStrategy) -> Effect {
        self.begin_session();
        self.pending = Some(new.name.clone());
        Effect::AddStrategy(new)
    }

    /// The selected strategy gets controls, or loses them.
    fn toggle_controls(&mut self) -> Vec<Effect> {
        let Some(session) = self.session.clone() else { return Vec::new() };
        if self.job.is_running() {
            self.notice = Some("Wait until the running job is done, or stop it.".to_owned());
            return Vec::new();
        }
        let selected = self.strategies.selected;
        let is_controlled = |strategy: &usize| session.controls_of(*strategy).is_some();
        let adds = !is_controlled(&selected);
        let wanted = (0..session.strategies.len())
            .filter(|strategy| is_controlled(strategy) != (*strategy == selected));
        let name = |strategy: usize| session.strategies[strategy].name.clone();
        self.begin_session();
        self.pending = adds.then(|| format!("controls of {}", name(selected)));
        vec![Effect::SetControls(wanted.map(name).collect())]
    }

    fn selected_prompt(&self) -> Option<String> {
        let session = self.session.as_ref()?;
        let shown = self.prompts.shown(session, self.prompts.strategy(&self.strategies));
        shown.get(self.prompts.row()).map(|prompt| prompt.text.to_owned())
    }
}

/// Columns that class names get in a confusion matrix.
pub fn block_names(width: u16) -> u16 {
    (width / 4).clamp(8, 24)
}
