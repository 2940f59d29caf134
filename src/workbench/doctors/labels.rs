//! What may be wrong with labels and class names: found by looking at a session and its embeddings, before anybody
//! trusts an accuracy.

use std::collections::{HashMap, HashSet};

use super::finding::{Finding, FindingKind};
use crate::evaluation::{ImagePair, PermutedClasses, near_duplicates};
use crate::prompts::lint::names_class;
use crate::prompts::{fold, nearest};
use crate::text::message::{count, joined, listed};
use crate::workbench::error::WorkbenchError;
use crate::workbench::jobs::progress::{Cancel, Meter, Progress, Stage};
use crate::workbench::session::evaluation::{Session, SessionEmbeddings, StrategyResult};
use crate::workbench::session::opening::LeftOverKeys;
use crate::workbench::tables::image_selection::margin;

/// How many names a finding shows.
const NAMED: usize = 6;
/// The cosine from which two images are nearly the same. A photo that is saved again as JPEG of quality 75 stays above
/// it; the most similar ones of two classes of CIFAR-10 do not reach it with the demo's checkpoint.
const SAME_IMAGE: f32 = 0.995;
/// Left-over keys whose nearest class is looked up.
const LOOKED_UP: usize = 20;
/// Where one of so many images of a class, or more, is taken for another, the classifier confuses the two, and no label
/// is wrong.
const CONFUSED: usize = 5;
/// Fewer images than this do not say how sure a strategy is of their class.
const FEWEST: usize = 3;
/// Two strategies of which this share of all their prompts is in both, or more, see nearly the same.
const SAME_PROMPTS: f64 = 0.5;

/// Everything that looks wrong with the labels, by kind, and within a kind the clearest first.
///
/// # Errors
/// [`WorkbenchError::Cancelled`] soon after the request.
pub fn label_findings(
    session: &Session,
    embeddings: &SessionEmbeddings,
    cancel: &Cancel,
    notify: &dyn Fn(Progress),
) -> Result<Vec<Finding>, WorkbenchError> {
    let mut findings = permuted_classes(session);
    findings.extend(duplicate_names(session));
    findings.extend(unnamed_classes(session));
    findings.extend(left_over_keys(session));
    findings.extend(classes_without_images(session));
    findings.extend(same_images(session, embeddings, cancel, notify)?);
    findings.extend(label_errors(session));
    Ok(findings)
}

fn finding(kind: FindingKind, classes: Vec<usize>, evidence: String, remedy: &str) -> Finding {
    Finding { kind, classes, images: Vec::new(), prompt: None, evidence, remedy: remedy.to_owned() }
}

fn quoted(session: &Session, classes: &[usize]) -> String {
    let names: Vec<&String> = classes.iter().map(|&class| &session.classes[class]).collect();
    listed(&names, NAMED)
}

fn permuted_classes(session: &Session) -> Vec<Finding> {
    // The strategy whose predictions belong together most clearly.
    let clarity = |strategy: &&StrategyResult| -> u64 {
        let evaluation = &strategy.evaluation;
        let largest =
            |class| evaluation.confusion.row(class).iter().map(|taken| taken.images).max().unwrap_or(0);
        (0..evaluation.n_classes).map(|class| u64::from(largest(class))).sum()
    };
    let Some(strategy) = session.strategies.iter().max_by_key(clarity) else { return Vec::new() };
    let mut found = strategy.evaluation.permuted_classes();
    found.sort_by_key(|cycle| std::cmp::Reverse(cycle.as_permuted));
    let described = |cycle: PermutedClasses| {
        let classes = &cycle.classes;
        let arrows = (0..classes.len()).map(|at| {
            let name = |at: usize| &session.classes[classes[at % classes.len()]];
            format!("{:?} looks like {:?}", name(at), name(at + 1))
        });
        let evidence = format!(
            "with {}, {} of the {} images of these classes are taken for their own and {} for another in a circle: {}",
            strategy.name,
            count(cycle.as_named),
            count(cycle.images),
            count(cycle.as_permuted),
            joined(&arrows.take(NAMED).collect::<Vec<_>>(), classes.len()),
        );
        let remedy = "look at some images of these classes; then put the class names in the order of the folders or labels \
                      (class_order, or the class-name map)";
        finding(FindingKind::PermutedClasses, cycle.classes, evidence, remedy)
    };
    found.into_iter().map(described).collect()
}

