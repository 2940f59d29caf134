//! The controls of a strategy, evaluated on its images: how much of its accuracy is left without its number of prompts,
//! their sense, their class or the class name.
//!
//! Controls are no strategies: they are neither A nor B and have no run. Their prompts are made only where an evaluation
//! is not known yet, one control after the other, so that one's embeddings are in memory at a time.

use std::time::Duration;

use super::evaluation_cache::CachedEvaluation;
use super::opening::{OpenStrategy, Workbench};
use crate::evaluation::{ControlGain, Evaluation, Matrix, evaluate_cancellable};
use crate::prompts::{CONTROLS_VERSION, ControlKind, control_prompts};
use crate::store::{Hash, Key};
use crate::workbench::embedding::embedder::Embedder;
use crate::workbench::error::WorkbenchError;
use crate::workbench::jobs::progress::{Cancel, Progress};

/// Every control of a strategy.
#[derive(Debug, Clone, PartialEq)]
pub struct Controls {
    /// An index into the session's strategies.
    pub strategy: usize,
    /// In the order of [`ControlKind::ALL`].
    pub results: Vec<ControlResult>,
}

/// One control of a strategy.
#[derive(Debug, Clone, PartialEq)]
pub struct ControlResult {
    /// What is taken away.
    pub kind: ControlKind,
    /// Prompts over all classes, with one seed.
    pub prompts: usize,
    /// For each seed; one where there is no chance in it.
    pub seeds: Vec<ControlAccuracy>,
    /// What the strategy has more than the control.
    pub gain: ControlGain,
}

/// What a control comes to with one seed; all from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ControlAccuracy {
    /// Share of images whose class is the top prediction.
    pub top1: f64,
    /// Share of images whose class is among the five best.
    pub top5: f64,
    /// The average of the classes' recalls.
    pub mean_per_class_recall: f64,
}

/// An average over seeds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The average.
    pub mean: f64,
    /// The standard deviation of the seeds (of a sample: divided by their number less one); `None` with one seed.
    pub sd: Option<f64>,
}

impl Spread {
    fn from_values(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Self { mean, sd: (values.len() > 1).then(|| (squares / (count - 1.0)).sqrt()) }
    }
}

impl Controls {
    /// The control of random words: what a strategy must beat before its words can be said to help.
    pub fn random(&self) -> Option<&ControlResult> {
        self.results.iter().find(|result| result.kind == ControlKind::Random)
    }
}

impl ControlResult {
    /// Top-1 accuracy over the seeds, from 0 to 1.
    pub fn top1(&self) -> Spread {
        self.spread(|accuracy| accuracy.top1)
    }

    /// Top-5 accuracy over the seeds, from 0 to 1.
    pub fn top5(&self) -> Spread {
        self.spread(|accuracy| accuracy.top5)
    }

    /// Mean per-class recall over the seeds, from 0 to 1.
    pub fn mean_per_class_recall(&self) -> Spread {
        self.spread(|accuracy| accuracy.mean_per_class_recall)
    }

    fn spread(&self, value: impl Fn(&ControlAccuracy) -> f64) -> Spread {
        Spread::from_values(&self.seeds.iter().map(value).collect::<Vec<f64>>())
    }
}

/// One control with one seed, still to be evaluated.
#[derive(Clone, Copy)]
struct ControlRun {
    /// An index into the workbench's strategies.
    strategy: usize,
    kind: ControlKind,
    seed: u64,
}

/// The images that controls are evaluated on.
pub(in crate::workbench) struct ControlledImages<'a> {
    pub(in crate::workbench) labels: &'a [usize],
    /// The dataset's fingerprint.
    pub(in crate::workbench) dataset: Hash,
    /// Their embeddings, where they are in memory already.
    pub(in crate::workbench) unit: Option<Matrix>,
}

impl Workbench {
    /// Evaluates controls of these strategies too, in place of those that the experiment names. Controls with chance in
    /// them are made `seeds` times.
    ///
    /// # Errors
    /// [`WorkbenchError::UnknownStrategy`].
    pub fn set_controls(&mut self, strategies: Vec<String>, seeds: usize) -> Result<(), WorkbenchError> {
        for name in &strategies {
            self.strategy(name)?;
        }
        self.experiment.controls = strategies;
        self.control_seeds = seeds.max(1);
        Ok(())
    }

