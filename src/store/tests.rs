//! The store as a whole, on real directories.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use super::record::encode_vector;
use super::*;

fn open(dir: &Path) -> Store {
    let opened = Store::open(dir).unwrap();
    assert_eq!(opened.notices, Vec::<String>::new());
    opened.store
}

fn key(index: u32) -> Key {
    Key::from_parts(&[b"test", &index.to_le_bytes()])
}

fn vector(index: u32) -> Vec<f32> {
    (0..64).map(|i| (index * 64 + i) as f32).collect()
}

fn save(store: &Store, indices: std::ops::Range<u32>) {
    let vectors: Vec<_> = indices.map(|index| (key(index), vector(index))).collect();
    let items: Vec<_> = vectors.iter().map(|(key, vector)| (*key, vector.as_slice())).collect();
    store.save_vectors(&items).unwrap();
}

fn names_and_versions(store: &Store) -> Vec<(String, String)> {
    store.prompt_sets().unwrap().into_iter().map(|info| (info.name, info.version)).collect()
}

/// Some of everything, and checks that it is there.
fn fill(store: &Store) {
    save(store, 0..600);
    store.save_prompt_set("templates", r#"["a photo of a {}."]"#).unwrap();
    store.save_prompt_set("CuPL: Birds / 1", &r#"{"owl": ["An owl has large eyes."]}"#.repeat(1000)).unwrap();
    store.save_prompt_set("templates", r#"["a sketch of a {}."]"#).unwrap();
    store.save_run("run 1", r#"{"top1": 0.5}"#).unwrap();
    store.save_run("run 0", &"long ".repeat(3000)).unwrap();
    store.save_generation("birds", "a plan").unwrap();
    store.save_sample("birds", &key(1), "An owl.").unwrap();
    store.save_sample("birds", &key(2), "Owls\nsee.").unwrap();
    store.save_generation("birds", "the plan").unwrap();
    store.save_history("templates", "1", "one prompt less").unwrap();
    store.count(&key(3)).unwrap();
    store.count(&key(3)).unwrap();
    check_filled(store);
}

fn check_filled(store: &Store) {
    check_kept(store);
    let counts = store.counts().unwrap();
    assert_eq!((counts.vectors, counts.prompt_sets, counts.runs), (600, 3, 2));
    let found = store.vectors(&[key(599), key(600), key(0)]).unwrap();
    assert_eq!(found, [Some(vector(599)), None, Some(vector(0))]);
    let ids: Vec<_> = store.runs().unwrap().into_iter().map(|run| (run.id, run.length)).collect();
    assert_eq!(ids, [("run 1".to_owned(), 13), ("run 0".to_owned(), 15_000)]);
    assert_eq!(store.run("run 1").unwrap().as_deref(), Some(r#"{"top1": 0.5}"#));
    assert_eq!(store.run("run 0").unwrap(), Some("long ".repeat(3000)));
    assert_eq!(store.run("run 2").unwrap(), None);
}

fn check_prompt_sets(store: &Store) {
    let names: Vec<_> = store.prompt_sets().unwrap().into_iter().map(|info| info.name).collect();
    assert_eq!(names, ["templates", "CuPL: Birds / 1", "templates"]);
    let (info, content) = store.prompt_set("templates", None).unwrap().unwrap();
    assert_eq!(content, r#"["a sketch of a {}."]"#);
    assert_eq!(info.version, version_of(&content));
    let first = version_of(r#"["a photo of a {}."]"#);
    let (_, content) = store.prompt_set("templates", Some(&first)).unwrap().unwrap();
    assert_eq!(content, r#"["a photo of a {}."]"#);
    let (info, content) = store.prompt_set("CuPL: Birds / 1", None).unwrap().unwrap();
    assert_eq!((info.length, content.len()), (35_000, 35_000));
}

/// A filled store whose data sled does not read again when it opens.
fn filled_and_settled(dir: &Path) {
    fill(&open(dir));
    open(dir).flush().unwrap();
}

fn data_file(dir: &Path) -> std::path::PathBuf {
    dir.join("sled").join("db")
}

#[test]
fn everything_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    fill(&open(dir.path()));
    check_filled(&open(dir.path()));
    assert!(open(dir.path()).size_on_disk().unwrap() > 600 * 64 * 4);
}

#[test]
fn a_store_in_memory_does_the_same() {
    let store = Store::in_memory();
    fill(&store);
    assert_eq!((store.path(), store.size_on_disk().unwrap()), (None, 0));
}

#[test]
fn a_record_that_fails_its_checksum_counts_as_absent_and_can_be_saved_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    save(&store, 0..2);
    let mut record = encode_vector(&key(1), &vector(1));
    record[30] ^= 4;
    store.opened().unwrap().cache.vectors.apply(vec![(key(1), Some(record))]).unwrap();
    assert_eq!(store.vectors(&[key(0), key(1)]).unwrap(), [Some(vector(0)), None]);
    save(&store, 1..2);
    assert_eq!(store.vectors(&[key(1)]).unwrap(), [Some(vector(1))]);
}

#[test]
fn threads_share_a_store() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    std::thread::scope(|scope| {
        for part in 0..4 {
            let store = store.clone();
            scope.spawn(move || {
                save(&store, part * 300..(part + 1) * 300);
                store.save_prompt_set("shared", &format!("[{part}]")).unwrap();
                store.save_run(&format!("run {part}"), "{}").unwrap();
            });
        }
    });
    let counts = store.counts().unwrap();
    assert_eq!((counts.vectors, counts.prompt_sets, counts.runs), (1200, 4, 4));
}

#[test]
fn a_version_is_the_start_of_the_blake3_hash() {
    // The hash of nothing, from the published test vectors of BLAKE3.
    assert_eq!(version_of(""), "af1349b9f5f9");
}

#[test]
fn the_same_content_is_the_same_version_and_the_last_saved_is_the_newest() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let first = store.save_prompt_set("set", "[1]").unwrap();
    let saved_at = store.prompt_sets().unwrap()[0].saved_at;
    assert_eq!(store.save_prompt_set("set", "[1]").unwrap(), first);
    assert_eq!(store.prompt_sets().unwrap()[0].saved_at, saved_at);
    let second = store.save_prompt_set("set", "[2]").unwrap();
    assert_eq!(store.prompt_set("set", None).unwrap().unwrap().0.version, second);
    store.save_prompt_set("set", "[1]").unwrap();
    assert_eq!(store.prompt_set("set", None).unwrap().unwrap().0.version, first);
    assert_eq!(names_and_versions(&store), [("set".to_owned(), second), ("set".to_owned(), first)]);
}

#[test]
fn a_prompt_set_without_a_name_is_refused() {
    let store = Store::in_memory();
    for name in ["", "  "] {
        assert!(matches!(store.save_prompt_set(name, "[]"), Err(StoreError::NoName)));
    }
}

#[test]
fn removed_prompt_sets_stay_removed() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let first = store.save_prompt_set("set", "[1]").unwrap();
    let second = store.save_prompt_set("set", "[2]").unwrap();
    store.save_prompt_set("other", "[1]").unwrap();
    assert_eq!(store.remove_prompt_set("set", Some("0123456789ab")).unwrap(), 0);
    assert_eq!(store.remove_prompt_set("set", Some(&first)).unwrap(), 1);
    assert_eq!(store.prompt_set("set", Some(&first)).unwrap(), None);
    assert_eq!(store.prompt_set("set", None).unwrap().unwrap().0.version, second);
    assert_eq!(store.remove_prompt_set("set", None).unwrap(), 1);
    drop(store);
    let names: Vec<_> = names_and_versions(&open(dir.path())).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["other"]);
    assert!(!dir.path().join("prompt-sets").join("set").exists());
}

#[test]
fn the_plain_copy_is_the_saved_text() {
    let dir = tempfile::tempdir().unwrap();
    let version = open(dir.path()).save_prompt_set("birds", "{ \"owl\": [] }\n").unwrap();
    let copy = dir.path().join("prompt-sets").join("birds").join(format!("{version}.json"));
    assert_eq!(fs::read_to_string(copy).unwrap(), "{ \"owl\": [] }\n");
}

#[test]
fn odd_names_stay_inside_the_store_and_come_back_from_their_copies() {
    let dir = tempfile::tempdir().unwrap();
    let inside = dir.path().join("inside");
    let long = "long ".repeat(200);
    let names = ["../../outside", "..", "a/b\\c", "フクロウ 🦉", "Birds", "birds", "nul\0name", &long];
    let store = open(&inside);
    for name in names {
        store.save_prompt_set(name, "[]").unwrap();
    }
    drop(store);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    assert_eq!(fs::read_dir(inside.join("prompt-sets")).unwrap().count(), names.len());
    fs::remove_dir_all(inside.join("sled")).unwrap();
    let opened = Store::open(&inside).unwrap();
    assert_eq!(opened.notices, ["8 prompt set version(s) were imported from their plain copies"]);
    let back: Vec<_> = names_and_versions(&opened.store).into_iter().map(|(name, _)| name).collect();
    assert_eq!(back, names);
}

#[test]
fn a_changed_copy_is_told_and_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let version = open(dir.path()).save_prompt_set("birds", "[1]").unwrap();
    let copy = dir.path().join("prompt-sets").join("birds").join(format!("{version}.json"));
    fs::write(&copy, "[2]").unwrap();
    let opened = Store::open(dir.path()).unwrap();
    assert_eq!(opened.notices.len(), 1);
    assert!(opened.notices[0].contains(copy.to_str().unwrap()), "{}", opened.notices[0]);
    assert_eq!(opened.store.prompt_set("birds", None).unwrap().unwrap().1, "[1]");
}

#[test]
fn another_schema_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    drop(store);
    let db = sled::Config::new().path(dir.path().join("sled")).open().unwrap();
    db.insert("schema", "2").unwrap();
    db.flush().unwrap();
    drop(db);
    for _ in 0..2 {
        match Store::open(dir.path()) {
            Err(StoreError::Schema { found, expected: 1, .. }) => assert_eq!(found, "2"),
            other => panic!("{:?}", other.map(|opened| opened.notices)),
        }
    }
}

/// Damages a filled store in one way, and gives what the next start says and has. Everything that has a plain copy is there.
fn repaired_after(damage: impl FnOnce(&Path)) -> (tempfile::TempDir, Vec<String>, StoreCounts) {
    let dir = tempfile::tempdir().unwrap();
    filled_and_settled(dir.path());
    damage(dir.path());
    let opened = Store::open(dir.path()).unwrap();
    check_kept(&opened.store);
    let (notices, counts) = (opened.notices, opened.store.counts().unwrap());
    save(&opened.store, 600..610);
    opened.store.save_run("run 2", "{}").unwrap();
    drop(opened.store);
    let again = Store::open(dir.path()).unwrap().store.counts().unwrap();
    assert_eq!((again.vectors, again.runs), (counts.vectors + 10, 3), "{notices:?}");
    (dir, notices, counts)
}

fn aside(dir: &Path) -> std::path::PathBuf {
    dir.join("sled-damaged-1")
}

fn snapshot(dir: &Path) -> std::path::PathBuf {
    let mut files = fs::read_dir(dir.join("sled")).unwrap().map(|entry| entry.unwrap().path());
    files.find(|path| path.file_name().unwrap().to_str().unwrap().starts_with("snap.")).unwrap()
}

#[test]
fn a_snapshot_that_was_not_finished_costs_nothing() {
    for share in [0, 1, 2] {
        let (dir, notices, counts) = repaired_after(|dir| {
            let whole = fs::read(snapshot(dir)).unwrap();
            let path = dir.join("sled").join("snap.00000000000FFFFF.generating");
            fs::write(path, &whole[..whole.len() * share / 2]).unwrap();
        });
        assert_eq!((notices, counts.vectors), (vec![], 600));
        assert!(!aside(dir.path()).exists());
    }
}

#[test]
fn a_snapshot_or_a_configuration_that_is_damaged_is_made_again() {
    let garble = |path: std::path::PathBuf| {
        let mut bytes = fs::read(&path).unwrap();
        for byte in bytes.iter_mut().skip(20) {
            *byte ^= 0x5a;
        }
        fs::write(path, bytes).unwrap();
    };
    let folder = |path: std::path::PathBuf| {
        fs::remove_file(&path).unwrap();
        fs::create_dir(path).unwrap();
    };
    let damages: [&dyn Fn(&Path); 4] = [
        &|dir| garble(snapshot(dir)),
        &|dir| fs::write(dir.join("sled").join("conf"), [0xee; 62]).unwrap(),
        &|dir| folder(snapshot(dir)),
        &|dir| folder(dir.join("sled").join("conf")),
    ];
    for (number, damage) in damages.into_iter().enumerate() {
        let (dir, notices, counts) = repaired_after(damage);
        assert_eq!((notices.len(), counts.vectors, counts.runs), (1, 600, 2), "{number}: {notices:?}");
        assert!(notices[0].contains("nothing is lost"), "{number}: {notices:?}");
        assert!(!aside(dir.path()).exists(), "{number}");
    }
}

#[test]
fn what_can_be_read_of_damaged_data_is_saved_and_the_rest_set_aside() {
    let cut = |dir: &Path| {
        let file = OpenOptions::new().write(true).open(data_file(dir)).unwrap();
        file.set_len(20_000).unwrap();
    };
    let garbage = |dir: &Path| {
        fs::remove_file(snapshot(dir)).unwrap();
        let length = fs::metadata(data_file(dir)).unwrap().len() as usize;
        fs::write(data_file(dir), vec![7; length]).unwrap();
    };
    let folder = |dir: &Path| {
        fs::remove_file(data_file(dir)).unwrap();
        fs::create_dir(data_file(dir)).unwrap();
    };
    let damages: [&dyn Fn(&Path); 3] = [&cut, &garbage, &folder];
    for damage in damages {
        let (dir, notices, _) = repaired_after(damage);
        assert!(aside(dir.path()).join("db").exists());
        assert!(notices[0].contains(aside(dir.path()).to_str().unwrap()), "{notices:?}");
        let found = damaged_files(dir.path()).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].path, aside(dir.path()));
        assert_eq!(remove_damaged(dir.path()).unwrap(), found);
        assert_eq!(damaged_files(dir.path()).unwrap(), []);
    }
}

