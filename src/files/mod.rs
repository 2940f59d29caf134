//! Files whatever is in them: new contents that are there whole or not at all, and Python's pickles as data.

pub(crate) mod pickle;
pub mod temporary_file;
