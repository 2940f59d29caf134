//! What a core's registers alone reach, against which products are measured.

use pulp::Simd;

/// Measures the fused multiply-additions of one core; see [`Cpu::peak_flops`].
pub(super) struct Peak;

impl pulp::WithSimd for Peak {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        const CHAINS: usize = 12;
        const STEPS: usize = 1 << 21;
        let factor = simd.splat_f32s(std::hint::black_box(0.999));
        let mut sums = [factor; CHAINS];
        let start = std::time::Instant::now();
        for _ in 0..STEPS {
            for sum in &mut sums {
                *sum = simd.mul_add_e_f32s(*sum, factor, factor);
            }
        }
        for sum in sums {
            std::hint::black_box(simd.reduce_sum_f32s(sum));
        }
        (2 * CHAINS * STEPS * S::F32_LANES) as f64 / start.elapsed().as_secs_f64()
    }
}
