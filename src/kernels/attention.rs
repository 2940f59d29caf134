//! Multi-head attention (Vaswani et al., arXiv 1706.03762, section 3.2) without its projections, over a path of tokens
//! that grows and shrinks.
//!
//! A sequence is a path of keys and values by position. Prompts that begin alike share the beginning of that path: one
//! after the other, in the order of a prefix tree, each takes the path back to where it branches off and appends its
//! own tokens. An image is a path of its own, of which every token sees all others.

use pulp::Simd;

use super::Cpu;
use super::panels::{COLS, ColSlice, ROWS, RowSlice, pack_rows, put_column, rows_of, zero_tile};
use super::rows::softmax_lanes;
use super::tile::add_tile;

/// Tokens that follow one another and are not yet on the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Row of its first token; the others follow.
    pub first_row: usize,
    /// Number of its tokens, at least one.
    pub tokens: usize,
    /// Position of its first token: the path is kept up to there.
    pub position: usize,
}

/// Which tokens ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queries {
    /// Every token: a row of queries for each.
    All,
    /// The first of each segment: a row of queries for each segment.
    First,
    /// The last of each segment, likewise.
    Last,
}

/// What an attention is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attention {
    /// Number of heads; the width is a multiple of it.
    pub heads: usize,
    /// A token sees itself and those before it only.
    pub causal: bool,
}

/// Memory that is kept from one call to the next.
#[derive(Debug, Clone, Default)]
pub struct AttentionBuffers {
    /// The path's keys, a column each: `[path / COLS, head_width]`.
    keys: Vec<ColSlice<f32>>,
    /// The path's values, a row each: `[head_width / COLS, path]`.
    values: Vec<ColSlice<f32>>,
    /// Some queries, `[head_width]`.
    queries: Vec<RowSlice<f32>>,
    /// Their scores, `[ROWS, path]`.
    scores: Vec<f32>,
    /// Their weights, `[path]`.
    weights: Vec<RowSlice<f32>>,
}

impl Attention {
    /// Attends along `segments`, in their order, each of which branches off the path of those before it.
    ///
    /// `keys` and `values` are `[rows, width]`; `queries` and `out` have a row of `width` for each token that asks.
    ///
    /// # Panics
    /// Where a segment lies outside of the rows, or begins beyond the path.
    #[allow(clippy::too_many_arguments)]
    pub fn attend(
        self,
        cpu: Cpu,
        segments: &[Segment],
        [queries, keys, values]: [&[f32]; 3],
        width: usize,
        asking: Queries,
        buffers: &mut AttentionBuffers,
        out: &mut [f32],
    ) {
        cpu.arch.dispatch(Attend {
            attention: self,
            segments,
            queries,
            keys,
            values,
            width,
            asking,
            buffers,
            out,
        });
    }
}

struct Attend<'a> {
    attention: Attention,
    segments: &'a [Segment],
    queries: &'a [f32],
    keys: &'a [f32],
    values: &'a [f32],
    width: usize,
    asking: Queries,
    buffers: &'a mut AttentionBuffers,
    out: &'a mut [f32],
}