/// Damages the text of a run, on pages that sled need not read when it opens.
fn damage_a_text(dir: &Path) {
    let needle = "long ".repeat(50).into_bytes();
    let mut bytes = fs::read(data_file(dir)).unwrap();
    let found: Vec<usize> =
        bytes.windows(needle.len()).enumerate().filter(|(_, w)| *w == needle).map(|(at, _)| at).collect();
    assert!(!found.is_empty());
    for at in found {
        bytes[at + 8] = b'?';
    }
    fs::write(data_file(dir), bytes).unwrap();
}

#[test]
fn a_damaged_page_costs_nothing_that_is_kept_elsewhere() {
    let (_, notices, counts) = repaired_after(|dir| {
        damage_a_text(dir);
        fs::write(dir.join("sled").join("damaged"), "a checksum does not match").unwrap();
    });
    assert_eq!((counts.vectors, counts.runs), (600, 2), "{notices:?}");
}

#[test]
fn damage_that_shows_in_use_is_an_error_and_repaired_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    filled_and_settled(dir);
    damage_a_text(dir);
    let mut opened = Store::open(dir).unwrap();
    // Which pages sled reads when it opens, and so meets the damage, depends on when it last wrote its snapshot.
    if opened.notices.is_empty() {
        let error = opened.store.run("run 0").unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains("start the program again"), "{error}");
        drop(opened);
        opened = Store::open(dir).unwrap();
    }
    check_kept(&opened.store);
    assert!(opened.notices[0].contains(aside(dir).to_str().unwrap()), "{:?}", opened.notices);
}

