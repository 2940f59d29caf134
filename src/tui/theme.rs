//! Colours and glyphs, decided once. Meaning is never carried by colour alone.

use std::cmp::Ordering;

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier, Style};

/// How many colours the terminal shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColorDepth {
    /// None: bold and reversed only.
    Mono,
    /// The sixteen named ones.
    Sixteen,
    /// The 256 of xterm.
    Indexed,
    /// 24 bits.
    True,
}

/// What the user asked for with `--color`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColorChoice {
    /// As the environment says.
    #[default]
    Auto,
    /// Colours whatever the environment says.
    Always,
    /// No colours.
    Never,
}

impl ColorDepth {
    /// Decides from the flag, then `NO_COLOR`, `COLORTERM` and `TERM`.
    pub fn detect(choice: ColorChoice, variable: impl Fn(&str) -> Option<String>) -> Self {
        let named = |name: &str| variable(name).unwrap_or_default();
        let term = named("TERM");
        let no_color = !named("NO_COLOR").is_empty();
        if choice == ColorChoice::Never || (choice == ColorChoice::Auto && (no_color || term == "dumb")) {
            return Self::Mono;
        }
        let colorterm = named("COLORTERM");
        if colorterm == "truecolor" || colorterm == "24bit" || term.ends_with("-direct") {
            Self::True
        } else if term.contains("256color") || ["xterm-kitty", "alacritty", "foot"].contains(&term.as_str()) {
            Self::Indexed
        } else {
            Self::Sixteen
        }
    }
}

/// The signs that the screens use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Glyphs {
    /// A gain.
    pub up: &'static str,
    /// A loss.
    pub down: &'static str,
    /// No difference.
    pub same: &'static str,
    /// Right.
    pub right: &'static str,
    /// Wrong.
    pub wrong: &'static str,
    /// The selected row.
    pub cursor: &'static str,
    /// A strategy that is shown.
    pub on: &'static str,
    /// A hidden one.
    pub off: &'static str,
    /// Between parts of a line.
    pub dot: &'static str,
    /// A full cell of a bar.
    pub bar: &'static str,
    /// A mark on or beside bars.
    pub mark: &'static str,
    /// Between an average and its deviation.
    pub plus_minus: &'static str,
    /// Eighths of a cell, from one to seven; empty where there are none.
    pub eighths: &'static [&'static str],
    /// A rule across the screen.
    pub rule: &'static str,
    /// The minus sign.
    pub minus: &'static str,
    /// As much or more.
    pub at_least: &'static str,
    /// Before a number of times.
    pub times: &'static str,
    /// What was cut off.
    pub ellipsis: &'static str,
    /// From the true class to the predicted one.
    pub arrow: &'static str,
    /// Whether the terminal has `▀` and `▄`.
    pub half_blocks: bool,
}

impl Glyphs {
    /// The sign of a change: more is a gain.
    pub fn sign(&self, change: Ordering) -> &'static str {
        match change {
            Ordering::Greater => self.up,
            Ordering::Less => self.down,
            Ordering::Equal => self.same,
        }
    }
}

/// For terminals with UTF-8.
pub const UNICODE: Glyphs = Glyphs {
    up: "▲",
    down: "▼",
    same: "=",
    right: "✓",
    wrong: "✗",
    cursor: "▸",
    on: "●",
    off: "○",
    dot: "·",
    bar: "█",
    mark: "│",
    plus_minus: "±",
    eighths: &["▏", "▎", "▍", "▌", "▋", "▊", "▉"],
    rule: "─",
    minus: "−",
    at_least: "≥",
    times: "×",
    ellipsis: "…",
    arrow: "→",
    half_blocks: true,
};

/// For terminals without.
pub const ASCII: Glyphs = Glyphs {
    up: "^",
    down: "v",
    same: "=",
    right: "+",
    wrong: "x",
    cursor: ">",
    on: "*",
    off: ".",
    dot: "-",
    bar: "#",
    mark: "|",
    plus_minus: "+-",
    eighths: &[],
    rule: "-",
    minus: "-",
    at_least: ">=",
    times: "x",
    ellipsis: "~",
    arrow: ">",
    half_blocks: false,
};

/// What the colours stand on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Palette {
    /// A dark background.
    #[default]
    Dark,
    /// A light one.
    Light,
    /// Nobody knows: colours that can be read on both, and no background of our own under the terminal's ink.
    Unknown,
}

impl Palette {
    /// What a background of this colour is, its parts from 0 to 1.
    pub fn on(background: [f64; 3]) -> Self {
        // The weights of ITU-R BT.709.
        let [red, green, blue] = background;
        let brightness = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
        if brightness > 0.5 { Self::Light } else { Self::Dark }
    }
}

/// Everything that decides how the screens look.
#[derive(Debug, Clone, Copy)]
pub struct Theme {
    /// The terminal's colours.
    pub depth: ColorDepth,
    /// What they stand on.
    pub palette: Palette,
    /// The signs.
    pub glyphs: Glyphs,
}

impl Theme {
    /// Without colours, for what only counts lines.
    pub const PLAIN: Self = Self { depth: ColorDepth::Mono, palette: Palette::Dark, glyphs: ASCII };

