//! Which pictures the terminal can show: what its user chose, or what the terminal says when it is asked. Asking changes
//! no setting, neither the terminal's nor tmux's.

pub mod answers;

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{QueueSelector, tcflush, tcgetwinsize};

use answers::{Answers, LateAnswers, parse};

/// What the user wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PictureChoice {
    /// The best that the terminal says it can do.
    Auto,
    /// None.
    Off,
    /// Half-blocks in two colours.
    Halfblocks,
    /// Sixel, whatever the terminal says.
    Sixel,
    /// The kitty protocol, whatever the terminal says.
    Kitty,
    /// The iTerm2 protocol, whatever the terminal says.
    Iterm2,
}

/// How pictures get to the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PictureProtocol {
    /// Not at all.
    Off,
    /// As cells of two colours.
    Halfblocks,
    /// As sixels.
    Sixel,
    /// As kitty's Unicode placeholders.
    Kitty,
    /// As files in iTerm2's form.
    Iterm2,
}

/// The terminal's way of showing pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Graphics {
    /// How pictures get to the screen.
    pub protocol: PictureProtocol,
    /// Width and height of a cell, in pixels of a picture.
    pub cell: (u16, u16),
    /// Commands go through tmux to the terminal outside, which tmux knows nothing of.
    pub tmux: bool,
}

impl Graphics {
    /// Half-blocks: a cell is two pixels, one above the other.
    pub const HALFBLOCKS: Self = Self { protocol: PictureProtocol::Halfblocks, cell: (1, 2), tmux: false };

    /// No pictures.
    pub const OFF: Self = Self { protocol: PictureProtocol::Off, ..Self::HALFBLOCKS };

    /// The same after the terminal's size or font has changed, where it tells its size in pixels.
    pub fn measured_again(self) -> Self {
        let in_pixels = !matches!(self.protocol, PictureProtocol::Off | PictureProtocol::Halfblocks);
        match window_cell().filter(|_| in_pixels) {
            Some(cell) => Self { cell, ..self },
            None => self,
        }
    }
}

/// What the terminal was asked, and what came of it.
#[derive(Debug)]
pub struct Asked {
    /// Its way of showing pictures.
    pub graphics: Graphics,
    /// Answers that may still come.
    pub late: LateAnswers,
    /// The colour of its background: red, green and blue from 0 to 1.
    pub background: Option<[f64; 3]>,
    /// Ctrl-C was pressed meanwhile.
    pub interrupted: bool,
}

/// How long a terminal at the far end of a slow line has for its answers.
const PATIENCE: Duration = Duration::from_secs(1);

/// The size of a cell where the user chose a protocol and the terminal does not tell.
const USUAL_CELL: (u16, u16) = (10, 20);

/// Sends one pixel to be looked at only, as it would be sent for placeholders (`U=1`); what answers `OK` knows the protocol and them.
/// kitty before 0.28 does not know the key, and stays silent
/// (<https://sw.kovidgoyal.net/kitty/graphics-protocol/#querying-support-and-available-transmission-mediums>).
const ASK_KITTY: &str = "\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24,U=1;AAAA\x1b\\";

/// The colour of the background (xterm's OSC 11).
const ASK_BACKGROUND: &str = "\x1b]11;?\x1b\\";

/// Name and version (xterm's XTVERSION).
const ASK_NAME: &str = "\x1b[>q";

/// The sizes of a cell and of the text area, in pixels (xterm's window operations 16 and 14).
const ASK_SIZES: &str = "\x1b[16t\x1b[14t";

/// Primary device attributes. Every terminal answers, and all answer in order: so it is asked last.
const ASK_ATTRIBUTES: &str = "\x1b[c";

/// Terminals that show files in iTerm2's form well. Those of them that know some of kitty's protocol do not know its
/// placeholders.
const SPEAK_ITERM2: [&str; 5] = ["iterm", "wezterm", "mintty", "rio", "bobcat"];

/// Terminals that leave pictures on the screen when their cells are written again, and whose kitty protocol has no
/// placeholders.
const LEAVE_PICTURES: [&str; 3] = ["konsole", "contour", "warp"];

