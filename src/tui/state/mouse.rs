//! What a click means: it selects what is drawn there, and a second one in the same place opens it.

use ratatui::layout::{Position, Rect};

use super::focus::StrategyRow;
use super::places::{self, Place};
use super::{Context, Effect, Overlay, State};
use crate::tui::layout;

impl State {
    /// Selects what is drawn at a cell, or opens it where it was selected already.
    pub(super) fn click(&mut self, at: Position) -> Vec<Effect> {
        // A list may move under the mouse when another row is selected: the place counts, not the row.
        let again = self.clicked.replace(at) == Some(at);
        if self.overlay.is_some() {
            return self.click_on_overlay(at, again);
        }
        let area = Rect::new(0, 0, self.size.width, self.size.height);
        if layout::frame(area).tabs.contains(at) && self.session.is_some() {
            if let Some(screen) = places::tab_at(self, at.x) {
                self.go(screen);
            }
            return Vec::new();
        }
        if self.typing.is_some() {
            return Vec::new();
        }
        let Some(place) = places::place_at(self, at) else { return Vec::new() };
        if again || self.select(place) { self.open_selected() } else { Vec::new() }
    }

    fn click_on_overlay(&mut self, at: Position, again: bool) -> Vec<Effect> {
        let row = places::command_at(self, at);
        if let (Some(Overlay::Commands(view)), Some(row)) = (&mut self.overlay, row) {
            if again || view.selected == row {
                return super::update::run_command(self);
            }
            view.selected = row;
        }
        Vec::new()
    }

    /// Selects something; says whether it was selected before.
    fn select(&mut self, place: Place) -> bool {
        match (self.place(), place) {
            (Context::Strategies, Place::Row(row)) => {
                let rows = self.session.as_ref().map_or_else(Vec::new, |session| StrategyRow::all(session));
                let Some(row) = rows.get(row).copied() else { return false };
                let was = std::mem::replace(&mut self.strategies.selected, row.strategy());
                self.strategies.choose_b();
                self.refill();
                was == row.strategy()
            }
            (Context::Class, Place::Row(row)) => {
                let class = self.classes.page.as_ref().map(|page| page.class);
                let pairs = class.map_or_else(Vec::new, |class| self.taken_for(class));
                let Some(page) = &mut self.classes.page else { return false };
                let was = page.row(&pairs);
                page.predicted = pairs.get(row).map(|pair| pair.predicted);
                was == row
            }
            (Context::Block, Place::Cell { row, column }) => {
                let Some(block) = &mut self.confusion.block else { return false };
                let (Some(&truth), Some(&predicted)) = (block.classes.get(row), block.classes.get(column))
                else {
                    return false;
                };
                let was = (block.truth, block.predicted);
                (block.truth, block.predicted) = (truth, predicted);
                was == (truth, predicted)
            }
            (Context::Prompts, Place::Prompt { on_b, row }) => {
                let was = (self.prompts.on_b, self.prompts.row());
                self.prompts.on_b = on_b;
                self.prompts.selected[usize::from(on_b)] = row;
                was == (on_b, row)
            }
            (Context::Generation, Place::Row(row)) => match &mut self.generation {
                Some(view) => match &mut view.sentence {
                    Some(sentence) => std::mem::replace(sentence, row) == row,
                    None => std::mem::replace(&mut view.selected, row) == row,
                },
                None => false,
            },
            (place, Place::Row(row)) => {
                let selected = match place {
                    Context::Classes => &mut self.classes.selected,
                    Context::Pairs => &mut self.confusion.selected,
                    Context::Gallery => &mut self.images.selected,
                    Context::Findings => &mut self.findings.selected,
                    Context::Jobs => &mut self.jobs.selected,
                    Context::Opening => &mut self.opening.selected,
                    _ => return false,
                };
                std::mem::replace(selected, row) == row
            }
            _ => false,
        }
    }
}
