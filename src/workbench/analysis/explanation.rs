//! Why a strategy sees what it sees in one image: what the prompts of the predicted class contribute to its logit, what
//! those of the class that it stands against do, and, for a miss, which prompts would have to go.

use crate::evaluation::{EvaluationError, Matrix, PromptedClassifier, Ranked, RemovedPrompt, evaluate};
use crate::workbench::error::WorkbenchError;
use crate::workbench::jobs::progress::Cancel;
use crate::workbench::session::evaluation::{RANKED, Session, SessionEmbeddings};

/// What one strategy makes of one image, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The strategy: an index into the session's.
    pub strategy: usize,
    /// The image's class; `None` for a picture that is not in the dataset.
    pub truth: Option<usize>,
    /// The best classes, best first: as many as an evaluation keeps.
    pub top: Vec<LikelyClass>,
    /// The predicted class, and then the one that it stands against: the true class of a miss, otherwise the best other
    /// one. One of the two is missing only where there is no other class.
    pub classes: Vec<ExplainedClass>,
    /// For a miss: the prompts without which the image is taken for its class. `None` if there is no such choice of a few
    /// prompts.
    pub correction: Option<Correction>,
}

/// A class with what it got.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LikelyClass {
    /// The class.
    pub class: usize,
    /// Its score times exp(logit_scale).
    pub logit: f64,
    /// The softmax of the logits at this class, from 0 to 1.
    pub probability: f32,
}

/// What the prompts of a class contribute.
#[derive(Clone, Debug, PartialEq)]
pub struct ExplainedClass {
    /// The class.
    pub class: usize,
    /// Its logit: the sum of the shares.
    pub logit: f64,
    /// Its prompts, the largest share first; a text that a class has twice is two prompts.
    pub prompts: Vec<PromptShare>,
}

/// What a prompt contributes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PromptShare {
    /// Its place among the prompts of the class.
    pub prompt: usize,
    /// Its part of the class's logit.
    pub share: f64,
    /// The class's logit minus what it would be without this prompt: above zero, the prompt pulls the image to the class,
    /// below, it pulls it away. `None` for the only prompt of a class, and where the prompts of all classes are weighted
    /// together.
    pub pull: Option<f64>,
}

/// Prompts that would have to go, and what that does to the dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correction {
    /// The prompts, in the order in which they were found.
    pub removed: Vec<RemovedPrompt>,
    /// Images that are missed now and right without them, this one among them.
    pub gained: usize,
    /// Images that are right now and missed without them.
    pub lost: usize,
}

impl Explanation {
    /// The predicted class.
    pub fn predicted(&self) -> Option<LikelyClass> {
        self.top.first().copied()
    }

    /// Whether the image has a class and another one was predicted.
    pub fn is_miss(&self) -> bool {
        self.truth.zip(self.predicted()).is_some_and(|(truth, predicted)| truth != predicted.class)
    }
}

/// Explains what a strategy of the session makes of one of its images.
///
/// # Errors
/// [`WorkbenchError::Outdated`] if there is no such image or strategy, or the embeddings are not the session's.
pub fn explain(
    session: &Session,
    embeddings: &SessionEmbeddings,
    image: usize,
    strategy: usize,
    cancel: &Cancel,
) -> Result<Explanation, WorkbenchError> {
    explain_with(session, embeddings, &classifier(session, embeddings, strategy, cancel)?, image, strategy)
}

/// The same with the strategy's classifier, which takes long to make where prompts are weighed.
pub(in crate::workbench) fn explain_with(
    session: &Session,
    embeddings: &SessionEmbeddings,
    classifier: &PromptedClassifier,
    image: usize,
    strategy: usize,
) -> Result<Explanation, WorkbenchError> {
    if embeddings.images.unit.rows() != session.images.len() || image >= session.images.len() {
        return Err(WorkbenchError::Outdated { what: "the images" });
    }
    let evaluation = &session.strategies[strategy].evaluation;
    let (truth, ranked) = (session.images[image].label, evaluation.ranked(image));
    let unit = embeddings.images.unit.row(image);
    let mut explanation = explanation(strategy, classifier, unit, Some(truth), ranked)?;
    if explanation.is_miss()
        && let Some(removed) = classifier.correction(unit, truth)?
    {
        let changes = classifier.predictions_without(&removed, &embeddings.images.unit, evaluation)?;
        let (gained, lost) = session.gained_and_lost(&changes);
        explanation.correction = Some(Correction { removed, gained, lost });
    }
    Ok(explanation)
}

