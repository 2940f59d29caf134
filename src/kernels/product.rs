//! Products of packed rows with packed weights, in both precisions: out = rows · weightsᵀ + bias.

use pulp::Simd;

use super::int8::{self, QuantisedColumns, QuantisedRows};
use super::panels::{COLS, ColSlice, ROWS, RowSlice, Tile, ZERO, pack_columns, pack_rows, rows_of};
use super::{Cpu, Precision};

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
    Bytes(QuantisedColumns<i32, 4>),
    /// The same integers as floats, for processors without 8-bit products.
    Whole(QuantisedColumns<f32, 1>),
}

/// Rows to multiply, packed for products with any number of weights; the memory is kept from one packing to the next.
#[derive(Debug, Clone)]
pub struct PackedRows {
    cpu: Cpu,
    rows: usize,
    inputs: usize,
    /// One panel's rows before they are packed.
    scratch: Vec<f32>,
    form: Rows,
}

#[derive(Debug, Clone)]
enum Rows {
    F32(Vec<RowSlice<f32>>),
    Bytes(QuantisedRows<u32, 4>),
    Whole(QuantisedRows<f32, 1>),
}

/// Where a product goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// It replaces what is there.
    Replace,
    /// It is added to what is there.
    Add,
}

impl PackedRows {
    /// Without rows yet.
    pub fn new(cpu: Cpu, precision: Precision) -> Self {
        let form = match precision {
            Precision::F32 => Rows::F32(Vec::new()),
            Precision::Int8 if cpu.has_bytes() => Rows::Bytes(QuantisedRows::default()),
            Precision::Int8 => Rows::Whole(QuantisedRows::default()),
        };
        Self { cpu, rows: 0, inputs: 0, scratch: Vec::new(), form }
    }

    /// Number of rows packed.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Packs `rows` rows `[inputs]`, each as `fill` writes it; replaces those packed before.
    pub fn pack(&mut self, rows: usize, inputs: usize, mut fill: impl FnMut(usize, &mut [f32])) {
        let panels = rows.div_ceil(ROWS);
        (self.rows, self.inputs) = (rows, inputs);
        self.scratch.resize(ROWS * inputs, 0.0);
        match &mut self.form {
            Rows::F32(values) => values.resize(panels * inputs, [0.0; ROWS]),
            Rows::Bytes(quantised) => quantised.resize(panels, inputs),
            Rows::Whole(quantised) => quantised.resize(panels, inputs),
        }
        for panel in 0..panels {
            for (at, row) in self.scratch.chunks_exact_mut(inputs).enumerate() {
                match panel * ROWS + at {
                    row_index if row_index < rows => fill(row_index, row),
                    _ => row.fill(0.0),
                }
            }
            let scratch = &self.scratch[..];
            match &mut self.form {
                Rows::F32(values) => {
                    pack_rows(rows_of(scratch, inputs), &mut values[panel * inputs..][..inputs]);
                }
                Rows::Bytes(rows) => {
                    let values =
                        int8::Quantise { rows, panel, values: scratch, inputs, join: u32::from_le_bytes };
                    self.cpu.arch.dispatch(values);
                }
                Rows::Whole(rows) => {
                    let join = |[byte]: [u8; 1]| f32::from(byte);
                    self.cpu.arch.dispatch(int8::Quantise { rows, panel, values: scratch, inputs, join });
                }
            }
        }
    }
}

