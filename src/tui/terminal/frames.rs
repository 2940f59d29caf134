//! Turns frames into the bytes that bring the terminal from one to the next, pictures included; none where nothing has
//! changed.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::io;

use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::{Buffer, CellWidth};
use ratatui::layout::{Position, Rect};
use ratatui::style::Modifier;

use crate::tui::pictures::cache::PictureCache;
use crate::tui::pictures::{Mark, Picture};

/// Begins and ends an update that the terminal shows as a whole
/// (<https://gist.github.com/christianparpart/d8a62cc1ab659194337d73e399004036>).
const BEGIN: &str = "\x1b[?2026h";
const END: &str = "\x1b[?2026l";

/// Resets the style and clears the screen.
const CLEAR: &str = "\x1b[m\x1b[2J";

/// What the terminal shows and holds.
#[derive(Debug)]
pub struct Frames {
    shown: Buffer,
    /// The terminal is to be cleared first: what it shows is not known.
    unknown: bool,
    /// Pictures whose pixels lie over cells.
    placed: Vec<Placed>,
    /// Pictures that kitty holds.
    held: HashSet<u32>,
    /// Commands go through tmux.
    tmux: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Placed {
    id: u32,
    area: Rect,
}

impl Frames {
    /// Nothing is known of what the terminal shows; it holds no pictures.
    pub fn new(tmux: bool) -> Self {
        Self {
            shown: Buffer::empty(Rect::ZERO),
            unknown: true,
            placed: Vec::new(),
            held: HashSet::new(),
            tmux,
        }
    }

    /// What the terminal shows is not known any more; the pictures that it held are taken from it.
    pub fn forget(&mut self) {
        *self = Self { held: std::mem::take(&mut self.held), ..Self::new(self.tmux) };
    }

    /// What takes all pictures from the terminal; to be sent before it is given back.
    pub fn farewell(&self) -> String {
        let mut bytes = self.deletions(self.held.iter());
        if !self.placed.is_empty() {
            bytes.push_str(CLEAR);
        }
        bytes
    }

    /// The terminal was given back and is taken over again: it holds no pictures either.
    pub fn restart(&mut self) {
        *self = Self::new(self.tmux);
    }

    /// What brings the terminal to `wanted`: empty, or one synchronized update. Marks in `wanted` stand for pictures
    /// among `pictures`; one that is not whole is left out.
    ///
    /// # Errors
    /// None that happens: the bytes are collected in memory.
    pub fn next(&mut self, mut wanted: Buffer, pictures: &PictureCache) -> io::Result<Vec<u8>> {
        let whole = take_marks(&mut wanted, pictures);
        let mut before = String::new();
        if self.shown.area != wanted.area {
            self.forget();
        }
        if std::mem::take(&mut self.unknown) {
            self.shown = Buffer::empty(wanted.area);
            before.push_str(&self.deletions(self.held.iter()));
            self.held.clear();
            before.push_str(CLEAR);
        }
        let gone: Vec<u32> = self.held.iter().copied().filter(|&id| pictures.with_id(id).is_none()).collect();
        before.push_str(&self.deletions(gone.iter()));
        self.held.retain(|id| !gone.contains(id));

        let mut after = String::new();
        let mut placed = Vec::new();
        for (area, picture) in whole {
            if let Some(transmission) = picture.transmission().filter(|_| self.held.insert(picture.id())) {
                before.push_str(transmission);
            }
            if let Some(command) = picture.pixel_command() {
                let place = Placed { id: picture.id(), area };
                placed.push(place);
                if !self.placed.contains(&place) {
                    // Writing to a String does not fail.
                    let _written = write!(after, "\x1b[{};{}H{command}", area.y + 1, area.x + 1);
                }
            }
        }
        for old in self.placed.iter().filter(|old| !placed.contains(old)) {
            write_again(&mut self.shown, old.area);
        }
        self.placed = placed;

        let mut cells = Vec::new();
        let changed = self.shown.diff(&wanted);
        if !changed.is_empty() {
            CrosstermBackend::new(&mut cells).draw(changed.into_iter())?;
        }
        self.shown = wanted;
        if before.is_empty() && cells.is_empty() && after.is_empty() {
            return Ok(Vec::new());
        }
        Ok([BEGIN.as_bytes(), before.as_bytes(), &cells, after.as_bytes(), END.as_bytes()].concat())
    }

