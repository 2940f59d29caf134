//! Prompts written by a language model: the client against a faulty server, and the real binary.

use std::collections::HashMap;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::loopback::{Gate, Loopback, Reply, sentences};
use crate::program::{Bench, text};
use cupl_tui::language_model::openai::{ApiKey, OpenAi, OpenAiSettings};
use cupl_tui::language_model::{LanguageModel, LanguageModelError, Sample, SampleRequest, Sampling};
use serde_json::{Value, json};

const KEY: &str = "sk-very-secret";

fn settings(server: &Loopback) -> OpenAiSettings {
    let mut settings = OpenAiSettings::new(&format!("{}/v1", server.url), "tiny", ApiKey::new(KEY));
    settings.backoff = Duration::from_millis(1);
    settings.attempts = 3;
    settings
}

/// What asking for some samples comes to.
fn ask_with(
    settings: OpenAiSettings,
    samples: std::ops::Range<u32>,
) -> (Vec<Sample>, Result<(), LanguageModelError>) {
    let model = OpenAi::new(settings).unwrap();
    let request =
        SampleRequest { llm_prompt: "Describe a frog:".to_owned(), samples, sampling: Sampling::default() };
    let mut found = Vec::new();
    let ended = model.sample(&request, &|| false, &mut |notice| found.extend(notice.sample()));
    (found, ended)
}

fn ask(server: &Loopback) -> (Vec<Sample>, Result<(), LanguageModelError>) {
    ask_with(settings(server), 0..4)
}

fn numbers(samples: &[Sample]) -> Vec<u32> {
    samples.iter().map(|sample| sample.number).collect()
}

#[test]
fn a_server_answers_several_samples_at_once() {
    let server = Loopback::start(|number, asked| Reply::json(&sentences(number, asked)));
    let (samples, ended) = ask(&server);
    ended.unwrap();
    assert_eq!(numbers(&samples), [0, 1, 2, 3]);
    assert!(samples.iter().all(|sample| sample.text.contains("A frog is") && sample.tokens == Some(11)));
    let [asked] = &server.asked()[..] else { panic!("one request is enough") };
    assert_eq!(asked.path, "/v1/chat/completions");
    assert_eq!(asked.header("authorization"), Some("Bearer sk-very-secret"));
    assert!(asked.header("user-agent").unwrap().starts_with("cupl-tui/"));
    let body = asked.json();
    assert_eq!(
        (&body["model"], &body["n"], &body["temperature"], &body["max_tokens"], &body["stop"]),
        (&json!("tiny"), &json!(4), &json!(0.99), &json!(50), &json!(["."]))
    );
}

#[test]
fn failures_that_pass_are_tried_again() {
    type Fault = fn(Vec<u8>) -> Reply;
    let faults: [(&str, Fault); 7] = [
        ("429", |_| Reply::Answer {
            status: 429,
            content_type: "application/json",
            headers: vec![("Retry-After", "0".to_owned())],
            body: b"{\"error\": {\"message\": \"slow down\"}}".to_vec(),
        }),
        ("500", |_| Reply::status(500, &json!({"error": "broken"}))),
        ("cut", |body| Reply::Cut { after: body.len() / 2, body }),
        ("no JSON", |_| Reply::Answer {
            status: 200,
            content_type: "application/json",
            headers: Vec::new(),
            body: b"{\"choices\": [".to_vec(),
        }),
        ("a page", |_| Reply::Answer {
            status: 200,
            content_type: "text/html",
            headers: Vec::new(),
            body: b"<html>busy</html>".to_vec(),
        }),
        ("cut stream", |_| Reply::Chunked {
            size: 7,
            content_type: "text/event-stream",
            body: b"data: {\"choices\": [{\"index\": 0, \"delta\": {\"content\": \"A fr\"}}]}\n\n".to_vec(),
        }),
        ("hang up", |_| Reply::HangUp),
    ];
    for (name, fault) in faults {
        let server = Loopback::start(move |number, asked| {
            let good = sentences(0, asked);
            if number < 2 { fault(good.to_string().into_bytes()) } else { Reply::json(&good) }
        });
        let (samples, ended) = ask(&server);
        ended.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(numbers(&samples), [0, 1, 2, 3], "{name}");
        assert_eq!(server.asked().len(), 3, "{name}");
        // One attempt fewer is too few.
        let server = Loopback::start(move |_, asked| fault(sentences(0, asked).to_string().into_bytes()));
        let (samples, ended) = ask(&server);
        let error = ended.unwrap_err();
        assert!(samples.is_empty() && server.asked().len() == 3, "{name}: {error}");
        assert!(
            error.to_string().contains('3') && !format!("{error} {error:?}").contains(KEY),
            "{name}: {error}"
        );
    }
}

