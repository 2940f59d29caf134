//! Keeps the arrows between modules as ARCHITECTURE.md draws them, by reading the sources.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Which modules of the crate a module may use.
const MODULES: &[(&str, &[&str])] = &[
    ("cli", &["tui", "workbench", "prompts", "store"]),
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
    ("text", &[]),
    ("network", &[]),
    ("files", &[]),
];

/// Which modules may use a library.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("candle_core", &["clip", "language_model"]),
    ("tokenizers", &["clip", "language_model"]),
    ("candle_transformers", &["language_model"]),
    ("sled", &["store"]),
    ("clap", &["cli"]),
    ("ureq", &["network", "hub", "language_model"]),
    ("ratatui", &["tui", "cli"]),
    ("ratatui_image", &["tui"]),
    ("pulp", &["kernels"]),
];

/// What every module may use: words, files and servers, whatever they are about.
const SHARED: &[&str] = &["files", "network", "text"];

/// A folder, and those that it may use.
type Below = (&'static str, &'static [&'static str]);

/// Which folders of a module a folder may use. Files beside the folders stand below them, but for those that are named here.
const FOLDERS: &[(&str, &[Below])] = &[
    (
        "workbench",
        &[
            ("bench", &["editing", "tables", "session", "experiment", "embedding", "jobs"]),
            ("analysis", &["doctors", "editing", "tables", "session", "experiment", "embedding", "jobs"]),
            ("generation", &["editing", "tables", "session", "experiment", "embedding", "jobs"]),
            ("runs", &["editing", "tables", "session", "experiment", "embedding", "jobs"]),
            ("doctors", &["editing", "tables", "session", "experiment", "embedding", "jobs"]),
            ("export", &["editing", "tables", "session", "experiment", "embedding", "jobs"]),
            ("editing", &["tables", "session", "experiment", "embedding", "jobs"]),
            ("tables", &["session", "experiment", "embedding", "jobs"]),
            ("session", &["experiment", "embedding", "jobs"]),
            ("experiment", &["jobs"]),
            ("embedding", &["jobs"]),
            ("jobs", &[]),
        ],
    ),
    ("cli", &[("doctor", &["context"]), ("prompts", &["context"]), ("context", &[])]),
    (
        "evaluation",
        &[
            ("protocol", &["diagnosis", "core"]),
            ("diagnosis", &["core"]),
            ("significance", &["core"]),
            ("core", &[]),
        ],
    ),
    (
        "clip",
        &[
            ("checkpoint", &["format", "towers", "preprocessing", "tokenizer", "weights", "config"]),
            ("format", &["preprocessing", "tokenizer", "weights", "config"]),
            ("towers", &["tokenizer", "weights", "config"]),
            ("preprocessing", &["config"]),
            ("tokenizer", &["config"]),
            ("weights", &["config"]),
            ("config", &[]),
        ],
    ),
];

/// Circles that stay: an error and what it is about, decoders and their formats, readers of one file's parts.
const CIRCLES: &[&[&str]] = &[
    &["dataset/class_folders", "dataset/folder", "dataset/manifest_rows", "dataset/picture_list"],
    &["dataset/class_names", "dataset/synsets"],
    &[
        "dataset/picture/bmp",
        "dataset/picture/decode",
        "dataset/picture/gif",
        "dataset/picture/png",
        "dataset/picture/pnm",
        "dataset/picture/tiff",
    ],
    &["hub/error", "hub/repository"],
    &["prompts/error", "prompts/matching", "prompts/prompt_file", "prompts/prompt_set", "prompts/strategy"],
    &["store/disk", "store/table"],
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.ends_with("tests") {
            continue;
        }
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
                let is_module =
                    MODULES.iter().any(|(name, _)| *name == used) && !SHARED.contains(&used.as_str());
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

/// The folders and files of `src/`, as modules: `workbench/session/opening`.
fn modules() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let name = |file: &Path| {
        let name = file.strip_prefix(&root).unwrap().with_extension("").to_string_lossy().into_owned();
        name.strip_suffix("/mod").map_or(name.clone(), str::to_owned)
    };
    sources(&root).iter().map(|file| (name(file), fs::read_to_string(file).unwrap())).collect()
}

/// The modules that a module's code names, by whatever way.
fn used_by(module: &str, text: &str, all: &BTreeMap<String, String>) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or(text);
    let code: String = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .map(|line| line.to_owned() + "\n")
        .collect();
    let mut used = BTreeSet::new();
    for path in paths(&code) {
        let mut place: Vec<&str> = module.split('/').collect();
        let mut parts = path.split("::").peekable();
        match parts.next() {
            Some("crate") => place.clear(),
            _ => {
                place.pop();
                while parts.next_if_eq(&"super").is_some() {
                    place.pop();
                }
            }
        }
        place.extend(parts);
        while !place.is_empty() && !all.contains_key(&place.join("/")) {
            place.pop();
        }
        let found = place.join("/");
        if !found.is_empty() && !module.starts_with(&found) {
            used.insert(found);
        }
    }
    used
}

/// The paths in code that begin with `crate` or `super`, those in braces one by one.
fn paths(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for start in ["crate::", "super::"] {
        for (at, _) in code.match_indices(start) {
            let is_start = !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
            if is_start {
                expand("", &code[at..], &mut found);
            }
        }
    }
    found
}

/// Reads one path or tree of paths from the start of `code`; gives what it has read.
fn expand(before: &str, code: &str, found: &mut Vec<String>) -> usize {
    let word = code.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).unwrap_or(code.len());
    let path = format!("{before}{}", &code[..word]);
    if !path.ends_with("::") || !code[word..].starts_with('{') {
        found.push(path.trim_end_matches("::").to_owned());
        return word;
    }
    let mut at = word + 1;
    while let Some(next) = code[at..].chars().next() {
        match next {
            '}' => return at + 1,
            c if c.is_alphanumeric() || c == '_' => at += expand(&path, &code[at..], found),
            c => at += c.len_utf8(),
        }
    }
    at
}

