//! Why A and B see what they see in the image that is shown large: asked of the session's embeddings, image by image.

use super::focus::Strategies;
use super::step::Step;
use super::{Context, Effect, State};
use crate::workbench::{AnalysisRequest, Explanation, RemovedPrompt};

/// The explanations of one image, asked for or there.
#[derive(Debug, Clone, PartialEq)]
pub struct ExplanationView {
    /// The image: an index into the session's.
    pub image: usize,
    /// A, and B where there are two.
    pub strategies: Vec<usize>,
    /// B's explanation is looked at.
    pub on_b: bool,
    /// The row under the cursor: an index into [`rows`].
    pub selected: usize,
    /// What came back.
    pub answer: ExplanationAnswer,
}

/// What the question came to.
#[derive(Debug, Clone, PartialEq)]
pub enum ExplanationAnswer {
    /// Nobody asked yet.
    Unasked,
    /// It is being worked out.
    Waiting,
    /// For each of the strategies.
    Explained(Vec<Explanation>),
    /// There is none, and why.
    Refused(String),
}

/// A row of an explanation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExplanationRow {
    /// Whether a miss can be corrected, and what that does.
    Correction,
    /// A prompt that would have to go.
    Removed(RemovedPrompt),
    /// A class: an index into [`Explanation::classes`].
    Class(usize),
    /// A prompt of a class: an index into its prompts.
    Prompt(usize, usize),
}

/// The rows of an explanation: what corrects a miss, then the classes with their prompts.
pub fn rows(explanation: &Explanation) -> Vec<ExplanationRow> {
    let mut rows = Vec::new();
    if explanation.is_miss() {
        rows.push(ExplanationRow::Correction);
    }
    if let Some(correction) = &explanation.correction {
        rows.extend(correction.removed.iter().map(|&removed| ExplanationRow::Removed(removed)));
    }
    for (class, of_class) in explanation.classes.iter().enumerate() {
        rows.push(ExplanationRow::Class(class));
        rows.extend((0..of_class.prompts.len()).map(|prompt| ExplanationRow::Prompt(class, prompt)));
    }
    rows
}

impl ExplanationView {
    /// Of an image, B's first where there are two; nothing is asked yet.
    pub fn unasked(image: usize, strategies: &Strategies) -> Self {
        Self {
            image,
            strategies: Vec::new(),
            on_b: strategies.is_pair(),
            selected: 0,
            answer: ExplanationAnswer::Unasked,
        }
    }

    /// The strategy that is looked at, once it was asked about.
    pub fn strategy(&self) -> Option<usize> {
        self.strategies.get(usize::from(self.on_b)).copied()
    }

    /// Its explanation, once there is one.
    pub fn explanation(&self) -> Option<&Explanation> {
        match &self.answer {
            ExplanationAnswer::Explained(explanations) => explanations.get(usize::from(self.on_b)),
            _ => None,
        }
    }

    /// From A's explanation to B's, and back.
    pub fn turn(&mut self) {
        self.on_b = !self.on_b && self.strategies.len() > 1;
        self.selected = 0;
    }

    /// What was asked is not answered any more.
    pub(super) fn give_up(&mut self, why: &str) {
        if !matches!(self.answer, ExplanationAnswer::Explained(_)) {
            self.answer = ExplanationAnswer::Refused(why.to_owned());
        }
    }

    /// Is to be asked for again, unless it is there and its strategies are as they were.
    pub(super) fn renew(&mut self, keeps: impl Fn(usize) -> bool) {
        let is_there = matches!(self.answer, ExplanationAnswer::Explained(_));
        if !is_there || !self.strategies.iter().all(|&strategy| keeps(strategy)) {
            self.answer = ExplanationAnswer::Unasked;
        }
    }

    /// Moves the cursor.
    pub fn move_by(&mut self, step: Step, half: usize) {
        if let Some(explanation) = self.explanation() {
            self.selected = step.apply(self.selected, rows(explanation).len(), half);
        }
    }

    /// The class under the cursor, and the prompt of it.
    pub fn place(&self) -> Option<(usize, usize)> {
        let explanation = self.explanation()?;
        match *rows(explanation).get(self.selected)? {
            ExplanationRow::Correction => None,
            ExplanationRow::Removed(removed) => Some((removed.class, removed.prompt)),
            ExplanationRow::Class(class) => Some((explanation.classes[class].class, 0)),
            ExplanationRow::Prompt(class, prompt) => {
                let of_class = &explanation.classes[class];
                Some((of_class.class, of_class.prompts[prompt].prompt))
            }
        }
    }
}

impl State {
    /// Asks for the explanation that is looked at, unless that was done: the image, A or B may be others by now.
    pub(super) fn wanted_explanation(&mut self) -> Option<Effect> {
        if self.place() != Context::Explanation || self.job.is_running() {
            return None;
        }
        let image = self.images.current()?;
        let mut strategies = vec![self.strategies.a];
        if self.strategies.is_pair() {
            strategies.push(self.strategies.b);
        }
        let view = self.images.explanation.as_mut()?;
        let is_other = view.image != image || view.strategies != strategies;
        if !is_other && view.answer != ExplanationAnswer::Unasked {
            return None;
        }
        if is_other {
            view.image = image;
            view.on_b &= strategies.len() > 1;
            view.strategies.clone_from(&strategies);
            view.selected = 0;
        }
        view.answer = ExplanationAnswer::Waiting;
        Some(self.ask(AnalysisRequest::Explain { image, strategies }))
    }

    /// An explanation has come, or the reason why there is none; one that is not looked at any more is dropped.
    pub(super) fn explained(&mut self, image: usize, strategies: &[usize], answer: ExplanationAnswer) {
        let view = self.images.explanation.as_mut();
        if let Some(view) = view.filter(|view| view.image == image && view.strategies == strategies) {
            view.answer = answer;
        }
    }
}