    /// The baseline: A. Blue and orange differ for every kind of colour-blindness.
    pub fn a(&self) -> Style {
        match self.palette {
            Palette::Dark => self.colored(Color::Rgb(86, 156, 230), Color::Indexed(75), Color::LightBlue),
            Palette::Light => self.colored(Color::Rgb(20, 90, 180), Color::Indexed(25), Color::Blue),
            Palette::Unknown => self.colored(Color::Rgb(55, 125, 205), Color::Indexed(32), Color::Blue),
        }
    }

    /// The strategy it is compared with: B.
    pub fn b(&self) -> Style {
        match self.palette {
            Palette::Dark => self.colored(Color::Rgb(240, 150, 50), Color::Indexed(208), Color::Yellow),
            Palette::Light => self.colored(Color::Rgb(180, 90, 0), Color::Indexed(130), Color::Red),
            Palette::Unknown => self.colored(Color::Rgb(205, 110, 15), Color::Indexed(166), Color::Red),
        }
    }

    /// Less important text.
    pub fn dim(&self) -> Style {
        match (self.depth, self.palette) {
            (ColorDepth::Mono, _) => Style::new().add_modifier(Modifier::DIM),
            (_, Palette::Dark) => {
                self.colored(Color::Rgb(140, 145, 155), Color::Indexed(246), Color::DarkGray)
            }
            (_, Palette::Light) => {
                self.colored(Color::Rgb(95, 98, 105), Color::Indexed(241), Color::DarkGray)
            }
            (_, Palette::Unknown) => {
                self.colored(Color::Rgb(118, 121, 128), Color::Indexed(243), Color::DarkGray)
            }
        }
    }

