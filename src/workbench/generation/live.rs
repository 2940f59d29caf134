//! What the sentences so far are worth: the accuracy on the images of the open session, while they come.

use std::collections::HashMap;
use std::sync::Arc;

use super::class_line::GeneratedClass;
use crate::evaluation::{Classifier, Matrix, evaluate};
use crate::prompts::Aggregation;
use crate::workbench::embedding::prompt_encoder::PromptEncoder;
use crate::workbench::error::WorkbenchError;
use crate::workbench::jobs::progress::Cancel;
use crate::workbench::session::evaluation::SessionEmbeddings;
use crate::workbench::session::shared_embeddings::{ReadingNotice, SharedEmbeddings};

/// What a class is described with as long as there is no sentence of use.
const PLAIN: &str = "a photo of a {}.";

/// Measures sentences as they come.
pub(super) struct LiveAccuracy {
    source: SharedEmbeddings,
    opened: Option<Opened>,
    /// Raw embeddings of what was measured before.
    known: HashMap<String, Vec<f32>>,
    /// A plain prompt for each class.
    plain: Vec<String>,
}

struct Opened {
    embeddings: Arc<SessionEmbeddings>,
    encoder: PromptEncoder,
}

impl LiveAccuracy {
    /// On the images of the session whose embeddings these are. Nothing is read yet.
    pub(super) fn new(source: SharedEmbeddings) -> Self {
        let classes = source.session().classes.iter();
        let plain = classes.map(|class| PLAIN.replace("{}", &class.replace('_', " "))).collect();
        Self { source, opened: None, known: HashMap::new(), plain }
    }

    /// Sentences of use a class, on average, and the top-1 accuracy with them, from 0 to 1; nothing before the first one. The
    /// embeddings are read where they are not there yet.
    ///
    /// # Errors
    /// [`WorkbenchError::Cancelled`] soon after the request, those of [`SharedEmbeddings::get`], and what the encoder fails
    /// with.
    pub(super) fn measure(
        &mut self,
        classes: &[GeneratedClass],
        cancel: &Cancel,
        notify: &dyn Fn(ReadingNotice),
    ) -> Result<Option<(f64, f64)>, WorkbenchError> {
        let Opened { embeddings, encoder } = match &mut self.opened {
            Some(opened) => opened,
            None => {
                let embeddings = self.source.get(cancel, notify)?;
                self.opened.insert(Opened { embeddings, encoder: self.source.prompt_encoder()? })
            }
        };
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
            let mut embedded = Vec::with_capacity(texts.len());
            for text in texts {
                if cancel.is_cancelled() {
                    return Err(WorkbenchError::Cancelled);
                }
                embedded.push(raw(text, encoder, &mut self.known)?);
            }
            rows.push(Matrix::from_rows(&embedded)?);
        }
        let classifier = Classifier::build(Aggregation::Mean, &rows)?;
        let SessionEmbeddings { images, labels, logit_scale, .. } = &**embeddings;
        let evaluation = evaluate(&images.unit, labels, &classifier, *logit_scale, 1)?;
        Ok(Some((count as f64 / classes.len() as f64, evaluation.top1())))
    }
}

fn raw(
    text: String,
    encoder: &mut PromptEncoder,
    known: &mut HashMap<String, Vec<f32>>,
) -> Result<Vec<f32>, WorkbenchError> {
    if let Some(known) = known.get(&text) {
        return Ok(known.clone());
    }
    let raw = encoder.encode(&text)?.raw;
    known.insert(text, raw.clone());
    Ok(raw)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StorePlace;
    use crate::workbench::editing::prompt_editor::tests::{pond, session_of};

    #[test]
    fn reading_is_stopped_taken_up_again_and_refused_where_files_changed() {
        let (images, place) = (tempfile::tempdir().unwrap(), StorePlace::in_memory());
        let experiment = pond(images.path());
        let session = session_of(&experiment, &place);
        let live = || {
            let source = SharedEmbeddings::new(experiment.clone(), place.clone(), Arc::clone(&session));
            LiveAccuracy::new(source)
        };
        let (going, stopped) = (Cancel::default(), Cancel::default());
        stopped.cancel();
        let mut stopped_once = live();
        assert!(matches!(stopped_once.measure(&[], &stopped, &|_| ()), Err(WorkbenchError::Cancelled)));
        assert!(matches!(stopped_once.measure(&[], &going, &|_| ()), Ok(None)));
        std::fs::remove_file(images.path().join("a-frog/2.png")).unwrap();
        assert!(matches!(live().measure(&[], &going, &|_| ()), Err(WorkbenchError::Outdated { .. })));
        // What was read before stays.
        assert!(matches!(stopped_once.measure(&[], &stopped, &|_| ()), Ok(None)));
    }
}
