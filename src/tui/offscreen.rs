//! The workbench without a terminal: names of keys in, frames out. Pictures of the screens and measurements come from it;
//! what threads do beside the screen is waited for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};
use ratatui::buffer::Buffer;
use ratatui::layout::{Rect, Size};
use ratatui::{Terminal, backend::TestBackend};

use super::graphics::Graphics;
use super::keymap::{Keymap, parse_key};
use super::pictures::fit;
use super::state::{Effect, Event, State, update};
use super::theme::Theme;
use super::{draw, svg};
use crate::workbench::{
    Cancel, DeskJob, DeskNotice, DeskRequest, Experiment, Session, SessionOptions, StorePlace,
    WorkbenchError, make_session,
};

/// A workbench that nobody looks at.
pub struct Offscreen {
    state: State,
    theme: Theme,
    experiment: Experiment,
    place: StorePlace,
    desk: Option<DeskJob>,
    to_desk: Sender<DeskNotice>,
    from_desk: Receiver<DeskNotice>,
}

/// How long a key took.
#[derive(Debug, Clone)]
pub struct KeyAnswer {
    /// Its name.
    pub key: String,
    /// Until the frame after it was drawn.
    pub answered: Duration,
    /// Until pictures and edited prompts were there too, and drawn.
    pub settled: Duration,
}

impl Offscreen {
    /// Opens an experiment as the workbench does; what the store does not hold is embedded first.
    ///
    /// # Errors
    /// What prevents opening it.
    pub fn open(
        experiment: Experiment,
        place: StorePlace,
        size: Size,
        theme: Theme,
    ) -> Result<Self, WorkbenchError> {
        let session =
            make_session(&experiment, &place, SessionOptions::default(), &Cancel::default(), &|_| {})?;
        let (to_desk, from_desk) = unbounded();
        let mut state = State::new(size, Keymap::default(), place.is_memory());
        state.graphics = Graphics::HALFBLOCKS;
        state.begin_session();
        let mut offscreen = Self { state, theme, experiment, place, desk: None, to_desk, from_desk };
        offscreen.happen(Event::Opened(Arc::new(session), None));
        Ok(offscreen)
    }

    /// What is open.
    pub fn session(&self) -> Option<&Arc<Session>> {
        self.state.session.as_ref()
    }

    /// Another size.
    pub fn resize(&mut self, size: Size) {
        self.happen(Event::Resize(size));
    }

    /// Presses keys, whose names stand between blanks, and waits after each for what comes of it. Names that are none are
    /// left out.
    pub fn press(&mut self, keys: &str) -> Vec<KeyAnswer> {
        let keys = keys.split_whitespace().filter_map(|name| Some((name, parse_key(name)?)));
        keys.map(|(name, key)| {
            let start = Instant::now();
            let effects = update(&mut self.state, Event::Key(key));
            self.frame();
            let answered = start.elapsed();
            self.carry_out(effects);
            self.frame();
            KeyAnswer { key: name.to_owned(), answered, settled: start.elapsed() }
        })
        .collect()
    }

    /// The screen as an SVG picture.
    pub fn svg(&self) -> String {
        svg::picture(&self.frame(), &self.theme)
    }

    fn frame(&self) -> Buffer {
        let Size { width, height } = self.state.size;
        let mut terminal = match Terminal::new(TestBackend::new(width, height)) {
            Ok(terminal) => terminal,
            Err(never) => match never {},
        };
        let drawn = terminal.draw(|frame| draw::draw(frame, &self.state, &self.theme));
        drawn.map_or_else(|_| Buffer::empty(Rect::ZERO), |frame| frame.buffer.clone())
    }

    fn happen(&mut self, event: Event) {
        let effects = update(&mut self.state, event);
        self.carry_out(effects);
    }

    /// Does what other threads do for the screen. What ends or changes the program is left out.
    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::WantPictures(keys) => {
                    for key in keys {
                        let session = self.state.session.as_ref();
                        let Some(image) = session.and_then(|session| session.images.get(key.image)) else {
                            continue;
                        };
                        let picture = image.source.decode().map_err(|error| error.to_string());
                        let picture = picture.and_then(|image| fit(image, key.size, &self.state.graphics));
                        self.happen(Event::PictureReady(key, picture));
                    }
                }
                Effect::OpenDesk(strategy) => self.open_desk(strategy),
                Effect::AskDesk(request) => self.ask(request),
                _ => {}
            }
        }
    }

    fn open_desk(&mut self, strategy: usize) {
        let Some(session) = self.state.session.clone() else { return };
        let to_desk = self.to_desk.clone();
        let notify = move |notice| drop(to_desk.send(notice));
        let started = DeskJob::start(self.experiment.clone(), self.place.clone(), session, strategy, notify);
        self.desk = started.ok();
        if self.desk.is_some() {
            self.listen();
        }
    }

    fn ask(&mut self, request: DeskRequest) {
        if let Some(desk) = &self.desk {
            desk.request(request);
            self.listen();
        }
    }

    /// Waits for the desk's answer, with what it says on the way.
    fn listen(&mut self) {
        while let Ok(notice) = self.from_desk.recv() {
            let on_the_way = matches!(notice, DeskNotice::Opening(_) | DeskNotice::Note(_));
            self.happen(Event::Desk(notice));
            if !on_the_way {
                return;
            }
        }
    }
}
