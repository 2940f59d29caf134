//! Prompts that are changed one at a time, what that comes to, and how saved ones came about.

pub(super) mod editor_job;
pub(super) mod edits;
pub(super) mod history;
pub(super) mod prompt_editor;
