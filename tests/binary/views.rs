//! The subcommands that show what the screens show: their numbers follow from the predictions that `evaluate` prints.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::program::{Bench, PHOTOS, data, text};
use safetensors::SafeTensors;
use serde_json::Value;

/// The predictions of `evaluate` for one strategy.
struct Predictions {
    classes: Vec<String>,
    images: Vec<String>,
    labels: Vec<usize>,
    /// Every class with its probability, best first.
    ranked: Vec<Vec<(usize, f64)>>,
}

impl Predictions {
    fn of(report: &Value, strategy: usize) -> Self {
        let classes = strings(&report["dataset"]["classes"]);
        let class = |name: &Value| classes.iter().position(|class| name == class).unwrap();
        let predictions = report["strategies"][strategy]["predictions"].as_array().unwrap();
        let ranked = |prediction: &Value| -> Vec<(usize, f64)> {
            let ranked = prediction["ranked"].as_array().unwrap().iter();
            ranked.map(|ranked| (class(&ranked["class"]), number(&ranked["probability"]))).collect()
        };
        Self {
            images: predictions.iter().map(|prediction| string(&prediction["image"])).collect(),
            labels: predictions.iter().map(|prediction| class(&prediction["label"])).collect(),
            ranked: predictions.iter().map(ranked).collect(),
            classes,
        }
    }

    fn predicted(&self, image: usize) -> usize {
        self.ranked[image][0].0
    }

    fn is_right(&self, image: usize) -> bool {
        self.predicted(image) == self.labels[image]
    }

    /// The images of each class that were taken for each class.
    fn confusion(&self) -> Vec<Vec<i64>> {
        let mut confusion = vec![vec![0; self.classes.len()]; self.classes.len()];
        for (image, &label) in self.labels.iter().enumerate() {
            confusion[label][self.predicted(image)] += 1;
        }
        confusion
    }

    fn top1(&self) -> f64 {
        let right = (0..self.images.len()).filter(|&image| self.is_right(image)).count();
        right as f64 / self.images.len() as f64
    }
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

fn strings(value: &Value) -> Vec<String> {
    list(value).iter().map(string).collect()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("{value} is no list"))
}

fn numbers(value: &Value) -> Vec<Vec<i64>> {
    let row = |row: &Value| list(row).iter().map(|cell| cell.as_i64().unwrap()).collect();
    list(value).iter().map(row).collect()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-6
}

/// A CSV text as one map a record.
fn records(csv: &str) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    reader.deserialize().map(Result::unwrap).collect()
}

fn with<'a>(arguments: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [arguments, more].concat()
}

#[test]
fn the_demo_in_every_view() {
    let bench = Bench::new();
    let report = bench.json(0, &["evaluate", "--format", "json", "--predictions", "--top-k", "0"]);
    let [a, b, both] = [0, 1, 2].map(|strategy| Predictions::of(&report, strategy));
    classes_of_the_demo(&bench, &a, &b);
    comparison_of_the_demo(&bench, &a, &b);
    calibration_of_the_demo(&bench, &[&a, &b, &both]);
    confusions_of_the_demo(&bench, &a, &b);
    misses_of_the_demo(&bench, &a, &b, &both);
    copies_of_the_demo(&bench);
    prompts_of_the_demo(&bench, &report);
    explanations_of_the_demo(&bench, &report);
}

