//! Datasets as the binary takes them in: what it says about them, and what it evaluates.

use std::fs;

use crate::program::{Bench, PHOTOS, text};

#[test]
fn a_dataset_is_inspected_before_anything_is_embedded() {
    let bench = Bench::new();
    let whole = bench.json(0, &["datasets", "inspect", "photos", "--format", "json"]);
    assert_eq!(whole["form"], "a folder per class");
    assert_eq!(whole["readable"], 3 * PHOTOS);
    assert_eq!(whole["classes"][1]["folder"], "frog");
    assert_eq!(whole["width"], serde_json::json!({"min": 32, "median": 32.0, "max": 32}));
    assert_eq!(whole["unreadable"], serde_json::json!([]));

    fs::write(bench.path("photos/frog/broken.jpg"), b"no picture").unwrap();
    fs::copy(bench.path("photos/cat/0.png"), bench.path("photos/frog/9.png")).unwrap();
    let damaged = bench.json(1, &["datasets", "inspect", "photos", "--format", "json", "--decode"]);
    assert_eq!(damaged["unreadable"][0]["name"], "frog/broken.jpg");
    assert_eq!(damaged["duplicates"][0]["images"], serde_json::json!(["cat/0.png", "frog/9.png"]));
    assert_eq!(damaged["duplicates"][0]["classes"], serde_json::json!(["cat", "frog"]));
    assert_eq!(damaged["decoded"], true);
    let table = bench.stdout(1, &["datasets", "inspect", "photos"]);
    for part in [
        "photos: a folder per class, 3 classes, 20 images",
        "images a class: 6 to 8, median 6",
        "formats: PNG 19",
        "unreadable (by their headers; --decode looks further): 1",
        "  frog/broken.jpg: not a picture",
        "the same picture several times in one class: none",
        "the same picture in several classes: labels contradict each other: 1",
        "  cat/0.png = frog/9.png",
    ] {
        assert!(table.contains(part), "{part:?} is not in\n{table}");
    }
    let classes = bench.stdout(1, &["datasets", "inspect", "photos", "--format", "csv"]);
    assert_eq!(classes.lines().nth(2), Some("frog,frog,8"));
    let missing = bench.complaint(&["datasets", "inspect", "nowhere"]);
    assert!(missing.contains("cannot read the folder nowhere"), "{missing}");
    let demo = bench.complaint(&["datasets", "inspect", "demo", "--class-names", "names.json"]);
    assert!(demo.contains("have their class names already"), "{demo}");
}

#[test]
fn folders_of_imagenet_are_named_by_the_file_beside_them() {
    let bench = Bench::new();
    let ids = [("cat", "n02123045"), ("frog", "n01644373"), ("truck", "n03417042")];
    fs::create_dir_all(bench.path("imagenet/val")).unwrap();
    for (class, id) in ids {
        fs::rename(bench.path("photos").join(class), bench.path("imagenet/val").join(id)).unwrap();
    }
    let mapping =
        "n01644373 tree frog, tree-frog\nn02123045 cat, tabby\nn03417042 truck, lorry\nn99999999 gnu\n";
    fs::write(bench.path("imagenet/LOC_synset_mapping.txt"), mapping).unwrap();
    let arguments =
        ["evaluate", "--checkpoint", "demo", "--images", "imagenet", "--templates", "templates.txt"];
    let output = bench.run(&[&arguments[..], &["--format", "json"]].concat());
    let err = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert!(err.contains("class names come from") && err.contains("LOC_synset_mapping.txt"), "{err}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["dataset"]["classes"], serde_json::json!(["tree frog", "cat", "truck"]));
}

#[test]
fn the_worked_example_opens_with_one_photo_and_two_classes() {
    let bench = Bench::new();
    let experiments = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments");
    let experiment = fs::read_to_string(experiments.join("tree-frog.toml")).unwrap();
    assert!(experiment.contains("checkpoint = \"openai/clip-vit-base-patch32\""));
    let own = experiment.replace("\"openai/clip-vit-base-patch32\"", "\"demo\"");
    fs::write(bench.path("tree-frog.toml"), own).unwrap();
    fs::copy(experiments.join("tree-frog.csv"), bench.path("tree-frog.csv")).unwrap();
    // A picture is known by its content, not by its ending.
    fs::copy(bench.path("photos/frog/0.png"), bench.path("tree-frog.jpg")).unwrap();
    let prompts = serde_json::json!({
        "tree frog": ["A tree frog is a small green frog.", "Its toes have round pads."],
        "tailed frog": ["A tailed frog is brown.", "It lives in cold streams.", "It has a short tail."],
        "tench": ["A tench is a fish."],
    });
    fs::write(bench.path("imagenet_prompts_base.json"), prompts.to_string()).unwrap();
    let report = bench.json(0, &["evaluate", "tree-frog.toml", "--predictions", "--format", "json"]);
    assert_eq!(report["dataset"]["images"], 1);
    assert_eq!(report["dataset"]["classes"], serde_json::json!(["tree frog", "tailed frog"]));
    let names: Vec<&str> =
        report["strategies"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["template", "cupl"]);
    for strategy in report["strategies"].as_array().unwrap() {
        assert_eq!(strategy["aggregation"], "pooled-mean");
        let ranked = strategy["predictions"][0]["ranked"].as_array().unwrap();
        let both: f64 = ranked.iter().map(|class| class["probability"].as_f64().unwrap()).sum();
        assert!(ranked.len() == 2 && (both - 1.0).abs() < 1e-5, "{strategy}");
    }
    let shown = bench.stdout(0, &["misses", "tree-frog.toml", "--filter", "all"]);
    assert!(shown.contains("tree-frog.jpg") && shown.contains("1 of 1 images"), "{shown}");
    let explained =
        bench.json(0, &["explain", "tree-frog.toml", "--image", "tree-frog.jpg", "--format", "json"]);
    assert!(explained.to_string().contains("round pads"), "{explained}");
}