#[test]
fn damaged_embeddings_are_told_and_made_again() {
    let (dir, notices, counts) = repaired_after(|dir| {
        let path = dir.join("embeddings.records");
        let mut bytes = fs::read(&path).unwrap();
        // The index of the first of three batches.
        bytes[100] ^= 1;
        fs::write(path, bytes).unwrap();
    });
    assert_eq!((notices.len(), counts.vectors), (1, 344));
    assert!(notices[0].contains("embeddings.records are damaged"), "{notices:?}");
    let store = Store::open(dir.path()).unwrap().store;
    assert_eq!(store.verify().unwrap().problems.len(), 1);
    store.compact().unwrap();
    assert!(store.verify().unwrap().is_whole());
    assert_eq!(store.counts().unwrap().vectors, 354);
}

#[test]
fn a_database_that_is_lost_comes_back_from_its_plain_copies() {
    let (_, notices, counts) = repaired_after(|dir| fs::remove_dir_all(dir.join("sled")).unwrap());
    assert_eq!(counts.vectors, 600);
    assert_eq!(notices[0], "3 prompt set version(s) were imported from their plain copies");
    assert_eq!(
        notices[1],
        "2 answer(s) of language models, 1 generation(s), 2 run(s), 1 history(ies) of prompt sets, 1 counter(s) were imported \
         from their plain copies"
    );
}

