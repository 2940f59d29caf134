//! Embeds the pictures of a folder: `cargo run --release --example embed_folder -- PICTURES [CHECKPOINT]`.
//!
//! Without a checkpoint it is the demo's. What is embedded once stays in a store, here one in memory.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::error::Error;
use std::path::Path;

use cupl_tui::clip::{Checkpoint, CheckpointSource, Precision};
use cupl_tui::dataset::{PictureSource, pictures_below};
use cupl_tui::store::Store;
use cupl_tui::workbench::{Cancel, Embedder, NamedPicture, checkpoint_fingerprint, demo};

/// A picture's name and its unit embedding, `[dim]`.
type Embedded = (String, Vec<f32>);

/// Those that can be read.
fn embed(folder: &Path, checkpoint: CheckpointSource) -> Result<Vec<Embedded>, Box<dyn Error>> {
    let checkpoint = Checkpoint::open(checkpoint)?;
    let store = Store::in_memory();
    let fingerprint = checkpoint_fingerprint(&checkpoint, &store)?;
    let embedder = Embedder::new(&checkpoint, fingerprint, Precision::F32, &store);

    let (found, unreadable) = pictures_below(folder)?;
    let sources: Vec<PictureSource> =
        found.iter().map(|(_, path)| PictureSource::File(path.clone())).collect();
    let pictures: Vec<NamedPicture<'_>> =
        found.iter().zip(&sources).map(|((name, _), source)| NamedPicture { name, source }).collect();
    let embedded = embedder.images(&pictures, &Cancel::default(), &|progress| eprintln!("{progress}"))?;

    for image in unreadable.iter().chain(&embedded.contents.skipped) {
        eprintln!("{}: {}", image.name, image.reason);
    }
    let names = embedded.contents.kept.iter().map(|&image| found[image].0.clone());
    Ok(names.zip(embedded.unit.iter_rows().map(<[f32]>::to_vec)).collect())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("which folder? embed_folder PICTURES [CHECKPOINT]")?;
    let checkpoint = arguments.next().map(|directory| CheckpointSource::Directory(directory.into()));
    for (name, embedding) in embed(folder.as_ref(), checkpoint.unwrap_or_else(demo::checkpoint))? {
        println!("{name}\t{embedding:?}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_picture_has_a_unit_row() -> Result<(), Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        for (name, value) in [("a.png", 10), ("b.png", 200)] {
            image::RgbImage::from_pixel(8, 8, image::Rgb([value, 90, 90])).save(folder.path().join(name))?;
        }
        std::fs::write(folder.path().join("c.png"), "no picture")?;
        let embedded = embed(folder.path(), demo::checkpoint())?;
        let names: Vec<&str> = embedded.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a.png", "b.png"]);
        for (_, row) in &embedded {
            assert!((row.iter().map(|x| x * x).sum::<f32>() - 1.0).abs() < 1e-5);
        }
        Ok(())
    }
}