#[test]
fn a_stream_that_nobody_asked_for_is_read() {
    let server = Loopback::start(|_, _| {
        Reply::Chunked {
        size: 5,
        content_type: "text/event-stream; charset=utf-8",
        body: "data: {\"choices\": [{\"index\": 0, \"delta\": {\"content\": \"A gr\u{fc}n frog\"}}]}\n\n\
               data: {\"choices\": [{\"index\": 0, \"delta\": {}, \"finish_reason\": \"stop\"}]}\n\ndata: [DONE]\n\n"
            .as_bytes()
            .to_vec(),
    }
    });
    let (samples, ended) = ask_with(settings(&server), 0..1);
    ended.unwrap();
    assert_eq!(samples[0].text, "A grün frog");
}

#[test]
fn an_answer_without_end_is_given_up() {
    let server = Loopback::start(|_, _| Reply::Answer {
        status: 200,
        content_type: "application/json",
        headers: Vec::new(),
        body: vec![b' '; 9 << 20],
    });
    let mut settings = settings(&server);
    settings.attempts = 1;
    let error = ask_with(settings, 0..1).1.unwrap_err().to_string();
    assert!(error.contains("8 MiB"), "{error}");
}

#[test]
fn refusals_say_what_to_do_and_are_not_repeated() {
    let says = |message: &str| json!({"error": {"message": message}});
    for (status, body, words) in [
        (401, says(&format!("Incorrect API key provided: {KEY}")), "OPENAI_API_KEY"),
        (404, says("The model `tiny` does not exist"), "it has the models \"tiny-2\", \"huge\""),
        (400, says("maximum context length is 16 tokens"), "shorten the context or max-tokens"),
        (307, json!({}), "give that one as the base URL"),
    ] {
        let server = Loopback::start(move |_, asked| match asked.path.as_str() {
            "/v1/models" => Reply::json(&json!({"data": [{"id": "huge"}, {"id": "tiny-2"}]})),
            _ => Reply::status(status, &body),
        });
        let (samples, ended) = ask(&server);
        let error = ended.unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        assert!(samples.is_empty() && !format!("{error} {error:?}").contains(KEY), "{error}");
        let tries = server.asked().iter().filter(|asked| asked.path.ends_with("completions")).count();
        assert_eq!(tries, 1, "{status}");
    }
    let mut keyless = settings(&Loopback::start(|_, _| Reply::status(401, &json!({}))));
    keyless.api_key = None;
    let error = ask_with(keyless, 0..1).1.unwrap_err().to_string();
    assert!(error.contains("set OPENAI_API_KEY"), "{error}");
    let nobody = OpenAiSettings { attempts: 1, ..OpenAiSettings::new("http://127.0.0.1:1/v1", "m", None) };
    let error = ask_with(nobody, 0..1).1.unwrap_err().to_string();
    assert!(error.contains("does the server run?"), "{error}");
}

#[test]
fn what_a_server_does_not_take_is_left_out() {
    let server = Loopback::start(|number, asked| {
        let body = asked.json();
        let refuse = |what: &str| {
            Reply::status(400, &json!({"error": {"message": format!("Unsupported parameter: '{what}'")}}))
        };
        if body.get("max_tokens").is_some() {
            refuse("max_tokens")
        } else if body.get("n").is_some() {
            refuse("n")
        } else {
            Reply::json(&sentences(number, asked))
        }
    });
    let (samples, ended) = ask(&server);
    ended.unwrap();
    assert_eq!(numbers(&samples), [0, 1, 2, 3]);
    let asked = server.asked();
    assert_eq!(asked.len(), 6, "two refusals, then one by one");
    assert_eq!(asked.last().unwrap().json()["max_completion_tokens"], 50);
    // A server that passes over `n` without a word.
    let server = Loopback::start(|number, asked| {
        let mut all = sentences(number, asked);
        all["choices"].as_array_mut().unwrap().truncate(1);
        Reply::json(&all)
    });
    let (samples, ended) = ask(&server);
    ended.unwrap();
    assert_eq!((numbers(&samples), server.asked().len()), (vec![0, 1, 2, 3], 4));
}

