//! A picture becomes what the image tower sees.

pub(super) mod resize;
pub(super) mod transform;
