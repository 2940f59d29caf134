//! Prompts that a language model writes, class by class, while it writes them: a page of the prompts' screen.

use super::jobs::{Job, LEFT, Problem};
use super::step::Step;
use super::unfinished::{GenerationStage, RememberedGeneration};
use super::{Effect, State};
use crate::workbench::generation::{
    GeneratedClass, GeneratedSentence, GenerationJobNotice, GenerationPlan, GenerationRequest,
    GenerationSettings, Pace, Retry,
};
use crate::workbench::{Aggregation, Progress};

/// What the state calls the job.
const GENERATION_JOB: &str = "write prompts with a language model";
/// Sentences that one key press wishes for.
const MORE: usize = 5;

/// A generation on the screen.
#[derive(Debug, Clone, PartialEq)]
pub struct GenerationView {
    /// The prompt set's name.
    pub name: String,
    /// The plan, once the model answers.
    pub plan: Option<GenerationPlan>,
    /// `[n_classes]`
    pub classes: Vec<GeneratedClass>,
    /// How fast it goes.
    pub pace: Pace,
    /// What is tried again, while it waits for that.
    pub retry: Option<Retry>,
    /// The model has answered, once or more often.
    pub has_answered: bool,
    /// The job takes wishes: the model is open.
    pub is_open: bool,
    /// Sentences a class on average, and top-1 with them, as they were measured.
    pub accuracies: Vec<(f64, f64)>,
    /// How far the embeddings of the images are read that this needs, while they are.
    pub reading: Option<Progress>,
    /// Why they are not measured, if they cannot be.
    pub no_accuracy: Option<String>,
    /// It is on the screen, in place of the prompts.
    pub shown: bool,
    /// How it stands.
    pub status: GenerationStatus,
    /// The class that the last sentence came of.
    pub latest: Option<usize>,
    /// The class under the cursor.
    pub selected: usize,
    /// The sentence under the cursor, where a class is looked into.
    pub sentence: Option<usize>,
}

/// How a generation stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GenerationStatus {
    /// The model is opened.
    Opening,
    /// It writes.
    Running,
    /// The user wants it to stop.
    Stopping,
    /// The user stopped it.
    Stopped,
    /// Nothing more is to be asked for, though some classes may be short.
    Done,
    /// An error stopped it, and which.
    Failed(String),
}

impl GenerationView {
    /// Before the model answers.
    pub fn opening(name: String) -> Self {
        Self {
            name,
            plan: None,
            classes: Vec::new(),
            pace: Pace::default(),
            retry: None,
            has_answered: false,
            is_open: false,
            accuracies: Vec::new(),
            reading: None,
            no_accuracy: None,
            shown: true,
            status: GenerationStatus::Opening,
            latest: None,
            selected: 0,
            sentence: None,
        }
    }

    /// Whether the model is at work.
    pub fn runs(&self) -> bool {
        matches!(
            self.status,
            GenerationStatus::Opening | GenerationStatus::Running | GenerationStatus::Stopping
        )
    }

    /// Whether it was stopped, by its user or by an error.
    pub fn is_stopped(&self) -> bool {
        matches!(self.status, GenerationStatus::Stopped | GenerationStatus::Failed(_))
    }

    /// Whether the job goes on where it was stopped. After an error before the first answer it would meet the same again.
    pub fn goes_on(&self) -> bool {
        self.is_open
            && match self.status {
                GenerationStatus::Stopped => true,
                GenerationStatus::Failed(_) => self.has_answered,
                _ => false,
            }
    }

    /// Which classes have fewer sentences than wanted, once nothing more is asked for.
    pub fn shortness(&self) -> Option<String> {
        let full = self.classes.iter().filter(|class| class.n_accepted() >= class.wanted).count();
        let (all, short) = (self.classes.len(), self.classes.len() - full);
        let (are, have) = (if short == 1 { "is" } else { "are" }, if full == 1 { "has" } else { "have" });
        (short > 0).then(|| format!("{short} of {all} classes {are} short, {full} {have} all that is wanted"))
    }

    /// Whether there is something that can be stopped.
    pub fn is_busy(&self) -> bool {
        self.runs() || self.reading.is_some()
    }

    /// Sentences of use, and how many are wanted.
    pub fn count(&self) -> (usize, usize) {
        let accepted = self.classes.iter().map(GeneratedClass::n_accepted).sum();
        (accepted, self.classes.iter().map(|class| class.wanted).sum())
    }

