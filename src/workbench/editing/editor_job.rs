//! An editor on a thread of its own: it takes requests one after another and answers each with a notice.
//!
//! The store is open while the embeddings are read and while prompts are saved, and at no other time.

use std::io;

use super::edits::Edit;
use super::history::SavedPrompts;
use super::prompt_editor::{EditorError, EditorState, PromptEditor};
use crate::evaluation::PromptSimilarity;
use crate::store::StorePlace;
use crate::workbench::jobs::progress::{Cancel, Progress};
use crate::workbench::jobs::worker::{Waiting, Worker, serve};
use crate::workbench::session::shared_embeddings::{ReadingNotice, SharedEmbeddings};

/// What an editor is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EditorRequest {
    /// Do an edit.
    Apply(Edit),
    /// Take the last edit back.
    Undo,
    /// Do it again.
    Redo,
    /// Say what the prompts of a class are like.
    Similarities {
        /// An index into the session's strategies.
        strategy: usize,
        /// The class.
        class: usize,
    },
    /// Save the prompts under a name.
    Save(String),
}

/// What an editor says.
#[derive(Debug)]
pub enum EditorNotice {
    /// How far it is with opening.
    Opening(Progress),
    /// What the user should know about the store.
    Note(String),
    /// It is open: requests are answered from now on, those of before too.
    Ready(Box<EditorState>),
    /// An edit was done, or taken back.
    Changed(Box<EditorState>),
    /// What the prompts of a class are like.
    Similarities {
        /// The strategy that was asked for.
        strategy: usize,
        /// The class.
        class: usize,
        /// In the order of the class's prompts.
        prompts: Vec<PromptSimilarity>,
    },
    /// The prompts are saved; the state says so.
    Saved(SavedPrompts, Box<EditorState>),
    /// A request cannot be granted; everything is as before.
    Refused(String),
    /// The editor is closed: it could not be opened, or made a mistake.
    Failed(String),
}

/// An editor, open or opening. Dropping it closes the editor: opening stops within a batch, and what an open editor was asked for
/// before is still done.
#[derive(Debug)]
pub struct EditorJob {
    worker: Worker<EditorRequest>,
}

impl EditorJob {
    /// Starts to open a strategy of the session whose embeddings these are; `notify` is called on the editor's thread.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn start(
        source: SharedEmbeddings,
        strategy: usize,
        notify: impl Fn(EditorNotice) + Send + 'static,
    ) -> io::Result<Self> {
        let failed = EditorNotice::Failed;
        let worker = Worker::start("job-editor", notify, failed, move |requests, cancel, notify| {
            let mut editor = open(&source, strategy, cancel, notify)?;
            serve(requests, Waiting::Each, notify, |request| {
                let answer = answer(&mut editor, source.place(), request);
                Ok(answer.unwrap_or_else(|error| EditorNotice::Refused(error.to_string())))
            })
        })?;
        Ok(Self { worker })
    }

    /// Asks for something. An editor that has failed answers no more.
    pub fn request(&self, request: EditorRequest) {
        self.worker.request(request);
    }
}

fn open(
    source: &SharedEmbeddings,
    strategy: usize,
    cancel: &Cancel,
    notify: &dyn Fn(EditorNotice),
) -> Result<PromptEditor, EditorError> {
    let opening = |reading| {
        notify(match reading {
            ReadingNotice::Progress(progress) => EditorNotice::Opening(progress),
            ReadingNotice::Note(note) => EditorNotice::Note(note),
        });
    };
    let editor = PromptEditor::open(source, strategy, cancel, &opening)?;
    notify(EditorNotice::Ready(Box::new(editor.state())));
    Ok(editor)
}

fn answer(
    editor: &mut PromptEditor,
    place: &StorePlace,
    request: EditorRequest,
) -> Result<EditorNotice, EditorError> {
    match request {
        EditorRequest::Apply(edit) => editor.apply(&edit)?,
        EditorRequest::Undo => editor.undo()?,
        EditorRequest::Redo => editor.redo()?,
        EditorRequest::Similarities { strategy, class } => {
            let prompts = editor.similarities(strategy, class)?;
            return Ok(EditorNotice::Similarities { strategy, class, prompts });
        }
        EditorRequest::Save(name) => {
            let saved = editor.save(&name, place)?;
            return Ok(EditorNotice::Saved(saved, Box::new(editor.state())));
        }
    }
    Ok(EditorNotice::Changed(Box::new(editor.state())))
}

#[cfg(test)]
mod tests {
    use crossbeam_channel::{Receiver, unbounded};

    use super::super::edits::EditError;
    use super::super::prompt_editor::tests::{pond, session_of};
    use super::*;
    use crate::store::Store;
    use crate::workbench::experiment::definition::{CheckpointChoice, Experiment};
    use crate::workbench::session::evaluation::Session;
    use std::sync::Arc;

