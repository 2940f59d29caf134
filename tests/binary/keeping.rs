//! What is kept between runs of the program, and when it may not be believed.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;

use cupl_tui::store::Store;
use serde_json::Value;

use crate::program::{Bench, data, text};

/// A folder with the demo's checkpoint.
fn checkpoint_in(folder: &Path) {
    fs::create_dir(folder).unwrap();
    for entry in fs::read_dir(data("checkpoint")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
    }
}

/// Turns every text embedding round: what was best is worst now. Length and time of the file stay.
fn negate_text_projection(weights: &Path) {
    let time = fs::metadata(weights).unwrap().modified().unwrap();
    let mut bytes = fs::read(weights).unwrap();
    let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let tensors: Value = serde_json::from_slice(&bytes[8..header]).unwrap();
    let tensor = &tensors["text_projection.weight"];
    let place = |at: usize| header + tensor["data_offsets"][at].as_u64().unwrap() as usize;
    let size = match tensor["dtype"].as_str().unwrap() {
        "F32" => 4,
        "F16" | "BF16" => 2,
        other => panic!("{other}"),
    };
    for last in (place(0) + size - 1..place(1)).step_by(size) {
        bytes[last] ^= 0x80;
    }
    fs::write(weights, bytes).unwrap();
    File::options().write(true).open(weights).unwrap().set_modified(time).unwrap();
}

/// Evaluates `--checkpoint weights`; where `store` is another one than usual, without what was kept.
fn top1(bench: &Bench, store: Option<&str>) -> Value {
    let mut words = "evaluate --checkpoint weights --images photos --templates templates.txt --format json"
        .split(' ')
        .collect::<Vec<_>>();
    words.extend(store.into_iter().flat_map(|store| ["--store", store]));
    bench.json(0, &words)["strategies"][0]["top1"].clone()
}

#[test]
fn weights_that_changed_behind_the_same_name_and_time_are_seen() {
    let bench = Bench::new();
    checkpoint_in(&bench.path("weights"));
    let before = top1(&bench, None);
    assert_eq!(top1(&bench, None), before);
    let run = bench.json(0, &["runs", "list", "--format", "json"])[0]["id"].as_str().unwrap().to_owned();
    negate_text_projection(&bench.path("weights/model.safetensors"));
    let after = top1(&bench, None);
    assert_ne!(after, before);
    assert_eq!(after, top1(&bench, Some(":memory:")));
    for kept in [&[][..], &["--kept"]] {
        let replay = bench.json(1, &[&["runs", "replay", &run, "--format", "json"], kept].concat());
        assert_eq!((&replay["top1_then"], &replay["top1_now"]), (&before, &after), "{kept:?}");
    }
    negate_text_projection(&bench.path("weights/model.safetensors"));
    assert_eq!(top1(&bench, None), before);
}

#[test]
fn a_link_to_another_checkpoint_of_one_time_is_seen() {
    let bench = Bench::new();
    for (name, is_other) in [("one", false), ("other", true)] {
        checkpoint_in(&bench.path(name));
        if is_other {
            negate_text_projection(&bench.path(name).join("model.safetensors"));
        }
        for entry in fs::read_dir(bench.path(name)).unwrap() {
            let file = File::options().write(true).open(entry.unwrap().path()).unwrap();
            file.set_modified(std::time::UNIX_EPOCH).unwrap();
        }
    }
    let point_to = |name: &str| {
        let _absent = fs::remove_file(bench.path("weights"));
        symlink(name, bench.path("weights")).unwrap();
        top1(&bench, None)
    };
    let one = point_to("one");
    let other = point_to("other");
    assert_ne!(one, other);
    assert_eq!(top1(&bench, Some(":memory:")), other);
    assert_eq!(point_to("one"), one);
}