/// What the environment says about the terminal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// `TERM`.
    term: String,
    /// The program runs inside tmux.
    tmux: bool,
    /// The program runs inside GNU screen.
    screen: bool,
    /// Names that the terminal left in the environment.
    names: Vec<String>,
}

impl Surroundings {
    /// Reads them.
    pub fn new(variable: impl Fn(&str) -> Option<String>) -> Self {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        Self {
            term: variable("TERM").unwrap_or_default(),
            tmux: variable("TMUX").is_some(),
            screen: variable("STY").is_some(),
            names: ["TERM_PROGRAM", "LC_TERMINAL"].into_iter().filter_map(variable).collect(),
        }
    }

    /// What to ask. Terminals that would print the question are not asked; tmux is asked for what it does itself.
    fn question(&self, choice: PictureChoice, background: bool) -> String {
        let is_mute = self.screen || matches!(self.term.as_str(), "" | "dumb" | "linux");
        if is_mute {
            return String::new();
        }
        let background = if background { ASK_BACKGROUND } else { "" };
        match choice {
            PictureChoice::Off | PictureChoice::Halfblocks if background.is_empty() => String::new(),
            PictureChoice::Off | PictureChoice::Halfblocks => format!("{background}{ASK_ATTRIBUTES}"),
            _ if self.tmux => format!("{background}{ASK_SIZES}{ASK_ATTRIBUTES}"),
            _ => format!("{background}{ASK_KITTY}{ASK_SIZES}{ASK_NAME}{ASK_ATTRIBUTES}"),
        }
    }
}

/// Asks the terminal, which must be in raw mode while nobody else reads from it: for its graphics and, if wanted, its background.
/// Takes at most a second.
///
/// # Errors
/// When the terminal cannot be written to or read from.
pub fn ask(choice: PictureChoice, background: bool, surroundings: &Surroundings) -> io::Result<Asked> {
    let question = surroundings.question(choice, background);
    let answers = match question.is_empty() {
        true => Answers::default(),
        false => answers_to(question.as_bytes())?,
    };
    let late = LateAnswers::new(!question.is_empty() && !answers.complete);
    let graphics = choose(choice, &answers, surroundings, window_cell());
    Ok(Asked { graphics, late, background: answers.background, interrupted: answers.interrupted })
}

/// The way to show pictures that follows from everything known. `window` is the size of a cell as the kernel has it.
fn choose(
    choice: PictureChoice,
    answers: &Answers,
    surroundings: &Surroundings,
    window: Option<(u16, u16)>,
) -> Graphics {
    let cell = answers.cell.or(window);
    let (protocol, cell) = match choice {
        PictureChoice::Off => return Graphics::OFF,
        PictureChoice::Halfblocks => return Graphics::HALFBLOCKS,
        PictureChoice::Auto => match (best(answers, surroundings), cell) {
            (Some(protocol), Some(cell)) => (protocol, cell),
            _ => return Graphics::HALFBLOCKS,
        },
        PictureChoice::Sixel => (PictureProtocol::Sixel, cell.unwrap_or(USUAL_CELL)),
        PictureChoice::Kitty => (PictureProtocol::Kitty, cell.unwrap_or(USUAL_CELL)),
        PictureChoice::Iterm2 => (PictureProtocol::Iterm2, cell.unwrap_or(USUAL_CELL)),
    };
    // tmux draws sixels itself.
    Graphics { protocol, cell, tmux: surroundings.tmux && protocol != PictureProtocol::Sixel }
}

fn best(answers: &Answers, surroundings: &Surroundings) -> Option<PictureProtocol> {
    let sixel = answers.sixel.then_some(PictureProtocol::Sixel);
    if surroundings.tmux {
        return sixel;
    }
    // The environment may be that of a terminal further out.
    let told = answers.name.as_slice();
    let names = if told.is_empty() { surroundings.names.as_slice() } else { told };
    let is_one_of = |known: &[&str]| {
        let is_known = |name: &String| known.iter().any(|known| name.to_ascii_lowercase().starts_with(known));
        names.iter().any(is_known)
    };
    if is_one_of(&LEAVE_PICTURES) {
        None
    } else if is_one_of(&SPEAK_ITERM2) {
        Some(PictureProtocol::Iterm2)
    } else if answers.kitty {
        Some(PictureProtocol::Kitty)
    } else {
        sixel
    }
}