    struct Editor {
        job: EditorJob,
        notices: Receiver<EditorNotice>,
    }

    impl Editor {
        fn start(experiment: Experiment, place: &StorePlace, session: &Arc<Session>) -> Self {
            let (sender, notices) = unbounded();
            let notify = move |notice| sender.send(notice).unwrap();
            let source = SharedEmbeddings::new(experiment, place.clone(), Arc::clone(session));
            let job = EditorJob::start(source, 1, notify).unwrap();
            Self { job, notices }
        }

        /// What a request is answered with, after the notices of opening.
        fn ask(&self, request: EditorRequest) -> EditorNotice {
            self.job.request(request);
            self.next()
        }

        fn next(&self) -> EditorNotice {
            let is_answer = |notice: &EditorNotice| !matches!(notice, EditorNotice::Opening(_));
            self.notices.iter().find(is_answer).unwrap()
        }

        fn refused(&self, request: EditorRequest) -> String {
            match self.ask(request) {
                EditorNotice::Refused(message) => message,
                other => panic!("{other:?}"),
            }
        }

        fn changed(&self, request: EditorRequest) -> EditorState {
            match self.ask(request) {
                EditorNotice::Changed(state) => *state,
                other => panic!("{other:?}"),
            }
        }
    }

    fn add(class: usize, text: &str) -> EditorRequest {
        EditorRequest::Apply(Edit::Add { class, text: text.into() })
    }

    #[test]
    fn requests_are_answered_and_the_store_is_open_to_others() {
        let (images, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let place = StorePlace::Directory(folder.path().join("store"));
        let experiment = pond(images.path());
        let session = session_of(&experiment, &place);
        let editor = Editor::start(experiment, &place, &session);
        let EditorNotice::Ready(state) = editor.next() else { panic!("not ready") };
        assert!(state.trail.is_empty() && !state.is_changed && state.last.is_none());
        assert_eq!(state.top1, session.strategies[1].evaluation.top1());

        // Somebody else has the store: editing goes on, saving does not.
        let held = std::fs::File::options().write(true).open(folder.path().join("store/lock")).unwrap();
        held.lock().unwrap();
        let state = editor.changed(add(0, "a small green frog"));
        assert_eq!((&state.trail[..], state.is_changed), (&["frog: prompt 3 added".to_owned()][..], true));
        let EditorNotice::Similarities { prompts, .. } =
            editor.ask(EditorRequest::Similarities { strategy: 1, class: 0 })
        else {
            panic!("no similarities");
        };
        assert_eq!(prompts.len(), 3);
        let message = editor.refused(EditorRequest::Save("mine".into()));
        assert!(message.contains("in use"), "{message}");

        drop(held);
        let EditorNotice::Saved(saved, state) = editor.ask(EditorRequest::Save("mine".into())) else {
            panic!("not saved");
        };
        assert!(!state.is_changed);
        let store = Store::open(&folder.path().join("store")).unwrap().store;
        assert!(store.prompt_set("mine", Some(&saved.version)).unwrap().is_some());

        assert_eq!(editor.changed(EditorRequest::Undo).redo.as_deref(), Some("frog: prompt 3 added"));
        assert_eq!(editor.refused(EditorRequest::Undo), EditError::NothingToUndo.to_string());
        assert_eq!(editor.changed(EditorRequest::Redo).redo, None);
        assert!(editor.refused(add(9, "x")).contains("no class 9"));
        assert!(editor.refused(EditorRequest::Similarities { strategy: 1, class: 9 }).contains("no class 9"));
    }

    #[test]
    fn a_closed_editor_stops_opening() {
        let session = session_of(&pond(tempfile::tempdir().unwrap().path()), &StorePlace::in_memory());
        let Editor { job, notices } =
            Editor::start(Experiment::demo().unwrap(), &StorePlace::in_memory(), &session);
        drop(job);
        for notice in notices {
            assert!(!matches!(notice, EditorNotice::Ready(_)), "{notice:?}");
        }
    }

    #[test]
    fn a_failure_is_told_with_its_reason() {
        let images = tempfile::tempdir().unwrap();
        let (mut experiment, place) = (pond(images.path()), StorePlace::in_memory());
        let session = session_of(&experiment, &place);
        experiment.checkpoint = CheckpointChoice::Directory("/nowhere".into());
        let editor = Editor::start(experiment, &place, &session);
        let EditorNotice::Failed(message) = editor.next() else { panic!("it did not fail") };
        assert!(message.contains("/nowhere"), "{message}");
        assert!(editor.notices.recv().is_err());
        editor.job.request(EditorRequest::Undo);
    }
}