    fn deletions<'a>(&self, ids: impl Iterator<Item = &'a u32>) -> String {
        let delete = |id: &u32| match self.tmux {
            false => format!("\x1b_Ga=d,d=I,i={id},q=2\x1b\\"),
            true => format!("\x1bPtmux;\x1b\x1b_Ga=d,d=I,i={id},q=2\x1b\x1b\\\x1b\\"),
        };
        ids.map(delete).collect()
    }
}

/// Takes the marks out of a frame: placeholders come in their stead, or nothing. Returns the pictures that are whole,
/// in the order of their places.
fn take_marks<'a>(frame: &mut Buffer, pictures: &'a PictureCache) -> Vec<(Rect, &'a Picture)> {
    let mut marked: HashMap<(u32, Position), Vec<(Position, Mark)>> = HashMap::new();
    for (index, cell) in frame.content.iter_mut().enumerate() {
        let Some(mark) = Mark::from_symbol(cell.symbol()) else { continue };
        cell.reset();
        let width = usize::from(frame.area.width);
        let position = Position::new((index % width) as u16, (index / width) as u16);
        marked.entry((mark.id, mark.origin(position))).or_default().push((position, mark));
    }
    let mut whole = Vec::new();
    for ((id, origin), marks) in marked {
        let Some(picture) = pictures.with_id(id).filter(|picture| marks.len() as u32 == picture.size.area())
        else {
            continue;
        };
        if let Some(placeholders) = picture.placeholders() {
            for (position, mark) in marks {
                frame[position] = placeholders[(mark.column, mark.row)].clone();
            }
        }
        let area = Rect::from((origin, picture.size));
        take_halves(frame, area);
        whole.push((area, picture));
    }
    whole.sort_by_key(|(area, _)| (area.y, area.x));
    whole
}

/// Takes wide characters out whose right half is under an area: the terminal shows a character as a whole or not.
fn take_halves(frame: &mut Buffer, area: Rect) {
    let Some(column) = area.x.checked_sub(1) else { return };
    for row in area.top()..area.bottom() {
        let cell = &mut frame[(column, row)];
        if cell.cell_width() > 1 {
            cell.set_symbol(" ");
        }
    }
}

