//! What may be wrong with prompts: the rules of their text, and what only their embeddings tell.
//!
//! Sentences that every class has with its own name in them are templates. They are looked at once, by the rules that
//! need no class; what their embeddings are like says more of the classes than of them.

use std::collections::{HashMap, HashSet};

use rayon::prelude::*;

use super::finding::{Finding, FindingKind, FlawedPrompt};
use crate::evaluation::{PromptCosines, PromptSimilarity, effective_number};
use crate::prompts::lint::{Fix, Flaw, OtherNames, Rule, lint_class_among, lint_templates};
use crate::prompts::{PromptSet, PromptSetContent, Template};
use crate::workbench::error::WorkbenchError;
use crate::workbench::jobs::progress::Cancel;
use crate::workbench::session::evaluation::{Session, SessionEmbeddings, StrategyResult};
use crate::workbench::tables::prompt_table::PromptTable;

/// Prompts with nearly the same words whose cosine is lower than this are different to the model.
const SAME_PROMPT: f32 = 0.95;

/// The prompts of one strategy, or of a prompt set on its own.
struct Prompts<'a> {
    /// An index into the session's strategies.
    strategy: usize,
    classes: &'a [String],
    /// `[n_classes]`.
    prompts: &'a [Vec<String>],
    templates: Vec<String>,
    /// The templates' prompts, `[n_classes]`.
    of_templates: Vec<HashSet<String>>,
    names: OtherNames,
}

/// How many of the prompts of each class are different in effect, strategy by strategy, `[n_strategies, n_classes]`:
/// see [`effective_number`].
pub type EffectiveNumbers = Vec<Vec<f64>>;

/// What the texts of a prompt set show without any model, and the names that the findings' classes index.
pub fn text_findings(set: &PromptSet) -> (Vec<String>, Vec<Finding>) {
    let (classes, findings) = match &set.content {
        PromptSetContent::Templates(templates) => {
            let texts: Vec<String> = templates.iter().map(|template| template.text().to_owned()).collect();
            (Vec::new(), template_findings(0, &texts))
        }
        PromptSetContent::PerClass(pairs) => {
            let names: Vec<String> = pairs.iter().map(|(name, _)| name.clone()).collect();
            let others = OtherNames::new(&names);
            let class = |(class, (name, prompts)): (usize, &(String, Vec<String>))| {
                let flaws = lint_class_among(name, prompts, &others);
                flaws.into_iter().map(|flaw| of_flaw(0, vec![class], prompts, flaw)).collect::<Vec<_>>()
            };
            let findings = pairs.iter().enumerate().flat_map(class).collect();
            (names, findings)
        }
    };
    (classes, sorted(findings))
}

/// Everything that looks wrong with the prompts of a session, by kind. What strategies share is found once, with the
/// first of them.
///
/// # Errors
/// [`WorkbenchError::Cancelled`] soon after the request; embeddings of another session.
pub fn prompt_findings(
    session: &Session,
    embeddings: &SessionEmbeddings,
    cancel: &Cancel,
) -> Result<Vec<Finding>, WorkbenchError> {
    let table = PromptTable::new(embeddings, session.classes.len())?;
    let mut seen = HashSet::new();
    let mut findings = Vec::new();
    for (strategy, result) in session.strategies.iter().enumerate() {
        let prompts = Prompts::new(strategy, &session.classes, &result.prompts);
        let mut found = template_findings(strategy, &prompts.templates);
        let of_class = |class| match cancel.is_cancelled() {
            true => Err(WorkbenchError::Cancelled),
            false => prompts.findings(session, result, embeddings, &table, class),
        };
        let classes: Vec<usize> = (0..session.classes.len()).collect();
        let per_class: Vec<Vec<Finding>> = classes.into_par_iter().map(of_class).collect::<Result<_, _>>()?;
        found.extend(per_class.into_iter().flatten());
        let key = |finding: &Finding| {
            (finding.kind, finding.classes.clone(), finding.prompt.as_ref().map(|prompt| prompt.text.clone()))
        };
        found.retain(|finding| !seen.contains(&key(finding)));
        seen.extend(found.iter().map(key));
        findings.extend(found);
    }
    Ok(sorted(findings))
}

