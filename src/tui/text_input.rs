//! One line of text that is typed.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// A text and the place where the next letter goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TextInput {
    text: String,
    /// Bytes before the cursor.
    cursor: usize,
    /// The text was proposed: what is typed first takes its place.
    is_proposal: bool,
}

impl TextInput {
    /// A text with the cursor behind it.
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { cursor: text.len(), text, is_proposal: false }
    }

    /// A text that what is typed first takes the place of; keys that move the cursor keep it.
    pub fn proposal(text: impl Into<String>) -> Self {
        Self { is_proposal: true, ..Self::new(text) }
    }

    /// What has been typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What stands before the cursor, and from it on.
    pub fn parts(&self) -> (&str, &str) {
        self.text.split_at(self.cursor)
    }

    /// Types a key; says whether it meant anything here.
    pub fn press(&mut self, key: &KeyEvent) -> bool {
        if key.kind == KeyEventKind::Release {
            return false;
        }
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let replaces = match key.code {
            KeyCode::Char(_) => !control && !key.modifiers.contains(KeyModifiers::ALT),
            code => matches!(code, KeyCode::Backspace | KeyCode::Delete),
        };
        if std::mem::take(&mut self.is_proposal) && replaces {
            *self = Self::default();
        }
        match (key.code, control) {
            (KeyCode::Char('u'), true) => drop(self.text.drain(..std::mem::take(&mut self.cursor))),
            (KeyCode::Char('w'), true) => {
                let before = &self.text[..self.cursor];
                let word = before.trim_end().rfind([' ', '/']).map_or(0, |at| at + 1);
                // A separator that stands last goes alone, so that a path is taken back part by part.
                let start = if word == self.cursor { word.saturating_sub(1) } else { word };
                self.text.drain(start..self.cursor);
                self.cursor = start;
            }
            (KeyCode::Char('a'), true) | (KeyCode::Home, _) => self.cursor = 0,
            (KeyCode::Char('e'), true) | (KeyCode::End, _) => self.cursor = self.text.len(),
            (KeyCode::Char(_), true) => return false,
            (KeyCode::Char(_), false) if key.modifiers.contains(KeyModifiers::ALT) => return false,
            (KeyCode::Char(letter), false) => self.insert(&letter.to_string()),
            (KeyCode::Backspace, _) => {
                let start = self.before();
                self.text.drain(start..self.cursor);
                self.cursor = start;
            }
            (KeyCode::Delete, _) => drop(self.text.drain(self.cursor..self.after())),
            (KeyCode::Left, _) => self.cursor = self.before(),
            (KeyCode::Right, _) => self.cursor = self.after(),
            _ => return false,
        }
        true
    }

    /// Puts text in at the cursor. Control characters, such as a pasted line break, become blanks.
    pub fn insert(&mut self, text: &str) {
        if std::mem::take(&mut self.is_proposal) {
            *self = Self::default();
        }
        let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        self.text.insert_str(self.cursor, &clean);
        self.cursor += clean.len();
    }

    fn before(&self) -> usize {
        self.text[..self.cursor].char_indices().next_back().map_or(0, |(at, _)| at)
    }

    fn after(&self) -> usize {
        self.text[self.cursor..].chars().next().map_or(self.cursor, |c| self.cursor + c.len_utf8())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn typed(start: &str, keys: &[(KeyCode, KeyModifiers)]) -> String {
        let mut input = TextInput::new(start);
        for (code, modifiers) in keys {
            input.press(&KeyEvent::new(*code, *modifiers));
        }
        let (before, after) = input.parts();
        format!("{before}|{after}")
    }

    #[test]
    fn keys_edit_as_in_a_shell() {
        const NONE: KeyModifiers = KeyModifiers::NONE;
        const CONTROL: KeyModifiers = KeyModifiers::CONTROL;
        for (start, keys, expected) in [
            ("", &[(KeyCode::Char('a'), NONE), (KeyCode::Char('カ'), NONE)][..], "aカ|"),
            ("カエル", &[(KeyCode::Left, NONE), (KeyCode::Backspace, NONE)], "カ|ル"),
            ("カエル", &[(KeyCode::Home, NONE), (KeyCode::Delete, NONE), (KeyCode::Right, NONE)], "エ|ル"),
            ("a photo of", &[(KeyCode::Char('w'), CONTROL)], "a photo |"),
            ("pets/dogs/", &[(KeyCode::Char('w'), CONTROL)], "pets/dogs|"),
            ("pets/dogs", &[(KeyCode::Char('w'), CONTROL)], "pets/|"),
            ("a photo", &[(KeyCode::Left, NONE), (KeyCode::Char('u'), CONTROL)], "|o"),
            (
                "ab",
                &[(KeyCode::Char('a'), CONTROL), (KeyCode::Char('x'), NONE), (KeyCode::End, NONE)],
                "xab|",
            ),
            ("", &[(KeyCode::Backspace, NONE), (KeyCode::Delete, NONE), (KeyCode::Char('w'), CONTROL)], "|"),
        ] {
            assert_eq!(typed(start, keys), expected, "{keys:?}");
        }
        for (key, expected) in [
            (KeyCode::Char('b'), "b|"),
            (KeyCode::Backspace, "|"),
            (KeyCode::Left, "cupl-edite|d"),
            (KeyCode::End, "cupl-edited|"),
        ] {
            let mut input = TextInput::proposal("cupl-edited");
            input.press(&KeyEvent::new(key, NONE));
            let (before, after) = input.parts();
            assert_eq!(format!("{before}|{after}"), expected, "{key:?}");
        }
        let mut input = TextInput::proposal("cupl-edited");
        input.insert("mine");
        assert_eq!(input.text(), "mine");
        let mut input = TextInput::default();
        assert!(!input.press(&KeyEvent::new(KeyCode::Char('c'), CONTROL)));
        assert!(!input.press(&KeyEvent::new(KeyCode::Enter, NONE)));
        input.insert("two\nlines");
        assert_eq!(input.text(), "two lines");
    }

    proptest! {
        #[test]
        fn the_cursor_stays_inside(text in "\\PC{0,12}", keys in prop::collection::vec(0usize..10, 0..30)) {
            let mut input = TextInput::new(text);
            for key in keys {
                let codes = [
                    KeyCode::Left, KeyCode::Right, KeyCode::Backspace, KeyCode::Delete, KeyCode::Home,
                    KeyCode::End, KeyCode::Char('é'), KeyCode::Char('w'), KeyCode::Char('u'), KeyCode::Char(' '),
                ];
                let control = matches!(codes[key], KeyCode::Char('w' | 'u'));
                let modifiers = if control { KeyModifiers::CONTROL } else { KeyModifiers::NONE };
                input.press(&KeyEvent::new(codes[key], modifiers));
                let (before, after) = input.parts();
                prop_assert_eq!(format!("{before}{after}"), input.text());
            }
        }
    }
}
