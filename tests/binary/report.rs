//! The page that `report` writes: well-formed, needing nothing else, with the numbers of `evaluate`.

use std::fs;

use crate::program::{Bench, data, text};
use serde_json::Value;

/// Elements that are written without content.
const VOID: [&str; 7] = ["meta", "img", "rect", "line", "path", "br", "circle"];

/// What a page says, and what it asks a browser for.
#[derive(Debug, Default)]
struct Page {
    texts: Vec<String>,
    /// Values of `src`, `href` and the like.
    addresses: Vec<String>,
    /// How many of each element.
    elements: std::collections::BTreeMap<String, usize>,
}

impl Page {
    /// Reads a page and panics where it is not well-formed.
    fn read(html: &str) -> Self {
        let mut page = Self::default();
        let mut open: Vec<String> = Vec::new();
        let mut rest = html.strip_prefix("<!DOCTYPE html>").expect("no document type");
        while let Some(at) = rest.find('<') {
            page.add_text(&rest[..at]);
            let end = at + rest[at..].find('>').expect("a tag without an end");
            let tag = &rest[at + 1..end];
            rest = &rest[end + 1..];
            match tag.strip_prefix('/') {
                Some(name) => {
                    assert_eq!(
                        open.pop().as_deref(),
                        Some(name),
                        "closed in the wrong place: {}",
                        head(rest)
                    );
                }
                None => {
                    let name = page.add_tag(tag);
                    assert_eq!(VOID.contains(&name.as_str()), tag.ends_with('/'), "{tag}");
                    if !tag.ends_with('/') {
                        open.push(name.clone());
                    }
                    if name == "style" {
                        let end = rest.find("</style>").expect("a style sheet without an end");
                        let sheet = &rest[..end];
                        assert!(
                            !sheet.contains('<') && !sheet.contains("url(") && !sheet.contains("@import")
                        );
                        rest = &rest[end..];
                    }
                }
            }
        }
        page.add_text(rest);
        assert!(open.is_empty(), "never closed: {open:?}");
        page
    }

    fn add_text(&mut self, text: &str) {
        assert!(!text.contains('>'), "a loose > in {:?}", head(text));
        let text = unescaped(text.trim());
        if !text.is_empty() {
            self.texts.push(text);
        }
    }

    /// The name of the element.
    fn add_tag(&mut self, tag: &str) -> String {
        let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
        *self.elements.entry(name.to_owned()).or_default() += 1;
        while !matches!(rest.trim(), "" | "/") {
            let (attribute, value) = rest.split_once("=\"").expect("an attribute without a value");
            let (value, others) = value.split_once('"').expect("a value without an end");
            let attribute = attribute.trim();
            assert!(attribute.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "{attribute:?}");
            assert!(!attribute.starts_with("on") && attribute != "style", "{attribute:?}");
            if ["src", "href", "srcset", "data", "action", "poster"].contains(&attribute) {
                self.addresses.push(value.to_owned());
            }
            let _checked = unescaped(value);
            rest = others;
        }
        name.to_owned()
    }

    fn has(&self, text: &str) -> bool {
        self.texts.iter().any(|its| its.contains(text))
    }

    fn count(&self, element: &str) -> usize {
        self.elements.get(element).copied().unwrap_or(0)
    }

    /// The texts after one of them, in the order of the page.
    fn after(&self, text: &str) -> &[String] {
        let at = self.texts.iter().position(|its| its == text);
        &self.texts[at.unwrap_or_else(|| panic!("{text:?} is not in {:?}", self.texts)) + 1..]
    }
}

fn head(text: &str) -> String {
    text.chars().take(80).collect()
}

/// Only the five escapes occur, and every `&` begins one.
fn unescaped(text: &str) -> String {
    let mut parts = text.split('&');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) =
            part.split_once(';').unwrap_or_else(|| panic!("a loose & before {:?}", head(part)));
        plain.push(match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "#39" => '\'',
            other => panic!("an unknown escape {other:?}"),
        });
        plain.push_str(rest);
    }
    plain
}

fn percent(value: &Value) -> String {
    format!("{:.1}", 100.0 * value.as_f64().unwrap())
}