/// The size of a cell in pixels as the kernel has it from the terminal; some set it to zero.
fn window_cell() -> Option<(u16, u16)> {
    let size = tcgetwinsize(rustix::stdio::stdout()).ok()?;
    cell_of((size.ws_xpixel, size.ws_ypixel), (size.ws_col, size.ws_row))
}

/// The size of a cell of a window with `pixels` and `cells`.
fn cell_of(pixels: (u16, u16), cells: (u16, u16)) -> Option<(u16, u16)> {
    let cell = (pixels.0.checked_div(cells.0)?, pixels.1.checked_div(cells.1)?);
    (cell.0 > 0 && cell.1 > 0).then_some(cell)
}

/// Where keys come from: crossterm reads them from the same place.
fn input() -> io::Result<OwnedFd> {
    let stdin = io::stdin();
    match stdin.is_terminal() {
        true => stdin.as_fd().try_clone_to_owned(),
        false => Ok(File::open("/dev/tty")?.into()),
    }
}

fn answers_to(question: &[u8]) -> io::Result<Answers> {
    let input = input()?;
    File::from(io::stdout().as_fd().try_clone_to_owned()?).write_all(question)?;
    let end = Instant::now() + PATIENCE;
    let mut received = Vec::new();
    let mut buffer = [0; 1024];
    loop {
        let mut answers = parse(&received);
        if answers.complete || answers.interrupted || !is_readable(&input, end)? {
            if !answers.complete {
                tcflush(&input, QueueSelector::IFlush)?;
            }
            let cells =
                tcgetwinsize(rustix::stdio::stdout()).map_or((0, 0), |size| (size.ws_col, size.ws_row));
            answers.cell = answers.cell.or_else(|| cell_of(answers.area?, cells));
            return Ok(answers);
        }
        match rustix::io::read(&input, &mut buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => received.extend_from_slice(&buffer[..count]),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whether there is something to read before `end`.
fn is_readable(input: &OwnedFd, end: Instant) -> io::Result<bool> {
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(input, PollFlags::IN)], Some(&timeout)) {
            Ok(ready) => return Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KITTY: &[u8] = b"\x1b_Gi=31;OK\x1b\\\x1b[6;20;10t\x1bP>|kitty(0.36.4)\x1b\\\x1b[?62;c";
    const FOOT: &[u8] = b"\x1b[6;18;9t\x1bP>|foot(1.16.2)\x1b\\\x1b[?62;4;22c";
    const WEZTERM: &[u8] =
        b"\x1b_Gi=31;OK\x1b\\\x1b[6;20;10t\x1bP>|WezTerm 20240203\x1b\\\x1b[?65;4;6;18;22c";

    fn outside(variables: &[(&str, &str)]) -> Surroundings {
        Surroundings::new(|name| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    fn chosen(choice: PictureChoice, bytes: &[u8], variables: &[(&str, &str)]) -> Graphics {
        choose(choice, &parse(bytes), &outside(variables), None)
    }

    #[test]
    fn what_the_terminal_answers_decides() {
        let auto = |bytes: &[u8]| chosen(PictureChoice::Auto, bytes, &[("TERM", "xterm-256color")]);
        let graphics = |protocol, cell| Graphics { protocol, cell, tmux: false };
        assert_eq!(auto(KITTY), graphics(PictureProtocol::Kitty, (10, 20)));
        assert_eq!(auto(FOOT), graphics(PictureProtocol::Sixel, (9, 18)));
        assert_eq!(auto(WEZTERM), graphics(PictureProtocol::Iterm2, (10, 20)));
        assert_eq!(auto(b"\x1b[?62;4;22c"), Graphics::HALFBLOCKS, "a cell of unknown size");
        assert_eq!(auto(b"\x1b[6;20;10t\x1b[?62;22c"), Graphics::HALFBLOCKS);
        let konsole = b"\x1b_Gi=31;OK\x1b\\\x1b[6;20;10t\x1bP>|Konsole 24.12\x1b\\\x1b[?62;4c";
        assert_eq!(auto(konsole), Graphics::HALFBLOCKS);
        assert_eq!(auto(b""), Graphics::HALFBLOCKS);
    }

    #[test]
    fn the_kernel_knows_the_cell_too() {
        let answers = parse(b"\x1b[?62;4c");
        let graphics = choose(PictureChoice::Auto, &answers, &outside(&[]), Some((8, 16)));
        assert_eq!((graphics.protocol, graphics.cell), (PictureProtocol::Sixel, (8, 16)));
        assert_eq!(cell_of((800, 480), (80, 24)), Some((10, 20)));
        assert_eq!(cell_of((0, 0), (80, 24)), None);
        assert_eq!(cell_of((800, 480), (0, 0)), None);
    }

    #[test]
    fn the_environment_names_a_terminal_that_does_not() {
        let answers: &[u8] = b"\x1b[6;20;10t\x1b[?62;4c";
        let of = |variables: &[(&str, &str)]| chosen(PictureChoice::Auto, answers, variables).protocol;
        assert_eq!(of(&[("LC_TERMINAL", "iTerm2")]), PictureProtocol::Iterm2);
        assert_eq!(of(&[("TERM_PROGRAM", "iTerm.app")]), PictureProtocol::Iterm2);
        assert_eq!(of(&[("TERM_PROGRAM", "")]), PictureProtocol::Sixel);
        let in_xterm = chosen(PictureChoice::Auto, FOOT, &[("TERM_PROGRAM", "iTerm.app")]);
        assert_eq!(in_xterm.protocol, PictureProtocol::Sixel);
    }

    #[test]
    fn in_tmux_only_what_tmux_does_itself() {
        let tmux =
            [("TERM", "tmux-256color"), ("TMUX", "/tmp/tmux-0/default,1,0"), ("LC_TERMINAL", "iTerm2")];
        assert_eq!(chosen(PictureChoice::Auto, b"\x1b[6;20;10t\x1b[?1;2c", &tmux), Graphics::HALFBLOCKS);
        let with_sixel = chosen(PictureChoice::Auto, b"\x1b[6;20;10t\x1b[?1;2;4c", &tmux);
        assert_eq!((with_sixel.protocol, with_sixel.tmux), (PictureProtocol::Sixel, false));
        let kitty = chosen(PictureChoice::Kitty, b"\x1b[?1;2c", &tmux);
        assert_eq!(kitty, Graphics { protocol: PictureProtocol::Kitty, cell: USUAL_CELL, tmux: true });
        assert!(!outside(&tmux).question(PictureChoice::Kitty, false).contains("_G"));
    }

    #[test]
    fn a_choice_wins() {
        assert_eq!(chosen(PictureChoice::Off, KITTY, &[]), Graphics::OFF);
        assert_eq!(chosen(PictureChoice::Halfblocks, KITTY, &[]), Graphics::HALFBLOCKS);
        assert_eq!(chosen(PictureChoice::Sixel, b"", &[]).protocol, PictureProtocol::Sixel);
        assert_eq!(chosen(PictureChoice::Iterm2, KITTY, &[]).protocol, PictureProtocol::Iterm2);
    }

    #[test]
    fn terminals_that_would_print_the_question_are_not_asked() {
        for variables in [&[("TERM", "linux")][..], &[], &[("TERM", "screen"), ("STY", "1.pts-0")]] {
            assert_eq!(outside(variables).question(PictureChoice::Auto, true), "");
        }
        let xterm = outside(&[("TERM", "xterm")]);
        for background in [false, true] {
            let question = xterm.question(PictureChoice::Auto, background);
            assert!(question.ends_with(ASK_ATTRIBUTES));
            assert_eq!(question.contains(ASK_BACKGROUND), background);
        }
        assert_eq!(xterm.question(PictureChoice::Off, false), "");
        assert_eq!(xterm.question(PictureChoice::Halfblocks, false), "");
        assert_eq!(xterm.question(PictureChoice::Off, true), format!("{ASK_BACKGROUND}{ASK_ATTRIBUTES}"));
    }

    #[test]
    fn half_blocks_are_not_measured() {
        assert_eq!(Graphics::HALFBLOCKS.measured_again(), Graphics::HALFBLOCKS);
    }
}
