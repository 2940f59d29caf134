//! A desk on a thread of its own: it takes requests one after another and answers each with a notice.
//!
//! The store is open while the desk opens and while it saves, and at no other time.

use std::io;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::edits::Edit;
use super::history::SavedPrompts;
use super::prompt_editor::{DeskError, DeskState, PromptDesk};
use crate::evaluation::PromptSimilarity;
use crate::store::OpenedStore;
use crate::store::StorePlace;
use crate::workbench::error::WorkbenchError;
use crate::workbench::experiment::definition::Experiment;
use crate::workbench::jobs::progress::{Cancel, Progress};
use crate::workbench::session::evaluation::Session;
use crate::workbench::session::opening::Workbench;
use crate::workbench::session::session_job::start_job;

/// What a desk is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeskRequest {
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

/// What a desk says.
#[derive(Debug)]
pub enum DeskNotice {
    /// How far it is with opening.
    Opening(Progress),
    /// What the user should know about the store.
    Note(String),
    /// It is open: requests are answered from now on, those of before too.
    Ready(Box<DeskState>),
    /// An edit was done, or taken back.
    Changed(Box<DeskState>),
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
    Saved(SavedPrompts, Box<DeskState>),
    /// A request cannot be granted; everything is as before.
    Refused(String),
    /// The desk is closed: it could not be opened, or made a mistake.
    Failed(String),
}

/// A desk, open or opening. Dropping it closes the desk: opening stops within a batch, and what an open desk was asked for
/// before is still done.
#[derive(Debug)]
pub struct DeskJob {
    requests: Sender<DeskRequest>,
    cancel: Cancel,
}

impl DeskJob {
    /// Starts to open a strategy of `session`, which was made of this experiment; `notify` is called on the desk's
    /// thread.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn start(
        experiment: Experiment,
        place: StorePlace,
        session: Arc<Session>,
        strategy: usize,
        notify: impl Fn(DeskNotice) + Send + 'static,
    ) -> io::Result<Self> {
        let (sender, receiver) = unbounded();
        let cancel = Cancel::default();
        let its_cancel = cancel.clone();
        start_job("job-desk", notify, DeskNotice::Failed, move |notify| {
            let desk = open(experiment, &place, session, strategy, &its_cancel, notify)?;
            serve(desk, &place, &receiver, notify);
            Ok(())
        })?;
        Ok(Self { requests: sender, cancel })
    }

    /// Asks for something. A desk that has failed answers no more.
    pub fn request(&self, request: DeskRequest) {
        // Nobody is there to answer after a failure, of which a notice has told.
        let _unanswered = self.requests.send(request);
    }
}

impl Drop for DeskJob {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

fn open(
    experiment: Experiment,
    place: &StorePlace,
    session: Arc<Session>,
    strategy: usize,
    cancel: &Cancel,
    notify: &dyn Fn(DeskNotice),
) -> Result<PromptDesk, DeskError> {
    let OpenedStore { store, notices } = place.open().map_err(WorkbenchError::from)?;
    notices.into_iter().for_each(|note| notify(DeskNotice::Note(note)));
    let workbench = Workbench::open(experiment, store)?;
    let opening = |progress| notify(DeskNotice::Opening(progress));
    let desk = PromptDesk::open(workbench, session, strategy, cancel, &opening)?;
    notify(DeskNotice::Ready(Box::new(desk.state())));
    Ok(desk)
}

/// Answers requests until nobody can make one any more.
fn serve(
    mut desk: PromptDesk,
    place: &StorePlace,
    requests: &Receiver<DeskRequest>,
    notify: &dyn Fn(DeskNotice),
) {
    for request in requests {
        notify(
            answer(&mut desk, place, request).unwrap_or_else(|error| DeskNotice::Refused(error.to_string())),
        );
    }
}

fn answer(desk: &mut PromptDesk, place: &StorePlace, request: DeskRequest) -> Result<DeskNotice, DeskError> {
    match request {
        DeskRequest::Apply(edit) => desk.apply(&edit)?,
        DeskRequest::Undo => desk.undo()?,
        DeskRequest::Redo => desk.redo()?,
        DeskRequest::Similarities { strategy, class } => {
            let prompts = desk.similarities(strategy, class)?;
            return Ok(DeskNotice::Similarities { strategy, class, prompts });
        }
        DeskRequest::Save(name) => {
            let saved = desk.save(&name, place)?;
            return Ok(DeskNotice::Saved(saved, Box::new(desk.state())));
        }
    }
    Ok(DeskNotice::Changed(Box::new(desk.state())))
}

#[cfg(test)]
mod tests {
    use super::super::edits::EditError;
    use super::super::prompt_editor::tests::{pond, session_of};
    use super::*;
    use crate::store::Store;
    use crate::workbench::experiment::definition::CheckpointChoice;

