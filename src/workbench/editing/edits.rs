//! The prompts of a strategy while somebody changes them: what was edited, added or disabled, with undo and redo.
//!
//! Nothing here knows what a change does to the predictions. Prompts are never removed: a disabled one keeps its place,
//! so that it can be compared and enabled again. The lists of classes are shared, not copied, between the present state,
//! the changes that led to it and whoever shows it.

use std::sync::Arc;

use super::history::PromptChange;

/// One prompt of a class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EditedPrompt {
    /// The sentence.
    pub text: String,
    /// Whether it counts.
    pub enabled: bool,
    /// Where it comes from.
    pub origin: PromptOrigin,
}

/// Where a prompt comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PromptOrigin {
    /// The strategy has it like this.
    Loaded,
    /// The strategy has another text in its place.
    Edited {
        /// That text.
        loaded: String,
    },
    /// The strategy does not have it.
    Added,
}

/// The prompts of one class, the disabled ones among them.
pub type ClassPrompts = Arc<Vec<EditedPrompt>>;

/// Something to do to a prompt. Classes and prompts count from 0, disabled prompts included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Gives a prompt another text.
    Replace {
        /// The class.
        class: usize,
        /// The prompt.
        prompt: usize,
        /// Its text from now on.
        text: String,
    },
    /// Puts a prompt behind the others of its class.
    Add {
        /// The class.
        class: usize,
        /// The text.
        text: String,
    },
    /// Disables a prompt, or enables it again.
    Toggle {
        /// The class.
        class: usize,
        /// The prompt.
        prompt: usize,
    },
}

impl Edit {
    /// The class whose prompts it changes.
    pub fn class(&self) -> usize {
        match self {
            Self::Replace { class, .. } | Self::Add { class, .. } | Self::Toggle { class, .. } => *class,
        }
    }

    /// The text that it brings, if it does.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Replace { text, .. } | Self::Add { text, .. } => Some(text),
            Self::Toggle { .. } => None,
        }
    }
}

/// Why something cannot be done to a prompt. Messages count prompts from 1, as screens do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// A class that is not there.
    #[error("there is no class {class}; there are {classes}, counted from 0")]
    NoSuchClass {
        /// The class, from 0.
        class: usize,
        /// How many there are.
        classes: usize,
    },
    /// A prompt that is not there.
    #[error("{class} has no prompt {}; it has {prompts}", prompt + 1)]
    NoSuchPrompt {
        /// The class's name.
        class: String,
        /// The prompt, from 0.
        prompt: usize,
        /// How many there are.
        prompts: usize,
    },
    /// A class would be without prompts.
    #[error(
        "prompt {} is the only one of {class} that is enabled; add or enable another one first",
        prompt + 1
    )]
    LastEnabled {
        /// The class's name.
        class: String,
        /// The prompt, from 0.
        prompt: usize,
    },
    /// A blank text.
    #[error("a prompt needs a text; disable the prompt if it should not count")]
    Blank,
    /// A text that the class has already.
    #[error(
        "{class} has this text already, as prompt {}{}",
        prompt + 1,
        if *enabled { "" } else { ", which is disabled: enable that one" }
    )]
    Duplicate {
        /// The class's name.
        class: String,
        /// The prompt with the text, from 0.
        prompt: usize,
        /// Whether that one counts.
        enabled: bool,
    },
    /// There is no change to undo.
    #[error("there is nothing to undo")]
    NothingToUndo,
    /// There is no undone change.
    #[error("there is nothing to redo")]
    NothingToRedo,
}

/// One class before and after a change.
#[derive(Clone, Debug)]
struct Change {
    class: usize,
    before: ClassPrompts,
    after: ClassPrompts,
    words: String,
}

impl Change {
    /// Prompt by prompt, those that count otherwise than before.
    fn parts(&self, class_names: &[String]) -> Vec<PromptChange> {
        let text = |prompts: &ClassPrompts, at: usize| {
            prompts.get(at).filter(|prompt| prompt.enabled).map(|prompt| prompt.text.clone())
        };
        let parts = (0..self.before.len().max(self.after.len())).map(|at| PromptChange {
            class: class_names[self.class].clone(),
            prompt: at + 1,
            before: text(&self.before, at),
            after: text(&self.after, at),
        });
        parts.filter(|part| part.before != part.after).collect()
    }
}

/// The prompts of a strategy with everything that was done to them.
#[derive(Clone, Debug)]
pub struct PromptEdits {
    class_names: Vec<String>,
    classes: Vec<ClassPrompts>,
    /// As they were loaded, or saved last.
    kept: Vec<ClassPrompts>,
    done: Vec<Change>,
    /// The next to redo is the last.
    undone: Vec<Change>,
}

