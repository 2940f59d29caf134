//! Why one image is missed: 10,000 images, 100 classes of 30 prompts each, at 512 dimensions. What the prompts of two
//! classes contribute, which of them would have to go, and what that does to all images.
#![allow(missing_docs, clippy::unwrap_used)]

mod random;

use criterion::{Criterion, criterion_group, criterion_main};
use cupl_tui::evaluation::{Matrix, PromptedClassifier, evaluate};
use cupl_tui::prompts::Aggregation;
use random::random;

const IMAGES: usize = 10_000;
const CLASSES: usize = 100;
const PROMPTS: usize = 30;
const DIM: usize = 512;

fn explanation(criterion: &mut Criterion) {
    let images = random(IMAGES, DIM, 1).normalised();
    let labels: Vec<usize> = (0..IMAGES).map(|image| image % CLASSES).collect();
    let scale = 100_f32.ln();
    let prompts: Vec<Matrix> = (0..CLASSES).map(|class| random(PROMPTS, DIM, 2 + class as u64)).collect();
    let mut group = criterion.benchmark_group("explanation");
    group.sample_size(20);
    for aggregation in [Aggregation::Mean, Aggregation::Max] {
        let classifier =
            PromptedClassifier::new(aggregation, prompts.clone(), &images, scale, &|| false).unwrap();
        let evaluation = evaluate(&images, &labels, classifier.classifier(), scale, 5).unwrap();
        // A miss that can be corrected.
        let found = (0..IMAGES).find_map(|image| {
            let removed = classifier.correction(images.row(image), labels[image]).unwrap()?;
            (!evaluation.is_correct(image)).then_some((image, removed))
        });
        let (image, removed) = found.unwrap();
        let (row, truth) = (images.row(image), labels[image]);
        group.bench_function(format!("the classifier, {aggregation}"), |bencher| {
            bencher.iter(|| {
                PromptedClassifier::new(aggregation, prompts.clone(), &images, scale, &|| false).unwrap()
            });
        });
        group.bench_function(format!("shares of two classes, {aggregation}"), |bencher| {
            bencher.iter(|| [0, truth].map(|class| classifier.logit(class, row).unwrap().shares()));
        });
        group.bench_function(format!("what corrects it, {aggregation}"), |bencher| {
            bencher.iter(|| classifier.correction(row, truth).unwrap());
        });
        group.bench_function(format!("what that does to all images, {aggregation}"), |bencher| {
            bencher.iter(|| classifier.predictions_without(&removed, &images, &evaluation).unwrap());
        });
    }
}

criterion_group!(benches, explanation);
criterion_main!(benches);
