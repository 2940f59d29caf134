//! The kernels at the sizes of a ViT-B/32: matrix products in all precisions, attention and row operations, on one core;
//! and first of all the products of every instruction set that this processor has, next to what its registers alone reach
//! in f32. One that is far below was not compiled for its instruction set: look with `out_of_line.sh` in
//! `experiments/cpu-throughput`.
#![allow(missing_docs, clippy::print_stdout)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use cupl_tui::kernels::{
    Accumulate, Attention, AttentionBuffers, Cpu, PackedRows, PackedWeights, Precision, Queries, Segment,
    layer_norm, quick_gelu,
};

/// Rows of six images of 50 tokens.
const ROWS: usize = 300;
const WIDTH: usize = 768;
const INNER: usize = 3072;

fn values(count: usize) -> Vec<f32> {
    (0..count).map(|at| ((at * 7919 + 13) % 1009) as f32 / 500.0 - 1.0).collect()
}

/// Prints a table: a line for each instruction set and precision.
fn shares_of_the_peak(_: &mut Criterion) {
    let (x, values) = (values(ROWS * WIDTH), values(INNER * WIDTH));
    let mut out = vec![0.0; ROWS * INNER];
    println!("| instruction set | precision | products | GOP/s | of what f32 reaches in registers |");
    println!("|---|---|---|---:|---:|");
    for cpu in Cpu::available() {
        let peak = cpu.peak_flops(20);
        for precision in Precision::ALL {
            let weights = PackedWeights::new(cpu, precision, &values, WIDTH);
            let mut rows = PackedRows::new(cpu, precision);
            rows.pack(ROWS, WIDTH, |row, out| out.copy_from_slice(&x[row * WIDTH..][..WIDTH]));
            let seconds = (0..30).map(|_| {
                let start = std::time::Instant::now();
                weights.multiply(black_box(&rows), &[], Accumulate::No, &mut out);
                start.elapsed().as_secs_f64()
            });
            let rate = (2 * ROWS * WIDTH * INNER) as f64 / seconds.fold(f64::INFINITY, f64::min);
            let share = rate / peak;
            let mark = if share < 0.5 { " **far below**" } else { "" };
            println!(
                "| {} | {precision} | {} | {:.0} | {:.0} %{mark} |",
                cpu.name(),
                cpu.products(precision),
                rate / 1e9,
                100.0 * share
            );
        }
    }
}

fn products(criterion: &mut Criterion) {
    let cpu = Cpu::detect();
    for precision in Precision::ALL {
        for (inputs, outputs) in [(WIDTH, WIDTH), (WIDTH, INNER), (INNER, WIDTH)] {
            let weights = PackedWeights::new(cpu, precision, &values(outputs * inputs), inputs);
            let x = values(ROWS * inputs);
            let mut rows = PackedRows::new(cpu, precision);
            let mut out = vec![0.0; ROWS * outputs];
            let mut group = criterion.benchmark_group(format!("{precision} {ROWS}x{inputs}x{outputs}"));
            group.throughput(Throughput::Elements((2 * ROWS * inputs * outputs) as u64));
            group.bench_function("pack", |bencher| {
                bencher.iter(|| {
                    rows.pack(ROWS, inputs, |row, out| out.copy_from_slice(&x[row * inputs..][..inputs]));
                });
            });
            group.bench_function("multiply", |bencher| {
                bencher.iter(|| weights.multiply(black_box(&rows), &[], Accumulate::No, &mut out));
            });
        }
    }
}

fn attention(criterion: &mut Criterion) {
    let cpu = Cpu::detect();
    let [queries, keys, out] = [1, 2, 3].map(|_| values(ROWS * WIDTH));
    let mut out = out;
    let mut group = criterion.benchmark_group("attention");
    let segments: Vec<Segment> =
        (0..6).map(|image| Segment { first_row: image * 50, tokens: 50, position: 0 }).collect();
    let mut buffers = AttentionBuffers::default();
    group.bench_function("6 images of 50 tokens", |bencher| {
        bencher.iter(|| {
            let attention = Attention { heads: 12, causal: false };
            let operands = [&queries[..], &keys, &keys];
            attention.attend(cpu, &segments, operands, WIDTH, Queries::All, &mut buffers, &mut out);
        });
    });
    let segments: Vec<Segment> =
        (0..50).map(|prompt| Segment { first_row: prompt * 6, tokens: 6, position: prompt.min(9) }).collect();
    group.bench_function("50 prompts of 6 tokens beyond 9 shared ones", |bencher| {
        bencher.iter(|| {
            let attention = Attention { heads: 12, causal: true };
            let operands = [&queries[..], &keys, &keys];
            attention.attend(cpu, &segments, operands, WIDTH, Queries::All, &mut buffers, &mut out);
        });
    });
}

fn row_operations(criterion: &mut Criterion) {
    let cpu = Cpu::detect();
    let (x, mut out) = (values(WIDTH), vec![0.0; WIDTH]);
    let mut group = criterion.benchmark_group("row operations");
    group.bench_function("layer norm of 768", |bencher| {
        bencher.iter(|| layer_norm(cpu, black_box(&x), &x, &x, 1e-5, &mut out));
    });
    let mut inner = values(INNER);
    group.bench_function("quick GELU of 3072", |bencher| {
        bencher.iter(|| {
            inner.iter_mut().zip(x.iter().cycle()).for_each(|(inner, x)| *inner = *x);
            quick_gelu(cpu, black_box(&mut inner));
        });
    });
}

criterion_group!(benches, shares_of_the_peak, products, attention, row_operations);
criterion_main!(benches);
