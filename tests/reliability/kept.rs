//! A store with everything in it that cannot be made again, and the check that it is all there.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cupl_tui::store::Store;
use serde_json::json;

use crate::loopback::{Loopback, Reply};

/// A folder of its own, with a store, prompt files, pictures and a language model.
pub struct Bench {
    pub folder: tempfile::TempDir,
    server: Loopback,
    answers: Arc<AtomicUsize>,
}

/// What is kept in a store.
#[derive(Debug, PartialEq)]
pub struct Kept {
    /// `NAME@VERSION`.
    pub prompt_sets: Vec<String>,
    /// Ids.
    pub runs: Vec<String>,
    /// Answers of the language model.
    pub answers: usize,
    /// What is generated under [`GENERATED`].
    pub has_generation: bool,
}

/// What the language model's sentences are kept under.
const GENERATED: &str = "written";

/// Whether the long campaign was asked for: every place, and every check by the program itself.
pub fn is_campaign() -> bool {
    std::env::var_os("CUPL_TUI_CAMPAIGN").is_some()
}

/// A folder in memory, where there is one: what is killed here is the process, not the machine, so that nothing depends on a disk.
pub fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    tempfile::tempdir_in(memory).or_else(|_| tempfile::tempdir()).unwrap()
}

impl Bench {
    pub fn new() -> Self {
        let answers = Arc::new(AtomicUsize::new(0));
        let count = answers.clone();
        let server = Loopback::start(move |_, asked| {
            let many = asked.json()["n"].as_u64().unwrap_or(1);
            let choice = |at: u64| {
                let number = count.fetch_add(1, Ordering::SeqCst);
                let text = format!("A cat and a dog have soft fur of kind {number}");
                json!({"index": at, "message": {"content": text}, "finish_reason": "stop"})
            };
            Reply::json(&json!({"choices": (0..many).map(choice).collect::<Vec<_>>()}))
        });
        let bench = Self { folder: scratch(), server, answers };
        fs::write(bench.path("classes.txt"), "cat\ndog\n").unwrap();
        fs::write(bench.path("templates.txt"), "a photo of a {}.\n").unwrap();
        bench.make_pictures("photos", 3);
        bench
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// So many different pictures of two classes.
    pub fn make_pictures(&self, name: &str, each: usize) {
        for class in ["cat", "dog"] {
            let folder = self.path(name).join(class);
            fs::create_dir_all(&folder).unwrap();
            for number in 0..each {
                let mut picture = b"P6 8 8 255\n".to_vec();
                let seed = noise(&format!("{class} {number}"));
                picture.extend(seed.iter().cycle().take(8 * 8 * 3));
                fs::write(folder.join(format!("{number:05}.ppm")), picture).unwrap();
            }
        }
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cupl-tui"));
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        command.env("HOME", self.folder.path()).env("XDG_DATA_HOME", self.path("data"));
        command.env("RUST_BACKTRACE", "0").env("OPENAI_API_KEY", "k");
        command
    }

    /// Runs a command, which has to end in one of its own ways.
    pub fn run(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).output().unwrap();
        check_ending(arguments, &output);
        output
    }

