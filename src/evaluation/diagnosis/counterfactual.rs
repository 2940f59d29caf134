//! Which prompts would have to go for a missed image to be recognised, and what that does to all other images.
//!
//! The fewest prompts are found exactly where one is enough: every prompt whose removal alone could do it is tried, and
//! the one that leaves the true class furthest ahead is taken. A prompt of a class that is neither the predicted nor the
//! true one cannot do it alone, since the predicted class stays ahead. Beyond one prompt the search is greedy: the best
//! next removal is taken again and again, and afterwards whatever turned out not to be needed is put back. A smaller set
//! may exist then.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::attribution::ClassLogit;
use super::attribution::dot;
use crate::evaluation::EvaluationError;
use crate::evaluation::core::autoclip::autoclip_weights;
use crate::evaluation::core::classifier::Classifier;
use crate::evaluation::core::classifier::{check, class_rows};
use crate::evaluation::core::evaluate::Evaluation;
use crate::evaluation::core::matrix::Matrix;
use crate::evaluation::core::prompt_weights::zpe;
use crate::evaluation::core::ranking::Ranked;
use crate::evaluation::core::ranking::largest;
use crate::evaluation::core::rescoring::ChangedPrediction;
use crate::evaluation::core::scores::Scorer;
use crate::evaluation::core::scores::{BLOCK, Cancellation, scale};
use crate::kernels::Cpu;
use crate::prompts::Aggregation;

/// Prompts that are taken out at most. An image that needs more is not missed because of single prompts.
const MOST: usize = 16;

/// How far the true class must be ahead to win, in units of a score, so that rounding cannot take it away again.
const AHEAD: f64 = 1e-6;

/// A prompt that is taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RemovedPrompt {
    /// The class.
    pub class: usize,
    /// Its place among the prompts of the class.
    pub prompt: usize,
}

/// A classifier together with the prompts that it is made of.
#[derive(Debug)]
pub struct PromptedClassifier {
    aggregation: Aggregation,
    /// Raw, `[n_prompts_of_class, dim]` each.
    prompts: Vec<Matrix>,
    classifier: Classifier,
    factor: f64,
    /// Those of the dataset, where the aggregation finds some: `[n_prompts]`.
    weights: Option<Vec<f64>>,
}

impl PromptedClassifier {
    /// Makes a classifier of the raw prompt embeddings of each class, `[n_prompts_of_class, dim]`, for these images, unit
    /// rows `[n_images, dim]`. `logit_scale` is the logarithm that checkpoints store. `is_cancelled` is asked often.
    ///
    /// # Errors
    /// Those of [`Classifier::for_images_cancellable`], and [`EvaluationError::LogitScale`].
    pub fn new(
        aggregation: Aggregation,
        prompts: Vec<Matrix>,
        images: &Matrix,
        logit_scale: f32,
        is_cancelled: Cancellation<'_>,
    ) -> Result<Self, EvaluationError> {
        let factor = scale(logit_scale)?;
        let (classifier, weights) = match aggregation {
            Aggregation::Zpe => {
                let (classifier, weights) = zpe(&prompts, images, factor, is_cancelled)?;
                (classifier, Some(weights))
            }
            _ => (Classifier::for_images(aggregation, &prompts, images, logit_scale)?, None),
        };
        Ok(Self { aggregation, prompts, classifier, factor: f64::from(factor), weights })
    }

    /// The classifier alone.
    pub fn classifier(&self) -> &Classifier {
        &self.classifier
    }

    /// The logit of a class for an image, a unit vector `[dim]`, as a sum over its prompts.
    ///
    /// # Errors
    /// [`EvaluationError::NoSuchClass`] and [`EvaluationError::ImageDimension`].
    pub fn logit(&self, class: usize, image: &[f32]) -> Result<ClassLogit, EvaluationError> {
        self.check_image(image)?;
        self.check_class(class)?;
        Ok(self.class_logit(class, image))
    }

