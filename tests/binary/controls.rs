//! `controls` and `export classifier` of the real binary: their output, and what other programs make of the files.

use std::fs;
use std::process::Command;

use crate::program::{Bench, PHOTOS, data, text};
use safetensors::SafeTensors;
use serde_json::Value;

/// Three classes with names that need care, and strategies with most aggregations.
const EXPERIMENT: &str = r#"
name = "three"
checkpoint = "demo"
images = "photos"
class_names = { cat = "cat, \"tame\"", frog = "カエル", truck = "truck" }
[[strategy]]
name = "good"
templates = ["a photo of a {}.", "a {}."]
[[strategy]]
name = "useless"
cupl = "useless.json"
[[strategy]]
name = "best"
templates = ["a photo of a {}."]
aggregation = "max"
[[strategy]]
name = "similar"
templates = ["a photo of a {}.", "many {}s."]
aggregation = "similarity-mean"
[[strategy]]
name = "weighted"
templates = ["a photo of a {}.", "many {}s."]
aggregation = "zpe"
[[strategy]]
name = "by image"
templates = ["a photo of a {}.", "many {}s."]
aggregation = "autoclip"
"#;

fn bench() -> Bench {
    let bench = Bench::new();
    fs::write(bench.path("three.toml"), EXPERIMENT).unwrap();
    // Random words of another kind than the control's.
    let words = ["mauve quibble", "zkp, wwq", "tangible nonsense", "hzt, ppl"];
    let prompts = |name: &str| -> Vec<String> {
        words.map(|words| format!("a photo of a {name}, which has {words}.")).to_vec()
    };
    let useless: serde_json::Map<String, Value> = ["cat, \"tame\"", "カエル", "truck"]
        .map(|name| (name.to_owned(), serde_json::json!(prompts(name))))
        .into_iter()
        .collect();
    fs::write(bench.path("useless.json"), serde_json::to_string(&useless).unwrap()).unwrap();
    bench
}

#[test]
fn a_useless_strategy_is_no_better_than_random_words() {
    let bench = bench();
    let controls = ["controls", "three.toml", "--strategy", "useless", "--seeds", "3"];
    let report = bench.json(0, &[&controls[..], &["--format", "json"]].concat());
    assert_eq!(report["experiment"], "three");
    assert_eq!(report["seeds"], 3);
    let [strategy] = &report["strategies"].as_array().unwrap()[..] else { panic!("{report}") };
    let verdict = strategy["verdict"].as_str().unwrap();
    assert!(verdict.starts_with("useless is not proven better than random words:"), "{verdict}");
    assert_eq!(strategy["prompts"], 12);
    let parts = strategy["controls"].as_array().unwrap();
    let names: Vec<&str> = parts.iter().map(|part| part["control"].as_str().unwrap()).collect();
    assert_eq!(names, ["class-name", "template", "random", "shuffled", "no-name"]);
    for part in parts {
        let number = |key: &str| part[key].as_f64().unwrap();
        assert!((strategy["top1"].as_f64().unwrap() - number("top1") - number("difference")).abs() < 1e-12);
        let interval: Vec<f64> = serde_json::from_value(part["interval"].clone()).unwrap();
        assert!(interval[0] <= number("difference") && number("difference") <= interval[1]);
        let seeds = part["seeds"].as_u64().unwrap();
        assert_eq!(part["top1_per_seed"].as_array().unwrap().len() as u64, seeds);
        assert_eq!(part["top1_sd"].is_null(), seeds == 1);
        assert!((0.0..=1.0).contains(&number("mean_per_class_recall")));
    }
    assert_eq!(parts[0]["prompts"], 3);
    assert_eq!(parts[2]["prompts"], 12);

    let table = bench.stdout(0, &controls);
    assert!(table.contains(verdict) && table.contains("shuffled "), "{table}");
    let csv = bench.stdout(0, &[&controls[..2], &["--format", "csv"]].concat());
    assert_eq!(csv.lines().count(), 1 + 6 * 5, "{csv}");
    assert!(csv.lines().nth(3).unwrap().starts_with("good,random,6,5,"), "{csv}");
    let complaint = bench.complaint(&["controls", "three.toml", "--strategy", "none"]);
    assert!(complaint.contains("it has good, useless"), "{complaint}");
    let refused = bench.complaint(&["controls", "--seeds", "0"]);
    assert!(refused.contains("--seeds"), "{refused}");
    // Controls are no runs.
    let runs = bench.json(0, &["runs", "list", "--format", "json"]);
    assert_eq!(runs.as_array().unwrap().len(), 6, "{runs}");
}

/// A tensor's rows.
fn rows(bytes: &[u8], name: &str) -> Vec<Vec<f32>> {
    let tensors = SafeTensors::deserialize(bytes).unwrap();
    let tensor = tensors.tensor(name).unwrap();
    let values: Vec<f32> =
        tensor.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    values.chunks(tensor.shape()[1]).map(<[f32]>::to_vec).collect()
}

fn names(bytes: &[u8], key: &str) -> Vec<String> {
    serde_json::from_str(&metadata(bytes, key)).unwrap()
}