fn duplicate_names(session: &Session) -> Vec<Finding> {
    let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
    for (class, name) in session.classes.iter().enumerate() {
        by_name.entry(fold(name)).or_default().push(class);
    }
    let mut groups: Vec<Vec<usize>> = by_name.into_values().filter(|classes| classes.len() > 1).collect();
    groups.sort_unstable();
    let described = |classes: Vec<usize>| {
        let same = classes.iter().all(|&class| session.classes[class] == session.classes[classes[0]]);
        let evidence = match same {
            true => format!("{} classes are called {:?}", classes.len(), session.classes[classes[0]]),
            false => format!("{} differ in case, `_`, `-` and blanks only", quoted(session, &classes)),
        };
        let remedy =
            "give them names that tell them apart, with a class-name map: prompts of one name make one class";
        finding(FindingKind::DuplicateClassName, classes, evidence, remedy)
    };
    groups.into_iter().map(described).collect()
}

fn unnamed_classes(session: &Session) -> Vec<Finding> {
    let of_strategy = |strategy: &StrategyResult| {
        let is_unnamed = |&class: &usize| {
            !strategy.prompts[class].iter().any(|text| names_class(text, &session.classes[class]))
        };
        let classes: Vec<usize> = (0..session.classes.len()).filter(is_unnamed).collect();
        (!classes.is_empty()).then(|| {
            let evidence = format!(
                "no prompt of {} names its class for {} of {} classes: {}",
                strategy.name,
                count(classes.len()),
                count(session.classes.len()),
                quoted(session, &classes)
            );
            let remedy = "see whether these prompts belong to these classes; rename the classes, or add prompts with their \
                          names";
            finding(FindingKind::UnnamedClass, classes, evidence, remedy)
        })
    };
    session.strategies.iter().filter_map(of_strategy).collect()
}

fn left_over_keys(session: &Session) -> Vec<Finding> {
    let of_set = |set: &LeftOverKeys| {
        let mut classes = Vec::new();
        let mut described: Vec<String> = Vec::new();
        for key in set.keys.iter().take(LOOKED_UP) {
            let near = nearest(key, &session.classes).into_iter().next();
            let class = near.and_then(|name| session.classes.iter().position(|class| *class == name));
            classes.extend(class.filter(|class| !classes.contains(class)));
            described.push(match class {
                Some(class) => format!("{key:?} (nearest class {:?})", session.classes[class]),
                None => format!("{key:?}"),
            });
        }
        described.truncate(NAMED);
        let evidence = format!(
            "{} keys of the prompt set {:?} are no class: {}",
            count(set.keys.len()),
            set.prompt_set,
            joined(&described, set.keys.len())
        );
        let remedy = "nothing, if the set is of a larger dataset; else rename the keys, or map the folders to them \
                      (class_names)";
        finding(FindingKind::LeftOverKey, classes, evidence, remedy)
    };
    session.left_over.iter().map(of_set).collect()
}

fn classes_without_images(session: &Session) -> Option<Finding> {
    let mut has_images = vec![false; session.classes.len()];
    session.images.iter().for_each(|image| has_images[image.label] = true);
    let classes: Vec<usize> = (0..has_images.len()).filter(|&class| !has_images[class]).collect();
    (!classes.is_empty()).then(|| {
        let evidence = format!(
            "{} of {} classes have no image that can be read: {}",
            count(classes.len()),
            count(session.classes.len()),
            quoted(session, &classes)
        );
        let remedy = "add images, or leave the classes out: they still draw predictions";
        finding(FindingKind::ClassWithoutImages, classes, evidence, remedy)
    })
}