#[test]
fn folders_only_use_what_stands_below_them() {
    let all = modules();
    let mut wrong = Vec::new();
    for (module, text) in &all {
        let parts: Vec<&str> = module.split('/').collect();
        let Some((_, folders)) = FOLDERS.iter().find(|(top, _)| *top == parts[0]) else { continue };
        let Some((_, below)) = folders.iter().find(|(folder, _)| parts.get(1) == Some(folder)) else {
            continue;
        };
        for used in used_by(module, text, &all) {
            let used_parts: Vec<&str> = used.split('/').collect();
            let is_same_top = used_parts[0] == parts[0];
            let Some(folder) = used_parts.get(1) else { continue };
            let is_folder = is_same_top && folders.iter().any(|(name, _)| name == folder);
            if is_folder && *folder != parts[1] && !below.contains(folder) {
                wrong.push(format!("{module} uses {used}"));
            }
        }
        if text.contains(&format!("crate::{}::{{", parts[0])) {
            wrong.push(format!(
                "{module} goes around the folders: it names what crate::{} shows others",
                parts[0]
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_folder_has_its_place() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (module, folders) in FOLDERS {
        for entry in fs::read_dir(root.join(module)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let is_listed = folders.iter().any(|(folder, _)| *folder == name);
            assert!(!path.is_dir() || is_listed, "{module}/{name} has no place in the table");
        }
    }
}

/// The strongly connected parts of a graph that have more than one node by what each reaches, sorted.
fn circles(graph: &BTreeMap<String, BTreeSet<String>>) -> Vec<Vec<String>> {
    let reach = |from: &str| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from.to_owned()]);
        while let Some(node) = next.pop() {
            for used in graph.get(&node).into_iter().flatten() {
                if seen.insert(used.clone()) {
                    next.push(used.clone());
                }
            }
        }
        seen
    };
    let reached: BTreeMap<&String, BTreeSet<String>> = graph.keys().map(|node| (node, reach(node))).collect();
    let mut found: BTreeSet<Vec<String>> = BTreeSet::new();
    for (node, seen) in &reached {
        if seen.contains(*node) {
            let circle =
                seen.iter().filter(|other| reached.get(other).is_some_and(|back| back.contains(*node)));
            found.insert(circle.cloned().collect());
        }
    }
    found.into_iter().filter(|circle| circle.len() > 1).collect()
}

#[test]
fn files_use_each_other_in_no_circle_but_those_that_are_known() {
    let all = modules();
    let graph = all.iter().map(|(module, text)| (module.clone(), used_by(module, text, &all))).collect();
    let known: Vec<Vec<String>> =
        CIRCLES.iter().map(|circle| circle.iter().map(|file| (*file).to_owned()).collect()).collect();
    let new: Vec<Vec<String>> =
        circles(&graph).into_iter().filter(|circle| !known.contains(circle)).collect();
    assert!(new.is_empty(), "{new:#?}");
}

#[test]
fn the_table_of_modules_is_the_tree() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let described: BTreeSet<String> = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("/` |"))
        .map(|(folder, _)| folder.to_owned())
        .collect();
    let mut there = BTreeSet::new();
    for (module, _) in MODULES {
        there.insert((*module).to_owned());
        let folders =
            FOLDERS.iter().find(|(top, _)| top == module).into_iter().flat_map(|(_, folders)| *folders);
        for (folder, _) in folders {
            if root.join("src").join(module).join(folder).is_dir() {
                there.insert(format!("{module}/{folder}"));
            }
        }
    }
    assert_eq!(described, there);
}

