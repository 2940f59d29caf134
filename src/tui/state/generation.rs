//! Prompts that a language model writes, class by class, while it writes them: a page of the prompts' screen.

use super::form::{Form, FormKind};
use super::jobs::{Job, Problem};
use super::step::Step;
use super::{Effect, Overlay, State};
use crate::workbench::generation::{
    GeneratedClass, GeneratedSentence, GenerationJobNotice, GenerationPlan, GenerationRequest,
    GenerationSettings, LlmPromptsChoice, Pace,
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
    /// It was stopped.
    Stopped,
    /// It is done.
    Done,
    /// It is over, and why.
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
        matches!(self.status, GenerationStatus::Opening | GenerationStatus::Running)
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
            Some(view) => view.shown = !view.shown,
            None => self.overlay = Some(Overlay::Form(Form::generate(&self.generation_proposal))),
        }
    }

    /// Takes the form that says what is to be generated.
    pub(super) fn submit_generation(&mut self) -> Vec<Effect> {
        let Some(Overlay::Form(form)) = &mut self.overlay else { return Vec::new() };
        debug_assert_eq!(form.kind, FormKind::Generate);
        let text = |row: usize| Some(form.text(row).to_owned()).filter(|text| !text.is_empty());
        let number = |row: usize, what: &str| match text(row).map(|text| text.parse::<f64>()) {
            None => Ok(None),
            Some(Ok(number)) if number.is_finite() && number >= 0.0 => Ok(Some(number)),
            Some(_) => Err(format!("{what} has to be a number: {:?} is none.", form.text(row))),
        };
        let read = || -> Result<(String, GenerationSettings), String> {
            let name = text(0).ok_or("Give the prompt set a name.")?;
            let model = text(1).ok_or("Name a model of the server, or a GGUF file.")?;
            let count = number(4, "sentences")?;
            if count.is_some_and(|count| count < 1.0 || count.fract() != 0.0) {
                return Err("sentences has to be a whole number, 1 or more.".to_owned());
            }
            Ok((
                name,
                GenerationSettings {
                    model: Some(model),
                    base_url: text(2),
                    llm_prompts: text(3).map(LlmPromptsChoice::Named),
                    prompts_per_class: count.map(|count| count as usize),
                    temperature: number(5, "temperature")?,
                    seed: number(6, "seed")?.map(|seed| seed as u64),
                    context: text(7),
                    ..GenerationSettings::default()
                },
            ))
        };
        match read() {
            Err(problem) => {
                form.problem = Some(problem);
                Vec::new()
            }
            Ok((name, settings)) => {
                self.overlay = None;
                self.generation = Some(GenerationView::opening(name.clone()));
                self.jobs.begin(GENERATION_JOB.to_owned());
                vec![Effect::Generate { name, settings: Box::new(settings) }]
            }
        }
    }

    /// The sentence under the cursor is not wanted.
    pub(super) fn drop_sentence(&mut self) -> Vec<Effect> {
        let Some(view) = &self.generation else { return Vec::new() };
        match view.current() {
            Some(sentence) if sentence.rejection.is_none() => {
                vec![Effect::AskGeneration(GenerationRequest::Drop { class: view.selected, at: sentence.at })]
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
        let class =
            self.generation.as_ref().filter(|view| !view.classes.is_empty()).map(|view| view.selected);
        class
            .map(|class| Effect::AskGeneration(GenerationRequest::More { class, more: MORE }))
            .into_iter()
            .collect()
    }

    /// A generation that is over makes room for another.
    pub(super) fn end_generation(&mut self) -> Vec<Effect> {
        self.generation = None;
        self.open_generation();
        vec![Effect::CloseGeneration]
    }

    /// What was generated belongs to another experiment.
    pub(super) fn forget_generation(&mut self) {
        if self.generation.take().is_some_and(|view| view.runs()) {
            self.jobs.set(GENERATION_JOB, &Job::Stopped);
        }
    }

    /// The job has said something.
    pub(super) fn generation_says(&mut self, notice: GenerationJobNotice) -> Vec<Effect> {
        let Some(view) = &mut self.generation else { return Vec::new() };
        match notice {
            GenerationJobNotice::Opened(plan, classes) => {
                view.plan = Some(*plan);
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
                view.status = GenerationStatus::Running;
                self.jobs.set(GENERATION_JOB, &Job::Running(None));
            }
            GenerationJobNotice::Stopped => {
                view.status = GenerationStatus::Stopped;
                self.jobs.set(GENERATION_JOB, &Job::Stopped);
            }
            GenerationJobNotice::Done(note) => {
                view.status = GenerationStatus::Done;
                self.messages.extend(note);
                self.jobs.set(GENERATION_JOB, &Job::Done);
            }
            GenerationJobNotice::Saved(saved) => return self.prompts_saved(saved, Aggregation::Mean),
            GenerationJobNotice::Refused(message) => {
                self.notice = message.lines().next().map(str::to_owned);
                self.messages.push(message);
            }
            GenerationJobNotice::Failed(message) => {
                view.status = GenerationStatus::Failed(message.clone());
                view.reading = None;
                let problem = Problem { message: message.clone(), remedy: None };
                self.jobs.set(GENERATION_JOB, &Job::Failed(problem));
                self.messages.push(message);
            }
        }
        Vec::new()
    }
}