    /// The controls that are wanted, of these strategies' evaluations.
    pub(in crate::workbench) fn evaluate_controls(
        &self,
        embedder: &Embedder<'_>,
        evaluations: &[CachedEvaluation],
        mut images: ControlledImages<'_>,
        cancel: &Cancel,
        notify: &dyn Fn(Progress),
    ) -> Result<Vec<Controls>, WorkbenchError> {
        let wanted = self.wanted_controls();
        let mut known: Vec<Option<Evaluation>> =
            wanted.iter().map(|wanted| self.known_control(embedder, *wanted, &images)).collect();
        let missing: Vec<usize> = (0..wanted.len()).filter(|&at| known[at].is_none()).collect();
        if !missing.is_empty() {
            let unit = match images.unit.take() {
                Some(unit) => unit,
                None => {
                    let again = embedder.images(&self.pictures(), cancel, notify)?;
                    if self.dataset_fingerprint(&again.contents) != images.dataset {
                        return Err(WorkbenchError::Outdated { what: "the images" });
                    }
                    again.unit
                }
            };
            let total = missing.iter().map(|&at| self.control_size(wanted[at])).sum();
            let mut before = 0;
            for at in missing {
                let notify = |progress| notify(among(progress, before, total));
                let (control, labels) = (wanted[at], images.labels);
                let made = self.evaluate_control(embedder, control, &unit, labels, cancel, &notify)?;
                embedder.cache_evaluation(&self.control_key(embedder, control, &images.dataset), &made);
                known[at] = Some(made.evaluation);
                before += self.control_size(control);
            }
        }
        self.grouped(evaluations, wanted.into_iter().zip(known.into_iter().flatten()).collect())
    }

    /// The places of the strategies with controls, each once.
    fn controlled(&self) -> Vec<usize> {
        let is_controlled = |place: &usize| self.experiment.controls.contains(&self.strategies[*place].name);
        (0..self.strategies.len()).filter(is_controlled).collect()
    }

    fn wanted_controls(&self) -> Vec<ControlRun> {
        let seeds = |kind: ControlKind| if kind.is_random() { self.control_seeds as u64 } else { 1 };
        let of_strategy = |strategy| {
            ControlKind::ALL
                .into_iter()
                .flat_map(move |kind| (0..seeds(kind)).map(move |seed| ControlRun { strategy, kind, seed }))
        };
        self.controlled().into_iter().flat_map(of_strategy).collect()
    }

    /// Number of a control's prompts.
    fn control_size(&self, control: ControlRun) -> usize {
        match control.kind {
            ControlKind::ClassName | ControlKind::Template => self.dataset.classes.len(),
            ControlKind::Random | ControlKind::Shuffled | ControlKind::NoName => {
                self.strategies[control.strategy].prompts.iter().map(Vec::len).sum()
            }
        }
    }

    /// Everything that decides a control's evaluation; the dataset's fingerprint holds the class names.
    fn control_key(&self, embedder: &Embedder<'_>, control: ControlRun, dataset: &Hash) -> Key {
        let strategy = &self.strategies[control.strategy];
        Key::from_parts(&[
            b"control",
            &CONTROLS_VERSION.to_le_bytes(),
            control.kind.name().as_bytes(),
            &control.seed.to_le_bytes(),
            self.evaluation_key(embedder, strategy, dataset, 1).to_hex().as_bytes(),
        ])
    }

    fn known_control(
        &self,
        embedder: &Embedder<'_>,
        control: ControlRun,
        images: &ControlledImages<'_>,
    ) -> Option<Evaluation> {
        let key = self.control_key(embedder, control, &images.dataset);
        Some(embedder.cached_evaluation(&key, images.labels, self.dataset.classes.len())?.evaluation)
    }