/// How many different prompts each class has in effect.
///
/// # Errors
/// [`WorkbenchError::Cancelled`] soon after the request; embeddings of another session.
pub fn effective_numbers(
    session: &Session,
    embeddings: &SessionEmbeddings,
    cancel: &Cancel,
) -> Result<EffectiveNumbers, WorkbenchError> {
    let of_class = |prompts: &Vec<String>| match cancel.is_cancelled() {
        true => Err(WorkbenchError::Cancelled),
        false => Ok(effective_number(&embeddings.prompts.rows(prompts)?)),
    };
    let of_strategy = |strategy: &StrategyResult| strategy.prompts.par_iter().map(of_class).collect();
    session.strategies.iter().map(of_strategy).collect()
}

/// By kind; within a kind in their order.
fn sorted(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by_key(|finding| finding.kind.place());
    findings
}

impl<'a> Prompts<'a> {
    fn new(strategy: usize, classes: &'a [String], prompts: &'a [Vec<String>]) -> Self {
        let templates = templates(classes, prompts);
        let fill = |class: &String| templates.iter().map(|template| template.fill(class)).collect();
        Self {
            strategy,
            classes,
            prompts,
            of_templates: classes.iter().map(fill).collect(),
            names: OtherNames::new(classes),
            templates: templates.iter().map(|template| template.text().to_owned()).collect(),
        }
    }

    fn findings(
        &self,
        session: &Session,
        result: &StrategyResult,
        embeddings: &SessionEmbeddings,
        table: &PromptTable<'_>,
        class: usize,
    ) -> Result<Vec<Finding>, WorkbenchError> {
        let prompts = &self.prompts[class];
        // Those that are no templates'.
        let own: Vec<usize> = (0..prompts.len())
            .filter(|&prompt| !self.of_templates[class].contains(&prompts[prompt]))
            .collect();
        let cosines = {
            let texts: Vec<String> = own.iter().map(|&prompt| prompts[prompt].clone()).collect();
            PromptCosines::new(&embeddings.prompts.rows(&texts)?)
        };
        let place_of: HashMap<usize, usize> =
            own.iter().enumerate().map(|(at, &prompt)| (prompt, at)).collect();

        let mut findings = Vec::new();
        let mut is_repeated = HashSet::new();
        for mut flaw in lint_class_among(&self.classes[class], prompts, &self.names) {
            let Some(&at) = place_of.get(&flaw.prompt) else { continue };
            if let (Rule::NearDuplicate, Some(&other)) =
                (flaw.rule, flaw.repeats.and_then(|other| place_of.get(&other)))
            {
                let cosine = cosines.between(at, other);
                if cosine < SAME_PROMPT {
                    continue;
                }
                flaw.evidence.push_str(&format!(", cosine {cosine:.3}"));
            }
            if flaw.repeats.is_some() {
                is_repeated.insert(flaw.prompt);
            }
            findings.push(of_flaw(self.strategy, vec![class], prompts, flaw));
        }
        for (at, other) in cosines.near_duplicates() {
            if !is_repeated.contains(&own[at]) && !is_repeated.contains(&own[other]) {
                let evidence = format!(
                    "the same to the model as prompt {}, cosine {:.4}",
                    own[other] + 1,
                    cosines.between(at, other)
                );
                findings.push(self.finding(
                    FindingKind::SameToModel,
                    vec![class],
                    own[at],
                    evidence,
                    "keep one of them, or say something else",
                ));
            }
        }
        for (prompt, text) in prompts.iter().enumerate() {
            if embeddings.prompts.truncated([text.as_str()]) > 0 {
                let evidence = "it is longer than the checkpoint reads, and was cut at its end".to_owned();
                findings.push(self.finding(
                    FindingKind::Truncated,
                    vec![class],
                    prompt,
                    evidence,
                    "shorten it, or split it",
                ));
            }
        }
        findings.extend(self.nearer_to_others(session, &own, class, &table.similarities(result, class)?));
        Ok(findings)
    }

