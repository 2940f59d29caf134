//! Names from outside that a terminal would obey: no subcommand passes them on. And names that a browser would obey: no report
//! does.
#![cfg(unix)]

use std::collections::BTreeSet;
use std::fs;

use cupl_tui::cli::command_line;
use cupl_tui::text::terminal_text::is_unsafe;
use serde_json::{Value, json};

use crate::loopback::{Loopback, Reply};
use crate::program::{Bench, PHOTOS, text};

/// Moves the cursor, fills the clipboard, rings, breaks the line, turns the direction of what follows.
const HOSTILE: [&str; 3] =
    ["cat\u{1b}[2J\u{1b}]52;c;aGFoYQ==\u{7}", "fr\nog\u{9b}31m", "tr\u{202e}kcu\r\u{2066}"];

/// The same for a language model to describe, whose sentences are lines.
const DESCRIBED: [&str; 2] = [HOSTILE[0], "tr\u{202e}kcu\u{2066}"];

/// Photos in folders of those names, two of them with such names too, and prompts and tables with them.
fn hostile() -> Bench {
    let bench = Bench::new();
    for (class, name) in ["cat", "frog", "truck"].into_iter().zip(HOSTILE) {
        fs::rename(bench.path("photos").join(class), bench.path("photos").join(name)).unwrap();
    }
    let folder = bench.path("photos").join(HOSTILE[0]);
    fs::rename(folder.join("0.png"), folder.join("0\u{1b}[31m\n.png")).unwrap();
    fs::write(folder.join("broken\u{7}\u{1b}c.png"), b"no picture").unwrap();
    fs::write(folder.join("notes\u{1b}[5m.txt"), b"").unwrap();
    let prompts: serde_json::Map<String, Value> = HOSTILE
        .iter()
        .map(|name| ((*name).to_owned(), json!([format!("a {name}."), format!("A {name} looks odd.")])))
        .collect();
    fs::write(bench.path("cupl.json"), Value::Object(prompts).to_string()).unwrap();
    fs::write(bench.path("classes.json"), json!(DESCRIBED).to_string()).unwrap();
    fs::write(bench.path("texts.txt"), HOSTILE.join("\n")).unwrap();
    let toml = |text: &str| Value::String(text.to_owned()).to_string();
    fs::write(
        bench.path("published.toml"),
        format!(
            "source = {0}\n[[model]]\nname = {0}\n[[dataset]]\nname = {1}\nmetric = 'top-1'\nimages = 18\nclasses = 3\n\
             templates = 9\nresults = {{ {0} = 0.1 }}\n",
            toml(HOSTILE[0]),
            toml(HOSTILE[2])
        ),
    )
    .unwrap();
    let snapshot = "models--own\u{1b}[2Jer--na\u{7}me/snapshots/abc\u{202e}";
    fs::create_dir_all(bench.path("hub").join(snapshot)).unwrap();
    fs::write(bench.path("hub").join(snapshot).join("config.json"), "{\"model_type\": \"\u{9b}31m\"}")
        .unwrap();
    bench
}

/// The subcommands that do something, as words.
fn subcommands(command: &clap::Command, above: &str) -> Vec<String> {
    let mut found = Vec::new();
    for below in command.get_subcommands() {
        let words = format!("{above} {}", below.get_name()).trim_start().to_owned();
        if !below.is_subcommand_required_set() {
            found.push(words.clone());
        }
        found.extend(subcommands(below, &words));
    }
    found
}

/// A server whose answers and errors are hostile.
fn server() -> Loopback {
    Loopback::start(|number, asked| match (asked.method.as_str(), number) {
        ("POST", 0) => Reply::status(500, &json!({"error": {"message": HOSTILE[0]}})),
        ("POST", _) => {
            let many = asked.json()["n"].as_u64().unwrap_or(1);
            let [a, b] = DESCRIBED;
            let sentence =
                |at: u64| format!("A {a} and a {b} of kind {number} and {at} is odd\u{1b}[2J\u{7}.");
            let choice =
                |at: u64| json!({"index": at, "message": {"content": sentence(at)}, "finish_reason": "stop"});
            Reply::json(&json!({"choices": (0..many).map(choice).collect::<Vec<_>>()}))
        }
        _ => Reply::status(403, &json!({"error": HOSTILE.join(" ")})),
    })
}