/// Points as the page writes them.
fn points(fraction: f64) -> String {
    let tenths = (1000.0 * fraction).round() / 10.0;
    let signs = [("", "="), ("+", "▲"), ("−", "▼")];
    let (sign, glyph) = signs[if tenths > 0.0 { 1 } else { 2 * usize::from(tenths < 0.0) }];
    format!("{glyph} {sign}{:.1}", tenths.abs())
}

#[test]
fn the_demo_as_a_page() {
    let bench = Bench::new();
    let said = bench.stdout(0, &["report"]);
    let html = fs::read_to_string(bench.path("report.html")).unwrap();
    assert_eq!(said, format!("report.html: {} kB\n", html.len().div_ceil(1000)));
    assert!(html.len() < 500_000, "{} bytes", html.len());
    let page = Page::read(&html);

    // It loads nothing and runs nothing.
    assert_eq!(page.addresses.len(), 24);
    assert!(page.addresses.iter().all(|address| address.starts_with("data:image/png;base64,")));
    assert_eq!((page.count("script"), page.count("link"), page.count("iframe")), (0, 0, 0));
    assert!(html.contains("<meta charset=\"utf-8\" />"));
    assert!(page.has("demo model: to try the workbench, not to publish numbers from"));

    // Its numbers are those of the other commands.
    let report = bench.json(0, &["evaluate", "--format", "json"]);
    let strategies = report["strategies"].as_array().unwrap();
    let board = page.after("Leaderboard");
    for strategy in strategies {
        let name = strategy["name"].as_str().unwrap();
        let row = &board[board.iter().position(|text| text == name).unwrap()..];
        assert_eq!(row[2], percent(&strategy["top1"]), "{row:?}");
        let difference = strategy["top1"].as_f64().unwrap() - strategies[0]["top1"].as_f64().unwrap();
        match name {
            "templates" => assert_eq!(row[3], "baseline"),
            _ => assert!(row[3].starts_with(&format!("{} [", points(difference))), "{row:?}"),
        }
        assert_eq!(row[4], percent(&strategy["mean_per_class_recall"]));
        assert_eq!(row[5], percent(&strategy["top5"]));
        assert_eq!(row[6], strategy["prompts"].to_string());
    }
    let rows = bench.json(0, &["classes", "--format", "json"]);
    let interval = [0, 1].map(|end| points(rows["interval"][end].as_f64().unwrap()));
    let words = interval.map(|points| points.split_once(' ').unwrap().1.to_owned());
    assert!(page.has(&format!("95\u{a0}% interval {} to {}", words[0], words[1])));
    // An arrow only where the difference of a class is proven.
    let of_class = |row: &Value| {
        let points = points(row["difference"].as_f64().unwrap());
        match row["p_holm"].as_f64().unwrap() {
            p if p < 0.05 => points,
            _ => format!("{} ≥6", points.split_once(' ').unwrap().1),
        }
    };
    let mut chart = page.after("Classes");
    for row in rows["classes"].as_array().unwrap() {
        let at = chart.iter().position(|text| row["class"] == *text).unwrap();
        let expected = [row["images"].to_string(), percent(&row["a"]), percent(&row["b"]), of_class(row)];
        assert_eq!(chart[at + 1..at + 5], expected, "{row}");
        chart = &chart[at + 5..];
    }
    for strategy in ["templates", "cupl"] {
        let found = bench.json(0, &["confusion", "--strategy", strategy, "--most", "10", "--format", "json"]);
        for pair in found["pairs"].as_array().unwrap() {
            let expected = [
                pair["label"].as_str().unwrap().to_owned(),
                pair["predicted"].as_str().unwrap().to_owned(),
                pair["images"].to_string(),
                percent(&pair["share"]),
            ];
            let confusions = page.after("Confusions");
            assert!(confusions.windows(4).any(|cells| cells == expected), "{expected:?}");
        }
    }
    for (filter, heading) in
        [("gained", "B repairs"), ("lost", "B breaks"), ("missed-all", "All 3 strategies miss")]
    {
        let found = bench.json(0, &["misses", "--filter", filter, "--format", "json"]);
        let gallery = page.after(heading);
        assert_eq!(gallery[0], format!("8 of {} images", found["found"]));
        let listed =
            |name: &String| found["images"].as_array().unwrap().iter().any(|image| image["image"] == *name);
        let end = gallery.iter().position(|text| text.starts_with("B breaks") || text.starts_with("All 3"));
        let shown = gallery[..end.unwrap_or(gallery.len())].iter().filter(|text| listed(text)).count();
        assert_eq!(shown, 8, "{filter}");
    }
    assert!(page.has("cupl-tui report") && page.has(report["dataset"]["fingerprint"].as_str().unwrap()));

    // The same again, by another way.
    assert_eq!(bench.stdout(0, &["report", "--out", "-"]), html);
}