    fn evaluate_control(
        &self,
        embedder: &Embedder<'_>,
        control: ControlRun,
        unit: &Matrix,
        labels: &[usize],
        cancel: &Cancel,
        notify: &dyn Fn(Progress),
    ) -> Result<CachedEvaluation, WorkbenchError> {
        let OpenStrategy { aggregation, prompts, .. } = &self.strategies[control.strategy];
        let prompts = control_prompts(control.kind, prompts, &self.dataset.class_names(), control.seed);
        let texts = || prompts.iter().flatten().map(String::as_str);
        let embeddings = embedder.prompts(texts(), cancel, notify)?;
        let logit_scale = self.checkpoint.logit_scale()?;
        let classifier = embeddings.classifier(*aggregation, &prompts, unit, logit_scale, cancel)?;
        let is_cancelled = || cancel.is_cancelled();
        let evaluation = evaluate_cancellable(unit, labels, &classifier, logit_scale, 1, &is_cancelled)?;
        Ok(CachedEvaluation { truncated: embeddings.truncated(texts()), evaluation })
    }

    /// Strategy by strategy and kind by kind, the seeds together.
    fn grouped(
        &self,
        evaluations: &[CachedEvaluation],
        made: Vec<(ControlRun, Evaluation)>,
    ) -> Result<Vec<Controls>, WorkbenchError> {
        let mut made = made.into_iter().peekable();
        let mut all = Vec::new();
        for strategy in self.controlled() {
            let mut results = Vec::with_capacity(ControlKind::ALL.len());
            for kind in ControlKind::ALL {
                let is_of_kind = |(wanted, _): &(ControlRun, Evaluation)| {
                    (wanted.strategy, wanted.kind) == (strategy, kind)
                };
                let mut seeds = Vec::new();
                while let Some((_, evaluation)) = made.next_if(is_of_kind) {
                    seeds.push(evaluation);
                }
                results.push(ControlResult {
                    kind,
                    prompts: self.control_size(ControlRun { strategy, kind, seed: 0 }),
                    seeds: seeds.iter().map(accuracy).collect(),
                    gain: ControlGain::from_evaluations(&evaluations[strategy].evaluation, &seeds)?,
                });
            }
            all.push(Controls { strategy, results });
        }
        Ok(all)
    }
}

fn accuracy(evaluation: &Evaluation) -> ControlAccuracy {
    ControlAccuracy {
        top1: evaluation.top1(),
        top5: evaluation.top5(),
        mean_per_class_recall: evaluation.mean_per_class_recall(),
    }
}

