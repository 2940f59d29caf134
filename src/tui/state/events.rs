//! What happens to the screens, and what they want done.

use std::path::PathBuf;
use std::sync::Arc;

use ratatui::crossterm::event::KeyEvent;
use ratatui::layout::{Position, Size};

use super::{Draft, OpenedFrom, Problem, Remembered};
use crate::tui::graphics::Graphics;
use crate::tui::pictures::{Picture, PictureKey};
use crate::workbench::generation::{
    GenerationCost, GenerationJobNotice, GenerationRequest, GenerationSettings, MoreSentences,
};
use crate::workbench::{
    Aggregation, AnalysisNotice, AnalysisRequest, EditorNotice, EditorRequest, ExperimentFlags,
    ExperimentPart, FileChange, FirstFigures, Progress, Recent, SavedPrompts, Session,
};

/// What happens to the screens.
#[derive(Debug)]
pub enum Event {
    /// A key was pressed.
    Key(KeyEvent),
    /// Text was pasted.
    Paste(String),
    /// The mouse was pressed at a cell.
    Click(Position),
    /// The wheel was turned: −1 is up.
    Wheel(isize),
    /// The terminal has a new size.
    Resize(Size),
    /// The session's job says how far it is.
    Progress(Progress),
    /// What the strategies come to on the images so far.
    FirstFigures(FirstFigures),
    /// The session's job asks a hub, whose name this is, what there is of a checkpoint.
    Asking(String),
    /// The session's job is done; how the user left it last time.
    Opened(Arc<Session>, Option<Remembered>),
    /// The session's job stopped when asked to.
    Stopped,
    /// The session's job failed.
    Failed(Problem),
    /// What was wanted cannot be done, and why.
    Refused(String),
    /// The files that a form names were looked at.
    FilesChecked {
        /// What the form says.
        flags: ExperimentFlags,
        /// What is wrong with its parts.
        problems: Vec<(ExperimentPart, String)>,
    },
    /// The open experiment comes from there.
    OpenedFrom(OpenedFrom),
    /// Changes of prompts that were not saved the last time.
    DraftFound(Draft),
    /// Changes of prompts cannot be kept for the next time, and why.
    DraftUnkept(String),
    /// How the experiment's file would change.
    FileChange(FileChange),
    /// What a pruning has left is saved.
    PrunedSaved(SavedPrompts, Aggregation),
    /// A path of a form was completed as far as it is unambiguous.
    Completed {
        /// The row of the form.
        row: usize,
        /// What stood there.
        before: String,
        /// What stands there now.
        text: String,
        /// What it could go on with.
        completions: Vec<String>,
    },
    /// The prompt sets there are.
    PromptSets {
        /// As `name@version`, or in words.
        names: Vec<String>,
        /// Why those of the store are missing, if they are.
        problem: Option<String>,
    },
    /// The editor says something.
    Editor(EditorNotice),
    /// The analysis job says something.
    Analysis(AnalysisNotice),
    /// The job that generates prompts says something.
    Generation(GenerationJobNotice),
    /// A picture is ready, or will never be.
    PictureReady(PictureKey, Result<Picture, String>),
    /// Something to be read in the hint bar, until the next key.
    Notice(String),
    /// Something to be read among the messages.
    Note(String),
    /// An experiment is about to be opened, in place of the one that is open.
    Replaced {
        /// Its name.
        name: String,
        /// The one that Esc leads back to where it cannot be opened.
        back_to: Option<String>,
    },
    /// Nobody has said yet what is to be opened.
    Undecided,
    /// What was opened before, newest first, is another list now.
    Recents(Vec<Recent>),
    /// What the form for generating prompts proposes: the experiment's settings.
    Proposal(Box<GenerationSettings>),
    /// What the form for generating prompts comes to, as far as it can be told.
    Estimated {
        /// What was typed.
        of: Box<GenerationSettings>,
        /// What is asked first, and how many answers of one request.
        cost: Option<(GenerationCost, usize)>,
    },
    /// The terminal's way of showing pictures.
    Graphics(Graphics),
    /// The system wants the program to end.
    Terminate,
}

