//! Reproducible random embeddings for benches.

use cupl_tui::evaluation::Matrix;

/// `[rows, dim]` numbers from −0.5 to 0.5.
pub fn random(rows: usize, dim: usize, mut state: u64) -> Matrix {
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    Matrix::new(rows, dim, std::iter::repeat_with(next).take(rows * dim).collect()).unwrap()
}
