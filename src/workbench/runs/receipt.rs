//! What a run's numbers were made of, part by part, so that the run can be made again and a difference be named.

use serde::{Deserialize, Serialize};

use crate::evaluation::Evaluation;
use crate::prompts::Aggregation;
use crate::store::Key;
use crate::workbench::embedding::embedder::ImageContents;
use crate::workbench::embedding::file_contents::files_hash;
use crate::workbench::error::WorkbenchError;
use crate::workbench::experiment::definition::split_reference;
use crate::workbench::experiment::definition::{CheckpointChoice, Experiment, PromptSetChoice};
use crate::workbench::experiment::hub_checkpoint::as_cached;
use crate::workbench::session::evaluation::Session;
use crate::workbench::session::opening::{OpenStrategy, Workbench};

/// Everything that decides a run, and what came of it. Hashes are BLAKE3 in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// A hash over the weights, the configuration and the tokenizer.
    pub weights: String,
    /// What is done to pictures, in words.
    pub preprocessing: String,
    /// A hash over the names and contents of the images.
    pub images: String,
    /// A hash over the class of each image: its name and its place.
    pub labels: String,
    /// A hash over the class names in their order.
    pub class_order: String,
    /// A hash over the prompts of each class.
    pub prompts: String,
    /// How a class's prompts become its scores.
    pub aggregation: Aggregation,
    /// How the encoders compute.
    pub precision: String,
    /// The version of this program.
    pub version: String,
    /// A hash over the class that each image was taken for.
    pub predictions: String,
}

/// A part of two receipts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReceiptPart {
    /// What it is.
    pub part: &'static str,
    /// What the first receipt says.
    pub then: String,
    /// What the second says.
    pub now: String,
    /// They say the same.
    pub equal: bool,
}

impl Receipt {
    /// What each part is called, and what it says.
    fn parts(&self) -> [(&'static str, String); 10] {
        [
            ("weights", self.weights.clone()),
            ("preprocessing", self.preprocessing.clone()),
            ("images", self.images.clone()),
            ("labels", self.labels.clone()),
            ("class order", self.class_order.clone()),
            ("prompts", self.prompts.clone()),
            ("aggregation", self.aggregation.to_string()),
            ("precision", self.precision.clone()),
            ("version", self.version.clone()),
            ("predictions", self.predictions.clone()),
        ]
    }

    /// Part by part, this receipt then and `now`.
    pub fn compare(&self, now: &Self) -> Vec<ReceiptPart> {
        let pairs = self.parts().into_iter().zip(now.parts());
        pairs.map(|((part, then), (_, now))| ReceiptPart { part, equal: then == now, then, now }).collect()
    }

    /// Whether both are about the same images with the same classes: their predictions can be compared one by one.
    pub fn same_dataset(&self, other: &Self) -> bool {
        (&self.images, &self.labels, &self.class_order) == (&other.images, &other.labels, &other.class_order)
    }
}

impl Workbench {
    /// The receipt of a strategy that was evaluated.
    pub(in crate::workbench) fn receipt(
        &self,
        strategy: &OpenStrategy,
        session: &Session,
        contents: &ImageContents,
        evaluation: &Evaluation,
    ) -> Result<Receipt, WorkbenchError> {
        let names = session.images.iter().map(|image| image.name.as_bytes());
        let hashes = contents.hashes.iter().map(|hash| &hash.as_bytes()[..]);
        let places: Vec<[u8; 8]> =
            session.images.iter().map(|image| (image.label as u64).to_le_bytes()).collect();
        let labels = session.images.iter().zip(&places);
        let labels = labels.flat_map(|(image, place)| [session.classes[image.label].as_bytes(), &place[..]]);
        let mut predictions = blake3::Hasher::new();
        for image in 0..evaluation.n_images() {
            predictions.update(&evaluation.predicted(image).to_le_bytes());
        }
        Ok(Receipt {
            weights: files_hash(&self.checkpoint.encoder_files(), &self.store)?.to_string(),
            preprocessing: self.checkpoint.preprocessing().signature(),
            images: hash_of(names.zip(hashes).flat_map(|(name, hash)| [name, hash])),
            labels: hash_of(labels),
            class_order: hash_of(session.classes.iter().map(String::as_bytes)),
            prompts: strategy.prompts_hash.to_string(),
            aggregation: strategy.aggregation,
            precision: session.precision.name().to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            predictions: predictions.finalize().to_string(),
        })
    }

    /// The experiment with this strategy alone, as it can be opened again from anywhere: prompt sets of the store in the
    /// version that was used, a hub's checkpoint in its commit.
    pub(in crate::workbench) fn source_of(&self, strategy: usize) -> Experiment {
        let mut source = self.experiment.clone().absolute();
        source.strategies = source.strategies.into_iter().skip(strategy).take(1).collect();
        source.baseline = 0;
        source.controls.clear();
        if let CheckpointChoice::Hub(repository) = &mut source.checkpoint {
            *repository = as_cached(repository);
        }
        let used = self.strategies[strategy].prompt_sets.iter().map(|reference| split_reference(reference).1);
        let choices = source.strategies.iter_mut().flat_map(|strategy| &mut strategy.prompt_sets);
        for (choice, used) in choices.zip(used) {
            if let PromptSetChoice::Stored { version, .. } = choice {
                *version = used.map(str::to_owned);
            }
        }
        source
    }
}

/// A hash over texts that keeps them apart.
fn hash_of<'a>(texts: impl Iterator<Item = &'a [u8]>) -> String {
    Key::from_parts(&texts.collect::<Vec<_>>()).to_hex()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_kept_apart() {
        let of = |texts: &[&str]| hash_of(texts.iter().map(|text| text.as_bytes()));
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
        assert_ne!(of(&["a", "b"]), of(&["b", "a"]));
        assert_ne!(of(&[]), of(&[""]));
        assert_eq!(of(&["a", "b"]), of(&["a", "b"]));
    }
}