    /// The row under the cursor and how many there are: of the class that is looked into, or of all classes.
    pub fn rows(&self) -> (usize, usize) {
        match self.sentence {
            Some(sentence) => (sentence, self.class().map_or(0, |class| class.sentences.len())),
            None => (self.selected, self.classes.len()),
        }
    }

    /// The class under the cursor.
    pub fn class(&self) -> Option<&GeneratedClass> {
        self.classes.get(self.selected)
    }

    /// The sentence under the cursor, where a class is looked into.
    pub fn current(&self) -> Option<&GeneratedSentence> {
        self.class()?.sentences.get(self.sentence?)
    }

    /// The cursor stays on the sentence at a place of its class's line, or goes to the next one.
    fn find_sentence(&mut self, at: Option<usize>) {
        let Some(class) = self.classes.get(self.selected) else { return };
        let last = class.sentences.len().saturating_sub(1);
        let place = at.map(|at| class.sentences.partition_point(|sentence| sentence.at < at));
        self.sentence = self.sentence.map(|sentence| place.unwrap_or(sentence).min(last));
    }

    /// Moves the cursor.
    pub fn move_by(&mut self, step: Step, half: usize) {
        match self.sentence {
            Some(sentence) => {
                let count = self.class().map_or(0, |class| class.sentences.len());
                self.sentence = Some(step.apply(sentence, count, half));
            }
            None => self.selected = step.apply(self.selected, self.classes.len(), half),
        }
    }
}

impl State {
    /// Shows what is generated, or asks what is to be.
    pub(super) fn open_generation(&mut self) {
        match &mut self.generation {
            Some(view) if !(view.shown && view.is_stopped()) => view.shown = !view.shown,
            _ => self.open_generation_form(),
        }
    }

    /// A generation begins, in place of the one that is there.
    pub(super) fn begin_generation(&mut self, name: String, settings: GenerationSettings) -> Vec<Effect> {
        let more = self.remember_beginning(&name, &settings);
        self.generation = Some(GenerationView::opening(name.clone()));
        self.jobs.begin(GENERATION_JOB.to_owned());
        vec![Effect::Remember, Effect::Generate { name, settings: Box::new(settings), more }]
    }

    /// What was stopped goes on; what was refused, or is done, makes room for another.
    pub(super) fn retry_generation(&mut self) -> Vec<Effect> {
        let Some(view) = &self.generation else { return Vec::new() };
        if view.runs() {
            return Vec::new();
        }
        if view.goes_on() {
            return vec![Effect::AskGeneration(GenerationRequest::Resume)];
        }
        // It was stopped before the model was open.
        let was_stopped = view.status == GenerationStatus::Stopped;
        match self.unfinished.clone().filter(|_| was_stopped) {
            Some(RememberedGeneration { name, settings, .. }) => self.begin_generation(name, settings),
            None => {
                self.open_generation_form();
                Vec::new()
            }
        }
    }

    /// The user wants it to stop.
    pub(super) fn stop_generation(&mut self) -> Effect {
        if let Some(view) = &mut self.generation {
            match view.status {
                // Who opens a model listens to nobody.
                GenerationStatus::Opening => {
                    view.status = GenerationStatus::Stopped;
                    self.jobs.set(GENERATION_JOB, &Job::Stopped);
                    return Effect::CloseGeneration;
                }
                GenerationStatus::Running => {
                    view.status = GenerationStatus::Stopping;
                    self.jobs.set(GENERATION_JOB, &Job::Stopping);
                }
                _ => {}
            }
        }
        Effect::AskGeneration(GenerationRequest::Stop)
    }

    /// The sentence under the cursor is not wanted.
    pub(super) fn drop_sentence(&mut self) -> Vec<Effect> {
        let Some(view) = &self.generation else { return Vec::new() };
        match view.current() {
            Some(sentence) if view.is_open && sentence.rejection.is_none() => {
                let request = GenerationRequest::Drop { class: view.selected, at: sentence.at };
                let news = self.remember_stage(GenerationStage::Unfinished);
                news.into_iter().chain([Effect::AskGeneration(request)]).collect()
            }
            _ => {
                self.notice =
                    Some("Open a class and choose a sentence of use: that one can be dropped.".to_owned());
                Vec::new()
            }
        }
    }

