//! What happens to one row between two products: layer norm, softmax, the activations, and the exponential they need.
//!
//! Plain loops that the compiler turns into vector instructions; sums run in sixteen lanes, so that they are the same
//! on every processor that multiplies and adds in one instruction.

use pulp::{Simd, WithSimd};

use super::Cpu;

/// Lanes of a sum.
const LANES: usize = 16;

/// Layer norm of one row: (x − mean) / √(variance + eps) · weight + bias (Ba et al., arXiv 1607.06450).
///
/// All slices are `[width]`.
pub fn layer_norm(cpu: Cpu, x: &[f32], weight: &[f32], bias: &[f32], eps: f32, out: &mut [f32]) {
    struct LayerNorm<'a> {
        x: &'a [f32],
        weight: &'a [f32],
        bias: &'a [f32],
        eps: f32,
        out: &'a mut [f32],
    }

    impl WithSimd for LayerNorm<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) {
            let Self { x, weight, bias, eps, out } = self;
            let count = x.len() as f32;
            let mean = sum::<S>(x, Itself) / count;
            let variance = sum::<S>(x, SquaredFrom(mean)) / count;
            let factor = 1.0 / (variance + eps).sqrt();
            for (((out, x), weight), bias) in out.iter_mut().zip(x).zip(weight).zip(bias) {
                *out = (x - mean) * factor * weight + bias;
            }
        }
    }

    cpu.arch.dispatch(LayerNorm { x, weight, bias, eps, out });
}

/// Σ exp((x − largest) · scale) over all values: what divides a softmax of scaled values.
pub fn exp_sum(cpu: Cpu, values: &[f32], largest: f32, scale: f32) -> f32 {
    struct ExpSum<'a> {
        values: &'a [f32],
        largest: f32,
        scale: f32,
    }

    impl WithSimd for ExpSum<'_> {
        type Output = f32;

        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> f32 {
            sum::<S>(self.values, Power { largest: self.largest, scale: self.scale })
        }
    }

    struct Power {
        largest: f32,
        scale: f32,
    }

    impl Function for Power {
        #[inline(always)]
        fn of<S: Simd>(&self, x: f32) -> f32 {
            exp::<S>((x - self.largest) * self.scale)
        }
    }

    cpu.arch.dispatch(ExpSum { values, largest, scale })
}

/// x · sigmoid(1.702 x) of every value (Hendrycks & Gimpel, arXiv 1606.08415, section 2).
pub fn quick_gelu(cpu: Cpu, values: &mut [f32]) {
    struct QuickGelu;

    impl Function for QuickGelu {
        #[inline(always)]
        fn of<S: Simd>(&self, x: f32) -> f32 {
            x * sigmoid::<S>(1.702 * x)
        }
    }

    cpu.arch.dispatch(Each(values, QuickGelu));
}

/// x · sigmoid(x) of every value (likewise, section 2; SiLU).
pub fn silu(cpu: Cpu, values: &mut [f32]) {
    struct Silu;

    impl Function for Silu {
        #[inline(always)]
        fn of<S: Simd>(&self, x: f32) -> f32 {
            x * sigmoid::<S>(x)
        }
    }

    cpu.arch.dispatch(Each(values, Silu));
}

/// x · Φ(x) of every value, with the normal distribution function Φ.
pub fn gelu(cpu: Cpu, values: &mut [f32]) {
    struct Gelu;

    impl Function for Gelu {
        #[inline(always)]
        fn of<S: Simd>(&self, x: f32) -> f32 {
            x * normal_distribution::<S>(x)
        }
    }

    cpu.arch.dispatch(Each(values, Gelu));
}

/// x / 2 · (1 + tanh(√(2/π) (x + 0.044715 x³))) of every value (Hendrycks & Gimpel, arXiv 1606.08415, section 2).
pub fn gelu_tanh(cpu: Cpu, values: &mut [f32]) {
    struct GeluTanh;

    impl Function for GeluTanh {
        #[inline(always)]
        fn of<S: Simd>(&self, x: f32) -> f32 {
            /// 2 √(2/π): (1 + tanh y) / 2 is sigmoid(2 y).
            const FACTOR: f32 = 1.595_769_2;
            x * sigmoid::<S>(FACTOR * x * fused::<S>(0.044_715 * x, x, 1.0))
        }
    }

    cpu.arch.dispatch(Each(values, GeluTanh));
}