    struct Desk {
        job: DeskJob,
        notices: Receiver<DeskNotice>,
    }

    impl Desk {
        fn start(experiment: Experiment, place: &StorePlace, session: &Arc<Session>) -> Self {
            let (sender, notices) = unbounded();
            let notify = move |notice| sender.send(notice).unwrap();
            let job = DeskJob::start(experiment, place.clone(), Arc::clone(session), 1, notify).unwrap();
            Self { job, notices }
        }

        /// What a request is answered with, after the notices of opening.
        fn ask(&self, request: DeskRequest) -> DeskNotice {
            self.job.request(request);
            self.next()
        }

        fn next(&self) -> DeskNotice {
            let is_answer = |notice: &DeskNotice| !matches!(notice, DeskNotice::Opening(_));
            self.notices.iter().find(is_answer).unwrap()
        }

        fn refused(&self, request: DeskRequest) -> String {
            match self.ask(request) {
                DeskNotice::Refused(message) => message,
                other => panic!("{other:?}"),
            }
        }

        fn changed(&self, request: DeskRequest) -> DeskState {
            match self.ask(request) {
                DeskNotice::Changed(state) => *state,
                other => panic!("{other:?}"),
            }
        }
    }

    fn add(class: usize, text: &str) -> DeskRequest {
        DeskRequest::Apply(Edit::Add { class, text: text.into() })
    }

    #[test]
    fn requests_are_answered_and_the_store_is_open_to_others() {
        let (images, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let place = StorePlace::Directory(folder.path().join("store"));
        let experiment = pond(images.path());
        let session = session_of(&experiment, &place);
        let desk = Desk::start(experiment, &place, &session);
        let DeskNotice::Ready(state) = desk.next() else { panic!("not ready") };
        assert!(state.trail.is_empty() && !state.is_changed && state.last.is_none());
        assert_eq!(state.top1, session.strategies[1].evaluation.top1());

        // Somebody else has the store: editing goes on, saving does not.
        let held = std::fs::File::options().write(true).open(folder.path().join("store/lock")).unwrap();
        held.lock().unwrap();
        let state = desk.changed(add(0, "a small green frog"));
        assert_eq!((&state.trail[..], state.is_changed), (&["frog: prompt 3 added".to_owned()][..], true));
        let DeskNotice::Similarities { prompts, .. } =
            desk.ask(DeskRequest::Similarities { strategy: 1, class: 0 })
        else {
            panic!("no similarities");
        };
        assert_eq!(prompts.len(), 3);
        let message = desk.refused(DeskRequest::Save("mine".into()));
        assert!(message.contains("in use"), "{message}");

        drop(held);
        let DeskNotice::Saved(saved, state) = desk.ask(DeskRequest::Save("mine".into())) else {
            panic!("not saved");
        };
        assert!(!state.is_changed);
        let store = Store::open(&folder.path().join("store")).unwrap().store;
        assert!(store.prompt_set("mine", Some(&saved.version)).unwrap().is_some());

        assert_eq!(desk.changed(DeskRequest::Undo).redo.as_deref(), Some("frog: prompt 3 added"));
        assert_eq!(desk.refused(DeskRequest::Undo), EditError::NothingToUndo.to_string());
        assert_eq!(desk.changed(DeskRequest::Redo).redo, None);
        assert!(desk.refused(add(9, "x")).contains("no class 9"));
        assert!(desk.refused(DeskRequest::Similarities { strategy: 1, class: 9 }).contains("no class 9"));
    }

    #[test]
    fn a_closed_desk_stops_opening() {
        let session = session_of(&pond(tempfile::tempdir().unwrap().path()), &StorePlace::in_memory());
        let Desk { job, notices } =
            Desk::start(Experiment::demo().unwrap(), &StorePlace::in_memory(), &session);
        drop(job);
        for notice in notices {
            assert!(!matches!(notice, DeskNotice::Ready(_)), "{notice:?}");
        }
    }

    #[test]
    fn a_failure_is_told_with_its_reason() {
        let images = tempfile::tempdir().unwrap();
        let (mut experiment, place) = (pond(images.path()), StorePlace::in_memory());
        let session = session_of(&experiment, &place);
        experiment.checkpoint = CheckpointChoice::Directory("/nowhere".into());
        let desk = Desk::start(experiment, &place, &session);
        let DeskNotice::Failed(message) = desk.next() else { panic!("it did not fail") };
        assert!(message.contains("/nowhere"), "{message}");
        assert!(desk.notices.recv().is_err());
        desk.job.request(DeskRequest::Undo);
    }
}
