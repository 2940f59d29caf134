//! What only x86-64 has: the 8-bit products of AVX-512 VNNI and of AMX, and prefetching. The only unsafe code of the
//! project.
//!
//! Both multiply unsigned bytes with signed ones and add the products to 32-bit sums (Intel's Architecture Instruction
//! Set Extensions Programming Reference): `vpdpbusd` four for each of sixteen columns, `tdpbusd` 64 for each of sixteen
//! rows and sixteen columns, on registers that hold 16 rows of 64 bytes. `pulp` knows neither, and Rust names the second
//! in assembly only; `product.rs` tests both against the same integers multiplied as floats.
#![allow(unsafe_code)]

use std::arch::asm;
use std::arch::x86_64::{
    __cpuid, __cpuid_count, __m512, __m512i, _MM_HINT_T1, _mm_prefetch, _mm512_add_ps, _mm512_cvtepi32_ps,
    _mm512_dpbusd_epi32, _mm512_fnmadd_ps, _mm512_mul_ps, _mm512_set1_epi32, _mm512_set1_ps,
    _mm512_setzero_si512,
};
use std::marker::PhantomData;
use std::sync::LazyLock;

use super::panels::{COLS, ColSlice, ROWS, TALL, Tile};
use super::quantised::{GROUP, Joined, Panels};

/// Shows that this processor has VNNI.
#[derive(Debug, Clone, Copy)]
pub(super) struct Vnni(());

/// Asks for these values to be brought near; it changes nothing else.
#[inline(always)]
pub(super) fn prefetch<T>(values: &ColSlice<T>) {
    let start = std::ptr::from_ref(values).cast::<i8>();
    for line in (0..size_of::<ColSlice<T>>()).step_by(64) {
        // SAFETY: a prefetch may name any address; this one is within `values`.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(start.add(line)) };
    }
}

impl Vnni {
    pub(super) fn detect() -> Option<Self> {
        let available = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vnni");
        available.then_some(Self(()))
    }

    /// Adds the products of a panel of rows with a panel of columns to `sums`.
    pub(super) fn add_tile(self, panels: Panels<'_, u32, i32, ROWS>, sums: &mut Tile) {
        // SAFETY: a `Vnni` comes from `detect` only, which has seen every feature that `tile` is compiled for.
        unsafe { add_tile(panels, sums) }
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
pub(super) struct Tiles {
    /// Sums of the rows and columns of a tile.
    sums: Box<[ColSlice<i32>; TALL]>,
    this_thread: PhantomData<*const ()>,
}

impl Amx {
    /// Asks the processor, and Linux, which grants tile registers to a process that asks for them.
    pub(super) fn detect() -> Option<Self> {
        static AVAILABLE: LazyLock<bool> =
            LazyLock::new(|| Vnni::detect().is_some() && has_tiles() && tiles_are_granted());
        AVAILABLE.then_some(Self(()))
    }

    /// Gives the tile registers their shape: 16 rows of 64 bytes. They are this thread's alone, so one at a time.
    pub(super) fn tiles(self) -> Tiles {
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
        Tiles { sums: Box::new([ColSlice([0; COLS]); TALL]), this_thread: PhantomData }
    }
}

impl Drop for Tiles {
    fn drop(&mut self) {
        // SAFETY: a `Tiles` shows that there are tiles.
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

/// Whether the processor has tile registers and multiplies bytes with them: bits 24 and 25 of EDX of CPUID's leaf 7
/// (volume 2 of the manual).
fn has_tiles() -> bool {
    const AMX_TILE_AND_INT8: u32 = 0b11 << 24;
    __cpuid(0).eax >= 7 && __cpuid_count(7, 0).edx & AMX_TILE_AND_INT8 == AMX_TILE_AND_INT8
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
fn floats(values: &[f32; 32]) -> [__m512; 2] {
    // SAFETY: as in `integers`.
    unsafe { std::mem::transmute(*values) }
}

#[inline(always)]
fn values(vectors: [__m512; 2]) -> [f32; 32] {
    // SAFETY: as in `integers`.
    unsafe { std::mem::transmute(vectors) }
}