    /// The prompts of a class that are more like the images of another one, the clearest first.
    fn nearer_to_others(
        &self,
        session: &Session,
        own: &[usize],
        class: usize,
        similarities: &[PromptSimilarity],
    ) -> Vec<Finding> {
        let mut nearer: Vec<(f32, usize)> = own
            .iter()
            .filter_map(|&prompt| Some((similarities.get(prompt)?.margin()?, prompt)))
            .filter(|(margin, _)| *margin < 0.0)
            .collect();
        nearer.sort_by(|x, y| x.0.total_cmp(&y.0));
        let described = |(_, prompt): (f32, usize)| {
            let (own, competitor) = (similarities[prompt].own?, similarities[prompt].competitor?);
            let evidence = format!(
                "mean cosine {own:.3} with the images of its class, and {:.3} with those of {:?}",
                competitor.similarity, session.classes[competitor.class]
            );
            let remedy = "say what tells the two classes apart, or leave it out";
            Some(self.finding(
                FindingKind::NearerToOther,
                vec![class, competitor.class],
                prompt,
                evidence,
                remedy,
            ))
        };
        nearer.into_iter().filter_map(described).collect()
    }

    fn finding(
        &self,
        kind: FindingKind,
        classes: Vec<usize>,
        index: usize,
        evidence: String,
        remedy: &str,
    ) -> Finding {
        let text = self.prompts[classes[0]][index].clone();
        let prompt = Some(FlawedPrompt { strategy: self.strategy, index, text, fix: None });
        Finding { kind, classes, images: Vec::new(), prompt, evidence, remedy: remedy.to_owned() }
    }
}

/// The templates that every class has a prompt of; none where there is one class only, which tells nothing.
fn templates(classes: &[String], prompts: &[Vec<String>]) -> Vec<Template> {
    let longest = (0..classes.len()).max_by_key(|&class| classes[class].len());
    let Some(longest) = longest.filter(|&class| classes.iter().any(|other| *other != classes[class])) else {
        return Vec::new();
    };
    let name = &classes[longest];
    let mut candidates: Vec<Template> = Vec::new();
    for prompt in prompts[longest].iter().filter(|prompt| !name.is_empty() && prompt.contains(name.as_str()))
    {
        let candidate = Template::parse(&prompt.replace(name.as_str(), "{}"));
        candidates.extend(candidate.ok().filter(|candidate| candidate.fill(name) == *prompt));
    }
    for (class, prompts) in classes.iter().zip(prompts) {
        if candidates.is_empty() {
            break;
        }
        let texts: HashSet<&str> = prompts.iter().map(String::as_str).collect();
        candidates.retain(|candidate| texts.contains(candidate.fill(class).as_str()));
    }
    candidates
}

/// Whether all prompts are templates', the k-th ones of all classes the k-th template's.
pub(in crate::workbench) fn is_of_templates(classes: &[String], prompts: &[Vec<String>]) -> bool {
    let templates = templates(classes, prompts);
    let is_filled = |(class, prompts): (&String, &Vec<String>)| {
        prompts.len() == templates.len()
            && templates.iter().zip(prompts).all(|(template, prompt)| template.fill(class) == *prompt)
    };
    !templates.is_empty() && classes.iter().zip(prompts).all(is_filled)
}

fn template_findings(strategy: usize, templates: &[String]) -> Vec<Finding> {
    let flaws = lint_templates(templates).into_iter();
    flaws.map(|flaw| of_flaw(strategy, Vec::new(), templates, flaw)).collect()
}

