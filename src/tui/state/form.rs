//! A form over the screen: rows that are typed into, chosen from or ticked.

use ratatui::crossterm::event::{KeyCode, KeyEvent};

use crate::tui::text_input::TextInput;
use crate::workbench::generation::{GenerationSettings, LlmPromptsChoice};

/// What a form is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormKind {
    /// An experiment from files.
    OpenFiles,
    /// One more strategy.
    AddStrategy,
    /// Prompts that a language model is to write.
    Generate,
}

/// A row of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// A line of text; `path`: one that Tab completes.
    Text {
        /// What it is.
        label: &'static str,
        /// What has been typed.
        input: TextInput,
        /// It is the path of a file or folder.
        path: bool,
    },
    /// One of several.
    Choice {
        /// What it is.
        label: &'static str,
        /// What can be chosen.
        options: Vec<String>,
        /// An index into them.
        chosen: usize,
    },
    /// Wanted or not.
    Check {
        /// What it is.
        label: String,
        /// Wanted.
        on: bool,
    },
}

/// A form and the row under the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// What it is for.
    pub kind: FormKind,
    /// What it says first.
    pub heading: &'static str,
    /// Its rows; at least one.
    pub rows: Vec<Row>,
    /// The row under the cursor.
    pub at: usize,
    /// Why it was not accepted.
    pub problem: Option<String>,
    /// What Enter comes to.
    pub note: Option<String>,
    /// What the path under the cursor could go on with.
    pub completions: Vec<String>,
    /// Rows are still to come.
    pub reading: bool,
    /// The row whose path is being completed, and what stands there.
    completing: Option<(usize, TextInput)>,
}

/// What a key does to a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pressed {
    /// Nothing outside of it.
    Inside,
    /// It is closed.
    Closed,
    /// It is filled in.
    Submitted,
    /// The path in this row is to be completed.
    Complete {
        /// The row.
        row: usize,
        /// What stands there.
        text: String,
    },
}

fn text(label: &'static str, path: bool) -> Row {
    Row::Text { label, input: TextInput::default(), path }
}

impl Form {
    /// For an experiment from files.
    pub fn open_files() -> Self {
        let row = |label| text(label, true);
        Self::new(
            FormKind::OpenFiles,
            "Open files of yours; a checkpoint may be OWNER/NAME of a hub",
            vec![row("images"), row("checkpoint"), row("templates"), row("CuPL prompts"), row("class names")],
        )
    }

    /// For one more strategy; the prompt sets that there are come later.
    pub fn add_strategy(aggregations: Vec<String>) -> Self {
        let rows =
            vec![text("name", false), Row::Choice { label: "aggregation", options: aggregations, chosen: 0 }];
        let form = Self::new(FormKind::AddStrategy, "Reading the prompt sets that there are", rows);
        Self { reading: true, ..form }
    }

    /// The prompt sets that there are, and why some are missing: they come behind the other rows.
    pub fn has_prompt_sets(&mut self, sets: Vec<String>, problem: Option<String>) {
        if self.kind == FormKind::AddStrategy && std::mem::take(&mut self.reading) {
            self.heading = "Add a strategy";
            self.rows.extend(sets.into_iter().map(|label| Row::Check { label, on: false }));
            self.problem = problem;
        }
    }

    /// For prompts that a language model is to write; what the experiment says of it stands there already.
    pub fn generate(proposal: &GenerationSettings) -> Self {
        let filled = |label, path, text: Option<String>| Row::Text {
            label,
            input: TextInput::new(text.unwrap_or_default()),
            path,
        };
        let number = |number: Option<f64>| number.map(|number| number.to_string());
        let llm_prompts = match &proposal.llm_prompts {
            Some(LlmPromptsChoice::Named(name)) => Some(name.clone()),
            // Those that stand in the experiment are taken where nothing stands here.
            Some(LlmPromptsChoice::Inline(_)) => None,
            None => Some("base".to_owned()),
        };
        let count = proposal.prompts_per_class.map(|count| count.to_string());
        let rows = vec![
            filled("name", false, Some("generated".to_owned())),
            filled("model", true, proposal.model.clone()),
            filled("server", false, proposal.base_url.clone()),
            filled("LLM prompts", true, llm_prompts),
            filled("sentences", false, count),
            filled("temperature", false, number(proposal.temperature)),
            filled("seed", false, proposal.seed.map(|seed| seed.to_string())),
            filled("context", false, proposal.context.clone()),
        ];
        let heading = "Prompts by a language model: a server's (key: OPENAI_API_KEY) or a .gguf file's";
        Self::new(FormKind::Generate, heading, rows)
    }

