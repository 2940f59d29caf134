//! A page below the strategies about A and B as wholes: whether their probabilities can be trusted, and how their accuracy
//! grows with their prompts. It is asked of the session's embeddings.

use super::step::Step;
use super::{Context, Effect, State};
use crate::tui::actions::Action;
use crate::workbench::{AnalysisRequest, Calibration, LearningCurve, Pruning, Session};

/// What a page is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageTopic {
    /// Whether probabilities can be trusted.
    Calibration,
    /// Accuracy against the number of prompts.
    LearningCurve,
    /// The selected strategy without the prompts that do harm.
    Pruning,
}

/// The page, asked for or there.
#[derive(Debug, Clone)]
pub struct StrategiesPage {
    /// What it is about.
    pub topic: PageTopic,
    /// A, and B where there are two; empty before it was asked for.
    pub strategies: Vec<usize>,
    /// The first line shown.
    pub first: usize,
    /// What came back.
    pub answer: PageAnswer,
}

/// What the question came to.
#[derive(Debug, Clone)]
pub enum PageAnswer {
    /// Nobody asked yet.
    Unasked,
    /// It is being worked out.
    Waiting,
    /// For each of the strategies.
    Calibrated(Vec<Calibration>),
    /// For each of the strategies.
    Curves(Vec<LearningCurve>),
    /// Of the selected strategy.
    Pruned(Box<Pruning>),
    /// There is none, and why.
    Refused(String),
}

impl StrategiesPage {
    /// Nothing is asked yet.
    pub fn unasked(topic: PageTopic) -> Self {
        Self { topic, strategies: Vec::new(), first: 0, answer: PageAnswer::Unasked }
    }

    /// What was asked is not answered any more.
    pub(super) fn give_up(&mut self, why: &str) {
        if !self.is_there() {
            self.answer = PageAnswer::Refused(why.to_owned());
        }
    }

    /// Is to be asked for again, unless it is there and its strategies are as they were.
    pub(super) fn renew(&mut self, keeps: impl Fn(usize) -> bool) {
        if !self.is_there() || !self.strategies.iter().all(|&strategy| keeps(strategy)) {
            self.answer = PageAnswer::Unasked;
        }
    }

    /// Prompts were pruned.
    pub(super) fn has_pruned(&self) -> bool {
        matches!(&self.answer, PageAnswer::Pruned(pruning) if !pruning.removed.is_empty())
    }

    fn is_there(&self) -> bool {
        matches!(self.answer, PageAnswer::Calibrated(_) | PageAnswer::Curves(_) | PageAnswer::Pruned(_))
    }

    /// Moves what is shown, where something is; `lines` there are to begin with.
    pub fn move_by(&mut self, step: Step, lines: usize, half: usize) {
        if self.is_there() {
            self.first = step.apply(self.first.min(lines.saturating_sub(1)), lines, half);
        }
    }
}

/// What counts of a pruning, and how to keep it: with this key, or by a command, where there is one.
fn pruning_words(pruning: &Pruning, save: &str, command: Option<&str>) -> String {
    match pruning.removed.is_empty() {
        true => "None goes: without any one of them, no more of these images are recognised.".to_owned(),
        false => format!(
            "The first is too good to be true; what counts is the rest: {}. {save} saves what is left{}.",
            pruning.words(),
            command.map_or_else(String::new, |command| format!("; so does {command} --save NAME"))
        ),
    }
}

/// Whether more prompts are worth having, in words.
pub fn curve_words(curve: &LearningCurve, session: &Session) -> String {
    let mut words = match curve.points.as_slice() {
        [.., before, all] => {
            let gain = 100.0 * (all.top1 - before.top1);
            let spread = 100.0 * before.top1_sd.unwrap_or(0.0);
            if gain > spread {
                format!(
                    "still rising with all prompts ({gain:+.1} from {} to {})",
                    before.prompts, all.prompts
                )
            } else {
                format!(
                    "no higher with all {} prompts than with {}, as far as draws tell",
                    all.prompts, before.prompts
                )
            }
        }
        _ => "there is one prompt a class".to_owned(),
    };
    if curve.shorter_classes > 0 {
        words.push_str(&format!(
            "; {} of {} classes have fewer",
            curve.shorter_classes,
            session.classes.len()
        ));
    }
    words.push('.');
    words
}

impl State {
    /// What counts of a pruning, and how to keep it.
    pub fn pruning_words(&self, pruning: &Pruning, session: &Session) -> String {
        let command = self.opened_from.prune_command(&session.strategies[pruning.strategy].name);
        pruning_words(pruning, self.keymap.key(Action::SavePrompts), command.as_deref())
    }

    /// Shows a page; once more closes it.
    pub(super) fn toggle_page(&mut self, topic: PageTopic) {
        let is_shown = self.strategies_page.as_ref().is_some_and(|page| page.topic == topic);
        self.strategies_page = (!is_shown).then(|| StrategiesPage::unasked(topic));
    }

    /// Asks for the page that is looked at, unless that was done: A or B may be others by now.
    pub(super) fn wanted_page(&mut self) -> Option<Effect> {
        if self.place() != Context::StrategiesPage || self.job.is_running() {
            return None;
        }
        let mut strategies = vec![self.strategies.a];
        if self.strategies.is_pair() {
            strategies.push(self.strategies.b);
        }
        if self.strategies_page.as_ref().is_some_and(|page| page.topic == PageTopic::Pruning) {
            strategies = vec![self.strategies.selected];
        }
        let page = self.strategies_page.as_mut()?;
        if page.strategies == strategies && !matches!(page.answer, PageAnswer::Unasked) {
            return None;
        }
        page.strategies.clone_from(&strategies);
        page.answer = PageAnswer::Waiting;
        let request = match page.topic {
            PageTopic::Calibration => AnalysisRequest::Calibrate(strategies),
            PageTopic::LearningCurve => AnalysisRequest::Curves(strategies),
            PageTopic::Pruning => AnalysisRequest::Prune(self.strategies.selected),
        };
        Some(self.ask(request))
    }

    /// An answer has come; one that is not looked at any more is dropped.
    pub(super) fn page_answered(&mut self, topic: PageTopic, strategies: &[usize], answer: PageAnswer) {
        let page = self.strategies_page.as_mut();
        if let Some(page) = page.filter(|page| page.topic == topic && page.strategies == strategies) {
            page.answer = answer;
        }
    }
}
