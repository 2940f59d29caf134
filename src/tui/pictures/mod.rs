//! Pictures fitted to cells and encoded for the terminal.
//!
//! Half-blocks are cells like all others. Of a picture in another protocol, a frame holds marks in the cells that it
//! fills, and `terminal/frames.rs` sends what they stand for: so pictures lie in a frame like text, and what is drawn
//! over one hides it.

pub mod cache;
pub mod making;

use std::sync::atomic::{AtomicU32, Ordering};

use image::imageops::FilterType;
use image::{DynamicImage, RgbImage};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect, Size};
use ratatui::widgets::Widget;
use ratatui_image::protocol::Protocol;
use ratatui_image::protocol::halfblocks::Halfblocks;
use ratatui_image::protocol::iterm2::Iterm2;
use ratatui_image::protocol::kitty::Kitty;
use ratatui_image::protocol::sixel::Sixel;

use super::graphics::{Graphics, PictureProtocol};

/// The picture of one image at one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PictureKey {
    /// An index into the session's images.
    pub image: usize,
    /// The cells it may fill.
    pub size: Size,
    /// Width and height of a cell, in pixels.
    pub cell: (u16, u16),
}

/// A picture ready to be drawn.
#[derive(Debug)]
pub struct Picture {
    /// Width and height of the file, in pixels.
    pub pixels: (u32, u32),
    /// The cells it fills.
    pub size: Size,
    id: u32,
    form: Rendering,
}

#[derive(Debug)]
enum Rendering {
    /// Cells that are the picture.
    Halfblocks(Buffer),
    /// Sent once, and shown where the placeholders stand. The terminal holds it as pixels of four bytes.
    Kitty { transmission: String, placeholders: Buffer, held: usize },
    /// Sent where its upper left cell is.
    Pixels(String),
}

/// Begins the character that kitty's placeholders stand for
/// (<https://sw.kovidgoyal.net/kitty/graphics-protocol/#unicode-placeholders>).
const PLACEHOLDER: char = '\u{10eeee}';

/// Begins the mark of a cell: no text on the screen has it.
const MARK: char = '\u{1b}';

impl Picture {
    /// The terminal's number for it.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// What it takes of memory here and in the terminal.
    pub fn bytes(&self) -> usize {
        let cells = |buffer: &Buffer| size_of_val(buffer.content.as_slice());
        match &self.form {
            Rendering::Halfblocks(buffer) => cells(buffer),
            Rendering::Kitty { transmission, placeholders, held } => {
                transmission.len() + cells(placeholders) + held
            }
            Rendering::Pixels(command) => command.len(),
        }
    }

    /// What makes kitty know it.
    pub fn transmission(&self) -> Option<&str> {
        match &self.form {
            Rendering::Kitty { transmission, .. } => Some(transmission),
            _ => None,
        }
    }

    /// The cells that stand for it in kitty.
    pub fn placeholders(&self) -> Option<&Buffer> {
        match &self.form {
            Rendering::Kitty { placeholders, .. } => Some(placeholders),
            _ => None,
        }
    }

    /// What draws its pixels where the cursor is.
    pub fn pixel_command(&self) -> Option<&str> {
        match &self.form {
            Rendering::Pixels(command) => Some(command),
            _ => None,
        }
    }

    /// Draws it into the upper left of `area`; where that is smaller, half-blocks are cut off and other pictures are
    /// left out.
    pub fn render(&self, area: Rect, buffer: &mut Buffer) {
        let place = Rect::from((area.as_position(), self.size)).intersection(area);
        for position in place.intersection(buffer.area).positions() {
            let (column, row) = (position.x - area.x, position.y - area.y);
            let cell = &mut buffer[position];
            match &self.form {
                Rendering::Halfblocks(cells) => *cell = cells[(column, row)].clone(),
                Rendering::Kitty { .. } | Rendering::Pixels(_) => {
                    cell.reset();
                    cell.set_symbol(&Mark { id: self.id, column, row }.symbol());
                }
            }
        }
    }
}

/// Says in a cell which part of which picture is to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The picture.
    pub id: u32,
    /// Counted from its left edge.
    pub column: u16,
    /// Counted from its upper edge.
    pub row: u16,
}

impl Mark {
    fn symbol(self) -> String {
        let Self { id, column, row } = self;
        format!("{MARK}{id};{column};{row}")
    }