    /// Prompts without which an image, a unit vector `[dim]`, is taken for its class; `None` where it already is, or
    /// where this needs more than a few prompts, or the last prompt of a class. `None` also for an aggregation that weighs
    /// the prompts of all classes together, where one cannot go alone.
    ///
    /// # Errors
    /// [`EvaluationError::NoSuchClass`] and [`EvaluationError::ImageDimension`].
    pub fn correction(
        &self,
        image: &[f32],
        truth: usize,
    ) -> Result<Option<Vec<RemovedPrompt>>, EvaluationError> {
        self.check_image(image)?;
        self.check_class(truth)?;
        if self.aggregation.weighs_prompts() {
            return Ok(None);
        }
        let scores = class_scores(&self.classifier, image);
        let logits = scores.iter().map(|score| self.factor * score).collect();
        let mut search = Search { classifier: self, image, truth, logits, opened: BTreeMap::new() };
        Ok(search.run())
    }

    /// The images whose prediction changes when prompts are taken out, in their order: exactly those of a fresh
    /// evaluation. `evaluation` is this classifier's on `images`, unit rows `[n_images, dim]`.
    ///
    /// Only the classes that lose prompts get other scores, and the best of the classes that lose none is known from the
    /// evaluation. So two or three scores decide for each image.
    ///
    /// # Errors
    /// [`EvaluationError::NoSuchClass`]; [`EvaluationError::NoPrompts`] if a class loses all;
    /// [`EvaluationError::LabelCount`] and [`EvaluationError::ImageDimension`] for other images;
    /// [`EvaluationError::WeighsPrompts`].
    pub fn predictions_without(
        &self,
        removed: &[RemovedPrompt],
        images: &Matrix,
        evaluation: &Evaluation,
    ) -> Result<Vec<ChangedPrediction>, EvaluationError> {
        if images.rows() != evaluation.n_images() {
            return Err(EvaluationError::LabelCount { images: images.rows(), labels: evaluation.n_images() });
        }
        if images.rows() > 0 {
            self.check_image(images.row(0))?;
        }
        if self.aggregation.weighs_prompts() {
            return Err(EvaluationError::WeighsPrompts { aggregation: self.aggregation });
        }
        let changed = self.rows_without(removed)?;
        let cpu = Cpu::detect();
        let tasks = tasks(evaluation, &changed);
        let predict = |(rest, images_of_it): &(Option<usize>, Vec<usize>)| {
            let classes = match rest {
                Some(rest) => changed.keys().copied().chain([*rest]).collect::<BTreeSet<usize>>(),
                None => (0..self.prompts.len()).collect(),
            };
            let classes: Vec<usize> = classes.into_iter().collect();
            let scorer = Scorer::new(cpu, &self.part(&classes, &changed)?);
            let rows: Vec<&[f32]> = images_of_it.iter().map(|&image| images.row(image)).collect();
            let (rows, mut scratch) = (Matrix::from_rows(&rows)?, scorer.scratch());
            let scores = scorer.scores(&rows, 0..rows.rows(), &mut scratch);
            let predicted = scores.chunks_exact(classes.len()).map(|scores| classes[best(scores)] as u32);
            let changes = images_of_it.iter().zip(predicted).map(|(&image, after)| ChangedPrediction {
                image,
                before: evaluation.prediction(image).class,
                after,
            });
            Ok(changes.filter(|change| change.before != change.after).collect::<Vec<_>>())
        };
        let found: Vec<Vec<ChangedPrediction>> =
            tasks.par_iter().map(predict).collect::<Result<_, EvaluationError>>()?;
        let mut found = found.concat();
        found.sort_unstable_by_key(|change| change.image);
        Ok(found)
    }

