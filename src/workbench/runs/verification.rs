//! Whether a published number comes out here too, and if not, what speaks for which of the usual reasons.

use serde::Serialize;

use super::published_results::{Metric, PublishedResult};
use crate::clip::Precision;
use crate::text::message::{count, listed};
use crate::workbench::session::evaluation::Session;
use crate::workbench::session::opening::Workbench;

/// How many class names a cause shows.
const NAMED: usize = 4;

/// A comparison with a published number.
#[derive(Debug, Serialize)]
pub struct Verification {
    /// What was published.
    pub published: PublishedResult,
    /// The same metric here, from 0 to 1.
    pub here: f64,
    /// The share of images that are right here.
    pub top1: f64,
    /// The mean of the classes' recalls here.
    pub mean_per_class_recall: f64,
    /// Images that were evaluated here.
    pub images: usize,
    /// Here minus published, in points of 100.
    pub difference: f64,
    /// Up to which difference both agree, in points.
    pub within: f64,
    /// They do.
    pub agrees: bool,
    /// What usually causes a difference, that which was observed first, and within that the likeliest first.
    pub causes: Vec<Cause>,
}

/// A usual reason for a difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// What it is about.
    pub about: &'static str,
    /// Something speaks for it.
    pub observed: bool,
    /// What was seen.
    pub evidence: String,
}

impl Workbench {
    /// Compares the first strategy of a session with a published number; `within` is in points.
    pub fn verify(&self, session: &Session, published: PublishedResult, within: f64) -> Verification {
        let evaluation = &session.strategies[0].evaluation;
        let (top1, recall) = (evaluation.top1(), evaluation.mean_per_class_recall());
        let (here, other) = match published.metric {
            Metric::Top1 => (top1, recall),
            Metric::MeanPerClassRecall => (recall, top1),
        };
        let points = |value: f64| 100.0 * (value - published.value);
        let is_near = |value: f64| points(value).abs() <= within;
        let mut causes = vec![
            metric(&published, here, other, is_near(other)),
            images(session, &published),
            classes(session, &published),
            class_order(session),
            class_names(session),
            templates(session, &published),
            self.preprocessing(),
            precision(session.precision),
        ];
        causes.sort_by_key(|cause| !cause.observed);
        Verification {
            here,
            top1,
            mean_per_class_recall: recall,
            images: session.images.len(),
            difference: points(here),
            within,
            agrees: is_near(here),
            causes,
            published,
        }
    }

    fn preprocessing(&self) -> Cause {
        let unlike = self.checkpoint.preprocessing().unlike_clip();
        let origin = self.checkpoint.preprocessing_origin();
        let evidence = match unlike.is_empty() {
            true => format!("it is CLIP's (from {origin})"),
            false => format!("{}; look at {origin}", unlike.join(", ")),
        };
        Cause { about: "preprocessing", observed: !unlike.is_empty(), evidence }
    }
}

fn class_names(session: &Session) -> Cause {
    let is_raw = |name: &&String| name.contains('_') || is_wordnet_id(name);
    let raw: Vec<&String> = session.classes.iter().filter(is_raw).collect();
    let evidence = match raw.is_empty() {
        true => "they are words".to_owned(),
        false => format!(
            "prompts are filled with names as folders have them ({}); --class-names gives them words",
            listed(&raw, NAMED)
        ),
    };
    Cause { about: "class names", observed: !raw.is_empty(), evidence }
}

fn is_wordnet_id(name: &str) -> bool {
    name.strip_prefix('n')
        .is_some_and(|rest| rest.len() == 8 && rest.bytes().all(|byte| byte.is_ascii_digit()))
}

fn metric(published: &PublishedResult, here: f64, other: f64, is_near: bool) -> Cause {
    let other_metric = match published.metric {
        Metric::Top1 => Metric::MeanPerClassRecall,
        Metric::MeanPerClassRecall => Metric::Top1,
    };
    let (this, that) = (published.metric.words(), other_metric.words());
    let evidence = match is_near {
        true => format!("the {that} here, {:.2}, agrees: the published number may be that", 100.0 * other),
        false => {
            format!("neither the {this}, {:.2}, nor the {that}, {:.2}, agrees", 100.0 * here, 100.0 * other)
        }
    };
    Cause { about: "metric", observed: is_near, evidence }
}

