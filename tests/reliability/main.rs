//! Promises about what is kept, tried at every place: the real binary is killed, refused and lied to at each write of a store's
//! life, and every file of a store is damaged in every way. Bounded to some tens of seconds; the long campaign with the same checks
//! is `experiments/reliability/campaign.py`.
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
mod readers;
mod side_by_side;
