//! What other processes, signals, permissions and full disks do to a store.
//!
//! The children are this same program: `child` is a test that runs only when a test here starts it, with its task in an
//! environment variable. It reports on its standard error.
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Lines, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use cupl_tui::store::{Key, Store, StoreError, Waiting};

const TASK: &str = "CUPL_TUI_TEST_TASK";
const DIR: &str = "CUPL_TUI_TEST_DIR";
const BATCH: u32 = 256;
const NOBODY: u32 = 65534;

fn key(index: u32) -> Key {
    Key::from_parts(&[&index.to_le_bytes()])
}

fn vector(index: u32) -> Vec<f32> {
    vec![index as f32; 512]
}

fn save_batch(store: &Store, number: u32) -> Result<(), StoreError> {
    let vectors: Vec<_> = (number * BATCH..(number + 1) * BATCH).map(|i| (key(i), vector(i))).collect();
    let items: Vec<_> = vectors.iter().map(|(key, vector)| (*key, vector.as_slice())).collect();
    store.save_vectors(&items)
}

/// How many batches are there from the first, after checking that each is whole and right and that a batch with a
/// missing vector has none.
fn whole_batches(store: &Store, at_most: u32) -> u32 {
    let mut whole = 0;
    for number in 0..at_most {
        let indices: Vec<u32> = (number * BATCH..(number + 1) * BATCH).collect();
        let keys: Vec<Key> = indices.iter().map(|&i| key(i)).collect();
        let found = store.vectors(&keys).unwrap();
        if found.iter().all(Option::is_none) {
            break;
        }
        let expected: Vec<_> = indices.iter().map(|&i| Some(vector(i))).collect();
        assert!(found == expected, "batch {number} is not whole");
        whole += 1;
    }
    assert_eq!(store.counts().unwrap().vectors, (whole * BATCH) as usize);
    whole
}

#[test]
#[ignore = "a part of the other tests, which start it"]
fn child() {
    let Ok(task) = std::env::var(TASK) else { return };
    let dir = PathBuf::from(std::env::var_os(DIR).unwrap());
    let waiting = Waiting { patience: Duration::from_secs(60), ..Waiting::default() };
    let opened = if task == "write" { Store::open_waiting(&dir, &waiting) } else { Store::open(&dir) };
    let (store, notices) = match opened {
        Ok(opened) => (opened.store, opened.notices),
        Err(e) => {
            eprintln!("error: {e}");
            return;
        }
    };
    eprintln!("open");
    if task == "read" {
        notices.iter().for_each(|notice| eprintln!("{notice}"));
        let counts = store.counts().unwrap();
        eprintln!("{} embeddings, {} prompt sets, {} runs", counts.vectors, counts.prompt_sets, counts.runs);
        let kept = |kept: Result<(), StoreError>| {
            kept.map_or_else(|error| error.to_string(), |()| "kept for now".into())
        };
        eprintln!("embeddings: {}", kept(save_batch(&store, 1)));
        eprintln!("runs: {}", kept(store.save_run("other", "{}")));
        return;
    }
    match task.as_str() {
        // Until the other end of the pipe closes, or forever.
        "hold" => {
            drop(store);
            let lock = fs::File::options().write(true).open(dir.join("lock")).unwrap();
            lock.lock().unwrap();
            eprintln!("held");
            drop(std::io::stdin().read(&mut [0]));
        }
        // A store that is open and not used.
        "idle" => drop(std::io::stdin().read(&mut [0])),
        "write" => {
            for number in 0.. {
                match save_batch(&store, number) {
                    Ok(()) => eprintln!("saved {number}"),
                    Err(e) => {
                        eprintln!("error: {e}");
                        break;
                    }
                }
            }
        }
        other => panic!("{other}"),
    }
}

struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStderr>>,
}

impl Running {
    fn start(mut command: Command, task: &str, dir: &Path) -> Self {
        command.env(TASK, task).env(DIR, dir).env("RUST_BACKTRACE", "0");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, lines }
    }

    fn line(&mut self) -> String {
        self.lines.next().expect("the child ended too early").unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const CHILD_ARGUMENTS: [&str; 4] = ["--ignored", "--exact", "--nocapture", "store_processes::child"];

fn child_command() -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(CHILD_ARGUMENTS);
    command
}

#[test]
fn a_killed_process_loses_at_most_the_batch_in_flight() {
    let dir = tempfile::tempdir().unwrap();
    let mut saved = 0;
    for round in 1..=3 {
        let mut writer = Running::start(child_command(), "write", dir.path());
        assert_eq!(writer.line(), "open");
        // Each round writes what is there again, as the same records, and goes on.
        while saved < round * 6 {
            let line = writer.line();
            saved = saved.max(line.strip_prefix("saved ").unwrap().parse::<u32>().unwrap() + 1);
        }
        writer.child.kill().unwrap();
        writer.child.wait().unwrap();
        let opened = Store::open(dir.path()).unwrap();
        assert_eq!(opened.notices, Vec::<String>::new());
        let there = whole_batches(&opened.store, saved + 100);
        assert!(there >= saved, "{there} of {saved} batches are there");
        saved = there;
    }
}

