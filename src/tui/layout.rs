//! Where things stand on the screen: pure functions of its size, so that drawing and `update` agree.

use ratatui::layout::{Rect, Size};

/// Below this there is room for one clear line only.
pub const SMALLEST: Size = Size { width: 40, height: 12 };

/// The parts of every screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// One line.
    pub title: Rect,
    /// Everything between.
    pub body: Rect,
    /// One line.
    pub hints: Rect,
}

/// Whether a screen of this size can show anything but a line.
pub fn is_too_small(size: Size) -> bool {
    size.width < SMALLEST.width || size.height < SMALLEST.height
}

/// Title and rule above, hint bar below.
pub fn frame(area: Rect) -> Frame {
    let row = |y: u16, height: u16| Rect { y: area.y + y, height, ..area };
    Frame {
        title: row(0, 1),
        body: row(2, area.height.saturating_sub(3)),
        hints: row(area.height.saturating_sub(1), 1),
    }
}

/// The parts of the screen of images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImagesLayout {
    /// Which images these are.
    pub heading: Rect,
    /// Their names.
    pub list: Rect,
    /// The selected one's picture.
    pub picture: Rect,
    /// Its class, file and predictions.
    pub details: Rect,
}

/// Ranked classes under a picture, with their heading and the image's own line.
const DETAILS_HEIGHT: u16 = 8;

/// List on the left, picture and predictions on the right.
pub fn images(body: Rect) -> ImagesLayout {
    let list_width = (body.width / 3).clamp(12, 34);
    let heading = Rect { height: body.height.min(1), ..body };
    let below = Rect { y: body.y + heading.height, height: body.height - heading.height, ..body };
    let list = Rect { width: list_width.min(below.width), ..below };
    let right_x = (list.width + 1).min(below.width);
    let right = Rect { x: below.x + right_x, width: below.width - right_x, ..below };
    let details_height = DETAILS_HEIGHT.min(right.height);
    let picture = Rect { height: right.height - details_height, ..right };
    let details = Rect { y: picture.y + picture.height, height: details_height, ..right };
    ImagesLayout { heading, list, picture, details }
}

/// The cells that a picture may fill on a screen of this size; empty on one that is too small.
pub fn picture_size(screen: Size) -> Size {
    if is_too_small(screen) {
        return Size::ZERO;
    }
    images(frame(Rect::new(0, 0, screen.width, screen.height)).body).picture.as_size()
}

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
        fn everything_stays_inside(width in 1u16..400, height in 1u16..150) {
            let area = Rect::new(0, 0, width, height);
            let parts = frame(area);
            for part in [parts.title, parts.hints] {
                prop_assert_eq!(area.intersection(part), part);
            }
            if !is_too_small(area.as_size()) {
                let images = images(parts.body);
                for part in [parts.body, images.heading, images.list, images.picture, images.details] {
                    prop_assert_eq!(area.intersection(part), part);
                }
                prop_assert!(!images.list.intersects(images.picture));
                prop_assert!(!images.details.intersects(images.picture));
            }
        }

        #[test]
        fn the_selected_row_is_in_view(rows in 1usize..500, height in 1usize..60, pick in 0usize..500) {
            let selected = pick % rows;
            let first = first_row(selected, rows, height);
            prop_assert!(first <= selected && selected < first + height);
            prop_assert!(first == 0 || first + height <= rows);
        }
    }
}
