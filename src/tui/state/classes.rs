//! The table of classes: its order, its filter, and the one that is opened.

use super::confusion::Pair;
use super::focus::Strategies;
use super::step::Step;
use crate::workbench::{Change, ClassColumn, ClassRow, Session, class_table, sort_classes};

/// The classes as a table, and one of them as a page.
#[derive(Debug)]
pub struct ClassesView {
    /// Of all classes, in dataset order.
    table: Vec<ClassRow>,
    /// Those shown, in their order.
    pub rows: Vec<ClassRow>,
    /// The row under the cursor.
    pub selected: usize,
    /// What they are sorted by.
    pub column: ClassColumn,
    /// The opposite of its usual direction.
    pub reversed: bool,
    /// Gained ones first, then lost ones, then the rest.
    pub grouped: bool,
    /// Part of the names of those shown.
    pub filter: String,
    /// The class whose page is open.
    pub page: Option<ClassPage>,
}

/// One class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassPage {
    /// An index into the session's classes.
    pub class: usize,
    /// The class under the cursor that it is taken for; without one, the first.
    pub predicted: Option<usize>,
}

impl ClassPage {
    /// Of a class, the cursor on the first that it is taken for.
    pub fn new(class: usize) -> Self {
        Self { class, predicted: None }
    }

    /// The row under the cursor among the pairs that are shown; the cursor follows its class when their order changes.
    pub fn row(&self, pairs: &[Pair]) -> usize {
        pairs.iter().position(|pair| Some(pair.predicted) == self.predicted).unwrap_or(0)
    }
}

impl Default for ClassesView {
    fn default() -> Self {
        Self {
            table: Vec::new(),
            rows: Vec::new(),
            selected: 0,
            column: ClassColumn::Difference,
            reversed: false,
            grouped: false,
            filter: String::new(),
            page: None,
        }
    }
}

impl ClassesView {
    /// Works the table out anew, after A, B or the session changed; the cursor stays on its class.
    pub fn fill(&mut self, session: &Session, strategies: &Strategies) {
        self.table = class_table(session, strategies.a, strategies.b);
        self.arrange(session);
    }

    /// Filters and sorts; the cursor stays on its class.
    pub fn arrange(&mut self, session: &Session) {
        let class = self.selected_class();
        let part = self.filter.to_lowercase();
        let shown =
            |row: &&ClassRow| part.is_empty() || session.classes[row.class].to_lowercase().contains(&part);
        self.rows = self.table.iter().filter(shown).copied().collect();
        sort_classes(&mut self.rows, self.column, self.reversed, &session.classes);
        if self.grouped {
            let place = |change: Change| Change::ALL.iter().position(|&other| other == change);
            self.rows.sort_by_key(|row| place(row.change()));
        }
        self.selected = class
            .and_then(|class| self.rows.iter().position(|row| row.class == class))
            .unwrap_or(0)
            .min(self.rows.len().saturating_sub(1));
    }

    /// The first row, after the order changed.
    pub fn go_to_the_top(&mut self, session: &Session) {
        self.rows.clear();
        self.selected = 0;
        self.arrange(session);
    }

    /// The next column to sort by.
    pub fn sort_by_next(&mut self, session: &Session) {
        let place = ClassColumn::ALL.iter().position(|&column| column == self.column).unwrap_or(0);
        self.column = ClassColumn::ALL[(place + 1) % ClassColumn::ALL.len()];
        self.reversed = false;
        self.go_to_the_top(session);
    }

    /// The class under the cursor.
    pub fn selected_class(&self) -> Option<usize> {
        self.rows.get(self.selected).map(|row| row.class)
    }

    /// The row of a class, shown or not.
    pub fn row_of(&self, class: usize) -> Option<&ClassRow> {
        self.table.get(class)
    }

    /// All rows, in dataset order.
    pub fn table(&self) -> &[ClassRow] {
        &self.table
    }

    /// Moves the cursor.
    pub fn move_by(&mut self, step: Step, half: usize) {
        self.selected = step.apply(self.selected, self.rows.len(), half);
    }
}

/// What a column is called, with its direction.
pub fn order_words(column: ClassColumn, reversed: bool) -> &'static str {
    match (column, reversed) {
        (ClassColumn::Difference, false) => "gains first",
        (ClassColumn::Difference, true) => "losses first",
        (ClassColumn::AccuracyA, false) => "best with A first",
        (ClassColumn::AccuracyA, true) => "worst with A first",
        (ClassColumn::AccuracyB, false) => "best with B first",
        (ClassColumn::AccuracyB, true) => "worst with B first",
        (ClassColumn::Images, false) => "most images first",
        (ClassColumn::Images, true) => "fewest images first",
        (ClassColumn::Confusion, false) => "most confused first",
        (ClassColumn::Confusion, true) => "least confused first",
        (ClassColumn::Name, false) => "by name",
        (ClassColumn::Name, true) => "by name, backwards",
        (ClassColumn::Dataset, false) => "dataset order",
        (ClassColumn::Dataset, true) => "dataset order, backwards",
    }
}
