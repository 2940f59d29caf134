//! Where things stand on the screen: pure functions of its size, so that drawing, `update` and the mouse agree.

use ratatui::layout::{Rect, Size};

/// Below this there is room for one clear line only.
pub const SMALLEST: Size = Size { width: 40, height: 12 };

/// The parts of every screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// One line: what is open.
    pub title: Rect,
    /// One line: the screens.
    pub tabs: Rect,
    /// One line.
    pub rule: Rect,
    /// Everything between.
    pub body: Rect,
    /// One line.
    pub hints: Rect,
}

/// Whether a screen of this size can show anything but a line.
pub fn is_too_small(size: Size) -> bool {
    size.width < SMALLEST.width || size.height < SMALLEST.height
}

/// Title, tabs and rule above, hint bar below.
pub fn frame(area: Rect) -> Frame {
    let row = |y: u16, height: u16| Rect { y: area.y + y.min(area.height), height, ..area };
    let line = |y: u16| row(y, u16::from(area.height > y));
    Frame {
        title: line(0),
        tabs: line(1),
        rule: line(2),
        body: row(3, area.height.saturating_sub(4)),
        hints: row(area.height.saturating_sub(1), area.height.min(1)),
    }
}

/// The body of a screen of this size; empty on one that is too small.
pub fn body(screen: Size) -> Rect {
    if is_too_small(screen) { Rect::ZERO } else { frame(Rect::new(0, 0, screen.width, screen.height)).body }
}

/// The parts of the screen of strategies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StrategiesLayout {
    /// Heading and a row a strategy.
    pub table: Rect,
    /// What it comes to, in words.
    pub verdict: Rect,
    /// The first classes.
    pub classes: Rect,
}

/// The leaderboard takes what it needs, at most half of the screen; the verdict `verdict` lines where there is
/// room, and four fewer where there is not: those without blank lines and classes.
pub fn strategies(body: Rect, rows: usize, verdict: u16) -> StrategiesLayout {
    let most = (body.height / 2).saturating_sub(1).max(1);
    let rows = (rows.min(usize::from(most)) as u16 + 1).min(body.height);
    let left = body.height - rows;
    let verdict = if left >= verdict + 6 { verdict } else { left.min(verdict - 4) };
    let at = |y: u16, height: u16| Rect { y: body.y + y, height, ..body };
    StrategiesLayout {
        table: at(0, rows),
        verdict: at(rows, verdict),
        classes: at(rows + verdict, left - verdict),
    }
}

/// The parts of an image shown large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InspectorLayout {
    /// Which images these are.
    pub heading: Rect,
    /// The picture.
    pub picture: Rect,
    /// Its class, file and predictions.
    pub details: Rect,
    /// Why it is seen as it is; empty where that is not asked.
    pub explanation: Rect,
}

/// Picture on the left and details on the right; on a narrow screen one above the other. An explanation takes the lower
/// part, and on a low screen everything.
pub fn inspector(body: Rect, explained: bool) -> InspectorLayout {
    let heading = Rect { height: body.height.min(1), ..body };
    let mut below = Rect { y: body.y + heading.height, height: body.height - heading.height, ..body };
    let above = match (explained, below.height) {
        (false, height) => height,
        (true, 0..14) => 0,
        (true, height) => (2 * height / 5).max(8),
    };
    let explanation = Rect { y: below.y + above, height: below.height - above, ..below };
    below.height = above;
    if below.width < 56 {
        let picture = Rect { height: below.height / 2, ..below };
        let details = Rect { y: below.y + picture.height, height: below.height - picture.height, ..below };
        return InspectorLayout { heading, picture, details, explanation };
    }
    let width = (2 * below.width / 5).min(2 * below.height);
    let picture = Rect { x: below.x + 1, width: width.saturating_sub(1), ..below };
    let details = Rect { x: below.x + width + 1, width: below.width - width - 1, ..below };
    InspectorLayout { heading, picture, details, explanation }
}

/// Where the thumbnails stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GalleryLayout {
    /// Which images these are.
    pub heading: Rect,
    /// The grid.
    pub grid: Rect,
    /// Thumbnails in a row.
    pub columns: usize,
    /// Rows of thumbnails.
    pub rows: usize,
}

/// Cells of a thumbnail with its frame and caption.
const TILE: Size = Size { width: 16, height: 8 };

