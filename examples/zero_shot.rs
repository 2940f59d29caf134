//! Says what is on pictures, with CuPL prompts: `cargo run --release --example zero_shot -- CUPL.json PICTURE… `.
//!
//! The classes are the keys of the prompt file, and the checkpoint is the demo's; `Checkpoint::open` takes a directory too.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::error::Error;
use std::path::{Path, PathBuf};

use cupl_tui::clip::{Checkpoint, Precision};
use cupl_tui::dataset::PictureSource;
use cupl_tui::evaluation::{Classifier, evaluate};
use cupl_tui::prompts::{Aggregation, PromptSet, PromptSetContent};
use cupl_tui::store::Store;
use cupl_tui::workbench::{Cancel, Embedder, NamedPicture, checkpoint_fingerprint, demo};

/// A picture, its likeliest class and that class's probability.
type Answer = (PathBuf, String, f32);

fn classify(prompts: &PromptSet, pictures: &[PathBuf]) -> Result<Vec<Answer>, Box<dyn Error>> {
    let checkpoint = Checkpoint::open(demo::checkpoint())?;
    let store = Store::in_memory();
    let fingerprint = checkpoint_fingerprint(&checkpoint, &store)?;
    let embedder = Embedder::new(&checkpoint, fingerprint, Precision::F32, &store);
    let cancel = Cancel::default();

    let PromptSetContent::PerClass(classes) = &prompts.content else {
        return Err("these are templates; prompts for each class are wanted".into());
    };
    let of_class: Vec<Vec<String>> = classes.iter().map(|(_, prompts)| prompts.clone()).collect();
    let texts = of_class.iter().flatten().map(String::as_str);
    let embedded = embedder.prompts(texts, &cancel, &|_| {})?;
    let classifier = Classifier::build(Aggregation::Mean, &embedded.per_class(&of_class)?)?;

    let sources: Vec<PictureSource> = pictures.iter().cloned().map(PictureSource::File).collect();
    let names: Vec<String> = pictures.iter().map(|path| path.display().to_string()).collect();
    let named: Vec<NamedPicture<'_>> =
        names.iter().zip(&sources).map(|(name, source)| NamedPicture { name, source }).collect();
    let images = embedder.images(&named, &cancel, &|_| {})?;
    for image in &images.contents.skipped {
        eprintln!("{}: {}", image.name, image.reason);
    }
    // Nobody knows the labels here, so they are all the first class: only the predictions are looked at.
    let labels = vec![0; images.contents.kept.len()];
    let evaluation = evaluate(&images.unit, &labels, &classifier, checkpoint.logit_scale()?, 1)?;
    let likeliest = |(at, &image): (usize, &usize)| {
        let best = evaluation.prediction(at);
        (pictures[image].clone(), classes[best.class as usize].0.clone(), best.probability)
    };
    Ok(images.contents.kept.iter().enumerate().map(likeliest).collect())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let prompts = arguments.next().ok_or("which prompts? zero_shot CUPL.json PICTURE…")?;
    let pictures: Vec<PathBuf> = arguments.map(PathBuf::from).collect();
    for (picture, class, probability) in classify(&PromptSet::read_cupl(Path::new(&prompts))?, &pictures)? {
        println!("{}\t{class}\t{:.1} %", picture.display(), 100.0 * probability);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frog_is_recognised() -> Result<(), Box<dyn Error>> {
        let demo = demo::dataset()?;
        let folder = tempfile::tempdir()?;
        let frog = demo.class_names().iter().position(|name| name == "frog").ok_or("no frogs")?;
        let mut pictures = Vec::new();
        for (at, image) in demo.images.iter().filter(|image| image.label == frog).take(9).enumerate() {
            let path = folder.path().join(format!("{at}.png"));
            image.source.decode()?.save(&path)?;
            pictures.push(path);
        }
        let found = classify(&demo::cupl()?, &pictures)?;
        let frogs = found.iter().filter(|(_, class, _)| class == "frog").count();
        assert!(frogs > 4, "{found:?}");
        Ok(())
    }
}