/// Has the cells of an area written again, whatever they show: that erases pixels over them.
fn write_again(shown: &mut Buffer, area: Rect) {
    for position in area.intersection(shown.area).positions() {
        // No frame has a cell like this.
        shown[position].modifier = Modifier::all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::graphics::{Graphics, PictureProtocol};
    use crate::tui::pictures::{PictureKey, fit};
    use image::{Rgb, RgbImage};
    use proptest::prelude::*;
    use ratatui::layout::Size;

    const SIZE: Size = Size::new(20, 8);
    const ROOM: Size = Size::new(6, 3);

    fn key(image: usize) -> PictureKey {
        PictureKey { image, size: ROOM, cell: (10, 20) }
    }

    /// Three pictures in a protocol, with their numbers.
    fn pictures(protocol: PictureProtocol, tmux: bool) -> (PictureCache, Vec<u32>) {
        let mut cache = PictureCache::default();
        let ids = (0..3).map(|image| {
            let pixels = RgbImage::from_pixel(4, 4, Rgb([image as u8; 3]));
            let picture = fit(pixels, ROOM, &Graphics { protocol, cell: (10, 20), tmux }).unwrap();
            let id = picture.id();
            cache.insert(key(image), Ok(picture));
            id
        });
        let ids = ids.collect();
        (cache, ids)
    }

    fn frame(text: &str) -> Buffer {
        let mut buffer = Buffer::empty(Rect::from((Position::ORIGIN, SIZE)));
        buffer.set_string(0, 0, text, ratatui::style::Style::new());
        buffer
    }

    /// A frame with picture `image` at a place.
    fn with_picture(text: &str, cache: &PictureCache, image: usize, x: u16, y: u16) -> Buffer {
        let mut buffer = frame(text);
        let picture = cache.get(&key(image)).unwrap().as_ref().unwrap();
        picture.render(Rect::from((Position::new(x, y), ROOM)), &mut buffer);
        buffer
    }

    fn next(frames: &mut Frames, wanted: Buffer, cache: &PictureCache) -> String {
        let bytes = String::from_utf8(frames.next(wanted, cache).unwrap()).unwrap();
        if !bytes.is_empty() {
            assert!(bytes.starts_with(BEGIN) && bytes.ends_with(END), "{bytes:?}");
            assert_eq!(bytes.matches(BEGIN).count(), 1);
        }
        bytes
    }

    fn started(cache: &PictureCache) -> Frames {
        let mut frames = Frames::new(false);
        assert!(next(&mut frames, frame("hello"), cache).contains("hello"));
        frames
    }

    #[test]
    fn the_same_again_is_nothing() {
        let (cache, _) = pictures(PictureProtocol::Sixel, false);
        let mut frames = started(&cache);
        assert_eq!(next(&mut frames, frame("hello"), &cache), "");
        assert_ne!(next(&mut frames, with_picture("hello", &cache, 0, 2, 2), &cache), "");
        assert_eq!(next(&mut frames, with_picture("hello", &cache, 0, 2, 2), &cache), "");
        let text = next(&mut frames, with_picture("hallo", &cache, 0, 2, 2), &cache);
        assert!(text.contains('a') && !text.contains("\x1bP"), "{text:?}");
    }

    #[test]
    fn pixels_are_sent_once_and_written_over_when_they_go() {
        for (protocol, command) in
            [(PictureProtocol::Sixel, "\x1bP"), (PictureProtocol::Iterm2, "\x1b]1337;File=")]
        {
            let (cache, _) = pictures(protocol, false);
            let mut frames = started(&cache);
            let sent = next(&mut frames, with_picture("hello", &cache, 0, 2, 2), &cache);
            assert_eq!(sent.matches(command).count(), 1);
            assert!(sent.contains("\x1b[3;3H"), "at its place: {sent:?}");
            assert_eq!(frames.farewell(), CLEAR);

            let erased = next(&mut frames, frame("hello"), &cache);
            assert!(!erased.contains(command));
            assert_eq!(erased.matches(' ').count(), 18, "{erased:?}");
            assert_eq!(frames.farewell(), "");

            next(&mut frames, with_picture("hello", &cache, 0, 2, 2), &cache);
            let moved = next(&mut frames, with_picture("hello", &cache, 0, 3, 2), &cache);
            assert_eq!((moved.matches(command).count(), moved.matches(' ').count()), (1, 18));
            let other = next(&mut frames, with_picture("hello", &cache, 1, 3, 2), &cache);
            assert_eq!((other.matches(command).count(), other.matches(' ').count()), (1, 18));
            assert!(other.rfind(' ') < other.find(command), "erased first");
        }
    }

    #[test]
    fn what_lies_over_a_picture_hides_it() {
        for protocol in [PictureProtocol::Sixel, PictureProtocol::Kitty] {
            let (cache, _) = pictures(protocol, false);
            let mut frames = started(&cache);
            let shown = with_picture("hello", &cache, 0, 2, 2);
            next(&mut frames, shown.clone(), &cache);
            let mut covered = shown.clone();
            covered.set_string(6, 3, "over", ratatui::style::Style::new());
            let sent = next(&mut frames, covered, &cache);
            assert!(sent.contains("over"));
            assert_eq!(sent.matches(' ').count(), 16, "all of the other cells: {sent:?}");
            let again = next(&mut frames, shown, &cache);
            assert_eq!(again.contains("\x1bP"), protocol == PictureProtocol::Sixel);
            assert!(!again.contains("a=T"), "kitty has it");
        }
    }

    #[test]
    fn kitty_gets_a_picture_once_and_gives_it_up_when_it_is_forgotten() {
        let (mut cache, ids) = pictures(PictureProtocol::Kitty, false);
        let mut frames = started(&cache);
        let sent = next(&mut frames, with_picture("hello", &cache, 0, 2, 2), &cache);
        assert_eq!(sent.matches("a=T").count(), 1);
        assert_eq!(sent.matches('\u{10eeee}').count(), 18);
        let delete = format!("\x1b_Ga=d,d=I,i={},q=2\x1b\\", ids[0]);
        assert_eq!(frames.farewell(), delete);
        let erased = next(&mut frames, frame("hello"), &cache);
        assert!(!erased.contains("\x1b_G"), "it may be shown again: {erased:?}");
        let again = next(&mut frames, with_picture("hello", &cache, 0, 2, 2), &cache);
        assert!(!again.contains("a=T") && again.contains('\u{10eeee}'));
        cache.clear();
        let gone = next(&mut frames, frame("hello"), &cache);
        assert!(gone.contains(&delete), "{gone:?}");
        assert_eq!(frames.farewell(), "");
    }

    #[test]
    fn in_tmux_deletions_are_passed_through() {
        let (cache, ids) = pictures(PictureProtocol::Kitty, true);
        let mut frames = Frames::new(true);
        next(&mut frames, with_picture("hello", &cache, 0, 2, 2), &cache);
        let wanted = format!("\x1bPtmux;\x1b\x1b_Ga=d,d=I,i={},q=2\x1b\x1b\\\x1b\\", ids[0]);
        assert_eq!(frames.farewell(), wanted);
    }

    #[test]
    fn a_forgotten_screen_is_drawn_anew() {
        for protocol in [PictureProtocol::Sixel, PictureProtocol::Kitty] {
            let (cache, _) = pictures(protocol, false);
            let mut frames = started(&cache);
            let first = next(&mut frames, with_picture("hello", &cache, 0, 2, 2), &cache);
            frames.forget();
            let again = next(&mut frames, with_picture("hello", &cache, 0, 2, 2), &cache);
            for part in ["hello", CLEAR] {
                assert!(again.contains(part), "{part:?} is not in {again:?}");
            }
            let command = if protocol == PictureProtocol::Sixel { "\x1bP" } else { "a=T" };
            assert!(first.contains(command) && again.contains(command));
        }
    }

    #[test]
    fn another_size_is_drawn_anew() {
        let (cache, ids) = pictures(PictureProtocol::Kitty, false);
        let mut frames = started(&cache);
        next(&mut frames, with_picture("hello", &cache, 0, 2, 2), &cache);
        let larger = next(&mut frames, Buffer::with_lines(["hello", "there"]), &cache);
        for part in ["hello", "there", CLEAR, &format!("a=d,d=I,i={}", ids[0])] {
            assert!(larger.contains(part), "{part:?} is not in {larger:?}");
        }
    }

    #[test]
    fn unknown_and_cut_pictures_are_left_out() {
        let (cache, _) = pictures(PictureProtocol::Sixel, false);
        let mut frames = started(&cache);
        let unknown = with_picture("hello", &cache, 0, 2, 2);
        assert_eq!(next(&mut frames, unknown, &PictureCache::default()), "");
        let cut = with_picture("hello", &cache, 0, 16, 2);
        assert_eq!(next(&mut frames, cut, &cache), "");
    }

    #[test]
    fn half_a_character_is_not_shown() {
        for protocol in [PictureProtocol::Sixel, PictureProtocol::Kitty] {
            let (cache, _) = pictures(protocol, false);
            let mut frames = Frames::new(false);
            let sent = next(&mut frames, with_picture("a字", &cache, 0, 2, 0), &cache);
            assert!(!sent.contains('字'), "{sent:?}");
            assert!(next(&mut frames, frame("a字"), &cache).contains('字'));
        }
    }

    proptest! {
        /// Whatever the way: the terminal shows the last frame's text and has all of its pictures' commands, as if it
        /// had been drawn alone.
        #[test]
        fn only_the_last_frame_counts(
            steps in proptest::collection::vec(("[a-z字 ]{0,12}", 0usize..3, 0u16..18, 0u16..7, any::<bool>()), 1..12),
            kitty: bool,
        ) {
            let protocol = if kitty { PictureProtocol::Kitty } else { PictureProtocol::Sixel };
            let (cache, _) = pictures(protocol, false);
            let mut terminal = vt100::Parser::new(SIZE.height, SIZE.width, 0);
            let mut frames = Frames::new(false);
            let mut last = None;
            for (text, image, x, y, has_picture) in steps {
                let wanted = match has_picture {
                    true => with_picture(&text, &cache, image, x, y),
                    false => frame(&text),
                };
                let bytes = frames.next(wanted.clone(), &cache).unwrap();
                terminal.process(&bytes);
                last = Some(wanted);
            }
            let mut alone = Frames::new(false);
            let bytes = alone.next(last.clone().unwrap(), &cache).unwrap();
            let mut fresh = vt100::Parser::new(SIZE.height, SIZE.width, 0);
            fresh.process(&bytes);
            let rows = |screen: &vt100::Screen| {
                screen.rows(0, SIZE.width).map(|row| row.trim_end().to_owned()).collect::<Vec<_>>()
            };
            prop_assert_eq!(rows(terminal.screen()), rows(fresh.screen()));
            prop_assert_eq!(&frames.placed, &alone.placed);
            prop_assert_eq!(frames.next(last.unwrap(), &cache).unwrap(), b"");
        }
    }
}