fn images(session: &Session, published: &PublishedResult) -> Cause {
    let (here, there) = (session.images.len(), published.images);
    let skipped = match session.skipped.len() {
        0 => String::new(),
        skipped => format!(", and {} could not be read", count(skipped)),
    };
    let evidence = match here == there {
        true => format!("as many as in the test split: {}", count(there)),
        false => format!(
            "{} were evaluated{skipped}, and the test split has {}: another split, or a part of it",
            count(here),
            count(there)
        ),
    };
    Cause { about: "images", observed: here != there, evidence }
}

fn classes(session: &Session, published: &PublishedResult) -> Cause {
    let (here, there) = (session.classes.len(), published.classes);
    let evidence = match here == there {
        true => format!("as many as there should be: {there}"),
        false => format!("{here}, and there should be {there}: with fewer it is easier, with more harder"),
    };
    Cause { about: "classes", observed: here != there, evidence }
}

fn class_order(session: &Session) -> Cause {
    let evaluation = &session.strategies[0].evaluation;
    let permuted: Vec<&String> = evaluation
        .permuted_classes()
        .iter()
        .flat_map(|cycle| &cycle.classes)
        .map(|&class| &session.classes[class])
        .collect();
    let chance = 1.0 / session.classes.len() as f64;
    let is_chance = evaluation.top1() < 1.5 * chance;
    let evidence = if !permuted.is_empty() {
        format!(
            "images of {} are taken for one another in a circle: names or order are mixed up",
            listed(&permuted, NAMED)
        )
    } else if is_chance {
        format!("top-1 is near chance ({:.2}): names may belong to other classes", 100.0 * chance)
    } else {
        "no names look exchanged".to_owned()
    };
    Cause { about: "class order", observed: !permuted.is_empty() || is_chance, evidence }
}

fn templates(session: &Session, published: &PublishedResult) -> Cause {
    let per_class = &session.strategies[0].prompts;
    let (here, there) = (per_class.iter().map(Vec::len).max().unwrap_or(0), published.templates);
    let evidence = match here == there {
        true => format!(
            "as many prompts a class as published, {there}; that they are the same ones was not looked at"
        ),
        false => format!("{here} prompts a class, and the published number has {there}"),
    };
    Cause { about: "templates", observed: here != there, evidence }
}

fn precision(precision: Precision) -> Cause {
    let observed = precision != Precision::F32;
    let evidence = match observed {
        true => format!("the encoders compute in {}: --precision f32 is exact", precision.name()),
        false => "the encoders compute in f32".to_owned(),
    };
    Cause { about: "precision", observed, evidence }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_metric_is_a_cause_where_it_agrees() {
        let published = |metric| PublishedResult {
            source: "s".to_owned(),
            model: "m".to_owned(),
            dataset: "d".to_owned(),
            metric,
            value: 0.8758,
            images: 6085,
            classes: 102,
            templates: 34,
        };
        let cause = metric(&published(Metric::Top1), 0.8191, 0.8750, true);
        assert_eq!(
            (cause.observed, cause.evidence.as_str()),
            (true, "the mean per-class recall here, 87.50, agrees: the published number may be that")
        );
        let cause = metric(&published(Metric::MeanPerClassRecall), 0.8, 0.7, false);
        assert_eq!(
            (cause.observed, cause.evidence.as_str()),
            (false, "neither the mean per-class recall, 80.00, nor the top-1, 70.00, agrees")
        );
    }

    #[test]
    fn wordnet_ids_are_no_class_names() {
        assert!(is_wordnet_id("n01440764"));
        assert!(!is_wordnet_id("n0144076") && !is_wordnet_id("newt12345") && !is_wordnet_id("tench"));
    }
}