impl Event {
    /// Whether it comes so often that the next frame is soon enough for it.
    pub fn can_wait(&self) -> bool {
        matches!(
            self,
            Self::Progress(_)
                | Self::FirstFigures(_)
                | Self::Editor(EditorNotice::Opening(_))
                | Self::Analysis(AnalysisNotice::Progress(_))
                | Self::Generation(GenerationJobNotice::Changed(_) | GenerationJobNotice::Reading(_))
                | Self::PictureReady(..)
        )
    }
}

/// What the screens want done.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Open and evaluate the experiment.
    StartSession,
    /// The same, with a store in memory.
    StartInMemory,
    /// The same, and its checkpoint is downloaded first.
    Pull,
    /// Stop the job.
    StopSession,
    /// Another experiment.
    OpenExperiment(Wanted),
    /// The experiment that was open before another one could not be opened.
    OpenBefore,
    /// Look whether the files of a form can be opened.
    CheckFiles(ExperimentFlags),
    /// Keep changes of prompts for the next time, or that there are none.
    KeepDraft(Option<Box<Draft>>),
    /// Make the change of the experiment's file that the added strategies are.
    ShowFileChange,
    /// Write it.
    WriteFileChange(Box<FileChange>),
    /// Write the session to an experiment file.
    SaveExperiment(PathBuf),
    /// Write a page about two strategies.
    Report {
        /// The file.
        path: PathBuf,
        /// The first one.
        a: usize,
        /// The second one.
        b: usize,
    },
    /// Write a strategy's classifier for other programs.
    ExportClassifier {
        /// An index into the session's strategies.
        strategy: usize,
        /// The file.
        path: PathBuf,
    },
    /// Save what the pruning that is shown has left, under a name.
    SavePruned(String),
    /// The experiment with one more strategy.
    AddStrategy(NewStrategy),
    /// The experiment without a strategy that was added to it.
    RemoveStrategy(String),
    /// The experiment with the controls of these strategies, and of no others.
    SetControls(Vec<String>),
    /// Ask for the prompt sets there are.
    ListPromptSets,
    /// Complete a path.
    Complete {
        /// The row of the form.
        row: usize,
        /// What stands there.
        text: String,
    },
    /// Open a strategy's prompts for editing, in place of those that are open.
    OpenEditor(usize),
    /// Stop opening the editor.
    CloseEditor,
    /// Ask the editor for something.
    AskEditor(EditorRequest),
    /// Decode these pictures and fit them to their cells; no others are wanted any more.
    WantPictures(Vec<PictureKey>),
    /// Write prompts with a language model.
    Generate {
        /// The prompt set's name.
        name: String,
        /// What the user wants; what it leaves out is as the experiment has it.
        settings: Box<GenerationSettings>,
        /// What the user has wished for since.
        more: Vec<MoreSentences>,
    },
    /// Work out what it would come to.
    Estimate(Box<GenerationSettings>),
    /// Ask that job for something.
    AskGeneration(GenerationRequest),
    /// End that job.
    CloseGeneration,
    /// Ask something of the session's embeddings.
    AskAnalysis(AnalysisRequest),
    /// Stop reading the session's embeddings.
    CloseAnalysis,
    /// Put text on the clipboard, through the terminal.
    Copy(String),
    /// Write lines to a file.
    WriteList {
        /// The file.
        path: PathBuf,
        /// Its lines.
        lines: Vec<String>,
    },
    /// Keep how the experiment is left, now: the program may be killed.
    Remember,
    /// Give the terminal back until `fg`.
    Suspend,
    /// Draw every cell anew.
    Redraw,
    /// End the program.
    Quit,
    /// End it at once, in the middle of whatever runs.
    QuitNow,
}

/// An experiment that the user chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// The embedded demo.
    Demo,
    /// One of the recent ones.
    Recent(usize),
    /// From a form.
    Files(ExperimentFlags),
}

/// A strategy that the user put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewStrategy {
    /// Its name.
    pub name: String,
    /// References to stored prompt sets.
    pub prompt_sets: Vec<String>,
    /// How prompts become scores.
    pub aggregation: Aggregation,
}
