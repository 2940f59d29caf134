//! The forms of checkpoints: what is read from the files of each.

pub(super) mod architecture;
pub(super) mod form;
pub(super) mod open_clip_config;
pub(super) mod openai_model;
mod timm_towers;
pub(super) mod transformers_config;
