//! Work on a thread of its own, which others ask for things: how it starts, answers, stops, and says that it failed.
//!
//! The work gets the requests, a flag that stops it, and whom to notify. Most work opens something and then calls [`serve`].

use std::any::Any;
use std::io;
use std::mem::{Discriminant, discriminant};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::progress::Cancel;
use crate::workbench::error::WorkbenchError;

/// A thread that takes requests. Dropping it cancels what it is at; requests of before are still handed out.
#[derive(Debug)]
pub(in crate::workbench) struct Worker<R> {
    requests: Sender<R>,
    cancel: Cancel,
}

/// Why work ended before its time.
#[derive(Debug)]
pub(in crate::workbench) enum JobEnd {
    /// Nobody wants its answers any more.
    Cancelled,
    /// The whole message.
    Failed(String),
}

/// Which of the requests that wait are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::workbench) enum Waiting {
    /// Each, in its turn.
    Each,
    /// The newest of each kind: its answer takes the place of those before.
    NewestOfKind,
}

impl From<WorkbenchError> for JobEnd {
    fn from(error: WorkbenchError) -> Self {
        match error {
            WorkbenchError::Cancelled => Self::Cancelled,
            error => Self::Failed(error.to_string()),
        }
    }
}

impl<R: Send + 'static> Worker<R> {
    /// Starts `work` on a thread called `name`. An error or a panic becomes the notice that `failed` makes of it; a
    /// cancellation is nobody's news.
    ///
    /// # Errors
    /// The system has no thread left.
    pub(in crate::workbench) fn start<N: 'static, F: Fn(N) + Send + 'static>(
        name: &str,
        notify: F,
        failed: fn(String) -> N,
        work: impl FnOnce(&Receiver<R>, &Cancel, &F) -> Result<(), JobEnd> + Send + 'static,
    ) -> io::Result<Self> {
        let (sender, requests) = unbounded();
        let cancel = Cancel::default();
        let its_cancel = cancel.clone();
        thread::Builder::new().name(name.to_owned()).spawn(move || {
            match catch_unwind(AssertUnwindSafe(|| work(&requests, &its_cancel, &notify))) {
                Ok(Ok(()) | Err(JobEnd::Cancelled)) => {}
                Ok(Err(JobEnd::Failed(message))) => notify(failed(message)),
                Err(panic) => notify(failed(panic_message(panic.as_ref()))),
            }
        })?;
        Ok(Self { requests: sender, cancel })
    }

    /// Asks for something. A worker that has failed answers no more.
    pub(in crate::workbench) fn request(&self, request: R) {
        // Nobody is there to answer after a failure, of which a notice has told.
        let _unanswered = self.requests.send(request);
    }
}

impl<R> Worker<R> {
    /// Asks the work to stop: within a batch, with everything finished kept.
    pub(in crate::workbench) fn stop(&self) {
        self.cancel.cancel();
    }
}

impl<R> Drop for Worker<R> {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Answers requests until nobody can make one any more.
///
/// # Errors
/// Those of `answer`, of which each ends the work.
pub(in crate::workbench) fn serve<R, N>(
    requests: &Receiver<R>,
    waiting: Waiting,
    notify: &dyn Fn(N),
    mut answer: impl FnMut(R) -> Result<N, JobEnd>,
) -> Result<(), JobEnd> {
    while let Ok(first) = requests.recv() {
        let taken = match waiting {
            Waiting::Each => vec![first],
            Waiting::NewestOfKind => {
                newest_of_each_kind(std::iter::once(first).chain(requests.try_iter()), discriminant)
            }
        };
        for request in taken {
            notify(answer(request)?);
        }
    }
    Ok(())
}

/// The last request of each kind, in the order of those.
fn newest_of_each_kind<R>(requests: impl Iterator<Item = R>, kind: impl Fn(&R) -> Discriminant<R>) -> Vec<R> {
    let mut newest: Vec<R> = Vec::new();
    for request in requests {
        newest.retain(|other| kind(other) != kind(&request));
        newest.push(request);
    }
    newest
}

/// What to say of work that panicked.
pub(in crate::workbench) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    format!("a mistake in this program stopped the job: {message}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A worker that answers with what a function makes of a request; the notices end when it does.
    fn worker<R: Send + 'static>(
        waiting: Waiting,
        answer: impl FnMut(R) -> Result<String, JobEnd> + Send + 'static,
    ) -> (Worker<R>, Receiver<String>) {
        let (sender, notices) = unbounded();
        let notify = move |notice| sender.send(notice).unwrap();
        let failed = |message| format!("failed: {message}");
        let started = Worker::start("job-test", notify, failed, move |requests, _, notify| {
            serve(requests, waiting, notify, answer)
        });
        (started.unwrap(), notices)
    }

    #[test]
    fn a_panic_and_an_error_are_told_and_a_cancellation_is_not() {
        type Answer = fn(u8) -> Result<String, JobEnd>;
        let ends: [(Answer, &[&str]); 3] = [
            (|_| panic!("oh {}", "no"), &["failed: a mistake in this program stopped the job: oh no"]),
            (|_| Err(JobEnd::Failed("no room".to_owned())), &["failed: no room"]),
            (|_| Err(WorkbenchError::Cancelled.into()), &[]),
        ];
        for (answer, told) in ends {
            let (worker, notices) = worker(Waiting::Each, answer);
            worker.request(1);
            assert_eq!(notices.iter().collect::<Vec<_>>(), told);
            // Nobody answers; nobody minds.
            worker.request(2);
        }
    }

    #[test]
    fn dropping_cancels() {
        let (sender, notices) = unbounded();
        let notify = move |()| sender.send(()).unwrap();
        let started = Worker::<u8>::start("job-test", notify, drop, |_, cancel, notify| {
            notify(());
            while !cancel.is_cancelled() {
                thread::sleep(Duration::from_millis(1));
            }
            Err(JobEnd::Cancelled)
        });
        let worker = started.unwrap();
        notices.recv().unwrap();
        drop(worker);
        assert!(notices.recv().is_err());
    }

    #[test]
    fn what_was_asked_before_dropping_is_still_answered() {
        let (worker, notices) = worker(Waiting::Each, |request: u8| Ok(request.to_string()));
        (0..3).for_each(|request| worker.request(request));
        drop(worker);
        assert_eq!(notices.iter().collect::<Vec<_>>(), ["0", "1", "2"]);
    }

    #[test]
    fn while_one_is_answered_only_the_newest_of_each_kind_waits() {
        let (go, gone) = unbounded::<()>();
        let (begun, begins) = unbounded::<()>();
        let (worker, notices) = worker(Waiting::NewestOfKind, move |request: Result<u8, char>| {
            begun.send(()).unwrap();
            gone.recv().unwrap();
            Ok(format!("{request:?}"))
        });
        worker.request(Ok(0));
        begins.recv().unwrap();
        [Ok(1), Err('a'), Ok(2), Err('b'), Ok(3)].into_iter().for_each(|request| worker.request(request));
        (0..3).for_each(|_| go.send(()).unwrap());
        drop(worker);
        assert_eq!(notices.iter().collect::<Vec<_>>(), ["Ok(0)", "Err('b')", "Ok(3)"]);
    }

    #[test]
    fn only_the_newest_of_a_kind_is_answered() {
        let requests = [Ok(1), Err("a"), Ok(2), Ok(3), Err("b"), Ok(4)];
        assert_eq!(newest_of_each_kind(requests.into_iter(), discriminant), [Err("b"), Ok(4)]);
        assert!(newest_of_each_kind(std::iter::empty::<Option<u8>>(), discriminant).is_empty());
    }
}
