//! How the user left an experiment, for the next time it is opened.

use serde::{Deserialize, Serialize};

use super::confusion::ConfusionSource;
use super::unfinished::{self, RememberedGeneration};
use super::{Screen, State};
use crate::workbench::{ClassColumn, Experiment, ImageFilter, StrategyChoice};

/// Screen, order, filters and strategies, by name: what is gone by the next time is left out. And the strategies that were added.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Remembered {
    screen: String,
    baseline: String,
    compared: String,
    hidden: Vec<String>,
    sort: String,
    reversed: bool,
    grouped: bool,
    images: String,
    confusions: String,
    /// None where an earlier version left the experiment.
    controls: Option<Vec<String>>,
    /// The generation that was begun last.
    #[serde(deserialize_with = "unfinished::known")]
    generation: Option<Box<RememberedGeneration>>,
    added: Vec<StrategyChoice>,
}

impl Remembered {
    /// As the state is now.
    pub fn from_state(state: &State) -> Option<Self> {
        let session = state.session.as_ref()?;
        let name = |strategy: usize| session.strategies[strategy].name.clone();
        let screen = match state.screen {
            Screen::Opening => state.back.last().copied().unwrap_or(Screen::Strategies),
            screen => screen,
        };
        let hidden = (0..session.strategies.len()).filter(|&i| !state.strategies.shown[i]);
        Some(Self {
            screen: screen.name().to_owned(),
            baseline: name(state.strategies.a),
            compared: name(state.strategies.b),
            hidden: hidden.map(name).collect(),
            sort: state.classes.column.name().to_owned(),
            reversed: state.classes.reversed,
            grouped: state.classes.grouped,
            images: state.images.selection.filter.name().to_owned(),
            confusions: whose_name(state.confusion.whose).to_owned(),
            controls: Some(session.controls.iter().map(|controls| name(controls.strategy)).collect()),
            // Of a store in memory nothing is left to go on with.
            generation: state.unfinished.clone().filter(|_| !state.in_memory).map(Box::new),
            added: Vec::new(),
        })
    }

    /// The same with the strategies that were added to an experiment.
    #[must_use]
    pub fn with_added(mut self, experiment: &Experiment) -> Self {
        self.added = experiment.added().cloned().collect();
        self
    }

    /// The experiment as it was opened from its file or flags, with what its user had made of it.
    pub fn restore_experiment(&self, experiment: &mut Experiment) {
        for strategy in &self.added {
            // The file may have it by now.
            if experiment.strategies.iter().all(|other| other.name != strategy.name) {
                experiment.strategies.push(StrategyChoice { added: true, ..strategy.clone() });
            }
        }
        if let Some(controls) = &self.controls {
            let names = experiment.strategies.iter().map(|strategy| &strategy.name);
            experiment.controls = names.filter(|name| controls.contains(name)).cloned().collect();
        }
    }

    /// Brings the state, whose session is open, back to it.
    pub fn restore(&self, state: &mut State) {
        let Some(session) = state.session.clone() else { return };
        let place = |name: &String| session.strategies.iter().position(|strategy| strategy.name == *name);
        state.unfinished = self.generation.as_deref().cloned();
        let strategies = &mut state.strategies;
        if let Some(a) = place(&self.baseline) {
            strategies.a = a;
        }
        for hidden in self.hidden.iter().filter_map(place).filter(|&hidden| hidden != strategies.a) {
            strategies.shown[hidden] = false;
        }
        strategies.selected = place(&self.compared).unwrap_or(strategies.selected);
        strategies.choose_b();
        let view = &mut state.classes;
        let column = ClassColumn::ALL.into_iter().find(|column| column.name() == self.sort);
        view.column = column.unwrap_or(view.column);
        view.reversed = self.reversed;
        view.grouped = self.grouped;
        let filter = ImageFilter::ALL.into_iter().find(|filter| filter.name() == self.images);
        state.images.selection.filter = filter.unwrap_or(state.images.selection.filter);
        let whose = [ConfusionSource::A, ConfusionSource::B, ConfusionSource::Difference];
        let whose = whose.into_iter().find(|&whose| whose_name(whose) == self.confusions);
        state.confusion.whose = whose.unwrap_or_default();
        state.screen =
            Screen::ALL.into_iter().find(|screen| screen.name() == self.screen).unwrap_or(state.screen);
    }
}

fn whose_name(whose: ConfusionSource) -> &'static str {
    match whose {
        ConfusionSource::A => "a",
        ConfusionSource::B => "b",
        ConfusionSource::Difference => "difference",
    }
}
