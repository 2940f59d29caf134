//! A checkpoint of a hub in the real workbench: it is offered, downloaded, stopped, and the opening goes on.

use crate::loopback_hub::{LoopbackHub, Wanted, cached, checkpoint};
use crate::program::Bench;
use crate::pseudo_terminal::{PLAIN, Session};

const EXPERIMENT: &str = "checkpoint = 'pond/clip'\nimages = 'photos'\n\
                          [[strategy]]\nname = 'templates'\ntemplates = 'templates.txt'\n";

fn workbench(bench: &Bench, hub: &LoopbackHub, variables: &[(&str, &str)]) -> Session {
    std::fs::write(bench.path("pond.toml"), EXPERIMENT).unwrap();
    let variables = [&[("HF_ENDPOINT", hub.hub.url.as_str())], variables].concat();
    Session::start_in(PLAIN, bench.folder.path(), &["pond.toml"], &variables, 24, 80)
}

#[test]
fn a_checkpoint_is_offered_downloaded_and_opened() {
    let bench = Bench::new();
    let hub = LoopbackHub::faulty(checkpoint(), |wanted, before, asked, now| match (wanted, before) {
        (Wanted::Stored(name), 0) => Some(now.part_of_part(name, asked, 50_000, false)),
        _ => None,
    });
    let mut session = workbench(&bench, &hub, &[]);
    let question = session.wait_for("Download 1");
    assert!(question.contains("kB from 127.0.0.1") && question.contains("pond/clip"), "{question}");
    assert!(hub.asked_for().is_empty() && !cached(bench.folder.path()).exists());
    session.press("y");
    session.wait_for("downloading 60");
    // The server says nothing any more: it is stopped, and goes on where it was.
    session.press("x");
    session.wait_for("stopped");
    session.press("r");
    session.wait_for("against baseline");
    assert_eq!(hub.ranges("model.safetensors"), [0, 50_000]);
    session.press("q");
    assert_eq!(session.end(), 0);
    // The next start finds it.
    let before = hub.hub.asked().len();
    let mut session = workbench(&bench, &hub, &[]);
    session.wait_for("against baseline");
    session.press("q");
    assert_eq!((session.end(), hub.hub.asked().len()), (0, before));
}

#[test]
fn a_checkpoint_that_nobody_can_have_is_no_question() {
    let bench = Bench::new();
    let hub = LoopbackHub::start(checkpoint());
    let mut session = workbench(&bench, &hub, &[("HF_HUB_OFFLINE", "1")]);
    let problem = session.wait_for("HF_HUB_OFFLINE is set");
    assert!(problem.contains("pond/clip") && !problem.contains("Download"), "{problem}");
    session.press("q");
    assert_eq!((session.end(), hub.hub.asked().len()), (2, 0));
}

#[test]
fn a_declined_download_leads_to_other_experiments() {
    let bench = Bench::new();
    let hub = LoopbackHub::start(checkpoint());
    let mut session = workbench(&bench, &hub, &[]);
    session.wait_for("Download 1");
    session.press("n");
    session.wait_for("What do you want to look at?");
    session.press("q");
    session.end();
    assert!(hub.asked_for().is_empty());
}

#[test]
fn a_hub_that_takes_its_time_is_named() {
    let bench = Bench::new();
    let (go_on, told) = std::sync::mpsc::channel::<()>();
    let told = std::sync::Mutex::new(told);
    let hub = LoopbackHub::faulty(checkpoint(), move |wanted, before, _, _| {
        if (wanted, before) == (&Wanted::Listing, 0) {
            told.lock().unwrap().recv().unwrap();
        }
        None
    });
    let mut session = workbench(&bench, &hub, &[]);
    session.wait_for("asking 127.0.0.1");
    go_on.send(()).unwrap();
    session.wait_for("Download 1");
    session.press("q");
    session.end();
}
