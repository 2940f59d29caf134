//! Zero-shot image classifiers made of prompts, on the CPU: what the `cupl-tui` program is made of.
//!
//! CLIP compares an image with sentences about each class. Where the sentences come from is a strategy: hand-written
//! templates, or descriptions that a language model wrote (CuPL). This library embeds images and prompts once, keeps the
//! embeddings, and answers from them which strategy is better, for which classes, on which images, and why.
//!
//! The nouns, from the bottom up:
//!
//! - a [`store::Store`] keeps embeddings, prompt sets and runs;
//! - a [`dataset::Dataset`] has images and classes, a [`prompts::PromptSet`] the prompts of each class;
//! - a [`clip::Checkpoint`] is a model on the disk, of which the towers are made;
//! - a [`workbench::Embedder`] makes embeddings of pictures and prompts with it, those of the store first;
//! - an [`evaluation::Classifier`] is made of the prompts' embeddings, and gives an [`evaluation::Evaluation`] on labelled images;
//! - a [`workbench::Experiment`] names a dataset, a checkpoint and strategies; opened it is a [`workbench::Workbench`], and
//!   evaluated a [`workbench::Session`].
//!
//! `examples/embed_folder.rs` embeds the pictures of a folder, `examples/zero_shot.rs` classifies pictures with CuPL prompts.
//! An experiment as a whole:
//!
//! ```no_run
//! use cupl_tui::store::Store;
//! use cupl_tui::workbench::{Cancel, Experiment, SessionOptions, Workbench};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let workbench = Workbench::open(Experiment::demo()?, Store::in_memory())?;
//! let session = workbench.evaluate(SessionOptions::default(), &Cancel::default(), &|progress| eprintln!("{progress}"))?;
//! for strategy in &session.strategies {
//!     println!("{}: {:.1} %", strategy.name, 100.0 * strategy.evaluation.top1());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! ARCHITECTURE.md has the table of modules, which only use those declared below them.

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

pub mod files;
pub mod network;
pub mod text;
