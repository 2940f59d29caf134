//! The layers, and the towers that are made of them.

pub(super) mod attention_pooling;
pub(super) mod convnext;
pub(super) mod convolution;
mod head;
pub(super) mod layers;
pub(super) mod ops;
pub(super) mod prompt_tree;
pub(super) mod resnet;
pub(super) mod text;
pub(super) mod transformer;
pub(super) mod vision;
pub(super) mod vision_transformer;
