//! What is nearly the same by its embedding: images of different classes, and how many different prompts there are.

use std::ops::Range;

use rayon::prelude::*;

use crate::evaluation::core::matrix::Matrix;
use crate::kernels::{Accumulate, Cpu, PackedRows, PackedWeights, Precision};

/// Images that the others are compared with in one go, and images that one task compares with them: their products
/// take a megabyte.
const TOGETHER: usize = 4096;
const BLOCK: usize = 64;

/// Two images that are nearly the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ImagePair {
    /// The one that comes first.
    pub first: usize,
    /// The other.
    pub second: usize,
    /// Their cosine.
    pub cosine: f32,
}

/// For each of `images`, unit rows `[n_images, dim]`, the most similar earlier one of another class whose cosine with it
/// is at least `threshold`: at most one pair an image, the most similar pairs first, ties in image order. `labels`,
/// `[n_images]`, are the classes.
///
/// O(n² · dim) with 20 MB beside the images. `is_cancelled` is told how many of the images have been compared with all after
/// them; `None` where it says that this is cancelled.
pub fn near_duplicates(
    images: &Matrix,
    labels: &[usize],
    threshold: f32,
    mut is_cancelled: impl FnMut(usize) -> bool,
) -> Option<Vec<ImagePair>> {
    let n = images.rows().min(labels.len());
    let cpu = Cpu::detect();
    let mut best: Vec<Option<(usize, f32)>> = vec![None; n];
    for start in (0..n).step_by(TOGETHER) {
        let earlier = start..n.min(start + TOGETHER);
        let cols = images.cols();
        let values = &images.as_slice()[earlier.start * cols..earlier.end * cols];
        let packed = PackedWeights::new(cpu, Precision::F32, values, cols);
        best[start..].par_chunks_mut(BLOCK).enumerate().for_each_init(
            || (PackedRows::new(cpu, Precision::F32), Vec::new()),
            |(rows, cosines), (block, best)| {
                let first = start + block * BLOCK;
                rows.pack(best.len(), cols, |at, row| row.copy_from_slice(images.row(first + at)));
                cosines.resize(best.len() * earlier.len(), 0.0);
                packed.multiply(rows, &[], Accumulate::No, cosines);
                for (at, (best, cosines)) in
                    best.iter_mut().zip(cosines.chunks_exact(earlier.len())).enumerate()
                {
                    nearest(first + at, earlier.clone(), labels, cosines, threshold, best);
                }
            },
        );
        if is_cancelled(earlier.end) {
            return None;
        }
    }
    let pair = |(second, best): (usize, Option<(usize, f32)>)| {
        best.map(|(first, cosine)| ImagePair { first, second, cosine })
    };
    let mut pairs: Vec<ImagePair> = best.into_iter().enumerate().filter_map(pair).collect();
    pairs.sort_by(|x, y| y.cosine.total_cmp(&x.cosine));
    Some(pairs)
}

/// Puts the nearest of `earlier` in the place of what was the nearest so far.
fn nearest(
    image: usize,
    earlier: Range<usize>,
    labels: &[usize],
    cosines: &[f32],
    threshold: f32,
    best: &mut Option<(usize, f32)>,
) {
    let candidates = earlier.zip(cosines).take_while(|(other, _)| *other < image);
    for (other, &cosine) in candidates {
        let is_near = cosine >= threshold && labels[other] != labels[image];
        if is_near && best.is_none_or(|(_, found)| cosine > found) {
            *best = Some((other, cosine));
        }
    }
}

/// The cosines of prompts with one another.
pub struct PromptCosines {
    n: usize,
    /// `[n, n]`.
    cosines: Vec<f32>,
}

impl PromptCosines {
    /// Fewer prompts than this have no usual distance.
    const FEWEST: usize = 8;
    /// The share of the usual distance within which two prompts are nearly the same.
    const NEAR: f32 = 0.05;

