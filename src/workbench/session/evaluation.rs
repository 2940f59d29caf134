//! What comes out of an experiment: every strategy evaluated on the same images.

use std::collections::HashMap;
use std::sync::Arc;

use super::controls::{ControlledImages, Controls};
use super::evaluation_cache::CachedEvaluation;
use super::first_figures::{FirstFigures, Watcher, spread_over_classes};
use super::opening::{LeftOverKeys, OpenStrategy, Workbench};
use crate::clip::{Checkpoint, Precision, PreprocessingOrigin};
use crate::dataset::{DatasetImage, PictureSource, SkippedImage};
use crate::evaluation::{ChangedPrediction, Classifier, Evaluation, Matrix, evaluate_cancellable};
use crate::prompts::Aggregation;
use crate::store::Hash;
use crate::text::message::listed;
use crate::workbench::embedding::embedder::{Embedder, ImageContents, ImageEmbeddings, PromptEmbeddings};
use crate::workbench::embedding::file_contents::NamedPicture;
use crate::workbench::error::WorkbenchError;
use crate::workbench::experiment::definition::CheckpointChoice;
use crate::workbench::jobs::progress::{Cancel, Progress};

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
    /// Where it is said how its pictures are treated.
    pub preprocessing: PreprocessingOrigin,
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
    /// Controls of those strategies for which they are wanted, in their order.
    pub controls: Vec<Controls>,
    /// The keys of prompt sets that no class asked for.
    pub left_over: Vec<LeftOverKeys>,
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
    /// The prompt sets it is made of, as `name@version`.
    pub prompt_sets: Vec<String>,
    /// The prompts of each class, `[n_classes]`.
    pub prompts: Arc<Vec<Vec<String>>>,
    /// Predictions and metrics.
    pub evaluation: Evaluation,
}

impl SessionImage {
    /// Its file's path, or its name where it has no file of its own.
    pub fn place(&self) -> String {
        match &self.source {
            PictureSource::File(path) => path.display().to_string(),
            PictureSource::Member { .. } | PictureSource::Pixels(_) => self.name.clone(),
        }
    }
}

impl Session {
    /// How many of these images were missed before and are right after, and the reverse.
    pub fn gained_and_lost(&self, changes: &[ChangedPrediction]) -> (usize, usize) {
        let is_label = |image: usize, class: u32| class as usize == self.images[image].label;
        let gained = changes.iter().filter(|change| is_label(change.image, change.after)).count();
        let lost = changes.iter().filter(|change| is_label(change.image, change.before)).count();
        (gained, lost)
    }
}

impl StrategyResult {
    /// Prompts over all classes.
    pub fn n_prompts(&self) -> usize {
        self.prompts.iter().map(Vec::len).sum()
    }
}

/// The embeddings of an experiment.
#[derive(Debug)]
pub struct SessionEmbeddings {
    /// The images that could be read.
    pub images: ImageEmbeddings,
    /// The class of each, `[n_images]`.
    pub labels: Vec<usize>,
    /// The prompts of all strategies.
    pub prompts: Arc<PromptEmbeddings>,
    /// The logarithm of what scores are multiplied with before their softmax.
    pub logit_scale: f32,
}

impl SessionEmbeddings {
    /// The classifier of a strategy of the session.
    pub(in crate::workbench) fn classifier(
        &self,
        strategy: &StrategyResult,
        cancel: &Cancel,
    ) -> Result<Classifier, WorkbenchError> {
        let (aggregation, prompts) = (strategy.aggregation, &strategy.prompts);
        self.prompts.classifier(aggregation, prompts, &self.images.unit, self.logit_scale, cancel)
    }
}

impl Session {
    /// The controls of a strategy, if it has any.
    pub fn controls_of(&self, strategy: usize) -> Option<&Controls> {
        self.controls.iter().find(|controls| controls.strategy == strategy)
    }
}

/// What a session is made of.
struct Evaluated {
    contents: ImageContents,
    /// The dataset's fingerprint.
    dataset: Hash,
    /// In the order of the strategies.
    evaluations: Vec<CachedEvaluation>,
    /// The images' embeddings, unless there was no need of them.
    unit: Option<Matrix>,
}

