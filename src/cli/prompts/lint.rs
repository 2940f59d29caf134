//! `prompts lint`: what is wrong with prompts, and what cleaning them does.

use clap::Args;
use serde::Serialize;

use crate::cli::context::{
    CommandError, ExperimentArguments, Format, Global, Opened, Outcome, Output, ProgressLine, named,
    open_store, outcome, percent, points,
};
use crate::prompts::PromptSet;
use crate::store::Store;
use crate::workbench::{
    CleanedSet, CleanedStrategy, Cleaning, EffectiveNumbers, Finding, FindingKind, Fix, NamedPromptSets,
    PromptSetChoice, Rule, Session, SessionOptions, WorkbenchError, effective_numbers, open_prompt_set,
    prompt_findings, save_cleaned, split_reference, stored_prompt_set, text_findings,
};

/// What is wrong with prompts, and what can be put right
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cupl-tui prompts lint                             the demo's prompts
  cupl-tui prompts lint pets.toml --strategy cupl --rule fragment --rule exact-duplicate
  cupl-tui prompts lint --cupl pets.json            the text alone, without images and checkpoint
  cupl-tui prompts lint pets.toml --fix             keep a cleaned version, and say what it did to accuracy

Prompts are counted from 1 within their class. --fix trims and joins blanks, takes markup and quotation marks around prompts away, puts articles right, and
leaves exact duplicates and cut fragments out; a class keeps one prompt at least. The cleaned set is kept in the store under
its name, as a new version; the experiment goes on using the one that it names.",
    mut_arg("file", |file| file.value_name("SET|EXPERIMENT").help(
        "A set's name or NAME@VERSION, or an experiment file (TOML) [default: the embedded demo]"
    )))]
pub struct Arguments {
    /// An experiment; or, in the place of its file, the name of a set.
    #[command(flatten)]
    pub experiment: ExperimentArguments,
    /// Only the prompts of this strategy of the experiment
    #[arg(long, value_name = "NAME")]
    pub strategy: Option<String>,
    /// Only this rule; may be given several times
    #[arg(long = "rule", value_name = "RULE", value_parser = named(&FindingKind::OF_PROMPTS, FindingKind::name))]
    pub rules: Vec<FindingKind>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Keep a cleaned version of each prompt set, and evaluate it
    #[arg(long)]
    pub fix: bool,
}

/// Findings of a table before it is cut: all are in the other formats.
const SHOWN: usize = 12;

pub fn run(command: &Arguments, global: &Global, output: &mut Output) -> Result<Outcome, CommandError> {
    let sets = sets_alone(command, global)?;
    if sets.is_empty() {
        return lint_experiment(command, global, output);
    }
    if command.strategy.is_some() {
        let hint = "--strategy belongs to an experiment: leave it out, or name a file that ends in .toml";
        return Err(CommandError::Usage(hint.to_owned()));
    }
    let mut report = LintReport::default();
    for set in &sets {
        let (classes, findings) = text_findings(set);
        report.add(&set.name, &classes, wanted(command, findings));
    }
    report.prompts = sets.iter().map(PromptSet::n_prompts).sum();
    report.is_text_alone = true;
    if command.fix {
        let store = open_store(global)?;
        let mut cleaning = Cleaning::default();
        for set in &sets {
            cleaning.sets.extend(save_cleaned(set, &rules(command), &store)?);
        }
        report.cleaning = Some(cleaning.into());
    }
    print(command, &report, output)?;
    Ok(Outcome::Done)
}

/// The prompt sets to look at by their text alone; none where an experiment is meant.
fn sets_alone(command: &Arguments, global: &Global) -> Result<Vec<PromptSet>, CommandError> {
    if let Some(reference) = command.experiment.set() {
        let (name, version) = split_reference(reference);
        return Ok(vec![stored_prompt_set(name, version, &open_store(global)?)?.0]);
    }
    let NamedPromptSets { templates, cupl, descriptors } = match command.experiment.names_no_images() {
        true => command.experiment.flags().prompt_sets().map_err(WorkbenchError::from)?,
        false => return Ok(Vec::new()),
    };
    let named = [("templates", templates), ("cupl", cupl), ("descriptors", descriptors)];
    let named: Vec<_> = named.into_iter().filter_map(|(name, choice)| Some((name, choice?))).collect();
    let is_stored = |choice: &PromptSetChoice| matches!(choice, PromptSetChoice::Stored { .. });
    let store = match named.iter().any(|(_, choice)| is_stored(choice)) {
        true => open_store(global)?,
        false => Store::in_memory(),
    };
    let sets = named.iter().map(|(name, choice)| open_prompt_set(choice, &store, name));
    Ok(sets.collect::<Result<_, _>>()?)
}

