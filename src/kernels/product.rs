//! Products of packed rows with packed weights, in both precisions: out = rows · weightsᵀ + bias.
//!
//! A product goes through its columns block by block, and through a panel of a block chunk by chunk: a chunk of weights
//! stays in the nearest cache while all rows meet it, and what it gives is added to tiles that stay in the next one. A
//! block that is complete is stored, or becomes rows of the next product before it leaves the cache.

use pulp::Simd;

use super::fill::{PANELS, Target};
use super::halves::{PackHalves, RoundedRows, pack_rounded_columns};
use super::int8;
#[cfg(target_arch = "aarch64")]
use super::neon;
use super::panels::{COLS, ColSlice, ROWS, RowSlice, Tile, pack_columns, pack_rows, rows_of};
use super::quantised::{self, QuantisedColumns, QuantisedRows};
use super::shape::{Multiply, PanelPart, Shape, Sink, Step};
use super::tile::add_tile;
use super::{Bytes, Cpu, Halves, Precision};
#[cfg(target_arch = "x86_64")]
use super::{
    halves::{self, HalfRows, pack_half_columns},
    pairs::{PairProduct, Pairs},
    panels::TALL,
    x86,
};

/// A layer's weights, packed once.
#[derive(Debug, Clone)]
pub struct PackedWeights {
    cpu: Cpu,
    outputs: usize,
    inputs: usize,
    form: Columns,
}

#[derive(Debug, Clone)]
enum Columns {
    F32(Vec<ColSlice<f32>>),
    /// Four 8-bit weights in each element.
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    Bytes(QuantisedColumns<i32, 4>),
    /// The same integers with 16 bits, two in each element.
    #[cfg(target_arch = "x86_64")]
    Pairs(QuantisedColumns<i32, 2>),
    /// The same integers as floats, for processors without such products.
    Whole(QuantisedColumns<f32, 1>),
    /// Pairs of bfloat16.
    #[cfg(target_arch = "x86_64")]
    Halves(Vec<ColSlice<u32>>),
    /// bfloat16 as floats.
    Rounded(Vec<ColSlice<f32>>),
}

/// Rows to multiply, packed for products with any number of weights; the memory is kept from one packing to the next.
#[derive(Debug, Clone)]
pub struct PackedRows {
    cpu: Cpu,
    rows: usize,
    inputs: usize,
    /// Some rows before they are packed.
    scratch: Vec<f32>,
    form: Rows,
}

#[derive(Debug, Clone)]
enum Rows {
    F32(Vec<RowSlice<f32>>),
    /// Four bytes in each element.
    #[cfg(target_arch = "x86_64")]
    Bytes(x86::Vnni, QuantisedRows<u32, 4>),
    /// A row of a tile register in each element.
    #[cfg(target_arch = "x86_64")]
    Lines(x86::Amx, QuantisedRows<x86::Line, { x86::TILE_BYTES }, TALL>),
    /// The same integers with 16 bits, two in each element.
    #[cfg(target_arch = "x86_64")]
    Pairs(Pairs, QuantisedRows<i32, 2>),
    /// Four bytes with a sign in each element.
    #[cfg(target_arch = "aarch64")]
    SignedBytes(neon::Dot, QuantisedRows<neon::SignedBytes, 4>),
    /// The same integers as floats.
    Whole(QuantisedRows<f32, 1>),
    /// Pairs of bfloat16.
    #[cfg(target_arch = "x86_64")]
    Halves(x86::WideHalves, HalfRows<u32, 2>),
    /// Rows of a tile register.
    #[cfg(target_arch = "x86_64")]
    HalfLines(x86::AmxHalves, HalfRows<x86::Line, 32, TALL>),
    /// bfloat16 as floats.
    Rounded(RoundedRows),
}

/// Where a product goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accumulate {
    /// It replaces what is there.
    No,
    /// It is added to what is there.
    Yes,
}

