//! What looks wrong with labels, prompts and files, and cleaning it.

pub(super) mod cleaning;
pub(super) mod dataset_inspection;
pub(super) mod finding;
pub(super) mod labels;
pub(super) mod prompts;
