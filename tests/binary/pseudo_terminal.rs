//! A program on a terminal of its own: the terminal is played, down to its answers and its pictures.
//!
//! Pictures are painted as `PIXEL` into the cells that they cover, so that a test sees whether they are written over.

// Each test file is a program of its own, and not every one of them uses everything.
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use vt100::Parser;

/// Long enough for the demo to be embedded on a slow machine that does other things too.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Stands in the cells that a picture covers.
pub const PIXEL: char = '▒';

/// The pixels of a cell.
const CELL: (usize, usize) = (10, 20);

/// Around a synchronized update.
pub const BEGIN: &str = "\x1b[?2026h";
pub const END: &str = "\x1b[?2026l";

/// Primary device attributes; every terminal answers.
const ATTRIBUTES: &str = "\x1b[c";
const KITTY: &str = "\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24,U=1;AAAA\x1b\\";
const CELL_SIZE: &str = "\x1b[16t";
const AREA_SIZE: &str = "\x1b[14t";
const NAME: &str = "\x1b[>q";

/// A terminal: its answers to questions, and when it gives them.
#[derive(Debug, Clone, Copy)]
pub struct Terminal {
    pub name: &'static str,
    answers: &'static [(&'static str, &'static str)],
    /// Answers wait until `Session::answer` is called.
    late: bool,
}

/// One without graphics.
pub const PLAIN: Terminal = Terminal { name: "plain", answers: &[(ATTRIBUTES, "\x1b[?62;22c")], late: false };

pub const KITTY_TERMINAL: Terminal = Terminal {
    name: "kitty",
    answers: &[
        (KITTY, "\x1b_Gi=31;OK\x1b\\"),
        (CELL_SIZE, "\x1b[6;20;10t"),
        (NAME, "\x1bP>|kitty(0.36.4)\x1b\\"),
        (ATTRIBUTES, "\x1b[?62;52;c"),
    ],
    late: false,
};

pub const SIXEL_TERMINAL: Terminal = Terminal {
    name: "sixel",
    answers: &[
        (AREA_SIZE, "\x1b[4;480;800t"),
        (NAME, "\x1bP>|XTerm(390)\x1b\\"),
        (ATTRIBUTES, "\x1b[?64;1;2;4;22c"),
    ],
    late: false,
};

pub const ITERM2_TERMINAL: Terminal = Terminal {
    name: "iTerm2",
    answers: &[
        (CELL_SIZE, "\x1b[6;20;10t"),
        (NAME, "\x1bP>|iTerm2 3.5.0\x1b\\"),
        (ATTRIBUTES, "\x1b[?64;1;2;4;6;22c"),
    ],
    late: false,
};

/// One that answers nothing.
pub const MUTE: Terminal = Terminal { name: "mute", answers: &[], late: false };

/// One whose answers come long after the time for them; each holds letters that are keys.
pub const LATE: Terminal = Terminal {
    name: "late",
    answers: &[
        (KITTY, "\x1b_Gi=31;OK\x1b\\"),
        (CELL_SIZE, "\x1b[6;20;10t"),
        (AREA_SIZE, "\x1b[4;480;800t"),
        (NAME, "\x1bP>|quick r q\x1b\\"),
        (ATTRIBUTES, "\x1b[?62;4;22c"),
    ],
    late: true,
};

/// One that answers with nonsense before it answers the last question.
pub const GARBAGE: Terminal = Terminal {
    name: "garbage",
    answers: &[
        (KITTY, "\x1b_Gi=31;ENOTSUP:q\x1b\\q\x00\x1b[\x1b_"),
        (CELL_SIZE, "\x1b[6;q\x1b[6;0;0t"),
        (NAME, "\x1bP>|"),
        (ATTRIBUTES, "\x1b[?62;22c"),
    ],
    late: false,
};

/// What the terminal has received and shows, and whether the program has closed it.
pub struct Shown {
    pub parser: Parser,
    /// All bytes that came.
    pub received: Vec<u8>,
    /// The pictures that kitty holds.
    pub held: BTreeSet<u32>,
    /// Picture commands that came.
    pub commands: Vec<Command>,
    pub closed: bool,
    /// A synchronized update has begun: what it changes is not shown yet.
    is_updating: bool,
    /// Bytes not looked at: the beginning of a command.
    rest: Vec<u8>,
    unsent: String,
}

/// A command that brings a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    Sixel,
    Iterm2,
    Kitty,
}

impl Shown {
    /// Looks at bytes; returns what the terminal answers to them.
    fn take(&mut self, bytes: &[u8], terminal: Terminal) -> String {
        self.received.extend_from_slice(bytes);
        self.rest.extend_from_slice(bytes);
        let mut answers = String::new();
        let rest = std::mem::take(&mut self.rest);
        let mut rest = rest.as_slice();
        while let Some(start) = rest.iter().position(|&byte| byte == 0x1b) {
            self.parser.process(&rest[..start]);
            rest = &rest[start..];
            let Some(length) = length(rest) else { break };
            let (sequence, after) = rest.split_at(length);
            rest = after;
            let text = String::from_utf8_lossy(sequence).into_owned();
            if let Some((_, answer)) = terminal.answers.iter().find(|(question, _)| *question == text) {
                answers.push_str(answer);
            } else if text == BEGIN || text == END {
                self.is_updating = text == BEGIN;
            } else if !self.picture(&text) {
                self.parser.process(sequence);
            }
        }
        if rest.first() == Some(&0x1b) {
            self.rest = rest.to_vec();
        } else {
            self.parser.process(rest);
        }
        answers
    }

