//! What somebody makes on one day is there on the next, however the program ended: strategies, changes that were not saved, files.

use std::fs;
use std::path::Path;

use crate::pseudo_terminal::{Session, signal};

const POND: &str = "# What lives in the pond.\nname = \"pond\"\ncheckpoint = 'demo' # small\nimages = \"photos\"\n\n\
                    [[strategy]]\nname = \"templates\"\ntemplates = \"demo\"\n\n[[strategy]]\nname = \"cupl\"\ncupl = \"demo\"\n";

/// Four pictures of each of three classes, and an experiment on them.
fn make_pond(home: &Path) {
    for (class, color) in [("frog", [40, 160, 60]), ("ship", [90, 120, 200]), ("cat", [150, 110, 70])] {
        let folder = home.join("photos").join(class);
        fs::create_dir_all(&folder).unwrap();
        for number in 0..4_u8 {
            let shade = |x: u32, y: u32| {
                color.map(|part: u8| part.saturating_add(number * 9 + (3 * x + y) as u8 % 40))
            };
            let picture = image::RgbImage::from_fn(32, 32, |x, y| image::Rgb(shade(x, y)));
            picture.save(folder.join(format!("{number}.png"))).unwrap();
        }
    }
    fs::write(home.join("pond.toml"), POND).unwrap();
}

fn open(home: &Path) -> Session {
    let mut session = Session::start(home, &["pond.toml"], 30, 100);
    // It comes back on the screen that was left.
    session.wait_for(" ready ");
    lead(&mut session, &[("1", "against baseline")]);
    session
}

/// Presses keys, and waits for what they lead to.
fn lead(session: &mut Session, steps: &[(&str, &str)]) {
    for (keys, expected) in steps {
        session.press(keys);
        let shown = session.wait(|text| text.contains(expected));
        assert!(shown.is_ok(), "after {keys:?} there is no {expected:?} in\n{}", shown.unwrap_err());
    }
}

#[test]
fn what_was_made_is_there_on_the_next_day() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    make_pond(home);

    // Day one: an edited prompt set becomes a strategy; a name that cannot be is refused and stays. Then the power fails.
    let mut day = open(home);
    lead(
        &mut day,
        &[("5", "own other"), ("l ", "1 disabled"), ("w", "save as"), ("a@b\r", "stands before a version")],
    );
    lead(&mut day, &[("\x15mine\r", "mine@"), ("1", "● mine@")]);
    day.wait_for("ready");
    signal("-KILL", &day.pid());
    drop(day);

    // Day two: it is there. The change of the file is shown, then written; nothing else in the file changes.
    let mut day = open(home);
    day.wait_for("mine@");
    lead(&mut day, &[("W", "Write this to"), ("\x1b", "against baseline"), ("W", "+ name = \"mine@")]);
    assert_eq!(fs::read_to_string(home.join("pond.toml")).unwrap(), POND);
    lead(&mut day, &[("\r", "is in")]);
    let written = fs::read_to_string(home.join("pond.toml")).unwrap();
    assert!(written.starts_with(POND) && written[POND.len()..].contains("stored = [\"mine@"), "{written}");
    lead(
        &mut day,
        &[(":save-experiment copy.toml\r", "written"), (":report page.html\r", "written: page.html")],
    );
    assert!(fs::read_to_string(home.join("copy.toml")).unwrap().contains("mine@"));
    assert!(fs::read_to_string(home.join("page.html")).unwrap().contains("--b"));
    lead(&mut day, &[(":report pond.toml\r", "ends in .html")]);

    // Changes that are not saved outlive another experiment in their place, which has this one's name here.
    lead(&mut day, &[("5", "own other"), ("l ", "1 disabled"), ("j ", "2 disabled")]);
    lead(&mut day, &[("O", "What do you want"), ("g\r", "2 changes of the prompts of"), ("5", "2 disabled")]);
    // And a hang-up.
    signal("-HUP", &day.pid());
    assert_eq!(day.end(), 0);

    // Day three: they are done again, and can be taken back.
    let mut day = open(home);
    lead(&mut day, &[("5", "2 disabled"), ("u", "undone: cat: prompt 2"), ("q", "are kept")]);
    lead(
        &mut day,
        &[("\x1b", "undone: cat: prompt 2"), ("u", "undone: cat: prompt 1"), ("1", "against baseline")],
    );
    // A form with a wrong path keeps what was typed, and what is open stays.
    lead(&mut day, &[("O", "What do you want"), ("G\r", "Open files of yours"), ("nowhere", "nowhere")]);
    lead(&mut day, &[("\x1b[Bdemo\r", "nowhere: "), ("\x1b", "What do you want"), ("\r", "nowhere")]);
    lead(&mut day, &[("\x1b", "What do you want"), ("\x1b", "against baseline")]);
    day.press("q");
    assert_eq!(day.end(), 0);

    // Day four: what cannot be opened leads back to what was.
    let mut day = open(home);
    fs::write(home.join("pond.toml"), written.replace("\"photos\"", "\"gone\"")).unwrap();
    lead(&mut day, &[("O", "What do you want"), ("g\r", "goes back to pond"), ("\x1b", "against baseline")]);
    lead(&mut day, &[("5", "own other")]);
    // While the prompts' embeddings are read, it would ask.
    day.wait_for(" ready ");
    day.press("q");
    assert_eq!(day.end(), 0);
}
