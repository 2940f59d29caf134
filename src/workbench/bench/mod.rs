//! How fast this machine is, and which checkpoints it has.

pub(super) mod benchmark;
pub(super) mod checkpoint_list;
pub(super) mod machine;
