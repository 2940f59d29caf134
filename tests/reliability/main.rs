//! Promises about what is kept, tried at every place: the real binary is killed, refused and lied to at each write of a store's
//! life, every file of a store is damaged in every way, and so is what every reader gets from outside. Bounded to some tens of
//! seconds; `experiments/reliability/README.md` has the long campaigns.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs)]

mod corruption;
mod faults;
mod foreign;
mod kept;
// The server of the other tests, of which less is used here.
#[allow(dead_code)]
#[path = "../binary/loopback.rs"]
mod loopback;
mod memory;
mod mutation;
// The terminal of the other tests, likewise.
#[allow(dead_code)]
#[path = "../binary/pseudo_terminal.rs"]
mod pseudo_terminal;
mod readers;
mod side_by_side;
mod stopping;