#[test]
fn plain_copies_that_are_lost_come_back_from_the_database() {
    let lose = |names: &[&str]| {
        let dir = tempfile::tempdir().unwrap();
        fill(&open(dir.path()));
        for name in names {
            let path = dir.path().join(name);
            if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
        }
        let opened = Store::open(dir.path()).unwrap();
        assert_eq!(opened.notices, Vec::<String>::new(), "{names:?}");
        check_kept(&opened.store);
        drop(opened);
        fs::remove_dir_all(dir.path().join("sled")).unwrap();
        check_kept(&Store::open(dir.path()).unwrap().store);
    };
    lose(&["prompt-sets/templates/name.txt"]);
    lose(&["prompt-sets"]);
    lose(&["generations", "runs.jsonl", "histories.jsonl", "counters.jsonl"]);
}

#[test]
fn what_is_foreign_among_the_plain_copies_is_named_and_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    fill(&open(dir.path()));
    let sets = dir.path().join("prompt-sets");
    fs::create_dir_all(sets.join("templates").join("0123456789ab.json")).unwrap();
    fs::write(sets.join("templates").join("notes.txt"), "mine").unwrap();
    fs::write(sets.join("readme"), "mine").unwrap();
    fs::create_dir(dir.path().join("generations").join("folder.jsonl")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("user@host.1", sets.join("templates").join(".#x.json")).unwrap();
    for _ in 0..2 {
        let opened = Store::open(dir.path()).unwrap();
        check_kept(&opened.store);
        let told = opened.notices.join("\n");
        for name in ["0123456789ab.json", "notes.txt", "readme", "folder.jsonl"] {
            assert!(told.contains(name), "{told}");
        }
        #[cfg(unix)]
        assert!(told.contains(".#x.json"), "{told}");
    }
}