impl pulp::WithSimd for Attend<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { attention: Attention { heads, causal }, segments, width, asking, .. } = self;
        let head_width = width / heads;
        let longest = segments.iter().map(|segment| segment.position + segment.tokens).max().unwrap_or(0);
        let path = longest.next_multiple_of(COLS);
        let buffers = self.buffers;
        buffers.keys.resize(path / COLS * head_width, ColSlice([0.0; COLS]));
        buffers.values.resize(head_width.div_ceil(COLS) * path, ColSlice([0.0; COLS]));
        buffers.queries.resize(head_width, [0.0; ROWS]);
        buffers.scores.resize(ROWS * path, 0.0);
        buffers.weights.resize(path, [0.0; ROWS]);
        let scale = (head_width as f32).sqrt().recip();

        for head in (0..width).step_by(head_width) {
            let mut next_query = 0;
            for segment in segments {
                for token in 0..segment.tokens {
                    let (row, position) = (segment.first_row + token, segment.position + token);
                    let key = &self.keys[row * width + head..][..head_width];
                    let panel = &mut buffers.keys[position / COLS * head_width..][..head_width];
                    put_column(key, position % COLS, panel);
                    let value = &self.values[row * width + head..][..head_width];
                    for (value, panel) in value.chunks(COLS).zip(buffers.values.chunks_exact_mut(path)) {
                        panel[position].0[..value.len()].copy_from_slice(value);
                    }
                }
                let length = segment.position + segment.tokens;
                let (first_position, count) = match asking {
                    Queries::All => (segment.position, segment.tokens),
                    Queries::First => (segment.position, 1),
                    Queries::Last => (length - 1, 1),
                };
                for first in (0..count).step_by(ROWS) {
                    let rows = ROWS.min(count - first);
                    let at = (next_query + first) * width + head;
                    let queries = |row: usize| &self.queries[at + row.min(rows - 1) * width..][..head_width];
                    pack_rows(std::array::from_fn(queries), &mut buffers.queries);
                    let scores = &mut buffers.scores;
                    for (panel, keys) in
                        buffers.keys.chunks_exact(head_width).take(length.div_ceil(COLS)).enumerate()
                    {
                        let mut sums = zero_tile();
                        add_tile(simd, &buffers.queries, keys, &mut sums);
                        for (scores, sums) in scores.chunks_exact_mut(path).zip(&sums).take(rows) {
                            scores[panel * COLS..][..COLS].copy_from_slice(&sums.0);
                        }
                    }
                    for (row, scores) in scores.chunks_exact_mut(path).take(rows).enumerate() {
                        let seen = if causal { first_position + first + row + 1 } else { length };
                        softmax_lanes(simd, &mut scores[..length.next_multiple_of(COLS)], seen, scale);
                    }
                    pack_rows(rows_of(scores, path), &mut buffers.weights[..length]);
                    for (panel, values) in buffers.values.chunks_exact(path).enumerate() {
                        let mut sums = zero_tile();
                        add_tile(simd, &buffers.weights[..length], &values[..length], &mut sums);
                        let columns = COLS.min(head_width - panel * COLS);
                        for (out, sums) in self.out[at..].chunks_mut(width).zip(&sums).take(rows) {
                            out[panel * COLS..][..columns].copy_from_slice(&sums.0[..columns]);
                        }
                    }
                }
                next_query += count;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Numbers from −2 to 2.
    fn random(count: usize, seed: u64) -> Vec<f32> {
        super::super::random(count, seed).into_iter().map(|x| 4.0 * x).collect()
    }

    /// The plain version: what one query sees of the rows of its path.
    fn plain(query: &[f32], path: &[usize], keys: &[f32], values: &[f32], heads: usize) -> Vec<f64> {
        let width = query.len();
        let head_width = width / heads;
        let mut out = vec![0.0; width];
        for head in 0..heads {
            let columns = head * head_width..(head + 1) * head_width;
            let dot = |row: &usize| -> f64 {
                columns.clone().map(|at| f64::from(query[at]) * f64::from(keys[row * width + at])).sum()
            };
            let powers: Vec<f64> =
                path.iter().map(|row| (dot(row) / (head_width as f64).sqrt()).exp()).collect();
            let sum: f64 = powers.iter().sum();
            for (row, power) in path.iter().zip(powers) {
                for at in columns.clone() {
                    out[at] += power / sum * f64::from(values[row * width + at]);
                }
            }
        }
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn attention_is_the_plain_version(
            shape in proptest::collection::vec((1usize..30, 0usize..90), 1..6),
            heads in 1usize..4, head_width in 1usize..70, causal: bool, seed: u64,
        ) {
            let width = heads * head_width;
            let (mut segments, mut path, mut paths) = (Vec::new(), Vec::new(), Vec::new());
            let mut first_row = 0;
            for (tokens, keep) in shape {
                path.truncate(keep);
                segments.push(Segment { first_row, tokens, position: path.len() });
                path.extend(first_row..first_row + tokens);
                first_row += tokens;
                paths.push(path.clone());
            }
            let [queries, keys, values] = [1, 2, 3].map(|part| random(first_row * width, seed.wrapping_mul(part)));
            for cpu in Cpu::all() {
                for asking in [Queries::All, Queries::First, Queries::Last] {
                    let mut out = vec![f32::NAN; first_row * width];
                    let attention = Attention { heads, causal };
                    let mut buffers = AttentionBuffers::default();
                    attention.attend(cpu, &segments, [&queries, &keys, &values], width, asking, &mut buffers, &mut out);
                    let mut out = out.chunks_exact(width).zip(queries.chunks_exact(width));
                    for (segment, path) in segments.iter().zip(&paths) {
                        let last = segment.tokens - 1;
                        let tokens = match asking {
                            Queries::All => 0..=last,
                            Queries::First => 0..=0,
                            Queries::Last => last..=last,
                        };
                        for token in tokens {
                            let seen = if causal { segment.position + token + 1 } else { path.len() };
                            let (found, query) = out.next().unwrap();
                            let expected = plain(query, &path[..seen], &keys, &values, heads);
                            for (found, expected) in found.iter().zip(expected) {
                                prop_assert!((f64::from(*found) - expected).abs() < 1e-4, "{}", cpu.name());
                            }
                        }
                    }
                }
            }
        }
    }
}
