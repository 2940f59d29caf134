//! What tables and filters show of a session.

pub(super) mod class_table;
pub(super) mod image_selection;
pub(super) mod prompt_table;
pub(super) mod verdict;
