//! The real binary in a pseudo-terminal, as its user has it.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{Read, Write};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use vt100::Parser;

/// Long enough for the demo to be embedded on a slow machine that does other things too.
const PATIENCE: Duration = Duration::from_secs(300);

/// What the terminal shows, and whether the program has closed it.
struct Shown {
    parser: Parser,
    closed: bool,
}

/// A program on a terminal of its own.
struct Session {
    child: Box<dyn Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    master: Box<dyn MasterPty + Send>,
    shown: Arc<(Mutex<Shown>, Condvar)>,
}

impl Session {
    fn start(home: &Path, arguments: &[&str], rows: u16, cols: u16) -> Self {
        let size = PtySize { rows, cols, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_cupl-tui"));
        command.args(arguments);
        command.env_clear();
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        command.env("HOME", home);
        command.env("XDG_DATA_HOME", home.join("data"));
        command.cwd(home);
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut output = pair.master.try_clone_reader().unwrap();
        let shown = Arc::new((
            Mutex::new(Shown { parser: Parser::new(rows, cols, 0), closed: false }),
            Condvar::new(),
        ));
        let its_shown = Arc::clone(&shown);
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            loop {
                let read = output.read(&mut bytes).unwrap_or(0);
                let mut shown = its_shown.0.lock().unwrap();
                if read == 0 {
                    shown.closed = true;
                } else {
                    shown.parser.process(&bytes[..read]);
                }
                its_shown.1.notify_all();
                if read == 0 {
                    return;
                }
            }
        });
        Self { child, keys: pair.master.take_writer().unwrap(), master: pair.master, shown }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    fn resize(&self, rows: u16, cols: u16) {
        self.shown.0.lock().unwrap().parser.screen_mut().set_size(rows, cols);
        self.master.resize(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }).unwrap();
    }

    /// Waits until the screen is as wanted; says what it showed instead when it never is.
    fn wait(&self, wanted: impl Fn(&str) -> bool) -> Result<String, String> {
        let end = Instant::now() + PATIENCE;
        let mut shown = self.shown.0.lock().unwrap();
        loop {
            let text = shown.parser.screen().contents();
            if wanted(&text) {
                return Ok(text);
            }
            let left = end.saturating_duration_since(Instant::now());
            if shown.closed || left.is_zero() {
                return Err(text);
            }
            shown = self.shown.1.wait_timeout(shown, left).unwrap().0;
        }
    }

    fn wait_for(&self, part: &str) -> String {
        self.wait(|text| text.contains(part))
            .unwrap_or_else(|text| panic!("{part:?} never came; the screen was:\n{text}"))
    }

    fn pid(&self) -> String {
        self.child.process_id().unwrap().to_string()
    }

    /// The exit code, once the program has ended; the terminal must be as it was.
    fn end(mut self) -> u32 {
        let status = self.child.wait().unwrap();
        let closed = self.wait(|_| false);
        assert!(closed.is_err());
        let shown = self.shown.0.lock().unwrap();
        let screen = shown.parser.screen();
        assert!(!screen.alternate_screen(), "left on the alternate screen:\n{}", screen.contents());
        assert!(!screen.hide_cursor(), "the cursor is hidden");
        assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
        status.exit_code()
    }
}

fn signal(name: &str, pid: &str) {
    assert!(std::process::Command::new("kill").args([name, pid]).status().unwrap().success());
}

#[test]
fn the_demo_from_start_to_quit_and_again() {
    let home = tempfile::tempdir().unwrap();
    let mut first = Session::start(home.path(), &[], 24, 80);
    let overview = first.wait_for("against A");
    for part in ["demo", "1,000 images", "10 classes", "templates", "cupl", "both", "baseline", "frog"] {
        assert!(overview.contains(part), "{part:?} is not in\n{overview}");
    }

    // Hide the selected strategy: the next one takes its place.
    first.press("\t ");
    first.wait_for("B both");
    first.press(" \t");
    first.wait_for("B cupl");

    // Where CuPL loses, then where it gains most: open that class and look at a miss.
    first.press("r");
    first.wait_for("losses first");
    first.press("r");
    first.wait_for("gains first");
    first.press("\r");
    let images = first.wait_for("true class");
    assert!(images.contains("missed by A or B"), "{images}");
    let half_blocks = |text: &str| text.matches(['▀', '▄']).count();
    first.wait(|text| half_blocks(text) > 40).unwrap();
    first.press("n");
    first.wait_for("2 of ");
    first.press("?");
    first.wait_for("Keys");
    first.press("\x1b");
    first.wait_for("true class");
    first.resize(40, 120);
    first.wait(|text| text.lines().count() > 24 && text.contains("true class")).unwrap();
    first.press("q");
    assert_eq!(first.end(), 0);

    // The second start has everything: its first frame already shows the numbers.
    let mut second = Session::start(home.path(), &[], 24, 80);
    let screen = second.wait(|text| text.contains("cupl-tui")).unwrap();
    let screen = if screen.contains("quit") { screen } else { second.wait_for("quit") };
    assert!(screen.contains("against A"), "the first frame was\n{screen}");
    second.press("q");
    assert_eq!(second.end(), 0);
}

#[test]
fn signals_and_interruptions_leave_a_clean_terminal() {
    let home = tempfile::tempdir().unwrap();
    for name in ["-TERM", "-HUP"] {
        let session = Session::start(home.path(), &[], 24, 80);
        session.wait_for("cupl-tui");
        signal(name, &session.pid());
        assert_eq!(session.end(), 130);
    }
    let mut session = Session::start(home.path(), &[], 24, 80);
    session.wait_for("cupl-tui");
    session.press("\x03");
    assert_eq!(session.end(), 130);
}

#[test]
#[cfg(target_os = "linux")]
fn suspended_and_continued_it_draws_itself_again() {
    let home = tempfile::tempdir().unwrap();
    let arguments = ["--checkpoint", "nowhere", "--images", "demo", "--cupl", "demo"];
    let mut session = Session::start(home.path(), &arguments, 24, 80);
    session.wait_for("try again");
    session.press("\x1a");
    let stopped = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", session.pid())).unwrap();
        stat.rsplit(") ").next().unwrap().starts_with('T')
    };
    let end = Instant::now() + PATIENCE;
    while !stopped() {
        assert!(Instant::now() < end, "it never stopped");
        thread::yield_now();
    }
    session.wait(|text| !text.contains("try again")).unwrap();
    assert!(!session.shown.0.lock().unwrap().parser.screen().alternate_screen());
    signal("-CONT", &session.pid());
    session.wait_for("try again");
    session.press("q");
    assert_eq!(session.end(), 2);
}

#[test]
fn a_failure_is_shown_and_can_be_left() {
    let home = tempfile::tempdir().unwrap();
    let arguments = ["--checkpoint", "nowhere", "--images", "demo", "--cupl", "demo"];
    let mut session = Session::start(home.path(), &arguments, 24, 80);
    let screen = session.wait_for("nowhere");
    assert!(screen.contains("try again"), "{screen}");
    session.press("q");
    assert_eq!(session.end(), 2);
}

#[test]
fn the_harness_can_fail() {
    let home = tempfile::tempdir().unwrap();
    let session = Session::start(home.path(), &["--version"], 24, 80);
    let shown = session.wait(|text| text.contains("this never appears")).unwrap_err();
    assert!(shown.contains(env!("CARGO_PKG_VERSION")), "{shown}");
}
