//! Checkpoints from a hub: the real binary against a faulty hub on this machine.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::loopback::{Asked, Loopback, Reply};
use crate::loopback_hub::{LoopbackHub, REPOSITORY, Repository, Wanted, cached, checkpoint, error, git_blob};
use crate::program::{Bench, text};
use serde_json::Value;

const WEIGHTS: &str = "model.safetensors";
const TOKEN: &str = "hf_very_secret";
/// Where a transfer of the weights, which have 184,826 bytes, is cut off.
const CUT: usize = 50_000;

fn command(bench: &Bench, url: &str, arguments: &[&str]) -> Command {
    let mut command = bench.command(arguments);
    for name in [
        "HF_HOME",
        "HF_HUB_CACHE",
        "HF_TOKEN",
        "HUGGING_FACE_HUB_TOKEN",
        "HF_HUB_DISABLE_IMPLICIT_TOKEN",
        "HF_TOKEN_PATH",
        "HF_HUB_OFFLINE",
        "XDG_CACHE_HOME",
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
    ] {
        command.env_remove(name);
    }
    command.env("HF_ENDPOINT", url);
    command
}

fn run(bench: &Bench, hub: &LoopbackHub, arguments: &[&str]) -> Output {
    command(bench, &hub.hub.url, arguments).output().unwrap()
}

/// What `pull` says of the one repository.
fn pulled(bench: &Bench, hub: &LoopbackHub, arguments: &[&str]) -> Value {
    let output = run(bench, hub, &[&["pull", REPOSITORY, "--format", "json"], arguments].concat());
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{out}\n{err}");
    let value: Value = serde_json::from_str(&out).unwrap();
    value[0].clone()
}

/// Why it fails.
fn refused(bench: &Bench, hub: &LoopbackHub, arguments: &[&str]) -> String {
    let output = run(bench, hub, &[&["pull", REPOSITORY], arguments].concat());
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(2), "{out}\n{err}");
    assert!(out.is_empty(), "{out}");
    err
}

fn contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no {part:?} in {text:?}");
    }
}

/// All files below the repository's folder that are no links, with their lengths.
fn blobs(bench: &Bench) -> Vec<(String, u64)> {
    let entries = fs::read_dir(cached(bench.folder.path()).join("blobs")).into_iter().flatten().flatten();
    // One may get another name meanwhile.
    let length = |entry: fs::DirEntry| {
        entry.metadata().ok().map(|data| (entry.file_name().into_string().unwrap(), data.len()))
    };
    let mut blobs: Vec<(String, u64)> = entries.filter_map(length).collect();
    blobs.sort();
    blobs
}

fn incomplete(bench: &Bench) -> Vec<u64> {
    blobs(bench)
        .into_iter()
        .filter(|(name, _)| name.ends_with(".incomplete"))
        .map(|(_, length)| length)
        .collect()
}

/// Whether what was pulled is what the hub has, every file of it.
fn is_whole(bench: &Bench, hub: &LoopbackHub) {
    let folder = cached(bench.folder.path()).join("snapshots").join(hub.commit());
    let files = checkpoint();
    for name in ["config.json", WEIGHTS, "preprocessor_config.json", "tokenizer.json"] {
        let expected = &files.iter().find(|(known, _)| known == name).unwrap().1;
        assert!(fs::read(folder.join(name)).unwrap() == *expected, "{name}");
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 4, "something else was downloaded");
    assert_eq!(fs::read_to_string(cached(bench.folder.path()).join("refs/main")).unwrap(), hub.commit());
    assert_eq!(incomplete(bench), [0; 0]);
}

const EXPERIMENT: [&str; 6] = ["--images", "photos", "--templates", "templates.txt", "--format", "json"];