/// Explains what a strategy of the session makes of a picture that is not in the dataset: a unit vector `[dim]`.
///
/// # Errors
/// [`WorkbenchError::Outdated`] if there is no such strategy; [`WorkbenchError::Evaluation`] for a vector of another
/// dimension.
pub fn explain_picture(
    session: &Session,
    embeddings: &SessionEmbeddings,
    unit: &[f32],
    strategy: usize,
    cancel: &Cancel,
) -> Result<Explanation, WorkbenchError> {
    let classifier = classifier(session, embeddings, strategy, cancel)?;
    let alone = Matrix::from_rows(&[unit])?;
    let evaluation = evaluate(&alone, &[0], classifier.classifier(), embeddings.logit_scale, RANKED)?;
    explanation(strategy, &classifier, unit, None, evaluation.ranked(0))
}

/// The classifier of a strategy of the session, with its prompts.
pub(in crate::workbench) fn classifier(
    session: &Session,
    embeddings: &SessionEmbeddings,
    strategy: usize,
    cancel: &Cancel,
) -> Result<PromptedClassifier, WorkbenchError> {
    let result = session.strategies.get(strategy);
    let result = result.ok_or(WorkbenchError::Outdated { what: "the strategies" })?;
    let prompts = embeddings.prompts.per_class(&result.prompts)?;
    if prompts.iter().zip(result.prompts.iter()).any(|(rows, texts)| rows.rows() != texts.len()) {
        return Err(WorkbenchError::Outdated { what: "the prompts" });
    }
    let images = &embeddings.images.unit;
    let is_cancelled = || cancel.is_cancelled();
    Ok(PromptedClassifier::new(result.aggregation, prompts, images, embeddings.logit_scale, &is_cancelled)?)
}

fn explanation(
    strategy: usize,
    classifier: &PromptedClassifier,
    unit: &[f32],
    truth: Option<usize>,
    ranked: &[Ranked],
) -> Result<Explanation, WorkbenchError> {
    let likely = |ranked: &Ranked| {
        let class = ranked.class as usize;
        let logit = classifier.logit(class, unit)?.logit();
        Ok(LikelyClass { class, logit, probability: ranked.probability })
    };
    let top = ranked.iter().map(likely).collect::<Result<Vec<_>, EvaluationError>>()?;
    let predicted = top.first().map(|likely| likely.class);
    let against = truth.filter(|truth| predicted != Some(*truth)).or(top.get(1).map(|likely| likely.class));
    let classes = predicted.into_iter().chain(against).map(|class| explained(classifier, class, unit));
    let classes = classes.collect::<Result<Vec<_>, EvaluationError>>()?;
    Ok(Explanation { strategy, truth, top, classes, correction: None })
}

