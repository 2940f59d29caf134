//! How a selection moves through a list.

/// How far.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// By rows.
    One(isize),
    /// By half screens.
    Half(isize),
    /// To the first.
    First,
    /// To the last.
    Last,
}

impl Step {
    /// From `position` in a list of `len`; `half` rows are half a screen.
    pub fn apply(self, position: usize, len: usize, half: usize) -> usize {
        let last = len.saturating_sub(1);
        match self {
            Self::One(by) => position.saturating_add_signed(by).min(last),
            Self::Half(by) => position.saturating_add_signed(by * half as isize).min(last),
            Self::First => 0,
            Self::Last => last,
        }
    }

    /// In a grid with this many columns, where one is a row.
    pub fn in_grid(self, position: usize, len: usize, columns: usize, rows: usize) -> usize {
        let by = |rows: isize| {
            let moved = position.checked_add_signed(rows * columns as isize);
            match moved {
                Some(moved) if moved < len => moved,
                // Below the last row and above the first: the nearest there is.
                Some(_) => len.saturating_sub(1).max(position),
                None => position % columns,
            }
        };
        match self {
            Self::One(step) => {
                let moved = position.checked_add_signed(step * columns as isize);
                moved.filter(|&moved| moved < len).unwrap_or(position)
            }
            Self::Half(step) => by(step * (rows as isize).max(1)),
            Self::First => 0,
            Self::Last => len.saturating_sub(1),
        }
    }
}