/// A name and password in the hub's address are sent to it, and shown to nobody.
#[test]
fn a_login_in_the_address_of_a_hub_is_sent_and_not_shown() {
    let hub = Loopback::start(|_, _| Reply::status(404, &serde_json::json!({"error": "nothing here"})));
    let address = hub.url.replace("http://", "http://ada:secret@");
    let bench = Bench::new();
    for arguments in [&["pull", REPOSITORY][..], &["doctor"]] {
        let output = command(&bench, &address, arguments).output().unwrap();
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(!said.contains("secret") && !said.contains("ada"), "{said}");
        assert!(said.contains(&hub.url), "{said}");
    }
    let asked = hub.asked();
    // ada:secret
    assert_eq!(asked[0].header("authorization"), Some("Basic YWRhOnNlY3JldA=="), "{asked:?}");
}

#[test]
fn a_checkpoint_is_pulled_and_used() {
    let bench = Bench::new();
    let hub = LoopbackHub::start(checkpoint());
    let evaluate = [&["evaluate", "--checkpoint", REPOSITORY], &EXPERIMENT[..]].concat();

    // Nothing is downloaded by the way.
    let output = run(&bench, &hub, &evaluate);
    assert_eq!(output.status.code(), Some(2));
    contains(
        &text(&output.stderr),
        &["there is no folder pond/clip", "nothing of", "`cupl-tui pull pond/clip`"],
    );
    assert!(hub.hub.asked().is_empty());

    let plan = pulled(&bench, &hub, &["--dry-run"]);
    assert_eq!((&plan["bytes_there_before"], &plan["bytes_received"]), (&0.into(), &Value::Null));
    assert!(!cached(bench.folder.path()).exists());
    let table = text(&run(&bench, &hub, &["pull", REPOSITORY, "--dry-run"]).stdout);
    contains(&table, &["model.safetensors", "184.8 kB", "to download", "Nothing was downloaded"]);

    let first = pulled(&bench, &hub, &[]);
    is_whole(&bench, &hub);
    assert_eq!(first["bytes_received"], first["bytes"]);
    assert_eq!((first["commit"].as_str().unwrap(), &first["problem"]), (&*hub.commit(), &Value::Null));
    contains(first["checkpoint"].as_str().unwrap(), &["pond/clip", "24 dimensions"]);
    let names = ["config.json", "preprocessor_config.json", "tokenizer.json", WEIGHTS];
    assert_eq!(hub.asked_for(), names, "small files first, and nothing that is not needed");

    // Once more: the hub is asked what there is, and for nothing else.
    let again = pulled(&bench, &hub, &[]);
    assert_eq!((&again["bytes_received"], &again["bytes_there_before"]), (&0.into(), &again["bytes"]));
    assert_eq!(hub.asked_for(), names);

    let before = hub.hub.asked().len();
    let output = run(&bench, &hub, &evaluate);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let report: Value = serde_json::from_str(&text(&output.stdout)).unwrap();
    assert_eq!(report["checkpoint"]["name"], REPOSITORY);
    assert_eq!(hub.hub.asked().len(), before);

    // The run is of this commit, whatever the branch is at later.
    hub.change(|now| now.files[4].1.push(b'!'));
    pulled(&bench, &hub, &[]);
    let runs: Value =
        serde_json::from_str(&text(&run(&bench, &hub, &["runs", "list", "--format", "json"]).stdout))
            .unwrap();
    let id = runs[0]["id"].as_str().unwrap();
    let replay = run(&bench, &hub, &["runs", "replay", id]);
    assert_eq!(replay.status.code(), Some(0), "{}\n{}", text(&replay.stdout), text(&replay.stderr));
    let doctor = run(&bench, &hub, &["doctor", "--checkpoint", REPOSITORY]);
    contains(
        &text(&doctor.stdout),
        &[&hub.hub.url, ".cache/huggingface/hub", "checkpoint    pond/clip: ViT-2x48/8 at 32 pixels"],
    );
}

