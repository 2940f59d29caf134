//! Puts prompts right where that is safe, keeps them as new versions, and says what it did to accuracy.

use crate::evaluation::Comparison;
use crate::prompts::lint::{Flaw, Rule, clean, lint_class, lint_templates};
use crate::prompts::{Classes, PromptError, PromptSet, PromptSetContent, Template};
use crate::store::{Store, version_of};
use crate::workbench::error::WorkbenchError;
use crate::workbench::experiment::definition::{Experiment, PromptSetChoice};
use crate::workbench::experiment::demo;
use crate::workbench::jobs::progress::{Cancel, Progress};
use crate::workbench::session::evaluation::{Session, SessionOptions};
use crate::workbench::session::opening::{Workbench, open_prompt_set};

/// A prompt set that was put right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CleanedSet {
    /// As it was: `name@version`.
    pub before: String,
    /// As it is kept now.
    pub after: String,
    /// Its prompts, or its templates, before.
    pub prompts_before: usize,
    /// And after.
    pub prompts_after: usize,
    /// Prompts that were written anew.
    pub rewritten: usize,
}

/// What putting prompts right did to a strategy.
#[derive(Debug, Clone, PartialEq)]
pub struct CleanedStrategy {
    /// Its name.
    pub name: String,
    /// Share of images whose class was the top prediction, from 0 to 1.
    pub top1_before: f64,
    /// And is now.
    pub top1_after: f64,
    /// Images that were missed before and are right now.
    pub gained: usize,
    /// Images that were right before and are missed now.
    pub lost: usize,
}

/// What was put right, and what came of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Cleaning {
    /// The sets that changed.
    pub sets: Vec<CleanedSet>,
    /// The strategies, if a set changed.
    pub strategies: Vec<CleanedStrategy>,
}

impl Workbench {
    /// Puts the prompt sets of the session's strategies right by some rules, keeps each that changes in the store under
    /// its name, and evaluates again. The experiment stays as it is: it goes on using the sets that it names.
    ///
    /// # Errors
    /// What prevents reading or keeping a set, and evaluating; [`WorkbenchError::Cancelled`].
    pub fn clean_prompts(
        &self,
        session: &Session,
        rules: &[Rule],
        cancel: &Cancel,
        notify: &dyn Fn(Progress),
    ) -> Result<Cleaning, WorkbenchError> {
        let names: Vec<String> = session.strategies.iter().map(|strategy| strategy.name.clone()).collect();
        let mut experiment = self.experiment.clone();
        experiment.strategies.retain(|strategy| names.contains(&strategy.name));
        self.check_cleaned(&experiment, rules)?;
        let mut cleaning = Cleaning::default();
        for strategy in &mut experiment.strategies {
            for choice in &mut strategy.prompt_sets {
                let set = open_prompt_set(choice, &self.store, &strategy.name)?;
                if let Some(cleaned) = save_cleaned(&set, rules, &self.store)? {
                    *choice = PromptSetChoice::Stored {
                        name: kept_name(&set.name),
                        version: cleaned.after.rsplit('@').next().map(str::to_owned),
                    };
                    if !cleaning.sets.contains(&cleaned) {
                        cleaning.sets.push(cleaned);
                    }
                }
            }
        }
        if cleaning.sets.is_empty() {
            return Ok(cleaning);
        }
        experiment.baseline = session.baseline;
        let after = Self::open(experiment, self.store.clone())?;
        let after = after.evaluate(SessionOptions::default(), cancel, notify)?;
        for (before, after) in session.strategies.iter().zip(&after.strategies) {
            let comparison = Comparison::new(&before.evaluation, &after.evaluation)?;
            cleaning.strategies.push(CleanedStrategy {
                name: before.name.clone(),
                top1_before: before.evaluation.top1(),
                top1_after: after.evaluation.top1(),
                gained: comparison.gained.len(),
                lost: comparison.lost.len(),
            });
        }
        Ok(cleaning)
    }

    /// Where prompts of all classes are weighed together, all classes must still have equally many: that is found out
    /// before anything is kept.
    fn check_cleaned(&self, experiment: &Experiment, rules: &[Rule]) -> Result<(), WorkbenchError> {
        let classes = self.dataset.class_names();
        let folders: Vec<String> = self.dataset.classes.iter().map(|class| class.folder.clone()).collect();
        for choice in experiment.strategies.iter().filter(|choice| choice.aggregation.weighs_prompts()) {
            let mut counts = vec![0; classes.len()];
            for set in &choice.prompt_sets {
                let (set, _) = cleaned(&open_prompt_set(set, &self.store, &choice.name)?, rules)?;
                let resolved = set
                    .with_keys(&experiment.prompt_keys, &classes)
                    .resolve(Classes { names: &classes, folders: &folders })?;
                counts
                    .iter_mut()
                    .zip(&resolved.per_class)
                    .for_each(|(count, prompts)| *count += prompts.len());
            }
            if let Some(class) = counts.iter().position(|count| *count != counts[0]) {
                return Err(WorkbenchError::UnequalAfterCleaning {
                    strategy: choice.name.clone(),
                    aggregation: choice.aggregation,
                    class: classes[class].clone(),
                });
            }
        }
        Ok(())
    }
}