impl Rows {
    fn new(cpu: Cpu, precision: Precision) -> Self {
        match precision {
            Precision::F32 => Self::F32(Vec::new()),
            Precision::Int8 => match cpu.bytes {
                #[cfg(target_arch = "x86_64")]
                Bytes::Vnni(vnni) => Self::Bytes(vnni, QuantisedRows::default()),
                #[cfg(target_arch = "x86_64")]
                Bytes::Amx(amx) => Self::Lines(amx, QuantisedRows::default()),
                #[cfg(target_arch = "x86_64")]
                Bytes::Pairs(pairs) => Self::Pairs(pairs, QuantisedRows::default()),
                #[cfg(target_arch = "aarch64")]
                Bytes::Dot(dot) => Self::SignedBytes(dot, QuantisedRows::default()),
                Bytes::None => Self::Whole(QuantisedRows::default()),
            },
            Precision::Bf16 => match cpu.halves {
                #[cfg(target_arch = "x86_64")]
                Halves::Wide(wide) => Self::Halves(wide, HalfRows::default()),
                #[cfg(target_arch = "x86_64")]
                Halves::Amx(amx) => Self::HalfLines(amx, HalfRows::default()),
                Halves::None => Self::Rounded(RoundedRows::default()),
            },
        }
    }

    /// Rows of a panel.
    fn panel_rows(&self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Lines(..) | Self::HalfLines(..) => TALL,
            _ => ROWS,
        }
    }

    fn resize(&mut self, rows: usize, inputs: usize) {
        match self {
            Self::F32(values) => values.resize(rows.div_ceil(ROWS) * inputs, [0.0; ROWS]),
            #[cfg(target_arch = "x86_64")]
            Self::Bytes(_, quantised) => quantised.resize(rows, inputs),
            #[cfg(target_arch = "x86_64")]
            Self::Lines(_, quantised) => quantised.resize(rows, inputs),
            #[cfg(target_arch = "x86_64")]
            Self::Pairs(_, quantised) => quantised.resize(rows, inputs),
            #[cfg(target_arch = "aarch64")]
            Self::SignedBytes(_, quantised) => quantised.resize(rows, inputs),
            Self::Whole(quantised) => quantised.resize(rows, inputs),
            #[cfg(target_arch = "x86_64")]
            Self::Halves(_, halves) => halves.resize(rows, inputs),
            #[cfg(target_arch = "x86_64")]
            Self::HalfLines(_, halves) => halves.resize(rows, inputs),
            Self::Rounded(halves) => halves.resize(rows, inputs),
        }
    }

    /// Packs some inputs of the rows of one panel, `[panel_rows, place.count]`.
    fn put(&mut self, arch: pulp::Arch, place: PanelPart, values: &[f32]) {
        match self {
            Self::F32(packed) => {
                let panel = &mut packed[place.panel * place.inputs + place.first..][..place.count];
                pack_rows::<_, ROWS>(rows_of(values, place.count), panel);
            }
            #[cfg(target_arch = "x86_64")]
            Self::Bytes(_, rows) => arch.dispatch(quantised::Quantise { rows, place, values }),
            #[cfg(target_arch = "x86_64")]
            Self::Lines(_, rows) => arch.dispatch(quantised::Quantise { rows, place, values }),
            #[cfg(target_arch = "x86_64")]
            Self::Pairs(_, rows) => arch.dispatch(quantised::Quantise { rows, place, values }),
            #[cfg(target_arch = "aarch64")]
            Self::SignedBytes(_, rows) => arch.dispatch(quantised::Quantise { rows, place, values }),
            Self::Whole(rows) => arch.dispatch(quantised::Quantise { rows, place, values }),
            #[cfg(target_arch = "x86_64")]
            Self::Halves(_, rows) => arch.dispatch(PackHalves { rows, place, values }),
            #[cfg(target_arch = "x86_64")]
            Self::HalfLines(_, rows) => arch.dispatch(PackHalves { rows, place, values }),
            Self::Rounded(rows) => arch.dispatch(PackHalves { rows, place, values }),
        }
    }
}

