//! One Ctrl-C is enough, wherever a command is.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use cupl_tui::store::Store;

use crate::kept::Bench;
use crate::loopback::{Loopback, Reply};

/// A second is promised; machines that run tests do other things too.
const PATIENCE: Duration = Duration::from_secs(8);

/// Starts a command, sends one signal as soon as it says this, or as soon as `is_there`, and waits for its end.
fn interrupt(bench: &Bench, arguments: &[&str], says: Option<&str>, is_there: impl FnOnce()) {
    let mut command = bench.command(arguments);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    if let Some(says) = says {
        while !line.contains(says) {
            line.clear();
            assert!(said.read_line(&mut line).unwrap() > 0, "{arguments:?} ended before it said {says:?}");
        }
    }
    is_there();
    let begin = Instant::now();
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let (ended, end) = mpsc::channel();
    let waits = std::thread::spawn(move || {
        let mut rest = String::new();
        said.read_to_string(&mut rest).unwrap();
        let _unheard = ended.send(());
        rest
    });
    if end.recv_timeout(PATIENCE).is_err() {
        child.kill().unwrap();
        panic!("{arguments:?} goes on after {} s: {}", PATIENCE.as_secs(), waits.join().unwrap());
    }
    let status = child.wait().unwrap();
    // Commands that have nothing to finish leave the signal to the system, which a shell tells alike.
    let code = status.code().or(status.signal().map(|signal| 128 + signal));
    let rest = waits.join().unwrap();
    assert_eq!(code, Some(130), "{arguments:?} after {:?}: {line}{rest}", begin.elapsed());
    assert!(!rest.contains("panicked"), "{rest}");
}

#[test]
fn one_interruption_ends_a_long_evaluation_and_what_waits_for_a_store_or_a_server() {
    let bench = Bench::new();
    bench.make_pictures("many", 3000);
    interrupt(&bench, &bench.evaluate("many", "store"), Some("embedding "), || {});

    drop(Store::open(&bench.path("held")).unwrap());
    let lock = File::options().write(true).open(bench.path("held/lock")).unwrap();
    lock.lock().unwrap();
    for command in [&["prompts", "list"][..], &["runs", "list"], &["store", "verify"], &["evaluate"]] {
        let waits = [command, &["--store", "held", "--store-wait", "600"]].concat();
        interrupt(&bench, &waits, Some("waiting for the store"), || {});
    }

    let (asked, is_asked) = mpsc::channel();
    let server = Loopback::start(move |_, _| {
        let _unheard = asked.send(());
        Reply::Stall { status: 200, headers: Vec::new(), after: 1, body: vec![b' '; 100] }
    });
    let url = format!("{}/v1", server.url);
    interrupt(&bench, &bench.generate(&url, "other"), None, || is_asked.recv().unwrap());
}
