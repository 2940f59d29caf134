//! What only x86-64 has: the 8-bit products of VNNI and AMX, their products of bfloat16, and prefetching. Beside `neon.rs`
//! the only unsafe code of the project.
//!
//! 8-bit products multiply unsigned bytes with signed ones and add them to 32-bit sums (Intel's Architecture Instruction
//! Set Extensions Programming Reference): `vpdpbusd` four for each of sixteen columns, or of eight with AVX-VNNI, `tdpbusd`
//! 64 for each of sixteen rows and sixteen columns, on registers that hold 16 rows of 64 bytes. `vdpbf16ps` and `tdpbf16ps`
//! take two bytes for an input and add to floats. `pulp` knows none of them, and Rust names those of AMX in assembly only;
//! `product.rs` tests all of them that are there against the plain version, and `self_check.rs` does before they are used.
#![allow(unsafe_code)]

use std::arch::asm;
use std::arch::x86_64::{
    __cpuid, __cpuid_count, __m256, __m256i, __m512, __m512bh, __m512i, _MM_HINT_T1, _mm_prefetch,
    _mm256_cvtepi32_ps, _mm256_dpbusd_avx_epi32, _mm256_set1_epi32, _mm256_setzero_si256, _mm512_add_ps,
    _mm512_cvtepi32_ps, _mm512_dpbf16_ps, _mm512_dpbusd_epi32, _mm512_fnmadd_ps, _mm512_mul_ps,
    _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_si512,
};
use std::marker::PhantomData;
use std::sync::LazyLock;

use super::panels::{COLS, ColSlice, ROWS, RowSlice, TALL, Tile, zero_tile};
use super::quantised::{GROUP, Joined, Panels};

/// Shows that this processor has VNNI, in one of its forms.
#[derive(Debug, Clone, Copy)]
pub(super) struct Vnni(VnniForm);

#[derive(Debug, Clone, Copy)]
enum VnniForm {
    /// AVX-512's: sixteen columns at once.
    Wide,
    /// AVX-VNNI: eight columns.
    Narrow,
    /// AVX-VNNI's loops around an instruction that AVX2 imitates.
    #[cfg(test)]
    Imitated,
}

/// Asks for these values to be brought near; it changes nothing else.
#[inline(always)]
pub(super) fn prefetch<T>(values: &ColSlice<T>) {
    let start = std::ptr::from_ref(values).cast::<i8>();
    for line in (0..size_of::<ColSlice<T>>()).step_by(64) {
        // SAFETY: a prefetch may name any address; this one is within `values`.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(start.add(line)) };
    }
}

/// Whether this processor has what the functions on 512 bits are compiled for.
fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
}

/// Whether it has what the functions on 256 bits are compiled for.
fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

impl Vnni {
    /// AVX-512's form.
    pub(super) fn detect() -> Option<Self> {
        (has_avx512() && is_x86_feature_detected!("avx512vnni")).then_some(Self(VnniForm::Wide))
    }

    /// The form of 256 bits that laptops and desktops without AVX-512 have.
    pub(super) fn detect_narrow() -> Option<Self> {
        (has_avx2() && is_x86_feature_detected!("avxvnni")).then_some(Self(VnniForm::Narrow))
    }

    /// # Panics
    /// Without AVX2.
    #[cfg(test)]
    pub(super) fn imitated() -> Self {
        assert!(has_avx2());
        Self(VnniForm::Imitated)
    }

    /// Adds the products of a panel of rows with a panel of columns to `sums`.
    pub(super) fn add_tile(self, panels: Panels<'_, u32, i32, ROWS>, sums: &mut Tile) {
        // SAFETY: each form comes only from the function above that has seen every feature that its loop is compiled for.
        unsafe {
            match self.0 {
                VnniForm::Wide => add_tile(panels, sums),
                VnniForm::Narrow => narrow::add_tile(panels, sums),
                #[cfg(test)]
                VnniForm::Imitated => imitated::add_tile(panels, sums),
            }
        }
    }
}