impl PackedRows {
    /// Without rows yet.
    pub fn new(cpu: Cpu, precision: Precision) -> Self {
        Self { cpu, rows: 0, inputs: 0, scratch: Vec::new(), form: Rows::new(cpu, precision) }
    }

    /// Number of rows packed.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Packs `rows` rows `[inputs]`, each as `fill` writes it; replaces those packed before.
    pub fn pack(&mut self, rows: usize, inputs: usize, mut fill: impl FnMut(usize, &mut [f32])) {
        self.resize(rows, inputs);
        let panel_rows = self.form.panel_rows();
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.resize(panel_rows * inputs, 0.0);
        for panel in 0..rows.div_ceil(panel_rows) {
            for (at, row) in scratch.chunks_exact_mut(inputs).enumerate() {
                match panel * panel_rows + at {
                    row_index if row_index < rows => fill(row_index, row),
                    _ => row.fill(0.0),
                }
            }
            let place = PanelPart { panel, first: 0, count: inputs, inputs };
            self.form.put(self.cpu.arch, place, &scratch);
        }
        self.scratch = scratch;
    }

    /// Makes room for `rows` rows `[inputs]`.
    fn resize(&mut self, rows: usize, inputs: usize) {
        (self.rows, self.inputs) = (rows, inputs);
        self.form.resize(rows, inputs);
    }
}

impl PackedWeights {
    /// Packs `weights`, `[outputs, inputs]`.
    pub fn new(cpu: Cpu, precision: Precision, weights: &[f32], inputs: usize) -> Self {
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        let bytes = |step| Columns::Bytes(QuantisedColumns::new(weights, inputs, step, i32::from_le_bytes));
        let form = match precision {
            Precision::F32 => Columns::F32(pack_columns(weights, inputs, 0.0)),
            Precision::Int8 => match cpu.bytes {
                #[cfg(target_arch = "x86_64")]
                Bytes::Vnni(_) => bytes(4),
                #[cfg(target_arch = "x86_64")]
                Bytes::Amx(_) => bytes(x86::TILE_BYTES),
                #[cfg(target_arch = "x86_64")]
                Bytes::Pairs(_) => {
                    let join = |[first, second]: [u8; 2]| {
                        i32::from(first as i8) & 0xffff | i32::from(second as i8) << 16
                    };
                    Columns::Pairs(QuantisedColumns::new(weights, inputs, 2, join))
                }
                #[cfg(target_arch = "aarch64")]
                Bytes::Dot(_) => bytes(4),
                Bytes::None => {
                    let join = |[value]: [u8; 1]| f32::from(value as i8);
                    Columns::Whole(QuantisedColumns::new(weights, inputs, 1, join))
                }
            },
            Precision::Bf16 => match cpu.halves {
                #[cfg(target_arch = "x86_64")]
                Halves::Wide(_) => Columns::Halves(pack_half_columns(weights, inputs, 2)),
                #[cfg(target_arch = "x86_64")]
                Halves::Amx(_) => Columns::Halves(pack_half_columns(weights, inputs, 32)),
                Halves::None => Columns::Rounded(pack_rounded_columns(weights, inputs)),
            },
        };
        Self { cpu, outputs: weights.len() / inputs, inputs, form }
    }

    /// What rounding to 8 bits leaves of `weights`, `[outputs, inputs]`; nothing in other precisions. A product with the weights
    /// and one with what is left of them, added up, are nearly exact.
    pub fn remainder(precision: Precision, weights: &[f32], inputs: usize) -> Option<Vec<f32>> {
        match precision {
            Precision::F32 | Precision::Bf16 => None,
            Precision::Int8 => Some(quantised::remainder(weights, inputs)),
        }
    }