    fn class_logit(&self, class: usize, image: &[f32]) -> ClassLogit {
        let prompts = &self.prompts[class];
        let weights = match &self.classifier {
            Classifier::PerImage { prompts: all, n_prompts } => {
                let cosines: Vec<f32> = all.iter_rows().map(|row| dot(image, row) as f32).collect();
                Some(autoclip_weights(&cosines, *n_prompts))
            }
            _ => self.weights.clone(),
        };
        match weights {
            Some(weights) => ClassLogit::weighted(self.aggregation, self.factor, image, prompts, weights),
            None => ClassLogit::new(self.aggregation, self.factor, image, prompts),
        }
    }

    /// The rows of the classes that lose prompts, by class.
    fn rows_without(&self, removed: &[RemovedPrompt]) -> Result<BTreeMap<usize, Matrix>, EvaluationError> {
        let mut gone: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for &RemovedPrompt { class, prompt } in removed {
            self.check_class(class)?;
            gone.entry(class).or_default().insert(prompt);
        }
        let rows = |(class, gone): (usize, BTreeSet<usize>)| {
            let prompts = &self.prompts[class];
            let left = (0..prompts.rows()).filter(|prompt| !gone.contains(prompt));
            let left = Matrix::from_rows(&left.map(|prompt| prompts.row(prompt)).collect::<Vec<_>>())?;
            check(class, &left, self.classifier.dim())?;
            Ok((class, class_rows(self.aggregation, &left)?))
        };
        gone.into_iter().map(rows).collect()
    }

    /// The classifier of some classes, ascending, some of them with other rows.
    fn part(
        &self,
        classes: &[usize],
        changed: &BTreeMap<usize, Matrix>,
    ) -> Result<Classifier, EvaluationError> {
        let dim = self.classifier.dim();
        let (mut data, mut ends) = (Vec::new(), Vec::with_capacity(classes.len()));
        for class in classes {
            match changed.get(class) {
                Some(rows) => data.extend_from_slice(rows.as_slice()),
                None => {
                    let rows = self.classifier.rows_of(*class);
                    let all = self.classifier.rows().as_slice();
                    data.extend_from_slice(&all[rows.start * dim..rows.end * dim]);
                }
            }
            ends.push(data.len() / dim);
        }
        let rows = Matrix::new(data.len() / dim, dim, data)?;
        Ok(match self.aggregation {
            Aggregation::Max => Classifier::Max { prompts: rows, ends },
            _ => Classifier::Linear { weights: rows },
        })
    }

    fn check_class(&self, class: usize) -> Result<(), EvaluationError> {
        let n_classes = self.prompts.len();
        if class < n_classes { Ok(()) } else { Err(EvaluationError::NoSuchClass { class, n_classes }) }
    }

    fn check_image(&self, image: &[f32]) -> Result<(), EvaluationError> {
        let (images, prompts) = (image.len(), self.classifier.dim());
        if images == prompts { Ok(()) } else { Err(EvaluationError::ImageDimension { images, prompts }) }
    }
}

/// The score of an image for each class, `[n_classes]`.
pub(in crate::evaluation) fn class_scores(classifier: &Classifier, image: &[f32]) -> Vec<f64> {
    let score = |class: usize| {
        let products = classifier.rows_of(class).map(|row| dot(image, classifier.rows().row(row)));
        products.fold(f64::NEG_INFINITY, f64::max)
    };
    (0..classifier.n_classes()).map(score).collect()
}

/// Images whose best class among those that do not change is the same, some at a time; `None` where the evaluation does
/// not tell that class.
fn tasks(evaluation: &Evaluation, changed: &BTreeMap<usize, Matrix>) -> Vec<(Option<usize>, Vec<usize>)> {
    /// Images of one task: few classes are scored, so a task of fewer would only pack.
    const TOGETHER: usize = 4 * BLOCK;
    let mut groups: BTreeMap<Option<usize>, Vec<usize>> = BTreeMap::new();
    for image in 0..evaluation.n_images() {
        let ranked = evaluation.ranked(image).iter().map(|ranked| ranked.class as usize);
        let rest = ranked.into_iter().find(|class| !changed.contains_key(class));
        groups.entry(rest).or_default().push(image);
    }
    let parts = |(rest, images): (Option<usize>, Vec<usize>)| {
        images.chunks(TOGETHER).map(|images| (rest, images.to_vec())).collect::<Vec<_>>()
    };
    groups.into_iter().flat_map(parts).collect()
}