    /// Carries a picture command out; false for anything else.
    fn picture(&mut self, command: &str) -> bool {
        let number = |key: &str| -> Option<usize> {
            let rest = &command[command.find(key)? + key.len()..];
            rest[..rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())].parse().ok()
        };
        if command.starts_with("\x1bP") && command.contains('q') {
            let raster = command.split('"').nth(1).expect("a sixel picture tells its size");
            let numbers: Vec<usize> = raster
                .split(|c: char| !c.is_ascii_digit())
                .take(4)
                .map(|number| number.parse().unwrap())
                .collect();
            self.paint(numbers[2], numbers[3]);
            self.commands.push(Command::Sixel);
        } else if command.starts_with("\x1b]1337;File=") {
            self.paint(number(";width=").unwrap(), number(";height=").unwrap());
            self.commands.push(Command::Iterm2);
        } else if command.starts_with("\x1b_G") {
            let id = number("i=").and_then(|id| u32::try_from(id).ok());
            if command.contains("a=T") {
                assert!(command.contains("o=z"), "not compressed: {command:?}");
                self.held.insert(id.unwrap());
                self.commands.push(Command::Kitty);
            } else if command.contains("a=d") {
                assert!(self.held.remove(&id.unwrap()), "deleted, but not there: {command:?}");
            }
        } else {
            return false;
        }
        true
    }

    fn paint(&mut self, width: usize, height: usize) {
        let (row, column) = self.parser.screen().cursor_position();
        let pixels = String::from(PIXEL).repeat(width.div_ceil(CELL.0));
        self.parser.process(b"\x1b7");
        for line in 0..height.div_ceil(CELL.1) {
            let place = format!("\x1b[{};{}H{pixels}", usize::from(row) + 1 + line, column + 1);
            self.parser.process(place.as_bytes());
        }
        self.parser.process(b"\x1b8");
    }

    pub fn text(&self) -> String {
        self.parser.screen().contents()
    }
}

/// The length of the escape sequence at the start, once it is whole.
fn length(bytes: &[u8]) -> Option<usize> {
    let find = |end: &[u8]| bytes.windows(end.len()).position(|part| part == end).map(|at| at + end.len());
    match bytes.get(1)? {
        b'P' | b'_' => find(b"\x1b\\"),
        b']' => find(b"\x07").into_iter().chain(find(b"\x1b\\")).min(),
        b'[' => bytes.iter().skip(2).position(|byte| (0x40..=0x7e).contains(byte)).map(|at| at + 3),
        _ => Some(2),
    }
}

/// A program on a terminal of its own.
pub struct Session {
    terminal: Terminal,
    child: Box<dyn Child + Send + Sync>,
    keys: Arc<Mutex<Box<dyn Write + Send>>>,
    master: Box<dyn MasterPty + Send>,
    shown: Arc<(Mutex<Shown>, Condvar)>,
}

impl Session {
    pub fn start(home: &Path, arguments: &[&str], rows: u16, cols: u16) -> Self {
        Self::start_on(PLAIN, home, arguments, rows, cols)
    }

    /// With more variables in its environment.
    pub fn start_with(home: &Path, variables: &[(&str, &str)], rows: u16, cols: u16) -> Self {
        Self::start_in(PLAIN, home, &[], variables, rows, cols)
    }

    pub fn start_on(terminal: Terminal, home: &Path, arguments: &[&str], rows: u16, cols: u16) -> Self {
        Self::start_in(terminal, home, arguments, &[], rows, cols)
    }

    pub fn start_in(
        terminal: Terminal,
        home: &Path,
        arguments: &[&str],
        variables: &[(&str, &str)],
        rows: u16,
        cols: u16,
    ) -> Self {
        let size = PtySize { rows, cols, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_cupl-tui"));
        command.args(arguments);
        command.env_clear();
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        command.env("HOME", home);
        command.env("XDG_DATA_HOME", home.join("data"));
        variables.iter().for_each(|(name, value)| command.env(name, value));
        command.cwd(home);
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let output = pair.master.try_clone_reader().unwrap();
        let keys = Arc::new(Mutex::new(pair.master.take_writer().unwrap()));
        let shown = Shown {
            parser: Parser::new(rows, cols, 0),
            received: Vec::new(),
            held: BTreeSet::new(),
            commands: Vec::new(),
            closed: false,
            is_updating: false,
            rest: Vec::new(),
            unsent: String::new(),
        };
        let shown = Arc::new((Mutex::new(shown), Condvar::new()));
        let (its_shown, its_keys) = (Arc::clone(&shown), Arc::clone(&keys));
        thread::spawn(move || play(terminal, output, &its_shown, &its_keys));
        Self { terminal, child, keys, master: pair.master, shown }
    }

    pub fn press(&mut self, keys: &str) {
        send(&self.keys, keys);
    }

    /// Sends the answers that were held back.
    pub fn answer(&mut self) {
        let unsent = std::mem::take(&mut self.look().unsent);
        assert!(!unsent.is_empty(), "nothing was asked");
        send(&self.keys, &unsent);
    }

    pub fn resize(&self, rows: u16, cols: u16) {
        self.look().parser.screen_mut().set_size(rows, cols);
        self.master.resize(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }).unwrap();
    }