#[test]
fn a_slow_server_can_be_left() {
    let gate = Arc::new(Gate::default());
    let (holds, stop) = (gate.clone(), Arc::new(AtomicBool::new(false)));
    let raised = stop.clone();
    let server = Loopback::start(move |number, asked| {
        raised.store(true, Ordering::Relaxed);
        holds.wait();
        Reply::json(&sentences(number, asked))
    });
    let model = OpenAi::new(settings(&server)).unwrap();
    let request = SampleRequest {
        llm_prompt: "Describe a frog:".to_owned(),
        samples: 0..1,
        sampling: Sampling::default(),
    };
    let ended = model.sample(&request, &|| stop.load(Ordering::Relaxed), &mut |_| panic!("no answer came"));
    assert!(matches!(ended, Err(LanguageModelError::Cancelled)), "{ended:?}");
    gate.open();
}

fn generate(bench: &Bench, server: &Loopback, more: &[&str]) -> Command {
    let url = format!("{}/v1", server.url);
    let mut arguments = vec!["generate", "--model", "tiny", "--base-url", &url, "--backoff", "0.001"];
    arguments.extend(more);
    let mut command = bench.command(&arguments);
    command.env("OPENAI_API_KEY", KEY);
    command
}

/// How often each (LLM prompt, samples) was asked for, as far as it was answered.
fn asked_for(server: &Loopback) -> HashMap<String, u64> {
    let mut counts = HashMap::new();
    for asked in server.asked() {
        let body = asked.json();
        let prompt = body["messages"][0]["content"].as_str().unwrap().to_owned();
        *counts.entry(prompt).or_default() += body["n"].as_u64().unwrap_or(1);
    }
    counts
}

#[test]
fn a_set_is_written_saved_and_evaluated() {
    let bench = Bench::new();
    std::fs::write(bench.path("classes.txt"), "cat\nfrog\ntruck\n").unwrap();
    let server = Loopback::start(|number, asked| Reply::json(&sentences(number, asked)));
    let output = generate(
        &bench,
        &server,
        &["--classes", "classes.txt", "--samples", "4", "--name", "pets", "--format", "json"],
    )
    .output()
    .unwrap();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{out}\n{err}");
    let report: Value = serde_json::from_str(&out).unwrap();
    for class in report["classes"].as_array().unwrap() {
        assert_eq!((&class["accepted"], &class["wanted"]), (&json!(12), &json!(12)), "{class}");
    }
    assert!(asked_for(&server).contains_key("What are the identifying characteristics of a frog?"));
    bench.stdout(0, &["prompts", "export", "pets", "--out", "pets.json"]);
    let exported: Value =
        serde_json::from_str(&std::fs::read_to_string(bench.path("pets.json")).unwrap()).unwrap();
    assert_eq!(exported["truck"].as_array().unwrap().len(), 12);
    let evaluated = bench.json(
        0,
        &[
            "evaluate",
            "--checkpoint",
            "demo",
            "--images",
            "photos",
            "--templates",
            "templates.txt",
            "--cupl",
            "stored:pets",
            "--format",
            "json",
        ],
    );
    assert_eq!(evaluated["strategies"][1]["prompts"], 36, "{evaluated}");
    bench.stdout(0, &["prompts", "export", "pets", "--form", "jsonl", "--out", "pets.jsonl"]);
    let lines = std::fs::read_to_string(bench.path("pets.jsonl")).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.iter().filter(|line| line["accepted"] == true).count(), 36);
    assert_eq!(
        (&lines[0]["model"], &lines[0]["backend"], &lines[0]["temperature"]),
        (&json!("tiny"), &json!("openai"), &json!(0.99))
    );
    // The key is nowhere.
    assert!(!out.contains(KEY) && !err.contains(KEY));
    for file in walk(&bench.path("data")) {
        let bytes = std::fs::read(&file).unwrap();
        assert!(!bytes.windows(KEY.len()).any(|window| window == KEY.as_bytes()), "{}", file.display());
    }
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(walk(&path)) } else { files.push(path) }
    }
    files
}

