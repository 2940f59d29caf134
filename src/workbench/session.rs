//! What comes out of an experiment: every strategy evaluated on the same images.

use super::embedding::{Embedder, ImageEmbeddings, NamedPicture, PromptEmbeddings};
use super::error::WorkbenchError;
use super::experiment::CheckpointChoice;
use super::opening::{OpenStrategy, Workbench};
use super::progress::{Cancel, Progress};
use crate::clip::Precision;
use crate::dataset::{PictureSource, SkippedImage};
use crate::evaluation::{Classifier, Evaluation, Matrix, evaluate};
use crate::prompts::Aggregation;
use crate::store::Hash;

/// Ranked classes kept per image and strategy.
pub const RANKED: usize = 5;

/// What may differ between two evaluations of one experiment.
#[derive(Debug, Clone, Copy)]
pub struct SessionOptions {
    /// Skipped images are an error.
    pub strict: bool,
    /// Ranked classes kept per image and strategy.
    pub ranked: usize,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self { strict: false, ranked: RANKED }
    }
}

/// Every strategy of an experiment, evaluated.
#[derive(Debug)]
pub struct Session {
    /// The experiment's name.
    pub experiment: String,
    /// The checkpoint's name.
    pub checkpoint: String,
    /// Hash over the checkpoint's files.
    pub checkpoint_fingerprint: Hash,
    /// How it computed.
    pub precision: Precision,
    /// The dataset's name.
    pub dataset: String,
    /// Hash over classes, image names, labels and contents.
    pub dataset_fingerprint: Hash,
    /// Class names in dataset order.
    pub classes: Vec<String>,
    /// The images that were evaluated.
    pub images: Vec<SessionImage>,
    /// The images that could not be.
    pub skipped: Vec<SkippedImage>,
    /// In the experiment's order.
    pub strategies: Vec<StrategyResult>,
    /// The strategy the others are compared with: an index into `strategies`.
    pub baseline: usize,
    /// What the user should know about the input.
    pub warnings: Vec<String>,
    /// The numbers come from the demo's checkpoint.
    pub demo_checkpoint: bool,
}

/// One evaluated image.
#[derive(Debug, Clone)]
pub struct SessionImage {
    /// Its path relative to the dataset's root.
    pub name: String,
    /// Its class: an index into [`Session::classes`].
    pub label: usize,
    /// Where its pixels are.
    pub source: PictureSource,
}

/// One strategy on the session's images.
#[derive(Debug)]
pub struct StrategyResult {
    /// Its name.
    pub name: String,
    /// How its prompts become a classifier.
    pub aggregation: Aggregation,
    /// Prompts over all classes.
    pub prompts: usize,
    /// Predictions and metrics.
    pub evaluation: Evaluation,
}

impl Workbench {
    /// Embeds what the store does not hold yet, evaluates every strategy and saves the runs.
    ///
    /// # Errors
    /// [`WorkbenchError::Cancelled`] soon after the request, with every finished batch in the store.
    pub fn evaluate(
        &self,
        options: SessionOptions,
        cancel: &Cancel,
        notify: &dyn Fn(Progress),
    ) -> Result<Session, WorkbenchError> {
        let embedder =
            Embedder::new(&self.checkpoint, self.fingerprint, self.experiment.precision, &self.store);
        let all_prompts =
            self.strategies.iter().flat_map(|strategy| strategy.prompts.iter().flatten().map(String::as_str));
        let prompts = embedder.prompts(all_prompts, cancel, notify)?;
        let pictures: Vec<NamedPicture<'_>> = self
            .dataset
            .images
            .iter()
            .map(|image| NamedPicture { name: &image.name, source: &image.source })
            .collect();
        let images = embedder.images(&pictures, cancel, notify)?;
        let mut skipped = self.dataset.skipped.clone();
        skipped.extend(images.skipped.iter().cloned());
        if options.strict && !skipped.is_empty() {
            return Err(WorkbenchError::Strict { skipped });
        }
        if images.kept.is_empty() {
            return Err(WorkbenchError::NoReadableImage { skipped });
        }
        let labels: Vec<usize> = images.kept.iter().map(|&i| self.dataset.images[i].label).collect();
        let logit_scale = self.checkpoint.logit_scale()?;
        let mut strategies = Vec::with_capacity(self.strategies.len());
        for strategy in &self.strategies {
            if cancel.is_cancelled() {
                return Err(WorkbenchError::Cancelled);
            }
            let classifier = classifier(strategy, &prompts)?;
            let evaluation = evaluate(&images.unit, &labels, &classifier, logit_scale, options.ranked)?;
            strategies.push(StrategyResult {
                name: strategy.name.clone(),
                aggregation: strategy.aggregation,
                prompts: strategy.prompts.iter().map(Vec::len).sum(),
                evaluation,
            });
        }
        let mut warnings = self.warnings.clone();
        warnings.extend(embedder.truncation_note(&prompts, "prompts"));
        warnings.extend(embedder.unsaved());
        let mut session = Session {
            experiment: self.experiment.name.clone(),
            checkpoint: self.checkpoint.name().to_owned(),
            checkpoint_fingerprint: self.fingerprint,
            precision: self.experiment.precision,
            dataset: self.dataset.name.clone(),
            dataset_fingerprint: self.dataset_fingerprint(&images),
            classes: self.dataset.classes.iter().map(|class| class.name.clone()).collect(),
            images: images
                .kept
                .iter()
                .map(|&i| &self.dataset.images[i])
                .map(|image| SessionImage {
                    name: image.name.clone(),
                    label: image.label,
                    source: image.source.clone(),
                })
                .collect(),
            skipped,
            strategies,
            baseline: self.experiment.baseline,
            warnings,
            demo_checkpoint: self.experiment.checkpoint == CheckpointChoice::Demo,
        };
        if let Err(error) = self.save_runs(&session) {
            session.warnings.push(format!("the runs were not saved: {error}"));
        }
        Ok(session)
    }

    fn dataset_fingerprint(&self, images: &ImageEmbeddings) -> Hash {
        let mut hasher = blake3::Hasher::new();
        for class in &self.dataset.classes {
            hasher.update(blake3::hash(class.name.as_bytes()).as_bytes());
        }
        for (&index, hash) in images.kept.iter().zip(&images.hashes) {
            let image = &self.dataset.images[index];
            hasher.update(blake3::hash(image.name.as_bytes()).as_bytes());
            hasher.update(&(image.label as u64).to_le_bytes());
            hasher.update(hash.as_bytes());
        }
        hasher.finalize()
    }
}

fn classifier(strategy: &OpenStrategy, prompts: &PromptEmbeddings) -> Result<Classifier, WorkbenchError> {
    let per_class: Vec<Matrix> =
        strategy.prompts.iter().map(|class| prompts.rows(class)).collect::<Result<_, _>>()?;
    Ok(Classifier::build(strategy.aggregation, &per_class)?)
}