impl Workbench {
    /// Evaluates every strategy and saves the runs. What was evaluated before is not evaluated again; otherwise what the
    /// store does not hold yet is embedded.
    ///
    /// # Errors
    /// [`WorkbenchError::Cancelled`] soon after the request, with every finished batch in the store.
    pub fn evaluate(
        &self,
        options: SessionOptions,
        cancel: &Cancel,
        notify: &dyn Fn(Progress),
    ) -> Result<Session, WorkbenchError> {
        self.evaluate_and_tell(options, cancel, notify, None)
    }

    /// The same, with figures while images are embedded.
    ///
    /// # Errors
    /// As [`Workbench::evaluate`].
    pub fn evaluate_watched(
        &self,
        options: SessionOptions,
        cancel: &Cancel,
        notify: &dyn Fn(Progress),
        first_figures: &dyn Fn(FirstFigures),
    ) -> Result<Session, WorkbenchError> {
        self.evaluate_and_tell(options, cancel, notify, Some(first_figures))
    }

    fn evaluate_and_tell(
        &self,
        options: SessionOptions,
        cancel: &Cancel,
        notify: &dyn Fn(Progress),
        first_figures: Option<&dyn Fn(FirstFigures)>,
    ) -> Result<Session, WorkbenchError> {
        let embedder = self.embedder();
        let evaluated = match self.cached_session(&embedder, &options) {
            Some(known) => known,
            None => self.evaluate_anew(&embedder, &options, true, cancel, notify, first_figures)?,
        };
        let (mut session, contents) = self.session_of(&embedder, evaluated, options, cancel, notify)?;
        if let Err(error) = self.save_runs(&session, &contents, options.ranked) {
            session.warnings.push(format!("the runs were not saved: {error}"));
        }
        Ok(session)
    }

    /// Evaluates every strategy without taking a kept evaluation for it, nor keeping this one; and what the images' files
    /// hold.
    pub(in crate::workbench) fn evaluate_again(
        &self,
        cancel: &Cancel,
        notify: &dyn Fn(Progress),
    ) -> Result<(Session, ImageContents), WorkbenchError> {
        let (embedder, options) = (self.embedder(), SessionOptions::default());
        let evaluated = self.evaluate_anew(&embedder, &options, false, cancel, notify, None)?;
        self.session_of(&embedder, evaluated, options, cancel, notify)
    }

    /// What is shown of the evaluated strategies; their controls are evaluated too.
    fn session_of(
        &self,
        embedder: &Embedder<'_>,
        evaluated: Evaluated,
        options: SessionOptions,
        cancel: &Cancel,
        notify: &dyn Fn(Progress),
    ) -> Result<(Session, ImageContents), WorkbenchError> {
        let Evaluated { contents, dataset, evaluations, unit } = evaluated;
        let mut skipped = self.dataset.skipped.clone();
        skipped.extend(contents.skipped.iter().cloned());
        if options.strict && !skipped.is_empty() {
            return Err(WorkbenchError::Strict { skipped });
        }
        let labels = self.labels(&contents);
        let images = ControlledImages { labels: &labels, dataset, unit };
        let controls = self.evaluate_controls(embedder, &evaluations, images, cancel, notify)?;
        let mut warnings = self.warnings.clone();
        warnings.extend(self.note_on_contradictions(&contents));
        let mut strategies = Vec::with_capacity(self.strategies.len());
        for (strategy, known) in self.strategies.iter().zip(evaluations) {
            warnings.extend(
                embedder.truncation_note(known.truncated, &format!("prompts of {:?}", strategy.name)),
            );
            strategies.push(StrategyResult {
                name: strategy.name.clone(),
                aggregation: strategy.aggregation,
                prompt_sets: strategy.prompt_sets.clone(),
                prompts: strategy.prompts.clone(),
                evaluation: known.evaluation,
            });
        }
        warnings.extend(embedder.unsaved());
        let session = Session {
            experiment: self.experiment.name.clone(),
            checkpoint: self.checkpoint.name().to_owned(),
            checkpoint_fingerprint: self.fingerprint,
            preprocessing: self.checkpoint.preprocessing_origin().clone(),
            precision: self.experiment.precision,
            dataset: self.dataset.name.clone(),
            dataset_fingerprint: dataset,
            classes: self.dataset.classes.iter().map(|class| class.name.clone()).collect(),
            images: contents
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
            controls,
            left_over: self.left_over.clone(),
            warnings,
            demo_checkpoint: self.experiment.checkpoint == CheckpointChoice::Demo,
        };
        Ok((session, contents))
    }

