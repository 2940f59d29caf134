//! Both towers of the embedded demo's checkpoint on one core, in both precisions, and preprocessing; `cupl-tui bench`
//! measures a checkpoint of yours.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use cupl_tui::clip::{Checkpoint, Precision, TokenizedPrompt};
use cupl_tui::workbench::demo;
use image::{Rgb, RgbImage};

fn images(criterion: &mut Criterion) {
    let checkpoint = Checkpoint::open(demo::checkpoint()).unwrap();
    let mut group = criterion.benchmark_group("image tower");
    for precision in Precision::ALL {
        let encoder = checkpoint.image_encoder(precision).unwrap();
        let side = checkpoint.config().vision.image_size();
        let count = encoder.batch();
        let pixels: Vec<f32> =
            (0..count * 3 * side * side).map(|at| (at * 7919 % 1009) as f32 / 500.0 - 1.0).collect();
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(precision.name(), |bencher| {
            bencher.iter(|| encoder.encode(black_box(&pixels)).unwrap());
        });
    }
}

fn prompts(criterion: &mut Criterion) {
    let checkpoint = Checkpoint::open(demo::checkpoint()).unwrap();
    let tokenizer = checkpoint.tokenizer().unwrap();
    let classes = demo::dataset().unwrap().class_names();
    let prompts = demo::cupl().unwrap().resolve(&classes).unwrap().per_class.concat();
    let prompts: Vec<TokenizedPrompt> =
        prompts.iter().map(|prompt| tokenizer.tokenize(prompt).unwrap()).collect();
    let mut group = criterion.benchmark_group("text tower");
    group.throughput(Throughput::Elements(prompts.len() as u64));
    for precision in Precision::ALL {
        let encoder = checkpoint.text_encoder(precision).unwrap();
        group.bench_function(format!("{precision} prefix tree"), |bencher| {
            bencher.iter(|| encoder.encode(black_box(&prompts)).unwrap());
        });
        group.bench_function(format!("{precision} each prompt on its own"), |bencher| {
            bencher.iter(|| encoder.encode_separately(black_box(&prompts)).unwrap());
        });
    }
}

fn preprocessing(criterion: &mut Criterion) {
    let checkpoint = Checkpoint::open(demo::checkpoint()).unwrap();
    let photo =
        RgbImage::from_fn(500, 375, |x, y| Rgb([(x % 256) as u8, (y % 256) as u8, (x * y % 251) as u8]));
    criterion.bench_function("preprocess 500x375", |bencher| {
        bencher.iter(|| checkpoint.preprocessing().pixel_values(black_box(&photo)));
    });
}

criterion_group!(benches, images, prompts, preprocessing);
criterion_main!(benches);
