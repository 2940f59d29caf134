//! How the user left an experiment, for the next time it is opened.

use serde::{Deserialize, Serialize};

use super::confusion::ConfusionSource;
use super::unfinished::{self, RememberedGeneration};
use super::{Screen, State};
use crate::workbench::{ClassColumn, ImageFilter};

/// Screen, order, filters and strategies, by name: what is gone by the next time is left out.
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
}

impl Remembered {
    /// As the state is now.
    pub fn from_state(state: &State) -> Option<Self> {
        let session = state.session.as_ref()?;
        let name = |strategy: usize| session.strategies[strategy].name.clone();
        let hidden = (0..session.strategies.len()).filter(|&i| !state.strategies.shown[i]);
        Some(Self {
            screen: state.screen.name().to_owned(),
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
        })
    }

    /// The strategies that were shown with their controls, if it is known.
    pub fn controls(&self) -> Option<&[String]> {
        self.controls.as_deref()
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
