//! The keys in use: those of the action table, with the user's own in their place.

use std::collections::BTreeMap;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::actions::{Action, BINDINGS, Context};

/// The keys of every action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keymap {
    /// Of each row of [`BINDINGS`].
    keys: Vec<Vec<String>>,
}

impl Default for Keymap {
    fn default() -> Self {
        let own = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect();
        Self { keys: BINDINGS.iter().map(|binding| own(binding.keys)).collect() }
    }
}

impl Keymap {
    /// The usual keys with the user's in their place, and a sentence about each that cannot be.
    pub fn with(wishes: &BTreeMap<String, Vec<String>>) -> (Self, Vec<String>) {
        let mut keymap = Self::default();
        let mut refused = Vec::new();
        for (name, keys) in wishes {
            let Some(row) = BINDINGS.iter().position(|binding| binding.action.name() == *name) else {
                refused
                    .push(format!("keys: there is no action {name:?}; the README's key table has them all"));
                continue;
            };
            if let Some(key) = keys.iter().find(|key| parse_key(key).is_none()) {
                refused.push(format!(
                    "keys: {name} = {key:?} is not the name of a key; write j, G, Space, Ctrl-d, Alt-x, F1"
                ));
                continue;
            }
            let before = std::mem::replace(&mut keymap.keys[row], keys.clone());
            if let Some((key, other)) = keymap.conflict(row) {
                refused.push(format!("keys: {name} = {key:?} is taken by {other} in the same place"));
                keymap.keys[row] = before;
            }
        }
        (keymap, refused)
    }

    /// A key of this row that means something else where the row works, and what.
    fn conflict(&self, row: usize) -> Option<(&str, String)> {
        let shares_a_place = |other: usize| {
            let (one, two) = (&BINDINGS[row], &BINDINGS[other]);
            one.contexts.is_empty()
                || two.contexts.is_empty()
                || one.contexts.iter().any(|context| two.contexts.contains(context))
        };
        let others = || (0..BINDINGS.len()).filter(|&other| other != row && shares_a_place(other));
        self.keys[row].iter().find_map(|key| {
            let taken = others().find(|&other| self.keys[other].contains(key))?;
            Some((key.as_str(), BINDINGS[taken].action.name()))
        })
    }

    /// The keys of a row of [`BINDINGS`].
    pub fn keys(&self, row: usize) -> &[String] {
        &self.keys[row]
    }

    /// The first key of an action, as a hint shows it; a dash where it has none.
    pub fn key(&self, action: Action) -> &str {
        let row = BINDINGS.iter().position(|binding| binding.action == action);
        row.and_then(|row| self.keys[row].first()).map_or("-", String::as_str)
    }

    /// The action of a key in a context.
    pub fn action_for(&self, key: &KeyEvent, context: Context) -> Option<Action> {
        if key.kind == KeyEventKind::Release {
            return None;
        }
        let name = key_name(key)?;
        let mut rows = BINDINGS.iter().zip(&self.keys);
        rows.find(|(binding, keys)| binding.works_in(context) && keys.contains(&name))
            .map(|(binding, _)| binding.action)
    }
}

/// A key as the table writes it: `j`, `G`, `Space`, `Ctrl-d`, `Shift-Tab`, `F1`.
pub fn key_name(key: &KeyEvent) -> Option<String> {
    let name = match key.code {
        KeyCode::Char(' ') => "Space".to_owned(),
        KeyCode::Char(letter) if key.modifiers.contains(KeyModifiers::CONTROL) => {
            letter.to_ascii_lowercase().to_string()
        }
        KeyCode::Char(letter) => letter.to_string(),
        KeyCode::F(number) => format!("F{number}"),
        code => NAMED.iter().find(|(named, _)| *named == code).map(|(_, name)| (*name).to_owned())?,
    };
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return Some(format!("Ctrl-{name}"));
    }
    if key.modifiers.contains(KeyModifiers::ALT) {
        return Some(format!("Alt-{name}"));
    }
    Some(name)
}

