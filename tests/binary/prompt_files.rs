//! Prompt files in the forms in which people have them: each is read as what it means, and that is said, or refused with its
//! place and what to do.

use std::fs;
use std::path::Path;

use crate::program::{Bench, text};

/// A strategy flag and its value on photos of cats, frogs and trucks.
fn arguments<'a>(flag: &'a str, value: &'a str) -> [&'a str; 9] {
    ["evaluate", "--checkpoint", "demo", "--images", "photos", "--store", ":memory:", flag, value]
}

/// What is said beside the numbers of an evaluation that works.
fn notes(bench: &Bench, flag: &str, value: &str) -> String {
    let output = bench.run(&arguments(flag, value));
    assert_eq!(output.status.code(), Some(0), "{flag} {value}: {}", text(&output.stderr));
    text(&output.stderr)
}

/// The prompts of cats.
fn of_cats(bench: &Bench, flags: &[&str]) -> Vec<String> {
    let show = [
        "prompts",
        "show",
        "--checkpoint",
        "demo",
        "--images",
        "photos",
        "--class",
        "cat",
        "--format",
        "json",
    ];
    let report = bench.json(0, &[&show[..], flags].concat());
    let prompts = report["classes"][0]["strategies"][0]["prompts"].as_array().unwrap();
    prompts.iter().map(|prompt| prompt["prompt"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn descriptors_have_class_names_before_them() {
    let bench = Bench::new();
    let descriptors =
        r#"{"cat": ["four legs", "a long tail", "can climb"], "frog": ["is green"], "truck": ["wheels"]}"#;
    fs::write(bench.path("d.json"), descriptors).unwrap();
    let complaint = bench.complaint(&arguments("--cupl", "d.json"));
    for part in ["5 of 5 entries are descriptors", "--descriptors", "\"cat, which has four legs\""] {
        assert!(complaint.contains(part), "{complaint}");
    }
    assert!(bench.complaint(&["prompts", "import", "d.json"]).contains("--descriptors"));
    let made = ["cat, which has four legs", "cat, which is a long tail", "cat, which can climb"];
    assert_eq!(of_cats(&bench, &["--descriptors", "d.json"]), made);
    bench.stdout(0, &["prompts", "import", "d.json", "--descriptors"]);
    assert_eq!(of_cats(&bench, &["--cupl", "stored:d"]), made);
    bench.stdout(0, &["prompts", "lint", "--descriptors", "d.json"]);
    let template = ["--descriptor-template", "a {} with {descriptor}."];
    let with = |flags: &[&'static str]| [flags, &template].concat();
    let joined = ["a cat with four legs.", "a cat with a long tail.", "a cat with can climb."];
    assert_eq!(of_cats(&bench, &with(&["--descriptors", "d.json"])), joined);
    bench.stdout(0, &with(&["prompts", "import", "d.json", "--name", "joined", "--descriptors"]));
    assert_eq!(of_cats(&bench, &["--cupl", "stored:joined"]), joined);
    bench.stdout(0, &with(&["prompts", "lint", "--descriptors", "d.json"]));
    for refused in [
        &["prompts", "import", "templates.txt"][..],
        &["prompts", "lint"],
        &["prompts", "lint", "--templates", "templates.txt"],
        &arguments("--templates", "templates.txt"),
    ] {
        assert!(bench.complaint(&[refused, &template].concat()).contains("--descriptors"), "{refused:?}");
    }
    let note = notes(&bench, "--descriptors", "d.json");
    assert!(note.contains("similarity-mean") && note.contains("--aggregation"), "{note}");

    let strategy = "[[strategy]]\nname = 'd'\ndescriptors = 'd.json'\ndescriptor_template = 'a photo of a {} with {descriptor}.'\n";
    fs::write(bench.path("e.toml"), format!("checkpoint = 'demo'\nimages = 'photos'\n{strategy}")).unwrap();
    let report = bench.json(0, &["prompts", "show", "e.toml", "--class", "cat", "--format", "json"]);
    let first = &report["classes"][0]["strategies"][0]["prompts"][0]["prompt"];
    assert_eq!(first, "a photo of a cat with four legs.");
}

#[test]
fn a_template_can_stand_on_the_command_line_and_none_is_plain() {
    let bench = Bench::new();
    assert_eq!(of_cats(&bench, &["--templates", "a picture of my {class}."]), ["a picture of my cat."]);
    assert_eq!(of_cats(&bench, &[]), ["a photo of a cat."]);
    let output = bench.run(&arguments("--aggregation", "max"));
    assert_eq!(output.status.code(), Some(0));
    assert!(
        text(&output.stderr).contains("no prompts were named, so \"a photo of a {}.\""),
        "{}",
        text(&output.stderr)
    );
    assert!(bench.complaint(&arguments("--templates", "nowhere.txt")).contains("nowhere.txt"));
    let linted =
        bench.json(0, &["prompts", "lint", "--templates", "a picture of  my {}.", "--format", "json"]);
    assert_eq!(linted["prompts"], 1);
    assert_eq!(linted["findings"][0]["rule"], "stray-blanks", "{linted}");
}

#[test]
fn a_selector_that_selects_nothing_is_refused() {
    let bench = Bench::new();
    fs::write(bench.path("c.json"), r#"{"cat": ["A cat."], "frog": ["A frog."], "truck": ["A truck."]}"#)
        .unwrap();
    fs::write(bench.path("t.json"), r#"{"pets": ["a {c}."], "cars": ["the {c}."]}"#).unwrap();
    bench.stdout(0, &["prompts", "import", "c.json"]);
    for (flag, value, part) in [
        ("--cupl", "c.json#nonsense", "no key \"nonsense\"; it has none"),
        ("--cupl", "c.json#cat", "leave #cat out"),
        ("--templates", "templates.txt#x", "no key \"x\"; it has none"),
        ("--templates", "t.json#x", "no key \"x\"; it has \"pets\", \"cars\""),
        ("--cupl", "stored:c@zzz", "c@zzz"),
        ("--cupl", "stored:c@", "c@"),
        ("--cupl", "stored:c#x", "c#x"),
    ] {
        let mut arguments = arguments(flag, value).to_vec();
        arguments.drain(5..7);
        let complaint = bench.complaint(&arguments);
        assert!(complaint.contains(part), "{value}: {complaint}");
    }
}

#[test]
fn keys_are_found_by_unicode_s_letters_folders_and_numbers() {
    let bench = Bench::new();
    fs::rename(bench.path("photos/cat"), bench.path("photos/cafe\u{301}")).unwrap();
    fs::write(
        bench.path("c.json"),
        "{\"CAF\u{c9}\": [\"A caf\u{e9}.\"], \"frog\": [\"A frog.\"], \"truck\": [\"A truck.\"]}",
    )
    .unwrap();
    assert!(notes(&bench, "--cupl", "c.json").contains("uses the prompts of \"CAF\u{c9}\""));
    fs::write(bench.path("c.json"), r#"{"0": ["A café."], "1": ["A frog."], "2": ["A truck."]}"#).unwrap();
    assert!(notes(&bench, "--cupl", "c.json").contains("class \"frog\" uses the prompts of \"1\""));
    fs::write(bench.path("c.json"), r#"{"0": ["A truck."], "1": ["A café."], "2": ["A frog."]}"#).unwrap();
    assert!(bench.complaint(&arguments("--cupl", "c.json")).contains("only 0 of 3 prompts name their class"));
    fs::write(
        bench.path("c.json"),
        r#"{"café": ["A café."], "n2": ["A crane flies."], "n3": ["A crane lifts."]}"#,
    )
    .unwrap();
    fs::rename(bench.path("photos/frog"), bench.path("photos/n2")).unwrap();
    fs::rename(bench.path("photos/truck"), bench.path("photos/n3")).unwrap();
    fs::write(bench.path("names.json"), r#"{"n2": "crane", "n3": "crane"}"#).unwrap();
    let output = bench.run(&[&arguments("--cupl", "c.json")[..], &["--class-names", "names.json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(
        text(&output.stderr).contains("\"crane\" uses the prompts of \"n2\""),
        "{}",
        text(&output.stderr)
    );
}

/// What comes of each of the cases that lie beside the checkout: a part of what is said.
#[test]
fn known_cases_are_read_or_refused() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/cases/data");
    if !folder.is_dir() {
        eprintln!("skipped: ../shared is not there");
        return;
    }
    let bench = Bench::new();
    let images = folder.join("plain").display().to_string();
    for (file, code, part) in [
        ("cupl.json", 0, ""),
        ("cupl_bench.json", 2, "name one, as in"),
        ("cupl_bench.json#imagenet1k", 0, ""),
        ("cupl_bench.json#nonsense", 2, "it has \"imagenet1k\", \"cifar10\""),
        ("cupl_blank.json", 2, "\"cat\" has no prompts"),
        ("cupl_casekey.json", 0, "\"Cat\" and \"cat\""),
        ("cupl_comment.json", 2, "no comments"),
        ("cupl_csv.csv", 0, "each record"),
        ("cupl_curly.json", 0, "HTML entities"),
        ("cupl_deep.json", 2, "line 1"),
        ("cupl_dupkey.json", 2, "there twice"),
        ("cupl_empty_list.json", 2, "\"cat\" has no prompts"),
        ("cupl_extra.json", 0, "\"zebra\""),
        ("cupl_full_meta.json", 0, "were read from \"prompts\""),
        ("cupl_index.json", 0, "class \"cat\" uses the prompts of \"0\""),
        ("cupl_jsonl.jsonl", 0, "JSON lines"),
        ("cupl_listlist.json", 2, "a list was found"),
        ("cupl_listpairs.json", 0, "a list of classes"),
        ("cupl_missing.json", 2, "missing: \"dog\""),
        ("cupl_mixed.json", 0, "a text where a list"),
        ("cupl_nan.json", 2, "NaN is no JSON"),
        ("cupl_nested.json", 0, "questions"),
        ("cupl_newline.json", 0, "line breaks"),
        ("cupl_null.json", 2, "entry 2 is null"),
        ("cupl_num.json", 2, "entry 2 is a number"),
        ("cupl_single.json", 2, "double quotation marks"),
        ("cupl_str.json", 0, "a text where a list"),
        ("cupl_surrogate.json", 2, "line 1"),
        ("cupl_trailing.json", 2, "trailing comma"),
        ("cupl_utf16.json", 0, "UTF-16LE"),
        ("dclip.json", 2, "--descriptors"),
        ("t_angle.txt", 0, "<class> was taken"),
        ("t_article.txt", 2, "line 1: the article \"a(n)\""),
        ("t_bare.txt", 0, ""),
        ("t_bom.txt", 0, ""),
        ("t_br.txt", 0, "[CLASS] was taken"),
        ("t_cname.txt", 2, "both \"{cls}\" and \"{}\""),
        ("t_comment.txt", 0, "a comment"),
        ("t_cr.txt", 0, ""),
        ("t_csv.csv", 2, "line 1"),
        ("t_dup.txt", 0, ""),
        ("t_empty.txt", 2, "no templates"),
        ("t_escaped.txt", 2, "\"{{}}\""),
        ("t_fmt0.txt", 0, "{0} was taken"),
        ("t_label.txt", 0, "{label} was taken"),
        ("t_lambda.py", 0, "list of Python"),
        ("t_list.json", 2, "entry 2 is a number"),
        ("t_listph.json", 2, "entry 2: "),
        ("t_named.txt", 0, "{class} was taken"),
        ("t_nested_ds.json", 2, "t_nested_ds.json#kinetics700"),
        ("t_nested_ds.json#kinetics700", 2, "#kinetics700/en"),
        ("t_nested_ds.json#kinetics700/en", 0, ""),
        ("t_obj.json", 2, "#cifar10"),
        ("t_only_ws.txt", 2, "no templates"),
        ("t_pylist.py", 0, "list of Python"),
        ("t_pylist.txt", 0, "read as JSON"),
        ("t_s.txt", 0, "%s was taken"),
        ("t_trail.txt", 0, ""),
        ("t_two.txt", 0, "more than once"),
    ] {
        let path = folder.join("p").join(file).display().to_string();
        let flag = if file.starts_with("t_") { "--templates" } else { "--cupl" };
        let mut arguments = arguments(flag, &path);
        arguments[4] = &images;
        let output = bench.run(&arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{file}: {said}");
        assert!(said.contains(part), "{file}: {part:?} is not in {said}");
    }
}