    /// More sentences of the class under the cursor.
    pub(super) fn more_sentences(&mut self) -> Vec<Effect> {
        let view = self.generation.as_ref().filter(|view| view.is_open && !view.classes.is_empty());
        let Some(class) = view.map(|view| view.selected) else { return Vec::new() };
        let news = self.remember_wish(class, MORE);
        let request = GenerationRequest::More { class, more: MORE };
        news.into_iter().chain([Effect::AskGeneration(request)]).collect()
    }

    /// What was generated belongs to another experiment.
    pub(super) fn forget_generation(&mut self) {
        self.generation = None;
        self.jobs.cut_off(GENERATION_JOB, LEFT);
    }

    /// The job has said something.
    pub(super) fn generation_says(&mut self, notice: GenerationJobNotice) -> Vec<Effect> {
        let Some(view) = &mut self.generation else { return Vec::new() };
        match notice {
            GenerationJobNotice::Opened(plan, classes) => {
                view.plan = Some(*plan);
                view.is_open = true;
                let at = view.current().map(|sentence| sentence.at);
                view.classes = classes;
                view.find_sentence(at);
            }
            GenerationJobNotice::Changed(change) => {
                if let Some(class) = view.classes.get(change.class) {
                    if change.now.sentences.len() > class.sentences.len() {
                        view.latest = Some(change.class);
                    }
                    let at = view.current().map(|sentence| sentence.at);
                    view.classes[change.class] = change.now;
                    view.find_sentence(at);
                    view.pace = change.pace;
                    view.has_answered |= change.pace.answers > 0;
                    view.retry = change.retry;
                }
            }
            GenerationJobNotice::Accuracy(prompts, top1) => view.accuracies.push((prompts, top1)),
            GenerationJobNotice::Reading(progress) => view.reading = progress,
            GenerationJobNotice::NoAccuracy(message) => {
                let reason = message.lines().next().unwrap_or_default();
                self.notice = Some(format!("the accuracy is not measured: {reason}"));
                self.messages.push(format!("the accuracy of generated prompts is not measured: {message}"));
                view.no_accuracy = Some(reason.to_owned());
            }
            GenerationJobNotice::Note(note) => self.messages.push(note),
            GenerationJobNotice::Running => {
                (view.status, view.retry) = (GenerationStatus::Running, None);
                self.jobs.set(GENERATION_JOB, &Job::Running(None));
            }
            GenerationJobNotice::Stopped => {
                (view.status, view.retry) = (GenerationStatus::Stopped, None);
                self.jobs.set(GENERATION_JOB, &Job::Stopped);
            }
            GenerationJobNotice::Broken(message) => return self.generation_failed(message),
            GenerationJobNotice::Done(note) => {
                (view.status, view.retry) = (GenerationStatus::Done, None);
                let is_written = view.classes.iter().all(|class| class.is_done);
                let job = view.shortness().map_or(Job::Done, Job::Ended);
                self.messages.extend(note);
                self.jobs.set(GENERATION_JOB, &job);
                let stage = if is_written { GenerationStage::Written } else { GenerationStage::Unfinished };
                return self.remember_stage(stage).into_iter().collect();
            }
            GenerationJobNotice::Saved(saved) => {
                let news = self.remember_saved();
                let effects = self.prompts_saved(saved, Aggregation::Mean);
                return news.into_iter().chain(effects).collect();
            }
            GenerationJobNotice::Refused(message) => {
                self.notice = message.lines().next().map(str::to_owned);
                self.messages.push(message);
            }
            GenerationJobNotice::Failed(message) => {
                (view.is_open, view.reading) = (false, None);
                return self.generation_failed(message);
            }
        }
        Vec::new()
    }

    /// An error stopped it. What the model refuses before its first answer is a mistake in the form.
    fn generation_failed(&mut self, message: String) -> Vec<Effect> {
        let Some(view) = &mut self.generation else { return Vec::new() };
        (view.status, view.retry) = (GenerationStatus::Failed(message.clone()), None);
        let is_refused = !view.has_answered;
        let is_empty = view.classes.iter().all(|class| class.sentences.is_empty());
        self.notice = message.lines().next().map(str::to_owned);
        self.jobs.set(GENERATION_JOB, &Job::Failed(Problem { message: message.clone(), remedy: None }));
        if is_refused && self.reopen_generation_form(&message) {
            self.notice = None;
        }
        self.messages.push(message);
        let news = (is_refused && is_empty).then_some(GenerationStage::Refused);
        news.and_then(|stage| self.remember_stage(stage)).into_iter().collect()
    }
}
