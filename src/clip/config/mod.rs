//! What a model is like, whichever files say so.

pub(super) mod activation;
pub(super) mod clip_config;
pub(super) mod json_section;
pub(super) mod keys;
