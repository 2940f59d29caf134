//! Prompts by a language model in the real workbench: a server on this machine plays the model.

use crate::loopback::{Loopback, Reply, sentences};
use crate::pseudo_terminal::Session;

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
