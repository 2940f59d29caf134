//! The one table of actions: key bindings, the hint bar, the help screen and the README's key table all come from it.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// Everything a key can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// One row up.
    Up,
    /// One row down.
    Down,
    /// First row.
    Top,
    /// Last row.
    Bottom,
    /// Half a screen up.
    HalfUp,
    /// Half a screen down.
    HalfDown,
    /// From the strategies to the classes and back.
    OtherTable,
    /// Show or hide the selected strategy.
    Toggle,
    /// Compare with the selected strategy.
    Baseline,
    /// The next order of the classes.
    Sort,
    /// The opposite order of the classes.
    Reverse,
    /// Into the selected class.
    Open,
    /// The next image.
    Next,
    /// The image before.
    Previous,
    /// The next choice of images.
    Filter,
    /// Stop the running job.
    Cancel,
    /// Start the stopped job again.
    Retry,
    /// Go on with a store that is kept in memory only.
    MemoryStore,
    /// All messages.
    Messages,
    /// All keys.
    Help,
    /// One step back.
    Back,
    /// Leave; asks while a job runs.
    Quit,
    /// Leave at once.
    QuitNow,
    /// Back to the shell until `fg`.
    Suspend,
}

/// Where the user is, as far as keys are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Context {
    /// Overview, the table of strategies.
    Strategies,
    /// Overview, the table of classes.
    Classes,
    /// Inside a class.
    Images,
    /// A job runs and there is nothing to show yet.
    Loading,
    /// The job was stopped, and there is nothing to show.
    Stopped,
    /// The job failed.
    Problem,
    /// The store cannot be opened.
    StoreProblem,
    /// Help or messages over a screen.
    Overlay,
    /// The question whether to quit.
    Leaving,
}

/// One row of the table.
#[derive(Debug)]
pub struct Binding {
    /// What it does.
    pub action: Action,
    /// Key names as [`key_name`] writes them.
    pub keys: &'static [&'static str],
    /// Where it works; empty means everywhere.
    pub contexts: &'static [Context],
    /// A word or two for the hint bar; empty keeps it out of there.
    pub hint: &'static str,
    /// A sentence for the help screen and the README.
    pub description: &'static str,
}

use Context as C;

/// Where rows or lines are walked through.
const SCROLLED: &[Context] = &[C::Strategies, C::Classes, C::Images, C::Overlay, C::Problem, C::StoreProblem];

/// Every binding, in the order in which hints and help show them.
pub const BINDINGS: &[Binding] = &[
    Binding {
        action: Action::Toggle,
        keys: &["Space"],
        contexts: &[C::Strategies],
        hint: "toggle",
        description: "Show or hide the selected strategy in every view",
    },
    Binding {
        action: Action::Baseline,
        keys: &["b"],
        contexts: &[C::Strategies],
        hint: "baseline",
        description: "Make the selected strategy the baseline (A)",
    },
    Binding {
        action: Action::Open,
        keys: &["Enter", "l", "Right"],
        contexts: &[C::Classes],
        hint: "open",
        description: "Open the selected class and look at its images",
    },
    Binding {
        action: Action::Sort,
        keys: &["s"],
        contexts: &[C::Strategies, C::Classes],
        hint: "sort",
        description: "Sort the classes by difference, accuracy or dataset order",
    },
    Binding {
        action: Action::Reverse,
        keys: &["r"],
        contexts: &[C::Strategies, C::Classes],
        hint: "reverse",
        description: "Turn the order round: losses before gains",
    },
    Binding {
        action: Action::OtherTable,
        keys: &["Tab", "Shift-Tab"],
        contexts: &[C::Strategies, C::Classes],
        hint: "table",
        description: "Go from the strategies to the classes and back",
    },
    Binding {
        action: Action::Next,
        keys: &["n"],
        contexts: &[C::Images],
        hint: "next",
        description: "Next image",
    },
    Binding {
        action: Action::Previous,
        keys: &["p", "N"],
        contexts: &[C::Images],
        hint: "prev",
        description: "Previous image",
    },
    Binding {
        action: Action::Filter,
        keys: &["f"],
        contexts: &[C::Images],
        hint: "filter",
        description: "Choose the images: missed by A, by B, by one but not the other, by all, every image",
    },
    Binding { action: Action::Down, keys: &["j", "Down"], contexts: SCROLLED, hint: "", description: "Down" },
    Binding { action: Action::Up, keys: &["k", "Up"], contexts: SCROLLED, hint: "", description: "Up" },
    Binding {
        action: Action::Top,
        keys: &["g", "Home"],
        contexts: SCROLLED,
        hint: "",
        description: "First row",
    },
    Binding {
        action: Action::Bottom,
        keys: &["G", "End"],
        contexts: SCROLLED,
        hint: "",
        description: "Last row",
    },
    Binding {
        action: Action::HalfDown,
        keys: &["Ctrl-d", "PageDown"],
        contexts: SCROLLED,
        hint: "",
        description: "Half a screen down",
    },
    Binding {
        action: Action::HalfUp,
        keys: &["Ctrl-u", "PageUp"],
        contexts: SCROLLED,
        hint: "",
        description: "Half a screen up",
    },
    Binding {
        action: Action::Cancel,
        keys: &["x"],
        contexts: &[C::Loading],
        hint: "stop",
        description: "Stop the running job; what is finished is kept",
    },
    Binding {
        action: Action::Retry,
        keys: &["r"],
        contexts: &[C::Stopped, C::Problem, C::StoreProblem],
        hint: "try again",
        description: "Start the stopped or failed job again; it goes on where it was",
    },
    Binding {
        action: Action::MemoryStore,
        keys: &["i"],
        contexts: &[C::StoreProblem],
        hint: "in memory",
        description: "Go on with a store in memory: nothing is kept for the next start",
    },
    Binding {
        action: Action::Messages,
        keys: &["m"],
        contexts: &[C::Strategies, C::Classes, C::Images],
        hint: "messages",
        description: "All messages with their full text",
    },
    Binding {
        action: Action::Back,
        keys: &["Esc", "h", "Left"],
        contexts: &[C::Images, C::Overlay, C::Leaving],
        hint: "back",
        description: "Back; never quits",
    },
    Binding {
        action: Action::Help,
        keys: &["?", "F1"],
        contexts: &[],
        hint: "help",
        description: "This list of keys",
    },
    Binding {
        action: Action::Quit,
        keys: &["q"],
        contexts: &[],
        hint: "quit",
        description: "Quit; asks first while a job runs",
    },
    Binding {
        action: Action::QuitNow,
        keys: &["Ctrl-c"],
        contexts: &[],
        hint: "",
        description: "Quit at once",
    },
    Binding {
        action: Action::Suspend,
        keys: &["Ctrl-z"],
        contexts: &[],
        hint: "",
        description: "Back to the shell; `fg` returns",
    },
];