    /// Length of a result's row.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Length of a row to multiply.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Multiplies `rows`, `[n, inputs]`, with every output's weights, adds `bias`, `[outputs]` or empty for none, and
    /// stores the result in `out`, `[n, outputs]`.
    ///
    /// # Panics
    /// Where the shapes or the precisions of the operands differ.
    pub fn multiply(&self, rows: &PackedRows, bias: &[f32], accumulate: Accumulate, out: &mut [f32]) {
        assert_eq!(rows.rows * self.outputs, out.len(), "shapes differ");
        self.run(rows, bias, StoreRows { outputs: self.outputs, accumulate, out });
    }

    /// As [`Self::multiply`], and packs the result for the next product: each row of it in parts of some outputs, after
    /// `change`, a function of every value alone.
    ///
    /// # Panics
    /// Where the shapes or the precisions of the operands differ.
    pub fn multiply_and_pack(
        &self,
        rows: &PackedRows,
        bias: &[f32],
        change: impl Fn(&mut [f32]),
        packed: &mut PackedRows,
    ) {
        packed.resize(rows.rows, self.outputs);
        self.run(rows, bias, PackRows { change: &change, packed });
    }

    fn run(&self, rows: &PackedRows, bias: &[f32], sink: impl Sink) {
        assert_eq!(rows.inputs, self.inputs, "shapes differ");
        let shape = Shape { rows: rows.rows, inputs: self.inputs, outputs: self.outputs };
        let target = Target { shape, bias, sink };
        match (&rows.form, &self.form) {
            (Rows::F32(rows), Columns::F32(columns)) => {
                self.cpu.arch.dispatch(F32Product { rows, columns, target });
            }
            (Rows::Rounded(rows), Columns::Rounded(columns)) => {
                self.cpu.arch.dispatch(F32Product { rows: rows.as_floats(), columns, target });
            }
            #[cfg(target_arch = "x86_64")]
            (Rows::Halves(wide, rows), Columns::Halves(columns)) => {
                let rows = &rows.values;
                self.cpu.arch.dispatch(halves::WideHalfProduct { wide: *wide, rows, columns, target });
            }
            #[cfg(target_arch = "x86_64")]
            (Rows::HalfLines(amx, rows), Columns::Halves(columns)) => {
                let (tiles, rows) = (amx.tiles(), &rows.values);
                self.cpu.arch.dispatch(halves::TileHalfProduct { tiles, rows, columns, target });
            }
            (Rows::Whole(rows), Columns::Whole(columns)) => {
                self.cpu.arch.dispatch(int8::WholeProduct { rows, columns, target });
            }
            #[cfg(target_arch = "x86_64")]
            (Rows::Pairs(pairs, rows), Columns::Pairs(columns)) => {
                pairs.multiply(PairProduct { rows, columns, target });
            }
            #[cfg(target_arch = "x86_64")]
            (Rows::Bytes(vnni, rows), Columns::Bytes(columns)) => {
                self.cpu.arch.dispatch(int8::ByteProduct { vnni: *vnni, rows, columns, target });
            }
            #[cfg(target_arch = "x86_64")]
            (Rows::Lines(amx, rows), Columns::Bytes(columns)) => {
                self.cpu.arch.dispatch(int8::TileProduct { amx: *amx, rows, columns, target });
            }
            #[cfg(target_arch = "aarch64")]
            (Rows::SignedBytes(dot, rows), Columns::Bytes(columns)) => {
                self.cpu.arch.dispatch(neon::DotProduct { dot: *dot, rows, columns, target });
            }
            _ => unreachable!("rows and weights are packed in different precisions"),
        }
    }
}

/// Stores a product as it is.
struct StoreRows<'a> {
    outputs: usize,
    accumulate: Accumulate,
    out: &'a mut [f32],
}

