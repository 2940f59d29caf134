//! The embeddings behind a session that is on the screen, for everybody who asks about it: read when the first one asks, and
//! everybody's as long as somebody holds them. Their memory is given back then.
//!
//! One reads at a time. Who waits for another hears how far that is, and can stop waiting; if the reader is stopped, one of those
//! who wait goes on where it was. The store is open while somebody reads, and at no other time.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};

use super::evaluation::{Session, SessionEmbeddings};
use super::opening::{Workbench, open_checkpoint};
use crate::clip::Checkpoint;
use crate::network::retry::POLL_INTERVAL;
use crate::store::{OpenedStore, StorePlace};
use crate::workbench::embedding::prompt_encoder::PromptEncoder;
use crate::workbench::error::WorkbenchError;
use crate::workbench::experiment::definition::Experiment;
use crate::workbench::jobs::progress::{Cancel, Progress};

/// What is said while embeddings are read.
#[derive(Debug, Clone, PartialEq)]
pub enum ReadingNotice {
    /// How far it is.
    Progress(Progress),
    /// What the user should know about the store.
    Note(String),
}

/// Where a session's embeddings come from: every clone gives the same ones.
#[derive(Clone)]
pub struct SharedEmbeddings(Arc<Source>);

struct Source {
    experiment: Experiment,
    place: StorePlace,
    session: Arc<Session>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    known: Weak<SessionEmbeddings>,
    /// That of the experiment, once it was opened.
    checkpoint: Option<Checkpoint>,
    is_read: bool,
    /// Of who reads.
    progress: Option<Progress>,
    waiting: usize,
    /// Keeps what was read until the last one who waits for it has it.
    awaited: Option<Arc<SessionEmbeddings>>,
}

/// It is somebody's turn to read.
struct Turn<'a>(&'a Source);

/// Somebody waits.
struct Waiter<'a>(&'a Source);

impl SharedEmbeddings {
    /// Those of `session`, which was made of this experiment. Nothing is read yet.
    pub fn new(experiment: Experiment, place: StorePlace, session: Arc<Session>) -> Self {
        let (state, changed) = (Mutex::default(), Condvar::new());
        Self(Arc::new(Source { experiment, place, session, state, changed }))
    }

    /// What the session was made of.
    pub fn experiment(&self) -> &Experiment {
        &self.0.experiment
    }

    /// Where its store is.
    pub fn place(&self) -> &StorePlace {
        &self.0.place
    }

    /// Whose embeddings these are.
    pub fn session(&self) -> &Arc<Session> {
        &self.0.session
    }

    /// The embeddings; what the store does not hold yet is embedded.
    ///
    /// # Errors
    /// [`WorkbenchError::Cancelled`] soon after the request, which stops nobody else; otherwise, for who reads, those of
    /// opening the store and the experiment and of [`Workbench::embeddings_of`].
    pub fn get(
        &self,
        cancel: &Cancel,
        notify: &dyn Fn(ReadingNotice),
    ) -> Result<Arc<SessionEmbeddings>, WorkbenchError> {
        match self.0.known_or_turn(cancel, notify)? {
            Ok(known) => Ok(known),
            Err(turn) => turn.read(cancel, notify),
        }
    }

    /// What encodes prompts with the experiment's checkpoint, one at a time.
    ///
    /// # Errors
    /// A checkpoint that cannot be opened.
    pub(in crate::workbench) fn prompt_encoder(&self) -> Result<PromptEncoder, WorkbenchError> {
        let Source { experiment, session, .. } = &*self.0;
        let opened = self.0.state().checkpoint.clone();
        let checkpoint = match opened {
            Some(checkpoint) => checkpoint,
            None => open_checkpoint(&experiment.checkpoint)?,
        };
        Ok(PromptEncoder::new(checkpoint, experiment.precision, session.checkpoint_fingerprint))
    }
}

