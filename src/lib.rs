//! The library behind the `cupl-tui` program; ARCHITECTURE.md has the table of modules.
//! Modules only use those declared below them.

pub mod cli;
pub mod tui;

pub mod workbench;

pub mod evaluation;

pub mod clip;

pub mod language_model;

pub mod hub;

pub mod kernels;

pub mod dataset;
pub mod prompts;

pub mod store;

pub mod http;
pub mod message;
mod name_folding;
mod pickle;
pub mod retry;
pub mod temporary_file;
pub mod terminal_text;
pub mod text_file;
