//! A frame as an SVG picture, for documents.
//!
//! Letters are text; blocks and rules are shapes, since fonts do not join them. Colours that are the terminal's own are
//! those of a plain dark or light one.
#![cfg(any(test, feature = "offscreen"))]

use std::fmt::Write;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use unicode_width::UnicodeWidthStr;

use super::theme::{Palette, Theme};

/// Pixels of a cell.
const WIDTH: usize = 8;
const HEIGHT: usize = 17;
const MARGIN: usize = 10;

/// The picture of a frame.
pub fn picture(frame: &Buffer, theme: &Theme) -> String {
    let paper = Paper::from_palette(theme.palette);
    let (columns, rows) = (usize::from(frame.area.width), usize::from(frame.area.height));
    let (width, height) = (columns * WIDTH + 2 * MARGIN, rows * HEIGHT + 2 * MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"{}\"/>\n",
        paper.ground
    );
    for y in 0..rows {
        let cells: Vec<Drawn> =
            (0..columns).map(|x| Drawn::from_cell(&frame[(x as u16, y as u16)], &paper)).collect();
        shapes(&mut svg, &cells, y, &paper);
        letters(&mut svg, &cells, y);
    }
    svg.push_str("</svg>\n");
    svg
}

/// The terminal's own colours.
struct Paper {
    ground: &'static str,
    ink: &'static str,
}

impl Paper {
    fn from_palette(palette: Palette) -> Self {
        match palette {
            Palette::Dark | Palette::Unknown => Self { ground: "#16181d", ink: "#d8dae0" },
            Palette::Light => Self { ground: "#fbfbfa", ink: "#22252b" },
        }
    }
}

/// A cell with its colours.
struct Drawn<'a> {
    symbol: &'a str,
    ink: String,
    ground: String,
    bold: bool,
    underlined: bool,
}

impl<'a> Drawn<'a> {
    fn from_cell(cell: &'a Cell, paper: &Paper) -> Self {
        let mut ink = color(cell.fg, paper.ink);
        let mut ground = color(cell.bg, paper.ground);
        if cell.modifier.contains(Modifier::REVERSED) {
            std::mem::swap(&mut ink, &mut ground);
        }
        Self {
            symbol: cell.symbol(),
            ink,
            ground,
            bold: cell.modifier.contains(Modifier::BOLD),
            underlined: cell.modifier.contains(Modifier::UNDERLINED),
        }
    }

    /// The part of the cell that is ink: columns from the left in eighths, and rows from the upper edge in halves.
    fn shape(&self) -> Option<(usize, usize, usize)> {
        const EIGHTHS: [&str; 8] = ["▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"];
        match self.symbol {
            "▀" => Some((8, 0, 1)),
            "▄" => Some((8, 1, 2)),
            symbol => EIGHTHS.iter().position(|eighth| *eighth == symbol).map(|at| (at + 1, 0, 2)),
        }
    }

    fn is_letters(&self) -> bool {
        self.shape().is_none() && self.symbol != "─" && !self.symbol.trim().is_empty()
    }
}

fn color(color: Color, own: &str) -> String {
    match color {
        Color::Rgb(red, green, blue) => format!("#{red:02x}{green:02x}{blue:02x}"),
        _ => own.to_owned(),
    }
}

/// Grounds, blocks and rules; neighbours of one colour are one shape.
fn shapes(svg: &mut String, cells: &[Drawn<'_>], row: usize, paper: &Paper) {
    let top = MARGIN + row * HEIGHT;
    let mut rectangle = |x: usize, y: usize, width: usize, height: usize, color: &str| {
        let _infallible = writeln!(
            svg,
            "<path fill=\"{color}\" d=\"M{} {}h{width}v{height}h-{width}z\"/>",
            MARGIN + x,
            top + y
        );
    };
    let mut at = 0;
    while at < cells.len() {
        let color = &cells[at].ground;
        let end = (at..cells.len()).find(|&x| cells[x].ground != *color).unwrap_or(cells.len());
        if color != paper.ground {
            rectangle(at * WIDTH, 0, (end - at) * WIDTH, HEIGHT, color);
        }
        at = end;
    }
    let mut at = 0;
    while at < cells.len() {
        let cell = &cells[at];
        let (shape, color) = (cell.shape(), &cell.ink);
        let mut end = at + 1;
        if let Some((eighths, from, to)) = shape {
            while eighths == 8 && end < cells.len() && cells[end].shape() == shape && cells[end].ink == *color
            {
                end += 1;
            }
            let half = |halves: usize| (halves * HEIGHT).div_ceil(2);
            let width = (end - at - 1) * WIDTH + (eighths * WIDTH).div_ceil(8);
            rectangle(at * WIDTH, half(from), width, half(to) - half(from), color);
        } else if cell.symbol == "─" {
            while end < cells.len() && cells[end].symbol == "─" {
                end += 1;
            }
            rectangle(at * WIDTH, HEIGHT / 2, (end - at) * WIDTH, 1, color);
        }
        at = end;
    }
}

/// Words: letters of one style, as wide as their cells whatever the font.
fn letters(svg: &mut String, cells: &[Drawn<'_>], row: usize) {
    let baseline = MARGIN + row * HEIGHT + 13;
    let mut at = 0;
    while at < cells.len() {
        let cell = &cells[at];
        if !cell.is_letters() {
            at += 1;
            continue;
        }
        let mut text = String::new();
        let mut end = at;
        while end < cells.len()
            && cells[end].is_letters()
            && cells[end].ink == cell.ink
            && cells[end].bold == cell.bold
        {
            text.push_str(cells[end].symbol);
            end += cells[end].symbol.width().max(1);
        }
        let end = end.min(cells.len());
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        let weight = if cell.bold { " font-weight=\"bold\"" } else { "" };
        let line = if cell.underlined { " text-decoration=\"underline\"" } else { "" };
        let _infallible = writeln!(
            svg,
            "<text x=\"{}\" y=\"{baseline}\" textLength=\"{}\" lengthAdjust=\"spacingAndGlyphs\" \
             fill=\"{}\"{weight}{line}>{text}</text>",
            MARGIN + at * WIDTH,
            (end - at) * WIDTH,
            cell.ink
        );
        at = end;
    }
}

#[cfg(test)]
mod tests {
    use ratatui::style::Style;

    use super::super::theme::{ColorDepth, UNICODE};
    use super::*;

    #[test]
    fn letters_are_text_and_blocks_are_shapes() {
        let mut frame = Buffer::empty(ratatui::layout::Rect::new(0, 0, 8, 1));
        frame.set_string(0, 0, "a<b", Style::new().bold());
        frame.set_string(4, 0, "██▌▀", Style::new().fg(Color::Rgb(1, 2, 3)));
        let theme = Theme { depth: ColorDepth::True, palette: Palette::Dark, glyphs: UNICODE };
        let svg = picture(&frame, &theme);
        assert!(svg.contains("font-weight=\"bold\">a&lt;b</text>"), "{svg}");
        assert!(svg.contains("<path fill=\"#010203\" d=\"M42 10h16v17h-16z\"/>"), "{svg}");
        assert!(svg.contains("<path fill=\"#010203\" d=\"M58 10h4v17h-4z\"/>"), "{svg}");
        assert!(svg.contains("<path fill=\"#010203\" d=\"M66 10h8v9h-8z\"/>"), "{svg}");
    }
}