    /// The embeddings of all images and prompts; what the store does not hold yet is embedded.
    ///
    /// # Errors
    /// [`WorkbenchError::NoReadableImage`]; [`WorkbenchError::Cancelled`] soon after the request, with every finished
    /// batch in the store.
    pub fn embed(
        &self,
        cancel: &Cancel,
        notify: &dyn Fn(Progress),
    ) -> Result<SessionEmbeddings, WorkbenchError> {
        self.embed_with(&self.embedder(), cancel, notify, None)
    }

    fn embed_with(
        &self,
        embedder: &Embedder<'_>,
        cancel: &Cancel,
        notify: &dyn Fn(Progress),
        first_figures: Option<&dyn Fn(FirstFigures)>,
    ) -> Result<SessionEmbeddings, WorkbenchError> {
        let all_prompts =
            self.strategies.iter().flat_map(|strategy| strategy.prompts.iter().flatten().map(String::as_str));
        let prompts = embedder.prompts(all_prompts, cancel, notify)?;
        let logit_scale = embedder.load(Checkpoint::logit_scale)?;
        let pictures = self.pictures();
        let images = match first_figures.and_then(|tell| Some((self.spread_order()?, tell))) {
            Some(((order, labels), tell)) => {
                let classifiers = || self.early_classifiers(&prompts);
                let mut watcher = Watcher::new(&labels, logit_scale, &classifiers, tell);
                let take = &mut |image: usize, row: &[f32]| watcher.take(image, row);
                embedder.images_in(&order, &pictures, cancel, notify, take)?
            }
            None => embedder.images(&pictures, cancel, notify)?,
        };
        if images.contents.kept.is_empty() {
            let mut skipped = self.dataset.skipped.clone();
            skipped.extend(images.contents.skipped);
            return Err(WorkbenchError::NoReadableImage { skipped });
        }
        let labels = self.labels(&images.contents);
        Ok(SessionEmbeddings { images, labels, prompts: Arc::new(prompts), logit_scale })
    }

    /// The images in an order that is spread over the classes, and their labels. Pictures in larger files are taken one after
    /// the other as they lie there.
    fn spread_order(&self) -> Option<(Vec<usize>, Vec<usize>)> {
        let images = &self.dataset.images;
        if images.iter().any(|image| matches!(image.source, PictureSource::Member { .. })) {
            return None;
        }
        let labels: Vec<usize> = images.iter().map(|image| image.label).collect();
        Some((spread_over_classes(&labels, self.dataset.classes.len()), labels))
    }

    /// The classifiers that can be made before all images are there. What is wrong with another one is said when it is made.
    fn early_classifiers(
        &self,
        prompts: &PromptEmbeddings,
    ) -> Result<Vec<(String, Classifier)>, WorkbenchError> {
        let mut early = Vec::with_capacity(self.strategies.len());
        for OpenStrategy { name, aggregation, prompts: of_classes, .. } in &self.strategies {
            if let Ok(classifier) = Classifier::build(*aggregation, &prompts.per_class(of_classes)?) {
                early.push((name.clone(), classifier));
            }
        }
        Ok(early)
    }

    fn evaluate_anew(
        &self,
        embedder: &Embedder<'_>,
        options: &SessionOptions,
        keep: bool,
        cancel: &Cancel,
        notify: &dyn Fn(Progress),
        first_figures: Option<&dyn Fn(FirstFigures)>,
    ) -> Result<Evaluated, WorkbenchError> {
        let SessionEmbeddings { images, labels, prompts, logit_scale } =
            self.embed_with(embedder, cancel, notify, first_figures)?;
        let dataset = self.dataset_fingerprint(&images.contents);
        let mut evaluations = Vec::with_capacity(self.strategies.len());
        for strategy in &self.strategies {
            let (aggregation, of_classes) = (strategy.aggregation, &strategy.prompts);
            let classifier =
                prompts.classifier(aggregation, of_classes, &images.unit, logit_scale, cancel)?;
            let is_cancelled = || cancel.is_cancelled();
            let known = CachedEvaluation {
                truncated: prompts.truncated(strategy.prompts.iter().flatten().map(String::as_str)),
                evaluation: evaluate_cancellable(
                    &images.unit,
                    &labels,
                    &classifier,
                    logit_scale,
                    options.ranked,
                    &is_cancelled,
                )?,
            };
            if keep {
                let key = self.evaluation_key(embedder, strategy, &dataset, options.ranked);
                embedder.cache_evaluation(&key, &known);
            }
            evaluations.push(known);
        }
        Ok(Evaluated { contents: images.contents, dataset, evaluations, unit: Some(images.unit) })
    }