    /// Of `prompts`, raw embeddings `[n_prompts, dim]`.
    pub fn new(prompts: &Matrix) -> Self {
        let unit = prompts.clone().normalised();
        let n = unit.rows();
        let cosine = |at: usize| dot(unit.row(at / n), unit.row(at % n)) as f32;
        Self { n, cosines: (0..n * n).map(cosine).collect() }
    }

    /// The cosine of two prompts.
    pub fn between(&self, a: usize, b: usize) -> f32 {
        self.cosines[a * self.n + b]
    }

    /// The prompts that are nearly the same as an earlier one, as (prompt, the most similar earlier one): their distance,
    /// 1 − cosine, is less than a twentieth of the median distance of all pairs. So it does not depend on how far apart a
    /// checkpoint puts its prompts. None among fewer than eight prompts, or where half of the pairs are the same.
    pub fn near_duplicates(&self) -> Vec<(usize, usize)> {
        let pairs = (0..self.n).flat_map(|a| (0..a).map(move |b| (a, b)));
        let mut distances: Vec<f32> = pairs.map(|(a, b)| 1.0 - self.between(a, b)).collect();
        if self.n < Self::FEWEST {
            return Vec::new();
        }
        let middle = distances.len() / 2;
        let median = *distances.select_nth_unstable_by(middle, f32::total_cmp).1;
        let least = 1.0 - Self::NEAR * median.max(0.0);
        let nearest = |prompt: usize| {
            let earlier = (0..prompt).filter(|&other| self.between(prompt, other) > least);
            earlier.max_by(|x, y| self.between(prompt, *x).total_cmp(&self.between(prompt, *y)))
        };
        (0..self.n).filter_map(|prompt| Some((prompt, nearest(prompt)?))).collect()
    }
}

