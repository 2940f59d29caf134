//! The subcommands of the real binary: their output, their exit codes, and what they say about bad input.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use crate::program::{Bench, PHOTOS, data, text};
use safetensors::SafeTensors;
use serde_json::Value;

impl Bench {
    fn own_data(&self) -> Vec<String> {
        ["evaluate", "--checkpoint"]
            .map(str::to_owned)
            .into_iter()
            .chain([data("checkpoint").display().to_string()])
            .chain(["--images", "photos", "--templates", "templates.txt", "--cupl"].map(str::to_owned))
            .chain([data("cupl.json").display().to_string()])
            .collect()
    }

    fn evaluate_own_data(&self, code: i32, more: &[&str]) -> Value {
        let arguments = self.own_data();
        let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        arguments.extend(["--format", "json"]);
        arguments.extend(more);
        self.json(code, &arguments)
    }
}

#[test]
fn own_data_from_flags_keeps_the_json_contract() {
    let bench = Bench::new();
    let report = bench.evaluate_own_data(0, &["--predictions"]);
    assert_eq!(report["experiment"], "photos");
    assert_eq!(report["checkpoint"]["name"], "checkpoint");
    assert_eq!(report["checkpoint"]["fingerprint"].as_str().unwrap().len(), 64);
    assert_eq!(report["dataset"]["name"], "photos");
    assert_eq!(report["dataset"]["images"], 3 * PHOTOS);
    assert_eq!(report["dataset"]["skipped"], 0);
    assert_eq!(report["dataset"]["classes"], serde_json::json!(["cat", "frog", "truck"]));
    let strategies = report["strategies"].as_array().unwrap();
    let names: Vec<&str> = strategies.iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["templates", "cupl", "both"]);
    assert_eq!(strategies[0]["prompts"], 2 * 3);
    for strategy in strategies {
        assert_eq!(strategy["aggregation"], "mean");
        let correct: u64 =
            strategy["per_class"].as_array().unwrap().iter().map(|c| c["correct"].as_u64().unwrap()).sum();
        let top1 = strategy["top1"].as_f64().unwrap();
        assert!((top1 - correct as f64 / (3 * PHOTOS) as f64).abs() < 1e-9);
        assert_eq!(strategy["mean_per_class_recall"].as_f64().unwrap(), top1);
        assert_eq!(strategy["top5"], 1.0);
        for (class, row) in strategy["confusion"].as_array().unwrap().iter().enumerate() {
            let row: Vec<u64> = row.as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect();
            assert_eq!(row.iter().sum::<u64>(), PHOTOS as u64);
            assert_eq!(strategy["per_class"][class]["correct"].as_u64().unwrap(), row[class]);
            assert_eq!(strategy["per_class"][class]["images"], PHOTOS);
        }
        let predictions = strategy["predictions"].as_array().unwrap();
        assert_eq!(predictions.len(), 3 * PHOTOS);
        assert_eq!(predictions[0]["image"], "cat/0.png");
        assert_eq!(predictions[0]["label"], "cat");
        let ranked = predictions[0]["ranked"].as_array().unwrap();
        let probabilities: Vec<f64> = ranked.iter().map(|r| r["probability"].as_f64().unwrap()).collect();
        assert!(probabilities.windows(2).all(|pair| pair[0] >= pair[1]));
        assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-5);
        let right = predictions.iter().filter(|p| p["ranked"][0]["class"] == p["label"]).count();
        assert_eq!(right as u64, correct);
    }
    assert!(bench.evaluate_own_data(0, &[])["strategies"][0].get("predictions").is_none());
    let one = bench.evaluate_own_data(0, &["--predictions", "--top-k", "1", "--strategy", "cupl"]);
    assert_eq!(one["strategies"].as_array().unwrap().len(), 1);
    assert_eq!(one["strategies"][0]["predictions"][0]["ranked"].as_array().unwrap().len(), 1);
}

