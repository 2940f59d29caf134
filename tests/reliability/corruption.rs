//! Every file of a store, damaged in every way.

use std::fs;
use std::path::Path;

use crate::kept::{Bench, copy_folder, files_below};

const WAYS: [&str; 8] = ["flip", "flips", "cut", "empty", "zeroes", "garbage", "delete", "folder"];

fn damage(path: &Path, way: &str) {
    let mut bytes = fs::read(path).unwrap();
    let length = bytes.len();
    let noise = |at: usize| (at.wrapping_mul(2_654_435_761) >> 7) as u8;
    match way {
        "flip" => bytes.get_mut(length / 2).into_iter().for_each(|byte| *byte ^= 0x10),
        "flips" => bytes.iter_mut().step_by(97).for_each(|byte| *byte ^= 0x41),
        "cut" => bytes.truncate(length * 2 / 3),
        "empty" => bytes.clear(),
        "zeroes" => bytes[length / 4..length / 2].fill(0),
        "garbage" => bytes.iter_mut().enumerate().for_each(|(at, byte)| *byte = noise(at)),
        "delete" | "folder" => {
            fs::remove_file(path).unwrap();
            if way == "folder" {
                fs::create_dir(path).unwrap();
            }
            return;
        }
        other => panic!("{other}"),
    }
    fs::write(path, bytes).unwrap();
}

#[test]
fn nothing_that_cannot_be_made_again_is_lost_with_any_file() {
    let bench = Bench::new();
    let before = bench.fill("whole");
    let all: Vec<String> = files_below(&bench.path("whole")).into_keys().collect();
    // One of each kind is enough of what there are many of.
    let mut kinds = std::collections::BTreeSet::new();
    let kind = |name: &str| match name.split_once('/') {
        Some(("blobs", _)) => "blobs".to_owned(),
        Some(("prompt-sets", rest)) => format!("prompt-sets {}", rest.ends_with(".txt")),
        Some(("sled", rest)) => format!("sled {}", rest.split('.').next().unwrap()),
        _ => name.to_owned(),
    };
    let files: Vec<String> = all.into_iter().filter(|name| kinds.insert(kind(name))).collect();
    assert!(files.len() > 8, "{files:?}");
    for file in &files {
        for way in WAYS {
            copy_folder(&bench.path("whole"), &bench.path("store"));
            damage(&bench.path("store").join(file), way);
            bench.check("store", &before, &format!("{way} {file}"));
        }
    }
}

#[test]
fn two_files_that_changed_places_are_no_loss() {
    let bench = Bench::new();
    let before = bench.fill("whole");
    let all = files_below(&bench.path("whole"));
    let of = |part: &str| all.keys().find(|name| name.contains(part)).unwrap().clone();
    for (one, other) in [
        (of("sled/conf"), of("birds/")),
        (of("sled/snap"), of("runs.jsonl")),
        (of("runs.jsonl"), of("generations/")),
        (of("name.txt"), of("birds/")),
    ] {
        copy_folder(&bench.path("whole"), &bench.path("store"));
        let path = |name: &str| bench.path("store").join(name);
        let (a, b) = (fs::read(path(&one)).unwrap(), fs::read(path(&other)).unwrap());
        fs::write(path(&one), b).unwrap();
        fs::write(path(&other), a).unwrap();
        bench.check("store", &before, &format!("{one} and {other}"));
    }
}
