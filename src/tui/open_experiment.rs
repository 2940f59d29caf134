//! The experiment that is open, while jobs try to make another one of it: what fails leaves it as it was, and can be tried
//! again. Nothing but those jobs changes it.

use crate::workbench::{Experiment, Origin};

/// What is open, or about to be.
#[derive(Debug, Default)]
pub struct OpenExperiment {
    open: Option<(Origin, Experiment)>,
    /// What was open before the job that runs, which adds to it.
    before: Option<Experiment>,
    /// What a job that failed or was stopped would have opened.
    attempt: Option<Experiment>,
}

impl OpenExperiment {
    /// Another one is to be opened in its place.
    pub fn replace(&mut self, origin: Origin, experiment: Experiment) {
        *self = Self { open: Some((origin, experiment)), before: None, attempt: None };
    }

    /// Where it came from, and what it is.
    pub fn get(&self) -> Option<&(Origin, Experiment)> {
        self.open.as_ref()
    }

    /// What it is.
    pub fn experiment(&self) -> Option<&Experiment> {
        self.open.as_ref().map(|(_, experiment)| experiment)
    }

    /// Where it came from.
    pub fn origin(&self) -> Option<&Origin> {
        self.open.as_ref().map(|(origin, _)| origin)
    }

    /// A job is about to open it with a change.
    pub fn change(&mut self, change: impl FnOnce(&mut Experiment)) {
        if let Some((_, experiment)) = &mut self.open {
            let was_open = experiment.clone();
            // A job that runs has not opened its change yet.
            self.before.get_or_insert(was_open);
            self.attempt = None;
            change(experiment);
        }
    }

    /// Strategies that were added are in its file now.
    pub fn keep_added(&mut self, names: &[String]) {
        if let Some((_, experiment)) = &mut self.open {
            for strategy in experiment.strategies.iter_mut().filter(|strategy| names.contains(&strategy.name))
            {
                strategy.added = false;
            }
        }
    }

    /// The job has opened it.
    pub fn opened(&mut self) {
        (self.before, self.attempt) = (None, None);
    }

    /// The job did not open it: it is as it was.
    pub fn failed(&mut self) {
        if let (Some((_, experiment)), Some(before)) = (&mut self.open, self.before.take()) {
            self.attempt = Some(std::mem::replace(experiment, before));
        }
    }

    /// A job is about to try again what failed.
    pub fn try_again(&mut self) {
        if let (Some((_, experiment)), Some(attempt)) = (&mut self.open, self.attempt.take()) {
            self.before = Some(std::mem::replace(experiment, attempt));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Experiment {
        Experiment { name: name.to_owned(), ..Experiment::demo().unwrap() }
    }

    fn name(of: &OpenExperiment) -> &str {
        &of.experiment().unwrap().name
    }

    fn call(name: &'static str) -> impl FnOnce(&mut Experiment) {
        move |experiment| name.clone_into(&mut experiment.name)
    }

    #[test]
    fn what_fails_leaves_it_as_it_was_and_can_be_tried_again() {
        let mut open = OpenExperiment::default();
        open.change(call("nothing is open"));
        open.failed();
        open.try_again();
        assert!(open.get().is_none());
        open.replace(Origin::Demo, named("pond"));
        open.failed();
        assert_eq!(name(&open), "pond");
        open.opened();

        open.change(call("with frogs"));
        assert_eq!(name(&open), "with frogs");
        open.failed();
        assert_eq!(name(&open), "pond");
        open.try_again();
        assert_eq!(name(&open), "with frogs");
        open.failed();
        assert_eq!(name(&open), "pond");
        open.try_again();
        open.opened();
        // What was opened stays open, whatever fails later.
        open.failed();
        open.try_again();
        assert_eq!(name(&open), "with frogs");
    }

    #[test]
    fn two_changes_before_the_first_is_open_fail_together() {
        let mut open = OpenExperiment::default();
        open.replace(Origin::Demo, named("pond"));
        open.opened();
        open.change(call("with frogs"));
        open.change(call("with frogs and toads"));
        open.failed();
        assert_eq!(name(&open), "pond");
        open.try_again();
        assert_eq!(name(&open), "with frogs and toads");
    }
}
