//! What bf16 and int8 may cost: embeddings and accuracies next to those of f32, on the demo and on the fixtures, and on real
//! photos where they are there.
use std::path::{Path, PathBuf};

use cupl_tui::clip::{Checkpoint, CheckpointSource, Precision, TokenizedPrompt};
use cupl_tui::dataset::{PictureSource, list_pictures};
use cupl_tui::kernels::Cpu;
use cupl_tui::prompts::PromptSet;
use cupl_tui::store::Store;
use cupl_tui::workbench::{Cancel, Experiment, SessionOptions, Workbench, demo};

/// The mean and the lowest cosine of corresponding rows.
fn cosines(found: &[f32], expected: &[f32], dim: usize) -> (f64, f64) {
    assert_eq!(found.len(), expected.len());
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let cosines: Vec<f64> = found
        .chunks_exact(dim)
        .zip(expected.chunks_exact(dim))
        .map(|(a, b)| dot(a, b) / (dot(a, a) * dot(b, b)).sqrt())
        .collect();
    let mean = cosines.iter().sum::<f64>() / cosines.len() as f64;
    (mean, cosines.into_iter().fold(1.0, f64::min))
}

/// `of` gives embeddings `[n, dim]` in a precision.
fn check(what: &str, dim: usize, of: impl Fn(Precision) -> Vec<f32>) {
    let expected = of(Precision::F32);
    for (precision, least_mean, least) in [(Precision::Bf16, 0.9999, 0.999), (Precision::Int8, 0.999, 0.99)] {
        let (mean, lowest) = cosines(&of(precision), &expected, dim);
        println!("{what}: {precision} to f32 cosine {mean:.6} on average, {lowest:.6} at worst");
        assert!(mean >= least_mean, "{what} in {precision}");
        assert!(lowest >= least, "{what} in {precision}");
    }
}

fn check_images(what: &str, checkpoint: &Checkpoint, pictures: &[PictureSource]) {
    let preprocessing = checkpoint.preprocessing();
    let pixels: Vec<f32> = pictures
        .iter()
        .flat_map(|picture| preprocessing.pixel_values(&picture.read().unwrap().decode().unwrap()))
        .collect();
    check(what, checkpoint.config().dim, |precision| {
        checkpoint.image_encoder(precision).unwrap().encode(&pixels).unwrap()
    });
}

fn check_prompts(what: &str, checkpoint: &Checkpoint, prompts: &[String]) {
    let tokenizer = checkpoint.tokenizer().unwrap();
    let prompts: Vec<TokenizedPrompt> =
        prompts.iter().map(|prompt| tokenizer.tokenize(prompt).unwrap()).collect();
    check(what, checkpoint.config().dim, |precision| {
        checkpoint.text_encoder(precision).unwrap().encode(&prompts).unwrap().projected
    });
}

fn demo_prompts() -> Vec<String> {
    let classes = demo::dataset().unwrap().class_names();
    let of = |set: PromptSet| set.resolve(&classes).unwrap().per_class.concat();
    [of(demo::templates().unwrap()), of(demo::cupl().unwrap())].concat()
}

#[test]
fn the_demo_keeps_its_answers() {
    let top1 = |precision| -> Vec<(String, f64)> {
        let experiment = Experiment { precision, ..Experiment::demo().unwrap() };
        let workbench = Workbench::open(experiment, Store::in_memory()).unwrap();
        let session = workbench.evaluate(SessionOptions::default(), &Cancel::default(), &|_| ()).unwrap();
        session
            .strategies
            .iter()
            .map(|strategy| (strategy.name.clone(), strategy.evaluation.top1()))
            .collect()
    };
    let exact = top1(Precision::F32);
    // Elsewhere bf16 is refused, as it would be no faster.
    let quick = Precision::ALL.into_iter().filter(|precision| Cpu::detect().is_faster_in(*precision));
    for precision in quick {
        for ((name, exact), (_, quick)) in exact.iter().zip(top1(precision)) {
            println!("{name}: top-1 {:.1} % in f32, {:.1} % in {precision}", 100.0 * exact, 100.0 * quick);
            assert!((exact - quick).abs() < 0.003 + 1e-9, "{name} in {precision}");
        }
    }
}

#[test]
fn the_demos_embeddings_are_near() {
    let checkpoint = Checkpoint::open(demo::checkpoint()).unwrap();
    let pictures: Vec<PictureSource> =
        demo::dataset().unwrap().images.into_iter().map(|image| image.source).step_by(4).collect();
    check_images("demo images", &checkpoint, &pictures);
    check_prompts("demo prompts", &checkpoint, &demo_prompts());
}

#[test]
fn the_fixtures_embeddings_are_near() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/clip");
    let pictures: Vec<PictureSource> = list_pictures(&fixtures.join("pictures"))
        .unwrap()
        .into_iter()
        .map(|(_, path)| PictureSource::File(path))
        .collect();
    for name in ["tiny-quickgelu", "tiny-gelu"] {
        let checkpoint = Checkpoint::open(CheckpointSource::Directory(fixtures.join(name))).unwrap();
        check_images(&format!("{name} images"), &checkpoint, &pictures);
        check_prompts(&format!("{name} prompts"), &checkpoint, &demo_prompts());
    }
}

#[test]
fn embeddings_of_photos_are_near() {
    let shared: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    if !shared.is_dir() {
        eprintln!("skipped: ../shared is not there");
        return;
    }
    let photos: Vec<PictureSource> = list_pictures(&shared.join("datasets/caltech101-mini"))
        .unwrap()
        .into_iter()
        .step_by(4)
        .map(|(_, path)| PictureSource::File(path))
        .collect();
    for name in ["tiny-quickgelu", "tiny-gelu"] {
        let directory = shared.join("fixtures").join(name);
        let checkpoint = Checkpoint::open(CheckpointSource::Directory(directory)).unwrap();
        check_images(&format!("photos with {name}"), &checkpoint, &photos);
    }
}
