//! What was skipped, what the user should know, and how the page was made.

use super::View;
use super::markup::Markup;
use super::numbers::{count, counted};

/// The program with its version.
pub const PROGRAM: &str = concat!("cupl-tui ", env!("CARGO_PKG_VERSION"));

/// Messages or skipped images that are listed.
const LISTED: usize = 100;

pub fn write(page: &mut Markup, view: &View<'_>, command: &str) {
    let session = view.session;
    let skipped: Vec<String> =
        session.skipped.iter().map(|image| format!("{}: {}", image.name, image.reason)).collect();
    write_list(page, &counted(skipped.len(), "skipped image", "skipped images"), &skipped);
    write_list(page, &counted(session.warnings.len(), "message", "messages"), &session.warnings);
    page.element("section", &[("class", "making")], |section| {
        section.leaf("h2", &[], "How this was made");
        section.leaf("pre", &[], command);
        let strategies: Vec<String> = session
            .strategies
            .iter()
            .map(|strategy| {
                format!("{}: {} of {}", strategy.name, strategy.aggregation, strategy.prompt_sets.join(", "))
            })
            .collect();
        section.element("dl", &[], |list| {
            let mut entry = |what: &str, value: &str| {
                list.leaf("dt", &[], what);
                list.leaf("dd", &[], value);
            };
            entry("program", PROGRAM);
            entry("checkpoint", &format!("{}, computed in {}", session.checkpoint, session.precision));
            entry("its fingerprint", &session.checkpoint_fingerprint.to_string());
            entry("preprocessing from", &session.preprocessing.to_string());
            let images = counted(session.images.len(), "image", "images");
            entry("dataset", &format!("{}, {images}", session.dataset));
            entry("its fingerprint", &session.dataset_fingerprint.to_string());
            entry("strategies", &strategies.join("; "));
        });
        section.leaf("p", &[("class", "note")], &explanation(view));
    });
}

fn explanation(view: &View<'_>) -> String {
    let mut words = "Top-1 and top-5 are the shares of images whose class is the best prediction, or among the best \
                     five. Recall is the mean of the classes’ accuracies: each class counts the same, however many \
                     images it has. Probabilities are the softmax of the scaled similarities; a margin is the \
                     probability of the true class minus that of the best other one."
        .to_owned();
    if view.session.strategies.len() > 1 {
        words.push_str(
            " p is McNemar’s exact test, two-sided, on the images that one of the two has right and the other has not; \
             for classes it is corrected after Holm. Intervals hold the difference in 95\u{a0}% of 10,000 resamples of \
             the images, with both predictions of an image kept together.",
        );
    }
    words
}

/// A list that is closed at first; nothing where there is nothing to list.
fn write_list(page: &mut Markup, heading: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    page.element("details", &[("class", "messages")], |details| {
        details.leaf("summary", &[], heading);
        details.element("ul", &[], |list| {
            lines.iter().take(LISTED).for_each(|line| list.leaf("li", &[], line));
            if lines.len() > LISTED {
                list.leaf("li", &[], &format!("and {} more", count(lines.len() - LISTED)));
            }
        });
    });
}