impl Sink for StoreRows<'_> {
    #[inline(always)]
    fn take<const R: usize>(&mut self, row: usize, first: usize, tiles: &[Tile<R>], bias: &[f32]) {
        let rows = self.out[row * self.outputs..].chunks_exact_mut(self.outputs).take(R);
        for (row, out) in rows.enumerate() {
            let out = &mut out[first..first + bias.len()];
            for ((tile, bias), out) in tiles.iter().zip(bias.chunks(COLS)).zip(out.chunks_mut(COLS)) {
                store(&tile[row], bias, self.accumulate, out);
            }
        }
    }
}

/// Stores as many sums as `out` and `bias` have, with the bias.
#[inline(always)]
fn store(sums: &ColSlice<f32>, bias: &[f32], accumulate: Accumulate, out: &mut [f32]) {
    match (<&[f32; COLS]>::try_from(bias), <&mut [f32; COLS]>::try_from(&mut *out)) {
        (Ok(bias), Ok(out)) => {
            let mut results = *sums;
            for (result, bias) in results.0.iter_mut().zip(bias) {
                *result += bias;
            }
            if accumulate == Accumulate::Yes {
                for (result, out) in results.0.iter_mut().zip(&*out) {
                    *result += out;
                }
            }
            *out = results.0;
        }
        _ => {
            for ((out, sum), bias) in out.iter_mut().zip(&sums.0).zip(bias) {
                *out = if accumulate == Accumulate::Yes { *out } else { 0.0 } + (sum + bias);
            }
        }
    }
}

/// Packs a product for the next one.
struct PackRows<'a> {
    change: &'a dyn Fn(&mut [f32]),
    packed: &'a mut PackedRows,
}

impl Sink for PackRows<'_> {
    #[inline(always)]
    fn take<const R: usize>(&mut self, row: usize, first: usize, tiles: &[Tile<R>], bias: &[f32]) {
        let mut block = [[0.0; COLS * PANELS]; R];
        let block = &mut block.as_flattened_mut()[..R * bias.len()];
        for (row, values) in block.chunks_exact_mut(bias.len()).enumerate() {
            for ((tile, bias), values) in tiles.iter().zip(bias.chunks(COLS)).zip(values.chunks_mut(COLS)) {
                store(&tile[row], bias, Accumulate::No, values);
            }
        }
        (self.change)(block);
        let packed = &mut *self.packed;
        let place = PanelPart { panel: row / R, first, count: bias.len(), inputs: packed.inputs };
        packed.form.put(packed.cpu.arch, place, block);
    }
}

struct F32Product<'a, K> {
    rows: &'a [RowSlice<f32>],
    columns: &'a [ColSlice<f32>],
    target: Target<'a, K>,
}

impl<K: Sink> pulp::WithSimd for F32Product<'_, K> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { rows, columns, target } = self;
        let inputs = target.shape.inputs;
        target.fill(columns, 1, MultiplyF32 { simd, rows, columns, inputs });
    }
}

struct MultiplyF32<'a, S> {
    simd: S,
    rows: &'a [RowSlice<f32>],
    columns: &'a [ColSlice<f32>],
    inputs: usize,
}