fn same_images(
    session: &Session,
    embeddings: &SessionEmbeddings,
    cancel: &Cancel,
    notify: &dyn Fn(Progress),
) -> Result<Vec<Finding>, WorkbenchError> {
    let (images, total) = (&embeddings.images, embeddings.images.unit.rows());
    let (mut meter, mut before) = (Meter::start(Stage::Comparing, total), 0);
    let is_cancelled = |done| {
        meter.encoded(done - before);
        before = done;
        notify(meter.progress());
        cancel.is_cancelled()
    };
    let pairs = near_duplicates(&images.unit, &embeddings.labels, SAME_IMAGE, is_cancelled);
    let pairs = pairs.ok_or(WorkbenchError::Cancelled)?;
    let described = |pair: ImagePair| {
        let pair_of = [pair.first, pair.second];
        let classes: Vec<usize> = pair_of.iter().map(|&image| embeddings.labels[image]).collect();
        let [first, second] = pair_of.map(|image| &session.images[image].name);
        let hash = |image: usize| images.contents.hashes.get(image);
        let how = match hash(pair.first).is_some() && hash(pair.first) == hash(pair.second) {
            true => "the same picture".to_owned(),
            false => format!("nearly the same (cosine {:.4})", pair.cosine),
        };
        Finding {
            kind: FindingKind::NearDuplicateImages,
            evidence: format!(
                "{first} of {:?} and {second} of {:?} are {how}",
                session.classes[classes[0]], session.classes[classes[1]]
            ),
            classes,
            images: pair_of.to_vec(),
            prompt: None,
            remedy: "keep the one whose class is right, and remove the other".to_owned(),
        }
    };
    Ok(pairs.into_iter().map(described).collect())
}

/// How sure one strategy is of the images of each class: their margins, smallest first, `[n_classes]`.
type ClassMargins = Vec<Vec<f32>>;

/// Images that every strategy takes for the same other class, more surely than half of that class's images that it
/// recognises: by ranks of margins, since probabilities of CLIP say little by themselves. What a strategy confuses often is
/// left out. Comparing with the class's own images is the idea of confident learning (Northcutt et al., arXiv 1911.00068).
/// Strategies with mostly the same prompts agree easily, so the evidence says how many there are without such copies.
fn label_errors(session: &Session) -> Vec<Finding> {
    let margins: Vec<ClassMargins> =
        (0..session.strategies.len()).map(|strategy| class_margins(session, strategy)).collect();
    let mut errors: Vec<(f64, f32, usize, usize)> = (0..session.images.len())
        .filter_map(|image| {
            let (predicted, typical, margin) = label_error(session, &margins, image)?;
            Some((typical, margin, image, predicted))
        })
        .collect();
    errors.sort_by(|x, y| y.0.total_cmp(&x.0).then(y.1.total_cmp(&x.1)));
    let who = agreeing_words(session);
    let described = |(typical, margin, image, predicted): (f64, f32, usize, usize)| {
        let (name, label) = (&session.images[image].name, session.images[image].label);
        Finding {
            kind: FindingKind::LikelyLabelError,
            classes: vec![label, predicted],
            images: vec![image],
            prompt: None,
            evidence: format!(
                "{name} is labelled {:?}; {who} for {:?}, by {margin:.2} or more, and more surely than {:.0} % of the images \
                 of that class that are recognised",
                session.classes[label],
                session.classes[predicted],
                (100.0 * typical).floor(),
            ),
            remedy: format!(
                "look at it: move it to {:?}, or keep it as a hard one",
                session.classes[predicted]
            ),
        }
    };
    errors.into_iter().map(described).collect()
}

