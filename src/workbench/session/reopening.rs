//! The embeddings behind a session that is on the screen: the experiment is opened again, and must still be the same.

use super::evaluation::{Session, SessionEmbeddings};
use super::opening::Workbench;
use crate::workbench::error::WorkbenchError;
use crate::workbench::jobs::progress::{Cancel, Progress};

impl Workbench {
    /// The embeddings of `session`, which was made of the same experiment; what the store does not hold yet is embedded.
    ///
    /// # Errors
    /// [`WorkbenchError::Outdated`] if files changed since; [`WorkbenchError::Cancelled`] within a batch of the request,
    /// and whatever prevents embedding.
    pub fn embeddings_of(
        &self,
        session: &Session,
        cancel: &Cancel,
        notify: &dyn Fn(Progress),
    ) -> Result<SessionEmbeddings, WorkbenchError> {
        self.check_parts(session)?;
        let embeddings = self.embed(cancel, notify)?;
        if self.dataset_fingerprint(&embeddings.images.contents) != session.dataset_fingerprint {
            return Err(WorkbenchError::Outdated { what: "the images" });
        }
        Ok(embeddings)
    }

    /// Whether the experiment's files still give what the session shows.
    fn check_parts(&self, session: &Session) -> Result<(), WorkbenchError> {
        let is_same = self.strategies.len() == session.strategies.len()
            && self.strategies.iter().zip(&session.strategies).all(|(opened, shown)| {
                (&opened.name, opened.aggregation, &opened.prompts)
                    == (&shown.name, shown.aggregation, &shown.prompts)
            });
        if !is_same {
            return Err(WorkbenchError::Outdated { what: "the prompts" });
        }
        if self.fingerprint != session.checkpoint_fingerprint {
            return Err(WorkbenchError::Outdated { what: "the checkpoint's files" });
        }
        if self.dataset.class_names() != session.classes {
            return Err(WorkbenchError::Outdated { what: "the classes" });
        }
        Ok(())
    }
}
