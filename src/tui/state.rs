//! Everything the screens show, and how events change it: `update` is pure, its effects are carried out elsewhere.

use std::sync::Arc;

use ratatui::crossterm::event::KeyEvent;
use ratatui::layout::Size;

use super::actions::{Action, Context, action_for};
use super::graphics::{Graphics, PictureProtocol};
use super::layout;
use super::pictures::Picture;
pub use super::pictures::PictureKey;
use super::pictures::cache::PictureCache;
use crate::workbench::{Comparison, Progress, Session, demo};

/// What happens to the screens.
#[derive(Debug)]
pub enum Event {
    /// A key was pressed.
    Key(KeyEvent),
    /// The terminal has a new size.
    Resize(Size),
    /// The session's job says how far it is.
    Progress(Progress),
    /// The session's job is done.
    Opened(Arc<Session>),
    /// The session's job stopped when asked to.
    Stopped,
    /// The session's job failed.
    Failed(Problem),
    /// A picture is ready, or will never be.
    PictureReady(PictureKey, Result<Picture, String>),
    /// The system wants the program to end.
    Terminate,
}

/// What the screens want done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Open and evaluate the experiment.
    StartSession,
    /// The same, with a store in memory.
    StartInMemory,
    /// Stop the job.
    StopSession,
    /// Decode these pictures and fit them to their cells; others need not be made any more.
    LoadPictures(Vec<PictureKey>),
    /// Give the terminal back until `fg`.
    Suspend,
    /// End the program.
    Quit,
    /// End it at once, in the middle of whatever runs.
    QuitNow,
}

/// Why there is no session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The whole message.
    pub message: String,
    /// The store could not be opened: memory would do.
    pub store: bool,
}

/// The session's job.
#[derive(Debug, Clone, PartialEq)]
pub enum Job {
    /// It runs; progress once there is any.
    Running(Option<Progress>),
    /// The user wants it stopped; the batch in flight is finished first.
    Stopping,
    /// The user stopped it.
    Stopped,
    /// It failed.
    Failed(Problem),
    /// It is done.
    Done,
}

/// One of the two tables of the overview.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// The strategies.
    Strategies,
    /// The classes.
    Classes,
}

/// Which screen is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Screen {
    /// Strategies and classes.
    Overview,
    /// One class's images.
    Images,
}

/// What lies over the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlay {
    /// The keys; the first line shown.
    Help(usize),
    /// The messages; the first line shown.
    Messages(usize),
    /// "Quit although a job runs?"
    Leaving,
}

/// The order of the classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClassOrder {
    /// By what B gains over A.
    Difference,
    /// By A's accuracy.
    AccuracyA,
    /// By B's accuracy.
    AccuracyB,
    /// As the dataset has them.
    Dataset,
}

impl ClassOrder {
    const ALL: [Self; 4] = [Self::Difference, Self::AccuracyA, Self::AccuracyB, Self::Dataset];

    fn next(self) -> Self {
        let position = Self::ALL.iter().position(|&order| order == self).unwrap_or(0);
        Self::ALL[(position + 1) % Self::ALL.len()]
    }

    /// In words, for its usual and its opposite direction.
    pub fn words(self, reversed: bool) -> &'static str {
        match (self, reversed) {
            (Self::Difference, false) => "gains first",
            (Self::Difference, true) => "losses first",
            (Self::AccuracyA, false) => "best with A first",
            (Self::AccuracyA, true) => "worst with A first",
            (Self::AccuracyB, false) => "best with B first",
            (Self::AccuracyB, true) => "worst with B first",
            (Self::Dataset, false) => "dataset order",
            (Self::Dataset, true) => "dataset order, reversed",
        }
    }
}

/// Which images of a class are walked through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageFilter {
    /// Missed by A or by B.
    Missed,
    /// Missed by A.
    MissedByA,
    /// Missed by B.
    MissedByB,
    /// Missed by A, right with B.
    Gained,
    /// Right with A, missed by B.
    Lost,
    /// Missed by every strategy shown.
    MissedByAll,
    /// All of them.
    Every,
}