    pub fn done(&self, arguments: &[&str]) -> Output {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stderr));
        output
    }

    /// Imports a set whose one template says its number.
    pub fn import<'a>(&self, name: &'a str, number: usize, store: &'a str) -> Vec<&'a str> {
        fs::write(self.path("set.json"), json!([format!("a photo {number} of a {{}}.")]).to_string())
            .unwrap();
        vec!["prompts", "import", "set.json", "--name", name, "--store", store]
    }

    pub fn generate<'a>(&'a self, url: &'a str, store: &'a str) -> Vec<&'a str> {
        let flags =
            "generate --classes classes.txt --model m --samples 2 --seed 1 --concurrency 1 --backoff 0.01";
        [flags.split(' ').collect(), vec!["--name", GENERATED, "--base-url", url, "--store", store]].concat()
    }

    pub fn url(&self) -> String {
        format!("{}/v1", self.server.url)
    }

    /// How many answers the language model has given.
    pub fn answers(&self) -> usize {
        self.answers.load(Ordering::SeqCst)
    }

    pub fn evaluate<'a>(&self, pictures: &'a str, store: &'a str) -> Vec<&'a str> {
        let flags = "evaluate --checkpoint demo --templates templates.txt --format json";
        [flags.split(' ').collect(), vec!["--images", pictures, "--store", store]].concat()
    }

    /// A store with prompt sets of two names, answers, a generation and runs.
    pub fn fill(&self, store: &str) -> Kept {
        self.done(&self.import("birds", 1, store));
        self.done(&self.import("Odd / name", 2, store));
        self.done(&self.import("birds", 3, store));
        self.done(&self.evaluate("photos", store));
        self.run(&self.generate(&self.url(), store));
        self.kept(store).0
    }

    /// What a store has, and what was said when it was opened: here, as the program opens it.
    pub fn kept(&self, store: &str) -> (Kept, String) {
        let opened = Store::open(&self.path(store)).unwrap();
        let sets = opened.store.prompt_sets().unwrap();
        let mut kept = Kept {
            prompt_sets: sets.iter().map(|set| format!("{}@{}", set.name, set.version)).collect(),
            runs: opened.store.runs().unwrap().into_iter().map(|run| run.id).collect(),
            answers: opened.store.counts().unwrap().answers,
            has_generation: opened.store.generation(GENERATED).unwrap().is_some(),
        };
        for set in &sets {
            assert!(opened.store.prompt_set(&set.name, Some(&set.version)).unwrap().is_some(), "{set:?}");
        }
        for run in &kept.runs {
            assert!(opened.store.run(run).unwrap().is_some(), "{run}");
        }
        kept.prompt_sets.sort();
        kept.runs.sort();
        (kept, opened.notices.join("\n"))
    }

    /// Checks that a store has all of this.
    pub fn check(&self, store: &str, before: &Kept, what: &str) -> String {
        let (now, said) = self.kept(store);
        for set in &before.prompt_sets {
            assert!(now.prompt_sets.contains(set), "{what}: {set} is lost\n{now:?}\n{said}");
        }
        for run in &before.runs {
            assert!(now.runs.contains(run), "{what}: run {run} is lost\n{now:?}\n{said}");
        }
        assert!(now.answers >= before.answers, "{what}: answers are lost\n{now:?}\n{said}");
        assert!(now.has_generation >= before.has_generation, "{what}: the generation is lost\n{said}");
        if is_campaign() {
            self.check_as_program(store, what);
        }
        said
    }

    /// Checks that the program lists what a store has, and asks for no answer again.
    pub fn check_as_program(&self, store: &str, what: &str) {
        for list in ["prompts", "runs"] {
            self.done(&[list, "list", "--store", store]);
        }
        let answers = self.answers();
        let output = self.run(&self.generate(&self.url(), store));
        assert_eq!(self.answers(), answers, "{what}: answers were paid for again\n{}", text(&output.stderr));
    }
}

/// A command ends with a code of its own, and never with a panic.
pub fn check_ending(arguments: &[&str], output: &Output) {
    let said = text(&output.stderr);
    assert!(!said.contains("panicked"), "{arguments:?}: {said}");
    assert!(matches!(output.status.code(), Some(0..=2)), "{arguments:?}: {:?} {said}", output.status);
}

pub fn copy_folder(from: &Path, to: &Path) {
    let _absent = fs::remove_dir_all(to);
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy_folder(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

/// The files below a folder, by their paths from it.
pub fn files_below(folder: &Path) -> BTreeMap<String, PathBuf> {
    let (mut found, mut folders) = (BTreeMap::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
                    found.insert(name, path);
                }
            }
        }
    }
    found
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Bytes that differ with the text.
fn noise(seed: &str) -> Vec<u8> {
    let mut state = seed.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..64).map(|_| next()).collect()
}
