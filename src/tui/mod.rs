//! The terminal screens: one loop that takes events, changes the state, carries out effects and draws.

pub mod actions;
mod draw;
pub mod graphics;
mod keeping;
pub mod keymap;
mod layout;
pub mod offscreen;
mod open_experiment;
mod pictures;
mod slot;
mod state;
mod svg;
mod terminal;
mod text;
mod text_input;
pub mod theme;
mod watching;

#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};

use crate::workbench::generation::{GenerationJob, GenerationSettings, MoreSentences};
use crate::workbench::{
    AnalysisJob, AnalysisNotice, AnalysisRequest, EditorJob, Experiment, JobNotice, Memory, Origin,
    PromptSetChoice, Recent, Session, SessionJob, SharedEmbeddings, StorePlace, StrategyChoice,
    complete_path, split_reference,
};
use graphics::PictureChoice;
use keymap::Keymap;
use open_experiment::OpenExperiment;
use pictures::making::PictureThreads;
use slot::{Slot, SlotKind};
use state::{
    Draft, Effect, Event, Job, NewStrategy, OpeningView, Problem, Remembered, State, Wanted, update,
};
use terminal::BorrowedTerminal;
use theme::{ColorDepth, Palette, Theme};

/// At most ten frames a second while a job reports.
const FRAME: Duration = Duration::from_millis(100);

/// How long the first frame may wait for numbers that are about to come.
const FIRST_FRAME: Duration = Duration::from_millis(300);

/// How the workbench was left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// As its user wished.
    Quit,
    /// By Ctrl-C or a signal while a job ran.
    Interrupted,
    /// The experiment could not be opened; this is why.
    Failed(String),
}

/// What the loop waits for.
enum Message {
    Screen(Event),
    Job { slot: SlotKind, id: u64, event: Event },
}

/// How the workbench looks and is worked.
#[derive(Debug, Clone)]
pub struct Options {
    /// Colours and signs. Where the palette is unknown, the terminal is asked for its background.
    pub theme: Theme,
    /// How pictures are shown.
    pub pictures: PictureChoice,
    /// The keys.
    pub keymap: Keymap,
    /// The wheel and clicks mean something.
    pub mouse: bool,
    /// What the user should know about the settings.
    pub notices: Vec<String>,
    /// The store that was named on the command line, for commands that are shown.
    pub store_flag: Option<PathBuf>,
}

/// Runs the workbench until its user quits: on an experiment, or with the question which one.
///
/// # Errors
/// When the terminal cannot be used. The terminal is restored in every case.
pub fn run(
    start: Option<(Origin, Experiment)>,
    place: StorePlace,
    memory: Memory,
    options: Options,
) -> io::Result<Ending> {
    let (sender, messages) = unbounded();
    watching::watch_signals(sender.clone())?;
    let mut theme = options.theme;
    let asks = options.theme.palette == Palette::Unknown && theme.depth != ColorDepth::Mono;
    let (mut terminal, asked) = BorrowedTerminal::borrow(options.pictures, asks, options.mouse)?;
    if let Some(background) = asked.background {
        theme.palette = Palette::on(background);
    }
    if asked.interrupted {
        return Ok(Ending::Interrupted);
    }
    watching::watch_terminal(sender.clone(), asked.late)?;
    let to_pictures = sender.clone();
    let pictures = PictureThreads::start(asked.graphics, move |key, picture| {
        send(&to_pictures, Message::Screen(Event::PictureReady(key, picture)));
    })?;
    let state = State {
        graphics: asked.graphics,
        opening: OpeningView::of(memory.recents()),
        ..State::new(terminal.size()?, options.keymap, place.is_memory())
    };
    let mut screen = Loop {
        open: OpenExperiment::default(),
        before: None,
        is_new: true,
        embeddings: None,
        place,
        in_memory: StorePlace::in_memory(),
        memory,
        theme,
        notices: options.notices,
        store_flag: options.store_flag,
        sender,
        pictures,
        state,
        may_pull: false,
        session: Slot::empty(SlotKind::Session),
        editor: Slot::empty(SlotKind::Editor),
        analysis: Slot::empty(SlotKind::Analysis),
        generation: Slot::empty(SlotKind::Generation),
    };
    if let Some((origin, mut experiment)) = start {
        screen.restore(&origin, &mut experiment);
        let name = experiment.name.clone();
        screen.open.replace(origin, experiment);
        screen.happen(Event::Replaced { name, back_to: None }, &mut terminal)?;
        screen.carry_out(Effect::StartSession, &mut terminal)?;
    } else {
        screen.happen(Event::Undecided, &mut terminal)?;
    }
    let ending = screen.turn(&messages, &mut terminal);
    screen.remember();
    ending
}

