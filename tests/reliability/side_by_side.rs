//! A long job and short commands on one store.

use std::process::Stdio;

use crate::kept::{Bench, check_ending};

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