#[test]
fn the_pair_and_the_gallery_are_chosen() {
    let bench = Bench::new();
    let turned = Page::read(&bench.stdout(0, &["report", "--out", "-", "--a", "both", "--gallery", "5"]));
    assert_eq!(turned.addresses.len(), 5);
    assert!(turned.has("templates gains") && turned.has("against both (p "));
    assert!(turned.has("cupl-tui report --a both --gallery 5"));
    let alone = Page::read(
        &bench.stdout(0, &["report", "--out", "-", "--a", "cupl", "--b", "cupl", "--gallery", "0"]),
    );
    assert_eq!(alone.addresses.len(), 0);
    assert!(alone.has("is right on 868 of 1,000 images.") && alone.texts.iter().all(|text| text != "B"));
}

#[test]
fn awkward_names_and_photos() {
    let bench = Bench::new();
    let classes = ["<script>alert(\"cat\")</script>", "カエル & 'co'"];
    let sheet = image::open(data("images/truck.png")).unwrap();
    sheet
        .resize_exact(640, 401, image::imageops::FilterType::Triangle)
        .save(bench.path("photos/large.jpg"))
        .unwrap();
    fs::write(bench.path("photos/broken.png"), "no picture").unwrap();
    let mut manifest = csv::Writer::from_path(bench.path("photos.csv")).unwrap();
    manifest.write_record(["path", "label"]).unwrap();
    for (path, class) in
        [("cat/0.png", 0), ("frog/0.png", 1), ("frog/1.png", 0), ("large.jpg", 1), ("broken.png", 1)]
    {
        manifest.write_record([&format!("photos/{path}"), classes[class]]).unwrap();
    }
    manifest.flush().unwrap();
    let experiment = format!(
        "checkpoint = {:?}\nimages = 'photos.csv'\n\
         [[strategy]]\nname = '<b>one</b>'\ntemplates = ['a photo of a {{}}.', '<img src=x> {{}}']\n",
        data("checkpoint")
    );
    fs::write(bench.path("odd.toml"), experiment).unwrap();
    let html = bench.stdout(1, &["report", "odd.toml", "--out", "-"]);
    let page = Page::read(&html);
    assert!(!html.contains("<script") && !html.contains("<b>one"));
    assert!(page.has(classes[0]) && page.has(classes[1]) && page.has("<b>one</b>"), "{:?}", page.texts);
    assert!(page.has("photos/broken.png: ") && page.has("1 skipped image"));
    assert!(page.addresses.iter().all(|address| address.starts_with("data:image/")));
}

#[test]
fn a_place_that_cannot_be_written_to_is_found_before_the_work() {
    let bench = Bench::new();
    let complaint = bench.complaint(&["report", "--out", "no/where/x.html"]);
    assert!(
        complaint.contains("no/where/x.html") && complaint.contains("check that its folder"),
        "{complaint}"
    );
    let complaint = bench.complaint(&["report", "--out", "photos"]);
    assert!(complaint.contains("photos") && complaint.contains("directory"), "{complaint}");
    assert!(!bench.path("data").join("cupl-tui/runs").exists());
    let complaint = bench.complaint(&["report", "--b", "magic"]);
    assert!(complaint.contains("templates, cupl, both"), "{complaint}");
    assert!(bench.complaint(&["repport"]).contains("`cupl-tui report`"));
    let output = bench.run(&["report", "--out", "report.html", "--images", "absent"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stdout));
    assert!(!bench.path("report.html").exists());
}

#[test]
#[should_panic(expected = "closed in the wrong place")]
fn the_reader_sees_what_is_not_closed() {
    Page::read("<!DOCTYPE html><p><b>x</p></b>");
}

#[test]
#[should_panic(expected = "an unknown escape")]
fn the_reader_sees_what_is_not_escaped() {
    Page::read("<!DOCTYPE html><p>x &nbsp; y</p>");
}
