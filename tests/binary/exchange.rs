//! What the binary writes for other programs, read back in Rust, and in Python where numpy and pyarrow are there.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::program::{Bench, PHOTOS, text};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use serde_json::Value;

/// Runs a script of Python in a folder, or says that it cannot.
fn python(folder: &Path, script: &str) {
    let run = |script: &str| Command::new("python3").args(["-c", script]).current_dir(folder).output();
    match run("import numpy, pyarrow") {
        Ok(output) if output.status.success() => {
            let output = run(script).unwrap();
            assert!(output.status.success(), "{}", text(&output.stderr));
        }
        _ => eprintln!("skipped: python3 with numpy and pyarrow is not there"),
    }
}

/// The rows of a Parquet file, with the columns' names.
fn rows(path: &Path) -> Vec<Vec<(String, Field)>> {
    let reader = SerializedFileReader::new(fs::File::open(path).unwrap()).unwrap();
    let rows = reader.get_row_iter(None).unwrap();
    rows.map(|row| row.unwrap().into_columns()).collect()
}

/// The shape and the bytes of an array of numpy's.
fn npy(path: &Path, descriptor: &str) -> ((usize, usize), Vec<u8>) {
    let bytes = fs::read(path).unwrap();
    assert_eq!(bytes[..8], *b"\x93NUMPY\x01\x00");
    let length = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = text(&bytes[10..10 + length]);
    assert!(header.contains(&format!("'descr': '{descriptor}', 'fortran_order': False")), "{header}");
    let shape = header.split(['(', ')']).nth(1).unwrap();
    let (rows, columns) = shape.split_once(", ").unwrap();
    ((rows.parse().unwrap(), columns.parse().unwrap()), bytes[10 + length..].to_vec())
}

#[test]
fn embeddings_are_laid_out_as_clip_retrieval_reads_them() {
    let bench = Bench::new();
    let captions: Vec<String> = (0..=3 * PHOTOS).map(|row| format!("caption {row}")).collect();
    fs::write(bench.path("captions.txt"), captions.join("\n")).unwrap();
    // The second picture in the order of the paths cannot be read.
    fs::write(bench.path("photos/cat/00.png"), b"no picture").unwrap();
    let embed = ["embed", "--checkpoint", "demo", "--images", "photos", "--form", "npy"];
    let both = [&embed[..], &["--texts", "captions.txt", "--out", "laid-out"]].concat();
    bench.stdout(1, &both);
    let ((n, dim), images) = npy(&bench.path("laid-out/img_emb/img_emb_0.npy"), "<f2");
    assert_eq!(n, 3 * PHOTOS);
    assert_eq!(images.len(), 2 * n * dim);
    let (shape, _) = npy(&bench.path("laid-out/text_emb/text_emb_0.npy"), "<f2");
    assert_eq!(shape, (n, dim));
    let metadata = rows(&bench.path("laid-out/metadata/metadata_0.parquet"));
    assert_eq!(metadata.len(), n);
    let row = |image: &str, caption: &str| {
        vec![
            ("image_path".to_owned(), Field::Str(format!("photos/{image}"))),
            ("caption".to_owned(), Field::Str(caption.to_owned())),
        ]
    };
    assert_eq!(metadata[0], row("cat/0.png", "caption 0"));
    assert_eq!(metadata[1], row("cat/1.png", "caption 2"));
    python(
        bench.folder.path(),
        "
import numpy as np, pyarrow.parquet as pq
images = np.load('laid-out/img_emb/img_emb_0.npy').astype(np.float32)
texts = np.load('laid-out/text_emb/text_emb_0.npy')
assert images.shape == texts.shape and texts.dtype == np.float16, (images.shape, texts.dtype)
assert np.abs(np.linalg.norm(images, axis=1) - 1).max() < 2e-3
table = pq.read_table('laid-out/metadata/metadata_0.parquet').to_pydict()
assert list(table) == ['image_path', 'caption'] and len(table['caption']) == len(images)
assert table['image_path'][1] == 'photos/cat/1.png' and table['caption'][1] == 'caption 2'
",
    );

    let again = bench.complaint(&both);
    assert!(again.contains("laid-out") && again.contains("new folder"), "{again}");
    fs::write(bench.path("captions.txt"), "one\ntwo\n").unwrap();
    let unequal = [&embed[..], &["--texts", "captions.txt", "--out", "unequal"]].concat();
    let complaint = bench.complaint(&unequal);
    assert!(complaint.contains("19 pictures and 2 texts"), "{complaint}");
    assert_eq!(fs::read_dir(bench.path("unequal")).unwrap().count(), 0);

    let alone = [&embed[..], &["--dtype", "f32", "--out", "alone"]].concat();
    bench.stdout(1, &alone);
    let ((n, dim), bytes) = npy(&bench.path("alone/img_emb/img_emb_0.npy"), "<f4");
    let values: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    assert_eq!(values.len(), n * dim);
    let halves = images.as_chunks::<2>().0.iter().map(|bytes| half::f16::from_le_bytes(*bytes));
    assert!(values.iter().zip(halves).all(|(value, half)| half == half::f16::from_f32(*value)));
    assert!(!bench.path("alone/text_emb").exists());
}