    /// The mark that a cell's symbol is, if it is one.
    pub fn from_symbol(symbol: &str) -> Option<Self> {
        let mut numbers = symbol.strip_prefix(MARK)?.split(';');
        let id = numbers.next()?.parse().ok()?;
        Some(Self { id, column: numbers.next()?.parse().ok()?, row: numbers.next()?.parse().ok()? })
    }

    /// Where the picture's upper left cell is if this mark is at `position`.
    pub fn origin(self, position: Position) -> Position {
        Position::new(position.x.saturating_sub(self.column), position.y.saturating_sub(self.row))
    }
}

/// How many cells of `room` a picture of `width` × `height` pixels takes when it is as large as fits, with cells of
/// `cell` pixels.
pub fn fitted_cells(width: u32, height: u32, room: Size, cell: (u16, u16)) -> Size {
    if width == 0 || height == 0 || room.width == 0 || room.height == 0 {
        return Size::ZERO;
    }
    let in_cells =
        (f64::from(width) / f64::from(cell.0.max(1)), f64::from(height) / f64::from(cell.1.max(1)));
    let scale = (f64::from(room.width) / in_cells.0).min(f64::from(room.height) / in_cells.1);
    let columns = (in_cells.0 * scale).round().clamp(1.0, f64::from(room.width));
    let rows = (in_cells.1 * scale).round().clamp(1.0, f64::from(room.height));
    Size::new(columns as u16, rows as u16)
}

/// Fits a picture to `room` and encodes it.
///
/// A small picture is enlarged without smoothing: its pixels are what the encoder got, and they compress well.
///
/// The protocols are built directly: ratatui-image's picker would change the user's tmux settings.
///
/// # Errors
/// Why there is no picture, in words.
pub fn fit(image: RgbImage, room: Size, graphics: &Graphics) -> Result<Picture, String> {
    let pixels = image.dimensions();
    let size = fitted_cells(pixels.0, pixels.1, room, graphics.cell);
    if size.width == 0 || size.height == 0 {
        return Err("there is no room for it, or nothing in it".into());
    }
    let columns = u32::from(size.width) * u32::from(graphics.cell.0);
    let rows = u32::from(size.height) * u32::from(graphics.cell.1);
    let filter = if columns > pixels.0 { FilterType::Nearest } else { FilterType::Triangle };
    let fitted = DynamicImage::ImageRgb8(image::imageops::resize(&image, columns, rows, filter));
    let id = next_id();
    let form = encode(fitted, size, id, graphics).map_err(|error| error.to_string())?;
    Ok(Picture { pixels, size, id, form })
}

fn encode(
    fitted: DynamicImage,
    size: Size,
    id: u32,
    graphics: &Graphics,
) -> Result<Rendering, ratatui_image::errors::Errors> {
    Ok(match graphics.protocol {
        PictureProtocol::Off | PictureProtocol::Halfblocks => {
            Rendering::Halfblocks(cells(&Protocol::Halfblocks(Halfblocks::new(fitted, size)?), size))
        }
        PictureProtocol::Sixel => Rendering::Pixels(Sixel::new(fitted, size, graphics.tmux)?.data),
        PictureProtocol::Iterm2 => Rendering::Pixels(Iterm2::new(fitted, size, graphics.tmux)?.data),
        PictureProtocol::Kitty => {
            let (compress, held) = (true, 4 * fitted.width() as usize * fitted.height() as usize);
            let kitty = Protocol::Kitty(Kitty::new(fitted, size, id, graphics.tmux, compress)?);
            let mut placeholders = cells(&kitty, size);
            Rendering::Kitty { transmission: take_transmission(&mut placeholders), placeholders, held }
        }
    })
}

/// The cells that a protocol draws.
fn cells(protocol: &Protocol, size: Size) -> Buffer {
    let area = Rect::from((Position::ORIGIN, size));
    let mut buffer = Buffer::empty(area);
    ratatui_image::Image::new(protocol).render(area, &mut buffer);
    buffer
}

/// The first time that it is drawn, ratatui-image puts a kitty picture's transmission before its first placeholder.
fn take_transmission(placeholders: &mut Buffer) -> String {
    let cell = &mut placeholders[(0, 0)];
    let symbol = cell.symbol().to_owned();
    let (transmission, _) = symbol.split_at(symbol.find(PLACEHOLDER).unwrap_or(0));
    cell.set_symbol(&symbol[transmission.len()..]);
    transmission.to_owned()
}