#[test]
fn the_demo_gives_the_numbers_of_the_reference_implementation() {
    let bench = Bench::new();
    let report = bench.json(0, &["evaluate", "--format", "json", "--predictions"]);
    let reference: Value = serde_json::from_str(include_str!("../fixtures/demo_reference.json")).unwrap();
    for strategy in report["strategies"].as_array().unwrap() {
        let expected = &reference[strategy["name"].as_str().unwrap()];
        assert_eq!(strategy["prompts"], expected["prompts"]);
        let counts = |confusion: &Value| -> Vec<i64> {
            let rows = confusion.as_array().unwrap().iter();
            rows.flat_map(|row| row.as_array().unwrap()).map(|count| count.as_i64().unwrap()).collect()
        };
        let pairs = counts(&strategy["confusion"]).into_iter().zip(counts(&expected["confusion"]));
        // An image on the border between two classes may fall to either side: it counts twice here.
        let moved: i64 = pairs.map(|(ours, theirs)| (ours - theirs).abs()).sum();
        assert!(moved <= 2, "{moved} counts differ for {}", strategy["name"]);
        let top5 = (1000.0 * strategy["top5"].as_f64().unwrap()).round() as i64;
        assert!((top5 - expected["top5"].as_i64().unwrap()).abs() <= 1);
        for class in 0..10 {
            let prediction = &strategy["predictions"][100 * class];
            let ranked = prediction["ranked"].as_array().unwrap();
            let expected = expected["first_true_probabilities"][class].as_f64().unwrap();
            match ranked.iter().find(|ranked| ranked["class"] == prediction["label"]) {
                Some(truth) => {
                    assert!((truth["probability"].as_f64().unwrap() - expected).abs() < 1e-3);
                }
                None => assert!(expected <= ranked[4]["probability"].as_f64().unwrap() + 1e-3),
            }
        }
    }
}

#[test]
fn an_experiment_file_gives_the_same_numbers_and_nothing_is_embedded_twice() {
    let bench = Bench::new();
    let with_flags = bench.evaluate_own_data(0, &[]);
    let embeddings = |bench: &Bench| bench.json(0, &["doctor", "--format", "json"])["store"].clone();
    let before = embeddings(&bench);
    fs::create_dir(bench.path("experiments")).unwrap();
    let file = format!(
        "name = 'photos'\ncheckpoint = {:?}\nimages = '../photos'\n\
         [[strategy]]\nname = 'templates'\ntemplates = '../templates.txt'\n\
         [[strategy]]\nname = 'cupl'\ncupl = {:?}\n\
         [[strategy]]\nname = 'both'\ntemplates = ['a photo of a {{}}.', 'a picture of the {{}}.']\ncupl = {1:?}\n",
        data("checkpoint"),
        data("cupl.json"),
    );
    fs::write(bench.path("experiments/pets.toml"), file).unwrap();
    let from_file = bench.json(0, &["evaluate", "experiments/pets.toml", "--format", "json"]);
    assert_eq!(from_file, with_flags);
    let vectors = |finding: &Value| {
        finding.as_str().unwrap().split(": ").nth(1).unwrap().split(',').next().unwrap().to_owned()
    };
    assert_eq!(vectors(&embeddings(&bench)), vectors(&before));

    // A moved folder has the same contents: its embeddings are found again.
    fs::rename(bench.path("photos"), bench.path("moved")).unwrap();
    let file =
        fs::read_to_string(bench.path("experiments/pets.toml")).unwrap().replace("../photos", "../moved");
    fs::write(bench.path("experiments/pets.toml"), file).unwrap();
    let moved = bench.json(0, &["evaluate", "experiments/pets.toml", "--format", "json"]);
    assert_eq!(moved["strategies"], with_flags["strategies"]);
    assert_eq!(moved["dataset"]["fingerprint"], with_flags["dataset"]["fingerprint"]);
    assert_eq!(vectors(&embeddings(&bench)), vectors(&before));
}

#[test]
fn tables_and_csv() {
    let bench = Bench::new();
    let arguments = bench.own_data();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let table = bench.stdout(0, &arguments);
    for part in
        ["photos, checkpoint (f32), 18 images, 3 classes", "against baseline", "cupl - templates", "truck"]
    {
        assert!(table.contains(part), "{part:?} is not in\n{table}");
    }
    let csv = bench.stdout(0, &[&arguments[..], &["--format", "csv"]].concat());
    assert_eq!(csv.lines().next(), Some("strategy,class,images,correct,accuracy"));
    assert_eq!(csv.lines().count(), 1 + 3 * 3);
    let csv = bench
        .stdout(0, &[&arguments[..], &["--format", "csv", "--predictions", "--strategy", "both"]].concat());
    assert_eq!(csv.lines().count(), 1 + 3 * PHOTOS * 3);
    assert!(csv.lines().nth(1).unwrap().starts_with("both,cat/0.png,cat,1,"));
}

#[test]
fn broken_images_are_listed_skipped_and_counted() {
    let bench = Bench::new();
    let whole = fs::read(bench.path("photos/frog/0.png")).unwrap();
    fs::write(bench.path("photos/frog/broken.png"), &whole[..whole.len() / 2]).unwrap();
    fs::write(bench.path("photos/cat/text.jpg"), "not a picture").unwrap();
    let report = bench.evaluate_own_data(1, &[]);
    assert_eq!(report["dataset"]["images"], 3 * PHOTOS);
    assert_eq!(report["dataset"]["skipped"], 2);
    let arguments = bench.own_data();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let notes = text(&bench.run(&arguments).stderr);
    assert!(notes.contains("skipped frog/broken.png: "), "{notes}");
    assert!(notes.contains("skipped cat/text.jpg: "), "{notes}");
    let complaint = bench.complaint(&[&arguments[..], &["--strict"]].concat());
    assert!(complaint.contains("2 of the images cannot be read"), "{complaint}");
}

