//! What all products have in common, whatever their operands are: their numbers, their steps, and what takes the results.

use std::ops::Range;

use super::panels::{ROWS, Tile};

/// Some inputs of the rows of a panel.
#[derive(Debug, Clone, Copy)]
pub(super) struct PanelPart {
    pub panel: usize,
    /// The first input, with which a group begins.
    pub first: usize,
    /// Number of inputs: up to the end of a group or of all.
    pub count: usize,
    /// Number of all inputs.
    pub inputs: usize,
}

/// Numbers of a product.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub rows: usize,
    pub inputs: usize,
    pub outputs: usize,
}

/// One step of a product.
pub(super) struct Step {
    pub row_panel: usize,
    pub column_panel: usize,
    /// A whole number of groups, but for the last one.
    pub inputs: Range<usize>,
}

/// Takes a product block by block.
pub(super) trait Sink {
    /// The rows of a panel from row `row` on, as many as `tiles` have or the product has left; their columns from `first`
    /// on, as many as `bias` has, without the bias.
    fn take<const R: usize>(&mut self, row: usize, first: usize, tiles: &[Tile<R>], bias: &[f32]);
}

/// Multiplies one step.
pub(super) trait Multiply<const R: usize = ROWS> {
    /// Adds the products of a step to a tile; always inlined.
    fn add(&mut self, step: Step, tile: &mut Tile<R>);
}
