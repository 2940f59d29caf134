//! Keeps the arrows between modules as ARCHITECTURE.md draws them, by reading the sources.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

/// Which modules of the crate a module may use.
const MODULES: &[(&str, &[&str])] = &[
    (
        "cli",
        &[
            "tui",
            "workbench",
            "evaluation",
            "clip",
            "kernels",
            "language_model",
            "hub",
            "dataset",
            "prompts",
            "store",
        ],
    ),
    ("tui", &["workbench"]),
    ("workbench", &["evaluation", "clip", "language_model", "hub", "kernels", "dataset", "prompts", "store"]),
    ("evaluation", &["kernels", "prompts"]),
    ("clip", &["kernels"]),
    ("language_model", &["kernels"]),
    ("hub", &[]),
    ("kernels", &[]),
    ("dataset", &[]),
    ("prompts", &[]),
    ("store", &[]),
];

/// Which modules may use a library.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("candle_core", &["clip", "language_model"]),
    ("tokenizers", &["clip", "language_model"]),
    ("candle_transformers", &["language_model"]),
    ("sled", &["store"]),
    ("clap", &["cli"]),
    ("ureq", &["hub", "language_model"]),
    ("ratatui", &["tui", "cli"]),
    ("ratatui_image", &["tui"]),
    ("pulp", &["kernels"]),
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") && !path.ends_with("tests.rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The words that follow `prefix` in the code of a file, comments and test modules left out.
fn followers(text: &str, prefix: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or(text);
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.match_indices(prefix).map(|(at, _)| &line[at + prefix.len()..]))
        .map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
        .collect()
}

fn uses_library(text: &str, library: &str) -> bool {
    let path = format!("{library}::");
    text.lines().filter(|line| !line.trim_start().starts_with("//")).any(|line| {
        line.match_indices(&path).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            before.is_none_or(|c| !(c.is_alphanumeric() || c == '_' || c == ':'))
        })
    })
}

#[test]
fn modules_only_use_what_stands_below_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    for (module, allowed) in MODULES {
        for file in sources(&root.join(module)) {
            let text = fs::read_to_string(&file).unwrap();
            for used in followers(&text, "crate::") {
                let is_module = MODULES.iter().any(|(name, _)| *name == used);
                if is_module && used != *module && !allowed.contains(&used.as_str()) {
                    wrong.push(format!("{} uses crate::{used}", file.display()));
                }
            }
            for (library, users) in LIBRARIES {
                if uses_library(&text, library) && !users.contains(module) {
                    wrong.push(format!("{} uses {library}", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether a line of the loop changes the screens' state, but by `update`.
fn changes_state(line: &str) -> bool {
    if line.contains("&mut self.state") {
        return !line.contains("update(&mut self.state, ");
    }
    let Some((_, rest)) = line.split_once("self.state.") else { return false };
    let path: String = rest.chars().take_while(|c| c.is_alphanumeric() || "_.".contains(*c)).collect();
    let after = rest[path.len()..].trim_start();
    let is_assigned = ["=", "+=", "-="].iter().any(|sign| after.starts_with(sign))
        && !["==", "=>"].iter().any(|sign| after.starts_with(sign));
    let calls = ["push", "append", "extend", "insert", "clear", "take", "begin", "leave", "list"];
    is_assigned || calls.iter().any(|call| path.rsplit('.').next().is_some_and(|last| last.starts_with(call)))
}

#[test]
fn update_alone_changes_the_state() {
    for file in ["src/tui/mod.rs", "src/tui/offscreen.rs"] {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
        let wrong: Vec<&str> = text.lines().filter(|line| changes_state(line)).collect();
        assert!(wrong.is_empty(), "{file} changes the state itself: {wrong:#?}");
    }
    for line in [
        "self.state.notice = Some(x);",
        "self.state.opening.recents = x;",
        "self.state.messages.push(x);",
        "self.state.begin_session();",
        "screen.happen(y); self.state.n += 1;",
        "change(&mut self.state);",
    ] {
        assert!(changes_state(line), "{line}");
    }
    for line in [
        "if self.state.screen == Screen::Opening {",
        "match &self.state.job {",
        "self.state.graphics.measured_again()",
        "let images = self.state.session.as_ref();",
        "let effects = update(&mut self.state, event);",
    ] {
        assert!(!changes_state(line), "{line}");
    }
}

#[test]
fn unsafe_code_stands_in_one_file() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let allows = |file: &PathBuf| fs::read_to_string(file).unwrap().contains("allow(unsafe_code)");
    let files: Vec<PathBuf> = sources(&root).into_iter().filter(allows).collect();
    assert_eq!(files, [root.join("kernels/x86.rs")]);
}

#[test]
fn the_check_sees_a_wrong_arrow() {
    let text = "// crate::tui\nuse crate::cli::x;\nlet y = crate::store::z;\n#[cfg(test)]\nmod tests { use crate::clip; }";
    assert_eq!(followers(text, "crate::"), ["cli", "store"]);
    assert!(uses_library("use sled::Db;", "sled"));
    assert!(!uses_library("fn assembled::x", "sled"));
    assert!(!uses_library("// sled::Db", "sled"));
}

#[test]
fn every_module_is_listed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            assert!(MODULES.iter().any(|(module, _)| *module == name), "{name} has no place in the table");
        }
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    for file in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("//! "), "{} has no header", file.display());
    }
}
