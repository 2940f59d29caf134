//! What is remembered of a generation, for as long as its prompts are not written and saved: its form is filled again with
//! it, and the next start offers to go on.

use serde::{Deserialize, Deserializer, Serialize};

use super::{Effect, State};
use crate::tui::actions::{Action, Binding};
use crate::workbench::generation::{GenerationSettings, MoreSentences};

/// A generation as it was begun, with what its user wished for since.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RememberedGeneration {
    /// The prompt set's name.
    pub name: String,
    /// As they were typed; what they leave out is as the experiment has it.
    pub settings: GenerationSettings,
    /// The classes of which more is wished for. What was dropped is in the store.
    pub more: Vec<MoreSentences>,
    /// How far it is.
    pub stage: GenerationStage,
}

/// How far a generation is, as the next start sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GenerationStage {
    /// It was refused before it began.
    Refused,
    /// There is more to ask for.
    Unfinished,
    /// All is there, and not saved.
    Written,
    /// All is saved.
    Saved,
}

impl RememberedGeneration {
    /// What a user should do about it, if anything.
    fn offer(&self, model: &str) -> Option<String> {
        let name = &self.name;
        match self.stage {
            GenerationStage::Unfinished => {
                Some(format!("the generation {name:?} is unfinished: {model} goes on with it"))
            }
            GenerationStage::Written => {
                Some(format!("the generation {name:?} is not saved: {model} brings its prompts back"))
            }
            GenerationStage::Refused | GenerationStage::Saved => None,
        }
    }

    /// More sentences of a class are wished for.
    fn wish(&mut self, class: usize, name: &str, more: usize) {
        match self.more.iter_mut().find(|wish| (wish.class, wish.name.as_str()) == (class, name)) {
            Some(wish) => wish.more += more,
            None => self.more.push(MoreSentences { class, name: name.to_owned(), more }),
        }
    }
}

/// A remembered generation; none where another version of this program wrote what this one does not know.
pub(super) fn known<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Box<RememberedGeneration>>, D::Error> {
    Ok(serde_json::from_value(serde_json::Value::deserialize(from)?).ok())
}

impl State {
    /// A generation begins. It keeps what was wished for under its name.
    pub(super) fn remember_beginning(
        &mut self,
        name: &str,
        settings: &GenerationSettings,
    ) -> Vec<MoreSentences> {
        let before = self.unfinished.take().filter(|before| before.name == name);
        let more = before.map(|before| before.more).unwrap_or_default();
        self.unfinished = Some(RememberedGeneration {
            name: name.to_owned(),
            settings: settings.clone(),
            more: more.clone(),
            stage: GenerationStage::Unfinished,
        });
        more
    }

    /// The generation has come so far; what is to be done where that is news.
    pub(super) fn remember_stage(&mut self, stage: GenerationStage) -> Option<Effect> {
        let remembered = self.unfinished.as_mut().filter(|remembered| remembered.stage != stage)?;
        remembered.stage = stage;
        Some(Effect::Remember)
    }

    /// The prompts that were written are saved.
    pub(super) fn remember_saved(&mut self) -> Option<Effect> {
        let is_written =
            self.unfinished.as_ref().is_some_and(|remembered| remembered.stage == GenerationStage::Written);
        is_written.then_some(GenerationStage::Saved).and_then(|stage| self.remember_stage(stage))
    }

    /// More sentences of a class are wished for.
    pub(super) fn remember_wish(&mut self, class: usize, more: usize) -> Option<Effect> {
        let name = self.session.as_ref()?.classes.get(class)?;
        let remembered = self.unfinished.as_mut()?;
        remembered.wish(class, name, more);
        remembered.stage = GenerationStage::Unfinished;
        Some(Effect::Remember)
    }

    /// A word or two for the hint bar: the key for generations says where one is to be gone on with.
    pub fn hint(&self, binding: &Binding) -> &'static str {
        match binding.action {
            Action::Generate if self.generation_offer().is_some() => "go on",
            _ => binding.hint,
        }
    }

    /// What is said of a generation that an earlier start left, where the key for it is.
    pub fn generation_offer(&self) -> Option<String> {
        let remembered = self.unfinished.as_ref().filter(|_| self.generation.is_none())?;
        remembered.offer(self.keymap.key(Action::Generate))
    }
}
