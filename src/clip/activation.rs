//! The two activations of CLIP's MLPs.

use serde::Deserialize;

/// `hidden_act` of `config.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// x · sigmoid(1.702 x), of the OpenAI checkpoints (Hendrycks & Gimpel, arXiv 1606.08415, section 2).
    QuickGelu,
    /// x · Φ(x) with the exact normal distribution function, of the LAION and OpenCLIP checkpoints.
    Gelu,
}