#[test]
fn runs_of_max_before_its_error_was_found_are_marked() {
    let bench = Bench::new();
    for aggregation in ["mean", "max"] {
        let words =
            ["evaluate", "--checkpoint", "demo", "--images", "photos", "--templates", "templates.txt"];
        bench.stdout(0, &[&words[..], &["--aggregation", aggregation]].concat());
    }
    let list = || bench.json(0, &["runs", "list", "--format", "json"]);
    assert!(list().as_array().unwrap().iter().all(|run| run["unreliable"].is_null()));
    assert!(!bench.stdout(0, &["runs", "list"]).contains("unreliable"));

    // As they were kept before.
    let store = Store::open(&bench.path("data/cupl-tui")).unwrap().store;
    for info in store.runs().unwrap() {
        let mut run: Value = serde_json::from_str(&store.run(&info.id).unwrap().unwrap()).unwrap();
        assert!(run["evaluation_version"].as_u64() >= Some(2), "{run}");
        run.as_object_mut().unwrap().remove("evaluation_version");
        let id = format!("old-{}", run["strategy"]["aggregation"].as_str().unwrap());
        run["id"] = id.clone().into();
        store.save_run(&id, &run.to_string()).unwrap();
    }
    drop(store);
    let runs = list();
    let unreliable = |id: &str| -> Option<String> {
        let run = runs.as_array().unwrap().iter().find(|run| run["id"] == id).unwrap();
        run["unreliable"].as_str().map(str::to_owned)
    };
    assert_eq!((runs.as_array().unwrap().len(), unreliable("old-mean")), (4, None));
    let reason = unreliable("old-max").unwrap();
    assert!(reason.contains("`cupl-tui runs replay old-max`"), "{reason}");

    let table = bench.stdout(0, &["runs", "list"]);
    let line = |id: &str| table.lines().find(|line| line.starts_with(id)).unwrap().to_owned();
    assert!(line("old-max").ends_with("unreliable"), "{table}");
    assert_eq!(table.matches("unreliable").count(), 2, "{table}");
    assert!(table.contains("`cupl-tui runs replay ID`"), "{table}");
    let csv = bench.stdout(0, &["runs", "list", "--format", "csv"]);
    assert!(csv.lines().next().unwrap().ends_with(",unreliable"), "{csv}");
    assert_eq!(csv.lines().filter(|line| line.ends_with(",unreliable")).count(), 2, "{csv}");

    for words in [&["show", "old-max"][..], &["compare", "old-mean", "old-max"], &["replay", "old-max"]] {
        for format in ["table", "json", "csv"] {
            let output = bench.run(&[&["runs"], words, &["--format", format]].concat());
            let (out, notes) = (text(&output.stdout), text(&output.stderr));
            assert!(notes.contains("run old-max is unreliable"), "{words:?} {format}: {notes}");
            assert!(format == "csv" || out.contains("unreliable"), "{words:?} {format}: {out}");
        }
    }
}

#[test]
fn wishes_that_cannot_be_fulfilled_are_named() {
    let bench = Bench::new();
    let own: &[&str] = &["--checkpoint", "demo", "--images", "photos", "--templates", "templates.txt"];
    let noted = |words: &[&str], what: &[&str]| {
        let output = bench.run(&[words, own, &["--format", "json"]].concat());
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let notes: Vec<&str> =
            report["notes"].as_array().into_iter().flatten().map(|note| note.as_str().unwrap()).collect();
        let said = text(&output.stderr);
        assert_eq!(notes.is_empty(), what.is_empty(), "{words:?}: {notes:?}");
        for part in what {
            assert!(notes.iter().any(|note| note.contains(part)), "{words:?}: {notes:?}");
        }
        assert!(notes.iter().all(|note| said.contains(note)), "{said}");
    };
    noted(&["curve"], &[]);
    noted(&["curve", "--sizes", "1,2"], &[]);
    noted(
        &["curve", "--sizes", "1,50"],
        &["has 2 prompts a class", "for 50 of --sizes", "name sizes up to 2"],
    );
    noted(&["curve", "--sizes", "3,50"], &["for 3, 50 of --sizes"]);
    noted(&["evaluate", "--predictions", "--top-k", "3"], &[]);
    noted(&["evaluate", "--predictions", "--top-k", "0"], &[]);
    noted(&["evaluate", "--predictions"], &[]);
    noted(&["evaluate", "--predictions", "--top-k", "9"], &["there are 3 classes", "--top-k 9"]);
    noted(&["evaluate", "--top-k", "3"], &["--top-k changes nothing here"]);
}
