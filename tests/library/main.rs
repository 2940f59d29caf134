//! The library from outside: its encoders against the reference implementations, and its store against other processes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs
)]

mod architectures;
mod clip_golden;
mod gguf_models;
mod precision;
mod published_prompts;
mod reference;
#[cfg(unix)]
mod store_processes;
