//! Files whatever is in them: new contents that are there whole or not at all, Python's pickles as data, and readers of others
//! that must not end the program.

pub mod foreign;
pub(crate) mod pickle;
pub mod temporary_file;