fn lint_experiment(
    command: &Arguments,
    global: &Global,
    output: &mut Output,
) -> Result<Outcome, CommandError> {
    let opened = Opened::with_strategies(&command.experiment, command.strategy.as_slice(), global)?;
    let session = opened.evaluate(SessionOptions::default())?;
    let embeddings = opened.embed()?;
    let findings = wanted(command, prompt_findings(&session, &embeddings, &opened.cancel)?);
    let mut report = LintReport { experiment: Some(session.experiment.clone()), ..LintReport::default() };
    report.add_session(&session, &findings);
    report.effective = effective(&session, &effective_numbers(&session, &embeddings, &opened.cancel)?);
    if command.fix {
        let progress = ProgressLine::stderr();
        let clean = |state| progress.show(&state);
        let cleaning = opened.workbench.clean_prompts(&session, &rules(command), &opened.cancel, &clean);
        progress.finish();
        report.cleaning = Some(cleaning?.into());
    }
    print(command, &report, output)?;
    Ok(outcome(&session))
}

fn wanted(command: &Arguments, mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.retain(|finding| command.rules.is_empty() || command.rules.contains(&finding.kind));
    findings
}

/// The rules of texts that were asked for.
fn rules(command: &Arguments) -> Vec<Rule> {
    let is_wanted =
        |rule: &Rule| command.rules.is_empty() || command.rules.contains(&FindingKind::Text(*rule));
    Rule::ALL.into_iter().filter(is_wanted).collect()
}

#[derive(Serialize, Default)]
struct LintReport {
    experiment: Option<String>,
    /// Nothing was embedded: rules that need it were left out.
    is_text_alone: bool,
    prompts: usize,
    findings: Vec<FindingPart>,
    effective: Vec<EffectivePart>,
    cleaning: Option<CleaningPart>,
}

#[derive(Serialize)]
struct FindingPart {
    rule: &'static str,
    strategy: String,
    /// The class of the prompt, and after it the one it is nearer to; none for a template.
    classes: Vec<String>,
    /// From 1.
    prompt: usize,
    text: String,
    evidence: String,
    remedy: String,
    fix: Option<FixPart>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
enum FixPart {
    Rewrite(String),
    Drop,
}

#[derive(Serialize)]
struct EffectivePart {
    strategy: String,
    class: String,
    prompts: usize,
    effective: f64,
}

#[derive(Serialize)]
struct CleaningPart {
    sets: Vec<SetPart>,
    strategies: Vec<StrategyPart>,
}

#[derive(Serialize)]
struct SetPart {
    before: String,
    after: String,
    prompts_before: usize,
    prompts_after: usize,
    rewritten: usize,
}

#[derive(Serialize)]
struct StrategyPart {
    strategy: String,
    top1_before: f64,
    top1_after: f64,
    gained: usize,
    lost: usize,
}

impl LintReport {
    /// The findings of a prompt set that stands alone.
    fn add(&mut self, set: &str, classes: &[String], findings: Vec<Finding>) {
        self.findings.extend(findings.iter().filter_map(|finding| part(set, classes, finding)));
    }