/// The layout is that of the Python library: its links, and not one file more.
#[cfg(unix)]
#[test]
fn the_cache_is_laid_out_as_python_does() {
    let bench = Bench::new();
    let hub = LoopbackHub::start(checkpoint());
    pulled(&bench, &hub, &[]);
    let folder = cached(bench.folder.path());
    let place = folder.join("snapshots").join(hub.commit());
    let config = &checkpoint()[0].1;
    assert_eq!(
        fs::read_link(place.join("config.json")).unwrap(),
        Path::new("../../blobs").join(git_blob(config))
    );
    let weights = fs::read_link(place.join(WEIGHTS)).unwrap();
    assert_eq!(weights.file_name().unwrap().len(), 64);
    let mut names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["blobs", "refs", "snapshots"]);
    assert_eq!(blobs(&bench).len(), 4);
}

#[cfg(unix)]
#[test]
fn what_python_downloaded_is_found_without_a_network() {
    let bench = Bench::new();
    let server = Loopback::start(|_, _| Reply::HangUp);
    let commit = "3d74acf9a28c67741b2f4f2ea7635f0aaf6f0268";
    let folder = bench.path("elsewhere/models--openai--clip");
    let snapshot = folder.join("snapshots").join(commit);
    fs::create_dir_all(folder.join("blobs")).unwrap();
    fs::create_dir_all(folder.join("refs/pr")).unwrap();
    fs::create_dir_all(&snapshot).unwrap();
    fs::write(folder.join("refs/main"), commit).unwrap();
    fs::write(folder.join("refs/pr/7"), commit).unwrap();
    for (name, contents) in checkpoint().into_iter().take(4) {
        let blob = git_blob(&contents);
        fs::write(folder.join("blobs").join(&blob), contents).unwrap();
        std::os::unix::fs::symlink(Path::new("../../blobs").join(blob), snapshot.join(name)).unwrap();
    }
    let run = |arguments: &[&str]| {
        let mut command = command(&bench, &server.url, arguments);
        command.env("HF_HUB_CACHE", bench.path("elsewhere")).env("HF_HUB_OFFLINE", "1").output().unwrap()
    };
    for name in ["openai/clip", "openai/clip@pr/7", &format!("openai/clip@{commit}")] {
        let output = run(&[&["evaluate", "--checkpoint", name], &EXPERIMENT[..]].concat());
        assert_eq!(output.status.code(), Some(0), "{name}: {}", text(&output.stderr));
    }
    let output = run(&["pull", "openai/clip"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    contains(&text(&output.stdout), &["is there", "0 B came over the network", "24 dimensions"]);

    // What is missing can only be had online.
    let output = run(&["pull", "openai/clip@v2"]);
    assert_eq!(output.status.code(), Some(2));
    contains(&text(&output.stderr), &["HF_HUB_OFFLINE is set", "openai/clip@v2"]);
    fs::remove_file(snapshot.join("tokenizer.json")).unwrap();
    let output = run(&[&["evaluate", "--checkpoint", "openai/clip"], &EXPERIMENT[..]].concat());
    assert_eq!(output.status.code(), Some(2));
    contains(&text(&output.stderr), &["tokenizer.json is absent", "`cupl-tui pull openai/clip`"]);
    assert!(server.asked().is_empty());
}

#[test]
fn the_token_goes_to_the_hub_alone() {
    let bench = Bench::new();
    let hub = LoopbackHub::start(checkpoint());
    fs::create_dir(bench.path("hf")).unwrap();
    fs::write(bench.path("hf/token"), format!("{TOKEN}\n")).unwrap();
    let mut command = command(&bench, &hub.hub.url, &["pull", REPOSITORY]);
    let output = command.env("HF_HOME", bench.path("hf")).output().unwrap();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{out}\n{err}");
    let header = |asked: &Asked| asked.header("authorization").map(str::to_owned);
    assert!(hub.hub.asked().iter().all(|asked| header(asked).as_deref() == Some("Bearer hf_very_secret")));
    assert_eq!(hub.store.asked().iter().map(header).collect::<Vec<_>>(), [None]);
    assert!(!format!("{out}{err}").contains(TOKEN));
    assert!(bench.path("hf/hub/models--pond--clip").is_dir());
}

/// A hub whose store misbehaves on the first request for the weights.
fn cut_once(then: impl Fn(&Asked, &Repository) -> Option<Reply> + Send + Sync + 'static) -> LoopbackHub {
    LoopbackHub::faulty(checkpoint(), move |wanted, before, asked, now| match (wanted, before) {
        (Wanted::Stored(name), 0) => Some(now.part_of_part(name, asked, CUT, true)),
        (Wanted::Stored(_), 1) => then(asked, now),
        _ => None,
    })
}

#[test]
fn a_cut_transfer_goes_on_where_it_was() {
    let bench = Bench::new();
    let hub = cut_once(|_, _| None);
    let pulled = pulled(&bench, &hub, &[]);
    is_whole(&bench, &hub);
    assert_eq!(hub.ranges(WEIGHTS), [0, CUT]);
    assert_eq!(pulled["bytes_received"], pulled["bytes"], "no byte came twice");
}

#[test]
fn servers_with_odd_ideas_of_ranges_do_no_harm() {
    type Then = fn(&Asked, &Repository) -> Option<Reply>;
    let whole = |now: &Repository| now.contents(WEIGHTS).unwrap().clone();
    let cases: [(&str, Then, &[usize]); 4] = [
        // Everything from the start, as a server without ranges does.
        ("none", |_, now| Some(answer(200, Vec::new(), now.contents(WEIGHTS).unwrap().clone())), &[0, CUT]),
        // Another part than was asked for.
        (
            "other",
            |_, now| {
                let range = vec![("Content-Range", "bytes 10-184825/184826".to_owned())];
                Some(answer(206, range, now.contents(WEIGHTS).unwrap()[10..].to_vec()))
            },
            &[0, CUT, CUT],
        ),
        ("416", |_, _| Some(answer(416, Vec::new(), Vec::new())), &[0, CUT, CUT]),
        // A page of a network that wants one to log in.
        ("page", |_, _| Some(answer(200, Vec::new(), b"<html>log in</html>".to_vec())), &[0, CUT, CUT]),
    ];
    for (name, then, ranges) in cases {
        let bench = Bench::new();
        let hub = cut_once(then);
        pulled(&bench, &hub, &[]);
        is_whole(&bench, &hub);
        assert_eq!(hub.ranges(WEIGHTS), ranges, "{name}");
        hub.change(|now| assert!(whole(now).len() > CUT));
    }
}

fn answer(status: u16, headers: Vec<(&'static str, String)>, body: Vec<u8>) -> Reply {
    Reply::Answer { status, content_type: "application/octet-stream", headers, body }
}

#[test]
fn failures_that_pass_are_tried_again() {
    type Failure = fn() -> Reply;
    let failures: [Failure; 4] = [
        || answer(500, Vec::new(), b"<html>oops</html>".to_vec()),
        || Reply::HangUp,
        || answer(429, vec![("Retry-After", "0".to_owned())], Vec::new()),
        || answer(503, vec![("Retry-After", "0".to_owned())], b"come back".to_vec()),
    ];
    // One after the other, for the listing, a small file and a large one.
    let bench = Bench::new();
    let hub = LoopbackHub::faulty(checkpoint(), move |wanted, before, _, _| match wanted {
        Wanted::File(name) if name != "config.json" => None,
        _ => failures.get(before).map(|failure| failure()),
    });
    pulled(&bench, &hub, &["--attempts", "5"]);
    is_whole(&bench, &hub);

    // Addresses of large files hold for some minutes: the hub has another one.
    let bench = Bench::new();
    let hub = cut_once(|_, _| Some(answer(403, Vec::new(), b"<Error>expired</Error>".to_vec())));
    pulled(&bench, &hub, &[]);
    is_whole(&bench, &hub);
    assert_eq!(hub.asked_for().iter().filter(|name| *name == WEIGHTS).count(), 3);

    // What does not pass ends.
    let bench = Bench::new();
    let hub =
        LoopbackHub::faulty(checkpoint(), |_, _, _, _| Some(answer(502, Vec::new(), b"no way".to_vec())));
    let message = refused(&bench, &hub, &["--attempts", "2"]);
    contains(
        &message,
        &["/api/models/pond/clip/revision/main", "502", "no way", "tried 2 times", "goes on where it was"],
    );
    assert_eq!(hub.hub.asked().len(), 2);
}

#[test]
fn what_is_not_what_the_hub_announces_is_not_kept() {
    let damaged = |now: &Repository| {
        let mut contents = now.contents(WEIGHTS).unwrap().clone();
        contents[1000] ^= 1;
        answer(200, Vec::new(), contents)
    };
    // Once: it is downloaded again.
    let bench = Bench::new();
    let hub = LoopbackHub::faulty(checkpoint(), move |wanted, before, _, now| {
        (matches!(wanted, Wanted::Stored(_)) && before == 0).then(|| damaged(now))
    });
    pulled(&bench, &hub, &[]);
    is_whole(&bench, &hub);
    assert_eq!(hub.ranges(WEIGHTS), [0, 0]);

    // Twice: somebody has to look after it. What was right is kept.
    let bench = Bench::new();
    let hub = LoopbackHub::faulty(checkpoint(), move |wanted, _, _, now| {
        matches!(wanted, Wanted::Stored(_)).then(|| damaged(now))
    });
    let message = refused(&bench, &hub, &[]);
    contains(&message, &["model.safetensors of pond/clip", "checksum", "twice", "HF_ENDPOINT"]);
    assert_eq!((hub.ranges(WEIGHTS).len(), incomplete(&bench).len(), blobs(&bench).len()), (2, 0, 3));
    assert!(!cached(bench.folder.path()).join("refs").exists(), "a branch without its weights");

    // Small files have the other kind of checksum.
    let bench = Bench::new();
    let hub = LoopbackHub::faulty(checkpoint(), |wanted, _, _, now| {
        let is_config = *wanted == Wanted::File("config.json".to_owned());
        is_config.then(|| answer(200, Vec::new(), vec![b' '; now.contents("config.json").unwrap().len()]))
    });
    contains(&refused(&bench, &hub, &[]), &["config.json of pond/clip", "checksum"]);

    // Another length is seen before anything is written, or as soon as too much comes.
    let bench = Bench::new();
    let hub = LoopbackHub::faulty(checkpoint(), |wanted, _, _, _| {
        matches!(wanted, Wanted::Stored(_)).then(|| answer(200, Vec::new(), vec![0; 1000]))
    });
    let message = refused(&bench, &hub, &["--attempts", "2"]);
    contains(&message, &["184826 bytes are listed", "1000 come"]);
    let bench = Bench::new();
    let hub = LoopbackHub::faulty(checkpoint(), |wanted, _, _, now| {
        let mut body = now.contents(WEIGHTS).unwrap().clone();
        body.push(0);
        matches!(wanted, Wanted::Stored(_)).then_some(Reply::Chunked {
            size: 60_000,
            content_type: "application/octet-stream",
            body,
        })
    });
    contains(&refused(&bench, &hub, &[]), &["184826 bytes", "more came", "twice"]);
    assert_eq!(incomplete(&bench), [0; 0]);
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    for name in ["../../../evil.json", "/etc/evil.json", "a/../../evil.json", "..\\evil.json"] {
        let bench = Bench::new();
        let mut files = checkpoint();
        files.push((name.to_owned(), b"evil".to_vec()));
        let hub = LoopbackHub::start(files);
        contains(&refused(&bench, &hub, &[]), &["leads out of its folder", "evil.json"]);
        assert_eq!((hub.asked_for(), cached(bench.folder.path()).exists()), (Vec::new(), false));
    }
    let bench = Bench::new();
    let hub = LoopbackHub::faulty(checkpoint(), |wanted, _, _, _| {
        let listing = "{\"sha\": \"../../../evil\", \"siblings\": []}";
        (*wanted == Wanted::Listing).then(|| answer(200, Vec::new(), listing.as_bytes().to_vec()))
    });
    contains(&refused(&bench, &hub, &[]), &["the answer is not a hub's", "HF_ENDPOINT"]);
}

#[test]
fn refusals_come_with_a_remedy() {
    type Refusal = (Wanted, u16, &'static str, &'static [&'static str]);
    let file = || Wanted::File("config.json".to_owned());
    let refusals: [Refusal; 6] = [
        (Wanted::Listing, 401, "RepoNotFound", &["no repository pond/clip", "/pond/clip", "HF_TOKEN"]),
        (Wanted::Listing, 404, "RepoNotFound", &["no repository pond/clip", "check its name"]),
        (Wanted::Listing, 404, "RevisionNotFound", &["no revision \"main\"", "/pond/clip/tree/main"]),
        (file(), 401, "GatedRepo", &["gated", "accept its terms at", "/pond/clip", "set HF_TOKEN"]),
        (file(), 403, "GatedRepo", &["gated", "set HF_TOKEN"]),
        (Wanted::Listing, 418, "", &["418", "so says the hub"]),
    ];
    for (place, status, code, parts) in refusals {
        let bench = Bench::new();
        let hub = LoopbackHub::faulty(checkpoint(), move |wanted, _, _, _| {
            (*wanted == place).then(|| error(status, code))
        });
        contains(&refused(&bench, &hub, &[]), parts);
    }
    let bench = Bench::new();
    let hub = LoopbackHub::faulty(checkpoint(), |_, _, _, _| Some(error(401, "")));
    let mut command = command(&bench, &hub.hub.url, &["pull", REPOSITORY]);
    let message = text(&command.env("HF_TOKEN", TOKEN).output().unwrap().stderr);
    contains(&message, &["does not take the token of HF_TOKEN"]);
    assert!(!message.contains(TOKEN));

    let bench = Bench::new();
    let hub = LoopbackHub::start(vec![("README.md".to_owned(), b"no model".to_vec())]);
    contains(&refused(&bench, &hub, &[]), &["no CLIP checkpoint", "config.json", "/pond/clip/tree/main"]);
    for (arguments, parts) in [
        (vec!["pull", "clip"], ["\"clip\"", "OWNER/NAME"]),
        (vec!["pull", "pond/clip", "--revision", "../x"], ["pond/clip@../x", "revision"]),
        (vec!["pull", "pond/clip", "--attempts", "0"], ["--attempts", "1..=100"]),
    ] {
        let output = run(&bench, &hub, &arguments);
        assert_eq!(output.status.code(), Some(2));
        contains(&text(&output.stderr), &parts);
    }
    // Nobody listens there.
    let output = command_to("http://127.0.0.1:9", &bench, &["pull", REPOSITORY, "--attempts", "1"]);
    contains(&output, &["127.0.0.1:9", "refused", "HTTPS_PROXY"]);
}

fn command_to(url: &str, bench: &Bench, arguments: &[&str]) -> String {
    text(&command(bench, url, arguments).output().unwrap().stderr)
}

#[test]
fn a_checkpoint_that_cannot_be_used_is_kept_and_said_so() {
    let bench = Bench::new();
    let mut files = checkpoint();
    files[0].1 = br#"{"model_type": "bert"}"#.to_vec();
    let hub = LoopbackHub::start(files);
    let output = run(&bench, &hub, &["pull", REPOSITORY]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    contains(&text(&output.stdout), &["it cannot be used", "bert"]);
    assert_eq!(blobs(&bench).len(), 4);
}

#[test]
fn revisions_lie_beside_one_another() {
    let bench = Bench::new();
    let hub = LoopbackHub::start(checkpoint());
    let first = hub.commit();
    pulled(&bench, &hub, &["--revision", "refs/pr/1"]);
    assert!(hub.hub.asked()[0].path.ends_with("/revision/refs%2Fpr%2F1?blobs=true"));
    // The weights stay the same, and are not downloaded again.
    hub.change(|now| now.files[0].1.push(b'\n'));
    let second = pulled(&bench, &hub, &[]);
    assert_eq!(second["bytes_received"], checkpoint()[0].1.len() + 1);
    let folder = cached(bench.folder.path());
    assert_eq!(fs::read_to_string(folder.join("refs/refs/pr/1")).unwrap(), first);
    assert_eq!(fs::read_to_string(folder.join("refs/main")).unwrap(), hub.commit());
    for name in ["pond/clip@refs/pr/1", "pond/clip", &format!("pond/clip@{first}")] {
        let output = run(&bench, &hub, &[&["evaluate", "--checkpoint", name], &EXPERIMENT[..]].concat());
        assert_eq!(output.status.code(), Some(0), "{name}: {}", text(&output.stderr));
    }
    // A folder of that name comes first.
    fs::create_dir_all(bench.path("pond/clip")).unwrap();
    let output = run(&bench, &hub, &[&["evaluate", "--checkpoint", REPOSITORY], &EXPERIMENT[..]].concat());
    contains(&text(&output.stderr), &["pond/clip/config.json is absent"]);
}

#[test]
fn heads_say_what_a_listing_leaves_out() {
    let bench = Bench::new();
    let hub = LoopbackHub::start(checkpoint());
    hub.change(|now| now.is_terse = true);
    pulled(&bench, &hub, &[]);
    is_whole(&bench, &hub);
    let heads = hub.hub.asked().iter().filter(|asked| asked.method == "HEAD").count();
    assert_eq!((heads, hub.store.asked().len()), (4, 1));
}

#[test]
fn of_two_forms_the_one_of_clip_is_taken() {
    let names = |config: &str| -> Vec<String> {
        let bench = Bench::new();
        let file = |name: &str, contents: &str| (name.to_owned(), contents.as_bytes().to_vec());
        let hub = LoopbackHub::start(vec![
            file("config.json", config),
            file("model.safetensors", "w"),
            file("open_clip_config.json", "{}"),
            file("open_clip_model.safetensors", "w"),
            file("tokenizer.json", "{}"),
        ]);
        let plan = pulled(&bench, &hub, &["--dry-run"]);
        let files = plan["files"].as_array().unwrap().iter();
        files.map(|file| file["file"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(r#"{"model_type": "clip"}"#), ["config.json", "tokenizer.json", "model.safetensors"]);
    let timm = names(r#"{"architecture": "vit_base_patch32_clip_224"}"#);
    assert_eq!(timm, ["open_clip_config.json", "tokenizer.json", "open_clip_model.safetensors"]);
}

/// Starts a pull whose store falls silent after some bytes of the weights, and waits until they are on disk.
fn stalled(bench: &Bench, hub: &LoopbackHub) -> Child {
    let mut command = command(bench, &hub.hub.url, &["pull", REPOSITORY]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until(|| incomplete(bench) == [CUT as u64]);
    child
}

fn stalls_once() -> LoopbackHub {
    LoopbackHub::faulty(checkpoint(), |wanted, before, asked, now| match (wanted, before) {
        (Wanted::Stored(name), 0) => Some(now.part_of_part(name, asked, CUT, false)),
        _ => None,
    })
}

fn wait_until(is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(60), "it never came to that");
        thread::yield_now();
    }
}

#[test]
fn killed_in_the_middle_only_the_rest_is_asked_for() {
    let bench = Bench::new();
    let hub = stalls_once();
    let mut killed = stalled(&bench, &hub);
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert_eq!(incomplete(&bench), [CUT as u64]);
    let plan = pulled(&bench, &hub, &["--dry-run"]);
    assert_eq!(plan["files"][3]["bytes_there_before"], CUT);
    let rest = pulled(&bench, &hub, &[]);
    is_whole(&bench, &hub);
    assert_eq!(hub.ranges(WEIGHTS), [0, CUT]);
    assert_eq!(rest["bytes_received"], checkpoint()[1].1.len() - CUT);
    assert_eq!(hub.asked_for().len(), 5, "small files were asked for twice");
}

#[cfg(unix)]
#[test]
fn interrupted_it_stops_in_a_moment_and_goes_on() {
    let bench = Bench::new();
    let hub = stalls_once();
    let interrupted = stalled(&bench, &hub);
    assert!(Command::new("kill").args(["-INT", &interrupted.id().to_string()]).status().unwrap().success());
    let began = Instant::now();
    let output = interrupted.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    contains(&text(&output.stderr), &["stopped", "continues there"]);
    assert!(began.elapsed() < Duration::from_secs(10), "the silent server was waited for");
    pulled(&bench, &hub, &[]);
    is_whole(&bench, &hub);
    assert_eq!(hub.ranges(WEIGHTS), [0, CUT]);
}

#[test]
fn of_two_at_once_one_downloads_and_the_other_waits() {
    let bench = Bench::new();
    let hub = stalls_once();
    let mut first = stalled(&bench, &hub);
    let mut second = command(&bench, &hub.hub.url, &["pull", REPOSITORY, "--format", "json"]);
    let mut second = second.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = std::io::BufReader::new(second.stderr.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut said, &mut line).unwrap();
    contains(&line, &["another process downloads the same"]);
    assert_eq!(hub.ranges(WEIGHTS), [0]);
    // When the first is gone, the second goes on from there.
    first.kill().unwrap();
    first.wait().unwrap();
    let output = second.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let value: Value = serde_json::from_str(&text(&output.stdout)).unwrap();
    assert_eq!(value[0]["bytes_received"], checkpoint()[1].1.len() - CUT);
    is_whole(&bench, &hub);
    assert_eq!(hub.ranges(WEIGHTS), [0, CUT]);
}

#[test]
fn what_changed_meanwhile_is_not_mixed_with_what_was() {
    let bench = Bench::new();
    let hub = stalls_once();
    let mut killed = stalled(&bench, &hub);
    killed.kill().unwrap();
    killed.wait().unwrap();
    // Other weights of the same length: the beginning of the old ones is none of theirs.
    hub.change(|now| now.files[1].1.reverse());
    let output = run(&bench, &hub, &["pull", REPOSITORY, "--format", "json"]);
    let value: Value = serde_json::from_str(&text(&output.stdout)).unwrap();
    assert_eq!(value[0]["bytes_received"], checkpoint()[1].1.len());
    assert_eq!(hub.ranges(WEIGHTS), [0, 0]);
    let mut expected = checkpoint()[1].1.clone();
    expected.reverse();
    let folder = cached(bench.folder.path()).join("snapshots").join(hub.commit());
    assert!(fs::read(folder.join(WEIGHTS)).unwrap() == expected);
}

#[test]
fn several_are_pulled_in_one_call() {
    let bench = Bench::new();
    let hub = LoopbackHub::start(checkpoint());
    let output = run(&bench, &hub, &["pull", "pond/clip", "pond/other@v1", "--format", "csv"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let table = text(&output.stdout);
    assert_eq!(table.lines().count(), 9, "{table}");
    contains(&table, &["pond/clip,", "pond/other@v1,", "model.safetensors,184826,0"]);
    // What was done before a failure is said.
    let output = run(&bench, &hub, &["pull", "pond/clip", "clip"]);
    assert_eq!(output.status.code(), Some(2));
    let hub = LoopbackHub::faulty(checkpoint(), |wanted, _, asked, _| {
        (*wanted == Wanted::Listing && asked.path.contains("other")).then(|| error(404, "RepoNotFound"))
    });
    let output = run(&bench, &hub, &["pull", "pond/clip", "pond/other"]);
    assert_eq!(output.status.code(), Some(2));
    contains(&text(&output.stdout), &["pond/clip, commit", "0 B came over the network"]);
    contains(&text(&output.stderr), &["no repository pond/other"]);
}