    /// The same from an earlier start, if all of it is known.
    fn cached_session(&self, embedder: &Embedder<'_>, options: &SessionOptions) -> Option<Evaluated> {
        let pictures = self.pictures();
        let contents = embedder.cached_contents(&pictures, &embedder.stamps(&pictures))?;
        if contents.kept.is_empty() {
            return None;
        }
        let labels = self.labels(&contents);
        let dataset = self.dataset_fingerprint(&contents);
        let known = |strategy| {
            let key = self.evaluation_key(embedder, strategy, &dataset, options.ranked);
            embedder.cached_evaluation(&key, &labels, self.dataset.classes.len())
        };
        let evaluations = self.strategies.iter().map(known).collect::<Option<_>>()?;
        Some(Evaluated { contents, dataset, evaluations, unit: None })
    }

    pub(in crate::workbench) fn embedder(&self) -> Embedder<'_> {
        Embedder::new(&self.checkpoint, self.fingerprint, self.experiment.precision, &self.store)
    }

    pub(in crate::workbench) fn pictures(&self) -> Vec<NamedPicture<'_>> {
        let images = self.dataset.images.iter();
        images.map(|image| NamedPicture { name: &image.name, source: &image.source }).collect()
    }

    fn labels(&self, contents: &ImageContents) -> Vec<usize> {
        contents.kept.iter().map(|&index| self.dataset.images[index].label).collect()
    }

    /// Which pictures lie in several classes, byte for byte the same: no answer is right for both.
    fn note_on_contradictions(&self, contents: &ImageContents) -> Option<String> {
        let mut first_of: HashMap<&Hash, &DatasetImage> = HashMap::new();
        let mut pairs = Vec::new();
        for (&index, hash) in contents.kept.iter().zip(&contents.hashes) {
            let image = &self.dataset.images[index];
            let first = *first_of.entry(hash).or_insert(image);
            if first.label != image.label {
                pairs.push(format!("{} = {}", first.name, image.name));
            }
        }
        (!pairs.is_empty()).then(|| {
            format!(
                "pictures that are the same in several classes, so that one of their labels is wrong whatever is answered: {}; \
                 `doctor labels` lists them with the remedy",
                listed(&pairs, 3)
            )
        })
    }

    pub(in crate::workbench) fn dataset_fingerprint(&self, contents: &ImageContents) -> Hash {
        let mut hasher = blake3::Hasher::new();
        for class in &self.dataset.classes {
            hasher.update(blake3::hash(class.name.as_bytes()).as_bytes());
        }
        for (&index, hash) in contents.kept.iter().zip(&contents.hashes) {
            let image = &self.dataset.images[index];
            hasher.update(blake3::hash(image.name.as_bytes()).as_bytes());
            hasher.update(&(image.label as u64).to_le_bytes());
            hasher.update(hash.as_bytes());
        }
        hasher.finalize()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::path::Path;

    use super::*;
    use crate::store::Store;
    use crate::workbench::experiment::definition::{
        CheckpointChoice, ClassNamesChoice, DatasetChoice, Experiment,
    };

    fn save(path: &Path, value: u8) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        image::RgbImage::from_pixel(8, 8, image::Rgb([value, 100, 50])).save(path).unwrap();
    }

    /// The session, and how many notices there were on the way: none if nothing was looked up one by one.
    fn evaluated(dir: &Path, store: &Store) -> (Session, usize) {
        let mut experiment = Experiment::demo().unwrap();
        experiment.checkpoint = CheckpointChoice::Demo;
        experiment.dataset = DatasetChoice::Path {
            images: dir.to_owned(),
            class_names: None::<ClassNamesChoice>,
            class_order: None,
            first_label: None,
        };
        let workbench = Workbench::open(experiment, store.clone()).unwrap();
        let notices = Cell::new(0);
        let notify = |_| notices.set(notices.get() + 1);
        let session = workbench.evaluate(SessionOptions::default(), &Cancel::default(), &notify).unwrap();
        (session, notices.get())
    }

    #[test]
    fn what_is_known_is_not_embedded_again() {
        let dir = tempfile::tempdir().unwrap();
        for (path, value) in [("cat/1.png", 10), ("cat/2.png", 20), ("frog/1.png", 30)] {
            save(&dir.path().join(path), value);
        }
        std::fs::write(dir.path().join("frog/broken.png"), "no picture").unwrap();
        let store = Store::in_memory().trusting_new_files();
        let (first, notices) = evaluated(dir.path(), &store);
        assert!(notices > 0);
        let (second, notices) = evaluated(dir.path(), &store);
        assert_eq!(notices, 0);
        for (a, b) in first.strategies.iter().zip(&second.strategies) {
            assert_eq!(a.evaluation, b.evaluation);
        }
        assert_eq!(first.skipped, second.skipped);
        assert_eq!(second.skipped.len(), 1);
        assert_eq!(first.dataset_fingerprint, second.dataset_fingerprint);

        save(&dir.path().join("frog/2.png"), 40);
        let (third, notices) = evaluated(dir.path(), &store);
        assert!(notices > 0);
        assert_eq!(third.images.len(), 4);
    }

    #[test]
    fn one_picture_in_two_classes_is_said() {
        let dir = tempfile::tempdir().unwrap();
        for (path, value) in [("cat/1.png", 10), ("cat/2.png", 10), ("frog/1.png", 30)] {
            save(&dir.path().join(path), value);
        }
        let store = Store::in_memory();
        let said = || {
            let (session, _) = evaluated(dir.path(), &store);
            session.warnings.into_iter().find(|note| note.contains("the same in several classes"))
        };
        assert_eq!(said(), None);
        std::fs::copy(dir.path().join("cat/2.png"), dir.path().join("frog/2.png")).unwrap();
        assert!(said().unwrap().contains("cat/1.png = frog/2.png"));
    }

    /// Pictures of one length: whatever changes them, the new ones count, and a change back finds the old embeddings.
    #[cfg(unix)]
    #[test]
    fn pictures_that_changed_behind_an_unchanged_time_are_seen() {
        use std::os::unix::fs::symlink;

        use crate::store::{keeping_the_time, tick};

        let dir = tempfile::tempdir().unwrap();
        for (set, colour) in [("a", 10), ("b", 200)] {
            for (path, more) in [("cat/1.bmp", 0), ("cat/2.bmp", 5), ("frog/1.bmp", 20)] {
                let path = dir.path().join(set).join(path);
                save(&path, colour + more);
                let file = std::fs::File::options().write(true).open(path).unwrap();
                file.set_modified(std::time::UNIX_EPOCH).unwrap();
            }
        }
        let (images, store) = (dir.path().join("images"), Store::in_memory().trusting_new_files());
        let fingerprint = || evaluated(&images, &store).0.dataset_fingerprint;
        symlink("a", &images).unwrap();
        let first = fingerprint();
        assert_eq!(fingerprint(), first);
        std::fs::remove_file(&images).unwrap();
        symlink("b", &images).unwrap();
        let second = fingerprint();
        assert_ne!(second, first);

        let picture = dir.path().join("b/cat/1.bmp");
        let bytes = std::fs::read(&picture).unwrap();
        tick(&picture);
        keeping_the_time(&picture, || save(&picture, 90));
        assert_eq!(std::fs::metadata(&picture).unwrap().len(), bytes.len() as u64);
        let third = fingerprint();
        assert!(third != second && third != first);

        let embeddings = store.counts().unwrap().vectors;
        tick(&picture);
        keeping_the_time(&picture, || std::fs::write(&picture, bytes).unwrap());
        assert_eq!(fingerprint(), second);
        assert_eq!(store.counts().unwrap().vectors, embeddings);
    }
}
