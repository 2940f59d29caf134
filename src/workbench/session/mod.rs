//! An opened experiment and what comes out of it: every strategy evaluated on the same images.

pub(super) mod checking;
pub(super) mod controls;
pub(super) mod evaluation;
pub(super) mod evaluation_cache;
pub(super) mod first_figures;
pub(super) mod opening;
pub(super) mod reopening;
pub(super) mod session_job;
pub(super) mod shared_embeddings;
#[cfg(test)]
pub mod test_session;
pub(super) mod wanted_image;