impl PromptEdits {
    /// The prompts of a strategy, `[n_classes]`, as they are loaded.
    pub fn new(class_names: &[String], per_class: &[Vec<String>]) -> Self {
        let loaded =
            |text: &String| EditedPrompt { text: text.clone(), enabled: true, origin: PromptOrigin::Loaded };
        let classes: Vec<ClassPrompts> =
            per_class.iter().map(|prompts| Arc::new(prompts.iter().map(loaded).collect())).collect();
        Self {
            class_names: class_names.to_vec(),
            kept: classes.clone(),
            classes,
            done: Vec::new(),
            undone: Vec::new(),
        }
    }

    /// The prompts of each class, `[n_classes]`.
    pub fn classes(&self) -> &[ClassPrompts] {
        &self.classes
    }

    /// The texts that count for each class, `[n_classes]`: a strategy's prompts.
    pub fn per_class(&self) -> Vec<Vec<String>> {
        self.classes.iter().map(|prompts| enabled(prompts).map(str::to_owned).collect()).collect()
    }

    /// What was done and not undone, in words, as `frog: prompt 3 disabled`.
    pub fn trail(&self) -> impl Iterator<Item = &str> {
        self.done.iter().map(|change| change.words.as_str())
    }

    /// The same with the texts, for those that are kept.
    pub fn history(&self) -> Vec<PromptChange> {
        self.done.iter().flat_map(|change| change.parts(&self.class_names)).collect()
    }

    /// What would be done again, in the words of the trail.
    pub fn next_to_redo(&self) -> Option<&str> {
        self.undone.last().map(|change| change.words.as_str())
    }

    /// Whether the texts that count are others than those that were loaded, or saved last.
    pub fn is_changed(&self) -> bool {
        let mut classes = self.classes.iter().zip(&self.kept);
        classes.any(|(now, kept)| !Arc::ptr_eq(now, kept) && !enabled(now).eq(enabled(kept)))
    }

    /// Takes the prompts as they are now for saved.
    pub fn keep(&mut self) {
        self.kept.clone_from(&self.classes);
    }

    /// Whether an edit can be done.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn check(&self, edit: &Edit) -> Result<(), EditError> {
        self.change(edit).map(|_| ())
    }

    /// Does an edit. What was undone before can no longer be done again.
    ///
    /// # Errors
    /// Why it cannot be done; nothing has changed then.
    pub fn apply(&mut self, edit: &Edit) -> Result<(), EditError> {
        let change = self.change(edit)?;
        self.classes[change.class] = Arc::clone(&change.after);
        self.done.push(change);
        self.undone.clear();
        Ok(())
    }

    /// Takes the last edit back; returns its class.
    ///
    /// # Errors
    /// [`EditError::NothingToUndo`].
    pub fn undo(&mut self) -> Result<usize, EditError> {
        let change = self.done.pop().ok_or(EditError::NothingToUndo)?;
        let class = change.class;
        self.classes[class] = Arc::clone(&change.before);
        self.undone.push(change);
        Ok(class)
    }

    /// Does the edit again that was undone last; returns its class.
    ///
    /// # Errors
    /// [`EditError::NothingToRedo`].
    pub fn redo(&mut self) -> Result<usize, EditError> {
        let change = self.undone.pop().ok_or(EditError::NothingToRedo)?;
        let class = change.class;
        self.classes[class] = Arc::clone(&change.after);
        self.done.push(change);
        Ok(class)
    }

    fn change(&self, edit: &Edit) -> Result<Change, EditError> {
        let class = edit.class();
        let classes = self.classes.len();
        let before = self.classes.get(class).ok_or(EditError::NoSuchClass { class, classes })?;
        let mut after = before.to_vec();
        let what = match edit {
            Edit::Replace { prompt, text, .. } => {
                self.new_text(class, text)?;
                replace(self.prompt(class, *prompt, &mut after)?, text);
                format!("prompt {} edited", prompt + 1)
            }
            Edit::Add { text, .. } => {
                self.new_text(class, text)?;
                after.push(EditedPrompt { text: text.clone(), enabled: true, origin: PromptOrigin::Added });
                format!("prompt {} added", after.len())
            }
            Edit::Toggle { prompt, .. } => {
                let toggled = self.prompt(class, *prompt, &mut after)?;
                toggled.enabled = !toggled.enabled;
                let what = if toggled.enabled { "enabled" } else { "disabled" };
                if enabled(&after).next().is_none() {
                    let class = self.class_names[class].clone();
                    return Err(EditError::LastEnabled { class, prompt: *prompt });
                }
                format!("prompt {} {what}", prompt + 1)
            }
        };
        let words = format!("{}: {what}", self.class_names[class]);
        Ok(Change { class, before: Arc::clone(before), after: Arc::new(after), words })
    }

    fn prompt<'p>(
        &self,
        class: usize,
        prompt: usize,
        prompts: &'p mut [EditedPrompt],
    ) -> Result<&'p mut EditedPrompt, EditError> {
        let count = prompts.len();
        prompts.get_mut(prompt).ok_or_else(|| EditError::NoSuchPrompt {
            class: self.class_names[class].clone(),
            prompt,
            prompts: count,
        })
    }

    /// Refuses a text that no prompt of the class can be given.
    fn new_text(&self, class: usize, text: &str) -> Result<(), EditError> {
        if text.trim().is_empty() {
            return Err(EditError::Blank);
        }
        let prompts = &self.classes[class];
        // A list as it was loaded may hold a text twice: one that counts is named first.
        let with_text = |counts: bool| prompts.iter().position(|p| p.text == text && p.enabled == counts);
        match with_text(true).or_else(|| with_text(false)) {
            None => Ok(()),
            Some(prompt) => Err(EditError::Duplicate {
                class: self.class_names[class].clone(),
                prompt,
                enabled: prompts[prompt].enabled,
            }),
        }
    }
}

