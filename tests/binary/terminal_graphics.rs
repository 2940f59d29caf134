//! Pictures on terminals of all kinds, and what goes over the wire: the real binary in a pseudo-terminal.

use std::time::Duration;

use crate::pseudo_terminal::{
    BEGIN, Command, END, GARBAGE, ITERM2_TERMINAL, KITTY_TERMINAL, LATE, MUTE, PIXEL, PLAIN, SIXEL_TERMINAL,
    Session, Terminal,
};

/// The keys that lead to a picture and back, and what the screens say there.
mod steps {
    /// The session is there, on the screen where it was left.
    pub const READY: &str = "· ready";
    /// To the table of strategies.
    pub const START_SCREEN: &str = "1";
    pub const START: &str = "against baseline";
    /// To the first image, large.
    pub const TO_PICTURE: &str = "4\r";
    pub const AT_PICTURE: &str = "true class";
    /// To the next image.
    pub const NEXT_PICTURE: &str = "n";
    pub const AT_NEXT_PICTURE: &str = "2 of ";
    /// Back from what lies over a screen.
    pub const BACK: &str = "\x1b";
    pub const HELP: &str = "?";
    pub const AT_HELP: &str = "Commands and keys";
    /// Moves the selection of a table by a row.
    pub const DOWN: &str = "j";
    /// Does nothing anywhere.
    pub const NOTHING: &str = "\x0b";
    /// Draws every cell anew.
    pub const REDRAW: &str = "\x0c";
    pub const QUIT: &str = "q";
}

/// Kitty's placeholder.
const PLACEHOLDER: char = '\u{10eeee}';

/// Nothing comes for so long: nothing will.
const QUIET: Duration = Duration::from_millis(500);

/// Nothing comes for so long: what was asked for is there.
const SETTLED: Duration = Duration::from_millis(100);

fn open(terminal: Terminal, home: &tempfile::TempDir, arguments: &[&str]) -> Session {
    let mut session = Session::start_on(terminal, home.path(), arguments, 24, 80);
    session.wait_for(steps::READY);
    session.press(steps::START_SCREEN);
    session.wait_for(steps::START);
    session
}

/// The frames that bytes consist of.
fn frames(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let mut frames = Vec::new();
    let mut rest = &*text;
    while !rest.is_empty() {
        let frame = rest.strip_prefix(BEGIN).unwrap_or_else(|| panic!("outside a frame: {rest:?}"));
        let (frame, after) = frame.split_once(END).unwrap_or_else(|| panic!("without an end: {rest:?}"));
        assert!(!frame.contains(BEGIN));
        frames.push(frame.to_owned());
        rest = after;
    }
    frames
}

fn has(character: char) -> impl Fn(&str) -> bool {
    move |text| text.contains(character)
}

/// Walks to a picture, over help, to the next picture and back; `shown` stands where the picture is.
fn walk(session: &mut Session, shown: char, command: Option<Command>) {
    session.press(steps::TO_PICTURE);
    session.wait_for(steps::AT_PICTURE);
    session.wait(has(shown)).unwrap();
    assert_eq!(session.look().commands.is_empty(), command.is_none());

    session.press(steps::HELP);
    let help = session.wait_for(steps::AT_HELP);
    if matches!(command, Some(Command::Sixel | Command::Iterm2)) {
        assert!(!help.contains(PIXEL), "pixels beside the help:\n{help}");
    }
    session.press(steps::BACK);
    session.wait(|text| text.contains(shown) && !text.contains(steps::AT_HELP)).unwrap();

    session.press(steps::NEXT_PICTURE);
    session.wait_for(steps::AT_NEXT_PICTURE);
    session.wait(has(shown)).unwrap();
    session.wait_for_quiet(SETTLED);
    let before = session.received();
    session.press(steps::START_SCREEN);
    let back = session.wait(|text| text.contains(steps::START) && !text.contains(shown)).unwrap();
    assert!(!back.contains([PIXEL, PLACEHOLDER]), "{back}");
    assert!(!frames(&session.look().received[before..]).is_empty());
}

/// One home for all: the demo is embedded once.
#[test]
fn pictures_come_and_go_on_every_terminal() {
    let home = tempfile::tempdir().unwrap();
    each_terminal_gets_the_pictures_it_can_show(&home);
    a_choice_wins_over_the_answers(&home);
    late_answers_are_not_taken_for_keys(&home);
    pictures_outlive_a_resize_and_are_gone_while_suspended(&home);
}