impl Binding {
    /// Whether it works in a context.
    pub fn works_in(&self, context: Context) -> bool {
        self.contexts.is_empty() || self.contexts.contains(&context)
    }
}

/// The action of a key in a context.
pub fn action_for(key: &KeyEvent, context: Context) -> Option<Action> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    let name = key_name(key)?;
    BINDINGS
        .iter()
        .find(|binding| binding.works_in(context) && binding.keys.contains(&name.as_str()))
        .map(|binding| binding.action)
}

/// A key as the table writes it: `j`, `G`, `Space`, `Ctrl-d`, `Shift-Tab`, `F1`.
pub fn key_name(key: &KeyEvent) -> Option<String> {
    let name = match key.code {
        KeyCode::Char(' ') => "Space".to_owned(),
        KeyCode::Char(letter) if key.modifiers.contains(KeyModifiers::CONTROL) => {
            letter.to_ascii_lowercase().to_string()
        }
        KeyCode::Char(letter) => letter.to_string(),
        KeyCode::Enter => "Enter".to_owned(),
        KeyCode::Esc => "Esc".to_owned(),
        KeyCode::Tab => "Tab".to_owned(),
        KeyCode::BackTab => "Shift-Tab".to_owned(),
        KeyCode::Up => "Up".to_owned(),
        KeyCode::Down => "Down".to_owned(),
        KeyCode::Left => "Left".to_owned(),
        KeyCode::Right => "Right".to_owned(),
        KeyCode::Home => "Home".to_owned(),
        KeyCode::End => "End".to_owned(),
        KeyCode::PageUp => "PageUp".to_owned(),
        KeyCode::PageDown => "PageDown".to_owned(),
        KeyCode::F(number) => format!("F{number}"),
        _ => return None,
    };
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return Some(format!("Ctrl-{name}"));
    }
    if key.modifiers.contains(KeyModifiers::ALT) {
        return Some(format!("Alt-{name}"));
    }
    Some(name)
}

/// The key table of the README, in Markdown.
pub fn markdown_table() -> String {
    let mut table = String::from("| key | what it does |\n|---|---|\n");
    for binding in BINDINGS {
        let keys: Vec<String> = binding.keys.iter().map(|key| format!("`{key}`")).collect();
        table.push_str(&format!("| {} | {} |\n", keys.join(" "), binding.description));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTEXTS: [Context; 9] = [
        C::Strategies,
        C::Classes,
        C::Images,
        C::Loading,
        C::Stopped,
        C::Problem,
        C::StoreProblem,
        C::Overlay,
        C::Leaving,
    ];

    #[test]
    fn no_key_means_two_things_in_one_place() {
        for context in CONTEXTS {
            let mut seen = Vec::new();
            for key in BINDINGS.iter().filter(|b| b.works_in(context)).flat_map(|b| b.keys) {
                assert!(!seen.contains(key), "{key} twice in {context:?}");
                seen.push(key);
            }
        }
    }

    #[test]
    fn every_place_can_be_left_and_explained() {
        for context in CONTEXTS {
            for action in [Action::Help, Action::Quit, Action::QuitNow] {
                assert!(BINDINGS.iter().any(|b| b.action == action && b.works_in(context)));
            }
        }
    }

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
    fn the_readme_has_this_table() {
        let readme = include_str!("../../README.md");
        assert!(readme.contains(&markdown_table()), "put this into README.md:\n{}", markdown_table());
    }
}
