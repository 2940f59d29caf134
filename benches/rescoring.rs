//! Evaluation of 10,000 images at 512 dimensions: by 1,000 classes, by 9,000 prompts of which the best counts, and after
//! one prompt changed.
#![allow(missing_docs, clippy::unwrap_used)]

mod random;

use criterion::{Criterion, criterion_group, criterion_main};
use cupl_tui::evaluation::{Classifier, Matrix, Rescorer, evaluate};
use cupl_tui::prompts::Aggregation;
use random::random;

const IMAGES: usize = 10_000;
const CLASSES: usize = 1000;
const DIM: usize = 512;

fn rescoring(criterion: &mut Criterion) {
    let images = random(IMAGES, DIM, 1).normalised();
    let labels: Vec<usize> = (0..IMAGES).map(|image| image % CLASSES).collect();
    let scale = 100_f32.ln();
    let prompts: Vec<Matrix> = (0..CLASSES).map(|class| random(9, DIM, 2 + class as u64)).collect();
    let mut group = criterion.benchmark_group("rescoring");
    group.sample_size(20);
    for aggregation in [Aggregation::Mean, Aggregation::Max] {
        let classifier = Classifier::build(aggregation, &prompts).unwrap();
        group.bench_function(format!("everything, {aggregation}"), |bencher| {
            bencher.iter(|| evaluate(&images, &labels, &classifier, scale, 5).unwrap());
        });
        let mut rescorer = Rescorer::new(&classifier, images.clone(), &labels, scale, 5).unwrap();
        let mut turn = 0;
        group.bench_function(format!("one prompt, {aggregation}"), |bencher| {
            bencher.iter(|| {
                turn += 1;
                rescorer.rescore(turn * 7 % CLASSES, aggregation, &prompts[turn % CLASSES]).unwrap()
            });
        });
    }
}

criterion_group!(benches, rescoring);
criterion_main!(benches);