    /// Headings.
    pub fn heading(&self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// The row under the cursor. What ink means on it stays: a bar in reverse would show the rest of its value.
    pub fn selected(&self) -> Style {
        let bold = Style::new().add_modifier(Modifier::BOLD);
        match (self.depth, self.palette) {
            (ColorDepth::True, Palette::Dark) => bold.bg(Color::Rgb(45, 50, 62)),
            (ColorDepth::True, Palette::Light) => bold.bg(Color::Rgb(222, 228, 238)),
            (ColorDepth::Indexed, Palette::Dark) => bold.bg(Color::Indexed(237)),
            (ColorDepth::Indexed, Palette::Light) => bold.bg(Color::Indexed(254)),
            _ => bold.add_modifier(Modifier::UNDERLINED),
        }
    }

    /// Something went wrong.
    pub fn problem(&self) -> Style {
        match self.palette {
            Palette::Dark => self.colored(Color::Rgb(235, 100, 100), Color::Indexed(203), Color::LightRed),
            Palette::Light => self.colored(Color::Rgb(175, 25, 25), Color::Indexed(124), Color::Red),
            Palette::Unknown => self.colored(Color::Rgb(210, 65, 65), Color::Indexed(167), Color::Red),
        }
        .add_modifier(Modifier::BOLD)
    }

    /// A cell of a matrix that holds this share of its row: the larger, the stronger the colour of A or, with `b`, of B.
    /// The diagonal, where images are right, has no colour. Numbers say the same without.
    pub fn heat(&self, share: f64, b: bool, diagonal: bool) -> Style {
        if diagonal {
            return self.heading();
        }
        if share <= 0.0 {
            return self.dim();
        }
        match self.depth {
            ColorDepth::Mono => Style::new(),
            ColorDepth::Sixteen => {
                if b {
                    self.b()
                } else {
                    self.a()
                }
            }
            ColorDepth::True | ColorDepth::Indexed => {
                let full: [u8; 3] = if b { [200, 110, 20] } else { [30, 100, 190] };
                let ground: [u8; 3] = if self.palette == Palette::Dark { [20, 22, 26] } else { [250; 3] };
                let part = (0.15 + 0.85 * share.sqrt()).min(1.0);
                let mix = |at: usize| {
                    (f64::from(ground[at]) + part * (f64::from(full[at]) - f64::from(ground[at]))) as u8
                };
                let text = if self.palette == Palette::Dark || part > 0.5 { 245 } else { 20 };
                Style::new().bg(Color::Rgb(mix(0), mix(1), mix(2))).fg(Color::Rgb(text, text, text))
            }
        }
    }

    fn colored(&self, full: Color, indexed: Color, named: Color) -> Style {
        match self.depth {
            ColorDepth::True => Style::new().fg(full),
            ColorDepth::Indexed => Style::new().fg(indexed),
            ColorDepth::Sixteen => Style::new().fg(named),
            ColorDepth::Mono => Style::new(),
        }
    }

    /// Turns the 24-bit colours of pictures into what the terminal can show.
    pub fn reduce_colors(&self, buffer: &mut Buffer) {
        if self.depth == ColorDepth::True {
            return;
        }
        for cell in &mut buffer.content {
            cell.fg = self.reduce(cell.fg);
            cell.bg = self.reduce(cell.bg);
        }
    }

    fn reduce(&self, color: Color) -> Color {
        let Color::Rgb(red, green, blue) = color else { return color };
        match self.depth {
            ColorDepth::True => color,
            ColorDepth::Indexed => Color::Indexed(nearest_indexed(red, green, blue)),
            ColorDepth::Sixteen => nearest_named(red, green, blue),
            ColorDepth::Mono => Color::Reset,
        }
    }
}

/// The levels of xterm's 6×6×6 colour cube.
const CUBE: [u8; 6] = [0, 95, 135, 175, 215, 255];

fn distance(a: [u8; 3], b: [u8; 3]) -> u32 {
    a.iter().zip(b).map(|(&x, y)| u32::from(x.abs_diff(y)).pow(2)).sum()
}

fn nearest_indexed(red: u8, green: u8, blue: u8) -> u8 {
    let level = |value: u8| (0..6u8).min_by_key(|&i| CUBE[usize::from(i)].abs_diff(value)).unwrap_or(0);
    let (r, g, b) = (level(red), level(green), level(blue));
    let cube = [CUBE[usize::from(r)], CUBE[usize::from(g)], CUBE[usize::from(b)]];
    let mean = (u16::from(red) + u16::from(green) + u16::from(blue)) / 3;
    let step = (mean.saturating_sub(8) / 10).min(23) as u8;
    let grey = 8 + 10 * step;
    let wanted = [red, green, blue];
    if distance(wanted, [grey; 3]) < distance(wanted, cube) { 232 + step } else { 16 + 36 * r + 6 * g + b }
}

fn nearest_named(red: u8, green: u8, blue: u8) -> Color {
    const NAMED: [(Color, [u8; 3]); 16] = [
        (Color::Black, [0, 0, 0]),
        (Color::Red, [205, 0, 0]),
        (Color::Green, [0, 205, 0]),
        (Color::Yellow, [205, 205, 0]),
        (Color::Blue, [0, 0, 238]),
        (Color::Magenta, [205, 0, 205]),
        (Color::Cyan, [0, 205, 205]),
        (Color::Gray, [229, 229, 229]),
        (Color::DarkGray, [127, 127, 127]),
        (Color::LightRed, [255, 0, 0]),
        (Color::LightGreen, [0, 255, 0]),
        (Color::LightYellow, [255, 255, 0]),
        (Color::LightBlue, [92, 92, 255]),
        (Color::LightMagenta, [255, 0, 255]),
        (Color::LightCyan, [0, 255, 255]),
        (Color::White, [255, 255, 255]),
    ];
    NAMED
        .iter()
        .min_by_key(|(_, rgb)| distance([red, green, blue], *rgb))
        .map_or(Color::Reset, |(color, _)| *color)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn depth(choice: ColorChoice, variables: &[(&str, &str)]) -> ColorDepth {
        ColorDepth::detect(choice, |name| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_flag_wins_over_the_environment() {
        let kitty = [("TERM", "xterm-kitty"), ("COLORTERM", "truecolor")];
        assert_eq!(depth(ColorChoice::Auto, &kitty), ColorDepth::True);
        assert_eq!(depth(ColorChoice::Never, &kitty), ColorDepth::Mono);
        let no_color = [("TERM", "xterm-256color"), ("NO_COLOR", "1")];
        assert_eq!(depth(ColorChoice::Auto, &no_color), ColorDepth::Mono);
        assert_eq!(depth(ColorChoice::Always, &no_color), ColorDepth::Indexed);
        assert_eq!(depth(ColorChoice::Auto, &[("TERM", "dumb")]), ColorDepth::Mono);
        assert_eq!(depth(ColorChoice::Auto, &[("TERM", "vt220")]), ColorDepth::Sixteen);
    }

    #[test]
    fn a_background_is_light_or_dark() {
        assert_eq!(Palette::on([1.0, 1.0, 0.93]), Palette::Light);
        assert_eq!(Palette::on([0.99, 0.96, 0.89]), Palette::Light, "solarized");
        assert_eq!(Palette::on([0.0, 0.17, 0.21]), Palette::Dark, "solarized");
        assert_eq!(Palette::on([0.0, 0.0, 1.0]), Palette::Dark);
    }

    #[test]
    fn no_row_turns_ink_round() {
        for depth in [ColorDepth::Mono, ColorDepth::Sixteen, ColorDepth::Indexed, ColorDepth::True] {
            for palette in [Palette::Dark, Palette::Light, Palette::Unknown] {
                let style = Theme { depth, palette, glyphs: UNICODE }.selected();
                assert!(!style.add_modifier.contains(Modifier::REVERSED));
                assert!(palette != Palette::Unknown || style.bg.is_none());
            }
        }
    }

    #[test]
    fn colours_go_to_their_nearest_neighbours() {
        assert_eq!(nearest_indexed(255, 0, 0), 196);
        assert_eq!(nearest_indexed(0, 0, 0), 16);
        assert_eq!(nearest_indexed(128, 128, 128), 244);
        assert_eq!(nearest_indexed(95, 135, 175), 67);
        assert_eq!(nearest_named(250, 250, 250), Color::White);
        assert_eq!(nearest_named(200, 10, 10), Color::Red);
    }
}
