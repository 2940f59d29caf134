//! Where keys and the mouse lead: between screens, and within each of them.

use super::*;

impl State {
    /// Goes to one thing on a screen: Esc comes back from it at once.
    pub(super) fn look_at(&mut self, screen: Screen) {
        self.visit(screen);
        self.is_look = true;
    }

    /// Goes to a screen that Esc comes back from.
    pub(super) fn visit(&mut self, screen: Screen) {
        self.is_look = false;
        if screen != self.screen {
            self.back.push(self.screen);
            self.screen = screen;
        }
    }

    /// Goes to a screen by its number.
    pub(super) fn go(&mut self, screen: Screen) {
        self.is_look = false;
        self.back.clear();
        self.screen = screen;
    }

    pub(super) fn half(&self) -> usize {
        usize::from(self.size.height / 2).max(1)
    }

    pub(super) fn move_by(&mut self, step: Step) {
        let half = self.half();
        let place = self.place();
        match &mut self.overlay {
            Some(Overlay::Commands(view)) => {
                let rows = view.rows(&self.keymap).len();
                view.selected = step.apply(view.selected, rows, half);
                return;
            }
            Some(Overlay::Message { text, line }) => {
                let lines = places::problem_lines(text, self.size.width).len();
                *line = step.apply(*line, lines, half);
                return;
            }
            Some(Overlay::FileChange { change, line }) => {
                *line = step.apply(*line, change.lines().len(), half);
                return;
            }
            Some(Overlay::Leaving(_) | Overlay::Form(_)) => return,
            None => {}
        }
        match place {
            Context::Problem | Context::StoreProblem => {
                if let Job::Failed(problem) = &self.job {
                    let lines = places::problem_lines(&problem.message, self.size.width).len();
                    self.problem_line = step.apply(self.problem_line, lines, half);
                }
            }
            Context::Opening => self.opening.move_by(step, half),
            Context::Strategies => {
                let strategies = &mut self.strategies;
                let before = strategies.b;
                strategies.selected = step.apply(strategies.selected, strategies.shown.len(), half);
                strategies.choose_b();
                if strategies.b != before {
                    self.refill();
                }
            }
            Context::StrategiesPage => {
                let size = layout::body(self.size).as_size();
                let lines = places::page_length(self, size);
                let last = lines.saturating_sub(usize::from(size.height)) + 1;
                if let Some(page) = &mut self.strategies_page {
                    page.move_by(step, last, half);
                }
            }
            Context::Classes => self.classes.move_by(step, half),
            Context::Class => {
                let class = self.classes.page.as_ref().map(|page| page.class);
                let pairs = class.map_or_else(Vec::new, |class| self.taken_for(class));
                if let Some(page) = &mut self.classes.page {
                    let row = step.apply(page.row(&pairs), pairs.len(), half);
                    page.predicted = pairs.get(row).map(|pair| pair.predicted);
                }
            }
            Context::Pairs | Context::Block => self.confusion.move_by(step, half),
            Context::Explanation => {
                if let Some(view) = &mut self.images.explanation {
                    view.move_by(step, half);
                }
            }
            Context::Gallery | Context::Inspector => {
                let gallery = layout::gallery(layout::body(self.size));
                self.images.move_by(step, gallery.columns, gallery.rows);
            }
            Context::Prompts => {
                if let Some(session) = &self.session {
                    self.prompts.move_by(step, session, &self.strategies, half);
                }
            }
            Context::Generation => {
                if let Some(view) = &mut self.generation {
                    view.move_by(step, half);
                }
            }
            Context::Findings => self.findings.move_by(step, half),
            Context::Jobs => {
                self.jobs.selected = step.apply(self.jobs.selected, self.messages.len(), half);
            }
            Context::Loading
            | Context::Stopped
            | Context::AbsentCheckpoint
            | Context::Commands
            | Context::Leaving
            | Context::FileChange => {}
        }
    }

    pub(super) fn sideways(&mut self, by: isize) {
        match self.place() {
            Context::Block => self.confusion.move_sideways(by),
            Context::Gallery => self.images.walk(by),
            _ => {}
        }
    }