/// The progress of one control as part of all: `before` prompts belong to those that are done, of `total`.
fn among(progress: Progress, before: usize, total: usize) -> Progress {
    let done = before + progress.done;
    let left = progress.rate.filter(|_| done < total);
    let left = left.map(|rate| Duration::from_secs_f64((total - done) as f64 / rate));
    Progress { done, total, left, ..progress }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::super::evaluation::{Session, SessionOptions};
    use super::*;
    use crate::evaluation::Standing;
    use crate::store::Store;
    use crate::store::StorePlace;
    use crate::workbench::WorkbenchError;
    use crate::workbench::editing::prompt_editor::tests::pond;
    use crate::workbench::experiment::definition::Experiment;
    use crate::workbench::jobs::progress::Stage;

    /// The demo with controls of one strategy, three seeds each, and its notices.
    fn evaluated(place: &StorePlace, strategy: &str) -> (Session, Vec<Progress>) {
        let store = place.open().unwrap().store;
        let mut workbench = Workbench::open(Experiment::demo().unwrap(), store).unwrap();
        workbench.set_controls(vec![strategy.to_owned()], 3).unwrap();
        let notices = RefCell::new(Vec::new());
        let notify = |progress| notices.borrow_mut().push(progress);
        let session = workbench.evaluate(SessionOptions::default(), &Cancel::default(), &notify).unwrap();
        (session, notices.into_inner())
    }

    #[test]
    fn controls_are_evaluated_once() {
        let place = StorePlace::in_memory();
        let (session, notices) = evaluated(&place, "cupl");
        let [controls] = &session.controls[..] else { panic!("{:?}", session.controls) };
        assert_eq!(session.strategies[controls.strategy].name, "cupl");
        let strategy = &session.strategies[controls.strategy];
        let (classes, prompts) = (session.classes.len(), strategy.n_prompts());
        let sizes: Vec<(ControlKind, usize, usize)> =
            controls.results.iter().map(|result| (result.kind, result.prompts, result.seeds.len())).collect();
        assert_eq!(
            sizes,
            [
                (ControlKind::ClassName, classes, 1),
                (ControlKind::Template, classes, 1),
                (ControlKind::Random, prompts, 3),
                (ControlKind::Shuffled, prompts, 3),
                (ControlKind::NoName, prompts, 1),
            ]
        );
        for result in &controls.results {
            let expected = strategy.evaluation.top1() - result.top1().mean;
            assert!((result.gain.difference - expected).abs() < 1e-12, "{result:?}");
            assert_eq!(result.top1().sd.is_some(), result.seeds.len() > 1);
            assert!(result.top5().mean >= result.top1().mean);
        }
        // The demo's sentences say more than its class names.
        assert_eq!(controls.random().unwrap().gain.standing(), Standing::Better);
        assert_eq!(controls.results[3].gain.standing(), Standing::Better);
        let last = notices.last().unwrap();
        assert_eq!(last.total, 2 * classes + 7 * prompts);
        assert!(notices.iter().all(|progress| progress.done <= progress.total));

        // The demo's images are no files: what was evaluated of them is looked up all the same.
        let (again, _) = evaluated(&place, "cupl");
        assert_eq!(again.controls, session.controls);
        let store = place.open().unwrap().store;
        assert_eq!(store.runs().unwrap().len(), session.strategies.len());
    }

    #[test]
    fn controls_belong_to_strategies_that_are_there() {
        let images = tempfile::tempdir().unwrap();
        let store = StorePlace::in_memory().open().unwrap().store;
        let mut workbench = Workbench::open(pond(images.path()), store).unwrap();
        let refused = workbench.set_controls(vec!["none".to_owned()], 1);
        assert!(matches!(refused, Err(WorkbenchError::UnknownStrategy { .. })));
        workbench.set_controls(vec!["cupl".to_owned(), "templates".to_owned()], 0).unwrap();
        assert_eq!(workbench.controlled(), [0, 1]);
        workbench.keep_strategies(&["cupl".to_owned()]).unwrap();
        assert_eq!(workbench.controlled(), [0]);
        assert_eq!(workbench.wanted_controls().len(), ControlKind::ALL.len());
    }

    #[test]
    fn a_stopped_job_keeps_finished_controls() {
        let images = tempfile::tempdir().unwrap();
        let store = Store::in_memory().trusting_new_files();
        let mut workbench = Workbench::open(pond(images.path()), store).unwrap();
        let options = SessionOptions::default();
        workbench.evaluate(options, &Cancel::default(), &|_| ()).unwrap();
        workbench.set_controls(vec!["templates".to_owned()], 1).unwrap();
        let total = Cell::new(0);
        let cancel = Cancel::default();
        let stop_after_the_first = |progress: Progress| {
            total.set(progress.total);
            if progress.stage == Stage::Prompts && progress.done > workbench.dataset.classes.len() {
                cancel.cancel();
            }
        };
        let stopped = workbench.evaluate(options, &cancel, &stop_after_the_first);
        assert!(matches!(stopped, Err(WorkbenchError::Cancelled)));
        let all = total.get();
        let session =
            workbench.evaluate(options, &Cancel::default(), &|progress| total.set(progress.total)).unwrap();
        assert!(total.get() < all, "{} of {all}", total.get());
        total.set(0);
        let again =
            workbench.evaluate(options, &Cancel::default(), &|progress| total.set(progress.total)).unwrap();
        assert_eq!((total.get(), &again.controls), (0, &session.controls));
    }

    #[test]
    fn the_spread_of_seeds() {
        // statistics.mean([0.7, 0.72, 0.77]), statistics.stdev([0.7, 0.72, 0.77]) in Python.
        let spread = Spread::from_values(&[0.7, 0.72, 0.77]);
        assert!((spread.mean - 0.73).abs() < 1e-12);
        assert!((spread.sd.unwrap() - 0.036_055_512_754_639_924).abs() < 1e-12);
        assert_eq!(Spread::from_values(&[0.5]), Spread { mean: 0.5, sd: None });
    }
}
