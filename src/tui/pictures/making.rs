//! The threads that decode, fit and encode pictures. Only the newest wishes count.

use std::collections::{HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::{Picture, PictureKey, fit};
use crate::tui::graphics::Graphics;
use crate::workbench::PictureSource;

/// Decoding waits so long for a selection that moves on.
const QUIET: Duration = Duration::from_millis(40);

/// Wishes further apart are single steps, and answered at once.
const WALKING: Duration = Duration::from_millis(200);

/// A screenful of thumbnails comes quickly, and encoding still gets its cores.
const THREADS: usize = 4;

/// The threads that make pictures, until dropped.
#[derive(Debug)]
pub struct PictureThreads {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    graphics: Graphics,
}

impl PictureThreads {
    /// Starts them; `ready` is called on them with each result.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn start(
        graphics: Graphics,
        ready: impl Fn(PictureKey, Result<Picture, String>) + Send + Clone + 'static,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { queue: Mutex::default(), changed: Condvar::new(), graphics });
        let threads = Self { shared: Arc::clone(&shared) };
        let cores = thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..cores.min(THREADS) {
            let (shared, ready) = (Arc::clone(&shared), ready.clone());
            thread::Builder::new().name("job-pictures".into()).spawn(move || shared.serve(&ready))?;
        }
        Ok(threads)
    }

    /// What is wanted now, the most urgent first: it takes the place of everything that was not begun.
    pub fn want(&self, wanted: Vec<(PictureKey, PictureSource)>) {
        self.shared.lock().want(wanted, Instant::now());
        self.shared.changed.notify_all();
    }
}

impl Drop for PictureThreads {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    /// Nothing that can panic runs while the queue is locked.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, ready: &impl Fn(PictureKey, Result<Picture, String>)) {
        while let Some((key, source)) = self.next() {
            let graphics = Graphics { cell: key.cell, ..self.graphics };
            let make = || {
                let image = source.decode().map_err(|error| error.to_string())?;
                fit(image, key.size, &graphics)
            };
            let picture = catch_unwind(AssertUnwindSafe(make))
                .unwrap_or_else(|_| Err("its file makes the decoder fail".into()));
            ready(key, picture);
            self.lock().begun.remove(&key);
        }
    }

    /// Waits for work; nothing at the end.
    fn next(&self) -> Option<(PictureKey, PictureSource)> {
        let mut queue = self.lock();
        loop {
            queue = match queue.next(Instant::now()) {
                Next::Make(key, source) => return Some((key, source)),
                Next::End => return None,
                Next::Nothing => self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner),
                Next::Wait(time) => {
                    self.changed.wait_timeout(queue, time).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}

/// What is wanted, and what is being made of it.
#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<(PictureKey, PictureSource)>,
    begun: HashSet<PictureKey>,
    /// The last time that something else was wanted.
    changed: Option<Instant>,
    /// Nothing is begun before.
    begin: Option<Instant>,
    ended: bool,
}

/// What a thread does next.
#[derive(Debug)]
enum Next {
    Make(PictureKey, PictureSource),
    Wait(Duration),
    Nothing,
    End,
}

impl Queue {
    fn want(&mut self, wanted: Vec<(PictureKey, PictureSource)>, now: Instant) {
        let is_known = |key: &PictureKey| {
            self.begun.contains(key) || self.waiting.iter().any(|(waiting, _)| waiting == key)
        };
        if wanted.iter().any(|(key, _)| !is_known(key)) {
            let is_walking = self.changed.is_some_and(|last| now.saturating_duration_since(last) < WALKING);
            self.begin = is_walking.then(|| now + QUIET);
            self.changed = Some(now);
        }
        self.waiting = wanted.into();
    }

    fn next(&mut self, now: Instant) -> Next {
        if self.ended {
            return Next::End;
        }
        if let Some(wait) =
            self.begin.and_then(|begin| begin.checked_duration_since(now)).filter(|w| !w.is_zero())
        {
            return if self.waiting.is_empty() { Next::Nothing } else { Next::Wait(wait) };
        }
        while let Some((key, source)) = self.waiting.pop_front() {
            if self.begun.insert(key) {
                return Next::Make(key, source);
            }
        }
        Next::Nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam_channel::unbounded;
    use image::RgbImage;
    use ratatui::layout::Size;

    fn key(image: usize) -> PictureKey {
        PictureKey { image, size: Size::new(4, 2), cell: (1, 2) }
    }

    fn wish(images: &[usize]) -> Vec<(PictureKey, PictureSource)> {
        let source = PictureSource::Pixels(Arc::new(RgbImage::new(4, 4)));
        images.iter().map(|&image| (key(image), source.clone())).collect()
    }

    fn next(queue: &mut Queue, now: Instant) -> Option<usize> {
        match queue.next(now) {
            Next::Make(key, _) => Some(key.image),
            _ => None,
        }
    }

    #[test]
    fn a_single_step_is_answered_at_once() {
        let (mut queue, start) = (Queue::default(), Instant::now());
        queue.want(wish(&[1, 2]), start);
        assert_eq!(next(&mut queue, start), Some(1));
        assert_eq!(next(&mut queue, start), Some(2));
        assert!(matches!(queue.next(start), Next::Nothing));
        let later = start + WALKING;
        queue.want(wish(&[3]), later);
        assert_eq!(next(&mut queue, later), Some(3));
    }

    #[test]
    fn while_walking_only_the_newest_counts() {
        let (mut queue, start) = (Queue::default(), Instant::now());
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        queue.want(wish(&[0]), start);
        assert_eq!(next(&mut queue, start), Some(0));
        for step in 1..10 {
            queue.want(wish(&[step as usize]), at(30 * step));
            assert!(
                matches!(queue.next(at(30 * step + 29)), Next::Wait(wait) if wait == Duration::from_millis(11))
            );
        }
        assert_eq!(next(&mut queue, at(270) + QUIET), Some(9));
        assert!(matches!(queue.next(at(400)), Next::Nothing));
    }

    #[test]
    fn wanting_less_of_the_same_does_not_wait_again() {
        let (mut queue, start) = (Queue::default(), Instant::now());
        queue.want(wish(&[1, 2, 3]), start);
        assert_eq!(next(&mut queue, start), Some(1));
        queue.want(wish(&[1, 3]), start);
        assert_eq!(next(&mut queue, start), Some(3), "1 is being made, 2 is not wanted any more");
        queue.want(Vec::new(), start);
        assert!(matches!(queue.next(start), Next::Nothing));
        queue.ended = true;
        assert!(matches!(queue.next(start), Next::End));
    }

    #[test]
    fn everything_wanted_is_made_and_the_threads_end() {
        let (done, results) = unbounded();
        let ready = move |key: PictureKey, picture: Result<Picture, String>| {
            done.send((key.image, picture.is_ok())).unwrap();
        };
        let threads = PictureThreads::start(Graphics::HALFBLOCKS, ready).unwrap();
        let mut wanted = wish(&[0, 1, 2, 3, 4, 5, 6]);
        wanted.push((key(7), PictureSource::File("nowhere.png".into())));
        threads.want(wanted);
        let mut made: Vec<(usize, bool)> = results.iter().take(8).collect();
        made.sort_unstable();
        assert_eq!(made, (0..8).map(|image| (image, image != 7)).collect::<Vec<_>>());
        drop(threads);
        assert_eq!(results.iter().count(), 0, "their senders are gone");
    }
}
