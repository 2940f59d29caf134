//! A form over the screen: rows that are typed into, chosen from or ticked.

use ratatui::crossterm::event::{KeyCode, KeyEvent};

use super::{Effect, Exit, Overlay, State, Wanted};
use crate::tui::text_input::TextInput;
use crate::workbench::generation::{GenerationSettings, LlmPromptsChoice};
use crate::workbench::{ExperimentFlags, ExperimentPart, typed_path};

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
        /// What it takes, with an example: shown while the cursor is on it.
        takes: &'static str,
        /// Why what stands there cannot be taken.
        problem: Option<String>,
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
    /// Rows are still to come, or what was typed is being looked at.
    pub reading: bool,
    /// What was ticked before its rows came.
    ticked: Vec<String>,
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

/// The rows of the form for files.
const FILE_ROWS: [(&str, &str); 5] = [
    (
        "images",
        "a folder with a folder per class, a CSV, TSV or JSONL list, .tar shards or Parquet: ~/pets/test",
    ),
    ("checkpoint", "a folder with a checkpoint, or OWNER/NAME of a hub: openai/clip-vit-base-patch32"),
    ("templates", "a file, file.json#KEY, stored:NAME, or one template itself: a photo of a {}."),
    ("CuPL prompts", "a JSON file of sentences by class, file.json#KEY, or stored:NAME: pets_cupl.json"),
    ("class names", "may stay empty; a JSON or CSV from folder names to class names: names.json"),
];

fn text(label: &'static str, path: bool, takes: &'static str, text: Option<String>) -> Row {
    Row::Text { label, input: TextInput::new(text.unwrap_or_default()), path, takes, problem: None }
}

impl Form {
    /// For an experiment from files, as the form was left the last time.
    pub fn open_files(left: Option<Self>) -> Self {
        left.unwrap_or_else(|| {
            let rows = FILE_ROWS.map(|(label, takes)| text(label, true, takes, None));
            Self::new(FormKind::OpenFiles, "Open files of yours", rows.into())
        })
    }

    /// For one more strategy, as the form was left; the prompt sets that there are come later.
    pub fn add_strategy(aggregations: Vec<String>, left: Option<Self>) -> Self {
        let heading = "Reading the prompt sets that there are";
        let takes = "may stay empty: the names of the prompt sets then";
        let own = || {
            vec![
                text("name", false, takes, None),
                Row::Choice { label: "aggregation", options: aggregations, chosen: 0 },
            ]
        };
        let (rows, ticked) = match left {
            Some(left) => {
                let ticked = left.checked();
                let is_own = |row: &Row| !matches!(row, Row::Check { .. });
                (left.rows.into_iter().filter(is_own).collect(), ticked)
            }
            None => (own(), Vec::new()),
        };
        Self { reading: true, ticked, ..Self::new(FormKind::AddStrategy, heading, rows) }
    }

    /// What the form for files names; where something has to be typed first, it says so and there is nothing.
    pub fn named_files(&mut self) -> Option<ExperimentFlags> {
        if self.reading {
            return None;
        }
        self.clear_problems();
        for (row, problem) in [
            (0, "name the images, or demo for those of the demo"),
            (1, "name a checkpoint, or demo for that of the demo"),
        ] {
            if self.text(row).is_empty() {
                self.set_problem(row, problem.to_owned());
            }
        }
        if self.has_problem() {
            return None;
        }
        let path = |row: usize| Some(self.text(row)).filter(|text| !text.is_empty()).map(typed_path);
        let flags = ExperimentFlags {
            images: path(0),
            checkpoint: path(1),
            templates: path(2),
            cupl: path(3),
            class_names: path(4),
            ..ExperimentFlags::default()
        };
        self.reading = true;
        Some(flags)
    }

    /// What is wrong with a row; the cursor goes to the first one that has a problem.
    pub fn set_problem(&mut self, at: usize, message: String) {
        let is_first = !self.has_problem();
        match self.rows.get_mut(at) {
            Some(Row::Text { problem, .. }) => {
                *problem = Some(message);
                if is_first {
                    self.go(at);
                }
            }
            _ => self.problem = Some(message),
        }
    }

    fn has_problem(&self) -> bool {
        self.rows.iter().any(|row| matches!(row, Row::Text { problem: Some(_), .. }))
    }

    fn clear_problems(&mut self) {
        self.problem = None;
        for row in &mut self.rows {
            if let Row::Text { problem, .. } = row {
                *problem = None;
            }
        }
    }

    /// The prompt sets that there are, and why some are missing: they come behind the other rows.
    pub fn has_prompt_sets(&mut self, sets: Vec<String>, problem: Option<String>) {
        if self.kind == FormKind::AddStrategy && std::mem::take(&mut self.reading) {
            self.heading = "Add a strategy";
            let ticked = std::mem::take(&mut self.ticked);
            let check = |label: String| Row::Check { on: ticked.contains(&label), label };
            self.rows.extend(sets.into_iter().map(check));
            self.problem = problem;
        }
    }

