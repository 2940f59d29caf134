//! Products of the operands of `quantised.rs`: as floats, and with the instructions of AVX-512 VNNI and AMX. All of them
//! add the same whole numbers, so that results are the same to the last bit.

use pulp::Simd;

use super::fill::Target;
use super::panels::{ROWS, Tile, zero_tile};
use super::quantised::{GROUP, Panels, QuantisedColumns, QuantisedRows};
use super::shape::{Multiply, Sink, Step};
use super::tile::add_tile;
#[cfg(target_arch = "x86_64")]
use super::{
    panels::TALL,
    x86::{Amx, Line, TILE_BYTES, Tiles, Vnni},
};

/// A product of integers that are held as floats.
pub(super) struct WholeProduct<'a, K> {
    pub rows: &'a QuantisedRows<f32, 1>,
    pub columns: &'a QuantisedColumns<f32, 1>,
    pub target: Target<'a, K>,
}

impl<K: Sink> pulp::WithSimd for WholeProduct<'_, K> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { rows, columns, target } = self;
        let inputs = target.shape.inputs;
        target.fill(&columns.values, 1, MultiplyWhole { simd, rows, columns, inputs });
    }
}

struct MultiplyWhole<'a, S> {
    simd: S,
    rows: &'a QuantisedRows<f32, 1>,
    columns: &'a QuantisedColumns<f32, 1>,
    inputs: usize,
}

impl<S: Simd> Multiply<ROWS> for MultiplyWhole<'_, S> {
    #[inline(always)]
    fn add(&mut self, step: Step, tile: &mut Tile) {
        let panels = Panels::new(self.rows, self.columns, self.inputs, step);
        let groups = panels.rows.chunks(GROUP).zip(panels.columns.chunks(GROUP));
        for (group, (rows, columns)) in groups.enumerate() {
            let mut sums = zero_tile();
            add_tile(self.simd, rows, columns, &mut sums);
            panels.add_group(group, &sums, tile);
        }
    }
}

/// A product of bytes, four to an element, for AVX-512 VNNI.
#[cfg(target_arch = "x86_64")]
pub(super) struct ByteProduct<'a, K> {
    pub vnni: Vnni,
    pub rows: &'a QuantisedRows<u32, 4>,
    pub columns: &'a QuantisedColumns<i32, 4>,
    pub target: Target<'a, K>,
}

#[cfg(target_arch = "x86_64")]
impl<K: Sink> pulp::WithSimd for ByteProduct<'_, K> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { vnni, rows, columns, target } = self;
        let inputs = target.shape.inputs;
        target.fill(&columns.values, 4, MultiplyBytes { vnni, rows, columns, inputs });
    }
}

#[cfg(target_arch = "x86_64")]
struct MultiplyBytes<'a> {
    vnni: Vnni,
    rows: &'a QuantisedRows<u32, 4>,
    columns: &'a QuantisedColumns<i32, 4>,
    inputs: usize,
}

#[cfg(target_arch = "x86_64")]
impl Multiply<ROWS> for MultiplyBytes<'_> {
    #[inline(always)]
    fn add(&mut self, step: Step, tile: &mut Tile) {
        self.vnni.add_tile(Panels::new(self.rows, self.columns, self.inputs, step), tile);
    }
}

/// A product of bytes, a row of a tile register to an element, for AMX.
#[cfg(target_arch = "x86_64")]
pub(super) struct TileProduct<'a, K> {
    pub amx: Amx,
    pub rows: &'a QuantisedRows<Line, TILE_BYTES, TALL>,
    pub columns: &'a QuantisedColumns<i32, 4>,
    pub target: Target<'a, K>,
}

#[cfg(target_arch = "x86_64")]
impl<K: Sink> pulp::WithSimd for TileProduct<'_, K> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { amx, rows, columns, target } = self;
        let (tiles, row_count, inputs) = (amx.tiles(), target.shape.rows, target.shape.inputs);
        target.fill(&columns.values, 4, MultiplyTiles { tiles, rows, columns, row_count, inputs });
    }
}

#[cfg(target_arch = "x86_64")]
struct MultiplyTiles<'a> {
    tiles: Tiles,
    rows: &'a QuantisedRows<Line, TILE_BYTES, TALL>,
    columns: &'a QuantisedColumns<i32, 4>,
    row_count: usize,
    inputs: usize,
}

#[cfg(target_arch = "x86_64")]
impl Multiply<TALL> for MultiplyTiles<'_> {
    #[inline(always)]
    fn add(&mut self, step: Step, tile: &mut Tile<TALL>) {
        let wanted = self.row_count - step.row_panel * TALL;
        self.tiles.add_tile(Panels::new(self.rows, self.columns, self.inputs, step), wanted, tile);
    }
}
