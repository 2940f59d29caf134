//! The product of image embeddings with the rows of a classifier, as fast as safe code gets.
//!
//! Six images and sixteen rows at a time: 96 sums stay in registers while two small panels stream past. Every sum adds
//! its products in the order of the dimensions, whatever the shape of the matrices and wherever an image stands in its
//! block; so a score depends on the image and the row alone, to the last bit.

use super::Matrix;

const IMAGES: usize = 6;
const ROWS: usize = 16;

/// Rows of a classifier, laid out for [`Panels::scores`].
pub(super) struct Panels {
    panels: Vec<[f32; ROWS]>,
    dim: usize,
}

impl Panels {
    /// Lays out `rows`, `[n_rows, dim]`.
    pub(super) fn new(rows: &Matrix) -> Self {
        Self { panels: pack(rows.as_slice(), rows.cols()), dim: rows.cols() }
    }

    /// Distance between the scores of one image and those of the next: `n_rows` rounded up to whole panels.
    pub(super) fn stride(&self) -> usize {
        self.panels.len() / self.dim * ROWS
    }

    /// The dot products of `images`, `[n_images, dim]`, with all rows: `[n_images, stride]`, and maybe some more rows
    /// of zeros; columns past the last row are zero.
    pub(super) fn scores(&self, images: &[f32]) -> Vec<f32> {
        let stride = self.stride();
        let images = pack::<IMAGES>(images, self.dim);
        let mut scores = vec![0.0; images.len() / self.dim * IMAGES * stride];
        let product =
            Product { images: &images, rows: &self.panels, dim: self.dim, stride, scores: &mut scores };
        pulp::Arch::new().dispatch(product);
        scores
    }
}

/// A product to compute. It is compiled for the plain processor and for AVX2, and chosen at run time; multiplication
/// and addition are not fused, so both give the same bits.
struct Product<'a> {
    images: &'a [[f32; IMAGES]],
    rows: &'a [[f32; ROWS]],
    dim: usize,
    stride: usize,
    scores: &'a mut [f32],
}

impl pulp::WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        for (column, rows) in self.rows.chunks_exact(self.dim).enumerate() {
            for (line, images) in self.images.chunks_exact(self.dim).enumerate() {
                for (i, sums) in tile(images, rows).iter().enumerate() {
                    let at = (line * IMAGES + i) * self.stride + column * ROWS;
                    self.scores[at..at + ROWS].copy_from_slice(sums);
                }
            }
        }
    }
}

/// The dot products of a panel of images with a panel of rows.
#[inline(always)]
fn tile(images: &[[f32; IMAGES]], rows: &[[f32; ROWS]]) -> [[f32; ROWS]; IMAGES] {
    let mut sums = [[0.0; ROWS]; IMAGES];
    for (of_images, of_rows) in images.iter().zip(rows) {
        for (sums, x) in sums.iter_mut().zip(of_images) {
            for (sum, w) in sums.iter_mut().zip(of_rows) {
                *sum += x * w;
            }
        }
    }
    sums
}

/// Panels of `W` rows each, `[n_panels, dim, W]`, padded with zeros.
fn pack<const W: usize>(rows: &[f32], dim: usize) -> Vec<[f32; W]> {
    let n_panels = (rows.len() / dim).div_ceil(W);
    let mut panels = vec![[0.0; W]; n_panels * dim];
    for (index, row) in rows.chunks_exact(dim).enumerate() {
        let panel = &mut panels[index / W * dim..][..dim];
        for (slot, x) in panel.iter_mut().zip(row) {
            slot[index % W] = *x;
        }
    }
    panels
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matrix(rows: usize, cols: usize, seed: u32) -> Matrix {
        let mut state = seed | 1;
        let next = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state as f32 / u32::MAX as f32 - 0.5
        };
        Matrix::new(rows, cols, std::iter::repeat_with(next).take(rows * cols).collect()).unwrap()
    }

    proptest! {
        #[test]
        fn scores_are_dot_products(n_images in 1usize..30, n_rows in 1usize..70, dim in 1usize..90, seed: u32) {
            let (images, rows) = (matrix(n_images, dim, seed), matrix(n_rows, dim, !seed));
            let panels = Panels::new(&rows);
            prop_assert_eq!(panels.stride(), n_rows.next_multiple_of(16));
            let scores = panels.scores(images.as_slice());
            for (image, scores) in images.iter_rows().zip(scores.chunks_exact(panels.stride())) {
                for (row, score) in rows.iter_rows().zip(scores) {
                    let exact: f64 = image.iter().zip(row).map(|(x, w)| f64::from(*x) * f64::from(*w)).sum();
                    prop_assert!((f64::from(*score) - exact).abs() < 1e-5, "{} is not {}", score, exact);
                }
                prop_assert!(scores[n_rows..].iter().all(|score| *score == 0.0));
            }
        }

        #[test]
        fn a_score_does_not_depend_on_its_neighbours(n_images in 1usize..30, n_rows in 1usize..70, dim in 1usize..90, seed: u32) {
            let (images, rows) = (matrix(n_images, dim, seed), matrix(n_rows, dim, !seed));
            let panels = Panels::new(&rows);
            let together = panels.scores(images.as_slice());
            for (image, together) in images.iter_rows().zip(together.chunks_exact(panels.stride())) {
                let alone = panels.scores(image);
                for (row, score) in rows.iter_rows().zip(together) {
                    let one_row = Panels::new(&Matrix::from_rows(&[row]).unwrap()).scores(image)[0];
                    prop_assert_eq!(score.to_bits(), one_row.to_bits());
                }
                prop_assert_eq!(&alone[..n_rows], &together[..n_rows]);
            }
        }
    }
}
