//! What is wrong with the parts of an experiment, before it is opened: each is tried by itself, so that all problems are told at
//! once, each beside its part.

use super::opening::{NamedClasses, Notes, open_checkpoint, open_dataset, open_prompt_set, open_strategy};
use crate::dataset::{ClassNameMap, Dataset};
use crate::prompts::Classes;
use crate::store::{Store, StorePlace};
use crate::workbench::error::WorkbenchError;
use crate::workbench::experiment::definition::{
    ClassNamesChoice, DatasetChoice, Experiment, PromptSetChoice, StrategyChoice,
};

/// A part of an experiment that can be wrong by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExperimentPart {
    /// The checkpoint.
    Checkpoint,
    /// The images.
    Images,
    /// The map of class names.
    ClassNames,
    /// The prompts of the strategy of this name.
    Strategy(String),
    /// How the parts go together.
    Whole,
}

/// What is wrong with an experiment's parts, as far as it is known without weights and pictures. A checkpoint that only a hub has
/// is no problem.
pub fn problems_of(experiment: &Experiment, place: &StorePlace) -> Vec<(ExperimentPart, String)> {
    let mut problems = Vec::new();
    if let Err(error) = open_checkpoint(&experiment.checkpoint)
        && error.absent_checkpoint().is_none()
    {
        problems.push((ExperimentPart::Checkpoint, error.to_string()));
    }
    let mut choice = experiment.dataset.clone();
    let mut are_named = true;
    if let DatasetChoice::Path { images, class_names: Some(ClassNamesChoice::File(path)), .. } =
        &experiment.dataset
        && let Err(error) = ClassNameMap::read(path)
    {
        problems.push((ExperimentPart::ClassNames, error.to_string()));
        // The images can still be looked at, if only as folders.
        (choice, are_named) = (DatasetChoice::at(images, None, None), false);
    }
    let dataset = match open_dataset(&choice) {
        Ok(dataset) => are_named.then_some(dataset),
        Err(error) => {
            problems.push((ExperimentPart::Images, error.to_string()));
            None
        }
    };
    let is_stored = |set: &PromptSetChoice| matches!(set, PromptSetChoice::Stored { .. });
    let needs_store = experiment.strategies.iter().flat_map(|strategy| &strategy.prompt_sets).any(is_stored);
    let place = if needs_store { place.clone() } else { StorePlace::in_memory() };
    // A store that cannot be opened is no fault of the experiment's: opening says so.
    let Ok(opened) = place.open() else { return problems };
    for strategy in &experiment.strategies {
        if let Err(error) = try_strategy(strategy, experiment, dataset.as_ref(), &opened.store) {
            problems.push((ExperimentPart::Strategy(strategy.name.clone()), error.to_string()));
        }
    }
    problems
}

/// Reads a strategy's prompts, for these classes where they are known.
fn try_strategy(
    strategy: &StrategyChoice,
    experiment: &Experiment,
    dataset: Option<&Dataset>,
    store: &Store,
) -> Result<(), WorkbenchError> {
    let Some(dataset) = dataset else {
        for set in &strategy.prompt_sets {
            open_prompt_set(set, store, &strategy.name)?;
        }
        return Ok(());
    };
    let names = dataset.class_names();
    let folders: Vec<String> = dataset.classes.iter().map(|class| class.folder.clone()).collect();
    let classes = Classes { names: &names, folders: &folders };
    let classes = NamedClasses { classes, prompt_keys: &experiment.prompt_keys };
    open_strategy(strategy, classes, store, &mut Notes::default())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workbench::experiment::flags::ExperimentFlags;

    fn problems(flags: ExperimentFlags) -> Vec<(ExperimentPart, String)> {
        problems_of(&Experiment::from_flags(&flags).unwrap(), &StorePlace::in_memory())
    }

    #[test]
    fn every_part_says_its_own() {
        let demo = || ExperimentFlags {
            checkpoint: Some("demo".into()),
            images: Some("demo".into()),
            cupl: Some("demo".into()),
            templates: Some("demo".into()),
            ..ExperimentFlags::default()
        };
        assert_eq!(problems(demo()), []);
        // A checkpoint that only a hub has is asked for when it is opened.
        let hub = ExperimentFlags { checkpoint: Some("nobody/has-this".into()), ..demo() };
        assert_eq!(problems(hub), []);
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("cupl.json"), r#"{"nothing here": ["A sentence."]}"#).unwrap();
        let all = problems(ExperimentFlags {
            checkpoint: Some(at("no-model")),
            images: Some(at("no-images")),
            class_names: Some(at("no-names.json")),
            templates: Some(at("none.txt")),
            cupl: Some(at("cupl.json")),
            ..ExperimentFlags::default()
        });
        let parts: Vec<&ExperimentPart> = all.iter().map(|(part, _)| part).collect();
        let strategy = |name: &str| ExperimentPart::Strategy(name.into());
        assert_eq!(
            parts,
            [
                &ExperimentPart::Checkpoint,
                &ExperimentPart::ClassNames,
                &ExperimentPart::Images,
                &strategy("templates"),
                &strategy("both")
            ]
        );
        assert!(all[2].1.contains("no-images"), "{}", all[2].1);
        // With classes, prompts have to be theirs.
        let all = problems(ExperimentFlags { cupl: Some(at("cupl.json")), templates: None, ..demo() });
        assert!(matches!(&all[..], [(ExperimentPart::Strategy(name), _)] if name == "cupl"), "{all:?}");
        let all = problems(ExperimentFlags { cupl: Some("stored:mine".into()), templates: None, ..demo() });
        assert!(all[0].1.contains("mine"), "{all:?}");
    }
}