fn metadata(bytes: &[u8], key: &str) -> String {
    let (_, metadata) = SafeTensors::read_metadata(bytes).unwrap();
    metadata.metadata().as_ref().unwrap().get(key).unwrap().clone()
}

/// The folder's images, their embeddings, and the class that `evaluate` takes each for.
fn predictions(bench: &Bench, strategy: &str) -> (Vec<Vec<f32>>, Vec<String>) {
    let checkpoint = data("checkpoint").display().to_string();
    bench.stdout(
        0,
        &["embed", "--checkpoint", &checkpoint, "--images", "photos", "--out", "images.safetensors"],
    );
    let bytes = fs::read(bench.path("images.safetensors")).unwrap();
    let evaluate = ["evaluate", "three.toml", "--strategy", strategy, "--predictions", "--format", "json"];
    let report = bench.json(0, &evaluate);
    let predictions = report["strategies"][0]["predictions"].as_array().unwrap();
    let predicted = names(&bytes, "images").into_iter().map(|name| {
        let prediction = predictions.iter().find(|prediction| prediction["image"] == *name).unwrap();
        prediction["ranked"][0]["class"].as_str().unwrap().to_owned()
    });
    let predicted = predicted.collect();
    (rows(&bytes, "image_embeds"), predicted)
}

fn best(image: &[f32], weights: &[Vec<f32>]) -> usize {
    let score = |row: &Vec<f32>| row.iter().zip(image).map(|(x, y)| x * y).sum::<f32>();
    (0..weights.len()).max_by(|&x, &y| score(&weights[x]).total_cmp(&score(&weights[y]))).unwrap()
}

#[test]
fn a_classifier_gives_the_predictions_elsewhere() {
    let bench = bench();
    for strategy in ["good", "similar"] {
        let (images, predicted) = predictions(&bench, strategy);
        assert_eq!(images.len(), 3 * PHOTOS);
        let export = ["export", "classifier", "three.toml", "--strategy", strategy, "--out"];
        let said = bench.stdout(0, &[&export[..], &["own.safetensors"]].concat());
        assert!(said.contains("3 classes"), "{said}");
        assert_eq!(said.contains("unit rows"), strategy == "good", "{said}");
        let bytes = fs::read(bench.path("own.safetensors")).unwrap();
        let (classes, weights) = (names(&bytes, "classes"), rows(&bytes, "weights"));
        assert_eq!(classes, ["cat, \"tame\"", "カエル", "truck"]);
        assert_eq!(metadata(&bytes, "strategy"), strategy);
        assert!(metadata(&bytes, "logit_scale").parse::<f32>().unwrap() > 0.0);
        let found: Vec<&String> = images.iter().map(|image| &classes[best(image, &weights)]).collect();
        assert_eq!(found, predicted.iter().collect::<Vec<_>>());
        for row in &weights {
            let norm = row.iter().map(|value| value * value).sum::<f32>();
            assert!(if strategy == "good" { (norm - 1.0).abs() < 1e-5 } else { norm < 1.0 }, "{norm}");
        }

        bench.stdout(0, &[&export[..], &["own.npy"]].concat());
        let beside = fs::read_to_string(bench.path("own.classes.json")).unwrap();
        assert_eq!(serde_json::from_str::<Vec<String>>(&beside).unwrap(), classes);
        let array = fs::read(bench.path("own.npy")).unwrap();
        let data: Vec<u8> = weights.iter().flatten().flat_map(|value| value.to_le_bytes()).collect();
        assert!(array.starts_with(b"\x93NUMPY\x01\x00") && array.ends_with(&data));
    }
}

#[test]
fn numpy_reads_the_classifier() {
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has_numpy = Command::new(&python).args(["-c", "import numpy"]).output();
    if !has_numpy.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: {python} has no numpy");
        return;
    }
    let bench = bench();
    let (images, predicted) = predictions(&bench, "good");
    bench.stdout(0, &["export", "classifier", "three.toml", "--strategy", "good", "--out", "good.npy"]);
    fs::write(bench.path("images.json"), serde_json::to_string(&images).unwrap()).unwrap();
    let script = "import json, numpy\n\
        weights, classes = numpy.load('good.npy'), json.load(open('good.classes.json'))\n\
        images = numpy.array(json.load(open('images.json')), 'float32')\n\
        print(json.dumps([classes[best] for best in (images @ weights.T).argmax(1)]))\n";
    let output =
        Command::new(&python).args(["-c", script]).current_dir(bench.folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(serde_json::from_slice::<Vec<String>>(&output.stdout).unwrap(), predicted);
}

#[test]
fn what_has_no_row_a_class_is_refused() {
    let bench = bench();
    let export = |strategy: &str, out: &str| {
        bench.complaint(&["export", "classifier", "three.toml", "--strategy", strategy, "--out", out])
    };
    let refused = export("best", "best.npy");
    assert!(refused.contains("max") && refused.contains("mean"), "{refused}");
    assert!(export("good", "good.txt").contains(".safetensors or .npy"));
    assert!(export("none", "good.npy").contains("it has good"));
    assert!(!bench.path("best.npy").exists() && !bench.path("best.classes.json").exists());
    let help = bench.stdout(0, &["export", "classifier", "--help"]);
    assert!(help.contains("load_file(\"cupl.safetensors\")"), "{help}");
}
