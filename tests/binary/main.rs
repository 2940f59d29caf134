//! The real binary as its users have it: its subcommands, its screens in a pseudo-terminal, and servers on this machine.
//!
//! One program for all of it, since each test program is linked with everything that the library is made of.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs)]

mod command_line;
mod controls;
mod datasets;
mod doctors;
mod exchange;
mod generate;
mod hostile_names;
mod keeping;
mod loopback;
mod loopback_hub;
mod program;
mod prompt_files;
#[cfg(unix)]
mod pseudo_terminal;
mod pull;
mod report;
#[cfg(unix)]
mod terminal;
#[cfg(unix)]
mod terminal_generation;
#[cfg(unix)]
mod terminal_graphics;
#[cfg(unix)]
mod terminal_pull;
#[cfg(unix)]
mod terminal_two_days;
mod verify;
mod views;
