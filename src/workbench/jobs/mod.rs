//! How long work is done: on a thread that answers requests, on many threads, with progress and a way to stop it, and files that
//! are there whole or not at all.

pub(super) mod atomic_file;
pub(super) mod parallel;
pub(super) mod progress;
pub(super) mod worker;