fn of_flaw(strategy: usize, classes: Vec<usize>, prompts: &[String], flaw: Flaw) -> Finding {
    let remedy = match &flaw.fix {
        Some(Fix::Rewrite(text)) => format!("write {text:?}"),
        Some(Fix::Drop) => "leave it out".to_owned(),
        None => advice(flaw.rule).to_owned(),
    };
    Finding {
        kind: FindingKind::Text(flaw.rule),
        classes,
        images: Vec::new(),
        prompt: Some(FlawedPrompt {
            strategy,
            index: flaw.prompt,
            text: prompts[flaw.prompt].clone(),
            fix: flaw.fix,
        }),
        evidence: flaw.evidence,
        remedy,
    }
}

fn advice(rule: Rule) -> &'static str {
    match rule {
        Rule::NearDuplicate => "keep one of them, or say something else",
        Rule::NothingToSee => "say what it looks like, or leave it out",
        Rule::Placeholder => "write the words that are meant",
        Rule::Descriptor => "write a sentence with the name, or give descriptors with --descriptors",
        Rule::OtherClass => "move it to the class that it is about, or name its own",
        Rule::MissingClassName => "name the class: a prompt without its name may be one of another class",
        Rule::OverLong => "shorten it, or split it",
        _ => "write it as a whole sentence",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::evaluation::Matrix;
    use crate::workbench::embedding::embedder::{ImageContents, ImageEmbeddings, PromptEmbeddings};
    use crate::workbench::session::test_session::session;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    /// Two classes with an image each along an axis; prompts along the axis of the class that they are given with.
    fn of_prompts(prompts: [&[(&str, usize)]; 2]) -> (Session, SessionEmbeddings) {
        let mut session = session(&["cat", "frog"], &[0, 1], &[("a", &[0, 1])]);
        let axis = |axis: usize, more: f32| {
            (0..3)
                .map(|x| {
                    if x == axis {
                        1.0
                    } else if x == 2 {
                        more
                    } else {
                        0.0
                    }
                })
                .collect::<Vec<f32>>()
        };
        session.strategies[0].prompts = Arc::new(
            prompts.map(|of_class| of_class.iter().map(|(text, _)| (*text).to_owned()).collect()).to_vec(),
        );
        let mut rows: Vec<(&str, Vec<f32>)> = Vec::new();
        for (at, (text, class)) in prompts.into_iter().flatten().enumerate() {
            if rows.iter().all(|(other, _)| other != text) {
                rows.push((*text, axis(*class, at as f32 / 10.0)));
            }
        }
        let contents = ImageContents { kept: vec![0, 1], hashes: Vec::new(), skipped: Vec::new() };
        let unit = Matrix::from_rows(&[axis(0, 0.0), axis(1, 0.0)]).unwrap();
        let embeddings = SessionEmbeddings {
            images: ImageEmbeddings { contents, unit },
            labels: vec![0, 1],
            prompts: Arc::new(PromptEmbeddings::from_rows(&rows, true)),
            logit_scale: 4.6,
        };
        (session, embeddings)
    }

    fn found(prompts: [&[(&str, usize)]; 2]) -> Vec<Finding> {
        let (session, embeddings) = of_prompts(prompts);
        prompt_findings(&session, &embeddings, &Cancel::default()).unwrap()
    }

    fn kinds(findings: &[Finding]) -> Vec<(&'static str, usize)> {
        findings.iter().map(|finding| (finding.kind.name(), finding.prompt.as_ref().unwrap().index)).collect()
    }

    #[test]
    fn embeddings_tell_what_texts_do_not() {
        let found = found([
            &[
                ("A cat is small and has soft fur.", 0),
                ("A cat jumps over a large box.", 1),
                ("The cat is small and has a soft fur.", 0),
            ],
            &[("A frog is green.", 1), ("A frog has long legs.", 1)],
        ]);
        assert_eq!(kinds(&found), [("near-duplicate", 2), ("truncated", 1), ("nearer-to-another-class", 1)]);
        assert_eq!(found[0].evidence, "nearly the same words as prompt 1, cosine 0.981");
        assert_eq!(found[2].classes, [0, 1]);
        assert_eq!(
            found[2].evidence,
            "mean cosine 0.000 with the images of its class, and 0.995 with those of \"frog\""
        );
    }

    #[test]
    fn templates_are_looked_at_once_and_without_their_class() {
        let found = found([
            &[("a photo  of a cat.", 1), ("A cat is small.", 0)],
            &[("A frog is green.", 1), ("a photo  of a frog.", 1), ("A frog has long legs.", 1)],
        ]);
        assert_eq!(kinds(&found), [("stray-blanks", 0), ("truncated", 2)]);
        assert!(found[0].classes.is_empty());
        assert_eq!(found[0].prompt.as_ref().unwrap().text, "a photo  of a {}.");
    }

    #[test]
    fn strategies_that_share_a_prompt_have_its_flaw_once() {
        let (mut session, embeddings) =
            of_prompts([&[("A cat has  ears.", 0)], &[("A frog is green.", 1), ("A frog has a head.", 1)]]);
        let twin = session.strategies[0].prompts.clone();
        let second =
            crate::workbench::session::test_session::session(&["cat", "frog"], &[0, 1], &[("b", &[0, 1])]);
        session.strategies.extend(second.strategies);
        session.strategies[1].prompts = twin;
        let found = prompt_findings(&session, &embeddings, &Cancel::default()).unwrap();
        assert_eq!(kinds(&found), [("stray-blanks", 0), ("truncated", 1)]);
        let numbers = effective_numbers(&session, &embeddings, &Cancel::default()).unwrap();
        assert_eq!(numbers[0], numbers[1]);
        assert!((numbers[0][0] - 1.0).abs() < 1e-6 && numbers[0][1] > 1.0);
    }

    #[test]
    fn a_set_alone_is_read_as_text() {
        let pairs = vec![
            ("cat".to_owned(), texts(&["A cat is small.", "A cat is small!"])),
            ("owl".to_owned(), texts(&["A owl is grey."])),
        ];
        let (classes, found) = text_findings(&PromptSet::from_pairs("s", pairs).unwrap());
        assert_eq!(classes, ["cat", "owl"]);
        assert_eq!(kinds(&found), [("exact-duplicate", 1), ("wrong-article", 0)]);
        assert_eq!(found[1].remedy, "write \"An owl is grey.\"");
        let (classes, found) =
            text_findings(&PromptSet::from_templates("t", &texts(&["a {}.", "A {}!"])).unwrap());
        assert_eq!((classes.len(), kinds(&found)), (0, vec![("exact-duplicate", 1)]));
    }

    #[test]
    fn templates_are_recognised() {
        let classes = texts(&["cat", "tree frog"]);
        let prompts =
            [texts(&["a cat.", "Cats purr."]), texts(&["It is green.", "a tree frog.", "the tree frog"])];
        let found: Vec<_> =
            templates(&classes, &prompts).iter().map(|template| template.text().to_owned()).collect();
        assert_eq!(found, ["a {}."]);
        assert!(templates(&texts(&["cat"]), &[texts(&["a cat."])]).is_empty());
        assert!(templates(&[], &[]).is_empty());
        assert!(!is_of_templates(&classes, &prompts));
        let filled = [texts(&["a cat.", "no cat"]), texts(&["a tree frog.", "no tree frog"])];
        assert!(is_of_templates(&classes, &filled));
        let turned = [texts(&["a cat.", "no cat"]), texts(&["no tree frog", "a tree frog."])];
        assert!(!is_of_templates(&classes, &turned));
    }
}
