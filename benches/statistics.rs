//! Statistics of large datasets: the interval of a difference, the test, classes in another order, images twice, and what a
//! changed prompt costs while somebody edits.
#![allow(missing_docs, clippy::unwrap_used)]

mod random;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use cupl_tui::evaluation::{
    Classifier, Matrix, Rescorer, best_assignment, bootstrap_interval, mcnemar_p, near_duplicates,
};
use cupl_tui::prompts::Aggregation;
use random::random;

const DIM: usize = 512;

fn paired(criterion: &mut Criterion) {
    criterion.bench_function("bootstrap interval, 50,000 images", |bencher| {
        bencher.iter(|| bootstrap_interval(black_box(50_000), black_box(2801), black_box(2390), 0));
    });
    criterion.bench_function("McNemar's exact test, 5,191 changed images", |bencher| {
        bencher.iter(|| mcnemar_p(black_box(2801), black_box(2390)));
    });
}

fn doctors(criterion: &mut Criterion) {
    let counts: Vec<u32> =
        (0..1_000_000_u64).map(|at| (at.wrapping_mul(2_654_435_761) >> 7) as u32 % 50).collect();
    let mut group = criterion.benchmark_group("doctors");
    group.sample_size(10);
    group.bench_function("best assignment, 1,000 classes", |bencher| {
        bencher.iter(|| best_assignment(black_box(&counts), 1000));
    });
    let images = random(5_000, DIM, 1).normalised();
    let labels: Vec<usize> = (0..5_000).map(|image| image % 100).collect();
    group.bench_function("images that are nearly the same, 5,000 images", |bencher| {
        bencher.iter(|| near_duplicates(black_box(&images), &labels, 0.995, |_| false));
    });
}

fn what_if(criterion: &mut Criterion) {
    let prompts: Vec<Matrix> = (0..100).map(|class| random(30, DIM, class + 2)).collect();
    let images = random(10_000, DIM, 1).normalised();
    let labels: Vec<usize> = (0..10_000).map(|image| image % 100).collect();
    let classifier = Classifier::build(Aggregation::Mean, &prompts).unwrap();
    let rescorer = Rescorer::new(&classifier, images, &labels, 4.6, 5);
    let mut rescorer = rescorer.unwrap();
    let mut seed = 1000;
    criterion.bench_function("flips of a changed prompt, 10,000 images, 100 classes", |bencher| {
        bencher.iter(|| {
            seed += 1;
            rescorer.rescore(7, Aggregation::Mean, &random(30, DIM, seed)).map(|flips| flips.len())
        });
    });
}

criterion_group!(benches, paired, doctors, what_if);
criterion_main!(benches);