/// As many thumbnails as there is room for, at least one.
pub fn gallery(body: Rect) -> GalleryLayout {
    let heading = Rect { height: body.height.min(1), ..body };
    let grid = Rect { y: body.y + heading.height, height: body.height - heading.height, ..body };
    GalleryLayout {
        heading,
        grid,
        columns: usize::from(grid.width / TILE.width).max(1),
        rows: usize::from(grid.height / TILE.height).max(1),
    }
}

impl GalleryLayout {
    /// The tile at a place of the grid: its picture, and the line below it.
    pub fn tile(&self, place: usize) -> (Rect, Rect) {
        let (column, row) = ((place % self.columns) as u16, (place / self.columns) as u16);
        let wide = self.grid.width / self.columns as u16;
        let high = (self.grid.height / self.rows as u16).min(TILE.height + 4);
        let tile = Rect::new(self.grid.x + column * wide, self.grid.y + row * high, wide, high)
            .intersection(self.grid);
        let picture = Rect {
            x: tile.x + 1,
            width: tile.width.saturating_sub(2),
            height: tile.height.saturating_sub(2),
            ..tile
        };
        let caption = Rect {
            y: tile.y + picture.height,
            height: tile.height.saturating_sub(picture.height).min(1),
            ..tile
        };
        (picture, caption)
    }

    /// How many images there are on a page.
    pub fn tiles(&self) -> usize {
        self.columns * self.rows
    }

    /// The first image to show so that the selected one is in view: whole rows, the selected one in the middle.
    pub fn first(&self, selected: usize, images: usize) -> usize {
        first_row(selected / self.columns, images.div_ceil(self.columns), self.rows) * self.columns
    }
}

/// Classes in a confusion matrix that has this much room, with names of this width.
pub fn block_size(body: Rect, name_width: u16) -> usize {
    let columns = body.width.saturating_sub(name_width + 2) / BLOCK_CELL;
    usize::from(columns.min(body.height.saturating_sub(3))).max(2)
}

/// Columns of a cell of the confusion matrix.
pub const BLOCK_CELL: u16 = 6;

/// The first row to show so that `selected` of `rows` is in view among `height`.
pub fn first_row(selected: usize, rows: usize, height: usize) -> usize {
    selected.saturating_sub(height / 2).min(rows.saturating_sub(height))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn everything_stays_inside(width in 1u16..400, height in 1u16..150, strategies in 1usize..30, verdict in 5u16..8) {
            let area = Rect::new(0, 0, width, height);
            let parts = frame(area);
            for part in [parts.title, parts.tabs, parts.rule, parts.hints] {
                prop_assert_eq!(area.intersection(part), part);
            }
            if !is_too_small(area.as_size()) {
                prop_assert_eq!(body(area.as_size()), parts.body);
                let large = inspector(parts.body, false);
                let explained = inspector(parts.body, true);
                prop_assert!(large.explanation.is_empty() && explained.explanation.height >= 6);
                prop_assert!(!explained.explanation.intersects(explained.picture));
                prop_assert!(!explained.explanation.intersects(explained.details));
                let ranks = super::strategies(parts.body, strategies, verdict);
                for part in [
                    parts.body, large.heading, large.picture, large.details, explained.picture,
                    explained.details, explained.explanation, ranks.table, ranks.verdict, ranks.classes,
                ] {
                    prop_assert_eq!(area.intersection(part), part);
                }
                prop_assert!(!large.details.intersects(large.picture));
                let gallery = gallery(parts.body);
                let mut seen: Vec<Rect> = Vec::new();
                for place in 0..gallery.tiles() {
                    let (picture, caption) = gallery.tile(place);
                    for part in [picture, caption] {
                        prop_assert_eq!(gallery.grid.intersection(part), part);
                        prop_assert!(seen.iter().all(|other| !other.intersects(part)));
                        seen.push(part);
                    }
                }
            }
        }

        #[test]
        fn the_selected_row_is_in_view(rows in 1usize..500, height in 1usize..60, pick in 0usize..500) {
            let selected = pick % rows;
            let first = first_row(selected, rows, height);
            prop_assert!(first <= selected && selected < first + height);
            prop_assert!(first == 0 || first + height <= rows);
        }

        #[test]
        fn the_selected_image_is_on_the_page(width in 40u16..300, height in 12u16..90, images in 1usize..900, pick in 0usize..900) {
            let gallery = gallery(body(Size::new(width, height)));
            let selected = pick % images;
            let first = gallery.first(selected, images);
            prop_assert!(first <= selected && selected < first + gallery.tiles());
            prop_assert_eq!(first % gallery.columns, 0);
        }
    }
}