/// Another class that the image seems to belong to, the least share of that class's recognised images that a strategy is
/// less sure of, and the least margin.
fn label_error(session: &Session, margins: &[ClassMargins], image: usize) -> Option<(usize, f64, f32)> {
    let label = session.images[image].label;
    let first = session.strategies.first()?.evaluation.prediction(image).class as usize;
    if first == label {
        return None;
    }
    let (mut least, mut typical) = (f32::INFINITY, 1.0_f64);
    for (strategy, margins) in margins.iter().enumerate() {
        let evaluation = &session.strategies[strategy].evaluation;
        let images = margins[label].len();
        let own = &margins[first][margins[first].partition_point(|margin| *margin <= 0.0)..];
        let confused = evaluation.confusion.images(label, first) as usize;
        let agrees = evaluation.prediction(image).class as usize == first;
        if !agrees || (confused > 1 && CONFUSED * confused >= images) || own.len() < FEWEST {
            return None;
        }
        let sure = -margin(session, strategy, image)?;
        let below = own.partition_point(|of_own| *of_own < sure);
        typical = typical.min(below as f64 / own.len() as f64);
        least = least.min(sure);
    }
    (typical >= 0.5).then_some((first, typical, least))
}

/// All strategies agree, in words.
fn agreeing_words(session: &Session) -> String {
    let who = match &session.strategies[..] {
        [alone] => return format!("{} takes it", alone.name),
        [_, _] => "both strategies".to_owned(),
        all => format!("all {} strategies", all.len()),
    };
    match different_strategies(session) {
        1 => format!("{who}, which have mostly the same prompts, take it"),
        different if different < session.strategies.len() => {
            format!("{who}, which count as {different} by their prompts, take it")
        }
        _ => format!("{who} take it"),
    }
}

/// Number of strategies, but for those that have mostly the prompts of an earlier one.
fn different_strategies(session: &Session) -> usize {
    let mut different: Vec<HashSet<(usize, &str)>> = Vec::new();
    for strategy in &session.strategies {
        let prompts = prompts_by_class(strategy);
        let is_mostly = |earlier: &HashSet<(usize, &str)>| {
            let common = prompts.intersection(earlier).count();
            let all = prompts.len() + earlier.len() - common;
            common as f64 >= SAME_PROMPTS * all as f64
        };
        if !different.iter().any(is_mostly) {
            different.push(prompts);
        }
    }
    different.len()
}

/// Every prompt with its class.
fn prompts_by_class(strategy: &StrategyResult) -> HashSet<(usize, &str)> {
    let classes = strategy.prompts.iter().enumerate();
    classes.flat_map(|(class, prompts)| prompts.iter().map(move |prompt| (class, prompt.as_str()))).collect()
}

