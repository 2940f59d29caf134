//! Prompts by a language model in the real workbench: a server on this machine plays the model.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code)]

mod loopback;
mod pseudo_terminal;

use loopback::{Asked, Loopback, Reply};
use pseudo_terminal::Session;
use serde_json::{Value, json};

/// Sentences of use about the class that is asked about, other ones in each request.
fn answer(number: usize, asked: &Asked) -> Value {
    let body = asked.json();
    let prompt = body["messages"][0]["content"].as_str().unwrap();
    let prompt = prompt.trim_end_matches([':', '?']).trim_end_matches(" looks like");
    let class = prompt.rsplit(' ').next().unwrap().to_owned();
    let words = ["small", "large", "long", "round", "flat", "green", "brown", "white", "dark", "bright"];
    let choice = |index: usize| {
        let at = 7 * number + index;
        let text = format!(
            "A {class} is {} and {} with {} sides",
            words[at % 10],
            words[at / 10 % 10],
            words[at / 3 % 10]
        );
        json!({"index": index, "message": {"content": text}, "finish_reason": "stop"})
    };
    let n = body["n"].as_u64().unwrap_or(1) as usize;
    json!({"choices": (0..n).map(choice).collect::<Vec<_>>(), "usage": {"completion_tokens": 12 * n}})
}

#[test]
fn prompts_are_written_looked_at_and_become_a_strategy() {
    let server = Loopback::start(|number, asked| Reply::json(&answer(number, asked)));
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
    session.press("w");
    session.wait_for("saved as pond");
    session.press("1");
    session.wait(|text| text.contains("B ● pond@") && text.contains("ready")).unwrap();
    session.press("q");
    assert_eq!(session.end(), 0);
    assert!(
        server.asked().iter().all(|asked| asked.header("authorization") == Some("Bearer sk-very-secret"))
    );
}
