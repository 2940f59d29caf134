//! The job that answers questions about the session's embeddings, as the screens see it.

use super::explanation::ExplanationAnswer;
use super::findings::{FindingsAnswer, FindingsView};
use super::jobs::{Job, LEFT, Problem};
use super::strategies_page::{PageAnswer, PageTopic};
use super::{Effect, State};
use crate::workbench::{AnalysisAnswer, AnalysisNotice, AnalysisRequest, Progress};

/// What the state calls the job.
const ANALYSIS_JOB: &str = "read the embeddings for explanations and findings";

/// How far the job is.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Analysis {
    /// Nothing was asked yet.
    #[default]
    Closed,
    /// It reads the embeddings; progress once there is any.
    Opening(Option<Progress>),
    /// It answers.
    Open,
    /// It cannot; the next question tries again.
    Failed(String),
}

impl State {
    /// Asks something of the session's embeddings; they are read if they are not there yet.
    pub(super) fn ask(&mut self, request: AnalysisRequest) -> Effect {
        if matches!(self.analysis, Analysis::Closed | Analysis::Failed(_)) {
            self.analysis = Analysis::Opening(None);
            self.jobs.begin(ANALYSIS_JOB.to_owned());
        }
        Effect::AskAnalysis(request)
    }

    /// The user wants it stopped, if it is at work.
    pub(super) fn stop_analysis(&mut self) {
        if matches!(self.analysis, Analysis::Opening(_)) {
            self.analysis = Analysis::Closed;
            self.findings.give_up("Stopped.");
            self.jobs.set(ANALYSIS_JOB, &Job::Stopped);
            self.images.explanation = None;
            self.strategies_page = None;
        }
    }

    /// Another session of the same experiment is open: what was asked is asked again, but for what still holds.
    pub(super) fn renew_analysis(&mut self, keeps: impl Fn(usize) -> bool) {
        self.jobs.cut_off(ANALYSIS_JOB, "there is another session, of which it is asked anew");
        self.analysis = Analysis::Closed;
        self.findings.renew();
        if let Some(view) = &mut self.images.explanation {
            view.renew(&keeps);
        }
        if let Some(page) = &mut self.strategies_page {
            page.renew(&keeps);
        }
    }

    /// What was asked belongs to another session.
    pub(super) fn forget_analysis(&mut self) {
        self.jobs.cut_off(ANALYSIS_JOB, LEFT);
        self.analysis = Analysis::Closed;
        self.findings = FindingsView::default();
        self.images.explanation = None;
        self.strategies_page = None;
    }

    /// The job has said something.
    pub(super) fn analysis_says(&mut self, notice: AnalysisNotice) {
        match notice {
            AnalysisNotice::Progress(progress) => {
                self.jobs.set(ANALYSIS_JOB, &Job::Running(Some(progress)));
                self.analysis = Analysis::Opening(Some(progress));
            }
            AnalysisNotice::Note(note) => self.messages.push(note),
            AnalysisNotice::Ready => {
                self.jobs.set(ANALYSIS_JOB, &Job::Done);
                self.analysis = Analysis::Open;
            }
            AnalysisNotice::Answer(answer) => {
                self.jobs.set(ANALYSIS_JOB, &Job::Done);
                self.analysis = Analysis::Open;
                self.answered(*answer);
            }
            AnalysisNotice::Refused(request, message) => {
                self.jobs.set(ANALYSIS_JOB, &Job::Done);
                self.analysis = Analysis::Open;
                match request {
                    AnalysisRequest::Findings => {
                        self.findings.answer = FindingsAnswer::Refused(message.clone());
                    }
                    AnalysisRequest::Explain { image, strategies } => {
                        self.explained(image, &strategies, ExplanationAnswer::Refused(message.clone()));
                    }
                    AnalysisRequest::Calibrate(strategies) => {
                        let answer = PageAnswer::Refused(message.clone());
                        self.page_answered(PageTopic::Calibration, &strategies, answer);
                    }
                    AnalysisRequest::Prune(strategy) => {
                        let answer = PageAnswer::Refused(message.clone());
                        self.page_answered(PageTopic::Pruning, &[strategy], answer);
                    }
                    AnalysisRequest::Curves(strategies) => {
                        let answer = PageAnswer::Refused(message.clone());
                        self.page_answered(PageTopic::LearningCurve, &strategies, answer);
                    }
                }
                self.notice = message.lines().next().map(str::to_owned);
                self.messages.push(message);
            }
            AnalysisNotice::Failed(message) => {
                let problem = Problem { message: message.clone(), remedy: None };
                self.jobs.set(ANALYSIS_JOB, &Job::Failed(problem));
                self.messages.push(message.clone());
                self.findings.give_up(&message);
                if let Some(view) = &mut self.images.explanation {
                    view.give_up(&message);
                }
                if let Some(page) = &mut self.strategies_page {
                    page.give_up(&message);
                }
                self.analysis = Analysis::Failed(message);
            }
        }
    }

    fn answered(&mut self, answer: AnalysisAnswer) {
        match answer {
            AnalysisAnswer::Found(findings) => self.found(findings),
            AnalysisAnswer::Explained { image, strategies, explanations } => {
                self.explained(image, &strategies, ExplanationAnswer::Explained(explanations));
            }
            AnalysisAnswer::Calibrated(strategies, calibrations) => {
                let answer = PageAnswer::Calibrated(calibrations);
                self.page_answered(PageTopic::Calibration, &strategies, answer);
            }
            AnalysisAnswer::Pruned(pruning) => {
                let strategy = pruning.strategy;
                self.page_answered(PageTopic::Pruning, &[strategy], PageAnswer::Pruned(pruning));
            }
            AnalysisAnswer::Curves(strategies, curves) => {
                self.page_answered(PageTopic::LearningCurve, &strategies, PageAnswer::Curves(curves));
            }
        }
    }
}
