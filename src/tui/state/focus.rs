//! The two strategies that every screen looks at, and the others that are shown beside them.

use crate::workbench::{Comparison, Focus, Session};

/// A row of the leaderboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StrategyRow {
    /// A strategy.
    Strategy(usize),
    /// One of its controls, below it; the cursor passes over these.
    Control {
        /// An index into the session's strategies.
        strategy: usize,
        /// An index into the strategy's controls.
        control: usize,
    },
}

impl StrategyRow {
    /// Every row, from the first to the last.
    pub fn all(session: &Session) -> Vec<Self> {
        let of_strategy = |strategy: usize| {
            let controls = session.controls_of(strategy).map_or(0, |controls| controls.results.len());
            let controls = (0..controls).map(move |control| Self::Control { strategy, control });
            std::iter::once(Self::Strategy(strategy)).chain(controls)
        };
        (0..session.strategies.len()).flat_map(of_strategy).collect()
    }

    /// The strategy that it is, or belongs to.
    pub fn strategy(self) -> usize {
        match self {
            Self::Strategy(strategy) | Self::Control { strategy, .. } => strategy,
        }
    }
}

/// A, the baseline; B, compared with it; and what is shown.
#[derive(Debug, Default)]
pub struct Strategies {
    /// Which are shown, in the session's order.
    pub shown: Vec<bool>,
    /// The row under the cursor.
    pub selected: usize,
    /// The baseline.
    pub a: usize,
    /// The strategy compared with it; equal to `a` where there is no other.
    pub b: usize,
    /// Each strategy against A; none for A itself.
    pub against_a: Vec<Option<Comparison>>,
}

impl Strategies {
    /// All shown, the first other one than the baseline compared with it.
    pub fn from_session(session: &Session) -> Self {
        let count = session.strategies.len();
        let a = session.baseline;
        let b = (0..count).find(|&strategy| strategy != a).unwrap_or(a);
        Self { shown: vec![true; count], selected: b, a, b, against_a: Vec::new() }
    }

    /// The same in another session of the experiment, which may have more strategies: those are shown too.
    pub fn carried_over(&self, before: &Session, now: &Session) -> Self {
        let place = |strategy: usize| {
            let name = &before.strategies[strategy].name;
            now.strategies.iter().position(|other| other.name == *name)
        };
        let fresh = Self::from_session(now);
        let a = place(self.a).unwrap_or(fresh.a);
        let mut shown = fresh.shown;
        for (strategy, &is_shown) in self.shown.iter().enumerate() {
            if let Some(strategy) = place(strategy) {
                shown[strategy] = is_shown || strategy == a;
            }
        }
        let b = if self.is_pair() { place(self.b).filter(|&b| shown[b]) } else { Some(a) };
        let selected = place(self.selected).unwrap_or(a);
        let mut carried = Self { shown, selected, a, b: b.unwrap_or(a), against_a: Vec::new() };
        if b.is_none() {
            carried.choose_b();
        }
        carried
    }

    /// Whether two strategies are compared; otherwise A stands alone.
    pub fn is_pair(&self) -> bool {
        self.a != self.b
    }

    /// The strategies shown, A and B first.
    pub fn listed(&self) -> Vec<usize> {
        let mut strategies = vec![self.a];
        if self.is_pair() {
            strategies.push(self.b);
        }
        let others = (0..self.shown.len()).filter(|&i| self.shown[i] && i != self.a && i != self.b);
        strategies.extend(others);
        strategies
    }

    /// What filters of images look at; `listed` from [`Strategies::listed`].
    pub fn focus<'a>(&self, listed: &'a [usize]) -> Focus<'a> {
        Focus { a: self.a, b: self.b, shown: listed }
    }

    /// B is the selected strategy, or, where that is the baseline or hidden, the first other one shown.
    pub fn choose_b(&mut self) {
        let other = |i: &usize| *i != self.a && self.shown[*i];
        self.b = Some(self.selected)
            .filter(other)
            .or_else(|| Some(self.b).filter(other))
            .or_else(|| (0..self.shown.len()).find(other))
            .unwrap_or(self.a);
    }

    /// Makes the selected strategy the baseline; the old one is compared with it where it was B.
    pub fn make_baseline(&mut self) {
        let before = self.a;
        self.a = self.selected;
        self.shown[self.a] = true;
        if self.b == self.a {
            self.b = before;
        }
        self.choose_b();
    }

    /// Hides or shows the selected strategy; the baseline stays.
    pub fn toggle(&mut self) {
        if self.selected != self.a {
            self.shown[self.selected] = !self.shown[self.selected];
            self.choose_b();
        }
    }

    /// Compares again, after A or the session changed.
    pub fn compare(&mut self, session: &Session) {
        let baseline = &session.strategies[self.a].evaluation;
        let against_a = session.strategies.iter().enumerate().map(|(strategy, result)| {
            let other = (strategy != self.a).then_some(&result.evaluation)?;
            Comparison::new(baseline, other).ok()
        });
        self.against_a = against_a.collect();
    }

    /// B against A, where they are two.
    pub fn comparison(&self) -> Option<&Comparison> {
        self.against_a.get(self.b)?.as_ref()
    }
}
