//! Whether a difference is more than chance.

pub(super) mod bootstrap;
pub(super) mod comparison;
pub(super) mod control_gain;
pub(super) mod holm;
pub(super) mod mcnemar;
pub(super) mod wilson;