#[test]
fn class_names_are_mapped_and_loose_matches_reported() {
    let bench = Bench::new();
    for (from, to) in [("cat", "n01"), ("frog", "n02"), ("truck", "n03")] {
        fs::rename(bench.path("photos").join(from), bench.path("photos").join(to)).unwrap();
    }
    let arguments = bench.own_data();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let complaint = bench.complaint(&arguments);
    for part in ["n01", "n02", "n03", "cupl"] {
        assert!(complaint.contains(part), "{part:?} is not in\n{complaint}");
    }
    fs::write(bench.path("names.json"), r#"{"n01": "Cat", "n02": "frog", "n03": "truck"}"#).unwrap();
    let output = bench.run(&[&arguments[..], &["--class-names", "names.json"]].concat());
    let notes = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{notes}");
    assert!(notes.contains("\"Cat\" uses the prompts of \"cat\""), "{notes}");
}

#[test]
fn embeddings_are_written_in_the_order_of_the_input() {
    let bench = Bench::new();
    fs::write(bench.path("texts.txt"), "a photo of a frog.\n\na photo of a cat.\na photo of a frog.\n")
        .unwrap();
    let checkpoint = data("checkpoint").display().to_string();
    let embed = ["embed", "--checkpoint", &checkpoint, "--out", "out.safetensors"];
    bench.stdout(0, &[&embed[..], &["--images", "photos", "--texts", "texts.txt"]].concat());
    let bytes = fs::read(bench.path("out.safetensors")).unwrap();
    let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
    let names = |key: &str| -> Vec<String> {
        serde_json::from_str(metadata.metadata().as_ref().unwrap().get(key).unwrap()).unwrap()
    };
    assert_eq!(names("texts"), ["a photo of a frog.", "", "a photo of a cat.", "a photo of a frog."]);
    assert_eq!(names("images")[..2], ["cat/0.png", "cat/1.png"]);
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let rows = |name: &str| -> Vec<Vec<f32>> {
        let tensor = tensors.tensor(name).unwrap();
        assert_eq!(tensor.dtype(), safetensors::Dtype::F32);
        let values: Vec<f32> =
            tensor.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        values.chunks(tensor.shape()[1]).map(<[f32]>::to_vec).collect()
    };
    let texts = rows("text_embeds");
    assert_eq!(texts.len(), 4);
    assert_eq!(texts[0], texts[3]);
    assert_ne!(texts[0], texts[2]);
    let images = rows("image_embeds");
    assert_eq!(images.len(), 3 * PHOTOS);
    for row in texts.iter().chain(&images) {
        let norm: f32 = row.iter().map(|value| value * value).sum();
        assert!((norm - 1.0).abs() < 1e-4);
    }

    fs::write(bench.path("texts.jsonl"), "{\"text\": \"a photo of a cat.\", \"id\": 1}\n").unwrap();
    bench.stdout(0, &[&embed[..], &["--texts", "texts.jsonl"]].concat());
    let bytes = fs::read(bench.path("out.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(tensors.names(), ["text_embeds"]);
    fs::write(bench.path("texts.jsonl"), "{\"text\": \"a\"}\n{\"txt\": 1}\n").unwrap();
    let complaint = bench.complaint(&[&embed[..], &["--texts", "texts.jsonl"]].concat());
    assert!(complaint.contains("line 2") && complaint.contains("\"text\""), "{complaint}");
}

#[test]
fn embeddings_are_written_whole_or_not_at_all() {
    let bench = Bench::new();
    let checkpoint = data("checkpoint").display().to_string();
    let embed = |more: &[&str]| {
        let mut arguments = vec!["embed", "--checkpoint", &checkpoint];
        arguments.extend(more);
        bench.complaint(&arguments)
    };
    let in_the_way = embed(&["--images", "photos", "--out", "photos"]);
    assert!(in_the_way.contains("photos") && in_the_way.contains("directory"), "{in_the_way}");
    let nowhere = embed(&["--images", "photos", "--out", "nowhere/out.safetensors"]);
    assert!(nowhere.contains("nowhere/out.safetensors") && nowhere.contains("folder"), "{nowhere}");
    fs::create_dir(bench.path("broken")).unwrap();
    fs::write(bench.path("broken/a.png"), "not a picture").unwrap();
    let unreadable = embed(&["--images", "broken", "--out", "out.safetensors"]);
    assert!(unreadable.contains("a.png"), "{unreadable}");
    fs::copy(bench.path("photos/cat/0.png"), bench.path("broken/b.png")).unwrap();
    let strict = embed(&["--images", "broken", "--out", "out.safetensors", "--strict"]);
    assert!(strict.contains("a.png") && strict.contains("--strict"), "{strict}");
    assert!(!bench.path("out.safetensors").exists());
    fs::write(bench.path("out.partial"), "mine").unwrap();
    let names: Vec<_> = fs::read_dir(bench.folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().starts_with(".tmp")), "{names:?}");
    bench
        .stdout(1, &["embed", "--checkpoint", &checkpoint, "--images", "broken", "--out", "out.safetensors"]);
    assert_eq!(fs::read_to_string(bench.path("out.partial")).unwrap(), "mine");

    fs::write(bench.path("none.txt"), "").unwrap();
    bench.stdout(
        0,
        &["embed", "--checkpoint", &checkpoint, "--texts", "none.txt", "--out", "none.safetensors"],
    );
    let bytes = fs::read(bench.path("none.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(tensors.tensor("text_embeds").unwrap().shape(), [0, 128]);
    let absent = embed(&["--texts", "absent.txt", "--out", "absent.safetensors"]);
    assert!(absent.contains("absent.txt") && absent.contains("check the path"), "{absent}");
    fs::write(bench.path("latin1.txt"), b"caf\xe9\n").unwrap();
    let latin1 = embed(&["--texts", "latin1.txt", "--out", "latin1.safetensors"]);
    assert!(latin1.contains("latin1.txt line 1") && latin1.contains("UTF-8"), "{latin1}");
}

#[cfg(unix)]
#[test]
fn an_export_takes_nothing_else_away() {
    use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
    let bench = Bench::new();
    bench.stdout(0, &["prompts", "import", "templates.txt", "--name", "mine"]);
    let export = |out: &'static str| ["prompts", "export", "mine", "--out", out];
    for (out, reason) in [("photos", "directory"), ("nowhere/out.json", "folder")] {
        let complaint = bench.complaint(&export(out));
        assert!(complaint.contains(out) && complaint.contains(reason), "{complaint}");
    }
    assert!(Command::new("mkfifo").arg(bench.path("pipe")).status().unwrap().success());
    let complaint = bench.complaint(&export("pipe"));
    assert!(complaint.contains("pipe") && complaint.contains("regular file"), "{complaint}");
    assert!(fs::metadata(bench.path("pipe")).unwrap().file_type().is_fifo());

    fs::write(bench.path("target.json"), "old").unwrap();
    symlink("target.json", bench.path("link.json")).unwrap();
    bench.stdout(0, &export("link.json"));
    assert!(fs::symlink_metadata(bench.path("link.json")).unwrap().is_symlink());
    assert!(fs::read_to_string(bench.path("target.json")).unwrap().contains("a photo of a {}."));

    // As readable as the user's umask says.
    let mut command = Command::new("sh");
    command.args(["-c", "umask 077; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_cupl-tui")]);
    command.args(export("private.json")).env("XDG_DATA_HOME", bench.path("data"));
    assert!(command.current_dir(bench.folder.path()).output().unwrap().status.success());
    let mode = fs::metadata(bench.path("private.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let bench = Bench::new();
    bench.stdout(0, &["evaluate"]);
    for format in ["table", "csv", "json"] {
        // The demo's predictions are longer than every buffer on the way.
        let arguments = ["evaluate", "--format", format, "--predictions", "--top-k", "0"];
        let mut child =
            bench.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let complaint = text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{format}: {complaint}");
        assert!(!complaint.contains("error"), "{format}: {complaint}");
    }
}

#[test]
fn a_doctor_who_finds_something_says_so() {
    let bench = Bench::new();
    let found = bench.stdout(2, &["doctor", "--checkpoint", "nowhere"]);
    assert!(found.contains("nowhere"), "{found}");
    for store in ["templates.txt", "templates.txt/store"] {
        let found = bench.stdout(2, &["doctor", "--store", store]);
        assert!(found.contains(store) && found.contains("demo checkpoint"), "{found}");
    }
    bench.stdout(0, &["doctor", "--store", "not/there/yet"]);
}

#[test]
fn a_manifest_and_another_aggregation() {
    let bench = Bench::new();
    let rows: String =
        ["cat", "frog", "truck"].map(|class| format!("photos/{class}/0.png,{class}\n")).concat();
    fs::write(bench.path("photos.csv"), format!("path,label\n{rows}")).unwrap();
    let arguments: Vec<String> = bench.own_data().iter().map(|a| a.replace("photos", "photos.csv")).collect();
    let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    arguments.extend(["--aggregation", "max", "--format", "json"]);
    let report = bench.json(0, &arguments);
    assert_eq!(report["dataset"]["images"], 3);
    assert_eq!(report["strategies"][2]["aggregation"], "max");
}

#[test]
fn prompt_sets_are_kept() {
    let bench = Bench::new();
    let empty = bench.stdout(0, &["prompts", "list"]);
    assert!(empty.contains("prompts import"), "{empty}");
    let imported = bench.stdout(0, &["prompts", "import", "templates.txt", "--name", "mine"]);
    assert!(imported.starts_with("mine@") && imported.contains("2 templates"), "{imported}");
    bench.stdout(0, &["prompts", "import", &data("cupl.json").display().to_string()]);
    let list = bench.json(0, &["prompts", "list", "--format", "json"]);
    let names: Vec<&str> = list.as_array().unwrap().iter().map(|set| set["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["mine", "cupl"]);
    let frog = bench.json(0, &["prompts", "show", "cupl", "--class", "frog", "--format", "json"]);
    let original: Value = serde_json::from_str(&fs::read_to_string(data("cupl.json")).unwrap()).unwrap();
    assert_eq!(frog["prompts"][0]["prompts"], original["frog"]);
    bench.stdout(0, &["prompts", "export", "cupl", "--out", "copy.json"]);
    let copy: Value = serde_json::from_str(&fs::read_to_string(bench.path("copy.json")).unwrap()).unwrap();
    assert_eq!(copy, original);

    let file = format!(
        "checkpoint = {:?}\nimages = 'photos'\n[[strategy]]\nname = 'stored'\nstored = ['mine']\n",
        data("checkpoint")
    );
    fs::write(bench.path("stored.toml"), file).unwrap();
    let report = bench.json(0, &["evaluate", "stored.toml", "--format", "json"]);
    assert_eq!(report["strategies"][0]["prompts"], 6);

    assert!(bench.stdout(0, &["prompts", "remove", "mine"]).contains("removed 1 version"));
    assert!(bench.complaint(&["prompts", "show", "mine"]).contains("prompts list"));
    assert!(bench.complaint(&["evaluate", "stored.toml"]).contains("\"mine\""));
}

#[test]
fn runs_are_kept_once() {
    let bench = Bench::new();
    assert!(bench.stdout(0, &["runs", "list"]).contains("evaluate"));
    let report = bench.evaluate_own_data(0, &[]);
    bench.evaluate_own_data(0, &[]);
    let runs = bench.json(0, &["runs", "list", "--format", "json"]);
    assert_eq!(runs.as_array().unwrap().len(), 3);
    let cupl = runs.as_array().unwrap().iter().find(|run| run["strategy"]["name"] == "cupl").unwrap();
    assert_eq!(cupl["top1"], report["strategies"][1]["top1"]);
    assert_eq!(cupl["per_class"], report["strategies"][1]["per_class"]);
    let id = cupl["id"].as_str().unwrap();
    let shown = bench.stdout(0, &["runs", "show", &id[..8]]);
    assert!(shown.contains("cupl (mean) on photos with checkpoint"), "{shown}");
    assert!(bench.complaint(&["runs", "show", "zzzz"]).contains("runs list"));
}

#[test]
fn bad_input_is_named_with_its_remedy() {
    let bench = Bench::new();
    let checkpoint = data("checkpoint").display().to_string();
    let cupl = data("cupl.json").display().to_string();
    fs::create_dir_all(bench.path("empty")).unwrap();
    fs::create_dir_all(bench.path("hollow/cat")).unwrap();
    fs::create_dir_all(bench.path("hollow/dog")).unwrap();
    fs::create_dir_all(bench.path("single/cat")).unwrap();
    fs::copy(bench.path("photos/cat/0.png"), bench.path("single/cat/0.png")).unwrap();
    fs::write(bench.path("bad.toml"), "checkpoint = 'demo'\nimages = demo\n").unwrap();
    fs::write(bench.path("bad.json"), "{\"cat\": [\"a cat\",]}").unwrap();
    fs::write(bench.path("other.json"), r#"{"zebra": ["A zebra has stripes."], "cats": ["A cat."]}"#)
        .unwrap();
    fs::write(bench.path("plain.txt"), "a photo of a {}.\na photo\n").unwrap();
    let broken = bench.path("broken-checkpoint");
    fs::create_dir_all(&broken).unwrap();
    for file in ["config.json", "tokenizer.json", "preprocessor_config.json"] {
        fs::copy(data("checkpoint").join(file), broken.join(file)).unwrap();
    }
    let weights = fs::read(data("checkpoint/model.safetensors")).unwrap();
    fs::write(broken.join("model.safetensors"), &weights[..weights.len() / 2]).unwrap();

    let flags = |checkpoint: &str, images: &str, prompts: &[&str]| -> Vec<String> {
        ["evaluate", "--checkpoint", checkpoint, "--images", images]
            .iter()
            .chain(prompts)
            .map(|argument| (*argument).to_owned())
            .collect()
    };
    let cases: Vec<(Vec<String>, &[&str])> = vec![
        (flags(&checkpoint, "nowhere", &["--cupl", &cupl]), &["nowhere"]),
        (flags(&checkpoint, "empty", &["--cupl", &cupl]), &["empty"]),
        (flags(&checkpoint, "hollow", &["--cupl", &cupl]), &["hollow"]),
        (flags(&checkpoint, "single", &["--cupl", &cupl]), &["single", "\"cat\" only", "two"]),
        (flags("nowhere", "photos", &["--cupl", &cupl]), &["nowhere"]),
        (flags("broken-checkpoint", "photos", &["--cupl", &cupl]), &["model.safetensors", "cut short"]),
        (flags(&checkpoint, "photos", &["--cupl", "bad.json"]), &["bad.json", "line 1", "column"]),
        (flags(&checkpoint, "photos", &["--cupl", "other.json"]), &["cat", "frog", "truck", "cats", "zebra"]),
        (flags(&checkpoint, "photos", &["--templates", "plain.txt"]), &["plain.txt", "line 2", "{}"]),
        (vec!["evaluate".into(), "bad.toml".into()], &["bad.toml", "line 2"]),
        (vec!["evaluate".into(), "absent.toml".into()], &["absent.toml"]),
        (vec!["evaluate".into(), "--images".into(), "photos".into()], &["--checkpoint"]),
        (vec!["evaluate".into(), "--strategy".into(), "magic".into()], &["magic", "templates, cupl, both"]),
        (
            vec!["--store".into(), "/dev/null/store".into(), "runs".into(), "list".into()],
            &["/dev/null/store"],
        ),
        (vec!["pets.toml".into(), "evaluate".into()], &["after the command"]),
        (vec!["evalute".into()], &["`cupl-tui evaluate`"]),
        (["evalute", "--format", "json"].map(String::from).to_vec(), &["`cupl-tui evaluate`"]),
        (["run", "list"].map(String::from).to_vec(), &["`cupl-tui runs`"]),
        (["doctor", "--threads", "0"].map(String::from).to_vec(), &["1..=256"]),
        (["doctor", "--threads", "257"].map(String::from).to_vec(), &["1..=256"]),
        (
            vec!["prompts".into(), "import".into(), "templates.txt".into(), "--name".into(), "a@b".into()],
            &["a@b", "--name"],
        ),
        (vec![], &["not one", "cupl-tui evaluate --format json"]),
    ];
    for (arguments, parts) in cases {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let complaint = bench.complaint(&arguments);
        for part in parts {
            assert!(
                complaint.contains(part),
                "{part:?} is not in the complaint about {arguments:?}:\n{complaint}"
            );
        }
        assert!(!complaint.contains("panicked"), "{complaint}");
    }
}

#[test]
fn a_store_that_somebody_holds_names_the_holder() {
    let bench = Bench::new();
    let path = bench.path("held");
    drop(cupl_tui::store::Store::open(&path).unwrap());
    let lock = fs::File::options().write(true).open(path.join("lock")).unwrap();
    lock.lock().unwrap();
    let complaint = bench.complaint(&["--store", "held", "runs", "list", "--store-wait", "0"]);
    assert!(complaint.contains(&std::process::id().to_string()), "{complaint}");
    assert!(complaint.contains("--store-wait"), "{complaint}");
    bench.stdout(0, &["--store", ":memory:", "runs", "list"]);

    // It waits, says for whom, and stops at Ctrl-C.
    let evaluate = ["--store", "held", "evaluate", "--store-wait", "600"];
    let mut waits = bench.command(&evaluate).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(waits.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    let holder = format!("in use by process {}", std::process::id());
    assert!(line.contains("waiting for the store") && line.contains(&holder), "{line}");
    assert!(Command::new("kill").args(["-INT", &waits.id().to_string()]).status().unwrap().success());
    assert_eq!(waits.wait().unwrap().code(), Some(130));

    // And goes on when it is free.
    let list = ["--store", "held", "runs", "list", "--store-wait", "600"];
    let mut waits = bench.command(&list).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(waits.stderr.take().unwrap());
    said.read_line(&mut line).unwrap();
    drop(lock);
    assert_eq!(waits.wait().unwrap().code(), Some(0));
}

#[test]
fn a_store_is_carried_checked_and_made_smaller() {
    let bench = Bench::new();
    bench.evaluate_own_data(0, &[]);
    bench.stdout(0, &["prompts", "import", "templates.txt", "--name", "own"]);
    let exported = bench.json(0, &["store", "export", "all.cupl", "--format", "json"]);
    assert_eq!((&exported["prompt_set_versions"], &exported["answers"]), (&1.into(), &0.into()));
    assert!(exported["embeddings"].as_u64() > Some(0) && exported["runs"].as_u64() > Some(0), "{exported}");
    let other = ["--store", "other"];
    let imported =
        bench.json(0, &[&["store", "import", "all.cupl", "--format", "json"], &other[..]].concat());
    assert_eq!((&imported["embeddings"], &imported["runs"]), (&exported["embeddings"], &exported["runs"]));
    let runs = |more: &[&str]| bench.stdout(0, &[&["runs", "list"], more].concat());
    assert_eq!(runs(&[]), runs(&other));

    let verified = bench.json(0, &[&["store", "verify", "--format", "json"], &other[..]].concat());
    assert_eq!((&verified["whole"], &verified["problems"]), (&true.into(), &Value::Array(vec![])));
    let compacted = bench.json(0, &[&["store", "compact", "--format", "json"], &other[..]].concat());
    assert!(compacted["after"].as_u64() > Some(0), "{compacted}");
    assert_eq!(runs(&[]), runs(&other));
    assert!(bench.stdout(0, &["store", "verify"]).contains("Everything is whole."));

    // What has plain copies comes back though the database is garbage, which is set aside until it is removed.
    let database = bench.path("other/sled/db");
    let length = fs::metadata(&database).unwrap().len() as usize;
    fs::write(&database, vec![7; length]).unwrap();
    assert_eq!(runs(&[]), runs(&other));
    let doctor = bench.stdout(0, &[&["doctor"], &other[..]].concat());
    assert!(doctor.contains("sled-damaged-1 ("), "{doctor}");
    let removed = bench.json(0, &[&["store", "remove-damaged", "--format", "json"], &other[..]].concat());
    assert_eq!(removed["removed"].as_array().map(Vec::len), Some(1), "{removed}");
    let doctor = bench.stdout(0, &[&["doctor"], &other[..]].concat());
    assert!(!doctor.contains("sled-damaged"), "{doctor}");
    // A copy that was changed is found.
    let folder = bench.path("other/prompt-sets/own");
    let mut copies = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let copy = copies.find(|path| path.extension().is_some_and(|ending| ending == "json")).unwrap();
    fs::write(&copy, "[]").unwrap();
    let verified = bench.json(1, &[&["store", "verify", "--format", "json"], &other[..]].concat());
    assert!(verified["problems"][0].as_str().unwrap().contains("has changed"), "{verified}");
}

/// One as the first version wrote it: two versions of a prompt set, a run, its two pictures and two prompts.
#[test]
fn an_export_of_the_first_version_is_read() {
    let bench = Bench::new();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/store/export-1.cupl");
    let imported = bench.json(0, &["store", "import", file, "--format", "json"]);
    let counts = ["embeddings", "prompt_set_versions", "runs", "answers"].map(|what| imported[what].as_u64());
    assert_eq!(counts, [4, 2, 1, 0].map(Some), "{imported}");
    let sets = bench.json(0, &["prompts", "list", "--format", "json"]);
    let versions = sets.as_array().unwrap().iter().map(|set| (&set["name"], &set["version"]));
    let expected = ["07cf7f541b9a", "3dec68e688fc"].map(|version| ("birds".into(), version.into()));
    assert!(versions.eq(expected.iter().map(|(name, version): &(Value, Value)| (name, version))), "{sets}");
    let runs = bench.json(0, &["runs", "list", "--format", "json"]);
    assert_eq!(runs[0]["id"].as_str().map(|id| &id[..12]), Some("530fa433b9a0"), "{runs}");
    assert!(bench.stdout(0, &["store", "verify"]).contains("Everything is whole."));
}

#[cfg(unix)]
#[test]
fn a_store_is_for_the_eyes_of_its_owner() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    bench.evaluate_own_data(0, &["--store", "new/store"]);
    bench.stdout(0, &["prompts", "import", "templates.txt", "--name", "own", "--store", "new/store"]);
    let mut folders = vec![bench.path("new/store")];
    while let Some(folder) = folders.pop() {
        let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700, "{}", folder.display());
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => assert_eq!(mode(&path), 0o600, "{}", path.display()),
            }
        }
    }
}

/// Distinct prompts of the demo's strategies.
const DEMO_PROMPTS: usize = 340;

#[test]
fn an_interruption_loses_nothing_that_was_finished() {
    let bench = Bench::new();
    let mut child = bench
        .command(&["evaluate", "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut progress = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    progress.read_line(&mut line).unwrap();
    assert!(line.starts_with("embedding "), "{line}");
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let mut rest = String::new();
    progress.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest}");
    assert!(rest.contains("continues there"), "{rest}");
    let embeddings = |store: &[&str]| -> usize {
        let finding = bench.json(0, &[&["doctor", "--format", "json"], store].concat())["store"].clone();
        let counts = finding.as_str().unwrap().split(": ").nth(1).unwrap().to_owned();
        counts.split(' ').next().unwrap().parse().unwrap()
    };
    let kept = embeddings(&[]);
    assert!(kept > 0);

    // The next run encodes the rest only, and comes to what an uninterrupted one comes to.
    let again = bench.run(&["evaluate", "--format", "json"]);
    let notes = text(&again.stderr);
    assert_eq!(again.status.code(), Some(0), "{notes}");
    // The first line of progress comes after one batch, and counts that batch and what was found in the store.
    let mut words = notes.lines().next().unwrap().split([' ', '/', ',']);
    assert_eq!(words.next(), Some("embedding"), "{notes}");
    let before = match words.next() {
        Some("prompts") => 0,
        Some("images") => DEMO_PROMPTS,
        other => panic!("{other:?} in {notes}"),
    };
    let done: usize = words.next().unwrap().parse().unwrap();
    assert!(before + done > kept, "{kept} were kept, and then: {notes}");

    let other = ["--store", "uninterrupted"];
    let uninterrupted = bench.stdout(0, &[&["evaluate", "--format", "json"][..], &other].concat());
    assert_eq!(text(&again.stdout), uninterrupted);
    assert_eq!(embeddings(&[]), embeddings(&other));
}

#[test]
fn a_full_disk_does_not_stop_a_run() {
    let bench = Bench::new();
    let mut expected = bench.evaluate_own_data(0, &["--store", ":memory:"]);
    expected.as_object_mut().unwrap().remove("notes");
    for blocks in [48, 64, 96] {
        // No file may grow beyond so many blocks, and the signal for it is ignored, so that writing fails as on a full disk.
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
        let mut command = Command::new("sh");
        command.args(["-c", &script, "sh", env!("CARGO_BIN_EXE_cupl-tui")]).args(bench.own_data());
        command.args(["--format", "json", "--store"]).arg(bench.path(&format!("full-{blocks}")));
        let output = command.current_dir(bench.folder.path()).output().unwrap();
        let notes = text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{notes}");
        assert!(notes.contains("kept for the next start: there is no room left"), "{notes}");
        let mut report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let said = report.as_object_mut().unwrap().remove("notes").unwrap().to_string();
        assert!(said.contains("kept for the next start"), "{said}");
        assert_eq!(report, expected);
    }
}

#[test]
fn the_number_of_threads_does_not_change_the_answer() {
    let bench = Bench::new();
    let one = bench.evaluate_own_data(0, &["--threads", "1", "--store", ":memory:", "--predictions"]);
    let two = bench.evaluate_own_data(0, &["--threads", "2", "--store", ":memory:", "--predictions"]);
    for (one, two) in one["strategies"].as_array().unwrap().iter().zip(two["strategies"].as_array().unwrap())
    {
        assert_eq!(one["confusion"], two["confusion"]);
    }
    let finding = bench.json(0, &["doctor", "--format", "json", "--threads", "2"]);
    assert!(finding["threads"].as_str().unwrap().starts_with("2 "), "{finding}");
    assert!(finding["checkpoint"].as_str().unwrap().contains("demo checkpoint"), "{finding}");
}

#[test]
fn the_instruction_set_is_chosen_by_its_name() {
    let bench = Bench::new();
    let run = |cpu: &str, arguments: &[&str]| {
        let output = bench.command(arguments).env("CUPL_TUI_CPU", cpu).output().unwrap();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let kernels = |cpu| {
        let (code, out, err) = run(cpu, &["doctor", "--format", "json"]);
        assert_eq!(code, Some(0), "{out}\n{err}");
        serde_json::from_str::<Value>(&out).unwrap()["kernels"].as_str().unwrap().to_owned()
    };
    let plain = kernels("plain");
    assert!(plain.starts_with("no vector instructions (plain, of plain"), "{plain}");
    assert!(plain.contains("bf16: not faster than f32 here"), "{plain}");
    assert!(kernels("").contains("CUPL_TUI_CPU chooses"));
    let (code, _, err) = run("avx3", &["doctor"]);
    assert_eq!(code, Some(2));
    assert!(
        err.contains("CUPL_TUI_CPU: no instruction set is called \"avx3\"") && err.contains("plain"),
        "{err}"
    );

    // A precision without a gain is refused, or said.
    fs::write(bench.path("texts.txt"), "a photo of a cat.\n").unwrap();
    let embed = |precision| {
        let arguments = ["embed", "--checkpoint", "demo", "--texts", "texts.txt", "--out", "e.safetensors"];
        run("plain", &[&arguments[..], &["--precision", precision]].concat())
    };
    let (code, _, err) = embed("bf16");
    assert_eq!(code, Some(2));
    assert!(err.contains("no products of bfloat16") && err.contains("use f32 or int8"), "{err}");
    let (code, _, err) = embed("int8");
    assert_eq!(code, Some(0), "{err}");
    assert!(err.contains("int8 is not faster than f32"), "{err}");
}