#[test]
fn nothing_that_a_terminal_obeys_leaves_any_subcommand() {
    let bench = hostile();
    let server = server();
    let base_url = format!("{}/v1", server.url);
    let image = format!("{}/0\u{1b}[31m\n.png", HOSTILE[0]);
    let experiment =
        ["--checkpoint", "demo", "--images", "photos", "--templates", "templates.txt", "--cupl", "cupl.json"];
    let with = |command: &[&'static str], more: &[&'static str]| -> Vec<&'static str> {
        [command, &experiment, more].concat()
    };
    let output_of = |command: &[&str]| {
        let mut process = bench.command(command);
        process
            .env("HF_HUB_CACHE", bench.path("hub"))
            .env("HF_ENDPOINT", &server.url)
            .env("OPENAI_API_KEY", "k");
        process.env("TERM", "x\u{1b}[2Jterm\u{7}").env("COLORTERM", HOSTILE[2]).output().unwrap()
    };
    output_of(&with(&["evaluate"], &[]));
    let runs: Value =
        serde_json::from_slice(&output_of(&["runs", "list", "--format", "json"]).stdout).unwrap();
    let run = |place: usize| runs[place]["id"].as_str().unwrap();
    let generate = [
        "generate",
        "--classes",
        "classes.json",
        "--name",
        "written",
        "--model",
        "m\u{1b}[2J",
        "--base-url",
        &base_url,
        "--samples",
        "1",
        "--backoff",
        "0.01",
        "--context",
        "\u{7}",
    ];
    let verify = ["verify", "--checkpoint", "demo", "--images", "photos", "--published", "published.toml"];
    let done: Vec<Vec<&str>> = vec![
        with(&["evaluate"], &[]),
        with(&["classes"], &[]),
        with(&["confusion"], &[]),
        with(&["confusion", "--class", HOSTILE[0]], &[]),
        with(&["misses"], &["--filter", "all"]),
        with(&["misses"], &["--filter", "all", "--copy-to", "copies\u{1b}[2J"]),
        with(&["compare"], &["templates", "cupl"]),
        with(&["curve"], &[]),
        with(&["calibrate"], &[]),
        with(&["controls"], &["--seeds", "1"]),
        [&with(&["explain"], &["--strategy", "cupl", "--image"])[..], &[&image]].concat(),
        with(&["report"], &["--out", "page\u{7}.html"]),
        with(&["export", "classifier"], &["--strategy", "cupl", "--out", "c\u{1b}[2J.npy"]),
        with(&["doctor", "labels"], &[]),
        vec![
            "embed",
            "--checkpoint",
            "demo",
            "--images",
            "photos",
            "--texts",
            "texts.txt",
            "--out",
            "e\u{7}.safetensors",
        ],
        vec!["bench", "--images", "photos"],
        vec!["checkpoints", "--all"],
        [&verify[..], &["--as", HOSTILE[0], "--dataset", HOSTILE[2]]].concat(),
        [&generate[..], &["--dry-run"]].concat(),
        generate.to_vec(),
        vec!["datasets", "inspect", "photos", "--decode"],
        vec!["prompts", "lint", "--cupl", "cupl.json"],
        with(&["prompts", "lint"], &["--fix"]),
        vec!["prompts", "import", "cupl.json", "--name", "odd"],
        vec!["prompts", "show", "odd"],
        with(&["prompts", "show"], &[]),
        with(&["prompts", "prune"], &["--strategy", "cupl", "--save", "pruned"]),
        vec!["prompts", "list"],
        vec!["prompts", "export", "odd", "--out", "o\u{1b}[2J.json"],
        vec!["prompts", "export", "written", "--form", "jsonl", "--out", "w\u{1b}[2J.jsonl"],
        vec!["prompts", "remove", "odd"],
        vec!["runs", "list"],
        vec!["runs", "show", run(0)],
        vec!["runs", "compare", run(0), run(1)],
        vec!["runs", "replay", run(0), "--kept"],
        vec!["store", "export", "s\u{1b}[2J.cupl"],
        vec!["store", "import", "s\u{1b}[2J.cupl"],
        vec!["store", "verify"],
        vec!["store", "compact", "--store", "st\u{1b}[2Jore\u{7}"],
        vec!["store", "remove-damaged"],
        vec!["doctor", "--store", "st\u{1b}[2Jore\u{7}"],
    ];
    let refused: Vec<Vec<&str>> = vec![
        with(&["explain"], &["--image", "no\u{1b}[2J.png"]),
        vec!["doctor", "--checkpoint", "no\u{1b}]0;x\u{7}"],
        vec!["bench", "--images", "photos", "--texts", "no\u{1b}[2J.txt"],
        vec!["pull", "own\u{1b}[2Jer/name"],
        vec!["pull", "owner/name"],
        [&verify[..], &["--as", "\u{7}", "--dataset", HOSTILE[2]]].concat(),
        vec!["prompts", "import", "cupl.json", "--name", "o\u{1b}[2Jdd\u{7}"],
        vec!["prompts", "remove", "o\u{1b}[2J"],
        vec!["runs", "show", "\u{1b}[2J"],
        vec!["evaluate", "--checkpoint", "demo", "--images", "photos", "--cupl", "no\u{1b}[2Jthing.json"],
        vec!["evaluate", "--checkpoint", "no\u{1b}]0;x\u{7}", "--images", "photos", "--cupl", "cupl.json"],
        vec!["evaluate", "no\u{7}\u{202e}.toml"],
        vec!["evaluate", "--aggregation", "\u{1b}[2J\u{7}\u{202e}"],
        vec!["no\u{7}\u{202e}", "--nothing\u{1b}[2J\u{9b}"],
        vec!["datasets", "inspect", "photos#\u{1b}[2J"],
        vec!["prompts", "show", "\u{1b}[2J"],
    ];
    let mut printed = 0;
    let mut unexpected = Vec::new();
    for (place, command) in done.iter().chain(&refused).enumerate() {
        let output = output_of(command);
        let all = format!("{}{}", text(&output.stdout), text(&output.stderr));
        if (output.status.code() == Some(2)) != (place >= done.len()) {
            unexpected.push(format!("{command:?}: {:?} {all}", output.status));
        }
        let found: Vec<char> = all.chars().filter(|c| *c != '\n' && is_unsafe(*c)).collect();
        assert!(found.is_empty(), "{command:?} printed {found:?}:\n{all:?}");
        printed += usize::from(all.contains("cat"));
    }
    assert!(unexpected.is_empty(), "{}", unexpected.join("\n"));
    assert!(printed >= 20, "{printed} commands named a class");
    let untried: Vec<String> = subcommands(&command_line(), "")
        .into_iter()
        .filter(|words| {
            !done.iter().chain(&refused).any(|command| command.join(" ").starts_with(words.as_str()))
        })
        .collect();
    assert!(untried.is_empty(), "no hostile name was given to {untried:?}");

    // For other programs a name stays what it is.
    let json = bench.json(1, &[&["evaluate"], &experiment[..], &["--format", "json"]].concat());
    assert_eq!(json["dataset"]["classes"][0], HOSTILE[0]);
    assert_eq!(json["dataset"]["images"], 3 * PHOTOS);
    let lines = fs::read_to_string(bench.path("w\u{1b}[2J.jsonl")).unwrap();
    let line: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(line["class"], HOSTILE[0]);
}