impl PackedWeights {
    /// Packs `weights`, `[outputs, inputs]`.
    pub fn new(cpu: Cpu, precision: Precision, weights: &[f32], inputs: usize) -> Self {
        let form = match precision {
            Precision::F32 => Columns::F32(pack_columns(weights, inputs, 0.0)),
            Precision::Int8 if cpu.has_bytes() => {
                Columns::Bytes(QuantisedColumns::new(weights, inputs, i32::from_le_bytes))
            }
            Precision::Int8 => {
                Columns::Whole(QuantisedColumns::new(weights, inputs, |[value]| f32::from(value as i8)))
            }
        };
        Self { cpu, outputs: weights.len() / inputs, inputs, form }
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
    pub fn multiply(&self, rows: &PackedRows, bias: &[f32], store: Store, out: &mut [f32]) {
        assert_eq!((rows.inputs, rows.rows * self.outputs), (self.inputs, out.len()), "shapes differ");
        let target = Target { outputs: self.outputs, bias, store, out };
        match (&rows.form, &self.form) {
            (Rows::F32(rows), Columns::F32(columns)) => {
                self.cpu.arch.dispatch(F32Product { rows, columns, inputs: self.inputs, target });
            }
            (Rows::Whole(rows), Columns::Whole(columns)) => {
                self.cpu.arch.dispatch(int8::WholeProduct { rows, columns, inputs: self.inputs, target });
            }
            #[cfg(target_arch = "x86_64")]
            (Rows::Bytes(rows), Columns::Bytes(columns)) => {
                if let Some(vnni) = self.cpu.vnni {
                    let inputs = self.inputs;
                    self.cpu.arch.dispatch(int8::ByteProduct { vnni, rows, columns, inputs, target });
                }
            }
            _ => unreachable!("rows and weights are packed in different precisions"),
        }
    }
}

/// Where the tiles of a product go.
pub(super) struct Target<'a> {
    pub outputs: usize,
    pub bias: &'a [f32],
    pub store: Store,
    pub out: &'a mut [f32],
}