/// A function of one value, always inlined.
trait Function {
    fn of<S: Simd>(&self, x: f32) -> f32;
}

/// x
struct Itself;

impl Function for Itself {
    #[inline(always)]
    fn of<S: Simd>(&self, x: f32) -> f32 {
        x
    }
}

/// The squared distance from a value.
struct SquaredFrom(f32);

impl Function for SquaredFrom {
    #[inline(always)]
    fn of<S: Simd>(&self, x: f32) -> f32 {
        (x - self.0) * (x - self.0)
    }
}

/// A function of every value, in place.
struct Each<'a, F: Function>(&'a mut [f32], F);

impl<F: Function> WithSimd for Each<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for x in self.0 {
            *x = self.1.of::<S>(*x);
        }
    }
}

/// 1 / (1 + e⁻ˣ); below −80, where it is 10⁻³⁵, it stays there.
#[inline(always)]
fn sigmoid<S: Simd>(x: f32) -> f32 {
    let limited = if x > -80.0 { x } else { -80.0 };
    reciprocal::<S>(1.0 + exp::<S>(-limited))
}

/// a · b + c: in one instruction wherever `S` has vectors, since all those processors have it.
#[inline(always)]
fn fused<S: Simd>(a: f32, b: f32, c: f32) -> f32 {
    if S::IS_SCALAR { a * b + c } else { a.mul_add(b, c) }
}

/// 1 / `x` for `x` from 1 to 2¹²⁵, to about a unit in the last place: three steps of Newton's method, each of which
/// squares the error, from a guess that is at most an eighth off. A division takes longer than all of it.
#[inline(always)]
fn reciprocal<S: Simd>(x: f32) -> f32 {
    /// Twice the bits of 1.0, less what makes the guess's error equal on both sides.
    const GUESS: u32 = 0x7ef3_11c7;
    let mut found = f32::from_bits(GUESS.wrapping_sub(x.to_bits()));
    for _ in 0..3 {
        found = fused::<S>(found, fused::<S>(-x, found, 1.0), found);
    }
    found
}

/// Softmax of `scale` times the first `seen` values of a row of whole vectors; the others become 0.
#[inline(always)]
pub(super) fn softmax_lanes<S: Simd>(simd: S, row: &mut [f32], seen: usize, scale: f32) {
    row[seen..].fill(f32::NEG_INFINITY);
    let vectors = S::as_mut_simd_f32s(row).0;
    let mut largest = simd.splat_f32s(f32::NEG_INFINITY);
    for &vector in vectors.iter() {
        largest = simd.max_f32s(largest, vector);
    }
    let largest = simd.reduce_max_f32s(largest);
    for value in row.iter_mut() {
        *value = exp::<S>((*value - largest) * scale);
    }
    let factor = 1.0 / sum::<S>(row, Itself);
    for value in row.iter_mut() {
        *value *= factor;
    }
}

/// The sum of all lanes: halves them until one is left.
#[inline(always)]
fn reduce(lanes: [f32; LANES]) -> f32 {
    let mut eight = [0.0; 8];
    let mut four = [0.0; 4];
    for at in 0..8 {
        eight[at] = lanes[at] + lanes[at + 8];
    }
    for at in 0..4 {
        four[at] = eight[at] + eight[at + 4];
    }
    (four[0] + four[2]) + (four[1] + four[3])
}

/// The sum of `term` over all values.
#[inline(always)]
fn sum<S: Simd>(values: &[f32], term: impl Function) -> f32 {
    let (whole, rest) = values.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for values in whole {
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum += term.of::<S>(*value);
        }
    }
    let mut last = 0.0;
    for value in rest {
        last += term.of::<S>(*value);
    }
    reduce(sums) + last
}