/// What was open before another experiment took its place.
struct Before {
    origin: Origin,
    experiment: Experiment,
    session: Arc<Session>,
}

struct Loop {
    open: OpenExperiment,
    /// Until the experiment that took its place is open.
    before: Option<Before>,
    /// What is open took another's place, and its session has not been on the screens.
    is_new: bool,
    /// Of the session on the screens, for all jobs that ask about it.
    embeddings: Option<SharedEmbeddings>,
    /// The store that was asked for.
    place: StorePlace,
    /// One that a user without it can go on with.
    in_memory: StorePlace,
    /// What is kept beside the store.
    memory: Memory,
    theme: Theme,
    /// About the settings: shown with the first session.
    notices: Vec<String>,
    store_flag: Option<PathBuf>,
    sender: Sender<Message>,
    pictures: PictureThreads,
    state: State,
    /// The user agreed to download the checkpoint of what is open.
    may_pull: bool,
    session: Slot<SessionJob>,
    editor: Slot<EditorJob>,
    analysis: Slot<AnalysisJob>,
    generation: Slot<GenerationJob>,
}

impl Loop {
    fn turn(&mut self, messages: &Receiver<Message>, terminal: &mut BorrowedTerminal) -> io::Result<Ending> {
        // When the next frame is due, if anything has changed since the last one.
        let mut due = Some(Instant::now() + FIRST_FRAME);
        if self.open.get().is_none() {
            due = Some(Instant::now());
        }
        loop {
            let message = match due {
                None => messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(due) => messages.recv_deadline(due),
            };
            match message {
                Ok(message) => {
                    let Some(event) = self.event(message) else { continue };
                    let at_once = !event.can_wait();
                    if matches!(event, Event::Resize(_)) {
                        // Whoever reflows what was drawn, there and back, leaves something else on the screen.
                        terminal.redraw();
                        self.happen(Event::Graphics(self.state.graphics.measured_again()), terminal)?;
                    }
                    let opened = matches!(event, Event::Opened(..));
                    if matches!(event, Event::Failed(_) | Event::Stopped) {
                        self.open.failed();
                    }
                    if matches!(event, Event::Analysis(AnalysisNotice::Failed(_))) {
                        self.analysis.close();
                    }
                    let mut effects = update(&mut self.state, event);
                    if opened {
                        let news = self.opened();
                        effects.extend(news.into_iter().flat_map(|event| update(&mut self.state, event)));
                    }
                    for effect in effects {
                        if matches!(effect, Effect::Quit | Effect::QuitNow) {
                            if let Some(job) = self.session.job() {
                                job.stop();
                            }
                            return Ok(self.ending(&effect));
                        }
                        self.carry_out(effect, terminal)?;
                    }
                    due = if at_once { Some(Instant::now()) } else { due.or(Some(Instant::now() + FRAME)) };
                }
                Err(RecvTimeoutError::Timeout) => {
                    terminal.draw(&self.state, &self.theme)?;
                    due = None;
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(Ending::Interrupted),
            }
        }
    }

    /// Changes the screens by one event, and carries out what they want then. They do not end by it.
    fn happen(&mut self, event: Event, terminal: &mut BorrowedTerminal) -> io::Result<()> {
        let effects = update(&mut self.state, event);
        effects.into_iter().try_for_each(|effect| self.carry_out(effect, terminal))
    }

    /// An experiment is open: it is the newest of the recent ones. The demo is always there. Says what the screens have to
    /// know.
    fn opened(&mut self) -> Vec<Event> {
        self.open.opened();
        self.before = None;
        self.analysis.close();
        if self.state.generation.is_none() {
            self.generation.close();
        }
        self.embeddings =
            self.open.experiment().zip(self.state.session.clone()).map(|(experiment, session)| {
                let mut experiment = experiment.clone();
                // What was left out is in no embedding.
                let is_open =
                    |name: &String| session.strategies.iter().any(|strategy| strategy.name == *name);
                experiment.strategies.retain(|strategy| is_open(&strategy.name));
                experiment.controls.retain(is_open);
                SharedEmbeddings::new(experiment, self.store_place(), session)
            });
        let mut news: Vec<Event> = self.notices.drain(..).map(Event::Note).collect();
        let Some((origin, experiment)) = self.open.get() else { return news };
        news.push(Event::OpenedFrom(self.opened_from(origin, experiment)));
        news.push(Event::Proposal(Box::new(experiment.generation.clone())));
        if std::mem::take(&mut self.is_new) {
            let draft = self.memory.draft(origin).and_then(|text| serde_json::from_str::<Draft>(&text).ok());
            news.extend(draft.map(Event::DraftFound));
        }
        if *origin != Origin::Demo {
            let recent = Recent { name: experiment.name.clone(), origin: origin.clone() };
            if let Err(error) = self.memory.opened(recent) {
                news.push(Event::Note(format!("the list of recent experiments was not kept: {error}")));
            }
            news.push(Event::Recents(self.memory.recents()));
        }
        // What was added must not wait for the end, which may come by force.
        self.remember();
        news
    }

    fn ending(&self, effect: &Effect) -> Ending {
        match &self.state.job {
            job if job.is_running() && *effect == Effect::QuitNow => Ending::Interrupted,
            Job::Failed(problem) if self.state.session.is_none() => Ending::Failed(problem.message.clone()),
            _ => Ending::Quit,
        }
    }

    /// What happens to the screens by a message, unless it is stale.
    fn event(&self, message: Message) -> Option<Event> {
        match message {
            Message::Screen(event) => Some(event),
            Message::Job { slot, id, event } => {
                let is_current = match slot {
                    SlotKind::Session => self.session.is_current(id),
                    SlotKind::Editor => self.editor.is_current(id),
                    SlotKind::Analysis => self.analysis.is_current(id),
                    SlotKind::Generation => self.generation.is_current(id),
                };
                is_current.then_some(event)
            }
        }
    }

    fn carry_out(&mut self, effect: Effect, terminal: &mut BorrowedTerminal) -> io::Result<()> {
        match effect {
            Effect::StartSession => {
                self.open.try_again();
                self.start_session(self.place.clone())?;
            }
            Effect::StartInMemory => {
                self.open.try_again();
                self.start_session(self.in_memory.clone())?;
            }
            Effect::Pull => {
                self.may_pull = true;
                self.start_session(self.store_place())?;
            }
            Effect::StopSession => {
                if let Some(job) = self.session.job() {
                    job.stop();
                }
            }
            Effect::OpenExperiment(wanted) => self.open_experiment(wanted, terminal)?,
            Effect::OpenBefore => self.open_before(),
            Effect::CheckFiles(flags) => {
                let place = self.store_place();
                self.beside(move || {
                    let problems = keeping::check(&flags, &place);
                    Event::FilesChecked { flags, problems }
                })?;
            }
            Effect::KeepDraft(draft) => self.keep_draft(draft.as_deref()),
            Effect::ShowFileChange => self.show_file_change(terminal)?,
            Effect::WriteFileChange(change) => self.write_file_change(&change, terminal)?,
            Effect::SaveExperiment(path) => {
                if let Some(experiment) = self.open.experiment().cloned() {
                    self.beside(move || keeping::said(experiment.write_file(&path), &path))?;
                }
            }
            Effect::Report { path, a, b } => self.report(path, a, b)?,
            Effect::ExportClassifier { strategy, path } => {
                if let Some(source) = self.embeddings.clone() {
                    self.beside(move || {
                        keeping::said(keeping::export_classifier(&source, strategy, &path), &path)
                    })?;
                }
            }
            Effect::SavePruned(name) => self.save_pruned(name)?,
            Effect::AddStrategy(strategy) => self.add_strategy(strategy)?,
            Effect::RemoveStrategy(name) => {
                self.open.change(|experiment| {
                    experiment.strategies.retain(|strategy| !strategy.added || strategy.name != name);
                    experiment.controls.retain(|controlled| *controlled != name);
                });
                self.start_session(self.store_place())?;
            }
            Effect::SetControls(strategies) => {
                self.open.change(|experiment| experiment.controls = strategies);
                self.start_session(self.store_place())?;
            }
            Effect::ListPromptSets => {
                let place = self.store_place();
                let mut names = self.own_prompt_sets().into_iter().map(|(name, _)| name).collect::<Vec<_>>();
                self.beside(move || {
                    let stored = place.open().and_then(|opened| opened.store.prompt_sets());
                    let problem = stored.as_ref().err().map(ToString::to_string);
                    let stored = stored.unwrap_or_default().into_iter();
                    names.extend(stored.map(|set| format!("{}@{}", set.name, set.version)));
                    Event::PromptSets { names, problem }
                })?;
            }
            Effect::OpenEditor(strategy) => self.open_editor(strategy)?,
            Effect::CloseEditor => self.editor.close(),
            Effect::AskEditor(request) => {
                if let Some(editor) = self.editor.job() {
                    editor.request(request);
                }
            }
            Effect::Generate { name, settings, more } => self.generate(name, *settings, more)?,
            Effect::Estimate(settings) => self.estimate(settings)?,
            Effect::AskGeneration(request) => {
                if let Some(job) = self.generation.job() {
                    job.request(request);
                }
            }
            Effect::CloseGeneration => self.generation.close(),
            Effect::AskAnalysis(request) => self.ask_analysis(request)?,
            Effect::CloseAnalysis => self.analysis.close(),
            Effect::Complete { row, text } => self.beside(move || {
                let (completed, completions) = complete_path(&text);
                Event::Completed { row, before: text, text: completed, completions }
            })?,
            Effect::WantPictures(keys) => {
                let images = self.state.session.as_ref().map(|session| &session.images);
                let source = |key: pictures::PictureKey| Some((key, images?.get(key.image)?.source.clone()));
                self.pictures.want(keys.into_iter().filter_map(source).collect());
            }
            Effect::Copy(text) => {
                terminal.copy(&text)?;
                self.happen(Event::Notice(format!("copied {text}")), terminal)?;
            }
            Effect::WriteList { path, lines } => self.beside(move || {
                let count = lines.len();
                let text: String = lines.into_iter().map(|line| line + "\n").collect();
                match std::fs::write(&path, text) {
                    Ok(()) => Event::Notice(format!("{count} lines are in {}", path.display())),
                    Err(error) => Event::Refused(format!("cannot write {}: {error}", path.display())),
                }
            })?,
            Effect::Suspend => {
                terminal.suspend()?;
                let size = terminal.size()?;
                send(&self.sender, Message::Screen(Event::Resize(size)));
            }
            Effect::Remember => self.remember(),
            Effect::Redraw => terminal.redraw(),
            // The loop itself ends on them.
            Effect::Quit | Effect::QuitNow => {}
        }
        Ok(())
    }

    /// Does something that may take a moment on a thread of its own.
    fn beside(&self, work: impl FnOnce() -> Event + Send + 'static) -> io::Result<()> {
        let sender = self.sender.clone();
        let thread = thread::Builder::new().name("job-beside".into());
        thread.spawn(move || send(&sender, Message::Screen(work())))?;
        Ok(())
    }

    fn store_place(&self) -> StorePlace {
        if self.state.in_memory { self.in_memory.clone() } else { self.place.clone() }
    }

    fn open_experiment(&mut self, wanted: Wanted, terminal: &mut BorrowedTerminal) -> io::Result<()> {
        let origin = match wanted {
            Wanted::Demo => Origin::Demo,
            Wanted::Recent(recent) => match self.state.opening.recents.get(recent) {
                Some(recent) => recent.origin.clone(),
                None => return Ok(()),
            },
            Wanted::Files(flags) => Origin::Flags(Box::new(flags)).absolute(),
        };
        match origin.experiment() {
            Ok(mut experiment) => {
                self.remember();
                self.restore(&origin, &mut experiment);
                if let (Some((origin, experiment)), Some(session)) = (self.open.get(), &self.state.session) {
                    let (origin, experiment) = (origin.clone(), experiment.clone());
                    self.before = Some(Before { origin, experiment, session: Arc::clone(session) });
                }
                let name = experiment.name.clone();
                self.replace(origin, experiment);
                let back_to = self.before.as_ref().map(|before| before.experiment.name.clone());
                self.happen(Event::Replaced { name, back_to }, terminal)?;
                self.start_session(self.store_place())
            }
            Err(error) => {
                send(&self.sender, Message::Screen(Event::Refused(error.to_string())));
                Ok(())
            }
        }
    }

    /// Everything that belongs to what was open ends.
    fn replace(&mut self, origin: Origin, experiment: Experiment) {
        self.open.replace(origin, experiment);
        (self.may_pull, self.is_new) = (false, true);
        self.session.close();
        self.editor.close();
        self.analysis.close();
        self.generation.close();
        self.embeddings = None;
    }

    /// What could not be opened gives its place back.
    fn open_before(&mut self) {
        let Some(Before { origin, experiment, session }) = self.before.take() else { return };
        let left = self.left(&origin);
        self.replace(origin, experiment);
        send(&self.sender, Message::Screen(Event::Opened(session, left)));
    }

    fn open_editor(&mut self, strategy: usize) -> io::Result<()> {
        let Some(source) = self.embeddings.clone() else { return Ok(()) };
        self.editor.start(&self.sender, |to_loop| {
            EditorJob::start(source, strategy, move |notice| to_loop.say(Event::Editor(notice)))
        })
    }

    /// Works out what a generation would come to; its LLM prompts may be in a file.
    fn estimate(&self, of: Box<GenerationSettings>) -> io::Result<()> {
        let Some(source) = self.embeddings.clone() else { return Ok(()) };
        self.beside(move || {
            let settings = of.as_ref().clone().or(source.experiment().generation.clone());
            Event::Estimated { of, cost: settings.estimate(source.session().classes.clone()).ok() }
        })
    }

    fn generate(
        &mut self,
        name: String,
        settings: GenerationSettings,
        more: Vec<MoreSentences>,
    ) -> io::Result<()> {
        let Some(source) = self.embeddings.clone() else { return Ok(()) };
        let settings = settings.or(source.experiment().generation.clone());
        self.generation.start(&self.sender, |to_loop| {
            let notify = move |notice| to_loop.say(Event::Generation(notice));
            GenerationJob::start(name, settings, more, source, notify)
        })
    }

    fn ask_analysis(&mut self, request: AnalysisRequest) -> io::Result<()> {
        let Some(source) = self.embeddings.clone() else { return Ok(()) };
        if self.analysis.job().is_none() {
            self.analysis.start(&self.sender, |to_loop| {
                AnalysisJob::start(source, move |notice| to_loop.say(Event::Analysis(notice)))
            })?;
        }
        if let Some(job) = self.analysis.job() {
            job.request(request);
        }
        Ok(())
    }

    /// The prompt sets of the open experiment, by what they are called in a form.
    fn own_prompt_sets(&self) -> Vec<(String, PromptSetChoice)> {
        let mut sets: Vec<(String, PromptSetChoice)> = Vec::new();
        let strategies = self.open.experiment().into_iter().flat_map(|experiment| &experiment.strategies);
        for choice in strategies.flat_map(|strategy| &strategy.prompt_sets) {
            if !sets.iter().any(|(_, other)| other == choice) {
                sets.push((choice.words(), choice.clone()));
            }
        }
        sets
    }

    fn add_strategy(&mut self, new: NewStrategy) -> io::Result<()> {
        let own = self.own_prompt_sets();
        let choice = |reference: &String| {
            let own = own.iter().find(|(name, _)| name == reference).map(|(_, choice)| choice.clone());
            own.unwrap_or_else(|| {
                let (name, version) = split_reference(reference);
                PromptSetChoice::Stored { name: name.to_owned(), version: version.map(str::to_owned) }
            })
        };
        let strategy = StrategyChoice {
            prompt_sets: new.prompt_sets.iter().map(choice).collect(),
            name: new.name,
            aggregation: new.aggregation,
            aggregates_as_dclip: false,
            added: true,
        };
        self.open.change(|experiment| experiment.strategies.push(strategy));
        self.start_session(self.store_place())
    }

    fn start_session(&mut self, place: StorePlace) -> io::Result<()> {
        let Some((origin, experiment)) = self.open.get() else { return Ok(()) };
        let (left, experiment, may_pull) = (self.left(origin), experiment.clone(), self.may_pull);
        self.session.start(&self.sender, |to_loop| {
            let notify = move |notice| to_loop.say(session_event(notice, left.as_ref()));
            SessionJob::start(experiment, place, may_pull, notify)
        })
    }
}

/// What the session's job says, as the screens hear it; how the user left its experiment the last time.
fn session_event(notice: JobNotice, left: Option<&Remembered>) -> Event {
    match notice {
        JobNotice::Progress(progress) => Event::Progress(progress),
        JobNotice::FirstFigures(figures) => Event::FirstFigures(figures),
        JobNotice::Asking(host) => Event::Asking(host),
        JobNotice::Opened(session) => Event::Opened(session, left.cloned()),
        JobNotice::Stopped => Event::Stopped,
        JobNotice::Failed { message, remedy } => Event::Failed(Problem { message, remedy }),
    }
}

/// A closed channel means that the loop has ended: nobody is left to tell.
fn send(sender: &Sender<Message>, message: Message) {
    let _ended = sender.send(message);
}
