//! `prompts show` of an experiment: the prompts of its strategies with what they are near to.

use clap::Args;
use serde::Serialize;

use crate::cli::context::{
    CommandError, ExperimentArguments, Format, Global, Opened, Outcome, Output, Sequence, introduce, outcome,
};
use crate::workbench::{PromptSimilarity, PromptTable, Session, SessionOptions};

/// The prompts of a set in the store; or those of an experiment's strategies with what they are near to
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cupl-tui prompts show cupl --class beagle         a set in the store
  cupl-tui prompts show --class cat                 the demo's prompts for cats
  cupl-tui prompts show pets.toml --class beagle --strategy cupl
  cupl-tui prompts show pets.toml --format csv > prompts.csv

A name that ends in .toml is an experiment file. For each prompt of an experiment: the mean cosine similarity with the
images of its class, and with those of the other class that it is nearest to.",
    mut_arg("file", |file| file.value_name("SET|EXPERIMENT").help(
        "A set's name or NAME@VERSION, or an experiment file (TOML) [default: the embedded demo]"
    )))]
pub struct Arguments {
    /// An experiment; or, in the place of its file, the name of a set.
    #[command(flatten)]
    pub experiment: ExperimentArguments,
    /// Only those of this class
    #[arg(long, value_name = "NAME")]
    pub class: Option<String>,
    /// Only those of this strategy of the experiment
    #[arg(long, value_name = "NAME")]
    pub strategy: Option<String>,
    /// How to print them
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

impl Arguments {
    /// The name of a set in the store, where no experiment is meant.
    pub fn set(&self) -> Option<&str> {
        self.experiment.set()
    }
}

pub fn run(command: &Arguments, global: &Global, output: &mut Output) -> Result<Outcome, CommandError> {
    let opened = Opened::with_strategies(&command.experiment, command.strategy.as_slice(), global)?;
    let class = command.class.as_deref().map(|name| opened.workbench.class(name)).transpose()?;
    let session = opened.evaluate(SessionOptions::default())?;
    let embeddings = opened.embed()?;
    let classes = class.map_or(0..session.classes.len(), |class| class..class + 1);

    let table = PromptTable::new(&embeddings, session.classes.len())?;
    let mut parts = Vec::with_capacity(classes.len());
    for class in classes {
        let of_strategy = |strategy| table.similarities(strategy, class);
        let strategies = session.strategies.iter().map(of_strategy).collect::<Result<_, _>>()?;
        parts.push(ClassPrompts { session: &session, class, strategies });
    }
    match command.format {
        Format::Table => print_table(&session, &parts, output)?,
        Format::Json => output.session_json(
            &session,
            PromptsReport { experiment: &session.experiment, classes: &parts },
            &[],
        )?,
        Format::Csv => output.csv(records(&parts))?,
    }
    Ok(outcome(&session))
}

/// The prompts of one class.
struct ClassPrompts<'a> {
    session: &'a Session,
    class: usize,
    /// Of each strategy's prompts, in their order.
    strategies: Vec<Vec<PromptSimilarity>>,
}

#[derive(Serialize)]
struct PromptsReport<'a> {
    experiment: &'a str,
    classes: &'a [ClassPrompts<'a>],
}

#[derive(Serialize)]
struct ClassPart<'a, S> {
    class: &'a str,
    strategies: S,
}

#[derive(Serialize)]
struct StrategyPart<'a> {
    strategy: &'a str,
    prompts: Vec<PromptPart<'a>>,
}

#[derive(Serialize)]
struct PromptPart<'a> {
    prompt: &'a str,
    similarity: Option<f32>,
    competitor: Option<CompetitorPart<'a>>,
}

#[derive(Serialize)]
struct CompetitorPart<'a> {
    class: &'a str,
    similarity: f32,
}

impl<'a> ClassPrompts<'a> {
    fn name(&self) -> &'a str {
        &self.session.classes[self.class]
    }

    fn parts(&self) -> impl Iterator<Item = StrategyPart<'a>> {
        let (session, class) = (self.session, self.class);
        session.strategies.iter().zip(&self.strategies).map(move |(strategy, similarities)| {
            let prompts = strategy.prompts[class].iter().zip(similarities);
            let part = |(prompt, similarity): (&'a String, &PromptSimilarity)| PromptPart {
                prompt,
                similarity: similarity.own,
                competitor: similarity.competitor.map(|competitor| CompetitorPart {
                    class: &session.classes[competitor.class],
                    similarity: competitor.similarity,
                }),
            };
            StrategyPart { strategy: &strategy.name, prompts: prompts.map(part).collect() }
        })
    }
}

impl Serialize for ClassPrompts<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ClassPart { class: self.name(), strategies: Sequence(|| self.parts()) }.serialize(serializer)
    }
}

fn print_table(
    session: &Session,
    classes: &[ClassPrompts<'_>],
    output: &mut Output,
) -> Result<(), CommandError> {
    introduce(session, output)?;
    output.line(
        "Mean cosine similarities of each prompt with the images of its class and of the nearest other one",
    )?;
    let cosine = |value: Option<f32>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"));
    for class in classes {
        for strategy in class.parts() {
            let title = format!("{}: {}", class.name(), strategy.strategy);
            let mut rows = vec![vec![title, "own".to_owned(), "other".to_owned(), String::new()]];
            rows.extend(strategy.prompts.into_iter().map(|part| {
                let (other, name) = part.competitor.map_or((None, ""), |c| (Some(c.similarity), c.class));
                vec![part.prompt.to_owned(), cosine(part.similarity), cosine(other), name.to_owned()]
            }));
            output.table(&rows)?;
        }
    }
    Ok(())
}

fn records(classes: &[ClassPrompts<'_>]) -> impl Iterator<Item = Vec<String>> {
    let heading = ["class", "strategy", "prompt", "similarity", "competitor", "competitor_similarity"];
    let number = |value: Option<f32>| value.map(|value| value.to_string()).unwrap_or_default();
    let records = classes.iter().flat_map(move |class| {
        class.parts().flat_map(move |strategy| {
            strategy.prompts.into_iter().map(move |part| {
                let (other, name) = part.competitor.map_or((None, ""), |c| (Some(c.similarity), c.class));
                vec![
                    class.name().to_owned(),
                    strategy.strategy.to_owned(),
                    part.prompt.to_owned(),
                    number(part.similarity),
                    name.to_owned(),
                    number(other),
                ]
            })
        })
    });
    std::iter::once(heading.map(str::to_owned).to_vec()).chain(records)
}