    /// For prompts that a language model is to write; what the experiment says of it stands there already.
    pub fn generate(proposal: &GenerationSettings) -> Self {
        let number = |number: Option<f64>| number.map(|number| number.to_string());
        let llm_prompts = match &proposal.llm_prompts {
            Some(LlmPromptsChoice::Named(name)) => Some(name.clone()),
            // Those that stand in the experiment are taken where nothing stands here.
            Some(LlmPromptsChoice::Inline(_)) => None,
            None => Some("base".to_owned()),
        };
        let count = proposal.prompts_per_class.map(|count| count.to_string());
        let rows = vec![
            text("name", false, "what the prompt set will be called: pets-llm", Some("generated".to_owned())),
            text(
                "model",
                true,
                "a model of the server, or a .gguf file: gpt-4o-mini",
                proposal.model.clone(),
            ),
            text(
                "server",
                false,
                "its address; empty is OpenAI's: http://localhost:8080/v1",
                proposal.base_url.clone(),
            ),
            text(
                "LLM prompts",
                true,
                "base, imagenet, or a file with an LLM prompt a line: base",
                llm_prompts,
            ),
            text("sentences", false, "for each class; empty is as CuPL has it: 20", count),
            text(
                "temperature",
                false,
                "0 is the same every time; empty is as CuPL has it: 0.7",
                number(proposal.temperature),
            ),
            text(
                "seed",
                false,
                "may stay empty; where the server takes one: 1",
                proposal.seed.map(|seed| seed.to_string()),
            ),
            text(
                "context",
                false,
                "may stay empty; a line about the data set: photos of pets",
                proposal.context.clone(),
            ),
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
            ticked: Vec::new(),
            completing: None,
        }
    }

    /// Puts a text into a row, in place of what stands there.
    pub fn fill(&mut self, row: usize, text: &str) {
        if let Some(Row::Text { input, .. }) = self.rows.get_mut(row) {
            *input = TextInput::new(text);
        }
    }

    /// What keys do on the row under the cursor.
    pub fn hints(&self) -> &'static str {
        match self.rows.get(self.at) {
            Some(Row::Text { path: true, input, .. }) if !input.text().is_empty() => {
                "Enter done  Tab complete, then next  Esc close"
            }
            Some(Row::Choice { .. }) => "Enter done  Left, Right choose  Tab next  Esc close",
            Some(Row::Check { .. }) => "Enter done  Space tick  Tab next  Esc close",
            _ => "Enter done  Tab next  Esc close",
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
        let Some(Row::Text { input, .. }) = self.rows.get_mut(row) else { return };
        if *input != asked {
            return;
        }
        let was_shown = self.completions == completions;
        let is_whole = input.text() == text && (completions.len() < 2 || was_shown);
        *input = TextInput::new(text);
        if self.at != row {
            return;
        }
        match is_whole {
            // There is nothing more to complete: Tab goes on.
            true => self.go(if row + 1 == self.rows.len() { 0 } else { row + 1 }),
            false => self.completions = completions,
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
            (_, Row::Text { input, problem, .. }) => {
                let typed = input.press(key);
                self.problem = self.problem.take().filter(|_| !typed);
                if typed {
                    *problem = None;
                    self.completions.clear();
                }
            }
            _ => {}
        }
        Pressed::Inside
    }

    /// Puts text in where the cursor is. The line break that a copied path ends with is none of it.
    pub fn paste(&mut self, text: &str) {
        if let Some(Row::Text { input, problem, .. }) = self.rows.get_mut(self.at) {
            input.insert(text.trim_end_matches(['\n', '\r']));
            *problem = None;
        }
    }

    fn go(&mut self, row: usize) {
        self.at = row;
        self.completions.clear();
    }
}

impl State {
    /// Opens a form as it was left, or a new one.
    pub(super) fn open_form(&mut self, kind: FormKind, form: impl FnOnce(Option<Form>) -> Form) {
        let left = self.left_form(kind);
        self.overlay = Some(Overlay::Form(form(left)));
    }

    /// A form as it was left.
    pub(super) fn left_form(&self, kind: FormKind) -> Option<Form> {
        self.left_forms.iter().find(|form| form.kind == kind).cloned()
    }

    /// Keeps what stands in a form for the next time.
    pub(super) fn keep_form(&mut self, form: Form) {
        self.left_forms.retain(|left| left.kind != form.kind);
        self.left_forms.push(form);
    }

    /// Takes the form away; what stands in it stays for the next time.
    pub(super) fn close_form(&mut self) {
        if let Some(Overlay::Form(mut form)) = self.overlay.take() {
            form.reading = false;
            form.problem = None;
            self.keep_form(form);
        }
    }

    /// The files of the form were looked at: it says what is wrong with them, or they are opened.
    pub(super) fn files_checked(
        &mut self,
        flags: ExperimentFlags,
        problems: Vec<(ExperimentPart, String)>,
    ) -> Vec<Effect> {
        let Some(Overlay::Form(form)) = &mut self.overlay else { return Vec::new() };
        if form.kind != FormKind::OpenFiles || !std::mem::take(&mut form.reading) {
            return Vec::new();
        }
        for (part, message) in &problems {
            let row = match part {
                ExperimentPart::Images => 0,
                ExperimentPart::Checkpoint => 1,
                ExperimentPart::ClassNames => 4,
                ExperimentPart::Strategy(name) if name == "templates" => 2,
                ExperimentPart::Strategy(name) if name == "cupl" => 3,
                // Its parts have said it.
                ExperimentPart::Strategy(_) => continue,
                ExperimentPart::Whole => usize::MAX,
            };
            form.set_problem(row, message.clone());
        }
        if !problems.is_empty() {
            return Vec::new();
        }
        self.close_form();
        self.leave(Exit::Open(Wanted::Files(flags)))
    }

    /// Something cannot be done: a form stays, and says why.
    pub(super) fn refused(&mut self, message: String) {
        self.notice = message.lines().next().map(str::to_owned);
        self.messages.push(message);
    }
}