/// Keeps a set as the rules want it, if that changes it.
///
/// # Errors
/// What prevents writing.
pub fn save_cleaned(
    set: &PromptSet,
    rules: &[Rule],
    store: &Store,
) -> Result<Option<CleanedSet>, WorkbenchError> {
    let (cleaned, rewritten) = cleaned(set, rules)?;
    if cleaned.content == set.content {
        return Ok(None);
    }
    let name = kept_name(&set.name);
    let version = store.save_prompt_set(&name, &cleaned.to_json())?;
    store.flush()?;
    Ok(Some(CleanedSet {
        before: format!("{}@{}", set.name, version_of(&set.to_json())),
        after: format!("{name}@{version}"),
        prompts_before: set.n_prompts(),
        prompts_after: cleaned.n_prompts(),
        rewritten,
    }))
}

/// The name to keep a set under: its own, but for the demo's, which stay what they are, and for `@`, which stands before
/// versions.
fn kept_name(name: &str) -> String {
    if demo::PROMPT_SETS.contains(&name) { format!("{name}-cleaned") } else { name.replace('@', "-") }
}

/// A set as the rules want it, every class with a prompt at least; and how many prompts were written anew.
fn cleaned(set: &PromptSet, rules: &[Rule]) -> Result<(PromptSet, usize), PromptError> {
    let is_wanted = |flaw: &Flaw| rules.contains(&flaw.rule);
    let mut rewritten = 0;
    let mut cleaned = |prompts: &[String], flaws: Vec<Flaw>| {
        let flaws: Vec<Flaw> = flaws.into_iter().filter(is_wanted).collect();
        let cleaned = clean(prompts, &flaws);
        rewritten += cleaned.iter().filter(|text| !prompts.contains(text)).count();
        cleaned
    };
    let set = match &set.content {
        PromptSetContent::Templates(templates) => {
            let texts: Vec<String> = templates.iter().map(|template| template.text().to_owned()).collect();
            let with_place: Vec<String> = cleaned(&texts, lint_templates(&texts));
            // A fix never takes the place of the class name away.
            match with_place.iter().all(|text| Template::parse(text).is_ok()) {
                true => PromptSet::from_templates(&set.name, &with_place)?,
                false => set.clone(),
            }
        }
        PromptSetContent::PerClass(pairs) => {
            let of_class = |(name, prompts): &(String, Vec<String>)| {
                (name.clone(), cleaned(prompts, lint_class(name, prompts)))
            };
            PromptSet::from_pairs(&set.name, pairs.iter().map(of_class).collect())?
        }
    };
    Ok((set, rewritten))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::workbench::editing::prompt_editor::tests::pond;
    use crate::workbench::session::opening::stored_prompt_set;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn cleaned_of(folder: &Path, cupl: &str) -> (Cleaning, Store) {
        let experiment = pond(folder);
        std::fs::write(folder.with_extension("cupl.json"), cupl).unwrap();
        let store = Store::in_memory();
        let workbench = Workbench::open(experiment, store.clone()).unwrap();
        let (cancel, quiet) = (Cancel::default(), |_| {});
        let session = workbench.evaluate(SessionOptions::default(), &cancel, &quiet).unwrap();
        (workbench.clean_prompts(&session, &Rule::ALL, &cancel, &quiet).unwrap(), store)
    }

    #[test]
    fn a_cleaned_version_is_kept_and_evaluated() {
        let images = tempfile::tempdir().unwrap();
        let (cleaning, store) = cleaned_of(
            images.path(),
            r#"{"frog": [" A frog is green.", "A frog is green!", "A frog is an wet animal."], "toad": ["A toad is brown and."]}"#,
        );
        let [set] = &cleaning.sets[..] else { panic!("{cleaning:?}") };
        assert_eq!((set.prompts_before, set.prompts_after, set.rewritten), (4, 3, 2));
        let (name, version) = set.after.split_once('@').unwrap();
        let (kept, _) = stored_prompt_set(name, Some(version), &store).unwrap();
        let expected = vec![
            ("frog".to_owned(), texts(&["A frog is green.", "A frog is a wet animal."])),
            ("toad".to_owned(), texts(&["A toad is brown and."])),
        ];
        assert_eq!(kept.content, PromptSetContent::PerClass(expected));
        assert_eq!(cleaning.strategies.len(), 2);
        for strategy in &cleaning.strategies {
            let difference = (strategy.gained as f64 - strategy.lost as f64) / 4.0;
            assert!((strategy.top1_after - strategy.top1_before - difference).abs() < 1e-12);
        }
    }

    #[test]
    fn what_is_clean_is_not_kept_again() {
        let images = tempfile::tempdir().unwrap();
        let (cleaning, store) =
            cleaned_of(images.path(), r#"{"frog": ["A frog is green."], "toad": ["A toad is brown."]}"#);
        assert_eq!(cleaning, Cleaning::default());
        assert!(store.prompt_sets().unwrap().is_empty());
    }

    #[test]
    fn only_the_wanted_rules_and_no_lost_place() {
        let store = Store::in_memory();
        let set = PromptSet::from_templates("t@x", &texts(&["a  {}.", "A {}!", "<a {}>"])).unwrap();
        let saved = save_cleaned(&set, &[Rule::StrayBlanks], &store).unwrap().unwrap();
        assert_eq!((saved.prompts_before, saved.prompts_after), (3, 3));
        assert!(saved.after.starts_with("t-x@"));
        assert_eq!(save_cleaned(&set, &[Rule::Fragment], &store).unwrap(), None);
        assert_eq!(kept_name("demo-cupl"), "demo-cupl-cleaned");
    }
}