/// Everything of a filled store that has a plain copy.
fn check_kept(store: &Store) {
    check_prompt_sets(store);
    assert_eq!(store.run("run 1").unwrap().as_deref(), Some(r#"{"top1": 0.5}"#));
    assert_eq!(store.run("run 0").unwrap(), Some("long ".repeat(3000)));
    let keys = [key(1), key(2)];
    assert_eq!(store.samples(&keys).unwrap(), [Some("An owl.".to_owned()), Some("Owls\nsee.".to_owned())]);
    assert_eq!(store.generation("birds").unwrap().as_deref(), Some("the plan"));
    assert_eq!(store.history("templates", "1").unwrap().as_deref(), Some("one prompt less"));
    assert_eq!(store.counted(&key(3)).unwrap(), 2);
}

#[test]
fn a_directory_that_cannot_be_made_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Store::open(&file.join("store")).map(|_| ()).unwrap_err().to_string();
    assert!(error.starts_with("could not make") && error.contains("file/store"), "{error}");
}

#[test]
fn an_export_carries_everything_to_another_store() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = from.path().join("export");
    let store = open(from.path());
    fill(&store);
    let version = version_of(r#"["a sketch of a {}."]"#);
    let history = "one prompt less\n".repeat(1000);
    store.save_history("templates", &version, &history).unwrap();
    store.export(&file).unwrap();

    let other = open(to.path());
    let counts = other.import(&file).unwrap();
    assert_eq!(counts, StoreCounts { vectors: 600, file_hashes: 0, prompt_sets: 3, runs: 2, answers: 2 });
    check_filled(&other);
    assert_eq!(other.history("templates", &version).unwrap().as_deref(), Some(history.as_str()));
    assert_eq!(other.prompt_sets().unwrap(), store.prompt_sets().unwrap());
    drop(other);
    fs::remove_dir_all(to.path().join("sled")).unwrap();
    check_prompt_sets(&Store::open(to.path()).unwrap().store);

    let in_memory = Store::in_memory();
    in_memory.import(&file).unwrap();
    in_memory.import(&file).unwrap();
    check_filled(&in_memory);
}

#[test]
fn a_damaged_export_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, spoilt) = (dir.path().join("whole"), dir.path().join("spoilt"));
    let store = Store::in_memory();
    save(&store, 0..2);
    store.save_run("run", "{}").unwrap();
    store.save_history("set", "1", "one prompt less").unwrap();
    store.save_sample("set", &key(9), "answer").unwrap();
    store.export(&whole).unwrap();
    let bytes = fs::read(&whole).unwrap();
    let refused = |bytes: &[u8], what: String| {
        fs::write(&spoilt, bytes).unwrap();
        let other = Store::in_memory();
        let error = other.import(&spoilt).unwrap_err();
        assert!(matches!(error, StoreError::BadExport { .. }), "{what}: {error}");
        assert_eq!(other.counts().unwrap(), StoreCounts::default(), "{what}");
    };
    for at in 0..bytes.len() {
        refused(&bytes[..at], format!("cut at {at}"));
        let mut changed = bytes.clone();
        changed[at] ^= 0x11;
        refused(&changed, format!("changed at {at}"));
    }
    refused(&[bytes.as_slice(), b"x"].concat(), "one byte more".to_owned());
}

#[test]
fn an_export_that_cannot_be_written_or_read_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let nowhere = dir.path().join("missing").join("export");
    let store = Store::in_memory();
    let error = store.export(&nowhere).unwrap_err().to_string();
    assert!(error.starts_with("could not write") && error.contains("missing/export"), "{error}");
    let error = store.import(&nowhere).unwrap_err().to_string();
    assert!(error.starts_with("could not open") && error.contains("missing/export"), "{error}");
}

/// A disk with room for so many bytes.
struct SmallDisk(usize);

impl Write for SmallDisk {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let fits = bytes.len().min(self.0);
        self.0 -= fits;
        if fits == 0 { Err(std::io::ErrorKind::StorageFull.into()) } else { Ok(fits) }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_export_to_a_full_disk_fails_wherever_it_fills_up() {
    let store = Store::in_memory();
    save(&store, 0..2);
    for room in [0, 10, 100, 500, 600] {
        let error = export::write_export(&store.opened().unwrap(), &mut SmallDisk(room))
            .map_err(|e| e.at(Path::new("x")));
        assert!(matches!(error, Err(StoreError::Full { .. })), "{room}");
    }
}