    fn new(kind: FormKind, heading: &'static str, rows: Vec<Row>) -> Self {
        Self {
            kind,
            heading,
            rows,
            at: 0,
            problem: None,
            note: None,
            completions: Vec::new(),
            reading: false,
            completing: None,
        }
    }

    /// Puts a text into a row, in place of what stands there.
    pub fn fill(&mut self, row: usize, text: &str) {
        if let Some(Row::Text { input, .. }) = self.rows.get_mut(row) {
            *input = TextInput::new(text);
        }
    }

    /// What is typed in a row.
    pub fn text(&self, row: usize) -> &str {
        match self.rows.get(row) {
            Some(Row::Text { input, .. }) => input.text().trim(),
            _ => "",
        }
    }

    /// What is ticked.
    pub fn checked(&self) -> Vec<String> {
        let ticked = self.rows.iter().filter_map(|row| match row {
            Row::Check { label, on: true } => Some(label.clone()),
            _ => None,
        });
        ticked.collect()
    }

    /// What is chosen in the first choice.
    pub fn chosen(&self) -> Option<&str> {
        self.rows.iter().find_map(|row| match row {
            Row::Choice { options, chosen, .. } => options.get(*chosen).map(String::as_str),
            _ => None,
        })
    }

    /// Takes a completed path, if it is the one that was asked for last and its row is still as it was then.
    pub fn complete(&mut self, row: usize, before: &str, text: String, completions: Vec<String>) {
        let is_asked = |asked: &mut (usize, TextInput)| asked.0 == row && asked.1.text() == before;
        let Some((_, asked)) = self.completing.take_if(is_asked) else { return };
        if let Some(Row::Text { input, .. }) = self.rows.get_mut(row)
            && *input == asked
        {
            *input = TextInput::new(text);
            if self.at == row {
                self.completions = completions;
            }
        }
    }

    /// Presses a key.
    pub fn press(&mut self, key: &KeyEvent) -> Pressed {
        let (last, at) = (self.rows.len() - 1, self.at);
        let row = &mut self.rows[at];
        match (key.code, row) {
            (KeyCode::Esc, _) => return Pressed::Closed,
            (KeyCode::Enter, _) => return Pressed::Submitted,
            (KeyCode::Tab, Row::Text { input, path: true, .. }) if !input.text().is_empty() => {
                self.completing = Some((at, input.clone()));
                return Pressed::Complete { row: at, text: input.text().to_owned() };
            }
            (KeyCode::Tab, _) => self.go(if at == last { 0 } else { at + 1 }),
            (KeyCode::BackTab, _) => self.go(at.checked_sub(1).unwrap_or(last)),
            (KeyCode::Down, _) => self.go((at + 1).min(last)),
            (KeyCode::Up, _) => self.go(at.saturating_sub(1)),
            (KeyCode::Char(' '), Row::Check { on, .. }) => *on = !*on,
            (KeyCode::Left, Row::Choice { options, chosen, .. }) => {
                *chosen = chosen.checked_sub(1).unwrap_or(options.len().saturating_sub(1));
            }
            (KeyCode::Right | KeyCode::Char(' '), Row::Choice { options, chosen, .. }) => {
                *chosen = (*chosen + 1) % options.len().max(1);
            }
            (_, Row::Text { input, .. }) => {
                let typed = input.press(key);
                self.problem = self.problem.take().filter(|_| !typed);
                if typed {
                    self.completions.clear();
                }
            }
            _ => {}
        }
        Pressed::Inside
    }

    /// Puts text in where the cursor is.
    pub fn paste(&mut self, text: &str) {
        if let Some(Row::Text { input, .. }) = self.rows.get_mut(self.at) {
            input.insert(text);
        }
    }

    fn go(&mut self, row: usize) {
        self.at = row;
        self.completions.clear();
    }
}
