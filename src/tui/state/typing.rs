//! What is typed into the hint bar. A purpose names what it was begun on, so that nothing that happens meanwhile gives the
//! text to something else.

use super::{Effect, State};
use crate::tui::text_input::TextInput;
use crate::workbench::{Edit, EditorRequest, check_prompt_set_name, typed_path};

/// What is being typed into the hint bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typing {
    /// What for.
    pub purpose: InputKind,
    /// What stands there.
    pub input: TextInput,
}

/// What typed text is for. Strategies and classes are indices into the session's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputKind {
    /// Part of class names.
    ClassFilter,
    /// Part of the class names of a pair.
    PairFilter,
    /// Part of file names.
    ImageName,
    /// The file that a list is written to.
    ListFile {
        /// The list.
        lines: Vec<String>,
    },
    /// Another text for a prompt.
    PromptText {
        /// The strategy.
        strategy: usize,
        /// The class.
        class: usize,
        /// The prompt of the class.
        prompt: usize,
    },
    /// The text of a new prompt.
    NewPrompt {
        /// The strategy.
        strategy: usize,
        /// The class.
        class: usize,
    },
    /// The name of a prompt set.
    PromptSetName {
        /// The strategy whose prompts it gets.
        strategy: usize,
    },
    /// The name of a prompt set for what a pruning has left.
    PrunedName {
        /// The strategy that was pruned.
        strategy: usize,
    },
    /// The file that the session is written to as an experiment.
    ExperimentFile,
    /// The file of a page about two strategies.
    ReportFile {
        /// The first one.
        a: usize,
        /// The second one.
        b: usize,
    },
    /// The file of a classifier.
    ClassifierFile {
        /// The strategy.
        strategy: usize,
    },
}

impl InputKind {
    /// What stands before the text.
    pub fn prompt(&self) -> &'static str {
        match self {
            Self::ClassFilter => "classes with",
            Self::PairFilter => "pairs with",
            Self::ImageName => "file names with",
            Self::ListFile { .. } => "write the list to",
            Self::PromptText { .. } => "prompt",
            Self::NewPrompt { .. } => "new prompt",
            Self::PromptSetName { .. } | Self::PrunedName { .. } => "save as",
            Self::ExperimentFile => "write the experiment to",
            Self::ReportFile { .. } => "write the page to",
            Self::ClassifierFile { .. } => "write the classifier to",
        }
    }

    /// The strategy whose prompts it is about.
    pub fn strategy(&self) -> Option<usize> {
        match self {
            Self::PromptText { strategy, .. }
            | Self::NewPrompt { strategy, .. }
            | Self::PromptSetName { strategy }
            | Self::PrunedName { strategy }
            | Self::ClassifierFile { strategy } => Some(*strategy),
            Self::ClassFilter
            | Self::PairFilter
            | Self::ImageName
            | Self::ListFile { .. }
            | Self::ExperimentFile
            | Self::ReportFile { .. } => None,
        }
    }
}

impl Typing {
    /// Why the text cannot be what it is for, if it cannot.
    fn refusal(&self) -> Option<String> {
        let text = self.input.text().trim();
        match self.purpose {
            // No text takes a filter away, and the editor says what a prompt needs.
            InputKind::ClassFilter
            | InputKind::PairFilter
            | InputKind::ImageName
            | InputKind::PromptText { .. } => None,
            InputKind::PromptSetName { .. } | InputKind::PrunedName { .. } => {
                check_prompt_set_name(text).err().map(|error| error.to_string())
            }
            InputKind::NewPrompt { .. } if text.is_empty() => {
                Some("A prompt needs a text; Esc leaves.".to_owned())
            }
            _ if text.is_empty() => Some("Type the name of a file; Esc leaves.".to_owned()),
            _ => None,
        }
    }
}

impl State {
    pub(super) fn begin_typing(&mut self, purpose: InputKind, text: &str) {
        let input = match purpose {
            InputKind::ClassFilter
            | InputKind::PairFilter
            | InputKind::ImageName
            | InputKind::PromptText { .. }
            | InputKind::NewPrompt { .. } => TextInput::new(text),
            _ => TextInput::proposal(text),
        };
        self.typing = Some(Typing { purpose, input });
    }

    /// What is typed takes effect at once where it filters.
    pub(super) fn apply_typing(&mut self) {
        let (Some(typing), Some(session)) = (&self.typing, self.session.clone()) else { return };
        let text = || typing.input.text().to_owned();
        match typing.purpose {
            InputKind::ClassFilter => {
                self.classes.filter = text();
                self.classes.arrange(&session);
            }
            InputKind::PairFilter => {
                self.confusion.filter = text();
                self.confusion.fill(&session, &self.strategies);
            }
            InputKind::ImageName => {
                self.images.selection.name = text();
                self.images.fill(&session, &self.strategies);
            }
            _ => {}
        }
    }

    pub(super) fn finish_typing(&mut self) -> Vec<Effect> {
        let Some(typing) = self.typing.take() else { return Vec::new() };
        let text = typing.input.text().trim().to_owned();
        if let Some(refusal) = typing.refusal() {
            // What was typed stays.
            self.notice = Some(refusal);
            self.typing = Some(typing);
            return Vec::new();
        }
        match typing.purpose {
            InputKind::PromptText { strategy, class, prompt } => {
                self.edit(strategy, Edit::Replace { class, prompt, text })
            }
            InputKind::ListFile { lines } => vec![Effect::WriteList { path: typed_path(&text), lines }],
            InputKind::NewPrompt { strategy, class } => self.edit(strategy, Edit::Add { class, text }),
            InputKind::PromptSetName { strategy } => {
                let is_there = self.prompts.editor.as_ref().is_some_and(|editor| editor.takes(strategy));
                let asked = is_there.then(|| self.ask_editor(EditorRequest::Save(text))).flatten();
                if asked.is_none() {
                    self.notice = Some("Nothing was saved: the changed prompts are gone.".to_owned());
                }
                asked.into_iter().collect()
            }
            InputKind::PrunedName { .. } => vec![Effect::SavePruned(text)],
            InputKind::ExperimentFile => vec![Effect::SaveExperiment(typed_path(&text))],
            InputKind::ReportFile { a, b } => vec![Effect::Report { path: typed_path(&text), a, b }],
            InputKind::ClassifierFile { strategy } => {
                vec![Effect::ExportClassifier { strategy, path: typed_path(&text) }]
            }
            InputKind::ClassFilter | InputKind::PairFilter | InputKind::ImageName => Vec::new(),
        }
    }

    /// Text that is typed for prompts of a strategy which is not as it was goes to the messages.
    pub(super) fn keep_typing(&mut self, keeps: impl Fn(usize) -> bool) {
        let is_lost =
            |typing: &mut Typing| typing.purpose.strategy().is_some_and(|strategy| !keeps(strategy));
        if let Some(Typing { purpose, input }) = self.typing.take_if(is_lost) {
            self.notice =
                Some("The prompts are others now; what was typed is among the messages.".to_owned());
            let what = purpose.prompt();
            self.messages.push(format!("typed for prompts that are others now: {what} {:?}", input.text()));
        }
    }
}
