//! The prompts of a session's strategies with what they are near to: images of their class, and of another.

use crate::evaluation::{ClassMeans, PromptSimilarity};
use crate::workbench::error::WorkbenchError;
use crate::workbench::session::evaluation::{SessionEmbeddings, StrategyResult};

/// How near the prompts of any strategy are to the images of each class.
pub struct PromptTable<'a> {
    embeddings: &'a SessionEmbeddings,
    means: ClassMeans,
}

impl<'a> PromptTable<'a> {
    /// Looks at all images once; `n_classes` is the number of the session's classes.
    ///
    /// # Errors
    /// When the embeddings are not of such a session.
    pub fn new(embeddings: &'a SessionEmbeddings, n_classes: usize) -> Result<Self, WorkbenchError> {
        let means = ClassMeans::new(&embeddings.images.unit, &embeddings.labels, n_classes)?;
        Ok(Self { embeddings, means })
    }

    /// The prompts of one class, in their order.
    ///
    /// # Errors
    /// When the embeddings are not those of the strategy.
    pub fn similarities(
        &self,
        strategy: &StrategyResult,
        class: usize,
    ) -> Result<Vec<PromptSimilarity>, WorkbenchError> {
        let prompts = self.embeddings.prompts.rows(&strategy.prompts[class])?;
        Ok(self.means.similarities(class, &prompts)?)
    }
}
