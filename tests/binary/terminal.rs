//! The real binary in a pseudo-terminal, as its user has it.

use crate::pseudo_terminal::{Session, signal};

/// The tour of the README, key by key; then the next start.
#[test]
fn the_tour_of_the_readme_and_the_next_start() {
    let home = tempfile::tempdir().unwrap();
    let mut first = Session::start(home.path(), &[], 24, 80);
    let strategies = first.wait_for("against baseline");
    for part in
        ["demo", "1,000 images", "10 classes", "templates", "cupl", "both", "It helps most on", "frog"]
    {
        assert!(strategies.contains(part), "{part:?} is not in\n{strategies}");
    }
    let half_blocks = |text: &str| text.matches(['▀', '▄']).count();
    let steps: [(&str, &str); 50] = [
        // The strategies.
        ("j", "B both"),
        ("k", "B cupl"),
        (" ", "B both"),
        (" ", "B cupl"),
        ("b", "A cupl"),
        ("k", "▸B ● templates"),
        ("b", "A templates"),
        ("j", "B cupl"),
        // The classes.
        ("2", "1-10 of 10, gains first"),
        ("r", "losses first"),
        ("r", "gains first"),
        ("s", "best with A first"),
        ("ssssss", "gains first"),
        ("t", "+ gained"),
        ("t", "1-10 of 10"),
        ("/", "classes with"),
        ("fro\r", "1-1 of 1"),
        ("\r", "89 gained, 0 lost with B"),
        ("i", "missed by A or B · frog"),
        ("\x1b", "89 gained"),
        ("e", "Prompts for frog"),
        ("\x1b", "89 gained"),
        ("v", "true \\ taken for"),
        ("\x1b", "1-18 of"),
        // The confusions.
        ("3", "Confusions of B cupl"),
        ("d", "What B cupl changes against A templates"),
        ("d", "Confusions of A templates"),
        ("d", "Confusions of B cupl"),
        ("v", "true \\ taken for"),
        ("\r", " by cupl"),
        // The images.
        ("4", " by cupl"),
        ("c", "every image · dog"),
        ("c", " of 1,000  "),
        ("f", "missed by A or B"),
        ("fff", "missed by A, right with B"),
        ("/", "file names with"),
        ("frog\r", "with \"frog\""),
        ("\r", "true class"),
        ("x", "why B cupl sees frog"),
        ("h", "why A templates sees"),
        ("x", "✓  margin"),
        ("\x1b", "▸✗✓"),
        ("o", "write the list to"),
        ("\r", "lines are in"),
        ("y", "copied"),
        // The prompts.
        ("5", "own other"),
        ("l", "B cupl"),
        (" ", "1 disabled"),
        ("u", "undone"),
        ("6", "read the embeddings for editing prompts: done"),
    ];
    for (keys, expected) in steps {
        first.press(keys);
        let shown = first.wait(|text| text.contains(expected));
        assert!(shown.is_ok(), "after {keys:?} there is no {expected:?} in\n{}", shown.unwrap_err());
    }
    first.press("4");
    first.wait(|text| half_blocks(text) > 20).unwrap();
    first.press("\r");
    first.wait_for("true class");
    first.press("?");
    first.wait_for("Commands and keys");
    first.press("\x1b");
    first.wait_for("true class");
    first.press(":messages");
    first.wait_for("1-1 of 1");
    first.press("\x1b");
    first.wait_for("true class");
    first.resize(40, 120);
    first.wait(|text| text.lines().count() > 24 && text.contains("true class")).unwrap();

    // An edited prompt set becomes a strategy.
    first.press("5 ");
    first.wait_for("1 disabled");
    first.press("w\r");
    first.wait_for("-edited@");
    first.press("1");
    first.wait(|text| text.contains("B ● cupl-edited@") && text.contains("ready")).unwrap();
    first.press("q");
    assert_eq!(first.end(), 0);

    // The second start has everything: nothing is embedded before it shows the numbers, on the screen that was left. On a busy
    // machine a frame may come before them.
    let mut second = Session::start(home.path(), &[], 24, 80);
    let screen = second.wait(|text| text.contains("cupl-tui")).unwrap();
    let screen = if screen.contains("quit") { screen } else { second.wait_for("quit") };
    assert!(!screen.contains("images/s"), "the first frame was\n{screen}");
    second.wait_for("against baseline");
    second.press("q");
    assert_eq!(second.end(), 0);
}

#[test]
fn a_resize_in_the_middle_of_embedding_and_a_suspension_lose_nothing() {
    let home = tempfile::tempdir().unwrap();
    let mut session = Session::start(home.path(), &[], 24, 80);
    session.wait_for("embedding images");
    session.resize(30, 100);
    // A key that comes together with a resize may wait in the terminal's queue for the next one.
    session.wait(|text| text.lines().any(|line| line.chars().filter(|&c| c == '─').count() == 100)).unwrap();
    #[cfg(target_os = "linux")]
    {
        session.press("\x1a");
        crate::pseudo_terminal::wait_until_stopped(&session);
        session.wait_until(|now| !now.parser.screen().alternate_screen()).unwrap();
        signal("-CONT", &session.pid());
    }
    let screen = session.wait_for("It helps most on");
    assert!(screen.lines().next().unwrap().trim_end().len() > 80, "{screen}");
    session.press("q");
    assert_eq!(session.end(), 0);
}

/// Only a build with debug assertions can be asked for it.
#[test]
#[cfg(debug_assertions)]
fn a_panic_in_a_job_is_a_problem_on_a_clean_screen() {
    let home = tempfile::tempdir().unwrap();
    let mut session = Session::start_with(home.path(), &[("CUPL_TUI_PANIC_IN_JOB", "1")], 24, 80);
    let screen = session.wait_for("a mistake in this program");
    assert!(screen.contains("try again") && !screen.contains("src/"), "{screen}");
    session.press("q");
    assert_eq!(session.end(), 2);
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
    crate::pseudo_terminal::wait_until_stopped(&session);
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
