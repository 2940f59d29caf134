//! Why a strategy sees what it sees in one image: what the prompts of the predicted class contribute to its logit, what
//! those of the class that it stands against do, and, for a miss, which prompts would have to go.

use super::error::WorkbenchError;
use super::session::{RANKED, Session, SessionEmbeddings};
use crate::evaluation::{
    ChangedPrediction, EvaluationError, Matrix, PromptedClassifier, Ranked, RemovedPrompt, evaluate,
};

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
    /// below, it pulls it away. `None` for the only prompt of a class.
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
) -> Result<Explanation, WorkbenchError> {
    if embeddings.images.unit.rows() != session.images.len() || image >= session.images.len() {
        return Err(WorkbenchError::Outdated { what: "the images" });
    }
    let classifier = classifier(session, embeddings, strategy)?;
    let evaluation = &session.strategies[strategy].evaluation;
    let (truth, ranked) = (session.images[image].label, evaluation.ranked(image));
    let unit = embeddings.images.unit.row(image);
    let mut explanation = explanation(strategy, &classifier, unit, Some(truth), ranked)?;
    if explanation.is_miss()
        && let Some(removed) = classifier.correction(unit, truth)?
    {
        let changes = classifier.predictions_without(&removed, &embeddings.images.unit, evaluation)?;
        let label = |change: &ChangedPrediction| session.images[change.image].label;
        let gained = changes.iter().filter(|change| change.after as usize == label(change)).count();
        let lost = changes.iter().filter(|change| change.before as usize == label(change)).count();
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
) -> Result<Explanation, WorkbenchError> {
    let classifier = classifier(session, embeddings, strategy)?;
    let alone = Matrix::from_rows(&[unit])?;
    let evaluation = evaluate(&alone, &[0], classifier.classifier(), embeddings.logit_scale, RANKED)?;
    explanation(strategy, &classifier, unit, None, evaluation.ranked(0))
}

fn classifier(
    session: &Session,
    embeddings: &SessionEmbeddings,
    strategy: usize,
) -> Result<PromptedClassifier, WorkbenchError> {
    let result = session.strategies.get(strategy);
    let result = result.ok_or(WorkbenchError::Outdated { what: "the strategies" })?;
    let prompts = result.prompts.iter().map(|class| embeddings.prompts.rows(class));
    let prompts = prompts.collect::<Result<Vec<_>, EvaluationError>>()?;
    if prompts.iter().zip(result.prompts.iter()).any(|(rows, texts)| rows.rows() != texts.len()) {
        return Err(WorkbenchError::Outdated { what: "the prompts" });
    }
    Ok(PromptedClassifier::new(result.aggregation, prompts, embeddings.logit_scale)?)
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
