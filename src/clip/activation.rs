//! The two activations of CLIP's MLPs.

use candle_core::cpu::erf::erf_f32;
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

impl Activation {
    /// Applies it to every value.
    pub(super) fn apply(self, values: &mut [f32]) {
        match self {
            Self::QuickGelu => values.iter_mut().for_each(|x| *x /= 1.0 + (-1.702 * *x).exp()),
            Self::Gelu => values
                .iter_mut()
                .for_each(|x| *x *= 0.5 * (1.0 + erf_f32(*x * std::f32::consts::FRAC_1_SQRT_2))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Activation;

    fn check(activation: Activation, golden: [f32; 5]) {
        let mut values = [-30.0, -1.0, 0.0, 0.5, 3.0];
        activation.apply(&mut values);
        for (value, golden) in values.into_iter().zip(golden) {
            assert!((value - golden).abs() < 1e-6, "{activation:?}: {value} instead of {golden}");
        }
    }

    #[test]
    fn values_of_the_reference() {
        check(Activation::QuickGelu, [0.0, -0.154_204_23, 0.0, 0.350_388_44, 2.981_928_8]);
        check(Activation::Gelu, [0.0, -0.158_655_26, 0.0, 0.345_731_23, 2.995_949_7]);
    }
}
