//! Files of tensors, where a model's tensors lie in them, and which it must have.

pub(super) mod layout;
pub(super) mod naming;
pub(super) mod safetensors_file;
pub(super) mod stored_tensor;
mod strangers;
pub(super) mod tensors;
pub(super) mod torch_file;
mod wrapper;
