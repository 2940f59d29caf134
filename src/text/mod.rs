//! Words: messages, names that mean the same, text files, and what may not reach a terminal.

pub mod message;
pub(crate) mod name_folding;
pub mod terminal_text;
pub mod text_file;
