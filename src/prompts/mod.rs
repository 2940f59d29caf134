//! Prompt sets and strategies: their file formats, and which prompts a class gets.
//!
//! | file | what it knows |
//! |---|---|
//! | `template.rs` | a sentence with a place for the class name |
//! | `placeholder.rs` | what stands in a text for something else, in any spelling |
//! | `prompt_set.rs` | a named list of templates, or of prompts per class (CuPL) |
//! | `prompt_file.rs` | the files of prompt sets, in the forms that are met with, and what is refused |
//! | `list_syntax.rs` | templates in lists of Python, or with the marks of a list around them |
//! | `descriptors.rs` | descriptors without class names (DCLIP): how they are told from prompts, and become ones |
//! | `matching.rs` | which key of a prompt set a class name means |
//! | `lint/` | what is wrong with prompts by their text alone |
//! | `generation/` | what a language model is asked about classes, and what becomes of its answers |
//! | `strategy.rs` | prompt sets together with an aggregation |
//! | `controls.rs` | prompts that a strategy must beat |
//! | `class_mention.rs` | where a sentence names its class |
//!
//! What a model makes of a prompt is not known here.

mod class_mention;
mod controls;
mod descriptors;
mod error;
pub mod generation;
pub mod lint;
mod list_syntax;
mod matching;
mod placeholder;
mod prompt_file;
mod prompt_set;
mod strategy;
mod template;

pub use crate::text::name_folding::fold;
pub use controls::{CONTROLS_VERSION, ControlKind, control_prompts};
pub use descriptors::{DESCRIPTOR_TEMPLATE, DescriptorTemplate};
pub use error::{ClassMismatch, MissingClass, PromptError};
pub use matching::{Classes, nearest};
pub use prompt_set::{LooseMatch, PromptSet, PromptSetContent, ResolvedPrompts};
pub use strategy::{Aggregation, Strategy};
pub use template::{PLAIN, Template, TemplateError};
