//! Two runs on the same images, side by side.

use super::receipt::ReceiptPart;
use super::run::Run;
use crate::evaluation::{Comparison, Evaluation};
use crate::store::Store;
use crate::workbench::error::WorkbenchError;
use crate::workbench::tables::class_table::{ClassRow, class_rows};

/// What one run, B, does to another, A.
#[derive(Debug)]
pub struct RunComparison {
    /// A.
    pub a: Run,
    /// B.
    pub b: Run,
    /// B against A.
    pub comparison: Comparison,
    /// Every class, in the dataset's order.
    pub rows: Vec<ClassRow>,
    /// What A's receipt says, then, and what B's says, now.
    pub parts: Vec<ReceiptPart>,
}

impl RunComparison {
    /// Compares two runs of a store.
    ///
    /// # Errors
    /// [`WorkbenchError::NoReceipt`], [`WorkbenchError::RunsDiffer`] where they are not about the same images, labels and
    /// classes, [`WorkbenchError::PredictionsGone`], and what prevents reading the store.
    pub fn new(a: Run, b: Run, store: &Store) -> Result<Self, WorkbenchError> {
        let receipt =
            |run: &Run| run.receipt.clone().ok_or_else(|| WorkbenchError::NoReceipt { id: run.id.clone() });
        let (of_a, of_b) = (receipt(&a)?, receipt(&b)?);
        let parts = of_a.compare(&of_b);
        if !of_a.same_dataset(&of_b) {
            let of_dataset = ["images", "labels", "class order"];
            let differ = parts.iter().filter(|part| !part.equal && of_dataset.contains(&part.part));
            let what = differ.map(|part| part.part).collect::<Vec<_>>().join(", ");
            return Err(WorkbenchError::RunsDiffer { a: a.id, b: b.id, what });
        }
        let evaluation = |run: &Run| -> Result<Evaluation, WorkbenchError> {
            run.evaluation(store)?.ok_or_else(|| WorkbenchError::PredictionsGone { id: run.id.clone() })
        };
        let (before, after) = (evaluation(&a)?, evaluation(&b)?);
        let comparison = Comparison::new(&before, &after)?;
        Ok(Self { rows: class_rows(&before, &after), comparison, parts, a, b })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StorePlace;
    use crate::workbench::editing::prompt_editor::tests::{pond, session_of};
    use crate::workbench::tables::class_table::class_table;

    #[test]
    fn runs_are_compared_as_their_strategies_were() {
        let images = tempfile::tempdir().unwrap();
        let place = StorePlace::in_memory();
        let session = session_of(&pond(images.path()), &place);
        let store = place.open().unwrap().store;
        let (mut runs, _) = Run::all(&store).unwrap();
        runs.sort_by_key(|run| run.strategy.name != "templates");
        let [a, b] = <[Run; 2]>::try_from(runs).unwrap();
        let compared = RunComparison::new(a.clone(), b.clone(), &store).unwrap();
        let evaluation = |strategy: usize| &session.strategies[strategy].evaluation;
        assert_eq!(compared.comparison, Comparison::new(evaluation(0), evaluation(1)).unwrap());
        assert_eq!(compared.rows, class_table(&session, 0, 1));
        let different: Vec<&str> =
            compared.parts.iter().filter(|part| !part.equal).map(|part| part.part).collect();
        assert_eq!(different[0], "prompts");

        let mut other = b.clone();
        other.receipt.as_mut().unwrap().labels = "others".into();
        let message = RunComparison::new(a.clone(), other, &store).unwrap_err().to_string();
        assert!(message.contains("labels differ"), "{message}");
        // Another store has the runs, but not what they predicted.
        let message = RunComparison::new(a, b, &Store::in_memory()).unwrap_err().to_string();
        assert!(message.contains("no longer kept"), "{message}");
    }
}