#[test]
fn subcommands_know_only_what_they_share() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli");
    let mut wrong = Vec::new();
    for file in sources(&root).into_iter().filter(|file| *file != root.join("mod.rs")) {
        let text = fs::read_to_string(&file).unwrap();
        let place = file.strip_prefix(&root).unwrap().with_extension("");
        let part = place.iter().next().unwrap().to_string_lossy().into_owned();
        let mut used = followers(&text, "crate::cli::");
        used.extend(followers(&text, "super::super::"));
        if place.iter().count() == 1 {
            used.extend(followers(&text, "super::"));
        }
        let allowed = |name: &String| {
            *name == part
                || (name == "context" && part != "context")
                || (name == "settings" && part == "screens")
        };
        wrong.extend(used.iter().filter(|name| !allowed(name)).map(|name| format!("{part} uses {name}")));
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
fn unsafe_code_stands_in_one_file_for_each_architecture() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let allows = |file: &PathBuf| fs::read_to_string(file).unwrap().contains("allow(unsafe_code)");
    let files: Vec<PathBuf> = sources(&root).into_iter().filter(allows).collect();
    assert_eq!(files, [root.join("kernels/neon.rs"), root.join("kernels/x86.rs")]);
}

#[test]
fn the_check_sees_a_wrong_arrow() {
    let text = "// crate::tui\nuse crate::cli::x;\nlet y = crate::store::z;\n#[cfg(test)]\nmod tests { use crate::clip; }";
    assert_eq!(followers(text, "crate::"), ["cli", "store"]);
    assert!(uses_library("use sled::Db;", "sled"));
    assert!(!uses_library("fn assembled::x", "sled"));
    assert!(!uses_library("// sled::Db", "sled"));
    let found = paths("use crate::a::{b::C, d::{self, E}};\nlet x = super::super::f::g(1);");
    assert_eq!(found, ["crate::a::b::C", "crate::a::d::self", "crate::a::d::E", "super::super::f::g"]);
    let edges = [("a", "b"), ("b", "c"), ("c", "b"), ("d", "a")];
    let graph = edges.map(|(from, to)| (from.to_owned(), BTreeSet::from([to.to_owned()]))).into();
    assert_eq!(circles(&graph), [["b", "c"]]);
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