/// The loops on 256 bits, around an instruction that adds the products of four bytes to each of eight sums.
macro_rules! narrow_loops {
    ($features:literal, $add_products:path) => {
        #[target_feature(enable = $features)]
        pub(super) fn add_tile(panels: Panels<'_, u32, i32, ROWS>, tile: &mut Tile) {
            let groups = panels.rows.chunks(GROUP / 4).zip(panels.columns.chunks(GROUP / 4));
            for (group, (rows, columns)) in groups.enumerate() {
                let mut sums = zero_tile();
                add_part::<0, 0>(rows, columns, &mut sums);
                add_part::<0, 2>(rows, columns, &mut sums);
                add_part::<{ ROWS / 2 }, 0>(rows, columns, &mut sums);
                add_part::<{ ROWS / 2 }, 2>(rows, columns, &mut sums);
                panels.add_group(group, &sums, tile);
            }
        }

        /// The sums of half of the rows from `FIRST` on and half of the columns, two vectors from `VECTOR` on.
        #[target_feature(enable = $features)]
        #[inline]
        fn add_part<const FIRST: usize, const VECTOR: usize>(
            rows: &[RowSlice<u32>],
            columns: &[ColSlice<i32>],
            tile: &mut Tile,
        ) {
            let mut sums = [[_mm256_setzero_si256(); 2]; ROWS / 2];
            for (row, columns) in rows.iter().zip(columns) {
                let columns = narrow_integers(&columns.0);
                for (sums, value) in sums.iter_mut().zip(&row[FIRST..]) {
                    let value = _mm256_set1_epi32(*value as i32);
                    sums[0] = $add_products(sums[0], value, columns[VECTOR]);
                    sums[1] = $add_products(sums[1], value, columns[VECTOR + 1]);
                }
            }
            for (sums, tile) in sums.into_iter().zip(&mut tile[FIRST..]) {
                let [left, right] = sums.map(|sums| _mm256_cvtepi32_ps(sums));
                let tile = &mut tile.0[VECTOR * 8..][..16];
                // SAFETY: both are 64 bytes without padding, and every bit pattern is valid for both.
                tile.copy_from_slice(&unsafe {
                    std::mem::transmute::<[__m256; 2], [f32; 16]>([left, right])
                });
            }
        }
    };
}

mod narrow {
    use super::*;

    narrow_loops!("avx2,fma,avxvnni", _mm256_dpbusd_avx_epi32);
}

#[cfg(test)]
mod imitated {
    use std::arch::x86_64::{
        _mm256_add_epi32, _mm256_and_si256, _mm256_madd_epi16, _mm256_set1_epi16, _mm256_slli_epi16,
        _mm256_srai_epi16, _mm256_srli_epi16,
    };

    use super::*;

    narrow_loops!("avx2,fma", add_products);

    /// `vpdpbusd`: even and odd bytes as 16-bit integers, whose products are added in pairs.
    #[target_feature(enable = "avx2,fma")]
    fn add_products(sums: __m256i, unsigned: __m256i, signed: __m256i) -> __m256i {
        let even = _mm256_madd_epi16(
            _mm256_and_si256(unsigned, _mm256_set1_epi16(0xff)),
            _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(signed)),
        );
        let odd = _mm256_madd_epi16(_mm256_srli_epi16::<8>(unsigned), _mm256_srai_epi16::<8>(signed));
        _mm256_add_epi32(sums, _mm256_add_epi32(even, odd))
    }
}

/// Shows that this processor has AVX-512 BF16.
#[derive(Debug, Clone, Copy)]
pub(super) struct WideHalves(());

impl WideHalves {
    pub(super) fn detect() -> Option<Self> {
        (has_avx512() && is_x86_feature_detected!("avx512bf16")).then_some(Self(()))
    }