impl Target<'_> {
    /// Computes every tile, named by its panels of rows and of columns, and stores it.
    ///
    /// A panel of weights meets all rows before the next one is read: weights come from far memory once, and the next
    /// panel is on its way while one is multiplied. `columns` are the weights' panels.
    #[inline(always)]
    pub(super) fn fill<T>(self, columns: &[ColSlice<T>], mut compute: impl FnMut(usize, usize, &mut Tile)) {
        let Self { outputs, bias, store, out } = self;
        let mut tile = ZERO;
        let in_panel = columns.len() / outputs.div_ceil(COLS);
        let in_tile = in_panel.div_ceil((out.len() / outputs).div_ceil(ROWS).max(1));
        for (column_panel, first) in (0..outputs).step_by(COLS).enumerate() {
            let last = (first + COLS).min(outputs);
            let mut added = [0.0; COLS];
            if !bias.is_empty() {
                added[..last - first].copy_from_slice(&bias[first..last]);
            }
            let mut next = columns[(column_panel + 1) * in_panel..].iter().take(in_panel);
            for (row_panel, out) in out.chunks_mut(ROWS * outputs).enumerate() {
                next.by_ref().take(in_tile).for_each(prefetch);
                compute(row_panel, column_panel, &mut tile);
                for (sums, out) in tile.iter().zip(out.chunks_exact_mut(outputs)) {
                    let out = &mut out[first..last];
                    match <&mut [f32; COLS]>::try_from(&mut *out) {
                        Ok(out) => store_row(&sums.0, &added, store, out),
                        Err(_) => {
                            let mut padded = [0.0; COLS];
                            padded[..out.len()].copy_from_slice(out);
                            store_row(&sums.0, &added, store, &mut padded);
                            out.copy_from_slice(&padded[..out.len()]);
                        }
                    }
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

#[inline(always)]
fn store_row(sums: &[f32; COLS], added: &[f32; COLS], store: Store, out: &mut [f32; COLS]) {
    match store {
        Store::Replace => {
            for at in 0..COLS {
                out[at] = sums[at] + added[at];
            }
        }
        Store::Add => {
            for at in 0..COLS {
                out[at] += sums[at] + added[at];
            }
        }
    }
}

struct F32Product<'a> {
    rows: &'a [RowSlice<f32>],
    columns: &'a [ColSlice<f32>],
    inputs: usize,
    target: Target<'a>,
}

impl pulp::WithSimd for F32Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { rows, columns, inputs, target } = self;
        target.fill(columns, |row_panel, column_panel, sums| {
            let rows = &rows[row_panel * inputs..][..inputs];
            tile(simd, rows, &columns[column_panel * inputs..][..inputs], sums);
        });
    }
}

/// The sums of a panel of rows with a panel of columns.
#[inline(always)]
pub(super) fn tile<S: Simd>(simd: S, rows: &[RowSlice<f32>], columns: &[ColSlice<f32>], sums: &mut Tile) {
    if S::REGISTER_COUNT >= 32 {
        part::<S, ROWS>(simd, rows, columns, 0, sums);
    } else {
        part::<S, { ROWS / 2 }>(simd, rows, columns, 0, sums);
        part::<S, { ROWS / 2 }>(simd, rows, columns, ROWS / 2, sums);
    }
}

/// The sums of `N` rows from `first` on: as many as fit into registers beside two vectors of columns.
#[inline(always)]
fn part<S: Simd, const N: usize>(
    simd: S,
    rows: &[RowSlice<f32>],
    columns: &[ColSlice<f32>],
    first: usize,
    tile: &mut Tile,
) {
    let vectors = COLS / S::F32_LANES;
    for vector in (0..vectors).step_by(2) {
        let mut sums = [[simd.splat_f32s(0.0); 2]; N];
        for (row, columns) in rows.iter().zip(columns) {
            let columns = S::as_simd_f32s(&columns.0).0;
            let (left, right) = (columns[vector], columns[vector + 1]);
            for (sums, value) in sums.iter_mut().zip(&row[first..first + N]) {
                let value = simd.splat_f32s(*value);
                sums[0] = simd.mul_add_e_f32s(value, left, sums[0]);
                sums[1] = simd.mul_add_e_f32s(value, right, sums[1]);
            }
        }
        for (sums, tile) in sums.iter().zip(&mut tile[first..first + N]) {
            let tile = S::as_mut_simd_f32s(&mut tile.0).0;
            (tile[vector], tile[vector + 1]) = (sums[0], sums[1]);
        }
    }
}

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
        std::hint::black_box(sums.map(|sum| simd.reduce_sum_f32s(sum)));
        (2 * CHAINS * STEPS * S::F32_LANES) as f64 / start.elapsed().as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
        weights.multiply(&rows, &[], Store::Replace, &mut out);
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
                // Half a step of each operand, 1/255 and 1/254 of the range, at random signs.
                let allowed = 0.004 * (inputs as f64).sqrt() + 0.002;
                for (found, exact) in product(cpu, Precision::Int8, &rows, &weights, inputs).iter().zip(&expected) {
                    prop_assert!((f64::from(*found) - exact).abs() < allowed, "{}: {} for {}", cpu.name(), found, exact);
                }
            }
        }

        #[test]
        fn int8_is_the_same_on_every_processor(
            n in 1usize..30, outputs in 1usize..70, inputs in 1usize..600, seed: u64,
        ) {
            let (rows, weights) = (random(n * inputs, seed), random(outputs * inputs, !seed));
            let plain = product(Cpu::all()[0], Precision::Int8, &rows, &weights, inputs);
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

    #[test]
    fn bias_and_addition() {
        let (n, outputs, inputs) = (13, 35, 7);
        let (rows, weights, bias) = (random(n * inputs, 1), random(outputs * inputs, 2), random(outputs, 3));
        for precision in Precision::ALL {
            let product = product(Cpu::detect(), precision, &rows, &weights, inputs);
            let weights = PackedWeights::new(Cpu::detect(), precision, &weights, inputs);
            let rows = packed(Cpu::detect(), precision, &rows, inputs);
            let mut out = vec![f32::NAN; n * outputs];
            weights.multiply(&rows, &bias, Store::Replace, &mut out);
            weights.multiply(&rows, &bias, Store::Add, &mut out);
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
        weights.multiply(&rows, &[], Store::Replace, &mut [0.0; 4]);
    }
}
