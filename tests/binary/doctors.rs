//! The doctors of labels and prompts through the real binary and on published prompts: planted mistakes are found, good
//! data has no findings.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::program::{Bench, data, text};
use cupl_tui::prompts::lint::{Rule, lint_class};
use cupl_tui::prompts::{PromptSet, PromptSetContent};
use serde_json::Value;

fn kinds(report: &Value, key: &str) -> Vec<String> {
    report["findings"].as_array().unwrap().iter().map(|f| f[key].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_demo_has_no_wrong_labels() {
    let bench = Bench::new();
    let report = bench.json(0, &["doctor", "labels", "--format", "json"]);
    assert_eq!(report["experiment"], "demo");
    let found = kinds(&report, "kind");
    // CIFAR-10's test split has a few images that people disagree on.
    assert!(found.len() <= 10 && found.iter().all(|kind| kind == "likely-label-error"), "{report:#}");
    // The machine is looked at as before.
    assert!(bench.json(0, &["doctor", "--format", "json"])["checkpoint"].is_string());
}

/// The demo's photos of three classes in folders, one of `cat` among the trucks and once more among the frogs, and the
/// names of frogs and trucks swapped.
#[test]
fn planted_label_errors_are_found() {
    let bench = Bench::new();
    for class in ["cat", "frog", "truck", "ship"] {
        let sheet = image::open(data(&format!("images/{class}.png"))).unwrap();
        let folder = bench.path("planted").join(class);
        fs::create_dir_all(&folder).unwrap();
        for tile in 0..40 {
            let (x, y) = (32 * (tile % 10), 32 * (tile / 10));
            sheet.crop_imm(x, y, 32, 32).save(folder.join(format!("{tile:02}.png"))).unwrap();
        }
    }
    let planted = bench.path("planted");
    fs::copy(planted.join("truck/07.png"), planted.join("cat/07-copy.png")).unwrap();
    let flags = |more: &[&str]| -> Vec<String> {
        let cupl = data("cupl.json").display().to_string();
        let flags =
            ["--checkpoint", "demo", "--images", "planted", "--templates", "templates.txt", "--cupl", &cupl];
        ["doctor", "labels"].iter().chain(&flags).chain(more).map(|flag| (*flag).to_owned()).collect()
    };
    let run = |more: &[&str]| {
        let arguments = flags(more);
        bench.stdout(0, &arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let report: Value = serde_json::from_str(&run(&["--format", "json"])).unwrap();
    let found = kinds(&report, "kind");
    assert!(!found.contains(&"permuted-classes".to_owned()), "{report:#}");
    let find = |kind: &str| report["findings"].as_array().unwrap().iter().find(|f| f["kind"] == kind);
    let same = find("near-duplicate-images").expect("the same picture");
    assert_eq!(same["images"], serde_json::json!(["cat/07-copy.png", "truck/07.png"]));
    assert!(find("left-over-key").is_some(), "the other classes of the demo's prompts");
    let csv = run(&["--format", "csv"]);
    assert!(csv.contains("near-duplicate-images,cat; truck,cat/07-copy.png,"), "{csv}");

    // In the order of folders, with two names swapped.
    fs::write(
        bench.path("names.json"),
        r#"{"cat": "cat", "frog": "truck", "truck": "frog", "ship": "ship"}"#,
    )
    .unwrap();
    let swapped: Value =
        serde_json::from_str(&run(&["--class-names", "names.json", "--format", "json"])).unwrap();
    let permuted = &swapped["findings"][0];
    assert_eq!(permuted["kind"], "permuted-classes", "{swapped:#}");
    assert_eq!(permuted["classes"], serde_json::json!(["truck", "frog"]));
    assert!(text(run(&[]).as_bytes()).contains("near-duplicate-images (1)"));
}

#[test]
fn prompts_are_linted_cleaned_and_measured() {
    let bench = Bench::new();
    let cupl = r#"{"cat": [" A cat is a  small animal.", "A cat is a small animal!", "A cat has an long tail."],
        "frog": ["A frog is green.", "A green frog is found in ponds and."], "truck": ["A truck has wheels.", "The \"truck\", 車, is big."]}"#;
    fs::write(bench.path("mine.json"), cupl).unwrap();
    let alone = bench.json(0, &["prompts", "lint", "--cupl", "mine.json", "--format", "json"]);
    assert_eq!(alone["is_text_alone"], true);
    assert_eq!(kinds(&alone, "rule"), ["exact-duplicate", "fragment", "stray-blanks", "wrong-article"]);
    assert_eq!(alone["findings"][1]["classes"], serde_json::json!(["frog"]));
    assert_eq!(alone["findings"][1]["prompt"], 2);
    assert_eq!(alone["findings"][3]["fix"]["rewrite"], "A cat has a long tail.");

    let flags = ["--checkpoint", "demo", "--images", "photos", "--cupl", "mine.json", "--format", "json"];
    let with = |more: &[&'static str]| -> Value {
        let arguments: Vec<&str> = ["prompts", "lint"].iter().chain(&flags).chain(more).copied().collect();
        bench.json(0, &arguments)
    };
    let report = with(&["--fix"]);
    assert_eq!(report["effective"].as_array().unwrap().len(), 3);
    let cleaning = &report["cleaning"];
    let set = &cleaning["sets"][0];
    assert_eq!(
        (&set["prompts_before"], &set["prompts_after"], &set["rewritten"]),
        (&7.into(), &5.into(), &2.into())
    );
    let strategy = &cleaning["strategies"][0];
    let number = |key: &str| strategy[key].as_f64().unwrap();
    let images = 3.0 * crate::program::PHOTOS as f64;
    let difference = (number("gained") - number("lost")) / images;
    assert!((number("top1_after") - number("top1_before") - difference).abs() < 1e-9);

    // The new version is clean, and has the name of the file.
    let again = bench.json(0, &["prompts", "lint", set["after"].as_str().unwrap(), "--format", "json"]);
    assert_eq!(again["findings"], serde_json::json!([]));
    assert!(set["after"].as_str().unwrap().starts_with("mine@"));
    assert_eq!(with(&["--rule", "fragment"])["findings"].as_array().unwrap().len(), 1);
    let csv = bench.stdout(0, &["prompts", "lint", "--cupl", "mine.json", "--format", "csv"]);
    assert!(csv.contains("fragment,mine,frog,2,A green frog is found in ponds and.,"), "{csv}");
    assert!(
        bench
            .complaint(&["prompts", "lint", "--cupl", "mine.json", "--strategy", "x"])
            .contains("--strategy")
    );
    assert!(bench.stdout(0, &["prompts", "lint"]).contains("different in effect"));
}

#[test]
fn published_prompts_have_the_flaws_that_are_known() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/prompts");
    if !folder.is_dir() {
        eprintln!("skipped: ../shared is not there");
        return;
    }
    let set = PromptSet::read(&folder.join("imagenet_prompts_base.json")).unwrap();
    let PromptSetContent::PerClass(pairs) = &set.content else { panic!("no prompts per class") };
    let mut counts: BTreeMap<&str, usize> = Rule::ALL.iter().map(|rule| (rule.name(), 0)).collect();
    for (class, prompts) in pairs {
        for flaw in lint_class(class, prompts) {
            *counts.get_mut(flaw.rule.name()).unwrap() += 1;
        }
    }
    let prompts: usize = pairs.iter().map(|(_, prompts)| prompts.len()).sum();
    let shares: BTreeMap<&str, f64> =
        counts.iter().map(|(rule, count)| (*rule, 100.0 * *count as f64 / prompts as f64)).collect();
    eprintln!("{shares:.2?} % of {prompts}");
    for (rule, least, most) in [
        ("exact-duplicate", 4.0, 7.0),
        ("near-duplicate", 10.0, 20.0),
        ("nothing-to-see", 1.5, 3.5),
        ("fragment", 0.6, 2.0),
        ("missing-class-name", 0.5, 3.0),
        ("descriptor", 0.0, 0.5),
        ("placeholder", 0.0, 0.01),
        ("list-syntax", 0.0, 0.01),
        ("wrong-article", 0.05, 1.0),
        ("over-long", 0.0, 0.5),
    ] {
        assert!((least..=most).contains(&shares[rule]), "{rule}: {shares:.2?}");
    }
}

/// Without its duplicate one class would have fewer prompts than the other, and a strategy that weighs them together could
/// not be evaluated any more.
#[test]
fn a_cleaning_that_a_strategy_does_not_bear_changes_nothing() {
    let bench = Bench::new();
    let twice = |class: &str, last: &str| serde_json::json!([format!("A {class} is small."), last]);
    let prompts = serde_json::json!({
        "cat": twice("cat", "A cat is small."),
        "frog": twice("frog", "A frog is green."),
        "truck": twice("truck", "A truck is long."),
    });
    fs::write(bench.path("cupl.json"), prompts.to_string()).unwrap();
    let experiment = "checkpoint = 'demo'\nimages = 'photos'\n[[strategy]]\nname = 'weighed'\ncupl = 'cupl.json'\naggregation = 'zpe'\n";
    fs::write(bench.path("e.toml"), experiment).unwrap();
    let complaint = bench.complaint(&["prompts", "lint", "e.toml", "--fix"]);
    assert!(complaint.contains("equally many") && complaint.contains("nothing was changed"), "{complaint}");
    assert_eq!(bench.json(0, &["prompts", "list", "--format", "json"]), serde_json::json!([]));
    fs::write(bench.path("e.toml"), experiment.replace("zpe", "mean")).unwrap();
    bench.stdout(0, &["prompts", "lint", "e.toml", "--fix"]);
}
