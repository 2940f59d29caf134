//! The terminal is borrowed: whatever happens, it goes back as it came.

mod frames;

use std::fs::File;
use std::io::{self, Sink, Write};
use std::os::fd::AsFd;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use ratatui::backend::CrosstermBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::Command;
use ratatui::crossterm::clipboard::CopyToClipboard;
use ratatui::crossterm::style::force_color_output;
use ratatui::crossterm::terminal::{self, disable_raw_mode, enable_raw_mode};
use ratatui::layout::{Position, Rect, Size};
use ratatui::{Terminal, TerminalOptions, Viewport};

use super::draw;
use super::graphics::{self, Asked, PictureChoice, Surroundings};
use super::state::State;
use super::theme::Theme;
use crate::files::foreign::is_reading;
use frames::Frames;

/// Whether the screen is ours at the moment: the panic hook needs to know.
static BORROWED: AtomicBool = AtomicBool::new(false);

/// What takes our pictures from the terminal, for whoever gives it back.
static FAREWELL: Mutex<String> = Mutex::new(String::new());

/// To the alternate screen, without a cursor; pasted text is told from typed keys.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[?2004h";

/// Clicks and the wheel are reported, with columns beyond 223.
const MOUSE_ON: &str = "\x1b[?1000h\x1b[?1006h";
const MOUSE_OFF: &str = "\x1b[?1006l\x1b[?1000l";

/// Whether the mouse is ours while the screen is.
static MOUSE: AtomicBool = AtomicBool::new(false);

/// Ends a synchronized update that may have been begun; back to the screen before, with a cursor.
const LEAVE: &str = "\x1b[?2004l\x1b[?1049l\x1b[?25h";
const END_UPDATE: &str = "\x1b[?2026l";

/// The terminal in raw mode on its alternate screen, until dropped.
pub struct BorrowedTerminal {
    /// Frames are drawn on it; nothing of it reaches the terminal.
    canvas: Terminal<CrosstermBackend<Sink>>,
    frames: Frames,
    /// The terminal, without a buffer between: a frame is one write.
    output: File,
}

impl BorrowedTerminal {
    /// Takes the terminal over and asks it for its graphics and, if wanted, its background; no other thread may read from it yet.
    pub fn borrow(choice: PictureChoice, background: bool, mouse: bool) -> io::Result<(Self, Asked)> {
        install_panic_hook();
        MOUSE.store(mouse, Ordering::SeqCst);
        // The theme decides about colours, and kitty's placeholders need theirs.
        force_color_output(true);
        enable_raw_mode()?;
        BORROWED.store(true, Ordering::SeqCst);
        let borrowed = Self::ask_and_enter(choice, background);
        if borrowed.is_err() {
            give_back();
        }
        borrowed
    }

    fn ask_and_enter(choice: PictureChoice, background: bool) -> io::Result<(Self, Asked)> {
        let asked = graphics::ask(choice, background, &Surroundings::new(|name| std::env::var(name).ok()))?;
        let mut output = output()?;
        output.write_all(enter().as_bytes())?;
        let frames = Frames::new(asked.graphics.tmux);
        Ok((Self { canvas: canvas(size()?)?, frames, output }, asked))
    }

    /// The size of the terminal, in cells.
    pub fn size(&self) -> io::Result<Size> {
        size()
    }

    /// Draws one frame: one synchronized update in one write, or nothing where nothing has changed.
    pub fn draw(&mut self, state: &State, theme: &Theme) -> io::Result<()> {
        let size = size()?;
        let area = Rect::from((Position::ORIGIN, size));
        if self.canvas.current_buffer_mut().area != area {
            self.canvas = canvas(size)?;
        }
        draw::draw(&mut self.canvas.get_frame(), state, theme);
        let drawn = std::mem::replace(self.canvas.current_buffer_mut(), Buffer::empty(area));
        let bytes = self.frames.next(drawn, &state.pictures)?;
        if bytes.is_empty() {
            return Ok(());
        }
        remember(self.frames.farewell());
        self.output.write_all(&bytes)
    }

    /// Draws every cell anew with the next frame.
    pub fn redraw(&mut self) {
        self.frames.forget();
    }

    /// Puts text on the user's clipboard: OSC 52, which terminals pass on from the far end of an SSH line.
    pub fn copy(&mut self, text: &str) -> io::Result<()> {
        let mut sequence = String::new();
        CopyToClipboard::to_clipboard_from(text).write_ansi(&mut sequence).map_err(io::Error::other)?;
        self.output.write_all(sequence.as_bytes())
    }

    /// Gives the terminal back, stops the process until `fg`, and takes the terminal over again.
    pub fn suspend(&mut self) -> io::Result<()> {
        give_back();
        signal_hook::low_level::emulate_default_handler(signal_hook::consts::SIGTSTP)?;
        enable_raw_mode()?;
        BORROWED.store(true, Ordering::SeqCst);
        self.output.write_all(enter().as_bytes())?;
        self.frames.restart();
        Ok(())
    }
}

impl Drop for BorrowedTerminal {
    fn drop(&mut self) {
        give_back();
    }
}

fn enter() -> String {
    let mouse = if MOUSE.load(Ordering::SeqCst) { MOUSE_ON } else { "" };
    format!("{ENTER}{mouse}")
}

fn size() -> io::Result<Size> {
    terminal::size().map(|(width, height)| Size { width, height })
}

fn output() -> io::Result<File> {
    Ok(io::stdout().as_fd().try_clone_to_owned()?.into())
}

fn canvas(size: Size) -> io::Result<Terminal<CrosstermBackend<Sink>>> {
    let viewport = Viewport::Fixed(Rect::from((Position::ORIGIN, size)));
    Terminal::with_options(CrosstermBackend::new(io::sink()), TerminalOptions { viewport })
}

/// The hook of a panic in the middle of this finds the lock taken, and does without.
fn remember(farewell: String) {
    if let Ok(mut remembered) = FAREWELL.try_lock() {
        *remembered = farewell;
    }
}

/// Each step is tried even where one before it failed: the terminal may be gone.
fn give_back() {
    if BORROWED.swap(false, Ordering::SeqCst) {
        let farewell =
            FAREWELL.try_lock().map(|mut farewell| std::mem::take(&mut *farewell)).unwrap_or_default();
        let mouse = if MOUSE.load(Ordering::SeqCst) { MOUSE_OFF } else { "" };
        let bytes = [END_UPDATE, &farewell, mouse, LEAVE].concat();
        let _gone = output().and_then(|mut output| output.write_all(bytes.as_bytes()));
        let _gone = disable_raw_mode();
    }
}

/// A panic on the drawing thread gives the terminal back before its message is printed. Panics in jobs are caught,
/// shown as problems, and must not write over the screen.
fn install_panic_hook() {
    static INSTALLED: AtomicBool = AtomicBool::new(false);
    if INSTALLED.swap(true, Ordering::SeqCst) {
        return;
    }
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if is_reading() {
            return;
        }
        let on_drawing_thread = std::thread::current().name() == Some("main");
        if !on_drawing_thread && BORROWED.load(Ordering::SeqCst) {
            return;
        }
        give_back();
        print(info);
    }));
}
