//! Kills, full disks and failing calls at each place of a store's life where a file is changed.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::OnceLock;

use crate::kept::{Bench, check_ending, copy_folder, is_campaign, text};

const ENOSPC: &str = "28";
const EIO: &str = "5";
const EACCES: &str = "13";

/// The library that does it, compiled once; `None` where there is no compiler.
fn shim() -> Option<&'static PathBuf> {
    static SHIM: OnceLock<Option<(tempfile::TempDir, PathBuf)>> = OnceLock::new();
    let made = SHIM.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let (source, library) = (
            concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reliability/fault_shim/shim.rs"),
            folder.path().join("libfaults.so"),
        );
        let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let mut command = Command::new(compiler);
        command.args([
            "--edition",
            "2021",
            "--crate-type",
            "cdylib",
            "-C",
            "panic=abort",
            "-O",
            source,
            "-o",
        ]);
        match command.arg(&library).output() {
            Err(error) => {
                eprintln!("skipped: no rustc for the shim ({error})");
                None
            }
            Ok(output) => {
                assert!(output.status.success(), "{}", text(&output.stderr));
                Some((folder, library))
            }
        }
    });
    made.as_ref().map(|(_, library)| library)
}

/// What happens at a call.
#[derive(Clone, Copy)]
enum Fault {
    Kill,
    Once(&'static str),
    FromThere(&'static str),
}

/// Runs a command with a fault at its `at`-th call: how it ended, or nothing where it has fewer calls.
fn faulty(bench: &Bench, arguments: &[&str], at: usize, fault: Fault) -> Option<Output> {
    let mark = bench.path("mark");
    let _absent = std::fs::remove_file(&mark);
    let mut command = bench.command(arguments);
    command.env("LD_PRELOAD", shim()?).env("FAULT_UNDER", bench.path("store")).env("FAULT_MARK", &mark);
    command.env("FAULT_AT", at.to_string());
    match fault {
        Fault::Kill => command.env("FAULT_DO", "kill"),
        Fault::Once(error) => command.env("FAULT_DO", error),
        Fault::FromThere(error) => command.env("FAULT_DO", error).env("FAULT_STAYS", "1"),
    };
    let output = command.output().unwrap();
    if !mark.exists() {
        return None;
    }
    if !matches!(fault, Fault::Kill) {
        check_ending(arguments, &output);
    }
    Some(output)
}

/// Tries a fault at each `step`-th call of a command on a filled store, in a campaign at each call; what was kept before has to be
/// there afterwards, without a word of damage. Every fourth of these stores is given to the program too.
fn everywhere(command: impl Fn(&Bench) -> Vec<String>, step: usize, fault: Fault) -> usize {
    let step = if is_campaign() { 1 } else { step };
    let bench = Bench::new();
    let before = bench.fill("whole");
    let (mut at, mut tried) = (1, 0);
    loop {
        copy_folder(&bench.path("whole"), &bench.path("store"));
        let arguments = command(&bench);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        if faulty(&bench, &arguments, at, fault).is_none() {
            return tried;
        }
        let what = format!("call {at} of {arguments:?}");
        let said = bench.check("store", &before, &what);
        assert!(!said.contains("damaged"), "{what}: {said}");
        if tried % 4 == 0 {
            bench.check_as_program("store", &what);
        }
        (at, tried) = (at + step, tried + 1);
    }
}

fn import(bench: &Bench) -> Vec<String> {
    bench.import("new", 7, "store").into_iter().map(str::to_owned).collect()
}

fn evaluation(bench: &Bench) -> Vec<String> {
    std::fs::write(bench.path("templates.txt"), "another photo of a {}.\n").unwrap();
    bench.evaluate("photos", "store").into_iter().map(str::to_owned).collect()
}

#[test]
fn a_kill_at_any_write_of_an_import_loses_nothing() {
    let tried = everywhere(import, 1, Fault::Kill);
    assert!(tried > 15 || shim().is_none(), "{tried}");
}

#[test]
fn a_kill_at_any_write_of_an_evaluation_loses_nothing() {
    everywhere(evaluation, 5, Fault::Kill);
}

#[test]
fn a_disk_that_fills_up_at_any_write_of_an_import_loses_nothing() {
    everywhere(import, 1, Fault::FromThere(ENOSPC));
}

#[test]
fn a_disk_that_fills_up_at_any_write_of_an_evaluation_loses_nothing() {
    everywhere(evaluation, 7, Fault::FromThere(ENOSPC));
}

#[test]
fn a_call_that_fails_is_no_damage() {
    everywhere(import, 3, Fault::Once(EIO));
    everywhere(import, 5, Fault::FromThere(EIO));
    everywhere(import, 7, Fault::FromThere(EACCES));
}

#[test]
fn no_answer_is_paid_for_twice_wherever_a_generation_is_killed() {
    if shim().is_none() {
        return;
    }
    let bench = Bench::new();
    let url = bench.url();
    // Of each of the two classes, two samples of each of the three LLM prompts, in requests of two.
    let (wanted, on_the_way) = (12, 2);
    let mut at = 1;
    loop {
        let _absent = std::fs::remove_dir_all(bench.path("store"));
        let before = bench.answers();
        let arguments = bench.generate(&url, "store");
        let was_killed = faulty(&bench, &arguments, at, Fault::Kill).is_some();
        bench.run(&arguments);
        let paid = bench.answers() - before;
        assert!(paid <= wanted + on_the_way, "killed at call {at}: {paid} answers for {wanted}");
        if !was_killed {
            break;
        }
        // What was kept outlives the database too.
        std::fs::remove_dir_all(bench.path("store/sled")).unwrap();
        let before = bench.answers();
        bench.run(&arguments);
        assert_eq!(bench.answers(), before, "killed at call {at}, and without the database");
        at += if is_campaign() { 1 } else { 9 };
    }
    assert!(at > 50, "{at}");
}