    pub(super) fn open_selected(&mut self) -> Vec<Effect> {
        match self.place() {
            Context::Strategies => self.visit(Screen::Classes),
            Context::Classes => {
                if let Some(class) = self.classes.selected_class() {
                    self.classes.page = Some(ClassPage::new(class));
                }
            }
            Context::Class => {
                let of_page = |page: &ClassPage| {
                    let pairs = self.taken_for(page.class);
                    pairs.get(page.row(&pairs)).copied()
                };
                let pair = self.classes.page.as_ref().and_then(of_page);
                if let Some(pair) = pair {
                    let strategy = if pair.a > pair.b { self.strategies.a } else { self.strategies.b };
                    let (truth, predicted) = (pair.truth, pair.predicted);
                    self.open_cell(ConfusionCell { strategy, truth, predicted });
                }
            }
            Context::Pairs | Context::Block => {
                let session = self.session.clone();
                let cell = session.and_then(|session| self.confusion.cell(&session, &self.strategies));
                if let Some(cell) = cell {
                    self.open_cell(cell);
                }
            }
            Context::Gallery => self.images.inspecting = !self.images.list.is_empty(),
            Context::Generation => {
                if let Some(view) = &mut self.generation {
                    let looks_inside = view.sentence.is_none()
                        && view.class().is_some_and(|class| !class.sentences.is_empty());
                    view.sentence = looks_inside.then_some(0);
                }
            }
            Context::Explanation => self.open_explained_prompt(),
            Context::Prompts => self.edit_selected_prompt(),
            Context::Findings => self.open_finding(),
            Context::Jobs if self.jobs.selected < self.messages.len() => {
                let text = self.messages[self.jobs.selected].clone();
                self.overlay = Some(Overlay::Message { text, line: 0 });
            }
            Context::Opening => match self.opening.row() {
                Some(OpeningRow::Recent(recent)) => return self.leave(Exit::Open(Wanted::Recent(recent))),
                Some(OpeningRow::Demo) => return self.leave(Exit::Open(Wanted::Demo)),
                Some(OpeningRow::Files) => self.open_form(form::FormKind::OpenFiles, Form::open_files),
                None => {}
            },
            _ => {}
        }
        Vec::new()
    }

    pub(super) fn open_cell(&mut self, cell: ConfusionCell) {
        self.visit(Screen::Images);
        self.images.inspecting = false;
        self.images.only_cell(cell);
        self.list_images();
    }

    /// The prompts of the class under the cursor of an explanation.
    pub(super) fn open_explained_prompt(&mut self) {
        let place = self.images.explanation.as_ref().and_then(|view| Some((view.place()?, view.on_b)));
        let Some(((class, prompt), on_b)) = place else { return };
        self.prompts.open(class);
        self.prompts.on_b = on_b;
        self.prompts.selected[usize::from(on_b)] = prompt;
        self.visit(Screen::Prompts);
    }

    pub(super) fn open_images_of(&mut self, class: usize) {
        self.visit(Screen::Images);
        self.images.inspecting = false;
        self.images.only_class(class);
        self.list_images();
        if self.images.list.is_empty() {
            self.images.selection.filter = ImageFilter::Every;
            self.list_images();
        }
    }

    /// The other class beside this one, in dataset order.
    pub(super) fn change_class(&mut self, by: isize) {
        let count = self.session.as_ref().map_or(1, |session| session.classes.len()) as isize;
        let beside = |class: usize| (class as isize + by).rem_euclid(count) as usize;
        match self.place() {
            Context::Prompts => self.prompts.open(beside(self.prompts.class)),
            Context::Class => {
                // The page follows the table's order where the class is in it.
                let rows = &self.classes.rows;
                if let Some(page) = &mut self.classes.page {
                    let at = rows.iter().position(|row| row.class == page.class);
                    let next = at.map(|at| (at as isize + by).rem_euclid(rows.len() as isize) as usize);
                    *page = ClassPage::new(next.map_or_else(|| beside(page.class), |next| rows[next].class));
                    self.classes.selected = next.unwrap_or(self.classes.selected);
                }
            }
            _ => {}
        }
    }
}
