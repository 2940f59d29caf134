//! Published numbers against those of the binary, with a made-up table of results for what the demo's checkpoint reaches.

use std::fs;

use crate::program::{Bench, PHOTOS, text};
use serde_json::Value;

/// A table with one result for the model `small` on the dataset `photos`.
fn table(value: f64, images: usize, templates: usize) -> String {
    format!(
        "source = 'made up'\n[[model]]\nname = 'small'\n[[dataset]]\nname = 'photos'\nmetric = 'top-1'\n\
         images = {images}\nclasses = 3\ntemplates = {templates}\nresults = {{ small = {value} }}\n"
    )
}

#[test]
fn a_number_agrees_or_the_causes_are_ranked() {
    let bench = Bench::new();
    let evaluate = ["evaluate", "--checkpoint", "demo", "--images", "photos", "--templates", "templates.txt"];
    let report = bench.json(0, &[&evaluate[..], &["--format", "json"]].concat());
    let top1 = report["strategies"][0]["top1"].as_f64().unwrap();
    let verify = |code: i32, more: &[&str]| -> Value {
        let fixed =
            ["verify", "--checkpoint", "demo", "--as", "small", "--dataset", "Photos", "--images", "photos"];
        let rest = ["--templates", "templates.txt", "--published", "results.toml", "--format", "json"];
        bench.json(code, &[&fixed[..], &rest, more].concat())
    };
    let observed = |verification: &Value| -> Vec<String> {
        let causes = verification["causes"].as_array().unwrap();
        assert!(causes.is_sorted_by_key(|cause| !cause["observed"].as_bool().unwrap()), "{causes:?}");
        let seen = causes.iter().filter(|cause| cause["observed"] == true);
        seen.map(|cause| cause["about"].as_str().unwrap().to_owned()).collect()
    };

    fs::write(bench.path("results.toml"), table(top1, 3 * PHOTOS, 2)).unwrap();
    let same = verify(0, &[]);
    assert_eq!((&same["agrees"], same["here"].as_f64()), (&Value::Bool(true), Some(top1)));
    assert_eq!(same["published"]["source"], "made up");
    assert!(!observed(&same).contains(&"images".to_owned()), "{same}");

    fs::write(bench.path("results.toml"), table((top1 + 0.101) % 1.0, 100, 80)).unwrap();
    let other = verify(1, &[]);
    assert_eq!(other["agrees"], false);
    let seen = observed(&other);
    assert!(seen.starts_with(&["images".to_owned()]) && seen.contains(&"templates".to_owned()), "{seen:?}");
    assert_eq!(verify(0, &["--within", "100"])["agrees"], true);

    fs::write(bench.path("permuted.csv"), "cat,frog\nfrog,truck\ntruck,cat\n").unwrap();
    let permuted = verify(1, &["--class-names", "permuted.csv"]);
    assert!(observed(&permuted).contains(&"class order".to_owned()), "{permuted}");
    let words = bench.stdout(
        1,
        &[
            "verify",
            "--checkpoint",
            "demo",
            "--as",
            "small",
            "--dataset",
            "photos",
            "--images",
            "photos",
            "--templates",
            "templates.txt",
            "--published",
            "results.toml",
        ],
    );
    for part in [
        "It does not agree: ",
        "  ! images: 18 were evaluated, and the test split has 100",
        "    precision: ",
    ] {
        assert!(words.contains(part), "{part:?} is not in\n{words}");
    }
}

#[test]
fn templates_are_named_as_anywhere_else() {
    let bench = Bench::new();
    let strategy = |more: &[&str]| -> Value {
        let evaluate = ["evaluate", "--checkpoint", "demo", "--images", "photos", "--format", "json"];
        bench.json(0, &[&evaluate[..], more].concat())["strategies"][0]["top1"].clone()
    };
    let verify = |more: &[&str]| {
        let fixed = ["verify", "--checkpoint", "demo", "--as", "small", "--dataset", "photos", "--images"];
        let rest = ["photos", "--published", "results.toml", "--within", "100", "--format", "json"];
        let output = bench.run(&[&fixed[..], &rest, more].concat());
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(0), "{err}");
        (serde_json::from_str::<Value>(&out).unwrap()["top1"].clone(), err)
    };
    fs::write(bench.path("results.toml"), table(0.5, 3 * PHOTOS, 1)).unwrap();
    bench.stdout(0, &["prompts", "import", "templates.txt", "--name", "mine"]);
    for more in [&["--templates", "a blurry {}."][..], &["--templates", "stored:mine"], &[]] {
        assert_eq!(verify(more).0, strategy(more), "{more:?}");
    }
    assert!(verify(&[]).1.contains("no prompts were named, so \"a photo of a {}.\""));
}

#[test]
fn what_is_not_published_says_what_is() {
    let bench = Bench::new();
    let verify = |checkpoint: &str, dataset: &str| {
        let arguments = ["verify", "--checkpoint", checkpoint, "--dataset", dataset, "--images", "photos"];
        bench.complaint(&[&arguments[..], &["--templates", "templates.txt"]].concat())
    };
    let model = verify("demo", "cifar10");
    assert!(model.contains("\"demo\"") && model.contains("--as"), "{model}");
    let dataset = verify("clip-vit-base-patch32", "stl10");
    assert!(dataset.contains("\"stl10\"") && dataset.contains("\"cifar100\""), "{dataset}");
}