#[test]
fn a_second_process_learns_who_holds_the_store_and_gets_it_afterwards() {
    let dir = tempfile::tempdir().unwrap();
    let mut holder = Running::start(child_command(), "hold", dir.path());
    assert_eq!([holder.line(), holder.line()], ["open", "held"]);
    let error = Store::open(dir.path()).map(|_| ()).unwrap_err();
    let message = error.to_string();
    assert!(message.contains(&format!("in use by process {}", holder.child.id())), "{message}");
    assert!(message.contains("go on in memory"), "{message}");
    assert!(matches!(error, StoreError::Held { .. }));
    holder.child.kill().unwrap();
    holder.child.wait().unwrap();
    Store::open(dir.path()).unwrap();
}

#[test]
fn a_closing_holder_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let mut holder = Running::start(child_command(), "hold", dir.path());
    assert_eq!([holder.line(), holder.line()], ["open", "held"]);
    // The child closes the store while this process is already trying.
    drop(holder.child.stdin.take());
    Store::open(dir.path()).unwrap();
}

#[test]
fn a_store_that_is_not_being_used_is_let_go_and_taken_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut idle = Running::start(child_command(), "idle", dir.path());
    assert_eq!(idle.line(), "open");
    let store = Store::open(dir.path()).unwrap().store;
    save_batch(&store, 0).unwrap();
    drop(idle.child.stdin.take());
    drop(store);
    idle.child.wait().unwrap();

    // Two that write at once take turns.
    let patient = Waiting { patience: Duration::from_secs(60), ..Waiting::default() };
    let mut writer = Running::start(child_command(), "write", dir.path());
    assert_eq!(writer.line(), "open");
    let store = Store::open_waiting(dir.path(), &patient).unwrap().store;
    for number in 1000..1010 {
        store.save_run(&format!("run {number}"), "{}").unwrap();
        let line = writer.line();
        assert!(line.starts_with("saved "), "{line}");
    }
    assert_eq!(store.runs().unwrap().len(), 10);
}

#[test]
fn a_store_on_a_full_disk_says_so_and_keeps_what_it_has() {
    let dir = tempfile::tempdir().unwrap();
    // No file may grow beyond a few MiB, and the signal for it is ignored, so that writing fails as on a full disk.
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 8192; exec \"$@\"", "sh"]);
    command.arg(std::env::current_exe().unwrap()).args(CHILD_ARGUMENTS);
    let mut writer = Running::start(command, "write", dir.path());
    assert_eq!(writer.line(), "open");
    let (mut saved, mut error) = (0, None);
    while error.is_none() {
        let line = writer.line();
        match line.strip_prefix("saved ") {
            Some(number) => saved = number.parse::<u32>().unwrap() + 1,
            None => error = Some(line),
        }
    }
    let error = error.unwrap();
    assert!(error.starts_with("error: there is no room left to write"), "{error}");
    assert!(error.contains("free some space"), "{error}");
    writer.child.wait().unwrap();
    assert!(saved > 0);
    let opened = Store::open(dir.path()).unwrap();
    assert_eq!(opened.notices, Vec::<String>::new());
    let there = whole_batches(&opened.store, saved + 100);
    assert!(there >= saved, "{there} of {saved} batches are there");
    save_batch(&opened.store, there).unwrap();
    assert_eq!(whole_batches(&opened.store, there + 1), there + 1);
}

/// A child that may not write where the modes of files forbid it. Root may write anywhere, so the child is someone else then,
/// who must be able to start and to come as far as `dir`.
fn child_of_somebody_without_rights(dir: &Path) -> Command {
    if fs::metadata(dir).unwrap().uid() != 0 {
        return child_command();
    }
    fs::set_permissions(dir, Permissions::from_mode(0o755)).unwrap();
    let program = dir.join("child");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let mut command = Command::new(program);
    command.args(CHILD_ARGUMENTS).current_dir("/").uid(NOBODY).gid(NOBODY);
    command
}

#[test]
fn a_read_only_directory_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("store");
    fs::create_dir(&store).unwrap();
    fs::set_permissions(&store, Permissions::from_mode(0o555)).unwrap();
    let command = child_of_somebody_without_rights(dir.path());
    let message = Running::start(command, "write", &store).line();
    assert!(message.starts_with("error: the store ") && message.contains("cannot be written"), "{message}");
    assert!(message.contains(store.to_str().unwrap()) && message.contains("go on in memory"), "{message}");
}

#[test]
fn a_store_that_cannot_be_written_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("store");
    {
        let store = Store::open(&store).unwrap().store;
        save_batch(&store, 0).unwrap();
        store.save_prompt_set("set", "[1]").unwrap();
        store.save_run("run", "{}").unwrap();
    }
    let open_to_others = |dir: &Path| {
        let mut folders = vec![dir.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => folders.push(path),
                    false => fs::set_permissions(path, Permissions::from_mode(0o444)).unwrap(),
                }
            }
            fs::set_permissions(folder, Permissions::from_mode(0o555)).unwrap();
        }
    };
    open_to_others(&store);
    let command = child_of_somebody_without_rights(dir.path());
    let mut reader = Running::start(command, "read", &store);
    let lines: Vec<String> = (0..5).map(|_| reader.line()).collect();
    assert_eq!(lines[0], "open");
    assert!(lines[1].contains("cannot be written") && lines[1].contains("is read"), "{lines:?}");
    assert_eq!(lines[2], "256 embeddings, 1 prompt sets, 1 runs");
    assert_eq!(lines[3], "embeddings: kept for now");
    assert!(lines[4].starts_with("runs: the store ") && lines[4].contains("cannot be written"), "{lines:?}");
    reader.child.wait().unwrap();
}
