//! The activations of the MLPs.

use serde::Deserialize;

/// `hidden_act` of `config.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// x · sigmoid(1.702 x), of the OpenAI checkpoints (Hendrycks & Gimpel, arXiv 1606.08415, section 2).
    QuickGelu,
    /// x · Φ(x) with the exact normal distribution function, of the LAION and OpenCLIP checkpoints.
    Gelu,
    /// The same with tanh in place of the normal distribution function (likewise there), of the SigLIP checkpoints.
    #[serde(rename = "gelu_pytorch_tanh", alias = "gelu_new")]
    GeluTanh,
}
