//! The order in which a product is computed: block by block, so that operands stay in the caches.

use super::panels::{COLS, ColSlice, zero_tile};
use super::quantised::GROUP;
use super::shape::{Multiply, Shape, Sink, Step};

/// Panels of a block of columns: the outputs of a block are a group of inputs of the next product.
pub(super) const PANELS: usize = GROUP / COLS;
/// Rows whose tiles are kept at once, about.
pub(super) const ROWS_AT_ONCE: usize = 512;
/// Bytes of a chunk of weights.
const CHUNK_BYTES: usize = 24 << 10;

/// What becomes of a product.
pub(super) struct Target<'a, K> {
    pub shape: Shape,
    pub bias: &'a [f32],
    pub sink: K,
}

impl<K: Sink> Target<'_, K> {
    /// Computes the product.
    ///
    /// `columns` are the weights' panels, each input in `1 / in_element` elements.
    #[inline(always)]
    pub(super) fn fill<T, const R: usize>(
        mut self,
        columns: &[ColSlice<T>],
        in_element: usize,
        mut multiply: impl Multiply<R>,
    ) {
        let Shape { rows, inputs, outputs } = self.shape;
        let chunk = (CHUNK_BYTES / size_of::<ColSlice<T>>() * in_element).next_multiple_of(GROUP);
        let in_panel = columns.len() / outputs.div_ceil(COLS).max(1);
        let row_panels = rows.div_ceil(R);
        let at_once = row_panels.div_ceil((row_panels * R).div_ceil(ROWS_AT_ONCE).max(1)).max(1);
        let panels = PANELS.min(outputs.div_ceil(COLS));
        let mut tiles = vec![zero_tile::<R>(); at_once * panels];
        let no_bias = [0.0; COLS * PANELS];
        for first_row_panel in (0..row_panels).step_by(at_once) {
            let row_panels = first_row_panel..row_panels.min(first_row_panel + at_once);
            for first in (0..outputs).step_by(COLS * PANELS) {
                let last = outputs.min(first + COLS * PANELS);
                for (at, column_panel) in (first / COLS..last.div_ceil(COLS)).enumerate() {
                    for first_input in (0..inputs).step_by(chunk) {
                        let inputs = first_input..inputs.min(first_input + chunk);
                        let next = column_panel * in_panel + inputs.end.div_ceil(in_element);
                        let mut next = columns[next..].iter().take(chunk / in_element);
                        let in_step = next.len().div_ceil(row_panels.len());
                        for (row_panel, tiles) in row_panels.clone().zip(tiles.chunks_exact_mut(panels)) {
                            for next in next.by_ref().take(in_step) {
                                prefetch(next);
                            }
                            let tile = &mut tiles[at];
                            if first_input == 0 {
                                *tile = zero_tile();
                            }
                            multiply.add(Step { row_panel, column_panel, inputs: inputs.clone() }, tile);
                        }
                    }
                }
                let bias =
                    if self.bias.is_empty() { &no_bias[..last - first] } else { &self.bias[first..last] };
                for (row_panel, tiles) in row_panels.clone().zip(tiles.chunks_exact(panels)) {
                    self.sink.take(row_panel * R, first, tiles, bias);
                }
            }
        }
    }
}

/// Asks for values that are needed soon.
#[inline(always)]
fn prefetch<T>(values: &ColSlice<T>) {
    #[cfg(target_arch = "x86_64")]
    super::x86::prefetch(values);
    #[cfg(not(target_arch = "x86_64"))]
    let _ = values;
}