fn explained(
    classifier: &PromptedClassifier,
    class: usize,
    unit: &[f32],
) -> Result<ExplainedClass, EvaluationError> {
    let of_class = classifier.logit(class, unit)?;
    let logit = of_class.logit();
    let share = |(prompt, share)| PromptShare {
        prompt,
        share,
        pull: of_class.without(prompt).map(|without| logit - without),
    };
    let mut prompts: Vec<PromptShare> = of_class.shares().into_iter().enumerate().map(share).collect();
    prompts.sort_by(|a, b| b.share.total_cmp(&a.share));
    Ok(ExplainedClass { class, logit, prompts })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::Classifier;
    use crate::prompts::Aggregation;
    use crate::store::StorePlace;
    use crate::workbench::editing::prompt_editor::tests::{pond, session_of};
    use crate::workbench::jobs::progress::Cancel;
    use crate::workbench::session::opening::Workbench;

    /// A session of two classes with two images each, and two strategies with two prompts a class.
    fn opened(aggregation: Aggregation) -> (Session, SessionEmbeddings) {
        let images = tempfile::tempdir().unwrap();
        let (mut experiment, place) = (pond(images.path()), StorePlace::in_memory());
        experiment.strategies.iter_mut().for_each(|strategy| strategy.aggregation = aggregation);
        let session = session_of(&experiment, &place);
        let workbench = Workbench::open(experiment, place.open().unwrap().store).unwrap();
        let embeddings = workbench.embeddings_of(&session, &Cancel::default(), &|_| ()).unwrap();
        (std::sync::Arc::try_unwrap(session).unwrap(), embeddings)
    }

    #[test]
    fn shares_add_up_and_corrections_correct() {
        let mut corrected = 0;
        for aggregation in Aggregation::CLASS_BY_CLASS {
            let (mut session, embeddings) = opened(aggregation);
            // As if each image were of the other class, so that there are misses.
            for case in 0..2 * session.images.len() {
                let image = case / 2;
                session.images[image].label ^= case % 2;
                let label = session.images[image].label;
                for (strategy, result) in session.strategies.iter().enumerate() {
                    let found = explain(&session, &embeddings, image, strategy, &Cancel::default()).unwrap();
                    let ranked = result.evaluation.ranked(image);
                    assert_eq!(found.top.len(), 2);
                    for (likely, ranked) in found.top.iter().zip(ranked) {
                        assert_eq!(
                            (likely.class, likely.probability),
                            (ranked.class as usize, ranked.probability)
                        );
                    }
                    let predicted = ranked[0].class as usize;
                    assert_eq!((found.truth, found.is_miss()), (Some(label), predicted != label));
                    let classes: Vec<usize> = found.classes.iter().map(|class| class.class).collect();
                    assert_eq!(classes, [predicted, 1 - predicted]);
                    for class in &found.classes {
                        let shares = class.prompts.iter().map(|share| share.share);
                        assert!((shares.sum::<f64>() - class.logit).abs() < 1e-9);
                        assert_eq!(class.prompts.len(), 2);
                    }
                    if let Some(correction) = &found.correction {
                        assert!(found.is_miss());
                        check(&session, &embeddings, &found, image, correction);
                        corrected += 1;
                    }
                    let picture = explain_picture(
                        &session,
                        &embeddings,
                        embeddings.images.unit.row(image),
                        strategy,
                        &Cancel::default(),
                    );
                    let picture = picture.unwrap();
                    assert_eq!((picture.truth, picture.correction), (None, None));
                    assert_eq!((picture.top, picture.classes[0].class), (found.top, predicted));
                }
            }
        }
        assert!(corrected > 0);
    }

    /// The correction against an evaluation of what is left.
    fn check(
        session: &Session,
        embeddings: &SessionEmbeddings,
        found: &Explanation,
        image: usize,
        correction: &Correction,
    ) {
        let result = &session.strategies[found.strategy];
        let left = |class: usize| {
            let stays =
                |prompt: &usize| !correction.removed.contains(&RemovedPrompt { class, prompt: *prompt });
            let texts = &result.prompts[class];
            let texts: Vec<String> =
                (0..texts.len()).filter(stays).map(|prompt| texts[prompt].clone()).collect();
            embeddings.prompts.rows(&texts).unwrap()
        };
        let classifier = Classifier::build(result.aggregation, &[left(0), left(1)]).unwrap();
        let labels: Vec<usize> = session.images.iter().map(|image| image.label).collect();
        let scale = embeddings.logit_scale;
        let after = evaluate(&embeddings.images.unit, &labels, &classifier, scale, 1).unwrap();
        assert!(after.is_correct(image));
        let was_right = |image: usize| result.evaluation.prediction(image).class as usize == labels[image];
        let count = |was: bool, is: bool| {
            (0..labels.len())
                .filter(|&image| was_right(image) == was && after.is_correct(image) == is)
                .count()
        };
        assert_eq!((correction.gained, correction.lost), (count(false, true), count(true, false)));
    }

    #[test]
    fn what_is_not_there_is_told() {
        let (session, mut embeddings) = opened(Aggregation::Mean);
        let failed = |image, strategy| {
            explain(&session, &embeddings, image, strategy, &Cancel::default()).unwrap_err().to_string()
        };
        assert!(failed(9, 0).starts_with("the images changed"), "{}", failed(9, 0));
        assert!(failed(0, 9).starts_with("the strategies changed"), "{}", failed(0, 9));
        let narrow = explain_picture(&session, &embeddings, &[1.0], 0, &Cancel::default()).unwrap_err();
        assert!(matches!(narrow, WorkbenchError::Evaluation(EvaluationError::ImageDimension { .. })));
        embeddings.images.unit = Matrix::from_rows(&[[1.0]]).unwrap();
        assert!(explain(&session, &embeddings, 0, 0, &Cancel::default()).is_err());
    }
}
