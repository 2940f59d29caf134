//! Whether the probabilities of a strategy can be trusted.

use crate::evaluation::{Calibration, CalibrationOptions, calibrate};
use crate::workbench::error::WorkbenchError;
use crate::workbench::jobs::progress::Cancel;
use crate::workbench::session::evaluation::{Session, SessionEmbeddings};

/// Calibrates one strategy, an index into the session's: see [`calibrate`].
///
/// # Errors
/// [`WorkbenchError::Cancelled`] soon after the request; embeddings that are not of this session, or of a damaged
/// checkpoint.
pub fn calibrate_strategy(
    session: &Session,
    embeddings: &SessionEmbeddings,
    strategy: usize,
    options: &CalibrationOptions,
    cancel: &Cancel,
) -> Result<Calibration, WorkbenchError> {
    let of = &session.strategies[strategy];
    let classifier = embeddings.classifier(of, cancel)?;
    let SessionEmbeddings { images, labels, logit_scale, .. } = embeddings;
    let is_cancelled = || cancel.is_cancelled();
    Ok(calibrate(&images.unit, labels, &classifier, *logit_scale, options, &is_cancelled)?)
}