const NAMED: [(KeyCode, &str); 14] = [
    (KeyCode::Enter, "Enter"),
    (KeyCode::Esc, "Esc"),
    (KeyCode::Tab, "Tab"),
    (KeyCode::BackTab, "Shift-Tab"),
    (KeyCode::Backspace, "Backspace"),
    (KeyCode::Delete, "Delete"),
    (KeyCode::Up, "Up"),
    (KeyCode::Down, "Down"),
    (KeyCode::Left, "Left"),
    (KeyCode::Right, "Right"),
    (KeyCode::Home, "Home"),
    (KeyCode::End, "End"),
    (KeyCode::PageUp, "PageUp"),
    (KeyCode::PageDown, "PageDown"),
];

/// The key that [`key_name`] would call so.
pub fn parse_key(name: &str) -> Option<KeyEvent> {
    let (modifiers, bare) = match (name.strip_prefix("Ctrl-"), name.strip_prefix("Alt-")) {
        (Some(bare), _) => (KeyModifiers::CONTROL, bare),
        (None, Some(bare)) => (KeyModifiers::ALT, bare),
        (None, None) => (KeyModifiers::NONE, name),
    };
    let mut letters = bare.chars();
    let code = match (letters.next(), letters.next()) {
        _ if bare == "Space" => KeyCode::Char(' '),
        (Some(letter), None) if letter != ' ' => KeyCode::Char(letter),
        (Some('F'), Some(_)) if bare[1..].parse::<u8>().is_ok_and(|number| (1..=24).contains(&number)) => {
            KeyCode::F(bare[1..].parse().ok()?)
        }
        _ => NAMED.iter().find(|(_, named)| *named == bare).map(|(code, _)| *code)?,
    };
    Some(KeyEvent::new(code, modifiers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_names() {
        let key = |code, modifiers| key_name(&KeyEvent::new(code, modifiers));
        assert_eq!(key(KeyCode::Char('G'), KeyModifiers::SHIFT).as_deref(), Some("G"));
        assert_eq!(key(KeyCode::Char('d'), KeyModifiers::CONTROL).as_deref(), Some("Ctrl-d"));
        assert_eq!(key(KeyCode::Char(' '), KeyModifiers::NONE).as_deref(), Some("Space"));
        assert_eq!(key(KeyCode::BackTab, KeyModifiers::SHIFT).as_deref(), Some("Shift-Tab"));
        assert_eq!(key(KeyCode::Insert, KeyModifiers::NONE), None);
    }

    #[test]
    fn every_usual_key_has_a_name_that_is_one() {
        for key in BINDINGS.iter().flat_map(|binding| binding.keys) {
            assert_eq!(parse_key(key).and_then(|event| key_name(&event)).as_deref(), Some(*key));
        }
        for no_key in ["", "Ctrl-", "F0", "F99", "Shift-x", "space", " "] {
            assert_eq!(parse_key(no_key), None, "{no_key:?}");
        }
    }

    fn with(wishes: &[(&str, &[&str])]) -> (Keymap, Vec<String>) {
        let owned = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect();
        Keymap::with(&wishes.iter().map(|(name, keys)| ((*name).to_owned(), owned(keys))).collect())
    }

    #[test]
    fn a_wish_takes_the_place_of_the_usual_keys() {
        let (keymap, refused) = with(&[("sort", &["S", "Ctrl-s"])]);
        assert_eq!(refused, Vec::<String>::new());
        let sort = |name: char| {
            let key = KeyEvent::new(KeyCode::Char(name), KeyModifiers::NONE);
            keymap.action_for(&key, Context::Classes)
        };
        assert_eq!(sort('S'), Some(Action::Sort));
        assert_eq!(sort('s'), None);
        assert_eq!(keymap.key(Action::Sort), "S");
    }

    #[test]
    fn what_cannot_be_is_said_and_the_usual_keys_stay() {
        let (keymap, refused) = with(&[("sort", &["r"]), ("sing", &["x"]), ("quit", &["Hyper-q"])]);
        assert_eq!(keymap, Keymap::default());
        assert_eq!(refused.len(), 3);
        assert!(refused.iter().any(|line| line.contains("taken by reverse")), "{refused:?}");
        assert!(refused.iter().any(|line| line.contains("no action \"sing\"")), "{refused:?}");
        assert!(refused.iter().any(|line| line.contains("Hyper-q")), "{refused:?}");
    }
}
