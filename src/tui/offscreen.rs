//! The workbench without a terminal: names of keys in, frames out. Pictures of the screens and measurements come from it;
//! what threads do beside the screen is waited for. The program itself is built without it.
#![cfg(any(test, feature = "offscreen"))]

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
    AnalysisJob, AnalysisNotice, AnalysisRequest, Cancel, EditorJob, EditorNotice, EditorRequest, Experiment,
    Session, SessionOptions, SharedEmbeddings, StorePlace, WorkbenchError, make_session,
};

/// A workbench that nobody looks at.
pub struct Offscreen {
    state: State,
    theme: Theme,
    embeddings: SharedEmbeddings,
    editor: Option<Asked<EditorJob>>,
    analysis: Option<Asked<AnalysisJob>>,
    to_screen: Sender<Event>,
    from_jobs: Receiver<Event>,
}

/// A job, and how many of its answers have not come yet. One that has failed is gone: it answers no more.
struct Asked<J> {
    job: J,
    awaited: usize,
}

/// How long a key took.
#[derive(Debug, Clone)]
pub struct KeyAnswer {
    /// Its name.
    pub key: String,
    /// Until the frame after it was drawn.
    pub answered: Duration,
    /// Until pictures, edited prompts, explanations and findings were there too, and drawn.
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
        let session = Arc::new(session);
        let (to_screen, from_jobs) = unbounded();
        let graphics = Graphics::HALFBLOCKS;
        let state = State { graphics, ..State::new(size, Keymap::default(), place.is_memory()) };
        let (editor, analysis) = (None, None);
        let embeddings = SharedEmbeddings::new(experiment, place, Arc::clone(&session));
        let mut offscreen = Self { state, theme, embeddings, editor, analysis, to_screen, from_jobs };
        offscreen.happen(Event::Replaced { name: session.experiment.clone(), back_to: None });
        offscreen.happen(Event::Opened(session, None));
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
                Effect::OpenEditor(strategy) => self.open_editor(strategy),
                Effect::AskEditor(request) => self.ask_editor(request),
                Effect::AskAnalysis(request) => self.ask_analysis(request),
                _ => {}
            }
        }
    }

    fn open_editor(&mut self, strategy: usize) {
        let to_screen = self.to_screen.clone();
        let notify = move |notice| drop(to_screen.send(Event::Editor(notice)));
        let started = EditorJob::start(self.embeddings.clone(), strategy, notify);
        // It says when it is open.
        self.editor = started.ok().map(|job| Asked { job, awaited: 1 });
        self.listen();
    }

    fn ask_editor(&mut self, request: EditorRequest) {
        if let Some(editor) = &mut self.editor {
            editor.job.request(request);
            editor.awaited += 1;
            self.listen();
        }
    }

    fn ask_analysis(&mut self, request: AnalysisRequest) {
        if self.analysis.is_none() {
            let to_screen = self.to_screen.clone();
            let notify = move |notice| drop(to_screen.send(Event::Analysis(notice)));
            let started = AnalysisJob::start(self.embeddings.clone(), notify);
            self.analysis = started.ok().map(|job| Asked { job, awaited: 0 });
        }
        if let Some(analysis) = &mut self.analysis {
            analysis.job.request(request);
            analysis.awaited += 1;
            self.listen();
        }
    }

    /// Waits for the jobs' answers, with what they say on the way. What is asked meanwhile is waited for too.
    fn listen(&mut self) {
        while self.awaits_answers()
            && let Ok(event) = self.from_jobs.recv()
        {
            match &event {
                Event::Editor(EditorNotice::Failed(_)) => self.editor = None,
                Event::Analysis(AnalysisNotice::Failed(_)) => self.analysis = None,
                Event::Editor(notice) => count_answer(&mut self.editor, is_editor_answer(notice)),
                Event::Analysis(notice) => count_answer(&mut self.analysis, is_analysis_answer(notice)),
                _ => {}
            }
            self.happen(event);
        }
    }

    fn awaits_answers(&self) -> bool {
        self.editor.as_ref().is_some_and(|editor| editor.awaited > 0)
            || self.analysis.as_ref().is_some_and(|analysis| analysis.awaited > 0)
    }
}

fn is_editor_answer(notice: &EditorNotice) -> bool {
    !matches!(notice, EditorNotice::Opening(_) | EditorNotice::Note(_))
}

fn is_analysis_answer(notice: &AnalysisNotice) -> bool {
    matches!(notice, AnalysisNotice::Answer(_) | AnalysisNotice::Refused(..))
}

fn count_answer<J>(asked: &mut Option<Asked<J>>, is_answer: bool) {
    if let Some(asked) = asked.as_mut().filter(|_| is_answer) {
        asked.awaited = asked.awaited.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::theme::{ColorDepth, Palette, UNICODE};
    use super::*;
    use crate::workbench::DatasetChoice;

    fn save(folder: &Path, name: &str, value: u8) {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        image::RgbImage::from_pixel(8, 8, image::Rgb([value, 100, 50])).save(path).unwrap();
    }

    /// The demo's checkpoint and prompts on two images of two classes each.
    fn opened(images: &Path) -> Offscreen {
        for (name, value) in [("cat/1.png", 10), ("cat/2.png", 20), ("frog/1.png", 30), ("frog/2.png", 40)] {
            save(images, name, value);
        }
        let mut experiment = Experiment::demo().unwrap();
        experiment.dataset = DatasetChoice::Path {
            images: images.to_owned(),
            class_names: None,
            class_order: None,
            first_label: None,
        };
        let theme = Theme { depth: ColorDepth::True, palette: Palette::Dark, glyphs: UNICODE };
        Offscreen::open(experiment, StorePlace::in_memory(), Size::new(80, 24), theme).unwrap()
    }

    #[track_caller]
    fn assert_shown(workbench: &Offscreen, words: &str) {
        let screen: String = workbench.frame().content.iter().map(|cell| cell.symbol()).collect();
        assert!(screen.contains(words), "no {words:?} in {screen:?}");
    }

    #[test]
    fn explanations_and_findings_are_waited_for() {
        let images = tempfile::tempdir().unwrap();
        let mut workbench = opened(images.path());
        workbench.press("4 F Enter x");
        assert_shown(&workbench, "why B cupl sees");
        assert_shown(&workbench, " logit ");
        workbench.press("7");
        assert_shown(&workbench, " about labels, ");
    }

    #[test]
    fn jobs_that_fail_are_not_waited_for() {
        let images = tempfile::tempdir().unwrap();
        let mut workbench = opened(images.path());
        save(images.path(), "frog/2.png", 50);
        for keys in ["7", "Enter", "Enter", "4 F Enter x", "n", "5 Space Space"] {
            workbench.press(keys);
            assert_shown(&workbench, "the images changed");
        }
        save(images.path(), "frog/2.png", 40);
        workbench.press("7 Enter");
        assert_shown(&workbench, " about labels, ");
    }
}
