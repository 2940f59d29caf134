//! What may be wrong with labels and prompts: asked of the session's embeddings once the screen is looked at.

use super::classes::ClassPage;
use super::step::Step;
use super::{Effect, Screen, State};
use crate::tui::actions::Action;
use crate::workbench::{AnalysisRequest, Finding, PromptOrigin};

/// The findings and the cursor.
#[derive(Debug, Default)]
pub struct FindingsView {
    /// What came back.
    pub answer: FindingsAnswer,
    /// The finding under the cursor.
    pub selected: usize,
    /// The one that was under it before they were looked for again.
    kept: Option<Finding>,
}

/// What the question came to.
#[derive(Debug, Default)]
pub enum FindingsAnswer {
    /// Nobody asked yet.
    #[default]
    Unasked,
    /// They are being looked for.
    Waiting,
    /// These were found.
    Found(Vec<Finding>),
    /// There are none, and why.
    Refused(String),
}

impl FindingsView {
    /// Those that were found.
    pub fn list(&self) -> &[Finding] {
        match &self.answer {
            FindingsAnswer::Found(findings) => findings,
            _ => &[],
        }
    }

    /// The one under the cursor.
    pub fn current(&self) -> Option<&Finding> {
        self.list().get(self.selected)
    }

    /// What was asked is not answered any more.
    pub(super) fn give_up(&mut self, why: &str) {
        if matches!(self.answer, FindingsAnswer::Waiting) {
            self.answer = FindingsAnswer::Refused(why.to_owned());
        }
    }

    /// They are to be looked for again; the cursor goes back to the one that it stands on.
    pub(super) fn renew(&mut self) {
        self.kept = self.current().cloned().or(self.kept.take());
        self.answer = FindingsAnswer::Unasked;
    }

    /// Moves the cursor.
    pub fn move_by(&mut self, step: Step, half: usize) {
        self.selected = step.apply(self.selected, self.list().len(), half);
    }
}

impl State {
    /// Asks for findings when their screen is looked at and nobody has asked yet.
    pub(super) fn findings_wanted(&mut self) -> Option<Effect> {
        let is_looked_at =
            self.screen == Screen::Findings && self.session.is_some() && !self.job.is_running();
        if !is_looked_at || !matches!(self.findings.answer, FindingsAnswer::Unasked) {
            return None;
        }
        self.findings.answer = FindingsAnswer::Waiting;
        Some(self.ask(AnalysisRequest::Findings))
    }

    /// What was looked for is found: as far as it is about what the screens show.
    pub(super) fn found(&mut self, mut findings: Vec<Finding>) {
        if let Some(session) = &self.session {
            findings.retain(|finding| {
                finding.classes.iter().all(|&class| class < session.classes.len())
                    && finding.images.iter().all(|&image| image < session.images.len())
                    && finding.prompt.as_ref().is_none_or(|of| of.strategy < session.strategies.len())
            });
        }
        let view = &mut self.findings;
        let kept = view.current().cloned().or(view.kept.take());
        view.selected = findings.iter().position(|finding| Some(finding) == kept.as_ref()).unwrap_or(0);
        view.answer = FindingsAnswer::Found(findings);
    }

    /// Whether the prompt of a finding was changed at the editor.
    pub fn is_handled(&self, finding: &Finding) -> bool {
        let (Some(prompt), Some(editor)) = (&finding.prompt, &self.prompts.editor) else { return false };
        let Some(now) = editor.state().filter(|_| editor.strategy == prompt.strategy) else { return false };
        // A template is a prompt of every class.
        let of_class = |class: usize| now.prompts.get(class).and_then(|prompts| prompts.get(prompt.index));
        let mut prompts = finding.classes.iter().filter_map(|&class| of_class(class)).peekable();
        prompts.peek().is_some()
            && prompts.all(|prompt| !prompt.enabled || prompt.origin != PromptOrigin::Loaded)
    }

    /// Goes to where a finding can be looked at: its prompt, its image, its class.
    /// Where there was no answer, asks again.
    pub(super) fn open_finding(&mut self) {
        if matches!(self.findings.answer, FindingsAnswer::Refused(_)) {
            self.findings.answer = FindingsAnswer::Unasked;
        }
        let (Some(finding), Some(session)) = (self.findings.current().cloned(), self.session.clone()) else {
            return;
        };
        let class = finding.classes.first().copied();
        if let (Some(prompt), Some(class)) = (&finding.prompt, class) {
            self.strategies.shown[prompt.strategy] = true;
            self.strategies.selected = prompt.strategy;
            self.strategies.choose_b();
            self.refill();
            self.prompts.open(class);
            self.prompts.on_b = self.strategies.b == prompt.strategy && self.strategies.is_pair();
            self.prompts.selected[usize::from(self.prompts.on_b)] = prompt.index;
            self.prompts.clamp(&session, &self.strategies);
            self.visit(Screen::Prompts);
        } else if !finding.images.is_empty() {
            self.images.only_of_finding(finding.images.clone());
            self.list_images();
            self.look_at(Screen::Images);
            if finding.images.len() > 1 {
                let next = self.keymap.key(Action::Next);
                self.notice = Some(format!(
                    "1 of {} images of this finding; {next} shows the next",
                    finding.images.len()
                ));
            }
        } else if let Some(class) = class {
            self.classes.page = Some(ClassPage::new(class));
            self.look_at(Screen::Classes);
        } else {
            self.notice = Some("This finding is about no class or image in particular.".to_owned());
        }
    }
}
