//! Independent pieces of work on several threads, their results taken on one.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};

use super::progress::Cancel;
use crate::network::retry::POLL_INTERVAL;
use crate::workbench::error::WorkbenchError;

/// Threads to encode and to evaluate with: what `--threads` says, or one for each core.
pub(in crate::workbench) fn threads() -> usize {
    rayon::current_num_threads()
}

/// Does `work` on every item, on `threads` threads, and gives each result with its item's index to `take`, in the order
/// in which they are finished.
///
/// # Errors
/// The first of `take`, or [`WorkbenchError::Cancelled`]; what the threads are at then is finished, the rest is not
/// begun.
pub(in crate::workbench) fn in_parallel<T: Sync, R: Send>(
    threads: usize,
    items: &[T],
    cancel: &Cancel,
    work: impl Fn(&T) -> R + Sync,
    mut take: impl FnMut(usize, R) -> Result<(), WorkbenchError>,
) -> Result<(), WorkbenchError> {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        let (sender, receiver) = bounded(2 * threads);
        for _ in 0..threads.min(items.len()) {
            let (sender, next, work) = (sender.clone(), &next, &work);
            spawn(scope, move || {
                while let Some((at, item)) = next_item(next, items) {
                    if sender.send((at, work(item))).is_err() {
                        return;
                    }
                }
            })?;
        }
        drop(sender);
        each(receiver, cancel, |(at, result)| take(at, result))
    })
}

/// The next item that no thread has taken.
pub(in crate::workbench) fn next_item<'a, T>(next: &AtomicUsize, items: &'a [T]) -> Option<(usize, &'a T)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    items.get(at).map(|item| (at, item))
}

/// Starts a thread of a scope.
pub(in crate::workbench) fn spawn<'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    work: impl FnOnce() + Send + 'scope,
) -> Result<(), WorkbenchError> {
    thread::Builder::new().spawn_scoped(scope, work).map(|_| ()).map_err(WorkbenchError::Threads)
}

/// Takes everything that is sent, until nobody sends any more. The receiver is gone afterwards, which ends those who
/// still do.
pub(in crate::workbench) fn each<T>(
    receiver: Receiver<T>,
    cancel: &Cancel,
    mut take: impl FnMut(T) -> Result<(), WorkbenchError>,
) -> Result<(), WorkbenchError> {
    loop {
        if cancel.is_cancelled() {
            return Err(WorkbenchError::Cancelled);
        }
        match receiver.recv_timeout(POLL_INTERVAL) {
            Ok(item) => take(item)?,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_result_is_taken_once() {
        let items: Vec<usize> = (0..100).collect();
        for threads in [1, 3, 200] {
            let mut results = vec![None; 100];
            let take = |at: usize, square: usize| {
                assert!(results[at].replace(square).is_none());
                Ok(())
            };
            in_parallel(threads, &items, &Cancel::default(), |item| item * item, take).unwrap();
            assert!(results.iter().enumerate().all(|(at, square)| *square == Some(at * at)));
        }
    }

    #[test]
    fn nothing_to_do_is_done() {
        let done = in_parallel(4, &[0; 0], &Cancel::default(), |_| (), |_, ()| Ok(()));
        assert!(done.is_ok());
    }

    #[test]
    fn the_first_error_and_cancelling_stop_it() {
        let items = [0; 1000];
        let mut taken = 0;
        let stop = |_, ()| {
            taken += 1;
            if taken == 3 { Err(WorkbenchError::Cancelled) } else { Ok(()) }
        };
        assert!(in_parallel(2, &items, &Cancel::default(), |_| (), stop).is_err());
        assert_eq!(taken, 3);
        let cancel = Cancel::default();
        cancel.cancel();
        assert!(matches!(
            in_parallel(2, &items, &cancel, |_| (), |_, ()| Ok(())),
            Err(WorkbenchError::Cancelled)
        ));
    }
}
