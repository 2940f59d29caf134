//! The checkpoints that this machine has: the demo's and those in the hub's cache, with what an image costs.

use serde::Serialize;

use super::benchmark::peak_flops;
use crate::clip::{Checkpoint, CheckpointSource};
use crate::workbench::error::WorkbenchError;
use crate::workbench::experiment::demo;
use crate::workbench::experiment::hub_checkpoint::hub;

/// The share of the processor's peak in `f32` that the image tower of a ViT-B/32 reaches
/// (`experiments/cpu-throughput/README.md`): what an expected rate is made of.
const SHARE_OF_PEAK: f64 = 0.8;

/// A checkpoint, or something else that lies where checkpoints do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ListedCheckpoint {
    /// What `--checkpoint` takes: `demo`, or `owner/name`, with a revision unless it is `main`.
    pub name: String,
    /// The commit; none for the demo.
    pub commit: Option<String>,
    /// Of its files; none for the demo.
    pub bytes: Option<u64>,
    /// What it is, where it can be used.
    pub model: Option<ModelFigures>,
    /// Why it cannot be used.
    pub problem: Option<String>,
}

/// What a model is and costs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelFigures {
    /// In words: `ViT-B/32`.
    pub architecture: String,
    /// Numbers that training adjusted.
    pub parameters: u64,
    /// Length of an embedding.
    pub dim: usize,
    /// Side of the pictures that it sees, in pixels.
    pub image_size: usize,
    /// The file that says how pictures are treated, or that it is the family's default.
    pub preprocessing: String,
    /// Operations of one image's matrix products, in 10⁹; a multiplication and an addition count as two.
    pub gflop_per_image: f64,
    /// Images in a second that this machine should encode in `f32`, without reading them: from what its processor multiplies
    /// and adds at most.
    pub expected_images_per_s: f64,
}

/// Lists them. Takes a moment in which every thread measures what the processor can do.
///
/// # Errors
/// Variables of the environment that cannot be used.
pub fn list_checkpoints() -> Result<Vec<ListedCheckpoint>, WorkbenchError> {
    let peak = peak_flops();
    let demo = listed("demo".to_owned(), Checkpoint::open(demo::checkpoint()), peak);
    let cached = hub()?.cached().into_iter().map(|(repository, snapshot)| {
        let bytes = snapshot.size();
        let opened = Checkpoint::open(CheckpointSource::Directory(snapshot.folder));
        ListedCheckpoint {
            commit: Some(snapshot.commit),
            bytes: Some(bytes),
            ..listed(repository.to_string(), opened, peak)
        }
    });
    Ok(std::iter::once(demo).chain(cached).collect())
}

fn listed<E: std::fmt::Display>(name: String, opened: Result<Checkpoint, E>, peak: f64) -> ListedCheckpoint {
    let (model, problem) = match opened {
        Ok(checkpoint) => (Some(figures(&checkpoint, peak)), None),
        Err(error) => (None, Some(error.to_string())),
    };
    ListedCheckpoint { name, commit: None, bytes: None, model, problem }
}

fn figures(checkpoint: &Checkpoint, peak: f64) -> ModelFigures {
    let config = checkpoint.config();
    let operations = config.operations_per_image() as f64;
    ModelFigures {
        architecture: config.architecture(),
        parameters: config.parameters(),
        dim: config.dim,
        image_size: config.vision.image_size(),
        preprocessing: checkpoint.preprocessing_origin().to_string(),
        gflop_per_image: operations / 1e9,
        expected_images_per_s: SHARE_OF_PEAK * peak / operations,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_follows_from_the_peak() {
        let listed = listed("demo".to_owned(), Checkpoint::open(demo::checkpoint()), 1e12);
        let model = listed.model.unwrap();
        let expected = SHARE_OF_PEAK * 1e3 / model.gflop_per_image;
        assert!((model.expected_images_per_s - expected).abs() < 1e-6 * expected);
        assert!(model.parameters > 1_000_000 && model.architecture.starts_with("ViT-"), "{model:?}");
    }
}
