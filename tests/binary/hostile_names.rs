//! Names from outside that a terminal would obey: no subcommand passes them on.
#![cfg(unix)]

use std::fs;

use cupl_tui::terminal_text::is_unsafe;

use crate::program::{Bench, PHOTOS, text};

/// Moves the cursor, fills the clipboard, rings, breaks the line, turns the direction of what follows.
const HOSTILE: [&str; 3] =
    ["cat\u{1b}[2J\u{1b}]52;c;aGFoYQ==\u{7}", "fr\nog\u{9b}31m", "tr\u{202e}kcu\r\u{2066}"];

/// Photos in folders of those names, two of them with such names too, and prompts with them.
fn hostile() -> Bench {
    let bench = Bench::new();
    for (class, name) in ["cat", "frog", "truck"].into_iter().zip(HOSTILE) {
        fs::rename(bench.path("photos").join(class), bench.path("photos").join(name)).unwrap();
    }
    let folder = bench.path("photos").join(HOSTILE[0]);
    fs::rename(folder.join("0.png"), folder.join("0\u{1b}[31m\n.png")).unwrap();
    fs::write(folder.join("broken\u{7}\u{1b}c.png"), b"no picture").unwrap();
    fs::write(folder.join("notes\u{1b}[5m.txt"), b"").unwrap();
    let prompts: serde_json::Map<String, serde_json::Value> = HOSTILE
        .iter()
        .map(|name| {
            ((*name).to_owned(), serde_json::json!([format!("a {name}."), format!("A {name} looks odd.")]))
        })
        .collect();
    fs::write(bench.path("cupl.json"), serde_json::Value::Object(prompts).to_string()).unwrap();
    bench
}

#[test]
fn nothing_that_a_terminal_obeys_leaves_any_subcommand() {
    let bench = hostile();
    let experiment =
        ["--checkpoint", "demo", "--images", "photos", "--templates", "templates.txt", "--cupl", "cupl.json"];
    let with = |command: &[&'static str], more: &[&'static str]| -> Vec<&'static str> {
        [command, &experiment, more].concat()
    };
    let commands = [
        with(&["evaluate"], &[]),
        with(&["classes"], &[]),
        with(&["confusion"], &[]),
        with(&["misses"], &["--filter", "all"]),
        with(&["compare"], &["templates", "cupl"]),
        with(&["curve"], &[]),
        with(&["calibrate"], &[]),
        with(&["doctor", "labels"], &[]),
        vec!["datasets", "inspect", "photos", "--decode"],
        vec!["prompts", "lint", "cupl.json"],
        vec!["prompts", "import", "cupl.json", "--name", "odd"],
        vec!["prompts", "show", "odd"],
        vec!["prompts", "list"],
        vec!["runs", "list"],
        vec!["evaluate", "--checkpoint", "demo", "--images", "photos", "--cupl", "no\u{1b}[2Jthing.json"],
        vec!["evaluate", "--checkpoint", "no\u{1b}]0;x\u{7}", "--images", "photos", "--cupl", "cupl.json"],
        vec!["datasets", "inspect", "photos#\u{1b}[2J"],
        vec!["prompts", "show", "\u{1b}[2J"],
    ];
    let mut printed = 0;
    for command in commands {
        let output = bench.run(&command);
        let all = format!("{}{}", text(&output.stdout), text(&output.stderr));
        let found: Vec<char> = all.chars().filter(|c| *c != '\n' && is_unsafe(*c)).collect();
        assert!(found.is_empty(), "{command:?} printed {found:?}:\n{all:?}");
        printed += usize::from(all.contains("cat"));
    }
    assert!(printed >= 8, "{printed} commands named a class");
    // For other programs a name stays what it is.
    let json = bench.json(1, &[&["evaluate"], &experiment[..], &["--format", "json"]].concat());
    assert_eq!(json["dataset"]["classes"][0], HOSTILE[0]);
    assert_eq!(json["dataset"]["images"], 3 * PHOTOS);
}