/// Numbers that programs on the same terminal are unlikely to use as well: each process has 4,096 of its own.
fn next_id() -> u32 {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed) % 4096;
    ((std::process::id() % 0xf_ffff + 1) << 12) | count
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    pub const SQUARES: (u16, u16) = Graphics::HALFBLOCKS.cell;

    fn graphics(protocol: PictureProtocol, tmux: bool) -> Graphics {
        Graphics { protocol, cell: (10, 20), tmux }
    }

    fn picture(protocol: PictureProtocol) -> Picture {
        let image = RgbImage::from_fn(32, 32, |x, y| image::Rgb([8 * x as u8, 8 * y as u8, 90]));
        fit(image, Size::new(30, 5), &graphics(protocol, false)).unwrap()
    }

    #[test]
    fn a_square_takes_twice_as_many_columns_as_rows() {
        let fitted = |width, height, room| fitted_cells(width, height, room, SQUARES);
        assert_eq!(fitted(32, 32, Size::new(80, 10)), Size::new(20, 10));
        assert_eq!(fitted(32, 32, Size::new(10, 80)), Size::new(10, 5));
        assert_eq!(fitted(4000, 10, Size::new(40, 10)), Size::new(40, 1));
        assert_eq!(fitted(0, 10, Size::new(40, 10)), Size::ZERO);
        assert_eq!(fitted_cells(32, 32, Size::new(80, 10), (9, 15)), Size::new(17, 10));
    }

    proptest! {
        #[test]
        fn it_always_fits(
            width in 1u32..9000, height in 1u32..9000,
            columns in 1u16..300, rows in 1u16..100,
            cell in (0u16..40, 0u16..80),
        ) {
            let cells = fitted_cells(width, height, Size::new(columns, rows), cell);
            prop_assert!(cells.width >= 1 && cells.width <= columns);
            prop_assert!(cells.height >= 1 && cells.height <= rows);
        }

        #[test]
        fn marks_say_where_they_belong(id: u32, column in 0u16..500, row in 0u16..500) {
            let mark = Mark { id, column, row };
            prop_assert_eq!(Mark::from_symbol(&mark.symbol()), Some(mark));
            prop_assert_eq!(mark.origin(Position::new(column + 3, row + 7)), Position::new(3, 7));
        }

        #[test]
        fn text_is_no_mark(text in "[^\u{1b}]*") {
            prop_assert_eq!(Mark::from_symbol(&text), None);
        }
    }

    #[test]
    fn each_protocol_has_its_form() {
        let sixel = picture(PictureProtocol::Sixel);
        assert!(sixel.pixel_command().unwrap().contains("\x1bP"));
        let iterm2 = picture(PictureProtocol::Iterm2);
        let command = iterm2.pixel_command().unwrap();
        assert!(command.contains("\x1b]1337;File=inline=1") && command.contains("width=100px;height=100px"));
        let kitty = picture(PictureProtocol::Kitty);
        let transmission = kitty.transmission().unwrap();
        let start = format!("\x1b_Gq=2,i={},a=T,U=1,f=32,o=z,t=d,s=100,v=100,", kitty.id());
        assert!(transmission.starts_with(&start), "{transmission}");
        assert!(transmission.ends_with("\x1b\\"));
        let placeholders = kitty.placeholders().unwrap();
        assert!(placeholders.content.iter().all(|cell| cell.symbol().starts_with(PLACEHOLDER)));
        assert_eq!(kitty.size, Size::new(10, 5));
        assert!(picture(PictureProtocol::Halfblocks).transmission().is_none());
    }

    #[test]
    fn in_tmux_commands_are_passed_through() {
        for protocol in [PictureProtocol::Kitty, PictureProtocol::Iterm2] {
            let image = RgbImage::from_pixel(8, 8, image::Rgb([1, 2, 3]));
            let picture = fit(image, Size::new(4, 4), &graphics(protocol, true)).unwrap();
            let command = picture.transmission().or(picture.pixel_command()).unwrap();
            assert!(command.starts_with("\x1bPtmux;\x1b\x1b"), "{command:?}");
        }
    }

    #[test]
    fn pictures_have_numbers_of_their_own() {
        let (first, second) = (picture(PictureProtocol::Kitty), picture(PictureProtocol::Kitty));
        assert_ne!(first.id(), second.id());
        assert_ne!(first.id(), 0);
    }

    #[test]
    fn nothing_to_show_is_an_error() {
        let empty = fit(RgbImage::new(0, 5), Size::new(4, 4), &Graphics::HALFBLOCKS);
        assert!(empty.is_err());
    }
}