impl ImageFilter {
    const ALL: [Self; 7] = [
        Self::Missed,
        Self::MissedByA,
        Self::MissedByB,
        Self::Gained,
        Self::Lost,
        Self::MissedByAll,
        Self::Every,
    ];

    /// What makes sense for one strategy alone.
    const ALONE: [Self; 2] = [Self::MissedByA, Self::Every];

    fn choices(pair: bool) -> &'static [Self] {
        if pair { &Self::ALL } else { &Self::ALONE }
    }

    fn next(self, pair: bool) -> Self {
        let choices = Self::choices(pair);
        let position = choices.iter().position(|&filter| filter == self).unwrap_or(0);
        choices[(position + 1) % choices.len()]
    }

    /// In words.
    pub fn words(self, pair: bool) -> &'static str {
        match self {
            Self::Missed => "missed by A or B",
            Self::MissedByA if !pair => "missed",
            Self::MissedByA => "missed by A",
            Self::MissedByB => "missed by B",
            Self::Gained => "missed by A, right with B",
            Self::Lost => "right with A, missed by B",
            Self::MissedByAll => "missed by all",
            Self::Every => "every image",
        }
    }
}

/// One row of the table of classes.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassRow {
    /// An index into the session's classes.
    pub class: usize,
    /// Its images.
    pub images: usize,
    /// Accuracy under A, 0 to 1; none without images.
    pub a: Option<f64>,
    /// Accuracy under B.
    pub b: Option<f64>,
}

impl ClassRow {
    /// B − A.
    pub fn difference(&self) -> Option<f64> {
        Some(self.b? - self.a?)
    }
}

/// The images walked through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImagesView {
    /// The class they belong to.
    pub class: usize,
    /// Which of them.
    pub filter: ImageFilter,
    /// Indices into the session's images.
    pub list: Vec<usize>,
    /// An index into `list`.
    pub selected: usize,
}

/// Everything the screens show.
#[derive(Debug)]
pub struct State {
    /// The terminal's size.
    pub size: Size,
    /// The job that makes the session.
    pub job: Job,
    /// The evaluated experiment.
    pub session: Option<Arc<Session>>,
    /// Which screen is shown.
    pub screen: Screen,
    /// What lies over it.
    pub overlay: Option<Overlay>,
    /// Where the keys of the overview go.
    pub table: Table,
    /// Which strategies are shown, in the session's order.
    pub shown: Vec<bool>,
    /// The selected strategy.
    pub strategy: usize,
    /// The baseline: A.
    pub a: usize,
    /// The strategy compared with it: B; equal to `a` where there is no other.
    pub b: usize,
    /// B against A.
    pub comparison: Option<Comparison>,
    /// The classes in their order.
    pub classes: Vec<ClassRow>,
    /// The order.
    pub order: ClassOrder,
    /// The opposite of it.
    pub reversed: bool,
    /// The selected row of `classes`.
    pub class_row: usize,
    /// The images walked through.
    pub images: Option<ImagesView>,
    /// The terminal's way of showing pictures.
    pub graphics: Graphics,
    /// Those that were made.
    pub pictures: PictureCache,
    /// Everything the user should be able to read again.
    pub messages: Vec<String>,
    /// The first line shown of a problem's message.
    pub problem_line: usize,
    /// A store in memory is in use: nothing is kept.
    pub in_memory: bool,
    /// It is what the user asked for at the start.
    pub memory_wanted: bool,
}

impl State {
    /// Before the first job has begun.
    pub fn new(size: Size, in_memory: bool) -> Self {
        Self {
            size,
            job: Job::Running(None),
            session: None,
            screen: Screen::Overview,
            overlay: None,
            table: Table::Classes,
            shown: Vec::new(),
            strategy: 0,
            a: 0,
            b: 0,
            comparison: None,
            classes: Vec::new(),
            order: ClassOrder::Difference,
            reversed: false,
            class_row: 0,
            images: None,
            graphics: Graphics::HALFBLOCKS,
            pictures: PictureCache::default(),
            messages: Vec::new(),
            problem_line: 0,
            in_memory,
            memory_wanted: in_memory,
        }
    }

