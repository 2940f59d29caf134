//! What the sentences so far are worth: the accuracy on the images of the open session, while they come.

use std::collections::HashMap;

use super::run::GeneratedClass;
use crate::evaluation::{Classifier, Matrix, evaluate};
use crate::prompts::Aggregation;
use crate::store::StorePlace;
use crate::workbench::embedding::prompt_encoder::PromptEncoder;
use crate::workbench::error::WorkbenchError;
use crate::workbench::experiment::definition::Experiment;
use crate::workbench::jobs::progress::Cancel;
use crate::workbench::session::evaluation::{Session, SessionEmbeddings};
use crate::workbench::session::opening::Workbench;

/// What a class is described with as long as there is no sentence of use.
const PLAIN: &str = "a photo of a {}.";

/// Measures sentences as they come.
pub(super) struct LiveAccuracy {
    embeddings: SessionEmbeddings,
    encoder: PromptEncoder,
    /// Raw embeddings of what was measured before.
    known: HashMap<String, Vec<f32>>,
    /// A plain prompt for each class.
    plain: Vec<String>,
}

impl LiveAccuracy {
    /// Reads the embeddings of `session`, which was made of this experiment.
    ///
    /// # Errors
    /// Files that have changed since, and what prevents reading them or the store.
    pub(super) fn open(
        experiment: Experiment,
        place: &StorePlace,
        session: &Session,
        cancel: &Cancel,
    ) -> Result<Self, WorkbenchError> {
        let workbench = Workbench::open(experiment, place.open()?.store)?;
        let embeddings = workbench.embeddings_of(session, cancel, &|_| {})?;
        let encoder = workbench.into_prompt_encoder();
        let plain =
            session.classes.iter().map(|class| PLAIN.replace("{}", &class.replace('_', " "))).collect();
        Ok(Self { embeddings, encoder, known: HashMap::new(), plain })
    }

    /// Sentences of use a class, on average, and the top-1 accuracy with them, from 0 to 1; nothing before the first one.
    ///
    /// # Errors
    /// What the encoder fails with.
    pub(super) fn measure(
        &mut self,
        classes: &[GeneratedClass],
    ) -> Result<Option<(f64, f64)>, WorkbenchError> {
        let count: usize = classes.iter().map(GeneratedClass::n_accepted).sum();
        if count == 0 || classes.len() != self.plain.len() {
            return Ok(None);
        }
        let mut rows = Vec::with_capacity(classes.len());
        for (class, plain) in classes.iter().zip(self.plain.clone()) {
            let mut texts: Vec<String> = class.accepted().map(|sentence| sentence.text.clone()).collect();
            if texts.is_empty() {
                texts.push(plain);
            }
            let embedded = texts.into_iter().map(|text| self.raw(text)).collect::<Result<Vec<_>, _>>()?;
            rows.push(Matrix::from_rows(&embedded)?);
        }
        let classifier = Classifier::build(Aggregation::Mean, &rows)?;
        let SessionEmbeddings { images, labels, logit_scale, .. } = &self.embeddings;
        let evaluation = evaluate(&images.unit, labels, &classifier, *logit_scale, 1)?;
        Ok(Some((count as f64 / classes.len() as f64, evaluation.top1())))
    }

    fn raw(&mut self, text: String) -> Result<Vec<f32>, WorkbenchError> {
        if let Some(known) = self.known.get(&text) {
            return Ok(known.clone());
        }
        let raw = self.encoder.encode(&text)?.raw;
        self.known.insert(text, raw.clone());
        Ok(raw)
    }
}
