//! What an experiment says: its file and flags, the demo, the recent ones, and where its checkpoint comes from.

pub(super) mod definition;
pub mod demo;
mod demo_sheets;
mod experiment_file;
pub(super) mod experiment_text;
pub(super) mod flags;
pub(super) mod generation_settings;
pub(super) mod hub_checkpoint;
pub(super) mod recent;