    /// Where the keys go.
    pub fn context(&self) -> Context {
        match self.overlay {
            Some(Overlay::Help(_) | Overlay::Messages(_)) => return Context::Overlay,
            Some(Overlay::Leaving) => return Context::Leaving,
            None => {}
        }
        match (&self.job, &self.session) {
            (Job::Failed(problem), None) if problem.store => Context::StoreProblem,
            (Job::Failed(_), None) => Context::Problem,
            (Job::Stopped, None) => Context::Stopped,
            (Job::Running(_) | Job::Stopping | Job::Done, None) => Context::Loading,
            (_, Some(_)) => match (self.screen, self.table) {
                (Screen::Images, _) => Context::Images,
                (Screen::Overview, Table::Strategies) => Context::Strategies,
                (Screen::Overview, Table::Classes) => Context::Classes,
            },
        }
    }

    /// Whether two strategies are compared; otherwise A stands alone.
    pub fn is_pair(&self) -> bool {
        self.a != self.b
    }

    /// The strategies shown, baseline and B first.
    pub fn shown_strategies(&self) -> Vec<usize> {
        let mut strategies = vec![self.a];
        if self.b != self.a {
            strategies.push(self.b);
        }
        let others = (0..self.shown.len()).filter(|&i| self.shown[i] && i != self.a && i != self.b);
        strategies.extend(others);
        strategies
    }

    /// The image under the cursor: an index into the session's images.
    pub fn current_image(&self) -> Option<usize> {
        let view = self.images.as_ref().filter(|_| self.screen == Screen::Images)?;
        view.list.get(view.selected).copied()
    }

    /// The picture of the image under the cursor, if the terminal shows pictures and this screen has room for one.
    pub fn wanted_picture(&self) -> Option<PictureKey> {
        let size = layout::picture_size(self.size);
        let has_room = size.area() > 0 && self.graphics.protocol != PictureProtocol::Off;
        let image = self.current_image().filter(|_| has_room)?;
        Some(PictureKey { image, size, cell: self.graphics.cell })
    }

    /// The question whether to quit although a job runs is out of date with the job.
    fn end_job(&mut self, job: Job) {
        self.job = job;
        self.problem_line = 0;
        self.overlay = self.overlay.filter(|overlay| *overlay != Overlay::Leaving);
    }

    fn open_session(&mut self, session: Arc<Session>) {
        self.shown = vec![true; session.strategies.len()];
        self.a = session.baseline;
        self.strategy = (0..session.strategies.len()).find(|&i| i != self.a).unwrap_or(self.a);
        self.b = self.strategy;
        self.messages = messages(&session, self.in_memory);
        self.pictures.clear();
        self.session = Some(session);
        self.compare();
    }

    /// Works out everything that depends on A, B and the order of the classes.
    fn compare(&mut self) {
        let Some(session) = self.session.clone() else { return };
        let selected = self.classes.get(self.class_row).map(|row| row.class);
        let (a, b) = (&session.strategies[self.a].evaluation, &session.strategies[self.b].evaluation);
        self.comparison = (self.a != self.b).then(|| Comparison::new(a, b).ok()).flatten();
        self.classes = a
            .per_class()
            .iter()
            .zip(b.per_class())
            .enumerate()
            .map(|(class, (with_a, with_b))| ClassRow {
                class,
                images: with_a.images as usize,
                a: with_a.accuracy,
                b: with_b.accuracy,
            })
            .collect();
        let descending = |x: Option<f64>, y: Option<f64>| {
            y.unwrap_or(f64::NEG_INFINITY).total_cmp(&x.unwrap_or(f64::NEG_INFINITY))
        };
        match self.order {
            ClassOrder::Difference => {
                self.classes.sort_by(|x, y| descending(x.difference(), y.difference()));
            }
            ClassOrder::AccuracyA => self.classes.sort_by(|x, y| descending(x.a, y.a)),
            ClassOrder::AccuracyB => self.classes.sort_by(|x, y| descending(x.b, y.b)),
            ClassOrder::Dataset => {}
        }
        if self.reversed {
            self.classes.reverse();
        }
        if let Some(class) = selected {
            self.class_row = self.classes.iter().position(|row| row.class == class).unwrap_or(0);
        }
    }

