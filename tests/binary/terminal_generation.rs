//! Prompts by a language model in the real workbench: a server on this machine plays the model.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::loopback::{Asked, Gate, Loopback, Reply, sentences};
use crate::pseudo_terminal::{Session, signal};

#[test]
fn prompts_are_written_looked_at_and_become_a_strategy() {
    let server = Loopback::start(|number, asked| Reply::json(&sentences(number, asked)));
    let home = tempfile::tempdir().unwrap();
    let url = format!("{}/v1", server.url);
    let variables = [("OPENAI_API_KEY", "sk-very-secret"), ("OPENAI_BASE_URL", url.as_str())];
    let mut session = Session::start_with(home.path(), &variables, 24, 80);
    session.wait_for("against baseline");
    session.press("5");
    session.wait_for("own other");
    session.press("m");
    let form = session.wait_for("LLM prompts");
    assert!(form.contains("model") && !form.contains("very-secret"), "{form}");
    // The name, the model, and six sentences a class.
    session.press("\x15pond\x1b[Btiny\x1b[B\x1b[B\x1b[B6\r");
    session.wait_for("60 of 60 sentences (done)");
    let accuracy = session.wait_for(" a class   A ");
    assert!(accuracy.contains("top-1"), "{accuracy}");
    assert_eq!(server.asked().len(), 30, "three LLM prompts for ten classes");
    // One is not wanted: another one comes in its place.
    session.press("\r");
    session.wait_for("Describe what an airplane looks like:");
    session.press("d");
    session.wait_for("dropped: ");
    session.press("\x1b");
    session.wait(|text| text.contains("60 of 60 sentences (done)") && text.contains("1 rejected")).unwrap();
    save_and_quit(session);
    assert!(
        server.asked().iter().all(|asked| asked.header("authorization") == Some("Bearer sk-very-secret"))
    );
}

/// Saves what was written, which becomes a strategy, and quits.
fn save_and_quit(mut session: Session) {
    session.press("w");
    session.wait_for("saved as pond");
    session.press("1");
    session.wait(|text| text.contains("B ● pond@") && text.contains("ready")).unwrap();
    session.press("q");
    assert_eq!(session.end(), 0);
}

/// The workbench, with a server of language models.
fn start(home: &Path, server: &Loopback) -> Session {
    let url = format!("{}/v1", server.url);
    let variables = [("OPENAI_API_KEY", "sk-very-secret"), ("OPENAI_BASE_URL", url.as_str())];
    Session::start_with(home, &variables, 24, 80)
}

/// The same, on its prompts with the form filled: six sentences a class.
fn start_with_form(home: &Path, server: &Loopback) -> Session {
    let mut session = start(home, server);
    session.wait_for("against baseline");
    session.press("5");
    session.wait_for("own other");
    session.press("m");
    session.wait_for("Enter asks for 300 answers, in at most 30 requests");
    session.press("\x15pond\x1b[Btiny\x1b[B\x1b[B\x1b[B6");
    session.wait_for("Enter asks for 60 answers, in at most 30 requests");
    session
}

/// What is on the screen, with one blank between words.
fn words(screen: &str) -> String {
    screen.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_refused_generation_leads_back_to_its_form_and_a_wait_is_shown_and_left() {
    let is_key_right = Arc::new(AtomicBool::new(false));
    let takes_key = is_key_right.clone();
    let server = Loopback::start(move |_, _| match takes_key.load(Ordering::SeqCst) {
        false => Reply::status(401, &json!({"error": {"message": "Incorrect API key provided"}})),
        true => Reply::Answer {
            status: 429,
            content_type: "application/json",
            headers: vec![("Retry-After", "200".to_owned())],
            body: b"{\"error\": {\"message\": \"slow down\"}}".to_vec(),
        },
    });
    let home = tempfile::tempdir().unwrap();
    let mut session = start_with_form(home.path(), &server);
    assert!(server.asked().is_empty());
    session.press("\r");
    let asks_for_key = |text: &str| words(text).contains("is it the one for this server?");
    let form = words(&session.wait(asks_for_key).unwrap());
    for typed in [
        "name pond",
        "model tiny",
        "sentences 6",
        "answers 401: Incorrect API key provided; it does not take the key",
    ] {
        assert!(form.contains(typed), "{typed:?} is not in\n{form}");
    }
    assert!(!form.contains("very-secret"), "{form}");
    // Its reason stays on its page, whatever is pressed.
    session.press("\x1b");
    session.wait_for("(stopped by an error)");
    session.press("jk");
    session.wait(|text| words(text).contains("Incorrect API key provided")).unwrap();
    // Once more, as it was filled.
    is_key_right.store(true, Ordering::SeqCst);
    session.press("m");
    session.wait_for("LLM prompts");
    session.press("\r");
    session.wait_for("retrying 2 of 6 in 200 s, 429: slow down");
    session.wait_for("retrying 2 of 6 in 199 s");
    let began = Instant::now();
    session.press("x");
    session.wait_for("(stopped by you)");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    session.press("6");
    session.wait_for("write prompts with a language model: stopped by you");
    session.press("q");
    assert_eq!(session.end(), 0);
}

#[test]
fn a_killed_generation_is_offered_again_and_asks_nothing_twice() {
    const ANSWERED: usize = 12;
    const THREADS: usize = 4;
    let (gate, reached, lives) =
        (Arc::new(Gate::default()), Arc::new(Gate::default()), Arc::new(AtomicBool::new(true)));
    let (holds, tells, first_lives) = (gate.clone(), reached.clone(), lives.clone());
    // While the first program lives, each of its threads waits in the end.
    let server = Loopback::start(move |number, asked| {
        if number >= ANSWERED && first_lives.load(Ordering::SeqCst) {
            if number + 1 == ANSWERED + THREADS {
                tells.open();
            }
            holds.wait();
            return Reply::HangUp;
        }
        Reply::json(&sentences(number, asked))
    });
    let home = tempfile::tempdir().unwrap();
    let mut killed = start_with_form(home.path(), &server);
    killed.press("\r");
    killed.wait_for("(writing)");
    // More of the first class is wished for.
    killed.press("+");
    killed.wait_for("24 of 65 sentences");
    reached.wait();
    signal("-KILL", &killed.pid());
    killed.wait(|_| false).unwrap_err();
    lives.store(false, Ordering::SeqCst);
    gate.open();
    let before = server.asked().len();
    assert_eq!(before, ANSWERED + THREADS);

    let mut session = start(home.path(), &server);
    session.wait_for("the generation \"pond\" is unfinished: m goes on with it");
    session.press("m");
    let form = words(&session.wait_for("Enter asks for 60 answers"));
    for typed in ["name pond", "model tiny", "sentences 6"] {
        assert!(form.contains(typed), "{typed:?} is not in\n{form}");
    }
    session.press("\r");
    session.wait_for("65 of 65 sentences (done)");
    let samples =
        |asked: &[Asked]| asked.iter().map(|asked| asked.json()["n"].as_u64().unwrap_or(1)).sum::<u64>();
    let asked = server.asked();
    assert_eq!((samples(&asked[..ANSWERED]), samples(&asked[before..])), (24, 41), "none is asked for twice");
    save_and_quit(session);
}
