//! Files and answers from outside, damaged in every way: each is read or refused, and nothing else happens.
//!
//! The readers run in processes of this same program, one for each reader, which end where something goes wrong that no error can
//! tell: the file with the number after the last one is tried by the next process.
//!
//! `CUPL_TUI_FUZZ=100000` tries so many files, spread over the readers; a name behind it (`100000 GGUF`) means that reader alone, and
//! `#17 GGUF` writes its file of that number and tries none.

use std::fs;
use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::kept::{scratch, text};
use crate::memory;
use crate::readers::{Reader, readers};

/// Files of a run in the tests.
const USUAL: usize = 3000;
/// What a file may take.
const LONGEST: Duration = Duration::from_secs(10);
const LARGEST: usize = 1 << 30;
/// Faults of a reader after which the others of its files are not tried.
const ENOUGH: usize = 5;

const TASK: &str = "CUPL_TUI_FUZZ_TASK";
const FOLDER: &str = "CUPL_TUI_FUZZ_FOLDER";
/// In the folder: the number of the file that is being read.
const NUMBER: &str = "number";
const RESULT: &str = "result: ";
const FAULT: &str = "fault: ";

/// What the files of a reader came to.
#[derive(Default)]
struct Tally {
    name: &'static str,
    tried: usize,
    read: usize,
    /// With the number of the file.
    slowest: (Duration, usize),
    most_memory: (usize, usize),
    faults: Vec<String>,
}

#[test]
fn no_foreign_file_brings_the_program_down() {
    let wanted = std::env::var("CUPL_TUI_FUZZ").unwrap_or_default();
    let (count, only) = wanted.split_once(' ').unwrap_or((&wanted, ""));
    let folder = scratch();
    let all = readers(folder.path());
    if let Some(number) = count.strip_prefix('#') {
        keep(&all, only, number);
        return;
    }
    let count: usize = if count.is_empty() { USUAL } else { count.parse().unwrap() };
    let meant: Vec<&Reader> = all.iter().filter(|reader| only.is_empty() || reader.name == only).collect();
    assert!(!meant.is_empty(), "there is no reader {only:?}");
    let each = count.div_ceil(meant.len());
    let names: Vec<&'static str> = meant.iter().map(|reader| reader.name).collect();
    let (next, tallies) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let at_once = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let tally = try_reader(name, each);
                    tallies.lock().unwrap().push(tally);
                }
            });
        }
    });
    let mut tallies = tallies.into_inner().unwrap();
    tallies.sort_by_key(|tally| names.iter().position(|name| *name == tally.name));
    tell(&tallies);
    let mut faults = 0;
    for tally in &tallies {
        for fault in &tally.faults {
            eprintln!("{}: {fault}", tally.name);
            keep(&all, tally.name, fault);
            faults += 1;
        }
    }
    assert_eq!(faults, 0, "files are kept in {}", kept_in().display());
    // A reader that refuses everything is not tried at all.
    for tally in &tallies {
        assert!(
            tally.read > 0 && tally.read < tally.tried,
            "{}: {} of {} read",
            tally.name,
            tally.read,
            tally.tried
        );
    }
}

fn tell(tallies: &[Tally]) {
    eprintln!(
        "{:<20} {:>7} {:>7} {:>8} {:>18} {:>18} {:>7}",
        "reader", "tried", "read", "refused", "slowest (file)", "memory (file)", "faults"
    );
    let mut sum = Tally { name: "all", ..Tally::default() };
    let mut faults = 0;
    let line = |tally: &Tally, faults: usize| {
        eprintln!(
            "{:<20} {:>7} {:>7} {:>8} {:>18} {:>18} {:>7}",
            tally.name,
            tally.tried,
            tally.read,
            tally.tried - tally.read,
            format!("{} ms ({})", tally.slowest.0.as_millis(), tally.slowest.1),
            format!("{} MiB ({})", tally.most_memory.0 >> 20, tally.most_memory.1),
            faults
        );
    };
    for tally in tallies {
        line(tally, tally.faults.len());
        sum.tried += tally.tried;
        sum.read += tally.read;
        sum.slowest = sum.slowest.max(tally.slowest);
        sum.most_memory = sum.most_memory.max(tally.most_memory);
        faults += tally.faults.len();
    }
    line(&sum, faults);
}

fn kept_in() -> std::path::PathBuf {
    std::env::temp_dir().join("cupl-tui-foreign-faults")
}

/// Keeps the file of a fault, which begins with its number, for whoever looks into it.
fn keep(all: &[Reader], name: &str, fault: &str) {
    let number: String = fault.chars().take_while(char::is_ascii_digit).collect();
    let Some(reader) = all.iter().find(|reader| reader.name == name) else { return };
    let Ok(number) = number.parse() else { return };
    let (file, bytes) = reader.file(number);
    fs::create_dir_all(kept_in()).unwrap();
    let name = format!("{name}-{number}-{file}").replace([' ', '/'], "-");
    let path = kept_in().join(name);
    fs::write(&path, bytes).unwrap();
    eprintln!("{}", path.display());
}