fn classes_of_the_demo(bench: &Bench, a: &Predictions, b: &Predictions) {
    let json = |more: &[&str]| bench.json(0, &with(&["classes", "--format", "json"], more));
    let found = json(&["--sort", "dataset"]);
    assert_eq!(
        (&found["experiment"], &found["a"], &found["b"]),
        (&"demo".into(), &"templates".into(), &"cupl".into())
    );
    assert!(close(number(&found["difference"]), b.top1() - a.top1()));
    let [low, high] = [0, 1].map(|end| number(&found["interval"][end]));
    assert!(low < b.top1() - a.top1() && b.top1() - a.top1() < high, "{low} {high}");
    let rows = list(&found["classes"]);
    assert_eq!(rows.iter().map(|row| string(&row["class"])).collect::<Vec<_>>(), a.classes);
    let (confusion_a, confusion_b) = (a.confusion(), b.confusion());
    for (class, row) in rows.iter().enumerate() {
        assert_eq!(row["images"], 100);
        assert!(close(number(&row["a"]), confusion_a[class][class] as f64 / 100.0));
        assert!(close(number(&row["b"]), confusion_b[class][class] as f64 / 100.0));
        let changed = |was: bool, is: bool| {
            let images = (0..a.images.len()).filter(|&image| a.labels[image] == class);
            images.filter(|&image| a.is_right(image) == was && b.is_right(image) == is).count()
        };
        assert_eq!(
            (&row["gained"], &row["lost"]),
            (&changed(false, true).into(), &changed(true, false).into())
        );
        let difference = number(&row["difference"]);
        assert!(close(difference, number(&row["b"]) - number(&row["a"])));
        let change = if difference > 0.0 {
            "gained"
        } else if difference < 0.0 {
            "lost"
        } else {
            "same"
        };
        assert_eq!(row["change"], change);
        let most =
            (0..10).filter(|&other| other != class).map(|other| confusion_b[class][other]).max().unwrap();
        let taken_for = (0..10).find(|&other| other != class && confusion_b[class][other] == most).unwrap();
        assert_eq!(row["confusion"]["predicted"], b.classes[taken_for]);
        assert_eq!(row["confusion"]["images"], most);
    }

    let sorted: Vec<f64> = list(&json(&[])["classes"]).iter().map(|row| number(&row["difference"])).collect();
    assert!(sorted.is_sorted_by(|x, y| x >= y), "{sorted:?}");
    let names = |more: &[&str]| -> Vec<String> {
        list(&json(more)["classes"]).iter().map(|row| string(&row["class"])).collect()
    };
    assert_eq!(
        names(&["--sort", "name", "--reverse", "--filter", "O"]),
        ["horse", "frog", "dog", "automobile"]
    );
    let changes: Vec<Vec<String>> =
        ["gained", "lost", "same"].iter().map(|change| names(&["--change", change])).collect();
    assert!(changes.iter().all(|classes| !classes.is_empty()));
    assert_eq!(changes.concat().into_iter().collect::<BTreeSet<_>>().len(), 10);
    assert_eq!(changes.concat().len(), 10);

    let csv = records(&bench.stdout(0, &["classes", "--sort", "dataset", "--format", "csv"]));
    assert_eq!(csv.len(), 10);
    for (record, row) in csv.iter().zip(rows) {
        assert_eq!(record["class"], string(&row["class"]));
        assert!(close(record["difference"].parse().unwrap(), number(&row["difference"])));
        assert_eq!(record["confusion_predicted"], string(&row["confusion"]["predicted"]));
    }
    let table = bench.stdout(0, &["classes", "--change", "gained"]);
    let count = format!("{} of 10 classes", changes[0].len());
    for part in
        ["demo checkpoint (f32), 1000 images", "A: templates ", "95 % interval", "by B taken for", &count]
    {
        assert!(table.contains(part), "{part:?} is not in\n{table}");
    }

    // Turned round, and one strategy alone.
    let turned = json(&["--a", "cupl", "--b", "templates", "--sort", "dataset"]);
    assert!(close(number(&turned["difference"]), a.top1() - b.top1()));
    assert_eq!(turned["classes"][6]["lost"], rows[6]["gained"]);
    let alone = json(&["--a", "cupl", "--b", "cupl", "--sort", "dataset"]);
    assert_eq!(
        (&alone["b"], &alone["difference"], &alone["interval"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert_eq!(alone["classes"][0]["a"], rows[0]["b"]);
    assert_eq!(alone["classes"][0]["b"], Value::Null);
    assert_eq!(alone["classes"][0]["confusion"], rows[0]["confusion"]);
    let table = bench.stdout(0, &["classes", "--a", "cupl", "--b", "cupl"]);
    assert!(table.contains("A: cupl") && !table.contains("B - A"), "{table}");
}

fn comparison_of_the_demo(bench: &Bench, a: &Predictions, b: &Predictions) {
    let found = bench.json(0, &["compare", "--format", "json"]);
    assert_eq!(
        (&found["a"], &found["b"], &found["images"]),
        (&"templates".into(), &"cupl".into(), &1000.into())
    );
    assert!(close(number(&found["difference"]), b.top1() - a.top1()));
    let [low, high] = [0, 1].map(|end| number(&found["interval"][end]));
    assert!(low < b.top1() - a.top1() && b.top1() - a.top1() < high, "{low} {high}");
    let changed = |was: bool, is: bool| {
        (0..a.images.len()).filter(|&image| a.is_right(image) == was && b.is_right(image) == is).count()
    };
    assert_eq!(
        (&found["gained"], &found["lost"]),
        (&changed(false, true).into(), &changed(true, false).into())
    );
    assert_eq!(number(&found["resolvable"]), 0.006);
    assert_eq!(found["proven"], number(&found["mcnemar_p"]) < 0.05);
    let rows = list(&found["per_class"]);
    assert_eq!(rows.len(), 10);
    let p: Vec<f64> = rows.iter().map(|row| number(&row["p"])).collect();
    assert!(p.is_sorted() && close(number(&rows[0]["p_holm"]), (10.0 * p[0]).min(1.0)), "{p:?}");
    assert!(rows.iter().all(|row| row["images"] == 100 && close(number(&row["resolvable"]), 0.06)));

    // The other way round, by name, from flags and from a file.
    let flags = ["--checkpoint", "demo", "--images", "demo", "--templates", "demo", "--cupl", "demo"];
    let turned = bench.json(0, &with(&["compare", "cupl", "templates", "--format", "json"], &flags));
    assert_eq!((&turned["gained"], &turned["mcnemar_p"]), (&found["lost"], &found["mcnemar_p"]));
    assert_eq!(number(&turned["interval"][0]), -high);
    let csv = records(&bench.stdout(0, &["compare", "--format", "csv"]));
    assert_eq!(csv.len(), 10);
    assert!(csv.iter().zip(rows).all(|(record, row)| record["class"] == string(&row["class"])));
    let table = bench.stdout(0, &["compare"]);
    for part in
        ["cupl gains ", " against templates (p ", "on 1,000 images.", "95 % interval", "provable from"]
    {
        assert!(table.contains(part), "{part:?} is not in\n{table}");
    }
    assert!(bench.complaint(&["compare", "cupl", "cupl"]).contains("two different strategies"));
    assert!(bench.complaint(&["compare", "cupl", "clup"]).contains("clup"));
    assert!(bench.complaint(&["compare", "nowhere.toml", "--images", "demo"]).contains("not both"));
}

fn calibration_of_the_demo(bench: &Bench, strategies: &[&Predictions]) {
    let found = bench.json(0, &["calibrate", "--format", "json"]);
    let parts = list(&found["strategies"]);
    assert_eq!(parts.len(), strategies.len());
    for (part, predictions) in parts.iter().zip(strategies) {
        assert!(close(number(&part["accuracy"]), predictions.top1()));
        let images = 0..predictions.images.len();
        let confidence: f64 =
            images.clone().map(|image| predictions.ranked[image][0].1).sum::<f64>() / 1000.0;
        assert!((number(&part["confidence"]) - confidence).abs() < 1e-5);
        let of_truth = |image: usize| {
            let truth = predictions.labels[image];
            predictions.ranked[image].iter().find(|(class, _)| *class == truth).unwrap().1
        };
        let nll: f64 = images.map(|image| -of_truth(image).ln()).sum::<f64>() / 1000.0;
        assert!((number(&part["nll"]) - nll).abs() < 1e-4, "{} {nll}", part["nll"]);
        let bins = list(&part["bins"]);
        assert_eq!(bins.len(), 15);
        let gap = |bin: &Value| match bin["images"].as_f64().unwrap() {
            0.0 => 0.0,
            images => images / 1000.0 * (number(&bin["accuracy"]) - number(&bin["confidence"])).abs(),
        };
        assert!(close(bins.iter().map(gap).sum(), number(&part["ece"])));
        assert_eq!(
            (&part["development_images"], &part["rest"]["before"]["images"]),
            (&500.into(), &500.into())
        );
        assert!(number(&part["temperature"]) > 0.0);
        assert_eq!(part["rest"]["before"]["accuracy"], part["rest"]["after"]["accuracy"]);
    }
    let of_one = ["calibrate", "--strategy", "cupl", "--bins", "4", "--dev-share", "0.2", "--seed", "3"];
    let one = bench.json(0, &with(&of_one, &["--format", "json"]));
    assert_eq!(
        (list(&one["strategies"]).len(), &one["dev_share"], &one["seed"]),
        (1, &0.2.into(), &3.into())
    );
    assert_eq!(one["strategies"][0]["development_images"], 200);
    assert_eq!(records(&bench.stdout(0, &with(&of_one, &["--format", "csv"]))).len(), 4);
    let table = bench.stdout(0, &of_one);
    for part in ["temperature", "cupl: share of right predictions", "75.0 to 100.0", "###"] {
        assert!(table.contains(part), "{part:?} is not in\n{table}");
    }
    assert!(bench.complaint(&["calibrate", "--dev-share", "1"]).contains("between 0 and 1"));
}

fn confusions_of_the_demo(bench: &Bench, a: &Predictions, b: &Predictions) {
    let json = |more: &[&str]| bench.json(0, &with(&["confusion", "--format", "json"], more));
    let place = |name: &Value| a.classes.iter().position(|class| name == class).unwrap();
    let (confusion_a, confusion_b) = (a.confusion(), b.confusion());

    let found = json(&["--most", "1000"]);
    assert_eq!(found["strategy"], "cupl");
    let pairs = list(&found["pairs"]);
    let images: Vec<i64> = pairs.iter().map(|pair| pair["images"].as_i64().unwrap()).collect();
    assert!(images.is_sorted_by(|x, y| x >= y) && images.last() > Some(&0), "{images:?}");
    assert_eq!(images.iter().sum::<i64>(), (1000.0 * (1.0 - b.top1())).round() as i64);
    for pair in pairs {
        let count = confusion_b[place(&pair["label"])][place(&pair["predicted"])];
        assert_eq!(pair["images"], count);
        assert!(close(number(&pair["share"]), count as f64 / 100.0));
    }
    assert_eq!(list(&json(&["--strategy", "templates", "--most", "3"])["pairs"]).len(), 3);
    assert_eq!(list(&json(&[])["pairs"]), &pairs[..20]);
    assert_eq!(list(&json(&["--most", "0"])["pairs"]).len(), 0);
    let csv = records(&bench.stdout(0, &["confusion", "--most", "1000", "--format", "csv"]));
    assert_eq!(csv.len(), pairs.len());
    assert_eq!(csv[0]["label"], string(&pairs[0]["label"]));
    let table = bench.stdout(0, &["confusion"]);
    assert!(table.contains(&format!("cupl: 20 of {} pairs", pairs.len())), "{table}");

    let found = json(&["--difference", "--most", "1000"]);
    assert_eq!((&found["a"], &found["b"]), (&"templates".into(), &"cupl".into()));
    let changes = list(&found["changes"]);
    let mut expected = 0;
    for truth in 0..10 {
        let changed = (0..10).filter(|&other| confusion_a[truth][other] != confusion_b[truth][other]);
        expected += changed.filter(|&other| other != truth).count();
    }
    assert_eq!(changes.len(), expected);
    for change in changes {
        let (truth, predicted) = (place(&change["label"]), place(&change["predicted"]));
        let (of_a, of_b) = (confusion_a[truth][predicted], confusion_b[truth][predicted]);
        assert_eq!((&change["a"], &change["b"]), (&of_a.into(), &of_b.into()));
        assert_eq!(change["difference"], of_b - of_a);
    }
    let sizes: Vec<i64> = changes.iter().map(|change| change["difference"].as_i64().unwrap().abs()).collect();
    assert!(sizes.is_sorted_by(|x, y| x >= y), "{sizes:?}");
    let csv = records(&bench.stdout(0, &["confusion", "--difference", "--format", "csv"]));
    assert_eq!((csv.len(), &csv[0]["predicted"]), (20, &string(&changes[0]["predicted"])));
    assert!(bench.stdout(0, &["confusion", "--difference"]).contains("B - A, with A: templates, B: cupl"));

    for (flags, strategy_confusion) in [
        (vec!["--strategy", "cupl"], confusion_b.clone()),
        (
            vec!["--difference"],
            confusion_b
                .iter()
                .zip(&confusion_a)
                .map(|(b, a)| b.iter().zip(a).map(|(b, a)| b - a).collect())
                .collect(),
        ),
    ] {
        let found = json(&with(&flags, &["--class", "cat", "--most", "4"]));
        let classes: Vec<usize> = list(&found["classes"]).iter().map(place).collect();
        assert_eq!((classes.len(), classes[0]), (4, 3));
        let block = numbers(&found["confusion"]);
        for (row, &truth) in classes.iter().enumerate() {
            for (column, &predicted) in classes.iter().enumerate() {
                assert_eq!(block[row][column], strategy_confusion[truth][predicted]);
            }
            let all: i64 = strategy_confusion[truth].iter().sum();
            assert_eq!(found["others"][row], all - block[row].iter().sum::<i64>());
        }
        let csv = records(&bench.stdout(
            0,
            &with(&with(&["confusion", "--format", "csv", "--class", "cat", "--most", "4"], &flags), &[]),
        ));
        assert_eq!(csv.len(), 16);
        let value = if flags.len() == 1 { "difference" } else { "images" };
        assert_eq!(csv[5][value], block[1][1].to_string());
        let table = bench.stdout(0, &with(&["confusion", "--class", "cat"], &flags));
        assert!(
            table.contains("around cat") && table.contains("1 cat") && table.contains("others"),
            "{table}"
        );
    }
}

fn misses_of_the_demo(bench: &Bench, a: &Predictions, b: &Predictions, both: &Predictions) {
    let json = |more: &[&str]| bench.json(0, &with(&["misses", "--format", "json"], more));
    let names = |found: &Value| -> Vec<String> {
        list(&found["images"]).iter().map(|image| string(&image["image"])).collect()
    };
    let expected = |wanted: &dyn Fn(usize) -> bool| -> Vec<String> {
        (0..a.images.len()).filter(|&image| wanted(image)).map(|image| a.images[image].clone()).collect()
    };
    let filters: [(&str, &dyn Fn(usize) -> bool); 7] = [
        ("missed", &|image| !a.is_right(image) || !b.is_right(image)),
        ("missed-a", &|image| !a.is_right(image)),
        ("missed-b", &|image| !b.is_right(image)),
        ("gained", &|image| !a.is_right(image) && b.is_right(image)),
        ("lost", &|image| a.is_right(image) && !b.is_right(image)),
        ("missed-all", &|image| [a, b, both].iter().all(|strategy| !strategy.is_right(image))),
        ("all", &|_| true),
    ];
    for (filter, wanted) in filters {
        let found = json(&["--filter", filter]);
        let expected = expected(wanted);
        assert!(!expected.is_empty());
        assert_eq!(names(&found), expected, "{filter}");
        assert_eq!((&found["filter"], &found["found"]), (&filter.into(), &expected.len().into()));
    }

    let found = json(&[]);
    assert_eq!(found["filter"], "missed");
    for image in list(&found["images"]) {
        let index = a.images.iter().position(|name| &image["image"] == name).unwrap();
        let label = a.labels[index];
        assert_eq!(image["label"], a.classes[label]);
        let strategies = list(&image["strategies"]);
        assert_eq!(strategies.len(), 2);
        for (part, (name, of)) in strategies.iter().zip([("templates", a), ("cupl", b)]) {
            let ranked = &of.ranked[index];
            let rank = ranked.iter().position(|&(class, _)| class == label).unwrap();
            assert_eq!(part["strategy"], name);
            assert_eq!(part["predicted"], of.classes[ranked[0].0]);
            assert!(close(number(&part["probability"]), ranked[0].1));
            assert!(close(number(&part["label_probability"]), ranked[rank].1));
            assert_eq!(part["label_rank"], rank + 1);
            let best_other = if rank == 0 { ranked[1].1 } else { ranked[0].1 };
            assert!(close(number(&part["margin"]), ranked[rank].1 - best_other));
        }
    }

    let confident = json(&["--filter", "confident"]);
    let wrong = |image: usize| {
        let of =
            |strategy: &Predictions| if strategy.is_right(image) { 0.0 } else { strategy.ranked[image][0].1 };
        of(a).max(of(b))
    };
    let order: Vec<f64> = names(&confident)
        .iter()
        .map(|name| wrong(a.images.iter().position(|image| image == name).unwrap()))
        .collect();
    assert!(order.is_sorted_by(|x, y| x >= y), "{order:?}");
    assert_eq!(order.len(), (0..a.images.len()).filter(|&image| wrong(image) >= 0.5).count());

    let cat_as_dog = json(&["--class", "cat", "--predicted", "dog", "--strategy", "both"]);
    let in_cell = |image: usize| both.labels[image] == 3 && both.predicted(image) == 5;
    assert_eq!(names(&cat_as_dog), expected(&in_cell));
    assert_eq!(cat_as_dog["images"][0]["strategies"][2]["strategy"], "both");
    assert_eq!(cat_as_dog["images"][0]["strategies"][2]["predicted"], "dog");
    let right = json(&["--class", "cat", "--predicted", "cat"]);
    assert_eq!(right["found"], b.confusion()[3][3]);

    let named = json(&["--name", "AT/0001", "--class", "cat", "--filter", "missed-b"]);
    let is_named =
        |image: usize| a.labels[image] == 3 && a.images[image].contains("at/0001") && !b.is_right(image);
    assert_eq!(names(&named), expected(&is_named));
    let few = json(&["--most", "3"]);
    assert_eq!((list(&few["images"]).len(), &few["found"]), (3, &found["found"]));

    let csv = records(&bench.stdout(0, &["misses", "--format", "csv"]));
    assert_eq!(csv.len(), 2 * list(&found["images"]).len());
    assert_eq!(csv[1]["strategy"], "cupl");
    let second = &found["images"][0]["strategies"][1];
    assert!(close(csv[1]["margin"].parse().unwrap(), number(&second["margin"])));
    let table = bench.stdout(0, &["misses", "--most", "3"]);
    let count = format!("{} of 1000 images: missed by A or B, the first 3", found["found"]);
    for part in [&count, "class %", "margin", &names(&found)[2]] {
        assert!(table.contains(part), "{part:?} is not in\n{table}");
    }
    let alone = json(&["--a", "cupl", "--b", "cupl"]);
    assert_eq!((&alone["filter"], &alone["b"]), (&"missed-a".into(), &Value::Null));
    assert_eq!(names(&alone), expected(&|image| !b.is_right(image)));
}

fn copies_of_the_demo(bench: &Bench) {
    let arguments =
        ["misses", "--filter", "missed-b", "--most", "7", "--copy-to", "copies", "--format", "csv"];
    let output = bench.run(&arguments);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(
        text(&output.stderr).contains("7 pictures and misses.csv are in copies"),
        "{}",
        text(&output.stderr)
    );
    let listed = fs::read_to_string(bench.path("copies/misses.csv")).unwrap();
    let copied = records(&listed);
    assert_eq!(copied.len(), 14);
    assert_eq!(copied.iter().map(|record| &record["image"]).collect::<BTreeSet<_>>().len(), 7);
    let shown = records(&text(&output.stdout));
    for (copied, shown) in copied.iter().zip(&shown) {
        assert!(shown.iter().all(|(column, value)| &copied[column] == value), "{copied:?} {shown:?}");
        let picture = image::open(bench.path("copies").join(&copied["file"])).unwrap().to_rgb8();
        assert_eq!(picture.dimensions(), (32, 32));
        assert_eq!(copied["file"].split('/').next().unwrap(), copied["label"]);
        let place: u32 = copied["image"].split(['/', '.']).nth(1).unwrap().parse().unwrap();
        assert!(copied["file"].contains(&format!("{place:05}")), "{copied:?}");
    }
    // Nothing else is there, and nothing is written twice.
    let entries = fs::read_dir(bench.path("copies")).unwrap().count();
    let classes: BTreeSet<&String> = copied.iter().map(|record| &record["label"]).collect();
    assert_eq!(entries, classes.len() + 1);
    let complaint = bench.complaint(&arguments);
    assert!(complaint.contains("copies") && complaint.contains("something in it"), "{complaint}");
    assert_eq!(fs::read_to_string(bench.path("copies/misses.csv")).unwrap(), listed);
    for (target, reason) in [("templates.txt", "new folder"), ("no/where", "around it")] {
        let complaint = bench.complaint(&["misses", "--copy-to", target]);
        assert!(complaint.contains(target) && complaint.contains(reason), "{complaint}");
    }
}

fn prompts_of_the_demo(bench: &Bench, report: &Value) {
    let csv = records(&bench.stdout(0, &["prompts", "show", "--format", "csv"]));
    for strategy in list(&report["strategies"]) {
        let prompts = csv.iter().filter(|record| strategy["name"] == record["strategy"]);
        assert_eq!(strategy["prompts"], prompts.count());
    }
    let table = bench.stdout(0, &["prompts", "show", "--class", "frog", "--strategy", "templates"]);
    assert!(table.contains("frog: templates") && table.contains("a photo of a frog."), "{table}");
    assert!(!table.contains("cupl"), "{table}");
}

fn explanations_of_the_demo(bench: &Bench, report: &Value) {
    let cupl = Predictions::of(report, 1);
    // Misses by little, so that a few prompts decide.
    let margin = |image: usize| {
        let of_class = cupl.ranked[image].iter().find(|(class, _)| *class == cupl.labels[image]).unwrap();
        cupl.ranked[image][0].1 - of_class.1
    };
    let mut missed: Vec<usize> = (0..cupl.images.len()).filter(|&image| !cupl.is_right(image)).collect();
    missed.sort_by(|&x, &y| margin(x).total_cmp(&margin(y)));
    let image = missed[1];
    let (name, label) = (&cupl.images[image], &cupl.classes[cupl.labels[image]]);
    let found = bench.json(0, &["explain", "--image", name, "--format", "json"]);
    assert_eq!((&found["experiment"], &found["image"]), (&"demo".into(), &name.as_str().into()));
    assert_eq!(found["class"], label.as_str());
    let strategies = list(&found["strategies"]);
    assert_eq!(strategies.len(), 3);
    for (strategy, evaluated) in strategies.iter().zip(list(&report["strategies"])) {
        let ranked = &evaluated["predictions"][image]["ranked"];
        assert_eq!(strategy["strategy"], evaluated["name"]);
        assert_eq!(strategy["predicted"], ranked[0]["class"]);
        assert!(close(number(&strategy["probability"]), number(&ranked[0]["probability"])));
        for (likely, ranked) in list(&strategy["top"]).iter().zip(list(ranked)) {
            assert_eq!(likely["class"], ranked["class"]);
            let ratio = (number(&likely["logit"]) - number(&strategy["logit"])).exp();
            let expected = number(&ranked["probability"]) / number(&strategy["probability"]);
            assert!((ratio - expected).abs() < 1e-3, "{ratio} {expected}");
        }
        let classes = list(&strategy["classes"]);
        let against =
            if strategy["predicted"] == label.as_str() { &ranked[1]["class"] } else { &found["class"] };
        assert_eq!((&classes[0]["class"], &classes[1]["class"]), (&strategy["predicted"], against));
        for class in classes {
            let shares: Vec<f64> =
                list(&class["prompts"]).iter().map(|prompt| number(&prompt["share"])).collect();
            assert!((shares.iter().sum::<f64>() - number(&class["logit"])).abs() < 1e-9);
            assert!(shares.windows(2).all(|pair| pair[0] >= pair[1]));
        }
    }

    // The prompts are taken out of the file, and the image is right.
    let correction = &strategies[1]["correction"];
    let mut prompts: Value = serde_json::from_str(&fs::read_to_string(data("cupl.json")).unwrap()).unwrap();
    for removed in list(&correction["removed"]) {
        let of_class = prompts[string(&removed["class"])].as_array_mut().unwrap();
        let at = of_class.iter().position(|prompt| *prompt == removed["prompt"]).unwrap();
        of_class.remove(at);
    }
    fs::write(bench.path("fewer.json"), prompts.to_string()).unwrap();
    let fewer = ["evaluate", "--checkpoint", "demo", "--images", "demo", "--cupl", "fewer.json"];
    let fewer = bench.json(0, &with(&fewer, &["--format", "json", "--predictions"]));
    let fewer = Predictions::of(&fewer, 0);
    assert!(fewer.is_right(image));
    let changed = |was: bool, is: bool| {
        (0..cupl.images.len())
            .filter(|&image| cupl.is_right(image) == was && fewer.is_right(image) == is)
            .count()
    };
    assert_eq!(
        (&correction["gained"], &correction["lost"]),
        (&changed(false, true).into(), &changed(true, false).into())
    );

    let csv =
        records(&bench.stdout(0, &["explain", "--image", name, "--strategy", "cupl", "--format", "csv"]));
    let classes = list(&strategies[1]["classes"]);
    assert_eq!(csv.len(), classes.iter().map(|class| list(&class["prompts"]).len()).sum::<usize>());
    assert_eq!((&csv[0]["image_class"], &csv[0]["predicted"]), (label, &string(&strategies[1]["predicted"])));
    let removed = csv.iter().filter(|record| record["removed"] == "true").count();
    assert_eq!(removed, list(&correction["removed"]).len());
    let table = bench.stdout(0, &["explain", "--image", name, "--strategy", "cupl"]);
    let first = string(&classes[0]["prompts"][0]["prompt"]);
    for part in [name, "share", "pull", "right without", &first] {
        assert!(table.contains(part), "{part:?} is not in\n{table}");
    }
    let right = (0..cupl.images.len()).find(|&image| cupl.is_right(image)).unwrap();
    let found =
        bench.json(0, &["explain", "--image", &cupl.images[right], "--strategy", "cupl", "--format", "json"]);
    assert_eq!(found["strategies"][0]["correction"], Value::Null);
}

#[test]
fn an_image_is_explained_by_its_name_its_file_or_as_any_picture() {
    let bench = Bench::new();
    let templates =
        "[[strategy]]\nname = 't'\ntemplates = ['a photo of a {}.', 'a {}.']\naggregation = 'max'\n";
    fs::write(bench.path("own.toml"), experiment("photos", templates)).unwrap();
    let explain = |image: &str| bench.json(0, &["explain", "own.toml", "--image", image, "--format", "json"]);
    let by_name = explain("frog/3.png");
    assert_eq!((&by_name["image"], &by_name["class"]), (&"frog/3.png".into(), &"frog".into()));
    assert_eq!(by_name["strategies"][0]["aggregation"], "max");
    std::os::unix::fs::symlink(bench.path("photos/frog/3.png"), bench.path("link.png")).unwrap();
    let absolute = bench.path("photos/frog/3.png");
    for path in ["photos/frog/3.png", "./photos/cat/../frog/3.png", "link.png", absolute.to_str().unwrap()] {
        assert_eq!(explain(path), by_name, "{path}");
    }
    fs::copy(&absolute, bench.path("copy \"1\", カエル.png")).unwrap();
    let other = explain("copy \"1\", カエル.png");
    assert_eq!(other["image"], "copy \"1\", カエル.png");
    assert_eq!((&other["class"], &other["strategies"][0]["correction"]), (&Value::Null, &Value::Null));
    assert_eq!(other["strategies"][0]["top"], by_name["strategies"][0]["top"]);

    fs::write(bench.path("text.png"), "no picture").unwrap();
    fs::write(bench.path("photos/cat/broken.png"), "no picture").unwrap();
    for (image, part) in [
        ("frog/33.png", "did you mean \"frog/3.png\""),
        ("5.png", "\"cat/5.png\", \"frog/5.png\", \"truck/5.png\""),
        ("nothing like it", "it has \"cat/0.png\""),
        ("photos", "no such file"),
        ("text.png", "text.png: "),
        ("cat/broken.png", "cat/broken.png: "),
    ] {
        let complaint = bench.complaint(&["explain", "own.toml", "--image", image]);
        assert!(complaint.contains(part), "{part:?} is not in the complaint about {image}:\n{complaint}");
    }
    let complaint = bench.complaint(&["explain", "own.toml", "--image", "frog/3.png", "--strategy", "magic"]);
    assert!(complaint.contains("it has t"), "{complaint}");
}

/// An experiment with the photos, a prompt set of its own, and more keys.
fn experiment(images: &str, strategies: &str) -> String {
    format!("checkpoint = {:?}\nimages = {images:?}\n{strategies}", data("checkpoint"))
}

#[test]
fn prompts_are_compared_with_the_images_that_embed_writes() {
    let bench = Bench::new();
    fs::create_dir(bench.path("photos/bird")).unwrap();
    let cupl = format!("[[strategy]]\nname = 'cupl'\ncupl = {:?}\n", data("cupl.json"));
    fs::write(bench.path("photos.toml"), experiment("photos", &cupl)).unwrap();
    let found = bench.json(0, &["prompts", "show", "photos.toml", "--format", "json"]);
    let classes: Vec<String> = list(&found["classes"]).iter().map(|class| string(&class["class"])).collect();
    assert_eq!(classes, ["bird", "cat", "frog", "truck"]);
    let mut texts = Vec::new();
    for class in list(&found["classes"]) {
        texts.extend(list(&class["strategies"][0]["prompts"]).iter().map(|part| string(&part["prompt"])));
    }
    fs::write(bench.path("texts.txt"), texts.join("\n")).unwrap();
    let checkpoint = data("checkpoint").display().to_string();
    let embed = ["embed", "--checkpoint", &checkpoint, "--images", "photos", "--texts", "texts.txt"];
    bench.stdout(0, &with(&embed, &["--out", "all.safetensors"]));
    let bytes = fs::read(bench.path("all.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let rows = |name: &str| -> Vec<Vec<f64>> {
        let tensor = tensors.tensor(name).unwrap();
        let values: Vec<f64> =
            tensor.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes).into()).collect();
        values.chunks(tensor.shape()[1]).map(<[f64]>::to_vec).collect()
    };
    let (images, texts) = (rows("image_embeds"), rows("text_embeds"));
    assert_eq!(images.len(), 3 * PHOTOS);
    let mean = |text: &[f64], class: usize| {
        let cosine = |image: &Vec<f64>| -> f64 { image.iter().zip(text).map(|(x, y)| x * y).sum() };
        images[(class - 1) * PHOTOS..class * PHOTOS].iter().map(cosine).sum::<f64>() / PHOTOS as f64
    };
    let mut text = texts.iter();
    for (class, part) in list(&found["classes"]).iter().enumerate() {
        for prompt in list(&part["strategies"][0]["prompts"]) {
            let text = text.next().unwrap();
            match class {
                0 => assert_eq!(prompt["similarity"], Value::Null),
                _ => assert!((number(&prompt["similarity"]) - mean(text, class)).abs() < 1e-5),
            }
            let others = (1..4).filter(|&other| other != class);
            let nearest = others.max_by(|&x, &y| mean(text, x).total_cmp(&mean(text, y))).unwrap();
            assert_eq!(prompt["competitor"]["class"], classes[nearest], "{prompt}");
            assert!((number(&prompt["competitor"]["similarity"]) - mean(text, nearest)).abs() < 1e-5);
        }
    }
    assert!(text.next().is_none());

    // One strategy alone, and a class without images, in the other views.
    let rows = bench.json(0, &["classes", "photos.toml", "--format", "json", "--sort", "a"]);
    let last = &rows["classes"][3];
    assert_eq!(
        (&last["class"], &last["a"], &last["confusion"]),
        (&"bird".into(), &Value::Null, &Value::Null)
    );
    let block = bench.json(0, &["confusion", "photos.toml", "--class", "bird", "--format", "json"]);
    assert_eq!(block["classes"][0], "bird");
    let none =
        bench.json(0, &["misses", "photos.toml", "--class", "bird", "--filter", "all", "--format", "json"]);
    assert_eq!(list(&none["images"]).len(), 0);
    let empty = bench.stdout(0, &["misses", "photos.toml", "--class", "bird", "--copy-to", "none"]);
    assert!(empty.contains("0 of 18 images: missed"), "{empty}");
    assert_eq!(fs::read_dir(bench.path("none")).unwrap().count(), 1);
    let complaint = bench.complaint(&["confusion", "photos.toml", "--difference"]);
    assert!(complaint.contains("two strategies"), "{complaint}");
    for class in ["cat", "frog", "truck"] {
        let every = bench
            .json(0, &["misses", "photos.toml", "--class", class, "--filter", "all", "--format", "json"]);
        assert_eq!(every["found"], PHOTOS);
    }
}

#[test]
fn awkward_names_come_through() {
    let bench = Bench::new();
    let classes = ["a cat, \"big\"", "カエル", "../truck/lorry"];
    for (class, folder) in ["cat", "frog", "truck"].iter().enumerate() {
        fs::create_dir_all(bench.path("more").join(class.to_string())).unwrap();
        fs::copy(
            bench.path("photos").join(folder).join("1.png"),
            bench.path("more").join(class.to_string()).join("0.png"),
        )
        .unwrap();
    }
    let mut manifest = csv::Writer::from_path(bench.path("photos.csv")).unwrap();
    manifest.write_record(["path", "label"]).unwrap();
    for (class, folder) in ["cat", "frog", "truck"].iter().enumerate() {
        manifest.write_record([&format!("photos/{folder}/0.png"), classes[class]]).unwrap();
        manifest.write_record([&format!("more/{class}/0.png"), classes[class]]).unwrap();
    }
    manifest.flush().unwrap();
    let strategies = "[[strategy]]\nname = 'one, \"quoted\"'\ntemplates = ['a photo of a {}.']\n\
                      [[strategy]]\nname = '二'\ntemplates = ['{}']\n";
    fs::write(bench.path("odd.toml"), experiment("photos.csv", strategies)).unwrap();

    let rows = records(&bench.stdout(0, &["classes", "odd.toml", "--format", "csv", "--sort", "dataset"]));
    let found: BTreeSet<&str> = rows.iter().map(|row| row["class"].as_str()).collect();
    assert_eq!(found, BTreeSet::from(classes));
    let table = bench.stdout(0, &["classes", "odd.toml", "--filter", "カ"]);
    assert!(table.contains("A: one, \"quoted\"") && table.contains("カエル"), "{table}");
    let block = bench
        .json(0, &["confusion", "odd.toml", "--class", classes[0], "--strategy", "二", "--format", "json"]);
    assert_eq!(block["classes"][0], classes[0]);
    let pairs = bench.stdout(0, &["confusion", "odd.toml", "--format", "csv"]);
    assert!(records(&pairs).iter().all(|pair| classes.contains(&pair["label"].as_str())), "{pairs}");
    let prompts = bench.json(0, &["prompts", "show", "odd.toml", "--class", "カエル", "--format", "json"]);
    assert_eq!(prompts["classes"][0]["strategies"][1]["prompts"][0]["prompt"], "カエル");

    // Both images of a class have the same file name.
    let misses = ["misses", "odd.toml", "--filter", "all", "--copy-to", "copies", "--format", "csv"];
    bench.stdout(0, &misses);
    let copied = records(&fs::read_to_string(bench.path("copies/misses.csv")).unwrap());
    let files: BTreeSet<&str> = copied.iter().map(|record| record["file"].as_str()).collect();
    let folders = ["a cat, \"big\"", "カエル", "___truck_lorry"];
    let expected: Vec<String> = folders
        .iter()
        .flat_map(|folder| ["0-2.png", "0.png"].map(|file| format!("{folder}/{file}")))
        .collect();
    assert_eq!(files, expected.iter().map(String::as_str).collect());
    for record in &copied {
        let (copy, original) = (bench.path("copies").join(&record["file"]), bench.path(&record["image"]));
        assert_eq!(fs::read(copy).unwrap(), fs::read(original).unwrap(), "{record:?}");
    }
}

#[test]
fn skipped_images_are_counted_and_told() {
    let bench = Bench::new();
    fs::write(bench.path("photos/cat/text.jpg"), "not a picture").unwrap();
    let templates = "[[strategy]]\nname = 't'\ntemplates = ['a photo of a {}.']\n";
    fs::write(bench.path("photos.toml"), experiment("photos", templates)).unwrap();
    for command in [&["classes"][..], &["confusion"], &["misses"], &["prompts", "show"]] {
        let output = bench.run(&with(command, &["photos.toml"]));
        let notes = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{command:?}: {notes}");
        assert!(notes.contains("skipped cat/text.jpg"), "{command:?}: {notes}");
    }
}

#[test]
fn unknown_names_are_answered_with_known_ones() {
    let bench = Bench::new();
    fs::write(bench.path("names.json"), r#"{"cat": "crane", "frog": "crane", "truck": "lorry"}"#).unwrap();
    let templates =
        "class_names = 'names.json'\n[[strategy]]\nname = 't'\ntemplates = ['a photo of a {}.']\n";
    fs::write(bench.path("cranes.toml"), experiment("photos", templates)).unwrap();
    bench.stdout(0, &["misses", "cranes.toml", "--class", "frog"]);
    let cases: &[(&[&str], &[&str])] = &[
        (&["classes", "--a", "magic"], &["\"magic\"", "templates, cupl, both"]),
        (&["confusion", "--b", "magic"], &["\"magic\"", "templates, cupl, both"]),
        (&["confusion", "--strategy", "magic"], &["\"magic\"", "templates, cupl, both"]),
        (&["confusion", "--class", "atuomobile"], &["did you mean \"automobile\"?"]),
        (&["misses", "--class", "Cat"], &["did you mean \"cat\"?"]),
        (&["misses", "--class", "submarine"], &["\"submarine\"", "\"airplane\"", "and 6 more"]),
        (&["misses", "--class", "cat", "--predicted", "god"], &["\"god\""]),
        (&["misses", "cranes.toml", "--class", "crane"], &["several classes", "\"cat\", \"frog\""]),
        (&["misses", "--predicted", "dog"], &["--class"]),
        (&["misses", "--filter", "wrong"], &["missed-a", "confident"]),
        (&["confusion", "--difference", "--strategy", "cupl"], &["cannot be used with"]),
        (&["classes", "--sort", "size"], &["difference, a, b, images, confusion, name, dataset"]),
        (&["classes", "--change", "better"], &["gained, lost, same"]),
        (&["prompts", "show", "--class", "bat"], &["did you mean \"cat\"?"]),
        (&["prompts", "show", "--strategy", "magic"], &["templates, cupl, both"]),
        (&["prompts", "show", "magic"], &["\"magic\"", "prompts list"]),
        (&["prompts", "show", "magic", "--strategy", "cupl"], &["--strategy", ".toml"]),
        (&["prompts", "show", "absent.toml"], &["absent.toml"]),
        (&["missess"], &["`cupl-tui misses`"]),
        (&["confusions"], &["`cupl-tui confusion`"]),
    ];
    for (arguments, parts) in cases {
        let complaint = bench.complaint(arguments);
        for part in *parts {
            assert!(
                complaint.contains(part),
                "{part:?} is not in the complaint about {arguments:?}:\n{complaint}"
            );
        }
    }
}

#[test]
fn the_help_has_examples() {
    let bench = Bench::new();
    for command in [&["classes"][..], &["confusion"], &["misses"], &["explain"], &["prompts", "show"]] {
        let help = bench.stdout(0, &with(command, &["--help"]));
        let examples = help.matches(&format!("\n  cupl-tui {}", command.join(" "))).count();
        assert!((2..=4).contains(&examples), "{examples} examples in\n{help}");
    }
}