fn each_terminal_gets_the_pictures_it_can_show(home: &tempfile::TempDir) {
    let terminals = [
        (PLAIN, '▀', None),
        (KITTY_TERMINAL, PLACEHOLDER, Some(Command::Kitty)),
        (SIXEL_TERMINAL, PIXEL, Some(Command::Sixel)),
        (ITERM2_TERMINAL, PIXEL, Some(Command::Iterm2)),
        (GARBAGE, '▀', None),
        (MUTE, '▀', None),
    ];
    for (terminal, shown, command) in terminals {
        let mut session = open(terminal, home, &[]);
        walk(&mut session, shown, command);
        let sent = session.look().commands.clone();
        assert!(sent.iter().all(|sent| Some(*sent) == command), "{}: {sent:?}", terminal.name);
        session.press(steps::QUIT);
        assert_eq!(session.end(), 0);
    }
}

fn a_choice_wins_over_the_answers(home: &tempfile::TempDir) {
    for (choice, shown) in [("halfblocks", '▀'), ("sixel", PIXEL), ("iterm2", PIXEL), ("kitty", PLACEHOLDER)]
    {
        let mut session = open(KITTY_TERMINAL, home, &["--pictures", choice]);
        session.press(steps::TO_PICTURE);
        session.wait(has(shown)).unwrap_or_else(|text| panic!("{choice}:\n{text}"));
        session.press(steps::QUIT);
        assert_eq!(session.end(), 0);
    }
    let mut session = open(KITTY_TERMINAL, home, &["--pictures", "off"]);
    session.press(steps::TO_PICTURE);
    let text = session.wait_for("--pictures off");
    assert!(!text.contains([PIXEL, PLACEHOLDER, '▀']) && session.look().commands.is_empty(), "{text}");
    session.press(steps::QUIT);
    assert_eq!(session.end(), 0);
}

fn late_answers_are_not_taken_for_keys(home: &tempfile::TempDir) {
    let mut session = open(LATE, home, &[]);
    let before = session.wait_for(steps::START);
    session.answer();
    session.wait_for_quiet(QUIET);
    assert_eq!(session.look().text(), before);
    session.press(steps::TO_PICTURE);
    session.wait_for(steps::AT_PICTURE);
    session.wait(has('▀')).unwrap();
    session.press(steps::QUIT);
    assert_eq!(session.end(), 0);
}

fn pictures_outlive_a_resize_and_are_gone_while_suspended(home: &tempfile::TempDir) {
    for (terminal, shown) in [(SIXEL_TERMINAL, PIXEL), (KITTY_TERMINAL, PLACEHOLDER)] {
        let mut session = open(terminal, home, &[]);
        session.press(steps::TO_PICTURE);
        session.wait(has(shown)).unwrap();
        session.resize(40, 120);
        session.wait(|text| text.lines().count() > 24 && text.contains(shown)).unwrap();
        session.wait_for_quiet(SETTLED);
        let commands = session.look().commands.len();
        session.press(steps::REDRAW);
        session.wait_until(|now| now.commands.len() > commands && now.text().contains(shown)).unwrap();
        #[cfg(target_os = "linux")]
        {
            session.press("\x1a");
            crate::pseudo_terminal::wait_until_stopped(&session);
            session.wait_until(|now| !now.parser.screen().alternate_screen() && now.held.is_empty()).unwrap();
            assert!(!session.look().text().contains(shown));
            let commands = session.look().commands.len();
            crate::pseudo_terminal::signal("-CONT", &session.pid());
            session.wait_until(|now| now.text().contains(shown) && now.commands.len() > commands).unwrap();
        }
        session.press(steps::QUIT);
        assert_eq!(session.end(), 0);
    }
}

#[test]
fn ctrl_c_is_heard_while_the_terminal_is_asked() {
    let home = tempfile::tempdir().unwrap();
    let mut session = Session::start_on(MUTE, home.path(), &[], 24, 80);
    session.wait_until(|now| now.received.ends_with(b"\x1b[c")).unwrap();
    session.press("\x03");
    assert_eq!(session.end(), 130);
}

#[test]
fn little_goes_over_the_wire() {
    let home = tempfile::tempdir().unwrap();
    let mut session = open(PLAIN, &home, &[]);
    session.wait_for_quiet(QUIET);
    let mut received = session.received();

    session.press(steps::DOWN);
    session.wait_until(|now| now.received.len() > received).unwrap();
    session.wait_for_quiet(QUIET);
    let row = session.look().received[received..].to_vec();
    assert_eq!(frames(&row).len(), 1, "{:?}", String::from_utf8_lossy(&row));
    assert!(row.len() <= 4096, "{} bytes for a row", row.len());

    // Idle, and keys that change nothing.
    received = session.received();
    session.wait_for_quiet(QUIET);
    session.press(steps::NOTHING);
    session.wait_for_quiet(QUIET);
    assert_eq!(session.received(), received);

    // Everything from the first frame on is a frame.
    let everything = session.look().received.clone();
    let start = everything.windows(BEGIN.len()).position(|part| part == BEGIN.as_bytes()).unwrap();
    assert!(!frames(&everything[start..]).is_empty());
    session.press(steps::QUIT);
    assert_eq!(session.end(), 0);
}