    /// Adds the products of a panel of rows with a panel of columns, pairs of bfloat16, to `tile`.
    pub(super) fn add_tile(self, rows: &[RowSlice<u32>], columns: &[ColSlice<u32>], tile: &mut Tile) {
        // SAFETY: a `WideHalves` comes from `detect` only, which has seen every feature that the function is compiled for.
        unsafe { add_half_tile(rows, columns, tile) }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
fn add_half_tile(rows: &[RowSlice<u32>], columns: &[ColSlice<u32>], tile: &mut Tile) {
    let mut sums = [[_mm512_set1_ps(0.0); 2]; ROWS];
    for (sums, tile) in sums.iter_mut().zip(&*tile) {
        *sums = floats(&tile.0);
    }
    for (row, columns) in rows.iter().zip(columns) {
        let [left, right] = halves(&columns.0);
        for (sums, value) in sums.iter_mut().zip(row) {
            // SAFETY: both are 64 bytes without padding, and every bit pattern is valid for both.
            let value: __m512bh = unsafe { std::mem::transmute(_mm512_set1_epi32(*value as i32)) };
            sums[0] = _mm512_dpbf16_ps(sums[0], value, left);
            sums[1] = _mm512_dpbf16_ps(sums[1], value, right);
        }
    }
    for (sums, tile) in sums.into_iter().zip(tile) {
        tile.0 = values(sums);
    }
}

/// A loop over the rows of a tile that is written out: with constant indices the sums stay in registers.
macro_rules! for_each_row {
    ($row:ident => $body:block) => {
        for_each_row!($row => $body, 0 1 2 3 4 5 6 7 8 9 10 11)
    };
    ($row:ident => $body:block, $($at:literal)*) => {
        $({
            const $row: usize = $at;
            $body
        })*
    };
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn add_tile(panels: Panels<'_, u32, i32, ROWS>, tile: &mut Tile) {
    let groups = panels.rows.chunks(GROUP / 4).zip(panels.columns.chunks(GROUP / 4));
    for (group, (rows, columns)) in groups.enumerate() {
        let mut sums = [[_mm512_setzero_si512(); 2]; ROWS];
        for (row, columns) in rows.iter().zip(columns) {
            let [left, right] = integers(&columns.0);
            for (sums, value) in sums.iter_mut().zip(row) {
                let value = _mm512_set1_epi32(*value as i32);
                sums[0] = _mm512_dpbusd_epi32(sums[0], value, left);
                sums[1] = _mm512_dpbusd_epi32(sums[1], value, right);
            }
        }
        // What `Panels::add_group` does, in the same order; loops and not closures, which would not be inlined.
        let scales = floats(&panels.column_scales[group].0);
        let column_sums = floats(&panels.column_sums[group].0);
        for_each_row!(ROW => {
            let zero = _mm512_set1_ps(panels.zeros[group][ROW]);
            let row_scale = _mm512_set1_ps(panels.row_scales[group][ROW]);
            let mut results = floats(&tile[ROW].0);
            for half in 0..2 {
                let bracket = bracket(sums[ROW][half], zero, column_sums[half]);
                let scaled = _mm512_mul_ps(bracket, _mm512_mul_ps(row_scale, scales[half]));
                results[half] = _mm512_add_ps(results[half], scaled);
            }
            tile[ROW].0 = values(results);
        });
    }
}

/// Rows of a tile register.
const TILE_ROWS: usize = 16;
/// Bytes of a row of a tile register.
pub(super) const TILE_BYTES: usize = 64;

/// Shows that this processor has tiles of bytes, and that the system lets this process use them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Amx(());

/// The bytes of one row of a tile register.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Line(pub [u8; TILE_BYTES]);

impl Joined<TILE_BYTES> for Line {
    #[inline(always)]
    fn join(bytes: [u8; TILE_BYTES]) -> Self {
        Self(bytes)
    }
}

impl Default for Line {
    fn default() -> Self {
        Self([0; TILE_BYTES])
    }
}

/// Tile registers that have their shape, on this thread, until this is dropped.
#[derive(Debug)]
struct TileShapes(PhantomData<*const ()>);

/// Tile registers for products of bytes.
#[derive(Debug)]
pub(super) struct Tiles {
    /// Sums of the rows and columns of a tile.
    sums: Box<[ColSlice<i32>; TALL]>,
    _shapes: TileShapes,
}

impl Amx {
    /// Asks the processor, and Linux, which grants tile registers to a process that asks for them.
    pub(super) fn detect() -> Option<Self> {
        static AVAILABLE: LazyLock<bool> =
            LazyLock::new(|| Vnni::detect().is_some() && has_tiles(TILES_OF_BYTES) && tiles_are_granted());
        AVAILABLE.then_some(Self(()))
    }

    /// The same, where tiles multiply bfloat16 too.
    pub(super) fn detect_halves() -> Option<AmxHalves> {
        let amx = Self::detect()?;
        has_tiles(TILES_OF_HALVES).then_some(AmxHalves(amx))
    }

    pub(super) fn tiles(self) -> Tiles {
        Tiles { sums: Box::new([ColSlice([0; COLS]); TALL]), _shapes: self.shape_tiles() }
    }

    /// Gives the tile registers their shape: 16 rows of 64 bytes. They are this thread's alone, so one at a time.
    fn shape_tiles(self) -> TileShapes {
        // Palette 1; from byte 16 on two bytes with each register's bytes in a row, from byte 48 on one with its rows
        // (Intel's Software Developer's Manual, volume 1, section 18.3).
        let mut shapes = Line::default();
        shapes.0[0] = 1;
        for register in 0..8 {
            shapes.0[16 + 2 * register] = TILE_BYTES as u8;
            shapes.0[48 + register] = TILE_ROWS as u8;
        }
        // SAFETY: an `Amx` comes from `detect` only, which has seen tiles; the instruction reads the 64 bytes of `shapes`.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &shapes, options(nostack, readonly, preserves_flags)) };
        TileShapes(PhantomData)
    }
}

impl Drop for TileShapes {
    fn drop(&mut self) {
        // SAFETY: a `TileShapes` shows that there are tiles.
        unsafe { asm!("tilerelease", options(nostack, nomem, preserves_flags)) };
    }
}

impl Tiles {
    /// Adds the products of a panel of rows with a panel of columns to `tile`; of the first 16 rows only where no more are
    /// `wanted`.
    pub(super) fn add_tile(
        &mut self,
        panels: Panels<'_, Line, i32, TALL>,
        wanted: usize,
        tile: &mut Tile<TALL>,
    ) {
        // SAFETY: a `Tiles` comes from an `Amx`, whose `detect` has seen every feature that the function is compiled for.
        unsafe { add_tall_tile(panels, wanted, &mut self.sums, tile) }
    }
}

/// Bits of EDX of CPUID's leaf 7 (volume 2 of the manual): tile registers, and products of bytes with them.
const TILES_OF_BYTES: u32 = 0b11 << 24;
/// Tile registers, and products of bfloat16 with them.
const TILES_OF_HALVES: u32 = 1 << 24 | 1 << 22;

fn has_tiles(bits: u32) -> bool {
    __cpuid(0).eax >= 7 && __cpuid_count(7, 0).edx & bits == bits
}

/// Shows that this processor multiplies bfloat16 in tiles.
#[derive(Debug, Clone, Copy)]
pub(super) struct AmxHalves(Amx);

impl AmxHalves {
    pub(super) fn tiles(self) -> HalfTiles {
        HalfTiles { _shapes: self.0.shape_tiles() }
    }
}

/// Tile registers for products of bfloat16.
#[derive(Debug)]
pub(super) struct HalfTiles {
    _shapes: TileShapes,
}

impl HalfTiles {
    /// Adds the products of a panel of rows, 32 inputs in each line, with a panel of columns, two inputs in each element, to
    /// `tile`; of the first 16 rows only where no more are `wanted`.
    pub(super) fn add_tile(
        &mut self,
        rows: &[[Line; TALL]],
        columns: &[ColSlice<u32>],
        wanted: usize,
        tile: &mut Tile<TALL>,
    ) {
        assert!(columns.len() * 4 == rows.len() * TILE_BYTES);
        let halves = if wanted > TILE_ROWS { 0..2 } else { 0..1 };
        for half in halves.take_while(|_| !rows.is_empty()) {
            // SAFETY: a `HalfTiles` comes from an `AmxHalves`, whose `detect_halves` has seen these instructions. Each step, of
            // at least one, reads 16 of the 32 lines of an element of `rows` and, by the assertion, as many elements of
            // `columns`, both 2048 bytes apart; what is read and written of `tile` are 16 of its 32 rows of 128 bytes. No code
            // of the compiler's uses tile registers.
            unsafe {
                asm!(
                    "tileloadd tmm0, [{tile} + {slice}]",
                    "tileloadd tmm1, [{tile} + {slice} + 64]",
                    "2:",
                    "tileloadd tmm4, [{rows} + {line}]",
                    "tileloadd tmm6, [{columns} + {slice}]",
                    "tileloadd tmm7, [{columns} + {slice} + 64]",
                    "tdpbf16ps tmm0, tmm4, tmm6",
                    "tdpbf16ps tmm1, tmm4, tmm7",
                    "add {rows}, 2048",
                    "add {columns}, 2048",
                    "dec {steps}",
                    "jnz 2b",
                    "tilestored [{tile} + {slice}], tmm0",
                    "tilestored [{tile} + {slice} + 64], tmm1",
                    rows = inout(reg) rows.as_ptr().cast::<Line>().add(half * TILE_ROWS) => _,
                    columns = inout(reg) columns.as_ptr() => _,
                    steps = inout(reg) rows.len() => _,
                    tile = in(reg) tile.as_mut_ptr().add(half * TILE_ROWS),
                    line = in(reg) size_of::<Line>(),
                    slice = in(reg) size_of::<ColSlice<f32>>(),
                    out("tmm0") _, out("tmm1") _, out("tmm4") _, out("tmm6") _, out("tmm7") _,
                    options(nostack),
                );
            }
        }
    }
}

/// Linux saves tile registers only for processes that have asked (Documentation/arch/x86/xstate.rst).
#[cfg(target_os = "linux")]
fn tiles_are_granted() -> bool {
    const ARCH_REQ_XCOMP_PERM: libc::c_int = 0x1023;
    const XFEATURE_XTILEDATA: libc::c_int = 18;
    // SAFETY: the call takes two numbers, and only widens what this process may use.
    unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0 }
}

#[cfg(not(target_os = "linux"))]
fn tiles_are_granted() -> bool {
    false
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn add_tall_tile(
    panels: Panels<'_, Line, i32, TALL>,
    wanted: usize,
    sums: &mut [ColSlice<i32>; TALL],
    tile: &mut Tile<TALL>,
) {
    let used = if wanted > TILE_ROWS { TALL } else { TILE_ROWS };
    let groups = panels.rows.chunks(GROUP / TILE_BYTES).zip(panels.columns.chunks(GROUP / 4));
    for (group, (rows, columns)) in groups.enumerate() {
        if wanted > TILE_ROWS {
            multiply_all_rows(rows, columns, sums);
        } else {
            multiply_first_rows(rows, columns, sums);
        }
        // What `Panels::add_group` does, in the same order.
        let scales = floats(&panels.column_scales[group].0);
        let column_sums = floats(&panels.column_sums[group].0);
        let of_rows = panels.row_scales[group].iter().zip(&panels.zeros[group]);
        for ((tile, sums), (row_scale, zero)) in tile.iter_mut().zip(&*sums).zip(of_rows).take(used) {
            let (row_scale, zero) = (_mm512_set1_ps(*row_scale), _mm512_set1_ps(*zero));
            let (sums, mut results) = (integers(&sums.0), floats(&tile.0));
            for half in 0..2 {
                let bracket = bracket(sums[half], zero, column_sums[half]);
                let scaled = _mm512_mul_ps(bracket, _mm512_mul_ps(row_scale, scales[half]));
                results[half] = _mm512_add_ps(results[half], scaled);
            }
            tile.0 = values(results);
        }
    }
}

/// The sums of 32 rows and 32 columns, in four tiles.
#[inline(always)]
fn multiply_all_rows(rows: &[[Line; TALL]], columns: &[ColSlice<i32>], sums: &mut [ColSlice<i32>; TALL]) {
    assert!(!rows.is_empty() && columns.len() * 4 == rows.len() * TILE_BYTES);
    // SAFETY: the callers have a `Tiles`. Each step, of at least one, reads an element of `rows` and, by the assertion, as
    // many bytes of `columns`, both 2048; what is written are 32 rows of 128 bytes. No code of the compiler's uses tile
    // registers.
    unsafe {
        asm!(
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            "2:",
            "tileloadd tmm4, [{rows} + {line}]",
            "tileloadd tmm6, [{columns} + {slice}]",
            "tileloadd tmm7, [{columns} + {slice} + 64]",
            "tileloadd tmm5, [{rows} + {line} + 1024]",
            "tdpbusd tmm0, tmm4, tmm6",
            "tdpbusd tmm1, tmm4, tmm7",
            "tdpbusd tmm2, tmm5, tmm6",
            "tdpbusd tmm3, tmm5, tmm7",
            "add {rows}, 2048",
            "add {columns}, 2048",
            "dec {steps}",
            "jnz 2b",
            "tilestored [{sums} + {slice}], tmm0",
            "tilestored [{sums} + {slice} + 64], tmm1",
            "tilestored [{sums} + {slice} + 2048], tmm2",
            "tilestored [{sums} + {slice} + 2112], tmm3",
            rows = inout(reg) rows.as_ptr() => _,
            columns = inout(reg) columns.as_ptr() => _,
            steps = inout(reg) rows.len() => _,
            sums = in(reg) sums.as_mut_ptr(),
            line = in(reg) size_of::<Line>(),
            slice = in(reg) size_of::<ColSlice<i32>>(),
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        );
    }
}

/// The sums of the first 16 rows and 32 columns, in two tiles.
#[inline(always)]
fn multiply_first_rows(rows: &[[Line; TALL]], columns: &[ColSlice<i32>], sums: &mut [ColSlice<i32>; TALL]) {
    assert!(!rows.is_empty() && columns.len() * 4 == rows.len() * TILE_BYTES);
    // SAFETY: as in `multiply_all_rows`; what is written are 16 rows of 128 bytes.
    unsafe {
        asm!(
            "tilezero tmm0",
            "tilezero tmm1",
            "2:",
            "tileloadd tmm4, [{rows} + {line}]",
            "tileloadd tmm6, [{columns} + {slice}]",
            "tileloadd tmm7, [{columns} + {slice} + 64]",
            "tdpbusd tmm0, tmm4, tmm6",
            "tdpbusd tmm1, tmm4, tmm7",
            "add {rows}, 2048",
            "add {columns}, 2048",
            "dec {steps}",
            "jnz 2b",
            "tilestored [{sums} + {slice}], tmm0",
            "tilestored [{sums} + {slice} + 64], tmm1",
            rows = inout(reg) rows.as_ptr() => _,
            columns = inout(reg) columns.as_ptr() => _,
            steps = inout(reg) rows.len() => _,
            sums = in(reg) sums.as_mut_ptr(),
            line = in(reg) size_of::<Line>(),
            slice = in(reg) size_of::<ColSlice<i32>>(),
            out("tmm0") _, out("tmm1") _, out("tmm4") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        );
    }
}

/// Σ a·w − z · Σ w: whole numbers below 2²⁴, so that nothing is rounded.
#[target_feature(enable = "avx512f")]
#[inline]
fn bracket(sums: __m512i, zero: __m512, column_sums: __m512) -> __m512 {
    _mm512_fnmadd_ps(zero, column_sums, _mm512_cvtepi32_ps(sums))
}

#[inline(always)]
fn integers(values: &[i32; 32]) -> [__m512i; 2] {
    // SAFETY: both are 128 bytes without padding, and every bit pattern is valid for both; so below.
    unsafe { std::mem::transmute(*values) }
}

#[inline(always)]
fn narrow_integers(values: &[i32; 32]) -> [__m256i; 4] {
    // SAFETY: as in `integers`.
    unsafe { std::mem::transmute(*values) }
}

#[inline(always)]
fn halves(values: &[u32; 32]) -> [__m512bh; 2] {
    // SAFETY: as in `integers`.
    unsafe { std::mem::transmute(*values) }
}

#[inline(always)]
fn floats(values: &[f32; 32]) -> [__m512; 2] {
    // SAFETY: as in `integers`.
    unsafe { std::mem::transmute(*values) }
}

#[inline(always)]
fn values(vectors: [__m512; 2]) -> [f32; 32] {
    // SAFETY: as in `integers`.
    unsafe { std::mem::transmute(vectors) }
}