fn class_margins(session: &Session, strategy: usize) -> ClassMargins {
    let mut margins = vec![Vec::new(); session.classes.len()];
    for (image, of_session) in session.images.iter().enumerate() {
        margins[of_session.label].extend(margin(session, strategy, image));
    }
    margins.iter_mut().for_each(|of_class| of_class.sort_by(f32::total_cmp));
    margins
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::Matrix;
    use crate::workbench::embedding::embedder::{ImageContents, ImageEmbeddings};
    use crate::workbench::session::test_session;
    use crate::workbench::session::test_session::session_with;

    /// Embeddings of a session's images: each its own direction, but for those that are `same`.
    fn embeddings(session: &Session, same: &[(usize, usize)]) -> SessionEmbeddings {
        let n = session.images.len();
        let mut directions: Vec<usize> = (0..n).collect();
        same.iter().for_each(|&(first, second)| directions[second] = first);
        let row =
            |&direction: &usize| (0..n).map(|x| f32::from(u8::from(x == direction))).collect::<Vec<f32>>();
        let rows: Vec<Vec<f32>> = directions.iter().map(row).collect();
        let hash = |&direction: &usize| [direction as u8; 32].into();
        let hashes = directions.iter().map(hash).collect();
        let contents = ImageContents { kept: (0..n).collect(), hashes, skipped: Vec::new() };
        SessionEmbeddings {
            images: ImageEmbeddings { contents, unit: Matrix::from_rows(&rows).unwrap() },
            labels: session.images.iter().map(|image| image.label).collect(),
            prompts: crate::workbench::embedding::embedder::PromptEmbeddings::from_rows(&[], false).into(),
            logit_scale: 4.6,
        }
    }

    fn found(session: &Session, same: &[(usize, usize)]) -> Vec<Finding> {
        label_findings(session, &embeddings(session, same), &Cancel::default(), &|_| {}).unwrap()
    }

    fn kinds(findings: &[Finding]) -> Vec<FindingKind> {
        findings.iter().map(|finding| finding.kind).collect()
    }

    const NAMES: [&str; 4] = ["cat", "deer", "frog", "ship"];

    /// Twelve images a class, and what two strategies predict for them: right but for some.
    fn labelled(classes: &[&str], wrong: &[(usize, usize, f32)]) -> Session {
        let labels: Vec<usize> = (0..12 * classes.len()).map(|image| image / 12).collect();
        let mut predicted: Vec<(usize, f32)> = labels
            .iter()
            .enumerate()
            .map(|(image, &label)| (label, 0.5 + (image % 12) as f32 / 40.0))
            .collect();
        wrong.iter().for_each(|&(image, class, probability)| predicted[image] = (class, probability));
        session_with(classes, &labels, &[("a", &predicted), ("b", &predicted)])
    }

    #[test]
    fn a_good_dataset_has_no_findings() {
        assert_eq!(found(&labelled(&NAMES, &[]), &[]), []);
        let weak = test_session::generated(10, 30, 3);
        assert!(
            label_findings(&weak, &embeddings(&weak, &[]), &Cancel::default(), &|_| {}).unwrap().is_empty()
        );
    }

    #[test]
    fn a_swapped_pair_of_names_is_found() {
        let wrong: Vec<(usize, usize, f32)> =
            (0..24).map(|image| (image, 1 - image / 12, 0.6)).filter(|wrong| wrong.0 % 12 > 0).collect();
        let found = found(&labelled(&NAMES, &wrong), &[]);
        assert_eq!(kinds(&found), [FindingKind::PermutedClasses]);
        assert_eq!(found[0].classes, [0, 1]);
        assert_eq!(
            found[0].evidence,
            "with b, 2 of the 24 images of these classes are taken for their own and 22 for another in a circle: \
             \"cat\" looks like \"deer\", \"deer\" looks like \"cat\""
        );
    }

    #[test]
    fn one_wrong_label_is_found_and_an_unsure_miss_is_not() {
        let found = found(&labelled(&NAMES, &[(3, 2, 0.95), (20, 3, 0.4)]), &[]);
        assert_eq!(kinds(&found), [FindingKind::LikelyLabelError]);
        assert_eq!((&found[0].classes[..], &found[0].images[..]), (&[0, 2][..], &[3][..]));
        assert!(
            found[0].evidence.contains("both strategies take it for \"frog\", by 0.9"),
            "{}",
            found[0].evidence
        );
    }

    #[test]
    fn strategies_with_mostly_the_same_prompts_count_once() {
        let prompts_of = |own: &[&str]| {
            let of_class =
                |class: &str| own.iter().map(|prompt| format!("{prompt} {class}")).collect::<Vec<_>>();
            std::sync::Arc::new(NAMES.map(of_class).to_vec())
        };
        let evidence = |prompts: &[&[&str]]| {
            let mut session = labelled(&NAMES, &[(3, 2, 0.95)]);
            for _ in session.strategies.len()..prompts.len() {
                session.strategies.extend(labelled(&NAMES, &[(3, 2, 0.95)]).strategies.into_iter().take(1));
            }
            for (strategy, own) in session.strategies.iter_mut().zip(prompts) {
                strategy.prompts = prompts_of(own);
            }
            let found = found(&session, &[]);
            assert_eq!(kinds(&found), [FindingKind::LikelyLabelError]);
            found[0].evidence.clone()
        };
        let words = "both strategies, which have mostly the same prompts, take it for \"frog\"";
        for copy in [&["a", "the", "my"][..], &["a", "the"], &["a", "the", "my", "one"]] {
            let evidence = evidence(&[&["a", "the", "my"], copy]);
            assert!(evidence.contains(words), "{evidence}");
        }
        for other in [&["a", "one"][..], &["one"]] {
            let evidence = evidence(&[&["a", "the", "my"], other]);
            assert!(evidence.contains("both strategies take it"), "{evidence}");
        }
        let evidence = evidence(&[&["a", "the", "my"], &["a", "the"], &["one"]]);
        assert!(
            evidence.contains("all 3 strategies, which count as 2 by their prompts, take it"),
            "{evidence}"
        );
    }

    #[test]
    fn what_is_confused_often_is_no_wrong_label() {
        let often: Vec<(usize, usize, f32)> = (0..5).map(|image| (image, 2, 0.95)).collect();
        assert_eq!(found(&labelled(&NAMES, &often), &[]), []);
        // The strategies do not agree.
        let mut session = labelled(&NAMES, &[(3, 2, 0.95)]);
        let other = labelled(&NAMES, &[(3, 1, 0.95)]);
        session.strategies[1].evaluation = other.strategies.into_iter().next().unwrap().evaluation;
        assert_eq!(found(&session, &[]), []);
    }

    #[test]
    fn the_same_picture_in_two_classes_is_found() {
        let found = found(&labelled(&NAMES, &[]), &[(2, 3), (5, 30)]);
        assert_eq!(kinds(&found), [FindingKind::NearDuplicateImages]);
        assert_eq!((&found[0].classes[..], &found[0].images[..]), (&[0, 2][..], &[5, 30][..]));
        assert_eq!(
            found[0].evidence,
            "cat/0005.png of \"cat\" and frog/0030.png of \"frog\" are the same picture"
        );
    }

    #[test]
    fn names_and_keys_are_looked_at() {
        let mut session = labelled(&["tree frog", "Tree_Frog", "deer", "deer"], &[]);
        session.images.truncate(36);
        session.left_over =
            vec![LeftOverKeys { prompt_set: "cupl".into(), keys: vec!["deers".into(), "xyz".into()] }];
        let prompts = [["a tree frog"], ["it is green"], ["deer have legs"], ["a deer"]];
        session.strategies[1].prompts =
            std::sync::Arc::new(prompts.map(|of_class| of_class.map(str::to_owned).to_vec()).to_vec());
        let mut findings: Vec<Finding> = duplicate_names(&session).into_iter().collect();
        findings.extend(unnamed_classes(&session));
        findings.extend(left_over_keys(&session));
        findings.extend(classes_without_images(&session));
        let evidence: Vec<&str> = findings.iter().map(|finding| finding.evidence.as_str()).collect();
        assert_eq!(
            evidence,
            [
                "\"tree frog\", \"Tree_Frog\" differ in case, `_`, `-` and blanks only",
                "2 classes are called \"deer\"",
                "no prompt of b names its class for 1 of 4 classes: \"Tree_Frog\"",
                "2 keys of the prompt set \"cupl\" are no class: \"deers\" (nearest class \"deer\"), \"xyz\"",
                "1 of 4 classes have no image that can be read: \"deer\"",
            ]
        );
        assert_eq!(findings[4].classes, [3]);
    }

    #[test]
    fn it_stops_when_asked() {
        let session = labelled(&NAMES, &[]);
        let cancel = Cancel::default();
        cancel.cancel();
        let stopped = label_findings(&session, &embeddings(&session, &[]), &cancel, &|_| {});
        assert!(matches!(stopped, Err(WorkbenchError::Cancelled)));
    }
}
