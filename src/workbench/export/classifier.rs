//! A strategy's classifier as a file that other programs multiply their image embeddings with: safetensors, or numpy's
//! array with the class names beside it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, TensorView};

use super::npy::{NumberType, npy};
use crate::evaluation::{Classifier, Matrix};
use crate::prompts::Aggregation;
use crate::workbench::error::WorkbenchError;
use crate::workbench::jobs::atomic_file::AtomicFile;
use crate::workbench::jobs::progress::Cancel;
use crate::workbench::session::evaluation::{Session, SessionEmbeddings};

/// A file of a classifier in the making: it appears under its name when it is whole.
pub struct ClassifierFile {
    out: PathBuf,
    aggregation: Aggregation,
    weights: AtomicFile,
    /// The file of class names, beside an array that has no place for them.
    names: Option<(PathBuf, AtomicFile)>,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenClassifier {
    /// Rows.
    pub classes: usize,
    /// Columns.
    pub dim: usize,
    /// Every row is a unit vector. Averages of unit vectors, as `similarity-mean` takes them, are shorter; normalising
    /// them would change the predictions.
    pub is_unit: bool,
    /// The file of class names, if it is one of its own.
    pub names: Option<PathBuf>,
}

impl ClassifierFile {
    /// Begins the file `out`, whose ending says which format it has: `.safetensors` or `.npy`.
    ///
    /// # Errors
    /// Before anything is computed: [`WorkbenchError::NoRowPerClass`] for `max` and `autoclip`, and [`WorkbenchError::Write`] for an
    /// unknown ending and for a place that cannot be written to.
    pub fn begin(out: &Path, aggregation: Aggregation) -> Result<Self, WorkbenchError> {
        if matches!(aggregation, Aggregation::Max | Aggregation::AutoClip) {
            return Err(WorkbenchError::NoRowPerClass { aggregation });
        }
        let ends = |ending: &str| out.extension().is_some_and(|its| its.eq_ignore_ascii_case(ending));
        let names = match (ends("safetensors"), ends("npy")) {
            (true, _) => None,
            (_, true) => {
                let names = out.with_extension("classes.json");
                let file = AtomicFile::begin(&names)?;
                Some((names, file))
            }
            _ => {
                return Err(WorkbenchError::Write {
                    path: out.to_owned(),
                    message: "its name must end in .safetensors or .npy".into(),
                });
            }
        };
        Ok(Self { out: out.to_owned(), aggregation, weights: AtomicFile::begin(out)?, names })
    }

    /// Writes the classifier of the session's strategy, an index. The array is `f32`, `[n_classes, dim]`, in the
    /// session's order of classes. In safetensors it is the tensor `weights`, and the metadata have `classes` (a JSON
    /// array), `strategy`, `aggregation`, `checkpoint`, `precision` and `logit_scale` (the logarithm of what scores are
    /// multiplied with before their softmax).
    ///
    /// # Errors
    /// What prevents writing; nothing is left of an unfinished file.
    pub fn finish(
        self,
        session: &Session,
        embeddings: &SessionEmbeddings,
        strategy: usize,
        cancel: &Cancel,
    ) -> Result<WrittenClassifier, WorkbenchError> {
        let strategy = &session.strategies[strategy];
        let Classifier::Linear { weights } = embeddings.classifier(strategy, cancel)? else {
            return Err(WorkbenchError::NoRowPerClass { aggregation: self.aggregation });
        };
        let classes = serde_json::json!(session.classes).to_string();
        let names = match self.names {
            Some((path, file)) => {
                file.finish(classes.as_bytes())?;
                self.weights.finish(&npy(&weights, NumberType::F32))?;
                Some(path)
            }
            None => {
                let metadata = [
                    ("classes", classes),
                    ("strategy", strategy.name.clone()),
                    ("aggregation", self.aggregation.to_string()),
                    ("checkpoint", session.checkpoint.clone()),
                    ("precision", session.precision.name().to_owned()),
                    ("logit_scale", embeddings.logit_scale.to_string()),
                ];
                let metadata = metadata.map(|(key, value)| (key.to_owned(), value)).into();
                let bytes = safetensors(&weights, metadata)
                    .map_err(|message| WorkbenchError::Write { path: self.out.clone(), message })?;
                self.weights.finish(&bytes)?;
                None
            }
        };
        let is_unit = self.aggregation != Aggregation::SimilarityMean;
        Ok(WrittenClassifier { classes: weights.rows(), dim: weights.cols(), is_unit, names })
    }
}

fn safetensors(weights: &Matrix, metadata: HashMap<String, String>) -> Result<Vec<u8>, String> {
    let data = NumberType::F32.bytes(weights);
    let view = TensorView::new(Dtype::F32, vec![weights.rows(), weights.cols()], &data)
        .map_err(|error| error.to_string())?;
    safetensors::serialize([("weights", view)], Some(metadata)).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_written_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |name: &str, aggregation| {
            let begun = ClassifierFile::begin(&folder.path().join(name), aggregation);
            begun.err().map(|error| error.to_string()).unwrap_or_default()
        };
        assert!(refused("c.npy", Aggregation::Max).contains("mean"));
        assert!(refused("c.txt", Aggregation::Mean).contains(".safetensors or .npy"));
        assert!(refused("c", Aggregation::Mean).contains(".safetensors or .npy"));
        assert!(refused("nowhere/c.npy", Aggregation::Mean).contains("writable"));
        assert_eq!(refused("c.NPY", Aggregation::SimilarityMean), "");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
