//! An experiment as a command sees it: opened, its names looked up, and evaluated with progress on standard error.

use std::io;

use super::output::{Output, ProgressLine, warn_about};
use super::table::{percent, points};
use super::{
    CommandError, ExperimentArguments, Global, Outcome, PairArguments, cancel_on_signals, open_store,
};
use crate::workbench::{
    Cancel, Comparison, Experiment, PreprocessingOrigin, Session, SessionEmbeddings, SessionOptions,
    Workbench, WorkbenchError, demo,
};

/// An opened experiment; nothing is computed yet, so that mistyped names are found before a long wait.
pub struct Opened {
    pub workbench: Workbench,
    pub cancel: Cancel,
}

/// The two strategies that a command looks at: indices into the session's. They are the same where one stands alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    pub a: usize,
    pub b: usize,
}

impl Opened {
    pub fn new(arguments: &ExperimentArguments, global: &Global) -> Result<Self, CommandError> {
        Self::from_experiment(arguments.experiment()?, global)
    }

    /// The same for an experiment that was put together elsewhere.
    pub fn from_experiment(mut experiment: Experiment, global: &Global) -> Result<Self, CommandError> {
        let cancel = cancel_on_signals()?;
        // Only screens show those of the experiment; the command `controls` says itself which it wants.
        experiment.controls.clear();
        Ok(Self { workbench: Workbench::open(experiment, open_store(global)?)?, cancel })
    }

    /// The same with these strategies alone; with all of them where none is named.
    pub fn with_strategies(
        arguments: &ExperimentArguments,
        names: &[String],
        global: &Global,
    ) -> Result<Self, CommandError> {
        let mut opened = Self::new(arguments, global)?;
        if !names.is_empty() {
            opened.workbench.keep_strategies(names)?;
        }
        Ok(opened)
    }

    /// What `--a` and `--b` name. Without a name, A is the baseline and B the first other strategy; the other way
    /// round if B is named and is the baseline.
    pub fn pair(&self, arguments: &PairArguments) -> Result<Pair, WorkbenchError> {
        let named = |name: &Option<String>| -> Result<Option<usize>, WorkbenchError> {
            name.as_deref().map(|name| self.workbench.strategy(name)).transpose()
        };
        let (a, b) = (named(&arguments.a)?, named(&arguments.b)?);
        Ok(pair(a, b, self.workbench.baseline(), self.workbench.n_strategies()))
    }

    /// Evaluates; warnings and skipped images go to standard error.
    pub fn evaluate(&self, options: SessionOptions) -> Result<Session, CommandError> {
        let progress = ProgressLine::stderr();
        let session = self.workbench.evaluate_watched(
            options,
            &self.cancel,
            &|state| progress.show(&state),
            &|figures| progress.first_figures(&figures),
        );
        progress.finish();
        let session = session?;
        warn_about(&session.warnings, &session.skipped);
        Ok(session)
    }

    /// The embeddings behind an evaluation that was made just before.
    pub fn embed(&self) -> Result<SessionEmbeddings, CommandError> {
        let progress = ProgressLine::stderr();
        let embeddings = self.workbench.embed(&self.cancel, &|state| progress.show(&state));
        progress.finish();
        Ok(embeddings?)
    }
}

fn pair(a: Option<usize>, b: Option<usize>, baseline: usize, n_strategies: usize) -> Pair {
    let other = |than: usize| (0..n_strategies).find(|&strategy| strategy != than).unwrap_or(than);
    match (a, b) {
        (Some(a), Some(b)) => Pair { a, b },
        (None, Some(b)) if b == baseline => Pair { a: other(b), b },
        (None, Some(b)) => Pair { a: baseline, b },
        (a, None) => {
            let a = a.unwrap_or(baseline);
            Pair { a, b: other(a) }
        }
    }
}

/// How a command ends that has evaluated everything there is.
pub fn outcome(session: &Session) -> Outcome {
    if session.skipped.is_empty() { Outcome::Done } else { Outcome::Skipped }
}

/// Prints what was evaluated, and that the demo's checkpoint is small if it is that one.
pub fn introduce(session: &Session, output: &mut Output) -> io::Result<()> {
    output.heading(&format!(
        "{}, {} ({}{}), {} images, {} classes{}",
        session.experiment,
        session.checkpoint,
        session.precision,
        match session.preprocessing {
            PreprocessingOrigin::File(_) => String::new(),
            PreprocessingOrigin::FamilyDefault => format!(", preprocessing: {}", session.preprocessing),
        },
        session.images.len(),
        session.classes.len(),
        match session.skipped.len() {
            0 => String::new(),
            skipped => format!(", {skipped} skipped"),
        },
    ))?;
    if session.demo_checkpoint { output.line(demo::CAUTION) } else { Ok(()) }
}

impl Pair {
    /// Whether one strategy stands alone.
    pub fn is_alone(self) -> bool {
        self.a == self.b
    }

    /// The strategies, each once.
    pub fn strategies(self) -> Vec<usize> {
        if self.is_alone() { vec![self.a] } else { vec![self.a, self.b] }
    }

    /// B's name; `None` where A stands alone.
    pub fn b_name(self, session: &Session) -> Option<&str> {
        (!self.is_alone()).then(|| session.strategies[self.b].name.as_str())
    }

    /// B against A; `None` where A stands alone.
    pub fn comparison(self, session: &Session) -> Option<Comparison> {
        let evaluation = |strategy: usize| &session.strategies[strategy].evaluation;
        (!self.is_alone()).then(|| Comparison::new(evaluation(self.a), evaluation(self.b)).ok()).flatten()
    }

    /// Which strategies A and B are, with their accuracies and the difference.
    pub fn legend(self, session: &Session) -> String {
        let named = |strategy: usize| {
            let strategy = &session.strategies[strategy];
            format!("{} {}", strategy.name, percent(Some(strategy.evaluation.top1())))
        };
        match self.comparison(session) {
            None => format!("A: {}", named(self.a)),
            Some(comparison) => {
                let (low, high) = comparison.interval();
                format!(
                    "A: {}, B: {}, B - A: {} (95 % interval {} to {})",
                    named(self.a),
                    named(self.b),
                    points(comparison.top1 / 100.0),
                    points(low / 100.0),
                    points(high / 100.0),
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_strategy_is_found() {
        let found = |a, b, baseline, n| {
            let Pair { a, b } = pair(a, b, baseline, n);
            (a, b)
        };
        assert_eq!(found(None, None, 0, 3), (0, 1));
        assert_eq!(found(None, None, 1, 3), (1, 0));
        assert_eq!(found(Some(2), None, 0, 3), (2, 0));
        assert_eq!(found(None, Some(2), 1, 3), (1, 2));
        assert_eq!(found(None, Some(0), 0, 3), (1, 0));
        assert_eq!(found(Some(2), Some(2), 0, 3), (2, 2));
        assert_eq!(found(None, None, 0, 1), (0, 0));
        assert_eq!(found(None, Some(0), 0, 1), (0, 0));
    }
}
