//! The terminal screens: one loop that takes events, changes the state, carries out effects and draws.

pub mod actions;
mod draw;
pub mod graphics;
mod layout;
mod pictures;
mod state;
mod terminal;
mod text;
pub mod theme;

#[cfg(test)]
mod tests;

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use ratatui::crossterm::event;
use ratatui::layout::Size;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::workbench::{Experiment, JobNotice, SessionJob, StorePlace};
use graphics::PictureChoice;
use graphics::answers::LateAnswers;
use pictures::PictureKey;
use pictures::making::PictureThreads;
use state::{Effect, Event, Job, Problem, State, update};
use terminal::BorrowedTerminal;
use theme::Theme;

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
    Job { id: u64, notice: JobNotice },
}

/// Runs the workbench on an experiment until its user quits.
///
/// # Errors
/// When the terminal cannot be used. The terminal is restored in every case.
pub fn run(
    experiment: Experiment,
    place: StorePlace,
    theme: Theme,
    pictures: PictureChoice,
) -> io::Result<Ending> {
    let (sender, messages) = unbounded();
    watch_signals(sender.clone())?;
    let (mut terminal, asked) = BorrowedTerminal::borrow(pictures)?;
    if asked.interrupted {
        return Ok(Ending::Interrupted);
    }
    watch_terminal(sender.clone(), asked.late)?;
    let to_pictures = sender.clone();
    let pictures = PictureThreads::start(asked.graphics, move |key, picture| {
        send(&to_pictures, Message::Screen(Event::PictureReady(key, picture)));
    })?;
    let mut state = State::new(terminal.size()?, place.is_memory());
    state.graphics = asked.graphics;
    let memory = StorePlace::in_memory();
    let mut screen = Loop { experiment, place, memory, theme, sender, pictures, state, job: None, job_id: 0 };
    screen.carry_out(Effect::StartSession, &mut terminal)?;
    screen.turn(&messages, &mut terminal)
}

struct Loop {
    experiment: Experiment,
    /// The store that was asked for.
    place: StorePlace,
    /// One that a user without it can go on with.
    memory: StorePlace,
    theme: Theme,
    sender: Sender<Message>,
    pictures: PictureThreads,
    state: State,
    job: Option<SessionJob>,
    /// Notices of earlier jobs are stale.
    job_id: u64,
}

impl Loop {
    fn turn(&mut self, messages: &Receiver<Message>, terminal: &mut BorrowedTerminal) -> io::Result<Ending> {
        // When the next frame is due, if anything has changed since the last one.
        let mut due = Some(Instant::now() + FIRST_FRAME);
        loop {
            let message = match due {
                None => messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(due) => messages.recv_deadline(due),
            };
            match message {
                Ok(message) => {
                    let at_once = !matches!(message, Message::Job { notice: JobNotice::Progress(_), .. });
                    let Some(event) = self.event(message) else { continue };
                    if matches!(event, Event::Resize(_)) {
                        self.state.graphics = self.state.graphics.measured_again();
                    }
                    for effect in update(&mut self.state, event) {
                        if matches!(effect, Effect::Quit | Effect::QuitNow) {
                            if let Some(job) = &self.job {
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

    fn ending(&self, effect: &Effect) -> Ending {
        match &self.state.job {
            Job::Running(_) | Job::Stopping if *effect == Effect::QuitNow => Ending::Interrupted,
            Job::Failed(problem) => Ending::Failed(problem.message.clone()),
            _ => Ending::Quit,
        }
    }

    fn event(&self, message: Message) -> Option<Event> {
        let (id, notice) = match message {
            Message::Screen(event) => return Some(event),
            Message::Job { id, notice } => (id, notice),
        };
        let event = match notice {
            JobNotice::Progress(progress) => Event::Progress(progress),
            JobNotice::Opened(session) => Event::Opened(session),
            JobNotice::Stopped => Event::Stopped,
            JobNotice::Failed { message, store } => Event::Failed(Problem { message, store }),
        };
        (id == self.job_id).then_some(event)
    }

    fn carry_out(&mut self, effect: Effect, terminal: &mut BorrowedTerminal) -> io::Result<()> {
        match effect {
            Effect::StartSession => self.start_job(self.place.clone()),
            Effect::StartInMemory => self.start_job(self.memory.clone()),
            Effect::StopSession => {
                if let Some(job) = &self.job {
                    job.stop();
                }
                Ok(())
            }
            Effect::LoadPictures(keys) => {
                let Some(session) = &self.state.session else { return Ok(()) };
                let source = |key: PictureKey| Some((key, session.images.get(key.image)?.source.clone()));
                self.pictures.want(keys.into_iter().filter_map(source).collect());
                Ok(())
            }
            Effect::Suspend => {
                terminal.suspend()?;
                let size = terminal.size()?;
                send(&self.sender, Message::Screen(Event::Resize(size)));
                Ok(())
            }
            // The loop itself ends on them.
            Effect::Quit | Effect::QuitNow => Ok(()),
        }
    }

    fn start_job(&mut self, place: StorePlace) -> io::Result<()> {
        self.job_id += 1;
        let id = self.job_id;
        let sender = self.sender.clone();
        let notify = move |notice| send(&sender, Message::Job { id, notice });
        self.job = Some(SessionJob::start(self.experiment.clone(), place, notify)?);
        Ok(())
    }
}

/// A closed channel means that the loop has ended: nobody is left to tell.
fn send(sender: &Sender<Message>, message: Message) {
    let _ended = sender.send(message);
}

fn watch_signals(sender: Sender<Message>) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGHUP, SIGINT])?;
    thread::Builder::new().name("job-signals".into()).spawn(move || {
        for _signal in signals.forever() {
            send(&sender, Message::Screen(Event::Terminate));
        }
    })?;
    Ok(())
}

fn watch_terminal(sender: Sender<Message>, mut late: LateAnswers) -> io::Result<()> {
    thread::Builder::new().name("job-terminal".into()).spawn(move || {
        loop {
            let event = match event::read() {
                Ok(event::Event::Key(key)) if late.has_part(&key) => continue,
                Ok(event::Event::Key(key)) => Event::Key(key),
                Ok(event::Event::Resize(width, height)) => Event::Resize(Size { width, height }),
                Ok(_) => continue,
                // The terminal is gone.
                Err(_) => Event::Terminate,
            };
            let gone = matches!(event, Event::Terminate);
            send(&sender, Message::Screen(event));
            if gone {
                return;
            }
        }
    })?;
    Ok(())
}