#[test]
fn killed_in_the_middle_nothing_is_lost_or_asked_twice() {
    let bench = Bench::new();
    std::fs::write(bench.path("classes.txt"), "cat\nfrog\n").unwrap();
    let (gate, answered) = (Arc::new(Gate::default()), Arc::new(AtomicUsize::new(0)));
    let reached = Arc::new(Gate::default());
    let (holds, counts, tells) = (gate.clone(), answered.clone(), reached.clone());
    let server = Loopback::start(move |number, asked| {
        // The fifth request is never answered while the first program lives.
        if counts.fetch_add(1, Ordering::SeqCst) == 4 {
            tells.open();
            holds.wait();
            return Reply::HangUp;
        }
        Reply::json(&sentences(number, asked))
    });
    let flags = [
        "--classes",
        "classes.txt",
        "--samples",
        "6",
        "--samples-at-once",
        "2",
        "--concurrency",
        "1",
        "--name",
        "pets",
    ];
    let mut killed =
        generate(&bench, &server, &flags).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    reached.wait();
    killed.kill().unwrap();
    killed.wait().unwrap();
    gate.open();
    let before = server.asked().len();
    assert_eq!(before, 5);
    let output = generate(&bench, &server, &flags).output().unwrap();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{out}\n{err}");
    assert!(err.contains("8 answers are in the store already"), "{err}");
    // Four answered requests of the first program, all others by the second one: each sample was answered once.
    assert_eq!(server.asked().len() - before, 2 * 9 - 4);
    let counts = asked_for(&server);
    let unanswered = server.asked()[4].json()["messages"][0]["content"].as_str().unwrap().to_owned();
    for (prompt, count) in counts {
        assert_eq!(count, if prompt == unanswered { 8 } else { 6 }, "{prompt}");
    }
    // All is there: another start asks nothing, other settings ask anew.
    let before = server.asked().len();
    assert_eq!(generate(&bench, &server, &flags).output().unwrap().status.code(), Some(0));
    assert_eq!(server.asked().len(), before);
    let warmer = [&flags[..], &["--temperature", "0.5"]].concat();
    assert_eq!(generate(&bench, &server, &warmer).output().unwrap().status.code(), Some(0));
    assert_eq!(server.asked().len(), before + 18);
}

#[test]
fn a_dry_run_sends_nothing() {
    let bench = Bench::new();
    let server = Loopback::start(|_, _| Reply::HangUp);
    let output =
        generate(&bench, &server, &["--name", "demo-llm", "--dry-run", "--format", "json"]).output().unwrap();
    let plan: Value = serde_json::from_str(&text(&output.stdout)).unwrap();
    assert_eq!((plan["requests"].as_array().unwrap().len(), &plan["samples"]), (30, &json!(300)));
    assert_eq!(plan["answer_tokens_at_most"], 15_000);
    assert!(
        plan["requests"][0]["request"].as_str().unwrap().contains("Describe what an airplane looks like:")
    );
    assert!(server.asked().is_empty() && !text(&output.stdout).contains(KEY));
    let table = generate(&bench, &server, &["--name", "demo-llm", "--dry-run"]).output().unwrap();
    assert!(text(&table.stdout).contains("30 requests for 300 samples"), "{}", text(&table.stdout));
}

#[test]
fn wrong_use_is_told_with_a_remedy() {
    let bench = Bench::new();
    for (arguments, words) in [
        (vec!["generate", "--name", "x"], "which model"),
        (
            vec!["generate", "--name", "x", "--model", "m", "--base-url", "localhost"],
            "no address of a server",
        ),
        (vec!["generate", "--name", "x", "--model", "m", "--llm-prompts", "none.txt"], "no LLM prompts"),
        (vec!["generate", "--name", "x", "--model", "m", "--classes", "none.txt"], "none.txt"),
        (vec!["generate", "--name", "a@b", "--model", "m"], "another name"),
        (vec!["generate", "--name", "x", "--model", "m", "--retry-limit", "0"], "retry_limit is 0"),
    ] {
        let complaint = bench.complaint(&arguments);
        assert!(complaint.contains(words), "{arguments:?}: {complaint}");
    }
    std::fs::write(
        bench.path("e.toml"),
        "checkpoint = 'demo'\nimages = 'demo'\n[generation]\napi_key = 'sk-x'\n\
         [[strategy]]\nname = 't'\ntemplates = ['a {}.']\n",
    )
    .unwrap();
    let complaint = bench.complaint(&["generate", "--experiment", "e.toml", "--name", "x"]);
    assert!(complaint.contains("OPENAI_API_KEY") && !complaint.contains("sk-x"), "{complaint}");
}