    /// B is the selected strategy, or, where that is the baseline or hidden, the first other one shown.
    fn choose_b(&mut self) {
        let other = |i: &usize| *i != self.a && self.shown[*i];
        self.b = Some(self.strategy)
            .filter(other)
            .or_else(|| Some(self.b).filter(other))
            .or_else(|| (0..self.shown.len()).find(other))
            .unwrap_or(self.a);
        self.compare();
    }

    fn list_images(&mut self) {
        let (Some(session), Some(view)) = (self.session.clone(), self.images.as_ref()) else { return };
        let right = |strategy: usize, image: usize| session.strategies[strategy].evaluation.is_correct(image);
        let shown = self.shown_strategies();
        let (a, b) = (self.a, self.b);
        let wanted = |image: usize| match view.filter {
            ImageFilter::Missed => !right(a, image) || !right(b, image),
            ImageFilter::MissedByA => !right(a, image),
            ImageFilter::MissedByB => !right(b, image),
            ImageFilter::Gained => !right(a, image) && right(b, image),
            ImageFilter::Lost => right(a, image) && !right(b, image),
            ImageFilter::MissedByAll => shown.iter().all(|&strategy| !right(strategy, image)),
            ImageFilter::Every => true,
        };
        let kept = view.list.get(view.selected).copied();
        let list: Vec<usize> = (0..session.images.len())
            .filter(|&image| session.images[image].label == view.class && wanted(image))
            .collect();
        let selected = kept.and_then(|kept| list.iter().position(|&image| image == kept)).unwrap_or(0);
        if let Some(view) = &mut self.images {
            view.list = list;
            view.selected = selected;
        }
    }