impl<S: Simd> Multiply for MultiplyF32<'_, S> {
    #[inline(always)]
    fn add(&mut self, step: Step, tile: &mut Tile) {
        let rows = &self.rows[step.row_panel * self.inputs..][step.inputs.clone()];
        let columns = &self.columns[step.column_panel * self.inputs..][step.inputs];
        add_tile(self.simd, rows, columns, tile);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fill::ROWS_AT_ONCE;
    use super::super::quantised::GROUP;
    use super::super::random;
    use super::*;

    fn packed(cpu: Cpu, precision: Precision, rows: &[f32], inputs: usize) -> PackedRows {
        let mut packed = PackedRows::new(cpu, precision);
        packed.pack(rows.len() / inputs, inputs, |row, out| {
            out.copy_from_slice(&rows[row * inputs..][..inputs])
        });
        packed
    }

    fn product(cpu: Cpu, precision: Precision, rows: &[f32], weights: &[f32], inputs: usize) -> Vec<f32> {
        let weights = PackedWeights::new(cpu, precision, weights, inputs);
        let rows = packed(cpu, precision, rows, inputs);
        let mut out = vec![f32::NAN; rows.rows() * weights.outputs()];
        weights.multiply(&rows, &[], Accumulate::No, &mut out);
        out
    }

    /// The plain version.
    fn plain(rows: &[f32], weights: &[f32], inputs: usize) -> Vec<f64> {
        let dot = |row: &[f32], weights: &[f32]| -> f64 {
            row.iter().zip(weights).map(|(x, w)| f64::from(*x) * f64::from(*w)).sum()
        };
        let rows = rows.chunks_exact(inputs);
        rows.flat_map(|row| weights.chunks_exact(inputs).map(move |weights| dot(row, weights))).collect()
    }

    /// The plain version in 8-bit integers: what every processor gives, to the last bit.
    fn plain_int8(rows: &[f32], weights: &[f32], inputs: usize) -> Vec<f32> {
        let to_byte = |value: f32, scale: f32, zero: f32| {
            let factor = if scale > 1e-30 { 1.0 / scale } else { 0.0 };
            (value * factor + zero).clamp(0.0, 255.0).round_ties_even() as i64
        };
        let groups_of = |values: &[f32]| values.chunks(GROUP).map(<[f32]>::to_vec).collect::<Vec<_>>();
        let row = |row: &[f32]| {
            let quantised = groups_of(row).into_iter().map(|group| {
                let (low, high) = group.iter().fold((0.0_f32, 0.0_f32), |(l, h), x| (l.min(*x), h.max(*x)));
                let scale = (high - low) * (1.0 / 255.0);
                let zero = to_byte(-low, scale, 0.0);
                (scale, group.iter().map(|x| to_byte(*x, scale, zero as f32) - zero).collect::<Vec<_>>())
            });
            quantised.collect::<Vec<_>>()
        };
        let weights_of = |weights: &[f32]| {
            let quantised = groups_of(weights).into_iter().map(|group| {
                let scale = group.iter().fold(0.0_f32, |largest, weight| largest.max(weight.abs())) / 127.0;
                (scale, group.iter().map(|weight| to_byte(*weight, scale, 128.0) - 128).collect::<Vec<_>>())
            });
            quantised.collect::<Vec<_>>()
        };
        let rows: Vec<_> = rows.chunks_exact(inputs).map(row).collect();
        let weights: Vec<_> = weights.chunks_exact(inputs).map(weights_of).collect();
        let dot = |row: &[(f32, Vec<i64>)], weights: &[(f32, Vec<i64>)]| {
            row.iter().zip(weights).fold(0.0, |sum, ((row_scale, row), (scale, weights))| {
                let bracket: i64 = row.iter().zip(weights).map(|(x, weight)| x * weight).sum();
                sum + bracket as f32 * (row_scale * scale)
            })
        };
        rows.iter().flat_map(|row| weights.iter().map(|weights| dot(row, weights))).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn products_are_those_of_the_plain_version(
            n in 1usize..40, outputs in 1usize..80, inputs in 1usize..600, seed: u64,
        ) {
            let (rows, weights) = (random(n * inputs, seed), random(outputs * inputs, !seed));
            let expected = plain(&rows, &weights, inputs);
            for cpu in Cpu::all() {
                for (found, exact) in product(cpu, Precision::F32, &rows, &weights, inputs).iter().zip(&expected) {
                    prop_assert!((f64::from(*found) - exact).abs() < 2e-5, "{}: {} for {}", cpu.name(), found, exact);
                }
                for (found, exact) in product(cpu, Precision::Bf16, &rows, &weights, inputs).iter().zip(&expected) {
                    // Half a step of each operand, 2⁻⁹ of its size, at random signs.
                    let allowed = 0.001 * (inputs as f64).sqrt() + 0.002;
                    prop_assert!((f64::from(*found) - exact).abs() < allowed, "{}: {} for {}", cpu.name(), found, exact);
                }
                // Half a step of each operand, 1/255 and 1/254 of the range, at random signs.
                let allowed = 0.004 * (inputs as f64).sqrt() + 0.002;
                for (found, exact) in product(cpu, Precision::Int8, &rows, &weights, inputs).iter().zip(&expected) {
                    prop_assert!((f64::from(*found) - exact).abs() < allowed, "{}: {} for {}", cpu.name(), found, exact);
                }
            }
        }

        #[test]
        fn int8_is_the_plain_version_with_integers_on_every_processor(
            n in 1usize..70, outputs in 1usize..70, inputs in 1usize..600, seed: u64, extreme: bool,
        ) {
            let (mut rows, mut weights) = (random(n * inputs, seed), random(outputs * inputs, !seed));
            if extreme {
                // As bytes nothing but 0 and 255, and −127 and 127.
                rows.iter_mut().for_each(|x| *x = f32::from(u8::from(*x > -0.3)));
                weights.iter_mut().for_each(|w| *w = w.signum());
            }
            let plain = plain_int8(&rows, &weights, inputs);
            for cpu in Cpu::all() {
                prop_assert_eq!(&product(cpu, Precision::Int8, &rows, &weights, inputs), &plain, "{}", cpu.name());
            }
        }

        #[test]
        fn a_row_does_not_depend_on_its_neighbours(
            n in 1usize..30, outputs in 1usize..70, inputs in 1usize..300, seed: u64,
        ) {
            let (rows, weights) = (random(n * inputs, seed), random(outputs * inputs, !seed));
            for precision in Precision::ALL {
                let together = product(Cpu::detect(), precision, &rows, &weights, inputs);
                for (row, together) in rows.chunks_exact(inputs).zip(together.chunks_exact(outputs)) {
                    prop_assert_eq!(&product(Cpu::detect(), precision, row, &weights, inputs), together);
                }
            }
        }
    }

    /// Several panels of rows, blocks of columns and chunks of inputs, each with a ragged end.
    const LARGE: [[usize; 3]; 4] =
        [[70, 300, 1700], [33, 257, 769], [ROWS_AT_ONCE + 9, 33, 257], [17, 520, 64]];

    #[test]
    fn large_products_are_those_of_the_plain_version() {
        for [n, outputs, inputs] in LARGE {
            let (rows, weights) = (random(n * inputs, 5), random(outputs * inputs, 6));
            let exact = plain(&rows, &weights, inputs);
            for cpu in Cpu::all() {
                for (found, exact) in product(cpu, Precision::F32, &rows, &weights, inputs).iter().zip(&exact)
                {
                    assert!((f64::from(*found) - exact).abs() < 1e-4, "{}: {found} for {exact}", cpu.name());
                }
            }
            let int8 = plain_int8(&rows, &weights, inputs);
            for (found, exact) in int8.iter().zip(&exact) {
                assert!(
                    (f64::from(*found) - exact).abs() < 0.004 * (inputs as f64).sqrt(),
                    "{found} for {exact}"
                );
            }
            for cpu in Cpu::all() {
                assert!(product(cpu, Precision::Int8, &rows, &weights, inputs) == int8, "{}", cpu.name());
            }
        }
    }

    #[test]
    fn products_that_are_packed_are_those_that_are_stored_and_then_packed() {
        for [n, outputs, inputs] in LARGE {
            let (values, bias) = (random(n * inputs, 7), random(outputs, 8));
            for (cpu, precision) in Cpu::all().into_iter().flat_map(|cpu| Precision::ALL.map(|p| (cpu, p))) {
                let weights = PackedWeights::new(cpu, precision, &random(outputs * inputs, 9), inputs);
                let next = PackedWeights::new(cpu, precision, &random(5 * outputs, 10), outputs);
                let rows = packed(cpu, precision, &values, inputs);
                let double = |values: &mut [f32]| values.iter_mut().for_each(|value| *value *= 2.0);

                let mut stored = vec![f32::NAN; n * outputs];
                weights.multiply(&rows, &bias, Accumulate::No, &mut stored);
                double(&mut stored);
                let mut expected = vec![f32::NAN; n * 5];
                next.multiply(&packed(cpu, precision, &stored, outputs), &[], Accumulate::No, &mut expected);

                // Of more rows and inputs before, so that what is left of them would be seen.
                let mut at_once =
                    packed(cpu, precision, &random((n + 40) * (outputs + 300), 11), outputs + 300);
                weights.multiply_and_pack(&rows, &bias, double, &mut at_once);
                let mut found = vec![f32::NAN; n * 5];
                next.multiply(&at_once, &[], Accumulate::No, &mut found);
                assert!(found == expected, "{} {precision}", cpu.name());
            }
        }
    }

    #[test]
    fn a_product_and_that_of_the_remainder_are_nearly_exact() {
        let (n, outputs, inputs) = (5, 40, 700);
        // Whole numbers from 0 to 255 are 8-bit integers themselves, so that only weights are rounded.
        let rows = random(n * inputs, 1).iter().map(|x| (x * 255.0 + 127.5).round()).collect::<Vec<_>>();
        let groups = rows.chunks(inputs).flat_map(|row| row.chunks(GROUP));
        let rows: Vec<f32> = groups.flat_map(|group| [&[0.0, 255.0], &group[2..]].concat()).collect();
        let weights = random(outputs * inputs, 2);
        let exact = plain(&rows, &weights, inputs);
        assert_eq!(PackedWeights::remainder(Precision::F32, &weights, inputs), None);
        let remainder = PackedWeights::remainder(Precision::Int8, &weights, inputs).unwrap();
        for cpu in Cpu::all() {
            let rounded = product(cpu, Precision::Int8, &rows, &weights, inputs);
            let rest = product(cpu, Precision::Int8, &rows, &remainder, inputs);
            let error = |of: &dyn Fn(usize) -> f32| {
                let errors = exact.iter().enumerate().map(|(at, exact)| (f64::from(of(at)) - exact).abs());
                errors.fold(0.0, f64::max)
            };
            let (before, after) = (error(&|at| rounded[at]), error(&|at| rounded[at] + rest[at]));
            assert!(after < before / 50.0, "{}: {before} to {after}", cpu.name());
        }
    }

    #[test]
    fn bias_and_addition() {
        let (n, outputs, inputs) = (13, 35, 7);
        let (rows, weights, bias) = (random(n * inputs, 1), random(outputs * inputs, 2), random(outputs, 3));
        for precision in Precision::ALL {
            let product = product(Cpu::detect(), precision, &rows, &weights, inputs);
            let weights = PackedWeights::new(Cpu::detect(), precision, &weights, inputs);
            let rows = packed(Cpu::detect(), precision, &rows, inputs);
            let mut out = vec![f32::NAN; n * outputs];
            weights.multiply(&rows, &bias, Accumulate::No, &mut out);
            weights.multiply(&rows, &bias, Accumulate::Yes, &mut out);
            for (at, (out, product)) in out.iter().zip(&product).enumerate() {
                assert!((out - 2.0 * (product + bias[at % outputs])).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn zeros_and_large_values_keep_int8_finite() {
        let mut rows = vec![0.0; 2 * 300];
        rows[300..].fill(1e30);
        let out = product(Cpu::detect(), Precision::Int8, &rows, &[0.0; 300], 300);
        assert_eq!(out, [0.0, 0.0]);
    }

    #[test]
    #[should_panic(expected = "shapes differ")]
    fn shapes_must_fit() {
        let weights = PackedWeights::new(Cpu::detect(), Precision::F32, &[0.0; 6], 3);
        let rows = packed(Cpu::detect(), Precision::F32, &[0.0; 8], 4);
        weights.multiply(&rows, &[], Accumulate::No, &mut [0.0; 4]);
    }
}