impl Source {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known, or the turn to read it; waits while another reads.
    fn known_or_turn(
        &self,
        cancel: &Cancel,
        notify: &dyn Fn(ReadingNotice),
    ) -> Result<Result<Arc<SessionEmbeddings>, Turn<'_>>, WorkbenchError> {
        let _waiter = Waiter::new(self);
        let mut told = None;
        let mut state = self.state();
        loop {
            if let Some(known) = state.known.upgrade() {
                return Ok(Ok(known));
            }
            if cancel.is_cancelled() {
                return Err(WorkbenchError::Cancelled);
            }
            if !state.is_read {
                state.is_read = true;
                return Ok(Err(Turn(self)));
            }
            match state.progress.filter(|_| state.progress != told) {
                Some(progress) => {
                    told = Some(progress);
                    drop(state);
                    notify(ReadingNotice::Progress(progress));
                    state = self.state();
                }
                None => {
                    let woken = self.changed.wait_timeout(state, POLL_INTERVAL);
                    state = woken.unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }
}

impl Turn<'_> {
    /// Opens the experiment and reads.
    fn read(
        self,
        cancel: &Cancel,
        notify: &dyn Fn(ReadingNotice),
    ) -> Result<Arc<SessionEmbeddings>, WorkbenchError> {
        let Source { experiment, place, session, changed, .. } = self.0;
        let OpenedStore { store, notices } = place.open()?;
        notices.into_iter().for_each(|note| notify(ReadingNotice::Note(note)));
        let workbench = Workbench::open(experiment.clone(), store)?;
        let progress = |progress| {
            self.0.state().progress = Some(progress);
            changed.notify_all();
            notify(ReadingNotice::Progress(progress));
        };
        let read = Arc::new(workbench.embeddings_of(session, cancel, &progress)?);
        let mut state = self.0.state();
        state.known = Arc::downgrade(&read);
        state.checkpoint = Some(workbench.checkpoint);
        state.awaited = (state.waiting > 0).then(|| Arc::clone(&read));
        drop(state);
        Ok(read)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        (state.is_read, state.progress) = (false, None);
        drop(state);
        self.0.changed.notify_all();
    }
}

impl<'a> Waiter<'a> {
    fn new(source: &'a Source) -> Self {
        source.state().waiting += 1;
        Self(source)
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.waiting -= 1;
        if state.waiting == 0 {
            state.awaited = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

    use super::*;
    use crate::workbench::editing::prompt_editor::tests::{pond, session_of};

    fn quiet(_: ReadingNotice) {}

    fn shared(folder: &std::path::Path) -> SharedEmbeddings {
        let (experiment, place) = (pond(folder), StorePlace::in_memory());
        let session = session_of(&experiment, &place);
        SharedEmbeddings::new(experiment, place, session)
    }

    type Read = Result<Arc<SessionEmbeddings>, WorkbenchError>;

    /// Somebody who reads, and stands still at the first notice until it is let go.
    struct StandingReader {
        cancel: Cancel,
        go: Sender<()>,
        thread: thread::JoinHandle<Read>,
    }

    impl StandingReader {
        fn start(shared: &SharedEmbeddings) -> Self {
            let ((go, gone), (stand, stands)) = (unbounded::<()>(), bounded::<()>(1));
            let (cancel, shared) = (Cancel::default(), shared.clone());
            let its_cancel = cancel.clone();
            let thread = thread::spawn(move || {
                let stand_still = |_| {
                    let _told = stand.try_send(());
                    // Whoever has let it go once is gone.
                    let _gone = gone.recv();
                };
                shared.get(&its_cancel, &stand_still)
            });
            stands.recv().unwrap();
            Self { cancel, go, thread }
        }

        fn finish(self) -> Read {
            drop(self.go);
            self.thread.join().unwrap()
        }
    }

    /// Somebody who waits for another's reading, and has heard how far that is.
    fn waiter(shared: &SharedEmbeddings) -> (Cancel, thread::JoinHandle<Read>) {
        let (heard, hears): (Sender<()>, Receiver<()>) = unbounded();
        let (cancel, shared) = (Cancel::default(), shared.clone());
        let its_cancel = cancel.clone();
        let thread = thread::spawn(move || {
            shared.get(&its_cancel, &|notice| {
                assert!(matches!(notice, ReadingNotice::Progress(_)), "{notice:?}");
                let _told = heard.send(());
            })
        });
        hears.recv().unwrap();
        (cancel, thread)
    }

    #[test]
    fn two_users_have_the_same_and_the_memory_is_given_back() {
        let images = tempfile::tempdir().unwrap();
        let shared = shared(images.path());
        let one = shared.get(&Cancel::default(), &quiet).unwrap();
        let other =
            shared.clone().get(&Cancel::default(), &|notice| panic!("read again: {notice:?}")).unwrap();
        assert!(Arc::ptr_eq(&one, &other));
        assert_eq!(one.labels, [0, 0, 1, 1]);
        drop((one, other));
        assert!(shared.0.state().known.upgrade().is_none());
        shared.get(&Cancel::default(), &quiet).unwrap();
    }

    #[test]
    fn who_waits_gets_what_another_reads() {
        let images = tempfile::tempdir().unwrap();
        let shared = shared(images.path());
        let reader = StandingReader::start(&shared);
        let (_cancel, waiter) = waiter(&shared);
        let read = reader.finish().unwrap();
        let waited = waiter.join().unwrap().unwrap();
        assert!(Arc::ptr_eq(&read, &waited));
        assert!(shared.0.state().awaited.is_none());
        assert_eq!(Arc::strong_count(&read), 2);
    }

    #[test]
    fn who_stops_waiting_stops_nobody_else() {
        let images = tempfile::tempdir().unwrap();
        let shared = shared(images.path());
        let reader = StandingReader::start(&shared);
        let (cancel, waiter) = waiter(&shared);
        cancel.cancel();
        assert!(matches!(waiter.join().unwrap(), Err(WorkbenchError::Cancelled)));
        assert!(Arc::try_unwrap(reader.finish().unwrap()).is_ok(), "held for nobody");
    }

    #[test]
    fn who_waits_reads_when_the_reader_was_stopped() {
        let images = tempfile::tempdir().unwrap();
        let (experiment, place) = (pond(images.path()), StorePlace::in_memory());
        let session = session_of(&experiment, &place);
        // Nothing is in this store, so that there is work to stop.
        let shared = SharedEmbeddings::new(experiment, StorePlace::in_memory(), session);
        let reader = StandingReader::start(&shared);
        let its_shared = shared.clone();
        let waiter = thread::spawn(move || its_shared.get(&Cancel::default(), &quiet));
        reader.cancel.cancel();
        assert!(matches!(reader.finish(), Err(WorkbenchError::Cancelled)));
        assert_eq!(waiter.join().unwrap().unwrap().labels.len(), 4);
    }

    #[test]
    fn changed_files_are_refused_until_they_are_as_before() {
        let images = tempfile::tempdir().unwrap();
        let shared = shared(images.path());
        let path = images.path().join("a-frog/2.png");
        let before = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        match shared.get(&Cancel::default(), &quiet) {
            Err(WorkbenchError::Outdated { what }) => assert_eq!(what, "the images"),
            other => panic!("{other:?}"),
        }
        std::fs::write(&path, before).unwrap();
        assert_eq!(shared.get(&Cancel::default(), &quiet).unwrap().labels.len(), 4);
    }

    #[test]
    fn nothing_is_read_for_whom_it_is_stopped_already() {
        let images = tempfile::tempdir().unwrap();
        let (shared, cancel) = (shared(images.path()), Cancel::default());
        cancel.cancel();
        assert!(matches!(shared.get(&cancel, &quiet), Err(WorkbenchError::Cancelled)));
    }
}
