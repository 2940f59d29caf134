//! The real binary in a pseudo-terminal, as its user has it.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod pseudo_terminal;

use pseudo_terminal::{Session, signal};

#[test]
fn the_demo_from_start_to_quit_and_again() {
    let home = tempfile::tempdir().unwrap();
    let mut first = Session::start(home.path(), &[], 24, 80);
    let overview = first.wait_for("against baseline");
    for part in ["demo", "1,000 images", "10 classes", "templates", "cupl", "both", "baseline", "frog"] {
        assert!(overview.contains(part), "{part:?} is not in\n{overview}");
    }

    // Hide the selected strategy: the next one takes its place.
    first.press(" ");
    first.wait_for("B both");
    first.press(" ");
    first.wait_for("B cupl");

    // Where CuPL loses, then where it gains most: open that class and look at what it is taken for.
    first.press("\r");
    first.wait_for("taken for");
    first.press("r");
    first.wait_for("losses first");
    first.press("r");
    first.wait_for("gains first");
    first.press("\r");
    first.wait_for("B against A");
    first.press("i");
    let gallery = first.wait_for("missed by A or B");
    assert!(gallery.contains("frog"), "{gallery}");
    let half_blocks = |text: &str| text.matches(['▀', '▄']).count();
    first.wait(|text| half_blocks(text) > 40).unwrap();
    first.press("\r");
    first.wait_for("true class");
    first.press("n");
    first.wait_for("2 of ");
    first.press("?");
    first.wait_for("Commands and keys");
    first.press("\x1b");
    first.wait_for("true class");
    first.resize(40, 120);
    first.wait(|text| text.lines().count() > 24 && text.contains("true class")).unwrap();

    // The confusions, the prompts, the jobs.
    first.press("3");
    first.wait_for("Confusions of");
    first.press("v");
    first.wait_for("true \\ taken for");
    first.press("5");
    first.wait_for("Prompts for");
    first.press("6");
    first.wait_for("open and evaluate the experiment: done");
    first.press("1");
    first.wait_for("It helps most on");
    first.press("q");
    assert_eq!(first.end(), 0);

    // The second start has everything: its first frame already shows the numbers.
    let mut second = Session::start(home.path(), &[], 24, 80);
    let screen = second.wait(|text| text.contains("cupl-tui")).unwrap();
    let screen = if screen.contains("quit") { screen } else { second.wait_for("quit") };
    assert!(screen.contains("against baseline"), "the first frame was\n{screen}");
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
    pseudo_terminal::wait_until_stopped(&session);
    session.wait(|text| !text.contains("try again")).unwrap();
    assert!(!session.look().parser.screen().alternate_screen());
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