/// The place of the largest score; the first of those.
fn best(scores: &[f32]) -> usize {
    let mut best = [Ranked { class: 0, probability: 0.0 }];
    largest(scores, &mut best);
    best[0].class as usize
}

/// The search for the prompts to take out.
struct Search<'a> {
    classifier: &'a PromptedClassifier,
    image: &'a [f32],
    truth: usize,
    /// With the prompts that are left, `[n_classes]`.
    logits: Vec<f64>,
    /// The classes whose prompts were looked at.
    opened: BTreeMap<usize, ClassLogit>,
}

impl Search<'_> {
    fn run(&mut self) -> Option<Vec<RemovedPrompt>> {
        if self.wins() {
            return None;
        }
        let mut removed = Vec::new();
        while !self.wins() {
            if removed.len() == MOST {
                return None;
            }
            let next = self.best_removal()?;
            self.set(next, false);
            removed.push(next);
        }
        while let Some(at) = (0..removed.len()).find(|&at| self.is_superfluous(removed[at])) {
            self.set(removed.remove(at), true);
        }
        Some(removed)
    }

    /// Whether the true class also wins with a prompt put back.
    fn is_superfluous(&mut self, removed: RemovedPrompt) -> bool {
        self.set(removed, true);
        let wins = self.wins();
        self.set(removed, false);
        wins
    }

    fn wins(&self) -> bool {
        self.lead(None) > AHEAD * self.classifier.factor
    }

    /// How far the true class is ahead of the best other one, with another logit for a class; infinitely, where there is
    /// no other.
    fn lead(&self, changed: Option<(usize, f64)>) -> f64 {
        let logit = |class: usize| match changed {
            Some((changed, logit)) if changed == class => logit,
            _ => self.logits[class],
        };
        logit(self.truth) - self.others().map(logit).fold(f64::NEG_INFINITY, f64::max)
    }

    fn others(&self) -> impl Iterator<Item = usize> {
        (0..self.logits.len()).filter(|&class| class != self.truth)
    }

    /// The removal, from the true class or the first of its best rivals, that leaves the true class furthest ahead of
    /// all, and then of that rival. `None` if no removal brings it nearer to the rival.
    fn best_removal(&mut self) -> Option<RemovedPrompt> {
        let (truth, logits) = (self.truth, &self.logits);
        let rival =
            self.others().reduce(|best, class| if logits[class] > logits[best] { class } else { best })?;
        let distance = self.logits[truth] - self.logits[rival];
        for class in [rival, truth] {
            let open = || self.classifier.class_logit(class, self.image);
            self.opened.entry(class).or_insert_with(open);
        }
        let mut best: Option<(f64, f64, RemovedPrompt)> = None;
        for class in [rival, truth] {
            let prompts = &self.opened[&class];
            for prompt in 0..prompts.n_prompts() {
                let Some(logit) = prompts.without(prompt) else { continue };
                let over_rival = match class == truth {
                    true => logit - self.logits[rival],
                    false => self.logits[truth] - logit,
                };
                let lead = self.lead(Some((class, logit)));
                let is_better = best.is_none_or(|best| (lead, over_rival) > (best.0, best.1));
                if over_rival > distance && is_better {
                    best = Some((lead, over_rival, RemovedPrompt { class, prompt }));
                }
            }
        }
        best.map(|(.., removed)| removed)
    }

    fn set(&mut self, removed: RemovedPrompt, counts: bool) {
        if let Some(class) = self.opened.get_mut(&removed.class) {
            class.set(removed.prompt, counts);
            self.logits[removed.class] = class.logit();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::evaluation::core::evaluate::evaluate;

    fn of(rows: &[[f32; 2]]) -> Matrix {
        Matrix::from_rows(rows).unwrap()
    }

    /// A classifier whose prompts are not weighted: the images do not matter.
    fn prompted(aggregation: Aggregation, prompts: &[Matrix]) -> Result<PromptedClassifier, EvaluationError> {
        PromptedClassifier::new(aggregation, prompts.to_vec(), &of(&[]), 3.0, &|| false)
    }

    fn removed(class: usize, prompt: usize) -> RemovedPrompt {
        RemovedPrompt { class, prompt }
    }

    fn without(prompts: &[Matrix], removed: &[RemovedPrompt]) -> Vec<Matrix> {
        let left = |(class, rows): (usize, &Matrix)| {
            let stays = |prompt: &usize| !removed.contains(&RemovedPrompt { class, prompt: *prompt });
            let left: Vec<&[f32]> = (0..rows.rows()).filter(stays).map(|prompt| rows.row(prompt)).collect();
            Matrix::from_rows(&left).unwrap()
        };
        prompts.iter().enumerate().map(left).collect()
    }

    fn predicted(aggregation: Aggregation, prompts: &[Matrix], image: &[f32]) -> usize {
        let classifier = Classifier::build(aggregation, prompts).unwrap();
        let image = Matrix::from_rows(&[image]).unwrap();
        evaluate(&image, &[0], &classifier, 3.0, 1).unwrap().prediction(0).class as usize
    }

    #[test]
    fn one_prompt_is_found_and_the_best_one_taken() {
        // The image lies on the first axis. Class 0 has a prompt right on it and one beside, class 1 one near it.
        let prompts = vec![of(&[[1.0, 0.0], [0.0, 1.0]]), of(&[[0.9, 0.3], [0.2, -1.0], [0.2, -1.2]])];
        let of = |aggregation| prompted(aggregation, &prompts).unwrap();
        let correction = |aggregation, truth| of(aggregation).correction(&[1.0, 0.0], truth).unwrap();
        assert_eq!(correction(Aggregation::Max, 1), Some(vec![removed(0, 0)]));
        assert_eq!(correction(Aggregation::Max, 0), None);
        assert_eq!(predicted(Aggregation::Mean, &prompts, &[1.0, 0.0]), 0);
        let found = correction(Aggregation::Mean, 1);
        assert_eq!(found, Some(vec![removed(0, 0)]));
    }

    #[test]
    fn the_last_prompt_of_a_class_stays() {
        let prompts = vec![of(&[[1.0, 0.0]]), of(&[[0.0, 1.0]])];
        let classifier = prompted(Aggregation::Mean, &prompts).unwrap();
        assert_eq!(classifier.correction(&[1.0, 0.0], 1), Ok(None));
        assert_eq!(
            classifier.predictions_without(&[removed(1, 0)], &of(&[[1.0, 0.0]]), &one_image()),
            Err(EvaluationError::NoPrompts { class: 1 })
        );
    }

    fn one_image() -> Evaluation {
        let classifier = Classifier::build(Aggregation::Mean, &[of(&[[1.0, 0.0]]), of(&[[0.0, 1.0]])]);
        evaluate(&of(&[[1.0, 0.0]]), &[0], &classifier.unwrap(), 3.0, 2).unwrap()
    }

    #[test]
    fn two_rivals_are_beaten_one_after_the_other() {
        // Classes 0 and 1 both have a prompt that the image lies on, and one far away.
        let near = of(&[[1.0, 0.0], [0.0, 1.0]]);
        let prompts = vec![near.clone(), near, of(&[[0.8, 0.6]])];
        let classifier = prompted(Aggregation::Max, &prompts).unwrap();
        let found = classifier.correction(&[1.0, 0.0], 2);
        assert_eq!(found, Ok(Some(vec![removed(0, 0), removed(1, 0)])));
    }

    #[test]
    fn bad_input_is_named() {
        let prompts = vec![of(&[[1.0, 0.0]]), of(&[[0.0, 1.0]])];
        let classifier = prompted(Aggregation::Mean, &prompts).unwrap();
        let no_class = EvaluationError::NoSuchClass { class: 2, n_classes: 2 };
        let dimension = EvaluationError::ImageDimension { images: 1, prompts: 2 };
        assert_eq!(classifier.logit(2, &[1.0, 0.0]).unwrap_err(), no_class);
        assert_eq!(classifier.logit(0, &[1.0]).unwrap_err(), dimension);
        assert_eq!(classifier.correction(&[1.0, 0.0], 2), Err(no_class.clone()));
        assert_eq!(classifier.correction(&[1.0], 0), Err(dimension));
        let images = of(&[[1.0, 0.0]]);
        assert_eq!(classifier.predictions_without(&[removed(2, 0)], &images, &one_image()), Err(no_class));
        assert_eq!(
            classifier.predictions_without(&[], &of(&[[1.0, 0.0]; 3]), &one_image()),
            Err(EvaluationError::LabelCount { images: 3, labels: 1 })
        );
        let scale =
            PromptedClassifier::new(Aggregation::Mean, prompts, &images, 100.0, &|| false).unwrap_err();
        assert_eq!(scale, EvaluationError::LogitScale { logit_scale: 100.0 });
        let none = prompted(Aggregation::Mean, &[]).unwrap_err();
        assert_eq!(none, EvaluationError::NoClasses);
    }

    #[test]
    fn weighted_prompts_have_shares_and_stay_where_they_are() {
        let images = Matrix::random(9, 6, 5).normalised();
        let prompts: Vec<Matrix> = (0..3).map(|class| Matrix::random(4, 6, 70 + class)).collect();
        let cpu = Cpu::detect();
        for aggregation in [Aggregation::Zpe, Aggregation::AutoClip] {
            let classifier =
                PromptedClassifier::new(aggregation, prompts.clone(), &images, 3.0, &|| false).unwrap();
            let fresh = Classifier::for_images(aggregation, &prompts, &images, 3.0).unwrap();
            assert_eq!(classifier.classifier(), &fresh);
            let scorer = Scorer::new(cpu, &fresh);
            let scores = scorer.scores(&images, 0..9, &mut scorer.scratch()).to_vec();
            for (image, scores) in images.iter_rows().zip(scores.chunks_exact(3)) {
                for (class, score) in scores.iter().enumerate() {
                    let logit = classifier.logit(class, image).unwrap();
                    let expected = f64::from(*score) * 3_f64.exp();
                    assert!((logit.logit() - expected).abs() < 1e-4, "{aggregation}");
                    assert!((logit.shares().iter().sum::<f64>() - logit.logit()).abs() < 1e-10);
                    assert_eq!(logit.without(0), None);
                    assert_eq!(classifier.correction(image, class), Ok(None));
                }
            }
            let evaluation = evaluate(&images, &[0; 9], &fresh, 3.0, 2).unwrap();
            assert_eq!(
                classifier.predictions_without(&[removed(0, 0)], &images, &evaluation),
                Err(EvaluationError::WeighsPrompts { aggregation })
            );
        }
    }

    #[derive(Debug)]
    struct Problem {
        images: Matrix,
        labels: Vec<usize>,
        prompts: Vec<Matrix>,
    }

    /// Prompts with few different values, so that scores are often equal.
    fn problem() -> impl Strategy<Value = Problem> {
        (2usize..6, 1usize..6, 1usize..20).prop_flat_map(|(dim, n_classes, n_images)| {
            let row = move || prop::collection::vec((-2i8..3).prop_map(f32::from), dim);
            let prompts = prop::collection::vec(prop::collection::vec(row(), 1..5), n_classes);
            let images = prop::collection::vec(row(), n_images);
            let labels = prop::collection::vec(0..n_classes, n_images);
            (images, labels, prompts).prop_map(|(images, labels, prompts)| Problem {
                images: Matrix::from_rows(&images).unwrap().normalised(),
                labels,
                prompts: prompts.iter().map(|rows| Matrix::from_rows(rows).unwrap()).collect(),
            })
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn a_correction_corrects_and_nothing_of_it_is_superfluous(problem in problem()) {
            for aggregation in Aggregation::CLASS_BY_CLASS {
                let prompts = &problem.prompts;
                let classifier = prompted(aggregation, prompts).unwrap();
                for (image, &label) in problem.images.iter_rows().zip(&problem.labels) {
                    let singles = prompts.iter().enumerate().flat_map(|(class, rows)| {
                        (0..rows.rows()).filter(|_| rows.rows() > 1).map(move |prompt| removed(class, prompt))
                    });
                    let is_right = |out: &[RemovedPrompt]| {
                        let scores = class_scores(&Classifier::build(aggregation, &without(prompts, out)).unwrap(), image);
                        let others = (0..scores.len()).filter(|class| *class != label).map(|class| scores[class]);
                        scores[label] - others.fold(f64::NEG_INFINITY, f64::max)
                    };
                    // By a clear lead, or clearly not: on the border, rounding decides.
                    let singles: Vec<f64> = singles.map(|single| is_right(&[single])).collect();
                    match classifier.correction(image, label).unwrap() {
                        Some(out) => {
                            prop_assert!(is_right(&[]) < 2e-6);
                            prop_assert_eq!(predicted(aggregation, &without(prompts, &out), image), label);
                            if out.len() == 1 {
                                let best = singles.iter().copied().fold(f64::MIN, f64::max);
                                prop_assert!((is_right(&out) - best).abs() < 1e-6);
                            } else {
                                prop_assert!(singles.iter().all(|lead| *lead < 2e-6));
                            }
                            for kept in &out {
                                let fewer: Vec<RemovedPrompt> =
                                    out.iter().copied().filter(|removed| removed != kept).collect();
                                prop_assert!(is_right(&fewer) < 2e-6);
                            }
                        }
                        None => prop_assert!(is_right(&[]) > 0.0 || singles.iter().all(|lead| *lead < 2e-6)),
                    }
                }
            }
        }

        #[test]
        fn predictions_without_prompts_are_those_of_a_fresh_evaluation(
            problem in problem(), out in prop::collection::vec(any::<prop::sample::Index>(), 0..5), keep in 1usize..4,
        ) {
            for aggregation in Aggregation::CLASS_BY_CLASS {
                let Problem { images, labels, prompts } = &problem;
                let all: Vec<RemovedPrompt> = prompts.iter().enumerate()
                    .flat_map(|(class, rows)| (1..rows.rows()).map(move |prompt| removed(class, prompt)))
                    .collect();
                let out: Vec<RemovedPrompt> = match all.is_empty() {
                    true => Vec::new(),
                    false => out.iter().map(|index| all[index.index(all.len())]).collect(),
                };
                let classifier = prompted(aggregation, prompts).unwrap();
                let before = evaluate(images, labels, classifier.classifier(), 3.0, keep).unwrap();
                let fewer = Classifier::build(aggregation, &without(prompts, &out)).unwrap();
                let after = evaluate(images, labels, &fewer, 3.0, 1).unwrap();
                let expected: Vec<ChangedPrediction> = (0..labels.len())
                    .map(|image| ChangedPrediction {
                        image,
                        before: before.prediction(image).class,
                        after: after.prediction(image).class,
                    })
                    .filter(|change| change.before != change.after)
                    .collect();
                prop_assert_eq!(classifier.predictions_without(&out, images, &before).unwrap(), expected);
            }
        }
    }
}