    /// What the terminal shows at this moment.
    pub fn look(&self) -> MutexGuard<'_, Shown> {
        self.shown.0.lock().unwrap()
    }

    /// Waits until the terminal is as wanted; says what it showed instead when it never is.
    pub fn wait_until(&self, wanted: impl Fn(&Shown) -> bool) -> Result<String, String> {
        let end = Instant::now() + PATIENCE;
        let mut shown = self.look();
        loop {
            if !shown.is_updating && wanted(&shown) {
                return Ok(shown.text());
            }
            let left = end.saturating_duration_since(Instant::now());
            if shown.closed || left.is_zero() {
                return Err(format!("on the {} terminal:\n{}", self.terminal.name, shown.text()));
            }
            shown = self.shown.1.wait_timeout(shown, left).unwrap().0;
        }
    }

    /// Waits until the text on the screen is as wanted.
    pub fn wait(&self, wanted: impl Fn(&str) -> bool) -> Result<String, String> {
        self.wait_until(|shown| wanted(&shown.text()))
    }

    pub fn wait_for(&self, part: &str) -> String {
        self.wait(|text| text.contains(part))
            .unwrap_or_else(|text| panic!("{part:?} never came; the screen was:\n{text}"))
    }

    /// How many bytes have come, once the terminal shows all of them.
    pub fn received(&self) -> usize {
        self.wait_until(|_| true).unwrap();
        self.look().received.len()
    }

    /// Waits until nothing has come for so long.
    pub fn wait_for_quiet(&self, quiet: Duration) {
        let end = Instant::now() + PATIENCE;
        let mut shown = self.look();
        loop {
            let before = shown.received.len();
            let (now, time) = self.shown.1.wait_timeout(shown, quiet).unwrap();
            assert!(!now.closed && Instant::now() < end, "it never was quiet:\n{}", now.text());
            if time.timed_out() && now.received.len() == before {
                return;
            }
            shown = now;
        }
    }

    pub fn pid(&self) -> String {
        self.child.process_id().unwrap().to_string()
    }

    /// The exit code, once the program has ended; the terminal must be as it was.
    pub fn end(mut self) -> u32 {
        let left = self.wait(|_| false).unwrap_err();
        assert!(self.look().closed, "it does not end:\n{left}");
        let status = self.child.wait().unwrap();
        let shown = self.look();
        let screen = shown.parser.screen();
        assert!(!screen.alternate_screen(), "left on the alternate screen:\n{}", screen.contents());
        assert!(!screen.hide_cursor(), "the cursor is hidden");
        assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
        assert!(!screen.contents().contains(PIXEL), "a picture is left on the screen");
        assert!(shown.held.is_empty(), "the terminal still holds pictures");
        status.exit_code()
    }
}

impl Drop for Session {
    /// A failed test leaves no program behind.
    fn drop(&mut self) {
        let _ended = self.child.kill();
    }
}

fn send(keys: &Mutex<Box<dyn Write + Send>>, text: &str) {
    let mut keys = keys.lock().unwrap();
    keys.write_all(text.as_bytes()).unwrap();
    keys.flush().unwrap();
}

fn play(
    terminal: Terminal,
    mut output: Box<dyn Read + Send>,
    shown: &(Mutex<Shown>, Condvar),
    keys: &Mutex<Box<dyn Write + Send>>,
) {
    let mut bytes = [0; 4096];
    loop {
        let read = output.read(&mut bytes).unwrap_or(0);
        let mut now = shown.0.lock().unwrap();
        let mut answers = String::new();
        if read == 0 {
            now.closed = true;
        } else {
            answers = now.take(&bytes[..read], terminal);
        }
        if terminal.late {
            now.unsent.push_str(&std::mem::take(&mut answers));
        }
        drop(now);
        shown.1.notify_all();
        if !answers.is_empty() {
            send(keys, &answers);
        }
        if read == 0 {
            return;
        }
    }
}

pub fn signal(name: &str, pid: &str) {
    assert!(std::process::Command::new("kill").args([name, pid]).status().unwrap().success());
}

/// Waits until the system has stopped the program.
#[cfg(target_os = "linux")]
pub fn wait_until_stopped(session: &Session) {
    let stopped = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", session.pid())).unwrap();
        stat.rsplit(") ").next().unwrap().starts_with('T')
    };
    let end = Instant::now() + PATIENCE;
    while !stopped() {
        assert!(Instant::now() < end, "it never stopped");
        thread::yield_now();
    }
}