/// How many different prompts there are in effect among `prompts`, raw embeddings `[n_prompts, dim]`: from 1, where all
/// point the same way, to the number of prompts, where each is at right angles to the others; 0 without any.
///
/// The exponential of the entropy of the eigenvalues of the cosine matrix divided by its size (Friedman and Dieng, "The
/// Vendi Score", arXiv 2210.02410).
pub fn effective_number(prompts: &Matrix) -> f64 {
    let unit = prompts.clone().normalised();
    let (n, dim) = (unit.rows(), unit.cols());
    if n == 0 || dim == 0 {
        return 0.0;
    }
    // The eigenvalues of U Uᵀ and Uᵀ U are the same but for zeros.
    let (size, row): (usize, Vec<Vec<f32>>) = match n <= dim {
        true => (n, unit.iter_rows().map(<[f32]>::to_vec).collect()),
        false => (dim, (0..dim).map(|column| unit.iter_rows().map(|row| row[column]).collect()).collect()),
    };
    let gram = (0..size * size).map(|at| dot(&row[at / size], &row[at % size]) / n as f64).collect();
    let entropy = |value: f64| if value > 0.0 { -value * value.ln() } else { 0.0 };
    eigenvalues(gram, size).into_iter().map(entropy).sum::<f64>().exp()
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

/// The eigenvalues of a symmetric matrix, `[n, n]`, in no order: Householder's reduction to three diagonals, then the
/// QL algorithm (Wilkinson and Reinsch, "Linear Algebra", Handbook for Automatic Computation II, 1971).
fn eigenvalues(matrix: Vec<f64>, n: usize) -> Vec<f64> {
    let (mut diagonal, mut beside) = three_diagonals(matrix, n);
    beside.push(0.0);
    for start in 0..n {
        /// Far more than it ever takes.
        const ROUNDS: usize = 60;
        for _ in 0..ROUNDS {
            let is_small = |at: &usize| {
                beside[*at].abs() <= f64::EPSILON * (diagonal[*at].abs() + diagonal[*at + 1].abs())
            };
            let end = (start..n - 1).find(is_small).unwrap_or(n - 1);
            if end == start {
                break;
            }
            rotate(&mut diagonal, &mut beside, start, end);
        }
    }
    diagonal
}

/// One round of the QL algorithm with an implicit shift, between two rows.
fn rotate(diagonal: &mut [f64], beside: &mut [f64], start: usize, end: usize) {
    let half = (diagonal[start + 1] - diagonal[start]) / (2.0 * beside[start]);
    let root = half.hypot(1.0).copysign(half);
    let mut shifted = diagonal[end] - diagonal[start] + beside[start] / (half + root);
    let (mut sine, mut cosine, mut shift) = (1.0, 1.0, 0.0);
    for at in (start..end).rev() {
        let (across, along) = (sine * beside[at], cosine * beside[at]);
        let length = across.hypot(shifted);
        beside[at + 1] = length;
        if length == 0.0 {
            diagonal[at + 1] -= shift;
            beside[end] = 0.0;
            return;
        }
        (sine, cosine) = (across / length, shifted / length);
        let base = diagonal[at + 1] - shift;
        let change = (diagonal[at] - base) * sine + 2.0 * cosine * along;
        shift = sine * change;
        diagonal[at + 1] = base + shift;
        shifted = cosine * change - along;
    }
    diagonal[start] -= shift;
    beside[start] = shifted;
    beside[end] = 0.0;
}

/// A symmetric matrix with the same eigenvalues that is zero but for its diagonal, `[n]`, and what is beside it,
/// `[n − 1]`.
fn three_diagonals(mut matrix: Vec<f64>, n: usize) -> (Vec<f64>, Vec<f64>) {
    let mut beside = Vec::with_capacity(n);
    for column in 0..n.saturating_sub(1) {
        let below = column + 1..n;
        let mut mirror: Vec<f64> = below.clone().map(|row| matrix[row * n + column]).collect();
        let norm = mirror.iter().map(|x| x * x).sum::<f64>().sqrt();
        let reflected = -norm.copysign(mirror[0]);
        beside.push(reflected);
        mirror[0] -= reflected;
        let square = mirror.iter().map(|x| x * x).sum::<f64>();
        if square == 0.0 {
            continue;
        }
        // A − v wᵀ − w vᵀ, where v mirrors.
        let product = |row: usize| {
            let values = &matrix[row * n + column + 1..(row + 1) * n];
            2.0 / square * values.iter().zip(&mirror).map(|(a, v)| a * v).sum::<f64>()
        };
        let mut update: Vec<f64> = below.clone().map(product).collect();
        let along = update.iter().zip(&mirror).map(|(w, v)| w * v).sum::<f64>() / square;
        update.iter_mut().zip(&mirror).for_each(|(w, v)| *w -= along * v);
        for (at, row) in below.enumerate() {
            let values = &mut matrix[row * n + column + 1..(row + 1) * n];
            for (value, (v, w)) in values.iter_mut().zip(mirror.iter().zip(&update)) {
                *value -= mirror[at] * w + update[at] * v;
            }
        }
    }
    ((0..n).map(|at| matrix[at * n + at]).collect(), beside)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_nearest_earlier_image_of_another_class() {
        let images =
            Matrix::from_rows(&[[1.0, 0.0], [0.8, 0.6], [1.0, 0.0], [0.96, 0.28], [0.0, 1.0]]).unwrap();
        let found =
            |labels: &[usize], threshold| near_duplicates(&images, labels, threshold, |_| false).unwrap();
        let pair = |first, second, cosine| ImagePair { first, second, cosine };
        assert_eq!(found(&[0, 0, 1, 1, 0], 0.99), [pair(0, 2, 1.0)]);
        assert_eq!(found(&[0, 0, 0, 0, 0], 0.5), []);
        assert_eq!(found(&[0, 0, 1, 2, 0], 0.9), [pair(0, 2, 1.0), pair(0, 3, 0.96)]);
        assert_eq!(near_duplicates(&images, &[0, 0, 1, 1, 0], 0.99, |_| true), None);
        assert_eq!(
            near_duplicates(&Matrix::from_rows::<[f32; 0]>(&[]).unwrap(), &[], 0.9, |_| false),
            Some(vec![])
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20))]
        #[test]
        fn it_is_a_search_through_all_pairs(n in 1usize..300, dim in 1usize..9, classes in 1usize..4, seed: u64) {
            let images = Matrix::random(n, dim, seed).normalised();
            let labels: Vec<usize> = (0..n).map(|image| image * image % classes).collect();
            let found = near_duplicates(&images, &labels, 0.9, |done| done < n).unwrap();
            prop_assert!(found.is_sorted_by(|x, y| x.cosine >= y.cosine));
            for second in 0..n {
                let others = (0..second).filter(|&first| labels[first] != labels[second]);
                let best = others.map(|first| dot(images.row(first), images.row(second))).fold(-1.0, f64::max);
                match found.iter().find(|pair| pair.second == second) {
                    Some(pair) => {
                        prop_assert!(labels[pair.first] != labels[second] && pair.first < second);
                        prop_assert!((f64::from(pair.cosine) - best).abs() < 1e-5);
                    }
                    None => prop_assert!(best < 0.9 + 1e-5),
                }
            }
        }

        #[test]
        fn eigenvalues_keep_trace_and_squares(n in 1usize..20, seed: u64) {
            let values = Matrix::random(n, n, seed);
            let at = |row: usize, column: usize| f64::from(values.row(row.min(column))[row.max(column)]);
            let matrix: Vec<f64> = (0..n * n).map(|index| at(index / n, index % n)).collect();
            let found = eigenvalues(matrix.clone(), n);
            let trace: f64 = (0..n).map(|index| at(index, index)).sum();
            let squares: f64 = matrix.iter().map(|x| x * x).sum();
            prop_assert!((found.iter().sum::<f64>() - trace).abs() < 1e-9);
            prop_assert!((found.iter().map(|x| x * x).sum::<f64>() - squares).abs() < 1e-9);
        }
    }

    /// numpy: u = m / np.linalg.norm(m, axis=1, keepdims=True); w = np.linalg.eigvalsh(u @ u.T) / n;
    /// w = w[w > 1e-12]; np.exp(-(w * np.log(w)).sum()), on the same numbers.
    #[test]
    fn effective_numbers_are_those_of_numpy() {
        for (rows, cols, seed, expected) in [
            (1, 4, 1, 1.0),
            (3, 5, 2, 2.115_665),
            (8, 3, 3, 2.716_833),
            (30, 12, 4, 9.995_802),
            (50, 64, 5, 33.825_693),
            (130, 64, 6, 50.248_1),
        ] {
            let found = effective_number(&Matrix::random(rows, cols, seed));
            assert!((found - expected).abs() < 2e-5, "{rows} x {cols}: {found}");
        }
    }

    #[test]
    fn equal_prompts_count_once_and_different_ones_each() {
        let of = |rows: &[[f32; 3]]| effective_number(&Matrix::from_rows(rows).unwrap());
        assert!((of(&[[1.0, 2.0, 0.0]; 7]) - 1.0).abs() < 1e-6);
        assert!((of(&[[3.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.2]]) - 3.0).abs() < 1e-9);
        assert_eq!(of(&[]), 0.0);
    }

    #[test]
    fn a_nearly_repeated_prompt_points_to_the_first() {
        let mut rows: Vec<[f32; 8]> =
            (0..8).map(|at| std::array::from_fn(|x| f32::from(u8::from(x == at)))).collect();
        rows.push([0.0, 0.0, 5.0, 0.1, 0.0, 0.0, 0.0, 0.0]);
        rows.push([0.0, 0.0, 0.7, 0.7, 0.0, 0.0, 0.0, 0.0]);
        let cosines = PromptCosines::new(&Matrix::from_rows(&rows).unwrap());
        assert_eq!(cosines.near_duplicates(), [(8, 2)]);
        assert!((cosines.between(8, 2) - 0.9998).abs() < 1e-6);
        let few = PromptCosines::new(&Matrix::from_rows(&rows[..7]).unwrap());
        assert_eq!(few.near_duplicates(), []);
        assert_eq!(PromptCosines::new(&Matrix::from_rows(&[[1.0, 2.0]; 9]).unwrap()).near_duplicates(), []);
    }
}