    fn add_session(&mut self, session: &Session, findings: &[Finding]) {
        self.prompts = session.strategies.iter().map(|strategy| strategy.n_prompts()).sum();
        for finding in findings {
            let strategy = finding.prompt.as_ref().and_then(|prompt| session.strategies.get(prompt.strategy));
            let name = strategy.map_or("", |strategy| &strategy.name);
            self.findings.extend(part(name, &session.classes, finding));
        }
    }
}

impl From<Cleaning> for CleaningPart {
    fn from(cleaning: Cleaning) -> Self {
        let set = |CleanedSet { before, after, prompts_before, prompts_after, rewritten }| SetPart {
            before,
            after,
            prompts_before,
            prompts_after,
            rewritten,
        };
        let strategy = |CleanedStrategy { name, top1_before, top1_after, gained, lost }| StrategyPart {
            strategy: name,
            top1_before,
            top1_after,
            gained,
            lost,
        };
        Self {
            sets: cleaning.sets.into_iter().map(set).collect(),
            strategies: cleaning.strategies.into_iter().map(strategy).collect(),
        }
    }
}

fn part(strategy: &str, classes: &[String], finding: &Finding) -> Option<FindingPart> {
    let prompt = finding.prompt.as_ref()?;
    Some(FindingPart {
        rule: finding.kind.name(),
        strategy: strategy.to_owned(),
        classes: finding.classes.iter().map(|&class| classes[class].clone()).collect(),
        prompt: prompt.index + 1,
        text: prompt.text.clone(),
        evidence: finding.evidence.clone(),
        remedy: finding.remedy.clone(),
        fix: prompt.fix.as_ref().map(|fix| match fix {
            Fix::Rewrite(text) => FixPart::Rewrite(text.clone()),
            Fix::Drop => FixPart::Drop,
        }),
    })
}

fn effective(session: &Session, numbers: &EffectiveNumbers) -> Vec<EffectivePart> {
    let of_strategy = |(strategy, numbers): (usize, &Vec<f64>)| {
        let result = &session.strategies[strategy];
        let of_class = |(class, &effective): (usize, &f64)| EffectivePart {
            strategy: result.name.clone(),
            class: session.classes[class].clone(),
            prompts: result.prompts[class].len(),
            effective,
        };
        numbers.iter().enumerate().map(of_class).collect::<Vec<_>>()
    };
    numbers.iter().enumerate().flat_map(of_strategy).collect()
}

fn print(command: &Arguments, report: &LintReport, output: &mut Output) -> Result<(), CommandError> {
    match command.format {
        Format::Table => table(report, output)?,
        Format::Json => output.json(report)?,
        Format::Csv => output.csv(records(report))?,
    }
    Ok(())
}

fn table(report: &LintReport, output: &mut Output) -> Result<(), CommandError> {
    let title = report.experiment.as_deref().unwrap_or("text alone");
    output.heading(&format!("{title}, {} prompts, findings: {}", report.prompts, report.findings.len()))?;
    if report.is_text_alone {
        output.line("The rules that need images and a checkpoint were left out.")?;
    }
    let mut start = 0;
    while let Some(first) = report.findings.get(start) {
        let of_rule: Vec<&FindingPart> =
            report.findings[start..].iter().take_while(|part| part.rule == first.rule).collect();
        let share = 100.0 * of_rule.len() as f64 / report.prompts.max(1) as f64;
        output.line("")?;
        output.heading(&format!("{}: {} ({share:.1} % of prompts)", first.rule, of_rule.len()))?;
        for part in of_rule.iter().take(SHOWN) {
            let place = part.classes.first().map_or("template", String::as_str);
            output.line(&format!("  {} {place} {}: {:?}", part.strategy, part.prompt, part.text))?;
            output.line(&format!("    {} -> {}", part.evidence, part.remedy))?;
        }
        if of_rule.len() > SHOWN {
            output.line(&format!("  and {} more: --format csv has all", of_rule.len() - SHOWN))?;
        }
        start += of_rule.len();
    }
    effective_table(report, output)?;
    if let Some(cleaning) = &report.cleaning {
        cleaning_table(cleaning, output)?;
    }
    Ok(())
}

/// Of each strategy, how many prompts a class has and how many are different in effect: the middle class's.
fn effective_table(report: &LintReport, output: &mut Output) -> Result<(), CommandError> {
    let mut names: Vec<&str> = report.effective.iter().map(|part| part.strategy.as_str()).collect();
    names.dedup();
    if names.is_empty() {
        return Ok(());
    }
    let mut rows = vec![["strategy", "prompts a class", "different in effect"].map(str::to_owned).to_vec()];
    for name in names {
        let mut parts: Vec<&EffectivePart> =
            report.effective.iter().filter(|part| part.strategy == name).collect();
        parts.sort_by(|x, y| x.effective.total_cmp(&y.effective));
        let middle = parts[parts.len() / 2];
        rows.push(vec![name.to_owned(), middle.prompts.to_string(), format!("{:.1}", middle.effective)]);
    }
    output.table(&rows)?;
    Ok(())
}

fn cleaning_table(cleaning: &CleaningPart, output: &mut Output) -> Result<(), CommandError> {
    output.line("")?;
    if cleaning.sets.is_empty() {
        output.line("Nothing to put right: no new version was made.")?;
    }
    for set in &cleaning.sets {
        output.line(&format!(
            "{} -> {}: {} prompts left out, {} written anew",
            set.before,
            set.after,
            set.prompts_before - set.prompts_after,
            set.rewritten
        ))?;
    }
    if cleaning.strategies.is_empty() {
        return Ok(());
    }
    let heading = ["strategy", "before", "after", "after - before", "gained", "lost"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    rows.extend(cleaning.strategies.iter().map(|part| {
        vec![
            part.strategy.clone(),
            percent(Some(part.top1_before)),
            percent(Some(part.top1_after)),
            points(part.top1_after - part.top1_before),
            part.gained.to_string(),
            part.lost.to_string(),
        ]
    }));
    output.table(&rows)?;
    Ok(())
}

fn records(report: &LintReport) -> impl Iterator<Item = Vec<String>> {
    let heading =
        ["rule", "strategy", "class", "prompt", "text", "evidence", "fix"].map(str::to_owned).to_vec();
    let record = |part: &FindingPart| {
        let fix = match &part.fix {
            Some(FixPart::Rewrite(text)) => text.clone(),
            Some(FixPart::Drop) => "(leave it out)".to_owned(),
            None => String::new(),
        };
        let class = part.classes.first().cloned().unwrap_or_default();
        let texts = [part.rule.to_owned(), part.strategy.clone(), class, part.prompt.to_string()];
        texts.into_iter().chain([part.text.clone(), part.evidence.clone(), fix]).collect()
    };
    std::iter::once(heading).chain(report.findings.iter().map(record))
}