#[test]
fn predictions_are_the_same_in_every_form() {
    let bench = Bench::new();
    let evaluate = |more: &[&str]| {
        let fixed =
            ["evaluate", "--checkpoint", "demo", "--images", "photos", "--templates", "templates.txt"];
        let cupl = crate::program::data("cupl.json").display().to_string();
        bench.stdout(0, &[&fixed[..], &["--cupl", &cupl], more].concat())
    };
    let json: Value =
        serde_json::from_str(&evaluate(&["--format", "json", "--predictions", "--top-k", "0"])).unwrap();
    let lines = evaluate(&["--format", "jsonl"]);
    let said = evaluate(&["--format", "parquet", "--out", "predictions.parquet"]);
    assert_eq!(said, "predictions.parquet: 18 images, 3 strategies\n");
    evaluate(&["--format", "jsonl", "--out", "predictions.jsonl"]);
    evaluate(&["--format", "csv", "--predictions", "--out", "predictions.csv"]);
    assert_eq!(fs::read_to_string(bench.path("predictions.jsonl")).unwrap(), lines);

    let table = rows(&bench.path("predictions.parquet"));
    assert_eq!(table.len(), 3 * PHOTOS);
    for (image, (line, row)) in lines.lines().zip(&table).enumerate() {
        let line: Value = serde_json::from_str(line).unwrap();
        let keys: Vec<&String> = line.as_object().unwrap().keys().collect();
        assert_eq!(keys, row.iter().map(|(name, _)| name).collect::<Vec<_>>());
        for (name, field) in row {
            match field {
                Field::Str(text) => assert_eq!(line[name], **text, "{name}"),
                Field::Int(number) => assert_eq!(line[name], *number, "{name}"),
                Field::Bool(flag) => assert_eq!(line[name], *flag, "{name}"),
                Field::Float(number) => {
                    assert!((line[name].as_f64().unwrap() - f64::from(*number)).abs() < 1e-6, "{name}");
                }
                other => panic!("{name}: {other:?}"),
            }
        }
        for strategy in json["strategies"].as_array().unwrap() {
            let (name, prediction) = (strategy["name"].as_str().unwrap(), &strategy["predictions"][image]);
            let ranked = &prediction["ranked"];
            assert_eq!(line["image"], prediction["image"]);
            assert_eq!(line["class"], prediction["label"]);
            assert_eq!(json["dataset"]["classes"][line["label"].as_u64().unwrap() as usize], line["class"]);
            assert_eq!(line[format!("{name}_prediction")], ranked[0]["class"]);
            let is_correct = ranked[0]["class"] == prediction["label"];
            assert_eq!(line[format!("{name}_correct")], is_correct);
            let probability = |rank: usize| ranked[rank]["probability"].as_f64().unwrap();
            assert!((line[format!("{name}_probability")].as_f64().unwrap() - probability(0)).abs() < 1e-6);
            let truth = (0..3).find(|&rank| ranked[rank]["class"] == prediction["label"]).unwrap();
            let margin = probability(truth) - probability(if is_correct { 1 } else { 0 });
            assert!((line[format!("{name}_margin")].as_f64().unwrap() - margin).abs() < 1e-5);
        }
    }
    python(
        bench.folder.path(),
        "
import csv, json, pyarrow.parquet as pq
table = pq.read_table('predictions.parquet')
lines = [json.loads(line) for line in open('predictions.jsonl')]
rows = table.to_pylist()
assert len(rows) == len(lines) == 18
for row, line in zip(rows, lines):
    assert list(row) == list(line)
    for key in row:
        same = abs(row[key] - line[key]) < 1e-6 if isinstance(row[key], float) else row[key] == line[key]
        assert same, (key, row[key], line[key])
first = [record for record in csv.DictReader(open('predictions.csv')) if record['rank'] == '1']
for record in first:
    row = next(row for row in rows if row['image'] == record['image'])
    assert row[record['strategy'] + '_prediction'] == record['class']
",
    );
}

#[test]
fn a_result_is_a_line_of_clip_benchmark_s() {
    let bench = Bench::new();
    let evaluate = [
        "evaluate",
        "--checkpoint",
        "demo",
        "--images",
        "photos",
        "--templates",
        "templates.txt",
        "--format",
    ];
    let report = bench.json(0, &[&evaluate[..], &["json"]].concat());
    bench.stdout(0, &[&evaluate[..], &["clip-benchmark", "--out", "result.json"]].concat());
    let result: Value = serde_json::from_slice(&fs::read(bench.path("result.json")).unwrap()).unwrap();
    let keys: Vec<&String> = result.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["dataset", "model", "pretrained", "task", "metrics", "language", "strategy"]);
    assert_eq!(result["dataset"], "photos");
    assert_eq!(result["task"], "zeroshot_classification");
    assert_eq!(result["language"], "en");
    let strategy = &report["strategies"][0];
    assert_eq!(result["metrics"]["acc1"], strategy["top1"]);
    assert_eq!(result["metrics"]["acc5"], Value::Null);
    assert_eq!(result["metrics"]["mean_per_class_recall"], strategy["mean_per_class_recall"]);
    for further in ["ant", "bee", "gnu"] {
        fs::create_dir(bench.path("photos").join(further)).unwrap();
    }
    let of_six = bench.stdout(0, &[&evaluate[..], &["clip-benchmark"]].concat());
    assert_eq!(of_six.lines().count(), 1);
    let metrics = &serde_json::from_str::<Value>(&of_six).unwrap()["metrics"];
    assert!(metrics["acc5"].as_f64().unwrap() >= metrics["acc1"].as_f64().unwrap());
    python(
        bench.folder.path(),
        "
import json
data = json.load(open('result.json'))
row = dict(data['metrics']); row.update(data); del row['metrics']
assert row['model'] + ' ' + row['pretrained'] and 0 <= row['acc1'] <= 1
",
    );
}