    fn move_by(&mut self, step: Step) {
        let half = usize::from(self.size.height / 2).max(1);
        match self.overlay {
            Some(Overlay::Help(line)) => {
                let lines = super::draw::help_lines().len();
                self.overlay = Some(Overlay::Help(step.apply(line, lines, half)));
                return;
            }
            Some(Overlay::Messages(line)) => {
                let lines = self.messages.len();
                self.overlay = Some(Overlay::Messages(step.apply(line, lines, half)));
                return;
            }
            Some(Overlay::Leaving) => return,
            None => {}
        }
        if let Job::Failed(problem) = &self.job {
            let lines = super::draw::problem_lines(&problem.message, self.size.width).len();
            self.problem_line = step.apply(self.problem_line, lines, half);
            return;
        }
        match (self.screen, self.table) {
            (Screen::Images, _) => {
                if let Some(view) = &mut self.images {
                    view.selected = step.apply(view.selected, view.list.len(), half);
                }
            }
            (Screen::Overview, Table::Strategies) => {
                self.strategy = step.apply(self.strategy, self.shown.len(), half);
                self.choose_b();
            }
            (Screen::Overview, Table::Classes) => {
                self.class_row = step.apply(self.class_row, self.classes.len(), half);
            }
        }
    }
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

/// How far a selection moves.
#[derive(Debug, Clone, Copy)]
enum Step {
    One(isize),
    Half(isize),
    First,
    Last,
}

impl Step {
    /// From `position` in a list of `len`; `half` rows are half a screen.
    fn apply(self, position: usize, len: usize, half: usize) -> usize {
        let last = len.saturating_sub(1);
        match self {
            Self::One(by) => position.saturating_add_signed(by).min(last),
            Self::Half(by) => position.saturating_add_signed(by * half as isize).min(last),
            Self::First => 0,
            Self::Last => last,
        }
    }
}

/// Changes the state by one event and says what is to be done.
pub fn update(state: &mut State, event: Event) -> Vec<Effect> {
    let mut effects = match event {
        Event::Key(key) => match action_for(&key, state.context()) {
            Some(action) => act(state, action),
            None => Vec::new(),
        },
        Event::Resize(size) => {
            state.size = size;
            Vec::new()
        }
        Event::Progress(progress) => {
            if matches!(state.job, Job::Running(_)) {
                state.job = Job::Running(Some(progress));
            }
            Vec::new()
        }
        Event::Opened(session) => {
            state.end_job(Job::Done);
            state.open_session(session);
            Vec::new()
        }
        Event::Stopped => {
            state.end_job(Job::Stopped);
            Vec::new()
        }
        Event::Failed(problem) => {
            state.end_job(Job::Failed(problem));
            Vec::new()
        }
        Event::PictureReady(key, picture) => {
            state.pictures.insert(key, picture);
            Vec::new()
        }
        Event::Terminate => vec![Effect::QuitNow],
    };
    let wanted: Vec<PictureKey> = state.wanted_picture().into_iter().collect();
    effects.extend(state.pictures.to_make(&wanted).map(Effect::LoadPictures));
    effects
}

fn act(state: &mut State, action: Action) -> Vec<Effect> {
    match action {
        Action::Up => state.move_by(Step::One(-1)),
        Action::Down => state.move_by(Step::One(1)),
        Action::HalfUp => state.move_by(Step::Half(-1)),
        Action::HalfDown => state.move_by(Step::Half(1)),
        Action::Top => state.move_by(Step::First),
        Action::Bottom => state.move_by(Step::Last),
        Action::Next => state.move_by(Step::One(1)),
        Action::Previous => state.move_by(Step::One(-1)),
        Action::OtherTable => {
            state.table = match state.table {
                Table::Strategies => Table::Classes,
                Table::Classes => Table::Strategies,
            };
        }
        Action::Toggle => {
            if state.strategy != state.a {
                state.shown[state.strategy] = !state.shown[state.strategy];
                state.choose_b();
            }
        }
        Action::Baseline => {
            let before = state.a;
            state.a = state.strategy;
            state.shown[state.a] = true;
            if state.b == state.a {
                state.b = before;
            }
            state.choose_b();
        }
        Action::Sort => {
            state.order = state.order.next();
            state.reversed = false;
            state.class_row = 0;
            state.classes.clear();
            state.compare();
        }
        Action::Reverse => {
            state.reversed = !state.reversed;
            state.class_row = 0;
            state.classes.clear();
            state.compare();
        }
        Action::Open => {
            if let Some(row) = state.classes.get(state.class_row) {
                state.images = Some(ImagesView {
                    class: row.class,
                    filter: ImageFilter::choices(state.is_pair())[0],
                    list: Vec::new(),
                    selected: 0,
                });
                state.screen = Screen::Images;
                state.list_images();
            }
        }
        Action::Filter => {
            let pair = state.is_pair();
            if let Some(view) = &mut state.images {
                view.filter = view.filter.next(pair);
            }
            state.list_images();
        }
        Action::Back => {
            if state.overlay.is_some() {
                state.overlay = None;
            } else {
                state.screen = Screen::Overview;
            }
        }
        Action::Help => {
            state.overlay = match state.overlay {
                Some(Overlay::Help(_)) => None,
                _ => Some(Overlay::Help(0)),
            };
        }
        Action::Messages => state.overlay = Some(Overlay::Messages(0)),
        Action::Cancel => {
            state.job = Job::Stopping;
            return vec![Effect::StopSession];
        }
        Action::Retry => {
            // A stopped job goes on in its store; a failed one tries the one that was wanted first.
            let in_memory = state.in_memory && state.job == Job::Stopped;
            state.in_memory = in_memory || state.memory_wanted;
            state.job = Job::Running(None);
            return vec![if in_memory { Effect::StartInMemory } else { Effect::StartSession }];
        }
        Action::MemoryStore => {
            state.job = Job::Running(None);
            state.in_memory = true;
            return vec![Effect::StartInMemory];
        }
        Action::Quit => {
            let running = matches!(state.job, Job::Running(_) | Job::Stopping);
            if running && state.overlay != Some(Overlay::Leaving) {
                state.overlay = Some(Overlay::Leaving);
            } else {
                return vec![Effect::Quit];
            }
        }
        Action::QuitNow => return vec![Effect::QuitNow],
        Action::Suspend => return vec![Effect::Suspend],
    }
    Vec::new()
}