/// The texts that count.
pub(in crate::workbench) fn enabled(prompts: &[EditedPrompt]) -> impl Iterator<Item = &str> {
    prompts.iter().filter(|prompt| prompt.enabled).map(|prompt| prompt.text.as_str())
}

/// Gives a prompt another text; with the text that it was loaded with, it is as loaded again.
fn replace(prompt: &mut EditedPrompt, text: &str) {
    let before = std::mem::replace(&mut prompt.text, text.to_owned());
    prompt.origin = match std::mem::replace(&mut prompt.origin, PromptOrigin::Added) {
        PromptOrigin::Added => PromptOrigin::Added,
        PromptOrigin::Loaded => PromptOrigin::Edited { loaded: before },
        PromptOrigin::Edited { loaded } if loaded == text => PromptOrigin::Loaded,
        PromptOrigin::Edited { loaded } => PromptOrigin::Edited { loaded },
    };
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn pond() -> PromptEdits {
        PromptEdits::new(&texts(&["frog", "青蛙, \"x\""]), &[texts(&["green", "wet"]), texts(&["呱呱"])])
    }

    fn toggle(class: usize, prompt: usize) -> Edit {
        Edit::Toggle { class, prompt }
    }

    fn add(class: usize, text: &str) -> Edit {
        Edit::Add { class, text: text.into() }
    }

    fn replace(class: usize, prompt: usize, text: &str) -> Edit {
        Edit::Replace { class, prompt, text: text.into() }
    }

    fn origin(edits: &PromptEdits, class: usize, prompt: usize) -> &PromptOrigin {
        &edits.classes()[class][prompt].origin
    }

    #[test]
    fn edits_leave_a_trail_and_decide_what_counts() {
        let mut edits = pond();
        for edit in [toggle(0, 0), add(0, "leaps"), replace(0, 1, "damp"), add(1, "x"), toggle(0, 0)] {
            edits.apply(&edit).unwrap();
        }
        assert_eq!(edits.per_class(), [texts(&["green", "damp", "leaps"]), texts(&["呱呱", "x"])]);
        let trail: Vec<&str> = edits.trail().collect();
        assert_eq!(
            trail,
            [
                "frog: prompt 1 disabled",
                "frog: prompt 3 added",
                "frog: prompt 2 edited",
                "青蛙, \"x\": prompt 2 added",
                "frog: prompt 1 enabled"
            ]
        );
        assert_eq!(*origin(&edits, 0, 0), PromptOrigin::Loaded);
        assert_eq!(*origin(&edits, 0, 1), PromptOrigin::Edited { loaded: "wet".into() });
        assert_eq!(*origin(&edits, 0, 2), PromptOrigin::Added);
    }

    #[test]
    fn a_text_edited_twice_remembers_the_loaded_one_and_finds_back_to_it() {
        let mut edits = pond();
        edits.apply(&replace(0, 1, "damp")).unwrap();
        edits.apply(&replace(0, 1, "moist")).unwrap();
        assert_eq!(*origin(&edits, 0, 1), PromptOrigin::Edited { loaded: "wet".into() });
        assert!(edits.is_changed());
        edits.apply(&replace(0, 1, "wet")).unwrap();
        assert_eq!(*origin(&edits, 0, 1), PromptOrigin::Loaded);
        assert!(!edits.is_changed());
        edits.apply(&add(0, "leaps")).unwrap();
        edits.apply(&replace(0, 2, "jumps")).unwrap();
        assert_eq!(*origin(&edits, 0, 2), PromptOrigin::Added);
    }

    #[test]
    fn what_cannot_be_is_refused_in_words() {
        let mut edits = pond();
        edits.apply(&toggle(0, 0)).unwrap();
        let message = |edit: &Edit| edits.check(edit).unwrap_err().to_string();
        assert_eq!(
            message(&toggle(0, 1)),
            "prompt 2 is the only one of frog that is enabled; add or enable another one first"
        );
        assert_eq!(
            message(&add(0, " \n")),
            "a prompt needs a text; disable the prompt if it should not count"
        );
        assert_eq!(message(&replace(1, 0, "")), message(&add(0, "")));
        assert_eq!(message(&add(0, "wet")), "frog has this text already, as prompt 2");
        assert_eq!(
            message(&replace(0, 1, "green")),
            "frog has this text already, as prompt 1, which is disabled: enable that one"
        );
        assert_eq!(message(&replace(1, 1, "x")), "青蛙, \"x\" has no prompt 2; it has 1");
        assert_eq!(message(&toggle(0, 2)), "frog has no prompt 3; it has 2");
        assert_eq!(message(&add(2, "x")), "there is no class 2; there are 2, counted from 0");

        let before = edits.clone();
        edits.apply(&toggle(0, 1)).unwrap_err();
        assert_eq!(edits.classes(), before.classes());
        assert_eq!(edits.trail().count(), 1);
    }

    #[test]
    fn of_two_loaded_copies_the_one_that_counts_is_named() {
        let mut edits = PromptEdits::new(&texts(&["frog"]), &[texts(&["green", "green"])]);
        edits.apply(&toggle(0, 0)).unwrap();
        let refused = edits.apply(&add(0, "green")).unwrap_err();
        assert_eq!(refused, EditError::Duplicate { class: "frog".into(), prompt: 1, enabled: true });
    }

    #[test]
    fn undone_edits_come_back_until_another_one_is_made() {
        let mut edits = pond();
        assert_eq!(edits.undo(), Err(EditError::NothingToUndo));
        edits.apply(&add(1, "x")).unwrap();
        edits.apply(&toggle(0, 0)).unwrap();
        assert_eq!(edits.undo(), Ok(0));
        assert_eq!(edits.next_to_redo(), Some("frog: prompt 1 disabled"));
        assert_eq!(edits.undo(), Ok(1));
        assert!(!edits.is_changed());
        assert_eq!(edits.redo(), Ok(1));
        assert_eq!(edits.per_class()[1], ["呱呱", "x"]);
        edits.apply(&toggle(0, 1)).unwrap();
        assert_eq!(edits.redo(), Err(EditError::NothingToRedo));
        assert_eq!(edits.next_to_redo(), None);
    }

    #[test]
    fn saved_prompts_are_what_later_ones_are_compared_with() {
        let mut edits = pond();
        edits.apply(&toggle(0, 0)).unwrap();
        edits.keep();
        assert!(!edits.is_changed());
        edits.undo().unwrap();
        assert!(edits.is_changed());
        edits.redo().unwrap();
        assert!(!edits.is_changed());
        edits.apply(&add(0, "leaps")).unwrap();
        edits.apply(&toggle(0, 2)).unwrap();
        assert!(!edits.is_changed(), "an added prompt that does not count changes nothing");
    }

    fn edit() -> impl Strategy<Value = Edit> {
        let text = || prop::sample::select(vec!["a", "b", "c", "green", "wet", "", " "]);
        prop_oneof![
            (0usize..3, 0usize..4).prop_map(|(class, prompt)| toggle(class, prompt)),
            (0usize..3, text()).prop_map(|(class, text)| add(class, text)),
            (0usize..3, 0usize..4, text()).prop_map(|(class, prompt, text)| replace(class, prompt, text)),
        ]
    }

    proptest! {
        #[test]
        fn undo_and_redo_go_through_every_state(sequence in prop::collection::vec(edit(), 0..20)) {
            let mut edits = pond();
            let mut states = vec![edits.classes().to_vec()];
            for edit in &sequence {
                let checked = edits.check(edit);
                prop_assert_eq!(&edits.apply(edit), &checked);
                if checked.is_ok() {
                    states.push(edits.classes().to_vec());
                }
                prop_assert_eq!(edits.trail().count() + 1, states.len());
                for (class, prompts) in edits.per_class().iter().enumerate() {
                    prop_assert!(!prompts.is_empty());
                    let mut sorted: Vec<&str> =
                        edits.classes()[class].iter().map(|prompt| prompt.text.as_str()).collect();
                    sorted.sort_unstable();
                    prop_assert!(sorted.windows(2).all(|pair| pair[0] != pair[1]));
                }
            }
            for state in states.iter().rev().skip(1) {
                edits.undo().unwrap();
                prop_assert_eq!(edits.classes(), &state[..]);
            }
            prop_assert_eq!(edits.undo(), Err(EditError::NothingToUndo));
            for state in &states[1..] {
                edits.redo().unwrap();
                prop_assert_eq!(edits.classes(), &state[..]);
            }
            prop_assert_eq!(edits.redo(), Err(EditError::NothingToRedo));
        }
    }
}