/// eˣ to about 2 units in the last place; 0 below −87 and its largest value from 88 on.
///
/// eˣ = 2ⁿ · eʳ with n = round(x / ln 2) and |r| ≤ ln 2 / 2, eʳ by its Taylor polynomial of degree 7; ln 2 is taken in
/// two parts so that r is exact (Cody & Waite, Software Manual for the Elementary Functions, 1980, chapter 6).
#[inline(always)]
fn exp<S: Simd>(x: f32) -> f32 {
    /// 1.5 · 2²³: added to a small float, it leaves the nearest integer in the last bits.
    const ROUND: f32 = 12_582_912.0;
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let limited = if x < 88.0 { x } else { 88.0 };
    let shifted = fused::<S>(limited, std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = fused::<S>(-n, LN_2_LOW, fused::<S>(-n, LN_2_HIGH, limited));
    let mut series = 1.0 / 5040.0;
    for coefficient in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        series = fused::<S>(series, r, coefficient);
    }
    let power = f32::from_bits(series.to_bits().wrapping_add(shifted.to_bits() << 23));
    let power = if x > -87.0 { power } else { 0.0 };
    if x.is_nan() { x } else { power }
}

/// Φ(x), by formula 7.1.26 of Abramowitz & Stegun, Handbook of Mathematical Functions, for the error function; the
/// error is at most 0.8e-7.
#[inline(always)]
fn normal_distribution<S: Simd>(x: f32) -> f32 {
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = reciprocal::<S>(fused::<S>(0.327_591_1, z, 1.0));
    let mut series = 1.061_405_4;
    for coefficient in [-1.453_152_1, 1.421_413_8, -0.284_496_72, 0.254_829_6] {
        series = fused::<S>(series, t, coefficient);
    }
    // Half of 1 − erf(z): the part of the distribution beyond |x|.
    let tail = 0.5 * series * t * exp::<S>(-z * z);
    if x < 0.0 { tail } else { 1.0 - tail }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 2/√π times the integral of e^(−t²) from 0 to `z`, by Simpson's rule.
    fn error_function(z: f64) -> f64 {
        const STEPS: usize = 2000;
        let step = z.clamp(-7.0, 7.0) / STEPS as f64;
        let weight = |at: usize| match at {
            0 | STEPS => 1.0,
            at if at % 2 == 1 => 4.0,
            _ => 2.0,
        };
        let sum: f64 = (0..=STEPS).map(|at| weight(at) * (-(at as f64 * step).powi(2)).exp()).sum();
        2.0 / std::f64::consts::PI.sqrt() * sum * step / 3.0
    }

    /// Softmax of one row of any length, in place.
    fn softmax(cpu: Cpu, row: &mut [f32]) {
        struct Softmax<'a>(&'a mut [f32]);

        impl WithSimd for Softmax<'_> {
            type Output = ();

            #[inline(always)]
            fn with_simd<S: Simd>(self, simd: S) {
                let seen = self.0.len();
                let mut padded = vec![0.0; seen.next_multiple_of(LANES)];
                padded[..seen].copy_from_slice(self.0);
                softmax_lanes(simd, &mut padded, seen, 1.0);
                self.0.copy_from_slice(&padded[..seen]);
            }
        }

        cpu.arch.dispatch(Softmax(row));
    }

    fn check(found: &[f32], expected: impl Iterator<Item = f64>, tolerance: f64) {
        for (found, expected) in found.iter().zip(expected) {
            let allowed = tolerance * expected.abs().max(1.0);
            assert!((f64::from(*found) - expected).abs() <= allowed, "{found} instead of {expected}");
        }
    }

    proptest! {
        #[test]
        fn layer_norm_is_the_plain_version(
            row in proptest::collection::vec((-9.0f32..9.0, -2.0f32..2.0, -1.0f32..1.0), 1..70),
        ) {
            let (x, (weight, bias)): (Vec<f32>, (Vec<f32>, Vec<f32>)) =
                row.iter().map(|(x, weight, bias)| (*x, (*weight, *bias))).unzip();
            let mean = x.iter().map(|x| f64::from(*x)).sum::<f64>() / x.len() as f64;
            let variance = x.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / x.len() as f64;
            for cpu in Cpu::all() {
                let mut out = vec![f32::NAN; x.len()];
                layer_norm(cpu, &x, &weight, &bias, 1e-2, &mut out);
                check(&out, row.iter().map(|(x, weight, bias)| {
                    (f64::from(*x) - mean) / (variance + 1e-2).sqrt() * f64::from(*weight) + f64::from(*bias)
                }), 1e-5);
            }
        }

        #[test]
        fn softmax_is_the_plain_version(row in proptest::collection::vec(-60.0f32..60.0, 1..70)) {
            let largest = row.iter().copied().fold(f32::MIN, f32::max);
            let powers: Vec<f64> = row.iter().map(|x| f64::from(x - largest).exp()).collect();
            let sum: f64 = powers.iter().sum();
            for cpu in Cpu::all() {
                let mut out = row.clone();
                softmax(cpu, &mut out);
                check(&out, powers.iter().map(|power| power / sum), 1e-6);
            }
        }

        #[test]
        fn exp_sum_is_the_plain_version(
            row in proptest::collection::vec(-1.0f32..1.0, 1..70), scale in 0.0f32..100.0,
        ) {
            let largest = row.iter().copied().fold(f32::MIN, f32::max);
            let expected: f64 = row.iter().map(|x| (f64::from(x - largest) * f64::from(scale)).exp()).sum();
            for cpu in Cpu::all() {
                check(&[exp_sum(cpu, &row, largest, scale)], std::iter::once(expected), 1e-6);
            }
        }

        #[test]
        fn activations_are_the_plain_versions(row in proptest::collection::vec(-90.0f32..90.0, 1..70)) {
            for cpu in Cpu::all() {
                let mut out = row.clone();
                quick_gelu(cpu, &mut out);
                check(&out, row.iter().map(|x| f64::from(*x) / (1.0 + (-1.702 * f64::from(*x)).exp())), 1e-6);
                let mut out = row.clone();
                silu(cpu, &mut out);
                check(&out, row.iter().map(|x| f64::from(*x) / (1.0 + (-f64::from(*x)).exp())), 1e-6);
                let mut out = row.clone();
                gelu(cpu, &mut out);
                let exact = |x: &f32| error_function(f64::from(*x) / 2.0_f64.sqrt());
                check(&out, row.iter().map(|x| f64::from(*x) * 0.5 * (1.0 + exact(x))), 3e-7);
                let mut out = row.clone();
                gelu_tanh(cpu, &mut out);
                let inner = |x: f64| (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3));
                check(&out, row.iter().map(|x| f64::from(*x) * 0.5 * (1.0 + inner(f64::from(*x)).tanh())), 1e-6);
            }
        }
    }

    #[test]
    fn activations_are_the_references() {
        let check = |activate: fn(Cpu, &mut [f32]), golden: [f32; 5]| {
            let mut values = [-30.0, -1.0, 0.0, 0.5, 3.0];
            activate(Cpu::detect(), &mut values);
            for (value, golden) in values.into_iter().zip(golden) {
                assert!((value - golden).abs() < 1e-6, "{value} instead of {golden}");
            }
        };
        check(quick_gelu, [0.0, -0.154_204_23, 0.0, 0.350_388_44, 2.981_928_8]);
        check(silu, [0.0, -0.268_941_43, 0.0, 0.311_229_68, 2.857_722_5]);
        check(gelu, [0.0, -0.158_655_26, 0.0, 0.345_731_23, 2.995_949_7]);
        check(gelu_tanh, [0.0, -0.158_808, 0.0, 0.345_714, 2.996_362_7]);
    }

    #[test]
    fn small_arguments_of_the_activations() {
        let small: Vec<f32> = (-4000..4000).map(|x| x as f32 / 1000.0).collect();
        let mut out = small.clone();
        gelu(Cpu::detect(), &mut out);
        let exact = |x: &f32| error_function(f64::from(*x) / 2.0_f64.sqrt());
        check(&out, small.iter().map(|x| f64::from(*x) * 0.5 * (1.0 + exact(x))), 3e-7);
    }

    #[test]
    fn what_is_no_number_stays_none() {
        let mut values = [f32::NAN; 20];
        quick_gelu(Cpu::detect(), &mut values);
        assert!(values.iter().all(|value| value.is_nan()));
        let mut values = [f32::NAN; 20];
        gelu(Cpu::detect(), &mut values);
        assert!(values.iter().all(|value| value.is_nan()));
        let mut values = [f32::NAN; 20];
        gelu_tanh(Cpu::detect(), &mut values);
        assert!(values.iter().all(|value| value.is_nan()));
        let mut values = [f32::NAN; 20];
        silu(Cpu::detect(), &mut values);
        assert!(values.iter().all(|value| value.is_nan()));
        let mut row = [1.0, f32::NAN, 2.0];
        softmax(Cpu::detect(), &mut row);
        assert!(row.iter().any(|value| value.is_nan()));
    }
}