/// What stands in a page's tags beside quoted values: the names of elements and attributes.
fn markup_of(page: &str) -> BTreeSet<String> {
    let tags = page.split('<').skip(1).map(|tag| tag.split('>').next().unwrap());
    let unquoted = tags.map(|tag| tag.split('"').step_by(2).collect::<Vec<_>>().join(" "));
    unquoted.flat_map(|tag| tag.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect()
}

#[test]
fn a_report_has_the_same_elements_whatever_names_say() {
    const MARKUP: [&str; 3] = [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "' onload='x' </style></title><!-- &lt;b&gt; javascript:alert(1)",
    ];
    let page_of = |names: [&str; 3]| {
        let bench = Bench::new();
        let map: serde_json::Map<String, Value> = ["cat", "frog", "truck"]
            .into_iter()
            .zip(names)
            .map(|(class, name)| (class.to_owned(), json!(name)))
            .collect();
        fs::write(bench.path("names.json"), Value::Object(map).to_string()).unwrap();
        let file = bench.path("photos/cat").join(format!("{}.png", names[1].replace('/', "")));
        fs::rename(bench.path("photos/cat/0.png"), file).unwrap();
        let quoted = |text: &str| Value::String(text.to_owned()).to_string();
        let strategy = |name: &str, template: &str| {
            format!("[[strategy]]\nname = {}\ntemplates = [{}]\n", quoted(name), quoted(template))
        };
        let experiment = format!(
            "name = {}\ncheckpoint = 'demo'\nimages = 'photos'\nclass_names = 'names.json'\n{}{}",
            quoted(names[0]),
            strategy(names[1], &format!("{} {{}}", names[0])),
            strategy(names[2], &format!("{{}} {}", names[2]))
        );
        fs::write(bench.path("e.toml"), experiment).unwrap();
        bench.stdout(0, &["report", "e.toml", "--gallery", "1000", "--out", "-"])
    };
    let (hostile, plain) = (page_of(MARKUP), page_of(["cat", "frog", "truck"]));
    assert!(hostile.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    let known = markup_of(&plain);
    assert!(known.contains("td") && known.contains("class="), "{known:?}");
    let foreign: Vec<String> = markup_of(&hostile).into_iter().filter(|name| !known.contains(name)).collect();
    assert!(foreign.is_empty(), "{foreign:?}");
}
