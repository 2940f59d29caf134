//! Pages of made-up sessions. `tests/report.rs` looks at those that the program writes.

use super::*;
use crate::dataset::{PictureSource, SkippedImage};
use crate::workbench::session::test_session;
use crate::workbench::session::test_session::session;

fn page(session: &Session, a: usize, b: usize) -> String {
    let report = HtmlReport { session, a, b, gallery: 24, command: "cupl-tui report" };
    report.page(&Cancel::default()).unwrap()
}

/// What stands between two texts, the first of each.
fn between<'a>(page: &'a str, from: &str, to: &str) -> &'a str {
    let start = page.find(from).unwrap_or_else(|| panic!("{from:?} is not in\n{page}")) + from.len();
    let end = page[start..].find(to).unwrap_or_else(|| panic!("{to:?} is not in\n{}", &page[start..]));
    &page[start..start + end]
}

fn count_of(page: &str, part: &str) -> usize {
    page.matches(part).count()
}

#[test]
fn a_pair_has_every_part() {
    let labels = [0, 0, 1, 1, 1, 2];
    let strategies: [(&str, &[usize]); 3] =
        [("plain", &[0, 1, 0, 0, 1, 0]), ("rich", &[0, 0, 1, 0, 2, 0]), ("odd", &[2, 2, 2, 2, 2, 1])];
    let session = session(&["cat", "deer", "frog"], &labels, &strategies);
    let page = page(&session, 0, 1);
    assert!(
        page.contains("rich gains 2 images and loses 1 against plain (p = 1.00): not proven on 6 images.")
    );
    assert!(page.contains("B is better on 1 class, A on 0; on 2 they are equal."), "{page}");
    let board = between(&page, "<table class=\"leaderboard\">", "</table>");
    let place = |name: &str| board.find(name).unwrap();
    assert!(place(">rich<") < place(">plain<") && place(">plain<") < place(">odd<"));
    assert_eq!(count_of(board, "class=\"side"), 2);
    for part in ["= +16.7 [", "baseline", "mean of rich@1", ">33.3<", ">50.0<"] {
        assert!(board.contains(part), "{part} is not in\n{board}");
    }
    let classes = between(&page, "<table class=\"classes\">", "</table>");
    assert!(classes.contains("+50.0 n&lt;6") && classes.contains("width=\"50.00%\""), "{classes}");
    let images = between(&page, "<h2>Images</h2>", "<h2>How");
    for part in ["B repairs", "B breaks", "All 3 strategies miss", "rich: a cat", "A</b> ✗ ", "B</b> ✓ "]
    {
        assert!(images.contains(part), "{part} is not in\n{images}");
    }
    assert_eq!(count_of(images, "<img "), 2 + 1 + 2);
    assert_eq!(count_of(images, "class=\"small\""), 5);
}

#[test]
fn a_strategy_alone() {
    let one = session(&["cat", "deer"], &[0, 0, 1], &[("only", &[0, 1, 1])]);
    let page = page(&one, 0, 0);
    assert!(page.contains("<b class=\"name\">only</b> is right on 2 of 3 images."), "{page}");
    for absent in ["B repairs", "side b", "B − A", "against", "Price"] {
        assert!(!page.contains(absent), "{absent:?} is in\n{page}");
    }
    assert!(between(&page, "<h2>Images", "</section>").contains("<h3>Missed<small> 1 image</small>"));
}

#[test]
fn nothing_missed() {
    let perfect = session(&["cat", "deer"], &[0, 1], &[("a", &[0, 1]), ("b", &[0, 1])]);
    let page = page(&perfect, 0, 1);
    assert_eq!(count_of(&page, "No image is missed."), 3);
    assert!(page.contains("It helps most on no class and hurts most on no class."));
    assert_eq!(count_of(&page, "<img "), 0);
}

#[test]
fn no_gallery_is_wanted() {
    let session = session(&["cat", "deer"], &[0, 1], &[("a", &[1, 1]), ("b", &[0, 1])]);
    let report = HtmlReport { session: &session, a: 0, b: 1, gallery: 0, command: "" };
    let page = report.page(&Cancel::default()).unwrap();
    assert!(!page.contains("<h2>Images") && !page.contains("No image is missed.</p>\n</section>"));
}

#[test]
fn classes_without_images_are_named_and_not_drawn() {
    let session =
        session(&["cat", "a \"deer\"", "frog"], &[0, 2, 2], &[("a", &[0, 2, 2]), ("b", &[0, 2, 0])]);
    let page = page(&session, 0, 1);
    assert!(page.contains("1 class has no images: &quot;a \\&quot;deer\\&quot;&quot;."), "{page}");
    assert_eq!(count_of(between(&page, "<table class=\"classes\">", "</table>"), "<th scope=\"row\">"), 2);
}

#[test]
fn a_thousand_classes_are_cut_to_both_ends() {
    let session = test_session::generated(1000, 6, 2);
    let pair = page(&session, 0, 1);
    let classes = between(&pair, "<table class=\"classes\">", "</table>");
    assert!(count_of(classes, "<th scope=\"row\">") <= 2 * 20);
    assert!(classes.contains("+ the 20 largest of 1,000 gains"), "{classes}");
    assert!(classes.contains("− 0 losses"));
    let strip = between(&pair, "<figure class=\"strip\">", "</figure>");
    assert!(strip.contains("viewBox=\"0 0 1000 ") && strip.contains("all 1,000 classes"), "{strip}");
    let alone = page(&session, 0, 0);
    let classes = between(&alone, "<table class=\"classes\">", "</table>");
    assert!(classes.contains("the 20 highest of 1,000 classes") && classes.contains("the 20 lowest of"));
    assert_eq!(count_of(classes, "<th scope=\"row\">"), 40);
}

#[test]
fn what_went_wrong_is_told() {
    let mut session = session(&["cat", "deer"], &[0, 1], &[("a", &[1, 1]), ("b", &[0, 1])]);
    session.images[0].source = PictureSource::File("/no/such/picture.png".into());
    session.skipped =
        (0..101).map(|i| SkippedImage { name: format!("<{i}>.png"), reason: "broken".into() }).collect();
    session.warnings = vec!["careful & slow".into()];
    session.demo_checkpoint = true;
    let page = page(&session, 0, 1);
    for part in [
        "No picture: it cannot be read",
        "101 skipped images",
        "&lt;99&gt;.png: broken",
        "and 1 more",
        "1 message",
        "careful &amp; slow",
        demo::CAUTION,
    ] {
        assert!(page.contains(part), "{part} is not in\n{page}");
    }
    assert!(!page.contains("&lt;100&gt;"));
}

#[test]
fn it_can_be_stopped() {
    let session = session(&["cat", "deer"], &[0, 1], &[("a", &[1, 1]), ("b", &[0, 1])]);
    let cancel = Cancel::default();
    cancel.cancel();
    let report = HtmlReport { session: &session, a: 0, b: 1, gallery: 24, command: "" };
    assert!(matches!(report.page(&cancel), Err(WorkbenchError::Cancelled)));
}
