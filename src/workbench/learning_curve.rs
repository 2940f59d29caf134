//! How the accuracy of a strategy grows with its prompts.

use std::sync::{Mutex, PoisonError};

use super::error::WorkbenchError;
use super::progress::{Cancel, Meter, Progress, Stage};
use super::prompt_doctor::is_of_templates;
use super::session::{Session, SessionEmbeddings};
use crate::evaluation::{CurveOptions, CurveSubject, LearningCurve, learning_curve};

/// The learning curve of one strategy, an index into the session's: see [`learning_curve`]. Where all of its prompts are
/// templates', templates are drawn, otherwise prompts of each class.
///
/// # Errors
/// [`WorkbenchError::Cancelled`] soon after the request; embeddings that are not of this session, or of a damaged
/// checkpoint.
pub fn strategy_curve(
    session: &Session,
    embeddings: &SessionEmbeddings,
    strategy: usize,
    options: &CurveOptions,
    cancel: &Cancel,
    notify: &(dyn Fn(Progress) + Sync),
) -> Result<LearningCurve, WorkbenchError> {
    let of = &session.strategies[strategy];
    let prompts = embeddings.prompts.per_class(&of.prompts)?;
    let subject = CurveSubject {
        aggregation: of.aggregation,
        prompts_per_class: &prompts,
        of_templates: is_of_templates(&session.classes, &of.prompts),
        images: &embeddings.images.unit,
        labels: &embeddings.labels,
        logit_scale: embeddings.logit_scale,
    };
    let meter = Mutex::new(None);
    let proceed = |done: usize, total: usize| {
        let mut meter = meter.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, meter) = meter.get_or_insert_with(|| (0, Meter::start(Stage::Drawing, total)));
        if done > *known {
            meter.encoded(done - *known);
            *known = done;
            notify(meter.progress());
        }
        !cancel.is_cancelled()
    };
    Ok(learning_curve(subject, options, &proceed)?)
}
