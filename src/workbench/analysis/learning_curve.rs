//! How the accuracy of a strategy grows with its prompts.

use crate::evaluation::{CurveOptions, CurveSubject, LearningCurve, learning_curve};
use crate::workbench::doctors::prompts::is_of_templates;
use crate::workbench::error::WorkbenchError;
use crate::workbench::jobs::progress::{Cancel, Meter, Progress, Stage};
use crate::workbench::session::evaluation::{Session, SessionEmbeddings};

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
    notify: &mut dyn FnMut(Progress),
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
    let mut meter = None;
    let mut told = |done: usize, total: usize| {
        let meter = meter.get_or_insert_with(|| Meter::start(Stage::Drawing, total));
        if done > 0 {
            meter.encoded(1);
            notify(meter.progress());
        }
    };
    Ok(learning_curve(subject, options, &mut told, &|| cancel.is_cancelled())?)
}
