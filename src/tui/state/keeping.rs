//! What the user made and wants to keep: strategies in the experiment's file, the session as a file, pages and files for others.

use std::path::{Path, PathBuf};

use super::strategies_page::{PageAnswer, PageTopic};
use super::typing::InputKind;
use super::{Effect, Overlay, State};
use crate::tui::actions::Action;
use crate::tui::text_input::TextInput;
use crate::workbench::{Experiment, FileChange, Origin, Precision, Pruning, quoted};

/// Where the open experiment comes from, as far as the screens say it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenedFrom {
    /// What a subcommand is given to work on it, with the store: words for a shell.
    pub arguments: String,
    /// Its file, where it has one.
    pub file: Option<PathBuf>,
    /// The strategies that were added on the screens.
    pub added: Vec<String>,
}

impl OpenedFrom {
    /// What decides an experiment that is open, with the store that was named.
    pub fn new(origin: &Origin, experiment: &Experiment, store: Option<&Path>) -> Self {
        let precision = Some(experiment.precision).filter(|precision| *precision != Precision::default());
        let words = [
            Some(origin.arguments()).filter(|words| !words.is_empty()),
            precision.map(|precision| format!("--precision {precision}")),
            store.map(|store| format!("--store {}", quoted(&store.display().to_string()))),
        ];
        Self {
            arguments: words.into_iter().flatten().collect::<Vec<_>>().join(" "),
            file: match origin {
                Origin::File(path) => Some(path.clone()),
                Origin::Demo | Origin::Flags(_) => None,
            },
            added: experiment.added().map(|strategy| strategy.name.clone()).collect(),
        }
    }

    /// The command that prunes a strategy; none for one that was added here, which a command does not know.
    pub fn prune_command(&self, strategy: &str) -> Option<String> {
        let is_known = !self.added.iter().any(|added| added == strategy);
        is_known.then(|| format!("{} --strategy {}", self.command("prompts prune"), quoted(strategy)))
    }

    /// The command that makes a page about two strategies, and what has to be done before it knows them.
    pub fn report_command(&self, a: &str, b: &str) -> String {
        let command = format!("{} --a {} --b {}", self.command("report"), quoted(a), quoted(b));
        let unknown: Vec<&str> =
            [a, b].into_iter().filter(|name| self.added.iter().any(|added| added == name)).collect();
        match unknown.is_empty() {
            true => command,
            false => format!(
                "{command} # once the workbench has written {} into the experiment's file",
                unknown.join(", ")
            ),
        }
    }

    fn command(&self, subcommand: &str) -> String {
        format!("cupl-tui {subcommand} {}", self.arguments).trim_end().to_owned()
    }
}

impl State {
    /// Strategies that were added are to be kept: in the experiment's file, or in a new one.
    pub(super) fn keep_strategies(&mut self) -> Vec<Effect> {
        if self.opened_from.added.is_empty() {
            self.notice = Some("Every strategy is in the experiment already.".to_owned());
            return Vec::new();
        }
        if self.opened_from.file.is_some() {
            return vec![Effect::ShowFileChange];
        }
        self.ask_for_file(Action::SaveExperiment);
        Vec::new()
    }

    /// The selected strategy is taken away, if it was added here.
    pub(super) fn remove_strategy(&mut self) -> Vec<Effect> {
        let Some(session) = &self.session else { return Vec::new() };
        let name = session.strategies[self.strategies.selected].name.clone();
        if !self.opened_from.added.contains(&name) {
            self.notice =
                Some(format!("{name} is the experiment's own: its file says which strategies there are."));
            return Vec::new();
        }
        if self.job.is_running() {
            self.notice = Some("Wait until the running job is done, or stop it.".to_owned());
            return Vec::new();
        }
        let editor = self.prompts.editor.as_ref().filter(|editor| editor.has_changes());
        if editor.is_some() || self.draft.is_some() {
            self.notice = Some("Save or undo the changes of prompts first.".to_owned());
            return Vec::new();
        }
        self.begin_session();
        vec![Effect::RemoveStrategy(name)]
    }

    /// Asks where something is to be written.
    pub(super) fn ask_for_file(&mut self, action: Action) {
        let Some(session) = &self.session else { return };
        let (a, b) = (self.strategies.a, self.strategies.b);
        match action {
            Action::SaveExperiment => {
                let name = format!("{}.toml", session.experiment);
                self.begin_typing(InputKind::ExperimentFile, &name);
            }
            Action::Report => self.begin_typing(InputKind::ReportFile { a, b }, "report.html"),
            Action::Export => {
                let strategy = self.strategies.selected;
                let name = format!("{}.safetensors", session.strategies[strategy].name);
                self.begin_typing(InputKind::ClassifierFile { strategy }, &name);
            }
            _ => {}
        }
    }

    /// Does something with the file that was typed behind its name.
    pub(super) fn act_on_file(&mut self, action: Action, file: &str) -> Vec<Effect> {
        self.ask_for_file(action);
        if let Some(typing) = &mut self.typing {
            typing.input = TextInput::new(file);
        }
        self.finish_typing()
    }

    /// A change of the experiment's file is to be shown.
    pub(super) fn show_change(&mut self, change: FileChange) {
        if self.overlay.is_none() && self.typing.is_none() {
            self.overlay = Some(Overlay::FileChange { change: Box::new(change), line: 0 });
        }
    }

    /// The pruning that is shown.
    pub fn pruned(&self) -> Option<Pruning> {
        match &self.strategies_page.as_ref()?.answer {
            PageAnswer::Pruned(pruning) => Some(Pruning::clone(pruning)),
            _ => None,
        }
    }

    /// The prompts that a pruning has left are to be saved.
    pub(super) fn save_pruned(&mut self) {
        let page = self.strategies_page.as_ref().filter(|page| page.topic == PageTopic::Pruning);
        let pruned = page.and_then(|page| match &page.answer {
            PageAnswer::Pruned(pruning) if !pruning.removed.is_empty() => Some(pruning.strategy),
            _ => None,
        });
        match (pruned, &self.session) {
            (Some(strategy), Some(session)) => {
                let name = session.strategies[strategy].name.split('@').next().unwrap_or_default();
                let name = format!("{name}-pruned");
                self.begin_typing(InputKind::PrunedName { strategy }, &name);
            }
            _ => self.notice = Some("There is nothing to save: no prompt goes.".to_owned()),
        }
    }
}
