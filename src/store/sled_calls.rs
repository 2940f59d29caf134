//! Calls of sled's: a panic becomes an error, and a flush that nobody answers is tried again. sled 0.34 wakes nobody when a write
//! that it does behind one's back fails at the wrong moment, so whoever waits for that write waits for ever; another flush gets an
//! answer then.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::files::foreign;

/// How long a flush is waited for until another one is tried.
const LONG: Duration = Duration::from_secs(1);

/// Flushes that are tried. Slow disks take some seconds for one.
const ATTEMPTS: usize = 60;

/// Runs an operation of sled. sled 0.34 panics on some damaged files; that becomes an error here.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, sled::Error>) -> Result<T, sled::Error> {
    foreign::quietly(|| catch_unwind(AssertUnwindSafe(work))).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(sled::Error::ReportableBug(said.unwrap_or("sled panicked").to_owned()))
    })
}

/// Brings everything to the disk that was written so far.
///
/// # Errors
/// What prevents writing, or that a minute was not enough.
pub(super) fn flush(tree: &sled::Tree) -> Result<(), sled::Error> {
    first_answer(LONG, || {
        let tree = tree.clone();
        move || guarded(|| tree.flush().map(|_| ()))
    })
}

/// What the first of several attempts comes to, each on a thread of its own, which is left alone where it never ends.
fn first_answer<A>(patience: Duration, attempt: impl Fn() -> A) -> Result<(), sled::Error>
where
    A: FnOnce() -> Result<(), sled::Error> + Send + 'static,
{
    let (sender, answers) = mpsc::channel();
    for _ in 0..ATTEMPTS {
        let (attempt, sender) = (attempt(), sender.clone());
        let attempt = move || {
            // Nobody listens any more where another one was first.
            let _unheard = sender.send(attempt());
        };
        thread::Builder::new().name("store-flush".into()).spawn(attempt).map_err(sled::Error::Io)?;
        if let Ok(answer) = answers.recv_timeout(patience) {
            return answer;
        }
    }
    Err(sled::Error::Io(io::Error::new(io::ErrorKind::TimedOut, "the disk does not answer")))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn where_one_attempt_waits_for_ever_another_one_answers() {
        let begun = AtomicUsize::new(0);
        let attempt = || {
            let number = begun.fetch_add(1, Ordering::Relaxed);
            move || match number {
                0 | 1 => loop {
                    thread::park();
                },
                _ => Err(sled::Error::Unsupported("told".into())),
            }
        };
        let told = first_answer(Duration::from_millis(20), attempt).unwrap_err();
        assert!(matches!(told, sled::Error::Unsupported(_)), "{told}");
        assert!(begun.load(Ordering::Relaxed) >= 3);
        let silent = first_answer(Duration::from_millis(1), || {
            || loop {
                thread::park();
            }
        });
        assert!(matches!(silent, Err(sled::Error::Io(e)) if e.kind() == io::ErrorKind::TimedOut));
    }
}