/// Tries so many files of a reader, in as many processes as it takes.
fn try_reader(name: &'static str, files: usize) -> Tally {
    let mut tally = Tally { name, ..Tally::default() };
    let mut from = 0;
    while from < files && tally.faults.len() < ENOUGH {
        let folder = scratch();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture", "foreign::child"])
            .env(TASK, format!("{from} {files} {name}"))
            .env(FOLDER, folder.path())
            .env("RUST_BACKTRACE", "0")
            .env("TMPDIR", folder.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = text(&child.stderr);
        tally.faults.extend(said.lines().filter_map(|line| line.strip_prefix(FAULT)).map(str::to_owned));
        for line in said.lines().filter_map(|line| line.strip_prefix(RESULT)) {
            let numbers: Vec<usize> = line.split(' ').map(|number| number.parse().unwrap()).collect();
            let [tried, read, slowest, slow_file, memory, large_file] = numbers[..] else { panic!("{line}") };
            tally.tried += tried;
            tally.read += read;
            tally.slowest = tally.slowest.max((Duration::from_micros(slowest as u64), slow_file));
            tally.most_memory = tally.most_memory.max((memory, large_file));
        }
        if child.status.success() {
            break;
        }
        let number = fs::read(folder.path().join(NUMBER)).unwrap_or_default();
        let number = u64::from_le_bytes(number.try_into().unwrap_or_default()) as usize;
        let end: Vec<&str> = said.lines().rev().take(3).collect();
        if !said.lines().any(|line| line.starts_with(FAULT)) {
            tally.faults.push(format!(
                "{number}: it ends with {:?}: {}",
                child.status.signal(),
                end.join(" | ")
            ));
        }
        tally.tried += number + 1 - from;
        from = number + 1;
    }
    tally
}

/// Since when, in milliseconds after the start, a file is being read; 0 for none.
static SINCE: AtomicU64 = AtomicU64::new(0);

/// The number of the file that is being read.
static READING: AtomicUsize = AtomicUsize::new(0);

#[test]
#[ignore = "a part of the other test, which starts it"]
fn child() {
    let (Ok(task), Some(folder)) = (std::env::var(TASK), std::env::var_os(FOLDER)) else { return };
    let (from, rest) = task.split_once(' ').unwrap();
    let (to, name) = rest.split_once(' ').unwrap();
    let (from, to): (usize, usize) = (from.parse().unwrap(), to.parse().unwrap());
    let folder = Path::new(&folder);
    // Before anything reads: what the program catches itself never comes here.
    std::panic::set_hook(Box::new(|info| {
        let info = info.to_string().replace('\n', " ");
        eprintln!("{FAULT}{}: {info}", READING.load(Ordering::Relaxed));
    }));
    let all = readers(folder);
    let reader = all.iter().find(|reader| reader.name == name).unwrap();
    let begin = Instant::now();
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_millis(200));
            let since = SINCE.load(Ordering::Relaxed);
            if since > 0 && begin.elapsed().as_millis() as u64 > since + LONGEST.as_millis() as u64 {
                eprintln!("it takes longer than {} s", LONGEST.as_secs());
                std::process::abort();
            }
        }
    });
    let number_file = fs::File::create(folder.join(NUMBER)).unwrap();
    let (mut tried, mut read, mut slowest, mut most) = (0, 0, (Duration::ZERO, 0), (0, 0));
    for number in from..to {
        let (file, bytes) = reader.file(number);
        number_file.write_all_at(&(number as u64).to_le_bytes(), 0).unwrap();
        READING.store(number, Ordering::Relaxed);
        memory::limit(LARGEST);
        SINCE.store(begin.elapsed().as_millis() as u64 + 1, Ordering::Relaxed);
        let start = Instant::now();
        let (was_read, memory) =
            memory::most_while(|| catch_unwind(AssertUnwindSafe(|| (reader.read)(file, &bytes))));
        let took = start.elapsed();
        SINCE.store(0, Ordering::Relaxed);
        if took > LONGEST {
            eprintln!("{FAULT}{number}: it took {} s", took.as_secs());
        }
        tried += 1;
        read += usize::from(was_read.unwrap_or(false));
        (slowest, most) = (slowest.max((took, number)), most.max((memory, number)));
    }
    let (slowest, slow_file) = (slowest.0.as_micros(), slowest.1);
    eprintln!("{RESULT}{tried} {read} {slowest} {slow_file} {} {}", most.0, most.1);
}
