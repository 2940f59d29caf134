//! A long job and short commands on one store.

use std::process::Stdio;

use crate::kept::{Bench, check_ending};
use crate::pseudo_terminal::{Session, signal};

const EXPERIMENT: &str = "checkpoint = \"demo\"\nimages = \"many\"\n[[strategy]]\nname = \"one\"\ntemplates = \"templates.txt\"\n\
     [[strategy]]\nname = \"two\"\ntemplates = [\"a drawing of a {}.\"]\n";

#[test]
fn short_commands_go_on_beside_a_long_evaluation() {
    let bench = Bench::new();
    bench.make_pictures("many", 200);
    let evaluate = bench.evaluate("many", "store");
    let mut command = bench.command(&evaluate);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let long = command.spawn().unwrap();
    let waiter = std::thread::spawn(move || long.wait_with_output().unwrap());
    let mut beside = 0;
    while !waiter.is_finished() {
        let name = format!("set {beside}");
        bench.done(&bench.import(&name, beside, "store"));
        bench.done(&["runs", "list", "--store", "store"]);
        beside += 1;
    }
    let output = waiter.join().unwrap();
    check_ending(&evaluate, &output);
    assert_eq!(output.status.code(), Some(0));
    assert!(beside > 0);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(report["notes"].as_array().is_none_or(Vec::is_empty), "{}", report["notes"]);
    let (kept, _) = bench.kept("store");
    assert_eq!((kept.prompt_sets.len(), kept.runs.len()), (beside, 1));
}

#[test]
fn short_commands_go_on_beside_an_open_workbench() {
    let bench = Bench::new();
    bench.make_pictures("many", 60);
    std::fs::write(bench.path("own.toml"), EXPERIMENT).unwrap();
    let mut workbench = Session::start(bench.folder.path(), &["own.toml", "--store", "store"], 24, 80);
    let mut beside = 0;
    let mut short_commands = || {
        bench.done(&bench.import(&format!("set {beside}"), beside, "store"));
        bench.done(&["runs", "list", "--store", "store"]);
        beside += 1;
    };
    // While it embeds and evaluates, and with what is asked of it afterwards.
    workbench.wait_for("one");
    while !workbench.look().text().contains("against baseline") {
        short_commands();
    }
    for (key, shown) in
        [("2", "of 2"), ("4", "missed by A or B"), ("5", "own other"), ("1", "against baseline")]
    {
        workbench.press(key);
        short_commands();
        workbench.wait_for(shown);
    }
    // A job may be on its way still, about which a key would ask.
    signal("-TERM", &workbench.pid());
    let code = workbench.end();
    assert!(matches!(code, 0 | 130), "{code}");
    let (kept, said) = bench.kept("store");
    assert_eq!((kept.prompt_sets.len(), kept.runs.len()), (beside, 2), "{said}");
    assert_eq!(said, "");
}
